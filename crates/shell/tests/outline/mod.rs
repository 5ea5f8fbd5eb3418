//! A tree as text: one command a line, what is inside a command indented below it.
//!
//! - `run` is a simple command: assignments, words, redirections.
//! - A literal stands bare if nothing in it was quoted, else in double quotes, with escapes. Parts of a word are
//!   joined by `+`: `glob(*)`, `tilde(user)`, `var(name)`, `var(name operation)`, `cmd`, `proc`,
//!   `math(text)`. A variable in quotes is `"var(name)"`.
//! - The scripts inside a line's words follow it, each below a line `in cmd`, `in proc`, `in var` or
//!   `in math`.
//! - `and` and `or` say how a command follows the one before; a last `&` is the background.
//! - `doubt` lines come last, with their byte range.

use shell::tree::{
    Assignment, Command, Compound, CompoundKind, DoubtKind, Follows, Item, Part, Redirect, RedirectOp, Script, Simple,
    Word,
};

pub(crate) fn of(script: &Script) -> String {
    let mut outline = Outline { text: String::new() };
    outline.items(&script.items, 0);
    for doubt in &script.doubts {
        let kind = match doubt.kind {
            DoubtKind::Syntax => "syntax",
            DoubtKind::Characters => "characters",
            DoubtKind::Limit => "limit",
            DoubtKind::Unmodelled => "unmodelled",
            DoubtKind::Dialect => "dialect",
        };
        outline.line(0, &format!("doubt {kind} {}..{}", doubt.span.start, doubt.span.end));
    }
    outline.text
}

struct Outline {
    text: String,
}

