//! What came of the probes, beside what should have.

use std::collections::BTreeMap;

use policy::controls::limits::Resource;
use sandbox::Report;
use sandbox::report::Holder;
use serde_json::{Value, json};

use super::attempts::{SECRET, Tried};
use super::table::{Expected, Probe, Way};
use super::world::World;
use crate::say::{self, Paint, shown};

/// How a probe came out, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// As expected.
    Ok,
    /// There is nothing here to try it on.
    NotTried,
    /// The tier, or a limit's holder, does not cover it, and says so.
    NotCovered,
    /// It failed, and so it did without a boundary: nothing is shown.
    NotProven,
    /// Not as expected.
    Differs,
}

impl Status {
    const ALL: [Self; 5] = [Self::Ok, Self::NotTried, Self::NotCovered, Self::NotProven, Self::Differs];

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotTried => "not tried",
            Self::NotCovered => "not covered",
            Self::NotProven => "not proven",
            Self::Differs => "differs",
        }
    }

    fn is_difference(self) -> bool {
        match self {
            Self::Ok | Self::NotTried | Self::NotCovered => false,
            Self::NotProven | Self::Differs => true,
        }
    }
}

/// A probe and what came of it.
pub(super) struct Judged {
    probe: Probe,
    status: Status,
    /// What came of it inside and on the host.
    actual: String,
    /// What came of the same attempt without a boundary.
    control: Option<String>,
    /// Why it is so, where that is known: the setting that opens it, what the tier lacks.
    because: Option<String>,
}

/// Everything that is asked about while judging.
pub(super) struct Bench<'a> {
    pub(super) report: &'a Report,
    /// What the process inside said, by the probe's name.
    pub(super) said: &'a BTreeMap<String, Tried>,
    /// Returns the setting that lets a probe's file be written.
    pub(super) opened_by: &'a dyn Fn(&World, Way) -> Option<String>,
}

impl Bench<'_> {
    /// Judges every probe: first all that is on the host, then the attempts without a boundary.
    pub(super) fn judge(&self, world: &mut World, probes: &[Probe]) -> Vec<Judged> {
        let effects: Vec<Option<String>> = probes.iter().map(|probe| world.effect(probe)).collect();
        probes.iter().zip(effects).map(|(probe, effect)| self.one(world, *probe, effect)).collect()
    }

    fn one(&self, world: &mut World, probe: Probe, effect: Option<String>) -> Judged {
        let judged = |status, actual: String| Judged { probe, status, actual, control: None, because: None };
        let (said, effect) = match (self.said.get(probe.name), effect) {
            (None, None) => {
                let because = self.report.ended_by_limit().map(|limit| format!("the limit {} ended it", limit.name()));
                return Judged { because, ..judged(Status::NotProven, "no answer from inside".to_owned()) };
            }
            (_, Some(effect)) => (effect, true),
            (Some(Tried::Worked(what)), None) => (what.clone(), true),
            (Some(Tried::Skipped(why)), None) => return judged(Status::NotTried, why.clone()),
            (Some(Tried::Refused(why)), None) => (why.clone(), false),
        };
        if let (Way::Limits, false) = (probe.way, effect) {
            let (status, actual) = limits(self.report, &said);
            return judged(status, actual);
        }
        if effect {
            return match self.lacking(&probe) {
                Some(meaning) => Judged { because: Some(meaning), ..judged(Status::NotCovered, said) },
                None => Judged { because: (self.opened_by)(world, probe.way), ..judged(Status::Differs, said) },
            };
        }
        let control = world.control(&probe).or_else(|| self.reported(probe.way));
        let (status, control) = match (control, probe.expected) {
            (Some(Tried::Worked(what)), _) => (Status::Ok, Some(what)),
            (Some(Tried::Refused(what) | Tried::Skipped(what)), Expected::Filtered) => (Status::Ok, Some(what)),
            (Some(Tried::Refused(what) | Tried::Skipped(what)), _) => match probe.way.is_for_some() {
                Some(why) => {
                    let because = Some(why.to_owned());
                    return Judged { control: Some(what), because, ..judged(Status::NotTried, said) };
                }
                None => (Status::NotProven, Some(what)),
            },
            (None, _) => (Status::Ok, None),
        };
        Judged { control, ..judged(status, said) }
    }

    /// Returns what the launcher knows to have been there without a boundary.
    fn reported(&self, way: Way) -> Option<Tried> {
        match way {
            Way::Environment => {
                let was_there = self.report.environment_dropped.iter().any(|dropped| dropped.name == SECRET);
                let told = "the caller's environment has it";
                Some(if was_there {
                    Tried::Worked(told.to_owned())
                } else {
                    Tried::Refused("it was not there".to_owned())
                })
            }
            Way::Write(_)
            | Way::WriteThroughLink
            | Way::Protected(_)
            | Way::Read(_)
            | Way::List
            | Way::SeeProcess
            | Way::Signal
            | Way::Trace
            | Way::Loopback
            | Way::UnixSocket
            | Way::AbstractSocket
            | Way::KernelSetting
            | Way::SeeDevices
            | Way::MakeDevice
            | Way::Call(_)
            | Way::Capabilities
            | Way::NoNewPrivileges
            | Way::Descriptors
            | Way::Limits => None,
        }
    }

    /// Returns what the boundary lacks that would cover a probe.
    fn lacking(&self, probe: &Probe) -> Option<String> {
        let find = |what: &&str| self.report.missing.iter().find(|missing| missing.what == *what);
        let missing: Vec<_> = probe.lacking.iter().map(find).collect::<Option<_>>()?;
        let words = missing.iter().map(|missing| format!("{}: {}", missing.what, missing.meaning));
        (!missing.is_empty()).then(|| words.collect::<Vec<_>>().join("; "))
    }
}

