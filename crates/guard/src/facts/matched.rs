//! What the shell's patterns of a call match now, which links lie in the trees that it walks, and where these lead.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use policy::effects::{Links, Target, all_below};
use policy::facts::{Entry, Resolved};
use policy::tables::executed;
use policy::{AbsPath, Effects};

use super::{removal, resolve};
use crate::limits;

/// Expands each pattern; what it matches that is a link, lies behind one, or is run later is resolved. Where there are too
/// many of them the rest is left unresolved, and what is not resolved asks. A tree that is too large is left out, and
/// that asks too.
pub(super) fn links(effects: &Effects, resolved: &mut BTreeMap<AbsPath, Resolved>) -> BTreeMap<String, Vec<AbsPath>> {
    let mut search = Search { resolved, left: limits::BELOW_ENTRIES_MAX, found: BTreeMap::new() };
    let mut known: BTreeSet<(&str, &[AbsPath])> = BTreeSet::new();
    for touch in effects.parts.iter().flat_map(|part| &part.touches) {
        if let Target::Pattern(pattern, bases) = &touch.target
            && known.insert((pattern, bases))
        {
            match pattern.ends_with("/**") {
                true => bases.iter().for_each(|base| search.tree(pattern, base, Links::Matched)),
                false => search.matches(pattern, &touch.target, bases),
            }
        }
        if let (Links::Below, Target::Paths(tops) | Target::Pattern(_, tops)) = (touch.links, &touch.target) {
            for top in tops {
                search.tree(&all_below(top), top, Links::Below);
            }
        }
    }
    search.found.into_iter().filter_map(|(name, links)| Some((name, links?))).collect()
}

struct Search<'r> {
    resolved: &'r mut BTreeMap<AbsPath, Resolved>,
    /// Entries that may yet be looked at.
    left: usize,
    /// What was found by each name; nothing where not all was looked at.
    found: BTreeMap<String, Option<Vec<AbsPath>>>,
}

impl Search<'_> {
    fn matches(&mut self, pattern: &str, target: &Target, bases: &[AbsPath]) {
        let mut links = Vec::new();
        for path in removal::present(target) {
            let Ok(found) = resolve::resolve(&path) else {
                links.push(path);
                continue;
            };
            let is_plain = bases.iter().any(|base| {
                let real = self.resolved.get(base).map_or(base, |base| &base.real);
                path.below(base).is_some_and(|rest| real.join(rest) == found.real)
            });
            let segments: Vec<&str> = path.segments().collect();
            if is_plain && executed::find(&segments).is_none() {
                continue;
            }
            links.push(path.clone());
            if links.len() > limits::LINKS_MATCHED_MAX {
                break;
            }
            self.resolved.insert(path, found);
        }
        self.add(pattern, Some(links));
    }

    fn add(&mut self, name: &str, links: Option<Vec<AbsPath>>) {
        let before = self.found.remove(name).unwrap_or_else(|| Some(Vec::new()));
        let all = before.zip(links).map(|(before, links)| before.into_iter().chain(links).collect());
        self.found.insert(name.to_owned(), all);
    }

    /// Walks a tree. Where links are followed, what lies behind one is walked too.
    fn tree(&mut self, name: &str, top: &AbsPath, follow: Links) {
        let followed = follow == Links::Below;
        if followed && self.found.contains_key(name) {
            return;
        }
        let found = self.below(top, followed);
        self.add(name, found);
    }

    fn below(&mut self, top: &AbsPath, followed: bool) -> Option<Vec<AbsPath>> {
        let mut links = Vec::new();
        let mut walked: BTreeSet<AbsPath> = resolve::resolve(top).ok().map(|found| found.real).into_iter().collect();
        let mut open = vec![top.clone()];
        while let Some(directory) = open.pop() {
            let entries = match std::fs::read_dir(directory.as_str()) {
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(_) => return None,
            };
            for entry in entries {
                self.left = self.left.checked_sub(1)?;
                let entry = entry.ok()?;
                let path = directory.join(entry.file_name().to_str()?);
                let kind = entry.file_type().ok()?;
                if kind.is_dir() {
                    open.push(path);
                    continue;
                }
                let is_run = || executed::find(&path.segments().collect::<Vec<_>>()).is_some();
                if !kind.is_symlink() && (followed || !is_run()) {
                    continue;
                }
                if links.len() > limits::LINKS_MATCHED_MAX {
                    return None;
                }
                links.push(path.clone());
                let Ok(found) = resolve::resolve(&path) else { continue };
                if followed && found.entry == Entry::Directory && walked.insert(found.real.clone()) {
                    open.push(path.clone());
                }
                self.resolved.insert(path, found);
            }
        }
        Some(links)
    }
}

#[cfg(test)]
mod tests;
