//! Collects the marks of a call.

use super::{Mark, MarkKind};
use crate::action::Action;
use crate::effects::{Effects, Part, Program};
use crate::limits;
use shell::tree::DoubtKind;

/// Returns everything of a call that is marked: first the text as a whole, then part by part.
pub(crate) fn of(action: &Action, effects: &Effects) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    let mut push = |mark: Mark| {
        if marks.len() < limits::MARKS_MAX && !marks.contains(&mark) {
            marks.push(mark);
        }
    };
    let command = action.kind.command();
    let text = command.map_or("", |command| command.text.as_str());
    let doubts = command.map_or(&[][..], |command| command.script.doubts.as_slice());
    for doubt in doubts {
        let what = text.get(doubt.span.start..doubt.span.end).unwrap_or_default();
        let why = doubt_words(doubt.kind).to_owned();
        push(Mark { kind: MarkKind::Text, what: short(what), why, part: None, span: Some(doubt.span) });
    }
    let is_told = |why: &str| doubts.iter().any(|doubt| doubt_words(doubt.kind) == why);
    for why in effects.opaque.iter().chain(&effects.opaque_too).filter(|why| !is_told(why)) {
        push(Mark { kind: MarkKind::Text, what: String::new(), why: why.clone(), part: None, span: None });
    }
    for (index, part) in effects.parts.iter().enumerate() {
        for (kind, what, why) in of_part(part) {
            push(Mark { kind, what: short(what), why, part: Some(index), span: part.span });
        }
    }
    marks
}

/// Returns the beginning of a text; where all of it stands, the mark's span says.
fn short(text: &str) -> String {
    text.chars().take(limits::QUOTED_CHARACTERS_MAX).collect()
}

fn of_part(part: &Part) -> Vec<(MarkKind, &str, String)> {
    let text = part.text.as_str();
    let mut marks = Vec::new();
    if part.program == Program::Unknown {
        marks.push((MarkKind::Program, text, "which program it runs is not known before it runs".to_owned()));
    }
    let word = |word| (MarkKind::Word, word, "not known before it runs".to_owned());
    marks.extend(part.unknown.iter().map(String::as_str).map(word));
    marks.extend(part.unlisted.iter().map(|why| (MarkKind::Meaning, text, why.clone())));
    marks.extend(part.suspicious.iter().map(|why| (MarkKind::Suspicious, text, why.clone())));
    marks.extend(part.forbidden.iter().map(|why| (MarkKind::Forbidden, text, why.clone())));
    marks
}

/// Returns a doubt of the shell's reader for a person.
pub(crate) fn doubt_words(kind: DoubtKind) -> &'static str {
    match kind {
        DoubtKind::Syntax => "it is not understood as a whole",
        DoubtKind::Characters => "it holds control or invisible characters",
        DoubtKind::Limit => "it is too large or too deeply nested to be analysed",
        DoubtKind::Unmodelled => "it uses a form whose effect is not analysed",
        DoubtKind::Dialect => "shells differ in how they read it",
    }
}
