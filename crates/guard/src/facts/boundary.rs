//! What a boundary must hold: existing paths that rules and tables name.

mod reopened;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;

use policy::facts::{BoundaryFacts, Entry, Held};
use policy::layer::{Origin, Scope};
use policy::rule::HeldPath;
use policy::tables::{credentials, protected};
use policy::{AbsPath, Policy};

use reopened::{Naming, Opening};

use super::resolve::existing;
use crate::limits;
use crate::place::Place;

/// Directories that no boundary makes writable as a whole: they hold other programs' sockets and files.
const SHARED: &[&str] =
    &["/tmp", "/var/tmp", "/dev/shm", "/run", "/var", "/etc", "/usr", "/home", "/root", "/opt", "/srv"];

/// Gathers what the boundary must hold for a command in the project.
pub(super) fn gather(policy: &Policy, place: &Place, working: &[AbsPath]) -> BoundaryFacts {
    let mut survey = Survey { policy, place, found: Found::default() };
    let result = survey.run(working);
    let reopened = survey.reopened();
    let Found { writable, unreadable, unwritable, .. } = survey.found;
    BoundaryFacts {
        writable,
        unreadable: unreadable.into_values().collect(),
        unwritable: unwritable.into_values().collect(),
        reopened,
        incomplete: result.err(),
    }
}

#[derive(Default)]
struct Found {
    writable: Vec<AbsPath>,
    unreadable: BTreeMap<AbsPath, Held>,
    unwritable: BTreeMap<AbsPath, Held>,
    /// Those of the unreadable ones that yield to what may be read again.
    yielding: BTreeSet<AbsPath>,
    /// What may be read again inside those that yield.
    openings: Vec<Opening>,
    /// Those of the writable directories that only an Edit rule names.
    trees: BTreeSet<AbsPath>,
    entries: usize,
}

/// Where a directory is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// Where the command can change nothing.
    Outside,
    /// Where it can.
    Writable,
}

struct Survey<'a> {
    policy: &'a Policy,
    place: &'a Place,
    found: Found,
}

/// Where a table row or Palisade's own need stands.
fn built_in(file: &str) -> Origin {
    Origin { scope: Scope::Builtin, file: file.to_owned(), line: 0 }
}

