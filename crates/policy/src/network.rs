//! The rules of the network: which connections are allowed, asked about, denied.

pub mod address;
mod compile;
pub mod host;

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeSet;

pub use compile::{allowed, compile};

use crate::layer::{Layer, NetworkKeys, Sourced};
use crate::{Diagnostic, List, Origin, Scope, Verdict};
use address::{Reach, Surroundings, is_inner_name};
use host::{Host, HostPattern, Place, Target};

/// The port on the loopback interface inside at which clients of the proxy are served.
pub const PROXY_PORT: u16 = 3128;
/// Ports at which programs that know no proxy are taken to it.
const PORTS_MAX: usize = 64;

/// What one layer of settings says about the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The layer's scope.
    pub scope: Scope,
    /// True when the layer may widen.
    pub trusted: bool,
    /// `sandbox.network`.
    pub keys: NetworkKeys,
    /// The rules `WebFetch` and `WebFetch(domain:...)` of `permissions.allow`, as written.
    pub web_allow: Vec<Sourced<String>>,
    /// The same of `permissions.deny`.
    pub web_deny: Vec<Sourced<String>>,
}

impl Words {
    /// Returns the words of a layer that says nothing.
    pub fn none(scope: Scope) -> Self {
        Self {
            scope,
            trusted: matches!(scope, Scope::Builtin | Scope::User | Scope::Flag | Scope::Managed),
            keys: NetworkKeys::default(),
            web_allow: Vec::new(),
            web_deny: Vec::new(),
        }
    }

    /// Returns the words of a layer. Its rules count where rules of its scope do.
    pub(crate) fn of(layer: &Layer, has_rules: bool) -> Self {
        let web = |list: &[Sourced<String>]| -> Vec<Sourced<String>> {
            list.iter().filter(|rule| has_rules && rule.value.trim().starts_with("WebFetch")).cloned().collect()
        };
        Self {
            scope: layer.scope,
            trusted: layer.trusted,
            keys: layer.sandbox.network.clone(),
            web_allow: web(&layer.allow),
            web_deny: web(&layer.deny),
        }
    }
}

/// A rule as reasons and records name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleName {
    /// The entry as written, with its list: `allowedDomains: example.com`.
    pub text: String,
    /// Where it stands.
    pub origin: Origin,
    /// Which way it decides.
    pub list: List,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) name: RuleName,
}

impl Entry {
    /// Returns true for an entry with the same words in the same file, on whatever line.
    fn is_like(&self, other: &Self) -> bool {
        let file = |entry: &Self| (entry.name.origin.scope, entry.name.origin.file.clone());
        self.place == other.place && self.name.text == other.name.text && file(self) == file(other)
    }
}

/// The rules in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Network {
    pub(crate) allowed: Vec<Entry>,
    pub(crate) denied: Vec<Entry>,
    pub(crate) opaque: Vec<Entry>,
    /// Places whose TLS passes.
    pub(crate) passthrough: Vec<Entry>,
    pub(crate) strict: Option<Origin>,
    pub(crate) managed_only: Option<Origin>,
    pub(crate) local_binding: bool,
    /// Why everything is refused: a denial that cannot be read.
    pub(crate) broken: Option<Diagnostic>,
    /// Addresses and ports of this machine that a person has opened by name.
    pub forwards: Vec<SocketAddr>,
    /// This machine and its network.
    pub surroundings: Surroundings,
}

/// What the rules say about a target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Ruling {
    /// The verdict.
    pub verdict: Verdict,
    /// The rule that made it, where one did.
    pub rule: Option<RuleName>,
    /// The reason: lower case, no full stop.
    pub reason: String,
}

impl Ruling {
    pub(crate) fn new(verdict: Verdict, rule: Option<&RuleName>, reason: impl Into<String>) -> Self {
        Self { verdict, rule: rule.cloned(), reason: reason.into() }
    }
}

