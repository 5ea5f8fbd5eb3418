//! Starting the boundary process.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use policy::controls::{Limits, Network};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};

use super::control::Channel;
use super::failure::{At, Failure};
use super::output::Output;
use super::resources::{self, Resources};
use super::streams::{self, Stream};
use super::supervise::{self, Process, Supervised};
use super::{advice, boundary, bubblewrap, caches, inputs, landlock, template};
use crate::doors::Outlet;
use crate::error::{Error, Step};
use crate::plan::{Invocation, Plan, Terminal};
use crate::report::{Missing, Report};
use crate::shape::Shape;
use crate::tier::Tier;
use crate::wire::{Order, Waits};
use crate::{ROLE, sys};

/// The lowest number that the launcher's own descriptors get, above those that the boundary takes.
const FIRST_FREE: i32 = bubblewrap::TEXTS + bubblewrap::TEXTS_MAX;

/// Runs a command in one tier with a broker; where the kernel gives none, mounts alone hold what exists, or without them
/// Landlock with more refused, and the report says what is missing. Another supervisor that is there already could act past
/// Landlock for the command, so that nothing runs where Landlock holds alone.
pub(super) fn run(plan: &Plan, limits: &Limits, invocation: &Invocation, chosen: Chosen) -> Result<Report, Error> {
    let wanted = Wanted { plan, limits, invocation };
    let attempt = |brokered, held| run_once(&wanted, &chosen, (brokered, held));
    let ended = match attempt(true, invocation.held) {
        // Nothing started in it.
        Err(Error::Step { step: Step::Template, .. }) => attempt(true, false),
        ended => ended,
    };
    match ended {
        Err(Error::Step { step: Step::Listener, .. }) if plan.checks_reads => {
            Err(Error::Required(super::tiers::CHECKED_READS.to_owned()))
        }
        Err(Error::Step { step: Step::Listener, source, .. })
            if !(chosen.tier == Tier::Landlock && source.raw_os_error() == Some(libc::EBUSY)) =>
        {
            attempt(false, false)
        }
        ended => ended,
    }
}

/// Runs a command, in this order:
///
/// 1. look at the standard streams;
/// 2. put the limits in place;
/// 3. write the plan into sealed memory;
/// 4. take a boundary that stands, or start the boundary process with the plan and one end of the control socket;
/// 5. supervise until everything inside is gone.
fn run_once(wanted: &Wanted<'_>, chosen: &Chosen, (brokered, held): (bool, bool)) -> Result<Report, Error> {
    let start = Instant::now();
    let Wanted { plan, limits, invocation } = *wanted;
    let Chosen { tier, lacks } = chosen;
    let holder = if held && *tier == Tier::Full { template::Caller::call() } else { None };
    let streams = streams::look()?;
    let (plan, lacking) = with_caches(plan, *tier);
    if let Some(lost) = lacking.as_ref().filter(|_| invocation.needs_caches) {
        return Err(Error::Required(format!("the private caches: {}", lost.meaning)));
    }
    let (plan, without_hatches) = with_hatches(plan, *tier, brokered);
    let (plan, out_of_reach) = with_network(plan, *tier);
    let own_terminal = streams.map(|stream| stream == Stream::Terminal && invocation.terminal == Terminal::Own);
    let resources = resources::prepare(limits, &invocation.init)?;
    let counted = resources.output.map(|limit| Output::new(limit, streams)).transpose().map_err(advice::with_fix)?;
    let (output, pipes) = counted.map_or((None, [None, None]), |(output, pipes)| (Some(output), pipes));
    let prepared = prepare(&plan, *tier, (brokered, resources.inside.private_bytes)).map_err(advice::with_fix)?;
    let (shape, wrapping, not_present) = prepared;
    let order = Order {
        inside: resources.inside,
        environment: inner_environment(&plan, invocation),
        plan,
        argv: invocation.argv.clone(),
        terminal: own_terminal,
        shape,
        brokered,
        waits: Waits::Not,
        entrances: 0,
        inputs: Vec::new(),
        ignored: Vec::new(),
    };
    let signals = supervise::catch_signals().map_err(advice::with_fix)?;
    let groups = resources.entrances().at(Step::Limits).map_err(advice::with_fix)?;
    let birthplace = resources.birthplace().at(Step::Limits).map_err(advice::with_fix)?;
    if *tier == Tier::Full {
        resources.count_without_the_boundary().at(Step::Limits).map_err(advice::with_fix)?;
    }
    let outside = Outside { streams, pipes, groups, birthplace };
    let outlet = invocation.outlet.as_deref();
    let taken = holder.map(|holder| take(holder, &order, &outside, (&resources, outlet)));
    let taken = taken.transpose().map_err(advice::with_fix)?.flatten();
    let is_held = taken.is_some();
    let started = match taken {
        Some(taken) => Ok(taken),
        None => start_one(&order, invocation, outside, wrapping.as_ref()),
    };
    let Started { process, channel, attention } = started.map_err(advice::with_fix)?;
    drop(wrapping);
    let always =
        tier.missing().iter().map(|(what, meaning)| Missing { what: (*what).into(), meaning: (*meaning).into() });
    let supervised = supervise::supervise(Supervised {
        process,
        channel,
        attention,
        signals,
        own_terminal,
        start,
        invocation,
        tier: *tier,
        lacks: lacks.iter().cloned().chain(always).collect(),
        not_present,
        resources,
        output,
    });
    let mut report = supervised.map_err(|error| if is_held { before_the_command(error) } else { error })?;
    report.missing.extend(lacking.into_iter().chain(without_hatches).chain(out_of_reach));
    report.from_holder = is_held;
    Ok(report)
}

