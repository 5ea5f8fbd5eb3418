//! The command's own pseudo-terminal, from its own set of them.

use std::os::fd::OwnedFd;

use rustix::pty::OpenptFlags;

use super::failure::{At, Failure};
use crate::error::Step;

/// Both ends of a terminal.
#[derive(Debug)]
pub(super) struct Terminal {
    /// The launcher's end.
    pub(super) master: OwnedFd,
    /// The command's end.
    pub(super) slave: OwnedFd,
}

/// Makes a terminal. `/dev/ptmx` is the inner one already.
pub(super) fn open() -> Result<Terminal, Failure> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).at(Step::Pty)?;
    rustix::pty::unlockpt(&master).at(Step::Pty)?;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).at(Step::Pty)?;
    Ok(Terminal { master, slave })
}
