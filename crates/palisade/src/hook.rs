//! `palisade hook`: an agent's hook. It always ends in an encoded verdict.
//!
//! The work is done by a thread of its own, so that a deadline and a panic both end in a refusal.

pub(crate) mod inside;

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use audit::{End, Receipt};
use guard::{Guard, Outcome, Request, Settled, Stamp};
use hooks::claude::{self, Answer, Call, Done, Event, Reply};
use policy::action::Kind;
use policy::facts::Person;
use policy::proof::Boundary;
use policy::{AbsPath, Proof, Verdict};
use settings::{Environment, env};

use crate::cli::Agent;
use crate::setup::{self, Setup, journal_directory, now_ms, own_program};

/// How long a decision may take. Claude Code waits ten minutes by default, and lets the call pass then.
const DEADLINE: Duration = Duration::from_secs(20);
/// Stack of the thread that decides: parsers are bounded in depth, and this is far more than they need.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of a command that can be handed back as one argument; the kernel's bound is 128 KiB.
const COMMAND_BYTES_MAX: usize = 96 * 1024;
/// Records that are looked through for the decision of a call that is over.
const RECENT_RECORDS: usize = 4096;

/// Answers a hook: reads standard input, writes standard output, and ends as the protocol says.
pub(crate) fn hook(agent: Agent) -> ExitCode {
    let Agent::Claude = agent;
    let reply = within_deadline(|| {
        inside::reply().unwrap_or_else(|| {
            let Ok(reply) = answer();
            reply
        })
    });
    let reply = if answer_is_lost() {
        claude::refuse("refused: standard output is closed, so no answer could be read")
    } else {
        reply
    };
    let written = io::stdout().lock().write_all(&reply.stdout).and_then(|()| io::stdout().lock().flush());
    let _ = io::stderr().lock().write_all(reply.stderr.as_bytes());
    match written {
        Ok(()) => ExitCode::from(reply.code),
        Err(_) => ExitCode::from(claude::EXIT_REFUSED),
    }
}

