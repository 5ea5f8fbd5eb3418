//! How long files and functions may be.

use super::Problem;
use super::functions;
use super::source::Source;

const FILE_LINES_AIM: usize = 400;
const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_AIM: usize = 40;
const FUNCTION_LINES_MAX: usize = 70;

/// A pure table may be longer; a mechanism may not.
const TABLES: [&str; 1] = ["crates/policy/src/tables"];

pub(super) fn check(source: &Source, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    if !source.is_in(&TABLES) {
        let lines = source.product().count();
        let what = format!("{lines} lines that are not of tests");
        if lines > FILE_LINES_MAX {
            problems.push(Problem::new(&source.file, 1, what, format!("split it; {FILE_LINES_MAX} is the limit")));
        } else if lines > FILE_LINES_AIM {
            warnings.push(Problem::new(&source.file, 1, what, format!("aim under {FILE_LINES_AIM}")));
        }
    }
    for function in functions::all(source) {
        let what = format!("`{}` has {} lines", function.name, function.lines);
        if function.lines > FUNCTION_LINES_MAX {
            let instead = format!("move straight-line work down; {FUNCTION_LINES_MAX} is the limit");
            problems.push(Problem::new(&source.file, function.line, what, instead));
        } else if function.lines > FUNCTION_LINES_AIM {
            let instead = format!("aim under {FUNCTION_LINES_AIM}");
            warnings.push(Problem::new(&source.file, function.line, what, instead));
        }
    }
}
