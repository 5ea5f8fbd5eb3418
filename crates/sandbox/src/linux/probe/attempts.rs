//! The attempts, each in a process of its own.

use rustix::process::WaitOptions;
use rustix::thread::UnshareFlags;

use crate::error::Step;
use crate::linux::failure::{At, Failure};
use crate::linux::{namespaces, seccomp, tree};
use crate::machine::Ability;
use crate::sys;
use crate::sys::process::Fork;

/// Tries everything and prints what came of it.
pub(in crate::linux) fn probe_main() -> ! {
    use std::io::Write;
    let mut out = std::io::stdout();
    for ability in Ability::ALL {
        if let Some(errno) = attempt(*ability) {
            let _ = writeln!(out, "{} {errno}", ability.name());
        }
    }
    sys::process::exit_now(0)
}

/// Returns the error number of an attempt, 0 when it works; `None` for what is not tried this way.
fn attempt(ability: Ability) -> Option<i32> {
    let namespace = |flags| apart(move || namespaces::enter_user().and_then(|()| enter(flags)));
    Some(match ability {
        Ability::UserNamespace => apart(|| enter(UnshareFlags::NEWUSER)),
        Ability::UserMap => apart(namespaces::enter_user),
        Ability::MountNamespace => namespace(UnshareFlags::NEWNS),
        Ability::PidNamespace => namespace(UnshareFlags::NEWPID),
        Ability::NetworkNamespace => namespace(UnshareFlags::NEWNET),
        Ability::IpcNamespace => namespace(UnshareFlags::NEWIPC),
        Ability::UtsNamespace => namespace(UnshareFlags::NEWUTS),
        Ability::CgroupNamespace => namespace(UnshareFlags::NEWCGROUP),
        Ability::Loopback => apart(|| {
            namespaces::enter_user()?;
            enter(UnshareFlags::NEWNET)?;
            namespaces::loopback().map(drop)
        }),
        Ability::DetachedMounts => apart(detached_mounts),
        Ability::FreshProc => apart(fresh_proc),
        Ability::Seccomp => apart(|| filter(0, seccomp::Telling::Nobody)),
        Ability::SeccompNotification => {
            apart(|| filter(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER, seccomp::Telling::Supervisor))
        }
        Ability::Landlock | Ability::LandlockTruncate | Ability::LandlockScope | Ability::Bubblewrap => return None,
    })
}

/// Tries in a process that is thrown away; its exit code is the error number.
fn apart(attempt: impl FnOnce() -> Result<(), Failure>) -> i32 {
    match sys::process::fork() {
        Ok(Fork::Child) => {
            let errno = attempt().err().map_or(0, |failure| failure.errno);
            sys::process::exit_now(errno.clamp(0, 255))
        }
        Ok(Fork::Parent(pid)) => {
            let status = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(pid), WaitOptions::empty()));
            status.ok().flatten().and_then(|(_, status)| status.exit_status()).unwrap_or(libc::EIO)
        }
        Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
    }
}

fn enter(flags: UnshareFlags) -> Result<(), Failure> {
    sys::process::unshare(flags).at(Step::Namespaces)
}

/// Copies the host's mounts and makes the copy read-only, as the boundary does.
fn detached_mounts() -> Result<(), Failure> {
    use std::os::fd::AsFd;
    namespaces::enter_user()?;
    enter(UnshareFlags::NEWNS)?;
    let root = crate::linux::mount::open_inside("/").at(Step::HostRoot)?;
    let copy = tree::copy(root.as_fd()).at(Step::CopyRoot)?;
    tree::restrict_all(copy.as_fd(), tree::RDONLY | tree::NOSUID | tree::NODEV).at(Step::ReadOnlyRoot)
}

/// Makes a `/proc` for the first process of a new process namespace.
fn fresh_proc() -> Result<(), Failure> {
    namespaces::enter_user()?;
    enter(UnshareFlags::NEWNS | UnshareFlags::NEWPID)?;
    let errno = apart(|| {
        let attributes = rustix::mount::MountAttrFlags::empty();
        tree::new_file_system("proc", &[], attributes).map(drop).at(Step::Proc)
    });
    if errno == 0 { Ok(()) } else { Err(std::io::Error::from_raw_os_error(errno)).at(Step::Proc) }
}

/// Installs the filter itself, so that one that the kernel does not take is found too.
fn filter(flags: libc::c_ulong, telling: seccomp::Telling) -> Result<(), Failure> {
    rustix::thread::set_no_new_privs(true).at(Step::NoNewPrivileges)?;
    sys::filter::install(&seccomp::assemble(telling), flags).map(drop).at(Step::Seccomp)
}
