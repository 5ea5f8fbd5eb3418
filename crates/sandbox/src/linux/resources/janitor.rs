//! The process that takes a killed launcher's groups away.
//!
//! **Purpose.** No group stays behind, at whatever moment the launcher is killed.
//!
//! **Steps.** Before its first group the launcher starts its own program once more and hands it a descriptor of itself. That
//! one waits until the launcher is gone, and then, in each place where groups can be:
//!
//! 1. ends what still runs in groups of the launcher's name;
//! 2. removes them as they become empty;
//! 3. goes back to where the launcher was, had both stepped aside from there.
//!
//! A launcher that ends by itself removes its groups, and then ends the janitor.
//!
//! **Limits.** It is in the launcher's own groups and in none of the command's, in a process group of its own, and takes no
//! signal but SIGKILL. When it is killed, too, the next start takes away what is left.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::super::run;
use super::files::{Files, Kernel};
use super::group::{Controller, Owner, Version};
use crate::ROLE;
use crate::limits::JANITOR_MS_MAX;
use crate::sys;

/// The second argument of the janitor.
pub(in super::super) const JANITOR: &str = "janitor";
/// How long it waits before it looks again, first and at most.
const PAUSES_MS: [u64; 2] = [1, 50];

/// A place where groups of the launcher can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) parent: PathBuf,
    pub(super) version: Version,
    /// What it hands down without us.
    pub(super) given: Vec<Controller>,
}

/// The running janitor, as the launcher knows it.
#[derive(Debug)]
pub(super) struct Janitor(Child);

impl Janitor {
    /// Starts it. It is there, though not yet waiting, when this returns.
    pub(super) fn start(init: &Path, owner: Owner, sites: &[Site]) -> io::Result<Self> {
        let launcher = pidfd_open(getpid(), PidfdFlags::empty())?;
        let mut command = run::program(init);
        command.arg0("palisade: janitor").args([ROLE, JANITOR]).arg(owner.prefix());
        command.args(sites.iter().flat_map(Site::words));
        // Whoever ends the launcher's process group does not end this one.
        command.process_group(0);
        command.stdin(Stdio::from(launcher)).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn()?))
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends it: there is nothing left to take away, and nobody need wait for its end.
    pub(super) fn dismiss(mut self) {
        let _ = self.0.kill();
        sys::process::reap_later(self.0);
    }
}

impl Site {
    /// Returns two arguments: the version with what is given, and the directory.
    fn words(&self) -> [OsString; 2] {
        let version = match self.version {
            Version::One => "1",
            Version::Two => "2",
        };
        let given = self.given.iter().map(|controller| controller.name());
        let words: Vec<&str> = std::iter::once(version).chain(given).collect();
        [words.join(" ").into(), self.parent.clone().into()]
    }

    fn parse([words, parent]: &[OsString; 2]) -> Option<Self> {
        let mut words = words.to_str()?.split(' ');
        let version = match words.next()? {
            "1" => Version::One,
            "2" => Version::Two,
            _ => return None,
        };
        let named = |word: &str| Controller::ALL.into_iter().find(|controller| controller.name() == word);
        Some(Self { parent: parent.into(), version, given: words.map(named).collect::<Option<_>>()? })
    }
}

/// Is the janitor.
pub(in super::super) fn janitor_main() -> ! {
    let _ = sys::signal::mask(sys::signal::How::Exactly, &sys::signal::Set::all());
    let _ = rustix::thread::set_name(c"palisade: group");
    // Nobody's directory or file is kept busy by us.
    let _ = rustix::process::chdir("/");
    let _ = sys::process::close_from(FIRST_CLOSED, sys::process::Close::Now);
    let mut words = std::env::args_os().skip(FIRST_WORD);
    let prefix = words.next().and_then(|word| word.into_string().ok());
    let words: Vec<OsString> = words.collect();
    let (pairs, rest) = words.as_chunks::<2>();
    let sites: Option<Vec<Site>> = pairs.iter().map(Site::parse).collect();
    let (Some(prefix), Some(sites), []) = (prefix, sites, rest) else { sys::process::exit_now(EXIT_BUG) };
    let launcher = rustix::stdio::stdin();
    let mut ready = [PollFd::new(&launcher, PollFlags::IN)];
    if rustix::io::retry_on_intr(|| poll(&mut ready, None)).is_err() {
        sys::process::exit_now(EXIT_BUG);
    }
    let begin = Instant::now();
    let [mut pause, most] = PAUSES_MS;
    let own = getpid().as_raw_nonzero().get().unsigned_abs();
    while !clear(&Kernel, &prefix, &sites, own) && begin.elapsed() < Duration::from_millis(JANITOR_MS_MAX) {
        std::thread::sleep(Duration::from_millis(pause));
        pause = (pause * 2).min(most);
    }
    sys::process::exit_now(0)
}

/// Where its arguments begin: behind the program, its role and its word.
const FIRST_WORD: usize = 3;
/// Above the standard streams.
const FIRST_CLOSED: u32 = 3;
/// What it exits with when it was started wrongly.
const EXIT_BUG: i32 = 70;

/// Takes away what can be taken away now. Returns true when nothing is left.
pub(super) fn clear(files: &dyn Files, prefix: &str, sites: &[Site], own: u32) -> bool {
    let mut is_clear = true;
    for site in sites {
        for name in files.directories(&site.parent).unwrap_or_default() {
            if name.starts_with(prefix) {
                is_clear &= remove(files, site, &site.parent.join(name), own);
            }
        }
    }
    is_clear
}

/// Removes a group with all that is in it. Returns false when it is not empty yet.
fn remove(files: &dyn Files, site: &Site, group: &Path, own: u32) -> bool {
    let inside = files.read(&group.join("cgroup.procs")).unwrap_or_default();
    if inside.lines().any(|pid| pid.parse() == Ok(own)) {
        step_back(files, site, own);
    } else if !inside.is_empty() {
        match site.version {
            Version::Two => drop(files.write(&group.join("cgroup.kill"), "1")),
            Version::One => {
                // Nobody starts any more while they are ended one by one; only the group of processes has the file.
                let _ = files.write(&group.join("pids.max"), "0");
                files.kill(group);
            }
        }
    }
    match files.remove(group) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Goes back to the group above, which can take processes again when it hands nothing down any more.
fn step_back(files: &dyn Files, site: &Site, own: u32) {
    for controller in Controller::ALL.into_iter().filter(|controller| !site.given.contains(controller)) {
        let _ = files.write(&site.parent.join("cgroup.subtree_control"), &format!("-{}", controller.name()));
    }
    let _ = files.write(&site.parent.join("cgroup.procs"), &own.to_string());
}
