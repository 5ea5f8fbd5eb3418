//! Where secrets come from: who is asked for them and how, and the way to one that the proxy goes when a request needs it.

use std::str::FromStr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use egress::credential::{Fetch, Secret, Unfetched};
use egress::proxy::Roots;
use policy::layer::{Origin, SourceKeys, Sourced};
use policy::{AbsPath, Controls};
use vault::sources::{
    Aws, Doppler, Endpoint, HashiCorp, HashiCorpLogin, Infisical, InfisicalLogin, InfisicalVersion, Keychain,
    OnePassword, Token,
};
use vault::{Bounds, Reference, ReferenceFault, Resolver, Source, Sources};

use super::outside::{Outside, Writable};
use super::trusted;
use crate::setup::Setup;

/// How long a secret is kept, and how long whoever has it may take: a person may have to touch something.
const BOUNDS: Bounds = Bounds {
    keep: Duration::from_secs(300),
    entries_max: 256,
    fetches_max: 16,
    timeout: Duration::from_secs(30),
    wait: Duration::from_secs(60),
};
/// Why a file is not read.
const OF_COMMANDS: &str = "lies where commands write: they could put another in its place";
/// The servers of those that have one for everybody.
const DOPPLER: &str = "https://api.doppler.com";
const INFISICAL: &str = "https://app.infisical.com";

/// A resolver that is made when the first secret is fetched: to read whom servers are believed by takes a while.
type Lazy = LazyLock<Resolver, Box<dyn FnOnce() -> Resolver + Send>>;

/// The one who fetches secrets for a command. It is made with the first reference.
pub(super) struct Ways<'a> {
    setup: &'a Setup,
    writable: Writable,
    resolver: Option<Arc<Lazy>>,
    /// A variable for which no program is asked.
    foreign: Option<&'static str>,
}

impl<'a> Ways<'a> {
    pub(super) fn new(setup: &'a Setup, controls: &'a Controls) -> Self {
        Self { setup, writable: Writable::of(controls), resolver: None, foreign: None }
    }

    /// Returns the way to a secret; the inner error is for a person, and the secret is not had.
    pub(super) fn to(&mut self, text: &str, origin: &Origin) -> anyhow::Result<Result<Fetch, String>> {
        let reference = match Reference::from_str(text) {
            Ok(reference) => reference,
            // The text may be a secret that was put in the wrong place.
            Err(fault) => return Ok(Err(format!("`source` at {}: {fault}; {}", origin.place(), fault.hint()))),
        };
        let place = origin.place();
        if is_of_commands(&self.writable, &reference) {
            return Ok(Err(format!("the file of `source` at {place} {OF_COMMANDS}")));
        }
        let resolver = self.resolver()?;
        if let Some(name) = self.foreign.filter(|_| reference.source() == Source::Command) {
            let why = "is nothing that the program of `source` may be told: commands can write where it leads";
            return Ok(Err(format!("`{name}` {why}, as {place} says")));
        }
        Ok(Ok(Fetch::new(move || match resolver.resolve(&reference) {
            Ok(secret) => Ok(Secret::new(secret.expose())),
            Err(error) => {
                let (source, fault) = (reference.source().to_string(), error.fault.to_string());
                // Some faults begin with who it is.
                let fault = fault.strip_prefix(&source).map_or(fault.as_str(), str::trim_start);
                Err(Unfetched(format!("{source}, as {place} says: {fault}; {}", error.hint())))
            }
        })))
    }

    fn resolver(&mut self) -> anyhow::Result<Arc<Lazy>> {
        if let Some(resolver) = &self.resolver {
            return Ok(resolver.clone());
        }
        let world = Outside::new(self.setup.environment.all().to_vec(), self.writable.clone());
        self.foreign = world.variables().err();
        let sources = sources(self.setup, &self.writable)?;
        // Whoever ends TLS tells of those that are left out.
        let own = trusted::apart(trusted::files(self.setup)?, &self.writable, &mut Vec::new());
        let made: Box<dyn FnOnce() -> Resolver + Send> = Box::new(move || {
            let roots = Roots::certificates(own.iter().map(|file| file.text.as_slice()));
            Resolver::new(Box::new(world), Sources { roots, ..sources }, BOUNDS)
        });
        let resolver: Arc<Lazy> = Arc::new(LazyLock::new(made));
        self.resolver = Some(resolver.clone());
        Ok(resolver)
    }
}

/// Returns true for a secret in a file that a command could replace by a link to another.
fn is_of_commands(writable: &Writable, reference: &Reference) -> bool {
    reference.path().and_then(AbsPath::parse).is_some_and(|path| writable.holds(&path))
}

/// Returns true for a text that says where a secret is, or seems to.
pub(super) fn is_reference(text: &str) -> bool {
    match Reference::from_str(text) {
        Ok(_) => true,
        Err(fault) => fault != ReferenceFault::Scheme,
    }
}

/// The settings of one source, and the environment.
struct Told<'a> {
    setup: &'a Setup,
    writable: &'a Writable,
    keys: Option<&'a Sourced<SourceKeys>>,
}

