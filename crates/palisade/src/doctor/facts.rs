//! What `doctor` looks at, as plain values: `gather` fills them in, `checks` judges them.

use policy::AbsPath;
use sandbox::Machine;

/// Everything that was found.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) machine: Machine,
    pub(super) wsl: Wsl,
    /// Sockets of container daemons that this user can write to, of those that are looked at.
    pub(super) daemons: Vec<String>,
    /// Programs that build other boundaries, with where they are.
    pub(super) hands: Vec<(&'static str, String)>,
    /// The machine can run virtual machines at the processor's speed, and this user may.
    pub(super) has_kvm: bool,
    pub(super) proxies: Vec<Proxy>,
    pub(super) certificates: Certificates,
    pub(super) agents: Vec<Agent>,
    pub(super) hooks: Hooks,
    pub(super) clock: Clock,
    pub(super) disks: Vec<Disk>,
    pub(super) journal: Journal,
    /// Directories and files of Palisade's own that others may read or write, or that are somebody else's.
    pub(super) exposed: Vec<Exposed>,
    /// Those of them that could not be looked at, with why.
    pub(super) unseen: Vec<String>,
    pub(super) settings: Settings,
}

/// Windows Subsystem for Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wsl {
    None,
    /// Linux calls answered by Windows.
    One,
    /// A Linux kernel in a virtual machine.
    Two,
}

/// A variable that names a proxy.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) variable: String,
    /// The value without a user and password.
    pub(super) shown: String,
    pub(super) state: ProxyState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProxyState {
    /// It cannot be read as a proxy.
    Malformed(String),
    /// It is on this machine, and something answers there.
    Answers,
    /// It is on this machine, and nothing answers there.
    Silent,
    /// It is elsewhere: nobody was asked.
    Elsewhere,
}

/// What programs take for the authorities of TLS.
#[derive(Debug, Clone)]
pub(super) struct Certificates {
    /// The system's bundle with the count of its certificates.
    pub(super) bundle: Option<(String, usize)>,
    /// Variables that name another, with what is wrong there.
    pub(super) named: Vec<(String, String, Option<String>)>,
}

/// An agent's program.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// Where it is; `None` when it is not installed.
    pub(super) path: Option<String>,
    /// Its version, where the files beside it say one.
    pub(super) version: Option<String>,
}

/// What settings say about hooks.
#[derive(Debug, Clone)]
pub(super) struct Hooks {
    pub(super) registered: Vec<Registered>,
    /// The file that switches every hook off.
    pub(super) off: Option<String>,
    /// The administrator's file by which other files' hooks do not count.
    pub(super) managed_only: Option<String>,
    /// This program.
    pub(super) own: AbsPath,
    /// Why others could put something else into this program's place, if they could.
    pub(super) own_fault: Option<String>,
    /// The user's settings file, as it is shown.
    pub(super) user_file: String,
    /// What the user's settings file says of hooks at all.
    pub(super) user_has_hooks: bool,
    /// The user's settings file is not there, or could be understood.
    pub(super) user_is_clear: bool,
    /// What came of asking this program, with a command that is it.
    pub(super) asked: Vec<(String, Answered)>,
}

/// A hook of Palisade's in a settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registered {
    pub(super) event: String,
    /// The file, as it is shown.
    pub(super) file: String,
    /// True in the file that is the user's own to mend.
    pub(super) is_users: bool,
    pub(super) command: String,
    pub(super) program: Program,
    /// The matcher takes every tool.
    pub(super) takes_all: bool,
    /// A hook that fails blocks the call.
    pub(super) fails_closed: bool,
    /// Why it does not decide about every call, though it is there.
    pub(super) never: Option<String>,
    /// What of it is not understood, or makes it less sure.
    pub(super) doubts: Vec<String>,
}

/// What a hook's command starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    /// This program, or a copy of it.
    Own,
    /// Nothing is there.
    Missing(String),
    /// Another program: an older or newer one, or none of ours.
    Other(String),
    /// It cannot be told, and why: nobody started it.
    Unclear(String),
}

/// What a hook answered when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answered {
    /// A decision, by name.
    Decided(String),
    /// It ended otherwise.
    Failed(String),
}

#[derive(Debug, Clone)]
pub(super) struct Clock {
    pub(super) now_ms: i64,
    /// When this program's file was made.
    pub(super) program_ms: Option<i64>,
    /// The time of the newest record of the journal.
    pub(super) newest_ms: Option<i64>,
    /// There are records, and their times could not be read.
    pub(super) is_untold: bool,
}

/// The file system of a directory that Palisade writes to.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) id: &'static str,
    /// The directory, as it is shown.
    pub(super) path: String,
    /// Bytes and files that this user may still make; `None` when it cannot be told.
    pub(super) free: Option<(u64, u64)>,
    pub(super) is_read_only: bool,
    /// This user may not write there.
    pub(super) is_closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Journal {
    /// Nothing was recorded yet.
    Absent,
    Sound {
        records: u64,
    },
    Damaged {
        findings: Vec<String>,
    },
    /// It cannot be read; with what helps.
    Unusable {
        why: String,
        hint: String,
    },
}

/// Something of Palisade's own, or of the settings, that others may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exposed {
    pub(super) path: AbsPath,
    /// The path, as it is shown.
    pub(super) shown: String,
    pub(super) mode: u32,
    pub(super) is_own: bool,
    /// Others may write it.
    pub(super) is_open: bool,
    /// It is what a link leads to: the place of another tool's, perhaps.
    pub(super) is_linked: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// What is wrong in them: whether it refuses, and what.
    pub(super) wrong: Vec<(bool, String)>,
    /// `sandbox.enabled`: the hook sends commands inside.
    pub(super) is_boundary_on: bool,
    pub(super) is_closed: bool,
    /// Something of an administrator's is in force.
    pub(super) is_managed: bool,
    /// The project brings settings of its own, which are kept with it.
    pub(super) is_shared: bool,
    /// And it has a rule.
    pub(super) has_managed_rules: bool,
    /// The mode that lets everything pass is switched off, by an administrator.
    pub(super) bypass_is_off: bool,
}
