//! What really lies below a directory that a call reads as a whole.

#![expect(clippy::disallowed_methods, reason = "paths are looked at here, among the facts")]

use std::collections::BTreeMap;

use policy::effects::{Access, Target};
use policy::facts::{Below, Entry};
use policy::path::PathPattern;
use policy::{AbsPath, Action, Effects, Policy};

use super::resolve;
use crate::limits;
use crate::place::Place;

/// Looks below each directory that is read, written or removed as a whole for files that a path rule which
/// tightens covers.
///
/// The search ends at a bound; what it has not seen is not known, and the rules ask about that.
pub(super) fn search(policy: &Policy, place: &Place, action: &Action, effects: &Effects) -> BTreeMap<AbsPath, Below> {
    let patterns: Vec<&PathPattern> = policy.tightened_paths().collect();
    let mut found = BTreeMap::new();
    if patterns.is_empty() {
        return found;
    }
    let mut left = limits::BELOW_ENTRIES_MAX;
    let touches = effects.parts.iter().flat_map(|part| &part.touches).filter(|touch| touch.recursive);
    for touch in touches {
        let (Access::Look | Access::Read | Access::Write | Access::Delete, Target::Paths(paths)) =
            (touch.access, &touch.target)
        else {
            continue;
        };
        for path in paths {
            if !found.contains_key(path) {
                let search = Search { patterns: &patterns, project: &place.project, cwd: &action.cwd };
                found.insert(path.clone(), search.below(path, &mut left));
            }
        }
    }
    found
}

struct Search<'a> {
    patterns: &'a [&'a PathPattern],
    project: &'a AbsPath,
    cwd: &'a AbsPath,
}

impl Search<'_> {
    /// Walks a directory as far as something covered could lie there. Links are not followed, but where
    /// one leads counts.
    fn below(&self, top: &AbsPath, left: &mut usize) -> Below {
        let mut below = Below { files: Vec::new(), complete: true };
        let mut open = vec![top.clone()];
        while let Some(directory) = open.pop() {
            let could = |pattern: &&&PathPattern| pattern.could_cover_below(&directory, self.project, self.cwd);
            if self.patterns.iter().filter(could).count() == 0 {
                continue;
            }
            let Ok(entries) = std::fs::read_dir(directory.as_str()) else {
                // What is no directory has nothing below it.
                below.complete &= std::fs::metadata(directory.as_str()).is_ok_and(|found| !found.is_dir());
                continue;
            };
            for entry in entries {
                let Ok(entry) = entry else {
                    below.complete = false;
                    break;
                };
                match left.checked_sub(1) {
                    Some(rest) if below.files.len() < limits::BELOW_FOUND_MAX => *left = rest,
                    Some(_) | None => return Below { complete: false, ..below },
                }
                match entry.file_name().to_str() {
                    Some(name) => self.entry(&entry, directory.join(name), &mut open, &mut below),
                    None => below.complete = false,
                }
            }
        }
        below
    }

    fn entry(&self, entry: &std::fs::DirEntry, path: AbsPath, open: &mut Vec<AbsPath>, below: &mut Below) {
        let covered = |path: &AbsPath| self.patterns.iter().any(|pattern| pattern.covers(path, self.project, self.cwd));
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => match resolve::resolve(&path) {
                // A directory elsewhere is not looked into.
                Ok(found) if found.entry == Entry::Directory => below.complete = false,
                Ok(found) if covered(&found.real) => below.files.push(found.real),
                Ok(_) => {}
                Err(_) => below.complete = false,
            },
            Ok(kind) if kind.is_dir() => open.push(path.clone()),
            Ok(_) => {}
            Err(_) => below.complete = false,
        }
        if covered(&path) {
            below.files.push(path);
        }
    }
}
