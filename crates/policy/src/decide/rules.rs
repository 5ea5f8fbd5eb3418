//! Whether a rule covers a part: for a rule that tightens if any reading does, for an allow rule only
//! if every one does.

use super::scope;
use crate::action::{Action, Command, Kind};
use crate::command::{CommandPattern, Means, spaced_operators, star_matches};
use crate::effects::{Access, By, Links, Part, Program, Target, Touch};
use crate::facts::Facts;
use crate::network::host::{Host, HostPattern};
use crate::path::{AbsPath, Glob, PathPattern};
use crate::rule::pipeline::{self, Piped};
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
        Matcher::Command(pattern) if !pattern.concerns(&action.tool) => Cover::No,
        Matcher::Command(pattern) => kind.command().map_or(Cover::No, |whole| {
            let as_whole =
                Cover::from(pattern.is_about_lists() && pattern.covers_whole(&spaced_operators(&whole.text)));
            as_whole.max(command(pattern, part).min(piped(pattern, whole, part)))
        }),
        Matcher::ForeignCommand(pattern) => kind.foreign_command().map_or(Cover::No, |_| foreign(pattern, part)),
        Matcher::Path { access, pattern } => {
            let known_to_client = rule.is_known_to_client();
            PathRule { access: *access, pattern, known_to_client, action, facts }.part(part)
        }
        Matcher::Domain(pattern) => kind.url().map_or(Cover::No, |url| domain(pattern, url)),
        Matcher::Agent(names) => {
            kind.agent_type().is_some_and(|agent| names.iter().any(|name| star_matches(name, agent))).into()
        }
        Matcher::Cd(directory) => cd_matches(directory, action).into(),
        // Whatever the arguments are, it is the skill that is denied.
        Matcher::Skill { name, open: _ } => kind.skill().is_some_and(|skill| is_skill(skill, name, true)).into(),
        Matcher::Parameter { tool, name, value } => (tool.covers(&action.tool)
            && action.params.iter().any(|(key, given)| key == name && star_matches(value, given)))
        .into(),
    }
}

/// A language of which only the structure is known: what is not found as a command, the pattern may still
/// stand in.
fn foreign(pattern: &CommandPattern, part: &Part) -> Cover {
    let found = command(pattern, part);
    let pieces = || part.text.split(['|', ';', '&', '\n', '{', '}', '(', ')']).map(|piece| piece.trim().to_lowercase());
    if found == Cover::Possible && pieces().any(|piece| pattern.folded().covers(&piece)) {
        Cover::Certain
    } else {
        found
    }
}

/// `Cd` names its directory in a field; a whole path must match, and `x/**` is `x` too.
fn cd_matches(directory: &Glob, action: &Action) -> bool {
    action.tool == "Cd"
        && action.params.iter().any(|(_, value)| {
            let path = action.cwd.join(value);
            directory.matches(&path.segments().collect::<Vec<_>>())
        })
}

/// A host that is not certain is covered for sure only by a pattern that covers every host.
fn domain(pattern: &HostPattern, url: &str) -> Cover {
    match Host::of_url(url) {
        Some(host) => pattern.tightens(&host).into(),
        None if *pattern == HostPattern::Any => Cover::Certain,
        // Of the readings of a URL that names a user, one is that the host follows it.
        None if Host::behind_user(url).is_some_and(|host| pattern.tightens(&host)) => Cover::Certain,
        None => Cover::Possible,
    }
}

fn is_skill(skill: &str, name: &str, open: bool) -> bool {
    skill == name || (open && skill.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))
}

fn command(pattern: &CommandPattern, part: &Part) -> Cover {
    let means = part.meant.as_ref().zip(pattern.meant()).map_or(Means::No, |(meant, rule)| rule.covers(meant));
    if means == Means::Yes || part.readings.iter().any(|reading| pattern.covers(reading)) {
        return Cover::Certain;
    }
    if means == Means::Perhaps {
        return Cover::Possible;
    }
    if part.beyond_limits || part.may_run.iter().any(|text| pattern.covers(text)) {
        return Cover::Possible;
    }
    match &part.program {
        Program::None => Cover::No,
        Program::Unknown => Cover::Possible,
        Program::Named(_) => {
            let could = known_beginnings(part).any(|known| pattern.could_continue(known));
            if could { Cover::Possible } else { Cover::No }
        }
    }
}

/// Returns what is known of each reading before each word that is not.
pub(super) fn known_beginnings(part: &Part) -> impl Iterator<Item = &str> {
    let before = |reading: &'_ String, word: &String| reading.find(word.as_str());
    part.unknown
        .iter()
        .flat_map(move |word| part.readings.iter().filter_map(move |reading| reading.get(..before(reading, word)?)))
}

/// Returns true when the part may touch any path at all.
pub(super) fn has_unknown_paths(part: &Part) -> bool {
    (!part.unknown.is_empty() && !part.reads_only) || part.program == Program::Unknown || part.beyond_limits
}

