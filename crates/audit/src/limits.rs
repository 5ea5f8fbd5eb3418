//! Every bound of this crate.

/// Bytes of one line without its newline: what a tile of a transparency log can carry as one entry.
pub(crate) const LINE_BYTES_MAX: usize = 65_535;
/// Bytes of the head file: 64 peaks and what stands around them.
pub(crate) const HEAD_BYTES_MAX: usize = 8 * 1024;
/// How long an append or a snapshot waits for the lock.
pub(crate) const LOCK_WAIT_MS: u64 = 2_000;
/// The first pause between two tries for the lock; it doubles up to [`LOCK_PAUSE_US_MAX`].
pub(crate) const LOCK_PAUSE_US: u64 = 20;
/// The longest pause between two tries for the lock.
pub(crate) const LOCK_PAUSE_US_MAX: u64 = 1_000;
/// How often a journal that was replaced while the lock was awaited is opened again.
pub(crate) const REOPEN_MAX: usize = 4;
/// Bytes that are read at once.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of a half-written line that are kept aside; a longer one is not moved, the append fails.
pub(crate) const TORN_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes of redacted input that a record keeps; the rest is a digest.
pub(crate) const KEEP_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one text of a kept JSON input.
pub(crate) const KEEP_STRING_BYTES_MAX: usize = 8 * 1024;
/// Bytes of JSON input that are taken apart; longer input is a digest.
pub(crate) const KEEP_PARSE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes after a cut that are looked at for a secret that goes over it.
pub(crate) const REDACT_MARGIN_BYTES: usize = 4 * 1024;
/// How far one record is shrunk, step by step, until its line fits: bytes of each text, and count
/// of each list. The last step always fits.
pub(crate) const SHRINK: [(usize, usize); 4] = [(KEEP_BYTES_MAX + 256, 64), (2_048, 32), (512, 16), (96, 4)];

/// Lines that verification holds back while it waits for an earlier record.
pub(crate) const HELD_LINES_MAX: usize = 1_024;
/// Findings that a report lists; the rest is counted.
pub(crate) const FINDINGS_MAX: usize = 256;
/// Entries that a reader keeps for "the newest n".
pub(crate) const NEWEST_MAX: usize = 100_000;
/// Probes of the search for one record, before it reads from the beginning.
pub(crate) const PROBES_MAX: usize = 64;
/// Bytes of a checkpoint text.
pub(crate) const CHECKPOINT_BYTES_MAX: usize = 64 * 1024;