/// Returns the error of a held boundary. All steps but watching come before the command; then another boundary may be
/// built for it.
fn before_the_command(error: Error) -> Error {
    match error {
        Error::Step { step, path, source, fix } if !matches!(step, Step::Watch | Step::Control | Step::Doors) => {
            let path = path.or_else(|| Some(step.name().to_owned()));
            Error::Step { step: Step::Template, path, source, fix }
        }
        other => other,
    }
}

/// A boundary that the command is in, or soon.
struct Started {
    process: Process,
    channel: Channel,
    /// By which those who serve the proxy's sockets ask for the person's terminal, if they serve already.
    attention: Option<UnixStream>,
}

/// Takes a boundary that stands, if there is one for this order.
fn take(
    holder: template::Caller,
    order: &Order,
    outside: &Outside,
    (resources, outlet): (&Resources, Option<&dyn Outlet>),
) -> Result<Option<Started>, Failure> {
    let Outside { streams, pipes: [output_pipe, error_pipe], groups, birthplace } = outside;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    let null = null.at_path(Step::StartBoundary, "/dev/null")?;
    let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let own = [input.as_fd(), output.as_fd(), error.as_fd()];
    let pipes = [None, output_pipe.as_ref(), error_pipe.as_ref()];
    let mut inputs = inputs::find(&order.plan)?;
    inputs.retain(|input| {
        let index = usize::try_from(input.number).unwrap_or_default();
        pipes.get(index).is_none_or(Option::is_none) && streams.get(index) == Some(&Stream::Same)
    });
    let given = [0, 1, 2].map(|index| {
        let pipe = pipes.get(index).copied().flatten().map(AsFd::as_fd);
        let same = own.get(index).copied().filter(|_| streams.get(index) == Some(&Stream::Same));
        pipe.or(same).unwrap_or(null.as_fd())
    });
    let order = Order { inputs, ignored: sys::signal::ignored(), ..order.clone() };
    let waits = waits(&order, given, birthplace.is_some())?;
    let given = template::Given { streams: given, birthplace: birthplace.as_ref(), entrances: groups };
    let Some(mut taken) = holder.take(&order, waits, &given) else { return Ok(None) };
    resources.count_the_command_alone().at(Step::Template)?;
    let doors = std::mem::take(&mut taken.doors);
    let attention = if doors.is_empty() { None } else { Some(supervise::open_doors(doors, outlet)?) };
    let template::Taken { channel, process, doors: _ } = taken.start().at(Step::Template)?;
    Ok(Some(Started { process: Process::Taken(process), channel, attention }))
}

