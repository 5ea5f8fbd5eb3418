//! `palisade trust`: whose word counts, and who can give it.

use serde_json::{Value, json};

use crate::support::{Scene, User, each_user};
use crate::terminal::Terminal;

/// Writes settings of the project that allow, and returns what they make of a call.
fn decision(scene: &Scene) -> Value {
    scene.palisade(["explain", "--json", "touch made"]).run().json()["decision"].clone()
}

fn scene_with_project_rules(scene: &Scene) {
    scene.write("project/.claude/settings.json", "{\n\"permissions\": {\"allow\": [\"Bash(touch *)\"]}}");
}

#[test]
fn a_folder_is_not_trusted_at_first() {
    each_user(|scene| {
        scene_with_project_rules(scene);
        assert_eq!(
            scene.palisade(["trust"]).run().told(scene),
            (
                1,
                "<scene>/project is not trusted\nits own settings may forbid and not allow; `palisade trust grant` changes that\n".into(),
                String::new()
            )
        );
        assert_eq!(
            scene.palisade(["trust", "--json"]).run().json(),
            json!({"schema_version": 1, "folder": scene.project(), "trusted": false, "by": "nobody"})
        );
        assert_eq!(decision(scene), "ask");
        assert!(!scene.exists("home/.config") && !scene.exists("home/.local"));
    });
}

#[test]
fn is_granted_by_a_person_at_a_terminal_only() {
    each_user(|scene| {
        scene_with_project_rules(scene);
        for input in ["", "y\n", "yes\n"] {
            assert_eq!(
                scene.palisade(["trust", "grant"]).input(input).run().told(scene),
                (3, String::new(), "palisade: not granted: trust is given by a person at a terminal\n".into())
            );
        }
        for answer in ["n\n", "\n", "yep\n", "\u{4}"] {
            let mut terminal = Terminal::start(&scene.palisade(["trust", "grant"]), 24, 200);
            terminal.expect("Trust this folder? [y/N] ");
            terminal.send(answer);
            let (code, shown) = terminal.wait();
            assert_eq!(code, 3, "{answer:?}: {shown}");
        }
        assert_eq!(decision(scene), "ask");
        assert!(!scene.exists("home/.config/palisade/trust.json"));

        let mut terminal = Terminal::start(&scene.palisade(["trust", "grant"]), 24, 200);
        terminal.expect("would begin to allow:");
        terminal.expect("allow `Bash(touch *)` at ");
        terminal.expect("/project/.claude/settings.json:2");
        terminal.expect("Trust this folder? [y/N] ");
        terminal.send("y\n");
        let (code, shown) = terminal.wait();
        assert_eq!(code, 0, "{shown}");
        assert_eq!(decision(scene), "allow");
        assert_eq!(
            scene.palisade(["trust", "show"]).run().told(scene),
            (
                0,
                "<scene>/project is trusted, by the word given to palisade\nits own settings may allow as well as forbid\n".into(),
                String::new()
            )
        );

        let withdrawn = scene.palisade(["trust", "withdraw"]).run();
        assert_eq!(withdrawn.told(scene), (0, "trust in <scene>/project is withdrawn\n".into(), String::new()));
        assert_eq!(decision(scene), "ask");
        let changes: Vec<Value> =
            scene.journal().iter().map(|record| json!([record["kind"], record["source"], record["trust"]])).collect();
        let row = |change: &str| json!(["trust", "trust", {"change": change, "folder": scene.project()}]);
        assert_eq!(changes, [row("granted"), row("withdrawn")]);
    });
}

#[test]
fn is_not_granted_from_inside_the_boundary() {
    each_user(|scene| {
        scene_with_project_rules(scene);
        let program = scene.program();
        // Its words would already be refused; what a script of the project does is seen by nobody.
        scene.script(
            "project/attack",
            &format!(
                "script -qec '{program} trust grant' /dev/null <<< y; yes | {program} trust grant; \
                 {program} trust grant < /dev/tty; mkdir -p ~/.config/palisade; \
                 echo '{{\"version\":1}}' > ~/.config/palisade/trust.json; echo '{{}}' > ~/.claude.json; echo tried; exit 7"
            ),
        );
        let finished = scene.palisade(["run", "--quiet", "--", "./attack"]).run();
        assert_eq!((finished.code, finished.stdout.ends_with("tried\n")), (7, true), "{finished:#?}");
        // With a terminal, and somebody who answers whatever is asked there.
        let mut terminal = Terminal::start(&scene.palisade(["run", "--quiet", "--", "./attack"]), 24, 200);
        terminal.send("y\ny\n");
        terminal.expect("tried");
        assert_eq!(terminal.wait().0, 7);
        assert!(!scene.exists("home/.claude.json"));
        assert!(!scene.exists("home/.config"));
        assert_eq!(decision(scene), "ask");
    });
}

