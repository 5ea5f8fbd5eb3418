//! Fixtures and the runner of the literate cases in `spec/`.
//!
//! A spec file is Markdown. Each `## heading` is a case; its fenced blocks are named by their info
//! string; everything else is prose for the reader. A crate's test gives [`check`] a function from
//! the blocks of a case to the text of its last block.

#![expect(clippy::disallowed_methods, reason = "tests read their cases; nothing here is on a path of a decision")]

use std::path::{Path, PathBuf};

/// One case of a spec file.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file.
    pub file: PathBuf,
    /// The line of its heading.
    pub line: usize,
    /// Its heading.
    pub name: String,
    /// Its fenced blocks in order: info string and text without the final newline.
    pub blocks: Vec<(String, String)>,
}

impl Case {
    /// Returns the text of the block with this info string.
    ///
    /// # Panics
    /// When the case has no such block.
    pub fn block(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| {
            panic!("{}:{}: case `{}` has no `{name}` block", self.file.display(), self.line, self.name)
        })
    }

    /// Returns the text of the block with this info string, if there is one.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.blocks.iter().find(|(info, _)| info == name).map(|(_, text)| text.as_str())
    }
}

/// Returns the repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Reads every case of every `.md` file in `spec/<area>`, files in order of name.
///
/// # Panics
/// When there is none: an area without cases tests nothing.
pub fn cases(area: &str) -> Vec<Case> {
    let directory = root().join("spec").join(area);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    let cases: Vec<Case> = files.iter().flat_map(|file| read(file)).collect();
    assert!(!cases.is_empty(), "{}: no cases", directory.display());
    cases
}

fn read(file: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let document = cases::parse(&text).unwrap_or_else(|cases::Fault::Open { line }| {
        panic!("{}:{line}: a block is not closed", file.display());
    });
    if let Some(block) = document.preamble.first() {
        panic!("{}:{}: block before the first case", file.display(), block.line);
    }
    let blocks = |case: cases::Case| case.blocks.into_iter().map(|block| (block.info, block.text)).collect();
    let made = |case: cases::Case| Case {
        file: file.to_owned(),
        line: case.line,
        name: case.name.clone(),
        blocks: blocks(case),
    };
    document.cases.into_iter().map(made).collect()
}

/// Runs every case of an area: `run` makes the text that the case's last block must equal.
///
/// # Panics
/// When a case does not hold; every failing case is listed with what it gave.
pub fn check(area: &str, run: impl Fn(&Case) -> String) {
    let mut failures = String::new();
    let cases = cases(area);
    for case in &cases {
        let (_, expected) =
            case.blocks.last().unwrap_or_else(|| panic!("{}:{}: case without blocks", case.file.display(), case.line));
        let actual = run(case);
        if actual.trim_end() != expected.trim_end() {
            failures.push_str(&format!(
                "\n{}:{}: {}\n--- expected\n{expected}\n--- actual\n{actual}\n",
                case.file.display(),
                case.line,
                case.name
            ));
        }
    }
    assert!(failures.is_empty(), "{} cases in spec/{area}, these do not hold:\n{failures}", cases.len());
}
