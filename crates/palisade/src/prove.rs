//! `palisade prove`: hostile probes inside the boundary that a command would get here, judged on the host.
//!
//! The same program runs them, in a role of its own, under a permit like any command. Each is made again without a
//! boundary on what is our own: what fails there too has shown nothing.

mod attempts;
mod judge;
mod table;
mod world;

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};
use std::process::ExitCode;

use anyhow::Context;
use guard::{Guard, Named, Request};
use policy::action::{Command, Kind, Runner};
use policy::facts::Person;
use policy::{AbsPath, Action, Approval, Exec, Permit, Severity};
use rustix::fs::MemfdFlags;
use sandbox::{Invocation, Report};

use crate::cli::ProveOptions;
use crate::exit::Exit;
use crate::run::{Asks, Order, approved, failed, settled};
use crate::sandbox_command::opened_by;
use crate::say::{self, Paint, shown};
use crate::setup::{self, Setup, open_journal};
use attempts::{SECRET, Targets, Tried};
use table::{Probe, Way};
use world::World;

/// The first argument that makes this program the one inside.
pub(crate) const ROLE: &str = "palisade-prove";
/// Bytes of what the program inside is told, and of what it says.
const SAID_BYTES_MAX: u64 = 1 << 20;
/// The lowest number above the standard streams.
const FIRST_FREE: i32 = 3;

/// Tries everything, and ends with 1 when anything is not as expected.
pub(crate) fn prove(options: &ProveOptions) -> anyhow::Result<Exit> {
    let mut setup = Setup::here(&options.settings)?;
    setup.for_run(&options.boundary, None)?;
    for diagnostic in &setup.diagnostics {
        say::diagnostic(diagnostic);
    }
    let program = setup::own_program()?;
    if let guard::Profile::Closed(named) = &mut setup.place.profile {
        named.push(Named { path: program.clone(), why: "the program that tries".to_owned() });
    }
    let journal = open_journal(&setup.journal_directory())?;
    let mut world = World::new(&setup)?;
    let order = order(setup, &program, options);
    let setup = &order.setup;
    let guard = Guard { policy: &setup.policy, place: &setup.place, journal: &journal };
    let outcome = guard.admit(&Request {
        action: &order.action,
        mode: order.mode,
        person: Person::Present,
        stamp: order.stamp(),
        call_id: None,
        under: None,
    });
    let (permit, receipt) = match approved(&guard, outcome, &order)? {
        Ok(permitted) => permitted,
        Err(refusal) => {
            say::error(&format!("nothing was tried: {}", shown(&refusal.proof().reason)));
            let is_broken = setup.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
            return Ok(if is_broken { Exit::Settings } else { Exit::Denied });
        }
    };
    world.aim_at(permit.controls());
    let argv = [program.as_str(), ROLE].map(Into::into).to_vec();
    let mut invocation = setup.invocation(argv, &options.boundary);
    let secret = (SECRET.into(), "a secret of the caller's".into());
    invocation.environment = sandbox::environment(setup.environment.all().iter().cloned().chain([secret]));
    let ran = confined(&permit, &invocation, &world.targets);
    let outcome = match &ran {
        Ok((report, _)) => settled(report),
        Err(error) => failed(error),
    };
    let settling = guard.settle(receipt.seq, outcome, &order.stamp()).context("the outcome is not recorded");
    let (report, said) = ran?;
    let _ = settling?;
    let opened = |world: &World, way: Way| {
        let path = world.written(way)?;
        let root = permit.controls().writable.iter().find(|root| path.is_within(root))?;
        Some(format!("{} lets {root} be written", opened_by(setup, root)))
    };
    let probes: Vec<Probe> = table::probes().collect();
    let said = parse(&said);
    let judged = judge::Bench { report: &report, said: &said, opened_by: &opened }.judge(&mut world, &probes);
    if options.json {
        say::data(&format!("{:#}", judge::json(&judged, &report)));
    } else {
        judge::print(&judged, &report, Paint::stdout(setup.environment.is_colourless()));
    }
    Ok(if judge::differs(&judged) { Exit::Finding } else { Exit::Yes })
}

/// The person who typed it wants the probes.
fn order(setup: Setup, program: &AbsPath, options: &ProveOptions) -> Order {
    let words = [program.to_string(), ROLE.to_owned()];
    let kind = Kind::Command(Command::from_argv(&words, Runner::Boundary));
    let action = Action { tool: "Bash".to_owned(), kind, params: Vec::new(), cwd: setup.place.project.clone() };
    let session = format!("prove-{}", std::process::id());
    Order {
        setup,
        action,
        mode: options.settings.mode,
        under: None,
        approval: Approval::Typed,
        asks: Asks::Person,
        session,
    }
}

/// Runs the program inside, and returns the report and what it said.
///
/// The streams of a command are its launcher's, so they are memory meanwhile: one with the targets, one for what is said.
fn confined(permit: &Permit<Exec>, invocation: &Invocation, targets: &Targets) -> anyhow::Result<(Report, String)> {
    let memory = rustix::fs::memfd_create("palisade prove", MemfdFlags::CLOEXEC)?;
    let own = rustix::io::fcntl_dupfd_cloexec(std::io::stdout(), FIRST_FREE)?;
    let mut input = std::fs::File::from(rustix::fs::memfd_create("palisade prove", MemfdFlags::CLOEXEC)?);
    input.write_all(targets.render().as_bytes())?;
    input.rewind()?;
    rustix::stdio::dup2_stdin(&input)?;
    rustix::stdio::dup2_stdout(&memory)?;
    let report = sandbox::run(permit, invocation);
    rustix::stdio::dup2_stdout(&own)?;
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            if let Some(fix) = error.fix() {
                say::talk(&format!("    {fix}"));
            }
            return Err(error.into());
        }
    };
    let mut file = std::fs::File::from(memory);
    file.rewind()?;
    let mut said = String::new();
    file.take(SAID_BYTES_MAX).read_to_string(&mut said)?;
    Ok((report, said))
}

/// Is the program inside: tries everything, and says on standard output what came of it.
pub(crate) fn inside() -> ExitCode {
    let mut told = String::new();
    let read = std::io::stdin().take(SAID_BYTES_MAX).read_to_string(&mut told);
    let Some(targets) = read.ok().and_then(|_| Targets::parse(&told)) else {
        say::error("this role is `palisade prove`'s own");
        return ExitCode::from(2);
    };
    for probe in table::probes() {
        let (what, detail) = match attempts::attempt(probe.way, &targets) {
            Tried::Refused(detail) => ("refused", detail),
            Tried::Worked(detail) => ("worked", detail),
            Tried::Skipped(detail) => ("skipped", detail),
        };
        let line = format!("{}\t{what}\t{}\n", probe.name, detail.replace(['\n', '\t'], " "));
        // What is not said is a difference.
        let _ = std::io::stdout().write_all(line.as_bytes()).and_then(|()| std::io::stdout().flush());
    }
    ExitCode::SUCCESS
}

fn parse(said: &str) -> BTreeMap<String, Tried> {
    let lines = said.lines().filter_map(|line| {
        let mut parts = line.splitn(3, '\t');
        let (name, what, detail) = (parts.next()?, parts.next()?, parts.next()?.to_owned());
        let tried = match what {
            "refused" => Tried::Refused(detail),
            "worked" => Tried::Worked(detail),
            "skipped" => Tried::Skipped(detail),
            _ => return None,
        };
        Some((name.to_owned(), tried))
    });
    lines.collect()
}
