//! `cargo xtask soundness effects|words`: what the analysis says beforehand, held against what bash does.
//!
//! `effects` runs commands in a throw-away cell under a tracer and compares every program started, file
//! written or deleted, and address reached with the prediction. `words` compares the words that bash passes
//! to commands with the words that the analysis predicts; there, no program exists that could run.
//!
//! Steps of both:
//! 1. collect the commands: of the corpora, of files, or the project's own sample;
//! 2. run each in a [`cell::Cell`], several at a time;
//! 3. compare, count, and list every miss with its command.

mod cell;
mod commands;
mod compare;
mod effects;
mod observed;
mod prediction;
mod report;
mod spellings;
mod trace;
mod tree;
mod words;

use std::path::PathBuf;

use anyhow::bail;

use crate::End;
use crate::options::Options;

/// The places of a cell, as the analysis and the commands know them.
const HOME: &str = "/home/u";
const PROJECT: &str = "/home/u/proj";

/// What a run is asked for.
#[derive(Debug)]
struct Wish {
    corpora: Vec<PathBuf>,
    count: Option<usize>,
    seed: u64,
    only: Option<String>,
    keep: Option<PathBuf>,
    sample: bool,
    workers: usize,
    /// When to stop, whatever is left.
    minutes: Option<u64>,
}

pub(crate) fn run(mut options: Options) -> anyhow::Result<End> {
    let which = options.word();
    let mut corpora = Vec::new();
    while let Some(file) = options.value::<PathBuf>("--corpus")? {
        corpora.push(file);
    }
    let wish = Wish {
        corpora,
        count: options.value("--count")?,
        seed: options.value("--seed")?.unwrap_or(1),
        only: options.value("--only")?,
        keep: options.value("--keep")?,
        sample: options.flag("--sample"),
        minutes: options.value("--minutes")?,
        workers: options.value("--workers")?.unwrap_or_else(processors),
    };
    options.end()?;
    if let Some(missing) = cell::missing() {
        eprintln!("xtask soundness: SKIPPED: {missing}");
        return Ok(End::Good);
    }
    match which.as_deref() {
        Some("effects") => effects::run(&wish),
        Some("words") => words::run(&wish),
        Some(_) | None => bail!("say `soundness effects` or `soundness words`"),
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// Returns the analysis of a command, made in the cell's project.
fn analysed(text: &str) -> anyhow::Result<policy::Effects> {
    use anyhow::Context;
    let home = policy::AbsPath::parse(HOME).context("the home is no path")?;
    let cwd = policy::AbsPath::parse(PROJECT).context("the project is no path")?;
    let command = policy::Command::parse(text, policy::action::Runner::Agent);
    let action =
        policy::Action { tool: "Bash".to_owned(), kind: policy::Kind::Command(command), params: Vec::new(), cwd };
    Ok(policy::Effects::of(&action, &home))
}
