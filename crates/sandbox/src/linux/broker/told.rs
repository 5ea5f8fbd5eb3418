//! What was refused, on its way to the launcher: each thing once at first, then with how often it came.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::control::Channel;
use super::caller::Caller;
use crate::limits::{PENDING_END_MS, REFUSALS_MAX};
use crate::report::Refused;
use crate::wire::Message;

/// What was refused so far. The thread that refuses and the one that ends the boundary share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    book: Arc<Mutex<Book>>,
    /// How many files are being written that are looked at before they are made.
    pending: Arc<AtomicUsize>,
    /// How many openings were checked, and the nanoseconds that they took; nothing where none are.
    checks: Option<Arc<(AtomicU64, AtomicU64)>>,
}

#[derive(Debug, Default)]
struct Book {
    rows: BTreeMap<(String, String), Row>,
    /// Refusals after the book was full.
    more: u64,
}

#[derive(Debug)]
struct Row {
    refused: Refused,
    sent: u64,
}

impl Row {
    fn message(&self) -> Message {
        let Refused { what, program, command, by, times } = self.refused.clone();
        Message::Refused { what, program, command, by, times }
    }
}

impl Told {
    /// Returns an empty book, in which it also stands what the checks of openings cost.
    pub(super) fn with_checks() -> Self {
        Self { checks: Some(Arc::default()), ..Self::default() }
    }

    /// Notes an opening that was checked.
    pub(super) fn checked(&self, took: Duration) {
        if let Some((opened, nanos)) = self.checks.as_deref() {
            opened.fetch_add(1, Ordering::Relaxed);
            nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Notes a refusal of a caller. The first of its kind is told at once.
    pub(super) fn note(&self, channel: &Channel, caller: &Caller<'_>, what: String, by: Option<String>) {
        self.enter(channel, (what, caller.program()), || caller.command(), by);
    }

    /// Notes a refusal that comes after the call that it is about.
    pub(super) fn note_without_caller(&self, channel: &Channel, what: String, by: String) {
        self.enter(channel, (what, String::new()), String::new, Some(by));
    }

    fn enter(&self, channel: &Channel, key: (String, String), command: impl Fn() -> String, by: Option<String>) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = book.rows.len() >= REFUSALS_MAX;
        if is_full && !book.rows.contains_key(&key) {
            book.more = book.more.saturating_add(1);
            return;
        }
        let (what, program) = key.clone();
        let row = book
            .rows
            .entry(key)
            .or_insert_with(|| Row { refused: Refused { what, program, command: command(), by, times: 0 }, sent: 0 });
        row.refused.times = row.refused.times.saturating_add(1);
        if row.sent == 0 {
            row.sent = 1;
            // When the launcher is gone the boundary ends soon, and nobody reads a report.
            let _ = channel.send(&row.message(), None);
        }
    }

    /// Notes how many files are being written that are looked at before they are made.
    pub(super) fn pending(&self, count: usize) {
        self.pending.store(count, Ordering::Release);
    }

    /// Waits a moment for these, and tells what is not told yet.
    pub(crate) fn flush(&self, channel: &Channel) {
        let until = Instant::now() + Duration::from_millis(PENDING_END_MS);
        while self.pending.load(Ordering::Acquire) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        for row in book.rows.values_mut().filter(|row| row.sent < row.refused.times) {
            row.sent = row.refused.times;
            let _ = channel.send(&row.message(), None);
        }
        if let Some((opened, nanos)) = self.checks.as_deref() {
            let (opened, micros) = (opened.load(Ordering::Relaxed), nanos.load(Ordering::Relaxed) / 1000);
            let _ = channel.send(&Message::Reads { opened, micros }, None);
        }
        if book.more > 0 {
            let _ = channel.send(&Message::RefusedMore { times: book.more }, None);
        }
    }
}
