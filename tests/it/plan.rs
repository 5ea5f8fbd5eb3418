//! `palisade sandbox plan`: each part of the boundary with the rule behind it.

use serde_json::{Value, json};

use crate::support::each_user;

#[test]
fn names_the_rule_its_file_and_its_line() {
    each_user(|scene| {
        scene.write("project/.env", "secret\n");
        scene.write("project/.git/hooks/pre-commit", "");
        scene.write("project/kept/a", "");
        scene.directory("home/notes");
        scene.directory("more");
        let settings = json!({
            "permissions": {"deny": ["Read(.env)", "Edit(kept/**)"], "allow": ["Edit(~/notes/**)"]},
            "sandbox": {"filesystem": {"allowWrite": [scene.text("more")]}, "limits": {"processes": "100"}},
        });
        scene.settings(&settings);
        let text = scene.read("home/.claude/settings.json");
        let line = |word: &str| text.lines().position(|line| line.contains(word)).unwrap() + 1;
        let shown = scene.palisade(["sandbox", "plan"]).env("A_TOKEN", "x").run();
        assert_eq!(shown.code, 0, "{shown:#?}");
        let root = scene.root().display().to_string();
        let file = "~/.claude/settings.json";
        let expected = [
            format!("writable    {root}/project  (the project)"),
            format!("writable    {root}/more  (sandbox.filesystem.allowWrite in {file}:{})", line("/more")),
            format!("writable    {root}/home/notes  (Edit(~/notes/**) in {file}:{})", line("notes")),
            format!("read-only   {root}/project/kept  (Edit(kept/**) in {file}:{})", line("kept")),
            format!("hide        {root}/project/.env  (Read(.env) in {file}:{})", line(".env")),
            format!("limit       processes 100 ({file}:{})", line("processes")),
            format!("later       permissions.deny: Read(.env)  ({file}:{})", line(".env")),
            "landlock    read all, write only the above, signal nobody outside".to_owned(),
        ];
        for wanted in expected {
            assert!(shown.stdout.lines().any(|line| line == wanted), "{wanted}\n{}", shown.stdout);
        }
        let hooks = format!("{root}/project/.git/hooks  (");
        assert!(shown.stdout.contains(&hooks), "{}", shown.stdout);
        assert!(!scene.exists("home/.local/state/palisade/journal"), "a plan records nothing");

        let answer = scene.palisade(["sandbox", "plan", "--json"]).run();
        let plan: Value = serde_json::from_str(&answer.stdout).unwrap();
        let env = scene.text("project/.env");
        let step = plan["steps"].as_array().unwrap().iter().find(|step| step["path"] == json!(env)).unwrap();
        assert_eq!(step["what"], "hide");
        assert_eq!(step["by"], json!({"rule": "Read(.env)", "file": file, "line": line(".env")}));
    });
}

#[test]
fn says_why_there_is_none() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"deny": ["Bash"]}}));
        let denied = scene.palisade(["sandbox", "plan"]).run();
        assert_eq!((denied.code, denied.stdout.as_str()), (3, ""), "{denied:#?}");
        assert!(denied.stderr.contains("Bash"), "{denied:#?}");
        scene.settings(&json!({"permissions": {"deny": ["Bash("]}}));
        let broken = scene.palisade(["sandbox", "plan"]).run();
        assert_eq!((broken.code, broken.stdout.as_str()), (5, ""), "{broken:#?}");
    });
}
