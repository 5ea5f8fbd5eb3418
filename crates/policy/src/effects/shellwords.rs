//! The value of a word, as far as it is certain.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::limits;
use crate::path::AbsPath;
use shell::tree::{Command, Item, Part as Piece, Redirect, RedirectOp, Script, Simple, Variable, Word};

/// What is certain at a point of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// The directory that the script starts in.
    pub(super) start: AbsPath,
    /// The directories that are possible here; empty when it is not known.
    pub(super) cwds: Vec<AbsPath>,
    /// The directories that are possible when the last `cd` failed.
    pub(super) if_failed: Vec<AbsPath>,
    /// Variables: their value.
    pub(super) variables: BTreeMap<String, Value>,
    /// Variables whose values are changed as they are set, or that stand for others.
    pub(super) uncertain: BTreeSet<String>,
    /// Inside a function: the variables that are its own.
    pub(super) locals: Option<BTreeSet<String>>,
    /// Functions that the script defines.
    pub(super) functions: BTreeMap<String, Rc<Body>>,
    /// Functions that may not be defined here: their name may be a program's.
    pub(super) unsure: BTreeSet<String>,
    pub(super) home: AbsPath,
}

/// The body of a function, and the text that its spans point into.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) text: String,
    pub(super) command: Command,
}

/// The value of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Exactly this one word.
    Known(String),
    /// The words that this pattern matches, or one of them.
    Pattern(String),
    /// Exactly one word, which begins like this.
    Begins(String),
    /// Not known; possibly several words or none.
    Unknown,
}

impl State {
    pub(super) fn new(cwd: &AbsPath, home: &AbsPath) -> Self {
        Self {
            start: cwd.clone(),
            cwds: vec![cwd.clone()],
            if_failed: Vec::new(),
            variables: BTreeMap::new(),
            uncertain: BTreeSet::new(),
            locals: None,
            functions: BTreeMap::new(),
            unsure: BTreeSet::new(),
            home: home.clone(),
        }
    }

    /// Takes what another shell that is started here knows: no variable that is certain, and no function.
    pub(super) fn as_started(&self) -> Self {
        let unknown = self.variables.keys().map(|name| (name.clone(), Value::Unknown)).collect();
        Self { variables: unknown, unsure: self.functions.keys().cloned().collect(), ..self.clone() }
    }

    /// Returns the value of a variable, as one word.
    pub(super) fn variable(&self, name: &str) -> Value {
        match self.variables.get(name) {
            _ if self.uncertain.contains(name) || is_set_by_the_shell(name) => Value::Unknown,
            Some(value) => value.clone(),
            None if name == "HOME" => Value::Known(self.home.to_string()),
            None if name == "PWD" => self.directory(),
            None => Value::Unknown,
        }
    }

    fn directory(&self) -> Value {
        match self.cwds.as_slice() {
            [one] => Value::Known(one.to_string()),
            [] | [_, ..] => Value::Unknown,
        }
    }

    /// Returns the paths that a text means here; empty when the directory is not known.
    pub(super) fn paths(&self, text: &str) -> Vec<AbsPath> {
        if text.starts_with('/') {
            return AbsPath::parse(text).into_iter().collect();
        }
        self.cwds.iter().map(|cwd| cwd.join(text)).collect()
    }

    /// Returns the value of a word, which is written as `source`.
    pub(super) fn value(&self, word: &Word, source: &str) -> Value {
        let one_word = is_one_word(word, source);
        let mut text = String::new();
        let mut kind = Value::Known(String::new());
        for piece in &word.parts {
            let value = match piece {
                Piece::Literal(literal) => Value::Known(literal.clone()),
                Piece::Glob(glob) => Value::Pattern(glob.clone()),
                Piece::Tilde(user) if user.is_empty() => Value::Known(self.home.to_string()),
                Piece::Variable(variable) => self.expansion(variable),
                Piece::Substitution(script) if one_word => self.substitution(script),
                Piece::Arithmetic(_) if one_word => Value::Begins(String::new()),
                Piece::Tilde(_) | Piece::Substitution(_) | Piece::Process(_) | Piece::Arithmetic(_) => Value::Unknown,
            };
            match (value, &kind) {
                (Value::Unknown, _) => return Value::Unknown,
                // What a pattern matches may be many words.
                (Value::Pattern(_), Value::Begins(_)) => return Value::Unknown,
                // Beyond a part of which only the beginning is known, nothing more is.
                (Value::Known(_) | Value::Begins(_), Value::Begins(_)) => {}
                (Value::Known(piece), _) => text.push_str(&piece),
                (Value::Pattern(piece), _) => {
                    text.push_str(&piece);
                    kind = Value::Pattern(String::new());
                }
                (Value::Begins(piece), Value::Known(_)) => {
                    text.push_str(&piece);
                    kind = Value::Begins(String::new());
                }
                (Value::Begins(_), Value::Pattern(_) | Value::Unknown) => return Value::Unknown,
            }
            // Words double where variables are set to themselves.
            if text.len() > limits::VALUE_BYTES_MAX {
                return Value::Unknown;
            }
        }
        match kind {
            Value::Known(_) => Value::Known(text),
            Value::Pattern(_) => Value::Pattern(text),
            Value::Begins(_) => Value::Begins(text),
            Value::Unknown => Value::Unknown,
        }
    }

