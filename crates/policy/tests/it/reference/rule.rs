//! Rule texts.

use policy::layer::{Layer, Scope};
use policy::{AbsPath, rule::List};

use super::host;
use super::path::Pattern;
use super::text::{command_forms, spaced_operators, tightening_forms};

/// What a rule speaks of.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// Every call of a tool, by its name or a pattern of names.
    Tool(String),
    /// A command; the forms of its text, and whether only those of `Monitor` are meant.
    Command(Vec<String>, bool),
    /// The same of a rule that tightens and holds an operator; last the forms of the whole line.
    List(Vec<String>, bool, Vec<String>),
    /// A command in another language.
    Foreign(Vec<String>),
    /// A path: `Edit` or else `Read`.
    Path { edit: bool, pattern: Pattern },
    /// A host.
    Host(String),
    /// Types of agents.
    Agent(Vec<String>),
    /// A directory that the session changes to.
    Directory(Pattern),
    /// The tools of servers, but for some; patterns of tool names.
    Servers { blocked: String, approved: Vec<String> },
    /// A skill, perhaps with any arguments.
    Skill { name: String, open: bool },
    /// A field of the input.
    Field { tool: String, name: String, value: String },
}

/// A rule in force.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) list: List,
    pub(super) subject: Subject,
    /// True when the agent's own client reads the file that it stands in.
    pub(super) shared: bool,
}

/// The tools whose path rules have one name.
pub(super) const READERS: [&str; 6] = ["Read", "Grep", "Glob", "LS", "LSP", "NotebookRead"];
pub(super) const WRITERS: [&str; 4] = ["Edit", "Write", "MultiEdit", "NotebookEdit"];

/// Returns the rules in force, or `None` when one that tightens cannot be read.
pub(super) fn in_force(layers: &[Layer], home: &AbsPath) -> Option<Vec<Rule>> {
    let locked = layers.iter().any(|layer| layer.scope == Scope::Managed && layer.managed_rules_only.is_some());
    let mut rules = Vec::new();
    for layer in layers.iter().filter(|layer| !locked || layer.scope == Scope::Managed) {
        for (list, texts) in [(List::Deny, &layer.deny), (List::Ask, &layer.ask), (List::Allow, &layer.allow)] {
            for text in texts {
                let mut list = list;
                let mut own = subject(&text.value, list, &layer.anchor, home);
                if own.is_none() && list != List::Allow {
                    // About a field that its tool's own rules are about: what is meant asks.
                    own = documented(&text.value).and_then(|text| subject(&text, List::Ask, &layer.anchor, home));
                    list = List::Ask;
                }
                match own {
                    Some(_) if list == List::Allow && !layer.trusted => {}
                    Some(subject) => {
                        rules.push(Rule { list, subject, shared: !text.origin.file.contains("palisade") });
                    }
                    None if list == List::Allow => {}
                    None => return None,
                }
            }
        }
    }
    let servers = layers.iter().flat_map(|layer| &layer.servers).map(|servers| {
        let blocked = tools_of(&servers.value.blocked);
        let approved = servers.value.approved.iter().map(|server| tools_of(server)).collect();
        Rule { list: List::Deny, subject: Subject::Servers { blocked, approved }, shared: true }
    });
    rules.extend(servers);
    Some(rules)
}

/// Returns the pattern of a server's tools.
fn tools_of(server: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || "_-*".contains(letter) { letter } else { '_' };
    format!("mcp__{}__*", server.chars().map(letter).collect::<String>())
}

impl Rule {
    /// Returns true when it is about one command and no other.
    pub(super) fn is_exact(&self) -> bool {
        match &self.subject {
            Subject::Command(forms, _) | Subject::List(forms, ..) | Subject::Foreign(forms) => {
                forms.len() == 1 && !forms[0].contains('*')
            }
            Subject::Tool(_)
            | Subject::Path { .. }
            | Subject::Host(_)
            | Subject::Agent(_)
            | Subject::Directory(_)
            | Subject::Servers { .. }
            | Subject::Skill { .. }
            | Subject::Field { .. } => true,
        }
    }
}

const TOOLS: &str = "Agent AskUserQuestion Bash BashOutput Cd CronCreate CronDelete CronList Edit EndConversation \
    EnterPlanMode ExitPlanMode Glob Grep KillShell LS LSP ListMcpResourcesTool Monitor MultiEdit NotebookEdit \
    NotebookRead PowerShell Read ReadMcpResourceTool ShareOnboardingGuide Skill Task TaskOutput TaskStop TodoWrite \
    ToolSearch WebFetch WebSearch Workflow Write";

/// Returns the name that is meant: letters of another case in a rule that tightens, `mcp:server:tool`.
fn meant(name: &str, list: List) -> String {
    let pieces: Vec<&str> = name.split(':').collect();
    match pieces.as_slice() {
        ["mcp", server] if !server.is_empty() => return format!("mcp__{server}"),
        ["mcp", server, ""] if !server.is_empty() => return format!("mcp__{server}"),
        ["mcp", server, tool] if !server.is_empty() => return format!("mcp__{server}__{tool}"),
        _ => {}
    }
    let known = TOOLS.split_whitespace().find(|tool| tool.eq_ignore_ascii_case(name) && list != List::Allow);
    known.unwrap_or(name).to_owned()
}

