//! Compound commands: groups, `if`, `while`, `until`, `case`, `(( ))`. Loops over words are in
//! `loops`, `[[ ]]` is in `test`.

use super::Parser;
use super::word::Place;
use crate::tree::{Compound, CompoundKind, DoubtKind, Item, Redirect, Span, Word};

impl Parser<'_> {
    /// Reads a compound command and its redirections, or nothing if none starts here.
    pub(super) fn compound(&mut self) -> Option<Compound> {
        let start = self.here();
        let mut compound = self.deeper(Self::compound_body).flatten()?;
        compound.redirects = self.redirects();
        compound.span = self.span(start, self.pos);
        Some(compound)
    }

    fn redirects(&mut self) -> Vec<Redirect> {
        let mut redirects = Vec::new();
        let mut end = self.pos;
        loop {
            self.skip_blanks();
            let Some(redirect) = self.redirect() else { break };
            redirects.push(redirect);
            end = self.pos;
        }
        // The span of the command ends at its last redirection, not after the blanks behind it.
        self.pos = if self.failed { self.pos } else { end };
        redirects
    }

    fn compound_body(&mut self) -> Option<Compound> {
        if self.peek() == Some('(') {
            return Some(self.parenthesis());
        }
        if self.take_word("{") {
            let body = self.body();
            self.expect_word("}");
            return Some(made(CompoundKind::Brace, Vec::new(), vec![body]));
        }
        if self.take_word("if") {
            return Some(self.conditional());
        }
        if self.take_word("while") {
            return Some(self.repeated(CompoundKind::While));
        }
        if self.take_word("until") {
            return Some(self.repeated(CompoundKind::Until));
        }
        if self.take_word("for") {
            return Some(self.for_loop());
        }
        if self.take_word("select") {
            return Some(self.over_words(CompoundKind::Select));
        }
        if self.take_word("case") {
            return Some(self.case());
        }
        if self.take_word("[[") {
            return Some(self.test());
        }
        None
    }

    /// Reads `( ... )` or `(( ... ))`. Two parentheses are arithmetic if they also close together.
    fn parenthesis(&mut self) -> Compound {
        let start = self.here();
        self.advance();
        if self.peek() == Some('(') {
            self.advance();
            if let Some(arithmetic) = self.arithmetic_command(start) {
                return made(CompoundKind::Arithmetic, vec![arithmetic], Vec::new());
            }
            if self.failed {
                return made(CompoundKind::Subshell, Vec::new(), Vec::new());
            }
            self.pos = start;
            self.advance();
        }
        let body = self.body();
        if self.peek() == Some(')') {
            self.advance();
        } else {
            self.fail(DoubtKind::Syntax);
        }
        made(CompoundKind::Subshell, Vec::new(), vec![body])
    }

    fn conditional(&mut self) -> Compound {
        let mut bodies = Vec::new();
        loop {
            bodies.push(self.body());
            self.expect_word("then");
            bodies.push(self.body());
            self.skip_blanks();
            if !self.take_word("elif") {
                break;
            }
        }
        if self.take_word("else") {
            bodies.push(self.body());
        }
        self.expect_word("fi");
        made(CompoundKind::If, Vec::new(), bodies)
    }

    fn repeated(&mut self, kind: CompoundKind) -> Compound {
        let condition = self.body();
        let body = self.do_done();
        made(kind, Vec::new(), vec![condition, body])
    }

    pub(super) fn do_done(&mut self) -> Vec<Item> {
        self.expect_word("do");
        let body = self.body();
        self.expect_word("done");
        body
    }

    fn case(&mut self) -> Compound {
        self.skip_blanks();
        let mut words: Vec<Word> = self.word(Place::Value).into_iter().collect();
        if words.is_empty() {
            self.fail(DoubtKind::Syntax);
        }
        self.skip_lines();
        self.expect_word("in");
        let mut bodies = Vec::new();
        loop {
            self.skip_lines();
            if self.peek().is_none() || self.looks_at_word("esac") {
                break;
            }
            self.patterns(&mut words);
            bodies.push(self.list());
            let ended = self.take(";;&") || self.take(";;") || self.take(";&");
            if !ended {
                break;
            }
        }
        self.expect_word("esac");
        made(CompoundKind::Case, words, bodies)
    }

    /// Reads `[(] pattern [| pattern]... )`.
    fn patterns(&mut self, words: &mut Vec<Word>) {
        if self.peek() == Some('(') {
            self.advance();
        }
        loop {
            self.skip_blanks();
            match self.word(Place::Argument) {
                Some(word) => words.push(word),
                None => self.fail(DoubtKind::Syntax),
            }
            self.skip_blanks();
            match self.advance() {
                Some('|') => {}
                Some(')') => return,
                Some(_) | None => {
                    self.fail(DoubtKind::Syntax);
                    return;
                }
            }
        }
    }
}

/// Returns a compound command without redirections; [`Parser::compound`] adds them and the span.
pub(super) fn made(kind: CompoundKind, words: Vec<Word>, bodies: Vec<Vec<Item>>) -> Compound {
    Compound { kind, words, variable: None, bodies, redirects: Vec::new(), span: Span::default() }
}
