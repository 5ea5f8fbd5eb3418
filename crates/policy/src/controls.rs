//! What the boundary must hold for a permitted command. Made by `decide`, carried by the permit.

pub mod limits;

use crate::bounds::Bound;
use crate::facts::Held;
use crate::path::AbsPath;

pub use limits::Limits;

/// Everything that confines a command. No field has a default: whoever takes it apart names them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controls {
    /// The directory the command starts in.
    pub cwd: AbsPath,
    /// The home directory as the command sees it.
    pub home: AbsPath,
    /// Directories that may be written; everything else is read-only.
    pub writable: Vec<AbsPath>,
    /// Existing paths that must not be readable.
    pub unreadable: Vec<Held>,
    /// Existing paths that must not be written, though they lie in a writable directory.
    pub unwritable: Vec<Held>,
    /// Existing paths inside unreadable ones that are readable again: of two that hold a path the inner one
    /// counts. Not writable by that.
    pub reopened: Vec<AbsPath>,
    /// The project, at which relative rules hang.
    pub project: AbsPath,
    /// The rules that bind what does not exist yet and the programs that the command starts.
    pub bounds: Vec<Bound>,
    /// Names of layers without which nothing runs.
    pub require: Vec<String>,
    /// What the command may reach.
    pub network: Network,
    /// How much it may take.
    pub limits: Limits,
}

/// What the command may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Its own loopback interface and nothing else.
    None,
}
