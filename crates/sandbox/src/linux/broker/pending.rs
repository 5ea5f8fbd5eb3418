//! Files that a caller writes into memory: they are made once it is known what they say.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};

use policy::AbsPath;
use policy::tables::git::Role;
use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, ResolveFlags};

use super::Broker;
use super::decode::Errno;
use super::git::again;
use super::place::Entry;
use super::put::{self, read};
use super::rules::Forbidden;
use crate::git::{self, Pointer};
use crate::limits::PENDING_FILES_MAX;
use crate::sys;

/// Files that a caller is writing.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<Begun>);

#[derive(Debug)]
struct Begun {
    /// Open for reading.
    memory: OwnedFd,
    entry: Entry,
    expected: Expected,
}

/// What a file that is being written must come to say.
#[derive(Debug)]
pub(super) enum Expected {
    /// Where a data directory of git is.
    Pointer(Pointer),
    /// Exactly this, with these rights.
    Copy(Original),
    /// What the rules for such a file of git let be, or the same as the project has, once nobody writes to it any more.
    Judged(Role, Option<Original>),
}

/// What the project has under a protected name.
#[derive(Debug)]
pub(super) struct Original {
    bytes: Vec<u8>,
    mode: u32,
}

fn errno(error: rustix::io::Errno) -> Errno {
    error.raw_os_error()
}

impl Pending {
    /// Begins a file, and returns what the caller writes to.
    pub(super) fn begin(&mut self, entry: &Entry, expected: Expected, mode: Mode) -> Result<OwnedFd, Errno> {
        if self.0.len() >= PENDING_FILES_MAX {
            return Err(libc::ENFILE);
        }
        let made = rustix::fs::memfd_create("file of git", MemfdFlags::CLOEXEC).map_err(errno)?;
        rustix::fs::fchmod(&made, mode | Mode::RUSR | Mode::WUSR).map_err(errno)?;
        // Of what was opened, and not made, the kernel counts who writes to it.
        let open = |how| rustix::fs::openat(CWD, again(&made), how | OFlags::CLOEXEC, Mode::empty()).map_err(errno);
        let (memory, given) = (open(OFlags::RDONLY)?, open(OFlags::RDWR)?);
        let directory = entry.directory.try_clone().map_err(|_| libc::EMFILE)?;
        let entry = Entry { directory, name: entry.name.clone(), path: entry.path.clone() };
        self.0.push(Begun { memory, entry, expected });
        Ok(given)
    }

    /// Returns true while nothing waits for its end.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many files wait for their end.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

impl Broker {
    /// Makes the files that are whole. One that says what it may not is dropped, and that is told.
    pub(super) fn settle_pending(&mut self) {
        if self.pending.0.is_empty() {
            return;
        }
        for begun in std::mem::take(&mut self.pending.0) {
            match self.settled(&begun) {
                None => self.pending.0.push(begun),
                Some(Ok((bytes, mode))) => self.made_whole(&begun, &bytes, mode),
                Some(Err(why)) => self.dropped(&begun, &why),
            }
        }
        self.told.pending(self.pending.count());
    }

    /// Returns what was written with its rights, once it says what it may; `None` while it is not whole.
    fn settled(&self, begun: &Begun) -> Option<Result<(Vec<u8>, u32), String>> {
        match &begun.expected {
            Expected::Judged(..) if !sys::lease::is_written_by_nobody(begun.memory.as_fd()) => None,
            Expected::Judged(role, original) => Some(self.judged(begun, *role, original.as_ref())),
            Expected::Copy(Original { bytes: expected, mode }) => match read(&begun.memory) {
                Ok(bytes) if bytes == *expected => Some(Ok((bytes, *mode))),
                Ok(bytes) if expected.starts_with(&bytes) => None,
                Ok(_) | Err(_) => Some(Err("it is not what the project has under this name".to_owned())),
            },
            Expected::Pointer(pointer) => {
                let text = String::from_utf8(read(&begun.memory).ok()?).ok()?;
                match git::pointed(*pointer, &begun.entry.path, &text)? {
                    Ok(target) if self.leads_inside(&target) => Some(Ok((text.into_bytes(), 0o644))),
                    Ok(target) => Some(Err(format!("`{target}` is outside"))),
                    Err(why) => Some(Err(why)),
                }
            }
        }
    }

    fn judged(&self, begun: &Begun, role: Role, original: Option<&Original>) -> Result<(Vec<u8>, u32), String> {
        let failed = |errno: Errno| std::io::Error::from_raw_os_error(errno).to_string();
        let bytes = read(&begun.memory).map_err(failed)?;
        if original.is_none_or(|original| original.bytes != bytes) {
            self.check_git(role, &begun.entry.path, ("", &BTreeSet::new()), &bytes)?;
        }
        let stat = rustix::fs::fstat(&begun.memory).map_err(|error| failed(errno(error)))?;
        Ok((bytes, stat.st_mode & 0o755))
    }

    /// Makes a file. One of which the rest is new is made only where nothing is: it was compared with nothing.
    fn made_whole(&mut self, begun: &Begun, bytes: &[u8], mode: u32) {
        let done = match begun.expected {
            Expected::Judged(Role::Configuration, _) => {
                let done = put::at_free(&begun.entry, (bytes, mode));
                if done.is_ok() {
                    self.know_own(&begun.entry, None, bytes, (false, BTreeSet::new()));
                }
                done
            }
            Expected::Judged(..) | Expected::Pointer(_) | Expected::Copy(_) => put::at(&begun.entry, (bytes, mode)),
        };
        // What cannot be written is missed by whoever wrote it at once.
        let _ = done;
    }

    /// Returns what the project has under the protected name of a path; nothing where that is hidden or no file.
    pub(super) fn original(&self, path: &AbsPath, forbidden: &Forbidden) -> Option<Original> {
        let original = self.rules.project().join(&forbidden.row.as_ref()?.text);
        if original == *path || self.rules.hidden(&original).is_some() || self.rules.read(&original).is_some() {
            return None;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let how = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = rustix::fs::openat2(&self.ground.root, original.as_str(), flags, Mode::empty(), how).ok()?;
        let stat = rustix::fs::fstat(&file).ok()?;
        let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile;
        let bytes = if is_file { read(&file).ok()? } else { return None };
        Some(Original { bytes, mode: stat.st_mode & 0o755 })
    }

    fn dropped(&self, begun: &Begun, why: &str) {
        let by = match begun.expected {
            Expected::Pointer(_) => format!("{}: {why}", Role::Pointer.why()),
            Expected::Judged(role, _) => format!("{}: {why}", role.why()),
            Expected::Copy(_) => format!("a protected name: {why}"),
        };
        self.told.note_without_caller(&self.channel, format!("make {}", begun.entry.path), by);
    }
}
