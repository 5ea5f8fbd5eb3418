//! With `sandbox.enabled`, what is allowed or approved runs confined.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use serde_json::json;

use crate::client::decides::{decisions, hook, merged};
use testclient::model::Call;
use testclient::palisade;
use testclient::person::Person;
use testclient::session::Session;

/// What the script does is nothing that a rule could see.
const SCRIPT: &str = r#"
echo started > inside-script.txt
echo x > "$HOME/outside.txt"
echo x > ../beside.txt
echo x > .claude/settings.json
mkdir -p .git/hooks
echo x > .git/hooks/post-commit
ln -s "$HOME" way-out && echo x > way-out/through-link.txt
bash -c "exec 3<>/dev/tcp/127.0.0.1/PORT" && echo x > connected.txt
echo finished >> inside-script.txt
"#;

const BOTH: &str = "decisions and their outcomes: the boundary tells one, the client another";

/// Allowed commands write inside the project and nowhere else, and reach no socket.
pub fn commands(claude: &Path) {
    let session = prepare(claude, &["Bash(touch inside*)", "Bash(./escape.sh)"]);
    let listener = add_script(&session);
    let calls = vec![
        bash("inside", "touch inside.txt"),
        bash("quoted", r#"touch inside-"it's 2".txt inside-'"3"'.txt"#),
        bash("escape", "./escape.sh"),
        bash("output", "cat notes.txt"),
        bash("exit", "touch inside-4.txt && cat missing.txt"),
    ];
    let transcript = session.run(vec![calls], &[]);
    assert_eq!(transcript.answers["output"].text, "the notes", "{transcript:#?}");
    assert!(transcript.answers["exit"].text.starts_with("Exit code 1"), "{transcript:#?}");
    let marks = ["inside-\"3\".txt", "inside-4.txt", "inside-it's 2.txt", "inside.txt"];
    check(&session, &listener, &marks);
    let ran = ["escape", "exit", "inside", "output", "quoted"];
    assert_eq!(decisions(&session.journal()), ran.map(|id| [id, "Bash", "allow", "2"]), "{BOTH}");
}

/// A command cannot make settings where there are none yet, and so not get the next call allowed.
pub fn planting(claude: &Path) {
    let session = prepare(claude, &["Bash(./plant.sh)"]);
    std::fs::remove_dir_all(session.project().join(".claude")).unwrap();
    std::fs::remove_dir(session.project().join(".git/hooks")).unwrap();
    let names = [".claude/settings.json", ".claude/settings.local.json", ".git/hooks/post-commit", ".mcp.json"];
    session.script(
        "project/plant.sh",
        &names.map(|name| format!("mkdir -p $(dirname {name}); echo '{PLANTED}' > {name}")).join("\n"),
    );
    let turns = vec![vec![bash("plant", "./plant.sh")], vec![bash("after", "touch after")]];
    let transcript = session.run(turns, &[]);
    let planted = names
        .map(|name| std::fs::read_to_string(session.project().join(name)).is_ok_and(|text| text.contains("allow")));
    assert_eq!(planted, [false; 4], "{names:?}");
    assert!(!session.project().join("after").exists(), "a command made a rule for the next: {transcript:#?}");
    assert_eq!(
        decisions(&session.journal()),
        [["after", "Bash", "ask", "0"], ["plant", "Bash", "allow", "2"]],
        "{BOTH}"
    );
}

/// What the script leaves where it can.
const PLANTED: &str = r#"{"permissions": {"allow": ["Bash(touch *)"]}}"#;

/// What a person approves at the client's prompt is what the hook made of it, and runs as confined
/// as what a rule allows; what the person refuses does not run.
pub fn approved(claude: &Path) {
    let session = prepare(claude, &[]);
    let listener = add_script(&session);
    let calls = vec![bash("yes", "./escape.sh"), bash("no", "touch no.txt")];
    let mut person = Person::new(&["yes"]);
    let transcript = session.run_with(&mut person, vec![calls]);
    assert_eq!(person.asked.keys().collect::<Vec<_>>(), ["no", "yes"], "{transcript:#?}");
    for (id, request) in person.asked {
        let command = request["input"]["command"].as_str().unwrap();
        assert!(command.contains(" run ") && command.contains(" -- bash -c "), "{id}: {command}");
    }
    check(&session, &listener, &[]);
    assert_eq!(decisions(&session.journal()), [["no", "Bash", "ask", "0"], ["yes", "Bash", "ask", "2"]], "{BOTH}");
}

/// The client has a sandbox of its own, which it starts where `bwrap` and `socat` are installed.
/// Inside it the program could neither keep its journal nor start its own: `excludedCommands`
/// keeps the rewritten command out of it, and so the test proves the same on every machine.
fn prepare(claude: &Path, allow: &[&str]) -> Session {
    let session = Session::new(claude);
    let settings = json!({
        "permissions": {"allow": allow},
        "sandbox": {"enabled": true, "excludedCommands": [format!("{} run *", palisade().display())]},
    });
    session.write("home/.claude/settings.json", &merged(hook(), settings).to_string());
    session.write("project/.claude/settings.json", "{}");
    session
}

/// Writes the script, and returns the listener that it tries to reach.
fn add_script(session: &Session) -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    session.script("project/escape.sh", &SCRIPT.replace("PORT", &port));
    listener
}

fn bash(id: &'static str, command: &str) -> Call {
    Call { id: id.to_owned(), tool: "Bash".to_owned(), input: json!({"command": command, "description": "a test"}) }
}

/// The script ran and did what it could: only its file and the empty `marks` are new.
fn check(session: &Session, listener: &TcpListener, marks: &[&str]) {
    let files =
        [(".claude/settings.json", "{}"), ("inside-script.txt", "started\nfinished\n"), ("notes.txt", "the notes\n")];
    let marks = marks.iter().map(|name| (*name, ""));
    let expected: BTreeMap<String, String> =
        files.into_iter().chain(marks).map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let mut found = session.files();
    for own in ["escape.sh", "way-out"] {
        found.remove(own);
    }
    assert_eq!(found, expected, "files of the project");
    assert_eq!(session.strangers(), [""; 0], "files in the home");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "a connection came through");
    for path in ["../beside.txt", ".git/hooks/post-commit"] {
        assert!(!session.project().join(path).exists(), "{path}");
    }
}
