//! A tree's size and root as a text, in the form of C2SP tlog-checkpoint.
//!
//! Three lines: the origin, the size, the root in base64. Further lines, and signatures after an empty
//! line, are read over: whoever keeps a checkpoint may add them.

use crate::head::Head;
use crate::limits;
use crate::tree::Digest;

/// A promise about a journal: so many records, and this root over them.
///
/// Kept where the journal's user cannot change it, it shows that nothing before it was cut off or
/// written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    pub(crate) root: Digest,
}

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is longer than any checkpoint.
    #[error("the checkpoint has {bytes} bytes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The first line is not an origin of ours.
    #[error("line 1 of the checkpoint is not `palisade/<journal>`")]
    Origin,
    /// The second line is not a size.
    #[error("line 2 of the checkpoint is not a count of records")]
    Size,
    /// The third line is not a root.
    #[error("line 3 of the checkpoint is not a SHA-256 root in base64")]
    Root,
}

impl Checkpoint {
    pub(crate) fn of(head: &Head) -> Self {
        Self { origin: origin(Some(head.first), head.size()), size: head.size(), root: head.tree.root() }
    }

    /// Reads a checkpoint's text.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        if text.len() > limits::CHECKPOINT_BYTES_MAX {
            return Err(CheckpointError::TooLong { bytes: text.len() });
        }
        let mut lines = text.split_inclusive('\n').map(|line| line.strip_suffix('\n'));
        let mut line = || lines.next().flatten();
        let origin = line().filter(|line| is_origin(line)).ok_or(CheckpointError::Origin)?;
        let size = line().and_then(size).ok_or(CheckpointError::Size)?;
        let root = line().and_then(|line| Digest::from_base64(line.as_bytes())).ok_or(CheckpointError::Root)?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Returns the journal's name: `palisade/` and the beginning of its first leaf hash.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns how many records it covers.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root in base64.
    pub fn root(&self) -> String {
        self.root.base64()
    }
}

impl std::fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}\n{}\n{}\n", self.origin, self.size, self.root())
    }
}

/// Returns the name of a journal, which its first record gives it.
pub(crate) fn origin(first: Option<Digest>, size: u64) -> String {
    match first {
        _ if size == 0 => "palisade/empty".to_owned(),
        None => "palisade/unknown".to_owned(),
        Some(first) => format!("palisade/{}", first.hex().chars().take(16).collect::<String>()),
    }
}

fn is_origin(line: &str) -> bool {
    line.strip_prefix("palisade/").is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
}

fn size(line: &str) -> Option<u64> {
    let canonical = line == "0" || !line.starts_with('0');
    (canonical && line.bytes().all(|byte| byte.is_ascii_digit())).then(|| line.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, CheckpointError};
    use crate::head::Head;
    use crate::tree::leaf;

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let mut head = Head::empty();
        assert_eq!(Checkpoint::parse(&Checkpoint::of(&head).to_string()), Ok(Checkpoint::of(&head)));
        head.push(leaf(b""), 0);
        let checkpoint = Checkpoint::of(&head);
        let text = "palisade/6e340b9cffb37a98\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n";
        assert_eq!(checkpoint.to_string(), text);
        assert_eq!(Checkpoint::parse(text), Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::parse(&format!("{text}more\n\n— witness AAAA\n")), Ok(checkpoint));
    }

    #[test]
    fn other_texts_are_refused() {
        let root = "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=";
        for (text, error) in [
            (String::new(), CheckpointError::Origin),
            (format!("other/x\n1\n{root}\n"), CheckpointError::Origin),
            (format!("palisade/\n1\n{root}\n"), CheckpointError::Origin),
            (format!("palisade/x\n01\n{root}\n"), CheckpointError::Size),
            (format!("palisade/x\n+1\n{root}\n"), CheckpointError::Size),
            (format!("palisade/x\n1\n{root}"), CheckpointError::Root),
            (format!("palisade/x\n1\n{}\n", root.replace('=', "")), CheckpointError::Root),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(error), "{text}");
        }
    }
}