/// Decides in a thread of its own. One that takes too long, or fails, is a refusal.
fn within_deadline(decide: impl FnOnce() -> Reply + Send + 'static) -> Reply {
    let (sender, receiver) = mpsc::channel();
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        // Nobody listens any more once the deadline has passed.
        let _ = sender.send(decide());
    });
    match worker {
        Err(error) => claude::refuse(&format!("refused: no thread to decide with: {error}")),
        Ok(_) => match receiver.recv_timeout(DEADLINE) {
            Ok(reply) => reply,
            Err(RecvTimeoutError::Timeout) => {
                claude::refuse(&format!("refused: no decision within {} seconds", DEADLINE.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                claude::refuse("refused: the decision failed; this is a defect in Palisade")
            }
        },
    }
}

/// Returns true when standard output leads to `/dev/null`, which also stands in for a closed one: silence
/// would let the call pass.
fn answer_is_lost() -> bool {
    const NULL: (u32, u32) = (1, 3);
    rustix::fs::fstat(io::stdout()).map_or(true, |found| {
        let is_device = rustix::fs::FileType::from_raw_mode(found.st_mode).is_char_device();
        is_device && (rustix::fs::major(found.st_rdev), rustix::fs::minor(found.st_rdev)) == NULL
    })
}

/// Reads the event and answers it. Every failure is an answer.
fn answer() -> Result<Reply, Infallible> {
    let mut bytes = Vec::new();
    if let Err(error) = io::stdin().lock().take(claude::INPUT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes) {
        return Ok(claude::refuse(&format!("refused: the hook input cannot be read: {error}")));
    }
    let event = match claude::decode(&bytes) {
        Ok(event) => event,
        Err(error) => return Ok(claude::refuse(&format!("refused: {:#}", anyhow::Error::from(error)))),
    };
    Ok(match event {
        Event::Before(call) => before(call).unwrap_or_else(|error| claude::refuse(&format!("refused: {error:#}"))),
        Event::After(done) => match after(&done, SOURCE) {
            Ok(()) => claude::silent(),
            // The call is over: there is nothing to refuse, only something to tell.
            Err(error) => {
                Reply { stderr: format!("palisade: the outcome is not recorded: {error:#}\n"), ..claude::silent() }
            }
        },
        Event::Other(_) => claude::silent(),
    })
}

/// Decides a call.
fn before(mut call: Call) -> anyhow::Result<Reply> {
    let environment = Environment::read()?;
    // Relative paths mean what they mean where the directory truly is.
    call.action.cwd = guard::canonical(&call.action.cwd)?;
    let project = project(&environment, &call.action.cwd)?;
    let setup = Setup::for_hook(environment, project)?;
    let outcome = admitted(&setup, &call, SOURCE)?;
    Ok(claude::encode(&reply(&setup, &call, &outcome)?))
}

/// Decides a call by these settings, and records that before anybody learns of it.
fn admitted(setup: &Setup, call: &Call, source: &str) -> anyhow::Result<Outcome> {
    let journal = setup::open_journal(&setup.journal_directory())?;
    let guard = Guard { policy: &setup.policy, place: &setup.place, journal: &journal };
    Ok(guard.admit(&Request {
        action: &call.action,
        mode: call.mode,
        person: Person::Present,
        stamp: Stamp { time_ms: now_ms(), session: &call.session, source },
        call_id: call.id.as_deref(),
        under: None,
    }))
}

/// Returns the session's start directory: what the client says, if the call lies in it.
fn project(environment: &Environment, cwd: &AbsPath) -> anyhow::Result<AbsPath> {
    match environment.path(env::Variable::ClaudeProjectDir) {
        Some(directory) => Ok(guard::canonical(&directory)?),
        None => Ok(cwd.clone()),
    }
}

/// Returns what the agent is told of an outcome.
fn answer_of(outcome: &Outcome) -> Answer {
    let (proof, _) = proof_of(outcome);
    Answer { verdict: proof.verdict, reason: format!("Palisade: {}", proof.words()), input: None }
}

/// Returns an outcome's proof, and where something may run by it the record.
fn proof_of(outcome: &Outcome) -> (&Proof, Option<&Receipt>) {
    match outcome {
        Outcome::Permit(permit, receipt) => (permit.proof(), Some(receipt)),
        Outcome::Pending(pending, receipt) => (pending.proof(), Some(receipt)),
        Outcome::Refusal(refusal, _) => (refusal.proof(), None),
    }
}

fn reply(setup: &Setup, call: &Call, outcome: &Outcome) -> anyhow::Result<Answer> {
    let (proof, receipt) = proof_of(outcome);
    let mut answer = answer_of(outcome);
    let confined = matches!(proof.boundary, Some(Boundary::Inside { .. }));
    if let (Some(receipt), true, Kind::Command(command)) = (receipt, confined, &call.action.kind) {
        if command.text.len() > COMMAND_BYTES_MAX {
            answer.verdict = Verdict::Deny;
            answer.reason =
                format!("the command is longer than {COMMAND_BYTES_MAX} bytes and cannot be handed to the boundary");
        } else {
            let leaf = receipt.leaf.get(..PERMIT_HASH).unwrap_or(&receipt.leaf);
            let program = shell::quote(own_program()?.as_str());
            let text = shell::quote(&command.text);
            let project = shell::quote(setup.place.project.as_str());
            let confined =
                format!("{program} run --quiet --permit {}:{leaf} --project {project} -- bash -c {text}", receipt.seq);
            let mut input = call.input.clone();
            input.insert("command".to_owned(), confined.into());
            // It stays inside: what asked to leave does not go along.
            input.remove(LEAVES);
            answer.input = Some(input);
        }
    }
    Ok(answer)
}

/// What records of a hook outside name as their source.
const SOURCE: &str = "hook:claude";
/// The field by which a call asks to leave the client's own sandbox.
const LEAVES: &str = "dangerouslyDisableSandbox";
/// Characters of a tool's error that a record keeps.
const ERROR_CHARACTERS: usize = 120;
/// Characters of a record's hash that name it beside its number.
pub(crate) const PERMIT_HASH: usize = 16;

/// Records what came of a call that was decided for the same source: what runs inside says nothing of calls outside.
fn after(done: &Done, source: &str) -> anyhow::Result<()> {
    let environment = Environment::read()?;
    let directory = journal_directory(&environment);
    let Some(of) = decision_of((&directory, source), done)? else { return Ok(()) };
    let journal = setup::open_journal(&directory)?;
    let policy = policy::Policy::default();
    let place = guard::Place {
        home: environment.home().clone(),
        project: AbsPath::root(),
        own_unwritable: Vec::new(),
        own_unreadable: Vec::new(),
        kept: None,
        programs: Vec::new(),
        profile: guard::Profile::Open,
        caches: None,
        is_proxied: false,
    };
    let guard = Guard { policy: &policy, place: &place, journal: &journal };
    // What a tool answers may be the content of files: of a success only its size is kept.
    let end = if done.failed {
        End::Failed(
            audit::redact(done.response.lines().next().unwrap_or_default())
                .text
                .chars()
                .take(ERROR_CHARACTERS)
                .collect(),
        )
    } else {
        End::Succeeded(format!("{} bytes", done.response.len()))
    };
    let settled = Settled { end, enforced: Vec::new(), missing: Vec::new(), refused_count: 0, duration_ms: None };
    let receipt = guard.settle(of, settled, &Stamp { time_ms: now_ms(), session: &done.session, source })?;
    let _ = receipt;
    Ok(())
}

/// Returns the number of the decision about a call that is over.
fn decision_of((directory, source): (&std::path::Path, &str), done: &Done) -> anyhow::Result<Option<u64>> {
    let filter = audit::Filter { newest: Some(RECENT_RECORDS), ..audit::Filter::default() };
    let mut found = None;
    for entry in audit::read(directory, &filter)? {
        if let audit::Entry::Record(logged) = entry? {
            let is_same = logged.record.as_ref().is_some_and(|record| match &record.body {
                audit::Body::Decision(decision) => {
                    record.source == source && done.id.is_some() && decision.tool_use_id == done.id
                }
                audit::Body::Answer(_)
                | audit::Body::Started(_)
                | audit::Body::Connection(_)
                | audit::Body::Outcome(_)
                | audit::Body::Trust(_)
                | audit::Body::Settings(_)
                | audit::Body::Repair(_) => false,
            });
            if is_same {
                found = Some(logged.seq);
            }
        }
    }
    Ok(found)
}
