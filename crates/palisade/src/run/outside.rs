//! What sources of secrets are lent of this machine: variables, programs and the time.
//!
//! Programs run outside the boundary, because a person's own settings name them. They get a few variables, no input, and
//! no directory of the command's; one that lies where commands write is not started, and none that is told of such a place.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use policy::{AbsPath, Controls};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use vault::{Command, Output, ProcessFault, World};
use zeroize::Zeroizing;

use crate::setup::now_ms;

/// Where a program without a slash is looked for. A person's own `PATH` can lead into a project.
const PROGRAMS: [&str; 8] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/opt/homebrew/bin",
    "/run/current-system/sw/bin",
];
/// Variables that such a program gets: who asks, and where the session's keychain is.
const VARIABLES: [(&str, Holds); 8] = [
    ("HOME", Holds::Directory(&[".config", ".local/share"])),
    ("USER", Holds::Word),
    ("LOGNAME", Holds::Word),
    ("LANG", Holds::Word),
    ("XDG_CONFIG_HOME", Holds::Directory(&[])),
    ("XDG_DATA_HOME", Holds::Directory(&[])),
    ("XDG_RUNTIME_DIR", Holds::Directory(&[])),
    (BUS, Holds::Bus),
];
/// The one that says where the session's bus is.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// What a variable holds.
#[derive(Clone, Copy)]
enum Holds {
    Word,
    /// A directory in which programs look for their settings, or below which they look in these.
    Directory(&'static [&'static str]),
    /// The address of a bus.
    Bus,
}

/// How often it is looked whether a program that has closed its output has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// Where commands write.
#[derive(Debug, Clone)]
pub(super) struct Writable(pub(super) Vec<AbsPath>);

impl Writable {
    pub(super) fn of(controls: &Controls) -> Self {
        let caches = controls.caches.as_ref().map(|caches| caches.directory.clone());
        Self(controls.writable.iter().cloned().chain(caches).collect())
    }

    /// Returns true where a command can change what is at a path, or what will be there: the path or what it leads to is
    /// where commands write, or the directory is in which it is to be made.
    pub(super) fn holds(&self, path: &AbsPath) -> bool {
        let is_within = |path: &AbsPath| self.0.iter().any(|root| path.is_within(root));
        let mut there = Some(path.clone());
        let real = loop {
            let Some(path) = there else { break None };
            match guard::canonical(&path) {
                Ok(real) => break Some(real),
                Err(_) => there = path.parent(),
            }
        };
        is_within(path) || real.as_ref().is_some_and(is_within)
    }

    /// Returns true for a bus at a socket that no command can have put there. Other kinds of addresses start programs, or
    /// lead to whoever was there first.
    pub(super) fn is_apart_from_bus(&self, address: &str) -> bool {
        let mut keys = address.strip_prefix("unix:").unwrap_or_default().split(',');
        let path = keys.next().and_then(|key| key.strip_prefix("path=")).and_then(AbsPath::parse);
        let is_plain = !address.contains(['%', ';']) && keys.all(|key| key.starts_with("guid="));
        is_plain && path.is_some_and(|path| !self.holds(&path))
    }

    /// Returns true when the path of a place where commands write stands in a text.
    fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|root| text.contains(root.as_str()))
    }
}

/// This machine, as sources of secrets see it.
pub(super) struct Outside {
    variables: Vec<(OsString, OsString)>,
    writable: Writable,
    begun: Instant,
}

impl Outside {
    pub(super) fn new(variables: Vec<(OsString, OsString)>, writable: Writable) -> Self {
        Self { variables, writable, begun: Instant::now() }
    }

