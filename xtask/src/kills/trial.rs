//! One command that is killed.

use std::fmt;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use rustix::pty::OpenptFlags;

use super::host::{Process, processes};
use super::scene::{Scene, User};
use crate::random::Random;

/// Most of what is killed is killed in this time after the start, while the boundary is made.
const EARLY_US: usize = 9_000;
/// The rest, while the command runs.
const WHOLE_US: usize = 60_000;

/// What the janitor's command line begins with.
const JANITOR: &[u8] = b"palisade: janitor";
/// What the boundary process's begins with.
const BOUNDARY: &[u8] = b"palisade: boundary";

/// The longest time from one kill to the next.
const GAP_US: usize = 2_000;

/// What was killed sooner than this after its start has written nothing late.
const TIMELY: Duration = Duration::from_millis(400);

/// Calls that build the boundary, start the command, or end it. One of them is the last of its process.
const CALLS: &[&str] = &[
    "all",
    "unshare",
    "clone",
    "clone3",
    "execve",
    "openat2",
    "openat",
    "open_tree",
    "move_mount",
    "mount_setattr",
    "fsopen",
    "fsconfig",
    "fsmount",
    "mkdirat",
    "pivot_root",
    "umount2",
    "prctl",
    "capset",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
    "sendmsg",
    "recvmsg",
    "write",
    "close",
    "close_range",
    "setsid",
    "ioctl",
    "ppoll",
    "poll",
    "wait4",
    "exit_group",
    "memfd_create",
    "dup3",
    "setrlimit",
    "prlimit64",
    "statx",
    "mkdir",
    "unlinkat",
    "symlinkat",
    "mknodat",
    "socketpair",
    "signalfd4",
];

/// What runs inside. Whatever writes `late` would do so after everything must be gone.
const COMMANDS: &[&str] = &[
    "true",
    "sleep 0.5; : > late",
    "(setsid sh -c 'sleep 0.5; : > late' &); sleep 0.03",
    "nohup sh -c 'trap \"\" HUP TERM; sleep 0.5; : > late' > /dev/null 2>&1 & sleep 0.03",
    "i=0; while [ $i -lt 40 ]; do echo x > work/a; mv work/a work/b; mkdir work/d; rmdir work/d; i=$((i+1)); done",
    "echo x > /tmp/a; echo y > /var/tmp/b; echo z > /dev/shm/c; mkdir -p /tmp/d/e; ln -s /etc /tmp/l; sleep 0.03",
    "echo evil > .git/hooks/pre-commit; echo evil > .git/config; rm -f .env; mv .git moved; sleep 0.03",
    "for i in 1 2 3 4 5 6 7 8; do sleep 0.5 & done; sleep 0.03",
];

/// Which program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// The boundary alone.
    Launch,
    /// With settings, decision and journal.
    Palisade,
}

/// Who is killed: one counted from the launcher on, the process that takes the launcher's control groups away, or one
/// after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Launcher,
    Boundary,
    Init,
    Janitor,
    /// From the launcher inwards, the janitor at the end or not at all.
    Inwards(Janitor),
    /// From the first process inside outwards, the janitor first or not at all.
    Outwards(Janitor),
}

/// Whether the janitor is killed with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Janitor {
    Killed,
    Spared,
}

impl Victim {
    fn has_janitor(self) -> bool {
        match self {
            Self::Inwards(which) | Self::Outwards(which) => which == Janitor::Killed,
            Self::Launcher | Self::Boundary | Self::Init | Self::Janitor => false,
        }
    }
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    After(Duration),
    /// Whichever process first makes this call so many times.
    Call(&'static str, usize),
}

/// One run.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) user: User,
    pub(super) program: Program,
    victim: Victim,
    /// Between one kill and the next.
    gap: Duration,
    moment: Moment,
    pub(super) command: &'static str,
    has_terminal: bool,
}

/// What came of it.
pub(super) struct Outcome {
    /// How far it had come.
    pub(super) stage: &'static str,
    /// Nobody was left who takes control groups away: the janitor was killed, and others too.
    pub(super) lost_janitor: bool,
    pub(super) finding: Option<String>,
}

