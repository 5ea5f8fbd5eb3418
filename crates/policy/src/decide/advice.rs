//! The narrowest way forward: the rules that would turn a question.

use super::judge::{Judge, Judged};
use super::scope;
use crate::action::Kind;
use crate::effects::{By, Part, Target, Touch};
use crate::limits;
use crate::proof::Verdict;

/// What is said in the place of a rule that would hold a secret. A pattern in the secret's place would
/// let any other words stand there too.
const SECRET: &str = "put the secret into a variable or a file, so that a rule can name the command without it";

/// Returns the allow rules under which a part would pass, or what else to do.
pub(super) fn rules(judge: &Judge<'_>, part: &Part) -> Result<Vec<String>, String> {
    let rules = proposed(judge, part)?;
    if holds_secret(&part.text) || rules.iter().any(|rule| holds_secret(rule)) {
        return Err(SECRET.to_owned());
    }
    Ok(rules)
}

fn holds_secret(text: &str) -> bool {
    !secrets::redact(text).found.is_empty()
}

fn proposed(judge: &Judge<'_>, part: &Part) -> Result<Vec<String>, String> {
    match &judge.action.kind {
        Kind::Command(_) => command(judge, part),
        Kind::Read(_) => paths("Read", part),
        Kind::Edit(_) => paths("Edit", part),
        Kind::Fetch { url } => match crate::network::host::Host::of_url(url) {
            Some(host) => Ok(vec![format!("WebFetch(domain:{})", host)]),
            None => Err("the URL has no host that is certain; write it plainly".to_owned()),
        },
        Kind::Agent { agent_type } => Ok(vec![format!("Agent({agent_type})")]),
        Kind::Skill { skill } => Ok(vec![format!("Skill({skill})")]),
        Kind::ForeignCommand(_) => match part.allow_readings.first() {
            Some(text) => Ok(vec![format!("PowerShell({})", text.replace('*', "\\*"))]),
            None => Err("write it as plain commands with plain words".to_owned()),
        },
        Kind::Mcp { .. } | Kind::Other => Ok(vec![judge.action.tool.clone()]),
        Kind::Malformed(_) => Err("mend the call".to_owned()),
    }
}

fn command(judge: &Judge<'_>, part: &Part) -> Result<Vec<String>, String> {
    let text = part.allow_readings.last().filter(|text| text.chars().count() < limits::QUOTED_CHARACTERS_MAX);
    let Some(text) = text else {
        return Err("run it as several shorter commands".to_owned());
    };
    let outside = |touch: &&Touch| touch.by == By::Operand && !scope::in_working_directories(touch, judge.facts);
    if text.contains('*') && part.touches.iter().any(|touch| outside(&touch)) {
        return Err("name the paths instead of a pattern".to_owned());
    }
    let mut rules = vec![format!("Bash({})", text.replace('*', "\\*"))];
    for touch in part.touches.iter().filter(|touch| touch.by == By::Redirect && !touch.only_reads()) {
        if !judge.may_write(touch) {
            rules.push(path_rule("Edit", touch).ok_or("name the file that it writes")?);
        }
    }
    Ok(rules)
}

fn paths(name: &str, part: &Part) -> Result<Vec<String>, String> {
    let rules: Option<Vec<String>> = part.touches.iter().map(|touch| path_rule(name, touch)).collect();
    rules.ok_or_else(|| "name the path without a link, a pattern or `..`".to_owned())
}

/// Returns the rule that covers what a touch means, if that is one path.
pub(super) fn path_rule(name: &str, touch: &Touch) -> Option<String> {
    match &touch.target {
        Target::Paths(paths) => match paths.as_slice() {
            [path] => {
                let escape = |letter: char| {
                    if "*?[]\\".contains(letter) { format!("\\{letter}") } else { letter.to_string() }
                };
                Some(format!("{name}(/{})", path.as_str().chars().map(escape).collect::<String>()))
            }
            [] | [_, _, ..] => None,
        },
        Target::Pattern(..) | Target::Unknown(_) => None,
    }
}

/// Returns the way forward of the whole call, and the rules that it names: where rules are all that is missing,
/// those of every part that asks.
pub(super) fn way_forward(judged: &Judged, parts: &[Judged]) -> (Option<String>, Vec<String>) {
    if judged.rules.is_empty() {
        return (judged.hint.clone(), Vec::new());
    }
    let mut rules = judged.rules.clone();
    for part in parts.iter().filter(|part| part.verdict == Verdict::Ask) {
        if part.rules.is_empty() {
            return (part.hint.clone(), Vec::new());
        }
        for rule in &part.rules {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    if rules.iter().any(|rule| holds_secret(rule)) {
        return (Some(SECRET.to_owned()), Vec::new());
    }
    let listed: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
    (Some(format!("to allow it, add {} to `permissions.allow`", listed.join(" and "))), rules)
}
