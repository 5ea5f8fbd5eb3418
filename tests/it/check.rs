//! `palisade check`: one answer a line, in order, and nothing on record.

use serde_json::{Value, json};

use crate::support::{Finished, Scene, User, each_user};

fn check(scene: &Scene, arguments: &[&str], lines: &[Value]) -> Finished {
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    scene.palisade([&["check"], arguments].concat()).input(input).run()
}

/// Returns the answers without their proofs: these are compared with those of `explain`.
fn without_proofs(finished: &Finished) -> Vec<Value> {
    let mut lines = finished.lines();
    for line in &mut lines {
        let proof =
            line.as_object_mut().unwrap().remove("proof").expect("each answer has a proof or says that it has none");
        let decided =
            proof["decision"] == line["decision"] && proof["reason"] == line["reason"] && proof["rule"] == line["rule"];
        assert!(decided || proof.is_null(), "{line:#} is not what its proof says: {proof:#}");
    }
    lines
}

fn call(id: impl Into<Value>, command: &str) -> Value {
    json!({"id": id.into(), "tool_name": "Bash", "tool_input": {"command": command}})
}

#[test]
fn answers_in_order_and_hands_ids_back() {
    each_user(|scene| {
        scene.settings(
            &json!({"permissions": {"allow": ["Bash(make *)"], "ask": ["Bash(git push *)"], "deny": ["Bash(curl *)"]}}),
        );
        let finished = check(
            scene,
            &[],
            &[
                call(1, "make all"),
                call("two", "git push origin"),
                call(json!({"three": [3]}), "make && curl x"),
                json!({"tool_name": "Read", "tool_input": {"file_path": "notes"}}),
                call(json!(null), "touch x"),
            ],
        );
        let rule = |text: &str, list: &str, line: u32| json!({"text": text, "list": list, "scope": "user", "file": "~/.claude/settings.json", "line": line});
        let answer = |id: Value, decision: &str, reason: &str, rule: Value| json!({"schema_version": 1, "id": id, "decision": decision, "reason": reason, "rule": rule});
        let expected = [
            answer(
                json!(1),
                "allow",
                "`make all` is allowed by the allow rule `Bash(make *)` (~/.claude/settings.json:4)",
                rule("Bash(make *)", "allow", 4),
            ),
            answer(
                json!("two"),
                "ask",
                "`git push origin` asks by the ask rule `Bash(git push *)` (~/.claude/settings.json:7)",
                rule("Bash(git push *)", "ask", 7),
            ),
            answer(
                json!({"three": [3]}),
                "deny",
                "`curl x` is denied by the deny rule `Bash(curl *)` (~/.claude/settings.json:10)",
                rule("Bash(curl *)", "deny", 10),
            ),
            answer(json!(null), "allow", "`notes` lies in the working directories", json!(null)),
            answer(json!(null), "ask", "no rule decides `touch x`, and mode `default` asks", json!(null)),
        ];
        assert_eq!(
            (finished.code, without_proofs(&finished).as_slice(), finished.stderr.as_str()),
            (0, &expected[..], "")
        );
        assert!(!scene.exists("home/.local"), "something is on record");
    });
}

#[test]
fn a_line_has_its_own_settings_mode_and_directory() {
    let scene = Scene::new(User::Own);
    let decide = |arguments: &[&str], line: Value| -> String {
        let finished = check(&scene, arguments, &[line]);
        finished.lines()[0]["decision"].as_str().unwrap().to_owned()
    };
    let with = |key: &str, value: Value| {
        let mut line = call(1, "touch made");
        line[key] = value;
        line
    };
    let allow = json!({"permissions": {"allow": ["Bash(touch *)"]}});
    let deny = json!({"permissions": {"deny": ["Bash(touch *)"]}});
    assert_eq!(decide(&[], call(1, "touch made")), "ask");
    assert_eq!(decide(&[], with("settings", allow.clone())), "allow");
    assert_eq!(decide(&["--settings", &allow.to_string()], call(1, "touch made")), "allow");
    assert_eq!(decide(&["--settings", &allow.to_string()], with("settings", deny.clone())), "deny");
    assert_eq!(decide(&["--settings", &deny.to_string()], with("settings", allow.clone())), "deny");
    assert_eq!(decide(&[], with("settings", json!({"permissions": {"deny": ["Bash(touch"]}}))), "deny");
    assert_eq!(decide(&[], with("permission_mode", "bypassPermissions".into())), "allow");
    assert_eq!(decide(&[], with("permission_mode", "dontAsk".into())), "deny");
    assert_eq!(decide(&["--mode", "dontAsk"], call(1, "touch made")), "deny");
    assert_eq!(decide(&["--mode", "dontAsk"], with("permission_mode", "default".into())), "ask");
    let mut read = json!({"tool_name": "Read", "tool_input": {"file_path": "x"}});
    assert_eq!(decide(&[], read.clone()), "allow");
    read["cwd"] = scene.text("home").into();
    assert_eq!(decide(&[], read), "ask");
    // The settings of one line say nothing about the next.
    let both = check(&scene, &[], &[with("settings", allow), call(2, "touch made")]);
    let decisions: Vec<Value> = both.lines().iter().map(|line| line["decision"].clone()).collect();
    assert_eq!(decisions, ["allow", "ask"]);
}

