//! What mounts hold in the other tiers, where there are none: files that are held under every name they have, directories
//! that cannot be renamed, attributes of files outside, and this process's own files in `/proc`.
//!
//! Landlock bounds what the broker writes by name. It knows nothing of attributes, and in a writable directory it cannot
//! leave a file out beside which others are made: those are held here.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use policy::AbsPath;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags};
use rustix::process::Pid;

use super::caller::Caller;
use super::decode::{Errno, Name};
use super::place::{Found, Ground, Place};
use super::reads::WRITES;
use super::{Broker, Outcome};
use crate::linux::failure::{At, Failure};
use crate::linux::{mount, tree};
use crate::plan::{Plan, Step};
use crate::sys::filter::Call;

/// Directories above one another that are looked at.
const DEPTH_MAX: usize = 2048;

/// A file by its device and its number there.
type Identity = ((u32, u32), u64);

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    /// Its contents are written.
    Contents,
    /// It is changed otherwise, moved, linked or removed.
    File,
}

/// A path that the plan holds.
#[derive(Debug, Clone)]
struct Held {
    why: String,
    /// It cannot be read either.
    is_hidden: bool,
}

/// What is held without mounts.
#[derive(Debug)]
pub(super) struct Fence {
    held: BTreeMap<Identity, Held>,
    /// Whether a directory is among them: then what lies in it is held as well, wherever it is by now.
    has_directories: bool,
    /// Where looking upwards ends: writable directories, and parts of hidden ones.
    tops: BTreeSet<Identity>,
    /// Directories that keep their names: those that lead to something held, and the writable ones.
    pinned: BTreeSet<AbsPath>,
    pinned_files: BTreeSet<Identity>,
    /// Where files may be changed.
    reach: Vec<AbsPath>,
    /// What the caller gave for writing.
    given: BTreeSet<Identity>,
}

/// Returns true when something hidden lies where files are made: then every opening must wait for the broker.
pub(crate) fn hides_inside(plan: &Plan) -> bool {
    let reach = reach(plan);
    plan.steps.iter().filter_map(Step::hidden).any(|(path, _)| reach.iter().any(|root| path.is_within(root)))
}

/// Returns the directories that may be written.
fn reach(plan: &Plan) -> Vec<AbsPath> {
    plan.steps.iter().filter_map(Step::writable).cloned().collect()
}

fn errno(error: rustix::io::Errno) -> Errno {
    error.raw_os_error()
}

fn identity(file: BorrowedFd<'_>) -> rustix::io::Result<Identity> {
    let stat = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::INO)?;
    Ok(((stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino))
}

impl Fence {
    /// Looks at what the plan holds and at what the command was given, before its program starts.
    pub(super) fn of(plan: &Plan, command: Pid) -> Result<Self, Failure> {
        let mut fence = Self {
            held: BTreeMap::new(),
            has_directories: false,
            tops: BTreeSet::new(),
            pinned: BTreeSet::new(),
            pinned_files: BTreeSet::new(),
            reach: reach(plan),
            given: BTreeSet::new(),
        };
        for number in 1..=2 {
            let path = format!("/proc/{}/fd/{number}", command.as_raw_pid());
            // One that is closed is given to nobody.
            fence.given.extend(mount::open_inside(&path).and_then(|file| identity(file.as_fd())).ok());
        }
        for step in &plan.steps {
            match step {
                Step::ReadOnly { path, why } => fence.hold(path, why, false)?,
                Step::Hide { path, why } => fence.hold(path, why, true)?,
                Step::Veil { path, parts, why } => {
                    fence.hold(path, why, true)?;
                    for part in parts {
                        fence.tops.extend(found(part)?.map(|(file, _)| file));
                    }
                }
                Step::Writable { path, zone: _ } | Step::Cache { path, zone: _ } => {
                    fence.tops.extend(found(path)?.map(|(file, _)| file));
                    fence.pin(path)?;
                }
                Step::Pin { path } => fence.pin(path)?,
                Step::Read { .. }
                | Step::Link { .. }
                | Step::Private { .. }
                | Step::Seed { .. }
                | Step::ByKey { .. } => {}
            }
        }
        Ok(fence)
    }

    fn hold(&mut self, path: &AbsPath, why: &str, is_hidden: bool) -> Result<(), Failure> {
        let Some((file, is_directory)) = found(path)? else { return Ok(()) };
        // What lies outside of what can be written is Landlock's matter, but for further names of a file.
        if is_directory && !self.reaches(path) {
            return Ok(());
        }
        self.has_directories |= is_directory;
        let held = self.held.entry(file).or_insert_with(|| Held { why: why.to_owned(), is_hidden });
        held.is_hidden |= is_hidden;
        Ok(())
    }

    fn pin(&mut self, path: &AbsPath) -> Result<(), Failure> {
        self.pinned_files.extend(found(path)?.map(|(file, _)| file));
        self.pinned.insert(path.clone());
        Ok(())
    }

