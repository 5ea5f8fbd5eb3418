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
}
