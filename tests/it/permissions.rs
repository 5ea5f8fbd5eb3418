//! `palisade permissions`: every rule with its list, file and line, and every entry that does not count.

use serde_json::{Value, json};

use crate::support::{Scene, User, each_user, managed};

#[test]
fn shows_every_rule_in_the_order_of_asking() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"allow": ["Bash(make *)"], "deny": ["Read(./.env)"], "defaultMode": "acceptEdits"}}));
        scene.write("home/.config/palisade/settings.json", "{\n\"permissions\": {\n\"ask\": [\"Bash(git push *)\"]}}");
        scene.write(
            "project/.claude/settings.json",
            r#"{"permissions": {"allow": ["Bash(npm *)"], "deny": ["Bash(curl *)"]}}"#,
        );
        let finished = scene.palisade(["permissions"]).run();
        assert_eq!(
            finished.told(scene),
            (
                0,
                "mode acceptEdits  ~/.claude/settings.json:9
folder <scene>/project  not trusted: its allow rules do not count

rules, in the order in which they are asked
  deny   Bash(curl *)      project <scene>/project/.claude/settings.json:1
  deny   Read(./.env)      user ~/.claude/settings.json:7
  ask    Bash(git push *)  user ~/.config/palisade/settings.json:3
  allow  Bash(make *)      user ~/.claude/settings.json:4

written, and not in force
  allow  Bash(npm *)       project <scene>/project/.claude/settings.json:1
         the folder is not trusted: run `palisade trust grant` in it

files, from the lowest to the highest
  user     ~/.claude/settings.json  read
  user     ~/.config/palisade/settings.json  read
  project  <scene>/project/.claude/settings.json  read
  project  <scene>/project/.palisade/settings.json  absent
  local    <scene>/project/.claude/settings.local.json  absent
  local    <scene>/project/.palisade/settings.local.json  absent
  managed  /etc/claude-code/managed-settings.json  absent
  managed  /etc/claude-code/managed-settings.d  absent
  managed  /etc/palisade/settings.json  absent
  managed  /etc/palisade/settings.d  absent
"
                .into(),
                String::new()
            )
        );
        let row = |text: &str, list: &str, scope: &str, file: &str, line: u32| json!({"text": text, "list": list, "scope": scope, "file": file, "line": line});
        let project = scene.text("project/.claude/settings.json");
        let mut answer = scene.palisade(["permissions", "--json", "--mode", "plan"]).run().json();
        let files = answer["files"].take();
        assert_eq!(files[0]["path"], json!(scene.text("home/.claude/settings.json")));
        assert_eq!(files.as_array().map(Vec::len), Some(10));
        assert_eq!(
            answer,
            json!({
                "schema_version": 1,
                "mode": "plan",
                "mode_origin": "--mode",
                "folder": scene.text("project"),
                "files": null,
                "trusted": false, "limits": [],
                "rules": [
                    row("Bash(curl *)", "deny", "project", &project, 1),
                    row("Read(./.env)", "deny", "user", "~/.claude/settings.json", 7),
                    row("Bash(git push *)", "ask", "user", "~/.config/palisade/settings.json", 3),
                    row("Bash(make *)", "allow", "user", "~/.claude/settings.json", 4),
                ],
                "inactive": [{
                    "rule": row("Bash(npm *)", "allow", "project", &project, 1),
                    "why": "the folder is not trusted: run `palisade trust grant` in it",
                }],
                "diagnostics": [],
            })
        );
        assert!(!scene.exists("home/.local"), "something is on record");
    });
}

