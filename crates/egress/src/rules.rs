//! Rules about what is asked of a host: methods, paths, branches that are pushed to. They need requests in clear text,
//! so that a host of which they speak is reached by plain HTTP, or by TLS that ends here, or not at all.
//!
//! `GET,POST api.example.com/repos/**` names methods, a host as the lists do, and a path: `*` is any text of a segment,
//! `**` any number of segments. Where a rule that allows speaks of a host, one must allow the request; a denial wins.

mod path;
mod push;

use policy::{List, Origin};

pub use path::{Path, PathDoubt, PathPattern};
pub(crate) use push::is_of_git;
pub use push::{PushRule, PushRules};

use crate::host::{PatternFault, Place, Readings, Target};
use crate::network::RuleName;
use crate::wire::fields::is_token;
use crate::wire::request::Request;

/// Fields by which a server may take a request for one with another method or path.
const OVERRIDES: [&str; 7] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-uri",
];
/// The key in a query that does the same.
const OVERRIDING_KEY: &str = "_method";

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It allows what it names.
    Allow,
    /// It denies what it names.
    Deny,
}

/// A rule about requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRule {
    effect: Effect,
    /// Empty for every method.
    methods: Vec<String>,
    place: Place,
    path: PathPattern,
    name: RuleName,
}

/// Why a text is no rule about requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// Methods are upper case, with commas between them, or a star.
    #[error("the methods are not well formed")]
    Method,
    /// There is no host, or it is none.
    #[error("the host is missing or not well formed")]
    Host(#[source] Option<PatternFault>),
    /// The path could not be that of a request.
    #[error("the path is not well formed")]
    Path(#[source] Option<PathDoubt>),
    /// A branch that no repository can have.
    #[error("a branch is missing or not well formed")]
    Branch,
}

impl RequestRule {
    /// Reads a rule: methods, a space, a host and a path.
    pub fn parse(effect: Effect, text: &str, origin: Origin) -> Result<Self, RuleFault> {
        let (methods, rest) = text.trim().split_once(' ').ok_or(RuleFault::Method)?;
        let methods: Vec<&str> = methods.split(',').collect();
        let (host, path) = host_and_path(rest.trim());
        Self::new(effect, (&methods, host, path), origin)
    }

    /// Returns the rule of these methods, of which none or `*` is every one, this host and this path.
    pub fn new(
        effect: Effect,
        (methods, host, path): (&[&str], &str, Option<&str>),
        origin: Origin,
    ) -> Result<Self, RuleFault> {
        let (word, list) = match effect {
            Effect::Allow => ("allow", List::Allow),
            Effect::Deny => ("deny", List::Deny),
        };
        let shown = if methods.is_empty() { "*".to_owned() } else { methods.join(",") };
        let text = format!("network.requests: {word} {shown} {host}{}", path.unwrap_or_default());
        let (methods, (place, path)) = (read_methods(methods)?, place_and_path(host, path)?);
        Ok(Self { effect, methods, place, path, name: RuleName { text, origin, list } })
    }

    fn covers(&self, target: &Target, method: &str, path: &Path) -> bool {
        // Who may read may ask whether there is something to read.
        let is_method = |own: &String| own == method || (own == "GET" && method == "HEAD");
        let is_method = self.methods.is_empty() || self.methods.iter().any(is_method);
        is_method
            && match self.effect {
                Effect::Allow => self.place.admits(target) && self.path.covers(path),
                Effect::Deny => self.place.forbids(target) && self.path.tightens(path),
            }
    }
}

fn read_methods(words: &[&str]) -> Result<Vec<String>, RuleFault> {
    if words == ["*"] {
        return Ok(Vec::new());
    }
    let is_method = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| is_token(byte) && byte != b'*' && !byte.is_ascii_lowercase())
    };
    words.iter().map(|word| is_method(word).then(|| (*word).to_owned()).ok_or(RuleFault::Method)).collect()
}

