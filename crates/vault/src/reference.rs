//! References: where a secret is, read once.
//!
//! All have one grammar: a scheme, parts between slashes, and for some a field after `#`. Every character that a
//! reader could take for something else is written with a percent sign; `spec/vault/references.md` has the cases.

mod read;

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

pub use read::ReferenceFault;

/// Where a secret is. It is no secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference(Arc<Read>);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Read {
    text: String,
    place: Place,
}

/// What a reference says, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// `env://NAME`
    Variable { name: String },
    /// `file:///path`, `file:///path#field`
    File { path: String, field: Option<String> },
    /// `cmd://program argument...`
    Command { words: Vec<String> },
    /// `op://vault/item/field`, `op://vault/item/section/field`
    OnePassword { vault: String, item: String, section: Option<String>, field: String },
    /// `vault://mount/path#field`
    HashiCorp { mount: String, path: Vec<String>, field: String },
    /// `aws-sm://region/name`, `aws-sm://region/name#field`
    Aws { region: String, name: String, field: Option<String> },
    /// `doppler://project/config/NAME`
    Doppler { project: String, config: String, name: String },
    /// `infisical://project/environment/folder.../NAME`
    Infisical { project: String, environment: String, folder: String, name: String },
    /// `keychain://service/account`
    Keychain { service: String, account: String },
}

/// Who holds a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The environment of Palisade.
    Variable,
    /// A file.
    File,
    /// What a program prints.
    Command,
    /// 1Password.
    OnePassword,
    /// Vault.
    HashiCorp,
    /// AWS Secrets Manager.
    Aws,
    /// Doppler.
    Doppler,
    /// Infisical.
    Infisical,
    /// The keychain of the operating system.
    Keychain,
}

impl Reference {
    /// Returns who holds the secret.
    pub fn source(&self) -> Source {
        match &self.0.place {
            Place::Variable { .. } => Source::Variable,
            Place::File { .. } => Source::File,
            Place::Command { .. } => Source::Command,
            Place::OnePassword { .. } => Source::OnePassword,
            Place::HashiCorp { .. } => Source::HashiCorp,
            Place::Aws { .. } => Source::Aws,
            Place::Doppler { .. } => Source::Doppler,
            Place::Infisical { .. } => Source::Infisical,
            Place::Keychain { .. } => Source::Keychain,
        }
    }

    /// Returns the file in which the secret is, where it is in one.
    pub fn path(&self) -> Option<&str> {
        match &self.0.place {
            Place::File { path, .. } => Some(path),
            Place::Variable { .. }
            | Place::Command { .. }
            | Place::OnePassword { .. }
            | Place::HashiCorp { .. }
            | Place::Aws { .. }
            | Place::Doppler { .. }
            | Place::Infisical { .. }
            | Place::Keychain { .. } => None,
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0.place
    }
}

impl Source {
    /// Returns whether a secret there is had without another secret.
    ///
    /// Only such a reference may name the token of another source, so no reference leads in a circle.
    pub fn is_first(self) -> bool {
        match self {
            Self::Variable | Self::File | Self::Command | Self::Keychain => true,
            Self::OnePassword | Self::HashiCorp | Self::Aws | Self::Doppler | Self::Infisical => false,
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceFault;

    fn from_str(text: &str) -> Result<Self, ReferenceFault> {
        Ok(Self(Arc::new(Read { text: text.to_owned(), place: read::read(text)? })))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.text)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Variable => "the environment",
            Self::File => "a file",
            Self::Command => "a program",
            Self::OnePassword => "1Password",
            Self::HashiCorp => "Vault",
            Self::Aws => "AWS Secrets Manager",
            Self::Doppler => "Doppler",
            Self::Infisical => "Infisical",
            Self::Keychain => "the keychain",
        })
    }
}
