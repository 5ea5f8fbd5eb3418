//! `cargo xtask test`: everything that must pass, in the order in which it fails fastest.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Seconds that each fuzz target runs.
const FUZZ_SECONDS: u64 = 8;

/// What came of the steps.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    broken: Vec<String>,
}

pub(crate) fn test() -> Result<()> {
    let mut tally = Tally::default();
    tally.optional("format", &["fmt", "--version"], &["fmt", "--all", "--check"])?;
    tally.optional(
        "lints",
        &["clippy", "--version"],
        &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
    )?;
    tally.step("tidy", &["xtask", "tidy"])?;
    tally.step("build", &["build", "--quiet", "-p", "palisade", "-p", "probe"])?;
    tally.step("tests", &["test", "--workspace", "--no-fail-fast"])?;
    tally.step("generated files", &["xtask", "generate", "--check"])?;
    tally.step("demo", &["xtask", "demo"])?;
    tally.step("start-up, a sample", &["xtask", "bench", "--runs", "20"])?;
    tally.step("the boundary's cost, a sample", &["xtask", "bench", "boundary", "--runs", "3", "--work", "1"])?;
    tally.step("killed at random moments, a sample", &["xtask", "kills", "--runs", "100"])?;
    tally.step("effects of a sample", &["xtask", "soundness", "effects", "--sample"])?;
    tally.step("words of a sample", &["xtask", "soundness", "words", "--sample", "--count", "1500"])?;
    if has_cxx() {
        tally.step("fuzz", &["xtask", "fuzz", "--seconds", &FUZZ_SECONDS.to_string()])?;
    } else {
        println!("SKIPPED fuzz: there is no C++ compiler for libFuzzer");
    }
    for step in &tally.broken {
        println!("FAILED step: {step}");
    }
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed > 0 {
        bail!("not everything passed");
    }
    Ok(())
}

impl Tally {
    /// Runs a step of a tool that a small toolchain may lack.
    fn optional(&mut self, name: &str, probe: &[&str], arguments: &[&str]) -> Result<()> {
        let present = cargo(probe).stdout(Stdio::null()).stderr(Stdio::null()).status()?.success();
        if present {
            self.step(name, arguments)
        } else {
            println!("SKIPPED {name}: `cargo {}` is not installed", probe.first().copied().unwrap_or_default());
            Ok(())
        }
    }

    /// Runs a step, passes its output on, and counts: a line of cargo's test runner for its tests, or the step as one.
    fn step(&mut self, name: &str, arguments: &[&str]) -> Result<()> {
        println!("\n== {name}: cargo {}", arguments.join(" "));
        let start = Instant::now();
        let mut child = cargo(arguments).stdout(Stdio::piped()).spawn().context("cargo cannot be started")?;
        let output = child.stdout.take().context("cargo has no output")?;
        let (mut passed, mut failed) = (0, 0);
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some((good, bad)) = counts(&line) {
                passed += good;
                failed += bad;
            }
            println!("{line}");
        }
        let success = child.wait()?.success();
        println!("== {name}: {} s", start.elapsed().as_secs());
        if passed + failed == 0 {
            passed = u64::from(success);
        }
        if !success {
            failed = failed.max(1);
            self.broken.push(name.to_owned());
        }
        self.passed += passed;
        self.failed += failed;
        Ok(())
    }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(crate::place::root());
    command
}

/// Returns what a closing line of cargo's test runner counts.
fn counts(line: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| {
        let before = rest.split(word).next()?;
        before.rsplit(|letter: char| !letter.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
    };
    Some((number(" passed")?, number(" failed")?))
}

fn has_cxx() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory: PathBuf| directory.join("c++")).any(|program| program.exists())
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: ok. 12 passed; 3 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.00s";
        assert_eq!(counts(line), Some((12, 3)));
        assert_eq!(counts("running 3 tests"), None);
    }
}
