//! The files of a journal's directory: opened, checked, locked, read and written.
//!
//! - `journal.jsonl`: the records, one line each. The only truth.
//! - `head`: how far the journal goes (see `head.rs`). Rebuilt when it does not fit.
//! - `torn-<seq>`: half-written lines that were found where record `<seq>` stands now.
//!
//! The directory is opened first and every file from its descriptor, without following a link.

use crate::head::Head;
use crate::limits;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) const JOURNAL: &str = "journal.jsonl";
pub(crate) const HEAD: &str = "head";

/// Why the journal could not be used. On the path of a decision it is a refusal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("cannot {step} `{}`", path.display())]
    Io {
        /// What was tried.
        step: Step,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// There is no journal yet.
    #[error("there is no journal in `{}`", path.display())]
    NoJournal {
        /// The directory.
        path: PathBuf,
    },
    /// Another user owns the file or directory.
    #[error("`{}` belongs to user {owner}, not to user {user}", path.display())]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// The group or everyone may write.
    #[error("`{}` can be written by others (mode {mode:o})", path.display())]
    Writable {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is neither a plain file nor, for the directory, a directory.
    #[error("`{}` is not a {expected}", path.display())]
    Kind {
        /// The file or directory.
        path: PathBuf,
        /// What it has to be.
        expected: &'static str,
    },
    /// Another process holds the lock for too long.
    #[error("`{}` stayed locked by another process for {waited_ms} ms", path.display())]
    Locked {
        /// The journal.
        path: PathBuf,
        /// How long it was awaited.
        waited_ms: u64,
    },
    /// The journal was replaced again and again while it was opened.
    #[error("`{}` is being replaced again and again", path.display())]
    Replaced {
        /// The journal.
        path: PathBuf,
    },
    /// A line does not follow from those before; nothing is appended to such a journal.
    #[error("`{}` is damaged at line {line}, where record {record} should stand", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The first line that does not fit, counted from 1.
        line: u64,
        /// The record that should stand there.
        record: u64,
    },
    /// The half-written line at the end is longer than is moved aside.
    #[error("the half-written line at the end of `{}` has {bytes} bytes", path.display())]
    TornTooLong {
        /// The journal.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The record does not fit into a line, however far it is shrunk.
    #[error("a record of {bytes} bytes does not fit into a line")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The record could not be written as JSON.
    #[error("cannot write the record as JSON")]
    Encode {
        /// Why.
        source: std::io::Error,
    },
}

/// What was tried on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Making the directory.
    Make,
    /// Opening.
    Open,
    /// Asking for owner, kind, permissions and length.
    Inspect,
    /// Locking.
    Lock,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Cutting back to the old length.
    Truncate,
    /// Making durable.
    Sync,
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Make => "make",
            Self::Open => "open",
            Self::Inspect => "inspect",
            Self::Lock => "lock",
            Self::Read => "read",
            Self::Write => "write",
            Self::Truncate => "truncate",
            Self::Sync => "sync",
        })
    }
}

impl Error {
    /// Returns what a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check the disk, its free space and the permissions of the directory",
            Self::NoJournal { .. } => "nothing was recorded there yet; check the directory",
            Self::Owner { .. } => "use a directory of your own for the journal",
            Self::Writable { .. } => "remove the write permission: chmod go-w",
            Self::Kind { .. } => "move it away; links are not followed",
            Self::Locked { .. } => "find the process that holds the lock: fuser, lsof",
            Self::Replaced { .. } => "find the process that moves the journal",
            Self::Damaged { .. } => {
                "see what `palisade audit verify` says, keep a copy, then move the journal and its head away"
            }
            Self::TornTooLong { .. } => "keep a copy of the journal, then cut its end off after the last newline",
            Self::TooLong { .. } => "give the record less text",
            Self::Encode { .. } => "this is an error in Palisade; please report it",
        }
    }
}

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading; nothing is made, and the owner may be another.
    Read,
    /// Appending; what is not there is made.
    Append,
}

/// The open files of a journal.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    access: Access,
    directory: OwnedFd,
    journal: File,
    head: Option<File>,
}

/// The lock on a journal, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lock<'a>(&'a File);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // Closing the descriptor unlocks as well; there is nothing to do about a failure.
        let _ = rustix::fs::flock(self.0, FlockOperation::Unlock);
    }
}

/// What the head file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeadFile {
    /// There is none.
    Missing,
    /// There is one, and it is not readable.
    Damaged,
    /// A head.
    Good(Head),
}

