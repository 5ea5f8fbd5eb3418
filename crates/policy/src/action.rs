//! What is asked: one tool call, already parsed.

use sha2::{Digest, Sha256};

use crate::path::AbsPath;

/// One tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The tool's canonical name, such as `Bash` or `mcp__github__get_issue`.
    pub tool: String,
    /// What the call would do, as far as its tool's shape says.
    pub kind: Kind,
    /// The input's top-level scalar fields as text, for `Tool(param:value)` rules.
    pub params: Vec<(String, String)>,
    /// The directory the call runs in.
    pub cwd: AbsPath,
}

/// The kinds of call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A shell command (`Bash`, `Monitor`, or `palisade run`).
    Command(Command),
    /// A command in a shell language of which only the structure is known (`PowerShell`); its text.
    ForeignCommand(String),
    /// A file tool that reads (`Read`, `Grep`, `Glob`, `LS`, `LSP`).
    Read(FileTarget),
    /// A file tool that writes (`Edit`, `Write`, `MultiEdit`, `NotebookEdit`).
    Edit(FileTarget),
    /// `WebFetch` of a URL.
    Fetch {
        /// The URL as the caller wrote it.
        url: String,
    },
    /// `Agent` (also written `Task`) of a type.
    Agent {
        /// `subagent_type`.
        agent_type: String,
    },
    /// `Skill`.
    Skill {
        /// Name and arguments, separated by a space.
        skill: String,
    },
    /// A tool of an MCP server.
    Mcp {
        /// The server's segment of the tool name.
        server: String,
        /// The tool's segment.
        tool: String,
    },
    /// Any other tool: only its name and parameters are known.
    Other,
    /// A known tool whose input lacks what its decision needs; why. Never allowed by a rule.
    Malformed(String),
}

impl Kind {
    /// Returns the shell command, if it is one.
    pub fn command(&self) -> Option<&Command> {
        if let Self::Command(command) = self { Some(command) } else { None }
    }

    /// Returns the text of a command in a language that we do not parse, if it is one.
    pub fn foreign_command(&self) -> Option<&str> {
        if let Self::ForeignCommand(text) = self { Some(text) } else { None }
    }

    /// Returns the URL, if one is fetched.
    pub fn url(&self) -> Option<&str> {
        if let Self::Fetch { url } = self { Some(url) } else { None }
    }

    /// Returns the type of the agent, if one is started.
    pub fn agent_type(&self) -> Option<&str> {
        if let Self::Agent { agent_type } = self { Some(agent_type) } else { None }
    }

    /// Returns the skill with its arguments, if one is used.
    pub fn skill(&self) -> Option<&str> {
        if let Self::Skill { skill } = self { Some(skill) } else { None }
    }
}

/// What a file tool points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTarget {
    /// The path as the caller wrote it.
    pub path: String,
    /// True when everything below the path is meant (`Grep`, `Glob`, `LS`).
    pub recursive: bool,
}

/// A shell command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The text as the caller wrote it.
    pub text: String,
    /// Its tree.
    pub script: shell::Script,
    /// Who will run it.
    pub runner: Runner,
}

/// Who will run a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// The agent that asked; Palisade only advises.
    Agent,
    /// Palisade, inside the boundary: the permit carries [`crate::Controls`].
    Boundary,
}

impl Command {
    /// Parses a command text.
    pub fn parse(text: &str, runner: Runner) -> Self {
        Self { text: text.to_owned(), script: shell::parse(text), runner }
    }

    /// Takes an argument list as a command: its words are exactly these.
    pub fn from_argv(argv: &[String], runner: Runner) -> Self {
        let (text, script) = shell::from_argv(argv);
        Self { text, script, runner }
    }
}

impl Action {
    /// Returns what the call is about, as text: the command, the path, the URL.
    pub fn subject(&self) -> String {
        match &self.kind {
            Kind::Command(command) => command.text.clone(),
            Kind::ForeignCommand(text) => text.clone(),
            Kind::Read(target) | Kind::Edit(target) => target.path.clone(),
            Kind::Fetch { url } => url.clone(),
            Kind::Agent { agent_type } => agent_type.clone(),
            Kind::Skill { skill } => skill.clone(),
            Kind::Mcp { .. } | Kind::Other | Kind::Malformed(_) => {
                self.params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// Returns a digest that names the call: equal calls in one directory of one project have equal digests.
    pub fn digest(&self, project: &AbsPath) -> String {
        let subject = self.subject();
        let mut hash = Sha256::new();
        for piece in [self.tool.as_str(), project.as_str(), self.cwd.as_str(), subject.as_str()] {
            hash.update(piece.len().to_le_bytes());
            hash.update(piece);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
