//! What a destructive command would remove now: how much, and whether git could bring it back.

mod index;

use policy::effects::{Access, Target};
use policy::facts::Removal;
use policy::path::Glob;
use policy::{AbsPath, Effects};

use crate::limits;
use crate::place::Place;

/// Counts, for each part that removes something, what lies there now.
pub(super) fn count(place: &Place, effects: &Effects) -> Vec<Removal> {
    let mut removals = Vec::new();
    let mut tracked: Option<Option<index::Tracked>> = None;
    for (part, effect) in effects.parts.iter().enumerate() {
        let targets: Vec<AbsPath> = effect
            .touches
            .iter()
            .filter(|touch| touch.access == Access::Delete)
            .flat_map(|touch| present(&touch.target))
            .collect();
        if effect.touches.iter().all(|touch| touch.access != Access::Delete) {
            continue;
        }
        let tracked = tracked.get_or_insert_with(|| index::Tracked::read(&place.project));
        let mut removal = Removal { part, tracked: tracked.as_ref().map(|_| 0), ..Removal::default() };
        for target in &targets {
            add(target, tracked.as_ref(), &mut removal);
        }
        removals.push(removal);
    }
    removals
}

/// Returns what a target names at present.
pub(super) fn present(target: &Target) -> Vec<AbsPath> {
    match target {
        Target::Paths(paths) => paths.clone(),
        Target::Pattern(pattern, bases) => {
            let first = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
            let stem = pattern.get(..first).and_then(|text| text.rfind('/')).map_or(0, |at| at + 1);
            let segments: Vec<&str> = pattern.get(stem..).unwrap_or_default().split('/').collect();
            bases.iter().flat_map(|base| expand(base, &segments)).collect()
        }
        Target::Unknown(_) => Vec::new(),
    }
}

/// Expands a pattern as a shell does: no wildcard matches a hidden name at its beginning.
fn expand(base: &AbsPath, segments: &[&str]) -> Vec<AbsPath> {
    let mut found = vec![base.clone()];
    for segment in segments.iter().filter(|segment| !segment.is_empty()) {
        let glob = Glob::parse(segment);
        let hidden = segment.starts_with('.');
        let mut next = Vec::new();
        for directory in &found {
            for name in names(directory) {
                let fits = (hidden || !name.starts_with('.')) && glob.matches(&[name.as_str()]);
                if fits && next.len() < limits::REMOVED_ENTRIES_MAX {
                    next.push(directory.join(&name));
                }
            }
        }
        found = next;
    }
    found
}

fn names(directory: &AbsPath) -> Vec<String> {
    let entries = std::fs::read_dir(directory.as_str()).into_iter().flatten().flatten();
    entries.take(limits::REMOVED_ENTRIES_MAX).filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Adds a path and everything below it, links not followed.
fn add(top: &AbsPath, tracked: Option<&index::Tracked>, removal: &mut Removal) {
    let mut open = vec![top.clone()];
    while let Some(path) = open.pop() {
        let Ok(found) = std::fs::symlink_metadata(path.as_str()) else { continue };
        if removal.files + removal.directories >= limits::REMOVED_ENTRIES_MAX {
            removal.more = true;
            return;
        }
        if found.is_dir() {
            removal.directories += 1;
            open.extend(names(&path).iter().map(|name| path.join(name)));
            continue;
        }
        removal.files += 1;
        removal.bytes += found.len();
        if tracked.is_some_and(|tracked| tracked.holds(&path)) {
            removal.tracked = removal.tracked.map(|count| count + 1);
        }
    }
}
