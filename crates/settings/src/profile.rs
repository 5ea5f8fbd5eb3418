//! Profiles of agents: what a whole agent needs inside the boundary, each grant with its reason.
//!
//! A profile is a person's to name, on the command line: no settings file and nothing of a repository names one. It adds to
//! what the settings say as `--settings` would: what they deny stays denied.

mod parse;

use policy::layer::{Layer, Mask, NoMatch, Origin, Sourced, Variable};
use policy::{AbsPath, Scope};

pub use parse::parse;

use crate::limits::PROFILE_BYTES_MAX;
use crate::places::Places;
use crate::read;

/// The profiles that Palisade brings: a name, and the file's text.
const BUILT_IN: [(&str, &str); 3] = [
    ("claude", include_str!("../../../packs/agents/claude.json")),
    ("codex", include_str!("../../../packs/agents/codex.json")),
    ("gemini", include_str!("../../../packs/agents/gemini.json")),
];

/// A host that nobody is: what is for it alone goes nowhere.
const NOWHERE: &str = "withheld.invalid";

/// What an agent needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What messages call the file.
    pub file: String,
    /// Where the file is; `None` for one that Palisade brings.
    pub path: Option<AbsPath>,
    /// Programs that it is for.
    pub programs: Vec<Grant>,
    /// Where the agent keeps its configuration and what it remembers.
    pub home: Option<Home>,
    /// Directories of the host that may be written.
    pub writable: Vec<Grant>,
    /// What the closed profile lets be read besides.
    pub readable: Vec<Grant>,
    /// Files and directories of the host that are not seen.
    pub hidden: Vec<Grant>,
    /// Hosts that may be reached.
    pub hosts: Vec<Grant>,
    /// Variables that pass, or with `=` are set.
    pub variables: Vec<Grant>,
    /// Secrets that are seen as placeholders.
    pub secrets: Vec<Secret>,
}

/// Something that a profile grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
    /// The line that says so.
    pub line: u32,
}

/// The agent's own directory, a private one of the project, and what of the host's is seen in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The variable by which the agent is told of it.
    pub variable: String,
    /// Where in the variable's directory the agent's files are; empty for the directory itself.
    pub below: String,
    /// The host's directory, as written.
    pub from: String,
    /// What it is for.
    pub why: String,
    /// The line that says so.
    pub line: u32,
    /// Files of the host's directory that are seen, and with a slash directories. They cannot be written, and not be made
    /// where there are none.
    pub seen: Vec<Grant>,
    /// Files of which the agent gets a new copy at each start.
    pub copied: Vec<Grant>,
    /// Names that cannot be made.
    pub held: Vec<Grant>,
}

/// A secret that is seen as a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Where it is.
    pub holder: Holder,
    /// A regular expression whose first group is the secret; without it all of it is.
    pub extract: Option<String>,
    /// Claims of a JSON web token that are others in the placeholder, which is a token then; with none it is a text.
    pub claims: Vec<String>,
    /// The hosts that get the secret itself; with none nobody does.
    pub hosts: Vec<String>,
    /// Why.
    pub why: String,
    /// The line that says so.
    pub line: u32,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// An environment variable.
    Variable(String),
    /// A file of the agent's directory.
    File(String),
}

/// Returns the names of the profiles that Palisade brings.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// Returns the profile that Palisade brings for a program of this name.
pub fn of_program(program: &str) -> Option<Profile> {
    names().filter_map(built_in).find(|profile| profile.programs.iter().any(|known| known.what == program))
}

/// Returns a profile that Palisade brings.
pub fn built_in(name: &str) -> Option<Profile> {
    let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    // A test reads them all.
    parse(name, &format!("profile {name}"), text).ok()
}

/// Returns the profile of a name, or in a file. An error is for the person who named it, with the place and what to do.
pub fn load(named: &str, places: &Places) -> Result<Profile, String> {
    if let Some(profile) = built_in(named) {
        return Ok(profile);
    }
    if !named.contains('/') && !named.contains('.') {
        let known: Vec<String> =
            ["open", "closed"].into_iter().chain(names()).map(|name| format!("`{name}`")).collect();
        return Err(format!(
            "there is no profile `{named}`: give one of {}, or a file (`~/.config/palisade/agents/{named}.json`)",
            known.join(", ")
        ));
    }
    let path = match named.strip_prefix("~/") {
        Some(below) => places.home.join(below),
        None => places.project.join(named),
    };
    let shown = places.shown(&path);
    let told = |error: read::Error| format!("{shown}: {}: {}", error.message(), error.hint());
    let opened = read::open(&path).map_err(told)?;
    let mut opened = opened.ok_or_else(|| format!("{shown}: there is no such file: name a file that exists"))?;
    let bytes = opened.read(PROFILE_BYTES_MAX).map_err(told)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{shown}: the file is not utf-8: save it as utf-8"))?;
    let name = path.name().unwrap_or_default();
    let name = name.strip_suffix(".json").unwrap_or(name).to_owned();
    let mut profile = parse(&name, &shown, &text)?;
    profile.path = Some(path);
    Ok(profile)
}

