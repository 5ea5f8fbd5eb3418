//! The file in which what walks saw is kept: one for each project and set of rules.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, Stat};
use sha2::{Digest, Sha256};

use super::{Nodes, form};
use crate::limits;
use crate::place::Kept;

/// What the file is for: equal keys walk equally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Key([u8; 32]);

impl Key {
    /// Returns the key of everything that decides which names matter.
    pub(in super::super) fn of(parts: impl Hash) -> Self {
        struct Into(Sha256);
        impl Hasher for Into {
            fn write(&mut self, bytes: &[u8]) {
                self.0.update(bytes);
            }
            fn finish(&self) -> u64 {
                0
            }
        }
        let mut into = Into(Sha256::new());
        env!("CARGO_PKG_VERSION").hash(&mut into);
        parts.hash(&mut into);
        Self(into.0.finalize().into())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the file's name.
    fn name(&self) -> String {
        self.0.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Where a file is written before it takes its name. There is one, and whoever writes it holds the lock.
const UNFINISHED: &str = "unfinished";

/// Returns the bytes of what was kept. Whatever is not certain is nothing.
pub(in super::super) fn read(kept: &Kept, key: &Key) -> Option<Vec<u8>> {
    let directory = open_directory(kept)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::openat(&directory, key.name(), flags, Mode::empty()).ok()?;
    let stat = rustix::fs::fstat(&file).ok()?;
    let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
    if !is_file || !is_private(&stat) || stat.st_nlink > 1 {
        return None;
    }
    let mut bytes = Vec::new();
    let length = File::from(file).take(limits::KEPT_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).ok()?;
    u64::try_from(length).is_ok_and(|length| length <= limits::KEPT_BYTES_MAX).then_some(bytes)
}

/// Writes what is to be kept, whole or not at all. When another process is writing, it may.
pub(super) fn write(kept: &Kept, key: &Key, walks: &BTreeMap<String, Nodes<'_>>) {
    let Some(bytes) = form::render(key, kept.now_ms, walks) else { return };
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limits::KEPT_BYTES_MAX) {
        // Whatever is not written is walked again.
        let _ = replace(kept, &key.name(), &bytes);
    }
}

fn replace(kept: &Kept, name: &str, bytes: &[u8]) -> Option<()> {
    match rustix::fs::mkdir(kept.directory.as_str(), Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(_) => return None,
    }
    let directory = open_directory(kept)?;
    rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive).ok()?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    // What a writer left that was killed.
    let _ = rustix::fs::unlinkat(&directory, UNFINISHED, AtFlags::empty());
    let file = rustix::fs::openat(&directory, UNFINISHED, flags, Mode::RUSR | Mode::WUSR).ok()?;
    File::from(file).write_all(bytes).ok()?;
    rustix::fs::renameat(&directory, UNFINISHED, &directory, name).ok()?;
    remove_oldest(&directory)
}

/// Opens the directory, if it is the user's alone.
fn open_directory(kept: &Kept) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(kept.directory.as_str(), flags, Mode::empty()).ok()?;
    is_private(&rustix::fs::fstat(&directory).ok()?).then(|| File::from(directory))
}

/// Returns true for what belongs to the user and nobody else may touch.
fn is_private(stat: &Stat) -> bool {
    stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_mode & 0o077 == 0
}

/// Removes the files that were written longest ago, so that a bounded number stays.
fn remove_oldest(directory: &File) -> Option<()> {
    let mut files = Vec::new();
    for entry in Dir::read_from(directory).ok()? {
        let name = entry.ok()?.file_name().to_owned();
        let stat = rustix::fs::statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
            files.push((stat.st_mtime, stat.st_mtime_nsec, name));
        }
    }
    files.sort();
    for (_, _, name) in files.iter().take(files.len().saturating_sub(limits::KEPT_FILES_MAX)) {
        rustix::fs::unlinkat(directory, name, AtFlags::empty()).ok()?;
    }
    Some(())
}
