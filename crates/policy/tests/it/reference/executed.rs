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
    coarse || ROWS.iter().any(|row| Meeting { coarse, open: false }.paths(&super::path::anywhere(row), &shell))
}