/// How surely the earlier stages that a rule names are piped into a part.
fn piped(pattern: &CommandPattern, whole: &Command, part: &Part) -> Cover {
    if pattern.before().is_empty() {
        return Cover::Certain;
    }
    let outside = pipeline::piped(pattern.before(), &whole.script, &whole.text, part.span);
    let inside = part
        .nested
        .as_ref()
        .map(|nested| pipeline::piped(pattern.before(), &nested.script, &nested.text, Some(nested.span)));
    match inside.map_or(outside, |inside| inside.max(outside)) {
        Piped::No => Cover::No,
        Piped::Possibly => Cover::Possible,
        Piped::Certainly => Cover::Certain,
    }
}

fn concerns(access: FileAccess, touch: Access) -> bool {
    match access {
        // A path that may not be read may not be written or removed either.
        FileAccess::Read => true,
        FileAccess::Edit => touch > Access::Read,
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
        let unpacks = part.does.contains(&programs::Does::Unpacks);
        let touched =
            part.touches.iter().filter(|touch| concerns(self.access, touch.access)).map(|touch| match touch.access {
                Access::Look => self.touch(touch).min(Cover::Possible),
                // What an archive or a patch holds is not known: it may be the file, and may not.
                Access::Write if unpacks && touch.recursive && !touch.target.paths().any(|path| self.covers(path)) => {
                    self.touch(touch).min(Cover::Possible)
                }
                Access::Read | Access::Write | Access::Delete => self.touch(touch),
            });
        let mentioned = part.mentions.iter().map(|path| {
            let unseen = scope::unseen(std::iter::once(path), self.facts).is_some();
            Cover::from(self.covers(path)).max(if unseen { Cover::Possible } else { Cover::No })
        });
        let named = part.may_name.iter().filter(|path| self.covers(path)).map(|_| Cover::Possible);
        let strongest = touched.chain(mentioned).chain(named).max().unwrap_or(Cover::No);
        // A notebook is edited by a tool of its own, of which the documentation says nothing.
        let is_notebook = self.action.tool == "NotebookEdit" && self.access == FileAccess::Read;
        let strongest = if is_notebook { strongest.min(Cover::Possible) } else { strongest };
        if strongest == Cover::No && has_unknown_paths(part) { Cover::Possible } else { strongest }
    }

    fn touch(&self, touch: &Touch) -> Cover {
        self.target(touch).max(self.passed(touch))
    }

    /// What a touch reaches through links.
    fn passed(&self, touch: &Touch) -> Cover {
        let Some(links) = scope::links_passed(touch, self.facts) else { return Cover::Possible };
        let whole = touch.recursive || touch.links == Links::Below;
        let holds_one = |link: &AbsPath| scope::is_directory(link, self.facts) && self.could_lie_below(link);
        let unseen = || scope::unseen(links.iter().copied(), self.facts).is_some();
        if links.iter().any(|link| self.covers(link)) {
            Cover::Certain
        } else if (whole && links.iter().any(|link| holds_one(link))) || unseen() {
            Cover::Possible
        } else {
            Cover::No
        }
    }

    fn target(&self, touch: &Touch) -> Cover {
        let unseen = !touch.is_device() && scope::unseen(touch.target.paths(), self.facts).is_some();
        match &touch.target {
            Target::Paths(paths) => {
                let filtered = touch.by == By::Tool && self.known_to_client;
                let below = |path: &AbsPath| self.facts.found_below.get(path);
                let whole = touch.recursive && !filtered;
                let really_holds = whole
                    && paths.iter().filter_map(below).flat_map(|below| &below.files).any(|path| self.covers(path));
                let holds_one = whole
                    && paths.iter().any(|path| {
                        !below(path).is_some_and(|below| below.complete)
                            && self.could_lie_below(path)
                            && scope::is_directory(path, self.facts)
                    });
                // Who removes a tree reads nothing in it.
                let removes = touch.access == Access::Delete && self.access == FileAccess::Read;
                let named = paths.iter().any(|path| self.covers(path) || self.covers_in_any_case(path));
                if named || (really_holds && !removes) {
                    Cover::Certain
                } else if really_holds || holds_one || unseen {
                    Cover::Possible
                } else {
                    Cover::No
                }
            }
            Target::Pattern(pattern, bases) => {
                // What may be among the matches is denied: nobody could say which of them are not.
                let rest = pattern.get(scope::stem(pattern)..).unwrap_or(pattern);
                // Where a way up leads from what a wildcard matches is not known.
                if scope::climbs(pattern) {
                    return Cover::Possible;
                }
                // Other shells' patterns match hidden names.
                let is_ours = self.action.kind.foreign_command().is_none();
                let readable = is_ours && !rest.contains(['\\', '(']);
                let glob = Glob::parse(rest);
                if readable && bases.iter().any(|base| self.could_name(base, &glob)) {
                    return Cover::Certain;
                }
                if readable && bases.iter().any(|base| self.could_name_in_any_case(base, &glob)) {
                    return Cover::Possible;
                }
                let doubtful = unseen || !readable || touch.recursive || bases.is_empty();
                let below = || unseen || bases.is_empty() || bases.iter().any(|base| self.could_lie_below(base));
                if doubtful && below() { Cover::Possible } else { Cover::No }
            }
            Target::Unknown(_) => Cover::Possible,
        }
    }

    fn covers(&self, path: &AbsPath) -> bool {
        let (project, cwd) = (&self.facts.project, &self.action.cwd);
        scope::names_to_tighten(path, self.facts).iter().any(|name| self.pattern.covers(name, project, cwd))
    }

    fn covers_in_any_case(&self, path: &AbsPath) -> bool {
        let (project, cwd) = (&self.facts.project, &self.action.cwd);
        scope::names_to_tighten(path, self.facts).iter().any(|name| self.pattern.covers_in_any_case(name, project, cwd))
    }

    fn could_name(&self, base: &AbsPath, glob: &Glob) -> bool {
        let (project, cwd) = (&self.facts.project, &self.action.cwd);
        scope::names_to_tighten(base, self.facts).iter().any(|name| self.pattern.could_meet(name, glob, project, cwd))
    }

    fn could_name_in_any_case(&self, base: &AbsPath, glob: &Glob) -> bool {
        let (project, cwd) = (&self.facts.project, &self.action.cwd);
        let names = scope::names_to_tighten(base, self.facts);
        names.iter().any(|name| self.pattern.could_meet_in_any_case(name, glob, project, cwd))
    }

    fn could_lie_below(&self, path: &AbsPath) -> bool {
        let (project, cwd) = (&self.facts.project, &self.action.cwd);
        scope::names_to_tighten(path, self.facts)
            .iter()
            .chain(scope::links_below(path, self.facts))
            .any(|name| self.pattern.could_cover_below(name, project, cwd))
    }
}

