//! Arithmetic, subscripts, and the search for a closing bracket.

use super::expansion::Quoting;
use super::{Origin, Parser};
use crate::tree::{Arithmetic, DoubtKind, Part, Script, Word};

impl Parser<'_> {
    /// Reads up to and with `close`, counting `open`, and returns the text between.
    ///
    /// The substitutions that bash would run in it are collected. Inside double quotes and arithmetic
    /// single quotes hide a closing bracket but not a substitution.
    pub(super) fn matched(
        &mut self,
        open: Option<char>,
        close: char,
        quoting: Quoting,
        nested: &mut Vec<Script>,
    ) -> String {
        let start = self.pos;
        let mut level = 0_usize;
        loop {
            let at = self.here();
            match self.peek() {
                None => {
                    self.fail(DoubtKind::Syntax);
                    return self.slice(start, at).to_owned();
                }
                Some(c) if c == close && level == 0 => {
                    self.advance();
                    return self.slice(start, at).to_owned();
                }
                Some(c) => {
                    if c == close {
                        level -= 1;
                    } else if Some(c) == open {
                        level += 1;
                    }
                    self.matched_piece(c, close, quoting, nested);
                }
            }
        }
    }

    fn matched_piece(&mut self, c: char, close: char, quoting: Quoting, nested: &mut Vec<Script>) {
        let mut parts = Vec::new();
        match c {
            '\\' => {
                self.advance();
                self.advance_raw();
            }
            '\'' if quoting == Quoting::Here && close == '}' => {
                self.advance();
            }
            '\'' => {
                self.advance();
                self.hidden(quoting, nested);
            }
            '"' => {
                self.advance();
                self.deeper(|parser| parser.double_quoted(&mut parts));
            }
            '`' => {
                let part = self.backticks(quoting);
                parts.push(part);
            }
            '$' if quoting == Quoting::Bare && matches!(self.peek_after(1), Some('\'' | '"')) => {
                self.dollar_quoted(&mut parts);
            }
            '$' if self.peek_after(1) == Some('\'') => {
                // Bash decodes it here and expands the result, which we do not follow.
                let start = self.here();
                self.dollar_quoted(&mut parts);
                self.doubt(DoubtKind::Unmodelled, start, self.pos);
            }
            '$' => self.dollar(quoting, &mut parts),
            '<' | '>' if quoting == Quoting::Bare && self.peek_after(1) == Some('(') => {
                let part = self.process();
                parts.push(part);
            }
            _ => {
                self.advance();
            }
        }
        collect(parts, nested);
    }

    /// Reads the rest of a single-quoted piece. Unless nothing else quotes it, it hides nothing.
    fn hidden(&mut self, quoting: Quoting, nested: &mut Vec<Script>) {
        let rest = self.rest();
        let Some((inside, _)) = rest.split_once('\'') else {
            self.fail(DoubtKind::Syntax);
            return;
        };
        let start = self.pos;
        self.pos += inside.len() + 1;
        if quoting == Quoting::Bare || !inside.contains(['$', '`']) {
            return;
        }
        let origin = match self.origin {
            Origin::At(base) => Origin::At(base + start),
            Origin::Within(span) => Origin::Within(span),
        };
        let mut parts = Vec::new();
        self.inner(inside, origin).expanded_text(&mut parts);
        collect(parts, nested);
    }

    /// Reads all of the text as the body of a here-document: only `$`, backticks and backslashes count.
    pub(super) fn expanded_text(&mut self, parts: &mut Vec<Part>) {
        while let Some(c) = self.peek() {
            match c {
                '$' => self.dollar(Quoting::Here, parts),
                '`' => {
                    let part = self.backticks(Quoting::Here);
                    parts.push(part);
                }
                '\\' => {
                    self.advance();
                    let next = self.rest().chars().next();
                    if matches!(next, Some('$' | '`' | '\\')) {
                        self.advance_raw();
                        super::word::push_text(parts, next.unwrap_or('\\').encode_utf8(&mut [0; 4]));
                    } else {
                        super::word::push_text(parts, "\\");
                    }
                }
                _ => {
                    self.advance();
                    super::word::push_text(parts, c.encode_utf8(&mut [0; 4]));
                }
            }
        }
    }

    /// Reads the rest of `$[...]`.
    pub(super) fn bracketed(&mut self, start: usize) -> Arithmetic {
        let mut nested = Vec::new();
        let text = self.matched(Some('['), ']', Quoting::Double, &mut nested);
        self.arithmetic(text, nested, start)
    }

    /// Reads the rest of `((...))` as one word; `None` if the parentheses do not close together.
    pub(super) fn arithmetic_command(&mut self, start: usize) -> Option<Word> {
        let inside = self.pos;
        let mark = self.ledger.doubts.len();
        let mut nested = Vec::new();
        let text = self.deeper(|parser| parser.matched(Some('('), ')', Quoting::Double, &mut nested))?;
        if !self.failed && self.peek() != Some(')') {
            self.ledger.doubts.truncate(mark);
            if !self.pay(self.pos - inside) {
                self.fail(DoubtKind::Limit);
            }
            return None;
        }
        self.advance();
        self.dialect_arithmetic(&text, start);
        let arithmetic = self.arithmetic(text, nested, start);
        Some(Word { parts: vec![Part::Arithmetic(arithmetic)], quoted: false, span: self.span(start, self.pos) })
    }

    /// Returns the expression, with a doubt if evaluating it may run code.
    pub(super) fn arithmetic(&mut self, text: String, nested: Vec<Script>, start: usize) -> Arithmetic {
        if !nested.is_empty() || text.contains(['[', '\\']) {
            self.doubt(DoubtKind::Unmodelled, start, self.pos);
        }
        Arithmetic { text, nested }
    }

    /// A subscript is arithmetic. Names, numbers and plain variables in it are no doubt.
    pub(super) fn doubt_subscript(&mut self, subscript: &str, start: usize) {
        if subscript.contains(['(', '[', '`', '\\']) {
            self.doubt(DoubtKind::Unmodelled, start, self.pos);
        }
    }
}

/// Moves the scripts of the parts to `nested`.
fn collect(parts: Vec<Part>, nested: &mut Vec<Script>) {
    for part in parts {
        match part {
            Part::Substitution(script) | Part::Process(script) => nested.push(script),
            Part::Variable(variable) => nested.extend(variable.nested),
            Part::Arithmetic(arithmetic) => nested.extend(arithmetic.nested),
            Part::Literal(_) | Part::Glob(_) | Part::Tilde(_) => {}
        }
    }
}
