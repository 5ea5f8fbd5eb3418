//! What is known about the world when a call is decided. Gathered by `guard`, read here.

mod removal;

use std::collections::BTreeMap;

use crate::controls::{Caches, Reading};
use crate::path::AbsPath;
pub use removal::{Removal, RemovalKind};

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The home directory.
    pub home: AbsPath,
    /// The directory the session started in: the project.
    pub project: AbsPath,
    /// The project and every additional directory, resolved.
    pub working_directories: Vec<AbsPath>,
    /// For each path that the action names: what it resolves to. A path that is missing here could
    /// not be looked at, and counts as unknown.
    pub resolved: BTreeMap<AbsPath, Resolved>,
    /// For each directory that the action means as a whole: what lies below it that a path rule which
    /// tightens covers.
    pub found_below: BTreeMap<AbsPath, Below>,
    /// For each shell pattern of the action, as written: what it matches now that is a link, lies behind one, or is
    /// run later; for `DIRECTORY/**`, the links below a directory in which links are followed, and below those.
    /// A pattern that is missing here was not expanded, a directory not looked at to its end.
    pub links_matched: BTreeMap<String, Vec<AbsPath>>,
    /// What the parts that destroy something would destroy now.
    pub removals: Vec<Removal>,
    /// Whether a person can answer a question.
    pub person: Person,
    /// The mode that the session is in, if it says so; otherwise the settings decide.
    pub mode: Option<crate::mode::Mode>,
    /// What the boundary needs, when the command is to run inside one.
    pub boundary: Option<BoundaryFacts>,
}

impl Facts {
    /// Returns what is known when nothing of the world was looked at.
    pub fn unknown(home: AbsPath, project: AbsPath, person: Person) -> Self {
        Self {
            home,
            working_directories: vec![project.clone()],
            project,
            resolved: BTreeMap::new(),
            found_below: BTreeMap::new(),
            links_matched: BTreeMap::new(),
            removals: Vec::new(),
            person,
            mode: None,
            boundary: None,
        }
    }
}

/// What lies below a directory that a path rule which tightens covers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Below {
    /// What was found.
    pub files: Vec<AbsPath>,
    /// True when everything below was looked at: there is nothing else.
    pub complete: bool,
}

/// What a path resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The path with every symbolic link followed; for a path that does not exist yet, the real
    /// directory it would be made in with the rest of the path appended.
    pub real: AbsPath,
    /// What stands there.
    pub entry: Entry,
    /// Further names through which the path passes: each symbolic link's own target on the way.
    pub hops: Vec<AbsPath>,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Missing,
    /// A regular file, or anything else that is no directory.
    File,
    /// A directory.
    Directory,
}

/// Whether a person can answer a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// The speaker has a way to ask (the agent's own prompt, a terminal).
    Present,
    /// Nobody can be asked: a question becomes a refusal.
    Absent,
}

/// What the boundary needs to know of the file system. Every path is resolved and exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundaryFacts {
    /// Directories that may be written.
    pub writable: Vec<AbsPath>,
    /// Paths that must not be readable, with the rule or table row that says so.
    pub unreadable: Vec<Held>,
    /// Paths below a writable directory that must not be written, with the rule or row that says so.
    pub unwritable: Vec<Held>,
    /// Paths inside unreadable ones that are readable again.
    pub reopened: Vec<AbsPath>,
    /// What may be read.
    pub reading: Reading,
    /// Where package managers keep what they fetch and build.
    pub caches: Option<Caches>,
    /// Whether connections go by the proxy; else there are none.
    pub is_proxied: bool,
    /// Why the file system could not be looked at far enough; the boundary is refused.
    pub incomplete: Option<String>,
}

/// A path that the boundary holds, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The path.
    pub path: AbsPath,
    /// What stands there.
    pub entry: Entry,
    /// The rule's text or the table row's reason.
    pub why: String,
    /// Where that is written.
    pub origin: crate::layer::Origin,
}
