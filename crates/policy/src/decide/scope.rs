//! Where a path lies: in the working directories, among protected names, too high to be removed.

use crate::action::Action;
use crate::effects::{Access, Target, Touch};
use crate::facts::{Entry, Facts};
use crate::path::{AbsPath, Glob};
use crate::tables::protected;

/// Returns every name under which a path is known: as written, each link on the way, and where it leads.
pub(super) fn names(path: &AbsPath, facts: &Facts) -> Vec<AbsPath> {
    let mut names = vec![path.clone()];
    if let Some(resolved) = facts.resolved.get(path) {
        names.extend(resolved.hops.iter().cloned());
        names.push(resolved.real.clone());
    }
    names.dedup();
    names
}

/// Returns every name under which a rule that tightens may know a path: those above, and the names that it
/// has through the links at which rules hang.
pub(super) fn names_to_tighten(path: &AbsPath, facts: &Facts) -> Vec<AbsPath> {
    let mut names = names(path, facts);
    let links = || facts.resolved.iter().filter(|(written, resolved)| **written != resolved.real);
    for (written, resolved) in links() {
        let through: Vec<AbsPath> =
            names.iter().filter_map(|name| name.below(&resolved.real)).map(|rest| written.join(rest)).collect();
        names.extend(through);
    }
    names
}

/// Returns the links whose targets lie below a path.
pub(super) fn links_below<'f>(path: &'f AbsPath, facts: &'f Facts) -> impl Iterator<Item = &'f AbsPath> {
    let is_below = move |(written, resolved): &(&AbsPath, &crate::facts::Resolved)| {
        **written != resolved.real && resolved.real.is_within(path)
    };
    facts.resolved.iter().filter(is_below).map(|(written, _)| written)
}

/// Returns true when everything that the touch could mean lies, links followed, in a working directory.
pub(super) fn in_working_directories(touch: &Touch, facts: &Facts) -> bool {
    let inside = |path: &AbsPath| facts.working_directories.iter().any(|directory| path.is_within(directory));
    match &touch.target {
        Target::Paths(paths) => {
            !paths.is_empty()
                && paths.iter().all(|path| {
                    // The project may itself be reached through a link: where the path leads decides.
                    facts.resolved.get(path).is_some_and(|resolved| inside(&resolved.real))
                })
        }
        Target::Pattern(pattern, bases) => {
            !pattern.contains("..")
                && !bases.is_empty()
                && bases.iter().all(|base| facts.resolved.get(base).is_some_and(|resolved| inside(&resolved.real)))
        }
        Target::Unknown(_) => false,
    }
}

/// Returns the protected name that a write or removal touches, and what it would run.
pub(super) fn protected_name(touch: &Touch, facts: &Facts) -> Option<&'static protected::Name> {
    if touch.access == Access::Read {
        return None;
    }
    if let Target::Pattern(pattern, bases) = &touch.target {
        return protected_by_pattern(pattern).or_else(|| bases.iter().find_map(|base| protected_path(base, facts)));
    }
    touch.target.paths().find_map(|path| protected_path(path, facts))
}

/// Returns a protected name that a shell's pattern could match.
fn protected_by_pattern(pattern: &str) -> Option<&'static protected::Name> {
    let segments: Vec<&str> = pattern.split('/').filter(|segment| !segment.is_empty()).collect();
    // A pattern that begins with a wildcard matches no hidden name.
    let could_be = |segment: &str, name: &str| {
        let hidden = name.starts_with('.') && segment.starts_with(['*', '?', '[']);
        !hidden && Glob::parse(segment).matches(&[name])
    };
    protected::NAMES.iter().find(|row| {
        let parts: Vec<&str> = row.name.split('/').collect();
        segments.windows(parts.len()).enumerate().any(|(start, window)| {
            let fits = window.iter().zip(&parts).all(|(segment, name)| could_be(segment, name));
            fits && (row.directory || start + parts.len() == segments.len())
        })
    })
}

/// Returns the protected name that a path is known by.
pub(super) fn protected_path(path: &AbsPath, facts: &Facts) -> Option<&'static protected::Name> {
    names(path, facts).iter().find_map(|name| {
        let segments: Vec<&str> = name.segments().collect();
        protected::row(&segments)
    })
}

/// Returns why a removal is critical, if it is.
pub(super) fn critical_removal(touch: &Touch, action: &Action, facts: &Facts) -> Option<String> {
    if touch.access != Access::Delete {
        return None;
    }
    match &touch.target {
        Target::Paths(paths) => paths
            .iter()
            .flat_map(|path| names(path, facts))
            .find(|path| is_critical(path, action, facts))
            .map(|path| format!("it removes {path}")),
        Target::Pattern(pattern, bases) => {
            let sweeping = pattern.ends_with("/*") || pattern == "*" || pattern.ends_with("/.*") || pattern == ".*";
            if sweeping && bases.is_empty() {
                return Some(format!("it removes `{pattern}` in a directory that is not known"));
            }
            bases
                .iter()
                .find(|base| sweeping && is_critical(base, action, facts) && !is_work(base, action, facts))
                .map(|base| format!("it removes everything in {base}"))
        }
        Target::Unknown(word) => {
            let directory = word.trim_matches('"');
            let sweeping = directory.ends_with('*') || directory.ends_with('/') || word.ends_with('*');
            sweeping.then(|| format!("it removes what lies under `{word}`, which may be empty"))
        }
    }
}

fn is_work(path: &AbsPath, action: &Action, facts: &Facts) -> bool {
    *path == facts.project || *path == action.cwd
}

fn is_critical(path: &AbsPath, action: &Action, facts: &Facts) -> bool {
    path.segments().count() <= 1
        || *path == facts.home
        || facts.home.is_within(path)
        || action.cwd.is_within(path)
        || facts.project.is_within(path)
}

/// Returns true when the path is known to be a directory.
pub(super) fn is_directory(path: &AbsPath, facts: &Facts) -> bool {
    facts.resolved.get(path).is_some_and(|resolved| resolved.entry == Entry::Directory)
}
