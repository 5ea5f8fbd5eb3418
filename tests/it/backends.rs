//! `palisade run --ci`, and `--backend`: the same plan by other hands.

use serde_json::{Value, json};

use crate::support::{Finished, Scene, each_user};

/// Where a service of continuous integration finds the report.
const REPORT: &str = "project/palisade-report.json";

fn report(scene: &Scene, name: &str) -> Value {
    serde_json::from_str(&scene.read(name)).unwrap()
}

#[test]
fn ci_writes_its_report_where_the_command_cannot() {
    each_user(|scene| {
        let forging = "echo forged > palisade-report.json; rm -f palisade-report.json; mv palisade-report.json moved; \
                       echo made > made; exit 3";
        let finished = scene.palisade(["run", "--ci", "--", "sh", "-c", forging]).run();
        assert_eq!(finished.code, 3, "{finished:#?}");
        assert_eq!(scene.read("project/made"), "made\n");
        assert!(!scene.exists("project/moved"));
        let said = report(scene, REPORT);
        assert_eq!((&said["ran"], &said["exit"]["code"]), (&json!(true), &json!(3)));
        let refused = said["refused"].as_array().unwrap();
        let by_us = refused.iter().filter(|row| row["by"] == "Palisade's own file").count();
        assert!(by_us >= 3, "{refused:#?}");
        let finished = scene.palisade(["run", "--ci", "--report", "other.json", "--", "true"]).run();
        assert_eq!(finished.code, 0, "{finished:#?}");
        assert_eq!(report(scene, "project/other.json")["ran"], true);
    });
}

#[test]
fn ci_refuses_what_would_ask() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"ask": ["Bash(touch *)"], "deny": ["Bash(rm *)"]}}));
        for (argv, rule) in [(["touch", "made"], "Bash(touch *)"), (["rm", "made"], "Bash(rm *)")] {
            let finished = scene.palisade(["run", "--ci", "--"].iter().chain(&argv)).run();
            assert_eq!(finished.code, 125, "{finished:#?}");
            let said = report(scene, REPORT);
            assert_eq!((&said["ran"], &said["decision"]["rule"]["text"]), (&json!(false), &json!(rule)));
            assert!(!scene.exists("project/made"));
        }
        // Whoever types it answers the question.
        assert_eq!(scene.palisade(["run", "--", "touch", "made"]).run().code, 0);
        assert!(scene.exists("project/made"));
    });
}

#[test]
fn ci_reports_what_failed_before_any_decision() {
    each_user(|scene| {
        scene.write("state", "a file where the journal's directory should be");
        let finished = scene.palisade(["run", "--ci", "--", "true"]).env("XDG_STATE_HOME", scene.path("state")).run();
        assert_eq!(finished.code, 125, "{finished:#?}");
        let said = report(scene, REPORT);
        assert_eq!((&said["ran"], &said["decision"]), (&json!(false), &Value::Null));
        assert!(said["reason"].as_str().unwrap().contains("the journal cannot be used"), "{said:#}");
        // A link there leads where an earlier command wants.
        std::fs::remove_file(scene.path(REPORT)).unwrap();
        std::os::unix::fs::symlink(scene.path("home/elsewhere"), scene.path(REPORT)).unwrap();
        let finished = scene.palisade(["run", "--ci", "--", "touch", "made"]).run();
        assert_eq!(finished.code, 125, "{finished:#?}");
        assert!(!scene.exists("home/elsewhere") && !scene.exists("project/made"));
        // Another name for it is one by which a command could write.
        std::fs::remove_file(scene.path(REPORT)).unwrap();
        std::fs::hard_link(scene.write("project/other", "kept"), scene.path(REPORT)).unwrap();
        let finished = scene.palisade(["run", "--ci", "--", "touch", "made"]).run();
        assert_eq!(finished.code, 125, "{finished:#?}");
        assert_eq!((scene.read("project/other").as_str(), scene.exists("project/made")), ("kept", false));
    });
}

#[test]
fn bubblewrap_is_taken_or_nothing_runs() {
    each_user(|scene| {
        let backend = |require: &str| -> Finished {
            let words = ["run", "--backend", "bubblewrap", "--report", "report.json", "--require", require, "--"];
            scene.palisade(words.iter().chain(&["sh", "-c", "echo made > made"])).run()
        };
        let finished = backend("no-sockets");
        assert_eq!(finished.code, 125, "{finished:#?}");
        assert!(!scene.exists("project/made"));
        let finished = backend("mount-namespace");
        if finished.code == 125 && finished.stderr.contains("the backend `bubblewrap` cannot hold this") {
            println!("SKIPPED: no bubblewrap here: {}", finished.stderr);
            assert!(!scene.exists("project/made"));
            return;
        }
        assert_eq!((finished.code, scene.read("project/made")), (0, "made\n".to_owned()), "{finished:#?}");
        assert_eq!(report(scene, "project/report.json")["tier"], "bubblewrap");
    });
}