    /// Returns true for a path where files may be changed.
    pub(super) fn reaches(&self, path: &AbsPath) -> bool {
        self.reach.iter().any(|root| path.is_within(root))
    }

    /// Returns the plan's directory in which a path lies, the innermost of them.
    fn directory_of(&self, path: &AbsPath) -> Option<&AbsPath> {
        self.reach.iter().filter(|root| path.is_within(root)).max_by_key(|root| root.as_str().len())
    }

    /// Returns what holds a file or the directory that it lies in, whatever names they have by now.
    fn held(&self, ground: &Ground, found: &Found) -> Result<Option<&Held>, Errno> {
        if let Some(held) = self.held.get(&identity(found.file.as_fd()).map_err(errno)?) {
            return Ok(Some(held));
        }
        if !self.has_directories {
            return Ok(None);
        }
        match (&found.entry, &found.path) {
            _ if found.kind == FileType::Directory => self.held_above(&found.file),
            (Some(entry), _) => self.held_above(&entry.directory),
            (None, Some(path)) if self.reaches(path) => {
                let above = path.parent().ok_or(libc::EACCES)?;
                self.held_above(&tree::resolve(ground.root.as_fd(), above.as_str()).map_err(errno)?)
            }
            (None, Some(_) | None) => Ok(None),
        }
    }

    /// Returns what holds a directory or one above it.
    fn held_above(&self, directory: &OwnedFd) -> Result<Option<&Held>, Errno> {
        if !self.has_directories {
            return Ok(None);
        }
        let mut at = directory.try_clone().map_err(|_| libc::EMFILE)?;
        let mut before = None;
        for _ in 0..DEPTH_MAX {
            let file = identity(at.as_fd()).map_err(errno)?;
            if let Some(held) = self.held.get(&file) {
                return Ok(Some(held));
            }
            if before == Some(file) || self.tops.contains(&file) {
                return Ok(None);
            }
            before = Some(file);
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            at = rustix::fs::openat(&at, "..", flags, Mode::empty()).map_err(errno)?;
        }
        Err(libc::ELOOP)
    }

    /// Returns true for what may be written as far as its name says: by another name of its directory, as a second mount
    /// of it has, it would pass by the rules.
    ///
    /// What was given for writing, and the usual devices, may be written, and nothing else of them be changed: Landlock
    /// knows of no attributes.
    fn may_write(&self, found: &Found, text: &str, usage: Usage) -> Result<bool, Errno> {
        Ok(match (&found.path, usage) {
            (Some(path), _) if self.reaches(path) => true,
            (Some(_), Usage::Contents) => found.kind == FileType::CharacterDevice || self.is_given(found)?,
            (Some(_), Usage::File) => false,
            // What never had a name, or has none any more.
            (None, Usage::Contents) => !text.starts_with('('),
            (None, Usage::File) => {
                let path = text.strip_suffix(" (deleted)").unwrap_or_default();
                path.starts_with("/memfd:") || AbsPath::parse(path).is_some_and(|path| self.reaches(&path))
            }
        })
    }

    fn is_given(&self, found: &Found) -> Result<bool, Errno> {
        Ok(self.given.contains(&identity(found.file.as_fd()).map_err(errno)?))
    }

    fn is_pinned(&self, found: &Found) -> Result<bool, Errno> {
        let is_named = found.entry.as_ref().is_some_and(|entry| self.pinned.contains(&entry.path));
        Ok(is_named || self.pinned_files.contains(&identity(found.file.as_fd()).map_err(errno)?))
    }
}

/// Returns which file a path is, and whether a directory; `None` for one that is not there or cannot be reached.
fn found(path: &AbsPath) -> Result<Option<(Identity, bool)>, Failure> {
    use crate::error::Step::Broker as Stage;
    let root = mount::open_inside("/").at_path(Stage, "/")?;
    match tree::resolve(root.as_fd(), path.as_str()) {
        Ok(file) => {
            let stat = rustix::fs::fstat(&file).at_path(Stage, path.as_str())?;
            let is_directory = FileType::from_raw_mode(stat.st_mode).is_dir();
            Ok(Some((identity(file.as_fd()).at_path(Stage, path.as_str())?, is_directory)))
        }
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::ACCESS) => Ok(None),
        Err(error) => Err(error).at_path(Stage, path.as_str()),
    }
}

impl Broker {
    /// Finds what a name means, whoever holds it, and looks that it is still the same process that asks.
    pub(super) fn find(&self, call: &Call, caller: &Caller<'_>, name: &Name) -> Result<Place, Errno> {
        let place = self.ground.locate(caller, name)?;
        self.is_waiting(call)?;
        Ok(place)
    }

