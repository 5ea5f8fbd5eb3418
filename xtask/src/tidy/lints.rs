//! Lints: nobody switches them off, and every package has the workspace's.

use std::collections::BTreeMap;

use super::Problem;
use super::source::Source;

pub(super) fn check_source(source: &Source, problems: &mut Vec<Problem>) {
    for (number, line) in source.numbered() {
        if line.code.contains("#[allow(") || line.code.contains("#![allow(") {
            let instead = "mend it, or use `#[expect(lint, reason = \"...\")]`";
            problems.push(Problem::new(&source.file, number, "a lint is switched off", instead));
        }
    }
}

/// Checks that a package takes the workspace's lints, or for the one crate with `unsafe` a copy.
///
/// Packages of tests only are left out: `testkit` and what lies in `tests/`.
pub(super) fn check_manifest(file: &str, text: &str, workspace: &str, problems: &mut Vec<Problem>) {
    if file.starts_with("testkit/") || file.starts_with("tests/") {
        return;
    }
    let lints = table(text, "lints");
    if lints.get("workspace").map(String::as_str) == Some("true") {
        return;
    }
    if file != "crates/sandbox/Cargo.toml" {
        let instead = "write `[lints]` and `workspace = true` at its end";
        problems.push(Problem::new(file, 1, "the workspace's lints are not taken", instead));
        return;
    }
    for tool in ["rust", "clippy"] {
        let mut ours = table(text, &format!("lints.{tool}"));
        let mut theirs = table(workspace, &format!("workspace.lints.{tool}"));
        if tool == "rust" {
            let level = ours.remove("unsafe_code");
            theirs.remove("unsafe_code");
            if level.as_deref() != Some("\"deny\"") {
                problems.push(Problem::new(file, 1, "`unsafe_code` is not denied", "write `unsafe_code = \"deny\"`"));
            }
        }
        if ours != theirs {
            let what = format!("its copy of the {tool} lints is not the workspace's");
            problems.push(Problem::new(file, 1, what, format!("copy `[workspace.lints.{tool}]` again")));
        }
    }
}

/// Returns the `key = value` lines of a table.
fn table(text: &str, name: &str) -> BTreeMap<String, String> {
    let head = format!("[{name}]");
    let inside = text.lines().map(str::trim).skip_while(|line| *line != head).skip(1);
    let lines = inside.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect()
}
