//! Placeholders: what a confined program has instead of a secret, and where the two change places.
//!
//! A placeholder has the secret's length and shape: letters stand for letters, digits for digits, everything else is
//! as it is. So no length on the wire changes, and every form of the two (as it is, in base64 at any place, in
//! hexadecimal digits, with percent signs or escapes) has the same length too and changes places in the same way.
//!
//! This module is pure. Chance is the caller's.

pub mod extract;
mod form;
mod jwt;
mod sigv4;
mod swap;

use core::fmt;

pub use sigv4::{Aws, AwsPair, SigningFault, Unsignable};
pub(crate) use sigv4::{Signed, Signing};
pub use swap::{Found, Swap};

use crate::host::{Host, HostFault, HostPattern, PatternFault, Place, Readings, Target};
use crate::limits::{CHOSEN_MIN, CREDENTIALS_MAX, SECRET_BYTES_MAX};
use crate::wire::request::Request;

/// How far a prefix may reach that a placeholder has from its secret.
const PREFIX_BYTES_MAX: usize = 12;
/// How often another placeholder is tried when one cannot be told from what is there.
const TRIES: usize = 8;

/// A secret. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

/// A secret that a program is to have a placeholder for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// What it is called in records.
    pub name: String,
    /// The secret.
    pub secret: Secret,
    /// Where it goes; nothing for every host that is allowed.
    pub hosts: Vec<Place>,
    /// What its placeholder looks like.
    pub shape: Shape,
}

/// Reads an entry of `injectHosts`: a host as the lists have it, or an address of version 6 without brackets, in the one
/// form in which it is shown. As documented no other form means anything.
pub fn read_inject_host(text: &str) -> Result<Place, PatternFault> {
    match Host::parse_bare(text) {
        Ok(host) if host.as_name().is_none() && text.contains(':') => {
            let is_shown = format!("[{text}]") == host.to_string();
            if is_shown {
                Ok(Place { pattern: HostPattern::exactly(&host), port: None })
            } else {
                Err(PatternFault::Host(HostFault::Address))
            }
        }
        Ok(_) | Err(_) if text.starts_with('[') => Err(PatternFault::Host(HostFault::Address)),
        Ok(_) | Err(_) => Readings::parse(text)?.certain().ok_or(PatternFault::Host(HostFault::Address)),
    }
}

/// What a placeholder looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Other letters and digits behind the same prefix.
    Text,
    /// A JSON web token: the same head, other texts in the claims, or in the named ones alone.
    Token(Vec<String>),
}

/// Why a secret gets no placeholder. Then the program gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialFault {
    /// Its placeholder could be another text.
    #[error("the secret has too few letters and digits for a placeholder")]
    Short,
    /// More than is searched for.
    #[error("the secret is too long for a placeholder")]
    Long,
    /// More than are searched for, or one with this name is there.
    #[error("there is a credential with this name, or too many")]
    Many,
    /// It has another form than was said.
    #[error("the secret is no JSON web token with a signature")]
    Form,
    /// It cannot be told from another credential.
    #[error("the secret is part of another credential")]
    Overlap,
}

/// On what a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// TLS to the server.
    Tls,
    /// Clear text.
    Plain,
}

/// Why a target is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// An entry of the lists admits it.
    Listed,
    /// A person or a command's own list does. It gets only what is bound to it by name.
    Asked,
}

/// The credentials of a run.
#[derive(Debug, Clone, Default)]
pub struct Vault {
    entries: Vec<Entry>,
    /// `sandbox.credentials.allowPlaintextInject`: secrets go to servers in clear text too.
    pub danger_plain: bool,
}

/// The credentials of a run, and how they are used.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The secrets and their placeholders.
    pub vault: Vault,
    /// Those with which requests for AWS are signed.
    pub aws: Aws,
}

impl Credentials {
    /// Signs a request anew that was signed for AWS with a placeholder, and returns true when it was. The request has
    /// its secrets already but for the signature, `original` is what came, `port` need not be named.
    pub fn sign(
        &self,
        request: &mut Request,
        (original, body): (&Request, &[u8]),
        port: u16,
    ) -> Result<bool, SigningFault> {
        match self.aws.detect(original, &self.vault, (Channel::Tls, Listing::Listed))? {
            Signing::None | Signing::Pass => Ok(false),
            Signing::Anew(signed) => signed.sign(request, &self.vault, (body, body), port).map(|()| true),
        }
    }
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    secret: Secret,
    placeholder: String,
    /// Empty for every host that is allowed.
    hosts: Vec<Place>,
}

impl Entry {
    /// Returns true when the secret may go to a target: where no host is named, to every one of the lists.
    fn is_bound(&self, target: &Target, listing: Listing) -> bool {
        // As documented a host here means it at every port, unless one stands there.
        let is_named =
            |place: &Place| place.pattern.covers(&target.host) && place.port.is_none_or(|port| port == target.port());
        if self.hosts.is_empty() { listing == Listing::Listed } else { self.hosts.iter().any(is_named) }
    }
}

impl Vault {
    /// Adds a credential and returns its placeholder.
    pub fn add(&mut self, credential: Credential, random: &mut dyn FnMut() -> u64) -> Result<&str, CredentialFault> {
        let Credential { name, secret, hosts, shape } = credential;
        if self.entries.len() >= CREDENTIALS_MAX || self.entries.iter().any(|entry| entry.name == name) {
            return Err(CredentialFault::Many);
        }
        if secret.0.len() > SECRET_BYTES_MAX {
            return Err(CredentialFault::Long);
        }
        let placeholder = self.placeholder_for(&secret.0, &shape, random)?;
        self.entries.push(Entry { name, secret, placeholder, hosts });
        Ok(self.entries.last().map_or("", |entry| entry.placeholder.as_str()))
    }

