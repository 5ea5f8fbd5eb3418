//! One part of a call.

use super::meant::Meant;
use super::shellwords::Value;
use crate::action::FileTarget;
use crate::path::{AbsPath, climbs_out_of_a_name};
use shell::Span;

/// One part of a call: a simple command, or the whole of a tool call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The part as written.
    pub text: String,
    /// Where it stands in the command's text.
    pub span: Option<Span>,
    /// What it runs.
    pub program: Program,
    /// The program and its arguments, as far as their values are known.
    pub words: Vec<Value>,
    /// The texts under which a deny or ask rule may know it: as written, with quotes resolved, behind
    /// each wrapper, with the program's bare name.
    pub readings: Vec<String>,
    /// What it means to its program, where that is one.
    pub meant: Option<Meant>,
    /// Texts in its words that it may run, where no table says what it does with them.
    pub may_run: Vec<String>,
    /// The texts under which an allow rule may know it: as written, with quotes resolved, and behind
    /// wrappers that change nothing.
    pub allow_readings: Vec<String>,
    /// What it touches in the file system.
    pub touches: Vec<Touch>,
    /// Arguments that may be paths, of a program of which we do not know what it does with them.
    pub mentions: Vec<AbsPath>,
    /// Files that it runs.
    pub executes: Vec<AbsPath>,
    /// Pieces of a text in another language that may be paths.
    pub may_name: Vec<AbsPath>,
    /// Files whose content goes to another machine.
    pub sends: Vec<AbsPath>,
    /// URLs and hosts it reaches.
    pub reaches: Vec<String>,
    /// True when it has more words than are looked at: what the others name or run is not known.
    pub beyond_limits: bool,
    /// Words whose value is not known, as written.
    pub unknown: Vec<String>,
    /// What it does beyond its words.
    pub does: Vec<programs::Does>,
    /// Programs that it starts as a part of itself, which do no more than is said here.
    pub starts: Vec<String>,
    /// Why its program's table does not say what it does; empty when it does.
    pub unlisted: Vec<String>,
    /// The part that starts this one, counted from 0, where one does: an allow rule for it covers this.
    pub runner: Option<usize>,
    /// True for a wrapper that changes nothing about what it runs: a rule with a wildcard that covers the
    /// wrapper does not cover what it runs.
    pub clear: bool,
    /// True when it is proved that it changes nothing itself; what it starts is a part of its own.
    pub reads_only: bool,
    /// True when it is a plain change of files that `acceptEdits` covers: what a file command does, or a
    /// redirection of what otherwise only reads.
    pub edits_only: bool,
    /// True when a rule with a wildcard may not allow it, because its arguments run or delete.
    pub exact_only: bool,
    /// Why it asks whatever is allowed.
    pub suspicious: Option<String>,
    /// Why it is refused whatever is allowed.
    pub forbidden: Option<String>,
}

/// What a part runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Program {
    /// Nothing: it only assigns, redirects or tests.
    #[default]
    None,
    /// A program or builtin by this name, as written.
    Named(String),
    /// Something that is not known before it runs.
    Unknown,
}

/// How something is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Its name, size or times are looked at, and not its content.
    Look,
    /// Its content or listing is read.
    Read,
    /// It is made or changed.
    Write,
    /// It is removed or moved away.
    Delete,
}

/// By what something is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The program's operand: a rule that allows the command covers it.
    Operand,
    /// A redirection: a rule that allows the command does not cover it.
    Redirect,
    /// A file tool.
    Tool,
}

/// Something in the file system that a part touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// How.
    pub access: Access,
    /// By what.
    pub by: By,
    /// What.
    pub target: Target,
    /// True when everything below it is meant too.
    pub recursive: bool,
}

impl Touch {
    /// Returns true when the touch means one of the device files that keep nothing.
    pub fn is_device(&self) -> bool {
        const DEVICES: &[&str] = &["/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/zero"];
        match &self.target {
            Target::Paths(paths) => !paths.is_empty() && paths.iter().all(|path| DEVICES.contains(&path.as_str())),
            Target::Pattern(..) | Target::Unknown(_) => false,
        }
    }

    /// Returns true when the touch changes nothing.
    pub fn only_reads(&self) -> bool {
        self.access <= Access::Read || self.is_device()
    }
}

/// What a touch means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One of these paths, by the directories that are possible at this point.
    Paths(Vec<AbsPath>),
    /// What a pattern matches, as written, in or below these directories.
    Pattern(String, Vec<AbsPath>),
    /// Not known; the word as written.
    Unknown(String),
}

