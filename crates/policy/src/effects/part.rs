//! One part of a call.

use std::sync::Arc;

use super::losses::Loss;
use super::meant::Meant;
use super::shellwords::Value;
use super::special::PIPED_WORDS;
use crate::action::FileTarget;
use crate::facts::{Entry, Facts};
use crate::path::{AbsPath, climbed};
use crate::proof::{Effect, EffectKind};
use shell::{Script, Span};

/// One part of a call: a simple command, or the whole of a tool call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The part as written.
    pub text: String,
    /// Where it stands in the command's text.
    pub span: Option<Span>,
    /// The text of its own that it stands in, where another command hands one to a shell.
    pub nested: Option<Nested>,
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
    /// Directories that a file tool's path names and leaves again by `..`.
    pub climbed: Vec<AbsPath>,
    /// What it would destroy for good.
    pub loses: Vec<Loss>,
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
    /// True when it runs aside: in the background, where it goes on while what follows changes its world, or in a
    /// substitution, where what it prints becomes words. No rule for its text covers it there.
    pub aside: bool,
    /// Why it asks whatever is allowed.
    pub suspicious: Option<String>,
    /// Why it is refused whatever is allowed.
    pub forbidden: Option<String>,
}

/// A text of its own that a part stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nested {
    /// The text.
    pub text: Arc<str>,
    /// What it was read as.
    pub script: Arc<Script>,
    /// Where in it the part stands.
    pub span: Span,
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
    /// Which symbolic links it goes through.
    pub links: Links,
}

/// Which symbolic links a touch goes through, beside those in the paths that it names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Links {
    /// What a pattern stands for is no link.
    None,
    /// What a pattern matches may be one.
    #[default]
    Matched,
    /// Whatever lies below may be one, and is followed.
    Below,
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

    /// Returns the names under which the facts say which links it goes through.
    pub fn links_asked(&self) -> Vec<String> {
        match (self.links, &self.target) {
            (Links::None, _) | (_, Target::Unknown(_)) | (Links::Matched, Target::Paths(_)) => Vec::new(),
            (Links::Matched, Target::Pattern(pattern, _)) => vec![pattern.clone()],
            (Links::Below, Target::Paths(tops) | Target::Pattern(_, tops)) => tops.iter().map(all_below).collect(),
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

/// Returns the name under which the facts know the links below a directory.
pub fn all_below(top: &AbsPath) -> String {
    format!("{}/**", top.as_str().trim_end_matches('/'))
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

impl Access {
    fn kind(self) -> EffectKind {
        match self {
            Self::Look => EffectKind::Looks,
            Self::Read => EffectKind::Reads,
            Self::Write => EffectKind::Writes,
            Self::Delete => EffectKind::Deletes,
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
        let (base, rest) = match target.path.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => (home, rest.trim_start_matches('/')),
            Some(_) | None => (cwd, target.path.as_str()),
        };
        let recursive = target.recursive;
        let touch = |target| Touch { access, by: By::Tool, target, recursive, links: Links::Matched };
        let mut touches = vec![touch(Target::Paths(vec![base.join(rest)]))];
        // The forms of other systems' file names: on some file systems they name another file.
        let is_foreign = text.contains('\\') || text.contains("::$");
        let by_process = touches.iter().flat_map(|touch| touch.target.paths()).any(leads_through_a_process);
        if is_foreign || by_process {
            touches.push(touch(Target::Unknown(text.clone())));
        }
        Self { touches, climbed: climbed(base, rest), ..Self::named(&text) }
    }

    /// Returns the part with a touch of what is not known, where `..` leads out of a directory that is, or may
    /// be, a link: then the text of its path does not say where it leads. `None` where nothing is to be added.
    pub(crate) fn led_astray(&self, facts: &Facts) -> Option<Self> {
        let is_plain = |path: &AbsPath| {
            facts.resolved.get(path).is_some_and(|found| found.real == *path && found.entry == Entry::Directory)
        };
        if self.climbed.iter().all(is_plain) {
            return None;
        }
        let mut part = self.clone();
        part.touches.extend(self.touches.first().map(|touch| {
            let target = Target::Unknown(self.text.clone());
            Touch { target, ..touch.clone() }
        }));
        Some(part)
    }

    /// Returns the first word that is only known when it runs, but for those that a pipe brings to `xargs`: the
    /// documentation has a rule cover these.
    pub(crate) fn word_to_come(&self) -> Option<&str> {
        self.unknown.iter().map(String::as_str).find(|word| *word != PIPED_WORDS)
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

    /// Returns what the part does, for its proof. What is not known of it is a mark.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        let effect = |kind, what: &str| Effect { kind, what: what.to_owned(), below: false, links: false };
        let mut effects = Vec::new();
        match &self.program {
            Program::Named(name) => effects.push(effect(EffectKind::Runs, name)),
            Program::None | Program::Unknown => {}
        }
        effects.extend(self.touches.iter().map(|touch| Effect {
            kind: touch.access.kind(),
            what: touch.target.describe(),
            below: touch.recursive,
            links: touch.recursive && touch.links == Links::Below,
        }));
        // Every word counts as a path when rules are asked; a person is told of those that look like one, once.
        let looks_like_file = |path: &&AbsPath| path.name().is_some_and(|name| name.contains('.'));
        let is_touched = |path: &AbsPath| self.touches.iter().any(|touch| touch.target.paths().any(|own| own == path));
        let mentioned = self.mentions.iter().filter(looks_like_file).filter(|path| !is_touched(path));
        effects.extend(mentioned.map(|path| effect(EffectKind::Mentions, path.as_str())));
        effects.extend(self.reaches.iter().map(|host| effect(EffectKind::Reaches, host)));
        effects.extend(self.starts.iter().map(|name| effect(EffectKind::Starts, name)));
        effects.extend(self.does.iter().map(|does| effect(EffectKind::Does, does.words())));
        if self.reads_only {
            effects.push(effect(EffectKind::Nothing, ""));
        }
        effects
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
