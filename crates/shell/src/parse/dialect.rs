//! Forms in which another shell would see a command or a path that bash does not.

use super::Parser;
use super::word::{Place, Reading};
use crate::tree::{DoubtKind, Part, RedirectOp};

/// First words that zsh takes as something before the real command, that rename commands for the lines
/// that follow in shells that expand aliases in scripts, or that change in zsh how those are read.
const WORDS: [&str; 15] = [
    "noglob",
    "nocorrect",
    "repeat",
    "foreach",
    "-",
    "alias",
    "always",
    "setopt",
    "unsetopt",
    "emulate",
    "zmodload",
    "autoload",
    "disable",
    "integer",
    "float",
];

/// Letters that begin a modifier of a parameter in zsh, as in `$name:h`.
const MODIFIERS: &str = "aAcefFghlpPqQrstuwWx&";

impl Parser<'_> {
    pub(super) fn dialect_word(&mut self, reading: &Reading) {
        let written = self.slice(reading.start, reading.end);
        let first = reading.place == Place::Name;
        // `=command` is the path of the command in zsh.
        let equals = written.strip_prefix('=').is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['=', '~']));
        // `{command}` is a group in zsh.
        let group = first && written.len() > 1 && written.starts_with('{') && !written.starts_with("{}");
        if equals || group || (first && WORDS.contains(&written)) || is_other_pattern(reading, written) {
            self.doubt(DoubtKind::Dialect, reading.start, reading.end);
        }
    }

    /// Braces are expanded before parameters here and after them in zsh, so that another name is looked up
    /// (`$a{b,c}`) or a range is one there alone (`{1..$n}`); some ranges count otherwise.
    pub(super) fn dialect_braces(&mut self, reading: &Reading) {
        let written = self.slice(reading.start, reading.end);
        let at_brace = |rest: &str, after: bool| {
            let name = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').count();
            let next = rest.chars().nth(name);
            name > 0 && (next == Some('{') || (after && matches!(next, Some(',' | '}'))))
        };
        let follows =
            written.split('}').skip(1).any(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || "_[:".contains(c)));
        let names = written.split('$').skip(1).any(|rest| at_brace(rest, follows));
        let inside = || written.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let ranges = inside().filter_map(|text| text.split_once(".."));
        let odd = ranges.into_iter().any(|(first, rest)| {
            let (last, step) = rest.split_once("..").unwrap_or((rest, "1"));
            let is_number =
                |text: &str| !text.is_empty() && text.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit());
            let is_letter = |text: &str| text.chars().count() == 1 && !is_number(text);
            let expands = |text: &str| text.contains(['$', '`']);
            let counts = is_number(first) && is_number(last) && is_number(step) && !step.starts_with('-');
            let letters = is_letter(first) && is_letter(last) && rest == last;
            expands(first) || expands(rest) || !(counts || letters || is_plain(first, rest))
        });
        if names || odd {
            self.doubt(DoubtKind::Dialect, reading.start, reading.end);
        }
    }

    /// What follows `$name` belongs to it in zsh: a subscript in `$name[1]`, a modifier in `$name:h`.
    pub(super) fn dialect_variable(&mut self, start: usize) {
        let modifies = self.peek() == Some(':') && self.peek_after(1).is_some_and(|c| MODIFIERS.contains(c));
        if self.peek() == Some('[') || modifies {
            self.doubt(DoubtKind::Dialect, start, self.pos + 1);
        }
    }

    /// `$#name` is the length of a value in zsh.
    pub(super) fn dialect_count(&mut self, start: usize) {
        if self.peek().is_some_and(|c| c.is_alphabetic() || c == '_') {
            self.doubt(DoubtKind::Dialect, start, self.pos);
        }
    }

    /// `${name:t}` is the last name of a path in zsh, and a substring here.
    pub(super) fn dialect_operation(&mut self, operation: &str, start: usize) {
        let letter = operation.strip_prefix(':').and_then(|rest| rest.chars().next());
        if letter.is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '&') {
            self.doubt(DoubtKind::Dialect, start, self.pos);
        }
    }

    /// `$=name`, `$~name`, `$^name` and `$+name` are expansions in zsh.
    pub(super) fn dialect_dollar(&mut self, start: usize, c: char) {
        let follows = self.peek_after(1).is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '{' | '_'));
        if matches!(c, '=' | '~' | '^' | '+') && follows {
            self.doubt(DoubtKind::Dialect, start, self.pos);
        }
    }

    /// `a &! b` puts `a` aside in zsh and runs `b` afterwards; here the outcome of `b` is negated.
    pub(super) fn dialect_background(&mut self) {
        if self.peek() == Some('!') {
            self.doubt(DoubtKind::Dialect, self.pos - 1, self.pos + 1);
        }
    }

    /// `>! file` writes to `file` in zsh; `<1-9>` is a pattern there.
    pub(super) fn dialect_redirect(&mut self, start: usize, op: RedirectOp) {
        let differs = match op {
            RedirectOp::Write | RedirectOp::Append | RedirectOp::WriteBoth | RedirectOp::AppendBoth => {
                self.looks_at("!")
            }
            RedirectOp::Read => {
                let mut after = self.ahead().skip_while(char::is_ascii_digit);
                after.next() == Some('-') && after.find(|c| !c.is_ascii_digit()) == Some('>')
            }
            RedirectOp::Clobber
            | RedirectOp::ReadWrite
            | RedirectOp::DuplicateIn
            | RedirectOp::DuplicateOut
            | RedirectOp::HereDocument
            | RedirectOp::HereString => false,
        };
        if differs {
            self.doubt(DoubtKind::Dialect, start, self.pos);
        }
    }

    /// A shell without `(( ))` runs it as a command in two subshells. What cannot be arithmetic, or
    /// is a lone word, looks more like a command.
    pub(super) fn dialect_arithmetic(&mut self, text: &str, start: usize) {
        let mut words = text.split_whitespace().peekable();
        let mut command = !text.trim().is_empty() && text.trim().chars().all(|c| c.is_alphanumeric() || c == '_');
        while let Some(word) = words.next() {
            let ends = word.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            command |= ends && words.peek().is_some_and(|next| next.starts_with(|c: char| c.is_alphanumeric()));
        }
        if command {
            self.doubt(DoubtKind::Dialect, start, self.pos);
        }
    }
}

/// Returns true for a word that is a pattern in zsh with extended patterns, and another or none here: `^x` is all
/// but `x`, `a#` any number of `a`, `*~x` all but `x`.
fn is_other_pattern(reading: &Reading, written: &str) -> bool {
    if !matches!(reading.place, Place::Name | Place::Argument | Place::Made) {
        return false;
    }
    // The names of commits and addresses: no file is called so.
    let is_commit = ["HEAD^", "@^"].iter().any(|name| written.starts_with(name));
    let is_url = written.contains("://");
    let globs = reading.parts.iter().any(|part| matches!(part, Part::Glob(_)));
    reading.operators.iter().any(|operator| match operator {
        '^' => !is_commit,
        '#' => !is_url,
        _ => globs,
    })
}

/// Returns true for two dots between words that no shell takes for the ends of a range.
fn is_plain(first: &str, rest: &str) -> bool {
    let is_end = |text: &str| {
        text.chars().count() <= 1 || text.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit())
    };
    !is_end(first) || !rest.split("..").all(is_end)
}
