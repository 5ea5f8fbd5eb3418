//! Why a call was decided so, as data: one value that every command and every hook renders.

mod marks;
mod words;

use crate::facts::Removal;
use crate::layer::Origin;
use crate::rule::List;
pub(crate) use marks::{doubt_words, of as marks_of};
use shell::Span;
pub use words::shown;

/// The verdict, ordered by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It may happen.
    Allow,
    /// A person must answer.
    Ask,
    /// It may not happen.
    Deny,
}

impl Verdict {
    /// Returns the verdict's name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// A rule as a proof names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleRef {
    /// The rule as written.
    pub text: String,
    /// Its list.
    pub list: List,
    /// Where it is written.
    pub origin: Origin,
}

/// Why a call was decided so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one sentence for a person: what was asked and what decided it.
    pub reason: String,
    /// The rule that decided, if one did.
    pub rule: Option<RuleRef>,
    /// The narrowest way forward, if there is one.
    pub hint: Option<String>,
    /// Each part of the call with its own verdict. Never empty.
    pub parts: Vec<PartProof>,
    /// The allow rules under which it would pass, where rules are all that is missing.
    pub missing: Vec<String>,
    /// What could not be known, or asks whatever is allowed.
    pub marks: Vec<Mark>,
    /// Rules that matched and did not decide, with the reason.
    pub shadowed: Vec<(RuleRef, String)>,
    /// The mode the call was decided under.
    pub mode: crate::mode::Mode,
    /// What would be decided without the rule that decided, where somebody asked for that.
    pub otherwise: Option<Otherwise>,
    /// Where a command runs, where the settings or its caller want it confined.
    pub boundary: Option<Boundary>,
}

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boundary {
    /// Inside.
    Inside {
        /// Why it stays, where something asks to leave.
        kept: Option<String>,
    },
    /// Outside, by one of these for each part that runs a program.
    Outside {
        /// What lifts the boundary. Never empty.
        by: Vec<Lift>,
    },
}

/// Something that lifts the boundary from a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lift {
    /// The key and the entry.
    pub text: String,
    /// Where it is written.
    pub origin: Origin,
}

/// What would be decided without the rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otherwise {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

/// Why one part of a call was decided so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartProof {
    /// What the part is, as written.
    pub text: String,
    /// Where it stands in a command text.
    pub span: Option<Span>,
    /// The part that starts this one, counted from 0, where one does.
    pub starter: Option<usize>,
    /// What it does, as far as that is known.
    pub effects: Vec<Effect>,
    /// How much it would destroy now, where it destroys something.
    pub removals: Vec<Removal>,
    /// Its verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The rule that decided it, if one did.
    pub rule: Option<RuleRef>,
}

/// One thing that a part does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The kind of it.
    pub kind: EffectKind,
    /// What it is done to: a program's name, a path, a pattern, a host.
    pub what: String,
    /// True when everything below it is meant too.
    pub below: bool,
    /// True when links below it are followed.
    pub links: bool,
}

/// The kinds of what a part does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectKind {
    /// Runs a program.
    Runs,
    /// Looks at names, sizes or times.
    Looks,
    /// Reads content or a listing.
    Reads,
    /// Makes or changes it.
    Writes,
    /// Removes it or moves it away.
    Deletes,
    /// Names a file, and nobody knows what for.
    Mentions,
    /// Reaches a host.
    Reaches,
    /// Starts a program as a part of itself.
    Starts,
    /// Something that its words do not say.
    Does,
    /// Changes nothing.
    Nothing,
}

/// Something that could not be known, or that asks whatever is allowed. A mark only makes a verdict stricter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What is marked.
    pub kind: MarkKind,
    /// The text that is marked, as written; empty where it is the whole call.
    pub what: String,
    /// Why, for a person.
    pub why: String,
    /// The part that it belongs to, counted from 0; `None` where it is about the call as a whole.
    pub part: Option<usize>,
    /// Where it stands in a command text, where that is known.
    pub span: Option<Span>,
}

/// What can be marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// The text: it may not be what runs.
    Text,
    /// A program that is only known when it runs.
    Program,
    /// A word that is only known when it runs.
    Word,
    /// What a program does with its words, where its table does not say it.
    Meaning,
    /// A form that asks whatever is allowed.
    Suspicious,
    /// Something that nobody may approve.
    Forbidden,
}
