//! `--status-fd`: what becomes of the command, as JSON lines, for a program that watches.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;

use anyhow::Context;
use rustix::process::{PidfdFlags, PidfdGetfdFlags};
use serde_json::{Value, json};

/// Where the lines go, if anywhere.
pub(super) struct Status {
    file: Option<RefCell<File>>,
}

impl Status {
    /// Takes the descriptor that the caller passed: whoever asked to be told and cannot be is told before
    /// anything runs.
    ///
    /// The descriptor is duplicated and not opened anew, so that sockets work and a file keeps its place.
    pub(super) fn new(fd: Option<u32>) -> anyhow::Result<Self> {
        let Some(fd) = fd else { return Ok(Self { file: None }) };
        let number = i32::try_from(fd).with_context(|| format!("{fd} is no descriptor"))?;
        let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
        let copy = rustix::process::pidfd_getfd(own, number, PidfdGetfdFlags::empty())
            .with_context(|| format!("descriptor {fd} cannot be used"))?;
        let file = File::from(copy);
        (&file).write_all(b"").with_context(|| format!("descriptor {fd} cannot be written"))?;
        Ok(Self { file: Some(RefCell::new(file)) })
    }

    /// The command may run.
    pub(super) fn permitted(&self) {
        self.line(&json!({"schema_version": 1, "event": "permitted"}));
    }

    /// The command may not run.
    pub(super) fn refused(&self, reason: &str) {
        self.line(&json!({"schema_version": 1, "event": "refused", "reason": reason}));
    }

    /// The command ran and is over.
    pub(super) fn ended(&self, code: u8) {
        self.line(&json!({"schema_version": 1, "event": "ended", "code": code}));
    }

    /// The command did not run, though it might have.
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
