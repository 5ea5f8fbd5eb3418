//! `palisade doctor` on machines that are really made wrong, as far as a test can do that.

use serde_json::{Value, json};

use crate::support::{Finished, Scene, each_user};
use crate::terminal::Terminal;

fn told(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:#?}"))
}

/// Returns the status of a check, its evidence and what helps.
fn check(report: &Value, id: &str) -> (String, String, String) {
    let all = report["checks"].as_array().unwrap();
    let found = all.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id}: {report:#}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&found["status"]), text(&found["evidence"]), text(&found["fixes"][0]["text"]))
}

fn fits(report: &Value, name: &str) -> bool {
    let all = report["situations"].as_array().unwrap();
    all.iter().find(|one| one["situation"] == name).unwrap()["fits"] == json!(true)
}

/// Fails when a check does but those of this machine's own disks and authorities, which a test has no hand in.
fn assert_well(finished: &Finished) {
    let report = told(finished);
    let all = report["checks"].as_array().unwrap();
    let failing = all.iter().filter(|check| check["status"] == "fail").map(|check| check["id"].as_str().unwrap());
    let own: Vec<&str> =
        failing.filter(|id| !["disk.journal", "disk.cache", "certificates", "clock"].contains(id)).collect();
    assert_eq!(own, [""; 0], "{report:#}");
    assert_eq!(finished.code == 0, report["ok"] == json!(true), "{finished:#?}");
}

/// Returns true where others could replace the program: it registers itself nowhere then.
fn is_skipped(report: &Value) -> bool {
    let all = report["checks"].as_array().unwrap();
    let is_told = |text: &str| ["can be replaced by others", "can replace it"].iter().any(|words| text.contains(words));
    let found = all.iter().find(|check| {
        check["fixes"]
            .as_array()
            .unwrap()
            .iter()
            .chain([&check["evidence"]])
            .any(|said| is_told(said.as_str().or(said["text"].as_str()).unwrap_or_default()))
    });
    if let Some(found) = found {
        println!("SKIPPED: this build lies where others can replace it: {found}");
    }
    found.is_some()
}

/// Puts an agent where its installer does.
fn with_agent(scene: &Scene) {
    scene.script("home/.local/share/claude/versions/2.1.329", "touch \"$HOME/the agent was started\"");
    scene.directory("home/.local/bin");
    std::os::unix::fs::symlink(
        scene.path("home/.local/share/claude/versions/2.1.329"),
        scene.path("home/.local/bin/claude"),
    )
    .unwrap();
}

fn hooks(command: &str) -> Value {
    let entry = json!([{"matcher": "*", "hooks": [{"type": "command", "command": command, "onFailure": "block"}]}]);
    json!({"hooks": {"PreToolUse": entry, "PostToolUse": entry, "PostToolUseFailure": entry}})
}

#[test]
fn a_hook_is_registered_after_it_is_shown_and_agreed_to() {
    each_user(|scene| {
        with_agent(scene);
        scene.settings(&json!({"model": "x", "env": {"A": "said nowhere"}}));
        let text = scene.read("home/.claude/settings.json");

        let told_first = scene.palisade(["doctor", "--json"]).run();
        let report = told(&told_first);
        assert_eq!((told_first.code, &report["ok"]), (1, &json!(false)), "{report:#}");
        assert_eq!(check(&report, "hook.registered").0, "fail", "{report:#}");
        if is_skipped(&report) {
            return;
        }
        let (status, evidence, _) = check(&report, "agent.claude");
        assert_eq!(status, "ok");
        assert!(evidence.starts_with("Claude Code 2.1.329 at "), "{evidence}");
        assert!(!scene.exists("home/the agent was started"), "no agent is started");

        let asked = scene.palisade(["doctor", "--fix"]).run();
        assert_eq!((asked.code, asked.stdout.as_str()), (4, ""), "{asked:#?}");
        let line = format!(
            "+     \"PreToolUse\": [{{ \"matcher\": \"*\", \"hooks\": [{{ \"type\": \"command\", \"command\": \"{}",
            scene.program()
        );
        assert!(asked.stderr.contains(&line), "{asked:#?}");
        assert!(!asked.stderr.contains("said nowhere"), "nothing else of the file is shown: {asked:#?}");
        assert_eq!(scene.read("home/.claude/settings.json"), text, "nothing is changed unasked");

        let fixed = scene.palisade(["doctor", "--fix", "--yes", "--json"]).run();
        let report = told(&fixed);
        assert_well(&fixed);
        assert_eq!(check(&report, "hook.program").0, "ok");
        let (status, evidence, _) = check(&report, "hook.answers");
        assert_eq!(status, "ok", "{evidence}");
        assert!(fits(&report, "personal") && !fits(&report, "team"), "{report:#}");
        let settings: Value = serde_json::from_str(&scene.read("home/.claude/settings.json")).unwrap();
        assert_eq!(settings["model"], "x");

        let records = scene.journal();
        assert_eq!(records.len(), 1, "the one question is recorded: {records:#?}");
        assert!(records[0]["session"].as_str().unwrap().starts_with("doctor-"), "{records:#?}");

        let again = scene.palisade(["doctor", "--fix", "--yes"]).run();
        assert!(again.stderr.contains("nothing that `--fix` could do"), "{again:#?}");
    });
}

