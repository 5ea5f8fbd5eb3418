//! A whole agent inside the boundary: which profile it has, and what that comes to here.

use std::ffi::OsStr;

use anyhow::{bail, ensure};
use guard::{CachePlace, Place};
use policy::network::host::Target;
use policy::{AbsPath, Policy, Verdict};
use sandbox::Environment;
use serde_json::{Value, json};
use settings::Profile;
use settings::profile;
use sha2::{Digest, Sha256};

use crate::cli;
use crate::setup::Setup;

/// Where the private caches of agents are, each apart from those of other agents and of plain commands: nobody else writes
/// what an agent trusts.
const AGENTS: &str = "palisade/agents";
/// The port by which hosts are reached that are named without one.
const HTTPS: u16 = 443;
/// The agent's own directory among them.
const OWN: &str = "own";

/// An agent's profile, in this place.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) profile: Profile,
    pub(crate) chosen: Chosen,
    pub(crate) home: Option<Home>,
}

/// Who chose the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// The person, by `--profile`.
    Named,
    /// The program's name, as the person typed it.
    ByProgram,
}

/// The agent's own directory.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// The host's.
    pub(crate) from: AbsPath,
    /// What the variable says inside.
    pub(crate) value: AbsPath,
    /// Where the agent's files are inside.
    pub(crate) at: AbsPath,
    /// The project's private caches of this agent, in which it is.
    pub(crate) caches: AbsPath,
    /// The directory of all projects' caches of this agent.
    pub(crate) among: AbsPath,
}

/// What the choice is made by.
pub(crate) struct Choice<'a> {
    pub(crate) named: &'a [cli::Profile],
    /// The command's first word, where a person typed it.
    pub(crate) program: Option<&'a str>,
    pub(crate) environment: &'a settings::Environment,
    pub(crate) places: &'a settings::Places,
    pub(crate) place: &'a Place,
    /// What the settings say.
    pub(crate) policy: &'a Policy,
}

