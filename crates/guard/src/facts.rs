//! Gathers what a decision must know of the world: exactly what the call names, and what the boundary
//! must hold.

mod boundary;
mod resolve;

use std::collections::BTreeMap;

use policy::action::{Kind, Runner};
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
    let mentions = effects.parts.iter().flat_map(|part| part.mentions.iter());
    for path in effects.paths().chain(mentions).take(limits::PATHS_MAX) {
        if !resolved.contains_key(path)
            && let Ok(found) = resolve::resolve(path)
        {
            resolved.insert(path.clone(), found);
        }
    }
    let working_directories = working_directories(policy, place);
    let boundary = match &action.kind {
        Kind::Command(command) if command.runner == Runner::Boundary => {
            Some(boundary::gather(policy, place, &working_directories))
        }
        Kind::Command(_)
        | Kind::ForeignCommand(_)
        | Kind::Read(_)
        | Kind::Edit(_)
        | Kind::Fetch { .. }
        | Kind::Agent { .. }
        | Kind::Skill { .. }
        | Kind::Mcp { .. }
        | Kind::Other
        | Kind::Malformed(_) => None,
    };
    Facts {
        home: place.home.clone(),
        project: place.project.clone(),
        working_directories,
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
