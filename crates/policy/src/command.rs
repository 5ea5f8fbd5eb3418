//! The patterns of `Bash(...)` rules.

/// A command pattern: exact, or with `*` for any run of characters.
///
/// A trailing ` *` or `:*` is a word boundary: it matches the command alone or followed by a space
/// and anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

    /// Returns what it is without the word boundary at its end.
    pub(crate) fn stem(&self) -> &str {
        &self.stem
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
        star_matches(&self.stem, text) || (self.open && self.covers_with_arguments(text))
    }

    /// Returns true when the stem, a space and anything cover the text.
    fn covers_with_arguments(&self, text: &str) -> bool {
        if self.stem.contains(['*', '\\']) {
            star_matches(&format!("{} *", self.stem), text)
        } else {
            text.strip_prefix(self.stem.as_str()).is_some_and(|rest| rest.starts_with(' '))
        }
    }

    /// Returns true when a command whose text begins with `known` and goes on in an unknown way could
    /// be covered.
    pub(crate) fn could_continue(&self, known: &str) -> bool {
        let first = self.stem.split('*').next().unwrap_or_default();
        let could = |literal: &str| literal.starts_with(known.trim_end()) || known.starts_with(literal);
        if first.contains('\\') { pieces(&self.stem).first().is_some_and(|piece| could(piece)) } else { could(first) }
    }
}

/// Returns true when the whole of `text` matches `pattern`, in which `*` stands for any run of
/// characters and `\*` for itself.
pub(crate) fn star_matches(pattern: &str, text: &str) -> bool {
    if pattern.contains('\\') {
        pieces_match(pieces(pattern).iter().map(String::as_str), text)
    } else {
        pieces_match(pattern.split('*'), text)
    }
}

/// Returns true when the text begins with the first piece, ends with the last, and holds the others in
/// between, in order.
fn pieces_match<'a>(mut pieces: impl DoubleEndedIterator<Item = &'a str>, text: &str) -> bool {
    let Some(first) = pieces.next() else { return text.is_empty() };
    let Some(last) = pieces.next_back() else { return first == text };
    let Some(rest) = text.strip_prefix(first) else { return false };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// Splits a pattern at its stars.
pub(crate) fn pieces(pattern: &str) -> Vec<String> {
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
