//! Hooks in settings, what they start, and what this program answers when it is started as they say.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use audit::{Entry, Filter};
use policy::{AbsPath, Scope};
use rustix::fs::Access;
use serde_json::{Value, json};
use settings::{Owner, SourceState};

use super::{is_file, is_open, may, metadata, variable};
use crate::doctor::facts::{Answered, Hooks, Program, Registered};
use crate::setup::{Setup, now_ms};

/// How long a hook may take: a little more than it gives itself.
const ANSWER_WAIT: Duration = Duration::from_secs(25);
/// Hooks of a file that are looked at.
const HOOKS_MAX: usize = 32;
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
        managed_only: None,
        own: own.clone(),
        own_fault: own_fault(setup, own),
        user_file: setup.places.shown(&user),
        user_has_hooks: false,
        user_is_clear: true,
        asked: Vec::new(),
    };
    let mut off: Vec<(Scope, bool, String)> = Vec::new();
    let mut found: Vec<(Scope, Registered)> = Vec::new();
    for source in setup.loaded.sources.iter().filter(|source| source.owner == Owner::Claude) {
        let is_users = source.scope == Scope::User && source.path.as_ref() == Some(&user);
        let value = match &source.state {
            SourceState::Absent => continue,
            SourceState::Read(bytes) => serde_json::from_slice::<Value>(bytes).ok().filter(Value::is_object),
            SourceState::Unreadable => None,
        };
        let Some(value) = value else {
            hooks.user_is_clear &= !is_users;
            continue;
        };
        hooks.user_has_hooks |= is_users && value.get("hooks").is_some();
        if let Some(said) = value.get("disableAllHooks") {
            off.push((source.scope, *said != Value::Bool(false), source.file.clone()));
        }
        let is_managed_only = value.get("allowManagedHooksOnly").is_some_and(|said| *said != Value::Bool(false));
        if source.scope == Scope::Managed && is_managed_only {
            hooks.managed_only = Some(source.file.clone());
        }
        let all = registered(&value, setup, own).into_iter();
        found.extend(all.map(|one| (source.scope, Registered { file: source.file.clone(), is_users, ..one })));
    }
    let others_are_off = last_word(&off, |scope| scope != Scope::Managed);
    hooks.off = last_word(&off, |scope| scope == Scope::Managed);
    found.retain(|(scope, _)| *scope == Scope::Managed || hooks.managed_only.is_none() && others_are_off.is_none());
    hooks.registered = found.into_iter().map(|(_, one)| one).collect();
    if hooks.registered.is_empty() {
        hooks.off = hooks.off.or(others_are_off);
    }
    let asks = |one: &&Registered| one.program == Program::Own && one.event == "PreToolUse";
    if let Some(one) = hooks.registered.iter().find(asks) {
        hooks.asked.push((one.command.clone(), ask(setup)));
    }
    hooks
}

/// Returns the file that switches hooks off, where the last of those that speak of it does.
fn last_word(said: &[(Scope, bool, String)], of: impl Fn(Scope) -> bool) -> Option<String> {
    let all = said.iter().filter(|(scope, _, _)| of(*scope));
    let last = all.max_by_key(|(scope, is_off, _)| (Scope::ALL.iter().position(|one| one == scope), *is_off));
    last.filter(|(_, is_off, _)| *is_off).map(|(_, _, file)| file.clone())
}

/// Returns why others than its user and root could put something else into this program's place.
fn own_fault(setup: &Setup, own: &AbsPath) -> Option<String> {
    if own.is_within(&setup.place.project) {
        return Some("lies in the project, where commands of an agent can replace it".to_owned());
    }
    if SHARED.iter().any(|place| own.is_within(&AbsPath::root().join(place))) {
        return Some("lies in a place for temporary files, where commands of an agent can replace it".to_owned());
    }
    let mut at = Some(own.clone());
    while let Some(path) = at {
        let Ok(found) = std::fs::symlink_metadata(path.as_str()) else {
            return Some(format!("cannot be looked at, by {path}"));
        };
        let is_theirs = found.uid() != 0 && found.uid() != rustix::process::geteuid().as_raw();
        // In a directory with this bit nobody renames what is another's.
        let is_held = found.is_dir() && found.mode() & 0o1000 != 0;
        if is_theirs || is_open(&found) && !is_held {
            return Some(format!("can be replaced by others, because {path} is theirs to write"));
        }
        at = path.parent();
    }
    None
}

