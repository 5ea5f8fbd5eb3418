//! The tier below our own namespaces: bubblewrap makes them, where the host lets only that program.
//!
//! It gets the plan as arguments over a descriptor, builds namespaces and mounts from it, gives up every
//! capability and starts this program again as the first process inside (`inside`), which looks at what was
//! built before anything else runs. A path may change between our look and its mount; what is then there is
//! another file than the one that was found, and refused.

use std::os::fd::{AsFd, OwnedFd};

use policy::AbsPath;
use policy::tables::credentials;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::failure::{At, Failure};
use super::{inputs, kernel_files, tree};
use crate::error::Step as Stage;
use crate::limits::BUBBLEWRAP_ARGUMENTS_MAX;
use crate::machine::Version;
use crate::plan::{Plan, Root, Step, Zone};
use crate::shape::{Found, Holds, Outside};
use crate::wire::Input;

/// The second argument of the boundary process that bubblewrap starts.
pub(super) const INSIDE: &str = "inside";
/// The one program that counts, as AppArmor's profiles name it.
pub(super) const PROGRAM: &str = "/usr/bin/bwrap";
/// Where the launcher leaves the arguments.
pub(super) const ARGUMENTS: i32 = 5;
/// Where the launcher leaves this program, for bubblewrap to start.
pub(super) const OWN_PROGRAM: i32 = 6;
/// Where the launcher leaves the texts that are read in place of hidden files, one after the other.
pub(super) const TEXTS: i32 = 10;
/// How many there can be.
pub(super) const TEXTS_MAX: i32 = 32;
/// Where the launcher leaves the command's standard streams. Bubblewrap has none of them as its own, so that
/// their readers see the end when the command closes them.
pub(super) const STREAMS: i32 = 7;

/// A setuid program below this version lets its caller choose what is mounted with the rights of root.
const SETUID_LEAST: Version = Version(0, 11, 2);
/// Below this version it follows links that are put into a path between its look and its mount.
const RACES_UNTIL: Version = Version(0, 12, 0);

/// Every namespace, no capability, and an end with the launcher. Without the first and third word a caller who
/// is root, or an old kernel, would get less in silence.
pub(super) const APART: [&str; 7] =
    ["--unshare-user", "--unshare-all", "--unshare-cgroup", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL"];

/// The namespaces that must not be the launcher's.
pub(super) const NAMESPACES: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

/// The program as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) version: Version,
    /// It runs with the rights of root.
    pub(super) is_privileged: bool,
}

/// Why the program cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is not there.
    Absent,
    /// Somebody but root could change it: this path.
    Changeable(String),
    /// It does not say which version it is.
    NoVersion,
    /// It has rights of root and is too old to be given them.
    Privileged(Version),
}

impl Program {
    /// Looks at the program: it and the directories that lead to it must be root's, and nobody else's to write.
    pub(super) fn look() -> Result<Self, Unfit> {
        let mut is_privileged = false;
        for (path, is_program) in [("/", false), ("/usr", false), ("/usr/bin", false), (PROGRAM, true)] {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|_| Unfit::Absent)?;
            let stat = rustix::fs::fstat(&file).map_err(|_| Unfit::Absent)?;
            let kind = FileType::from_raw_mode(stat.st_mode);
            let is_kind = if is_program { kind.is_file() } else { kind.is_dir() };
            if !is_kind || stat.st_uid != 0 || stat.st_mode & 0o022 != 0 {
                return Err(Unfit::Changeable(path.to_owned()));
            }
            is_privileged = is_program && (stat.st_mode & 0o6000 != 0 || has_capabilities());
        }
        let version = super::run::output_of(PROGRAM, &["--version"]).ok().and_then(|text| Version::parse(&text));
        Self { version: version.ok_or(Unfit::NoVersion)?, is_privileged }.judged()
    }

    fn judged(self) -> Result<Self, Unfit> {
        if self.is_privileged && self.version < SETUID_LEAST { Err(Unfit::Privileged(self.version)) } else { Ok(self) }
    }

    /// Returns true when a link that is put into a path while it builds may lead it elsewhere. What is then
    /// mounted is found out inside, but may have been mounted.
    pub(super) fn has_races(&self) -> bool {
        self.version < RACES_UNTIL
    }
}

/// Capabilities of a file give its caller rights as the setuid bit does.
fn has_capabilities() -> bool {
    rustix::fs::getxattr(PROGRAM, "security.capability", &mut [0_u8; 64]).is_ok()
}

