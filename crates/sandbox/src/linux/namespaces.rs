//! The namespaces: a user of its own, then everything else that user may make.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::thread::UnshareFlags;

use super::control::{Channel, Received};
use super::failure::{At, Failure};
use crate::error::Step;
use crate::wire::Message;

/// Makes a user namespace with this user in it, under the same number, and nobody else.
pub(super) fn enter_user() -> Result<(), Failure> {
    // Read before: inside, they are unmapped until the maps are written.
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(UnshareFlags::NEWUSER).at(Step::UserNamespace)?;
    // Without this an ordinary user may write no group map. It also keeps groups from being dropped
    // inside, which would open files that are closed to a group.
    write_map("/proc/self/setgroups", "deny")?;
    write_map("/proc/self/uid_map", &format!("{uid} {uid} 1"))?;
    write_map("/proc/self/gid_map", &format!("{gid} {gid} 1"))
}

/// Makes the other namespaces but those of the network and of control groups. The process namespace holds the children of
/// this process only.
pub(super) fn enter_others() -> Result<(), Failure> {
    let flags = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    unshare(flags).at(Step::Namespaces)
}

/// Makes a network namespace, and hands it to the first process inside, which builds the mounts meanwhile: no other takes
/// the kernel as long.
pub(super) fn hand_over_network(inner: &Channel) -> Result<(), Failure> {
    unshare(UnshareFlags::NEWNET).at(Step::Namespaces)?;
    let socket = loopback()?;
    // When it is gone it has said why.
    let _ = inner.send(&Message::Network, Some(socket.as_fd()));
    Ok(())
}

/// Enters the network namespace that the boundary process has made.
pub(super) fn enter_network(outer: &Channel) -> Result<(), Failure> {
    let Some(Received { message: Message::Network, descriptor: Some(socket) }) =
        outer.receive().at(Step::Namespaces)?
    else {
        return Err(rustix::io::Errno::PIPE).at(Step::Namespaces);
    };
    let namespace = crate::sys::ioctl::network_namespace(&socket).at(Step::Namespaces)?;
    let kind = Some(rustix::thread::LinkNameSpaceType::Network);
    rustix::thread::move_into_link_name_space(namespace.as_fd(), kind).at(Step::Namespaces)
}

/// Makes a namespace of control groups. What is inside it sees its own group as the topmost, so it must be in that
/// group before.
pub(super) fn enter_group() -> Result<(), Failure> {
    unshare(UnshareFlags::NEWCGROUP).at(Step::Namespaces)
}

fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    crate::sys::process::unshare(flags)
}

fn write_map(path: &str, text: &str) -> Result<(), Failure> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).at_path(Step::UserMap, path)?;
    let written = rustix::io::write(&file, text.as_bytes()).at_path(Step::UserMap, path)?;
    if written == text.len() { Ok(()) } else { Err(rustix::io::Errno::IO).at_path(Step::UserMap, path) }
}

/// Brings the loopback interface up, as builds and tests talk to themselves, and returns a socket of this namespace.
pub(super) fn loopback() -> Result<OwnedFd, Failure> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None).at(Step::Loopback)?;
    crate::sys::ioctl::loopback_up(&socket).at(Step::Loopback)?;
    Ok(socket)
}
