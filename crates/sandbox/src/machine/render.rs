//! What was found, as text.

use std::fmt::{self, Write};

use super::{Fact, Fault, Finding, Machine, TierFinding};
use crate::tier::Tier;

impl Machine {
    /// Returns the machine as text: the tier that a command gets, what is missing, and what helps.
    pub fn render(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tier() {
            Some(tier) => writeln!(formatter, "tier {}: {}", tier.name(), meaning(tier))?,
            None => writeln!(formatter, "no tier: `palisade run` refuses every command on this machine")?,
        }
        writeln!(formatter, "\ntiers, the best first")?;
        for TierFinding { tier, is_possible, lacks } in &self.tiers {
            let state = if *is_possible { "possible".to_owned() } else { format!("lacks {}", names(lacks)) };
            writeln!(formatter, "  {:<22}{state}", tier.name())?;
        }
        writeln!(formatter, "\ntried")?;
        for finding in &self.findings {
            render_finding(finding, formatter)?;
        }
        writeln!(formatter, "\nseen")?;
        for Fact { name, value } in &self.facts {
            writeln!(formatter, "  {name:<22}{value}")?;
        }
        if let Some(tier) = self.tier() {
            render_missing(tier, formatter)?;
        }
        Ok(())
    }
}

fn names(lacks: &[super::Ability]) -> String {
    lacks.iter().map(|ability| ability.name()).collect::<Vec<_>>().join(", ")
}

fn meaning(tier: Tier) -> &'static str {
    match tier {
        Tier::Full => "namespaces and mounts of its own, Landlock and seccomp",
        Tier::Bubblewrap => "namespaces and mounts by bubblewrap, Landlock and seccomp",
        Tier::Landlock => "Landlock and seccomp, no namespaces",
    }
}

fn render_finding(finding: &Finding, out: &mut impl Write) -> fmt::Result {
    let Finding { ability, detail, fault } = finding;
    let Some(Fault { errno: _, name, why, fix }) = fault else {
        return writeln!(out, "  {:<22}{}", ability.name(), format!("works {detail}").trim_end());
    };
    let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
    writeln!(out, "  {:<22}{name}{why}", ability.name())?;
    match fix {
        Some(fix) => writeln!(out, "  {:<22}what helps: {fix}", ""),
        None => Ok(()),
    }
}

fn render_missing(tier: Tier, out: &mut impl Write) -> fmt::Result {
    if tier.missing().is_empty() {
        return Ok(());
    }
    writeln!(out, "\nmissing in this tier")?;
    for (what, meaning) in tier.missing() {
        writeln!(out, "  {what:<22}{meaning}")?;
    }
    Ok(())
}
