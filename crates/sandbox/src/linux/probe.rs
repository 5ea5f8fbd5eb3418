//! What this machine can enforce, found by trying each thing in a process that is thrown away.
//!
//! The launcher starts its program once more with [`PROBE`]; that one has one thread, forks a process for each
//! thing, and prints a line for each: its name and the error number, 0 when it works. What must be looked at
//! and not tried is read by the launcher.

mod attempts;
mod facts;

use std::path::Path;

use super::bubblewrap::{self, Program};
use super::{advice, run, tiers};
use crate::ROLE;
use crate::error::{Error, Step};
use crate::machine::{Ability, Fault, Finding, Machine, TierFinding};
use crate::tier::Tier;

pub(super) use attempts::probe_main;

/// The second argument of the process that tries.
pub(super) const PROBE: &str = "probe";
/// The second argument of a process that is only to be started.
pub(super) const NOTHING: &str = "nothing";

/// The Landlock versions that something is built from, with what.
const LANDLOCK: [(u32, Ability); 3] =
    [(1, Ability::Landlock), (3, Ability::LandlockTruncate), (6, Ability::LandlockScope)];

/// Looks at this machine.
pub(crate) fn probe(init: &Path) -> Result<Machine, Error> {
    let failed = |source| Error::Step { step: Step::StartBoundary, path: None, source, fix: None };
    let said = run::output_of(init, &[ROLE, PROBE]).map_err(failed)?;
    let host = advice::look();
    let tried = said.lines().filter_map(parse_line).map(|(ability, errno)| tried(ability, errno, &host));
    let mut findings: Vec<Finding> = tried.collect();
    let landlock = crate::sys::kernel::landlock_abi();
    findings.extend(LANDLOCK.map(|(least, ability)| landlock_finding(ability, least, &landlock, &host)));
    findings.push(bubblewrap_finding(init));
    findings.sort_by_key(|finding| finding.ability);
    let tiers = Tier::ALL.into_iter().map(|tier| tier_finding(tier, &findings)).collect();
    Ok(Machine { findings, facts: facts::look(), tiers })
}

fn parse_line(line: &str) -> Option<(Ability, i32)> {
    let (name, errno) = line.split_once(' ')?;
    Some((Ability::parse(name)?, errno.parse().ok()?))
}

fn tier_finding(tier: Tier, findings: &[Finding]) -> TierFinding {
    let works = |ability: &Ability| findings.iter().any(|finding| finding.ability == *ability && finding.works());
    let lacks: Vec<Ability> = tier.built_from().iter().copied().filter(|ability| !works(ability)).collect();
    TierFinding { tier, is_possible: lacks.is_empty(), lacks }
}

fn tried(ability: Ability, errno: i32, host: &advice::Host) -> Finding {
    let fault = (errno != 0).then(|| Fault {
        errno: Some(errno),
        name: errno_name(errno),
        why: advice::why(step(ability), errno, host),
        fix: advice::fix(step(ability), errno, host),
    });
    Finding { ability, detail: String::new(), fault }
}

fn landlock_finding(ability: Ability, least: u32, abi: &std::io::Result<u32>, host: &advice::Host) -> Finding {
    let fault = match abi {
        Ok(abi) if *abi >= least => None,
        Ok(abi) => Some(Fault {
            errno: None,
            name: String::new(),
            why: format!("this kernel has Landlock at version {abi}, and {least} is needed"),
            fix: Some(advice::newer_landlock(least)),
        }),
        Err(error) => return tried(ability, super::failure::errno(error), host),
    };
    let detail = abi.as_ref().map(|abi| format!("version {abi}")).unwrap_or_default();
    Finding { ability, detail, fault }
}

/// Looks at bubblewrap, and tries it.
fn bubblewrap_finding(init: &Path) -> Finding {
    let ability = Ability::Bubblewrap;
    let fault = |why: String, fix: Option<String>| Some(Fault { errno: None, name: String::new(), why, fix });
    match Program::look() {
        Err(unfit) => {
            let (why, fix) = tiers::unfit(&unfit);
            Finding { ability, detail: String::new(), fault: fault(why, Some(fix)) }
        }
        Ok(program) => {
            let rights = if program.is_privileged { ", with the rights of root" } else { "" };
            let races = if program.has_races() { format!("; {}", tiers::RACES) } else { String::new() };
            let detail = format!("{} {}{rights}{races}", bubblewrap::PROGRAM, program.version);
            let tried = run::try_bubblewrap(init);
            let fault = tried.err().and_then(|said| fault(format!("it says: {said}"), None));
            Finding { ability, detail, fault }
        }
    }
}

/// Returns the step of building that something is needed for, by which its reason and fix are known.
fn step(ability: Ability) -> Step {
    match ability {
        Ability::UserNamespace => Step::UserNamespace,
        Ability::UserMap => Step::UserMap,
        Ability::MountNamespace
        | Ability::PidNamespace
        | Ability::NetworkNamespace
        | Ability::IpcNamespace
        | Ability::UtsNamespace
        | Ability::CgroupNamespace => Step::Namespaces,
        Ability::Loopback => Step::Loopback,
        Ability::DetachedMounts => Step::CopyRoot,
        Ability::FreshProc => Step::Proc,
        Ability::Landlock | Ability::LandlockTruncate | Ability::LandlockScope => Step::LandlockRules,
        Ability::Seccomp | Ability::SeccompNotification => Step::Seccomp,
        Ability::Bubblewrap => Step::Bubblewrap,
    }
}

/// Returns the kernel's name for an error number that these calls can give.
fn errno_name(errno: i32) -> String {
    let known = [
        (libc::EPERM, "EPERM"),
        (libc::EACCES, "EACCES"),
        (libc::EBUSY, "EBUSY"),
        (libc::EINVAL, "EINVAL"),
        (libc::ENOSPC, "ENOSPC"),
        (libc::ENOSYS, "ENOSYS"),
        (libc::EOPNOTSUPP, "EOPNOTSUPP"),
        (libc::EUSERS, "EUSERS"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::ENOMEM, "ENOMEM"),
    ];
    known.iter().find(|(number, _)| *number == errno).map_or(format!("errno {errno}"), |(_, name)| (*name).to_owned())
}