impl Store {
    /// Opens a journal's directory and files.
    ///
    /// 1. Make the directory, when appending. 2. Open and check it. 3. Open and check the head, then the journal.
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, Error> {
        if access == Access::Append {
            make_directory(path)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
            rustix::io::Errno::NOENT => Error::NoJournal { path: path.to_owned() },
            rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => {
                Error::Kind { path: path.to_owned(), expected: "directory" }
            }
            _ => failed(Step::Open, path)(error),
        })?;
        check(&directory, path, FileType::Directory, access)?;
        let head = open_file(&directory, path, HEAD, access)?;
        let Some(journal) = open_file(&directory, path, JOURNAL, access)? else {
            return Err(Error::NoJournal { path: path.to_owned() });
        };
        Ok(Self { path: path.to_owned(), access, directory, journal, head })
    }

    /// Returns the journal's file.
    pub(crate) fn journal(&self) -> &File {
        &self.journal
    }

    /// Returns the journal's path, for messages.
    pub(crate) fn journal_path(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// Opens the files that stand in the directory now.
    pub(crate) fn reopen(&mut self) -> Result<(), Error> {
        *self = Self::open(&self.path, self.access)?;
        Ok(())
    }

    /// Returns true while the open files are those that stand in the directory.
    pub(crate) fn is_current(&self) -> Result<bool, Error> {
        Ok(self.is_named(&self.journal, JOURNAL)?
            && match &self.head {
                Some(head) => self.is_named(head, HEAD)?,
                None => self.access == Access::Read,
            })
    }

    fn is_named(&self, file: &File, name: &str) -> Result<bool, Error> {
        let ours = rustix::fs::fstat(file).map_err(failed(Step::Inspect, &self.path.join(name)))?;
        match rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(theirs) => Ok((ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(failed(Step::Inspect, &self.path.join(name))(error)),
        }
    }

    /// Locks the journal, for a bounded time.
    pub(crate) fn lock(&self, operation: FlockOperation) -> Result<Lock<'_>, Error> {
        let begin = Instant::now();
        let wait = Duration::from_millis(limits::LOCK_WAIT_MS);
        let mut pause_us = limits::LOCK_PAUSE_US;
        loop {
            match rustix::fs::flock(&self.journal, operation) {
                Ok(()) => return Ok(Lock(&self.journal)),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
                Err(error) => return Err(failed(Step::Lock, &self.journal_path())(error)),
            }
            if begin.elapsed() >= wait {
                return Err(Error::Locked { path: self.journal_path(), waited_ms: limits::LOCK_WAIT_MS });
            }
            std::thread::sleep(Duration::from_micros(pause_us));
            pause_us = (pause_us * 2).min(limits::LOCK_PAUSE_US_MAX);
        }
    }

    /// Returns the journal's length.
    pub(crate) fn length(&self) -> Result<u64, Error> {
        let stat = rustix::fs::fstat(&self.journal).map_err(failed(Step::Inspect, &self.journal_path()))?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    /// Reads bytes of the journal that are known to be there.
    pub(crate) fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), Error> {
        self.journal.read_exact_at(bytes, offset).map_err(|source| Error::Io {
            step: Step::Read,
            path: self.journal_path(),
            source,
        })
    }

    /// Returns true when a newline ends the first `length` bytes of the journal.
    pub(crate) fn ends_line(&self, length: u64) -> Result<bool, Error> {
        let Some(last) = length.checked_sub(1) else { return Ok(true) };
        let mut byte = [0];
        self.read(&mut byte, last)?;
        Ok(byte == *b"\n")
    }

    /// Reads the head file.
    pub(crate) fn read_head(&self) -> Result<HeadFile, Error> {
        let Some(file) = &self.head else { return Ok(HeadFile::Missing) };
        let mut bytes = [0; limits::HEAD_BYTES_MAX];
        let read = rustix::io::pread(file, &mut bytes[..], 0).map_err(failed(Step::Read, &self.path.join(HEAD)))?;
        let bytes = bytes.get(..read).unwrap_or_default();
        // An empty head file was made and never written: it says nothing, like one that is not there.
        Ok(match (bytes, Head::parse(bytes)) {
            ([], _) => HeadFile::Missing,
            (_, Some(head)) => HeadFile::Good(head),
            (_, None) => HeadFile::Damaged,
        })
    }

    /// Writes the head file.
    pub(crate) fn write_head(&self, head: &Head) -> Result<(), Error> {
        let path = || self.path.join(HEAD);
        let Some(file) = &self.head else {
            return Err(Error::NoJournal { path: path() });
        };
        file.write_all_at(head.render().as_bytes(), 0).map_err(|source| Error::Io {
            step: Step::Write,
            path: path(),
            source,
        })
    }

    /// Writes lines at the end of the journal, or leaves it as it was.
    pub(crate) fn write_lines(&self, at: u64, lines: &[u8]) -> Result<(), Error> {
        self.journal.write_all_at(lines, at).map_err(|source| {
            // A failure here leaves a half-written line, which the next append moves aside.
            let _ = self.truncate(at);
            Error::Io { step: Step::Write, path: self.journal_path(), source }
        })
    }

    /// Cuts the journal to a length.
    pub(crate) fn truncate(&self, length: u64) -> Result<(), Error> {
        rustix::fs::ftruncate(&self.journal, length).map_err(failed(Step::Truncate, &self.journal_path()))
    }

    /// Makes the journal durable, and its name.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        rustix::fs::fdatasync(&self.journal).map_err(failed(Step::Sync, &self.journal_path()))?;
        rustix::fs::fsync(&self.directory).map_err(failed(Step::Sync, &self.path))
    }

    /// Copies the journal's bytes from `begin` to `end` to the end of another file in the directory.
    pub(crate) fn set_aside(&self, name: &str, begin: u64, end: u64) -> Result<(), Error> {
        let path = self.path.join(name);
        if end - begin > limits::TORN_BYTES_MAX {
            return Err(Error::TornTooLong { path: self.journal_path(), bytes: end - begin });
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(failed(Step::Open, &path))?;
        check(&file, &path, FileType::RegularFile, Access::Append)?;
        let (mut file, mut at) = (File::from(file), begin);
        let mut chunk = vec![0; limits::CHUNK_BYTES];
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(chunk.len());
            let part = chunk.get_mut(..want).unwrap_or_default();
            self.read(part, at)?;
            std::io::Write::write_all(&mut file, part).map_err(|source| Error::Io {
                step: Step::Write,
                path: path.clone(),
                source,
            })?;
            at += part.len() as u64;
        }
        rustix::fs::fdatasync(&file).map_err(failed(Step::Sync, &path))
    }
}

