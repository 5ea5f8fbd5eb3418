//! Other places at which the host's mounts show the same file: what is hidden or held at one is so at all.
//!
//! A line of the list of mounts says which part of which device is seen where. A path and a device's other mounts so
//! give the other paths; whether they show the same file now is looked at.

#![expect(clippy::disallowed_methods, reason = "this is `guard::facts`")]

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use policy::AbsPath;
use policy::facts::Held;
use policy::mounts::{Mounts, Twin, below};

use super::Survey;
use crate::limits::MOUNT_LIST_BYTES_MAX;

/// Reads the list of this process.
fn read() -> Result<Mounts, String> {
    let told = |error: std::io::Error| format!("/proc/self/mountinfo cannot be read: {error}");
    let mut text = Vec::new();
    let file = std::fs::File::open("/proc/self/mountinfo").map_err(told)?;
    file.take(MOUNT_LIST_BYTES_MAX + 1).read_to_end(&mut text).map_err(told)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MOUNT_LIST_BYTES_MAX) {
        return Err("the list of the host's mounts is too long".to_owned());
    }
    Ok(Mounts::parse(&text))
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
        let mounts = read()?;
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
        for twin in mounts.twins(held.path.as_str().as_bytes()).into_iter().filter(is_same) {
            match named(&twin.path) {
                Some(path) => found.push(Held { path, ..held.clone() }),
                None if matters(&twin.path) => return Err(strange(&twin.path, held)),
                None => {}
            }
        }
    }
    Ok(found)
}
