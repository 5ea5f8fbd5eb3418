//! Directories as a walk sees them: the directories in them and the names that matter. What one walk saw is kept for
//! the next, which looks only whether a directory changed.
//!
//! A directory's own times change with every name that comes, goes or is replaced in it, and no program can set the
//! second of them. What a name leads to, how many names a file has and what a file says is not kept: that is looked at
//! each time, for the few names that matter.

mod file;
mod form;
mod listing;
mod stamp;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::thread;

use policy::AbsPath;
use rustix::fs::{CWD, Mode, OFlags};

use crate::limits;
use crate::place::Kept;
pub(super) use file::{Key, read};
use listing::Listed;
pub(super) use listing::{Failed, Kind, Marks, Named};
use stamp::{Stamp, Stamps};

/// A directory that a walk saw.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node<'k> {
    /// Its name in the directory above, or the path of the first.
    name: Cow<'k, str>,
    /// The number of the directory above, which is smaller than its own; its own for the first.
    parent: usize,
    /// What must be the same for the rest to hold; nothing where it cannot be told by that.
    stamp: Option<Stamp>,
    listed: Listed<'k>,
}

type Nodes<'k> = Vec<Node<'k>>;

/// What walks saw before, and see now.
#[derive(Debug)]
pub(super) struct Walks<'a> {
    kept: Option<(&'a Kept, Key)>,
    before: BTreeMap<String, Nodes<'a>>,
    now: BTreeMap<String, Nodes<'a>>,
    changed: bool,
    stamps: Stamps,
    /// Names that were looked at.
    names: usize,
}

impl<'a> Walks<'a> {
    /// Takes up the bytes of what was kept under a key, if anything was and is as it was written.
    pub(super) fn open(kept: Option<&'a Kept>, key: Key, bytes: Option<&'a [u8]>) -> Self {
        let before = kept.zip(bytes).and_then(|(kept, bytes)| form::parse(bytes, &key, kept.now_ms));
        Self {
            changed: before.is_none(),
            before: before.unwrap_or_default(),
            now: BTreeMap::new(),
            stamps: Stamps::new(kept.map(|kept| kept.now_ms)),
            kept: kept.map(|kept| (kept, key)),
            names: 0,
        }
    }

    /// Begins a walk. Every walk has a name of its own.
    pub(super) fn begin(&mut self, name: String, root: &AbsPath) -> Walk<'_, 'a> {
        let before =
            self.before.remove(&name).filter(|nodes| nodes.first().is_some_and(|first| first.name == root.as_str()));
        let before = before.unwrap_or_default();
        let mut below = vec![Vec::new(); before.len()];
        for (at, node) in before.iter().enumerate().skip(1) {
            if let Some(children) = below.get_mut(node.parent) {
                children.push(at);
            }
        }
        let same = same(&before, &below);
        let was = (!before.is_empty()).then_some(0);
        let start = Step { path: root.clone(), name: Cow::Owned(root.to_string()), parent: 0, was };
        Walk { walks: self, name, before: before.into_iter().map(Some).collect(), same, below, now: Vec::new(), start }
    }

    /// Keeps what was seen, if it is not what was kept before. Whoever cannot keep it walks again next time.
    pub(super) fn keep(self) {
        if let Some((kept, key)) = &self.kept
            && (self.changed || !self.before.is_empty())
        {
            file::write(kept, key, &self.now);
        }
    }
}

/// Tells of each directory whether it is as it was. Two threads look, each from the directories above its share.
fn same(nodes: &Nodes<'_>, below: &[Vec<usize>]) -> Vec<bool> {
    let mut same = vec![false; nodes.len()];
    if let (Some(root), Some(known)) = (nodes.first(), same.first_mut()) {
        *known = root.stamp.is_some() && stamp::look(CWD, &root.name, true) == root.stamp;
    }
    let above = paths(nodes, below);
    let half = if nodes.len() < limits::WALK_ALONE_MAX { above.len() } else { above.len() / 2 };
    let (left, right) = above.split_at(half);
    let tell = |share: &[(usize, String)]| -> Vec<usize> {
        let children = |(at, path): &(usize, String)| same_in(nodes, below.get(*at)?, path, *at == 0);
        share.iter().filter_map(children).flatten().collect()
    };
    let found = thread::scope(|scope| {
        let other = (!right.is_empty()).then(|| thread::Builder::new().spawn_scoped(scope, || tell(right)));
        let mut found = tell(left);
        // Without the thread the directories are read again.
        found.extend(other.and_then(|other| other.ok()?.join().ok()).unwrap_or_default());
        found
    });
    for at in found {
        if let Some(known) = same.get_mut(at) {
            *known = true;
        }
    }
    same
}

