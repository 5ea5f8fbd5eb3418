//! What of secrets a command sees: nothing, or placeholders that the proxy exchanges; and by whom it believes servers.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use egress::credential::extract::{self, Holder, NoMatch};
use egress::credential::{Aws, AwsPair, Credentials, Unsignable, Vault, read_inject_host};
use egress::host::Place;
use egress::proxy::{Authority, Inspection, Roots, Terminate, java_store};
use policy::facts::Held;
use policy::layer::{self, AwsVariables, Mask, MaskedFile, SigningForm, Sourced, TlsKeys, Variable};
use policy::rule::HeldPath;
use policy::{AbsPath, Controls, Scope};
use rustix::fs::{Mode, OFlags};
use sandbox::{Environment, OWN_FILES, Shown};

use super::agent::{self, Files};
use super::git::{self, Hosts};
use super::outside::Writable;
use super::sources::{Ways, is_reference};
use super::trusted;
use crate::setup::{Setup, now_ms, of_a_person};

/// The same file's name inside, among our own.
const BUNDLE: &str = "ca-certificates.crt";
/// The same for programs of Java, and the variable by which they are told of it.
const JAVA_STORE: &str = "ca-certificates.jks";
const JAVA_VARIABLE: &str = "JAVA_TOOL_OPTIONS";
/// Variables by which programs are told of such a file.
const BUNDLE_VARIABLES: [&str; 10] = [
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "PIP_CERT",
    "AWS_CA_BUNDLE",
    "DENO_CERT",
    "NIX_SSL_CERT_FILE",
];
/// Variables that are one credential of AWS where nothing else is said.
const AWS_NAMES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/// Bytes of a file of certificates, of a key, or of a masked file.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// What a command sees of secrets, and what the proxy does for it.
#[derive(Debug)]
pub(super) struct Secrets {
    /// What the proxy does with requests that it sees.
    pub(super) inspection: Inspection,
    /// Files of our own that are seen inside.
    pub(super) shown: Vec<Shown>,
    /// Variables that say where they are.
    pub(super) shown_by: Vec<(String, String)>,
    /// What a person is told.
    pub(super) told: Vec<String>,
    /// What the agent's own directory gets.
    pub(super) agent_files: Files,
}

