//! Rule text to a matcher.

use super::matcher::{FileAccess, Matcher, NamePattern};
use super::parameter::parameter;
use crate::command::{CommandPattern, Form};
use crate::network::host::{HostFault, HostPattern, PatternFault};
use crate::path::{AbsPath, Glob, PathPattern};
use crate::rule::List;

/// The tools that Claude Code documents, by canonical name.
pub const TOOLS: [&str; 36] = [
    "Agent",
    "AskUserQuestion",
    "Bash",
    "BashOutput",
    "Cd",
    "CronCreate",
    "CronDelete",
    "CronList",
    "Edit",
    "EndConversation",
    "EnterPlanMode",
    "ExitPlanMode",
    "Glob",
    "Grep",
    "KillShell",
    "LS",
    "LSP",
    "ListMcpResourcesTool",
    "Monitor",
    "MultiEdit",
    "NotebookEdit",
    "NotebookRead",
    "PowerShell",
    "Read",
    "ReadMcpResourceTool",
    "ShareOnboardingGuide",
    "Skill",
    "Task",
    "TaskOutput",
    "TaskStop",
    "TodoWrite",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
    "Workflow",
    "Write",
];

/// What is wrong with a rule's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It cannot be read: an allow grants nothing, a deny or ask makes its layer refuse.
    Malformed { message: String, hint: Option<String> },
    /// It is read, and its author may have meant something else.
    Surprise { message: String, hint: Option<String> },
}

/// A rule's matcher and what its author should know.
pub(crate) struct Parsed {
    pub(crate) matcher: Matcher,
    pub(crate) surprise: Option<Fault>,
}

/// Where a rule is read: what its relative parts hang at.
pub(crate) struct Anchors<'a> {
    pub(crate) list: List,
    pub(crate) anchor: &'a AbsPath,
    pub(crate) home: &'a AbsPath,
}

pub(super) fn malformed(message: impl Into<String>, hint: Option<&str>) -> Fault {
    Fault::Malformed { message: message.into(), hint: hint.map(str::to_owned) }
}

/// Reads a rule.
pub(crate) fn parse(text: &str, anchors: &Anchors<'_>) -> Result<Parsed, Fault> {
    let text = text.trim();
    let (name, specifier) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => {
            let inner = rest.strip_suffix(')').ok_or_else(|| {
                malformed(format!("`{text}` has no closing parenthesis"), Some("write `Tool` or `Tool(specifier)`"))
            })?;
            (name, Some(inner))
        }
    };
    let valid = |letter: char| letter.is_ascii_alphanumeric() || "_-*.:".contains(letter);
    if name.is_empty() || !name.chars().all(valid) {
        return Err(malformed(
            format!("`{text}` does not begin with a tool name"),
            Some("write `Tool` or `Tool(specifier)`"),
        ));
    }
    if let Some(documented) = mcp_with_colons(name) {
        let Parsed { matcher, surprise: _ } = match specifier {
            None => bare(&documented, anchors.list)?,
            Some(inner) => specified(&documented, inner, anchors)?,
        };
        let written = text.replacen(name, &documented, 1);
        return Ok(Parsed { matcher, surprise: Some(read_as(text, &written, "tools of servers are named so")) });
    }
    if let Some(known) = in_another_case(name, anchors.list) {
        let written = text.replacen(name, known, 1);
        let Parsed { matcher, surprise: _ } = parse(&written, anchors)?;
        return Ok(Parsed { matcher, surprise: Some(read_as(text, &written, "names of tools are written so")) });
    }
    match specifier {
        None => bare(name, anchors.list),
        Some("*") if !name.contains('*') => bare(name, anchors.list),
        Some(inner) if inner.trim().is_empty() => Err(malformed(
            format!("`{text}` has an empty specifier"),
            Some("leave the parentheses away to mean every call"),
        )),
        Some(inner) => specified(name, inner, anchors),
    }
}

fn read_as(written: &str, documented: &str, why: &str) -> Fault {
    Fault::Surprise {
        message: format!("`{written}` is read as `{documented}`"),
        hint: Some(format!("write `{documented}`: {why}")),
    }
}

/// Returns the tool that a rule which tightens means by a name in letters of another case.
fn in_another_case(name: &str, list: List) -> Option<&'static str> {
    match list {
        List::Allow => None,
        List::Deny | List::Ask if TOOLS.contains(&name) => None,
        List::Deny | List::Ask => TOOLS.iter().copied().find(|tool| tool.eq_ignore_ascii_case(name)),
    }
}

/// Returns the documented name of a tool written as `mcp:server:tool`, the form of an agent's tool list.
fn mcp_with_colons(name: &str) -> Option<String> {
    let rest = name.strip_prefix("mcp:")?;
    let (server, tool) = rest.split_once(':').unwrap_or((rest, ""));
    let both = !server.is_empty() && !tool.contains(':');
    both.then(|| if tool.is_empty() { format!("mcp__{server}") } else { format!("mcp__{server}__{tool}") })
}

