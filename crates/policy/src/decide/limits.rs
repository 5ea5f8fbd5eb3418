//! Limits that settings put on every mode: nothing outside the working directories, no questions.

use super::scope;
use crate::action::{Action, Kind};
use crate::effects::{Access, Part, Target, Touch};
use crate::facts::Facts;
use crate::layer::{Origin, Sourced};
use crate::path::AbsPath;
use crate::proof::Verdict;
use crate::rule::Policy;

/// Returns why a question is refused that the settings do not want.
pub(super) fn refuses_questions(origin: &Origin) -> String {
    format!("`permissions.denyInsteadOfPrompting` ({}) refuses what would ask", origin.place())
}

/// Returns what a limit says about a part that leaves the working directories.
///
/// A file tool is refused. A command asks: what its program does beside what is known is the
/// boundary's to hold.
pub(super) fn outside(policy: &Policy, action: &Action, part: &Part, facts: &Facts) -> Option<(Verdict, String)> {
    let switches = policy.switches();
    let reads = on(switches.reads_held.as_ref());
    let writes = on(switches.writes_held.as_ref());
    if reads.is_none() && writes.is_none() {
        return None;
    }
    let verdict = match &action.kind {
        Kind::Read(_) | Kind::Edit(_) => Verdict::Deny,
        Kind::Command(_) | Kind::ForeignCommand(_) => Verdict::Ask,
        Kind::Fetch { .. }
        | Kind::Agent { .. }
        | Kind::Skill { .. }
        | Kind::Mcp { .. }
        | Kind::Other
        | Kind::Malformed(_) => return None,
    };
    part.touches
        .iter()
        .filter(|touch| !touch.is_device() && !scope::in_working_directories(touch, facts))
        .find_map(|touch| touched(touch, reads, writes))
        .or_else(|| mentioned(part, facts, reads.or(writes)?))
        .map(|why| (verdict, why))
}

fn touched(touch: &Touch, reads: Option<&Origin>, writes: Option<&Origin>) -> Option<String> {
    let (origin, key) = match touch.access {
        Access::Look | Access::Read => (reads?, "blockReadsOutsideWorkingDirectories"),
        Access::Write | Access::Delete => (writes?, "blockWritesOutsideWorkingDirectories"),
    };
    let (verb, target) = (touch.access.verb(), touch.target.describe());
    let where_it_is = match &touch.target {
        Target::Paths(_) => "outside the working directories",
        Target::Pattern(..) | Target::Unknown(_) => "which may lie outside the working directories",
    };
    Some(format!("{verb} {target}, {where_it_is}: `permissions.{key}` ({})", origin.place()))
}

/// What a program that is not listed does with a path that it names is not known.
fn mentioned(part: &Part, facts: &Facts, origin: &Origin) -> Option<String> {
    let is_outside = |path: &&AbsPath| {
        let inside = |real: &AbsPath| facts.working_directories.iter().any(|directory| real.is_within(directory));
        !facts.resolved.get(path).is_some_and(|resolved| inside(&resolved.real))
    };
    if let Some(word) = part.unknown.first().filter(|_| !part.reads_only) {
        return Some(format!("names `{word}`, which may lie outside the working directories ({})", origin.place()));
    }
    let path = part.mentions.iter().find(is_outside)?;
    Some(format!("names {path}, outside the working directories, which a limit holds ({})", origin.place()))
}

fn on(switch: Option<&Sourced<bool>>) -> Option<&Origin> {
    switch.filter(|switch| switch.value).map(|switch| &switch.origin)
}
