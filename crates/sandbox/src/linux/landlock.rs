//! The second layer over files, and the first over signals: Landlock.
//!
//! Its rules follow files, not mounts, so they hold for descriptors that came from outside as well.

mod grants;

pub(super) use grants::absent;

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{FileType, OFlags};
use std::os::fd::{AsFd, BorrowedFd};

use super::failure::{At, Failure};
use super::mount;
use crate::error::Step;
use crate::plan::{self, Hatch, Plan, Root, Zone};
use crate::report::Missing;
use crate::shape::Shape;
use crate::wire::Order;

/// A ruleset that is ready to be enforced.
#[derive(Debug)]
pub(super) struct Rules {
    ruleset: RulesetCreated,
    /// The version it was made for.
    pub(super) abi: u32,
    /// Rules of whoever acts for the command, around those of the command.
    around: Option<RulesetCreated>,
}

/// What each version of Landlock brought that we use, when the kernel's is older.
const BROUGHT: &[(u32, &str, &str)] = &[
    (2, "landlock-refer", "files cannot be moved between directories at all"),
    (3, "landlock-truncate", "only the mounts keep files from being truncated"),
    (5, "landlock-devices", "only the choice of devices bounds what may be asked of them"),
    (6, "landlock-scope", "only the namespaces keep signals and abstract sockets inside"),
];

/// Returns the rules of an order's tier, and what they lack.
pub(super) fn rules_for(order: &Order) -> Result<(Rules, Vec<Missing>), Failure> {
    match order.shape {
        Shape::Landlock => grants::rules(&order.plan, order.brokered),
        Shape::Full | Shape::Bubblewrap(_) => {
            let rules = rules(&order.plan)?;
            let missing = missing(rules.abi);
            Ok((rules, missing))
        }
    }
}

/// Returns what this version lacks.
fn missing(abi: u32) -> Vec<Missing> {
    let lacking = BROUGHT.iter().filter(|(version, _, _)| abi < *version);
    lacking.map(|(_, what, meaning)| Missing { what: (*what).to_owned(), meaning: (*meaning).to_owned() }).collect()
}

/// Makes the rules, inside the new root: everything may be read and run, the writable directories and the
/// private places may be changed, devices may be used. What is handled and not granted is refused.
fn rules(plan: &Plan) -> Result<Rules, Failure> {
    let abi = crate::sys::kernel::landlock_abi().at(Step::LandlockRules)?;
    let version = version(abi);
    let change = changes(version);
    let mut ruleset = create(version).map_err(failed)?;
    ruleset = reading(ruleset, plan, version)?;
    ruleset = allow(ruleset, "/dev", BitFlags::from(AccessFs::WriteFile) | devices(version))?;
    ruleset = allow(ruleset, "/dev/shm", change)?;
    let mut writable: Vec<&str> = Vec::new();
    for step in &plan.steps {
        match step {
            plan::Step::Writable { path, zone: _ } | plan::Step::Cache { path, zone: _ } => {
                writable.push(path.as_str())
            }
            plan::Step::Private { zone } if zone.is_writable() => writable.push(zone.path()),
            plan::Step::Read { .. }
            | plan::Step::Link { .. }
            | plan::Step::Seed { .. }
            | plan::Step::Private { .. }
            | plan::Step::Pin { .. }
            | plan::Step::ReadOnly { .. }
            | plan::Step::ByKey { .. }
            | plan::Step::Hide { .. }
            | plan::Step::Veil { .. } => {}
        }
    }
    for path in writable {
        // A private place that the host does not have.
        let is_optional = path != Zone::Tmp.path() && Zone::ALL.iter().any(|zone| zone.path() == path);
        ruleset = match allow_if_present(ruleset, path, change)? {
            (ruleset, true) => ruleset,
            (ruleset, false) if is_optional => ruleset,
            (_, false) => return Err(rustix::io::Errno::NOENT).at_path(Step::LandlockRules, path),
        };
    }
    let connects = AccessFs::from_all(version) & BitFlags::from(AccessFs::ResolveUnix);
    for hatch in plan.hatches.iter().filter(|_| !connects.is_empty()) {
        let Hatch::Path(path) = hatch else { continue };
        (ruleset, _) = allow_if_present(ruleset, path.as_str(), connects)?;
    }
    Ok(Rules { ruleset: streams(ruleset, version)?, abi, around: None })
}

/// Lets everything be read and run, or in the closed profile what is there to be read and the kernel's own files.
fn reading(mut ruleset: RulesetCreated, plan: &Plan, version: ABI) -> Result<RulesetCreated, Failure> {
    let read = AccessFs::from_read(version);
    if plan.root == Root::Host {
        return allow(ruleset, "/", read);
    }
    for path in ["/dev", "/proc", "/run"] {
        ruleset = allow(ruleset, path, read)?;
    }
    for step in &plan.steps {
        let plan::Step::Read { path, why: _ } = step else { continue };
        let Ok(found) = mount::open_inside(path.as_str()) else { continue };
        let is_directory = FileType::from_raw_mode(rustix::fs::fstat(&found).at(Step::LandlockRules)?.st_mode).is_dir();
        let access = if is_directory { read } else { read & AccessFs::from_file(version) };
        ruleset = ruleset.add_rule(PathBeneath::new(found, access)).map_err(failed)?;
    }
    Ok(ruleset)
}