impl Choice<'_> {
    /// Returns the agent whose profile counts; none for a plain command. An error is why nothing runs.
    pub(crate) fn agent(&self) -> anyhow::Result<Option<Agent>> {
        let mut named = self.named.iter().filter_map(|profile| match profile {
            cli::Profile::Agent(name) => Some(name),
            cli::Profile::Open | cli::Profile::Closed => None,
        });
        let (profile, chosen) = match (named.next(), named.next()) {
            (Some(_), Some(_)) => bail!("`--profile` names two agents: one command has one"),
            (Some(name), None) => match profile::load(name, self.places) {
                Ok(profile) => (self.trusted(profile)?, Chosen::Named),
                Err(why) => bail!("{why}"),
            },
            // Whoever says anything about profiles says all of it.
            (None, _) if !self.named.is_empty() => return Ok(None),
            (None, _) => match self.by_program() {
                Some(profile) => (profile, Chosen::ByProgram),
                None => return Ok(None),
            },
        };
        let home = profile.home.as_ref().map(|home| self.home(&profile, home)).transpose()?;
        Ok(Some(Agent { profile, chosen, home }))
    }

    /// Returns the profile for the program's name.
    ///
    /// A path is no name: it says where a program lies and not what it is. Nor is a name by which the search finds a file
    /// that commands can write, because an earlier command could have put it there to get what the agent gets.
    fn by_program(&self) -> Option<Profile> {
        let name = self.program.filter(|name| !name.contains('/'))?;
        let profile = profile::of_program(name)?;
        let found = self.place.programs.iter().map(|directory| directory.join(name));
        let found = found.into_iter().find(is_program)?;
        let real = guard::canonical(&found).ok()?;
        (!self.is_written(&found) && !self.is_written(&real)).then_some(profile)
    }

    /// Returns the profile, unless a command could have written its file.
    fn trusted(&self, profile: Profile) -> anyhow::Result<Profile> {
        let Some(path) = &profile.path else { return Ok(profile) };
        let real = guard::canonical(path).unwrap_or_else(|_| path.clone());
        ensure!(
            !self.is_written(path) && !self.is_written(&real),
            "{} lies where commands write, and any could have made it: put it into {}",
            profile.file,
            self.places.palisade_dir().join("agents")
        );
        Ok(profile)
    }

    /// Returns true for a path where an earlier command could have put something.
    fn is_written(&self, path: &AbsPath) -> bool {
        let Place { home, project, .. } = self.place;
        let (policy, caches) = (self.policy, self.environment.cache_home().join("palisade"));
        let named = policy.additional_directories().iter().map(|one| match one.value.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => project.join(&one.value),
        });
        let allowed = policy.sandbox().allow_write.iter().map(|one| one.value.clone());
        // What holds the home directory no Edit rule opens.
        let edited = policy.sandbox().edit_allowed.iter().flat_map(|held| held.pattern.roots(project, project));
        let edited = edited.filter(|(root, whole)| *whole && !home.is_within(root)).map(|(root, _)| root);
        let mut directories = named.chain(allowed).chain(edited).chain([project.clone(), caches]);
        directories.any(|directory| {
            path.is_within(&directory) || guard::canonical(&directory).is_ok_and(|real| path.is_within(&real))
        })
    }

    fn home(&self, profile: &Profile, home: &profile::Home) -> anyhow::Result<Home> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        ensure!(
            profile.name.bytes().all(is_plain) && !profile.name.starts_with('.'),
            "a profile's file is named by letters, digits, `-` and `_`: rename {}",
            profile.file
        );
        let among = self.environment.cache_home().join(AGENTS).join(&directory_name(profile));
        let caches = self.place.caches.as_ref().map(|caches| CachePlace { directory: among.clone(), ..caches.clone() });
        let Some(caches) = caches.and_then(|caches| caches.of(&self.place.project)) else {
            bail!(
                "{} gives the agent a directory of its own, and there is no place for it: leave `--no-caches` out",
                profile.file
            )
        };
        let value = caches.join(OWN);
        let at = if home.below.is_empty() { value.clone() } else { value.join(&home.below) };
        // Rules name what is held there.
        ensure!(
            !at.as_str().contains(['*', '?', '[', ']', '{', '}', '\\']),
            "{at} has letters in it that are patterns in rules: set `XDG_CACHE_HOME` to another directory"
        );
        let said = self.environment.all().iter().find(|(name, _)| name == OsStr::new(&home.variable));
        let said = said.map(|(_, value)| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty());
        let from = match said {
            Some(value) => {
                let Some(path) = AbsPath::parse(&value) else { bail!("`{}` is no absolute path", home.variable) };
                if home.below.is_empty() { path } else { path.join(&home.below) }
            }
            None => in_home(&self.place.home, &home.from),
        };
        let from = guard::canonical(&from).unwrap_or(from);
        ensure!(
            !self.is_written(&from),
            "the agent's configuration ({from}) lies where commands write, and any could have made it"
        );
        Ok(Home { from, value, at, caches, among })
    }
}

impl Agent {
    /// Returns directories of the host that are seen in the agent's own, each with its place among the caches.
    pub(crate) fn seeds(&self) -> Vec<(AbsPath, String)> {
        let (Some(own), Some(home)) = (&self.profile.home, &self.home) else { return Vec::new() };
        let directories = own.seen.iter().filter_map(|grant| grant.what.strip_suffix('/'));
        let seeds = directories.filter_map(|name| {
            let below = home.at.join(name);
            Some((home.from.join(name), below.below(&home.caches)?.trim_start_matches('/').to_owned()))
        });
        seeds.collect()
    }

    /// Gives the command the variables of the profile. Those that are secrets are seen to with the others.
    pub(crate) fn tell(&self, host: &settings::Environment, environment: &mut Environment) {
        let is_hidden = |name: &str| host.scrubs() && sandbox::environment::is_scrubbed(name);
        let mut set = |name: &str, value: &OsStr| {
            environment.kept.retain(|(kept, _)| kept != name);
            environment.dropped.retain(|dropped| dropped.name != name);
            environment.kept.push((name.into(), value.to_owned()));
        };
        for grant in &self.profile.variables {
            match grant.what.split_once('=') {
                Some((name, value)) => set(name, OsStr::new(value)),
                None => {
                    let passed = host.all().iter().find(|(name, _)| name == OsStr::new(&grant.what));
                    if let Some((_, value)) = passed.filter(|_| !is_hidden(&grant.what)) {
                        set(&grant.what, value);
                    }
                }
            }
        }
        if let (Some(own), Some(home)) = (&self.profile.home, &self.home) {
            set(&own.variable, OsStr::new(home.value.as_str()));
        }
    }

