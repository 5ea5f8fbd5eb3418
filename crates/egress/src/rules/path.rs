//! Paths of requests, in the one form that every server reads alike. What servers disagree about is in doubt.

use super::RuleFault;
use crate::host::match_star;

/// Segments of a path or a pattern.
const SEGMENTS_MAX: usize = 128;

/// A path's segments, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    segments: Vec<String>,
}

/// Why a path can be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathDoubt {
    /// It does not begin with a slash.
    #[error("its path does not begin with `/`")]
    Start,
    /// A segment `.` or `..`, in whatever spelling.
    #[error("its path has a segment of dots")]
    Dots,
    /// Two slashes, one behind the other.
    #[error("its path has an empty segment")]
    Empty,
    /// An encoded slash, backslash, percent sign, or something that is not shown.
    #[error("its path has a character in a code that hides what it is")]
    Code,
    /// A percent sign that begins no code, or codes that are no text.
    #[error("its path has a percent sign that begins no code of a text")]
    Percent,
    /// A character that means more to some servers.
    #[error("its path has a character that servers read differently")]
    Character,
    /// More segments than are compared.
    #[error("its path is too long")]
    Long,
}

impl Path {
    /// Reads the path of a request, without its query.
    pub fn read(text: &str) -> Result<Self, PathDoubt> {
        let path = text.split('?').next().unwrap_or_default();
        let rest = path.strip_prefix('/').ok_or(PathDoubt::Start)?;
        // A slash at the end is the same to most.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            return if path.len() > 1 { Err(PathDoubt::Empty) } else { Ok(Self { segments: Vec::new() }) };
        }
        let segments = rest.split('/').map(segment).collect::<Result<Vec<String>, PathDoubt>>()?;
        if segments.len() > SEGMENTS_MAX { Err(PathDoubt::Long) } else { Ok(Self { segments }) }
    }

    /// Returns the segments.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map(String::as_str)
    }

    /// Returns the path whose last segment has not this end, where it has it.
    pub fn without_suffix(&self, suffix: &str) -> Option<Self> {
        let (before, last) = self.split_last()?;
        let last = last.strip_suffix(suffix)?.to_owned();
        let segments = before.segments.into_iter().chain([last]).collect();
        Some(Self { segments })
    }

    /// Returns the path without its last segment, and that.
    pub fn split_last(&self) -> Option<(Self, &str)> {
        let (last, before) = self.segments.split_last()?;
        Some((Self { segments: before.to_vec() }, last))
    }
}

fn segment(text: &str) -> Result<String, PathDoubt> {
    if text.is_empty() {
        return Err(PathDoubt::Empty);
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else { return Err(PathDoubt::Percent) };
            let byte = u8::try_from(high << 4 | low).map_err(|_| PathDoubt::Percent)?;
            if byte.is_ascii_control() || b"/\\%;?#".contains(&byte) {
                return Err(PathDoubt::Code);
            }
            decoded.push(byte);
        } else if byte.is_ascii_graphic() && !b"\\;?#".contains(&byte) {
            decoded.push(byte);
        } else {
            return Err(PathDoubt::Character);
        }
    }
    let decoded = String::from_utf8(decoded).map_err(|_| PathDoubt::Percent)?;
    // Dots and spaces at the end are nothing to some.
    if decoded.ends_with('.') || decoded.ends_with(' ') {
        return Err(PathDoubt::Dots);
    }
    // Some fold wide forms of slashes and dots, and leave out what is not shown.
    let is_odd = |letter: char| matches!(letter, '\u{ff00}'..='\u{ffef}' | '\u{2000}'..='\u{206f}' | '\u{2215}' | '\u{80}'..='\u{9f}');
    if decoded.chars().any(is_odd) { Err(PathDoubt::Code) } else { Ok(decoded) }
}

/// A path in a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Any number of segments.
    Any,
    /// One segment, in which `*` is any text.
    One(String),
}

impl PathPattern {
    /// Reads a pattern. It is written as paths are shown, without codes.
    pub fn parse(text: &str) -> Result<Self, RuleFault> {
        if text.contains(['%', '?']) {
            return Err(RuleFault::Path(None));
        }
        let path = Path::read(text).map_err(|doubt| RuleFault::Path(Some(doubt)))?;
        let parts = path.segments.into_iter();
        let parts: Vec<Part> = parts.map(|text| if text == "**" { Part::Any } else { Part::One(text) }).collect();
        Ok(Self { parts })
    }

    /// Returns true when a rule that allows this pattern covers the path.
    pub fn covers(&self, path: &Path) -> bool {
        matches(&self.parts, &path.segments, match_star)
    }

    /// Returns true when a rule that denies this pattern covers the path: there are servers to which cases are alike.
    pub fn tightens(&self, path: &Path) -> bool {
        matches(&self.parts, &path.segments, |pattern, segment| {
            match_star(&pattern.to_lowercase(), &segment.to_lowercase())
        })
    }
}

/// Matches parts with segments. After a failure it goes on at the last `**`, one segment later.
fn matches(parts: &[Part], segments: &[String], is_match: impl Fn(&str, &str) -> bool) -> bool {
    let (mut part, mut at) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while let Some(segment) = segments.get(at) {
        match parts.get(part) {
            Some(Part::Any) => {
                part += 1;
                again = Some((part, at));
            }
            Some(Part::One(pattern)) if is_match(pattern, segment) => (part, at) = (part + 1, at + 1),
            Some(Part::One(_)) | None => {
                let Some((behind, from)) = again else { return false };
                again = Some((behind, from + 1));
                (part, at) = (behind, from + 1);
            }
        }
    }
    parts.get(part..).unwrap_or_default().iter().all(|part| *part == Part::Any)
}
