//! Words of others in messages: shortened, and without anything that moves a terminal.

use crate::limits::{EDITS_MAX, KEY_CHARS_MAX, QUOTED_CHARS_MAX};

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
    if name.chars().count() > KEY_CHARS_MAX {
        return None;
    }
    let lower = name.to_lowercase();
    let edits_max = |candidate: &str| EDITS_MAX.min(candidate.len() / 3);
    known
        .filter(|candidate| candidate.len().abs_diff(lower.len()) <= edits_max(candidate))
        .map(|candidate| (edits(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= edits_max(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn is_invisible(character: char) -> bool {
    let moves_or_hides = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    );
    moves_or_hides || character.is_control()
}

/// Returns how many characters are added, removed or replaced from one text to the other.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, left) in from.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(line + 1);
        for ((right, above_left), above) in to.chars().zip(&row).zip(row.iter().skip(1)) {
            let replaced = above_left + usize::from(left != right);
            let before = next.last().copied().unwrap_or(usize::MAX - 1);
            next.push(replaced.min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
