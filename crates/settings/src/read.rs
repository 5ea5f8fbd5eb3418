//! Files from outside: opened once, looked at through the descriptor, read up to a bound.

use std::fs::File;
use std::io::{self, Read};

use policy::AbsPath;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// Why a file that is there was not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Opening it failed.
    #[error("the file cannot be opened")]
    Open(#[source] io::Error),
    /// Its name is a link to something that is not there.
    #[error("the name is a symbolic link to nothing")]
    Dangling,
    /// It is a directory, a pipe, a device or a socket.
    #[error("this is not a regular file")]
    NotRegular,
    /// It is longer than its kind may be.
    #[error("the file is longer than {bytes_max} bytes")]
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// Reading it failed.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
}

impl Error {
    /// Returns what to tell a person, with the cause.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Open(source) | Self::Read(source) => format!("{self}: {}", source.kind()),
            Self::Dangling | Self::NotRegular | Self::TooLong { .. } => self.to_string(),
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Open(_) | Self::Read(_) => "make the file readable for this user, or remove it",
            Self::Dangling => "mend the link, or remove it",
            Self::NotRegular => "put a regular file in its place, or remove it",
            Self::TooLong { .. } => "shorten the file",
        }
    }
}

/// An open regular file.
#[derive(Debug)]
pub(crate) struct Opened {
    file: File,
    length: u64,
    mode: u32,
}

/// Opens a regular file; `None` when there is nothing of that name.
///
/// Links are followed. A pipe or a device is not waited for.
pub(crate) fn open(path: &AbsPath) -> Result<Option<Opened>, Error> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let descriptor = match rustix::fs::open(path.as_str(), flags, Mode::empty()) {
        Ok(descriptor) => descriptor,
        Err(Errno::NOENT) if leads_nowhere(path) => return Err(Error::Dangling),
        Err(Errno::NOENT) => return Ok(None),
        // A socket cannot be opened at all.
        Err(Errno::NXIO) => return Err(Error::NotRegular),
        Err(errno) => return Err(Error::Open(errno.into())),
    };
    let status = rustix::fs::fstat(&descriptor).map_err(|errno| Error::Open(errno.into()))?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(Error::NotRegular);
    }
    let length = u64::try_from(status.st_size).unwrap_or(u64::MAX);
    Ok(Some(Opened { file: File::from(descriptor), length, mode: status.st_mode }))
}

impl Opened {
    /// Reads the whole file.
    pub(crate) fn read(&mut self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        if self.length > bound {
            return Err(Error::TooLong { bytes_max });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.length).unwrap_or(0) + 1);
        // One byte more than allowed shows a file that grew since it was measured.
        (&self.file).take(bound + 1).read_to_end(&mut bytes).map_err(Error::Read)?;
        if bytes.len() > bytes_max { Err(Error::TooLong { bytes_max }) } else { Ok(bytes) }
    }

    /// Returns true when somebody else than the file's owner may write it.
    pub(crate) fn is_writable_by_others(&self) -> bool {
        self.mode & (Mode::WGRP | Mode::WOTH).bits() != 0
    }

    /// Returns true when the open file truly lies below a directory whose links are resolved.
    ///
    /// The question goes to the descriptor, so a link that changes afterwards does not matter.
    /// Where the system does not answer, the answer is no.
    pub(crate) fn lies_in(&self, directory: &AbsPath) -> bool {
        use std::os::fd::AsRawFd;
        let name = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let Ok(target) = rustix::fs::readlink(name, Vec::new()) else { return false };
        let Some(landed) = target.to_str().ok().and_then(AbsPath::parse) else { return false };
        landed.is_within(directory)
    }
}

/// Returns the names in a directory; `None` when it is not there.
pub(crate) fn names(directory: &AbsPath) -> Result<Option<Vec<std::ffi::OsString>>, Error> {
    let entries = match std::fs::read_dir(directory.as_str()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound && leads_nowhere(directory) => {
            return Err(Error::Dangling);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::Open(error)),
    };
    let mut names = Vec::new();
    for entry in entries.take(crate::limits::DROP_INS_MAX + 1) {
        names.push(entry.map_err(Error::Read)?.file_name());
    }
    Ok(Some(names))
}

/// Returns true when the name, or the directory that should hold it, is a link: there is something,
/// and what it stands for is missing.
fn leads_nowhere(path: &AbsPath) -> bool {
    let is_link = |path: &AbsPath| {
        rustix::fs::lstat(path.as_str())
            .is_ok_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Symlink)
    };
    let directory_is_lost = |directory: AbsPath| is_link(&directory) && rustix::fs::stat(directory.as_str()).is_err();
    is_link(path) || path.parent().is_some_and(directory_is_lost)
}