/// Returns the hooks of Palisade's in a settings file's value.
fn registered(value: &Value, setup: &Setup, own: &AbsPath) -> Vec<Registered> {
    let events = value.get("hooks").and_then(Value::as_object);
    let mut found: Vec<Registered> = Vec::new();
    for (event, groups) in events.into_iter().flatten() {
        for group in groups.as_array().into_iter().flatten() {
            let takes_all = match group.get("matcher") {
                None => true,
                Some(matcher) => matcher.as_str().is_some_and(|text| matches!(text, "" | "*" | ".*")),
            };
            for hook in group.get("hooks").and_then(Value::as_array).into_iter().flatten() {
                let Some(command) = hook.get("command").and_then(Value::as_str).filter(|text| is_ours(text)) else {
                    continue;
                };
                if found.len() == HOOKS_MAX {
                    if let Some(last) = found.last_mut() {
                        last.doubts.push("more hooks than are looked at follow".to_owned());
                    }
                    return found;
                }
                found.push(Registered {
                    event: event.clone(),
                    file: String::new(),
                    is_users: false,
                    command: command.to_owned(),
                    program: program(command, setup, own),
                    takes_all,
                    fails_closed: hook.get("onFailure").and_then(Value::as_str) == Some("block"),
                    never: never(hook),
                    doubts: doubts(event, hook),
                });
            }
        }
    }
    found
}

/// Returns why a hook cannot decide about every call.
fn never(hook: &Value) -> Option<String> {
    let is_said = |name: &str| hook.get(name).is_some_and(|said| *said != Value::Bool(false));
    if hook.get("type").and_then(Value::as_str) != Some("command") {
        return Some("its `type` is not `command`".to_owned());
    }
    if let Some(name) = ["async", "asyncRewake"].into_iter().find(|name| is_said(name)) {
        return Some(format!("`{name}` lets the call go on before it has answered"));
    }
    hook.get("if").is_some().then(|| "`if` leaves calls out".to_owned())
}

/// Returns what of a hook is not understood, or lessens it.
fn doubts(event: &str, hook: &Value) -> Vec<String> {
    let mut doubts = Vec::new();
    for (name, said) in hook.as_object().into_iter().flatten() {
        match name.as_str() {
            "type" | "command" | "async" | "asyncRewake" | "if" | "statusMessage" => {}
            "onFailure" if matches!(said.as_str(), Some("block" | "continue")) => {}
            "timeout" if said.as_f64().is_some_and(|seconds| seconds >= ANSWER_WAIT.as_secs_f64()) => {}
            "timeout" if event != "PreToolUse" => {}
            "timeout" => doubts.push(format!("its `timeout` may end it before it has answered: {said} seconds")),
            "shell" if said == "bash" => {}
            _ => doubts.push(format!("what `{name}` makes of it is not known")),
        }
    }
    doubts
}

/// Returns true for a command that means this program's hook, whether or not it is there.
fn is_ours(command: &str) -> bool {
    command.contains("palisade") && command.contains("hook") && command.contains("claude")
}

/// Returns what a command starts.
fn program(command: &str, setup: &Setup, own: &AbsPath) -> Program {
    let unclear = |why: &str| Program::Unclear(why.to_owned());
    let is_hook = |rest: &[String]| matches!(rest, [hook, agent] if hook == "hook" && agent == "claude");
    let words = words(command, &setup.places.home);
    let Some((first, _)) = words.as_deref().and_then(<[String]>::split_first).filter(|(_, rest)| is_hook(rest)) else {
        return unclear("it is more than a program and its words, and was not started");
    };
    let path = match (AbsPath::parse(first), first.contains('/')) {
        (Some(path), _) => path,
        (None, true) => return unclear("it is found from the directory that the agent is in, and was not started"),
        (None, false) => match on_whole_path(setup, first) {
            Ok(Some(path)) => path,
            Ok(None) => return Program::Missing(first.clone()),
            Err(why) => return Program::Unclear(why),
        },
    };
    located(path, setup, own)
}

/// Returns what is at a path.
fn located(path: AbsPath, setup: &Setup, own: &AbsPath) -> Program {
    match metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Program::Missing(path.to_string()),
        Err(error) => return Program::Unclear(format!("`{path}` cannot be looked at: {error}")),
        Ok(found) if !found.is_file() || !may(path.as_str(), Access::EXEC_OK) => {
            return Program::Unclear(format!("`{path}` is no program that this user may start"));
        }
        Ok(_) => {}
    }
    let Ok(real) = guard::canonical(&path) else { return Program::Other(path.to_string()) };
    let is_in_project = |path: &AbsPath| path.is_within(&setup.place.project);
    if (is_in_project(&path) || is_in_project(&real)) && real != *own {
        return Program::Unclear(format!("`{path}` lies in the project, where commands of an agent can replace it"));
    }
    if real == *own || is_copy(&real, own) { Program::Own } else { Program::Other(path.to_string()) }
}

