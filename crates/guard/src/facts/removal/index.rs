//! The names in git's index, read from the file: gitformat-index(5), versions 2 to 4.
//!
//! No git is run: a repository's configuration can name programs.

#![expect(clippy::disallowed_methods, reason = "the index is looked at here, among the facts")]

use std::collections::BTreeMap;

use policy::AbsPath;

use super::repository::git_directory;
use crate::limits;

/// Names that git tracks.
#[derive(Debug)]
pub(super) struct Tracked {
    root: AbsPath,
    names: BTreeMap<Vec<u8>, Seen>,
}

/// What git knows of a file since it last looked at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    size: u32,
    modified: (u32, u32),
}

impl Seen {
    /// Returns true when a file is not as git saw it; touching it is enough.
    pub(super) fn differs_from(self, found: &std::fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let mask = i64::from(u32::MAX);
        let same_second = i64::from(self.modified.0) == found.mtime() & mask;
        // Some builds of git keep no fractions of a second.
        let same_fraction = self.modified.1 == 0 || i64::from(self.modified.1) == found.mtime_nsec();
        // git writes 0 where it wants to look again.
        let same_size = self.size == 0 || u64::from(self.size) == found.len() & u64::from(u32::MAX);
        !(same_second && same_fraction && same_size)
    }
}

impl Tracked {
    /// Reads the index of the repository with this root; `None` when it is not understood.
    pub(super) fn read(root: &AbsPath) -> Option<Self> {
        let path = git_directory(root)?.join("index");
        let names = match std::fs::metadata(path.as_str()) {
            // A repository in which nothing was added yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(_) => return None,
            Ok(found) if !found.is_file() || found.len() > limits::INDEX_BYTES_MAX => return None,
            Ok(_) => names(&std::fs::read(path.as_str()).ok()?)?,
        };
        Some(Self { root: root.clone(), names })
    }

    /// Returns what git knows of a path that it tracks.
    pub(super) fn entry(&self, path: &AbsPath) -> Option<Seen> {
        path.below(&self.root).and_then(|name| self.names.get(name.as_bytes()).copied())
    }

    /// Returns true when git tracks something below a directory.
    pub(super) fn has_below(&self, directory: &AbsPath) -> bool {
        self.below(directory).next().is_some()
    }

    /// Returns what git tracks at or below a path.
    pub(super) fn below(&self, top: &AbsPath) -> impl Iterator<Item = (AbsPath, Seen)> {
        let name = top.below(&self.root);
        let start = name.unwrap_or_default().as_bytes().to_vec();
        let from = name.map(|_| start.clone()).map(|start| self.names.range(start..));
        let is_below = move |known: &[u8]| {
            start.is_empty()
                || known.strip_prefix(start.as_slice()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let begins = name.unwrap_or_default().as_bytes().to_vec();
        from.into_iter()
            .flatten()
            .take_while(move |(known, _)| known.starts_with(&begins))
            .filter(move |(known, _)| is_below(known))
            .filter_map(|(known, seen)| Some((self.root.join(std::str::from_utf8(known).ok()?), *seen)))
    }
}

/// Bytes of an entry before its flags, and the flags themselves.
const FIXED: usize = 60;
/// Where the time of the last change stands in it, its fraction, and the size.
const MODIFIED: usize = 8;
const FRACTION: usize = 12;
const SIZE: usize = 36;

fn names(bytes: &[u8]) -> Option<BTreeMap<Vec<u8>, Seen>> {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
    if bytes.get(..4)? != b"DIRC" {
        return None;
    }
    let version = word(4)?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let count = word(8)?;
    let mut names = BTreeMap::new();
    let mut at = 12;
    let mut last: Vec<u8> = Vec::new();
    for _ in 0..count {
        let start = at;
        let flags = u16::from_be_bytes(bytes.get(at + FIXED..at + FIXED + 2)?.try_into().ok()?);
        let seen = Seen { size: word(at + SIZE)?, modified: (word(at + MODIFIED)?, word(at + FRACTION)?) };
        at += FIXED + 2;
        let is_extended = flags & 0x4000 != 0;
        at += if is_extended { 2 } else { 0 };
        if version == 4 {
            let (drop, used) = number(bytes.get(at..)?)?;
            at += used;
            last.truncate(last.len().checked_sub(drop)?);
        } else {
            last.clear();
        }
        let length = bytes.get(at..)?.iter().position(|byte| *byte == 0)?;
        last.extend_from_slice(bytes.get(at..at + length)?);
        names.insert(last.clone(), seen);
        at += length + 1;
        if version < 4 {
            // Entries are padded to a multiple of eight bytes, with one zero at least.
            let padded = (at - start).div_ceil(8) * 8;
            at = start + padded;
        }
    }
    Some(names)
}

/// A number of variable length, as in offsets of packs.
fn number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (used, byte) in bytes.iter().enumerate().take(8) {
        if used > 0 {
            value += 1;
        }
        value = (value << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, used + 1));
        }
    }
    None
}
