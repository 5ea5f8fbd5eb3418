//! What a boundary must hold: existing paths that rules and tables name.

mod marks;
mod programs;
mod reopened;
mod twins;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;

use policy::controls::Reading;
use policy::facts::{BoundaryFacts, Entry, Held};
use policy::layer::{Origin, Scope};
use policy::rule::HeldPath;
use policy::tables::{credentials, protected};
use policy::{AbsPath, Policy};

use super::grants;
use super::resolve::existing;
use super::walk::{self, Failed, Key, Kind, Walks};
use crate::limits;
use crate::place::Place;
use marks::{GIT_NAMES, HOLDERS, Outside, Writable, held_everywhere};
use reopened::{Naming, Opening};

/// Directories that no boundary makes writable as a whole: they hold other programs' sockets and files.
const SHARED: &[&str] =
    &["/tmp", "/var/tmp", "/dev/shm", "/run", "/var", "/etc", "/usr", "/home", "/root", "/opt", "/srv"];

/// Gathers what the boundary must hold for a command in the project.
pub(super) fn gather(policy: &Policy, place: &Place, working: &[AbsPath], beat: &dyn Fn()) -> BoundaryFacts {
    let mut survey = Survey { policy, place, found: Found::default(), beat };
    let key = key(policy, place);
    let bytes = place.kept.as_ref().and_then(|kept| walk::read(kept, &key));
    let mut walks = Walks::open(place.kept.as_ref(), key, bytes.as_deref());
    let result = survey.run(working, &mut walks);
    if result.is_ok() {
        walks.keep();
    }
    let reopened = survey.reopened();
    let (reading, incomplete) = match grants::reading(policy, place) {
        Ok(reading) => (reading, result.err()),
        Err(why) => (Reading::Closed(Vec::new()), Some(result.err().unwrap_or(why))),
    };
    let Found { writable, unreadable, unwritable, .. } = survey.found;
    BoundaryFacts {
        writable,
        unreadable: unreadable.into_values().collect(),
        unwritable: unwritable.into_values().collect(),
        reopened,
        reading,
        caches: grants::caches(place),
        is_proxied: place.is_proxied,
        incomplete,
    }
}

/// Returns the facts of a boundary of which it is not known what it must hold.
pub(super) fn unknown(why: String) -> BoundaryFacts {
    BoundaryFacts {
        writable: Vec::new(),
        unreadable: Vec::new(),
        unwritable: Vec::new(),
        reopened: Vec::new(),
        reading: Reading::Closed(Vec::new()),
        caches: None,
        is_proxied: false,
        incomplete: Some(why),
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
}

/// Returns the key of all that decides which names matter to the walks.
pub(super) fn key(policy: &Policy, place: &Place) -> Key {
    let sandbox = policy.sandbox();
    let patterns = |held: &[HeldPath]| held.iter().map(|held| held.pattern.clone()).collect::<Vec<_>>();
    let names: Vec<&str> = held_everywhere().map(|row| row.name).collect();
    let [denied, unwritable, allowed] = [&sandbox.deny_read, &sandbox.deny_write, &sandbox.allow_read];
    Key::of((&place.project, patterns(denied), patterns(unwritable), patterns(allowed), names))
}

struct Survey<'a> {
    policy: &'a Policy,
    place: &'a Place,
    found: Found,
    /// Called for every directory: the file systems answer.
    beat: &'a dyn Fn(),
}

/// Where a table row or Palisade's own need stands.
fn built_in(file: &str) -> Origin {
    Origin { scope: Scope::Builtin, file: file.to_owned(), line: 0 }
}

