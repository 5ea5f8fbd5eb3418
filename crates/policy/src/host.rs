//! Host names of URLs, and the patterns of `WebFetch(domain:...)`.

use crate::lint::language::{Language, Letters};

/// A host name as URLs and patterns are compared: lower case, without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host(String);

impl Host {
    /// Reads the host of a URL; `None` when it has none that is certain.
    ///
    /// The forms that readers of URLs disagree about (user information, backslashes, white space,
    /// control characters, percent signs in the host) have no certain host.
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
        let host = if authority.starts_with('[') {
            authority.split_inclusive(']').next()?
        } else {
            authority.split(':').next()?
        };
        Self::parse(host)
    }

    fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() || !name.is_ascii() { None } else { Some(Self(name)) }
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

    /// Returns true when the pattern covers the host.
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
