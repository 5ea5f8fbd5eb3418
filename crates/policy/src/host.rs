//! Host names of URLs, and the patterns of `WebFetch(domain:...)`.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::lint::language::{Language, Letters};

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
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => match rest.split_once(']')? {
                (address, "") => (address, None),
                (address, port) => (address, Some(port.strip_prefix(':')?)),
            },
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        if port.is_some_and(|port| !port.chars().all(|digit| digit.is_ascii_digit())) {
            return None;
        }
        if authority.starts_with('[') { Self::address(host) } else { Self::parse(host) }
    }

    /// Reads the host of a URL that names a user before it; no allow rule may be asked about it.
    pub(crate) fn behind_user(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (_, host) = authority.rsplit_once('@')?;
        Self::of_url(&format!("{scheme}://{host}/"))
    }

    /// Reads a name. A name of letters beyond ASCII has no certain form, and neither has a number that
    /// only some readers take for an address.
    fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_name =
            |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !name.split('.').all(is_name) {
            return None;
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_number = last.chars().all(|digit| digit.is_ascii_digit()) || last.starts_with("0x");
        if is_number && name.parse::<Ipv4Addr>().is_err() {
            return None;
        }
        Some(Self(name))
    }

    /// Reads an address of version 6; one that holds an address of version 4 is that one.
    fn address(text: &str) -> Option<Self> {
        let address = text.parse::<Ipv6Addr>().ok()?;
        Some(Self(address.to_ipv4_mapped().map_or_else(|| format!("[{address}]"), |inner| inner.to_string())))
    }

    /// Returns the name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host pattern: a name, `*.name` for every name below it, `*` for all, or `*` within a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum HostPattern {
    Any,
    Below(String),
    Labels(Vec<String>),
}

impl HostPattern {
    /// Reads a pattern; an error says what is wrong and what to write.
    pub(crate) fn parse(text: &str) -> Result<Self, (&'static str, &'static str)> {
        let name = text.trim().strip_suffix('.').unwrap_or(text.trim()).to_ascii_lowercase();
        if name == "*" {
            return Ok(Self::Any);
        }
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
        if let Ok(address) = bare.parse::<Ipv6Addr>() {
            let host = address.to_ipv4_mapped().map_or_else(|| format!("[{address}]"), |inner| inner.to_string());
            return Ok(Self::Labels(host.split('.').map(str::to_owned).collect()));
        }
        if !name.is_ascii() {
            return Err(("has letters that no host name has", "write its ASCII form, which begins with `xn--`"));
        }
        if name.contains("://") || name.contains('/') {
            return Err(("is a URL", "write the host alone, as in `WebFetch(domain:example.com)`"));
        }
        if name.contains(':') {
            return Err(("has a port", "leave the port away: a rule means every port"));
        }
        let valid = |letter: char| letter.is_ascii_alphanumeric() || "-_.*".contains(letter);
        if !name.chars().all(valid) || name.split('.').any(str::is_empty) {
            return Err(("is no host name", "write `WebFetch(domain:example.com)`"));
        }
        if let Some(rest) = name.strip_prefix("*.")
            && !rest.contains('*')
        {
            return Ok(Self::Below(rest.to_owned()));
        }
        Ok(Self::Labels(name.split('.').map(str::to_owned).collect()))
    }

    /// Returns the names that the pattern covers.
    pub(crate) fn language(&self) -> Language {
        let mut language = Language::empty_text();
        match self {
            Self::Any => language.then_many(&Letters::any()),
            Self::Below(domain) => {
                language.then(&Letters::any());
                language.then_many(&Letters::any());
                language.then_text(&format!(".{domain}"));
            }
            Self::Labels(labels) => {
                for (index, label) in labels.iter().enumerate() {
                    language.then_text(if index == 0 { "" } else { "." });
                    crate::command::spell(label, &Letters::but('.'), &mut language);
                }
            }
        }
        language
    }

    /// Returns the last labels that every host it covers has; empty where any host may do.
    pub(crate) fn tail(&self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Below(domain) => domain.clone(),
            Self::Labels(labels) => {
                let start = labels.iter().rposition(|label| label.contains('*')).map_or(0, |at| at + 1);
                labels.get(start..).unwrap_or_default().join(".")
            }
        }
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
