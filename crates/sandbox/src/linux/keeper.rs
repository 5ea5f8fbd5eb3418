//! Keeping the command's processes together where there is no process namespace.
//!
//! Two processes hold them. The *keeper* is the boundary process: it lies outside the command's Landlock domain,
//! in a session of its own, gets every process whose parent ended, and ends them all when the *init* is gone.
//! The *init* lies in a domain of its own that only bounds signals, and the command in one below that: so the
//! command cannot signal the init, and the init's signal to everyone reaches exactly what runs in its domain,
//! at once.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use landlock::{
    AccessFs, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope,
};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, PidfdFlags, Signal, WaitOptions};

use super::control::Channel;
use super::failure::{At, Failure};
use super::init::{self, Groups};
use super::kernel_files::read_whole;
use super::landlock::absent;
use super::mount::{self, Held};
use super::{boundary, resources, target};
use crate::error::Step;
use crate::limits::{LEFT_MAX, PROC_FILE_BYTES_MAX, SWEEP_MS_MAX};
use crate::plan;
use crate::sys;
use crate::sys::process::Fork;
use crate::wire::Order;

/// The Landlock version that bounds signals.
const SCOPES: u32 = 6;

/// Where the command's temporary directory is made.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
/// Names that are tried in each.
const ATTEMPTS: u32 = 16;

/// Is the keeper, in this order:
///
/// 1. a session of its own, so that a signal to the caller's group does not end it, and orphans come to it;
/// 2. a temporary directory for the command;
/// 3. start the init, remove what killed keepers left, and wait for the init's end, which comes with the launcher's end
///    too;
/// 4. end every process that is left, and remove the directory.
pub(super) fn keeper_main(channel: &Arc<Channel>, mut order: Order, groups: Groups) -> ! {
    let Groups { birthplace, entrances } = groups;
    let temporary = match stand_apart().and_then(|()| temporary(&mut order)) {
        Ok(temporary) => temporary,
        Err(failure) => {
            boundary::report(channel, failure);
            sys::process::exit_now(0)
        }
    };
    match boundary::fork_init(birthplace.as_ref()).at(Step::Init) {
        Ok(Fork::Child) => init_main(channel, &order, &entrances),
        Ok(Fork::Parent(init)) => {
            let _ = boundary::release_streams();
            TEMPORARY.into_iter().for_each(remove_left);
            let _ = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(init), WaitOptions::empty()));
        }
        Err(failure) => boundary::report(channel, failure),
    }
    sweep();
    remove(&temporary);
    sys::process::exit_now(0)
}

fn stand_apart() -> Result<(), Failure> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).at(Step::Keeper)?;
    rustix::process::setsid().at(Step::Keeper)?;
    // The init sees the launcher's end; this process must outlive it to clear away.
    rustix::process::set_parent_process_death_signal(None).at(Step::Keeper)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).at(Step::Undumpable)
}

/// Makes the temporary directory and lets the command have it.
fn temporary(order: &mut Order) -> Result<PathBuf, Failure> {
    let prefix = resources::own_prefix().at(Step::Keeper)?;
    let mut last = Errno::NOENT;
    // A name that somebody has taken is not taken again: a new directory is this process's alone.
    for (place, attempt) in TEMPORARY.into_iter().flat_map(|place| (0..ATTEMPTS).map(move |attempt| (place, attempt))) {
        let path = format!("{place}/{prefix}{attempt}");
        match rustix::fs::mkdir(path.as_str(), rustix::fs::Mode::RWXU) {
            Ok(()) => {
                for (_, value) in order.environment.iter_mut().filter(|(name, _)| name == "TMPDIR") {
                    *value = path.clone().into();
                }
                let directory = policy::AbsPath::parse(&path).ok_or(Errno::INVAL).at(Step::Keeper)?;
                // Nothing outside reads it, as of a cache.
                order.plan.steps.push(plan::Step::Cache { path: directory, zone: None });
                return Ok(path.into());
            }
            Err(error) => last = error,
        }
    }
    Err(last).at_path(Step::Keeper, "/tmp")
}

/// Returns true for the command's temporary directory, which is gone when the command is over.
pub(super) fn is_temporary(path: &policy::AbsPath) -> bool {
    let is_own = path.name().is_some_and(|name| name.starts_with("palisade-"));
    is_own && path.parent().is_some_and(|above| TEMPORARY.contains(&above.as_str()))
}

/// Removes the temporary directories that keepers which were killed left in a place. Of what their commands started
/// something may still run, so that no link is followed and no mode changed.
fn remove_left(place: &str) {
    let own = rustix::process::geteuid().as_raw();
    let entries = std::fs::read_dir(place).into_iter().flatten().filter_map(Result::ok);
    let left = entries.filter(|entry| entry.file_name().to_str().is_some_and(resources::is_left));
    for directory in left.take(LEFT_MAX).map(|entry| entry.path()) {
        if std::fs::symlink_metadata(&directory).is_ok_and(|found| found.is_dir() && found.uid() == own) {
            let _ = std::fs::remove_dir_all(&directory);
        }
    }
}

