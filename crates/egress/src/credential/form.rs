//! The forms in which a text goes over a wire.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Returns the forms of a text, always as many and in the same order.
pub(super) fn all(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut forms = vec![bytes.to_vec()];
    for before in 0..3 {
        forms.push(encoded(bytes, before, |bytes| STANDARD.encode(bytes)));
        forms.push(encoded(bytes, before, |bytes| URL_SAFE.encode(bytes)));
    }
    let digits = |upper: bool| {
        let digit = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        bytes.iter().map(digit).collect::<String>().into_bytes()
    };
    forms.extend([digits(false), digits(true), percent(text, false), percent(text, true), escaped(text)]);
    forms
}

/// Returns the part of a base64 text that the bytes alone determine, when so many others stand before them.
fn encoded(bytes: &[u8], before: usize, encode: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let padded = [&vec![0; before], bytes].concat();
    let text = encode(&padded);
    // A digit has six bits: those of the bytes before and behind are left away.
    let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    text.as_bytes().get(first..last).unwrap_or_default().to_vec()
}

fn percent(text: &str, lower: bool) -> Vec<u8> {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if lower => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect::<String>().into_bytes()
}

/// Returns the text as it stands in a string of JSON.
fn escaped(text: &str) -> Vec<u8> {
    let letter = |letter: char| match letter {
        '"' | '\\' | '/' => format!("\\{letter}"),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        _ => letter.to_string(),
    };
    text.chars().map(letter).collect::<String>().into_bytes()
}
