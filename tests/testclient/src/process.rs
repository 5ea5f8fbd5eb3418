//! A child process with a deadline.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

/// What a finished child left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs the command to its end, with its output in files of `directory`.
///
/// # Errors
/// When it cannot start, or is not done after `limit`: then it and its process group are killed.
pub fn run(command: &mut Command, directory: &Path, limit: Duration) -> Result<Finished, String> {
    let stdout = directory.join("stdout");
    command.stdin(Stdio::null()).stdout(File::create(&stdout).unwrap());
    let mut child = spawn(command, directory)?;
    let status = wait(&mut child, limit);
    finish(command, directory, status, text(&stdout))
}

/// Runs the command to its end; `hear` gets each line it prints, and first of all none, and gives what
/// to write to it, until there is nothing more to say.
///
/// # Errors
/// As [`run`].
pub fn talk(
    command: &mut Command,
    directory: &Path,
    limit: Duration,
    mut hear: impl FnMut(Option<&str>) -> Option<String>,
) -> Result<Finished, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = spawn(command, directory)?;
    let mut input = child.stdin.take();
    let output = BufReader::new(child.stdout.take().unwrap());
    let watch = std::thread::spawn(move || wait(&mut child, limit));
    let mut lines = output.lines();
    let mut said = hear(None);
    let mut stdout = String::new();
    // The end of the output comes at the latest when the deadline kills the child.
    loop {
        match (&mut input, &said) {
            // A child that ended does not listen; that shows in what it left.
            (Some(pipe), Some(said)) => drop(pipe.write_all(said.as_bytes())),
            (input, None) => *input = None,
            (None, Some(_)) => {}
        }
        let Some(line) = lines.next() else { break };
        let line = line.unwrap();
        said = hear(Some(&line));
        stdout.push_str(&line);
        stdout.push('\n');
    }
    let status = watch.join().unwrap();
    finish(command, directory, status, stdout)
}

fn spawn(command: &mut Command, directory: &Path) -> Result<Child, String> {
    command.stderr(File::create(directory.join("stderr")).unwrap()).process_group(0);
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|error| format!("`{program}` does not start: {error}"))
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let pid = Pid::from_child(child);
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let timeout = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
    let ended = rustix::event::poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)).unwrap() > 0;
    if !ended {
        // The child is not reaped yet, so its number cannot name another process.
        rustix::process::kill_process_group(pid, Signal::KILL).unwrap();
    }
    let status = child.wait().unwrap();
    ended.then_some(status)
}

fn finish(command: &Command, directory: &Path, status: Option<ExitStatus>, stdout: String) -> Result<Finished, String> {
    let stderr = text(&directory.join("stderr"));
    let program = command.get_program().to_string_lossy();
    match status {
        Some(status) => Ok(Finished { status, stdout, stderr }),
        None => Err(format!("`{program}` is not done in time\n--- stdout\n{stdout}\n--- stderr\n{stderr}")),
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}
