//! Runs commands under the tracer and compares what they do with what was predicted.

use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use serde_json::json;

use super::cell::{self, Cell, Ended};
use super::commands::{Source, collected, corpora};
use super::compare::{Class, class, uncovered};
use super::observed::{Effect, Observed};
use super::prediction::{Prediction, predicted};
use super::report;
use super::tree::{Model, removed};
use super::{Wish, analysed};
use crate::End;
use crate::place::Scratch;

/// Status of a shell that did not find a program, may not run it, or does not understand the text.
const COULD_NOT_RUN: [i32; 3] = [127, 126, 2];
/// Commands after which progress is told.
const TELL_EVERY: usize = 500;

/// What came of one command.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) source: usize,
    pub(super) text: String,
    pub(super) class: Class,
    pub(super) open: Vec<Effect>,
    pub(super) prediction: Prediction,
    /// True when it did something that a prediction must cover.
    pub(super) acted: bool,
}

pub(super) fn run(wish: &Wish) -> anyhow::Result<End> {
    let sources = collected(wish)?;
    let scratch = Scratch::new("soundness")?;
    let model = Model::new(scratch.path(), corpora().map(|directory| directory.join("fixture.tgz")).as_deref())?;
    let jobs: Vec<(usize, &str)> = sources
        .iter()
        .enumerate()
        .flat_map(|(at, source)| source.commands.iter().map(move |text| (at, text.as_str())))
        .collect();
    let next = AtomicUsize::new(0);
    let deadline = wish.minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60));
    let findings = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..wish.workers.max(1))
            .map(|number| {
                scope.spawn({
                    let (scratch, model, jobs, next, findings) = (&scratch, &model, &jobs, &next, &findings);
                    move || worker(scratch.path(), number, model, jobs, (next, deadline), findings)
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker broke"))?)
    })?;
    let findings = findings.into_inner().map_err(|_| anyhow!("a worker broke"))?;
    if let Some(directory) = &wish.keep {
        keep(directory, &sources, &findings)?;
    }
    Ok(report::effects(&sources, &findings))
}

fn worker(
    scratch: &Path,
    number: usize,
    model: &Model,
    jobs: &[(usize, &str)],
    (next, deadline): (&AtomicUsize, Option<Instant>),
    findings: &Mutex<Vec<Finding>>,
) -> anyhow::Result<()> {
    let cell = Cell::new(scratch, number)?;
    let (tree, _) = model.tree(&cell, "")?;
    let traces = fresh_traces(&cell)?;
    cell::prove_isolation(&cell, &tree, &traces)?;
    loop {
        if deadline.is_some_and(|end| Instant::now() > end) {
            return Ok(());
        }
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some((source, text)) = jobs.get(at) else { return Ok(()) };
        if at > 0 && at.is_multiple_of(TELL_EVERY) {
            eprintln!("xtask soundness: {at} of {}", jobs.len());
        }
        let finding = one(&cell, model, *source, text).with_context(|| format!("at `{text}`"))?;
        findings.lock().map_err(|_| anyhow!("a worker broke"))?.push(finding);
    }
}

fn fresh_traces(cell: &Cell) -> anyhow::Result<std::path::PathBuf> {
    let traces = cell.directory().join("traces");
    if traces.exists() {
        removed(&traces)?;
    }
    std::fs::create_dir(&traces)?;
    cell.own(&traces)?;
    Ok(traces)
}

fn one(cell: &Cell, model: &Model, source: usize, text: &str) -> anyhow::Result<Finding> {
    let prediction = predicted(&analysed(text)?);
    let (tree, links) = model.tree(cell, text)?;
    let traces = fresh_traces(cell)?;
    let ended = cell.trace(text, &tree, &traces)?;
    let observed = Observed::read(&traces)?;
    let acted = !observed.effects.is_empty();
    let rejected = matches!(ended, Ended::Status(status) if COULD_NOT_RUN.contains(&status));
    let open = uncovered(&prediction, &observed, &links);
    let class = if !observed.started || (!acted && rejected) { Class::NotRun } else { class(&prediction, &open) };
    Ok(Finding { source, text: text.to_owned(), class, open, prediction, acted })
}

/// Writes every finding as a line, for a closer look.
fn keep(directory: &Path, sources: &[Source], findings: &[Finding]) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory)?;
    let mut file = std::fs::File::create(directory.join("effects.jsonl"))?;
    for finding in findings {
        let line = json!({
            "source": sources.get(finding.source).map(|source| source.name.as_str()),
            "command": finding.text,
            "class": format!("{:?}", finding.class),
            "marked": finding.prediction.marked,
            "uncovered": finding.open.iter().map(Effect::describe).collect::<Vec<_>>(),
        });
        writeln!(file, "{line}")?;
    }
    Ok(())
}
