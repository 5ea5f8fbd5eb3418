//! Control groups against a file system that answers as the kernel's does.
//!
//! The fake knows directories with their files, which processes are where, and the kernel's refusals: a group that
//! hands controllers down takes no processes, one with processes hands none down, one that is not empty is not
//! removed, what is not delegated cannot be written, a controller must be handed down from above. It knows nothing
//! of what a controller does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::cgroup1;
use super::cgroup2::{Made, Maker};
use super::files::{Files, Kernel, Place, place_v1, place_v2};
use super::group::{Controller, Group, Owner, Version, Wanted};
use super::janitor::{Site, clear};

/// A group of the fake.
#[derive(Debug, Clone, Default)]
struct Directory {
    /// What is handed to it from above.
    controllers: Vec<String>,
    enabled: Vec<String>,
    processes: Vec<u32>,
    is_delegated: bool,
    settings: BTreeMap<String, String>,
}

/// A file system of control groups of version 2, mounted at `/cg`, and the starts of processes in `/proc`.
#[derive(Debug, Default)]
struct Fake {
    groups: RefCell<BTreeMap<PathBuf, Directory>>,
    /// Processes that exist, with their starts.
    alive: BTreeMap<u32, u64>,
    /// Everything that was done, in order.
    log: RefCell<String>,
}

const TOP: &str = "/cg";
const OWN: Owner = Owner { namespace: 7, pid: 100, started: 5000 };
const MAKER: Maker = Maker { owner: OWN, janitor: None };
const INTERFACE: [&str; 5] = ["memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max"];

fn error<T>(errno: i32) -> io::Result<T> {
    Err(io::Error::from_raw_os_error(errno))
}

impl Fake {
    /// Makes groups of lines such as `user/app + pids: 100 200 (memory)`: `+` delegated, processes behind the
    /// colon, controllers that it hands down in brackets.
    fn new(lines: &[&str]) -> Self {
        let mut fake = Self { alive: BTreeMap::from([(100, 5000), (200, 6000)]), ..Self::default() };
        let top = vec!["memory".to_owned(), "pids".to_owned(), "cpu".to_owned()];
        let first = Directory { controllers: top.clone(), enabled: top, ..Directory::default() };
        fake.groups.get_mut().insert(PathBuf::from(TOP), first);
        for line in lines {
            let (name, rest) = line.split_once(':').unwrap();
            let (processes, enabled) = rest.split_once('(').unwrap_or((rest, ")"));
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let path = Path::new(TOP).join(name.trim_end_matches('+').trim());
            let parent = fake.groups.get_mut()[path.parent().unwrap()].enabled.clone();
            let directory = Directory {
                controllers: parent,
                enabled: words(enabled.trim_end_matches(')')),
                processes: words(processes).iter().map(|pid| pid.parse().unwrap()).collect(),
                is_delegated: name.ends_with('+'),
                settings: BTreeMap::new(),
            };
            fake.groups.get_mut().insert(path, directory);
        }
        fake
    }

    fn note(&self, what: &str, path: &Path) {
        let shown = path.strip_prefix(TOP).unwrap().display();
        writeln!(self.log.borrow_mut(), "{what} {shown}").unwrap();
    }

    fn enter(&self, path: &Path, pid: u32) -> io::Result<()> {
        let mut groups = self.groups.borrow_mut();
        if !groups[path].enabled.is_empty() && path != Path::new(TOP) {
            return error(libc::EBUSY);
        }
        groups.values_mut().for_each(|group| group.processes.retain(|one| *one != pid));
        groups.get_mut(path).unwrap().processes.push(pid);
        Ok(())
    }

    fn switch(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut groups = self.groups.borrow_mut();
        let below: Vec<PathBuf> = groups.keys().filter(|one| one.parent() == Some(path)).cloned().collect();
        let group = groups.get_mut(path).unwrap();
        let (sign, name) = text.split_at(1);
        if sign == "+" {
            if !group.controllers.contains(&name.to_owned()) {
                return error(libc::ENOENT);
            }
            if !group.processes.is_empty() && path != Path::new(TOP) {
                return error(libc::EBUSY);
            }
            group.enabled.push(name.to_owned());
        } else {
            group.enabled.retain(|one| one != name);
        }
        let enabled = group.enabled.clone();
        for child in below {
            groups.get_mut(&child).unwrap().controllers.clone_from(&enabled);
        }
        Ok(())
    }
}