/// What bubblewrap and the inside get.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The arguments, each ended by NUL.
    pub(super) arguments: Vec<u8>,
    pub(super) outside: Outside,
    /// Texts that are read in place of hidden files.
    pub(super) texts: Vec<&'static str>,
    /// Held paths that are not there.
    pub(super) not_present: Vec<String>,
}

/// Makes the arguments from the plan, in the order in which our own mounts are made.
pub(super) fn prepare(plan: &Plan, brokered: bool, private_bytes: Option<u64>) -> Result<Prepared, Failure> {
    let root = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let root = root.at(Stage::HostRoot)?;
    let (words, found, not_present, texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let size = private_bytes.map(|bytes| bytes.to_string());
    let mut draft = Draft { root, plan, words, found, texts, not_present, brokered, size };
    draft.push(&APART);
    draft.readable()?;
    let zones = draft.private()?;
    draft.push(&["--dev", "/dev"]);
    draft.private_directory("/dev/shm", "1777");
    draft.push(&["--remount-ro", "/dev"]);
    draft.push(&["--proc", "/proc", "--remount-ro", "/proc"]);
    for path in kernel_files::HIDDEN.iter().filter(|path| is_there(plan, path)) {
        draft.cover(path, Missing::Skipped)?;
    }
    for step in &plan.steps {
        draft.apply(step)?;
    }
    for place in kernel_files::elsewhere()? {
        let place = place.into_string().map_err(|_| Errno::ILSEQ).at(Stage::HideKernel)?;
        if is_there(plan, &place) && !is_in_private(plan, &zones, &place) {
            draft.cover(&place, Missing::Skipped)?;
        }
    }
    for (path, is_writable) in &zones {
        if !is_writable {
            draft.push(&["--remount-ro", path]);
        }
    }
    if plan.root == Root::Empty {
        draft.push(&["--remount-ro", "/"]);
    }
    for input in inputs::find(plan)? {
        let Input { number, path, device, inode } = input;
        draft.found.push(Found { path, device, inode, holds: Holds::Input(number) });
    }
    let namespaces = namespaces()?;
    let Draft { words, found, texts, not_present, .. } = draft;
    if words.len() > BUBBLEWRAP_ARGUMENTS_MAX {
        return Err(Errno::TOOBIG).at(Stage::Bubblewrap);
    }
    let arguments = words.into_iter().flat_map(|word| [word.into_bytes(), vec![0]].concat()).collect();
    Ok(Prepared { arguments, outside: Outside { namespaces, found }, texts, not_present })
}

/// Returns true for a path that a private place covers already, and nothing that may be written shows again.
fn is_in_private(plan: &Plan, zones: &[(String, bool)], place: &str) -> bool {
    let is_shown = |step: &Step| step.writable().is_some_and(|path| is_within(place, path.as_str()));
    zones.iter().any(|(zone, _)| is_within(place, zone)) && !plan.steps.iter().any(is_shown)
}

fn is_within(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns true for a path that is there inside when the host has it.
fn is_there(plan: &Plan, asked: &str) -> bool {
    let is_shown = |step: &Step| match step {
        Step::Read { path, why: _ } | Step::Writable { path, zone: _ } | Step::Cache { path, zone: _ } => {
            is_within(asked, path.as_str())
        }
        Step::Link { .. }
        | Step::Private { .. }
        | Step::Seed { .. }
        | Step::Pin { .. }
        | Step::ReadOnly { .. }
        | Step::ByKey { .. }
        | Step::Hide { .. }
        | Step::Veil { .. } => false,
    };
    plan.root == Root::Host || is_within(asked, "/proc") || plan.steps.iter().any(is_shown)
}

/// Returns this process's namespaces, as the kernel names them.
pub(super) fn namespaces() -> Result<Vec<String>, Failure> {
    let name = |kind: &&str| {
        let path = format!("/proc/self/ns/{kind}");
        let link = rustix::fs::readlink(&path, Vec::new()).at_path(Stage::Bubblewrap, &path)?;
        Ok(link.to_string_lossy().into_owned())
    };
    NAMESPACES.iter().map(name).collect()
}

/// Returns the directories of the private places, links followed, with whether they may be written.
pub(super) fn zones(plan: &Plan, root: &OwnedFd) -> Result<Vec<(String, bool)>, Failure> {
    let mut zones: Vec<(String, bool)> = Vec::new();
    for step in &plan.steps {
        let Step::Private { zone } = step else { continue };
        if plan.root == Root::Empty {
            // There is nothing of the host's on the way, and the last one is a link to another.
            if *zone != Zone::VarRun {
                zones.push((zone.path().to_owned(), zone.is_writable()));
            }
            continue;
        }
        let found = match tree::resolve_links(root.as_fd(), zone.path()) {
            Err(Errno::NOENT) if *zone != Zone::Tmp => continue,
            other => other.at_path(Stage::Private, zone.path())?,
        };
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&found));
        let path = rustix::fs::readlink(link, Vec::new()).at_path(Stage::Private, zone.path())?;
        let path = path.into_string().map_err(|_| Errno::ILSEQ).at_path(Stage::Private, zone.path())?;
        // A link into a place that is private already needs nothing.
        let is_new = zones.iter().all(|(other, _)| path != *other && !path.starts_with(&format!("{other}/")));
        if is_new {
            zones.push((path, zone.is_writable()));
        }
    }
    Ok(zones)
}

