//! By what a directory is known not to have changed.

#![expect(clippy::disallowed_methods, reason = "directories are looked at here, among the facts")]

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;

use crate::limits;

/// Which directory it is, and its times in nanoseconds: of its last change, and of the last change of its own data,
/// which no program can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) modified: (i64, i64),
    pub(super) changed: (i64, i64),
}

impl Stamp {
    fn of(found: &Metadata) -> Option<Self> {
        found.is_dir().then(|| Self {
            device: found.dev(),
            inode: found.ino(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    /// Returns true when a further change could leave the times as they are: they are too young, or not of this time.
    fn is_racy(&self, now_ms: i64) -> bool {
        let youngest = self.modified.max(self.changed);
        youngest.0.saturating_mul(1_000).saturating_add(limits::TIMES_SETTLE_MS) >= now_ms
    }
}

/// Returns the stamp of the directory that is there now.
pub(super) fn look(path: &str, follow: bool) -> Option<Stamp> {
    let found = if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    Stamp::of(&found.ok()?)
}

/// Takes stamps: only where they can be relied on.
#[derive(Debug)]
pub(super) struct Stamps {
    now_ms: Option<i64>,
    /// Of each device whether its file system is one of those that are relied on.
    devices: BTreeMap<u64, bool>,
}

impl Stamps {
    pub(super) fn new(now_ms: Option<i64>) -> Self {
        Self { now_ms, devices: BTreeMap::new() }
    }

    /// Returns the stamp of an open directory, before it is read.
    pub(super) fn before(&mut self, directory: &File) -> Option<Stamp> {
        let now_ms = self.now_ms?;
        let stamp = Stamp::of(&directory.metadata().ok()?).filter(|stamp| !stamp.is_racy(now_ms))?;
        let is_relied_on = *self.devices.entry(stamp.device).or_insert_with(|| keeps_times(directory));
        is_relied_on.then_some(stamp)
    }

    /// Returns it again when the directory did not change while it was read.
    pub(super) fn after(directory: &File, before: Option<Stamp>) -> Option<Stamp> {
        let before = before?;
        (Stamp::of(&directory.metadata().ok()?)? == before).then_some(before)
    }
}

/// File systems of this machine that change a directory's times with every name in it, by the numbers that the
/// kernel has for them. Others, those of other machines above all, may tell old times: what lies there is walked anew.
#[cfg(target_os = "linux")]
const RELIED_ON: [(u64, &str); 8] = [
    (0xef53, "ext2, ext3, ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x0102_1994, "tmpfs"),
    (0x794c_7630, "overlayfs"),
    (0xf2f5_2010, "f2fs"),
    (0x2fc1_2fc1, "zfs"),
    (0xca45_1a4e, "bcachefs"),
];

#[cfg(target_os = "linux")]
fn keeps_times(directory: &File) -> bool {
    let Ok(found) = rustix::fs::fstatfs(directory) else { return false };
    let own = u64::try_from(found.f_type).unwrap_or_default() & 0xffff_ffff;
    RELIED_ON.iter().any(|(number, _)| *number == own)
}

#[cfg(not(target_os = "linux"))]
fn keeps_times(_directory: &File) -> bool {
    false
}
