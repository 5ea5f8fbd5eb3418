//! Hidden paths, and what is readable again inside them: of all that hold a path the innermost counts.

use policy::AbsPath;

use super::Zone;

/// A hidden path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hidden {
    pub(super) path: AbsPath,
    pub(super) why: String,
    /// What is readable again in it, sorted. What lies in one of these is not hidden by this.
    pub(super) parts: Vec<AbsPath>,
}

impl Hidden {
    /// Returns true when it hides the path.
    pub(super) fn covers(&self, path: &AbsPath) -> bool {
        path.is_within(&self.path) && !self.parts.iter().any(|part| path.is_within(part))
    }

    /// Returns true when something is readable in it.
    pub(super) fn is_veiled(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Returns true when it is not there inside: it lies in a private place and in no writable directory. What
    /// is writable below it is mounted in the private place, which is empty but for that.
    pub(super) fn is_gone(&self, roots: &[AbsPath]) -> bool {
        Zone::of(&self.path).is_some() && !roots.iter().any(|root| self.path.is_within(root))
    }
}

/// Returns the hidden paths that change what is readable, sorted, each with its parts.
///
/// One that lies where everything is hidden already says nothing; neither does a readable one that lies where
/// everything is readable. Of equal paths the first that hides stays.
pub(super) fn hidden(unreadable: impl Iterator<Item = (AbsPath, String)>, reopened: &[AbsPath]) -> Vec<Hidden> {
    let opened = reopened.iter().map(|path| (path.clone(), None));
    let mut all: Vec<(AbsPath, Option<String>)> =
        unreadable.map(|(path, why)| (path, Some(why))).chain(opened).collect();
    // A parent sorts before what lies in it once segments are compared instead of bytes; of equal paths those
    // that hide stay in front.
    all.sort_by(|(left, _), (right, _)| left.segments().cmp(right.segments()));
    let mut kept: Vec<Hidden> = Vec::new();
    // What holds the present path, outermost first: where in `kept` it hides, or that it opens.
    let mut around: Vec<(AbsPath, Option<usize>)> = Vec::new();
    for (path, why) in all {
        while around.last().is_some_and(|(outer, _)| !path.is_within(outer)) {
            around.pop();
        }
        let within = around.last().and_then(|(outer, hides)| hides.map(|index| (outer, index)));
        match (why, within) {
            (None, None) => {}
            // It says nothing, but that what opens this very path does not.
            (Some(_), Some((_, index))) => around.push((path, Some(index))),
            (Some(why), None) => {
                // A path that is opened and hidden alike is hidden.
                around.push((path.clone(), Some(kept.len())));
                kept.push(Hidden { path, why, parts: Vec::new() });
            }
            (None, Some((outer, index))) => {
                if *outer != path
                    && let Some(hidden) = kept.get_mut(index)
                {
                    hidden.parts.push(path.clone());
                    around.push((path, None));
                }
            }
        }
    }
    kept
}
