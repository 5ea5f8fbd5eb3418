//! The rules that may concern a part, in the order in which they are asked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{rules, scope};
use crate::action::{Action, Kind};
use crate::command::spaced_operators;
use crate::effects::{Access, By, Links, Part, Program, Target, Touch};
use crate::facts::Facts;
use crate::network::host::Host;
use crate::path::AbsPath;
use crate::rule::{FileAccess, Id, Index, List, Policy, Readers, Rule};

/// Rules that may concern a part.
#[derive(Debug)]
pub(super) struct Candidates<'a> {
    policy: &'a Policy,
    /// Holds each rule that covers the part certainly, and each that allows it; in order.
    certain: Vec<Id>,
    /// Holds, with these two, each rule that covers the part possibly; in no order.
    possible: Vec<Id>,
    /// Whole kinds of rules, each in order.
    whole: Vec<&'a [Id]>,
}

impl<'a> Candidates<'a> {
    /// Returns no rule, or every rule where there is no index.
    fn none(policy: &'a Policy) -> (Self, Option<&'a Index>) {
        let certain = match &policy.index {
            Some(_) => Vec::new(),
            None => List::ALL.into_iter().flat_map(|list| policy.ids(list)).collect(),
        };
        (Self { policy, certain, possible: Vec::new(), whole: Vec::new() }, policy.index.as_ref())
    }

    /// Finds the rules that may allow what a touch means.
    pub(super) fn of_touch(policy: &'a Policy, touch: &Touch) -> Self {
        let (mut candidates, index) = Self::none(policy);
        if let Some(index) = index {
            // Each path must be covered by its own name too: the first one's candidates are enough. What is not
            // known is covered by rules alone that cover everything.
            let root = AbsPath::root();
            let first = match &touch.target {
                Target::Paths(paths) => paths.first(),
                Target::Pattern(..) | Target::Unknown(_) => Some(&root),
            };
            index.paths(first.into_iter(), &mut candidates.certain);
            candidates.certain.sort_unstable();
            candidates.certain.dedup();
        }
        candidates
    }

    /// Finds the rules that may concern a part.
    pub(super) fn of(policy: &'a Policy, action: &Action, part: &Part, facts: &Facts) -> Self {
        let (mut candidates, index) = Self::none(policy);
        let Some(index) = index else { return candidates };
        candidates.call(index, action);
        if let Some(whole) = action.kind.command() {
            if whole.text.contains(['&', '|', ';', '\n']) {
                index.command(&spaced_operators(&whole.text), &mut candidates.certain);
            }
            candidates.command(index, part);
        }
        candidates.paths(index, action, part, facts);
        candidates.certain.sort_unstable();
        candidates.certain.dedup();
        candidates
    }

    /// What the call itself says.
    fn call(&mut self, index: &'a Index, action: &Action) {
        let found = &mut self.certain;
        index.tool(&action.tool, found);
        if action.tool == "Cd" {
            found.extend_from_slice(index.directories());
        }
        for (name, value) in &action.params {
            index.parameter(name, value, found);
        }
        match &action.kind {
            Kind::ForeignCommand(_) => found.extend_from_slice(index.foreign_commands()),
            Kind::Fetch { url } => match Host::of_url(url) {
                Some(host) => index.host(&host, found),
                None => found.extend_from_slice(index.all_hosts()),
            },
            Kind::Agent { agent_type } => index.agent(agent_type, found),
            Kind::Skill { skill } => index.skill(skill, found),
            Kind::Command(_) | Kind::Read(_) | Kind::Edit(_) | Kind::Mcp { .. } | Kind::Other | Kind::Malformed(_) => {}
        }
    }

    fn command(&mut self, index: &'a Index, part: &Part) {
        let own = part.allow_readings.iter().filter(|reading| !part.readings.contains(reading));
        part.readings.iter().chain(own).for_each(|reading| index.command(reading, &mut self.certain));
        part.may_run.iter().for_each(|text| index.command(text, &mut self.possible));
        if let Some(meant) = &part.meant {
            index.meaning(meant, &mut self.certain);
        }
        if part.beyond_limits {
            self.whole.push(index.all_commands());
        }
        match &part.program {
            Program::None => {}
            Program::Named(_) => {
                rules::known_beginnings(part).for_each(|known| index.continued_command(known, &mut self.possible));
            }
            Program::Unknown => self.whole.push(index.all_commands()),
        }
    }

