//! What an agent inside believes and what it sees of secrets: the profiles that Palisade brings, around a shell.

use serde_json::{Value, json};

use super::KEY;
use crate::support::{Finished, Scene, User, each_user};

/// Other secrets of this machine.
const OTHER: &str = "OTHER-SECRET-0123456789abcdefghijklmnopqrstuvwxyz";

/// Runs a line with an agent's profile.
fn with(scene: &Scene, profile: &str, line: &str) -> Finished {
    scene.palisade(["run", "--profile", profile, "--", "sh", "-c", line]).run()
}

/// Returns what the agent's directory is to a line.
fn directory(scene: &Scene, profile: &str) -> String {
    let told = with(scene, profile, "echo $CLAUDE_CONFIG_DIR$CODEX_HOME");
    assert_eq!(told.code, 0, "{told:#?}");
    told.stdout.trim().to_owned()
}

/// A plain command, or another agent, leaves nothing that an agent believes.
#[test]
fn what_others_leave_is_believed_by_no_agent() {
    each_user(|scene| {
        scene.write("home/.claude/settings.json", "{\"own\": 1}");
        let plant = "for d in $(dirname $CARGO_HOME)/agents/claude $(dirname $CARGO_HOME)/own; do \
                     mkdir -p $d/skills/x; echo planted | tee $d/CLAUDE.md $d/skills/x/SKILL.md $d/other > /dev/null; done; \
                     echo $CARGO_HOME";
        let plain = scene.palisade(["run", "--", "sh", "-c", plant]).run();
        let other = with(scene, "codex", plant);
        let look =
            "find $CLAUDE_CONFIG_DIR/ -type f | grep . ; cat $CLAUDE_CONFIG_DIR/settings.json; echo; echo $CARGO_HOME";
        let seen = with(scene, "claude", look);
        let all = format!("{plain:#?}\n{other:#?}\n{seen:#?}");
        let lines: Vec<&str> = seen.stdout.lines().collect();
        assert_eq!(lines.first(), Some(&"{\"own\": 1}"), "{all}");
        assert!(lines.len() == 2 && plain.code == 0 && other.code == 0, "{all}");
        // No cache of one is another's, whose programs would be run.
        let caches = [plain.stdout.trim(), other.stdout.trim(), lines[1]];
        assert!(caches[0] != caches[1] && caches[0] != caches[2] && caches[1] != caches[2], "{all}");
        // What is there all the same, however it came, is gone at the start: names without a file of the person's, and others.
        let own = std::path::PathBuf::from(directory(scene, "claude"));
        let below = |name: &str| own.strip_prefix(scene.path("")).unwrap().join(name).to_str().unwrap().to_owned();
        for name in
            ["CLAUDE.md", "skills/x/SKILL.md", "remote-settings.json", ".claude.json", ".credentials.json", "kept"]
        {
            scene.write(&below(name), "planted");
        }
        std::fs::remove_file(own.join("settings.json")).unwrap();
        scene.write(&below("settings.json/planted"), "planted");
        std::os::unix::fs::symlink("/run/palisade/seen-0", own.join("settings.local.json")).unwrap();
        let seen = with(scene, "claude", "cat $CLAUDE_CONFIG_DIR/settings.json; find $CLAUDE_CONFIG_DIR/ ! -type d");
        let mut lines: Vec<&str> = seen.stdout.lines().collect();
        lines.sort_unstable();
        let kept = [own.join("kept"), own.join("settings.json")].map(|path| path.to_str().unwrap().to_owned());
        let content = format!("{{\"own\": 1}}{}", kept[0]);
        assert!(lines.len() == 2 && seen.stdout.contains("{\"own\": 1}"), "{content} {seen:#?}");
        assert!(seen.stdout.contains(&kept[0]) && seen.stdout.contains(&kept[1]), "{seen:#?}");
        // The person's file is gone, and its link with it.
        std::fs::remove_file(scene.path("home/.claude/settings.json")).unwrap();
        let seen = with(scene, "claude", "find $CLAUDE_CONFIG_DIR/ ! -type d");
        assert_eq!(seen.stdout, format!("{}\n", kept[0]), "{seen:#?}");
    });
}

