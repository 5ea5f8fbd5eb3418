//! An agent for ssh that has no keys: it passes on what may be signed, and nothing else.
//!
//! A confined program gets a socket. Behind it are the named keys of the person's agent, and of what that agent can do
//! one thing: to sign a login with a named key at a named host. The program proves which host it is at by the
//! extension `session-bind@openssh.com`: the host's own signature of the session. Everything is judged by a pure
//! function ([`judge::Conversation`]) and recorded before the agent is asked.

pub mod judge;
pub mod known_hosts;
pub mod login;
pub mod message;
pub mod proof;

mod proxy;

use core::fmt;
use core::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::digest::{SHA256, digest};

pub use known_hosts::{KnownHosts, KnownHostsFault, Server, ServerFault};
pub use proxy::{Journal, NotRecorded, Proxy, Record, Stop, Verdict};

/// A key, by the digest of its public part, as `ssh-keygen -l` shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Returns the fingerprint of a public key's bytes.
    pub fn of(key: &[u8]) -> Self {
        Self(format!("SHA256:{}", STANDARD_NO_PAD.encode(digest(&SHA256, key))))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A key that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    fingerprint: Fingerprint,
    comment: String,
}

/// Why a text names no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is neither a public key's line nor its fingerprint")]
pub struct NamedKeyFault;

impl NamedKeyFault {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        "write the line of the `.pub` file, or the `SHA256:` fingerprint that `ssh-add -l` shows"
    }
}

impl NamedKey {
    /// Returns its fingerprint.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Returns what it is called, if its line says so. It is what the program inside is told.
    pub fn comment(&self) -> &str {
        &self.comment
    }
}

impl FromStr for NamedKey {
    type Err = NamedKeyFault;

    fn from_str(text: &str) -> Result<Self, NamedKeyFault> {
        let text = text.trim();
        if let Some(encoded) = text.strip_prefix("SHA256:") {
            let bytes = STANDARD_NO_PAD.decode(encoded).map_err(|_| NamedKeyFault)?;
            let is_digest = bytes.len() == 32;
            let named = Self { fingerprint: Fingerprint(text.to_owned()), comment: String::new() };
            return if is_digest { Ok(named) } else { Err(NamedKeyFault) };
        }
        let (kind, rest) = text.split_once(' ').ok_or(NamedKeyFault)?;
        let (encoded, comment) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
        let key = STANDARD.decode(encoded).map_err(|_| NamedKeyFault)?;
        if message::kind(&key) != Some(kind) || comment.contains(char::is_control) {
            return Err(NamedKeyFault);
        }
        Ok(Self { fingerprint: Fingerprint::of(&key), comment: comment.trim().to_owned() })
    }
}
