//! The files of an agent's own directory: the host's, with placeholders for secrets.

mod directory;

use anyhow::{Context, ensure};
use egress::credential::Vault;
use egress::credential::extract::Holder;
use egress::host::Place;
use policy::layer::{Mask, NoMatch, Origin};
use policy::{AbsPath, Controls, Scope};
use sandbox::Shown;
use settings::profile::{Holder as Held, Secret};

use super::secrets::{self, Seen};
use crate::agent::{self, Agent, Home};
use crate::setup::Setup;
use directory::Leaves;

/// What an agent's directory has besides directories of the host.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Files that cannot be written.
    pub(super) shown: Vec<Shown>,
    /// Files that are made anew: name and content.
    copied: Vec<(String, Vec<u8>)>,
    /// Every name that the profile says something of: what an earlier command left there is believed by nobody.
    names: Vec<String>,
}

/// Reads the files of the agent's directory, and gives their secrets to the vault. An error is why nothing runs.
pub(super) fn files(
    (setup, agent, controls): (&Setup, &Agent, &Controls),
    vault: &mut Vault,
    told: &mut Vec<String>,
) -> anyhow::Result<Files> {
    let (Some(own), Some(home)) = (&agent.profile.home, &agent.home) else { return Ok(Files::default()) };
    let of = Of { setup, agent, controls };
    let mut files = Files::default();
    let is_file = |name: &str| !name.ends_with('/');
    let seen: Vec<&str> = own.seen.iter().map(|grant| grant.what.as_str()).filter(|name| is_file(name)).collect();
    let copies: Vec<(&str, AbsPath)> =
        own.copied.iter().map(|grant| (grant.copy_name(), agent::in_home(&setup.place.home, &grant.what))).collect();
    let secret = agent.profile.secrets.iter().filter_map(|secret| match &secret.holder {
        Held::File(name) => Some(name.as_str()),
        Held::Variable(_) => None,
    });
    let of_profile = own.seen.iter().chain(&own.held).map(|grant| grant.what.as_str());
    let of_profile = of_profile.chain(secret.clone()).chain(copies.iter().map(|(name, _)| *name));
    files.names = of_profile.map(str::to_owned).collect();
    let mut names: Vec<&str> = Vec::new();
    for name in seen.iter().copied().chain(secret).filter(|name| !copies.iter().any(|(copied, _)| copied == name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        // What holds nothing but secrets is not seen where none is found in it.
        let is_plain = seen.contains(&name);
        if let Some(content) = of.content((name, is_plain), &home.from.join(name), vault, told)? {
            let why = format!("the agent's own file ({})", agent.profile.file);
            files.shown.push(Shown { path: home.at.join(name), content, why });
        }
    }
    for (name, from) in copies {
        // Where the agent is told of another directory, it keeps all there.
        let beside = home.from.join(name);
        let from = if guard::canonical(&beside).is_ok() { beside } else { from };
        if let Some(content) = of.content((name, true), &from, vault, told)? {
            files.copied.push((name.to_owned(), content));
        }
    }
    Ok(files)
}

struct Of<'a> {
    setup: &'a Setup,
    agent: &'a Agent,
    controls: &'a Controls,
}

