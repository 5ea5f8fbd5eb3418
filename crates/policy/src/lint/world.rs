//! Example calls, decided by the policy and by single rules of it.
//!
//! The file system is not looked at: every path of an example leads to itself, and is a file.

use super::{Example, Subject};
use crate::action::{Action, Command, FileTarget, Kind, Runner};
use crate::effects::Effects;
use crate::facts::{Entry, Facts, Person, Resolved};
use crate::layer::{Layer, Sourced};
use crate::mode::Mode;
use crate::path::AbsPath;
use crate::proof::Proof;
use crate::rule::{List, Policy, Rule};

/// What examples are decided in.
pub(super) struct World<'a> {
    /// The policy in force, as if every file could be read.
    pub(super) policy: Policy,
    pub(super) layers: &'a [Layer],
    pub(super) home: &'a AbsPath,
    pub(super) project: &'a AbsPath,
}

impl<'a> World<'a> {
    pub(super) fn new(subject: &Subject<'a>) -> Self {
        // A file that cannot be read refuses every call, which would hide everything else.
        let mut policy = subject.policy.clone();
        policy.failures.clear();
        Self { policy, layers: subject.layers, home: subject.home, project: subject.project }
    }

    /// Returns the layer that a rule stands in.
    pub(super) fn layer(&self, rule: &Rule) -> Option<&'a Layer> {
        let origin = &rule.reference.origin;
        self.layers.iter().find(|layer| layer.file == origin.file && layer.scope == origin.scope)
    }

    /// Returns a policy of one rule alone, standing in a list.
    pub(super) fn alone(&self, rule: &Rule, list: List) -> Option<Policy> {
        self.alone_as(rule, &rule.reference.text, list)
    }

    /// Returns a policy of one rule alone with another text.
    pub(super) fn alone_as(&self, rule: &Rule, text: &str, list: List) -> Option<Policy> {
        let from = self.layer(rule)?;
        let mut layer = Layer { trusted: true, ..Layer::empty(from.scope, &from.file, from.anchor.clone()) };
        let entry = Sourced { value: text.to_owned(), origin: rule.reference.origin.clone() };
        match list {
            List::Deny => layer.deny.push(entry),
            List::Ask => layer.ask.push(entry),
            List::Allow => layer.allow.push(entry),
        }
        let (policy, _) = Policy::compile(&[layer], self.home);
        (policy.failures.is_empty() && policy.rules.len() == 1).then_some(policy)
    }

    /// Decides a call by the policy in force, in its own mode.
    pub(super) fn decide(&self, tool: &str, subject: &str) -> Proof {
        self.decide_by(&self.policy, tool, subject, None)
    }

    /// Decides a call by one rule alone, in the default mode.
    pub(super) fn decide_alone(&self, policy: &Policy, tool: &str, subject: &str) -> Proof {
        self.decide_by(policy, tool, subject, Some(Mode::Default))
    }

    /// Returns a call with what the policy in force decides about it.
    pub(super) fn example(&self, tool: &str, subject: &str) -> Example {
        let verdict = self.decide(tool, subject).verdict;
        Example { tool: tool.to_owned(), subject: subject.to_owned(), verdict }
    }

    fn decide_by(&self, policy: &Policy, tool: &str, subject: &str, mode: Option<Mode>) -> Proof {
        let action = self.action(tool, subject);
        let effects = self.effects(&action);
        let mentions = effects.parts.iter().flat_map(|part| part.mentions.iter().chain(&part.may_name));
        let itself =
            |path: &AbsPath| (path.clone(), Resolved { real: path.clone(), entry: Entry::File, hops: Vec::new() });
        let resolved = effects.paths().chain(mentions).map(itself).collect();
        let mut working_directories = vec![self.project.clone()];
        working_directories.extend(policy.additional_directories().iter().map(|entry| {
            let rest = entry.value.strip_prefix("~/");
            rest.map_or_else(|| self.project.join(&entry.value), |rest| self.home.join(rest))
        }));
        let facts = Facts {
            home: self.home.clone(),
            project: self.project.clone(),
            working_directories,
            resolved,
            found_below: std::collections::BTreeMap::new(),
            links_matched: std::collections::BTreeMap::new(),
            removals: Vec::new(),
            person: Person::Present,
            mode,
            boundary: None,
        };
        crate::decide(policy, &action, &effects, &facts).proof().clone()
    }

    /// Returns what a call would do.
    pub(super) fn effects(&self, action: &Action) -> Effects {
        Effects::of(action, self.home)
    }

    /// Returns the call of a tool whose subject is known.
    pub(super) fn action(&self, tool: &str, subject: &str) -> Action {
        let file = |recursive| FileTarget { path: subject.to_owned(), recursive };
        let kind = match tool {
            "Bash" | "Monitor" => Kind::Command(Command::parse(subject, Runner::Agent)),
            "PowerShell" => Kind::ForeignCommand(subject.to_owned()),
            "Read" => Kind::Read(file(false)),
            "Edit" => Kind::Edit(file(false)),
            "WebFetch" => Kind::Fetch { url: subject.to_owned() },
            "Agent" => Kind::Agent { agent_type: subject.to_owned() },
            "Skill" => Kind::Skill { skill: subject.to_owned() },
            other => match other.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")) {
                Some((server, tool)) => Kind::Mcp { server: server.to_owned(), tool: tool.to_owned() },
                None => Kind::Other,
            },
        };
        Action { tool: tool.to_owned(), kind, params: Vec::new(), cwd: self.project.clone() }
    }
}

/// Returns what stands between the parentheses of a rule.
pub(super) fn specifier(text: &str) -> Option<&str> {
    text.trim().split_once('(')?.1.strip_suffix(')').map(str::trim)
}

/// Returns the tool's name in a rule.
pub(super) fn tool_name(text: &str) -> &str {
    text.trim().split('(').next().unwrap_or_default()
}
