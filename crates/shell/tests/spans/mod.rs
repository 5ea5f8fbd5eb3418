//! Checks that every span of a tree lies in its text, on the boundaries of characters.

use shell::tree::{Command, Item, Part, Redirect, Script, Span, Word};

pub(crate) fn check(text: &str, script: &Script) {
    let inside = |span: Span| {
        let sound = span.start <= span.end && text.is_char_boundary(span.start) && text.is_char_boundary(span.end);
        assert!(sound, "{span:?} in {text:?}");
    };
    check_script(script, &inside);
}

fn check_script(script: &Script, inside: &impl Fn(Span)) {
    check_items(&script.items, inside);
    script.doubts.iter().for_each(|doubt| inside(doubt.span));
}

fn check_items(items: &[Item], inside: &impl Fn(Span)) {
    items.iter().for_each(|item| check_command(&item.command, inside));
}

fn check_command(command: &Command, inside: &impl Fn(Span)) {
    match command {
        Command::Simple(simple) => {
            inside(simple.span);
            for assignment in &simple.assignments {
                inside(assignment.span);
                check_words(&assignment.value, inside);
            }
            check_words(&simple.words, inside);
            check_redirects(&simple.redirects, inside);
        }
        Command::Pipeline(pipeline) => pipeline.stages.iter().for_each(|stage| check_command(stage, inside)),
        Command::Compound(compound) => {
            inside(compound.span);
            check_words(&compound.words, inside);
            compound.bodies.iter().for_each(|body| check_items(body, inside));
            check_redirects(&compound.redirects, inside);
        }
        Command::Function(function) => {
            inside(function.span);
            check_command(&function.body, inside);
        }
    }
}

fn check_redirects(redirects: &[Redirect], inside: &impl Fn(Span)) {
    for redirect in redirects {
        inside(redirect.span);
        check_words(std::slice::from_ref(&redirect.target), inside);
    }
}

fn check_words(words: &[Word], inside: &impl Fn(Span)) {
    for word in words {
        inside(word.span);
        for part in &word.parts {
            match part {
                Part::Substitution(script) | Part::Process(script) => check_script(script, inside),
                Part::Variable(variable) => variable.nested.iter().for_each(|script| check_script(script, inside)),
                Part::Arithmetic(math) => math.nested.iter().for_each(|script| check_script(script, inside)),
                Part::Literal(_) | Part::Glob(_) | Part::Tilde(_) => {}
            }
        }
    }
}
