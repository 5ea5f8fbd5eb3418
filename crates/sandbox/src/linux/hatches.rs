//! Unix sockets of our own that have a path inside, each in the place of one of the host's.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};

use super::failure::{At, Failure};
use super::mount::Mounts;
use super::tree;
use crate::error::Step as Stage;
use crate::plan::{Hatch, Plan, Step, Zone};

/// Connections that wait to be taken at one socket.
const WAITING_MAX: i32 = 128;

/// Makes them, over everything else but what is hidden: that stays so.
pub(super) fn build(mounts: &mut Mounts, plan: &Plan) -> Result<(), Failure> {
    for (number, hatch) in plan.hatches.iter().enumerate() {
        let Hatch::Path(path) = hatch else { continue };
        let is_hidden = |step: &Step| {
            step.hidden()
                .is_some_and(|(hidden, parts)| path.is_within(hidden) && !parts.iter().any(|part| path.is_within(part)))
        };
        if plan.steps.iter().any(is_hidden) {
            continue;
        }
        let is_of_the_project = |step: &Step| step.writable().is_some_and(|own| path.is_within(own));
        match Zone::of(path).filter(|_| !plan.steps.iter().any(is_of_the_project)) {
            Some(zone) => in_zone(mounts, number, (path.as_str(), zone))?,
            None => in_place(mounts, number, path.as_str())?,
        }
    }
    Ok(())
}

/// Makes a socket in a private place, where the host's files are not seen.
fn in_zone(mounts: &mut Mounts, number: usize, (path, zone): (&str, Zone)) -> Result<(), Failure> {
    let (above, name) = path.rsplit_once('/').ok_or(Errno::INVAL).at_path(Stage::Doors, path)?;
    let directory = mounts.make_mount_point(above, zone)?;
    let socket = listener(&directory, name).at_path(Stage::Doors, path)?;
    let made = tree::resolve(directory.as_fd(), name).at_path(Stage::Doors, path)?;
    let identity = tree::identity(made.as_fd()).at_path(Stage::Doors, path)?;
    mounts.sockets.push((number, socket, identity));
    Ok(())
}

/// Makes a socket and mounts it over the host's, if that is there.
fn in_place(mounts: &mut Mounts, number: usize, path: &str) -> Result<(), Failure> {
    let Some(target) = mounts.present(path, Stage::Doors)? else { return Ok(()) };
    let before = tree::identity(target.as_fd()).at_path(Stage::Doors, path)?;
    mounts.expected.retain(|one| one.identity != before);
    let name = format!("socket-{number}");
    let socket = listener(&mounts.vault, &name).at_path(Stage::Doors, path)?;
    let identity = mounts.cover_with(&target, &name).at_path(Stage::Doors, path)?;
    // What the host puts there takes ours away: it leads nowhere, and a boundary that is held is built anew.
    mounts.expect(path, identity, true, true);
    mounts.sockets.push((number, socket, identity));
    Ok(())
}

/// Binds below an open directory: the path of a socket's address is short, and no other way leads there.
fn listener(directory: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrUnix::new(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()))?)?;
    listen(&socket, WAITING_MAX)?;
    Ok(socket)
}
