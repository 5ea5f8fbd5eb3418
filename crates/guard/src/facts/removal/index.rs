//! The names in git's index, read from the file: gitformat-index(5), versions 2 to 4.
//!
//! No git is run: a repository's configuration can name programs.

#![expect(clippy::disallowed_methods, reason = "the index is looked at here, among the facts")]

use std::collections::BTreeMap;

use policy::AbsPath;

use crate::facts::resolve;
use crate::limits;

/// Names that git tracks.
#[derive(Debug)]
pub(super) struct Tracked {
    root: AbsPath,
    /// Each name with the size that the file had when git last looked at it.
    names: BTreeMap<Vec<u8>, u32>,
}

impl Tracked {
    /// Reads the index of the repository that a directory lies in; `None` when there is none or it is not
    /// understood.
    pub(super) fn read(directory: &AbsPath) -> Option<Self> {
        let root = resolve::git_root(directory)?;
        let path = git_directory(&root)?.join("index");
        let size = std::fs::metadata(path.as_str()).ok()?.len();
        if size > limits::INDEX_BYTES_MAX {
            return None;
        }
        let names = names(&std::fs::read(path.as_str()).ok()?)?;
        Some(Self { root, names })
    }

    /// Returns the size that git knows of a path that it tracks.
    pub(super) fn size(&self, path: &AbsPath) -> Option<u32> {
        path.below(&self.root).and_then(|name| self.names.get(name.as_bytes()).copied())
    }
}

/// Returns the directory that holds the index: `.git`, or where it points in a worktree or submodule.
fn git_directory(root: &AbsPath) -> Option<AbsPath> {
    let git = root.join(".git");
    let found = std::fs::metadata(git.as_str()).ok()?;
    if found.is_dir() {
        return Some(git);
    }
    if !found.is_file() || found.len() > limits::GIT_CONFIG_BYTES_MAX {
        return None;
    }
    let text = std::fs::read_to_string(git.as_str()).ok()?;
    Some(root.join(text.strip_prefix("gitdir:")?.trim()))
}

/// Bytes of an entry before its flags, and the flags themselves.
const FIXED: usize = 60;
/// Where the size of the file stands in it.
const SIZE: usize = 36;

fn names(bytes: &[u8]) -> Option<BTreeMap<Vec<u8>, u32>> {
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
        let size = word(at + SIZE)?;
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
        names.insert(last.clone(), size);
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
