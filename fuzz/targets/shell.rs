//! Any text has a tree with sound spans, and any text can be quoted into one word.

#![no_main]

#[path = "../../crates/shell/tests/spans/mod.rs"]
mod spans;

use libfuzzer_sys::fuzz_target;
use shell::tree::{Command, Word};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    spans::check(text, &shell::parse(text));
    assert_eq!(words(&format!("x {}", shell::quote(text))), [Some("x".to_owned()), Some(text.to_owned())]);
});

fn words(text: &str) -> Vec<Option<String>> {
    let script = shell::parse(text);
    match script.items.as_slice() {
        [item] => match &item.command {
            Command::Simple(simple) => simple.words.iter().map(Word::literal).collect(),
            Command::Pipeline(_) | Command::Compound(_) | Command::Function(_) => Vec::new(),
        },
        _ => Vec::new(),
    }
}