fn bare(name: &str, list: List) -> Result<Parsed, Fault> {
    if list == List::Allow && name.contains('*') {
        let server_is_literal = name
            .strip_prefix("mcp__")
            .and_then(|rest| rest.split_once("__"))
            .is_some_and(|(server, _)| !server.is_empty() && !server.contains('*'));
        if !server_is_literal {
            return Err(malformed(
                format!("`{name}` would allow tools that nobody has named"),
                Some("an allow rule may use `*` only after `mcp__<server>__`"),
            ));
        }
    }
    let surprise = unknown_tool(name);
    Ok(Parsed { matcher: Matcher::Tool(NamePattern::new(canonical(name))), surprise })
}

fn unknown_tool(name: &str) -> Option<Fault> {
    if name.contains(['_', '*']) || TOOLS.contains(&name) {
        return None;
    }
    let near = nearest(name, TOOLS.iter().copied());
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    Some(Fault::Surprise { message: format!("no tool is known by the name `{name}`"), hint })
}

fn canonical(name: &str) -> &str {
    if name == "Task" { "Agent" } else { name }
}

fn specified(name: &str, inner: &str, anchors: &Anchors<'_>) -> Result<Parsed, Fault> {
    let plain = |matcher| Ok(Parsed { matcher, surprise: None });
    match canonical(name) {
        tool @ ("Bash" | "Monitor") => {
            if let Some(parameter) = parameter(tool, inner, anchors.list)? {
                return plain(parameter);
            }
            let (pattern, form) = match anchors.list {
                List::Allow => CommandPattern::parse(inner).map(|pattern| (pattern, None)),
                List::Deny | List::Ask => CommandPattern::parse_tightening(inner),
            }
            .ok_or_else(|| malformed(format!("`{name}({inner})` names no command"), None))?;
            if pattern.is_everything() {
                return plain(Matcher::Tool(NamePattern::new(tool)));
            }
            let surprise = command_surprise(name, inner, form);
            let pattern = if name == "Monitor" { pattern.of_monitor() } else { pattern };
            Ok(Parsed { matcher: Matcher::Command(pattern), surprise })
        }
        "PowerShell" => match parameter("PowerShell", inner, anchors.list)? {
            Some(parameter) => plain(parameter),
            None => match crate::foreign::pattern(inner, anchors.list != List::Allow) {
                None => Err(malformed(format!("`{name}({inner})` names no command"), None)),
                Some(pattern) if pattern.is_everything() => plain(Matcher::Tool(NamePattern::new("PowerShell"))),
                Some(pattern) => plain(Matcher::ForeignCommand(pattern)),
            },
        },
        "Read" => path(name, inner, FileAccess::Read, anchors, None),
        "Edit" => path(name, inner, FileAccess::Edit, anchors, None),
        "Glob" | "Grep" | "LS" | "LSP" | "NotebookRead" => path(name, inner, FileAccess::Read, anchors, Some("Read")),
        "Write" | "MultiEdit" | "NotebookEdit" => path(name, inner, FileAccess::Edit, anchors, Some("Edit")),
        "WebFetch" => fetch(inner, anchors.list),
        "Agent" => match parameter("Agent", inner, anchors.list)? {
            Some(parameter) => plain(parameter),
            None => Ok(agents(inner)),
        },
        "Cd" => Ok(Parsed { matcher: Matcher::Cd(Glob::parse(&cd_pattern(inner, anchors))), surprise: None }),
        "Skill" => {
            let name = inner.trim().trim_start_matches('/');
            let (skill, open) = match name.strip_suffix(" *").or_else(|| name.strip_suffix(":*")) {
                Some(skill) => (skill, true),
                None => (name, false),
            };
            plain(Matcher::Skill { name: skill.to_owned(), open })
        }
        other => match parameter(other, inner, anchors.list)? {
            Some(parameter) => Ok(Parsed { matcher: parameter, surprise: unknown_tool(other) }),
            None => {
                let near = if TOOLS.contains(&other) { None } else { nearest(other, TOOLS.iter().copied()) };
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write the bare tool name, or `Tool(parameter:value)` in deny or ask".to_owned(),
                };
                Err(Fault::Malformed {
                    message: format!("`{name}` takes no specifier like `{inner}`"),
                    hint: Some(hint),
                })
            }
        },
    }
}

/// `Agent(a, b)` is the form of an agent's list of tools; as a rule it means each.
fn agents(inner: &str) -> Parsed {
    let names: Vec<String> =
        inner.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let surprise = (names.len() > 1).then(|| Fault::Surprise {
        message: format!("`Agent({inner})` is read as a rule for each of these agents"),
        hint: Some(format!(
            "write {}",
            names.iter().map(|name| format!("`Agent({name})`")).collect::<Vec<_>>().join(", ")
        )),
    });
    Parsed { matcher: Matcher::Agent(names), surprise }
}

