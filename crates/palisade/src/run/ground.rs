//! Files and sockets of the host that a person's settings name. What a command can write can be laid by one that ran before, or
//! changed by one that runs beside: no way leads over it unseen.

use core::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use guard::{Followed, Unresolved};
use policy::controls::Reading;
use policy::facts::Held;
use policy::{AbsPath, Controls};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::secrets;
use crate::setup::Setup;

/// What commands can write, and what they must not see.
#[derive(Debug)]
pub(super) struct Ground {
    /// Directories that commands may write.
    written: Vec<AbsPath>,
    /// Paths in them that commands cannot write.
    held: Vec<AbsPath>,
    unreadable: Vec<AbsPath>,
    reopened: Vec<AbsPath>,
    /// What is there inside besides what is written; everything where nothing is said.
    readable: Option<Vec<AbsPath>>,
}

/// What is there, opened as no more than that.
#[derive(Debug)]
pub(super) struct Found {
    /// Its path with every link followed.
    pub(super) real: AbsPath,
    pub(super) file: OwnedFd,
}

/// Why something is not used.
#[derive(Debug)]
pub(super) enum Lost {
    Missing,
    /// Its path cannot be followed.
    Unresolved,
    /// A link on the way is in the hands of commands.
    Link(AbsPath),
    /// The file is.
    Written(AbsPath),
    /// Its path changed while it was looked at.
    Changed,
    World(io::Error),
}

impl fmt::Display for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("it is not there"),
            Self::Unresolved => formatter.write_str("its path cannot be followed"),
            Self::Link(link) => write!(formatter, "{link} is a link that a command could have laid"),
            Self::Written(path) => write!(formatter, "a command could have written {path}"),
            Self::Changed => formatter.write_str("its path changed while it was looked at"),
            Self::World(error) => write!(formatter, "{error}"),
        }
    }
}

impl Ground {
    /// Returns the ground of one command. The caches of other projects are written by their commands.
    pub(super) fn of(setup: &Setup, controls: &Controls) -> Self {
        let paths = |held: &[Held]| held.iter().map(|held| held.path.clone()).collect::<Vec<_>>();
        let caches = ["palisade/projects", "palisade/agents"].map(|below| setup.environment.cache_home().join(below));
        let own = controls.caches.iter().map(|caches| caches.directory.clone());
        let unreadable = paths(&controls.unreadable);
        Self {
            written: controls.writable.iter().cloned().chain(own).chain(caches).collect(),
            held: [unreadable.clone(), paths(&controls.unwritable)].concat(),
            unreadable,
            reopened: controls.reopened.clone(),
            readable: match &controls.reading {
                Reading::Open => None,
                Reading::Closed(readable) => Some(readable.iter().map(|one| one.path.clone()).collect()),
            },
        }
    }

    /// Opens what a path leads to. A link that commands can lay leads nowhere.
    pub(super) fn find(&self, path: &AbsPath) -> Result<Found, Lost> {
        let Followed { real, links } = guard::follow(path).map_err(|unresolved| match unresolved {
            Unresolved::Missing(_) => Lost::Missing,
            Unresolved::Look { source, .. } => Lost::World(source),
            Unresolved::Utf8(_) | Unresolved::Links(_) => Lost::Unresolved,
        })?;
        if let Some(link) = links.into_iter().find(|link| self.is_written(link)) {
            return Err(Lost::Link(link));
        }
        let how = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // What was looked at can be another by now: a link in its place is not followed.
        match rustix::fs::openat2(CWD, real.as_str(), flags, Mode::empty(), how) {
            Ok(file) => Ok(Found { real, file }),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(Lost::Missing),
            Err(Errno::LOOP) => Err(Lost::Changed),
            Err(error) => Err(Lost::World(error.into())),
        }
    }

    /// Reads a file that says whom to believe: none that commands can write.
    pub(super) fn read(&self, path: &AbsPath) -> Result<Vec<u8>, Lost> {
        let Found { real, file } = self.find(path)?;
        if self.is_written(&real) {
            return Err(Lost::Written(real));
        }
        let opened = AbsPath::root().join(&format!("proc/self/fd/{}", file.as_raw_fd()));
        secrets::read(&opened).map_err(Lost::World)
    }

    /// Returns the path for which another is hidden.
    pub(super) fn hides(&self, path: &AbsPath) -> Option<&AbsPath> {
        let depth = |path: &AbsPath| path.segments().count();
        let innermost = |list: &'_ [AbsPath]| list.iter().filter(|held| path.is_within(held)).map(depth).max();
        let hidden = self.unreadable.iter().filter(|held| path.is_within(held)).max_by_key(|held| depth(held))?;
        (innermost(&self.reopened) < Some(depth(hidden))).then_some(hidden)
    }

    /// Returns whether the host's file at a path is there inside, as far as it is not hidden.
    pub(super) fn has(&self, path: &AbsPath) -> bool {
        let is_below = |list: &[AbsPath]| list.iter().any(|one| path.is_within(one));
        self.readable.as_ref().is_none_or(|readable| is_below(readable) || is_below(&self.written))
    }

    /// Returns whether commands can write at a path. Of what lies in a writable directory they cannot where something
    /// further in holds it.
    fn is_written(&self, path: &AbsPath) -> bool {
        let is_held = |root: &AbsPath| self.held.iter().any(|held| path.is_within(held) && held.is_within(root));
        self.written.iter().any(|root| path.is_within(root) && !is_held(root))
    }
}

#[cfg(test)]
mod tests;
