//! The files that the command sees: mounts built by descriptor.
//!
//! Every path is opened once, without following links, and mounted on through that descriptor. When all
//! stands each path is opened again and compared, so that a name that moved meanwhile fails.

use std::os::fd::{AsFd, OwnedFd};

use policy::tables::credentials;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountPropagationFlags, UnmountFlags};

use super::failure::{At, Failure};
use super::tree::{self, Identity, NODEV, NOEXEC, NOSUID, RDONLY};
use super::{closed_root, kernel_files, names, shown};
use crate::error::Step as Stage;
use crate::limits::{COVERS_MAX, PRIVATE_SIZE};
use crate::plan::{Plan, Root, Step, Zone};

/// The mounts under construction.
#[derive(Debug)]
pub(super) struct Mounts {
    /// The host's root directory.
    pub(super) host: OwnedFd,
    /// A file system of our own: the private places, the masks and the devices.
    pub(super) vault: OwnedFd,
    /// The new root.
    pub(super) root: OwnedFd,
    /// What must be found where, when all stands.
    pub(super) expected: Vec<Expected>,
    /// Held paths that were not there.
    not_present: Vec<String>,
    /// Whether a broker acts for the command.
    brokered: bool,
    /// How many covers of their own were made.
    pub(super) covers: usize,
}

/// What must be found at a path.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) path: String,
    pub(super) identity: Identity,
    pub(super) is_read_only: bool,
    /// Whether a command goes on should the mount be taken away: the broker holds the same name, or nothing is
    /// protected there. No command starts in a held boundary without it.
    pub(super) may_go: bool,
}

/// The directories of the vault, with their modes.
const VAULT: &[(&str, u32)] = &[
    ("root", 0o755),
    ("tmp", 0o1777),
    ("var-tmp", 0o1777),
    ("run", 0o755),
    ("var-run", 0o755),
    ("shm", 0o1777),
    ("dev", 0o755),
    ("closed-directory", 0),
];
const CLOSED_DIRECTORY: &str = "closed-directory";
const CLOSED_FILE: &str = "closed-file";

/// Links in `/run` that systems without `/usr` cannot do without.
pub(super) const KEPT_LINKS: [&str; 3] = ["run/current-system", "run/booted-system", "run/opengl-driver"];

/// What the mounts hold, to be looked at again while the command runs.
#[derive(Debug)]
pub(super) struct Held {
    root: OwnedFd,
    expected: Vec<Expected>,
    not_present: Vec<String>,
    /// A path that was no longer held when all were looked at before the command.
    lost: Option<String>,
}

impl Held {
    /// Returns what holds without mounts: nothing to look at again.
    pub(super) fn nothing(not_present: Vec<String>) -> Result<Self, Failure> {
        Self::found(Vec::new(), not_present)
    }

    /// Returns what mounts hold that another program has made.
    pub(super) fn found(expected: Vec<Expected>, not_present: Vec<String>) -> Result<Self, Failure> {
        let root = open_inside("/").at(Stage::HostRoot)?;
        Ok(Self { root, expected, not_present, lost: None })
    }

    /// Returns the held paths that were not there.
    pub(super) fn not_present(&self) -> &[String] {
        &self.not_present
    }

    /// Returns a path that is not as it was when the mounts were made.
    pub(super) fn changed(&self) -> Option<String> {
        let is_as_it_was = |one: &Expected| one.is_found(&self.root) == Ok(true) || !one.is_reachable(&self.root);
        let lost = self.expected.iter().find(|one| !is_as_it_was(one)).map(|one| one.path.clone());
        let is_there = |path: &&String| {
            !matches!(tree::resolve(self.root.as_fd(), path), Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS))
        };
        lost.or_else(|| self.not_present.iter().find(is_there).cloned())
    }

    /// Returns the same without what this process, having no privileges any more, cannot reach; neither
    /// can the command. What was lost meanwhile stays, and is remembered.
    pub(super) fn reachable(self) -> Self {
        let Self { root, expected, not_present, lost: _ } = self;
        let mut lost = None;
        let keep = |one: &Expected| {
            let found = one.is_found(&root);
            if !one.may_go && !matches!(found, Ok(true) | Err(Errno::ACCESS)) {
                lost.get_or_insert_with(|| one.path.clone());
            }
            found != Err(Errno::ACCESS)
        };
        let expected = expected.into_iter().filter(keep).collect();
        Self { root, expected, not_present, lost }
    }

    /// Returns a path that was no longer held when [`Held::reachable`] looked.
    pub(super) fn lost_before(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Returns a path that is no longer held. The kernel takes a mount away when its mount point is
    /// removed or replaced from another namespace, which nothing inside can do. Names that the broker holds stay
    /// held.
    pub(super) fn lost(&self) -> Option<&str> {
        let mut counted = self.expected.iter().filter(|one| !one.may_go);
        counted.find(|one| !one.is_found(&self.root).unwrap_or(false)).map(|one| one.path.as_str())
    }
}

