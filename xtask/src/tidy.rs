//! `cargo xtask tidy`: what is against the house style, found by reading alone.

mod effects;
mod escapes;
mod floors;
mod functions;
mod ledger;
mod lints;
mod names;
mod size;
mod source;
mod unsafety;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use crate::options::Options;
use crate::{End, place};

/// The ledger of published bypasses.
const LEDGER: &str = "docs/internals/known-bypasses.md";
/// The ledger of differences from the documentation.
const DIFFERENCES: &str = "docs/internals/ledger.md";
/// The list of escapes from the boundary.
const ESCAPES: &str = "docs/internals/escapes.md";

/// Something that is against the house style.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    file: String,
    line: usize,
    what: String,
    instead: String,
}

impl Problem {
    fn new(file: &str, line: usize, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), instead: instead.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}: {}: {}", self.file, self.line, self.what, self.instead)
    }
}

/// Reads the repository and prints every problem.
pub(crate) fn run(options: Options) -> anyhow::Result<End> {
    options.end()?;
    let root = place::root();
    let sources = source::all(&root)?;
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    for source in &sources {
        effects::check(source, &mut problems);
        unsafety::check(source, &mut problems);
        lints::check_source(source, &mut problems);
        names::check(source, &mut problems);
        size::check(source, &mut problems, &mut warnings);
    }
    check_manifests(&root, &mut problems)?;
    check_ledger(&root, &mut problems)?;
    escapes::check(ESCAPES, &read(&root, ESCAPES)?, &escapes::tests(&sources), &mut problems);
    problems.sort();
    for warning in &warnings {
        println!("warning: {warning}");
    }
    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {} files read, {} problems, {} warnings", sources.len(), problems.len(), warnings.len());
    Ok(if problems.is_empty() { End::Good } else { End::Finding })
}

/// Checks floors, lints, and the map.
fn check_manifests(root: &Path, problems: &mut Vec<Problem>) -> anyhow::Result<()> {
    let mut metadata = place::cargo();
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let packages = floors::packages(&place::output(&mut metadata)?, root)?;
    floors::check(&packages, &read(root, "floors.toml")?, problems);
    floors::check_folders(&folders(root)?, &packages, problems);
    let workspace = read(root, "Cargo.toml")?;
    for package in &packages {
        lints::check_manifest(&package.manifest, &read(root, &package.manifest)?, &workspace, problems);
    }
    match std::fs::read_to_string(root.join("ARCHITECTURE.md")) {
        Ok(map) => floors::check_map(&map, &packages, problems),
        Err(error) => println!("warning: ARCHITECTURE.md is not read, and not checked: {error}"),
    }
    Ok(())
}

/// Checks the ledger against the cases of `spec/`.
fn check_ledger(root: &Path, problems: &mut Vec<Problem>) -> anyhow::Result<()> {
    let mut cases = BTreeMap::new();
    for area in std::fs::read_dir(root.join("spec")).context("spec/ cannot be read")? {
        for file in std::fs::read_dir(area?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = source::relative(root, &path);
                cases.insert(name, ledger::headings(&std::fs::read_to_string(&path)?));
            }
        }
    }
    for name in [LEDGER, DIFFERENCES] {
        match std::fs::read_to_string(root.join(name)) {
            Ok(text) if name == LEDGER => ledger::check(name, &text, &cases, problems),
            Ok(text) => drop(ledger::check_rows(name, &text, &cases, problems)),
            Err(error) => problems.push(Problem::new(name, 0, format!("cannot be read: {error}"), "write the ledger")),
        }
    }
    Ok(())
}

fn folders(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).context("crates/ cannot be read")? {
        let entry = entry?;
        if entry.path().is_dir() {
            folders.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    folders.sort();
    Ok(folders)
}

fn read(root: &Path, file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root.join(file)).with_context(|| format!("{file} cannot be read"))
}

#[cfg(test)]
mod tests;
