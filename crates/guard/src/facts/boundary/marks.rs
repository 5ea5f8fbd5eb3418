//! Which names matter to the walks, told by the names alone.

use std::collections::BTreeSet;

use policy::path::Along;
use policy::rule::{HeldPath, Sandbox};
use policy::tables::protected;
use policy::{AbsPath, Policy};

use crate::facts::walk::{Kind, Marks};

/// Directories that hold protected names.
pub(super) const HOLDERS: &[&str] =
    &[".git", ".claude", ".palisade", ".codex", ".gemini", ".cursor", ".vscode", ".idea", ".husky", ".cargo"];

/// Names in a repository's own directory that say what git runs.
pub(super) const GIT_NAMES: [&str; 5] = ["config", "config.worktree", "hooks", "commondir", "gitdir"];

/// Which names matter in a writable directory: every name that [`Survey::named`](super::Survey) does anything about.
pub(super) struct Writable<'a> {
    denied: Vec<Along<'a>>,
    /// Protected names that end in this directory: their last parts.
    protected: &'a BTreeSet<String>,
}

impl<'a> Writable<'a> {
    pub(super) fn at(
        directory: &AbsPath,
        policy: &'a Policy,
        project: &AbsPath,
        protected: &'a BTreeSet<String>,
    ) -> Self {
        let Sandbox { deny_read, deny_write, .. } = policy.sandbox();
        let along = |held: &'a HeldPath| held.pattern.along(directory, project, project);
        Self { denied: deny_read.iter().chain(deny_write).map(along).collect(), protected }
    }
}

impl Marks for Writable<'_> {
    fn marks(&self, name: &str, _kind: Kind) -> bool {
        self.protected.contains(name.to_ascii_lowercase().as_str())
            || self.denied.iter().any(|along| along.covers(name))
    }

    fn enters(&self, _name: &str) -> bool {
        true
    }
}

/// Which names matter outside the writable directories: those that one rule covers.
pub(super) struct Outside<'a> {
    along: Along<'a>,
    directory: AbsPath,
    held: &'a HeldPath,
    project: &'a AbsPath,
}

impl<'a> Outside<'a> {
    pub(super) fn at(directory: &AbsPath, held: &'a HeldPath, project: &'a AbsPath) -> Self {
        Self { along: held.pattern.along(directory, project, project), directory: directory.clone(), held, project }
    }
}

impl Marks for Outside<'_> {
    fn marks(&self, name: &str, _kind: Kind) -> bool {
        self.along.covers(name)
    }

    fn enters(&self, name: &str) -> bool {
        let below = self.directory.join(name);
        !self.along.covers(name) && self.held.pattern.could_cover_below(&below, self.project, self.project)
    }
}

/// Returns the names that matter whatever the rules are, in lower case: the last parts of protected names, and what
/// git reads.
pub(super) fn names_that_matter() -> BTreeSet<String> {
    let rows = held_everywhere().filter_map(|row| row.name.rsplit('/').next());
    rows.chain(HOLDERS.iter().copied()).chain(GIT_NAMES.iter().copied()).map(str::to_ascii_lowercase).collect()
}

/// Returns the protected names that a boundary holds.
pub(super) fn held_everywhere() -> impl Iterator<Item = &'static protected::Name> {
    protected::NAMES.iter().filter(|row| row.held == protected::Held::Everywhere)
}
