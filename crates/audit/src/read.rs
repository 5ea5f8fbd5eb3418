//! Reading the journal back: entries in order, and one entry by its number.
//!
//! Reading proves nothing; [`crate::verify`] does. There is no index file: numbers grow along the
//! file, so one record is found by halving the byte range, some twenty short reads in a journal of a
//! million records, with nothing to keep, to rebuild or to believe. A journal out of order is read
//! from its beginning instead.

use crate::limits;
use crate::line::Header;
use crate::lines::{Line, Lines};
use crate::records::Record;
use crate::store::{Access, Error, Store};
use crate::wire::{self, Common};
use policy::proof::Verdict;
use rustix::fs::FlockOperation;
use std::collections::VecDeque;
use std::path::Path;

/// Which entries are wanted; the default is all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of this session.
    pub session: Option<String>,
    /// Of this kind: `decision`, `answer`, ...
    pub kind: Option<String>,
    /// Decisions with this verdict.
    pub verdict: Option<Verdict>,
    /// Decisions about this tool.
    pub tool: Option<String>,
    /// From this time on, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Before this time.
    pub until_ms: Option<i64>,
    /// From this record on.
    pub from_seq: Option<u64>,
    /// Of what is left, the newest.
    pub newest: Option<usize>,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A record.
    Record(Box<Logged>),
    /// A line that is not a record, or half of one.
    Damaged {
        /// Where it begins in the file.
        offset: u64,
        /// How many bytes it has.
        bytes: u64,
        /// How it begins.
        text: String,
    },
}

/// A record as it stands in the journal, of whatever version and kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Its number.
    pub seq: u64,
    /// Its leaf hash in hexadecimal.
    pub leaf: String,
    /// Where it begins in the file.
    pub offset: u64,
    /// The version of its form.
    pub schema_version: Option<u64>,
    /// Its time, RFC 3339 in UTC.
    pub time: Option<String>,
    /// Its session.
    pub session: Option<String>,
    /// Who wrote it.
    pub source: Option<String>,
    /// Its kind.
    pub kind: Option<String>,
    /// The record, if its version and kind are known here.
    pub record: Option<Record>,
    /// The line's JSON.
    pub value: serde_json::Value,
    /// The line as it stands.
    pub text: String,
}

/// Returns the entries of a journal that a filter takes, newest last.
pub fn read(directory: &Path, filter: &Filter) -> Result<Entries, Error> {
    let store = Store::open(directory, Access::Read)?;
    let end = length(&store)?;
    let begin = match (filter.from_seq, filter.newest) {
        (Some(seq), _) => locate(&store, seq, end)?.unwrap_or(0),
        (None, Some(count)) if filter.takes_all() => last_lines(&store, count.min(limits::NEWEST_MAX), end)?,
        _ => 0,
    };
    let mut entries =
        Entries { store, lines: Lines::new(begin, end), filter: filter.clone(), ready: VecDeque::new(), done: false };
    if let Some(count) = filter.newest {
        entries.keep_newest(count.min(limits::NEWEST_MAX))?;
    }
    Ok(entries)
}

/// Returns the record with this number, if the journal has it.
pub fn find(directory: &Path, seq: u64) -> Result<Option<Logged>, Error> {
    let store = Store::open(directory, Access::Read)?;
    let end = length(&store)?;
    if let Some(offset) = locate(&store, seq, end)?
        && let Some(line) = Lines::new(offset, end).next(&store)?
        && Header::parse(&line.bytes).is_some_and(|header| header.seq == seq)
        && let Entry::Record(logged) = entry(line)
    {
        return Ok(Some(*logged));
    }
    let mut lines = Lines::new(0, end);
    while let Some(line) = lines.next(&store)? {
        if Header::parse(&line.bytes).is_some_and(|header| header.seq == seq)
            && let Entry::Record(logged) = entry(line)
        {
            return Ok(Some(*logged));
        }
    }
    Ok(None)
}

/// The entries of a journal, newest last.
#[derive(Debug)]
pub struct Entries {
    store: Store,
    lines: Lines,
    filter: Filter,
    ready: VecDeque<Entry>,
    done: bool,
}

impl Entries {
    fn keep_newest(&mut self, count: usize) -> Result<(), Error> {
        while let Some(entry) = self.read_next()? {
            if self.ready.len() == count {
                self.ready.pop_front();
            }
            if count > 0 {
                self.ready.push_back(entry);
            }
        }
        self.done = true;
        Ok(())
    }

