//! How much a command may take: control groups where there are any, rlimits, a timer and a count of output.
//!
//! Purpose: a runaway command cannot take the machine with it. What holds each limit:
//!
//! | limit | holds it |
//! |---|---|
//! | memory | a group of version 2 or 1; without one each process's private memory by an rlimit, which is told as missing |
//! | processes | a group of version 2 or 1; else an rlimit, which counts in the user namespace and not for root |
//! | cpu | a group of version 2 or 1; else nothing |
//! | process memory, cpu time, open files, file size | rlimits |
//! | wall time | the launcher's timer, and the first process inside should the launcher be stopped |
//! | output | the launcher, which relays it |
//!
//! A limit that somebody wrote and nothing can hold refuses the command.

mod cgroup1;
mod cgroup2;
mod files;
mod group;
mod janitor;
mod rlimits;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use policy::controls::limits::{Limit, Limits, Resource};
use policy::layer::Origin;

use self::cgroup2::{Made, Maker};
use self::files::{Files, Kernel, Place};
use self::group::{Controller, Group, Owner, Version, Wanted};
use self::janitor::{Janitor, Site};
use crate::error::Error;
use crate::limits::OWN_PROCESSES;
use crate::report::{self, Hit, Holder, Missing};
use crate::wire::Inside;

pub(super) use group::fork_into;
pub(super) use janitor::{JANITOR, janitor_main};
pub(super) use rlimits::enforce;

/// What is in place for one command, until it is gone.
#[derive(Debug)]
pub(super) struct Resources {
    groups: Groups,
    asked: Vec<Asked>,
    /// What the boundary holds inside.
    pub(super) inside: Inside,
    /// How long the command may take.
    pub(super) wall: Option<Duration>,
    /// How many bytes it may print.
    pub(super) output: Option<u64>,
}

/// A limit in force, with what holds it.
#[derive(Debug, Clone)]
struct Asked {
    resource: Resource,
    at_most: u64,
    by: Option<Origin>,
    held_by: Option<Holder>,
    /// What it does not hold, or why nothing does.
    note: Option<String>,
}

/// The groups of one command, gone when this ends.
#[derive(Debug, Default)]
struct Groups {
    owner: Option<Owner>,
    janitor: Option<Janitor>,
    second: Option<Made>,
    first: Vec<(Controller, Group)>,
}

impl Drop for Groups {
    fn drop(&mut self) {
        let mut is_gone = true;
        let janitor = self.janitor.take();
        if let (Some(owner), Some(made)) = (self.owner, &mut self.second) {
            is_gone &= made.end(&Kernel, Maker { owner, janitor: janitor.as_ref().map(Janitor::pid) });
        }
        for (_, group) in &self.first {
            is_gone &= group.end(&Kernel);
        }
        // What stays is the janitor's when this process ends.
        if let Some(janitor) = janitor.filter(|_| is_gone) {
            janitor.dismiss();
        }
    }
}

/// Puts everything in place that must be there before the boundary starts, in this order:
///
/// 1. resolve what is limited: shares of the machine, what the caller itself may have;
/// 2. make the groups, and before them what takes them away should this process be killed;
/// 3. find what holds each limit;
/// 4. refuse when nothing holds one that somebody wrote.
pub(super) fn prepare(limits: &Limits, init: &Path) -> Result<Resources, Error> {
    let host = Host::look();
    let mut asked = resolve(limits, &host);
    let wanted = Controller::ALL.map(|controller| {
        let found = asked.iter().find(|one| controller_of(one.resource) == Some(controller));
        found.map(|one| Wanted { controller, at_most: one.at_most })
    });
    let wanted: Vec<Wanted> = wanted.into_iter().flatten().collect();
    let (groups, faults) = make_groups(&host, &wanted, init);
    for one in &mut asked {
        (one.held_by, one.note) = held_by(one, &groups, &faults, &host);
    }
    if let Some(one) = asked.iter().find(|one| one.by.is_some() && !one.is_held()) {
        return Err(one.refusal());
    }
    let value = |resource| asked.iter().find(|one| one.resource == resource).map(|one| one.at_most);
    let by_rlimit = |resource| {
        let found = asked.iter().find(|one| one.resource == resource && one.held_by == Some(Holder::Rlimit));
        found.map(|one| one.at_most)
    };
    let data = [value(Resource::ProcessMemory), by_rlimit(Resource::Memory)].into_iter().flatten().min();
    let wall_ms = value(Resource::Wall);
    let inside = Inside {
        data,
        processes: by_rlimit(Resource::Processes).map(|most| most + OWN_PROCESSES),
        cpu_seconds: value(Resource::CpuTime),
        open_files: value(Resource::OpenFiles),
        file_size: value(Resource::FileSize),
        wall_ms,
        has_group: groups.second.is_some(),
        private_bytes: value(Resource::Memory).map(|memory| memory.min(host.memory / 2)),
    };
    let output = value(Resource::Output);
    Ok(Resources { groups, asked, inside, wall: wall_ms.map(Duration::from_millis), output })
}

