//! Which mounts are the command's own.
//!
//! A standard stream may be a file of the host's, on a mount that is not seen inside and can be written. Landlock keeps what
//! it holds as it is, and knows nothing of attributes: those of such a file are the host's.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};

use super::decode::Errno;
use super::place::Ground;
use crate::limits::MOUNT_LIST_BYTES_MAX;
use crate::linux::kernel_files::read_whole;

/// The numbers of the mounts inside, as they were when last looked at.
#[derive(Debug, Default)]
pub(super) struct Mounts(BTreeSet<u64>);

impl Mounts {
    /// Returns true when a file was opened by a name inside.
    pub(super) fn hold(&mut self, ground: &Ground, file: BorrowedFd<'_>) -> Result<bool, Errno> {
        let stat = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).map_err(errno)?;
        if stat.stx_mask & StatxFlags::MNT_ID.bits() == 0 {
            return Err(libc::EACCES);
        }
        if !self.0.contains(&stat.stx_mnt_id) {
            self.0 = numbers(ground)?;
        }
        Ok(self.0.contains(&stat.stx_mnt_id))
    }
}

/// Reads the list of mounts: each line begins with the number of one.
fn numbers(ground: &Ground) -> Result<BTreeSet<u64>, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&ground.proc, "self/mountinfo", flags, Mode::empty()).map_err(errno)?;
    let bytes = read_whole(file, MOUNT_LIST_BYTES_MAX).map_err(|error| error.raw_os_error().unwrap_or(libc::EACCES))?;
    let lines = bytes.split(|byte| *byte == b'\n');
    let number = |line: &[u8]| std::str::from_utf8(line.split(|byte| *byte == b' ').next()?).ok()?.parse().ok();
    Ok(lines.filter_map(number).collect())
}

fn errno(error: rustix::io::Errno) -> Errno {
    error.raw_os_error()
}
