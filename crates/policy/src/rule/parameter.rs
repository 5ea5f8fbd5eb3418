//! Rules about one field of a tool's input: `Tool(param:value)`.

use super::List;
use super::matcher::{Matcher, NamePattern};
use super::parse::{Fault, malformed};

/// Reads `param:value` where the list allows it; `None` when the text has another form.
pub(super) fn parameter(tool: &str, inner: &str, list: List) -> Result<Option<Matcher>, Fault> {
    let Some((name, value)) = inner.split_once(':') else { return Ok(None) };
    let (name, value) = (name.trim(), value.trim());
    if let Some(documented) = content_field(tool, name, value) {
        return Err(malformed(
            format!("`{name}` is what `{tool}` is about, no parameter"),
            Some(&format!("write `{documented}`")),
        ));
    }
    if !is_parameter(tool, name, value) {
        return Ok(None);
    }
    match list {
        List::Allow => Err(malformed(
            format!("`{tool}({inner})` in allow: a parameter rule can only deny or ask"),
            Some("move it to deny or ask"),
        )),
        List::Deny | List::Ask => {
            let tool = NamePattern::new(tool);
            Ok(Some(Matcher::Parameter { tool, name: name.to_owned(), value: value.to_owned() }))
        }
    }
}

/// Returns what a rule about a field that its tool's own rules are about covers in its documented form.
pub(super) fn documented(text: &str) -> Option<String> {
    let (tool, rest) = text.trim().split_once('(')?;
    let (name, value) = rest.strip_suffix(')')?.split_once(':')?;
    let form = content_field(tool.trim(), name.trim(), value.trim())?;
    // The form of a host is an example: which hosts a pattern of URLs means is not read out of it.
    Some(if tool.trim() == "WebFetch" { "WebFetch".to_owned() } else { form })
}

/// Returns the rule to write in the place of one about a field that a tool's own rules are about.
fn content_field(tool: &str, name: &str, value: &str) -> Option<String> {
    match (tool, name) {
        // `command:*` and `path:*` would be the beginning of a command, and of a name.
        ("Bash" | "Monitor" | "PowerShell", "command") if value != "*" => Some(format!("{tool}({value})")),
        ("Read" | "Edit" | "Write" | "MultiEdit" | "LSP", "file_path")
        | ("Grep" | "Glob" | "LS", "path")
        | ("NotebookEdit" | "NotebookRead", "notebook_path") => {
            let reads = matches!(tool, "Read" | "Grep" | "Glob" | "LS" | "LSP" | "NotebookRead");
            Some(format!("{}({value})", if reads { "Read" } else { "Edit" }))
        }
        ("WebFetch", "url") => Some("WebFetch(domain:example.com)".to_owned()),
        _ => None,
    }
}

/// Returns true when a name before a colon is a field of the tool's input.
///
/// The patterns of some tools hold colons too: there only the documented fields count.
fn is_parameter(tool: &str, name: &str, value: &str) -> bool {
    match tool {
        "Bash" | "Monitor" | "PowerShell" => {
            let is_command = name == "timeout" && value == "*";
            !is_command && ["run_in_background", "dangerouslyDisableSandbox", "timeout", "description"].contains(&name)
        }
        "Read" | "Edit" | "Write" | "Glob" | "Grep" | "NotebookEdit" | "NotebookRead" | "LS" | "LSP" | "MultiEdit" => [
            "-A",
            "-B",
            "-C",
            "-i",
            "-n",
            "cell_id",
            "cell_type",
            "content",
            "context",
            "edit_mode",
            "glob",
            "head_limit",
            "limit",
            "multiline",
            "new_source",
            "new_string",
            "offset",
            "old_string",
            "operation",
            "output_mode",
            "pages",
            "pattern",
            "replace_all",
            "type",
        ]
        .contains(&name),
        "Agent" => {
            let fields =
                ["description", "isolation", "mode", "model", "name", "prompt", "run_in_background", "subagent_type"];
            fields.contains(&name)
        }
        _ => !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter)),
    }
}