/// Prepares what a command sees, and takes secrets out of its environment. An error is why nothing runs.
pub(super) fn prepare(setup: &Setup, controls: &Controls, environment: &mut Environment) -> anyhow::Result<Secrets> {
    let settings = setup.policy.credentials();
    let mut told = Vec::new();
    let mut credentials = Credentials::default();
    let mut ways = Ways::new(setup, controls);
    variables((setup, &mut ways), environment, &mut credentials.vault, &mut told)?;
    credentials.vault.danger_plain = settings.plain.as_ref().is_some_and(|plain| plain.value);
    credentials.aws = aws(setup);
    let mut shown = Vec::new();
    for mask in &settings.files {
        let of = FileMask { setup, controls, mask };
        of.show(&mut credentials.vault, &mut shown, &mut told)?;
    }
    let of_profile = setup.agent.as_ref().map(|agent| agent.profile.file.as_str());
    let is_more = (settings.masked.iter().any(|one| Some(one.origin.file.as_str()) != of_profile)
        || !settings.files.is_empty())
        && !credentials.vault.is_empty()
        && !credentials.vault.danger_plain;
    let mut agent_files = Files::default();
    let mut seen_by = Vec::new();
    if let Some(agent) = &setup.agent {
        agent_files = agent::files((setup, agent, controls), &mut credentials.vault, &mut told)?;
        shown.append(&mut agent_files.shown);
        seen_by = agent::hosts(agent)?;
    }
    let hosts = Hosts::prepare((setup, &mut ways), &mut credentials.vault, &mut told)?;
    hosts.tell(environment);
    let rules = git::requests(setup)?;
    let seen_at = seen_at(!hosts.places.is_empty(), !seen_by.is_empty());
    seen_by.extend(hosts.places.iter().cloned());
    let own = if settings.tls.is_none() && seen_by.is_empty() { Vec::new() } else { trusted::files(setup)? };
    // Where secrets go, nobody is believed whom a command may have made up.
    let writable = Writable::of(controls);
    let own = if credentials.vault.is_empty() { own } else { trusted::apart(own, &writable, &mut told) };
    let terminate = match &settings.tls {
        Some(tls) => Some(terminate((setup, &own), Some(tls), &mut shown)?),
        // Who says that git or an agent goes to a host with a secret says that its requests are seen: there, and nowhere
        // else.
        None if !seen_by.is_empty() => {
            Some(Terminate { only: Some(seen_by), ..terminate((setup, &own), None, &mut shown)? })
        }
        None => None,
    };
    if settings.tls.is_none() && is_more {
        let but = seen_at.as_ref().map(|hosts| format!(" but at {hosts}")).unwrap_or_default();
        told.push(format!(
            "placeholders stay placeholders{but}: the proxy sees no requests without `sandbox.network.tlsTerminate`"
        ));
    }
    if settings.tls.is_none() && !rules.0.is_empty() {
        let but = seen_at.map(|hosts| format!(", but for {hosts},")).unwrap_or_default();
        told.push(format!(
            "hosts of `sandbox.network.requests`{but} are not reached by https without `sandbox.network.tlsTerminate`"
        ));
    }
    let bundle = format!("{OWN_FILES}/{BUNDLE}");
    let shown_by = BUNDLE_VARIABLES.iter().filter(|_| terminate.is_some());
    let mut shown_by: Vec<_> = shown_by.map(|name| ((*name).to_owned(), bundle.clone())).collect();
    if terminate.is_some() {
        let store = format!("-Djavax.net.ssl.trustStore={OWN_FILES}/{JAVA_STORE}");
        shown_by.push((JAVA_VARIABLE.to_owned(), store));
    }
    let inspection = Inspection { terminate, credentials, rules, pushes: hosts.pushes };
    Ok(Secrets { inspection, shown, shown_by, told, agent_files })
}

/// Returns the hosts at which TLS ends though no setting says so of all.
fn seen_at(by_git: bool, by_profile: bool) -> Option<String> {
    let git = by_git.then_some("the hosts of `sandbox.credentials.git`");
    let profile = by_profile.then_some("those that get secrets of the agent's profile");
    let both: Vec<&str> = git.into_iter().chain(profile).collect();
    (!both.is_empty()).then(|| both.join(" and "))
}

