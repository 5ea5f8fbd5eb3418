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

/// Who is killed, counted from the launcher on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Launcher,
    Boundary,
    Init,
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
    moment: Moment,
    pub(super) command: &'static str,
    has_terminal: bool,
}

/// What came of it.
pub(super) struct Outcome {
    /// How far it had come.
    pub(super) stage: &'static str,
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
            victim: match random.below(4) {
                0 => Victim::Boundary,
                1 => Victim::Init,
                _ => Victim::Launcher,
            },
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
        if let Moment::After(delay) = trial.moment {
            std::thread::sleep(delay);
            stage = strike(&child, trial.victim)?;
        }
        let finding = ended(&mut child, limit)?;
        if let Moment::Call(..) = trial.moment {
            let trace = scene.trace(user);
            let is_hit = fs::read_to_string(&trace)?.contains("killed by SIGKILL");
            stage = if is_hit { "killed at a call" } else { "over before the call" };
            fs::remove_file(trace)?;
        }
        drop(terminal);
        // A command that came to its end, or lost only a program of its own, may write what it likes.
        if matches!(trial.moment, Moment::Call(..)) || begin.elapsed() > TIMELY {
            remove(&scene.project(user).join("late"))?;
        }
        Ok(Outcome { stage, finding })
    }

    fn start(&self, scene: &Scene) -> Command {
        let mut words = Vec::new();
        if self.has_terminal {
            words.extend(["setsid", "--ctty"].map(str::to_owned));
        }
        if let Moment::Call(call, when) = self.moment {
            words.extend(["strace", "-f", "-q", "-o"].map(str::to_owned));
            words.extend([scene.trace(self.user).display().to_string(), "-e".to_owned()]);
            words.push(format!("trace={call}"));
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
        let Self { user, program, victim, moment, command, has_terminal } = self;
        match moment {
            Moment::After(delay) => write!(formatter, "{victim:?} killed after {} µs", delay.as_micros())?,
            Moment::Call(call, when) => write!(formatter, "killed at the {when}. `{call}`")?,
        }
        write!(formatter, " of {program:?} by {user:?}, terminal: {has_terminal}, `{command}`")
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

/// Kills the victim, or as much of the way to it as is there, and returns how far the run had come.
fn strike(child: &Child, victim: Victim) -> anyhow::Result<&'static str> {
    let all = processes()?;
    let launcher = i32::try_from(child.id())?;
    let below = |pid: i32| all.values().find(|process| process.parent == pid).map(|process: &Process| process.pid);
    let chain: Vec<i32> = std::iter::successors(Some(launcher), |pid| below(*pid)).take(4).collect();
    let stage = match chain.len() {
        _ if all.get(&launcher).is_none_or(|process| process.has_ended) => "over before anything was killed",
        1 => "killed when there was no boundary, yet or any more",
        2 => "killed while the boundary made namespaces",
        3 => "killed while the first process built mounts",
        _ => "killed while the command ran",
    };
    let at = match victim {
        Victim::Launcher => 0,
        Victim::Boundary => 1,
        Victim::Init => 2,
    };
    let target = chain.get(at.min(chain.len().saturating_sub(1))).copied().and_then(Pid::from_raw);
    if let Some(target) = target {
        // It may just have ended.
        let _ = rustix::process::kill_process(target, Signal::KILL);
    }
    Ok(stage)
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
