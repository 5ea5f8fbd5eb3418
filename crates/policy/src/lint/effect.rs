//! Rules that do not do what they say: not read, not in force, covering nothing, allowing nothing.

use super::language::{Found, Shape, witness};
use super::world::{World, specifier, tool_name};
use super::{Check, Finding, Fix, Level, Subject};
use crate::layer::{Diagnostic, Severity};
use crate::proof::{Proof, RuleRef, Verdict};
use crate::rule::{FileAccess, List, Matcher, Rule};

/// What a star is replaced by in the calls that a pattern spells out, most telling first.
const FILLS: [&str; 4] = ["x", "", "-x", "x y"];

/// Returns what reading and compiling the settings told.
pub(super) fn told(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = subject.diagnostics.iter().map(|found| from_diagnostic(found, subject)).collect();
    // The rules of a file that do not count for one reason are told of together.
    let mut groups: Vec<(&str, Vec<&RuleRef>)> = Vec::new();
    for (rule, why) in subject.policy.inactive() {
        if subject.diagnostics.iter().any(|found| found.message == *why) {
            continue;
        }
        let known = groups.iter_mut().find(|(reason, rules)| {
            *reason == why.as_str() && rules.first().is_some_and(|first| first.origin.file == rule.origin.file)
        });
        match known {
            Some((_, rules)) => rules.push(rule),
            None => groups.push((why, vec![rule])),
        }
    }
    findings.extend(groups.iter().filter_map(|(why, rules)| not_in_force(rules, why)));
    findings
}

fn from_diagnostic(found: &Diagnostic, subject: &Subject<'_>) -> Finding {
    // What is told about a rule quotes it, or its beginning.
    let lists = |layer: &crate::layer::Layer| {
        let allow = layer.allow.iter().map(|entry| (List::Allow, entry.clone()));
        let ask = layer.ask.iter().map(|entry| (List::Ask, entry.clone()));
        let deny = layer.deny.iter().map(|entry| (List::Deny, entry.clone()));
        allow.chain(ask).chain(deny).collect::<Vec<_>>()
    };
    let here = subject.layers.iter().flat_map(lists).filter(|(_, entry)| entry.origin == found.origin);
    let rule = here
        .filter(|(_, entry)| is_quoted(&found.message, &entry.value))
        .max_by_key(|(_, entry)| (found.message.contains(entry.value.trim()), entry.value.len()))
        .map(|(list, entry)| RuleRef { text: entry.value, list, origin: entry.origin });
    let (check, level) = match found.severity {
        Severity::Error => (Check::Settings, Level::Error),
        Severity::Warning if rule.as_ref().is_some_and(|rule| is_about_secret(&found.message, rule)) => {
            (Check::Secret, Level::Warning)
        }
        Severity::Warning => (Check::Entry, Level::Warning),
    };
    let replacement = found.hint.as_deref().zip(rule.as_ref()).and_then(|(hint, rule)| replacement(hint, rule));
    Finding {
        check,
        level,
        origin: found.origin.clone(),
        column: found.column,
        rule,
        message: found.message.clone(),
        example: None,
        fix: found.hint.clone().map(|hint| Fix { hint, replacement }),
        others: Vec::new(),
    }
}

/// Returns true for a message that quotes a rule, its tool or what stands between its parentheses.
fn is_quoted(message: &str, rule: &str) -> bool {
    let inner = specifier(rule).map(|inner| inner.trim_start_matches("domain:").trim());
    message.contains(tool_name(rule)) || inner.is_some_and(|inner| message.contains(inner))
}

fn is_about_secret(message: &str, rule: &RuleRef) -> bool {
    let masked = secrets::redact(&rule.text);
    !masked.found.is_empty() && message == format!("`{}` holds a secret", masked.text)
}

