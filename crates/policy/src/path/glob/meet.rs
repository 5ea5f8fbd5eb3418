//! Whether two globs have a path in common.

use super::{Glob, Segment, Token};

impl Glob {
    /// Returns true when some path matches both this glob, or lies below what it matches, and `shell`,
    /// a pattern as a shell expands it: its wildcards match no hidden name.
    ///
    /// Bracket expressions count as any character, so the answer may be true too often and never too
    /// seldom.
    pub fn meets(&self, shell: &Self) -> bool {
        // One row for each place in this glob, from the end: what is left of both has a path in common.
        let mut after = vec![true; shell.segments.len() + 1];
        for own in self.segments.iter().rev() {
            let mut row = vec![false; shell.segments.len() + 1];
            let last = *own == Segment::Any && after.last() == Some(&true);
            if let Some(end) = row.last_mut() {
                *end = last;
            }
            for (at, other) in shell.segments.iter().enumerate().rev() {
                let (skip_own, skip_both) = (after.get(at) == Some(&true), after.get(at + 1) == Some(&true));
                let skip_other = row.get(at + 1) == Some(&true);
                let meets = match (own, other) {
                    (Segment::Any, _) | (_, Segment::Any) => skip_own || skip_other,
                    (Segment::One(own), Segment::One(other)) => skip_both && names_meet(own, other),
                };
                if let Some(place) = row.get_mut(at) {
                    *place = meets;
                }
            }
            after = row;
        }
        after.first() == Some(&true)
    }
}

/// Returns true when a name matches both, the second as a shell's pattern.
fn names_meet(own: &[Token], shell: &[Token]) -> bool {
    let hidden = own.first() == Some(&Token::Char('.'));
    if hidden && !matches!(shell.first(), Some(Token::Char(_))) {
        return false;
    }
    let mut after: Vec<bool> =
        (0..=shell.len()).map(|at| shell.iter().skip(at).all(|token| *token == Token::Run)).collect();
    for token in own.iter().rev() {
        let mut row = vec![false; shell.len() + 1];
        let last = *token == Token::Run && after.last() == Some(&true);
        if let Some(end) = row.last_mut() {
            *end = last;
        }
        for (at, other) in shell.iter().enumerate().rev() {
            let skip_own = after.get(at) == Some(&true);
            let skip_other = row.get(at + 1) == Some(&true);
            let skip_both = after.get(at + 1) == Some(&true);
            let meets = match (token, other) {
                // A run takes one character of the other in, or ends.
                (Token::Run, _) | (_, Token::Run) => skip_own || skip_other,
                (Token::Char(own), Token::Char(other)) => own == other && skip_both,
                (Token::Char(_) | Token::One | Token::Class(..), Token::Char(_) | Token::One | Token::Class(..)) => {
                    skip_both
                }
            };
            if let Some(place) = row.get_mut(at) {
                *place = meets;
            }
        }
        after = row;
    }
    after.first() == Some(&true)
}
