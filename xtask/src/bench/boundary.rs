//! `cargo xtask bench boundary`: what the boundary costs, beside other sandboxes and beside nothing.
//!
//! Two things of ours are measured: `launch`, which is the boundary alone, and `palisade run`, which reads
//! settings, decides and keeps the journal too.

mod large;
mod ready;
mod scene;

use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;

use super::{Program, WARM_UP, heading, interleave, is_there, machine, median, print};
use crate::End;
use crate::options::Options;
use crate::peers::{CODEX, Peer, SANDBOX_RUNTIME};
use scene::Scene;

const RUNS: usize = 100;
const WORK: usize = 15;
/// Numbers of files that must stay as they are.
const HELD: [usize; 3] = [0, 50, 500];
/// A peer that takes its time is started once for this many starts of the others.
const SLOW: usize = 5;

/// What `--only` can name.
const PARTS: [&str; 4] = ["start", "held", "agents", "work"];

const OUTSIDE: &str = "outside";
const LAUNCH: &str = "launch";
const RUN: &str = "palisade run";
const BWRAP: &str = "bwrap";
const SRT: &str = "srt";
const CODEX_SANDBOX: &str = "codex sandbox";

/// Something that is done inside and outside.
struct Work {
    name: &'static str,
    argv: &'static [&'static str],
    /// What is removed before, every time.
    clear: &'static [&'static str],
    /// The program that must be installed.
    needs: &'static str,
    /// How many files it makes, when that is what it does.
    makes: Option<f64>,
}

const WORKS: &[Work] = &[
    Work {
        name: "git status, 500 files",
        argv: &["git", "status", "--porcelain"],
        clear: &[],
        needs: "git",
        makes: None,
    },
    Work {
        name: "git status 20 times in one start",
        argv: &["sh", "-c", "i=0; while [ $i -lt 20 ]; do git status --porcelain; i=$((i+1)); done"],
        clear: &[],
        needs: "git",
        makes: None,
    },
    Work {
        name: "cargo build of a small crate",
        argv: &["cargo", "build", "--quiet", "--offline", "--manifest-path", "crate/Cargo.toml"],
        clear: &["crate/target"],
        needs: "cargo",
        makes: None,
    },
    Work {
        name: "npm install of three small packages",
        argv: &["npm", "install", "--prefix", "package", "--offline", "--no-audit", "--no-fund", "--cache", "cache"],
        clear: &["package/node_modules", "package/package-lock.json", "cache"],
        needs: "npm",
        makes: None,
    },
    Work {
        name: "10,000 files made",
        argv: &["sh", "-c", "mkdir made; i=0; while [ $i -lt 10000 ]; do : > made/$i; i=$((i+1)); done"],
        clear: &["made"],
        needs: "sh",
        makes: Some(10_000.0),
    },
];

/// Measures and prints.
pub(super) fn run(mut options: Options) -> anyhow::Result<End> {
    let runs: usize = options.value("--runs")?.unwrap_or(RUNS);
    let work: usize = options.value("--work")?.unwrap_or(WORK);
    let files: Option<usize> = options.value("--files")?;
    let place: Option<PathBuf> = options.value("--place")?;
    let only: Option<String> = options.value("--only")?;
    options.end()?;
    let is_wanted = |part: &str| only.as_ref().is_none_or(|only| only == part);
    if let Some(other) = only.as_deref().filter(|only| !PARTS.contains(only)) {
        bail!("there is no part `{other}`: {}", PARTS.join(", "));
    }
    let scene = Scene::new(place.as_deref())?;
    println!("{}; milliseconds, median (quartiles)", machine()?);
    if is_wanted("start") {
        for held in HELD {
            println!("\n`/bin/true`, {held} files held, {runs} rounds\n");
            start(&scene, held, runs)?;
        }
    }
    if is_wanted("held") {
        ready::run(&scene, runs)?;
    }
    if is_wanted("agents") {
        agents(&scene, runs.div_ceil(SLOW))?;
    }
    if is_wanted("work") {
        println!("\nwork inside and outside, {work} rounds\n");
        heading();
        let mut notes = Vec::new();
        for one in WORKS {
            notes.extend(inside(&scene, one, work)?);
        }
        println!("\n{}", notes.join("\n"));
    }
    files.map_or(Ok(()), |files| large::run(&scene, files))?;
    Ok(End::Good)
}

