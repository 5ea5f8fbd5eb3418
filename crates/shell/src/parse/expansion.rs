//! Everything that begins with `$`, backticks, and process substitutions.

use super::cursor::{is_name_char, is_name_start};
use super::word::push_text;
use super::{Origin, Parser};
use crate::tree::{DoubtKind, Part, Script, Variable};

/// The quotes around an expansion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// None.
    Bare,
    /// Double quotes, and arithmetic, which is expanded as if it stood in them.
    Double,
    /// The body of a here-document, where a double quote is an ordinary character.
    Here,
}

/// Transformations of `${name@...}` that only rewrite the value.
const HARMLESS: &str = "QUuLEaAKk";

impl Parser<'_> {
    /// Reads what `$` begins; on its own it stands for itself.
    pub(super) fn dollar(&mut self, quoting: Quoting, parts: &mut Vec<Part>) {
        let start = self.here();
        self.advance();
        let quoted = quoting != Quoting::Bare;
        match self.peek() {
            Some('(') => {
                self.advance();
                let part = self.deeper(|parser| parser.parenthesized(start));
                parts.extend(part);
            }
            Some('{') => {
                self.advance();
                let variable = self.deeper(|parser| parser.braced(start, quoting));
                parts.extend(variable.map(Part::Variable));
            }
            Some('[') => {
                self.advance();
                let part = self.deeper(|parser| parser.bracketed(start));
                parts.extend(part.map(Part::Arithmetic));
            }
            Some(c) if is_name_start(c) => {
                let name = self.name();
                self.dialect_variable(start);
                parts.push(plain_variable(name, quoted));
            }
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(c) => {
                self.advance();
                self.dialect_variable(start);
                if c == '#' {
                    self.dialect_count(start);
                }
                parts.push(plain_variable(c.to_string(), quoted));
            }
            Some(c) => {
                self.dialect_dollar(start, c);
                push_text(parts, "$");
            }
            None => push_text(parts, "$"),
        }
    }

    fn name(&mut self) -> String {
        let name: String = self.ahead().take_while(|&c| is_name_char(c)).collect();
        for _ in name.chars() {
            self.advance();
        }
        name
    }

    /// Reads the rest of `$(...)` or `$((...))`.
    ///
    /// Bash looks for the closing parenthesis first. If the text between is one balanced pair of
    /// parentheses it is arithmetic, else it is a command that begins with a subshell.
    fn parenthesized(&mut self, start: usize) -> Part {
        if self.peek() != Some('(') {
            return Part::Substitution(self.script_in_parentheses());
        }
        let inside = self.pos;
        let mark = self.ledger.doubts.len();
        let mut nested = Vec::new();
        let text = self.matched(Some('('), ')', Quoting::Double, &mut nested);
        let end = self.pos;
        if self.failed {
            return Part::Arithmetic(self.arithmetic(text, nested, start));
        }
        if let Some(expression) = arithmetic_text(&text) {
            return Part::Arithmetic(self.arithmetic(expression.to_owned(), nested, start));
        }
        self.ledger.doubts.truncate(mark);
        if !self.pay(end - inside) {
            self.fail(DoubtKind::Limit);
        } else {
            self.pos = inside;
        }
        let script = self.script_in_parentheses();
        if !self.failed && self.pos != end {
            self.doubt(DoubtKind::Syntax, start, end);
        }
        Part::Substitution(script)
    }

    /// Reads a script and the parenthesis that closes it.
    pub(super) fn script_in_parentheses(&mut self) -> Script {
        let mark = self.ledger.doubts.len();
        // The here-documents of the line around begin after that line, not inside the parentheses.
        let pending = std::mem::take(&mut self.pending);
        let outside = std::mem::replace(&mut self.in_substitution, true);
        let items = self.list();
        if self.peek() == Some(')') {
            self.advance();
        } else {
            self.fail(DoubtKind::Syntax);
        }
        self.leave_heredocs();
        self.pending = pending;
        self.in_substitution = outside;
        Script { items, doubts: self.doubts_since(mark) }
    }

    /// Reads `<(...)` or `>(...)`.
    pub(super) fn process(&mut self) -> Part {
        self.advance();
        self.advance();
        let script = self.deeper(Self::script_in_parentheses).unwrap_or_default();
        Part::Process(script)
    }

    /// Reads a command in backticks: unescaped first, then parsed as a text of its own.
    pub(super) fn backticks(&mut self, quoting: Quoting) -> Part {
        let start = self.here();
        self.advance_raw();
        let mut inside = String::new();
        loop {
            match self.advance_raw() {
                None => {
                    self.fail(DoubtKind::Syntax);
                    return Part::Substitution(Script { items: Vec::new(), doubts: Vec::new() });
                }
                Some('`') => break,
                Some('\\') => match self.advance_raw() {
                    Some(c @ ('$' | '`' | '\\')) => inside.push(c),
                    Some('"') if quoting == Quoting::Double => inside.push('"'),
                    Some(c) => inside.extend(['\\', c]),
                    None => {}
                },
                Some(c) => inside.push(c),
            }
        }
        let span = self.span(start, self.pos);
        Part::Substitution(self.inner(&inside, Origin::Within(span)).whole_script())
    }

    /// Reads the rest of `${...}`.
    fn braced(&mut self, start: usize, quoting: Quoting) -> Variable {
        if matches!(self.peek(), Some(' ' | '\t' | '\n' | '|')) {
            return self.braced_command(start, quoting);
        }
        let name = self.parameter(start);
        let operation = self.here();
        let mut nested = Vec::new();
        let mut after_subscript = operation;
        if self.peek() == Some('[') {
            self.advance();
            let subscript = self.matched(Some('['), ']', Quoting::Double, &mut nested);
            self.doubt_subscript(&subscript, start);
            after_subscript = self.pos;
        }
        let rest = self.matched(None, '}', quoting, &mut nested);
        let whole = format!("{}{rest}", self.slice(operation, after_subscript));
        self.dialect_operation(&rest, start);
        if runs_code(&rest, !nested.is_empty()) {
            self.doubt(DoubtKind::Unmodelled, start, self.pos);
        }
        Variable { name, operation: whole, nested, quoted: quoting != Quoting::Bare }
    }

    /// Reads the parameter of `${...}`. `!` and `#` before a name are taken as the parameter.
    fn parameter(&mut self, start: usize) -> String {
        match self.peek() {
            Some(c) if is_name_start(c) => self.name(),
            Some(c) if c.is_ascii_digit() => {
                let digits: String = self.ahead().take_while(char::is_ascii_digit).collect();
                for _ in digits.chars() {
                    self.advance();
                }
                digits
            }
            Some(c @ ('@' | '*' | '#' | '?' | '-' | '$' | '!')) => {
                self.advance();
                let next = self.peek();
                if c == '!' && next.is_some_and(|c| is_name_char(c) || "@*#?-$!".contains(c)) {
                    self.doubt(DoubtKind::Unmodelled, start, self.pos);
                }
                c.to_string()
            }
            Some(_) | None => {
                // Bash refuses this when it runs; zsh has flags here, some of which run code.
                self.doubt(DoubtKind::Dialect, start, self.pos);
                String::new()
            }
        }
    }

    /// Reads `${ command; }`: a substitution for newer shells, an error for older ones.
    fn braced_command(&mut self, start: usize, quoting: Quoting) -> Variable {
        let inside = self.pos;
        let text = self.matched(None, '}', quoting, &mut Vec::new());
        let offset = self.span(inside, inside).start;
        let origin = match self.origin {
            Origin::At(_) => Origin::At(offset),
            Origin::Within(span) => Origin::Within(span),
        };
        let command = text.strip_prefix('|').map_or_else(|| text.clone(), |command| format!(" {command}"));
        let script = self.inner(&command, origin).whole_script();
        self.doubt(DoubtKind::Dialect, start, self.pos);
        Variable { name: String::new(), operation: text, nested: vec![script], quoted: quoting != Quoting::Bare }
    }
}

