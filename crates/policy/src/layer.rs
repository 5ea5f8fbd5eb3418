//! What a settings file said, before it is compiled: the words of `settings`, spoken to `policy`.

use crate::controls::limits::Word;
use crate::mode::Mode;
use crate::path::AbsPath;

/// Where a layer stands. Later variants outrank earlier ones for single values; rules are united.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// What Palisade itself brings.
    Builtin,
    /// The user's own file.
    User,
    /// The project's shared file.
    Project,
    /// The project's private file.
    Local,
    /// A `--settings` file or a command line option.
    Flag,
    /// The administrator's file.
    Managed,
}

impl Scope {
    /// Every scope, in this order.
    pub const ALL: [Self; 6] = [Self::Builtin, Self::User, Self::Project, Self::Local, Self::Flag, Self::Managed];

    /// Reads a scope's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Returns the scope's name in messages and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::User => "user",
            Self::Project => "project",
            Self::Local => "local",
            Self::Flag => "flag",
            Self::Managed => "managed",
        }
    }
}

/// The place in a file from which a value came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The layer's scope.
    pub scope: Scope,
    /// The file as a person would name it; for a value without one, what it is (`--mode`, `built in`).
    pub file: String,
    /// Line, counted from 1; 0 where there is no file.
    pub line: u32,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub origin: Origin,
}

/// One settings file, or one command line option that counts as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Where it stands.
    pub scope: Scope,
    /// The file as a person would name it.
    pub file: String,
    /// True when the layer may widen: its allow rules, extra directories and loosening modes count.
    /// A layer that is not trusted can only tighten.
    pub trusted: bool,
    /// The directory that `/path` in a rule of this layer is relative to.
    pub anchor: AbsPath,
    /// `permissions.allow`, rule texts.
    pub allow: Vec<Sourced<String>>,
    /// `permissions.ask`.
    pub ask: Vec<Sourced<String>>,
    /// `permissions.deny`.
    pub deny: Vec<Sourced<String>>,
    /// Lists of servers whose tools are denied: `deniedMcpServers`, `allowedMcpServers`, `mcpServers.blocked`.
    pub servers: Vec<Sourced<Servers>>,
    /// `permissions.additionalDirectories`, as written.
    pub additional_directories: Vec<Sourced<String>>,
    /// `permissions.defaultMode`.
    pub default_mode: Option<Sourced<Mode>>,
    /// `permissions.disableBypassPermissionsMode: "disable"`.
    pub bypass_disabled: Option<Origin>,
    /// `permissions.denyInsteadOfPrompting`.
    pub deny_instead: Option<Sourced<bool>>,
    /// `permissions.blockReadsOutsideWorkingDirectories`.
    pub reads_held: Option<Sourced<bool>>,
    /// `permissions.blockWritesOutsideWorkingDirectories`.
    pub writes_held: Option<Sourced<bool>>,
    /// `allowManagedPermissionRulesOnly: true`; counts in managed layers only.
    pub managed_rules_only: Option<Origin>,
    /// `sandbox`.
    pub sandbox: SandboxKeys,
    /// `sandbox.limits`.
    pub limits: Vec<Sourced<Word>>,
    /// Why this layer refuses every call until it is mended: the file could not be read, or one of
    /// its deny or ask entries could not.
    pub failure: Option<Diagnostic>,
}

/// Servers whose tools are denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    /// The key that says so, as rules are shown.
    pub key: String,
    /// The server, or a pattern of servers with `*`.
    pub blocked: String,
    /// Servers, or patterns, that are left out.
    pub approved: Vec<String>,
}

/// The `sandbox` object of a settings file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SandboxKeys {
    /// `sandbox.enabled`.
    pub enabled: Option<Sourced<bool>>,
    /// `sandbox.require`: names of layers without which nothing runs.
    pub require: Vec<Sourced<String>>,
    /// `sandbox.filesystem.denyRead`, as written.
    pub deny_read: Vec<Sourced<String>>,
    /// `sandbox.filesystem.allowWrite`, as written.
    pub allow_write: Vec<Sourced<String>>,
    /// `sandbox.filesystem.denyWrite`, as written.
    pub deny_write: Vec<Sourced<String>>,
    /// `sandbox.filesystem.allowRead`, as written.
    pub allow_read: Vec<Sourced<String>>,
    /// The paths of `sandbox.credentials.files`, as written.
    pub credential_files: Vec<Sourced<String>>,
    /// `sandbox.filesystem.allowManagedReadPathsOnly: true`; counts in managed layers only.
    pub managed_reads_only: Option<Origin>,
    /// `sandbox.filesystem.disabled`; counts in the user's, `--settings` and managed layers.
    pub files_disabled: Option<Sourced<bool>>,
    /// `sandbox.filesystem.checkReadsOnOpen`.
    pub reads_on_open: Option<Sourced<bool>>,
    /// `sandbox.filesystem.closedProfile`.
    pub closed_profile: Option<Sourced<bool>>,
    /// `sandbox.autoAllowBashIfSandboxed`.
    pub auto_allow: Option<Sourced<bool>>,
    /// `sandbox.excludedCommands`, as written.
    pub excluded: Vec<Sourced<String>>,
    /// `sandbox.allowUnsandboxedCommands`.
    pub allow_unsandboxed: Option<Sourced<bool>>,
    /// `sandbox.network`.
    pub network: NetworkKeys,
    /// `sandbox.credentials`, but for its files.
    pub credentials: CredentialKeys,
}

