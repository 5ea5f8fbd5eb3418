//! Forms that are read otherwise than they look.

use super::language::{Found, Shape, witness};
use super::world::{World, specifier, tool_name};
use super::{Check, Finding, Level};
use crate::layer::Scope;
use crate::network::host::HostPattern;
use crate::rule::{FileAccess, List, Matcher, Rule};

/// Directories at the root that no project has at its top.
const ROOTS: &[&str] = &[
    "Applications",
    "Library",
    "System",
    "Users",
    "Volumes",
    "boot",
    "etc",
    "home",
    "media",
    "mnt",
    "opt",
    "private",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "usr",
];
/// Directories at the root that a project may well have too.
const SHARED_ROOTS: &[&str] = &["bin", "dev", "lib", "tmp", "var"];
/// Words that a pattern without a boundary is known to match beside the one that is meant.
const LONGER: &[(&str, &str)] = &[
    ("ls", "lsof"),
    ("rm", "rmdir x"),
    ("cp", "cpio -i"),
    ("cat", "catdoc x"),
    ("git", "git-shell -c x"),
    ("go", "gofmt -w ."),
    ("node", "nodemon x"),
    ("npm", "npmx x"),
    ("ps", "psql -c x"),
    ("sed", "sedutil-cli x"),
    ("ssh", "sshpass -p x ssh host"),
    ("make", "makepkg"),
];

/// Returns what is found about one rule.
pub(super) fn of_rule(world: &World<'_>, rule: &Rule) -> Vec<Finding> {
    let Some(inner) = specifier(&rule.reference.text) else { return Vec::new() };
    let found = match &rule.matcher {
        Matcher::Command(_) => vec![no_boundary(world, rule, inner), colon_star(world, rule, inner)],
        Matcher::Path { access, .. } => vec![
            not_expanded(world, rule, inner).or_else(|| single_slash(world, rule, inner, *access)),
            depth(world, rule, inner, *access),
        ],
        Matcher::Domain(pattern) => vec![apex(world, rule, pattern)],
        Matcher::Tool(_)
        | Matcher::ForeignCommand(_)
        | Matcher::Agent(_)
        | Matcher::Cd(_)
        | Matcher::Skill { .. }
        | Matcher::Parameter { .. } => Vec::new(),
    };
    found.into_iter().flatten().collect()
}

/// Returns a path rule with another specifier.
fn path_rule(access: FileAccess, inner: &str) -> String {
    format!("{}({inner})", path_tool(access))
}

fn path_tool(access: FileAccess) -> &'static str {
    match access {
        FileAccess::Read => "Read",
        FileAccess::Edit => "Edit",
    }
}

/// Returns a rule of the same tool with another specifier.
fn with(rule: &Rule, inner: &str) -> String {
    format!("{}({inner})", tool_name(&rule.reference.text))
}

/// Returns the level of a trap: in allow it opens something, elsewhere it may only surprise.
fn level(rule: &Rule) -> Level {
    if rule.reference.list == List::Allow { Level::Warning } else { Level::Note }
}

fn no_boundary(world: &World<'_>, rule: &Rule, inner: &str) -> Option<Finding> {
    let stem = inner.strip_suffix('*')?;
    let last = stem.chars().next_back()?;
    if !last.is_alphanumeric() {
        return None;
    }
    let known = LONGER.iter().find(|(word, _)| *word == stem).map(|(_, longer)| (*longer).to_owned());
    let longer = known.unwrap_or_else(|| format!("{stem}-other"));
    let message = format!("`{stem}*` also matches words that only begin like it, as in `{longer}`");
    let meant = with(rule, &format!("{stem} *"));
    Some(
        Finding::about(Check::NoBoundary, level(rule), rule, message)
            .example(world.example("Bash", &longer))
            .replace(format!("write `{meant}`: with a space the star begins a new word"), meant),
    )
}

fn colon_star(world: &World<'_>, rule: &Rule, inner: &str) -> Option<Finding> {
    let body = inner.strip_suffix(":*").unwrap_or(inner);
    // A rule that tightens is read in both ways, and compiling it says so.
    if !body.contains(":*") || rule.reference.list != List::Allow {
        return None;
    }
    let literal = super::effect::filled(inner, "x");
    let plain = inner.replace(":*", " *");
    let missed = super::effect::filled(&plain, "x");
    let meant = with(rule, &plain);
    let message = format!("`:*` is a wildcard at the end alone; here the colon is meant literally, as in `{literal}`");
    Some(
        Finding::about(Check::ColonStar, Level::Warning, rule, message)
            .example(world.example("Bash", &missed))
            .replace(format!("write `{meant}`"), meant),
    )
}

