//! The one command that helps when a step fails: facts of the host in, text out.

use rustix::fs::{Mode, OFlags};

use super::failure::Failure;
use super::kernel_files::read_whole;
use crate::error::{Error, Step};

/// What of the host decides the advice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Host {
    /// `kernel.apparmor_restrict_unprivileged_userns`.
    pub(super) apparmor_restricts: bool,
    /// `kernel.unprivileged_userns_clone` is 0.
    pub(super) clone_forbidden: bool,
    /// `user.max_user_namespaces` is 0.
    pub(super) none_allowed: bool,
    /// A filter is already in force on this process, as in a container.
    pub(super) is_filtered: bool,
    /// The first process is that of a boundary.
    pub(super) is_inside: bool,
    /// The program's path.
    pub(super) program: String,
    /// The kernel's release.
    pub(super) release: String,
}

/// Makes an error of a failed step, with the advice for this host.
pub(super) fn with_fix(failure: Failure) -> Error {
    let Failure { step, path, errno } = failure;
    let fix = fix(step, errno, &look());
    Error::Step { step, path, source: std::io::Error::from_raw_os_error(errno), fix }
}

/// Makes the error of a holder that cannot be one.
pub(super) fn cannot_hold(Failure { step: _, path: _, errno }: &Failure) -> Error {
    let why = match *errno {
        libc::EOPNOTSUPP => FILTERED.to_owned(),
        libc::ESRCH => "there is no process of the owner's number".to_owned(),
        errno => std::io::Error::from_raw_os_error(errno).to_string(),
    };
    Error::Hold { why }
}

/// A holder, or a launcher that it would serve, is under a filter.
const FILTERED: &str = "a filter of system calls is in force here, as in a container, and nobody can see whether it is that of \
                        a command that asks; commands run without a holder as well, and one can be started outside of the \
                        filter for commands outside of it";

/// Returns what helps, if it is known.
pub(super) fn fix(step: Step, errno: i32, host: &Host) -> Option<String> {
    let is_refused = matches!(errno, libc::EPERM | libc::EACCES);
    match step {
        Step::Proc if is_refused => Some(CONTAINER_PROC.to_owned()),
        Step::Landlock | Step::LandlockRules if matches!(errno, libc::ENOSYS | libc::EOPNOTSUPP) => {
            Some(LANDLOCK_OFF.to_owned())
        }
        Step::Pivot if errno == libc::EINVAL => Some(ROOT_IS_INITRAMFS.to_owned()),
        Step::UserNamespace if errno == libc::ENOSPC => Some(NONE_ALLOWED.to_owned()),
        Step::Namespaces if errno == libc::ENOSPC => Some(KINDS_ALLOWED.to_owned()),
        _ if errno == libc::ENOSYS && step >= Step::UserNamespace => Some(too_old(&host.release)),
        _ if is_refused && (Step::UserNamespace..=Step::Pivot).contains(&step) => refused(host),
        _ => None,
    }
}

const ALREADY_INSIDE: &str = "run the command as it is: this is the inside of a boundary already";
const NONE_ALLOWED: &str = "sudo sysctl -w user.max_user_namespaces=15000";
const KINDS_ALLOWED: &str = "sudo sysctl -w user.max_mnt_namespaces=15000 user.max_pid_namespaces=15000 \
                             user.max_net_namespaces=15000 user.max_ipc_namespaces=15000 \
                             user.max_uts_namespaces=15000 user.max_cgroup_namespaces=15000";
const CLONE_FORBIDDEN: &str = "sudo sysctl -w kernel.unprivileged_userns_clone=1";
const CONTAINER: &str = "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
                         --security-opt systempaths=unconfined ...";
const CONTAINER_PROC: &str = "docker run --security-opt systempaths=unconfined ...";
const LANDLOCK_OFF: &str = "boot with `landlock` in the kernel's `lsm=` list, for example \
                            `lsm=landlock,lockdown,yama,integrity,apparmor`";
const ROOT_IS_INITRAMFS: &str = "run from a mounted root file system: the kernel cannot leave an initramfs";

/// User namespaces, or the rights in them, are refused: by whom?
fn refused(host: &Host) -> Option<String> {
    if host.is_inside {
        Some(ALREADY_INSIDE.to_owned())
    } else if host.none_allowed {
        Some(NONE_ALLOWED.to_owned())
    } else if host.clone_forbidden {
        Some(CLONE_FORBIDDEN.to_owned())
    } else if host.is_filtered {
        Some(CONTAINER.to_owned())
    } else if host.apparmor_restricts {
        Some(apparmor(&host.program))
    } else {
        None
    }
}

fn apparmor(program: &str) -> String {
    let name = "/etc/apparmor.d/palisade";
    format!(
        "printf 'abi <abi/4.0>,\\nprofile palisade \"{program}\" flags=(unconfined) {{\\n  userns,\\n}}\\n' | \
         sudo tee {name} && sudo apparmor_parser -r {name}"
    )
}

fn too_old(release: &str) -> String {
    format!("upgrade the kernel to Linux 5.13 or newer (this is {release})")
}

/// Returns the reason for a refusal in words.
pub(super) fn why(step: Step, errno: i32, host: &Host) -> String {
    let is_refused = matches!(errno, libc::EPERM | libc::EACCES);
    let known = match step {
        Step::Seccomp if errno == libc::EBUSY => "a supervisor answers this process's calls already",
        Step::Proc if is_refused => "part of the `/proc` that is there is covered, as in a container",
        Step::LandlockRules if matches!(errno, libc::ENOSYS | libc::EOPNOTSUPP) => "the kernel runs without Landlock",
        _ if errno == libc::ENOSPC => "the kernel's limit on them is reached or 0",
        _ if errno == libc::ENOSYS => "this kernel has no such call, or a filter says so",
        _ if is_refused && host.is_inside => "this is the inside of a boundary already",
        _ if is_refused && host.none_allowed => "`user.max_user_namespaces` is 0",
        _ if is_refused && host.clone_forbidden => "`kernel.unprivileged_userns_clone` is 0",
        _ if is_refused && host.is_filtered => "a filter that was there before refuses it, as in a container",
        _ if is_refused && host.apparmor_restricts => "AppArmor takes the rights of programs without a profile",
        _ => return std::io::Error::from_raw_os_error(errno).to_string(),
    };
    known.to_owned()
}

/// Returns what brings a Landlock version.
pub(super) fn newer_landlock(version: u32) -> String {
    let kernel = match version {
        0..=1 => "5.13",
        2 => "5.19",
        3 => "6.2",
        4 => "6.7",
        5 => "6.10",
        _ => "6.12",
    };
    format!("upgrade the kernel to Linux {kernel} or newer")
}

pub(super) fn look() -> Host {
    Host {
        apparmor_restricts: is_set("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
        clone_forbidden: is_set("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        none_allowed: is_set("/proc/sys/user/max_user_namespaces", "0"),
        is_filtered: read("/proc/self/status").lines().any(|line| line.trim_end() == "Seccomp:\t2"),
        is_inside: is_set("/proc/1/comm", "palisade: init"),
        program: std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default(),
        release: rustix::system::uname().release().to_string_lossy().into_owned(),
    }
}

fn is_set(path: &str, value: &str) -> bool {
    read(path).trim() == value
}

/// Reads a small file below `/proc`; one that cannot be read is as good as empty here.
pub(super) fn read(path: &str) -> String {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let max = u64::try_from(crate::limits::PROC_FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let bytes = file.map_err(std::io::Error::from).and_then(|file| read_whole(file, max)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
