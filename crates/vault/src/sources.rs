//! How the owner says which servers hold secrets, and with what token they are asked.

use core::fmt;
use std::collections::BTreeMap;
use std::str::FromStr;

use policy::network::host::{Host, HostFault, Target};

use crate::Reference;

/// What is configured. A source that is not there is not asked.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// 1Password.
    pub one_password: Option<OnePassword>,
    /// Vault, or what speaks as it does.
    pub hashicorp: Option<HashiCorp>,
    /// AWS Secrets Manager.
    pub aws: Option<Aws>,
    /// Doppler.
    pub doppler: Option<Doppler>,
    /// Infisical.
    pub infisical: Option<Infisical>,
    /// The keychain of the operating system.
    pub keychain: Option<Keychain>,
    /// Certificates (DER) of those whom servers are believed by. With none, no server is.
    pub roots: Vec<Vec<u8>>,
}

/// Ways to 1Password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnePassword {
    /// The program `op`, with a service account's token, or signed in as the person is.
    Program {
        /// The account where the person has several.
        account: Option<String>,
        /// The token of a service account.
        token: Option<Token>,
    },
    /// A Connect server.
    Connect {
        /// Where it is.
        server: Endpoint,
        /// Its access token.
        token: Token,
    },
}

/// A Vault server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashiCorp {
    /// Where it is.
    pub server: Endpoint,
    /// Who asks.
    pub login: HashiCorpLogin,
    /// The namespace, on servers that have several.
    pub namespace: Option<String>,
    /// Versions of mounts. The server is asked about others.
    pub versions: BTreeMap<String, KvVersion>,
}

/// Who asks a Vault server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashiCorpLogin {
    /// Whoever has this token.
    Token(Token),
    /// A role.
    AppRole {
        /// Where the method of logging in is mounted; `approle` as a rule.
        mount: String,
        /// The role.
        role: String,
        /// Its secret.
        secret: Token,
    },
}

/// The version of a mount for keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvVersion {
    /// Values without history.
    One,
    /// Values with versions.
    Two,
}

/// AWS Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aws {
    /// The key's identifier.
    pub key: Token,
    /// The key.
    pub secret: Token,
    /// The token of a session, for keys that end.
    pub session: Option<Token>,
    /// Another server than the region's own.
    pub server: Option<Endpoint>,
}

/// Doppler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doppler {
    /// Where it is; `https://api.doppler.com` as a rule.
    pub server: Endpoint,
    /// The token.
    pub token: Token,
}

/// Infisical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Infisical {
    /// Where it is; `https://app.infisical.com` or `https://eu.infisical.com` as a rule.
    pub server: Endpoint,
    /// Which of its interfaces it has.
    pub version: InfisicalVersion,
    /// Who asks.
    pub login: InfisicalLogin,
}

/// Which interface for secrets a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InfisicalVersion {
    /// `/api/v3/secrets/raw`, of servers that are older.
    Three,
    /// `/api/v4/secrets`.
    Four,
}

/// Who asks Infisical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InfisicalLogin {
    /// Whoever has this token.
    Token(Token),
    /// A machine identity.
    Universal {
        /// Its identifier.
        client: String,
        /// Its secret.
        secret: Token,
    },
}

/// Ways to the keychain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keychain {
    /// The Secret Service on a session's bus, by the bus' address (`DBUS_SESSION_BUS_ADDRESS`).
    SecretService {
        /// The address.
        bus: String,
    },
    /// The program `security` of macOS.
    Security,
}

/// A reference to a secret that opens a source.
///
/// It is one that is had without another secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(Reference);

/// Why a reference names no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token of a source is itself in {source_of_token}")]
pub struct TokenFault {
    source_of_token: crate::Source,
}

impl TokenFault {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        "name a variable, a file, a program or an entry of the keychain"
    }
}

impl TryFrom<Reference> for Token {
    type Error = TokenFault;

    fn try_from(reference: Reference) -> Result<Self, TokenFault> {
        let source_of_token = reference.source();
        if source_of_token.is_first() { Ok(Self(reference)) } else { Err(TokenFault { source_of_token }) }
    }
}

impl Token {
    pub(crate) fn reference(&self) -> &Reference {
        &self.0
    }
}

/// A server: `https://host`, `https://host:port/prefix`, or `http://` to this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    text: String,
    authority: String,
}

/// Why a text names no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointFault {
    /// Neither of the two schemes.
    #[error("the server's address does not begin with `https://`")]
    Scheme,
    /// In clear text to another machine.
    #[error("a server elsewhere is asked in clear text")]
    Clear,
    /// No host, or one with other characters.
    #[error("the server's address has no host, or an odd one")]
    Host,
    /// No port, or another text.
    #[error("the server's port is no number from 1 to 65535")]
    Port,
    /// Something besides a path.
    #[error("the server's address has more than a host, a port and a path")]
    Path,
}

impl EndpointFault {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Scheme | Self::Host | Self::Port | Self::Path => {
                "write `https://host`, `https://host:port` or `https://host/path`"
            }
            Self::Clear => "write `https://`; `http://` is for 127.0.0.1 and [::1], written so",
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointFault;

    fn from_str(text: &str) -> Result<Self, EndpointFault> {
        let (is_clear, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(EndpointFault::Scheme),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let usual = if is_clear { 80 } else { 443 };
        let target = Target::parse(authority, Some(usual)).map_err(|fault| match fault {
            HostFault::Port if !authority.contains('@') => EndpointFault::Port,
            _ => EndpointFault::Host,
        })?;
        if is_clear && !is_here(&target.host) {
            return Err(EndpointFault::Clear);
        }
        let authority = if target.port() == usual { target.host.to_string() } else { target.to_string() };
        let path = path.trim_end_matches('/');
        let is_plain = |part: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            !matches!(part, "" | "." | "..") && part.bytes().all(is_plain)
        };
        if !path.is_empty() && !path.split('/').all(is_plain) {
            return Err(EndpointFault::Path);
        }
        let slash = if path.is_empty() { "" } else { "/" };
        let scheme = if is_clear { "http" } else { "https" };
        Ok(Self { text: format!("{scheme}://{authority}{slash}{path}"), authority })
    }
}

impl Endpoint {
    /// Returns the address with a path behind it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Returns the host and the port as they stand in a request.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns whether nothing stands behind host and port.
    pub(crate) fn is_bare(&self) -> bool {
        self.text.ends_with(&self.authority)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Returns whether a host is this machine. Where a name leads, even `localhost`, others say.
fn is_here(host: &Host) -> bool {
    host.as_address().is_some_and(|address| address.is_loopback())
}