/// Removes a file or an empty directory, if it is there.
fn remove(path: &Path) -> anyhow::Result<()> {
    let result = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

impl Trial {
    pub(super) fn new(seed: u64, number: u64, has_strace: bool) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x1000_0000_01b3) ^ number.wrapping_mul(0x9e37_79b9));
        let moment = match random.below(3) {
            0 if has_strace => {
                let call = *random.choose(CALLS).unwrap_or(&"all");
                let most = if call == "all" { 500 } else { 12 };
                Moment::Call(call, 1 + random.below(most))
            }
            0 | 1 => Moment::After(Duration::from_micros(random.below(EARLY_US) as u64)),
            _ => Moment::After(Duration::from_micros(random.below(WHOLE_US) as u64)),
        };
        Self {
            moment,
            user: if random.below(2) == 0 { User::Own } else { User::Nobody },
            program: if random.below(3) == 0 { Program::Palisade } else { Program::Launch },
            victim: match random.below(12) {
                0 | 1 => Victim::Boundary,
                2 | 3 => Victim::Init,
                4 => Victim::Janitor,
                5 => Victim::Inwards(Janitor::Killed),
                6 => Victim::Inwards(Janitor::Spared),
                7 => Victim::Outwards(Janitor::Killed),
                8 => Victim::Outwards(Janitor::Spared),
                _ => Victim::Launcher,
            },
            gap: Duration::from_micros(random.below(GAP_US) as u64),
            command: random.choose(COMMANDS).unwrap_or(&"true"),
            has_terminal: random.below(5) == 0,
        }
    }

    /// Starts it, kills it, and waits for its launcher.
    pub(super) fn run(&self, scene: &Scene, limit: Duration) -> anyhow::Result<Outcome> {
        let user = if scene.users().contains(&self.user) { self.user } else { User::Own };
        let trial = Self { user, ..*self };
        for file in fs::read_dir(scene.project(user).join("work"))? {
            remove(&file?.path())?;
        }
        let terminal = trial.has_terminal.then(terminal).transpose()?;
        let mut command = trial.start(scene);
        let stream = |slave: &OwnedFd| slave.try_clone().map(Stdio::from);
        match &terminal {
            Some((_, slave)) => command.stdin(stream(slave)?).stdout(stream(slave)?).stderr(stream(slave)?),
            None => command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()),
        };
        let begin = Instant::now();
        let mut child = command.spawn()?;
        drop(command);
        let mut stage = "";
        let mut lost_janitor = trial.victim.has_janitor();
        if let Moment::After(delay) = trial.moment {
            std::thread::sleep(delay);
            let struck = strike(&child, trial.victim, trial.gap)?;
            stage = struck.stage;
            lost_janitor |= struck.unknown;
        }
        let finding = ended(&mut child, limit)?;
        if let Moment::Call(..) = trial.moment {
            let trace = scene.trace(user);
            let killed = Killed::read(&fs::read_to_string(&trace)?);
            stage = if killed.others { "killed at a call" } else { "over before the call" };
            lost_janitor = killed.janitor;
            fs::remove_file(trace)?;
        }
        drop(terminal);
        // A command that came to its end, or lost only a program of its own, may write what it likes.
        if matches!(trial.moment, Moment::Call(..)) || begin.elapsed() > TIMELY {
            remove(&scene.project(user).join("late"))?;
        }
        Ok(Outcome { stage, lost_janitor, finding })
    }

    fn start(&self, scene: &Scene) -> Command {
        let mut words = Vec::new();
        if self.has_terminal {
            words.extend(["setsid", "--ctty"].map(str::to_owned));
        }
        if let Moment::Call(call, when) = self.moment {
            words.extend(["strace", "-f", "-q", "-o"].map(str::to_owned));
            words.extend([scene.trace(self.user).display().to_string(), "-e".to_owned()]);
            words.push(format!("trace={call},execve"));
            words.push("-e".to_owned());
            words.push(format!("inject={call}:signal=KILL:when={when}"));
        }
        words.extend(scene.words(self));
        let (program, arguments) =
            words.split_first().map_or((String::new(), &[][..]), |(first, rest)| (first.clone(), rest));
        let mut command = scene.plain(self.user, Path::new(&program));
        command.args(arguments);
        command
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, program, victim, gap, moment, command, has_terminal } = self;
        match moment {
            Moment::After(delay) => {
                write!(formatter, "{victim:?} killed after {} µs, {} µs apart", delay.as_micros(), gap.as_micros())?;
            }
            Moment::Call(call, when) => write!(formatter, "killed at the {when}. `{call}`")?,
        }
        write!(formatter, " of {program:?} by {user:?}, terminal: {has_terminal}, `{command}`")
    }
}

