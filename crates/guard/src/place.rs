//! Where a session stands.

use policy::AbsPath;

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
}

/// Where it is kept what walks saw, so that the next command need not walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// A directory for nothing else, below one of those that nothing inside a boundary may see.
    pub directory: AbsPath,
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
}
