//! The only verdict.
//!
//! Each part of a call is judged on its own and the strictest verdict counts. For a part the order is:
//!
//! 1. a layer that cannot be read, or something that nobody may approve: deny
//! 2. a deny rule: deny
//! 3. an ask rule: ask
//! 4. what no mode and no rule approves (critical removals, suspicious forms, what cannot be
//!    known while rules forbid something): ask
//! 5. bypassing: allow
//! 6. protected paths: ask
//! 7. the built-in read-only set, and edits that the mode accepts: allow
//! 8. what may change something, in plan mode: ask
//! 9. an allow rule: allow; so does running inside the boundary, where the settings accept that
//! 10. otherwise: ask
//!
//! At the end `dontAsk` turns a question into a refusal, and so does the absence of a person.

mod advice;
mod boundary;
mod candidates;
mod judge;
mod limits;
mod rules;
mod scope;

use crate::action::{Action, Runner};
use crate::controls::{Controls, LateReads, Network};
use crate::effects::Effects;
use crate::facts::{BoundaryFacts, Facts, Person};
use crate::layer::{Scope, Sourced};
use crate::mode::Mode;
use crate::path::AbsPath;
use crate::permit::{Approval, Decision, Pending, Permit, Refusal};
use crate::proof::{Boundary, PartProof, Proof, Verdict};
use crate::rule::Policy;

/// Decides an action: the strictest verdict over its parts.
pub fn decide(policy: &Policy, action: &Action, effects: &Effects, facts: &Facts) -> Decision {
    let mode = policy.mode_for(facts.mode);
    let effects = effects.doubted(facts);
    let effects = &*scope::doubted(&effects, facts);
    let confinement = boundary::Confinement::of(policy, action, effects, facts);
    let judge = judge::Judge { policy, action, facts, mode, is_inside: confinement.is_inside() };
    let mut parts: Vec<judge::Judged> = Vec::with_capacity(effects.parts.len());
    for (index, part) in effects.parts.iter().enumerate() {
        // What starts a part stands before it.
        let starts = effects.parts.iter().skip(index).any(|part| part.runner == Some(index));
        let mut judged = judge.part(part, part.runner.and_then(|runner| parts.get(runner)), starts);
        judged.removals.extend(facts.removals.iter().filter(|removal| removal.part == index).cloned());
        parts.push(judged);
    }
    let whole = judge.whole(effects, &parts, &confinement);
    // Of equals the first is told: what a reader meets first.
    let strictest = whole.iter().chain(&parts).rev().max_by_key(|judged| judged.rank());
    let mut proof = match strictest {
        Some(judged) => judge.proof(judged, &parts),
        None => judge.nothing(),
    };
    proof.marks = crate::proof::marks_of(action, effects);
    proof.boundary.clone_from(&confinement.told);
    if proof.verdict != Verdict::Deny {
        tell_boundary(&mut proof);
    }
    if proof.verdict == Verdict::Ask {
        tell_losses(&mut proof);
        refuse_question(&mut proof, policy, facts);
    }
    let controls = controls(policy, action, facts);
    match (proof.verdict, controls) {
        (Verdict::Deny, _) => Decision::Deny(Refusal::new(proof)),
        (Verdict::Allow | Verdict::Ask, Err(why)) => {
            proof.verdict = Verdict::Deny;
            proof.reason = why;
            proof.rule = None;
            proof.hint = None;
            proof.missing = Vec::new();
            Decision::Deny(Refusal::new(proof))
        }
        (Verdict::Ask, Ok(controls)) => {
            let needs = approval_needed(&proof);
            Decision::Ask(Pending::new(proof, controls, needs))
        }
        (Verdict::Allow, Ok(controls)) => Decision::Allow(Permit::new(proof, controls)),
    }
}

/// What leaves the boundary, and what asks to and does not, is told to whoever reads the answer.
fn tell_boundary(proof: &mut Proof) {
    match &proof.boundary {
        None | Some(Boundary::Inside { kept: None }) => {}
        Some(told @ (Boundary::Inside { kept: Some(_) } | Boundary::Outside { .. })) => {
            proof.reason = format!("{}; it {}", proof.reason, told.words());
        }
    }
}

