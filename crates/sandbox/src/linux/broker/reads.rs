//! Openings for reading, where files that come under a Read rule later are held as well.
//!
//! What was there when the command started is hidden by mounts. What comes later is found here, judged by its real
//! name, and opened for the caller. Listing a directory is nobody's business: names are no contents.

use std::os::fd::{AsFd, OwnedFd};

use policy::AbsPath;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::caller::Caller;
use super::decode::{Errno, Name};
use super::files::{Again, TERMINAL, device};
use super::place::{Found, Place, REMOVED};
use super::{Broker, Outcome};
use crate::sys::filter::Call;

type Result<T> = std::result::Result<T, Errno>;

/// Every flag with which opening a file may write or make it, as the filter has them.
pub(super) const WRITES: OFlags = OFlags::WRONLY
    .union(OFlags::RDWR)
    .union(OFlags::CREATE)
    .union(OFlags::TRUNC)
    .union(OFlags::TMPFILE.difference(OFlags::DIRECTORY));

/// What everybody may read of this process, as of any other.
const OWN_FILES: [&str; 9] =
    ["stat", "status", "statm", "comm", "cmdline", "cgroup", "mountinfo", "mounts", "oom_score"];

impl Broker {
    /// Opens a file for reading.
    pub(super) fn open_for_reading(
        &self,
        call: &Call,
        caller: &Caller<'_>,
        name: &Name,
        flags: OFlags,
    ) -> Result<Outcome> {
        if let Some(outcome) = self.runs_unreadable(caller)? {
            return Ok(outcome);
        }
        let Place::Found(found) = self.find(call, caller, name)? else { return Err(libc::ENOENT) };
        if let Some(outcome) = self.hidden_behind(&found)? {
            return Ok(outcome);
        }
        let Found { file, kind, path, entry, .. } = found;
        match kind {
            FileType::Symlink => return Err(libc::ELOOP),
            FileType::Directory => {}
            _ if flags.contains(OFlags::DIRECTORY) => return Err(libc::ENOTDIR),
            FileType::CharacterDevice if device(&file)? == TERMINAL => return self.own_terminal(caller, flags),
            _ => {}
        }
        // Reached through a descriptor it may have lost its name, and have been hidden under that.
        let path = match (path, &entry) {
            (Some(path), Some(_)) => Some(path),
            (path, _) => self.ground.path_of(file.as_fd())?.map(|path| named(&path)).or(path),
        };
        if kind != FileType::Directory
            && let Some(outcome) = self.unreadable("read", path.as_ref())
        {
            return Ok(outcome);
        }
        let shown = path.unwrap_or_else(AbsPath::root);
        let wanted = Again { file, kind, flags, mode: Mode::empty() };
        if self.ground.is_proc(&wanted.file)? {
            return self.open_of_process(call, caller, ("read", &shown), wanted);
        }
        self.open_again(call, ("read", &shown), wanted)
    }

    /// Returns the refusal of whatever a process opens whose own program must not be read.
    ///
    /// A start is judged by its name and then made by the kernel, which reads the name again: another thread can have
    /// changed it. What runs then has the file in its memory; without opening anything it loads nobody's code to tell.
    fn runs_unreadable(&self, process: &Caller<'_>) -> Result<Option<Outcome>> {
        let path = match rustix::fs::readlinkat(process.proc, format!("{}/exe", process.pid), Vec::new()) {
            // What is ending has no memory any more.
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            other => other.map_err(|error| error.raw_os_error())?,
        };
        let path = AbsPath::parse(&path.to_string_lossy()).map(|path| named(&path));
        Ok(self.unreadable("run", path.as_ref()))
    }

    /// Returns the refusal of what is done with a file that must not be read.
    pub(super) fn unreadable(&self, what: &str, path: Option<&AbsPath>) -> Option<Outcome> {
        let path = path?;
        let by = self.rules.read(path)?;
        Some(Outcome::Refused { errno: libc::EACCES, what: format!("{what} {path}"), by: Some(by) })
    }

    /// Opens a file of `/proc` with what the caller may, and no more: this process may look at every other one
    /// inside, and at itself.
    pub(super) fn open_of_process(
        &self,
        call: &Call,
        caller: &Caller<'_>,
        (what, path): (&str, &AbsPath),
        wanted: Again,
    ) -> Result<Outcome> {
        // Another `/proc`, which the host has mounted elsewhere: what it calls this process is not known.
        if !self.is_own_proc(&wanted.file)? {
            return Err(libc::EACCES);
        }
        let segments: Vec<&str> = path.segments().collect();
        if segments.first() != Some(&"proc") {
            return Err(libc::EACCES);
        }
        let owner = match segments.get(1).and_then(|segment| segment.parse::<i32>().ok()) {
            Some(pid) => Some(self.ground.caller(pid).process()?),
            None => None,
        };
        if owner == Some(rustix::process::getpid().as_raw_pid()) && !is_open_to_all(&segments) {
            return Err(libc::EACCES);
        }
        // Its memory would tell.
        if let Some(pid) = owner
            && !is_open_to_all(&segments)
            && let Some(outcome) = self.runs_unreadable(&self.ground.caller(pid))?
        {
            return Ok(outcome);
        }
        if owner.is_some() && owner == caller.process().ok() {
            return self.open_again(call, (what, path), wanted);
        }
        let aside = Aside::put()?;
        let outcome = self.open_again(call, (what, path), wanted);
        aside.take_back()?;
        outcome
    }

    fn is_own_proc(&self, file: &OwnedFd) -> Result<bool> {
        let device = |file: &OwnedFd| {
            let stat = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::TYPE);
            stat.map(|stat| (stat.stx_dev_major, stat.stx_dev_minor)).map_err(|error| error.raw_os_error())
        };
        Ok(device(file)? == device(&self.ground.proc)?)
    }
}

/// Returns the path that a file had before its name was removed, if it was.
fn named(path: &AbsPath) -> AbsPath {
    let text = path.as_str();
    text.strip_suffix(REMOVED).and_then(AbsPath::parse).unwrap_or_else(|| path.clone())
}

/// Returns true for a path of `/proc` that says of a process what everybody may know.
fn is_open_to_all(segments: &[&str]) -> bool {
    match segments {
        [_, _] | [_, _, "task"] | [_, _, "task", _] => true,
        [_, _, file] | [_, _, "task", _, file] => OWN_FILES.contains(file),
        _ => false,
    }
}

/// The capabilities of this thread, while they are not in effect.
pub(super) struct Aside(CapabilitySets);

impl Aside {
    pub(super) fn put() -> Result<Self> {
        let sets = rustix::thread::capabilities(None).map_err(|error| error.raw_os_error())?;
        let none = CapabilitySets { effective: CapabilitySet::empty(), ..sets };
        rustix::thread::set_capabilities(None, none).map_err(|error| error.raw_os_error())?;
        Ok(Self(sets))
    }

    pub(super) fn take_back(self) -> Result<()> {
        let Self(sets) = self;
        rustix::thread::set_capabilities(None, sets).map_err(|error| error.raw_os_error())
    }
}
