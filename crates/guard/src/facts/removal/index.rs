//! The names in git's index, read from the file: gitformat-index(5), versions 2 to 4.
//!
//! No git is run: a repository's configuration can name programs.

#![expect(clippy::disallowed_methods, reason = "the index is looked at here, among the facts")]

use std::collections::BTreeSet;

use policy::AbsPath;

use crate::facts::resolve;
use crate::limits;

/// Names that git tracks.
#[derive(Debug)]
pub(super) struct Tracked {
    root: AbsPath,
    names: BTreeSet<Vec<u8>>,
}

impl Tracked {
    /// Reads the index of the repository that a directory lies in; `None` when there is none or it is not
    /// understood.
    pub(super) fn read(directory: &AbsPath) -> Option<Self> {
        let root = resolve::git_root(directory)?;
        let path = root.join(".git/index");
        let size = std::fs::metadata(path.as_str()).ok()?.len();
        if size > limits::INDEX_BYTES_MAX {
            return None;
        }
        let names = names(&std::fs::read(path.as_str()).ok()?)?;
        Some(Self { root, names })
    }

    /// Returns true when git tracks the path.
    pub(super) fn holds(&self, path: &AbsPath) -> bool {
        path.below(&self.root).is_some_and(|name| self.names.contains(name.as_bytes()))
    }
}

/// Bytes of an entry before its flags, and the flags themselves.
const FIXED: usize = 60;

fn names(bytes: &[u8]) -> Option<BTreeSet<Vec<u8>>> {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
    if bytes.get(..4)? != b"DIRC" {
        return None;
    }
    let version = word(4)?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let count = word(8)?;
    let mut names = BTreeSet::new();
    let mut at = 12;
    let mut last: Vec<u8> = Vec::new();
    for _ in 0..count {
        let start = at;
        let flags = u16::from_be_bytes(bytes.get(at + FIXED..at + FIXED + 2)?.try_into().ok()?);
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
        names.insert(last.clone());
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
