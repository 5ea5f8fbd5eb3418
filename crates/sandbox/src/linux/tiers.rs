//! Which tier a command gets: the best that this machine can build.
//!
//! The best one is simply tried. Only when its building fails at a step that is about the machine, and a live
//! probe agrees that the machine is at fault, a lower one comes into question: a failure that somebody brought
//! about for one command is a refusal, not a weaker boundary.

use policy::controls::Limits;

use super::bubblewrap::{Program, Unfit};
use super::run::{self, Chosen};
use super::{advice, probe};
use crate::backend::Backend;
use crate::error::{Error, Step};
use crate::plan::{Invocation, Plan};
use crate::report::{Layer, Missing, Report};
use crate::tier::Tier;

/// Runs a command in the best tier that the invocation lets it have.
pub(crate) fn run(plan: &Plan, limits: &Limits, invocation: &Invocation, require: &[Layer]) -> Result<Report, Error> {
    if invocation.argv.is_empty() {
        return Err(Error::NoCommand);
    }
    match &invocation.backend {
        Backend::Native => by_machine(plan, limits, invocation, require),
        Backend::Bubblewrap => by_bubblewrap(plan, limits, invocation, require),
    }
}

/// Runs a command in bubblewrap's tier, or not at all.
fn by_bubblewrap(plan: &Plan, limits: &Limits, invocation: &Invocation, require: &[Layer]) -> Result<Report, Error> {
    let tier = Tier::Bubblewrap;
    if !invocation.tiers.with_layers(require).has(tier) {
        return Err(required(plan, require));
    }
    let machine = probe::probe(&invocation.init)?;
    if machine.has(tier) {
        return run::run(plan, limits, invocation, Chosen { tier, lacks: lacks(tier, None) });
    }
    let mut faults = machine.findings.iter().filter(|one| tier.built_from().contains(&one.ability));
    let fault = faults.find_map(|one| one.fault.as_ref());
    let (why, fix) = fault.map(|fault| (fault.why.clone(), fault.fix.clone())).unwrap_or_default();
    Err(Error::Backend { backend: Backend::Bubblewrap.name(), why, fix })
}

/// Runs a command in the best tier that there is.
fn by_machine(plan: &Plan, limits: &Limits, invocation: &Invocation, require: &[Layer]) -> Result<Report, Error> {
    let tiers = invocation.tiers.with_layers(require);
    let mut why: Option<Error> = None;
    if tiers.has(Tier::Full) {
        match run::run(plan, limits, invocation, Chosen { tier: Tier::Full, lacks: Vec::new() }) {
            Err(error) if is_about_the_machine(&error) => why = Some(error),
            other => return other,
        }
    }
    // Inside a boundary a command is held already, and a weaker one around it would only promise more.
    let is_nested = why.is_some() && advice::look().is_inside;
    if is_nested || (!tiers.has(Tier::Bubblewrap) && !tiers.has(Tier::Landlock)) {
        return Err(why.unwrap_or_else(|| required(plan, require)));
    }
    let machine = probe::probe(&invocation.init)?;
    if let Some(error) = why.take() {
        if machine.has(Tier::Full) {
            return Err(error);
        }
        why = Some(error);
    }
    match tiers.iter().find(|tier| *tier != Tier::Full && machine.has(*tier)) {
        Some(tier) => run::run(plan, limits, invocation, Chosen { tier, lacks: lacks(tier, why.as_ref()) }),
        None => Err(why.unwrap_or_else(|| required(plan, require))),
    }
}

fn required(plan: &Plan, require: &[Layer]) -> Error {
    let reads = plan.checks_reads.then_some(CHECKED_READS);
    let names: Vec<&str> = require.iter().map(|layer| layer.name()).chain(reads).collect();
    Error::Required(if names.is_empty() { "any layer".to_owned() } else { names.join(", ") })
}

/// What is required where openings for reading are to be checked.
pub(super) const CHECKED_READS: &str = "`sandbox.filesystem.checkReadsOnOpen`, which needs a broker";

/// The steps that are the same for every command: what they fail for is the machine.
const ABOUT_THE_MACHINE: [Step; 13] = [
    Step::UserNamespace,
    Step::UserMap,
    Step::Namespaces,
    Step::Init,
    Step::Loopback,
    Step::Propagation,
    Step::PrivateFiles,
    Step::CopyRoot,
    Step::ReadOnlyRoot,
    Step::AttachRoot,
    Step::Devices,
    Step::Proc,
    Step::Pivot,
];

/// Returns true for a failure that may be the machine's.
fn is_about_the_machine(error: &Error) -> bool {
    if let Error::Step { step, .. } = error { ABOUT_THE_MACHINE.contains(step) } else { false }
}

/// Returns what a tier lacks on this machine, and first why it is not a better one.
fn lacks(tier: Tier, why: Option<&Error>) -> Vec<Missing> {
    let mut lacks = Vec::new();
    if let Some(error) = why {
        let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
        let fix = error.fix().map(|fix| format!("; what helps: {fix}")).unwrap_or_default();
        lacks.push(Missing { what: "tier-full".to_owned(), meaning: format!("{error}{source}{fix}") });
    }
    if tier == Tier::Bubblewrap && Program::look().is_ok_and(|program| program.has_races()) {
        lacks.push(Missing { what: "bubblewrap-races".to_owned(), meaning: RACES.to_owned() });
    }
    lacks
}

/// What a version before the mounts were made by descriptor means.
pub(super) const RACES: &str = "this version mounts by path: a link that another process puts into a path meanwhile \
                                may have led it elsewhere, which is found out before the command starts";

/// Returns why bubblewrap cannot be used, and what helps.
pub(super) fn unfit(unfit: &Unfit) -> (String, String) {
    match unfit {
        Unfit::Absent => ("there is no `/usr/bin/bwrap`".to_owned(), INSTALL.to_owned()),
        Unfit::Changeable(path) => (
            format!("`{path}` is not root's alone to write"),
            format!("sudo chown root:root {path} && sudo chmod go-w {path}"),
        ),
        Unfit::NoVersion => ("it does not say which version it is".to_owned(), INSTALL.to_owned()),
        Unfit::Privileged(version) => (
            format!("it runs with the rights of root, and version {version} gives them away"),
            "sudo chmod u-s /usr/bin/bwrap".to_owned(),
        ),
    }
}

const INSTALL: &str = "install bubblewrap 0.12 or newer: `sudo apt install bubblewrap`, `sudo dnf install bubblewrap`";
