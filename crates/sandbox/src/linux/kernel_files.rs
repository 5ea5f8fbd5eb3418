//! `/dev`, `/proc` and `/sys` as the command sees them.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use policy::mounts;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::failure::{At, Failure};
use super::mount::Mounts;
use super::tree::{self, NOEXEC, NOSUID, RDONLY};
use crate::error::Step;
use crate::limits::{KERNEL_FILE_BYTES, MOUNT_LIST_BYTES_MAX};

/// The device files that the command gets. No other has any use without privileges.
pub(super) const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Links in `/dev`, with where they lead.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Kernel interfaces that tell of the host or act on it, where they exist.
pub(super) const HIDDEN: [&str; 23] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/bus",
    "/proc/driver",
    "/proc/fs",
    "/proc/irq",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kpagecount",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/sys/class/net",
    "/sys/devices/virtual/net",
    "/sys/firmware",
    "/sys/fs/bpf",
    "/sys/fs/cgroup",
    "/sys/kernel/debug",
    "/sys/kernel/tracing",
];

/// File systems that show the host's processes or the kernel's insides, wherever else they are mounted:
/// in the directory of a container, for example.
const TELLING: [&str; 16] = [
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "efivarfs",
    "fusectl",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "securityfs",
    "sysfs",
    "tracefs",
];

/// Builds all three.
pub(super) fn build(mounts: &Mounts) -> Result<(), Failure> {
    devices(mounts)?;
    proc(mounts)?;
    for path in HIDDEN {
        match tree::resolve(mounts.root.as_fd(), path) {
            Ok(target) => mounts.cover(&target).map(drop).at_path(Step::HideKernel, path)?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error).at_path(Step::HideKernel, path),
        }
    }
    Ok(())
}

/// Builds `/dev`, in this order: a directory of the vault, the device files, the links, terminals of its
/// own, shared memory of its own; then it is closed for writing.
fn devices(mounts: &Mounts) -> Result<(), Failure> {
    let vault = tree::resolve(mounts.vault.as_fd(), "dev").at(Step::Devices)?;
    let mode = Mode::from_raw_mode(0o755);
    for name in DEVICES {
        rustix::fs::mknodat(&vault, name, FileType::RegularFile, Mode::from_raw_mode(0o444), 0)
            .at_path(Step::Devices, name)?;
    }
    for (name, target) in DEVICE_LINKS {
        rustix::fs::symlinkat(target, &vault, name).at_path(Step::Devices, name)?;
    }
    rustix::fs::mkdirat(&vault, "pts", mode).at_path(Step::Devices, "pts")?;
    rustix::fs::mkdirat(&vault, "shm", mode).at_path(Step::Devices, "shm")?;

    let dev = tree::copy_named(mounts.vault.as_fd(), "dev").at(Step::Devices)?;
    tree::restrict_one(dev.as_fd(), RDONLY | NOSUID | NOEXEC).at(Step::Devices)?;
    let target = tree::resolve(mounts.root.as_fd(), "/dev").at_path(Step::Devices, "/dev")?;
    tree::attach(dev.as_fd(), target.as_fd()).at_path(Step::Devices, "/dev")?;
    for name in DEVICES {
        device(mounts, &dev, name).at_path(Step::Devices, &format!("/dev/{name}"))?;
    }
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let options = [("mode", "0620"), ("ptmxmode", "0666")];
    let terminals = tree::new_file_system("devpts", &options, attributes).at_path(Step::Devices, "/dev/pts")?;
    attach_at(&terminals, &dev, "pts").at_path(Step::Devices, "/dev/pts")?;
    let shared = tree::copy_named(mounts.vault.as_fd(), "shm").at_path(Step::Devices, "/dev/shm")?;
    attach_at(&shared, &dev, "shm").at_path(Step::Devices, "/dev/shm")
}

/// Mounts one device file of the host; only a character device counts as one.
fn device(mounts: &Mounts, dev: &OwnedFd, name: &str) -> std::io::Result<()> {
    let source = tree::resolve(mounts.host.as_fd(), &format!("/dev/{name}"))?;
    let stat = rustix::fs::fstat(&source)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice {
        return Err(Errno::NODEV.into());
    }
    let mount = tree::copy(source.as_fd())?;
    tree::restrict_one(mount.as_fd(), NOSUID | NOEXEC)?;
    Ok(attach_at(&mount, dev, name)?)
}

fn attach_at(mount: &OwnedFd, directory: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    let target = tree::resolve(directory.as_fd(), name)?;
    tree::attach(mount.as_fd(), target.as_fd())
}

/// Mounts a fresh `/proc`, which shows the processes inside only.
///
/// It is read-only as a whole: the real root keeps its number inside, and many files there only ask
/// for that number.
fn proc(mounts: &Mounts) -> Result<(), Failure> {
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = tree::new_file_system("proc", &[], attributes).at_path(Step::Proc, "/proc")?;
    attach_at(&proc, &mounts.root, "proc").at_path(Step::Proc, "/proc")
}

/// Returns where such file systems are mounted outside of the three directories.
pub(super) fn elsewhere() -> Result<Vec<OsString>, Failure> {
    Ok(mounts::mounts(&list()?).filter_map(mounted_elsewhere).collect())
}

/// Returns the host's mounts.
pub(super) fn mounts() -> Result<mounts::Mounts, Failure> {
    Ok(mounts::Mounts::parse(&list()?))
}

fn list() -> Result<Vec<u8>, Failure> {
    let path = "/proc/self/mountinfo";
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let file = file.at_path(Step::HideKernel, path)?;
    read_whole(file, MOUNT_LIST_BYTES_MAX).at_path(Step::HideKernel, path)
}

fn mounted_elsewhere(mount: mounts::Mount<'_>) -> Option<OsString> {
    let place = OsString::from_vec(mount.place);
    let is_telling = TELLING.iter().any(|name| name.as_bytes() == mount.kind);
    let is_ours = ["/proc", "/sys", "/dev"].iter().any(|directory| Path::new(&place).starts_with(directory));
    (is_telling && !is_ours).then_some(place)
}

/// Covers them. One that is not there any more lies below something that is covered already. What this user cannot reach
/// now, with every right over what is his own, the command cannot reach with none.
pub(super) fn hide_elsewhere(mounts: &Mounts, places: &[OsString]) -> Result<(), Failure> {
    for place in places {
        let name = place.to_string_lossy();
        match tree::resolve_bytes(mounts.root.as_fd(), place.as_bytes()) {
            Ok(target) => mounts.cover(&target).map(drop).at_path(Step::HideKernel, &name)?,
            Err(Errno::NOENT | Errno::ACCESS) => {}
            Err(error) => return Err(error).at_path(Step::HideKernel, &name),
        }
    }
    Ok(())
}

/// Reads a descriptor from where it is to its end, which must come before `max` bytes.
///
/// The kernel makes most of its files anew for each call, so that they are asked for in one.
pub(super) fn read_whole(fd: OwnedFd, max: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::with_capacity(KERNEL_FILE_BYTES);
    let length = std::fs::File::from(fd).take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(length).is_ok_and(|length| length <= max) { Ok(bytes) } else { Err(Errno::FBIG.into()) }
}

#[cfg(test)]
mod tests;
