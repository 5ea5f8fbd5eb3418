//! Whether anybody has a file open for writing.

use std::os::fd::{AsRawFd, BorrowedFd};

/// Returns true when nobody has the file open for writing, given by a descriptor for reading: the kernel gives a lease
/// for reading to nobody else's disadvantage then, which is given back at once.
pub(crate) fn is_written_by_nobody(file: BorrowedFd<'_>) -> bool {
    let set = |kind: libc::c_int| {
        // SAFETY: the arguments are numbers.
        #[expect(unsafe_code, reason = "F_SETLEASE")]
        unsafe {
            libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) == 0
        }
    };
    set(libc::F_RDLCK) && set(libc::F_UNLCK)
}
