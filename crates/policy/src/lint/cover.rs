//! Whether every call that one rule covers is covered by another.
//!
//! `true` is a claim that holds for every call; whatever is in doubt is `false`.

use super::language::{Found, Language, Letters, Shape, witness};
use super::world::World;
use crate::command::{CommandPattern, spell};
use crate::path::PathPattern;
use crate::rule::{FileAccess, List, Matcher, Rule};

/// Returns true when `outer`, standing in a list that is asked before, covers all that `inner` covers.
pub(super) fn covers_before(outer: &Rule, inner: &Rule, world: &World<'_>) -> bool {
    by_tool(outer, inner)
        || match (&outer.matcher, &inner.matcher) {
            (Matcher::Path { access: of_outer, .. }, Matcher::Path { access: of_inner, .. }) => {
                // A rule about reading concerns every touch; an allow rule about editing allows reading too.
                let right = match (of_outer, of_inner) {
                    (FileAccess::Read, FileAccess::Read | FileAccess::Edit) => true,
                    (FileAccess::Edit, FileAccess::Edit) => inner.reference.list != List::Allow,
                    (FileAccess::Edit, FileAccess::Read) => false,
                };
                right && paths(outer, inner, world)
            }
            (outer_matcher, inner_matcher) => alike(outer_matcher, inner_matcher),
        }
}

/// Returns true when `outer`, standing in the same list, covers all that `inner` covers.
pub(super) fn covers_beside(outer: &Rule, inner: &Rule, world: &World<'_>) -> bool {
    let allows = inner.reference.list == List::Allow;
    if allows && !as_freely(outer, inner, world) {
        return false;
    }
    if by_tool(outer, inner) {
        return true;
    }
    match (&outer.matcher, &inner.matcher) {
        (Matcher::Path { access: of_outer, .. }, Matcher::Path { access: of_inner, .. }) => {
            let right = match (of_outer, of_inner) {
                (FileAccess::Read, FileAccess::Read) | (FileAccess::Edit, FileAccess::Edit) => true,
                (FileAccess::Read, FileAccess::Edit) => !allows,
                // It allows the file tools to read, and no command.
                (FileAccess::Edit, FileAccess::Read) => false,
            };
            right && paths(outer, inner, world)
        }
        (outer_matcher, inner_matcher) => alike(outer_matcher, inner_matcher),
    }
}

/// Returns true when the rules of a list cover all that `inner` covers only taken together.
pub(super) fn cover_together<'r>(outers: &[&'r Rule], inner: &Rule) -> Vec<&'r Rule> {
    let Matcher::Command(of_inner) = &inner.matcher else { return Vec::new() };
    if !of_inner.is_one() {
        return Vec::new();
    }
    let Some(text) = super::world::specifier(&inner.reference.text) else { return Vec::new() };
    let known = text.split('*').next().unwrap_or_default();
    let inner = of_inner.language();
    let mut commands: Vec<(&Rule, Language)> = outers
        .iter()
        .filter_map(|rule| {
            // One that begins otherwise takes no part.
            let takes_part = |pattern: &&CommandPattern| pattern.is_one() && pattern.could_continue(known);
            rule.matcher.command().filter(takes_part).map(|pattern| (*rule, pattern.language()))
        })
        .collect();
    let lies_in = |kept: &[(&Rule, Language)]| {
        let languages: Vec<Language> = kept.iter().map(|(_, language)| language.clone()).collect();
        witness(&inner, &languages, Shape::Any) == Found::Nothing
    };
    if commands.len() < 2 || !lies_in(&commands) {
        return Vec::new();
    }
    // Only those that are needed are named.
    let mut index = 0;
    while index < commands.len() {
        let mut fewer = commands.clone();
        fewer.remove(index);
        if lies_in(&fewer) {
            commands = fewer;
        } else {
            index += 1;
        }
    }
    commands.into_iter().map(|(rule, _)| rule).collect()
}

/// Some calls are allowed by an exact rule alone, and a rule with a wildcard stays in the working
/// directories: for an exact rule the wider one must allow the very command, which must touch nothing.
fn as_freely(outer: &Rule, inner: &Rule, world: &World<'_>) -> bool {
    let Matcher::Command(of_inner) = &inner.matcher else { return true };
    let outer_is_exact = outer.matcher.command().is_some_and(CommandPattern::is_exact);
    if !of_inner.is_exact() || outer_is_exact {
        return true;
    }
    let Some(text) = super::world::specifier(&inner.reference.text) else { return false };
    let touches_nothing = world.effects(&world.action("Bash", text)).parts.iter().all(|part| part.touches.is_empty());
    let allowed = world
        .alone(outer, List::Allow)
        .is_some_and(|policy| world.decide_alone(&policy, "Bash", text).verdict == crate::Verdict::Allow);
    touches_nothing && allowed
}

