//! Hooks in settings, what they start, and what this program answers when it is started as they say.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use audit::Filter;
use policy::{AbsPath, Scope};
use serde_json::{Value, json};
use settings::{Owner, SourceState};

use super::{is_file, on_path};
use crate::doctor::facts::{Answered, Hooks, Program, Registered};
use crate::setup::Setup;

/// How long a hook may take: a little more than it gives itself.
const ANSWER_WAIT: Duration = Duration::from_secs(25);
/// How often it is looked whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes of what a hook says that are kept.
const SAID_BYTES_MAX: u64 = 1 << 16;
/// Places for temporary files, where everybody writes.
const SHARED: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];
/// Bytes of programs that are compared.
const PROGRAM_BYTES_MAX: u64 = 1 << 30;

pub(super) fn look(setup: &Setup, own: &AbsPath) -> Hooks {
    let user = setup.places.claude_dir().join("settings.json");
    let mut hooks = Hooks {
        registered: Vec::new(),
        off: None,
        own: own.clone(),
        own_is_exposed: is_exposed(own, setup),
        user_file: setup.places.shown(&user),
        user_has_hooks: false,
        asked: Vec::new(),
    };
    for source in setup.loaded.sources.iter().filter(|source| source.owner == Owner::Claude) {
        let SourceState::Read(bytes) = &source.state else { continue };
        let Ok(value) = serde_json::from_slice::<Value>(bytes) else { continue };
        let is_users = source.scope == Scope::User && source.path.as_ref() == Some(&user);
        hooks.user_has_hooks |= is_users && value.get("hooks").is_some();
        if value.get("disableAllHooks") == Some(&Value::Bool(true)) {
            hooks.off = Some(source.file.clone());
        }
        hooks.registered.extend(registered(&value, setup, own).into_iter().map(|one| Registered {
            file: source.file.clone(),
            is_users,
            ..one
        }));
    }
    let mut commands: Vec<&str> = Vec::new();
    for one in hooks.registered.iter().filter(|one| one.program == Program::Own && one.event == "PreToolUse") {
        if !commands.contains(&one.command.as_str()) {
            commands.push(&one.command);
        }
    }
    let asked = commands.iter().enumerate().filter_map(|(number, command)| {
        let program = words(command, setup)?.into_iter().next()?;
        let session = format!("doctor-{}-{number}", std::process::id());
        Some(((*command).to_owned(), ask(Path::new(&located(&program, setup)?), setup, &session)))
    });
    hooks.asked = asked.collect();
    hooks
}

/// Returns true for a program where commands of an agent write: the project, and the places for temporary files.
fn is_exposed(program: &AbsPath, setup: &Setup) -> bool {
    let shared = SHARED.iter().map(|place| AbsPath::root().join(place));
    let mut places = shared.chain([setup.place.project.clone()]);
    places.any(|place| program.is_within(&place))
}

/// Returns the hooks of Palisade's in a settings file's value.
fn registered(value: &Value, setup: &Setup, own: &AbsPath) -> Vec<Registered> {
    let events = value.get("hooks").and_then(Value::as_object);
    let mut found = Vec::new();
    for (event, groups) in events.into_iter().flatten() {
        for group in groups.as_array().into_iter().flatten() {
            let matcher = group.get("matcher").and_then(Value::as_str).unwrap_or_default();
            for hook in group.get("hooks").and_then(Value::as_array).into_iter().flatten() {
                let Some(command) = hook.get("command").and_then(Value::as_str).filter(|text| is_ours(text)) else {
                    continue;
                };
                found.push(Registered {
                    event: event.clone(),
                    file: String::new(),
                    is_users: false,
                    command: command.to_owned(),
                    program: program(command, setup, own),
                    takes_all: matches!(matcher, "" | "*" | ".*"),
                    fails_closed: hook.get("onFailure").and_then(Value::as_str) == Some("block"),
                });
            }
        }
    }
    found
}

/// Returns true for a command that means this program's hook, whether or not it is there.
fn is_ours(command: &str) -> bool {
    command.contains("palisade") && command.contains("hook") && command.contains("claude")
}

/// Returns what a command starts.
fn program(command: &str, setup: &Setup, own: &AbsPath) -> Program {
    let Some(words) = words(command, setup) else { return Program::Unclear };
    let [first, hook, agent] = words.as_slice() else { return Program::Unclear };
    if (hook.as_str(), agent.as_str()) != ("hook", "claude") {
        return Program::Unclear;
    }
    let Some(path) = located(first, setup) else { return Program::Missing(first.clone()) };
    let real = AbsPath::parse(&path).and_then(|path| guard::canonical(&path).ok());
    match real {
        Some(real) if real == *own || is_copy(&real, own) => Program::Own,
        Some(_) | None => Program::Other(path),
    }
}

