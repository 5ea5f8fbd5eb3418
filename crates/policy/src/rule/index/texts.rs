//! Patterns with `*`, found by a text that they may cover.

use super::Id;
use super::grams::{Counts, Gram, Grams, grams};
use super::table::{Filling, Table};
use crate::command::pieces;

/// Patterns that are being collected.
#[derive(Debug, Default)]
pub(super) struct Collecting {
    beginnings: Filling,
    /// What begins with `*`: its pieces.
    open: Vec<(Vec<String>, Id)>,
}

impl Collecting {
    /// Adds a text in which `*` stands for itself, for a rule.
    pub(super) fn add_literal(&mut self, text: &str, rule: Id) {
        self.beginnings.add([text], rule);
    }

    /// Adds a pattern that stands behind a text.
    pub(super) fn add_behind(&mut self, text: &str, pattern: &str, rule: Id) {
        let pieces = pieces(pattern);
        let first = pieces.first().map(String::as_str).unwrap_or_default();
        self.beginnings.add([text, first], rule);
    }

    /// Adds a pattern for a rule.
    pub(super) fn add(&mut self, pattern: &str, rule: Id) {
        let first = pattern.split('*').next().unwrap_or_default();
        if !first.is_empty() && !first.contains('\\') {
            self.beginnings.add([first], rule);
            return;
        }
        let pieces = pieces(pattern);
        match pieces.first() {
            Some(first) if !first.is_empty() => self.beginnings.add([first.as_str()], rule),
            Some(_) | None => self.open.push((pieces, rule)),
        }
    }

    /// Sorts them.
    pub(super) fn texts(self) -> Texts {
        let Self { beginnings, open } = self;
        let mut texts = Texts { beginnings: beginnings.table(), ..Texts::default() };
        if open.is_empty() {
            return texts;
        }
        let mut counts = Counts::new();
        open.iter().flat_map(|(pieces, _)| pieces).flat_map(|piece| grams(piece)).for_each(|gram| counts.add(&gram));
        let mut rows: Vec<(Gram, Id)> = Vec::new();
        for (pieces, rule) in &open {
            match pieces.iter().flat_map(|piece| grams(piece)).min_by_key(|gram| counts.of(gram)) {
                Some(gram) => rows.push((gram, *rule)),
                None => texts.any.push(*rule),
            }
        }
        texts.inside = Grams::new(rows);
        texts
    }
}

/// Patterns, sorted by what a text must have for them to cover it.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    /// It begins with this.
    beginnings: Table,
    /// It holds this.
    inside: Grams,
    /// Nothing that could be looked up.
    any: Vec<Id>,
}

impl Texts {
    /// Finds every rule whose pattern could cover the text.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Id>) {
        self.beginnings.beginnings(text, found);
        self.inside.find(text, found);
        found.extend_from_slice(&self.any);
    }

    /// Finds every rule whose pattern could cover a text that begins with `known` and goes on in an
    /// unknown way; the white space at the end of `known` may be part of it or not.
    pub(super) fn find_continued(&self, known: &str, found: &mut Vec<Id>) {
        self.beginnings.beginnings(known, found);
        self.beginnings.continuations(known.trim_end(), found);
        found.extend(self.inside.rules());
        found.extend_from_slice(&self.any);
    }
}