impl Network {
    /// Decides about a target. `extra` is what was allowed beyond the lists: for this command, or by a person.
    pub fn judge(&self, target: &Target, extra: &[Place]) -> Ruling {
        if let Some(diagnostic) = &self.broken {
            let reason = format!("the settings have a denial that cannot be read: {}", diagnostic.message);
            return Ruling::new(Verdict::Deny, None, reason);
        }
        if let Some(entry) = self.denied.iter().find(|entry| entry.place.forbids(target)) {
            let reason = format!("`{}` of {} denies it", entry.name.text, entry.name.origin.place());
            return Ruling::new(Verdict::Deny, Some(&entry.name), reason);
        }
        let is_inner = target.host.as_name().is_some_and(is_inner_name);
        let may = |place: &Place| place.admits(target) && (!is_inner || place.pattern.is_exact());
        if target.host.as_address().is_some_and(|address| self.is_forward(SocketAddr::new(address, target.port()))) {
            return Ruling::new(Verdict::Allow, None, "it is forwarded");
        }
        if let Some(entry) = self.allowed.iter().find(|entry| may(&entry.place)) {
            return Ruling::new(Verdict::Allow, Some(&entry.name), "a rule allows it");
        }
        if self.managed_only.is_none() && extra.iter().any(may) {
            return Ruling::new(Verdict::Allow, None, "it was allowed for this command or session");
        }
        if let Some(ruling) = self.judge_literal(target) {
            return ruling;
        }
        self.judge_rest()
    }

    /// Decides about an address that no rule names: a person is asked about the internet and private networks alone.
    fn judge_literal(&self, target: &Target) -> Option<Ruling> {
        let what = match (target.host.as_address(), target.host.as_name()) {
            (Some(address), _) => match self.surroundings.reach(address) {
                Reach::Public | Reach::Private => return None,
                reach @ (Reach::Link | Reach::Metadata | Reach::Nowhere | Reach::Machine) => reach.phrase(),
            },
            (None, Some(name)) if is_inner_name(name) => "a name that leads inside",
            (None, _) => return None,
        };
        Some(Ruling::new(Verdict::Deny, None, format!("no rule names it, and it is {what}")))
    }

    fn judge_rest(&self) -> Ruling {
        if self.managed_only.is_some() {
            return Ruling::new(Verdict::Deny, None, "only the administrator's lists allow hosts, and none names it");
        }
        if self.strict.is_some() {
            return Ruling::new(Verdict::Deny, None, "no rule allows it, and `strictAllowlist` asks nobody");
        }
        Ruling::new(Verdict::Ask, None, "no rule allows it")
    }

    /// Decides about an address to which an admitted target leads. `extra` is as in [`Network::judge`].
    pub fn judge_address(&self, target: &Target, address: IpAddr, extra: &[Place]) -> Ruling {
        let place = SocketAddr::new(address, target.port());
        let at = Target { host: Host::from_address(address), port: target.port };
        if let Some(entry) = self.denied.iter().find(|entry| !entry.place.pattern.is_any() && entry.place.forbids(&at))
        {
            let reason = format!("it leads to {address}, and `{}` denies that", entry.name.text);
            return Ruling::new(Verdict::Deny, Some(&entry.name), reason);
        }
        if self.is_forward(place) {
            return Ruling::new(Verdict::Allow, None, "it is forwarded");
        }
        let reach = self.surroundings.reach(address);
        let named = self.allowed.iter().find(|entry| entry.place.pattern.is_exact() && entry.place.admits(&at));
        let is_itself = target.host == at.host;
        let is_answered = is_itself && self.managed_only.is_none() && extra.iter().any(|place| place.admits(&at));
        match (reach, named) {
            (Reach::Public, _) => Ruling::new(Verdict::Allow, None, "the address is public"),
            (Reach::Private, _) if is_answered => {
                Ruling::new(Verdict::Allow, None, "it was allowed for this command or session")
            }
            (Reach::Private, Some(entry)) => Ruling::new(Verdict::Allow, Some(&entry.name), "a rule names the address"),
            (Reach::Link | Reach::Metadata, Some(entry)) if is_itself => {
                Ruling::new(Verdict::Allow, Some(&entry.name), "a rule names the address")
            }
            (Reach::Private | Reach::Link | Reach::Metadata | Reach::Nowhere | Reach::Machine, _) => {
                let reason = format!("it leads to {address}, which is {}", reach.phrase());
                Ruling::new(Verdict::Deny, None, reason)
            }
        }
    }

