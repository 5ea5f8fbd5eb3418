//! Bash as the judge.

#![expect(clippy::expect_used, reason = "a test that cannot ask bash has nothing to say")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

#[expect(clippy::disallowed_methods, reason = "a test asks the real shell; `-n` runs nothing")]
fn command() -> Command {
    let mut command = Command::new("bash");
    command.arg("--norc").env_clear().env("LC_ALL", "C.UTF-8").current_dir("/");
    command
}

/// Returns true when bash can be started.
pub(crate) fn is_there() -> bool {
    command().args(["-c", ":"]).output().is_ok_and(|output| output.status.success())
}

/// Returns true when bash does not accept `text` as a script. It is only read, not run.
pub(crate) fn rejects(text: &str) -> bool {
    let output = run(&["-n"], text);
    let messages = String::from_utf8_lossy(&output.stderr);
    // Some errors are only told, and the status is still zero.
    !output.status.success() || messages.lines().any(|line| !line.trim().is_empty())
}

/// Runs bash with `text` as its input.
pub(crate) fn run(arguments: &[&str], text: &str) -> Output {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash starts");
    let mut input = child.stdin.take().expect("input is piped");
    // Bash may stop reading at an error.
    let _ = input.write_all(text.as_bytes());
    drop(input);
    child.wait_with_output().expect("bash ends")
}
