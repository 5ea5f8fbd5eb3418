//! What a command did, from the files of the tracer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::PROJECT;
use super::trace::{Call, Outcome};

/// Calls in which a trace is cut off; a command that makes more has shown what it does.
const CALLS_MAX: usize = 200_000;

/// One thing that a command did, or tried and was not let.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// Started a program; the path, and who started it.
    Run { path: String, by: String },
    /// Wrote a file, or changed what is known of it.
    Write(String),
    /// Made a directory.
    Make(String),
    /// Removed or moved away.
    Delete(String),
    /// Opened or accepted a connection, or asked for a name.
    Reach(String),
    /// Sent a signal to another process.
    Signal(String),
    /// Asked the kernel for something that is neither file nor process.
    System(String),
}

impl Effect {
    /// Returns the effect for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Run { path, by } if by.is_empty() => format!("runs {path}"),
            Self::Run { path, by } => format!("runs {path} (from {by})"),
            Self::Write(path) => format!("writes {path}"),
            Self::Make(path) => format!("makes {path}"),
            Self::Delete(path) => format!("deletes {path}"),
            Self::Reach(place) => format!("reaches {place}"),
            Self::Signal(what) => format!("signals {what}"),
            Self::System(what) => format!("calls {what}"),
        }
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// True when the command's shell started.
    pub(super) started: bool,
    /// The effects, each once.
    pub(super) effects: BTreeSet<Effect>,
    /// Files that a process made for itself under a new name.
    private: BTreeSet<String>,
}

/// A process being read, or a thread of one.
struct Process {
    pid: u32,
    /// The process that it is a thread of: itself, where it is none.
    leader: u32,
    cwd: String,
    program: String,
    resolves: bool,
}

impl Observed {
    /// Reads the files of a run.
    pub(super) fn read(traces: &Path) -> anyhow::Result<Self> {
        let mut calls: BTreeMap<u32, Vec<Call>> = BTreeMap::new();
        for entry in std::fs::read_dir(traces)? {
            let path = entry?.path();
            let Some(pid) = path.extension().and_then(|pid| pid.to_str()).and_then(|pid| pid.parse().ok()) else {
                continue;
            };
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            calls.insert(pid, text.lines().take(CALLS_MAX).filter_map(Call::parse).collect());
        }
        let mut parents = BTreeMap::new();
        for (pid, list) in &calls {
            for child in list.iter().filter(|call| makes_process(call)).filter_map(Call::child) {
                parents.insert(child, *pid);
            }
        }
        let mut observed = Self::default();
        let Some(root) = root(&calls, &parents) else { return Ok(observed) };
        observed.started = true;
        let mut seen: BTreeSet<u32> = ancestors(root, &parents).collect();
        let first =
            |pid| Process { pid, leader: pid, cwd: PROJECT.to_owned(), program: String::new(), resolves: false };
        let mut waiting = vec![first(root)];
        let mut orphans = calls.keys().copied();
        loop {
            let Some(process) = waiting.pop().or_else(|| orphans.find(|pid| !seen.contains(pid)).map(first)) else {
                observed.forget_private();
                return Ok(observed);
            };
            let pid = process.pid;
            if seen.insert(pid) {
                let list = calls.get(&pid).map(Vec::as_slice).unwrap_or_default();
                // What the root did before it was the shell is the cell's own doing.
                let start = if pid == root { list.iter().position(starts_shell).map_or(0, |at| at + 1) } else { 0 };
                waiting.extend(observed.process(process, list.get(start..).unwrap_or_default()));
            }
        }
    }

    /// Forgets temporary files: made under a name that was free, and removed again.
    fn forget_private(&mut self) {
        for path in std::mem::take(&mut self.private) {
            if self.effects.remove(&Effect::Delete(path.clone())) {
                self.effects.remove(&Effect::Write(path));
            }
        }
    }

    /// Reads what one process did; returns its children.
    fn process(&mut self, mut process: Process, calls: &[Call]) -> Vec<Process> {
        let mut children = Vec::new();
        for call in calls {
            if let Some(cwd) = call.arguments.iter().position(|argument| argument.starts_with("AT_FDCWD<")) {
                process.cwd = call.descriptor(cwd).unwrap_or(process.cwd);
            }
            if makes_process(call) {
                let is_thread = call.arguments.iter().any(|argument| argument.contains("CLONE_THREAD"));
                children.extend(call.child().map(|pid| Process {
                    pid,
                    leader: if is_thread { process.leader } else { pid },
                    cwd: process.cwd.clone(),
                    program: process.program.clone(),
                    resolves: process.resolves,
                }));
                continue;
            }
            match (call.name.as_str(), &call.outcome) {
                ("chdir", Outcome::Done(_)) => {
                    let to = call.text(0).unwrap_or_default();
                    process.cwd = joined(&process.cwd, &to);
                }
                ("fchdir", Outcome::Done(_)) => process.cwd = call.descriptor(0).unwrap_or(process.cwd),
                ("execve", Outcome::Done(_)) => {
                    let path = joined(&process.cwd, &call.text(0).unwrap_or_default());
                    self.effects.insert(Effect::Run { path: path.clone(), by: process.program.clone() });
                    process.program = path;
                }
                _ => self.call(&mut process, call),
            }
        }
        children
    }

