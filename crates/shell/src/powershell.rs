//! The structure of a PowerShell text: which commands it runs, with which words.
//!
//! This is no parser of the language. It knows statements and pipelines, quotes, escapes, comments,
//! here-strings, script blocks, subexpressions and the call operator, and finds the commands inside
//! all of these. Everything else (expressions, .NET calls, keywords, hash tables, splatting, stop-parsing)
//! it marks with a doubt; the commands that it found so far stay, so that a rule that forbids one still
//! meets it.

mod words;

use crate::parse::characters;
use crate::tree::Span;

/// Bytes of text that are read.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Depth of blocks and subexpressions.
const DEPTH_MAX: usize = 32;
/// Commands of one text.
const COMMANDS_MAX: usize = 1_000;

/// What is known of a PowerShell text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Powershell {
    /// Every command found, those of blocks and subexpressions among them, by where they begin.
    pub commands: Vec<Invocation>,
    /// Why the commands may not be all, or not what they seem. Nothing may be allowed then.
    pub doubts: Vec<&'static str>,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invocation {
    /// Its name and arguments.
    pub words: Vec<Argument>,
    /// The files that redirections write.
    pub redirects: Vec<Argument>,
    /// True when it takes what another command gives.
    pub piped: bool,
    /// Where it stands.
    pub span: Span,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Argument {
    /// Its text without quotes and escapes; as written where it is not literal.
    pub text: String,
    /// True when the text is all that the command gets.
    pub literal: bool,
    /// True when a quote stands at its beginning: it is no parameter then.
    pub quoted: bool,
    /// True when a comma stands before it.
    pub joined: bool,
}

/// Reads a PowerShell text.
pub fn parse(text: &str) -> Powershell {
    let mut reader = Reader { text, pos: 0, depth: 0, found: Powershell::default() };
    if text.len() > TEXT_BYTES_MAX {
        reader.doubt("it is too long");
        return reader.found;
    }
    if !characters::doubts(text).is_empty() {
        reader.doubt("it holds characters that hide what it says");
    }
    // The language takes typographic quotes and dashes for plain ones.
    if text.contains(['‘', '’', '‚', '‛', '“', '”', '„', '–', '—', '―']) {
        reader.doubt("it holds typographic quotes or dashes");
    }
    reader.list(None);
    reader.found.commands.sort_by_key(|command| command.span.start);
    reader.found
}

const KEYWORDS: [&str; 32] = [
    "begin",
    "break",
    "catch",
    "class",
    "clean",
    "configuration",
    "continue",
    "data",
    "do",
    "dynamicparam",
    "else",
    "elseif",
    "end",
    "enum",
    "exit",
    "filter",
    "finally",
    "for",
    "foreach",
    "function",
    "hidden",
    "if",
    "in",
    "param",
    "process",
    "return",
    "static",
    "switch",
    "throw",
    "trap",
    "try",
    "while",
];
const MORE_KEYWORDS: [&str; 6] = ["until", "using", "workflow", "parallel", "sequence", "inlinescript"];

struct Reader<'t> {
    text: &'t str,
    pos: usize,
    depth: usize,
    found: Powershell,
}

