//! Walks a script as the shell would run it.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::call::Inner;
use super::input::{Input, has_text};
use super::losses::{self, Loss};
use super::part::{Access, By, Links, Part, Program, Target, Touch, leads_through_a_process};
use super::shellwords::{Body, State, Value};
use super::variables::is_shell_variable;
use super::{Effects, pieces, suspicious, wrappers};
use crate::limits;
use crate::path::{AbsPath, climbs_out_of_a_name};
use crate::proof::doubt_words;
use crate::tables::programs::HARMLESS_VARIABLES;
use shell::tree::{
    Assignment, Command, Compound, CompoundKind, Follows, Item, Part as Piece, Redirect, RedirectOp, Script, Simple,
    Span, Word,
};

/// Reads what a script does.
pub(super) fn script(text: &str, script: &Script, cwd: &AbsPath, home: &AbsPath) -> Effects {
    let state = State::new(cwd, home);
    let mut walk = Walk {
        text,
        effects: Effects::default(),
        state,
        depth: 0,
        is_trial: false,
        may_not_run: false,
        steps: 0,
        is_fed: false,
    };
    walk.whole(script);
    suspicious::mark(&mut walk.effects.parts, home);
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
    /// True where a command may not run: in a branch, a loop, a function, or after `&&` and `||`.
    may_not_run: bool,
    /// Commands walked so far.
    steps: usize,
    /// True when what is walked reads what a command or the line itself brings on its standard input.
    pub(super) is_fed: bool,
}

/// Directories of which no project is.
const SYSTEM: &[&str] = &["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"];

/// One argument of a simple command: its value and how it is written.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub(super) value: Value,
    pub(super) source: String,
    /// Whether what it stands for may be a link.
    pub(super) links: Links,
}

impl Argument {
    pub(super) fn new(value: Value, source: String) -> Self {
        Self { value, source, links: Links::Matched }
    }

    /// Returns an argument that is exactly this text.
    pub(super) fn literal(text: &str) -> Self {
        Self::new(Value::Known(text.to_owned()), text.to_owned())
    }

    pub(super) fn known(&self) -> Option<&str> {
        match &self.value {
            Value::Known(text) => Some(text),
            Value::Pattern(_) | Value::Begins(_) | Value::Unknown => None,
        }
    }

    pub(super) fn word(&self) -> programs::Word<'_> {
        match &self.value {
            Value::Known(text) => programs::Word::Known(text),
            Value::Pattern(text) => programs::Word::Pattern(text),
            Value::Begins(text) => programs::Word::Begins(text),
            Value::Unknown => programs::Word::Unknown,
        }
    }
}

