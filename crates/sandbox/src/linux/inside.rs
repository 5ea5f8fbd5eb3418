//! The first process inside of what bubblewrap has built: it believes nothing of it before it has looked.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use policy::mounts;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};

use super::boundary::{CONTROL, PLAN, read_plan};
use super::control::Channel;
use super::failure::{At, Failure};
use super::init::{self, Ready};
use super::kernel_files::{self, read_whole};
use super::mount::{self, Expected, Held};
use super::tree::{self, Identity};
use super::{bubblewrap, doors, inputs};
use crate::error::Step;
use crate::limits::MOUNT_LIST_BYTES_MAX;
use crate::plan::{self, Plan};
use crate::shape::{Found, Holds, Outside, Shape};
use crate::sys;
use crate::sys::process::Close;
use crate::wire::{Input, Message, Order};

/// The first descriptor after those that the launcher leaves for this process.
const FIRST_CLOSED: u32 = 5;
/// What this process exits with when it cannot tell its launcher anything.
const EXIT_BUG: i32 = 70;

/// Is the first process inside.
pub(super) fn inside_main() -> ! {
    let Some(control) = sys::process::inherited(CONTROL) else { sys::process::exit_now(EXIT_BUG) };
    let channel = Arc::new(Channel::from_descriptor(control));
    let why = match take_order() {
        Ok(order) => init::conduct(&channel, &order, build(&channel, &order)),
        Err(Failure { step, path, errno }) => Some(Message::Failed { step: step.name().to_owned(), path, errno }),
    };
    if let Some(why) = why {
        let _ = channel.send(&why, None);
    }
    sys::process::exit_now(0)
}

/// Does this, in this order, and returns the order:
///
/// 1. block every signal, end with bubblewrap, forbid core dumps, close this process's memory to others;
/// 2. take the standard streams, read the plan, close what else was left.
fn take_order() -> Result<Order, Failure> {
    sys::signal::mask(sys::signal::How::Exactly, &sys::signal::Set::all()).at(Step::Signals)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Init)?;
    let limit = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, limit).at(Step::CoreDumps)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).at(Step::Undumpable)?;
    rustix::thread::set_name(c"palisade: init").at(Step::Init)?;
    for number in 0..3 {
        let stream = sys::process::inherited(bubblewrap::STREAMS + number).ok_or(Errno::BADF).at(Step::ReadPlan)?;
        sys::process::put_at(stream.as_fd(), number).at(Step::ReadPlan)?;
    }
    let plan = sys::process::inherited(PLAN).ok_or(Errno::BADF).at(Step::ReadPlan)?;
    sys::process::close_from(FIRST_CLOSED, Close::Now).at(Step::ReadPlan)?;
    read_plan(plan)
}

fn build(channel: &Channel, order: &Order) -> Result<Ready, Failure> {
    let Shape::Bubblewrap(outside) = &order.shape else { return Err(Errno::BADMSG).at(Step::ReadPlan) };
    let held = verify(order, outside)?;
    inputs::bring_inside(&inputs(outside))?;
    let doors = doors::open_clients(&order.plan.network)?;
    Ok(init::furnish(channel, order, held)?.with_doors(doors))
}

fn inputs(outside: &Outside) -> Vec<Input> {
    let input = |found: &Found| {
        let Holds::Input(number) = found.holds else { return None };
        Some(Input { number, path: found.path.clone(), device: found.device, inode: found.inode })
    };
    outside.found.iter().filter_map(input).collect()
}

/// Looks at everything that our own mounts would have made sure of, in this order:
///
/// 1. the namespaces are others than the launcher's, and this process is their first;
/// 2. nothing lies over the root;
/// 3. the private places are empty file systems of our own;
/// 4. no mount can be written but those that the plan names;
/// 5. every path of the plan is the file that was found outside, held as it should be.
fn verify(order: &Order, outside: &Outside) -> Result<Held, Failure> {
    let plan = &order.plan;
    namespaces(outside)?;
    let root = mount::open_inside("/").at_path(Step::BubblewrapBuilt, "/")?;
    let above = mount::open_inside("/..").at_path(Step::BubblewrapBuilt, "/..")?;
    let id = |fd: &OwnedFd| tree::mount_id(fd.as_fd()).at_path(Step::BubblewrapBuilt, "/");
    ensure(id(&root)? == id(&above)?, "/..")?;
    let zones = bubblewrap::zones(plan, &root)?;
    let shared = ("/dev/shm".to_owned(), true);
    for (path, _) in zones.iter().chain([&shared]) {
        let place = resolve(&root, path)?;
        ensure(identity(&place, path)?.is_mount && is_empty_kind(&place), path)?;
    }
    let mut writable: Vec<String> =
        zones.into_iter().filter_map(|(path, is_writable)| is_writable.then_some(path)).collect();
    writable.push(shared.0);
    writable_mounts(&root, plan, &writable)?;
    let mut held = Vec::new();
    for found in &outside.found {
        held.extend(look_at(&root, found, order.brokered)?);
    }
    Held::found(held, Vec::new())
}

fn ensure(is_so: bool, path: &str) -> Result<(), Failure> {
    if is_so { Ok(()) } else { Err(Errno::STALE).at_path(Step::BubblewrapBuilt, path) }
}

