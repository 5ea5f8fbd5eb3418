//! Texts that change places in a stream of bytes, however the stream is cut. Its length stays.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

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

/// Bytes that are not held back for long: what is let go of a text is shorter than what makes it one.
const RELEASE_BYTES_MAX: usize = 8;
/// Two bytes, as an index.
const PAIRS: usize = 1 << 16;

/// What changes places, made once for many streams.
struct Table {
    rows: Vec<Row>,
    /// Bytes with which a row begins.
    firsts: Vec<bool>,
    /// Pairs of bytes with which a row begins.
    pairs: Vec<bool>,
}

/// A stream in which texts change places.
#[derive(Clone)]
pub struct Swap {
    table: Arc<Table>,
    carry: Vec<u8>,
    /// Bytes of the carry that have been let go already.
    released: usize,
    found: BTreeSet<Found>,
}

impl fmt::Debug for Swap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Swap").field("rows", &self.table.rows.len()).field("found", &self.found).finish()
    }
}

impl Table {
    /// Returns true when a text may begin with these bytes.
    fn may_begin(&self, rest: &[u8]) -> bool {
        let at = |flags: &[bool], index: usize| flags.get(index).copied().unwrap_or(false);
        match rest {
            [] => false,
            [first] => at(&self.firsts, usize::from(*first)),
            [first, second, ..] => at(&self.pairs, pair(*first, *second)),
        }
    }
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

impl Swap {
    pub(super) fn new(mut rows: Vec<Row>) -> Self {
        // Every text has two bytes and more.
        rows.retain(|row| row.from.len() > 1 && row.to.as_ref().is_none_or(|to| to.len() == row.from.len()));
        // Of two that begin at the same place the longer counts, whoever came first.
        rows.sort_by(|one, other| other.from.len().cmp(&one.from.len()).then_with(|| one.cmp(other)));
        rows.dedup_by(|one, other| one.from == other.from);
        let mut table = Table { rows: Vec::new(), firsts: vec![false; 256], pairs: Vec::new() };
        if !rows.is_empty() {
            table.pairs = vec![false; PAIRS];
        }
        for row in &rows {
            let [first, second, ..] = row.from.as_slice() else { continue };
            let marks = [table.firsts.get_mut(usize::from(*first)), table.pairs.get_mut(pair(*first, *second))];
            for mark in marks.into_iter().flatten() {
                *mark = true;
            }
        }
        table.rows = rows;
        Self { table: Arc::new(table), carry: Vec::new(), released: 0, found: BTreeSet::new() }
    }

    /// Returns a stream in which nothing changes places.
    pub(crate) fn none() -> Self {
        Self::new(Vec::new())
    }

    /// Returns another stream in which the same changes places.
    pub fn again(&self) -> Self {
        Self { table: self.table.clone(), carry: Vec::new(), released: 0, found: BTreeSet::new() }
    }

    /// Returns true when nothing changes places.
    pub fn is_idle(&self) -> bool {
        self.table.rows.is_empty()
    }

    /// Takes bytes and returns those that nothing to come can change.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.is_idle() {
            return bytes.to_vec();
        }
        let mut all = core::mem::take(&mut self.carry);
        all.extend_from_slice(bytes);
        self.run(all, Stream::GoesOn)
    }

    /// Ends the stream and returns the bytes that were held back.
    pub fn finish(&mut self) -> Vec<u8> {
        let all = core::mem::take(&mut self.carry);
        self.run(all, Stream::Ends)
    }

    /// Returns a whole text with everything in its place.
    pub fn whole(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut all = self.push(bytes);
        all.extend(self.finish());
        all
    }

    /// Returns true when a few bytes are held back that are more likely another text's than the beginning of one here.
    pub fn holds_little(&self) -> bool {
        self.released < self.carry.len() && self.carry.len() < RELEASE_BYTES_MAX
    }

    /// Lets go of the few bytes that are held back, for a reader who waits for them. Where they turn out to be the
    /// beginning of a text after all, the rest of it still changes places.
    pub fn release(&mut self) -> Vec<u8> {
        if !self.holds_little() {
            return Vec::new();
        }
        let bytes = self.carry.get(self.released..).unwrap_or_default().to_vec();
        self.released = self.carry.len();
        bytes
    }

    /// Returns what was found.
    pub fn found(&self) -> impl Iterator<Item = Found> {
        self.found.iter().copied()
    }

    fn run(&mut self, mut all: Vec<u8>, stream: Stream) -> Vec<u8> {
        let table = self.table.clone();
        let mut at = 0;
        while at < all.len() {
            let rest = all.get(at..).unwrap_or_default();
            if !table.may_begin(rest) {
                at += 1;
                continue;
            }
            // What may yet become a longer text is waited for.
            let could_become = |row: &Row| row.from.len() > rest.len() && row.from.starts_with(rest);
            if stream == Stream::GoesOn && table.rows.iter().any(could_become) {
                break;
            }
            let Some(row) = table.rows.iter().find(|row| rest.starts_with(&row.from)) else {
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
        let gone = self.released.min(all.len());
        self.released -= gone;
        all.drain(..gone);
        all
    }
}

/// Whether more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    GoesOn,
    Ends,
}
