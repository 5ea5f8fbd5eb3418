//! The command inside the boundary, and what came of it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use audit::{Connection, ConnectionStage, End};
use guard::{Guard, Settled};
use policy::controls::limits::Resource;
use policy::controls::{Network, Reading};
use policy::facts::Held;
use policy::{AbsPath, Controls, Exec, Permit, Proof, Verdict};
use rustix::fs::OFlags;
use sandbox::report::Hit;
use sandbox::{Exit, Report, Tier, Tiers};
use serde_json::{Value, json};
use settings::Kept;

use super::egress::{Answers, Around, Egress, Seen, Terms};
use super::hatches::Opened;
use super::live::Settings;
use super::{Asks, Order};
use super::{hatches, question, secrets};
use crate::cli::RunOptions;
use crate::exit::run::{LIMIT, NOT_FOUND, NOT_RUN, NOT_STARTED};
use crate::say::{self, shown};

/// Refusals that are told on standard error; the report has all.
const TOLD_MAX: usize = 5;
/// What the C library tries by itself in most programs.
const USUAL_REFUSAL: &str = "socket unix";

/// A permitted command that is about to run.
pub(super) struct Running<'a> {
    pub(super) guard: &'a Guard<'a>,
    pub(super) order: &'a Order,
    /// The number of the decision it runs under.
    pub(super) of: u64,
    pub(super) options: &'a RunOptions,
}

/// The report's file, opened before the command runs: a link that the command puts in its place leads
/// nowhere.
pub(super) struct ReportFile {
    path: PathBuf,
    file: File,
}

impl ReportFile {
    /// Opens the file. A symbolic link and a file with other names are refused: an earlier command may have put them there.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let is_stream = ["/dev/stdout", "/dev/stderr"].iter().any(|stream| path == Path::new(stream));
        let flags = if is_stream { OFlags::NONBLOCK } else { OFlags::NONBLOCK | OFlags::NOFOLLOW };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(path)
            .with_context(|| format!("the report {shown} cannot be written"))?;
        let stat = rustix::fs::fstat(&file)?;
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        anyhow::ensure!(is_stream || kind.is_file(), "the report {shown} is no regular file");
        anyhow::ensure!(is_stream || stat.st_nlink == 1, "the report {shown} has other names: remove it");
        if !is_stream {
            file.set_len(0).with_context(|| format!("the report {shown} cannot be written"))?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Returns the file's real path; `None` for a stream. An error is why commands could not be kept from it.
    pub(super) fn real_path(&self) -> anyhow::Result<Option<AbsPath>> {
        let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&self.file)?.st_mode);
        if !kind.is_file() {
            return Ok(None);
        }
        let path = std::path::absolute(&self.path)?;
        let path = path.to_str().and_then(AbsPath::parse);
        let path = path.with_context(|| format!("the path of the report {} cannot be held", self.path.display()))?;
        Ok(Some(guard::canonical(&path)?))
    }

    /// Writes the report.
    pub(super) fn write(mut self, report: &Value) -> anyhow::Result<()> {
        let text = format!("{report:#}\n");
        let path = self.path.display();
        self.file.write_all(text.as_bytes()).with_context(|| format!("the report {path} cannot be written"))
    }
}