fn resolve(root: &OwnedFd, path: &str) -> Result<OwnedFd, Failure> {
    tree::resolve(root.as_fd(), path).at_path(Step::BubblewrapBuilt, path)
}

fn identity(fd: &OwnedFd, path: &str) -> Result<Identity, Failure> {
    tree::identity(fd.as_fd()).at_path(Step::BubblewrapBuilt, path)
}

fn namespaces(outside: &Outside) -> Result<(), Failure> {
    let own = bubblewrap::namespaces()?;
    let is_apart = own.len() == outside.namespaces.len() && own.iter().all(|one| !outside.namespaces.contains(one));
    ensure(is_apart, "/proc/self/ns")?;
    let first = rustix::process::getpid().as_raw_pid() == 1;
    let shown = rustix::fs::readlink("/proc/self", Vec::new()).at_path(Step::BubblewrapBuilt, "/proc/self")?;
    ensure(first && shown.as_bytes() == b"1", "/proc/self")
}

/// Returns true for a file system that lives in memory.
fn is_empty_kind(place: &OwnedFd) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    rustix::fs::fstatfs(place).is_ok_and(|stat| u64::try_from(stat.f_type).is_ok_and(|kind| kind == TMPFS))
}

/// Looks at every mount: one that can be written must be a private place, a device, or lie in a writable
/// directory of the plan.
fn writable_mounts(root: &OwnedFd, plan: &Plan, private: &[String]) -> Result<(), Failure> {
    let path = "/proc/self/mountinfo";
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let list = read_whole(file.at_path(Step::BubblewrapBuilt, path)?, MOUNT_LIST_BYTES_MAX);
    for mount in mounts::mounts(&list.at_path(Step::BubblewrapBuilt, path)?) {
        let is_read_only = mount.options.split(|byte| *byte == b',').any(|option| option == b"ro");
        let place = String::from_utf8_lossy(&mount.place);
        // What the user cannot reach bubblewrap leaves as it is. Should he come to reach it, Landlock holds it.
        let is_out_of_reach = || tree::resolve_bytes(root.as_fd(), &mount.place).err() == Some(Errno::ACCESS);
        ensure(is_read_only || may_be_written(&place, plan, private) || is_out_of_reach(), &place)?;
    }
    Ok(())
}

fn may_be_written(place: &str, plan: &Plan, private: &[String]) -> bool {
    let device = place.strip_prefix("/dev/").unwrap_or_default();
    let is_device = device == "pts" || device == "console" || kernel_files::DEVICES.contains(&device);
    is_device
        || private.iter().any(|one| one == place)
        || plan.steps.iter().any(|step| match step {
            plan::Step::Writable { path, zone: _ } | plan::Step::Cache { path, zone: _ } | plan::Step::Pin { path } => {
                place.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            plan::Step::Private { .. }
            | plan::Step::ReadOnly { .. }
            | plan::Step::ByKey { .. }
            | plan::Step::Hide { .. }
            | plan::Step::Read { .. }
            | plan::Step::Link { .. }
            | plan::Step::Seed { .. }
            | plan::Step::Veil { .. } => false,
        })
}

/// Looks at one path. Returns what is to be looked at again while the command runs.
fn look_at(root: &OwnedFd, found: &Found, brokered: bool) -> Result<Option<Expected>, Failure> {
    let Found { path, device, inode, holds } = found;
    let place = match (tree::resolve(root.as_fd(), path), holds) {
        // Below something that is closed, or not there at all.
        (Err(Errno::ACCESS | Errno::NOENT), Holds::Closed | Holds::Absent) => return Ok(None),
        (result, _) => result.at_path(Step::BubblewrapBuilt, path)?,
    };
    let there = identity(&place, path)?;
    let is_same = there.device == *device && there.inode == *inode;
    let is_read_only = tree::is_read_only(place.as_fd()).at_path(Step::BubblewrapBuilt, path)?;
    let (holds, watched) = match holds {
        Holds::Writable => (is_same && there.is_mount && !is_read_only, Some(false)),
        Holds::Pinned => (is_same && there.is_mount, Some(false)),
        Holds::ReadOnly => (is_same && there.is_mount && is_read_only, Some(true)),
        Holds::Shown => (is_same && there.is_mount && is_read_only, None),
        Holds::Replaced => (!is_same && there.is_mount && is_read_only && is_empty_kind(&place), Some(true)),
        // It was away for a moment only.
        Holds::Absent => (false, None),
        Holds::Closed => (there.is_mount && is_read_only && is_closed(root, path), Some(true)),
        Holds::Input(_) => (true, None),
    };
    ensure(holds, path)?;
    let may_go = brokered && matches!(found.holds, Holds::Pinned | Holds::ReadOnly);
    Ok(watched.map(|is_read_only| Expected { path: path.clone(), identity: there, is_read_only, may_go }))
}

/// Returns true when a path cannot be opened.
fn is_closed(root: &OwnedFd, path: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::BENEATH;
    let below = path.trim_start_matches('/');
    rustix::fs::openat2(root, below, flags, Mode::empty(), resolve).err() == Some(Errno::ACCESS)
}
