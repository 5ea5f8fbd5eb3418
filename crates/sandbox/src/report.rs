//! What was in force, what was refused, and what no layer can show.

use std::time::Duration;

use policy::controls;
use policy::controls::limits::Resource;
use policy::layer::Origin;

use crate::environment::Dropped;
use crate::tier::Tier;

/// How one command did inside the boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How the boundary was built.
    pub tier: Tier,
    /// How it ended.
    pub exit: Exit,
    /// How long it took, the building of the boundary included.
    pub wall: Duration,
    /// How long it was until the command's program ran and that was known.
    pub started: Duration,
    /// What was in force, in the order of building.
    pub enforced: Vec<Layer>,
    /// What this kernel lacks, though everything above stood.
    pub missing: Vec<Missing>,
    /// The Landlock version that was enforced.
    pub landlock_abi: u32,
    /// What was refused, as far as a layer sees it; in the order of first refusal.
    pub refused: Vec<Refused>,
    /// How many further refusals there were after the list was full.
    pub refused_more: u64,
    /// Held paths that were not there when the boundary was built.
    pub not_present: Vec<String>,
    /// What no layer can show.
    pub cannot_show: Vec<&'static str>,
    /// Variables of the environment that the command did not see; names only.
    pub environment_dropped: Vec<Dropped>,
    /// The private temporary directories, which are gone now.
    pub temporary: Vec<&'static str>,
    /// Why the boundary ended the command itself, if it did.
    pub ended_by_boundary: Option<String>,
    /// How much it could take of everything that was limited.
    pub limits: Vec<Limit>,
    /// The Read rules that could come to cover a file while the command ran; `None` where there were none.
    pub late_reads: Option<LateReads>,
    /// Whether it ran in a boundary that a holder had ready.
    pub from_holder: bool,
}

/// What happened to files that came under a Read rule while the command ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateReads {
    /// The rules, each with its place.
    pub rules: Vec<String>,
    /// Whether each opening for reading was held against them; otherwise such files could be read.
    pub are_held: bool,
    /// What that cost; `None` where nothing was checked, or the boundary came to its end without telling.
    pub cost: Option<Checked>,
}

/// What it cost to hold each opening for reading against the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    /// How many openings there were.
    pub opened: u64,
    /// How long they took the broker together.
    pub took: Duration,
}

impl LateReads {
    /// Returns what the controls say of such files, with what was measured.
    pub(crate) fn of(wanted: &controls::LateReads, measured: Option<Self>) -> Option<Self> {
        let (rules, are_held) = match wanted {
            controls::LateReads::None => return None,
            controls::LateReads::Open(rules) => (rules.clone(), false),
            controls::LateReads::Checked(rules) => (rules.clone(), true),
        };
        Some(Self { rules, are_held, cost: measured.and_then(|measured| measured.cost) })
    }

    /// Says what was held.
    pub fn meaning(&self) -> &'static str {
        match self.are_held {
            true => "each opening for reading was held against these rules; names could be listed",
            false => {
                "files that came under these rules while the command ran could be read: \
                 `sandbox.filesystem.checkReadsOnOpen` holds them, and every opening then takes longer"
            }
        }
    }
}

impl Report {
    /// Returns the limit that ended the command, if one did.
    pub fn ended_by_limit(&self) -> Option<Resource> {
        self.limits.iter().find(|limit| limit.hit == Hit::Ended).map(|limit| limit.resource)
    }
}

/// A limit that was in force, or should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// On what.
    pub resource: Resource,
    /// The most, in the resource's unit.
    pub at_most: u64,
    /// Where it is written; `None` for what holds by itself.
    pub by: Option<Origin>,
    /// What held it; `None` when nothing did.
    pub held_by: Option<Holder>,
    /// What that does not hold, or why nothing did.
    pub note: Option<String>,
    /// Whether it was reached.
    pub hit: Hit,
}

/// What holds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A control group of version 2.
    CgroupV2,
    /// A control group of version 1.
    CgroupV1,
    /// The kernel's limits of each process.
    Rlimit,
    /// The launcher's clock.
    Timer,
    /// The launcher, which relays what is printed.
    Relay,
}

