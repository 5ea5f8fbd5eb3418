//! The ledger of published bypasses: every row has its case, and every case its row.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;

/// Cases of these files must have a row.
const BYPASS: &str = "spec/bypass/";

/// Returns the headings of a spec file's cases.
pub(super) fn headings(text: &str) -> Vec<String> {
    let mut headings = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if let Some(heading) = line.strip_prefix("## ").filter(|_| !in_block) {
            headings.push(heading.trim().to_owned());
        }
    }
    headings
}

/// Checks the rows of a ledger, and that each case of a bypass has one.
pub(super) fn check(ledger: &str, text: &str, cases: &BTreeMap<String, Vec<String>>, problems: &mut Vec<Problem>) {
    let named = check_rows(ledger, text, cases, problems);
    for (file, headings) in cases.iter().filter(|(file, _)| file.starts_with(BYPASS)) {
        for heading in headings.iter().filter(|heading| !named.contains(&(file.clone(), (*heading).clone()))) {
            let what = format!("case `{heading}` is not in the ledger");
            problems.push(Problem::new(file, 1, what, format!("give it a row in {ledger}")));
        }
    }
}

/// Checks the rows of every table that has the columns `file` and `case`; returns what they name.
pub(super) fn check_rows(
    ledger: &str,
    text: &str,
    cases: &BTreeMap<String, Vec<String>>,
    problems: &mut Vec<Problem>,
) -> BTreeSet<(String, String)> {
    let mut named = BTreeSet::new();
    for Row { line, file, case } in rows(text) {
        let known = cases.get(&file).is_some_and(|headings| headings.contains(&case));
        if !known {
            let what = format!("there is no case `{case}` in `{file}`");
            problems.push(Problem::new(ledger, line, what, "name a spec file and the heading of a case in it"));
        }
        named.insert((file, case));
    }
    named
}

struct Row {
    line: usize,
    file: String,
    case: String,
}

fn rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut columns: Option<(usize, usize)> = None;
    for (index, line) in text.lines().enumerate() {
        let Some(cells) = cells(line) else {
            columns = None;
            continue;
        };
        let place = |name: &str| cells.iter().position(|cell| cell == name);
        match (columns, place("file").zip(place("case"))) {
            (_, Some(found)) => columns = Some(found),
            (Some((file, case)), None) if !cells.iter().all(|cell| cell.chars().all(|letter| letter == '-')) => {
                let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim_matches('`')).to_owned();
                rows.push(Row { line: index + 1, file: cell(file), case: cell(case) });
            }
            (Some(_) | None, None) => {}
        }
    }
    rows
}

/// Returns the cells of a line of a table; `\|` is a bar within a cell.
pub(super) fn cells(line: &str) -> Option<Vec<String>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let whole = inside.replace("\\|", "\u{0}");
    Some(whole.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect())
}
