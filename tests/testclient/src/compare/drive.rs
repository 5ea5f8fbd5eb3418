//! Asks the client.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::compare::tree::{self, DESK, Files, HOME, PROJECT};
use crate::compare::{Job, Observed};
use crate::model::{Call, Model};
use crate::person::Person;
use crate::session::{self, Answer, Transcript, WITH_PERSON};
use crate::{namespace, process};

/// Set for the second run of the program, inside the world of a job.
const INSIDE: &str = "PALISADE_COMPARE_INSIDE";
/// How long one job may take.
const JOB_LIMIT: Duration = Duration::from_secs(240);
/// Calls of one turn of the model.
const TURN_CALLS: usize = 30;
/// Marks a call whose answer is of no interest: it lets the client know a file.
const BEFORE: &str = "before-";

/// Tools that the client may not have here.
const ABSENT: [&str; 5] = ["Grep", "Glob", "LS", "MultiEdit", "TodoWrite"];
/// How a tool's own refusal reads, which is no verdict.
const REFUSED: [&str; 3] = ["<tool_use_error>", "Refusing to write", "Invalid URL"];
/// How a denial reads.
const DENIED: [&str; 7] = [
    "covered by a Read deny rule",
    "blocked by a deny rule",
    "has been denied",
    "denied by your permission settings",
    "denied access to",
    "blocked by permission rules",
    "was denied",
];

/// Stands for the client's shell: it says that it was called, and does nothing.
const STUB: &str =
    "#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done >> /mnt/shell.log\nprintf '\\n\\0' >> /mnt/shell.log\n";

/// An MCP server whose tools do nothing; its first argument is a list of them in JSON.
const SERVER: &str = r#"#!/bin/sh
while read -r line; do
    id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
    [ -n "$id" ] || continue
    case $line in
        *'"method":"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"test","version":"1"}}' ;;
        *'"method":"tools/list"'*) result="{\"tools\":$1}" ;;
        *'"method":"tools/call"'*) result='{"content":[{"type":"text","text":"done"}]}' ;;
        *) result='{}' ;;
    esac
    printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
"#;

