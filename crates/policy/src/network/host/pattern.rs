//! Patterns of hosts as the lists of settings have them.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use super::{Host, HostFault, Target, check_label, ends_in_number, parse_port};

/// The ports of an entry that names none: those of the web. Any other port is named.
const WEB_PORTS: [u16; 2] = [80, 443];

/// A pattern of hosts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// `*`: every host.
    Any,
    /// `*.name`: every name below it, however deep, and not itself.
    Below(String),
    /// Labels, in which `*` is any text within a label.
    Labels(Vec<String>),
    /// One address.
    Address(IpAddr),
}

/// A pattern and the port it names, if it names one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The hosts.
    pub pattern: HostPattern,
    /// The port as written.
    pub port: Option<u16>,
}

/// What an entry can mean. More than one: it is ambiguous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings(pub Vec<Place>);

/// Why an entry names no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PatternFault {
    /// A URL, or a block of addresses.
    #[error("is a URL or a block of addresses")]
    Url,
    /// The host is none.
    #[error("is no host")]
    Host(#[source] HostFault),
    /// A star where none can stand.
    #[error("has a `*` where none can stand")]
    Star,
}

impl PatternFault {
    /// Returns what to write instead.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Url => "write the host alone, as in `example.com` or `example.com:8443`",
            Self::Host(HostFault::Foreign) => "write its ASCII form, which begins with `xn--`",
            Self::Host(HostFault::Number) => "write an address as four decimal numbers",
            Self::Host(HostFault::Address | HostFault::Zone) => "write `[2001:db8::1]` or `[2001:db8::1]:443`",
            Self::Host(HostFault::Port) => "write a port from 1 to 65535, or none",
            Self::Host(HostFault::Empty) => "write a host, or take the entry away",
            Self::Host(HostFault::Long | HostFault::Label | HostFault::Letter) | Self::Star => {
                "write a host such as `example.com` or `*.example.com`"
            }
        }
    }
}

impl Readings {
    /// Reads an entry of `allowedDomains` or `deniedDomains`: `host`, `*.host`, `[address]`, each with or without
    /// `:port`. An address of version 6 without brackets is ambiguous when its last group can be a port.
    pub fn parse(entry: &str) -> Result<Self, PatternFault> {
        let colons = entry.bytes().filter(|byte| *byte == b':').count();
        if entry.contains("://") || entry.contains('/') {
            return Err(PatternFault::Url);
        }
        if entry.starts_with('[') || colons < 2 {
            let end = if entry.starts_with('[') { entry.find(']').map(|at| at + 1) } else { entry.find(':') };
            let (host, rest) = entry.split_at_checked(end.unwrap_or(entry.len())).unwrap_or((entry, ""));
            let port = match rest.strip_prefix(':') {
                Some(digits) => Some(parse_port(digits).map_err(PatternFault::Host)?),
                None if rest.is_empty() => None,
                None => return Err(PatternFault::Host(HostFault::Port)),
            };
            return Ok(Self(vec![Place { pattern: HostPattern::parse(host)?, port }]));
        }
        let whole = Host::parse_bare(entry).ok().map(|host| (host, None));
        let split = entry.rsplit_once(':').and_then(|(host, digits)| {
            let port = parse_port(digits).ok().filter(|port| *port > 0)?;
            Some((Host::parse_bare(host).ok()?, Some(port)))
        });
        let place =
            |(host, port): (Host, Option<u16>)| Some(Place { pattern: HostPattern::Address(host.as_address()?), port });
        let places: Vec<Place> = [whole, split].into_iter().flatten().filter_map(place).collect();
        if places.is_empty() { Err(PatternFault::Host(HostFault::Address)) } else { Ok(Self(places)) }
    }

    /// Returns the one reading, if there is one.
    pub fn certain(self) -> Option<Place> {
        let mut places = self.0.into_iter();
        let first = places.next()?;
        places.next().is_none().then_some(first)
    }
}

impl HostPattern {
    /// Reads the pattern of a `WebFetch(domain:...)` rule, which names no port: brackets may be left away.
    pub fn parse_domain(text: &str) -> Result<Self, PatternFault> {
        let text = text.trim();
        text.parse::<Ipv6Addr>()
            .map_or_else(|_| Self::parse(text), |address| Ok(Self::exactly(&Host::from_address(IpAddr::V6(address)))))
    }

