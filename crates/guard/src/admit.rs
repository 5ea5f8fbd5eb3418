//! The function through which every call goes.

use audit::{Body, Decision as DecisionRecord, Journal, Kept, Receipt, Record, Started};
use policy::facts::Person;
use policy::proof::Otherwise;
use policy::{Action, Controls, Decision, Effects, Mode, Pending, Permit, Policy, Proof, Refusal, Tool, Verdict};

use crate::facts;
use crate::limits;
use crate::place::Place;

/// A session's policy, place and journal.
#[derive(Debug)]
pub struct Guard<'a> {
    /// The compiled policy in force.
    pub policy: &'a Policy,
    /// Where the session stands.
    pub place: &'a Place,
    /// Where every decision is recorded.
    pub journal: &'a Journal,
}

/// A call and who asks.
#[derive(Debug)]
pub struct Request<'a> {
    /// What is asked.
    pub action: &'a Action,
    /// The mode that the session is in, if it says so.
    pub mode: Option<Mode>,
    /// Whether a person can answer a question.
    pub person: Person,
    /// Who asks and when.
    pub stamp: Stamp<'a>,
    /// The agent's own name for the call.
    pub call_id: Option<&'a str>,
    /// The number of the decision that this command runs under, when a hook gave it its permit. It is
    /// decided again; unless that refuses it, the record is that it starts.
    pub under: Option<u64>,
}

/// Who writes a record, and when.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// The agent's session, or what stands for one.
    pub session: &'a str,
    /// The speaker: `hook:claude`, `run`.
    pub source: &'a str,
}

/// What came of a call, with the number of its record.
#[derive(Debug)]
#[must_use = "an outcome must reach whoever asked"]
pub enum Outcome {
    /// It may happen.
    Permit(Permit<Tool>, Receipt),
    /// A person must answer.
    Pending(Pending, Receipt),
    /// It may not happen. Without a receipt the refusal itself could not be recorded.
    Refusal(Refusal, Option<Receipt>),
}

impl Guard<'_> {
    /// Decides a call and records the decision before anybody learns of it.
    ///
    /// 1. Read what the call would do.
    /// 2. Look up exactly what it names.
    /// 3. Decide.
    /// 4. Record; a decision that cannot be recorded is a refusal.
    pub fn admit(&self, request: &Request<'_>) -> Outcome {
        let decision = judge(self.policy, self.place, request.action, request.mode, request.person);
        let record = match request.under {
            Some(under) if decision.proof().verdict != Verdict::Deny => {
                request.stamp.record(Body::Started(Started { under }))
            }
            Some(_) | None => self.record(request, decision.proof()),
        };
        match (decision, self.journal.append(&record)) {
            (Decision::Allow(permit), Ok(receipt)) => Outcome::Permit(permit, receipt),
            (Decision::Ask(pending), Ok(receipt)) => Outcome::Pending(pending, receipt),
            (Decision::Deny(refusal), Ok(receipt)) => Outcome::Refusal(refusal, Some(receipt)),
            (Decision::Allow(permit), Err(error)) => Outcome::Refusal(permit.revoke(&unrecorded(&error)), None),
            (Decision::Ask(pending), Err(error)) => Outcome::Refusal(pending.refuse(&unrecorded(&error)), None),
            (Decision::Deny(refusal), Err(error)) => Outcome::Refusal(refusal.and(&unrecorded(&error)), None),
        }
    }

    fn record(&self, request: &Request<'_>, proof: &Proof) -> Record {
        let action = request.action;
        let parts = if proof.parts.len() > 1 { proof.parts.iter().map(part).collect() } else { Vec::new() };
        let decision = DecisionRecord {
            verdict: proof.verdict,
            reason: audit::redact(&proof.reason).text,
            rule: proof.rule.clone(),
            mode: proof.mode,
            tool: action.tool.clone(),
            cwd: action.cwd.to_string(),
            input: kept(action),
            action_digest: action.digest(&self.place.project),
            policy_digest: self.policy.digest().to_owned(),
            tool_use_id: request.call_id.map(str::to_owned),
            parts,
        };
        request.stamp.record(Body::Decision(Box::new(decision)))
    }
}

impl Stamp<'_> {
    /// Returns the record of what happened.
    pub(crate) fn record(&self, body: Body) -> Record {
        Record {
            time_ms: self.time_ms,
            session: self.session.to_owned(),
            source: self.source.to_owned(),
            uid: rustix::process::getuid().as_raw(),
            pid: std::process::id(),
            body,
        }
    }
}

/// Returns what would be decided. Nothing is recorded, and no permit is handed out.
pub fn consider(policy: &Policy, place: &Place, action: &Action, mode: Option<Mode>) -> Proof {
    judge(policy, place, action, mode, Person::Present).proof().clone()
}

/// Returns what a boundary would have to hold for a call, or why the call would be refused. Nothing is recorded, and
/// no permit is handed out.
pub fn controls(policy: &Policy, place: &Place, action: &Action, mode: Option<Mode>) -> Result<Controls, Box<Proof>> {
    let decision = judge(policy, place, action, mode, Person::Present);
    decision.controls().cloned().ok_or_else(|| Box::new(decision.proof().clone()))
}

/// Explains a call: as [`consider`], and says what would be decided without the rule that decided.
pub fn explain(policy: &Policy, place: &Place, action: &Action, mode: Option<Mode>) -> Proof {
    let mut proof = consider(policy, place, action, mode);
    if let Some(rule) = &proof.rule {
        let other = consider(&policy.without(rule), place, action, mode);
        proof.otherwise = Some(Otherwise { verdict: other.verdict, reason: other.reason });
    }
    proof
}

/// The one way to a decision: `admit` and `consider` share it, so what is explained is what is decided.
fn judge(policy: &Policy, place: &Place, action: &Action, mode: Option<Mode>, person: Person) -> Decision {
    let effects = Effects::of(action, &place.home);
    let facts = facts::gather(policy, place, action, &effects, mode, person);
    policy::decide(policy, action, &effects, &facts)
}

fn unrecorded(error: &audit::Error) -> String {
    format!("refused because the decision cannot be recorded: {error}; {}", error.hint())
}

fn kept(action: &Action) -> Kept {
    audit::keep(&action.tool, &action.subject())
}

fn part(part: &policy::proof::PartProof) -> audit::Part {
    let short: String = part.text.chars().take(limits::PART_CHARACTERS_MAX).collect();
    audit::Part { text: audit::redact(&short).text, verdict: part.verdict }
}
