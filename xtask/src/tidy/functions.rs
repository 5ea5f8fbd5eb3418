//! The functions of a file and how many lines they have.

use super::source::{Source, item_end};

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// The line of its `fn`, from 1.
    pub(super) line: usize,
    /// Lines from its `fn` to its closing brace.
    pub(super) lines: usize,
}

/// Returns every function that is not of tests.
pub(super) fn all(source: &Source) -> Vec<Function> {
    let code: Vec<&str> = source.lines.iter().map(|line| line.code.as_str()).collect();
    let mut functions = Vec::new();
    for (number, line) in source.product() {
        let Some((before, name)) = named(&line.code) else { continue };
        let rest = code.get(number - 1..).unwrap_or_default().join("\n");
        let end = item_end(&rest, before);
        if rest.get(end..end + 1) == Some("}") {
            let lines = rest.get(..end).unwrap_or_default().matches('\n').count() + 1;
            functions.push(Function { name, line: number, lines });
        }
    }
    functions
}

/// Returns where a line's `fn` stands, and the name after it.
fn named(code: &str) -> Option<(usize, String)> {
    let at = code.match_indices("fn ").map(|(at, _)| at).find(|at| {
        let before = code.get(..*at).unwrap_or_default();
        !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
    })?;
    let rest = code.get(at + 3..)?;
    let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    (!name.is_empty()).then_some((at, name))
}
