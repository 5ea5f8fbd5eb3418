//! Host names of URLs, and the patterns of `WebFetch(domain:...)`.

use core::net::{Ipv4Addr, Ipv6Addr};

/// A host name as URLs and patterns are compared: lower case, without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host(String);

impl Host {
    /// Reads the host of a URL; `None` when it has none that is certain.
    ///
    /// The forms that readers of URLs disagree about (user information, backslashes, white space,
    /// control characters, percent signs in the host, addresses in another than their canonical spelling)
    /// have no certain host.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        if url.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\') {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        let authority = rest.split(['/', '?', '#']).next()?;
        if authority.contains(['@', '%']) {
            return None;
        }
        let port_at = authority.rfind(']').map(|at| at + 1).or_else(|| authority.find(':')).unwrap_or(authority.len());
        let (host, port) = authority.split_at_checked(port_at)?;
        let port_is_plain = port.strip_prefix(':').unwrap_or(port).bytes().all(|byte| byte.is_ascii_digit());
        if !port_is_plain || !(port.is_empty() || port.starts_with(':')) {
            return None;
        }
        Self::parse(&host.to_ascii_lowercase())
    }

    /// Takes a host in lower case: a name of plain labels, or an address in its one canonical spelling.
    fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']')?;
            let address: Ipv6Addr = inner.parse().ok()?;
            let certain = address.to_string() == inner && address.to_ipv4_mapped().is_none();
            return certain.then(|| Self(text.to_owned()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !name.split('.').all(|label| !label.is_empty() && label.bytes().all(plain)) {
            return None;
        }
        // Where the last label is a number, readers of URLs take the whole for an IPv4 address.
        let last = name.rsplit('.').next()?;
        let is_number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && !name.parse::<Ipv4Addr>().is_ok_and(|address| address.to_string() == name) {
            return None;
        }
        Some(Self(name.to_owned()))
    }

    /// Returns the name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host pattern: a name, `*.name` for every name below it, `*` for all, or `*` within a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostPattern {
    Any,
    Below(String),
    Labels(Vec<String>),
}

impl HostPattern {
    /// Reads a pattern; `None` when it holds what no host name has.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name = text.trim().strip_suffix('.').unwrap_or(text.trim()).to_ascii_lowercase();
        if name == "*" {
            return Some(Self::Any);
        }
        let valid = |letter: char| letter.is_ascii_alphanumeric() || "-_.*[]:".contains(letter);
        if name.is_empty() || !name.chars().all(valid) || name.split('.').any(str::is_empty) {
            return None;
        }
        if let Some(rest) = name.strip_prefix("*.")
            && !rest.contains('*')
        {
            return Some(Self::Below(rest.to_owned()));
        }
        Some(Self::Labels(name.split('.').map(str::to_owned).collect()))
    }

    /// Returns true when a rule that tightens covers the host: a `*.` before other wildcards is any depth.
    pub(crate) fn tightens(&self, host: &Host) -> bool {
        let mut below = host.as_str();
        while let (Self::Labels(labels), Some((_, rest))) = (self, below.split_once('.')) {
            below = rest;
            let matches = |(pattern, label): (&String, &str)| crate::command::star_matches(pattern, label);
            if labels.first().is_some_and(|first| first == "*")
                && labels.len() == below.split('.').count() + 1
                && labels.iter().skip(1).zip(below.split('.')).all(matches)
            {
                return true;
            }
        }
        self.covers(host)
    }

    /// Returns true when the pattern covers the host under every reading.
    pub(crate) fn covers(&self, host: &Host) -> bool {
        match self {
            Self::Any => true,
            Self::Below(domain) => {
                host.as_str().strip_suffix(domain.as_str()).is_some_and(|left| left.len() > 1 && left.ends_with('.'))
            }
            Self::Labels(labels) => {
                let parts: Vec<&str> = host.as_str().split('.').collect();
                parts.len() == labels.len()
                    && labels.iter().zip(parts).all(|(pattern, label)| crate::command::star_matches(pattern, label))
            }
        }
    }
}
