//! Pushes limited to named branches.
//!
//! `git.example/team/repo main claude/*` names a repository, as a host and a path, and what may be pushed to in it:
//! branches, or with `refs/` before them whatever refs. Where a rule speaks of a host, a push there that no rule allows
//! is refused.

use policy::Origin;

use super::path::{Path, PathPattern};
use super::{RequestRefusal, RuleFault, check_overrides, host_and_path, place_and_path};
use crate::host::{Place, Target, match_star};
use crate::network::RuleName;
use crate::wire::git::{Push, is_ref};
use crate::wire::request::Request;

/// The last segment of a push's path.
const SERVICE: &str = "git-receive-pack";
/// What a push calls itself.
const KIND: &[u8] = b"application/x-git-receive-pack-request";

/// Methods of WebDAV, by which git pushes to servers without a service of its own, and which nothing else needs.
const DAV: [&str; 6] = ["MKCOL", "LOCK", "UNLOCK", "MOVE", "COPY", "PROPPATCH"];

/// A rule about pushes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRule {
    place: Place,
    path: PathPattern,
    refs: Vec<String>,
    name: RuleName,
}

impl PushRule {
    /// Reads a rule: a host and a path, and branches behind them.
    pub fn parse(text: &str, origin: Origin) -> Result<Self, RuleFault> {
        let mut words = text.split_whitespace();
        let (host, path) = host_and_path(words.next().ok_or(RuleFault::Host(None))?);
        let (place, path) = place_and_path(host, path)?;
        let refs = words.map(full).collect::<Option<Vec<String>>>().ok_or(RuleFault::Branch)?;
        let text = format!("credentials.git: push {}", text.trim());
        let name = RuleName { text, origin, list: policy::List::Allow };
        if refs.is_empty() { Err(RuleFault::Branch) } else { Ok(Self { place, path, refs, name }) }
    }

    /// Reads a rule by which nothing is pushed: a host and a path.
    pub fn none(text: &str, origin: Origin) -> Result<Self, RuleFault> {
        let (host, path) = host_and_path(text);
        let (place, path) = place_and_path(host, path)?;
        let text = format!("credentials.git: {text} without push");
        Ok(Self { place, path, refs: Vec::new(), name: RuleName { text, origin, list: policy::List::Deny } })
    }

    fn is_of(&self, target: &Target, repository: &Path) -> bool {
        let mut spellings = vec![repository.clone()];
        spellings.extend(repository.without_suffix(".git"));
        self.place.admits(target) && spellings.iter().any(|path| self.path.covers(path))
    }

    fn allows(&self, name: &str) -> bool {
        self.refs.iter().any(|pattern| match_star(pattern, name))
    }
}

/// Returns a ref's whole name.
fn full(word: &str) -> Option<String> {
    let name = if word.starts_with("refs/") { word.to_owned() } else { format!("refs/heads/{word}") };
    is_ref(&name.replace('*', "x")).then_some(name)
}

/// Returns true for a request that writes files of a repository, whatever rule would speak of it.
fn is_by_files(method: &str, path: &Path) -> bool {
    let is_inside = || {
        let mut segments = path.segments().map(str::to_ascii_lowercase);
        segments.any(|name| name.ends_with(".git") || matches!(name.as_str(), "refs" | "objects" | "packed-refs"))
    };
    DAV.contains(&method) || (matches!(method, "PUT" | "PATCH" | "DELETE") && is_inside())
}

/// Returns true for a request by which git fetches or pushes over HTTP, in the one form that every server reads alike.
pub(crate) fn is_of_git(request: &Request) -> bool {
    if check_overrides(request).is_err() {
        return false;
    }
    let Ok(path) = Path::read(&request.path) else { return false };
    let segments: Vec<&str> = path.segments().collect();
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", [_, .., "info", "refs"]) => matches!(query, "service=git-upload-pack" | "service=git-receive-pack"),
        ("POST", [_, .., "git-upload-pack" | "git-receive-pack"]) => query.is_empty(),
        _ => false,
    }
}

/// The rules about pushes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushRules(pub Vec<PushRule>);

impl PushRules {
    /// Returns true when a rule speaks of the target, at whatever port it means.
    pub fn names(&self, target: &Target) -> bool {
        self.0.iter().any(|rule| rule.place.forbids(target))
    }

    /// Returns the repository to which a request pushes, where the rules speak of its host; `None` when it is no push.
    pub fn repository(&self, request: &Request) -> Result<Option<Path>, RequestRefusal> {
        if !self.names(&request.target) {
            return Ok(None);
        }
        check_overrides(request)?;
        let doubt = |doubt| RequestRefusal::new(None, format!("rules about pushes speak of its host, and {doubt}"));
        let path = Path::read(&request.path).map_err(doubt)?;
        if is_by_files(&request.method, &path) {
            let reason =
                "rules about pushes speak of its host, and it writes to a repository by another way than a push";
            return Err(RequestRefusal::new(None, reason));
        }
        let is_said = request.fields.all("content-type").any(|kind| {
            let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
            kind.trim_ascii().eq_ignore_ascii_case(KIND)
        });
        let is_read = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        match path.split_last() {
            Some((_, last)) if last.eq_ignore_ascii_case(SERVICE) && is_read => Ok(None),
            Some((repository, last)) if last.eq_ignore_ascii_case(SERVICE) && request.method == "POST" => {
                Ok(Some(repository))
            }
            Some((_, last)) if last.eq_ignore_ascii_case(SERVICE) => {
                Err(RequestRefusal::new(None, "it is for the path of pushes, by a method that none has"))
            }
            Some(_) | None if is_said => {
                Err(RequestRefusal::new(None, "it calls itself a push, and its path is that of none"))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Decides about a push, and returns why each update is refused that is.
    pub fn judge(&self, target: &Target, repository: &Path, push: &Push) -> Vec<(String, RequestRefusal)> {
        let own: Vec<&PushRule> = self.0.iter().filter(|rule| rule.is_of(target, repository)).collect();
        let is_deleted = |name: &String| push.deletions.contains(name);
        let is_refused =
            |name: &&String| push.has_options() || is_deleted(name) || !own.iter().any(|rule| rule.allows(name));
        let refused = push.updates.iter().filter(is_refused);
        let reason = |name: &String| match own.first() {
            Some(rule) if is_deleted(name) => {
                let reason = "a push that deletes is never passed on".to_owned();
                (name.clone(), RequestRefusal::new(Some(&rule.name), reason))
            }
            Some(rule) if own.iter().any(|rule| rule.allows(name)) => {
                let rule_place = rule.name.origin.place();
                let reason = format!("`{}` of {rule_place} allows no push with options", rule.name.text);
                (name.clone(), RequestRefusal::new(Some(&rule.name), reason))
            }
            Some(rule) => {
                let reason = format!("`{}` of {} does not name it", rule.name.text, rule.name.origin.place());
                (name.clone(), RequestRefusal::new(Some(&rule.name), reason))
            }
            None => (name.clone(), RequestRefusal::new(None, "no rule about pushes names the repository")),
        };
        refused.map(reason).collect()
    }
}
