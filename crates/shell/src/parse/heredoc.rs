//! Here-documents.
//!
//! 1. At `<<` the delimiter is read and the document is put on the list of pending ones.
//! 2. At the next newline that ends a line of commands the bodies are read in order.
//! 3. `fill` puts them into the tree.

use super::word::Place;
use super::{Origin, Parser, Pending};
use crate::tree::{Doubt, DoubtKind, Part, Span, Word};

impl Parser<'_> {
    /// Reads a delimiter and returns a target that says which body belongs here.
    pub(super) fn heredoc(&mut self, start: usize, strips_tabs: bool) -> Word {
        let Some(reading) = self.reading(Place::Value) else {
            self.fail(DoubtKind::Syntax);
            return Word::default();
        };
        let written = self.slice(reading.start, reading.end).replace("\\\n", "");
        let (delimiter, quoted) = unquoted(&written);
        if written.contains(['$', '`', '\n']) {
            // The delimiter is not expanded, and shells differ in what they make of it.
            self.doubt(DoubtKind::Dialect, reading.start, reading.end);
        }
        let span = self.span(start, reading.end);
        let body = self.ledger.bodies.len();
        self.ledger.bodies.push(Word { parts: Vec::new(), quoted: true, span });
        self.pending.push(Pending { body, delimiter, expanded: !quoted, strips_tabs, span });
        Word { parts: Vec::new(), quoted: true, span: Span { start: body, end: body } }
    }

    /// Reads the bodies that were waiting for the end of the line.
    pub(super) fn read_heredocs(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let body = self.heredoc_body(&pending);
            if let Some(slot) = self.ledger.bodies.get_mut(pending.body) {
                *slot = body;
            }
        }
    }

    /// Bash takes a document without a body as empty, with a warning.
    pub(super) fn leave_heredocs(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            if !self.failed {
                self.ledger.add(Doubt { kind: DoubtKind::Syntax, span: pending.span });
            }
        }
    }

    fn heredoc_body(&mut self, pending: &Pending) -> Word {
        let start = self.pos;
        let mut body = String::new();
        let end = loop {
            let line_start = self.pos;
            if self.rest().is_empty() {
                self.doubt(DoubtKind::Syntax, start, line_start);
                break line_start;
            }
            let line = self.heredoc_line(pending);
            if line == pending.delimiter {
                break line_start;
            }
            if self.ends_before_parenthesis(&line, line_start, pending) {
                break line_start;
            }
            body.push_str(&line);
            body.push('\n');
        };
        let span = self.span(start, end);
        let mut parts = Vec::new();
        if pending.expanded {
            let origin = match self.origin {
                Origin::At(base) if self.slice(start, end) == body => Origin::At(base + start),
                Origin::At(_) | Origin::Within(_) => Origin::Within(span),
            };
            self.inner(&body, origin).expanded_text(&mut parts);
        } else if !body.is_empty() {
            parts.push(Part::Literal(body));
        }
        Word { parts, quoted: true, span }
    }

    /// Reads one line without its newline. In an expanded document a backslash joins lines, and that
    /// comes before the comparison with the delimiter.
    fn heredoc_line(&mut self, pending: &Pending) -> String {
        if pending.strips_tabs {
            while self.rest().starts_with('\t') {
                self.pos += 1;
            }
        }
        let mut line = String::new();
        while let Some(c) = self.advance_raw() {
            match c {
                '\n' => break,
                '\\' if pending.expanded => match self.advance_raw() {
                    Some('\n') => {}
                    Some(next) => line.extend([c, next]),
                    None => line.push(c),
                },
                _ => line.push(c),
            }
        }
        line
    }

    /// In `$(...)` bash also ends a document at a line that begins with the delimiter and holds the
    /// closing parenthesis, with a warning; other shells do not.
    fn ends_before_parenthesis(&mut self, line: &str, line_start: usize, pending: &Pending) -> bool {
        let Some(tail) = line.strip_prefix(&pending.delimiter) else { return false };
        if !self.in_substitution || !tail.contains(')') || pending.delimiter.is_empty() {
            return false;
        }
        let written = self.slice(line_start, self.pos);
        let Some(found) = written.find(&pending.delimiter) else { return false };
        self.pos = line_start + found + pending.delimiter.len();
        self.doubt(DoubtKind::Syntax, line_start, self.pos);
        true
    }
}

/// Returns a delimiter without its quotes, and whether it had any.
fn unquoted(written: &str) -> (String, bool) {
    let mut text = String::new();
    let mut chars = written.chars().peekable();
    let (mut quote, mut quoted) = (None, false);
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                quoted = true;
            }
            (None, '$') if matches!(chars.peek(), Some('\'' | '"')) => {}
            (None, '\\') => {
                quoted = true;
                text.extend(chars.next());
            }
            (Some('"'), '\\') if matches!(chars.peek(), Some('$' | '`' | '"' | '\\')) => text.extend(chars.next()),
            (Some(open), _) if open == c => quote = None,
            (Some(_) | None, _) => text.push(c),
        }
    }
    (text, quoted)
}
