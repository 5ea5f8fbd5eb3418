//! What a machine can enforce, as it was found by trying.

mod render;

use std::fmt;

use crate::tier::Tier;

/// A machine, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// What was tried, in the order of building.
    pub findings: Vec<Finding>,
    /// What was read, where it explains a finding or decides about one.
    pub facts: Vec<Fact>,
    /// Each tier, best first.
    pub tiers: Vec<TierFinding>,
}

impl Machine {
    /// Returns the tier that a command gets; `None` when there is none.
    pub fn tier(&self) -> Option<Tier> {
        self.tiers.iter().find(|finding| finding.is_possible).map(|finding| finding.tier)
    }

    /// Returns true when the machine has everything that a tier is built from.
    pub fn has(&self, tier: Tier) -> bool {
        self.tiers.iter().any(|finding| finding.tier == tier && finding.is_possible)
    }
}

/// What came of trying one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was tried.
    pub ability: Ability,
    /// What it is like where it works: a version, a path. May be empty.
    pub detail: String,
    /// Why it does not work; `None` when it does.
    pub fault: Option<Fault>,
}

impl Finding {
    /// Returns true when it works.
    pub fn works(&self) -> bool {
        self.fault.is_none()
    }
}

/// Why something does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What the kernel said; `None` when it was not the kernel that refused.
    pub errno: Option<i32>,
    /// The kernel's name for it, such as `EPERM`; empty when it was not the kernel.
    pub name: String,
    /// The reason in words.
    pub why: String,
    /// The one command that helps, if one is known.
    pub fix: Option<String>,
}

/// Something that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub name: &'static str,
    /// Its value, as it was found.
    pub value: String,
}

/// Whether a tier is possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierFinding {
    /// The tier.
    pub tier: Tier,
    /// True when the machine has everything that it is built from.
    pub is_possible: bool,
    /// What it is built from and the machine lacks.
    pub lacks: Vec<Ability>,
}

macro_rules! abilities {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What a layer is built from.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Ability {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Ability {
            /// Every ability, in the order of building.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the name in machine output.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Reads a name.
            pub(crate) fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|ability| ability.name() == name)
            }
        }
    };
}

abilities! {
    /// A user namespace of its own.
    UserNamespace = "user-namespace",
    /// The user in it.
    UserMap = "user-map",
    /// A mount namespace in that.
    MountNamespace = "mount-namespace",
    /// A process namespace in that.
    PidNamespace = "pid-namespace",
    /// A network namespace in that.
    NetworkNamespace = "network-namespace",
    /// An IPC namespace in that.
    IpcNamespace = "ipc-namespace",
    /// A host name namespace in that.
    UtsNamespace = "uts-namespace",
    /// A control group namespace in that.
    CgroupNamespace = "cgroup-namespace",
    /// A loopback interface that is up: some hosts take the rights away after the namespace is made.
    Loopback = "loopback",
    /// Copies of mounts that are not attached yet, made read-only.
    DetachedMounts = "detached-mounts",
    /// A `/proc` of its own.
    FreshProc = "fresh-proc",
    /// Landlock at any version.
    Landlock = "landlock",
    /// Landlock that keeps files from being truncated: the least that can stand alone.
    LandlockTruncate = "landlock-truncate",
    /// Landlock that bounds signals.
    LandlockScope = "landlock-scope",
    /// A system call filter.
    Seccomp = "seccomp",
    /// A system call filter that asks a supervisor.
    SeccompNotification = "seccomp-notification",
    /// Bubblewrap, for the namespaces that we cannot make ourselves.
    Bubblewrap = "bubblewrap",
}

/// A version of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads the last word of a line such as `bubblewrap 0.8.0`.
    pub fn parse(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace().last()?.split('.').map(|part| {
            let digits = part.split(|char: char| !char.is_ascii_digit()).next().unwrap_or_default();
            digits.parse::<u32>().ok()
        });
        Some(Self(numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or_default()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(formatter, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests;
