//! Forms in which another shell would see a command or a path that bash does not.

use super::Parser;
use super::word::{Place, Reading};
use crate::tree::{DoubtKind, RedirectOp};

/// First words that zsh takes as something before the real command, or that rename commands for the
/// lines that follow in shells that expand aliases in scripts.
const WORDS: [&str; 7] = ["noglob", "nocorrect", "repeat", "foreach", "-", "alias", "always"];

impl Parser<'_> {
    pub(super) fn dialect_word(&mut self, reading: &Reading) {
        let written = self.slice(reading.start, reading.end);
        let first = reading.place == Place::Name;
        // `=command` is the path of the command in zsh.
        let equals = written.strip_prefix('=').is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric()));
        // `{command}` is a group in zsh.
        let group = first && written.len() > 1 && written.starts_with('{') && !written.starts_with("{}");
        if equals || group || (first && WORDS.contains(&written)) {
            self.doubt(DoubtKind::Dialect, reading.start, reading.end);
        }
    }

    /// `$=name`, `$~name` and `$^name` are expansions in zsh.
    pub(super) fn dialect_dollar(&mut self, start: usize, c: char) {
        let follows = self.peek_after(1).is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '{' | '_'));
        if matches!(c, '=' | '~' | '^') && follows {
            self.doubt(DoubtKind::Dialect, start, self.pos);
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
