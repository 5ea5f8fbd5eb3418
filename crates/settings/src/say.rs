//! Words of others in messages: shortened, and without anything that moves a terminal.

use crate::limits::{KEY_CHARS_MAX, QUOTED_CHARS_MAX};

/// Returns the text in backticks, shortened.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    let rest = if short.len() < text.len() { "..." } else { "" };
    format!("`{}{rest}`", printable(&short))
}

/// Returns the text with control and direction characters escaped.
pub(crate) fn printable(text: &str) -> String {
    if !text.contains(is_invisible) {
        return text.to_owned();
    }
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if is_invisible(character) {
            printable.extend(character.escape_unicode());
        } else {
            printable.push(character);
        }
    }
    printable
}

/// Returns the known name that was most likely meant.
pub(crate) fn closest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if name.chars().count() > KEY_CHARS_MAX { None } else { policy::rule::nearest(name, known) }
}

fn is_invisible(character: char) -> bool {
    let moves_or_hides = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    );
    moves_or_hides || character.is_control()
}
