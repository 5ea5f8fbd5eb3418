//! What writes to files, done for the caller.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use policy::AbsPath;
use policy::tables::git::{self, Role};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};

use super::caller::Caller;
use super::decode::{Change, Errno, Made, Name};
use super::git::again;
use super::pending::Expected;
use super::place::{Entry, Found, Place};
use super::rules::Forbidden;
use super::{Broker, Outcome, give, refused};
use crate::git::Pointer;
use crate::limits::WAITING_OPENS_MAX;
use crate::sys::filter::{self, Answer, Call};

type Result<T> = std::result::Result<T, Errno>;

/// Device number of `/dev/tty`.
pub(super) const TERMINAL: (u32, u32) = (5, 0);
/// What a directory of a rebase says to do next.
pub(super) const LAST_TODO: &str = "git-rebase-todo";
/// The first device number of pseudo-terminals.
const PTS_MAJOR: u32 = 136;

fn errno(error: rustix::io::Errno) -> Errno {
    error.raw_os_error()
}

/// A file that was found and is to be opened.
pub(super) struct Again {
    pub(super) file: OwnedFd,
    pub(super) kind: FileType,
    pub(super) flags: OFlags,
    pub(super) mode: Mode,
}

impl Broker {
    /// Opens a file for writing.
    pub(super) fn open(
        &mut self,
        call: &Call,
        caller: &Caller<'_>,
        name: &Name,
        flags: u32,
        mode: u32,
    ) -> Result<Outcome> {
        let flags = OFlags::from_bits_retain(flags);
        if !flags.intersects(super::reads::WRITES) {
            return self.open_for_reading(call, caller, name, flags);
        }
        let makes = flags.contains(OFlags::CREATE);
        let name = Name { follows: name.follows && !flags.contains(OFlags::CREATE | OFlags::EXCL), ..name.clone() };
        match self.locate(call, caller, &name)? {
            Place::Free { .. } if !makes => Err(libc::ENOENT),
            Place::Free { is_directory: true, .. } => Err(libc::EISDIR),
            Place::Free { entry, is_directory: false } => self.open_new(caller, &entry, flags, mode),
            Place::Found(_) if flags.contains(OFlags::CREATE | OFlags::EXCL) => Err(libc::EEXIST),
            Place::Found(found) => self.open_found(call, caller, found, flags, mode),
        }
    }

    fn open_new(&mut self, caller: &Caller<'_>, entry: &Entry, flags: OFlags, mode: u32) -> Result<Outcome> {
        let mode = Mode::from_raw_mode(mode & 0o7777 & !self.umasks.of(caller)?);
        if let Some(forbidden) = self.forbids(&entry.path) {
            return self.open_forbidden(entry, &forbidden, flags, mode);
        }
        if let Some(outcome) = self.completes_bare(entry) {
            return Ok(outcome);
        }
        // Whoever makes a link or a pipe there meanwhile gets nothing opened through it, and whoever makes a file there
        // that must not be read gets none opened.
        let more = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let unreadable = self.unreadable("open", Some(&entry.path));
        let more = if unreadable.is_some() { more | OFlags::EXCL } else { more };
        let opened = rustix::fs::openat(&entry.directory, entry.name.as_slice(), flags | more, mode);
        if let (Err(rustix::io::Errno::EXIST), Some(outcome), false) =
            (&opened, unreadable, flags.contains(OFlags::EXCL))
        {
            return Ok(outcome);
        }
        if opened.is_ok()
            && let Some(outcome) = self.came_elsewhere("make", entry).or_else(|| self.came_into_bare(entry))
        {
            let _ = rustix::fs::unlinkat(&entry.directory, entry.name.as_slice(), AtFlags::empty());
            return Ok(outcome);
        }
        if let (Ok(file), false) = (&opened, flags.contains(OFlags::NONBLOCK)) {
            rustix::fs::fcntl_setfl(file, flags).map_err(errno)?;
        }
        Ok(self.opened("make", &entry.path, opened, flags))
    }

