//! A command as its program understands it: the words that are no options, and the options in any order and
//! spelling. Two commands that mean the same are the same here.

use std::collections::BTreeSet;

use programs::{Call, Word};

use super::wrappers::base_name;

/// A command by what it means to its program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Meant {
    /// The program's bare name, the sub-command and the operands, as far as they are known.
    pub words: Vec<String>,
    /// The options by their long names, with their values where these are certain.
    pub options: BTreeSet<(String, Option<String>)>,
    /// True when more words follow of which it is not known what they are.
    pub goes_on: bool,
    /// True when some option is not listed: which of the words is its value is not known.
    pub is_unsure: bool,
}

/// Returns a word that is certain, or the pattern that it is.
fn as_written<'a>(word: &Word<'a>) -> Option<&'a str> {
    match word {
        Word::Known(text) | Word::Pattern(text) => Some(text),
        Word::Begins(_) | Word::Unknown => None,
    }
}

impl Meant {
    /// Returns what a call of a listed program means.
    pub(super) fn of_call(base: &str, call: &Call<'_, '_>) -> Self {
        let plain = call.plain.iter();
        // `cargo +nightly build`: which of its versions runs.
        let chooses = call.plain.first().and_then(|word| word.known()).is_some_and(|word| word.starts_with('+'));
        let known: Vec<&str> = plain.skip(usize::from(chooses)).map_while(as_written).collect();
        let options = call.options.iter().map(|given| (given.name.to_owned(), given.value.map(str::to_owned)));
        Self {
            words: std::iter::once(base).chain(known.iter().copied()).map(str::to_owned).collect(),
            options: options.collect(),
            goes_on: known.len() + usize::from(chooses) < call.plain.len(),
            is_unsure: !call.unknown.is_empty(),
        }
    }

    /// Returns what a call of a program may mean of which nothing is listed.
    pub(super) fn of_stranger(base: &str, words: &[Word<'_>]) -> Self {
        let known: Vec<&str> = words.iter().map_while(as_written).collect();
        let (options, plain): (Vec<&str>, Vec<&str>) = known.iter().partition(|word| word.starts_with('-'));
        let given = |option: &str| match option.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (option.to_owned(), None),
        };
        Self {
            words: std::iter::once(base).chain(plain).map(str::to_owned).collect(),
            options: options.into_iter().map(given).collect(),
            goes_on: known.len() < words.len(),
            is_unsure: true,
        }
    }

    /// Returns the program's name.
    pub fn program(&self) -> &str {
        self.words.first().map(String::as_str).unwrap_or_default()
    }

    /// Returns what the words of a rule mean, where they say more than the name of a program.
    pub fn of_words(words: &[&str]) -> Option<Self> {
        let (program, rest) = words.split_first()?;
        // Without options the words are what they are: no table need be read.
        if !rest.iter().any(|word| word.starts_with(['-', '+'])) {
            let words = std::iter::once(base_name(program)).chain(rest.iter().copied()).map(str::to_owned).collect();
            return (!rest.is_empty()).then_some(Self { words, ..Self::default() });
        }
        let words: Vec<Word<'_>> = rest.iter().map(|word| Word::Known(word)).collect();
        let base = base_name(program);
        let meant = match programs::table_of(base) {
            Some(table) => Self::of_call(base, &programs::by_table(table, &words)),
            None => Self::of_stranger(base, &words),
        };
        (meant.words.len() > 1 || !meant.options.is_empty()).then_some(meant)
    }
}
