//! Where a path lies: in the working directories, among protected names, too high to be removed.

use std::borrow::Cow;

use crate::action::Action;
use crate::effects::{Access, Effects, Target, Touch};
use crate::facts::{Entry, Facts};
use crate::limits;
use crate::path::{AbsPath, Glob};
use crate::tables::{executed, protected};

/// Returns every name under which a path is known: as written, each link on the way, and where it leads.
pub(super) fn names<'a>(path: &'a AbsPath, facts: &'a Facts) -> impl Iterator<Item = &'a AbsPath> {
    let resolved = facts.resolved.get(path);
    let further = resolved.into_iter().flat_map(|resolved| resolved.hops.iter().chain([&resolved.real]));
    // A path that leads through no link is its own real path.
    std::iter::once(path).chain(further.filter(move |name| *name != path))
}

/// Returns every name under which a rule that tightens may know a path: those above, and the names that it
/// has through the links at which rules hang.
pub(super) fn names_to_tighten(path: &AbsPath, facts: &Facts) -> Vec<AbsPath> {
    let (mut names, _) = names_through_links(path, facts);
    names.truncate(limits::NAMES_MAX);
    names
}

/// Returns the names, and whether there are more than are looked at: every link to a directory above doubles them.
fn names_through_links(path: &AbsPath, facts: &Facts) -> (Vec<AbsPath>, bool) {
    let mut names: Vec<AbsPath> = names(path, facts).cloned().collect();
    let links = facts.resolved.iter().filter(|(written, resolved)| **written != resolved.real);
    for (written, resolved) in links {
        if names.len() > limits::NAMES_MAX {
            return (names, true);
        }
        let through: Vec<AbsPath> =
            names.iter().filter_map(|name| name.below(&resolved.real)).map(|rest| written.join(rest)).collect();
        names.extend(through);
    }
    let has_more = names.len() > limits::NAMES_MAX;
    (names, has_more)
}

/// Returns the effects in doubt as a whole, where something has more names than rules are held against.
pub(super) fn doubted<'e>(effects: &'e Effects, facts: &Facts) -> Cow<'e, Effects> {
    let others = effects.parts.iter().flat_map(|part| part.mentions.iter().chain(&part.may_name));
    let passed = effects.parts.iter().flat_map(|part| &part.touches).filter_map(|touch| links_passed(touch, facts));
    let mut all = effects.paths().chain(others).chain(passed.flatten());
    match all.find(|path| names_through_links(path, facts).1) {
        Some(path) => {
            let why = format!("{path} has too many names: links beside it lead to directories above");
            Cow::Owned(Effects { opaque: Some(effects.opaque.clone().unwrap_or(why)), ..effects.clone() })
        }
        None => Cow::Borrowed(effects),
    }
}

/// Returns the links whose targets lie below a path.
pub(super) fn links_below<'f>(path: &'f AbsPath, facts: &'f Facts) -> impl Iterator<Item = &'f AbsPath> {
    let is_below = move |(written, resolved): &(&AbsPath, &crate::facts::Resolved)| {
        **written != resolved.real && resolved.real.is_within(path)
    };
    facts.resolved.iter().filter(is_below).map(|(written, _)| written)
}

/// Returns a path that could not be looked at: where it leads is not known.
pub(super) fn unseen<'p>(mut paths: impl Iterator<Item = &'p AbsPath>, facts: &Facts) -> Option<&'p AbsPath> {
    paths.find(|path| !facts.resolved.contains_key(path))
}

/// Returns true when everything that the touch could mean lies, links followed, in a working directory.
pub(super) fn in_working_directories(touch: &Touch, facts: &Facts) -> bool {
    let inside = |path: &AbsPath| facts.working_directories.iter().any(|directory| path.is_within(directory));
    let leads_inside = |path: &AbsPath| facts.resolved.get(path).is_some_and(|resolved| inside(&resolved.real));
    let Some(passed) = links_passed(touch, facts) else { return false };
    match &touch.target {
        Target::Paths(paths) => {
            // The project may itself be reached through a link: where the path leads decides.
            !paths.is_empty() && paths.iter().chain(passed).all(leads_inside)
        }
        Target::Pattern(pattern, bases) => {
            !pattern.contains("..") && !bases.is_empty() && bases.iter().chain(passed).all(leads_inside)
        }
        Target::Unknown(_) => false,
    }
}

