//! The walk over a journal in the order of its numbers.
//!
//! Lines are held until their number's turn, at most [`limits::HELD_LINES_MAX`] of them; then what is
//! not there is missing. A record is judged by its successor, whose `prev` and `tree` both speak of it;
//! the head file is the successor of the last record. Where both agree on another leaf, the record was
//! changed, and the walk goes on with the leaf it had: one change does not hide the next. Where they
//! contradict each other, the successor was changed.

use super::finding::{Finding, Witness};
use crate::limits;
use crate::line::Header;
use crate::lines::Line;
use crate::tree::{Digest, Frontier};
use crate::wire;
use std::collections::BTreeMap;

/// A line with a number.
#[derive(Debug, Clone, Copy)]
struct Seen {
    line: u64,
    header: Header,
    leaf: Digest,
}

/// A line that has no place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stranger {
    pub(super) line: u64,
    pub(super) leaf: Digest,
    record: Option<u64>,
}

/// The line number of the head file, which stands after every line.
const HEAD_LINE: u64 = u64::MAX;

/// The findings of a walk, as many as are listed.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    left_out: u64,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        if self.list.len() < limits::FINDINGS_MAX {
            self.list.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    /// Takes one record out of those that are missing. Returns false when it is not among them.
    fn found(&mut self, record: u64) -> bool {
        let holds =
            |finding: &Finding| matches!(finding, Finding::Missing { from, to, .. } if (*from..*to).contains(&record));
        let Some(at) = self.list.iter().position(holds) else { return false };
        if let Finding::Missing { from, to, line } = self.list.remove(at) {
            let parts = [Finding::Missing { from, to: record, line }, Finding::Missing { from: record + 1, to, line }];
            let is_some = |part: &Finding| !matches!(part, Finding::Missing { from, to, .. } if from == to);
            self.list.extend(parts.into_iter().filter(is_some));
        }
        true
    }

    pub(super) fn sorted(mut self) -> (Vec<Finding>, u64) {
        self.list.sort_by_key(|finding| finding.line().unwrap_or(u64::MAX));
        (self.list, self.left_out)
    }
}

/// The state of a walk.
#[derive(Debug)]
pub(super) struct Walk {
    head: Option<Header>,
    checkpoint_size: Option<u64>,
    held: BTreeMap<u64, Vec<Seen>>,
    held_count: usize,
    /// The number whose turn it is.
    next: u64,
    /// The record before it, not yet judged; nothing at the beginning and after a gap.
    last: Option<Seen>,
    /// The line of the record that was placed before.
    line_before: u64,
    /// The last record's beginning contradicts what is before it.
    flagged: bool,
    /// A record that neither its successor's `prev` nor its `tree` agrees with.
    doubt: Option<Seen>,
    /// The tree before `last`, of the leaves as they were written; nothing once too much is missing.
    tree: Option<Frontier>,
    pub(super) strangers: Vec<Stranger>,
    pub(super) findings: Findings,
    /// The first leaf as it was written.
    pub(super) first: Option<Digest>,
    /// True when the head file was written over other records.
    pub(super) head_differs: bool,
    /// The root at the checkpoint's size.
    pub(super) checkpoint_root: Option<Digest>,
}

impl Walk {
    /// Begins. `head` is the head file as a record that follows the last one.
    pub(super) fn new(head: Option<Header>, checkpoint_size: Option<u64>) -> Self {
        Self {
            head,
            checkpoint_size,
            held: BTreeMap::new(),
            held_count: 0,
            next: 0,
            last: None,
            line_before: 0,
            flagged: false,
            doubt: None,
            tree: Some(Frontier::default()),
            strangers: Vec::new(),
            findings: Findings::default(),
            first: None,
            head_differs: false,
            checkpoint_root: None,
        }
    }

    /// Returns how many records there are by their numbers.
    pub(super) fn records(&self) -> u64 {
        self.next
    }

    /// Returns the root over the records as they were written.
    pub(super) fn root(&self) -> Option<Digest> {
        self.tree.as_ref().map(Frontier::root)
    }

