//! What this run has made of git's configurations: that it may change and take away again.
//!
//! A configuration is known by its number and not by its path, at which another repository may come to lie.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, StatxFlags};

use super::place::Entry;
use crate::limits::MADE_MAX;

/// A file: its device and number there.
type Id = (u32, u32, u64);

/// The configurations, each with the keys in it that this run set, and whether it made the file where there was none.
#[derive(Debug, Default)]
pub(super) struct Own(BTreeMap<Id, (bool, BTreeSet<String>)>);

impl Own {
    /// Returns true when this run made the configuration where there was none.
    pub(super) fn made(&self, file: impl AsFd) -> bool {
        id(file, c"").and_then(|id| self.0.get(&id)).is_some_and(|(is_made, _)| *is_made)
    }

    /// Returns the keys that this run set in what is at a name, and whether it made that, and forgets it: it is
    /// replaced or removed.
    pub(super) fn take(&mut self, entry: &Entry) -> (bool, BTreeSet<String>) {
        id(&entry.directory, &entry.name).and_then(|id| self.0.remove(&id)).unwrap_or_default()
    }

    /// Takes note of what was put at a name.
    pub(super) fn put(&mut self, entry: &Entry, is_made: bool, keys: BTreeSet<String>) {
        let is_room = self.0.len() < MADE_MAX && keys.len() < MADE_MAX;
        if let Some(id) = id(&entry.directory, &entry.name).filter(|_| is_room) {
            self.0.insert(id, (is_made, keys));
        }
    }
}

fn id(file: impl AsFd, name: impl rustix::path::Arg) -> Option<Id> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW;
    let stat = rustix::fs::statx(file, name, flags, StatxFlags::INO).ok()?;
    Some((stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino))
}