#[test]
fn the_administrators_files_stand_highest() {
    each_user(|scene| {
        scene.write("etc/palisade/settings.json", r#"{"permissions": {"deny": ["Bash(one *)"]}}"#);
        scene.write("etc/palisade/settings.d/20-more.json", r#"{"permissions": {"deny": ["Bash(two *)"]}}"#);
        scene.write(
            "etc/claude-code/managed-settings.json",
            r#"{"permissions": {"deny": ["Bash(three *)"]}, "allowManagedPermissionRulesOnly": true}"#,
        );
        scene.write("etc/claude-code/managed-settings.d/10-more.json", r#"{"permissions": {"ask": ["Bash(four *)"]}}"#);
        scene.settings(&json!({"permissions": {"allow": ["Bash(five *)"]}}));
        let finished = managed(scene, scene.palisade(["permissions", "--json"])).run();
        let answer = finished.json();
        let rules: Vec<Value> = answer["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| json!([rule["text"], rule["scope"], rule["file"]]))
            .collect();
        for expected in [
            json!(["Bash(one *)", "managed", "/etc/palisade/settings.json"]),
            json!(["Bash(two *)", "managed", "/etc/palisade/settings.d/20-more.json"]),
            json!(["Bash(three *)", "managed", "/etc/claude-code/managed-settings.json"]),
            json!(["Bash(four *)", "managed", "/etc/claude-code/managed-settings.d/10-more.json"]),
        ] {
            assert!(rules.contains(&expected), "no {expected} in {answer:#}");
        }
        assert_eq!(rules.len(), 4, "{answer:#}");
        assert_eq!(answer["inactive"][0]["rule"]["text"], "Bash(five *)", "{answer:#}");
    });
}

/// Returns the diagnostics of user settings as `file:line:column: severity: message / hint`, and the exit code.
fn diagnosed(scene: &Scene, file: &str, text: impl AsRef<[u8]>) -> (i32, Vec<String>) {
    let path = scene.write(file, text);
    let finished = scene.palisade(["permissions"]).run();
    std::fs::remove_file(path).unwrap();
    let told = scene.told(&finished.stderr);
    let mut rows: Vec<String> = Vec::new();
    for line in told.lines() {
        match line.strip_prefix("    ") {
            Some(hint) => rows.last_mut().unwrap().push_str(&format!(" / {hint}")),
            None => rows.push(line.to_owned()),
        }
    }
    (finished.code, rows)
}

const CLAUDE: &str = "home/.claude/settings.json";
const OWN: &str = "home/.config/palisade/settings.json";

#[test]
fn names_what_does_not_count_and_what_was_meant() {
    let scene = Scene::new(User::Own);
    let one = |row: &str| vec![row.to_owned()];
    // In Claude Code's files a key of another program is its own affair; one that is nearly ours is told.
    assert_eq!(diagnosed(&scene, CLAUDE, r#"{"model": "x", "theme": 1}"#), (0, vec![]));
    assert_eq!(
        diagnosed(&scene, CLAUDE, "{\n \"permisions\": {\"deny\": [\"Bash\"]}}"),
        (1, one("~/.claude/settings.json:2:2: warning: there is no key `permisions` / did you mean `permissions`?"))
    );
    assert_eq!(
        diagnosed(&scene, CLAUDE, r#"{"deny": ["Bash"]}"#),
        (1, one("~/.claude/settings.json:1:2: warning: there is no key `deny` / it belongs at `permissions.deny`"))
    );
    assert_eq!(
        diagnosed(&scene, CLAUDE, r#"{"permissions": {"allow": ["Bash(make"]}}"#),
        (
            1,
            one(
                "~/.claude/settings.json:1: warning: `Bash(make` has no closing parenthesis / write `Tool` or `Tool(specifier)`"
            )
        )
    );
    // In Palisade's own files every key must be known, and what tightens must be readable everywhere.
    assert_eq!(
        diagnosed(&scene, OWN, r#"{"model": "x"}"#),
        (5, one("~/.config/palisade/settings.json:1:2: error: there is no key `model` / remove it: it has no effect"))
    );
    assert_eq!(
        diagnosed(&scene, OWN, r#"{"permissions": {"denny": ["Bash"]}}"#),
        (
            5,
            one(
                "~/.config/palisade/settings.json:1:18: error: there is no key `permissions.denny` / did you mean `deny`?"
            )
        )
    );
    assert_eq!(
        diagnosed(&scene, CLAUDE, r#"{"permissions": {"deny": ["Bash(make"]}}"#),
        (
            5,
            one(
                "~/.claude/settings.json:1: error: `Bash(make` has no closing parenthesis / write `Tool` or `Tool(specifier)`"
            )
        )
    );
    assert_eq!(
        diagnosed(&scene, CLAUDE, r#"{"permissions": {"defaultMode": "acceptEdit"}}"#),
        (1, one("~/.claude/settings.json:1:33: warning: there is no mode `acceptEdit` / did you mean `acceptEdits`?"))
    );
}

/// Two letters that changed places are the most common slip, and a list that is lost by it protects nothing.
#[test]
fn letters_that_changed_places_are_recognised() {
    let scene = Scene::new(User::Own);
    for (slip, meant) in [("aks", "ask"), ("dney", "deny"), ("alolw", "allow")] {
        let (_, rows) = diagnosed(&scene, CLAUDE, format!(r#"{{"permissions": {{"{slip}": ["Bash"]}}}}"#));
        assert_eq!(
            rows,
            [format!(
                "~/.claude/settings.json:1:18: warning: there is no key `permissions.{slip}` / did you mean `{meant}`?"
            )]
        );
    }
}

/// A rule for a tool that does not exist protects nothing; what was meant is told.
#[test]
fn a_rule_for_an_unknown_tool_names_the_nearest_one() {
    let scene = Scene::new(User::Own);
    // The last has the form of a parameter rule, which a tool that is not known may well have.
    for (slip, meant, exit) in
        [("Bahs(rm *)", "Bash", 5), ("Raed(./.env)", "Read", 5), ("WebFecth(domain:x)", "WebFetch", 1)]
    {
        let (code, rows) = diagnosed(&scene, CLAUDE, json!({"permissions": {"deny": [slip]}}).to_string());
        assert_eq!(code, exit, "{rows:?}");
        assert!(rows.len() == 1 && rows[0].contains(&format!("did you mean `{meant}`?")), "{slip}: {rows:?}");
    }
}
