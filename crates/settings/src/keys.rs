//! The keys of a settings file, as data.
//!
//! `Used` fields end up in a layer. Everything else is what Claude Code documents and Palisade does
//! not read: in Claude Code's files it passes without a word, in Palisade's own it is an error,
//! because a protection that is written down and not kept is worse than none.

use policy::controls::limits::Resource;

use crate::say::closest;

/// An object of a settings file whose keys are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Top,
    Permissions,
    Sandbox,
    Filesystem,
    Network,
    Credentials,
    /// `sandbox.limits`: Palisade's own, which the documentation does not have.
    Limits,
    Hooks,
    /// `mcpServers`, whose lists of articles are read by themselves.
    Servers,
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Used(Used),
    Section(Section),
    /// For editors; allowed in every file.
    Schema,
    /// Documented, and kept without doing anything: what it switches off does not exist here.
    Kept,
    /// Documented, and not read by Palisade.
    Unread,
    /// A key of articles that nobody acts on; what the documentation has in its place.
    Nobody(&'static str),
}

impl Field {
    /// Returns true for a field that a person may be pointed to.
    fn is_documented(self) -> bool {
        match self {
            Self::Schema | Self::Nobody(_) | Self::Used(Used::Article(_)) => false,
            Self::Kept | Self::Unread | Self::Section(_) | Self::Used(_) => true,
        }
    }
}

/// A field that ends up in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Used {
    Allow,
    Ask,
    Deny,
    AdditionalDirectories,
    DefaultMode,
    BypassSwitch,
    ManagedRulesOnly,
    DenyInstead,
    ReadsHeld,
    WritesHeld,
    SandboxEnabled,
    FailIfUnavailable,
    AutoAllow,
    Excluded,
    AllowUnsandboxed,
    DenyRead,
    AllowRead,
    ManagedReadsOnly,
    FilesDisabled,
    AllowWrite,
    DenyWrite,
    /// `sandbox.require`, a key of ours: layers without which nothing runs.
    RequireLayers,
    /// `sandbox.filesystem.checkReadsOnOpen`, a key of ours: files that come under a Read rule later are held as well.
    ReadsOnOpen,
    /// `sandbox.filesystem.closedProfile`, a key of ours: nothing is there to be read but what is granted.
    ClosedProfile,
    CredentialFiles,
    /// `sandbox.credentials.envVars`.
    Variables,
    PlainSecrets,
    AwsPairs,
    /// `sandbox.credentials.sigv4`.
    Signing,
    /// `sandbox.credentials.git`, a key of ours.
    Git,
    /// `sandbox.credentials.sources`, a key of ours.
    Sources,
    /// `sandbox.network.requests`, a key of ours.
    Requests,
    /// `sandbox.network.tlsTerminate`.
    Tls,
    /// `sandbox.credentials.ssh`, a key of ours.
    Logins,
    Network(Connections),
    AllowedServers,
    DeniedServers,
    Limit(Resource),
    Article(Article),
}

/// A key of `sandbox.network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// `allowedDomains`.
    Allowed,
    /// `deniedDomains`.
    Denied,
    /// `dangerOpaqueDomains`, a key of ours.
    Opaque,
    /// `tlsPassthroughDomains`, a key of ours.
    Passthrough,
    /// `strictAllowlist`.
    Strict,
    /// `allowManagedDomainsOnly`.
    ManagedOnly,
    /// `allowLocalBinding`.
    LocalBinding,
    Hatch(Opened),
}

/// A key of `sandbox.network` that opens something besides what the proxy admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// `allowUnixSockets`.
    Sockets,
    /// `allowAllUnixSockets`.
    AllSockets,
    /// `forwardPorts`, a key of ours.
    Forwards,
    /// `publishPorts`, a key of ours.
    Published,
    /// `httpProxyPort`.
    HttpProxy,
    /// `socksProxyPort`.
    SocksProxy,
}

/// A key that articles write and the documentation does not know; see `layer/articles.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Article {
    /// `permissions.blocked_commands`.
    BlockedCommands,
    /// `permissions.allow_shell`.
    AllowShell,
    /// `permissions.allow_write`.
    AllowWrite,
    /// `permissions.require_approval_for_shell`.
    ApproveShell,
    /// `permissions.require_approval_for_write`.
    ApproveWrite,
    /// `sandbox.filesystem.allowedPaths`.
    AllowedPaths,
    /// `sandbox.network.allowedHosts`.
    AllowedHosts,
    /// `mcpServers` with lists of servers in it.
    Servers,
}