impl Files for Fake {
    fn read(&self, path: &Path) -> io::Result<String> {
        if let Ok(process) = path.strip_prefix("/proc") {
            let pid: u32 = process.parent().unwrap().to_str().unwrap().parse().unwrap();
            let Some(started) = self.alive.get(&pid) else { return error(libc::ENOENT) };
            return Ok(format!("{pid} (a) b) S {}{started} 0", "1 ".repeat(18)));
        }
        let groups = self.groups.borrow();
        let directory = path.parent().unwrap();
        let Some(group) = groups.get(directory) else { return error(libc::ENOENT) };
        Ok(match path.file_name().unwrap().to_str().unwrap() {
            "cgroup.controllers" => group.controllers.join(" "),
            "cgroup.subtree_control" => group.enabled.join(" "),
            "cgroup.procs" => group.processes.iter().map(|pid| format!("{pid}\n")).collect(),
            "cgroup.events" if directory == Path::new(TOP) => return error(libc::ENOENT),
            "cgroup.events" => format!("populated {}\nfrozen 0\n", u8::from(!group.processes.is_empty())),
            name => group.settings.get(name).cloned().map_or_else(|| error(libc::ENOENT), Ok)?,
        })
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        let directory = path.parent().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let group = self.groups.borrow().get(directory).cloned();
        let Some(group) = group else { return error(libc::ENOENT) };
        let controller = name.split('.').next().unwrap().to_owned();
        if !group.is_delegated {
            return error(libc::EACCES);
        }
        if INTERFACE.contains(&name) && !group.controllers.contains(&controller) {
            return error(libc::ENOENT);
        }
        match name {
            "cgroup.procs" => self.enter(directory, text.parse().unwrap())?,
            "cgroup.subtree_control" => self.switch(directory, text)?,
            "cgroup.kill" => self.groups.borrow_mut().get_mut(directory).unwrap().processes.clear(),
            _ => drop(
                self.groups.borrow_mut().get_mut(directory).unwrap().settings.insert(name.to_owned(), text.to_owned()),
            ),
        }
        self.note(&format!("{text} >"), path);
        Ok(())
    }

    fn make(&self, directory: &Path) -> io::Result<()> {
        let parent = self.groups.borrow().get(directory.parent().unwrap()).cloned();
        let Some(parent) = parent else { return error(libc::ENOENT) };
        if !parent.is_delegated {
            return error(libc::EACCES);
        }
        if self.groups.borrow().contains_key(directory) {
            return error(libc::EEXIST);
        }
        let made = Directory { controllers: parent.enabled, is_delegated: true, ..Directory::default() };
        self.groups.borrow_mut().insert(directory.to_owned(), made);
        self.note("mkdir", directory);
        Ok(())
    }

    fn remove(&self, directory: &Path) -> io::Result<()> {
        let mut groups = self.groups.borrow_mut();
        let is_parent = groups.keys().any(|one| one.parent() == Some(directory));
        match groups.get(directory) {
            None => return error(libc::ENOENT),
            Some(group) if is_parent || !group.processes.is_empty() => return error(libc::EBUSY),
            Some(_) => drop(groups.remove(directory)),
        }
        self.note("rmdir", directory);
        Ok(())
    }

