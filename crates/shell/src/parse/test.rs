//! `[[ ... ]]`: operands are kept, operators are only checked.

use super::Parser;
use super::compound::made;
use super::word::Place;
use crate::tree::{Compound, CompoundKind, DoubtKind, Word};

const UNARY: &str = "abcdefghknoprstuvwxzGLNORS";
const BINARY: [&str; 13] = ["=~", "==", "!=", "=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];

impl Parser<'_> {
    /// Reads the expression after `[[` up to and with `]]`.
    pub(super) fn test(&mut self) -> Compound {
        let mut words = Vec::new();
        self.test_or(&mut words);
        self.skip_lines();
        self.expect_word("]]");
        made(CompoundKind::Test, words, Vec::new())
    }

    fn test_or(&mut self, words: &mut Vec<Word>) {
        loop {
            self.test_term(words);
            self.skip_lines();
            if !self.take("&&") && !self.take("||") {
                return;
            }
        }
    }

    fn test_term(&mut self, words: &mut Vec<Word>) {
        self.skip_lines();
        while self.take_word("!") {
            self.skip_lines();
        }
        if self.peek() == Some('(') {
            self.advance();
            self.deeper(|parser| parser.test_or(words));
            self.skip_lines();
            if self.advance() != Some(')') {
                self.fail(DoubtKind::Syntax);
            }
            return;
        }
        if self.looks_at_word("]]") {
            self.fail(DoubtKind::Syntax);
            return;
        }
        let start = self.here();
        self.operand(Place::Pattern, words);
        let unary = is_unary(self.slice(start, self.pos));
        if unary {
            self.skip_blanks();
            let operand = self.here();
            self.operand(Place::Pattern, words);
            self.doubt_name(operand);
            return;
        }
        self.skip_blanks();
        if !self.binary(start, words) && self.peek() == Some('\n') {
            // A word alone is only complete on its own line.
            self.fail(DoubtKind::Syntax);
        }
    }

    /// Reads an operator and its right side; false if there is none.
    fn binary(&mut self, start: usize, words: &mut Vec<Word>) -> bool {
        if matches!(self.peek(), Some('<' | '>')) {
            self.advance();
            self.skip_blanks();
            self.operand(Place::Pattern, words);
            return true;
        }
        let Some(operator) = BINARY.iter().find(|operator| self.looks_at_word(operator)) else { return false };
        self.take_word(operator);
        self.skip_blanks();
        if *operator == "=~" {
            self.operand(Place::Regex, words);
            return true;
        }
        self.operand(Place::Pattern, words);
        if matches!(*operator, "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge") {
            self.doubt_name(start);
        }
        true
    }

    fn operand(&mut self, place: Place, words: &mut Vec<Word>) {
        match self.word(place) {
            Some(word) => words.push(word),
            None => self.fail(DoubtKind::Syntax),
        }
    }

    /// An operand that is taken as a variable or a number may have a subscript, which is code.
    fn doubt_name(&mut self, start: usize) {
        if self.slice(start, self.pos).contains('[') {
            self.doubt(DoubtKind::Unmodelled, start, self.pos);
        }
    }
}

fn is_unary(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next() == Some('-') && chars.next().is_some_and(|c| UNARY.contains(c)) && chars.next().is_none()
}