/// Returns true when a rule for whole tools covers every tool that the other is about.
fn by_tool(outer: &Rule, inner: &Rule) -> bool {
    let Matcher::Tool(name) = &outer.matcher else { return false };
    if name.leaves_out_some() {
        return false;
    }
    let every = |tools: &[&str]| tools.iter().all(|tool| name.covers(tool));
    match &inner.matcher {
        Matcher::Tool(own) => {
            let group: &[&str] = match own.as_str() {
                "Read" => &["Grep", "Glob", "LS", "LSP", "NotebookRead"],
                "Edit" => &["Write", "MultiEdit", "NotebookEdit"],
                "Bash" => &["Monitor"],
                _ => &[],
            };
            every(group) && lies_in(&tools(own.as_str()), &tools(name.as_str()))
        }
        Matcher::Command(_) => every(&["Bash", "Monitor"]),
        Matcher::ForeignCommand(_) => every(&["PowerShell"]),
        // Path rules also decide about what commands touch.
        Matcher::Path { .. } => every(crate::rule::TOOLS.as_slice()),
        Matcher::Domain(_) => every(&["WebFetch"]),
        Matcher::Agent(_) => every(&["Agent"]),
        Matcher::Cd(_) => every(&["Cd"]),
        Matcher::Skill { .. } => every(&["Skill"]),
        Matcher::Parameter { tool, .. } => every(&[tool.as_str()]),
    }
}

/// Returns the tool names that a name pattern spells, without the groups of built-in tools.
fn tools(name: &str) -> Language {
    let mut own = Language::empty_text();
    spell(name, &Letters::any(), &mut own);
    let is_server = name.strip_prefix("mcp__").is_some_and(|rest| !rest.contains("__") && !rest.contains('*'));
    if !is_server {
        return own;
    }
    let mut server = Language::empty_text();
    server.then_text(&format!("{name}__"));
    server.then_many(&Letters::any());
    Language::union(&[own, server])
}

fn lies_in(inner: &Language, outer: &Language) -> bool {
    witness(inner, std::slice::from_ref(outer), Shape::Any) == Found::Nothing
}

/// Returns true when one matcher covers another of its kind.
fn alike(outer: &Matcher, inner: &Matcher) -> bool {
    match (outer, inner) {
        (Matcher::Command(outer), Matcher::Command(inner))
        | (Matcher::ForeignCommand(outer), Matcher::ForeignCommand(inner)) => {
            outer.is_one() && inner.is_one() && lies_in(&inner.language(), &outer.language())
        }
        (Matcher::Domain(outer), Matcher::Domain(inner)) => lies_in(&inner.language(), &outer.language()),
        (Matcher::Agent(outer), Matcher::Agent(inner)) => outer == inner,
        (Matcher::Cd(outer), Matcher::Cd(inner)) => outer == inner,
        (Matcher::Skill { name, open }, Matcher::Skill { name: inner, open: inner_open }) => {
            let same = name == inner && (*open || !inner_open);
            same || (*open && inner.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(' ')))
        }
        (
            Matcher::Parameter { tool, name, value },
            Matcher::Parameter { tool: inner_tool, name: inner_name, value: inner_value },
        ) => {
            let language = |value: &str| {
                let mut language = Language::empty_text();
                spell(value, &Letters::any(), &mut language);
                language
            };
            tool == inner_tool && name == inner_name && lies_in(&language(inner_value), &language(value))
        }
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
        ) => false,
    }
}

/// Returns true unless the literal beginnings of two patterns lie apart.
fn could_meet(outer: &PathPattern, inner: &PathPattern, world: &World<'_>) -> bool {
    let roots = |pattern: &PathPattern| pattern.roots(world.project, world.project);
    roots(inner).iter().all(|(inner, _)| roots(outer).iter().any(|(outer, _)| inner.is_within(outer)))
}

fn paths(outer: &Rule, inner: &Rule, world: &World<'_>) -> bool {
    let (Matcher::Path { pattern: outer_pattern, .. }, Matcher::Path { pattern: inner_pattern, .. }) =
        (&outer.matcher, &inner.matcher)
    else {
        return false;
    };
    if !could_meet(outer_pattern, inner_pattern, world) {
        return false;
    }
    // What the client's own tools find is judged by the file in which a rule stands.
    let own = |rule: &Rule| rule.reference.origin.file.contains("palisade");
    if inner.reference.list != List::Allow && own(inner) && !own(outer) {
        return false;
    }
    // A pattern that hangs at the directory of the call, wherever that is, lies in another such one if
    // it does at the project, and the project's is the only one that an allow rule has.
    if inner_pattern.follows_the_call() && !outer_pattern.follows_the_call() {
        return false;
    }
    let bases = |pattern: &PathPattern| pattern.bases(world.project, world.project);
    if inner_pattern.follows_the_call() && bases(inner_pattern) != bases(outer_pattern) {
        return false;
    }
    let languages =
        |pattern: &PathPattern| -> Vec<Language> { bases(pattern).iter().map(|base| pattern.language(base)).collect() };
    let outer = languages(outer_pattern);
    languages(inner_pattern).iter().all(|inner| witness(inner, &outer, Shape::Path) == Found::Nothing)
}
