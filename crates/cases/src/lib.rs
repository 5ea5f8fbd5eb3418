//! Literate cases: Markdown in which each `## heading` is a case and the fenced blocks are its data.
//!
//! A block is known by its info string; everything else is prose for the reader. The crate is pure: who
//! reads the files, and what the blocks mean, is the caller's affair. Lines are counted from 1, so that
//! whatever is wrong in a block can be told at its place.

/// A file of cases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// Blocks before the first heading of a case.
    pub preamble: Vec<Block>,
    /// The cases in order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The line of its heading.
    pub line: usize,
    /// Its heading.
    pub name: String,
    /// Its fenced blocks in order.
    pub blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of its opening fence; its text begins on the next one.
    pub line: usize,
    /// Its info string.
    pub info: String,
    /// Its text without the final newline.
    pub text: String,
}

/// Why a text is no file of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The block that begins on this line is not closed.
    Open {
        /// The line of its opening fence.
        line: usize,
    },
}

/// Reads a text.
pub fn parse(text: &str) -> Result<Document, Fault> {
    let mut document = Document::default();
    let mut open: Option<(usize, String, Vec<&str>)> = None;
    for (index, line) in text.lines().enumerate() {
        match open.take() {
            Some((start, info, body)) if line.trim_end() == "```" => {
                document.blocks().push(Block { line: start, info, text: body.join("\n") });
            }
            Some((start, info, mut body)) => {
                body.push(line);
                open = Some((start, info, body));
            }
            None => {
                if let Some(info) = line.strip_prefix("```") {
                    open = Some((index + 1, info.trim().to_owned(), Vec::new()));
                } else if let Some(name) = line.strip_prefix("## ") {
                    let case = Case { line: index + 1, name: name.trim().to_owned(), blocks: Vec::new() };
                    document.cases.push(case);
                }
            }
        }
    }
    match open {
        Some((line, ..)) => Err(Fault::Open { line }),
        None => Ok(document),
    }
}

impl Document {
    /// Returns the blocks that a new one joins.
    fn blocks(&mut self) -> &mut Vec<Block> {
        match self.cases.last_mut() {
            Some(case) => &mut case.blocks,
            None => &mut self.preamble,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Case, Document, Fault, parse};

    #[test]
    fn headings_and_fences_are_cases_and_blocks() {
        let text = "# Title\n```world\na\n```\n## One\nprose\n``` b c \nx\n\ny\n```\n## Two\n";
        let block = |line, info: &str, text: &str| Block { line, info: info.to_owned(), text: text.to_owned() };
        let expected = Document {
            preamble: vec![block(2, "world", "a")],
            cases: vec![
                Case { line: 5, name: "One".to_owned(), blocks: vec![block(7, "b c", "x\n\ny")] },
                Case { line: 12, name: "Two".to_owned(), blocks: Vec::new() },
            ],
        };
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(parse("## One\n\n```x\ny\n## Two"), Err(Fault::Open { line: 3 }));
    }
}