/// Returns true when an allow rule covers a part under every reading.
pub(super) fn allows(rule: &Rule, action: &Action, part: &Part, facts: &Facts) -> bool {
    let kind = &action.kind;
    match &rule.matcher {
        Matcher::Tool(name) => name.grants(&action.tool),
        Matcher::Command(pattern) => {
            kind.command().is_some()
                && pattern.concerns(&action.tool)
                && part.program != Program::Unknown
                && !part.aside
                && (!part.exact_only || pattern.is_exact())
                && part.allow_readings.iter().any(|reading| pattern.covers(reading))
        }
        Matcher::ForeignCommand(pattern) => {
            kind.foreign_command().is_some()
                && matches!(part.program, Program::Named(_))
                && part.allow_readings.iter().any(|reading| pattern.covers(reading))
        }
        Matcher::Parameter { .. } => false,
        Matcher::Path { access, .. } => {
            let right = match access {
                FileAccess::Read => matches!(kind, Kind::Read(_)),
                FileAccess::Edit => matches!(kind, Kind::Edit(_) | Kind::Read(_)),
            };
            right && part.touches.iter().all(|touch| allows_touch(rule, touch, action, facts))
        }
        Matcher::Domain(pattern) => kind.url().and_then(Host::of_url).is_some_and(|host| pattern.covers(&host)),
        Matcher::Agent(names) => kind.agent_type().is_some_and(|agent| names.iter().any(|name| name == agent)),
        Matcher::Cd(directory) => cd_matches(directory, action),
        Matcher::Skill { name, open } => kind.skill().is_some_and(|skill| is_skill(skill, name, *open)),
    }
}

/// Returns true when an allow rule about paths covers a touch: the path and everything it leads to.
pub(super) fn allows_touch(rule: &Rule, touch: &Touch, action: &Action, facts: &Facts) -> bool {
    let Matcher::Path { access, pattern } = &rule.matcher else { return false };
    let right = match access {
        FileAccess::Read => touch.access <= Access::Read,
        // Whoever may edit a file may read it with the file tools; a command needs a rule about reading.
        FileAccess::Edit => touch.access > Access::Read || touch.by == By::Tool,
    };
    let known = |path: &AbsPath| facts.resolved.contains_key(path);
    right
        && match &touch.target {
            Target::Paths(paths) => {
                !paths.is_empty()
                    && paths.iter().all(|path| {
                        known(path)
                            && scope::names(path, facts).all(|name| pattern.covers(name, &facts.project, &action.cwd))
                    })
            }
            // What is not known is covered where everything is. A change wants to be named all the same.
            Target::Pattern(..) | Target::Unknown(_) => touch.access <= Access::Read && pattern.covers_all(),
        }
}
