//! ARCHITECTURE.md's path of a call is the path in the code.

#![expect(clippy::disallowed_methods, reason = "the test reads the sources")]

use std::fs;

/// One station of the table: file, function, and the calls in it, in order.
struct Station {
    file: String,
    function: String,
    calls: Vec<String>,
}

fn stations() -> Vec<Station> {
    let text = fs::read_to_string(testkit::root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## The path of one call").nth(1).unwrap().split("\n## ").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("crates/"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let calls = cells[4].split('`').skip(1).step_by(2).map(str::to_owned).collect();
            Station { file: cells[2].to_owned(), function: cells[3].to_owned(), calls }
        })
        .collect()
}

/// Returns the body of a function: from its first line to the closing brace in its column.
fn body(text: &str, function: &str) -> String {
    let start = text
        .lines()
        .position(|line| line.contains(&format!("fn {function}(")) || line.contains(&format!("fn {function}<")))
        .unwrap_or_else(|| panic!("there is no function `{function}`"));
    let lines: Vec<&str> = text.lines().skip(start).collect();
    let indent: String = lines[0].chars().take_while(|letter| *letter == ' ').collect();
    let end = lines.iter().position(|line| *line == format!("{indent}}}")).unwrap();
    lines[..end].join("\n")
}

#[test]
fn the_path_of_a_call_is_the_documented_one() {
    let stations = stations();
    assert!(stations.len() >= 5, "the table of ARCHITECTURE.md has {} stations", stations.len());
    for Station { file, function, calls } in stations {
        let text = fs::read_to_string(testkit::root().join(&file)).unwrap();
        let body = body(&text, &function);
        let found: Vec<String> = crossings(&body, &calls);
        assert_eq!(found, calls, "{file}: `{function}` has other stations than ARCHITECTURE.md says");
    }
}

/// Modules and values of the path: a call through one of them is a station.
const WAYS: [&str; 13] = [
    "claude::",
    "guard::",
    "guard.",
    "policy::",
    "policy.",
    "facts::",
    "audit::",
    "settings::",
    "sandbox::",
    "setup::",
    "self.",
    "judge.",
    "Setup::",
];

/// Returns the calls in a function's body that are stations: those through [`WAYS`], and those that the
/// table names. A refusal that is only worded is none.
fn crossings(body: &str, documented: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for line in body.lines().skip(1).filter(|line| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices('(') {
            let before = &line[..at];
            let start = before
                .rfind(|letter: char| !(letter.is_alphanumeric() || "_:.".contains(letter)))
                .map_or(0, |place| place + 1);
            let name = &before[start..];
            let name = name.strip_prefix("crate::").unwrap_or(name);
            let call = format!("{name}(");
            let worded = call.starts_with("claude::refuse") || call.starts_with("claude::silent");
            let crosses = WAYS.iter().any(|way| call.starts_with(way)) && !worded;
            if (crosses || documented.contains(&call)) && found.last() != Some(&call) {
                found.push(call);
            }
        }
    }
    found
}

#[test]
fn a_decision_is_made_and_recorded_in_one_place() {
    let mut decides = Vec::new();
    let mut appends = Vec::new();
    for name in ["policy", "settings", "audit", "sandbox", "hooks", "guard", "palisade"] {
        for file in sources(&testkit::root().join("crates").join(name).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            let shown = file.strip_prefix(testkit::root()).unwrap().display().to_string();
            decides.extend(text.matches("policy::decide(").map(|_| shown.clone()));
            appends.extend(text.matches("journal.append(").map(|_| shown.clone()));
        }
    }
    assert_eq!(decides, ["crates/guard/src/admit.rs"]);
    appends.sort();
    // Trust is no call of a tool: its own command records it.
    assert_eq!(
        appends,
        [
            "crates/guard/src/admit.rs",
            "crates/guard/src/answer.rs",
            // A connection, and what came of a call.
            "crates/guard/src/settle.rs",
            "crates/guard/src/settle.rs",
            "crates/palisade/src/trust.rs"
        ]
    );
}

fn sources(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}
