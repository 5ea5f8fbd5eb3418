//! The tree: what bash would see in a command text, and where we are in doubt about it.
//!
//! Spans are byte ranges of the text given to [`crate::parse`]. Commands nested in substitutions are
//! parsed in place, so their spans also point into that same text wherever the inner text stands
//! there unchanged (`$(...)`, `<(...)`, `(...)`); inside backticks and here-documents whose text is
//! unescaped first, the span is that of the whole outer construct.

/// A byte range of the parsed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A parsed command text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// The commands in order.
    pub items: Vec<Item>,
    /// What could not be known. Doubts of nested scripts are repeated here, so that a reader who
    /// asks only the outermost script misses none.
    pub doubts: Vec<Doubt>,
}

/// One command of a list and how it follows the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// How the command follows its predecessor.
    pub follows: Follows,
    /// True when `&` puts the command into the background.
    pub background: bool,
    /// The command.
    pub command: Command,
}

/// How a command follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// First of its list, or after `;`, `&` or a newline.
    Always,
    /// After `&&`.
    And,
    /// After `||`.
    Or,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Assignments, words and redirections.
    Simple(Simple),
    /// Two or more commands joined by `|` or `|&`, or one that is negated or timed.
    Pipeline(Pipeline),
    /// `( ... )` or `{ ...; }` and every compound command: the lists it may run, in textual order.
    Compound(Compound),
    /// `name() ...` or `function name ...`.
    Function(Function),
}

/// A pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// `!` before it.
    pub negated: bool,
    /// `time` before it.
    pub timed: bool,
    /// The commands, left to right.
    pub stages: Vec<Command>,
}

/// A compound command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compound {
    /// Which one.
    pub kind: CompoundKind,
    /// Words that are expanded but not run: the list of `for`, the subject and patterns of `case`,
    /// the operands of `[[ ]]`, the text of `(( ))` as one word.
    pub words: Vec<Word>,
    /// The variable that `for` or `select` sets.
    pub variable: Option<String>,
    /// The lists of commands in textual order: conditions, branches, bodies.
    pub bodies: Vec<Vec<Item>>,
    /// Redirections of the whole command.
    pub redirects: Vec<Redirect>,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of compound command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompoundKind {
    /// `( ... )`: its changes of directory and variables do not last.
    Subshell,
    /// `{ ...; }`.
    Brace,
    /// `if`; bodies alternate condition, branch; a last odd one is `else`.
    If,
    /// `while`; bodies are condition and body.
    While,
    /// `until`; bodies are condition and body.
    Until,
    /// `for name in words` or `for ((...))`.
    For,
    /// `select`.
    Select,
    /// `case`; one body a branch.
    Case,
    /// `[[ ... ]]`; no bodies.
    Test,
    /// `(( ... ))`; no bodies.
    Arithmetic,
    /// `coproc`; one body.
    Coproc,
}

/// A function definition. Defining runs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its body, a compound command.
    pub body: Box<Command>,
    /// Where it stands.
    pub span: Span,
}

/// A simple command. `words` is empty when it only assigns or redirects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simple {
    /// `NAME=value` before the first word, in order.
    pub assignments: Vec<Assignment>,
    /// The command name and its arguments. Brace expansion is already done: one written word may
    /// stand here as several with one span.
    pub words: Vec<Word>,
    /// Redirections in order.
    pub redirects: Vec<Redirect>,
    /// Where it stands, from its first assignment, word or redirection to its last.
    pub span: Span,
}

/// `NAME=value`, `NAME+=value`, `NAME[subscript]=value` or `NAME=(words)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The name without subscript.
    pub name: String,
    /// The subscript's text, unparsed, if there is one.
    pub subscript: Option<String>,
    /// `+=`.
    pub append: bool,
    /// The value; for an array, each element.
    pub value: Vec<Word>,
    /// Where it stands.
    pub span: Span,
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The descriptor before the operator, `None` for the operator's own default. `{name}` is a doubt.
    pub fd: Option<u32>,
    /// The operator.
    pub op: RedirectOp,
    /// The file, descriptor number, `-`, or the text of a here-document or here-string.
    pub target: Word,
    /// Where it stands.
    pub span: Span,
}

