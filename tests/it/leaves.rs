//! What leaves the boundary, and what stays inside although something asks to leave.

use serde_json::{Value, json};

use crate::support::{Finished, Scene, User, each_user};

/// Returns the answer to a call of a command in the project: the verdict, the command that is handed back if one
/// is, and the reason.
fn answer(scene: &Scene, input: &Value) -> (String, Option<Value>, String) {
    let event = json!({
        "session_id": "session", "cwd": scene.project(), "permission_mode": "default",
        "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": input, "tool_use_id": "call",
    });
    let answer = scene.hook(event.to_string()).json();
    let inner = &answer["hookSpecificOutput"];
    let text = |name: &str| inner[name].as_str().unwrap().to_owned();
    let handed = inner.get("updatedInput").cloned();
    (text("permissionDecision"), handed, text("permissionDecisionReason"))
}

fn command(scene: &Scene, text: &str) -> (String, Option<Value>, String) {
    answer(scene, &json!({"command": text}))
}

fn asking_to_leave(scene: &Scene, text: &str) -> (String, Option<Value>, String) {
    answer(scene, &json!({"command": text, "dangerouslyDisableSandbox": true}))
}

fn settings(scene: &Scene, sandbox: &Value) {
    let mut keys = json!({"enabled": true});
    keys.as_object_mut().unwrap().extend(sandbox.as_object().unwrap().clone());
    scene.settings(&json!({"sandbox": keys, "permissions": {"allow": ["Bash(touch *)", "Bash(cat *)"]}}));
}

/// Returns the reason of the newest decision on record.
fn recorded(scene: &Scene) -> String {
    let log = scene.journal();
    let decision = log.iter().rev().find(|record| record["kind"] == "decision").unwrap();
    decision["decision"]["reason"].as_str().unwrap().to_owned()
}

#[test]
fn an_excluded_command_is_not_handed_back() {
    each_user(|scene| {
        settings(scene, &json!({"excludedCommands": ["touch *"]}));
        let (verdict, handed, reason) = command(scene, "touch made");
        assert_eq!((verdict.as_str(), handed), ("allow", None), "{reason}");
        let by = "it leaves the boundary by `sandbox.excludedCommands: touch *` (~/.claude/settings.json:";
        assert!(reason.contains(by), "{reason}");
        assert!(recorded(scene).contains(by), "{}", recorded(scene));
        // The weakness of others: what stands beside it would leave with it.
        scene.write("project/a", "a");
        for text in ["cat a; touch made", "touch made && cat a", "cat a | touch made"] {
            let (verdict, handed, reason) = command(scene, text);
            assert!(verdict == "allow" && handed.is_some(), "{text}: {reason}");
            assert!(reason.contains("it stays inside the boundary: `cat a` is not excluded"), "{text}: {reason}");
            assert_eq!(recorded(scene), reason.strip_prefix("Palisade: ").unwrap());
        }
        // What was handed back is held, the excluded part too.
        let (_, handed, _) = command(scene, "cat a; touch ../outside");
        let finished = scene.bash(handed.unwrap()["command"].as_str().unwrap()).run();
        assert!(finished.stdout == "a" && !scene.exists("outside"), "{finished:#?}");
    });
}

#[test]
fn a_file_of_a_folder_that_is_not_trusted_excludes_nothing() {
    let scene = Scene::new(User::Own);
    settings(&scene, &json!({}));
    let project = json!({"sandbox": {
        "enabled": false, "excludedCommands": ["touch *"], "allowUnsandboxedCommands": true,
        "filesystem": {"disabled": true, "allowRead": ["/"], "allowWrite": ["/"]},
    }});
    scene.write("project/.claude/settings.json", project.to_string());
    let (verdict, handed, reason) = command(&scene, "touch made");
    assert!(verdict == "allow" && handed.is_some(), "{reason}");
    assert!(!reason.contains("outside") && !reason.contains("leaves"), "{reason}");
    let told = scene.palisade(["permissions"]).run().stderr;
    for key in ["`sandbox.enabled`", "`touch *` in `sandbox.excludedCommands`", "`sandbox.allowUnsandboxedCommands`"] {
        assert!(told.contains(key), "{key}: {told}");
    }
}

#[test]
fn the_parameter_counts_as_the_settings_say() {
    let scene = Scene::new(User::Own);
    settings(&scene, &json!({}));
    let (verdict, handed, reason) = asking_to_leave(&scene, "touch made");
    assert_eq!((verdict.as_str(), handed), ("ask", None), "{reason}");
    assert!(reason.contains("`touch made` asks to run outside the boundary"), "{reason}");

    settings(&scene, &json!({"allowUnsandboxedCommands": true}));
    let (verdict, handed, reason) = asking_to_leave(&scene, "touch made");
    assert_eq!((verdict.as_str(), handed), ("allow", None), "{reason}");
    assert!(recorded(&scene).contains("`sandbox.allowUnsandboxedCommands: true` (~/.claude/settings.json:"));

    settings(&scene, &json!({"allowUnsandboxedCommands": false}));
    let (verdict, handed, reason) = asking_to_leave(&scene, "touch made");
    let handed = handed.unwrap();
    assert_eq!(verdict, "allow", "{reason}");
    assert_eq!(handed.get("dangerouslyDisableSandbox"), None, "{handed}");
    assert!(handed["command"].as_str().unwrap().contains(" run --quiet --permit "), "{handed}");
}

