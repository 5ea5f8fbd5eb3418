//! What stands at paths now.

#![expect(clippy::disallowed_methods, reason = "paths are looked at here, among the facts")]

use policy::AbsPath;
use policy::effects::Target;
use policy::facts::Removal;
use policy::path::Glob;

use super::repository::Repositories;
use crate::limits;

/// Returns what a target names at present.
pub(in crate::facts) fn present(target: &Target) -> Vec<AbsPath> {
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
            for name in list(directory).0 {
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

/// Returns the names in a directory, and whether these are all: a directory that cannot be read, and a
/// name that is no text, count as more.
pub(super) fn list(directory: &AbsPath) -> (Vec<String>, bool) {
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

/// Adds a path and everything below it, links not followed; with names, only what fits every one of them.
pub(super) fn removed(top: &AbsPath, names: &[String], repositories: &mut Repositories, removal: &mut Removal) {
    let globs: Vec<Glob> = names.iter().map(|name| Glob::parse(name)).collect();
    let mut open = vec![top.clone()];
    let mut looked_at = 0;
    while let Some(path) = open.pop() {
        let found = match std::fs::symlink_metadata(path.as_str()) {
            Ok(found) => found,
            Err(error) => {
                removal.more |= error.kind() == std::io::ErrorKind::PermissionDenied;
                continue;
            }
        };
        looked_at += 1;
        if looked_at > limits::REMOVED_ENTRIES_MAX {
            removal.more = true;
            return;
        }
        let name = path.name().unwrap_or_default();
        let counts = globs.iter().all(|glob| glob.matches(&[name]));
        if found.is_dir() {
            removal.directories += usize::from(counts);
            removal.repository |= counts && name == ".git";
            let (names, complete) = list(&path);
            removal.more |= !complete;
            open.extend(names.iter().map(|name| path.join(name)));
        } else if counts {
            file(&path, &found, repositories, removal);
        }
    }
}

/// Adds a file with content that is written over. Of a directory it is not known what is written over in it.
pub(super) fn overwritten(path: &AbsPath, repositories: &mut Repositories, removal: &mut Removal) {
    if let Ok(found) = std::fs::metadata(path.as_str())
        && found.is_file()
        && found.len() > 0
    {
        file(path, &found, repositories, removal);
    }
}

fn file(path: &AbsPath, found: &std::fs::Metadata, repositories: &mut Repositories, removal: &mut Removal) {
    removal.files += 1;
    removal.bytes += found.len();
    let Some(tracked) = repositories.of(path) else { return };
    let seen = tracked.entry(path);
    removal.tracked = Some(removal.tracked.unwrap_or(0) + usize::from(seen.is_some()));
    removal.changed += usize::from(seen.is_some_and(|seen| seen.differs_from(found)));
}
