//! What is in a directory, as far as it matters.

use std::borrow::Cow;
use std::fs::File;
use std::io;

use policy::AbsPath;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::stamp::{Stamp, Stamps};
use crate::limits;

/// What stands by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// Anything else.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
}

/// A name that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Named<'k> {
    pub(in super::super) name: Cow<'k, str>,
    pub(in super::super) kind: Kind,
}

/// What was seen in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Listed<'k> {
    /// How many names there were.
    pub(super) names: usize,
    /// The names that matter, sorted.
    pub(super) marked: Vec<Named<'k>>,
    /// The directories that can be walked on to, sorted.
    pub(super) directories: Vec<Cow<'k, str>>,
}

/// Which names matter, told by the names alone.
pub(in super::super) trait Marks {
    /// Returns true when a name matters.
    fn marks(&self, name: &str, kind: Kind) -> bool;
    /// Returns true when the walk may go on to a directory of this name.
    fn enters(&self, name: &str) -> bool;
}

/// Why a directory could not be seen.
#[derive(Debug)]
pub(in super::super) enum Failed {
    /// It cannot be opened or read.
    Read(io::Error),
    /// It holds a directory whose name is no text.
    Strange,
    /// More names were looked at than may be.
    TooMany,
}

/// Reads a directory. The stamp is of the very directory that was read.
pub(super) fn list<'k>(
    path: &AbsPath,
    follow: bool,
    marks: &impl Marks,
    stamps: &mut Stamps,
) -> Result<(Option<Stamp>, Listed<'k>), Failed> {
    let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    flags.set(OFlags::NOFOLLOW, !follow);
    let directory =
        rustix::fs::open(path.as_str(), flags, Mode::empty()).map_err(|error| Failed::Read(error.into()))?;
    let directory = File::from(directory);
    let stamp = stamps.before(&directory);
    let mut listed = Listed::default();
    for entry in Dir::read_from(&directory).map_err(|error| Failed::Read(error.into()))? {
        let entry = entry.map_err(|error| Failed::Read(error.into()))?;
        let bytes = entry.file_name().to_bytes();
        if matches!(bytes, b"." | b"..") {
            continue;
        }
        listed.names += 1;
        if listed.names > limits::WALK_ENTRIES_MAX {
            return Err(Failed::TooMany);
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match rustix::fs::statat(&directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => FileType::from_raw_mode(found.st_mode),
                Err(rustix::io::Errno::NOENT) => continue,
                Err(error) => return Err(Failed::Read(error.into())),
            },
            known => known,
        };
        let kind = match kind {
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::File,
        };
        match std::str::from_utf8(bytes) {
            Ok(name) => {
                if marks.marks(name, kind) {
                    listed.marked.push(Named { name: Cow::Owned(name.to_owned()), kind });
                }
                if kind == Kind::Directory && marks.enters(name) {
                    listed.directories.push(Cow::Owned(name.to_owned()));
                }
            }
            // No rule can name it; a directory by such a name may still hold what a rule names.
            Err(_) if kind == Kind::Directory => return Err(Failed::Strange),
            Err(_) => {}
        }
    }
    listed.marked.sort_by(|left, right| left.name.cmp(&right.name));
    listed.directories.sort();
    Ok((Stamps::after(&directory, stamp), listed))
}
