//! Rules that other rules leave nothing to decide.

use super::cover::{cover_together, covers_before, covers_beside};
use super::language::{Found, Language, Shape, witness};
use super::world::World;
use super::{Check, Finding, Level, named};
use crate::layer::Scope;
use crate::proof::RuleRef;
use crate::rule::{List, Matcher, Rule};

/// Rules that are compared with one another; the time grows with the square.
const COMPARED_MAX: usize = 1_000;

/// Returns the findings about pairs of rules.
pub(super) fn findings(world: &World<'_>) -> Vec<Finding> {
    let rules: Vec<Known<'_>> =
        world.policy.rules.iter().take(COMPARED_MAX).map(|rule| Known::new(rule, world)).collect();
    let mut findings = Vec::new();
    if let Some(beyond) = world.policy.rules.get(COMPARED_MAX) {
        let count = world.policy.rules.len();
        let message = format!("there are {count} rules, and the first {COMPARED_MAX} are compared with one another");
        findings
            .push(Finding::about(Check::NotCompared, Level::Note, beyond, message).hint("lint the files one by one"));
    }
    for (index, rule) in rules.iter().enumerate() {
        let before = rules.iter().filter(|other| other.rule.reference.list < rule.rule.reference.list);
        let stricter: Vec<&Known<'_>> = before.collect();
        if let Some(same) = stricter.iter().find(|other| is_same_text(other.rule, rule.rule, world)) {
            findings.push(contradictory(rule.rule, &same.rule.reference));
        } else if let Some(finding) = unreachable(rule, &stricter, world) {
            findings.push(finding);
        } else if let Some(finding) = shadowed(rule, index, &rules, world) {
            findings.push(finding);
        }
    }
    findings
}

/// A rule with what is asked of it again and again.
struct Known<'r> {
    rule: &'r Rule,
    /// A call that it covers.
    sample: Option<String>,
    /// What a path or host pattern spells.
    languages: Vec<Language>,
}

impl<'r> Known<'r> {
    fn new(rule: &'r Rule, world: &World<'_>) -> Self {
        let first = |languages: &[Language], shape| match languages.first().map(|own| witness(own, &[], shape)) {
            Some(Found::Text(text)) => Some(text),
            Some(Found::Nothing | Found::Unknown) | None => None,
        };
        let (sample, languages) = match &rule.matcher {
            Matcher::Path { pattern, .. } => {
                let bases = pattern.bases(world.project, world.project);
                let languages: Vec<Language> = bases.iter().map(|base| pattern.language(base)).collect();
                (first(&languages, Shape::Path), languages)
            }
            Matcher::Domain(pattern) => {
                let languages = vec![pattern.language()];
                (first(&languages, Shape::Any), languages)
            }
            Matcher::Command(_) => (super::effect::spelled(rule).map(|(_, text)| text), Vec::new()),
            Matcher::Tool(name) => (Some(name.as_str().to_owned()).filter(|name| !name.contains('*')), Vec::new()),
            Matcher::ForeignCommand(_)
            | Matcher::Agent(_)
            | Matcher::Cd(_)
            | Matcher::Skill { .. }
            | Matcher::Parameter { .. } => (None, Vec::new()),
        };
        Self { rule, sample, languages }
    }

    /// Returns true unless a call that `inner` covers shows that this rule does not cover all of them.
    fn could_cover(&self, inner: &Self) -> bool {
        let Some(sample) = &inner.sample else { return true };
        match (&self.rule.matcher, &inner.rule.matcher) {
            (Matcher::Command(pattern), Matcher::Command(_)) => pattern.covers(sample),
            (Matcher::Tool(name), Matcher::Tool(_)) => name.covers(sample),
            (Matcher::Path { .. }, Matcher::Path { .. }) | (Matcher::Domain(_), Matcher::Domain(_)) => {
                self.languages.iter().any(|language| language.has(sample))
            }
            // A rule for a whole tool covers what a pattern of it does.
            (Matcher::Tool(_), _) => true,
            (
                Matcher::Command(_)
                | Matcher::ForeignCommand(_)
                | Matcher::Path { .. }
                | Matcher::Domain(_)
                | Matcher::Agent(_)
                | Matcher::Cd(_)
                | Matcher::Skill { .. }
                | Matcher::Parameter { .. },
                _,
            ) => false,
        }
    }
}

/// Returns true when two rules are one text, with one meaning where they stand.
fn is_same_text(left: &Rule, right: &Rule, world: &World<'_>) -> bool {
    let same_words = left.reference.text.split_whitespace().eq(right.reference.text.split_whitespace());
    let hangs_at =
        |rule: &Rule| rule.matcher.path().and_then(|path| path.bases(world.project, world.project).into_iter().next());
    same_words && hangs_at(left) == hangs_at(right)
}

fn contradictory(rule: &Rule, stricter: &RuleRef) -> Finding {
    let list = rule.reference.list.name();
    let message = format!("the same rule stands in {} and in {list}; {0} comes first", stricter.list.name());
    Finding::about(Check::Contradictory, Level::Warning, rule, message)
        .hint(format!("remove it from one of the two lists; the other is at {}", super::place(stricter)))
        .others(vec![stricter.clone()])
}

fn unreachable(known: &Known<'_>, stricter: &[&Known<'_>], world: &World<'_>) -> Option<Finding> {
    let rule = known.rule;
    let possible: Vec<&Rule> =
        stricter.iter().filter(|other| other.could_cover(known)).map(|other| other.rule).collect();
    let alone: Vec<&Rule> =
        possible.iter().find(|other| covers_before(other, rule, world)).copied().into_iter().collect();
    let by = if !alone.is_empty() {
        alone
    } else if possible.is_empty() {
        // What covers it together covers each call of it, each by one of them.
        Vec::new()
    } else {
        let every: Vec<&Rule> = stricter.iter().map(|other| other.rule).collect();
        cover_together(&every, rule)
    };
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

fn shadowed(known: &Known<'_>, index: usize, rules: &[Known<'_>], world: &World<'_>) -> Option<Finding> {
    let rule = known.rule;
    let list = rule.reference.list;
    let beside = rules.iter().enumerate().filter(|(at, other)| *at != index && other.rule.reference.list == list);
    let wider = beside
        .filter(|(_, other)| other.could_cover(known))
        .map(|(at, other)| (at, other.rule))
        .filter(|(_, other)| covers_beside(other, rule, world))
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
