//! `cargo xtask corpus`: decides recorded commands and counts the verdicts.
//!
//! The directory holds arrays of command texts (`nl2bash.json`, `tldr.json`, `intercode.json`) and tool
//! calls with the verdict that they must get (`bypass.jsonl`, with `fixture.tgz`). It is not part of the
//! repository.

mod bypass;
mod usefulness;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

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
    let only_commands = options.flag("--commands");
    options.end()?;
    let Some(directory) = directory.or_else(|| std::env::var_os("PALISADE_CORPORA").map(PathBuf::from)) else {
        bail!("no directory: name one with `--dir` or `PALISADE_CORPORA`");
    };
    let mut corpora = Vec::new();
    for name in COMMANDS {
        let file = directory.join(format!("{name}.json"));
        if !file.is_file() {
            eprintln!("xtask corpus: {} IS NOT THERE and is left out", file.display());
            continue;
        }
        corpora.push((name, read(&file)?.into_iter().step_by(every).collect()));
    }
    let useful = usefulness::run(&corpora)?;
    if only_commands {
        return Ok(useful);
    }
    let program = palisade(Profile::Release)?;
    let cases = bypass::run(&program, &directory, every)?;
    Ok(if useful == End::Good { cases } else { useful })
}

fn read(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON array", file.display()))
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
