//! Connecting to an address as a program wrote it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Connects a socket to the address that these bytes are.
pub(crate) fn connect(socket: BorrowedFd<'_>, address: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(address.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel copies exactly `length` bytes, which are there, and takes them for an address by itself. The safe
    // wrapper takes addresses of known families only.
    #[expect(unsafe_code, reason = "connect with bytes")]
    let result = unsafe { libc::connect(socket.as_raw_fd(), address.as_ptr().cast(), length) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
