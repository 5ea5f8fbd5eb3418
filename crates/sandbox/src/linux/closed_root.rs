//! The root of the closed profile: a file system of our own that holds only the places of mounts, and links.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::failure::{At, Failure};
use super::tree;
use crate::error::Step as Stage;
use crate::limits::CLOSED_ROOT_SIZE;
use crate::plan::{Hatch, Plan, Step, Zone};

/// Directories that the boundary mounts over in every profile.
const ALWAYS: [&str; 5] = ["/dev", "/proc", "/tmp", "/var/tmp", "/run"];

/// Makes the root, not mounted yet, with a place for every mount. A link is there as on the host.
pub(super) fn make(plan: &Plan) -> Result<OwnedFd, Failure> {
    let options = [("mode", "0755"), ("size", CLOSED_ROOT_SIZE)];
    let root = tree::new_file_system("tmpfs", &options, MountAttrFlags::empty()).at(Stage::PrivateFiles)?;
    for path in ALWAYS {
        directory(&root, path).at_path(Stage::PrivateFiles, path)?;
    }
    for step in &plan.steps {
        match step {
            Step::Read { path, why: _ } => place(&root, path.as_str())?,
            // In a private place the place is made there.
            Step::Writable { path, zone: None } | Step::Cache { path, zone: None } => {
                directory(&root, path.as_str()).at_path(Stage::PrivateFiles, path.as_str())?;
            }
            Step::Link { path, target } => {
                link(&root, path.as_str(), target).at_path(Stage::PrivateFiles, path.as_str())?
            }
            Step::Writable { zone: Some(_), .. }
            | Step::Cache { zone: Some(_), .. }
            | Step::Private { .. }
            | Step::Seed { .. }
            | Step::Pin { .. }
            | Step::ReadOnly { .. }
            | Step::ByKey { .. }
            | Step::Hide { .. }
            | Step::Veil { .. } => {}
        }
    }
    for hatch in &plan.hatches {
        match hatch {
            Hatch::Path(path) if Zone::of(path).is_none() => place(&root, path.as_str())?,
            Hatch::Path(_) | Hatch::Port(_) | Hatch::Calls => {}
        }
    }
    link(&root, Zone::VarRun.path(), Zone::Run.path()).at_path(Stage::PrivateFiles, Zone::VarRun.path())?;
    Ok(root)
}

/// Makes the place for a path of the host: a directory for a directory, a file for anything else. The host's files
/// are still where they are.
fn place(root: &OwnedFd, path: &str) -> Result<(), Failure> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other.at_path(Stage::PrivateFiles, path)?,
    };
    let found = tree::identity(found.as_fd()).at_path(Stage::PrivateFiles, path)?;
    if found.is_directory {
        return directory(root, path).map(drop).at_path(Stage::PrivateFiles, path);
    }
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let above = directory(root, above).at_path(Stage::PrivateFiles, path)?;
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(&above, name, flags, Mode::from_raw_mode(0o444)).map(drop).at_path(Stage::PrivateFiles, path)
}

/// Makes a directory with those above it, and opens it.
fn directory(root: &OwnedFd, path: &str) -> rustix::io::Result<OwnedFd> {
    let mut at = tree::resolve(root.as_fd(), "/")?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        match rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        at = tree::resolve(at.as_fd(), name)?;
    }
    Ok(at)
}

fn link(root: &OwnedFd, path: &str, target: &str) -> rustix::io::Result<()> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let above = directory(root, above)?;
    match rustix::fs::symlinkat(target, &above, name) {
        // A place for something else is there.
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}
