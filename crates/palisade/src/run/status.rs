//! `--status-fd`: what becomes of the command, as JSON lines, for a program that watches.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::Write;

use serde_json::{Value, json};

/// Where the lines go, if anywhere.
pub(super) struct Status {
    file: Option<RefCell<File>>,
}

impl Status {
    /// Opens the descriptor that the caller passed.
    pub(super) fn new(fd: Option<u32>) -> Self {
        let open = |fd| OpenOptions::new().append(true).open(format!("/proc/self/fd/{fd}"));
        let file = fd.and_then(|fd| match open(fd) {
            Ok(file) => Some(RefCell::new(file)),
            Err(error) => {
                crate::say::error(&format!("descriptor {fd} cannot be written: {error}"));
                None
            }
        });
        Self { file }
    }

    pub(super) fn permitted(&self) {
        self.line(&json!({"schema_version": 1, "event": "permitted"}));
    }

    pub(super) fn refused(&self, reason: &str) {
        self.line(&json!({"schema_version": 1, "event": "refused", "reason": reason}));
    }

    pub(super) fn ended(&self, code: u8) {
        self.line(&json!({"schema_version": 1, "event": "ended", "code": code}));
    }

    pub(super) fn failed(&self, reason: &str) {
        self.line(&json!({"schema_version": 1, "event": "failed", "reason": reason}));
    }

    /// A watcher that went away changes nothing about the command.
    fn line(&self, line: &Value) {
        if let Some(file) = &self.file {
            let _ = writeln!(file.borrow_mut(), "{line}");
        }
    }
}
