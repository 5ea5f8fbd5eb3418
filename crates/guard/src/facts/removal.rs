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
        let unknown = effect
            .touches
            .iter()
            .any(|touch| touch.access == Access::Delete && matches!(touch.target, Target::Unknown(_)));
        let mut removal = Removal { part, tracked: tracked.as_ref().map(|_| 0), unknown, ..Removal::default() };
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
                if fits && next.len() <= limits::REMOVED_ENTRIES_MAX {
                    next.push(directory.join(&name));
                }
            }
        }
        found = next;
    }
    found
}

fn names(directory: &AbsPath) -> Vec<String> {
    list(directory).0
}

/// Returns the names in a directory, and whether these are all: a directory that cannot be read, and a
/// name that is no text, count as more.
fn list(directory: &AbsPath) -> (Vec<String>, bool) {
    let Ok(mut entries) = std::fs::read_dir(directory.as_str()) else { return (Vec::new(), false) };
    let mut complete = true;
    let mut found = Vec::new();
    for entry in entries.by_ref().take(limits::REMOVED_ENTRIES_MAX + 1) {
        match entry.ok().and_then(|entry| entry.file_name().into_string().ok()) {
            Some(name) => found.push(name),
            None => complete = false,
        }
    }
    (found, complete)
}

/// Adds a path and everything below it, links not followed.
fn add(top: &AbsPath, tracked: Option<&index::Tracked>, removal: &mut Removal) {
    let mut open = vec![top.clone()];
    while let Some(path) = open.pop() {
        let found = match std::fs::symlink_metadata(path.as_str()) {
            Ok(found) => found,
            Err(error) => {
                removal.more |= error.kind() == std::io::ErrorKind::PermissionDenied;
                continue;
            }
        };
        if removal.files + removal.directories >= limits::REMOVED_ENTRIES_MAX {
            removal.more = true;
            return;
        }
        if found.is_dir() {
            removal.directories += 1;
            let (names, complete) = list(&path);
            removal.more |= !complete;
            open.extend(names.iter().map(|name| path.join(name)));
            continue;
        }
        removal.files += 1;
        removal.bytes += found.len();
        if let Some(size) = tracked.and_then(|tracked| tracked.size(&path)) {
            removal.tracked = removal.tracked.map(|count| count + 1);
            // git writes 0 where it wants to look again.
            removal.changed += usize::from(size != 0 && u64::from(size) != found.len() & u64::from(u32::MAX));
        }
    }
}
