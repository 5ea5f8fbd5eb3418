//! Git's own files: a configuration is taken over with the keys that may be set, and what is data when it is data.

use std::collections::BTreeSet;
use std::os::fd::AsFd;

use policy::AbsPath;
use policy::tables::git::Role;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, ResolveFlags};

use super::decode::Errno;
use super::place::{Entry, Found};
use super::put::{self, read, read_named};
use super::{Broker, Outcome, refused};
use crate::git;

fn errno(error: rustix::io::Errno) -> Errno {
    error.raw_os_error()
}

/// The text that stands for a configuration that is not there.
const NOTHING: &str = "";

impl Broker {
    /// Returns true when a path, with its links followed, is in a directory that may be written.
    pub(super) fn leads_inside(&self, path: &AbsPath) -> bool {
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

    /// Returns true when a configuration may name this directory as that of the files: of a submodule alone, whose files
    /// git keeps apart. The kernel says where the name leads, as it will to git: `link/..` is not where the link lies.
    fn is_worktree(&self, configuration: &AbsPath, target: &str) -> bool {
        let segments: Vec<&str> = configuration.segments().collect();
        if !policy::tables::git::is_nested(&segments) {
            return false;
        }
        let target = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("{}/{target}", configuration.parent().unwrap_or_else(AbsPath::root)),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let how = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.ground.root, target, flags, Mode::empty(), how).is_ok_and(
            |found| matches!(self.ground.path_of(found.as_fd()), Ok(Some(real)) if self.rules.is_inside(&real)),
        )
    }

    /// Looks whether this may come to stand at a path in the place of what is there.
    /// `own` are the keys that this run has set.
    pub(super) fn check_git(
        &self,
        role: Role,
        path: &AbsPath,
        (old, own): (&str, &BTreeSet<String>),
        new: &[u8],
    ) -> Result<(), String> {
        let text = || std::str::from_utf8(new).map_err(|_| "it is no text".to_owned());
        match role {
            Role::Configuration => {
                let is_inside = |target: &str| self.is_worktree(path, target);
                git::check(old, text()?, is_inside, |key| own.contains(key))
            }
            Role::Modules => git::check_modules(text()?),
            Role::Todo => git::check_next(path.name().unwrap_or_default(), new),
            Role::Pointer | Role::CommonDirectory | Role::Program => Err("it is written by no caller".to_owned()),
        }
    }

    /// Remembers what this run has set: it may be changed and taken away again.
    pub(super) fn know_own(&mut self, entry: &Entry, old: Option<&str>, new: &[u8], own: (bool, BTreeSet<String>)) {
        let (was_made, mut keys) = own;
        keys.extend(git::added(old.unwrap_or(NOTHING), &String::from_utf8_lossy(new)));
        self.own.put(entry, was_made || old.is_none(), keys);
    }

    /// Puts what the caller wrote in the place of another, if the rules for such a file let it. The file that comes
    /// there is a new one: the caller has none of it open.
    pub(super) fn adopt(
        &mut self,
        (source, from): (&Found, &Entry),
        to: &Entry,
        role: Role,
        flags: RenameFlags,
    ) -> Result<Outcome, Errno> {
        let new = read_named(source)?;
        let reading = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let old = match rustix::fs::openat(&to.directory, to.name.as_slice(), reading, Mode::empty()) {
            Ok(file) => Some(read(&file)?),
            Err(rustix::io::Errno::NOENT) => None,
            Err(error) => return Err(errno(error)),
        };
        let old = match (role, old) {
            (Role::Configuration, Some(old)) => Some(String::from_utf8(old).map_err(|_| libc::EILSEQ)?),
            (_, Some(_)) => Some(String::new()),
            (_, None) => None,
        };
        let own = self.own.take(to);
        let checked = self.check_git(role, &to.path, (old.as_deref().unwrap_or(NOTHING), &own.1), &new);
        if let Err(why) = checked {
            self.own.put(to, own.0, own.1);
            return Ok(refused("change", &to.path, format!("{}: {why}", role.why())));
        }
        put::in_place_of(from, to, (&new, source.mode), flags)?;
        if role == Role::Configuration {
            self.know_own(to, old.as_deref(), &new, own);
        }
        Ok(Outcome::Done)
    }

    /// Returns true when a configuration holds nothing that could not be set again from inside, or was made by this
    /// very run: a clone that is not wanted any more.
    pub(super) fn may_lose_configuration(&self, found: &Found, entry: &Entry) -> bool {
        let text = || String::from_utf8(read_named(found).ok()?).ok();
        let is_innocent = || text().is_some_and(|text| git::is_innocent_whole(&text));
        !self.rules.is_written(&entry.path) && (self.own.made(&found.file) || is_innocent())
    }
}

/// Removes a name; one that is not there is removed.
pub(super) fn remove(entry: &Entry) -> Result<(), Errno> {
    match rustix::fs::unlinkat(&entry.directory, entry.name.as_slice(), AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(errno(error)),
    }
}

/// Returns the path under which an open file can be opened or linked again.
pub(super) fn again(file: &impl std::os::fd::AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Gives a file without a name this one, if it is free.
pub(super) fn name(file: &std::os::fd::OwnedFd, entry: &Entry) -> Result<(), Errno> {
    let (directory, name) = (&entry.directory, entry.name.as_slice());
    rustix::fs::linkat(CWD, again(file), directory, name, AtFlags::SYMLINK_FOLLOW).map_err(errno)
}
