//! Where a session stands.

use policy::AbsPath;
use sha2::{Digest, Sha256};

use crate::facts::resolve::resolve;

/// Where a session stands. The program fills it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The home directory.
    pub home: AbsPath,
    /// The directory the session started in, links resolved.
    pub project: AbsPath,
    /// Palisade's own files that nothing inside a boundary may write: its binary and its settings.
    pub own_unwritable: Vec<AbsPath>,
    /// Palisade's own files that nothing inside a boundary may see: its journal.
    pub own_unreadable: Vec<AbsPath>,
    /// Where it is kept what walks saw; without it every walk is a fresh one.
    pub kept: Option<Kept>,
    /// The directories that the environment looks for programs in.
    pub programs: Vec<AbsPath>,
    /// What commands inside a boundary may read.
    pub profile: Profile,
    /// Where package managers keep what they fetch and build, inside a boundary; without it they have no such place.
    pub caches: Option<CachePlace>,
    /// Whether commands inside a boundary reach hosts by the proxy; else they reach nothing.
    pub is_proxied: bool,
}

/// What commands inside a boundary may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// Everything that no rule and no table hides.
    Open,
    /// What programs need to run, what Read rules allow, and these directories.
    Closed(Vec<Named>),
}

/// A directory that the environment names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The directory.
    pub path: AbsPath,
    /// What names it.
    pub why: String,
}

/// Where package managers keep what they fetch and build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachePlace {
    /// The directory of all projects' places.
    pub directory: AbsPath,
    /// Where the variables of the environment say that the host has such things.
    pub host: Vec<(String, AbsPath)>,
    /// Directories of the host that are seen there besides, each with its place below the project's own.
    pub more: Vec<(AbsPath, String)>,
}

impl CachePlace {
    /// Returns the project's own directory; `None` where what leads to it cannot be followed.
    pub fn of(&self, project: &AbsPath) -> Option<AbsPath> {
        let digest = Sha256::digest(project.as_str());
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        // It is made when it is needed, below a directory that must be no link.
        Some(resolve(&self.directory).ok()?.real.join(&name))
    }
}

/// Where it is kept what walks saw, so that the next command need not walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// A directory for nothing else, below one of those that nothing inside a boundary may see.
    pub directory: AbsPath,
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
}
