//! `cargo xtask bench`: how long Palisade takes to start, beside what it is compared with.
//!
//! Every round starts each program once, one after the other, so that whatever else the machine does
//! falls on all of them alike. A figure is a median with its quartiles; a ratio is the median over the
//! rounds of one program's time by the other's in the same round.

mod agents;
mod boundary;
mod calls;
mod decide;
mod peer;
mod proxy;
mod rules;
mod walk;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::json;

use crate::options::Options;
use crate::place::{Profile, Scratch, palisade};
use crate::{End, place};

const RUNS: usize = 200;
/// Rounds that are not counted: caches fill.
const WARM_UP: usize = 5;

const HOOK: &str = "palisade hook claude";
const RUN: &str = "palisade run --quiet -- true";
const TRUE: &str = "/bin/true";
const NODE: &str = "node -e 0";
const BWRAP: &str = "bwrap";
/// What stands beside what.
const PAIRS: [(&str, &str); 3] = [(HOOK, TRUE), (HOOK, NODE), (RUN, BWRAP)];

/// A settings file as people have it.
const ALLOW: [&str; 11] = [
    "Bash(cargo build:*)",
    "Bash(cargo test:*)",
    "Bash(cargo clippy:*)",
    "Bash(git add:*)",
    "Bash(git commit:*)",
    "Bash(npm run lint)",
    "Bash(npm run test *)",
    "Bash(make *)",
    "Read(~/.zshrc)",
    "Edit(src/**)",
    "WebFetch(domain:docs.rs)",
];
const ASK: [&str; 3] = ["Bash(git push:*)", "Bash(docker *)", "WebFetch"];
const DENY: [&str; 6] =
    ["Bash(curl *)", "Bash(wget *)", "Bash(rm -rf *)", "Read(./.env)", "Read(./secrets/**)", "Read(~/.ssh/**)"];

/// One of the programs that are measured.
struct Program {
    name: String,
    command: Command,
    /// What it reads; nothing where it reads nothing.
    input: Option<PathBuf>,
    times_ms: Vec<f64>,
}

impl Program {
    fn new(name: impl Into<String>, command: Command) -> Self {
        Self { name: name.into(), command, input: None, times_ms: Vec::new() }
    }

    /// Starts it once and waits for its end.
    fn once(&mut self) -> anyhow::Result<f64> {
        let input = match &self.input {
            Some(file) => Stdio::from(File::open(file)?),
            None => Stdio::null(),
        };
        // Each gets the reading end of a pipe kept open: the hook refuses where its answer would be lost.
        let (answer, output) = std::io::pipe()?;
        self.command.stdin(input).stdout(output).stderr(Stdio::null());
        let begin = Instant::now();
        let status = self.command.status().with_context(|| format!("`{}` cannot be started", self.name))?;
        let ms = begin.elapsed().as_secs_f64() * 1_000.0;
        drop(answer);
        if !status.success() {
            bail!("`{}` failed: {status}", self.name);
        }
        Ok(ms)
    }
}

/// Measures and prints.
pub(crate) fn run(mut options: Options) -> anyhow::Result<End> {
    if options.flag("decide") {
        decide::run(options)
    } else if options.flag("walk") {
        walk::run(options)
    } else if options.flag("boundary") {
        boundary::run(options)
    } else if options.flag("proxy") {
        proxy::run(options)
    } else if options.flag("agents") {
        agents::run(options)
    } else {
        start(options)
    }
}

/// Measures how long the program takes from its start to its end.
fn start(mut options: Options) -> anyhow::Result<End> {
    let runs = options.value("--runs")?.unwrap_or(RUNS);
    options.end()?;
    let program = palisade(Profile::Release)?;
    let scratch = Scratch::new("bench")?;
    let input = home(scratch.path())?;
    let hook = own(&program, scratch.path(), &["hook", "claude"]);
    let confined = own(&program, scratch.path(), &["run", "--quiet", "--", "true"]);
    let mut programs = vec![
        Program { input: Some(input), ..Program::new(HOOK, hook) },
        Program::new(TRUE, Command::new(TRUE)),
        Program::new(RUN, confined),
    ];
    if is_there("node") {
        let mut command = Command::new("node");
        command.args(["-e", "0"]);
        programs.push(Program::new(NODE, command));
    } else {
        eprintln!("xtask bench: NODE IS NOT INSTALLED: the hook is not compared with one that is written for it");
    }
    if is_there("bwrap") {
        let mut command = Command::new("bwrap");
        command.args("--ro-bind / / --dev /dev --proc /proc --unshare-all true".split(' '));
        programs.push(Program::new(BWRAP, command));
    } else {
        eprintln!("xtask bench: BWRAP IS NOT INSTALLED: there is nothing to compare `palisade run` with");
    }
    interleave(&mut programs, runs, WARM_UP, || Ok(()))?;
    println!("{}, {runs} rounds; milliseconds, median (quartiles)\n", machine()?);
    heading();
    print(&programs, &PAIRS);
    Ok(End::Good)
}

