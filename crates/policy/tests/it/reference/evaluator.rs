//! The verdict, step by step as the documentation has it.

use policy::action::Kind;
use policy::effects::{Access, By, Part, Program, Target, Touch};
use policy::facts::{Entry, Facts, Person};
use policy::layer::Layer;
use policy::rule::List;
use policy::{AbsPath, Action, Effects, Mode, Verdict};

use super::path::Place;
use super::removal::{is_critical, protected};
use super::rule::{READERS, Rule, Subject, WRITERS, in_force};
use super::text::{meet, stars};
use super::{host, rule};

/// How far doubt is taken where the documentation leaves room: what a glob or an unknown word could name
/// may be found out exactly, or taken from the part of it that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Only what some expansion really names.
    Exact,
    /// Whatever the known part does not rule out.
    Coarse,
}

/// How surely a rule that tightens speaks of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    No,
    Perhaps,
    Yes,
}

impl From<bool> for Match {
    fn from(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// Decides.
pub(crate) fn evaluate(layers: &[Layer], action: &Action, effects: &Effects, facts: &Facts, doubt: Doubt) -> Verdict {
    let broken = layers.iter().any(|layer| layer.failure.is_some());
    let Some(rules) = in_force(layers, &facts.home).filter(|_| !broken) else { return Verdict::Deny };
    if matches!(action.kind, Kind::Malformed(_)) {
        return Verdict::Deny;
    }
    let call = Call { rules: &rules, mode: mode(layers, facts), action, facts, doubt };
    let verdict = match call.opaque(effects) {
        true => Verdict::Ask,
        false if effects.parts.is_empty() => Verdict::Ask,
        false => Verdict::Allow,
    };
    let verdict = effects.parts.iter().map(|part| call.part(part)).fold(verdict, Verdict::max);
    let nobody = call.mode == Mode::DontAsk || facts.person == Person::Absent;
    if verdict == Verdict::Ask && nobody { Verdict::Deny } else { verdict }
}

/// The session's mode, else that of the settings: the highest trusted file's, in whose place any other
/// may only put one under which nothing passes that would ask.
fn mode(layers: &[Layer], facts: &Facts) -> Mode {
    let named = |trusted: bool| {
        layers
            .iter()
            .rev()
            .filter(move |layer| layer.trusted == trusted)
            .filter_map(|layer| layer.default_mode.as_ref())
    };
    let strict = |mode: &Mode| *mode == Mode::Plan || *mode == Mode::DontAsk;
    let own = named(true).next().map_or(Mode::Default, |mode| mode.value);
    let theirs = named(false).map(|mode| mode.value).find(strict);
    let settled = if strict(&own) { own } else { theirs.unwrap_or(own) };
    let mode = facts.mode.unwrap_or(settled);
    let forbidden = layers.iter().any(|layer| layer.bypass_disabled.is_some());
    if mode == Mode::BypassPermissions && forbidden { Mode::Default } else { mode }
}

struct Call<'a> {
    rules: &'a [Rule],
    mode: Mode,
    action: &'a Action,
    facts: &'a Facts,
    doubt: Doubt,
}

impl Call<'_> {
    fn place(&self) -> Place<'_> {
        Place { project: &self.facts.project, cwd: &self.action.cwd }
    }

    fn tightens_anything(&self) -> bool {
        self.rules.iter().any(|rule| rule.list != List::Allow)
    }

    /// What is not understood asks, but where a person said that nothing need be asked and no rule speaks
    /// against it; a language that is not analysed may be allowed as a whole under the same condition.
    fn opaque(&self, effects: &Effects) -> bool {
        let foreign = matches!(self.action.kind, Kind::ForeignCommand(_));
        let waived = (self.mode == Mode::BypassPermissions || foreign) && !self.tightens_anything();
        effects.opaque.is_some() && !waived
    }

    fn strongest(&self, part: &Part, list: List) -> Match {
        let rules = self.rules.iter().filter(|rule| rule.list == list);
        rules.map(|rule| self.tightened(rule, part)).max().unwrap_or(Match::No)
    }

    fn part(&self, part: &Part) -> Verdict {
        let (deny, ask) = (self.strongest(part, List::Deny), self.strongest(part, List::Ask));
        let is_command = matches!(self.action.kind, Kind::Command(_));
        let shell = is_command || matches!(self.action.kind, Kind::ForeignCommand(_));
        let edit = matches!(self.action.kind, Kind::Edit(_));
        if part.forbidden.is_some() || deny == Match::Yes || (edit && self.mode == Mode::Plan) {
            return Verdict::Deny;
        }
        if ask == Match::Yes || deny == Match::Perhaps || ask == Match::Perhaps {
            return Verdict::Ask;
        }
        if part.touches.iter().any(|touch| is_critical(touch, self.action, self.facts)) {
            return Verdict::Ask;
        }
        let bypass = self.mode == Mode::BypassPermissions;
        let hidden = part.suspicious.is_some() || part.program == Program::Unknown;
        if hidden && (!bypass || self.tightens_anything()) {
            return Verdict::Ask;
        }
        if bypass {
            return Verdict::Allow;
        }
        if self.is_protected(part) {
            return Verdict::Ask;
        }
        if self.passes_by_itself(part) {
            return Verdict::Allow;
        }
        if self.mode == Mode::Plan && shell && !part.reads_only {
            return Verdict::Ask;
        }
        let allowed = self.rules.iter().find(|rule| rule.list == List::Allow && self.allows(rule, part));
        match allowed {
            Some(_) if part.touches.iter().any(|touch| self.written_beside_the_rule(touch)) => Verdict::Ask,
            Some(_) => Verdict::Allow,
            None => Verdict::Ask,
        }
    }

    /// A path that nobody could look at may lead anywhere.
    fn unseen(&self, path: &AbsPath) -> bool {
        !self.facts.resolved.contains_key(path)
    }

    fn is_protected(&self, part: &Part) -> bool {
        let mut written = part.touches.iter().filter(|touch| touch.access != Access::Read && !touch.is_device());
        if written.any(|touch| touch.target.paths().any(|path| self.unseen(path))) {
            return true;
        }
        let named =
            part.mentions.iter().any(|path| self.unseen(path) || self.names(path).iter().any(|name| protected(name)));
        named
            || part.touches.iter().filter(|touch| touch.access != Access::Read).any(|touch| match &touch.target {
                Target::Paths(paths) => paths.iter().any(|path| self.names(path).iter().any(|name| protected(name))),
                Target::Pattern(pattern, bases) => super::removal::pattern_meets_protected(pattern, bases, self.facts),
                Target::Unknown(_) => false,
            })
    }

    /// What needs no rule: reads in scope, tools that change nothing, edits where the mode accepts them.
    fn passes_by_itself(&self, part: &Part) -> bool {
        let scoped = part.touches.iter().all(|touch| touch.is_device() || self.in_scope(touch));
        let accepts = self.mode == Mode::AcceptEdits;
        match &self.action.kind {
            Kind::Command(_) => {
                let readable = |touch: &Touch| touch.is_device() || self.in_scope(touch) || self.path_allowed(touch);
                (part.reads_only && part.touches.iter().all(readable)) || (part.edits_only && scoped && accepts)
            }
            Kind::Read(_) => scoped,
            Kind::Edit(_) => scoped && accepts,
            Kind::Agent { .. } => true,
            Kind::Other => self.action.tool == "TodoWrite",
            Kind::ForeignCommand(_)
            | Kind::Fetch { .. }
            | Kind::Skill { .. }
            | Kind::Mcp { .. }
            | Kind::Malformed(_) => false,
        }
    }

    /// A rule for a command does not cover what its redirections write.
    fn written_beside_the_rule(&self, touch: &Touch) -> bool {
        touch.by == By::Redirect
            && touch.access != Access::Read
            && !touch.is_device()
            && !self.path_allowed(touch)
            && !(self.mode == Mode::AcceptEdits && self.in_scope(touch))
    }

    /// Every name of a path: as written, the links on the way, and where it leads.
    fn names(&self, path: &AbsPath) -> Vec<String> {
        let resolved = self.facts.resolved.get(path);
        let further = resolved.into_iter().flat_map(|resolved| resolved.hops.iter().chain([&resolved.real]));
        [path].into_iter().chain(further).map(|name| name.as_str().to_owned()).collect()
    }

    /// Returns true when all that a touch can mean leads into a working directory.
    fn in_scope(&self, touch: &Touch) -> bool {
        let inside = |path: &AbsPath| {
            self.facts.resolved.get(path).is_some_and(|resolved| {
                let real = format!("{}/", resolved.real.as_str());
                self.facts
                    .working_directories
                    .iter()
                    .any(|directory| directory.as_str() == "/" || real.starts_with(&format!("{}/", directory.as_str())))
            })
        };
        match &touch.target {
            Target::Paths(paths) => !paths.is_empty() && paths.iter().all(inside),
            Target::Pattern(pattern, bases) => !pattern.contains("..") && !bases.is_empty() && bases.iter().all(inside),
            Target::Unknown(_) => false,
        }
    }

    fn tightened(&self, rule: &Rule, part: &Part) -> Match {
        match (&rule.subject, &self.action.kind) {
            (Subject::Tool(name), _) => self.is_tool(name, true).into(),
            (Subject::Command(forms), Kind::Command(_)) => self.command_tightened(forms, part),
            (Subject::Foreign(forms), Kind::ForeignCommand(text)) => {
                let lower = text.to_lowercase();
                let pieces = lower.split(['|', ';', '&', '\n', '{', '}', '(', ')']);
                let matches = |piece: &str| forms.iter().any(|form| stars(&form.to_lowercase(), piece.trim()));
                (matches(&lower) || pieces.into_iter().any(matches)).into()
            }
            (Subject::Path { edit, pattern }, _) => self.path_tightened(rule, *edit, pattern, part),
            (Subject::Host(pattern), Kind::Fetch { url }) => match host::of_url(url) {
                Some(host) => host::covers(pattern, &host, true).into(),
                None if pattern == "*" => Match::Yes,
                None => Match::Perhaps,
            },
            (Subject::Agent(name), Kind::Agent { agent_type }) => (name == agent_type).into(),
            // A rule that names a skill means it with any arguments.
            (Subject::Skill { name, .. }, Kind::Skill { skill }) => {
                (skill == name || skill.starts_with(&format!("{name} "))).into()
            }
            (Subject::Field { tool, name, value }, _) => {
                let mut fields = self.action.params.iter();
                (*tool == self.action.tool && fields.any(|(field, given)| field == name && stars(value, given))).into()
            }
            (
                Subject::Command(_)
                | Subject::Foreign(_)
                | Subject::Host(_)
                | Subject::Agent(_)
                | Subject::Skill { .. },
                _,
            ) => Match::No,
        }
    }

    /// Path rules have one name for all tools that read and one for all that write; `Bash` speaks of `Monitor`.
    fn is_tool(&self, name: &str, tightens: bool) -> bool {
        let tool = self.action.tool.as_str();
        let family = (name == "Read" && READERS.contains(&tool))
            || (name == "Edit" && WRITERS.contains(&tool))
            || (name == "Bash" && tool == "Monitor");
        // A server's name may hold `__` itself.
        let names_server = name.starts_with("mcp__") && (tightens || name.matches("__").count() == 1);
        family || stars(name, tool) || (names_server && tool.starts_with(&format!("{name}__")))
    }

    fn command_tightened(&self, forms: &[String], part: &Part) -> Match {
        let matches = |text: &String| forms.iter().any(|form| stars(form, text));
        if part.readings.iter().any(matches) {
            return Match::Yes;
        }
        let could = match part.program {
            Program::None => false,
            Program::Unknown => true,
            Program::Named(_) => part.readings.iter().any(|reading| self.could_become(forms, reading, &part.unknown)),
        };
        if could { Match::Perhaps } else { Match::No }
    }

    /// Returns true when a reading may match once its unknown words are known.
    fn could_become(&self, forms: &[String], reading: &str, unknown: &[String]) -> bool {
        let Some(first) = unknown.iter().filter_map(|word| reading.find(word.as_str())).min() else { return false };
        let open = match self.doubt {
            Doubt::Exact => unknown.iter().fold(reading.to_owned(), |text, word| text.replace(word.as_str(), "*")),
            Doubt::Coarse => {
                let last = unknown.iter().filter_map(|word| reading.find(word.as_str())).max().unwrap_or(first);
                format!("{}*", &reading[..last])
            }
        };
        forms.iter().any(|form| meet(form, &open) || (self.doubt == Doubt::Coarse && begins_alike(form, &open)))
    }

    fn path_tightened(&self, rule: &Rule, edit: bool, pattern: &super::path::Pattern, part: &Part) -> Match {
        let place = self.place();
        let named = |path: &AbsPath| self.names(path);
        let touched =
            part.touches.iter().filter(|touch| !edit || touch.access != Access::Read).map(|touch| {
                match &touch.target {
                    Target::Paths(paths) => {
                        let any = |test: &dyn Fn(&str) -> bool| {
                            paths.iter().any(|path| named(path).iter().any(|name| test(name)))
                        };
                        let hidden_by_client = touch.by == By::Tool && rule.shared;
                        let tree = touch.recursive
                            && !hidden_by_client
                            && paths.iter().any(|path| {
                                let directory =
                                    self.facts.resolved.get(path).is_some_and(|known| known.entry == Entry::Directory);
                                directory && named(path).iter().any(|name| pattern.could_lie_below(name, &place))
                            });
                        if any(&|name| {
                            pattern.covers(name, &place) || pattern.covers_in_any_case(name, &place)
                        }) {
                            Match::Yes
                        } else if tree || paths.iter().any(|path| self.unseen(path) && !touch.is_device()) {
                            Match::Perhaps
                        } else {
                            Match::No
                        }
                    }
                    Target::Pattern(text, bases) => {
                        let could = bases.iter().any(|base| {
                            self.unseen(base)
                                || named(base).iter().any(|name| match self.doubt {
                                    Doubt::Exact => pattern.meets(name, super::removal::below_stem(text), &place),
                                    Doubt::Coarse => pattern.could_lie_below(name, &place),
                                })
                        });
                        if could || bases.is_empty() { Match::Perhaps } else { Match::No }
                    }
                    Target::Unknown(_) => Match::Perhaps,
                }
            });
        let mentioned = part.mentions.iter().map(|path| {
            let covered = named(path).iter().any(|name| pattern.covers(name, &place));
            let least = if self.unseen(path) { Match::Perhaps } else { Match::No };
            Match::from(covered).max(least)
        });
        let known = touched.chain(mentioned).max().unwrap_or(Match::No);
        let open = part.program == Program::Unknown || (!part.unknown.is_empty() && !part.reads_only);
        if open { known.max(Match::Perhaps) } else { known }
    }

    fn allows(&self, rule: &Rule, part: &Part) -> bool {
        match (&rule.subject, &self.action.kind) {
            // A bare `Edit` approves changes of what is there, no new files.
            (Subject::Tool(name), _) => {
                let makes_new = matches!(self.action.tool.as_str(), "Write" | "NotebookEdit");
                self.is_tool(name, false) && !(name == "Edit" && makes_new)
            }
            (Subject::Command(forms), Kind::Command(_)) => {
                let exact = forms.len() == 1 && !forms[0].contains('*');
                let matches = part.allow_readings.iter().any(|text| forms.iter().any(|form| stars(form, text)));
                let strays =
                    |touch: &Touch| touch.by == By::Operand && !self.in_scope(touch) && !self.path_allowed(touch);
                matches
                    && part.program != Program::Unknown
                    && (exact || (!part.exact_only && !part.touches.iter().any(strays)))
            }
            (Subject::Path { edit, .. }, Kind::Read(_) | Kind::Edit(_)) => {
                (*edit || matches!(self.action.kind, Kind::Read(_)))
                    && part.touches.iter().all(|touch| self.rule_covers(rule, touch))
            }
            (Subject::Host(pattern), Kind::Fetch { url }) => {
                host::of_url(url).is_some_and(|host| host::covers(pattern, &host, false))
            }
            (Subject::Agent(name), Kind::Agent { agent_type }) => name == agent_type,
            (Subject::Skill { name, open }, Kind::Skill { skill }) => {
                skill == name || (*open && skill.starts_with(&format!("{name} ")))
            }
            (
                Subject::Command(_)
                | Subject::Foreign(_)
                | Subject::Path { .. }
                | Subject::Host(_)
                | Subject::Agent(_)
                | Subject::Skill { .. }
                | Subject::Field { .. },
                _,
            ) => false,
        }
    }

    fn path_allowed(&self, touch: &Touch) -> bool {
        self.rules.iter().any(|rule| rule.list == List::Allow && self.rule_covers(rule, touch))
    }

    /// An allow rule covers a touch when it covers every name of every path that it can mean.
    fn rule_covers(&self, rule: &rule::Rule, touch: &Touch) -> bool {
        let (Subject::Path { edit, pattern }, Target::Paths(paths)) = (&rule.subject, &touch.target) else {
            return false;
        };
        let place = self.place();
        let all = |path: &AbsPath| {
            self.facts.resolved.contains_key(path) && self.names(path).iter().all(|name| pattern.covers(name, &place))
        };
        (*edit || touch.access == Access::Read) && !paths.is_empty() && paths.iter().all(all)
    }
}

/// Returns true when the words before the first star of two patterns do not rule each other out.
fn begins_alike(left: &str, right: &str) -> bool {
    let head = |text: &str| text.split('*').next().unwrap_or_default().trim_end().to_owned();
    let (left, right) = (head(left), head(right));
    left.starts_with(&right) || right.starts_with(&left)
}
