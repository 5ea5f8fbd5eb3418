//! Whether a rule covers a part: for a rule that tightens if any reading does, for an allow rule only
//! if every one does.

use super::scope;
use crate::action::{Action, Kind};
use crate::command::{CommandPattern, star_matches};
use crate::effects::{Access, By, Part, Program, Target, Touch};
use crate::facts::Facts;
use crate::host::{Host, HostPattern};
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
    let kind = &action.kind;
    match &rule.matcher {
        Matcher::Tool(name) => name.tightens(&action.tool).into(),
        Matcher::Command(pattern) => kind.command().map_or(Cover::No, |_| command(pattern, part)),
        Matcher::ForeignCommand(pattern) => kind.foreign_command().is_some_and(|text| foreign(pattern, text)).into(),
        Matcher::Path { access, pattern } => {
            // Palisade's own files are the only ones that the client does not read.
            let known_to_client = !rule.reference.origin.file.contains("palisade");
            PathRule { access: *access, pattern, known_to_client, action, facts }.part(part)
        }
        Matcher::Domain(pattern) => kind.url().map_or(Cover::No, |url| domain(pattern, url)),
        Matcher::Agent(name) => (kind.agent_type() == Some(name)).into(),
        // A rule that names a skill means it with any arguments.
        Matcher::Skill { name, open: _ } => kind.skill().is_some_and(|skill| is_skill(skill, name, true)).into(),
        Matcher::Parameter { tool, name, value } => (*tool == action.tool
            && action.params.iter().any(|(key, given)| key == name && star_matches(value, given)))
        .into(),
    }
}

/// A language that is not parsed: the pattern may stand in any piece of the text, in letters of any case.
fn foreign(pattern: &CommandPattern, text: &str) -> bool {
    let (pattern, text) = (pattern.folded(), text.to_lowercase());
    let pieces = text.split(['|', ';', '&', '\n', '{', '}', '(', ')']).map(str::trim);
    std::iter::once(text.trim()).chain(pieces).any(|piece| pattern.covers(piece))
}

/// A host that is not certain is covered for sure only by a pattern that covers every host.
fn domain(pattern: &HostPattern, url: &str) -> Cover {
    match Host::of_url(url) {
        Some(host) => pattern.tightens(&host).into(),
        None if *pattern == HostPattern::Any => Cover::Certain,
        None => Cover::Possible,
    }
}

fn is_skill(skill: &str, name: &str, open: bool) -> bool {
    skill == name || (open && skill.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))
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

/// A path rule that tightens, asked about one call.
struct PathRule<'a> {
    access: FileAccess,
    pattern: &'a PathPattern,
    /// The client reads the rule's file too, and leaves what it denies out of what its tools find.
    known_to_client: bool,
    action: &'a Action,
    facts: &'a Facts,
}

impl PathRule<'_> {
    fn part(&self, part: &Part) -> Cover {
        let touched =
            part.touches.iter().filter(|touch| concerns(self.access, touch.access)).map(|touch| self.touch(touch));
        let mentioned = part.mentions.iter().map(|path| {
            let unseen = scope::unseen(std::iter::once(path), self.facts).is_some();
            Cover::from(self.covers(path)).max(if unseen { Cover::Possible } else { Cover::No })
        });
        let strongest = touched.chain(mentioned).max().unwrap_or(Cover::No);
        let unknown = !part.unknown.is_empty() && !part.reads_only;
        if strongest == Cover::No && (unknown || part.program == Program::Unknown) {
            Cover::Possible
        } else {
            strongest
        }
    }

    fn touch(&self, touch: &Touch) -> Cover {
        let unseen = !touch.is_device() && scope::unseen(touch.target.paths(), self.facts).is_some();
        match &touch.target {
            Target::Paths(paths) => {
                let filtered = touch.by == By::Tool && self.known_to_client;
                let holds_one = touch.recursive
                    && !filtered
                    && paths.iter().any(|path| self.could_lie_below(path) && scope::is_directory(path, self.facts));
                if paths.iter().any(|path| self.covers(path)) {
                    Cover::Certain
                } else if holds_one || unseen || paths.iter().any(|path| self.covers_in_any_case(path)) {
                    Cover::Possible
                } else {
                    Cover::No
                }
            }
            Target::Pattern(_, bases) => {
                let could = unseen || bases.is_empty() || bases.iter().any(|base| self.could_lie_below(base));
                if could { Cover::Possible } else { Cover::No }
            }
            Target::Unknown(_) => Cover::Possible,
        }
    }

    fn covers(&self, path: &AbsPath) -> bool {
        let (project, cwd) = (&self.facts.project, &self.action.cwd);
        scope::names(path, self.facts).iter().any(|name| self.pattern.covers(name, project, cwd))
    }

    fn covers_in_any_case(&self, path: &AbsPath) -> bool {
        let (project, cwd) = (&self.facts.project, &self.action.cwd);
        scope::names(path, self.facts).iter().any(|name| self.pattern.covers_in_any_case(name, project, cwd))
    }

    fn could_lie_below(&self, path: &AbsPath) -> bool {
        let (project, cwd) = (&self.facts.project, &self.action.cwd);
        scope::names(path, self.facts).iter().any(|name| self.pattern.could_cover_below(name, project, cwd))
    }
}

/// Returns true when an allow rule covers a part under every reading.
pub(super) fn allows(rule: &Rule, action: &Action, part: &Part, facts: &Facts) -> bool {
    let kind = &action.kind;
    match &rule.matcher {
        Matcher::Tool(name) => name.covers(&action.tool) && !part.exact_only,
        Matcher::Command(pattern) => {
            kind.command().is_some()
                && part.program != Program::Unknown
                && (!part.exact_only || pattern.is_exact())
                && part.allow_readings.iter().any(|reading| pattern.covers(reading))
        }
        // Its language is not analysed, so only the whole tool can be allowed.
        Matcher::ForeignCommand(_) | Matcher::Parameter { .. } => false,
        Matcher::Path { access, .. } => {
            let right = matches!(kind, Kind::Read(_)) || (matches!(kind, Kind::Edit(_)) && *access == FileAccess::Edit);
            right && part.touches.iter().all(|touch| allows_touch(rule, touch, action, facts))
        }
        Matcher::Domain(pattern) => kind.url().and_then(Host::of_url).is_some_and(|host| pattern.covers(&host)),
        Matcher::Agent(name) => kind.agent_type() == Some(name),
        Matcher::Skill { name, open } => kind.skill().is_some_and(|skill| is_skill(skill, name, *open)),
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