impl Used {
    /// Returns true for a list in which an unreadable entry could hide a protection.
    pub(crate) fn is_tightening_list(self) -> bool {
        match self {
            Self::Ask
            | Self::Deny
            | Self::DenyRead
            | Self::DenyWrite
            | Self::RequireLayers
            | Self::CredentialFiles
            | Self::Variables
            | Self::Git
            | Self::Requests
            | Self::Network(Connections::Denied)
            | Self::DeniedServers
            | Self::Article(Article::BlockedCommands) => true,
            Self::Allow
            | Self::AdditionalDirectories
            | Self::DefaultMode
            | Self::BypassSwitch
            | Self::ManagedRulesOnly
            | Self::DenyInstead
            | Self::ReadsHeld
            | Self::WritesHeld
            | Self::SandboxEnabled
            | Self::FailIfUnavailable
            | Self::AutoAllow
            | Self::Excluded
            | Self::AllowUnsandboxed
            | Self::AllowRead
            | Self::ManagedReadsOnly
            | Self::FilesDisabled
            | Self::ReadsOnOpen
            | Self::ClosedProfile
            | Self::AllowWrite
            | Self::PlainSecrets
            | Self::AwsPairs
            | Self::Signing
            | Self::Sources
            | Self::Tls
            | Self::Logins
            | Self::Network(
                Connections::Allowed
                | Connections::Opaque
                | Connections::Passthrough
                | Connections::Strict
                | Connections::ManagedOnly
                | Connections::LocalBinding
                | Connections::Hatch(_),
            )
            | Self::AllowedServers
            | Self::Limit(_)
            | Self::Article(
                Article::AllowShell
                | Article::AllowWrite
                | Article::ApproveShell
                | Article::ApproveWrite
                | Article::AllowedPaths
                | Article::AllowedHosts
                | Article::Servers,
            ) => false,
        }
    }
}

const TOP: &[(&str, Field)] = &[
    ("$schema", Field::Schema),
    ("permissions", Field::Section(Section::Permissions)),
    ("sandbox", Field::Section(Section::Sandbox)),
    ("hooks", Field::Section(Section::Hooks)),
    ("allowManagedPermissionRulesOnly", Field::Used(Used::ManagedRulesOnly)),
    ("disableAutoMode", Field::Kept),
    ("allowedMcpServers", Field::Used(Used::AllowedServers)),
    ("deniedMcpServers", Field::Used(Used::DeniedServers)),
    ("mcpServers", Field::Used(Used::Article(Article::Servers))),
];

const PERMISSIONS: &[(&str, Field)] = &[
    ("allow", Field::Used(Used::Allow)),
    ("ask", Field::Used(Used::Ask)),
    ("deny", Field::Used(Used::Deny)),
    ("additionalDirectories", Field::Used(Used::AdditionalDirectories)),
    ("defaultMode", Field::Used(Used::DefaultMode)),
    ("disableBypassPermissionsMode", Field::Used(Used::BypassSwitch)),
    ("disableAutoMode", Field::Kept),
    ("blockReadsOutsideWorkingDirectories", Field::Used(Used::ReadsHeld)),
    ("blockWritesOutsideWorkingDirectories", Field::Used(Used::WritesHeld)),
    ("denyInsteadOfPrompting", Field::Used(Used::DenyInstead)),
    ("blocked_commands", Field::Used(Used::Article(Article::BlockedCommands))),
    ("allow_shell", Field::Used(Used::Article(Article::AllowShell))),
    ("allow_write", Field::Used(Used::Article(Article::AllowWrite))),
    ("require_approval_for_shell", Field::Used(Used::Article(Article::ApproveShell))),
    ("require_approval_for_write", Field::Used(Used::Article(Article::ApproveWrite))),
];

