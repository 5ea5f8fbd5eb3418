//! One control group that is ours: its name, what it held back, and its end.
//!
//! A group is named after the process that made it, by number and start time, so that what a killed launcher
//! left is told from what is in use, and is taken away by the next one.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use super::files::Files;
use crate::limits::{GROUP_END_MS, GROUPS_PER_PROCESS, OWN_PROCESSES};
use crate::sys::process::{self, Fork};

/// What begins the name of every group of ours.
const PREFIX: &str = "palisade-";

/// The process that a group belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// The process namespace in which the number counts.
    pub(super) namespace: u64,
    pub(super) pid: u32,
    /// In clock ticks after the machine's start.
    pub(super) started: u64,
}

impl Owner {
    /// Returns this process.
    pub(super) fn this(files: &dyn Files) -> io::Result<Self> {
        let namespace = rustix::fs::stat("/proc/self/ns/pid")?.st_ino;
        let pid = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs();
        let unknown = || io::Error::from_raw_os_error(libc::ESRCH);
        Ok(Self { namespace, pid, started: started(files, pid)?.ok_or_else(unknown)? })
    }

    /// Returns what the names of its groups begin with.
    pub(super) fn prefix(self) -> String {
        format!("{PREFIX}{}-{}-{}-", self.namespace, self.pid, self.started)
    }

    fn name(self, number: u32) -> String {
        format!("{}{number}", self.prefix())
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut numbers = name.strip_prefix(PREFIX)?.split('-').map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        let (namespace, pid, started, _) = (next()?, next()?, next()?, next()?);
        Some(Self { namespace, pid: u32::try_from(pid).ok()?, started })
    }

    /// Returns true when the process is gone for certain. One of another namespace cannot be looked at.
    pub(super) fn is_gone(self, files: &dyn Files, this: Self) -> bool {
        self.namespace == this.namespace && matches!(started(files, self.pid), Ok(found) if found != Some(self.started))
    }
}

/// Returns when a process started; `None` when there is none of this number.
fn started(files: &dyn Files, pid: u32) -> io::Result<Option<u64>> {
    let text = match files.read(Path::new(&format!("/proc/{pid}/stat"))) {
        Ok(text) => text,
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => return Ok(None),
        Err(error) => return Err(error),
    };
    // The name in brackets may hold anything; the start is the 20th field behind it.
    let field = text.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(19)?.parse().ok());
    field.map(Some).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADMSG))
}

/// The version of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// What a group can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controller {
    Memory,
    Pids,
    Cpu,
}

impl Controller {
    pub(super) const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }
}

/// What is to be held: bytes, processes, thousandths of a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) controller: Controller,
    pub(super) at_most: u64,
}

/// A group of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) directory: PathBuf,
    pub(super) version: Version,
}

impl Group {
    /// Makes an empty group in another one, and takes away what killed launchers left there.
    pub(super) fn make(files: &dyn Files, parent: &Path, version: Version, owner: Owner) -> io::Result<Self> {
        for number in 0..GROUPS_PER_PROCESS {
            let directory = parent.join(owner.name(number));
            match files.make(&directory) {
                Ok(()) => {
                    sweep(files, parent, version, owner);
                    return Ok(Self { directory, version });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from_raw_os_error(libc::EEXIST))
    }

    /// Sets a limit.
    pub(super) fn hold(&self, files: &dyn Files, wanted: Wanted) -> io::Result<()> {
        let at_most = wanted.at_most;
        let write = |name: &str, text: &str| files.write(&self.directory.join(name), text);
        // Where swap is not counted there is no such file.
        let write_if_there = |name: &str, text: &str| match write(name, text) {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            other => other,
        };
        match (self.version, wanted.controller) {
            (Version::Two, Controller::Memory) => {
                write("memory.max", &at_most.to_string())?;
                write_if_there("memory.swap.max", "0")?;
                // Half of a build is no build: what runs out of memory ends as a whole.
                write_if_there("memory.oom.group", "1")
            }
            (Version::One, Controller::Memory) => {
                write("memory.limit_in_bytes", &at_most.to_string())?;
                write_if_there("memory.memsw.limit_in_bytes", &at_most.to_string())
            }
            // Of version 2 only the first process inside is in it, of version 1 the boundary process too.
            (Version::Two, Controller::Pids) => write("pids.max", &at_most.saturating_add(1).to_string()),
            (Version::One, Controller::Pids) => write("pids.max", &at_most.saturating_add(OWN_PROCESSES).to_string()),
            (Version::Two, Controller::Cpu) => write("cpu.max", &format!("{} {PERIOD_US}", quota_us(at_most))),
            (Version::One, Controller::Cpu) => {
                write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
                write("cpu.cfs_quota_us", &quota_us(at_most).to_string())
            }
        }
    }

    /// Limits processes where of the boundary's own only the first inside is in the group.
    pub(super) fn count_without_the_boundary(&self, files: &dyn Files, at_most: u64) -> io::Result<()> {
        match self.version {
            Version::One => files.write(&self.directory.join("pids.max"), &at_most.saturating_add(1).to_string()),
            // It never is in one of version 2.
            Version::Two => Ok(()),
        }
    }

    /// Limits processes where none of the boundary's own is in the group; the broker is one of those that are counted.
    pub(super) fn count_the_command_alone(&self, files: &dyn Files, at_most: u64) -> io::Result<()> {
        files.write(&self.directory.join("pids.max"), &at_most.saturating_sub(1).max(1).to_string())
    }

    /// Opens the directory, for a process that is to be born in the group.
    pub(super) fn birthplace(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&self.directory, flags, Mode::empty())?)
    }

