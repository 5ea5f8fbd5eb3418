//! `palisade audit`: the journal, read and verified.

use anyhow::Context;
use audit::{Body, Checkpoint, Connection, ConnectionStage, End, Entry, Filter, Logged, Repair, Reply, TrustChange};
use settings::Environment;

use crate::cli::{AuditAction, AuditOptions, LogOptions, VerifyOptions};
use crate::exit::Exit;
use crate::say::{self, Paint, shown};
use crate::setup::{journal_directory, open_journal};

/// Bytes of a checkpoint file.
const CHECKPOINT_BYTES_MAX: u64 = 64 * 1024;

/// Shows, verifies, or takes a checkpoint.
pub(crate) fn audit(options: &AuditOptions) -> anyhow::Result<Exit> {
    let environment = Environment::read()?;
    let directory = journal_directory(&environment);
    match &options.action {
        AuditAction::Log(options) => log(options, &directory, Paint::stdout(environment.is_colourless())),
        AuditAction::Verify(options) => verify(options, &directory),
        AuditAction::Checkpoint(options) if options.json => {
            let checkpoint = open_journal(&directory)?.checkpoint()?;
            let fields = serde_json::json!({
                "schema_version": 1,
                "origin": checkpoint.origin(),
                "size": checkpoint.size(),
                "root": checkpoint.root(),
                "text": checkpoint.to_string(),
            });
            say::data(&fields.to_string());
            Ok(Exit::Yes)
        }
        AuditAction::Checkpoint(_) => {
            say::data(open_journal(&directory)?.checkpoint()?.to_string().trim_end());
            Ok(Exit::Yes)
        }
    }
}

fn log(options: &LogOptions, directory: &std::path::Path, paint: Paint) -> anyhow::Result<Exit> {
    let filter = Filter {
        session: options.session.clone(),
        kind: options.kind.clone(),
        verdict: options.verdict.map(Into::into),
        newest: options.last,
        ..Filter::default()
    };
    let mut end = Exit::Yes;
    for entry in audit::read(directory, &filter)? {
        match entry? {
            Entry::Record(logged) if options.json => say::data(&logged.text),
            Entry::Record(logged) => say::data(&line(&logged, paint)),
            Entry::Damaged { offset, bytes, text } => {
                say::error(&format!("damaged: {bytes} bytes at {offset}: {}", shown(&text)));
                end = Exit::Finding;
            }
        }
    }
    Ok(end)
}

/// Returns a record as one line for a person.
fn line(logged: &Logged, paint: Paint) -> String {
    let time = logged.time.clone().unwrap_or_default();
    let source = logged.source.clone().unwrap_or_default();
    let head = paint.faint(&format!("{:>5} {time} {source}", logged.seq));
    let Some(record) = &logged.record else {
        return format!("{head} {} {}", logged.kind.clone().unwrap_or_default(), paint.faint("(of a later version)"));
    };
    let text = match &record.body {
        Body::Decision(decision) => {
            let input = match &decision.input {
                audit::Kept::Text { text, .. } => text.clone(),
                audit::Kept::Digest { sha256, bytes } => format!("{bytes} bytes, sha256 {sha256}"),
            };
            format!(
                "{} {} {}  {}",
                paint.verdict(decision.verdict),
                decision.tool,
                shown(&input),
                paint.faint(&shown(&decision.reason))
            )
        }
        Body::Answer(answer) => {
            let reply = match answer.reply {
                Reply::Approved => "approved",
                Reply::Refused => "refused",
            };
            format!("{reply} the question of {}", answer.to)
        }
        Body::Started(started) => format!("starts under {}", started.under),
        Body::Connection(connection) => connected(connection, paint),
        Body::Outcome(outcome) => {
            let end = match &outcome.end {
                End::Exited(code) => format!("exit code {code}"),
                End::Signalled(signal) => format!("ended by signal {signal}"),
                End::Succeeded(_) => "succeeded".to_owned(),
                End::Failed(why) => format!("failed: {}", shown(why)),
            };
            let refused = if outcome.refused_count > 0 {
                format!(", {} refused inside", outcome.refused_count)
            } else {
                String::new()
            };
            format!("outcome of {}: {end}{refused}", outcome.of)
        }
        Body::Trust(trust) => match trust.change {
            TrustChange::Granted => format!("trust granted to {}", shown(&trust.folder)),
            TrustChange::Withdrawn => format!("trust withdrawn from {}", shown(&trust.folder)),
        },
        Body::Settings(settings) => format!("policy {} is in force", settings.policy_digest),
        Body::Repair(repair) => match repair {
            Repair::Torn { file, bytes } => format!("repaired: {bytes} bytes of a half-written record moved to {file}"),
            Repair::HeadMissing => "repaired: the head file was gone".to_owned(),
            Repair::HeadDamaged => "repaired: the head file was damaged".to_owned(),
            Repair::Cut { size, .. } => format!("found cut: there had been {size} records"),
        },
    };
    format!("{head} {text}")
}