/// Redirection operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectOp {
    /// `<`
    Read,
    /// `>`
    Write,
    /// `>|`
    Clobber,
    /// `>>`
    Append,
    /// `<>`
    ReadWrite,
    /// `&>` and `>&` before a word that is no descriptor.
    WriteBoth,
    /// `&>>`
    AppendBoth,
    /// `<&`
    DuplicateIn,
    /// `>&` before a descriptor or `-`.
    DuplicateOut,
    /// `<<` and `<<-`; the target is the body, expanded unless its delimiter was quoted.
    HereDocument,
    /// `<<<`
    HereString,
}

/// A word: the parts that stand side by side without white space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// The parts in order. An empty list is the empty string (`''`).
    pub parts: Vec<Part>,
    /// True when any of it was quoted, so that it stays a word even if it is empty.
    pub quoted: bool,
    /// Where it stands.
    pub span: Span,
}

/// A part of a word, quotes and escapes already removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that stands for itself.
    Literal(String),
    /// An unquoted `*`, `?`, bracket expression or extended glob, as written.
    Glob(String),
    /// An unquoted `~`, `~user`, `~+` or `~-` where bash expands it; the text after `~`.
    Tilde(String),
    /// `$name`, `${name}` and every `${...}` form.
    Variable(Variable),
    /// `$(...)` or backticks.
    Substitution(Script),
    /// `<(...)` or `>(...)`.
    Process(Script),
    /// `$((...))` or `$[...]`.
    Arithmetic(Arithmetic),
}

/// An arithmetic expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arithmetic {
    /// The text inside, as written.
    pub text: String,
    /// The substitutions inside it, in order.
    pub nested: Vec<Script>,
}

/// A parameter expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The parameter: a name, a digit, or one of `@*#?-$!`.
    pub name: String,
    /// Everything after the name inside `${...}`, as written; empty for `$name` and `${name}`.
    pub operation: String,
    /// The substitutions inside the operation, in order.
    pub nested: Vec<Script>,
    /// True inside double quotes: no splitting, no globbing.
    pub quoted: bool,
}

/// Something that could not be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What.
    pub kind: DoubtKind,
    /// Where.
    pub span: Span,
}

/// Why the tree may not be what the shell will run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DoubtKind {
    /// Bash itself would reject the text, or we cannot read it: the tree is not the whole text.
    Syntax,
    /// Control characters, invisible or direction-changing characters.
    Characters,
    /// A bound of this crate was reached; the tree is not the whole text.
    Limit,
    /// A form we read but do not model: `{fd}>`, `coproc` names, array subscripts that are code,
    /// `${x@P}`, `${!x}`, arithmetic with a substitution or subscript inside.
    Unmodelled,
    /// Shells in use read it differently (bash, sh, zsh).
    Dialect,
}

impl Word {
    /// Returns the exact text of the word, if it has one: literals only.
    pub fn literal(&self) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(piece) => text.push_str(piece),
                Part::Glob(_)
                | Part::Tilde(_)
                | Part::Variable(_)
                | Part::Substitution(_)
                | Part::Process(_)
                | Part::Arithmetic(_) => return None,
            }
        }
        Some(text)
    }

    /// Returns a word that is exactly `text`, quoted, with the given span.
    pub fn exact(text: &str, span: Span) -> Self {
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::Literal(text.to_owned())] };
        Self { parts, quoted: true, span }
    }
}

impl Script {
    /// Returns true when the tree is known not to be the whole of what the text would run.
    pub fn is_partial(&self) -> bool {
        self.doubts.iter().any(|doubt| match doubt.kind {
            DoubtKind::Syntax | DoubtKind::Limit | DoubtKind::Characters => true,
            DoubtKind::Unmodelled | DoubtKind::Dialect => false,
        })
    }
}
