//! Whole agents inside beside the same agents outside: the start of each, and one answer of a model on the loopback interface.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use testclient::model::Model;
use testclient::{fetch, session};

use super::{Program, WARM_UP, heading, interleave, machine, own, print};
use crate::End;
use crate::options::Options;
use crate::place::{Profile, Scratch, palisade};

const RUNS: usize = 15;
/// What the profile of the measure passes besides.
const VARIABLES: [&str; 5] = [
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_API_KEY",
    "DISABLE_TELEMETRY",
    "DISABLE_AUTOUPDATER",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
];

pub(super) fn run(mut options: Options) -> anyhow::Result<End> {
    let runs = options.value("--runs")?.unwrap_or(RUNS);
    options.end()?;
    let program = palisade(Profile::Release)?;
    // The boundary has temporary directories of its own, where a project would not be seen.
    let scratch = Scratch::on_disk("bench-agents")?;
    for directory in ["project", "client"] {
        std::fs::create_dir_all(scratch.path().join(directory))?;
    }
    let model = Model::start(Vec::new());
    let mut programs = Vec::new();
    let mut pairs = Vec::new();
    let mut both = |name: &str, outside: Command, inside: Command| {
        let names = [format!("{name}, inside"), format!("{name}, outside")];
        programs.push(Program::new(&names[0], inside));
        programs.push(Program::new(&names[1], outside));
        pairs.push(names);
    };
    for (name, found) in [("claude", fetch::claude()), ("codex", fetch::codex()), ("gemini", fetch::gemini())] {
        match found {
            Ok(agent) => {
                // One of them is a script.
                let first = if name == "gemini" { Path::new("node") } else { &agent };
                let script = (name == "gemini").then_some(&agent);
                let mut outside = own(first, scratch.path(), &[]);
                outside.args(script).arg("--version");
                let mut inside = own(&program, scratch.path(), &["run", "--quiet", "--profile", name, "--"]);
                inside.arg(first).args(script).arg("--version");
                both(&format!("{name} --version"), outside, inside);
                if name == "claude" {
                    let (outside, inside) = answers(&agent, &program, &model, scratch.path())?;
                    both("claude, one answer", outside, inside);
                }
            }
            Err(why) => eprintln!("xtask bench: {name} IS NOT THERE: {why}"),
        }
    }
    interleave(&mut programs, runs, WARM_UP, || Ok(()))?;
    println!("{}, {runs} rounds; milliseconds, median (quartiles)\n", machine()?);
    heading();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|[inside, outside]| (inside.as_str(), outside.as_str())).collect();
    print(&programs, &pairs);
    Ok(End::Good)
}

/// Returns a session of one answer, outside and inside.
fn answers(agent: &Path, program: &Path, model: &Model, scratch: &Path) -> anyhow::Result<(Command, Command)> {
    let mut outside = session::client(agent, model, scratch, &scratch.join("client"));
    outside.arg("go").current_dir(scratch.join("project"));
    let variables: serde_json::Map<_, _> =
        VARIABLES.iter().map(|name| ((*name).to_owned(), json!("the measure"))).collect();
    let home = json!({"variable": "CLAUDE_CONFIG_DIR", "from": "~/.claude", "why": "the measure"});
    let profile = scratch.join("measure.json");
    std::fs::write(&profile, json!({"home": home, "variables": variables}).to_string())?;
    let port = model.url().rsplit(':').next().unwrap_or_default().to_owned();
    let mut inside = Command::new(program);
    inside.args(["run", "--quiet", "--forward", &port, "--profile"]).arg(profile).arg("--").arg(agent);
    inside.args(outside.get_args()).current_dir(scratch.join("project")).env_clear();
    inside.envs(outside.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Ok((outside, inside))
}