    fn directories(&self, directory: &Path) -> io::Result<Vec<String>> {
        let groups = self.groups.borrow();
        let below = groups.keys().filter(|one| one.parent() == Some(directory));
        Ok(below.map(|one| one.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn open(&self, path: &Path) -> io::Result<OwnedFd> {
        let is_delegated = self.groups.borrow()[path.parent().unwrap()].is_delegated;
        if is_delegated {
            Ok(rustix::fs::memfd_create("group", rustix::fs::MemfdFlags::CLOEXEC)?)
        } else {
            error(libc::EACCES)
        }
    }

    fn kill(&self, group: &Path) {
        self.groups.borrow_mut().get_mut(group).unwrap().processes.clear();
    }
}

const WANTED: [Wanted; 3] = [
    Wanted { controller: Controller::Memory, at_most: 1 << 20 },
    Wanted { controller: Controller::Pids, at_most: 12 },
    Wanted { controller: Controller::Cpu, at_most: 1500 },
];

/// Makes a group from the group `own`, starts and kills nobody in it, ends it, and compares everything that was
/// done, and that nothing is left.
#[track_caller]
fn check(own: &str, groups: &[&str], expected: &str) {
    let fake = Fake::new(groups);
    let before = format!("{:?}", fake.groups.borrow());
    let place = Place { top: PathBuf::from(TOP), own: Path::new(TOP).join(own) };
    match Made::make(&fake, &place, MAKER, &WANTED) {
        Ok(mut made) => {
            fake.enter(&made.group.directory, 200).unwrap();
            let names: Vec<&str> = made.held.iter().map(|controller| controller.name()).collect();
            writeln!(fake.log.borrow_mut(), "holds {}", names.join(" ")).unwrap();
            made.end(&fake, MAKER);
            fake.groups.borrow_mut().values_mut().for_each(|group| group.processes.retain(|pid| *pid != 200));
        }
        Err(why) => writeln!(fake.log.borrow_mut(), "none: {why}").unwrap(),
    }
    let expected: String = expected.lines().map(|line| format!("{}\n", line.trim())).collect();
    assert_eq!(*fake.log.borrow(), expected);
    assert_eq!(format!("{:?}", fake.groups.borrow()), before);
}

#[test]
fn a_session_of_a_person_hands_down_what_is_wanted() {
    check(
        "user/app/shell",
        &["user:(memory pids)", "user/app+:(memory pids)", "user/app/shell+: 100 300"],
        "mkdir user/app/palisade-7-100-5000-0
        1048576 > user/app/palisade-7-100-5000-0/memory.max
        0 > user/app/palisade-7-100-5000-0/memory.swap.max
        1 > user/app/palisade-7-100-5000-0/memory.oom.group
        13 > user/app/palisade-7-100-5000-0/pids.max
        holds memory pids
        1 > user/app/palisade-7-100-5000-0/cgroup.kill
        rmdir user/app/palisade-7-100-5000-0",
    );
}

#[test]
fn alone_in_a_delegated_group_we_step_aside_and_back() {
    check(
        "service",
        &["service+: 100"],
        "mkdir service/palisade-7-100-5000-0
        100 > service/palisade-7-100-5000-0/cgroup.procs
        +memory > service/cgroup.subtree_control
        +pids > service/cgroup.subtree_control
        +cpu > service/cgroup.subtree_control
        mkdir service/palisade-7-100-5000-1
        1048576 > service/palisade-7-100-5000-1/memory.max
        0 > service/palisade-7-100-5000-1/memory.swap.max
        1 > service/palisade-7-100-5000-1/memory.oom.group
        13 > service/palisade-7-100-5000-1/pids.max
        150000 100000 > service/palisade-7-100-5000-1/cpu.max
        holds memory pids cpu
        1 > service/palisade-7-100-5000-1/cgroup.kill
        rmdir service/palisade-7-100-5000-1
        -memory > service/cgroup.subtree_control
        -pids > service/cgroup.subtree_control
        -cpu > service/cgroup.subtree_control
        100 > service/cgroup.procs
        rmdir service/palisade-7-100-5000-0",
    );
}

#[test]
fn without_a_place_the_reason_is_told() {
    check(
        "service",
        &["service+: 100 300"],
        "none: the control group `/cg/service` and those above it hand no controller down",
    );
    check(
        "system",
        &["system: 100"],
        "none: the control group `/cg/system` and those above it are not delegated to this user",
    );
}

#[test]
fn a_group_above_us_that_is_empty_is_switched_on() {
    let fake = Fake::new(&["service+:", "service/main+: 100"]);
    let place = Place { top: PathBuf::from(TOP), own: PathBuf::from("/cg/service/main") };
    // Empty of processes: its only one is in the group below.
    let mut made = Made::make(&fake, &place, MAKER, &WANTED[1..2]).unwrap();
    assert_eq!(made.group.directory, Path::new("/cg/service/palisade-7-100-5000-0"));
    assert_eq!(made.held, [Controller::Pids]);
    made.end(&fake, MAKER);
    assert!(!fake.log.borrow().contains("cgroup.procs"), "nobody was moved");
}

#[test]
fn groups_of_killed_launchers_are_taken_away_and_no_others() {
    let fake = Fake::new(&[
        "user+:(memory pids)",
        "user/palisade-7-999-1-0+: 555",
        "user/palisade-7-200-1-0+:",
        "user/palisade-7-200-6000-0+:",
        "user/palisade-8-999-1-0+:",
        "user/palisade-of-someone-else+:",
        "user/shell+: 100",
    ]);
    Group::make(&fake, Path::new("/cg/user"), Version::Two, OWN).unwrap();
    let left = fake.directories(Path::new("/cg/user")).unwrap();
    let expected =
        ["palisade-7-100-5000-0", "palisade-7-200-6000-0", "palisade-8-999-1-0", "palisade-of-someone-else", "shell"];
    assert_eq!(left, expected);
}

/// A launcher that is killed after so many changes: whatever it would do then does not happen.
struct Mortal<'a> {
    fake: &'a Fake,
    left: std::cell::Cell<usize>,
}

impl Mortal<'_> {
    fn may(&self) -> io::Result<()> {
        self.left.set(self.left.get().checked_sub(1).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?);
        Ok(())
    }
}

impl Files for Mortal<'_> {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.fake.read(path)
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        self.may()?;
        self.fake.write(path, text)
    }

    fn make(&self, directory: &Path) -> io::Result<()> {
        self.may()?;
        self.fake.make(directory)
    }

    fn remove(&self, directory: &Path) -> io::Result<()> {
        self.may()?;
        self.fake.remove(directory)
    }

    fn directories(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.fake.directories(directory)
    }

    fn open(&self, path: &Path) -> io::Result<OwnedFd> {
        self.fake.open(path)
    }

    fn kill(&self, _: &Path) {}
}

