//! `palisade run`: a command inside the boundary.

mod agent;
mod confined;
mod egress;
mod git;
mod ground;
mod hatches;
mod live;
mod logins;
mod outside;
mod owners;
mod question;
mod redeem;
mod relay;
mod secrets;
mod sources;
mod status;
mod trusted;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use audit::Receipt;
use guard::{Answered, Guard, Outcome, Request, Stamp};
use policy::action::{Command, Kind, Runner};
use policy::facts::Person;
use policy::proof::Boundary;
use policy::{Action, Approval, Exec, Pending, Permit, Proof, Refusal, Verdict};

use crate::cli::RunOptions;
use crate::exit::run::NOT_RUN;
use crate::say::{self, shown};
use crate::setup::{Setup, now_ms, open_journal};
use confined::{ReportFile, Running};
pub(crate) use confined::{failed, settled};
use status::Status;

/// Where the report is written in continuous integration when nobody names a file.
const CI_REPORT: &str = "palisade-report.json";

/// Runs a command and ends with its code.
pub(crate) fn run(options: &RunOptions) -> ExitCode {
    let status = match Status::new(options.status_fd) {
        Ok(status) => status,
        Err(error) => {
            say::error(&format!("nothing ran: {error:#}"));
            return ExitCode::from(NOT_RUN);
        }
    };
    let mut report = None;
    match carry_out(options, &status, &mut report) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            if let Some(Err(error)) = report.map(|file| file.write(&confined::undecided_json(&format!("{error:#}")))) {
                say::error(&format!("{error:#}"));
            }
            say::error(&format!("nothing ran: {error:#}"));
            status.failed(&format!("{error:#}"));
            ExitCode::from(NOT_RUN)
        }
    }
}

/// What a command runs by: the person who typed it, or the permit that a hook recorded.
pub(crate) struct Order {
    pub(crate) setup: Setup,
    pub(crate) action: Action,
    pub(crate) mode: Option<policy::Mode>,
    pub(crate) under: Option<u64>,
    pub(crate) approval: Approval,
    pub(crate) asks: Asks,
    pub(crate) session: String,
}

/// Who is asked what neither rules nor the command line answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// The person at the terminal, if there is one.
    Person,
    /// Nobody: what a rule asks about is refused, since nobody was there who could have been asked.
    Nobody,
}

impl Order {
    pub(crate) fn stamp(&self) -> Stamp<'_> {
        Stamp { time_ms: now_ms(), session: &self.session, source: "run" }
    }
}

fn carry_out(options: &RunOptions, status: &Status, report: &mut Option<ReportFile>) -> anyhow::Result<u8> {
    if options.ci {
        let usual = Path::new(CI_REPORT);
        *report = Some(ReportFile::create(options.report.as_deref().unwrap_or(usual))?);
    }
    let argv = words(options)?;
    let mut order = match &options.permit {
        Some(permit) => redeem::order(permit, options.project.as_deref(), &argv)?,
        None => typed(options, &argv)?,
    };
    // What an agent's hook hands back is no agent that a person started.
    let program = argv.first().filter(|_| order.under.is_none());
    order.setup.for_run(&options.boundary, program.map(String::as_str))?;
    for diagnostic in &order.setup.diagnostics {
        say::diagnostic(diagnostic);
    }
    let journal = open_journal(&order.setup.journal_directory())?;
    match &report {
        // Who reads it afterwards reads Palisade's words.
        Some(file) => order.setup.place.own_unwritable.extend(file.real_path()?),
        None => *report = options.report.as_deref().map(ReportFile::create).transpose()?,
    }
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
            if let Some(file) = report.take() {
                file.write(&confined::not_run_json(refusal.proof(), &refusal.proof().reason))?;
            }
            return Ok(NOT_RUN);
        }
    };
    if let Some(under) = order.under {
        redeem::ensure_first(&order.setup.environment, under, receipt.seq)?;
    }
    if let (false, Some(boundary @ Boundary::Inside { kept: Some(_) })) = (options.quiet, &permit.proof().boundary) {
        say::error(&format!("the command {}", shown(&boundary.words())));
    }
    if let (false, Some(agent)) = (options.quiet, &order.setup.agent) {
        agent.words(&order.setup).iter().for_each(|words| say::error(&shown(words)));
    }
    status.permitted();
    let of = order.under.unwrap_or(receipt.seq);
    let (code, failure) = Running { guard: &guard, order: &order, of, options }.confined(&permit, report.take());
    match failure {
        Some(why) => status.failed(&why),
        None => status.ended(code),
    }
    Ok(code)
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
    let asks = if options.ci { Asks::Nobody } else { Asks::Person };
    Ok(Order { setup, action, mode: options.settings.mode, under: None, approval: Approval::Typed, asks, session })
}

pub(crate) type Permitted = Result<(Permit<Exec>, Receipt), Refusal>;

/// Turns an outcome into a permit to start, asking where the question wants more than the order gives.
pub(crate) fn approved(guard: &Guard<'_>, outcome: Outcome, order: &Order) -> anyhow::Result<Permitted> {
    let (permit, receipt) = match outcome {
        Outcome::Permit(permit, receipt) => (permit, receipt),
        Outcome::Refusal(refusal, _) => return Ok(Err(refusal)),
        Outcome::Pending(pending, receipt) => {
            let approval = match order.asks {
                Asks::Nobody if is_by_rule(pending.proof()) => None,
                Asks::Person | Asks::Nobody if order.approval >= pending.needs() => Some(order.approval),
                Asks::Person => ask(&pending)?,
                Asks::Nobody => None,
            };
            let asked = Receipt { seq: order.under.unwrap_or(receipt.seq), leaf: receipt.leaf.clone() };
            match guard.answer(pending, &asked, approval, &order.stamp()) {
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

/// Returns true when somebody wrote that this be asked; otherwise nothing covers the command.
fn is_by_rule(proof: &Proof) -> bool {
    proof.rule.is_some() || proof.parts.iter().any(|part| part.verdict == Verdict::Ask && part.rule.is_some())
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

/// Says why nothing ran.
fn refused(proof: &Proof) {
    say::error(&format!("refused: {}", shown(&proof.reason)));
    if let Some(hint) = &proof.hint {
        say::talk(&format!("    {}", shown(hint)));
    }
}
