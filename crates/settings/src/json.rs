//! Strict JSON with places: RFC 8259 and nothing more, bounded in depth.
//!
//! The parser is lenient by nature. Two things make it strict: its own switches, and a look over the
//! text beforehand that lets only JSON's characters stand outside strings, no raw control character
//! inside them, and no nesting on which a recursive parser could run out of stack.

use jsonc_parser::ast::Value;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, parse_to_ast};

use crate::limits::DEPTH_MAX;
use crate::say::quoted;

/// Text and where its lines begin.
#[derive(Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

/// What is wrong with a text, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(index, _)| index + 1);
        Self { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// Returns the line of a byte, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        number(self.starts.partition_point(|start| *start <= offset))
    }

    /// Returns the column of a byte, counted from 1 in characters.
    pub(crate) fn column(&self, offset: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        self.text.get(start..offset).map_or(0, |before| number(before.chars().count() + 1))
    }
}

/// Reads a text as one JSON value.
pub(crate) fn parse(text: &str) -> Result<Value<'_>, Fault> {
    look_over(text)?;
    let collect = CollectOptions::default();
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    match parse_to_ast(text, &collect, &strict) {
        Ok(parsed) => {
            parsed.value.ok_or_else(|| fault(0, "the file is empty", "write `{}` for no settings, or remove the file"))
        }
        Err(error) => {
            let (message, hint) = describe(error.kind());
            Err(fault(error.range().start, message, hint))
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn fault(offset: usize, message: &str, hint: &'static str) -> Fault {
    Fault { offset, message: message.to_owned(), hint }
}

/// Finds what the parser would let pass, and nesting that is too deep.
fn look_over(text: &str) -> Result<(), Fault> {
    let mut depth = 0_usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'"' => look_over_string(&mut bytes)?,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    let message = format!("more than {DEPTH_MAX} objects and lists inside one another");
                    return Err(Fault { offset, message, hint: "write the settings with less nesting" });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'+' | b'-' | b'.' => {}
            _ if byte.is_ascii_alphanumeric() => {}
            _ => return Err(stray(text, offset)),
        }
    }
    Ok(())
}

/// Goes to the end of a string.
fn look_over_string(bytes: &mut impl Iterator<Item = (usize, u8)>) -> Result<(), Fault> {
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'"' => return Ok(()),
            b'\\' => {
                bytes.next();
            }
            0..=0x1f => {
                return Err(fault(
                    offset,
                    "a string holds a raw line break or control character",
                    "write it as an escape, such as `\\n`",
                ));
            }
            _ => {}
        }
    }
    // The parser says where the string began.
    Ok(())
}

fn stray(text: &str, offset: usize) -> Fault {
    let rest = text.get(offset..).unwrap_or_default();
    if rest.starts_with("//") || rest.starts_with("/*") {
        return fault(offset, "comments are not allowed", "remove the comment: settings are strict json");
    }
    if rest.starts_with('\'') {
        return fault(offset, "a string is in single quotes", "write it in double quotes");
    }
    let character: String = rest.chars().take(1).collect();
    Fault { offset, message: format!("unexpected {}", quoted(&character)), hint: "settings are strict json" }
}

fn describe(kind: &ParseErrorKind) -> (&'static str, &'static str) {
    const STRICT: &str = "settings are strict json";
    const CUT: &str = "the file may be cut off: restore it, or close what is open";
    match kind {
        ParseErrorKind::UnterminatedObject => ("an object is not closed", CUT),
        ParseErrorKind::UnterminatedArray => ("a list is not closed", CUT),
        ParseErrorKind::String(ParseStringErrorKind::UnterminatedStringLiteral) => ("a string is not closed", CUT),
        ParseErrorKind::ExpectedObjectValue => ("a key has no value", CUT),
        ParseErrorKind::ExpectedColonAfterObjectKey => ("a key is not followed by a colon", CUT),
        ParseErrorKind::TrailingCommasNotAllowed => ("a comma stands after the last entry", "remove the comma"),
        ParseErrorKind::ExpectedComma => ("two entries have no comma between them", "add the comma"),
        ParseErrorKind::UnexpectedComma => ("a comma has no entry before it", "remove the comma"),
        ParseErrorKind::CommentsNotAllowed => ("comments are not allowed", "remove the comment"),
        ParseErrorKind::ExpectedStringObjectProperty => ("a key is not in quotes", "write it in double quotes"),
        ParseErrorKind::String(_) => {
            ("a string holds an escape that json does not have", "write a backslash as `\\\\`")
        }
        ParseErrorKind::MultipleRootJsonValues => {
            ("something follows after the settings", "remove what follows the last brace")
        }
        ParseErrorKind::UnexpectedWord => ("a bare word stands for a value", "write it in double quotes"),
        ParseErrorKind::UnexpectedCloseBrace | ParseErrorKind::UnexpectedCloseBracket => {
            ("a bracket closes what is not open", STRICT)
        }
        _ => ("this is not json", STRICT),
    }
}