/// What a launcher does in groups such as these, it is killed after each change of it, in turn, and the janitor, which is
/// process 101, leaves what was there before.
#[track_caller]
fn check_killed(own: &str, groups: &[&str], moments: std::ops::RangeInclusive<usize>) {
    let place = Place { top: PathBuf::from(TOP), own: Path::new(TOP).join(own) };
    let maker = Maker { owner: OWN, janitor: Some(101) };
    let mut changes = 0;
    for moment in 0..100 {
        let mut fake = Fake::new(groups);
        let enabled = |path: &Path| fake.groups.borrow()[path].enabled.clone();
        let sites: Vec<Site> = place
            .own
            .ancestors()
            .take_while(|directory| directory.starts_with(&place.top))
            .map(|directory| Site {
                parent: directory.to_owned(),
                version: Version::Two,
                given: Controller::ALL
                    .into_iter()
                    .filter(|one| enabled(directory).contains(&one.name().to_owned()))
                    .collect(),
            })
            .collect();
        let mortal = Mortal { fake: &fake, left: std::cell::Cell::new(moment) };
        if let Ok(mut made) = Made::make(&mortal, &place, maker, &WANTED) {
            fake.enter(&made.group.directory, 300).unwrap();
            fake.enter(&made.group.directory, 301).unwrap();
            made.end(&mortal, maker);
        }
        let is_whole = mortal.left.get() > 0;
        fake.alive.remove(&100);
        fake.groups.get_mut().values_mut().for_each(|group| group.processes.retain(|pid| *pid != 100));
        let looks = (1..10).find(|_| clear(&fake, &OWN.prefix(), &sites, 101));
        assert!(looks.is_some(), "killed after {moment} changes: {:?}", fake.groups);
        let after = Fake::new(groups);
        after.groups.borrow_mut().values_mut().for_each(|group| group.processes.retain(|pid| *pid != 100));
        // A group above that was switched on stays so: others may rely on it.
        for (path, group) in &*fake.groups.borrow() {
            let before = &after.groups.borrow()[path];
            assert_eq!(group.processes, before.processes, "killed after {moment} changes: {}", path.display());
            let is_own = path == &place.own;
            assert!(!is_own || group.enabled == before.enabled, "killed after {moment} changes: {}", path.display());
        }
        assert_eq!(fake.groups.borrow().len(), after.groups.borrow().len(), "killed after {moment} changes");
        if is_whole {
            changes = moment;
            break;
        }
    }
    assert!(moments.contains(&changes), "{changes} changes");
}

#[test]
fn a_launcher_killed_after_any_change_leaves_nothing() {
    check_killed(
        "user/app/shell",
        &["user:(memory pids)", "user/app+:(memory pids)", "user/app/shell+: 100 101 302"],
        5..=20,
    );
    check_killed("service", &["service+: 100 101"], 15..=30);
    check_killed("service/main", &["service+:", "service/main+: 100 101"], 8..=20);
}

#[test]
fn groups_of_others_are_left_to_them() {
    let fake =
        Fake::new(&["user+:(memory pids)", "user/palisade-7-200-6000-0+: 200", "user/palisade-7-100-5000-3+: 300"]);
    let site = Site { parent: PathBuf::from("/cg/user"), version: Version::Two, given: vec![Controller::Pids] };
    assert!(clear(&fake, &OWN.prefix(), &[site], 101));
    assert_eq!(fake.directories(Path::new("/cg/user")).unwrap(), ["palisade-7-200-6000-0"]);
    assert_eq!(*fake.log.borrow(), "1 > user/palisade-7-100-5000-3/cgroup.kill\nrmdir user/palisade-7-100-5000-3\n");
}

