//! The verdict on one part.

use super::rules::{self, Cover};
use super::{advice, part_proof, scope};
use crate::action::{Action, Kind};
use crate::effects::{Access, By, Effects, Part, Program, Touch};
use crate::facts::Facts;
use crate::limits;
use crate::mode::Mode;
use crate::proof::{PartProof, Proof, RuleRef, Verdict};
use crate::rule::{List, Matcher, Policy, Rule};
use shell::Span;

/// Tools that ask nobody: they change nothing outside the conversation.
const QUIET_TOOLS: &[&str] = &[
    "Agent",
    "AskUserQuestion",
    "BashOutput",
    "CronList",
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
}

/// A part with its verdict.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) text: String,
    pub(super) span: Option<Span>,
    pub(super) understood: Vec<String>,
    pub(super) verdict: Verdict,
    pub(super) reason: String,
    pub(super) rule: Option<RuleRef>,
    pub(super) hint: Option<String>,
    /// Allow rules that would turn it, where rules are all that is missing.
    pub(super) rules: Vec<String>,
    shadowed: Vec<(RuleRef, String)>,
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
        let place = place(rule);
        let hint = match rule.list {
            List::Deny => format!("narrow or remove `{}` at {place}; no allow rule opens a deny", rule.text),
            List::Ask => format!("answer the question, or narrow `{}` at {place}", rule.text),
            List::Allow => format!("remove `{}` at {place} to be asked, or deny it to refuse it", rule.text),
        };
        let reason = format!("{how} {} rule `{}` ({place})", rule.list.name(), rule.text);
        Self { verdict, reason, rule: Some(rule.clone()), hint: Some(hint), rules: Vec::new() }
    }
}

fn place(rule: &RuleRef) -> String {
    if rule.origin.line == 0 { rule.origin.file.clone() } else { format!("{}:{}", rule.origin.file, rule.origin.line) }
}

/// Returns a text as a reason quotes it.
fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(limits::QUOTED_CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    let plain: String = short.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("`{plain}`")
}