impl Walk<'_> {
    /// Walks a script and takes its doubts over.
    fn whole(&mut self, script: &Script) {
        for doubt in &script.doubts {
            self.effects.mark(doubt_words(doubt.kind).to_owned());
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
                Follows::Always | Follows::Or => self.may_have_failed(),
            }
            let outside = self.may_not_run;
            self.may_not_run |= item.follows != Follows::Always;
            if item.background {
                self.aside(|walk| walk.command(&item.command));
            } else {
                self.command(&item.command);
            }
            self.may_not_run = outside;
        }
        self.may_have_failed();
        self.join_variables(&mut skipped);
    }

    /// The last `cd` may have failed: its start is possible too.
    fn may_have_failed(&mut self) {
        let failed = std::mem::take(&mut self.state.if_failed);
        // Where the directory is not known, what was before says nothing.
        if !self.state.cwds.is_empty() {
            self.also_in(failed);
        }
    }

    /// Adds directories that are possible too; of too many none is known.
    fn also_in(&mut self, others: impl IntoIterator<Item = AbsPath>) {
        self.state.cwds.extend(others);
        self.state.cwds.sort();
        self.state.cwds.dedup();
        if self.state.cwds.len() > limits::DIRECTORIES_MAX {
            self.state.cwds.clear();
        }
    }

    /// Keeps of what variables hold only what is the same in each of the others.
    fn join_variables(&mut self, others: &mut Vec<BTreeMap<String, Value>>) {
        for other in others.drain(..) {
            let names: Vec<String> = self.state.variables.keys().chain(other.keys()).cloned().collect();
            for name in names {
                if self.state.variables.get(&name) != other.get(&name) {
                    self.state.variables.insert(name, Value::Unknown);
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

    /// Walks what runs aside.
    fn aside(&mut self, walk: impl FnOnce(&mut Self)) {
        let first = self.effects.parts.len();
        self.apart(walk);
        for part in self.effects.parts.iter_mut().skip(first) {
            part.aside = true;
            part.edits_only = false;
        }
    }

    fn command(&mut self, command: &Command) {
        if self.effects.parts.len() >= limits::PARTS_MAX {
            self.effects.mark(format!("it has more than {} parts", limits::PARTS_MAX));
            return;
        }
        self.steps += 1;
        if self.steps > limits::STEPS_MAX {
            self.effects.mark("its loops and functions come to too many commands to be analysed".to_owned());
            return;
        }
        match command {
            Command::Simple(simple) => self.simple(simple, false),
            Command::Pipeline(pipeline) => {
                let last = pipeline.stages.len().saturating_sub(1);
                for (index, stage) in pipeline.stages.iter().enumerate() {
                    let before = self.state.clone();
                    let outside = self.may_not_run;
                    self.may_not_run |= last > 0;
                    match stage {
                        Command::Simple(simple) => self.simple(simple, index > 0),
                        Command::Pipeline(_) | Command::Compound(_) | Command::Function(_) => {
                            self.fed(index > 0, |walk| walk.command(stage));
                        }
                    }
                    self.may_not_run = outside;
                    // Some shells run the last command of a pipe themselves: what it changes may last.
                    if index < last {
                        self.state = before;
                    } else if last > 0 {
                        self.join(&before);
                    }
                }
            }
            Command::Compound(compound) => self.fed(has_text(&compound.redirects), |walk| walk.compound(compound)),
            // Defining runs nothing, but a later call would run this: it is judged where it stands,
            // with every variable unknown.
            Command::Function(function) => {
                let body = Body { text: self.text.to_owned(), command: (*function.body).clone() };
                self.state.functions.insert(function.name.clone(), Rc::new(body));
                let is_plain = |name: &str| name.chars().all(|letter| letter == '_' || letter.is_ascii_alphanumeric());
                if self.may_not_run || !is_plain(&function.name) {
                    self.state.unsure.insert(function.name.clone());
                }
                // A trial walks no body that is not called, or the work would double with each level.
                if self.is_trial {
                    return;
                }
                self.apart(|walk| {
                    walk.state.cwds.clear();
                    walk.state.locals = Some(BTreeSet::new());
                    for value in walk.state.variables.values_mut() {
                        *value = Value::Unknown;
                    }
                    walk.state.variables.insert("HOME".to_owned(), Value::Unknown);
                    walk.command(&function.body);
                });
            }
        }
    }

    fn compound(&mut self, compound: &Compound) {
        for word in &compound.words {
            self.substitutions(word);
        }
        if let Some(variable) = &compound.variable {
            self.state.variables.insert(variable.clone(), Value::Unknown);
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
                let outside = std::mem::replace(&mut self.may_not_run, true);
                let repeats = matches!(
                    compound.kind,
                    CompoundKind::While | CompoundKind::Until | CompoundKind::For | CompoundKind::Select
                );
                let names = if repeats && !self.is_trial { self.forget_what(compound) } else { Vec::new() };
                if self.is_trial || !self.each_word(compound) {
                    self.bodies(compound);
                }
                self.may_not_run = outside;
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

    /// A loop over a few words that are known, or over one pattern, is walked with each.
    fn each_word(&mut self, compound: &Compound) -> bool {
        let Some(variable) = compound.variable.clone().filter(|name| !is_shell_variable(name)) else { return false };
        if compound.kind != CompoundKind::For
            || compound.words.is_empty()
            || compound.words.len() > limits::LOOP_WORDS_MAX
        {
            return false;
        }
        let values: Vec<Value> = compound.words.iter().map(|word| self.argument(word).value).collect();
        let is_one = |value: &Value| matches!(value, Value::Known(_) | Value::Pattern(_));
        if !values.iter().all(is_one) {
            return false;
        }
        let parts = self.effects.parts.len();
        for value in values {
            self.state.variables.insert(variable.clone(), value);
            self.bodies(compound);
        }
        // The same part twice says nothing new; what others point at keeps its place.
        let made = self.effects.parts.split_off(parts);
        let keep_all = made.iter().any(|part| part.runner.is_some());
        for part in made {
            if keep_all || !self.effects.parts.iter().skip(parts).any(|known| *known == part) {
                self.effects.parts.push(part);
            }
        }
        self.state.variables.insert(variable, Value::Unknown);
        true
    }

    /// Forgets what the bodies of a loop change, before they are walked; returns the variables among it. A loop
    /// may be left or begun anew between any two of its commands.
    fn forget_what(&mut self, compound: &Compound) -> Vec<String> {
        let changed = self.tried(|trial| trial.bodies(compound));
        if self.state.cwds.is_empty() || changed.cwds.is_empty() {
            self.state.cwds.clear();
        } else {
            self.also_in(changed.cwds);
        }
        let names: Vec<String> = changed.variables.into_keys().collect();
        self.forget(&names);
        names
    }

    fn forget(&mut self, names: &[String]) {
        self.state.variables.extend(names.iter().map(|name| (name.clone(), Value::Unknown)));
    }

    /// Returns the state after something that is only tried, with no variable but those that it sets.
    fn tried(&mut self, walk: impl FnOnce(&mut Walk<'_>)) -> State {
        let mut state = self.state.clone();
        state.variables.clear();
        let mut trial = Walk {
            text: self.text,
            effects: Effects::default(),
            state,
            depth: self.depth,
            is_trial: true,
            may_not_run: true,
            steps: self.steps,
            is_fed: self.is_fed,
        };
        walk(&mut trial);
        self.steps = trial.steps;
        trial.state
    }

    /// Keeps of the state only what is the same in `other`.
    fn join(&mut self, other: &State) {
        if self.state.cwds.is_empty() || other.cwds.is_empty() {
            self.state.cwds.clear();
        } else if self.state.cwds != other.cwds {
            self.also_in(other.cwds.iter().cloned());
        }
        self.join_variables(&mut vec![other.variables.clone()]);
        self.state.uncertain.extend(other.uncertain.iter().cloned());
        self.state.unsure.extend(other.unsure.iter().cloned());
        for (name, body) in &other.functions {
            match self.state.functions.get(name) {
                Some(own) if own != body => self.effects.mark(format!("`{name}` is defined in more than one way")),
                Some(_) => {}
                None => {
                    self.state.functions.insert(name.clone(), Rc::clone(body));
                }
            }
        }
    }

    fn redirects_of_group(&mut self, compound: &Compound) {
        if !compound.redirects.is_empty() {
            let mut part = self.part(compound.span);
            self.redirects(&compound.redirects, &mut part);
            if !part.touches.is_empty() || !part.unknown.is_empty() {
                part.reads_only = part.touches.iter().all(Touch::only_reads);
                part.edits_only = !part.reads_only && part.changes_known_files();
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
        let names = |name: &str| arguments.first().and_then(Argument::known) == Some(name);
        // It says how `read` cuts what it reads, and nothing else hears of it.
        let is_cut = |assignment: &Assignment| assignment.name == "IFS" && names("read");
        for assignment in simple.assignments.iter().filter(|assignment| !is_cut(assignment)) {
            Self::environment(assignment, &mut part);
        }
        wrappers::readings(&arguments, &simple.assignments, &mut part);
        self.fed_by_a_text(&simple.redirects, &mut part);
        let input = Input { is_fed: after_pipe || self.is_fed, redirects: &simple.redirects };
        let own = self.effects.parts.len();
        self.words(&arguments, part, &input);
        // Nobody can list every variable by which some program is told what to load or run.
        let is_harmless =
            |assignment: &Assignment| HARMLESS_VARIABLES.contains(&assignment.name.as_str()) || is_cut(assignment);
        if let Some(part) = self.effects.parts.get_mut(own) {
            part.proved_if(simple.assignments.iter().all(is_harmless));
        }
    }

    /// What a here-string feeds a command is read as a part of its text: a rule that is one text, or that says how
    /// a text ends, does not cover it.
    fn fed_by_a_text(&self, redirects: &[Redirect], part: &mut Part) {
        for redirect in redirects.iter().filter(|redirect| redirect.op == RedirectOp::HereString) {
            let text = self.argument(&redirect.target).source;
            for reading in &mut part.allow_readings {
                // A reading of the text as it is written holds it already.
                if !reading.contains("<<<") {
                    reading.push_str(&format!(" <<< {text}"));
                }
            }
        }
    }

    /// Judges an argument list, and what it starts.
    fn words(&mut self, arguments: &[Argument], mut part: Part, input: &Input<'_>) {
        part.words = arguments.iter().map(|argument| argument.value.clone()).collect();
        let named = |argument: &&Argument| matches!(argument.value, Value::Unknown | Value::Begins(_));
        part.unknown.extend(arguments.iter().filter(named).map(|argument| argument.source.clone()));
        part.program = match arguments.first().and_then(Argument::known) {
            Some(name) => Program::Named(name.to_owned()),
            None => Program::Unknown,
        };
        let inner = self.understand(arguments, input, &mut part);
        if let Program::Named(name) = &part.program {
            let base = wrappers::base_name(name);
            let losses = losses::of(&self.state, base, arguments.get(1..).unwrap_or_default(), &part);
            part.loses.extend(losses);
        }
        let runs_anything = |does: &programs::Does| {
            matches!(does, programs::Does::Builds | programs::Does::System | programs::Does::Interactive)
        };
        if !part.unlisted.is_empty() || part.does.iter().any(runs_anything) {
            pieces::may_run(arguments, &mut part);
            for redirect in input.redirects {
                if matches!(redirect.op, RedirectOp::HereDocument | RedirectOp::HereString) {
                    let text = self.argument(&redirect.target);
                    let text = text.known().unwrap_or(&text.source);
                    pieces::texts_within(text, &mut part);
                    pieces::may_name_in(&self.state, &format!(" {text}"), &mut part);
                }
            }
        }
        // A redirection that writes is a change, whatever the program is.
        part.reads_only &= part.touches.iter().all(Touch::only_reads);
        let runner = self.effects.parts.len();
        self.effects.parts.push(part);
        for inner in inner {
            self.inner(inner, runner, input);
        }
    }

    /// Walks a command that a part starts.
    fn inner(&mut self, inner: Inner, runner: usize, input: &Input<'_>) {
        if self.depth >= limits::NESTED_COMMANDS_MAX {
            self.effects.mark("it nests commands too deeply to be analysed".to_owned());
            return;
        }
        let kept = self.state.clone();
        let lasts = self.effects.parts.get(runner).is_some_and(stays_in_this_shell);
        self.depth += 1;
        match inner {
            Inner::In(cwds, inner) => {
                self.state.cwds = cwds;
                self.depth -= 1;
                self.inner(*inner, runner, input);
                self.state = kept;
                return;
            }
            Inner::Text(text) => self.fed(input.brings(), |walk| walk.nested_text(&text, Some(runner))),
            Inner::Function(body) => {
                let mut walk = Walk {
                    text: &body.text,
                    effects: Effects::default(),
                    state: self.state.clone(),
                    depth: self.depth,
                    is_trial: self.is_trial,
                    may_not_run: true,
                    steps: self.steps,
                    is_fed: input.brings(),
                };
                walk.state.locals = Some(BTreeSet::new());
                walk.command(&body.command);
                let Walk { effects, state, steps, .. } = walk;
                self.steps = steps;
                self.take_parts(effects, Some(runner));
                self.depth -= 1;
                // What a function changes lasts, but for what is its own.
                let own = state.locals.clone().unwrap_or_default();
                self.state = State { locals: kept.locals, ..state };
                self.forget(&own.into_iter().collect::<Vec<_>>());
                return;
            }
            Inner::Words(arguments) => {
                let text = arguments.iter().map(|argument| argument.source.as_str()).collect::<Vec<_>>().join(" ");
                let mut part = Part { runner: Some(runner), ..Part::named(&text) };
                wrappers::readings(&arguments, &[], &mut part);
                self.words(&arguments, part, input);
            }
        }
        self.depth -= 1;
        if !lasts {
            self.state = kept;
        }
    }

    /// Reads what a command does by itself; returns what it starts.
    fn understand(&mut self, arguments: &[Argument], input: &Input<'_>, part: &mut Part) -> Vec<Inner> {
        let Some(name) = arguments.first().and_then(Argument::known) else { return Vec::new() };
        let Some(body) = self.state.functions.get(name).map(Rc::clone) else {
            return self.program(arguments, input, part);
        };
        let is_sure = part.runner.is_none() && !self.state.unsure.contains(name);
        if is_sure {
            part.reads_only = true;
            part.clear = true;
            return vec![Inner::Function(body)];
        }
        // What another program starts is no function, and one that may not be defined may be a program.
        let mut inner = self.program(arguments, input, part);
        inner.push(Inner::Function(body));
        inner
    }

    /// Takes over what a text or function does that `runner` starts.
    fn take_parts(&mut self, effects: Effects, runner: Option<usize>) {
        let offset = self.effects.parts.len();
        for mut part in effects.parts {
            if self.effects.parts.len() >= limits::PARTS_MAX {
                self.effects.mark(format!("it has more than {} parts", limits::PARTS_MAX));
                return;
            }
            part.span = None;
            part.runner = part.runner.map(|index| index + offset).or(runner);
            self.effects.parts.push(part);
        }
        for why in effects.opaque.into_iter().chain(effects.opaque_too) {
            self.effects.mark(why);
        }
    }

    /// `NAME=value` on its own sets a variable of this shell.
    fn assignments_alone(&mut self, simple: &Simple, part: &mut Part) {
        part.reads_only = part.touches.iter().all(Touch::only_reads);
        for assignment in &simple.assignments {
            let value = match assignment.value.as_slice() {
                [word] if !assignment.append && assignment.subscript.is_none() => match self.argument(word).value {
                    Value::Known(text) => Value::Known(text),
                    // Neither globbed nor split in an assignment: its pattern is text until it is used.
                    Value::Begins(text) => Value::Begins(text),
                    Value::Pattern(_) | Value::Unknown => Value::Begins(String::new()),
                },
                [] if !assignment.append && assignment.subscript.is_none() => Value::Known(String::new()),
                [] | [_, ..] => Value::Unknown,
            };
            self.state.variables.insert(assignment.name.clone(), value);
            // The shell or a program may read it: PATH, IFS, BASH_ENV.
            if is_shell_variable(&assignment.name) {
                part.reads_only = false;
                part.suspicious.get_or_insert(format!(
                    "it sets `{}`, which changes what later words mean or run",
                    assignment.name
                ));
            }
        }
    }

    /// `NAME=value command`: what the variable changes.
    fn environment(assignment: &Assignment, part: &mut Part) {
        if is_shell_variable(&assignment.name) {
            let name = &assignment.name;
            part.suspicious.get_or_insert(format!("it sets `{name}` for the command, which can change what it runs"));
        }
    }

    pub(super) fn argument(&self, word: &Word) -> Argument {
        let source = self.text.get(word.span.start..word.span.end).unwrap_or_default().to_owned();
        Argument::new(self.state.value(word, &source), source)
    }

    /// Arithmetic evaluates the value of a variable as arithmetic again, and a subscript in that runs
    /// substitutions: a variable of this text whose value is not a number makes it unknown.
    pub(super) fn arithmetic(&mut self, text: &str) {
        let names = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let is_number =
            |value: &Value| matches!(value, Value::Known(text) if text.bytes().all(|byte| byte.is_ascii_digit()));
        let unknown = names.filter_map(|name| self.state.variables.get(name)).any(|value| !is_number(value));
        if unknown {
            self.effects.mark("it calculates with a value that is not known to be a number".to_owned());
        }
        self.assigned_by(text);
    }

    /// Forgets the variables that arithmetic may assign: every name in a text with a sign of it.
    fn assigned_by(&mut self, text: &str) {
        let compares = ["==", "!=", "<=", ">="].iter().fold(text.to_owned(), |text, sign| text.replace(sign, ""));
        if !compares.contains('=') && !text.contains("++") && !text.contains("--") {
            return;
        }
        for name in text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')) {
            if name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_') {
                self.state.variables.insert(name.to_owned(), Value::Unknown);
            }
        }
    }

    /// Walks every script inside a word.
    fn substitutions(&mut self, word: &Word) {
        for piece in &word.parts {
            match piece {
                Piece::Arithmetic(arithmetic) => self.arithmetic(&arithmetic.text),
                // `${name[subscript]}` and `${name:offset}`.
                Piece::Variable(variable) if variable.operation.starts_with(['[', ':']) => {
                    self.arithmetic(&variable.operation);
                    if variable.operation.trim_start_matches(':').starts_with('=') {
                        self.state.variables.insert(variable.name.clone(), Value::Unknown);
                    }
                }
                // `${name:=value}` assigns.
                Piece::Variable(variable) if variable.operation.starts_with('=') => {
                    self.state.variables.insert(variable.name.clone(), Value::Unknown);
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
                self.aside(|walk| walk.list(&script.items));
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
            let empties = matches!(redirect.op, RedirectOp::Write | RedirectOp::Clobber | RedirectOp::WriteBoth);
            if empties && part.touches.last().is_some_and(|touch| !touch.is_device()) {
                part.loses.push(Loss::Overwritten(target(&self.state, &argument)));
            }
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
    let links = argument.links;
    part.touches.push(Touch { access, by, target: target(state, argument), recursive, links });
    let by_process = |text: &str| state.paths(text).iter().any(leads_through_a_process);
    if argument.known().is_some_and(|text| climbs_out_of_a_name(text) || by_process(text)) {
        part.touches.push(Touch { access, by, target: Target::Unknown(argument.source.clone()), recursive, links });
    }
}

/// Returns what an argument means as a path.
pub(super) fn target(state: &State, argument: &Argument) -> Target {
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
        Value::Begins(_) | Value::Unknown => Target::Unknown(argument.source.clone()),
    }
}

/// Returns true for a part whose command runs in this shell: what that changes lasts.
fn stays_in_this_shell(part: &Part) -> bool {
    const PREFIXES: &[&str] = &["command", "builtin", "noglob", "nocorrect", "exec", "-"];
    matches!(&part.program, Program::Named(name) if PREFIXES.contains(&name.as_str()))
}