impl Running<'_> {
    /// Starts the command, waits for its end, writes down what came of it, and returns its code, and why
    /// it did not run if it did not.
    ///
    /// Once it ran, what cannot be written is told, and the code stays the command's.
    pub(super) fn confined(&self, permit: &Permit<Exec>, report_file: Option<ReportFile>) -> (u8, Option<String>) {
        let mut invocation = self.order.setup.invocation(self.options.argv.clone(), &self.options.boundary);
        if let Some(agent) = &self.order.setup.agent {
            agent.tell(&self.order.setup.environment, &mut invocation.environment);
            if agent.home.is_some() {
                // Elsewhere its files are not seen, among them what says what it may do.
                invocation.tiers = Tiers::all().without(Tier::Bubblewrap).without(Tier::Landlock);
            }
        }
        let secrets = match secrets::prepare(&self.order.setup, permit.controls(), &mut invocation.environment) {
            Ok(secrets) => secrets,
            Err(error) => return self.unprepared(permit, &error, report_file),
        };
        if let Some(home) = self.order.setup.agent.as_ref().and_then(|agent| agent.home.as_ref())
            && let Err(error) = secrets.agent_files.make(home)
        {
            return self.unprepared(permit, &error.context("the agent has no directory of its own"), report_file);
        }
        if !self.options.quiet {
            secrets.told.iter().for_each(|told| say::error(&shown(told)));
        }
        // What is shown is this run's alone.
        invocation.held = secrets.shown.is_empty();
        invocation.shown = secrets.shown;
        invocation.shown_by = secrets.shown_by;
        let mut opened = match hatches::prepare(&self.order.setup, permit.controls()) {
            Ok(opened) => opened,
            Err(error) => return self.unprepared(permit, &error, report_file),
        };
        if !self.options.quiet {
            opened.told.iter().for_each(|told| say::error(&shown(told)));
        }
        invocation.hatches = opened.hatches();
        invocation.hatch_files.append(&mut opened.shown);
        invocation.shown_by.append(&mut opened.shown_by);
        let egress = Arc::new(Egress::new(self.terms(Arc::new(opened)), secrets.inspection));
        invocation.outlet = Some(egress.clone());
        let writable = &permit.controls().writable;
        let before = guard::protected_names(writable);
        let result = sandbox::run(permit, &invocation);
        let seen = egress.end();
        let after = guard::protected_names(writable);
        told(self.created(&before, &after));
        self.keep(&seen.lasting, after.iter().any(|path| !before.contains(path)));
        match result {
            Ok(report) => {
                told(self.settle(settled(&report)));
                let mut json = ran_json(permit, &report, &seen);
                if let (Some(agent), Some(fields)) = (&self.order.setup.agent, json.as_object_mut()) {
                    fields.insert("agent".to_owned(), agent.json(&self.order.setup));
                }
                told(report_file.map_or(Ok(()), |file| file.write(&json)));
                tell_connections(&seen);
                tell(&report, self.options.quiet);
                let code = if report.ended_by_limit().is_some() { LIMIT } else { report.exit.code() };
                (code, None)
            }
            Err(error) => {
                let why = causes(&error);
                told(report_file.map_or(Ok(()), |file| file.write(&not_run_json(permit.proof(), &why))));
                (self.not_run(&error), Some(why))
            }
        }
    }

    /// Tells why nothing was started.
    fn unprepared(
        &self,
        permit: &Permit<Exec>,
        error: &anyhow::Error,
        report_file: Option<ReportFile>,
    ) -> (u8, Option<String>) {
        let why = format!("{error:#}");
        told(self.settle(failed(&why)));
        told(report_file.map_or(Ok(()), |file| file.write(&not_run_json(permit.proof(), &why))));
        say::error(&format!("nothing ran: {}", shown(&why)));
        (NOT_RUN, Some(why))
    }

    /// Returns who answers questions about hosts. A command that an agent runs has a terminal that is the agent's, and so has
    /// an agent: what a person types to it must not be an answer to us.
    fn answers(&self) -> Answers {
        let is_persons = self.order.under.is_none() && self.order.setup.agent.is_none();
        match &self.options.decider {
            None if self.order.asks == Asks::Nobody => Answers::Nobody,
            Some(socket) => Answers::Program(socket.clone()),
            None if is_persons && question::is_there() => Answers::Person,
            None => Answers::Nobody,
        }
    }

    /// Returns what the proxy of the command works by.
    fn terms(&self, opened: Arc<Opened>) -> Terms {
        let setup = &self.order.setup;
        let owned = |(proxy, direct): (&str, &str)| Around { proxy: proxy.to_owned(), direct: direct.to_owned() };
        // The proxy that a person names takes the place of the one around. Everything goes on by it.
        let hatches = setup.policy.hatches();
        let http = hatches.http_proxy.as_ref().map(|port| format!("http://127.0.0.1:{}", port.value));
        let socks = || hatches.socks_proxy.as_ref().map(|port| format!("socks5://127.0.0.1:{}", port.value));
        let of_a_setting = http.or_else(socks).map(|proxy| Around { proxy, direct: String::new() });
        let words = self.options.argv.iter().map(|word| word.to_string_lossy());
        Terms {
            network: setup.policy.network().clone(),
            settings: Settings::of(setup),
            allowed: self.options.boundary.allow_domains.clone(),
            upstream: of_a_setting.or_else(|| setup.environment.upstream().map(owned)),
            journal: setup.journal_directory(),
            of: self.of,
            session: self.order.session.clone(),
            command: words.collect::<Vec<_>>().join(" "),
            answers: self.answers(),
            opened,
        }
    }

    fn settle(&self, settled: Settled) -> anyhow::Result<()> {
        let receipt =
            self.guard.settle(self.of, settled, &self.order.stamp()).context("the outcome is not recorded")?;
        let _ = receipt;
        Ok(())
    }

    /// Tells why the command did not run, and returns the code that says so.
    fn not_run(&self, error: &sandbox::Error) -> u8 {
        told(self.settle(failed(error)));
        say::error(&causes(error));
        if let Some(fix) = error.fix() {
            say::talk(&format!("    {fix}"));
        }
        match error {
            sandbox::Error::Program { source, .. } if source.kind() == ErrorKind::NotFound => NOT_FOUND,
            sandbox::Error::Program { .. } => NOT_STARTED,
            sandbox::Error::Writable { .. }
            | sandbox::Error::Start { .. }
            | sandbox::Error::TooManyPaths { .. }
            | sandbox::Error::Limit { .. }
            | sandbox::Error::Hold { .. }
            | sandbox::Error::NoCommand
            | sandbox::Error::Stream { .. }
            | sandbox::Error::Step { .. }
            | sandbox::Error::Lost(_)
            | sandbox::Error::Required(_)
            | sandbox::Error::Backend { .. }
            | sandbox::Error::Platform
            | sandbox::Error::Bug(_) => NOT_RUN,
        }
    }

    /// Keeps lasting answers as rules, and says where. Where the command has made protected names nothing is added to
    /// what may be its own.
    fn keep(&self, lasting: &[Kept], has_made: bool) {
        let places = &self.order.setup.places;
        for kept in lasting {
            let (Kept::Rule(text) | Kept::Domain(text)) = kept;
            if has_made {
                say::error(&format!("`{}` is not kept: look at what the command made first", shown(text)));
                continue;
            }
            match settings::keep(places, kept) {
                Ok(file) => say::error(&format!("`{}` is kept in {}", shown(text), places.shown(&file))),
                Err(error) => say::error(&format!("`{}` is not kept: {}", shown(text), causes(&error))),
            }
        }
    }

    /// Tells which protected names the command made: they could not be held, because they were not there.
    ///
    /// Settings among them must not allow the next call: the folder's trust is withdrawn until a person
    /// has looked.
    fn created(&self, before: &[AbsPath], after: &[AbsPath]) -> anyhow::Result<()> {
        let created: Vec<&AbsPath> = after.iter().filter(|path| !before.contains(path)).collect();
        for path in &created {
            say::error(&format!("the command made {path}, a protected name: look at it before anything uses it"));
        }
        let setup = &self.order.setup;
        let is_settings = |path: &AbsPath| path.segments().any(|segment| matches!(segment, ".claude" | ".palisade"));
        if setup.loaded.trust.trusted && created.iter().any(|path| is_settings(path)) {
            crate::trust::withdraw_after_run(setup).context("trust in this folder is not withdrawn")?;
            say::error("trust in this folder is withdrawn until you have looked: `palisade trust grant`");
        }
        Ok(())
    }
}

