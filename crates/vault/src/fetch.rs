//! From a reference to its secret, once: no memory, no second try.

mod aws;
mod connect;
mod doppler;
mod file;
mod hashicorp;
mod infisical;
mod keychain;
mod process;

use crate::dbus::BusFault;
use crate::limits::Bounds;
use crate::reference::Place;
use crate::secret::SecretFault;
use crate::sources::{OnePassword, Sources, Token};
use crate::web::{Web, WebFault};
use crate::wire::AnswerFault;
use crate::world::{ProcessFault, World};
use crate::{Reference, Secret, Source};

pub use file::FileFault;

/// Why a secret was not had. No value and no text of an answer is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody said how to ask there.
    #[error("{0} is not configured")]
    Unconfigured(Source),
    /// The environment has no such variable.
    #[error("there is no such variable")]
    NoVariable,
    /// The file was not read, or has no such secret.
    #[error(transparent)]
    File(#[from] FileFault),
    /// A program did not run.
    #[error(transparent)]
    Process(#[from] ProcessFault),
    /// A program ended in an error. What it said is not kept.
    #[error("the program ended with {}", .0.map_or("a signal".to_owned(), |code| format!("code {code}")))]
    Failed(Option<i32>),
    /// A server gave no answer that counts.
    #[error(transparent)]
    Web(#[from] WebFault),
    /// A server's answer has no such secret.
    #[error(transparent)]
    Answer(#[from] AnswerFault),
    /// The bus or the keychain gave no answer that counts.
    #[error(transparent)]
    Bus(#[from] BusFault),
    /// The value is none.
    #[error(transparent)]
    Value(#[from] SecretFault),
    /// Nothing has that name.
    #[error("there is no such {0}")]
    Absent(&'static str),
    /// Several have that name.
    #[error("there is more than one such {0}")]
    Several(&'static str),
    /// The keychain is locked.
    #[error("the keychain is locked")]
    Locked,
    /// The version of a mount is not known.
    #[error("the mount is not for keys and values of version 1 or 2")]
    Mount,
    /// The token of the source was not had.
    #[error("the token for it, `{}`, was not had: {fault}", token)]
    Token {
        /// Where it should be.
        token: Reference,
        /// Why not.
        fault: Box<Fault>,
    },
    /// Too many are fetched.
    #[error("too many secrets are being fetched")]
    Busy,
    /// Another is fetching it, and takes too long.
    #[error("somebody else is fetching it and takes too long")]
    Waiting,
    /// Whoever was fetching it did not come back.
    #[error("fetching it broke off")]
    Broken,
}

impl Fault {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unconfigured(_) => "configure it, or name the secret elsewhere",
            Self::NoVariable => "set the variable before Palisade starts, or name the secret elsewhere",
            Self::File(fault) => fault.hint(),
            Self::Process(ProcessFault::Absent) => "install the program, or write its whole path",
            Self::Process(ProcessFault::Start | ProcessFault::Timeout | ProcessFault::Long) | Self::Failed(_) => {
                "run the program by hand and see what it says"
            }
            Self::Web(WebFault::Certificate) => {
                "add the root of the server's certificate to the ones that are believed"
            }
            Self::Web(WebFault::Redirect(_)) => {
                "configure the address that the server points to, if it is the right one"
            }
            Self::Web(WebFault::Refused(_)) => "look whether the token is right and may read this secret",
            Self::Web(WebFault::Absent) | Self::Absent(_) | Self::Answer(AnswerFault::Absent) => {
                "look how the secret is called there"
            }
            Self::Web(WebFault::Timeout | WebFault::Unreached | WebFault::Long | WebFault::Protocol) => {
                "look whether the configured address is the right one"
            }
            Self::Web(WebFault::Request) => "look whether the token is right",
            Self::Answer(AnswerFault::Hidden) => "give whoever asks the right to read values",
            Self::Answer(AnswerFault::Form | AnswerFault::Twice) => {
                "look whether the configured server is the right one"
            }
            Self::Answer(AnswerFault::NotText) => "keep the secret as text",
            Self::Bus(_) => "look whether the address of the bus is right and a keychain runs",
            Self::Value(_) => "look at the value there",
            Self::Several(_) => "name it by something that only it has",
            Self::Locked => "unlock the keychain and ask again",
            Self::Mount => "configure the version of the mount",
            Self::Token { fault, .. } => fault.hint(),
            Self::Busy | Self::Waiting | Self::Broken => "ask again",
        }
    }
}

/// Everything that fetching needs.
pub(crate) struct Fetcher {
    world: Box<dyn World>,
    sources: Sources,
    web: Web,
    bounds: Bounds,
}

impl Fetcher {
    pub(crate) fn new(world: Box<dyn World>, sources: Sources, bounds: Bounds) -> Self {
        let web = Web::new(&sources.roots, bounds.timeout);
        Self { world, sources, web, bounds }
    }

    pub(crate) fn world(&self) -> &dyn World {
        self.world.as_ref()
    }

    /// Fetches a secret.
    pub(crate) fn fetch(&self, reference: &Reference) -> Result<Secret, Fault> {
        let sources = &self.sources;
        let missing = || Fault::Unconfigured(reference.source());
        match reference.place() {
            Place::Variable { name } => Ok(Secret::of(self.world.variable(name).ok_or(Fault::NoVariable)?)?),
            Place::File { path, field } => Ok(file::fetch(path, field.as_deref())?),
            Place::Command { words } => self.command(words),
            Place::OnePassword { vault, item, section, field } => {
                let names = connect::Names { vault, item, section: section.as_deref(), field };
                match sources.one_password.as_ref().ok_or_else(missing)? {
                    OnePassword::Program { account, token } => {
                        self.one_password(&names, account.as_deref(), token.as_ref())
                    }
                    OnePassword::Connect { server, token } => connect::fetch(self, server, token, &names),
                }
            }
            Place::HashiCorp { mount, path, field } => {
                let source = sources.hashicorp.as_ref().ok_or_else(missing)?;
                hashicorp::fetch(self, source, &hashicorp::Names { mount, path, field })
            }
            Place::Aws { region, name, field } => {
                let source = sources.aws.as_ref().ok_or_else(missing)?;
                aws::fetch(self, source, &aws::Names { region, name, field: field.as_deref() })
            }
            Place::Doppler { project, config, name } => {
                let source = sources.doppler.as_ref().ok_or_else(missing)?;
                doppler::fetch(self, source, &doppler::Names { project, config, name })
            }
            Place::Infisical { project, environment, folder, name } => {
                let source = sources.infisical.as_ref().ok_or_else(missing)?;
                infisical::fetch(self, source, &infisical::Names { project, environment, folder, name })
            }
            Place::Keychain { service, account } => {
                let source = sources.keychain.as_ref().ok_or_else(missing)?;
                keychain::fetch(self, source, service, account)
            }
        }
    }

    /// Fetches what opens a source.
    fn token(&self, token: &Token) -> Result<Secret, Fault> {
        let reference = token.reference();
        self.fetch(reference).map_err(|fault| Fault::Token { token: reference.clone(), fault: Box::new(fault) })
    }
}
