//! Words: quotes, escapes, globs, tildes.

use super::Parser;
use super::cursor::{is_meta, is_name};
use super::expansion::Quoting;
use crate::limits;
use crate::tree::{DoubtKind, Part, Word};

/// Where a word stands, as far as that changes how it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The first word of a command, which may turn out to be the name of a function.
    Name,
    /// An argument, an element of a list, the target of a redirection.
    Argument,
    /// A word that brace expansion made, which looks like an assignment no more.
    Made,
    /// The right side of an assignment.
    Value,
    /// An operand of `[[ ]]`, where extended globs are always on.
    Pattern,
    /// The right side of `=~`, where parentheses and `|` are part of the word.
    Regex,
}

/// A word being read.
pub(super) struct Reading {
    pub(super) start: usize,
    /// One past its last character.
    pub(super) end: usize,
    pub(super) parts: Vec<Part>,
    quoted: bool,
    /// Where unquoted `{`, `}`, `,` and `.` stand: what brace expansion looks at.
    pub(super) marks: Vec<usize>,
    pub(super) place: Place,
    /// True when it is an assignment, so that a tilde may follow `=` and `:`.
    assigning: bool,
    /// True where a tilde would be expanded.
    tilde: bool,
    /// Open parentheses of a regular expression.
    level: usize,
    /// The unquoted characters that are operators of patterns in another shell: `^`, `#`, `~`.
    pub(super) operators: Vec<char>,
}

impl Reading {
    pub(super) fn new(start: usize, place: Place) -> Self {
        Self {
            start,
            end: start,
            parts: Vec::new(),
            quoted: false,
            marks: Vec::new(),
            place,
            assigning: place == Place::Value,
            tilde: true,
            level: 0,
            operators: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        push_text(&mut self.parts, text);
    }

    fn push_char(&mut self, c: char) {
        self.push(c.encode_utf8(&mut [0; 4]));
    }
}

/// Returns true when a text is one pair of brackets with what stands between them.
fn is_one_subscript(text: &str) -> bool {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1 == text.len();
        }
    }
    false
}

/// Adds literal text; neighbouring literals are one part.
pub(super) fn push_text(parts: &mut Vec<Part>, text: &str) {
    if let Some(Part::Literal(last)) = parts.last_mut() {
        last.push_str(text);
    } else if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
}

