//! Heads of HTTP/1: lines that end in CR and LF, a first line, fields. Whatever two readers could read in two ways is
//! refused: folded lines, other ends of lines, spaces before a colon, lengths that stand twice.

use crate::limits::{FIELDS_MAX, HEAD_BYTES_MAX, LINE_BYTES_MAX};

/// The fields of a head, in order, names in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields(Vec<(String, Vec<u8>)>);

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Everything until the connection's end.
    UntilClose,
}

/// The version of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Old,
    /// HTTP/1.1.
    New,
}

/// Why bytes are no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// A line that does not end in CR and LF, or one of the two elsewhere.
    #[error("a line of the head does not end in CR LF")]
    LineEnd,
    /// The first line.
    #[error("the first line is not well formed")]
    FirstLine,
    /// Another version than 1.0 and 1.1.
    #[error("the version is not HTTP/1.1 or HTTP/1.0")]
    Version,
    /// A field.
    #[error("a field of the head is not well formed")]
    Field,
    /// A field that goes on in the next line.
    #[error("a field of the head is folded")]
    Fold,
    /// More bytes, or more fields, than are read.
    #[error("the head is too long")]
    Long,
    /// Lengths that contradict each other, or a length that is none.
    #[error("the length of the body is in doubt")]
    Length,
    /// No field `Host`, several, or another host than the target's.
    #[error("the field `Host` is missing, stands twice or names another host")]
    Host,
    /// A target that is none, or not one for this method.
    #[error("the target is not well formed")]
    Target,
    /// Another scheme than `http`.
    #[error("the target's scheme is not `http`; for TLS a client asks by CONNECT")]
    Scheme,
    /// A method that is not forwarded.
    #[error("the method is not forwarded")]
    Method,
}

/// The first line and the fields of a head, and the bytes that it took.
pub(super) type Split<'a> = (&'a str, Fields, usize);

/// Splits a head; `None` where its end is not yet there.
pub(super) fn split(bytes: &[u8]) -> Result<Option<Split<'_>>, HeadFault> {
    let Some((head, taken)) = head(bytes)? else { return Ok(None) };
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = lines.next().and_then(|line| core::str::from_utf8(line).ok()).ok_or(HeadFault::FirstLine)?;
    let fields = Fields::read(lines)?;
    Ok(Some((first, fields, taken)))
}

/// Returns the lines before the empty one, and the bytes up to behind that.
fn head(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, HeadFault> {
    let mut before = 0;
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if at >= HEAD_BYTES_MAX || (before == 0 && at >= LINE_BYTES_MAX) {
            return Err(HeadFault::Long);
        }
        let last = at.checked_sub(1).and_then(|last| bytes.get(last));
        match byte {
            b'\n' if last == Some(&b'\r') => {}
            b'\n' => return Err(HeadFault::LineEnd),
            _ if last == Some(&b'\r') => return Err(HeadFault::LineEnd),
            0 => return Err(HeadFault::Field),
            _ => continue,
        }
        if at - start == 1 {
            let lines = start.checked_sub(2).and_then(|end| bytes.get(..end)).ok_or(HeadFault::FirstLine)?;
            return Ok(Some((lines, at + 1)));
        }
        (before, start) = (before + 1, at + 1);
    }
    if bytes.len() >= HEAD_BYTES_MAX { Err(HeadFault::Long) } else { Ok(None) }
}

impl Fields {
    fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Self, HeadFault> {
        let mut fields = Vec::new();
        for line in lines {
            if fields.len() >= FIELDS_MAX {
                return Err(HeadFault::Long);
            }
            if line.first().is_some_and(|first| b" \t".contains(first)) {
                return Err(HeadFault::Fold);
            }
            fields.push(field(line).ok_or(HeadFault::Field)?);
        }
        Ok(Self(fields))
    }

    /// Returns the fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Returns the values of a field.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// Returns the values of all fields, to be changed. A value that is put there has no ends of lines.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = (&str, &mut Vec<u8>)> {
        self.0.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    /// Takes away fields by their names.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| is_kept(name));
    }

    /// Takes a field away, and puts one value in its place where there is one.
    pub(crate) fn set(&mut self, name: &str, value: Option<&[u8]>) {
        self.0.retain(|(own, _)| own != name);
        self.0.extend(value.map(|value| (name.to_owned(), value.to_vec())));
    }

    /// Adds a field, or returns false where it is none.
    pub(crate) fn add(&mut self, name: &str, value: &[u8]) -> bool {
        let line = [name.as_bytes(), b":", value].concat();
        let read = if self.0.len() < FIELDS_MAX { field(&line) } else { None };
        let is_field = read.is_some();
        self.0.extend(read);
        is_field
    }

    /// Returns the value of a field that stands once; an error where it stands twice.
    pub fn one(&self, name: &str) -> Result<Option<&[u8]>, HeadFault> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { Err(HeadFault::Field) } else { Ok(first) }
    }

    /// Returns true when one of the words of a field, between commas, is this.
    pub fn has_word(&self, name: &str, word: &str) -> bool {
        let words = self.all(name).flat_map(|value| value.split(|byte| *byte == b','));
        words.map(<[u8]>::trim_ascii).any(|own| own.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Returns what follows the head, as far as the fields say it.
    pub(super) fn body(&self, version: Version) -> Result<Option<Body>, HeadFault> {
        let length = self.one("content-length").map_err(|_| HeadFault::Length)?;
        let coding = self.one("transfer-encoding").map_err(|_| HeadFault::Length)?;
        match (length, coding) {
            (None, None) => Ok(None),
            (Some(digits), None) => Ok(Some(Body::Length(number(digits).ok_or(HeadFault::Length)?))),
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") && version == Version::New => {
                Ok(Some(Body::Chunked))
            }
            (_, Some(_)) => Err(HeadFault::Length),
        }
    }

    /// Returns true when the field is of this hop alone and must not go further.
    pub(super) fn is_of_this_hop(&self, name: &str) -> bool {
        const HOP: [&str; 8] = [
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "proxy-connection",
            "te",
            "upgrade",
            "http2-settings",
        ];
        HOP.contains(&name) || self.has_word("connection", name)
    }

    /// Checks that no field on which the reading of the message rests is declared to be of this hop.
    pub(super) fn check_connection(&self) -> Result<(), HeadFault> {
        let held = ["host", "content-length", "transfer-encoding", "trailer"];
        let is_loose = held.iter().any(|name| self.has_word("connection", name));
        if is_loose { Err(HeadFault::Field) } else { Ok(()) }
    }
}

/// Reads `name: value`.
fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, rest) = line.split_at_checked(colon)?;
    let value = rest.get(1..)?.trim_ascii();
    let is_name = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
    let is_value = value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f));
    let name = core::str::from_utf8(name).ok()?.to_ascii_lowercase();
    (is_name && is_value).then(|| (name, value.to_vec()))
}

/// Returns true for the characters of methods and names.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_plain = !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit);
    is_plain.then(|| core::str::from_utf8(digits).ok()?.parse().ok())?
}

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, HeadFault> {
        match text {
            "HTTP/1.1" => Ok(Self::New),
            "HTTP/1.0" => Ok(Self::Old),
            _ => Err(HeadFault::Version),
        }
    }
}
