//! The commands that are run.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use super::Wish;
use crate::place;
use crate::random::Random;

/// The project's own sample, one command a line.
const SAMPLE: &str = "tests/data/soundness.txt";
const CORPORA: &[&str] = &["nl2bash.json", "intercode.json", "tldr.json", "bypass.jsonl"];

/// Where commands come from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) commands: Vec<String>,
}

/// Returns the directory of the corpora, if there is one.
pub(super) fn corpora() -> Option<PathBuf> {
    std::env::var_os("PALISADE_CORPORA").map(PathBuf::from)
}

/// Returns the commands that are wished, each once.
pub(super) fn collected(wish: &Wish) -> anyhow::Result<Vec<Source>> {
    let sample = place::root().join(SAMPLE);
    let files: Vec<PathBuf> = match (wish.corpora.as_slice(), corpora()) {
        (files @ [_, ..], _) => files.to_vec(),
        ([], _) if wish.sample => vec![sample],
        ([], Some(directory)) => {
            let files = CORPORA.iter().map(|name| directory.join(name));
            let (there, gone): (Vec<PathBuf>, Vec<PathBuf>) = files.partition(|file| file.is_file());
            for file in gone {
                eprintln!("xtask soundness: {} IS NOT THERE and is left out", file.display());
            }
            there.into_iter().chain([sample]).collect()
        }
        ([], None) => {
            eprintln!("xtask soundness: PALISADE_CORPORA IS NOT SET: only the project's sample is run");
            vec![sample]
        }
    };
    let mut seen = std::collections::BTreeSet::new();
    let mut sources = Vec::new();
    for file in &files {
        let mut commands = read(file)?;
        commands.retain(|command| {
            let wanted = wish.only.as_ref().is_none_or(|only| command.contains(only.as_str()));
            wanted && !command.contains('\0') && seen.insert(command.clone())
        });
        let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        sources.push(Source { name, commands });
    }
    if let Some(count) = wish.count {
        thin(&mut sources, count, wish.seed);
    }
    Ok(sources)
}

fn read(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "json" => serde_json::from_str(&text).with_context(|| format!("{} is no array of texts", file.display())),
        "jsonl" => {
            let cases: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
            let cases = cases.with_context(|| format!("{} is not understood", file.display()))?;
            let command = |case: &Value| case.get("input")?.get("command")?.as_str().map(str::to_owned);
            Ok(cases.iter().filter_map(command).collect())
        }
        "txt" => {
            let is_command = |line: &&str| !line.is_empty() && !line.starts_with("# ");
            Ok(text.lines().filter(is_command).map(|line| line.replace("\\n", "\n")).collect())
        }
        other => bail!("`{other}` is no form of a corpus: .json, .jsonl or .txt"),
    }
}

/// Keeps of each source its share of so many commands, chosen by a seed.
fn thin(sources: &mut [Source], count: usize, seed: u64) {
    let all: usize = sources.iter().map(|source| source.commands.len()).sum();
    let mut random = Random::new(seed);
    for source in sources.iter_mut() {
        let share = (source.commands.len() * count).div_ceil(all.max(1));
        let length = source.commands.len();
        for at in 0..share.min(length) {
            source.commands.swap(at, at + random.below(length - at));
        }
        source.commands.truncate(share);
    }
}
