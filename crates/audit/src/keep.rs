//! What a record keeps of a tool's input: text without secrets, and never the content of a file.

use crate::tree::Digest;
use crate::{limits, wire};
use secrets::SecretKind;

/// What is kept of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Text without secrets, cut at a bound.
    Text {
        /// The text.
        text: String,
        /// What was taken out of it.
        found: Vec<SecretKind>,
    },
    /// Only what identifies it.
    Digest {
        /// SHA-256 of the input in hexadecimal.
        sha256: String,
        /// Its length.
        bytes: u64,
    },
}

/// Tools that write content. What of their input cannot be taken apart is kept as a digest.
const WRITERS: [&str; 5] = ["Write", "Edit", "MultiEdit", "NotebookEdit", "apply_patch"];

/// Fields of an input that carry content, with any tool.
pub(crate) const CONTENT_FIELDS: [&str; 9] =
    ["content", "contents", "new_string", "old_string", "new_source", "new_str", "old_str", "file_text", "insert_text"];

/// Returns what a record keeps of a tool's input: its JSON object or its plain text.
///
/// In a JSON object, content becomes `[content: <n> bytes, sha256 <hex>]`, and every other text loses its
/// secrets. A plain text loses its secrets; of a tool that writes, only the digest is kept. What is
/// too long is cut, with a digest of what was there without its secrets: a digest of the input as it
/// was is the caller's action digest.
pub fn keep(tool: &str, input: &str) -> Kept {
    let is_writer = WRITERS.contains(&tool);
    if input.len() <= limits::KEEP_PARSE_BYTES_MAX
        && let Some((text, mut found)) = wire::keep_fields(input)
    {
        let last = secrets::redact(&text);
        found.extend(last.found);
        found.sort_unstable();
        found.dedup();
        return Kept::Text { text: wire::cut(last.text, limits::KEEP_BYTES_MAX), found };
    }
    if is_writer || input.len() > limits::KEEP_PARSE_BYTES_MAX {
        return Kept::Digest { sha256: Digest::of(input.as_bytes()).hex(), bytes: input.len() as u64 };
    }
    let redacted = secrets::redact(input);
    Kept::Text { text: wire::cut(redacted.text, limits::KEEP_BYTES_MAX), found: redacted.found }
}
