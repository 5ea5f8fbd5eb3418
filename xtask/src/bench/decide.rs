//! `cargo xtask bench decide`: how long decisions take, by the number of rules.
//!
//! Every round takes each call once through each stage. The stages are timed apart, and once more all
//! in a row; looking at the file system is no part of it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use policy::{AbsPath, Action, Effects, Facts, Policy};
use serde_json::{Value, json};

use super::calls::{self, CALLS};
use super::peer::Peer;
use super::rules;
use crate::options::Options;
use crate::{End, place};

const SIZES: [usize; 3] = [10, 300, 10_000];
const ROUNDS: usize = 2_000;
/// Rounds that are not counted: caches fill.
const WARM_UP: usize = 20;
/// No size is measured longer than this; the rounds that were done count.
const SIZE_SECONDS_MAX: u64 = 20;
/// How often a policy is compiled.
const COMPILATIONS: usize = 50;

/// Measures and prints.
pub(crate) fn run(mut options: Options) -> anyhow::Result<End> {
    let rounds = options.value("--rounds")?.unwrap_or(ROUNDS);
    let as_json = options.flag("--json");
    options.end()?;
    if cfg!(debug_assertions) {
        return released(rounds, as_json);
    }
    let sizes: Vec<Size> = SIZES.iter().map(|count| measure(*count, rounds)).collect::<Result<_, _>>()?;
    if as_json {
        println!("{}", json!({"schema_version": 1, "sizes": sizes.iter().map(Size::json).collect::<Vec<_>>()}));
    } else {
        print(&sizes)?;
    }
    Ok(End::Good)
}

/// Has a build that is optimised do it.
fn released(rounds: usize, as_json: bool) -> anyhow::Result<End> {
    let mut command = place::cargo();
    command.args(["run", "--quiet", "--release", "--package", "xtask", "--", "bench", "decide"]);
    command.arg("--rounds").arg(rounds.to_string()).args(as_json.then_some("--json"));
    if !command.status().context("cargo cannot be started")?.success() {
        bail!("the optimised build did not measure");
    }
    Ok(End::Good)
}

/// A number of rules and what was measured under it.
struct Size {
    rules: usize,
    compile: Times,
    /// Name and times; times are nanoseconds over all calls.
    stages: Vec<(&'static str, Times)>,
    /// Decisions a second, parsing and all, without a clock in between.
    per_second: f64,
    /// The times of deciding alone, for each call.
    calls: Vec<Times>,
}

/// Nanoseconds.
#[derive(Debug, Clone, Default)]
struct Times(Vec<f64>);

impl Times {
    fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1e9);
    }

    /// Returns the time that `share` of all stay under, in microseconds.
    fn us(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
        sorted.get(at).copied().unwrap_or(f64::NAN) / 1_000.0
    }
}

/// What calls are decided in.
struct World {
    home: AbsPath,
    project: AbsPath,
}

fn measure(count: usize, rounds: usize) -> anyhow::Result<Size> {
    let path = |text: &str| AbsPath::parse(text).context("a place is no path");
    let world = World { home: path(calls::HOME)?, project: path(calls::PROJECT)? };
    let written = rules::written(count);
    let layers = [rules::layer(&written, &path("/home/u/.claude")?)];
    let mut compile = Times::default();
    for _ in 0..COMPILATIONS {
        let begin = Instant::now();
        let compiled = black_box(Policy::compile(black_box(&layers), &world.home));
        compile.add(begin.elapsed());
        drop(compiled);
    }
    let (policy, found) = Policy::compile(&layers, &world.home);
    if let Some(diagnostic) = found.first() {
        bail!("a rule of the benchmark is not understood: {}", diagnostic.message);
    }
    let peer = Peer::new(&written)?;
    let mut size =
        Size { rules: count, compile, stages: stages(), per_second: 0.0, calls: vec![Times::default(); CALLS.len()] };
    let begin = Instant::now();
    for round in 0..rounds + WARM_UP {
        if begin.elapsed() > Duration::from_secs(SIZE_SECONDS_MAX) {
            break;
        }
        if round == WARM_UP {
            size.stages = stages();
            size.calls = vec![Times::default(); CALLS.len()];
        }
        size.round(&policy, &peer, &world);
    }
    size.per_second = per_second(&policy, &world);
    Ok(size)
}

fn stages() -> Vec<(&'static str, Times)> {
    ["parse", "effects", "decide", "all", "peer"].map(|name| (name, Times::default())).to_vec()
}

/// Runs something and returns how long it took, with what it made.
fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let made = black_box(run());
    (begin.elapsed(), made)
}