impl Holder {
    /// Returns the name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::CgroupV2 => "cgroup-v2",
            Self::CgroupV1 => "cgroup-v1",
            Self::Rlimit => "rlimit",
            Self::Timer => "timer",
            Self::Relay => "relay",
        }
    }
}

/// Whether a limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// No.
    No,
    /// What holds it does not tell.
    Unseen,
    /// So often: processes killed, processes not started, periods without a processor, signals.
    Times(u64),
    /// The command was ended because of it.
    Ended,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(u8),
    /// A signal ended it.
    Signal(i32),
}

impl Exit {
    /// Returns the exit code that passes this end on: the command's own, or 128 and the signal.
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => u8::try_from(signal.saturating_add(128)).unwrap_or(u8::MAX),
        }
    }
}

/// A layer of the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A user namespace with the one user in it.
    UserNamespace,
    /// A mount namespace with a read-only copy of the host's files.
    MountNamespace,
    /// A process namespace: nothing of the host is seen.
    PidNamespace,
    /// A network namespace with a loopback interface only.
    NetworkNamespace,
    /// An IPC namespace.
    IpcNamespace,
    /// A namespace for the host name.
    UtsNamespace,
    /// A control group namespace.
    CgroupNamespace,
    /// No capability in any set.
    NoCapabilities,
    /// No program can gain privileges.
    NoNewPrivileges,
    /// Landlock rules.
    Landlock,
    /// A system call filter.
    Seccomp,
    /// No socket but connected pairs.
    NoSockets,
    /// A pseudo-terminal of its own.
    OwnTerminal,
}

impl Layer {
    /// Every layer.
    pub const ALL: [Self; 13] = [
        Self::UserNamespace,
        Self::MountNamespace,
        Self::PidNamespace,
        Self::NetworkNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::CgroupNamespace,
        Self::NoCapabilities,
        Self::NoNewPrivileges,
        Self::Landlock,
        Self::Seccomp,
        Self::NoSockets,
        Self::OwnTerminal,
    ];

    /// Reads a layer's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.name() == name)
    }

    /// What stands whenever a command runs in namespaces.
    pub(crate) const ALWAYS: [Self; 11] = [
        Self::UserNamespace,
        Self::MountNamespace,
        Self::PidNamespace,
        Self::NetworkNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::CgroupNamespace,
        Self::NoCapabilities,
        Self::NoNewPrivileges,
        Self::Landlock,
        Self::Seccomp,
    ];

    /// Returns the layer's name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserNamespace => "user-namespace",
            Self::MountNamespace => "mount-namespace",
            Self::PidNamespace => "pid-namespace",
            Self::NetworkNamespace => "network-namespace",
            Self::IpcNamespace => "ipc-namespace",
            Self::UtsNamespace => "uts-namespace",
            Self::CgroupNamespace => "cgroup-namespace",
            Self::NoCapabilities => "no-capabilities",
            Self::NoNewPrivileges => "no-new-privileges",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::NoSockets => "no-sockets",
            Self::OwnTerminal => "own-terminal",
        }
    }
}

/// Something that could not be had on this kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What: `landlock-signal-scope`, `seccomp-notification`.
    pub what: String,
    /// What that means.
    pub meaning: String,
}

/// Something that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What: `connect 93.184.216.34:443`, `mount`.
    pub what: String,
    /// The program that tried: its path, or its name in brackets when the path is not known.
    pub program: String,
    /// The inner process's name.
    pub command: String,
    /// The rule with its file and line, or the reason; `None` where every command is refused it.
    pub by: Option<String>,
    /// How often.
    pub times: u64,
}

/// What no layer of this version can show.
pub(crate) const CANNOT_SHOW: [&str; 4] = [
    "files that could not be opened for reading or listed: mounts and Landlock refuse them without a word to us",
    "datagrams sent by `sendmsg` or `sendmmsg` with an address: the empty network refuses them",
    "signals to processes that are not visible inside",
    "what the command read of the files that it may read",
];

/// What cannot be shown besides where there are no namespaces.
pub(crate) const CANNOT_SHOW_CLOSED: &str =
    "shared memory and message queues: the filter refuses them without a word to us";

/// What cannot be shown besides when the kernel gives no notification.
pub(crate) const CANNOT_SHOW_CALLS: &str = "refused system calls and connections: this kernel gives no notification";
