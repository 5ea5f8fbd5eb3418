//! What a rule matches.

use crate::command::{CommandPattern, star_matches};
use crate::host::HostPattern;
use crate::path::PathPattern;

/// The two kinds of path rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileAccess {
    /// `Read(...)`.
    Read,
    /// `Edit(...)`.
    Edit,
}

/// What a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Matcher {
    /// A whole tool, by name or name pattern.
    Tool(NamePattern),
    /// `Bash(pattern)`.
    Command(CommandPattern),
    /// `PowerShell(pattern)`.
    ForeignCommand(CommandPattern),
    /// `Read(path)` or `Edit(path)`.
    Path { access: FileAccess, pattern: PathPattern },
    /// `WebFetch(domain:host)`.
    Domain(HostPattern),
    /// `Agent(type)`.
    Agent(String),
    /// `Skill(name)` or `Skill(name *)`.
    Skill { name: String, open: bool },
    /// `Tool(param:value)`.
    Parameter { tool: String, name: String, value: String },
}

/// A tool name, `mcp__server` for all its tools, or a name with `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePattern(String);

impl NamePattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true when the pattern covers a call of `tool`.
    ///
    /// `Read` covers every tool that reads files and `Edit` every tool that writes them, as their
    /// path rules do.
    pub(crate) fn covers(&self, tool: &str) -> bool {
        let own = self.0.as_str();
        let group = match tool {
            "Grep" | "Glob" | "LS" | "LSP" | "NotebookRead" => own == "Read",
            "Write" | "MultiEdit" | "NotebookEdit" => own == "Edit",
            "Monitor" => own == "Bash",
            _ => false,
        };
        let server = own.starts_with("mcp__")
            && !own.get(5..).is_some_and(|rest| rest.contains("__"))
            && tool.strip_prefix(own).is_some_and(|rest| rest.starts_with("__"));
        group || server || star_matches(own, tool)
    }
}