impl Survey<'_> {
    fn run(&mut self, working: &[AbsPath]) -> Result<(), String> {
        self.openings()?;
        self.writable(working)?;
        self.stores()?;
        self.own()?;
        self.roots_of_patterns()?;
        for directory in self.found.writable.clone() {
            self.walk(&directory)?;
        }
        Ok(())
    }

    fn writable(&mut self, working: &[AbsPath]) -> Result<(), String> {
        let written = self.policy.sandbox().allow_write.iter().map(|entry| entry.value.clone());
        for directory in working.iter().cloned().chain(written) {
            let Some((real, entry)) = existing(&directory).map_err(|error| error.to_string())? else { continue };
            if entry != Entry::Directory {
                continue;
            }
            let holds_home = self.place.home.is_within(&real);
            let is_shared = SHARED.contains(&real.as_str()) || real.name().is_none();
            if holds_home || is_shared {
                return Err(format!("{real} cannot be made writable as a whole: start in a project's own directory"));
            }
            if !self.found.writable.contains(&real) {
                self.found.writable.push(real);
            }
        }
        self.edit_trees();
        Ok(())
    }

    /// The built-in credential stores that exist.
    fn stores(&mut self) -> Result<(), String> {
        for store in credentials::STORES {
            let path = match store.path.strip_prefix("~/") {
                Some(rest) => self.place.home.join(rest),
                None => AbsPath::root().join(store.path),
            };
            self.hide(&path, store.why, &built_in("built-in credential stores"))?;
        }
        Ok(())
    }

    /// Palisade's own files.
    fn own(&mut self) -> Result<(), String> {
        for path in &self.place.own_unreadable {
            self.hide(path, "Palisade's journal", &built_in("palisade"))?;
        }
        for path in &self.place.own_unwritable {
            let lies_open = self.found.writable.iter().any(|directory| path.is_within(directory));
            if lies_open && matches!(existing(path), Ok(None)) {
                return Err(format!(
                    "{path} is Palisade's own and is not there, in a directory that must be writable: make it first"
                ));
            }
            if let Ok(Some((real, entry))) = existing(path) {
                self.hold(real, entry, "Palisade's own file", &built_in("palisade"))?;
            }
        }
        Ok(())
    }

    /// Patterns that name one path, or that hang outside the writable directories.
    fn roots_of_patterns(&mut self) -> Result<(), String> {
        let place = self.place;
        for held in &self.policy.sandbox().deny_read {
            for (root, whole) in held.pattern.roots(&place.project, &place.project) {
                if whole {
                    self.hide_by(held, &root, Naming::Exact)?;
                } else if !self.found.writable.iter().any(|directory| root.is_within(directory)) {
                    self.search(&root, held)?;
                }
            }
        }
        for held in &self.policy.sandbox().deny_write {
            for (root, whole) in held.pattern.roots(&place.project, &place.project) {
                if whole && let Some((real, entry)) = existing(&root).map_err(|error| error.to_string())? {
                    self.hold(real, entry, &held.why, &held.origin)?;
                }
            }
        }
        Ok(())
    }

    /// Hides an existing path, wherever its links lead.
    fn hide(&mut self, path: &AbsPath, why: &str, origin: &Origin) -> Result<(), String> {
        let found = match existing(path) {
            Ok(found) => found,
            // What we may not look at, the command may not either: it has no more rights than we have.
            Err(super::Unresolved::Look { .. }) => None,
            Err(error) => return Err(error.to_string()),
        };
        let Some((real, entry)) = found else { return Ok(()) };
        self.give_up_trees(&real);
        if self.found.writable.iter().any(|directory| directory.is_within(&real)) {
            return Err(format!("{why} ({}) hides {real}, which holds a directory that must be writable", origin.file));
        }
        let held = Held { path: real.clone(), entry, why: why.to_owned(), origin: origin.clone() };
        // Of two that hide a path the one that does not yield counts.
        if self.found.yielding.remove(&real) {
            self.found.unreadable.insert(real, held);
        } else {
            self.found.unreadable.entry(real).or_insert(held);
        }
        Ok(())
    }

    /// Holds an existing path against writing, if it lies where writing is possible.
    fn hold(&mut self, real: AbsPath, entry: Entry, why: &str, origin: &Origin) -> Result<(), String> {
        self.give_up_trees(&real);
        if let Some(directory) = self.found.writable.iter().find(|directory| directory.is_within(&real)) {
            return Err(format!(
                "{why} ({}) forbids writing {real}, which holds {directory}, which must be writable",
                origin.file
            ));
        }
        if self.found.writable.iter().any(|directory| real.is_within(directory)) {
            if entry == Entry::File && has_other_names(&real) {
                return Err(format!(
                    "{real} must not be written ({why}) and has another name, a hard link, which no boundary can hold: remove the other name"
                ));
            }
            let held = Held { path: real.clone(), entry, why: why.to_owned(), origin: origin.clone() };
            self.found.unwritable.entry(real).or_insert(held);
        }
        Ok(())
    }

    /// Looks below a directory outside the writable ones for what a Read deny covers.
    fn search(&mut self, root: &AbsPath, held: &HeldPath) -> Result<(), String> {
        let project = &self.place.project;
        let mut pending = vec![root.clone()];
        while let Some(directory) = pending.pop() {
            for (path, kind) in self.children(&directory, &held.why, Listing::Outside)? {
                let is_kernel = ["/proc", "/sys", "/dev"].contains(&path.as_str());
                if is_kernel {
                    continue;
                }
                if held.pattern.covers(&path, project, project) {
                    self.hide_by(held, &path, Naming::Pattern)?;
                } else if self.found.writable.contains(&path) {
                    continue;
                } else if kind.is_dir() && held.pattern.could_cover_below(&path, project, project) {
                    pending.push(path);
                }
            }
        }
        Ok(())
    }

    /// Walks a writable directory for protected names and for what deny rules cover.
    fn walk(&mut self, root: &AbsPath) -> Result<(), String> {
        let project = self.place.project.clone();
        let policy = self.policy;
        let mut pending = vec![root.clone()];
        while let Some(directory) = pending.pop() {
            for (path, kind) in self.children(&directory, "the writable directories", Listing::Writable)? {
                for held in &policy.sandbox().deny_read {
                    if held.pattern.covers(&path, &project, &project) && !self.is_settled(held, &path) {
                        self.hide_by(held, &path, Naming::of(held, &path, &project))?;
                    }
                }
                for held in &policy.sandbox().deny_write {
                    if held.pattern.covers(&path, &project, &project) {
                        self.hold_entry(&path, kind, &held.why, &held.origin)?;
                    }
                }
                if let Some(row) = protected_here(&path) {
                    self.hold_entry(&path, kind, row.why, &built_in("built-in protected names"))?;
                }
                self.git(&path, kind)?;
                if kind.is_dir() && (!self.found.unreadable.contains_key(&path) || self.opens_below(&path)) {
                    pending.push(path);
                }
            }
        }
        Ok(())
    }

    /// What git reads from other places than the names in the table: a `.git` that is a file or a link, the
    /// configuration of submodules and worktrees, and what a configuration includes.
    fn git(&mut self, path: &AbsPath, kind: std::fs::FileType) -> Result<(), String> {
        let table = built_in("built-in protected names");
        let name = path.name().unwrap_or_default();
        let holds_names = HOLDERS.iter().any(|holder| name.eq_ignore_ascii_case(holder));
        if holds_names && kind.is_symlink() {
            return Err(format!(
                "{path} is a symbolic link and would hold protected names, which no boundary can keep: put the \
                 directory itself there"
            ));
        }
        if name == ".git" && kind.is_file() {
            return self.hold_entry(path, kind, "says where git finds its configuration and hooks", &table);
        }
        let within = |holder: &[&str]| path.segments().any(|segment| holder.contains(&segment));
        if !within(&[".git"]) || within(&["refs", "logs", "objects"]) {
            return Ok(());
        }
        if matches!(name, "config" | "config.worktree" | "hooks" | "commondir" | "gitdir") {
            self.hold_entry(path, kind, "git's configuration and hooks run programs", &table)?;
        }
        if name == "config" && kind.is_file() {
            for named in configured(path)? {
                if let Ok(Some((real, entry))) = existing(&named) {
                    self.hold(real, entry, "git's configuration names it", &table)?;
                }
            }
        }
        Ok(())
    }

    fn hold_entry(
        &mut self,
        path: &AbsPath,
        kind: std::fs::FileType,
        why: &str,
        origin: &Origin,
    ) -> Result<(), String> {
        if kind.is_symlink() {
            return Err(format!(
                "{path} is protected ({why}) and is a symbolic link, which no boundary can hold: put the file itself there"
            ));
        }
        let entry = if kind.is_dir() { Entry::Directory } else { Entry::File };
        self.hold(path.clone(), entry, why, origin)
    }

    /// Returns the entries of a directory. One that may not be listed has none that can be reached, unless
    /// the command could open it first because it is the user's own.
    fn children(
        &mut self,
        directory: &AbsPath,
        whose: &str,
        place: Listing,
    ) -> Result<Vec<(AbsPath, std::fs::FileType)>, String> {
        let listing = match std::fs::read_dir(directory.as_str()) {
            Ok(listing) => listing,
            Err(error) => match (place, error.kind()) {
                (_, ErrorKind::NotFound | ErrorKind::NotADirectory) | (Listing::Outside, _) => return Ok(Vec::new()),
                (Listing::Writable, ErrorKind::PermissionDenied) if !is_own(directory) => return Ok(Vec::new()),
                (Listing::Writable, _) => {
                    return Err(format!(
                        "{directory} must be looked at for what is protected in it, and cannot be: {error}"
                    ));
                }
            },
        };
        let mut children = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|error| format!("{directory} cannot be listed: {error}"))?;
            self.found.entries += 1;
            if self.found.entries > limits::WALK_ENTRIES_MAX {
                return Err(format!(
                    "more than {} files would have to be looked at for {whose}: start in a narrower directory, or write the rule more narrowly",
                    limits::WALK_ENTRIES_MAX
                ));
            }
            let kind = entry.file_type().map_err(|error| format!("{directory} cannot be listed: {error}"))?;
            match entry.file_name().to_str() {
                Some(name) => children.push((directory.join(name), kind)),
                // No rule can name it; a directory by such a name may still hold what a rule names.
                None if kind.is_dir() => return Err(format!("{directory} holds a directory whose name is not UTF-8")),
                None => {}
            }
        }
        Ok(children)
    }
}