impl Reader<'_> {
    fn doubt(&mut self, why: &'static str) {
        if !self.found.doubts.contains(&why) {
            self.found.doubts.push(why);
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    fn advance(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.pos += letter.len_utf8();
        Some(letter)
    }

    fn eat(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.pos += text.len();
        }
        is_next
    }

    /// Goes over blanks, continued lines and comments; newlines too where a statement may begin.
    fn blanks(&mut self, newlines: bool) {
        loop {
            if self.eat("`\n") || self.eat("`\r\n") {
                continue;
            }
            match self.peek() {
                Some(' ' | '\t') => {
                    self.advance();
                }
                Some('\n' | '\r') if newlines => {
                    self.advance();
                }
                Some('#') => {
                    while self.peek().is_some_and(|letter| letter != '\n') {
                        self.advance();
                    }
                }
                Some('<') if self.second() == Some('#') => match self.rest().find("#>") {
                    Some(end) => self.pos += end + 2,
                    None => {
                        self.doubt("a comment is not closed");
                        self.pos = self.text.len();
                    }
                },
                Some(_) | None => return,
            }
        }
    }

    /// Reads statements up to the bracket that closes them.
    fn list(&mut self, close: Option<char>) {
        if self.depth >= DEPTH_MAX {
            self.doubt("it is nested too deep");
            self.pos = self.text.len();
            return;
        }
        self.depth += 1;
        let mut piped = false;
        loop {
            self.blanks(true);
            let Some(letter) = self.peek() else {
                if close.is_some() {
                    self.doubt("a bracket is not closed");
                }
                break;
            };
            if Some(letter) == close {
                self.advance();
                break;
            }
            match letter {
                ')' | '}' => {
                    self.doubt("a bracket closes what is not open");
                    self.advance();
                }
                ';' => {
                    self.advance();
                    piped = false;
                }
                '|' => {
                    self.advance();
                    // `||` begins anew; a single one hands over.
                    piped = !self.eat("|");
                }
                '&' if self.second() == Some('&') => {
                    self.pos += 2;
                    piped = false;
                }
                _ => {
                    let before = self.pos;
                    self.statement(piped);
                    piped = false;
                    if self.pos == before {
                        self.doubt("a character stands where no command can begin");
                        self.advance();
                    }
                }
            }
            if self.found.commands.len() > COMMANDS_MAX {
                self.doubt("it has too many commands");
                self.pos = self.text.len();
            }
        }
        self.depth -= 1;
    }

    fn statement(&mut self, piped: bool) {
        let Some(letter) = self.peek() else { return };
        match letter {
            '&' => {
                self.advance();
                self.blanks(false);
                self.command(piped, Kind::Command);
            }
            '.' if self.second().is_none_or(|next| matches!(next, ' ' | '\t' | '\'' | '"' | '$' | '(')) => {
                self.advance();
                self.blanks(false);
                self.command(piped, Kind::Command);
            }
            '$' => self.variable_statement(piped),
            '(' => {
                self.advance();
                self.list(Some(')'));
                self.blanks(false);
                if !self.is_end() {
                    self.doubt("it holds an expression");
                    self.command(piped, Kind::Expression);
                }
            }
            '[' | '\'' | '"' | '@' | '{' | '-' | '+' | '!' | ',' | '<' | '>' | '0'..='9' => {
                self.doubt("it holds an expression");
                self.command(piped, Kind::Expression);
            }
            _ => {
                let word: String = self
                    .rest()
                    .chars()
                    .take_while(|letter| letter.is_ascii_alphabetic())
                    .collect::<String>()
                    .to_lowercase();
                if KEYWORDS.contains(&word.as_str()) || MORE_KEYWORDS.contains(&word.as_str()) {
                    let after = self.rest().chars().nth(word.len());
                    if after.is_none_or(|letter| !letter.is_ascii_alphanumeric() && !"-_.\\/".contains(letter)) {
                        self.doubt("it holds a statement of the language");
                        self.pos += word.len();
                        return self.command(piped, Kind::Expression);
                    }
                }
                self.command(piped, Kind::Command);
            }
        }
    }

    /// `$x`, `$x = command`, or an expression.
    fn variable_statement(&mut self, piped: bool) {
        let begin = self.pos;
        let is_plain = self.variable();
        let name = self.text.get(begin..self.pos).unwrap_or_default().to_lowercase();
        self.blanks(false);
        let assigns = ["=", "+=", "??="].iter().any(|operator| self.rest().starts_with(operator))
            && !self.rest().starts_with("==");
        if is_plain && assigns {
            // What is assigned to a drive or a preference changes what later words mean.
            if name.contains(':') || name.contains("preference") || name.contains("psdefault") {
                self.doubt("it sets what other commands go by");
            }
            while self.peek().is_some_and(|letter| "+?=".contains(letter)) {
                self.advance();
            }
            self.blanks(true);
            return self.statement(piped);
        }
        if !is_plain || !self.is_end() {
            self.doubt("it holds an expression");
            self.command(piped, Kind::Expression);
        }
    }

    fn is_end(&self) -> bool {
        self.peek().is_none_or(|letter| matches!(letter, '\n' | '\r' | ';' | '|' | '&' | ')' | '}'))
    }

    /// Reads words up to the end of a command.
    fn command(&mut self, piped: bool, kind: Kind) {
        let begin = self.pos;
        let mut command = Invocation { piped, ..Invocation::default() };
        let mut joined = false;
        loop {
            self.blanks(false);
            if self.is_end() {
                break;
            }
            if self.eat("--%") {
                self.doubt("it stops the language's own parsing");
                while self.peek().is_some_and(|letter| letter != '\n') {
                    self.advance();
                }
                break;
            }
            if self.eat(",") {
                joined = true;
                self.blanks(true);
                continue;
            }
            if self.redirect(&mut command) {
                continue;
            }
            let before = self.pos;
            let word = self.word();
            command.words.push(Argument { joined, ..word });
            joined = false;
            if self.pos == before {
                self.doubt("a character stands where no word can");
                self.advance();
            }
        }
        command.span = Span { start: begin, end: self.pos };
        let is_command = match kind {
            Kind::Command => !command.words.is_empty() || !command.redirects.is_empty(),
            Kind::Expression => !command.redirects.is_empty(),
        };
        if is_command {
            if kind == Kind::Expression {
                command.words.clear();
            }
            self.found.commands.push(command);
        }
        // A single `&` puts the command before it into the background.
        if self.peek() == Some('&') && self.second() != Some('&') {
            self.advance();
        }
    }

    /// `>`, `>>`, `2>`, `*>`, `2>&1`.
    fn redirect(&mut self, command: &mut Invocation) -> bool {
        let stream = self.peek().filter(|letter| letter.is_ascii_digit() || *letter == '*');
        let width = usize::from(stream.is_some() && self.second() == Some('>'));
        let operator = self.text.get(self.pos + width..).unwrap_or_default();
        if operator.starts_with('<') {
            self.doubt("it holds a redirection that the language does not have");
            self.advance();
            return true;
        }
        if !operator.starts_with('>') {
            return false;
        }
        self.pos += width + 1;
        self.eat(">");
        if self.eat("&1") || self.eat("&2") {
            return true;
        }
        self.blanks(false);
        if self.is_end() {
            self.doubt("a redirection names no file");
        } else {
            let target = self.word();
            command.redirects.push(target);
        }
        true
    }
}

/// What stands at the beginning of a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Command,
    Expression,
}

#[cfg(test)]
mod tests;