impl Profile {
    /// Returns what the profile says in the words of settings. Where the agent's own directory is, and where it is on the
    /// host, is for the program to say.
    pub fn layer(&self, home: Option<(&AbsPath, &AbsPath)>, anchor: &AbsPath) -> Layer {
        let mut layer = Layer::empty(Scope::Flag, &self.file, anchor.clone());
        let said = |value: String, line: u32| Sourced { value, origin: self.origin(line) };
        let as_written = |grants: &[Grant]| grants.iter().map(|grant| said(grant.what.clone(), grant.line)).collect();
        layer.sandbox.allow_write = as_written(&self.writable);
        layer.sandbox.network.allowed = as_written(&self.hosts);
        layer.sandbox.credential_files = as_written(&self.hidden);
        for secret in &self.secrets {
            match (&secret.holder, home) {
                (Holder::Variable(name), _) => {
                    let mask = Mask { hosts: Some(secret.places()), no_match: NoMatch::Deny, ..Mask::default() };
                    let value = Variable { name: name.clone(), mask: Some(mask) };
                    let variable = Sourced { value, origin: self.origin(secret.line) };
                    layer.sandbox.credentials.variables.push(variable);
                }
                (Holder::File(name), Some((from, _))) => {
                    layer.sandbox.credential_files.push(said(from.join(name).to_string(), secret.line));
                    // What is copied can lie elsewhere.
                    let copied = self.home.iter().flat_map(|home| &home.copied);
                    let copied = copied.filter(|grant| grant.copy_name() == name);
                    layer.sandbox.credential_files.extend(copied.map(|grant| said(grant.what.clone(), secret.line)));
                }
                (Holder::File(_), None) => {}
            }
        }
        if let (Some(own), Some((_, at))) = (&self.home, home) {
            let held = own.seen.iter().chain(&own.held);
            let held = held.map(|grant| (grant.what.trim_end_matches('/'), grant.line));
            let secret = self.secrets.iter().filter_map(|secret| match &secret.holder {
                Holder::File(name) => Some((name.as_str(), secret.line)),
                Holder::Variable(_) => None,
            });
            let is_copied = |name: &str| own.copied.iter().any(|grant| grant.copy_name() == name);
            for (name, line) in held.chain(secret).filter(|(name, _)| !is_copied(name)) {
                layer.sandbox.deny_write.push(said(at.join(name).to_string(), line));
            }
        }
        layer
    }

    /// Returns the place of a line.
    pub fn origin(&self, line: u32) -> Origin {
        Origin { scope: Scope::Flag, file: self.file.clone(), line }
    }

    /// Returns every grant, each with its kind.
    pub fn grants(&self) -> Vec<(&'static str, &Grant)> {
        let home = self.home.iter().flat_map(|home| {
            let seen = home.seen.iter().map(|grant| ("seen", grant));
            let copied = home.copied.iter().map(|grant| ("copied", grant));
            seen.chain(copied).chain(home.held.iter().map(|grant| ("held", grant)))
        });
        let kinds = [
            ("writable", &self.writable),
            ("readable", &self.readable),
            ("hidden", &self.hidden),
            ("host", &self.hosts),
            ("variable", &self.variables),
        ];
        home.chain(kinds.into_iter().flat_map(|(kind, grants)| grants.iter().map(move |grant| (kind, grant)))).collect()
    }
}

impl Secret {
    /// Returns the hosts that get the secret, of which none exists where nobody gets it: the placeholder is seen all the same.
    pub fn places(&self) -> Vec<String> {
        if self.hosts.is_empty() { vec![NOWHERE.to_owned()] } else { self.hosts.clone() }
    }
}

impl Grant {
    /// Returns the name that a copied file has in the agent's directory.
    pub fn copy_name(&self) -> &str {
        self.what.rsplit('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