#[test]
fn what_claude_code_recorded_counts_until_it_is_withdrawn_here() {
    each_user(|scene| {
        scene_with_project_rules(scene);
        let record = |accepted: Value| {
            let projects = json!({scene.text("project"): {"hasTrustDialogAccepted": accepted}});
            scene.write("home/.claude.json", json!({"numStartups": 3, "projects": projects}).to_string());
        };
        record(json!(true));
        assert_eq!(
            scene.palisade(["trust", "--json"]).run().json(),
            json!({"schema_version": 1, "folder": scene.project(), "trusted": true, "by": "claude"})
        );
        assert_eq!(decision(scene), "allow");
        for doubtful in [json!(false), json!("true"), json!(1), json!(null)] {
            record(doubtful.clone());
            assert_eq!(decision(scene), "ask", "{doubtful}");
        }
        record(json!(true));
        assert_eq!(scene.palisade(["trust", "withdraw"]).run().code, 0);
        assert_eq!(decision(scene), "ask");
        assert_eq!(
            scene.palisade(["trust", "--json"]).run().json(),
            json!({"schema_version": 1, "folder": scene.project(), "trusted": false, "by": "palisade"})
        );
    });
}

#[test]
fn trust_in_another_folder_does_not_count() {
    let scene = Scene::new(User::Own);
    scene_with_project_rules(&scene);
    for other in [scene.text("home"), scene.text("project/.git"), scene.text(""), "/".into()] {
        let projects = json!({other.clone(): {"hasTrustDialogAccepted": true}});
        scene.write("home/.claude.json", json!({"projects": projects}).to_string());
        assert_eq!(decision(&scene), "ask", "{other}");
    }
    // The folder may be named.
    let finished = scene.palisade(["trust", "show", &scene.text("project"), "--json"]).cwd("/").run();
    assert_eq!(finished.json()["folder"], json!(scene.project()));
}

#[test]
fn a_damaged_record_trusts_nothing_and_is_told() {
    each_user(|scene| {
        scene_with_project_rules(scene);
        scene.write("home/.claude.json", "{\n  \"projects\": {");
        let finished = scene.palisade(["trust"]).run();
        assert_eq!(finished.code, 1, "{finished:#?}");
        assert_eq!(
            finished.stderr,
            "~/.claude.json:2:15: warning: the folder is not trusted, because its record cannot be used: the file is empty or cut off\n    mend the file, or move it away and trust the folder anew\n"
        );
        std::fs::remove_file(scene.path("home/.claude.json")).unwrap();
        for text in [
            "",
            "{}",
            "{\"version\":2,\"folders\":[]}",
            "{\"version\":1,\"folders\":[{\"folder\":\"/x\",\"answer\":\"maybe\",\"at\":1}]}",
        ] {
            scene.write("home/.config/palisade/trust.json", text);
            let finished = scene.palisade(["trust"]).run();
            assert_eq!(finished.code, 1, "{text}: {finished:#?}");
            assert!(finished.stderr.starts_with("~/.config/palisade/trust.json"), "{text}: {finished:#?}");
            assert_eq!(decision(scene), "ask", "{text}");
        }
    });
}

#[test]
fn the_home_directory_is_never_trusted() {
    let scene = Scene::new(User::Own);
    let mut terminal = Terminal::start(&scene.palisade(["trust", "grant"]).cwd(scene.path("home")), 24, 200);
    // Whether it asks at all is its own affair.
    terminal.send("y\n");
    let (code, shown) = terminal.wait();
    assert!(code != 0 && shown.contains("is never trusted as a whole"), "{code}: {shown}");
    // What was not granted is not on record as granted.
    let log = scene.palisade(["audit", "log", "--json"]).run();
    assert!(!log.stdout.contains("granted"), "{log:#?}");
    assert!(!scene.exists("home/.config/palisade/trust.json"));
}
