//! Palisade's trust store: strict to read, whole or not at all to write.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;

use policy::AbsPath;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::Record;
use crate::limits::TRUST_STORE_BYTES_MAX;
use crate::read;
use crate::wire::{TRUST_STORE_VERSION, TrustStore};

/// Why the trust store was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there and could not be read.
    #[error("the trust store cannot be read")]
    Read(#[source] read::Error),
    /// Somebody else than its owner may write it.
    #[error("others may write the trust store")]
    WritableByOthers,
    /// It is not JSON of the expected form.
    #[error("the trust store is malformed")]
    Malformed(#[source] serde_json::Error),
    /// It is of another version.
    #[error("the trust store has version {version}, which this program does not know")]
    Version {
        /// The version it has.
        version: u32,
    },
    /// A record names no folder, or one that another record names.
    #[error("a record of the trust store is malformed: `{folder}`")]
    Record {
        /// The record's folder.
        folder: String,
    },
    /// The folder is the home directory, or holds it.
    #[error("`{folder}` is the home directory or holds it, and is never trusted as a whole")]
    TooWide {
        /// The folder.
        folder: AbsPath,
    },
    /// Another process is changing the store.
    #[error("another process is changing the trust store")]
    Busy,
    /// A step of writing failed; the store is as it was.
    #[error("the trust store cannot be written: {step}")]
    Write {
        /// The step.
        step: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Returns what to tell a person, with the cause.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Read(source) => source.message(),
            Self::Malformed(source) => describe(source),
            Self::WritableByOthers
            | Self::Version { .. }
            | Self::Record { .. }
            | Self::TooWide { .. }
            | Self::Busy
            | Self::Write { .. } => self.to_string(),
        }
    }

    /// Returns line and column, 0 where they are not known.
    pub(super) fn place(&self) -> (u32, u32) {
        match self {
            Self::Malformed(source) => place(source),
            Self::Read(_)
            | Self::WritableByOthers
            | Self::Version { .. }
            | Self::Record { .. }
            | Self::TooWide { .. }
            | Self::Busy
            | Self::Write { .. } => (0, 0),
        }
    }
}

/// Returns what kind of error it is.
pub(super) fn describe(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof => "the file is empty or cut off",
        serde_json::error::Category::Syntax => "the file is not json",
        serde_json::error::Category::Data => "the file does not have the expected form",
        serde_json::error::Category::Io => "the file cannot be read",
    }
    .to_owned()
}

/// Returns the line and column of an error.
pub(super) fn place(error: &serde_json::Error) -> (u32, u32) {
    let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
    (number(error.line()), number(error.column()))
}

/// Reads every record, in order of folders; a store that is not there has none.
pub(super) fn read(path: &AbsPath) -> Result<Vec<Record>, Error> {
    let Some(mut opened) = read::open(path).map_err(Error::Read)? else { return Ok(Vec::new()) };
    if opened.is_writable_by_others() {
        return Err(Error::WritableByOthers);
    }
    let bytes = opened.read(TRUST_STORE_BYTES_MAX).map_err(Error::Read)?;
    let store: TrustStore = serde_json::from_slice(&bytes).map_err(Error::Malformed)?;
    if store.version != TRUST_STORE_VERSION {
        return Err(Error::Version { version: store.version });
    }
    let mut records = Vec::with_capacity(store.folders.len());
    for folder in &store.folders {
        let malformed = || Error::Record { folder: folder.folder.clone() };
        records.push(Record::from_wire(folder).ok_or_else(malformed)?);
    }
    records.sort_by(|left, right| left.folder.cmp(&right.folder));
    match records.windows(2).find(|pair| matches!(pair, [left, right] if left.folder == right.folder)) {
        Some([twice, ..]) => Err(Error::Record { folder: twice.folder.as_str().to_owned() }),
        Some(_) | None => Ok(records),
    }
}

/// Puts one record into the store, in place of an older one for the folder.
///
/// 1. Make the directory. 2. Lock. 3. Read what is there. 4. Write a new file beside it.
/// 5. Flush it. 6. Put it in place. 7. Flush the directory.
///
/// A store that cannot be read is left as it is: a withdrawal in it could be lost.
pub(super) fn write(path: &AbsPath, record: Record) -> Result<(), Error> {
    let directory = path.parent().unwrap_or_else(AbsPath::root);
    let failed = |step| move |source: io::Error| Error::Write { step, source };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory.as_str())
        .map_err(failed("making its directory"))?;
    let _lock = lock(&directory.join("trust.lock"))?;
    let mut records = read(path)?;
    records.retain(|old| old.folder != record.folder);
    records.push(record);
    records.sort_by(|left, right| left.folder.cmp(&right.folder));
    let folders = records.iter().map(Record::to_wire).collect();
    let store = TrustStore { version: TRUST_STORE_VERSION, folders };
    let mut text = serde_json::to_vec_pretty(&store).map_err(Error::Malformed)?;
    text.push(b'\n');
    if text.len() > TRUST_STORE_BYTES_MAX {
        return Err(Error::Read(read::Error::TooLong { bytes_max: TRUST_STORE_BYTES_MAX }));
    }
    let fresh = directory.join("trust.json.new");
    put(&fresh, &text)?;
    rustix::fs::rename(fresh.as_str(), path.as_str()).map_err(|errno| failed("putting it in place")(errno.into()))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(directory.as_str(), flags, Mode::empty())
        .and_then(rustix::fs::fsync)
        .map_err(|errno| failed("flushing its directory")(errno.into()))
}

/// Writes a new file that only its owner may read. What an interrupted run left behind goes first.
fn put(path: &AbsPath, text: &[u8]) -> Result<(), Error> {
    let failed = |step| move |source: io::Error| Error::Write { step, source };
    match rustix::fs::unlink(path.as_str()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(failed("removing an old copy")(errno.into())),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(path.as_str(), flags, Mode::RUSR | Mode::WUSR)
        .map_err(|errno| failed("making a new file")(errno.into()))?;
    let mut file = File::from(descriptor);
    file.write_all(text).map_err(failed("writing the new file"))?;
    file.sync_all().map_err(failed("flushing the new file"))
}

/// Keeps other processes from changing the store until the lock is dropped.
fn lock(path: &AbsPath) -> Result<OwnedFd, Error> {
    let failed = |errno: Errno| Error::Write { step: "locking it", source: errno.into() };
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(path.as_str(), flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
    match rustix::fs::flock(&descriptor, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(descriptor),
        Err(Errno::WOULDBLOCK) => Err(Error::Busy),
        Err(errno) => Err(failed(errno)),
    }
}
