//! A command that a hook handed back rewritten: it runs under the permit that the hook recorded.
//!
//! The permit is nothing but the number and hash of a record. It is worth what the record says: this
//! very command, in this very directory, and the policy that is in force now is asked again.

use anyhow::{Context, anyhow, bail};
use audit::{Body, Entry, Filter};
use policy::action::{Command, Kind, Runner};
use policy::{AbsPath, Action, Approval, Verdict};
use settings::Environment;

use super::{Asks, Order};
use crate::setup::{Setup, journal_directory, now_ms};

/// How long after its decision a permit may be used; the person may let the agent's prompt wait.
const PERMIT_AGE_MS_MAX: i64 = 8 * 60 * 60 * 1000;

/// Returns the order that a permit stands for.
pub(super) fn order(permit: &str, project: Option<&str>, argv: &[String]) -> anyhow::Result<Order> {
    let (seq, leaf) = permit.split_once(':').ok_or_else(|| anyhow!("`{permit}` is no permit"))?;
    let seq: u64 = seq.parse().map_err(|_| anyhow!("`{permit}` is no permit"))?;
    let [shell, option, text] = argv else { bail!("a permit is for `bash -c TEXT`") };
    if shell != "bash" || option != "-c" {
        bail!("a permit is for `bash -c TEXT`");
    }
    let environment = Environment::read()?;
    let directory = journal_directory(&environment);
    let logged = audit::find(&directory, seq)?.with_context(|| format!("the journal has no record {seq}"))?;
    let record = logged.record.with_context(|| format!("record {seq} is not understood"))?;
    if leaf.len() < crate::hook::PERMIT_HASH || !logged.leaf.starts_with(leaf) {
        bail!("record {seq} is not the one that the permit names");
    }
    if now_ms().saturating_sub(record.time_ms) > PERMIT_AGE_MS_MAX {
        bail!("the permit has expired: ask again");
    }
    let Body::Decision(decision) = record.body else { bail!("record {seq} is no decision") };
    if first_start(&directory, seq)?.is_some() {
        bail!("the permit was used: ask again");
    }
    let approval = match decision.verdict {
        Verdict::Allow => Approval::Typed,
        // The agent's client runs what its person approved in its own prompt.
        Verdict::Ask => Approval::Prompted,
        Verdict::Deny => bail!("record {seq} refused the call"),
    };
    let setup = match project.and_then(AbsPath::parse) {
        Some(project) => Setup::for_hook(environment, guard::canonical(&project)?)?,
        None => bail!("a permit needs the session's directory"),
    };
    let cwd = guard::canonical(&crate::setup::current_directory()?)?;
    let command = Command::parse(text, Runner::Boundary);
    let action = Action { tool: decision.tool, kind: Kind::Command(command), params: Vec::new(), cwd };
    if action.digest(&setup.place.project) != decision.action_digest {
        bail!("record {seq} is about another command or directory");
    }
    Ok(Order {
        setup,
        action,
        mode: Some(decision.mode),
        under: Some(seq),
        approval,
        asks: Asks::Person,
        session: record.session,
    })
}

/// Refuses when another command started under the decision before the one whose start is record `own`: of
/// several that try at once, the journal says which was first.
pub(super) fn ensure_first(environment: &Environment, seq: u64, own: u64) -> anyhow::Result<()> {
    match first_start(&journal_directory(environment), seq)? {
        Some(first) if first == own => Ok(()),
        Some(_) | None => bail!("the permit was used: ask again"),
    }
}

/// Returns the record of the first start under a decision.
fn first_start(directory: &std::path::Path, seq: u64) -> anyhow::Result<Option<u64>> {
    let filter = Filter { from_seq: Some(seq), kind: Some("started".to_owned()), ..Filter::default() };
    for entry in audit::read(directory, &filter)? {
        if let Entry::Record(logged) = entry?
            && let Some(record) = &logged.record
            && matches!(&record.body, Body::Started(started) if started.under == seq)
        {
            return Ok(Some(logged.seq));
        }
    }
    Ok(None)
}
