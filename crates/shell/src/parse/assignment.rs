//! Assignments and arrays.

use super::Parser;
use super::cursor::{is_name_char, is_name_start};
use super::expansion::Quoting;
use super::word::{Place, Reading, push_text};
use crate::tree::{Assignment, DoubtKind, Part, Script, Simple, Word};

impl Parser<'_> {
    /// Returns true at a name that `=`, `+=` or `[` follows.
    pub(super) fn at_assignment(&mut self) -> bool {
        self.peek().is_some_and(is_name_start) && {
            let mut after = self.ahead().skip_while(|&c| is_name_char(c));
            match after.next() {
                Some('=' | '[') => true,
                Some('+') => after.next() == Some('='),
                Some(_) | None => false,
            }
        }
    }

    /// Reads an assignment, or the word that `name[subscript]` is without `=` behind it.
    pub(super) fn assignment_or_word(&mut self, simple: &mut Simple) {
        let start = self.here();
        let name: String = self.ahead().take_while(|&c| is_name_char(c)).collect();
        for _ in name.chars() {
            self.advance();
        }
        let mut nested = Vec::new();
        let mut subscript = None;
        if self.peek() == Some('[') {
            let text = self.subscript(start, &mut nested);
            if !self.looks_at("=") && !self.looks_at("+=") {
                let reading = self.subscripted_word(start, &name, text, nested);
                self.finish(reading, &mut simple.words);
                return;
            }
            subscript = Some(text);
        }
        let append = self.take("+=");
        if !append {
            self.take("=");
        }
        let mut value = if self.peek() == Some('(') { self.array() } else { vec![self.value()] };
        self.surface(nested, &mut value);
        self.doubt_value(&value, start);
        let span = self.span(start, self.pos);
        simple.assignments.push(Assignment { name, subscript, append, value, span });
    }

    fn subscript(&mut self, start: usize, nested: &mut Vec<Script>) -> String {
        self.advance();
        let text = self.deeper(|parser| parser.matched(Some('['), ']', Quoting::Double, nested)).unwrap_or_default();
        self.doubt_subscript(&text, start);
        text
    }

    /// What runs in a subscript has no place in the tree, so it stands before the value.
    fn surface(&self, nested: Vec<Script>, value: &mut Vec<Word>) {
        if nested.is_empty() {
            return;
        }
        if value.is_empty() {
            value.push(Word::default());
        }
        if let Some(first) = value.first_mut() {
            first.parts.splice(0..0, nested.into_iter().map(Part::Substitution));
        }
    }

    fn subscripted_word(&mut self, start: usize, name: &str, subscript: String, nested: Vec<Script>) -> Reading {
        let mut reading = Reading::new(start, Place::Argument);
        reading.push(name);
        reading.parts.push(Part::Glob(format!("[{subscript}]")));
        reading.parts.extend(nested.into_iter().map(Part::Substitution));
        reading.end = self.pos;
        self.continue_reading(&mut reading);
        reading
    }

    fn value(&mut self) -> Word {
        let start = self.here();
        let span = self.span(start, start);
        self.word(Place::Value).unwrap_or(Word { parts: Vec::new(), quoted: false, span })
    }

    /// Reads `(words)`.
    pub(super) fn array(&mut self) -> Vec<Word> {
        self.advance();
        let mut elements = Vec::new();
        loop {
            self.skip_lines();
            if self.peek() == Some(')') {
                self.advance();
                break;
            }
            let before = self.pos;
            self.element(&mut elements);
            if self.pos == before {
                self.fail(DoubtKind::Syntax);
                break;
            }
        }
        // `a=(b)c` is accepted, and the tail is thrown away or not, as the version pleases.
        let tail = self.here();
        if let Some(word) = self.word(Place::Value) {
            elements.push(word);
            self.doubt(DoubtKind::Unmodelled, tail, self.pos);
        }
        elements
    }

    /// Reads a word, or `[subscript]=word`, of which only the word is kept.
    fn element(&mut self, elements: &mut Vec<Word>) {
        if self.peek() != Some('[') {
            if let Some(reading) = self.reading(Place::Argument) {
                self.finish(reading, elements);
            }
            return;
        }
        let start = self.here();
        let mut nested = Vec::new();
        let text = self.subscript(start, &mut nested);
        if self.take("=") || self.take("+=") {
            let mut value = vec![self.value()];
            self.surface(nested, &mut value);
            elements.append(&mut value);
        } else {
            let reading = self.subscripted_word(start, "", text, nested);
            self.finish(reading, elements);
        }
    }

    /// Returns true at `name=(` or `name+=(`.
    pub(super) fn at_array_argument(&mut self) -> bool {
        self.peek().is_some_and(is_name_start) && {
            let mut after = self.ahead().skip_while(|&c| is_name_char(c)).skip_while(|&c| c == '+');
            after.next() == Some('=') && after.next() == Some('(')
        }
    }

    /// Reads `name=(words)` behind a builtin such as `declare`, as one word.
    pub(super) fn array_argument(&mut self) -> Word {
        let start = self.here();
        let name: String = self.ahead().take_while(|&c| c != '(').collect();
        for _ in name.chars() {
            self.advance();
        }
        let mut parts = Vec::new();
        push_text(&mut parts, &name);
        push_text(&mut parts, "(");
        for (index, element) in self.array().into_iter().enumerate() {
            if index > 0 {
                push_text(&mut parts, " ");
            }
            for part in element.parts {
                match part {
                    Part::Literal(text) => push_text(&mut parts, &text),
                    other @ (Part::Glob(_)
                    | Part::Tilde(_)
                    | Part::Variable(_)
                    | Part::Substitution(_)
                    | Part::Process(_)
                    | Part::Arithmetic(_)) => parts.push(other),
                }
            }
        }
        push_text(&mut parts, ")");
        Word { parts, quoted: false, span: self.span(start, self.pos) }
    }

    /// A value with a subscript that holds a substitution runs it where it is used in arithmetic.
    fn doubt_value(&mut self, value: &[Word], start: usize) {
        let holds_code =
            |text: &str| text.split_once('[').is_some_and(|(_, after)| after.contains("$(") || after.contains('`'));
        if value.iter().filter_map(Word::literal).any(|text| holds_code(&text)) {
            self.doubt(DoubtKind::Unmodelled, start, self.pos);
        }
    }
}
