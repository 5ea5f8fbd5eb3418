//! Floors: every edge between packages goes strictly down.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::Problem;
use super::effects::PURE;

/// Packages that reach the world; a pure crate has none of them.
const WORLDLY: [&str; 9] = ["tokio", "hyper", "rustix", "libc", "nix", "mio", "reqwest", "tempfile", "landlock"];

/// A package of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    /// Its manifest, from the repository's root.
    pub(super) manifest: String,
    /// What it depends on outside tests.
    pub(super) dependencies: Vec<String>,
}

/// Reads what `cargo metadata --no-deps` writes.
pub(super) fn packages(metadata: &str, root: &Path) -> anyhow::Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata is no JSON")?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("cargo metadata has no packages")?;
    packages
        .iter()
        .map(|package| read(package, root).context("a package of cargo metadata is not understood"))
        .collect()
}

fn read(package: &Value, root: &Path) -> Option<Package> {
    let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
    let dependencies = package.get("dependencies")?.as_array()?;
    let normal = dependencies.iter().filter(|dependency| text(dependency, "kind").as_deref() != Some("dev"));
    Some(Package {
        name: text(package, "name")?,
        manifest: super::source::relative(root, Path::new(&text(package, "manifest_path")?)),
        dependencies: normal.filter_map(|dependency| text(dependency, "name")).collect(),
    })
}

/// Checks every package against `floors.toml`.
pub(super) fn check(packages: &[Package], floors: &str, problems: &mut Vec<Problem>) {
    let floors = rows(floors);
    for package in packages {
        let Some((_, floor)) = floors.get(&package.name) else {
            let what = format!("`{}` has no floor", package.name);
            problems.push(Problem::new(&package.manifest, 1, what, "give it a row in floors.toml"));
            continue;
        };
        for dependency in &package.dependencies {
            let below = floors.get(dependency);
            if below.is_some_and(|(_, below)| below >= floor) {
                let what = format!("`{dependency}` is not below `{}`", package.name);
                problems.push(Problem::new(&package.manifest, 1, what, "turn the edge round, or pass the value down"));
            }
            let is_pure = PURE.iter().any(|folder| package.manifest == format!("{folder}/Cargo.toml"));
            if is_pure && WORLDLY.contains(&dependency.as_str()) {
                let what = format!("`{}` is pure and depends on `{dependency}`", package.name);
                problems.push(Problem::new(&package.manifest, 1, what, "do it on a floor above"));
            }
        }
    }
    for (name, (line, _)) in &floors {
        if !packages.iter().any(|package| package.name == *name) {
            let what = format!("there is no package `{name}`");
            problems.push(Problem::new("floors.toml", *line, what, "take the row out"));
        }
    }
}

/// Checks that every folder of `crates/` is a package of the workspace.
pub(super) fn check_folders(folders: &[String], packages: &[Package], problems: &mut Vec<Problem>) {
    for folder in folders {
        let manifest = format!("crates/{folder}/Cargo.toml");
        if !packages.iter().any(|package| package.manifest == manifest) {
            problems.push(Problem::new(&manifest, 1, "the folder is no package", "make it one, or remove it"));
        }
    }
}

/// Checks that the map names every crate.
pub(super) fn check_map(map: &str, packages: &[Package], problems: &mut Vec<Problem>) {
    for package in packages {
        let folder = package.manifest.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml"));
        if let Some(folder) = folder
            && !map.contains(&format!("`{folder}`"))
        {
            let what = format!("`{folder}` is not on the map");
            problems.push(Problem::new("ARCHITECTURE.md", 1, what, "give the crate its row"));
        }
    }
}

/// Returns the rows of `floors.toml`: name to line and floor.
fn rows(text: &str) -> BTreeMap<String, (usize, u32)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with(['#', '[']));
    lines
        .filter_map(|(index, line)| {
            let (name, floor) = line.split_once('=')?;
            Some((name.trim().to_owned(), (index + 1, floor.trim().parse().ok()?)))
        })
        .collect()
}
