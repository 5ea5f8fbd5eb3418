//! Whether a command runs inside the boundary: what the settings say, and what asks to leave it.
//!
//! Two things lift the boundary: `sandbox.excludedCommands`, where it covers every part that runs a program, and
//! the call's own `dangerouslyDisableSandbox`. What is not certain stays inside.

mod assigns;

use crate::action::{Action, Runner};
use crate::effects::{By, Effects, Part, Program, Touch};
use crate::facts::Facts;
use crate::layer::{Origin, Scope, Sourced};
use crate::limits;
use crate::proof::{Boundary, Lift};
use crate::rule::{Exclusion, Policy};

use super::judge::quoted;
use super::scope;

/// Builtins of the shell that start nothing and change nothing that a later command is found by.
const BUILTINS: &[&str] = &[":", "cd", "echo", "false", "pwd", "true"];
/// The parameter by which an agent asks to leave the boundary.
const HATCH: &str = "dangerouslyDisableSandbox";

/// Where a command runs.
#[derive(Debug)]
pub(super) struct Confinement {
    /// What the proof says; `None` where nothing confines the call.
    pub(super) told: Option<Boundary>,
    /// True when a person must say yes to its leaving the boundary.
    pub(super) wants_answer: bool,
}

impl Confinement {
    /// Reads where a call runs.
    ///
    /// 1. Nothing is said of calls that are no command, and of commands where the boundary is not switched on.
    /// 2. A command that is handed to `palisade run` runs inside, whatever is excluded.
    /// 3. A command of which every part that runs a program is excluded runs outside.
    /// 4. One that asks to leave runs outside where the settings let it, and where they say nothing of it if a
    ///    person agrees.
    /// 5. Any other runs inside.
    pub(super) fn of(policy: &Policy, action: &Action, effects: &Effects, facts: &Facts) -> Self {
        let Some(command) = action.kind.command() else { return Self { told: None, wants_answer: false } };
        let is_on = policy.sandbox.enabled.as_ref().is_some_and(|enabled| enabled.value);
        let inside = |kept| Self { told: Some(Boundary::Inside { kept }), wants_answer: false };
        let excluded = excluded(policy, action, effects, facts);
        match (command.runner, excluded) {
            (Runner::Agent, _) if !is_on => Self { told: None, wants_answer: false },
            (Runner::Boundary, Excluded::Whole(by)) if is_on => inside(Some(format!(
                "{} would keep it outside, and `palisade run` was asked for",
                by.iter().map(Lift::words).collect::<Vec<_>>().join(" and ")
            ))),
            (Runner::Boundary, Excluded::Whole(_) | Excluded::Partly(_) | Excluded::No) => inside(None),
            (Runner::Agent, Excluded::Whole(by)) => Self { told: Some(Boundary::Outside { by }), wants_answer: false },
            (Runner::Agent, Excluded::Partly(_) | Excluded::No) if asks_to_leave(action) => hatch(policy),
            (Runner::Agent, Excluded::Partly(kept)) => inside(Some(kept)),
            (Runner::Agent, Excluded::No) => inside(None),
        }
    }

    /// Returns true when the boundary holds the call.
    pub(super) fn is_inside(&self) -> bool {
        matches!(self.told, Some(Boundary::Inside { .. }))
    }

    /// Returns why a call that must run inside cannot.
    pub(super) fn impossible(&self, policy: &Policy) -> Option<(String, String)> {
        let disabled = policy.sandbox.files_disabled.as_ref().filter(|disabled| disabled.value && self.is_inside())?;
        let place = disabled.origin.place();
        let why = format!(
            "`sandbox.filesystem.disabled` ({place}) would leave every file open to it: it could change the settings \
             and programs that run outside, so nothing else of the boundary would hold"
        );
        let hint = format!("remove `disabled` at {place}, and widen with `allowWrite` and `allowRead`");
        Some((why, hint))
    }
}

/// What the exclusions say about a command.
enum Excluded {
    /// None of its parts is excluded.
    No,
    /// Some are, and this is why it stays.
    Partly(String),
    /// All that run a program are, by these.
    Whole(Vec<Lift>),
}

fn asks_to_leave(action: &Action) -> bool {
    action.params.iter().any(|(name, value)| name == HATCH && value == "true")
}

fn hatch(policy: &Policy) -> Confinement {
    let key = "sandbox.allowUnsandboxedCommands";
    let lift =
        |text: String, origin: &Origin| Some(Boundary::Outside { by: vec![Lift { text, origin: origin.clone() }] });
    match &policy.sandbox.allow_unsandboxed {
        Some(Sourced { value: true, origin }) => {
            Confinement { told: lift(format!("{key}: true"), origin), wants_answer: false }
        }
        Some(Sourced { value: false, origin }) => {
            let kept = format!("`{HATCH}` does not count where `{key}` is false ({})", origin.place());
            Confinement { told: Some(Boundary::Inside { kept: Some(kept) }), wants_answer: false }
        }
        None => {
            let origin = Origin { scope: Scope::Builtin, file: "the call".to_owned(), line: 0 };
            Confinement { told: lift(HATCH.to_owned(), &origin), wants_answer: true }
        }
    }
}

