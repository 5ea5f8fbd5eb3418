//! How one boundary is built, and what its launcher found outside for the inside to compare.

/// How a boundary is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The boundary process makes everything itself.
    Full,
    /// Another program has made namespaces and mounts, and this is what must be found in them.
    Bubblewrap(Outside),
    /// There are no namespaces.
    Landlock,
}

/// What the launcher found outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outside {
    /// Its namespaces, as the kernel names them.
    pub(crate) namespaces: Vec<String>,
    /// The files that the plan is about.
    pub(crate) found: Vec<Found>,
}

/// A file, and what must hold for it inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) device: (u32, u32),
    pub(crate) inode: u64,
    pub(crate) holds: Holds,
}

/// What must hold for a path inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The same file is there, on a mount of its own that can be written.
    Writable,
    /// The same directory is there, on a mount of its own.
    Pinned,
    /// The same file is there, on a mount of its own that cannot be written.
    ReadOnly,
    /// The same file is there, on a mount of its own that cannot be written; nothing depends on its staying.
    Shown,
    /// Something else is there, on a mount of its own that cannot be written.
    Replaced,
    /// Nothing is there.
    Absent,
    /// Something else is there, which nobody may open.
    Closed,
    /// The same file is there, and is this standard stream.
    Input(i32),
}