impl Target {
    /// Returns the paths to be looked at.
    pub fn paths(&self) -> impl Iterator<Item = &AbsPath> {
        match self {
            Self::Paths(paths) | Self::Pattern(_, paths) => paths.as_slice(),
            Self::Unknown(_) => &[],
        }
        .iter()
    }

    /// Returns the target for a person.
    pub fn describe(&self) -> String {
        match self {
            Self::Paths(paths) => paths.iter().map(AbsPath::as_str).collect::<Vec<_>>().join(" or "),
            Self::Pattern(pattern, _) => format!("what `{pattern}` matches"),
            Self::Unknown(word) => format!("`{word}`, which is not known before it runs"),
        }
    }
}

impl Access {
    /// Returns the verb for a person.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Look => "looks at",
            Self::Read => "reads",
            Self::Write => "writes",
            Self::Delete => "deletes",
        }
    }
}

impl Part {
    pub(crate) fn named(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// Returns the part of a file tool's call.
    pub(crate) fn file(access: Access, target: &FileTarget, cwd: &AbsPath, home: &AbsPath) -> Self {
        let text = target.path.clone();
        let path = match target.path.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None if target.path == "~" => home.clone(),
            None => cwd.join(&target.path),
        };
        let recursive = target.recursive;
        let touch = |target| Touch { access, by: By::Tool, target, recursive };
        let mut touches = vec![touch(Target::Paths(vec![path]))];
        // The forms of other systems' file names: on some file systems they name another file.
        let is_foreign = text.contains('\\') || text.contains("::$");
        let by_process = touches.iter().flat_map(|touch| touch.target.paths()).any(leads_through_a_process);
        if is_foreign || by_process || climbs_out_of_a_name(&text) {
            touches.push(touch(Target::Unknown(text.clone())));
        }
        Self { touches, ..Self::named(&text) }
    }

    /// Returns true when it touches something, and all of it by a name that is known. A redirection to what
    /// looks like an option is a slip: `find <directory> -mtime +7`.
    pub(crate) fn changes_known_files(&self) -> bool {
        let is_option = |path: &AbsPath| path.name().is_some_and(|name| name.starts_with('-'));
        !self.touches.is_empty()
            && self.touches.iter().all(|touch| match &touch.target {
                Target::Paths(paths) => touch.by != By::Redirect || !paths.iter().any(is_option),
                Target::Pattern(..) | Target::Unknown(_) => false,
            })
    }

    /// Keeps what is proved of it only while this holds.
    pub(crate) fn proved_if(&mut self, holds: bool) {
        self.reads_only &= holds;
        self.edits_only &= holds;
    }

    /// Returns how the part was understood, a line each.
    pub fn understood(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.program {
            Program::None => {}
            Program::Named(name) => lines.push(format!("runs `{name}`")),
            Program::Unknown => lines.push("runs something that is not known before it runs".to_owned()),
        }
        lines.extend(self.touches.iter().map(|touch| {
            let below = if touch.recursive { " and everything below it" } else { "" };
            format!("{} {}{below}", touch.access.verb(), touch.target.describe())
        }));
        // Every word counts as a path when rules are asked; a person is told of those that look like one.
        let looks_like_file = |path: &&AbsPath| path.name().is_some_and(|name| name.contains('.'));
        lines.extend(self.mentions.iter().filter(looks_like_file).map(|path| format!("mentions {path}")));
        lines.extend(self.reaches.iter().map(|host| format!("reaches {host}")));
        lines.extend(self.starts.iter().map(|name| format!("starts `{name}` as a part of itself")));
        lines.extend(self.does.iter().map(|does| does.words().to_owned()));
        lines.extend(self.unlisted.iter().cloned());
        lines.extend(self.unknown.iter().map(|word| format!("has a word that is not known before it runs: `{word}`")));
        if self.reads_only {
            lines.push("changes nothing".to_owned());
        }
        lines
    }
}

/// Returns true for a path through what a process has open: what that is for the process of the command is not
/// what it is for the one that looks.
pub(super) fn leads_through_a_process(path: &AbsPath) -> bool {
    let segments: Vec<&str> = path.segments().collect();
    let behind = match segments.as_slice() {
        ["proc", _, behind @ ..] | ["dev", behind @ ..] => behind,
        [] | [_, ..] => return false,
    };
    let leads = |(at, name): (usize, &&str)| match *name {
        "cwd" | "root" => segments.first() == Some(&"proc"),
        "fd" | "map_files" => at + 2 < behind.len(),
        _ => false,
    };
    behind.iter().enumerate().any(leads)
}
