//! Held boundaries: everything up to the command stands, and waits for one.
//!
//! A *holder* is a process that somebody asked for: its *owner*. It keeps boundaries that were built for an order and
//! have no command yet. A launcher below the owner, whose own order comes out at the same [`Key`], is given one and
//! becomes its launcher; the holder builds the next. Each is for one command: nothing of it was ever another's.
//!
//! What a launcher is given is what it would have built. The key is a digest of the whole plan, of which file lies at
//! each of its paths, of the table of mounts, and of everything that a process passes on to its children: user, groups,
//! privileges, limits, control groups, namespaces. The holder computes it before and after building; the launcher
//! computes it when it asks; and the first process inside compares the plan once more and looks at each held path.
//! Whatever does not agree is thrown away, and the launcher builds its own.
//!
//! A holder ends with its owner, at its deadline, or when it is killed, and what it holds ends with it: each boundary
//! dies with the process that started it. A command that was handed over ends with its launcher too, as any does.
//! There is no file: the socket's name is in the network namespace, and both sides look at who the other is.

mod ask;
mod hold;
mod key;
mod peer;
mod spawn;
mod wait;

use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags};

use super::kernel_files::read_whole;
use crate::limits::MOUNT_LIST_BYTES_MAX;

pub(super) use ask::{Caller, Given, Taken};
pub(crate) use hold::Holder;
pub(super) use spawn::{HOLDER, holder_main};
pub(super) use wait::{is_wanted, read_errand, say_taken, wait_built, wait_confined};

/// Reads a file of the kernel's.
fn read(directory: impl AsFd, path: &str) -> std::io::Result<Vec<u8>> {
    let file = rustix::fs::openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    read_whole(file, MOUNT_LIST_BYTES_MAX)
}