impl Rules {
    /// Enforces the rules of whoever acts for the command on this thread, if there are any: what it starts later, the
    /// command too, is in their domain.
    pub(super) fn enforce_around(&mut self) -> Result<(), Failure> {
        match self.around.take() {
            Some(ruleset) => Self { ruleset, abi: self.abi, around: None }.enforce(),
            None => Ok(()),
        }
    }

    /// Adds what the standard streams allow that this process has now.
    pub(super) fn with_streams(self) -> Result<Self, Failure> {
        let Self { ruleset, abi, around } = self;
        Ok(Self { ruleset: streams(ruleset, version(abi))?, abi, around })
    }

    /// Enforces the rules on this thread, whole or not at all.
    pub(super) fn enforce(self) -> Result<(), Failure> {
        let status =
            self.ruleset.restrict_self().map_err(|error| Failure::new(Step::Landlock, kernel_error(&error)))?;
        match status.ruleset {
            RulesetStatus::FullyEnforced => Ok(()),
            _ => Err(rustix::io::Errno::OPNOTSUPP).at(Step::Landlock),
        }
    }
}

/// Returns the newest version that both the kernel and the library know.
fn version(abi: u32) -> ABI {
    match abi {
        0 => ABI::Unsupported,
        1 => ABI::V1,
        2 => ABI::V2,
        3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6 => ABI::V6,
        7 => ABI::V7,
        8 => ABI::V8,
        _ => ABI::V9,
    }
}

fn create(version: ABI) -> Result<RulesetCreated, RulesetError> {
    create_for(AccessFs::from_all(version), version)
}

/// Begins rules about these accesses, and about signals and abstract sockets.
fn create_for(handled: BitFlags<AccessFs>, version: ABI) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(handled)?;
    let scope = Scope::from_all(version);
    if !scope.is_empty() {
        ruleset = ruleset.scope(scope)?;
    }
    ruleset.create()
}

/// What may be done in a writable directory: everything but making devices and sockets and asking
/// devices for more than reading and writing.
fn changes(version: ABI) -> BitFlags<AccessFs> {
    let kept_back = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock | AccessFs::IoctlDev;
    AccessFs::from_all(version) & !(kept_back | AccessFs::ResolveUnix)
}

fn devices(version: ABI) -> BitFlags<AccessFs> {
    AccessFs::from_all(version) & BitFlags::from(AccessFs::IoctlDev)
}

fn allow(ruleset: RulesetCreated, path: &str, access: BitFlags<AccessFs>) -> Result<RulesetCreated, Failure> {
    match allow_if_present(ruleset, path, access)? {
        (ruleset, true) => Ok(ruleset),
        (_, false) => Err(rustix::io::Errno::NOENT).at_path(Step::LandlockRules, path),
    }
}

fn allow_if_present(
    ruleset: RulesetCreated,
    path: &str,
    access: BitFlags<AccessFs>,
) -> Result<(RulesetCreated, bool), Failure> {
    match mount::open_inside(path) {
        Ok(fd) => Ok((ruleset.add_rule(PathBeneath::new(fd, access)).map_err(failed)?, true)),
        Err(rustix::io::Errno::NOENT) => Ok((ruleset, false)),
        Err(error) => Err(error).at_path(Step::LandlockRules, path),
    }
}

/// A file that the caller gave for writing may be opened again by its name in `/dev` or `/proc`; the
/// descriptor allows as much already.
fn streams(mut ruleset: RulesetCreated, version: ABI) -> Result<RulesetCreated, Failure> {
    let access = AccessFs::from_file(version) & (AccessFs::WriteFile | AccessFs::Truncate);
    for fd in [std::io::stdout().as_fd(), std::io::stderr().as_fd()] {
        if is_opened_again(fd)? {
            ruleset = ruleset.add_rule(PathBeneath::new(fd, access)).map_err(failed)?;
        }
    }
    Ok(ruleset)
}

/// Returns true for a file that has a name and was given for writing.
pub(super) fn is_opened_again(stream: BorrowedFd<'_>) -> Result<bool, Failure> {
    let stat = rustix::fs::fstat(stream).at(Step::LandlockRules)?;
    let flags = rustix::fs::fcntl_getfl(stream).at(Step::LandlockRules)?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink > 0;
    // One that only appends would gain by a new opening: it could write elsewhere and truncate.
    Ok(is_file && !flags.contains(OFlags::APPEND) && flags & OFlags::RWMODE != OFlags::RDONLY)
}

fn failed(error: RulesetError) -> Failure {
    Failure::new(Step::LandlockRules, kernel_error(&error))
}

/// Returns what the kernel said behind the library's error.
fn kernel_error(error: &RulesetError) -> std::io::Error {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && let Some(errno) = error.raw_os_error()
        {
            return std::io::Error::from_raw_os_error(errno);
        }
        source = error.source();
    }
    std::io::Error::from_raw_os_error(libc::EOPNOTSUPP)
}
