//! Which boundary fits a situation: pure, from the facts and what the articles that began this project ask for.

use sandbox::Tier;

use super::checks::{fixes, is_contained, is_full};
use super::facts::{Answered, Disk, Facts, Journal, Program, Registered};

/// What somebody uses agents for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Situation {
    /// One's own work, with a person who watches.
    Personal,
    /// Several people, one policy.
    Team,
    /// Without a person: nothing can be asked.
    Ci,
    /// Somebody else's code and secrets, which must not meet each other.
    Client,
    /// Work that somebody must be able to account for.
    Regulated,
    /// Code that nobody here wrote or read.
    Untrusted,
}

impl Situation {
    /// Every situation, from the least to the most that is asked of the boundary.
    pub(super) const ALL: [Self; 6] =
        [Self::Personal, Self::Team, Self::Ci, Self::Client, Self::Regulated, Self::Untrusted];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Team => "team",
            Self::Ci => "ci",
            Self::Client => "client",
            Self::Regulated => "regulated",
            Self::Untrusted => "untrusted",
        }
    }

    /// Returns what is asked for, in the order in which it is told.
    fn needs(self) -> &'static [Need] {
        match self {
            Self::Personal => &[Need::SomeBoundary, Need::Hook, Need::Journal],
            Self::Team => &[Need::Namespaces, Need::Hook, Need::SharedPolicy, Need::Journal],
            Self::Ci => &[Need::Namespaces, Need::Journal],
            Self::Client => &[Need::Namespaces, Need::ClosedProfile, Need::Hook, Need::Journal],
            Self::Regulated => &[
                Need::OwnNamespaces,
                Need::ClosedProfile,
                Need::Hook,
                Need::ManagedPolicy,
                Need::NoBypass,
                Need::Journal,
                Need::OwnKernel,
            ],
            Self::Untrusted => &[Need::OwnNamespaces, Need::ClosedProfile, Need::Journal, Need::OwnKernel],
        }
    }

    /// Returns how commands are run in it.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Personal | Self::Team => "palisade run -- COMMAND",
            Self::Ci => "palisade run --ci --require mount-namespace -- COMMAND",
            Self::Client => "palisade run --profile closed -- COMMAND",
            Self::Regulated => "palisade run --profile closed --check-reads-on-open -- COMMAND",
            Self::Untrusted => "palisade run --profile closed --network none -- COMMAND",
        }
    }
}

/// One thing that a situation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    SomeBoundary,
    Namespaces,
    OwnNamespaces,
    Hook,
    SharedPolicy,
    ManagedPolicy,
    NoBypass,
    ClosedProfile,
    Journal,
    OwnKernel,
}

/// What a situation asks for and is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lack {
    pub(super) what: &'static str,
    /// What it takes to have it.
    pub(super) takes: String,
    /// Without it the situation is not for this machine; otherwise it would only be better.
    pub(super) is_required: bool,
}

/// A situation, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) situation: Situation,
    pub(super) lacks: Vec<Lack>,
}

impl Judged {
    /// Returns true when nothing is missing that must be there.
    pub(super) fn fits(&self) -> bool {
        !self.lacks.iter().any(|lack| lack.is_required)
    }
}

/// Judges a situation.
pub(super) fn judge(situation: Situation, facts: &Facts) -> Judged {
    Judged { situation, lacks: situation.needs().iter().filter_map(|need| lack(*need, facts)).collect() }
}

fn lack(need: Need, facts: &Facts) -> Option<Lack> {
    let tier = facts.machine.tier();
    let has = |least: Tier| tier.is_some_and(|tier| tier <= least);
    let (has, what, takes) = match need {
        Need::SomeBoundary => (has(Tier::Landlock), "a boundary", boundary(facts)),
        Need::Namespaces => (has(Tier::Bubblewrap), "a boundary with namespaces", boundary(facts)),
        Need::OwnNamespaces => (has(Tier::Full), "a boundary of the first tier", boundary(facts)),
        Need::Hook => (is_asked(facts), "a hook that answers", "mend the checks that begin with `hook`".to_owned()),
        Need::SharedPolicy => {
            let has = facts.settings.is_shared || facts.settings.is_managed;
            (
                has,
                "a policy that all share",
                "keep `.claude/settings.json` with the project, or a managed one".to_owned(),
            )
        }
        Need::ManagedPolicy => {
            let takes =
                "let an administrator write /etc/palisade/settings.json or /etc/claude-code/managed-settings.json";
            (facts.settings.has_managed_rules, "a policy that users cannot change", takes.to_owned())
        }
        Need::NoBypass => {
            let takes = "set `permissions.disableBypassPermissionsMode` to `disable` in a managed file";
            (facts.settings.bypass_is_off, "mode `bypassPermissions` switched off", takes.to_owned())
        }
        Need::ClosedProfile => {
            let takes = "set `sandbox.filesystem.closedProfile`, or run with `--profile closed`";
            (facts.settings.is_closed, "reading nothing by default", takes.to_owned())
        }
        Need::Journal => {
            let is_sound = matches!(facts.journal, Journal::Absent | Journal::Sound { .. });
            let has_room = |disk: &Disk| disk.id != "disk.journal" || disk.free.is_some() && !is_full(disk);
            let has = is_sound && facts.disks.iter().all(has_room);
            (has, "a journal that is sound and has room", "mend the checks `journal` and `disk.journal`".to_owned())
        }
        Need::OwnKernel => (false, "a kernel of its own for what runs inside", own_kernel(facts)),
    };
    // A profile can be asked for on the command line, and another kernel is beyond what this program builds here.
    let is_required = !matches!(need, Need::ClosedProfile | Need::OwnKernel);
    (!has).then_some(Lack { what, takes, is_required })
}

fn is_asked(facts: &Facts) -> bool {
    let hooks = &facts.hooks;
    let decides = |answered: &Answered| matches!(answered, Answered::Decided(_));
    hooks.off.is_none()
        && hooks.registered.iter().any(|one| one.event == "PreToolUse" && is_sure(one))
        && !hooks.asked.is_empty()
        && hooks.asked.iter().all(|(_, answered)| decides(answered))
}

fn is_sure(one: &Registered) -> bool {
    one.takes_all && one.never.is_none() && one.doubts.is_empty() && one.program == Program::Own
}

fn boundary(facts: &Facts) -> String {
    let fixes = fixes(&facts.machine);
    if fixes.is_empty() { "a machine that lets users make namespaces".to_owned() } else { fixes.join("; then: ") }
}

fn own_kernel(facts: &Facts) -> String {
    let has = |name: &str| facts.hands.iter().any(|(hand, _)| *hand == name);
    let around = if is_contained(&facts.machine) { ", around this container" } else { "" };
    match (has("qemu-system-x86_64") || has("qemu-system-aarch64"), facts.has_kvm) {
        (true, true) => format!("run the whole session in a virtual machine{around}: QEMU and /dev/kvm are here"),
        (true, false) => format!("run the whole session in a virtual machine{around}: QEMU is here, and emulates"),
        (false, _) => format!("run the whole session in a virtual machine{around} without a mount of the host's files"),
    }
}

/// Returns the situations that this machine is for now, the most demanding last.
pub(super) fn fitting(facts: &Facts) -> Vec<Situation> {
    Situation::ALL.into_iter().filter(|situation| judge(*situation, facts).fits()).collect()
}
