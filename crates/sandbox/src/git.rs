//! Changes to git's configuration that may be made from inside: read as git reads it, compared key by key.
//!
//! The form is that of git-config(1). What cannot be read is not let through.

use std::collections::HashSet;

use policy::AbsPath;
use policy::tables::git::{KEYS, Key, MODULES, Value};

/// One line of a configuration: `section.subsection.key`, section and key in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    section: String,
    subsection: Option<String>,
    key: String,
    /// `None` when only the key stands there, which means true.
    value: Option<String>,
}

/// Reads a configuration; `None` when it is not well-formed.
pub(crate) fn parse(text: &str) -> Option<Vec<Entry>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // To git a name or value ends there.
    if text.contains('\0') {
        return None;
    }
    let mut reader = Reader { rest: text };
    let mut entries = Vec::new();
    let mut section: Option<(String, Option<String>)> = None;
    loop {
        reader.skip_blank();
        match reader.peek() {
            None => return Some(entries),
            Some('#' | ';') => reader.skip_line(),
            Some('[') => section = Some(reader.section()?),
            Some(_) => {
                let (name, subsection) = section.clone()?;
                let (key, value) = reader.entry()?;
                entries.push(Entry { section: name, subsection, key, value });
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.rest = self.rest.get(letter.len_utf8()..)?;
        Some(letter)
    }

    fn skip_blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
    }

    /// Reads `[name]`, `[name "sub"]` or the old `[name.sub]`.
    fn section(&mut self) -> Option<(String, Option<String>)> {
        self.take().filter(|letter| *letter == '[')?;
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
        let end = self.rest.find(|letter: char| !is_name(letter))?;
        let name = self.rest.get(..end).filter(|name| !name.is_empty())?.to_ascii_lowercase();
        self.rest = self.rest.get(end..)?;
        match self.take()? {
            ']' => Some(match name.split_once('.') {
                Some((name, sub)) => (name.to_owned(), Some(sub.to_owned())),
                None => (name, None),
            }),
            ' ' | '\t' => {
                self.rest = self.rest.trim_start_matches([' ', '\t']);
                let sub = self.quoted_name()?;
                self.take().filter(|letter| *letter == ']')?;
                Some((name, Some(sub)))
            }
            _ => None,
        }
    }

    fn quoted_name(&mut self) -> Option<String> {
        self.take().filter(|letter| *letter == '"')?;
        let mut name = String::new();
        loop {
            match self.take()? {
                '"' => return Some(name),
                '\n' => return None,
                '\\' => name.push(self.take().filter(|letter| !matches!(letter, '\n' | '\r'))?),
                letter => name.push(letter),
            }
        }
    }

    fn entry(&mut self) -> Option<(String, Option<String>)> {
        let is_key = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let end = self.rest.find(|letter: char| !is_key(letter)).unwrap_or(self.rest.len());
        let key = self.rest.get(..end)?.to_ascii_lowercase();
        if !key.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            return None;
        }
        self.rest = self.rest.get(end..)?.trim_start_matches([' ', '\t']);
        match self.peek() {
            Some('=') => {
                self.take();
                Some((key, Some(self.value()?)))
            }
            None | Some('\n') => Some((key, None)),
            Some('\r') if self.rest.starts_with("\r\n") => Some((key, None)),
            Some(_) => None,
        }
    }

    /// Reads a value: quotes, escapes and continued lines as git has them. Blanks count once something stands before
    /// them, and until nothing follows.
    fn value(&mut self) -> Option<String> {
        let (mut value, mut kept, mut is_quoted) = (String::new(), 0, false);
        loop {
            let letter = match self.take() {
                Some('\r') if self.rest.starts_with('\n') => continue,
                None | Some('\n') if is_quoted => return None,
                None | Some('\n') => break,
                Some('#' | ';') if !is_quoted => {
                    self.skip_line();
                    break;
                }
                Some('"') => {
                    kept = value.len();
                    is_quoted = !is_quoted;
                    continue;
                }
                Some(blank @ (' ' | '\t' | '\r')) if !is_quoted => {
                    if !value.is_empty() {
                        value.push(blank);
                    }
                    continue;
                }
                Some('\\') => match self.escaped()? {
                    Some(letter) => letter,
                    None => {
                        kept = value.len();
                        continue;
                    }
                },
                Some(letter) => letter,
            };
            value.push(letter);
            kept = value.len();
        }
        value.truncate(kept);
        Some(value)
    }

    /// Reads what follows a backslash; a line that goes on is nothing.
    fn escaped(&mut self) -> Option<Option<char>> {
        match self.take()? {
            '\n' => Some(None),
            '\r' if self.rest.starts_with('\n') => {
                self.take();
                Some(None)
            }
            'n' => Some(Some('\n')),
            't' => Some(Some('\t')),
            'b' => Some(Some('\u{8}')),
            letter @ ('"' | '\\') => Some(Some(letter)),
            _ => None,
        }
    }
}

