//! `palisade explain`: the decision for a person, and nothing on record.

use serde_json::{Value, json};

use crate::support::{Scene, User, each_user};

#[test]
fn shows_each_part_and_the_rule_that_decided() {
    each_user(|scene| {
        scene
            .settings(&json!({"permissions": {"allow": ["Bash(make *)"], "deny": ["Read(./.env)", "Bash(cat .env)"]}}));
        let finished = scene.palisade(["explain", "make all && cat .env"]).run();
        assert_eq!(
            finished.told(scene),
            (
                3,
                "deny: `cat .env` is denied by the deny rule `Read(./.env)` (~/.claude/settings.json:7)

understood as
  allow  make all
         runs `make`
         runs what the project or a file says
         because `make all` is allowed by the allow rule `Bash(make *)` (~/.claude/settings.json:4)
  deny  cat .env
         runs `cat`
         reads <scene>/project/.env
         changes nothing
         this decides

decided by deny `Read(./.env)` at ~/.claude/settings.json:7
without it deny: `cat .env` is denied by the deny rule `Bash(cat .env)` (~/.claude/settings.json:8)

also matched
  deny `Bash(cat .env)` at ~/.claude/settings.json:8  (another rule of its list came first)

mode default
way forward narrow or remove `Read(./.env)` at ~/.claude/settings.json:7; no allow rule opens a deny
"
                .into(),
                String::new()
            )
        );
        assert!(!scene.exists("home/.local"), "something is on record");
    });
}

#[test]
fn answers_as_json() {
    let scene = Scene::new(User::Own);
    scene.settings(&json!({"permissions": {"allow": ["Bash(make *)"]}}));
    let finished = scene.palisade(["explain", "--json", "make all"]).run();
    let reason = "`make all` is allowed by the allow rule `Bash(make *)` (~/.claude/settings.json:4)";
    let rule =
        json!({"text": "Bash(make *)", "list": "allow", "scope": "user", "file": "~/.claude/settings.json", "line": 4});
    let does = "runs what the project or a file says";
    assert_eq!(
        (finished.code, finished.json()),
        (
            0,
            json!({
                "schema_version": 1,
                "decision": "allow",
                "reason": reason,
                "rule": rule,
                "proof": {
                    "decision": "allow",
                    "reason": reason,
                    "rule": rule,
                    "without_rule": {"decision": "ask", "reason": "no rule decides `make all`, and mode `default` asks"},
                    "also_matched": [],
                    "way_forward": "remove `Bash(make *)` at ~/.claude/settings.json:4 to be asked, or deny it to refuse it",
                    "missing_rules": [],
                    "mode": "default",
                    "boundary": null,
                    "marks": [],
                    "parts": [{
                        "text": "make all", "start": 0, "end": 8, "started_by": null,
                        "effects": [
                            {"kind": "runs", "what": "make", "below": false, "links": false, "words": "runs `make`"},
                            {"kind": "does", "what": does, "below": false, "links": false, "words": does},
                        ],
                        "would_lose": [],
                        "decision": "allow", "reason": reason, "rule": rule,
                    }],
                },
                "diagnostics": [],
            })
        )
    );
}