/// What a path that is not there means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Skipped,
    Told,
}

/// The arguments as they grow.
#[derive(Debug)]
struct Draft<'a> {
    root: OwnedFd,
    plan: &'a Plan,
    words: Vec<String>,
    found: Vec<Found>,
    texts: Vec<&'static str>,
    not_present: Vec<String>,
    /// Whether a broker acts for the command.
    brokered: bool,
    /// How large each private directory may grow.
    size: Option<String>,
}

impl Draft<'_> {
    fn push(&mut self, words: &[&str]) {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
    }

    fn private_directory(&mut self, path: &str, mode: &str) {
        self.push(&["--perms", mode]);
        if let Some(size) = self.size.clone() {
            self.push(&["--size", &size]);
        }
        self.push(&["--tmpfs", path]);
    }

    /// Begins with the host's files, or with nothing and what is there to be read.
    fn readable(&mut self) -> Result<(), Failure> {
        if self.plan.root == Root::Host {
            self.push(&["--ro-bind", "/", "/"]);
            return Ok(());
        }
        for step in &self.plan.steps {
            match step {
                Step::Read { path, why: _ } => self.show(path.as_str(), path.as_str(), Stage::Read)?,
                Step::Link { path, target } => self.push(&["--symlink", target, path.as_str()]),
                Step::Private { .. }
                | Step::Writable { .. }
                | Step::Cache { .. }
                | Step::Seed { .. }
                | Step::Pin { .. }
                | Step::ReadOnly { .. }
                | Step::ByKey { .. }
                | Step::Hide { .. }
                | Step::Veil { .. } => {}
            }
        }
        Ok(())
    }

    fn private(&mut self) -> Result<Vec<(String, bool)>, Failure> {
        let zones = zones(self.plan, &self.root)?;
        if self.plan.root == Root::Empty {
            self.push(&["--symlink", Zone::Run.path(), Zone::VarRun.path()]);
        }
        for (path, is_writable) in &zones {
            self.private_directory(path, if *is_writable { "1777" } else { "0755" });
        }
        for link in super::mount::KEPT_LINKS {
            let is_private = zones.iter().any(|(zone, _)| zone == "/run");
            if let Ok(target) = rustix::fs::readlinkat(&self.root, link, Vec::new())
                && is_private
            {
                self.push(&["--symlink", &target.to_string_lossy(), &format!("/{link}")]);
            }
        }
        Ok(zones)
    }

    fn apply(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            // They stand already.
            Step::Read { .. } | Step::Link { .. } | Step::Private { zone: _ } => Ok(()),
            Step::Seed { from, at } => self.show(from.as_str(), at.as_str(), Stage::Seed),
            Step::Writable { path, zone: _ } | Step::Cache { path, zone: _ } => {
                // A veil showed it read-only.
                self.found.retain(|found| found.path != path.as_str());
                let target = tree::resolve(self.root.as_fd(), path.as_str());
                let target = target.at_path(Stage::Writable, path.as_str())?;
                self.bind("--bind", path.as_str(), &target, Holds::Writable)
            }
            Step::Pin { path } => match self.present(path.as_str(), Stage::Pin, Missing::Told)? {
                Some(target) => self.bind("--bind", path.as_str(), &target, Holds::Pinned),
                None => Ok(()),
            },
            Step::ByKey { path: _, why: _ } if self.brokered => Ok(()),
            Step::ReadOnly { path, why: _ } | Step::ByKey { path, why: _ } => {
                match self.present(path.as_str(), Stage::ReadOnly, Missing::Told)? {
                    Some(target) => self.bind("--ro-bind", path.as_str(), &target, Holds::ReadOnly),
                    None => Ok(()),
                }
            }
            Step::Hide { path, why: _ } => match credentials::instead(path, &self.plan.home) {
                Some(text) => self.replace(path.as_str(), text),
                None => self.cover(path.as_str(), Missing::Told),
            },
            Step::Veil { path, parts, why: _ } => self.veil(path.as_str(), parts),
        }
    }

    /// Shows a file or directory of the host, read-only.
    fn show(&mut self, from: &str, at: &str, stage: Stage) -> Result<(), Failure> {
        let Some(source) = self.present(from, stage, Missing::Told)? else { return Ok(()) };
        let identity = tree::identity(source.as_fd()).at_path(stage, from)?;
        self.push(&["--ro-bind", from, at]);
        let (device, inode) = (identity.device, identity.inode);
        self.found.push(Found { path: at.to_owned(), device, inode, holds: Holds::Shown });
        Ok(())
    }

    /// Covers a directory with an empty one, in which the parts are seen, read-only.
    fn veil(&mut self, path: &str, parts: &[AbsPath]) -> Result<(), Failure> {
        let Some(target) = self.present(path, Stage::Hide, Missing::Told)? else { return Ok(()) };
        let identity = tree::identity(target.as_fd()).at_path(Stage::Hide, path)?;
        if !identity.is_directory {
            return Err(Errno::NOTDIR).at_path(Stage::Hide, path);
        }
        self.push(&["--perms", "0755", "--tmpfs", path]);
        let (device, inode) = (identity.device, identity.inode);
        self.found.push(Found { path: path.to_owned(), device, inode, holds: Holds::Replaced });
        for part in parts {
            self.show(part.as_str(), part.as_str(), Stage::Hide)?;
        }
        self.push(&["--remount-ro", path]);
        Ok(())
    }

    /// Covers a file with one of which this text is read.
    fn replace(&mut self, path: &str, text: &'static str) -> Result<(), Failure> {
        let Some(target) = self.present(path, Stage::Hide, Missing::Told)? else { return Ok(()) };
        let identity = tree::identity(target.as_fd()).at_path(Stage::Hide, path)?;
        let number = i32::try_from(self.texts.len()).unwrap_or(i32::MAX);
        if identity.is_directory || number >= TEXTS_MAX {
            return self.cover(path, Missing::Told);
        }
        self.texts.push(text);
        self.push(&["--perms", "0444", "--ro-bind-data", &(TEXTS + number).to_string(), path]);
        let (device, inode) = (identity.device, identity.inode);
        self.found.push(Found { path: path.to_owned(), device, inode, holds: Holds::Replaced });
        Ok(())
    }

    fn present(&mut self, path: &str, stage: Stage, missing: Missing) -> Result<Option<OwnedFd>, Failure> {
        match tree::resolve(self.root.as_fd(), path) {
            Ok(target) => Ok(Some(target)),
            Err(Errno::NOENT) => {
                if missing == Missing::Told {
                    self.not_present.push(path.to_owned());
                    let absent = Found { path: path.to_owned(), device: (0, 0), inode: 0, holds: Holds::Absent };
                    self.found.push(absent);
                }
                Ok(None)
            }
            Err(error) => Err(error).at_path(stage, path),
        }
    }

    fn bind(&mut self, how: &str, path: &str, target: &OwnedFd, holds: Holds) -> Result<(), Failure> {
        let identity = tree::identity(target.as_fd()).at_path(Stage::Bubblewrap, path)?;
        if holds == Holds::Writable && !identity.is_directory {
            return Err(Errno::NOTDIR).at_path(Stage::Writable, path);
        }
        self.push(&[how, path, path]);
        self.found.push(Found { path: path.to_owned(), device: identity.device, inode: identity.inode, holds });
        Ok(())
    }

    /// Covers a directory with an empty one that nobody may open, and a file with a device that cannot be
    /// opened on any mount of ours.
    fn cover(&mut self, path: &str, missing: Missing) -> Result<(), Failure> {
        let target = match self.present(path, Stage::Hide, missing) {
            Ok(Some(target)) => target,
            Ok(None) => return Ok(()),
            // Below something that is covered for this user already.
            Err(_) if missing == Missing::Skipped => return Ok(()),
            Err(failure) => return Err(failure),
        };
        let identity = tree::identity(target.as_fd()).at_path(Stage::Hide, path)?;
        if identity.is_directory {
            self.push(&["--perms", "0000", "--tmpfs", path, "--remount-ro", path]);
        } else {
            self.push(&["--ro-bind", "/dev/null", path]);
        }
        let (device, inode) = (identity.device, identity.inode);
        self.found.push(Found { path: path.to_owned(), device, inode, holds: Holds::Closed });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
