//! Deny and ask rules that another spelling, program or tool gets past.

use super::effect::filled;
use super::language::{Found, Shape, witness};
use super::tables::{HARMLESS, PERMUTING, REACHES, SAME, SIBLINGS};
use super::world::{World, specifier, tool_name};
use super::{Check, Finding, Level};
use crate::proof::Verdict;
use crate::rule::{FileAccess, List, Matcher, Rule};

/// Spellings that are tried of one rule.
const SPELLINGS_MAX: usize = 64;

/// Returns what is found about one rule.
pub(super) fn of_rule(world: &World<'_>, rule: &Rule) -> Vec<Finding> {
    let wanted = match rule.reference.list {
        List::Deny => Verdict::Deny,
        List::Ask => Verdict::Ask,
        List::Allow => return Vec::new(),
    };
    let mut findings = Vec::new();
    match &rule.matcher {
        Matcher::Command(_) => {
            findings.extend(spelling(world, rule, wanted));
            findings.extend(sibling(world, rule, wanted));
        }
        Matcher::Path { access, .. } => findings.extend(other_tool(world, rule, *access, wanted)),
        Matcher::Tool(_) => findings.extend(beside_tool(world, rule)),
        Matcher::Domain(_) => findings.extend(beside_host(world, rule)),
        Matcher::ForeignCommand(_)
        | Matcher::Agent(_)
        | Matcher::Cd(_)
        | Matcher::Skill { .. }
        | Matcher::Parameter { .. } => {}
    }
    findings
}

/// Looks for another tool that does what a tool does that is denied as a whole.
fn beside_tool(world: &World<'_>, rule: &Rule) -> Option<Finding> {
    let name = tool_name(&rule.reference.text);
    let passes = |row: &&(&str, &str, &str)| row.0 == name && world.decide(row.1, row.2).verdict == Verdict::Allow;
    let (_, tool, subject) = REACHES.iter().find(passes)?;
    let list = rule.reference.list.name();
    let message = format!("a rule for the tool `{name}` concerns no other: `{tool}` does the same and passes");
    let hint = match name {
        "Read" => format!("{list} the paths, `Read(//**)` or those that matter: that also holds for commands"),
        "Edit" | "Write" => {
            format!("{list} the paths, `Edit(//**)` or those that matter: that also holds for commands")
        }
        _ => format!("{list} the other tool's calls too"),
    };
    let finding = Finding::about(Check::OtherTool, Level::Note, rule, message);
    Some(finding.example(world.example(tool, subject)).hint(hint))
}

/// Looks for a command that reaches a host that is denied.
fn beside_host(world: &World<'_>, rule: &Rule) -> Option<Finding> {
    let (_, url) = super::effect::spelled(rule)?;
    let calls = ["curl", "wget"].map(|program| format!("{program} {url}"));
    let call = calls.iter().find(|call| world.decide("Bash", call).verdict == Verdict::Allow)?;
    let message = "a rule for `WebFetch` concerns no command, and one that reaches the host passes".to_owned();
    Some(
        Finding::about(Check::OtherTool, Level::Note, rule, message)
            .example(world.example("Bash", call))
            .hint("ask about the programs that reach the network, or run commands in the boundary: `palisade run`"),
    )
}

/// Looks for the spelling of the rule's own command that gets furthest.
fn spelling(world: &World<'_>, rule: &Rule, wanted: Verdict) -> Option<Finding> {
    let inner = specifier(&rule.reference.text)?;
    // A colon before the end is read as a space too.
    let words: Vec<String> = filled(&inner.replace(":*", " *"), "x").split(' ').map(str::to_owned).collect();
    if world.decide("Bash", &words.join(" ")).verdict != wanted {
        return None;
    }
    let weaker = spellings(&words).into_iter().take(SPELLINGS_MAX).map(|text| world.example("Bash", &text));
    let example = weaker.filter(|example| example.verdict < wanted).min_by_key(|example| example.verdict)?;
    let list = rule.reference.list.name();
    // Where nothing allows the other spelling a person is still asked.
    let (level, passes) = match example.verdict {
        Verdict::Allow => (Level::Warning, "passes"),
        Verdict::Ask | Verdict::Deny => (Level::Note, "asks, and is one answer away from running"),
    };
    let message = format!("another spelling of the same command {passes}");
    let finding = Finding::about(Check::Hole, level, rule, message).example(example);
    let stem: Vec<&str> = inner.split_whitespace().take_while(|word| !word.starts_with('-')).collect();
    let wider = format!("Bash({} *)", stem.join(" "));
    let is_wider = !stem.is_empty()
        && stem.len() < inner.split_whitespace().count()
        && !stem.iter().any(|word| word.contains('*'));
    Some(if is_wider && stem.len() == 1 {
        finding.replace(format!("{list} the whole program: `{wider}`"), wider)
    } else if is_wider {
        finding.replace(format!("{list} the whole command: `{wider}`"), wider)
    } else {
        finding.hint(format!("{list} the other spelling too, or the whole program"))
    })
}