/// Where the agent's directory cannot be there, nothing runs.
#[test]
fn without_its_directory_an_agent_does_not_run() {
    let scene = Scene::new(User::Own);
    scene.directory("home/.cache/palisade");
    scene.settings(&json!({"sandbox": {"filesystem": {"denyRead": ["~/.cache"]}}}));
    let seen = with(&scene, "claude", "echo it ran");
    assert!(seen.code == 125 && seen.stdout.is_empty() && seen.stderr.contains("private caches"), "{seen:#?}");
    // Plain commands do.
    let plain = scene.palisade(["run", "--", "sh", "-c", "echo it ran"]).run();
    assert_eq!((plain.code, plain.stdout.as_str()), (0, "it ran\n"), "{plain:#?}");
}

/// A secret in a file that is copied is not seen where it is copied from, nor in what the agent keeps of it.
#[test]
fn what_is_copied_is_hidden_where_it_is() {
    each_user(|scene| {
        let text = json!({"primaryApiKey": KEY, "numStartups": 3}).to_string();
        for name in [".claude.json", ".claude.json.backup", ".claude/backups/.claude.json.1"] {
            scene.write(&format!("home/{name}"), &text);
        }
        let line = "cat $CLAUDE_CONFIG_DIR/.claude.json; cat ~/.claude.json ~/.claude.json.backup ~/.claude/backups/.claude.json.1; \
                    grep -r primaryApiKey ~ 2> /dev/null";
        let seen = with(scene, "claude", line);
        assert!(seen.stdout.contains("\"numStartups\":3") && seen.stdout.contains("\"sk-ant-"), "{seen:#?}");
        assert!(!seen.stdout.contains(KEY), "{seen:#?}");
    });
}

/// What a person or the administrator hides by name stays hidden, though the profile would show it masked.
#[test]
fn what_a_person_hides_an_agent_does_not_see() {
    let scene = Scene::new(User::Own);
    scene.write("home/.claude/.credentials.json", json!({"claudeAiOauth": {"accessToken": KEY}}).to_string());
    scene.write("home/.claude/CLAUDE.md", "be kind\n");
    let look = "cat $CLAUDE_CONFIG_DIR/.credentials.json $CLAUDE_CONFIG_DIR/CLAUDE.md ~/.claude/.credentials.json";
    // Rules look at what is named, and not into scripts.
    scene.write("project/look.sh", look);
    let read = |settings: Value| {
        scene.settings(&settings);
        with(&scene, "claude", "sh look.sh")
    };
    let seen = read(json!({}));
    assert!(
        seen.stdout.contains("sk-ant-") && seen.stdout.contains("be kind") && !seen.stdout.contains(KEY),
        "{seen:#?}"
    );
    let path = "~/.claude/.credentials.json";
    for settings in [
        json!({"permissions": {"deny": [format!("Read({path})")]}}),
        json!({"permissions": {"deny": ["Read(~/.claude/.cred*)"]}}),
        json!({"sandbox": {"filesystem": {"denyRead": [path]}}}),
        json!({"sandbox": {"credentials": {"files": [{"path": path, "mode": "deny"}]}}}),
    ] {
        let seen = read(settings.clone());
        assert_eq!(seen.stdout, "be kind\n", "{settings} {seen:#?}");
        assert!(seen.stderr.contains(".credentials.json is not seen inside: `"), "{settings} {seen:#?}");
    }
    // What is opened again in what is hidden is seen, as elsewhere.
    let kept = json!({"filesystem": {"denyRead": ["~/.claude"], "allowRead": ["~/.claude/CLAUDE.md"]}});
    let seen = read(json!({"sandbox": kept}));
    assert_eq!(seen.stdout, "be kind\n", "{seen:#?}");
}