/// Returns the rule that a hint names in the place of another.
fn replacement(hint: &str, rule: &RuleRef) -> Option<String> {
    let text = rule.text.trim();
    if hint.starts_with("leave the port away") {
        let (host, port) = text.strip_suffix(')')?.rsplit_once(':')?;
        return port.trim().parse::<u16>().is_ok().then(|| format!("{host})"));
    }
    if let Some(rest) = hint.strip_prefix("did you mean `") {
        let tool = rest.split('`').next()?;
        return text.strip_prefix(tool_name(text)).map(|rest| format!("{tool}{rest}"));
    }
    let (named, behind) = hint.strip_prefix("write `")?.split_once('`')?;
    // A hint that names several rules, or only their form, is for a person.
    let is_one = !behind.starts_with(", `") && !behind.starts_with(" or ");
    let kept = |text: &str| -> String {
        text.chars()
            .filter(|letter| letter.is_alphanumeric() || "*/.".contains(*letter))
            .flat_map(char::to_lowercase)
            .collect()
    };
    let same_specifier = specifier(named).is_some() && specifier(named) == specifier(text);
    (is_one && (same_specifier || kept(named) == kept(text))).then(|| named.to_owned())
}

fn not_in_force(rules: &[&RuleRef], why: &str) -> Option<Finding> {
    let (rule, others) = rules.split_first()?;
    let (why, hint) = match why.split_once(": run `") {
        Some((why, rest)) => {
            (why, format!("run `{rest}; `palisade lint FILE` looks at a file as if its folder were trusted"))
        }
        None => (why, "remove it, or move it to a file that counts".to_owned()),
    };
    let which = match others.len() {
        0 => "it does not count".to_owned(),
        1 => "it does not count, nor does one more rule of the file".to_owned(),
        more => format!("it does not count, nor do {more} more rules of the file"),
    };
    Some(Finding {
        check: Check::NotInForce,
        level: Level::Note,
        origin: rule.origin.clone(),
        column: 0,
        rule: Some((*rule).clone()),
        message: format!("{which}: {why}"),
        example: None,
        fix: Some(Fix { hint, replacement: None }),
        others: others.iter().map(|rule| (*rule).clone()).collect(),
    })
}

/// Returns what is found about one rule by deciding the calls that it spells out.
pub(super) fn of_rule(world: &World<'_>, rule: &Rule) -> Option<Finding> {
    let spelled = all_spelled(rule);
    let (tool, first) = spelled.first()?.clone();
    let denying = world.alone(rule, List::Deny)?;
    let proofs = |policy| spelled.iter().map(move |(tool, call)| world.decide_alone(policy, tool, call));
    if !proofs(&denying).any(|proof| is_matched(&proof)) {
        return Some(never_matches(world, rule, tool, &first));
    }
    if rule.reference.list != List::Allow {
        return None;
    }
    let allowing = world.alone(rule, List::Allow)?;
    if proofs(&allowing).any(|proof| proof.verdict == Verdict::Allow) {
        return None;
    }
    let effects = world.effects(&world.action(tool, &first));
    if effects.parts.iter().filter(|part| part.runner.is_none()).count() > 1 {
        return Some(never_matches(world, rule, tool, &first));
    }
    let told = world.decide_alone(&allowing, tool, &first);
    let finding = |message: String| {
        Finding::about(Check::NeverApproves, Level::Warning, rule, message).example(world.example(tool, &first))
    };
    let has_star = matches!(&rule.matcher, Matcher::Command(pattern) if !pattern.is_exact());
    if has_star && effects.parts.iter().any(|part| part.exact_only) {
        let message = "it never allows what it spells out: only a rule with the exact text of such a command allows it";
        let hint = format!("name each command whole, such as `{tool}({first})`");
        return Some(finding(message.to_owned()).hint(hint));
    }
    let finding = finding(format!("it never allows what it spells out: {}", told.reason));
    Some(match told.hint {
        Some(hint) => finding.hint(hint),
        None => finding.hint("remove it"),
    })
}

/// Returns true when the one rule of a policy covers a part of the call.
fn is_matched(proof: &Proof) -> bool {
    let is_deny = |rule: &RuleRef| rule.list == List::Deny;
    // A doubt names the rule too, and asks.
    let decided =
        proof.parts.iter().any(|part| part.verdict == Verdict::Deny && part.rule.as_ref().is_some_and(is_deny));
    decided || proof.shadowed.iter().any(|(rule, _)| is_deny(rule))
}

