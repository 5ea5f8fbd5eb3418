//! Single calls without a safe wrapper.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Attributes that are set on a mount, and whether on those below it too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MountAttributes {
    pub(crate) set: u64,
    pub(crate) recursive: bool,
}

/// Sets attributes on the mount that a descriptor is the root of.
pub(crate) fn mount_setattr(mount: BorrowedFd<'_>, attributes: MountAttributes) -> io::Result<()> {
    let MountAttributes { set, recursive } = attributes;
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    let attr = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path is an empty NUL-terminated string, and the attributes are valid for their size.
    // There is no safe wrapper.
    #[expect(unsafe_code, reason = "mount_setattr")]
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Returns the kernel's Landlock version.
pub(crate) fn landlock_abi() -> io::Result<u32> {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the kernel wants a null pointer and no size, and returns a number.
    #[expect(unsafe_code, reason = "the landlock crate does not tell the version")]
    let result = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    u32::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Joins a new, empty session keyring.
pub(crate) fn new_session_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: u32 = 1;
    // SAFETY: a null name asks for a new anonymous keyring.
    #[expect(unsafe_code, reason = "keyctl")]
    let result = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<u8>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Drops a capability from the bounding set. Returns false when the kernel knows none of this number.
pub(crate) fn drop_from_bounding_set(number: u32) -> io::Result<bool> {
    // SAFETY: takes numbers only. The safe wrapper takes named capabilities, and newer kernels have more.
    #[expect(unsafe_code, reason = "prctl")]
    let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0_u64, 0_u64, 0_u64) };
    match io::Error::last_os_error() {
        _ if result == 0 => Ok(true),
        error if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        error => Err(error),
    }
}