#[test]
fn a_person_at_a_terminal_agrees_or_does_not() {
    each_user(|scene| {
        with_agent(scene);
        scene.settings(&json!({"model": "x"}));
        let text = scene.read("home/.claude/settings.json");
        if is_skipped(&told(&scene.palisade(["doctor", "--json"]).run())) {
            return;
        }
        let ask = |answer: &str| {
            let mut terminal = Terminal::start(&scene.palisade(["doctor", "--fix"]), 50, 200);
            terminal.expect("would register `");
            terminal.expect("Make these changes? [y/N] ");
            terminal.send(answer);
            terminal.wait()
        };
        for answer in ["n\n", "\n", "yep\n", "\u{4}"] {
            let (code, shown) = ask(answer);
            assert_eq!(code, 4, "{answer:?}: {shown}");
        }
        assert_eq!(scene.read("home/.claude/settings.json"), text);
        let (code, shown) = ask("y\n");
        assert!(code == 0 || code == 1, "it is looked at again: {shown}");
        assert_eq!(scene.read("home/.claude/settings.json").matches(&scene.program()).count(), 3);
    });
}

#[test]
fn a_settings_file_that_is_a_link_is_left_alone() {
    each_user(|scene| {
        with_agent(scene);
        scene.write("home/dots/settings.json", "{}\n");
        scene.directory("home/.claude");
        let link = scene.path("home/.claude/settings.json");
        std::os::unix::fs::symlink(scene.path("home/dots/settings.json"), link).unwrap();
        if is_skipped(&told(&scene.palisade(["doctor", "--json"]).run())) {
            return;
        }
        let found = scene.palisade(["doctor", "--fix", "--yes"]).run();
        assert_eq!((found.code, scene.read("home/dots/settings.json").as_str()), (1, "{}\n"), "{found:#?}");
        assert!(found.stderr.contains("is a link, which is not followed"), "{found:#?}");
    });
}

#[test]
fn a_stale_hook_is_named_and_not_started() {
    each_user(|scene| {
        let stale = scene.script("old/palisade", "touch \"$HOME/started\"; exit 0");
        let mut report = Value::Null;
        for (command, status) in [
            (format!("{} hook claude", stale.display()), "warn"),
            (format!("{} hook claude", scene.text("gone/palisade")), "fail"),
            (format!("{} hook claude; true", scene.program()), "warn"),
            (format!("\n{} hook claude", scene.program()), "warn"),
            ("'~/.tools/palisade' hook claude".to_owned(), "warn"),
            ("./palisade hook claude".to_owned(), "warn"),
        ] {
            scene.settings(&hooks(&command));
            report = told(&scene.palisade(["doctor", "--json"]).run());
            let (found, evidence, _) = check(&report, "hook.program");
            assert_eq!(found, status, "{evidence}");
            assert_eq!(check(&report, "hook.answers").0, "skip", "{command}");
            assert!(!fits(&report, "personal"), "{report:#}");
        }
        assert!(!scene.exists("home/started"), "another program is not started");

        // A bare name is the first on the path, wherever that is.
        scene.script("project/bin/palisade", "touch \"$HOME/started\"; exit 0");
        scene.settings(&hooks("palisade hook claude"));
        let path = format!("{}:/usr/bin:/bin", scene.text("project/bin"));
        let found = told(&scene.palisade(["doctor", "--json"]).env("PATH", &path).run());
        assert_eq!(check(&found, "hook.program").0, "warn", "{found:#}");
        assert_eq!(check(&found, "hook.answers").0, "skip", "{found:#}");
        assert!(!scene.exists("home/started"), "another program is not started");

        if is_skipped(&report) {
            return;
        }
        scene.settings(&hooks(&format!("{} hook claude", scene.text("gone/palisade"))));
        let fixed = scene.palisade(["doctor", "--fix", "--yes", "--json"]).run();
        let report = told(&fixed);
        assert_eq!(check(&report, "hook.answers").0, "ok", "{fixed:#?}");
        assert_eq!(scene.read("home/.claude/settings.json").matches(&scene.program()).count(), 3);

        scene.settings(&json!({"disableAllHooks": true}));
        let report = told(&scene.palisade(["doctor", "--json"]).run());
        assert_eq!(check(&report, "hook.registered").0, "fail", "{report:#}");
    });
}

