//! Walks a script as the shell would run it.

use std::collections::BTreeMap;

use super::part::{Access, By, Part, Program, Target, Touch};
use super::programs;
use super::shellwords::{State, Value};
use super::{Effects, wrappers};
use crate::limits;
use crate::path::{AbsPath, climbs_out_of_a_name};
use shell::tree::{
    Assignment, Command, Compound, CompoundKind, DoubtKind, Follows, Item, Part as Piece, Redirect, RedirectOp, Script,
    Simple, Span, Word,
};

/// Reads what a script does.
pub(super) fn script(text: &str, script: &Script, cwd: &AbsPath, home: &AbsPath) -> Effects {
    let mut walk = Walk { text, effects: Effects::default(), state: State::new(cwd, home), depth: 0, is_trial: false };
    walk.whole(script);
    walk.effects
}

/// A walk through one text.
pub(super) struct Walk<'a> {
    pub(super) text: &'a str,
    pub(super) effects: Effects,
    pub(super) state: State,
    pub(super) depth: usize,
    /// True when only what happens to the state counts.
    pub(super) is_trial: bool,
}

/// One argument of a simple command: its value and how it is written.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub(super) value: Value,
    pub(super) source: String,
}

impl Argument {
    /// Returns an argument that is exactly this text.
    pub(super) fn literal(text: &str) -> Self {
        Self { value: Value::Known(text.to_owned()), source: text.to_owned() }
    }

    pub(super) fn known(&self) -> Option<&str> {
        match &self.value {
            Value::Known(text) => Some(text),
            Value::Pattern(_) | Value::Unknown => None,
        }
    }
}