/// Returns the links that a touch goes through beside those in the paths that it names, with what a pattern
/// matches; nothing where a tree was not looked at to its end.
pub(super) fn links_passed<'f>(touch: &Touch, facts: &'f Facts) -> Option<Vec<&'f AbsPath>> {
    let mut passed = Vec::new();
    for name in touch.links_asked() {
        match facts.links_matched.get(&name) {
            Some(links) => passed.extend(links),
            None if name.ends_with("/**") => return None,
            None => {}
        }
    }
    Some(passed)
}

/// Returns a path of a change that lies in a working directory by its name, and where a link takes it out of them.
pub(super) fn led_out<'f>(touch: &Touch, facts: &'f Facts) -> Option<&'f AbsPath> {
    let inside = |path: &AbsPath| facts.working_directories.iter().any(|directory| path.is_within(directory));
    if touch.access <= Access::Read {
        return None;
    }
    let real = |path: &AbsPath| facts.resolved.get(path).map(|resolved| &resolved.real).filter(|real| !inside(real));
    let passed = links_passed(touch, facts).unwrap_or_default();
    touch.target.paths().filter(|path| inside(path)).chain(passed).find_map(real)
}

/// Returns the protected name that a write or removal touches, and what it would run.
pub(super) fn protected_name(touch: &Touch, facts: &Facts) -> Option<&'static protected::Name> {
    if touch.access <= Access::Read {
        return None;
    }
    if let Target::Pattern(pattern, bases) = &touch.target {
        if bases.is_empty() {
            return protected_by_pattern(&[], pattern);
        }
        let rest = below_stem(pattern);
        return bases.iter().find_map(|base| protected_path(base, facts)).or_else(|| {
            let names = bases.iter().flat_map(|base| names(base, facts));
            names.into_iter().find_map(|base| protected_by_pattern(&base.segments().collect::<Vec<_>>(), rest))
        });
    }
    touch.target.paths().find_map(|path| protected_path(path, facts))
}

/// Returns what stands in a shell's pattern behind the directory that it names plainly.
fn below_stem(pattern: &str) -> &str {
    let stem = pattern.find(['*', '?', '[']).and_then(|end| pattern.get(..end)).unwrap_or(pattern);
    stem.rfind('/').and_then(|at| pattern.get(at + 1..)).unwrap_or(pattern)
}

/// Returns a protected name that a shell's pattern could match in a directory.
fn protected_by_pattern(directory: &[&str], pattern: &str) -> Option<&'static protected::Name> {
    let pattern = pattern.split('/').filter(|segment| !segment.is_empty());
    let segments: Vec<&str> = directory.iter().copied().chain(pattern).collect();
    // A pattern that begins with a wildcard matches no hidden name.
    let could_be = |segment: &str, name: &str| {
        let hidden = name.starts_with('.') && segment.starts_with(['*', '?', '[']);
        !hidden && (Glob::parse(segment).matches(&[name]) || segment.eq_ignore_ascii_case(name))
    };
    protected::NAMES.iter().find(|row| {
        let parts: Vec<&str> = row.name.split('/').collect();
        segments.windows(parts.len()).enumerate().any(|(start, window)| {
            let fits = window.iter().zip(&parts).all(|(segment, name)| could_be(segment, name));
            let end = start + parts.len();
            fits && end > directory.len() && (row.directory || end == segments.len())
        })
    })
}

/// Returns the protected name that a path is known by.
pub(super) fn protected_path(path: &AbsPath, facts: &Facts) -> Option<&'static protected::Name> {
    names(path, facts).find_map(|name| {
        let segments: Vec<&str> = name.segments().collect();
        protected::row(&segments)
    })
}

/// Returns the name of something that is run later, and that a touch changes; of what a pattern matches,
/// the pattern, where it may be such a name and is written.
pub(super) fn executed_name(touch: &Touch, facts: &Facts) -> Option<(String, &'static executed::Executed)> {
    if touch.access <= Access::Read {
        return None;
    }
    match &touch.target {
        Target::Paths(paths) => paths.iter().flat_map(|path| names(path, facts)).find_map(|name| {
            let segments: Vec<&str> = name.segments().collect();
            executed::find(&segments).map(|row| (name.to_string(), row))
        }),
        Target::Pattern(pattern, bases) if touch.access == Access::Write => {
            // What it matches now is known where somebody looked.
            if let Some(matched) = facts.links_matched.get(pattern) {
                return matched.iter().flat_map(|path| names(path, facts)).find_map(|name| {
                    let segments: Vec<&str> = name.segments().collect();
                    executed::find(&segments).map(|row| (name.to_string(), row))
                });
            }
            let shell = Glob::parse(pattern.get(stem(pattern)..).unwrap_or(pattern));
            let mut names = bases.iter().flat_map(|base| names(base, facts));
            names.find_map(|base| executed::find_met(&shell.below(base))).map(|row| (touch.target.describe(), row))
        }
        Target::Pattern(..) | Target::Unknown(_) => None,
    }
}

