//! The verdict on one part.

use super::boundary::Confinement;
use super::candidates::Candidates;
use super::rules::{self, Cover};
use super::{advice, part_proof, scope};
use crate::action::{Action, Kind};
use crate::command::CommandPattern;
use crate::effects::{Access, By, Effects, Part, Program, Touch};
use crate::facts::{Facts, Removal};
use crate::layer::{Scope, Sourced};
use crate::limits;
use crate::mode::Mode;
use crate::proof::{Effect, PartProof, Proof, RuleRef, Verdict, shown};
use crate::rule::{List, Matcher, Policy, Rule};
use shell::Span;

/// Tools that ask nobody: they change nothing outside the conversation.
const QUIET_TOOLS: &[&str] = &[
    "Agent",
    "AskUserQuestion",
    "BashOutput",
    "CronList",
    "EndConversation",
    "EnterPlanMode",
    "KillShell",
    "ListMcpResourcesTool",
    "TaskOutput",
    "TaskStop",
    "TodoWrite",
    "ToolSearch",
];

/// What a part is judged by.
pub(super) struct Judge<'a> {
    pub(super) policy: &'a Policy,
    pub(super) action: &'a Action,
    pub(super) facts: &'a Facts,
    pub(super) mode: Mode,
    /// True when the call runs inside the boundary.
    pub(super) is_inside: bool,
}

/// A part with its verdict.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) text: String,
    pub(super) span: Option<Span>,
    pub(super) starter: Option<usize>,
    pub(super) effects: Vec<Effect>,
    pub(super) removals: Vec<Removal>,
    pub(super) verdict: Verdict,
    pub(super) reason: String,
    pub(super) rule: Option<RuleRef>,
    pub(super) hint: Option<String>,
    /// Allow rules that would turn it, where rules are all that is missing.
    pub(super) rules: Vec<String>,
    shadowed: Vec<(RuleRef, String)>,
    /// The rule that allows what it starts with it, if one does.
    allows_inner: Option<RuleRef>,
    /// True when no rule for what it starts allows that.
    keeps_inner: bool,
}

impl Judged {
    /// Orders parts by whose reason is told: the strictest, and among equals one that a rule decided.
    pub(super) fn rank(&self) -> (Verdict, bool) {
        (self.verdict, self.rule.is_some())
    }
}

/// A verdict in the making.
struct Finding {
    verdict: Verdict,
    reason: String,
    rule: Option<RuleRef>,
    hint: Option<String>,
    /// Allow rules that would turn a question nobody's rule asks.
    rules: Vec<String>,
}

impl Finding {
    fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self { verdict, reason: reason.into(), rule: None, hint: None, rules: Vec::new() }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn by(verdict: Verdict, rule: &RuleRef, how: &str) -> Self {
        let place = rule.origin.place();
        let text = secrets::redact(&rule.text).text;
        let hint = match rule.list {
            List::Deny => format!("narrow or remove `{text}` at {place}; no allow rule opens a deny"),
            List::Ask => format!("answer the question, or narrow `{text}` at {place}"),
            List::Allow => format!("remove `{text}` at {place} to be asked, or deny it to refuse it"),
        };
        let reason = format!("{how} {} rule `{text}` ({place})", rule.list.name());
        Self { verdict, reason, rule: Some(rule.clone()), hint: Some(hint), rules: Vec::new() }
    }
}

/// Returns true for a rule about commands that is a pattern.
fn is_wide(rule: &Rule) -> bool {
    match &rule.matcher {
        Matcher::Command(pattern) | Matcher::ForeignCommand(pattern) => !pattern.is_exact(),
        Matcher::Tool(_)
        | Matcher::Path { .. }
        | Matcher::Domain(_)
        | Matcher::Agent(_)
        | Matcher::Cd(_)
        | Matcher::Skill { .. }
        | Matcher::Parameter { .. } => false,
    }
}

/// Returns true for a rule that is one command text and no pattern.
fn is_exact(rule: &Rule) -> bool {
    rule.matcher.command().is_some_and(CommandPattern::is_exact)
}

