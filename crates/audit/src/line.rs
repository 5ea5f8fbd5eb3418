//! The beginning of every line: what ties it to the lines before.
//!
//! `{"seq":7,"prev":"<hex>","tree":"<base64>",` and then the record's own fields. `seq` counts from 0,
//! `prev` is the leaf hash of the line before (zeros for the first), `tree` the root of the tree of
//! size `seq`. The beginning is read as bytes, so that verification depends on no schema.

use crate::tree::Digest;

/// What the beginning of a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The record's number, counted from 0.
    pub(crate) seq: u64,
    /// The leaf hash of the line before.
    pub(crate) prev: Digest,
    /// The root of the tree before this line.
    pub(crate) tree: Digest,
}

const SEQ: &[u8] = br#"{"seq":"#;
const PREV: &[u8] = br#","prev":""#;
const TREE: &[u8] = br#"","tree":""#;
const END: &[u8] = br#"","#;

impl Header {
    /// Returns the beginning of the first line.
    pub(crate) fn first() -> Self {
        Self { seq: 0, prev: Digest::ZERO, tree: Digest::of(b"") }
    }

    /// Renders a line without its newline. `fields` is the record's JSON object.
    pub(crate) fn render(&self, fields: &str) -> String {
        let rest = fields.strip_prefix('{').unwrap_or(fields);
        let (prev, tree) = (self.prev.hex(), self.tree.base64());
        format!("{{\"seq\":{},\"prev\":\"{prev}\",\"tree\":\"{tree}\",{rest}", self.seq)
    }

    /// Reads the beginning of a line; nothing when it is not one that [`Header::render`] makes.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(SEQ)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = rest.split_at_checked(digits)?;
        if number.is_empty() || (number.len() > 1 && number.first() == Some(&b'0')) {
            return None;
        }
        let seq = std::str::from_utf8(number).ok()?.parse().ok()?;
        let (prev, rest) = rest.strip_prefix(PREV)?.split_at_checked(64)?;
        let (tree, rest) = rest.strip_prefix(TREE)?.split_at_checked(44)?;
        rest.strip_prefix(END)?;
        Some(Self { seq, prev: Digest::from_hex(prev)?, tree: Digest::from_base64(tree)? })
    }
}

#[cfg(test)]
mod tests {
    use super::Header;
    use crate::tree::{Digest, leaf};

    #[test]
    fn what_is_rendered_is_read() {
        let header = Header { seq: 10, prev: leaf(b"a"), tree: leaf(b"b") };
        let line = header.render("{\"kind\":\"x\"}");
        assert_eq!(Header::parse(line.as_bytes()), Some(header));
        assert!(line.ends_with(",\"kind\":\"x\"}"), "{line}");
        let zero = Header { seq: 0, prev: Digest::ZERO, tree: Digest::of(b"") };
        assert_eq!(Header::parse(zero.render("{\"a\":1}").as_bytes()), Some(zero));
    }

    #[test]
    fn nothing_else_is_read() {
        let line = Header { seq: 10, prev: leaf(b"a"), tree: leaf(b"b") }.render("{\"kind\":\"x\"}");
        for end in 0..line.len() - 12 {
            assert_eq!(Header::parse(&line.as_bytes()[..end]), None);
        }
        for wrong in [line.replace(":10,", ":010,"), line.replace(":10,", ":,"), line.replace(":10", ": 10")] {
            assert_eq!(Header::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
