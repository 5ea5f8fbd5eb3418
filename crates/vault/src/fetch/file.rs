//! Secrets in files: the first line, or a field of a file in JSON or of lines with `NAME=value`.

use std::io::Read;

use rustix::fs::{FileType, Mode, OFlags};
use zeroize::Zeroizing;

use crate::Secret;
use crate::limits::FILE_BYTES_MAX;
use crate::secret::SecretFault;
use crate::wire::{self, AnswerFault};

/// Why a file gave no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// It is not there.
    #[error("there is no such file")]
    Absent,
    /// It cannot be opened or read.
    #[error("the file cannot be read")]
    Unread,
    /// It is a directory, a pipe, a device or a socket.
    #[error("this is not a regular file")]
    NotRegular,
    /// It is longer than such a file may be.
    #[error("the file is longer than {FILE_BYTES_MAX} bytes")]
    Long,
    /// It is not UTF-8.
    #[error("the file is no text")]
    NotText,
    /// It begins as JSON does and is none.
    #[error("the file is no JSON object")]
    Json,
    /// It has no such field.
    #[error("the file has no such field")]
    NoField,
    /// It has the field twice.
    #[error("the file has the field more than once")]
    Twice,
    /// The field is no text.
    #[error("the field in the file is no text")]
    FieldNotText,
    /// Programs that read such files take the value for different things.
    #[error("the value in line {0} can be read in more than one way")]
    Ambiguous(usize),
    /// What is there is no secret.
    #[error(transparent)]
    Value(#[from] SecretFault),
}

impl FileFault {
    /// Returns what to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Absent => "write the file, or name the secret elsewhere",
            Self::Unread => "make the file readable for this user",
            Self::NotRegular => "put a regular file in its place; what a program prints is `cmd://`",
            Self::Long | Self::NotText | Self::Json => "keep the secret in a file of its own",
            Self::NoField | Self::Twice => "look at the names in the file",
            Self::FieldNotText => "put the value between quotation marks",
            Self::Ambiguous(_) => "put the value between single quotation marks, or keep it in JSON",
            Self::Value(_) => "look at the value in the file",
        }
    }
}

pub(super) fn fetch(path: &str, field: Option<&str>) -> Result<Secret, FileFault> {
    let bytes = read(path)?;
    let text = core::str::from_utf8(&bytes).map_err(|_| FileFault::NotText)?;
    Ok(match field {
        None => Secret::from_bytes(text.lines().next().unwrap_or_default().as_bytes())?,
        Some(field) if text.trim_start().starts_with('{') => Secret::of(json(text, field)?)?,
        Some(field) => Secret::from_bytes(assigned(text, field)?.as_bytes())?,
    })
}

/// Reads a regular file, up to a bound, without waiting for whoever writes to a pipe.
fn read(path: &str) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => FileFault::Absent,
        _ => FileFault::Unread,
    })?;
    let facts = rustix::fs::fstat(&fd).map_err(|_| FileFault::Unread)?;
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
        return Err(FileFault::NotRegular);
    }
    // One allocation: a buffer that grows leaves what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX + 1));
    let mut file = std::fs::File::from(fd).take(FILE_BYTES_MAX as u64 + 1);
    file.read_to_end(&mut bytes).map_err(|_| FileFault::Unread)?;
    if bytes.len() > FILE_BYTES_MAX { Err(FileFault::Long) } else { Ok(bytes) }
}

fn json(text: &str, field: &str) -> Result<Zeroizing<String>, FileFault> {
    wire::text(text.as_bytes(), &[field]).map_err(|fault| match fault {
        AnswerFault::Absent => FileFault::NoField,
        AnswerFault::Twice => FileFault::Twice,
        AnswerFault::NotText | AnswerFault::Hidden => FileFault::FieldNotText,
        AnswerFault::Form => FileFault::Json,
    })
}

/// Returns the value of the one line `NAME=value` or `export NAME=value`.
fn assigned<'a>(text: &'a str, field: &str) -> Result<&'a str, FileFault> {
    let mut found = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        if name.trim_end() != field {
            continue;
        }
        if found.is_some() {
            return Err(FileFault::Twice);
        }
        found = Some((number + 1, name, value));
    }
    let (number, name, value) = found.ok_or(FileFault::NoField)?;
    // A shell takes `NAME =` for a program; other readers trim it.
    if name.ends_with(char::is_whitespace) {
        return Err(FileFault::Ambiguous(number));
    }
    unquoted(value).ok_or(FileFault::Ambiguous(number))
}

/// Returns a value as every reader of such files reads it, or nothing where they differ.
fn unquoted(value: &str) -> Option<&str> {
    let inside = |mark: char| {
        let inside = value.strip_prefix(mark)?.strip_suffix(mark)?;
        (!inside.contains(mark)).then_some(inside)
    };
    if value.starts_with('\'') {
        return inside('\'').filter(|text| !text.contains('\\'));
    }
    if value.starts_with('"') {
        return inside('"').filter(|text| !text.contains(['\\', '$', '`']));
    }
    let is_odd = |letter: char| letter.is_whitespace() || "\"'\\$`#;&|<>()*?~{}!".contains(letter);
    (!value.contains(is_odd)).then_some(value)
}
