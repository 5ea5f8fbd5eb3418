//! The proof that a program only reads, option by option.

use super::part::{Access, By, Part, Target, Touch};
use super::shellwords::{State, Value};
use super::walk::{Argument, touch};
use crate::tables::programs::{
    FIND_EXPRESSIONS, GIT_LISTS, GIT_READERS, INERT, OPTIONS_WRITE, Operands, READERS, Reader,
};

/// What a reader's words are, sorted.
struct Sorted<'a> {
    operands: Vec<&'a Argument>,
    recursive: bool,
    pattern_given: bool,
}

/// Tries to prove that a program only reads; on success the part says what it reads.
pub(super) fn prove(state: &mut State, name: &str, rest: &[Argument], part: &mut Part) -> bool {
    match name {
        "find" => find(state, rest, part),
        // What a repository configures runs; only the one the session started in is the person's choice.
        "git" => state.cwds.as_slice() == std::slice::from_ref(&state.start) && git(state, rest, part),
        "sed" => super::scripts::sed_only_reads(state, rest, part),
        "test" | "[" => compares(rest),
        "date" => date(rest),
        "command" => looks_up(rest),
        _ => READERS.iter().find(|reader| reader.name == name).is_some_and(|reader| listed(state, reader, rest, part)),
    }
}

fn listed(state: &mut State, reader: &Reader, rest: &[Argument], part: &mut Part) -> bool {
    if INERT.contains(&reader.name) {
        return true;
    }
    let Some(sorted) = sort(reader, rest) else { return false };
    match reader.operands {
        Operands::Text => sorted.operands.iter().all(|operand| operand.value != Value::Unknown),
        Operands::Files => {
            // `diff` compares the files of directories.
            let whole = sorted.recursive || matches!(reader.name, "du" | "diff");
            read_all(state, &sorted.operands, whole, part);
            if sorted.operands.is_empty() && matches!(reader.name, "ls" | "du") {
                part.touches.push(here(state, whole));
            }
            !sorted.operands.iter().any(|operand| operand.value == Value::Unknown)
        }
        Operands::PatternThenFiles => {
            let files = if sorted.pattern_given {
                sorted.operands.as_slice()
            } else {
                sorted.operands.get(1..).unwrap_or_default()
            };
            read_all(state, files, sorted.recursive, part);
            if files.is_empty() && sorted.recursive {
                part.touches.push(here(state, true));
            }
            !sorted.operands.iter().any(|operand| operand.value == Value::Unknown)
        }
        Operands::OneFile => {
            read_all(state, &sorted.operands, false, part);
            sorted.operands.len() <= 1 && sorted.operands.iter().all(|operand| operand.known().is_some())
        }
        Operands::Directory => change_directory(state, &sorted.operands, part),
    }
}

/// Sorts words into options and operands; `None` when an option is not known to only read.
fn sort<'a>(reader: &Reader, rest: &'a [Argument]) -> Option<Sorted<'a>> {
    let mut sorted = Sorted { operands: Vec::new(), recursive: false, pattern_given: false };
    let mut words = rest.iter();
    let mut only_operands = false;
    while let Some(argument) = words.next() {
        let word = match &argument.value {
            Value::Known(word) => word.as_str(),
            // What `--include=*.rs` matches is that same option with another value.
            Value::Pattern(pattern) if is_listed_option(reader, pattern) => continue,
            // A match could be a file whose name is an option.
            Value::Pattern(pattern) if pattern.starts_with('-') => return None,
            Value::Pattern(pattern)
                if pattern.starts_with(['*', '?', '[']) && !only_operands && OPTIONS_WRITE.contains(&reader.name) =>
            {
                return None;
            }
            Value::Unknown if !only_operands => return None,
            Value::Pattern(_) | Value::Unknown => {
                sorted.operands.push(argument);
                continue;
            }
        };
        if only_operands || word == "-" || !word.starts_with('-') {
            sorted.operands.push(argument);
        } else if word == "--" {
            only_operands = true;
        } else if word.starts_with("--") {
            let name = word.split('=').next().unwrap_or(word);
            if !reader.long.contains(&name) {
                return None;
            }
            sorted.recursive |= matches!(name, "--recursive" | "--dereference-recursive");
            if name == "--regexp" {
                sorted.pattern_given = true;
                if !word.contains('=') {
                    words.next()?;
                }
            }
        } else {
            cluster(reader, word, &mut words, &mut sorted)?;
        }
    }
    Some(sorted)
}

/// Returns true for a pattern that can only match a listed long option with its value attached.
fn is_listed_option(reader: &Reader, pattern: &str) -> bool {
    let name = pattern.split('=').next().unwrap_or_default();
    pattern.contains('=') && name != "--regexp" && reader.long.contains(&name)
}