/// Returns the report of a command that ran: what the boundary says, and what it was told to hold.
fn ran_json(permit: &Permit<Exec>, report: &Report, seen: &Seen) -> Value {
    let held = |held: &[Held]| -> Vec<Value> {
        held.iter()
            .map(|held| json!({"path": held.path.as_str(), "why": held.why, "file": held.origin.file, "line": held.origin.line}))
            .collect()
    };
    let controls = permit.controls();
    let writable: Vec<&str> = controls.writable.iter().map(AbsPath::as_str).collect();
    let reopened: Vec<&str> = controls.reopened.iter().map(AbsPath::as_str).collect();
    let (profile, readable): (_, Vec<Value>) = match &controls.reading {
        Reading::Open => ("open", Vec::new()),
        Reading::Closed(readable) => {
            ("closed", readable.iter().map(|one| json!({"path": one.path.as_str(), "why": one.why})).collect())
        }
    };
    // The boundary renders its own part, so its form has one owner.
    let mut value: Value = serde_json::from_str(&report.render_json()).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("ran".to_owned(), true.into());
        fields.insert("decision".to_owned(), decision_json(permit.proof()));
        fields.insert("network".to_owned(), network_json(controls, report, seen));
        fields.insert(
            "held".to_owned(),
            json!({
                "profile": profile,
                "readable": readable,
                "writable": writable,
                "caches": controls.caches.as_ref().map(|caches| caches.directory.as_str()),
                "unreadable": held(&controls.unreadable),
                "reopened": reopened,
                "unwritable": held(&controls.unwritable),
            }),
        );
    }
    value
}

