//! Which names may not be written, and who says so.

use std::collections::{BTreeMap, BTreeSet};

use policy::AbsPath;
use policy::bounds::{Bounds, Why};
use policy::tables::{credentials, git, protected};

use crate::linux::keeper;
use crate::plan::{Plan, Step};

/// Directories of the kernel's own files.
const KERNEL: [&str; 3] = ["dev", "proc", "sys"];

/// Everything that forbids a name.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(super) bounds: Bounds,
    /// The paths that the plan holds, with the reason. A mount holds them too, until somebody outside puts
    /// another file in their place.
    held: BTreeMap<AbsPath, String>,
    /// Those of them that cannot be read or run either.
    hidden: BTreeMap<AbsPath, String>,
    /// Paths in hidden ones that can be.
    reopened: BTreeSet<AbsPath>,
    /// Directories that may be written.
    writable: Vec<AbsPath>,
    /// The private directories: nothing outside reads them, so no name in them is protected. What the settings forbid
    /// counts there.
    private: Vec<AbsPath>,
    /// The private caches, which stay when the command is over: a link in the project may lead a person's git there, so
    /// git's own files are held in them. What else is in them are packages, which run as they are.
    caches: Vec<AbsPath>,
    /// Directories of the host that are seen in the caches: where they are, and where they are seen.
    seeds: Vec<(AbsPath, AbsPath)>,
    /// Stores of credentials that were not there when the command started; nothing where openings are not checked.
    stores: Vec<(AbsPath, &'static str)>,
}

/// Who forbids it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Forbidden {
    /// The rule with its file and line, or the reason.
    pub(super) by: String,
    /// What the file is to git, when nothing else forbids it: some of these may be written with care.
    pub(super) git: Option<git::Role>,
    /// The path from the protected name on, where the table of names forbids it.
    pub(super) row: Option<Tail>,
    /// Whether it is git's directory of hooks itself.
    is_hooks: bool,
    /// Whether it lies in a directory that is a repository by what is in it alone.
    pub(super) is_in_bare: bool,
}

/// A path from a protected name on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) text: String,
    /// Whether it is a protected directory itself.
    is_directory: bool,
}

impl Forbidden {
    /// Returns what forbids a file in a directory that git takes for a repository.
    pub(super) fn in_bare(path: &AbsPath, role: git::Role) -> Self {
        let by = format!("a file of a repository of git ({})", role.why());
        let is_hooks = role == git::Role::Program && path.name() == Some("hooks");
        Self { by, git: Some(role), row: None, is_hooks, is_in_bare: true }
    }

    /// Returns true when an empty directory of this name is harmless.
    pub(super) fn spares_directory(&self) -> bool {
        self.git == Some(git::Role::Pointer) || self.is_hooks || self.row.as_ref().is_some_and(|row| row.is_directory)
    }
}

impl Rules {
    /// Compiles the plan's rules. A rule that cannot be read is an error: nothing runs without it.
    pub(super) fn new(plan: &Plan) -> Result<Self, String> {
        let mut bounds = Bounds::compile(&plan.bounds, &plan.home, &plan.project, &plan.cwd)?;
        let (mut held, mut hidden) = (BTreeMap::new(), BTreeMap::new());
        let (mut writable, mut reopened) = (Vec::new(), BTreeSet::new());
        let mut seeds = Vec::new();
        let (mut private, mut caches) = (vec![AbsPath::root().join("dev/shm")], Vec::new());
        for step in &plan.steps {
            match step {
                Step::ReadOnly { path, why } => {
                    held.entry(path.clone()).or_insert_with(|| why.clone());
                }
                Step::Hide { path, why } => {
                    held.entry(path.clone()).or_insert_with(|| why.clone());
                    hidden.entry(path.clone()).or_insert_with(|| why.clone());
                }
                Step::Veil { path, parts, why } => {
                    // What is opened again in a writable directory is read-only; one around it holds nothing in it.
                    if writable.iter().any(|root| path.is_within(root)) {
                        held.entry(path.clone()).or_insert_with(|| why.clone());
                    }
                    hidden.entry(path.clone()).or_insert_with(|| why.clone());
                    reopened.extend(parts.iter().cloned());
                }
                Step::Writable { path, zone: _ } => writable.push(path.clone()),
                Step::Cache { path, zone: _ } if keeper::is_temporary(path) => private.push(path.clone()),
                Step::Cache { path, zone: _ } => caches.push(path.clone()),
                Step::Private { zone } => private.push(AbsPath::root().join(zone.path())),
                Step::Seed { from, at } => seeds.push((from.clone(), at.clone())),
                Step::Read { .. } | Step::Link { .. } | Step::Pin { .. } | Step::ByKey { .. } => {}
            }
        }
        let mut stores = Vec::new();
        if plan.checks_reads {
            bounds.know_hidden(|path| covering(&hidden, path).is_some());
            stores = credentials::paths(&plan.home).filter(|(path, _)| covering(&hidden, path).is_none()).collect();
        }
        Ok(Self { bounds, held, hidden, reopened, writable, private, caches, seeds, stores })
    }