/// A mask of a person's stands above the profile's for the same variable.
#[test]
fn a_persons_mask_counts_before_the_profiles() {
    let scene = Scene::new(User::Own);
    let mask = json!({"name": "ANTHROPIC_API_KEY", "mode": "mask", "extract": "gateway:(.*)", "injectHosts": ["gateway.example"]});
    scene.settings(&json!({"sandbox": {"credentials": {"envVars": [mask]}}}));
    let line = "echo $ANTHROPIC_API_KEY";
    let run = |profile: &str| {
        let command = scene.palisade(["run", "--profile", profile, "--", "sh", "-c", line]);
        command.env("ANTHROPIC_API_KEY", format!("gateway:{KEY}")).run()
    };
    let seen = run("claude");
    assert!(seen.stdout.starts_with("gateway:sk-ant-") && !seen.stdout.contains(KEY), "{seen:#?}");
    scene.settings(&json!({"sandbox": {"credentials": {"envVars": [{"name": "ANTHROPIC_API_KEY", "mode": "deny"}]}}}));
    assert_eq!(run("claude").stdout, "\n");
}

/// Whatever form a file of secrets has, none of them is seen as it is.
#[test]
fn secrets_that_are_written_otherwise_are_not_seen() {
    let scene = Scene::new(User::Own);
    let token =
        format!("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhdXRoMHxhYmNkZWZnaGlqa2xtbm9wIn0.{}", "c2lnbmF0dXJl".repeat(6));
    let sign_on = json!({"tokens": {"id_token": token, "access_token": KEY}}).to_string();
    scene.write("home/.codex/auth.json", &sign_on);
    let seen = with(&scene, "codex", "cat $CODEX_HOME/auth.json");
    // It is a token still, of nobody.
    assert!(seen.stdout.contains("\"id_token\":\"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ"), "{seen:#?}");
    assert!(!seen.stdout.contains(&token) && !seen.stdout.contains("hdXRoMHxhYmNkZWZnaGlqa2xtbm9wIn0"), "{seen:#?}");
    scene.write("home/.codex/auth.json", json!({"of a later version": KEY}).to_string());
    let seen = with(&scene, "codex", "cat $CODEX_HOME/auth.json");
    assert_eq!(seen.stdout, "", "{seen:#?}");
    assert!(seen.stderr.contains("auth.json is not seen inside: none of its secrets is found in it"), "{seen:#?}");
    let forms = [
        format!("  GEMINI_API_KEY={KEY}\n"),
        format!("GOOGLE_API_KEY: {KEY}\n"),
        format!("export GEMINI_API_KEY = \"{KEY}\"\nMORE='{OTHER} and more'\n"),
        format!("A=1\nEMPTY=\n# GEMINI_API_KEY={OTHER}\nGEMINI_API_KEY={KEY} # mine\n"),
        format!("DATABASE_URL=postgres://me:{OTHER}@db.example/x\nGEMINI_API_KEY=`{KEY}`\n"),
    ];
    for form in forms {
        scene.write("home/.gemini/.env", &form);
        let seen = with(&scene, "gemini", "cat $GEMINI_CLI_HOME/.gemini/.env");
        assert!(
            seen.stdout.contains("_API_KEY") && seen.stdout.lines().count() == form.lines().count(),
            "{form} {seen:#?}"
        );
        assert!(!seen.stdout.contains(KEY) && !seen.stdout.contains(OTHER), "{form} {seen:#?}");
    }
}

