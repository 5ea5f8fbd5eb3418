//! Rules that name a pipeline: `Bash(curl * | bash *)` in deny or ask.
//!
//! The command that the last stage names is matched like any other; here it is looked up whether
//! what the stages before it name is piped into it.

use shell::tree::{Arithmetic, Assignment, Command, Item, Part, Redirect, Script, Simple, Span, Variable, Word};

use crate::command::CommandPattern;

/// How surely the earlier stages of a rule are piped into a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Piped {
    /// They are not.
    No,
    /// They may be.
    Possibly,
    /// They are.
    Certainly,
}

/// Returns how surely the stages `before` are piped into the command at `span` of a script.
///
/// A command without a place of its own in the text stands inside an argument of another: there only
/// the text is looked at, and the answer is never certain.
pub(crate) fn piped(before: &[CommandPattern], script: &Script, text: &str, span: Option<Span>) -> Piped {
    let mut search = Search { before, span, found: Piped::No, is_placed: false };
    search.script(script);
    let heads = before.iter().all(|stage| text.contains(stage.literal_head()));
    if search.found == Piped::No && heads && text.contains('|') && (!search.is_placed || script.is_partial()) {
        return Piped::Possibly;
    }
    search.found
}

struct Search<'p> {
    before: &'p [CommandPattern],
    span: Option<Span>,
    found: Piped,
    /// True when the command stands in the tree as one of its simple commands.
    is_placed: bool,
}

impl Search<'_> {
    fn script(&mut self, script: &Script) {
        self.items(&script.items);
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            self.command(&item.command);
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => {
                self.is_placed |= self.span == Some(simple.span);
                for nested in scripts_of_simple(simple) {
                    self.script(nested);
                }
            }
            Command::Pipeline(pipeline) => {
                for (index, stage) in pipeline.stages.iter().enumerate() {
                    if holds(stage, self.span) {
                        let earlier = pipeline.stages.get(..index).unwrap_or_default();
                        self.found = self.found.max(stages(self.before, earlier));
                    }
                    self.command(stage);
                }
            }
            Command::Compound(compound) => {
                for body in &compound.bodies {
                    self.items(body);
                }
                for nested in compound.words.iter().chain(targets(&compound.redirects)).flat_map(scripts_of_word) {
                    self.script(nested);
                }
            }
            Command::Function(function) => self.command(&function.body),
        }
    }
}

/// Returns how surely the patterns are found in these stages, in this order.
fn stages(patterns: &[CommandPattern], stages: &[Command]) -> Piped {
    let mut left = stages.iter();
    let mut surest = Piped::Certainly;
    for pattern in patterns {
        let Some(found) = left.by_ref().map(|stage| runs(pattern, stage)).find(|found| *found > Piped::No) else {
            return Piped::No;
        };
        surest = surest.min(found);
    }
    surest
}

/// Returns how surely a command is, or holds, one that the pattern covers.
fn runs(pattern: &CommandPattern, command: &Command) -> Piped {
    match command {
        Command::Simple(simple) => simple_runs(pattern, simple),
        Command::Pipeline(pipeline) => surest(pipeline.stages.iter().map(|stage| runs(pattern, stage))),
        Command::Compound(compound) => {
            surest(compound.bodies.iter().flatten().map(|item| runs(pattern, &item.command)))
        }
        Command::Function(_) => Piped::No,
    }
}

fn surest(found: impl Iterator<Item = Piped>) -> Piped {
    found.max().unwrap_or(Piped::No)
}

fn simple_runs(pattern: &CommandPattern, simple: &Simple) -> Piped {
    let words: Vec<Option<String>> = simple.words.iter().map(Word::literal).collect();
    let known: Vec<&str> = words.iter().map_while(|word| word.as_deref()).collect();
    if known.is_empty() && !words.is_empty() {
        return Piped::Possibly;
    }
    // What stands behind a wrapper or a path is the command too.
    let tails = (0..known.len()).filter_map(|start| known.get(start..)).map(|tail| {
        let (program, rest) = tail.split_first().map_or(("", tail), |(program, rest)| (*program, rest));
        let name = program.rsplit('/').next().unwrap_or(program);
        std::iter::once(name).chain(rest.iter().copied()).collect::<Vec<_>>().join(" ")
    });
    let tails: Vec<String> = tails.collect();
    let is_whole = known.len() == words.len();
    if tails.iter().any(|tail| pattern.covers(tail)) {
        Piped::Certainly
    } else if !is_whole && tails.iter().any(|tail| pattern.could_continue(tail)) {
        Piped::Possibly
    } else {
        Piped::No
    }
}

/// Returns true when the place lies in a command.
fn holds(command: &Command, span: Option<Span>) -> bool {
    let Some(wanted) = span else { return true };
    let within = |outer: Span| outer.start <= wanted.start && wanted.end <= outer.end;
    match command {
        Command::Simple(simple) => within(simple.span),
        Command::Pipeline(pipeline) => pipeline.stages.iter().any(|stage| holds(stage, span)),
        Command::Compound(compound) => within(compound.span),
        Command::Function(function) => within(function.span),
    }
}

fn scripts_of_simple(simple: &Simple) -> Vec<&Script> {
    let values = simple.assignments.iter().flat_map(|Assignment { value, .. }| value);
    values.chain(&simple.words).chain(targets(&simple.redirects)).flat_map(scripts_of_word).collect()
}

fn targets(redirects: &[Redirect]) -> impl Iterator<Item = &Word> {
    redirects.iter().map(|redirect| &redirect.target)
}

fn scripts_of_word(word: &Word) -> Vec<&Script> {
    let mut scripts = Vec::new();
    for part in &word.parts {
        match part {
            Part::Literal(_) | Part::Glob(_) | Part::Tilde(_) => {}
            Part::Substitution(script) | Part::Process(script) => scripts.push(script),
            Part::Variable(Variable { nested, .. }) | Part::Arithmetic(Arithmetic { nested, .. }) => {
                scripts.extend(nested);
            }
        }
    }
    scripts
}
