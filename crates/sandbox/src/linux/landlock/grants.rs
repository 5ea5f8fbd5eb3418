//! Landlock as the first layer over files, where there are no mounts of our own.
//!
//! Landlock only grants, and what is granted for a directory holds for all below. So around a held path
//! everything is granted but the directories that lead to it: of each of those, every entry by itself. In such
//! a directory nothing can be read or made that is not there when the command starts.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use landlock::{ABI, AccessFs, BitFlags, PathBeneath, RulesetCreated, RulesetCreatedAttr};
use policy::mounts::{Mounts, Twin};
use rustix::fs::{Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Rules, changes, create, create_for, devices, failed, streams, version};
use crate::error::Step;
use crate::limits::{GRANTS_MAX, TOLD_DIRECTORIES_MAX};
use crate::linux::failure::{At, Failure};
use crate::linux::{kernel_files, mount, tree};
use crate::plan::{self, Plan, Root};
use crate::report::Missing;

/// The first version that keeps files from being truncated.
const LEAST: u32 = 3;

/// What each later version brought that has no other layer here, when the kernel's is older.
const BROUGHT: &[(u32, &str, &str)] = &[
    (5, "landlock-devices", "what may be asked of devices is bounded by the system call filter alone"),
    (
        6,
        "landlock-scope",
        "the command can signal the user's processes on the host, and so end the boundary process; it stays confined",
    ),
];

/// What may be done with a file or directory that is only read.
fn reading() -> BitFlags<AccessFs> {
    AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir
}

/// Makes the rules on the host's files, and says what they cannot hold.
///
/// Without a broker they are the command's alone. With one there are two domains, one in the other: the broker's may
/// write what the plan lets be written, and the command's, which lies in it, writes nothing by name at all.
pub(super) fn rules(plan: &Plan, brokered: bool) -> Result<(Rules, Vec<Missing>), Failure> {
    let abi = crate::sys::kernel::landlock_abi().at(Step::LandlockRules)?;
    if abi < LEAST {
        return Err(Errno::OPNOTSUPP).at(Step::LandlockRules);
    }
    let version = version(abi);
    let held = Held::of(plan)?;
    let mut grants = Grants::new(version)?;
    grants.outside(plan, &held)?;
    grants.devices(AccessFs::ReadFile | AccessFs::WriteFile | devices(version))?;
    if !brokered {
        for path in &held.writable {
            grants.inside_alone(path, &held, version)?;
        }
        held.verify()?;
        let mut missing = missing(abi, &grants, ALONE);
        if plan.root == Root::Empty {
            missing.extend(lines(CLOSED));
        }
        return Ok((Rules { ruleset: streams(grants.ruleset, version)?, abi, around: None }, missing));
    }
    for path in &held.writable {
        grants.add(resolve(path)?.as_fd(), changes(version))?;
    }
    let (ruleset, closed) = commands(plan, &held, version)?;
    held.verify()?;
    let mut missing = missing(abi, &grants, if plan.root == Root::Empty { CLOSED } else { &[] });
    missing.extend(closed);
    Ok((Rules { ruleset, abi, around: Some(streams(grants.ruleset, version)?) }, missing))
}

/// Makes the rules of a command for which a broker acts, and says what they cannot let it do.
///
/// What it reads is bounded by the broker's domain around its own. Only where a hidden path could be run, which nobody
/// can do in a caller's place, its own rules let it read around that.
fn commands(plan: &Plan, held: &Held<'_>, version: ABI) -> Result<(RulesetCreated, Vec<Missing>), Failure> {
    if !held.could_be_run() {
        let mut grants = Grants::writing(version)?;
        grants.devices(BitFlags::from(AccessFs::WriteFile) | devices(version))?;
        return Ok((grants.ruleset, Vec::new()));
    }
    let mut grants = Grants::new(version)?;
    grants.outside(plan, held)?;
    grants.devices(AccessFs::ReadFile | AccessFs::WriteFile | devices(version))?;
    grants.partial.clear();
    for path in &held.writable {
        grants.around(resolve(path)?, path.as_bytes().to_vec(), &held.hidden, reading())?;
    }
    let closed = grants.partial.iter().map(|path| {
        let path = String::from_utf8_lossy(path).into_owned();
        format!("programs that are made in `{path}` itself cannot be run, because something in it is hidden")
    });
    let missing = told("new-programs", closed);
    Ok((grants.ruleset, missing))
}