impl Walk<'_> {
    /// Walks a script and takes its doubts over.
    fn whole(&mut self, script: &Script) {
        for doubt in &script.doubts {
            let why = match doubt.kind {
                DoubtKind::Syntax => "it is not understood as a whole",
                DoubtKind::Characters => "it holds control or invisible characters",
                DoubtKind::Limit => "it is too large or too deeply nested to be analysed",
                DoubtKind::Unmodelled => "it uses a form whose effect is not analysed",
                DoubtKind::Dialect => "shells differ in how they read it",
            };
            self.effects.mark(why.to_owned());
        }
        self.list(&script.items);
    }

    fn list(&mut self, items: &[Item]) {
        // What variables hold when a command of the chain did not run.
        let mut skipped = Vec::new();
        let mut before = Follows::Always;
        for item in items {
            if item.follows != Follows::And || before == Follows::Or {
                self.join_variables(&mut skipped);
            }
            if item.follows != Follows::Always {
                skipped.push(self.state.variables.clone());
            }
            before = item.follows;
            match item.follows {
                Follows::And => {}
                Follows::Always | Follows::Or => {
                    let failed = std::mem::take(&mut self.state.if_failed);
                    self.state.cwds.extend(failed);
                    self.state.cwds.sort();
                    self.state.cwds.dedup();
                }
            }
            if item.background {
                self.apart(|walk| walk.command(&item.command));
            } else {
                self.command(&item.command);
            }
        }
        let failed = std::mem::take(&mut self.state.if_failed);
        self.state.cwds.extend(failed);
        self.state.cwds.sort();
        self.state.cwds.dedup();
        self.join_variables(&mut skipped);
    }

    /// Keeps of what variables hold only what is the same in each of the others.
    fn join_variables(&mut self, others: &mut Vec<BTreeMap<String, Option<String>>>) {
        for other in others.drain(..) {
            let names: Vec<String> = self.state.variables.keys().chain(other.keys()).cloned().collect();
            for name in names {
                if self.state.variables.get(&name) != other.get(&name) {
                    self.state.variables.insert(name, None);
                }
            }
        }
    }

    /// Walks something whose changes of directory and variables do not last.
    fn apart(&mut self, walk: impl FnOnce(&mut Self)) {
        let kept = self.state.clone();
        walk(self);
        self.state = kept;
    }

    fn command(&mut self, command: &Command) {
        if self.effects.parts.len() >= limits::PARTS_MAX {
            self.effects.mark(format!("it has more than {} parts", limits::PARTS_MAX));
            return;
        }
        match command {
            Command::Simple(simple) => self.simple(simple, false),
            Command::Pipeline(pipeline) => {
                for (index, stage) in pipeline.stages.iter().enumerate() {
                    self.apart_if(pipeline.stages.len() > 1, |walk| match stage {
                        Command::Simple(simple) => walk.simple(simple, index > 0),
                        Command::Pipeline(_) | Command::Compound(_) | Command::Function(_) => walk.command(stage),
                    });
                }
            }
            Command::Compound(compound) => self.compound(compound),
            // Defining runs nothing, but a later call would run this: it is judged where it stands,
            // with every variable unknown.
            Command::Function(function) => {
                // A trial walks it once, or the work would double with each level.
                if !self.is_trial {
                    self.apart(|walk| {
                        walk.state.cwds.clear();
                        walk.state.variables.insert("HOME".to_owned(), None);
                        walk.command(&function.body);
                    });
                }
                self.distrust(&function.body);
            }
        }
    }

    /// A call may come anywhere: what a function's body changes is not certain from here on.
    fn distrust(&mut self, body: &Command) {
        let changed = self.tried(|trial| trial.command(body));
        self.state.uncertain.extend(changed.variables.into_keys().chain(changed.uncertain));
        if changed.roams || changed.cwds != self.state.cwds {
            self.state.roams = true;
            self.state.cwds.clear();
        }
    }

    fn apart_if(&mut self, apart: bool, walk: impl FnOnce(&mut Self)) {
        if apart { self.apart(walk) } else { walk(self) }
    }

    fn compound(&mut self, compound: &Compound) {
        for word in &compound.words {
            self.substitutions(word);
        }
        if let Some(variable) = &compound.variable {
            self.state.variables.insert(variable.clone(), None);
            if is_shell_variable(variable) {
                self.effects.mark(format!("its loop sets `{variable}`, which changes what other words mean or run"));
            }
        }
        if matches!(compound.kind, CompoundKind::Arithmetic | CompoundKind::For | CompoundKind::Test) {
            for word in &compound.words {
                let text = self.text.get(word.span.start..word.span.end).unwrap_or_default().to_owned();
                self.arithmetic(&text);
            }
        }
        match compound.kind {
            CompoundKind::Subshell | CompoundKind::Coproc => self.apart(|walk| walk.bodies(compound)),
            CompoundKind::Brace => self.bodies(compound),
            CompoundKind::If
            | CompoundKind::While
            | CompoundKind::Until
            | CompoundKind::For
            | CompoundKind::Select
            | CompoundKind::Case => {
                // A body may run or not, and a loop's body may see what it changed itself.
                let before = self.state.clone();
                let repeats = matches!(
                    compound.kind,
                    CompoundKind::While | CompoundKind::Until | CompoundKind::For | CompoundKind::Select
                );
                let names = if repeats && !self.is_trial { self.forget_what(compound) } else { Vec::new() };
                self.bodies(compound);
                self.join(&before);
                self.forget(&names);
            }
            CompoundKind::Test | CompoundKind::Arithmetic => {}
        }
        self.redirects_of_group(compound);
    }

    fn bodies(&mut self, compound: &Compound) {
        for body in &compound.bodies {
            self.list(body);
        }
    }

    /// Forgets what the bodies of a loop change, before they are walked; returns the variables among it. A loop
    /// may be left or begun anew between any two of its commands.
    fn forget_what(&mut self, compound: &Compound) -> Vec<String> {
        let changed = self.tried(|trial| trial.bodies(compound));
        if self.state.cwds.is_empty() || changed.cwds.is_empty() {
            self.state.cwds.clear();
        } else {
            self.state.cwds.extend(changed.cwds);
            self.state.cwds.sort();
            self.state.cwds.dedup();
        }
        let names: Vec<String> = changed.variables.into_keys().collect();
        self.forget(&names);
        names
    }

    fn forget(&mut self, names: &[String]) {
        self.state.variables.extend(names.iter().map(|name| (name.clone(), None)));
    }

    /// Returns the state after something that is only tried, with no variable but those that it sets.
    fn tried(&self, walk: impl FnOnce(&mut Walk<'_>)) -> State {
        let mut state = self.state.clone();
        state.variables.clear();
        let mut trial = Walk { text: self.text, effects: Effects::default(), state, depth: self.depth, is_trial: true };
        walk(&mut trial);
        trial.state
    }

    /// Keeps of the state only what is the same in `other`.
    fn join(&mut self, other: &State) {
        if self.state.cwds.is_empty() || other.cwds.is_empty() {
            self.state.cwds.clear();
        } else if self.state.cwds != other.cwds {
            self.state.cwds.extend(other.cwds.iter().cloned());
            self.state.cwds.sort();
            self.state.cwds.dedup();
        }
        self.join_variables(&mut vec![other.variables.clone()]);
    }

    fn redirects_of_group(&mut self, compound: &Compound) {
        if !compound.redirects.is_empty() {
            let mut part = self.part(compound.span);
            self.redirects(&compound.redirects, &mut part);
            if !part.touches.is_empty() || !part.unknown.is_empty() {
                part.reads_only = part.touches.iter().all(Touch::only_reads);
                self.effects.parts.push(part);
            }
        }
    }

    fn part(&self, span: Span) -> Part {
        let text = self.text.get(span.start..span.end).unwrap_or(self.text);
        Part { span: Some(span), ..Part::named(text) }
    }

    fn simple(&mut self, simple: &Simple, after_pipe: bool) {
        for word in simple.words.iter().chain(simple.assignments.iter().flat_map(|assignment| &assignment.value)) {
            self.substitutions(word);
        }
        for subscript in simple.assignments.iter().filter_map(|assignment| assignment.subscript.as_ref()) {
            self.arithmetic(subscript);
        }
        let mut part = self.part(simple.span);
        self.redirects(&simple.redirects, &mut part);
        let arguments: Vec<Argument> = simple.words.iter().map(|word| self.argument(word)).collect();
        if arguments.is_empty() {
            self.assignments_alone(simple, &mut part);
            if !simple.assignments.is_empty() || !part.touches.is_empty() || !part.unknown.is_empty() {
                self.effects.parts.push(part);
            }
            return;
        }
        part.words = arguments.iter().map(|argument| argument.value.clone()).collect();
        wrappers::readings(&arguments, &simple.assignments, &mut part);
        self.environment(&simple.assignments, &mut part);
        part.unknown
            .extend(arguments.iter().filter(|argument| argument.value == Value::Unknown).map(|a| a.source.clone()));
        part.program = match arguments.first().and_then(Argument::known) {
            Some(name) => Program::Named(name.to_owned()),
            None => Program::Unknown,
        };
        let inner = programs::understand(&mut self.state, &arguments, after_pipe, &mut part);
        // A redirection that writes is a change, whatever the program is.
        part.reads_only &= part.touches.iter().all(Touch::only_reads);
        self.effects.parts.push(part);
        if self.state.roams {
            self.state.cwds.clear();
        }
        if let Some(text) = inner {
            self.nested_text(&text);
        }
        if programs::reads_commands(&arguments) {
            self.standard_input(&simple.redirects);
        }
    }

    /// Walks a here-document or here-string that a shell reads as its commands.
    fn standard_input(&mut self, redirects: &[Redirect]) {
        for redirect in redirects {
            match redirect.op {
                RedirectOp::HereDocument | RedirectOp::HereString => match self.state.value(&redirect.target) {
                    Value::Known(text) => self.nested_text(&text),
                    Value::Pattern(_) | Value::Unknown => {
                        self.effects.mark("a shell reads commands that are not known before they run".to_owned());
                    }
                },
                RedirectOp::Read
                | RedirectOp::Write
                | RedirectOp::Clobber
                | RedirectOp::Append
                | RedirectOp::ReadWrite
                | RedirectOp::WriteBoth
                | RedirectOp::AppendBoth
                | RedirectOp::DuplicateIn
                | RedirectOp::DuplicateOut => {}
            }
        }
    }

    /// Walks a text that a part hands to a shell.
    fn nested_text(&mut self, text: &str) {
        if self.depth >= limits::NESTED_COMMANDS_MAX {
            self.effects.mark("it nests commands too deeply to be analysed".to_owned());
            return;
        }
        let script = shell::parse(text);
        let mut inner = Walk {
            text,
            effects: Effects::default(),
            state: self.state.clone(),
            depth: self.depth + 1,
            is_trial: self.is_trial,
        };
        inner.whole(&script);
        for mut part in inner.effects.parts {
            part.span = None;
            self.effects.parts.push(part);
        }
        if let Some(why) = inner.effects.opaque {
            self.effects.mark(why);
        }
    }

    /// `NAME=value` on its own sets a variable of this shell.
    fn assignments_alone(&mut self, simple: &Simple, part: &mut Part) {
        part.reads_only = part.touches.iter().all(Touch::only_reads);
        for assignment in &simple.assignments {
            let value = match assignment.value.as_slice() {
                [word] if !assignment.append && assignment.subscript.is_none() => match self.state.value(word) {
                    Value::Known(text) => Some(text),
                    Value::Pattern(_) | Value::Unknown => None,
                },
                [] | [_, ..] => None,
            };
            if crate::tables::programs::HARMLESS_VARIABLES.contains(&assignment.name.as_str())
                || assignment.name.chars().any(|letter| letter.is_ascii_lowercase())
            {
                self.state.variables.insert(assignment.name.clone(), value);
            } else {
                // Names in capitals may be read by the shell or by a program: PATH, IFS, BASH_ENV.
                self.state.variables.insert(assignment.name.clone(), value);
                if is_shell_variable(&assignment.name) {
                    part.reads_only = false;
                    part.suspicious.get_or_insert(format!(
                        "it sets `{}`, which changes what later words mean or run",
                        assignment.name
                    ));
                }
            }
        }
    }

    /// `NAME=value command`: what the variable changes.
    fn environment(&mut self, assignments: &[Assignment], part: &mut Part) {
        for assignment in assignments {
            if is_shell_variable(&assignment.name) {
                part.suspicious.get_or_insert(format!(
                    "it sets `{}` for the command, which can change what it runs",
                    assignment.name
                ));
            }
        }
    }

    fn argument(&self, word: &Word) -> Argument {
        let source = self.text.get(word.span.start..word.span.end).unwrap_or_default().to_owned();
        Argument { value: self.state.value(word), source }
    }

    /// Arithmetic evaluates the value of a variable as arithmetic again, and a subscript in that runs
    /// substitutions: a variable of this text whose value is not a number makes it unknown.
    fn arithmetic(&mut self, text: &str) {
        let names = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let is_number =
            |value: &Option<String>| value.as_ref().is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let unknown = names.clone().filter_map(|name| self.state.variables.get(name)).any(|value| !is_number(value));
        if text.contains('=') || text.contains("++") || text.contains("--") {
            // It may assign to any of them.
            for name in names.filter(|name| !name.is_empty()) {
                self.state.variables.insert(name.to_owned(), None);
            }
        }
        if unknown {
            self.effects.mark("it calculates with a value that is not known to be a number".to_owned());
        }
    }

    /// Walks every script inside a word.
    fn substitutions(&mut self, word: &Word) {
        for piece in &word.parts {
            match piece {
                Piece::Arithmetic(arithmetic) => self.arithmetic(&arithmetic.text),
                // `${name[subscript]}` and `${name:offset}`.
                Piece::Variable(variable) if variable.operation.starts_with(['[', ':', '=']) => {
                    if variable.operation.contains('=') {
                        self.state.variables.insert(variable.name.clone(), None);
                    }
                    self.arithmetic(&variable.operation);
                }
                Piece::Variable(_)
                | Piece::Literal(_)
                | Piece::Glob(_)
                | Piece::Tilde(_)
                | Piece::Substitution(_)
                | Piece::Process(_) => {}
            }
            let scripts: &[Script] = match piece {
                Piece::Substitution(script) | Piece::Process(script) => std::slice::from_ref(script),
                Piece::Variable(variable) => &variable.nested,
                Piece::Arithmetic(arithmetic) => &arithmetic.nested,
                Piece::Literal(_) | Piece::Glob(_) | Piece::Tilde(_) => &[],
            };
            for script in scripts {
                self.apart(|walk| walk.list(&script.items));
            }
        }
    }

    fn redirects(&mut self, redirects: &[Redirect], part: &mut Part) {
        for redirect in redirects {
            self.substitutions(&redirect.target);
            let access = match redirect.op {
                RedirectOp::Read => Access::Read,
                RedirectOp::Write
                | RedirectOp::Clobber
                | RedirectOp::Append
                | RedirectOp::ReadWrite
                | RedirectOp::WriteBoth
                | RedirectOp::AppendBoth => Access::Write,
                RedirectOp::DuplicateIn | RedirectOp::DuplicateOut => {
                    if redirect.target.literal().is_none() {
                        part.unknown.push(self.argument(&redirect.target).source);
                    }
                    continue;
                }
                RedirectOp::HereDocument | RedirectOp::HereString => continue,
            };
            let argument = self.argument(&redirect.target);
            touch(&self.state, &argument, access, By::Redirect, false, part);
            let network =
                argument.known().is_some_and(|path| path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/"));
            if network {
                part.suspicious.get_or_insert("it opens a network connection by redirection".to_owned());
            }
        }
    }
}

/// Adds what an argument means as a path to what a part touches.
///
/// Where `..` follows a name, the text says one thing and a symbolic link may say another: both count.
pub(super) fn touch(state: &State, argument: &Argument, access: Access, by: By, recursive: bool, part: &mut Part) {
    part.touches.push(Touch { access, by, target: target(state, argument), recursive });
    if argument.known().is_some_and(climbs_out_of_a_name) {
        part.touches.push(Touch { access, by, target: Target::Unknown(argument.source.clone()), recursive });
    }
}

/// Returns what an argument means as a path.
fn target(state: &State, argument: &Argument) -> Target {
    match &argument.value {
        Value::Known(text) => match state.paths(text) {
            paths if paths.is_empty() => Target::Unknown(argument.source.clone()),
            paths => Target::Paths(paths),
        },
        Value::Pattern(pattern) => {
            let stem: String = pattern.split(['*', '?', '[']).next().unwrap_or_default().to_owned();
            let directory = stem.rfind('/').map_or("", |at| stem.get(..=at).unwrap_or_default());
            Target::Pattern(
                pattern.clone(),
                if directory.is_empty() { state.cwds.clone() } else { state.paths(directory) },
            )
        }
        Value::Unknown => Target::Unknown(argument.source.clone()),
    }
}

/// Returns true for a variable by which a shell or loader is told what to run.
pub(super) fn is_shell_variable(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "SECONDS",
        "RANDOM",
        "SRANDOM",
        "OPTIND",
        "LINENO",
        "HISTCMD",
        "EPOCHSECONDS",
        "EPOCHREALTIME",
        "DIRSTACK",
        "PWD",
        "OLDPWD",
        "PATH",
        "IFS",
        "BASH_ENV",
        "ENV",
        "SHELLOPTS",
        "BASHOPTS",
        "PS4",
        "PROMPT_COMMAND",
        "CDPATH",
        "GLOBIGNORE",
        "PAGER",
        "EDITOR",
        "VISUAL",
        "MANPAGER",
        "LESSOPEN",
        "LESSCLOSE",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PERL5OPT",
        "PERL5LIB",
        "RUBYOPT",
        "RUBYLIB",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "MAKEFLAGS",
        "RIPGREP_CONFIG_PATH",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
        "CC",
        "CXX",
        "LD",
        "AR",
        "SHELL",
        "HOME",
        "TAR_OPTIONS",
        "GREP_OPTIONS",
    ];
    const PREFIXES: &[&str] =
        &["LD_", "DYLD_", "GIT_", "PYTHON", "NPM_CONFIG_", "npm_config_", "BASH_", "CARGO_", "GOFLAGS"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