/// Takes secrets out of the environment, and puts placeholders in their place.
fn variables(
    (setup, ways): (&Setup, &mut Ways<'_>),
    environment: &mut Environment,
    vault: &mut Vault,
    told: &mut Vec<String>,
) -> anyhow::Result<()> {
    let settings = setup.policy.credentials();
    for name in &settings.denied {
        environment.kept.retain(|(kept, _)| kept != OsStr::new(&name.value));
    }
    for variable in &settings.masked {
        let name = variable.value.name.as_str();
        environment.kept.retain(|(kept, _)| kept != OsStr::new(name));
        if setup.environment.scrubs() && sandbox::environment::is_scrubbed(name) {
            told.push(format!("`{name}` is not seen inside: `{}` is set", settings::env::Variable::Scrub.name()));
            continue;
        }
        let seen = match variable.value.mask.as_ref().and_then(|mask| Some((mask, mask.source.as_deref()?))) {
            Some((mask, source)) => fetched(ways, (variable, mask, source), vault)?,
            None => masked(setup, variable, vault)?,
        };
        match seen {
            Seen::Value(value) => environment.kept.push((name.into(), value.into())),
            Seen::Nothing => {}
            Seen::Open(why) | Seen::Told(why) => told.push(format!("`{name}` is not seen inside: {why}")),
        }
    }
    Ok(())
}

/// What is seen of a variable.
pub(super) enum Seen {
    Value(String),
    /// No secret was found in it; the reason is for those who show nothing then.
    Open(String),
    /// It is not set.
    Nothing,
    /// Nothing, for this reason.
    Told(String),
}

fn masked(setup: &Setup, variable: &Sourced<Variable>, vault: &mut Vault) -> anyhow::Result<Seen> {
    let Variable { name, mask } = &variable.value;
    let Some(mask) = mask else { return Ok(Seen::Nothing) };
    let set = setup.environment.all().iter().find(|(own, _)| own == OsStr::new(name));
    let Some((_, value)) = set else { return Ok(Seen::Nothing) };
    let Some(value) = value.to_str() else { return Ok(Seen::Told("its value is not UTF-8".to_owned())) };
    // Whoever sets variables is not always the person: a reference can name a program to be run.
    if mask.extract.is_none() && is_reference(value) {
        let why = "its value says where a secret is; such a reference counts as `source` in your own settings";
        return Ok(Seen::Told(why.to_owned()));
    }
    seen(mask, Holder::Variable, (name, value), vault).with_context(|| format!("as {} wants", variable.origin.place()))
}

/// Returns what is seen of a secret that is fetched when a request needs it.
fn fetched(
    ways: &mut Ways<'_>,
    (variable, mask, source): (&Sourced<Variable>, &Mask, &str),
    vault: &mut Vault,
) -> anyhow::Result<Seen> {
    let places = match mask.hosts.as_ref().map(|hosts| places(hosts)) {
        Some(Ok(places)) if !places.is_empty() => places,
        Some(Ok(_)) | None => return Ok(Seen::Told("`injectHosts` names no host".to_owned())),
        Some(Err(why)) => return Ok(Seen::Told(why)),
    };
    let fetch = match ways.to(source, &variable.origin)? {
        Ok(fetch) => fetch,
        Err(why) => return Ok(Seen::Told(why)),
    };
    let mut chance = Chance::default();
    let added = vault.add_fetched((variable.value.name.clone(), places), fetch, &mut || chance.next());
    match added.map(str::to_owned).map_err(|fault| fault.to_string()).and_then(|made| chance.checked(made)) {
        Ok(placeholder) => Ok(Seen::Value(placeholder)),
        Err(why) => Ok(Seen::Told(why)),
    }
}

/// Returns what is seen of a text with secrets.
pub(super) fn seen(
    mask: &Mask,
    holder: Holder,
    (name, value): (&str, &str),
    vault: &mut Vault,
) -> anyhow::Result<Seen> {
    let Mask { extract, no_match, is_token, claims, masks_duplicates, hosts, source: _ } = mask;
    let entry = extract::Entry {
        extract: extract.clone(),
        no_match: match no_match {
            layer::NoMatch::Warn => NoMatch::Warn,
            layer::NoMatch::Deny => NoMatch::Deny,
            layer::NoMatch::Error => NoMatch::Error,
        },
        is_token: *is_token,
        claims: claims.clone(),
        masks_duplicates: *masks_duplicates,
    };
    let places = match hosts.as_ref().map(|hosts| places(hosts)) {
        // Nothing that can be read is nowhere, and not everywhere.
        Some(Ok(places)) if places.is_empty() => return Ok(Seen::Told("`injectHosts` names no host".to_owned())),
        Some(Ok(places)) => places,
        Some(Err(why)) => return Ok(Seen::Told(why)),
        None => Vec::new(),
    };
    let mask = match extract::Mask::new(entry, holder) {
        Ok(mask) => mask,
        Err(fault) => return Ok(Seen::Told(fault.to_string())),
    };
    let mut chance = Chance::default();
    let seen = mask.apply(value, (name, &places), (vault, &mut || chance.next()));
    ensure!(!chance.is_broken, "there is no randomness for placeholders");
    match seen {
        extract::Shown::Masked(value) => Ok(Seen::Value(value)),
        extract::Shown::Open(why) => Ok(Seen::Open(why)),
        extract::Shown::Denied(why) => Ok(Seen::Told(why)),
        extract::Shown::Error(why) => bail!("`{name}` cannot be masked: {why}"),
    }
}

/// An entry of `files` with `mask`.
struct FileMask<'a> {
    setup: &'a Setup,
    controls: &'a Controls,
    mask: &'a Sourced<MaskedFile>,
}

