//! Directories that earlier commands wrote, made and cleared without following what they laid there.

use std::ffi::CString;
use std::io::Write;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::{Errno, Result};

/// Directories one in the other that are removed.
const DEPTH_MAX: usize = 64;
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What is left at a name that is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    Nothing,
    /// A link: another run of the project may be using it, and each lays it anew.
    Link,
    /// An empty directory: another run may have mounted something on it.
    Directory,
}

/// Makes a directory with those above it, and opens it. Something else in the place of one of them is an error.
pub(super) fn make(from: Option<&OwnedFd>, path: &str) -> Result<OwnedFd> {
    let flags = OFlags::PATH | DIRECTORY;
    let mut at = match from {
        Some(from) => rustix::fs::openat(from, ".", flags, Mode::empty())?,
        None => rustix::fs::openat(CWD, "/", flags, Mode::empty())?,
    };
    for name in path.split('/').filter(|name| !name.is_empty()) {
        match rustix::fs::mkdirat(&at, name, Mode::RWXU) {
            // Of what is there already nobody knows whether it could be made.
            Ok(()) | Err(Errno::EXIST | Errno::ACCESS | Errno::ROFS) => {}
            Err(error) => return Err(error),
        }
        at = rustix::fs::openat(&at, name, flags, Mode::empty())?;
    }
    Ok(at)
}

/// Puts a new file where nothing is.
pub(super) fn put(at: &OwnedFd, name: &str, content: &[u8]) -> std::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(at, name, flags, Mode::RUSR | Mode::WUSR)?;
    std::fs::File::from(file).write_all(content)
}

/// Removes what stands at a name, with all that is in it.
pub(super) fn clear(own: &OwnedFd, name: &str, leaves: Leaves) -> Result<()> {
    let name = name.trim_end_matches('/');
    let (above, name) = name.rsplit_once('/').unwrap_or(("", name));
    let mut at = rustix::fs::openat(own, ".", OFlags::PATH | DIRECTORY, Mode::empty())?;
    for step in above.split('/').filter(|step| !step.is_empty()) {
        at = match rustix::fs::openat(&at, step, OFlags::PATH | DIRECTORY, Mode::empty()) {
            Ok(next) => next,
            Err(Errno::NOENT) => return Ok(()),
            // Not the directory that is meant, and what lies behind it is not meant either.
            Err(Errno::NOTDIR | Errno::LOOP) => return rustix::fs::unlinkat(&at, step, AtFlags::empty()),
            Err(error) => return Err(error),
        };
    }
    let found = match rustix::fs::statat(&at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => FileType::from_raw_mode(found.st_mode),
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.is_dir() {
        let stays = found.is_symlink() && leaves == Leaves::Link;
        return if stays { Ok(()) } else { rustix::fs::unlinkat(&at, name, AtFlags::empty()) };
    }
    empty(rustix::fs::openat(&at, name, DIRECTORY, Mode::empty())?, 0)?;
    if leaves == Leaves::Directory { Ok(()) } else { rustix::fs::unlinkat(&at, name, AtFlags::REMOVEDIR) }
}

fn empty(directory: OwnedFd, depth: usize) -> Result<()> {
    if depth >= DEPTH_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    let names: Vec<CString> = Dir::read_from(&directory)?
        .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
        .filter(|name| !name.as_ref().is_ok_and(|name| matches!(name.to_bytes(), b"." | b"..")))
        .collect::<Result<_>>()?;
    for name in &names {
        match rustix::fs::unlinkat(&directory, name.as_c_str(), AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {
                empty(rustix::fs::openat(&directory, name.as_c_str(), DIRECTORY, Mode::empty())?, depth + 1)?;
                rustix::fs::unlinkat(&directory, name.as_c_str(), AtFlags::REMOVEDIR)?;
            }
            done => done?,
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make what others left")]
mod tests {
    use super::{Leaves, clear, make};
    use std::os::unix::fs::symlink;

    /// What is cleared is gone, what its links lead to is not, and what is left is what was said.
    #[test]
    fn what_was_left_is_removed_and_nothing_behind_links() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let tree = |name: &str| {
            std::fs::create_dir_all(at(name).join("deep/er")).unwrap();
            std::fs::write(at(name).join("deep/file"), "planted").unwrap();
            symlink(at("outside"), at(name).join("deep/link")).unwrap();
        };
        std::fs::create_dir(at("outside")).unwrap();
        std::fs::write(at("outside/kept"), "kept").unwrap();
        std::fs::create_dir(at("own")).unwrap();
        let own = make(None, at("own").to_str().unwrap()).unwrap();
        let is_there = |name: &str| at("own").join(name).symlink_metadata().is_ok();
        for (leaves, stays) in [(Leaves::Nothing, false), (Leaves::Link, false), (Leaves::Directory, true)] {
            tree("own/skills");
            clear(&own, "skills/", leaves).unwrap();
            assert_eq!(is_there("skills"), stays, "{leaves:?}");
            assert!(!is_there("skills/deep"), "{leaves:?}");
        }
        for (leaves, stays) in [(Leaves::Nothing, false), (Leaves::Link, true), (Leaves::Directory, false)] {
            symlink(at("outside"), at("own/link")).unwrap();
            clear(&own, "link", leaves).unwrap();
            assert_eq!(is_there("link"), stays, "{leaves:?}");
            let _ = std::fs::remove_file(at("own/link"));
            std::fs::write(at("own/file"), "planted").unwrap();
            clear(&own, "file", leaves).unwrap();
            assert!(!is_there("file"), "{leaves:?}");
        }
        // A link on the way is no way.
        symlink(at("outside"), at("own/way")).unwrap();
        clear(&own, "way/kept", Leaves::Nothing).unwrap();
        assert!(!is_there("way"));
        clear(&own, "missing/name", Leaves::Nothing).unwrap();
        assert_eq!(std::fs::read_to_string(at("outside/kept")).unwrap(), "kept");
    }
}
