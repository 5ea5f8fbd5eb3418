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
    /// True when one of the words that are not known may be an option.
    pub gives_options: bool,
}

/// Returns true for a word of which it is not known whether it is an option. What ends like the name of a file
/// (`*.rs`) is none that a program knows.
fn may_be_option(word: &Word<'_>) -> bool {
    match word {
        Word::Known(_) => false,
        Word::Unknown => true,
        Word::Begins(text) => text.is_empty() || text.starts_with('-'),
        Word::Pattern(text) => {
            let tail = text.rsplit(['*', '?', ']']).next().unwrap_or_default();
            text.starts_with(['*', '?', '[', '-']) && !tail.contains('.')
        }
    }
}

impl Meant {
    /// Returns what a call of a listed program means.
    pub(super) fn of_call(base: &str, call: &Call<'_, '_>) -> Self {
        let plain = call.plain.iter();
        // `cargo +nightly build`: which of its versions runs.
        let chooses = call.plain.first().and_then(|word| word.known()).is_some_and(|word| word.starts_with('+'));
        let known: Vec<&str> = plain.skip(usize::from(chooses)).map_while(|word| word.known()).collect();
        let options = call.options.iter().map(|given| (given.name.to_owned(), given.value.map(str::to_owned)));
        Self {
            words: std::iter::once(base).chain(known.iter().copied()).map(str::to_owned).collect(),
            options: options.collect(),
            goes_on: known.len() + usize::from(chooses) < call.plain.len(),
            is_unsure: !call.unknown.is_empty(),
            gives_options: call.plain.iter().any(may_be_option),
        }
    }

    /// Returns what a call of a program may mean of which nothing is listed.
    pub(super) fn of_stranger(base: &str, words: &[Word<'_>]) -> Self {
        let is_option = |word: &&Word<'_>| word.known().is_some_and(|word| word.starts_with('-'));
        let (options, plain): (Vec<&Word<'_>>, Vec<&Word<'_>>) = words.iter().partition(is_option);
        let options = options.into_iter().filter_map(|word| word.known());
        let known: Vec<&str> = plain.iter().map_while(|word| word.known()).collect();
        let given = |option: &str| match option.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (option.to_owned(), None),
        };
        Self {
            words: std::iter::once(base).chain(known.iter().copied()).map(str::to_owned).collect(),
            options: options.map(given).collect(),
            goes_on: known.len() < plain.len(),
            is_unsure: true,
            gives_options: plain.iter().any(|word| may_be_option(word)),
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
