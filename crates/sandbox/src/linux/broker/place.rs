//! What a caller's name means: the file that is there, or the directory in which it would be made.
//!
//! Every step is taken on a descriptor, so that what is looked at is what is acted on. Links of `/proc` that
//! lead to a process are read as the caller's.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use policy::AbsPath;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags};

use super::caller::Caller;
use super::decode::{Errno, Name};
use super::reads::Aside;
use crate::sys::memory::Way;

/// Links that are followed before a name counts as a loop, as the kernel has it.
const LINKS_MAX: usize = 40;
/// Steps of a walk by hand.
const STEPS_MAX: usize = 4096;
/// What the path of a file ends in whose name was removed while it is open.
pub(super) const REMOVED: &str = " (deleted)";

/// A file that is there.
#[derive(Debug)]
pub(super) struct Found {
    /// Opened for nothing but being named.
    pub(super) file: OwnedFd,
    pub(super) kind: FileType,
    pub(super) mode: u32,
    /// Its path; `None` for what has none: a pipe, a socket, a file that was removed.
    pub(super) path: Option<AbsPath>,
    /// The directory and the name there, unless it was reached through a descriptor.
    pub(super) entry: Option<Entry>,
    /// The name ended with a slash, and was looked up without it.
    pub(super) means_directory: bool,
}

impl Found {
    /// Fails when the name ended with a slash and this is no directory.
    pub(super) fn is_as_named(&self) -> Result<()> {
        if self.means_directory && self.kind != FileType::Directory { Err(libc::ENOTDIR) } else { Ok(()) }
    }
}

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) directory: OwnedFd,
    pub(super) name: Vec<u8>,
    pub(super) path: AbsPath,
}

impl Entry {
    /// Returns another name in the same directory.
    pub(super) fn beside(&self, name: &[u8]) -> Result<Self> {
        let directory = self.directory.try_clone().map_err(|_| libc::EMFILE)?;
        let path = self.path.parent().ok_or(libc::EINVAL)?.join(&String::from_utf8_lossy(name));
        Ok(Self { directory, name: name.to_vec(), path })
    }
}

/// What a name means.
#[derive(Debug)]
pub(super) enum Place {
    Found(Found),
    /// Nothing is there yet.
    Free {
        entry: Entry,
        /// The name ended with a slash: only a directory can be made there.
        is_directory: bool,
    },
}

impl Place {
    /// Returns the file that is there.
    pub(super) fn found(&self) -> Option<&Found> {
        match self {
            Self::Found(found) => Some(found),
            Self::Free { .. } => None,
        }
    }
}

/// The two directories that names are looked up in.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) root: OwnedFd,
    pub(super) proc: OwnedFd,
    /// `/proc/self/fd`, to learn and open again what a descriptor is.
    pub(super) descriptors: OwnedFd,
    /// How a caller's memory is read.
    way: Way,
}

type Result<T> = std::result::Result<T, Errno>;

fn errno(error: rustix::io::Errno) -> Errno {
    error.raw_os_error()
}

impl Ground {
    /// Opens them. `/proc` must be the one inside.
    pub(super) fn open(way: Way) -> rustix::io::Result<Self> {
        let directory = |path: &str, flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        Ok(Self {
            root: directory("/", flags)?,
            proc: directory("/proc", flags)?,
            descriptors: directory("/proc/self/fd", flags)?,
            way,
        })
    }