/// Returns what became of the command's connections.
fn network_json(controls: &Controls, report: &Report, seen: &Seen) -> Value {
    let connection = |one: &Connection| {
        let rule = one.rule.as_ref().map(
            |rule| json!({"text": rule.text, "list": rule.list.name(), "file": rule.origin.file, "line": rule.origin.line}),
        );
        let (note, sent, received) = match &one.stage {
            ConnectionStage::Decided => (None, None, None),
            ConnectionStage::Noted(note) => (Some(note), None, None),
            ConnectionStage::Ended { sent, received } => (None, Some(sent), Some(received)),
        };
        json!({
            "number": one.number,
            "way": one.way,
            "target": one.target,
            "address": one.address,
            "verdict": one.verdict.name(),
            "rule": rule,
            "reason": one.reason,
            "note": note,
            "sent": sent,
            "received": received,
        })
    };
    json!({
        "proxied": controls.network != Network::None && !report.missing.iter().any(|missing| missing.what == "egress"),
        "connections": seen.connections.iter().map(connection).collect::<Vec<_>>(),
        "notes": seen.notes.iter().map(connection).collect::<Vec<_>>(),
        "more": seen.more,
        "failure": seen.failure,
    })
}

/// Returns the report of a command that did not run.
pub(super) fn not_run_json(proof: &Proof, why: &str) -> Value {
    json!({"schema_version": 1, "ran": false, "reason": why, "decision": decision_json(proof)})
}

/// Returns the report of a command about which nothing could be decided.
pub(super) fn undecided_json(why: &str) -> Value {
    json!({"schema_version": 1, "ran": false, "reason": why, "decision": null})
}

fn decision_json(proof: &Proof) -> Value {
    let rule = proof.rule.as_ref().map(
        |rule| json!({"text": rule.text, "list": rule.list.name(), "file": rule.origin.file, "line": rule.origin.line}),
    );
    json!({"verdict": proof.verdict.name(), "reason": proof.reason, "rule": rule, "mode": proof.mode.name()})
}

fn told(result: anyhow::Result<()>) {
    if let Err(error) = result {
        say::error(&format!("{error:#}"));
    }
}

/// Returns an error with everything behind it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Returns what a record keeps of a command that did not run.
pub(crate) fn failed(why: &impl std::fmt::Display) -> Settled {
    let end = End::Failed(why.to_string());
    Settled { end, enforced: Vec::new(), missing: Vec::new(), refused_count: 0, duration_ms: None }
}

/// Returns what a record keeps of a report.
pub(crate) fn settled(report: &Report) -> Settled {
    let end = match report.exit {
        Exit::Code(code) => End::Exited(i32::from(code)),
        Exit::Signal(signal) => End::Signalled(signal),
    };
    let refused: u64 = report.refused.iter().map(|refused| refused.times).sum();
    Settled {
        end,
        enforced: report.enforced.iter().map(|layer| layer.name().to_owned()).collect(),
        missing: report.missing.iter().map(|missing| format!("{}: {}", missing.what, missing.meaning)).collect(),
        refused_count: refused + report.refused_more,
        duration_ms: u64::try_from(report.wall.as_millis()).ok(),
    }
}