fn never_matches(world: &World<'_>, rule: &Rule, tool: &'static str, call: &str) -> Finding {
    let inner = specifier(&rule.reference.text).unwrap_or_default();
    let proof = world.decide(tool, call);
    let parts: Vec<String> = proof.parts.iter().map(|part| format!("`{}`", part.text)).collect();
    let finding = |message: String| {
        Finding::about(Check::NeverMatches, Level::Warning, rule, message).example(world.example(tool, call))
    };
    if matches!(rule.matcher, Matcher::Domain(_)) {
        let message = format!("no host is covered by `{inner}`: a host has neither port nor user name");
        let host = inner.trim_start_matches("domain:").split(':').next().unwrap_or_default();
        return finding(message).replace("name the host alone", format!("WebFetch(domain:{host})"));
    }
    if parts.len() > 1 {
        let pieces = inner.split(['|', '&', ';', '\n']).map(str::trim).filter(|piece| !piece.is_empty());
        let rules: Vec<String> = pieces.map(|piece| format!("`{tool}({piece})`")).collect();
        return finding(format!(
            "it does not cover the line that it spells out: each command of a line is judged on its own, here {}",
            parts.join(" and ")
        ))
        .hint(format!("write a rule for each command: {}", rules.join(" and ")));
    }
    let understood = proof.understood(0).join(", ");
    let read = if understood.is_empty() { String::new() } else { format!("; that is read as: {understood}") };
    finding(format!("it does not cover the command that it spells out{read}"))
        .hint("write the command as it is run, without redirections, assignments or shell syntax")
}

/// Returns a call that a rule spells out.
pub(super) fn spelled(rule: &Rule) -> Option<(&'static str, String)> {
    all_spelled(rule).into_iter().next()
}

/// Returns a call that a rule covers, with its tool; for a path pattern the shortest that there is.
pub(super) fn sample(rule: &Rule, world: &World<'_>) -> Option<(String, String)> {
    match &rule.matcher {
        Matcher::Path { access, pattern } => {
            let base = pattern.bases(world.project, world.project).into_iter().next()?;
            let Found::Text(path) = witness(&pattern.language(&base), &[], Shape::Path) else { return None };
            let tool = match access {
                FileAccess::Read => "Read",
                FileAccess::Edit => "Edit",
            };
            Some((tool.to_owned(), if path.is_empty() { "/".to_owned() } else { path }))
        }
        Matcher::Tool(name) => {
            let is_one = name.as_str().starts_with("mcp__") && !name.as_str().contains('*');
            is_one.then(|| (name.as_str().to_owned(), String::new()))
        }
        Matcher::Command(_)
        | Matcher::ForeignCommand(_)
        | Matcher::Domain(_)
        | Matcher::Agent(_)
        | Matcher::Cd(_)
        | Matcher::Skill { .. }
        | Matcher::Parameter { .. } => spelled(rule).map(|(tool, call)| (tool.to_owned(), call)),
    }
}

fn all_spelled(rule: &Rule) -> Vec<(&'static str, String)> {
    let Some(inner) = specifier(&rule.reference.text) else { return Vec::new() };
    match &rule.matcher {
        Matcher::Command(_) => FILLS.iter().map(|fill| ("Bash", filled(inner, fill))).collect(),
        Matcher::ForeignCommand(_) => FILLS.iter().map(|fill| ("PowerShell", filled(inner, fill))).collect(),
        Matcher::Domain(_) => {
            let host = inner.trim_start_matches("domain:").trim().trim_end_matches('.').replace('*', "x");
            vec![("WebFetch", format!("https://{host}/"))]
        }
        Matcher::Agent(names) => names.iter().map(|name| ("Agent", name.clone())).collect(),
        Matcher::Skill { name, .. } => vec![("Skill", name.clone())],
        Matcher::Tool(_) | Matcher::Path { .. } | Matcher::Cd(_) | Matcher::Parameter { .. } => Vec::new(),
    }
}

/// Returns a command pattern with every star replaced; an escaped star stands for itself.
pub(super) fn filled(pattern: &str, fill: &str) -> String {
    let pattern = pattern.strip_suffix(":*").map_or_else(|| pattern.to_owned(), |stem| format!("{stem} *"));
    let text = pattern.replace("\\*", "\u{1}").replace('*', fill).replace('\u{1}', "\\*");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
