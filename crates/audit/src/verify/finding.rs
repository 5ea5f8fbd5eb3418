//! What can be wrong with a journal.

use std::fmt;

/// Something wrong with a journal. Records are counted from 0, lines from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// A record is not what was written.
    Edited {
        /// The record.
        record: u64,
        /// Its line.
        line: u64,
    },
    /// What would prove a record is itself changed.
    Unproven {
        /// The record.
        record: u64,
        /// Its line.
        line: u64,
    },
    /// Records are gone: `from` up to, not including, `to`.
    Missing {
        /// The first.
        from: u64,
        /// The one after the last.
        to: u64,
        /// The line where the first should stand.
        line: u64,
    },
    /// A record does not stand in its place.
    Reordered {
        /// The record.
        record: u64,
        /// The line it stands on.
        line: u64,
    },
    /// A line is there again.
    Duplicate {
        /// Its record.
        record: u64,
        /// The line of the copy.
        line: u64,
        /// The line that is the same.
        first_line: u64,
    },
    /// A line is not part of the journal.
    Inserted {
        /// The line.
        line: u64,
    },
    /// A line is half written.
    TornTail {
        /// The line.
        line: u64,
        /// How many bytes it has.
        bytes: u64,
    },
    /// A repair record says that the end was cut off before it.
    CutBefore {
        /// The repair record.
        record: u64,
        /// Its line.
        line: u64,
        /// How many records there had been.
        known: u64,
        /// The root over them in base64.
        root: String,
    },
    /// There had been more records.
    TailCut {
        /// How many there are.
        records: u64,
        /// How many there had been.
        known: u64,
        /// Who says so.
        witness: Witness,
    },
    /// The records before the checkpoint are others.
    Forked {
        /// The checkpoint's size.
        size: u64,
        /// The journal's root at that size.
        ours: String,
        /// The checkpoint's root.
        theirs: String,
    },
    /// The checkpoint is of another journal, or the first record was replaced.
    OtherJournal {
        /// This journal's name.
        ours: String,
        /// The checkpoint's.
        theirs: String,
    },
    /// So much is missing that the root at the checkpoint cannot be computed.
    CheckpointUnproven {
        /// The checkpoint's size.
        size: u64,
    },
    /// The head file knows fewer records: a process was killed before it wrote the head.
    HeadBehind {
        /// How many it knows.
        size: u64,
        /// How many there are.
        records: u64,
    },
    /// There is no head file; whether the end was cut off cannot be seen from this directory.
    HeadMissing,
    /// The head file cannot be read; the same holds.
    HeadDamaged,
    /// The head file was written over other records.
    HeadDiffers {
        /// How many it knows.
        size: u64,
    },
}

/// Who knows of more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// The head file.
    Head,
    /// The checkpoint.
    Checkpoint,
}

/// What a verification cannot see, however sound its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// There was no checkpoint.
    WithoutCheckpoint,
    /// There was one, and so many records came after it.
    AfterCheckpoint {
        /// How many.
        records: u64,
    },
}

impl Finding {
    /// Returns the finding's name in machine output.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Edited { .. } => "edited",
            Self::Unproven { .. } => "unproven",
            Self::Missing { .. } => "missing",
            Self::Reordered { .. } => "reordered",
            Self::Duplicate { .. } => "duplicate",
            Self::Inserted { .. } => "inserted",
            Self::TornTail { .. } => "torn_tail",
            Self::CutBefore { .. } => "cut_before",
            Self::TailCut { .. } => "tail_cut",
            Self::Forked { .. } => "forked",
            Self::OtherJournal { .. } => "other_journal",
            Self::CheckpointUnproven { .. } => "checkpoint_unproven",
            Self::HeadBehind { .. } => "head_behind",
            Self::HeadMissing => "head_missing",
            Self::HeadDamaged => "head_damaged",
            Self::HeadDiffers { .. } => "head_differs",
        }
    }

    /// Returns true for the trace of a process that was killed while it wrote.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::TornTail { .. } | Self::HeadBehind { .. })
    }

    /// Returns the line it is about; findings about the whole journal come last.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Edited { line, .. }
            | Self::Unproven { line, .. }
            | Self::Missing { line, .. }
            | Self::Reordered { line, .. }
            | Self::Duplicate { line, .. }
            | Self::Inserted { line }
            | Self::TornTail { line, .. }
            | Self::CutBefore { line, .. } => Some(*line),
            Self::TailCut { .. }
            | Self::Forked { .. }
            | Self::OtherJournal { .. }
            | Self::CheckpointUnproven { .. }
            | Self::HeadBehind { .. }
            | Self::HeadMissing
            | Self::HeadDamaged
            | Self::HeadDiffers { .. } => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited { record, line } => write!(out, "record {record} was changed (line {line})"),
            Self::Unproven { record, line } => {
                write!(out, "record {record} cannot be proven: the record after it was changed (line {line})")
            }
            Self::Missing { from, to, line } if *to == from + 1 => {
                write!(out, "record {from} is missing (line {line})")
            }
            Self::Missing { from, to, line } => {
                write!(out, "records {from} to {} are missing (line {line})", to - 1)
            }
            Self::Reordered { record, line } => write!(out, "record {record} is out of its place (line {line})"),
            Self::Duplicate { record, line, first_line } => {
                write!(out, "record {record} is there again (line {line}, the same as line {first_line})")
            }
            Self::Inserted { line } => write!(out, "line {line} is not part of the journal"),
            Self::TornTail { line, bytes } => write!(out, "line {line} is half written ({bytes} bytes)"),
            Self::CutBefore { record, line, known, .. } => {
                write!(out, "before record {record} the end was lost: there had been {known} records (line {line})")
            }
            Self::TailCut { records, known, witness: Witness::Head } => {
                write!(out, "the end is cut off: {records} records, the head file knows {known}")
            }
            Self::TailCut { records, known, witness: Witness::Checkpoint } => {
                write!(out, "the end is cut off: {records} records, the checkpoint knows {known}")
            }
            Self::Forked { size, ours, theirs } => {
                write!(out, "the first {size} records have the root {ours}, the checkpoint has {theirs}")
            }
            Self::OtherJournal { ours, theirs } => write!(out, "this is {ours}, the checkpoint is of {theirs}"),
            Self::CheckpointUnproven { size } => {
                write!(out, "too much is missing to compare with the checkpoint of {size} records")
            }
            Self::HeadBehind { size, records } => {
                write!(out, "the head file knows {size} of {records} records")
            }
            Self::HeadMissing => write!(out, "the head file is gone: a cut end cannot be seen here"),
            Self::HeadDamaged => write!(out, "the head file cannot be read: a cut end cannot be seen here"),
            Self::HeadDiffers { size } => write!(out, "the head file was written over {size} other records"),
        }
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithoutCheckpoint => write!(
                out,
                "without a checkpoint kept elsewhere, an end cut off together with the head file, and a journal \
                 written anew as a whole, cannot be seen"
            ),
            Self::AfterCheckpoint { records: 0 } => {
                write!(
                    out,
                    "records that came after the checkpoint and were cut off together with the head file cannot be seen"
                )
            }
            Self::AfterCheckpoint { records } => write!(
                out,
                "the last {records} records are younger than the checkpoint: whether they were written anew, or \
                 more were cut off together with the head file, cannot be seen"
            ),
        }
    }
}