/// What nothing holds in the closed profile.
const CLOSED: &[(&str, &str)] = &[(
    "closed-names",
    "what is not to be read is there: who knows a name can see its size and times, and `/proc` is the host's",
)];

/// What nothing holds without a broker.
const ALONE: &[(&str, &str)] =
    &[("file-attributes", "modes, owners, times and extended attributes of files cannot be changed anywhere")];

fn resolve(path: &str) -> Result<OwnedFd, Failure> {
    let root = mount::open_inside("/").at_path(Step::Writable, "/")?;
    let directory = tree::resolve(root.as_fd(), path).at_path(Step::Writable, path)?;
    let is_directory = tree::identity(directory.as_fd()).at_path(Step::Writable, path)?.is_directory;
    if is_directory { Ok(directory) } else { Err(Errno::NOTDIR).at_path(Step::Writable, path) }
}

fn missing(abi: u32, grants: &Grants, always: &[(&str, &str)]) -> Vec<Missing> {
    let lacking = BROUGHT.iter().filter(|(version, _, _)| abi < *version).map(|(_, what, meaning)| (*what, *meaning));
    let lacking: Vec<(&str, &str)> = lacking.collect();
    let mut missing: Vec<Missing> = lines(&lacking).chain(lines(always)).collect();
    let closed = grants.closed.iter().map(|path| {
        let path = String::from_utf8_lossy(path).into_owned();
        format!("nothing can be made, removed or renamed in `{path}` itself, because something in it is held")
    });
    let unlisted = grants.unlisted.iter().map(|path| {
        let path = String::from_utf8_lossy(path).into_owned();
        format!("nothing in `{path}` can be read, because something in it is held and it cannot be listed")
    });
    missing.extend(told("new-names", closed));
    missing.extend(told("unlisted-directories", unlisted));
    missing
}

fn lines(rows: &[(&str, &str)]) -> impl Iterator<Item = Missing> {
    rows.iter().map(|(what, meaning)| Missing { what: (*what).to_owned(), meaning: (*meaning).to_owned() })
}

/// Returns a row for each line, up to a bound, and one that says how many more there are.
fn told(what: &str, lines: impl Iterator<Item = String>) -> Vec<Missing> {
    let mut lines: Vec<String> = lines.collect();
    let more = lines.len().saturating_sub(TOLD_DIRECTORIES_MAX);
    lines.truncate(TOLD_DIRECTORIES_MAX);
    if more > 0 {
        lines.push(format!("{more} more directories of this kind"));
    }
    lines.into_iter().map(|meaning| Missing { what: what.to_owned(), meaning }).collect()
}

/// Held paths, and the files that were there: one that is renamed meanwhile is known again.
#[derive(Debug, Clone, Default)]
struct Paths {
    names: BTreeSet<Vec<u8>>,
    files: BTreeSet<(u64, u64)>,
    /// The directories that lead to them.
    leading: BTreeSet<(u64, u64)>,
}

impl Paths {
    fn has(&self, path: &[u8]) -> bool {
        self.names.contains(path)
    }

    /// Returns true when a held path lies below; `below` ends with a slash.
    fn has_below(&self, below: &[u8]) -> bool {
        self.names.range(below.to_vec()..).next().is_some_and(|first| first.starts_with(below))
    }

    /// Takes note of the directories that lead to the held paths.
    fn note_leading(&mut self) -> Result<(), Failure> {
        let mut above: BTreeSet<&str> = BTreeSet::new();
        for name in &self.names {
            let name = std::str::from_utf8(name).unwrap_or_default();
            above
                .extend(name.match_indices('/').filter_map(|(end, _)| name.get(..end)).filter(|path| !path.is_empty()));
        }
        let mut leading = BTreeSet::new();
        for path in above {
            leading.extend(file_at(path, Step::Verify)?);
        }
        self.leading = leading;
        Ok(())
    }

    fn hold(&mut self, path: &str, file: Option<(u64, u64)>) {
        self.names.insert(path.into());
        self.files.extend(file);
    }
}

/// Returns which file a held path is; `None` for one that is not there, or that the user cannot reach.
fn file_at(path: &str, stage: Step) -> Result<Option<(u64, u64)>, Failure> {
    let root = mount::open_inside("/").at_path(stage, "/")?;
    match tree::resolve(root.as_fd(), path) {
        Ok(file) => {
            let stat = rustix::fs::fstat(&file).at_path(stage, path)?;
            Ok(Some((stat.st_dev, stat.st_ino)))
        }
        Err(Errno::NOENT | Errno::ACCESS) => Ok(None),
        Err(error) => Err(error).at_path(stage, path),
    }
}

