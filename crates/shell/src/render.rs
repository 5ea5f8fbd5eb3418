//! Words back to text.

use crate::tree::{Command, Follows, Item, Script, Simple, Span, Word};

/// Returns `word` quoted so that a shell reads exactly it.
pub fn quote(word: &str) -> String {
    let plain = !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&b))
        && !word.starts_with('=');
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
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
        text.push_str(&quote(arg));
        words.push(Word::exact(arg, Span { start, end: text.len() }));
    }
    let span = Span { start: 0, end: text.len() };
    let simple = Simple { words, span, ..Simple::default() };
    let item = Item { follows: Follows::Always, background: false, command: Command::Simple(simple) };
    (text, Script { items: vec![item], doubts: Vec::new() })
}