/// Returns the words of a command that is nothing but words, as a shell would.
fn words(command: &str, setup: &Setup) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = command.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '\'' | '"' => rest.strip_prefix(first)?.split_once(first)?,
            _ => rest.split_once(' ').unwrap_or((rest, "")),
        };
        let is_whole = after.is_empty() || after.starts_with(' ') || !matches!(first, '\'' | '"');
        let word = home(word, setup);
        if !is_whole || word.contains(['\'', '"', '$', '`', '\\', ';', '|', '&', '<', '>', '(', ')', '*', '?', '\n']) {
            return None;
        }
        words.push(word);
        rest = after.trim_start();
    }
    Some(words)
}

/// Returns a word with the home directory in the place of what stands for it.
fn home(word: &str, setup: &Setup) -> String {
    let below = ["~/", "$HOME/", "${HOME}/"].iter().find_map(|prefix| word.strip_prefix(prefix));
    below.map_or_else(|| word.to_owned(), |below| setup.places.home.join(below).to_string())
}

/// Returns where a program is, if it is there.
fn located(program: &str, setup: &Setup) -> Option<String> {
    match AbsPath::parse(program) {
        Some(path) => is_file(&path).then(|| path.to_string()),
        None if program.contains('/') => None,
        None => on_path(setup, program).map(|path| path.display().to_string()),
    }
}

/// Returns true when both files have the same bytes.
#[expect(clippy::disallowed_methods, reason = "programs are compared before one of them is started")]
fn is_copy(one: &AbsPath, own: &AbsPath) -> bool {
    let open = |path: &AbsPath| std::fs::File::open(path.as_str());
    let (Ok(one), Ok(own)) = (open(one), open(own)) else { return false };
    let length = |file: &std::fs::File| file.metadata().map(|found| found.len()).ok();
    if length(&one).is_none() || length(&one) != length(&own) {
        return false;
    }
    let (mut one, mut own) = (one.take(PROGRAM_BYTES_MAX), own.take(PROGRAM_BYTES_MAX));
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let Ok(count) = one.read(&mut left) else { return false };
        let Some(wanted) = right.get_mut(..count) else { return false };
        if count == 0 {
            return true;
        }
        if own.read_exact(wanted).is_err() || left.get(..count) != Some(&*wanted) {
            return false;
        }
    }
}

/// Asks this program, started as a hook is, whether `/dev/null` may be read. The answer is recorded like any other.
fn ask(program: &Path, setup: &Setup, session: &str) -> Answered {
    let question = json!({
        "session_id": session,
        "hook_event_name": "PreToolUse",
        "tool_name": "Read",
        "tool_input": {"file_path": "/dev/null"},
        "cwd": setup.place.project.as_str(),
        "permission_mode": "default",
    });
    #[expect(clippy::disallowed_methods, reason = "it is this very program, which was compared first")]
    let mut command = std::process::Command::new(program);
    command.args(["hook", "claude"]).current_dir(setup.place.project.as_str());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let told = |error: std::io::Error| Answered::Failed(format!("it cannot be started: {error}"));
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return told(error),
    };
    if let Some(mut input) = child.stdin.take() {
        // One that does not read ends with what it says.
        let _ = input.write_all(question.to_string().as_bytes());
    }
    match ended(&mut child) {
        Ok(Some(code)) => {
            let answered = read_answer(code, &taken(child.stdout.take()), &taken(child.stderr.take()));
            if is_recorded(setup, session) { answered.decided() } else { answered.failed("nothing was recorded") }
        }
        Ok(None) => Answered::Failed(format!("no answer within {} seconds", ANSWER_WAIT.as_secs())),
        Err(error) => told(error),
    }
}

/// Waits for the end; one that takes too long is ended.
fn ended(child: &mut Child) -> std::io::Result<Option<i32>> {
    let begun = Instant::now();
    while begun.elapsed() < ANSWER_WAIT {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code().unwrap_or(-1)));
        }
        std::thread::sleep(PAUSE);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn taken(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What could be read before is what it said.
        let _ = from.take(SAID_BYTES_MAX).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns true when the journal has a record of a session.
fn is_recorded(setup: &Setup, session: &str) -> bool {
    let filter = Filter { session: Some(session.to_owned()), newest: Some(1), ..Filter::default() };
    audit::read(&setup.journal_directory(), &filter).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok()))
}

/// What a hook said, before it is known whether it was recorded.
struct Said {
    decision: Option<String>,
    why: String,
}

impl Said {
    fn decided(self) -> Answered {
        let why = self.why;
        self.decision.map_or_else(|| Answered::Failed(why), Answered::Decided)
    }

    fn failed(self, why: &str) -> Answered {
        Answered::Failed(format!("{why}: {}", self.why))
    }
}

fn read_answer(code: i32, stdout: &str, stderr: &str) -> Said {
    let value: Option<Value> = serde_json::from_str(stdout).ok();
    let text = |name: &str| Some(value.as_ref()?.pointer("/hookSpecificOutput")?.get(name)?.as_str()?.to_owned());
    let decision = text("permissionDecision").filter(|_| code == 0);
    let why = text("permissionDecisionReason").or_else(|| stderr.lines().next().map(str::to_owned));
    Said { decision, why: why.unwrap_or_else(|| format!("exit code {code}, and it said nothing")) }
}