/// Compares what the process inside saw of its limits with what the report says.
fn limits(report: &Report, said: &str) -> (Status, String) {
    let seen: Value = serde_json::from_str(said).unwrap_or_default();
    let mut status = Status::Ok;
    let mut words = Vec::new();
    for limit in &report.limits {
        let (name, at_most) = (limit.resource.name(), limit.resource.render(limit.at_most));
        let Some(holder) = limit.held_by else {
            status = status.max(Status::NotCovered);
            words.push(format!("{name}={at_most} is held by nothing"));
            continue;
        };
        let own = match limit.resource {
            Resource::OpenFiles | Resource::FileSize | Resource::CpuTime => seen.get(name).and_then(Value::as_u64),
            Resource::Memory
            | Resource::ProcessMemory
            | Resource::Processes
            | Resource::Cpu
            | Resource::Wall
            | Resource::Output => None,
        };
        let is_rlimit = holder == Holder::Rlimit && own.is_some();
        if is_rlimit && own.is_none_or(|own| own > limit.at_most) {
            status = Status::Differs;
            let own = own.map_or("nothing".to_owned(), |own| limit.resource.render(own));
            words.push(format!("{name}={own} inside, and {at_most} in the report"));
        } else {
            let by = if is_rlimit { "seen inside" } else { holder.name() };
            words.push(format!("{name}={at_most} ({by})"));
        }
    }
    (status, if words.is_empty() { "none in force".to_owned() } else { words.join(", ") })
}

/// Returns true when some probe is not as expected.
pub(super) fn differs(all: &[Judged]) -> bool {
    all.iter().any(|judged| judged.status.is_difference())
}

/// Prints a line for each probe, and a summary.
pub(super) fn print(all: &[Judged], report: &Report, paint: Paint) {
    for Judged { probe, status, actual, control, because } in all {
        let name = format!("{:<12}", status.name());
        let name = if status.is_difference() { paint.bad(&name) } else { name };
        let wanted = if *status == Status::Differs {
            format!("expected {}, and ", probe.expected.name())
        } else {
            String::new()
        };
        let because = because.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        let control = match (status, control) {
            (Status::NotProven, Some(control)) => format!("; and without a boundary: {control}"),
            (Status::Ok | Status::NotTried | Status::NotCovered | Status::NotProven | Status::Differs, _) => {
                String::new()
            }
        };
        let told = shown(&format!("{wanted}{actual}{control}{because}"));
        say::data(&format!("{name}{:<22} {}: {}", probe.name, probe.tried, paint.faint(&told)));
    }
    let counts = Status::ALL.iter().filter_map(|status| {
        let count = all.iter().filter(|judged| judged.status == *status).count();
        (count > 0).then(|| format!("{count} {}", status.name()))
    });
    say::data(&format!("\n{}, in the tier {}", counts.collect::<Vec<_>>().join(", "), report.tier.name()));
}

/// Returns everything as JSON.
pub(super) fn json(all: &[Judged], report: &Report) -> Value {
    let probe = |judged: &Judged| {
        let Judged { probe, status, actual, control, because } = judged;
        json!({
            "name": probe.name,
            "rows": probe.rows,
            "tried": probe.tried,
            "expected": probe.expected.name(),
            "actual": actual,
            "ok": *status == Status::Ok,
            "status": status.name(),
            "control": control,
            "because": because,
        })
    };
    json!({
        "schema_version": 1,
        "ok": !differs(all),
        "tier": report.tier.name(),
        "enforced": report.enforced.iter().map(|layer| layer.name()).collect::<Vec<_>>(),
        "missing": report.missing.iter().map(|one| json!({"what": one.what, "meaning": one.meaning})).collect::<Vec<_>>(),
        "probes": all.iter().map(probe).collect::<Vec<_>>(),
    })
}
