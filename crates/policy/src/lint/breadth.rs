//! Allow rules that allow more than their author can have looked at.

use super::tables::{CANARIES, ESCAPES, GIVEN, MORE};
use super::world::{World, tool_name};
use super::{Check, Finding, Level};
use crate::mode::Mode;
use crate::proof::{Proof, Verdict};
use crate::rule::{FileAccess, List, Matcher, Rule};

/// A program that no table knows.
const STRANGER: &str = "./anything";
/// What a wildcard is filled with to see whether it runs a program that it is given.
const FILLS: [&str; 2] = ["./anything", "5 ./anything"];

/// Returns what is found about one rule.
pub(super) fn of_rule(world: &World<'_>, rule: &Rule) -> Vec<Finding> {
    if rule.reference.list != List::Allow {
        return Vec::new();
    }
    let found = match &rule.matcher {
        Matcher::Command(pattern) if pattern.is_exact() => None,
        Matcher::Command(_) => runs_anything(world, rule),
        Matcher::Tool(_) => whole_tool(world, rule),
        Matcher::Path { access, .. } => every_path(world, rule, *access),
        Matcher::Domain(pattern) => {
            let any = matches!(pattern, crate::host::HostPattern::Any);
            if any { whole_tool(world, rule) } else { None }
        }
        Matcher::ForeignCommand(_)
        | Matcher::Agent(_)
        | Matcher::Cd(_)
        | Matcher::Skill { .. }
        | Matcher::Parameter { .. } => None,
    };
    found.into_iter().collect()
}

/// Returns the finding about the default mode.
pub(super) fn of_mode(world: &World<'_>) -> Option<Finding> {
    let mode = world.policy.mode.as_ref().filter(|mode| mode.value == Mode::BypassPermissions)?;
    Some(Finding {
        check: Check::Bypass,
        level: Level::Warning,
        origin: mode.origin.clone(),
        column: 0,
        rule: None,
        message: "the default mode `bypassPermissions` allows what no deny or ask rule covers".to_owned(),
        example: Some(world.example("Bash", STRANGER)),
        fix: Some(super::Fix {
            hint: "set `acceptEdits` or `default`, and allow what is needed by rules".to_owned(),
            replacement: None,
        }),
        others: Vec::new(),
    })
}

/// Returns true when this very rule allows a call in the policy in force.
fn allows(world: &World<'_>, rule: &Rule, tool: &str, subject: &str) -> bool {
    let proof = world.decide(tool, subject);
    proof.verdict == Verdict::Allow && decided_by(&proof, rule)
}

fn decided_by(proof: &Proof, rule: &Rule) -> bool {
    let is_own = |found: &crate::proof::RuleRef| *found == rule.reference;
    proof.rule.as_ref().is_some_and(is_own) || proof.parts.iter().any(|part| part.rule.as_ref().is_some_and(is_own))
}

fn whole_tool(world: &World<'_>, rule: &Rule) -> Option<Finding> {
    let text = rule.reference.text.trim();
    let row = CANARIES.iter().find(|row| row.tool == tool_name(text));
    if row.is_none() && text.starts_with("mcp__") {
        return whole_server(rule);
    }
    let row = row?;
    let subject = row.subjects.iter().find(|subject| allows(world, rule, row.asks, subject))?;
    let message = format!("it allows {}", row.what);
    Some(
        Finding::about(Check::Everything, Level::Warning, rule, message)
            .example(world.example(row.asks, subject))
            .hint(row.instead),
    )
}

/// A server's tools change with the server.
fn whole_server(rule: &Rule) -> Option<Finding> {
    let text = rule.reference.text.trim();
    let server = text.strip_prefix("mcp__")?;
    let tool = server.split_once("__").map(|(_, tool)| tool);
    let whole = tool.is_none_or(|tool| tool == "*");
    whole.then(|| {
        let message = "it allows every tool of the server, those that a later version brings included".to_owned();
        Finding::about(Check::Everything, Level::Note, rule, message)
            .hint("name the tools: `mcp__<server>__<tool>`, or `mcp__<server>__get_*`")
    })
}

fn every_path(world: &World<'_>, rule: &Rule, access: FileAccess) -> Option<Finding> {
    let (name, asks, subjects) = match access {
        FileAccess::Read => ("read", "Read", ["~/.ssh/id_ed25519", "~/.aws/credentials", "/etc/shadow"]),
        FileAccess::Edit => ("write", "Edit", ["/etc/profile", "/usr/local/bin/x", "/etc/cron.d/x"]),
    };
    let subject = subjects.iter().find(|subject| allows(world, rule, asks, subject))?;
    let message = format!("it lets the agent {name} far beyond the project");
    Some(
        Finding::about(Check::Everything, Level::Warning, rule, message)
            .example(world.example(asks, subject))
            .hint("name the directories that are needed, and deny what must stay closed"),
    )
}

/// Looks for a command that the rule allows and that runs whatever it is given.
fn runs_anything(world: &World<'_>, rule: &Rule) -> Option<Finding> {
    let Matcher::Command(pattern) = &rule.matcher else { return None };
    let inner = super::world::specifier(&rule.reference.text)?;
    let fits = |text: &String| pattern.covers(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    // The engine itself says which programs run what they are given.
    let derived = FILLS
        .iter()
        .map(|fill| super::effect::filled(inner, fill))
        .find(|text| fits(text) && runs_stranger(world, text) && allows(world, rule, "Bash", text));
    if let Some(text) = derived {
        return Some(escaping(world, rule, GIVEN, &text));
    }
    let tail = inner.rsplit('*').next().unwrap_or_default();
    let passing = |row: &super::tables::Escape| {
        let plain = format!("{} {}", row.program, row.arguments);
        let texts = [plain.clone(), format!("{plain}{tail}")];
        texts.into_iter().find(|text| fits(text) && allows(world, rule, "Bash", text))
    };
    if let Some((row, text)) = ESCAPES.iter().find_map(|row| Some((row, passing(row)?))) {
        return Some(escaping(world, rule, row.why, &text));
    }
    let (row, text) = MORE.iter().find_map(|row| Some((row, passing(row)?)))?;
    let message = format!("it allows more than it seems to: {}", row.why);
    Some(
        Finding::about(Check::DoesMore, Level::Note, rule, message)
            .example(world.example("Bash", &text))
            .hint("name the calls that are needed; the rest then asks"),
    )
}

fn escaping(world: &World<'_>, rule: &Rule, why: &str, text: &str) -> Finding {
    let message = format!("it allows any program: {why}");
    Finding::about(Check::RunsAnything, Level::Warning, rule, message)
        .example(world.example("Bash", text))
        .hint("allow the commands that are needed, word by word, and let the rest ask")
}

/// Returns true when it is certain that a command runs another one that it is given: what a deny rule is
/// shown may be no command, what an allow rule is shown is one.
fn runs_stranger(world: &World<'_>, text: &str) -> bool {
    let begins = |reading: &String| reading.split(' ').next() == Some(STRANGER);
    let first = text.split(' ').next() != Some(STRANGER);
    first && world.effects(&world.action("Bash", text)).parts.iter().any(|part| part.allow_readings.iter().any(begins))
}
