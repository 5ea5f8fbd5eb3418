//! Every call of a session is decided once, and what the program said is what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use testclient::model::Call;
use testclient::palisade;
use testclient::session::{Session, Transcript};

/// What must come of a call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Allowed; the answer contains this text.
    Runs(&'static str),
    /// Denied by the hook, which tells the model why.
    Denied,
    /// The hook asks, and nobody answers.
    Asked,
    /// The client knows the deny rule too, and denies a file before it asks any hook.
    DeniedUnasked,
    /// The client has no such tool or input, and asks no hook.
    Rejected,
}

/// Whether the client knows the rules as well.
#[derive(Debug, Clone, Copy)]
enum Client {
    KnowsRules,
    KnowsOnlyHook,
}

struct Case {
    fate: Fate,
    call: Call,
}

/// The client reads the settings files that the program reads.
pub fn with_the_same_settings(claude: &Path) {
    let session = prepare(claude);
    session.write("home/.claude/settings.json", &merged(hook(), rules()).to_string());
    let cases = cases(&session, Client::KnowsRules);
    check(&session, &cases, &[]);
}

/// The client reads no settings files: of all rules it knows only the hook.
pub fn with_the_hook_alone(claude: &Path) {
    let session = prepare(claude);
    session.write("home/.claude/settings.json", &rules().to_string());
    session.write("hook.json", &hook().to_string());
    let file = session.home().join("../hook.json");
    let cases = cases(&session, Client::KnowsOnlyHook);
    let mut transcript = check(&session, &cases, &["--setting-sources", "", "--settings", &file.to_string_lossy()]);
    // These two the client asks about by itself, whatever a hook says.
    for id in ["critical", "protected"] {
        assert_eq!(transcript.asked_by.remove(id).as_deref(), Some("safetyCheck"), "{id}");
    }
    assert!(transcript.asked_by.values().all(|asker| asker == "hook"), "{:#?}", transcript.asked_by);
}

/// Returns settings with the program as the hook of every tool.
pub fn hook() -> Value {
    let hook = json!([{"matcher": "*", "hooks": [
        {"type": "command", "command": format!("'{}' hook claude", palisade().display()), "onFailure": "block", "timeout": 20},
    ]}]);
    json!({"hooks": {"PreToolUse": hook, "PostToolUse": hook, "PostToolUseFailure": hook}})
}

/// Returns one object with the keys of both.
pub fn merged(mut one: Value, mut other: Value) -> Value {
    one.as_object_mut().unwrap().append(other.as_object_mut().unwrap());
    one
}

fn rules() -> Value {
    json!({"permissions": {
        "allow": ["Bash(touch allowed-*)", "Bash(rm *)"],
        "ask": ["Bash(touch asked-*)"],
        "deny": ["Bash(touch forbidden-*)", "Read(.env)", "Edit(~/forbidden/**)", "WebFetch(domain:denied.example)"],
    }})
}

fn prepare(claude: &Path) -> Session {
    let session = Session::new(claude);
    session.write("project/.env", "SECRET=hunter2\n");
    session.write("project/.claude/settings.json", PROJECT_SETTINGS);
    session
}

/// The second rule must not work: the client's and our settings are protected from every rule.
const PROJECT_SETTINGS: &str = r#"{"permissions": {"allow": ["Edit(/src/**)", "Edit(/.claude/**)"]}}"#;

fn cases(session: &Session, client: Client) -> Vec<Vec<Case>> {
    use Fate::{Asked, Denied, DeniedUnasked, Rejected, Runs};
    let denied_file = match client {
        Client::KnowsRules => DeniedUnasked,
        Client::KnowsOnlyHook => Denied,
    };
    let bash = |id, fate, command: &str| case(id, fate, "Bash", json!({"command": command, "description": "a test"}));
    let path = |id, fate, tool, path: &Path| case(id, fate, tool, json!({"file_path": path}));
    let write = |id, fate, path: &Path| case(id, fate, "Write", json!({"file_path": path, "content": "one\n"}));
    let [home, project] = [session.home(), session.project()];
    let new = project.join("src/new.txt");
    let first = vec![
        bash("allowed", Runs(""), "touch allowed-1"),
        bash("forbidden", Denied, "touch forbidden-2"),
        bash("read_only", Runs("the notes"), "cat notes.txt"),
        bash("compound", Denied, "touch allowed-4 && touch forbidden-4"),
        bash("wrapped", Denied, "timeout 5 touch forbidden-5"),
        bash("asked", Asked, "touch asked-6"),
        bash("no_rule", Asked, "touch other-7"),
        bash("secret", Denied, "cat .env"),
        bash("redirected", Asked, "cat notes.txt > other-9"),
        bash("critical", Asked, &format!("rm -rf '{}'", project.display())),
        bash("failing", Runs("No such file"), "cat missing.txt"),
        write("new", Runs("created"), &new),
        write("elsewhere", Asked, &project.join("other.txt")),
        write("outside", denied_file, &home.join("forbidden/outside.txt")),
        write("protected", Asked, &project.join(".claude/settings.json")),
        path("hidden", denied_file, "Read", &project.join(".env")),
        path("notes", Runs("the notes"), "Read", &project.join("notes.txt")),
        path("system", Asked, "Read", Path::new("/etc/hostname")),
        case("fetch", Denied, "WebFetch", json!({"url": "https://denied.example/", "prompt": "what is it?"})),
        case("unknown", Rejected, "Nonesuch", json!({"x": 1})),
        case("malformed", Rejected, "Bash", json!({"cmd": "touch allowed-20"})),
    ];
    let edit = json!({"file_path": new, "old_string": "one", "new_string": "two"});
    let second = vec![case("edit", Runs("updated"), "Edit", edit)];
    vec![first, second]
}

