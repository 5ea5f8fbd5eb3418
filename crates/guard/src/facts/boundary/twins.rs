//! Other places at which the host's mounts show the same file: what is hidden or held at one is so at all.
//!
//! A line of the list of mounts says which part of which device is seen where. A path and a device's other mounts so
//! give the other paths; whether they show the same file now is looked at.

#![expect(clippy::disallowed_methods, reason = "this is `guard::facts`")]

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use policy::AbsPath;
use policy::facts::Held;

use super::Survey;
use crate::limits::MOUNT_LIST_BYTES_MAX;

/// A mount of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    device: String,
    /// The part of the device that is seen.
    root: AbsPath,
    /// Where it is seen.
    place: AbsPath,
}

/// The mounts of the host, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    all: Vec<Mount>,
    /// How many mounts a device has.
    counts: BTreeMap<String, usize>,
}

/// Another path that may show the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Twin {
    path: AbsPath,
    /// The path that shows the same, if it is the one looked for or lies in it.
    of: AbsPath,
}

impl Mounts {
    /// Reads the list of this process.
    fn read() -> Result<Self, String> {
        let told = |error: std::io::Error| format!("/proc/self/mountinfo cannot be read: {error}");
        let mut text = Vec::new();
        let file = std::fs::File::open("/proc/self/mountinfo").map_err(told)?;
        file.take(MOUNT_LIST_BYTES_MAX + 1).read_to_end(&mut text).map_err(told)?;
        if u64::try_from(text.len()).is_ok_and(|length| length > MOUNT_LIST_BYTES_MAX) {
            return Err("the list of the host's mounts is too long".to_owned());
        }
        Ok(Self::parse(&text))
    }

    fn parse(text: &[u8]) -> Self {
        let all: Vec<Mount> = text.split(|byte| *byte == b'\n').filter_map(mount).collect();
        let mut counts = BTreeMap::new();
        for mount in &all {
            *counts.entry(mount.device.clone()).or_insert(0) += 1;
        }
        Self { all, counts }
    }

    /// Returns the mount at which a path is seen: the last one made at the longest of the places above it.
    fn holding(&self, path: &AbsPath) -> Option<&Mount> {
        let around = self.all.iter().filter(|mount| path.is_within(&mount.place));
        around.max_by_key(|mount| mount.place.segments().count())
    }

    /// Returns the other paths that may show a path, or a part of what lies in it.
    fn twins(&self, path: &AbsPath) -> Vec<Twin> {
        let Some(own) = self.holding(path).filter(|own| self.counts.get(&own.device).is_some_and(|count| *count > 1))
        else {
            return Vec::new();
        };
        let Some(below) = path.below(&own.place) else { return Vec::new() };
        let inner = own.root.join(below.trim_start_matches('/'));
        let others = self.all.iter().filter(|mount| mount.device == own.device && mount.place != own.place);
        let twins = others.filter_map(|other| {
            if let Some(rest) = inner.below(&other.root) {
                return Some(Twin { path: other.place.join(rest.trim_start_matches('/')), of: path.clone() });
            }
            let rest = other.root.below(&inner)?;
            Some(Twin { path: other.place.clone(), of: path.join(rest.trim_start_matches('/')) })
        });
        twins.filter(|twin| !twin.path.is_within(path)).collect()
    }
}

/// Reads a line: the third word is the device, the fourth the part of it, the fifth where that is seen.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    let device = String::from_utf8(words.next()?.to_vec()).ok()?;
    let path = |word: &[u8]| AbsPath::parse(&String::from_utf8(unescaped(word)).ok()?);
    Some(Mount { device, root: path(words.next()?)?, place: path(words.next()?)? })
}

/// Reads the list's form of a path, in which a space is `\040`.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

/// Returns true unless the two are known to be different files, or there is nothing at the first.
fn is_same(twin: &Twin) -> bool {
    let look = |path: &AbsPath| std::fs::symlink_metadata(path.as_str());
    match (look(&twin.path), look(&twin.of)) {
        (Ok(twin), Ok(of)) => (twin.dev(), twin.ino()) == (of.dev(), of.ino()),
        (Ok(_), Err(_)) => true,
        (Err(_), _) => false,
    }
}

impl Survey<'_> {
    /// Hides and holds, at every other place, what is hidden and held at one.
    pub(super) fn twins(&mut self) -> Result<(), String> {
        if !cfg!(target_os = "linux") {
            return Ok(());
        }
        let mounts = Mounts::read()?;
        let elsewhere = |held: &Held| {
            let twins = mounts.twins(&held.path).into_iter().filter(is_same);
            twins.map(|twin| Held { path: twin.path, ..held.clone() }).collect::<Vec<_>>()
        };
        let hidden: Vec<Held> = self.found.unreadable.values().flat_map(elsewhere).collect();
        let closed: Vec<Held> = self.found.unwritable.values().flat_map(elsewhere).collect();
        for Held { path, entry: _, why, origin } in hidden {
            self.hide(&path, &why, &origin)?;
        }
        for Held { path, entry, why, origin } in closed {
            self.hold(path, entry, &why, &origin)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the other paths of one, given mounts as `DEVICE ROOT PLACE`.
    fn check(mounts: &[&str], path: &str, expected: &[&str]) {
        let lines = mounts.iter().enumerate().map(|(id, mount)| format!("{id} 1 {mount} rw - ext4 /dev/x rw\n"));
        let mounts = Mounts::parse(lines.collect::<String>().as_bytes());
        let path = AbsPath::parse(path).unwrap();
        let found: Vec<String> =
            mounts.twins(&path).into_iter().map(|twin| format!("{} = {}", twin.path, twin.of)).collect();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn places_that_show_the_same() {
        let mounts = ["8:1 / /", "8:1 /data /mnt/data", "8:1 /data/a\\040b /srv/ab", "8:2 / /other", "0:5 / /tmp"];
        check(&mounts, "/data/secret", &["/mnt/data/secret = /data/secret"]);
        check(&mounts, "/mnt/data/secret", &["/data/secret = /mnt/data/secret"]);
        check(&mounts, "/data/a b/x", &["/mnt/data/a b/x = /data/a b/x", "/srv/ab/x = /data/a b/x"]);
        check(&mounts, "/srv/ab", &["/data/a b = /srv/ab", "/mnt/data/a b = /srv/ab"]);
        // A part of what is hidden is seen elsewhere.
        check(&mounts, "/data", &["/mnt/data = /data", "/srv/ab = /data/a b"]);
        check(&mounts, "/home/me", &[]);
        check(&mounts, "/other/data/secret", &[]);
        check(&mounts, "/tmp/x", &[]);
    }

    #[test]
    fn the_last_mount_at_a_place_is_seen() {
        let mounts = ["8:1 / /", "8:1 /a /m", "8:1 /b /m"];
        check(&mounts, "/m/x", &["/b/x = /m/x"]);
    }

    #[test]
    fn what_is_no_line_is_no_mount() {
        check(&["", "8:1", "8:1 rel /x", "8:1 / /", "8:1 //deleted /gone"], "/x", &[]);
    }
}