    /// Returns who forbids that a file is read which no mount hides. In the private places nobody but the command
    /// makes files, and in the kernel's own nobody does.
    pub(super) fn read(&self, path: &AbsPath) -> Option<String> {
        let seen = self.seeds.iter().find_map(|(from, at)| Some(from.join(path.below(at)?.trim_start_matches('/'))));
        let path = seen.as_ref().unwrap_or(path);
        if self.is_unprotected(path) || KERNEL.iter().any(|name| path.segments().next() == Some(name)) {
            return None;
        }
        let store = || self.stores.iter().find(|(store, _)| path.is_within(store));
        let why = self.bounds.late_read(path).map(|why| why.to_string());
        why.or_else(|| store().map(|(_, why)| format!("{why} (built-in credential stores)")))
    }

    /// Returns who forbids that something is read below a directory that loses its name.
    pub(super) fn read_below(&self, path: &AbsPath) -> Option<String> {
        let is_store = |(store, _): &&(AbsPath, &'static str)| store.is_within(path);
        let why = self.bounds.late_read_below(path).map(|why| why.to_string());
        why.or_else(|| self.stores.iter().find(is_store).map(|(_, why)| (*why).to_owned()))
    }

    /// Returns who forbids that this name is written, made, renamed or removed.
    pub(super) fn write(&self, path: &AbsPath) -> Option<Forbidden> {
        if let Some(why) = covering(&self.held, path) {
            return Some(Forbidden { by: why.to_owned(), git: None, row: None, is_hooks: false, is_in_bare: false });
        }
        let why = self.bounds.write(path)?;
        let (git, row) = match why {
            Why::Written(..) => (None, None),
            Why::Git(_) if self.is_private(path) => return None,
            Why::Protected(_) if self.is_unprotected(path) => return None,
            Why::Git(role) => (Some(role), (role == git::Role::Modules).then(|| last(path)).flatten()),
            Why::Protected(row) => (None, tail(row, path)),
        };
        let is_hooks = git == Some(git::Role::Program) && path.name() == Some("hooks");
        Some(Forbidden { by: why.to_string(), git, row, is_hooks, is_in_bare: false })
    }

    /// Returns what the file is to git of which this is the lock: its new form, until it is renamed.
    pub(super) fn locks(&self, path: &AbsPath) -> Option<git::Role> {
        let stem = path.name()?.strip_suffix(".lock")?;
        let role = self.write(&path.parent()?.join(stem))?.git?;
        match role {
            git::Role::Configuration | git::Role::Modules | git::Role::Todo => Some(role),
            git::Role::Pointer | git::Role::CommonDirectory | git::Role::Program => None,
        }
    }

    /// Returns true for a path that nobody outside reads.
    pub(super) fn is_private(&self, path: &AbsPath) -> bool {
        lies_in(path, &self.private) && !self.is_inside(path)
    }

    /// Returns true for a path where no name is protected but those of git.
    fn is_unprotected(&self, path: &AbsPath) -> bool {
        self.is_private(path) || lies_in(path, &self.caches) && !self.is_inside(path)
    }

    /// Returns the rows of names of which a directory of this path would hold the rest, each with that rest.
    pub(super) fn rows_below(&self, path: &AbsPath) -> Vec<(&'static protected::Name, &'static str)> {
        let mut rows = if self.is_private(path) { Vec::new() } else { self.bounds.rows_below(path) };
        if self.is_unprotected(path) {
            rows.retain(|(row, _)| protected::is_of_git(row));
        }
        rows
    }

    /// Returns who could forbid something below a directory that comes to have this name, or loses it.
    pub(super) fn written_below(&self, path: &AbsPath) -> Option<String> {
        self.bounds.written_below(path).map(|why| why.to_string())
    }

    /// Returns true when a rule of the settings, or the plan, holds this name.
    pub(super) fn is_written(&self, path: &AbsPath) -> bool {
        self.write(path).is_some_and(|forbidden| forbidden.git.is_none())
    }

    /// Returns why this file cannot be read or run.
    pub(super) fn hidden(&self, path: &AbsPath) -> Option<&str> {
        let mut above = Some(path.clone());
        while let Some(directory) = above {
            match self.hidden.get(&directory) {
                Some(why) => return Some(why),
                None if self.reopened.contains(&directory) => return None,
                None => above = directory.parent(),
            }
        }
        None
    }

    /// Returns the project.
    pub(super) fn project(&self) -> &AbsPath {
        self.bounds.project()
    }

    /// Returns true when a path lies in a directory that may be written.
    pub(super) fn is_inside(&self, path: &AbsPath) -> bool {
        lies_in(path, &self.writable)
    }
}

fn lies_in(path: &AbsPath, directories: &[AbsPath]) -> bool {
    directories.iter().any(|directory| path.is_within(directory))
}

/// Returns the reason that stands at a path or at a directory above it.
fn covering<'a>(held: &'a BTreeMap<AbsPath, String>, path: &AbsPath) -> Option<&'a str> {
    let mut above = Some(path.clone());
    while let Some(directory) = above {
        if let Some(why) = held.get(&directory) {
            return Some(why);
        }
        above = directory.parent();
    }
    None
}

/// Returns a path from the name of a row on.
fn tail(row: &protected::Name, path: &AbsPath) -> Option<Tail> {
    let segments: Vec<&str> = path.segments().collect();
    let at = protected::begins_at(row, &segments)?;
    let parts = row.name.split('/').count();
    let text = segments.get(at..)?.join("/");
    Some(Tail { text, is_directory: row.directory && at + parts == segments.len() })
}

/// Returns the last name of a path: `.gitmodules` is one that checkouts write as it is.
fn last(path: &AbsPath) -> Option<Tail> {
    let name = path.name().filter(|name| *name == ".gitmodules")?;
    Some(Tail { text: name.to_owned(), is_directory: false })
}
