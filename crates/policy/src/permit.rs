//! What a decision hands out. Only this crate can make any of it.

use std::marker::PhantomData;

use crate::controls::Controls;
use crate::proof::{Proof, Verdict};

/// The kind of permit that lets an agent's tool call go ahead.
#[derive(Debug)]
pub enum Tool {}

/// The kind of permit that lets `sandbox` start a command.
#[derive(Debug)]
pub enum Exec {}

/// Leave to do one thing. It cannot be copied, defaulted or read from bytes.
///
/// INVARIANT: made by [`crate::decide`] for an allowed call, or by [`Pending::approve`].
#[derive(Debug)]
#[must_use = "a permit that nobody uses permits nothing"]
pub struct Permit<Kind> {
    proof: Box<Proof>,
    controls: Option<Box<Controls>>,
    kind: PhantomData<Kind>,
}

impl Permit<Tool> {
    pub(crate) fn new(proof: Proof, controls: Option<Controls>) -> Self {
        Self { proof: Box::new(proof), controls: controls.map(Box::new), kind: PhantomData }
    }

    /// Returns the permit to start the command, or itself when the call is no command to be run
    /// inside the boundary.
    pub fn into_exec(self) -> Result<Permit<Exec>, Self> {
        if self.controls.is_some() {
            Ok(Permit { proof: self.proof, controls: self.controls, kind: PhantomData })
        } else {
            Err(self)
        }
    }
}

impl<Kind> Permit<Kind> {
    /// Returns why it was given.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Takes the permit back: what it allowed may not happen after all.
    pub fn revoke(self, why: &str) -> Refusal {
        Refusal::because(self.proof, why)
    }
}

impl Permit<Exec> {
    /// Returns what the boundary must hold.
    pub fn controls(&self) -> &Controls {
        // INVARIANT: `into_exec` is the only maker, and it checks.
        match &self.controls {
            Some(controls) => controls,
            None => unreachable!("an exec permit carries controls"),
        }
    }
}

/// How the person was asked who said yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Approval {
    /// The person typed the command, which answers the question.
    Typed,
    /// The agent's own prompt was answered.
    Prompted,
    /// The person answered this very question at a terminal.
    Terminal,
}

/// A question that a person must answer.
#[derive(Debug)]
#[must_use = "a question that nobody answers is a refusal"]
pub struct Pending {
    proof: Box<Proof>,
    controls: Option<Box<Controls>>,
    needs: Approval,
}

impl Pending {
    pub(crate) fn new(proof: Proof, controls: Option<Controls>, needs: Approval) -> Self {
        Self { proof: Box::new(proof), controls: controls.map(Box::new), needs }
    }

    /// Returns why it must be asked.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Returns the weakest approval that answers it.
    pub fn needs(&self) -> Approval {
        self.needs
    }

    /// Turns the question into a permit, or back into itself when the approval is too weak.
    pub fn approve(self, approval: Approval) -> Result<Permit<Tool>, Self> {
        if approval >= self.needs {
            Ok(Permit { proof: self.proof, controls: self.controls, kind: PhantomData })
        } else {
            Err(self)
        }
    }

    /// Turns the question into a refusal.
    pub fn refuse(self, why: &str) -> Refusal {
        Refusal::because(self.proof, why)
    }
}

/// Policy said no.
#[derive(Debug)]
#[must_use = "a refusal must reach whoever asked"]
pub struct Refusal {
    proof: Box<Proof>,
}

impl Refusal {
    pub(crate) fn new(proof: Proof) -> Self {
        Self { proof: Box::new(proof) }
    }

    fn because(mut proof: Box<Proof>, why: &str) -> Self {
        proof.verdict = Verdict::Deny;
        proof.reason = format!("{}; {why}", proof.reason);
        Self { proof }
    }

    /// Returns the refusal with a further reason.
    pub fn and(self, why: &str) -> Self {
        Self::because(self.proof, why)
    }

    /// Returns why.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// The verdict on an action, with what it hands out.
#[derive(Debug)]
#[must_use = "a decision must be recorded and carried out"]
pub enum Decision {
    /// It may happen.
    Allow(Permit<Tool>),
    /// A person must answer.
    Ask(Pending),
    /// It may not happen.
    Deny(Refusal),
}

impl Decision {
    /// Returns what a boundary must hold for it; `None` when it is refused or runs in none. Nothing is let by that.
    pub fn controls(&self) -> Option<&Controls> {
        match self {
            Self::Allow(permit) => permit.controls.as_deref(),
            Self::Ask(pending) => pending.controls.as_deref(),
            Self::Deny(_) => None,
        }
    }

    /// Returns why.
    pub fn proof(&self) -> &Proof {
        match self {
            Self::Allow(permit) => permit.proof(),
            Self::Ask(pending) => pending.proof(),
            Self::Deny(refusal) => refusal.proof(),
        }
    }
}
