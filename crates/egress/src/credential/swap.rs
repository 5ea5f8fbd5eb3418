//! Texts that change places in a stream of bytes, however the stream is cut. Its length stays.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

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
    /// The longer first; those that begin with the same two bytes are found by them.
    rows: Vec<Row>,
    /// Bytes with which a row begins.
    firsts: Vec<bool>,
    /// For each pair of bytes the group of rows that begin with it, counted from one.
    pairs: Vec<u16>,
    groups: Vec<Vec<usize>>,
}

/// What changes places in streams that are open already, as it is now.
pub(crate) struct Latest(RwLock<Arc<Table>>);

impl Latest {
    pub(crate) fn new(of: &Swap) -> Arc<Self> {
        Arc::new(Self(RwLock::new(of.table.clone())))
    }

    /// Has other texts change places from here on.
    pub(crate) fn set(&self, of: &Swap) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = of.table.clone();
    }

    /// Returns a stream in which whatever is the latest changes places.
    pub(crate) fn stream(self: &Arc<Self>) -> Swap {
        let (table, latest) = (self.table(), Some(self.clone()));
        Swap { table, latest, carry: Vec::new(), released: 0, found: BTreeSet::new() }
    }

    fn table(&self) -> Arc<Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Latest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Latest")
    }
}

/// A stream in which texts change places.
#[derive(Clone)]
pub struct Swap {
    table: Arc<Table>,
    /// Where the table comes from, where it may change while the stream is open.
    latest: Option<Arc<Latest>>,
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
    fn new(rows: Vec<Row>) -> Self {
        let mut table = Self { rows, firsts: vec![false; 256], pairs: Vec::new(), groups: Vec::new() };
        if !table.rows.is_empty() {
            table.pairs = vec![0; PAIRS];
        }
        for (number, row) in table.rows.iter().enumerate() {
            let [first, second, ..] = row.from.as_slice() else { continue };
            if let Some(mark) = table.firsts.get_mut(usize::from(*first)) {
                *mark = true;
            }
            let Some(group) = table.pairs.get_mut(pair(*first, *second)) else { continue };
            if *group == 0 {
                table.groups.push(Vec::new());
                // There are fewer rows than this can count.
                *group = u16::try_from(table.groups.len()).unwrap_or(u16::MAX);
            }
            if let Some(group) = table.groups.get_mut(usize::from(*group) - 1) {
                group.push(number);
            }
        }
        table
    }

    /// Returns the rows that may begin here, the longer first.
    fn group(&self, rest: &[u8]) -> &[usize] {
        let [first, second, ..] = rest else { return &[] };
        let group = self.pairs.get(pair(*first, *second)).copied().unwrap_or(0);
        usize::from(group).checked_sub(1).and_then(|group| self.groups.get(group)).map_or(&[], Vec::as_slice)
    }

    /// Returns true when the bytes are all there is, and more may make a text of them.
    fn could_become(&self, rest: &[u8]) -> bool {
        match rest {
            [] => false,
            [only] => self.firsts.get(usize::from(*only)).copied().unwrap_or(false),
            [_, _, ..] => self
                .group(rest)
                .iter()
                .filter_map(|number| self.rows.get(*number))
                .any(|row| row.from.len() > rest.len() && row.from.starts_with(rest)),
        }
    }

    /// Returns the row that begins here and is whole.
    fn find(&self, rest: &[u8]) -> Option<&Row> {
        self.group(rest).iter().filter_map(|number| self.rows.get(*number)).find(|row| rest.starts_with(&row.from))
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
        let table = Table::new(rows);
        Self { table: Arc::new(table), latest: None, carry: Vec::new(), released: 0, found: BTreeSet::new() }
    }

    /// Returns a stream in which nothing changes places.
    pub(crate) fn none() -> Self {
        Self::new(Vec::new())
    }

    /// Returns another stream in which the same changes places.
    pub fn again(&self) -> Self {
        let table = self.latest.as_ref().map_or_else(|| self.table.clone(), |latest| latest.table());
        Self { table, latest: self.latest.clone(), carry: Vec::new(), released: 0, found: BTreeSet::new() }
    }

    /// Returns true when nothing changes places.
    pub fn is_idle(&self) -> bool {
        self.latest.is_none() && self.table.rows.is_empty()
    }

    /// Takes bytes and returns those that nothing to come can change.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.is_idle() {
            return bytes.to_vec();
        }
        if let Some(latest) = &self.latest {
            self.table = latest.table();
        }
        if self.table.rows.is_empty() && self.carry.is_empty() {
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
            // What may yet become a longer text is waited for.
            if stream == Stream::GoesOn && table.could_become(rest) {
                break;
            }
            let Some(row) = table.find(rest) else {
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
