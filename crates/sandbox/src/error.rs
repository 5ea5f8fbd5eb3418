//! Why nothing ran, and the one command that helps.

use std::io;

/// Why a command was not run, or its end is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan would make a directory writable that must not be.
    #[error("`{path}` cannot be made writable: {why}")]
    Writable {
        /// The directory.
        path: String,
        /// Why not.
        why: String,
    },
    /// The command cannot start where it should.
    #[error("the command cannot start in `{path}`: {why}")]
    Start {
        /// The directory.
        path: String,
        /// Why not.
        why: String,
    },
    /// The plan holds more paths than the limit.
    #[error("the boundary would have to hold {count} paths, and at most {max} are possible")]
    TooManyPaths {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A limit that somebody wrote cannot be held. Nothing ran.
    #[error("the limit `{limit}` cannot be held: {why}")]
    Limit {
        /// The limit, as it is written.
        limit: String,
        /// Why not.
        why: String,
        /// What makes it possible, if that is known.
        fix: Option<String>,
    },
    /// Nothing can be held ready.
    #[error("no boundaries can be held ready: {why}")]
    Hold {
        /// Why not.
        why: String,
    },
    /// There is no command.
    #[error("there is no command to run")]
    NoCommand,
    /// A standard stream would lead out of the boundary.
    #[error("standard {stream} is {what}, which would lead out of the boundary")]
    Stream {
        /// `input`, `output` or `error`.
        stream: &'static str,
        /// What it is.
        what: &'static str,
    },
    /// A step of the boundary failed. Nothing ran.
    #[error("the boundary cannot be built: the step `{}` failed{}", .step.name(), on(.path.as_deref()))]
    Step {
        /// The step.
        step: Step,
        /// The path it was about.
        path: Option<String>,
        /// What the kernel said.
        #[source]
        source: io::Error,
        /// The one command or setting that helps, if one is known.
        fix: Option<String>,
    },
    /// The boundary stood, and the program in it could not be started.
    #[error("cannot start `{program}` inside the boundary")]
    Program {
        /// The program.
        program: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The boundary process ended without saying how the command did; everything in it is gone.
    #[error("the boundary ended without a report ({0})")]
    Lost(String),
    /// No way to build the boundary enforces everything that is required.
    #[error("no boundary that this machine can build enforces what is required: {0}")]
    Required(String),
    /// The backend that was asked for cannot be had, or cannot hold the plan. Nothing ran.
    #[error("the backend `{backend}` cannot hold this: {why}")]
    Backend {
        /// The backend.
        backend: &'static str,
        /// Why not.
        why: String,
        /// What makes it possible, if that is known.
        fix: Option<String>,
    },
    /// There is no boundary for this platform.
    #[error("there is no boundary for this platform yet")]
    Platform,
    /// We are wrong.
    #[error("internal error: {0}")]
    Bug(String),
}

fn on(path: Option<&str>) -> String {
    path.map(|path| format!(" on `{path}`")).unwrap_or_default()
}

impl Error {
    /// Returns the one thing to do about it, if one is known.
    pub fn fix(&self) -> Option<&str> {
        match self {
            Self::Step { fix, .. } | Self::Limit { fix, .. } | Self::Backend { fix, .. } => fix.as_deref(),
            Self::Writable { .. } => Some("start in the project's directory, or name a directory inside it"),
            Self::Stream { .. } => Some("give the command a file, a pipe or a terminal"),
            Self::TooManyPaths { .. } => Some("deny directories instead of single files"),
            Self::Start { .. }
            | Self::Hold { .. }
            | Self::NoCommand
            | Self::Program { .. }
            | Self::Lost(_)
            | Self::Required(_)
            | Self::Platform
            | Self::Bug(_) => None,
        }
    }
}

macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The steps that can fail, in order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Step {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Step {
            /// Every step, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the step's name in messages.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Reads a step's name.
            pub(crate) fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|step| step.name() == name)
            }
        }
    };
}