fn make_directory(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => return Ok(()),
        Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(failed(Step::Make, path)(error)),
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| Error::Io {
        step: Step::Make,
        path: path.to_owned(),
        source,
    })
}

fn open_file(directory: &OwnedFd, path: &Path, name: &str, access: Access) -> Result<Option<File>, Error> {
    let path = path.join(name);
    let flags = match access {
        Access::Read => OFlags::RDONLY,
        Access::Append => OFlags::RDWR | OFlags::CREATE,
    };
    // Without NONBLOCK, opening a pipe for reading would wait.
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) if access == Access::Read => return Ok(None),
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::ISDIR | rustix::io::Errno::NXIO) => {
            return Err(Error::Kind { path, expected: "plain file" });
        }
        Err(error) => return Err(failed(Step::Open, &path)(error)),
    };
    check(&file, &path, FileType::RegularFile, access)?;
    Ok(Some(File::from(file)))
}

/// Checks kind, and for appending owner and permissions, on the descriptor.
fn check(file: &impl AsFd, path: &Path, kind: FileType, access: Access) -> Result<(), Error> {
    let stat = rustix::fs::fstat(file).map_err(failed(Step::Inspect, path))?;
    if FileType::from_raw_mode(stat.st_mode) != kind {
        let expected = if kind == FileType::Directory { "directory" } else { "plain file" };
        return Err(Error::Kind { path: path.to_owned(), expected });
    }
    if access == Access::Read {
        return Ok(());
    }
    let user = rustix::process::geteuid().as_raw();
    if stat.st_uid != user {
        return Err(Error::Owner { path: path.to_owned(), owner: stat.st_uid, user });
    }
    let mode = Mode::from_raw_mode(stat.st_mode);
    if mode.intersects(Mode::WGRP | Mode::WOTH) {
        return Err(Error::Writable { path: path.to_owned(), mode: mode.as_raw_mode() });
    }
    Ok(())
}

fn failed(step: Step, path: &Path) -> impl FnOnce(rustix::io::Errno) -> Error {
    let path = path.to_owned();
    move |error| Error::Io { step, path, source: error.into() }
}
