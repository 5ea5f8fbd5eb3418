//! The verdict, step by step as the documentation has it.

use policy::action::Kind;
use policy::effects::{Access, By, Links, Part, Program, Target, Touch};
use policy::facts::{Entry, Facts, Person};
use policy::layer::{Layer, Scope, Sourced};
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

/// A condition that is no more than a doubt.
trait Doubtful {
    fn into_doubt(self) -> Match;
}

impl Doubtful for bool {
    fn into_doubt(self) -> Match {
        if self { Match::Perhaps } else { Match::No }
    }
}

impl From<bool> for Match {
    fn from(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// Decides.
pub(crate) fn evaluate(layers: &[Layer], action: &Action, effects: &Effects, facts: &Facts, doubt: Doubt) -> Verdict {
    let effects = &*effects.doubted(facts);
    let broken = layers.iter().any(|layer| layer.failure.is_some());
    let Some(rules) = in_force(layers, &facts.home).filter(|_| !broken) else { return Verdict::Deny };
    if matches!(action.kind, Kind::Malformed(_)) {
        return Verdict::Deny;
    }
    let reads_held = switch(layers, |layer| layer.reads_held.as_ref());
    let writes_held = switch(layers, |layer| layer.writes_held.as_ref());
    let call = Call { rules: &rules, mode: mode(layers, facts), action, facts, doubt, reads_held, writes_held };
    let verdict = match call.opaque(effects) {
        true => Verdict::Ask,
        false if effects.parts.is_empty() => Verdict::Ask,
        false => Verdict::Allow,
    };
    let mut parts: Vec<Judged> = Vec::new();
    for part in &effects.parts {
        let judged = call.part(part, part.runner.map(|runner| parts[runner]));
        parts.push(judged);
    }
    let verdict = parts.iter().map(|judged| judged.verdict).fold(verdict, Verdict::max);
    let unwanted = switch(layers, |layer| layer.deny_instead.as_ref()) || both_are_put(layers);
    let nobody = call.mode == Mode::DontAsk || facts.person == Person::Absent || unwanted;
    if verdict == Verdict::Ask && nobody { Verdict::Deny } else { verdict }
}

/// The modes that trusted files name, or those that others name; the highest file's first.
fn named(layers: &[Layer], trusted: bool) -> impl Iterator<Item = Mode> {
    let layers = layers.iter().rev().filter(move |layer| layer.trusted == trusted);
    layers.filter_map(|layer| layer.default_mode.as_ref()).map(|mode| mode.value)
}

fn is_strict(mode: &Mode) -> bool {
    *mode == Mode::Plan || *mode == Mode::DontAsk
}

fn own_mode(layers: &[Layer]) -> Mode {
    named(layers, true).next().unwrap_or(Mode::Default)
}

/// Where files that are not trusted put both of the strict modes, neither of which is the stricter, both hold.
fn both_are_put(layers: &[Layer]) -> bool {
    let put = |wanted: Mode| named(layers, false).any(|mode| mode == wanted);
    !is_strict(&own_mode(layers)) && put(Mode::Plan) && put(Mode::DontAsk)
}

/// The session's mode, else that of the settings: the highest trusted file's, in whose place any other
/// may only put one under which nothing passes that would ask.
fn mode(layers: &[Layer], facts: &Facts) -> Mode {
    let own = own_mode(layers);
    let theirs = if both_are_put(layers) { Some(Mode::Plan) } else { named(layers, false).find(is_strict) };
    let settled = if is_strict(&own) { own } else { theirs.unwrap_or(own) };
    let mode = facts.mode.unwrap_or(settled);
    let forbidden = layers.iter().any(|layer| layer.bypass_disabled.is_some());
    if mode == Mode::BypassPermissions && forbidden { Mode::Default } else { mode }
}

/// A limit is what the highest file says that may say it: a repository's file, and any file that is not
/// trusted, may only switch it on.
fn switch(layers: &[Layer], field: impl Fn(&Layer) -> Option<&Sourced<bool>>) -> bool {
    let counts =
        |layer: &Layer, on: bool| on || (layer.trusted && layer.scope != Scope::Project && layer.scope != Scope::Local);
    let mut values = layers.iter().rev().filter_map(|layer| field(layer).map(|written| (layer, written.value)));
    values.find(|(layer, on)| counts(layer, *on)).is_some_and(|(_, on)| on)
}

struct Call<'a> {
    rules: &'a [Rule],
    mode: Mode,
    action: &'a Action,
    facts: &'a Facts,
    doubt: Doubt,
    reads_held: bool,
    writes_held: bool,
}

/// A part with its verdict, and what that means for what it starts.
#[derive(Debug, Clone, Copy)]
struct Judged {
    verdict: Verdict,
    /// What it starts is allowed with it: by a rule that is one text, or by a pattern.
    opens: Option<bool>,
    /// What it starts is allowed by nothing else: it, or what started it, changes what is started, or is
    /// allowed by its exact text only.
    closed: bool,
}

impl Call<'_> {
    fn place(&self) -> Place<'_> {
        Place { project: &self.facts.project, cwd: &self.action.cwd }
    }

    fn tightens_anything(&self) -> bool {
        let tightens = |rule: &Rule| rule.list != List::Allow && self.could_cover(&rule.subject);
        self.reads_held || self.writes_held || self.rules.iter().any(tightens)
    }

    /// A rule about another tool can never speak of this call.
    fn could_cover(&self, subject: &Subject) -> bool {
        let tool = self.action.tool.as_str();
        match subject {
            Subject::Tool(name) => self.is_tool(name, true),
            Subject::Field { tool: name, .. } => self.is_tool(name, true),
            Subject::Servers { blocked, approved } => {
                stars(blocked, tool) && !approved.iter().any(|own| stars(own, tool))
            }
            Subject::Host(_) => tool == "WebFetch",
            Subject::Agent(_) => ["Agent", "Task"].contains(&tool),
            Subject::Skill { .. } => tool == "Skill",
            Subject::Command(..)
            | Subject::List(..)
            | Subject::Foreign(_)
            | Subject::Path { .. }
            | Subject::Directory(_) => true,
        }
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

    /// Judges a part, which another may start.
    fn part(&self, part: &Part, runner: Option<Judged>) -> Judged {
        let closed = runner.is_some_and(|runner| runner.closed);
        let started = |verdict| Judged { verdict, opens: None, closed: closed || part.exact_only || !part.clear };
        if let Some(verdict) = self.refused_or_asked(part) {
            return started(verdict);
        }
        if self.mode == Mode::BypassPermissions {
            return started(Verdict::Allow);
        }
        if self.is_protected(part) {
            return started(Verdict::Ask);
        }
        let by_rule = self.by_rule(part, runner);
        // What is allowed by itself passes on what it was started with.
        let opens = by_rule.flatten();
        let by_tool = self.rules.iter().any(|rule| {
            rule.list == List::Allow && matches!(rule.subject, Subject::Tool(_)) && self.allows(rule, part)
        });
        let started =
            |verdict| Judged { closed: started(verdict).closed && !(by_tool && by_rule.is_some()), ..started(verdict) };
        if self.passes_by_itself(part) {
            return Judged { opens, ..started(Verdict::Allow) };
        }
        // Of a server's tool nobody knows that it only reads.
        let may_change =
            matches!(self.action.kind, Kind::Command(_) | Kind::ForeignCommand(_) | Kind::Mcp { .. } | Kind::Edit(_));
        if self.mode == Mode::Plan && may_change && !part.reads_only {
            return started(Verdict::Ask);
        }
        let opened = runner.is_some_and(|runner| runner.opens.is_some());
        if by_rule.is_none() || (closed && !opened) {
            return started(Verdict::Ask);
        }
        Judged { opens, ..started(Verdict::Allow) }
    }

    /// Returns, for what a rule allows, how what it starts is allowed with it: what changes nothing about what
    /// it starts passes on no more than a rule that is one text, be it the rule of what started the part or
    /// one of its own.
    fn by_rule(&self, part: &Part, runner: Option<Judged>) -> Option<Option<bool>> {
        let passed_on = |exact: bool| (!part.clear || exact).then_some(exact);
        match runner.and_then(|runner| runner.opens) {
            Some(exact) => Some(passed_on(exact).or_else(|| self.by_own_rule(part, passed_on).flatten())),
            None => self.by_own_rule(part, passed_on),
        }
    }

    fn by_own_rule(&self, part: &Part, passed_on: impl Fn(bool) -> Option<bool>) -> Option<Option<bool>> {
        let led = part.touches.iter().any(|touch| self.changed_through_a_link(touch));
        let beside = part.touches.iter().any(|touch| self.written_beside_the_rule(touch));
        let counts = |rule: &&Rule| !beside || matches!(rule.subject, Subject::Tool(_));
        let rules = self.rules.iter().filter(|rule| rule.list == List::Allow && self.allows(rule, part));
        let rules = rules.filter(counts);
        let exact = |rule: &Rule| matches!(rule.subject, Subject::Command(..)) && rule.is_exact();
        // A whole tool opens nothing: what is started is asked of it by itself.
        let opens = |rule: &Rule| if matches!(rule.subject, Subject::Tool(_)) { None } else { passed_on(exact(rule)) };
        let how = rules.map(opens).reduce(Option::or);
        how.filter(|_| !led)
    }

    /// What comes before every permission.
    fn refused_or_asked(&self, part: &Part) -> Option<Verdict> {
        let (deny, ask) = (self.strongest(part, List::Deny), self.strongest(part, List::Ask));
        if part.forbidden.is_some() || deny == Match::Yes {
            return Some(Verdict::Deny);
        }
        if let Some(verdict) = self.held(part) {
            return Some(verdict);
        }
        if ask == Match::Yes || deny == Match::Perhaps || ask == Match::Perhaps {
            return Some(Verdict::Ask);
        }
        if part.touches.iter().any(|touch| is_critical(touch, self.action, self.facts)) {
            return Some(Verdict::Ask);
        }
        let hidden = part.suspicious.is_some() || part.program == Program::Unknown;
        let waived = self.mode == Mode::BypassPermissions && !self.tightens_anything();
        (hidden && !waived).then_some(Verdict::Ask)
    }

    /// The limits to the working directories: a file tool is refused outside of them, and a command asks
    /// where it touches something outside or where that is not known.
    fn held(&self, part: &Part) -> Option<Verdict> {
        let verdict = match self.action.kind {
            Kind::Read(_) | Kind::Edit(_) => Verdict::Deny,
            Kind::Command(_) | Kind::ForeignCommand(_) => Verdict::Ask,
            Kind::Fetch { .. }
            | Kind::Agent { .. }
            | Kind::Skill { .. }
            | Kind::Mcp { .. }
            | Kind::Other
            | Kind::Malformed(_) => return None,
        };
        let leaves = part.touches.iter().any(|touch| {
            let held = if touch.access <= Access::Read { self.reads_held } else { self.writes_held };
            held && !touch.is_device() && !self.in_scope(touch)
        });
        let any = self.reads_held || self.writes_held;
        let open = any && !part.unknown.is_empty() && !part.reads_only;
        let named = any && part.mentions.iter().any(|path| !self.leads_inside(path));
        (leaves || open || named).then_some(verdict)
    }

    /// A path that nobody could look at may lead anywhere.
    fn unseen(&self, path: &AbsPath) -> bool {
        !self.facts.resolved.contains_key(path)
    }

    fn is_protected(&self, part: &Part) -> bool {
        let mut written = part.touches.iter().filter(|touch| touch.access > Access::Read && !touch.is_device());
        if written.any(|touch| touch.target.paths().any(|path| self.unseen(path))) {
            return true;
        }
        let named =
            part.mentions.iter().any(|path| self.unseen(path) || self.names(path).iter().any(|name| protected(name)));
        named
            || part.touches.iter().filter(|touch| touch.access > Access::Read).any(|touch| match &touch.target {
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
                (part.reads_only && part.touches.iter().all(readable))
                    || (part.edits_only && scoped && accepts && !self.runs_later(part))
                    || (part.edits_only
                        && !part.touches.is_empty()
                        && part.touches.iter().all(|touch| self.redirected(touch)))
            }
            Kind::Read(_) => scoped,
            Kind::Edit(_) => scoped && accepts && !self.runs_later(part),
            Kind::Agent { .. } => true,
            Kind::Other => ["TodoWrite", "EndConversation"].contains(&self.action.tool.as_str()),
            Kind::ForeignCommand(_)
            | Kind::Fetch { .. }
            | Kind::Skill { .. }
            | Kind::Mcp { .. }
            | Kind::Malformed(_) => false,
        }
    }

    /// A redirection by itself wants a rule for the file and none for a command; what is read in scope wants none.
    fn redirected(&self, touch: &Touch) -> bool {
        let reads = touch.access == Access::Read;
        let writes = touch.by == By::Redirect && self.mode != Mode::Plan;
        touch.is_device() || (reads && self.in_scope(touch)) || ((reads || writes) && self.path_allowed(touch))
    }

    /// A rule for a command does not cover what its redirections write; one for the whole tool does.
    fn written_beside_the_rule(&self, touch: &Touch) -> bool {
        touch.by == By::Redirect
            && touch.access > Access::Read
            && !touch.is_device()
            && !self.path_allowed(touch)
            && !(self.mode == Mode::AcceptEdits && self.in_scope(touch) && !self.is_run_later(touch))
    }

    /// No rule but one for the path covers a change to what lies in a working directory only by its name.
    fn changed_through_a_link(&self, touch: &Touch) -> bool {
        let inside = |path: &AbsPath| {
            self.facts.working_directories.iter().any(|directory| below(path.as_str(), directory.as_str()).is_some())
        };
        let led = |path: &AbsPath| inside(path) && !self.unseen(path) && !self.leads_inside(path);
        touch.access > Access::Read && touch.target.paths().any(led) && !self.path_allowed(touch)
    }

    fn runs_later(&self, part: &Part) -> bool {
        part.touches.iter().any(|touch| self.is_run_later(touch))
    }

    /// Returns true when a touch changes what somebody else runs later: by one of its names, or, where it
    /// writes what a pattern matches, by a name that this may be.
    fn is_run_later(&self, touch: &Touch) -> bool {
        if touch.access <= Access::Read {
            return false;
        }
        match &touch.target {
            Target::Paths(paths) => {
                paths.iter().any(|path| self.names(path).iter().any(|name| super::executed::named(name)))
            }
            Target::Pattern(pattern, bases) => {
                let rest = super::removal::below_stem(pattern);
                let coarse = self.doubt == Doubt::Coarse;
                let met = |base: &AbsPath| self.names(base).iter().any(|name| super::executed::met(name, rest, coarse));
                touch.access == Access::Write && bases.iter().any(met)
            }
            Target::Unknown(_) => false,
        }
    }

    /// Every name of a path: as written, the links on the way, and where it leads.
    fn names(&self, path: &AbsPath) -> Vec<String> {
        let resolved = self.facts.resolved.get(path);
        let further = resolved.into_iter().flat_map(|resolved| resolved.hops.iter().chain([&resolved.real]));
        [path].into_iter().chain(further).map(|name| name.as_str().to_owned()).collect()
    }

    /// The links among the paths that were looked at, and where each leads.
    fn links(&self) -> impl Iterator<Item = (&AbsPath, &AbsPath)> {
        let all = self.facts.resolved.iter().map(|(written, resolved)| (written, &resolved.real));
        all.filter(|(written, real)| written != real)
    }

    /// Every name under which a rule that tightens may know a path: also the names that it has through a
    /// link, and in doubt through several.
    fn known_names(&self, path: &AbsPath) -> Vec<String> {
        let mut names = self.names(path);
        let own = names.clone();
        for (link, real) in self.links() {
            let from = if self.doubt == Doubt::Exact { own.clone() } else { names.clone() };
            let through = from.iter().filter_map(|name| below(name, real.as_str()));
            names.extend(through.map(|rest| link.join(&rest).as_str().to_owned()));
        }
        names
    }

    /// The same for what lies below a directory: links that lead below it name it too.
    fn known_names_below(&self, path: &AbsPath) -> Vec<String> {
        let links = self.links().filter(|(_, real)| below(real.as_str(), path.as_str()).is_some());
        let links: Vec<String> = links.map(|(link, _)| link.as_str().to_owned()).collect();
        self.known_names(path).into_iter().chain(links).collect()
    }

    fn leads_inside(&self, path: &AbsPath) -> bool {
        self.facts.resolved.get(path).is_some_and(|resolved| {
            let inside = |directory: &AbsPath| below(resolved.real.as_str(), directory.as_str()).is_some();
            self.facts.working_directories.iter().any(inside)
        })
    }

    /// Returns true when all that a touch can mean leads into a working directory.
    fn in_scope(&self, touch: &Touch) -> bool {
        let inside = |path: &AbsPath| self.leads_inside(path);
        if goes_through_links(touch) {
            return false;
        }
        match &touch.target {
            Target::Paths(paths) => !paths.is_empty() && paths.iter().all(inside),
            Target::Pattern(pattern, bases) => !pattern.contains("..") && !bases.is_empty() && bases.iter().all(inside),
            Target::Unknown(_) => false,
        }
    }

    fn tightened(&self, rule: &Rule, part: &Part) -> Match {
        match (&rule.subject, &self.action.kind) {
            (Subject::Tool(name), _) => self.is_tool(name, true).into(),
            (Subject::Command(_, true), _) if self.action.tool != "Monitor" => Match::No,
            (Subject::Command(forms, _), Kind::Command(_)) => self.command_tightened(forms, part),
            (Subject::List(_, true, _), _) if self.action.tool != "Monitor" => Match::No,
            (Subject::List(forms, _, lines), Kind::Command(command)) => {
                let line = super::text::spaced_operators(&command.text);
                let whole = lines.iter().any(|own| stars(own, &line));
                self.command_tightened(forms, part).max(whole.into())
            }
            (Subject::Foreign(forms), Kind::ForeignCommand(_)) => self.foreign_tightened(forms, part),
            (Subject::Path { edit, pattern }, _) => self.path_tightened(rule, *edit, pattern, part),
            (Subject::Host(pattern), Kind::Fetch { url }) => match host::of_url(url) {
                Some(host) => host::covers(pattern, &host, true).into(),
                None if pattern == "*" => Match::Yes,
                None if host::behind_user(url).is_some_and(|host| host::covers(pattern, &host, true)) => Match::Yes,
                None => Match::Perhaps,
            },
            (Subject::Agent(names), Kind::Agent { agent_type }) => {
                names.iter().any(|name| stars(name, agent_type)).into()
            }
            (Subject::Directory(pattern), _) => self.changes_to(pattern).into(),
            (Subject::Servers { blocked, approved }, _) => {
                let tool = self.action.tool.as_str();
                (stars(blocked, tool) && !approved.iter().any(|own| stars(own, tool))).into()
            }
            // A rule that names a skill means it with any arguments.
            (Subject::Skill { name, .. }, Kind::Skill { skill }) => {
                (skill == name || skill.starts_with(&format!("{name} "))).into()
            }
            (Subject::Field { tool, name, value }, _) => {
                let mut fields = self.action.params.iter();
                (self.is_tool(tool, false) && fields.any(|(field, given)| field == name && stars(value, given))).into()
            }
            (
                Subject::Command(..)
                | Subject::List(..)
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
        if tool == "EndConversation" {
            return name == tool;
        }
        let family = (name == "Read" && READERS.contains(&tool))
            || (name == "Edit" && WRITERS.contains(&tool))
            || (name == "Bash" && tool == "Monitor");
        // A server's name may hold `__` itself.
        let names_server = name.starts_with("mcp__") && (tightens || name.matches("__").count() == 1);
        family || stars(name, tool) || (names_server && tool.starts_with(&format!("{name}__")))
    }

    /// `Cd` says in a field where it goes; the whole directory must match.
    fn changes_to(&self, pattern: &super::path::Pattern) -> bool {
        let mut fields = self.action.params.iter();
        self.action.tool == "Cd"
            && fields.any(|(_, value)| pattern.is(self.action.cwd.join(value).as_str(), &self.place()))
    }

    /// Of PowerShell the case does not count; what was not found as a command may stand in the text.
    fn foreign_tightened(&self, forms: &[String], part: &Part) -> Match {
        let forms = super::text::any_name(forms);
        let found = self.command_tightened(&forms, part);
        let lower = part.text.to_lowercase();
        let mut pieces = lower.split(['|', ';', '&', '\n', '{', '}', '(', ')']);
        let stands = pieces.any(|piece| forms.iter().any(|form| stars(form, piece.trim())));
        if found == Match::Perhaps && stands { Match::Yes } else { found }
    }

    fn command_tightened(&self, forms: &[String], part: &Part) -> Match {
        let matches = |text: &String| forms.iter().any(|form| stars(form, text));
        let meaning = match forms {
            [stem] => policy::Meaning::of_rule(stem, false),
            [stem, _] => policy::Meaning::of_rule(stem, true),
            _ => None,
        };
        let means = meaning.zip(part.meant.as_ref()).map_or(policy::Means::No, |(rule, meant)| rule.covers(meant));
        if means == policy::Means::Yes || part.readings.iter().any(matches) {
            return Match::Yes;
        }
        if means == policy::Means::Perhaps {
            return Match::Perhaps;
        }
        if part.beyond_limits || part.may_run.iter().any(matches) {
            return Match::Perhaps;
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
        let touches = part.touches.iter().filter(|touch| !edit || touch.access > Access::Read);
        let touched = touches.map(|touch| match self.touch_tightened(rule, pattern, touch) {
            // What only looks at a name does not read what the rule is about.
            Match::Yes if touch.access == Access::Look => Match::Perhaps,
            met => met,
        });
        let mentioned = part.mentions.iter().map(|path| {
            let covered = self.known_names(path).iter().any(|name| pattern.covers(name, &place));
            let least = if self.unseen(path) { Match::Perhaps } else { Match::No };
            Match::from(covered).max(least)
        });
        let in_a_text = part
            .may_name
            .iter()
            .map(|path| self.known_names(path).iter().any(|name| pattern.covers(name, &place)).into_doubt());
        let known = touched.chain(mentioned).chain(in_a_text).max().unwrap_or(Match::No);
        // Nothing is documented of `Read` and the tool that edits notebooks.
        let notebook = self.action.tool == "NotebookEdit" && !edit;
        let known = if notebook { known.min(Match::Perhaps) } else { known };
        let open =
            part.program == Program::Unknown || part.beyond_limits || (!part.unknown.is_empty() && !part.reads_only);
        if open { known.max(Match::Perhaps) } else { known }
    }

    fn touch_tightened(&self, rule: &Rule, pattern: &super::path::Pattern, touch: &Touch) -> Match {
        let through_links = goes_through_links(touch).into_doubt();
        let itself = match &touch.target {
            Target::Paths(paths) => {
                let hidden_by_client = touch.by == By::Tool && rule.shared;
                let whole = touch.recursive && !hidden_by_client;
                paths
                    .iter()
                    .map(|path| {
                        // Who removes a tree reads nothing in it.
                        let removes =
                            matches!(rule.subject, Subject::Path { edit: false, .. }) && touch.access == Access::Delete;
                        self.path_met(pattern, path, (whole, removes), touch.is_device())
                    })
                    .max()
                    .unwrap_or(Match::No)
            }
            Target::Pattern(text, bases) if bases.is_empty() => {
                debug_assert!(!text.is_empty());
                Match::Perhaps
            }
            Target::Pattern(text, bases) => {
                bases.iter().map(|base| self.glob_met(pattern, text, base, touch.recursive)).max().unwrap_or(Match::No)
            }
            Target::Unknown(_) => Match::Perhaps,
        };
        itself.max(through_links)
    }

    /// A path is known by any of its names. Of a directory that is meant as a whole, what lies below counts:
    /// what was found, and where not everything was looked at, what may be there.
    fn path_met(
        &self,
        pattern: &super::path::Pattern,
        path: &AbsPath,
        (whole, removes): (bool, bool),
        device: bool,
    ) -> Match {
        let place = self.place();
        let named = |path: &AbsPath, test: &dyn Fn(&str) -> bool| self.known_names(path).iter().any(|name| test(name));
        let below = self.facts.found_below.get(path).filter(|_| whole);
        let mut found = below.into_iter().flat_map(|below| &below.files);
        let holds = found.any(|path| named(path, &|name| pattern.covers(name, &place)));
        if (holds && !removes) || named(path, &|name| pattern.covers(name, &place)) {
            return Match::Yes;
        }
        // Some file systems take letters of another case for the same name.
        if named(path, &|name| pattern.covers_in_any_case(name, &place)) {
            return Match::Yes;
        }
        let directory = self.facts.resolved.get(path).is_some_and(|known| known.entry == Entry::Directory);
        let searched = below.is_some_and(|below| below.complete);
        let inside = |name: &String| pattern.could_lie_below(name, &place);
        let tree = whole && directory && !searched && self.known_names_below(path).iter().any(inside);
        (tree || holds || (self.unseen(path) && !device)).into_doubt()
    }

    /// What a shell's pattern could name is refused. What it could name in another shell, or where `..` or
    /// quoted letters stand in it, is in doubt, and so is what lies below where everything there is meant.
    fn glob_met(&self, pattern: &super::path::Pattern, text: &str, base: &AbsPath, recursive: bool) -> Match {
        let place = self.place();
        let rest = super::removal::below_stem(text);
        let climbs = rest.split('/').any(|segment| segment == "..");
        let ours = matches!(self.action.kind, Kind::Command(_)) && !rest.contains(['\\', '(']) && !climbs;
        let coarse = self.doubt == Doubt::Coarse;
        let names = self.known_names(base);
        if ours && names.iter().any(|name| pattern.meets(name, rest, coarse, &place)) {
            return Match::Yes;
        }
        let doubtful = climbs
            || names.iter().any(|name| {
                let lower = pattern.meets_in_any_case(name, rest, &place);
                lower || (!ours && pattern.meets(name, rest, coarse, &place))
            })
            || (recursive && names.iter().any(|name| pattern.meets_below(name, rest, &place)))
            || (coarse && self.known_names_below(base).iter().any(|name| pattern.could_lie_below(name, &place)));
        (doubtful || self.unseen(base)).into_doubt()
    }

    fn allows(&self, rule: &Rule, part: &Part) -> bool {
        match (&rule.subject, &self.action.kind) {
            // A bare `Edit` approves changes of what is there, no new files.
            (Subject::Tool(name), _) => {
                let makes_new = matches!(self.action.tool.as_str(), "Write" | "NotebookEdit");
                // Nor does a bare `Bash` speak of what is run later.
                let runs = matches!(self.action.kind, Kind::Command(_));
                let later = |touch: &Touch| self.is_run_later(touch) && !self.path_allowed(touch);
                self.is_tool(name, false) && !(name == "Edit" && makes_new) && !(runs && part.touches.iter().any(later))
            }
            (Subject::Command(_, true), _) if self.action.tool != "Monitor" => false,
            (Subject::Command(forms, _), Kind::Command(_)) => {
                let named = part.program != Program::Unknown;
                named && !part.aside && (rule.is_exact() || !part.exact_only) && self.command_allowed(rule, forms, part)
            }
            (Subject::Foreign(forms), Kind::ForeignCommand(_)) => {
                let named = matches!(part.program, Program::Named(_));
                named && self.command_allowed(rule, &super::text::own_names(forms), part)
            }
            (Subject::Path { edit, .. }, Kind::Read(_) | Kind::Edit(_)) => {
                (*edit || matches!(self.action.kind, Kind::Read(_)))
                    && part.touches.iter().all(|touch| self.rule_covers(rule, touch))
            }
            (Subject::Host(pattern), Kind::Fetch { url }) => {
                host::of_url(url).is_some_and(|host| host::covers(pattern, &host, false))
            }
            (Subject::Agent(names), Kind::Agent { agent_type }) => names.contains(agent_type),
            (Subject::Directory(pattern), _) => self.changes_to(pattern),
            (Subject::Skill { name, open }, Kind::Skill { skill }) => {
                skill == name || (*open && skill.starts_with(&format!("{name} ")))
            }
            (
                Subject::Command(..)
                | Subject::List(..)
                | Subject::Foreign(_)
                | Subject::Path { .. }
                | Subject::Host(_)
                | Subject::Agent(_)
                | Subject::Skill { .. }
                | Subject::Servers { .. }
                | Subject::Field { .. },
                _,
            ) => false,
        }
    }

    /// A rule with a wildcard was written with the project in mind: it covers nothing outside of it, and no
    /// change to what is run later. No rule for a command speaks of a file that it is fed from outside.
    fn command_allowed(&self, rule: &Rule, forms: &[String], part: &Part) -> bool {
        let strays = |touch: &Touch| {
            let outside = touch.by == By::Operand && !self.in_scope(touch);
            (outside || self.is_run_later(touch)) && !self.path_allowed(touch)
        };
        let is_fed = |touch: &Touch| {
            let reads = touch.by == By::Redirect && touch.access == Access::Read && !touch.is_device();
            reads && !self.in_scope(touch) && !self.path_allowed(touch)
        };
        let ours = matches!(rule.subject, Subject::Command(..));
        let is_hidden = part.unknown.iter().any(|word| word != "the words that xargs appends");
        part.allow_readings.iter().any(|text| forms.iter().any(|form| stars(form, text)))
            && (rule.is_exact() || !(is_hidden || part.touches.iter().any(strays)))
            && !(ours && part.touches.iter().any(is_fed))
    }

    fn path_allowed(&self, touch: &Touch) -> bool {
        self.rules.iter().any(|rule| rule.list == List::Allow && self.rule_covers(rule, touch))
    }

    /// An allow rule covers a touch when it covers every name of every path that it can mean.
    fn rule_covers(&self, rule: &rule::Rule, touch: &Touch) -> bool {
        let Subject::Path { edit, pattern } = &rule.subject else { return false };
        let place = self.place();
        let all = |path: &AbsPath| {
            self.facts.resolved.contains_key(path) && self.names(path).iter().all(|name| pattern.covers(name, &place))
        };
        // Whoever may edit a file may read it with the file tools.
        let right =
            if *edit { touch.access > Access::Read || touch.by == By::Tool } else { touch.access <= Access::Read };
        right
            && match &touch.target {
                Target::Paths(paths) => !paths.is_empty() && paths.iter().all(all),
                // Where everything may be read it need not be known what is.
                Target::Pattern(..) | Target::Unknown(_) => touch.access <= Access::Read && pattern.is_everything(),
            }
    }
}

/// Returns what stands behind a directory in a path that lies in it.
fn below(path: &str, directory: &str) -> Option<String> {
    let (path, directory) =
        (format!("{}/", path.trim_end_matches('/')), format!("{}/", directory.trim_end_matches('/')));
    path.strip_prefix(&directory).map(|rest| rest.trim_matches('/').to_owned())
}

/// Returns true when the words before the first star of two patterns do not rule each other out.
fn begins_alike(left: &str, right: &str) -> bool {
    let head = |text: &str| text.split('*').next().unwrap_or_default().trim_end().to_owned();
    let (left, right) = (head(left), head(right));
    left.starts_with(&right) || right.starts_with(&left)
}

/// Returns true where links may lead from what is touched to anywhere: nothing here says which there are.
fn goes_through_links(touch: &Touch) -> bool {
    match (touch.links, &touch.target) {
        (Links::Below, Target::Paths(_) | Target::Pattern(..)) => true,
        (Links::Matched, Target::Pattern(pattern, _)) => pattern.ends_with("/**"),
        (Links::None, _) | (Links::Matched, Target::Paths(_)) | (_, Target::Unknown(_)) => false,
    }
}