/// Returns what this machine lacks, if it lacks something.
pub fn missing() -> Option<String> {
    let found = Command::new("bwrap").args(["--ro-bind", "/", "/", "--unshare-net", "--", "true"]).output();
    match found {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            Some(format!("`bwrap` makes no namespace: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
        }
        Err(error) => Some(format!("`bwrap` does not start: {error}")),
    }
}

/// Asks the client about a job's calls. The program runs itself again with `arguments`, which must lead to
/// [`inside`], in a world of the job's own.
///
/// # Errors
/// What went wrong, with what was said about it.
pub fn run(claude: &Path, job: &Job, arguments: &[&str]) -> Result<Vec<Observed>, String> {
    let home = job.tree.plant();
    let desk = tempfile::tempdir().unwrap();
    prepare(home.path(), desk.path(), job);
    let before = tree::files(home.path());
    let program = std::env::current_exe().unwrap();
    let mut world = tree::world(home.path(), desk.path(), &[(&program, "program"), (claude, "claude")]);
    world.arg(format!("{DESK}/program")).args(arguments).env(INSIDE, DESK);
    let scratch = tempfile::tempdir().unwrap();
    let finished = process::run(&mut world, scratch.path(), JOB_LIMIT)?;
    let result = std::fs::read_to_string(desk.path().join("result.json"))
        .map_err(|error| format!("{}: {error}\n{}\n{}", job.name, finished.stdout, finished.stderr))?;
    let result: Value = serde_json::from_str(&result).unwrap();
    check_tree(&before, &tree::files(home.path()), job)?;
    let observed: Vec<Observed> = job
        .calls
        .iter()
        .zip(result.as_array().unwrap())
        .map(|(call, result)| Observed {
            settings: job.name.clone(),
            mode: job.mode.clone(),
            permissions: job.permissions.clone(),
            tree: job.tree,
            call: call.clone(),
            verdict: result["verdict"].as_str().unwrap().to_owned(),
            said: result["said"].as_str().unwrap().to_owned(),
        })
        .collect();
    check_shell(desk.path(), &observed)?;
    Ok(observed)
}

/// Asks the client, when this is the second run of the program; returns whether it is.
pub fn inside() -> bool {
    let Some(desk) = std::env::var_os(INSIDE).map(PathBuf::from) else { return false };
    namespace::assert_alone();
    let job: Value = serde_json::from_slice(&std::fs::read(desk.join("job.json")).unwrap()).unwrap();
    let result = converse(&desk, &job);
    std::fs::write(desk.join("result.json"), result.to_string()).unwrap();
    true
}

fn prepare(home: &Path, desk: &Path, job: &Job) {
    let projects = json!({PROJECT: {"hasTrustDialogAccepted": true}});
    let state = json!({"hasCompletedOnboarding": true, "projects": projects});
    std::fs::write(home.join("u/.claude.json"), state.to_string()).unwrap();
    std::fs::create_dir_all(home.join("u/proj/.claude")).unwrap();
    let settings = json!({"permissions": job.permissions});
    std::fs::write(home.join("u/proj/.claude/settings.json"), settings.to_string()).unwrap();
    let calls: Vec<Value> = job.calls.iter().map(|call| json!({"tool": call.tool, "input": call.input})).collect();
    let file = json!({"mode": job.mode, "calls": calls});
    std::fs::write(desk.join("job.json"), file.to_string()).unwrap();
    std::fs::create_dir(desk.join("tmp")).unwrap();
    for name in ["program", "claude"] {
        std::fs::write(desk.join(name), "").unwrap();
    }
    for (name, text) in [("bash", STUB), ("server", SERVER)] {
        std::fs::write(desk.join(name), text).unwrap();
        std::fs::set_permissions(desk.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    }
}

/// Has one session with the client and returns what came of each call.
fn converse(desk: &Path, job: &Value) -> Value {
    let calls: Vec<Call> = job["calls"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(number, call)| Call {
            id: format!("call-{number}"),
            tool: call["tool"].as_str().unwrap().to_owned(),
            input: call["input"].clone(),
        })
        .collect();
    let known = known_before(&calls);
    let mut person = Person::new(&known.iter().map(|call| call.id.as_str()).collect::<Vec<_>>());
    let mut turns: Vec<Vec<Call>> = calls.chunks(TURN_CALLS).map(<[Call]>::to_vec).collect();
    if !known.is_empty() {
        turns.insert(0, known);
    }
    let model = Model::start(turns);
    let mode = job["mode"].as_str().unwrap();
    let mut client = client(desk, &model, mode, &calls);
    let finished = process::talk(&mut client, desk, JOB_LIMIT, |line| person.hear(line)).unwrap();
    std::fs::write(desk.join("transcript"), &finished.stdout).unwrap();
    let transcript = Transcript::parse(&finished);
    let told = calls.iter().map(|call| {
        let (verdict, said) = verdict(call, &transcript, &person);
        json!({"verdict": verdict, "said": said})
    });
    told.collect()
}

fn client(desk: &Path, model: &Model, mode: &str, calls: &[Call]) -> Command {
    let mut client = session::client(&desk.join("claude"), model, Path::new(HOME), &desk.join("tmp"));
    client
        .args(WITH_PERSON)
        .args(["--permission-mode", mode, "--setting-sources", "project", "--strict-mcp-config", "--mcp-config"])
        .arg(servers(desk, calls).to_string())
        // Without it, mode `plan` leaves questions to a model of the client's own.
        .args(["--settings", &json!({"useAutoModeDuringPlan": false, "disableAutoMode": "disable"}).to_string()])
        .current_dir(PROJECT)
        .envs([("SHELL", desk.join("bash")), ("CLAUDE_CODE_SHELL", desk.join("bash"))])
        .env("ENABLE_TOOL_SEARCH", "false");
    if mode == "bypassPermissions" {
        client.env("IS_SANDBOX", "1");
    }
    client
}

/// Returns servers that have the MCP tools of the calls.
fn servers(desk: &Path, calls: &[Call]) -> Value {
    let mut servers = serde_json::Map::new();
    let mut tools: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for call in calls {
        if let Some((server, tool)) = call.tool.strip_prefix("mcp__").and_then(|name| name.split_once("__")) {
            tools.entry(server).or_default().insert(tool);
        }
    }
    for (server, tools) in tools {
        let schema = json!({"type": "object", "properties": {}, "additionalProperties": true});
        let tools: Value =
            tools.iter().map(|tool| json!({"name": tool, "description": "a test", "inputSchema": schema})).collect();
        servers.insert(server.to_owned(), json!({"command": desk.join("server"), "args": [tools.to_string()]}));
    }
    json!({"mcpServers": servers})
}

/// Returns calls that read the files which other calls edit: the client edits only what it has read.
fn known_before(calls: &[Call]) -> Vec<Call> {
    let mut paths: Vec<&str> = calls
        .iter()
        .filter(|call| matches!(call.tool.as_str(), "Edit" | "Write" | "NotebookEdit"))
        .filter_map(|call| call.input["file_path"].as_str().or(call.input["notebook_path"].as_str()))
        .filter(|path| Path::new(PROJECT).join(path).is_file())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let read = |(number, path): (usize, &&str)| Call {
        id: format!("{BEFORE}{number}"),
        tool: "Read".to_owned(),
        input: json!({"file_path": path}),
    };
    paths.iter().enumerate().map(read).collect()
}

/// Returns what the client made of a call, and what it said.
fn verdict(call: &Call, transcript: &Transcript, person: &Person) -> (&'static str, String) {
    if let Some(request) = person.asked.get(&call.id) {
        let reason = request["decision_reason"].as_str().unwrap_or_default();
        return ("ask", format!("{}: {reason}", request["decision_reason_type"].as_str().unwrap_or_default()));
    }
    let Some(Answer { is_error, text }) = transcript.answers.get(&call.id) else {
        return ("dropped", "no answer".to_owned());
    };
    let said = text.chars().take(300).collect();
    // A tool that is denied as a whole is withheld from the model.
    let withheld = text.contains("No such tool available") && !ABSENT.contains(&call.tool.as_str());
    if *is_error && (withheld || DENIED.iter().any(|words| text.contains(words))) {
        ("deny", said)
    } else if *is_error && REFUSED.iter().any(|words| text.contains(words)) {
        ("dropped", said)
    } else {
        ("allow", said)
    }
}

/// Only what allowed calls of file tools name may have changed, and what the client keeps for itself.
fn check_tree(before: &Files, after: &Files, job: &Job) -> Result<(), String> {
    const OWN: [&str; 6] =
        ["/u/.claude", "/u/.cache", "/u/.config", "/u/.local", "/u/.npm", "/u/proj/.claude/.cc-writes"];
    let written: Vec<String> = job
        .calls
        .iter()
        .filter(|call| matches!(call.tool.as_str(), "Edit" | "Write" | "NotebookEdit"))
        .filter_map(|call| call.input["file_path"].as_str().or(call.input["notebook_path"].as_str()))
        .map(str::to_owned)
        .collect();
    let names = before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name));
    let strange: Vec<&String> = names
        .filter(|name| !OWN.iter().any(|own| name.starts_with(own)))
        .filter(|name| {
            let last = name.rsplit('/').next().unwrap_or_default();
            !written.iter().any(|path| path.contains(last))
        })
        .collect();
    if strange.is_empty() { Ok(()) } else { Err(format!("{}: changed though nothing may run: {strange:?}", job.name)) }
}

/// The stub was called once for each command that the client let through, and for no other.
fn check_shell(desk: &Path, observed: &[Observed]) -> Result<(), String> {
    let log = std::fs::read(desk.join("shell.log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let evaluated = log.split("\n\0").filter(|call| call.contains("eval ") && !call.contains("SNAPSHOT_FILE=")).count();
    let allowed = observed.iter().filter(|one| one.call.tool == "Bash" && one.verdict == "allow").count();
    if evaluated == allowed {
        Ok(())
    } else {
        let said = |one: &Observed| format!("\n  {}: {}", one.call.input["command"], one.said);
        let allowed_ones: String =
            observed.iter().filter(|one| one.call.tool == "Bash" && one.verdict == "allow").map(said).collect();
        Err(format!("the stub shell was called for {evaluated} commands, and {allowed} were allowed:{allowed_ones}"))
    }
}