/// Removes the temporary directory. Nothing that could change it runs any more.
fn remove(directory: &Path) {
    if std::fs::remove_dir_all(directory).is_ok() {
        return;
    }
    // The command may have closed directories to itself.
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        let _ = rustix::fs::chmod(&directory, rustix::fs::Mode::RWXU);
        let entries = std::fs::read_dir(&directory).into_iter().flatten().filter_map(Result::ok);
        let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        left.extend(directories.map(|entry| entry.path()));
    }
    let _ = std::fs::remove_dir_all(directory);
}

/// Is the init, in this order:
///
/// 1. enter the command's control groups, end with the keeper, take orphans;
/// 2. what every tier has;
/// 3. a Landlock domain that bounds signals, if the kernel has them;
/// 4. the command, to its end;
/// 5. end everything in the domain, then tell how the command ended.
fn init_main(channel: &Arc<Channel>, order: &Order, entrances: &[OwnedFd]) -> ! {
    let mut domain = Domain::None;
    let ready = enter(entrances)
        .and_then(|()| init::furnish(channel, order, Held::nothing(absent(&order.plan)?)?))
        .and_then(|ready| {
            domain = Domain::enter(ready.abi())?;
            Ok(ready)
        });
    let why = init::conduct(channel, order, ready);
    domain.end();
    if let Some(why) = why {
        let _ = channel.send(&why, None);
    }
    sys::process::exit_now(0)
}

fn enter(entrances: &[OwnedFd]) -> Result<(), Failure> {
    target::enter(entrances)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Keeper)?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).at(Step::Keeper)?;
    rustix::thread::set_name(c"palisade: init").at(Step::Keeper)
}

/// Which signals leave this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Domain {
    /// All that the user may send.
    None,
    /// None to a process that this one did not start.
    Own,
}

impl Domain {
    /// Bounds this process's signals to itself and what it starts from now on.
    fn enter(abi: u32) -> Result<Self, Failure> {
        if abi < SCOPES {
            return Ok(Self::None);
        }
        let root = mount::open_inside("/").at_path(Step::Landlock, "/")?;
        let restrict = || -> Result<RulesetStatus, RulesetError> {
            let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).scope(Scope::Signal)?;
            // Files are the rules' matter below, but moving them is refused by every domain that does not let it.
            let ruleset = ruleset.handle_access(AccessFs::Refer)?.create()?;
            Ok(ruleset.add_rule(PathBeneath::new(&root, AccessFs::Refer))?.restrict_self()?.ruleset)
        };
        match restrict() {
            Ok(RulesetStatus::FullyEnforced) if Self::holds() => Ok(Self::Own),
            Ok(_) | Err(_) => Err(Errno::OPNOTSUPP).at(Step::Landlock),
        }
    }

    /// Returns true when the keeper, which runs as the same user outside, is out of reach.
    fn holds() -> bool {
        rustix::process::getppid().is_some_and(|keeper| rustix::process::test_kill_process(keeper) == Err(Errno::PERM))
    }

    /// Ends everything in the domain but this process. Without one the keeper does it.
    fn end(self) {
        match self {
            // Looked at again: without the domain this would end all that the user runs.
            Self::Own if Self::holds() => sys::signal::kill_all_within_reach(),
            Self::Own | Self::None => {}
        }
    }
}

/// Ends every process that this one started, and all that those started. It knows no more of them when it has
/// no child left: a process whose parent ended is its child.
fn sweep() {
    let deadline = Instant::now() + Duration::from_millis(SWEEP_MS_MAX);
    while Instant::now() < deadline {
        let parents = parents();
        for (pid, parent) in descendants(&parents) {
            end_child_of(pid, parent);
        }
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) | Err(Errno::INTR) => break,
                Err(_) => return,
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Ends a process, unless its number has come to mean another one.
fn end_child_of(pid: i32, parent: i32) {
    let Some(pid) = Pid::from_raw(pid) else { return };
    let Ok(process) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { return };
    if parent_of(pid.as_raw_pid()) == Some(parent) {
        let _ = rustix::process::pidfd_send_signal(&process, Signal::KILL);
    }
}

/// Returns the processes below this one, each with its parent.
fn descendants(parents: &BTreeMap<i32, i32>) -> Vec<(i32, i32)> {
    let own = rustix::process::getpid().as_raw_pid();
    let is_below = |pid: i32| {
        let chain = std::iter::successors(Some(pid), |at| parents.get(at).copied());
        // No chain is longer than there are processes.
        chain.take(parents.len()).skip(1).any(|above| above == own)
    };
    parents.iter().filter(|(pid, _)| is_below(**pid)).map(|(pid, parent)| (*pid, *parent)).collect()
}

/// Returns each process with its parent.
fn parents() -> BTreeMap<i32, i32> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let Ok(directory) = rustix::fs::open("/proc", flags, rustix::fs::Mode::empty()) else { return BTreeMap::new() };
    let Ok(entries) = rustix::fs::Dir::new(directory) else { return BTreeMap::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, parent_of(pid)?))).collect()
}

/// Reads a process's parent: the second word after the name, which may hold anything but ends at the last `)`.
fn parent_of(pid: i32) -> Option<i32> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    let file = rustix::fs::open(format!("/proc/{pid}/stat"), flags, rustix::fs::Mode::empty()).ok()?;
    let bytes = read_whole(file, u64::try_from(PROC_FILE_BYTES_MAX).unwrap_or(u64::MAX)).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