/// Returns why a removal is critical, if it is.
pub(super) fn critical_removal(touch: &Touch, action: &Action, facts: &Facts) -> Option<String> {
    if touch.access != Access::Delete {
        return None;
    }
    if let Some(path) = unseen(touch.target.paths(), facts) {
        return Some(format!("it removes {path}, and where that leads cannot be looked at"));
    }
    match &touch.target {
        Target::Paths(paths) => paths
            .iter()
            .flat_map(|path| names(path, facts))
            .find(|path| is_critical(path, action, facts))
            .map(|path| format!("it removes {path}")),
        Target::Pattern(pattern, bases) => {
            let rest = below_stem(pattern);
            // `find` hands out where it begins, too.
            if touch.recursive
                && pattern.ends_with("/**")
                && let Some(base) = bases.iter().find(|base| is_critical(base, action, facts))
            {
                return Some(format!("it may remove {base}"));
            }
            let sweeping = ["*", ".*"].contains(&rest) || rest.ends_with("/*") || rest.ends_with("/.*");
            if sweeping && bases.is_empty() {
                return Some(format!("it removes `{pattern}` in a directory that is not known"));
            }
            let swept = |base: &&AbsPath| sweeping && is_critical_inside(base, action, facts);
            if let Some(base) = bases.iter().find(swept) {
                return Some(format!("it removes everything in {base}"));
            }
            let named = bases.iter().any(|base| could_name_critical(base, rest, action, facts));
            named.then(|| format!("`{pattern}` can name what nothing removes unasked"))
        }
        Target::Unknown(word) => {
            if let Some(path) = before_unknown(word, action, facts) {
                return Some(format!("it removes {path} where what follows in `{word}` is empty"));
            }
            let directory = word.trim_matches('"');
            let here = matches!(directory, "." | ".." | "*" | ".*");
            let sweeping = here || directory.ends_with('*') || directory.ends_with('/') || word.ends_with('*');
            sweeping.then(|| format!("it removes what lies under `{word}`, which may be empty"))
        }
    }
}

/// Returns where in a shell's pattern the segment with its first wildcard begins.
pub(super) fn stem(pattern: &str) -> usize {
    let first = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    pattern.get(..first).and_then(|text| text.rfind('/')).map_or(0, |at| at + 1)
}

/// Returns true when a way up stands behind a wildcard of a shell's pattern.
pub(super) fn climbs(pattern: &str) -> bool {
    pattern.get(stem(pattern)..).is_some_and(|rest| rest.split('/').any(|segment| segment == ".."))
}

/// Returns the critical path that a word names when the variable or substitution in it is empty.
fn before_unknown(word: &str, action: &Action, facts: &Facts) -> Option<AbsPath> {
    let plain = word.replace('"', "");
    let at = plain.find(['$', '`'])?;
    let known = plain.get(..at).filter(|known| !known.is_empty())?;
    let path = match known.strip_prefix('~') {
        Some(rest) => facts.home.join(rest.trim_start_matches('/')),
        None => action.cwd.join(known),
    };
    (known.ends_with('/') && is_critical(&path, action, facts)).then_some(path)
}

/// Returns true when everything in a directory is as much as the directory itself.
fn is_critical_inside(directory: &AbsPath, action: &Action, facts: &Facts) -> bool {
    is_critical(directory, action, facts) || facts.working_directories.iter().any(|work| work.is_within(directory))
}

/// Returns true when a shell's pattern in `base` could match a path whose removal is critical.
fn could_name_critical(base: &AbsPath, rest: &str, action: &Action, facts: &Facts) -> bool {
    let pattern: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
    let matches = |(segment, name): (&&str, &str)| {
        let hidden = name.starts_with('.') && segment.starts_with(['*', '?', '[']);
        !hidden && Glob::parse(&segment.replace("**", "*")).matches(&[name])
    };
    let holds = |path: &AbsPath| {
        path.below(base).is_some_and(|below| {
            let names: Vec<&str> = below.split('/').filter(|name| !name.is_empty()).collect();
            names.len() >= pattern.len() && pattern.iter().zip(names).all(matches)
        })
    };
    base.segments().count() + pattern.len() <= 1 || [&facts.home, &action.cwd, &facts.project].into_iter().any(holds)
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
