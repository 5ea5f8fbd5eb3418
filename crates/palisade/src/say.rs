//! What is printed: data on standard output, talk on standard error.

use std::io::{self, IsTerminal, Write};

use policy::layer::{Diagnostic, Severity};
pub(crate) use policy::proof::shown;

/// Prints a line of data. A reader that went away ends nothing: there is nobody to tell. Data that cannot
/// be written for another reason must not end in a good code.
pub(crate) fn data(line: &str) {
    let written = writeln!(io::stdout().lock(), "{line}");
    if let Err(failure) = written
        && failure.kind() != io::ErrorKind::BrokenPipe
    {
        error(&format!("standard output cannot be written: {failure}"));
        std::process::exit(crate::exit::Exit::World as i32);
    }
}

/// Prints a line of talk.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints why something failed.
pub(crate) fn error(line: &str) {
    talk(&format!("palisade: {line}"));
}

/// Prints a diagnostic: file, line, what is wrong, what to do.
pub(crate) fn diagnostic(diagnostic: &Diagnostic) {
    let kind = match diagnostic.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let Diagnostic { origin, column, message, hint, .. } = diagnostic;
    let place = match (origin.line, column) {
        (0, _) => origin.file.clone(),
        (line, 0) => format!("{}:{line}", origin.file),
        (line, column) => format!("{}:{line}:{column}", origin.file),
    };
    talk(&format!("{place}: {kind}: {message}"));
    if let Some(hint) = hint {
        talk(&format!("    {hint}"));
    }
}

/// Colours for standard output, or none of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// Returns colours when standard output is a terminal and nobody asked for none.
    pub(crate) fn stdout(colourless: bool) -> Self {
        Self { on: !colourless && io::stdout().is_terminal() }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Returns a verdict in its colour.
    pub(crate) fn verdict(self, verdict: policy::Verdict) -> String {
        let code = match verdict {
            policy::Verdict::Allow => "32",
            policy::Verdict::Ask => "33",
            policy::Verdict::Deny => "31",
        };
        self.with(code, verdict.name())
    }

    /// Returns a level of findings in its colour.
    pub(crate) fn level(self, level: policy::lint::Level) -> String {
        let code = match level {
            policy::lint::Level::Note => "36",
            policy::lint::Level::Warning => "33",
            policy::lint::Level::Error => "31",
        };
        self.with(code, level.name())
    }

    /// Returns text that calls for a look.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// Returns a heading.
    pub(crate) fn heading(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Returns text that matters less.
    pub(crate) fn faint(self, text: &str) -> String {
        self.with("2", text)
    }
}
