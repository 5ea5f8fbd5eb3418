//! Rules that other rules leave nothing to decide.

use super::cover::{cover_together, covers_before, covers_beside};
use super::world::World;
use super::{Check, Finding, Level, named};
use crate::layer::Scope;
use crate::proof::RuleRef;
use crate::rule::{List, Matcher, Rule};

/// Rules that are compared with one another; the time grows with the square.
const COMPARED_MAX: usize = 1_000;

/// Returns the findings about pairs of rules.
pub(super) fn findings(world: &World<'_>) -> Vec<Finding> {
    let rules: Vec<&Rule> = world.policy.rules.iter().take(COMPARED_MAX).collect();
    let mut findings = Vec::new();
    if let Some(beyond) = world.policy.rules.get(COMPARED_MAX) {
        let count = world.policy.rules.len();
        let message = format!("there are {count} rules, and the first {COMPARED_MAX} are compared with one another");
        findings
            .push(Finding::about(Check::NotCompared, Level::Note, beyond, message).hint("lint the files one by one"));
    }
    for (index, rule) in rules.iter().enumerate() {
        let before = rules.iter().filter(|other| other.reference.list < rule.reference.list);
        let stricter: Vec<&Rule> = before.copied().collect();
        if let Some(same) = stricter.iter().find(|other| is_same_text(other, rule, world)) {
            findings.push(contradictory(rule, &same.reference));
        } else if let Some(finding) = unreachable(rule, &stricter, world) {
            findings.push(finding);
        } else if let Some(finding) = shadowed(rule, index, &rules, world) {
            findings.push(finding);
        }
    }
    findings
}

/// Returns true when two rules are one text, with one meaning where they stand.
fn is_same_text(left: &Rule, right: &Rule, world: &World<'_>) -> bool {
    let words = |rule: &Rule| rule.reference.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let hangs_at = |rule: &Rule| match &rule.matcher {
        Matcher::Path { pattern, .. } => pattern.bases(world.project, world.project).into_iter().next(),
        Matcher::Tool(_)
        | Matcher::Command(_)
        | Matcher::ForeignCommand(_)
        | Matcher::Domain(_)
        | Matcher::Agent(_)
        | Matcher::Cd(_)
        | Matcher::Skill { .. }
        | Matcher::Parameter { .. } => None,
    };
    words(left) == words(right) && hangs_at(left) == hangs_at(right)
}

fn contradictory(rule: &Rule, stricter: &RuleRef) -> Finding {
    let list = rule.reference.list.name();
    let message = format!("the same rule stands in {} and in {list}; {0} comes first", stricter.list.name());
    Finding::about(Check::Contradictory, Level::Warning, rule, message)
        .hint(format!("remove it from one of the two lists; the other is at {}", super::place(stricter)))
        .others(vec![stricter.clone()])
}

/// Returns true unless a call that `inner` covers shows that `outer` does not cover all of them.
fn could_cover(outer: &Rule, inner: &Rule, sample: Option<&str>) -> bool {
    match (&outer.matcher, &inner.matcher, sample) {
        (Matcher::Command(outer), Matcher::Command(_), Some(sample)) => outer.covers(sample),
        (Matcher::Path { .. }, Matcher::Command(_), _) | (Matcher::Command(_), Matcher::Path { .. }, _) => false,
        (
            Matcher::Tool(_)
            | Matcher::Command(_)
            | Matcher::ForeignCommand(_)
            | Matcher::Path { .. }
            | Matcher::Domain(_)
            | Matcher::Agent(_)
            | Matcher::Cd(_)
            | Matcher::Skill { .. }
            | Matcher::Parameter { .. },
            _,
            _,
        ) => true,
    }
}

fn unreachable(rule: &Rule, stricter: &[&Rule], world: &World<'_>) -> Option<Finding> {
    let text = super::effect::spelled(rule).map(|(_, text)| text);
    let possible = |other: &&&Rule| could_cover(other, rule, text.as_deref());
    let alone: Vec<&Rule> =
        stricter.iter().filter(possible).find(|other| covers_before(other, rule, world)).copied().into_iter().collect();
    let by = if alone.is_empty() { cover_together(stricter, rule) } else { alone };
    let strictest = by.first()?.reference.list;
    let list = rule.reference.list.name();
    let others: Vec<RuleRef> = by.iter().map(|other| other.reference.clone()).collect();
    let covering = others.iter().map(named).collect::<Vec<_>>().join(" and ");
    let verb = if others.len() == 1 { "covers" } else { "together cover" };
    let message = format!("it never decides: {covering} {verb} everything that it covers");
    let hint = match strictest {
        List::Deny => format!("remove it from {list}, or narrow the deny; nothing carves an exception out of a deny"),
        List::Ask | List::Allow => format!("remove it from {list}, or narrow the ask; an ask comes before an allow"),
    };
    let finding = Finding::about(Check::Unreachable, Level::Warning, rule, message).hint(hint).others(others);
    Some(match super::effect::sample(rule, world) {
        Some((tool, subject)) => finding.example(world.example(&tool, &subject)),
        None => finding,
    })
}

fn shadowed(rule: &Rule, index: usize, rules: &[&Rule], world: &World<'_>) -> Option<Finding> {
    let list = rule.reference.list;
    let text = super::effect::spelled(rule).map(|(_, text)| text);
    let beside = rules.iter().enumerate().filter(|(at, other)| *at != index && other.reference.list == list);
    let wider = beside
        .filter(|(_, other)| could_cover(other, rule, text.as_deref()) && covers_beside(other, rule, world))
        // Of two that cover one another the later one can go.
        .find(|(at, other)| *at < index || !covers_beside(rule, other, world))
        .map(|(_, other)| &other.reference)?;
    let same_file = wider.origin.file == rule.reference.origin.file;
    // What one person's file says is no reason to take a rule out of another's, or of the team's.
    if !same_file && rule.reference.origin.scope != Scope::Local && wider.origin.scope != Scope::Managed {
        return None;
    }
    let level = if same_file { Level::Warning } else { Level::Note };
    let message = format!("it adds nothing: {} covers everything that it covers", named(wider));
    let hint = if same_file {
        "remove it".to_owned()
    } else {
        "remove it, unless this file is also used where the other is not".to_owned()
    };
    Some(Finding::about(Check::Shadowed, level, rule, message).hint(hint).others(vec![wider.clone()]))
}