    /// Reads a pattern without a port.
    fn parse(text: &str) -> Result<Self, PatternFault> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if !text.contains('*') {
            return Host::parse(text).map(|host| Self::exactly(&host)).map_err(PatternFault::Host);
        }
        if !text.is_ascii() {
            return Err(PatternFault::Host(HostFault::Foreign));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        // A star stands for a letter, so that the label around it is judged as one.
        let letters = name.replace('*', "a");
        letters.split('.').try_for_each(check_label).map_err(PatternFault::Host)?;
        match name.strip_prefix("*.") {
            Some(rest) if !rest.contains('*') => Ok(Self::Below(rest.to_owned())),
            Some(_) | None => Ok(Self::Labels(name.split('.').map(str::to_owned).collect())),
        }
    }

    /// Returns the pattern of one host.
    pub fn exactly(host: &Host) -> Self {
        match host.as_address() {
            Some(address) => Self::Address(address),
            None => Self::Labels(host.to_string().split('.').map(str::to_owned).collect()),
        }
    }

    /// Returns true when the pattern covers the host.
    pub fn covers(&self, host: &Host) -> bool {
        match (self, host.as_name(), host.as_address()) {
            (Self::Any, _, _) => true,
            (Self::Address(own), _, Some(address)) => *own == address,
            (Self::Below(domain), Some(name), _) => is_below(domain, name),
            (Self::Labels(labels), Some(name), _) => match_labels(labels, name),
            (Self::Address(_) | Self::Below(_) | Self::Labels(_), _, _) => false,
        }
    }

    /// Returns true when a rule that tightens covers the host: a `*.` before other stars is any depth, and stars
    /// cover the numbers of an address of version 4 too.
    pub fn tightens(&self, host: &Host) -> bool {
        let shown = host.to_string();
        let name = shown.as_str();
        match self {
            Self::Any | Self::Address(_) => self.covers(host),
            Self::Below(domain) => is_below(domain, name),
            Self::Labels(labels) => {
                let Some((first, rest)) = labels.split_first() else { return false };
                let mut tails = name.match_indices('.').filter_map(|(at, _)| name.get(at + 1..));
                match_labels(labels, name) || first == "*" && tails.any(|tail| match_labels(rest, tail))
            }
        }
    }

    /// Returns true for a pattern with stars whose end no name has: it could cover addresses alone.
    pub fn is_of_numbers(&self) -> bool {
        match self {
            Self::Any | Self::Address(_) => false,
            Self::Below(name) => ends_in_number(name),
            Self::Labels(labels) => labels.last().is_some_and(|last| {
                let has_digit = last.bytes().any(|byte| byte.is_ascii_digit());
                has_digit && ends_in_number(&last.replace('*', "0"))
            }),
        }
    }

    /// Returns true for the pattern of every host.
    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }

    /// Returns true when it names one host and no other.
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Any | Self::Below(_) => false,
            Self::Labels(labels) => labels.iter().all(|label| !label.contains('*')),
            Self::Address(_) => true,
        }
    }
}

impl Place {
    /// Returns true when an entry that allows covers the target: without a port it means the web's.
    pub fn admits(&self, target: &Target) -> bool {
        let port = target.port();
        self.pattern.covers(&target.host) && self.port.map_or(WEB_PORTS.contains(&port), |own| own == port)
    }

    /// Returns true when an entry that denies covers the target: without a port it means every port.
    pub fn forbids(&self, target: &Target) -> bool {
        self.pattern.tightens(&target.host) && self.port.is_none_or(|own| own == target.port())
    }
}

fn is_below(domain: &str, name: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|left| left.len() > 1 && left.ends_with('.'))
}

fn match_labels(labels: &[String], name: &str) -> bool {
    let mut parts = name.split('.');
    labels.iter().all(|label| parts.next().is_some_and(|part| match_star(label, part))) && parts.next().is_none()
}

/// Returns true when a label matches, `*` being any text.
pub fn match_star(pattern: &str, label: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = label.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("*"),
            Self::Below(name) => write!(formatter, "*.{name}"),
            Self::Labels(labels) => formatter.write_str(&labels.join(".")),
            Self::Address(address) => write!(formatter, "{}", Host::from_address(*address)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(formatter, "{}:{port}", self.pattern),
            None => write!(formatter, "{}", self.pattern),
        }
    }
}
