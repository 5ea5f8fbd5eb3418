//! `cargo xtask corpus`: decides recorded commands with the built program and counts the verdicts.
//!
//! The directory holds arrays of command texts (`nl2bash.json`, `tldr.json`, `intercode.json`) and tool
//! calls with the verdict that they must get (`bypass.jsonl`, with `fixture.tgz`). It is not part of the
//! repository.

mod bypass;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::options::Options;
use crate::place::{Profile, Scratch, palisade};
use crate::{End, place};

/// Arrays of commands.
const COMMANDS: [&str; 3] = ["nl2bash", "tldr", "intercode"];
/// Where the calls are made: places that are only asked about need not exist.
const HOME: &str = "/home/u";
const PROJECT: &str = "/home/u/proj";

/// Decides everything and prints what came of it.
pub(crate) fn run(mut options: Options) -> anyhow::Result<End> {
    let directory = options.value::<PathBuf>("--dir")?;
    let every = options.value("--every")?.unwrap_or(1_usize).max(1);
    options.end()?;
    let Some(directory) = directory.or_else(|| std::env::var_os("PALISADE_CORPORA").map(PathBuf::from)) else {
        bail!("no directory: name one with `--dir` or `PALISADE_CORPORA`");
    };
    let program = palisade(Profile::Release)?;
    let mut totals = Vec::new();
    for name in COMMANDS {
        let file = directory.join(format!("{name}.json"));
        if !file.is_file() {
            eprintln!("xtask corpus: {} IS NOT THERE and is left out", file.display());
            continue;
        }
        let commands: Vec<Value> = read(&file)?.into_iter().step_by(every).collect();
        totals.push((name, verdicts(&program, &commands)?));
    }
    println!("| corpus | commands | allow | ask | deny | allowed |");
    println!("|---|---|---|---|---|---|");
    for (name, counts) in &totals {
        let count = |verdict: &str| counts.get(verdict).copied().unwrap_or(0);
        let (allow, ask, deny) = (count("allow"), count("ask"), count("deny"));
        let all = allow + ask + deny;
        let share = allow as f64 * 100.0 / all.max(1) as f64;
        println!("| {name} | {all} | {allow} | {ask} | {deny} | {share:.1} % |");
    }
    bypass::run(&program, &directory, every)
}

fn read(file: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON array", file.display()))
}

/// Returns how often each verdict came.
fn verdicts(program: &Path, commands: &[Value]) -> anyhow::Result<BTreeMap<String, usize>> {
    let lines: Vec<Value> =
        commands.iter().map(|command| json!({"tool_name": "Bash", "tool_input": {"command": command}})).collect();
    let mut counts = BTreeMap::new();
    for reply in ask(Command::new(program), &lines)? {
        *counts.entry(decision(&reply).to_owned()).or_default() += 1;
    }
    Ok(counts)
}

/// Has a command that is `palisade`, or ends in it, decide lines.
fn ask(mut command: Command, lines: &[Value]) -> anyhow::Result<Vec<Value>> {
    let scratch = Scratch::new("corpus")?;
    let file = scratch.path().join("input.jsonl");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, text)?;
    command.args(["check", "--only-given-settings", "--home", HOME, "--cwd", PROJECT]).stdin(File::open(&file)?);
    let output = place::output(&mut command)?;
    let replies: Result<Vec<Value>, _> = output.lines().map(serde_json::from_str).collect();
    let replies = replies.context("a reply is no JSON")?;
    if replies.len() != lines.len() {
        bail!("{} lines got {} replies", lines.len(), replies.len());
    }
    Ok(replies)
}

fn decision(reply: &Value) -> &str {
    reply.get("decision").and_then(Value::as_str).unwrap_or("none")
}
