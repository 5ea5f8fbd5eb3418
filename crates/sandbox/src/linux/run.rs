//! Starting the boundary process.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use policy::controls::Limits;
use rustix::fs::{MemfdFlags, SealFlags};

use super::control::Channel;
use super::failure::{At, Failure};
use super::output::Output;
use super::resources;
use super::streams::{self, Stream};
use super::supervise::{self, Supervised};
use super::{advice, boundary, caches};
use crate::error::{Error, Step};
use crate::plan::{Invocation, Plan, Terminal};
use crate::report::{Missing, Report};
use crate::wire::Order;
use crate::{ROLE, sys};

/// The lowest number that the launcher's own descriptors get, above those that the boundary takes.
const FIRST_FREE: i32 = 10;

/// Runs a command with a broker; where the kernel gives none (another supervisor is there already), mounts alone
/// hold what exists, and the report says what is missing.
pub(crate) fn run(plan: &Plan, limits: &Limits, invocation: &Invocation) -> Result<Report, Error> {
    if invocation.argv.is_empty() {
        return Err(Error::NoCommand);
    }
    match run_once(plan, limits, invocation, true) {
        Err(Error::Step { step: Step::Listener, .. }) => run_once(plan, limits, invocation, false),
        ended => ended,
    }
}

/// Runs a command, in this order:
///
/// 1. look at the standard streams;
/// 2. put the limits in place;
/// 3. write the plan into sealed memory;
/// 4. start the boundary process with it and one end of the control socket;
/// 5. supervise until everything inside is gone.
fn run_once(plan: &Plan, limits: &Limits, invocation: &Invocation, brokered: bool) -> Result<Report, Error> {
    let start = Instant::now();
    let streams = streams::look()?;
    let (plan, lacking) = with_caches(plan);
    let own_terminal = streams.map(|stream| stream == Stream::Terminal && invocation.terminal == Terminal::Own);
    let resources = resources::prepare(limits)?;
    let (output, pipes) = match resources.output {
        Some(limit) => {
            let (output, pipes) = Output::new(limit, streams).map_err(advice::with_fix)?;
            (Some(output), pipes)
        }
        None => (None, [None, None]),
    };
    let order = Order {
        inside: resources.inside,
        environment: inner_environment(&plan, invocation),
        plan,
        argv: invocation.argv.clone(),
        terminal: own_terminal,
        brokered,
    };
    let bytes = order.render().map_err(Error::Bug)?;
    let memory = into_memory(&bytes).map_err(advice::with_fix)?;
    let (ours, theirs) = Channel::pair().at(Step::StartBoundary).map_err(advice::with_fix)?;
    let signals = supervise::catch_signals().map_err(advice::with_fix)?;
    let groups = resources.entrances().at(Step::Limits).map_err(advice::with_fix)?;
    let birthplace = resources.birthplace().at(Step::Limits).map_err(advice::with_fix)?;
    let handed = Handed { streams, pipes, control: &theirs, plan: &memory, groups, birthplace };
    let child = start_boundary(invocation, handed).map_err(advice::with_fix)?;
    drop(theirs);
    drop(memory);
    let mut report = supervise::supervise(Supervised {
        child,
        channel: ours,
        signals,
        own_terminal,
        start,
        invocation,
        resources,
        output,
    })?;
    report.missing.extend(lacking);
    Ok(report)
}

/// Makes the private caches. Where they cannot be made the command runs without, and is told so.
fn with_caches(plan: &Plan) -> (Plan, Option<Missing>) {
    match caches::make(plan) {
        Ok(()) => (plan.clone(), None),
        Err(failure) => {
            let why = advice::with_fix(failure);
            let source = std::error::Error::source(&why).map(|source| format!(": {source}")).unwrap_or_default();
            let meaning = format!("package managers have no place of their own: {why}{source}");
            (plan.clone().without_caches(), Some(Missing { what: "private-caches".to_owned(), meaning }))
        }
    }
}

/// Returns the environment inside: what passes, and the names that the boundary sets itself. Without templates
/// git makes no hooks in a new repository, which cannot be made inside.
fn inner_environment(plan: &Plan, invocation: &Invocation) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let own = [("HOME", plan.home.as_str()), ("PWD", plan.cwd.as_str()), ("TMPDIR", "/tmp"), ("GIT_TEMPLATE_DIR", "")];
    let variables = plan.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let set: Vec<(&str, &str)> = own.into_iter().chain(variables).collect();
    let is_set = |name: &OsStr| set.iter().any(|(own, _)| name == OsStr::new(own));
    let kept = invocation.environment.kept.iter().filter(|(name, _)| !is_set(name)).cloned();
    kept.chain(set.iter().map(|(name, value)| ((*name).into(), (*value).into()))).collect()
}

/// Writes the plan where nobody can change it any more.
fn into_memory(bytes: &[u8]) -> Result<OwnedFd, Failure> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = rustix::fs::memfd_create("palisade plan", flags).at(Step::HandPlan)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = rustix::io::write(&memory, rest).at(Step::HandPlan)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&memory, seals).at(Step::HandPlan)?;
    Ok(memory)
}

/// What the boundary process gets.
struct Handed<'a> {
    streams: [Stream; 3],
    /// Pipes in place of standard output and error, when what is printed is counted.
    pipes: [Option<Stdio>; 2],
    control: &'a Channel,
    plan: &'a OwnedFd,
    /// The files by which it enters its control groups of version 1.
    groups: Vec<OwnedFd>,
    /// The control group of version 2 for everything inside.
    birthplace: Option<OwnedFd>,
}

fn start_boundary(invocation: &Invocation, handed: Handed<'_>) -> Result<Child, Failure> {
    let Handed { streams, pipes: [output_pipe, error_pipe], control, plan, groups, birthplace } = handed;
    let path = invocation.init.display().to_string();
    let control = rustix::io::fcntl_dupfd_cloexec(control.as_fd(), FIRST_FREE).at(Step::StartBoundary)?;
    let plan = rustix::io::fcntl_dupfd_cloexec(plan, FIRST_FREE).at(Step::StartBoundary)?;
    let birthplace = birthplace.map(|group| rustix::io::fcntl_dupfd_cloexec(group, FIRST_FREE)).transpose();
    let birthplace = birthplace.at(Step::StartBoundary)?;
    let [input, output, error] = streams.map(|stream| match stream {
        Stream::Same => Stdio::inherit(),
        Stream::Terminal => Stdio::null(),
    });
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts a process")]
    let mut command = Command::new(&invocation.init);
    command.arg0("palisade: boundary").arg(ROLE).env_clear().stdin(input);
    command.stdout(output_pipe.unwrap_or(output)).stderr(error_pipe.unwrap_or(error));
    let mut descriptors = vec![(control.as_fd(), boundary::CONTROL), (plan.as_fd(), boundary::PLAN)];
    descriptors.extend(birthplace.iter().map(|group| (group.as_fd(), boundary::GROUP)));
    sys::process::prepare(&mut command, groups, &descriptors);
    command.spawn().at_path(Step::StartBoundary, &path)
}
