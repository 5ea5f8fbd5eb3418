//! Why a call was decided so, as data.

use crate::layer::Origin;
use crate::rule::List;
use shell::Span;

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
    /// Rules that matched and did not decide, with the reason.
    pub shadowed: Vec<(RuleRef, String)>,
    /// The mode the call was decided under.
    pub mode: crate::mode::Mode,
    /// What would be decided without the rule that decided, where somebody asked for that.
    pub otherwise: Option<Otherwise>,
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
    /// How it was understood, a line each: "runs `rm`", "deletes /x".
    pub understood: Vec<String>,
    /// Its verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The rule that decided it, if one did.
    pub rule: Option<RuleRef>,
}
