//! Connections, where some Unix sockets lead out: the broker makes each itself, with the socket that the caller has and
//! to the address that was read once. So no socket is connected to a path that was not judged, whatever is written into
//! the memory, the descriptors or the directories meanwhile.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{FileType, OFlags};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::caller::Caller;
use super::decode::{Errno, Memory, Name};
use super::{Broker, Outcome, connect};
use crate::limits::WAITING_CONNECTIONS_MAX;
use crate::linux::tree::{self, Identity};
use crate::sys::filter::{self, Answer, Call};
use crate::sys::socket;

/// Bytes of the longest address that the kernel takes.
const ADDRESS_BYTES_MAX: u64 = 128;
/// Where the path of a Unix socket's address begins.
const PATH: usize = 2;

type Result<T> = std::result::Result<T, Errno>;

/// Where a connection goes.
enum Destination {
    /// The address itself, which no path is part of.
    Address(Vec<u8>),
    /// A socket that was found, by the descriptor that names it.
    Found(OwnedFd),
}

impl Broker {
    /// Returns the same for a command that may connect to these sockets; `None` when it can make no Unix socket.
    pub(in crate::linux) fn naming(self, named: Option<Vec<Identity>>) -> Self {
        Self { named, ..self }
    }

    /// Connects the caller's socket, if it may go there.
    pub(super) fn connect(&self, call: &Call, caller: &Caller<'_>, named: &[Identity]) -> Result<Outcome> {
        let [descriptor, pointer, length, ..] = call.arguments;
        let length = length & 0xffff_ffff;
        if length > ADDRESS_BYTES_MAX {
            return Err(libc::EINVAL);
        }
        let bytes = caller.bytes(pointer, usize::try_from(length).map_err(|_| libc::EINVAL)?)?;
        let family = bytes.first_chunk().map(|family| i32::from(u16::from_ne_bytes(*family)));
        let destination = match family {
            Some(libc::AF_UNIX) => match self.named_socket(call, caller, (&bytes, named))? {
                Ok(found) => Destination::Found(found),
                Err(outcome) => return Ok(outcome),
            },
            Some(_) | None => {
                if let Some(outcome) = connect::outside(call, &bytes) {
                    return Ok(outcome);
                }
                Destination::Address(bytes)
            }
        };
        let socket = own(caller, descriptor)?;
        // The process whose socket it is, is the one that was looked at.
        self.is_waiting(call)?;
        self.connect_beside(call, socket, destination)
    }

    /// Finds the socket that an address names; what the caller is told where it is none of ours.
    fn named_socket(
        &self,
        call: &Call,
        caller: &Caller<'_>,
        (bytes, named): (&[u8], &[Identity]),
    ) -> Result<std::result::Result<OwnedFd, Outcome>> {
        let path = bytes.get(PATH..).unwrap_or_default();
        let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
        let refuse = |what: &str| Outcome::Refused {
            errno: libc::EACCES,
            what: format!("connect unix {what}"),
            by: Some("`allowUnixSockets` does not name it".to_owned()),
        };
        if end == 0 {
            return Ok(Err(refuse("without a path")));
        }
        let path = CString::new(path.get(..end).unwrap_or_default()).map_err(|_| libc::EINVAL)?;
        let shown = super::caller::printable(path.as_bytes());
        let name = Name { directory: libc::AT_FDCWD, path, follows: true, may_be_empty: false };
        let place = self.find(call, caller, &name)?;
        let Some(found) = place.found() else { return Err(libc::ENOENT) };
        if found.kind != FileType::Socket {
            return Err(libc::ECONNREFUSED);
        }
        let identity = tree::identity(found.file.as_fd()).map_err(errno)?;
        let is_same = |own: &Identity| own.device == identity.device && own.inode == identity.inode;
        if !named.iter().any(is_same) {
            return Ok(Err(refuse(&shown)));
        }
        Ok(Ok(found.file.try_clone().map_err(|_| libc::ENFILE)?))
    }

    /// Connects in a thread of its own: it can take as long as the server likes. Whether it waits at all is a flag of the
    /// socket, which the caller's other threads can change at any time.
    fn connect_beside(&self, call: &Call, socket: OwnedFd, destination: Destination) -> Result<Outcome> {
        if self.connecting.fetch_add(1, Ordering::Relaxed) >= WAITING_CONNECTIONS_MAX {
            self.connecting.fetch_sub(1, Ordering::Relaxed);
            return Err(libc::EAGAIN);
        }
        let (id, listener, connecting) = (call.id, Arc::clone(&self.listener), Arc::clone(&self.connecting));
        let wait = move || {
            let answer = match destination.connect(&socket) {
                Ok(()) => Answer::Done,
                Err(errno) => Answer::Fail(errno),
            };
            // The caller is the only one who has it again.
            drop((socket, destination));
            let _ = filter::answer(listener.as_fd(), id, answer);
            connecting.fetch_sub(1, Ordering::Relaxed);
        };
        match std::thread::Builder::new().stack_size(64 * 1024).spawn(wait) {
            Ok(_) => Ok(Outcome::Later),
            Err(_) => {
                self.connecting.fetch_sub(1, Ordering::Relaxed);
                Err(libc::EAGAIN)
            }
        }
    }
}

impl Destination {
    fn connect(&self, socket: &OwnedFd) -> Result<()> {
        let bytes = match self {
            Self::Address(bytes) => bytes.clone(),
            Self::Found(file) => {
                let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
                let family = libc::AF_UNIX.cast_unsigned();
                let family = u16::try_from(family).map_err(|_| libc::EINVAL)?;
                family.to_ne_bytes().into_iter().chain(path.into_bytes()).collect()
            }
        };
        socket::connect(socket.as_fd(), &bytes).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
    }
}

/// Returns the socket that a number means to the caller. A thread can have descriptors of its own.
fn own(caller: &Caller<'_>, descriptor: u64) -> Result<OwnedFd> {
    let number = u32::try_from(descriptor & 0xffff_ffff).ok().and_then(|number| i32::try_from(number).ok());
    let number = number.ok_or(libc::EBADF)?;
    let of = |number: i32| Pid::from_raw(number).ok_or(libc::ESRCH);
    // `PIDFD_THREAD`, of Linux 6.9.
    let thread_alone = PidfdFlags::from_bits_retain(OFlags::EXCL.bits());
    match pidfd_open(of(caller.pid)?, thread_alone) {
        Ok(thread) => pidfd_getfd(&thread, number, PidfdGetfdFlags::empty()).map_err(errno),
        Err(rustix::io::Errno::INVAL) => {
            let process = pidfd_open(of(caller.process()?)?, PidfdFlags::empty()).map_err(errno)?;
            let socket = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).map_err(errno)?;
            let inode = rustix::fs::fstat(&socket).map_err(errno)?.st_ino;
            let name = rustix::fs::readlinkat(caller.proc, format!("{}/fd/{number}", caller.pid), Vec::new());
            let is_same = name.map_err(errno)?.as_bytes() == format!("socket:[{inode}]").as_bytes();
            if is_same { Ok(socket) } else { Err(libc::EBADF) }
        }
        Err(error) => Err(errno(error)),
    }
}

fn errno(error: rustix::io::Errno) -> Errno {
    error.raw_os_error()
}