    /// A pointer to a data directory of git is written once it is known what it says, a configuration when it is closed, and
    /// a protected file once it is known to be what the project has under the same name already: a checkout of its
    /// own in another place.
    fn open_forbidden(&mut self, entry: &Entry, forbidden: &Forbidden, flags: OFlags, mode: Mode) -> Result<Outcome> {
        let original = self.original(&entry.path, forbidden);
        let expected = match (forbidden.git, original) {
            (Some(Role::Modules), original) => Expected::Judged(Role::Modules, original),
            // git reads its list at once when an editor is done, and what says how it merges in another process.
            (Some(Role::Todo), None) if entry.path.name() != Some(LAST_TODO) => Expected::Judged(Role::Todo, None),
            (Some(Role::Configuration), _) => Expected::Judged(Role::Configuration, None),
            (Some(Role::Pointer), _) => Expected::Pointer(Pointer::DataDirectory),
            (Some(Role::CommonDirectory), _) => Expected::Pointer(Pointer::CommonDirectory),
            (Some(Role::Todo | Role::Program) | None, Some(original)) => Expected::Copy(original),
            (Some(Role::Todo | Role::Program) | None, None) => {
                return Ok(refused("make", &entry.path, forbidden.by.clone()));
            }
        };
        let file = self.pending.begin(entry, expected, mode)?;
        self.told.pending(self.pending.count());
        Ok(Outcome::Opened { file, closes_on_exec: flags.contains(OFlags::CLOEXEC) })
    }

    fn open_found(
        &mut self,
        call: &Call,
        caller: &Caller<'_>,
        found: Found,
        flags: OFlags,
        mode: u32,
    ) -> Result<Outcome> {
        let Found { file, kind, path, entry, mode: found_mode, .. } = found;
        match kind {
            FileType::Symlink => return Err(libc::ELOOP),
            FileType::Directory if flags.contains(OFlags::TMPFILE) => {}
            FileType::Directory => return Err(libc::EISDIR),
            _ if flags.contains(OFlags::DIRECTORY) => return Err(libc::ENOTDIR),
            FileType::CharacterDevice if device(&file)? == TERMINAL => return self.own_terminal(caller, flags),
            _ => {}
        }
        let shown = path.clone().unwrap_or_else(AbsPath::root);
        if let Some(path) = &path
            && let Some(forbidden) = self.forbids(path)
            && !(kind == FileType::Directory && forbidden.git == Some(Role::Pointer))
        {
            return match (forbidden.git, &entry) {
                (Some(Role::Pointer | Role::CommonDirectory | Role::Modules | Role::Todo), Some(entry))
                    if flags.contains(OFlags::TRUNC) =>
                {
                    self.open_forbidden(entry, &forbidden, flags, Mode::from_raw_mode(found_mode & 0o777))
                }
                _ => Ok(refused("write", path, forbidden.by)),
            };
        }
        if let Some(role) = path.as_ref().and_then(|path| self.rules.locks(path)) {
            return Ok(refused("write", &shown, lock(role)));
        }
        // Without reading a file one could still compare it with another; what is cut to nothing tells nothing.
        if !(flags.contains(OFlags::WRONLY | OFlags::TRUNC))
            && let Some(outcome) = self.unreadable("open", path.as_ref())
        {
            return Ok(outcome);
        }
        let mode = match flags.contains(OFlags::TMPFILE) {
            true => Mode::from_raw_mode(mode & 0o7777 & !self.umasks.of(caller)?),
            false => Mode::empty(),
        };
        let is_proc = self.ground.is_proc(&file)?;
        let wanted = Again { file, kind, flags, mode };
        // One that only reads passes by here, too, when it says that it would make the file.
        let outcome = match is_proc {
            true => self.open_of_process(call, caller, ("write", &shown), wanted)?,
            false => self.open_again(call, ("write", &shown), wanted)?,
        };
        // The broker of another command may have made a repository around it meanwhile.
        let came = path.filter(|_| kind != FileType::Directory).and_then(|path| self.forbids_in_bare(&path));
        Ok(match came {
            Some(forbidden) => refused("write", &shown, forbidden.by),
            None => outcome,
        })
    }

