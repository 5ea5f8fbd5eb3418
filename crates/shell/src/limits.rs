//! Every bound of this crate. Reaching one is a [`crate::Doubt`], never an error.

/// Bytes of command text that are parsed; longer text is one doubt and no commands.
pub(crate) const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Depth of nested groups, substitutions and quotes.
pub(crate) const DEPTH_MAX: usize = 48;
/// Words that one brace expansion may make.
pub(crate) const BRACE_WORDS_MAX: usize = 256;
/// Commands in one script, nested ones included.
pub(crate) const COMMANDS_MAX: usize = 4096;
/// Bytes that may be read a second time: rewritten text, and text that turned out to be something else.
pub(crate) const REREAD_BYTES_MAX: usize = 4 * TEXT_BYTES_MAX;
/// Doubts kept of one text; beyond it only the first of a kind is added.
pub(crate) const DOUBTS_MAX: usize = 256;
/// Characters of a bracket expression that are looked through for its end.
pub(crate) const BRACKET_CHARS_MAX: usize = 256;
