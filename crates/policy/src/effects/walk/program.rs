//! What one program does, by its table or without one.

use std::sync::Arc;

use super::super::call::{self, Inner};
use super::super::input::Input;
use super::super::meant::Meant;
use super::super::part::{Nested, Part};
use super::super::{Effects, pieces, special, wrappers};
use super::{Argument, SYSTEM, Walk};
use crate::limits;
use crate::tables::programs::{EVALUATORS, NETWORK};

impl Walk<'_> {
    /// Reads what a program or builtin does by itself; returns what it starts.
    pub(super) fn program(&mut self, arguments: &[Argument], input: &Input<'_>, part: &mut Part) -> Vec<Inner> {
        let Some((first, rest)) = arguments.split_first() else { return Vec::new() };
        let Some(name) = first.known() else { return Vec::new() };
        let base = wrappers::base_name(name);
        match base {
            "palisade" => {
                special::own_program(rest, part);
                return Vec::new();
            }
            _ if EVALUATORS.contains(&base) => return self.evaluator(base, rest, part),
            "cd" | "pushd" => {
                special::change_directory(&mut self.state, base, rest, part);
                part.reads_only = base == "cd";
                return Vec::new();
            }
            "popd" => {
                self.state.cwds.clear();
                return Vec::new();
            }
            "set" if special::sets_strictness(rest) => {
                part.reads_only = true;
                return Vec::new();
            }
            "set" | "shopt" if !special::keeps_reading(base, rest) => {
                part.suspicious.get_or_insert(format!("`{base}` changes how the words after it are read"));
            }
            "let" => rest.iter().for_each(|word| self.arithmetic(&word.source)),
            "export" | "declare" | "typeset" | "local" | "readonly" => {
                part.reads_only = special::sets_variables(&mut self.state, base, rest, part);
                return Vec::new();
            }
            "unset" | "mapfile" | "readarray" | "getopts" => {
                special::sets_variables(&mut self.state, base, rest, part);
            }
            _ => {}
        }
        // A program in a directory of the project is not the one the tables mean.
        if name.contains('/') {
            part.executes.extend(self.state.paths(name));
        }
        let is_system = !name.contains('/') || SYSTEM.iter().any(|folder| name.strip_prefix(folder) == Some(base));
        let Some(table) = programs::table_of(base).filter(|_| is_system) else {
            self.reads_commands(base, rest, input, part);
            return self.unlisted(base, arguments, part);
        };
        let inner = call::understand(&mut self.state, base, rest, table, part);
        self.beyond_table(base, rest, inner.is_empty() && input.brings(), part);
        // What runs code hands it words of which no table knows the meaning.
        if !part.unlisted.is_empty() || part.does.iter().any(|does| does.is_open()) {
            pieces::mentions(&self.state, rest, part);
        }
        if inner.is_empty() {
            self.reads_commands(base, rest, input, part);
        }
        if !part.unlisted.is_empty() && inner.is_empty() && wrappers::runs_another(base, arguments) {
            return special::behind_runner(&mut self.state, rest, part).map(Inner::Text).into_iter().collect();
        }
        inner
    }

    /// What a few programs do with their words that no table can say; `is_given` where the commands they run come
    /// by standard input.
    fn beyond_table(&self, base: &str, rest: &[Argument], is_given: bool, part: &mut Part) {
        match base {
            "printf" => part.proved_if(!special::calculates(rest)),
            "test" | "[" => {
                part.proved_if(special::compares(rest));
                if special::evaluates(rest) {
                    part.suspicious.get_or_insert(format!("`{base}` evaluates a subscript in the name that it tests"));
                }
            }
            "git" => self.git(rest, part),
            "parallel" if is_given => {
                part.suspicious.get_or_insert("`parallel` runs the lines that it is given".to_owned());
            }
            _ => {}
        }
    }

    /// A program without a table: its words may be paths, hosts and commands.
    fn unlisted(&mut self, base: &str, arguments: &[Argument], part: &mut Part) -> Vec<Inner> {
        let rest = arguments.get(1..).unwrap_or_default();
        part.unlisted.push(format!("what `{base}` does is not listed"));
        let words: Vec<programs::Word<'_>> = rest.iter().map(Argument::word).collect();
        part.meant = Some(Meant::of_stranger(base, &words));
        if NETWORK.contains(&base) {
            special::reaches(rest, part);
        }
        pieces::mentions(&self.state, rest, part);
        if wrappers::runs_another(base, arguments) {
            return special::behind_runner(&mut self.state, rest, part).map(Inner::Text).into_iter().collect();
        }
        Vec::new()
    }

    /// `eval`, `source` and their kin.
    fn evaluator(&mut self, base: &str, rest: &[Argument], part: &mut Part) -> Vec<Inner> {
        part.suspicious.get_or_insert(format!("`{base}` runs text or changes what later words mean"));
        for word in rest {
            self.assigned_by(&word.source);
        }
        pieces::mentions(&self.state, rest, part);
        let words: Option<Vec<&str>> = rest.iter().map(Argument::known).collect();
        match words {
            Some(words) if base == "eval" => vec![Inner::Text(words.join(" "))],
            Some(_) | None => Vec::new(),
        }
    }

    /// `git` reads the configuration of the repository that it works in, which can name programs: only the
    /// one that the session started in is the person's choice.
    fn git(&self, rest: &[Argument], part: &mut Part) {
        let is_home = self.state.cwds.as_slice() == std::slice::from_ref(&self.state.start);
        part.proved_if(
            is_home && !rest.iter().any(|word| matches!(word.known(), Some("-C")) || asks_for_a_signature(word)),
        );
        if !is_home {
            // No rule for the command was written with another repository in mind.
            part.allow_readings.clear();
        }
        wrappers::git(rest, part);
    }

    /// Walks a text that a part hands to a shell.
    pub(in crate::effects) fn nested_text(&mut self, text: &str, runner: Option<usize>) {
        if self.depth >= limits::NESTED_COMMANDS_MAX {
            self.effects.mark("it nests commands too deeply to be analysed".to_owned());
            return;
        }
        let script = shell::parse(text);
        let mut inner = Walk {
            text,
            effects: Effects::default(),
            state: self.state.as_started(),
            depth: self.depth + 1,
            is_trial: self.is_trial,
            may_not_run: false,
            steps: self.steps,
            is_fed: self.is_fed,
        };
        inner.whole(&script);
        let Walk { mut effects, steps, .. } = inner;
        self.steps = steps;
        let (text, script) = (Arc::<str>::from(text), Arc::new(script));
        for part in effects.parts.iter_mut().filter(|part| part.nested.is_none()) {
            part.nested = part.span.map(|span| Nested { text: Arc::clone(&text), script: Arc::clone(&script), span });
        }
        self.take_parts(effects, runner);
    }
}

/// Returns true for a format of git's that shows a signature: a program of the configuration checks it.
fn asks_for_a_signature(word: &Argument) -> bool {
    word.known().is_none_or(|text| text.contains("%G") || (text.contains("%(") && text.contains("signature")))
}
