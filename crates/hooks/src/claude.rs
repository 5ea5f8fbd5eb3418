//! Claude Code's hooks: PreToolUse asks for a decision, PostToolUse and PostToolUseFailure tell what
//! came of the call. Source: the hooks reference of Claude Code 2.1.

use policy::{AbsPath, Action, Mode, Verdict};
use serde_json::Value;

use crate::limits::HOOK_BYTES_MAX;
use crate::tool;
use crate::wire::{ClaudeDecision, ClaudeEvent, ClaudeReply, Input};

pub use crate::limits::HOOK_BYTES_MAX as INPUT_BYTES_MAX;

/// Claude Code treats this exit code as a refusal and shows standard error to the model.
pub const EXIT_REFUSED: u8 = 2;

/// Events on which no decision hangs here.
const SILENT_EVENTS: &[&str] = &[
    "SessionStart",
    "Setup",
    "UserPromptSubmit",
    "UserPromptExpansion",
    "PermissionRequest",
    "PermissionDenied",
    "PostToolBatch",
    "Notification",
    "MessageDisplay",
    "SubagentStart",
    "SubagentStop",
    "TaskCreated",
    "TaskCompleted",
    "TeammateIdle",
    "Stop",
    "StopFailure",
    "InstructionsLoaded",
    "ConfigChange",
    "CwdChanged",
    "DirectoryAdded",
    "FileChanged",
    "WorktreeCreate",
    "WorktreeRemove",
    "PreCompact",
    "PostCompact",
    "Elicitation",
    "ElicitationResult",
    "SessionEnd",
    "PreModelSwitch",
    "PostModelSwitch",
];

/// What the client tells or asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A call that waits for a decision.
    Before(Call),
    /// A call that is over.
    After(Done),
    /// An event that no decision hangs on.
    Other(String),
}

/// A call that waits for a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The client's session.
    pub session: String,
    /// The call's own name.
    pub id: Option<String>,
    /// The mode the session is in.
    pub mode: Option<Mode>,
    /// What is asked.
    pub action: Action,
    /// The input as the client wrote it, to be handed back changed.
    pub input: Input,
}

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The client's session.
    pub session: String,
    /// The call's own name.
    pub id: Option<String>,
    /// The tool.
    pub tool: String,
    /// True when the client says that it failed.
    pub failed: bool,
    /// What the tool answered: its text, or its JSON.
    pub response: String,
}

/// Why an input cannot be read. On the way of a decision it is a refusal.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is larger than a hook input can be.
    #[error("the hook input is larger than {HOOK_BYTES_MAX} bytes")]
    TooLarge,
    /// It is no UTF-8.
    #[error("the hook input is not UTF-8 at byte {0}")]
    Utf8(usize),
    /// It is no JSON, or a field has another type.
    #[error("the hook input is not the JSON that Claude Code documents")]
    Json(#[source] serde_json::Error),
    /// A field that the decision needs is missing.
    #[error("the hook input has no `{0}`")]
    Missing(&'static str),
    /// The event is not one that Claude Code documents.
    #[error("`{0}` is no event of Claude Code 2.1")]
    Event(String),
    /// The directory is not absolute.
    #[error("the hook input's `cwd` is no absolute path")]
    Cwd,
}

/// Reads a hook input.
pub fn decode(bytes: &[u8]) -> Result<Event, Malformed> {
    if bytes.len() > HOOK_BYTES_MAX {
        return Err(Malformed::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Malformed::Utf8(error.valid_up_to()))?;
    let event: ClaudeEvent = serde_json::from_str(text).map_err(Malformed::Json)?;
    match event.hook_event_name.as_str() {
        "PreToolUse" => before(event).map(Event::Before),
        "PostToolUse" | "PostToolUseFailure" => after(event).map(Event::After),
        name if SILENT_EVENTS.contains(&name) => Ok(Event::Other(event.hook_event_name)),
        // A name that is not known could be a decision's under another spelling.
        _ => Err(Malformed::Event(event.hook_event_name)),
    }
}

fn before(event: ClaudeEvent) -> Result<Call, Malformed> {
    let tool = event.tool_name.ok_or(Malformed::Missing("tool_name"))?;
    let Some(Value::Object(input)) = event.tool_input else { return Err(Malformed::Missing("tool_input")) };
    let cwd = event.cwd.ok_or(Malformed::Missing("cwd"))?;
    let cwd = AbsPath::parse(&cwd).ok_or(Malformed::Cwd)?;
    Ok(Call {
        session: event.session_id.unwrap_or_default(),
        id: event.tool_use_id,
        // A mode that is not known is read as the strictest that still lets the person answer.
        mode: event.permission_mode.map(|name| Mode::parse(&name).map_or(Mode::Default, |(mode, _)| mode)),
        action: tool::action(&tool, &input, &cwd),
        input,
    })
}

fn after(event: ClaudeEvent) -> Result<Done, Malformed> {
    let failed = event.hook_event_name == "PostToolUseFailure";
    let response = match event.error.or(event.tool_response) {
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
        None => String::new(),
    };
    Ok(Done {
        session: event.session_id.unwrap_or_default(),
        id: event.tool_use_id,
        tool: event.tool_name.ok_or(Malformed::Missing("tool_name"))?,
        failed,
        response,
    })
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// Why: shown to the person, and to the model when the call is refused.
    pub reason: String,
    /// The input that replaces the call's own.
    pub input: Option<Input>,
}

/// What the hook's process writes and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
    /// Exit code.
    pub code: u8,
}

/// Writes an answer.
pub fn encode(answer: &Answer) -> Reply {
    let reply = ClaudeReply {
        hook_specific_output: ClaudeDecision {
            hook_event_name: "PreToolUse",
            permission_decision: answer.verdict.name(),
            permission_decision_reason: &answer.reason,
            updated_input: answer.input.as_ref(),
        },
    };
    match serde_json::to_vec(&reply) {
        Ok(mut stdout) => {
            stdout.push(b'\n');
            Reply { stdout, stderr: String::new(), code: 0 }
        }
        Err(error) => refuse(&format!("the answer cannot be written: {error}")),
    }
}

/// Writes a refusal in the form that needs no JSON to be understood.
pub fn refuse(reason: &str) -> Reply {
    Reply { stdout: Vec::new(), stderr: format!("palisade: {reason}\n"), code: EXIT_REFUSED }
}

/// Writes that there is nothing to say.
pub fn silent() -> Reply {
    Reply { stdout: Vec::new(), stderr: String::new(), code: 0 }
}
