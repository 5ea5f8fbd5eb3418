//! By what a directory is known not to have changed.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsFd;

use crate::limits;

/// Which directory it is, and its times in seconds and nanoseconds: of its last change, and of the last change of its
/// own data, which no program can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) modified: (i64, u32),
    pub(super) changed: (i64, u32),
}

impl Stamp {
    /// Returns true when a further change could leave the times as they are: they are too young, or not of this time.
    fn is_racy(&self, now_ms: i64) -> bool {
        let youngest = self.modified.max(self.changed);
        youngest.0.saturating_mul(1_000).saturating_add(limits::TIMES_SETTLE_MS) >= now_ms
    }
}

/// Returns the stamp of the directory that has this name now.
pub(super) fn look(above: impl AsFd, name: &str, follow: bool) -> Option<Stamp> {
    stat::stamp(above.as_fd(), name, follow)
}

#[cfg(target_os = "linux")]
mod stat {
    use std::os::fd::BorrowedFd;

    use rustix::fs::{AtFlags, FileType, StatxFlags, StatxTimestamp};

    use super::Stamp;

    /// Looks at a name in a directory, or at the directory itself where there is no name.
    pub(super) fn stamp(above: BorrowedFd<'_>, name: &str, follow: bool) -> Option<Stamp> {
        let mut how = AtFlags::empty();
        how.set(AtFlags::EMPTY_PATH, name.is_empty());
        how.set(AtFlags::SYMLINK_NOFOLLOW, !follow);
        let wanted = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::MTIME | StatxFlags::CTIME;
        let found = rustix::fs::statx(above, name, how, wanted).ok()?;
        let is_whole = StatxFlags::from_bits_retain(found.stx_mask).contains(wanted);
        let is_directory = FileType::from_raw_mode(found.stx_mode.into()).is_dir();
        let time = |time: StatxTimestamp| (time.tv_sec, time.tv_nsec);
        (is_whole && is_directory).then(|| Stamp {
            device: u64::from(found.stx_dev_major) << 32 | u64::from(found.stx_dev_minor),
            inode: found.stx_ino,
            modified: time(found.stx_mtime),
            changed: time(found.stx_ctime),
        })
    }
}

/// Elsewhere every walk is a fresh one.
#[cfg(not(target_os = "linux"))]
mod stat {
    use std::os::fd::BorrowedFd;

    use super::Stamp;

    pub(super) fn stamp(_above: BorrowedFd<'_>, _name: &str, _follow: bool) -> Option<Stamp> {
        None
    }
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
        let stamp = look(directory, "", false).filter(|stamp| !stamp.is_racy(now_ms))?;
        let is_relied_on = *self.devices.entry(stamp.device).or_insert_with(|| keeps_times(directory));
        is_relied_on.then_some(stamp)
    }

    /// Returns it again when the directory did not change while it was read.
    pub(super) fn after(directory: &File, before: Option<Stamp>) -> Option<Stamp> {
        let before = before?;
        (look(directory, "", false)? == before).then_some(before)
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
