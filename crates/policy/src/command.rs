//! The patterns of `Bash(...)` rules.

use crate::lint::language::{Language, Letters};

/// A command pattern: exact, or with `*` for any run of characters.
///
/// A trailing ` *` or `:*` is a word boundary: it matches the command alone or followed by a space
/// and anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandPattern {
    stem: String,
    open: bool,
}

impl CommandPattern {
    /// Reads a pattern; `None` when nothing is written.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (stem, open) = match text.strip_suffix(":*").or_else(|| text.strip_suffix(" *")) {
            Some(stem) => (stem.to_owned(), true),
            None => (text, false),
        };
        if stem.is_empty() { None } else { Some(Self { stem, open }) }
    }

    /// Returns true when it is `*`: every command.
    pub(crate) fn is_everything(&self) -> bool {
        self.stem.chars().all(|letter| letter == '*')
    }

    /// Returns true when it names one command text and no more.
    pub(crate) fn is_exact(&self) -> bool {
        !self.open && !self.stem.contains('*')
    }

    /// Returns true when the pattern covers a command's text.
    pub(crate) fn covers(&self, text: &str) -> bool {
        star_matches(&self.stem, text) || (self.open && star_matches(&format!("{} *", self.stem), text))
    }

    /// Returns the texts that the pattern covers.
    pub(crate) fn language(&self) -> Language {
        let mut alone = Language::empty_text();
        spell(&self.stem, &Letters::any(), &mut alone);
        if !self.open {
            return alone;
        }
        let mut followed = Language::empty_text();
        spell(&format!("{} *", self.stem), &Letters::any(), &mut followed);
        Language::union(&[alone, followed])
    }

    /// Returns true when a command whose text begins with `known` and goes on in an unknown way could
    /// be covered.
    pub(crate) fn could_continue(&self, known: &str) -> bool {
        let literal = self.stem.split('*').next().unwrap_or_default();
        literal.starts_with(known.trim_end()) || known.starts_with(literal)
    }
}

/// Returns true when the whole of `text` matches `pattern`, in which `*` stands for any run of
/// characters and `\*` for itself.
pub(crate) fn star_matches(pattern: &str, text: &str) -> bool {
    let pieces = pieces(pattern);
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return text.is_empty() };
    if pieces.len() == 1 {
        return first == text;
    }
    let Some(rest) = text.strip_prefix(first.as_str()) else { return false };
    let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
    for piece in pieces.iter().skip(1).take(pieces.len() - 2) {
        match rest.find(piece.as_str()) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// Appends what a pattern covers, a star standing for any run of these letters.
pub(crate) fn spell(pattern: &str, star: &Letters, language: &mut Language) {
    for (index, piece) in pieces(pattern).iter().enumerate() {
        if index > 0 {
            language.then_many(star);
        }
        language.then_text(piece);
    }
}

/// Splits a pattern at its stars.
fn pieces(pattern: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => pieces.push(String::new()),
            '\\' if letters.peek() == Some(&'*') => {
                letters.next();
                if let Some(piece) = pieces.last_mut() {
                    piece.push('*');
                }
            }
            other => {
                if let Some(piece) = pieces.last_mut() {
                    piece.push(other);
                }
            }
        }
    }
    pieces
}
