//! Names whose content somebody else runs later.

use super::path::{Meeting, shell};
use super::removal::segments;

/// Some of the names, as the documentation lists them: those that the calls of the comparison come near.
const ROWS: &[&[&str]] = &[
    &[".github", "workflows", "**"],
    &[".gitlab-ci.yml"],
    &["Makefile"],
    &["makefile"],
    &["GNUmakefile"],
    &["package.json"],
    &["build.rs"],
    &["Cargo.toml"],
    &["setup.py"],
    &["conftest.py"],
    &["Jenkinsfile*"],
    &["*.mk"],
    &[".ssh", "config"],
    &["CLAUDE.md"],
    &[".gitattributes"],
];

/// Returns true when the path has such a name, at any depth.
pub(super) fn named(path: &str) -> bool {
    let path: Vec<String> = segments(path).into_iter().map(str::to_owned).collect();
    ROWS.iter().any(|row| {
        let row: Vec<String> = std::iter::once("**").chain(row.iter().copied()).map(str::to_owned).collect();
        super::path::every_segment(&row, &path)
    })
}

/// Returns true when a shell's pattern below a directory may be such a name.
pub(super) fn met(base: &str, rest: &str, coarse: bool) -> bool {
    // What is not among the rows above may be met too.
    let shell = shell(base, rest);
    // A row that is a pattern itself is left out: nobody means that one.
    let is_name = |row: &&&[&str]| row.iter().all(|segment| *segment == "**" || !segment.contains('*'));
    coarse
        || ROWS
            .iter()
            .filter(is_name)
            .any(|row| Meeting { coarse, open: false }.paths(&super::path::anywhere(row), &shell))
}
