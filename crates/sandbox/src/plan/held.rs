//! Which held paths need a mount, and which directories must be pinned for them.

use std::collections::BTreeSet;

use policy::AbsPath;

use super::Zone;
use super::nested::Hidden;

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

/// Returns the writable directories that need a mount: those that lie in no other one, at or below no path that
/// must not be written, and where they may be read.
pub(super) fn writable_roots(writable: &[AbsPath], hidden: &[Hidden], closed: &[Held]) -> Vec<AbsPath> {
    let is_open = |path: &AbsPath| {
        !hidden.iter().any(|hidden| hidden.covers(path)) && !closed.iter().any(|(held, _)| path.is_within(held))
    };
    // The outermost first: one that lies in another stays a part of it, also where the other is not open.
    let outermost = outermost(writable.iter().map(|path| (path.clone(), String::new())));
    outermost.into_iter().map(|(path, _)| path).filter(is_open).collect()
}

/// Returns true for a path that is not there inside: it lies in a private place and in no writable
/// directory, and holds none.
pub(super) fn is_gone(path: &AbsPath, roots: &[AbsPath]) -> bool {
    Zone::of(path).is_some() && !roots.iter().any(|root| path.is_within(root) || root.is_within(path))
}

/// Returns true for a path that would be writable without a mount of its own. In what is hidden nothing is, and what
/// is readable again there is read-only.
pub(super) fn needs_closing(path: &AbsPath, roots: &[AbsPath], hidden: &[Hidden]) -> bool {
    roots.iter().any(|root| path.is_within(root) && !is_masked(path, root, hidden))
}

/// Returns true for a path at or below one that is hidden in a writable directory.
fn is_masked(path: &AbsPath, root: &AbsPath, hidden: &[Hidden]) -> bool {
    hidden.iter().any(|hidden| hidden.path.is_within(root) && path.is_within(&hidden.path))
}

/// Returns every directory strictly between a writable directory and a held path in it, outermost
/// first.
///
/// Without them the command could rename such a directory, make another in its place, and so have the
/// held name without the mount. A mount point cannot be renamed. Below a read-only path, and in what is hidden,
/// nothing needs pinning.
pub(super) fn pins(roots: &[AbsPath], hidden: &[Hidden], closed: &[Held]) -> Vec<AbsPath> {
    let mut pins: BTreeSet<(usize, AbsPath)> = BTreeSet::new();
    for path in hidden.iter().map(|hidden| &hidden.path).chain(closed.iter().map(|(path, _)| path)) {
        let Some(root) = roots.iter().find(|root| path.is_within(root)) else { continue };
        let mut above = path.parent();
        while let Some(directory) = above {
            if !directory.is_within(root) || directory == *root {
                break;
            }
            above = directory.parent();
            let is_closed = closed.iter().any(|(held, _)| directory.is_within(held));
            if !is_closed && !is_masked(&directory, root, hidden) {
                pins.insert((directory.segments().count(), directory));
            }
        }
    }
    pins.into_iter().map(|(_, path)| path).collect()
}
