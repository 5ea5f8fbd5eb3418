//! The texts that a pattern covers, as an automaton: inclusion is decided exactly, with a witness.
//!
//! 1. A pattern becomes a [`Language`]: states, and steps that take one character of a set.
//! 2. The alphabet is cut into intervals within which no step of any language tells two characters apart.
//! 3. [`witness`] walks the inner language and the set of states of the outer ones side by side, shortest
//!    text first. A text that the inner accepts and none of the outer does is the witness.
//!
//! A bound that is reached is an answer of its own, and whoever asks then claims nothing.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// Pairs of states that one question may look at.
const PAIRS_MAX: usize = 20_000;
/// States that one language may have.
const STATES_MAX: usize = 600;

/// A set of characters: ranges, or everything but them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letters {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Letters {
    /// Returns the set of one character.
    pub(crate) fn one(letter: char) -> Self {
        Self { negated: false, ranges: vec![(letter, letter)] }
    }

    /// Returns the set of every character.
    pub(crate) fn any() -> Self {
        Self { negated: true, ranges: Vec::new() }
    }

    /// Returns the set of every character but one.
    pub(crate) fn but(letter: char) -> Self {
        Self { negated: true, ranges: vec![(letter, letter)] }
    }

    /// Returns the set of some ranges, or of everything but them.
    pub(crate) fn ranges(negated: bool, ranges: &[(char, char)]) -> Self {
        Self { negated, ranges: ranges.to_vec() }
    }

    fn has(&self, letter: char) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&letter)) != self.negated
    }
}

/// A set of texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Language {
    /// For each state the steps from it: by a character of the set, or by none.
    steps: Vec<Vec<(Option<Letters>, usize)>>,
    ends: Vec<usize>,
}

impl Language {
    /// Returns the language of the empty text.
    pub(crate) fn empty_text() -> Self {
        Self { steps: vec![Vec::new()], ends: vec![0] }
    }

    /// Returns the union of several languages.
    pub(crate) fn union(languages: &[Self]) -> Self {
        let mut united = Self { steps: vec![Vec::new()], ends: Vec::new() };
        for language in languages {
            let shift = united.steps.len();
            let moved = |steps: &Vec<(Option<Letters>, usize)>| {
                steps.iter().map(|(letters, to)| (letters.clone(), to + shift)).collect()
            };
            united.steps.extend(language.steps.iter().map(moved));
            united.ends.extend(language.ends.iter().map(|end| end + shift));
            united.step(0, None, shift);
        }
        united
    }

    fn step(&mut self, from: usize, letters: Option<Letters>, to: usize) {
        if let Some(steps) = self.steps.get_mut(from) {
            steps.push((letters, to));
        }
    }

    fn add(&mut self) -> usize {
        self.steps.push(Vec::new());
        self.steps.len() - 1
    }

    /// Appends one character of a set to every text.
    pub(crate) fn then(&mut self, letters: &Letters) {
        let to = self.add();
        for end in std::mem::replace(&mut self.ends, vec![to]) {
            self.step(end, Some(letters.clone()), to);
        }
    }

    /// Appends any number of characters of a set.
    pub(crate) fn then_many(&mut self, letters: &Letters) {
        let to = self.add();
        self.step(to, Some(letters.clone()), to);
        for end in std::mem::replace(&mut self.ends, vec![to]) {
            self.step(end, None, to);
        }
    }

    /// Appends a text.
    pub(crate) fn then_text(&mut self, text: &str) {
        for letter in text.chars() {
            self.then(&Letters::one(letter));
        }
    }

    /// Appends any number of segments of a path: a slash and at least one other character each.
    pub(crate) fn then_segments(&mut self) {
        let (start, slash, name) = (self.add(), self.add(), self.add());
        for end in std::mem::replace(&mut self.ends, vec![start, name]) {
            self.step(end, None, start);
        }
        self.step(start, Some(Letters::one('/')), slash);
        self.step(slash, Some(Letters::but('/')), name);
        self.step(name, Some(Letters::but('/')), name);
        self.step(name, None, start);
        self.ends = vec![start];
    }

    /// Adds the states that are reached without a character.
    fn close(&self, states: &mut BTreeSet<usize>) {
        let mut waiting: Vec<usize> = states.iter().copied().collect();
        while let Some(state) = waiting.pop() {
            for (letters, to) in self.steps.get(state).into_iter().flatten() {
                if letters.is_none() && states.insert(*to) {
                    waiting.push(*to);
                }
            }
        }
    }

