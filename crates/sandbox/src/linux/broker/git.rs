//! Git's own files: a configuration is taken over with the keys that may be set, a pointer once it is whole.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use policy::AbsPath;
use policy::tables::git::Role;
use rustix::fs::{AtFlags, CWD, MemfdFlags, Mode, OFlags, RenameFlags, ResolveFlags};

use super::decode::Errno;
use super::place::{Entry, Found};
use super::rules::Forbidden;
use super::{Broker, Outcome, refused};
use crate::git::{self, Pointer};
use crate::limits::{GIT_FILE_BYTES_MAX, MADE_MAX, PENDING_POINTERS_MAX};

/// Pointers that a caller is writing. What it writes goes into memory; the file is made when it is whole.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<Begun>);

#[derive(Debug)]
struct Begun {
    memory: OwnedFd,
    entry: Entry,
    expected: Expected,
}

/// What a file that is being written must come to say.
#[derive(Debug)]
enum Expected {
    Pointer(Pointer),
    /// Exactly this, with these rights.
    Copy(Original),
}

/// What the project has under a protected name.
#[derive(Debug)]
pub(super) struct Original {
    text: String,
    mode: u32,
}

/// The name of a configuration until it is whole. It is a protected one: the broker of another command in the same
/// directory lets nobody open it.
const UNDER_WAY: &[u8] = b".palisade";

fn errno(error: rustix::io::Errno) -> Errno {
    error.raw_os_error()
}

impl Pending {
    /// Begins a pointer, and returns what the caller writes to.
    pub(super) fn begin(&mut self, entry: &Entry, role: Role) -> Result<OwnedFd, Errno> {
        let pointer = match role {
            Role::Pointer => Pointer::DataDirectory,
            Role::CommonDirectory => Pointer::CommonDirectory,
            Role::Configuration | Role::Program => return Err(libc::EPERM),
        };
        self.begin_with(entry, Expected::Pointer(pointer))
    }

    /// Begins a copy of what the project has already.
    pub(super) fn begin_copy(&mut self, entry: &Entry, original: Original) -> Result<OwnedFd, Errno> {
        self.begin_with(entry, Expected::Copy(original))
    }

    /// Returns true while nothing waits for its end.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn begin_with(&mut self, entry: &Entry, expected: Expected) -> Result<OwnedFd, Errno> {
        if self.0.len() >= PENDING_POINTERS_MAX {
            return Err(libc::ENFILE);
        }
        let memory = rustix::fs::memfd_create("git pointer", MemfdFlags::CLOEXEC).map_err(errno)?;
        let given = memory.try_clone().map_err(|_| libc::EMFILE)?;
        let directory = entry.directory.try_clone().map_err(|_| libc::EMFILE)?;
        let entry = Entry { directory, name: entry.name.clone(), path: entry.path.clone() };
        self.0.push(Begun { memory, entry, expected });
        Ok(given)
    }
}

impl Broker {
    /// Makes the pointers that are whole. One that says what it may not is dropped, and that is told.
    pub(super) fn settle_pending(&mut self) {
        if self.pending.0.is_empty() {
            return;
        }
        for begun in std::mem::take(&mut self.pending.0) {
            let text = read(&begun.memory).unwrap_or_default();
            match self.settled(&begun, &text) {
                None => self.pending.0.push(begun),
                // What cannot be written is missed by whoever wrote it at once.
                Some(Ok(mode)) => drop(replace(&begun.entry, &text, mode)),
                Some(Err(why)) => self.dropped(&begun, &why),
            }
        }
        self.told.pending(self.pending.0.len());
    }

    /// Returns the rights of what was written, once it says what it may; `None` while it is not whole.
    fn settled(&self, begun: &Begun, text: &str) -> Option<Result<u32, String>> {
        match &begun.expected {
            Expected::Copy(Original { text: expected, mode }) if text == expected => Some(Ok(*mode)),
            Expected::Copy(original) if original.text.starts_with(text) => None,
            Expected::Copy(_) => Some(Err("it is not what the project has under this name".to_owned())),
            Expected::Pointer(pointer) => match git::pointed(*pointer, &begun.entry.path, text)? {
                Ok(target) if self.leads_inside(&target) => Some(Ok(0o644)),
                Ok(target) => Some(Err(format!("`{target}` is outside"))),
                Err(why) => Some(Err(why)),
            },
        }
    }

