//! Gathers what a decision must know of the world: exactly what the call names, and what the boundary
//! must hold.

mod below;
mod boundary;
mod grants;
mod matched;
mod removal;
pub(crate) mod resolve;
mod walk;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use policy::action::Runner;
use policy::facts::{Facts, Person};
use policy::{AbsPath, Action, Effects, Mode, Policy};

use crate::limits;
use crate::place::Place;
pub use boundary::protected_names;
pub use resolve::{Followed, Unresolved, canonical, follow, git_root};

/// Gathers the facts of a call. For a command that is to run here this ends also where a file system does not answer:
/// then what the boundary must hold is not known, and nothing runs.
pub(crate) fn gather(
    policy: &Policy,
    place: &Place,
    action: &Action,
    effects: &Effects,
    mode: Option<Mode>,
    person: Person,
) -> Facts {
    if !runs_here(action) {
        return gather_now((policy, place), (action, effects), (mode, person), &|| ());
    }
    let (sender, receiver) = mpsc::channel();
    let own = (policy.clone(), place.clone(), action.clone(), effects.clone());
    let look = move || {
        let (policy, place, action, effects) = own;
        let beat = || drop(sender.send(None));
        let facts = gather_now((&policy, &place), (&action, &effects), (mode, person), &beat);
        let _ = sender.send(Some(facts));
    };
    let stuck = |why: &str| stuck(place, person, why);
    let Ok(thread) = std::thread::Builder::new().name("facts".to_owned()).spawn(look) else {
        return stuck("there is no thread to look with");
    };
    loop {
        match receiver.recv_timeout(Duration::from_millis(limits::ANSWER_MS_MAX)) {
            Ok(Some(facts)) => {
                // Nobody but the caller may be there to take the signals that are for the command.
                let _ = thread.join();
                return facts;
            }
            Ok(None) => {}
            Err(_) => return stuck("a file system does not answer"),
        }
    }
}

/// Returns the facts of a call for which it could not be looked at what the boundary must hold.
fn stuck(place: &Place, person: Person, why: &str) -> Facts {
    let why = format!("what the boundary must hold cannot be looked at: {why}");
    let facts = Facts::unknown(place.home.clone(), place.project.clone(), person);
    Facts { boundary: Some(boundary::unknown(why)), ..facts }
}

fn runs_here(action: &Action) -> bool {
    action.kind.command().is_some_and(|command| command.runner == Runner::Boundary)
}

/// `beat` is called now and then, while the file systems answer.
fn gather_now(
    (policy, place): (&Policy, &Place),
    (action, effects): (&Action, &Effects),
    (mode, person): (Option<Mode>, Person),
    beat: &dyn Fn(),
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
    let boundary = runs_here(action).then(|| boundary::gather(policy, place, &working_directories, beat));
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
