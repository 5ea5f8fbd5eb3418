//! What a held boundary depends on.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::super::failure::{At, Failure};
use super::super::kernel_files::HIDDEN;
use super::super::mount::KEPT_LINKS;
use crate::error::Step as Stage;
use crate::plan::{Plan, Step};
use crate::wire::Order;

/// A digest of everything that a held boundary depends on, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(pub(super) String);

impl Key {
    /// Computes the key of a template, here and now.
    pub(super) fn of(template: &Order) -> Result<Self, Failure> {
        Self::in_context(template, &Self::template(template)?, &Confinement::own().at(Stage::Template)?)
    }

    /// Computes the key of a template with this digest for a process that is confined like this.
    pub(super) fn in_context(template: &Order, digest: &str, own: &Confinement) -> Result<Self, Failure> {
        let mut key = Sha256::new();
        part(&mut key, digest.as_bytes());
        for path in paths(&template.plan).chain(KERNEL_FILES.into_iter().flatten().copied()) {
            part(&mut key, file(path)?.as_bytes());
        }
        for link in KEPT_LINKS {
            let target = rustix::fs::readlink(format!("/{link}"), Vec::new());
            part(&mut key, &target.map(std::ffi::CString::into_bytes).unwrap_or_default());
        }
        own.0.iter().for_each(|one| part(&mut key, one));
        for context in context()? {
            part(&mut key, &context);
        }
        Ok(Self(hexadecimal(&key.finalize())))
    }