    /// Refuses, and tells of, what is to be opened or made where it may not be written, or where the plan holds it under
    /// another name.
    pub(super) fn look_behind(&self, caller: &Caller<'_>, place: &Place) -> Result<(), Errno> {
        let Some(fence) = &self.fence else { return Ok(()) };
        let refused = match place {
            Place::Found(found) => self.held_behind(found, "write", libc::EACCES)?,
            Place::Free { entry, is_directory: _ } => {
                let outside = (!fence.reaches(&entry.path)).then_some(OUTSIDE);
                let held = fence.held_above(&entry.directory)?.filter(|_| !self.rules.is_written(&entry.path));
                let by = outside.or(held.map(|held| held.why.as_str()));
                by.map(|by| refused("make", entry.path.as_str(), by, libc::EACCES))
            }
        };
        match refused {
            Some(Outcome::Refused { errno, what, by }) => {
                self.told.note(&self.channel, caller, what, by);
                Err(errno)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns the refusal of what lies where nothing may be written, or what the plan holds under another name; a file
    /// that has its held name still is refused, and told, where that is known.
    pub(super) fn held_behind(&self, found: &Found, what: &str, errno: Errno) -> Result<Option<Outcome>, Errno> {
        let Some(fence) = &self.fence else { return Ok(None) };
        let text = self.ground.text_of(found.file.as_fd())?;
        let usage = if what == "write" { Usage::Contents } else { Usage::File };
        if !fence.may_write(found, &text, usage)? {
            return Ok(Some(refused(what, &text, OUTSIDE, errno)));
        }
        if found.path.as_ref().is_some_and(|path| self.rules.is_written(path)) {
            return Ok(None);
        }
        Ok(fence.held(&self.ground, found)?.map(|held| refused(what, &text, &held.why, libc::EACCES)))
    }

    /// Returns why something may not be read or run, whatever its name is by now.
    pub(super) fn hidden(&self, found: &Found) -> Result<Option<String>, Errno> {
        if let Some(why) = found.path.as_ref().and_then(|path| self.rules.hidden(path)) {
            return Ok(Some(why.to_owned()));
        }
        let Some(fence) = &self.fence else { return Ok(None) };
        Ok(fence.held(&self.ground, found)?.filter(|held| held.is_hidden).map(|held| held.why.clone()))
    }

    /// Refuses to rename or remove what is held by another name, and a directory that leads to something held, as a
    /// mount on it would.
    pub(super) fn keeps_name(&self, found: &Found) -> Result<Option<Outcome>, Errno> {
        let Some(fence) = &self.fence else { return Ok(None) };
        if let Some(outcome) = self.held_behind(found, "rename", libc::EACCES)? {
            return Ok(Some(outcome));
        }
        if !fence.is_pinned(found)? {
            return Ok(None);
        }
        let path = found.path.as_ref().map(AbsPath::to_string).unwrap_or_default();
        Ok(Some(refused(
            "rename",
            &path,
            "something in it is held, or it is a directory that may be written",
            libc::EBUSY,
        )))
    }

    /// Fails where a file would leave one of the plan's directories for another, as it would between mounts: in the
    /// private ones no name is protected. Programs then copy, and every copy is judged.
    pub(super) fn stays_in_its_directory(&self, from: Option<&AbsPath>, to: &AbsPath) -> Result<(), Errno> {
        match (&self.fence, from) {
            (Some(fence), Some(from)) if fence.directory_of(from) != fence.directory_of(to) => Err(libc::EXDEV),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// Returns the refusal of what may not be read, whatever its name is by now, where no mount hides it.
    pub(super) fn hidden_behind(&self, found: &Found) -> Result<Option<Outcome>, Errno> {
        if self.fence.is_none() {
            return Ok(None);
        }
        let path = found.path.as_ref().map(AbsPath::to_string).unwrap_or_default();
        Ok(self.hidden(found)?.map(|why| refused("read", &path, &why, libc::EACCES)))
    }

    /// Returns true for an opening that would make the file, were it not there already, where none can be made.
    pub(super) fn finds_to_read(&self, call: &Call, caller: &Caller<'_>, name: &Name, flags: u32) -> bool {
        let flags = OFlags::from_bits_retain(flags);
        if self.fence.is_none() || (flags & (WRITES | OFlags::EXCL)) != OFlags::CREATE {
            return false;
        }
        let Ok(Place::Found(found)) = self.find(call, caller, name) else { return false };
        found.path.is_some_and(|path| self.is_outside(&path))
    }

    /// Returns true where nothing may be written.
    pub(super) fn is_outside(&self, path: &AbsPath) -> bool {
        self.fence.as_ref().is_some_and(|fence| !fence.reaches(path))
    }
}

fn refused(what: &str, path: &str, by: &str, errno: Errno) -> Outcome {
    Outcome::Refused { errno, what: format!("{what} {path}"), by: Some(by.to_owned()) }
}

/// Why a file may not be changed.
const OUTSIDE: &str = "outside the directories that may be written";

impl Ground {
    /// Returns where an open file is, as the kernel says it.
    fn text_of(&self, file: BorrowedFd<'_>) -> Result<String, Errno> {
        use std::os::fd::AsRawFd;
        let text = rustix::fs::readlinkat(&self.descriptors, file.as_raw_fd().to_string(), Vec::new());
        Ok(text.map_err(errno)?.to_string_lossy().into_owned())
    }
}