/// Directories that hold protected names.
const HOLDERS: &[&str] =
    &[".git", ".claude", ".palisade", ".codex", ".gemini", ".cursor", ".vscode", ".idea", ".husky", ".cargo"];

/// Returns the hooks directory and the included files that a git configuration names.
#[expect(clippy::disallowed_methods, reason = "what it names must be held as the configuration itself is")]
fn configured(config: &AbsPath) -> Result<Vec<AbsPath>, String> {
    let mut text = Vec::new();
    let read = std::fs::File::open(config.as_str())
        .and_then(|file| file.take(limits::GIT_CONFIG_BYTES_MAX).read_to_end(&mut text));
    read.map_err(|error| format!("{config} cannot be looked at: {error}"))?;
    let directory = config.join("..");
    let tree = directory.join("..");
    let lines = String::from_utf8_lossy(&text).into_owned();
    let named = lines.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.trim().trim_matches('"');
        match key.trim().to_ascii_lowercase().as_str() {
            "hookspath" => Some(tree.join(value)),
            "path" => Some(directory.join(value)),
            _ => None,
        }
    });
    Ok(named.collect())
}

/// Returns true when a directory belongs to the user, who could give himself the right to list it.
#[expect(clippy::disallowed_methods, reason = "this is `guard::facts`")]
fn is_own(path: &AbsPath) -> bool {
    let own = rustix::process::geteuid().as_raw();
    std::fs::metadata(path.as_str()).map_or(true, |found| found.uid() == own)
}