impl Expected {
    /// Returns false for what this process, having no privileges any more, cannot look at.
    fn is_reachable(&self, root: &OwnedFd) -> bool {
        self.is_found(root) != Err(Errno::ACCESS)
    }

    fn is_found(&self, root: &OwnedFd) -> rustix::io::Result<bool> {
        let found = tree::resolve(root.as_fd(), &self.path)?;
        let is_same = tree::identity(found.as_fd())? == self.identity;
        Ok(is_same && (!self.is_read_only || tree::is_read_only(found.as_fd())?))
    }
}

/// Builds the new root and enters it. Returns what the mounts hold.
///
/// 1. keep mounts from spreading, open the host's root;
/// 2. make the vault;
/// 3. attach a copy of the host's mounts, read-only, taken before; in the closed profile an empty root, and what is
///    there to be read;
/// 4. mount the private places, the devices and a fresh `/proc`, hide kernel interfaces, say whom to ask for names;
/// 5. the plan's steps in their order;
/// 6. hide kernel interfaces that are mounted elsewhere too, verify;
/// 7. enter the new root, detach the old one and what is over it, look that nothing is left.
pub(super) fn build(plan: &Plan, brokered: bool, private_bytes: Option<u64>) -> Result<Held, Failure> {
    let mask = rustix::process::umask(Mode::empty());
    let propagation = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", propagation).at(Stage::Propagation)?;
    let host = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let host = host.at(Stage::HostRoot)?;
    let elsewhere = kernel_files::elsewhere()?;
    // Before anything of ours is mounted over the host's root, or the copy would hold it too.
    let copy = tree::copy(host.as_fd()).at(Stage::CopyRoot)?;
    let vault = make_vault(&host, private_bytes)?;
    let root = match plan.root {
        Root::Host => copy,
        Root::Empty => {
            drop(copy);
            closed_root::make(plan)?
        }
    };
    let root = attach_root(root, &vault)?;
    let (expected, not_present) = (Vec::new(), Vec::new());
    let mut mounts = Mounts { host, vault, root, expected, not_present, brokered, covers: 0 };
    mounts.readable(plan)?;
    mounts.private(plan)?;
    kernel_files::build(&mounts)?;
    names::build(&mut mounts, plan)?;
    shown::build(&mut mounts, plan)?;
    for step in &plan.steps {
        mounts.apply(step, plan)?;
    }
    kernel_files::hide_elsewhere(&mounts, &elsewhere)?;
    mounts.verify()?;
    rustix::process::umask(mask);
    mounts.enter()
}

fn make_vault(host: &OwnedFd, bytes: Option<u64>) -> Result<OwnedFd, Failure> {
    let size = bytes.map_or(PRIVATE_SIZE.to_owned(), |bytes| bytes.to_string());
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let options = [("mode", "0755"), ("size", size.as_str())];
    let vault = tree::new_file_system("tmpfs", &options, attributes).at(Stage::PrivateFiles)?;
    for (name, mode) in VAULT {
        rustix::fs::mkdirat(&vault, *name, Mode::from_raw_mode(*mode)).at_path(Stage::PrivateFiles, name)?;
    }
    rustix::fs::mknodat(&vault, CLOSED_FILE, FileType::RegularFile, Mode::empty(), 0).at(Stage::PrivateFiles)?;
    for link in KEPT_LINKS {
        if let Ok(target) = rustix::fs::readlinkat(host, link, Vec::new()) {
            rustix::fs::symlinkat(&target, &vault, link).at_path(Stage::PrivateFiles, link)?;
        }
    }
    // Over the host's root, where it needs no directory of the host; absolute paths still mean the host.
    tree::attach(vault.as_fd(), host.as_fd()).at(Stage::PrivateFiles)?;
    Ok(vault)
}