/// A file of one's own is believed where no command could have written it, and takes no store of secrets along.
#[test]
fn a_profile_that_commands_could_have_written_counts_nowhere() {
    let scene = Scene::new(User::Own);
    scene.settings(&json!({
        "sandbox": {"filesystem": {"allowWrite": ["~/written"]}},
        // The latter opens nothing to commands.
        "permissions": {"allow": ["Edit(~/edited/**)", "Edit(~/**)"]},
    }));
    scene.write("home/.ssh/id_ed25519", OTHER);
    scene.directory("home/.agent");
    let profile = json!({
        "home": {"variable": "AGENT_HOME", "from": "~/.agent", "why": "what it remembers"},
        "copied": {"~/.ssh/id_ed25519": "a key, without a mask"},
        "writable": {"~/.later": "what it says"},
        "hosts": {"a.example": "one", "b.example": "another"},
        "secrets": [{"variable": "SOME_TOKEN", "hosts": [], "why": "it wants one to be there"}],
    });
    let write = |name: &str| scene.write(name, profile.to_string()).to_str().unwrap().to_owned();
    let places = [
        "project/agent.json",
        "home/written/agent.json",
        "home/edited/agent.json",
        "home/.cache/palisade/projects/x/agent.json",
    ];
    for name in places {
        let seen = with(&scene, &write(name), "echo it ran");
        assert!(seen.code == 125 && seen.stderr.contains("lies where commands write"), "{name} {seen:#?}");
    }
    // Nor by a link.
    std::os::unix::fs::symlink(scene.path("project/agent.json"), scene.path("home/linked.json")).unwrap();
    let seen = with(&scene, &scene.text("home/linked.json"), "echo it ran");
    assert_eq!(seen.code, 125, "{seen:#?}");
    // Two of one name are two agents.
    let mut directories = Vec::new();
    for name in ["home/one/claude.json", "home/two/claude.json"] {
        let file = write(name);
        let denial = json!({"sandbox": {"network": {"deniedDomains": ["b.example"]}}}).to_string();
        let report = scene.text("report.json");
        let line = "cat $AGENT_HOME/id_ed25519; echo $AGENT_HOME; echo $SOME_TOKEN";
        let words = ["run", "--profile", &file, "--settings", &denial, "--report", &report, "--", "sh", "-c", line];
        let seen = scene.palisade(words).env("SOME_TOKEN", KEY).run();
        assert!(!seen.stdout.contains(OTHER) && seen.stderr.contains("id_ed25519 is not seen inside"), "{seen:#?}");
        let (directory, token) = seen.stdout.trim_end().split_once('\n').unwrap();
        assert!(token.starts_with("sk-ant-") && token != KEY, "{seen:#?}");
        // What is told is what counts.
        for told in
            ["it opens a.example\n", "the settings keep b.example closed", "/.later is not there and cannot be written"]
        {
            assert!(seen.stderr.contains(told), "{told} {seen:#?}");
        }
        let report: Value = serde_json::from_str(&scene.read("report.json")).unwrap();
        let grants = report["agent"]["grants"].as_array().unwrap();
        let is_open = |host: &str| grants.iter().find(|grant| grant["what"] == host).map(|grant| grant["open"].clone());
        assert_eq!([is_open("a.example"), is_open("b.example")], [Some(json!(true)), Some(json!(false))], "{report:#}");
        assert!(grants.iter().any(|grant| grant["kind"] == "home" && grant["what"] == "~/.agent"), "{report:#}");
        directories.push(directory.to_owned());
    }
    assert_ne!(directories[0], directories[1]);
    let built_in = directory(&scene, "claude");
    assert!(!directories.contains(&built_in), "{built_in}");
    // What the agent believes does not lie there either.
    let written = json!({"sandbox": {"filesystem": {"allowWrite": ["~/written"]}}}).to_string();
    let moved = scene.palisade(["run", "--settings", &written, "--profile", "claude", "--", "true"]);
    let moved = moved.env("CLAUDE_CONFIG_DIR", scene.text("home/written")).run();
    assert!(moved.code == 125 && moved.stderr.contains("lies where commands write"), "{moved:#?}");
}

/// The name counts for the program that is run by it, and for none that a command could have put there.
#[test]
fn a_name_is_that_of_the_program_that_runs() {
    let scene = Scene::new(User::Own);
    scene.settings(&json!({"sandbox": {"filesystem": {"allowWrite": ["~/written"]}}}));
    let run = |path: &[&str]| {
        let path: Vec<String> = path.iter().map(|name| scene.text(name)).collect();
        let path = format!("{}:/usr/bin:/bin", path.join(":"));
        scene.palisade(["run", "--", "claude"]).env("PATH", path).run()
    };
    scene.directory("home/first/claude");
    scene.write("home/second/claude", "not a program");
    scene.script("home/tools/claude", "echo $CLAUDE_CONFIG_DIR");
    scene.script("home/written/claude", "echo $CLAUDE_CONFIG_DIR");
    let seen = run(&["home/first", "home/second", "home/tools"]);
    assert!(
        seen.stdout.contains("/palisade/agents/claude/") && seen.stderr.contains("by the program's name"),
        "{seen:#?}"
    );
    let seen = run(&["home/first", "home/second", "home/written", "home/tools"]);
    assert!(seen.stdout == "\n" && !seen.stderr.contains("profile"), "{seen:#?}");
}