/// Returns the numbers and paths of the directories that hold others.
fn paths(nodes: &Nodes<'_>, below: &[Vec<usize>]) -> Vec<(usize, String)> {
    let mut paths: Vec<String> = Vec::with_capacity(nodes.len());
    for (at, (node, children)) in nodes.iter().zip(below).enumerate() {
        // Most hold none.
        let path = match paths.get(node.parent).filter(|_| at > 0) {
            _ if children.is_empty() => String::new(),
            Some(above) if above == "/" => format!("/{}", node.name),
            Some(above) => format!("{above}/{}", node.name),
            None => node.name.to_string(),
        };
        paths.push(path);
    }
    paths.into_iter().enumerate().filter(|(_, path)| !path.is_empty()).collect()
}

/// Returns those of the directories in one that are as they were.
fn same_in(nodes: &Nodes<'_>, children: &[usize], path: &str, follow: bool) -> Option<Vec<usize>> {
    let mut flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, !follow);
    let above = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    let is_same = |at: &usize| {
        let node = nodes.get(*at);
        node.is_some_and(|node| node.stamp.is_some() && stamp::look(&above, &node.name, false) == node.stamp)
    };
    Some(children.iter().copied().filter(is_same).collect())
}

/// One walk.
#[derive(Debug)]
pub(super) struct Walk<'w, 'a> {
    walks: &'w mut Walks<'a>,
    name: String,
    before: Vec<Option<Node<'a>>>,
    same: Vec<bool>,
    /// For each directory of before the numbers of those in it.
    below: Vec<Vec<usize>>,
    now: Nodes<'a>,
    start: Step<'a>,
}

/// A directory to be looked at.
#[derive(Debug, Clone)]
pub(super) struct Step<'k> {
    /// Where it is.
    pub(super) path: AbsPath,
    name: Cow<'k, str>,
    parent: usize,
    was: Option<usize>,
}

/// What is in a directory.
#[derive(Debug)]
pub(super) struct Seen<'k> {
    /// The names that matter.
    pub(super) marked: Vec<Named<'k>>,
    /// The directories that can be walked on to.
    pub(super) directories: Vec<Step<'k>>,
}

impl<'k> Walk<'_, 'k> {
    /// Returns where the walk starts.
    pub(super) fn start(&self) -> Step<'k> {
        self.start.clone()
    }

    /// Returns what is in a directory. The names that matter, and the directories that the walk may go on to, are
    /// told by the names alone: they stay the same while the directory does.
    pub(super) fn see<M: Marks>(
        &mut self,
        step: &Step<'k>,
        marks: impl FnOnce(&AbsPath) -> M,
    ) -> Result<Seen<'k>, Failed> {
        let before = step.was.and_then(|was| self.before.get_mut(was)?.take());
        let is_same = step.was.is_some_and(|was| self.same.get(was) == Some(&true));
        let (stamp, listed) = match before {
            Some(node) if is_same => (node.stamp, node.listed),
            Some(_) | None => {
                let follow = self.now.is_empty();
                let found = listing::list(&step.path, follow, &marks(&step.path), &mut self.walks.stamps);
                let was = before.map(|node| (node.stamp, node.listed));
                self.walks.changed |= was.as_ref() != found.as_ref().ok();
                found?
            }
        };
        self.walks.names = self.walks.names.saturating_add(listed.names);
        if self.walks.names > limits::WALK_ENTRIES_MAX {
            return Err(Failed::TooMany);
        }
        let seen = self.seen(step, &listed);
        self.now.push(Node { name: step.name.clone(), parent: step.parent, stamp, listed });
        Ok(seen)
    }

    fn seen(&self, step: &Step<'k>, listed: &Listed<'k>) -> Seen<'k> {
        let own = self.now.len();
        let before: &[usize] = step.was.and_then(|was| self.below.get(was)).map_or(&[], Vec::as_slice);
        // Both are in the same order, if nothing changed.
        let mut next = 0;
        let directories = listed.directories.iter().map(|name| {
            let is_it = |at: usize| self.before.get(at).and_then(Option::as_ref).is_some_and(|node| node.name == *name);
            let was = match before.get(next).copied().filter(|at| is_it(*at)) {
                Some(at) => {
                    next += 1;
                    Some(at)
                }
                None => before.iter().copied().find(|at| is_it(*at)),
            };
            Step { path: step.path.join(name), name: name.clone(), parent: own, was }
        });
        let directories = directories.collect();
        Seen { marked: listed.marked.clone(), directories }
    }

    /// Ends the walk: what it saw can be kept.
    pub(super) fn end(self) {
        self.walks.changed |= self.before.iter().any(Option::is_some);
        self.walks.now.insert(self.name, self.now);
    }
}

#[cfg(test)]
mod tests;