const SANDBOX: &[(&str, Field)] = &[
    ("enabled", Field::Used(Used::SandboxEnabled)),
    ("filesystem", Field::Section(Section::Filesystem)),
    ("network", Field::Section(Section::Network)),
    ("credentials", Field::Section(Section::Credentials)),
    ("limits", Field::Section(Section::Limits)),
    ("failIfUnavailable", Field::Used(Used::FailIfUnavailable)),
    ("autoAllowBashIfSandboxed", Field::Used(Used::AutoAllow)),
    ("excludedCommands", Field::Used(Used::Excluded)),
    ("require", Field::Used(Used::RequireLayers)),
    ("allowUnsandboxedCommands", Field::Used(Used::AllowUnsandboxed)),
    ("ignoreViolations", Field::Unread),
    ("enableWeakerNestedSandbox", Field::Unread),
    ("enableWeakerNetworkIsolation", Field::Unread),
    ("allowAppleEvents", Field::Unread),
    ("allowNestedUserNamespaces", Field::Unread),
    ("allowPty", Field::Unread),
    ("allowGitConfig", Field::Unread),
    ("enabledPlatforms", Field::Unread),
    ("ripgrep", Field::Unread),
    ("bwrapPath", Field::Unread),
    ("socatPath", Field::Unread),
];

const FILESYSTEM: &[(&str, Field)] = &[
    ("denyRead", Field::Used(Used::DenyRead)),
    ("allowWrite", Field::Used(Used::AllowWrite)),
    ("denyWrite", Field::Used(Used::DenyWrite)),
    ("allowRead", Field::Used(Used::AllowRead)),
    ("allowManagedReadPathsOnly", Field::Used(Used::ManagedReadsOnly)),
    ("disabled", Field::Used(Used::FilesDisabled)),
    ("checkReadsOnOpen", Field::Used(Used::ReadsOnOpen)),
    ("closedProfile", Field::Used(Used::ClosedProfile)),
    ("allowedPaths", Field::Used(Used::Article(Article::AllowedPaths))),
];

const NETWORK: &[(&str, Field)] = &[
    ("allowedDomains", Field::Used(Used::Network(Connections::Allowed))),
    ("deniedDomains", Field::Used(Used::Network(Connections::Denied))),
    ("tlsPassthroughDomains", Field::Used(Used::Network(Connections::Passthrough))),
    ("dangerOpaqueDomains", Field::Used(Used::Network(Connections::Opaque))),
    ("strictAllowlist", Field::Used(Used::Network(Connections::Strict))),
    ("allowManagedDomainsOnly", Field::Used(Used::Network(Connections::ManagedOnly))),
    ("allowUnixSockets", Field::Used(Used::Network(Connections::Hatch(Opened::Sockets)))),
    ("allowAllUnixSockets", Field::Used(Used::Network(Connections::Hatch(Opened::AllSockets)))),
    ("allowLocalBinding", Field::Used(Used::Network(Connections::LocalBinding))),
    ("allowMachLookup", Field::Unread),
    ("httpProxyPort", Field::Used(Used::Network(Connections::Hatch(Opened::HttpProxy)))),
    ("socksProxyPort", Field::Used(Used::Network(Connections::Hatch(Opened::SocksProxy)))),
    ("forwardPorts", Field::Used(Used::Network(Connections::Hatch(Opened::Forwards)))),
    ("publishPorts", Field::Used(Used::Network(Connections::Hatch(Opened::Published)))),
    ("tlsTerminate", Field::Used(Used::Tls)),
    ("requests", Field::Used(Used::Requests)),
    ("allowedHosts", Field::Used(Used::Article(Article::AllowedHosts))),
];

const CREDENTIALS: &[(&str, Field)] = &[
    ("files", Field::Used(Used::CredentialFiles)),
    ("envVars", Field::Used(Used::Variables)),
    ("allowPlaintextInject", Field::Used(Used::PlainSecrets)),
    ("awsPairs", Field::Used(Used::AwsPairs)),
    ("sigv4", Field::Used(Used::Signing)),
    ("git", Field::Used(Used::Git)),
    ("sources", Field::Used(Used::Sources)),
    ("ssh", Field::Used(Used::Logins)),
];

const LIMITS: &[(&str, Field)] = &[
    ("memory", Field::Used(Used::Limit(Resource::Memory))),
    ("processMemory", Field::Used(Used::Limit(Resource::ProcessMemory))),
    ("processes", Field::Used(Used::Limit(Resource::Processes))),
    ("cpu", Field::Used(Used::Limit(Resource::Cpu))),
    ("cpuTime", Field::Used(Used::Limit(Resource::CpuTime))),
    ("openFiles", Field::Used(Used::Limit(Resource::OpenFiles))),
    ("fileSize", Field::Used(Used::Limit(Resource::FileSize))),
    ("wall", Field::Used(Used::Limit(Resource::Wall))),
    ("output", Field::Used(Used::Limit(Resource::Output))),
];