/// What the plan holds, as paths that no grant may reach.
#[derive(Debug)]
struct Held<'a> {
    /// The directories that may be written.
    writable: Vec<&'a str>,
    /// What the plan hides.
    hidden: Paths,
    /// What must not be read: what the plan hides, the places that are private elsewhere, devices, the
    /// kernel's insides.
    unreadable: Paths,
    /// What must not be written in a writable directory.
    unwritable: Paths,
    /// Parts of hidden directories that can be read.
    parts: Vec<&'a str>,
    /// The held paths, with what was there.
    places: Vec<(&'a str, Option<(u64, u64)>)>,
}

impl<'a> Held<'a> {
    fn of(plan: &'a Plan) -> Result<Self, Failure> {
        let (mut hidden, mut unwritable, mut names) = (Paths::default(), Paths::default(), BTreeSet::new());
        let (mut writable, mut parts, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let mounts = kernel_files::mounts()?;
        for step in &plan.steps {
            match step {
                plan::Step::Private { zone } => {
                    let own = [Some(zone.path().into()), behind_link(zone.path())];
                    names.extend(own.into_iter().flatten().flat_map(|path| everywhere(&mounts, path)));
                }
                plan::Step::Writable { path, zone: _ } | plan::Step::Cache { path, zone: _ } => {
                    writable.push(path.as_str());
                }
                // Nothing can be renamed in a directory that leads to a held path, or the broker sees to it.
                plan::Step::Pin { path: _ } => {}
                // What is there to be read is granted by itself, and a link is there as it is.
                plan::Step::Read { path: _, why: _ } | plan::Step::Link { path: _, target: _ } => {}
                plan::Step::ReadOnly { path, why: _ } | plan::Step::ByKey { path, why: _ } => {
                    let file = file_at(path.as_str(), Step::ReadOnly)?;
                    unwritable.hold(path.as_str(), file);
                    places.push((path.as_str(), file));
                }
                // A link leads to it.
                plan::Step::Seed { from: _, at: _ } => {}
                plan::Step::Veil { path, parts: seen, why: _ } => {
                    let file = file_at(path.as_str(), Step::Hide)?;
                    unwritable.hold(path.as_str(), file);
                    hidden.hold(path.as_str(), file);
                    places.push((path.as_str(), file));
                    parts.extend(seen.iter().map(policy::AbsPath::as_str));
                }
                plan::Step::Hide { path, why: _ } => {
                    let file = file_at(path.as_str(), Step::Hide)?;
                    unwritable.hold(path.as_str(), file);
                    hidden.hold(path.as_str(), file);
                    places.push((path.as_str(), file));
                }
            }
        }
        hidden.note_leading()?;
        unwritable.note_leading()?;
        names.insert(b"/dev".into());
        // All of `/proc` must be granted: the directories of processes to come cannot be named.
        let kernel = kernel_files::HIDDEN.iter().filter(|path| !path.starts_with("/proc/"));
        names.extend(kernel.map(|path| path.as_bytes().to_vec()));
        names.extend(kernel_files::elsewhere()?.into_iter().map(std::os::unix::ffi::OsStringExt::into_vec));
        let mut unreadable = hidden.clone();
        unreadable.names.append(&mut names);
        Ok(Self { writable, hidden, unreadable, unwritable, parts, places })
    }

    /// Returns true when something hidden in a writable directory could be run: a directory can hold programs, and of
    /// what cannot be looked at nobody knows.
    fn could_be_run(&self) -> bool {
        let could_be_run = |path: &str| match self.places.iter().find(|(place, _)| *place == path) {
            Some((_, Some(_))) => {
                mount::open_inside(path).and_then(|file| rustix::fs::fstat(&file)).map_or(true, |stat| {
                    FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_mode & 0o111 != 0
                })
            }
            // Nothing is there: what comes to have the name is not known to be hidden, but by its name.
            Some((_, None)) | None => false,
        };
        let hidden = self.hidden.names.iter().filter_map(|name| std::str::from_utf8(name).ok());
        hidden.filter(|path| self.is_inside(path)).any(could_be_run)
    }

    /// Returns true for a path in a writable directory.
    fn is_inside(&self, path: &str) -> bool {
        let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.writable.iter().any(|root| below(root))
    }

    /// Looks again: a path that moved while the grants were made may have got one.
    fn verify(&self) -> Result<(), Failure> {
        for (path, file) in &self.places {
            if file_at(path, Step::Verify)? != *file {
                return Err(Errno::STALE).at_path(Step::Verify, path);
            }
        }
        Ok(())
    }
}

/// Returns the held paths that are not there.
pub(in crate::linux) fn absent(plan: &Plan) -> Result<Vec<String>, Failure> {
    let root = mount::open_inside("/").at_path(Step::LandlockRules, "/")?;
    let is_absent = |path: &str| matches!(tree::resolve(root.as_fd(), path), Err(Errno::NOENT));
    let places = Held::of(plan)?.places;
    Ok(places.into_iter().map(|(path, _)| path).filter(|path| is_absent(path)).map(str::to_owned).collect())
}

/// Returns a directory and where else the host has mounted it.
fn everywhere(mounts: &Mounts, path: Vec<u8>) -> Vec<Vec<u8>> {
    let is_whole = |twin: &Twin| twin.of == path;
    let twins = mounts.twins(&path).into_iter().filter(is_whole).map(|twin| twin.path).collect::<Vec<_>>();
    std::iter::once(path).chain(twins).collect()
}

/// Returns where a path leads that is a link.
fn behind_link(path: &str) -> Option<Vec<u8>> {
    let root = mount::open_inside("/").ok()?;
    let target = tree::resolve_links(root.as_fd(), path).ok()?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&target);
    Some(rustix::fs::readlink(format!("/proc/self/fd/{number}"), Vec::new()).ok()?.into_bytes())
}

