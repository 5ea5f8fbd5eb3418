//! Rust files as lines: what is code in them, and what belongs to tests.

use std::path::Path;

use anyhow::Context;

/// Folders that are read.
const FOLDERS: [&str; 5] = ["crates", "testkit", "tests", "xtask", "fuzz/targets"];

/// A Rust file.
#[derive(Debug)]
pub(super) struct Source {
    /// Its path from the repository's root.
    pub(super) file: String,
    pub(super) lines: Vec<Line>,
}

/// A line of it.
#[derive(Debug)]
pub(super) struct Line {
    /// As it stands.
    pub(super) text: String,
    /// Without comments and without what stands in quotes.
    pub(super) code: String,
    /// True when it belongs to tests.
    pub(super) is_test: bool,
}

impl Source {
    pub(super) fn new(file: &str, text: &str) -> Self {
        let code = code_of(text);
        let tests = test_lines(&code);
        let is_test_file = is_test_file(file);
        let lines = text.lines().zip(code.lines()).enumerate().map(|(index, (text, code))| Line {
            text: text.to_owned(),
            code: code.to_owned(),
            is_test: is_test_file || tests.iter().any(|(first, last)| (*first..=*last).contains(&index)),
        });
        Self { file: file.to_owned(), lines: lines.collect() }
    }

    /// Returns the lines that are not of tests, each with its number from 1.
    pub(super) fn product(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.numbered().filter(|(_, line)| !line.is_test)
    }

    /// Returns every line with its number from 1.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Returns true when the file lies in one of these folders.
    pub(super) fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// Reads every Rust file of the repository, in order of name.
pub(super) fn all(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        if root.join(folder).is_dir() {
            walk(root, &root.join(folder), &mut sources)?;
        }
    }
    sources.sort_by(|left, right| left.file.cmp(&right.file));
    Ok(sources)
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            walk(root, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            sources.push(Source::new(&relative(root, &path), &text));
        }
    }
    Ok(())
}

/// Returns a path from the root, with `/` between its parts.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn is_test_file(file: &str) -> bool {
    let in_test_folder = file.split('/').rev().skip(1).any(|part| part == "tests");
    in_test_folder || file.ends_with("/tests.rs") || file.starts_with("testkit/") || file.starts_with("fuzz/")
}

/// Returns a word's places in code: the word stands alone, not within another.
pub(super) fn has_word(code: &str, word: &str) -> bool {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let after = code.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

/// Returns the text with comments and quoted text blanked out, line by line as long as before.
pub(super) fn code_of(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        let end = match letter {
            '/' if letters.get(at + 1) == Some(&'/') => line_end(&letters, at),
            '/' if letters.get(at + 1) == Some(&'*') => comment_end(&letters, at),
            '"' => quote_end(&letters, at + 1),
            '\'' => character_end(&letters, at),
            'r' if !is_within_name(&letters, at) => raw_end(&letters, at),
            _ => at,
        };
        if end > at {
            let skipped = letters.get(at..end).unwrap_or_default();
            code.extend(skipped.iter().map(|letter| if *letter == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            code.push(letter);
            at += 1;
        }
    }
    code
}

/// A raw text may begin with `br` or `cr`; any other letter before the `r` makes it a name.
fn is_within_name(letters: &[char], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|place| letters.get(place)).copied();
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    match before(1) {
        Some('b' | 'c') => before(2).is_some_and(is_name),
        Some(letter) => is_name(letter),
        None => false,
    }
}

fn line_end(letters: &[char], at: usize) -> usize {
    letters.iter().skip(at).position(|letter| *letter == '\n').map_or(letters.len(), |length| at + length)
}

fn comment_end(letters: &[char], at: usize) -> usize {
    let (mut depth, mut place) = (0, at);
    while place < letters.len() {
        match (letters.get(place), letters.get(place + 1)) {
            (Some('/'), Some('*')) => (depth, place) = (depth + 1, place + 2),
            (Some('*'), Some('/')) => (depth, place) = (depth - 1, place + 2),
            _ => place += 1,
        }
        if depth == 0 {
            break;
        }
    }
    place
}

fn quote_end(letters: &[char], begin: usize) -> usize {
    let mut place = begin;
    while let Some(letter) = letters.get(place) {
        match letter {
            '\\' => place += 2,
            '"' => return place + 1,
            _ => place += 1,
        }
    }
    letters.len()
}

/// A quote is a character, or else a lifetime.
fn character_end(letters: &[char], at: usize) -> usize {
    match (letters.get(at + 1), letters.get(at + 2)) {
        (Some('\\'), _) => {
            let rest = letters.iter().skip(at + 3).position(|letter| *letter == '\'');
            rest.map_or(letters.len(), |length| at + 3 + length + 1)
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

fn raw_end(letters: &[char], at: usize) -> usize {
    let hashes = letters.iter().skip(at + 1).take_while(|letter| **letter == '#').count();
    if letters.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let mut place = at + 2 + hashes;
    while place < letters.len() {
        let closing = letters.iter().skip(place + 1).take(hashes);
        if letters.get(place) == Some(&'"') && closing.filter(|letter| **letter == '#').count() == hashes {
            return place + 1 + hashes;
        }
        place += 1;
    }
    letters.len()
}

/// Returns the first and last line, from 0, of every item under `#[cfg(test)]`.
fn test_lines(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for mark in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (at, _) in code.match_indices(mark) {
            let line = |to: usize| code.get(..to).unwrap_or_default().matches('\n').count();
            found.push((line(at), line(item_end(code, at + mark.len()))));
        }
    }
    found
}

/// Returns where an item ends: at its semicolon, or where its braces close.
pub(super) fn item_end(code: &str, begin: usize) -> usize {
    let mut depth = 0_usize;
    let mut round = 0_usize;
    for (at, letter) in code.char_indices().skip_while(|(at, _)| *at < begin) {
        match letter {
            '(' | '[' => round += 1,
            ')' | ']' => round = round.saturating_sub(1),
            '{' => depth += 1,
            '}' if depth <= 1 => return at,
            '}' => depth -= 1,
            ';' if depth == 0 && round == 0 => return at,
            _ => {}
        }
    }
    code.len()
}
