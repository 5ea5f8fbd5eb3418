//! The namespaces: a user of its own, then everything else that user may make.

use rustix::fs::{Mode, OFlags};
use rustix::thread::UnshareFlags;

use super::failure::{At, Failure};
use crate::error::Step;

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

/// Makes the other namespaces but that of control groups. The process namespace holds the children of this process only.
pub(super) fn enter_others() -> Result<(), Failure> {
    let flags =
        UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    unshare(flags).at(Step::Namespaces)
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

/// Brings the loopback interface up: builds and tests talk to themselves.
pub(super) fn loopback() -> Result<(), Failure> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None).at(Step::Loopback)?;
    crate::sys::ioctl::loopback_up(&socket).at(Step::Loopback)
}
