//! `for` and `select`.

use super::Parser;
use super::compound::made;
use super::word::Place;
use crate::tree::{Compound, CompoundKind, DoubtKind, Item, Word};

impl Parser<'_> {
    pub(super) fn for_loop(&mut self) -> Compound {
        self.skip_blanks();
        if self.looks_at("((") { self.for_arithmetic() } else { self.over_words(CompoundKind::For) }
    }

    /// Reads `((start; condition; step)) [;] body`.
    fn for_arithmetic(&mut self) -> Compound {
        let start = self.here();
        self.take("((");
        let Some(header) = self.arithmetic_command(start) else {
            self.fail(DoubtKind::Syntax);
            return made(CompoundKind::For, Vec::new(), Vec::new());
        };
        if !self.failed && !has_three_parts(self.slice(start, self.pos)) {
            self.doubt(DoubtKind::Syntax, start, self.pos);
        }
        self.skip_blanks();
        if self.peek() == Some(';') {
            self.advance();
        }
        self.skip_lines();
        let body = self.loop_body();
        made(CompoundKind::For, vec![header], vec![body])
    }

    /// Reads `name [in words] ; body`.
    pub(super) fn over_words(&mut self, kind: CompoundKind) -> Compound {
        self.skip_blanks();
        let start = self.here();
        let name = self.reading(Place::Argument).map(|reading| self.slice(start, reading.end).to_owned());
        if name.is_none() {
            self.fail(DoubtKind::Syntax);
        }
        self.skip_blanks();
        let mut words = Vec::new();
        let on_same_line = !matches!(self.peek(), Some(';' | '\n'));
        if self.peek() == Some(';') {
            self.advance();
            self.skip_lines();
        } else {
            self.skip_lines();
            if self.take_word("in") {
                self.loop_words(&mut words);
            } else if on_same_line && self.looks_at_word("{") {
                // A brace is only a reserved word at the beginning of a command.
                self.fail(DoubtKind::Syntax);
            }
        }
        let body = self.loop_body();
        let mut compound = made(kind, words, vec![body]);
        compound.variable = name;
        compound
    }

    fn loop_words(&mut self, words: &mut Vec<Word>) {
        loop {
            self.skip_blanks();
            let Some(reading) = self.reading(Place::Argument) else { break };
            self.finish(reading, words);
        }
        match self.peek() {
            Some(';') => {
                self.advance();
            }
            Some('\n') => {}
            Some(_) | None => self.fail(DoubtKind::Syntax),
        }
        self.skip_lines();
    }

    /// Reads `do list done` or `{ list; }`.
    fn loop_body(&mut self) -> Vec<Item> {
        if self.take_word("{") {
            let body = self.body();
            self.expect_word("}");
            return body;
        }
        self.do_done()
    }
}

/// Returns true when the text of `((...))` has two semicolons outside of nested parentheses.
fn has_three_parts(text: &str) -> bool {
    let mut level = 0_usize;
    let mut separators = 0_usize;
    for c in text.chars() {
        match c {
            '(' => level += 1,
            ')' => level = level.saturating_sub(1),
            ';' if level == 2 => separators += 1,
            _ => {}
        }
    }
    separators == 2
}