#[test]
fn places_are_found_by_what_is_mounted() {
    let groups = "4:memory:/box/a\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/user/app";
    let mounts = "\
30 20 0:26 / /sys/fs/cgroup/u\\040v rw - cgroup2 cgroup2 rw
31 20 0:27 /box /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
32 20 0:28 /../other /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct";
    let place = |top: &str, own: &str| Some(Place { top: PathBuf::from(top), own: PathBuf::from(own) });
    assert_eq!(place_v2(groups, mounts), place("/sys/fs/cgroup/u v", "/sys/fs/cgroup/u v/user/app"));
    assert_eq!(place_v1(groups, mounts, "memory"), place("/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/a"));
    assert_eq!(place_v1(groups, mounts, "cpu"), None, "a mount of another part of the hierarchy");
    assert_eq!(place_v1(groups, mounts, "pids"), None);
    assert_eq!(place_v2("0::/../x", mounts), None, "above the root of our namespace");
}

/// The kernel's own groups of version 2, where this user may make any: what the fake claims of making, entering,
/// killing, waiting and removing.
#[test]
fn the_kernel_agrees_about_the_life_of_a_group() {
    let text = |path: &str| Kernel.read(Path::new(path)).unwrap();
    let owner = Owner::this(&Kernel).unwrap();
    let Some(place) = place_v2(&text("/proc/self/cgroup"), &text("/proc/self/mountinfo")) else { return };
    let Ok(group) = Group::make(&Kernel, &place.own, Version::Two, owner) else { return };
    let entrance = group.entrance(&Kernel).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test starts a process that does nothing")]
    let mut command = std::process::Command::new("sleep");
    let mut child = command.arg("60").spawn().unwrap();
    rustix::io::write(&entrance, child.id().to_string().as_bytes()).unwrap();
    let events = Kernel.read(&group.directory.join("cgroup.events")).unwrap();
    assert_eq!(super::group::value(&events, "populated"), Some(1));
    assert_eq!(Kernel.remove(&group.directory).unwrap_err().raw_os_error(), Some(libc::EBUSY));
    let reaper = std::thread::spawn(move || child.wait().unwrap());
    group.end(&Kernel);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&reaper.join().unwrap()), Some(libc::SIGKILL));
    assert_eq!(Kernel.read(&group.directory.join("cgroup.events")).unwrap_err().raw_os_error(), Some(libc::ENOENT));
}

/// A process is born in a group, as the first process inside is.
#[test]
fn the_kernel_agrees_about_birth_in_a_group() {
    use crate::sys::process::{Fork, exit_now};
    let text = |path: &str| Kernel.read(Path::new(path)).unwrap();
    let owner = Owner::this(&Kernel).unwrap();
    let Some(place) = place_v2(&text("/proc/self/cgroup"), &text("/proc/self/mountinfo")) else { return };
    let Ok(group) = Group::make(&Kernel, &place.own, Version::Two, owner) else { return };
    let birthplace = group.birthplace().unwrap();
    let (waits, ends) = rustix::pipe::pipe().unwrap();
    match super::fork_into(&birthplace).unwrap() {
        Fork::Child => {
            let mut byte = [0];
            let _ = rustix::io::read(&waits, &mut byte);
            exit_now(0)
        }
        Fork::Parent(pid) => {
            let groups = text(&format!("/proc/{}/cgroup", pid.as_raw_nonzero()));
            rustix::io::write(&ends, b"!").unwrap();
            rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()).unwrap();
            let name = group.directory.file_name().unwrap().to_str().unwrap();
            let line = groups.lines().find(|line| line.starts_with("0::")).unwrap();
            assert!(line.ends_with(name), "{line}");
        }
    }
    group.end(&Kernel);
    assert!(Kernel.directories(&group.directory).is_err());
}

/// The kernel's own groups of version 1, where this is root and there are any.
#[test]
fn the_kernel_agrees_about_groups_of_version_1() {
    let text = |path: &str| Kernel.read(Path::new(path)).unwrap();
    let owner = Owner::this(&Kernel).unwrap();
    let (groups, mounts) = (text("/proc/self/cgroup"), text("/proc/self/mountinfo"));
    for (wanted, file, expected) in [
        (WANTED[0], "memory.limit_in_bytes", "1048576"),
        (WANTED[1], "pids.max", "14"),
        (WANTED[2], "cpu.cfs_quota_us", "150000"),
    ] {
        let Some(place) = place_v1(&groups, &mounts, wanted.controller.name()) else { continue };
        let Ok(group) = cgroup1::make(&Kernel, &place, owner, wanted) else { continue };
        let found = Kernel.read(&group.directory.join(file)).unwrap();
        assert_eq!((found.trim(), group.hits(&Kernel, wanted.controller)), (expected, Some(0)), "{file}");
        group.end(&Kernel);
        assert_eq!(Kernel.read(&group.directory.join(file)).unwrap_err().raw_os_error(), Some(libc::ENOENT), "{file}");
    }
}