/// The rules as they grow.
#[derive(Debug)]
struct Grants {
    ruleset: RulesetCreated,
    /// What may be granted for what is no directory.
    files: BitFlags<AccessFs>,
    count: usize,
    /// Directories that lead to a held path, as they are found.
    partial: Vec<Vec<u8>>,
    /// Writable directories of that kind.
    closed: Vec<Vec<u8>>,
    /// Directories of that kind that cannot be listed.
    unlisted: Vec<Vec<u8>>,
}

/// A way around the held paths.
struct Walk<'a> {
    held: &'a Paths,
    access: BitFlags<AccessFs>,
    left: Vec<(OwnedFd, Vec<u8>)>,
}

impl Grants {
    /// Begins rules that refuse all that they do not grant.
    fn new(version: ABI) -> Result<Self, Failure> {
        Ok(Self::with(create(version).map_err(failed)?, version))
    }

    /// Begins rules that refuse all writing that they do not grant.
    fn writing(version: ABI) -> Result<Self, Failure> {
        let handled = AccessFs::from_write(version);
        Ok(Self::with(create_for(handled, version).map_err(failed)?, version))
    }

    fn with(ruleset: RulesetCreated, version: ABI) -> Self {
        let files = AccessFs::from_file(version);
        let (partial, closed, unlisted) = (Vec::new(), Vec::new(), Vec::new());
        Self { ruleset, files, count: 0, partial, closed, unlisted }
    }

    /// Lets everything outside the writable directories be read that may be: of the host's files all but what is
    /// held, or in the closed profile what is there to be read and the kernel's own.
    fn outside(&mut self, plan: &Plan, held: &Held<'_>) -> Result<(), Failure> {
        if plan.root == Root::Host {
            let root = mount::open_inside("/").at_path(Step::LandlockRules, "/")?;
            // The names in a directory cannot be told apart from those in the directories below.
            self.add(root.as_fd(), AccessFs::ReadDir.into())?;
            self.around(root, Vec::new(), &held.unreadable, reading())?;
        } else {
            let proc = mount::open_inside("/proc").at_path(Step::LandlockRules, "/proc")?;
            self.add(proc.as_fd(), reading())?;
            for step in &plan.steps {
                match step {
                    plan::Step::Read { path, why: _ } | plan::Step::Seed { from: path, at: _ } => {
                        self.part(path.as_str(), &held.unreadable)?;
                    }
                    plan::Step::Link { .. }
                    | plan::Step::Private { .. }
                    | plan::Step::Writable { .. }
                    | plan::Step::Cache { .. }
                    | plan::Step::Pin { .. }
                    | plan::Step::ReadOnly { .. }
                    | plan::Step::ByKey { .. }
                    | plan::Step::Hide { .. }
                    | plan::Step::Veil { .. } => {}
                }
            }
        }
        for path in &held.parts {
            self.part(path, &held.hidden)?;
        }
        Ok(())
    }