/// The start of nothing in the sandboxes that agents bring along.
fn agents(scene: &Scene, rounds: usize) -> anyhow::Result<()> {
    let peers = [(SRT, installed(SANDBOX_RUNTIME, &["bwrap", "socat", "rg"])), (CODEX_SANDBOX, installed(CODEX, &[]))];
    println!("\n`/bin/true` in sandboxes of agents, {rounds} rounds\n");
    HELD.into_iter().try_for_each(|held| against(scene, held, rounds, &peers))
}

/// Returns a peer's program, or says why it is left out.
fn installed(peer: Peer, needs: &[&str]) -> Option<std::path::PathBuf> {
    let missing: Vec<&str> = needs.iter().copied().filter(|program| !is_there(program)).collect();
    if !missing.is_empty() {
        eprintln!("xtask bench: {} IS LEFT OUT: not installed: {}", peer.name(), missing.join(" "));
        return None;
    }
    peer.program().inspect_err(|error| eprintln!("xtask bench: {} IS LEFT OUT: {error:#}", peer.name())).ok()
}

/// The start of nothing, against bubblewrap with the same mounts.
fn start(scene: &Scene, held: usize, runs: usize) -> anyhow::Result<()> {
    let argv = ["/bin/true"];
    let mut programs = vec![
        Program::new(LAUNCH, scene.launch(held, &argv)),
        Program::new(RUN, scene.palisade(held, &argv)),
        Program::new(OUTSIDE, scene.outside(&argv)),
    ];
    if is_there("bwrap") {
        programs.push(Program::new(BWRAP, scene.bubblewrap(held, &argv)));
    } else {
        eprintln!("xtask bench: BWRAP IS NOT INSTALLED: there is nothing to compare the boundary with");
    }
    interleave(&mut programs, runs, WARM_UP.min(runs), || Ok(()))?;
    heading();
    print(&programs, &[(LAUNCH, BWRAP), (RUN, BWRAP), (LAUNCH, OUTSIDE), (RUN, LAUNCH)]);
    Ok(())
}

/// The start of nothing, against the sandboxes that agents bring along.
fn against(
    scene: &Scene,
    held: usize,
    runs: usize,
    peers: &[(&'static str, Option<std::path::PathBuf>)],
) -> anyhow::Result<()> {
    let argv = ["/bin/true"];
    let mut programs = vec![
        Program::new(format!("{LAUNCH}, {held} held"), scene.launch(held, &argv)),
        Program::new(format!("{RUN}, {held} held"), scene.palisade(held, &argv)),
    ];
    for (name, program) in peers {
        let Some(program) = program else { continue };
        let command: Option<Command> = match *name {
            SRT => Some(scene.sandbox_runtime(program, held, &argv)?),
            // It has no way to hold many files on its command line.
            _ if held == 0 => Some(scene.codex(program, &argv)),
            _ => None,
        };
        programs.extend(command.map(|command| Program::new(*name, command)));
    }
    interleave(&mut programs, runs, 1, || Ok(()))?;
    if held == 0 {
        heading();
    }
    let ours = [format!("{LAUNCH}, {held} held"), format!("{RUN}, {held} held")];
    for theirs in programs.iter().skip(ours.len()).map(|program| program.name.clone()) {
        print(&programs, &[(&ours[0], &theirs), (&ours[1], &theirs)]);
    }
    Ok(())
}

/// Work inside and outside. Returns what else is to be said.
fn inside(scene: &Scene, work: &Work, rounds: usize) -> anyhow::Result<Vec<String>> {
    if !is_there(work.needs) {
        eprintln!("xtask bench: {} IS NOT INSTALLED: {} is left out", work.needs, work.name);
        return Ok(Vec::new());
    }
    let [outside, launch, run, bwrap] = [OUTSIDE, LAUNCH, RUN, BWRAP].map(|place| format!("{}: {place}", work.name));
    let mut programs = vec![
        Program::new(outside.clone(), scene.outside(work.argv)),
        Program::new(launch.clone(), scene.launch(0, work.argv)),
        Program::new(run.clone(), scene.palisade(0, work.argv)),
    ];
    if is_there("bwrap") {
        programs.push(Program::new(bwrap.clone(), scene.bubblewrap(0, work.argv)));
    }
    interleave(&mut programs, rounds, 1, || scene.clear(work.clear))?;
    print(&programs, &[(&launch, &outside), (&run, &outside), (&bwrap, &outside)]);
    let [outside, others @ ..] = programs.as_slice() else { return Ok(Vec::new()) };
    let each = |made| move |other: &Program| (median(&other.times_ms) - median(&outside.times_ms)) * 1_000.0 / made;
    let note = |made| others.iter().map(move |other| format!("{}: {:.1} µs more each", other.name, each(made)(other)));
    Ok(work.makes.map(note).into_iter().flatten().collect())
}