    /// Takes the next line of the file.
    pub(super) fn feed(&mut self, number: u64, line: &Line) {
        let Some(header) = Header::parse(&line.bytes) else {
            return self.turn_away(Stranger { line: number, leaf: line.leaf, record: None });
        };
        if is_repair(&line.bytes)
            && let Some((known, root)) = wire::repair_cut(&line.bytes)
        {
            self.findings.push(Finding::CutBefore { record: header.seq, line: number, known, root });
        }
        let seen = Seen { line: number, header, leaf: line.leaf };
        if header.seq < self.next {
            return self.turn_away(seen.into());
        }
        self.hold(seen);
        self.place_ready();
        while self.held_count > limits::HELD_LINES_MAX {
            self.place_across_gap();
        }
    }

    /// Takes the end of the file: what is held is placed, and the head file after it.
    pub(super) fn finish(&mut self) {
        if let Some(header) = self.head
            && header.seq >= self.next
        {
            self.hold(Seen { line: HEAD_LINE, header, leaf: Digest::ZERO });
        }
        while !self.held.is_empty() {
            self.place_ready();
            self.place_across_gap();
        }
        if let Some(last) = self.last.take() {
            self.end_of_proof(last);
            self.grow(last.leaf);
        }
        if let Some(doubt) = self.doubt.take()
            && !self.head_differs
        {
            self.findings.push(Finding::Edited { record: doubt.header.seq, line: doubt.line });
        }
    }

    /// Says of each stranger what it is. `firsts` has the first line with the same bytes.
    pub(super) fn name_strangers(&mut self, firsts: &BTreeMap<Digest, u64>) {
        for Stranger { line, leaf, record } in std::mem::take(&mut self.strangers) {
            let first_line = firsts.get(&leaf).copied().filter(|first| *first < line);
            match (record, first_line) {
                (Some(record), _) if self.findings.found(record) => {
                    self.findings.push(Finding::Reordered { record, line });
                }
                (Some(record), Some(first_line)) => {
                    self.findings.push(Finding::Duplicate { record, line, first_line });
                }
                (None, _) | (Some(_), None) => self.findings.push(Finding::Inserted { line }),
            }
        }
    }

    fn hold(&mut self, seen: Seen) {
        self.held.entry(seen.header.seq).or_default().push(seen);
        self.held_count += 1;
    }

    fn turn_away(&mut self, stranger: Stranger) {
        if self.strangers.len() < limits::FINDINGS_MAX {
            self.strangers.push(stranger);
        } else {
            self.findings.left_out += 1;
        }
    }

    /// Places every record whose successor is held as well.
    fn place_ready(&mut self) {
        while self.held.contains_key(&self.next) && self.held.contains_key(&(self.next + 1)) {
            if let Some(seen) = self.choose(self.next) {
                self.place(seen);
            }
        }
    }

    /// Places the next record that is held, and says what is missing before it.
    fn place_across_gap(&mut self) {
        if !self.held.contains_key(&self.next) {
            let mut changed = self.pull_renumbered();
            let Some(mut seq) = self.held.keys().next().copied() else {
                return self.turn_away_changed(changed);
            };
            if self.held.len() > 1 && self.is_head(seq) {
                self.drop_held(seq);
                seq = self.held.keys().next().copied().unwrap_or(seq);
            }
            self.pull_unreadable(seq, &mut changed);
            return self.cross(seq, changed);
        }
        if let Some(seen) = self.choose(self.next) {
            self.place(seen);
        }
    }

    /// Takes the candidate for a number that its successor knows, else the one that knows its predecessor.
    fn choose(&mut self, seq: u64) -> Option<Seen> {
        let candidates = self.held.remove(&seq)?;
        self.held_count -= candidates.len();
        let before = self.last.map(|last| last.leaf);
        let after = self.held.get(&(seq + 1)).map(Vec::as_slice).unwrap_or_default();
        let weight = |seen: &Seen| {
            let known_after = after.iter().any(|next| next.header.prev == seen.leaf);
            2 * u8::from(known_after) + u8::from(before == Some(seen.header.prev))
        };
        // The first of the best: `max_by_key` would take the last.
        let best = candidates.iter().rev().max_by_key(|seen| weight(seen)).copied()?;
        for other in candidates.into_iter().filter(|seen| seen.line != best.line && seen.line != HEAD_LINE) {
            self.turn_away(other.into());
        }
        Some(best)
    }