/// Says which connections were refused, and the narrowest way to allow them.
fn tell_connections(seen: &Seen) {
    if let Some(failure) = &seen.failure {
        say::error(&format!("no connection could be served: {}", shown(failure)));
    }
    let mut told: Vec<String> = Vec::new();
    for one in seen.connections.iter().chain(&seen.notes).filter(|one| one.verdict == Verdict::Deny) {
        let target = one.target.as_deref().unwrap_or("an unreadable target");
        // The connection was made; what was found on it is for a person.
        let is_alarm = one.stage == ConnectionStage::Noted("misdirected".to_owned());
        let what = if is_alarm { "alarm: on the connection to" } else { "refused: connection to" };
        let line = format!("{what} {}: {}", shown(target), shown(&one.reason));
        if !told.contains(&line) {
            told.push(line);
        }
    }
    told.iter().take(TOLD_MAX).for_each(|line| say::error(line));
    let more = told.len().saturating_sub(TOLD_MAX);
    if more > 0 {
        say::error(&format!("refused: {more} more connections; `--report FILE` has them"));
    }
}

/// Says in a few lines what the boundary did.
fn tell(report: &Report, quiet: bool) {
    // Most programs do without what the C library tried; when one failed it may be why.
    let with_usual = !quiet || report.exit.code() != 0;
    let told = grouped(report, with_usual);
    for line in told.iter().take(TOLD_MAX) {
        say::error(&format!("refused: {}", shown(line)));
    }
    let more = told.len().saturating_sub(TOLD_MAX) as u64 + report.refused_more;
    if more > 0 {
        say::error(&format!("refused: {more} more; `--report FILE` has them"));
    }
    if let Some(why) = &report.ended_by_boundary {
        say::error(&format!("ended by the boundary: {}", shown(why)));
    }
    for limit in report.limits.iter().filter(|limit| limit.resource != Resource::Cpu) {
        if let Hit::Times(times) = limit.hit {
            say::error(&format!("limit: {}", reached(limit, times)));
        }
    }
    if !quiet {
        let end = match report.exit {
            Exit::Code(code) => format!("exit code {code}"),
            Exit::Signal(signal) => format!("ended by signal {signal}"),
        };
        // A limit that nobody asked for is in the report, and no news at every run.
        let is_layer_missing = report.missing.iter().any(|missing| !missing.what.starts_with("limit-"));
        let missing = if !is_layer_missing { "" } else { "; some layers are missing, see `--report`" };
        let tier = if report.tier == Tier::Full { String::new() } else { format!(" (tier {})", report.tier.name()) };
        say::error(&format!("{end}, inside the boundary{tier}{missing}"));
    }
}

/// Says that a limit was reached, where it is written, and how often.
fn reached(limit: &sandbox::report::Limit, times: u64) -> String {
    let by = match &limit.by {
        Some(origin) if origin.line > 0 => format!(" of {}:{}", shown(&origin.file), origin.line),
        Some(origin) => format!(" of {}", shown(&origin.file)),
        None => String::new(),
    };
    let times = if times > 1 { format!(", {times} times") } else { String::new() };
    format!("{}={}{by} was reached{times}", limit.resource.name(), limit.resource.render(limit.at_most))
}

/// Returns a line for each kind of refusal, the usual ones last.
fn grouped(report: &Report, with_usual: bool) -> Vec<String> {
    let mut kinds: Vec<(&str, Vec<&str>, u64, Option<&str>)> = Vec::new();
    for refused in report.refused.iter().filter(|refused| with_usual || refused.what != USUAL_REFUSAL) {
        match kinds.iter_mut().find(|(what, ..)| *what == refused.what) {
            Some((_, programs, times, _)) => {
                programs.push(&refused.program);
                *times += refused.times;
            }
            None => kinds.push((&refused.what, vec![&refused.program], refused.times, refused.by.as_deref())),
        }
    }
    kinds.sort_by_key(|(what, ..)| *what == USUAL_REFUSAL);
    kinds
        .iter()
        .map(|(what, programs, times, rule)| {
            let first = programs.first().copied().unwrap_or_default();
            let others = programs.len().saturating_sub(1);
            let by = if others == 0 { first.to_owned() } else { format!("{first} and {others} more") };
            let times = if *times > 1 { format!(", {times} times") } else { String::new() };
            let rule = rule.map(|rule| format!(": {rule}")).unwrap_or_default();
            format!("{what} by {by}{times}{rule}")
        })
        .collect()
}