impl Told<'_> {
    fn of<'a>((setup, writable): (&'a Setup, &'a Writable), name: &str) -> Told<'a> {
        let keys = setup.policy.credentials().sources.iter().find(|one| one.value.name == name);
        Told { setup, writable, keys }
    }

    fn text(&self, key: &str) -> Option<&str> {
        let keys = self.keys?.value.keys.iter();
        keys.into_iter().find(|(own, _)| own == key).map(|(_, text)| text.as_str())
    }

    fn is_set(&self, variable: &str) -> bool {
        self.setup.environment.all().iter().any(|(name, value)| name == variable && !value.is_empty())
    }

    /// Returns the token that a key names, or the one in the usual variable where it is set.
    fn token(&self, key: &str, variable: &str) -> anyhow::Result<Option<Token>> {
        let usual = format!("env://{variable}");
        let text = match self.text(key) {
            Some(text) => text,
            None if self.is_set(variable) => &usual,
            None => return Ok(None),
        };
        let reference = Reference::from_str(text);
        let reference = reference.with_context(|| format!("`{key}` of {} is no reference", self.place()))?;
        ensure!(!is_of_commands(self.writable, &reference), "the file of `{key}` of {} {OF_COMMANDS}", self.place());
        Ok(Some(Token::try_from(reference).with_context(|| format!("`{key}` of {}", self.place()))?))
    }

    fn server(&self, usual: Option<&str>) -> anyhow::Result<Option<Endpoint>> {
        let Some(text) = self.text("address").or(usual) else { return Ok(None) };
        Ok(Some(Endpoint::from_str(text).with_context(|| format!("`address` of {}", self.place()))?))
    }

    fn place(&self) -> String {
        self.keys.map_or_else(
            || "a source of secrets".to_owned(),
            |keys| format!("`sandbox.credentials.sources.{}` at {}", keys.value.name, keys.origin.place()),
        )
    }
}

/// Returns who is asked for secrets, and how. A server that is nobody's for everybody is named in settings alone: it gets
/// a token, and variables can be a project's.
fn sources(setup: &Setup, writable: &Writable) -> anyhow::Result<Sources> {
    let told = |name| Told::of((setup, writable), name);
    Ok(Sources {
        one_password: Some(one_password(&told("op"))?),
        hashicorp: hashicorp(&told("vault"))?,
        aws: aws(&told("aws"))?,
        doppler: doppler(&told("doppler"))?,
        infisical: infisical(&told("infisical"))?,
        keychain: keychain(setup, writable),
        roots: Vec::new(),
    })
}

fn one_password(told: &Told<'_>) -> anyhow::Result<OnePassword> {
    match told.server(None)? {
        Some(server) => {
            let token = told.token("token", "OP_CONNECT_TOKEN")?;
            let token = token.with_context(|| format!("{} has a server and no token", told.place()))?;
            Ok(OnePassword::Connect { server, token })
        }
        None => {
            let token = told.token("token", "OP_SERVICE_ACCOUNT_TOKEN")?;
            Ok(OnePassword::Program { account: told.text("account").map(str::to_owned), token })
        }
    }
}

fn hashicorp(told: &Told<'_>) -> anyhow::Result<Option<HashiCorp>> {
    let Some(server) = told.server(None)? else { return Ok(None) };
    let login = match told.text("role") {
        Some(role) => {
            let secret = told.token("secret", "VAULT_SECRET_ID")?;
            let secret = secret.with_context(|| format!("{} has a role and no secret", told.place()))?;
            let mount = told.text("mount").unwrap_or("approle").to_owned();
            HashiCorpLogin::AppRole { mount, role: role.to_owned(), secret }
        }
        None => {
            let token = told.token("token", "VAULT_TOKEN")?;
            HashiCorpLogin::Token(token.with_context(|| format!("{} has neither token nor role", told.place()))?)
        }
    };
    let namespace = told.text("namespace").map(str::to_owned);
    Ok(Some(HashiCorp { server, login, namespace, versions: Default::default() }))
}

fn aws(told: &Told<'_>) -> anyhow::Result<Option<Aws>> {
    let key = told.token("accessKeyId", "AWS_ACCESS_KEY_ID")?;
    let secret = told.token("secretAccessKey", "AWS_SECRET_ACCESS_KEY")?;
    let (Some(key), Some(secret)) = (key, secret) else { return Ok(None) };
    let session = told.token("sessionToken", "AWS_SESSION_TOKEN")?;
    Ok(Some(Aws { key, secret, session, server: told.server(None)? }))
}

fn doppler(told: &Told<'_>) -> anyhow::Result<Option<Doppler>> {
    let (server, token) = (told.server(Some(DOPPLER))?, told.token("token", "DOPPLER_TOKEN")?);
    Ok(server.zip(token).map(|(server, token)| Doppler { server, token }))
}

fn infisical(told: &Told<'_>) -> anyhow::Result<Option<Infisical>> {
    let Some(server) = told.server(Some(INFISICAL))? else { return Ok(None) };
    let version = match told.text("version") {
        None | Some("4") => InfisicalVersion::Four,
        Some("3") => InfisicalVersion::Three,
        Some(_) => bail!("`version` of {} is neither 3 nor 4", told.place()),
    };
    let login = match told.text("client") {
        Some(client) => {
            let secret = told.token("secret", "INFISICAL_CLIENT_SECRET")?;
            let secret = secret.with_context(|| format!("{} has a client and no secret", told.place()))?;
            Some(InfisicalLogin::Universal { client: client.to_owned(), secret })
        }
        None => told.token("token", "INFISICAL_TOKEN")?.map(InfisicalLogin::Token),
    };
    Ok(login.map(|login| Infisical { server, version, login }))
}

fn keychain(setup: &Setup, writable: &Writable) -> Option<Keychain> {
    if cfg!(target_os = "macos") {
        return Some(Keychain::Security);
    }
    let bus = setup.environment.all().iter().find(|(name, _)| name == "DBUS_SESSION_BUS_ADDRESS");
    let bus = bus.and_then(|(_, bus)| bus.to_str()).filter(|bus| writable.is_apart_from_bus(bus));
    bus.map(|bus| Keychain::SecretService { bus: bus.to_owned() })
}