#[test]
fn a_hook_is_asked_as_it_is_written_and_a_copy_is_as_good() {
    each_user(|scene| {
        scene.directory("home/.tools");
        std::fs::copy(scene.program(), scene.path("home/.tools/palisade")).unwrap();
        for command in ["~/.tools/palisade hook claude", "\"$HOME/.tools/palisade\" hook claude"] {
            scene.settings(&hooks(command));
            let report = told(&scene.palisade(["doctor", "--json"]).run());
            let (status, evidence, _) = check(&report, "hook.answers");
            assert_eq!((status.as_str(), check(&report, "hook.program").0.as_str()), ("ok", "ok"), "{evidence}");
        }
    });
}

#[test]
fn refused_namespaces_are_named_with_their_fix() {
    each_user(|scene| {
        let limit = "echo 0 > /proc/sys/user/max_user_namespaces";
        let program = scene.program();
        let line = format!("exec unshare --user --map-root-user bash -c '{limit}; exec {program} doctor --json'");
        let report = told(&scene.bash(&line).run());
        let (status, evidence, fix) = check(&report, "user-namespaces");
        assert_eq!(
            (status.as_str(), fix.as_str()),
            ("warn", "sudo sysctl -w user.max_user_namespaces=15000"),
            "{evidence}"
        );
        assert_eq!(
            (&report["tier"], check(&report, "boundary").0.as_str()),
            (&json!("landlock"), "warn"),
            "{report:#}"
        );
        assert!(!fits(&report, "ci") && !fits(&report, "untrusted"), "{report:#}");
    });
}

#[test]
fn no_landlock_is_no_boundary() {
    each_user(|scene| {
        let refuse = "strace -f -q -o /dev/null -e trace=landlock_create_ruleset \
                      -e inject=landlock_create_ruleset:error=EOPNOTSUPP";
        let tried = scene.bash(&format!("exec {refuse} true")).run();
        if tried.code != 0 {
            println!("SKIPPED: no call can be refused here: {}", tried.stderr);
            return;
        }
        let found = scene.bash(&format!("exec {refuse} {} doctor --json", scene.program())).run();
        let report = told(&found);
        assert_eq!((found.code, &report["tier"]), (1, &Value::Null), "{report:#}");
        let (status, evidence, fix) = check(&report, "landlock");
        assert_eq!(status, "fail", "{evidence}");
        assert!(fix.contains("lsm="), "{fix}");
        assert!(!["personal", "ci"].into_iter().any(|name| fits(&report, name)), "{report:#}");
    });
}

#[test]
fn a_full_disk_is_named_and_the_hook_says_so_too() {
    each_user(|scene| {
        let state = scene.directory("home/.local/state").display().to_string();
        scene.settings(&hooks(&format!("{} hook claude", scene.program())));
        let mount = format!(
            "mount -t tmpfs -o size=64k,mode=777 none {state}\ninstall -d -m 700 -o {uid} -g {uid} {state}/palisade {state}/palisade/journal\n\
             dd if=/dev/zero of={state}/filler bs=1k count=100 2> /dev/null || true",
            uid = scene.uid()
        );
        let found = scene.palisade(["doctor", "--json"]).after_mounts(&mount).run();
        let report = told(&found);
        assert_eq!(found.code, 1, "{found:#?}");
        let (status, evidence, _) = check(&report, "disk.journal");
        assert!(status == "fail" && evidence.starts_with("0 MiB free at "), "{evidence}");
        let (status, evidence, _) = check(&report, "hook.answers");
        assert!(status == "fail" && evidence.contains("nothing was recorded: "), "{evidence}");

        let mount = format!("mount -t tmpfs -o ro,mode=755 none {state}");
        let report = told(&scene.palisade(["doctor", "--json"]).after_mounts(&mount).run());
        let (status, evidence, _) = check(&report, "disk.journal");
        assert!(status == "fail" && evidence.contains("read-only"), "{evidence}");
    });
}

