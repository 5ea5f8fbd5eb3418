//! Git over https with a token that stays outside: what is pushed where, and what git is told inside.

use std::ffi::OsString;

use anyhow::Context;
use egress::credential::Secret;
use egress::credential::Vault;
use egress::host::{HostPattern, Place, Target};
use egress::rules::{Effect, PushRule, PushRules, RequestRule, RequestRules};
use policy::layer::{GitHost, RequestAction, Requests, Sourced, TokenPlace};
use sandbox::Environment;

use super::secrets::Chance;
use super::sources::{Ways, is_reference};
use crate::setup::Setup;

/// The port of `https`.
const PORT: u16 = 443;
/// The user that hosts take a token from, where another is not named.
const USER: &str = "x-access-token";

/// What is known of git's hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// What may be pushed.
    pub(super) pushes: PushRules,
    /// The hosts.
    pub(super) places: Vec<Place>,
    /// Keys and values of git's configuration.
    config: Vec<(String, String)>,
}

impl Hosts {
    /// Gives the tokens of git's hosts to the vault. An error is why nothing runs.
    pub(super) fn prepare(
        (setup, ways): (&Setup, &mut Ways<'_>),
        vault: &mut Vault,
        told: &mut Vec<String>,
    ) -> anyhow::Result<Self> {
        let mut hosts = Self::default();
        for entry in &setup.policy.credentials().git {
            let GitHost { host, username, token, push } = &entry.value;
            let as_written = || format!("`host` of `sandbox.credentials.git` at {}", entry.origin.place());
            let target = Target::parse(host, Some(PORT)).with_context(as_written)?;
            let place = Place { pattern: HostPattern::exactly(&target.host), port: Some(target.port()) };
            // The highest word about a host counts.
            if hosts.places.contains(&place) {
                continue;
            }
            hosts.pushes.0.push(rule(host, push, entry)?);
            hosts.places.push(place.clone());
            let secret = match token {
                TokenPlace::Source(source) => ways.to(source, &entry.origin)?.map(Err),
                TokenPlace::Variable(name) => variable(setup, name).map(Ok),
            };
            let placeholder = secret.and_then(|secret| {
                let mut chance = Chance::default();
                let made = vault.add_for_git((format!("git at {host}"), vec![place]), secret, &mut || chance.next());
                made.map_err(|fault| fault.to_string()).and_then(|made| chance.checked(made))
            });
            match placeholder {
                Ok(placeholder) => {
                    let user = username.as_deref().unwrap_or(USER);
                    hosts.config.push(helper(&target, user, &placeholder));
                }
                Err(why) => told.push(format!("git goes to {host} without a token: {why}")),
            }
        }
        Ok(hosts)
    }

    /// Tells git inside who knows the user and the password of the hosts. Everything else of its configuration stays.
    pub(super) fn tell(&self, environment: &mut Environment) {
        if self.places.is_empty() {
            return;
        }
        // Nothing is the end of the list so far: whoever knows tokens outside is not asked inside.
        let first = [("credential.helper".to_owned(), String::new())];
        let config: Vec<_> = first.iter().chain(&self.config).collect();
        let mut set = |name: String, value: String| {
            environment.kept.retain(|(kept, _)| *kept != OsString::from(&name));
            environment.kept.push((name.into(), value.into()));
        };
        for (at, (key, value)) in config.iter().enumerate() {
            set(format!("GIT_CONFIG_KEY_{at}"), key.clone());
            set(format!("GIT_CONFIG_VALUE_{at}"), value.clone());
        }
        set("GIT_CONFIG_COUNT".to_owned(), config.len().to_string());
        // Nobody is there to type what no helper says.
        set("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned());
    }
}

/// Returns the rule about what is pushed to a host: without branches nothing is.
fn rule(host: &str, push: &[String], entry: &Sourced<GitHost>) -> anyhow::Result<PushRule> {
    let rule = if push.is_empty() {
        PushRule::none(host, entry.origin.clone())
    } else {
        PushRule::parse(&format!("{host} {}", push.join(" ")), entry.origin.clone())
    };
    rule.with_context(|| format!("`sandbox.credentials.git` at {}", entry.origin.place()))
}

fn variable(setup: &Setup, name: &str) -> Result<Secret, String> {
    let set = setup.environment.all().iter().find(|(own, _)| own == name);
    match set.map(|(_, value)| value.to_str().map(str::trim)) {
        None | Some(Some("")) => Err(format!("`{name}` is not set")),
        Some(None) => Err(format!("the value of `{name}` is not UTF-8")),
        Some(Some(value)) if is_reference(value) => {
            Err(format!("`{name}` says where a secret is; such a reference counts as `source` in your own settings"))
        }
        // A line more would be another word to git.
        Some(Some(value)) if value.contains(char::is_control) => Err(format!("`{name}` has more than a line")),
        Some(Some(value)) => Ok(Secret::new(value)),
    }
}

/// Returns the key and value by which git asks a line of shell for the user and the password of a host.
fn helper(target: &Target, user: &str, placeholder: &str) -> (String, String) {
    let host = if target.port() == PORT { target.host.to_string() } else { target.to_string() };
    let quoted = placeholder.replace('\'', r"'\''");
    let line = format!(r#"!f() {{ test "$1" != get || printf '%s\n' 'username={user}' 'password={quoted}'; }}; f"#);
    (format!("credential.https://{host}.helper"), line)
}

/// Returns the rules about what hosts are asked. An error is why nothing runs.
pub(super) fn requests(setup: &Setup) -> anyhow::Result<RequestRules> {
    let mut rules = Vec::new();
    for entry in &setup.policy.credentials().requests {
        let Requests { action, host, methods, paths } = &entry.value;
        let effect = match action {
            RequestAction::Allow => Effect::Allow,
            RequestAction::Deny => Effect::Deny,
        };
        let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
        let every = if paths.is_empty() { Some(None) } else { None };
        for path in paths.iter().map(|path| Some(path.as_str())).chain(every) {
            let rule = RequestRule::new(effect, (&methods, host, path), entry.origin.clone());
            let shown = || {
                let rule = [methods.join(","), host.clone(), path.unwrap_or_default().to_owned()].join(" ");
                format!("`{}` of `sandbox.network.requests` at {}", rule.trim(), entry.origin.place())
            };
            // Without one of them a request could be passed on that somebody relies on being refused.
            rules.push(rule.with_context(shown)?);
        }
    }
    Ok(RequestRules(rules))
}