    /// Returns a thread by its number.
    pub(super) fn caller(&self, pid: i32) -> Caller<'_> {
        Caller { pid, proc: &self.proc, way: self.way }
    }

    /// Returns the path of an open file; `None` when it has none. One that cannot be told, as it is too long, is an
    /// error: what has a path that nobody knows is nobody's to write.
    pub(super) fn path_of(&self, file: BorrowedFd<'_>) -> Result<Option<AbsPath>> {
        use std::os::fd::AsRawFd;
        let text = rustix::fs::readlinkat(&self.descriptors, file.as_raw_fd().to_string(), Vec::new());
        let text = text.map_err(errno)?.into_bytes();
        if !text.starts_with(b"/") {
            return Ok(None);
        }
        // Of a name that is not text the letters that are count: no rule could name the others.
        AbsPath::parse(&String::from_utf8_lossy(&text)).map(Some).ok_or(libc::EACCES)
    }

    /// Fails for a file that lost the name it was reached by, and has another that nobody knows: what holds that one is
    /// not known either.
    fn has_known_name(&self, file: BorrowedFd<'_>) -> Result<()> {
        use std::os::fd::AsRawFd;
        let text = rustix::fs::readlinkat(&self.descriptors, file.as_raw_fd().to_string(), Vec::new());
        let text = text.map_err(errno)?.into_bytes();
        if !text.starts_with(b"/") || !text.ends_with(REMOVED.as_bytes()) {
            return Ok(());
        }
        // A name may end in these very words.
        let id = |stat: rustix::fs::Statx| (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino);
        let own = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::INO).map_err(errno)?;
        match rustix::fs::statx(&self.root, text, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::INO) {
            Ok(there) if id(there) == id(own) => Ok(()),
            Ok(_) | Err(_) => Err(libc::EACCES),
        }
    }

    /// Finds what a name means to the caller.
    pub(super) fn locate(&self, caller: &Caller<'_>, name: &Name) -> Result<Place> {
        let bytes = name.path.to_bytes();
        if bytes.is_empty() {
            if !name.may_be_empty {
                return Err(libc::ENOENT);
            }
            return self.held_open(caller, name.directory).map(Place::Found);
        }
        let start = self.start(caller, name)?;
        Walk { ground: self, caller, links: 0 }.locate(start, bytes, name.follows)
    }

    /// Returns the file that a descriptor of the caller is.
    pub(super) fn held_open(&self, caller: &Caller<'_>, descriptor: i32) -> Result<Found> {
        let file = match descriptor {
            libc::AT_FDCWD => caller.open("cwd", OFlags::PATH)?,
            number if number >= 0 => caller.open(&format!("fd/{number}"), OFlags::PATH)?,
            _ => return Err(libc::EBADF),
        };
        self.found(file, None)
    }

    fn start(&self, caller: &Caller<'_>, name: &Name) -> Result<OwnedFd> {
        if name.path.to_bytes().starts_with(b"/") {
            return self.root.try_clone().map_err(|_| libc::EMFILE);
        }
        match name.directory {
            libc::AT_FDCWD => caller.open("cwd", OFlags::PATH),
            number if number >= 0 => caller.open(&format!("fd/{number}"), OFlags::PATH),
            _ => Err(libc::EBADF),
        }
    }

    /// Returns true for a file of some `/proc`.
    pub(super) fn is_proc(&self, file: &OwnedFd) -> Result<bool> {
        Ok(rustix::fs::fstatfs(file).map_err(errno)?.f_type == rustix::fs::PROC_SUPER_MAGIC)
    }

    pub(super) fn found(&self, file: OwnedFd, entry: Option<Entry>) -> Result<Found> {
        let flags = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::NLINK;
        let stat = rustix::fs::statx(&file, c"", AtFlags::EMPTY_PATH, flags).map_err(errno)?;
        let mode = u32::from(stat.stx_mode);
        let kind = FileType::from_raw_mode(mode);
        let path = match &entry {
            Some(entry) => Some(entry.path.clone()),
            None if stat.stx_nlink == 0 => None,
            None => {
                if kind != FileType::Directory {
                    self.has_known_name(file.as_fd())?;
                }
                self.path_of(file.as_fd())?
            }
        };
        Ok(Found { file, kind, mode, path, entry, means_directory: false })
    }
}

/// One name on its way.
struct Walk<'a> {
    ground: &'a Ground,
    caller: &'a Caller<'a>,
    links: usize,
}