/// Splits `host[:port]/path`.
fn host_and_path(text: &str) -> (&str, Option<&str>) {
    match text.find('/').and_then(|at| text.split_at_checked(at)) {
        Some((host, path)) => (host, Some(path)),
        None => (text, None),
    }
}

/// Reads a host and a path; without a path it is every one.
fn place_and_path(host: &str, path: Option<&str>) -> Result<(Place, PathPattern), RuleFault> {
    let readings = Readings::parse(host).map_err(|fault| RuleFault::Host(Some(fault)))?;
    let place = readings.certain().filter(|place| !place.pattern.is_any()).ok_or(RuleFault::Host(None))?;
    let path = PathPattern::parse(path.unwrap_or("/**"))?;
    Ok((place, path))
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRefusal {
    /// The rule, where one did it.
    pub rule: Option<RuleName>,
    /// The reason: lower case, no full stop.
    pub reason: String,
}

impl RequestRefusal {
    pub(crate) fn new(rule: Option<&RuleName>, reason: impl Into<String>) -> Self {
        Self { rule: rule.cloned(), reason: reason.into() }
    }
}

/// Returns true for a part of a query by which a server may take a request for one with another method.
fn is_overriding_key(part: &str) -> bool {
    let key = part.split('=').next().unwrap_or_default();
    let mut bytes = key.bytes();
    let mut decoded = Vec::with_capacity(key.len());
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        decoded.push(match byte {
            b'%' => digit().zip(digit()).and_then(|(high, low)| u8::try_from(high << 4 | low).ok()).unwrap_or(b'%'),
            b'+' => b' ',
            other => other,
        });
    }
    decoded.trim_ascii().eq_ignore_ascii_case(OVERRIDING_KEY.as_bytes())
}

/// Checks that nothing can make another request of this one.
fn check_overrides(request: &Request) -> Result<(), RequestRefusal> {
    // To servers that make variables of fields both are one letter.
    let is_override = |name: &str| OVERRIDES.contains(&name.replace('_', "-").as_str());
    let field = request.fields.iter().map(|(name, _)| name).find(|name| is_override(name));
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let key = query.split(['&', ';']).any(is_overriding_key).then_some(OVERRIDING_KEY);
    let Some(name) = field.or(key) else { return Ok(()) };
    let reason = format!("rules speak of its host, and `{name}` can make another request of it");
    Err(RequestRefusal::new(None, reason))
}

/// The rules about requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestRules(pub Vec<RequestRule>);

impl RequestRules {
    /// Returns true when a rule speaks of the target, at whatever port it means.
    pub fn names(&self, target: &Target) -> bool {
        self.0.iter().any(|rule| rule.place.forbids(target))
    }

    /// Decides about a request.
    pub fn judge(&self, request: &Request) -> Result<(), RequestRefusal> {
        let target = &request.target;
        if !self.names(target) {
            return Ok(());
        }
        check_overrides(request)?;
        let path = Path::read(&request.path).map_err(|doubt| {
            RequestRefusal::new(None, format!("rules about requests speak of its host, and {doubt}"))
        })?;
        let covers = |rule: &&RequestRule| rule.covers(target, &request.method, &path);
        let find = |effect| self.0.iter().filter(move |rule| rule.effect == effect);
        if let Some(rule) = find(Effect::Deny).find(covers) {
            let reason = format!("`{}` of {} denies it", rule.name.text, rule.name.origin.place());
            return Err(RequestRefusal::new(Some(&rule.name), reason));
        }
        let mut allowing = find(Effect::Allow).filter(|rule| rule.place.forbids(target)).peekable();
        let Some(first) = allowing.peek() else { return Ok(()) };
        let first = first.name.clone();
        if allowing.any(|rule| covers(&rule)) {
            return Ok(());
        }
        let reason =
            format!("no rule of its host allows it; the first is `{}` of {}", first.text, first.origin.place());
        Err(RequestRefusal::new(Some(&first), reason))
    }
}
