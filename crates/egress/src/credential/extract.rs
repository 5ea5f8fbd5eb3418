//! Secrets in the text of a file or a variable: each is found, gets a placeholder, and the rest stays as it is.

use regex::Regex;

use super::{Credential, CredentialFault, Secret, Shape, Vault, jwt};
use crate::host::Place;
use crate::limits::MASKED_FILE_BYTES_MAX;

/// Where JSON web tokens may be: three parts, of which the first begins an object.
const TOKENS: &str = r"(eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)";

/// What a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A file.
    File,
    /// An environment variable.
    Variable,
}

/// `onExtractNoMatch`: what becomes of a text in which nothing is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoMatch {
    /// It is shown as it is, and that is said.
    #[default]
    Warn,
    /// It is not shown.
    Deny,
    /// Nothing begins.
    Error,
}

/// An entry with `"mode": "mask"`, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// `extract`.
    pub extract: Option<String>,
    /// `onExtractNoMatch`.
    pub no_match: NoMatch,
    /// `decode: "jwt"`.
    pub is_token: bool,
    /// `maskClaims`.
    pub claims: Vec<String>,
    /// `maskDuplicates`.
    pub masks_duplicates: bool,
}

/// Why an entry is none. What it names is then denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// The pattern cannot be read.
    #[error("`extract` is no regular expression that is read here; there is no looking ahead or behind in them")]
    Pattern,
    /// The pattern has no group.
    #[error("`extract` has no capturing group")]
    Group,
    /// Claims of something that is not decoded.
    #[error("`maskClaims` is for entries with `decode`")]
    Claims,
    /// Both ways for a variable.
    #[error("`decode` and `extract` do not go together for a variable")]
    Both,
    /// A variable that is decoded is shown when it is no token.
    #[error("`onExtractNoMatch` is `warn` for a variable with `decode`")]
    Outcome,
}

/// How secrets are found in a text.
#[derive(Debug, Clone)]
pub struct Mask {
    /// Nothing where the whole text is the secret.
    pattern: Option<Regex>,
    entry: Entry,
}

/// What a program is shown of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// This, with placeholders.
    Masked(String),
    /// The text as it is: nothing was found in it. The reason is for a warning.
    Open(String),
    /// Nothing, for this reason.
    Denied(String),
    /// Nothing begins, for this reason.
    Error(String),
}

impl Mask {
    /// Reads an entry.
    pub fn new(entry: Entry, holder: Holder) -> Result<Self, EntryFault> {
        if !entry.claims.is_empty() && !entry.is_token {
            return Err(EntryFault::Claims);
        }
        if holder == Holder::Variable && entry.is_token {
            if entry.extract.is_some() {
                return Err(EntryFault::Both);
            }
            if entry.no_match != NoMatch::Warn {
                return Err(EntryFault::Outcome);
            }
        }
        let text = match (&entry.extract, holder) {
            (Some(extract), _) => Some(extract.as_str()),
            (None, Holder::File) if entry.is_token => Some(TOKENS),
            (None, Holder::File | Holder::Variable) => None,
        };
        let pattern = text.map(Regex::new).transpose().map_err(|_| EntryFault::Pattern)?;
        if pattern.as_ref().is_some_and(|pattern| pattern.captures_len() < 2) {
            return Err(EntryFault::Group);
        }
        Ok(Self { pattern, entry })
    }

    /// Finds the secrets of a text, gives them to the vault, and returns what a program is shown. The first secret has
    /// the name that is given, every other the same with its number.
    pub fn apply(
        &self,
        text: &str,
        (name, hosts): (&str, &[Place]),
        (vault, random): (&mut Vault, &mut dyn FnMut() -> u64),
    ) -> Shown {
        if text.len() > MASKED_FILE_BYTES_MAX {
            return Shown::Denied("it is larger than 8 MiB".to_owned());
        }
        let spans = self.spans(text);
        if spans.is_empty() {
            return self.nothing(text);
        }
        let mut made: Vec<(&str, String)> = Vec::new();
        let mut shown = String::with_capacity(text.len());
        let mut end = 0;
        for (start, stop) in spans {
            let Some(secret) = text.get(start..stop) else { continue };
            let known = made.iter().find(|(own, _)| *own == secret).map(|(_, placeholder)| placeholder.clone());
            let placeholder = match known {
                Some(placeholder) => placeholder,
                None => {
                    let name = if made.is_empty() { name.to_owned() } else { format!("{name} ({})", made.len() + 1) };
                    match self.add(secret, (name, hosts), (vault, random)) {
                        Ok(placeholder) => placeholder,
                        Err(fault) => return Shown::Denied(fault.to_string()),
                    }
                }
            };
            shown.push_str(&self.outside(text.get(end..start).unwrap_or_default(), &made));
            shown.push_str(&placeholder);
            made.push((secret, placeholder));
            end = stop;
        }
        shown.push_str(&self.outside(text.get(end..).unwrap_or_default(), &made));
        // What was found last may stand before what was found first.
        Shown::Masked(self.outside(&shown, &made))
    }

    fn add(
        &self,
        secret: &str,
        (name, hosts): (String, &[Place]),
        (vault, random): (&mut Vault, &mut dyn FnMut() -> u64),
    ) -> Result<String, CredentialFault> {
        let shape = if self.entry.is_token { Shape::Token(self.entry.claims.clone()) } else { Shape::Text };
        let credential = Credential { name, secret: Secret::new(secret), hosts: hosts.to_vec(), shape };
        vault.add(credential, random).map(str::to_owned)
    }

    /// Returns where the secrets are, in order.
    fn spans(&self, text: &str) -> Vec<(usize, usize)> {
        let found: Vec<(usize, usize)> = match &self.pattern {
            Some(pattern) => {
                let groups = pattern.captures_iter(text).filter_map(|found| found.get(1));
                groups.map(|group| (group.start(), group.end())).collect()
            }
            None => {
                // The end of a line is the file's and not the secret's.
                let start = text.len() - text.trim_start().len();
                vec![(start, start + text.trim().len())]
            }
        };
        let is_secret = |(start, end): &(usize, usize)| {
            let secret = text.get(*start..*end).unwrap_or_default();
            !secret.is_empty() && (!self.entry.is_token || jwt::is_token(secret, &self.entry.claims))
        };
        found.into_iter().filter(is_secret).collect()
    }

    fn nothing(&self, text: &str) -> Shown {
        if text.trim().is_empty() && self.pattern.is_none() {
            return Shown::Masked(text.to_owned());
        }
        let reason = if self.entry.is_token { "no token was found in it" } else { "`extract` matches nothing in it" };
        match self.entry.no_match {
            NoMatch::Warn => Shown::Open(reason.to_owned()),
            NoMatch::Deny => Shown::Denied(reason.to_owned()),
            NoMatch::Error => Shown::Error(reason.to_owned()),
        }
    }

    /// Returns what stands outside, with placeholders for copies where they are asked for.
    fn outside(&self, text: &str, made: &[(&str, String)]) -> String {
        let is_wanted = self.entry.masks_duplicates && self.pattern.is_some();
        let replace = |text: String, (secret, placeholder): &(&str, String)| text.replace(secret, placeholder);
        if is_wanted { made.iter().fold(text.to_owned(), replace) } else { text.to_owned() }
    }
}
