//! A repository of very many files under patterns that are denied.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;
use serde_json::json;

use super::scene::Scene;
use crate::bench::figure;

/// How many files lie in one directory.
const IN_ONE: usize = 500;
/// Starts after the first.
const ROUNDS: usize = 10;
/// What may not be read or written, at any depth.
const PATTERNS: [&str; 15] = [
    "Read(**/.env)",
    "Read(**/.env.*)",
    "Read(**/*.pem)",
    "Read(**/*.key)",
    "Read(**/id_rsa*)",
    "Read(**/secrets/**)",
    "Read(**/*.p12)",
    "Read(**/credentials*.json)",
    "Read(**/.npmrc)",
    "Read(**/*.kdbx)",
    "Edit(**/*.lock)",
    "Edit(**/.github/**)",
    "Edit(**/Dockerfile*)",
    "Edit(**/migrations/**)",
    "Edit(**/*.min.js)",
];

/// Measures the first start and those after it, and prints.
pub(super) fn run(scene: &Scene, files: usize) -> anyhow::Result<()> {
    let (home, project) = (scene.path("home-large/.claude"), scene.path("large"));
    fs::create_dir_all(&home)?;
    fs::write(home.join("settings.json"), json!({"permissions": {"deny": PATTERNS}}).to_string())?;
    for directory in 0..files.div_ceil(IN_ONE) {
        let directory_path = project.join(format!("{}/{directory}", directory % 40));
        fs::create_dir_all(&directory_path)?;
        for number in 0..IN_ONE.min(files - directory * IN_ONE) {
            let name = if number == 7 { ".env".to_owned() } else { format!("{number}.txt") };
            fs::File::create(directory_path.join(name))?;
        }
    }
    let first = once(scene)?;
    let later = (0..ROUNDS).map(|_| once(scene)).collect::<anyhow::Result<Vec<_>>>()?;
    match later.into_iter().collect::<Option<Vec<f64>>>().zip(first) {
        Some((later, first)) => {
            println!("{files} files, {} patterns: first {first:.0} ms, then {}", PATTERNS.len(), figure(&later));
        }
        None => println!("{files} files, {} patterns: refused", PATTERNS.len()),
    }
    Ok(())
}

/// Returns how long a start took; nothing where it was refused.
fn once(scene: &Scene) -> anyhow::Result<Option<f64>> {
    let mut command: Command = scene.palisade(0, &["/bin/true"]);
    command.current_dir(scene.path("large")).env("HOME", scene.path("home-large")).stdin(Stdio::null());
    let begin = Instant::now();
    let output = command.output().context("palisade cannot be started")?;
    let ms = begin.elapsed().as_secs_f64() * 1_000.0;
    if output.status.success() {
        return Ok(Some(ms));
    }
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(None)
}
