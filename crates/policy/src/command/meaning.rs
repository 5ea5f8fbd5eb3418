//! What a command pattern means to the program that it names, whatever the order and spelling of the options.

use std::collections::BTreeSet;

use crate::effects::Meant;

/// A pattern by its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Meaning {
    rule: Meant,
    /// More words and options may follow.
    open: bool,
    /// A long option or an operand that may go on: `--force*`, `/srv/*`.
    begins: Option<String>,
}

/// How surely a command means what a pattern means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// It does not.
    No,
    /// It may: which of its words is what is not known.
    Perhaps,
    /// It does.
    Yes,
}

impl Meaning {
    /// Reads a pattern without its last ` *`; `None` where only its text says what it is about.
    pub fn of_rule(stem: &str, open: bool) -> Option<Self> {
        let mut words: Vec<&str> = stem.split(' ').collect();
        let mut open = open;
        let mut begins = None;
        if let Some(start) = words.last().and_then(|last| last.strip_suffix('*')).filter(|start| !start.is_empty()) {
            words.pop();
            open = true;
            if start.starts_with('-') && !start.starts_with("--") {
                // One-letter options, and perhaps more of them.
                words.push(start);
            } else if start.contains(['*', '=']) || words.is_empty() {
                return None;
            } else {
                begins = Some(start.to_owned());
            }
        }
        // Behind `*` only options have a place of their own.
        let star = words.iter().position(|word| *word == "*").unwrap_or(words.len());
        if words.iter().skip(star).any(|word| !word.starts_with('-') && *word != "*") {
            return None;
        }
        open |= star < words.len();
        words.retain(|word| *word != "*");
        if words.iter().any(|word| word.contains(['*', '\'', '"', '\\', '$', '`', '|', '&', ';', '<', '>', '(', ')'])) {
            return None;
        }
        let rule = match Meant::of_words(&words) {
            Some(rule) => rule,
            None if begins.is_some() => {
                Meant { words: words.iter().map(|word| (*word).to_owned()).collect(), ..Meant::default() }
            }
            None => return None,
        };
        Some(Self { rule, open, begins })
    }

    /// Returns the words that a command must begin with, as one text.
    pub(crate) fn head(&self) -> String {
        head(&self.rule.words)
    }

    /// Returns the texts under which a rule is found where only a part of a command's words is known.
    pub(crate) fn keys(&self) -> [String; 2] {
        let program = self.rule.program();
        [program_key(program), second_key(program, self.rule.words.get(1).map(String::as_str))]
    }

    /// Returns how surely a command means this.
    pub fn covers(&self, command: &Meant) -> Means {
        let lacks_none = self.rule.options.iter().all(|wanted| has(&command.options, wanted));
        let begins = self.begins.as_ref().is_none_or(|start| {
            let next = command.words.get(self.rule.words.len()).is_some_and(|word| word.starts_with(start.as_str()));
            next || command.options.iter().any(|(name, _)| name.starts_with(start.as_str()))
        });
        let no_more = self.open
            || (command.words.len() == self.rule.words.len() && command.options.len() == self.rule.options.len());
        if lacks_none && begins && no_more && command.words.starts_with(&self.rule.words) {
            return Means::Yes;
        }
        // What is not known may be the words that are missing, or the options.
        let agree = self.rule.words.iter().zip(&command.words).all(|(wanted, word)| wanted == word);
        let may_go_on = command.goes_on && agree && (lacks_none || command.gives_options);
        let mut rest = command.words.iter();
        let in_order = self.rule.words.first() == command.words.first()
            && self.rule.words.iter().all(|word| rest.any(|own| own == word));
        let options = command.gives_options || lacks_none && begins;
        let unsure = command.is_unsure && !command.options.is_empty() && self.open && in_order && options;
        if may_go_on || unsure { Means::Perhaps } else { Means::No }
    }
}

/// Returns true when an option is given, with this value where the rule names one.
fn has(options: &BTreeSet<(String, Option<String>)>, wanted: &(String, Option<String>)) -> bool {
    options.contains(wanted) || (wanted.1.is_none() && options.iter().any(|(name, _)| *name == wanted.0))
}

/// Returns the words of a command as one text that is no command.
pub(crate) fn head(words: &[String]) -> String {
    format!("\u{1}{}", words.join(" "))
}

/// Returns the texts under which the rules are found that a command may mean of which not all is known.
pub(crate) fn doubtful_keys(command: &Meant) -> Vec<String> {
    let program = command.program();
    let mut keys = Vec::new();
    match command.words.get(1) {
        None if command.goes_on => keys.push(program_key(program)),
        Some(next) if command.goes_on => keys.push(second_key(program, Some(next))),
        Some(_) | None => {}
    }
    if command.goes_on || command.is_unsure {
        keys.push(second_key(program, None));
    }
    if command.is_unsure {
        // Any of them may be the one that the rule names first.
        let words: BTreeSet<&String> = command.words.iter().skip(1).collect();
        keys.extend(words.into_iter().map(|word| second_key(program, Some(word))));
    }
    keys
}

/// Returns the text under which every rule about a program is found.
fn program_key(program: &str) -> String {
    format!("\u{2}{program}\u{2}")
}

/// Returns the text under which rules are found by the program and the first word behind it.
fn second_key(program: &str, second: Option<&str>) -> String {
    format!("\u{3}{program}\u{3}{}\u{3}", second.unwrap_or_default())
}