/// Returns what begins the names of what this process makes and takes away again.
pub(super) fn own_prefix() -> std::io::Result<String> {
    Ok(Owner::this(&Kernel)?.prefix())
}

/// Returns true for the name of something of which the maker is gone for certain.
pub(super) fn is_left(name: &str) -> bool {
    let this = Owner::this(&Kernel);
    this.is_ok_and(|this| Owner::parse(name).is_some_and(|owner| owner.is_gone(&Kernel, this)))
}

impl Resources {
    /// Opens the files by which the boundary process enters its groups of version 1.
    pub(super) fn entrances(&self) -> std::io::Result<Vec<OwnedFd>> {
        self.groups.first.iter().map(|(_, group)| group.entrance(&Kernel)).collect()
    }

    /// Opens the group of version 2, in which the first process inside is born.
    pub(super) fn birthplace(&self) -> std::io::Result<Option<OwnedFd>> {
        self.groups.second.as_ref().map(|made| made.group.birthplace()).transpose()
    }

    /// Makes the groups those of the command alone: the boundary's own processes stood before there were any.
    pub(super) fn count_the_command_alone(&self) -> std::io::Result<()> {
        self.counting().map_or(Ok(()), |(group, at_most)| group.count_the_command_alone(&Kernel, at_most))
    }

    /// Makes the groups those of the command and the first process inside: the boundary process is in none.
    pub(super) fn count_without_the_boundary(&self) -> std::io::Result<()> {
        self.counting().map_or(Ok(()), |(group, at_most)| group.count_without_the_boundary(&Kernel, at_most))
    }

    /// Returns the group that counts processes, and how many there may be.
    fn counting(&self) -> Option<(&Group, u64)> {
        let one = self.asked.iter().find(|one| one.resource == Resource::Processes)?;
        let second = self.groups.second.as_ref().filter(|made| made.held.contains(&Controller::Pids));
        let first = self.groups.first.iter().find(|(held, _)| *held == Controller::Pids);
        let group = second.map(|made| &made.group).or(first.map(|(_, group)| group))?;
        Some((group, one.at_most))
    }

    /// Returns true when the kernel ended everything inside because memory ran out.
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.groups.hits(Controller::Memory).is_some_and(|hits| hits > 0)
    }

    /// Returns what a report says, and takes the groups away. `ended` is the limit that ended the command, and
    /// `signal` what the command itself died of.
    pub(super) fn conclude(self, ended: Option<Resource>, signal: Option<i32>) -> (Vec<report::Limit>, Vec<Missing>) {
        let missing = self.asked.iter().filter(|one| !one.is_held()).map(Asked::missing).collect();
        let limits = self.asked.iter().map(|one| report::Limit {
            resource: one.resource,
            at_most: one.at_most,
            by: one.by.clone(),
            held_by: one.held_by,
            note: one.note.clone(),
            hit: self.hit(one, ended, signal),
        });
        (limits.collect(), missing)
    }

    fn hit(&self, one: &Asked, ended: Option<Resource>, signal: Option<i32>) -> Hit {
        if ended == Some(one.resource) {
            return Hit::Ended;
        }
        let died_of = |wanted: i32| if signal == Some(wanted) { Hit::Times(1) } else { Hit::Unseen };
        match (one.held_by, controller_of(one.resource)) {
            (Some(Holder::CgroupV1 | Holder::CgroupV2), Some(controller)) => match self.groups.hits(controller) {
                Some(0) => Hit::No,
                Some(times) => Hit::Times(times),
                None => Hit::Unseen,
            },
            (Some(Holder::Rlimit), _) if one.resource == Resource::CpuTime => died_of(libc::SIGXCPU),
            (Some(Holder::Rlimit), _) if one.resource == Resource::FileSize => died_of(libc::SIGXFSZ),
            (Some(Holder::Timer | Holder::Relay), _) => Hit::No,
            (_, _) => Hit::Unseen,
        }
    }
}

impl Groups {
    fn hits(&self, controller: Controller) -> Option<u64> {
        if let Some(made) = self.second.as_ref().filter(|made| made.held.contains(&controller)) {
            return made.group.hits(&Kernel, controller);
        }
        let (_, group) = self.first.iter().find(|(held, _)| *held == controller)?;
        group.hits(&Kernel, controller)
    }