    /// Opens what was found, as it was asked for. What waits for another process waits in a thread of its own.
    pub(super) fn open_again(&self, call: &Call, (what, shown): (&str, &AbsPath), wanted: Again) -> Result<Outcome> {
        let Again { file, kind, flags, mode } = wanted;
        let how = (flags & !(OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW)) | OFlags::CLOEXEC | OFlags::NOCTTY;
        if kind == FileType::Fifo && !flags.contains(OFlags::NONBLOCK) {
            return self.open_waiting(call, file, how, flags.contains(OFlags::CLOEXEC));
        }
        // Somebody may have a lease on the file, and may take long to give it up; a device may take for ever.
        let waits = !matches!(kind, FileType::Directory | FileType::Fifo);
        let is_patient = waits && !flags.contains(OFlags::NONBLOCK);
        let at_once = if is_patient { how | OFlags::NONBLOCK } else { how };
        let opened = match rustix::fs::openat(CWD, again(&file), at_once, mode) {
            Err(rustix::io::Errno::AGAIN) if is_patient => {
                return self.open_waiting(call, file, how, flags.contains(OFlags::CLOEXEC));
            }
            Ok(opened) if is_patient => rustix::fs::fcntl_setfl(&opened, how).map(|()| opened),
            opened => opened,
        };
        Ok(self.opened(what, shown, opened, flags))
    }

    /// Returns the outcome of an opening. What the file system refuses is told too.
    fn opened(&self, what: &str, path: &AbsPath, opened: rustix::io::Result<OwnedFd>, asked: OFlags) -> Outcome {
        match opened {
            Ok(file) => Outcome::Opened { file, closes_on_exec: asked.contains(OFlags::CLOEXEC) },
            Err(error) => self.failed(what, path, error),
        }
    }

    /// Tells of what the mounts, Landlock or the rights of a file refuse.
    fn failed(&self, what: &str, path: &AbsPath, error: rustix::io::Errno) -> Outcome {
        let errno = errno(error);
        let by = match errno {
            libc::EROFS => "outside the directories that may be written".to_owned(),
            libc::EACCES if what != "read" && self.is_outside(path) => {
                "outside the directories that may be written".to_owned()
            }
            libc::EACCES => match self.rules.hidden(path) {
                Some(why) => why.to_owned(),
                None => "the rights of the file".to_owned(),
            },
            _ => return Outcome::Failed(errno),
        };
        Outcome::Refused { errno, what: format!("{what} {path}"), by: Some(by) }
    }

    pub(super) fn done(&self, what: &str, path: &AbsPath, done: rustix::io::Result<()>) -> Outcome {
        match done {
            Ok(()) => Outcome::Done,
            Err(error) => self.failed(what, path, error),
        }
    }

