//! The policy, changed in one rule at a time: a case that holds with the change does not test the rule.

use policy::layer::{Layer, Sourced};
use policy::proof::RuleRef;
use policy::rule::List;

/// A policy with one rule changed.
#[derive(Debug)]
pub(super) struct Mutant {
    /// The rule.
    pub(super) rule: RuleRef,
    /// What was done to it.
    pub(super) how: How,
    pub(super) layers: Vec<Layer>,
}

/// What was done to a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum How {
    /// It was taken out.
    Removed,
    /// A deny or ask was made to cover less.
    Narrowed(String),
    /// An allow was made to cover more.
    Widened(String),
}

impl How {
    /// Returns it for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Removed => "removed".to_owned(),
            Self::Narrowed(text) => format!("narrowed to `{text}`"),
            Self::Widened(text) => format!("widened to `{text}`"),
        }
    }
}

/// Returns every mutant of a rule.
pub(super) fn of(rule: &RuleRef, layers: &[Layer]) -> Vec<Mutant> {
    let mut found = vec![How::Removed];
    match rule.list {
        List::Deny | List::Ask => found.extend(narrower(&rule.text).map(How::Narrowed)),
        List::Allow => found.extend(wider(&rule.text).map(How::Widened)),
    }
    found.into_iter().filter_map(|how| changed(rule, how, layers)).collect()
}

fn changed(rule: &RuleRef, how: How, layers: &[Layer]) -> Option<Mutant> {
    let mut layers = layers.to_vec();
    let layer = layers.iter_mut().find(|layer| layer.file == rule.origin.file && layer.scope == rule.origin.scope)?;
    let list = match rule.list {
        List::Deny => &mut layer.deny,
        List::Ask => &mut layer.ask,
        List::Allow => &mut layer.allow,
    };
    let is_it = |entry: &Sourced<String>| entry.origin == rule.origin && entry.value == rule.text;
    let at = list.iter().position(is_it)?;
    match &how {
        How::Removed => drop(list.remove(at)),
        How::Narrowed(text) | How::Widened(text) => list.get_mut(at)?.value.clone_from(text),
    }
    Some(Mutant { rule: rule.clone(), how, layers })
}

fn parts(text: &str) -> Option<(&str, &str)> {
    let (tool, rest) = text.trim().split_once('(')?;
    Some((tool, rest.strip_suffix(')')?))
}

/// Returns a rule that covers less than a deny or ask rule does.
fn narrower(text: &str) -> Option<String> {
    let (tool, inner) = parts(text)?;
    let less = match tool {
        "Bash" | "Monitor" | "PowerShell" => {
            let stem =
                inner.strip_suffix(":*").or_else(|| inner.strip_suffix(" *")).or_else(|| inner.strip_suffix('*'))?;
            stem.trim_end().to_owned()
        }
        "WebFetch" => inner.strip_prefix("domain:*.").map(|host| format!("domain:{host}"))?,
        // A rule about reading concerns editing too.
        "Read" => return Some(format!("Edit({inner})")),
        _ => return None,
    };
    (!less.is_empty()).then(|| format!("{tool}({less})"))
}

/// Returns a rule that covers more than an allow rule does.
fn wider(text: &str) -> Option<String> {
    let Some((tool, inner)) = parts(text) else {
        let server = text.trim().strip_prefix("mcp__")?.split_once("__")?.0;
        return Some(format!("mcp__{server}"));
    };
    Some(match tool {
        "Bash" | "Monitor" => {
            let stem = inner.strip_suffix(":*").or_else(|| inner.strip_suffix(" *")).map(str::trim);
            match stem {
                None if inner.ends_with('*') => return None,
                None => format!("{tool}({inner} *)"),
                Some(stem) => match stem.rsplit_once(' ') {
                    Some((fewer, _)) => format!("{tool}({fewer} *)"),
                    None => tool.to_owned(),
                },
            }
        }
        "WebFetch" => "WebFetch".to_owned(),
        _ => {
            let directory = inner.strip_suffix("/**").unwrap_or(inner);
            let (above, _) = directory.rsplit_once('/').unwrap_or((".", ""));
            format!("{tool}({above}/**)")
        }
    })
}

/// Returns a line of a case that should notice a change: the call that the rule, or the wider one, spells out.
pub(super) fn noticing(rule: &RuleRef, how: &How) -> String {
    let (verdict, text) = match how {
        How::Removed | How::Narrowed(_) => (rule.list.name(), rule.text.trim()),
        How::Widened(text) => ("ask", text.as_str()),
    };
    let (tool, inner) = parts(text).unwrap_or((text, ""));
    let filled = inner.strip_suffix(":*").map_or_else(|| inner.to_owned(), |stem| format!("{stem} *"));
    let filled = filled.replace("/**", "/other").replace('*', "other");
    let subject = match (tool, inner) {
        ("Bash" | "Monitor", "") => "./other".to_owned(),
        ("WebFetch", "") => "https://other.example/".to_owned(),
        (_, "") => "other".to_owned(),
        ("WebFetch", _) => format!("https://{}/", filled.trim_start_matches("domain:")),
        _ => filled.strip_prefix("//").map_or(filled.clone(), |rest| format!("/{rest}")),
    };
    // A rule that names a server is about its tools.
    let is_server = tool.strip_prefix("mcp__").is_some_and(|server| !server.contains("__"));
    let tool = if is_server { format!("{tool}__other") } else { tool.replace('*', "other") };
    format!("{verdict} {tool}: {subject}")
}