fn excluded(policy: &Policy, action: &Action, effects: &Effects, facts: &Facts) -> Excluded {
    let exclusions = &policy.sandbox.excluded;
    let Some(command) = action.kind.command().filter(|_| !exclusions.is_empty()) else { return Excluded::No };
    let moves = action.cwd != facts.project || effects.parts.iter().any(|part| is_named(part, "cd"));
    let mut is_meant = false;
    let mut by: Vec<Lift> = Vec::new();
    let mut lifted: Vec<bool> = Vec::with_capacity(effects.parts.len());
    let mut keeps: Option<String> = None;
    for part in &effects.parts {
        let named = exclusions.iter().find(|exclusion| covers(exclusion, part, moves));
        let redirected = part.touches.iter().find(|touch| !is_plain(touch, facts));
        let found = named.filter(|_| redirected.is_none());
        // What an excluded program starts, it starts outside.
        let with_runner = part.runner.is_some_and(|runner| lifted.get(runner) == Some(&true));
        lifted.push(found.is_some() || with_runner);
        match found {
            Some(exclusion) => {
                let lift = Lift::of(exclusion);
                if !by.contains(&lift) {
                    by.push(lift);
                }
            }
            None if with_runner || is_harmless(part) => {}
            None => {
                keeps.get_or_insert_with(|| match redirected.filter(|_| named.is_some()) {
                    Some(touch) => {
                        format!("{} writes {} by redirection", quoted(&part.text), touch.target.describe())
                    }
                    None => format!("{} is not excluded", quoted(&part.text)),
                });
            }
        }
        is_meant |= named.is_some();
    }
    let sets = || assigns::of(&command.script.items).map(|what| format!("it sets {}", quoted(&what)));
    match (is_meant, keeps.or_else(|| effects.opaque.clone()).or_else(sets)) {
        (false, _) => Excluded::No,
        (true, Some(why)) => Excluded::Partly(why),
        (true, None) => Excluded::Whole(by),
    }
}

fn is_named(part: &Part, name: &str) -> bool {
    matches!(&part.program, Program::Named(own) if own == name)
}

/// Returns true for a part that runs no program and changes nothing.
fn is_harmless(part: &Part) -> bool {
    let runs_nothing = match &part.program {
        // A wrapper that changes nothing; what it runs is a part of its own.
        Program::Named(_) if part.clear => true,
        Program::Named(name) => BUILTINS.contains(&name.as_str()),
        // What is assigned may be in the environment already, and so reach what runs next.
        Program::None | Program::Unknown => false,
    };
    runs_nothing && part.reads_only && part.suspicious.is_none() && part.forbidden.is_none()
}

/// Returns true for a touch that is the program's own, and for a redirection that the boundary would let pass.
fn is_plain(touch: &Touch, facts: &Facts) -> bool {
    touch.by != By::Redirect
        || touch.only_reads()
        || (scope::in_working_directories(touch, facts)
            && scope::protected_name(touch, facts).is_none()
            && scope::executed_name(touch, facts).is_none())
}

/// Returns true when an exclusion covers a part under every reading, whatever its unknown words turn out to be.
fn covers(exclusion: &Exclusion, part: &Part, moves: bool) -> bool {
    let pattern = &exclusion.pattern;
    let program = pattern.literal_head().split(' ').next().unwrap_or_default();
    // Which file a relative name means depends on the directory.
    let is_relative = program.contains('/') && !program.starts_with('/');
    let is_sure = matches!(part.program, Program::Named(_))
        && !part.aside
        && !part.beyond_limits
        && part.suspicious.is_none()
        && part.forbidden.is_none()
        && !(moves && is_relative);
    is_sure
        && part.text.chars().count() <= limits::COMMAND_CHARACTERS_MAX
        && part.allow_readings.iter().any(|reading| pattern.covers(known(part, reading)))
}

/// Returns what of a reading is known before its first word that is not.
fn known<'r>(part: &Part, reading: &'r str) -> &'r str {
    let first = part.unknown.iter().filter_map(|word| reading.find(word.as_str())).min();
    first.and_then(|at| reading.get(..at)).map_or(reading, str::trim_end)
}

impl Lift {
    fn of(exclusion: &Exclusion) -> Self {
        Self { text: format!("sandbox.excludedCommands: {}", exclusion.text), origin: exclusion.origin.clone() }
    }
}