/// Returns the program that a shell starts for a bare name: the first on `PATH`, wherever that is.
fn on_whole_path(setup: &Setup, name: &str) -> Result<Option<AbsPath>, String> {
    let path = variable(setup, "PATH").ok_or("there is no `PATH` by which it is found")?;
    for entry in path.split(':') {
        let directory = AbsPath::parse(entry)
            .ok_or_else(|| format!("`PATH` has `{entry}`, which is another place in every directory"))?;
        let program = directory.join(name);
        if may(program.as_str(), Access::EXEC_OK) && is_file(&program) {
            return Ok(Some(program));
        }
    }
    Ok(None)
}

/// Returns the words of a command that is nothing but words, as a shell would.
fn words(command: &str, home: &AbsPath) -> Option<Vec<String>> {
    let is_blank = |letter: char| matches!(letter, ' ' | '\t');
    let mut words = Vec::new();
    let mut rest = command.trim_start_matches(is_blank);
    while let Some(first) = rest.chars().next() {
        let (word, after, homes): (_, _, &[&str]) = match first {
            '\'' => split_quoted(rest, first).map(|(word, after)| (word, after, &[] as &[&str]))?,
            '"' => split_quoted(rest, first).map(|(word, after)| (word, after, &["$HOME/", "${HOME}/"] as &[&str]))?,
            _ => {
                let end = rest.find(is_blank).unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end)?;
                (word, after, &["~/", "$HOME/", "${HOME}/"])
            }
        };
        let below = homes.iter().find_map(|prefix| word.strip_prefix(prefix));
        if !(after.is_empty() || after.starts_with(is_blank)) || below.unwrap_or(word).contains(is_special) {
            return None;
        }
        let is_split =
            !matches!(first, '\'' | '"') && home.as_str().contains(|letter| is_blank(letter) || is_special(letter));
        match below {
            Some(_) if is_split => return None,
            Some(below) => words.push(home.join(below).to_string()),
            None => words.push(word.to_owned()),
        }
        rest = after.trim_start_matches(is_blank);
    }
    Some(words)
}

fn split_quoted(text: &str, quote: char) -> Option<(&str, &str)> {
    text.strip_prefix(quote)?.split_once(quote)
}

/// Returns true for what means something to a shell, quoted or not: such a word is not looked at closer.
fn is_special(letter: char) -> bool {
    letter.is_control() || "'\"$`\\;|&<>()*?[]{}!#~=^%".contains(letter)
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
fn ask(setup: &Setup) -> Answered {
    // A number of a process comes again, and with it an older answer would be taken for this one's.
    let session = &format!("doctor-{}-{}", std::process::id(), now_ms());
    let question = json!({
        "session_id": session,
        "hook_event_name": "PreToolUse",
        "tool_name": "Read",
        "tool_input": {"file_path": "/dev/null"},
        "cwd": setup.place.project.as_str(),
        "permission_mode": "default",
    });
    // Not by a path, at which there could be something else by now.
    #[expect(clippy::disallowed_methods, reason = "it is the very program that runs")]
    let mut command = std::process::Command::new("/proc/self/exe");
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
    let is_it = |entry: &Entry| matches!(entry, Entry::Record(logged) if logged.session.as_deref() == Some(session));
    audit::read(&setup.journal_directory(), &filter).is_ok_and(|entries| entries.flatten().any(|entry| is_it(&entry)))
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

#[cfg(test)]
mod tests {
    use policy::AbsPath;

    #[test]
    fn words_are_those_of_a_shell_or_none() {
        let home = AbsPath::root().join("home/me");
        let cases: [(&str, Option<&str>); 18] = [
            ("/opt/palisade hook claude", Some("/opt/palisade|hook|claude")),
            (" /opt/palisade \thook  claude ", Some("/opt/palisade|hook|claude")),
            ("'/opt/a b/palisade' hook claude", Some("/opt/a b/palisade|hook|claude")),
            ("~/palisade hook claude", Some("/home/me/palisade|hook|claude")),
            ("$HOME/palisade hook", Some("/home/me/palisade|hook")),
            ("\"${HOME}/palisade\" hook", Some("/home/me/palisade|hook")),
            ("'~/palisade' hook", None),
            ("\"~/palisade\" hook", None),
            ("'$HOME/palisade' hook", None),
            ("~other/palisade hook", None),
            ("/opt/palisade hook claude\ntrue", None),
            ("\n/opt/palisade hook claude", None),
            ("/opt/palisade hook claude; true", None),
            ("A=b /opt/palisade hook claude", None),
            ("\"/opt\"/palisade hook", None),
            ("/opt/pal\\isade hook", None),
            ("/opt/{a,b}/palisade hook", None),
            ("'/opt/palisade hook", None),
        ];
        for (command, expected) in cases {
            assert_eq!(super::words(command, &home).map(|words| words.join("|")).as_deref(), expected, "{command}");
        }
        let home = AbsPath::root().join("home/a b");
        assert_eq!(super::words("$HOME/palisade hook", &home), None);
        assert_eq!(super::words("\"$HOME/palisade\"", &home), Some(vec!["/home/a b/palisade".to_owned()]));
    }
}