/// Makes a file that everybody may read.
pub(super) fn make_file(vault: &OwnedFd, name: &str, text: &[u8]) -> std::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(vault, name, flags, Mode::from_raw_mode(0o444))?;
    std::io::Write::write_all(&mut std::fs::File::from(file), text)
}

fn attach_root(root: OwnedFd, vault: &OwnedFd) -> Result<OwnedFd, Failure> {
    tree::restrict_all(root.as_fd(), RDONLY | NOSUID | NODEV).at(Stage::ReadOnlyRoot)?;
    let place = tree::resolve(vault.as_fd(), "root").at(Stage::AttachRoot)?;
    tree::attach(root.as_fd(), place.as_fd()).at(Stage::AttachRoot)?;
    Ok(root)
}

impl Mounts {
    /// Mounts the private places. One that is a link is looked at last: it may lead into another one.
    fn private(&self, plan: &Plan) -> Result<(), Failure> {
        let mut links = Vec::new();
        for step in &plan.steps {
            let Step::Private { zone } = step else { continue };
            match tree::resolve(self.root.as_fd(), zone.path()) {
                Ok(target) => self.private_zone(*zone, &target)?,
                Err(Errno::LOOP) => links.push(*zone),
                Err(Errno::NOENT) if *zone != Zone::Tmp => {}
                Err(error) => return Err(error).at_path(Stage::Private, zone.path()),
            }
        }
        let ours = tree::identity(self.vault.as_fd()).at(Stage::Private)?.device;
        for zone in links {
            let target = match tree::resolve_links(self.root.as_fd(), zone.path()) {
                Err(Errno::NOENT) if zone != Zone::Tmp => continue,
                other => other.at_path(Stage::Private, zone.path())?,
            };
            if tree::identity(target.as_fd()).at_path(Stage::Private, zone.path())?.device != ours {
                self.private_zone(zone, &target)?;
            }
        }
        Ok(())
    }

    fn private_zone(&self, zone: Zone, target: &OwnedFd) -> Result<(), Failure> {
        let mount = tree::copy_named(self.vault.as_fd(), vault_name(zone)).at_path(Stage::Private, zone.path())?;
        if !zone.is_writable() {
            tree::restrict_one(mount.as_fd(), RDONLY).at_path(Stage::Private, zone.path())?;
        }
        tree::attach(mount.as_fd(), target.as_fd()).at_path(Stage::Private, zone.path())
    }

    fn apply(&mut self, step: &Step, plan: &Plan) -> Result<(), Failure> {
        match step {
            // They stand already.
            Step::Read { .. } | Step::Link { .. } | Step::Private { .. } => Ok(()),
            Step::Cache { path, zone } => self.writable(path.as_str(), *zone),
            Step::Seed { from, at } => self.seed(from.as_str(), at.as_str()),
            Step::Writable { path, zone } => self.writable(path.as_str(), *zone),
            Step::Pin { path } => self.pin(path.as_str()),
            Step::ReadOnly { path, why: _ } => self.read_only(path.as_str()),
            Step::ByKey { path: _, why: _ } if self.brokered => Ok(()),
            Step::ByKey { path, why: _ } => self.read_only(path.as_str()),
            Step::Hide { path, why: _ } => {
                let own = plan.shown.iter().find(|shown| shown.path == *path).map(|shown| shown.content.as_slice());
                let instead = own.or_else(|| credentials::instead(path, &plan.home).map(str::as_bytes));
                let shown = shown::below(plan, path);
                if shown.is_empty() { self.hide(path.as_str(), instead) } else { self.veil(path.as_str(), &[], &shown) }
            }
            Step::Veil { path, parts, why: _ } => self.veil(path.as_str(), parts, &shown::below(plan, path)),
        }
    }

    fn writable(&mut self, path: &str, zone: Option<Zone>) -> Result<(), Failure> {
        let source = tree::resolve(self.host.as_fd(), path).at_path(Stage::Writable, path)?;
        let identity = tree::identity(source.as_fd()).at_path(Stage::Writable, path)?;
        if !identity.is_directory {
            return Err(Errno::NOTDIR).at_path(Stage::Writable, path);
        }
        if let Some(zone) = zone {
            self.make_mount_point(path, zone)?;
        }
        let mount = tree::copy(source.as_fd()).at_path(Stage::Writable, path)?;
        tree::restrict_all(mount.as_fd(), NOSUID | NODEV).at_path(Stage::Writable, path)?;
        let target = tree::resolve(self.root.as_fd(), path).at_path(Stage::Writable, path)?;
        tree::attach(mount.as_fd(), target.as_fd()).at_path(Stage::Writable, path)?;
        // A veil showed it read-only.
        self.expected.retain(|one| one.path != path);
        self.expect(path, identity, false, false);
        Ok(())
    }

