//! Which held paths need a mount, and which directories must be pinned for them.

use std::collections::BTreeSet;

use policy::AbsPath;

use super::Zone;

type Held = (AbsPath, String);

/// Returns the paths without those that lie in another one, sorted; of equal paths the first stays.
pub(super) fn outermost(held: impl Iterator<Item = Held>) -> Vec<Held> {
    let mut all: Vec<Held> = held.collect();
    // A parent sorts before what lies in it once segments are compared instead of bytes.
    all.sort_by(|(left, _), (right, _)| left.segments().cmp(right.segments()));
    let mut kept: Vec<Held> = Vec::new();
    for (path, why) in all {
        if kept.last().is_none_or(|(outer, _)| !path.is_within(outer)) {
            kept.push((path, why));
        }
    }
    kept
}

/// Returns the writable directories that need a mount: those that lie in no other one and at or
/// below no held path.
pub(super) fn writable_roots(writable: &[AbsPath], hidden: &[Held], closed: &[Held]) -> Vec<AbsPath> {
    outermost(writable.iter().map(|path| (path.clone(), String::new())))
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| !hidden.iter().chain(closed).any(|(held, _)| path.is_within(held)))
        .collect()
}

/// Returns true for a path that is not there inside: it lies in a private place and in no writable
/// directory, and holds none.
pub(super) fn is_gone(path: &AbsPath, roots: &[AbsPath]) -> bool {
    Zone::of(path).is_some() && !roots.iter().any(|root| path.is_within(root) || root.is_within(path))
}

/// Returns true for a path that would be writable without a mount of its own.
pub(super) fn needs_closing(path: &AbsPath, roots: &[AbsPath], hidden: &[Held]) -> bool {
    roots.iter().any(|root| path.is_within(root)) && !hidden.iter().any(|(held, _)| path.is_within(held))
}

/// Returns every directory strictly between a writable directory and a held path in it, outermost
/// first.
///
/// Without them the command could rename such a directory, make another in its place, and so have the
/// held name without the mount. A mount point cannot be renamed. Below a read-only path nothing needs
/// pinning.
pub(super) fn pins(roots: &[AbsPath], hidden: &[Held], closed: &[Held]) -> Vec<AbsPath> {
    let mut pins: BTreeSet<(usize, AbsPath)> = BTreeSet::new();
    for (path, _) in hidden.iter().chain(closed) {
        let Some(root) = roots.iter().find(|root| path.is_within(root)) else { continue };
        let mut above = path.parent();
        while let Some(directory) = above {
            if !directory.is_within(root) || directory == *root {
                break;
            }
            above = directory.parent();
            if !closed.iter().any(|(held, _)| directory.is_within(held)) {
                pins.insert((directory.segments().count(), directory));
            }
        }
    }
    pins.into_iter().map(|(_, path)| path).collect()
}
