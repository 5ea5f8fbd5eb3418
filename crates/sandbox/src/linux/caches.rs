//! The private caches on the host: made before the boundary is built, and left there for the project's next command.

use std::os::fd::{AsFd, OwnedFd};

use policy::AbsPath;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::failure::{At, Failure};
use crate::error::Step as Stage;
use crate::plan::{OWN_FILES, Plan, Step};
use crate::tier::Tier;

/// Makes the directory, and in it the places of what is seen there of the host's: directories to mount it on, or where
/// there are no mounts links to it.
pub(super) fn make(plan: &Plan, tier: Tier) -> Result<(), Failure> {
    for step in &plan.steps {
        let Step::Cache { path, zone: _ } = step else { continue };
        let directory = own_directory(path.as_str()).at_path(Stage::Caches, path.as_str())?;
        for step in &plan.steps {
            if let Step::Seed { from, at } = step
                && let Some(below) = at.below(path)
            {
                let made = match tier {
                    Tier::Full | Tier::Bubblewrap => place(&directory, below).map(drop),
                    Tier::Landlock => link(&directory, below, from.as_str()),
                };
                made.at_path(Stage::Caches, at.as_str())?;
            }
        }
        for shown in &plan.shown {
            if let Some(below) = shown.path.below(path) {
                let own = own_file(&shown.path);
                link(&directory, below, &own).at_path(Stage::Caches, shown.path.as_str())?;
                leads(&directory, below, &own).at_path(Stage::Caches, shown.path.as_str())?;
            }
        }
    }
    Ok(())
}

/// Returns where a file of our own is that is seen in the caches: a link there leads to it, because what a mount would
/// stand on an earlier command may have taken away. Its name is the same in every run: another one can have the same caches,
/// and shows other files besides.
pub(super) fn own_file(path: &AbsPath) -> String {
    let digest = Sha256::digest(path.as_str());
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{OWN_FILES}/seen-{digest}")
}

/// Fails where something else stands: an earlier command's directory that is not empty.
fn leads(directory: &OwnedFd, below: &str, to: &str) -> rustix::io::Result<()> {
    let (above, name) = below.rsplit_once('/').unwrap_or(("", below));
    let found = rustix::fs::readlinkat(place(directory, above)?, name, Vec::new());
    if found.is_ok_and(|target| target.as_bytes() == to.as_bytes()) { Ok(()) } else { Err(Errno::EXIST) }
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
fn place(directory: &OwnedFd, below: &str) -> rustix::io::Result<OwnedFd> {
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
    Ok(at)
}

/// Makes a link in the place of an empty directory or of another link. What earlier commands have put there stays.
fn link(directory: &OwnedFd, below: &str, from: &str) -> rustix::io::Result<()> {
    let (above, name) = below.rsplit_once('/').unwrap_or(("", below));
    let at = place(directory, above)?;
    // Another command of the project may be using it.
    if rustix::fs::readlinkat(&at, name, Vec::new()).is_ok_and(|target| target.as_bytes() == from.as_bytes()) {
        return Ok(());
    }
    match rustix::fs::unlinkat(&at, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTDIR) => rustix::fs::unlinkat(&at, name, AtFlags::empty())?,
        Err(Errno::NOTEMPTY | Errno::EXIST) => return Ok(()),
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    match rustix::fs::symlinkat(from, &at, name) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error),
    }
}
