//! A tool's name and input to an action. The shapes are those of Claude Code's built-in tools.

use policy::action::{Command, FileTarget, Kind, Runner};
use policy::{AbsPath, Action};
use serde_json::Value;

use crate::wire::Input;

/// Reads a tool call.
pub fn action(tool: &str, input: &Input, cwd: &AbsPath) -> Action {
    let tool = if tool == "Task" { "Agent" } else { tool };
    Action { tool: tool.to_owned(), kind: kind(tool, input), params: parameters(input), cwd: cwd.clone() }
}

fn kind(tool: &str, input: &Input) -> Kind {
    match tool {
        "Bash" | "Monitor" => with(input, "command", |text| Kind::Command(Command::parse(text, Runner::Agent))),
        "PowerShell" => with(input, "command", |text| Kind::ForeignCommand(text.to_owned())),
        "Read" | "NotebookRead" => with(input, path_key(input), |path| Kind::Read(file(path, false))),
        "Edit" | "Write" | "MultiEdit" | "NotebookEdit" => {
            with(input, path_key(input), |path| Kind::Edit(file(path, false)))
        }
        "Grep" | "LS" => optional_path(input),
        "Glob" => glob(input),
        "LSP" => optional_path(input),
        "WebFetch" => with(input, "url", |url| Kind::Fetch { url: url.to_owned() }),
        "Agent" => match text(input, "subagent_type") {
            Ok(agent_type) => Kind::Agent { agent_type: agent_type.unwrap_or("general-purpose").to_owned() },
            Err(why) => Kind::Malformed(why),
        },
        "Skill" => skill(input),
        other => mcp(other).unwrap_or(Kind::Other),
    }
}

fn file(path: &str, recursive: bool) -> FileTarget {
    FileTarget { path: path.to_owned(), recursive }
}

/// Returns the field that names the file: notebooks have their own.
fn path_key(input: &Input) -> &'static str {
    if input.contains_key("notebook_path") { "notebook_path" } else { "file_path" }
}

/// Returns a field's text; an absent field is `None`, another type is an error.
fn text<'a>(input: &'a Input, key: &str) -> Result<Option<&'a str>, String> {
    match input.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(format!("its `{key}` is no text"))
        }
    }
}

fn with(input: &Input, key: &str, kind: impl FnOnce(&str) -> Kind) -> Kind {
    match text(input, key) {
        Ok(Some(text)) if text.contains('\0') => Kind::Malformed(format!("its `{key}` holds a NUL")),
        Ok(Some(text)) => kind(text),
        Ok(None) => Kind::Malformed(format!("it has no `{key}`")),
        Err(why) => Kind::Malformed(why),
    }
}

/// A tool that searches below a directory, the current one where none is named.
fn optional_path(input: &Input) -> Kind {
    match text(input, "path") {
        Ok(path) => Kind::Read(file(path.unwrap_or("."), true)),
        Err(why) => Kind::Malformed(why),
    }
}

/// `Glob`: a pattern may itself lead out of the directory.
fn glob(input: &Input) -> Kind {
    match (text(input, "pattern"), text(input, "path")) {
        (Ok(pattern), Ok(path)) => {
            let base = path.unwrap_or(".");
            let literal: Vec<&str> = pattern
                .unwrap_or_default()
                .split('/')
                .take_while(|segment| !segment.contains(['*', '?', '[', '{']))
                .collect();
            let prefix = literal.join("/");
            let path = if pattern.is_some_and(|pattern| pattern.starts_with('/')) {
                format!("/{}", prefix.trim_start_matches('/'))
            } else {
                format!("{base}/{prefix}")
            };
            Kind::Read(file(&path, true))
        }
        (Err(why), _) | (_, Err(why)) => Kind::Malformed(why),
    }
}

fn skill(input: &Input) -> Kind {
    let name = match text(input, "skill") {
        Ok(None) => text(input, "command"),
        found => found,
    };
    match (name, text(input, "args")) {
        (Ok(Some(name)), Ok(Some(args))) if !args.is_empty() => Kind::Skill { skill: format!("{name} {args}") },
        (Ok(Some(name)), Ok(_)) => Kind::Skill { skill: name.to_owned() },
        (Ok(None), _) => Kind::Malformed("it has no `skill`".to_owned()),
        (Err(why), _) | (_, Err(why)) => Kind::Malformed(why),
    }
}

fn mcp(tool: &str) -> Option<Kind> {
    let (server, tool) = tool.strip_prefix("mcp__")?.split_once("__")?;
    Some(Kind::Mcp { server: server.to_owned(), tool: tool.to_owned() })
}

/// Returns the input's top-level scalars as text.
fn parameters(input: &Input) -> Vec<(String, String)> {
    input
        .iter()
        .filter_map(|(key, value)| match value {
            Value::String(text) => Some((key.clone(), text.clone())),
            Value::Bool(truth) => Some((key.clone(), truth.to_string())),
            Value::Number(number) => Some((key.clone(), number.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        })
        .collect()
}
