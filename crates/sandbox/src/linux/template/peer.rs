//! Who the other side of the holder's socket is.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, MemfdFlags, Mode, OFlags, StatxFlags};
use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use rustix::process::Pid;

use super::key::Confinement;

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

/// Who this process is, for others to be compared with.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) confinement: Confinement,
    root: (u32, u32, u64),
    program: (u32, u32, u64),
}

impl Own {
    /// Looks at this process.
    pub(super) fn look() -> Result<Self> {
        Ok(Self { confinement: Confinement::own()?, root: root("self")?, program: program(None)? })
    }

    /// Looks that the other side is this user and the same program, and confined by nothing that we are not confined
    /// by, nor the other way round.
    ///
    /// Landlock is in no file of the kernel's: that takes a [`Token`].
    pub(super) fn ensure_own(&self, socket: BorrowedFd<'_>) -> Result<()> {
        let credentials = sockopt::socket_peercred(socket)?;
        let pid = credentials.pid.as_raw_nonzero().to_string();
        let is_same = credentials.uid == rustix::process::geteuid()
            && program(Some(credentials.pid))? == self.program
            && root(&pid)? == self.root
            && Confinement::of(&pid)? == self.confinement;
        if is_same { Ok(()) } else { Err(Errno::PERM) }
    }
}

/// Looks that the other side is this user, in the same namespaces, and the same program, and returns who it is.
///
/// Anybody in the network namespace may take the name, so it says nothing of who took it.
pub(super) fn ensure_ours(socket: BorrowedFd<'_>) -> Result<Pid> {
    let credentials = sockopt::socket_peercred(socket)?;
    let is_same = credentials.uid == rustix::process::geteuid()
        && SHARED.iter().all(|name| is_shared(credentials.pid, name))
        && program(Some(credentials.pid))? == program(None)?;
    if is_same { Ok(credentials.pid) } else { Err(Errno::PERM) }
}

/// What only those learn who may look into this process: the name of a file that has none elsewhere.
///
/// A process in a Landlock domain may look into none outside of it. Two that learnt each other's are in the same one, or
/// in none, and a boundary that one of them has built is no wider and no narrower than one of the other's.
#[derive(Debug)]
pub(super) struct Token {
    file: OwnedFd,
    name: String,
}

impl Token {
    pub(super) fn new() -> Result<Self> {
        let source = rustix::fs::open("/dev/urandom", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut bytes = [0; 16];
        if rustix::io::read(source, &mut bytes)? != bytes.len() {
            return Err(Errno::IO);
        }
        let name = format!("{:032x}", u128::from_le_bytes(bytes));
        let file = rustix::fs::memfd_create(name.as_str(), MemfdFlags::CLOEXEC)?;
        Ok(Self { file, name })
    }

    /// Returns where the other side finds it.
    pub(super) fn number(&self) -> i32 {
        self.file.as_fd().as_raw_fd()
    }

    /// Returns true for what the other side has seen who could look.
    pub(super) fn is(&self, seen: &str) -> bool {
        seen == self.name
    }
}

/// Returns the token of the other side, which is under this number. Only the name of a link is read: whatever else lies
/// there is not touched.
pub(super) fn look(socket: BorrowedFd<'_>, number: i32) -> Result<String> {
    let pid = sockopt::socket_peercred(socket)?.pid.as_raw_nonzero();
    let link = rustix::fs::readlink(format!("/proc/{pid}/fd/{number}"), Vec::new())?;
    let link = link.into_string().map_err(|_| Errno::ILSEQ)?;
    let name = link.strip_prefix("/memfd:").and_then(|rest| rest.strip_suffix(" (deleted)"));
    name.map(str::to_owned).ok_or(Errno::PERM)
}

/// Returns which directory is a process's root.
fn root(of: &str) -> Result<(u32, u32, u64)> {
    let stat = rustix::fs::statx(CWD, format!("/proc/{of}/root"), AtFlags::empty(), StatxFlags::INO)?;
    Ok((stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino))
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
        let stat = super::read(CWD, &format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name may hold anything; what follows its last bracket is the state and the parent.
        let stat = String::from_utf8_lossy(&stat);
        Pid::from_raw(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?)
    };
    std::iter::successors(rustix::process::getppid(), move |pid| parent_of(*pid)).take(crate::limits::ANCESTORS_MAX)
}
