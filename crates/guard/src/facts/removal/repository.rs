//! What a repository of git holds that a command would take from it, read from its files.

#![expect(clippy::disallowed_methods, reason = "a repository's own files are looked at here, among the facts")]

use std::collections::BTreeMap;
use std::path::Path;

use policy::AbsPath;
use policy::facts::Removal;

use super::index::Tracked;
use super::tree::list;
use crate::facts::resolve;
use crate::limits;

/// The repositories that were looked into for one call.
#[derive(Debug, Default)]
pub(super) struct Repositories {
    /// For each directory the root of the repository that it lies in.
    roots: BTreeMap<AbsPath, Option<AbsPath>>,
    /// For each root what git tracks; `None` where its index is not understood.
    tracked: BTreeMap<AbsPath, Option<Tracked>>,
}

impl Repositories {
    /// Returns what git tracks in the repository that a path lies in.
    pub(super) fn of(&mut self, path: &AbsPath) -> Option<&Tracked> {
        let directory = path.parent().unwrap_or_else(AbsPath::root);
        let root = self.roots.entry(directory).or_insert_with_key(resolve::git_root).clone()?;
        self.at(&root)
    }

    fn at(&mut self, root: &AbsPath) -> Option<&Tracked> {
        self.tracked.entry(root.clone()).or_insert_with_key(Tracked::read).as_ref()
    }
}

/// Adds what git does not track below a directory, as `git clean` takes it: nothing in another repository.
pub(super) fn untracked(top: &AbsPath, directories: bool, repositories: &mut Repositories, removal: &mut Removal) {
    let Some(root) = resolve::git_root(top) else {
        removal.unknown = true;
        return;
    };
    let Some(tracked) = repositories.at(&root) else {
        removal.more = true;
        return;
    };
    let mut open = vec![top.clone()];
    let mut looked_at = 0;
    while let Some(path) = open.pop() {
        let Ok(found) = std::fs::symlink_metadata(path.as_str()) else { continue };
        looked_at += 1;
        if looked_at > limits::REMOVED_ENTRIES_MAX {
            removal.more = true;
            return;
        }
        if !found.is_dir() {
            if tracked.entry(&path).is_none() {
                removal.files += 1;
                removal.bytes += found.len();
            }
            continue;
        }
        let is_other = path != root && std::fs::symlink_metadata(path.join(".git").as_str()).is_ok();
        let has_tracked = path == root || tracked.has_below(&path);
        if is_other || path == root.join(".git") || !(has_tracked || directories) {
            continue;
        }
        removal.directories += usize::from(!has_tracked && path != *top);
        let (names, complete) = list(&path);
        removal.more |= !complete;
        open.extend(names.iter().map(|name| path.join(name)));
    }
}

/// Adds the tracked files at or below a path that changed since git last looked at them.
pub(super) fn uncommitted(top: &AbsPath, repositories: &mut Repositories, removal: &mut Removal) {
    let Some(tracked) = resolve::git_root(top).and_then(|root| repositories.at(&root)) else {
        removal.unknown = true;
        return;
    };
    let tracked_now = removal.tracked.get_or_insert(0);
    for (path, entry) in tracked.below(top) {
        *tracked_now += 1;
        if *tracked_now > limits::REMOVED_ENTRIES_MAX {
            removal.more = true;
            return;
        }
        if let Ok(found) = std::fs::symlink_metadata(path.as_str())
            && entry.differs_from(&found)
        {
            removal.changed += 1;
            removal.bytes += found.len();
        }
    }
}

/// Counts the stash: each line of its log is an entry.
pub(super) fn stashes(directory: Option<&AbsPath>, all: bool, removal: &mut Removal) {
    let Some(common) = directory.and_then(common_directory) else {
        removal.unknown = true;
        return;
    };
    let log = common.join("logs/refs/stash");
    removal.of = match read(&log) {
        Read::Text(text) => text.lines().count(),
        Read::Absent => 0,
        Read::Unreadable => {
            removal.unknown = true;
            0
        }
    };
    removal.entries = if all { removal.of } else { removal.of.min(1) };
}

/// Counts those of the branches that are there.
pub(super) fn branches(directory: Option<&AbsPath>, names: Option<&[String]>, removal: &mut Removal) {
    let (Some(common), Some(names)) = (directory.and_then(common_directory), names) else {
        removal.unknown = true;
        return;
    };
    let packed = match read(&common.join("packed-refs")) {
        Read::Text(text) => text,
        Read::Absent => String::new(),
        Read::Unreadable => {
            removal.unknown = true;
            return;
        }
    };
    // Other ways to keep references than files are not read.
    removal.unknown |= Path::new(common.join("reftable").as_str()).exists();
    for name in names {
        let reference = format!("refs/heads/{name}");
        let is_packed = packed.lines().any(|line| line.split_once(' ').is_some_and(|(_, own)| own == reference));
        let is_there =
            is_packed || std::fs::metadata(common.join(&reference).as_str()).is_ok_and(|found| found.is_file());
        removal.entries += usize::from(is_there);
    }
}

/// A small file of the repository.
enum Read {
    Text(String),
    Absent,
    Unreadable,
}

fn read(path: &AbsPath) -> Read {
    match std::fs::metadata(path.as_str()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Read::Absent,
        Ok(found) if found.is_file() && found.len() <= limits::INDEX_BYTES_MAX => std::fs::read(path.as_str())
            .map_or(Read::Unreadable, |bytes| Read::Text(String::from_utf8_lossy(&bytes).into_owned())),
        Ok(_) | Err(_) => Read::Unreadable,
    }
}

/// Returns the directory that all work trees of a repository share.
fn common_directory(directory: &AbsPath) -> Option<AbsPath> {
    let own = git_directory(&resolve::git_root(directory)?)?;
    match read(&own.join("commondir")) {
        Read::Text(text) => Some(own.join(text.trim())),
        Read::Absent => Some(own),
        Read::Unreadable => None,
    }
}

/// Returns the directory that holds the index: `.git`, or where it points in a worktree or submodule.
pub(super) fn git_directory(root: &AbsPath) -> Option<AbsPath> {
    let git = root.join(".git");
    let found = std::fs::metadata(git.as_str()).ok()?;
    if found.is_dir() {
        return Some(git);
    }
    if !found.is_file() || found.len() > limits::GIT_CONFIG_BYTES_MAX {
        return None;
    }
    let text = std::fs::read_to_string(git.as_str()).ok()?;
    Some(root.join(text.strip_prefix("gitdir:")?.trim()))
}
