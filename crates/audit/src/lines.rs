//! A journal's lines, one after the other, in bounded memory.

use crate::limits;
use crate::store::{Error, Step, Store};
use crate::tree::{Digest, LeafHasher};
use std::os::unix::fs::FileExt;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// Its bytes without the newline, at most [`limits::LINE_BYTES_MAX`] of them.
    pub(crate) bytes: Vec<u8>,
    /// How many bytes it has without the newline.
    pub(crate) length: u64,
    /// Its leaf hash, over all of its bytes.
    pub(crate) leaf: Digest,
    /// False for what stands after the last newline.
    pub(crate) whole: bool,
}

impl Line {
    /// Returns true when `bytes` is all of it.
    pub(crate) fn is_complete(&self) -> bool {
        self.bytes.len() as u64 == self.length
    }
}

/// Reads the lines between two offsets of a journal.
#[derive(Debug)]
pub(crate) struct Lines {
    chunk: Vec<u8>,
    used: usize,
    filled: usize,
    offset: u64,
    end: u64,
}

impl Lines {
    /// Begins at `begin`, which has to be the beginning of a line, and ends before `end`.
    pub(crate) fn new(begin: u64, end: u64) -> Self {
        Self { chunk: Vec::new(), used: 0, filled: 0, offset: begin, end }
    }

    /// Returns the next line; nothing at the end.
    pub(crate) fn next(&mut self, store: &Store) -> Result<Option<Line>, Error> {
        let (offset, mut bytes, mut hasher) = (self.offset, Vec::new(), LeafHasher::new());
        let mut whole = false;
        while !whole {
            let rest = self.rest(store)?;
            if rest.is_empty() {
                break;
            }
            let newline = rest.iter().position(|byte| *byte == b'\n');
            let part = rest.get(..newline.unwrap_or(rest.len())).unwrap_or_default();
            hasher.update(part);
            let room = limits::LINE_BYTES_MAX - bytes.len();
            bytes.extend_from_slice(part.get(..part.len().min(room)).unwrap_or_default());
            whole = newline.is_some();
            let taken = part.len() + usize::from(whole);
            self.used += taken;
            self.offset += taken as u64;
        }
        let length = self.offset - offset - u64::from(whole);
        Ok((self.offset > offset).then(|| Line { offset, bytes, length, leaf: hasher.finish(), whole }))
    }

    fn rest(&mut self, store: &Store) -> Result<&[u8], Error> {
        if self.used == self.filled && self.offset < self.end {
            self.chunk.resize(limits::CHUNK_BYTES, 0);
            let want = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX).min(self.chunk.len());
            let buffer = self.chunk.get_mut(..want).unwrap_or_default();
            self.used = 0;
            self.filled = store.journal().read_at(buffer, self.offset).map_err(|source| Error::Io {
                step: Step::Read,
                path: store.journal_path(),
                source,
            })?;
        }
        Ok(self.chunk.get(self.used..self.filled).unwrap_or_default())
    }
}
