//! Reading another process's memory.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// How another process's memory is read. The kernel asks the same of both: that the reader may trace it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a call of its own, which a container's filter may refuse.
    Call,
    /// By its file in `/proc`.
    File,
}

impl Way {
    /// Every way, the fastest first.
    pub(crate) const ALL: [Self; 2] = [Self::Call, Self::File];

    /// Reads from another process's memory into `buffer`, up to the first page that cannot be read. Returns how
    /// much was read.
    pub(crate) fn read(self, proc: BorrowedFd<'_>, pid: i32, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Call => by_call(pid, address, buffer),
            Self::File => by_file(proc, pid, address, buffer).map_err(|error| match error {
                // What the file says of an address where nothing is, or nothing can be.
                Errno::IO | Errno::INVAL => Errno::FAULT.into(),
                other => other.into(),
            }),
        }
    }
}

fn by_file(proc: BorrowedFd<'_>, pid: i32, address: u64, buffer: &mut [u8]) -> rustix::io::Result<usize> {
    // Opened anew each time: the number may mean another process by now, and one that starts a program has other memory.
    let file = rustix::fs::openat(proc, format!("{pid}/mem"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::preadv(file, &mut [io::IoSliceMut::new(buffer)], address)
}

fn by_call(pid: i32, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    const PAGE: usize = 4096;
    let address = usize::try_from(address).map_err(|_| io::Error::from_raw_os_error(libc::EFAULT))?;
    let first = (PAGE - address % PAGE).min(buffer.len());
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // What lies on another page is a part of its own: the kernel reads each part whole or not at all.
    let mut remote = Vec::new();
    let mut at = 0;
    while at < buffer.len() {
        let length = if at == 0 { first } else { (buffer.len() - at).min(PAGE) };
        let base = address.wrapping_add(at);
        remote.push(libc::iovec { iov_base: std::ptr::without_provenance_mut(base), iov_len: length });
        at += length;
    }
    // SAFETY: the local part is `buffer`, which is ours alone for the call; the remote parts are numbers that
    // the kernel checks in the other process.
    #[expect(unsafe_code, reason = "process_vm_readv")]
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, remote.as_ptr(), remote.len() as _, 0) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests;
