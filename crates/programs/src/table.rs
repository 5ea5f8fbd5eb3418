//! What a table of a program holds.

use std::sync::OnceLock;

/// What a word of a command line is to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Data: nothing in the file system, nothing that runs.
    Text,
    /// A file of which only the name, size or times are looked at.
    Look,
    /// A file that is read; `-` is standard input.
    Read,
    /// A directory of which everything below is read.
    Tree,
    /// A file or directory that is made or changed.
    Write,
    /// A directory below which things are made or changed.
    WriteTree,
    /// A file that is removed.
    Delete,
    /// A file that is moved away: read and removed.
    Move,
    /// Where copies go: the name of the copy, or a directory into which the operands before it go.
    Into,
    /// The directory that the program works in: what follows is relative to it.
    Directory,
    /// A file that names further files to be read.
    List,
    /// A file that is read, or behind an `@` a file that holds further words.
    Response,
    /// A file that is run, or loaded as code or configuration.
    Code,
    /// A text that is run by a shell.
    Shell,
    /// This word and all that follow are a command of their own.
    Command,
    /// The words up to `;` or `+` are a command of their own.
    CommandUntil,
    /// A host, `user@host` or `host:path`.
    Host,
    /// A URL; a `file:` one is read.
    Url,
    /// A file here, or `host:path`, that is read.
    RemoteRead,
    /// A file here, or `host:path`, that is written.
    RemoteWrite,
    /// A file whose content goes to another machine.
    Upload,
    /// A text that goes to another machine, in which `@` or `<` stands before the name of a file.
    Form,
    /// A script of `sed`.
    Sed,
    /// A program of `awk`.
    Awk,
    /// A filter of `jq`.
    Jq,
    /// A text in a programming language, which runs.
    Source,
    /// `NAME=value`, set for what runs.
    Assignment,
    /// The name of a shell variable that is set.
    Variable,
    /// Something of which it is not known what the program does with it.
    Unknown,
}

/// What a program does beyond the files that its words name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Does {
    /// Runs what the project or a file says: a build, a test, a script.
    Builds,
    /// Installs or removes packages.
    Installs,
    /// Reaches hosts that the line does not name.
    Network,
    /// Changes the repository that it works in: its history, branches, index or work tree.
    Repository,
    /// Signals or traces other processes.
    Signals,
    /// Shows variables of the environment, which may hold secrets.
    Environment,
    /// Changes the system: services, devices, users, mounts, the clock, containers.
    System,
    /// Changes what later words of the shell mean.
    Shell,
    /// Lets whoever sits at it do anything: an editor, a pager, a debugger, a prompt.
    Interactive,
    /// Makes files whose names the line does not say, in the directory it works in.
    Scatters,
    /// The same where an archive or a patch says the names: files that are there are changed, too.
    Unpacks,
}

/// How a program finds its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// `getopt_long`: clusters, attached values, abbreviated long options, options after operands.
    Gnu,
    /// The same, but the first operand ends the options.
    GnuFirst,
    /// Clusters and attached values, long options only in full, options after operands.
    Exact,
    /// The same, but the first operand ends the options.
    ExactFirst,
    /// `-name` and `--name` in full, the value attached with `=` or as the next word, options anywhere.
    Single,
    /// The same, but the first operand ends the options.
    SingleFirst,
    /// No options: every word is an operand.
    Words,
    /// `key=value` words.
    Keys,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// One, only where it is attached.
    Optional(Role),
    /// One or more, attached or as the next words.
    Values(Vec<Role>),
}

/// What an option changes, or what a program always does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<'a> {
    /// Every operand has these roles instead.
    Operands(Vec<Place>),
    /// What stands in the first place is given by this option.
    Given,
    /// The operands that would be read are written.
    Writes,
    /// Directories are walked: reads, writes and removals mean everything below.
    Recursive,
    /// Links that it meets below a directory are followed.
    Follows,
    /// It does this beyond its words.
    Does(Does),
    /// A rule with a wildcard does not allow it.
    Exact,
    /// It asks whatever is allowed; why.
    Asks(&'a str),
    /// What it does is not known.
    Unknown,
    /// With a path when no operand is given.
    Alone(Role, &'a str),
    /// It starts these programs as a part of itself; they do no more than the table says.
    Starts(&'a str),
}

/// One place in the sequence of operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// What stands there.
    pub role: Role,
    /// How often.
    pub times: Times,
}

/// How often something may stand in a sequence of operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Once.
    Once,
    /// Once or not at all.
    Maybe,
    /// Any number of times.
    Many,
}

