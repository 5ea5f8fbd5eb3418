//! What is written down of a connection, and by whom it is written.

use core::fmt;
use core::net::SocketAddr;

use policy::Verdict;

use crate::host::{Place, Target};
use crate::network::RuleName;

/// The program behind a door.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// The command that was permitted, as records name it.
    pub command: String,
    /// The program that connects, where it is known.
    pub program: String,
    /// What is allowed for this command beyond the lists.
    pub allowed: Vec<Place>,
}

/// Who knows which program has a connection.
pub trait Owners: Send + Sync + fmt::Debug {
    /// Returns the program that has the client's end of a connection; an empty text where that is not certain.
    fn program(&self, client: SocketAddr, door: SocketAddr) -> String;
}

/// How a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By CONNECT.
    Connect,
    /// By a plain request to the proxy.
    Plain,
    /// By SOCKS.
    Socks,
    /// By itself, to an address of the pool.
    Captured,
    /// Not as a connection: a question for a name.
    Question,
}

impl Way {
    /// Returns the way's name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Plain => "plain",
            Self::Socks => "socks",
            Self::Captured => "captured",
            Self::Question => "question",
        }
    }
}

/// A connection, when it was decided and when it ended. It has no byte of what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The connection's number; both of its records have it.
    pub number: u64,
    /// Decided, or ended.
    pub stage: Stage,
    /// How it came.
    pub way: Way,
    /// Where it wants to go, where that could be read.
    pub target: Option<Target>,
    /// Where it goes.
    pub address: Option<SocketAddr>,
    /// The command that was permitted.
    pub command: String,
    /// The program that connects.
    pub program: String,
    /// The rule that decided.
    pub rule: Option<RuleName>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

/// The stage of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It was decided, and nothing has been sent.
    Decided,
    /// Something was found on it, while it is open.
    Noted(Note),
    /// It is over.
    Ended {
        /// Bytes to the server.
        sent: u64,
        /// Bytes to the client.
        received: u64,
    },
}

/// What was found on an open connection whose requests are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// A request was refused; the rule is that which did it.
    Refused,
    /// A secret was put in the place of its placeholder.
    Injected,
    /// A placeholder was sent to where its secret does not go: an alarm.
    Misdirected,
}

impl Note {
    /// Returns the note's name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Injected => "injected",
            Self::Misdirected => "misdirected",
        }
    }
}

/// The record could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the connection cannot be recorded")]
pub struct Unrecorded;

/// Who writes records down. A connection that cannot be recorded is not made.
pub trait Journal: Send + Sync + fmt::Debug {
    /// Writes a record down, and returns when it is.
    fn append(&self, record: &Record) -> Result<(), Unrecorded>;
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        write!(formatter, "{} {target} {}", self.way.name(), self.verdict.name())?;
        if let Some(rule) = &self.rule {
            write!(formatter, " <- {}", rule.text)?;
        }
        write!(formatter, ": {}", self.reason)?;
        match self.stage {
            Stage::Decided => Ok(()),
            Stage::Noted(note) => write!(formatter, " ({})", note.name()),
            Stage::Ended { sent, received } => write!(formatter, " (sent {sent}, received {received})"),
        }
    }
}
