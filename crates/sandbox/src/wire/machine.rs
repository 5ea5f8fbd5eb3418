//! A machine as JSON.

use serde::Serialize;

use crate::machine::{Fact, Fault, Finding, Machine, TierFinding};

/// The version of this form.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct MachineWire<'a> {
    schema_version: u32,
    tier: Option<&'static str>,
    layers: Vec<&'static str>,
    missing: Vec<MissingWire>,
    tiers: Vec<TierWire>,
    tried: Vec<FindingWire<'a>>,
    seen: Vec<FactWire<'a>>,
}

#[derive(Serialize)]
struct MissingWire {
    what: &'static str,
    meaning: &'static str,
}

#[derive(Serialize)]
struct TierWire {
    tier: &'static str,
    possible: bool,
    lacks: Vec<&'static str>,
}

#[derive(Serialize)]
struct FindingWire<'a> {
    what: &'static str,
    works: bool,
    detail: &'a str,
    errno: Option<i32>,
    error: Option<&'a str>,
    why: Option<&'a str>,
    fix: Option<&'a str>,
}

#[derive(Serialize)]
struct FactWire<'a> {
    name: &'static str,
    value: &'a str,
}

impl Machine {
    /// Renders the machine as JSON, indented, without a final newline.
    pub fn render_json(&self) -> String {
        let Self { findings, facts, tiers } = self;
        let tier = self.tier();
        let missing = tier.map(crate::tier::Tier::missing).unwrap_or_default();
        let wire = MachineWire {
            schema_version: SCHEMA,
            tier: tier.map(crate::tier::Tier::name),
            layers: tier.map(|tier| tier.layers().iter().map(|layer| layer.name()).collect()).unwrap_or_default(),
            missing: missing.iter().map(|(what, meaning)| MissingWire { what, meaning }).collect(),
            tiers: tiers.iter().map(tier_to_wire).collect(),
            tried: findings.iter().map(finding_to_wire).collect(),
            seen: facts.iter().map(|Fact { name, value }| FactWire { name, value }).collect(),
        };
        // The form holds nothing that JSON cannot: no maps, no floats.
        serde_json::to_string_pretty(&wire).unwrap_or_default()
    }
}

fn tier_to_wire(finding: &TierFinding) -> TierWire {
    let TierFinding { tier, is_possible, lacks } = finding;
    TierWire { tier: tier.name(), possible: *is_possible, lacks: lacks.iter().map(|ability| ability.name()).collect() }
}

fn finding_to_wire(finding: &Finding) -> FindingWire<'_> {
    let Finding { ability, detail, fault } = finding;
    let (errno, error, why, fix) = match fault {
        Some(Fault { errno, name, why, fix }) => {
            (*errno, Some(name.as_str()).filter(|name| !name.is_empty()), Some(why.as_str()), fix.as_deref())
        }
        None => (None, None, None, None),
    };
    FindingWire { what: ability.name(), works: fault.is_none(), detail, errno, error, why, fix }
}
