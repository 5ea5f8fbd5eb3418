//! What `allowRead` opens again inside what `denyRead` hides, and what Edit rules open for writing.

use policy::AbsPath;
use policy::facts::{Entry, Held};
use policy::rule::HeldPath;

use super::marks::Outside;
use super::{SHARED, Survey, existing, told};
use crate::facts::walk::{Failed, Walks};

/// An existing path that may be read again.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    path: AbsPath,
    naming: Naming,
}

/// How an entry names a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// By its own name.
    Exact,
    /// By a pattern, which is wider.
    Pattern,
}

impl Naming {
    pub(super) fn of(held: &HeldPath, path: &AbsPath, project: &AbsPath) -> Self {
        let is_root = |(root, whole): (AbsPath, bool)| whole && root == *path;
        if held.pattern.roots(project, project).into_iter().any(is_root) { Self::Exact } else { Self::Pattern }
    }
}

impl Survey<'_> {
    /// Looks up what may be read again; nothing where nothing yields.
    pub(super) fn openings(&mut self, walks: &mut Walks<'_>) -> Result<(), String> {
        let policy = self.policy;
        if !policy.sandbox().deny_read.iter().any(|held| held.yields) {
            return Ok(());
        }
        let project = &self.place.project;
        for (number, held) in policy.sandbox().allow_read.iter().enumerate() {
            for (root, whole) in held.pattern.roots(project, project) {
                if whole {
                    self.open(&root, Naming::Exact);
                } else {
                    self.open_matches(&root, held, walks, &format!("open {number} {root}"))?;
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, path: &AbsPath, naming: Naming) {
        // What is not there, or may not be looked at, is not opened.
        if let Ok(Some((real, _))) = existing(path) {
            self.found.openings.push(Opening { path: real, naming });
        }
    }

    fn open_matches(
        &mut self,
        root: &AbsPath,
        held: &HeldPath,
        walks: &mut Walks<'_>,
        name: &str,
    ) -> Result<(), String> {
        let project = &self.place.project;
        let mut walk = walks.begin(name.to_owned(), root);
        let mut pending = vec![walk.start()];
        while let Some(step) = pending.pop() {
            (self.beat)();
            let seen = match walk.see(&step, |directory| Outside::at(directory, held, project)) {
                Ok(seen) => seen,
                // What cannot be listed is not opened.
                Err(Failed::Read(_)) => continue,
                Err(failed) => return Err(told(&failed, &step.path, &held.why)),
            };
            for named in seen.marked {
                self.open(&step.path.join(&named.name), Naming::Pattern);
            }
            pending.extend(seen.directories);
        }
        walk.end();
        Ok(())
    }

    /// Hides a path that a rule or an entry covers. One that yields gives way to what names the very path, or
    /// something in it, more narrowly.
    pub(super) fn hide_by(&mut self, held: &HeldPath, path: &AbsPath, naming: Naming) -> Result<(), String> {
        if !held.yields {
            return self.hide(path, &held.why, &held.origin);
        }
        let Ok(Some((real, entry))) = existing(path) else { return self.hide(path, &held.why, &held.origin) };
        let is_narrower = |opening: &Opening| opening.path == real && opening.naming == Naming::Exact;
        if naming == Naming::Pattern && self.found.openings.iter().any(is_narrower) {
            return Ok(());
        }
        self.give_up_closed_trees(&real);
        let is_closed = |directory: &&AbsPath| directory.is_within(&real) && !self.is_opened(directory, &real);
        if let Some(directory) = self.found.writable.iter().find(is_closed) {
            return Err(format!(
                "{} ({}) hides {real}, which holds {directory}, which must be writable: \
                 `sandbox.filesystem.allowRead` opens it again",
                held.why, held.origin.file
            ));
        }
        if real.name().is_none() {
            return Err(format!("{} ({}) hides `/`, without which nothing runs", held.why, held.origin.file));
        }
        if !self.found.unreadable.contains_key(&real) {
            let held = Held { path: real.clone(), entry, why: held.why.clone(), origin: held.origin.clone() };
            self.found.yielding.insert(real.clone());
            self.found.unreadable.insert(real, held);
        }
        Ok(())
    }

    /// Returns true when a path lies in what may be read again strictly inside a hidden directory.
    fn is_opened(&self, path: &AbsPath, hidden: &AbsPath) -> bool {
        let opens = |opening: &Opening| {
            opening.path != *hidden && opening.path.is_within(hidden) && path.is_within(&opening.path)
        };
        self.found.openings.iter().any(opens)
    }

    /// Returns true when something strictly below a hidden directory may be read again.
    pub(super) fn opens_below(&self, hidden: &AbsPath) -> bool {
        self.found.openings.iter().any(|opening| opening.path != *hidden && opening.path.is_within(hidden))
    }

    /// Returns what is readable again: what lies in something that yields and in nothing that does not.
    pub(super) fn reopened(&self) -> Vec<AbsPath> {
        let found = &self.found;
        let firm = || found.unreadable.keys().filter(|path| !found.yielding.contains(*path));
        let is_open = |path: &AbsPath| {
            found.yielding.iter().any(|hidden| path != hidden && path.is_within(hidden))
                && !firm().any(|hidden| path.is_within(hidden))
        };
        let mut paths: Vec<AbsPath> =
            found.openings.iter().map(|opening| opening.path.clone()).filter(is_open).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Returns true when an entry that yields covers the directory that holds the path: then that is hidden, and
    /// what lies in it is so by that, or is opened again.
    pub(super) fn is_settled(&self, held: &HeldPath, path: &AbsPath) -> bool {
        let project = &self.place.project;
        held.yields && path.parent().is_some_and(|parent| held.pattern.covers(&parent, project, project))
    }

    /// Makes the directories writable that Edit rules allow with everything in them.
    ///
    /// A rule is about edits, and was not written to open a whole system: what is shared, holds the home directory
    /// or is reached through a link that the rule does not cover stays as it is, and so does what a narrower
    /// pattern names, because no mount opens a part of a directory's names.
    pub(super) fn edit_trees(&mut self) {
        let (place, policy) = (self.place, self.policy);
        for held in &policy.sandbox().edit_allowed {
            for (root, whole) in held.pattern.roots(&place.project, &place.project) {
                let Ok(Some((real, Entry::Directory))) = existing(&root) else { continue };
                let is_covered = whole && held.pattern.covers(&real, &place.project, &place.project);
                let is_known = self.found.writable.iter().any(|directory| real.is_within(directory));
                if is_covered && !is_known && !self.is_too_much(&real) {
                    self.found.trees.insert(real.clone());
                    self.found.writable.push(real);
                }
            }
        }
    }

    fn is_too_much(&self, directory: &AbsPath) -> bool {
        let place = self.place;
        let is_shared = SHARED.contains(&directory.as_str()) || directory.segments().count() < 2;
        let is_kernel = ["/dev", "/proc", "/sys"].iter().any(|name| directory.is_within(&AbsPath::root().join(name)));
        let holds_journal = place.own_unreadable.iter().any(|own| own.is_within(directory));
        // What of Palisade's own is not there yet cannot be held.
        let is_missing = |own: &&AbsPath| own.is_within(directory) && !matches!(existing(own), Ok(Some(_)));
        let holds_missing = place.own_unwritable.iter().any(|own| is_missing(&own));
        is_shared || is_kernel || holds_journal || holds_missing || place.home.is_within(directory)
    }

    /// Takes back the same where it is hidden and not opened again.
    fn give_up_closed_trees(&mut self, hidden: &AbsPath) {
        let is_closed = |tree: &&AbsPath| tree.is_within(hidden) && !self.is_opened(tree, hidden);
        let closed: Vec<AbsPath> = self.found.trees.iter().filter(is_closed).cloned().collect();
        self.found.writable.retain(|directory| !closed.contains(directory));
    }

    /// Takes back what only an Edit rule opens, where something holds it: a deny wins.
    pub(super) fn give_up_trees(&mut self, held: &AbsPath) {
        let trees = &self.found.trees;
        self.found.writable.retain(|directory| !(trees.contains(directory) && directory.is_within(held)));
    }
}
