//! Gathers what a decision must know of the world: exactly what the call names, and what the boundary
//! must hold.

mod below;
mod boundary;
mod grants;
mod matched;
mod removal;
mod resolve;
mod walk;

use std::collections::BTreeMap;

use policy::action::Runner;
use policy::facts::{Facts, Person};
use policy::{AbsPath, Action, Effects, Mode, Policy};

use crate::limits;
use crate::place::Place;
pub use boundary::protected_names;
pub use resolve::{Unresolved, canonical, git_root};

/// Gathers the facts of a call.
pub(crate) fn gather(
    policy: &Policy,
    place: &Place,
    action: &Action,
    effects: &Effects,
    mode: Option<Mode>,
    person: Person,
) -> Facts {
    let mut resolved = BTreeMap::new();
    let mentions = effects.parts.iter().flat_map(|part| part.mentions.iter().chain(&part.may_name));
    for path in effects.paths().chain(mentions).take(limits::PATHS_MAX) {
        if !resolved.contains_key(path)
            && let Ok(found) = resolve::resolve(path)
        {
            resolved.insert(path.clone(), found);
        }
    }
    for root in policy.tightening_roots(&place.project, &action.cwd) {
        if let Ok(found) = resolve::resolve(&root)
            && found.real != root
        {
            resolved.entry(root).or_insert(found);
        }
    }
    let links_matched = matched::links(effects, &mut resolved);
    let working_directories = working_directories(policy, place);
    let runs_here = action.kind.command().is_some_and(|command| command.runner == Runner::Boundary);
    let boundary = runs_here.then(|| boundary::gather(policy, place, &working_directories));
    Facts {
        home: place.home.clone(),
        project: place.project.clone(),
        working_directories,
        links_matched,
        removals: removal::count(effects),
        found_below: below::search(policy, place, action, effects),
        resolved,
        person,
        mode,
        boundary,
    }
}

/// Returns the project and every additional directory that exists, links resolved.
fn working_directories(policy: &Policy, place: &Place) -> Vec<AbsPath> {
    let mut directories = vec![place.project.clone()];
    for written in policy.additional_directories() {
        let path = match written.value.strip_prefix("~/") {
            Some(rest) => place.home.join(rest),
            None => place.project.join(&written.value),
        };
        if let Ok(found) = resolve::resolve(&path)
            && !directories.contains(&found.real)
        {
            directories.push(found.real);
        }
    }
    directories
}
