//! What came of the cases, for a person and for programs.

use policy::Proof;
use policy::proof::RuleRef;
use serde_json::{Value, json};

use super::file::{Case, Mistake};
use super::mutants::How;
use super::{Decided, Missed, Respelled, Results};
use crate::lint::counted;
use crate::say::{self, Paint, shown};
use crate::setup::Setup;

/// Prints what is wrong in files of cases.
pub(super) fn mistakes(mistakes: &[Mistake]) {
    for Mistake { file, line, message, hint } in mistakes {
        say::talk(&format!("{file}:{line}: error: {}", shown(message)));
        say::talk(&format!("    {}", shown(hint)));
    }
}

/// Prints the results.
pub(super) fn print(results: &Results<'_>, setup: &Setup) {
    let paint = Paint::stdout(setup.environment.is_colourless());
    for decided in results.cases.iter().filter(|decided| !decided.holds) {
        print_failure(decided, paint);
    }
    for respelled in &results.weaker {
        print_weaker(respelled, paint);
    }
    for missed in &results.missed {
        print_missed(missed, paint);
    }
    let held = results.cases.iter().filter(|decided| decided.holds).count();
    let mut lines = vec![format!("{held} of {} hold", counted(results.cases.len(), "case"))];
    if results.spellings > 0 {
        let further = results.weaker.len();
        lines.push(format!(
            "{}, {further} of them weaker than their case",
            counted(results.spellings, "other spelling")
        ));
    }
    if !results.stricter.is_empty() {
        lines.push(format!(
            "{} of allowed commands not allowed, which is safe (`--json` lists them)",
            counted(results.stricter.len(), "spelling")
        ));
    }
    if let Some(mutants) = results.mutants {
        lines.push(format!("{}, {} of them missed by every case", counted(mutants, "mutant"), results.missed.len()));
    }
    lines.iter().for_each(|line| say::data(line));
}

fn call(case: &Case, subject: &str) -> String {
    let subject = subject.replace('\n', "⏎").replace('\t', "␉");
    shown(&format!("{}: {subject}", case.tool))
}

fn print_failure(decided: &Decided<'_>, paint: Paint) {
    let Decided { case, proof, holds: _ } = decided;
    say::data(&format!("{}:{}: {}", case.file, case.line, paint.heading(&shown(&case.name))));
    say::data(&format!("    {}", call(case, &case.subject)));
    let by = case.rule.as_ref().filter(|_| proof.verdict == case.expected);
    match by {
        Some(rule) => {
            let decided = proof
                .rule
                .as_ref()
                .map_or_else(|| "no rule".to_owned(), |rule| format!("{} {}", rule.list.name(), rule.text));
            say::data(&format!("    expected by `{}`, decided by `{}`", shown(rule), shown(&decided)));
        }
        None => {
            let (expected, found) = (paint.verdict(case.expected), paint.verdict(proof.verdict));
            say::data(&format!("    expected {expected}, found {found}"));
        }
    }
    print_why(proof, paint);
}

fn print_why(proof: &Proof, paint: Paint) {
    say::data(&paint.faint(&format!("    because {}", shown(&proof.reason))));
    say::data("");
}

fn print_weaker(respelled: &Respelled<'_>, paint: Paint) {
    let Respelled { case, spelling, proof } = respelled;
    say::data(&format!(
        "{}:{}: {}: another spelling gets further, {}",
        case.file,
        case.line,
        paint.heading(&shown(&case.name)),
        spelling.how
    ));
    say::data(&format!("    {}", call(case, &spelling.text)));
    let (expected, found) = (paint.verdict(case.expected), paint.verdict(proof.verdict));
    say::data(&format!("    expected {expected} as for `{}`, found {found}", shown(&case.subject)));
    print_why(proof, paint);
}

fn print_missed(missed: &Missed, paint: Paint) {
    let Missed { rule, how, case } = missed;
    let place = format!("{}:{}", rule.origin.file, rule.origin.line);
    let named = format!("{} `{}`", rule.list.name(), shown(&rule.text));
    say::data(&format!("{place}: {} {}: no case would miss it", paint.heading(&named), shown(&how.describe())));
    match case {
        Some(case) => say::data(&format!("    add one: `{}`", shown(case))),
        None => say::data(
            "    no call was found that it alone decides: another rule, or the mode, may say the same; see `palisade lint`",
        ),
    }
    say::data("");
}

fn rule_json(rule: &RuleRef) -> Value {
    json!({"text": rule.text, "list": rule.list.name(), "file": rule.origin.file, "line": rule.origin.line})
}

fn case_json(decided: &Decided<'_>) -> Value {
    let Decided { case, proof, holds } = decided;
    json!({
        "file": case.file,
        "line": case.line,
        "name": case.name,
        "tool": case.tool,
        "subject": case.subject,
        "expected": case.expected.name(),
        "expected_rule": case.rule,
        "decision": proof.verdict.name(),
        "reason": proof.reason,
        "rule": proof.rule.as_ref().map(rule_json),
        "holds": holds,
    })
}

fn spelling_json(respelled: &Respelled<'_>) -> Value {
    let Respelled { case, spelling, proof } = respelled;
    json!({
        "file": case.file,
        "line": case.line,
        "how": spelling.how,
        "command": spelling.text,
        "expected": case.expected.name(),
        "decision": proof.verdict.name(),
        "reason": proof.reason,
    })
}

/// Returns the results for programs.
pub(super) fn as_json(results: &Results<'_>) -> Value {
    let missed = |missed: &Missed| {
        let (change, text) = match &missed.how {
            How::Removed => ("removed", None),
            How::Narrowed(text) => ("narrowed", Some(text)),
            How::Widened(text) => ("widened", Some(text)),
        };
        json!({"rule": rule_json(&missed.rule), "change": change, "text": text, "case": missed.case})
    };
    json!({
        "schema_version": 1,
        "cases": results.cases.iter().map(case_json).collect::<Vec<_>>(),
        "spellings": {
            "tried": results.spellings,
            "weaker": results.weaker.iter().map(spelling_json).collect::<Vec<_>>(),
            "not_allowed": results.stricter.iter().map(spelling_json).collect::<Vec<_>>(),
        },
        "mutants": results.mutants.map(|tried| json!({
            "tried": tried,
            "missed": results.missed.iter().map(missed).collect::<Vec<_>>(),
        })),
    })
}