const HOOKS: &[(&str, Field)] = &[
    ("SessionStart", Field::Unread),
    ("Setup", Field::Unread),
    ("UserPromptSubmit", Field::Unread),
    ("UserPromptExpansion", Field::Unread),
    ("PreToolUse", Field::Unread),
    ("PermissionRequest", Field::Unread),
    ("PermissionDenied", Field::Unread),
    ("PostToolUse", Field::Unread),
    ("PostToolUseFailure", Field::Unread),
    ("PostToolBatch", Field::Unread),
    ("Notification", Field::Unread),
    ("MessageDisplay", Field::Unread),
    ("SubagentStart", Field::Unread),
    ("SubagentStop", Field::Unread),
    ("TaskCreated", Field::Unread),
    ("TaskCompleted", Field::Unread),
    ("TeammateIdle", Field::Unread),
    ("Stop", Field::Unread),
    ("StopFailure", Field::Unread),
    ("InstructionsLoaded", Field::Unread),
    ("ConfigChange", Field::Unread),
    ("CwdChanged", Field::Unread),
    ("DirectoryAdded", Field::Unread),
    ("FileChanged", Field::Unread),
    ("WorktreeCreate", Field::Unread),
    ("WorktreeRemove", Field::Unread),
    ("PreCompact", Field::Unread),
    ("PostCompact", Field::Unread),
    ("Elicitation", Field::Unread),
    ("ElicitationResult", Field::Unread),
    ("SessionEnd", Field::Unread),
    ("PreModelSwitch", Field::Unread),
    ("PostModelSwitch", Field::Unread),
    ("pre_command", Field::Nobody("`PreToolUse` with the matcher `Bash`")),
    ("post_command", Field::Nobody("`PostToolUse` with the matcher `Bash`")),
    ("pre_write", Field::Nobody("`PreToolUse` with the matcher `Edit|Write`")),
    ("post_write", Field::Nobody("`PostToolUse` with the matcher `Edit|Write`")),
];

impl Section {
    /// Returns where the section stands in a file, with a final dot to put a key behind.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Permissions => "permissions.",
            Self::Sandbox => "sandbox.",
            Self::Filesystem => "sandbox.filesystem.",
            Self::Network => "sandbox.network.",
            Self::Credentials => "sandbox.credentials.",
            Self::Limits => "sandbox.limits.",
            Self::Hooks => "hooks.",
            Self::Servers => "mcpServers.",
        }
    }

    /// Returns true when a protection could stand in the section.
    pub(crate) fn is_enforced(self) -> bool {
        match self {
            Self::Top
            | Self::Permissions
            | Self::Sandbox
            | Self::Filesystem
            | Self::Network
            | Self::Credentials
            | Self::Limits => true,
            Self::Hooks | Self::Servers => false,
        }
    }

    /// Returns what a key of this section holds, with the key's own text.
    pub(crate) fn field(self, key: &str) -> Option<(&'static str, Field)> {
        self.table().iter().find(|(name, _)| *name == key).copied()
    }

    /// Returns the known key that was most likely meant.
    pub(crate) fn closest(self, key: &str) -> Option<&'static str> {
        closest(key, self.table().iter().filter(|(_, field)| field.is_documented()).map(|(name, _)| *name))
    }

    fn table(self) -> &'static [(&'static str, Field)] {
        match self {
            Self::Top => TOP,
            Self::Permissions => PERMISSIONS,
            Self::Sandbox => SANDBOX,
            Self::Filesystem => FILESYSTEM,
            Self::Network => NETWORK,
            Self::Credentials => CREDENTIALS,
            Self::Limits => LIMITS,
            Self::Hooks => HOOKS,
            Self::Servers => &[],
        }
    }
}

/// Returns the section in which a key that is not known where it stands was most likely meant to stand.
pub(crate) fn misplaced(section: Section, key: &str) -> Option<Section> {
    let homes: &[Section] = match section {
        Section::Top => &[Section::Permissions, Section::Filesystem],
        Section::Permissions | Section::Sandbox | Section::Filesystem | Section::Network | Section::Credentials => {
            &[Section::Top, Section::Permissions, Section::Sandbox, Section::Filesystem]
        }
        Section::Limits | Section::Hooks | Section::Servers => &[],
    };
    let is_used = |field: Field| matches!(field, Field::Used(_)) && field.is_documented();
    homes.iter().copied().find(|home| home.field(key).is_some_and(|(_, field)| is_used(field)))
}
