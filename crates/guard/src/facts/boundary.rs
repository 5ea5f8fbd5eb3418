//! What a boundary must hold: existing paths that rules and tables name.

use std::collections::BTreeMap;

use policy::facts::{BoundaryFacts, Entry, Held};
use policy::layer::{Origin, Scope};
use policy::rule::HeldPath;
use policy::tables::{credentials, protected};
use policy::{AbsPath, Policy};

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
    let Found { writable, unreadable, unwritable, .. } = survey.found;
    BoundaryFacts {
        writable,
        unreadable: unreadable.into_values().collect(),
        unwritable: unwritable.into_values().collect(),
        incomplete: result.err(),
    }
}

#[derive(Default)]
struct Found {
    writable: Vec<AbsPath>,
    unreadable: BTreeMap<AbsPath, Held>,
    unwritable: BTreeMap<AbsPath, Held>,
    entries: usize,
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
            if let Ok(Some((real, entry))) = existing(path) {
                self.hold(real, entry, "Palisade's own file", &built_in("palisade"));
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
                    self.hide(&root, &held.why, &held.origin)?;
                } else if !self.found.writable.iter().any(|directory| root.is_within(directory)) {
                    self.search(&root, held)?;
                }
            }
        }
        for held in &self.policy.sandbox().deny_write {
            for (root, whole) in held.pattern.roots(&place.project, &place.project) {
                if whole && let Some((real, entry)) = existing(&root).map_err(|error| error.to_string())? {
                    self.hold(real, entry, &held.why, &held.origin);
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
        if self.found.writable.iter().any(|directory| directory.is_within(&real)) {
            return Err(format!("{why} ({}) hides {real}, which holds a directory that must be writable", origin.file));
        }
        let held = Held { path: real.clone(), entry, why: why.to_owned(), origin: origin.clone() };
        self.found.unreadable.entry(real).or_insert(held);
        Ok(())
    }

    /// Holds an existing path against writing, if it lies where writing is possible.
    fn hold(&mut self, real: AbsPath, entry: Entry, why: &str, origin: &Origin) {
        if self.found.writable.iter().any(|directory| real.is_within(directory)) {
            let held = Held { path: real.clone(), entry, why: why.to_owned(), origin: origin.clone() };
            self.found.unwritable.entry(real).or_insert(held);
        }
    }

    /// Looks below a directory outside the writable ones for what a Read deny covers.
    fn search(&mut self, root: &AbsPath, held: &HeldPath) -> Result<(), String> {
        let project = &self.place.project;
        let mut pending = vec![root.clone()];
        while let Some(directory) = pending.pop() {
            for (path, kind) in self.children(&directory, &held.why)? {
                let is_kernel = ["/proc", "/sys", "/dev"].contains(&path.as_str());
                if is_kernel || self.found.writable.contains(&path) {
                    continue;
                }
                if held.pattern.covers(&path, project, project) {
                    self.hide(&path, &held.why, &held.origin)?;
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
            for (path, kind) in self.children(&directory, "the writable directories")? {
                for held in &policy.sandbox().deny_read {
                    if held.pattern.covers(&path, &project, &project) {
                        self.hide(&path, &held.why, &held.origin)?;
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
                if kind.is_dir() && !self.found.unreadable.contains_key(&path) {
                    pending.push(path);
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
        self.hold(path.clone(), entry, why, origin);
        Ok(())
    }

    /// Returns the entries of a directory; one that may not be listed has none that can be reached.
    fn children(&mut self, directory: &AbsPath, whose: &str) -> Result<Vec<(AbsPath, std::fs::FileType)>, String> {
        let Ok(listing) = std::fs::read_dir(directory.as_str()) else { return Ok(Vec::new()) };
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
