//! Commands that come on the standard input of a shell or an interpreter.

use super::part::Part;
use super::shellwords::Value;
use super::special;
use super::walk::{Argument, Walk};
use crate::tables::programs::{INTERPRETERS, SHELLS};
use shell::tree::{Redirect, RedirectOp};

/// Names under which a program finds its standard input.
const STANDARD_INPUT: &[&str] = &["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// Where a command's standard input comes from.
pub(super) struct Input<'a> {
    /// True when a pipe, or a text around it, is its standard input.
    pub(super) is_fed: bool,
    /// Its own redirections, or those of what starts it.
    pub(super) redirects: &'a [Redirect],
}

impl Input<'_> {
    /// Returns true when the line brings something on the standard input.
    pub(super) fn brings(&self) -> bool {
        self.is_fed || has_text(self.redirects)
    }
}

/// Returns true when the redirections hold a text for the standard input.
pub(super) fn has_text(redirects: &[Redirect]) -> bool {
    redirects.iter().any(|redirect| matches!(redirect.op, RedirectOp::HereDocument | RedirectOp::HereString))
}

impl Walk<'_> {
    /// Walks something that reads what the line brings on its standard input, where it does.
    pub(super) fn fed(&mut self, is_fed: bool, walk: impl FnOnce(&mut Self)) {
        let kept = self.is_fed;
        self.is_fed |= is_fed;
        walk(self);
        self.is_fed = kept;
    }

    /// A shell or interpreter that is given nothing to run reads its standard input.
    pub(super) fn reads_commands(&mut self, base: &str, rest: &[Argument], input: &Input<'_>, part: &mut Part) {
        let runs_input = SHELLS.contains(&base) || INTERPRETERS.contains(&base);
        if !runs_input || !reads_standard_input(base, rest) || special::prints_version(base, rest) {
            return;
        }
        part.proved_if(false);
        if input.is_fed && !has_text(input.redirects) {
            part.suspicious.get_or_insert(format!("`{base}` runs whatever the pipe brings"));
        }
        if SHELLS.contains(&base) {
            self.standard_input(input.redirects);
        }
    }

    /// Walks a here-document or here-string that a shell reads as its commands.
    fn standard_input(&mut self, redirects: &[Redirect]) {
        for redirect in redirects {
            match redirect.op {
                RedirectOp::HereDocument | RedirectOp::HereString => match self.argument(&redirect.target).value {
                    Value::Known(text) => self.nested_text(&text, None),
                    Value::Pattern(_) | Value::Begins(_) | Value::Unknown => {
                        self.effects.mark("a shell reads commands that are not known before they run".to_owned());
                    }
                },
                RedirectOp::Read
                | RedirectOp::Write
                | RedirectOp::Clobber
                | RedirectOp::Append
                | RedirectOp::ReadWrite
                | RedirectOp::WriteBoth
                | RedirectOp::AppendBoth
                | RedirectOp::DuplicateIn
                | RedirectOp::DuplicateOut => {}
            }
        }
    }
}

/// Returns true when the words name nothing to run, or the standard input itself.
fn reads_standard_input(base: &str, rest: &[Argument]) -> bool {
    let is_option = |word: &str| word.starts_with(['-', '+']) && word != "-";
    let bare = rest.iter().all(|word| word.known().is_some_and(|known| is_option(known) || known == "-"));
    let mut options = rest.iter().map_while(Argument::known).take_while(|word| is_option(word));
    // `bash -s a`: the words after the option are its parameters.
    let asked = SHELLS.contains(&base) && options.any(|word| !word.starts_with("--") && word.contains('s'));
    let first = rest.iter().filter_map(Argument::known).find(|word| !is_option(word));
    bare || asked || first.is_some_and(|word| STANDARD_INPUT.contains(&word))
}