/// Returns how much can be done before this command comes: its process is there already, unless it gets what must be
/// known before that is.
fn waits(order: &Order, streams: [BorrowedFd<'_>; 3], has_birthplace: bool) -> Result<Waits, Failure> {
    let [_, output, error] = streams;
    let is_plain = !order.terminal.contains(&true) && order.inputs.is_empty() && !has_birthplace && order.brokered;
    let needs_rule = landlock::is_opened_again(output)? || landlock::is_opened_again(error)?;
    Ok(if is_plain && !needs_rule { Waits::Confined } else { Waits::Built })
}

/// Has a holder build the boundary of a command with this plan and the standard streams of this process, and waits until
/// it stands. Returns false when there is no holder.
pub(crate) fn warm(plan: &Plan, limits: &Limits, invocation: &Invocation) -> Result<bool, Error> {
    let Some(holder) = template::Caller::call() else { return Ok(false) };
    let (plan, _) = with_caches(plan, Tier::Full);
    let streams = streams::look()?;
    let resources = resources::prepare(limits, &invocation.init)?;
    let birthplace = resources.birthplace().at(Step::Limits).map_err(advice::with_fix)?;
    let order = Order {
        inside: resources.inside,
        environment: Vec::new(),
        plan,
        argv: Vec::new(),
        terminal: streams.map(|stream| stream == Stream::Terminal && invocation.terminal == Terminal::Own),
        shape: Shape::Full,
        brokered: true,
        waits: Waits::Not,
        entrances: 0,
        inputs: Vec::new(),
        ignored: Vec::new(),
    };
    let warm = || {
        let order = Order { inputs: inputs::find(&order.plan)?, ..order };
        let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let waits = waits(&order, [input.as_fd(), output.as_fd(), error.as_fd()], birthplace.is_some())?;
        holder.warm(&order.template(waits))
    };
    warm().map(|()| true).map_err(advice::with_fix)
}

/// Starts the boundary process, or a program in between.
fn start_one(
    order: &Order,
    invocation: &Invocation,
    outside: Outside,
    wrapping: Option<&Wrapping>,
) -> Result<Started, Failure> {
    // The first process inside enters the groups by itself: the boundary process outlives what is inside and would keep
    // them, and a keeper must not be ended with them.
    let entrances = match wrapping {
        None => u8::try_from(outside.groups.len()).unwrap_or(u8::MAX),
        Some(_) => 0,
    };
    let order = Order { entrances, ..order.clone() };
    let bytes = order.render().map_err(|_| rustix::io::Errno::INVAL).at(Step::HandPlan)?;
    let memory = into_memory(&bytes)?;
    let (ours, theirs) = Channel::pair().at(Step::StartBoundary)?;
    let handed = Handed { outside, control: &theirs, plan: &memory };
    let child = match wrapping {
        None => start_boundary(&invocation.init, handed)?,
        Some(wrapping) => start_bubblewrap(invocation, handed, wrapping)?,
    };
    Ok(Started { process: Process::Child(child), channel: ours, attention: None })
}

/// Starts a boundary process that builds everything and waits for a command.
pub(super) fn start_waiting(init: &Path, order: &Order) -> Result<(Child, Channel), Failure> {
    let memory = into_memory(&order.render().map_err(|_| rustix::io::Errno::INVAL).at(Step::HandPlan)?)?;
    let (ours, theirs) = Channel::pair().at(Step::StartBoundary)?;
    // As with a terminal, there is nothing but `/dev/null`.
    let streams = [Stream::Terminal; 3];
    let outside = Outside { streams, pipes: [None, None], groups: Vec::new(), birthplace: None };
    let child = start_boundary(init, Handed { outside, control: &theirs, plan: &memory })?;
    Ok((child, ours))
}

/// Makes the private caches. Where they cannot be made, the command runs without, and is told so.
fn with_caches(plan: &Plan, tier: Tier) -> (Plan, Option<Missing>) {
    match caches::make(plan, tier) {
        Ok(()) => (plan.clone(), None),
        Err(failure) => {
            let why = advice::with_fix(failure);
            let source = std::error::Error::source(&why).map(|source| format!(": {source}")).unwrap_or_default();
            let meaning = format!("package managers have no place of their own: {why}{source}");
            (plan.clone().without_caches(), Some(Missing { what: "private-caches".to_owned(), meaning }))
        }
    }
}

/// Takes the proxy away where the tier has no place for its sockets: the command reaches nothing, and is told so.
fn with_network(plan: Plan, tier: Tier) -> (Plan, Option<Missing>) {
    match tier {
        Tier::Full => (plan, None),
        Tier::Bubblewrap | Tier::Landlock if plan.network == Network::None => (plan, None),
        // What is shown there takes a mount that this tier does not make.
        Tier::Bubblewrap if plan.shown.is_empty() => {
            let meaning = "programs that take no notice of `HTTPS_PROXY` and its like reach nothing".to_owned();
            (plan, Some(Missing { what: "egress-capture".to_owned(), meaning }))
        }
        Tier::Bubblewrap | Tier::Landlock => {
            let meaning = format!("the proxy cannot be reached in the tier `{}`, and nothing else either", tier.name());
            (plan.without_network(), Some(Missing { what: "egress".to_owned(), meaning }))
        }
    }
}

/// Takes the sockets away that lead to one place of the host each, where the tier has no place for them; before the network,
/// which goes where files are to be shown.
fn with_hatches(plan: Plan, tier: Tier, brokered: bool) -> (Plan, Option<Missing>) {
    // Without a broker nobody judges connections by path.
    if plan.hatches.is_empty() || tier == Tier::Full && (brokered || !plan.names_sockets()) {
        return (plan, None);
    }
    let meaning = format!(
        "sockets of the host, the person's ssh agent and ports forwarded to it are out of reach, and servers inside cannot be \
         published in the tier `{}`",
        tier.name()
    );
    (plan.without_hatches(), Some(Missing { what: "hatches".to_owned(), meaning }))
}

/// What is to run, and how much it may take.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    plan: &'a Plan,
    limits: &'a Limits,
    invocation: &'a Invocation,
}

