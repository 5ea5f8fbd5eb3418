//! The help text of every command.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::place;

/// Columns that help is wrapped to, wherever it is generated.
const COLUMNS: &str = "100";

pub(super) fn page(program: &Path) -> anyhow::Result<String> {
    let mut text = "# Command line\n\nThe help of every command, as `palisade COMMAND --help` prints it.\n".to_owned();
    let mut waiting = vec![Vec::new()];
    while let Some(words) = waiting.pop() {
        let help = help(program, &words)?;
        let name = std::iter::once("palisade").chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        let level = "#".repeat(2 + words.len().saturating_sub(1));
        text.push_str(&format!("\n{level} {name}\n\n```text\n{help}\n```\n"));
        for command in commands(&help).into_iter().rev() {
            waiting.push(words.iter().cloned().chain([command]).collect());
        }
    }
    Ok(text)
}

fn help(program: &Path, words: &[String]) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    // No terminal is near, so that its width does not count.
    command.args(words).arg("--help").env("COLUMNS", COLUMNS).env("NO_COLOR", "1").stdin(Stdio::null());
    let help = place::output(&mut command)?;
    Ok(help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned())
}

/// Returns the commands that a help text lists, without `help` itself.
pub(super) fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    listed
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}
