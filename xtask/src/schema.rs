//! What the built program writes is what the schemas in `docs/reference` say.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::place::{Profile, Scratch, palisade, root};

/// Keywords that say nothing about a value by themselves.
const SILENT: [&str; 5] = ["$schema", "$defs", "title", "description", "examples"];

/// Says how a value differs from a schema; nothing when it fits. The keywords are those that our
/// schemas use: another one is a mistake here.
fn differs(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = schema.as_object().expect("a schema is an object");
    schema.iter().find_map(|(keyword, wanted)| match keyword.as_str() {
        "$ref" => {
            let place = wanted.as_str().unwrap().strip_prefix('#').unwrap();
            differs(root, root.pointer(place).unwrap_or_else(|| panic!("no {place}")), value)
        }
        "oneOf" => {
            let fits = wanted.as_array().unwrap().iter().filter(|one| differs(root, one, value).is_none()).count();
            (fits != 1).then(|| format!("{value} fits {fits} of {wanted}"))
        }
        "type" => {
            let names = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
            (!names.contains(&json!(kind(value)))).then(|| format!("{value} is no {wanted}"))
        }
        "const" => (value != wanted).then(|| format!("{value} is not {wanted}")),
        "enum" => (!wanted.as_array().unwrap().contains(value)).then(|| format!("{value} is none of {wanted}")),
        // Of a value that is no number they say nothing.
        "minimum" | "maximum" if !value.is_number() => None,
        "minimum" => (value.as_i64() < wanted.as_i64()).then(|| format!("{value} is below {wanted}")),
        "maximum" => (value.as_i64() > wanted.as_i64()).then(|| format!("{value} is above {wanted}")),
        "pattern" => {
            let beginning = wanted.as_str().unwrap().strip_prefix('^').unwrap();
            let fits = value.as_str().is_none_or(|text| text.starts_with(beginning));
            (!fits).then(|| format!("{value} does not fit {wanted}"))
        }
        "required" => {
            value.as_object()?;
            let missing = wanted.as_array().unwrap().iter().find(|name| value.get(name.as_str().unwrap()).is_none());
            missing.map(|name| format!("{value} has no {name}"))
        }
        "additionalProperties" => {
            assert_eq!(wanted, &json!(false));
            let known = schema.get("properties").unwrap();
            let strange = value.as_object()?.keys().find(|name| known.get(name.as_str()).is_none());
            strange.map(|name| format!("{value} has an unknown {name}"))
        }
        "properties" => {
            let fields = wanted.as_object().unwrap().iter();
            fields.filter_map(|(name, schema)| Some((schema, value.get(name)?))).find_map(|(s, v)| differs(root, s, v))
        }
        "items" => value.as_array()?.iter().find_map(|item| differs(root, wanted, item)),
        name => {
            assert!(SILENT.contains(&name), "keyword {name}");
            None
        }
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn schema(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join("docs/reference").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn check_against(schema: &Value, part: &str, value: &Value) -> Option<String> {
    differs(schema, &json!({"$ref": part}), value)
}

/// Returns the program with a home of its own and nothing of the environment.
fn program(home: &Path) -> Command {
    let mut command = Command::new(palisade(Profile::Debug).unwrap());
    command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").current_dir(home.join("project"));
    command
}

fn home(name: &str) -> Scratch {
    let scratch = Scratch::new(name).unwrap();
    std::fs::create_dir(scratch.path().join("project")).unwrap();
    scratch
}

/// Lines of input, and whether they fit the schema. What fits is read, and what does not is denied.
fn lines() -> Vec<(Value, bool)> {
    let bash = |command: &str| json!({"tool_name": "Bash", "tool_input": {"command": command}});
    let with = |name: &str, value: Value| {
        let mut line = bash("ls");
        line[name] = value;
        line
    };
    vec![
        (bash("ls"), true),
        (bash("rm -rf /"), true),
        (with("id", json!([1, {"a": null}])), true),
        (with("cwd", json!("/tmp")), true),
        (with("cwd", Value::Null), true),
        (with("permission_mode", json!("auto")), true),
        (with("permission_mode", Value::Null), true),
        (with("settings", json!({"permissions": {"deny": ["Bash(ls)"]}})), true),
        (with("settings", json!({"permissions": {"allow": ["Bash(ls)"]}})), true),
        (json!({"tool_name": "Read", "tool_input": {}}), true),
        (with("cwd", json!("tmp")), false),
        (with("permission_mode", json!("quick")), false),
        (with("settings", json!("x")), false),
        (with("other", json!(1)), false),
        (json!({"tool_name": "Bash"}), false),
        (json!({"tool_name": 1, "tool_input": {}}), false),
        (json!([]), false),
    ]
}

#[test]
fn lines_of_check_are_as_their_schema_says() {
    let (schema, home) = (schema("check.schema.json"), home("check"));
    let mut child = program(home.path()).arg("check").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let text: String = lines().iter().map(|(line, _)| format!("{line}\n")).collect();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let replies: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(replies.len(), lines().len());
    for ((line, fits), reply) in lines().iter().zip(&replies) {
        assert_eq!(check_against(&schema, "#/$defs/input", line).is_none(), *fits, "{line}");
        assert_eq!(check_against(&schema, "#/$defs/output", reply), None);
        // The reason for a line that cannot be read begins alike in none of the others.
        let is_read = ["the line is not a call", "`cwd` is no", "`quick` is no"];
        let is_read = !is_read.iter().any(|start| reply["reason"].as_str().unwrap().starts_with(start));
        assert_eq!(is_read, *fits, "{line} {reply}");
    }
    assert_eq!(replies[2]["id"], json!([1, {"a": null}]));
}

#[test]
fn what_is_explained_is_as_its_schema_says() {
    let (schema, home) = (schema("check.schema.json"), home("explain"));
    std::fs::write(home.path().join("project/kept"), "text").unwrap();
    let settings = r#"{"permissions": {"allow": ["Bash(ls *)"], "deny": ["Bash(ls -l)", "Bash(ls -*)", 7]},
        "sandbox": {"enabled": true, "excludedCommands": ["rm *"]}}"#;
    for command in ["ls -l", "rm -rf kept", "$x", "alias a=b; ls *", "cat <(ls a)", "", "echo $((x[$(id)]))"] {
        let output =
            program(home.path()).args(["explain", "--json", "--settings", settings, "--", command]).output().unwrap();
        let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(check_against(&schema, "#/$defs/explained", &explained), None, "{command}");
    }
}

/// Runs a command in a project whose settings and cases find something of every kind.
fn answer(home: &Path, words: &[&str]) -> Value {
    let settings = r#"{"permissions": {"allow": ["Bash(npx *)", "Bash(npm test)", 7], "ask": ["Bash(npm test)"],
        "deny": ["Read(/etc/passwd)", "Bash(rm -rf build/* src)", "Bash(ls*)", "Nowhere"], "defaultMode": "acceptEdits"}}"#;
    let cases =
        "## One\n```verdicts\ndeny Bash: rm -rf build/a src\nallow Bash: npx x\nask Bash: npx y <- ask Bash\n```\n";
    std::fs::create_dir_all(home.join(".claude")).unwrap();
    std::fs::write(home.join(".claude/settings.json"), settings).unwrap();
    std::fs::create_dir_all(home.join("project/.palisade")).unwrap();
    std::fs::write(home.join("project/.palisade/policy-test.md"), cases).unwrap();
    let output = program(home).args(words).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn findings_are_as_their_schema_says() {
    let (schema, home) = (schema("lint.schema.json"), home("lint"));
    let found = answer(home.path(), &["lint", "--json"]);
    assert_eq!(differs(&schema, &schema, &found), None);
    assert!(found["findings"].as_array().unwrap().len() > 5, "{found}");
}

#[test]
fn results_of_cases_are_as_their_schema_says() {
    let (schema, home) = (schema("test.schema.json"), home("test"));
    let found = answer(home.path(), &["test", "--json", "--mutants"]);
    assert_eq!(differs(&schema, &schema, &found), None);
    for list in ["/cases", "/spellings/weaker", "/spellings/not_allowed", "/mutants/missed"] {
        assert!(!found.pointer(list).unwrap().as_array().unwrap().is_empty(), "{list} {found}");
    }
    assert_eq!(differs(&schema, &schema, &answer(home.path(), &["test", "--json"])), None);
}

#[test]
fn a_report_is_as_its_schema_says() {
    let (schema, home) = (schema("report.schema.json"), home("report"));
    let asks = "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT a.example:443 HTTP/1.1\r\n\r\n' >&3; read -r line <&3";
    let commands = ["exit 3", "kill -9 $$", "exec 3<>/dev/tcp/192.0.2.1/80", asks];
    for command in commands {
        let file = home.path().join("report.json");
        let mut run = program(home.path());
        run.args(["run", "--quiet", "--report"]).arg(&file).args(["--", "bash", "-c", command]).env("A_TOKEN", "x");
        let output = run.stdin(Stdio::null()).output().unwrap();
        if output.status.code() == Some(125) {
            eprintln!("SKIPPED: there is no boundary here: {}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        let report: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(differs(&schema, &schema, &report), None, "{command}");
        assert_eq!(report["exit"]["code"], json!(output.status.code()), "{command}");
    }
    let file = home.path().join("report.json");
    let mut run = program(home.path());
    run.args(["run", "--quiet", "--profile", "claude", "--report"]).arg(&file).args(["--", "true"]);
    let output = run.stdin(Stdio::null()).output().unwrap();
    let status = program(home.path()).args(["sandbox", "status", "--json"]).output().unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let has_full = |tier: &Value| tier["tier"] == "full" && tier["possible"] == true;
    if !status["tiers"].as_array().unwrap().iter().any(has_full) {
        eprintln!("SKIPPED: in lower tiers no whole agent runs");
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(differs(&schema, &schema, &report), None, "{report:#}");
    assert_eq!(report["agent"]["profile"], "claude", "{report:#}");
}

#[test]
fn what_a_machine_can_is_as_its_schema_says() {
    let (schema, home) = (schema("sandbox-status.schema.json"), home("status"));
    let output = program(home.path()).args(["sandbox", "status", "--json"]).output().unwrap();
    let machine: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(differs(&schema, &schema, &machine), None, "{machine:#}");
    assert_eq!(machine["tiers"].as_array().unwrap().len(), 3, "{machine:#}");
}

#[test]
fn what_doctor_finds_is_as_its_schema_says() {
    let (schema, home) = (schema("doctor.schema.json"), home("doctor"));
    let settings =
        r#"{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "/gone/palisade hook claude"}]}]}}"#;
    std::fs::create_dir_all(home.path().join(".claude")).unwrap();
    std::fs::write(home.path().join(".claude/settings.json"), settings).unwrap();
    let output = program(home.path()).args(["doctor", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(differs(&schema, &schema, &found), None, "{found:#}");
    assert_eq!((output.status.code(), &found["ok"]), (Some(1), &json!(false)), "{found:#}");
}

#[test]
fn a_plan_is_as_its_schema_says() {
    let (schema, home) = (schema("sandbox-plan.schema.json"), home("plan"));
    std::fs::create_dir_all(home.path().join("project/.git/hooks")).unwrap();
    std::fs::write(home.path().join("project/.env"), "x").unwrap();
    let settings = r#"{"permissions": {"deny": ["Read(.env)", "Edit(/kept/**)"], "additionalDirectories": ["../more"]},
        "sandbox": {"require": ["landlock"], "limits": {"memory": "1G"}}}"#;
    for profile in ["open", "closed"] {
        let words = ["sandbox", "plan", "--json", "--profile", profile, "--settings", settings];
        let output = program(home.path()).args(words).env("A_TOKEN", "x").output().unwrap();
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(differs(&schema, &schema, &plan), None, "{plan:#}");
        for list in ["/steps", "/bounds", "/limits", "/require", "/environment/passed", "/environment/dropped"] {
            assert!(!plan.pointer(list).unwrap().as_array().unwrap().is_empty(), "{list} {plan:#}");
        }
    }
}

#[test]
fn an_export_is_as_its_schema_says() {
    let (schema, home) = (schema("sandbox-export.schema.json"), home("export"));
    for tool in ["seatbelt", "devcontainer", "dockerfile", "firejail", "srt", "codex"] {
        let output = program(home.path()).args(["sandbox", "export", tool, "--json"]).output().unwrap();
        let export: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(differs(&schema, &schema, &export), None, "{export:#}");
        assert_eq!(export["tool"], json!(tool), "{export:#}");
        assert!(!export["losses"].as_array().unwrap().is_empty(), "{export:#}");
    }
}

#[test]
fn a_proof_is_as_its_schema_says() {
    let (schema, home) = (schema("prove.schema.json"), home("prove"));
    for settings in ["{}", r#"{"sandbox": {"filesystem": {"allowWrite": ["~/.cache"]}}}"#] {
        std::fs::create_dir_all(home.path().join(".cache")).unwrap();
        let output = program(home.path()).args(["prove", "--json", "--settings", settings]).output().unwrap();
        if output.status.code() == Some(6) {
            eprintln!("SKIPPED: there is no boundary here: {}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        let proof: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(differs(&schema, &schema, &proof), None, "{proof:#}");
        assert_eq!(proof["ok"], json!(output.status.code() == Some(0)), "{proof:#}");
    }
}

#[test]
fn a_value_that_does_not_fit_is_told() {
    let schema = schema("check.schema.json");
    let good = json!({"schema_version": 1, "id": null, "decision": "ask", "reason": "x", "rule": null, "proof": null});
    assert_eq!(check_against(&schema, "#/$defs/output", &good), None);
    for (name, value) in [
        ("schema_version", json!(2)),
        ("decision", json!("no")),
        ("reason", json!(1)),
        ("rule", json!({})),
        ("more", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(check_against(&schema, "#/$defs/output", &bad).is_some(), "{bad}");
    }
}
