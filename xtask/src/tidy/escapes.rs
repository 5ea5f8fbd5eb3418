//! The list of escapes: every row stands in it once, and has a test that exists or a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::Problem;
use super::ledger::cells;
use super::source::Source;

/// The rows that the boundary answers for.
const ROWS: [RangeInclusive<u32>; 2] = [1..=126, 175..=190];

/// Returns what tests are called: functions, and the cases of the boundary's own runner.
pub(super) fn tests(sources: &[Source]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in sources.iter().flat_map(|source| &source.lines).filter(|line| line.is_test) {
        let function = line.code.split("fn ").nth(1).and_then(|rest| rest.split(['(', '<']).next());
        let case = line.text.trim().strip_prefix("(\"").and_then(|rest| rest.split('"').next());
        names.extend(function.into_iter().chain(case).map(str::to_owned));
    }
    names
}

/// Checks the list.
pub(super) fn check(file: &str, text: &str, tests: &BTreeSet<String>, problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
    for (line, cells) in text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, cells(line)?))) {
        let [row, what, named, why] = cells.as_slice() else { continue };
        let Ok(row) = row.parse::<u32>() else { continue };
        let mut problem = |what: String, instead: &str| problems.push(Problem::new(file, line, what, instead));
        if seen.insert(row, line).is_some() {
            problem(format!("row {row} stands here twice"), "leave one of them");
        }
        if !ROWS.iter().any(|rows| rows.contains(&row)) {
            problem(format!("there is no row {row}"), "number it as the list does");
        }
        if what.is_empty() || (named.is_empty() && why.is_empty()) {
            problem(format!("row {row} has neither a test nor a reason"), "name a test, or say why there is none");
        }
        for name in named.split(", ").map(|name| name.trim_matches('`')).filter(|name| !name.is_empty()) {
            if !tests.contains(name) {
                problem(format!("there is no test `{name}`"), "name one that exists");
            }
        }
    }
    for row in ROWS.into_iter().flatten().filter(|row| !seen.contains_key(row)) {
        problems.push(Problem::new(file, 0, format!("row {row} is not in it"), "give it a line"));
    }
}
