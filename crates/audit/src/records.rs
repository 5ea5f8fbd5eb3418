//! What a record says. The form in which it is written is in `wire.rs`.

use crate::keep::Kept;
use policy::mode::Mode;
use policy::proof::{RuleRef, Verdict};

/// One thing that was decided, answered, started, ended or changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Milliseconds since 1970 in UTC, as the caller's clock has them.
    pub time_ms: i64,
    /// The agent's session, or what stands for one.
    pub session: String,
    /// Who asked: `hook:claude`, `run`, `trust`.
    pub source: String,
    /// The user.
    pub uid: u32,
    /// The process that writes the record.
    pub pid: u32,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A call was decided.
    Decision(Box<Decision>),
    /// A person answered a call that asked.
    Answer(Answer),
    /// A command began under a decision.
    Started(Started),
    /// A permitted command's connection was decided, or has ended.
    Connection(Box<Connection>),
    /// What a decision permitted has ended.
    Outcome(Outcome),
    /// A folder's settings were trusted, or are no more.
    Trust(Trust),
    /// Another policy is in force.
    Settings(Settings),
    /// The journal mended itself. Written by the journal.
    Repair(Repair),
}

impl Body {
    /// Returns the kind's name in the journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Decision(_) => "decision",
            Self::Answer(_) => "answer",
            Self::Started(_) => "started",
            Self::Connection(_) => "connection",
            Self::Outcome(_) => "outcome",
            Self::Trust(_) => "trust",
            Self::Settings(_) => "settings",
            Self::Repair(_) => "repair",
        }
    }
}

/// A call and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one sentence for a person.
    pub reason: String,
    /// The rule that decided, if one did.
    pub rule: Option<RuleRef>,
    /// The mode it was decided under.
    pub mode: Mode,
    /// The tool.
    pub tool: String,
    /// The directory it was asked in.
    pub cwd: String,
    /// The input, as far as it is kept: see [`crate::keep`].
    pub input: Kept,
    /// SHA-256 in hexadecimal over tool, input and directory: the call's name.
    pub action_digest: String,
    /// The digest of the policy that decided.
    pub policy_digest: String,
    /// The agent's own name of the call.
    pub tool_use_id: Option<String>,
    /// Each part of the call with its own verdict; empty where it has one part.
    pub parts: Vec<Part>,
}

/// One part of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The part as written.
    pub text: String,
    /// Its verdict.
    pub verdict: Verdict,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The decision that asked.
    pub to: u64,
    /// How it was given.
    pub by: AnsweredBy,
    /// What it was.
    pub reply: Reply,
}

/// How an answer was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy {
    /// As a command that the person typed.
    Typed,
    /// In the agent's own prompt.
    Prompted,
    /// On the terminal that Palisade asked on.
    Terminal,
}

/// What an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It may happen.
    Approved,
    /// It may not.
    Refused,
}

/// A command that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The decision that permits it.
    pub under: u64,
}

/// A connection. It is written down before it is made, and once more when it is over. It has no byte of what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The decision that permits the command.
    pub of: u64,
    /// The connection's number among the command's; all of its records have it.
    pub number: u64,
    /// What the record is about.
    pub stage: ConnectionStage,
    /// How it came: `connect`, `plain`, `socks`, `captured`, `question`; `socket`, `forward`, `publish`, `agent` by what a
    /// person opened.
    pub way: String,
    /// The host and port that it asked for, where they could be read.
    pub target: Option<String>,
    /// The address and port that it goes to.
    pub address: Option<String>,
    /// The program that connects, where it is known.
    pub program: Option<String>,
    /// The rule that decided, if one did.
    pub rule: Option<RuleRef>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

/// What a record of a connection is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionStage {
    /// It was decided, and nothing has been sent.
    Decided,
    /// Something was found on it: `refused`, a request; `injected`, a secret for its placeholder; `misdirected`, a
    /// placeholder on its way to elsewhere.
    Noted(String),
    /// It is over.
    Ended {
        /// Bytes to the server.
        sent: u64,
        /// Bytes from it.
        received: u64,
    },
}

/// How something ended that a decision permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The decision.
    pub of: u64,
    /// The end.
    pub end: End,
    /// Controls that were in force.
    pub enforced: Vec<String>,
    /// Controls that this system could not give.
    pub missing: Vec<String>,
    /// Events that the controls refused.
    pub refused_count: u64,
    /// How long it took.
    pub duration_ms: Option<u64>,
}

/// The end of a command or of a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It returned this code.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
    /// The agent reports success, with a summary.
    Succeeded(String),
    /// The agent reports an error, with a summary.
    Failed(String),
}

/// A change of trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// What changed.
    pub change: TrustChange,
    /// The folder.
    pub folder: String,
}

/// What changed about a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustChange {
    /// Its settings may widen.
    Granted,
    /// They may not any more.
    Withdrawn,
}

/// A change of policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The digest of the policy in force from here on.
    pub policy_digest: String,
    /// The digest of the one before, where it is known.
    pub previous_digest: Option<String>,
}

/// What the journal found wrong with itself and mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// A line was half written; its bytes are in `file` in the journal's directory.
    Torn {
        /// The file.
        file: String,
        /// How many bytes.
        bytes: u64,
    },
    /// The head file was gone.
    HeadMissing,
    /// The head file could not be read.
    HeadDamaged,
    /// The head file knew more records than the journal has: its end was cut off, or lost with power.
    Cut {
        /// How many records the head file knew.
        size: u64,
        /// The root over them, as a checkpoint has it.
        root: String,
    },
}
