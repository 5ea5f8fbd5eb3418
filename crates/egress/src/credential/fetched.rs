//! Secrets that are fetched when a request needs them. Nothing of one is known before, not even its length.
//!
//! Its placeholder is of a shape of its own, and the two change places in the heads of requests alone, where a length may
//! change. In answers a text of the secret's own length stands for it.

use core::fmt;
use std::sync::Arc;

use super::{Credential, CredentialFault, Entry, Held, Secret, Shape, Uses, Vault, count, overlap, text};
use crate::host::Place;
use crate::limits::{CHOSEN_MIN, CREDENTIALS_MAX, FETCHED_MAX, SECRET_BYTES_MAX};

/// How every such placeholder begins.
const BEGIN: &str = "palisade_";
/// Letters and digits behind that: with them it is as long as most tokens.
const BEHIND: usize = 31;
/// How often another is tried.
const TRIES: usize = 8;

/// Why a secret was not had: for the one who asked, without anything of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfetched(pub String);

/// Where a secret comes from. It may wait for others.
#[derive(Clone)]
pub struct Fetch(Arc<dyn Fn() -> Result<Secret, Unfetched> + Send + Sync>);

impl Fetch {
    /// Returns the way to a secret.
    pub fn new(fetch: impl Fn() -> Result<Secret, Unfetched> + Send + Sync + 'static) -> Self {
        Self(Arc::new(fetch))
    }

    /// Fetches the secret, and waits for it.
    pub(crate) fn wait(&self) -> Result<Secret, Unfetched> {
        (self.0)()
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fetch")
    }
}

/// A secret for one request, and the placeholder in whose place it comes.
#[derive(Debug, Clone)]
pub(crate) struct Fill {
    /// The credential's number.
    pub(crate) number: usize,
    pub(crate) placeholder: String,
    pub(crate) secret: Secret,
}

impl Fill {
    /// Puts the secret into a field.
    pub(crate) fn field(&self, value: &[u8]) -> Option<Vec<u8>> {
        self.replace(value, self.secret.0.as_bytes())
    }

    /// Puts the secret into a path or query, where every byte of it stands for itself.
    pub(crate) fn path(&self, path: &str) -> Option<String> {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        let coded = self.secret.0.bytes().map(byte).collect::<String>();
        path.contains(&self.placeholder).then(|| path.replace(&self.placeholder, &coded))
    }

    fn replace(&self, value: &[u8], with: &[u8]) -> Option<Vec<u8>> {
        let placeholder = self.placeholder.as_bytes();
        let (mut made, mut rest, mut is_there) = (Vec::with_capacity(value.len()), value, false);
        while let Some((first, behind)) = rest.split_first() {
            if let Some(behind) = rest.strip_prefix(placeholder) {
                made.extend_from_slice(with);
                (rest, is_there) = (behind, true);
            } else {
                made.push(*first);
                rest = behind;
            }
        }
        is_there.then_some(made)
    }
}

impl Vault {
    /// Adds a secret that is fetched when a request to one of the hosts needs it, and returns its placeholder.
    pub fn add_fetched(
        &mut self,
        (name, hosts): (String, Vec<Place>),
        fetch: Fetch,
        random: &mut dyn FnMut() -> u64,
    ) -> Result<&str, CredentialFault> {
        if self.entries.len() >= CREDENTIALS_MAX || self.entries.iter().any(|entry| entry.name == name) {
            return Err(CredentialFault::Many);
        }
        for _ in 0..TRIES {
            let placeholder = format!("{BEGIN}{}", drawn(random));
            if !self.texts().any(|other| overlap(other, &placeholder)) {
                let held = Held::Fetched(fetch, Vec::new());
                self.entries.push(Entry { name, held, placeholder, hosts, uses: Uses::Any });
                return Ok(self.entries.last().map_or("", |entry| entry.placeholder.as_str()));
            }
        }
        Err(CredentialFault::Overlap)
    }