impl Walk<'_> {
    fn locate(&mut self, start: OwnedFd, path: &[u8], follows: bool) -> Result<Place> {
        let (mut start, mut path) = (start, path.to_vec());
        loop {
            let ends_in_slash = path.ends_with(b"/");
            let (above, last) = split(&path);
            let directory = self.directory(&start, above)?;
            if matches!(last, b"" | b"." | b"..") {
                let file = self.directory(&directory, last)?;
                return self.ground.found(file, None).map(Place::Found);
            }
            let entry = self.entry(directory, last)?;
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = match rustix::fs::openat(&entry.directory, last, flags, Mode::empty()) {
                Ok(file) => file,
                Err(rustix::io::Errno::NOENT) => return Ok(Place::Free { entry, is_directory: ends_in_slash }),
                Err(error) => return Err(errno(error)),
            };
            let found = self.ground.found(file, Some(entry))?;
            if found.kind != FileType::Symlink || !(follows || ends_in_slash) {
                return if ends_in_slash && found.kind != FileType::Directory {
                    Err(libc::ENOTDIR)
                } else {
                    Ok(Place::Found(found))
                };
            }
            self.links += 1;
            if self.links > LINKS_MAX {
                return Err(libc::ELOOP);
            }
            let Found { file, entry: Some(entry), .. } = found else { return Err(libc::ELOOP) };
            if let Some(file) = self.behind_magic(&entry)? {
                return self.ground.found(file, None).map(Place::Found);
            }
            let target = self.target(&entry, &file)?;
            start = if target.starts_with(b"/") { self.root()? } else { entry.directory };
            path = target;
            if ends_in_slash {
                path.push(b'/');
            }
        }
    }

    fn root(&self) -> Result<OwnedFd> {
        self.ground.root.try_clone().map_err(|_| libc::EMFILE)
    }

    fn entry(&self, directory: OwnedFd, name: &[u8]) -> Result<Entry> {
        let above = self.ground.path_of(directory.as_fd())?.ok_or(libc::ENOENT)?;
        let path = above.join(&String::from_utf8_lossy(name));
        Ok(Entry { directory, name: name.to_vec(), path })
    }

    /// Opens the directory that a path leads to. What comes to lie in `/proc`, or passes one of its links to
    /// a process, is walked by hand: there the kernel would read the path as ours.
    fn directory(&mut self, start: &OwnedFd, path: &[u8]) -> Result<OwnedFd> {
        let path = if path.is_empty() { b".".as_slice() } else { path };
        let how = ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat2(start, path, flags, Mode::empty(), how) {
            Ok(directory) if self.ground.is_proc(&directory)? => self.by_hand(start, path),
            Ok(directory) => Ok(directory),
            // What is not there, or closed, may be so for this process alone: `/proc/self/task/7`.
            Err(_) => self.by_hand(start, path),
        }
    }

    /// Walks a path name by name.
    fn by_hand(&mut self, start: &OwnedFd, path: &[u8]) -> Result<OwnedFd> {
        let mut at = if path.starts_with(b"/") { self.root()? } else { start.try_clone().map_err(|_| libc::EMFILE)? };
        let mut rest: Vec<Vec<u8>> = names(path);
        rest.reverse();
        let mut steps = 0;
        while let Some(name) = rest.pop() {
            steps += 1;
            if steps > STEPS_MAX {
                return Err(libc::ELOOP);
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let next = rustix::fs::openat(&at, name.as_slice(), flags, Mode::empty()).map_err(errno)?;
            let found = self.ground.found(next, None)?;
            if found.kind != FileType::Symlink {
                at = found.file;
                continue;
            }
            self.links += 1;
            if self.links > LINKS_MAX {
                return Err(libc::ELOOP);
            }
            let entry = self.entry(at, &name)?;
            if let Some(file) = self.behind_magic(&entry)? {
                at = file;
                continue;
            }
            let target = self.target(&entry, &found.file)?;
            at = if target.starts_with(b"/") { self.root()? } else { entry.directory };
            rest.extend(names(&target).into_iter().rev());
        }
        // A link to a process may have led to no directory.
        let stat = rustix::fs::fstat(&at).map_err(errno)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory { Ok(at) } else { Err(libc::ENOTDIR) }
    }

    /// Returns where a link leads for the caller.
    fn target(&self, entry: &Entry, link: &OwnedFd) -> Result<Vec<u8>> {
        match self.own_number(entry)? {
            Some(number) => Ok(number.into_bytes()),
            None => Ok(rustix::fs::readlinkat(link, c"", Vec::new()).map_err(errno)?.into_bytes()),
        }
    }

    /// Returns where `/proc/self` and `/proc/thread-self` lead for the caller.
    fn own_number(&self, entry: &Entry) -> Result<Option<String>> {
        let process = |this: &Self| this.caller.process();
        match entry.path.as_str() {
            "/proc/self" => Ok(Some(process(self)?.to_string())),
            "/proc/thread-self" => Ok(Some(format!("{}/task/{}", process(self)?, self.caller.pid))),
            _ => Ok(None),
        }
    }

    /// Opens what a link of `/proc` leads to that is no text but a file of a process. Those of this process
    /// lead out of what the caller may have.
    fn behind_magic(&self, entry: &Entry) -> Result<Option<OwnedFd>> {
        if !self.ground.is_proc(&entry.directory)? || matches!(entry.path.as_str(), "/proc/self" | "/proc/thread-self")
        {
            return Ok(None);
        }
        let mut segments = entry.path.segments().skip(1);
        let Some(number) = segments.next().and_then(|segment| segment.parse::<i32>().ok()) else { return Ok(None) };
        let owner = self.ground.caller(number).process()?;
        if owner == rustix::process::getpid().as_raw_pid() || segments.next().is_none() {
            return Err(libc::EACCES);
        }
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&entry.directory, entry.name.as_slice(), flags, Mode::empty()).map_err(errno);
        if owner == self.caller.process()? {
            return open().map(Some);
        }
        // What another process keeps to itself is not the caller's to see.
        let aside = Aside::put()?;
        let opened = open();
        aside.take_back()?;
        opened.map(Some)
    }
}

/// Splits a path before its last name; slashes at its end are left out.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let path = path.get(..end).unwrap_or_default();
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (path.get(..=slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default()),
        None if path.is_empty() => (b"/", b""),
        None => (b"", path),
    }
}

fn names(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").map(<[u8]>::to_vec).collect()
}