    fn start(&self) -> BTreeSet<usize> {
        let mut states = BTreeSet::from([0]);
        self.close(&mut states);
        states
    }

    fn after(&self, states: &BTreeSet<usize>, letter: char) -> BTreeSet<usize> {
        let steps = states.iter().filter_map(|state| self.steps.get(*state)).flatten();
        let takes = |letters: &Option<Letters>| letters.as_ref().is_some_and(|letters| letters.has(letter));
        let mut next = steps.filter(|(letters, _)| takes(letters)).map(|(_, to)| *to).collect();
        self.close(&mut next);
        next
    }

    fn accepts(&self, states: &BTreeSet<usize>) -> bool {
        self.ends.iter().any(|end| states.contains(end))
    }

    /// Returns true when the text is in the language.
    pub(crate) fn has(&self, text: &str) -> bool {
        let end = text.chars().fold(self.start(), |states, letter| self.after(&states, letter));
        self.accepts(&end)
    }

    /// Returns the beginnings of the intervals that the steps of this language tell apart.
    fn borders(&self) -> impl Iterator<Item = char> {
        let sets = self.steps.iter().flatten().filter_map(|(letters, _)| letters.as_ref());
        let next = |letter: char| char::from_u32(u32::from(letter) + 1);
        sets.flat_map(|letters| letters.ranges.iter())
            .flat_map(move |(low, high)| std::iter::once(*low).chain(next(*high)))
    }
}

/// Which texts are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Any text.
    Any,
    /// Absolute paths: a slash before each segment, none of which is empty; the root is the empty text.
    Path,
}

/// What a question found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The shortest text that the inner language has and no outer one.
    Text(String),
    /// There is none: the inner language lies in the union of the outer ones.
    Nothing,
    /// The bound was reached.
    Unknown,
}

/// Looks for a text of `inner` that no language of `outer` has.
pub(crate) fn witness(inner: &Language, outer: &[Language], shape: Shape) -> Found {
    let outer = Language::union(outer);
    if inner.steps.len() > STATES_MAX || outer.steps.len() > STATES_MAX {
        return Found::Unknown;
    }
    let alphabet = alphabet(inner, &outer);
    let start = (inner.start(), outer.start(), false);
    let mut seen = HashMap::from([(start.clone(), None::<(usize, char)>)]);
    let mut order = vec![start.clone()];
    let mut waiting = VecDeque::from([0]);
    while let Some(index) = waiting.pop_front() {
        let Some((of_inner, of_outer, in_name)) = order.get(index).cloned() else { return Found::Unknown };
        // The empty text is the root.
        let whole = shape == Shape::Any || in_name || index == 0;
        if whole && inner.accepts(&of_inner) && !outer.accepts(&of_outer) {
            return Found::Text(spelled(&order, &seen, index));
        }
        for letter in &alphabet {
            if shape == Shape::Path && *letter == '/' && !in_name && index != 0 {
                continue;
            }
            let next = (inner.after(&of_inner, *letter), outer.after(&of_outer, *letter), *letter != '/');
            if next.0.is_empty() || seen.contains_key(&next) {
                continue;
            }
            if order.len() >= PAIRS_MAX {
                return Found::Unknown;
            }
            seen.insert(next.clone(), Some((index, *letter)));
            order.push(next);
            waiting.push_back(order.len() - 1);
        }
    }
    Found::Nothing
}

type Pair = (BTreeSet<usize>, BTreeSet<usize>, bool);

/// Returns the text on the way to a pair.
fn spelled(order: &[Pair], seen: &HashMap<Pair, Option<(usize, char)>>, mut index: usize) -> String {
    let mut letters = Vec::new();
    while let Some(Some((before, letter))) = order.get(index).and_then(|pair| seen.get(pair)) {
        letters.push(*letter);
        index = *before;
    }
    letters.iter().rev().collect()
}

/// Returns a character of every interval that the two languages tell apart, readable ones first.
fn alphabet(left: &Language, right: &Language) -> Vec<char> {
    let borders: BTreeSet<char> = left.borders().chain(right.borders()).chain(['\0']).collect();
    let mut letters = Vec::new();
    for (index, low) in borders.iter().enumerate() {
        let next = borders.iter().nth(index + 1);
        let inside = |letter: &char| *letter >= *low && next.is_none_or(|next| *letter < *next);
        letters.push(('a'..='z').chain('A'..='Z').chain('0'..='9').find(inside).unwrap_or(*low));
    }
    letters.sort_by_key(|letter| (!letter.is_ascii_alphanumeric(), *letter));
    letters
}

#[cfg(test)]
mod tests;
