//! Directories that git takes for a repository by what is in them, whatever they are called.
//!
//! `HEAD` beside `objects` and `refs`, or beside `commondir`, is enough: git then reads `config` there and runs what it
//! names, `hooks` too. So the last of these names is made only where nothing evil lies beside it, and what decides there what
//! git runs is judged as in a `.git`.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};

use policy::AbsPath;
use policy::tables::git::{self, Role};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::place::Entry;
use super::put;
use super::rules::Forbidden;
use super::{Broker, Outcome, refused};
use crate::sys;

/// The names by which git knows a repository.
const MARKERS: [&str; 4] = ["HEAD", "objects", "refs", "commondir"];
/// What decides there what git runs, each with what it is.
const DECIDING: [(&str, Role); 6] = [
    ("config", Role::Configuration),
    ("config.worktree", Role::Configuration),
    ("commondir", Role::Program),
    ("hooks", Role::Program),
    ("info/attributes", Role::Program),
    ("rebase-merge/git-rebase-todo", Role::Todo),
];

/// Whether git takes a directory for a repository. What cannot be told counts as the worse of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bare {
    No,
    Unknown,
    Yes,
}

impl Broker {
    /// Returns who forbids that this name is written, made, renamed or removed: the rules, or what lies beside it.
    pub(super) fn forbids(&self, path: &AbsPath) -> Option<Forbidden> {
        self.rules.write(path).or_else(|| self.forbids_in_bare(path))
    }

    /// Returns what a name is to git in a directory that is a repository by what is in it.
    pub(super) fn forbids_in_bare(&self, path: &AbsPath) -> Option<Forbidden> {
        if self.rules.is_private(path) {
            return None;
        }
        let segments: Vec<&str> = path.segments().collect();
        let (above, role) = DECIDING.iter().find_map(|(name, role)| {
            let parts: Vec<&str> = name.split('/').collect();
            // What lies in a directory of hooks counts as that.
            let ends =
                if *name == "hooks" { [segments.len(), segments.len().saturating_sub(1)] } else { [segments.len(); 2] };
            ends.into_iter().find_map(|end| {
                let start = end.checked_sub(parts.len())?;
                let own = segments.get(start..end)?;
                let is_same = own.iter().zip(&parts).all(|(own, part)| own.eq_ignore_ascii_case(part));
                let is_sample = end < segments.len() && segments.last().is_some_and(|last| last.ends_with(".sample"));
                (is_same && !is_sample).then(|| (segments.get(..start).unwrap_or_default(), *role))
            })
        })?;
        let directory = AbsPath::root().join(&above.join("/"));
        if !is_held_by_name(&directory) && self.is_bare_at(&directory) != Bare::No {
            Some(Forbidden::in_bare(path, role))
        } else {
            None
        }
    }

    /// Returns the refusal to make a name that would make a directory a repository of which something lies there already
    /// that would decide what git runs.
    pub(super) fn completes_bare(&self, entry: &Entry) -> Option<Outcome> {
        let name = entry.path.name()?;
        let marker = MARKERS.into_iter().find(|marker| marker.eq_ignore_ascii_case(name))?;
        let directory = entry.path.parent()?;
        let is_bare = |with| is_bare(entry.directory.as_fd(), with);
        if is_held_by_name(&directory) || is_bare(None) == Bare::Yes || is_bare(Some(marker)) == Bare::No {
            return None;
        }
        let why = self.evil_beside(entry)?;
        let by = format!("with it git takes {directory} for a repository: {why}");
        Some(refused("make", &entry.path, by))
    }

    /// Returns whether git takes the directory of this path for a repository.
    fn is_bare_at(&self, directory: &AbsPath) -> Bare {
        // Of a name that is no text the path holds the letters alone: it may be another directory's.
        if directory.as_str().contains(char::REPLACEMENT_CHARACTER) {
            return Bare::Unknown;
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let how = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.ground.root, directory.as_str(), flags, Mode::empty(), how) {
            Ok(opened) => is_bare(opened.as_fd(), None),
            // One above it was closed to us, or it was moved: the caller may have it open all the same.
            Err(_) => Bare::Unknown,
        }
    }

    /// Returns what beside a marker would decide what git runs.
    fn evil_beside(&self, marker: &Entry) -> Option<String> {
        let directory = &marker.directory;
        let is_there = |name: &str| rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        if marker.path.name().is_some_and(|name| name.eq_ignore_ascii_case("commondir")) || is_there("commondir") {
            return Some(Role::CommonDirectory.why().to_owned());
        }
        for (name, role) in DECIDING {
            if !is_there(name) || (name == "hooks" && self.has_samples_only(marker)) {
                continue;
            }
            if !self.is_innocent_beside(marker, name, role) {
                return Some(format!("`{name}` ({})", role.why()));
            }
        }
        None
    }

    /// Returns true for a file that says what it may, has no other name, and is written by nobody.
    fn is_innocent_beside(&self, marker: &Entry, name: &str, role: Role) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&marker.directory, name, flags, Mode::empty()) else { return false };
        let has_one_name = rustix::fs::fstat(&file).is_ok_and(|stat| stat.st_nlink == 1);
        let path = marker.path.parent().unwrap_or_else(AbsPath::root).join(name);
        has_one_name
            && sys::lease::is_written_by_nobody(file.as_fd())
            && put::read(&file).is_ok_and(|bytes| self.check_git(role, &path, ("", &BTreeSet::new()), &bytes).is_ok())
    }

    /// Looks again at what was made: the broker of another command may have made a repository around it, or put
    /// something evil beside it. Returns the refusal when it has.
    pub(super) fn came_into_bare(&self, entry: &Entry) -> Option<Outcome> {
        let name = entry.path.name()?;
        if let Some(forbidden) = self.forbids_in_bare(&entry.path).filter(|forbidden| !forbidden.spares_directory()) {
            return Some(refused("make", &entry.path, forbidden.by));
        }
        let is_marker = MARKERS.iter().any(|marker| marker.eq_ignore_ascii_case(name));
        let directory = entry.path.parent()?;
        if !is_marker || is_held_by_name(&directory) || is_bare(entry.directory.as_fd(), None) == Bare::No {
            return None;
        }
        let by = format!("with it git takes {directory} for a repository: {}", self.evil_beside(entry)?);
        Some(refused("make", &entry.path, by))
    }

    /// Returns true for a directory of hooks in which nothing is that git runs.
    fn has_samples_only(&self, marker: &Entry) -> bool {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(hooks) = rustix::fs::openat(&marker.directory, "hooks", flags, Mode::empty()) else { return false };
        let Ok(entries) = rustix::fs::Dir::read_from(&hooks) else { return false };
        entries.into_iter().all(|entry| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name().to_bytes();
                matches!(name, b"." | b"..") || name.ends_with(b".sample")
            })
        })
    }
}

/// Returns whether git takes a directory for a repository, with another name in it if one is given.
fn is_bare(directory: BorrowedFd<'_>, with: Option<&str>) -> Bare {
    let has = |name: &str| match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        _ if with == Some(name) => Bare::Yes,
        Ok(_) => Bare::Yes,
        Err(Errno::NOENT) => Bare::No,
        Err(_) => Bare::Unknown,
    };
    has("HEAD").min(has("commondir").max(has("objects").min(has("refs"))))
}

/// Returns true when git holds a directory of this path by its name, whatever is in it.
fn is_held_by_name(path: &AbsPath) -> bool {
    let config = path.join("config");
    git::role(&config.segments().collect::<Vec<_>>()) == Some(Role::Configuration)
}