    fn placeholder_for(
        &self,
        secret: &str,
        shape: &Shape,
        random: &mut dyn FnMut() -> u64,
    ) -> Result<String, CredentialFault> {
        let texts = || self.entries.iter().flat_map(|entry| [entry.secret.0.as_str(), entry.placeholder.as_str()]);
        // The same secret may have several names, each with a placeholder and hosts of its own.
        if texts().any(|other| other != secret && overlap(other, secret)) {
            return Err(CredentialFault::Overlap);
        }
        let is_apart = |made: &String| !overlap(made, secret) && !texts().any(|other| overlap(other, made));
        for _ in 0..TRIES {
            let made = match shape {
                Shape::Text => text(secret, random).ok_or(CredentialFault::Short)?,
                Shape::Token(named) => jwt::placeholder(secret, named, random).ok_or(CredentialFault::Form)?,
            };
            if is_apart(&made) {
                return Ok(made);
            }
        }
        Err(CredentialFault::Overlap)
    }

    /// Returns what changes places in bytes that go to a target: the placeholders of what is bound to it. Those of
    /// others stay, and are told.
    pub fn outgoing(&self, target: &Target, channel: Channel, listing: Listing) -> Swap {
        self.outgoing_to(&self.bound(target, channel, listing))
    }

    /// Returns which credentials may go to a target.
    pub(crate) fn bound(&self, target: &Target, channel: Channel, listing: Listing) -> Vec<bool> {
        let is_open = channel == Channel::Tls || self.danger_plain;
        self.entries.iter().map(|entry| is_open && entry.is_bound(target, listing)).collect()
    }

    /// Returns what changes places where these credentials may go.
    pub(crate) fn outgoing_to(&self, bound: &[bool]) -> Swap {
        let rows = self.entries.iter().zip(bound).enumerate().flat_map(|(number, (entry, is_bound))| {
            let (from, to) = (form::all(&entry.placeholder), form::all(&entry.secret.0));
            from.into_iter().zip(to).map(move |(from, to)| swap::Row::new(number, from, is_bound.then_some(to)))
        });
        Swap::new(rows.collect())
    }

    /// Returns the names of the credentials and their placeholders.
    pub fn placeholders(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (entry.name.as_str(), entry.placeholder.as_str()))
    }

    /// Returns true when a secret stands in a name, in letters of whatever case.
    pub(crate) fn is_in(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.entries.iter().any(|entry| name.contains(&entry.secret.0.to_ascii_lowercase()))
    }

    /// Returns true when nothing has a placeholder.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns true when the secret of a credential may go to a target.
    pub(crate) fn may_go(&self, name: &str, target: &Target, channel: Channel, listing: Listing) -> bool {
        let is_open = channel == Channel::Tls || self.danger_plain;
        is_open && self.entry(name).is_some_and(|entry| entry.is_bound(target, listing))
    }

    /// Returns the placeholder of a credential and its secret.
    pub(crate) fn pair(&self, name: &str) -> Option<(&str, &str)> {
        self.entry(name).map(|entry| (entry.placeholder.as_str(), entry.secret.0.as_str()))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Returns what changes places in bytes that come back from anywhere: every secret is its placeholder again.
    pub fn incoming(&self) -> Swap {
        let rows = self.entries.iter().enumerate().flat_map(|(number, entry)| {
            let (from, to) = (form::all(&entry.secret.0), form::all(&entry.placeholder));
            from.into_iter().zip(to).map(move |(from, to)| swap::Row::new(number, from, Some(to)))
        });
        Swap::new(rows.collect())
    }

    /// Returns the name of a credential that was found.
    pub fn name(&self, found: Found) -> &str {
        self.entries.get(found.number).map_or("", |entry| entry.name.as_str())
    }
}

/// Returns other letters and digits behind the same prefix; `None` where they leave too little choice.
fn text(secret: &str, random: &mut dyn FnMut() -> u64) -> Option<String> {
    let (kept, chosen) = secret.split_at_checked(prefix(secret))?;
    let chosen = (count(chosen) >= CHOSEN_MIN).then_some(chosen)?;
    Some(chosen.chars().map(|letter| other(letter, random)).fold(kept.to_owned(), with))
}

/// Returns where the part begins that is chosen: behind a prefix that says what the secret is.
fn prefix(secret: &str) -> usize {
    let head = secret.bytes().take(PREFIX_BYTES_MAX).collect::<Vec<u8>>();
    let end = head.iter().rposition(|byte| b"_-.".contains(byte)).map_or(0, |at| at + 1);
    let rest = secret.get(end..).unwrap_or_default();
    if count(rest) < CHOSEN_MIN { 0 } else { end }
}

fn count(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_alphanumeric).count()
}

/// Returns another letter of the same kind.
fn other(letter: char, random: &mut dyn FnMut() -> u64) -> char {
    let (first, count) = match letter {
        'a'..='z' => (b'a', 26),
        'A'..='Z' => (b'A', 26),
        '0'..='9' => (b'0', 10),
        _ => return letter,
    };
    // Less than the count, and so less than a byte.
    char::from(first + u8::try_from(random() % count).unwrap_or(0))
}

fn with(mut text: String, letter: char) -> String {
    text.push(letter);
    text
}

fn overlap(one: &str, other: &str) -> bool {
    one.contains(other) || other.contains(one)
}