    /// Mounts what is there to be read over an empty root.
    fn readable(&mut self, plan: &Plan) -> Result<(), Failure> {
        for step in &plan.steps {
            if let Step::Read { path, why: _ } = step
                && let Some(identity) = self.show(path.as_str(), path.as_str(), Stage::Read)?
            {
                self.expect(path.as_str(), identity, true, false);
            }
        }
        Ok(())
    }

    /// Shows a directory of the host among the private caches. The command may move what holds it: it protects nothing
    /// there.
    fn seed(&mut self, from: &str, at: &str) -> Result<(), Failure> {
        if let Some(identity) = self.show(from, at, Stage::Seed)? {
            self.expect(at, identity, true, true);
        }
        Ok(())
    }

    /// Mounts a path of the host, read-only, and returns which file it is, if it is there.
    fn show(&mut self, from: &str, at: &str, step: Stage) -> Result<Option<Identity>, Failure> {
        let source = match tree::resolve(self.host.as_fd(), from) {
            Err(Errno::NOENT) => {
                self.not_present.push(from.to_owned());
                return Ok(None);
            }
            other => other.at_path(step, from)?,
        };
        let identity = tree::identity(source.as_fd()).at_path(step, from)?;
        let mount = tree::copy(source.as_fd()).at_path(step, from)?;
        tree::restrict_all(mount.as_fd(), RDONLY | NOSUID | NODEV).at_path(step, from)?;
        let target = tree::resolve(self.root.as_fd(), at).at_path(step, at)?;
        tree::attach(mount.as_fd(), target.as_fd()).at_path(step, at)?;
        Ok(Some(identity))
    }