/// Starts every program once a round, one after the other.
fn interleave(
    programs: &mut [Program],
    runs: usize,
    warm_up: usize,
    mut before: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for round in 0..runs + warm_up {
        for program in &mut *programs {
            before()?;
            let ms = program.once()?;
            if round >= warm_up {
                program.times_ms.push(ms);
            }
        }
    }
    Ok(())
}

/// Makes a home with settings and a project, and returns the file with the hook's input.
fn home(scratch: &Path) -> anyhow::Result<PathBuf> {
    let project = scratch.join("project");
    std::fs::create_dir_all(project.join("src"))?;
    std::fs::create_dir_all(scratch.join(".claude"))?;
    let settings = json!({"permissions": {"allow": ALLOW, "ask": ASK, "deny": DENY}});
    std::fs::write(scratch.join(".claude/settings.json"), format!("{settings:#}\n"))?;
    let input = json!({
        "session_id": "01234567-89ab-cdef-0123-456789abcdef",
        "transcript_path": scratch.join(".claude/projects/project/session.jsonl"),
        "cwd": project,
        "permission_mode": "default",
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {
            "command": "cd src && cargo test --workspace 2>&1 | tail -40",
            "description": "Run the tests and show the end of their output",
        },
        "tool_use_id": "toolu_01ABCDEFGHJKLMNPQRSTUVWX",
    });
    let file = scratch.join("input.json");
    std::fs::write(&file, input.to_string())?;
    Ok(file)
}

fn own(program: &Path, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home.join("project")).env_clear();
    command.env("HOME", home).env("TERM", "dumb").env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Returns what a figure was measured on.
fn machine() -> anyhow::Result<String> {
    let kernel = place::output(Command::new("uname").args(["-sr"]))?;
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    Ok(format!("{}, {processors} processors", kernel.trim()))
}

fn heading() {
    println!("| what | time | compared with | its time | ratio |");
    println!("|---|---|---|---|---|");
}

/// Prints a line for each pair of programs.
fn print(programs: &[Program], pairs: &[(&str, &str)]) {
    let times = |name: &str| programs.iter().find(|program| program.name == name).map(|program| &program.times_ms);
    for (ours, theirs) in pairs {
        match (times(ours), times(theirs)) {
            (Some(own), Some(other)) => {
                let ratios: Vec<f64> = own.iter().zip(other).map(|(own, other)| own / other).collect();
                let (time, its_time, ratio) = (figure(own), figure(other), figure(&ratios));
                println!("| `{ours}` | {time} | `{theirs}` | {its_time} | {ratio} |");
            }
            (Some(own), None) => println!("| `{ours}` | {} | `{theirs}` | absent | - |", figure(own)),
            (None, _) => {}
        }
    }
}

/// Returns the median of some figures with their quartiles.
fn figure(figures: &[f64]) -> String {
    let [low, middle, high] = [1, 2, 3].map(|quarter| quartile(figures, quarter));
    format!("{middle:.2} ({low:.2} to {high:.2})")
}

fn median(figures: &[f64]) -> f64 {
    quartile(figures, 2)
}

fn quartile(figures: &[f64], quarter: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) * quarter / 4).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn a_figure_is_a_median_with_its_quartiles() {
        assert_eq!(figure(&[5.0, 1.0, 4.0, 2.0, 3.0]), "3.00 (2.00 to 4.00)");
        assert_eq!(figure(&[1.5]), "1.50 (1.50 to 1.50)");
    }
}
