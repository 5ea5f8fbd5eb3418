//! Redirections.

use super::Parser;
use super::cursor::{is_meta, is_name_char, is_name_start};
use super::word::Place;
use crate::tree::{DoubtKind, Part, Redirect, RedirectOp, Word};

/// Operators that a descriptor may stand before, longest first.
const OPERATORS: [(&str, RedirectOp); 10] = [
    ("<<<", RedirectOp::HereString),
    ("<<-", RedirectOp::HereDocument),
    ("<<", RedirectOp::HereDocument),
    ("<&", RedirectOp::DuplicateIn),
    ("<>", RedirectOp::ReadWrite),
    (">>", RedirectOp::Append),
    (">&", RedirectOp::DuplicateOut),
    (">|", RedirectOp::Clobber),
    ("<", RedirectOp::Read),
    (">", RedirectOp::Write),
];
const BOTH: [(&str, RedirectOp); 2] = [("&>>", RedirectOp::AppendBoth), ("&>", RedirectOp::WriteBoth)];

impl Parser<'_> {
    /// Reads a redirection, or nothing if none stands here.
    pub(super) fn redirect(&mut self) -> Option<Redirect> {
        let start = self.here();
        if let Some((text, op)) = BOTH.iter().find(|(text, _)| self.looks_at(text)) {
            self.take(text);
            return Some(self.redirect_to(start, None, (text, *op)));
        }
        let before = self.descriptor()?;
        let fd = before.parse().ok();
        for _ in before.chars() {
            self.advance();
        }
        if fd.is_none() && !before.is_empty() {
            self.doubt(DoubtKind::Unmodelled, start, self.pos);
        }
        let operator = *OPERATORS.iter().find(|(text, _)| self.looks_at(text))?;
        self.take(operator.0);
        Some(self.redirect_to(start, fd, operator))
    }

    /// Returns the text before an operator (a number, `{name}` or nothing), if an operator follows it.
    fn descriptor(&self) -> Option<String> {
        let first = self.ahead().next()?;
        let before: String = match first {
            '<' | '>' => String::new(),
            '0'..='9' => self.ahead().take_while(char::is_ascii_digit).collect(),
            '{' => self.ahead().take_while(|&c| c != '}' && !is_meta(c)).chain(['}']).collect(),
            _ => return None,
        };
        if first == '{' {
            let name = before.trim_matches(['{', '}']);
            if !name.starts_with(is_name_start) || !name.chars().all(is_name_char) || !self.looks_at(&before) {
                return None;
            }
        }
        let mut after = self.ahead().skip(before.chars().count());
        let follows = matches!(after.next(), Some('<' | '>')) && after.next() != Some('(');
        follows.then_some(before)
    }

    fn redirect_to(&mut self, start: usize, fd: Option<u32>, operator: (&str, RedirectOp)) -> Redirect {
        let (text, mut op) = operator;
        self.dialect_redirect(start, op);
        self.skip_blanks();
        if op == RedirectOp::HereDocument {
            let target = self.heredoc(start, text == "<<-");
            return Redirect { fd, op, target, span: self.span(start, self.pos) };
        }
        let target = self.target(op);
        let file = !target.literal().is_some_and(|text| is_descriptor(&text));
        if op == RedirectOp::DuplicateOut && file && fd.is_none_or(|fd| fd == 1) {
            op = RedirectOp::WriteBoth;
        }
        Redirect { fd, op, target, span: self.span(start, self.pos) }
    }

    fn target(&mut self, op: RedirectOp) -> Word {
        let Some(reading) = self.reading(Place::Argument) else {
            self.fail(DoubtKind::Syntax);
            return Word::default();
        };
        if op == RedirectOp::HereString {
            return self.made_word(reading);
        }
        let (start, end) = (reading.start, reading.end);
        let mut words = Vec::new();
        self.finish(reading, &mut words);
        if words.len() == 1 {
            return words.pop().unwrap_or_default();
        }
        // Bash refuses several targets when it runs, zsh writes to all: no text stands for them.
        self.doubt(DoubtKind::Unmodelled, start, end);
        let several = Part::Glob(self.slice(start, end).to_owned());
        let parts = std::iter::once(several).chain(words.into_iter().flat_map(|word| word.parts)).collect();
        Word { parts, quoted: false, span: self.span(start, end) }
    }
}

/// Returns true for what `>&` takes as a descriptor: a number, a number to move, or `-`.
fn is_descriptor(text: &str) -> bool {
    let number = text.strip_suffix('-').unwrap_or(text);
    !text.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}
