//! What the client does with a hook that fails: the ground that the hook's contract stands on.
//!
//! Measured with 2.1.329; nothing of ours runs here. When a new version of the client breaks one of
//! these, the hook's contract and `docs` need a second look.

use std::path::Path;

use serde_json::{Value, json};

use testclient::model::Call;
use testclient::session::{Answer, Session};

/// A hook, `onFailure` of its registration, and whether the allowed call happens.
type Row = (&'static str, &'static str, Option<&'static str>, bool);

/// Exit 2 blocks. Any other failure blocks only with `onFailure: "block"`, and one kind not even
/// then: exit 0 with an output that is no JSON object, or none at all, is silence, and the
/// client's own rules go on. So the hook never ends with 0 before its whole answer is written.
const ROWS: [Row; 15] = [
    ("exit 2", "exit 2", None, false),
    ("exit 2 beats allow", r#"echo "$allow"; exit 2"#, None, false),
    ("exit 1", "exit 1", None, true),
    ("exit 1", "exit 1", Some("block"), false),
    ("exit 1 with allow", r#"echo "$allow"; exit 1"#, Some("block"), false),
    ("exit 70", "exit 70", Some("block"), false),
    ("killed", "kill -9 $$", None, true),
    ("killed", "kill -9 $$", Some("block"), false),
    ("too slow", "exec sleep 20", None, true),
    ("too slow", "exec sleep 20", Some("block"), false),
    ("no such verdict", r#"echo "$allow" | sed s/allow/perhaps/"#, Some("block"), false),
    ("half an answer", r#"printf %.40s "$allow""#, Some("block"), true),
    ("half an answer, exit 1", r#"printf %.40s "$allow"; exit 1"#, Some("block"), false),
    ("talk before the answer", r#"echo talk; echo "$deny""#, Some("block"), true),
    ("silence", "exit 0", Some("block"), true),
];

const VERDICTS: &str = r#"
allow='{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow"}}'
deny='{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny"}}'
"#;

/// Runs one session for each row.
pub fn hooks(claude: &Path) {
    let mut wrong = Vec::new();
    for (name, script, on_failure, happens) in ROWS {
        let mut registration = json!({"timeout": if name == "too slow" { 1 } else { 20 }});
        if let Some(on_failure) = on_failure {
            registration["onFailure"] = json!(on_failure);
        }
        let settings = json!({"permissions": {"allow": ["Bash(touch mark)"]}});
        let (happened, answer) = touch(claude, &format!("{VERDICTS}{script}"), registration, settings);
        if happened != happens {
            wrong.push(format!("{name}, onFailure {on_failure:?}: {answer:?}"));
        }
    }
    // A hook that is not there.
    let session = Session::new(claude);
    let missing = json!({"type": "command", "command": "/nonexistent/hook", "onFailure": "block"});
    let (happened, answer) = touch_with(&session, missing, json!({"permissions": {"allow": ["Bash(touch mark)"]}}));
    if happened {
        wrong.push(format!("missing: {answer:?}"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// With `updatedInput` the client checks its own rules against the new command and not the old
/// one, and does not look into `bash -c`. So what a hook rewrites, it must have decided itself.
pub fn rewritten(claude: &Path) {
    let rows = [
        ("allow", "deny", "touch mark", true),
        ("allow", "ask", "touch mark", true),
        ("allow", "deny", "/usr/bin/env -- bash -c 'touch mark'", false),
        // Nobody answers: what is asked does not happen.
        ("ask", "allow", "touch mark", false),
        ("ask", "allow", "/usr/bin/env -- bash -c 'touch mark'", false),
    ];
    for (verdict, list, rule, happens) in rows {
        let answer = json!({"hookSpecificOutput": {
            "hookEventName": "PreToolUse", "permissionDecision": verdict, "permissionDecisionReason": "because",
            "updatedInput": {"command": "/usr/bin/env -- bash -c 'touch mark'"},
        }});
        let script = format!("cat <<'END'\n{answer}\nEND");
        let settings = json!({"permissions": {list: [format!("Bash({rule})")]}});
        let (happened, answer) = touch(claude, &script, json!({"onFailure": "block"}), settings);
        assert_eq!(happened, happens, "{verdict} against {list} `{rule}`: {answer:?}");
    }
}

/// Lets the model call `touch mark` with the script as the hook.
fn touch(claude: &Path, script: &str, mut registration: Value, settings: Value) -> (bool, Answer) {
    let session = Session::new(claude);
    registration["type"] = json!("command");
    registration["command"] = json!(session.script("hook", script));
    touch_with(&session, registration, settings)
}

fn touch_with(session: &Session, registration: Value, mut settings: Value) -> (bool, Answer) {
    settings["hooks"] = json!({"PreToolUse": [{"matcher": "*", "hooks": [registration]}]});
    session.write("home/.claude/settings.json", &settings.to_string());
    let call = Call { id: "touch".to_owned(), tool: "Bash".to_owned(), input: json!({"command": "touch mark"}) };
    let mut transcript = session.run(vec![vec![call]], &[]);
    (session.project().join("mark").exists(), transcript.answers.remove("touch").unwrap())
}