    /// Returns true for a host of the profile that can be reached: what the settings deny stays denied.
    fn opens(setup: &Setup, host: &str) -> bool {
        let target = Target::parse(&host.replacen("*.", "any.", 1), Some(HTTPS));
        let network = setup.policy.network();
        setup.place.is_proxied && target.is_ok_and(|target| network.judge(&target, &[]).verdict == Verdict::Allow)
    }

    /// Returns what a report says of the profile.
    pub(crate) fn json(&self, setup: &Setup) -> Value {
        let Self { profile, chosen, home } = self;
        let own = profile.home.as_ref();
        let own = own.map(|own| json!({"kind": "home", "what": own.from, "why": own.why, "line": own.line}));
        let grants = profile.grants().into_iter();
        let grants = grants.map(|(kind, grant)| {
            let mut said = json!({"kind": kind, "what": grant.what, "why": grant.why, "line": grant.line});
            if let Some(fields) = said.as_object_mut().filter(|_| kind == "host") {
                fields.insert("open".to_owned(), Self::opens(setup, &grant.what).into());
            }
            said
        });
        let secrets = profile.secrets.iter().map(|secret| {
            let what = match &secret.holder {
                profile::Holder::Variable(name) | profile::Holder::File(name) => name,
            };
            json!({"kind": "secret", "what": what, "why": secret.why, "line": secret.line, "hosts": secret.hosts})
        });
        let chosen = match chosen {
            Chosen::Named => "named",
            Chosen::ByProgram => "by-program",
        };
        json!({
            "profile": profile.name,
            "file": profile.file,
            "chosen": chosen,
            "directory": home.as_ref().map(|home| home.at.as_str()),
            "grants": own.into_iter().chain(grants).chain(secrets).collect::<Vec<_>>(),
        })
    }

    /// Returns what a person is told of the profile.
    pub(crate) fn words(&self, setup: &Setup) -> Vec<String> {
        let hosts = self.profile.hosts.iter().map(|grant| grant.what.as_str());
        let (open, closed): (Vec<&str>, Vec<&str>) = hosts.partition(|host| Self::opens(setup, host));
        let open = if open.is_empty() { "no host".to_owned() } else { open.join(", ") };
        let file = &self.profile.file;
        let mut told = vec![match self.chosen {
            Chosen::Named => format!("{file}: it opens {open}"),
            Chosen::ByProgram => {
                format!("{file}, by the program's name: it opens {open}; `--profile open` is without it")
            }
        }];
        if !closed.is_empty() {
            told.push(format!("{file}: the settings keep {} closed", closed.join(", ")));
        }
        let written = self.profile.writable.iter().map(|grant| (grant, in_home(&setup.place.home, &grant.what)));
        let is_there = |path: &AbsPath| rustix::fs::stat(path.as_str()).is_ok();
        let missing = written.filter(|(_, path)| !is_there(path));
        told.extend(missing.map(|(grant, path)| {
            format!("{file}:{}: {path} is not there and cannot be written: make it, and begin again", grant.line)
        }));
        told
    }
}

/// Returns the name of the directory of an agent's caches: two files of one name are two agents.
fn directory_name(profile: &Profile) -> String {
    let Some(path) = &profile.path else { return profile.name.clone() };
    let digest = Sha256::digest(path.as_str());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{digest}", profile.name)
}

/// Returns true for what a search for programs ends at.
fn is_program(path: &AbsPath) -> bool {
    use rustix::fs::{Access, FileType};
    let is_file = rustix::fs::stat(path.as_str()).is_ok_and(|found| FileType::from_raw_mode(found.st_mode).is_file());
    is_file && rustix::fs::access(path.as_str(), Access::EXEC_OK).is_ok()
}

/// Returns the path that a profile means.
pub(crate) fn in_home(home: &AbsPath, text: &str) -> AbsPath {
    text.strip_prefix("~/").map_or_else(|| AbsPath::root().join(text), |below| home.join(below))
}
