//! `$'...'` and `$"..."`.

use super::Parser;
use super::word::push_text;
use crate::tree::{DoubtKind, Part};

impl Parser<'_> {
    /// Reads `$'...'`, decoded, or `$"..."`, which is double quotes with a translation.
    pub(super) fn dollar_quoted(&mut self, parts: &mut Vec<Part>) {
        let start = self.here();
        self.advance();
        if self.advance() == Some('"') {
            // In zsh the dollar is a part of the text.
            self.doubt(DoubtKind::Dialect, start, self.pos);
            self.double_quoted(parts);
            return;
        }
        let mut decoder = Decoder::default();
        loop {
            match self.advance_raw() {
                None => {
                    self.fail(DoubtKind::Syntax);
                    break;
                }
                Some('\'') => break,
                Some('\\') => self.escape(&mut decoder),
                Some(c) => decoder.push(c),
            }
        }
        let nul = decoder.bytes.iter().position(|&byte| byte == 0);
        if let Some(nul) = nul {
            // A string of the shell ends at its first NUL.
            decoder.bytes.truncate(nul);
        }
        let text = String::from_utf8_lossy(&decoder.bytes);
        if nul.is_some() || matches!(text, std::borrow::Cow::Owned(_)) || decoder.odd {
            self.doubt(DoubtKind::Characters, start, self.pos);
        }
        push_text(parts, &text);
    }

    /// Reads what follows a backslash.
    fn escape(&mut self, decoder: &mut Decoder) {
        let Some(c) = self.advance_raw() else {
            decoder.push('\\');
            return;
        };
        match c {
            'a' => decoder.bytes.push(0x07),
            'b' => decoder.bytes.push(0x08),
            'e' | 'E' => decoder.bytes.push(0x1b),
            'f' => decoder.bytes.push(0x0c),
            'n' => decoder.push('\n'),
            'r' => decoder.push('\r'),
            't' => decoder.push('\t'),
            'v' => decoder.bytes.push(0x0b),
            '\\' | '\'' | '"' | '?' => decoder.push(c),
            '0'..='7' => {
                let more = self.digits(2, 8);
                decoder.byte(u32::from_str_radix(&format!("{c}{more}"), 8));
            }
            'x' => self.hexadecimal(decoder),
            'u' => self.unicode(4, 'u', decoder),
            'U' => self.unicode(8, 'U', decoder),
            'c' => self.control(decoder),
            _ => {
                decoder.push('\\');
                decoder.push(c);
            }
        }
    }

    fn hexadecimal(&mut self, decoder: &mut Decoder) {
        if self.rest().starts_with('{') {
            self.advance_raw();
            let digits = self.digits(usize::MAX, 16);
            if self.rest().starts_with('}') {
                self.advance_raw();
            }
            // Only the last eight bits count, so only the last digits.
            let last = digits.get(digits.len().saturating_sub(2)..).unwrap_or_default();
            decoder.odd = true;
            decoder.byte(u32::from_str_radix(if last.is_empty() { "0" } else { last }, 16));
            return;
        }
        let digits = self.digits(2, 16);
        if digits.is_empty() {
            decoder.push('\\');
            decoder.push('x');
        } else {
            decoder.byte(u32::from_str_radix(&digits, 16));
        }
    }

    fn unicode(&mut self, length: usize, letter: char, decoder: &mut Decoder) {
        let digits = self.digits(length, 16);
        if digits.is_empty() {
            decoder.push('\\');
            decoder.push(letter);
            return;
        }
        match u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
            Some(c) => decoder.push(c),
            // Surrogates and numbers beyond Unicode become bytes that are no text.
            None => decoder.bytes.push(0xff),
        }
    }

    /// Reads the character after `\c`; a backslash there is written twice.
    fn control(&mut self, decoder: &mut Decoder) {
        match self.advance_raw() {
            Some('?') => decoder.bytes.push(0x7f),
            Some(c) if c.is_ascii() => {
                if c == '\\' && self.rest().starts_with('\\') {
                    self.advance_raw();
                }
                decoder.byte(Ok(u32::from(c.to_ascii_uppercase()) & 0x1f));
            }
            Some(c) => {
                decoder.odd = true;
                decoder.push(c);
            }
            None => {}
        }
    }

    fn digits(&mut self, count: usize, radix: u32) -> String {
        let digits: String = self.rest().chars().take(count).take_while(|c| c.is_digit(radix)).collect();
        self.pos += digits.len();
        digits
    }
}

#[derive(Default)]
struct Decoder {
    bytes: Vec<u8>,
    /// Something that versions of bash decode differently.
    odd: bool,
}

impl Decoder {
    fn push(&mut self, c: char) {
        self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn byte(&mut self, value: Result<u32, std::num::ParseIntError>) {
        let low = value.unwrap_or(0) & 0xff;
        self.bytes.push(u8::try_from(low).unwrap_or(0));
    }
}
