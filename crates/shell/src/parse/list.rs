//! Lists and pipelines.

use super::Parser;
use crate::tree::{Command, DoubtKind, Follows, Item, Pipeline, Simple};

/// The reserved words that can only end a list. Whoever asked for the list checks which one it was.
const CLOSERS: [&str; 10] = ["then", "do", "done", "fi", "elif", "else", "esac", "}", "in", "]]"];

impl Parser<'_> {
    /// Reads commands up to something that is not one.
    pub(super) fn list(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            self.skip_lines();
            if self.peek().is_none() || self.at_closer() {
                break;
            }
            let first = items.len();
            self.and_or(&mut items);
            self.skip_blanks();
            match self.peek() {
                Some('\n') => {}
                Some(';') if !matches!(self.peek_after(1), Some(';' | '&')) => {
                    self.advance();
                }
                Some('&') if !matches!(self.peek_after(1), Some('&' | '>')) => {
                    self.advance();
                    self.dialect_background();
                    for item in items.iter_mut().skip(first) {
                        item.background = true;
                    }
                }
                _ => break,
            }
        }
        items
    }

    /// Reads a list that must hold a command.
    pub(super) fn body(&mut self) -> Vec<Item> {
        let items = self.list();
        if items.is_empty() {
            self.fail(DoubtKind::Syntax);
        }
        items
    }

    pub(super) fn at_closer(&self) -> bool {
        self.looks_at(")")
            || self.looks_at(";;")
            || self.looks_at(";&")
            || CLOSERS.iter().any(|word| self.looks_at_word(word))
    }

    /// Reads pipelines joined by `&&` and `||`.
    fn and_or(&mut self, items: &mut Vec<Item>) {
        let mut follows = Follows::Always;
        loop {
            let Some(command) = self.pipeline() else {
                self.fail(DoubtKind::Syntax);
                return;
            };
            items.push(Item { follows, background: false, command });
            self.skip_blanks();
            if self.take("&&") {
                follows = Follows::And;
            } else if self.take("||") {
                follows = Follows::Or;
            } else {
                return;
            }
            self.skip_lines();
        }
    }

    fn pipeline(&mut self) -> Option<Command> {
        let (mut negated, mut timed, mut prefixed) = (false, false, false);
        loop {
            self.skip_blanks();
            if self.take_word("!") {
                negated = !negated;
                if self.peek() == Some('(') {
                    // With `extglob` this is a pattern, without it a negated subshell.
                    self.doubt(DoubtKind::Dialect, self.pos - 1, self.pos + 1);
                }
            } else if self.take_word("time") {
                timed = true;
                self.skip_blanks();
                if self.take_word("-p") {
                    self.skip_blanks();
                }
                self.take_word("--");
            } else {
                break;
            }
            prefixed = true;
        }
        let mut stages = Vec::new();
        if prefixed && matches!(self.peek(), None | Some('\n' | ';')) {
            // A lone `!` or `time` is a command that does nothing.
            let span = self.span(self.pos, self.pos);
            stages.push(Command::Simple(Simple { span, ..Simple::default() }));
        } else {
            self.stages(&mut stages)?;
        }
        if stages.len() == 1 && !negated && !timed {
            return stages.pop();
        }
        Some(Command::Pipeline(Pipeline { negated, timed, stages }))
    }

    fn stages(&mut self, stages: &mut Vec<Command>) -> Option<()> {
        loop {
            stages.push(self.command()?);
            self.skip_blanks();
            if self.peek() != Some('|') || self.peek_after(1) == Some('|') {
                return Some(());
            }
            if !self.take("|&") {
                self.advance();
            }
            self.skip_lines();
            if self.looks_at_word("!") {
                return None;
            }
        }
    }
}
