//! Options: clusters, attached values, abbreviations.

use super::{Argument, Call, Given, Reader, Word};
use crate::table::{Command, Effect, Opt, Role, Style, Takes};

/// Where an option's value stands.
enum Value<'a> {
    /// Attached to it.
    Attached(&'a str),
    /// In the words that follow, if it takes one.
    Follows,
}

/// Returns the long name of an option that has exactly one: a line of a table may hold several options.
fn long_name<'t>(option: &Opt<'t>) -> Option<&'t str> {
    let mut long = option.spellings.iter().filter(|name| name.starts_with("--"));
    long.next().filter(|_| long.next().is_none()).copied()
}

/// Returns true for an option that no rule with a wildcard was written for.
fn is_exact(option: &Opt<'_>) -> bool {
    option.effects.contains(&Effect::Exact)
}

impl<'t, 'a> Reader<'_, 't, 'a>
where
    't: 'a,
{
    /// Reads options and gathers operands; with `only_options` it stops at the first operand.
    pub(super) fn options(
        &mut self,
        command: &Command<'t>,
        globals: &[Opt<'t>],
        only_options: bool,
        call: &mut Call<'t, 'a>,
    ) {
        let style = self.table.style;
        let lists = [command.options.as_slice(), globals];
        let mut ended = false;
        if self.table.bundled && !only_options {
            self.bundle(&lists, call);
        }
        while let Some(word) = self.words.get(self.at).copied() {
            let Some(text) = self.option_text(word, ended || style == Style::Words, command, call) else {
                if only_options {
                    return;
                }
                self.operands.push((self.at, word));
                self.at += 1;
                ended |= style.ends_at_operand();
                continue;
            };
            self.at += 1;
            if text == "--" {
                ended = true;
                if only_options {
                    return;
                }
                continue;
            }
            self.option(text, matches!(word, Word::Known(_)), &lists, command, call);
        }
    }

    /// Returns the text of a word that is an option; `None` for an operand.
    fn option_text(
        &self,
        word: Word<'a>,
        ended: bool,
        command: &Command<'t>,
        call: &mut Call<'t, 'a>,
    ) -> Option<&'a str> {
        if ended {
            return None;
        }
        let plus = || command.options.iter().any(|option| option.spellings.iter().any(|name| name.starts_with('+')));
        let bare = |text: &str| command.options.iter().any(|option| option.spellings.contains(&text));
        match word {
            Word::Known(text) if text.starts_with('-') && text.len() > 1 => Some(text),
            Word::Known(text) if (text.starts_with('+') && text.len() > 1 && plus()) || bare(text) => Some(text),
            Word::Known(_) => None,
            Word::Begins(text) | Word::Pattern(text) if text.starts_with('-') => {
                // What follows the `=` of a long option, or the letter of a short one, is its value.
                if text.contains('=') || text.len() > 2 { Some(text) } else { self.may_be_option(word, command, call) }
            }
            Word::Begins("") | Word::Unknown => self.may_be_option(word, command, call),
            Word::Pattern(text) if text.starts_with(['*', '?', '[']) => self.may_be_option(word, command, call),
            Word::Begins(_) | Word::Pattern(_) => None,
        }
    }

    /// A word that may be an option is an operand where the options only read; what one would read is not known.
    fn may_be_option(&self, word: Word<'a>, command: &Command<'t>, call: &mut Call<'t, 'a>) -> Option<&'a str> {
        let only_reads = |option: &Opt<'t>| option.takes.only_reads() && option.is_harmless();
        let reads = command.options_only_read || (command.complete && command.options.iter().all(only_reads));
        // A word that ends the options makes an operand of each that follows.
        let is_option = |later: &Word<'_>| match later {
            Word::Known(text) | Word::Begins(text) | Word::Pattern(text) => text.starts_with('-'),
            Word::Unknown => false,
        };
        let ends = command.operands.iter().any(|place| !place.role.only_reads())
            && self.words.iter().skip(self.at + 1).any(is_option);
        if !reads || ends {
            call.unknown.push("one of its words may be an option".to_owned());
            let matched = matches!(word, Word::Pattern(pattern) if !self.matches_no_option(pattern));
            call.exact |= matched && command.options.iter().any(is_exact);
        } else if !matches!(word, Word::Pattern(_)) && command.options.iter().any(|option| option.takes.names_file()) {
            call.arguments.push(Argument { role: Role::List, word: Word::Unknown, index: self.at, option: Some("-") });
        }
        None
    }

    /// Reads one word that is an option.
    fn option(
        &mut self,
        text: &'a str,
        certain: bool,
        lists: &[&[Opt<'t>]; 2],
        command: &Command<'t>,
        call: &mut Call<'t, 'a>,
    ) {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Value::Attached(value)),
            None => (text, Value::Follows),
        };
        let exact = |wanted: &str| lists.iter().flat_map(|list| list.iter()).find(|option| option.is_spelled(wanted));
        // The whole word first: an option may be spelled with `=` or another mark in it.
        if let Some(option) = exact(text) {
            self.take(option, text, Value::Follows, certain, call);
            return;
        }
        let is_long = text.starts_with("--");
        let single = matches!(self.table.style, Style::Single | Style::SingleFirst);
        let in_full = || exact(name).or_else(|| single.then(|| exact(name.strip_prefix('-')?)).flatten());
        if (is_long || single)
            && let Some(option) = in_full()
        {
            self.take(option, name, value, certain, call);
            return;
        }
        if is_long && matches!(self.table.style, Style::Gnu | Style::GnuFirst) {
            self.abbreviated(name, value, certain, (lists, command.complete), call);
            return;
        }
        if !is_long && !single && text.starts_with('-') {
            self.cluster(text, certain, lists, call);
            return;
        }
        if let Some(option) = lists.iter().flat_map(|list| list.iter()).find(|option| option.continues(text)) {
            self.take(option, text, Value::Follows, certain, call);
            return;
        }
        call.unknown.push(format!("its option `{name}` is not listed"));
        // It may be any of them, also one that a rule with a wildcard is not for.
        call.exact |= !certain || command.unlisted_exact;
        call.options.push(Given { name, value: text.split_once('=').map(|(_, value)| value) });
    }

    /// A long option in fewer letters: certain only where every option is listed and one alone fits.
    fn abbreviated(
        &mut self,
        name: &'a str,
        value: Value<'a>,
        certain: bool,
        (lists, complete): (&[&[Opt<'t>]; 2], bool),
        call: &mut Call<'t, 'a>,
    ) {
        let fits = |option: &&Opt<'t>| option.spellings.iter().any(|known| known.starts_with(name)) && name.len() > 2;
        let mut candidates = lists.iter().flat_map(|list| list.iter()).filter(fits);
        let first = candidates.next();
        if first.is_none() || candidates.next().is_some() || !complete {
            call.unknown.push(format!("its option `{name}` is not listed"));
            call.options.push(Given { name, value: None });
            call.exact |= lists.iter().flat_map(|list| list.iter()).filter(fits).any(is_exact);
        }
        if let Some(option) = first {
            self.take(option, name, value, certain, call);
        }
    }

    /// A word of one-letter options; the rest of the word is the value of the first that takes one.
    fn cluster(&mut self, text: &'a str, certain: bool, lists: &[&[Opt<'t>]; 2], call: &mut Call<'t, 'a>) {
        let all = || lists.iter().flat_map(|list| list.iter());
        if let Some(option) = all().find(|option| option.is_number(text) || option.continues(text)) {
            self.take(option, text, Value::Follows, certain, call);
            return;
        }
        for (at, letter) in text.char_indices().skip(1) {
            let Some(option) = all().find(|option| option.is_letter(letter)) else {
                call.unknown.push(format!("its option `-{letter}` is not listed"));
                call.options.push(Given { name: text, value: None });
                // Each letter behind it may be its value, or an option of its own.
                let rest = text.get(at..).unwrap_or_default();
                call.exact |= all()
                    .filter(|option| is_exact(option))
                    .any(|option| rest.chars().any(|letter| option.is_letter(letter)));
                return;
            };
            let rest = text.get(at + letter.len_utf8()..).unwrap_or_default();
            let takes_rest = match &option.takes {
                Takes::Nothing => false,
                Takes::Optional(_) | Takes::Values(_) => !rest.is_empty() || !certain,
            };
            let name = text.get(at..at + letter.len_utf8()).unwrap_or(text);
            if takes_rest {
                self.take(option, name, Value::Attached(rest), certain, call);
                return;
            }
            self.take(option, name, Value::Follows, true, call);
            if matches!(option.takes, Takes::Values(_)) {
                return;
            }
        }
        if !certain {
            call.unknown.push("one of its words may hold another option".to_owned());
        }
    }

    /// Takes an option with its values.
    fn take(&mut self, option: &Opt<'t>, name: &'a str, value: Value<'a>, certain: bool, call: &mut Call<'t, 'a>) {
        self.effects(&option.effects, call);
        let next = || self.words.get(self.at).and_then(|word| word.known());
        let given = match (&option.takes, &value) {
            (_, Value::Attached(text)) => Some(*text).filter(|_| certain),
            (Takes::Values(_), Value::Follows) => next(),
            (Takes::Nothing | Takes::Optional(_), Value::Follows) => None,
        };
        let bare = name.trim_start_matches('-');
        let spelled = option.spellings.iter().copied().find(|own| own.trim_start_matches('-') == bare);
        call.options.push(Given { name: long_name(option).or(spelled).unwrap_or(name), value: given });
        let index = self.at.saturating_sub(1);
        let attached = |text: &'a str| if certain { Word::Known(text) } else { Word::Begins(text) };
        match (&option.takes, value) {
            (Takes::Nothing, Value::Attached(_)) => {
                call.unknown.push(format!("its option `{name}` is given a value"));
            }
            (Takes::Nothing | Takes::Optional(_), Value::Follows) => {
                if !certain {
                    call.unknown.push("one of its words may be another option".to_owned());
                }
                // That it stands there may count (`xargs -i`), also without a value.
                if option.takes == Takes::Optional(Role::Text) {
                    call.arguments.push(Argument {
                        role: Role::Text,
                        word: Word::Known(""),
                        index,
                        option: Some(name),
                    });
                }
            }
            (Takes::Optional(role), Value::Attached(text)) => {
                call.arguments.push(Argument { role: *role, word: attached(text), index, option: Some(name) });
            }
            (Takes::Values(roles), Value::Attached(text)) => {
                let mut roles = roles.iter();
                if let Some(role) = roles.next() {
                    call.arguments.push(Argument { role: *role, word: attached(text), index, option: Some(name) });
                }
                for role in roles {
                    self.following(*role, name, call);
                }
            }
            (Takes::Values(roles), Value::Follows) => {
                for role in roles {
                    self.following(*role, name, call);
                }
            }
        }
    }

    /// Takes the next word as a value.
    fn following(&mut self, role: Role, option: &'a str, call: &mut Call<'t, 'a>) {
        if role == Role::CommandUntil {
            self.command_until(option, call);
            return;
        }
        let Some(word) = self.words.get(self.at).copied() else {
            call.unknown.push(format!("its option `{option}` lacks its value"));
            return;
        };
        match word {
            // Words that are no options are operands where options may follow them.
            Word::Pattern(pattern) if self.matches_no_option(pattern) => self.operands.push((self.at, word)),
            Word::Pattern(_) | Word::Unknown => {
                call.unknown.push(format!("the value of its option `{option}` may be several words"));
            }
            Word::Known(_) | Word::Begins(_) => {}
        }
        call.arguments.push(Argument { role, word, index: self.at, option: Some(option) });
        self.at += 1;
    }

    /// Returns true for a shell pattern that no option and no word that counts as one can match.
    fn matches_no_option(&self, pattern: &str) -> bool {
        let single = self.table.style == Style::Single && self.table.commands.is_empty() && self.table.root.complete;
        let options = || self.table.root.options.iter().flat_map(|option| option.spellings.iter());
        let tail = pattern.rsplit(['*', '?', ']']).next().unwrap_or_default();
        single
            && !tail.is_empty()
            && !pattern.contains(['\\', '('])
            && !options().any(|name| name.ends_with(tail) || name.ends_with('*'))
    }

    /// Takes the words up to `;` or `+` as a command of their own.
    fn command_until(&mut self, option: &str, call: &mut Call<'t, 'a>) {
        let start = self.at;
        let rest = self.words.get(start..).unwrap_or_default();
        let length = rest.iter().position(|word| matches!(word, Word::Known(";" | "+")));
        let command = start..start + length.unwrap_or(rest.len());
        // A word that is not certain may itself be the end: what follows would be options again.
        let certain =
            self.words.get(command.clone()).is_some_and(|words| words.iter().all(|word| word.known().is_some()));
        if length.is_none() || !certain {
            call.unknown.push(format!("where the command of its option `{option}` ends is not known"));
        }
        self.at = (command.end + 1).min(self.words.len());
        call.commands.push(command);
    }

    /// The first word without a dash, read as one-letter options whose values follow in order.
    fn bundle(&mut self, lists: &[&[Opt<'t>]; 2], call: &mut Call<'t, 'a>) {
        let Some(Word::Known(text)) = self.words.get(self.at).copied() else { return };
        if text.starts_with('-') {
            return;
        }
        self.at += 1;
        for (at, letter) in text.char_indices() {
            let found = lists.iter().flat_map(|list| list.iter()).find(|option| option.is_letter(letter));
            let name = text.get(at..at + letter.len_utf8()).unwrap_or(text);
            match found {
                Some(option) => self.take(option, name, Value::Follows, true, call),
                None => call.unknown.push(format!("its option `{letter}` is not listed")),
            }
        }
    }

    /// `key=value` words.
    pub(super) fn keys(&mut self, command: &Command<'t>, call: &mut Call<'t, 'a>) {
        while let Some(word) = self.words.get(self.at).copied() {
            self.at += 1;
            let (text, certain) = match word {
                Word::Known(text) => (text, true),
                Word::Begins(text) | Word::Pattern(text) => (text, false),
                Word::Unknown => ("", false),
            };
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Value::Attached(value)),
                None => (text, Value::Follows),
            };
            match command.options.iter().find(|option| option.spellings.contains(&name)) {
                Some(option) => self.take(option, name, value, certain, call),
                None => call.unknown.push(format!("its word `{text}` is not listed")),
            }
        }
    }
}