    /// Lets a file or directory be read, around what is held in it. One that is gone needs no grant.
    fn part(&mut self, path: &str, held: &Paths) -> Result<(), Failure> {
        let root = mount::open_inside("/").at_path(Step::LandlockRules, "/")?;
        let found = match tree::resolve(root.as_fd(), path) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::ACCESS) => return Ok(()),
            Err(error) => return Err(error).at_path(Step::LandlockRules, path),
        };
        match FileType::from_raw_mode(rustix::fs::fstat(&found).at_path(Step::LandlockRules, path)?.st_mode) {
            FileType::Directory => self.around(found, path.as_bytes().to_vec(), held, reading()),
            FileType::RegularFile if !held.has(path.as_bytes()) => self.add(found.as_fd(), reading() & self.files),
            FileType::RegularFile
            | FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Ok(()),
        }
    }

    /// Lets the usual devices be used.
    fn devices(&mut self, access: BitFlags<AccessFs>) -> Result<(), Failure> {
        for device in kernel_files::DEVICES {
            let path = format!("/dev/{device}");
            let device = mount::open_inside(&path).at_path(Step::LandlockRules, &path)?;
            self.add(device.as_fd(), access)?;
        }
        Ok(())
    }

    /// Lets a directory be read and written around what is held in it, where nobody else holds that.
    fn inside_alone(&mut self, path: &str, held: &Held<'_>, version: ABI) -> Result<(), Failure> {
        let directory = resolve(path)?;
        let again = directory.try_clone().at_path(Step::LandlockRules, path)?;
        self.around(again, path.as_bytes().to_vec(), &held.hidden, reading())?;
        self.partial.clear();
        self.around(directory, path.as_bytes().to_vec(), &held.unwritable, changes(version))?;
        self.closed.append(&mut self.partial);
        Ok(())
    }

    fn add(&mut self, file: BorrowedFd<'_>, access: BitFlags<AccessFs>) -> Result<(), Failure> {
        self.count += 1;
        if self.count > GRANTS_MAX {
            return Err(Errno::TOOBIG).at(Step::LandlockRules);
        }
        (&mut self.ruleset).add_rule(PathBeneath::new(file, access)).map(drop).map_err(failed)
    }

    /// Grants access to everything in a directory but the held paths.
    fn around(
        &mut self,
        directory: OwnedFd,
        path: Vec<u8>,
        held: &Paths,
        access: BitFlags<AccessFs>,
    ) -> Result<(), Failure> {
        let mut walk = Walk { held, access, left: vec![(directory, path)] };
        while let Some((directory, path)) = walk.left.pop() {
            let below = [path.as_slice(), b"/"].concat();
            if held.has(&path) {
                continue;
            }
            if !held.has_below(&below) {
                self.add(directory.as_fd(), access)?;
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            match rustix::fs::openat(&directory, ".", flags, Mode::empty()).and_then(Dir::new) {
                Ok(entries) => self.entries(&directory, entries, &below, &mut walk)?,
                Err(_) => self.unlisted.push(path.clone()),
            }
            self.partial.push(path);
        }
        Ok(())
    }

    /// Grants access to the files of a directory, and puts its directories among those that are left.
    fn entries(&mut self, directory: &OwnedFd, entries: Dir, below: &[u8], walk: &mut Walk<'_>) -> Result<(), Failure> {
        for entry in entries {
            let entry = entry.at_path(Step::LandlockRules, &String::from_utf8_lossy(below))?;
            let name = entry.file_name().to_bytes();
            let path = [below, name].concat();
            if matches!(name, b"." | b"..") || walk.held.has(&path) {
                continue;
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            // One that is gone meanwhile, or that the user may not reach, needs no grant.
            let Ok(file) = rustix::fs::openat(directory, entry.file_name(), flags, Mode::empty()) else { continue };
            let Ok(stat) = rustix::fs::fstat(&file) else { continue };
            // A directory that leads to a held path, under another name: it was moved, or is mounted twice.
            let is_leading = walk.held.leading.contains(&(stat.st_dev, stat.st_ino));
            if is_leading && !walk.held.has_below(&[path.as_slice(), b"/"].concat()) {
                continue;
            }
            if walk.held.files.contains(&(stat.st_dev, stat.st_ino)) {
                continue;
            }
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => walk.left.push((file, path)),
                FileType::RegularFile => self.add(file.as_fd(), walk.access & self.files)?,
                // Links lead to what has a grant of its own or none; the others lead out.
                FileType::Symlink
                | FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => {}
            }
        }
        Ok(())
    }
}
