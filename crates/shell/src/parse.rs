//! The parser (to come).
use crate::tree::Script;
/// Parses `text` as bash would. Never fails.
pub fn parse(_text: &str) -> Script {
    Script::default()
}
