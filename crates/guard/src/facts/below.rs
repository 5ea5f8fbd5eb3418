//! What really lies below a directory that a call reads as a whole.

use std::collections::BTreeMap;

use policy::effects::{Access, Target};
use policy::path::PathPattern;
use policy::{AbsPath, Action, Effects, Policy};

use crate::limits;
use crate::place::Place;

/// Looks below each directory that is read, written or removed as a whole for files that a path rule which
/// tightens covers.
///
/// The search ends at a bound; what it has not seen is not known, and the rules ask about that.
pub(super) fn search(
    policy: &Policy,
    place: &Place,
    action: &Action,
    effects: &Effects,
) -> BTreeMap<AbsPath, Vec<AbsPath>> {
    let patterns: Vec<&PathPattern> = policy.tightened_paths().collect();
    let mut found = BTreeMap::new();
    if patterns.is_empty() {
        return found;
    }
    let mut left = limits::BELOW_ENTRIES_MAX;
    let touches = effects.parts.iter().flat_map(|part| &part.touches).filter(|touch| touch.recursive);
    for touch in touches {
        let (Access::Read | Access::Write | Access::Delete, Target::Paths(paths)) = (touch.access, &touch.target) else {
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
    /// Walks a directory, links not followed, as far as something covered could lie there.
    fn below(&self, top: &AbsPath, left: &mut usize) -> Vec<AbsPath> {
        let mut found = Vec::new();
        let mut open = vec![top.clone()];
        while let Some(directory) = open.pop() {
            let could = |pattern: &&&PathPattern| pattern.could_cover_below(&directory, self.project, self.cwd);
            if self.patterns.iter().filter(could).count() == 0 {
                continue;
            }
            let Ok(entries) = std::fs::read_dir(directory.as_str()) else { continue };
            for entry in entries.flatten() {
                *left = match left.checked_sub(1) {
                    Some(left) if found.len() < limits::BELOW_FOUND_MAX => left,
                    Some(_) | None => return found,
                };
                let Some(path) = entry.file_name().to_str().map(|name| directory.join(name)) else { continue };
                if self.patterns.iter().any(|pattern| pattern.covers(&path, self.project, self.cwd)) {
                    found.push(path.clone());
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(path);
                }
            }
        }
        found
    }
}
