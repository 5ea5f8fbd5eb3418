//! Hosts of URLs and their patterns.

use std::net::Ipv6Addr;

use super::text::stars;

/// Returns the host of a URL, if every reader of URLs finds the same.
pub(super) fn of_url(url: &str) -> Option<String> {
    let lower = url.to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"))?;
    if !rest.chars().all(|letter| letter.is_ascii_graphic() && letter != '\\') {
        // A letter outside ASCII is no doubt where it stands behind the host.
        let visible = |letter: char| !letter.is_control() && !letter.is_whitespace() && letter != '\\';
        if !rest.chars().all(visible) {
            return None;
        }
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let (host, port) = match authority.rfind(']') {
        Some(at) => (&authority[..=at], &authority[at + 1..]),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_is_plain = port.is_empty() || (port.starts_with(':') && port[1..].chars().all(|one| one.is_ascii_digit()));
    if !port_is_plain {
        return None;
    }
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        return Some(address(inner.parse().ok()?));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let labels: Vec<&str> = host.split('.').collect();
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !labels.iter().all(|label| !label.is_empty() && label.chars().all(is_letter)) {
        return None;
    }
    // Where the last label is a number, some read the whole as an address.
    let last = labels[labels.len() - 1];
    let number = last.chars().all(|letter| letter.is_ascii_digit()) || last.starts_with("0x");
    let decimal = |label: &&str| label.parse::<u8>().is_ok_and(|byte| byte.to_string() == **label);
    if number && !(labels.len() == 4 && labels.iter().all(decimal)) {
        return None;
    }
    Some(host.to_owned())
}

/// Returns the host that one reader finds where a user is named before it.
pub(super) fn behind_user(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@')?;
    of_url(&format!("{scheme}://{}", &rest[at + 1..end]))
}

/// Returns the pattern in the form in which hosts are compared; `None` when it can be no host.
pub(super) fn pattern(written: &str) -> Option<String> {
    let name = written.trim().to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    if let Ok(known) = bare.parse() {
        return Some(address(known));
    }
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-_.*".contains(letter);
    let sound = name == "*" || (name.chars().all(good) && name.split('.').all(|label| !label.is_empty()));
    sound.then(|| name.to_owned())
}

/// Returns true when a pattern covers a host: `*.` before a name is any depth below it, another `*` stays
/// within its label. Where both stand in one pattern, `*.` is any depth for a rule that tightens.
pub(super) fn covers(pattern: &str, host: &str, tightens: bool) -> bool {
    if pattern == "*" {
        return true;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let whole = |pattern: &str, labels: &[&str]| {
        let own: Vec<&str> = pattern.split('.').collect();
        own.len() == labels.len() && own.iter().zip(labels).all(|(own, label)| stars(own, label))
    };
    match pattern.strip_prefix("*.") {
        Some(rest) if tightens || !rest.contains('*') => (1..labels.len()).any(|at| whole(rest, &labels[at..])),
        Some(_) | None => whole(pattern, &labels),
    }
}

/// Returns an address in the form in which it is compared: one that holds an address of version 4 is that.
fn address(address: Ipv6Addr) -> String {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => {
            let [first, second] = high.to_be_bytes();
            let [third, fourth] = low.to_be_bytes();
            format!("{first}.{second}.{third}.{fourth}")
        }
        _ => format!("[{address}]"),
    }
}