impl Entry {
    /// Returns its name as git shows it.
    fn name(&self) -> String {
        match &self.subsection {
            Some(sub) => format!("{}.{sub}.{}", self.section, self.key),
            None => format!("{}.{}", self.section, self.key),
        }
    }

    /// Returns the row under which it may be set from inside.
    fn row(&self) -> Option<&'static Key> {
        let middle = if self.subsection.is_some() { ".*." } else { "." };
        let name = format!("{}{middle}{}", self.section, self.key);
        KEYS.iter().find(|row| row.name == name)
    }

    fn section(&self) -> (&str, Option<&str>) {
        (&self.section, self.subsection.as_deref())
    }
}

/// Looks whether `new` may take the place of `old`: every key that may not be set from inside stays as it was,
/// in the same order, and what is set has an innocent value. `is_inside` tells whether a path in the
/// configuration leads to a directory that may be written, `is_own` which keys this very run has set: these may be
/// changed and taken away. The error says which key it is.
///
/// The time that this takes grows with the length of both, and not with its square: whoever writes them waits for nobody.
pub(crate) fn check(
    old: &str,
    new: &str,
    is_inside: impl Fn(&str) -> bool,
    is_own: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let old = rows(parse(old).ok_or("what is there cannot be read")?);
    let new = rows(parse(new).ok_or("what is new cannot be read")?);
    same_held(&old, &new)?;
    let known: HashSet<&Entry> = old.iter().map(|(entry, _)| entry).collect();
    let names: HashSet<String> = old.iter().map(|(entry, _)| entry.name()).collect();
    let others = old.iter().filter(|(entry, _)| !is_own(&entry.name()));
    let old_sections: HashSet<(&str, Option<&str>)> = others.map(|(entry, _)| entry.section()).collect();
    for (entry, row) in new.iter().filter(|(entry, _)| !known.contains(entry)) {
        let Some(row) = row else { continue };
        if row.is_for_new && names.contains(&entry.name()) && !is_own(&entry.name()) {
            return Err(format!("`{}` is there already and may not be changed from inside", entry.name()));
        }
        if row.is_for_new_section && old_sections.contains(&entry.section()) {
            return Err(format!("`{}` may not be set for what is there already", entry.name()));
        }
        if !is_innocent(row, entry.value.as_deref(), &is_inside) {
            return Err(format!("`{}` may not have this value from inside", entry.name()));
        }
    }
    // What may not be changed may not go and come again either; with a branch goes what it follows.
    let kept: HashSet<&Entry> = new.iter().map(|(entry, _)| entry).collect();
    let sections: HashSet<(&str, Option<&str>)> = new.iter().map(|(entry, _)| entry.section()).collect();
    let lost = old.iter().find(|(entry, row)| {
        let is_held = row.is_some_and(|row| row.is_for_new) && !kept.contains(entry) && !is_own(&entry.name());
        is_held && (entry.section != "branch" || sections.contains(&entry.section()))
    });
    match lost {
        Some((entry, _)) => Err(format!("`{}` may not be taken away from inside", entry.name())),
        None => Ok(()),
    }
}

/// Returns each entry with the row under which it may be set from inside.
fn rows(entries: Vec<Entry>) -> Vec<(Entry, Option<&'static Key>)> {
    let row = |entry: Entry| {
        let row = entry.row();
        (entry, row)
    };
    entries.into_iter().map(row).collect()
}

/// Looks that every key that may not be set from inside stays as it was, in the same order.
fn same_held(old: &[(Entry, Option<&Key>)], new: &[(Entry, Option<&Key>)]) -> Result<(), String> {
    let held = |entries: &[(Entry, Option<&Key>)]| -> Vec<Entry> {
        entries.iter().filter(|(_, row)| row.is_none()).map(|(entry, _)| entry.clone()).collect()
    };
    let (old, new) = (held(old), held(new));
    if old == new {
        return Ok(());
    }
    let (before, after): (HashSet<&Entry>, HashSet<&Entry>) = (old.iter().collect(), new.iter().collect());
    let differing =
        new.iter().find(|entry| !before.contains(entry)).or_else(|| old.iter().find(|entry| !after.contains(entry)));
    let name = differing.map_or_else(|| "the order of keys".to_owned(), |entry| format!("`{}`", entry.name()));
    Err(format!("{name} may not be set from inside"))
}

/// Returns the keys that `new` has and `old` has not.
pub(crate) fn added(old: &str, new: &str) -> Vec<String> {
    let names = |text: &str| parse(text).unwrap_or_default().iter().map(Entry::name).collect::<HashSet<_>>();
    let old = names(old);
    names(new).into_iter().filter(|name| !old.contains(name)).collect()
}