    /// `/dev/tty` is the terminal of whoever opens it.
    pub(super) fn own_terminal(&self, caller: &Caller<'_>, flags: OFlags) -> Result<Outcome> {
        let (session, terminal) = caller.session_and_terminal()?;
        let path = match terminal {
            0 => return Err(libc::ENXIO),
            _ if session == self.session => "/dev/tty".to_owned(),
            number => {
                let (major, minor) = (number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xf_ff00));
                if !(PTS_MAJOR..PTS_MAJOR + 8).contains(&major) {
                    return Err(libc::ENXIO);
                }
                format!("/dev/pts/{}", (major - PTS_MAJOR) * 256 + minor)
            }
        };
        let closes_on_exec = flags.contains(OFlags::CLOEXEC);
        let flags = (flags & !(OFlags::CREATE | OFlags::EXCL)) | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(errno)?;
        Ok(Outcome::Opened { file, closes_on_exec })
    }

    /// Opens a pipe, which waits for a reader, or a file that somebody has a lease on, without keeping anybody else.
    pub(super) fn open_waiting(
        &self,
        call: &Call,
        file: OwnedFd,
        flags: OFlags,
        closes_on_exec: bool,
    ) -> Result<Outcome> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_OPENS_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(libc::ENFILE);
        }
        let (id, listener, waiting) = (call.id, Arc::clone(&self.listener), Arc::clone(&self.waiting));
        let wait = move || {
            let _ = match rustix::fs::openat(CWD, again(&file), flags, Mode::empty()) {
                Ok(opened) => give(&listener, id, &opened, closes_on_exec),
                Err(error) => filter::answer(listener.as_fd(), id, Answer::Fail(errno(error))),
            };
            waiting.fetch_sub(1, Ordering::Relaxed);
        };
        match std::thread::Builder::new().stack_size(64 * 1024).spawn(wait) {
            Ok(_) => Ok(Outcome::Later),
            Err(_) => Err(libc::ENFILE),
        }
    }

    /// Makes a directory, a node or a symbolic link.
    pub(super) fn make(&mut self, call: &Call, caller: &Caller<'_>, name: &Name, made: &Made) -> Result<Outcome> {
        let entry = match self.locate_name(call, caller, name)? {
            Place::Found(_) => return Err(libc::EEXIST),
            Place::Free { entry, is_directory } => {
                if is_directory && !matches!(made, Made::Directory { .. }) {
                    return Err(libc::ENOENT);
                }
                entry
            }
        };
        let is_directory = matches!(made, Made::Directory { .. });
        if let Some(forbidden) = self.forbids(&entry.path)
            && !(is_directory && forbidden.spares_directory())
        {
            return Ok(refused("make", &entry.path, forbidden.by));
        }
        if let Some(outcome) = self.completes_bare(&entry) {
            return Ok(outcome);
        }
        // Through a link of such a name the files of another directory would have protected names. One to its
        // neighbour, as git makes to learn whether there are links, leads to names that are held as well.
        let leads_away = !matches!(made, Made::Link { target } if is_neighbour(target.to_bytes()));
        if !is_directory && let Some(by) = self.could_lie_below(&entry.path, leads_away) {
            return Ok(refused("make", &entry.path, by));
        }
        let file = entry.name.as_slice();
        let done = match made {
            Made::Directory { mode } => {
                let mode = Mode::from_raw_mode(mode & 0o7777 & !self.umasks.of(caller)?);
                rustix::fs::mkdirat(&entry.directory, file, mode)
            }
            Made::Node { mode, device } => {
                let kind = match mode & libc::S_IFMT {
                    0 => FileType::RegularFile,
                    _ => FileType::from_raw_mode(*mode),
                };
                let mode = Mode::from_raw_mode(mode & 0o7777 & !self.umasks.of(caller)?);
                rustix::fs::mknodat(&entry.directory, file, kind, mode, *device)
            }
            Made::Link { target } => rustix::fs::symlinkat(target.as_c_str(), &entry.directory, file),
        };
        if done.is_ok()
            && let Some(outcome) = self.came_elsewhere("make", &entry).or_else(|| self.came_into_bare(&entry))
        {
            let how = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            let _ = rustix::fs::unlinkat(&entry.directory, file, how);
            return Ok(outcome);
        }
        Ok(self.done("make", &entry.path, done))
    }

    /// Looks again at a name that something was made under: the broker of another command may have moved its
    /// directory meanwhile. Returns the refusal when it is a name now that may not be written.
    pub(super) fn came_elsewhere(&self, what: &str, entry: &Entry) -> Option<Outcome> {
        let above = match self.ground.path_of(entry.directory.as_fd()) {
            Ok(above) => above?,
            Err(errno) => return Some(Outcome::Failed(errno)),
        };
        let path = above.join(&String::from_utf8_lossy(&entry.name));
        if path == entry.path {
            return None;
        }
        self.rules.write(&path).map(|forbidden| refused(what, &path, forbidden.by))
    }

    /// Returns who could forbid something below a name, if it were a directory; `leads_away` says that what lies
    /// there would have other names as well.
    pub(super) fn could_lie_below(&self, path: &AbsPath, leads_away: bool) -> Option<String> {
        let segments: Vec<&str> = path.segments().collect();
        if leads_away && git::is_nested(&segments) {
            return Some(nested());
        }
        let is_rebase = |last: &str| git::STRATEGIES.iter().any(|[directory, _]| last.eq_ignore_ascii_case(directory));
        let todo: Vec<&str> = segments.iter().copied().chain([LAST_TODO]).collect();
        if segments.last().is_some_and(|last| is_rebase(last)) && git::role(&todo) == Some(Role::Todo) {
            return Some(format!("a rebase of git ({})", Role::Todo.why()));
        }
        let row = self.rules.rows_below(path).into_iter().next();
        let row = row.map(|(row, _)| format!("the protected name `{}` ({})", row.name, row.why));
        row.or_else(|| self.rules.written_below(path))
    }

    /// Removes a name.
    pub(super) fn remove(
        &mut self,
        call: &Call,
        caller: &Caller<'_>,
        name: &Name,
        is_directory: bool,
    ) -> Result<Outcome> {
        let Place::Found(found) = self.locate_name(call, caller, name)? else { return Err(libc::ENOENT) };
        found.is_as_named()?;
        let Some(entry) = &found.entry else {
            return Err(if is_directory { libc::EINVAL } else { libc::EISDIR });
        };
        if let Some(outcome) = self.keeps_name(&found)? {
            return Ok(outcome);
        }
        if let Some(forbidden) = self.forbids(&entry.path) {
            let may = match forbidden.git {
                Some(Role::Pointer | Role::CommonDirectory | Role::Modules | Role::Todo) => {
                    !self.rules.is_written(&entry.path)
                }
                Some(Role::Configuration) if forbidden.is_in_bare => true,
                Some(Role::Configuration) => self.may_lose_configuration(&found, entry),
                Some(Role::Program) => forbidden.is_in_bare && !self.rules.is_written(&entry.path),
                None => is_directory && forbidden.spares_directory(),
            };
            if !may {
                return Ok(refused("remove", &entry.path, forbidden.by));
            }
        }
        if !is_directory {
            // Its number may be another file's next.
            let _ = self.own.take(entry);
        }
        let flags = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        let done = rustix::fs::unlinkat(&entry.directory, entry.name.as_slice(), flags);
        Ok(self.done("remove", &entry.path, done))
    }

    /// Gives a file a second name.
    pub(super) fn link(&mut self, call: &Call, caller: &Caller<'_>, [from, to]: [&Name; 2]) -> Result<Outcome> {
        let Place::Found(source) = self.find(call, caller, from)? else { return Err(libc::ENOENT) };
        let entry = match self.locate_name(call, caller, to)? {
            Place::Found(_) => return Err(libc::EEXIST),
            Place::Free { is_directory: true, .. } => return Err(libc::ENOENT),
            Place::Free { entry, is_directory: false } => entry,
        };
        if source.kind == FileType::Directory {
            return Err(libc::EPERM);
        }
        if let Some(outcome) = self.held_behind(&source, "link", libc::EXDEV)? {
            return Ok(outcome);
        }
        self.stays_in_its_directory(source.path.as_ref(), &entry.path)?;
        let names = source.path.iter().chain([&entry.path]);
        if let Some((path, forbidden)) = names.filter_map(|path| Some((path, self.forbids(path)?))).next() {
            return Ok(refused("link", path, forbidden.by));
        }
        if let Some((path, role)) = source.path.as_ref().and_then(|path| Some((path, self.rules.locks(path)?))) {
            return Ok(refused("link", path, lock(role)));
        }
        if let Some(outcome) = self.unreadable("link", source.path.as_ref()) {
            return Ok(outcome);
        }
        if source.kind == FileType::Symlink
            && let Some(by) = self.could_lie_below(&entry.path, true)
        {
            return Ok(refused("link", &entry.path, by));
        }
        if let Some(outcome) = self.completes_bare(&entry) {
            return Ok(outcome);
        }
        let done = match &source.entry {
            Some(old) => rustix::fs::linkat(
                &old.directory,
                old.name.as_slice(),
                &entry.directory,
                entry.name.as_slice(),
                AtFlags::empty(),
            ),
            None => rustix::fs::linkat(
                CWD,
                again(&source.file),
                &entry.directory,
                entry.name.as_slice(),
                AtFlags::SYMLINK_FOLLOW,
            ),
        };
        if done.is_ok()
            && let Some(outcome) = self.came_elsewhere("link", &entry).or_else(|| self.came_into_bare(&entry))
        {
            let _ = rustix::fs::unlinkat(&entry.directory, entry.name.as_slice(), AtFlags::empty());
            return Ok(outcome);
        }
        Ok(self.done("link", &entry.path, done))
    }

    /// Changes what a file is besides its contents.
    pub(super) fn change(&mut self, call: &Call, caller: &Caller<'_>, name: &Name, change: &Change) -> Result<Outcome> {
        let Place::Found(found) = self.find(call, caller, name)? else { return Err(libc::ENOENT) };
        self.change_found(&found, change)
    }

    pub(super) fn change_open(
        &mut self,
        call: &Call,
        caller: &Caller<'_>,
        descriptor: i32,
        change: &Change,
    ) -> Result<Outcome> {
        let found = self.ground.held_open(caller, descriptor)?;
        self.is_waiting(call)?;
        self.change_found(&found, change)
    }

    fn change_found(&mut self, found: &Found, change: &Change) -> Result<Outcome> {
        if self.fence.is_none() && found.path.is_some() && !self.mounts.hold(&self.ground, found.file.as_fd())? {
            let what = format!("change {}", found.path.clone().unwrap_or_else(AbsPath::root));
            let by = "a file of the host's that the command was given".to_owned();
            return Ok(Outcome::Refused { errno: libc::EPERM, what, by: Some(by) });
        }
        if let Some(outcome) = self.held_behind(found, "change", libc::EPERM)? {
            return Ok(outcome);
        }
        let shown = found.path.clone().unwrap_or_else(AbsPath::root);
        if let Some(path) = &found.path
            && let Some(forbidden) = self.forbids(path)
            && !(found.kind == FileType::Directory && forbidden.git == Some(Role::Pointer))
            && !is_harmless(&forbidden, change)
        {
            return Ok(refused("change", path, forbidden.by));
        }
        if matches!(change, Change::Length(_))
            && let Some((path, role)) = found.path.as_ref().and_then(|path| Some((path, self.rules.locks(path)?)))
        {
            return Ok(refused("change", path, lock(role)));
        }
        let done = apply(&found.file, found.kind, change);
        Ok(self.done("change", &shown, done))
    }
}

