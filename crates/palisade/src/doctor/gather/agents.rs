//! The agents that are installed, by their files alone: none is started.

use std::path::{Path, PathBuf};

use policy::AbsPath;
use serde_json::Value;

use super::{is_file, on_path, read};
use crate::doctor::facts::Agent;
use crate::setup::Setup;

/// Agents: the check's id, the name, the program, and the package that it comes in.
const AGENTS: [(&str, &str, &str, &str); 3] = [
    ("agent.claude", "Claude Code", "claude", "@anthropic-ai/claude-code"),
    ("agent.codex", "Codex", "codex", "@openai/codex"),
    ("agent.gemini", "Gemini CLI", "gemini", "@google/gemini-cli"),
];
/// Where installers put programs below the home directory, though `PATH` may not have it.
const HOMES: [&str; 2] = [".local/bin", ".claude/local"];
/// Directories above a program in which its package may be described.
const ABOVE_MAX: usize = 6;

pub(super) fn look(setup: &Setup) -> Vec<Agent> {
    AGENTS.iter().map(|(id, name, program, package)| agent(setup, id, name, (program, package))).collect()
}

fn agent(setup: &Setup, id: &'static str, name: &'static str, (program, package): (&str, &str)) -> Agent {
    let at_home = || {
        let home = &setup.places.home;
        let found = HOMES.iter().map(|directory| home.join(directory).join(program)).find(is_file)?;
        Some(PathBuf::from(found.as_str()))
    };
    let path = on_path(setup, program).or_else(at_home);
    let real = path.as_ref().and_then(|path| guard::canonical(&AbsPath::parse(path.to_str()?)?).ok());
    let version = real.and_then(|real| version(Path::new(real.as_str()), package));
    Agent { id, name, path: path.map(|path| path.display().to_string()), version }
}

/// Returns the version that the files around a program say.
fn version(program: &Path, package: &str) -> Option<String> {
    // An installer without packages keeps each version under its number.
    let parent = program.parent()?;
    if parent.file_name().is_some_and(|name| name == "versions") {
        return program.file_name()?.to_str().filter(|name| is_version(name)).map(str::to_owned);
    }
    let described = program.ancestors().skip(1).take(ABOVE_MAX).find_map(|directory| {
        let value: Value = serde_json::from_slice(&read(directory.join("package.json").to_str()?)?).ok()?;
        value.get("name")?.as_str()?.starts_with(package).then(|| value.get("version")?.as_str().map(str::to_owned))?
    })?;
    is_version(&described).then_some(described)
}

fn is_version(text: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_digit()) && text.len() < 64 && text.bytes().all(is_known)
}
