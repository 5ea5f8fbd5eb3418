//! `cargo xtask bench walk`: what a large repository costs each command in it.
//!
//! A repository is made in a temporary directory, with rules that name files anywhere in it. The first command has to
//! look at every name; later ones should only look whether directories changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use super::figure;
use crate::End;
use crate::options::Options;
use crate::place::{self, Profile, Scratch, palisade};

const FILES: usize = 280_000;
/// Files in each directory.
const FILES_EACH: usize = 14;
/// Directories in each directory that has some.
const DIRECTORIES_EACH: usize = 12;
const RUNS: usize = 50;
/// How often nothing is known yet.
const FIRST_RUNS: usize = 5;
/// Rules that name files anywhere.
const DENY: [&str; 15] = [
    "Read(.env)",
    "Read(.env.*)",
    "Read(**/*.pem)",
    "Read(**/*.key)",
    "Read(**/*.p12)",
    "Read(**/secrets/**)",
    "Read(**/credentials*.json)",
    "Read(*.keystore)",
    "Read(**/id_rsa*)",
    "Read(**/*.tfstate)",
    "Edit(*.lock)",
    "Edit(**/generated/**)",
    "Edit(**/*.snap)",
    "Edit(**/migrations/*.sql)",
    "Edit(**/[Ll]icense*)",
];
/// How old a directory's times must be before they are relied on.
const SETTLE: Duration = Duration::from_secs(3);

/// Measures and prints.
pub(super) fn run(mut options: Options) -> anyhow::Result<End> {
    let runs = options.value("--runs")?.unwrap_or(RUNS);
    let files = options.value("--files")?.unwrap_or(FILES);
    options.end()?;
    let program = palisade(Profile::Release)?;
    let scratch = Scratch::new("walk")?;
    let (large, empty) = (home(scratch.path(), "large")?, home(scratch.path(), "empty")?);
    let directories = grow(&large.join("project"), files)?;
    std::thread::sleep(SETTLE);

    let mut first = Vec::new();
    for _ in 0..FIRST_RUNS {
        forget(&large)?;
        first.push(once(&program, &large)?);
    }
    let (mut later, mut small, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..runs {
        small.push(once(&program, &empty)?);
        later.push(once(&program, &large)?);
        std::fs::write(large.join(format!("project/d{}/new{round}", round % DIRECTORIES_EACH)), "")?;
        changed.push(once(&program, &large)?);
    }
    let more: Vec<f64> = later.iter().zip(&small).map(|(later, small)| later - small).collect();
    let kernel = place::output(Command::new("uname").args(["-sr"]))?;
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{}, {processors} processors; {files} files in {directories} directories, {} rules, {runs} rounds\n",
        kernel.trim(),
        DENY.len()
    );
    println!("| `palisade run --quiet -- true` | milliseconds, median (quartiles) |");
    println!("|---|---|");
    for (what, times) in [
        ("in an empty repository", &small),
        ("in the large one, nothing known", &first),
        ("again", &later),
        ("again, more than in the empty one", &more),
        ("after a file was made", &changed),
    ] {
        println!("| {what} | {} |", figure(times));
    }
    Ok(End::Good)
}

/// Makes a home with rules and an empty project.
fn home(scratch: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let home = scratch.join(name);
    std::fs::create_dir_all(home.join("project"))?;
    std::fs::create_dir_all(home.join(".claude"))?;
    let settings = json!({"permissions": {"deny": DENY}});
    std::fs::write(home.join(".claude/settings.json"), format!("{settings:#}\n"))?;
    Ok(home)
}

/// Makes a tree, broad before deep, and returns how many directories it has.
fn grow(project: &Path, files: usize) -> anyhow::Result<usize> {
    let mut open = std::collections::VecDeque::from([project.to_path_buf()]);
    let (mut left, mut directories) = (files, 0);
    while left > 0 {
        let directory = open.pop_front().context("the tree ended")?;
        std::fs::create_dir_all(&directory)?;
        directories += 1;
        for number in 0..FILES_EACH.min(left) {
            // Few of many names matter.
            let name = match (directories % 500, number) {
                (0, 0) => ".env".to_owned(),
                (1, 0) => "Cargo.lock".to_owned(),
                _ => format!("module_{number}.rs"),
            };
            std::fs::write(directory.join(name), "")?;
        }
        left = left.saturating_sub(FILES_EACH);
        open.extend((0..DIRECTORIES_EACH).map(|number| directory.join(format!("d{number}"))));
    }
    Ok(directories)
}

/// Forgets what earlier walks saw.
fn forget(home: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(home.join(".local/state/palisade/walks")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn once(program: &Path, home: &Path) -> anyhow::Result<f64> {
    let mut command = super::own(program, home, &["run", "--quiet", "--", "true"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begin = Instant::now();
    let output = command.output()?;
    let ms = begin.elapsed().as_secs_f64() * 1_000.0;
    if !output.status.success() {
        bail!("the command failed: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(ms)
}
