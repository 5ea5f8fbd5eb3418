//! What the standard streams may be: everything that does not lead out of the boundary.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, OFlags};
use rustix::net::{SocketType, sockopt};

use crate::error::{Error, Step};

/// What the command gets for a standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// The caller's, as it is.
    Same,
    /// It is a terminal, which the command must not have.
    Terminal,
}

/// Looks at all three standard streams.
pub(super) fn look() -> Result<[Stream; 3], Error> {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    Ok([kind("input", input.as_fd())?, kind("output", output.as_fd())?, kind("error", error.as_fd())?])
}

/// Returns what a stream is, or why the command cannot have it. What is not listed is refused.
fn kind(stream: &'static str, fd: BorrowedFd<'_>) -> Result<Stream, Error> {
    let failed = |error: rustix::io::Errno| Error::Step {
        step: Step::Streams,
        path: Some(format!("standard {stream}")),
        source: error.into(),
        fix: None,
    };
    let refuse = |what| Err(Error::Stream { stream, what });
    let stat = rustix::fs::fstat(fd).map_err(failed)?;
    if rustix::fs::fcntl_getfl(fd).map_err(failed)?.contains(OFlags::PATH) {
        return refuse("a bare path");
    }
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Fifo => Ok(Stream::Same),
        FileType::CharacterDevice if rustix::termios::isatty(fd) => Ok(Stream::Terminal),
        // Memory devices: null, zero, full, random. The others of this kind need privileges to open.
        FileType::CharacterDevice if matches!((major(stat.st_rdev), minor(stat.st_rdev)), (1, 3 | 5 | 7 | 8 | 9)) => {
            Ok(Stream::Same)
        }
        FileType::CharacterDevice => refuse("a device"),
        FileType::Socket => socket(fd).map_or_else(refuse, |()| Ok(Stream::Same)),
        FileType::Directory => refuse("a directory"),
        FileType::BlockDevice => refuse("a block device"),
        FileType::Symlink | FileType::Unknown => refuse("neither a file, a pipe nor a terminal"),
    }
}

fn major(device: u64) -> u32 {
    rustix::fs::major(device)
}

fn minor(device: u64) -> u32 {
    rustix::fs::minor(device)
}

/// A connected Unix stream leads to its other end only. A datagram socket leads to every socket of the
/// host that has a path, a listening one to whoever connects, and others to a network.
fn socket(fd: BorrowedFd<'_>) -> Result<(), &'static str> {
    let domain = sockopt::socket_domain(fd).map_err(|_| "a socket that cannot be looked at")?;
    if domain != rustix::net::AddressFamily::UNIX {
        return Err("a network socket");
    }
    let kind = sockopt::socket_type(fd).map_err(|_| "a socket that cannot be looked at")?;
    if kind != SocketType::STREAM && kind != SocketType::SEQPACKET {
        return Err("a datagram socket");
    }
    match rustix::net::getpeername(fd) {
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(_) => Err("a socket that is not connected"),
    }
}
