//! Files that are whole before they have a name: nothing is left of one when everything is killed meanwhile.

use std::io::Write;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, RenameFlags};

use super::decode::Errno;
use super::git::{again, name, remove};
use super::place::{Entry, Found};
use crate::limits::GIT_FILE_BYTES_MAX;

/// The name of a file until it is whole, where another one must be replaced and the caller's own lock is not it. It is a
/// protected one: the broker of another command in the same directory lets nobody open it.
const UNDER_WAY: &[u8] = b".palisade";
/// What the name of git's lock on a file ends in: its new form, until it is renamed.
const LOCK: &[u8] = b".lock";

fn errno(error: rustix::io::Errno) -> Errno {
    error.raw_os_error()
}

/// Makes a file under a name that is free.
pub(super) fn at_free(entry: &Entry, (bytes, mode): (&[u8], u32)) -> Result<(), Errno> {
    match unnamed(entry, (bytes, mode))? {
        Some(file) => name(&file, entry),
        None => create(entry, (bytes, mode)),
    }
}

/// Makes a file in the place of the one that may be there, and that nobody misses for a moment.
pub(super) fn at(entry: &Entry, what: (&[u8], u32)) -> Result<(), Errno> {
    remove(entry)?;
    at_free(entry, what)
}

/// Makes a file in the place of another, which is there until the new one is, and takes away what it was written as.
///
/// 1. Where the name is free a file without one gets it.
/// 2. Where it was written as git's lock, that name is taken from the caller's file and given to the new one, which is
///    renamed: whoever is killed in between leaves what git leaves. No broker opens a lock again.
/// 3. Elsewhere it is written under a name of our own, which is a protected one.
pub(super) fn in_place_of(from: &Entry, to: &Entry, what: (&[u8], u32), flags: RenameFlags) -> Result<(), Errno> {
    match at_free(to, what) {
        Err(libc::EEXIST) if flags.is_empty() => {}
        Err(error) => return Err(error),
        Ok(()) => return remove(from),
    }
    let is_lock = from.name.strip_suffix(LOCK) == Some(to.name.as_slice()) && from.path.parent() == to.path.parent();
    if is_lock && let Some(file) = unnamed(to, what)? {
        remove(from)?;
        name(&file, from)?;
        return rename(from, to);
    }
    let beside = to.beside(UNDER_WAY)?;
    remove(&beside)?;
    if let Err(error) = at_free(&beside, what).and_then(|()| rename(&beside, to)) {
        let _ = remove(&beside);
        return Err(error);
    }
    remove(from)
}

fn rename(from: &Entry, to: &Entry) -> Result<(), Errno> {
    let (old, new) = (from.name.as_slice(), to.name.as_slice());
    rustix::fs::renameat(&from.directory, old, &to.directory, new).map_err(errno)
}

/// Makes a file without a name in the directory of one; nothing where the file system has no such files.
fn unnamed(entry: &Entry, (bytes, mode): (&[u8], u32)) -> Result<Option<OwnedFd>, Errno> {
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(mode & 0o777);
    let file = match rustix::fs::openat(&entry.directory, ".", flags, mode) {
        Ok(file) => file,
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::INVAL) => return Ok(None),
        Err(error) => return Err(errno(error)),
    };
    rustix::fs::fchmod(&file, mode).map_err(errno)?;
    write(file, bytes).map(Some)
}

fn create(entry: &Entry, (bytes, mode): (&[u8], u32)) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(mode & 0o777);
    let file = rustix::fs::openat(&entry.directory, entry.name.as_slice(), flags, mode).map_err(errno)?;
    rustix::fs::fchmod(&file, mode).map_err(errno)?;
    write(file, bytes).map(drop)
}

fn write(file: OwnedFd, bytes: &[u8]) -> Result<OwnedFd, Errno> {
    let mut file = std::fs::File::from(file);
    file.write_all(bytes).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))?;
    Ok(file.into())
}

/// Reads a file that is open for being named only.
pub(super) fn read_named(found: &Found) -> Result<Vec<u8>, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    read(&rustix::fs::openat(CWD, again(&found.file), flags, Mode::empty()).map_err(errno)?)
}

/// Reads a file from its beginning; it must be no longer than the bound. The place in the file, which may be the
/// caller's too, stays.
pub(super) fn read(file: &OwnedFd) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let at = u64::try_from(bytes.len()).map_err(|_| libc::EFBIG)?;
        let length = rustix::io::pread(file, &mut part, at).map_err(errno)?;
        if length == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(part.get(..length).unwrap_or_default());
        if bytes.len() > GIT_FILE_BYTES_MAX {
            return Err(libc::EFBIG);
        }
    }
}
