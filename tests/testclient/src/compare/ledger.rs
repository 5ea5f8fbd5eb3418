//! The ledger of differences: a table in which each class says which differences it covers.
//!
//! The columns `client`, `palisade`, `mode`, `tool`, `call`, `client says` and `palisade says` are patterns: `*`
//! stands for any text, and ` or ` between two patterns for either. The first row that fits is the class.

use std::path::PathBuf;

/// One class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its name.
    pub key: String,
    /// `argued` or `to be fixed`.
    pub state: String,
    /// What demands the difference: `law`, `documentation`, `aim`, or nothing but a `choice`.
    pub ground: String,
    patterns: [String; 7],
}

/// What a row's patterns are held against, in the order of the columns.
pub type Subject<'a> = [&'a str; 7];

const COLUMNS: [&str; 7] = ["client", "palisade", "mode", "tool", "call", "client says", "palisade says"];

/// Returns where the ledger lies.
pub fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/internals/client-differences.md"))
}

/// Reads every table that has the columns.
///
/// # Panics
/// When a row has not as many cells as its head.
pub fn parse(text: &str) -> Vec<Class> {
    let mut classes = Vec::new();
    let mut head: Option<Vec<String>> = None;
    for line in text.lines() {
        let Some(cells) = cells(line) else {
            head = None;
            continue;
        };
        let Some(names) = &head else {
            head = Some(cells);
            continue;
        };
        if cells.iter().all(|cell| cell.chars().all(|letter| letter == '-')) || !names.contains(&"key".to_owned()) {
            continue;
        }
        let cell = |name: &str| {
            let at = names.iter().position(|known| known == name).unwrap_or_else(|| panic!("no column `{name}`"));
            cells[at].trim_matches('`').to_owned()
        };
        classes.push(Class {
            key: cell("key"),
            state: cell("state"),
            ground: cell("rests on"),
            patterns: COLUMNS.map(cell),
        });
    }
    classes
}

impl Class {
    /// Returns true when the class covers this difference.
    pub fn covers(&self, subject: &Subject<'_>) -> bool {
        self.patterns.iter().zip(subject).all(|(pattern, text)| pattern.split(" or ").any(|one| fits(one, text)))
    }
}

/// Returns the cells of a line of a table; `\|` is a bar within a cell.
fn cells(line: &str) -> Option<Vec<String>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let whole = inside.replace("\\|", "\u{0}");
    Some(whole.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect())
}

/// Returns true when the text is what the pattern says; `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{file, fits, parse};

    #[test]
    fn every_row_has_a_key_of_its_own_and_a_state() {
        let classes = parse(&std::fs::read_to_string(file()).unwrap());
        let keys: BTreeSet<&str> = classes.iter().map(|class| class.key.as_str()).collect();
        assert!(!classes.is_empty() && keys.len() == classes.len(), "{keys:?}");
        for class in &classes {
            assert!(["argued", "to be fixed"].contains(&class.state.as_str()), "{class:?}");
            assert!(["law", "documentation", "aim", "choice"].contains(&class.ground.as_str()), "{class:?}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        let rows = [
            ("*", "", true),
            ("a*", "ab", true),
            ("a*c*e", "abcde", true),
            ("a*c", "abcd", false),
            ("a", "b", false),
            ("ab*ba", "aba", false),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_row_covers_what_all_its_patterns_fit() {
        let text = "| key | client | palisade | mode | tool | call | client says | palisade says | rests on | why | state |\n|---|---|---|---|---|---|---|---|---|---|---|\n| pipe | ask | deny | * | Bash | *\\|* | * | *unreadable* or *broken* | law | it is so | argued |\n";
        let [class] = &parse(text)[..] else { panic!("one row") };
        assert!(class.covers(&["ask", "deny", "plan", "Bash", "a | b", "", "it is broken"]));
        assert!(!class.covers(&["ask", "deny", "plan", "Bash", "a ; b", "", "it is broken"]));
        assert_eq!((class.key.as_str(), class.state.as_str()), ("pipe", "argued"));
    }
}