    fn paths(&mut self, index: &'a Index, action: &Action, part: &Part, facts: &Facts) {
        let touched = part.touches.iter().filter_map(|touch| match &touch.target {
            Target::Paths(paths) => Some(paths),
            Target::Pattern(..) | Target::Unknown(_) => None,
        });
        let passed = part.touches.iter().filter_map(|touch| scope::links_passed(touch, facts)).flatten();
        let names = touched
            .flatten()
            .chain(passed)
            .chain(part.mentions.iter().chain(&part.may_name))
            .flat_map(|path| scope::names_to_tighten(path, facts));
        let names: Vec<AbsPath> = names.collect();
        index.paths(names.iter(), &mut self.certain);
        for touch in &part.touches {
            self.touch(index, action, touch, facts);
        }
        let written = part
            .touches
            .iter()
            .flat_map(|touch| touch.target.paths())
            .chain(part.mentions.iter().chain(&part.may_name));
        if rules::has_unknown_paths(part) || scope::unseen(written, facts).is_some() {
            self.whole.extend([FileAccess::Read, FileAccess::Edit].map(|access| index.all_paths(access)));
        }
        // An allow rule covers all of nothing.
        if part.touches.is_empty() && matches!(action.kind, Kind::Read(_) | Kind::Edit(_)) {
            let all = [FileAccess::Read, FileAccess::Edit].map(|access| index.all_paths(access));
            self.certain.extend(all.into_iter().flatten());
        }
    }

    /// What lies somewhere below a directory, or anywhere.
    fn touch(&mut self, index: &'a Index, action: &Action, touch: &Touch, facts: &Facts) {
        let kinds: &[FileAccess] = match touch.access {
            Access::Look | Access::Read => &[FileAccess::Read],
            Access::Write | Access::Delete => &[FileAccess::Read, FileAccess::Edit],
        };
        let mut below = |directory: &AbsPath, readers: Readers| {
            let names = scope::names_to_tighten(directory, facts);
            for name in names.iter().chain(scope::links_below(directory, facts)) {
                for access in kinds {
                    index.below((*access, readers), name, [&facts.project, &action.cwd], &mut self.certain);
                }
            }
        };
        match scope::links_passed(touch, facts) {
            Some(links) if scope::unseen(links.iter().copied(), facts).is_none() => {
                let whole = touch.recursive || touch.links == Links::Below;
                let directories = links.iter().filter(|link| whole && scope::is_directory(link, facts));
                directories.for_each(|link| below(link, Readers::All));
            }
            Some(_) | None => self.whole.extend(kinds.iter().map(|access| index.all_paths(*access))),
        }
        match &touch.target {
            Target::Paths(paths) if touch.recursive => {
                let readers = if touch.by == By::Tool { Readers::Palisade } else { Readers::All };
                let holds = |path: &&AbsPath| scope::is_directory(path, facts) || facts.found_below.contains_key(*path);
                for path in paths.iter().filter(holds) {
                    below(path, readers);
                }
            }
            Target::Paths(_) => {}
            Target::Pattern(pattern, bases) if bases.is_empty() || scope::climbs(pattern) => {
                self.whole.extend(kinds.iter().map(|access| index.all_paths(*access)));
            }
            Target::Pattern(_, bases) => bases.iter().for_each(|base| below(base, Readers::All)),
            Target::Unknown(_) => self.whole.extend(kinds.iter().map(|access| index.all_paths(*access))),
        }
    }

    /// Returns the candidates of every list that may cover the part certainly or allow it, in order.
    pub(super) fn certain(&self) -> impl Iterator<Item = &'a Rule> {
        self.certain.iter().filter_map(|id| self.policy.rule(*id))
    }

    /// Returns the same of one list.
    pub(super) fn certain_of(&self, list: List) -> impl Iterator<Item = &'a Rule> {
        self.certain().filter(move |rule| rule.reference.list == list)
    }

    /// Returns the first rule of a list that covers the part at least possibly.
    pub(super) fn first_possible(&self, list: List, covers: impl Fn(&Rule) -> bool) -> Option<&'a Rule> {
        let ids = self.policy.ids(list);
        let is_one = |id: &Id| self.policy.rule(*id).is_some_and(&covers);
        let mut first: Option<Id> = self.certain.iter().copied().filter(|id| ids.contains(id)).find(&is_one);
        for kind in &self.whole {
            let start = kind.partition_point(|id| *id < ids.start);
            let before = first.unwrap_or(ids.end);
            let nearer = kind.iter().skip(start).copied().take_while(|id| *id < before).find(&is_one);
            first = nearer.or(first);
        }
        let before = first.unwrap_or(ids.end);
        let mut nearer: BinaryHeap<Reverse<Id>> =
            self.possible.iter().copied().filter(|id| (ids.start..before).contains(id)).map(Reverse).collect();
        while let Some(Reverse(id)) = nearer.pop() {
            if is_one(&id) {
                first = Some(id);
                break;
            }
        }
        first.and_then(|id| self.policy.rule(id))
    }
}