#[test]
fn the_exit_code_is_the_decision() {
    let scene = Scene::new(User::Own);
    scene.settings(&json!({
        "permissions": {
            "allow": ["Bash(make *)", "WebFetch(domain:example.com)"],
            "deny": ["Bash(curl *)", "Read(~/.ssh/**)", "mcp__db__drop"],
        },
    }));
    let rows: [(&[&str], i32); 14] = [
        (&["make"], 0),
        (&["ls"], 0),
        (&["touch x"], 4),
        (&["rm -rf /"], 4),
        (&["curl x"], 3),
        (&["--mode", "dontAsk", "touch x"], 3),
        (&["--mode", "acceptEdits", "touch x"], 0),
        (&["--mode", "bypassPermissions", "curl x"], 3),
        (&["--tool", "Read", "~/.ssh/id_ed25519"], 3),
        (&["--tool", "Read", "x"], 0),
        (&["--tool", "WebFetch", "https://example.com/a"], 0),
        (&["--tool", "WebFetch", "https://example.org/a"], 4),
        (&["--tool", "mcp__db__drop", "x"], 3),
        (&["--settings", r#"{"permissions":{"deny":["Bash"]}}"#, "ls"], 3),
    ];
    for (arguments, code) in rows {
        let finished = scene.palisade([&["explain"], arguments].concat()).run();
        assert_eq!(finished.code, code, "{arguments:?}: {finished:#?}");
    }
}

/// What is explained is what is decided.
#[test]
fn agrees_with_the_hook_and_with_check() {
    let scene = Scene::new(User::Own);
    scene.settings(&json!({"permissions": {"allow": ["Bash(git *)"], "ask": ["Bash(git push *)"], "deny": ["Bash(* --force *)", "Edit(./lib/**)"]}}));
    for command in [
        "git status",
        "git push origin",
        "git push --force x",
        "cat a | tee lib/b",
        "echo $(git push x)",
        "for x in 1 2; do git log; done",
        "x='",
        "",
        "#",
        "rm -rf ~",
        "éàü \u{202e} ls",
        "x=$(date); rm -rf $x; eval $y",
        "alias a=b; $a b",
    ] {
        let told = scene.palisade(["explain", "--", command]).run().stdout;
        let explained = scene.palisade(["explain", "--json", "--", command]).run().json();
        let line = json!({"tool_name": "Bash", "tool_input": {"command": command}}).to_string();
        let checked = scene.palisade(["check"]).input(line).run().json();
        let question = json!({
            "hook_event_name": "PreToolUse", "cwd": scene.project(), "tool_name": "Bash", "tool_input": {"command": command},
        });
        let hooked = scene.hook(question.to_string()).json();
        assert_eq!(explained["proof"], checked["proof"], "{command}");
        let proof = &explained["proof"];
        assert_eq!(proof["decision"], hooked["hookSpecificOutput"]["permissionDecision"], "{command}");
        let reason = proof["reason"].as_str().unwrap();
        let words = match proof["way_forward"].as_str() {
            Some(way) if proof["decision"] != "allow" => format!("Palisade: {reason}. Way forward: {way}"),
            Some(_) | None => format!("Palisade: {reason}"),
        };
        assert_eq!(hooked["hookSpecificOutput"]["permissionDecisionReason"], words, "{command}");
        for line in lines_of(proof) {
            assert!(told.contains(&line), "{command}: {line:?} is not in {told}");
        }
    }
}

/// Returns the pieces of a proof that a person must see.
fn lines_of(proof: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut lines = vec![text(&proof["reason"]), text(&proof["mode"])];
    lines.extend(list(&proof["marks"]).iter().map(|mark| text(&mark["why"])));
    lines.extend(list(&proof["also_matched"]).iter().map(|rule| text(&rule["rule"]["text"])));
    lines.extend(proof["rule"]["text"].as_str().map(str::to_owned));
    for part in list(&proof["parts"]) {
        lines.extend(list(&part["effects"]).iter().chain(&list(&part["would_lose"])).map(|one| text(&one["words"])));
    }
    lines
}

/// What is marked is a field of its own: what it is, where it stands, and why.
#[test]
fn what_is_not_known_is_marked() {
    let scene = Scene::new(User::Own);
    let proof = scene.palisade(["explain", "--json", "--", "=ls; $a b; eval $c; frobnicate \"$d\""]).run().json();
    let mark = |kind: &str, what: &str, why: &str, part: Value, place: [u64; 2]| {
        json!({
            "kind": kind, "what": what, "why": why, "part": part, "start": place[0], "end": place[1],
        })
    };
    let late = "not known before it runs";
    let (word, program) = (late, format!("which program it runs is {late}"));
    let expected = json!([
        mark("text", "=ls", "shells differ in how they read it", json!(null), [0, 3]),
        mark("meaning", "=ls", "what `=ls` does is not listed", json!(0), [0, 3]),
        mark("program", "$a b", &program, json!(1), [5, 9]),
        mark("word", "$a", word, json!(1), [5, 9]),
        mark("word", "$c", word, json!(2), [11, 18]),
        mark("suspicious", "eval $c", "`eval` runs text or changes what later words mean", json!(2), [11, 18]),
        mark("word", "\"$d\"", word, json!(3), [20, 35]),
        mark("meaning", "frobnicate \"$d\"", "what `frobnicate` does is not listed", json!(3), [20, 35]),
    ]);
    assert_eq!(proof["proof"]["marks"], expected, "{:#}", proof["proof"]["marks"]);
}

#[test]
fn what_would_move_the_terminal_is_spelled_out() {
    let scene = Scene::new(User::Own);
    let finished = scene.palisade(["explain", "echo \u{1b}[2J \u{202e}x"]).run();
    assert!(!finished.stdout.contains('\u{1b}') && !finished.stdout.contains('\u{202e}'), "{finished:#?}");
}

/// A shell's pattern follows the links that it matches: where they lead counts.
#[test]
fn a_pattern_is_what_its_links_lead_to() {
    let scene = Scene::new(User::Own);
    scene.write("home/keys/id", "key");
    scene.write("project/plain", "text");
    let verdict = |command: &str| scene.palisade(["explain", command]).run().code;
    assert_eq!(verdict("cat p*"), 0);
    std::os::unix::fs::symlink(scene.path("home/keys/id"), scene.path("project/pw")).unwrap();
    assert_eq!(verdict("cat p*"), 4, "it leads out of the project");
    assert_eq!(verdict("cat plai*"), 0);
    scene.settings(&json!({"permissions": {"allow": ["Bash"], "deny": ["Read(~/keys/**)"]}}));
    assert_eq!(verdict("cat p*"), 3, "it leads to what is denied");
}