/// Returns a connection as a person reads it.
fn connected(connection: &Connection, paint: Paint) -> String {
    let Connection { of, number, stage, target, verdict, reason, .. } = connection;
    let target = target.as_deref().unwrap_or("an unreadable target");
    let stage = match stage {
        ConnectionStage::Decided => String::new(),
        ConnectionStage::Noted(note) => format!("{}: ", shown(note)),
        ConnectionStage::Ended { sent, received } => format!("ended, {sent} bytes sent, {received} received: "),
    };
    let why = paint.faint(&format!("{stage}{}", shown(reason)));
    format!("{} connection {of}.{number} to {}  {why}", paint.verdict(*verdict), shown(target))
}

fn verify(options: &VerifyOptions, directory: &std::path::Path) -> anyhow::Result<Exit> {
    let checkpoint = match &options.checkpoint {
        Some(file) => Some(read_checkpoint(file)?),
        None => None,
    };
    let report = audit::verify(directory, checkpoint.as_ref())?;
    if options.json {
        say::data(&as_json(&report).to_string());
    } else {
        print(&report);
    }
    Ok(if report.is_sound() { Exit::Yes } else { Exit::Finding })
}

fn print(report: &audit::Report) {
    let verdict = if report.is_sound() { "sound" } else { "not sound" };
    say::data(&format!("{verdict}: {} records, {} bytes, {}", report.records, report.bytes, report.origin));
    for finding in &report.findings {
        say::data(&format!("  {}", shown(&finding.to_string())));
    }
    if report.findings_left_out > 0 {
        say::data(&format!("  and {} more findings", report.findings_left_out));
    }
    say::data(&report.unseen.to_string());
}

fn as_json(report: &audit::Report) -> serde_json::Value {
    let findings: Vec<serde_json::Value> = report
        .findings
        .iter()
        .map(|finding| serde_json::json!({"finding": finding.name(), "text": finding.to_string()}))
        .collect();
    serde_json::json!({
        "schema_version": 1,
        "sound": report.is_sound(),
        "origin": report.origin,
        "records": report.records,
        "lines": report.lines,
        "bytes": report.bytes,
        "root": report.root,
        "findings": findings,
        "findings_left_out": report.findings_left_out,
        "cannot_see": report.unseen.to_string(),
    })
}

#[expect(clippy::disallowed_methods, reason = "the checkpoint lies where the person keeps it")]
fn read_checkpoint(file: &std::path::Path) -> anyhow::Result<Checkpoint> {
    use std::io::Read;
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(|| format!("{} cannot be opened", file.display()))?;
    opened
        .take(CHECKPOINT_BYTES_MAX)
        .read_to_string(&mut text)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    Checkpoint::parse(&text).with_context(|| format!("{} is no checkpoint", file.display()))
}
