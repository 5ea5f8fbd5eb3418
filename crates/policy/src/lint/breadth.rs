//! Allow rules that allow more than their author can have looked at.

use programs::{Does, Role, Runs, STRANGER};

use super::tables::{CANARIES, ESCAPES, GIVEN, INLINE, LOADED, MORE, OPTION, SCRIPT};
use super::world::{World, tool_name};
use super::{Check, Finding, Level};
use crate::mode::Mode;
use crate::proof::{Proof, Verdict};
use crate::rule::{FileAccess, List, Matcher, Rule};

/// Returns what is found about one rule.
pub(super) fn of_rule(world: &World<'_>, rule: &Rule) -> Vec<Finding> {
    if rule.reference.list != List::Allow {
        return Vec::new();
    }
    let found = match &rule.matcher {
        Matcher::Command(pattern) if pattern.is_exact() => None,
        Matcher::Command(_) => runs_anything(world, rule).or_else(|| looked_through(world, rule)),
        Matcher::Tool(_) => whole_tool(world, rule),
        Matcher::Path { access, .. } => every_path(world, rule, *access),
        Matcher::Domain(pattern) => {
            let any = matches!(pattern, crate::network::host::HostPattern::Any);
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
///
/// 1. A program of any name.
/// 2. What the program's table says that it runs.
/// 3. What `tables` says of programs whose table does not.
/// 4. What the program's table says that its options load.
/// 5. What does more than most think, though not everything.
fn runs_anything(world: &World<'_>, rule: &Rule) -> Option<Finding> {
    let Matcher::Command(pattern) = &rule.matcher else { return None };
    let inner = super::world::specifier(&rule.reference.text)?;
    let tail = inner.rsplit('*').next().unwrap_or_default();
    let passing = |text: &str| {
        let texts = [text.to_owned(), format!("{text}{tail}")];
        let fits = |text: &String| pattern.covers(&text.split_whitespace().collect::<Vec<_>>().join(" "));
        texts.into_iter().find(|text| fits(text) && allows(world, rule, "Bash", text))
    };
    if let Some(text) = passing(STRANGER) {
        return Some(escaping(world, rule, "the agent can write a file of a name that it covers", &text));
    }
    let ways = ways(inner);
    let told = |loads: bool| {
        ways.iter().filter(|(_, runs)| (*runs == Runs::Option(Role::Code)) == loads).find_map(|(text, runs)| {
            let why = runs_given(*runs)?;
            let text = passing(text).filter(|text| shows_it(*runs, world, text))?;
            Some((why, text))
        })
    };
    let listed =
        || ESCAPES.iter().find_map(|row| Some((row.why, passing(&format!("{} {}", row.program, row.arguments))?)));
    if let Some((why, text)) = told(false).or_else(listed).or_else(|| told(true)) {
        return Some(escaping(world, rule, why, &text));
    }
    let known = MORE.iter().find_map(|row| Some((row.why, passing(&format!("{} {}", row.program, row.arguments))?)));
    // A rule that names a sub-command was written for what that does.
    let is_whole =
        inner.strip_suffix(":*").or_else(|| inner.strip_suffix(" *")).is_some_and(|stem| !stem.contains([' ', '*']));
    let does = || ways.iter().filter(|_| is_whole).find_map(|(text, runs)| Some((does_more(*runs)?, passing(text)?)));
    let (why, text) = known.or_else(does)?;
    let message = format!("it allows more than it seems to: {why}");
    Some(
        Finding::about(Check::DoesMore, Level::Note, rule, message)
            .example(world.example("Bash", &text))
            .hint("name the calls that are needed; the rest then asks"),
    )
}

/// Returns calls of the program that a pattern names, and what they run.
pub(super) fn ways(inner: &str) -> Vec<(String, Runs)> {
    let program = inner.split([' ', ':']).next().unwrap_or_default();
    let Some(table) = programs::find(program.rsplit('/').next().unwrap_or_default()) else { return Vec::new() };
    programs::ways(table)
        .into_iter()
        .map(|way| (format!("{program} {}", way.words).trim().to_owned(), way.runs))
        .collect()
}

/// Returns how a program runs whatever it is given.
pub(super) fn runs_given(runs: Runs) -> Option<&'static str> {
    match runs {
        Runs::Operand(Role::Code) => Some(SCRIPT),
        Runs::Operand(Role::Source | Role::Sed | Role::Awk) => Some(INLINE),
        Runs::Operand(_) => Some(GIVEN),
        Runs::Option(Role::Source | Role::Sed | Role::Awk) => Some(INLINE),
        Runs::Option(Role::Code) => Some(LOADED),
        Runs::Option(_) => Some(OPTION),
        Runs::Does(_) => None,
    }
}

/// Returns what a program does that its name need not say.
fn does_more(runs: Runs) -> Option<&'static str> {
    match runs {
        Runs::Does(does @ (Does::Builds | Does::Installs | Does::System)) => Some(match does {
            Does::Builds => "it runs what the project or a file says",
            Does::Installs => "it installs or removes packages",
            Does::System
            | Does::Network
            | Does::Repository
            | Does::Signals
            | Does::Environment
            | Does::Shell
            | Does::Interactive
            | Does::Scatters
            | Does::Unpacks => "it changes the system",
        }),
        Runs::Does(_) | Runs::Operand(_) | Runs::Option(_) => None,
    }
}

/// Returns true when the analysis of commands sees what is run, where it can.
fn shows_it(runs: Runs, world: &World<'_>, text: &str) -> bool {
    match runs {
        Runs::Operand(Role::Command | Role::CommandUntil | Role::Shell)
        | Runs::Option(Role::Command | Role::CommandUntil | Role::Shell) => {
            let begins = |reading: &String| reading.split(' ').next() == Some(STRANGER);
            world.effects(&world.action("Bash", text)).parts.iter().any(|part| part.allow_readings.iter().any(begins))
        }
        Runs::Operand(_) | Runs::Option(_) | Runs::Does(_) => true,
    }
}

/// Returns the finding about a rule for a program that is looked through: what it starts is not allowed.
fn looked_through(world: &World<'_>, rule: &Rule) -> Option<Finding> {
    let Matcher::Command(pattern) = &rule.matcher else { return None };
    let alone = world.alone(rule, List::Allow)?;
    let is_start = |runs: &Runs| matches!(runs, Runs::Operand(Role::Command));
    let inner = super::world::specifier(&rule.reference.text)?;
    let ways = ways(inner);
    let mut starts = ways.iter().filter(|(text, runs)| is_start(runs) && pattern.covers(text));
    let (text, _) = starts.find(|(text, _)| {
        let parts = world.decide_alone(&alone, "Bash", text).parts;
        parts.first().is_some_and(|part| part.verdict == Verdict::Allow)
            && parts.iter().any(|part| part.verdict != Verdict::Allow)
    })?;
    let program = text.split(' ').next().unwrap_or_default();
    let message = format!("what `{program}` starts wants a rule of its own, as without `{program}`");
    Some(
        Finding::about(Check::LookedThrough, Level::Note, rule, message)
            .example(world.example("Bash", text))
            .hint(format!("allow what it starts, such as `Bash(npm test)`: that holds behind `{program}` too")),
    )
}

fn escaping(world: &World<'_>, rule: &Rule, why: &str, text: &str) -> Finding {
    let message = format!("it allows any program: {why}");
    Finding::about(Check::RunsAnything, Level::Warning, rule, message)
        .example(world.example("Bash", text))
        .hint("allow the commands that are needed, word by word, and let the rest ask")
}
