//! Logins by ssh: a socket inside behind which the person's agent signs for the named keys at the named hosts, and nothing
//! else of it.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use audit::{Connection, ConnectionStage};
use policy::layer::{Logins, Origin, Sourced};
use policy::proof::RuleRef;
use policy::{AbsPath, List, Verdict};
use sandbox::{OWN_FILES, Shown};
use vault::ssh_agent::judge::Rules;
use vault::ssh_agent::{self, Fingerprint, KnownHosts, KnownHostsFault, NamedKey, NotRecorded, Record, Server};

use super::egress::Recorder;
use super::ground::{Ground, Lost};
use super::hatches::Serving;
use super::secrets::read;
use crate::setup::{Setup, of_a_person};

/// The socket's name inside, among our own files.
const SOCKET: &str = "ssh-agent";
/// The name of the file with the keys of the named hosts there.
const KNOWN: &str = "ssh_known_hosts";
/// What every ssh reads for its settings.
const SETTINGS: &str = "/etc/ssh/ssh_config";
/// Where hosts' keys are, below the home directory and for the whole machine.
const KNOWN_AT_HOME: &str = "~/.ssh/known_hosts";
const KNOWN_HERE: &str = "/etc/ssh/ssh_known_hosts";

/// The person's agent, for one command.
pub(super) struct Agent {
    path: AbsPath,
    socket: PathBuf,
    rules: Rules,
    rule: RuleRef,
}

impl core::fmt::Debug for Agent {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { path, socket, rules, rule: _ } = self;
        formatter
            .debug_struct("Agent")
            .field("path", path)
            .field("socket", socket)
            .field("rules", rules)
            .finish_non_exhaustive()
    }
}

/// What is shown and told of logins.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    pub(super) agent: Option<Agent>,
    /// Files of our own that are seen inside.
    pub(super) shown: Vec<Shown>,
    pub(super) told: Vec<String>,
}

/// One entry, as far as it can be used.
struct Named {
    server: Server,
    keys: Vec<NamedKey>,
    /// The lines about the host, as they are.
    known: String,
    hosts: KnownHosts,
    origin: Origin,
}

/// Prepares the agent, where there are entries that can be used. What cannot be is told.
pub(super) fn prepare(setup: &Setup, entries: &[Sourced<Logins>], ground: &Ground) -> Prepared {
    let mut prepared = Prepared::default();
    let mut named = Vec::new();
    for entry in entries {
        match name(setup, entry, ground) {
            Ok(one) => named.push(one),
            Err(why) => prepared.told.push(format!("nothing is signed for {}: {why}", entry.value.host)),
        }
    }
    let Some(first) = named.first() else { return prepared };
    let socket = setup.environment.all().iter().find(|(name, _)| name == OsStr::new("SSH_AUTH_SOCK"));
    let Some((_, socket)) = socket else {
        prepared.told.push("nothing is signed for ssh: `SSH_AUTH_SOCK` names no agent".to_owned());
        return prepared;
    };
    let origin = first.origin.clone();
    let known: String = named.iter().flat_map(|one| [one.known.as_str(), "\n"]).collect();
    // Each host's keys are those that its own entry says.
    let hosts = named.iter().map(|one| one.hosts.clone()).collect();
    let pair = |one: &Named| -> Vec<(Server, Fingerprint)> {
        one.keys.iter().map(|key| (one.server.clone(), key.fingerprint().clone())).collect()
    };
    let pairs = Some(named.iter().flat_map(pair).collect());
    let keys = named.into_iter().flat_map(|one| one.keys).collect();
    prepared.shown = shown(&known);
    prepared.agent = Some(Agent {
        path: AbsPath::root().join(OWN_FILES).join(SOCKET),
        socket: socket.into(),
        rules: Rules { keys, hosts, pairs },
        rule: RuleRef { text: "ssh".to_owned(), list: List::Allow, origin },
    });
    prepared
}