    /// Returns true when connections to the target need not show a name: a rule says so.
    pub fn is_opaque(&self, target: &Target) -> bool {
        self.opaque.iter().any(|entry| entry.place.admits(target))
    }

    /// Returns true when TLS with the target passes the proxy unread, its name compared: for clients that know their server's
    /// certificate, and servers that want one of the client's.
    pub fn passes_tls(&self, target: &Target) -> bool {
        self.passthrough.iter().any(|entry| entry.place.admits(target))
    }

    /// Returns true when a name can be allowed at some port, by a rule or by a person.
    pub fn may_resolve(&self, host: &Host, extra: &[Place]) -> bool {
        if self.broken.is_some()
            || self.denied.iter().any(|entry| entry.place.port.is_none() && entry.place.pattern.tightens(host))
        {
            return false;
        }
        let places = self.allowed.iter().map(|entry| &entry.place).chain(extra);
        let ports: BTreeSet<u16> = places.filter_map(|place| place.port).chain([80, 443]).collect();
        let target = |port| Target::new(host.clone(), port).ok();
        ports.into_iter().filter_map(target).any(|target| self.judge(&target, extra).verdict != Verdict::Deny)
    }

    /// Returns the ports of the web and those that rules name: programs that know no proxy can be taken to it there.
    pub fn ports(&self) -> Vec<u16> {
        let is_inner =
            |place: &Place| matches!(&place.pattern, HostPattern::Labels(labels) if is_inner_name(&labels.join(".")));
        let outer = self.allowed.iter().map(|entry| &entry.place).filter(|place| !is_inner(place));
        let named = outer.filter_map(|place| place.port).filter(|port| *port != PROXY_PORT);
        [80, 443]
            .into_iter()
            .chain(named.collect::<BTreeSet<u16>>())
            .take(PORTS_MAX)
            .collect::<BTreeSet<u16>>()
            .into_iter()
            .collect()
    }

    /// Returns true when programs inside may listen on the loopback interface, where the platform asks.
    pub fn local_binding(&self) -> bool {
        self.local_binding
    }

    /// Returns these rules as they count for a command that began under others. What the files of a repository allow, or
    /// those that the command line named, which can lie there, counts as far as it did then: they may be the command's own by
    /// now. What they denied then stays denied.
    pub fn for_running(mut self, start: &Self) -> Self {
        let is_brought = |origin: &Origin| matches!(origin.scope, Scope::Project | Scope::Local | Scope::Flag);
        let counts = |entry: &Entry, before: &[Entry]| {
            !is_brought(&entry.name.origin) || before.iter().any(|one| one.is_like(entry))
        };
        self.allowed.retain(|entry| counts(entry, &start.allowed));
        self.opaque.retain(|entry| counts(entry, &start.opaque));
        self.passthrough.retain(|entry| counts(entry, &start.passthrough));
        self.denied.extend(start.denied.iter().filter(|entry| is_brought(&entry.name.origin)).cloned());
        let strict = || start.strict.clone().filter(is_brought);
        self.strict = self.strict.or_else(strict);
        let broken = || start.broken.clone().filter(|broken| is_brought(&broken.origin));
        self.broken = self.broken.or_else(broken);
        self.local_binding &= start.local_binding;
        self.forwards.retain(|place| start.forwards.contains(place));
        self.surroundings.clone_from(&start.surroundings);
        self
    }

    fn is_forward(&self, place: SocketAddr) -> bool {
        self.forwards.contains(&place)
    }
}