    /// Places a record after the one before it, which is judged by it.
    fn place(&mut self, seen: Seen) {
        let flagged = match self.last.take() {
            Some(last) => self.judge(last, seen.header),
            None => seen.header.seq == 0 && seen.header != Header::first(),
        };
        if seen.line == HEAD_LINE {
            self.head_differs |= flagged;
            let rest = std::mem::take(&mut self.held);
            self.held_count = 0;
            return rest.into_values().flatten().for_each(|seen| self.turn_away(seen.into()));
        }
        if seen.line < self.line_before {
            self.findings.push(Finding::Reordered { record: seen.header.seq, line: seen.line });
        }
        self.line_before = seen.line;
        self.flagged = flagged;
        self.next = seen.header.seq + 1;
        self.last = Some(seen);
    }

    /// Judges a record by its successor. Returns true when it is the successor that contradicts.
    fn judge(&mut self, last: Seen, next: Header) -> bool {
        let flagged = std::mem::take(&mut self.flagged);
        let Some(tree) = &self.tree else {
            self.judge_by_chain(last, next);
            return false;
        };
        let known_by_prev = next.prev == last.leaf;
        if tree.with(last.leaf).root() == next.tree {
            self.doubt = None;
            if flagged {
                self.edited(last);
            }
            self.grow(last.leaf);
            return !known_by_prev;
        }
        if !known_by_prev && tree.with(next.prev).root() == next.tree {
            self.doubt = None;
            self.edited(last);
            self.grow(next.prev);
            return false;
        }
        if flagged {
            self.edited(last);
        }
        if let Some(doubt) = self.doubt.take() {
            self.findings.push(Finding::Unproven { record: doubt.header.seq, line: doubt.line });
            self.tree = None;
            return false;
        }
        if flagged {
            self.tree = None;
            return false;
        }
        if !known_by_prev {
            self.doubt = Some(last);
        }
        self.grow(last.leaf);
        true
    }

    /// Judges a record where the tree is not known, by its leaf alone.
    fn judge_by_chain(&mut self, last: Seen, next: Header) {
        let doubt = self.doubt.take();
        if next.prev == last.leaf {
            // The record is what was written, so what it says of the one before is true.
            doubt.into_iter().for_each(|doubt| self.edited(doubt));
            return;
        }
        if let Some(doubt) = doubt {
            self.findings.push(Finding::Unproven { record: doubt.header.seq, line: doubt.line });
        }
        self.doubt = Some(last);
    }

    /// Takes from the held lines those that follow the last record and have a wrong number.
    fn pull_renumbered(&mut self) -> Vec<Stranger> {
        let before = match self.last {
            Some(last) => last.leaf,
            None if self.next == 0 => Digest::ZERO,
            None => return Vec::new(),
        };
        let is_renumbered = |seen: &Seen| seen.header.prev == before && seen.line != HEAD_LINE;
        let mut pulled = Vec::new();
        for candidates in self.held.values_mut() {
            pulled.extend(candidates.extract_if(.., |seen| is_renumbered(seen)).map(Stranger::from));
        }
        self.held.retain(|_, candidates| !candidates.is_empty());
        self.held_count -= pulled.len();
        pulled
    }

    /// Takes from the strangers those that stand where the records before `seq` should.
    fn pull_unreadable(&mut self, seq: u64, changed: &mut Vec<Stranger>) {
        let lines = self.held.get(&seq).map(Vec::as_slice).unwrap_or_default();
        let end = lines.iter().map(|seen| seen.line).min().unwrap_or(HEAD_LINE);
        let begin = self.line_before;
        changed.extend(self.strangers.extract_if(.., |stranger| begin < stranger.line && stranger.line < end));
        changed.sort_by_key(|stranger| stranger.line);
    }