impl Outline {
    fn line(&mut self, depth: usize, text: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn items(&mut self, items: &[Item], depth: usize) {
        for item in items {
            let prefix = match item.follows {
                Follows::Always => "",
                Follows::And => "and ",
                Follows::Or => "or ",
            };
            self.command(&item.command, prefix, if item.background { " &" } else { "" }, depth);
        }
    }

    fn command(&mut self, command: &Command, prefix: &str, suffix: &str, depth: usize) {
        match command {
            Command::Simple(simple) => self.simple(simple, prefix, suffix, depth),
            Command::Pipeline(pipeline) => {
                let negated = if pipeline.negated { " not" } else { "" };
                let timed = if pipeline.timed { " time" } else { "" };
                self.line(depth, &format!("{prefix}pipeline{timed}{negated}{suffix}"));
                for stage in &pipeline.stages {
                    self.command(stage, "", "", depth + 1);
                }
            }
            Command::Compound(compound) => self.compound(compound, prefix, suffix, depth),
            Command::Function(function) => {
                self.line(depth, &format!("{prefix}function {}{suffix}", function.name));
                self.command(&function.body, "", "", depth + 1);
            }
        }
    }

    fn simple(&mut self, simple: &Simple, prefix: &str, suffix: &str, depth: usize) {
        let mut text = format!("{prefix}run");
        for assignment in &simple.assignments {
            text.push_str(&format!(" {}", assigned(assignment)));
        }
        for each in &simple.words {
            text.push_str(&format!(" {}", word(each)));
        }
        for redirect in &simple.redirects {
            text.push_str(&format!(" {}", redirected(redirect)));
        }
        self.line(depth, &format!("{text}{suffix}"));
        for value in simple.assignments.iter().flat_map(|assignment| &assignment.value) {
            self.inside(value, depth + 1);
        }
        self.words(&simple.words, depth + 1);
        for redirect in &simple.redirects {
            self.inside(&redirect.target, depth + 1);
        }
    }

    fn compound(&mut self, compound: &Compound, prefix: &str, suffix: &str, depth: usize) {
        let kind = match compound.kind {
            CompoundKind::Subshell => "subshell",
            CompoundKind::Brace => "brace",
            CompoundKind::If => "if",
            CompoundKind::While => "while",
            CompoundKind::Until => "until",
            CompoundKind::For => "for",
            CompoundKind::Select => "select",
            CompoundKind::Case => "case",
            CompoundKind::Test => "test",
            CompoundKind::Arithmetic => "arithmetic",
            CompoundKind::Coproc => "coproc",
        };
        let mut text = format!("{prefix}{kind}");
        if let Some(variable) = &compound.variable {
            text.push_str(&format!(" {variable}"));
        }
        for each in &compound.words {
            text.push_str(&format!(" {}", word(each)));
        }
        for redirect in &compound.redirects {
            text.push_str(&format!(" {}", redirected(redirect)));
        }
        self.line(depth, &format!("{text}{suffix}"));
        self.words(&compound.words, depth + 1);
        for redirect in &compound.redirects {
            self.inside(&redirect.target, depth + 1);
        }
        let several = compound.bodies.len() > 1;
        for body in &compound.bodies {
            if several {
                self.line(depth + 1, "list");
            }
            self.items(body, depth + 1 + usize::from(several));
        }
    }

    fn words(&mut self, words: &[Word], depth: usize) {
        for word in words {
            self.inside(word, depth);
        }
    }

    /// Writes the scripts inside a word.
    fn inside(&mut self, word: &Word, depth: usize) {
        for part in &word.parts {
            match part {
                Part::Substitution(script) => self.script("in cmd", script, depth),
                Part::Process(script) => self.script("in proc", script, depth),
                Part::Variable(variable) => {
                    variable.nested.iter().for_each(|script| self.script("in var", script, depth));
                }
                Part::Arithmetic(arithmetic) => {
                    arithmetic.nested.iter().for_each(|script| self.script("in math", script, depth));
                }
                Part::Literal(_) | Part::Glob(_) | Part::Tilde(_) => {}
            }
        }
    }

    fn script(&mut self, title: &str, script: &Script, depth: usize) {
        self.line(depth, title);
        self.items(&script.items, depth + 1);
    }
}

fn assigned(assignment: &Assignment) -> String {
    let subscript = assignment.subscript.as_ref().map(|text| format!("[{text}]")).unwrap_or_default();
    let operator = if assignment.append { "+=" } else { "=" };
    let values: Vec<String> = assignment.value.iter().map(word).collect();
    let value = match values.as_slice() {
        [one] => one.clone(),
        several => format!("({})", several.join(" ")),
    };
    format!("{}{subscript}{operator}{value}", assignment.name)
}

fn redirected(redirect: &Redirect) -> String {
    let fd = redirect.fd.map(|fd| fd.to_string()).unwrap_or_default();
    let op = match redirect.op {
        RedirectOp::Read => "<",
        RedirectOp::Write => ">",
        RedirectOp::Clobber => ">|",
        RedirectOp::Append => ">>",
        RedirectOp::ReadWrite => "<>",
        RedirectOp::WriteBoth => "&>",
        RedirectOp::AppendBoth => "&>>",
        RedirectOp::DuplicateIn => "<&",
        RedirectOp::DuplicateOut => ">&",
        RedirectOp::HereDocument => "<<",
        RedirectOp::HereString => "<<<",
    };
    format!("{fd}{op} {}", word(&redirect.target))
}

fn word(word: &Word) -> String {
    if word.parts.is_empty() {
        return if word.quoted { "\"\"".to_owned() } else { "empty".to_owned() };
    }
    let parts: Vec<String> = word.parts.iter().map(|each| part(each, word.quoted)).collect();
    parts.join("+")
}

fn part(part: &Part, quoted: bool) -> String {
    match part {
        Part::Literal(text) if quoted || text.contains([' ', '+', '(']) || text.escape_debug().ne(text.chars()) => {
            format!("{text:?}")
        }
        Part::Literal(text) => text.clone(),
        Part::Glob(text) => format!("glob({text})"),
        Part::Tilde(user) => format!("tilde({user})"),
        Part::Variable(variable) => {
            let space = if variable.operation.is_empty() { "" } else { " " };
            let text = format!("var({}{space}{})", variable.name, variable.operation);
            if variable.quoted { format!("\"{text}\"") } else { text }
        }
        Part::Substitution(_) => "cmd".to_owned(),
        Part::Process(_) => "proc".to_owned(),
        Part::Arithmetic(arithmetic) => format!("math({})", arithmetic.text),
    }
}
