//! A hidden directory in which some parts are seen again.

use std::os::fd::{AsFd, OwnedFd};

use policy::AbsPath;
use rustix::fs::{FileType, Mode};
use rustix::io::Errno;

use super::failure::{At, Failure};
use super::mount::{self, Mounts};
use super::tree::{self, Identity, NODEV, NOEXEC, NOSUID, RDONLY};
use crate::error::Step as Stage;
use crate::plan::Shown;

/// A part, taken from where it is before anything covers it.
struct Part<'a> {
    path: &'a AbsPath,
    identity: Identity,
    mount: OwnedFd,
}

impl Mounts {
    /// Covers a directory with one of our own, in which these parts are mounted again, read-only, and files of our own are.
    ///
    /// 1. take the parts, as they are seen now;
    /// 2. make a directory in the vault, and in it a mount point for each, and the files;
    /// 3. mount it over the hidden one, closed for writing;
    /// 4. mount the parts.
    pub(super) fn veil(&mut self, path: &str, parts: &[AbsPath], files: &[&Shown]) -> Result<(), Failure> {
        let Some(target) = self.present(path, Stage::Hide)? else { return Ok(()) };
        let mut taken = Vec::with_capacity(parts.len());
        for part in parts {
            if let Some(source) = self.present(part.as_str(), Stage::Hide)? {
                taken.push(take(part, &source)?);
            }
        }
        let name = format!("veil-{}", self.covers);
        self.covers += 1;
        let mask = self.make_mask(&name, path, &taken, files).at_path(Stage::Hide, path)?;
        let mount = tree::copy_named(self.vault.as_fd(), &name).at_path(Stage::Hide, path)?;
        tree::restrict_one(mount.as_fd(), RDONLY | NOSUID | NODEV | NOEXEC).at_path(Stage::Hide, path)?;
        tree::attach(mount.as_fd(), target.as_fd()).at_path(Stage::Hide, path)?;
        self.expect(path, mask, true, false);
        for Part { path, identity, mount } in taken {
            let target = tree::resolve(self.root.as_fd(), path.as_str()).at_path(Stage::Hide, path.as_str())?;
            tree::attach(mount.as_fd(), target.as_fd()).at_path(Stage::Hide, path.as_str())?;
            self.expect(path.as_str(), identity, true, false);
        }
        Ok(())
    }

    /// Makes the directory that is seen instead of the hidden one, with a mount point for each part.
    fn make_mask(&self, name: &str, path: &str, parts: &[Part<'_>], files: &[&Shown]) -> std::io::Result<Identity> {
        rustix::fs::mkdirat(&self.vault, name, Mode::from_raw_mode(0o755))?;
        let mask = tree::resolve(self.vault.as_fd(), name)?;
        let outer = AbsPath::root().join(path);
        for part in parts {
            let Some((at, last)) = make_above(&mask, part.path, &outer)? else { continue };
            if part.identity.is_directory {
                make_directory(&at, last)?;
            } else {
                rustix::fs::mknodat(&at, last, FileType::RegularFile, Mode::empty(), 0)?;
            }
        }
        for file in files {
            let is_in_part = parts.iter().any(|part| file.path.is_within(part.path));
            match make_above(&mask, &file.path, &outer)? {
                Some((at, last)) if !is_in_part => mount::make_file(&at, last, &file.content)?,
                Some(_) | None => {}
            }
        }
        Ok(tree::identity(mask.as_fd())?)
    }
}

fn take<'a>(path: &'a AbsPath, source: &OwnedFd) -> Result<Part<'a>, Failure> {
    let identity = tree::identity(source.as_fd()).at_path(Stage::Hide, path.as_str())?;
    let mount = tree::copy(source.as_fd()).at_path(Stage::Hide, path.as_str())?;
    tree::restrict_all(mount.as_fd(), RDONLY | NOSUID | NODEV).at_path(Stage::Hide, path.as_str())?;
    Ok(Part { path, identity, mount })
}

/// Makes the directories above a path in the mask of a directory. Returns the last of them, and the path's name.
fn make_above<'a>(
    mask: &OwnedFd,
    path: &'a AbsPath,
    outer: &AbsPath,
) -> rustix::io::Result<Option<(OwnedFd, &'a str)>> {
    let below = path.below(outer).unwrap_or_default();
    let (directories, last) = below.rsplit_once('/').unwrap_or(("", below));
    if last.is_empty() {
        return Ok(None);
    }
    let mut at = tree::resolve(mask.as_fd(), ".")?;
    for directory in directories.split('/').filter(|name| !name.is_empty()) {
        make_directory(&at, directory)?;
        at = tree::resolve(at.as_fd(), directory)?;
    }
    Ok(Some((at, last)))
}

fn make_directory(at: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    match rustix::fs::mkdirat(at, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error),
    }
}
