//! Which calls are made under which settings.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::compare::{Asked, Job, Tree, tree};

/// Settings, each with a name, a mode, rules, and what its calls are made of.
const SETTINGS: &str = include_str!("../../data/settings.json");
/// Forms of commands, paths and other calls.
const CALLS: &str = include_str!("../../data/calls.json");
/// Command texts that were collected, and how many of them are asked about.
const COLLECTED: [(&str, usize); 3] = [("intercode", 240), ("nl2bash", 300), ("tldr", 160)];
/// Longer commands say nothing that shorter ones do not.
const COMMAND_BYTES_MAX: usize = 400;
/// Calls of one job, where the settings do not say.
const JOB_CALLS: usize = 80;

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// How many of the settings.
    pub settings: usize,
    /// Calls under each of them.
    pub calls: usize,
}

/// Returns jobs from the project's own data.
pub fn own(size: Size) -> Vec<Job> {
    let settings: Vec<Value> = serde_json::from_str(SETTINGS).unwrap();
    let forms: Value = serde_json::from_str(CALLS).unwrap();
    let step = settings.len().div_ceil(size.settings.max(1));
    settings.iter().step_by(step.max(1)).map(|settings| job(settings, &forms, size.calls)).collect()
}

/// Returns jobs from collected calls.
pub fn collected(corpora: &Path) -> Vec<Job> {
    let mut jobs = bypass(&std::fs::read_to_string(corpora.join("bypass.jsonl")).unwrap());
    for (name, count) in COLLECTED {
        let commands = commands(corpora, name);
        let commands: Vec<&String> = commands.iter().collect();
        let calls = sample(&commands, count, name).into_iter().map(|command| bash(name, command)).collect::<Vec<_>>();
        let modes = ["default", "default", "acceptEdits", "plan"];
        for (mode, calls) in modes.iter().zip(calls.chunks(count.div_ceil(modes.len()))) {
            jobs.push(Job {
                name: format!("{name} {mode}"),
                mode: (*mode).to_owned(),
                permissions: json!({}),
                tree: Tree::Own,
                calls: calls.to_vec(),
            });
        }
    }
    jobs
}

/// Returns jobs that ask about `count` commands of each text that people wrote, in mode `default` and without rules.
pub fn useful(corpora: &Path, count: usize) -> Vec<Job> {
    let mut jobs = Vec::new();
    for name in ["nl2bash", "intercode"] {
        let commands = commands(corpora, name);
        let calls = sample(&commands.iter().collect::<Vec<_>>(), count, "useful")
            .into_iter()
            .map(|command| bash(name, command))
            .collect::<Vec<_>>();
        jobs.extend(calls.chunks(JOB_CALLS).enumerate().map(|(number, calls)| Job {
            name: format!("{name} {number}"),
            mode: "default".to_owned(),
            permissions: json!({}),
            tree: Tree::Own,
            calls: calls.to_vec(),
        }));
    }
    jobs
}

/// Returns the commands of a text, but the long ones.
fn commands(corpora: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(corpora.join(format!("{name}.json"))).unwrap();
    let mut commands: Vec<String> = serde_json::from_str(&text).unwrap();
    commands.retain(|command| command.len() <= COMMAND_BYTES_MAX && !command.contains('\0'));
    commands
}

/// Calls of the same settings are one job.
fn bypass(text: &str) -> Vec<Job> {
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let settings = &case["settings"];
        let list = |name: &str| settings.get(name).cloned().unwrap_or_else(|| json!([]));
        let number = jobs.len();
        let job = jobs.entry(settings.to_string()).or_insert_with(|| Job {
            name: format!("bypass {number}"),
            mode: settings["mode"].as_str().unwrap_or("default").to_owned(),
            permissions: json!({"allow": list("allow"), "ask": list("ask"), "deny": list("deny")}),
            tree: Tree::Fixture,
            calls: Vec::new(),
        });
        job.calls.push(Asked {
            source: "bypass".to_owned(),
            tool: case["tool"].as_str().unwrap().to_owned(),
            input: case["input"].clone(),
        });
    }
    jobs.into_values().collect()
}

/// Returns the settings' own calls, and as many of the forms as there is room for.
fn job(settings: &Value, forms: &Value, count: usize) -> Job {
    let name = settings["name"].as_str().unwrap();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut calls: Vec<Asked> = texts(&settings["own"]).iter().map(|command| bash("own", command)).collect();
    calls.extend(settings["calls"].as_array().into_iter().flatten().map(|call| Asked {
        source: "own".to_owned(),
        tool: call["tool"].as_str().unwrap().to_owned(),
        input: call["input"].clone(),
    }));
    let mut made = Vec::new();
    for command in texts(&settings["commands"]) {
        made.extend(texts(&forms["around"]).iter().map(|form| bash("form", &form.replace("{}", &command))));
    }
    let mut on_paths = Vec::new();
    if settings["paths"] == "all" {
        for path in texts(&forms["paths"]) {
            on_paths.extend(forms["on paths"].as_array().unwrap().iter().map(|form| filled(form, &path)));
            made.extend(forms["commands on paths"].as_array().unwrap().iter().map(|form| filled(form, &path)));
        }
    }
    for host in texts(&settings["hosts"]) {
        made.extend(texts(&forms["urls"]).iter().map(|form| {
            let input = json!({"url": form.replace("{}", &host), "prompt": "what is it?"});
            Asked { source: "form".to_owned(), tool: "WebFetch".to_owned(), input }
        }));
    }
    for tool in texts(&settings["tools"]) {
        calls.push(Asked { source: "own".to_owned(), tool, input: json!({}) });
    }
    for group in texts(&settings["groups"]) {
        made.extend(texts(&forms["groups"][&group]).iter().map(|command| bash(&group, command)));
    }
    // As many calls of file tools as of others: there are fewer forms of them.
    let room = count.saturating_sub(calls.len());
    let others = sample(&made, room - usize::min(room / 2, on_paths.len()), name);
    let files = sample(&on_paths, room - others.len(), name);
    calls.extend(others.into_iter().chain(files).cloned());
    Job {
        name: name.to_owned(),
        mode: settings["mode"].as_str().unwrap_or("default").to_owned(),
        permissions: settings["permissions"].clone(),
        tree: Tree::Own,
        calls,
    }
}

/// Returns the call of a form with the path in it. An edit of a file that exists replaces its first line.
fn filled(form: &Value, path: &str) -> Asked {
    let mut input: Value = serde_json::from_str(&form["input"].to_string().replace("{}", path)).unwrap();
    if form["tool"] == "Edit"
        && let Some(line) = tree::first_line(path)
    {
        input["old_string"] = json!(line);
    }
    Asked { source: "form".to_owned(), tool: form["tool"].as_str().unwrap().to_owned(), input }
}

fn bash(source: &str, command: &str) -> Asked {
    let input = json!({"command": command, "description": "a test"});
    Asked { source: source.to_owned(), tool: "Bash".to_owned(), input }
}

/// Returns `count` of the items in their order, drawn with a seed that the name gives.
fn sample<'a, T>(items: &'a [T], count: usize, name: &str) -> Vec<&'a T> {
    let mut state = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut drawn: Vec<(u64, usize)> = (0..items.len())
        .map(|at| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11, at)
        })
        .collect();
    drawn.sort_unstable();
    drawn.truncate(count);
    let mut places: Vec<usize> = drawn.into_iter().map(|(_, at)| at).collect();
    places.sort_unstable();
    places.into_iter().map(|at| &items[at]).collect()
}