/// What bubblewrap gets.
#[derive(Debug)]
struct Wrapping {
    arguments: OwnedFd,
    /// Texts that are read in place of hidden files.
    texts: Vec<OwnedFd>,
}

/// A tier, and what it lacks on this machine besides what it always lacks.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) tier: Tier,
    pub(super) lacks: Vec<Missing>,
}

/// Returns what the boundary process must know of the outside, the arguments for a program in between, and
/// the held paths that are not there.
fn prepare(
    plan: &Plan,
    tier: Tier,
    (brokered, private_bytes): (bool, Option<u64>),
) -> Result<(Shape, Option<Wrapping>, Vec<String>), Failure> {
    Ok(match tier {
        Tier::Full => (Shape::Full, None, Vec::new()),
        Tier::Landlock => (Shape::Landlock, None, Vec::new()),
        Tier::Bubblewrap => {
            let prepared = bubblewrap::prepare(plan, brokered, private_bytes)?;
            let bubblewrap::Prepared { arguments, outside, texts, not_present } = prepared;
            let from_start = |bytes: &[u8]| {
                let memory = into_memory(bytes)?;
                rustix::fs::seek(&memory, rustix::fs::SeekFrom::Start(0)).at(Step::HandPlan)?;
                Ok(memory)
            };
            let texts = texts.iter().map(|text| from_start(text.as_bytes())).collect::<Result<_, Failure>>()?;
            let wrapping = Wrapping { arguments: from_start(&arguments)?, texts };
            (Shape::Bubblewrap(outside), Some(wrapping), not_present)
        }
    })
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
pub(super) fn into_memory(bytes: &[u8]) -> Result<OwnedFd, Failure> {
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
    outside: Outside,
    control: &'a Channel,
    plan: &'a OwnedFd,
}

/// What of the outside reaches in.
struct Outside {
    streams: [Stream; 3],
    /// Pipes in place of standard output and error, when what is printed is counted.
    pipes: [Option<OwnedFd>; 2],
    /// The files by which it enters its control groups of version 1.
    groups: Vec<OwnedFd>,
    /// The control group of version 2 for everything inside.
    birthplace: Option<OwnedFd>,
}

/// Starts a boundary process that is in none of the command's groups of version 1, and has their files.
fn start_boundary(init: &Path, handed: Handed<'_>) -> Result<Child, Failure> {
    let Handed { outside, control, plan } = handed;
    let Outside { groups, .. } = &outside;
    let groups = groups.iter().map(|group| out_of_the_way(group.as_fd())).collect::<Result<Vec<_>, _>>()?;
    start_with(init, Handed { outside: Outside { groups: Vec::new(), ..outside }, control, plan }, &groups)
}

fn start_with(init: &Path, handed: Handed<'_>, entrances: &[OwnedFd]) -> Result<Child, Failure> {
    let Handed { outside, control, plan } = handed;
    let Outside { streams, pipes: [output_pipe, error_pipe], groups, birthplace } = outside;
    let path = init.display().to_string();
    let (control, plan) = (out_of_the_way(control.as_fd())?, out_of_the_way(plan.as_fd())?);
    let birthplace = birthplace.map(|group| out_of_the_way(group.as_fd())).transpose()?;
    let [input, output, error] = streams.map(|stream| match stream {
        Stream::Same => Stdio::inherit(),
        Stream::Terminal => Stdio::null(),
    });
    let mut command = program(init);
    command.arg0("palisade: boundary").arg(ROLE).stdin(input);
    command.stdout(output_pipe.map_or(output, Stdio::from)).stderr(error_pipe.map_or(error, Stdio::from));
    let mut descriptors = vec![(control.as_fd(), boundary::CONTROL), (plan.as_fd(), boundary::PLAN)];
    descriptors.extend(birthplace.iter().map(|group| (group.as_fd(), boundary::GROUP)));
    descriptors.extend(entrances.iter().map(AsFd::as_fd).zip(boundary::GROUP + 1..));
    sys::process::prepare(&mut command, groups, &descriptors);
    command.spawn().at_path(Step::StartBoundary, &path)
}

/// Starts bubblewrap with this program as the first process inside. What it says of a failure comes back by
/// its standard error.
fn start_bubblewrap(invocation: &Invocation, handed: Handed<'_>, wrapping: &Wrapping) -> Result<Child, Failure> {
    let Handed { outside, control, plan } = handed;
    let Outside { streams, pipes: [output_pipe, error_pipe], mut groups, birthplace } = outside;
    // Nobody can be born into the group from in there, so that bubblewrap is in it too.
    if let Some(group) = birthplace {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        groups.push(rustix::fs::openat(&group, "cgroup.procs", flags, Mode::empty()).at(Step::Limits)?);
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let path = invocation.init.display().to_string();
    let own = rustix::fs::open(&invocation.init, flags, Mode::empty()).at_path(Step::StartBoundary, &path)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    let null = null.at_path(Step::StartBoundary, "/dev/null")?;
    let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let standard = [input.as_fd(), output.as_fd(), error.as_fd()];
    let mut kept =
        vec![(out_of_the_way(control.as_fd())?, boundary::CONTROL), (out_of_the_way(plan.as_fd())?, boundary::PLAN)];
    kept.push((out_of_the_way(wrapping.arguments.as_fd())?, bubblewrap::ARGUMENTS));
    for (text, number) in wrapping.texts.iter().zip(bubblewrap::TEXTS..) {
        kept.push((out_of_the_way(text.as_fd())?, number));
    }
    kept.push((out_of_the_way(own.as_fd())?, bubblewrap::OWN_PROGRAM));
    let pipes = [None, output_pipe.as_ref(), error_pipe.as_ref()];
    let sources = streams.into_iter().zip(standard).zip(pipes);
    for (((stream, standard), pipe), number) in sources.zip(bubblewrap::STREAMS..) {
        let stream = match (pipe, stream) {
            (Some(pipe), _) => pipe.as_fd(),
            (None, Stream::Same) => standard,
            (None, Stream::Terminal) => null.as_fd(),
        };
        kept.push((out_of_the_way(stream)?, number));
    }
    let mut command = program(Path::new(bubblewrap::PROGRAM));
    command.args(["--args".to_owned(), bubblewrap::ARGUMENTS.to_string(), "--".to_owned()]);
    command.args([format!("/proc/self/fd/{}", bubblewrap::OWN_PROGRAM).as_str(), ROLE, bubblewrap::INSIDE]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let descriptors: Vec<_> = kept.iter().map(|(fd, number)| (fd.as_fd(), *number)).collect();
    sys::process::prepare(&mut command, groups, &descriptors);
    command.spawn().at_path(Step::Bubblewrap, bubblewrap::PROGRAM)
}

/// Copies a descriptor to a number that the boundary process takes nothing from.
fn out_of_the_way(fd: BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
    rustix::io::fcntl_dupfd_cloexec(fd, FIRST_FREE).at(Step::StartBoundary)
}

/// Returns a command for a program with no environment.
pub(super) fn program(path: &Path) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts a process")]
    let mut command = Command::new(path);
    command.env_clear();
    command
}

/// Starts this program as a holder, in a session of its own.
pub(super) fn start_holder(init: &Path, words: &[String]) -> Result<Child, Failure> {
    let mut command = program(init);
    command.arg0("palisade: holder").args([ROLE, template::HOLDER]).args(words).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    sys::process::in_own_session(&mut command);
    command.spawn().at_path(Step::Template, &init.display().to_string())
}

/// Runs a program that asks the machine something, and returns what it prints.
pub(super) fn output_of(path: impl AsRef<Path>, arguments: &[&str]) -> std::io::Result<String> {
    let output = program(path.as_ref()).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Starts this program in bubblewrap, to do nothing, and returns what bubblewrap says when that fails.
pub(super) fn try_bubblewrap(init: &Path) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let own = rustix::fs::open(init, flags, Mode::empty()).map_err(|error| failed(&error))?;
    let own = rustix::io::fcntl_dupfd_cloexec(&own, FIRST_FREE).map_err(|error| failed(&error))?;
    let mut command = program(Path::new(bubblewrap::PROGRAM));
    command.args(bubblewrap::APART).args(["--ro-bind", "/", "/"]);
    command.args(["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--"]);
    command.args([format!("/proc/self/fd/{}", bubblewrap::OWN_PROGRAM).as_str(), ROLE, super::probe::NOTHING]);
    sys::process::prepare(&mut command, Vec::new(), &[(own.as_fd(), bubblewrap::OWN_PROGRAM)]);
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().map_err(|error| failed(&error))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

#[cfg(test)]
mod tests;