/// The `sandbox.credentials` object of a settings file, but for its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CredentialKeys {
    /// `sandbox.credentials.envVars`.
    pub variables: Vec<Sourced<Variable>>,
    /// How files of `sandbox.credentials.files` are masked, each with its entry's place.
    pub files: Vec<Sourced<MaskedFile>>,
    /// `sandbox.credentials.allowPlaintextInject`.
    pub plain: Option<Sourced<bool>>,
    /// `sandbox.credentials.awsPairs`.
    pub aws: Vec<Sourced<AwsVariables>>,
    /// `sandbox.credentials.sigv4`: each form with whether it goes on as it is.
    pub signing: Vec<Sourced<(SigningForm, bool)>>,
    /// `sandbox.credentials.git`, a key of ours.
    pub git: Vec<Sourced<GitHost>>,
    /// `sandbox.credentials.sources`, a key of ours.
    pub sources: Vec<Sourced<SourceKeys>>,
}

/// A host to which git goes with a token that it does not have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GitHost {
    /// `host`, as written.
    pub host: String,
    /// `username`.
    pub username: Option<String>,
    /// `envVar` or `source`.
    pub token: TokenPlace,
    /// `push`: what may be pushed to; with nothing nothing is pushed.
    pub push: Vec<String>,
}

/// Where a token is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TokenPlace {
    /// In a variable of the environment.
    Variable(String),
    /// Where a reference says.
    Source(String),
}

/// How one of those who hold secrets is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceKeys {
    /// Who: `op`, `vault`, `aws`, `doppler`, `infisical`.
    pub name: String,
    /// The keys of the object and their texts.
    pub keys: Vec<(String, String)>,
}

/// A rule about the requests that a host gets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requests {
    /// `action`.
    pub action: RequestAction,
    /// `host`, as written.
    pub host: String,
    /// `methods`; none for every one.
    pub methods: Vec<String>,
    /// `paths`; none for every one.
    pub paths: Vec<String>,
}

/// What a rule about requests does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestAction {
    /// It allows them, and no others of its host.
    Allow,
    /// It denies them.
    Deny,
}

/// A variable that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What is shown in the secret's place; nothing where it is denied.
    pub mask: Option<Mask>,
}

/// How a secret is masked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Mask {
    /// `extract`: a regular expression whose first group is the secret.
    pub extract: Option<String>,
    /// `onExtractNoMatch`.
    pub no_match: NoMatch,
    /// `decode: "jwt"`.
    pub is_token: bool,
    /// `maskClaims`.
    pub claims: Vec<String>,
    /// `maskDuplicates`.
    pub masks_duplicates: bool,
    /// `injectHosts`, as written; `None` for every host that the lists allow.
    pub hosts: Option<Vec<String>>,
    /// `source`, a key of ours: where the secret is, to be fetched when a request needs it.
    pub source: Option<String>,
}

/// An entry of `sandbox.credentials.files` with `mask`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MaskedFile {
    /// `path`, as written.
    pub path: String,
    /// How what it names is masked.
    pub mask: Mask,
}

/// What becomes of a text in which no secret is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NoMatch {
    /// It is told.
    #[default]
    Warn,
    /// It is not shown.
    Deny,
    /// Nothing runs.
    Error,
}

/// Variables that are one credential of AWS together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AwsVariables {
    /// `accessKeyIdVar`.
    pub key_id: String,
    /// `secretAccessKeyVar`.
    pub secret: String,
    /// `sessionTokenVar`.
    pub session: Option<String>,
}

/// A form of requests for AWS that cannot be signed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SigningForm {
    /// `streaming`.
    Streaming,
    /// `presigned`.
    Presigned,
    /// `sigv4a`.
    Sigv4a,
}

