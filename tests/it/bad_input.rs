//! What is broken is told with file, line and way forward, and nothing runs by mistake.

use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::{Call, Finished, Scene, User, each_user, is_root};

fn question(scene: &Scene, command: &str) -> String {
    json!({
        "session_id": "session", "hook_event_name": "PreToolUse", "cwd": scene.project(),
        "tool_name": "Bash", "tool_input": {"command": command},
    })
    .to_string()
}

/// Returns true when a hook's end keeps the call from happening.
fn keeps_from_happening(finished: &Finished) -> bool {
    finished.code == 2 && finished.stderr.starts_with("palisade: refused: ")
        || finished.code == 0 && finished.json()["hookSpecificOutput"]["permissionDecision"] == "deny"
}

#[test]
fn broken_settings_refuse_every_call_and_say_where() {
    each_user(|scene| {
        scene.write("home/.claude/settings.json", "{}");
        let rows: [(&str, &[u8], &str, &str); 9] = [
            (
                "home/.claude/settings.json",
                b"{\n  \"permissions\": {\n    \"deny\": [\"Bash(curl *)\",]\n  }\n}",
                "~/.claude/settings.json:3",
                "a comma stands after the last entry",
            ),
            ("home/.claude/settings.json", b"{\n  \"permissions\": {", "~/.claude/settings.json:2", ""),
            ("home/.claude/settings.json", b"", "~/.claude/settings.json", ""),
            (
                "home/.claude/settings.json",
                b"{\n\"permissions\": {\"deny\": [\"Bash(cu\xffrl)\"]}}",
                "~/.claude/settings.json:2",
                "the file is not utf-8 text",
            ),
            (
                "home/.claude/settings.json",
                b"{\n\n\"permissions\": {\"deny\": [\"Bash(curl\"]}}",
                "~/.claude/settings.json:3",
                "`Bash(curl` has no closing parenthesis",
            ),
            (
                "home/.claude/settings.json",
                b"[]",
                "~/.claude/settings.json:1",
                "settings are an object, and this is a list",
            ),
            (
                "home/.config/palisade/settings.json",
                b"{\n\"permisions\": {}}",
                "~/.config/palisade/settings.json:2",
                "there is no key `permisions`",
            ),
            ("project/.claude/settings.json", b"{", "<scene>/project/.claude/settings.json:1", ""),
            (
                "project/.palisade/settings.local.json",
                b"{\"sandbox\": 7}",
                "<scene>/project/.palisade/settings.local.json:1",
                "`sandbox` must be an object",
            ),
        ];
        for (file, text, place, what) in rows {
            let path = scene.write(file, text);
            let refused = scene.palisade(["run", "--mode", "bypassPermissions", "--", "touch", "made"]).run();
            let told = scene.told(&refused.stderr);
            assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{place}: {refused:#?}");
            assert!(told.contains(place) && told.contains(what), "{place} {what}: {told}");
            assert!(told.contains("palisade: refused: the settings cannot be relied on: "), "{told}");
            assert!(told.ends_with('\n') && told.lines().last().unwrap().starts_with("    "), "no way forward: {told}");

            let hooked = scene.hook(question(scene, "ls"));
            assert!(keeps_from_happening(&hooked) && scene.told(&hooked.stdout).contains(place), "{hooked:#?}");
            assert_eq!(scene.palisade(["permissions"]).run().code, 5);
            std::fs::remove_file(path).unwrap();
        }
        assert_eq!(scene.palisade(["run", "--", "touch", "made"]).run().code, 0);
    });
}

#[test]
fn settings_that_cannot_be_opened_refuse() {
    each_user(|scene| {
        // A directory, a dangling link and a loop stand where the file should.
        scene.directory("home/.claude/settings.json");
        let refused = scene.palisade(["run", "--", "touch", "made"]).run();
        assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
        std::fs::remove_dir(scene.path("home/.claude/settings.json")).unwrap();
        symlink("settings.json", scene.path("home/.claude/settings.json")).unwrap();
        let refused = scene.palisade(["run", "--", "touch", "made"]).run();
        assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
        std::fs::remove_file(scene.path("home/.claude/settings.json")).unwrap();
        if scene.uid() != 0 {
            use std::os::unix::fs::PermissionsExt;
            let path = scene.write("home/.claude/settings.json", "{}");
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
            let refused = scene.palisade(["run", "--", "touch", "made"]).run();
            assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
            assert!(refused.stderr.contains("~/.claude/settings.json: error: "), "{refused:#?}");
        }
    });
}

/// Runs in a mount namespace whose state directory is what the script of mounts makes of `state`.
fn with_state<'s>(scene: &Scene, call: Call<'s>, mounts: &str) -> Call<'s> {
    let state = scene.directory("state");
    let state = state.to_str().unwrap();
    call.env("XDG_STATE_HOME", state).after_mounts(&mounts.replace("STATE", state))
}

