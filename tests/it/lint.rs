//! `palisade lint`: findings with their places, the three forms of the answer, and how it ends.

use serde_json::{Value, json};

use crate::support::{Scene, User, each_user};

const SETTINGS: &str = r#"{
  "permissions": {
    "allow": ["Bash(npm test)", "Bash(npx *)"],
    "deny": ["Bash(rm -rf *)", "Read(/etc/passwd)"]
  }
}"#;

#[test]
fn says_where_what_and_how_to_mend_it() {
    each_user(|scene| {
        scene.write("home/.claude/settings.json", SETTINGS);
        scene.write("project/.claude/settings.json", r#"{"permissions": {"deny": ["Bash(npm *)"]}}"#);
        let finished = scene.palisade(["lint"]).run();
        assert_eq!(
            finished.told(scene),
            (
                1,
                "~/.claude/settings.json:3:15: warning PL101  allow `Bash(npm test)`
    it never decides: deny `Bash(npm *)` (<scene>/project/.claude/settings.json:1) covers everything that it covers
    example `npm test` is denied
    fix     remove it from allow, or narrow the deny; nothing carves an exception out of a deny

~/.claude/settings.json:3:33: warning PL202  allow `Bash(npx *)`
    it allows any program: it downloads a package and runs it
    example `npx some-package` is allowed
    fix     allow the commands that are needed, word by word, and let the rest ask

~/.claude/settings.json:4:32: warning PL401  deny `Read(/etc/passwd)`
    `/etc/passwd` hangs at <scene>/home/.claude, the directory of its settings, not at the root
    example Read of `/etc/passwd` asks
    fix     write `Read(//etc/passwd)` for the path from the root

3 warnings: 5 rules in 2 files
"
                .into(),
                String::new()
            )
        );
        assert!(!scene.exists("home/.local"), "something is on record");
    });
}

/// Returns the exit code and the ids of the findings.
fn ids(scene: &Scene, words: &[&str]) -> (i32, Vec<String>) {
    let finished = scene.palisade([&["lint", "--json"], words].concat()).run();
    let answer = finished.json();
    let findings = answer["findings"].as_array().unwrap();
    (finished.code, findings.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn the_level_says_when_it_ends_with_a_finding() {
    let scene = Scene::new(User::Own);
    let one = |id: &str| vec![id.to_owned()];
    assert_eq!(ids(&scene, &[]), (0, vec![]));
    assert_eq!(scene.palisade(["lint"]).run().stdout, "no findings: 0 rules in 0 files\n");
    scene.settings(&json!({"permissions": {"allow": ["mcp__github"]}}));
    assert_eq!(ids(&scene, &[]), (0, one("PL201")));
    assert_eq!(ids(&scene, &["--level", "note"]), (1, one("PL201")));
    scene.settings(&json!({"permissions": {"allow": ["Bash"]}}));
    assert_eq!(ids(&scene, &["--level", "error"]), (0, one("PL201")));
    assert_eq!(ids(&scene, &[]), (1, one("PL201")));
    scene.settings(&json!({"permissions": {"deny": ["Bash(x"]}}));
    assert_eq!(ids(&scene, &["--level", "error"]), (5, one("PL001")));
}

#[test]
fn named_files_stand_alone() {
    let scene = Scene::new(User::Own);
    scene.settings(&json!({"permissions": {"deny": ["Bash(make *)"]}}));
    scene.write("project/some.json", r#"{"permissions": {"allow": ["Bash(make all)"]}}"#);
    assert_eq!(ids(&scene, &["some.json"]), (0, vec![]));
    assert_eq!(ids(&scene, &["--settings", "some.json"]), (1, vec!["PL101".to_owned()]));
    assert_eq!(ids(&scene, &["missing.json"]), (5, vec!["PL001".to_owned()]));
}

#[test]
fn another_name_of_a_mode_is_told_with_its_place() {
    let scene = Scene::new(User::Own);
    let told = |mode: &str| {
        scene.write("project/some.json", format!("{{\"permissions\": {{\n  \"defaultMode\": \"{mode}\"\n}}}}"));
        let finished = scene.palisade(["lint", "some.json"]).run();
        (finished.code, scene.told(&finished.stdout))
    };
    let manual = "<scene>/project/some.json:2:18: note PL002
    mode `manual` is another name of `default`
    fix     write `default`

1 note: 0 rules in 1 file
";
    assert_eq!(told("manual"), (0, manual.to_owned()));
    let auto = "<scene>/project/some.json:2:18: warning PL002
    mode `auto` is read as `default`
    fix     name the mode that is meant

1 warning: 0 rules in 1 file
";
    assert_eq!(told("auto"), (1, auto.to_owned()));
    assert_eq!(told("plan"), (0, "no findings: 0 rules in 1 file\n".to_owned()));
}

#[test]
fn a_secret_is_told_by_its_place_alone() {
    let scene = Scene::new(User::Own);
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    scene.settings(&json!({"permissions": {"allow": [format!("Bash(git clone https://{secret}@example.com/x)")]}}));
    for format in ["human", "json", "sarif"] {
        let finished = scene.palisade(["lint", "--format", format]).run();
        assert!(finished.stdout.contains("PL004"), "{}", finished.stdout);
        assert!(!finished.stdout.contains(secret) && !finished.stderr.contains(secret), "{format}");
    }
    let finding = scene.palisade(["lint", "--json"]).run().json()["findings"][0].clone();
    assert_eq!((&finding["id"], finding["column"].is_u64()), (&json!("PL004"), true));
}

/// What the schema of SARIF 2.1.0 requires of each object that is used.
#[test]
fn sarif_has_what_its_schema_requires() {
    let scene = Scene::new(User::Own);
    scene.write("project/.claude/settings.local.json", r#"{"permissions": {"deny": ["Write(a b/**)", "Bash(ls*)"]}}"#);
    let finished = scene.palisade(["lint", "--format", "sarif"]).run();
    let log: Value = finished.json();
    assert_eq!((finished.code, &log["version"]), (1, &json!("2.1.0")));
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "palisade");
    let base = format!("file://{}/", scene.text("project"));
    assert_eq!(run["originalUriBaseIds"], json!({"SRCROOT": {"uri": base}}));
    let artifact = json!({"uri": ".claude/settings.local.json", "uriBaseId": "SRCROOT"});
    let region = json!({"startLine": 1, "startColumn": 27, "endLine": 1, "endColumn": 42});
    let location = json!({"physicalLocation": {"artifactLocation": artifact, "region": region}});
    let first = &run["results"][0];
    assert_eq!(first["locations"], json!([location]));
    assert_eq!(
        first["fixes"][0]["artifactChanges"],
        json!([{
            "artifactLocation": artifact,
            "replacements": [{"deletedRegion": region, "insertedContent": {"text": "\"Edit(a b/**)\""}}],
        }])
    );
    for result in run["results"].as_array().unwrap() {
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["shortDescription"]["text"].is_string() && result["message"]["text"].is_string());
        assert!(["note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
    }
}