    fn holder(&self, controller: Controller) -> Option<Holder> {
        if self.second.as_ref().is_some_and(|made| made.held.contains(&controller)) {
            return Some(Holder::CgroupV2);
        }
        self.first.iter().any(|(held, _)| *held == controller).then_some(Holder::CgroupV1)
    }
}

impl Asked {
    /// Returns true when the whole limit is held. Memory by an rlimit is not: it counts each process by itself.
    fn is_held(&self) -> bool {
        self.held_by.is_some_and(|holder| self.resource != Resource::Memory || holder != Holder::Rlimit)
    }

    fn refusal(&self) -> Error {
        let limit = format!("{}={}", self.resource.name(), self.resource.render(self.at_most));
        let fix = match self.resource {
            Resource::Memory => Some(format!("{DELEGATE}, or limit each process by itself with `process-memory`")),
            Resource::Processes | Resource::Cpu => Some(DELEGATE.to_owned()),
            Resource::ProcessMemory
            | Resource::CpuTime
            | Resource::OpenFiles
            | Resource::FileSize
            | Resource::Wall
            | Resource::Output => None,
        };
        Error::Limit { limit, why: self.note.clone().unwrap_or_default(), fix }
    }

    fn missing(&self) -> Missing {
        let note = self.note.clone().unwrap_or_default();
        Missing { what: format!("limit-{}", self.resource.name()), meaning: note }
    }
}

/// What gives an ordinary user control groups.
const DELEGATE: &str = "run under `systemd-run --user --scope -p Delegate=yes`";

/// What of the host decides.
#[derive(Debug)]
struct Host {
    /// Bytes of memory that the machine, or our own group, has.
    memory: u64,
    is_root: bool,
    groups: String,
    mounts: String,
    open_files: Option<u64>,
}

impl Host {
    fn look() -> Self {
        let text = |path: &str| Kernel.read(Path::new(path)).unwrap_or_default();
        let (groups, mounts) = (text("/proc/self/cgroup"), text("/proc/self/mountinfo"));
        let info = rustix::system::sysinfo();
        let machine = info.totalram.saturating_mul(info.mem_unit.into());
        let memory = group_memory(&Kernel, &groups, &mounts).map_or(machine, |group| group.min(machine));
        let open_files = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        Self { memory, is_root: rustix::process::geteuid().is_root(), groups, mounts, open_files }
    }
}

/// Returns the least that our group and those above it may take, as far as they are mounted.
fn group_memory(files: &dyn Files, groups: &str, mounts: &str) -> Option<u64> {
    let second = files::place_v2(groups, mounts).map(|place| (place, "memory.max"));
    let first = files::place_v1(groups, mounts, "memory").map(|place| (place, "memory.limit_in_bytes"));
    let least = |(Place { top, own }, name): (Place, &str)| {
        let above: Vec<_> = own.ancestors().take_while(|group| group.starts_with(&top)).collect();
        above.into_iter().filter_map(|group| files.read(&group.join(name)).ok()?.trim().parse().ok()).min()
    };
    [second, first].into_iter().flatten().filter_map(least).min()
}

/// Returns every limit in force with its value on this host.
fn resolve(limits: &Limits, host: &Host) -> Vec<Asked> {
    let asked =
        |resource, at_most, by: &Option<Origin>| Asked { resource, at_most, by: by.clone(), held_by: None, note: None };
    let one = |resource| {
        let Limit { at_most, by } = limits.get(resource);
        let at_most = match resource {
            Resource::OpenFiles => at_most.map(|most| host.open_files.map_or(most, |own| most.min(own))),
            Resource::Memory
            | Resource::ProcessMemory
            | Resource::Processes
            | Resource::Cpu
            | Resource::CpuTime
            | Resource::FileSize
            | Resource::Wall
            | Resource::Output => *at_most,
        };
        at_most.map(|at_most| asked(resource, at_most, by))
    };
    let share = limits.memory_share.at_most.map(|percent| {
        asked(Resource::Memory, whole_mebibytes((host.memory / 100).saturating_mul(percent)), &limits.memory_share.by)
    });
    let memory = share.into_iter().chain(one(Resource::Memory)).min_by_key(|asked| asked.at_most);
    let others = Resource::ALL.into_iter().filter(|resource| *resource != Resource::Memory).filter_map(one);
    memory.into_iter().chain(others).collect()
}

/// Returns a share of memory as a person would write it.
fn whole_mebibytes(bytes: u64) -> u64 {
    if bytes < 1 << 20 { bytes } else { bytes >> 20 << 20 }
}