/// Returns a word that is only known when the part runs, under a rule with a wildcard: it could be any option and
/// any number of words, and whoever wrote the rule meant those that stand in the command.
fn hidden<'p>(rule: &Rule, part: &'p Part) -> Option<&'p str> {
    is_wide(rule).then(|| part.word_to_come()).flatten()
}

/// Returns a text as a reason quotes it.
pub(super) fn quoted(text: &str) -> String {
    if text.trim().is_empty() {
        return "the empty command".to_owned();
    }
    let mut short: String = text.chars().take(limits::QUOTED_CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    let plain: String = short.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("`{}`", shown(&plain))
}

impl Judge<'_> {
    /// Judges one part, which `runner` may start, and which may start others itself.
    pub(super) fn part(&self, part: &Part, runner: Option<&Judged>, starts: bool) -> Judged {
        let candidates = Candidates::of(self.policy, self.action, part, self.facts);
        let finding = self.finding(part, &candidates, runner);
        let shadowed = self.shadowed(part, &candidates, finding.rule.as_ref());
        let by_rule = Some(&finding).filter(|finding| starts && finding.verdict == Verdict::Allow).and_then(|_| {
            let by_rule = self.allowed_with(part, runner).or_else(|| self.allowed(part, &candidates))?;
            by_rule.rule.filter(|rule| by_rule.verdict == Verdict::Allow && rule.list == List::Allow)
        });
        // Who allows a whole tool allows what is started no less, and no more: what is run later still asks.
        let first_by_tool = by_rule.as_ref().is_some_and(|rule| self.is_whole_tool(rule));
        let by_tool = by_rule.is_some()
            && self.changes_executed(part).is_none()
            && self.allow_rules().any(|rule| {
                matches!(rule.matcher, Matcher::Tool(_)) && rules::allows(rule, self.action, part, self.facts)
            });
        let allowing = |wanted: &dyn Fn(&Rule) -> bool| {
            let mut rules = candidates.certain_of(List::Allow);
            let found = rules.find(|rule| {
                wanted(rule)
                    && rules::allows(rule, self.action, part, self.facts)
                    && self.beyond(rule, part).is_none()
                    && hidden(rule, part).is_none()
                    && self.open_redirection(part).is_none()
            });
            found.map(|rule| rule.reference.clone())
        };
        // What a wrapper starts is another command; only who wrote both down allows both.
        let opening = match (&by_rule, part.clear) {
            (None, _) => None,
            (Some(_), true) => allowing(&is_exact).or_else(|| self.written_down(runner)),
            (Some(_), false) if first_by_tool => allowing(&|rule| !matches!(rule.matcher, Matcher::Tool(_))),
            (Some(rule), false) => Some(rule.clone()),
        };
        let changes = !part.clear || part.exact_only;
        Judged {
            keeps_inner: !by_tool && (changes || runner.is_some_and(|runner| runner.keeps_inner)),
            allows_inner: opening,
            text: part.text.clone(),
            span: part.span,
            starter: part.runner,
            effects: part.effects(),
            removals: Vec::new(),
            verdict: finding.verdict,
            reason: finding.reason,
            rule: finding.rule,
            hint: finding.hint,
            rules: finding.rules,
            shadowed,
        }
    }

    /// The steps, in order; see the module above.
    fn finding(&self, part: &Part, candidates: &Candidates<'_>, runner: Option<&Judged>) -> Finding {
        self.forbidden(part)
            .or_else(|| self.denied(part, candidates))
            .or_else(|| self.outside(part))
            .or_else(|| self.asked(part, candidates))
            .or_else(|| self.sticky(part, candidates))
            .or_else(|| self.bypassed())
            .or_else(|| self.protected(part))
            .or_else(|| self.built_in(part))
            .or_else(|| self.only_read(part))
            .unwrap_or_else(|| self.by_allow_rules(part, candidates, runner))
    }

    /// What allow rules say; where the settings accept whatever runs inside the boundary, no question is left.
    fn by_allow_rules(&self, part: &Part, candidates: &Candidates<'_>, runner: Option<&Judged>) -> Finding {
        let found = self
            .allowed_with(part, runner)
            .or_else(|| self.wants_runner(part, runner))
            .or_else(|| self.allowed(part, candidates));
        match (found, self.accepted_inside()) {
            (Some(finding), _) if finding.verdict == Verdict::Allow => finding,
            (Some(_) | None, Some(switch)) => {
                let place = switch.origin.place();
                let why = "runs inside the boundary, which `sandbox.autoAllowBashIfSandboxed`";
                Finding::new(Verdict::Allow, format!("{} {why} ({place}) accepts", quoted(&part.text)))
                    .hint("add a rule with a pattern to `permissions.ask` to be asked")
            }
            (Some(finding), None) => finding,
            (None, None) => self.unmatched(part),
        }
    }

    /// Returns the switch by which a command that runs inside the boundary needs no allow rule.
    fn accepted_inside(&self) -> Option<&Sourced<bool>> {
        self.policy.sandbox.auto_allow.as_ref().filter(|switch| switch.value && self.is_inside)
    }

    /// Returns true for an ask rule about every command that gives way to the switch: the administrator's does only
    /// to his own.
    fn gives_way(&self, rule: &Rule) -> bool {
        let is_bare = matches!(&rule.matcher, Matcher::Tool(name) if ["Bash", "Monitor"].contains(&name.as_str()));
        let outranks = |switch: &Sourced<bool>| {
            rule.reference.origin.scope != Scope::Managed || switch.origin.scope == Scope::Managed
        };
        is_bare && self.mode != Mode::Plan && self.accepted_inside().is_some_and(outranks)
    }

    fn forbidden(&self, part: &Part) -> Option<Finding> {
        part.forbidden.as_ref().map(|why| Finding::new(Verdict::Deny, format!("{}: {why}", quoted(&part.text))))
    }

    /// Returns the first rule of a list that covers the part certainly.
    fn covered<'c>(&self, part: &Part, candidates: &Candidates<'c>, list: List) -> Option<&'c RuleRef> {
        candidates
            .certain_of(list)
            .filter(|rule| list != List::Ask || !self.gives_way(rule))
            .find(|rule| rules::tightens(rule, self.action, part, self.facts) == Cover::Certain)
            .map(|rule| &rule.reference)
    }

    fn denied(&self, part: &Part, candidates: &Candidates<'_>) -> Option<Finding> {
        let rule = self.covered(part, candidates, List::Deny)?;
        Some(Finding::by(Verdict::Deny, rule, &format!("{} is denied by the", quoted(&part.text))))
    }

    fn asked(&self, part: &Part, candidates: &Candidates<'_>) -> Option<Finding> {
        let rule = self.covered(part, candidates, List::Ask)?;
        Some(Finding::by(Verdict::Ask, rule, &format!("{} asks by the", quoted(&part.text))))
    }

    /// What asks whatever is allowed.
    fn sticky(&self, part: &Part, candidates: &Candidates<'_>) -> Option<Finding> {
        let quoted = quoted(&part.text);
        let critical = part.touches.iter().find_map(|touch| scope::critical_removal(touch, self.action, self.facts));
        if let Some(why) = critical {
            return Some(
                Finding::new(Verdict::Ask, format!("{quoted}: {why}"))
                    .hint("no rule or mode approves this; name a narrower path"),
            );
        }
        for list in [List::Deny, List::Ask] {
            let possible = |rule: &Rule| {
                !(list == List::Ask && self.gives_way(rule))
                    && rules::tightens(rule, self.action, part, self.facts) >= Cover::Possible
            };
            if let Some(rule) = candidates.first_possible(list, possible).map(|rule| &rule.reference) {
                let how = format!("{quoted} is not known well enough to say that it escapes the");
                return Some(Finding {
                    verdict: Verdict::Ask,
                    hint: Some("write the command without words that are only known when it runs".to_owned()),
                    ..Finding::by(Verdict::Ask, rule, &how)
                });
            }
        }
        // Bypassing is the person's word that nothing need be asked; only rules speak against it.
        let bypassed = self.mode == Mode::BypassPermissions && !self.policy.tightens(&self.action.tool);
        if let Some(why) = part.suspicious.as_ref().filter(|_| !bypassed) {
            return Some(
                Finding::new(Verdict::Ask, format!("{quoted}: {why}")).hint("run its steps as commands of their own"),
            );
        }
        if part.program == Program::Unknown && !bypassed {
            let why = format!("{quoted}: which program it runs is not known before it runs");
            return Some(Finding::new(Verdict::Ask, why).hint("name the program"));
        }
        None
    }

    /// What a limit on the working directories holds, in every mode.
    fn outside(&self, part: &Part) -> Option<Finding> {
        let (verdict, why) = super::limits::outside(self.policy, self.action, part, self.facts)?;
        Some(Finding::new(verdict, format!("{} {why}", quoted(&part.text))).hint("name a path in a working directory"))
    }

    fn bypassed(&self) -> Option<Finding> {
        (self.mode == Mode::BypassPermissions)
            .then(|| Finding::new(Verdict::Allow, "mode `bypassPermissions` asks about nothing else"))
    }

    fn protected(&self, part: &Part) -> Option<Finding> {
        let touched = part.touches.iter().find_map(|touch| scope::protected_name(touch, self.facts));
        // What a program that is not listed does with a path that it names is not known.
        let written = part.touches.iter().filter(|touch| !touch.only_reads()).flat_map(|touch| touch.target.paths());
        if touched.is_none()
            && let Some(path) = scope::unseen(written.chain(&part.mentions), self.facts)
        {
            let why = format!("{} names {path}, and where that leads cannot be looked at", quoted(&part.text));
            return Some(Finding::new(Verdict::Ask, why).hint("name a path that can be looked at"));
        }
        let row = touched.or_else(|| {
            part.mentions.iter().chain(&part.may_name).find_map(|path| scope::protected_path(path, self.facts))
        })?;
        let why = format!("{} changes `{}`, which is protected: {}", quoted(&part.text), row.name, row.why);
        Some(Finding::new(Verdict::Ask, why).hint("answer the question; no allow rule approves a protected path"))
    }

    /// What passes without a rule: reads in scope, quiet tools, and edits where the mode accepts them.
    fn built_in(&self, part: &Part) -> Option<Finding> {
        let in_scope = |touch: &Touch| touch.is_device() || scope::in_working_directories(touch, self.facts);
        let readable = |touch: &Touch| in_scope(touch) || self.rule_for_touch(touch).is_some();
        let scoped = part.touches.iter().all(in_scope);
        let allow = |why: &str| {
            let finding = Finding::new(Verdict::Allow, format!("{} {why}", quoted(&part.text)));
            let rule = advice::rules(self, part).ok().and_then(|rules| rules.into_iter().next());
            Some(match rule {
                Some(rule) => {
                    finding.hint(format!("add `{rule}` to `permissions.ask` to be asked, or to `deny` to refuse it"))
                }
                None => finding,
            })
        };
        match &self.action.kind {
            Kind::Command(_) if part.reads_only && part.touches.iter().all(readable) => {
                allow("only reads, in the working directories")
            }
            Kind::Command(_)
                if part.edits_only && scoped && self.mode == Mode::AcceptEdits && !self.runs_later(part) =>
            {
                allow("changes files in the working directories, which mode `acceptEdits` accepts")
            }
            Kind::Command(_) if part.edits_only && self.writes_all_as_allowed(part) => {
                allow("writes by redirection what an Edit rule allows, and else only reads")
            }
            Kind::Read(_) if scoped => allow("lies in the working directories"),
            Kind::Edit(_) if scoped && self.mode == Mode::AcceptEdits && !self.runs_later(part) => {
                allow("lies in the working directories, and mode `acceptEdits` accepts edits")
            }
            Kind::Agent { .. } => allow("is started without asking; what it does is judged call by call"),
            Kind::Other if QUIET_TOOLS.contains(&self.action.tool.as_str()) => {
                allow("changes nothing outside the conversation")
            }
            Kind::Command(_)
            | Kind::Read(_)
            | Kind::Edit(_)
            | Kind::ForeignCommand(_)
            | Kind::Fetch { .. }
            | Kind::Skill { .. }
            | Kind::Mcp { .. }
            | Kind::Other
            | Kind::Malformed(_) => None,
        }
    }

    /// Returns true when it touches something, and may without a rule for the command.
    fn writes_all_as_allowed(&self, part: &Part) -> bool {
        !part.touches.is_empty() && part.touches.iter().all(|touch| self.writes_as_allowed(touch))
    }

    /// Returns true for what may be read without a rule, and for a redirection that a rule about the file allows.
    fn writes_as_allowed(&self, touch: &Touch) -> bool {
        let free =
            touch.is_device() || (touch.access == Access::Read && scope::in_working_directories(touch, self.facts));
        let may_be = touch.access == Access::Read || (touch.by == By::Redirect && self.mode != Mode::Plan);
        free || (may_be && self.rule_for_touch(touch).is_some())
    }

    /// Returns true when the part changes something that is run later.
    fn runs_later(&self, part: &Part) -> bool {
        part.touches.iter().any(|touch| scope::executed_name(touch, self.facts).is_some())
    }

    /// A rule for a program does not cover writing what is run later: that is a rule about the file.
    fn changes_executed(&self, part: &Part) -> Option<Finding> {
        let uncovered = |touch: &&Touch| touch.by != By::Tool && self.rule_for_touch(touch).is_none();
        let unpacked = part.touches.iter().filter(uncovered).find(|touch| {
            let sweeps = touch.recursive && touch.access == Access::Write;
            let does = part.does.contains(&programs::Does::Unpacks);
            does && sweeps && touch.target.paths().any(|path| self.facts.project.is_within(path))
        });
        if let Some(touch) = unpacked {
            let why = format!(
                "{} {} {} and below, which may change what is run later",
                quoted(&part.text),
                touch.access.verb(),
                touch.target.describe()
            );
            return Some(Finding::new(Verdict::Ask, why).hint("unpack into a directory of its own"));
        }
        let touches = part.touches.iter().filter(uncovered);
        let (touch, name, row) = touches
            .filter_map(|touch| scope::executed_name(touch, self.facts).map(|(name, row)| (touch, name, row)))
            .next()?;
        let why = format!("{} changes {name}, which is run later: {}", quoted(&part.text), row.why);
        Some(match advice::path_rule("Edit", touch) {
            Some(rule) => Finding { rules: vec![rule], ..Finding::new(Verdict::Ask, why) },
            None => Finding::new(Verdict::Ask, why).hint("name the file that it writes"),
        })
    }

    /// Plan mode asks about what may change something, whatever allows it.
    fn only_read(&self, part: &Part) -> Option<Finding> {
        // Nobody knows of a server's tool whether it only reads.
        let may_change = match self.action.kind {
            Kind::Command(_) | Kind::ForeignCommand(_) | Kind::Mcp { .. } | Kind::Edit(_) => true,
            Kind::Read(_)
            | Kind::Fetch { .. }
            | Kind::Agent { .. }
            | Kind::Skill { .. }
            | Kind::Other
            | Kind::Malformed(_) => false,
        };
        (self.mode == Mode::Plan && !part.reads_only && may_change).then(|| {
            let why = format!("{} may change something, and mode `plan` only reads", quoted(&part.text));
            Finding::new(Verdict::Ask, why)
        })
    }

    /// What a program starts is allowed with it, where a rule allows the program with all its words.
    fn allowed_with(&self, part: &Part, runner: Option<&Judged>) -> Option<Finding> {
        let rule = runner?.allows_inner.as_ref()?;
        Some(Finding::by(Verdict::Allow, rule, &format!("{} is started by what is allowed by the", quoted(&part.text))))
    }

    /// What another program starts is not allowed by a rule for the started program alone: the rule must
    /// name the other, too.
    fn wants_runner(&self, part: &Part, runner: Option<&Judged>) -> Option<Finding> {
        let runner = runner.filter(|runner| runner.keeps_inner)?;
        let why = format!("{} is started by {}, which no rule allows", quoted(&part.text), quoted(&runner.text));
        Some(Finding { rules: vec![format!("Bash({})", runner.text)], ..Finding::new(Verdict::Ask, why) })
    }

    /// Returns the rule that is the whole text in which the part is started, where that rule allowed the part.
    fn written_down(&self, runner: Option<&Judged>) -> Option<RuleRef> {
        let rule = runner?.allows_inner.as_ref()?;
        self.allow_rules().any(|known| known.reference == *rule && is_exact(known)).then(|| rule.clone())
    }

    fn is_whole_tool(&self, rule: &RuleRef) -> bool {
        self.allow_rules().any(|known| known.reference == *rule && matches!(known.matcher, Matcher::Tool(_)))
    }

    fn allow_rules(&self) -> impl Iterator<Item = &Rule> {
        self.policy.rules.iter().filter(|rule| rule.reference.list == List::Allow)
    }

    fn rule_for_touch(&self, touch: &Touch) -> Option<&RuleRef> {
        Candidates::of_touch(self.policy, touch)
            .certain_of(List::Allow)
            .find(|rule| rules::allows_touch(rule, touch, self.action, self.facts))
            .map(|rule| &rule.reference)
    }

    fn allowed(&self, part: &Part, candidates: &Candidates<'_>) -> Option<Finding> {
        // A rule that covers all of it counts, whatever stands before it.
        let mut rules = candidates
            .certain_of(List::Allow)
            .filter(|rule| rules::allows(rule, self.action, part, self.facts))
            .peekable();
        let first = *rules.peek()?;
        let executed = self.changes_executed(part);
        let runs = self.action.kind.command().is_some();
        let sweeps = |rule: &Rule| is_wide(rule) || runs && matches!(rule.matcher, Matcher::Tool(_));
        let open = self.open_redirection(part);
        let covers = |rule: &&Rule| {
            let sees_all = self.beyond(rule, part).is_none() && hidden(rule, part).is_none();
            let writes_all = open.is_none() || matches!(rule.matcher, Matcher::Tool(_));
            sees_all && writes_all && (executed.is_none() || !sweeps(rule))
        };
        let rule = rules.find(covers).unwrap_or(first);
        if sweeps(rule)
            && let Some(finding) = executed
        {
            return Some(finding);
        }
        if let Some(finding) = self.led_out(part) {
            return Some(finding);
        }
        if let Some(word) = hidden(rule, part) {
            let why = format!(
                "{} has the word {}, which is not known before it runs, and which a rule with `*` does not cover",
                quoted(&part.text),
                quoted(word)
            );
            return Some(Finding::new(Verdict::Ask, why).hint("write the word's value"));
        }
        if let Some(touch) = self.beyond(rule, part) {
            let why = format!(
                "{} {} {}, outside the working directories, which a rule with `*` does not cover",
                quoted(&part.text),
                touch.access.verb(),
                touch.target.describe()
            );
            let name = if touch.access <= Access::Read { "Read" } else { "Edit" };
            return Some(match advice::path_rule(name, touch) {
                Some(rule) => Finding { rules: vec![rule], ..Finding::new(Verdict::Ask, why) },
                None => Finding::new(Verdict::Ask, why).hint("name the paths instead of a pattern"),
            });
        }
        if let Some(touch) = open.filter(|_| !matches!(rule.matcher, Matcher::Tool(_))) {
            let why = format!(
                "{} writes {} by redirection, which no Edit rule allows",
                quoted(&part.text),
                touch.target.describe()
            );
            return Some(match advice::path_rule("Edit", touch) {
                Some(rule) => Finding { rules: vec![rule], ..Finding::new(Verdict::Ask, why) },
                None => Finding::new(Verdict::Ask, why).hint("name the file that it writes"),
            });
        }
        Some(Finding::by(Verdict::Allow, &rule.reference, &format!("{} is allowed by the", quoted(&part.text))))
    }

    /// Returns a redirection that no rule about files allows: a rule for the command does not cover what it writes,
    /// and one for the whole tool is about every call.
    fn open_redirection<'p>(&self, part: &'p Part) -> Option<&'p Touch> {
        part.touches.iter().find(|touch| {
            touch.by == By::Redirect && touch.access > Access::Read && !touch.is_device() && !self.may_write(touch)
        })
    }

    /// A rule that names no path says nothing about where links lead.
    fn led_out(&self, part: &Part) -> Option<Finding> {
        let led = |touch: &Touch| scope::led_out(touch, self.facts).filter(|_| self.rule_for_touch(touch).is_none());
        let real = part.touches.iter().find_map(led)?;
        let why = format!(
            "{} {} {real} through a link, outside the working directories, which no Edit rule allows",
            quoted(&part.text),
            Access::Write.verb()
        );
        Some(Finding::new(Verdict::Ask, why).hint("name the path that the link leads to"))
    }

    /// Returns what a command touches outside the working directories, or where nobody knows, though its
    /// rule names no path: `Bash(touch *)` was written with the project in mind, and a rule for a program says
    /// nothing about the file that it is fed.
    fn beyond<'p>(&self, rule: &Rule, part: &'p Part) -> Option<&'p Touch> {
        let is_fed = |touch: &Touch| touch.by == By::Redirect && touch.access == Access::Read && !touch.is_device();
        let is_for_commands = matches!(rule.matcher, Matcher::Command(_));
        part.touches.iter().find(|touch| {
            ((is_wide(rule) && touch.by == By::Operand) || (is_for_commands && is_fed(touch)))
                && !scope::in_working_directories(touch, self.facts)
                && self.rule_for_touch(touch).is_none()
        })
    }

    pub(super) fn may_write(&self, touch: &Touch) -> bool {
        self.rule_for_touch(touch).is_some()
            || (self.mode == Mode::AcceptEdits
                && scope::in_working_directories(touch, self.facts)
                && scope::executed_name(touch, self.facts).is_none())
    }

    fn unmatched(&self, part: &Part) -> Finding {
        let why = format!("no rule decides {}, and mode `{}` asks", quoted(&part.text), self.mode.name());
        let finding = Finding::new(Verdict::Ask, why);
        if part.aside {
            return finding
                .hint("run it by itself, in front: no rule for a command covers the background or a substitution");
        }
        match advice::rules(self, part) {
            Ok(rules) => Finding { rules, ..finding },
            Err(hint) => finding.hint(hint),
        }
    }

    /// Judges what concerns the call as a whole.
    pub(super) fn whole(&self, effects: &Effects, parts: &[Judged], confinement: &Confinement) -> Vec<Judged> {
        let mut found = Vec::new();
        let mut push = |finding: Finding| {
            found.push(Judged {
                text: parts.first().map_or_else(|| self.action.tool.clone(), |part| part.text.clone()),
                span: None,
                starter: None,
                effects: Vec::new(),
                removals: Vec::new(),
                verdict: finding.verdict,
                reason: finding.reason,
                rule: finding.rule,
                hint: finding.hint,
                rules: finding.rules,
                shadowed: Vec::new(),
                allows_inner: None,
                keeps_inner: false,
            });
        };
        for failure in &self.policy.failures {
            let place = failure.origin.place();
            let finding =
                Finding::new(Verdict::Deny, format!("the settings cannot be relied on: {place}: {}", failure.message));
            push(Finding { hint: Some(failure.hint.clone().unwrap_or_else(|| format!("mend {place}"))), ..finding });
        }
        let subject = || quoted(&self.action.subject());
        if let Some((why, hint)) = confinement.impossible(self.policy) {
            push(Finding::new(Verdict::Deny, format!("{} cannot be confined: {why}", subject())).hint(hint));
        }
        if confinement.wants_answer {
            let why = format!("{} asks to run outside the boundary", subject());
            let hint =
                "leave `dangerouslyDisableSandbox` away; `sandbox.allowUnsandboxedCommands` says whether it counts";
            push(Finding::new(Verdict::Ask, why).hint(hint));
        }
        if let Kind::Malformed(why) = &self.action.kind {
            push(Finding::new(Verdict::Deny, format!("the call of `{}` cannot be read: {why}", self.action.tool)));
        } else if let Some(why) = &effects.opaque {
            let bypassed = self.mode == Mode::BypassPermissions && !self.policy.tightens(&self.action.tool);
            let whole_tool =
                matches!(self.action.kind, Kind::ForeignCommand(_)) && !self.policy.tightens(&self.action.tool);
            if !bypassed && !whole_tool {
                push(
                    Finding::new(Verdict::Ask, format!("the command cannot be judged: {why}"))
                        .hint("write it more plainly, or as several commands"),
                );
            }
        }
        found
    }

    /// The verdict on a call without parts: nothing was understood, so nothing is allowed.
    pub(super) fn nothing(&self) -> Proof {
        let reason = "the command is empty".to_owned();
        let part = PartProof {
            starter: None,
            text: String::new(),
            span: None,
            effects: Vec::new(),
            removals: Vec::new(),
            verdict: Verdict::Ask,
            reason: reason.clone(),
            rule: None,
        };
        Proof {
            verdict: Verdict::Ask,
            reason,
            rule: None,
            hint: None,
            missing: Vec::new(),
            marks: Vec::new(),
            parts: vec![part],
            shadowed: Vec::new(),
            mode: self.mode,
            otherwise: None,
            boundary: None,
        }
    }

    /// The proof of the whole call, decided by `judged`.
    pub(super) fn proof(&self, judged: &Judged, parts: &[Judged]) -> Proof {
        let mut shadowed: Vec<(RuleRef, String)> = Vec::new();
        for (rule, why) in parts.iter().flat_map(|part| part.shadowed.iter()).chain(&judged.shadowed) {
            if Some(rule) != judged.rule.as_ref() && !shadowed.iter().any(|(known, _)| known == rule) {
                shadowed.push((rule.clone(), why.clone()));
            }
        }
        let listed = if parts.is_empty() { std::slice::from_ref(judged) } else { parts };
        let (hint, missing) = advice::way_forward(judged, parts);
        Proof {
            verdict: judged.verdict,
            reason: judged.reason.clone(),
            rule: judged.rule.clone(),
            hint,
            missing,
            marks: Vec::new(),
            parts: listed.iter().map(part_proof).collect(),
            shadowed,
            mode: self.mode,
            otherwise: None,
            boundary: None,
        }
    }

    /// Returns the rules that cover a part and did not decide it.
    fn shadowed(&self, part: &Part, candidates: &Candidates<'_>, winner: Option<&RuleRef>) -> Vec<(RuleRef, String)> {
        let covers = |rule: &&Rule| match rule.reference.list {
            List::Deny | List::Ask => rules::tightens(rule, self.action, part, self.facts) == Cover::Certain,
            List::Allow => rules::allows(rule, self.action, part, self.facts),
        };
        candidates
            .certain()
            .filter(covers)
            .map(|rule| rule.reference.clone())
            .filter(|reference| Some(reference) != winner)
            .map(|reference| {
                let why = match winner {
                    Some(winner) if winner.list == reference.list => "another rule of its list came first".to_owned(),
                    Some(winner) => format!("{} comes before {}", winner.list.name(), reference.list.name()),
                    None => "the call was decided before rules of its list are asked".to_owned(),
                };
                (reference, why)
            })
            .collect()
    }
}