impl FileMask<'_> {
    /// Shows masked copies of the files that the entry names. A file that something else denies stays hidden, and so does
    /// one that cannot be masked.
    fn show(&self, vault: &mut Vault, shown: &mut Vec<Shown>, told: &mut Vec<String>) -> anyhow::Result<()> {
        let Self { setup, controls, mask } = self;
        let denies = &setup.policy.sandbox().deny_read;
        let covers = |held: &HeldPath, path: &AbsPath| held.pattern.covers(path, &controls.project, &controls.cwd);
        let masks = &setup.policy.credentials().files;
        // Of two entries that are alike but for the mode, the one that denies counts.
        let is_masked = |held: &HeldPath| {
            let alike = denies.iter().filter(|other| other.origin == held.origin && other.why == held.why).count();
            alike <= masks.iter().filter(|mask| held.is_of(mask)).count()
        };
        let own: Vec<&HeldPath> = denies.iter().filter(|held| held.is_of(mask)).collect();
        let mut files: Vec<AbsPath> = controls.unreadable.iter().map(|held| held.path.clone()).collect();
        for (root, _) in own.iter().flat_map(|held| held.pattern.roots(&controls.project, &controls.cwd)) {
            let around = |held: &&Held| root.is_within(&held.path) && root != held.path;
            let Some(around) = controls.unreadable.iter().find(around) else { continue };
            // Whoever names a file in a store of secrets means a copy of it to be seen; what a rule hides stays hidden.
            let is_file =
                guard::canonical(&root).is_ok_and(|real| real == root) && own.iter().any(|held| covers(held, &root));
            if is_file && around.origin.scope == Scope::Builtin {
                // It can be listed besides the store that holds it.
                if !files.contains(&root) {
                    files.push(root);
                }
            } else {
                told.push(format!("{root} is not seen inside: {} is hidden as a whole", around.path));
            }
        }
        for path in files.iter().filter(|path| own.iter().any(|held| covers(held, path))) {
            let denied = denies.iter().find(|held| !is_masked(held) && covers(held, path));
            let seen = match (denied, read(path).map(String::from_utf8)) {
                (Some(denied), _) => Seen::Told(format!("`{}` denies it", denied.why)),
                (None, Ok(Ok(text))) => seen(&mask.value.mask, Holder::File, (path.as_str(), &text), vault)
                    .with_context(|| format!("as {} wants", mask.origin.place()))?,
                (None, Ok(Err(_))) => Seen::Told("it is not UTF-8".to_owned()),
                (None, Err(error)) => Seen::Told(error.to_string()),
            };
            match seen {
                Seen::Value(text) => {
                    let why = format!("masked ({})", mask.origin.place());
                    shown.push(Shown { path: path.clone(), content: text.into_bytes(), why });
                }
                Seen::Nothing => {}
                Seen::Open(why) | Seen::Told(why) => told.push(format!("{path} is not seen inside: {why}")),
            }
        }
        Ok(())
    }
}

/// Reads `injectHosts`. An error is what cannot be read.
fn places(hosts: &[String]) -> Result<Vec<Place>, String> {
    let read = |text: &String| read_inject_host(text).map_err(|fault| format!("`{text}` of `injectHosts` {fault}"));
    hosts.iter().map(read).collect()
}

