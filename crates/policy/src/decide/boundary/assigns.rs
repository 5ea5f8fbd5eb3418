//! What a command sets beside its parts: a variable of a loop or in an expansion reaches what runs next, where it
//! is in the environment already.

use shell::tree::{Command, CompoundKind, Item, Part, Redirect, Word};

/// Returns what is set in a list of commands other than by an assignment of its own, as written.
pub(super) fn of(items: &[Item]) -> Option<String> {
    items.iter().find_map(|item| command(&item.command))
}

fn command(command: &Command) -> Option<String> {
    match command {
        Command::Simple(simple) => {
            let values = simple.assignments.iter().flat_map(|assignment| &assignment.value);
            words(simple.words.iter().chain(values)).or_else(|| redirects(&simple.redirects))
        }
        Command::Pipeline(pipeline) => pipeline.stages.iter().find_map(self::command),
        Command::Compound(compound) => match (compound.kind, &compound.variable) {
            (_, Some(variable)) => Some(variable.clone()),
            // The text is one word: what it sets is not looked for.
            (CompoundKind::Arithmetic | CompoundKind::For | CompoundKind::Select, None) => Some("((...))".to_owned()),
            (
                CompoundKind::Subshell
                | CompoundKind::Brace
                | CompoundKind::If
                | CompoundKind::While
                | CompoundKind::Until
                | CompoundKind::Case
                | CompoundKind::Test
                | CompoundKind::Coproc,
                None,
            ) => words(compound.words.iter())
                .or_else(|| compound.bodies.iter().find_map(|body| of(body)))
                .or_else(|| redirects(&compound.redirects)),
        },
        Command::Function(function) => self::command(&function.body),
    }
}

fn redirects(redirects: &[Redirect]) -> Option<String> {
    words(redirects.iter().map(|redirect| &redirect.target))
}

fn words<'w>(words: impl Iterator<Item = &'w Word>) -> Option<String> {
    words.flat_map(|word| &word.parts).find_map(|part| match part {
        Part::Arithmetic(arithmetic) => {
            let sets = ["=", "++", "--"].iter().any(|sign| arithmetic.text.contains(sign));
            sets.then(|| format!("$(({}))", arithmetic.text))
        }
        Part::Variable(variable) => {
            let sets = variable.operation.contains('=') || variable.operation.contains("((");
            sets.then(|| variable.name.clone())
        }
        // What is set in a substitution stays there; its commands are parts of their own.
        Part::Substitution(_) | Part::Process(_) | Part::Literal(_) | Part::Glob(_) | Part::Tilde(_) => None,
    })
}