/// Reads an entry. An error is why nothing is signed for it.
fn name(setup: &Setup, entry: &Sourced<Logins>, ground: &Ground) -> Result<Named, String> {
    let Logins { host, keys, known_hosts } = &entry.value;
    let server: Server = host.parse().map_err(|fault: ssh_agent::ServerFault| fault.to_string())?;
    let mut named = Vec::new();
    for key in keys {
        let line = if key.starts_with(['/', '~']) {
            let file = ground.read(&of_a_person(&setup.places, key)).map_err(|lost| format!("`{key}`: {lost}"))?;
            String::from_utf8_lossy(&file).into_owned()
        } else {
            key.clone()
        };
        named.push(line.parse::<NamedKey>().map_err(|fault| format!("`{key}`: {fault}; {}", fault.hint()))?);
    }
    let files = match known_hosts {
        Some(file) => vec![file.as_str()],
        None => vec![KNOWN_AT_HOME, KNOWN_HERE],
    };
    let mut all = String::new();
    for file in files {
        match ground.read(&of_a_person(&setup.places, file)) {
            Ok(text) => all.extend([String::from_utf8_lossy(&text).as_ref(), "\n"]),
            // What is not there says nothing. Of what cannot be read nobody knows which keys it revokes.
            Err(Lost::Missing) => {}
            Err(lost) => return Err(format!("`{file}`: {lost}")),
        }
    }
    let hinted = |fault: KnownHostsFault| format!("{fault}; {}", fault.hint());
    let known = KnownHosts::lines_about(&all, &server).map_err(hinted)?;
    let hosts = KnownHosts::read(&known, std::slice::from_ref(&server)).map_err(hinted)?;
    Ok(Named { server, keys: named, known, hosts, origin: entry.origin.clone() })
}

/// Returns the files by which an ssh inside knows the named hosts: the person's own are hidden.
fn shown(known: &str) -> Vec<Shown> {
    let why = "the keys of hosts at which logins are signed".to_owned();
    let own = AbsPath::root().join(OWN_FILES).join(KNOWN);
    let first = format!("GlobalKnownHostsFile {own} {KNOWN_HERE}\n");
    let settings = AbsPath::root().join(SETTINGS);
    let before = read(&settings).unwrap_or_default();
    let content = [first.as_bytes(), &before].concat();
    vec![
        Shown { path: own, content: known.as_bytes().to_vec(), why: why.clone() },
        Shown { path: settings, content, why },
    ]
}

impl Agent {
    /// Returns where it is inside.
    pub(super) fn path(&self) -> &AbsPath {
        &self.path
    }

    /// Returns what opened it.
    pub(super) fn rule(&self) -> &RuleRef {
        &self.rule
    }

    /// Serves a listening socket until everything ends.
    pub(super) fn serve(&self, socket: &OwnedFd, serving: &Serving) {
        let Ok(listener) = socket.try_clone().map(UnixListener::from) else { return };
        let journal = Signatures {
            recorder: serving.recorder.clone(),
            numbers: serving.numbers.clone(),
            rule: self.rule.clone(),
            path: self.path.to_string(),
        };
        let proxy = ssh_agent::Proxy::new(self.socket.clone(), self.rules.clone(), Box::new(journal));
        // Without it nothing is signed, which its clients are told by the end of their connections.
        let _ = proxy.serve(&listener, &serving.stop);
    }
}

/// Writes down what is asked of the agent.
struct Signatures {
    recorder: Arc<Recorder>,
    numbers: egress::proxy::Proxy,
    rule: RuleRef,
    /// Where the agent is inside.
    path: String,
}

impl ssh_agent::Journal for Signatures {
    fn append(&self, record: &Record) -> Result<(), NotRecorded> {
        let Record { request, verdict, host, user, key, reason } = record;
        let verdict = match verdict {
            ssh_agent::Verdict::Allow => Verdict::Allow,
            ssh_agent::Verdict::Deny => Verdict::Deny,
        };
        let key = key.as_ref().map(|key| format!(" with {key}")).unwrap_or_default();
        let user = user.as_ref().map(|user| format!(" as {user}")).unwrap_or_default();
        let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let connection = Connection {
            of: self.recorder.of(),
            number: self.numbers.number(),
            stage: ConnectionStage::Decided,
            way: "agent".to_owned(),
            target: host.clone().or_else(|| Some(self.path.clone())),
            address: None,
            program: None,
            rule: Some(self.rule.clone()).filter(|_| verdict == Verdict::Allow),
            verdict,
            reason: format!("{request}{user}{key}{why}"),
        };
        self.recorder.write(connection).map_err(|_| NotRecorded)
    }
}
