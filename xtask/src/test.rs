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
    /// Tests of the whole program that passed only when they ran alone.
    again: Vec<String>,
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
    tally.step("tests", &["test", "--workspace", "--exclude", "it", "--exclude", "xtask", "--no-fail-fast"])?;
    tally.whole_program()?;
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
    for test in &tally.again {
        println!("AGAIN: {test} failed beside others, and passed alone");
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

    /// Runs the tests of the whole program, whose clients, servers and people have deadlines, and those of other tools beside it.
    /// One that fails beside the others runs once more alone, and is named at the end when it passes then.
    fn whole_program(&mut self) -> Result<()> {
        let mut ran = run("the whole program", &["test", "--no-fail-fast", "-p", "it", "-p", "xtask"])?;
        for test in std::mem::take(&mut ran.failing) {
            let alone = run(&format!("{test}, alone"), &["test", "-p", "it", "-p", "xtask", "--", "--exact", &test])?;
            if alone.is_good && alone.passed == 1 {
                ran.passed += 1;
                ran.failed = ran.failed.saturating_sub(1);
                ran.is_good = ran.failed == 0;
                self.again.push(test);
            }
        }
        self.count("the whole program", &ran);
        Ok(())
    }

    /// Runs a step and counts it.
    fn step(&mut self, name: &str, arguments: &[&str]) -> Result<()> {
        self.count(name, &run(name, arguments)?);
        Ok(())
    }

    /// Counts each test that a step ran, or the step as one.
    fn count(&mut self, name: &str, ran: &Ran) {
        let has_tests = ran.passed + ran.failed > 0;
        self.passed += if has_tests { ran.passed } else { u64::from(ran.is_good) };
        if ran.is_good {
            self.failed += ran.failed;
        } else {
            self.failed += ran.failed.max(1);
            self.broken.push(name.to_owned());
        }
    }
}

/// What one command ran.
#[derive(Default)]
struct Ran {
    is_good: bool,
    passed: u64,
    failed: u64,
    /// The tests that failed, by name.
    failing: Vec<String>,
}

/// Runs a command, passes its output on, and reads the lines of cargo's test runner.
fn run(name: &str, arguments: &[&str]) -> Result<Ran> {
    println!("\n== {name}: cargo {}", arguments.join(" "));
    let start = Instant::now();
    let mut child = cargo(arguments).stdout(Stdio::piped()).spawn().context("cargo cannot be started")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut ran = Ran::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some((good, bad)) = counts(&line) {
            ran.passed += good;
            ran.failed += bad;
        }
        ran.failing.extend(failing(&line).map(str::to_owned));
        println!("{line}");
    }
    ran.is_good = child.wait()?.success();
    println!("== {name}: {} s", start.elapsed().as_secs());
    Ok(ran)
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

/// Returns the name of the test of which a line says that it failed.
fn failing(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

fn has_cxx() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory: PathBuf| directory.join("c++")).any(|program| program.exists())
}

#[cfg(test)]
mod tests {
    use super::{counts, failing};

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: ok. 12 passed; 3 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.00s";
        assert_eq!(counts(line), Some((12, 3)));
        assert_eq!(counts("running 3 tests"), None);
        assert_eq!(failing("test doors::ports ... FAILED"), Some("doors::ports"));
        assert_eq!(["test result: FAILED. 1 passed", "test a ... ok"].map(failing), [None, None]);
    }
}
