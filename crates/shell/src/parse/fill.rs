//! Puts the bodies of here-documents into the tree.
//!
//! A body stands after the line that asks for it, so while the line is parsed its redirection only
//! carries the body's index, as the start of its target's span.

use crate::tree::{Command, Compound, Item, Part, Redirect, RedirectOp, Script, Word};

pub(super) fn fill(items: &mut [Item], bodies: &mut [Word]) {
    for item in items {
        command(&mut item.command, bodies);
    }
}

fn command(command_: &mut Command, bodies: &mut [Word]) {
    match command_ {
        Command::Simple(simple) => {
            for assignment in &mut simple.assignments {
                words(&mut assignment.value, bodies);
            }
            words(&mut simple.words, bodies);
            redirects(&mut simple.redirects, bodies);
        }
        Command::Pipeline(pipeline) => {
            for stage in &mut pipeline.stages {
                command(stage, bodies);
            }
        }
        Command::Compound(inner) => compound(inner, bodies),
        Command::Function(function) => command(&mut function.body, bodies),
    }
}

fn compound(compound: &mut Compound, bodies: &mut [Word]) {
    words(&mut compound.words, bodies);
    for body in &mut compound.bodies {
        fill(body, bodies);
    }
    redirects(&mut compound.redirects, bodies);
}

fn redirects(redirects: &mut [Redirect], bodies: &mut [Word]) {
    for redirect in redirects {
        if redirect.op == RedirectOp::HereDocument
            && let Some(body) = bodies.get_mut(redirect.target.span.start)
        {
            redirect.target = std::mem::take(body);
        }
        word(&mut redirect.target, bodies);
    }
}

fn words(words: &mut [Word], bodies: &mut [Word]) {
    for each in words {
        word(each, bodies);
    }
}

fn word(word: &mut Word, bodies: &mut [Word]) {
    for part in &mut word.parts {
        match part {
            Part::Substitution(inner) | Part::Process(inner) => script(inner, bodies),
            Part::Variable(variable) => variable.nested.iter_mut().for_each(|inner| script(inner, bodies)),
            Part::Arithmetic(arithmetic) => arithmetic.nested.iter_mut().for_each(|inner| script(inner, bodies)),
            Part::Literal(_) | Part::Glob(_) | Part::Tilde(_) => {}
        }
    }
}

fn script(script: &mut Script, bodies: &mut [Word]) {
    fill(&mut script.items, bodies);
}
