//! `cargo xtask kills`: commands inside whose launcher, boundary or first process is killed at a random
//! moment, and what is left of them on the host.
//!
//! It runs in process and mount namespaces of its own, so that every process and every temporary file that
//! is seen is one of its own. A run follows from the seed and its number alone, but for the moment: the
//! machine decides how far the run has come by then.

mod host;
mod scene;
mod trial;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::End;
use crate::options::Options;
use crate::place::{Profile, Scratch, launcher, palisade, target};
use host::Host;
use scene::Scene;
use trial::Trial;

const RUNS: u64 = 1_000;
const SEED: u64 = 1;
/// How long everything may take to be gone.
const GONE: Duration = Duration::from_secs(10);
/// How long after the last run something that lived on would have written.
const LATE: Duration = Duration::from_millis(800);
/// Directories that get a file system of their own here.
const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];
/// Where commands write: until they have ended, which is not yet when their launcher has, files come and go.
const WORK: &str = "project/work";
/// Findings that are shown.
const SHOWN_MAX: usize = 20;

/// Starts itself again in namespaces of its own, and kills there.
pub(crate) fn run(mut options: Options) -> anyhow::Result<End> {
    let runs = options.value("--runs")?.unwrap_or(RUNS);
    let seed = options.value("--seed")?.unwrap_or(SEED);
    let only: Option<u64> = options.value("--only")?;
    let launch: Option<PathBuf> = options.value("--launch")?;
    let program: Option<PathBuf> = options.value("--program")?;
    let place: Option<PathBuf> = options.value("--place")?;
    options.end()?;
    match (launch, program, place) {
        (Some(launch), Some(program), Some(place)) => kill(&Kills { runs, seed, only, launch, program, place }),
        _ => alone(runs, seed, only),
    }
}

/// What is to be done.
struct Kills {
    runs: u64,
    seed: u64,
    only: Option<u64>,
    launch: PathBuf,
    program: PathBuf,
    place: PathBuf,
}

fn alone(runs: u64, seed: u64, only: Option<u64>) -> anyhow::Result<End> {
    let (launch, program) = (launcher()?, palisade(Profile::Release)?);
    let scratch = Scratch::on_disk("kills")?;
    let covered: Vec<&str> = TEMPORARY.into_iter().filter(|place| !target().starts_with(place)).collect();
    let mounts: String = covered.iter().map(|place| format!("mount -t tmpfs -o mode=1777 tmpfs {place} && ")).collect();
    // Shared again, as on most hosts: what spreads from inside would be seen. The shell stays, and waits
    // for whatever has lost its parent.
    let script = format!("{mounts}mount --make-rshared / && {{ \"$@\"; exit $?; }}");
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount", "--mount-proc", "--kill-child"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--", "sh", "-c", &script, "sh"]).arg(std::env::current_exe()?).arg("kills");
    command.arg("--runs").arg(runs.to_string()).arg("--seed").arg(seed.to_string());
    if let Some(only) = only {
        command.arg("--only").arg(only.to_string());
    }
    command.arg("--launch").arg(launch).arg("--program").arg(program).arg("--place").arg(scratch.path());
    match command.status().context("unshare cannot be started")?.code() {
        Some(0) => Ok(End::Good),
        Some(1) => Ok(End::Finding),
        code => bail!("nothing was killed: {code:?}"),
    }
}

/// Kills, looks, and tells.
fn kill(kills: &Kills) -> anyhow::Result<End> {
    let scene = Scene::new(&kills.place, &kills.launch, &kills.program)?;
    let mut before = Host::look(&scene.watched())?;
    let mut stages: BTreeMap<String, u64> = BTreeMap::new();
    let (mut findings, mut swept) = (Vec::new(), 0);
    for number in kills.only.map_or(0..kills.runs, |only| only..only + 1) {
        let trial = Trial::new(kills.seed, number, scene.has_strace());
        let outcome = trial.run(&scene, GONE).with_context(|| format!("run {number}: {trial}"))?;
        // Where the janitor was killed with the launcher, whoever starts next takes control groups away.
        if outcome.lost_janitor && before.has_more_groups()? {
            scene.start_next(&trial)?;
            swept += 1;
        }
        let mut left = before.wait_for(&scene.watched(), GONE)?;
        left.extend(outcome.finding);
        *stages.entry(outcome.stage.to_owned()).or_default() += 1;
        if !left.is_empty() {
            findings.push(format!("run {number} of seed {}: {trial}: {}", kills.seed, left.join("; ")));
            if findings.len() >= SHOWN_MAX {
                break;
            }
            before = Host::look(&scene.watched())?;
        }
    }
    std::thread::sleep(LATE);
    findings.extend(before.wait_for(&scene.watched(), GONE)?.into_iter().map(|left| format!("in the end: {left}")));
    findings.extend(scene.journals()?);
    for finding in &findings {
        println!("{finding}");
    }
    println!("{}", scene.told());
    let total: u64 = stages.values().sum();
    for (stage, count) in &stages {
        println!("{count:6}  {stage}");
    }
    println!("{swept:6}  of them, the janitor killed as well, left a control group until the next start");
    println!("kills: {total} runs of seed {}, {} findings", kills.seed, findings.len());
    Ok(if findings.is_empty() { End::Good } else { End::Finding })
}