/// One option with all its spellings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt<'a> {
    /// As written: `-o`, `--output`, `-name`; `-NUM` is any number; a trailing `*` is any continuation.
    pub spellings: Vec<&'a str>,
    /// Its value.
    pub takes: Takes,
    /// What it changes.
    pub effects: Vec<Effect<'a>>,
}

/// A program, or one of its sub-commands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command<'a> {
    /// Its options.
    pub options: Vec<Opt<'a>>,
    /// What its operands are; `None` when it takes none.
    pub operands: Vec<Place>,
    /// What it always does.
    pub effects: Vec<Effect<'a>>,
    /// True when every option that the program has only reads, also those that are not listed.
    pub options_only_read: bool,
    /// True when every option that the program has is listed.
    pub complete: bool,
    /// True when an option that is not listed is none that a rule with a wildcard was written for.
    pub unlisted_exact: bool,
    /// True when `acceptEdits` covers it.
    pub edits: bool,
    /// True when it changes nothing about the command that it runs: an allow rule sees through it.
    pub clear: bool,
    /// What it does with standard input when no operand is given.
    pub input: Option<Role>,
}

/// A program's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<'a> {
    /// How it finds its options.
    pub style: Style,
    /// True when the options before a sub-command are taken after it too.
    pub globals_anywhere: bool,
    /// True when a first word without a dash is read as one-letter options (`tar xzf`).
    pub bundled: bool,
    /// What stands before a sub-command, or the whole.
    pub root: Command<'a>,
    /// The sub-commands.
    pub commands: Vec<Sub<'a>>,
}

/// A sub-command, or several that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sub<'a> {
    /// Its names, each a path of words.
    pub names: Vec<&'a str>,
    /// The text that describes it.
    pub body: &'a str,
    /// What the text says, once it was asked for; nothing where it cannot be read.
    pub(crate) command: OnceLock<Option<Command<'a>>>,
}

impl Opt<'_> {
    /// Returns true for a word that is one of its spellings in full.
    pub fn is_spelled(&self, word: &str) -> bool {
        self.spellings.contains(&word)
    }

    /// Returns true for the letter of a spelling with one letter.
    pub fn is_letter(&self, letter: char) -> bool {
        self.spellings.iter().any(|spelling| {
            let mut letters = spelling.chars();
            letters.next() == Some('-') && letters.next() == Some(letter) && letters.next().is_none()
        })
    }

    /// Returns true for a word that goes on where a spelling has its `*`.
    pub fn continues(&self, word: &str) -> bool {
        self.spellings.iter().filter_map(|spelling| spelling.strip_suffix('*')).any(|stem| word.starts_with(stem))
    }

    /// Returns true when it may be a number, and the word is one.
    pub fn is_number(&self, word: &str) -> bool {
        let digits = word.strip_prefix('-').unwrap_or_default();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number && self.spellings.contains(&"-NUM")
    }

    /// Returns true when its effects do no more than read.
    pub fn is_harmless(&self) -> bool {
        self.effects.iter().all(|effect| match effect {
            Effect::Operands(places) => places.iter().all(|place| place.role.only_reads()),
            Effect::Recursive | Effect::Follows | Effect::Given | Effect::Starts(_) => true,
            Effect::Alone(role, _) => role.only_reads(),
            Effect::Writes | Effect::Does(_) | Effect::Exact | Effect::Asks(_) | Effect::Unknown => false,
        })
    }
}

impl Takes {
    /// Returns true when its values are no more than read, and so is what they name.
    pub fn only_reads(&self) -> bool {
        self.roles().iter().all(|role| role.only_reads() || matches!(role, Role::List | Role::Response))
    }

    /// Returns true when a value of it names something in the file system.
    pub fn names_file(&self) -> bool {
        self.roles().iter().any(|role| *role != Role::Text)
    }

    fn roles(&self) -> &[Role] {
        match self {
            Self::Nothing => &[],
            Self::Optional(role) => std::slice::from_ref(role),
            Self::Values(roles) => roles,
        }
    }
}

impl Role {
    /// Returns true when what stands there is run.
    pub fn is_run(self) -> bool {
        match self {
            Self::Code | Self::Shell | Self::Command | Self::CommandUntil | Self::Source | Self::Sed | Self::Awk => {
                true
            }
            Self::Text
            | Self::Look
            | Self::Read
            | Self::Tree
            | Self::Write
            | Self::WriteTree
            | Self::Delete
            | Self::Move
            | Self::Into
            | Self::Directory
            | Self::List
            | Self::Upload
            | Self::Form
            | Self::Response
            | Self::Host
            | Self::Url
            | Self::RemoteRead
            | Self::RemoteWrite
            | Self::Jq
            | Self::Assignment
            | Self::Variable
            | Self::Unknown => false,
        }
    }

