//! The journal: append-only, each record a leaf of a Merkle tree.
//!
//! Every decision is a record here before its effect happens; when [`Journal::append`] fails, the
//! caller refuses. The journal is a directory with `journal.jsonl` (one JSON line for each record, the
//! only truth), `head` (how far it goes; saves reading, is never believed against the journal) and
//! `torn-<seq>` (half-written lines that were moved aside).
//!
//! # What ties the lines together
//!
//! Each line carries its number, the leaf hash of the line before, and the root of the RFC 6962 tree over
//! all lines before. So a changed line is found at its place, by [`verify`], from the journal alone. Who
//! can write the whole directory can write all of it anew, or cut its end off together with the head:
//! that shows only against a [`Checkpoint`] kept where they cannot write.
//!
//! # What lasts when
//!
//! When `append` returns, the line has been given to the kernel: it outlives the process, however that
//! ends. It outlives a loss of power after [`Journal::sync`], which the caller does when it can afford
//! the wait. A process that is killed while it writes leaves half a line; the next append moves it to
//! `torn-<seq>` and says so in a `repair` record. An append that fails leaves the records from before.
//!
//! # What this crate never does
//!
//! It decides nothing, prints nothing, reads no clock, and never writes a record that it could not tie to
//! the one before. It keeps no file contents and no secret that [`redact()`] knows.
//!
//! Read first: [`records`](Record), `line.rs`, `journal.rs`, `recover.rs`, then `verify.rs`.

mod checkpoint;
mod clock;
mod head;
mod journal;
mod keep;
mod limits;
mod line;
mod lines;
mod read;
mod records;
mod recover;
mod store;
mod tree;
mod verify;
mod wire;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use journal::{Journal, Receipt};
pub use keep::{Kept, keep};
pub use read::{Entries, Entry, Filter, Logged, find, read};
pub use records::{
    Answer, AnsweredBy, Body, Connection, ConnectionStage, Decision, End, Outcome, Part, Record, Repair, Reply,
    Settings, Started, Trust, TrustChange,
};
pub use secrets::{Redacted, SecretKind, redact};
pub use store::{Error, Step};
pub use verify::{Finding, Report, Unseen, Witness, verify};