#[test]
fn only_given_settings_reads_nothing_else() {
    each_user(|scene| {
        let deny = json!({"permissions": {"deny": ["Bash(touch *)"]}});
        scene.settings(&deny);
        scene.write("project/.claude/settings.json", deny.to_string());
        let decide = |arguments: &[&str]| check(scene, arguments, &[call(1, "touch x")]).lines()[0]["decision"].clone();
        assert_eq!(decide(&[]), "deny");
        assert_eq!(decide(&["--only-given-settings"]), "ask");
        let allow = r#"{"permissions":{"allow":["Bash(touch *)"]}}"#;
        assert_eq!(decide(&["--only-given-settings", "--settings", allow]), "allow");
        // Another home and another directory stand in for the real ones; they need not exist.
        assert_eq!(decide(&["--home", "/nowhere/home", "--cwd", "/nowhere/project"]), "ask");
    });
}

#[test]
fn a_malformed_line_is_denied_and_the_next_one_answered() {
    each_user(|scene| {
        let fine = r#"{"id":9,"tool_name":"Read","tool_input":{"file_path":"x"}}"#;
        let rows: [(&[u8], &str); 9] = [
            (b"nonsense", "the line is not a call of the documented form: expected ident at line 1 column 2"),
            (
                b"{\"tool_name\":\"Bash\"",
                "the line is not a call of the documented form: EOF while parsing an object at line 1 column 19",
            ),
            (
                b"{\"tool_name\":\"Bash\"}",
                "the line is not a call of the documented form: missing field `tool_input` at line 1 column 20",
            ),
            (
                b"{\"tool_name\":\"Bash\",\"tool_input\":[]}",
                "the line is not a call of the documented form: invalid type: sequence, expected a map at line 1 column 33",
            ),
            (b"{\"tool_name\":\"Bash\",\"tool_input\":{},\"cwd\":\"x\"}", "`cwd` is no absolute path"),
            (b"{\"tool_name\":\"Bash\",\"tool_input\":{},\"permission_mode\":\"x\"}", "`x` is no permission mode"),
            (
                b"{\"tool_name\":\"Bash\",\"tool_input\":{},\"mode\":\"x\"}",
                "the line is not a call of the documented form: unknown field `mode`, expected one of `tool_name`, `tool_input`, `id`, `cwd`, `permission_mode`, `settings` at line 1 column 42",
            ),
            (b"\xff\xfe", "the line is not UTF-8 at byte 0"),
            (
                b"[]",
                "the line is not a call of the documented form: invalid length 0, expected struct CheckLine with 6 elements at line 1 column 2",
            ),
        ];
        let mut input = Vec::new();
        for (line, _) in rows {
            input.extend_from_slice(line);
            input.extend_from_slice(format!("\n\n   \n{fine}\r\n").as_bytes());
        }
        // The last line has no end.
        input.extend_from_slice(fine.as_bytes());
        let finished = scene.palisade(["check"]).input(input).run();
        let answered = json!({"schema_version": 1, "id": 9, "decision": "allow", "reason": "`x` lies in the working directories", "rule": null});
        let mut expected: Vec<Value> = Vec::new();
        for (_, reason) in rows {
            expected.push(json!({"schema_version": 1, "id": null, "decision": "deny", "reason": reason, "rule": null}));
            expected.push(answered.clone());
        }
        expected.push(answered);
        assert_eq!((finished.code, without_proofs(&finished)), (1, expected));
    });
}

#[test]
fn tells_what_is_wrong_in_the_settings_and_denies() {
    let scene = Scene::new(User::Own);
    scene.write("home/.claude/settings.json", "{\n  \"permissions\": {\"deny\": [\"Bash(\"]}\n}\n");
    let finished = check(&scene, &[], &[call(1, "ls")]);
    let reason = "the settings cannot be relied on: ~/.claude/settings.json:2: `Bash(` has no closing parenthesis";
    assert_eq!(
        without_proofs(&finished),
        [json!({"schema_version": 1, "id": 1, "decision": "deny", "reason": reason, "rule": null})]
    );
    assert_eq!(
        finished.stderr,
        "~/.claude/settings.json:2: error: `Bash(` has no closing parenthesis\n    write `Tool` or `Tool(specifier)`\n"
    );
}

#[test]
fn no_input_is_no_answer() {
    let scene = Scene::new(User::Own);
    assert_eq!(scene.palisade(["check"]).run().told(&scene), (0, String::new(), String::new()));
}

/// Every link to a directory above doubles the names of what lies there.
#[test]
fn links_that_lead_upwards_cost_no_more_than_a_question() {
    each_user(|scene| {
        scene.write("project/page", "text\n");
        scene.write("project/secret", "text\n");
        scene.settings(&json!({"permissions": {"allow": ["Bash(head *)"], "deny": ["Read(./secret)"]}}));
        let decisions = |scene: &Scene| {
            let lines = [call(1, "head up*"), call(2, "head up*/secret"), call(3, "head page")];
            let finished = check(scene, &[], &lines);
            let decisions: Vec<String> =
                finished.lines().iter().map(|line| line["decision"].as_str().unwrap().to_owned()).collect();
            decisions
        };
        std::os::unix::fs::symlink(".", scene.path("project/up0")).unwrap();
        assert_eq!(decisions(scene), ["allow", "deny", "allow"]);
        for number in 1..40 {
            std::os::unix::fs::symlink(".", scene.path(&format!("project/up{number}"))).unwrap();
        }
        let found = decisions(scene);
        assert_eq!((found[0].as_str(), found[2].as_str()), ("ask", "allow"));
        assert!(["ask", "deny"].contains(&found[1].as_str()), "{found:?}");
    });
}