/// Looks whether a list of submodules is data: no command, no address that is a program, no name that leads elsewhere.
pub(crate) fn check_modules(text: &str) -> Result<(), String> {
    for entry in parse(text).ok_or("it cannot be read")? {
        let (Some(name), "submodule") = (&entry.subsection, entry.section.as_str()) else {
            return Err(format!("`{}` is no key of a submodule", entry.name()));
        };
        if name.starts_with('-') || name.split(['/', '\\']).any(|part| part == "..") {
            return Err(format!("`{name}` is no name of a submodule"));
        }
        let row = MODULES.iter().find(|row| row.name.rsplit('.').next() == Some(entry.key.as_str()));
        if row.is_some_and(|row| !is_innocent(row, entry.value.as_deref(), |_| false)) {
            return Err(format!("`{}` may not have this value from inside", entry.name()));
        }
    }
    Ok(())
}

/// Looks whether what a rebase does next runs no command.
pub(crate) fn check_todo(bytes: &[u8]) -> Result<(), String> {
    let is_end = |byte: &u8| matches!(*byte, b' ' | b'\t' | b'\r' | 0);
    let runs = bytes.split(|byte| *byte == b'\n').any(|line| {
        let begin = line.iter().position(|byte| !is_end(byte)).unwrap_or(line.len());
        let word = line.get(begin..).unwrap_or_default().split(is_end).next().unwrap_or_default();
        word.eq_ignore_ascii_case(b"exec") || word.eq_ignore_ascii_case(b"x")
    });
    if runs { Err("an `exec` line would run on the host, if it were left behind".to_owned()) } else { Ok(()) }
}

/// Looks whether a file that says how a rebase goes on names no program: its list, or the strategy by which it merges.
pub(crate) fn check_next(name: &str, bytes: &[u8]) -> Result<(), String> {
    let is_word = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    let text = || std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned());
    let is_innocent = if name.eq_ignore_ascii_case("strategy") {
        is_word(text()?.trim_end_matches('\n'))
    } else if name.eq_ignore_ascii_case("opts") {
        let entries = parse(text()?).ok_or("it cannot be read")?;
        entries.iter().all(|entry| entry.key != "strategy" || entry.value.as_deref().is_none_or(is_word))
    } else {
        return check_todo(bytes);
    };
    if is_innocent { Ok(()) } else { Err("the strategy names a program that would run on the host".to_owned()) }
}

/// Returns true when every key of a configuration may be set and changed from inside: then nothing is lost with it.
pub(crate) fn is_innocent_whole(text: &str) -> bool {
    let may_change = |entry: &Entry| entry.row().is_some_and(|row| !row.is_for_new);
    parse(text).is_some_and(|entries| entries.iter().all(may_change))
}

fn is_innocent(row: &Key, value: Option<&str>, is_inside: impl Fn(&str) -> bool) -> bool {
    match (row.value, value) {
        (Value::Any, value) => value.is_none_or(|value| !value.contains(['\n', '\0'])),
        (Value::OneOf(words), value) => words.contains(&value.unwrap_or("true")),
        (Value::Address | Value::Inside, None) => false,
        (Value::Address, Some(value)) => is_address(value),
        (Value::Inside, Some(value)) => is_inside(value),
    }
}

/// Returns true for an address that git speaks to itself, and that no program takes for an option.
fn is_address(value: &str) -> bool {
    let host = value.split_once("://").map_or(value, |(_, rest)| rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let known =
        value.split_once("://").is_none_or(|(scheme, _)| matches!(scheme, "https" | "http" | "ssh" | "git" | "file"));
    known
        && !value.contains("::")
        && !value.contains(char::is_control)
        && !value.starts_with('-')
        && !host.starts_with('-')
}

/// What a pointer of git may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// `.git` as a file: `gitdir: PATH`.
    DataDirectory,
    /// `commondir` of a worktree: `../..`.
    CommonDirectory,
}

/// Reads what was written to a pointer at `path`. `None` while it is not whole; otherwise the data directory that
/// it names, or that it may not say this.
pub(crate) fn pointed(pointer: Pointer, path: &AbsPath, text: &str) -> Option<Result<AbsPath, String>> {
    let line = text.strip_suffix('\n')?;
    let directory = path.parent()?;
    let names = |path: &AbsPath| path.segments().map(str::to_ascii_lowercase).collect::<Vec<_>>();
    match pointer {
        Pointer::CommonDirectory => {
            let segments = names(path);
            let is_worktree =
                matches!(segments.as_slice(), [.., git, worktrees, _, _] if git == ".git" && worktrees == "worktrees");
            let target = directory.join(line);
            Some(if is_worktree && line == "../.." { Ok(target) } else { Err(format!("it may not say `{line}`")) })
        }
        Pointer::DataDirectory => {
            let Some(target) = line.strip_prefix("gitdir: ").filter(|rest| !rest.contains('\n')) else {
                return Some(Err("it says no data directory".to_owned()));
            };
            let target = directory.join(target);
            let segments = names(&target);
            let at = segments.iter().position(|segment| segment == ".git");
            let kind = at.and_then(|at| segments.get(at + 1));
            let is_own = kind.is_some_and(|kind| kind == "worktrees" || kind == "modules");
            Some(if is_own { Ok(target) } else { Err(format!("`{target}` is no worktree or submodule of a project")) })
        }
    }
}

#[cfg(test)]
mod tests;
