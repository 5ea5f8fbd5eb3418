//! The host of a URL.

use super::Host;

impl Host {
    /// Reads the host of a URL; `None` when it has none that is certain.
    ///
    /// The forms that readers of URLs disagree about (user information, backslashes, white space, control characters,
    /// percent signs in the host, addresses in another than their canonical spelling) have no certain host.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        if url.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\') {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        let authority = rest.split(['/', '?', '#']).next()?;
        let end = if authority.starts_with('[') { authority.find(']').map(|at| at + 1) } else { authority.find(':') };
        let (host, rest) = authority.split_at_checked(end.unwrap_or(authority.len()))?;
        let is_port = |port: &str| port.chars().all(|digit| digit.is_ascii_digit());
        let is_whole = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        Self::parse(host).ok().filter(|_| is_whole)
    }

    /// Reads the host of a URL that names a user before it; no allow rule may be asked about it.
    pub(crate) fn behind_user(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (_, host) = authority.rsplit_once('@')?;
        Self::of_url(&format!("{scheme}://{host}/"))
    }
}