fn controller_of(resource: Resource) -> Option<Controller> {
    match resource {
        Resource::Memory => Some(Controller::Memory),
        Resource::Processes => Some(Controller::Pids),
        Resource::Cpu => Some(Controller::Cpu),
        Resource::ProcessMemory
        | Resource::CpuTime
        | Resource::OpenFiles
        | Resource::FileSize
        | Resource::Wall
        | Resource::Output => None,
    }
}

/// Makes the groups: one of version 2 for as much as it can hold, and of version 1 for the rest. Returns why
/// what is left is not held.
fn make_groups(host: &Host, wanted: &[Wanted], init: &Path) -> (Groups, Vec<(Controller, String)>) {
    let mut groups = Groups::default();
    let mut faults = Vec::new();
    let owner = match Owner::this(&Kernel) {
        Ok(owner) => owner,
        Err(error) => {
            let why = format!("this process cannot be told from others: {error}");
            return (groups, wanted.iter().map(|one| (one.controller, why.clone())).collect());
        }
    };
    groups.owner = Some(owner);
    let sites = sites(&Kernel, host, wanted);
    if !sites.is_empty() {
        // Where there is none, the next start takes away what this one leaves.
        groups.janitor = Janitor::start(init, owner, &sites).ok();
    }
    let maker = Maker { owner, janitor: groups.janitor.as_ref().map(Janitor::pid) };
    let mut why_second = "no control groups of version 2 are mounted".to_owned();
    if let Some(place) = files::place_v2(&host.groups, &host.mounts).filter(|_| !wanted.is_empty()) {
        match Made::make(&Kernel, &place, maker, wanted) {
            Ok(made) => groups.second = Some(made),
            Err(why) => why_second = why,
        }
    }
    for one in wanted.iter().filter(|one| groups.holder(one.controller).is_none()).collect::<Vec<_>>() {
        let place = files::place_v1(&host.groups, &host.mounts, one.controller.name());
        let Some(place) = place else {
            faults.push((one.controller, why_second.clone()));
            continue;
        };
        match cgroup1::make(&Kernel, &place, owner, *one) {
            Ok(group) => groups.first.push((one.controller, group)),
            Err(why) => faults.push((one.controller, format!("{why_second}; {why}"))),
        }
    }
    (groups, faults)
}

/// Returns the places where groups can be made for what is wanted.
fn sites(files: &dyn Files, host: &Host, wanted: &[Wanted]) -> Vec<Site> {
    let may_be_in = |directory: &Path| files.open(&directory.join("cgroup.procs")).is_ok();
    let mut sites = Vec::new();
    if let Some(place) = files::place_v2(&host.groups, &host.mounts).filter(|_| !wanted.is_empty()) {
        let above = place.own.ancestors().take_while(|directory| directory.starts_with(&place.top));
        for directory in above.filter(|directory| may_be_in(directory)) {
            let enabled = files.read(&directory.join("cgroup.subtree_control")).unwrap_or_default();
            let is_given = |one: &Controller| enabled.split_whitespace().any(|name| name == one.name());
            let given = Controller::ALL.into_iter().filter(is_given).collect();
            sites.push(Site { parent: directory.to_owned(), version: Version::Two, given });
        }
    }
    let first = wanted.iter().filter_map(|one| files::place_v1(&host.groups, &host.mounts, one.controller.name()));
    let first = first.filter(|place| may_be_in(&place.own));
    sites.extend(first.map(|place| Site { parent: place.own, version: Version::One, given: Vec::new() }));
    sites
}

/// Returns what holds a limit, and what is to be said about that.
fn held_by(
    one: &Asked,
    groups: &Groups,
    faults: &[(Controller, String)],
    host: &Host,
) -> (Option<Holder>, Option<String>) {
    let group = controller_of(one.resource).and_then(|controller| groups.holder(controller));
    let why = || {
        let found = faults.iter().find(|(controller, _)| controller_of(one.resource) == Some(*controller));
        found.map_or("no control group holds it".to_owned(), |(_, why)| why.clone())
    };
    match one.resource {
        Resource::Memory | Resource::Processes | Resource::Cpu if group.is_some() => (group, None),
        Resource::Memory => {
            let what = "only each process's private memory is bounded, by itself, and the private directories";
            (Some(Holder::Rlimit), Some(format!("{what}: {}", why())))
        }
        Resource::Processes if host.is_root => {
            (None, Some(format!("the kernel counts no processes of root: {}", why())))
        }
        Resource::Processes => (Some(Holder::Rlimit), None),
        Resource::Cpu => (None, Some(why())),
        Resource::ProcessMemory | Resource::CpuTime | Resource::OpenFiles | Resource::FileSize => {
            (Some(Holder::Rlimit), None)
        }
        Resource::Wall => (Some(Holder::Timer), None),
        Resource::Output => (Some(Holder::Relay), None),
    }
}

#[cfg(test)]
mod tests;
