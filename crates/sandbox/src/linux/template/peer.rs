//! Who the other side of the holder's socket is.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, CWD, StatxFlags};
use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use rustix::process::Pid;

/// Namespaces that both sides must share: who is in others may only be numbered like us.
const SHARED: [&str; 4] = ["user", "mnt", "pid", "net"];

/// Returns the socket's address for holders that this owner asked for. The kernel takes the name away with the holder,
/// whatever ends it.
pub(super) fn address(owner: Pid) -> Result<SocketAddrUnix> {
    let user = rustix::process::geteuid().as_raw();
    SocketAddrUnix::new_abstract_name(format!("palisade/held/{user}/{}", owner.as_raw_nonzero()).as_bytes())
}

/// Makes a socket.
pub(super) fn socket() -> Result<std::os::fd::OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
}

/// Looks that the other side is this user, in the same namespaces, and the same program.
///
/// Anybody in the network namespace may take the name, so it says nothing of who took it.
pub(super) fn ensure_own(socket: BorrowedFd<'_>) -> Result<()> {
    let credentials = sockopt::socket_peercred(socket)?;
    let is_same = credentials.uid == rustix::process::geteuid()
        && SHARED.iter().all(|name| is_shared(credentials.pid, name))
        && program(Some(credentials.pid))? == program(None)?;
    if is_same { Ok(()) } else { Err(Errno::PERM) }
}

fn is_shared(pid: Pid, name: &str) -> bool {
    let link = |of: &str| rustix::fs::readlink(format!("/proc/{of}/ns/{name}"), Vec::new()).ok();
    let own = link("self");
    own.is_some() && own == link(&pid.as_raw_nonzero().to_string())
}

/// Returns which file a process runs; our own without a number.
fn program(pid: Option<Pid>) -> Result<(u32, u32, u64)> {
    let of = pid.map_or_else(|| "self".to_owned(), |pid| pid.as_raw_nonzero().to_string());
    let stat = rustix::fs::statx(CWD, format!("/proc/{of}/exe"), AtFlags::empty(), StatxFlags::INO)?;
    Ok((stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino))
}

/// Returns the processes above this one, from the parent up.
pub(super) fn ancestors() -> impl Iterator<Item = Pid> {
    let parent_of = |pid: Pid| {
        let stat = super::read(&format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name may hold anything; what follows its last bracket is the state and the parent.
        let stat = String::from_utf8_lossy(&stat);
        Pid::from_raw(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?)
    };
    std::iter::successors(rustix::process::getppid(), move |pid| parent_of(*pid)).take(crate::limits::ANCESTORS_MAX)
}