    /// Makes the directories down to a writable one that lies in a private place.
    fn make_mount_point(&self, path: &str, zone: Zone) -> Result<(), Failure> {
        let below = path.strip_prefix(zone.path()).unwrap_or_default();
        let mut at = tree::resolve(self.vault.as_fd(), vault_name(zone)).at_path(Stage::Writable, path)?;
        for name in below.split('/').filter(|name| !name.is_empty()) {
            match rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error).at_path(Stage::Writable, path),
            }
            at = tree::resolve(at.as_fd(), name).at_path(Stage::Writable, path)?;
        }
        Ok(())
    }

    /// Mounts a directory on itself, which changes nothing but that it cannot be renamed or removed.
    fn pin(&mut self, path: &str) -> Result<(), Failure> {
        let Some(target) = self.present(path, Stage::Pin)? else { return Ok(()) };
        let identity = tree::identity(target.as_fd()).at_path(Stage::Pin, path)?;
        let mount = tree::copy(target.as_fd()).at_path(Stage::Pin, path)?;
        tree::attach(mount.as_fd(), target.as_fd()).at_path(Stage::Pin, path)?;
        self.expect(path, identity, false, self.brokered);
        Ok(())
    }

    fn read_only(&mut self, path: &str) -> Result<(), Failure> {
        let Some(target) = self.present(path, Stage::ReadOnly)? else { return Ok(()) };
        let identity = tree::identity(target.as_fd()).at_path(Stage::ReadOnly, path)?;
        let mount = tree::copy(target.as_fd()).at_path(Stage::ReadOnly, path)?;
        tree::restrict_all(mount.as_fd(), RDONLY).at_path(Stage::ReadOnly, path)?;
        tree::attach(mount.as_fd(), target.as_fd()).at_path(Stage::ReadOnly, path)?;
        self.expect(path, identity, true, self.brokered);
        Ok(())
    }

    /// Covers a path. Of some files another text is read instead.
    fn hide(&mut self, path: &str, instead: Option<&[u8]>) -> Result<(), Failure> {
        let Some(target) = self.present(path, Stage::Hide)? else { return Ok(()) };
        let is_directory = tree::identity(target.as_fd()).at_path(Stage::Hide, path)?.is_directory;
        let mask = match instead {
            Some(text) if !is_directory => {
                let name = format!("instead-{}", self.covers);
                self.covers += 1;
                make_file(&self.vault, &name, text).at_path(Stage::Hide, path)?;
                self.cover_with(&target, &name).at_path(Stage::Hide, path)?
            }
            Some(_) | None => self.cover(&target).at_path(Stage::Hide, path)?,
        };
        self.expect(path, mask, true, false);
        Ok(())
    }

    /// Covers a file or directory with an empty one that nobody may open. Returns what is there now.
    pub(super) fn cover(&self, target: &OwnedFd) -> std::io::Result<Identity> {
        let is_directory = tree::identity(target.as_fd())?.is_directory;
        self.cover_with(target, if is_directory { CLOSED_DIRECTORY } else { CLOSED_FILE })
    }

    /// Covers a file with one of the vault. Returns what is there now.
    pub(super) fn cover_with(&self, target: &OwnedFd, name: &str) -> std::io::Result<Identity> {
        let mount = tree::copy_named(self.vault.as_fd(), name)?;
        tree::restrict_one(mount.as_fd(), RDONLY | NOSUID | NODEV | NOEXEC)?;
        let mask = tree::identity(mount.as_fd())?;
        tree::attach(mount.as_fd(), target.as_fd())?;
        Ok(mask)
    }

    /// Opens a held path inside; `None`, and remembered, when it is simply not there.
    pub(super) fn present(&mut self, path: &str, step: Stage) -> Result<Option<OwnedFd>, Failure> {
        match tree::resolve(self.root.as_fd(), path) {
            Ok(target) => Ok(Some(target)),
            Err(Errno::NOENT) => {
                self.not_present.push(path.to_owned());
                Ok(None)
            }
            Err(error) => Err(error).at_path(step, path),
        }
    }

    pub(super) fn expect(&mut self, path: &str, identity: Identity, is_read_only: bool, may_go: bool) {
        let identity = Identity { is_mount: true, ..identity };
        self.expected.push(Expected { path: path.to_owned(), identity, is_read_only, may_go });
    }

    /// Opens every path again and compares.
    fn verify(&self) -> Result<(), Failure> {
        for one in &self.expected {
            if !one.is_found(&self.root).at_path(Stage::Verify, &one.path)? {
                return Err(Errno::STALE).at_path(Stage::Verify, &one.path);
            }
        }
        // One that was away for a moment only would be there without its mount.
        for path in &self.not_present {
            if !matches!(tree::resolve(self.root.as_fd(), path), Err(Errno::NOENT | Errno::ACCESS)) {
                return Err(Errno::STALE).at_path(Stage::Verify, path);
            }
        }
        Ok(())
    }

    /// Makes the new root the root, and lets go of the old one.
    fn enter(self) -> Result<Held, Failure> {
        let Self { host: _host, vault: _vault, root, expected, not_present, brokered: _, covers: _ } = self;
        rustix::process::fchdir(&root).at(Stage::Pivot)?;
        rustix::process::pivot_root(".", ".").at(Stage::Pivot)?;
        uncover(&root)?;
        rustix::process::chdir("/").at(Stage::DetachOld)?;
        Ok(Held { root, expected, not_present, lost: None })
    }
}

/// Takes away everything that is mounted over the new root: the host's root, and the vault over that.
///
/// `/..` leads to the topmost of them, so whatever stayed would be all of the host's files, as they are
/// there. It ends when `/..` is the root itself, and fails when it does not come to that.
fn uncover(root: &OwnedFd) -> Result<(), Failure> {
    let own = tree::mount_id(root.as_fd()).at(Stage::DetachOld)?;
    for _ in 0..COVERS_MAX {
        let above = open_inside("/..").at(Stage::DetachOld)?;
        if tree::mount_id(above.as_fd()).at(Stage::DetachOld)? == own {
            return Ok(());
        }
        rustix::mount::unmount(".", UnmountFlags::DETACH).at(Stage::DetachOld)?;
    }
    Err(Errno::STALE).at_path(Stage::DetachOld, "/..")
}

fn vault_name(zone: Zone) -> &'static str {
    match zone {
        Zone::Tmp => "tmp",
        Zone::VarTmp => "var-tmp",
        Zone::Run => "run",
        Zone::VarRun => "var-run",
    }
}

/// Opens a path inside the new root, for rules that need a descriptor.
pub(super) fn open_inside(path: &str) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}
