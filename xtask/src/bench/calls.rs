//! The calls that are decided: twenty that agents make all day.

use std::collections::BTreeMap;

use policy::action::{Command, FileTarget, Kind, Runner};
use policy::effects::Touch;
use policy::facts::{Entry, Facts, Person, Resolved};
use policy::{AbsPath, Action, Effects};

/// Tool and subject.
pub(super) const CALLS: [(&str, &str); 20] = [
    ("Bash", "git status"),
    ("Bash", "git diff HEAD~1 -- src/main.rs"),
    ("Bash", "git add -A && git commit -m 'fix: the parser keeps its place'"),
    ("Bash", "git push origin \"$BRANCH\""),
    ("Bash", "cd src && cargo test --workspace 2>&1 | tail -40"),
    ("Bash", "npm run test -- --watch=false"),
    ("Bash", "npm install left-pad"),
    ("Bash", "cat package.json | jq -r .version"),
    ("Bash", "grep -rn 'TODO' src | head -20"),
    ("Bash", "find . -name '*.rs' -not -path './target/*'"),
    ("Bash", "mkdir -p build && cp src/a.txt build/ && rm -rf build/tmp"),
    ("Bash", "for f in src/*.rs; do wc -l \"$f\"; done"),
    ("Bash", "curl -s https://api.example.com/v1/items"),
    ("Bash", "docker compose up -d"),
    ("Read", "src/main.rs"),
    ("Edit", "src/lib.rs"),
    ("Grep", "src"),
    ("WebFetch", "https://docs.rs/serde/latest/serde"),
    ("mcp__github__get_issue", ""),
    ("Agent", "Explore"),
];

pub(super) const HOME: &str = "/home/u";
pub(super) const PROJECT: &str = "/home/u/proj";

/// Makes the action of a call; a command is parsed.
pub(super) fn action(tool: &str, subject: &str, cwd: &AbsPath) -> Action {
    let file = |recursive| FileTarget { path: subject.to_owned(), recursive };
    let kind = match tool {
        "Bash" => Kind::Command(Command::parse(subject, Runner::Agent)),
        "Read" => Kind::Read(file(false)),
        "Grep" => Kind::Read(file(true)),
        "Edit" => Kind::Edit(file(false)),
        "WebFetch" => Kind::Fetch { url: subject.to_owned() },
        "Agent" => Kind::Agent { agent_type: subject.to_owned() },
        name => match name.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")) {
            Some((server, tool)) => Kind::Mcp { server: server.to_owned(), tool: tool.to_owned() },
            None => Kind::Other,
        },
    };
    Action { tool: tool.to_owned(), kind, params: Vec::new(), cwd: cwd.clone() }
}

/// Returns the facts of a call in a world without links: looking at the file system is not measured here.
pub(super) fn facts(effects: &Effects, home: &AbsPath, project: &AbsPath) -> Facts {
    let entry = |path: &AbsPath| match path.as_str().rsplit('/').next() {
        Some("src" | "build" | "proj") => Entry::Directory,
        Some(_) | None => Entry::File,
    };
    let mentions = effects.parts.iter().flat_map(|part| part.mentions.iter().chain(&part.may_name));
    let asked = effects.parts.iter().flat_map(|part| &part.touches).flat_map(Touch::links_asked);
    let resolved: BTreeMap<AbsPath, Resolved> = effects
        .paths()
        .chain(mentions)
        .map(|path| (path.clone(), Resolved { real: path.clone(), entry: entry(path), hops: Vec::new() }))
        .collect();
    Facts {
        home: home.clone(),
        project: project.clone(),
        working_directories: vec![project.clone()],
        resolved,
        person: Person::Present,
        mode: None,
        found_below: BTreeMap::new(),
        links_matched: asked.map(|name| (name, Vec::new())).collect(),
        removals: Vec::new(),
        boundary: None,
    }
}
