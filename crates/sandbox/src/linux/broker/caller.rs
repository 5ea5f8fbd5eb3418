//! The thread that called: its memory, where it stands, and its name.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

use super::decode::{Errno, Memory};
use crate::limits::PROGRAM_BYTES_MAX;
use crate::sys::memory::Way;

/// How much of a text is read at once: most paths are shorter.
const TEXT_BYTES_AT_ONCE: usize = 256;
/// Bytes of `/proc/PID/status` and `/proc/PID/stat` that hold what is looked for.
const STATUS_BYTES: usize = 4096;

/// The thread that called. It waits, so what is read of it holds until it is answered.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) pid: i32,
    /// `/proc` as it is inside.
    pub(crate) proc: &'a OwnedFd,
    /// How its memory is read.
    pub(crate) way: Way,
}

impl Memory for Caller<'_> {
    fn text(&self, address: u64, max: usize) -> Result<CString, Errno> {
        let mut text = Vec::new();
        while text.len() < max {
            let mut part = [0; TEXT_BYTES_AT_ONCE];
            let room = (max - text.len()).min(TEXT_BYTES_AT_ONCE);
            let at = address.wrapping_add(u64::try_from(text.len()).map_err(|_| libc::EFAULT)?);
            let read = self.read_memory(at, part.get_mut(..room).unwrap_or_default())?;
            let read = part.get(..read).unwrap_or_default();
            if let Some(end) = read.iter().position(|byte| *byte == 0) {
                text.extend_from_slice(read.get(..end).unwrap_or_default());
                return CString::new(text).map_err(|_| libc::EFAULT);
            }
            if read.len() < room {
                return Err(libc::EFAULT);
            }
            text.extend_from_slice(read);
        }
        Err(libc::ENAMETOOLONG)
    }

    fn bytes(&self, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; length];
        let read = self.read_memory(address, &mut bytes)?;
        if read == length { Ok(bytes) } else { Err(libc::EFAULT) }
    }
}

/// A process that may not be looked at (it closed its memory to others) gets no file changed.
fn unreadable(error: std::io::Error) -> Errno {
    error.raw_os_error().unwrap_or(libc::EPERM)
}

impl Caller<'_> {
    fn read_memory(&self, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.way.read(self.proc.as_fd(), self.pid, address, buffer).map_err(unreadable)
    }

    /// Opens something of the caller in `/proc`: `cwd`, `fd/5`.
    pub(crate) fn open(&self, what: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = format!("{}/{what}", self.pid);
        let opened = rustix::fs::openat(self.proc, path, flags | OFlags::CLOEXEC, Mode::empty());
        opened.map_err(|error| match error {
            rustix::io::Errno::NOENT => libc::EBADF,
            other => other.raw_os_error(),
        })
    }

    /// Returns the bits that the caller wants no new file to have.
    pub(crate) fn umask(&self) -> Result<u32, Errno> {
        let status = self.read("status").ok_or(libc::EACCES)?;
        let mut lines = status.split(|byte| *byte == b'\n');
        let line = lines.find_map(|line| line.strip_prefix(b"Umask:")).ok_or(libc::EACCES)?;
        let digits = std::str::from_utf8(line).map_err(|_| libc::EACCES)?.trim();
        u32::from_str_radix(digits, 8).map_err(|_| libc::EACCES)
    }

    /// Returns the number of the process that the thread belongs to.
    pub(crate) fn process(&self) -> Result<i32, Errno> {
        let status = self.read("status").ok_or(libc::EACCES)?;
        let mut lines = status.split(|byte| *byte == b'\n');
        let line = lines.find_map(|line| line.strip_prefix(b"Tgid:")).ok_or(libc::EACCES)?;
        std::str::from_utf8(line).ok().and_then(|text| text.trim().parse().ok()).ok_or(libc::EACCES)
    }

    /// Returns the session of the caller and the number of its terminal, 0 for none.
    pub(crate) fn session_and_terminal(&self) -> Result<(i32, u32), Errno> {
        let stat = self.read("stat").ok_or(libc::EACCES)?;
        // The name in brackets may hold anything; what follows the last bracket does not.
        let behind = stat.iter().rposition(|byte| *byte == b')').ok_or(libc::EACCES)?;
        let text = std::str::from_utf8(stat.get(behind + 1..).unwrap_or_default()).map_err(|_| libc::EACCES)?;
        let mut words = text.split_whitespace().skip(3);
        let session = words.next().and_then(|word| word.parse().ok()).ok_or(libc::EACCES)?;
        let terminal: i32 = words.next().and_then(|word| word.parse().ok()).ok_or(libc::EACCES)?;
        Ok((session, terminal.cast_unsigned()))
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.open(name, OFlags::RDONLY).ok()?;
        let mut bytes = vec![0; STATUS_BYTES];
        let length = rustix::io::read(file.as_fd(), &mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }

    /// Returns the path of the program that called, as it is inside.
    pub(crate) fn program(&self) -> String {
        match rustix::fs::readlinkat(self.proc, format!("{}/exe", self.pid), Vec::new()) {
            Ok(path) => printable(path.as_bytes()),
            Err(_) => format!("[{}]", self.command()),
        }
    }

    /// Returns the name of the process that called.
    pub(crate) fn command(&self) -> String {
        self.read("comm").map(|name| printable(name.trim_ascii_end())).unwrap_or_default()
    }
}

/// A name from inside may hold anything, and ends up in terminals.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let bytes = bytes.get(..PROGRAM_BYTES_MAX).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    policy::proof::shown(&text)
}
