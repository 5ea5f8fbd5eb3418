//! One session of the client: its home, its project, and what came of each call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::model::{Call, LAST_WORD, Model};
use crate::person::Person;
use crate::{fetch, palisade, process};

/// How long one session may take; a plain one takes a second.
const SESSION_LIMIT: Duration = Duration::from_secs(60);

/// How long the program may take to read its journal.
const PROGRAM_LIMIT: Duration = Duration::from_secs(10);

/// Where programs are found, for the client and all below it.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An empty home and an empty project which that home trusts.
#[derive(Debug)]
pub struct Session {
    claude: PathBuf,
    root: TempDir,
    scratch: TempDir,
}

/// What came of one call: the result that the model got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is marked as an error.
    pub is_error: bool,
    /// Its text.
    pub text: String,
}

/// What a session left in its stream.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The answer to each call.
    pub answers: BTreeMap<String, Answer>,
    /// Who kept a call from happening by asking: `hook`, `rule`, `safetyCheck`, or nobody named.
    pub asked_by: BTreeMap<String, String>,
    /// The calls that the client counts as denied, by whomever.
    pub denied: BTreeSet<String>,
}

impl Session {
    /// Makes the directories and the trust.
    ///
    /// They lie below the target directory: a sandbox hides the temporary ones, and what is hidden
    /// would prove nothing. The project is a repository, so that it is not part of the one around it.
    pub fn new(claude: &Path) -> Self {
        let around = fetch::target().join("tmp");
        std::fs::create_dir_all(&around).unwrap();
        let root = tempfile::Builder::new().prefix("session-").tempdir_in(around).unwrap();
        let session = Self { claude: claude.to_owned(), root, scratch: tempfile::tempdir().unwrap() };
        session.write("project/notes.txt", "the notes\n");
        session.write("project/.git/HEAD", "ref: refs/heads/main\n");
        for directory in ["hooks", "objects", "refs"] {
            std::fs::create_dir(session.project().join(".git").join(directory)).unwrap();
        }
        session.trust(true);
        session
    }

    /// Says that the home trusts the project, or that it was never asked.
    pub fn trust(&self, accepted: bool) {
        let projects = json!({self.project().display().to_string(): {"hasTrustDialogAccepted": accepted}});
        self.write("home/.claude.json", &json!({"hasCompletedOnboarding": true, "projects": projects}).to_string());
    }

    /// Returns the home directory.
    pub fn home(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("home")
    }

    /// Returns the project directory.
    pub fn project(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("project")
    }

    /// Writes a file below the session's directory.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes a shell script below the session's directory and returns its path.
    pub fn script(&self, path: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        self.write(path, &format!("#!/bin/sh\n{text}\n"));
        let path = self.root.path().canonicalize().unwrap().join(path);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// Runs the client until the script is over, with further arguments. Nobody is there to answer.
    pub fn run(&self, turns: Vec<Vec<Call>>, arguments: &[&str]) -> Transcript {
        let model = Model::start(turns);
        let mut client = self.client(&model);
        client.arg("go").args(arguments);
        Transcript::parse(&process::run(&mut client, self.scratch.path(), SESSION_LIMIT).unwrap())
    }

    /// Runs the client with a person who answers each question.
    pub fn run_with(&self, person: &mut Person, turns: Vec<Vec<Call>>) -> Transcript {
        let model = Model::start(turns);
        let mut client = self.client(&model);
        client.args(WITH_PERSON);
        let finished =
            process::talk(&mut client, self.scratch.path(), SESSION_LIMIT, |line| person.hear(line)).unwrap();
        Transcript::parse(&finished)
    }

    fn client(&self, model: &Model) -> Command {
        let mut client = client(&self.claude, model, &self.home(), self.scratch.path());
        client.args(["--permission-mode", "default"]).current_dir(self.project());
        client
    }

    /// Returns the journal, which must verify: one value a record.
    pub fn journal(&self) -> Vec<Value> {
        self.palisade(&["audit", "verify"]);
        let log = self.palisade(&["audit", "log", "--json"]);
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs the program with this home, and returns what it prints.
    fn palisade(&self, arguments: &[&str]) -> String {
        let mut program = Command::new(palisade());
        program.args(arguments).current_dir(self.project()).env_clear().env("PATH", SEARCH).env("HOME", self.home());
        let finished = process::run(&mut program, self.scratch.path(), PROGRAM_LIMIT).unwrap();
        assert!(finished.status.success(), "{arguments:?}: {finished:#?}");
        finished.stdout
    }

    /// Returns every file of the project, without its repository, and its text.
    pub fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        list(&self.project(), "", &mut files);
        // The client leaves placeholders of its own there when `sandbox.enabled` is set.
        files.retain(|name, _| !name.starts_with(".git/"));
        files
    }

    /// Returns the names in the home directory, without what the client keeps there for itself.
    pub fn strangers(&self) -> Vec<String> {
        const OWN: [&str; 6] = [".cache", ".claude", ".claude.json", ".config", ".local", ".npm"];
        let mut names: Vec<String> = std::fs::read_dir(self.home())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !OWN.iter().any(|own| name == own || name.starts_with(".claude.json.")))
            .collect();
        names.sort();
        names
    }
}

