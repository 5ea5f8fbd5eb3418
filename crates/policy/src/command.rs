//! The patterns of `Bash(...)` rules.

use crate::lint::language::{Language, Letters};

mod meaning;

pub use meaning::{Meaning, Means};
pub(crate) use meaning::{doubtful_keys, head};

/// A command pattern: exact, or with `*` for any run of characters.
///
/// A trailing ` *` or `:*` is a word boundary: it matches the command alone or followed by a space
/// and anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct CommandPattern {
    stem: String,
    open: bool,
    /// Other patterns that the same rule means; they begin with the same program.
    also: Vec<CommandPattern>,
    /// The stages of a pipeline before the command that is matched.
    before: Vec<CommandPattern>,
    /// What a command must be as a whole, where the pattern holds an operator: `cd * && rm *`.
    whole: Vec<CommandPattern>,
    /// What it means to its program, where it tightens: the same in another order or spelling is covered too.
    meant: Option<Meaning>,
    /// True for a rule named `Monitor`: it says nothing about Bash.
    only_monitor: bool,
}

impl CommandPattern {
    /// Reads a pattern; `None` when nothing is written.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (stem, open) = match text.strip_suffix(":*").or_else(|| text.strip_suffix(" *")) {
            Some(stem) => (stem.to_owned(), true),
            None => (text, false),
        };
        if stem.is_empty() { None } else { Some(Self { stem, open, ..Self::default() }) }
    }

    /// Reads a pattern of a rule that tightens, in which two more forms have the meaning that their
    /// authors give them: `cat:*/.env` (a `:*` that is not at the end) and `curl * | bash *`.
    pub(crate) fn parse_tightening(text: &str) -> Option<(Self, Option<Form>)> {
        let stages: Vec<&str> = text.split(" | ").collect();
        if let Some((last, before)) = stages.split_last()
            && !before.is_empty()
        {
            let before = before.iter().map(|stage| Self::parse(stage)).collect::<Option<Vec<_>>>()?;
            let own = Self::parse(last)?;
            let meant = Meaning::of_rule(&own.stem, own.open);
            return Some((Self { before, meant, ..own }, Some(Form::Pipeline)));
        }
        let mut own = Self::parse(text)?;
        own.meant = Meaning::of_rule(&own.stem, own.open);
        if text.contains("&&") || text.contains("||") || text.contains(';') {
            own.whole.extend(Self::parse(&spaced_operators(text)));
        }
        if !own.stem.contains(":*") {
            return Some((own, None));
        }
        // The program's name comes first in every spelling, so the documented one stands last.
        let mut spaced = Self { stem: own.stem.replace(":*", " *"), open: own.open, ..Self::default() };
        if own.stem.contains(":*/") {
            let at_once = Self { stem: own.stem.replace(":*/", " "), open: own.open, ..Self::default() };
            let among_others = Self { stem: own.stem.replace(":*/", " * "), open: own.open, ..Self::default() };
            spaced.also.extend([at_once, among_others]);
        }
        own.meant = None;
        spaced.also.push(own);
        Some((spaced, Some(Form::InnerColon)))
    }

    /// Returns a pattern that covers what either covers.
    pub(crate) fn or(mut self, other: Self) -> Self {
        self.also.push(other);
        self
    }

    /// Returns what it, and each pattern that it stands for too, is without the word boundary at its end.
    pub(crate) fn stems(&self) -> Vec<&str> {
        let others = self.also.iter().chain(&self.whole);
        std::iter::once(self.stem.as_str()).chain(others.flat_map(Self::stems)).collect()
    }

    /// Returns the program that it covers with whatever arguments, if it is one: `curl *` covers `curl`.
    pub(crate) fn whole_program(&self) -> Option<&str> {
        let is_one_word = !self.stem.is_empty() && !self.stem.contains(['*', ' ', '=', '$', '`', '(', '|', ';', '&']);
        (self.open && is_one_word && self.before.is_empty() && !self.only_monitor).then_some(&self.stem)
    }

    /// Returns true when it is `*`: every command.
    pub(crate) fn is_everything(&self) -> bool {
        self.before.is_empty() && self.stem.chars().all(|letter| letter == '*')
    }

    /// Returns true when it names one command text and no more.
    pub(crate) fn is_exact(&self) -> bool {
        !self.open && self.also.is_empty() && pieces(&self.stem).len() == 1
    }

    pub(crate) fn of_monitor(self) -> Self {
        Self { only_monitor: true, ..self }
    }

    /// Returns true when the pattern is about calls of this tool.
    pub(crate) fn concerns(&self, tool: &str) -> bool {
        !self.only_monitor || tool == "Monitor"
    }

    /// Returns true when it is one pattern about one command and no more.
    pub(crate) fn is_one(&self) -> bool {
        self.also.is_empty() && self.before.is_empty() && !self.only_monitor
    }

    /// Returns the stages that a pipeline must have before the command that the pattern covers.
    pub(crate) fn before(&self) -> &[Self] {
        &self.before
    }

    /// Returns the letters that everything it covers begins with.
    pub(crate) fn literal_head(&self) -> &str {
        self.stem.split('*').next().unwrap_or_default().trim_end()
    }

    /// Returns true when the pattern covers a command's text.
    pub(crate) fn covers(&self, text: &str) -> bool {
        star_matches(&self.stem, text)
            || (self.open && self.covers_with_arguments(text))
            || self.also.iter().any(|other| other.covers(text))
    }

    /// Returns true when it holds an operator between commands.
    pub(crate) fn is_about_lists(&self) -> bool {
        !self.whole.is_empty()
    }

    /// Returns true when it holds an operator and covers a command as a whole, whose operators stand between
    /// blanks.
    pub(crate) fn covers_whole(&self, text: &str) -> bool {
        self.whole.iter().any(|whole| whole.covers(text))
    }

    /// Returns true when the stem, a space and anything cover the text.
    fn covers_with_arguments(&self, text: &str) -> bool {
        if self.stem.contains(['*', '\\']) {
            star_matches(&format!("{} *", self.stem), text)
        } else {
            text.strip_prefix(self.stem.as_str()).is_some_and(|rest| rest.starts_with(' '))
        }
    }

    /// Returns the pattern in lower case.
    pub(crate) fn folded(&self) -> Self {
        let all = |patterns: &[Self]| patterns.iter().map(Self::folded).collect();
        Self {
            stem: self.stem.to_lowercase(),
            open: self.open,
            also: all(&self.also),
            before: all(&self.before),
            whole: all(&self.whole),
            meant: None,
            only_monitor: self.only_monitor,
        }
    }

    /// Returns what it means to its program, where that says more than its text.
    pub(crate) fn meant(&self) -> Option<&Meaning> {
        self.meant.as_ref()
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
        let first = self.stem.split('*').next().unwrap_or_default();
        let could = |literal: &str| literal.starts_with(known.trim_end()) || known.starts_with(literal);
        let own = if first.contains('\\') {
            pieces(&self.stem).first().is_some_and(|piece| could(piece))
        } else {
            could(first)
        };
        own || self.also.iter().any(|other| other.could_continue(known))
    }
}

/// Returns a command's text with one blank on both sides of each operator, and a `;` for each line's end.
pub(crate) fn spaced_operators(text: &str) -> String {
    let lines: Vec<&str> = text.trim().split('\n').collect();
    let spaced = lines.join(" ; ").replace("&&", " && ").replace("||", " || ").replace(';', " ; ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Forms of a pattern that the documentation does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `curl * | bash *`.
    Pipeline,
    /// `cat:*/.env`.
    InnerColon,
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
