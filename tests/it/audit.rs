//! `palisade audit`: what the journal keeps, and what `verify` finds in one that was changed.

use serde_json::{Value, json};

use crate::support::{Finished, Scene, User, each_user};

const JOURNAL: &str = "home/.local/state/palisade/journal/journal.jsonl";
const HEAD: &str = "home/.local/state/palisade/journal/head";
const WITHOUT_CHECKPOINT: &str = "without a checkpoint kept elsewhere, an end cut off together with the head file, and a journal written anew as a whole, cannot be seen\n";

/// Records some decisions of a hook, without running anything.
fn record(scene: &Scene, commands: &[&str]) {
    for command in commands {
        let question = json!({
            "session_id": "session", "hook_event_name": "PreToolUse", "cwd": scene.project(),
            "tool_name": "Bash", "tool_input": {"command": command},
        });
        assert_eq!(scene.hook(question.to_string()).code, 0);
    }
}

fn five(scene: &Scene) {
    scene.settings(&json!({"permissions": {"deny": ["Bash(curl *)"]}}));
    record(scene, &["ls one", "ls two", "curl three", "touch four", "ls five"]);
}

fn verify(scene: &Scene, arguments: &[&str]) -> Finished {
    scene.palisade([&["audit", "verify"], arguments].concat()).run()
}

