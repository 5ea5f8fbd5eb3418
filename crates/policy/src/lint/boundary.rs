//! What settings say about the boundary and their author may not have meant.

use programs::{Does, Runs};

use super::tables::ESCAPES;
use super::world::World;
use super::{Check, Finding, Fix, Level, breadth};
use crate::proof::Boundary;
use crate::rule::{Exclusion, FileAccess, List, Matcher, Rule};

/// Returns what is found.
pub(super) fn findings(world: &World<'_>) -> Vec<Finding> {
    let sandbox = &world.policy.sandbox;
    let is_on = sandbox.enabled.as_ref().is_some_and(|enabled| enabled.value);
    if !is_on {
        return Vec::new();
    }
    let excluded = sandbox.excluded.iter().filter_map(|exclusion| lets_out(world, exclusion));
    let narrow = world.policy.rules.iter().filter_map(|rule| opens_nothing(world, rule));
    excluded.chain(narrow).collect()
}

/// Looks for a command that leaves by the exclusion and runs whatever it is given.
fn lets_out(world: &World<'_>, exclusion: &Exclusion) -> Option<Finding> {
    let leaves = |text: &String| {
        let by_this = |boundary: Boundary| match boundary {
            Boundary::Inside { kept: _ } => false,
            Boundary::Outside { by } => by.iter().any(|lift| lift.origin == exclusion.origin),
        };
        exclusion.pattern.covers(text) && world.decide("Bash", text).boundary.is_some_and(by_this)
    };
    let own = own_program(world, exclusion).into_iter();
    let ways = breadth::ways(&exclusion.text);
    let known = ways.iter().filter_map(|(text, runs)| Some((text.clone(), breadth::runs_given(*runs)?)));
    let builds = ways.iter().filter(|(_, runs)| *runs == Runs::Does(Does::Builds));
    let builds = builds.map(|(text, _)| (text.clone(), "it runs what the project or a file says"));
    let listed = ESCAPES.iter().map(|row| (format!("{} {}", row.program, row.arguments), row.why));
    let (text, why) = own.chain(known).chain(listed).chain(builds).find(|(text, _)| leaves(text))?;
    Some(Finding {
        check: Check::LetsOut,
        level: Level::Warning,
        origin: exclusion.origin.clone(),
        column: 0,
        rule: None,
        message: format!("`{}` in `sandbox.excludedCommands` lets any program out: {why}", exclusion.text),
        example: Some(world.example("Bash", &text)),
        fix: Some(Fix { hint: "name the calls that must run outside, word by word".to_owned(), replacement: None }),
        others: Vec::new(),
    })
}

/// Returns the call of a program that lies in the project.
fn own_program(world: &World<'_>, exclusion: &Exclusion) -> Option<(String, &'static str)> {
    let program = exclusion.text.trim().trim_end_matches(":*").split(' ').next()?;
    let lies_inside = program.contains('/') && world.project.join(program).is_within(world.project);
    lies_inside.then(|| (program.to_owned(), "a command inside the boundary can change that program"))
}

/// A pattern that is no directory with everything in it, outside the project.
fn opens_nothing(world: &World<'_>, rule: &Rule) -> Option<Finding> {
    let Matcher::Path { access: FileAccess::Edit, pattern } = &rule.matcher else { return None };
    let (project, list) = (world.project, rule.reference.list);
    let mut roots = pattern.roots(project, project).into_iter();
    if list != List::Allow || roots.any(|(root, whole)| whole || root.is_within(project)) {
        return None;
    }
    let message = "a command inside the boundary cannot write what it allows: it names no directory as a whole";
    Some(
        Finding::about(Check::NotOpened, Level::Note, rule, message.to_owned())
            .hint("allow a directory with everything in it, such as `Edit(~/notes/**)`, or write with the file tools"),
    )
}