#[test]
fn a_clock_behind_the_program_is_named() {
    each_user(|scene| {
        scene.directory("later");
        let copy = scene.path("later/palisade");
        std::fs::copy(scene.program(), &copy).unwrap();
        let line = format!("touch -d '2 days' {copy}; exec {copy} doctor --json", copy = copy.display());
        scene.write("later/made", "");
        std::os::unix::fs::chown(&copy, Some(scene.uid()), None).unwrap();
        let report = told(&scene.bash(&line).run());
        let (status, evidence, fix) = check(&report, "clock");
        assert_eq!((status.as_str(), fix.as_str()), ("fail", "sudo timedatectl set-ntp true"), "{evidence}");
    });
}

#[test]
fn a_changed_journal_and_open_files_are_named() {
    each_user(|scene| {
        let _ = scene.hook(
            json!({"hook_event_name": "PreToolUse", "session_id": "s", "cwd": scene.text("project"),
            "tool_name": "Bash", "tool_input": {"command": "ls one"}})
            .to_string(),
        );
        let directory = scene.path("home/.local/state/palisade/journal");
        let change = format!("sed -i 's/ls one/ls two/' $(grep -l 'ls one' {}/*)", directory.display());
        assert_eq!(scene.bash(&change).run().code, 0);
        scene.settings(&json!({}));
        assert_eq!(scene.bash("chmod 666 ~/.claude/settings.json").run().code, 0);
        let found = scene.palisade(["doctor", "--json"]).run();
        let report = told(&found);
        assert_eq!((found.code, check(&report, "journal").0.as_str()), (1, "fail"), "{report:#}");
        assert_eq!(check(&report, "private-files").0, "fail", "{report:#}");
        assert!(!fits(&report, "ci"), "{report:#}");

        let fixed = told(&scene.palisade(["doctor", "--fix", "--yes", "--json"]).run());
        assert_eq!(check(&fixed, "private-files").0, "ok", "{fixed:#}");
        assert_eq!(check(&fixed, "journal").0, "fail", "no fix touches a journal: {fixed:#}");
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the proxy of the host is played here")]
fn proxies_and_authorities_of_the_environment() {
    each_user(|scene| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let with = |proxy: &str| told(&scene.palisade(["doctor", "--json"]).env("https_proxy", proxy).run());
        let report = with(&format!("http://me:secret@{address}"));
        let (status, evidence, _) = check(&report, "proxy");
        assert_eq!((status.as_str(), evidence.contains("secret")), ("ok", false), "{evidence}");
        assert_eq!(check(&with("http://proxy.example:3128"), "proxy").0, "warn");
        let (status, evidence, _) = check(&with("http://:secret/secret"), "proxy");
        assert_eq!((status.as_str(), evidence.contains("secret")), ("fail", false), "{evidence}");
        // A port that a connection has is nobody else's, and nobody listens there.
        let taken = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(check(&with(&format!("http://{}", taken.local_addr().unwrap())), "proxy").0, "fail");

        assert_eq!(scene.bash("mkfifo ~/pipe.pem").run().code, 0);
        for name in ["gone.pem", "pipe.pem"] {
            let path = scene.text(&format!("home/{name}"));
            let call = scene.palisade(["doctor", "--json"]).env("NODE_EXTRA_CA_CERTS", path);
            assert_eq!(check(&told(&call.run()), "certificates").0, "fail", "{name}");
        }
    });
}

#[test]
fn a_situation_that_is_asked_about_decides_the_exit_code() {
    each_user(|scene| {
        let ask = |name: &str| scene.palisade(["doctor", "--for", name]).run();
        let (ci, regulated) = (scene.palisade(["doctor", "--for", "ci", "--json"]).run(), ask("regulated"));
        assert!(fits(&told(&ci), "ci"), "{ci:#?}");
        assert_well(&ci);
        assert_eq!(regulated.code, 1, "{regulated:#?}");
        assert!(regulated.stdout.contains("lacks a policy that users cannot change"), "{regulated:#?}");
    });
}