    /// Returns what the project has under the protected name of a path; nothing where that is hidden or no file.
    pub(super) fn original(&self, path: &AbsPath, forbidden: &Forbidden) -> Option<Original> {
        let original = self.rules.project().join(&forbidden.row.as_ref()?.text);
        if original == *path || self.rules.hidden(&original).is_some() {
            return None;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let how = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = rustix::fs::openat2(&self.ground.root, original.as_str(), flags, Mode::empty(), how).ok()?;
        let stat = rustix::fs::fstat(&file).ok()?;
        let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile;
        let text = if is_file { read(&file).ok()? } else { return None };
        Some(Original { text, mode: stat.st_mode & 0o755 })
    }

    fn dropped(&self, begun: &Begun, why: &str) {
        let by = match begun.expected {
            Expected::Pointer(_) => format!("{}: {why}", Role::Pointer.why()),
            Expected::Copy(_) => format!("a protected name: {why}"),
        };
        self.told.note_without_caller(&self.channel, format!("make {}", begun.entry.path), by);
    }

    /// Returns true when a path, with its links followed, is in a directory that may be written.
    fn leads_inside(&self, path: &AbsPath) -> bool {
        if !self.rules.is_inside(path) {
            return false;
        }
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let how = ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.ground.root, path.as_str(), flags, Mode::empty(), how) {
            Ok(file) => matches!(self.ground.path_of(file.as_fd()), Ok(Some(real)) if self.rules.is_inside(&real)),
            Err(error) => error == rustix::io::Errno::NOENT,
        }
    }

    /// Puts a configuration that the caller wrote in the place of another, if only keys changed that may be set
    /// from inside. The file that comes there is a new one: the caller has none of it open.
    pub(super) fn adopt_configuration(
        &mut self,
        source: &Found,
        from: &Entry,
        to: &Entry,
        flags: RenameFlags,
    ) -> Result<Outcome, Errno> {
        let new = read_named(source)?;
        let reading = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let (old, is_new) = match rustix::fs::openat(&to.directory, to.name.as_slice(), reading, Mode::empty()) {
            Ok(file) => (read(&file)?, false),
            Err(rustix::io::Errno::NOENT) => (String::new(), true),
            Err(error) => return Err(errno(error)),
        };
        let directory = to.path.parent().ok_or(libc::EINVAL)?;
        let checked = git::check(&old, &new, |path| self.leads_inside(&directory.join(path)));
        if let Err(why) = checked {
            return Ok(refused("change", &to.path, format!("{}: {why}", Role::Configuration.why())));
        }
        let beside = to.beside(UNDER_WAY)?;
        match rustix::fs::unlinkat(&beside.directory, UNDER_WAY, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(errno(error)),
        }
        let put = create(&beside, &new, source.mode).and_then(|()| {
            let (old, new) = (&beside.directory, &to.directory);
            rustix::fs::renameat_with(old, UNDER_WAY, new, to.name.as_slice(), flags).map_err(errno)
        });
        if let Err(errno) = put {
            let _ = rustix::fs::unlinkat(&beside.directory, UNDER_WAY, AtFlags::empty());
            return Err(errno);
        }
        rustix::fs::unlinkat(&from.directory, from.name.as_slice(), AtFlags::empty()).map_err(errno)?;
        if is_new && self.made.len() < MADE_MAX {
            self.made.insert(to.path.clone());
        }
        Ok(Outcome::Done)
    }

    /// Returns true when a configuration holds nothing that could not be set again from inside, or was made by this
    /// very run: a clone that is not wanted any more.
    pub(super) fn may_lose_configuration(&self, found: &Found, entry: &Entry) -> bool {
        let is_innocent = || read_named(found).is_ok_and(|text| git::is_innocent_whole(&text));
        !self.rules.is_written(&entry.path) && (self.made.contains(&entry.path) || is_innocent())
    }
}

/// Reads a file that is open for being named only.
fn read_named(found: &Found) -> Result<String, Errno> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", found.file.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    read(&rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(errno)?)
}

/// Reads a file from its beginning; it must be text, and no longer than the bound. The place in the file, which
/// may be the caller's too, stays.
fn read(file: &OwnedFd) -> Result<String, Errno> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let at = u64::try_from(bytes.len()).map_err(|_| libc::EFBIG)?;
        let length = rustix::io::pread(file, &mut part, at).map_err(errno)?;
        if length == 0 {
            return String::from_utf8(bytes).map_err(|_| libc::EILSEQ);
        }
        bytes.extend_from_slice(part.get(..length).unwrap_or_default());
        if bytes.len() > GIT_FILE_BYTES_MAX {
            return Err(libc::EFBIG);
        }
    }
}

/// Makes a file with this text under a name that is free.
fn create(entry: &Entry, text: &str, mode: u32) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(mode & 0o777);
    let file = rustix::fs::openat(&entry.directory, entry.name.as_slice(), flags, mode).map_err(errno)?;
    rustix::fs::fchmod(&file, mode).map_err(errno)?;
    let failed = |error: std::io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    std::fs::File::from(file).write_all(text.as_bytes()).map_err(failed)
}

/// Makes a file with this text in the place of the one that may be there.
fn replace(entry: &Entry, text: &str, mode: u32) -> Result<(), Errno> {
    match rustix::fs::unlinkat(&entry.directory, entry.name.as_slice(), AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(errno(error)),
    }
    create(entry, text, mode)
}
