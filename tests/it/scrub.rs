//! `CLAUDE_CODE_SUBPROCESS_ENV_SCRUB`: what commands see of credentials, and what counts no more while it is set.

use serde_json::{Value, json};

use crate::support::{Call, Scene, each_user};

const SCRUB: &str = "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB";
/// Variables with a credential, each with its value.
const HELD: [(&str, &str); 4] = [
    ("ANTHROPIC_API_KEY", "sk-ant-0123456789abcdefghijklmnopqrst"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "/home/nobody/0123456789abcdefghij.json"),
    ("GH_TOKEN", "ghp_0123456789abcdefghijklmnopqrstuvwxyz"),
];

fn with_credentials<'s>(call: Call<'s>, switch: &str) -> Call<'s> {
    HELD.iter().fold(call, |call, (name, value)| call.env(name, value)).env(SCRUB, switch)
}

fn settings(mode: &str) -> Value {
    let masks: Vec<Value> = HELD.iter().map(|(name, _)| json!({"name": name, "mode": mode})).collect();
    json!({"sandbox": {
        "enabled": true,
        "autoAllowBashIfSandboxed": true,
        "network": {"tlsTerminate": {}},
        "credentials": {"envVars": masks},
    }})
}

/// Returns the names of credentials of which a command sees something.
fn seen(out: &str) -> Vec<&str> {
    assert!(HELD.iter().all(|(_, value)| !out.contains(value)), "{out}");
    out.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .filter(|name| HELD.iter().any(|held| held.0 == *name))
        .collect()
}

#[test]
fn commands_see_no_credential_of_the_agent() {
    each_user(|scene| {
        scene.settings(&settings("mask"));
        for (switch, masked) in [("1", 1), ("true", 1), ("0", 4), ("", 4)] {
            let run = with_credentials(scene.palisade(["run", "--", "env"]), switch).run();
            assert_eq!(run.code, 0, "{run:#?}");
            assert_eq!(seen(&run.stdout).len(), masked, "`{switch}`: {run:#?}");
            let told = run.stderr.matches(&format!("is not seen inside: `{SCRUB}` is set")).count();
            assert_eq!(told, 4 - masked, "`{switch}`: {run:#?}");
        }
        // Without a mask there is nothing either way, and the control has all of them.
        scene.settings(&json!({}));
        for switch in ["0", "1"] {
            let run = with_credentials(scene.palisade(["run", "--", "env"]), switch).run();
            assert_eq!(seen(&run.stdout), Vec::<&str>::new(), "{run:#?}");
        }
        let control = with_credentials(scene.bash("env"), "1").run();
        assert!(HELD.iter().all(|(name, value)| control.stdout.contains(&format!("{name}={value}\n"))), "{control:#?}");
    });
}

/// Who sets it runs what others say: what lets commands run unasked because they are confined does not count.
#[test]
fn commands_of_hooks_see_none_and_ask_again() {
    each_user(|scene: &Scene| {
        scene.settings(&settings("mask"));
        let input = json!({
            "session_id": "s", "transcript_path": "", "cwd": scene.project(), "permission_mode": "default",
            "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": "env #"},
        });
        for (switch, verdict, masked) in [("0", "allow", 4), ("1", "ask", 1)] {
            let hook = with_credentials(scene.palisade(["hook", "claude"]), switch).input(input.to_string()).run();
            let answer = &hook.json()["hookSpecificOutput"];
            assert_eq!(answer["permissionDecision"], verdict, "{hook:#?}");
            let handed = answer["updatedInput"]["command"].as_str().unwrap_or_else(|| panic!("{hook:#?}"));
            let run = with_credentials(scene.bash(handed), switch).run();
            assert_eq!((run.code, seen(&run.stdout).len()), (0, masked), "`{switch}`: {run:#?}");
        }
    });
}
