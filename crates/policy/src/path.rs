//! Absolute paths by their text alone, and the patterns that match them.

mod along;
mod glob;
mod pattern;

use std::borrow::Cow;
use std::fmt;

pub use along::Along;
pub use glob::Glob;
pub(crate) use glob::{Hold, fold};
pub(crate) use pattern::Root;
pub use pattern::{PathPattern, PatternError};

/// An absolute path without `.`, `..`, empty segments or a trailing slash, by its text alone:
/// `..` takes the segment before it away without looking at the file system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsPath(String);

impl AbsPath {
    /// Returns `/`.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Reads an absolute path; `None` when it does not begin with `/` or holds a NUL.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with('/') && !text.contains('\0') { Some(Self::root().join(text)) } else { None }
    }

    /// Returns `text` taken from this directory: absolute text stands for itself.
    pub fn join(&self, text: &str) -> Self {
        // Most often it is one name.
        if !text.contains('/') && !matches!(text, "" | "." | "..") {
            let before = if self.0 == "/" { "" } else { &self.0 };
            return Self(format!("{before}/{text}"));
        }
        let mut segments: Vec<&str> = if text.starts_with('/') { Vec::new() } else { self.segments().collect() };
        for segment in text.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop();
                }
                name => segments.push(name),
            }
        }
        Self(format!("/{}", segments.join("/")))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the segments from the root down.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// Returns the last segment; `None` for the root.
    pub fn name(&self) -> Option<&str> {
        self.segments().next_back()
    }

    /// Returns the directory that holds it; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        self.name()?;
        Some(self.join(".."))
    }

    /// Returns what remains of this path below `directory`: empty when they are the same, `None`
    /// when it does not lie there. Segments are compared whole.
    pub fn below(&self, directory: &Self) -> Option<&str> {
        let rest = if directory.0 == "/" { Some(self.0.as_str()) } else { self.0.strip_prefix(directory.0.as_str()) }?;
        if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
    }

    /// Returns true when it is `directory` or lies in it.
    pub fn is_within(&self, directory: &Self) -> bool {
        self.below(directory).is_some()
    }
}

/// Returns a text without the letters that are not seen, and that some file systems leave out of names.
pub(crate) fn without_ignorable(text: &str) -> Cow<'_, str> {
    let is_ignorable = |letter: char| {
        matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
    };
    if text.contains(is_ignorable) { Cow::Owned(text.replace(is_ignorable, "")) } else { Cow::Borrowed(text) }
}

/// Letters beside ASCII that file systems which fold case take for ASCII ones.
const FOLDED: [(char, &str); 11] = [
    ('\u{17f}', "s"),
    ('\u{212a}', "k"),
    ('\u{df}', "ss"),
    ('\u{1e9e}', "ss"),
    ('\u{fb00}', "ff"),
    ('\u{fb01}', "fi"),
    ('\u{fb02}', "fl"),
    ('\u{fb03}', "ffi"),
    ('\u{fb04}', "ffl"),
    ('\u{fb05}', "st"),
    ('\u{fb06}', "st"),
];

/// Returns a text without the letters that are not seen, and with ASCII letters for those that fold to them.
pub(crate) fn in_plain_letters(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let seen = without_ignorable(text);
    let mut plain = String::with_capacity(seen.len());
    for letter in seen.chars() {
        match FOLDED.iter().find(|(folded, _)| *folded == letter) {
            Some((_, letters)) => plain.push_str(letters),
            None => plain.push(letter),
        }
    }
    Cow::Owned(plain)
}

/// Returns true when `..` follows a name in a path's text: if the name is a symbolic link, the text
/// alone does not say where the path leads.
pub fn climbs_out_of_a_name(text: &str) -> bool {
    let mut named = false;
    for segment in text.split('/') {
        match segment {
            "" | "." => {}
            ".." if named => return true,
            ".." => {}
            _ => named = true,
        }
    }
    false
}

/// Returns the directories that `..` leads out of in a path's text, taken from `base`: while none of them is a
/// link, the path leads where its text says.
pub(crate) fn climbed(base: &AbsPath, text: &str) -> Vec<AbsPath> {
    let mut found = Vec::new();
    let mut here = base.join(if text.starts_with('/') { "/" } else { "" });
    let mut names = 0_usize;
    for segment in text.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                if names > 0 {
                    found.push(here.clone());
                }
                names = names.saturating_sub(1);
                here = here.join("..");
            }
            name => {
                names += 1;
                here = here.join(name);
            }
        }
    }
    found
}

impl fmt::Display for AbsPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
