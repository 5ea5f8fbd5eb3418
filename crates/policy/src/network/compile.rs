//! The layers' words to the rules in force.

use super::address::Surroundings;
use super::host::{HostPattern, PatternFault, Place, Readings};
use super::{Entry, Network, RuleName, Words};
use crate::layer::Sourced;
use crate::{Diagnostic, List, Scope, Severity};

/// Names below which anybody gets a name: a star before one of them is a star for everybody.
const SHARED: [&str; 30] = [
    "ac.uk",
    "amazonaws.com",
    "appspot.com",
    "azurewebsites.net",
    "blogspot.com",
    "cloudfront.net",
    "co.in",
    "co.jp",
    "co.kr",
    "co.nz",
    "co.uk",
    "co.za",
    "com.au",
    "com.br",
    "com.cn",
    "com.tr",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "netlify.app",
    "ngrok.io",
    "onrender.com",
    "org.uk",
    "pages.dev",
    "s3.amazonaws.com",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "workers.dev",
];

/// Which list an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Allowed,
    Denied,
    Opaque,
    Passthrough,
}

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Self::Allowed => "allowedDomains",
            Self::Denied => "deniedDomains",
            Self::Opaque => "dangerOpaqueDomains",
            Self::Passthrough => "tlsPassthroughDomains",
        }
    }
}

/// Makes the rules of all layers, in any order. What cannot be read is told; a denial that cannot be read makes the
/// rules refuse everything.
pub fn compile(layers: &[Words]) -> (Network, Vec<Diagnostic>) {
    let mut network = Network {
        allowed: Vec::new(),
        denied: Vec::new(),
        opaque: Vec::new(),
        passthrough: Vec::new(),
        strict: layers.iter().find_map(|words| words.keys.strict.clone()),
        managed_only: layers
            .iter()
            .find_map(|words| words.keys.managed_only.clone().filter(|_| words.scope == Scope::Managed)),
        local_binding: local_binding(layers),
        broken: None,
        forwards: Vec::new(),
        surroundings: Surroundings::default(),
    };
    let mut diagnostics = Vec::new();
    for words in layers {
        for entry in &words.keys.denied {
            network.deny(entry, Readings::parse(&entry.value), rule_name(Kind::Denied, entry), &mut diagnostics);
        }
        for entry in &words.web_deny {
            network.deny_web(entry, &mut diagnostics);
        }
        let may_widen = words.trusted && (network.managed_only.is_none() || words.scope == Scope::Managed);
        for entry in words.keys.allowed.iter().filter(|_| may_widen) {
            network.allow(entry, Kind::Allowed, &mut diagnostics);
        }
        for entry in words.keys.danger_opaque.iter().filter(|_| may_widen) {
            network.allow(entry, Kind::Opaque, &mut diagnostics);
        }
        // What is seen of connections is not a repository's to say.
        let is_brought = matches!(words.scope, Scope::Project | Scope::Local);
        for entry in words.keys.passthrough.iter().filter(|_| may_widen && !is_brought) {
            network.allow(entry, Kind::Passthrough, &mut diagnostics);
        }
        for entry in words.web_allow.iter().filter(|_| may_widen) {
            network.allow_web(entry, &mut diagnostics);
        }
    }
    (network, diagnostics)
}

/// Returns what the layer that counts most says; a layer that is not trusted only takes away.
fn local_binding(layers: &[Words]) -> bool {
    let said = |words: &Words| words.keys.local_binding.as_ref().map(|said| (words.scope, said.value));
    let counts = |words: &&Words| words.trusted || words.keys.local_binding.as_ref().is_some_and(|said| !said.value);
    layers.iter().filter(counts).filter_map(said).max().is_some_and(|(_, value)| value)
}

impl Network {
    fn deny(
        &mut self,
        entry: &Sourced<String>,
        read: Result<Readings, PatternFault>,
        name: RuleName,
        told: &mut Vec<Diagnostic>,
    ) {
        match read {
            // Of an ambiguous entry every reading is denied.
            Ok(Readings(places)) => {
                self.denied.extend(places.into_iter().map(|place| Entry { place, name: name.clone() }));
            }
            Err(fault) => {
                let diagnostic = diagnose(Severity::Error, entry, &fault.to_string(), fault.hint());
                self.broken.get_or_insert_with(|| diagnostic.clone());
                told.push(diagnostic);
            }
        }
    }

    fn deny_web(&mut self, entry: &Sourced<String>, told: &mut Vec<Diagnostic>) {
        let read = match domain(&entry.value) {
            Domain::Every => Ok(HostPattern::Any),
            Domain::Named(text) => HostPattern::parse_domain(text),
            // A tool that is denied as a whole says nothing about hosts; a rule about something else is another's.
            Domain::Tool | Domain::Other => return,
        };
        let read = read.map(|pattern| Readings(vec![Place { pattern, port: None }]));
        self.deny(
            entry,
            read,
            RuleName { text: entry.value.clone(), origin: entry.origin.clone(), list: List::Deny },
            told,
        );
    }