    fn value(&self, name: &str) -> Option<&OsStr> {
        self.variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_os_str())
    }

    /// Returns the program that a word means, where no command writes to it or puts another in its place.
    fn program(&self, word: &str) -> Result<AbsPath, ProcessFault> {
        let named = AbsPath::parse(word).into_iter();
        let found = PROGRAMS.iter().filter(|_| !word.contains('/')).filter_map(|directory| {
            let directory = AbsPath::parse(directory)?;
            Some(directory.join(word))
        });
        let path = named.chain(found).find(|path| guard::canonical(path).is_ok()).ok_or(ProcessFault::Absent)?;
        let real = guard::canonical(&path).map_err(|_| ProcessFault::Absent)?;
        // A link that a command may change leads wherever the command likes.
        if !self.writable.holds(&path) && !self.writable.holds(&real) { Ok(path) } else { Err(ProcessFault::Start) }
    }

    /// Returns true when a word names nothing that a command may have written: a script, or what is read by one.
    fn is_harmless(&self, word: &str) -> bool {
        !self.writable.is_in(word) && !AbsPath::parse(word).is_some_and(|path| self.writable.holds(&path))
    }

    /// Returns the variables that a program gets. Each can be a project's, and lead it to settings, to programs and to a
    /// keychain of a command's own: then it is not started. The error is the name of such a variable.
    pub(super) fn variables(&self) -> Result<Vec<(&'static str, &OsStr)>, &'static str> {
        let mut passed = Vec::new();
        for (name, kind) in VARIABLES {
            let Some(value) = self.value(name).filter(|value| !value.is_empty()) else { continue };
            let text = value.to_str().ok_or(name)?;
            let is_fine = match kind {
                Holds::Word => self.is_harmless(text),
                Holds::Directory(below) => {
                    let path = AbsPath::parse(text).ok_or(name)?;
                    let below = below.iter().map(|name| path.join(name));
                    !below.chain([path.clone()]).any(|path| self.writable.holds(&path))
                }
                Holds::Bus => self.writable.is_apart_from_bus(text),
            };
            if !is_fine {
                return Err(name);
            }
            passed.push((name, value));
        }
        Ok(passed)
    }

    fn start(&self, command: &Command<'_>) -> Result<Child, ProcessFault> {
        let (first, rest) = command.words.split_first().ok_or(ProcessFault::Absent)?;
        if !rest.iter().all(|word| self.is_harmless(word)) {
            return Err(ProcessFault::Start);
        }
        let (program, own) = (self.program(first)?, self.variables().map_err(|_| ProcessFault::Start)?);
        #[expect(clippy::disallowed_methods, reason = "a person's settings name the program, and no agent's words")]
        let mut process = std::process::Command::new(program.as_str());
        process
            .args(rest)
            .env_clear()
            .env("PATH", PROGRAMS.join(":"))
            .envs(own)
            .envs(command.variables.iter().map(|(name, secret)| (*name, secret.expose())))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        process.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => ProcessFault::Absent,
            _ => ProcessFault::Start,
        })
    }
}

impl World for Outside {
    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        self.value(name).and_then(OsStr::to_str).map(|value| Zeroizing::new(value.to_owned()))
    }

    fn run(&self, command: &Command<'_>) -> Result<Output, ProcessFault> {
        let deadline = Instant::now() + command.timeout;
        let mut child = self.start(command)?;
        let printed = match child.stdout.take() {
            Some(stdout) => printed(stdout, command.output_bytes_max, deadline),
            None => Err(ProcessFault::Start),
        };
        let ended = printed.and_then(|printed| wait(&child, deadline).map(|()| printed));
        // The group's number is its own until the child is waited for.
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // Nobody is left in it, as a rule.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let status = child.wait().map_err(|_| ProcessFault::Start)?;
        Ok(Output { code: status.code(), printed: ended? })
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn unix_seconds(&self) -> u64 {
        u64::try_from(now_ms() / 1000).unwrap_or_default()
    }
}

/// Reads what a program prints, to its end.
fn printed(mut from: ChildStdout, bytes_max: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, ProcessFault> {
    // One allocation: a buffer that grows leaves what it held behind.
    let mut all = Zeroizing::new(Vec::with_capacity(bytes_max + 1));
    let mut part = Zeroizing::new([0; 4096]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout =
            Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(0), tv_nsec: left.subsec_nanos().into() };
        let mut ready = [PollFd::from_borrowed_fd(from.as_fd(), PollFlags::IN)];
        let count = rustix::io::retry_on_intr(|| poll(&mut ready, Some(&timeout))).map_err(|_| ProcessFault::Start)?;
        if left.is_zero() || count == 0 {
            return Err(ProcessFault::Timeout);
        }
        let count = from.read(&mut part[..]).map_err(|_| ProcessFault::Start)?;
        if count == 0 {
            return Ok(all);
        }
        if all.len() + count > bytes_max {
            return Err(ProcessFault::Long);
        }
        all.extend_from_slice(part.get(..count).unwrap_or_default());
    }
}

/// Waits until a program has ended, and leaves what it is until somebody asks.
fn wait(child: &Child, deadline: Instant) -> Result<(), ProcessFault> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(ProcessFault::Start)?;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while Instant::now() < deadline {
        let ended = rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(pid), options));
        if ended.map_err(|_| ProcessFault::Start)?.is_some() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(ProcessFault::Timeout)
}

#[cfg(test)]
mod tests;
