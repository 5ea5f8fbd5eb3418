//! Texts that change places in a stream of bytes, however the stream is cut. Its length stays.

use core::fmt;
use std::collections::BTreeSet;

/// A text, and what stands in its place from here on; nothing where it stays and is told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    from: Vec<u8>,
    to: Option<Vec<u8>>,
    number: usize,
}

impl Row {
    pub(super) fn new(number: usize, from: Vec<u8>, to: Option<Vec<u8>>) -> Self {
        Self { from, to, number }
    }
}

/// A credential that was found in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Found {
    /// Its number in the vault.
    pub number: usize,
    /// True when it changed places; false when it was a placeholder on the way to a host that is not its own.
    pub is_swapped: bool,
}

/// A stream in which texts change places.
#[derive(Clone)]
pub struct Swap {
    rows: Vec<Row>,
    starts: Vec<bool>,
    carry: Vec<u8>,
    found: BTreeSet<Found>,
}

impl fmt::Debug for Swap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Swap").field("rows", &self.rows.len()).field("found", &self.found).finish()
    }
}

impl Swap {
    pub(super) fn new(mut rows: Vec<Row>) -> Self {
        rows.retain(|row| !row.from.is_empty() && row.to.as_ref().is_none_or(|to| to.len() == row.from.len()));
        // Of two that begin at the same place the longer counts, whoever came first.
        rows.sort_by(|one, other| other.from.len().cmp(&one.from.len()).then_with(|| one.cmp(other)));
        rows.dedup_by(|one, other| one.from == other.from);
        let mut starts = vec![false; 256];
        for first in rows.iter().filter_map(|row| row.from.first()) {
            if let Some(start) = starts.get_mut(usize::from(*first)) {
                *start = true;
            }
        }
        Self { rows, starts, carry: Vec::new(), found: BTreeSet::new() }
    }

    /// Takes bytes and returns those that nothing to come can change.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut all = core::mem::take(&mut self.carry);
        all.extend_from_slice(bytes);
        self.run(all, Stream::GoesOn)
    }

    /// Ends the stream and returns the bytes that were held back.
    pub fn finish(&mut self) -> Vec<u8> {
        let all = core::mem::take(&mut self.carry);
        self.run(all, Stream::Ends)
    }

    /// Returns what was found.
    pub fn found(&self) -> impl Iterator<Item = Found> {
        self.found.iter().copied()
    }

    fn run(&mut self, mut all: Vec<u8>, stream: Stream) -> Vec<u8> {
        let mut at = 0;
        while let Some(first) = all.get(at) {
            if !self.starts.get(usize::from(*first)).copied().unwrap_or(false) {
                at += 1;
                continue;
            }
            let rest = all.get(at..).unwrap_or_default();
            // What may yet become a longer text is waited for.
            let could_become = |row: &&Row| row.from.len() > rest.len() && row.from.starts_with(rest);
            if stream == Stream::GoesOn && self.rows.iter().any(|row| could_become(&row)) {
                break;
            }
            let Some(row) = self.rows.iter().find(|row| rest.starts_with(&row.from)) else {
                at += 1;
                continue;
            };
            self.found.insert(Found { number: row.number, is_swapped: row.to.is_some() });
            let end = at + row.from.len();
            if let (Some(to), Some(place)) = (&row.to, all.get_mut(at..end)) {
                place.copy_from_slice(to);
            }
            at = end;
        }
        self.carry = all.split_off(at);
        all
    }
}

/// Whether more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    GoesOn,
    Ends,
}
