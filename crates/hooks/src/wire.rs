//! The wire forms. Nothing outside this file is read from or written to bytes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A tool's input as the agent wrote it.
pub type Input = Map<String, Value>;

/// What Claude Code writes to a hook: the fields that are used. Others are its own affair.
#[derive(Debug, Deserialize)]
pub(crate) struct ClaudeEvent {
    pub(crate) hook_event_name: String,
    #[serde(default)]
    pub(crate) session_id: Option<String>,
    #[serde(default)]
    pub(crate) cwd: Option<String>,
    #[serde(default)]
    pub(crate) permission_mode: Option<String>,
    #[serde(default)]
    pub(crate) tool_name: Option<String>,
    #[serde(default)]
    pub(crate) tool_input: Option<Value>,
    #[serde(default)]
    pub(crate) tool_use_id: Option<String>,
    #[serde(default)]
    pub(crate) tool_response: Option<Value>,
    #[serde(default)]
    pub(crate) error: Option<Value>,
}

/// What a hook writes to Claude Code.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClaudeReply<'a> {
    pub(crate) hook_specific_output: ClaudeDecision<'a>,
}

/// The decision in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClaudeDecision<'a> {
    pub(crate) hook_event_name: &'static str,
    pub(crate) permission_decision: &'static str,
    pub(crate) permission_decision_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_input: Option<&'a Input>,
}

/// A line of `palisade check`'s input. It is our own format: an unknown key is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckLine {
    pub(crate) tool_name: String,
    pub(crate) tool_input: Input,
    #[serde(default)]
    pub(crate) id: Option<Value>,
    #[serde(default)]
    pub(crate) cwd: Option<String>,
    #[serde(default)]
    pub(crate) permission_mode: Option<String>,
    #[serde(default)]
    pub(crate) settings: Option<Map<String, Value>>,
}

/// A line of `palisade check`'s output.
#[derive(Debug, Serialize)]
pub(crate) struct CheckReply<'a> {
    pub(crate) schema_version: u32,
    pub(crate) id: Option<&'a Value>,
    pub(crate) decision: &'static str,
    pub(crate) reason: &'a str,
    pub(crate) rule: Option<Value>,
    pub(crate) proof: Option<Value>,
}
