//! The lines of `palisade check`: one tool call in, one decision out. The form is a promise; its
//! JSON Schema stands in docs/reference.

use policy::{AbsPath, Action, Mode, Proof};
use serde_json::Value;

use crate::tool;
use crate::wire::{CheckLine, CheckReply};

/// The version of the output's shape.
pub const SCHEMA_VERSION: u32 = 1;

/// One tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The caller's own name for it, handed back.
    pub id: Option<Value>,
    /// What is asked.
    pub action: Action,
    /// The mode to decide under.
    pub mode: Option<Mode>,
    /// Settings for this line alone, as JSON text.
    pub settings: Option<String>,
}

/// Why a line cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is no JSON of the documented form.
    #[error("the line is not a call of the documented form")]
    Json(#[source] serde_json::Error),
    /// The directory is not absolute.
    #[error("`cwd` is no absolute path")]
    Cwd,
    /// The mode is not known.
    #[error("`{0}` is no permission mode")]
    Mode(String),
}

/// Reads a line; `cwd` counts where the line names no directory.
pub fn decode(line: &str, cwd: &AbsPath) -> Result<Call, Malformed> {
    let line: CheckLine = serde_json::from_str(line).map_err(Malformed::Json)?;
    let cwd = match &line.cwd {
        Some(text) => AbsPath::parse(text).ok_or(Malformed::Cwd)?,
        None => cwd.clone(),
    };
    let mode = match line.permission_mode {
        Some(name) => Some(Mode::parse(&name).ok_or(Malformed::Mode(name))?.0),
        None => None,
    };
    Ok(Call {
        id: line.id,
        action: tool::action(&line.tool_name, &line.tool_input, &cwd),
        mode,
        settings: line.settings.map(|settings| Value::Object(settings).to_string()),
    })
}

/// Returns the caller's name for a line that is no call, where it can be read.
pub fn id(line: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(line).ok()?;
    value.get("id").cloned()
}

/// Writes a decision as a line, without the newline.
pub fn encode(id: Option<&Value>, proof: &Proof) -> String {
    render(&CheckReply {
        schema_version: SCHEMA_VERSION,
        id,
        decision: proof.verdict.name(),
        reason: &proof.reason,
        rule: proof.rule.as_ref().map(crate::proof::rule_json),
        proof: Some(crate::proof::json(proof)),
    })
}

/// Writes a refusal for a line that cannot be read.
pub fn encode_malformed(id: Option<&Value>, reason: &str) -> String {
    render(&CheckReply { schema_version: SCHEMA_VERSION, id, decision: "deny", reason, rule: None, proof: None })
}

fn render(reply: &CheckReply<'_>) -> String {
    // A struct of texts and numbers always has a JSON form; the fallback is still a refusal.
    serde_json::to_string(reply).unwrap_or_else(|_| {
        r#"{"schema_version":1,"id":null,"decision":"deny","reason":"the decision has no JSON form","rule":null,"proof":null}"#
            .to_owned()
    })
}
