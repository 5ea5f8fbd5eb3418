//! `palisade prove`: probes inside the user's own boundary, judged on the host.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Finished, Scene, each_user};

fn probes(proved: &Finished) -> Value {
    let value: Value = serde_json::from_slice(&proved.bytes).unwrap_or_else(|error| panic!("{error}: {proved:#?}"));
    value
}

/// Returns the probes of a status, with their reasons.
fn with_status(proof: &Value, status: &str) -> Vec<(String, String)> {
    let all = proof["probes"].as_array().unwrap().iter().filter(|probe| probe["status"] == status);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.map(|probe| (text(&probe["name"]), text(&probe["because"]))).collect()
}

/// Returns every path below a directory, but for what any run leaves: the journal, the caches and what walks keep.
fn left(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("palisade/projects") || path.ends_with(".local/state/palisade") {
                continue;
            }
            if path.is_dir() {
                open.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn everything_comes_out_as_expected_in_a_plain_project() {
    each_user(|scene| {
        scene.write("home/.ssh/id_ed25519", "a key\n");
        scene.write("project/.env", "secret\n");
        scene.directory("home/.cache/palisade");
        scene.directory("home/.local/state");
        scene.settings(&json!({"permissions": {"deny": ["Read(.env)"]}}));
        let before = (left(&scene.project()), left(&scene.path("home")));
        let proved = scene.palisade(["prove", "--json"]).run();
        let proof = probes(&proved);
        assert_eq!((proved.code, &proof["ok"], &proof["tier"]), (0, &json!(true), &json!("full")), "{proof:#}");
        for status in ["differs", "not proven", "not covered"] {
            assert_eq!(with_status(&proof, status), [], "{proof:#}");
        }
        let tried = with_status(&proof, "ok");
        for name in ["write-home", "protected-mcp", "read-stores", "read-rules", "signal-process", "call-bpf"] {
            assert!(tried.iter().any(|(ok, _)| ok == name), "{name}: {proof:#}");
        }
        assert_eq!((left(&scene.project()), left(&scene.path("home"))), before, "a probe leaves nothing");

        let records = scene.journal();
        let kinds: Vec<&Value> = records.iter().map(|record| &record["kind"]).collect();
        assert_eq!(kinds, ["decision", "answer", "outcome"], "{records:#?}");

        let shown = scene.palisade(["prove"]).run();
        assert!(shown.stdout.ends_with(", in the tier full\n"), "{shown:#?}");
    });
}

#[test]
fn what_settings_open_is_a_difference_with_its_line() {
    each_user(|scene| {
        scene.directory("home/.cache");
        scene.settings(&json!({"sandbox": {"filesystem": {"allowWrite": ["~/.cache"]}}}));
        let text = scene.read("home/.claude/settings.json");
        let line = text.lines().position(|line| line.contains("~/.cache")).unwrap() + 1;
        let proved = scene.palisade(["prove", "--json"]).run();
        let proof = probes(&proved);
        assert_eq!((proved.code, &proof["ok"]), (1, &json!(false)), "{proof:#}");
        let cache = scene.text("home/.cache");
        let why = format!("sandbox.filesystem.allowWrite in ~/.claude/settings.json:{line} lets {cache} be written");
        let expected = ["write-beside", "write-through-link"].map(|name| (name.to_owned(), why.clone()));
        assert_eq!(with_status(&proof, "differs"), expected, "{proof:#}");
        assert_eq!(
            std::fs::read_dir(scene.path("home/.cache/palisade")).unwrap().count(),
            1,
            "only the caches are left"
        );

        let shown = scene.palisade(["prove"]).run();
        let told = format!("expected refused, and the file is there; {why}");
        let lines: Vec<&str> = shown.stdout.lines().filter(|line| line.starts_with("differs")).collect();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.ends_with(&told)), "{shown:#?}");
    });
}

#[test]
fn a_lower_tier_says_what_it_does_not_cover() {
    each_user(|scene| {
        let proved = without_namespaces(scene, "prove --json");
        let proof = probes(&proved);
        for status in ["differs", "not proven"] {
            assert_eq!(with_status(&proof, status), [], "{proof:#}");
        }
        assert_eq!((proved.code, &proof["tier"]), (0, &json!("landlock")), "{proof:#}");
        let uncovered = with_status(&proof, "not covered");
        let process = uncovered.iter().find(|(name, _)| name == "see-process").unwrap_or_else(|| panic!("{proof:#}"));
        assert!(process.1.starts_with("pid-namespace: processes of the host are seen"), "{process:?}");
        for (name, because) in &uncovered {
            assert!(name == "limits" || !because.is_empty(), "{name}");
        }
    });
}

/// Runs the program where no user namespace can be made.
fn without_namespaces(scene: &Scene, words: &str) -> Finished {
    let limit = "echo 0 > /proc/sys/user/max_user_namespaces";
    let program = scene.program();
    let line = format!("exec unshare --user --map-root-user bash -c '{limit}; exec \"$@\"' bash {program} {words}");
    scene.bash(&line).run()
}

/// Where one call is refused that the best tier needs: root gets bubblewrap, which does without it, and others Landlock, on
/// the host itself and with all that a user has there.
#[test]
fn a_tier_of_the_hosts_own_user_is_proven_too() {
    each_user(|scene| {
        let refuse = "strace -f -q -o /dev/null -e trace=unshare -e inject=unshare:error=EPERM";
        let line = format!("exec {refuse} {} prove --json", scene.program());
        let proved = scene.bash(&line).run();
        let proof = probes(&proved);
        for status in ["differs", "not proven"] {
            assert_eq!(with_status(&proof, status), [], "{proof:#}");
        }
        let tier = proof["tier"].as_str().unwrap_or_default();
        assert!(proved.code == 0 && ["bubblewrap", "landlock"].contains(&tier), "{proof:#}");
        let of = |name: &str| proof["probes"].as_array().unwrap().iter().find(|probe| probe["name"] == name).unwrap();
        for name in ["capabilities", "no-new-privileges", "descriptors", "environment"] {
            assert!(of(name)["status"] == "ok" && of(name)["control"].is_string(), "{proof:#}");
        }
    });
}

#[test]
fn what_gave_no_answer_is_not_proven() {
    each_user(|scene| {
        let proved = scene.palisade(["prove", "--json", "--limit", "output=200"]).run();
        let proof = probes(&proved);
        assert_eq!((proved.code, &proof["ok"]), (1, &json!(false)), "{proof:#}");
        let last = ("call-open-by-handle".to_owned(), "the limit output ended it".to_owned());
        assert_eq!(with_status(&proof, "not proven").last(), Some(&last), "{proof:#}");
    });
}

#[test]
fn nothing_is_tried_without_leave() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"deny": ["Bash"]}}));
        let denied = scene.palisade(["prove"]).run();
        assert_eq!((denied.code, denied.stdout.as_str()), (3, ""), "{denied:#?}");
        assert!(denied.stderr.contains("nothing was tried: "), "{denied:#?}");
        scene.settings(&json!({}));
        let unknown = scene.palisade(["prove", "--require", "own-terminal"]).run();
        assert_eq!((unknown.code, unknown.stdout.as_str()), (6, ""), "{unknown:#?}");
    });
}
