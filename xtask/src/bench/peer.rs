//! What decisions are compared with: every rule turned into one regular expression, all of them in one
//! `RegexSet`, and the call's text matched by it. It parses no command, knows no path and no effect, so
//! it is the cheapest thing that could be called a permission check.

use anyhow::Context;
use regex::{RegexSet, RegexSetBuilder};

use super::rules::Written;

/// Bytes that the automaton may take.
const AUTOMATON_BYTES_MAX: usize = 1 << 30;

/// The rules as one set.
pub(super) struct Peer {
    set: RegexSet,
}

impl Peer {
    pub(super) fn new(rules: &[Written]) -> anyhow::Result<Self> {
        let expressions = rules.iter().map(|(_, text)| {
            let text = text.strip_suffix(":*)").map_or_else(|| text.clone(), |stem| format!("{stem} *)"));
            format!("^{}$", regex::escape(&text).replace("\\*", ".*"))
        });
        let set = RegexSetBuilder::new(expressions)
            .size_limit(AUTOMATON_BYTES_MAX)
            .dfa_size_limit(AUTOMATON_BYTES_MAX)
            .build()
            .context("the rules do not fit into one regular expression")?;
        Ok(Self { set })
    }

    /// Returns how many rules match the text of a call.
    pub(super) fn matching(&self, call: &str) -> usize {
        self.set.matches(call).len()
    }
}