#[test]
fn what_runs_inside_is_accepted_and_what_leaves_is_not() {
    each_user(|scene| {
        settings(scene, &json!({"autoAllowBashIfSandboxed": true, "excludedCommands": ["mkdir *"]}));
        let (verdict, handed, reason) = command(scene, "./attack");
        assert_eq!(verdict, "allow", "{reason}");
        scene.script("project/attack", "echo in > made; echo out > ../outside");
        scene.bash(handed.unwrap()["command"].as_str().unwrap()).run();
        assert!(scene.read("project/made") == "in\n" && !scene.exists("outside"));
        let (verdict, handed, reason) = command(scene, "mkdir made");
        assert_eq!((verdict.as_str(), handed), ("ask", None), "{reason}");
    });
}

#[test]
fn files_left_open_refuse() {
    let scene = Scene::new(User::Own);
    settings(&scene, &json!({"filesystem": {"disabled": true}}));
    let (verdict, handed, reason) = command(&scene, "touch made");
    assert_eq!((verdict.as_str(), handed), ("deny", None), "{reason}");
    assert!(reason.contains("`sandbox.filesystem.disabled` (~/.claude/settings.json:"), "{reason}");
    let refused = scene.palisade(["run", "--", "touch", "made"]).run();
    assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
}

#[test]
fn what_is_typed_runs_inside_whatever_is_excluded() {
    each_user(|scene| {
        settings(scene, &json!({"excludedCommands": ["touch *"]}));
        let run = |words: &[&str]| -> Finished { scene.palisade([&["run"], words].concat()).run() };
        let finished = run(&["--", "touch", "made", "../outside"]);
        assert!(scene.exists("project/made") && !scene.exists("outside"), "{finished:#?}");
        let told =
            "the command stays inside the boundary: `sandbox.excludedCommands: touch *` (~/.claude/settings.json:";
        assert!(finished.stderr.contains(told), "{finished:#?}");
        assert!(!run(&["--quiet", "--", "touch", "made"]).stderr.contains("stays inside"));
        assert!(!run(&["--", "cat", "made"]).stderr.contains("stays inside"));
    });
}

#[test]
fn parts_of_what_is_hidden_are_opened_again() {
    each_user(|scene| {
        for name in ["home/notes/secret", "home/notes/open/file", "home/.ssh/id", "project/file", "outside/file"] {
            scene.write(name, format!("canary-{}", name.replace('/', "-")));
        }
        let root = scene.root().to_str().unwrap().to_owned();
        scene.settings(&json!({"sandbox": {"filesystem": {
            "denyRead": [root, "~/notes"],
            "allowRead": [scene.project(), "~/notes/open", "~/.ssh"],
        }}}));
        let text = "cat ~/notes/open/file file; echo new > made; echo x > ~/notes/open/made; cat ~/notes/secret \
             ~/.ssh/id ../outside/file; ls -a ~ ~/notes ..; find / -name 'canary*'";
        let finished = scene.confined(text).run();
        assert!(finished.stdout.starts_with("canary-home-notes-open-filecanary-project-file"), "{finished:#?}");
        for name in ["home-notes-secret", "home-.ssh-id", "outside-file"] {
            finished.lacks(&format!("canary-{name}"));
        }
        assert!(scene.read("project/made") == "new\n" && !scene.exists("home/notes/open/made"), "{finished:#?}");
        let control = scene.bash(text).run();
        assert!(control.stdout.contains("canary-home-notes-secret") && scene.exists("home/notes/open/made"));
    });
}

#[test]
fn an_edit_rule_for_a_directory_opens_it() {
    each_user(|scene| {
        for name in ["home/notes/file", "home/notes/kept/file", "home/drafts/a.md"] {
            scene.write(name, "as it was");
        }
        scene.settings(&json!({"permissions": {
            "allow": ["Edit(~/notes/**)", "Edit(~/drafts/*.md)"],
            "deny": ["Edit(~/notes/kept/**)"],
        }}));
        // The command's own words must not name the files: rules about its text are another test's.
        let text =
            "for file in ~/notes/file ~/notes/kept/file ~/drafts/a.md; do echo new > $file; done; echo > ~/notes/new";
        scene.script("project/edit", text);
        let finished = scene.palisade(["run", "--", "./edit"]).run();
        let read = |name: &str| scene.read(name);
        assert_eq!(
            (read("home/notes/file"), scene.exists("home/notes/new")),
            ("new\n".to_owned(), true),
            "{finished:#?}"
        );
        assert_eq!([read("home/notes/kept/file"), read("home/drafts/a.md")], ["as it was", "as it was"]);
        scene.bash("./edit").run();
        assert_eq!([read("home/notes/kept/file"), read("home/drafts/a.md")], ["new\n", "new\n"]);
    });
}
