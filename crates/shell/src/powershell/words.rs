//! Words of a PowerShell command: bare, quoted, and what is found inside them.

use super::{Argument, Reader};

/// A word in the making.
struct Making {
    text: String,
    literal: bool,
}

impl Reader<'_> {
    /// Reads a word.
    pub(super) fn word(&mut self) -> Argument {
        let begin = self.pos;
        let mut making = Making { text: String::new(), literal: true };
        let quoted = matches!(self.peek(), Some('\'' | '"'));
        match self.peek() {
            Some('(') => self.nested(1, ')', &mut making),
            Some('{') => self.nested(1, '}', &mut making),
            Some('@') => self.at_sign(&mut making),
            Some(_) | None => {
                self.pieces(&mut making, quoted);
                return self.finished(making, begin, quoted);
            }
        }
        // Something that goes on behind a bracket is a member of what the bracket gives.
        if !self.is_word_end() {
            self.doubt("it holds an expression");
            self.pieces(&mut making, false);
        }
        self.finished(making, begin, quoted)
    }

    fn finished(&self, making: Making, begin: usize, quoted: bool) -> Argument {
        let written = self.text.get(begin..self.pos).unwrap_or_default();
        let text = if making.literal { making.text } else { written.to_owned() };
        Argument { text, literal: making.literal, quoted, joined: false }
    }

    fn is_word_end(&self) -> bool {
        self.is_end() || self.peek().is_none_or(|letter| matches!(letter, ' ' | '\t' | ',' | '<' | '>'))
    }

    /// Reads what stands without a blank: bare text, quotes, variables.
    fn pieces(&mut self, making: &mut Making, quoted: bool) {
        let mut first = true;
        while let Some(letter) = self.peek() {
            if self.is_word_end() {
                return;
            }
            // A string at the beginning ends the word, whatever follows.
            if quoted && !first {
                self.doubt("something stands directly behind a string");
            }
            first = false;
            match letter {
                '\'' => self.single_quoted(making),
                '"' => self.double_quoted(making),
                '`' => self.escape(making),
                '$' => self.dollar(making),
                '(' | '{' => {
                    self.doubt("a bracket stands inside a word");
                    let close = if letter == '(' { ')' } else { '}' };
                    self.nested(1, close, making);
                }
                _ => {
                    making.text.push(letter);
                    self.advance();
                }
            }
        }
    }

    fn nested(&mut self, opening: usize, close: char, making: &mut Making) {
        making.literal = false;
        self.pos += opening;
        self.list(Some(close));
    }

    fn at_sign(&mut self, making: &mut Making) {
        match self.second() {
            Some('(') => self.nested(2, ')', making),
            Some('{') => {
                self.doubt("it holds a table");
                self.nested(2, '}', making);
            }
            Some(quote @ ('\'' | '"')) => self.here_string(quote, making),
            Some(_) | None => {
                self.doubt("it holds arguments that a variable names");
                making.literal = false;
                self.advance();
                self.pieces(making, false);
            }
        }
    }

    /// `@'` to `'@` at the beginning of a line.
    fn here_string(&mut self, quote: char, making: &mut Making) {
        self.pos += 2;
        let end = format!("\n{quote}@");
        let rest = self.rest().to_owned();
        let opens = rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n');
        let (Some(start), Some(stop)) = (rest.find('\n').filter(|_| opens), rest.find(&end)) else {
            self.doubt("a here-string is not closed");
            self.pos = self.text.len();
            return;
        };
        let body = rest.get(start + 1..stop.max(start + 1)).unwrap_or_default();
        if quote == '"' && body.contains(['$', '`']) {
            making.literal = false;
            if body.contains("$(") {
                self.doubt("a here-string holds a command");
            }
        }
        making.text.push_str(body);
        self.pos += stop + end.len();
    }

    fn single_quoted(&mut self, making: &mut Making) {
        self.advance();
        loop {
            if self.eat("''") {
                making.text.push('\'');
                continue;
            }
            match self.advance() {
                Some('\'') => return,
                Some(letter) => making.text.push(letter),
                None => return self.doubt("a quote is not closed"),
            }
        }
    }

    fn double_quoted(&mut self, making: &mut Making) {
        self.advance();
        loop {
            if self.eat("\"\"") {
                making.text.push('"');
                continue;
            }
            match self.peek() {
                Some('"') => {
                    self.advance();
                    return;
                }
                Some('`') => self.escape(making),
                Some('$') => self.dollar(making),
                Some(letter) => {
                    making.text.push(letter);
                    self.advance();
                }
                None => return self.doubt("a quote is not closed"),
            }
        }
    }

    /// A backtick: most letters stand for themselves behind it, some for a control character.
    fn escape(&mut self, making: &mut Making) {
        self.advance();
        match self.advance() {
            Some('0' | 'a' | 'b' | 'e' | 'f' | 'n' | 'r' | 't' | 'u' | 'v' | '\n' | '\r') => {
                self.doubt("an escape stands for a control character");
                making.literal = false;
            }
            Some(letter) => making.text.push(letter),
            None => self.doubt("an escape stands at the end"),
        }
    }

    /// A variable or a subexpression, or a plain `$`.
    fn dollar(&mut self, making: &mut Making) {
        match self.second() {
            Some('(') => self.nested(2, ')', making),
            Some(letter) if letter.is_alphanumeric() || "_{?^$:".contains(letter) => {
                making.literal = false;
                self.variable();
            }
            Some(_) | None => {
                self.advance();
                making.text.push('$');
            }
        }
    }

    /// Reads a variable; false when a member or an element of it follows.
    pub(super) fn variable(&mut self) -> bool {
        self.advance();
        if self.eat("{") {
            match self.rest().find('}') {
                Some(end) => self.pos += end + 1,
                None => {
                    self.doubt("a bracket is not closed");
                    self.pos = self.text.len();
                }
            }
        } else if self.peek().is_some_and(|letter| "?^$".contains(letter)) {
            self.advance();
        } else {
            while self.peek().is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':') {
                self.advance();
            }
        }
        match self.peek() {
            Some('.') if self.second().is_some_and(|letter| letter.is_alphabetic() || "$'\"(".contains(letter)) => {
                // `$x.Name` inside a string is the variable and text; a call is more than that.
                let member: usize =
                    1 + self.rest().chars().skip(1).take_while(|letter| letter.is_alphanumeric()).count();
                if self.rest().chars().nth(member) == Some('(') {
                    self.doubt("it calls a method");
                }
                false
            }
            Some('[' | '(') => {
                self.doubt("it holds an expression");
                false
            }
            Some(_) | None => true,
        }
    }
}
