//! What a destructive command would destroy now: how much, and whether git could bring it back.
//!
//! No git is run for it: a repository's configuration can name programs. What git alone knows is said not to be known.

mod index;
mod repository;
mod tree;

use policy::effects::{Loss, Target};
use policy::facts::{Removal, RemovalKind};
use policy::{AbsPath, Effects};

use repository::Repositories;
pub(super) use tree::present;

/// Counts, for each part that destroys something, what is there now.
pub(super) fn count(effects: &Effects) -> Vec<Removal> {
    let mut repositories = Repositories::default();
    let mut removals: Vec<Removal> = Vec::new();
    for (part, effect) in effects.parts.iter().enumerate() {
        for loss in &effect.loses {
            let kind = kind(loss);
            // What a part destroys in one way is one sentence.
            let known = removals.iter().position(|removal| removal.part == part && removal.kind == kind);
            let mut removal =
                known.map_or_else(|| Removal { part, kind, ..Removal::default() }, |at| removals.remove(at));
            add(loss, &mut repositories, &mut removal);
            removals.push(removal);
        }
    }
    // A redirection to a new file is the usual case, and destroys nothing.
    removals.retain(|removal| removal.kind != RemovalKind::Overwritten || removal.files > 0 || removal.more);
    removals
}

fn kind(loss: &Loss) -> RemovalKind {
    match loss {
        Loss::Removed(_) | Loss::Found { .. } => RemovalKind::Removed,
        Loss::Overwritten(_) => RemovalKind::Overwritten,
        Loss::Untracked { .. } => RemovalKind::Untracked,
        Loss::Uncommitted { .. } => RemovalKind::Uncommitted,
        Loss::Stashes { .. } => RemovalKind::Stashes,
        Loss::Branches { .. } => RemovalKind::Branches,
    }
}

fn add(loss: &Loss, repositories: &mut Repositories, removal: &mut Removal) {
    match loss {
        // What `find` would meet: everything there, or less.
        Loss::Removed(Target::Pattern(pattern, bases)) if pattern.ends_with("/**") => {
            removal.most = true;
            bases.iter().for_each(|base| tree::removed(base, &[], repositories, removal));
        }
        Loss::Removed(target) => {
            removal.unknown |= matches!(target, Target::Unknown(_));
            for path in present(target) {
                tree::removed(&path, &[], repositories, removal);
            }
        }
        Loss::Found { below, names, exact } => {
            removal.most |= !exact;
            for target in below {
                removal.unknown |= matches!(target, Target::Unknown(_));
                for path in present(target) {
                    tree::removed(&path, names, repositories, removal);
                }
            }
        }
        Loss::Overwritten(target) => {
            for path in present(target) {
                tree::overwritten(&path, repositories, removal);
            }
        }
        Loss::Untracked { below, directory, directories, exact } => {
            removal.most |= !exact;
            for place in places(below, directory.as_ref(), removal) {
                repository::untracked(&place, *directories, repositories, removal);
            }
        }
        Loss::Uncommitted { below, directory } => {
            let root = directory.as_ref().and_then(super::resolve::git_root);
            // With the whole work tree goes what is staged, and only git's objects say what that is.
            removal.more |= below.is_empty();
            for place in places(below, root.as_ref(), removal) {
                repository::uncommitted(&place, repositories, removal);
            }
        }
        Loss::Stashes { all, directory } => repository::stashes(directory.as_ref(), *all, removal),
        Loss::Branches { names, directory } => repository::branches(directory.as_ref(), names.as_deref(), removal),
    }
}

/// Returns the places that are named, or the directory where none is.
fn places(below: &[Target], directory: Option<&AbsPath>, removal: &mut Removal) -> Vec<AbsPath> {
    let is_unknown = |target: &Target| matches!(target, Target::Unknown(_));
    removal.unknown |= below.iter().any(is_unknown) || directory.is_none();
    if below.is_empty() {
        return directory.cloned().into_iter().collect();
    }
    below.iter().flat_map(present).collect()
}
