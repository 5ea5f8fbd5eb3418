//! The beginning of a push of git's over HTTP: which refs become what. The pack behind it is not read.

use super::{Cursor, Progress};
use crate::limits::{PUSH_BYTES_MAX, PUSH_REFS_MAX};

/// What a push wants to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Push {
    /// The refs, whole names.
    pub updates: Vec<String>,
    /// Those of them that are to be deleted.
    pub deletions: Vec<String>,
    /// What the client can do.
    pub capabilities: Vec<String>,
}

/// What a client can do that sends words for the server behind the list of refs.
const OPTIONS: &str = "push-options";

/// Why bytes are no push that can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushFault {
    /// A line whose length is none.
    #[error("a line of the push has a length that is none")]
    Length,
    /// A line that is none.
    #[error("a line of the push is not well formed")]
    Line,
    /// A name that no ref has.
    #[error("the push has a ref whose name is not well formed")]
    Name,
    /// A push with a certificate.
    #[error("a signed push is not read")]
    Signed,
    /// More refs or bytes than are read.
    #[error("the push has too many refs")]
    Long,
}

/// A line of the protocol.
enum Line<'a> {
    Flush,
    Text(&'a [u8]),
}

/// Reads a push up to behind the list of its refs.
pub fn read(bytes: &[u8]) -> Result<Progress<Push>, PushFault> {
    Reading::default().go_on(bytes)
}

/// A push of which more and more is there. No line is read twice.
#[derive(Debug, Default)]
pub struct Reading {
    push: Push,
    taken: usize,
}

impl Reading {
    /// Reads on: `bytes` is all that came so far, from the beginning.
    pub fn go_on(&mut self, bytes: &[u8]) -> Result<Progress<Push>, PushFault> {
        let mut cursor = Cursor::new(bytes.get(self.taken..).unwrap_or_default());
        loop {
            let Some(line) = line(&mut cursor)? else {
                return if bytes.len() >= PUSH_BYTES_MAX { Err(PushFault::Long) } else { Ok(Progress::More) };
            };
            self.taken = bytes.len() - cursor.left();
            if self.taken > PUSH_BYTES_MAX || self.push.updates.len() > PUSH_REFS_MAX {
                return Err(PushFault::Long);
            }
            match line {
                Line::Flush => return Ok(Progress::Done(std::mem::take(&mut self.push), self.taken)),
                Line::Text(text) => command(text, &mut self.push)?,
            }
        }
    }
}

/// Takes a line; `None` where it is not yet whole.
fn line<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Line<'a>>, PushFault> {
    let mut ahead = *cursor;
    let Some(digits) = ahead.take(4) else { return Ok(None) };
    let digits = core::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let length = digits.and_then(|text| usize::from_str_radix(text, 16).ok()).ok_or(PushFault::Length)?;
    let line = match length {
        0 => Line::Flush,
        1..=4 => return Err(PushFault::Length),
        _ => match ahead.take(length - 4) {
            Some(text) => Line::Text(text),
            None => return Ok(None),
        },
    };
    *cursor = ahead;
    Ok(Some(line))
}

/// Reads `OLD NEW NAME`, behind which the first has what the client can do.
fn command(text: &[u8], push: &mut Push) -> Result<(), PushFault> {
    let text = core::str::from_utf8(text).map_err(|_| PushFault::Line)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let (text, capabilities) = match text.split_once('\0') {
        Some((text, capabilities)) if push.updates.is_empty() && push.capabilities.is_empty() => {
            (text, Some(capabilities))
        }
        Some(_) => return Err(PushFault::Line),
        None => (text, None),
    };
    if text.starts_with("push-cert") {
        return Err(PushFault::Signed);
    }
    push.capabilities.extend(capabilities.into_iter().flat_map(str::split_ascii_whitespace).map(str::to_owned));
    let mut words = text.splitn(3, ' ');
    let (Some(first), Some(second), third) = (words.next(), words.next(), words.next()) else {
        return Err(PushFault::Line);
    };
    match (first, second, third) {
        ("shallow", id, None) if is_id(id) && push.updates.is_empty() => Ok(()),
        (old, new, Some(name)) if is_id(old) && is_id(new) => {
            if !is_ref(name) {
                return Err(PushFault::Name);
            }
            push.updates.push(name.to_owned());
            if new.bytes().all(|digit| digit == b'0') {
                push.deletions.push(name.to_owned());
            }
            Ok(())
        }
        _ => Err(PushFault::Line),
    }
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Returns true for the whole name of a ref, as every repository reads it.
pub(crate) fn is_ref(name: &str) -> bool {
    let is_letter = |byte: u8| !byte.is_ascii_control() && !b" ~^:?*[\\".contains(&byte);
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.ends_with(".lock");
    name.starts_with("refs/")
        && name.bytes().all(is_letter)
        && name.split('/').all(is_part)
        && !name.contains("..")
        && !name.contains("@{")
}

impl Push {
    /// Returns true when words for the server may follow the list of refs: they make merge requests, skip checks.
    pub fn has_options(&self) -> bool {
        self.capabilities.iter().any(|own| own.split('=').next() == Some(OPTIONS))
    }

    /// Returns an answer in which every ref is refused, as a client shows it: `reason` says why, for each.
    pub fn refusal(&self, reason: impl Fn(&str) -> String) -> Vec<u8> {
        let can = |word: &str| self.capabilities.iter().any(|own| own == word);
        let plain = |text: String| text.replace(|letter: char| letter.is_control(), " ");
        if !can("report-status") && !can("report-status-v2") {
            let reason = self.updates.first().map_or_else(String::new, |name| reason(name));
            return packet(format!("ERR {}\n", plain(reason)).as_bytes());
        }
        let mut report = packet(b"unpack ok\n");
        for name in &self.updates {
            report.extend(packet(format!("ng {name} {}\n", plain(reason(name))).as_bytes()));
        }
        report.extend(b"0000");
        if !can("side-band-64k") && !can("side-band") {
            return report;
        }
        // The smaller of the two bands has lines of a thousand bytes.
        let parts = report.chunks(990).map(|part| packet(&[&[1], part].concat()));
        let mut banded = parts.fold(Vec::new(), |all, part| [all, part].concat());
        banded.extend(b"0000");
        banded
    }
}

/// Returns a line of the protocol; longer text is cut.
fn packet(text: &[u8]) -> Vec<u8> {
    let text = text.get(..text.len().min(1200)).unwrap_or_default();
    [format!("{:04x}", text.len() + 4).as_bytes(), text].concat()
}
