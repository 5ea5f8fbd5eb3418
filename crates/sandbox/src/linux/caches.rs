//! The private caches on the host: made before the boundary is built, and left there for the project's next command.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::failure::{At, Failure};
use crate::error::Step as Stage;
use crate::plan::{Plan, Step};

/// Makes the directory, and in it the places of what is seen there of the host's.
pub(super) fn make(plan: &Plan) -> Result<(), Failure> {
    for step in &plan.steps {
        let Step::Cache { path, zone: _ } = step else { continue };
        let directory = own_directory(path.as_str()).at_path(Stage::Caches, path.as_str())?;
        for step in &plan.steps {
            if let Step::Seed { from: _, at } = step
                && let Some(below) = at.below(path)
            {
                place(&directory, below).at_path(Stage::Caches, at.as_str())?;
            }
        }
    }
    Ok(())
}

/// Makes a directory with those above it, and opens it. It must be the user's and nobody else's.
fn own_directory(path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::openat(CWD, "/", flags, Mode::empty())?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        match rustix::fs::mkdirat(&at, name, Mode::RWXU) {
            // Of what is there already nobody knows whether it could be made.
            Ok(()) | Err(Errno::EXIST | Errno::ACCESS | Errno::ROFS) => {}
            Err(error) => return Err(error),
        }
        at = rustix::fs::openat(&at, name, flags, Mode::empty())?;
    }
    let stat = rustix::fs::fstat(&at)?;
    let is_own = stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_mode & 0o077 == 0;
    if is_own { Ok(at) } else { Err(Errno::PERM) }
}

/// Makes a directory below the private one. An earlier command may have put something else in its place, which goes.
fn place(directory: &OwnedFd, below: &str) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
    for name in below.split('/').filter(|name| !name.is_empty()) {
        if let Ok(found) = rustix::fs::statat(&at, name, AtFlags::SYMLINK_NOFOLLOW)
            && !FileType::from_raw_mode(found.st_mode).is_dir()
        {
            rustix::fs::unlinkat(&at, name, AtFlags::empty())?;
        }
        match rustix::fs::mkdirat(at.as_fd(), name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        at = rustix::fs::openat(&at, name, flags, Mode::empty())?;
    }
    Ok(())
}