/// Reads a rule; `None` when it has no meaning.
fn subject(text: &str, list: List, anchor: &AbsPath, home: &AbsPath) -> Option<Subject> {
    let text = text.trim();
    let (name, inner) = match text.find('(') {
        None => (text, None),
        Some(at) if text.ends_with(')') => (&text[..at], Some(&text[at + 1..text.len() - 1])),
        Some(_) => return None,
    };
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-*.:".contains(letter)) {
        return None;
    }
    let name = meant(name, list);
    let name = if name == "Task" { "Agent" } else { name.as_str() };
    match inner {
        None => whole_tool(name, list),
        Some("*") if !name.contains('*') => whole_tool(name, list),
        Some(inner) if inner.trim().is_empty() => None,
        Some(inner) => {
            if is_content(name, inner) {
                return None;
            }
            if let Some((field, value)) = field(name, inner) {
                let field = Subject::Field { tool: name.to_owned(), name: field, value };
                return (list != List::Allow).then_some(field);
            }
            specific(name, inner, list, anchor, home)
        }
    }
}

fn whole_tool(name: &str, list: List) -> Option<Subject> {
    if list == List::Allow && name.contains('*') {
        // Only behind the literal name of a server.
        let mut pieces = name.splitn(3, "__");
        let (head, server, tool) = (pieces.next(), pieces.next(), pieces.next());
        let literal = server.is_some_and(|server| !server.is_empty() && !server.contains('*'));
        if head != Some("mcp") || !literal || tool.is_none() {
            return None;
        }
    }
    Some(Subject::Tool(name.to_owned()))
}

/// Returns true for a field that the tool's own rules speak of.
fn is_content(tool: &str, inner: &str) -> bool {
    let Some((name, value)) = inner.split_once(':') else { return false };
    let (name, value) = (name.trim(), value.trim());
    match name {
        "command" => ["Bash", "Monitor", "PowerShell"].contains(&tool) && value != "*",
        "file_path" => ["Read", "Edit", "Write", "MultiEdit", "LSP"].contains(&tool),
        "path" => ["Grep", "Glob", "LS"].contains(&tool),
        "notebook_path" => tool.starts_with("Notebook"),
        "url" => tool == "WebFetch",
        _ => false,
    }
}

/// Returns the documented form of a rule about such a field.
fn documented(text: &str) -> Option<String> {
    let (tool, inner) = text.trim().strip_suffix(')')?.split_once('(')?;
    let tool = tool.trim();
    let (name, value) = inner.split_once(':').filter(|_| is_content(tool, inner))?;
    let value = value.trim();
    Some(match name.trim() {
        "command" => format!("{tool}({value})"),
        // Which host a pattern of URLs means is not read out of it.
        "url" => "WebFetch".to_owned(),
        _ if READERS.contains(&tool) => format!("Read({value})"),
        _ => format!("Edit({value})"),
    })
}

/// Reads `name: value`, where the tool has such a field.
fn field(tool: &str, inner: &str) -> Option<(String, String)> {
    let (name, value) = inner.split_once(':')?;
    let (name, value) = (name.trim(), value.trim());
    let has = match tool {
        // `timeout:*` is any command that begins with it.
        "Bash" | "Monitor" | "PowerShell" if name == "timeout" => value != "*",
        "Bash" | "Monitor" | "PowerShell" => {
            matches!(name, "run_in_background" | "dangerouslyDisableSandbox" | "description")
        }
        _ if READERS.contains(&tool) || WRITERS.contains(&tool) => {
            matches!(name, "offset" | "limit" | "replace_all" | "output_mode" | "multiline" | "pages" | "pattern")
        }
        "Agent" => {
            matches!(
                name,
                "model"
                    | "isolation"
                    | "run_in_background"
                    | "name"
                    | "mode"
                    | "subagent_type"
                    | "prompt"
                    | "description"
            )
        }
        "Skill" | "Cd" => false,
        "WebFetch" => name != "domain" && is_name(name),
        _ => is_name(name),
    };
    has.then(|| (name.to_owned(), value.to_owned()))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
}

fn specific(name: &str, inner: &str, list: List, anchor: &AbsPath, home: &AbsPath) -> Option<Subject> {
    match name {
        "Bash" | "Monitor" | "PowerShell" => {
            let forms = if list == List::Allow { command_forms(inner) } else { tightening_forms(inner) };
            let everything = forms.iter().any(|form| !form.is_empty() && form.chars().all(|letter| letter == '*'));
            if forms.iter().any(String::is_empty) {
                None
            } else if name == "PowerShell" {
                Some(Subject::Foreign(forms))
            } else if everything {
                Some(Subject::Tool(name.to_owned()))
            } else if list != List::Allow && ["&&", "||", ";"].iter().any(|operator| inner.contains(operator)) {
                Some(Subject::List(forms, name == "Monitor", command_forms(&spaced_operators(inner))))
            } else {
                Some(Subject::Command(forms, name == "Monitor"))
            }
        }
        "WebFetch" => Some(Subject::Host(host::pattern(inner.trim().strip_prefix("domain:")?)?)),
        "Agent" => {
            let names = inner.split(',').map(str::trim).filter(|name| !name.is_empty());
            Some(Subject::Agent(names.map(str::to_owned).collect()))
        }
        "Cd" => Some(Subject::Directory(Pattern::whole(inner, anchor, home))),
        "Skill" => {
            let inner = inner.trim().trim_start_matches('/');
            let (name, open) = match inner.strip_suffix(" *").or_else(|| inner.strip_suffix(":*")) {
                Some(name) => (name, true),
                None => (inner, false),
            };
            Some(Subject::Skill { name: name.to_owned(), open })
        }
        _ => {
            let edit = WRITERS.contains(&name);
            if !edit && (!READERS.contains(&name)) {
                return None;
            }
            let pattern = Pattern::read(inner, list != List::Allow, anchor, home)?;
            Some(Subject::Path { edit, pattern })
        }
    }
}