/// Returns the whole path that a pattern of `Cd` means.
fn cd_pattern(inner: &str, anchors: &Anchors<'_>) -> String {
    let inner = inner.trim();
    match inner.strip_prefix("~/") {
        Some(rest) => format!("{}/{rest}", anchors.home),
        None if inner == "~" => anchors.home.to_string(),
        None if inner.starts_with('/') => inner.to_owned(),
        None => format!("{}/{}", anchors.anchor, inner.trim_start_matches("./")),
    }
}

/// Returns what the author of a command pattern should know of its form.
fn command_surprise(name: &str, inner: &str, form: Option<Form>) -> Option<Fault> {
    let spaced = inner.replace(":*", " *");
    let (message, hint) = match form {
        Some(Form::Pipeline) => (
            format!("`{name}({inner})` is read as a pipeline with these commands"),
            "elsewhere a rule names one command of a pipeline: write a rule for each".to_owned(),
        ),
        Some(Form::InnerColon) => (
            format!("`{name}({inner})` is read as `{name}({spaced})` too: `:*` counts only at the end"),
            format!("write `{name}({spaced})`, or a `Read(...)` rule, which covers every program that reads"),
        ),
        None => {
            let is_inner = inner.trim_end_matches(":*").contains(":*");
            return is_inner.then(|| Fault::Surprise {
                message: format!("in `{name}({inner})` the colon stands for itself: `:*` counts only at the end"),
                hint: Some(format!("write `{name}({spaced})`")),
            });
        }
    };
    Some(Fault::Surprise { message, hint: Some(hint) })
}

fn path(
    name: &str,
    inner: &str,
    access: FileAccess,
    anchors: &Anchors<'_>,
    meant: Option<&str>,
) -> Result<Parsed, Fault> {
    if let Some(parameter) = parameter(name, inner, anchors.list)? {
        return Ok(Parsed { matcher: parameter, surprise: None });
    }
    let pattern = PathPattern::parse(inner, anchors.list, anchors.anchor, anchors.home)
        .map_err(|fault| malformed(format!("`{name}({inner})`: {}", fault.message()), fault.hint()))?;
    let surprise = meant.map(|meant| Fault::Surprise {
        message: format!("`{name}({inner})` is read as `{meant}({inner})`"),
        hint: Some(format!("write `{meant}({inner})`: path rules are named Read and Edit")),
    });
    Ok(Parsed { matcher: Matcher::Path { access, pattern }, surprise })
}

/// Says why a text names no host, and what to write.
fn unread_domain(text: &str, fault: PatternFault) -> Fault {
    let (what, hint) = match fault {
        _ if text.contains('/') => ("is a URL", "write the host alone, as in `WebFetch(domain:example.com)`"),
        PatternFault::Host(HostFault::Foreign) => {
            ("has letters that no host name has", "write its ASCII form, which begins with `xn--`")
        }
        PatternFault::Host(_) | PatternFault::Star if text.contains(':') && !text.starts_with('[') => {
            ("has a port", "leave the port away: a rule means every port")
        }
        PatternFault::Url | PatternFault::Host(_) | PatternFault::Star => {
            ("is no host name", "write `WebFetch(domain:example.com)`")
        }
    };
    malformed(format!("`{text}` {what}"), Some(hint))
}

fn fetch(inner: &str, list: List) -> Result<Parsed, Fault> {
    if let Some(domain) = inner.trim().strip_prefix("domain:") {
        let pattern = HostPattern::parse_domain(domain).map_err(|fault| unread_domain(domain.trim(), fault))?;
        return Ok(Parsed { matcher: Matcher::Domain(pattern), surprise: None });
    }
    match parameter("WebFetch", inner, list)? {
        Some(matcher) => Ok(Parsed { matcher, surprise: None }),
        None => {
            Err(malformed(format!("`WebFetch({inner})` names no domain"), Some("write `WebFetch(domain:example.com)`")))
        }
    }
}

/// Returns the candidate with the fewest edits from `name`, if it is near enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    candidates
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.len() / 3).clamp(1, 3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Returns the edits between two words; two letters that changed places are one.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for (index, letter) in left.iter().enumerate() {
        let mut row = vec![index + 1];
        for (at, other) in right.iter().enumerate() {
            let cell = |up: usize, column: usize| {
                rows.len()
                    .checked_sub(up)
                    .and_then(|line| rows.get(line)?.get(column).copied())
                    .unwrap_or(usize::MAX - 1)
            };
            let mut edits = (cell(1, at + 1) + 1).min(row.last().copied().unwrap_or_default() + 1);
            edits = edits.min(cell(1, at) + usize::from(letter != other));
            let swapped =
                index > 0 && at > 0 && left.get(index - 1) == Some(other) && right.get(at - 1) == Some(letter);
            if swapped {
                edits = edits.min(cell(2, at - 1) + 1);
            }
            row.push(edits);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or_default()
}