/// `sandbox.network.tlsTerminate`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TlsKeys {
    /// `caCertPath`, as written.
    pub certificate: Option<String>,
    /// `caKeyPath`, as written.
    pub key: Option<String>,
}

/// The `sandbox.network` object of a settings file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkKeys {
    /// `sandbox.network.allowedDomains`, as written.
    pub allowed: Vec<Sourced<String>>,
    /// `sandbox.network.deniedDomains`, as written.
    pub denied: Vec<Sourced<String>>,
    /// `sandbox.network.dangerOpaqueDomains`: places whose connections need not be TLS with a name that can be read.
    pub danger_opaque: Vec<Sourced<String>>,
    /// `sandbox.network.tlsPassthroughDomains`: places whose TLS does not end at the proxy, a key of ours.
    pub passthrough: Vec<Sourced<String>>,
    /// `sandbox.network.strictAllowlist: true`.
    pub strict: Option<Origin>,
    /// `sandbox.network.allowManagedDomainsOnly: true`; counts in managed layers only.
    pub managed_only: Option<Origin>,
    /// `sandbox.network.allowLocalBinding`.
    pub local_binding: Option<Sourced<bool>>,
    /// `sandbox.network.tlsTerminate`.
    pub tls: Option<Sourced<TlsKeys>>,
    /// `sandbox.network.requests`, a key of ours.
    pub requests: Vec<Sourced<Requests>>,
    /// What leads elsewhere than to the proxy.
    pub hatches: Hatches,
}

/// What of the host a command reaches besides what the proxy admits, and what reaches into it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Hatches {
    /// `sandbox.network.allowUnixSockets`, as written.
    pub sockets: Vec<Sourced<String>>,
    /// `sandbox.network.allowAllUnixSockets`.
    pub every_socket: Option<Sourced<bool>>,
    /// `sandbox.network.forwardPorts`.
    pub forwards: Vec<Sourced<Ports>>,
    /// `sandbox.network.publishPorts`.
    pub published: Vec<Sourced<Ports>>,
    /// `sandbox.network.httpProxyPort`.
    pub http_proxy: Option<Sourced<u16>>,
    /// `sandbox.network.socksProxyPort`.
    pub socks_proxy: Option<Sourced<u16>>,
    /// `sandbox.credentials.ssh`.
    pub logins: Vec<Sourced<Logins>>,
}

/// A port of the host's loopback interface, and one of that inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ports {
    /// That of the host.
    pub outside: u16,
    /// That inside.
    pub inside: u16,
}

impl Ports {
    /// Returns the two ports of `PORT` or `FIRST:SECOND`; neither is 0 or that of the proxy inside.
    pub fn parse(text: &str, first: Side) -> Option<Self> {
        let (one, other) = text.split_once(':').unwrap_or((text, text));
        let port = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|port| is_plain && *port != 0)
        };
        let (one, other) = (port(one)?, port(other)?);
        let ports = match first {
            Side::Outside => Self { outside: one, inside: other },
            Side::Inside => Self { outside: other, inside: one },
        };
        (ports.inside != crate::network::PROXY_PORT).then_some(ports)
    }
}

/// Where a port is that is named first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// On the host.
    Outside,
    /// Inside.
    Inside,
}

/// Logins by ssh that the person's agent may sign.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Logins {
    /// `host`: `host`, `host:port`, `user@host` or `user@host:port`.
    pub host: String,
    /// `keys`: lines of public keys, their fingerprints, or files with such lines.
    pub keys: Vec<String>,
    /// `knownHosts`: the file with the host's key, as written.
    pub known_hosts: Option<String>,
}

impl Layer {
    /// Returns a layer that says nothing.
    pub fn empty(scope: Scope, file: &str, anchor: AbsPath) -> Self {
        Self {
            scope,
            file: file.to_owned(),
            trusted: matches!(scope, Scope::Builtin | Scope::User | Scope::Flag | Scope::Managed),
            anchor,
            allow: Vec::new(),
            ask: Vec::new(),
            deny: Vec::new(),
            servers: Vec::new(),
            additional_directories: Vec::new(),
            default_mode: None,
            bypass_disabled: None,
            deny_instead: None,
            reads_held: None,
            writes_held: None,
            managed_rules_only: None,
            sandbox: SandboxKeys::default(),
            limits: Vec::new(),
            failure: None,
        }
    }
}

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The entry has no effect, or another than its author may think; nothing is weakened.
    Warning,
    /// The layer refuses until it is mended.
    Error,
}

/// Something that a person wrote wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub origin: Origin,
    /// Column, counted from 1 in characters; 0 where it is not known.
    pub column: u32,
    /// What is wrong: lower case, no full stop, user input in backticks.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
