//! Device requests without a safe wrapper.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Brings the interface `lo` up, through any socket of its network namespace.
pub(crate) fn loopback_up(socket: &OwnedFd) -> io::Result<()> {
    // SAFETY: a request of zeros is valid.
    #[expect(unsafe_code, reason = "ifreq")]
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *slot = byte.cast_signed() as libc::c_char;
    }
    // SAFETY: the request is valid and large enough, and the kernel fills the flags.
    #[expect(unsafe_code, reason = "SIOCGIFFLAGS")]
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the flags are the member that the kernel just filled; the request stays valid.
    #[expect(unsafe_code, reason = "SIOCSIFFLAGS")]
    let result = unsafe {
        request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw mut request)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Returns the network namespace of a socket.
pub(crate) fn network_namespace(socket: &OwnedFd) -> io::Result<OwnedFd> {
    /// From `linux/sockios.h`.
    const SIOCGSKNS: libc::c_ulong = 0x894C;
    // SAFETY: the request takes nothing, and returns a new descriptor.
    #[expect(unsafe_code, reason = "SIOCGSKNS")]
    let namespace = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSKNS as _) };
    if namespace < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened it for us, and nobody else has it.
    #[expect(unsafe_code, reason = "ownership of a new descriptor")]
    Ok(unsafe { OwnedFd::from_raw_fd(namespace) })
}