fn plain_variable(name: String, quoted: bool) -> Part {
    Part::Variable(Variable { name, operation: String::new(), nested: Vec::new(), quoted })
}

/// Returns the expression in `text`, which stood in `$(...)`, if it is one pair of parentheses.
fn arithmetic_text(text: &str) -> Option<&str> {
    let expression = text.strip_prefix('(')?.strip_suffix(')')?;
    let mut level = 0_usize;
    let mut chars = expression.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), _) if c != '\'' => {}
            (_, '\\') => {
                chars.next();
            }
            (Some(open), _) => {
                if c == open {
                    quote = None;
                }
            }
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => level += 1,
            (None, ')') => level = level.checked_sub(1)?,
            (None, _) => {}
        }
    }
    (level == 0).then_some(expression)
}

/// Returns true when evaluating the operation may run code that is not in the tree.
fn runs_code(operation: &str, nested: bool) -> bool {
    let mut chars = operation.chars();
    match (chars.next(), chars.next()) {
        (Some('@'), Some(letter)) => !HARMLESS.contains(letter) || chars.next().is_some(),
        // A substring: offset and length are arithmetic.
        (Some(':'), Some(c)) if !"-=?+".contains(c) => nested || operation.contains(['[', '\\']),
        (_, _) => false,
    }
}
