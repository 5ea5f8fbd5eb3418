//! The upstream proxy as environment variables write it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Language, Upstream};
use crate::host::{HostPattern, Place, Readings, Target};

/// The ports of proxies where none is written.
const HTTP_PORT: u16 = 80;
const SOCKS_PORT: u16 = 1080;

/// Why a text is no upstream proxy. None of these shows the text, which can hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamFault {
    /// It is spoken to in another way than by plain HTTP or SOCKS 5.
    #[error("the proxy of the network around is spoken to by something else than plain HTTP or SOCKS 5")]
    Scheme,
    /// Its host or port cannot be read.
    #[error("the host or port of the proxy of the network around cannot be read")]
    Host,
    /// Its user or password cannot be read.
    #[error("the user or password of the proxy of the network around cannot be read")]
    User,
}

impl Upstream {
    /// Reads `[http://][USER[:PASSWORD]@]HOST[:PORT][/]` or `socks5://HOST[:PORT][/]` (`socks5h` means the same), and a list of hosts that go direct: `HOST`, which means what
    /// lies below it too, `.HOST`, an address, `*`.
    pub fn parse(proxy: &str, direct: &str) -> Result<Self, UpstreamFault> {
        let (language, rest) = match proxy.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Language::Http, rest),
            Some((scheme, rest)) if ["socks5", "socks5h"].iter().any(|own| scheme.eq_ignore_ascii_case(own)) => {
                (Language::Socks, rest)
            }
            Some(_) => return Err(UpstreamFault::Scheme),
            None => (Language::Http, proxy),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
        if language == Language::Socks && user.is_some() {
            return Err(UpstreamFault::User);
        }
        let port = if language == Language::Socks { SOCKS_PORT } else { HTTP_PORT };
        let target = Target::parse(host, Some(port)).map_err(|_| UpstreamFault::Host)?;
        let authorization = user.map(authorization).transpose()?;
        Ok(Self { target, language, authorization, direct: direct.split(',').flat_map(places).collect() })
    }
}

/// Returns the value of `Proxy-Authorization` for a user as URLs write it.
fn authorization(user: &str) -> Result<String, UpstreamFault> {
    let mut bytes = Vec::new();
    let mut rest = user.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else { return Err(UpstreamFault::User) };
            bytes.push(u8::try_from(high * 16 + low).map_err(|_| UpstreamFault::User)?);
        } else {
            bytes.push(byte);
        }
    }
    if !bytes.contains(&b':') {
        bytes.push(b':');
    }
    Ok(format!("Basic {}", STANDARD.encode(bytes)))
}

/// Returns the places that an entry of the list means; none where it cannot be read: what it names goes by the proxy.
fn places(entry: &str) -> Vec<Place> {
    let entry = entry.trim();
    let name = entry.strip_prefix("*.").or_else(|| entry.strip_prefix('.')).unwrap_or(entry);
    let Some(place) = Readings::parse(name).ok().and_then(Readings::certain) else { return Vec::new() };
    let below = match &place.pattern {
        HostPattern::Labels(labels) if place.pattern.is_exact() => {
            Some(Place { pattern: HostPattern::Below(labels.join(".")), port: place.port })
        }
        HostPattern::Any | HostPattern::Below(_) | HostPattern::Labels(_) | HostPattern::Address(_) => None,
    };
    [Some(place), below].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::{Upstream, UpstreamFault};
    use crate::host::Target;

    #[test]
    fn what_variables_write_is_read() {
        let upstream =
            Upstream::parse("http://me:p%40ss@proxy.corp:3128/", "localhost, .corp,10.0.0.1,bad host").unwrap();
        assert_eq!(upstream.target.to_string(), "proxy.corp:3128");
        assert_eq!(upstream.authorization(), Some("Basic bWU6cEBzcw=="));
        for (host, is_direct) in [
            ("localhost:80", true),
            ("a.corp:443", true),
            ("corp:443", true),
            ("10.0.0.1:8080", true),
            ("corp.example:443", false),
            ("10.0.0.2:80", false),
        ] {
            assert_eq!(upstream.is_direct(&Target::parse(host, None).unwrap()), is_direct, "{host}");
        }
        assert_eq!(Upstream::parse("proxy", "").unwrap().target.to_string(), "proxy:80");
        assert_eq!(Upstream::parse("socks5h://proxy", "").unwrap().target.to_string(), "proxy:1080");
        assert!(Upstream::parse("proxy", "*").unwrap().is_direct(&Target::parse("a.example:1", None).unwrap()));
    }

    #[test]
    fn what_cannot_be_read_is_no_proxy() {
        for (text, fault) in [
            ("socks4://proxy:1080", UpstreamFault::Scheme),
            ("socks5://me@proxy:1080", UpstreamFault::User),
            ("https://proxy", UpstreamFault::Scheme),
            ("http://", UpstreamFault::Host),
            ("http://a b", UpstreamFault::Host),
            ("http://x%zz@proxy", UpstreamFault::User),
        ] {
            assert_eq!(Upstream::parse(text, "").unwrap_err(), fault, "{text}");
        }
    }
}
