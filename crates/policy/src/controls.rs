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
    /// What may be read.
    pub reading: Reading,
    /// What happens to files that come under a Read rule while the command runs.
    pub late_reads: LateReads,
    /// Where package managers keep what they fetch and build; `None` where they have no place of their own.
    pub caches: Option<Caches>,
    /// Names of layers without which nothing runs.
    pub require: Vec<String>,
    /// What the command may reach.
    pub network: Network,
    /// How much it may take.
    pub limits: Limits,
}

/// What may be read, apart from what must not be readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Everything.
    Open,
    /// These paths, the writable directories and the private caches. Nothing else is there.
    Closed(Vec<Readable>),
}

/// What happens to files that come under a Read rule while the command runs: no mount hides these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LateReads {
    /// No rule could come to cover a file.
    None,
    /// They can be read; these are the rules, each with its place.
    Open(Vec<String>),
    /// Every opening for reading is held against these rules.
    Checked(Vec<String>),
}

/// A path that is there in the closed profile, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// The path. The directories on the way are no links.
    pub path: AbsPath,
    /// Where it leads when it is a symbolic link; then it is there as one.
    pub link: Option<String>,
    /// The rule's text or the table row's reason.
    pub why: String,
}

/// A directory of the project's own for package managers, and what of the host's is seen in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caches {
    /// The directory. It need not exist yet: whoever runs the command makes it.
    pub directory: AbsPath,
    /// Directories of the host that are seen in it, read-only.
    pub seeds: Vec<Seed>,
}

/// A directory of the host that is seen at a private place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// The directory, resolved.
    pub from: AbsPath,
    /// Where it is seen, below the private directory.
    pub at: AbsPath,
}

/// What the command may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// Its own loopback interface and nothing else.
    None,
    /// Its own loopback interface, and on it the sockets of a proxy that judges every connection.
    Proxied {
        /// Ports at which programs that know no proxy are taken to it.
        captured: Vec<u16>,
    },
}