    /// Returns the numbers and placeholders of what is fetched, of those that are asked for.
    pub(crate) fn fetched(&self, bound: &[bool]) -> Vec<(usize, &str, &str)> {
        let entries = self.entries.iter().zip(bound).enumerate();
        let fetched = entries.filter(|(_, (entry, is_bound))| **is_bound && matches!(entry.held, Held::Fetched(..)));
        fetched.map(|(number, (entry, _))| (number, entry.name.as_str(), entry.placeholder.as_str())).collect()
    }

    /// Returns true when something is fetched.
    pub(crate) fn has_fetched(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.held, Held::Fetched(..)))
    }

    /// Returns the way to a credential's secret.
    pub(crate) fn fetch_of(&self, number: usize) -> Option<(String, Fetch)> {
        let entry = self.entries.get(number)?;
        match &entry.held {
            Held::Fetched(fetch, _) => Some((entry.name.clone(), fetch.clone())),
            Held::Known(_) => None,
        }
    }

    /// Takes a secret that was had: from here on it is searched for in answers. Returns true when it was not known yet.
    pub(crate) fn had(&mut self, number: usize, secret: &Secret) -> Result<bool, CredentialFault> {
        let Some(Entry { held: Held::Fetched(_, had), placeholder, .. }) = self.entries.get(number) else {
            return Err(CredentialFault::Form);
        };
        if let Some(at) = had.iter().position(|(known, _)| known == secret) {
            // The latest is that with which requests are signed.
            if let Some(Entry { held: Held::Fetched(_, had), .. }) = self.entries.get_mut(number) {
                let known = had.remove(at);
                had.push(known);
            }
            return Ok(false);
        }
        if had.len() >= FETCHED_MAX {
            return Err(CredentialFault::Many);
        }
        if secret.0.len() > SECRET_BYTES_MAX {
            return Err(CredentialFault::Long);
        }
        if count(&secret.0) < CHOSEN_MIN {
            return Err(CredentialFault::Short);
        }
        let is_other = |other: &str| other != secret.0 && overlap(other, &secret.0);
        if self.texts().any(is_other) {
            return Err(CredentialFault::Overlap);
        }
        let mut digits = placeholder.bytes().cycle().zip(1..).map(|(byte, at): (u8, u64)| u64::from(byte) + at * 7);
        let mut stand_in = text(&secret.0, &mut || digits.next().unwrap_or_default());
        if stand_in.as_ref().is_some_and(|made| overlap(made, &secret.0)) {
            stand_in = text(&secret.0, &mut || digits.next().unwrap_or_default());
        }
        let stand_in = stand_in.filter(|made| !overlap(made, &secret.0)).ok_or(CredentialFault::Short)?;
        if let Some(Entry { held: Held::Fetched(_, had), .. }) = self.entries.get_mut(number) {
            had.push((secret.clone(), stand_in));
        }
        Ok(true)
    }

    /// Adds a credential that is for git alone, and returns its placeholder.
    pub fn add_for_git(
        &mut self,
        (name, hosts): (String, Vec<Place>),
        secret: Result<Secret, Fetch>,
        random: &mut dyn FnMut() -> u64,
    ) -> Result<String, CredentialFault> {
        let placeholder = match secret {
            Ok(secret) => {
                let credential = Credential { name: name.clone(), secret, hosts, shape: Shape::Text };
                self.add(credential, random)?.to_owned()
            }
            Err(fetch) => self.add_fetched((name.clone(), hosts), fetch, random)?.to_owned(),
        };
        self.limit(&name, Uses::Git);
        Ok(placeholder)
    }
}

/// Returns letters and digits.
fn drawn(random: &mut dyn FnMut() -> u64) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letter = |_| {
        let at = usize::try_from(random() % 62).unwrap_or(0);
        char::from(LETTERS.get(at).copied().unwrap_or(b'0'))
    };
    (0..BEHIND).map(letter).collect()
}