    /// Opens the file by which a process of one thread enters. Of version 1 that is the list of threads: for a thread that
    /// moves itself the kernel (5.16 or later) waits for nobody, for a process it waits some milliseconds.
    pub(super) fn entrance(&self, files: &dyn Files) -> io::Result<OwnedFd> {
        let name = match self.version {
            Version::One => "tasks",
            Version::Two => "cgroup.procs",
        };
        files.open(&self.directory.join(name))
    }

    /// Returns how often a limit held something back: processes killed, processes not started, periods in
    /// which processors were withheld.
    pub(super) fn hits(&self, files: &dyn Files, controller: Controller) -> Option<u64> {
        let (file, key) = match (self.version, controller) {
            (Version::Two, Controller::Memory) => ("memory.events", "oom_kill"),
            (Version::One, Controller::Memory) => ("memory.oom_control", "oom_kill"),
            (Version::One | Version::Two, Controller::Pids) => ("pids.events", "max"),
            (Version::One | Version::Two, Controller::Cpu) => ("cpu.stat", "nr_throttled"),
        };
        value(&files.read(&self.directory.join(file)).ok()?, key)
    }

    /// Kills what is left inside, waits until it is gone, and removes the group. Returns false when it stays.
    pub(super) fn end(&self, files: &dyn Files) -> bool {
        if self.version == Version::Two {
            // Kernels before 5.14 have no such file; the boundary's end has killed everything anyway.
            let _ = files.write(&self.directory.join("cgroup.kill"), "1");
        }
        for _ in 0..GROUP_END_MS {
            match files.remove(&self.directory) {
                // The kernel takes a moment to let go of processes that ended.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(()) => return true,
                Err(error) => return error.kind() == io::ErrorKind::NotFound,
            }
        }
        false
    }
}

/// Makes a copy of this process in a group of version 2. Where a filter around us knows no `clone3`, this process
/// enters first.
pub(in super::super) fn fork_into(group: &OwnedFd) -> io::Result<Fork> {
    match process::fork_into(group.as_fd()) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            let entrance = rustix::fs::openat(group, "cgroup.procs", flags, Mode::empty())?;
            rustix::io::write(&entrance, b"0")?;
            process::fork()
        }
        other => other,
    }
}

/// Takes away the groups of launchers that were killed.
fn sweep(files: &dyn Files, parent: &Path, version: Version, this: Owner) {
    for name in files.directories(parent).unwrap_or_default() {
        if Owner::parse(&name).is_some_and(|owner| owner.is_gone(files, this)) {
            let directory = parent.join(name);
            if version == Version::Two {
                let _ = files.write(&directory.join("cgroup.kill"), "1");
            }
            // One that is not empty yet goes another time.
            let _ = files.remove(&directory);
        }
    }
}

/// How long a period is in which processors are shared out.
const PERIOD_US: u64 = 100_000;

/// Returns the part of a period, which the kernel wants to be at least a millisecond.
fn quota_us(thousandths: u64) -> u64 {
    (thousandths.saturating_mul(PERIOD_US) / 1000).max(1000)
}

/// Returns the number behind a key in lines of keys and numbers.
pub(super) fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}
