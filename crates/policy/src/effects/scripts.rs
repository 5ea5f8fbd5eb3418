//! Programs whose argument is a script that can itself read, write and run.
//!
//! Only scripts of `sed` that do no more than select and replace are understood. Every other one that
//! could touch a file or run something asks, whatever is allowed.

use super::part::{Access, By, Part};
use super::shellwords::State;
use super::walk::{Argument, touch};

/// A call of `sed`, sorted.
struct Sed<'a> {
    in_place: bool,
    /// What the name of a file's backup ends in.
    backup: Option<String>,
    files: Vec<&'a Argument>,
}

/// Reads what such a program does, when it is not proved to only read.
pub(super) fn understand(state: &State, base: &str, rest: &[Argument], part: &mut Part) {
    let why = match base {
        "sed" | "gsed" => match sed(rest) {
            Some(sed) => {
                let access = if sed.in_place { Access::Write } else { Access::Read };
                for file in &sed.files {
                    touch(state, file, access, By::Operand, false, part);
                    if let (Some(suffix), Some(name)) = (sed.backup.as_ref(), file.known()) {
                        let backup = Argument::literal(&format!("{name}{suffix}"));
                        touch(state, &backup, Access::Write, By::Operand, false, part);
                    }
                }
                part.edits_only = sed.in_place && sed.files.iter().all(|file| file.known().is_some());
                return;
            }
            None => "its script may read, write or run something",
        },
        "awk" | "gawk" | "mawk" | "nawk" => {
            const TELLING: &[&str] = &[">", "|", "getline", "system", "close", "@", "ARGV", "ENVIRON"];
            let tells = |word: &Argument| {
                word.known().is_none_or(|known| {
                    TELLING.iter().any(|sign| known.contains(sign))
                        || known.starts_with("-f")
                        || known.starts_with("--")
                })
            };
            if !rest.iter().any(tells) {
                return;
            }
            "its program may read, write or run something"
        }
        "jq" | "yq" => {
            let tells = |word: &Argument| {
                word.known().is_some_and(|known| {
                    known.contains("env")
                        || known.contains("ENV")
                        || known.contains("load")
                        || matches!(known, "-i" | "--inplace" | "-s" | "-L" | "-f" | "--from-file")
                })
            };
            if !rest.iter().any(tells) {
                return;
            }
            "its program may read or write something else"
        }
        // Editors and calculators run the commands that they are given.
        _ => {
            let commands =
                |word: &Argument| word.known().is_none_or(|known| known.starts_with(['-', '+']) && known.len() > 1);
            if !rest.iter().any(commands) && base != "ed" && base != "ex" && base != "m4" {
                return;
            }
            "the commands it is given may read, write or run something"
        }
    };
    part.suspicious.get_or_insert(format!("`{base}`: {why}"));
}

/// Proves that `sed` only reads.
pub(super) fn sed_only_reads(state: &State, rest: &[Argument], part: &mut Part) -> bool {
    match sed(rest) {
        Some(sed) if !sed.in_place && sed.files.iter().all(|file| file.known().is_some()) => {
            for file in &sed.files {
                touch(state, file, Access::Read, By::Operand, false, part);
            }
            true
        }
        Some(_) | None => false,
    }
}

/// Sorts a call of `sed`; `None` when an option or its script is not understood.
fn sed(rest: &[Argument]) -> Option<Sed<'_>> {
    let mut call = Sed { in_place: false, backup: None, files: Vec::new() };
    let mut has_script = false;
    let mut words = rest.iter();
    while let Some(argument) = words.next() {
        let Some(word) = argument.known() else {
            // A match or value could be an option or the script.
            return None;
        };
        match word {
            "-n" | "-E" | "-r" | "-s" | "-u" | "-z" | "--quiet" | "--silent" | "--regexp-extended" | "-nE" | "-En"
            | "-nr" | "-rn" => {}
            "-i" | "--in-place" => call.in_place = true,
            "-e" | "--expression" => {
                has_script = true;
                only_selects(words.next()?.known()?).then_some(())?;
            }
            _ if word.starts_with('-') && word.len() > 1 => {
                let suffix = word.strip_prefix("-i").or_else(|| word.strip_prefix("--in-place="))?;
                // A suffix with a slash or star names a backup somewhere else.
                (!suffix.contains(['/', '*'])).then_some(())?;
                call.backup = Some(suffix.to_owned());
                call.in_place = true;
            }
            _ if !has_script => {
                has_script = true;
                only_selects(word).then_some(())?;
            }
            _ => call.files.push(argument),
        }
    }
    has_script.then_some(call)
}

/// Returns true for a script made only of addresses, `p d q = l n N g G h H x D P` and `s///` without
/// the flags that write or run.
fn only_selects(script: &str) -> bool {
    let mut rest = script;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';', '\n']);
        if rest.is_empty() {
            return true;
        }
        match command(rest) {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

/// Reads one command with its addresses; what follows it, or `None` when it is none of the harmless.
fn command(text: &str) -> Option<&str> {
    let mut rest = address(text)?;
    if let Some(second) = rest.strip_prefix(',') {
        rest = address(second.trim_start())?;
    }
    rest = rest.trim_start_matches([' ', '!']);
    let letter = rest.chars().next()?;
    let after = rest.get(letter.len_utf8()..)?;
    match letter {
        'p' | 'd' | 'q' | '=' | 'l' | 'n' | 'N' | 'g' | 'G' | 'h' | 'H' | 'x' | 'D' | 'P' => {
            let next = after.trim_start_matches([' ', '\t']);
            (next.is_empty() || next.starts_with([';', '\n'])).then_some(after)
        }
        's' | 'y' => {
            let delimiter = after.chars().next().filter(|mark| mark.is_ascii_punctuation() && *mark != '\\')?;
            let body = after.get(delimiter.len_utf8()..)?;
            let body = delimited(body, delimiter)?;
            let flags = delimited(body, delimiter)?;
            let end = flags
                .find(|flag: char| !(flag.is_ascii_digit() || matches!(flag, 'g' | 'p' | 'i' | 'I')))
                .unwrap_or(flags.len());
            let next = flags.get(end..)?.trim_start_matches([' ', '\t']);
            (next.is_empty() || next.starts_with([';', '\n'])).then_some(next)
        }
        _ => None,
    }
}

/// Skips an address, if there is one.
fn address(text: &str) -> Option<&str> {
    let text = text.trim_start_matches([' ', '\t']);
    match text.chars().next() {
        Some('$') => text.get(1..),
        Some('/') => delimited(text.get(1..)?, '/').map(|rest| rest.strip_prefix('I').unwrap_or(rest)),
        Some(digit) if digit.is_ascii_digit() => {
            Some(text.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '~'))
        }
        Some(_) | None => Some(text),
    }
}

/// Returns what follows the next delimiter that is not escaped. Brackets are not looked into: a delimiter
/// in one ends the text too early, which can only be refused.
fn delimited(text: &str, delimiter: char) -> Option<&str> {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        if letter == '\n' {
            return None;
        }
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == '[' && delimiter != '[' {
            // What a bracket holds may be read otherwise: only scripts without a delimiter in one are understood.
            let inner = text.get(at + 1..)?;
            let close = inner.char_indices().skip(1).find(|(_, mark)| *mark == ']').map(|(place, _)| place)?;
            if inner.get(..close)?.contains(delimiter) {
                return None;
            }
        } else if letter == delimiter {
            return text.get(at + letter.len_utf8()..);
        }
    }
    None
}