#[test]
fn a_journal_on_a_full_disk_refuses() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"allow": ["Bash"]}}));
        // A small file system, filled to the last byte, that belongs to the user.
        let mounts = format!(
            "mount -t tmpfs -o size=64k,mode=755 none STATE\nmkdir -p STATE/palisade/journal\nchmod 700 STATE/palisade STATE/palisade/journal\n\
             FILL\nif [ $(id -u) = 0 ] && [ {uid} != 0 ] && [ -z \"$NOBODY\" ]; then chown -R {uid}:{uid} STATE || true; fi",
            uid = scene.uid()
        );
        let full = mounts.replace("FILL", "dd if=/dev/zero of=STATE/filler bs=4096 2>/dev/null || true");
        let roomy = mounts.replace("FILL", "true");
        let run = |mounts: &str| with_state(scene, scene.palisade(["run", "--", "touch", "made"]), mounts).run();
        let refused = run(&full);
        assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
        assert!(refused.stderr.contains("journal"), "{refused:#?}");
        assert!(
            refused.stderr.contains("check the disk, its free space and the permissions of the directory"),
            "no way forward: {refused:#?}"
        );
        let hooked = with_state(scene, scene.palisade(["hook", "claude"]).input(question(scene, "ls")), &full).run();
        assert!(keeps_from_happening(&hooked), "{hooked:#?}");
        let control = run(&roomy);
        assert_eq!((control.code, scene.exists("project/made")), (0, true), "{control:#?}");
    });
}

#[test]
fn a_journal_on_a_read_only_disk_refuses() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"allow": ["Bash"]}}));
        let read_only = "mount --bind STATE STATE\nmount -o remount,bind,ro STATE";
        let run = || with_state(scene, scene.palisade(["run", "--", "touch", "made"]), read_only).run();
        let hook =
            || with_state(scene, scene.palisade(["hook", "claude"]).input(question(scene, "ls")), read_only).run();
        // Once where there is no journal yet, and once where there is one.
        for round in ["none yet", "one from before"] {
            let refused = run();
            assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{round}: {refused:#?}");
            assert!(refused.stderr.contains("/state/palisade/journal"), "{round}: {refused:#?}");
            assert!(refused.stderr.contains("Read-only file system"), "{round}: {refused:#?}");
            assert!(
                refused.stderr.contains("check the disk, its free space and the permissions of the directory"),
                "{round}, no way forward: {refused:#?}"
            );
            let hooked = hook();
            assert!(keeps_from_happening(&hooked), "{round}: {hooked:#?}");
            let state = scene.path("state");
            assert_eq!(
                scene.palisade(["hook", "claude"]).input(question(scene, "ls")).env("XDG_STATE_HOME", state).run().code,
                0
            );
        }
    });
}

#[test]
fn a_project_behind_links_is_the_project() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"deny": ["Read(./secret.txt)", "Bash(curl *)"]}}));
        scene.write("project/secret.txt", "canary");
        symlink("project", scene.path("link")).unwrap();
        symlink("link", scene.path("twice")).unwrap();
        let through = scene.path("twice");
        scene.script(
            "project/attack",
            "pwd; cat secret.txt ../link/secret.txt; echo made > made; echo > ../outside; echo done",
        );
        let finished = scene.palisade(["run", "--", "./attack"]).cwd(&through).env("PWD", &through).run();
        assert_eq!(
            (finished.code, scene.told(&finished.stdout)),
            (0, "<scene>/project\ndone\n".into()),
            "{finished:#?}"
        );
        assert!(scene.exists("project/made") && !scene.exists("outside"));
        let trust = scene.palisade(["trust", "--json"]).cwd(&through).run();
        assert_eq!(trust.json()["folder"], json!(scene.project()));
        // The hook's input names the link.
        for (tool, input, decision) in [
            ("Read", json!({"file_path": through.join("secret.txt")}), "deny"),
            ("Read", json!({"file_path": "secret.txt"}), "deny"),
            ("Read", json!({"file_path": through.join("other.txt")}), "allow"),
            ("Bash", json!({"command": "cat secret.txt"}), "deny"),
        ] {
            let question =
                json!({"hook_event_name": "PreToolUse", "cwd": through, "tool_name": tool, "tool_input": input});
            let answer = scene.hook(question.to_string()).json();
            assert_eq!(answer["hookSpecificOutput"]["permissionDecision"], decision, "{tool} {input}: {answer:#}");
        }
        // A link out of the project leads out.
        symlink("../home", scene.path("project/way-out")).unwrap();
        let read = json!({"hook_event_name": "PreToolUse", "cwd": scene.project(), "tool_name": "Read", "tool_input": {"file_path": "way-out/x"}});
        assert_eq!(scene.hook(read.to_string()).json()["hookSpecificOutput"]["permissionDecision"], "ask");
    });
}

#[test]
fn a_directory_that_is_gone_is_told() {
    let scene = Scene::new(User::Own);
    scene.directory("gone");
    let text = format!("rmdir ../gone; {} run -- touch made", scene.program());
    let refused = scene.bash(&text).cwd(scene.path("gone")).run();
    assert_eq!(refused.code, 125, "{refused:#?}");
    assert!(refused.stderr.starts_with("palisade: nothing ran: the current directory is not known"), "{refused:#?}");
}