impl Of<'_> {
    /// Returns what the agent sees of a file; nothing where there is none, or where it must not see it.
    fn content(
        &self,
        (name, is_plain): (&str, bool),
        from: &AbsPath,
        vault: &mut Vault,
        told: &mut Vec<String>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        let Ok(real) = guard::canonical(from) else { return Ok(None) };
        let masks: Vec<&Secret> =
            self.agent.profile.secrets.iter().filter(|one| one.holder == Held::File(name.to_owned())).collect();
        let mut hidden = |why: &str| {
            told.push(format!("{from} is not seen inside: {why}"));
            Ok(None)
        };
        if let Some(rule) = self.hidden_by([&real, from], !masks.is_empty()) {
            return hidden(&format!("`{rule}` hides it"));
        }
        let bytes = match secrets::read(&real) {
            Ok(bytes) => bytes,
            Err(error) => return hidden(&error.to_string()),
        };
        if masks.is_empty() {
            return Ok(Some(bytes));
        }
        let Ok(mut text) = String::from_utf8(bytes) else { return hidden("it is not UTF-8") };
        let mut is_masked = false;
        for (number, secret) in (1..).zip(masks) {
            let mask = Mask {
                extract: secret.extract.clone(),
                is_token: !secret.claims.is_empty(),
                claims: secret.claims.clone(),
                no_match: NoMatch::Warn,
                masks_duplicates: true,
                hosts: Some(secret.places()),
                ..Mask::default()
            };
            let credential = format!("{from}, {number} ({}:{})", self.agent.profile.file, secret.line);
            match secrets::seen(&mask, Holder::File, (&credential, &text), vault)? {
                Seen::Value(masked) => (text, is_masked) = (masked, true),
                Seen::Open(_) => {}
                Seen::Nothing => return Ok(None),
                Seen::Told(why) => return hidden(&why),
            }
        }
        let is_store = self.controls.unreadable.iter().any(|held| {
            held.origin.scope == Scope::Builtin && (real.is_within(&held.path) || from.is_within(&held.path))
        });
        if !is_masked && (!is_plain || is_store) {
            return hidden("none of its secrets is found in it, and it may have others");
        }
        Ok(Some(text.into_bytes()))
    }

    /// Returns the rule that hides a file. A store of secrets is known to the profile, which masks it; what anybody else hides
    /// stays hidden, whoever hides it besides.
    fn hidden_by(&self, paths: [&AbsPath; 2], is_masked: bool) -> Option<String> {
        let Self { setup, agent, controls } = self;
        let is_own = |origin: &Origin| origin.scope == Scope::Builtin && is_masked || origin.file == agent.profile.file;
        // Something in what is hidden can be seen again.
        let is_reopened = |hidden: &AbsPath| {
            let narrower = |open: &&AbsPath| *open != hidden && open.is_within(hidden);
            controls.reopened.iter().filter(narrower).any(|open| paths.iter().all(|path| path.is_within(open)))
        };
        let is_below = |directory: &AbsPath| paths.iter().any(|path| path.is_within(directory));
        let held = controls.unreadable.iter().filter(|held| !is_own(&held.origin) && is_below(&held.path));
        if let Some(held) = held.into_iter().find(|held| !is_reopened(&held.path)) {
            return Some(held.why.clone());
        }
        let (project, cwd) = (&controls.project, &controls.cwd);
        let above = || {
            let each = paths.iter().map(|path| (*path).clone());
            each.flat_map(|path| std::iter::successors(Some(path), AbsPath::parent))
        };
        let denies = setup.policy.sandbox().deny_read.iter().filter(|held| !is_own(&held.origin));
        let mut denies = denies.filter(|held| above().any(|path| held.pattern.covers(&path, project, cwd)));
        let yields = |roots: Vec<(AbsPath, bool)>| roots.iter().all(|(root, whole)| *whole && is_reopened(root));
        denies.find(|held| !(held.yields && yields(held.pattern.roots(project, cwd)))).map(|held| held.why.clone())
    }
}

/// Returns the hosts that get secrets of the profile: TLS ends at the proxy for these.
pub(super) fn hosts(agent: &Agent) -> anyhow::Result<Vec<Place>> {
    let mut places = Vec::new();
    for host in agent.profile.secrets.iter().flat_map(|secret| &secret.hosts) {
        let place = egress::credential::read_inject_host(host)
            .with_context(|| format!("`{host}` of {}", agent.profile.file))?;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

impl Files {
    /// Makes the agent's directory, and in it new copies. No link that an earlier command laid is followed, and nothing is left
    /// at a name that this run is to fill.
    pub(super) fn make(&self, home: &Home) -> anyhow::Result<()> {
        let caches = directory::make(None, home.caches.as_str()).with_context(|| home.caches.to_string())?;
        let stat = rustix::fs::fstat(&caches)?;
        let is_own = stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_mode & 0o077 == 0;
        ensure!(is_own, "{} must be yours and nobody else's to open: `chmod 700` it", home.caches);
        let below = home.at.below(&home.caches).unwrap_or_default();
        let own = directory::make(Some(&caches), below).with_context(|| format!("{} cannot be made", home.at))?;
        for name in &self.names {
            let is_shown = self.shown.iter().any(|shown| shown.path == home.at.join(name));
            let leaves = match name.strip_suffix('/') {
                Some(_) => Leaves::Directory,
                None if is_shown => Leaves::Link,
                None => Leaves::Nothing,
            };
            let wrong = || format!("what stands at {}/{name} cannot be removed: remove it", home.at);
            directory::clear(&own, name, leaves).with_context(wrong)?;
        }
        for (name, content) in &self.copied {
            directory::put(&own, name, content).with_context(|| format!("{}/{name} cannot be written", home.at))?;
        }
        Ok(())
    }
}
