//! Where `unsafe` may stand, and what stands above it.

use super::Problem;
use super::source::{Source, has_word};

/// The one folder of the product with `unsafe` in it.
const SYS: &str = "crates/sandbox/src/sys";
/// Tests of that crate, which make processes and terminals as hostile programs do.
const SYS_TESTS: &str = "crates/sandbox/tests";
/// How far above its `unsafe` the reason may stand.
const REASON_LINES: usize = 4;

pub(super) fn check(source: &Source, problems: &mut Vec<Problem>) {
    // The hostile child does by hand what nobody else may.
    if source.is_in(&["tests/probe"]) {
        return;
    }
    for (number, line) in source.numbered().filter(|(_, line)| has_word(&line.code, "unsafe")) {
        let at = |what: &str, instead: &str| Problem::new(&source.file, number, what, instead);
        if !source.is_in(&[SYS, SYS_TESTS]) {
            let instead = format!("use a safe way, or move the step to {SYS}/");
            problems.push(at("`unsafe` outside the one folder for it", &instead));
        } else if !line.code.contains("unsafe fn") {
            let first = number.saturating_sub(REASON_LINES + 1);
            let mut above = source.lines.iter().skip(first).take(number - first);
            if !above.any(|line| line.text.contains("// SAFETY:")) {
                problems.push(at("`unsafe` without a reason", "say why it is sound: `// SAFETY: ...` above it"));
            }
        }
    }
}