/// Returns the variables that are one credential of AWS, the conventional ones where nothing else is said.
fn aws(setup: &Setup) -> Aws {
    let settings = setup.policy.credentials();
    let mut pairs: Vec<AwsPair> = settings.aws.iter().map(|pair| pair_of(&pair.value)).collect();
    let is_named = |name: &str| {
        let names =
            |pair: &AwsPair| pair.key_id == name || pair.secret == name || pair.session.as_deref() == Some(name);
        pairs.iter().any(names)
    };
    let is_whole = |mask: &Mask| mask.extract.is_none() && !mask.is_token;
    let is_masked = |name: &str| {
        settings.masked.iter().any(|one| one.value.name == name && one.value.mask.as_ref().is_some_and(is_whole))
    };
    // Naming any of the usual ones in a pair replaces theirs.
    if !AWS_NAMES.into_iter().any(is_named) {
        pairs.extend(AwsPair::usual(is_masked));
    }
    let said = |form| settings.signing.iter().find(|said| said.value.0 == form);
    let passes = |form| said(form).is_some_and(|said| said.value.1);
    let unsignable = |form| if passes(form) { Unsignable::Pass } else { Unsignable::Deny };
    Aws {
        pairs,
        streaming: unsignable(SigningForm::Streaming),
        presigned: unsignable(SigningForm::Presigned),
        sigv4a: unsignable(SigningForm::Sigv4a),
    }
}

fn pair_of(variables: &AwsVariables) -> AwsPair {
    let AwsVariables { key_id, secret, session } = variables.clone();
    AwsPair { key_id, secret, session }
}

/// Returns how TLS ends at the proxy, and shows inside whom to believe.
fn terminate(
    (setup, own): (&Setup, &[trusted::File]),
    tls: Option<&Sourced<TlsKeys>>,
    shown: &mut Vec<Shown>,
) -> anyhow::Result<Terminate> {
    let now_s = u64::try_from(now_ms() / 1000).unwrap_or_default();
    let authority = match tls.map(|tls| &tls.value) {
        Some(TlsKeys { certificate: Some(certificate), key: Some(key) }) => {
            let read_one = |text: &String| {
                read(&of_a_person(&setup.places, text)).with_context(|| format!("{text} cannot be read"))
            };
            Authority::given(&read_one(certificate)?, &read_one(key)?, now_s)
        }
        Some(TlsKeys { .. }) | None => Authority::of_the_run(now_s),
    };
    let wanted = || tls.map_or_else(|| "`sandbox.credentials.git`".to_owned(), |tls| tls.origin.place());
    let authority = authority.with_context(|| format!("TLS cannot end at the proxy, as {} wants", wanted()))?;
    let (mut roots, _) = Roots::of_the_machine();
    let mut bundle = Vec::new();
    let system = Roots::FILES.iter().filter_map(|path| AbsPath::parse(path)).find_map(|path| read(&path).ok());
    bundle.extend(system.unwrap_or_default());
    for file in own {
        roots.add(&file.text);
        bundle.push(b'\n');
        bundle.extend(&file.text);
    }
    bundle.push(b'\n');
    bundle.extend(authority.certificate().into_bytes());
    let why = "the authority of the proxy, which ends TLS";
    let own = format!("{OWN_FILES}/{BUNDLE}");
    if let Some(path) = AbsPath::parse(&format!("{OWN_FILES}/{JAVA_STORE}")) {
        shown.push(Shown { path, content: java_store(&bundle), why: why.to_owned() });
    }
    for path in Roots::FILES.into_iter().chain([own.as_str()]).filter_map(AbsPath::parse) {
        shown.push(Shown { path, content: bundle.clone(), why: why.to_owned() });
    }
    Ok(Terminate { authority: Arc::new(authority), roots, only: None })
}

pub(super) fn read(path: &AbsPath) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = std::fs::File::from(rustix::fs::open(path.as_str(), flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// The kernel's randomness.
#[derive(Debug, Default)]
pub(super) struct Chance {
    is_broken: bool,
}

impl Chance {
    /// Returns what was made of it, unless there was none.
    pub(super) fn checked(&self, made: String) -> Result<String, String> {
        if self.is_broken { Err("there is no randomness for placeholders".to_owned()) } else { Ok(made) }
    }

    pub(super) fn next(&mut self) -> u64 {
        let mut bytes = [0; 8];
        let filled = rustix::io::retry_on_intr(|| {
            rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())
        });
        self.is_broken |= filled != Ok(bytes.len());
        u64::from_ne_bytes(bytes)
    }
}