/// Returns other spellings of a command of plain words.
fn spellings(words: &[String]) -> Vec<String> {
    let Some((program, rest)) = words.split_first() else { return Vec::new() };
    let name = program.rsplit('/').next().unwrap_or_default();
    let line = |words: &[String]| std::iter::once(program).chain(words).cloned().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    let options: Vec<&String> = rest.iter().filter(|word| word.starts_with('-') && word.len() > 1).collect();
    if PERMUTING.contains(&name) && !options.is_empty() {
        for (index, word) in rest.iter().enumerate() {
            let Some(letters) = cluster(word) else { continue };
            let with = |new: Vec<String>| {
                let (before, after) = (rest.iter().take(index), rest.iter().skip(index + 1));
                line(&before.cloned().chain(new).chain(after.cloned()).collect::<Vec<_>>())
            };
            found.push(with(letters.iter().map(|letter| format!("-{letter}")).collect()));
            found.push(with(vec![format!("-{}", letters.iter().rev().collect::<String>())]));
        }
        let (last, first): (Vec<String>, Vec<String>) = rest.iter().cloned().partition(|word| word.starts_with('-'));
        found.push(line(&first.into_iter().chain(last).collect::<Vec<_>>()));
        let reversed = options.iter().rev().map(|word| (*word).clone());
        let operands = rest.iter().filter(|word| !options.contains(word)).cloned();
        if name != "git" && options.len() > 1 {
            found.push(line(&reversed.chain(operands).collect::<Vec<_>>()));
        }
    }
    if !rest.is_empty() {
        for (_, option) in HARMLESS.iter().filter(|(program, _)| *program == name) {
            found.push(line(&std::iter::once((*option).to_owned()).chain(rest.iter().cloned()).collect::<Vec<_>>()));
        }
    }
    found.extend(other_words(name, rest).iter().map(|rest| line(rest)));
    let own = words.join(" ");
    found.retain(|text| *text != own);
    found.dedup();
    found
}

/// Returns the one-letter options that a word joins.
fn cluster(word: &str) -> Option<Vec<char>> {
    let letters: Vec<char> = word.strip_prefix('-')?.chars().collect();
    (letters.len() > 1 && letters.iter().all(char::is_ascii_alphabetic)).then_some(letters)
}

/// Returns the words with one of them in another spelling.
fn other_words(name: &str, rest: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (_, same) in SAME.iter().filter(|(program, _)| *program == name) {
        for (index, word) in rest.iter().enumerate() {
            // Of the letters that a word joins, each can be written out.
            let joined = cluster(word).unwrap_or_default();
            let letter = joined.iter().find(|letter| same.contains(&format!("-{letter}").as_str()));
            if letter.is_none() && !same.contains(&word.as_str()) {
                continue;
            }
            for other in same.iter().filter(|other| **other != word.as_str()) {
                let mut words = rest.to_vec();
                let left: String = joined.iter().filter(|own| Some(*own) != letter).collect();
                if let Some(place) = words.get_mut(index) {
                    *place = if letter.is_some() { format!("{other} -{left}") } else { (*other).to_owned() };
                }
                found.push(words);
            }
        }
    }
    found
}

/// Looks for a program that does what a denied one does.
fn sibling(world: &World<'_>, rule: &Rule, wanted: Verdict) -> Option<Finding> {
    let inner = specifier(&rule.reference.text)?;
    let program = inner.strip_suffix(":*").or_else(|| inner.strip_suffix(" *"))?.trim();
    let group = SIBLINGS.iter().find(|group| group.iter().any(|(name, _)| *name == program))?;
    let passes = |call: &&(&str, &str)| call.0 != program && world.decide("Bash", call.1).verdict == Verdict::Allow;
    let (other, call) = group.iter().find(passes)?;
    let list = match wanted {
        Verdict::Deny => "denied",
        Verdict::Ask | Verdict::Allow => "asked about",
    };
    let message = format!("`{program}` is {list}, and `{other}`, which does the same, is allowed");
    Some(
        Finding::about(Check::OtherProgram, Level::Note, rule, message)
            .example(world.example("Bash", call))
            .hint(format!("treat `{other}` alike; what must not be reached is held by the boundary, `palisade run`")),
    )
}

/// Looks for another tool that reaches a path of the rule.
fn other_tool(world: &World<'_>, rule: &Rule, access: FileAccess, wanted: Verdict) -> Option<Finding> {
    let Matcher::Path { pattern, .. } = &rule.matcher else { return None };
    let base = pattern.bases(world.project, world.project).into_iter().next()?;
    let Found::Text(path) = witness(&pattern.language(&base), &[], Shape::Path) else { return None };
    let own = match access {
        FileAccess::Read => "Read",
        FileAccess::Edit => "Edit",
    };
    if path.is_empty() || world.decide(own, &path).verdict != wanted {
        return None;
    }
    let plain = path.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    let mut calls = vec![("Edit", path.clone())];
    if plain {
        calls.push(("Bash", format!("rm {path}")));
        calls.push(("Bash", format!("tee {path}")));
        calls.push(("Bash", format!("mv {path} x")));
        if access == FileAccess::Read {
            calls.push(("Read", path.clone()));
            calls.push(("Bash", format!("cat {path}")));
            calls.push(("Bash", format!("cp {path} x")));
        }
    }
    let mut examples = calls.iter().map(|(tool, subject)| world.example(tool, subject));
    let example = examples.find(|example| example.verdict == Verdict::Allow)?;
    let message = format!("`{}` reaches a path that `{own}` may not", example.tool);
    let hint =
        format!("add a rule for it too, such as `Edit({})`", specifier(&rule.reference.text).unwrap_or_default());
    Some(Finding::about(Check::OtherTool, Level::Warning, rule, message).example(example).hint(hint))
}
