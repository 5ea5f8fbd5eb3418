//! Whether a rule covers a part: for a rule that tightens if any reading does, for an allow rule only
//! if every one does.

use super::scope;
use crate::action::{Action, Kind};
use crate::command::{CommandPattern, star_matches};
use crate::effects::{Access, By, Part, Program, Target, Touch};
use crate::facts::Facts;
use crate::host::Host;
use crate::path::{AbsPath, PathPattern};
use crate::rule::{FileAccess, Matcher, Rule};

/// How surely a tightening rule covers a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cover {
    /// It does not.
    No,
    /// It may: something about the part is not known before it runs.
    Possible,
    /// It does.
    Certain,
}

impl From<bool> for Cover {
    fn from(covered: bool) -> Self {
        if covered { Self::Certain } else { Self::No }
    }
}

/// Returns how surely a deny or ask rule covers a part.
pub(super) fn tightens(rule: &Rule, action: &Action, part: &Part, facts: &Facts) -> Cover {
    match &rule.matcher {
        Matcher::Tool(name) => name.covers(&action.tool).into(),
        Matcher::Command(pattern) => match &action.kind {
            Kind::Command(_) => command(pattern, part),
            Kind::ForeignCommand(_)
            | Kind::Read(_)
            | Kind::Edit(_)
            | Kind::Fetch { .. }
            | Kind::Agent { .. }
            | Kind::Skill { .. }
            | Kind::Mcp { .. }
            | Kind::Other
            | Kind::Malformed(_) => Cover::No,
        },
        Matcher::ForeignCommand(pattern) => match &action.kind {
            Kind::ForeignCommand(text) => {
                let pieces = text.split(['|', ';', '&', '\n', '{', '}', '(', ')']).map(str::trim);
                let lower = |text: &str| text.to_lowercase();
                std::iter::once(text.trim())
                    .chain(pieces)
                    .any(|piece| pattern.covers(piece) || pattern.covers(&lower(piece)))
                    .into()
            }
            Kind::Command(_)
            | Kind::Read(_)
            | Kind::Edit(_)
            | Kind::Fetch { .. }
            | Kind::Agent { .. }
            | Kind::Skill { .. }
            | Kind::Mcp { .. }
            | Kind::Other
            | Kind::Malformed(_) => Cover::No,
        },
        Matcher::Path { access, pattern } => path(*access, pattern, action, part, facts),
        Matcher::Domain(pattern) => match &action.kind {
            Kind::Fetch { url } => Host::of_url(url).map_or(Cover::Possible, |host| pattern.covers(&host).into()),
            Kind::Command(_)
            | Kind::ForeignCommand(_)
            | Kind::Read(_)
            | Kind::Edit(_)
            | Kind::Agent { .. }
            | Kind::Skill { .. }
            | Kind::Mcp { .. }
            | Kind::Other
            | Kind::Malformed(_) => Cover::No,
        },
        Matcher::Agent(name) => matches!(&action.kind, Kind::Agent { agent_type } if agent_type == name).into(),
        Matcher::Skill { name, open } => is_skill(&action.kind, name, *open).into(),
        Matcher::Parameter { tool, name, value } => (*tool == action.tool
            && action.params.iter().any(|(key, given)| key == name && star_matches(value, given)))
        .into(),
    }
}

fn is_skill(kind: &Kind, name: &str, open: bool) -> bool {
    match kind {
        Kind::Skill { skill } => {
            skill == name || (open && skill.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))
        }
        Kind::Command(_)
        | Kind::ForeignCommand(_)
        | Kind::Read(_)
        | Kind::Edit(_)
        | Kind::Fetch { .. }
        | Kind::Agent { .. }
        | Kind::Mcp { .. }
        | Kind::Other
        | Kind::Malformed(_) => false,
    }
}

fn command(pattern: &CommandPattern, part: &Part) -> Cover {
    if part.readings.iter().any(|reading| pattern.covers(reading)) {
        return Cover::Certain;
    }
    match &part.program {
        Program::None => Cover::No,
        Program::Unknown => Cover::Possible,
        Program::Named(_) => {
            let could = part.unknown.iter().any(|word| {
                part.readings.iter().any(|reading| {
                    reading
                        .find(word.as_str())
                        .is_some_and(|at| pattern.could_continue(reading.get(..at).unwrap_or_default()))
                })
            });
            if could { Cover::Possible } else { Cover::No }
        }
    }
}

fn concerns(access: FileAccess, touch: Access) -> bool {
    match access {
        // A path that may not be read may not be written or removed either.
        FileAccess::Read => true,
        FileAccess::Edit => touch != Access::Read,
    }
}

