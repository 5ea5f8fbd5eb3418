//! `palisade run`: a command inside the boundary.

mod redeem;
mod status;

use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use audit::{End, Journal, Receipt};
use guard::{Answered, Guard, Outcome, Request, Settled, Stamp};
use policy::action::{Command, Kind, Runner};
use policy::facts::Person;
use policy::{AbsPath, Action, Approval, Exec, Pending, Permit, Proof, Refusal};
use sandbox::{Exit, Invocation, Report, Terminal};

use crate::cli::RunOptions;
use crate::exit::run::{NOT_FOUND, NOT_RUN, NOT_STARTED};
use crate::say::{self, shown};
use crate::setup::{Setup, now_ms};
use status::Status;

/// Refusals that are told on standard error; the report has all.
const TOLD_MAX: usize = 5;

/// Runs a command and ends with its code.
pub(crate) fn run(options: &RunOptions) -> ExitCode {
    let status = Status::new(options.status_fd);
    match carry_out(options, &status) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say::error(&format!("nothing ran: {error:#}"));
            status.failed(&format!("{error:#}"));
            ExitCode::from(NOT_RUN)
        }
    }
}

/// What a command runs by: the person who typed it, or the permit that a hook recorded.
struct Order {
    setup: Setup,
    action: Action,
    mode: Option<policy::Mode>,
    under: Option<u64>,
    approval: Approval,
    session: String,
}

impl Order {
    fn stamp(&self) -> Stamp<'_> {
        Stamp { time_ms: now_ms(), session: &self.session, source: "run" }
    }
}

fn carry_out(options: &RunOptions, status: &Status) -> anyhow::Result<u8> {
    let argv = words(options)?;
    let order = match &options.permit {
        Some(permit) => redeem::order(permit, options.project.as_deref(), &argv)?,
        None => typed(options, &argv)?,
    };
    for diagnostic in &order.setup.diagnostics {
        say::diagnostic(diagnostic);
    }
    let journal = Journal::open(&order.setup.journal_directory())?;
    let guard = Guard { policy: &order.setup.policy, place: &order.setup.place, journal: &journal };
    let outcome = guard.admit(&Request {
        action: &order.action,
        mode: order.mode,
        person: Person::Present,
        stamp: order.stamp(),
        call_id: None,
        under: order.under,
    });
    let (permit, receipt) = match approved(&guard, outcome, &order)? {
        Ok(permitted) => permitted,
        Err(refusal) => {
            refused(refusal.proof());
            status.refused(&refusal.proof().reason);
            return Ok(NOT_RUN);
        }
    };
    status.permitted();
    let ended = confined(&guard, &permit, &order, order.under.unwrap_or(receipt.seq), options)?;
    status.ended(ended);
    Ok(ended)
}

/// Returns the command's words.
fn words(options: &RunOptions) -> anyhow::Result<Vec<String>> {
    options
        .argv
        .iter()
        .map(|word| {
            word.to_str().map(str::to_owned).ok_or_else(|| anyhow!("an argument is not UTF-8: {}", word.display()))
        })
        .collect()
}

/// A command that a person typed.
fn typed(options: &RunOptions, argv: &[String]) -> anyhow::Result<Order> {
    let setup = Setup::here(&options.settings)?;
    let command = Command::from_argv(argv, Runner::Boundary);
    let cwd = setup.place.project.clone();
    let action = Action { tool: "Bash".to_owned(), kind: Kind::Command(command), params: Vec::new(), cwd };
    let session = format!("run-{}", std::process::id());
    Ok(Order { setup, action, mode: options.settings.mode, under: None, approval: Approval::Typed, session })
}

type Permitted = Result<(Permit<Exec>, Receipt), Refusal>;

/// Turns an outcome into a permit to start, asking where the question wants more than the order gives.
fn approved(guard: &Guard<'_>, outcome: Outcome, order: &Order) -> anyhow::Result<Permitted> {
    let (permit, receipt) = match outcome {
        Outcome::Permit(permit, receipt) => (permit, receipt),
        Outcome::Refusal(refusal, _) => return Ok(Err(refusal)),
        Outcome::Pending(pending, receipt) => {
            let approval = if order.approval >= pending.needs() { Some(order.approval) } else { ask(&pending)? };
            match guard.answer(pending, &receipt, approval, &order.stamp()) {
                Answered::Permit(permit) => (permit, receipt),
                Answered::Refusal(refusal) => return Ok(Err(refusal)),
            }
        }
    };
    match permit.into_exec() {
        Ok(permit) => Ok(Ok((permit, receipt))),
        Err(_) => bail!("the permit is not for a command"),
    }
}

/// Asks the person at the terminal; without one the answer is no.
fn ask(pending: &Pending) -> anyhow::Result<Option<Approval>> {
    use std::io::{BufRead, BufReader, Write};
    let Ok(terminal) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty") else {
        return Ok(None);
    };
    let mut writer = &terminal;
    writeln!(writer, "{}", shown(&pending.proof().reason))?;
    write!(writer, "Run it? [y/N] ")?;
    let mut answer = String::new();
    BufReader::new(&terminal).read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes").then_some(Approval::Terminal))
}