impl Judge<'_> {
    /// Judges one part.
    pub(super) fn part(&self, part: &Part) -> Judged {
        let finding = self.finding(part);
        let shadowed = self.shadowed(part, finding.rule.as_ref());
        Judged {
            text: part.text.clone(),
            span: part.span,
            understood: part.understood(),
            verdict: finding.verdict,
            reason: finding.reason,
            rule: finding.rule,
            hint: finding.hint,
            rules: finding.rules,
            shadowed,
        }
    }

    /// The steps, in order; see the module above.
    fn finding(&self, part: &Part) -> Finding {
        self.forbidden(part)
            .or_else(|| self.denied(part))
            .or_else(|| self.planned(part))
            .or_else(|| self.asked(part))
            .or_else(|| self.sticky(part))
            .or_else(|| self.bypassed())
            .or_else(|| self.protected(part))
            .or_else(|| self.built_in(part))
            .or_else(|| self.allowed(part))
            .unwrap_or_else(|| self.unmatched(part))
    }

    fn forbidden(&self, part: &Part) -> Option<Finding> {
        part.forbidden.as_ref().map(|why| Finding::new(Verdict::Deny, format!("{}: {why}", quoted(&part.text))))
    }

    fn covered(&self, part: &Part, list: List, least: Cover) -> Option<&RuleRef> {
        self.policy
            .rules
            .iter()
            .filter(|rule| rule.reference.list == list)
            .find(|rule| rules::tightens(rule, self.action, part, self.facts) >= least)
            .map(|rule| &rule.reference)
    }

    fn denied(&self, part: &Part) -> Option<Finding> {
        let rule = self.covered(part, List::Deny, Cover::Certain)?;
        Some(Finding::by(Verdict::Deny, rule, &format!("{} is denied by the", quoted(&part.text))))
    }

    fn asked(&self, part: &Part) -> Option<Finding> {
        let rule = self.covered(part, List::Ask, Cover::Certain)?;
        Some(Finding::by(Verdict::Ask, rule, &format!("{} asks by the", quoted(&part.text))))
    }

    /// What asks whatever is allowed.
    fn sticky(&self, part: &Part) -> Option<Finding> {
        let quoted = quoted(&part.text);
        let critical = part.touches.iter().find_map(|touch| scope::critical_removal(touch, self.action, self.facts));
        if let Some(why) = critical {
            return Some(
                Finding::new(Verdict::Ask, format!("{quoted}: {why}"))
                    .hint("no rule or mode approves this; name a narrower path"),
            );
        }
        for list in [List::Deny, List::Ask] {
            if let Some(rule) = self.covered(part, list, Cover::Possible) {
                let how = format!("{quoted} is not known well enough to say that it escapes the");
                return Some(Finding {
                    verdict: Verdict::Ask,
                    hint: Some("write the command without words that are only known when it runs".to_owned()),
                    ..Finding::by(Verdict::Ask, rule, &how)
                });
            }
        }
        // Bypassing is the person's word that nothing need be asked; only rules speak against it.
        let bypassed = self.mode == Mode::BypassPermissions && !self.policy.has_tightening_rules();
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

    /// Plan mode changes no file, whatever asks or allows.
    fn planned(&self, part: &Part) -> Option<Finding> {
        let edits = self.mode == Mode::Plan && matches!(self.action.kind, Kind::Edit(_));
        edits.then(|| {
            Finding::new(
                Verdict::Deny,
                format!("{} would be changed, and mode `plan` changes nothing", quoted(&part.text)),
            )
            .hint("leave plan mode first")
        })
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
        let row = touched.or_else(|| part.mentions.iter().find_map(|path| scope::protected_path(path, self.facts)))?;
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
            Kind::Command(_) if part.edits_only && scoped && self.mode == Mode::AcceptEdits => {
                allow("changes files in the working directories, which mode `acceptEdits` accepts")
            }
            Kind::Read(_) if scoped => allow("lies in the working directories"),
            Kind::Edit(_) if scoped && self.mode == Mode::AcceptEdits => {
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

    fn allow_rules(&self) -> impl Iterator<Item = &Rule> {
        self.policy.rules.iter().filter(|rule| rule.reference.list == List::Allow)
    }

    fn rule_for_touch(&self, touch: &Touch) -> Option<&RuleRef> {
        self.allow_rules()
            .find(|rule| rules::allows_touch(rule, touch, self.action, self.facts))
            .map(|rule| &rule.reference)
    }

    fn allowed(&self, part: &Part) -> Option<Finding> {
        let runs = matches!(self.action.kind, Kind::Command(_) | Kind::ForeignCommand(_));
        if self.mode == Mode::Plan && !part.reads_only && runs {
            return Some(Finding::new(
                Verdict::Ask,
                format!("{} may change something, and mode `plan` only reads", quoted(&part.text)),
            ));
        }
        // A rule that covers all of it counts, whatever stands before it.
        let mut rules = self.allow_rules().filter(|rule| rules::allows(rule, self.action, part, self.facts)).peekable();
        let first = *rules.peek()?;
        let rule = rules.find(|rule| self.beyond(rule, part).is_none()).unwrap_or(first);
        if let Some(touch) = self.beyond(rule, part) {
            let why = format!(
                "{} {} {}, outside the working directories, which a rule with `*` does not cover",
                quoted(&part.text),
                touch.access.verb(),
                touch.target.describe()
            );
            let name = if touch.access == Access::Read { "Read" } else { "Edit" };
            return Some(match advice::path_rule(name, touch) {
                Some(rule) => Finding { rules: vec![rule], ..Finding::new(Verdict::Ask, why) },
                None => Finding::new(Verdict::Ask, why).hint("name the paths instead of a pattern"),
            });
        }
        // A rule for the command does not cover what its redirections write.
        let open = part.touches.iter().find(|touch| {
            touch.by == By::Redirect && touch.access != Access::Read && !touch.is_device() && !self.may_write(touch)
        });
        if let Some(touch) = open {
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

    /// Returns what a command touches outside the working directories, or where nobody knows, though its
    /// rule names no path: `Bash(touch *)` was written with the project in mind.
    fn beyond<'p>(&self, rule: &Rule, part: &'p Part) -> Option<&'p Touch> {
        let has_wildcard = match &rule.matcher {
            Matcher::Command(pattern) => !pattern.is_exact(),
            Matcher::Tool(_)
            | Matcher::ForeignCommand(_)
            | Matcher::Path { .. }
            | Matcher::Domain(_)
            | Matcher::Agent(_)
            | Matcher::Skill { .. }
            | Matcher::Parameter { .. } => false,
        };
        part.touches.iter().filter(|_| has_wildcard).find(|touch| {
            touch.by == By::Operand
                && !scope::in_working_directories(touch, self.facts)
                && self.rule_for_touch(touch).is_none()
        })
    }

    pub(super) fn may_write(&self, touch: &Touch) -> bool {
        self.rule_for_touch(touch).is_some()
            || (self.mode == Mode::AcceptEdits && scope::in_working_directories(touch, self.facts))
    }

    fn unmatched(&self, part: &Part) -> Finding {
        let why = format!("no rule decides {}, and mode `{}` asks", quoted(&part.text), self.mode.name());
        let finding = Finding::new(Verdict::Ask, why);
        match advice::rules(self, part) {
            Ok(rules) => Finding { rules, ..finding },
            Err(hint) => finding.hint(hint),
        }
    }

    /// Judges what concerns the call as a whole.
    pub(super) fn whole(&self, effects: &Effects, parts: &[Judged]) -> Vec<Judged> {
        let mut found = Vec::new();
        let mut push = |finding: Finding| {
            found.push(Judged {
                text: parts.first().map_or_else(|| self.action.tool.clone(), |part| part.text.clone()),
                span: None,
                understood: Vec::new(),
                verdict: finding.verdict,
                reason: finding.reason,
                rule: finding.rule,
                hint: finding.hint,
                rules: finding.rules,
                shadowed: Vec::new(),
            });
        };
        for failure in &self.policy.failures {
            let place = match failure.origin.line {
                0 => failure.origin.file.clone(),
                line => format!("{}:{line}", failure.origin.file),
            };
            let finding =
                Finding::new(Verdict::Deny, format!("the settings cannot be relied on: {place}: {}", failure.message));
            push(Finding { hint: Some(failure.hint.clone().unwrap_or_else(|| format!("mend {place}"))), ..finding });
        }
        if let Kind::Malformed(why) = &self.action.kind {
            push(Finding::new(Verdict::Deny, format!("the call of `{}` cannot be read: {why}", self.action.tool)));
        } else if let Some(why) = &effects.opaque {
            let bypassed = self.mode == Mode::BypassPermissions && !self.policy.has_tightening_rules();
            let whole_tool = matches!(self.action.kind, Kind::ForeignCommand(_)) && !self.policy.has_tightening_rules();
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
            text: String::new(),
            span: None,
            understood: Vec::new(),
            verdict: Verdict::Ask,
            reason: reason.clone(),
            rule: None,
        };
        Proof {
            verdict: Verdict::Ask,
            reason,
            rule: None,
            hint: None,
            parts: vec![part],
            shadowed: Vec::new(),
            mode: self.mode,
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
        Proof {
            verdict: judged.verdict,
            reason: judged.reason.clone(),
            rule: judged.rule.clone(),
            hint: advice::way_forward(judged, parts),
            parts: listed.iter().map(part_proof).collect(),
            shadowed,
            mode: self.mode,
        }
    }

    /// Returns the rules that cover a part and did not decide it.
    fn shadowed(&self, part: &Part, winner: Option<&RuleRef>) -> Vec<(RuleRef, String)> {
        let covers = |rule: &&Rule| match rule.reference.list {
            List::Deny | List::Ask => rules::tightens(rule, self.action, part, self.facts) == Cover::Certain,
            List::Allow => rules::allows(rule, self.action, part, self.facts),
        };
        self.policy
            .rules
            .iter()
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