/// Who was killed of a traced run: every process that makes the call often enough, and the janitor also by its launcher.
#[derive(Debug, Default, PartialEq, Eq)]
struct Killed {
    janitor: bool,
    others: bool,
}

impl Killed {
    fn read(trace: &str) -> Self {
        let of = |line: &str| line.split_once(' ').map(|(pid, _)| pid.to_owned());
        let started = trace.lines().find(|line| line.contains("[\"palisade: janitor\"")).and_then(of);
        let killed = trace.lines().filter(|line| line.ends_with("+++ killed by SIGKILL +++")).filter_map(of);
        killed.fold(Self::default(), |all, pid| match Some(pid) == started {
            true => Self { janitor: true, ..all },
            false => Self { others: true, ..all },
        })
    }
}

/// Returns both ends of a new terminal.
fn terminal() -> anyhow::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags)?;
    rustix::pty::unlockpt(&master)?;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    Ok((master, slave))
}

/// What was struck.
struct Struck {
    stage: &'static str,
    /// Perhaps the janitor, before it said so.
    unknown: bool,
}

/// Kills the victim, or as much of the way to it as is there, and returns how far the run had come.
fn strike(child: &Child, victim: Victim, gap: Duration) -> anyhow::Result<Struck> {
    let all = processes()?;
    let launcher = i32::try_from(child.id())?;
    let said = |pid: i32, beginning: &[u8]| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(beginning))
    };
    let is_janitor = |process: &&Process| said(process.pid, JANITOR);
    let below = |pid: i32| all.values().filter(move |process| process.parent == pid);
    let next = |pid: &i32| below(*pid).find(|process| !is_janitor(process)).map(|process| process.pid);
    let chain: Vec<i32> = std::iter::successors(Some(launcher), next).take(4).collect();
    let janitor = below(launcher).find(is_janitor).map(|process| process.pid);
    let stage = match chain.len() {
        _ if all.get(&launcher).is_none_or(|process| process.has_ended) => "over before anything was killed",
        1 => "killed when there was no boundary, yet or any more",
        2 => "killed while the boundary made namespaces",
        3 => "killed while the first process built mounts",
        _ => "killed while the command ran",
    };
    let one = |at: usize| chain.get(at.min(chain.len().saturating_sub(1))).copied().into_iter().collect::<Vec<_>>();
    let with = |which: Janitor| janitor.filter(|_| which == Janitor::Killed);
    let targets: Vec<i32> = match victim {
        Victim::Launcher => one(0),
        Victim::Boundary => one(1),
        Victim::Init => one(2),
        Victim::Janitor => janitor.into_iter().collect(),
        Victim::Inwards(which) => chain.iter().copied().take(3).chain(with(which)).collect(),
        Victim::Outwards(which) => with(which).into_iter().chain(chain.iter().copied().take(3).rev()).collect(),
    };
    // Between its start and its first word a child of the launcher may be either.
    let is_known = |pid: i32| pid == launcher || said(pid, JANITOR) || said(pid, BOUNDARY);
    let unknown = targets.iter().any(|pid| !is_known(*pid) && below(launcher).any(|child| child.pid == *pid));
    for (number, target) in targets.into_iter().filter_map(Pid::from_raw).enumerate() {
        if number > 0 {
            std::thread::sleep(gap);
        }
        // It may just have ended.
        let _ = rustix::process::kill_process(target, Signal::KILL);
    }
    Ok(Struck { stage, unknown })
}

/// Waits until the launcher has ended; one that does not is a finding.
fn ended(child: &mut Child, limit: Duration) -> anyhow::Result<Option<String>> {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if child.try_wait()?.is_some() {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    child.kill()?;
    child.wait()?;
    Ok(Some("the launcher did not end".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::Killed;

    #[test]
    fn the_janitor_is_told_from_others() {
        let start = "7 execve(\"/proc/self/exe\", [\"palisade: janitor\", \"x\"], 0x1 /* 0 vars */) = 0\n";
        let killed = |lines: &str| {
            let Killed { janitor, others } = Killed::read(&format!("{start}{lines}"));
            (janitor, others)
        };
        assert_eq!(killed("7 +++ killed by SIGKILL +++\n8 +++ exited with 0 +++"), (true, false));
        assert_eq!(killed("8   +++ killed by SIGKILL +++"), (false, true));
        assert_eq!(killed("7 +++ exited with 0 +++"), (false, false));
    }
}
