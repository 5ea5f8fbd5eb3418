//! Mounts by descriptor: what is looked at and what is mounted on are the same open file.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxAttributes, StatxFlags};
use rustix::io::{Errno, Result};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags};

use crate::sys::kernel::{MountAttributes, mount_setattr};

/// What every mount inside has.
pub(super) const NOSUID: u64 = libc::MOUNT_ATTR_NOSUID;
/// No device files count.
pub(super) const NODEV: u64 = libc::MOUNT_ATTR_NODEV;
/// Nothing runs from there.
pub(super) const NOEXEC: u64 = libc::MOUNT_ATTR_NOEXEC;
/// Nothing is written there.
pub(super) const RDONLY: u64 = libc::MOUNT_ATTR_RDONLY;

/// A file by its number on its file system, and whether a mount begins there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: (u32, u32),
    pub(super) inode: u64,
    pub(super) is_mount: bool,
    pub(super) is_directory: bool,
}

/// Opens the path below a directory, following no link of any kind.
pub(super) fn resolve(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    resolve_bytes(root, path.as_bytes())
}

/// Opens as [`resolve`] does a path that need not be text.
pub(super) fn resolve_bytes(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd> {
    open_below(root, path, ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::BENEATH)
}

/// Opens the path below a directory, following links as if the directory were the root.
pub(super) fn resolve_links(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    open_below(root, path.as_bytes(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}

fn open_below(root: BorrowedFd<'_>, path: &[u8], how: ResolveFlags) -> Result<OwnedFd> {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    let below = path.get(start..).filter(|below| !below.is_empty()).unwrap_or(b".");
    rustix::fs::openat2(root, below, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), how)
}

/// Returns which file a descriptor is.
pub(super) fn identity(fd: BorrowedFd<'_>) -> Result<Identity> {
    let flags = StatxFlags::INO | StatxFlags::TYPE;
    let stat = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, flags)?;
    if !stat.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) {
        return Err(Errno::NOSYS);
    }
    Ok(Identity {
        device: (stat.stx_dev_major, stat.stx_dev_minor),
        inode: stat.stx_ino,
        is_mount: stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
        is_directory: rustix::fs::FileType::from_raw_mode(stat.stx_mode.into()).is_dir(),
    })
}

/// Returns which mount a descriptor was opened on.
pub(super) fn mount_id(fd: BorrowedFd<'_>) -> Result<u64> {
    let stat = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    if StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::MNT_ID) {
        Ok(stat.stx_mnt_id)
    } else {
        Err(Errno::NOSYS)
    }
}

/// Returns true when nothing can be written through the mount that a descriptor was opened on.
pub(super) fn is_read_only(fd: BorrowedFd<'_>) -> Result<bool> {
    Ok(rustix::fs::fstatvfs(fd)?.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// Copies the mount that a file or directory is on, from there down with everything mounted below.
///
/// Mounts that came from the parent's namespace are locked together: a copy without those below is
/// refused.
pub(super) fn copy(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    copy_named(fd, "")
}

/// Copies as [`copy`] does, from a name in a directory.
pub(super) fn copy_named(directory: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    flags |= if name.is_empty() { OpenTreeFlags::AT_EMPTY_PATH } else { OpenTreeFlags::AT_SYMLINK_NOFOLLOW };
    rustix::mount::open_tree(directory, name, flags)
}

/// Sets attributes on a mount and on all below it.
pub(super) fn restrict_all(mount: BorrowedFd<'_>, set: u64) -> std::io::Result<()> {
    mount_setattr(mount, MountAttributes { set, recursive: true })
}

/// Sets attributes on a mount, not on those below it.
pub(super) fn restrict_one(mount: BorrowedFd<'_>, set: u64) -> std::io::Result<()> {
    mount_setattr(mount, MountAttributes { set, recursive: false })
}

/// Mounts a copy or a new file system on a file or directory.
pub(super) fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(mount, "", target, "", flags)
}

/// Makes a new file system, not mounted yet.
pub(super) fn new_file_system(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        rustix::mount::fsconfig_set_string(context.as_fd(), *key, *value)?;
    }
    rustix::mount::fsconfig_create(context.as_fd())?;
    rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}