fn list(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            list(&entry.path(), &format!("{name}/"), files);
        } else if kind.is_file() {
            files.insert(name, String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned());
        } else {
            files.insert(name, format!("{kind:?}"));
        }
    }
}

/// Returns the client, headless, with a model, a home and a place for temporary files, and nothing else.
pub fn client(claude: &Path, model: &Model, home: &Path, scratch: &Path) -> Command {
    let mut client = Command::new(claude);
    client
        .args(["-p", "--output-format", "stream-json", "--verbose"])
        .env_clear()
        .envs([("PATH", SEARCH), ("TERM", "dumb"), ("ANTHROPIC_API_KEY", "none")])
        .envs([("DISABLE_AUTOUPDATER", "1"), ("DISABLE_TELEMETRY", "1")])
        .envs([("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"), ("BASH_DEFAULT_TIMEOUT_MS", "10000")])
        .env("ANTHROPIC_BASE_URL", model.url())
        .env("HOME", home)
        .env("TMPDIR", scratch)
        .env("CLAUDE_CODE_TMPDIR", scratch);
    client
}

/// Further arguments with which a person answers the client's questions.
pub const WITH_PERSON: [&str; 4] = ["--input-format", "stream-json", "--permission-prompt-tool", "stdio"];

impl Transcript {
    /// Reads the client's stream: one event a line.
    ///
    /// # Panics
    /// When the session did not come to the end of the script.
    pub fn parse(finished: &process::Finished) -> Self {
        let mut transcript = Self::default();
        let mut last_word = String::new();
        for line in finished.stdout.lines() {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            match (event["type"].as_str(), event["subtype"].as_str()) {
                (Some("user"), _) => transcript.read_answers(&event["message"]["content"]),
                (Some("system"), Some("permission_denied")) => {
                    let asker = event["decision_reason_type"].as_str().unwrap_or_default();
                    transcript.asked_by.insert(text(&event["tool_use_id"]), asker.to_owned());
                }
                (Some("result"), _) => {
                    let denials = event["permission_denials"].as_array();
                    transcript.denied.extend(denials.into_iter().flatten().map(|denial| text(&denial["tool_use_id"])));
                    last_word = text(&event["result"]);
                }
                _ => {}
            }
        }
        assert_eq!(last_word, LAST_WORD, "{}\n{}\n{}", finished.status, finished.stdout, finished.stderr);
        transcript
    }

    fn read_answers(&mut self, content: &Value) {
        for block in content.as_array().into_iter().flatten().filter(|block| block["type"] == "tool_result") {
            let text = match &block["content"] {
                Value::Array(parts) => parts.iter().map(|part| text(&part["text"])).collect::<Vec<_>>().join("\n"),
                other => text(other),
            };
            self.answers.insert(
                block["tool_use_id"].as_str().unwrap().to_owned(),
                Answer { is_error: block["is_error"] == true, text },
            );
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
