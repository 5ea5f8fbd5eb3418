//! The exit codes, read from the one table of them in `crates/palisade/src/exit.rs`.

use anyhow::bail;

use super::table;

pub(super) fn page(source: &str) -> anyhow::Result<String> {
    let rows = rows(source);
    let (run, all): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.code >= 100);
    if run.is_empty() || all.is_empty() {
        bail!("exit.rs has another form than this task reads");
    }
    // A wrong command line is found before a command begins, by the parser of arguments.
    let usage = Row { code: 2, doc: "The command line is wrong.".to_owned() };
    let mut all: Vec<Row> = all.into_iter().chain([usage]).collect();
    all.sort_by_key(|row| row.code);
    all.dedup_by_key(|row| row.code);
    let cells = |rows: &[Row]| rows.iter().map(|row| vec![row.code.to_string(), row.doc.clone()]).collect::<Vec<_>>();
    Ok(format!(
        "# Exit codes\n\n{}\n`palisade run` ends with its command's own exit code, or with 128 and the number of the \
        signal that ended it. When a limit ends its command, or it does not run:\n\n{}\n`palisade hook claude` ends as Claude Code \
        documents: 0 with the decision on standard output, 2 when the call is refused without one.\n",
        table(&["code", "meaning"], &cells(&all)),
        table(&["code", "meaning"], &cells(&run)),
    ))
}

/// A code and what it means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) code: u8,
    pub(super) doc: String,
}

/// Returns every `Name = 3,` and `const NAME: u8 = 125;` with the comment above it.
pub(super) fn rows(source: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut doc: Vec<&str> = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
            continue;
        }
        let code = line.split_once(" = ").and_then(|(_, rest)| rest.trim_end_matches([',', ';']).parse().ok());
        if let Some(code) = code {
            rows.push(Row { code, doc: doc.join(" ") });
        }
        doc.clear();
    }
    rows
}
