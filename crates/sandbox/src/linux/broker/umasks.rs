//! Which rights callers take from new files: read once, and remembered for a moment.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::caller::Caller;
use super::decode::Errno;
use crate::limits::{UMASK_MS, UMASKS_MAX};

/// How long nothing is remembered after a caller changes its own: the change comes after the answer.
const CHANGING: Duration = Duration::from_millis(20);

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Umasks {
    known: HashMap<i32, (u32, Instant)>,
    changing: Option<Instant>,
}

impl Umasks {
    /// Returns the bits that a caller wants no new file to have.
    pub(super) fn of(&mut self, caller: &Caller<'_>) -> Result<u32, Errno> {
        let now = Instant::now();
        if let Some((umask, read)) = self.known.get(&caller.pid)
            && now.duration_since(*read) < Duration::from_millis(UMASK_MS)
        {
            return Ok(*umask);
        }
        let umask = caller.umask()?;
        if self.known.len() >= UMASKS_MAX {
            self.known.clear();
        }
        if self.changing.is_none_or(|since| now.duration_since(since) > CHANGING) {
            self.known.insert(caller.pid, (umask, now));
        }
        Ok(umask)
    }

    /// Forgets all: a caller changes its own, and others may share it.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.changing = Some(Instant::now());
    }
}