    /// Reads a call that may be an effect.
    fn call(&mut self, process: &mut Process, call: &Call) {
        let counts = match &call.outcome {
            Outcome::Done(_) | Outcome::Cut => true,
            // What was tried and not let is an effect where the cell is not around it.
            Outcome::Failed(error) => matches!(error.as_str(), "EACCES" | "EPERM" | "EROFS" | "EXDEV"),
        };
        let at = |directory: usize, path: usize| {
            let base = call.descriptor(directory);
            match call.text(path) {
                Some(text) if text.is_empty() => base,
                Some(text) => Some(joined(&base.unwrap_or_else(|| process.cwd.clone()), &text)),
                None => base,
            }
        };
        let here = |path: usize| call.text(path).map(|text| joined(&process.cwd, &text));
        let mut wrote: Vec<Option<String>> = Vec::new();
        let mut gone: Vec<Option<String>> = Vec::new();
        match call.name.as_str() {
            "openat" | "openat2" if writes(call, 2) => {
                let path = at(0, 1);
                let is_new = call.arguments.get(2).is_some_and(|flags| flags.contains("O_EXCL"));
                self.private.extend(path.clone().filter(|_| is_new));
                wrote.push(path);
            }
            "open" if writes(call, 1) => wrote.push(here(0)),
            "creat" | "truncate" | "mknod" | "chmod" | "chown" | "lchown" | "utime" | "utimes" | "setxattr"
            | "lsetxattr" | "removexattr" | "lremovexattr" => wrote.push(here(0)),
            "fchmod" | "fchown" | "fsetxattr" | "fremovexattr" => wrote.push(call.descriptor(0)),
            "mknodat" | "fchmodat" | "fchownat" | "utimensat" | "futimesat" => wrote.push(at(0, 1)),
            "link" | "symlink" => wrote.push(here(1)),
            "symlinkat" | "linkat" => {
                let path = if call.name == "linkat" { at(2, 3) } else { at(1, 2) };
                self.private.extend(path.clone().filter(|path| is_made_up(path)));
                wrote.push(path);
            }
            "rename" => {
                gone.push(here(0));
                wrote.push(here(1));
            }
            "renameat" | "renameat2" => {
                gone.push(at(0, 1));
                wrote.push(at(2, 3));
            }
            "unlink" | "rmdir" => gone.push(here(0)),
            "unlinkat" => gone.push(at(0, 1)),
            "mkdir" if counts => self.effects.extend(here(0).map(Effect::Make)),
            "mkdirat" if counts => self.effects.extend(at(0, 1).map(Effect::Make)),
            "connect" | "bind" => self.connection(process, call),
            "sendto" | "sendmsg" | "sendmmsg" => self.message(process, call),
            "kill" | "tkill" | "tgkill" | "pidfd_send_signal" => self.signal(process, call),
            "reboot" | "mount" | "umount2" | "sethostname" | "setdomainname" | "settimeofday" | "clock_settime"
            | "init_module" | "finit_module" | "delete_module" | "swapon" | "swapoff" | "acct" | "setns"
            | "unshare" | "chroot" | "pivot_root" => {
                self.effects.insert(Effect::System(call.name.clone()));
            }
            _ => {}
        }
        if counts {
            self.effects.extend(wrote.into_iter().flatten().filter(|path| is_kept(path)).map(Effect::Write));
            self.effects.extend(gone.into_iter().flatten().filter(|path| is_kept(path)).map(Effect::Delete));
        }
    }

    fn connection(&mut self, process: &mut Process, call: &Call) {
        let address = call.arguments.get(1).map(String::as_str).unwrap_or_default();
        let field = |before: &str| {
            let (_, rest) = address.split_once(before)?;
            rest.split(['"', ')']).next().map(str::to_owned)
        };
        if address.contains("AF_UNIX") {
            // The cache of names and the bus of the session are asked by the library, and are not there.
            let path = field("sun_path=\"").or_else(|| field("sun_path=@\"")).unwrap_or_default();
            if !path.contains("nscd") {
                self.effects.insert(Effect::Reach(format!("unix:{path}")));
            }
            return;
        }
        let port = field("htons(").unwrap_or_default();
        let host = field("inet_addr(\"").or_else(|| field("inet_pton(AF_INET6, \"")).unwrap_or_default();
        if port == "53" && call.name == "connect" && host == "127.0.0.1" {
            process.resolves = true;
        } else if call.name == "bind" && port == "0" && matches!(host.as_str(), "127.0.0.1" | "::1") {
            // So libraries ask whether the system knows the protocol; nobody else knows the port.
        } else if call.name == "bind" && address.contains("AF_INET") {
            self.effects.insert(Effect::Reach(format!("listens on {host}:{port}")));
        } else if address.contains("AF_INET") {
            self.effects.insert(Effect::Reach(host));
        }
    }

