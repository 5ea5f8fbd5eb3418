//! What may stand in the words of a program that nobody lists, or that runs what it is given: paths and commands.

use std::collections::BTreeSet;

use super::part::{Access, By, Part};
use super::shellwords::{State, Value};
use super::walk::{Argument, touch};
use crate::limits;
use crate::path::AbsPath;

/// Arguments that may be paths, of a program that is not listed.
pub(super) fn mentions(state: &State, rest: &[Argument], part: &mut Part) {
    for word in rest {
        match &word.value {
            Value::Known(text) | Value::Begins(text) => {
                for candidate in candidates(text) {
                    mention(state, candidate, part);
                }
                may_name_in(state, text, part);
            }
            Value::Pattern(_) => touch(state, word, Access::Read, By::Operand, true, part),
            Value::Unknown => {}
        }
    }
}

/// Adds a text that may be a path.
fn mention(state: &State, text: &str, part: &mut Part) {
    let paths: Vec<AbsPath> = state.paths(text);
    if part.mentions.len() + paths.len() <= limits::MENTIONS_MAX {
        part.mentions.extend(paths);
    } else if paths.iter().any(|path| !part.mentions.contains(path)) {
        part.beyond_limits = true;
    }
}

/// Adds every piece of a text in a language that is not read which may be a path.
pub(super) fn may_name_in(state: &State, text: &str, part: &mut Part) {
    if text.starts_with("http://") || text.starts_with("https://") {
        return;
    }
    let is_part = |letter: char| letter.is_alphanumeric() || "._/~-+@%".contains(letter);
    let pieces: BTreeSet<&str> =
        text.split(|letter| !is_part(letter)).filter(|piece| !piece.is_empty() && *piece != text).collect();
    for piece in pieces {
        may_name(state, piece, part);
    }
}

/// Adds a piece of a text that may be a path.
pub(super) fn may_name(state: &State, text: &str, part: &mut Part) {
    for path in state.paths(text) {
        if part.may_name.contains(&path) {
            continue;
        }
        if part.may_name.len() >= limits::MENTIONS_MAX {
            part.beyond_limits = true;
            return;
        }
        part.may_name.push(path);
    }
}

/// The pieces of a word that may be a path: the word, what follows `=`, `@` or `:`, what follows a short option.
fn candidates(word: &str) -> Vec<&str> {
    if word.starts_with("http://") || word.starts_with("https://") {
        return Vec::new();
    }
    let mut found = vec![word];
    found.extend(word.split_once('=').map(|(_, value)| value));
    found.extend(word.split_once(':').map(|(_, value)| value));
    found.extend(word.split_once('@').map(|(_, value)| value));
    if word.starts_with('-') && !word.starts_with("--") {
        found.extend(word.get(2..));
    }
    found.retain(|candidate| !candidate.is_empty() && !candidate.starts_with('-') && candidate.len() < 4096);
    found
}

/// Texts in the words of a program that may run any of them: what follows each word, and what follows each
/// sign or blank within one, behind which a command may stand.
pub(super) fn may_run(arguments: &[Argument], part: &mut Part) {
    let plain: Vec<&str> =
        arguments.iter().skip(1).map(|argument| argument.known().unwrap_or(argument.source.as_str())).collect();
    texts_within(&plain.join(" "), part);
    for word in plain {
        // The value of a short option may be attached to it.
        let attached = word.strip_prefix('-').filter(|_| word.contains(' ')).unwrap_or_default();
        let texts = attached.char_indices().take(4).filter_map(|(at, letter)| attached.get(at + letter.len_utf8()..));
        push(texts, part);
    }
}

/// Adds the texts within a word, or within a text on standard input, that may be commands.
pub(super) fn texts_within(text: &str, part: &mut Part) {
    let mut seen = BTreeSet::new();
    for line in text.split(['\n', ';', '|', '&', '`']) {
        let mut before = ' ';
        for (at, letter) in line.char_indices() {
            if is_boundary(before) && !is_boundary(letter) {
                let rest = line.get(at..).unwrap_or_default().trim();
                let alone = rest.split(is_bracket).next().unwrap_or_default().trim();
                seen.extend([rest, alone]);
            }
            before = letter;
        }
    }
    push(seen, part);
}

/// Adds texts that may be commands.
fn push<'t>(texts: impl IntoIterator<Item = &'t str>, part: &mut Part) {
    let mut held: usize = part.may_run.iter().map(String::len).sum();
    for text in texts.into_iter().filter(|text| !text.is_empty()) {
        held += text.len();
        if held > limits::MAY_RUN_BYTES_MAX {
            part.beyond_limits = true;
            return;
        }
        part.may_run.push(text.to_owned());
    }
}

fn is_boundary(letter: char) -> bool {
    letter.is_whitespace() || "=!:$@".contains(letter) || is_bracket(letter)
}

/// Returns true for a sign that may end a command in another language.
fn is_bracket(letter: char) -> bool {
    "'\"()[]{}<>,".contains(letter)
}