    /// Returns true when what stands there is no more than read.
    pub fn only_reads(self) -> bool {
        match self {
            Self::Text | Self::Look | Self::Read | Self::Tree | Self::Directory => true,
            Self::Write
            | Self::WriteTree
            | Self::Delete
            | Self::Move
            | Self::Into
            | Self::List
            | Self::Response
            | Self::Code
            | Self::Shell
            | Self::Command
            | Self::CommandUntil
            | Self::Host
            | Self::Url
            | Self::RemoteRead
            | Self::RemoteWrite
            | Self::Upload
            | Self::Form
            | Self::Sed
            | Self::Awk
            | Self::Jq
            | Self::Source
            | Self::Assignment
            | Self::Variable
            | Self::Unknown => false,
        }
    }

    /// Every role with its name in a pack.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("TEXT", Self::Text),
        ("LOOK", Self::Look),
        ("READ", Self::Read),
        ("TREE", Self::Tree),
        ("WRITE", Self::Write),
        ("WRITETREE", Self::WriteTree),
        ("DELETE", Self::Delete),
        ("MOVE", Self::Move),
        ("INTO", Self::Into),
        ("DIRECTORY", Self::Directory),
        ("LIST", Self::List),
        ("RESPONSE", Self::Response),
        ("CODE", Self::Code),
        ("SHELL", Self::Shell),
        ("COMMAND", Self::Command),
        ("COMMAND;", Self::CommandUntil),
        ("HOST", Self::Host),
        ("URL", Self::Url),
        ("REMOTEREAD", Self::RemoteRead),
        ("REMOTEWRITE", Self::RemoteWrite),
        ("UPLOAD", Self::Upload),
        ("FORM", Self::Form),
        ("SED", Self::Sed),
        ("AWK", Self::Awk),
        ("JQ", Self::Jq),
        ("SOURCE", Self::Source),
        ("ASSIGNMENT", Self::Assignment),
        ("VARIABLE", Self::Variable),
        ("UNKNOWN", Self::Unknown),
    ];

    /// Reads a role's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
    }
}

impl Does {
    /// Every kind with its name in a pack and the words for a person.
    pub const NAMES: &'static [(&'static str, Self, &'static str)] = &[
        ("builds", Self::Builds, "runs what the project or a file says"),
        ("installs", Self::Installs, "installs or removes packages"),
        ("network", Self::Network, "reaches hosts that the line does not name"),
        ("repository", Self::Repository, "changes the repository"),
        ("signals", Self::Signals, "signals or traces other processes"),
        ("environment", Self::Environment, "shows the environment, which may hold secrets"),
        ("system", Self::System, "changes the system"),
        ("shell", Self::Shell, "changes what later words of the shell mean"),
        ("interactive", Self::Interactive, "opens something in which anything can be run"),
        ("scatters", Self::Scatters, "makes files whose names the line does not say"),
        ("unpacks", Self::Unpacks, "makes and changes files that an archive or patch names"),
    ];

    /// Reads a kind's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, ..)| *known == name).map(|(_, does, _)| *does)
    }

    /// Returns the words for a person.
    pub fn words(self) -> &'static str {
        Self::NAMES.iter().find(|(_, does, _)| *does == self).map_or("", |(_, _, words)| words)
    }

    /// Returns true when it may run or write anything, so that what it touches is not known.
    pub fn is_open(self) -> bool {
        match self {
            Self::Builds
            | Self::Installs
            | Self::System
            | Self::Interactive
            | Self::Repository
            | Self::Scatters
            | Self::Unpacks => true,
            Self::Network | Self::Signals | Self::Environment | Self::Shell => false,
        }
    }
}

impl Style {
    /// Every style with its name in a pack.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("gnu", Self::Gnu),
        ("gnu-first", Self::GnuFirst),
        ("exact", Self::Exact),
        ("exact-first", Self::ExactFirst),
        ("single", Self::Single),
        ("single-first", Self::SingleFirst),
        ("words", Self::Words),
        ("keys", Self::Keys),
    ];

    /// Reads a style's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, style)| *style)
    }

    /// Returns true when the first operand ends the options.
    pub fn ends_at_operand(self) -> bool {
        match self {
            Self::GnuFirst | Self::ExactFirst | Self::SingleFirst => true,
            Self::Gnu | Self::Exact | Self::Single | Self::Words | Self::Keys => false,
        }
    }
}
