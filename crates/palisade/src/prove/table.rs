//! The probes: what is tried, and what should come of it.

use sandbox::probes::{CALLS, Call};

/// A probe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    /// Its name in machine output.
    pub(super) name: &'static str,
    /// Rows of `docs/internals/escapes.md`.
    pub(super) rows: &'static [u16],
    /// What is tried, for a person.
    pub(super) tried: &'static str,
    /// What should come of it.
    pub(super) expected: Expected,
    /// How it is tried.
    pub(super) way: Way,
    /// What a boundary lacks that does not cover it: names of missing things in a report, all of them together. Nothing
    /// excuses a probe that names none.
    pub(super) lacking: &'static [&'static str],
}

/// What should come of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// The attempt fails, and nothing of it is on the host.
    Refused,
    /// The system call filter answers.
    Filtered,
    /// There is nothing of the kind to be seen.
    Nothing,
    /// What the report says is so.
    AsReported,
}

impl Expected {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Filtered => "refused by the filter",
            Self::Nothing => "nothing seen",
            Self::AsReported => "as reported",
        }
    }
}

/// How something is tried.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// A new file is made in a directory.
    Write(Place),
    /// A new file is made beside the project, through a symbolic link.
    WriteThroughLink,
    /// A name in the project is made or opened for writing.
    Protected(&'static str),
    /// Something is opened for reading.
    Read(Hidden),
    /// The names in a hidden directory are looked at.
    List,
    /// The bystander is looked for in `/proc`.
    SeeProcess,
    /// The bystander gets a signal.
    Signal,
    /// The bystander is traced.
    Trace,
    /// A listener on the host's loopback interface is called.
    Loopback,
    /// A listener at a path is called.
    UnixSocket,
    /// A listener with an abstract name is called.
    AbstractSocket,
    /// A kernel setting is opened for writing.
    KernelSetting,
    /// `/dev` is looked through.
    SeeDevices,
    /// A device is made.
    MakeDevice,
    /// A system call is made.
    Call(&'static Call),
    /// The process looks at its own capabilities.
    Capabilities,
    /// The process looks whether programs can gain privileges.
    NoNewPrivileges,
    /// The process looks through its descriptors.
    Descriptors,
    /// The process looks for a variable.
    Environment,
    /// The process looks at its limits.
    Limits,
}

impl Way {
    /// Returns the protected name that is tried.
    pub(super) fn protected(self) -> Option<&'static str> {
        if let Self::Protected(name) = self { Some(name) } else { None }
    }

    /// Returns why an attempt may fail without a boundary, too: it takes rights, or a machine, that not everybody has. Then
    /// there is nothing to prove here.
    pub(super) fn is_for_some(self) -> Option<&'static str> {
        match self {
            Self::KernelSetting => Some("without a boundary you may not either"),
            Self::MakeDevice => Some("without a boundary you may make none either"),
            Self::SeeDevices => Some("without a boundary there is none either"),
            Self::NoNewPrivileges => Some("without a boundary you cannot either"),
            Self::Write(_)
            | Self::WriteThroughLink
            | Self::Protected(_)
            | Self::Read(_)
            | Self::List
            | Self::SeeProcess
            | Self::Signal
            | Self::Trace
            | Self::Loopback
            | Self::UnixSocket
            | Self::AbstractSocket
            | Self::Call(_)
            | Self::Capabilities
            | Self::Descriptors
            | Self::Environment
            | Self::Limits => None,
        }
    }
}

/// Where a file is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// The home directory.
    Home,
    /// `/etc`.
    Etc,
    /// A directory that is made for it, beside everything.
    Beside,
}

/// What must not be readable.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hidden {
    /// Palisade's journal.
    Journal,
    /// The built-in credential stores.
    Stores,
    /// What rules and settings hide.
    Rules,
}

const fn probe(name: &'static str, rows: &'static [u16], tried: &'static str, way: Way) -> Probe {
    Probe { name, rows, tried, expected: Expected::Refused, way, lacking: &[] }
}

const fn look(name: &'static str, rows: &'static [u16], tried: &'static str, way: Way) -> Probe {
    Probe { name, rows, tried, expected: Expected::Nothing, way, lacking: &[] }
}

const OWN: [Probe; 25] = [
    probe("write-home", &[56, 82], "make a file in the home directory", Way::Write(Place::Home)),
    probe("write-etc", &[56], "make a file in /etc", Way::Write(Place::Etc)),
    probe("write-beside", &[56], "make a file in a directory beside the project", Way::Write(Place::Beside)),
    probe("write-through-link", &[57], "make a file there through a symbolic link", Way::WriteThroughLink),
    Probe {
        lacking: &["broker"],
        ..probe("protected-mcp", &[67], "write .mcp.json in the project", Way::Protected(".mcp.json"))
    },
    Probe {
        lacking: &["broker"],
        ..probe(
            "protected-settings",
            &[67],
            "write .claude/settings.json in the project",
            Way::Protected(".claude/settings.json"),
        )
    },
    Probe {
        lacking: &["broker"],
        ..probe(
            "protected-git-hook",
            &[67, 78],
            "write .git/hooks/post-checkout in the project",
            Way::Protected(".git/hooks/post-checkout"),
        )
    },
    probe("read-journal", &[84, 87], "look into Palisade's journal", Way::Read(Hidden::Journal)),
    Probe { lacking: &["mount-namespace"], ..probe("list-journal", &[84], "see the names of its files", Way::List) },
    probe("read-stores", &[84], "read the credential stores that are here", Way::Read(Hidden::Stores)),
    probe("read-rules", &[84], "read what rules and settings hide here", Way::Read(Hidden::Rules)),
    Probe { lacking: &["pid-namespace"], ..look("see-process", &[4], "find a process of the host", Way::SeeProcess) },
    Probe {
        lacking: &["pid-namespace", "landlock-scope"],
        ..probe("signal-process", &[14], "end a process of the host", Way::Signal)
    },
    Probe { expected: Expected::Filtered, ..probe("trace-process", &[1], "trace a process of the host", Way::Trace) },
    probe("loopback", &[], "call a listener on the host's 127.0.0.1", Way::Loopback),
    probe("unix-socket", &[108, 109], "call a listener of the host by its path", Way::UnixSocket),
    probe("abstract-socket", &[116], "call a listener of the host by an abstract name", Way::AbstractSocket),
    probe("kernel-setting", &[9, 10], "open settings in /proc/sys for writing", Way::KernelSetting),
    Probe { lacking: &["own-devices"], ..look("see-devices", &[53], "find devices of the machine", Way::SeeDevices) },
    probe("make-device", &[54], "make a device", Way::MakeDevice),
    look("capabilities", &[37, 38], "have capabilities", Way::Capabilities),
    look("no-new-privileges", &[37, 38], "be able to gain privileges", Way::NoNewPrivileges),
    look("descriptors", &[175], "find descriptors of the launcher", Way::Descriptors),
    look("environment", &[177], "find a secret of the environment", Way::Environment),
    Probe {
        expected: Expected::AsReported,
        ..look("limits", &[43, 44, 45], "look at the limits in force", Way::Limits)
    },
];

/// Returns every probe, in the order in which they are tried. What looks at the process itself comes before what
/// changes it.
pub(super) fn probes() -> impl Iterator<Item = Probe> {
    let calls = CALLS.iter().map(|call| Probe {
        name: call.name,
        rows: call.rows,
        tried: "make the system call",
        expected: Expected::Filtered,
        way: Way::Call(call),
        lacking: &[],
    });
    OWN.into_iter().chain(calls)
}

#[cfg(test)]
mod tests;
