//! Reads an argument list as the program reads it.

mod operands;
mod options;

use std::ops::Range;

use crate::parse;
use crate::table::{Command, Does, Effect, Role, Sub, Table};

/// A word of an argument list, as far as it is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// Exactly this word.
    Known(&'a str),
    /// The words that this shell pattern matches: one or more.
    Pattern(&'a str),
    /// Exactly one word, which begins like this.
    Begins(&'a str),
    /// Not known; several words or none are possible.
    Unknown,
}

impl<'a> Word<'a> {
    /// Returns the word, when it is certain.
    pub fn known(self) -> Option<&'a str> {
        if let Self::Known(text) = self { Some(text) } else { None }
    }

    /// Returns true when it may be another number of words than one.
    pub fn may_be_several(self) -> bool {
        match self {
            Self::Pattern(_) | Self::Unknown => true,
            Self::Known(_) | Self::Begins(_) => false,
        }
    }
}

/// What one word is to the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument<'a> {
    /// Its role.
    pub role: Role,
    /// The value: the word, or what is attached to an option in it.
    pub word: Word<'a>,
    /// Which word of the argument list it is or stands in.
    pub index: usize,
    /// The option that it is the value of, if it is one.
    pub option: Option<&'a str>,
}

/// An option as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<'a> {
    /// Its long name where it has one and no more, otherwise as it is written.
    pub name: &'a str,
    /// Its value, where it has one that is certain.
    pub value: Option<&'a str>,
}

/// An argument list as the program reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call<'t, 'a> {
    /// The words of the sub-command, such as `remote add`.
    pub sub: Vec<&'a str>,
    /// The options, in order, those that are not listed among them.
    pub options: Vec<Given<'a>>,
    /// The words that are neither options nor their values, in order, those of the sub-command first.
    pub plain: Vec<Word<'a>>,
    /// The words with what they are, in order.
    pub arguments: Vec<Argument<'a>>,
    /// The words that are commands of their own.
    pub commands: Vec<Range<usize>>,
    /// What it does beyond its words.
    pub does: Vec<Does>,
    /// Paths that it uses because no operand is given.
    pub alone: Vec<(Role, &'t str)>,
    /// Why it is not known to be understood.
    pub unknown: Vec<String>,
    /// Why it asks whatever is allowed.
    pub asks: Vec<&'t str>,
    /// Programs that it starts as a part of itself.
    pub starts: Vec<&'t str>,
    /// Directories are walked.
    pub recursive: bool,
    /// Links that are met below a directory are followed.
    pub follows: bool,
    /// A rule with a wildcard does not allow it.
    pub exact: bool,
    /// `acceptEdits` covers it.
    pub edits: bool,
    /// It changes nothing about the command that it runs.
    pub clear: bool,
    /// What standard input is to it, when it reads it.
    pub input: Option<Role>,
}

/// Reads the words after a program's name.
pub fn read<'t, 'a>(body: &'t str, words: &[Word<'a>]) -> Call<'t, 'a>
where
    't: 'a,
{
    match parse::table(body) {
        Ok(table) => by_table(&table, words),
        Err(_) => Call { unknown: vec!["its table cannot be read".to_owned()], ..Call::default() },
    }
}

/// Reads an argument list by a table.
pub fn by_table<'t, 'a>(table: &Table<'t>, words: &[Word<'a>]) -> Call<'t, 'a>
where
    't: 'a,
{
    let mut call = Call::default();
    let mut reader = Reader { table, words, at: 0, operands: Vec::new(), places: None, given: false, writes: false };
    reader.whole(&mut call);
    call
}

/// A reading in progress.
struct Reader<'r, 't, 'a> {
    table: &'r Table<'t>,
    words: &'r [Word<'a>],
    at: usize,
    /// Operands with their place in the list.
    operands: Vec<(usize, Word<'a>)>,
    /// The roles of the operands, where an option changed them.
    places: Option<Vec<crate::table::Place>>,
    /// An option gave what stands in the first place.
    given: bool,
    /// The operands that would be read are written.
    writes: bool,
}

