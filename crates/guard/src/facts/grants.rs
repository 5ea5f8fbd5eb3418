//! What a boundary grants beside the writable directories: what the closed profile lets be read, and the private caches.

use std::io::ErrorKind;

use policy::controls::{Caches, Readable, Reading, Seed};
use policy::facts::Entry;
use policy::tables::{caches, closed};
use policy::{AbsPath, Policy};

use super::resolve::existing;
use crate::limits;
use crate::place::{CachePlace, Place, Profile};

/// Kernel interfaces that the boundary makes itself, whatever a rule says.
const OWN: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Returns what may be read.
///
/// What the table names and what rules allow is there; what the environment names is there as long as it is not the
/// home directory or holds it.
pub(super) fn reading(policy: &Policy, place: &Place) -> Result<Reading, String> {
    let Profile::Closed(named) = &place.profile else { return Ok(Reading::Open) };
    let mut granted = Granted::default();
    for row in closed::NEEDED {
        granted.add(&AbsPath::root().join(row.path), row.why)?;
    }
    for named in named.iter().filter(|named| !place.home.is_within(&named.path)) {
        granted.add(&named.path, &named.why)?;
    }
    let rules = policy.allowed_reads().map(|(pattern, rule)| (pattern, &rule.text));
    let entries = policy.sandbox().allow_read.iter().map(|held| (&held.pattern, &held.why));
    for (pattern, why) in rules.chain(entries) {
        for (root, whole) in pattern.roots(&place.project, &place.project) {
            let is_own = OWN.iter().any(|path| root.is_within(&AbsPath::root().join(path)));
            if whole && root.name().is_some() && !is_own {
                granted.add(&root, why)?;
            }
        }
    }
    Ok(Reading::Closed(granted.readable))
}

#[derive(Debug, Default)]
struct Granted {
    readable: Vec<Readable>,
}

impl Granted {
    /// Grants a path, and every symbolic link on the way as a link. One that is missing is skipped.
    fn add(&mut self, path: &AbsPath, why: &str) -> Result<(), String> {
        let mut pending: Vec<String> = path.segments().rev().map(str::to_owned).collect();
        let mut real = AbsPath::root();
        let mut links = Vec::new();
        while let Some(segment) = pending.pop() {
            let next = real.join(&segment);
            if segment == ".." {
                real = next;
                continue;
            }
            match std::fs::symlink_metadata(next.as_str()) {
                Ok(found) if found.file_type().is_symlink() => {
                    let target =
                        std::fs::read_link(next.as_str()).map_err(|error| format!("{next} cannot be read: {error}"))?;
                    // A name that is no text cannot be meant.
                    let Some(target) = target.to_str().filter(|_| links.len() < limits::LINKS_MAX) else {
                        return Ok(());
                    };
                    if target.starts_with('/') {
                        real = AbsPath::root();
                    }
                    let parts = target.split('/').rev().filter(|part| !matches!(*part, "" | "."));
                    pending.extend(parts.map(str::to_owned));
                    links.push(Readable { path: next, link: Some(target.to_owned()), why: why.to_owned() });
                }
                Ok(_) => real = next,
                Err(error) => match error.kind() {
                    // What may not be looked at may not be read either.
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => return Ok(()),
                    _ => return Err(format!("{next} cannot be looked at: {error}")),
                },
            }
        }
        links.push(Readable { path: real, link: None, why: why.to_owned() });
        for readable in links {
            if !self.readable.iter().any(|known| known.path == readable.path) {
                self.readable.push(readable);
            }
        }
        Ok(())
    }
}

/// Returns the project's own place for caches, and what of the host's is seen there.
pub(super) fn caches(place: &Place) -> Option<Caches> {
    let own = place.caches.as_ref()?;
    let CachePlace { directory: _, host, more } = own;
    let directory = own.of(&place.project)?;
    let of_the_table = caches::SEEDS.iter().map(|seed| {
        let named = seed.variable.and_then(|name| host.iter().find(|(known, _)| known == name));
        let from = named.map_or_else(|| place.home.join(seed.home), |(_, path)| path.clone());
        (from.join(seed.below), seed.place)
    });
    let more = more.iter().map(|(from, at)| (from.clone(), at.as_str()));
    let mut seeds = Vec::new();
    for (from, at) in of_the_table.chain(more) {
        if let Ok(Some((from, Entry::Directory))) = existing(&from)
            && !from.is_within(&directory)
            && !directory.is_within(&from)
        {
            seeds.push(Seed { from, at: directory.join(at) });
        }
    }
    Some(Caches { directory, seeds })
}

#[cfg(test)]
mod tests;