impl Size {
    /// Takes every call through every stage once.
    fn round(&mut self, policy: &Policy, peer: &Peer, world: &World) {
        let World { home, project } = world;
        for ((tool, subject), own) in CALLS.iter().zip(&mut self.calls) {
            let (parse, action) = timed(|| calls::action(tool, black_box(subject), project));
            let (effects_took, effects) = timed(|| Effects::of(black_box(&action), home));
            let facts = calls::facts(&effects, home, project);
            let (decide, _decision) = timed(|| policy::decide(policy, black_box(&action), &effects, &facts));
            let (all, _decision) = timed(|| whole(policy, (tool, black_box(subject)), world, &facts));
            let text = format!("{tool}({subject})");
            let (other, _matching) = timed(|| peer.matching(black_box(&text)));
            own.add(decide);
            for ((_, times), time) in self.stages.iter_mut().zip([parse, effects_took, decide, all, other]) {
                times.add(time);
            }
        }
    }

    fn json(&self) -> Value {
        let figures =
            |times: &Times| json!({"p50_us": times.us(0.5), "p99_us": times.us(0.99), "samples": times.0.len()});
        let stages = self.stages.iter().map(|(name, times)| ((*name).to_owned(), figures(times)));
        let calls = CALLS
            .iter()
            .zip(&self.calls)
            .map(|((tool, subject), times)| json!({"call": format!("{tool}: {subject}"), "decide": figures(times)}));
        json!({
            "rules": self.rules,
            "compile": figures(&self.compile),
            "compile_fastest_us": self.compile.us(0.0),
            "stages": stages.collect::<serde_json::Map<_, _>>(),
            "decisions_per_second": self.per_second,
            "calls": calls.collect::<Vec<_>>(),
        })
    }
}

/// Parses, reads the effects and decides.
fn whole(
    policy: &Policy,
    (tool, subject): (&str, &str),
    world: &World,
    facts: &Facts,
) -> (Action, Effects, policy::Decision) {
    let action = calls::action(tool, subject, &world.project);
    let effects = Effects::of(&action, &world.home);
    let decision = policy::decide(policy, &action, &effects, facts);
    (action, effects, decision)
}

fn per_second(policy: &Policy, world: &World) -> f64 {
    const SECONDS: f64 = 1.0;
    let facts: Vec<Facts> = CALLS
        .iter()
        .map(|(tool, subject)| {
            let effects = Effects::of(&calls::action(tool, subject, &world.project), &world.home);
            calls::facts(&effects, &world.home, &world.project)
        })
        .collect();
    let (begin, mut decided) = (Instant::now(), 0.0);
    while begin.elapsed().as_secs_f64() < SECONDS {
        for (call, facts) in CALLS.iter().zip(&facts) {
            let _decision = black_box(whole(policy, black_box(*call), world, facts));
            decided += 1.0;
        }
    }
    decided / begin.elapsed().as_secs_f64()
}

fn print(sizes: &[Size]) -> anyhow::Result<()> {
    let kernel = place::output(std::process::Command::new("uname").args(["-sr"]))?;
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{}, {processors} processors; {} calls; microseconds, p50 (p99)\n", kernel.trim(), CALLS.len());
    println!(
        "| rules | parse | effects | decide | all three | decisions a second | `RegexSet` | decide to `RegexSet` | compile (fastest) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for size in sizes {
        let figures: Vec<String> =
            size.stages.iter().map(|(_, times)| format!("{:.1} ({:.1})", times.us(0.5), times.us(0.99))).collect();
        let [parse, effects, decide, all, peer] = figures.as_slice() else { bail!("a stage is missing") };
        let p50 =
            |name: &str| size.stages.iter().find(|(own, _)| *own == name).map_or(f64::NAN, |(_, times)| times.us(0.5));
        println!(
            "| {} | {parse} | {effects} | {decide} | {all} | {:.0} | {peer} | {:.2} | {:.0} ({:.0}) |",
            size.rules,
            size.per_second,
            p50("decide") / p50("peer"),
            size.compile.us(0.5),
            size.compile.us(0.0)
        );
    }
    println!(
        "\n| call | {} |",
        sizes.iter().map(|size| format!("decide, {} rules", size.rules)).collect::<Vec<_>>().join(" | ")
    );
    println!("|---|{}", "---|".repeat(sizes.len()));
    for (index, (tool, subject)) in CALLS.iter().enumerate() {
        let figures: Vec<String> = sizes
            .iter()
            .filter_map(|size| size.calls.get(index))
            .map(|times| format!("{:.1} ({:.1})", times.us(0.5), times.us(0.99)))
            .collect();
        println!("| `{tool}: {}` | {} |", subject.replace('|', "\\|"), figures.join(" | "));
    }
    Ok(())
}
