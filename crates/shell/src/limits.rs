//! Every bound of this crate. Reaching one is a [`crate::Doubt`], never an error.

/// Bytes of command text that are parsed; longer text is one doubt and no commands.
pub(crate) const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Depth of nested groups, substitutions and quotes.
pub(crate) const DEPTH_MAX: usize = 48;
/// Words that one brace expansion may make.
pub(crate) const BRACE_WORDS_MAX: usize = 256;
/// Commands in one script, nested ones included.
pub(crate) const COMMANDS_MAX: usize = 4096;
