//! The files of an agent's own directory: the host's, with placeholders for secrets.

use std::io::Write;
use std::os::fd::OwnedFd;

use anyhow::{Context, ensure};
use egress::credential::Vault;
use egress::credential::extract::Holder;
use egress::host::Place;
use policy::layer::{Mask, NoMatch};
use policy::{AbsPath, Controls, Scope};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use sandbox::Shown;
use settings::profile::{Holder as Held, Secret};

use super::secrets::{self, Seen};
use crate::agent::{self, Agent, Home};
use crate::setup::Setup;

/// A host that nobody is: what is for it alone goes nowhere.
const NOWHERE: &str = "withheld.invalid";

/// What an agent's directory has besides directories of the host.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Files that cannot be written.
    pub(super) shown: Vec<Shown>,
    /// Files that are made anew: name and content.
    copied: Vec<(String, Vec<u8>)>,
}

/// Reads the files of the agent's directory, and gives their secrets to the vault. An error is why nothing runs.
pub(super) fn files(
    (setup, agent, controls): (&Setup, &Agent, &Controls),
    vault: &mut Vault,
    told: &mut Vec<String>,
) -> anyhow::Result<Files> {
    let (Some(own), Some(home)) = (&agent.profile.home, &agent.home) else { return Ok(Files::default()) };
    let of = Of { agent, controls };
    let mut files = Files::default();
    let is_file = |name: &str| !name.ends_with('/');
    let seen = own.seen.iter().map(|grant| grant.what.as_str()).filter(|name| is_file(name));
    let copies: Vec<(&str, AbsPath)> =
        own.copied.iter().map(|grant| (grant.copy_name(), agent::in_home(&setup.place.home, &grant.what))).collect();
    let secret = agent.profile.secrets.iter().filter_map(|secret| match &secret.holder {
        Held::File(name) => Some(name.as_str()),
        Held::Variable(_) => None,
    });
    let mut names: Vec<&str> = Vec::new();
    for name in seen.chain(secret).filter(|name| !copies.iter().any(|(copied, _)| copied == name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        if let Some(content) = of.content(name, &home.from.join(name), vault, told)? {
            let why = format!("the agent's own file ({})", agent.profile.file);
            files.shown.push(Shown { path: home.at.join(name), content, why });
        }
    }
    for (name, from) in copies {
        // Where the agent is told of another directory, it keeps all there.
        let beside = home.from.join(name);
        let from = if guard::canonical(&beside).is_ok() { beside } else { from };
        if let Some(content) = of.content(name, &from, vault, told)? {
            files.copied.push((name.to_owned(), content));
        }
    }
    Ok(files)
}

struct Of<'a> {
    agent: &'a Agent,
    controls: &'a Controls,
}

impl Of<'_> {
    /// Returns what the agent sees of a file; nothing where there is none, or where it must not see it.
    fn content(
        &self,
        name: &str,
        from: &AbsPath,
        vault: &mut Vault,
        told: &mut Vec<String>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        let Ok(real) = guard::canonical(from) else { return Ok(None) };
        // A store of secrets is known to the profile; what a person's rule hides stays hidden.
        let is_own = |scope: Scope, file: &str| scope == Scope::Builtin || file == self.agent.profile.file;
        let hides = self.controls.unreadable.iter().find(|held| {
            (real.is_within(&held.path) || from.is_within(&held.path)) && !is_own(held.origin.scope, &held.origin.file)
        });
        if let Some(held) = hides {
            told.push(format!("{from} is not seen inside: `{}` hides it", held.why));
            return Ok(None);
        }
        let bytes = match secrets::read(&real) {
            Ok(bytes) => bytes,
            Err(error) => {
                told.push(format!("{from} is not seen inside: {error}"));
                return Ok(None);
            }
        };
        let masks: Vec<&Secret> =
            self.agent.profile.secrets.iter().filter(|one| one.holder == Held::File(name.to_owned())).collect();
        if masks.is_empty() {
            return Ok(Some(bytes));
        }
        let Ok(mut text) = String::from_utf8(bytes) else {
            told.push(format!("{from} is not seen inside: it is not UTF-8"));
            return Ok(None);
        };
        for (number, secret) in (1..).zip(masks) {
            let hosts = if secret.hosts.is_empty() { vec![NOWHERE.to_owned()] } else { secret.hosts.clone() };
            let mask = Mask {
                extract: secret.extract.clone(),
                is_token: !secret.claims.is_empty(),
                claims: secret.claims.clone(),
                no_match: NoMatch::Warn,
                masks_duplicates: true,
                hosts: Some(hosts),
                ..Mask::default()
            };
            let credential = format!("{from}, {number} ({}:{})", self.agent.profile.file, secret.line);
            match secrets::seen(&mask, Holder::File, (&credential, &text), vault)? {
                Seen::Value(masked) => text = masked,
                Seen::Open(_) => {}
                Seen::Nothing => return Ok(None),
                Seen::Told(why) => {
                    told.push(format!("{from} is not seen inside: {why}"));
                    return Ok(None);
                }
            }
        }
        Ok(Some(text.into_bytes()))
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
    /// Makes the agent's directory, and in it new copies. No link that an earlier command laid is followed.
    pub(super) fn make(&self, home: &Home) -> anyhow::Result<()> {
        let caches = directory((None, home.caches.as_str())).with_context(|| home.caches.to_string())?;
        let stat = rustix::fs::fstat(&caches)?;
        let is_own = stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_mode & 0o077 == 0;
        ensure!(is_own, "{} must be yours and nobody else's to open: `chmod 700` it", home.caches);
        let below = home.at.below(&home.caches).unwrap_or_default();
        let own = directory((Some(&caches), below)).with_context(|| format!("{} cannot be made", home.at))?;
        for (name, content) in &self.copied {
            put(&own, name, content).with_context(|| format!("{}/{name} cannot be written", home.at))?;
        }
        Ok(())
    }
}

/// Makes a directory with those above it, and opens it. Something else in the place of one of them is an error.
fn directory((from, path): (Option<&OwnedFd>, &str)) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = match from {
        Some(from) => rustix::fs::openat(from, ".", flags, Mode::empty())?,
        None => rustix::fs::openat(CWD, "/", flags, Mode::empty())?,
    };
    for name in path.split('/').filter(|name| !name.is_empty()) {
        match rustix::fs::mkdirat(&at, name, Mode::RWXU) {
            // Of what is there already nobody knows whether it could be made.
            Ok(()) | Err(Errno::EXIST | Errno::ACCESS | Errno::ROFS) => {}
            Err(error) => return Err(error),
        }
        at = rustix::fs::openat(&at, name, flags, Mode::empty())?;
    }
    Ok(at)
}

/// Puts a new file in the place of whatever has the name.
fn put(at: &OwnedFd, name: &str, content: &[u8]) -> std::io::Result<()> {
    match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if FileType::from_raw_mode(found.st_mode).is_dir() => {
            rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR)?;
        }
        Ok(_) => rustix::fs::unlinkat(at, name, AtFlags::empty())?,
        Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(at, name, flags, Mode::RUSR | Mode::WUSR)?;
    std::fs::File::from(file).write_all(content)
}