/// git tries whether the right to run a file can be changed, on its own configuration.
fn is_harmless(forbidden: &Forbidden, change: &Change) -> bool {
    let keeps_owner = |mode: u32| mode & 0o600 == 0o600 && mode & 0o7022 == 0;
    let is_judged = matches!(forbidden.git, Some(Role::Configuration | Role::Modules | Role::Todo));
    is_judged && matches!(change, Change::Mode(mode) if keeps_owner(*mode & 0o7777))
}

/// Returns true for a link's text that names something in the directory of the link.
fn is_neighbour(target: &[u8]) -> bool {
    !target.contains(&b'/') && !matches!(target, b"" | b"." | b"..")
}

/// Says why nobody opens the lock of such a file again: it is the file's next form.
pub(super) fn lock(role: Role) -> String {
    format!("the lock of a file of git ({})", role.why())
}

/// Says why no directory comes to where git keeps worktrees and submodules.
pub(super) fn nested() -> String {
    format!("a data directory of git ({})", Role::Configuration.why())
}

/// Changes a file that is open for being named only.
fn apply(file: &OwnedFd, kind: FileType, change: &Change) -> rustix::io::Result<()> {
    let path = again(file);
    match change {
        Change::Mode(_) | Change::Attribute { .. } | Change::NoAttribute { .. } if kind == FileType::Symlink => {
            Err(rustix::io::Errno::OPNOTSUPP)
        }
        Change::Mode(mode) => rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode & 0o7777), AtFlags::empty()),
        Change::Owner(user, group) => {
            let user = (*user != u32::MAX).then(|| Uid::from_raw(*user));
            let group = (*group != u32::MAX).then(|| Gid::from_raw(*group));
            rustix::fs::chownat(file, c"", user, group, AtFlags::EMPTY_PATH)
        }
        Change::Times([access, modification]) => {
            let time = |(seconds, nanoseconds): &(i64, i64)| Timespec { tv_sec: *seconds, tv_nsec: *nanoseconds };
            let times = Timestamps { last_access: time(access), last_modification: time(modification) };
            if kind == FileType::Symlink {
                rustix::fs::utimensat(file, c"", &times, AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW)
            } else {
                rustix::fs::utimensat(CWD, path, &times, AtFlags::empty())
            }
        }
        Change::Attribute { name, value, flags } => {
            rustix::fs::setxattr(path, name.as_c_str(), value, XattrFlags::from_bits_retain(*flags))
        }
        Change::NoAttribute { name } => rustix::fs::removexattr(path, name.as_c_str()),
        Change::Length(length) => {
            let length = u64::try_from(*length).map_err(|_| rustix::io::Errno::INVAL)?;
            let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
            rustix::fs::ftruncate(file, length)
        }
    }
}

/// Returns the number of the device that a file is.
pub(super) fn device(file: &OwnedFd) -> Result<(u32, u32)> {
    let stat = rustix::fs::fstat(file.as_fd()).map_err(errno)?;
    Ok((rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)))
}
