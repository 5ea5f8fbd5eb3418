//! Any bytes have an answer, any answer is JSON, and a deny rule never lowers a verdict.

#![no_main]

use std::sync::LazyLock;

use hooks::claude::{self, Answer, Event};
use libfuzzer_sys::fuzz_target;
use policy::facts::{Entry, Facts, Person, Resolved};
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::{AbsPath, Action, Effects, Mode, Policy, Proof, Verdict};

const DENY: [&str; 6] =
    ["Bash(curl *)", "Bash(rm *)", "Read(.env)", "Edit(src/**)", "WebFetch(domain:*.example)", "mcp__a__*"];

struct World {
    home: AbsPath,
    project: AbsPath,
    empty: Policy,
    denying: Policy,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let path = |text| AbsPath::parse(text).expect("an absolute path");
    let (home, project) = (path("/home/u"), path("/home/u/proj"));
    let mut layer = Layer::empty(Scope::User, "user.json", home.join(".claude"));
    layer.deny = DENY
        .map(|rule| {
            let origin = Origin { scope: Scope::User, file: "user.json".to_owned(), line: 1 };
            Sourced { value: rule.to_owned(), origin }
        })
        .to_vec();
    let denying = Policy::compile(&[layer], &home).0;
    World { empty: Policy::compile(&[], &home).0, denying, home, project }
});

/// Tools whose input is one text, with the field that it stands in.
const TOOLS: [(&str, &str); 6] = [
    ("Bash", "command"),
    ("Bash", "command"),
    ("Read", "file_path"),
    ("Write", "file_path"),
    ("WebFetch", "url"),
    ("Glob", "pattern"),
];

fuzz_target!(|bytes: &[u8]| {
    hook(bytes);
    check(bytes);
    // Few bytes are JSON: any text is also tried as the input of a tool.
    let Some((first, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let (tool, field) = TOOLS[usize::from(*first) % TOOLS.len()];
    let mut event = serde_json::json!({
        "hook_event_name": "PreToolUse",
        "cwd": WORLD.project.as_str(),
        "tool_name": tool,
        "tool_input": {},
    });
    event["permission_mode"] = Mode::ALL[usize::from(*first) / TOOLS.len() % Mode::ALL.len()].name().into();
    event["tool_input"][field] = text.into();
    hook(event.to_string().as_bytes());
});

/// A hook input has an answer, and the answer is JSON.
fn hook(bytes: &[u8]) {
    if let Ok(Event::Before(call)) = claude::decode(bytes) {
        let verdict = answer(&call.action, call.mode);
        let answer = Answer { verdict, reason: "why".to_owned(), input: Some(call.input) };
        let reply = claude::encode(&answer);
        let json: serde_json::Value = serde_json::from_slice(&reply.stdout).expect("an answer is JSON");
        let told = json.pointer("/hookSpecificOutput/permissionDecision").and_then(serde_json::Value::as_str);
        assert_eq!(told, Some(verdict.name()));
    }
}

/// So has a line of `palisade check`.
fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(call) = hooks::check::decode(text, &WORLD.project) {
        let proof = decide(&WORLD.empty, &call.action, call.mode);
        let line = hooks::check::encode(call.id.as_ref(), &proof);
        assert!(!line.contains('\n'));
        let json: serde_json::Value = serde_json::from_str(&line).expect("a decision is JSON");
        assert_eq!(json.get("decision").and_then(serde_json::Value::as_str), Some(proof.verdict.name()));
        answer(&call.action, call.mode);
    }
}

/// Decides without and with deny rules, and returns the latter.
fn answer(action: &Action, mode: Option<Mode>) -> Verdict {
    let free = decide(&WORLD.empty, action, mode).verdict;
    let denied = decide(&WORLD.denying, action, mode).verdict;
    assert!(denied >= free, "{free:?} becomes {denied:?}: {action:?}");
    denied
}

/// Decides in a world in which every path is a file and there is no link.
fn decide(policy: &Policy, action: &Action, mode: Option<Mode>) -> Proof {
    let effects = Effects::of(action, &WORLD.home);
    let mentions = effects.parts.iter().flat_map(|part| part.mentions.iter());
    let resolved = effects
        .paths()
        .chain(mentions)
        .map(|path| (path.clone(), Resolved { real: path.clone(), entry: Entry::File, hops: Vec::new() }));
    let facts = Facts {
        home: WORLD.home.clone(),
        project: WORLD.project.clone(),
        working_directories: vec![WORLD.project.clone()],
        resolved: resolved.collect(),
        person: Person::Present,
        mode,
        found_below: std::collections::BTreeMap::new(),
        links_matched: std::collections::BTreeMap::new(),
        removals: Vec::new(),
        boundary: None,
    };
    policy::decide(policy, action, &effects, &facts).proof().clone()
}
