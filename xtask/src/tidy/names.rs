//! Names that say nothing.

use super::Problem;
use super::source::Source;

const FORBIDDEN: [&str; 9] = ["core", "common", "utils", "helpers", "manager", "misc", "ext", "v2", "legacy"];

pub(super) fn check(source: &Source, problems: &mut Vec<Problem>) {
    for part in source.file.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if FORBIDDEN.contains(&name) {
            let what = format!("`{name}` names nothing");
            problems.push(Problem::new(&source.file, 1, what, "name the thing that is in it"));
        }
    }
    for (number, line) in source.numbered() {
        let Some((_, rest)) = line.code.split_once("mod ").filter(|(before, _)| is_visibility(before)) else {
            continue;
        };
        let name = rest.trim_end_matches([' ', ';', '{']);
        if FORBIDDEN.contains(&name) {
            let what = format!("`mod {name}` names nothing");
            problems.push(Problem::new(&source.file, number, what, "name the thing that is in it"));
        }
    }
}

fn is_visibility(before: &str) -> bool {
    let before = before.trim();
    before.is_empty() || before == "pub" || (before.starts_with("pub(") && before.ends_with(')'))
}