fn case(id: &'static str, fate: Fate, tool: &'static str, input: Value) -> Case {
    Case { fate, call: Call { id: id.to_owned(), tool: tool.to_owned(), input } }
}

fn check(session: &Session, cases: &[Vec<Case>], arguments: &[&str]) -> Transcript {
    let turns = cases.iter().map(|turn| turn.iter().map(|case| case.call.clone()).collect()).collect();
    let transcript = session.run(turns, arguments);
    check_answers(cases, &transcript);
    check_effects(session);
    check_journal(cases, &session.journal());
    transcript
}

fn check_answers(cases: &[Vec<Case>], transcript: &Transcript) {
    let mut wrong = Vec::new();
    for Case { fate, call } in cases.iter().flatten() {
        let answer = transcript.answers.get(&call.id).unwrap_or_else(|| panic!("`{}` has no answer", call.id));
        let right = match fate {
            // A command may fail and have run all the same.
            Fate::Runs(text) => answer.text.contains(text),
            Fate::Denied => answer.text.starts_with(&format!("PreToolUse:{} hook error: ", call.tool)),
            Fate::Asked => transcript.asked_by.contains_key(&call.id),
            Fate::DeniedUnasked | Fate::Rejected => answer.text.starts_with("<tool_use_error>"),
        };
        if !right || answer.text.contains("hunter2") {
            wrong.push(format!("{} {}: {fate:?}: {answer:?}", call.id, call.input));
        }
    }
    assert!(wrong.is_empty(), "{:#?}", wrong);
    let refused = ids(cases, |fate| matches!(fate, Fate::Denied | Fate::DeniedUnasked | Fate::Asked));
    assert_eq!(transcript.denied, refused, "calls that the client counts as refused");
}

fn check_effects(session: &Session) {
    let files = [
        (".claude/settings.json", PROJECT_SETTINGS),
        (".env", "SECRET=hunter2\n"),
        ("allowed-1", ""),
        ("notes.txt", "the notes\n"),
        ("src/new.txt", "two\n"),
    ];
    let files = BTreeMap::from(files.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert_eq!(session.files(), files, "files of the project");
    assert_eq!(session.strangers(), [""; 0], "files in the home");
}

/// One decision for each call that the client asks about, and one outcome for each that ran.
fn check_journal(cases: &[Vec<Case>], journal: &[Value]) {
    let mut expected: Vec<[&str; 4]> = cases
        .iter()
        .flatten()
        .filter_map(|case| {
            let outcomes = if matches!(case.fate, Fate::Runs(_)) { "1" } else { "0" };
            Some([case.call.id.as_str(), &case.call.tool, verdict(case.fate)?, outcomes])
        })
        .collect();
    expected.sort_unstable();
    assert_eq!(decisions(journal), expected, "decisions in the journal and how many outcomes each has");
}

/// Returns each decision of a journal: call, tool, verdict, and the number of its outcomes.
pub fn decisions(journal: &[Value]) -> Vec<[String; 4]> {
    let of_kind = |kind: &'static str| journal.iter().filter(move |record| record["kind"] == kind);
    let mut decisions: Vec<[String; 4]> = of_kind("decision")
        .map(|record| {
            let [id, tool, verdict] = ["tool_use_id", "tool", "verdict"]
                .map(|key| record["decision"][key].as_str().unwrap_or_default().to_owned());
            let outcomes = of_kind("outcome").filter(|outcome| outcome["outcome"]["of"] == record["seq"]).count();
            [id, tool, verdict, outcomes.to_string()]
        })
        .collect();
    decisions.sort_unstable();
    decisions
}

fn verdict(fate: Fate) -> Option<&'static str> {
    match fate {
        Fate::Runs(_) => Some("allow"),
        Fate::Denied => Some("deny"),
        Fate::Asked => Some("ask"),
        Fate::DeniedUnasked | Fate::Rejected => None,
    }
}

fn ids(cases: &[Vec<Case>], wanted: impl Fn(Fate) -> bool) -> BTreeSet<String> {
    cases.iter().flatten().filter(|case| wanted(case.fate)).map(|case| case.call.id.clone()).collect()
}