    /// `$name` and `${name...}`.
    fn expansion(&self, variable: &Variable) -> Value {
        let is_many = matches!(variable.name.as_str(), "@" | "*") || variable.operation.starts_with(['[', '@']);
        let value = if variable.operation.is_empty() { self.variable(&variable.name) } else { Value::Unknown };
        match value {
            Value::Known(text) if variable.quoted || !text.is_empty() && is_plain(&text) => Value::Known(text),
            Value::Pattern(text) if variable.quoted => Value::Pattern(text),
            Value::Begins(text) if variable.quoted => Value::Begins(text),
            Value::Unknown if variable.quoted && !is_many => Value::Begins(String::new()),
            // Without quotes a value is split and globbed.
            Value::Known(_) | Value::Pattern(_) | Value::Begins(_) | Value::Unknown => Value::Unknown,
        }
    }

    /// `$(pwd)` is the directory, and a `cat` of a here-document is its text; what any other command prints is not
    /// known.
    fn substitution(&self, script: &Script) -> Value {
        let known = match script.items.as_slice() {
            [Item { command: Command::Simple(simple), .. }] => self.printed(simple),
            [_] | [] | [_, ..] => None,
        };
        known.map_or_else(|| Value::Begins(String::new()), Value::Known)
    }

    /// Returns what a command prints, without the line ends behind it, where that is certain.
    fn printed(&self, simple: &Simple) -> Option<String> {
        let [program] = simple.words.as_slice() else { return None };
        let name = program.literal()?;
        if !simple.assignments.is_empty() || self.functions.contains_key(&name) {
            return None;
        }
        match (name.as_str(), simple.redirects.as_slice()) {
            ("pwd", []) => match self.directory() {
                Value::Known(directory) => Some(directory),
                Value::Pattern(_) | Value::Begins(_) | Value::Unknown => None,
            },
            ("cat", [Redirect { fd: None, op: RedirectOp::HereDocument, target, .. }])
                if !self.variables.contains_key("PATH") =>
            {
                target.literal().map(|text| text.trim_end_matches('\n').to_owned())
            }
            _ => None,
        }
    }
}

/// Returns true for a variable that a shell sets by itself, or that it lets nobody set.
fn is_set_by_the_shell(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "_",
        "BASHPID",
        "COLUMNS",
        "COPROC",
        "EGID",
        "ERRNO",
        "EUID",
        "FUNCNAME",
        "GID",
        "GROUPS",
        "LINES",
        "MAPFILE",
        "MATCH",
        "MBEGIN",
        "MEND",
        "OPTARG",
        "PIPESTATUS",
        "PPID",
        "READLINE_LINE",
        "REPLY",
        "TRY_BLOCK_ERROR",
        "UID",
        "USERNAME",
        "ZSH_SUBSHELL",
        "match",
        "mbegin",
        "mend",
        "pipestatus",
        "reply",
        "status",
    ];
    NAMES.contains(&name)
}

/// Returns true for text that splitting and globbing leave alone.
fn is_plain(text: &str) -> bool {
    text.chars().all(|letter| !" \t\n*?[".contains(letter))
}

/// Returns true when a word with at most one substitution holds it inside double quotes, so that what it
/// prints stays one word.
fn is_one_word(word: &Word, source: &str) -> bool {
    let inserts = |piece: &&Piece| matches!(piece, Piece::Substitution(_) | Piece::Arithmetic(_));
    let operates = |piece: &Piece| matches!(piece, Piece::Variable(variable) if !variable.operation.is_empty());
    if word.parts.iter().filter(inserts).count() > 1 || word.parts.iter().any(operates) {
        return false;
    }
    let mut quoted = false;
    let mut letters = source.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                letters.next();
            }
            '\'' if !quoted => {
                letters.by_ref().find(|inner| *inner == '\'');
            }
            '"' => quoted = !quoted,
            '`' => return quoted,
            '$' if matches!(letters.peek(), Some('(' | '[')) => return quoted,
            _ => {}
        }
    }
    false
}
