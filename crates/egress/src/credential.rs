//! Placeholders: what a confined program has instead of a secret, and where the two change places.
//!
//! A placeholder has the secret's length and shape: letters stand for letters, digits for digits, everything else is
//! as it is. So no length on the wire changes, and every form of the two (as it is, in base64 at any place, in
//! hexadecimal digits, with percent signs or escapes) has the same length too and changes places in the same way.
//!
//! This module is pure. Chance is the caller's.

pub mod extract;
mod fetched;
mod form;
mod jwt;
mod sigv4;
mod swap;

use core::fmt;

pub(crate) use fetched::Fill;
pub use fetched::{Fetch, Unfetched};
pub use sigv4::{Aws, AwsPair, SigningFault, Unsignable};
pub(crate) use sigv4::{Signed, Signing};
pub(crate) use swap::Latest;
pub use swap::{Found, Swap};

use crate::host::{Host, HostFault, HostPattern, PatternFault, Place, Readings, Target};
use crate::limits::{CHOSEN_MIN, CREDENTIALS_MAX, SECRET_BYTES_MAX};
use crate::wire::request::Request;

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

    /// Returns true when nothing in it ends a field or has another meaning there.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && self.0.trim() == self.0
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

/// For which requests to its hosts a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uses {
    /// For every one.
    Any,
    /// For those of git alone, by which it fetches and pushes.
    Git,
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
    held: Held,
    placeholder: String,
    /// Empty for every host that is allowed.
    hosts: Vec<Place>,
    uses: Uses,
}

/// What is known of a secret.
#[derive(Debug, Clone)]
enum Held {
    /// The secret, whose placeholder has its length and shape.
    Known(Secret),
    /// Where it is, and what was had from there in this run, each with what stands in its place in answers.
    Fetched(Fetch, Vec<(Secret, String)>),
}

impl Entry {
    /// Returns each text of the secret that is known, with what stands for it in answers.
    fn known(&self) -> Vec<(&str, &str)> {
        match &self.held {
            Held::Known(secret) => vec![(&secret.0, &self.placeholder)],
            Held::Fetched(_, had) => {
                had.iter().map(|(secret, stand_in)| (secret.0.as_str(), stand_in.as_str())).collect()
            }
        }
    }

    /// Returns the text of the secret as it was known last.
    fn latest(&self) -> Option<&str> {
        self.known().last().map(|(secret, _)| *secret)
    }

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
        self.entries.push(Entry { name, held: Held::Known(secret), placeholder, hosts, uses: Uses::Any });
        Ok(self.entries.last().map_or("", |entry| entry.placeholder.as_str()))
    }

    /// Says for which requests a secret is.
    pub fn limit(&mut self, name: &str, uses: Uses) {
        for entry in self.entries.iter_mut().filter(|entry| entry.name == name) {
            entry.uses = uses;
        }
    }

    /// Returns every text that is searched for or made, of every credential.
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().flat_map(|entry| {
            let known = entry.known().into_iter().map(|(secret, _)| secret);
            known.chain([entry.placeholder.as_str()])
        })
    }

    fn placeholder_for(
        &self,
        secret: &str,
        shape: &Shape,
        random: &mut dyn FnMut() -> u64,
    ) -> Result<String, CredentialFault> {
        // The same secret may have several names, each with a placeholder and hosts of its own.
        if self.texts().any(|other| other != secret && overlap(other, secret)) {
            return Err(CredentialFault::Overlap);
        }
        let is_apart = |made: &String| !overlap(made, secret) && !self.texts().any(|other| overlap(other, made));
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
        self.outgoing_to(&self.bound(target, (channel, listing), Uses::Any))
    }

    /// Returns which credentials may go to a target, in requests of git or in others.
    pub(crate) fn bound(&self, target: &Target, (channel, listing): (Channel, Listing), by: Uses) -> Vec<bool> {
        let is_open = channel == Channel::Tls || self.danger_plain;
        let is_use = |entry: &Entry| entry.uses == Uses::Any || by == Uses::Git;
        self.entries.iter().map(|entry| is_open && is_use(entry) && entry.is_bound(target, listing)).collect()
    }

    /// Returns what changes places where these credentials may go.
    pub(crate) fn outgoing_to(&self, bound: &[bool]) -> Swap {
        let rows = self.entries.iter().zip(bound).enumerate().flat_map(|(number, (entry, is_bound))| {
            let from = form::all(&entry.placeholder);
            // What is fetched has another length than its placeholder, and is put into heads alone.
            let to = match &entry.held {
                Held::Known(secret) if *is_bound => form::all(&secret.0).into_iter().map(Some).collect(),
                Held::Known(_) | Held::Fetched(..) => vec![None; from.len()],
            };
            from.into_iter().zip(to).map(move |(from, to)| swap::Row::new(number, from, to))
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
        let known = self.entries.iter().flat_map(Entry::known);
        known.into_iter().any(|(secret, _)| name.contains(&secret.to_ascii_lowercase()))
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
        self.entry(name).and_then(|entry| Some((entry.placeholder.as_str(), entry.latest()?)))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Returns what changes places in bytes that come back from anywhere: every secret is its placeholder again.
    pub fn incoming(&self) -> Swap {
        let known = self.entries.iter().enumerate();
        let known = known.flat_map(|(number, entry)| entry.known().into_iter().map(move |known| (number, known)));
        let rows = known.flat_map(|(number, (secret, stand_in))| {
            let (from, to) = (form::all(secret), form::all(stand_in));
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

/// Returns where the part begins that is chosen: behind a prefix that is known to say what the secret is. Any other could
/// be part of the secret.
fn prefix(secret: &str) -> usize {
    let end = secrets::prefix(secret);
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
