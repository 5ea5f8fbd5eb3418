//! A proof as JSON: the one form in which every command hands it out. Its schema stands in docs/reference.

use policy::facts::Removal;
use policy::proof::{Boundary, Effect, Lift, Mark, PartProof, Proof, RuleRef};
use serde_json::{Value, json};

/// Returns a proof as JSON.
pub fn json(proof: &Proof) -> Value {
    let Proof { verdict, reason, rule, hint, parts, missing, marks, shadowed, mode, otherwise, boundary } = proof;
    json!({
        "decision": verdict.name(),
        "reason": reason,
        "rule": rule.as_ref().map(rule_json),
        "without_rule": otherwise.as_ref().map(|other| json!({
            "decision": other.verdict.name(),
            "reason": other.reason,
        })),
        "also_matched": shadowed.iter().map(|(rule, why)| json!({"rule": rule_json(rule), "why": why})).collect::<Vec<_>>(),
        "way_forward": hint,
        "missing_rules": missing,
        "mode": mode.name(),
        "boundary": boundary.as_ref().map(boundary_json),
        "marks": marks.iter().map(mark_json).collect::<Vec<_>>(),
        "parts": parts.iter().map(part_json).collect::<Vec<_>>(),
    })
}

fn boundary_json(boundary: &Boundary) -> Value {
    let (runs, lifted_by) = match boundary {
        Boundary::Inside { kept: _ } => ("inside", Vec::new()),
        Boundary::Outside { by } => ("outside", by.iter().map(lift_json).collect()),
    };
    json!({"runs": runs, "lifted_by": lifted_by, "words": boundary.words()})
}

fn lift_json(lift: &Lift) -> Value {
    json!({
        "text": lift.text,
        "scope": lift.origin.scope.name(),
        "file": lift.origin.file,
        "line": lift.origin.line,
    })
}

/// Returns a rule as JSON.
pub fn rule_json(rule: &RuleRef) -> Value {
    json!({
        "text": rule.text,
        "list": rule.list.name(),
        "scope": rule.origin.scope.name(),
        "file": rule.origin.file,
        "line": rule.origin.line,
    })
}

fn part_json(part: &PartProof) -> Value {
    let PartProof { text, span, starter, effects, removals, verdict, reason, rule } = part;
    json!({
        "text": text,
        "start": span.map(|span| span.start),
        "end": span.map(|span| span.end),
        "started_by": starter,
        "effects": effects.iter().map(effect_json).collect::<Vec<_>>(),
        "would_lose": removals.iter().map(removal_json).collect::<Vec<_>>(),
        "decision": verdict.name(),
        "reason": reason,
        "rule": rule.as_ref().map(rule_json),
    })
}

fn effect_json(effect: &Effect) -> Value {
    json!({"kind": effect.kind.name(), "what": effect.what, "below": effect.below, "links": effect.links, "words": effect.words()})
}

fn mark_json(mark: &Mark) -> Value {
    json!({
        "kind": mark.kind.name(),
        "what": mark.what,
        "why": mark.why,
        "part": mark.part,
        "start": mark.span.map(|span| span.start),
        "end": mark.span.map(|span| span.end),
    })
}

fn removal_json(removal: &Removal) -> Value {
    let Removal {
        part: _,
        kind,
        files,
        directories,
        bytes,
        tracked,
        changed,
        more,
        most,
        unknown,
        repository,
        entries,
        of,
    } = removal;
    json!({
        "kind": kind.name(),
        "files": files,
        "directories": directories,
        "bytes": bytes,
        "tracked": tracked,
        "changed": changed,
        "at_least": more,
        "at_most": most,
        "unknown": unknown,
        "repository": repository,
        "entries": entries,
        "of_entries": of,
        "words": removal.words(),
    })
}
