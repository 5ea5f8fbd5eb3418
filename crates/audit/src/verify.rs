//! Verification: every line against those before it, the head file, and a checkpoint.
//!
//! 1. Take a snapshot under the lock: the head file and the journal's length.
//! 2. Walk the lines in the order of their numbers (`walk.rs`).
//! 3. Compare with the checkpoint: its root is computed anew over the journal's own lines, which is
//!    inclusion of every record before it, and consistency of any two checkpoints that both hold.
//! 4. Look a second time for the first place of lines that were there twice.
//!
//! Only the beginning of a line is read, and its bytes are hashed: no schema is needed.

mod finding;
mod walk;

pub use finding::{Finding, Unseen, Witness};

use crate::checkpoint::{self, Checkpoint};
use crate::limits;
use crate::line::Header;
use crate::lines::Lines;
use crate::store::{Access, Error, HeadFile, Store};
use crate::tree::Digest;
use rustix::fs::FlockOperation;
use std::collections::BTreeMap;
use std::path::Path;
use walk::{Stranger, Walk};

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The journal's name, as checkpoints have it.
    pub origin: String,
    /// How many whole lines there are.
    pub lines: u64,
    /// How many records there are by their numbers: one more than the last number.
    pub records: u64,
    /// Bytes of the journal.
    pub bytes: u64,
    /// The root over the records as they were written, in base64; nothing where too much is missing.
    pub root: Option<String>,
    /// What is wrong, in the journal's order.
    pub findings: Vec<Finding>,
    /// How many findings are not listed.
    pub findings_left_out: u64,
    /// What this verification could not see, however sound the report.
    pub unseen: Unseen,
}

impl Report {
    /// Returns true when nothing was changed or lost: there is no finding, or only traces of a process
    /// that was killed while it wrote, which the next append mends.
    pub fn is_sound(&self) -> bool {
        self.findings_left_out == 0 && self.findings.iter().all(Finding::is_harmless)
    }
}

/// Verifies a journal; against a checkpoint, if one was kept elsewhere.
pub fn verify(directory: &Path, checkpoint: Option<&Checkpoint>) -> Result<Report, Error> {
    let store = Store::open(directory, Access::Read)?;
    let (head, bytes) = {
        let _lock = store.lock(FlockOperation::NonBlockingLockShared)?;
        (store.read_head()?, store.length()?)
    };
    let mut walk = Walk::new(head_mark(&head), checkpoint.map(Checkpoint::size));
    let mut lines = Lines::new(0, bytes);
    let mut count = 0;
    while let Some(line) = lines.next(&store)? {
        if !line.whole {
            walk.findings.push(Finding::TornTail { line: count + 1, bytes: line.length });
            break;
        }
        count += 1;
        walk.feed(count, &line);
    }
    walk.finish();
    let twice = firsts(&store, bytes, &walk.strangers)?;
    walk.name_strangers(&twice);
    let origin = checkpoint::origin(walk.first, walk.records());
    note_head(&mut walk, &head);
    if let Some(checkpoint) = checkpoint {
        note_checkpoint(&mut walk, checkpoint, &origin);
    }
    let unseen = match checkpoint {
        None => Unseen::WithoutCheckpoint,
        Some(checkpoint) => Unseen::AfterCheckpoint { records: walk.records().saturating_sub(checkpoint.size()) },
    };
    let (records, root) = (walk.records(), walk.root().map(Digest::base64));
    let (findings, findings_left_out) = walk.findings.sorted();
    Ok(Report { origin, lines: count, records, bytes, root, findings, findings_left_out, unseen })
}

fn head_mark(head: &HeadFile) -> Option<Header> {
    match head {
        HeadFile::Good(head) => Some(Header { seq: head.size(), prev: head.last, tree: head.tree.root() }),
        HeadFile::Missing | HeadFile::Damaged => None,
    }
}

fn note_head(walk: &mut Walk, head: &HeadFile) {
    let records = walk.records();
    match head {
        HeadFile::Missing if records > 0 => walk.findings.push(Finding::HeadMissing),
        HeadFile::Missing => {}
        HeadFile::Damaged => walk.findings.push(Finding::HeadDamaged),
        HeadFile::Good(head) if walk.head_differs => {
            walk.findings.push(Finding::HeadDiffers { size: head.size() });
        }
        HeadFile::Good(head) if head.size() < records => {
            walk.findings.push(Finding::HeadBehind { size: head.size(), records });
        }
        HeadFile::Good(_) => {}
    }
}

fn note_checkpoint(walk: &mut Walk, checkpoint: &Checkpoint, origin: &str) {
    let (size, records) = (checkpoint.size(), walk.records());
    if size > records {
        walk.findings.push(Finding::TailCut { records, known: size, witness: Witness::Checkpoint });
    }
    if size == 0 {
        return;
    }
    if records > 0 && checkpoint.origin() != origin {
        let (ours, theirs) = (origin.to_owned(), checkpoint.origin().to_owned());
        walk.findings.push(Finding::OtherJournal { ours, theirs });
    } else if size <= records {
        match walk.checkpoint_root {
            Some(root) if root == checkpoint.root => {}
            Some(root) => {
                let (ours, theirs) = (root.base64(), checkpoint.root());
                walk.findings.push(Finding::Forked { size, ours, theirs });
            }
            None => walk.findings.push(Finding::CheckpointUnproven { size }),
        }
    }
}

/// Finds the first line that is the same as a stranger.
fn firsts(store: &Store, bytes: u64, strangers: &[Stranger]) -> Result<BTreeMap<Digest, u64>, Error> {
    let mut firsts = BTreeMap::new();
    if strangers.is_empty() {
        return Ok(firsts);
    }
    let wanted: BTreeMap<Digest, u64> = strangers.iter().map(|stranger| (stranger.leaf, stranger.line)).collect();
    let (mut lines, mut count) = (Lines::new(0, bytes), 0);
    while let Some(line) = lines.next(store)? {
        count += 1;
        if wanted.contains_key(&line.leaf) && firsts.len() < limits::FINDINGS_MAX {
            firsts.entry(line.leaf).or_insert(count);
        }
    }
    Ok(firsts)
}