#[test]
fn a_command_of_20_megabytes_is_answered() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"allow": ["Bash"], "deny": ["Bash(curl *)"]}}));
        let long = |megabytes: usize| format!("echo {} ; curl x", "a ".repeat(megabytes * 512 * 1024));
        let refused = scene.hook(question(scene, &long(20)));
        assert_eq!(
            refused.told(scene),
            (2, String::new(), "palisade: refused: the hook input is larger than 16777216 bytes\n".into())
        );
        // Too long to be understood is not the same as forbidden: it asks, and says why.
        let hooked = scene.hook(question(scene, &long(8))).json();
        let hooked = &hooked["hookSpecificOutput"];
        assert_eq!(hooked["permissionDecision"], "ask");
        assert!(hooked["permissionDecisionReason"].as_str().unwrap().contains("it is too large or too deeply nested"));
        let line = json!({"tool_name": "Bash", "tool_input": {"command": long(20)}}).to_string();
        let checked = scene
            .palisade(["check"])
            .input(format!("{line}\n{}\n", json!({"id": 2, "tool_name": "Bash", "tool_input": {"command": "curl y"}})))
            .run();
        let answers = checked.lines();
        assert_eq!((checked.code, answers.len()), (0, 2));
        assert_eq!([&answers[0]["decision"], &answers[1]["decision"]], ["ask", "deny"]);
        assert!(answers[0]["reason"].as_str().unwrap().len() < 2_000);
        // Beyond the bound of a line it is not read, and the next line is.
        let line = json!({"tool_name": "Bash", "tool_input": {"command": long(40)}}).to_string();
        let checked = scene
            .palisade(["check"])
            .input(format!("{line}\n{}\n", json!({"id": 2, "tool_name": "Bash", "tool_input": {"command": "ls"}})))
            .run();
        assert_eq!(
            (checked.code, checked.lines()[0].clone()),
            (
                1,
                json!({"schema_version": 1, "id": null, "decision": "deny", "reason": "the line is longer than 33554432 bytes", "rule": null, "proof": null})
            )
        );
        assert_eq!(checked.lines()[1]["id"], 2);
    });
}

#[test]
fn a_command_too_long_to_be_handed_back_is_denied() {
    each_user(|scene| {
        scene.settings(&json!({"sandbox": {"enabled": true}, "permissions": {"allow": ["Bash(echo *)"]}}));
        let answer = |bytes: usize| {
            let question = question(scene, &format!("echo {} > made", "a".repeat(bytes)));
            scene.hook(question).json()["hookSpecificOutput"].clone()
        };
        let short = answer(90_000);
        let handed = short["updatedInput"]["command"].as_str().unwrap_or_else(|| panic!("{short:#}"));
        // It goes to a shell as text, the way the client does it.
        let finished = scene.call(["bash"].map(Into::into).to_vec()).input(handed).run();
        assert_eq!((finished.code, scene.read("project/made").len()), (0, 90_001), "{finished:#?}");
        let long = answer(200_000);
        assert_eq!((&long["permissionDecision"], &long["updatedInput"]), (&json!("deny"), &json!(null)));
    });
}

#[test]
fn arguments_that_are_no_text_are_told() {
    use std::os::unix::ffi::OsStringExt;
    let scene = Scene::new(User::Own);
    let word = std::ffi::OsString::from_vec(b"made\xff".to_vec());
    let argv = vec![scene.program().into(), "run".into(), "--".into(), "touch".into(), word];
    let refused = scene.call(argv).run();
    assert_eq!(refused.code, 125, "{refused:#?}");
    assert!(refused.stderr.starts_with("palisade: nothing ran: an argument is not UTF-8"), "{refused:#?}");
    let names: Vec<_> = std::fs::read_dir(scene.project()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [".git"]);
}

#[test]
fn a_report_that_cannot_be_written_is_told() {
    let scene = Scene::new(User::Own);
    let finished = scene.palisade(["run", "--report", "/nowhere/report.json", "--", "true"]).run();
    assert_eq!(finished.code, 125, "{finished:#?}");
    assert!(finished.stderr.contains("/nowhere/report.json cannot be written"), "{finished:#?}");
    // It is 125 only when nothing ran.
    let finished = scene.palisade(["run", "--report", "/nowhere/report.json", "--", "touch", "made"]).run();
    assert_eq!((finished.code == 125, scene.exists("project/made")), (true, false), "{finished:#?}");
}

#[test]
fn somebody_elses_journal_is_not_used() {
    if !is_root() {
        return;
    }
    let scene = Scene::new(User::Ordinary);
    scene.settings(&json!({"permissions": {"allow": ["Bash"]}}));
    // Root's directory, which everybody may write.
    let state = scene.path("state/palisade/journal");
    std::fs::create_dir_all(&state).unwrap();
    std::os::unix::fs::chown(scene.path("state"), Some(scene.uid()), None).unwrap();
    std::fs::set_permissions(&state, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let refused = scene.palisade(["run", "--", "touch", "made"]).env("XDG_STATE_HOME", scene.path("state")).run();
    assert_eq!((refused.code, scene.exists("project/made")), (125, false), "{refused:#?}");
    assert!(refused.stderr.contains("belongs to user 0, not to user "), "{refused:#?}");
}