    fn read_next(&mut self) -> Result<Option<Entry>, Error> {
        while let Some(line) = self.lines.next(&self.store)? {
            let entry = entry(line);
            if self.filter.takes(&entry) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return self.ready.pop_front().map(Ok);
        }
        let next = self.read_next().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Filter {
    fn takes_all(&self) -> bool {
        *self == Self { newest: self.newest, ..Self::default() }
    }

    /// A damaged line is taken by every filter: what it was is not known.
    fn takes(&self, entry: &Entry) -> bool {
        let Entry::Record(logged) = entry else { return true };
        let Self { session, kind, verdict, tool, since_ms, until_ms, from_seq, newest: _ } = self;
        let is = |wanted: &Option<String>, actual: Option<&str>| wanted.is_none() || wanted.as_deref() == actual;
        let time = logged.time.as_deref().and_then(crate::clock::parse);
        let (verdict_text, tool_text) = wire::decision_texts(&logged.value);
        is(session, logged.session.as_deref())
            && is(kind, logged.kind.as_deref())
            && is(tool, tool_text)
            && verdict.is_none_or(|verdict| verdict_text == Some(verdict.name()))
            && since_ms.is_none_or(|since| time.is_none_or(|time| time >= since))
            && until_ms.is_none_or(|until| time.is_none_or(|time| time < until))
            && from_seq.is_none_or(|from| logged.seq >= from)
    }
}

/// Returns the journal's length while nobody is writing.
fn length(store: &Store) -> Result<u64, Error> {
    let _lock = store.lock(FlockOperation::NonBlockingLockShared)?;
    store.length()
}

fn entry(line: Line) -> Entry {
    let header = Header::parse(&line.bytes).filter(|_| line.whole && line.is_complete());
    match (header, wire::read(&line.bytes)) {
        (Some(header), Some(common)) => {
            let Common { value, schema_version, time, session, source, kind, record } = common;
            let text = String::from_utf8_lossy(&line.bytes).into_owned();
            let (seq, leaf, offset) = (header.seq, line.leaf.hex(), line.offset);
            Entry::Record(Box::new(Logged {
                seq,
                leaf,
                offset,
                schema_version,
                time,
                session,
                source,
                kind,
                record,
                value,
                text,
            }))
        }
        _ => {
            let start = line.bytes.get(..line.bytes.len().min(200)).unwrap_or_default();
            let text = String::from_utf8_lossy(start).into_owned();
            Entry::Damaged { offset: line.offset, bytes: line.length, text }
        }
    }
}

/// Finds the first line whose number is `seq` or more: by halving, and in what is left line by line.
/// Nothing when there is none, or when the lines on the way are not in order.
fn locate(store: &Store, seq: u64, end: u64) -> Result<Option<u64>, Error> {
    // INVARIANT: where the journal is in order, the line begins between `low` and `high`, or at `found`.
    let (mut low, mut high, mut found) = (0, end, None);
    for _ in 0..limits::PROBES_MAX {
        if high.saturating_sub(low) <= limits::CHUNK_BYTES as u64 {
            break;
        }
        let middle = low + (high - low) / 2;
        match probe(store, end, middle)?.filter(|probe| probe.offset < high) {
            Some(probe) if probe.seq < seq => low = probe.next,
            Some(probe) => (found, high) = (Some(probe.offset), middle),
            None => high = middle,
        }
    }
    let mut lines = Lines::new(low, end);
    while let Some(line) = lines.next(store)?.filter(|line| line.offset < high) {
        if Header::parse(&line.bytes).is_some_and(|header| header.seq >= seq) {
            return Ok(Some(line.offset));
        }
    }
    Ok(found)
}

/// A line that a search came upon.
#[derive(Debug, Clone, Copy)]
struct Probe {
    offset: u64,
    next: u64,
    seq: u64,
}

/// Reads the first record that begins at or after `middle`, which is not 0.
fn probe(store: &Store, end: u64, middle: u64) -> Result<Option<Probe>, Error> {
    let mut lines = Lines::new(middle - 1, end);
    // The rest of the line that ends here or later.
    lines.next(store)?;
    while let Some(line) = lines.next(store)? {
        if let Some(header) = Header::parse(&line.bytes) {
            let next = line.offset + line.length + u64::from(line.whole);
            return Ok(Some(Probe { offset: line.offset, next, seq: header.seq }));
        }
    }
    Ok(None)
}

/// Returns where the last `count` lines begin, reading from the end.
fn last_lines(store: &Store, count: usize, end: u64) -> Result<u64, Error> {
    if count == 0 {
        return Ok(end);
    }
    // The last byte ends the last line, or belongs to half of one.
    let (mut high, mut found) = (end.saturating_sub(1), 0);
    let mut chunk = vec![0; limits::CHUNK_BYTES];
    while high > 0 {
        let low = high.saturating_sub(chunk.len() as u64);
        let part = chunk.get_mut(..usize::try_from(high - low).unwrap_or(0)).unwrap_or_default();
        store.read(part, low)?;
        for (at, _) in part.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            found += 1;
            if found == count {
                return Ok(low + at as u64 + 1);
            }
        }
        high = low;
    }
    Ok(0)
}