impl Survey<'_> {
    fn run(&mut self, working: &[AbsPath], walks: &mut Walks<'_>) -> Result<(), String> {
        self.openings(walks)?;
        self.writable(working)?;
        self.stores()?;
        self.own()?;
        self.programs()?;
        self.directories_of_programs()?;
        self.roots_of_patterns(walks)?;
        for directory in self.found.writable.clone() {
            self.walk(&directory, walks)?;
        }
        self.twins()
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
        for (path, why) in credentials::paths(&self.place.home) {
            self.hide(&path, why, &built_in("built-in credential stores"))?;
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
    fn roots_of_patterns(&mut self, walks: &mut Walks<'_>) -> Result<(), String> {
        let place = self.place;
        for (number, held) in self.policy.sandbox().deny_read.iter().enumerate() {
            for (root, whole) in held.pattern.roots(&place.project, &place.project) {
                if whole {
                    self.hide_by(held, &root, Naming::Exact)?;
                } else if !self.found.writable.iter().any(|directory| root.is_within(directory)) {
                    self.search(&root, held, walks, &format!("outside {number} {root}"))?;
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
    fn search(&mut self, root: &AbsPath, held: &HeldPath, walks: &mut Walks<'_>, name: &str) -> Result<(), String> {
        let project = &self.place.project;
        let mut walk = walks.begin(name.to_owned(), root);
        let mut pending = vec![walk.start()];
        while let Some(step) = pending.pop() {
            (self.beat)();
            let seen = match walk.see(&step, |directory| Outside::at(directory, held, project)) {
                Ok(seen) => seen,
                // What cannot be listed has nothing that can be reached: the command has no more rights than we have.
                Err(Failed::Read(_)) => continue,
                Err(failed) => return Err(told(&failed, &step.path, &held.why)),
            };
            let is_kernel = |path: &AbsPath| ["/proc", "/sys", "/dev"].contains(&path.as_str());
            for named in seen.marked {
                let path = step.path.join(&named.name);
                if !is_kernel(&path) {
                    self.hide_by(held, &path, Naming::Pattern)?;
                }
            }
            let is_passed = |path: &AbsPath| is_kernel(path) || self.found.writable.contains(path);
            pending.extend(seen.directories.into_iter().filter(|below| !is_passed(&below.path)));
        }
        walk.end();
        Ok(())
    }

    /// Walks a writable directory for protected names and for what deny rules cover.
    fn walk(&mut self, root: &AbsPath, walks: &mut Walks<'_>) -> Result<(), String> {
        let (policy, project) = (self.policy, &self.place.project);
        let protected = marks::names_that_matter();
        let mut walk = walks.begin(format!("writable {root}"), root);
        let mut pending = vec![walk.start()];
        while let Some(step) = pending.pop() {
            (self.beat)();
            let seen = match walk.see(&step, |directory| Writable::at(directory, policy, project, &protected)) {
                Ok(seen) => seen,
                Err(Failed::Read(error)) => match error.kind() {
                    ErrorKind::NotFound | ErrorKind::NotADirectory => continue,
                    // Unless the command could open it first because it is the user's own.
                    ErrorKind::PermissionDenied if !is_own(&step.path) => continue,
                    _ => {
                        let path = &step.path;
                        return Err(format!(
                            "{path} must be looked at for what is protected in it, and cannot be: {error}"
                        ));
                    }
                },
                Err(failed) => return Err(told(&failed, &step.path, "the writable directories")),
            };
            for named in seen.marked {
                self.named(&step.path.join(&named.name), named.kind)?;
            }
            let is_entered = |path: &AbsPath| !self.found.unreadable.contains_key(path) || self.opens_below(path);
            pending.extend(seen.directories.into_iter().filter(|below| is_entered(&below.path)));
        }
        walk.end();
        Ok(())
    }

    /// Holds a name in a writable directory, if it is to be held.
    fn named(&mut self, path: &AbsPath, kind: Kind) -> Result<(), String> {
        let (policy, project) = (self.policy, &self.place.project);
        for held in &policy.sandbox().deny_read {
            if held.pattern.covers(path, project, project) && !self.is_settled(held, path) {
                self.hide_by(held, path, Naming::of(held, path, project))?;
            }
        }
        for held in &policy.sandbox().deny_write {
            if held.pattern.covers(path, project, project) {
                self.hold_entry(path, kind, &held.why, &held.origin)?;
            }
        }
        if let Some(row) = protected_here(path, &self.place.project) {
            self.hold_entry(path, kind, row.why, &built_in("built-in protected names"))?;
        }
        self.git(path, kind)
    }

    /// What git reads from other places than the names in the table: a `.git` that is a file or a link, the
    /// configuration of submodules and worktrees, and what a configuration includes.
    fn git(&mut self, path: &AbsPath, kind: Kind) -> Result<(), String> {
        let table = built_in("built-in protected names");
        let name = path.name().unwrap_or_default();
        let holds_names = HOLDERS.iter().any(|holder| name.eq_ignore_ascii_case(holder));
        if holds_names && kind == Kind::Link {
            return Err(format!(
                "{path} is a symbolic link and would hold protected names, which no boundary can keep: put the \
                 directory itself there"
            ));
        }
        if name == ".git" && kind == Kind::File {
            return self.hold_entry(path, kind, "says where git finds its configuration and hooks", &table);
        }
        let within = |holder: &[&str]| path.segments().any(|segment| holder.contains(&segment));
        if !within(&[".git"]) || within(&["refs", "logs", "objects"]) {
            return Ok(());
        }
        if GIT_NAMES.contains(&name) {
            self.hold_entry(path, kind, "git's configuration and hooks run programs", &table)?;
        }
        if name == "config" && kind == Kind::File {
            for named in configured(path)? {
                if let Ok(Some((real, entry))) = existing(&named) {
                    self.hold(real, entry, "git's configuration names it", &table)?;
                }
            }
        }
        Ok(())
    }

    fn hold_entry(&mut self, path: &AbsPath, kind: Kind, why: &str, origin: &Origin) -> Result<(), String> {
        if kind == Kind::Link {
            return Err(format!(
                "{path} is protected ({why}) and is a symbolic link, which no boundary can hold: put the file itself there"
            ));
        }
        let entry = if kind == Kind::Directory { Entry::Directory } else { Entry::File };
        self.hold(path.clone(), entry, why, origin)
    }
}

fn told(failed: &Failed, path: &AbsPath, whose: &str) -> String {
    match failed {
        Failed::Read(error) => format!("{path} cannot be listed: {error}"),
        Failed::Strange => format!("{path} holds a directory whose name is not UTF-8"),
        Failed::TooMany => format!(
            "more than {} files would have to be looked at for {whose}: start in a narrower directory, or write the rule more narrowly",
            limits::WALK_ENTRIES_MAX
        ),
    }
}

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
fn protected_here(path: &AbsPath, project: &AbsPath) -> Option<&'static protected::Name> {
    let segments: Vec<&str> = path.segments().collect();
    let known = if path.is_within(project) { project } else { path }.segments().count();
    let is_in_package = protected::is_in_package(&segments, known);
    held_everywhere().filter(|row| !is_in_package || row.name.starts_with(".git/")).find(|row| {
        let parts: Vec<&str> = row.name.split('/').collect();
        segments.len() >= parts.len()
            && segments.iter().rev().zip(parts.iter().rev()).all(|(left, right)| left.eq_ignore_ascii_case(right))
    })
}

/// Returns the protected names that exist directly in these directories.
///
/// Where there is no broker a name that does not exist cannot be held: whoever runs a command compares before and after.
pub fn protected_names(directories: &[AbsPath]) -> Vec<AbsPath> {
    directories
        .iter()
        .flat_map(|directory| held_everywhere().map(|row| directory.join(row.name)))
        .filter(|path| std::fs::symlink_metadata(path.as_str()).is_ok())
        .collect()
}

#[cfg(test)]
mod tests;
