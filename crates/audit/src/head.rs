//! The head file: how far the journal goes, so that an append reads nothing of it.
//!
//! A text of lines: `size`, `bytes`, `first` and `last` leaf, the peaks, and a digest over all of
//! them. It saves work and is never believed against the journal.

use crate::tree::{Digest, Frontier};
use std::fmt::Write as _;

const MAGIC: &str = "palisade head 1";

/// What the head file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The tree over every line.
    pub(crate) tree: Frontier,
    /// Bytes of every line, newlines included.
    pub(crate) bytes: u64,
    /// The first leaf: the journal's name. Zeros for an empty journal.
    pub(crate) first: Digest,
    /// The last leaf. Zeros for an empty journal.
    pub(crate) last: Digest,
}

impl Head {
    /// Returns the head of an empty journal.
    pub(crate) fn empty() -> Self {
        Self { tree: Frontier::default(), bytes: 0, first: Digest::ZERO, last: Digest::ZERO }
    }

    /// Returns the number of the next record.
    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Takes in one line, given by its leaf and its length without the newline.
    pub(crate) fn push(&mut self, leaf: Digest, length: u64) {
        if self.size() == 0 {
            self.first = leaf;
        }
        self.last = leaf;
        self.tree.push(leaf);
        self.bytes += length + 1;
    }

    /// Renders the file.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("{MAGIC}\nsize {}\nbytes {}\n", self.size(), self.bytes);
        // Writing to a string cannot fail.
        let _ = write!(text, "first {}\nlast {}\n", self.first.hex(), self.last.hex());
        for peak in self.tree.peaks() {
            let _ = writeln!(text, "peak {}", peak.hex());
        }
        let sum = Digest::of(text.as_bytes());
        let _ = writeln!(text, "sum {}", sum.hex());
        text
    }

    /// Reads the file; nothing when it is not one that [`Head::render`] makes. What stands after the
    /// digest is not read: a shorter head was written over a longer one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
        };
        let mut lines = text.split_inclusive('\n');
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_suffix('\n');
        value(MAGIC).filter(|rest| rest.is_empty())?;
        let size: u64 = value("size ")?.parse().ok()?;
        let bytes: u64 = value("bytes ")?.parse().ok()?;
        let first = Digest::from_hex(value("first ")?.as_bytes())?;
        let last = Digest::from_hex(value("last ")?.as_bytes())?;
        let peaks: Option<Vec<Digest>> =
            (0..size.count_ones()).map(|_| Digest::from_hex(value("peak ")?.as_bytes())).collect();
        let sum = Digest::from_hex(value("sum ")?.as_bytes())?;
        let head = Self { tree: Frontier::from_parts(size, peaks?)?, bytes, first, last };
        let rendered = head.render();
        (text.starts_with(&rendered) && rendered.trim_end().ends_with(&sum.hex())).then_some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::Head;
    use crate::tree::leaf;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let mut head = Head::empty();
        for number in 0..70u8 {
            let text = head.render();
            assert_eq!(Head::parse(text.as_bytes()), Some(head.clone()));
            let mut longer = text.into_bytes();
            longer.extend_from_slice(b"peak 00\n\xff");
            assert_eq!(Head::parse(&longer), Some(head.clone()));
            head.push(leaf(&[number]), u64::from(number));
        }
    }

    #[test]
    fn any_changed_byte_makes_it_unreadable() {
        let mut head = Head::empty();
        (0..7u8).for_each(|number| head.push(leaf(&[number]), 9));
        let text = head.render().into_bytes();
        for at in 0..text.len() {
            for flip in [1, 0x20, 0x80] {
                let mut other = text.clone();
                other[at] ^= flip;
                assert_eq!(Head::parse(&other), None, "byte {at}");
            }
            assert_eq!(Head::parse(&text[..at]), None, "cut at {at}");
        }
    }
}
