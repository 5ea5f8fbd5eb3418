//! Other places at which the host's mounts show the same file: what is hidden or held at one is so at all.
//!
//! A line of the list of mounts says which part of which device is seen where. A path and a device's other mounts so
//! give the other paths; whether they show the same file now is looked at.

#![expect(clippy::disallowed_methods, reason = "this is `guard::facts`")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use policy::AbsPath;
use policy::facts::Held;
use policy::mounts::{self, below, joined};

use super::Survey;
use crate::limits::MOUNT_LIST_BYTES_MAX;

/// A mount of the host. Its paths are bytes: a name that is no UTF-8 shows what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    device: Vec<u8>,
    /// The part of the device that is seen.
    root: Vec<u8>,
    /// Where it is seen.
    place: Vec<u8>,
}

/// The mounts of the host, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    all: Vec<Mount>,
    /// How many mounts a device has.
    counts: BTreeMap<Vec<u8>, usize>,
}

/// Another path that may show the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Twin {
    path: Vec<u8>,
    /// The path that shows the same, if it is the one looked for or lies in it.
    of: Vec<u8>,
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
        let mount =
            |mount: mounts::Mount<'_>| Mount { device: mount.device.to_vec(), root: mount.root, place: mount.place };
        // What is no path, such as a namespace, shows no file that has one.
        let all: Vec<Mount> = mounts::mounts(text).map(mount).filter(|mount| mount.root.starts_with(b"/")).collect();
        let mut counts = BTreeMap::new();
        for mount in &all {
            *counts.entry(mount.device.clone()).or_insert(0) += 1;
        }
        Self { all, counts }
    }

    /// Returns the mount at which a path is seen: the last one made at the longest of the places above it.
    fn holding(&self, path: &[u8]) -> Option<&Mount> {
        let around = self.all.iter().filter(|mount| below(path, &mount.place).is_some());
        around.max_by_key(|mount| mount.place.len())
    }

    /// Returns the other paths that may show a path, or a part of what lies in it.
    fn twins(&self, path: &AbsPath) -> Vec<Twin> {
        let path = path.as_str().as_bytes();
        let Some(own) = self.holding(path).filter(|own| self.counts.get(&own.device).is_some_and(|count| *count > 1))
        else {
            return Vec::new();
        };
        let Some(rest) = below(path, &own.place) else { return Vec::new() };
        let inner = joined(&own.root, rest);
        let others = self.all.iter().filter(|mount| mount.device == own.device && mount.place != own.place);
        let twins = others.filter_map(|other| {
            if let Some(rest) = below(&inner, &other.root) {
                return Some(Twin { path: joined(&other.place, rest), of: path.to_vec() });
            }
            let rest = below(&other.root, &inner)?;
            Some(Twin { path: other.place.clone(), of: joined(path, rest) })
        });
        twins.filter(|twin| below(&twin.path, path).is_none()).collect()
    }
}

/// Returns true unless the two are known to be different files, or there is nothing at the first.
fn is_same(twin: &Twin) -> bool {
    let look = |path: &[u8]| std::fs::symlink_metadata(OsStr::from_bytes(path));
    match (look(&twin.path), look(&twin.of)) {
        (Ok(twin), Ok(of)) => (twin.dev(), twin.ino()) == (of.dev(), of.ino()),
        (Ok(_), Err(_)) => true,
        (Err(_), _) => false,
    }
}

/// Returns a path that rules can name.
fn named(path: &[u8]) -> Option<AbsPath> {
    AbsPath::parse(std::str::from_utf8(path).ok()?)
}

/// Returns why nothing runs: a boundary holds paths that can be written down.
fn strange(place: &[u8], held: &Held) -> String {
    let Held { path, entry: _, why, origin } = held;
    let place = place.escape_ascii();
    format!(
        "{path} ({why}, {}) is seen at `{place}` too, a mount whose name is not UTF-8, which no boundary can hold: \
         unmount it there",
        origin.file
    )
}

impl Survey<'_> {
    /// Hides and holds, at every other place, what is hidden and held at one.
    pub(super) fn twins(&mut self) -> Result<(), String> {
        if !cfg!(target_os = "linux") {
            return Ok(());
        }
        let mounts = Mounts::read()?;
        let hidden = elsewhere(&mounts, self.found.unreadable.values(), |_| true)?;
        let writable = self.found.writable.clone();
        // Nothing is written but in these.
        let is_open = |place: &[u8]| writable.iter().any(|open| below(place, open.as_str().as_bytes()).is_some());
        let closed = elsewhere(&mounts, self.found.unwritable.values(), is_open)?;
        for Held { path, entry: _, why, origin } in hidden {
            self.hide(&path, &why, &origin)?;
        }
        for Held { path, entry, why, origin } in closed {
            self.hold(path, entry, &why, &origin)?;
        }
        Ok(())
    }
}

/// Returns the other places of held paths. One that cannot be named is an error where it matters.
fn elsewhere<'a>(
    mounts: &Mounts,
    held: impl Iterator<Item = &'a Held>,
    matters: impl Fn(&[u8]) -> bool,
) -> Result<Vec<Held>, String> {
    let mut found = Vec::new();
    for held in held {
        for twin in mounts.twins(&held.path).into_iter().filter(is_same) {
            match named(&twin.path) {
                Some(path) => found.push(Held { path, ..held.clone() }),
                None if matters(&twin.path) => return Err(strange(&twin.path, held)),
                None => {}
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the other paths of one, given mounts as `DEVICE ROOT PLACE`.
    fn check(mounts: &[&str], path: &str, expected: &[&str]) {
        let lines = mounts.iter().enumerate().map(|(id, mount)| format!("{id} 1 {mount} rw - ext4 /dev/x rw\n"));
        // No byte of UTF-8.
        let lines: Vec<u8> =
            lines.collect::<String>().bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
        let mounts = Mounts::parse(&lines);
        let path = AbsPath::parse(path).unwrap();
        let shown = |path: &[u8]| path.escape_ascii().to_string();
        let found: Vec<String> = mounts
            .twins(&path)
            .into_iter()
            .map(|twin| format!("{} = {}", shown(&twin.path), shown(&twin.of)))
            .collect();
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
    fn names_that_are_not_utf8() {
        let mounts = ["8:1 / /", "8:1 /data /mnt/?", "8:1 /data/? /srv/x"];
        check(&mounts, "/data/secret", &[r"/mnt/\xff/secret = /data/secret"]);
        check(&mounts, "/data", &[r"/mnt/\xff = /data", r"/srv/x = /data/\xff"]);
    }

    #[test]
    fn what_is_no_line_is_no_mount() {
        check(&["", "8:1", "8:1 rel /x", "8:1 / /", "8:1 //deleted /gone"], "/x", &[]);
    }
}