fn path(access: FileAccess, pattern: &PathPattern, action: &Action, part: &Part, facts: &Facts) -> Cover {
    let covers =
        |path: &AbsPath| scope::names(path, facts).iter().any(|name| pattern.covers(name, &facts.project, &action.cwd));
    let touched = part
        .touches
        .iter()
        .filter(|touch| concerns(access, touch.access))
        .map(|touch| touch_cover(touch, pattern, action, facts));
    let mentioned = part.mentions.iter().map(|path| Cover::from(covers(path)));
    let strongest = touched.chain(mentioned).max().unwrap_or(Cover::No);
    let unknown = !part.unknown.is_empty() && !part.reads_only;
    if strongest == Cover::No && (unknown || part.program == Program::Unknown) { Cover::Possible } else { strongest }
}

fn touch_cover(touch: &Touch, pattern: &PathPattern, action: &Action, facts: &Facts) -> Cover {
    let below = |path: &AbsPath| {
        scope::names(path, facts).iter().any(|name| pattern.could_cover_below(name, &facts.project, &action.cwd))
    };
    match &touch.target {
        Target::Paths(paths) => {
            let certain = paths
                .iter()
                .flat_map(|path| scope::names(path, facts))
                .any(|name| pattern.covers(&name, &facts.project, &action.cwd));
            let holds = touch.recursive && touch.by != By::Tool && paths.iter().any(&below);
            let in_other_case = || {
                paths
                    .iter()
                    .flat_map(|path| scope::names(path, facts))
                    .any(|name| pattern.covers_in_any_case(&name, &facts.project, &action.cwd))
            };
            let holds_one = || holds && paths.iter().any(|path| scope::is_directory(path, facts));
            if certain {
                Cover::Certain
            } else if in_other_case() || holds_one() {
                Cover::Possible
            } else {
                Cover::No
            }
        }
        Target::Pattern(_, bases) => {
            if bases.is_empty() || bases.iter().any(below) {
                Cover::Possible
            } else {
                Cover::No
            }
        }
        Target::Unknown(_) => Cover::Possible,
    }
}

/// Returns true when an allow rule covers a part under every reading.
pub(super) fn allows(rule: &Rule, action: &Action, part: &Part, facts: &Facts) -> bool {
    match &rule.matcher {
        Matcher::Tool(name) => name.covers(&action.tool) && !part.exact_only,
        Matcher::Command(pattern) => {
            matches!(action.kind, Kind::Command(_))
                && part.program != Program::Unknown
                && (!part.exact_only || pattern.is_exact())
                && part.allow_readings.iter().any(|reading| pattern.covers(reading))
        }
        // Its language is not analysed, so only the whole tool can be allowed.
        Matcher::ForeignCommand(_) => false,
        Matcher::Path { access, .. } => match action.kind {
            Kind::Read(_) => part.touches.iter().all(|touch| allows_touch(rule, touch, action, facts)),
            Kind::Edit(_) => {
                *access == FileAccess::Edit && part.touches.iter().all(|touch| allows_touch(rule, touch, action, facts))
            }
            Kind::Command(_)
            | Kind::ForeignCommand(_)
            | Kind::Fetch { .. }
            | Kind::Agent { .. }
            | Kind::Skill { .. }
            | Kind::Mcp { .. }
            | Kind::Other
            | Kind::Malformed(_) => false,
        },
        Matcher::Domain(pattern) => match &action.kind {
            Kind::Fetch { url } => Host::of_url(url).is_some_and(|host| pattern.covers(&host)),
            Kind::Command(_)
            | Kind::ForeignCommand(_)
            | Kind::Read(_)
            | Kind::Edit(_)
            | Kind::Agent { .. }
            | Kind::Skill { .. }
            | Kind::Mcp { .. }
            | Kind::Other
            | Kind::Malformed(_) => false,
        },
        Matcher::Agent(name) => matches!(&action.kind, Kind::Agent { agent_type } if agent_type == name),
        Matcher::Skill { name, open } => is_skill(&action.kind, name, *open),
        Matcher::Parameter { .. } => false,
    }
}

/// Returns true when an allow rule about paths covers a touch: the path and everything it leads to.
pub(super) fn allows_touch(rule: &Rule, touch: &Touch, action: &Action, facts: &Facts) -> bool {
    let Matcher::Path { access, pattern } = &rule.matcher else { return false };
    let right = match access {
        FileAccess::Read => touch.access == Access::Read,
        FileAccess::Edit => true,
    };
    let known = |path: &AbsPath| facts.resolved.contains_key(path);
    right
        && match &touch.target {
            Target::Paths(paths) => {
                !paths.is_empty()
                    && paths.iter().all(|path| {
                        known(path)
                            && scope::names(path, facts)
                                .iter()
                                .all(|name| pattern.covers(name, &facts.project, &action.cwd))
                    })
            }
            Target::Pattern(..) | Target::Unknown(_) => false,
        }
}
