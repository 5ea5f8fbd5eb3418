//! The boundary process: makes the namespaces and the first process inside, and ends with it.

use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions};

use super::control::Channel;
use super::failure::{At, Failure};
use super::init::Groups;
use super::{bubblewrap, init, inside, keeper, namespaces, probe, resources, template};
use crate::error::Step;
use crate::limits::PLAN_BYTES_MAX;
use crate::shape::Shape;
use crate::sys;
use crate::sys::process::{Close, Fork};
use crate::wire::{Message, Order, Waits};

/// Where the launcher leaves the control socket.
pub(super) const CONTROL: RawFd = 3;
/// Where the launcher leaves the plan.
pub(super) const PLAN: RawFd = 4;
/// Where the launcher leaves the directory of a control group, if the plan says that there is one.
pub(super) const GROUP: RawFd = 5;

/// What a boundary process exits with that could not tell its launcher.
const EXIT_BUG: i32 = 70;

/// Is the boundary process.
pub(crate) fn boundary_main() -> ! {
    match std::env::args_os().nth(2) {
        Some(word) if word == bubblewrap::INSIDE => inside::inside_main(),
        Some(word) if word == probe::PROBE => probe::probe_main(),
        Some(word) if word == probe::NOTHING => sys::process::exit_now(0),
        Some(word) if word == template::HOLDER => template::holder_main(),
        Some(word) if word == resources::JANITOR => resources::janitor_main(),
        Some(_) | None => {}
    }
    let Some(control) = sys::process::inherited(CONTROL) else { sys::process::exit_now(EXIT_BUG) };
    let channel = Arc::new(Channel::from_descriptor(control));
    match build(&channel) {
        Ok(init) => wait(&channel, init),
        Err(failure) => {
            report(&channel, failure);
            sys::process::exit_now(EXIT_BUG)
        }
    }
}

/// Tells the launcher which step failed.
pub(super) fn report(channel: &Channel, failure: Failure) {
    let Failure { step, path, errno } = failure;
    // When this fails too the launcher is gone, or sees the end of the socket without a word.
    let _ = channel.send(&Message::Failed { step: step.name().to_owned(), path, errno }, None);
}

/// Does this, in this order, and returns the first process inside:
///
/// 1. block every signal, read the plan;
/// 2. close what was not handed over, forbid core dumps;
/// 3. make the user namespace and map the user;
/// 4. make the other namespaces but that of the network;
/// 5. close this process's memory and files to others, which must come after the maps are written;
/// 6. start the first process inside, in its control group;
/// 7. make the network namespace, and hand it to that one.
fn build(channel: &Arc<Channel>) -> Result<Pid, Failure> {
    sys::signal::mask(sys::signal::How::Exactly, &sys::signal::Set::all()).at(Step::Signals)?;
    let plan = sys::process::inherited(PLAN).ok_or(rustix::io::Errno::BADF).at(Step::ReadPlan)?;
    let order = read_plan(plan)?;
    let group = order.inside.has_group.then(|| sys::process::inherited(GROUP)).flatten();
    if order.inside.has_group && group.is_none() {
        return Err(rustix::io::Errno::BADF).at(Step::ReadPlan);
    }
    let last = GROUP.saturating_add(order.entrances.into());
    let entrances = (GROUP + 1..=last).map(sys::process::inherited).collect::<Option<Vec<OwnedFd>>>();
    let entrances = entrances.ok_or(rustix::io::Errno::BADF).at(Step::ReadPlan)?;
    if group.is_none() && !entrances.is_empty() {
        drop(sys::process::inherited(GROUP));
    }
    let is_more = group.is_some() || !entrances.is_empty();
    let first_closed = if is_more { last + 1 } else { GROUP };
    sys::process::close_from(first_closed.unsigned_abs(), Close::Now).at(Step::ReadPlan)?;
    let limit = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, limit).at(Step::CoreDumps)?;
    match order.shape {
        Shape::Full => {}
        Shape::Landlock if order.waits != Waits::Not => return Err(rustix::io::Errno::BADMSG).at(Step::ReadPlan),
        Shape::Landlock => keeper::keeper_main(channel, order, Groups { birthplace: group, entrances }),
        // That one is told by its arguments.
        Shape::Bubblewrap(_) => return Err(rustix::io::Errno::BADMSG).at(Step::ReadPlan),
    }
    namespaces::enter_user()?;
    namespaces::enter_others()?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).at(Step::Undumpable)?;
    let (ours, theirs) = Channel::pair().at(Step::Namespaces)?;
    match fork_init(group.as_ref()).at(Step::Init)? {
        Fork::Child => {
            drop(ours);
            init::init_main(channel, &order, (&theirs, &entrances))
        }
        Fork::Parent(pid) => {
            drop(theirs);
            namespaces::hand_over_network(&ours)?;
            Ok(pid)
        }
    }
}

/// Starts the first process inside, in its control group.
pub(super) fn fork_init(group: Option<&OwnedFd>) -> std::io::Result<Fork> {
    match group {
        Some(group) => resources::fork_into(group),
        None => sys::process::fork(),
    }
}

pub(super) fn read_plan(plan: OwnedFd) -> Result<Order, Failure> {
    rustix::fs::seek(&plan, rustix::fs::SeekFrom::Start(0)).at(Step::ReadPlan)?;
    let bytes = super::kernel_files::read_whole(plan, PLAN_BYTES_MAX).at(Step::ReadPlan)?;
    Order::parse(&bytes).ok_or(rustix::io::Errno::BADMSG).at(Step::ReadPlan)
}

/// Waits until the first process inside is gone, and with it everything inside, and says so: the kernel takes the
/// namespaces down only when this process ends, and nobody need wait for that.
fn wait(channel: &Channel, init: Pid) -> ! {
    let _ = release_streams();
    loop {
        match rustix::process::waitpid(Some(init), WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) => {
                let _ = channel.send(&Message::Gone, None);
                sys::process::exit_now(0)
            }
            Err(_) => {
                // It cannot be waited for: then it must not live on either.
                let _ = rustix::process::kill_process(init, Signal::KILL);
                sys::process::exit_now(EXIT_BUG)
            }
        }
    }
}

/// Puts `/dev/null` in place of the standard streams, so that a reader sees the end of the command's
/// output when the command closes it.
pub(super) fn release_streams() -> rustix::io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)
}
