//! Which rules may concern a call, without asking each of them.
//!
//! The index only narrows: what it finds is asked in full, in the order of the rules, so that verdict and
//! proof are those of asking every rule. It must find each rule that covers; it may find more.

mod grams;
mod hosts;
mod paths;
mod table;
mod texts;

use super::{Matcher, Rule};
use crate::command::{doubtful_keys, head};
use crate::effects::Meant;
use crate::network::host::Host;
use crate::path::AbsPath;
use crate::rule::FileAccess;
use hosts::Hosts;
use paths::Paths;
pub(crate) use paths::Readers;
use texts::Texts;

/// A rule's place among the rules in force.
pub(crate) type Id = u32;

/// The rules by what they are about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    tools: Texts,
    commands: Texts,
    agents: Texts,
    skills: Texts,
    parameters: Texts,
    hosts: Hosts,
    paths: Paths,
    /// Every `PowerShell(...)` rule.
    foreign_commands: Vec<Id>,
    /// Every `Cd(...)` rule.
    directories: Vec<Id>,
    /// Every `Bash(...)` rule.
    all_commands: Vec<Id>,
    /// Every `WebFetch(domain:...)` rule.
    all_hosts: Vec<Id>,
}

impl Index {
    /// Sorts the rules.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let [mut tools, mut commands, mut agents, mut skills, mut parameters] =
            std::array::from_fn(|_| texts::Collecting::default());
        let (mut hosts, mut paths) = (hosts::Collecting::default(), paths::Collecting::default());
        let (mut all_commands, mut all_hosts) = (Vec::new(), Vec::new());
        let (mut foreign_commands, mut directories) = (Vec::new(), Vec::new());
        for (id, rule) in (0..).zip(rules) {
            match &rule.matcher {
                Matcher::Tool(name) => tools.add(name.as_str(), id),
                Matcher::Command(pattern) => {
                    pattern.stems().into_iter().for_each(|stem| commands.add(stem, id));
                    if let Some(meant) = pattern.meant() {
                        commands.add_literal(&meant.head(), id);
                        meant.keys().iter().for_each(|key| commands.add_literal(key, id));
                    }
                    all_commands.push(id);
                }
                Matcher::ForeignCommand(_) => foreign_commands.push(id),
                Matcher::Cd(_) => directories.push(id),
                Matcher::Path { access, pattern } => paths.add(pattern, *access, rule, id),
                Matcher::Domain(pattern) => {
                    hosts.add(pattern, id);
                    all_hosts.push(id);
                }
                Matcher::Agent(names) => names.iter().for_each(|name| agents.add(name, id)),
                Matcher::Skill { name, open: _ } => skills.add_literal(name, id),
                // The tool is a pattern itself.
                Matcher::Parameter { tool: _, name, value } => {
                    parameters.add_behind(&parameter(name, ""), value, id);
                }
            }
        }
        Self {
            tools: tools.texts(),
            commands: commands.texts(),
            foreign_commands,
            directories,
            agents: agents.texts(),
            skills: skills.texts(),
            parameters: parameters.texts(),
            hosts: hosts.hosts(),
            paths: paths.paths(),
            all_commands,
            all_hosts,
        }
    }

    /// Finds the rules that may cover a tool by its name.
    pub(crate) fn tool(&self, tool: &str, found: &mut Vec<Id>) {
        self.tools.find(tool, found);
        if let Some(group) = super::matcher::group(tool) {
            self.tools.find(group, found);
        }
    }

    /// Finds the rules that may cover a reading of a command.
    pub(crate) fn command(&self, reading: &str, found: &mut Vec<Id>) {
        self.commands.find(reading, found);
    }

    /// Finds the rules that may cover a command of which only the beginning is known.
    pub(crate) fn continued_command(&self, known: &str, found: &mut Vec<Id>) {
        self.commands.find_continued(known, found);
    }

    /// Finds the rules that may mean what a command means.
    pub(crate) fn meaning(&self, meant: &Meant, found: &mut Vec<Id>) {
        self.commands.find(&head(&meant.words), found);
        doubtful_keys(meant).iter().for_each(|key| self.commands.find(key, found));
    }

    /// Returns every rule about a language of which only the structure is known.
    pub(crate) fn foreign_commands(&self) -> &[Id] {
        &self.foreign_commands
    }

    /// Returns every rule about directories that a session changes to.
    pub(crate) fn directories(&self) -> &[Id] {
        &self.directories
    }

    /// Finds the rules that may cover one of the paths.
    pub(crate) fn paths<'a>(&self, paths: impl Iterator<Item = &'a AbsPath>, found: &mut Vec<Id>) {
        self.paths.find(paths, found);
    }

    /// Finds the rules that may cover a directory or something below it, for a call in one of two directories.
    pub(crate) fn below(
        &self,
        which: (FileAccess, Readers),
        directory: &AbsPath,
        bases: [&AbsPath; 2],
        found: &mut Vec<Id>,
    ) {
        self.paths.find_below(which, directory, bases, found);
    }

    /// Finds the rules that may cover a host.
    pub(crate) fn host(&self, host: &Host, found: &mut Vec<Id>) {
        self.hosts.find(host, found);
    }

    /// Finds the rules that may cover an agent.
    pub(crate) fn agent(&self, name: &str, found: &mut Vec<Id>) {
        self.agents.find(name, found);
    }

    /// Finds the rules that may cover a skill.
    pub(crate) fn skill(&self, skill: &str, found: &mut Vec<Id>) {
        self.skills.find(skill, found);
    }

    /// Finds the rules that may cover a parameter.
    pub(crate) fn parameter(&self, name: &str, value: &str, found: &mut Vec<Id>) {
        self.parameters.find(&parameter(name, value), found);
    }

    /// Returns every command rule.
    pub(crate) fn all_commands(&self) -> &[Id] {
        &self.all_commands
    }

    /// Returns every host rule.
    pub(crate) fn all_hosts(&self) -> &[Id] {
        &self.all_hosts
    }

    /// Returns every path rule of a kind.
    pub(crate) fn all_paths(&self, access: FileAccess) -> &[Id] {
        match access {
            FileAccess::Read => &self.paths.reads,
            FileAccess::Edit => &self.paths.edits,
        }
    }
}

/// Returns a parameter as one text.
fn parameter(name: &str, value: &str) -> String {
    [name, value].join("\0")
}
