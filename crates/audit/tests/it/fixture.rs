//! Records, journals, and what is done to them.

use audit::{Body, Journal, Receipt, Record, Trust, TrustChange};
use std::path::{Path, PathBuf};

/// A journal in a directory of its own.
pub(crate) struct Ground {
    _directory: tempfile::TempDir,
    /// The journal's directory.
    pub(crate) path: PathBuf,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("audit");
        Self { _directory: directory, path }
    }

    /// Returns a journal with so many records.
    pub(crate) fn with(count: u64) -> Self {
        let ground = Self::new();
        ground.append(count);
        ground
    }

    pub(crate) fn open(&self) -> Journal {
        Journal::open(&self.path).expect("the journal opens")
    }

    /// Appends so many records; the folder of each names its number and the journal's length at that time.
    pub(crate) fn append(&self, count: u64) {
        let journal = self.open();
        for _ in 0..count {
            let lines = self.lines_or_none();
            let _: Receipt = journal.append(&record(&format!("/work/{lines}"))).expect("the record is appended");
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn journal(&self) -> Vec<u8> {
        std::fs::read(self.file("journal.jsonl")).expect("the journal is read")
    }

    pub(crate) fn set_journal(&self, bytes: &[u8]) {
        std::fs::write(self.file("journal.jsonl"), bytes).expect("the journal is written");
    }

    /// Returns the lines with their newlines.
    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        self.journal().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// Returns how many lines there are, none without a journal.
    pub(crate) fn lines_or_none(&self) -> usize {
        if self.file("journal.jsonl").exists() { self.lines().len() } else { 0 }
    }

    pub(crate) fn set_lines(&self, lines: &[Vec<u8>]) {
        self.set_journal(&lines.concat());
    }
}

/// Returns a small record.
pub(crate) fn record(folder: &str) -> Record {
    Record {
        time_ms: 1_800_000_000_000,
        session: "session-1".to_owned(),
        source: "trust".to_owned(),
        uid: 1000,
        pid: 42,
        body: Body::Trust(Trust { change: TrustChange::Granted, folder: folder.to_owned() }),
    }
}

/// Returns what a verification says, a line each.
pub(crate) fn report(path: &Path, checkpoint: Option<&audit::Checkpoint>) -> String {
    let report = match audit::verify(path, checkpoint) {
        Ok(report) => report,
        Err(error) => return format!("error: {error}"),
    };
    let mut text = format!("{} lines, {} records\n", report.lines, report.records);
    report.findings.iter().for_each(|finding| text.push_str(&format!("{}: {finding}\n", finding.name())));
    text.push_str(if report.is_sound() { "sound" } else { "not sound" });
    text
}

/// Returns letters and digits that look random, the same at every run.
pub(crate) fn random(count: usize, seed: u64) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count).map(|_| char::from(LETTERS[usize::try_from(next() % 62).unwrap_or(0)])).collect()
}
