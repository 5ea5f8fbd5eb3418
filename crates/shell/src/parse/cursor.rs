//! The cursor: one character at a time, with line continuations taken out.
//!
//! Bash removes a backslash before a newline before it looks at anything else, even inside an
//! operator or a name. `peek` and `advance` do the same. Where a backslash is literal (single
//! quotes, comments, quoted here-documents) the `raw` forms are used.

use super::Parser;
use crate::tree::DoubtKind;

/// Returns true for the characters that end an unquoted word.
pub(super) fn is_meta(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')')
}

pub(super) fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Returns true when `text` can be the name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    text.chars().next().is_some_and(is_name_start) && text.chars().all(is_name_char)
}

impl<'t> Parser<'t> {
    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Returns the position of the next character.
    pub(super) fn here(&mut self) -> usize {
        self.peek();
        self.pos
    }

    /// Returns the next character.
    pub(super) fn peek(&mut self) -> Option<char> {
        while self.rest().starts_with("\\\n") {
            self.pos += 2;
        }
        self.rest().chars().next()
    }

    /// Returns the character `count` after the next one. Those before it must not be backslashes.
    pub(super) fn peek_after(&self, count: usize) -> Option<char> {
        self.ahead().nth(count)
    }

    /// Returns the characters from the cursor on, without line continuations.
    pub(super) fn ahead(&self) -> impl Iterator<Item = char> + use<'t> {
        let mut rest = self.rest();
        std::iter::from_fn(move || {
            while let Some(after) = rest.strip_prefix("\\\n") {
                rest = after;
            }
            let mut chars = rest.chars();
            let next = chars.next();
            rest = chars.as_str();
            next
        })
    }

    /// Takes the next character.
    pub(super) fn advance(&mut self) -> Option<char> {
        self.peek();
        self.advance_raw()
    }

    /// Takes the next character as it is written.
    pub(super) fn advance_raw(&mut self) -> Option<char> {
        let next = self.rest().chars().next();
        self.pos += next.map_or(0, char::len_utf8);
        next
    }

    /// Takes `text` if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.looks_at(text);
        if found {
            for _ in text.chars() {
                self.advance();
            }
        }
        found
    }

    pub(super) fn looks_at(&self, text: &str) -> bool {
        let mut ahead = self.ahead();
        text.chars().all(|c| ahead.next() == Some(c))
    }

    /// Returns true when the next word is exactly `word`, unquoted.
    pub(super) fn looks_at_word(&self, word: &str) -> bool {
        let mut ahead = self.ahead();
        word.chars().all(|c| ahead.next() == Some(c)) && ahead.next().is_none_or(is_meta)
    }

    /// Takes the next word if it is exactly `word`, unquoted.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.looks_at_word(word) && self.take(word)
    }

    /// Takes the next word, which must be `word`.
    pub(super) fn expect_word(&mut self, word: &str) {
        self.skip_blanks();
        if !self.take_word(word) {
            self.fail(DoubtKind::Syntax);
        }
    }

    /// Skips blanks, and a comment up to its newline.
    pub(super) fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.pos += 1;
        }
        if self.peek() == Some('#') {
            self.pos += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    /// Skips blanks, comments and newlines; here-documents begin after a newline.
    pub(super) fn skip_lines(&mut self) {
        self.skip_blanks();
        while self.take_newline() {
            self.skip_blanks();
        }
    }

    /// Takes a newline, and the here-documents that were waiting for it.
    pub(super) fn take_newline(&mut self) -> bool {
        let found = self.peek() == Some('\n');
        if found {
            self.pos += 1;
            self.read_heredocs();
        }
        found
    }
}
