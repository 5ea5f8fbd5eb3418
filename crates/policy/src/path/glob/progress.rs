//! How far a glob has come along a path, so that a walk tries each name once instead of each path whole.

use super::{Glob, Segment, Token, matches};

/// How far a glob has come along the segments of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bit `n` is set when the first `n` segments of the glob match what was passed.
    reach: u64,
    /// The whole glob matched what was passed, or a directory on the way.
    pub(crate) covered: bool,
}

impl Glob {
    /// Returns the progress before the first segment of a path; `None` for a glob of more segments than are counted.
    pub(crate) fn start(&self) -> Option<Progress> {
        (self.segments.len() < 64).then(|| self.settle(1, false))
    }

    /// Passes the next segment.
    pub(crate) fn pass(&self, progress: Progress, name: &str) -> Progress {
        let mut reach = 0;
        for (at, segment) in self.segments.iter().enumerate().filter(|(at, _)| progress.reach & (1 << at) != 0) {
            match segment {
                Segment::Any => reach |= 1 << at,
                Segment::One(tokens) if could_match(tokens, name) && matches(tokens, name) => reach |= 1 << (at + 1),
                Segment::One(_) => {}
            }
        }
        self.settle(reach, progress.covered)
    }

    /// `**` matches no segment too: where it can begin it can end.
    fn settle(&self, mut reach: u64, covered: bool) -> Progress {
        for (at, segment) in self.segments.iter().enumerate() {
            if *segment == Segment::Any && reach & (1 << at) != 0 {
                reach |= 1 << (at + 1);
            }
        }
        Progress { reach, covered: covered || reach & (1 << self.segments.len()) != 0 }
    }
}

/// Tells by the last letter alone that most names do not match.
fn could_match(tokens: &[Token], name: &str) -> bool {
    match tokens.last() {
        Some(Token::Char(letter)) => name.ends_with(*letter),
        Some(Token::One | Token::Run | Token::Class(..)) | None => true,
    }
}
