//! The ways a boundary can be built, best first, and what each of them enforces.

use crate::machine::Ability;
use crate::report::Layer;

/// A way to build the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Own namespaces, mounts, Landlock and seccomp.
    Full,
    /// Namespaces and mounts by bubblewrap, which the host allows more than us; the rest is our own.
    Bubblewrap,
    /// Landlock and seccomp, where no namespace can be had.
    Landlock,
}

impl Tier {
    /// Every tier, best first.
    pub const ALL: [Self; 3] = [Self::Full, Self::Bubblewrap, Self::Landlock];

    /// Returns the tier's name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Bubblewrap => "bubblewrap",
            Self::Landlock => "landlock",
        }
    }

    /// Reads a tier's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name() == name)
    }

    /// Returns what it is built from.
    pub fn built_from(self) -> &'static [Ability] {
        match self {
            Self::Full => &[
                Ability::UserNamespace,
                Ability::UserMap,
                Ability::MountNamespace,
                Ability::PidNamespace,
                Ability::NetworkNamespace,
                Ability::IpcNamespace,
                Ability::UtsNamespace,
                Ability::CgroupNamespace,
                Ability::Loopback,
                Ability::DetachedMounts,
                Ability::FreshProc,
                Ability::Landlock,
                Ability::Seccomp,
            ],
            Self::Bubblewrap => &[Ability::Bubblewrap, Ability::Landlock, Ability::Seccomp],
            Self::Landlock => &[Ability::LandlockTruncate, Ability::Seccomp, Ability::SeccompNotification],
        }
    }

    /// Returns what stands whenever a command runs in this tier.
    pub fn layers(self) -> &'static [Layer] {
        match self {
            Self::Full | Self::Bubblewrap => &Layer::ALWAYS,
            Self::Landlock => {
                &[Layer::NoCapabilities, Layer::NoNewPrivileges, Layer::Landlock, Layer::Seccomp, Layer::NoSockets]
            }
        }
    }

    /// Returns what this tier lacks whatever the kernel has, each with what that means.
    pub fn missing(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Full => &[],
            Self::Bubblewrap => BUBBLEWRAP_LACKS,
            Self::Landlock => LANDLOCK_LACKS,
        }
    }
}

const BUBBLEWRAP_LACKS: &[(&str, &str)] =
    &[("mount-propagation", "what the host mounts later appears inside, where Landlock keeps it from being written")];

const LANDLOCK_LACKS: &[(&str, &str)] = &[
    (
        "user-namespace",
        "the command has the user's own number on the host; a limit on processes that no control group holds counts all \
         that the user has",
    ),
    (
        "mount-namespace",
        "names, sizes and times of hidden files can be seen, their contents not; files that are made beside a hidden \
         path while the command runs cannot be read",
    ),
    (
        "private-directories",
        "`/tmp`, `/var/tmp`, `/dev/shm` and `/run` are closed; TMPDIR is a directory of the command's own, which \
         stays behind when the boundary process is killed",
    ),
    (
        "pid-namespace",
        "processes of the host are seen with their command lines; what the command started is ended by the boundary \
         process, and goes on, confined, when that is killed together with the launcher",
    ),
    ("network-namespace", "no socket can be made, so that builds and tests cannot talk to themselves"),
    ("ipc-namespace", "System V IPC and POSIX message queues are refused"),
    ("uts-namespace", "the host's name is seen"),
    ("cgroup-namespace", "the host's control groups are seen"),
    ("kernel-interfaces", "`/proc` is the host's, and tells of its kernel"),
    ("own-devices", "names of devices are seen; a program inside can make no terminal"),
];

/// A set of tiers.
///
/// INVARIANT: it can only be narrowed; all of them is where one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers([bool; 3]);

impl Tiers {
    /// Returns the set of all tiers.
    pub fn all() -> Self {
        Self([true; 3])
    }

    /// Returns the set without one tier.
    #[must_use]
    pub fn without(self, tier: Tier) -> Self {
        let Self(mut has) = self;
        for (slot, one) in has.iter_mut().zip(Tier::ALL) {
            *slot &= one != tier;
        }
        Self(has)
    }

    /// Returns the set of those that enforce all these layers.
    #[must_use]
    pub fn with_layers(self, layers: &[Layer]) -> Self {
        let lacking = Tier::ALL.into_iter().filter(|tier| layers.iter().any(|layer| !tier.layers().contains(layer)));
        lacking.fold(self, Self::without)
    }

    /// Returns true when the tier is in the set.
    pub fn has(self, tier: Tier) -> bool {
        self.iter().any(|one| one == tier)
    }

    /// Returns the tiers of the set, best first.
    pub fn iter(self) -> impl Iterator<Item = Tier> {
        let Self(has) = self;
        Tier::ALL.into_iter().zip(has).filter_map(|(tier, has)| has.then_some(tier))
    }
}

#[cfg(test)]
mod tests;
