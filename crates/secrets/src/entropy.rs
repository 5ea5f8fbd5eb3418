//! Long strings without order.
//!
//! Names and paths are made of words, three small letters or more in a row; random strings change between
//! small letters, capitals and digits at every other character. That tells them apart better than the
//! count of different characters alone. Hexadecimal strings of a digest's length are commits and checksums more often than
//! secrets and stay.

use super::{SecretKind, Span, at, from, run};

const LENGTH_MIN: usize = 32;
/// Shannon entropy in bits for each character.
const BITS_MIN: f64 = 3.5;
/// The share of neighbours of different classes, where all three classes occur.
const CHANGES_MIN: f64 = 0.35;
/// The share of characters in rows of [`WORD_LENGTH_MIN`] small letters or more, where all three classes occur.
const WORDS_MAX: f64 = 0.45;
const WORD_LENGTH_MIN: usize = 3;
/// The same where there are letters of one case and digits.
const CHANGES_MIN_OF_TWO: f64 = 0.22;
const DIGITS_MIN_OF_TWO: usize = 4;
/// Lengths of hexadecimal digests: MD5, SHA-1, and the SHA-2 family.
const DIGEST_LENGTHS: [usize; 6] = [32, 40, 56, 64, 96, 128];
/// What begins a public value: checksums of packages, and public keys of SSH.
const PUBLIC: [&[u8]; 8] =
    [b"sha1-", b"sha256-", b"sha384-", b"sha512-", b"AAAAC3NzaC1", b"AAAAB3NzaC1", b"AAAAE2VjZHNh", b"AAAAGnNrLXNza"];
const PUBLIC_BEFORE: [&[u8]; 3] = [b"SHA256:", b"sha256:", b"sha512:"];

/// Finds every long string without order.
pub(super) fn find(bytes: &[u8], spans: &mut Vec<Span>) {
    let mut place = 0;
    while place < bytes.len() {
        let body = run(bytes, place, is_encoded);
        if body == 0 {
            place += 1;
            continue;
        }
        let padding = run(bytes, place + body, |byte| byte == b'=').min(2);
        let text = from(bytes, place).get(..body).unwrap_or_default();
        if body >= LENGTH_MIN && !is_public(bytes, place) {
            let is_path = matches!(at(text, 0), b'/') || (place > 0 && matches!(at(bytes, place - 1), b'.' | b'~'));
            if is_path || !is_random(text) {
                parts(text, place, is_path, spans);
            } else {
                spans.push(Span { range: place..place + body + padding, kind: SecretKind::HighEntropy });
            }
        }
        place += body;
    }
}

/// Looks at each part of a path, or of a name with hyphens, on its own.
fn parts(text: &[u8], place: usize, is_path: bool, spans: &mut Vec<Span>) {
    let mut begin = 0;
    for part in text.split(|byte| !byte.is_ascii_alphanumeric()) {
        let is_secret = part.len() >= LENGTH_MIN && if is_path { is_mixed(part) } else { is_random(part) };
        if is_secret {
            let start = place + begin;
            spans.push(Span { range: start..start + part.len(), kind: SecretKind::HighEntropy });
        }
        begin += part.len() + 1;
    }
}

fn is_encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

fn is_public(bytes: &[u8], place: usize) -> bool {
    let before = bytes.get(..place).unwrap_or_default();
    PUBLIC.iter().any(|prefix| from(bytes, place).starts_with(prefix))
        || PUBLIC_BEFORE.iter().any(|suffix| before.ends_with(suffix))
}

fn is_random(text: &[u8]) -> bool {
    is_mixed(text) || is_mixed_of_two(text)
}

/// Small letters, capitals and digits in turns.
fn is_mixed(text: &[u8]) -> bool {
    let has = |class: fn(&u8) -> bool| text.iter().any(class);
    has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && changes(text) >= CHANGES_MIN
        && words(text) <= WORDS_MAX
        && bits(text) >= BITS_MIN
}

/// Letters of one case and digits in turns, without a break, and not a digest.
fn is_mixed_of_two(text: &[u8]) -> bool {
    let is_hex = text.iter().all(u8::is_ascii_hexdigit);
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    text.iter().all(u8::is_ascii_alphanumeric)
        && digits >= DIGITS_MIN_OF_TWO
        && digits < text.len()
        && !(is_hex && DIGEST_LENGTHS.contains(&text.len()))
        && changes(text) >= CHANGES_MIN_OF_TWO
        && bits(text) >= BITS_MIN - 0.3
}

/// Returns the share of neighbours that are of different classes.
fn changes(text: &[u8]) -> f64 {
    let class = |byte: &u8| (byte.is_ascii_lowercase(), byte.is_ascii_uppercase(), byte.is_ascii_digit());
    let changes = text.iter().zip(text.iter().skip(1)).filter(|(left, right)| class(left) != class(right)).count();
    share(changes, text.len())
}

/// Returns the share of characters in words.
fn words(text: &[u8]) -> f64 {
    let rows = text.split(|byte| !byte.is_ascii_lowercase()).map(<[u8]>::len);
    share(rows.filter(|length| *length >= WORD_LENGTH_MIN).sum(), text.len())
}

/// Returns the Shannon entropy in bits for each character.
fn bits(text: &[u8]) -> f64 {
    let mut counts = [0usize; 256];
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let parts = counts.iter().filter(|count| **count > 0).map(|count| share(*count, text.len()));
    parts.map(|part| -part * part.log2()).sum()
}

#[expect(clippy::cast_precision_loss, reason = "counts of bytes of a text; a share needs no more than a few digits")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
