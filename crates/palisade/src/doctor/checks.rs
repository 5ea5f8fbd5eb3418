//! Facts to checks: pure. Each check has an id that stays, evidence, and what helps.

mod hooks;
mod machine;
mod state;

pub(super) use machine::{fixes, is_contained};
pub(super) use state::is_full;

use super::facts::Facts;
use super::repair::Repair;

/// How a check comes out, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// It does not apply here.
    Skip,
    /// It works, and less well than it could.
    Warn,
    /// Something does not work, or protects nothing.
    Fail,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fix {
    /// A command for a person, who reads it first.
    Command(String),
    /// Something else that a person does.
    Advice(String),
    /// A change to the user's own files, which `--fix` makes.
    Repair(Repair),
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    /// A name that stays.
    pub(super) id: &'static str,
    pub(super) status: Status,
    /// What was seen.
    pub(super) evidence: String,
    pub(super) fixes: Vec<Fix>,
}

impl Check {
    fn new(id: &'static str, status: Status, evidence: impl Into<String>) -> Self {
        Self { id, status, evidence: evidence.into(), fixes: Vec::new() }
    }

    fn ok(id: &'static str, evidence: impl Into<String>) -> Self {
        Self::new(id, Status::Ok, evidence)
    }

    fn skip(id: &'static str, evidence: impl Into<String>) -> Self {
        Self::new(id, Status::Skip, evidence)
    }

    fn warn(id: &'static str, evidence: impl Into<String>) -> Self {
        Self::new(id, Status::Warn, evidence)
    }

    fn fail(id: &'static str, evidence: impl Into<String>) -> Self {
        Self::new(id, Status::Fail, evidence)
    }

    fn command(mut self, command: impl Into<String>) -> Self {
        self.fixes.push(Fix::Command(command.into()));
        self
    }

    fn advice(mut self, advice: impl Into<String>) -> Self {
        self.fixes.push(Fix::Advice(advice.into()));
        self
    }

    fn repair(mut self, repair: Repair) -> Self {
        self.fixes.push(Fix::Repair(repair));
        self
    }
}

/// Judges everything, in the order of the report.
pub(super) fn examine(facts: &Facts) -> Vec<Check> {
    let mut checks = machine::examine(facts);
    checks.extend(hooks::examine(facts));
    checks.extend(state::examine(facts));
    checks
}
