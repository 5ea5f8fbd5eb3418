//! Words of others in messages: shortened, and without anything that moves a terminal.

pub(crate) use policy::proof::shown as printable;

use crate::limits::{KEY_CHARS_MAX, QUOTED_CHARS_MAX};

/// Returns the text in backticks, shortened.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    let rest = if short.len() < text.len() { "..." } else { "" };
    format!("`{}{rest}`", printable(&short))
}

/// Returns the known name that was most likely meant.
pub(crate) fn closest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if name.chars().count() > KEY_CHARS_MAX { None } else { policy::rule::nearest(name, known) }
}
