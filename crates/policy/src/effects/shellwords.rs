//! The value of a word, as far as it is certain.

use std::collections::{BTreeMap, BTreeSet};

use crate::path::AbsPath;
use shell::tree::{Part as Piece, Word};

/// What is certain at a point of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// The directory that the script starts in.
    pub(super) start: AbsPath,
    /// The directories that are possible here; empty when it is not known.
    pub(super) cwds: Vec<AbsPath>,
    /// The directories that are possible when the last `cd` failed.
    pub(super) if_failed: Vec<AbsPath>,
    /// Variables: their value, or that it is not known.
    pub(super) variables: BTreeMap<String, Option<String>>,
    /// Variables that a function sets: a call anywhere may have changed them.
    pub(super) uncertain: BTreeSet<String>,
    /// True when a function changes the directory.
    pub(super) roams: bool,
    pub(super) home: AbsPath,
}

/// The value of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Exactly this one word.
    Known(String),
    /// The words that this pattern matches.
    Pattern(String),
    /// Not known; possibly several words or none.
    Unknown,
}

impl State {
    pub(super) fn new(cwd: &AbsPath, home: &AbsPath) -> Self {
        Self {
            start: cwd.clone(),
            cwds: vec![cwd.clone()],
            if_failed: Vec::new(),
            variables: BTreeMap::new(),
            uncertain: BTreeSet::new(),
            roams: false,
            home: home.clone(),
        }
    }

    /// Returns the value of a variable, if it is certain.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        match self.variables.get(name) {
            _ if self.uncertain.contains(name) => None,
            Some(value) => value.clone(),
            None if name == "HOME" => Some(self.home.to_string()),
            None if name == "PWD" => match self.cwds.as_slice() {
                [one] => Some(one.to_string()),
                [] | [_, ..] => None,
            },
            None => None,
        }
    }

    /// Returns the paths that a text means here; empty when the directory is not known.
    pub(super) fn paths(&self, text: &str) -> Vec<AbsPath> {
        if text.starts_with('/') {
            return AbsPath::parse(text).into_iter().collect();
        }
        self.cwds.iter().map(|cwd| cwd.join(text)).collect()
    }

    /// Returns the value of a word.
    pub(super) fn value(&self, word: &Word) -> Value {
        let mut text = String::new();
        let mut pattern = false;
        for piece in &word.parts {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Glob(glob) => {
                    text.push_str(glob);
                    pattern = true;
                }
                Piece::Tilde(user) if user.is_empty() => text.push_str(self.home.as_str()),
                Piece::Variable(variable) if variable.operation.is_empty() => match self.variable(&variable.name) {
                    // Without quotes a value is split and globbed.
                    Some(value) if variable.quoted || value.chars().all(|letter| !" \t\n*?[".contains(letter)) => {
                        text.push_str(&value);
                    }
                    Some(_) | None => return Value::Unknown,
                },
                Piece::Tilde(_)
                | Piece::Variable(_)
                | Piece::Substitution(_)
                | Piece::Process(_)
                | Piece::Arithmetic(_) => return Value::Unknown,
            }
        }
        // Nothing but empty expansions without quotes is no word at all.
        if text.is_empty() && !word.quoted && !word.parts.is_empty() {
            return Value::Unknown;
        }
        if pattern { Value::Pattern(text) } else { Value::Known(text) }
    }
}