    /// A question for a name shows which host is meant.
    fn message(&mut self, process: &Process, call: &Call) {
        for argument in 1..call.arguments.len() {
            if process.resolves {
                let names = call.strings(argument).into_iter().filter_map(|bytes| asked_name(&bytes));
                self.effects.extend(names.map(Effect::Reach));
            }
            let address = call.arguments.get(argument).map(String::as_str).unwrap_or_default();
            if let Some((_, rest)) = address.split_once("inet_addr(\"").filter(|_| !process.resolves) {
                let host = rest.split('"').next().unwrap_or_default();
                self.effects.insert(Effect::Reach(host.to_owned()));
            }
        }
    }

    fn signal(&mut self, process: &Process, call: &Call) {
        let target = call.arguments.first().map(String::as_str).unwrap_or_default();
        let outside = target.split_once("/* ").and_then(|(_, comment)| comment.split(' ').next()).unwrap_or(target);
        let asks_only = call.arguments.get(1).is_some_and(|signal| signal == "0");
        if outside != process.pid.to_string() && outside != process.leader.to_string() && !asks_only {
            let number = target.split(' ').next().unwrap_or_default();
            self.effects.insert(Effect::Signal(format!("process {number}")));
        }
    }
}

/// Returns true for a name such as programs make up for what they rename at once.
fn is_made_up(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.len() == 8
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn makes_process(call: &Call) -> bool {
    matches!(call.name.as_str(), "clone" | "clone3" | "fork" | "vfork")
}

fn starts_shell(call: &Call) -> bool {
    call.name == "execve"
        && matches!(call.outcome, Outcome::Done(_))
        && call.text(0).as_deref() == Some("/usr/bin/bash")
        && call.list(1).get(1).is_some_and(|option| option == "-c")
}

/// Returns the process that is the command's shell: the first of its line that became one.
fn root(calls: &BTreeMap<u32, Vec<Call>>, parents: &BTreeMap<u32, u32>) -> Option<u32> {
    let shells: Vec<u32> =
        calls.iter().filter(|(_, list)| list.iter().any(starts_shell)).map(|(pid, _)| *pid).collect();
    shells.iter().copied().find(|pid| !ancestors(*pid, parents).any(|above| shells.contains(&above)))
}

fn ancestors(pid: u32, parents: &BTreeMap<u32, u32>) -> impl Iterator<Item = u32> {
    let bound = parents.len();
    std::iter::successors(parents.get(&pid).copied(), |above| parents.get(above).copied()).take(bound)
}

fn writes(call: &Call, flags: usize) -> bool {
    let flags = call.arguments.get(flags).map(String::as_str).unwrap_or_default();
    ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"].iter().any(|flag| flags.contains(flag))
}

/// Returns false for devices and pipes, which keep nothing, and for the shell's own here-documents.
fn is_kept(path: &str) -> bool {
    const DEVICES: &[&str] = &["null", "tty", "zero", "full", "stdin", "stdout", "stderr", "random", "urandom", "ptmx"];
    let is_device = path
        .strip_prefix("/dev/")
        .is_some_and(|name| DEVICES.contains(&name) || name.starts_with("fd/") || name.starts_with("pts/"));
    let is_own = path.starts_with("/proc/self/fd/") || path.starts_with("/proc/thread-self/");
    let is_descriptor = path
        .strip_prefix("/proc/")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(_, rest)| rest.starts_with("fd/"));
    path.starts_with('/') && !is_device && !is_own && !is_descriptor && !path.starts_with("/tmp/sh-thd")
}

/// Joins a path to a directory without following anything.
pub(super) fn joined(directory: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    let mut kept: Vec<&str> = Vec::new();
    for segment in whole.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Returns the name in a question to a name server.
fn asked_name(message: &[u8]) -> Option<String> {
    let mut rest = message.get(12..)?;
    let mut labels = Vec::new();
    loop {
        let (length, after) = rest.split_first()?;
        let length = usize::from(*length);
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(after.get(..length)?).into_owned());
        rest = after.get(length..)?;
    }
    (!labels.is_empty()).then(|| labels.join("."))
}