/// Returns the names of what `verify` finds.
fn findings(scene: &Scene, arguments: &[&str]) -> (i32, Vec<(String, String)>) {
    let finished = verify(scene, &[&["--json"], arguments].concat());
    let answer = finished.json();
    assert_eq!(answer["sound"], json!(finished.code == 0), "{answer:#}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = answer["findings"].as_array().unwrap().iter();
    (finished.code, rows.map(|row| (text(&row["finding"]), text(&row["text"]))).collect())
}

#[test]
fn a_journal_is_written_and_verified() {
    each_user(|scene| {
        five(scene);
        let finished = verify(scene, &[]);
        let bytes = scene.read(JOURNAL).len();
        let origin = scene.palisade(["audit", "checkpoint"]).run().stdout.lines().next().unwrap().to_owned();
        assert_eq!(
            finished.told(scene),
            (0, format!("sound: 5 records, {bytes} bytes, {origin}\n{WITHOUT_CHECKPOINT}"), String::new())
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(&scene.path(JOURNAL).metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "others may read the journal: {mode:o}");
    });
}

#[test]
fn the_log_is_filtered() {
    each_user(|scene| {
        five(scene);
        let texts = |arguments: &[&str]| -> Vec<String> {
            let finished = scene.palisade([&["audit", "log", "--json"], arguments].concat()).run();
            assert_eq!(finished.code, 0, "{finished:#?}");
            finished.lines().iter().map(|line| line["decision"]["input"]["text"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(texts(&[]), ["ls one", "ls two", "curl three", "touch four", "ls five"]);
        assert_eq!(texts(&["-n", "2"]), ["touch four", "ls five"]);
        assert_eq!(texts(&["--verdict", "deny"]), ["curl three"]);
        assert_eq!(texts(&["--verdict", "allow", "-n", "1"]), ["ls five"]);
        assert_eq!(texts(&["--kind", "outcome"]), [""; 0]);
        assert_eq!(texts(&["--session", "session", "--verdict", "ask"]), ["touch four"]);
        assert_eq!(texts(&["--session", "another"]), [""; 0]);
        let human = scene.palisade(["audit", "log", "--verdict", "deny"]).run();
        assert!(human.stdout.ends_with(" hook:claude deny Bash curl three  `curl three` is denied by the deny rule `Bash(curl *)` (~/.claude/settings.json:4)\n"), "{human:#?}");
    });
}

#[test]
fn an_edited_missing_or_moved_record_is_found_at_its_place() {
    each_user(|scene| {
        five(scene);
        let whole = scene.read(JOURNAL);
        let lines: Vec<&str> = whole.lines().collect();
        let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let with = |text: String| {
            scene.write(JOURNAL, text);
            findings(scene, &[])
        };
        let row = |name: &str, text: &str| (name.to_owned(), text.to_owned());

        let edited = lines[2].replace("\"verdict\":\"deny\"", "\"verdict\":\"allow\"");
        assert_ne!(edited, lines[2]);
        let (code, found) = with(joined(&[lines[0], lines[1], &edited, lines[3], lines[4]]));
        assert_eq!((code, found), (1, vec![row("edited", "record 2 was changed (line 3)")]));

        let (code, found) = with(joined(&[lines[0], lines[1], lines[3], lines[4]]));
        assert_eq!((code, found.first()), (1, Some(&row("missing", "record 2 is missing (line 3)"))));

        let (code, found) = with(joined(&[lines[0], lines[2], lines[1], lines[3], lines[4]]));
        assert_eq!(code, 1);
        assert!(
            found
                .iter()
                .any(|(name, text)| name == "reordered" && text.contains("(line 2)") || text.contains("(line 3)")),
            "{found:?}"
        );

        let (code, found) = with(joined(&[lines[0], lines[1], lines[1], lines[2], lines[3], lines[4]]));
        assert_eq!(
            (code, found.first()),
            (1, Some(&row("duplicate", "record 1 is there again (line 3, the same as line 2)")))
        );

        let (code, found) = with(joined(&[lines[0], lines[1], "{}", lines[2], lines[3], lines[4]]));
        assert_eq!((code, found.first()), (1, Some(&row("inserted", "line 3 is not part of the journal"))));

        assert_eq!(with(whole.clone()), (0, vec![]));
    });
}

#[test]
fn a_cut_end_is_found_by_the_head_or_by_a_checkpoint_kept_elsewhere() {
    each_user(|scene| {
        five(scene);
        let checkpoint = scene.palisade(["audit", "checkpoint"]).run();
        assert_eq!(checkpoint.code, 0);
        let kept = scene.write("kept", &checkpoint.stdout);
        let kept = kept.to_str().unwrap();
        assert_eq!(verify(scene, &["--checkpoint", kept]).code, 0);

        let whole = scene.read(JOURNAL);
        let short: String = whole.lines().take(3).map(|line| format!("{line}\n")).collect();
        scene.write(JOURNAL, &short);
        let cut_by =
            |witness: &str| ("tail_cut".to_owned(), format!("the end is cut off: 3 records, the {witness} knows 5"));
        let (code, found) = findings(scene, &[]);
        assert_eq!((code, found), (1, vec![cut_by("head file")]));

        // With the head gone too, only the checkpoint knows; without one, that is said.
        let head = scene.read(HEAD);
        std::fs::remove_file(scene.path(HEAD)).unwrap();
        let (code, found) = findings(scene, &["--checkpoint", kept]);
        assert_eq!(code, 1);
        assert!(found.contains(&cut_by("checkpoint")), "{found:?}");
        let alone = verify(scene, &[]);
        assert!(alone.stdout.contains("the head file is gone: a cut end cannot be seen here"), "{alone:#?}");
        assert!(alone.stdout.ends_with(WITHOUT_CHECKPOINT), "{alone:#?}");

        // Head and journal put back to an earlier state together: sound by themselves.
        scene.write(JOURNAL, whole);
        scene.write(HEAD, head);
        record(scene, &["ls six"]);
        assert_eq!(findings(scene, &["--checkpoint", kept]), (0, vec![]));

        // A journal written anew is another one.
        let directory = scene.path("home/.local/state/palisade");
        std::fs::remove_dir_all(directory).unwrap();
        five(scene);
        assert_eq!(findings(scene, &[]), (0, vec![]));
        let (code, found) = findings(scene, &["--checkpoint", kept]);
        assert!(code == 1 && found.iter().any(|(name, _)| name == "other_journal"), "{found:?}");
    });
}

#[test]
fn a_journal_that_was_changed_is_not_written_on() {
    each_user(|scene| {
        five(scene);
        let lines: Vec<String> = scene.read(JOURNAL).lines().map(str::to_owned).collect();
        // The same length, so that only what is written in it tells.
        let changed = lines[4].replace("ls five", "ls evil");
        scene.write(JOURNAL, lines[..4].iter().chain([&changed]).map(|line| format!("{line}\n")).collect::<String>());
        let before = scene.read(JOURNAL);
        let question = json!({"hook_event_name": "PreToolUse", "cwd": scene.project(), "tool_name": "Bash", "tool_input": {"command": "ls"}});
        let refused = scene.hook(question.to_string());
        let is_refused = refused.code == 2 || refused.stdout.contains("\"permissionDecision\":\"deny\"");
        let (code, found) = findings(scene, &[]);
        // Either nothing is appended to it, or the change still shows.
        assert!(is_refused && scene.read(JOURNAL) == before || code == 1, "{refused:#?}\n{found:?}");
    });
}

#[test]
fn a_half_written_line_is_moved_aside_and_told() {
    each_user(|scene| {
        five(scene);
        let mut text = scene.read(JOURNAL);
        text.push_str("{\"seq\":5,\"prev\":\"");
        scene.write(JOURNAL, text);
        let (code, found) = findings(scene, &[]);
        assert_eq!((code, found), (0, vec![("torn_tail".to_owned(), "line 6 is half written (17 bytes)".to_owned())]));
        record(scene, &["ls six"]);
        let (code, _) = findings(scene, &[]);
        assert_eq!(code, 0);
        let log = scene.journal();
        assert_eq!(log[5]["repair"]["found"], "torn", "{log:#?}");
        assert_eq!(log[6]["decision"]["input"]["text"], "ls six");
    });
}

#[test]
fn no_secret_enters_a_record() {
    each_user(|scene| {
        let secrets = [
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "AKIAIOSFODNN7EXAMPLE",
            "sk-ant-api03-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
            "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
            "hunter2-correct-horse",
        ];
        let commands = [
            format!("git clone https://user:{}@github.com/x/y", secrets[0]),
            format!("AWS_ACCESS_KEY_ID={} aws s3 ls", secrets[1]),
            format!("curl -H 'x-api-key: {}' https://example.com", secrets[2]),
            format!("SLACK_TOKEN={} ./notify", secrets[3]),
            format!("PASSWORD={} ./login", secrets[4]),
        ];
        record(scene, &commands.each_ref().map(String::as_str));
        for command in &commands {
            scene.palisade(["run", "--", "bash", "-c", command]).run();
        }
        let journal = scene.read(JOURNAL);
        assert!(journal.lines().count() >= 10, "{journal}");
        for secret in secrets {
            assert!(!journal.contains(secret), "`{secret}` is on record:\n{journal}");
        }
    });
}

#[test]
fn what_is_asked_about_a_journal_that_is_not_there_or_of_something_else() {
    let scene = Scene::new(User::Own);
    for arguments in [&["audit", "log"][..], &["audit", "verify"]] {
        let finished = scene.palisade(arguments).run();
        assert_eq!(finished.code, 6, "{finished:#?}");
        assert!(finished.stderr.contains("there is no journal in `"), "{finished:#?}");
    }
    five(&scene);
    for (arguments, told) in [
        (["--checkpoint", "/nowhere/file"], "/nowhere/file cannot be opened"),
        (["--checkpoint", scene.write("nonsense", "nonsense\n").to_str().unwrap()], "is no checkpoint"),
    ] {
        let finished = verify(&scene, &arguments);
        assert!(finished.code == 6 && finished.stderr.contains(told), "{finished:#?}");
    }
}