impl Parser<'_> {
    /// Reads a word that is not brace-expanded.
    pub(super) fn word(&mut self, place: Place) -> Option<Word> {
        let reading = self.reading(place)?;
        Some(self.made_word(reading))
    }

    pub(super) fn made_word(&self, reading: Reading) -> Word {
        Word { parts: reading.parts, quoted: reading.quoted, span: self.span(reading.start, reading.end) }
    }

    /// Reads a word up to the first character that is not part of it.
    pub(super) fn reading(&mut self, place: Place) -> Option<Reading> {
        let start = self.here();
        let mut reading = Reading::new(start, place);
        self.continue_reading(&mut reading);
        (reading.end > start).then_some(reading)
    }

    pub(super) fn continue_reading(&mut self, reading: &mut Reading) {
        while self.piece(reading) {
            reading.end = self.pos;
        }
    }

    /// Reads one quote, expansion, glob or character; false at the end of the word.
    fn piece(&mut self, reading: &mut Reading) -> bool {
        let Some(c) = self.peek() else {
            if reading.level > 0 {
                self.fail(DoubtKind::Syntax);
            }
            return false;
        };
        let tilde = std::mem::replace(&mut reading.tilde, false);
        match c {
            '<' | '>' if reading.level == 0 && self.peek_after(1) == Some('(') => {
                let part = self.process();
                reading.parts.push(part);
            }
            _ if reading.place == Place::Regex && self.regex_character(reading, c) => {}
            _ if is_meta(c) => return false,
            '\\' => self.escaped(reading),
            '\'' => self.single_quoted(reading),
            '"' => {
                reading.quoted = true;
                self.advance();
                self.double_quoted(&mut reading.parts);
            }
            '`' => {
                let part = self.backticks(Quoting::Bare);
                reading.parts.push(part);
            }
            '$' if matches!(self.peek_after(1), Some('\'' | '"')) => {
                reading.quoted = true;
                self.dollar_quoted(&mut reading.parts);
            }
            '$' => self.dollar(Quoting::Bare, &mut reading.parts),
            '~' if tilde => self.tilde(reading),
            _ if self.at_extended_glob(reading.place, c) => self.extended_glob(reading),
            _ => self.plain(reading, c),
        }
        true
    }

    fn plain(&mut self, reading: &mut Reading, c: char) {
        let at = self.pos;
        match c {
            '*' | '?' if reading.place != Place::Regex => reading.parts.push(Part::Glob(c.to_string())),
            '[' if reading.place != Place::Regex && self.bracket(reading) => return,
            '{' | '}' | ',' | '.' => {
                reading.marks.push(at);
                reading.push_char(c);
            }
            '=' if !reading.assigning && self.names_variable(reading, at) => {
                reading.assigning = true;
                reading.tilde = true;
                reading.push_char(c);
            }
            '^' | '#' => {
                reading.operators.push(c);
                reading.push_char(c);
            }
            '~' => {
                if self.peek_after(1).is_some_and(|next| next != '/' && !is_meta(next)) {
                    reading.operators.push(c);
                }
                reading.push_char(c);
            }
            ':' if reading.assigning => {
                reading.tilde = true;
                reading.push_char(c);
            }
            _ => reading.push_char(c),
        }
        self.advance();
    }

    /// Bash expands a tilde after `=` in any word that looks like an assignment, not only in one.
    fn names_variable(&mut self, reading: &Reading, at: usize) -> bool {
        if reading.place == Place::Made {
            return false;
        }
        let text = self.slice(reading.start, at);
        let (name, subscript) = text.split_at(text.find('[').unwrap_or(text.len()));
        let subscript = subscript.strip_suffix('+').unwrap_or(subscript);
        // Which bracket ends a subscript with quotes in it is not told.
        let is_odd = subscript.contains(['\'', '"', '\\']);
        if is_odd && self.rest().chars().take_while(|&c| !is_meta(c)).any(|c| c == '~') {
            self.doubt(DoubtKind::Unmodelled, reading.start, at);
        }
        let name = if subscript.is_empty() { name.strip_suffix('+').unwrap_or(name) } else { name };
        is_name(name) && (subscript.is_empty() || is_one_subscript(subscript))
    }

    fn regex_character(&mut self, reading: &mut Reading, c: char) -> bool {
        let belongs = match c {
            '(' => {
                reading.level += 1;
                true
            }
            ')' if reading.level > 0 => {
                reading.level -= 1;
                true
            }
            '|' => true,
            _ => reading.level > 0 && is_meta(c),
        };
        if belongs {
            reading.push_char(c);
            self.advance();
        }
        belongs
    }

    /// Reads a backslash and what it quotes. At the very end it stands for itself.
    fn escaped(&mut self, reading: &mut Reading) {
        reading.quoted = true;
        self.advance();
        let c = self.advance_raw().unwrap_or('\\');
        reading.push_char(c);
    }

    fn single_quoted(&mut self, reading: &mut Reading) {
        reading.quoted = true;
        self.advance();
        let rest = self.rest();
        match rest.split_once('\'') {
            Some((inside, _)) => {
                reading.push(inside);
                self.pos += inside.len() + 1;
            }
            None => {
                reading.push(rest);
                self.fail(DoubtKind::Syntax);
            }
        }
    }

    /// Reads the inside of double quotes and the closing one.
    pub(super) fn double_quoted(&mut self, parts: &mut Vec<Part>) {
        loop {
            match self.peek() {
                None => return self.fail(DoubtKind::Syntax),
                Some('"') => {
                    self.advance();
                    return;
                }
                Some('\\') => {
                    self.advance();
                    match self.advance_raw() {
                        Some(c @ ('$' | '`' | '"' | '\\')) => push_text(parts, c.encode_utf8(&mut [0; 4])),
                        Some(c) => {
                            push_text(parts, "\\");
                            push_text(parts, c.encode_utf8(&mut [0; 4]));
                        }
                        None => {}
                    }
                }
                Some('`') => {
                    let part = self.backticks(Quoting::Double);
                    parts.push(part);
                }
                Some('$') => self.dollar(Quoting::Double, parts),
                Some(c) => {
                    self.advance();
                    push_text(parts, c.encode_utf8(&mut [0; 4]));
                }
            }
        }
    }

    /// Reads `~name` if nothing quoted or expanded is in the name.
    fn tilde(&mut self, reading: &mut Reading) {
        let is_user = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
        let user: String = self.ahead().skip(1).take_while(is_user).collect();
        let length = 1 + user.chars().count();
        let expands = match self.peek_after(length) {
            None | Some('/' | ':') => true,
            Some('=') => self.peek_after(length + 1) == Some('~'),
            Some(c) => is_meta(c),
        };
        self.advance();
        if expands {
            for _ in user.chars() {
                self.advance();
            }
            reading.parts.push(Part::Tilde(user));
        } else {
            reading.push_char('~');
        }
    }

    /// Reads a bracket expression; false if `[` stands for itself.
    fn bracket(&mut self, reading: &mut Reading) -> bool {
        let mut text = String::from("[");
        let mut first = true;
        for c in self.ahead().skip(1).take(limits::BRACKET_CHARS_MAX) {
            match c {
                ']' if !first => {
                    text.push(c);
                    for _ in text.chars() {
                        self.advance();
                    }
                    reading.parts.push(Part::Glob(text));
                    return true;
                }
                // What is quoted or expanded inside is read on its own; the word is a pattern all the same.
                '\\' | '\'' | '"' | '`' | '$' => break,
                _ if is_meta(c) => return false,
                _ => {}
            }
            first = first && matches!(c, '!' | '^');
            text.push(c);
        }
        let last = self.peek_after(text.chars().count()).is_none();
        if !last {
            self.advance();
            reading.parts.push(Part::Glob("[".to_owned()));
        }
        !last
    }

    fn at_extended_glob(&self, place: Place, c: char) -> bool {
        let opens = matches!(c, '?' | '*' | '+' | '@' | '!') && self.peek_after(1) == Some('(');
        // `a+() { ...; }` defines a function.
        let function = place == Place::Name && self.peek_after(2) == Some(')');
        opens && !function && place != Place::Regex
    }

    /// Reads `@(...)`. Without `extglob`, which is off at first, bash rejects it outside `[[ ]]`.
    fn extended_glob(&mut self, reading: &mut Reading) {
        let start = self.here();
        self.advance();
        self.advance();
        let mut nested = Vec::new();
        self.matched(Some('('), ')', Quoting::Bare, &mut nested);
        reading.parts.push(Part::Glob(self.slice(start, self.pos).to_owned()));
        reading.parts.extend(nested.into_iter().map(Part::Substitution));
        if reading.place != Place::Pattern && !self.failed {
            self.doubt(DoubtKind::Syntax, start, self.pos);
        }
    }
}
