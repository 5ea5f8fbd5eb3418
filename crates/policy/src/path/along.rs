//! A pattern at a directory of a walk.

use std::borrow::Cow;

use super::glob::Progress;
use super::{AbsPath, Glob};

/// A pattern at a directory of a walk, ready for the names in it.
#[derive(Debug, Clone)]
pub struct Along<'a> {
    glob: &'a Glob,
    at: Vec<At>,
}

/// Where the directory is, seen from a place that the pattern hangs at.
#[derive(Debug, Clone)]
enum At {
    /// Below that place, and so far along the glob.
    Below(Progress),
    /// Below it, with a glob too long to count: the segments on the way.
    Far(Vec<String>),
    /// Right above it: by this name it is reached.
    Above(String),
}

impl<'a> Along<'a> {
    pub(super) fn new<'b>(glob: &'a Glob, bases: impl Iterator<Item = Cow<'b, AbsPath>>, directory: &AbsPath) -> Self {
        let at = |base: Cow<'b, AbsPath>| match directory.below(&base) {
            Some(below) => {
                let segments = || below.split('/').filter(|segment| !segment.is_empty());
                Some(match glob.start() {
                    Some(start) => At::Below(segments().fold(start, |progress, name| glob.pass(progress, name))),
                    None => At::Far(segments().map(str::to_owned).collect()),
                })
            }
            None => match base.below(directory) {
                Some(name) if !name.contains('/') => Some(At::Above(name.to_owned())),
                Some(_) | None => None,
            },
        };
        Self { glob, at: bases.filter_map(at).collect() }
    }

    /// Returns what [`PathPattern::covers`](super::PathPattern::covers) says of a name in the directory.
    pub fn covers(&self, name: &str) -> bool {
        self.at.iter().any(|at| match at {
            At::Below(progress) => progress.covered || self.glob.pass(*progress, name).covered,
            At::Far(segments) => {
                let path: Vec<&str> = segments.iter().map(String::as_str).chain([name]).collect();
                self.glob.matches_or_holds(&path)
            }
            At::Above(base) => base == name && self.glob.matches_or_holds(&[]),
        })
    }
}

#[cfg(test)]
mod tests;