/// Starts the command, waits for its end, and writes down what came of it.
fn confined(
    guard: &Guard<'_>,
    permit: &Permit<Exec>,
    order: &Order,
    of: u64,
    options: &RunOptions,
) -> anyhow::Result<u8> {
    let invocation = Invocation {
        argv: options.argv.clone(),
        environment: sandbox::environment(order.setup.environment.all().iter().cloned()),
        init: "/proc/self/exe".into(),
        protect: order.setup.place.own_unwritable.clone(),
        terminal: Terminal::Own,
    };
    let writable = &permit.controls().writable;
    let before = guard::protected_names(writable);
    let result = sandbox::run(permit, &invocation);
    created(order, &before, &guard::protected_names(writable))?;
    match &result {
        Ok(report) => {
            settle(guard, order, of, report)?;
            if let Some(file) = &options.report {
                write_report(file, report)?;
            }
            tell(report, options.quiet);
            Ok(report.exit.code())
        }
        Err(error) => {
            let code = match error {
                sandbox::Error::Program { source, .. } if source.kind() == std::io::ErrorKind::NotFound => NOT_FOUND,
                sandbox::Error::Program { .. } => NOT_STARTED,
                sandbox::Error::Writable { .. }
                | sandbox::Error::Start { .. }
                | sandbox::Error::TooManyPaths { .. }
                | sandbox::Error::NoCommand
                | sandbox::Error::Stream { .. }
                | sandbox::Error::Step { .. }
                | sandbox::Error::Lost(_)
                | sandbox::Error::Platform
                | sandbox::Error::Bug(_) => NOT_RUN,
            };
            let end = End::Failed(error.to_string());
            let settled =
                Settled { end, enforced: Vec::new(), missing: Vec::new(), refused_count: 0, duration_ms: None };
            let receipt = guard.settle(of, settled, &order.stamp())?;
            let _ = receipt;
            say::error(&causes(error));
            if let Some(fix) = error.fix() {
                say::talk(&format!("    {fix}"));
            }
            Ok(code)
        }
    }
}

/// Tells which protected names the command made: they could not be held, because they were not there.
///
/// Settings among them must not allow the next call: the folder's trust is withdrawn until a person
/// has looked.
fn created(order: &Order, before: &[AbsPath], after: &[AbsPath]) -> anyhow::Result<()> {
    let created: Vec<&AbsPath> = after.iter().filter(|path| !before.contains(path)).collect();
    for path in &created {
        say::error(&format!("the command made {path}, a protected name: look at it before anything uses it"));
    }
    let is_settings = |path: &&&AbsPath| path.segments().any(|segment| matches!(segment, ".claude" | ".palisade"));
    if order.setup.loaded.trust.trusted && created.iter().any(|path| is_settings(&path)) {
        crate::trust::withdraw_after_run(&order.setup)?;
        say::error("trust in this folder is withdrawn until you have looked: `palisade trust grant`");
    }
    Ok(())
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

fn settle(guard: &Guard<'_>, order: &Order, of: u64, report: &Report) -> anyhow::Result<()> {
    let end = match report.exit {
        Exit::Code(code) => End::Exited(i32::from(code)),
        Exit::Signal(signal) => End::Signalled(signal),
    };
    let refused: u64 = report.refused.iter().map(|refused| refused.times).sum();
    let settled = Settled {
        end,
        enforced: report.enforced.iter().map(|layer| layer.name().to_owned()).collect(),
        missing: report.missing.iter().map(|missing| format!("{}: {}", missing.what, missing.meaning)).collect(),
        refused_count: refused + report.refused_more,
        duration_ms: u64::try_from(report.wall.as_millis()).ok(),
    };
    let receipt = guard.settle(of, settled, &order.stamp()).context("the outcome cannot be recorded")?;
    let _ = receipt;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the report goes where the person said")]
fn write_report(file: &std::path::Path, report: &Report) -> anyhow::Result<()> {
    std::fs::write(file, report.render_json() + "\n")
        .with_context(|| format!("the report {} cannot be written", file.display()))
}

/// Says in a few lines what the boundary did.
fn tell(report: &Report, quiet: bool) {
    if quiet && report.refused.is_empty() && report.ended_by_boundary.is_none() {
        return;
    }
    let told = grouped(report);
    for line in told.iter().take(TOLD_MAX) {
        say::error(&format!("refused: {}", shown(line)));
    }
    let more = told.len().saturating_sub(TOLD_MAX) as u64 + report.refused_more;
    if more > 0 {
        say::error(&format!("refused: {more} more; `--report FILE` has them"));
    }
    if let Some(why) = &report.ended_by_boundary {
        say::error(&format!("ended by the boundary: {why}"));
    }
    if !quiet {
        let end = match report.exit {
            Exit::Code(code) => format!("exit code {code}"),
            Exit::Signal(signal) => format!("ended by signal {signal}"),
        };
        let missing = if report.missing.is_empty() { "" } else { "; some layers are missing, see `--report`" };
        say::error(&format!("{end}, inside the boundary{missing}"));
    }
}

/// Returns a line for each kind of refusal: connections and system calls first, and last the sockets
/// that the C library tries by itself in most programs.
fn grouped(report: &Report) -> Vec<String> {
    let mut kinds: Vec<(&str, Vec<&str>, u64)> = Vec::new();
    for refused in &report.refused {
        match kinds.iter_mut().find(|(what, ..)| *what == refused.what) {
            Some((_, programs, times)) => {
                programs.push(&refused.program);
                *times += refused.times;
            }
            None => kinds.push((&refused.what, vec![&refused.program], refused.times)),
        }
    }
    kinds.sort_by_key(|(what, ..)| *what == "socket unix");
    kinds
        .iter()
        .map(|(what, programs, times)| {
            let first = programs.first().copied().unwrap_or_default();
            let others = programs.len().saturating_sub(1);
            let by = if others == 0 { first.to_owned() } else { format!("{first} and {others} more") };
            let times = if *times > 1 { format!(", {times} times") } else { String::new() };
            format!("{what} by {by}{times}")
        })
        .collect()
}

/// Says why nothing ran.
fn refused(proof: &Proof) {
    say::error(&format!("refused: {}", shown(&proof.reason)));
    if let Some(hint) = &proof.hint {
        say::talk(&format!("    {}", shown(hint)));
    }
}