/// Reads a word of clustered short options.
fn cluster<'a>(
    reader: &Reader,
    word: &str,
    words: &mut impl Iterator<Item = &'a Argument>,
    sorted: &mut Sorted<'_>,
) -> Option<()> {
    let mut letters = word.chars().skip(1);
    while let Some(letter) = letters.next() {
        if reader.short.contains(letter) {
            sorted.recursive |= matches!(letter, 'R')
                || (letter == 'r' && reader.name.contains("grep"))
                || (letter == 'r' && reader.name == "diff");
        } else if reader.short_with_value.contains(letter) {
            sorted.pattern_given |= letter == 'e' && reader.name.contains("grep");
            if letters.next().is_none() {
                words.next()?.known()?;
            }
            return Some(());
        } else {
            return None;
        }
    }
    Some(())
}

pub(super) fn here(state: &State, recursive: bool) -> Touch {
    Touch { access: Access::Read, by: By::Operand, target: Target::Paths(state.cwds.clone()), recursive }
}

pub(super) fn read_all(state: &State, operands: &[&Argument], recursive: bool, part: &mut Part) {
    for operand in operands.iter().filter(|operand| operand.known() != Some("-")) {
        touch(state, operand, Access::Read, By::Operand, recursive, part);
    }
}

/// `cd`: the directories that are possible afterwards.
fn change_directory(state: &mut State, operands: &[&Argument], part: &mut Part) -> bool {
    let before = state.cwds.clone();
    let after = match operands {
        [] => vec![state.home.clone()],
        [one] => match one.known() {
            Some("-") | None => Vec::new(),
            Some(directory) => state.paths(directory),
        },
        [_, _, ..] => Vec::new(),
    };
    let known = !after.is_empty();
    if known {
        part.touches.push(Touch {
            access: Access::Read,
            by: By::Operand,
            target: Target::Paths(after.clone()),
            recursive: false,
        });
        state.if_failed = before;
    }
    state.cwds = after;
    known
}

fn find(state: &State, rest: &[Argument], part: &mut Part) -> bool {
    let is_expression = |word: &str| word.starts_with(['-', '(', '!']) && word != "-";
    let mut words = rest.iter().peekable();
    while words.next_if(|word| matches!(word.known(), Some("-H" | "-L" | "-P"))).is_some() {}
    let mut starts = Vec::new();
    while let Some(start) = words.next_if(|word| word.known().is_some_and(|known| !is_expression(known))) {
        starts.push(start);
    }
    read_all(state, &starts, true, part);
    if starts.is_empty() {
        part.touches.push(here(state, true));
    }
    while let Some(word) = words.next() {
        let Some(known) = word.known() else { return false };
        let Some((_, values)) = FIND_EXPRESSIONS.iter().find(|(name, _)| *name == known) else { return false };
        for _ in 0..*values {
            if words.next().is_none_or(|value| value.known().is_none()) {
                return false;
            }
        }
    }
    true
}

/// `test` without the operators that read a name as code: `-v` and `-R` evaluate the subscript of one.
fn compares(rest: &[Argument]) -> bool {
    rest.iter().all(|word| {
        word.known().is_some_and(|known| !matches!(known, "-v" | "-R") && (known == "]" || !known.contains('[')))
    })
}

/// `date` shows the time in a format; an operand without `+` would set it.
fn date(rest: &[Argument]) -> bool {
    rest.iter().all(|word| {
        word.known()
            .is_some_and(|known| known.starts_with('+') || matches!(known, "-u" | "-R" | "-I" | "--utc" | "--iso-8601"))
    })
}

/// `command -v` says where a command is found.
fn looks_up(rest: &[Argument]) -> bool {
    matches!(rest.first().and_then(Argument::known), Some("-v" | "-V"))
        && rest.iter().all(|word| word.known().is_some())
}

fn git(state: &State, rest: &[Argument], part: &mut Part) -> bool {
    let mut words = rest.iter().skip_while(|word| word.known() == Some("--no-pager"));
    let Some(command) = words.next().and_then(Argument::known) else { return false };
    let words: Vec<&Argument> = words.collect();
    if let Some((_, options)) = GIT_LISTS.iter().find(|(name, _)| *name == command) {
        let must_list = matches!(command, "stash" | "worktree");
        return words.iter().all(|word| word.known().is_some_and(|known| options.contains(&known)))
            && (!must_list || !words.is_empty());
    }
    let Some((_, options)) = GIT_READERS.iter().find(|(name, _)| *name == command) else { return false };
    let mut only_paths = false;
    for word in &words {
        let Some(known) = word.known() else { return false };
        if known == "--" {
            only_paths = true;
        } else if !only_paths && known.starts_with('-') {
            let name = known.split('=').next().unwrap_or(known);
            let counted = known
                .strip_prefix('-')
                .is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_digit()))
                || known.strip_prefix("-n").is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_digit()));
            if !options.contains(&name) && !counted {
                return false;
            }
        } else {
            let path = known.split_once(':').map_or(known, |(_, path)| path);
            let target = Target::Paths(state.paths(path));
            part.touches.push(Touch { access: Access::Read, by: By::Operand, target, recursive: false });
        }
    }
    true
}
