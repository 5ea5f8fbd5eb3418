//! Placeholders of JSON web tokens: three parts that decode, of which the first is as it is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{count, other};
use crate::limits::CHOSEN_MIN;

/// Returns another token of the same form; `None` when the text is none, or its signature leaves too little choice.
///
/// Other letters stand in the texts of the claims, or of those that are named, of which numbers are others too.
/// Without names the numbers stay: they say from when to when a token counts.
pub(super) fn placeholder(token: &str, named: &[String], random: &mut dyn FnMut() -> u64) -> Option<String> {
    let mut parts = token.split('.');
    let (Some(head), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    object(head)?;
    let claims = mask(&object(claims)?, named, random);
    // The last letter has bits that must be zero.
    let (start, end) = signature.split_at_checked(signature.len().checked_sub(1)?)?;
    if count(start) < CHOSEN_MIN {
        return None;
    }
    let start: String = start.chars().map(|letter| other(letter, random)).collect();
    Some(format!("{head}.{}.{start}{end}", URL_SAFE_NO_PAD.encode(claims)))
}

/// Returns true for a token that has at least one of the named claims, where there are names.
pub(super) fn is_token(token: &str, named: &[String]) -> bool {
    let mut parts = token.split('.');
    let (Some(head), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let claims = object(claims).filter(|_| object(head).is_some() && !signature.is_empty());
    let claims = claims.and_then(|text| serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(&text).ok());
    claims.is_some_and(|claims| named.is_empty() || named.iter().any(|name| claims.contains_key(name)))
}

/// Returns the text of a part that holds an object.
fn object(part: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
    (text.trim_start().starts_with('{') && text.trim_end().ends_with('}')).then_some(text)
}

/// What stands at a place of a JSON text.
#[derive(Debug, Default)]
struct Walk {
    /// The containers around, innermost last: true for objects.
    around: Vec<bool>,
    /// The name of the claim that is being read.
    claim: String,
    is_text: bool,
    is_name: bool,
    /// Characters that belong to an escape.
    escape: usize,
    /// A name follows.
    wants_name: bool,
}

/// Returns the text with other letters in its values.
fn mask(text: &str, named: &[String], random: &mut dyn FnMut() -> u64) -> String {
    let mut walk = Walk::default();
    let mut is_inside_number = false;
    let mut masked = String::with_capacity(text.len());
    for letter in text.chars() {
        let is_open = walk.step(letter);
        let is_meant = named.is_empty() || named.contains(&walk.claim);
        let is_number = !walk.is_text && !named.is_empty() && letter.is_ascii_digit();
        // The first digit stays, so that no number begins with a zero.
        let is_changed = is_meant && (is_open || (is_number && is_inside_number));
        is_inside_number = is_number;
        masked.push(if is_changed { other(letter, random) } else { letter });
    }
    masked
}

impl Walk {
    /// Takes a character, and returns true when it is one of a value's text.
    fn step(&mut self, letter: char) -> bool {
        if self.is_text {
            return self.text(letter);
        }
        match letter {
            '"' => {
                (self.is_text, self.is_name) = (true, self.wants_name);
                if self.is_name && self.around.len() == 1 {
                    self.claim.clear();
                }
            }
            '{' | '[' => {
                self.around.push(letter == '{');
                self.wants_name = letter == '{';
            }
            '}' | ']' => {
                self.around.pop();
                self.wants_name = false;
            }
            ',' => self.wants_name = self.around.last().copied().unwrap_or(false),
            ':' => self.wants_name = false,
            _ => {}
        }
        false
    }

    fn text(&mut self, letter: char) -> bool {
        if self.escape > 0 {
            // After a backslash one character, and four more where that is a `u`.
            self.escape = if self.escape == 5 && letter != 'u' { 0 } else { self.escape - 1 };
            return false;
        }
        match letter {
            '\\' => self.escape = 5,
            '"' => self.is_text = false,
            _ if self.is_name => {
                if self.around.len() == 1 {
                    self.claim.push(letter);
                }
            }
            _ => return true,
        }
        false
    }
}
