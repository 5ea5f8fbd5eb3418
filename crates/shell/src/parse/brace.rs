//! Brace expansion, done on the text of a word before anything else.

use super::word::{Place, Reading};
use super::{Origin, Parser};
use crate::limits;
use crate::tree::{DoubtKind, Word};

/// Why a word could not be expanded.
enum Failure {
    /// It makes too many words.
    TooMany,
    /// A range of characters that contains quotes or escapes.
    Odd,
}

type Expanded = Result<Vec<String>, Failure>;

impl Parser<'_> {
    /// Adds the words that a word stands for.
    pub(super) fn finish(&mut self, reading: Reading, words: &mut Vec<Word>) {
        let has = |brace: u8| reading.marks.iter().any(|&at| self.text.as_bytes().get(at) == Some(&brace));
        if !has(b'{') || !has(b'}') || !(has(b',') || has(b'.')) {
            self.dialect_word(&reading);
            words.push(self.made_word(reading));
            return;
        }
        self.dialect_braces(&reading);
        let text = Marked { text: self.text, marks: &reading.marks };
        match text.expand(reading.start, reading.end, 0) {
            Ok(texts)
                if texts.len() == 1 && texts.first().is_some_and(|t| t == self.slice(reading.start, reading.end)) =>
            {
                self.dialect_word(&reading);
                words.push(self.made_word(reading));
            }
            Ok(texts) => self.expanded(&reading, &texts, words),
            Err(failure) => {
                let kind = match failure {
                    Failure::TooMany => DoubtKind::Limit,
                    Failure::Odd => DoubtKind::Unmodelled,
                };
                self.doubt(kind, reading.start, reading.end);
                words.push(self.made_word(reading));
            }
        }
    }

    fn expanded(&mut self, reading: &Reading, texts: &[String], words: &mut Vec<Word>) {
        let span = self.span(reading.start, reading.end);
        for text in texts {
            let mut parser = self.inner(text, Origin::Within(span));
            let word = parser.word(Place::Made);
            if parser.peek().is_some() {
                parser.fail(DoubtKind::Syntax);
            }
            // A word that comes out empty and unquoted is no word.
            words.extend(word);
        }
    }
}

/// A text and the places of its active `{`, `}`, `,` and `.`, in order.
struct Marked<'t> {
    text: &'t str,
    marks: &'t [usize],
}

impl Marked<'_> {
    /// Returns the texts that `start..end` stands for.
    fn expand(&self, start: usize, end: usize, depth: usize) -> Expanded {
        if depth > limits::DEPTH_MAX {
            return Err(Failure::TooMany);
        }
        let mut from = start;
        while let Some((open, _)) = self.active(from, end).find(|&(_, byte)| byte == b'{') {
            let empty = open == start && self.text.as_bytes().get(open + 1) == Some(&b'}');
            let Some(close) = self.close(open + 1, end).filter(|_| !empty) else {
                from = open + 1;
                continue;
            };
            let before = self.slice(start, open);
            let middle = self.inside(open, close, depth)?;
            let after = self.expand(close + 1, end, depth + 1)?;
            if middle.len().saturating_mul(after.len()) > limits::BRACE_WORDS_MAX {
                return Err(Failure::TooMany);
            }
            let joined = middle.iter().flat_map(|m| after.iter().map(move |a| format!("{before}{m}{a}")));
            return Ok(joined.collect());
        }
        Ok(vec![self.slice(start, end).to_owned()])
    }

    /// Returns the texts of the pair of braces at `open` and `close`.
    fn inside(&self, open: usize, close: usize, depth: usize) -> Expanded {
        if !self.active(open + 1, close).any(|(_, byte)| byte == b',') {
            let written = self.slice(open, close + 1);
            return match sequence(self.slice(open + 1, close)) {
                Some(expanded) => expanded,
                None => Ok(vec![written.to_owned()]),
            };
        }
        let mut texts = Vec::new();
        let mut from = open + 1;
        let mut level = 0_usize;
        for (at, byte) in self.active(open + 1, close).chain([(close, b',')]) {
            match byte {
                b'{' => level += 1,
                b'}' => level = level.saturating_sub(1),
                b',' if level == 0 || at == close => {
                    texts.append(&mut self.expand(from, at, depth + 1)?);
                    from = at + 1;
                }
                _ => {}
            }
            if texts.len() > limits::BRACE_WORDS_MAX {
                return Err(Failure::TooMany);
            }
        }
        Ok(texts)
    }

    /// Returns the brace that closes a pair opened before `from`: on the same level, after a comma or `..`.
    fn close(&self, from: usize, end: usize) -> Option<usize> {
        let mut level = 0_usize;
        let mut separators = 0_usize;
        for (at, byte) in self.active(from, end) {
            match byte {
                b'}' if level == 0 && separators > 0 => return Some(at),
                b'{' => level += 1,
                b'}' => level = level.saturating_sub(1),
                b',' if level == 0 => separators += 1,
                b'.' if level == 0 && self.begins_range(at) => separators += 1,
                _ => {}
            }
        }
        None
    }

    /// Returns true at `..`, unless the closing brace follows it.
    fn begins_range(&self, at: usize) -> bool {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        rest.starts_with(b"..") && rest.get(2) != Some(&b'}')
    }

    fn active(&self, start: usize, end: usize) -> impl Iterator<Item = (usize, u8)> {
        let first = self.marks.partition_point(|&at| at < start);
        let marks = self.marks.get(first..).unwrap_or_default().iter();
        marks.take_while(move |&&at| at < end).map(|&at| (at, self.text.as_bytes().get(at).copied().unwrap_or(0)))
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }
}

/// Returns the texts of `first..last` or `first..last..step`; `None` if it is neither.
fn sequence(text: &str) -> Option<Expanded> {
    let mut ends = text.split("..");
    let (first, last) = (ends.next()?, ends.next()?);
    let step = ends.next().map_or(Some(1), number)?;
    if ends.next().is_some() {
        return None;
    }
    if let (Some(from), Some(to)) = (number(first), number(last)) {
        let padded = |text: &str| {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            digits.len() > 1 && digits.starts_with('0')
        };
        let width = if padded(first) || padded(last) { first.len().max(last.len()) } else { 0 };
        return Some(range(from, to, step).map(|numbers| {
            numbers.into_iter().map(|n| if width > 0 { format!("{n:0width$}") } else { n.to_string() }).collect()
        }));
    }
    let letter = |text: &str| match text.as_bytes() {
        [byte] if byte.is_ascii_alphabetic() => Some(i64::from(*byte)),
        _ => None,
    };
    let (from, to) = (letter(first)?, letter(last)?);
    let same_case = (from < 91) == (to < 91);
    if !same_case {
        return Some(Err(Failure::Odd));
    }
    Some(range(from, to, step).map(|bytes| {
        bytes.into_iter().filter_map(|byte| u8::try_from(byte).ok()).map(|byte| char::from(byte).to_string()).collect()
    }))
}

fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn range(from: i64, to: i64, step: i64) -> Result<Vec<i64>, Failure> {
    let step = i128::from(step).abs().max(1);
    let distance = (i128::from(to) - i128::from(from)).abs();
    let count = distance / step;
    if count >= i128::try_from(limits::BRACE_WORDS_MAX).unwrap_or(0) {
        return Err(Failure::TooMany);
    }
    let sign = if to < from { -1 } else { 1 };
    Ok((0..=count).filter_map(|n| i64::try_from(i128::from(from) + sign * n * step).ok()).collect())
}