/// Who says yes says it to every part: the question tells what each would destroy.
fn tell_losses(proof: &mut Proof) {
    let reason = proof.reason.clone();
    let losses = proof.parts.iter().flat_map(|part| part.removals.iter().map(move |removal| (part, removal)));
    for (part, removal) in losses.take(crate::limits::LOSSES_TOLD_MAX) {
        let text = judge::quoted(&part.text);
        let whose = if reason.contains(&text) { String::new() } else { format!("{text}: ") };
        proof.reason.push_str(&format!("; {whose}{}", removal.words()));
    }
}

/// A question that nobody can be asked, or that the settings do not want, is a refusal.
fn refuse_question(proof: &mut Proof, policy: &Policy, facts: &Facts) {
    let unwanted = policy.switches().deny_instead.as_ref().filter(|switch| switch.value);
    let why = if proof.mode == Mode::DontAsk {
        "mode `dontAsk` refuses what would ask".to_owned()
    } else if facts.person == Person::Absent {
        "nobody can be asked".to_owned()
    } else if let Some(switch) = unwanted {
        limits::refuses_questions(&switch.origin)
    } else {
        return;
    };
    proof.verdict = Verdict::Deny;
    proof.reason = format!("{}; {why}", proof.reason);
}

/// A managed ask rule wants an answer to the very question; any other is answered by typing the command.
fn approval_needed(proof: &Proof) -> Approval {
    let managed = proof.parts.iter().filter(|part| part.verdict == Verdict::Ask).filter_map(|part| part.rule.as_ref());
    if managed.chain(&proof.rule).any(|rule| rule.origin.scope == Scope::Managed) {
        Approval::Prompted
    } else {
        Approval::Typed
    }
}

/// What the boundary must hold, for a command that is to run inside one.
fn controls(policy: &Policy, action: &Action, facts: &Facts) -> Result<Option<Controls>, String> {
    let runs_here = action.kind.command().is_some_and(|command| command.runner == Runner::Boundary);
    if !runs_here {
        return Ok(None);
    }
    let Some(boundary) = &facts.boundary else {
        return Err("what the boundary must hold is not known".to_owned());
    };
    if let Some(why) = &boundary.incomplete {
        return Err(why.clone());
    }
    Ok(Some(Controls {
        cwd: action.cwd.clone(),
        home: facts.home.clone(),
        writable: boundary.writable.clone(),
        unreadable: boundary.unreadable.clone(),
        unwritable: boundary.unwritable.clone(),
        reopened: boundary.reopened.clone(),
        project: facts.project.clone(),
        bounds: policy.sandbox().bounds.clone(),
        reading: boundary.reading.clone(),
        late_reads: late_reads(policy, action, facts, boundary),
        caches: boundary.caches.clone(),
        require: policy.sandbox().require.iter().map(|layer| layer.value.clone()).collect(),
        network: if boundary.is_proxied {
            Network::Proxied { captured: policy.network().ports() }
        } else {
            Network::None
        },
        limits: policy.sandbox().limits.clone(),
    }))
}

/// Returns which Read rules can come to cover a file while the command runs, and whether that is looked at.
fn late_reads(policy: &Policy, action: &Action, facts: &Facts, boundary: &BoundaryFacts) -> LateReads {
    let sandbox = policy.sandbox();
    let is_hidden = |path: &AbsPath| boundary.unreadable.iter().any(|held| path.is_within(&held.path));
    let rules: Vec<String> = sandbox.late_reads(&facts.project, &action.cwd, is_hidden).collect();
    match &sandbox.reads_on_open {
        _ if rules.is_empty() => LateReads::None,
        Some(Sourced { value: true, origin: _ }) => LateReads::Checked(rules),
        Some(_) | None => LateReads::Open(rules),
    }
}

/// Returns a part's line in the proof.
fn part_proof(judged: &judge::Judged) -> PartProof {
    PartProof {
        starter: judged.starter,
        text: judged.text.clone(),
        span: judged.span,
        effects: judged.effects.clone(),
        removals: judged.removals.clone(),
        verdict: judged.verdict,
        reason: judged.reason.clone(),
        rule: judged.rule.clone(),
    }
}