    fn allow(&mut self, entry: &Sourced<String>, kind: Kind, told: &mut Vec<Diagnostic>) {
        let place = match allowed(&entry.value) {
            Ok(place) => place,
            Err((message, hint)) => return told.push(diagnose(Severity::Warning, entry, &message, hint)),
        };
        let entry = Entry { place, name: rule_name(kind, entry) };
        match kind {
            Kind::Allowed => self.allowed.push(entry),
            Kind::Opaque => self.opaque.push(entry),
            Kind::Passthrough => self.passthrough.push(entry),
            Kind::Denied => {}
        }
    }

    fn allow_web(&mut self, entry: &Sourced<String>, told: &mut Vec<Diagnostic>) {
        let read = match domain(&entry.value) {
            Domain::Named(text) => HostPattern::parse_domain(text),
            // A tool that may fetch from everywhere does not open every host to commands.
            Domain::Tool | Domain::Every | Domain::Other => return,
        };
        match read {
            Ok(pattern) if too_wide(&pattern).is_none() => {
                let name = RuleName { text: entry.value.clone(), origin: entry.origin.clone(), list: List::Allow };
                self.allowed.push(Entry { place: Place { pattern, port: None }, name });
            }
            Ok(_) => {}
            Err(fault) => told.push(diagnose(Severity::Warning, entry, &fault.to_string(), fault.hint())),
        }
    }
}

/// Reads an entry that allows; an error is what it is instead, and what to write.
pub fn allowed(text: &str) -> Result<Place, (String, &'static str)> {
    let place = match Readings::parse(text).map(Readings::certain) {
        Ok(Some(place)) => place,
        Ok(None) => {
            let hint = "write `[address]` or `[address]:port`";
            return Err(("can be read in two ways, and allows nothing".to_owned(), hint));
        }
        Err(fault) => return Err((fault.to_string(), fault.hint())),
    };
    match too_wide(&place.pattern) {
        Some((message, hint)) => Err((message.to_owned(), hint)),
        None => Ok(place),
    }
}

/// Returns what is wrong with an entry that would allow hosts of anybody.
fn too_wide(pattern: &HostPattern) -> Option<(&'static str, &'static str)> {
    match pattern {
        HostPattern::Any => Some(("allows every host, which a list cannot", "name the hosts")),
        _ if pattern.is_of_numbers() => Some(("has a `*` in an address, which allows nothing", "name each address")),
        HostPattern::Below(name) if !name.contains('.') || SHARED.contains(&name.as_str()) => {
            Some(("allows names that anybody can have", "name the hosts"))
        }
        HostPattern::Labels(labels) if labels.last().is_some_and(|last| last.contains('*')) => {
            Some(("has a `*` in its last label, and allows names that anybody can have", "name the hosts"))
        }
        // What a star in a label leaves open is below the labels behind it.
        HostPattern::Labels(_) if !pattern.is_exact() => too_wide(&HostPattern::Below(pattern.tail())),
        HostPattern::Below(_) | HostPattern::Labels(_) | HostPattern::Address(_) => None,
    }
}

/// What a rule about `WebFetch` names.
enum Domain<'a> {
    Tool,
    Every,
    Named(&'a str),
    Other,
}

fn domain(rule: &str) -> Domain<'_> {
    let inner = rule.trim().strip_prefix("WebFetch(").and_then(|rest| rest.strip_suffix(')'));
    match (rule.trim(), inner.map(|inner| (inner, inner.strip_prefix("domain:")))) {
        ("WebFetch", _) | (_, Some(("*", _))) => Domain::Tool,
        (_, Some((_, Some(text)))) if text.trim() == "*" => Domain::Every,
        (_, Some((_, Some(text)))) => Domain::Named(text),
        (_, Some((_, None)) | None) => Domain::Other,
    }
}

fn rule_name(kind: Kind, entry: &Sourced<String>) -> RuleName {
    let list = if kind == Kind::Denied { List::Deny } else { List::Allow };
    RuleName { text: format!("{}: {}", kind.key(), entry.value), origin: entry.origin.clone(), list }
}

fn diagnose(severity: Severity, entry: &Sourced<String>, what: &str, hint: &str) -> Diagnostic {
    Diagnostic {
        severity,
        origin: entry.origin.clone(),
        column: 0,
        message: format!("`{}` {what}", entry.value),
        hint: Some(hint.to_owned()),
    }
}

impl Network {
    /// Returns the places that the lists allow, in the order of the lists; none where a denial cannot be read.
    pub fn allowed_places(&self) -> impl Iterator<Item = &Place> {
        self.allowed.iter().filter(|_| self.broken.is_none()).map(|entry| &entry.place)
    }

    /// Returns the places that the lists deny.
    pub fn denied_places(&self) -> impl Iterator<Item = &Place> {
        self.denied.iter().map(|entry| &entry.place)
    }

    /// Returns the hosts that the lists deny at a port of the web: nobody fetches from there.
    pub fn denied_hosts(&self) -> impl Iterator<Item = (&HostPattern, &RuleName)> {
        let is_list = |entry: &&Entry| !entry.name.text.starts_with("WebFetch");
        let is_web = |entry: &&Entry| matches!(entry.place.port, None | Some(80 | 443));
        self.denied.iter().filter(is_list).filter(is_web).map(|entry| (&entry.place.pattern, &entry.name))
    }
}