    /// Returns the digest of a template itself.
    pub(super) fn template(template: &Order) -> Result<String, Failure> {
        let bytes = template.render().map_err(|_| Errno::INVAL).at(Stage::Template)?;
        Ok(hexadecimal(&Sha256::digest(&bytes)))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds a part with its length, so that no two lists of parts are the same bytes.
fn part(digest: &mut Sha256, bytes: &[u8]) {
    digest.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    digest.update(bytes);
}

/// Returns every path that the plan names.
fn paths(plan: &Plan) -> impl Iterator<Item = &str> {
    plan.steps.iter().flat_map(|step| match step {
        Step::Read { path, why: _ }
        | Step::Link { path, target: _ }
        | Step::Writable { path, zone: _ }
        | Step::Cache { path, zone: _ }
        | Step::Pin { path }
        | Step::ReadOnly { path, why: _ }
        | Step::ByKey { path, why: _ }
        | Step::Hide { path, why: _ } => vec![path.as_str()],
        Step::Private { zone } => vec![zone.path()],
        Step::Seed { from, at } => vec![from.as_str(), at.as_str()],
        Step::Veil { path, parts, why: _ } => {
            std::iter::once(path.as_str()).chain(parts.iter().map(policy::AbsPath::as_str)).collect()
        }
    })
}

/// Returns which file lies at a path, and on which mount.
fn file(path: &str) -> Result<String, Failure> {
    let wanted = StatxFlags::INO | StatxFlags::TYPE | StatxFlags::MNT_ID;
    match rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, wanted) {
        Ok(stat) => Ok(format!(
            "{}:{} {} {:o} {}",
            stat.stx_dev_major,
            stat.stx_dev_minor,
            stat.stx_ino,
            stat.stx_mode & 0o170_000,
            stat.stx_mnt_id
        )),
        Err(error @ (Errno::NOENT | Errno::NOTDIR | Errno::ACCESS)) => Ok(format!("{error}")),
        Err(error) => Err(error).at_path(Stage::Template, path),
    }
}

/// What is covered or put in place besides the plan's steps, where it exists.
const KERNEL_FILES: [&[&str]; 2] = [&["/", "/dev", "/proc", "/sys"], &HIDDEN];

/// Files of a process in `/proc` that say what it passes on. These are no fence: whoever is under nothing else could have
/// them otherwise, and so they are the key's alone.
const FILES: [&str; 6] = ["limits", "oom_score_adj", "loginuid", "sessionid", "coredump_filter", "personality"];

/// What else of a process says what holds it: its control groups, and where security modules confine processes by label,
/// these.
const FENCES: [&str; 4] = ["cgroup", "attr/current", "attr/apparmor/current", "attr/smack/current"];

/// What `status` says of what a process passes on.
const STATUS: [&str; 17] = [
    "Umask",
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "Speculation_Store_Bypass",
    "SpeculationIndirectBranch",
    "THP_enabled",
    "Cpus_allowed",
    "Mems_allowed",
];

/// Where `stat` has, after the name, the nice value, the real-time priority and the scheduling policy.
const STAT: [usize; 3] = [16, 37, 38];

/// The namespaces.
const NAMESPACES: [&str; 10] =
    ["user", "mnt", "pid", "pid_for_children", "net", "ipc", "uts", "cgroup", "time", "time_for_children"];

/// Returns what this process passes on to a boundary besides the plan and what confines it.
fn context() -> Result<Vec<Vec<u8>>, Failure> {
    let own = open("self").at(Stage::Template)?;
    let mut parts = vec![super::read(&own, "mountinfo").at_path(Stage::Template, "mountinfo")?];
    for name in FILES {
        parts.push(if_known(&own, name).at_path(Stage::Template, name)?);
    }
    let stat = super::read(&own, "stat").at_path(Stage::Template, "stat")?;
    let stat = String::from_utf8_lossy(&stat);
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let wanted = STAT.into_iter().filter_map(|index| fields.get(index).copied());
    parts.push(wanted.collect::<Vec<_>>().join(" ").into());
    parts.push(format!("{:?}", crate::sys::process::passed_on()).into_bytes());
    parts.push(program()?);
    Ok(parts)
}

/// Opens the directory of a process.
fn open(process: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(format!("/proc/{process}"), flags, Mode::empty())
}

fn read(directory: &OwnedFd, name: &str) -> rustix::io::Result<Vec<u8>> {
    super::read(directory, name).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// Reads a file of which a kernel may have none.
fn if_known(directory: &OwnedFd, name: &str) -> rustix::io::Result<Vec<u8>> {
    match read(directory, name) {
        Err(Errno::NOENT | Errno::INVAL) => Ok(Vec::new()),
        other => other,
    }
}

/// What confines a process and what it starts, as far as another process can see it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Confinement(Vec<Vec<u8>>);

impl Confinement {
    /// Looks at this process.
    pub(super) fn own() -> rustix::io::Result<Self> {
        Self::of("self")
    }

    /// Looks at a process. Filters of system calls cannot be seen, only how many there are: with one there is no
    /// boundary from elsewhere.
    pub(super) fn of(process: &str) -> rustix::io::Result<Self> {
        let directory = open(process)?;
        let status = read(&directory, "status")?;
        let status = String::from_utf8_lossy(&status);
        if status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() != "0")) {
            return Err(Errno::OPNOTSUPP);
        }
        let wanted = |line: &&str| line.split_once(':').is_some_and(|(name, _)| STATUS.contains(&name));
        let mut parts = vec![status.lines().filter(wanted).collect::<Vec<_>>().join("\n").into_bytes()];
        for name in FENCES {
            parts.push(if_known(&directory, name)?);
        }
        for name in NAMESPACES {
            let link = rustix::fs::readlinkat(&directory, format!("ns/{name}"), Vec::new());
            parts.push(link.map(std::ffi::CString::into_bytes).unwrap_or_default());
        }
        Ok(Self(parts))
    }
}

/// Returns which program this is: another version is another boundary.
fn program() -> Result<Vec<u8>, Failure> {
    let wanted = StatxFlags::INO | StatxFlags::SIZE | StatxFlags::MTIME;
    let stat = rustix::fs::statx(CWD, "/proc/self/exe", AtFlags::empty(), wanted).at(Stage::Template)?;
    let (time, nanoseconds) = (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec);
    let device = (stat.stx_dev_major, stat.stx_dev_minor);
    Ok(format!("{device:?} {} {} {time}.{nanoseconds}", stat.stx_ino, stat.stx_size).into_bytes())
}