impl<'r, 't, 'a> Reader<'r, 't, 'a>
where
    't: 'a,
{
    fn whole(&mut self, call: &mut Call<'t, 'a>) {
        let table = self.table;
        if table.commands.is_empty() {
            self.command(&table.root, &[], call);
            return;
        }
        self.effects(&table.root.effects, call);
        // Options before the sub-command; the first operand names it.
        self.options(&table.root, &[], true, call);
        let Some((sub, length)) = self.sub_command(call) else {
            self.unread(call);
            return;
        };
        call.plain.extend(self.words.iter().skip(self.at).take(length));
        self.at += length;
        let Some(command) = sub.command.get_or_init(|| parse::command(sub.body).ok()) else {
            call.unknown.push("its table cannot be read".to_owned());
            self.unread(call);
            return;
        };
        let globals: &[_] = if table.globals_anywhere { &table.root.options } else { &[] };
        self.command(command, globals, call);
    }

    /// Finds the sub-command at the present word: its text, and how many words name it.
    fn sub_command(&self, call: &mut Call<'t, 'a>) -> Option<(&'r Sub<'t>, usize)> {
        let rest = self.words.get(self.at..).unwrap_or_default();
        let named = |path: &str| {
            let mut given = rest.iter();
            let fits = path.split(' ').all(|word| given.next().and_then(|given| given.known()) == Some(word));
            fits.then(|| rest.len() - given.len())
        };
        let mut best: Option<(&'r Sub<'t>, usize)> = None;
        for sub in &self.table.commands {
            for length in sub.names.iter().filter_map(|name| named(name)) {
                if best.is_none_or(|(_, known)| length > known) {
                    best = Some((sub, length));
                }
            }
        }
        if let Some((sub, length)) = best {
            call.sub = rest.iter().take(length).filter_map(|word| word.known()).collect();
            return Some((sub, length));
        }
        let other = if rest.is_empty() { "-" } else { "*" };
        let found = self.table.commands.iter().find(|sub| sub.names.contains(&other));
        match (found, rest.first()) {
            (Some(sub), _) => Some((sub, 0)),
            (None, Some(Word::Known(name))) => {
                call.unknown.push(format!("its command `{name}` is not listed"));
                None
            }
            (None, Some(Word::Pattern(_) | Word::Begins(_) | Word::Unknown)) => {
                call.unknown.push("its command is not known before it runs".to_owned());
                call.exact = true;
                None
            }
            (None, None) => {
                call.unknown.push("it is given no command".to_owned());
                None
            }
        }
    }

    fn command(&mut self, command: &Command<'t>, globals: &[crate::table::Opt<'t>], call: &mut Call<'t, 'a>) {
        call.edits = command.edits;
        call.clear = command.clear;
        self.effects(&command.effects, call);
        let places = command.operands.clone();
        self.places.get_or_insert(places);
        if self.table.style == crate::table::Style::Keys {
            self.keys(command, call);
        } else {
            self.options(command, globals, false, call);
        }
        if self.operands.is_empty() {
            call.input = command.input;
        }
        call.plain.extend(self.operands.iter().map(|(_, word)| *word));
        self.operands(call);
        // A pattern is no path: it leaves the program with what it uses alone.
        let names_something = |argument: &Argument<'_>| argument.option.is_none() && argument.role != Role::Text;
        if call.arguments.iter().any(names_something) || !call.commands.is_empty() {
            call.alone.clear();
        }
    }

    /// Takes the words that no table describes as they are.
    fn unread(&self, call: &mut Call<'t, 'a>) {
        for word in self.words.iter().skip(self.at) {
            match word {
                Word::Known(text) if text.starts_with('-') => {
                    let (name, value) = text.split_once('=').map_or((*text, None), |(name, value)| (name, Some(value)));
                    call.options.push(Given { name, value });
                }
                Word::Known(_) | Word::Pattern(_) | Word::Begins(_) | Word::Unknown => call.plain.push(*word),
            }
        }
    }

    fn effects(&mut self, effects: &[Effect<'t>], call: &mut Call<'t, 'a>) {
        for effect in effects {
            match effect {
                Effect::Operands(places) => self.places = Some(places.clone()),
                Effect::Given => self.given = true,
                Effect::Writes => self.writes = true,
                Effect::Recursive => call.recursive = true,
                Effect::Follows => call.follows = true,
                Effect::Does(does) => call.does.push(*does),
                Effect::Exact => call.exact = true,
                Effect::Asks(why) => call.asks.push(why),
                Effect::Unknown => call.unknown.push("what it then does is not known".to_owned()),
                Effect::Alone(role, path) => call.alone.push((*role, path)),
                Effect::Starts(names) => call.starts.extend(names.split(',').map(str::trim)),
            }
        }
    }
}