fn not_expanded(world: &World<'_>, rule: &Rule, inner: &str) -> Option<Finding> {
    let home = inner.strip_prefix("$HOME/").or_else(|| inner.strip_prefix("${HOME}/"));
    if let Some(rest) = home {
        let meant = with(rule, &format!("~/{rest}"));
        // In allow it cannot be read, and compiling it says so.
        let message = format!("`{inner}` is read as `~/{rest}`; elsewhere variables are not expanded in rules");
        let example = world.example(tool_name(&meant), &world.home.join(rest.trim_end_matches("/**")).to_string());
        let finding = Finding::about(Check::NotExpanded, Level::Note, rule, message);
        return Some(finding.example(example).replace(format!("write `{meant}`"), meant));
    }
    let first = inner.split('/').next().unwrap_or_default();
    let other_home = first.len() > 1 && first.starts_with('~') && inner.contains('/');
    let drive = first.len() == 2 && first.ends_with(':');
    let variable = first.starts_with('$') || (first.starts_with('%') && first.ends_with('%') && first.len() > 2);
    if !(other_home || drive || variable || inner.contains(":\\")) {
        return None;
    }
    let message = format!("`{inner}` is taken literally: only `~/` and `//` begin a path outside the project");
    let finding = Finding::about(Check::NotExpanded, Level::Warning, rule, message);
    Some(finding.hint("write the path out: `//` and the path from the root, or `~/` and the path from your home"))
}

fn single_slash(world: &World<'_>, rule: &Rule, inner: &str, access: FileAccess) -> Option<Finding> {
    let rest = inner.strip_prefix('/').filter(|rest| !rest.starts_with('/'))?;
    let layer = world.layer(rule)?;
    let first = rest.split('/').next().unwrap_or_default();
    let looks_absolute = [world.home, world.project]
        .iter()
        .any(|known| crate::AbsPath::parse(inner).is_some_and(|path| path.is_within(known)));
    let shared = SHARED_ROOTS.contains(&first);
    let is_root = looks_absolute || shared || ROOTS.contains(&first);
    let in_user_file = layer.scope == Scope::User;
    if !is_root && !in_user_file {
        return None;
    }
    let message = format!("`{inner}` hangs at {}, the directory of its settings, not at the root", layer.anchor);
    let meant = path_rule(access, &if is_root { format!("/{inner}") } else { format!("./{rest}") });
    let level = if shared && !looks_absolute { Level::Note } else { Level::Warning };
    let target = if is_root { inner.to_owned() } else { rest.to_owned() };
    let example = world.example(path_tool(access), target.split(['*', '?', '[']).next().unwrap_or_default());
    let hint = if is_root {
        format!("write `{meant}` for the path from the root")
    } else {
        format!("write `{meant}` for the project, or `//` and the path from the root")
    };
    Some(Finding::about(Check::SingleSlash, level, rule, message).example(example).replace(hint, meant))
}

fn depth(world: &World<'_>, rule: &Rule, inner: &str, access: FileAccess) -> Option<Finding> {
    let tightens = rule.reference.list != List::Allow;
    if tightens && let Some(finding) = one_depth(world, rule, inner, access) {
        return Some(finding);
    }
    let name = inner.strip_suffix("/**").filter(|name| !name.contains(['/', '*', '~', '?', '[']) && *name != ".")?;
    let deeper = format!("deeper/{name}/x");
    if !tightens {
        return None;
    }
    let list = rule.reference.list.name();
    let message = format!("in {list} `{inner}` means directories of that name at any depth; in allow it means one");
    let meant = path_rule(access, &format!("./{inner}"));
    Some(
        Finding::about(Check::Depth, Level::Note, rule, message)
            .example(world.example(path_tool(access), &deeper))
            .hint(format!("write `{meant}` if only the one in the directory of the call is meant")),
    )
}

/// A rule that tightens, and is held at one depth by a slash before its last segment.
fn one_depth(world: &World<'_>, rule: &Rule, inner: &str, access: FileAccess) -> Option<Finding> {
    let (name, meant) = match inner.strip_prefix("./") {
        Some(name) if !name.contains(['/', '*']) => (name, name.to_owned()),
        Some(_) => return None,
        None => (inner, format!("**/{inner}")),
    };
    let (first, rest) = inner.split_once('/')?;
    let is_tree = rest.is_empty() || rest == "**";
    if first.is_empty() || first.contains(['*', '~', '$']) || is_tree {
        return None;
    }
    let deeper = format!("deeper/{}", name.replace("**", "x").replace('*', "x"));
    let example = world.example(path_tool(access), &deeper);
    let message = format!("`{inner}` is the one in the directory of the call; `{deeper}` is another");
    let meant = path_rule(access, &meant);
    let finding = Finding::about(Check::Depth, Level::Note, rule, message)
        .replace(format!("write `{meant}` for any depth"), meant)
        .example(example);
    finding.example.as_ref().is_some_and(|example| example.verdict == crate::Verdict::Allow).then_some(finding)
}

fn apex(world: &World<'_>, rule: &Rule, pattern: &HostPattern) -> Option<Finding> {
    let HostPattern::Below(domain) = pattern else { return None };
    let Found::Text(below) = witness(&pattern.language(), &[], Shape::Any) else { return None };
    let apex = world.example("WebFetch", &format!("https://{domain}/"));
    let inside = world.decide("WebFetch", &format!("https://{below}/"));
    if apex.verdict == inside.verdict {
        return None;
    }
    let level = if rule.reference.list == List::Allow { Level::Note } else { Level::Warning };
    let message = format!("`*.{domain}` does not cover `{domain}` itself");
    Some(
        Finding::about(Check::Apex, level, rule, message)
            .example(apex)
            .hint(format!("add `WebFetch(domain:{domain})` beside it")),
    )
}
