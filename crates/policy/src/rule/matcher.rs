//! What a rule matches.

use crate::command::{CommandPattern, star_matches};
use crate::network::host::HostPattern;
use crate::path::{Glob, PathPattern};

/// The two kinds of path rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FileAccess {
    /// `Read(...)`.
    Read,
    /// `Edit(...)`.
    Edit,
}

/// What a rule matches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    Agent(Vec<String>),
    /// `Cd(pattern)`: a whole path.
    Cd(Glob),
    /// `Skill(name)` or `Skill(name *)`.
    Skill { name: String, open: bool },
    /// `Tool(param:value)`.
    Parameter { tool: NamePattern, name: String, value: String },
}

impl Matcher {
    /// Returns the pattern of a rule about shell commands.
    pub(crate) fn command(&self) -> Option<&CommandPattern> {
        if let Self::Command(pattern) = self { Some(pattern) } else { None }
    }

    /// Returns the pattern of a rule about paths.
    pub(crate) fn path(&self) -> Option<&PathPattern> {
        if let Self::Path { pattern, .. } = self { Some(pattern) } else { None }
    }

    /// Returns true when a rule of this kind could cover some call of the tool.
    pub(crate) fn could_cover(&self, tool: &str) -> bool {
        match self {
            Self::Tool(name) | Self::Parameter { tool: name, .. } => name.tightens(tool),
            Self::Domain(_) => tool == "WebFetch",
            Self::Agent(_) => tool == "Agent" || tool == "Task",
            Self::Skill { .. } => tool == "Skill",
            Self::Command(_) | Self::ForeignCommand(_) | Self::Path { .. } | Self::Cd(_) => true,
        }
    }
}

/// A tool name, `mcp__server` for all its tools, or a name with `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct NamePattern {
    text: String,
    /// Names that are left out.
    except: Vec<NamePattern>,
}

impl NamePattern {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), except: Vec::new() }
    }

    /// Returns the pattern of every tool of the servers, but for some of them.
    pub(crate) fn servers(blocked: &str, approved: &[String]) -> Self {
        let tools = |server: &str| Self::new(&format!("mcp__{}__*", server_segment(server)));
        Self { except: approved.iter().map(|server| tools(server)).collect(), ..tools(blocked) }
    }

    /// Returns true when some tools that the pattern spells are left out.
    pub(crate) fn leaves_out_some(&self) -> bool {
        !self.except.is_empty()
    }

    /// Returns the pattern as written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true when a rule that tightens covers a call of `tool`: the name of a server may hold `__`
    /// itself, so `mcp__a__b` may be a server's.
    pub(crate) fn tightens(&self, tool: &str) -> bool {
        let own = self.text.as_str();
        let server = own.starts_with("mcp__") && tool.strip_prefix(own).is_some_and(|rest| rest.starts_with("__"));
        server || self.covers(tool)
    }

    /// Returns true when an allow rule covers a call of `tool`: as far as `covers`, but a bare `Edit` approves
    /// changes of files that are there, and no tool that makes new ones.
    pub(crate) fn grants(&self, tool: &str) -> bool {
        self.covers(tool) && !(self.text == "Edit" && matches!(tool, "Write" | "NotebookEdit"))
    }

    /// Returns true when the pattern covers a call of `tool` under every reading.
    ///
    /// `Read` covers every tool that reads files and `Edit` every tool that writes them, as their
    /// path rules do.
    pub(crate) fn covers(&self, tool: &str) -> bool {
        // The client cannot be left without a way to end.
        if tool == "EndConversation" {
            return self.text == tool;
        }
        if self.except.iter().any(|left_out| left_out.covers(tool)) {
            return false;
        }
        let own = self.text.as_str();
        let server = own.starts_with("mcp__")
            && !own.get(5..).is_some_and(|rest| rest.contains("__"))
            && tool.strip_prefix(own).is_some_and(|rest| rest.starts_with("__"));
        group(tool) == Some(own) || server || star_matches(own, tool)
    }
}

/// Returns the tool whose whole-tool rules cover this one too.
pub(crate) fn group(tool: &str) -> Option<&'static str> {
    match tool {
        "Grep" | "Glob" | "LS" | "LSP" | "NotebookRead" => Some("Read"),
        "Write" | "MultiEdit" | "NotebookEdit" => Some("Edit"),
        "Monitor" => Some("Bash"),
        _ => None,
    }
}

/// Returns a server's name as it stands in the names of its tools.
fn server_segment(server: &str) -> String {
    let kept = |letter: char| letter.is_ascii_alphanumeric() || "_-*".contains(letter);
    server.chars().map(|letter| if kept(letter) { letter } else { '_' }).collect()
}
