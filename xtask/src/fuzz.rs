//! `cargo xtask fuzz`: builds the fuzz targets with the stable toolchain and runs them.
//!
//! The instrumentation is passed by hand, and `--target` keeps it off build scripts. What is found is
//! kept beside the build: `fuzz/corpus/TARGET` and `fuzz/artifacts/TARGET` in the target directory.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::options::Options;
use crate::{End, place};

const SECONDS: u64 = 60;
const PLATFORM: &str = "x86_64-unknown-linux-gnu";
const FLAGS: [&str; 7] = [
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Builds and runs.
pub(crate) fn run(mut options: Options) -> anyhow::Result<End> {
    let seconds = options.value("--seconds")?.unwrap_or(SECONDS);
    let only = options.word();
    options.end()?;
    let all = targets()?;
    let chosen: Vec<&String> = all.iter().filter(|name| only.as_ref().is_none_or(|only| only == *name)).collect();
    if chosen.is_empty() {
        bail!("there is no such target; the targets are {}", all.join(", "));
    }
    let mut build = place::cargo();
    build.args(["build", "--release", "--target", PLATFORM, "--manifest-path", "fuzz/Cargo.toml", "--target-dir"]);
    build.arg(place::target().join("fuzz")).env("RUSTFLAGS", FLAGS.join(" "));
    for name in &chosen {
        build.args(["--bin", name]);
    }
    if !build.status().context("cargo cannot be started")?.success() {
        bail!("the fuzz targets do not build");
    }
    let mut end = End::Good;
    for name in chosen {
        if fuzz(name, seconds)? == End::Finding {
            end = End::Finding;
        }
    }
    Ok(end)
}

/// Returns the names of the targets.
fn targets() -> anyhow::Result<Vec<String>> {
    let mut metadata = place::cargo();
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    metadata.args(["--manifest-path", "fuzz/Cargo.toml"]);
    let metadata: Value = serde_json::from_str(&place::output(&mut metadata)?)?;
    let targets = metadata.pointer("/packages/0/targets").and_then(Value::as_array);
    let names = targets.context("fuzz/Cargo.toml is not understood")?.iter();
    Ok(names.filter_map(|target| target.get("name")?.as_str().map(str::to_owned)).collect())
}

/// Runs one target.
fn fuzz(name: &str, seconds: u64) -> anyhow::Result<End> {
    let base = place::target().join("fuzz");
    let (corpus, artifacts) = (base.join("corpus").join(name), base.join("artifacts").join(name));
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let before = files(&artifacts)?;
    let mut command = std::process::Command::new(base.join(PLATFORM).join("release").join(name));
    command.current_dir(place::root()).arg(&corpus);
    // Seeds that the repository keeps are read and not written.
    let seeds = place::root().join("fuzz/seeds").join(name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    println!("fuzz: {name} for {seconds} seconds");
    let log = base.join(format!("{name}.log"));
    command.stderr(std::fs::File::create(&log)?);
    let status = command.status().with_context(|| format!("{name} cannot be started"))?;
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    let done = said.lines().rfind(|line| line.starts_with("Done ") || line.contains("ERROR"));
    println!("fuzz: {name}: {} (all of it: {})", done.unwrap_or("ended without a word"), log.display());
    let found: Vec<String> = files(&artifacts)?.into_iter().filter(|file| !before.contains(file)).collect();
    for file in &found {
        println!("fuzz: {name}: a finding: {file}");
    }
    if !status.success() && found.is_empty() {
        println!("fuzz: {name}: ended with {status} and left no artifact");
    }
    Ok(if status.success() && found.is_empty() { End::Good } else { End::Finding })
}

fn files(directory: &Path) -> anyhow::Result<Vec<String>> {
    let entries = std::fs::read_dir(directory)?;
    entries.map(|entry| Ok(entry?.path().display().to_string())).collect()
}