    /// Places record `seq` after records that are missing, or were changed beyond recognition.
    fn cross(&mut self, seq: u64, mut changed: Vec<Stranger>) {
        let gap = usize::try_from(seq - self.next).unwrap_or(usize::MAX);
        let rest = changed.split_off(changed.len().min(gap));
        self.turn_away_changed(rest);
        let is_single = gap == 1;
        for stranger in changed {
            self.findings.push(Finding::Edited { record: self.next, line: stranger.line });
            self.line_before = stranger.line;
            self.next += 1;
        }
        let is_head = self.is_head(seq);
        if self.next < seq && is_head {
            self.findings.push(Finding::TailCut { records: self.next, known: seq, witness: Witness::Head });
        } else if self.next < seq {
            self.findings.push(Finding::Missing { from: self.next, to: seq, line: self.line_before + 1 });
        }
        let Some(seen) = self.choose(seq) else { return };
        if !(is_single && self.bridge(seen.header)) {
            // Over one missing record, a successor that is itself proven speaks of the last one too.
            let speaks = is_single && self.tree.is_some() && self.doubt.is_none();
            let known_after =
                self.held.get(&(seq + 1)).is_some_and(|next| next.iter().any(|n| n.header.prev == seen.leaf));
            self.flagged |= speaks && (is_head || known_after);
            if let Some(last) = self.last.take() {
                self.end_of_proof(last);
            }
            self.tree = None;
        }
        self.flagged = false;
        self.place(seen);
    }

    /// Goes over one missing record with the leaf that its successor knows. Returns false when that
    /// does not make the successor's tree.
    fn bridge(&mut self, next: Header) -> bool {
        let Some(tree) = &self.tree else { return false };
        let before = self.last.map_or_else(|| tree.clone(), |last| tree.with(last.leaf));
        if before.with(next.prev).root() != next.tree {
            return false;
        }
        if let Some(last) = self.last.take() {
            if std::mem::take(&mut self.flagged) {
                self.edited(last);
            }
            self.grow(last.leaf);
        }
        self.doubt = None;
        self.grow(next.prev);
        true
    }

    /// Ends with a record that has no successor to be judged by.
    fn end_of_proof(&mut self, last: Seen) {
        if std::mem::take(&mut self.flagged) {
            self.edited(last);
        }
        if let Some(doubt) = self.doubt.take() {
            self.findings.push(Finding::Unproven { record: doubt.header.seq, line: doubt.line });
        }
    }

    /// Adds a leaf to the tree, and compares with what others know of that size.
    fn grow(&mut self, leaf: Digest) {
        let Some(tree) = &mut self.tree else { return };
        tree.push(leaf);
        let size = tree.size();
        if size == 1 {
            self.first = Some(leaf);
        }
        if self.checkpoint_size == Some(size) {
            self.checkpoint_root = Some(tree.root());
        }
        if let Some(head) = self.head.filter(|head| head.seq == size) {
            self.head_differs |= head.tree != tree.root();
        }
    }

    fn edited(&mut self, seen: Seen) {
        self.findings.push(Finding::Edited { record: seen.header.seq, line: seen.line });
    }

    fn turn_away_changed(&mut self, changed: Vec<Stranger>) {
        changed.into_iter().for_each(|stranger| self.turn_away(stranger));
    }

    fn is_head(&self, seq: u64) -> bool {
        self.held.get(&seq).is_some_and(|seen| seen.iter().all(|seen| seen.line == HEAD_LINE))
    }

    fn drop_held(&mut self, seq: u64) {
        self.held_count -= self.held.remove(&seq).map_or(0, |seen| seen.len());
    }
}

impl From<Seen> for Stranger {
    fn from(seen: Seen) -> Self {
        Self { line: seen.line, leaf: seen.leaf, record: Some(seen.header.seq) }
    }
}

/// Returns true when the line may be a repair record. Within a JSON text the quotes would be escaped.
fn is_repair(line: &[u8]) -> bool {
    const KIND: &[u8] = br#""kind":"repair""#;
    line.windows(KIND.len()).any(|window| window == KIND)
}
