//! What Palisade and the programs inside rest on: certificates, clock, disk, journal, settings.

use super::Check;
use crate::doctor::facts::{Certificates, Clock, Disk, Exposed, Facts, Journal, Settings};
use crate::doctor::repair::Repair;

/// Below this many free bytes records are about to be lost, and what cannot be recorded is refused.
const BYTES_LEAST: u64 = 16 << 20;
/// Below this many a build fills the disk.
const BYTES_FEW: u64 = 1 << 30;
/// Below this many free files none can be made soon.
const FILES_LEAST: u64 = 100;
/// How far two clocks may be apart.
const CLOCK_SLACK_MS: i64 = 5 * 60 * 1000;

pub(super) fn examine(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![certificates(&facts.certificates), clock(&facts.clock)];
    checks.extend(facts.disks.iter().map(disk));
    checks.extend([journal(&facts.journal), private(&facts.exposed, &facts.unseen), settings(&facts.settings)]);
    checks
}

fn certificates(certificates: &Certificates) -> Check {
    let id = "certificates";
    let Certificates { bundle, named } = certificates;
    let wrong = named.iter().find_map(|(variable, path, fault)| Some((variable, path, fault.as_ref()?)));
    if let Some((variable, path, fault)) = wrong {
        let evidence = format!("{variable}={path}: {fault}");
        let adds = variable == "NODE_EXTRA_CA_CERTS";
        let what = if adds { "lack what it is to add" } else { "trust nobody" };
        return Check::fail(id, evidence).advice(format!("mend or unset the variable: programs that read it {what}"));
    }
    match bundle {
        Some((path, 0)) => {
            Check::fail(id, format!("{path} holds no certificate")).command("sudo update-ca-certificates --fresh")
        }
        Some((path, count)) => Check::ok(id, format!("{count} authorities in {path}")),
        None => Check::warn(id, "no bundle of authorities is where programs look for one")
            .command("sudo apt-get install ca-certificates"),
    }
}

fn clock(clock: &Clock) -> Check {
    let id = "clock";
    let Clock { now_ms, program_ms, newest_ms, is_untold } = clock;
    let behind = |then: &Option<i64>| then.filter(|then| then - CLOCK_SLACK_MS > *now_ms);
    let seconds = |then: i64| (then - now_ms) / 1000;
    let fix = "sudo timedatectl set-ntp true";
    if let Some(then) = behind(newest_ms) {
        let evidence = format!(
            "it is {} seconds behind the newest record of the journal: records would be out of order, and permits and \
             certificates are held against it",
            seconds(then)
        );
        return Check::fail(id, evidence).command(fix);
    }
    if let Some(then) = behind(program_ms) {
        let evidence = format!("it is {} seconds behind the time at which this program's file was made", seconds(then));
        return Check::fail(id, evidence).command(fix);
    }
    if *is_untold {
        return Check::warn(
            id,
            "there are records, and whether it is behind them is not known: their times cannot be read",
        )
        .command("palisade audit verify");
    }
    let evidence = match (program_ms, newest_ms) {
        (Some(_), Some(_)) => "later than this program's file and the newest records",
        (None, Some(_)) => "later than the newest records",
        (Some(_), None) => "later than this program's file; nothing is recorded yet",
        (None, None) => return Check::warn(id, "there is nothing that it could be held against"),
    };
    Check::ok(id, evidence)
}

/// Returns true where nothing more can be written.
pub(in crate::doctor) fn is_full(disk: &Disk) -> bool {
    disk.is_read_only
        || disk.is_closed
        || disk.free.is_some_and(|(bytes, files)| bytes < BYTES_LEAST || files < FILES_LEAST)
}

fn disk(disk: &Disk) -> Check {
    let Disk { id, path, free, is_read_only, is_closed } = disk;
    let makes = if *id == "disk.journal" { "what cannot be recorded is refused" } else { "builds inside fail" };
    if *is_read_only {
        return Check::fail(id, format!("{path} is on a file system that is read-only: {makes}"))
            .advice("point XDG_STATE_HOME and XDG_CACHE_HOME to places that can be written");
    }
    if *is_closed {
        return Check::fail(id, format!("this user may not write {path}: {makes}"))
            .advice("point XDG_STATE_HOME and XDG_CACHE_HOME to places that can be written");
    }
    let Some((bytes, files)) = free else {
        return Check::warn(id, format!("how much is free at {path} cannot be told"));
    };
    let few = if *files < FILES_LEAST { format!(" and {files} files") } else { String::new() };
    let evidence = format!("{} MiB{few} free at {path}", bytes >> 20);
    if is_full(disk) {
        return Check::fail(id, format!("{evidence}: {makes}")).advice("make room there");
    }
    if *bytes < BYTES_FEW {
        return Check::warn(id, evidence).advice("make room there");
    }
    Check::ok(id, evidence)
}

fn journal(journal: &Journal) -> Check {
    let id = "journal";
    match journal {
        Journal::Absent => Check::ok(id, "nothing is recorded yet"),
        Journal::Sound { records } => Check::ok(id, format!("sound: {records} records")),
        Journal::Damaged { findings } => {
            let evidence = format!("not sound: {}", findings.join("; "));
            Check::fail(id, evidence).command("palisade audit verify")
        }
        Journal::Unusable { why, hint } => Check::fail(id, why.clone()).advice(hint.clone()),
    }
}

fn private(exposed: &[Exposed], unseen: &[String]) -> Check {
    let id = "private-files";
    if exposed.is_empty() {
        if unseen.is_empty() {
            return Check::ok(id, "settings and journal are the user's own to write");
        }
        return Check::warn(id, format!("what cannot be looked at: {}", unseen.join("; ")))
            .advice("look who may write it");
    }
    let said: Vec<String> = exposed
        .iter()
        .map(|one| match one.is_open {
            true => format!("{} can be written by others (mode {:o})", one.shown, one.mode),
            false => format!("{} is another user's", one.shown),
        })
        .collect();
    let mut check = Check::fail(id, said.join("; "));
    for one in exposed {
        check = match (one.is_own, one.is_linked) {
            (true, false) => check.repair(Repair::Close { path: one.path.clone() }),
            (true, true) => {
                check.advice(format!("it is a link: take the right to write what {} leads to from others", one.shown))
            }
            (false, _) => check.advice(format!("read {}, and put one of your own into its place", one.shown)),
        };
    }
    check
}

fn settings(settings: &Settings) -> Check {
    let id = "settings";
    let refusing = settings.wrong.iter().filter(|(refuses, _)| *refuses).count();
    match settings.wrong.first() {
        None => Check::ok(id, "every entry counts"),
        Some((_, first)) if refusing == 0 => {
            Check::warn(id, format!("what does not count: {}; the first: {first}", settings.wrong.len()))
                .command("palisade lint")
        }
        Some(_) => {
            let first = settings.wrong.iter().find(|(refuses, _)| *refuses).map_or("", |(_, text)| text.as_str());
            Check::fail(id, format!("calls are refused until they are mended ({refusing} times); the first: {first}"))
                .command("palisade lint")
        }
    }
}
