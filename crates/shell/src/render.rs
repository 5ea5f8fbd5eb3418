//! Words back to text.

use crate::tree::{Command, Follows, Item, Script, Simple, Span, Word};

/// Returns `word` quoted so that a shell reads exactly it.
pub fn quote(word: &str) -> String {
    let plain = !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&b))
        && !word.starts_with('=');
    if plain { word.to_owned() } else { in_quotes(word) }
}

fn in_quotes(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The reserved words that [`quote`] would leave bare.
const RESERVED: [&str; 17] = [
    "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "select", "then",
    "time", "until", "while",
];

/// Returns the name of a command quoted so that a shell does not take it for an assignment or a reserved word.
fn quote_name(name: &str) -> String {
    if name.contains('=') || RESERVED.contains(&name) { in_quotes(name) } else { quote(name) }
}

/// Returns the command text of an argument list, and its tree: one simple command whose words are exact.
pub fn from_argv(argv: &[String]) -> (String, Script) {
    let mut text = String::new();
    let mut words = Vec::new();
    for arg in argv {
        if !text.is_empty() {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(&if words.is_empty() { quote_name(arg) } else { quote(arg) });
        words.push(Word::exact(arg, Span { start, end: text.len() }));
    }
    let span = Span { start: 0, end: text.len() };
    let simple = Simple { words, span, ..Simple::default() };
    let item = Item { follows: Follows::Always, background: false, command: Command::Simple(simple) };
    (text, Script { items: vec![item], doubts: Vec::new() })
}
