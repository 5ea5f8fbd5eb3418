//! Commands: which kind stands here, and simple ones and functions in full.

use super::Parser;
use super::word::Place;
use crate::tree::{Command, Compound, CompoundKind, DoubtKind, Follows, Function, Item, Simple};

/// Builtins whose arguments may be array assignments, which the grammar has to know.
const ASSIGNING: [&str; 8] = ["alias", "declare", "eval", "export", "let", "local", "readonly", "typeset"];

impl Parser<'_> {
    /// Reads one command, or nothing if none stands here.
    pub(super) fn command(&mut self) -> Option<Command> {
        self.skip_blanks();
        if self.at_closer() || !self.count_command() {
            return None;
        }
        if let Some(compound) = self.compound() {
            return Some(Command::Compound(compound));
        }
        if self.looks_at_word("function") {
            return Some(self.function_keyword());
        }
        if self.looks_at_word("coproc") {
            return Some(self.coproc());
        }
        self.simple()
    }

    /// Reads assignments, words and redirections; a function if `()` follows the first word.
    fn simple(&mut self) -> Option<Command> {
        let start = self.here();
        let mut simple = Simple::default();
        let mut end = start;
        let mut takes_arrays = false;
        loop {
            self.skip_blanks();
            if let Some(redirect) = self.redirect() {
                simple.redirects.push(redirect);
            } else if simple.words.is_empty() && self.at_assignment() {
                self.assignment_or_word(&mut simple);
            } else if takes_arrays && self.at_array_argument() {
                let word = self.array_argument();
                simple.words.push(word);
            } else {
                let first = simple.words.is_empty();
                let Some(reading) = self.reading(if first { Place::Name } else { Place::Argument }) else { break };
                end = reading.end;
                if first {
                    let written = self.slice(reading.start, reading.end);
                    takes_arrays = ASSIGNING.contains(&written);
                    if reading.start == start && self.at_parentheses() {
                        return Some(self.function_parentheses(written.to_owned(), start));
                    }
                }
                self.finish(reading, &mut simple.words);
                continue;
            }
            end = self.pos;
        }
        if end == start {
            return None;
        }
        simple.span = self.span(start, end);
        Some(Command::Simple(simple))
    }

    fn at_parentheses(&mut self) -> bool {
        self.skip_blanks();
        self.peek() == Some('(') && self.ahead().skip(1).find(|c| !matches!(c, ' ' | '\t')) == Some(')')
    }

    /// Reads `() body` after a name.
    fn function_parentheses(&mut self, name: String, start: usize) -> Command {
        self.advance();
        self.skip_blanks();
        self.advance();
        self.function_body(name, start)
    }

    /// Reads `function name [()] body`.
    fn function_keyword(&mut self) -> Command {
        let start = self.here();
        self.take_word("function");
        self.skip_blanks();
        let name_start = self.here();
        let name = match self.reading(Place::Name) {
            Some(reading) => self.slice(name_start, reading.end).to_owned(),
            None => {
                self.fail(DoubtKind::Syntax);
                String::new()
            }
        };
        // `function name (list)` is a body in a subshell, not parentheses of the name.
        if self.at_parentheses() {
            return self.function_parentheses(name, start);
        }
        self.function_body(name, start)
    }

    fn function_body(&mut self, name: String, start: usize) -> Command {
        self.skip_lines();
        let body = match self.compound() {
            Some(compound) => Command::Compound(compound),
            None => {
                self.fail(DoubtKind::Syntax);
                Command::Simple(Simple::default())
            }
        };
        let span = self.span(start, self.pos);
        Command::Function(Function { name, body: Box::new(body), span })
    }

    /// Reads `coproc [name] command`. The name is only one if a compound command follows.
    fn coproc(&mut self) -> Command {
        let start = self.here();
        self.take_word("coproc");
        self.skip_blanks();
        let mut variable = None;
        let mut command = self.compound().map(Command::Compound);
        if command.is_none() {
            let name_start = self.here();
            let name: String = self.ahead().take_while(|&c| super::cursor::is_name_char(c)).collect();
            if !name.is_empty() && self.take_word(&name) {
                self.skip_blanks();
                command = self.compound().map(Command::Compound);
                variable = Some(name);
            }
            if command.is_none() {
                variable = None;
                self.pos = if self.failed { self.pos } else { name_start };
                command = if self.looks_at_word("!") || self.at_closer() { None } else { self.simple() };
            }
        }
        if command.is_none() {
            self.fail(DoubtKind::Syntax);
        }
        self.doubt(DoubtKind::Unmodelled, start, self.pos);
        let body = command.map(|command| Item { follows: Follows::Always, background: false, command });
        let span = self.span(start, self.pos);
        Command::Compound(Compound {
            kind: CompoundKind::Coproc,
            words: Vec::new(),
            variable,
            bodies: vec![body.into_iter().collect()],
            redirects: Vec::new(),
            span,
        })
    }
}