steps! {
    /// Looking at the standard streams.
    Streams = "look at the standard streams",
    /// Making the directories of the private caches.
    Caches = "make the private caches",
    /// Writing the plan into memory for the boundary process.
    HandPlan = "hand over the plan",
    /// Comparing what a held boundary was built for with what is wanted.
    Template = "take a held boundary",
    /// Starting the boundary process.
    StartBoundary = "start the boundary process",
    /// Blocking and catching signals.
    Signals = "catch signals",
    /// Reading the plan in the boundary process.
    ReadPlan = "read the plan",
    /// No core dumps.
    CoreDumps = "forbid core dumps",
    /// `unshare(CLONE_NEWUSER)`.
    UserNamespace = "make a user namespace",
    /// Writing `setgroups`, `uid_map` and `gid_map`.
    UserMap = "map the user",
    /// `unshare` of the other namespaces.
    Namespaces = "make the other namespaces",
    /// Making the process unreadable for others.
    Undumpable = "close the boundary's own memory",
    /// Letting bubblewrap make the namespaces and mounts.
    Bubblewrap = "let bubblewrap build the mounts",
    /// Looking inside at what bubblewrap has made.
    BubblewrapBuilt = "verify what bubblewrap has built",
    /// Keeping what the command starts together, without a process namespace.
    Keeper = "keep the command's processes together",
    /// `fork` of the first process inside.
    Init = "start the first process inside",
    /// Bringing the loopback interface up.
    Loopback = "bring up the loopback interface",
    /// Making the sockets of the proxy, or beginning to serve them.
    Doors = "open the sockets of the proxy",
    /// Making every mount private.
    Propagation = "keep mounts from spreading",
    /// Opening the host's root directory.
    HostRoot = "open the host's root",
    /// Making the private file system.
    PrivateFiles = "make the private file system",
    /// Copying the host's mounts.
    CopyRoot = "copy the host's mounts",
    /// Making the copy read-only.
    ReadOnlyRoot = "make the host's mounts read-only",
    /// Attaching the copy.
    AttachRoot = "attach the new root",
    /// Showing a path of the host over an empty root.
    Read = "show a path to be read",
    /// Mounting a private place.
    Private = "mount a private directory",
    /// Mounting a writable directory.
    Writable = "mount a writable directory",
    /// Showing a directory of the host among the private caches.
    Seed = "show the host's files among the caches",
    /// Pinning a directory.
    Pin = "pin a directory",
    /// Closing a path below a writable directory.
    ReadOnly = "make a path read-only",
    /// Hiding a path.
    Hide = "hide a path",
    /// Building `/dev`.
    Devices = "make the devices",
    /// Mounting `/proc`.
    Proc = "mount a fresh /proc",
    /// Hiding parts of `/proc` and `/sys`.
    HideKernel = "hide kernel interfaces",
    /// Looking again at every held path.
    Verify = "verify the held paths",
    /// `pivot_root`.
    Pivot = "enter the new root",
    /// Detaching the old root.
    DetachOld = "detach the old root",
    /// Making the pseudo-terminal.
    Pty = "make the terminal",
    /// Dropping capabilities.
    Capabilities = "drop every capability",
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivileges = "forbid new privileges",
    /// Making the Landlock rules.
    LandlockRules = "make the Landlock rules",
    /// Starting the target process.
    Fork = "start the command's process",
    /// Giving the target its own session, terminal and streams.
    Session = "give the command its session",
    /// Changing to the start directory.
    StartDirectory = "enter the start directory",
    /// Setting rlimits.
    Limits = "set the limits",
    /// `landlock_restrict_self`.
    Landlock = "enforce Landlock",
    /// Installing the seccomp filter.
    Seccomp = "install the seccomp filter",
    /// Getting a listener for the broker.
    Listener = "listen for the command's calls",
    /// Starting the broker.
    Broker = "start the broker",
    /// Sending something over the control socket.
    Control = "speak with the launcher",
    /// Watching the command.
    Watch = "watch the command",
}