/// Returns true when a file has further names.
fn has_other_names(path: &AbsPath) -> bool {
    std::fs::symlink_metadata(path.as_str()).is_ok_and(|found| found.nlink() > 1)
}

/// Returns the row of the protected names that holds exactly this path.
fn protected_here(path: &AbsPath) -> Option<&'static protected::Name> {
    let segments: Vec<&str> = path.segments().collect();
    protected::NAMES.iter().filter(|row| row.held == protected::Held::Everywhere).find(|row| {
        let parts: Vec<&str> = row.name.split('/').collect();
        segments.len() >= parts.len()
            && segments.iter().rev().zip(parts.iter().rev()).all(|(left, right)| left.eq_ignore_ascii_case(right))
    })
}

/// Returns the protected names that exist directly in these directories.
///
/// A name that does not exist cannot be held yet: whoever runs a command compares before and after.
pub fn protected_names(directories: &[AbsPath]) -> Vec<AbsPath> {
    let everywhere = || protected::NAMES.iter().filter(|row| row.held == protected::Held::Everywhere);
    directories
        .iter()
        .flat_map(|directory| everywhere().map(|row| directory.join(row.name)))
        .filter(|path| std::fs::symlink_metadata(path.as_str()).is_ok())
        .collect()
}

#[cfg(test)]
mod tests;
