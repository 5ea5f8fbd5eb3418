//! The command's process, up to its program.

use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::process::DumpableBehavior;

use super::control::Channel;
use super::failure::{At, Failure, errno};
use super::landlock::Rules;
use super::pty::Terminal;
use super::seccomp::{self, Telling};
use super::{boundary, broker, privileges, resources, template};
use crate::error::Step;
use crate::shape::Shape;
use crate::sys;
use crate::sys::filter::Instruction;
use crate::sys::process::Close;
use crate::wire::{Errand, Message, Order, Request, Waits};

/// What the command's process has of its parent.
#[derive(Debug)]
pub(super) struct Inheritance {
    pub(super) terminal: Option<Terminal>,
    /// Rules that this process alone is under.
    pub(super) rules: Option<Rules>,
    /// Where the filter's listener goes, if a broker waits for it.
    pub(super) broker: Option<Channel>,
    /// The files by which it enters its control groups of version 1, if nobody above it is in them.
    pub(super) entrances: Vec<OwnedFd>,
    /// Something is written here when the program cannot be started.
    pub(super) failing: OwnedFd,
}

/// Where programs are looked for when the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Becomes the command, or says why not.
pub(super) fn target_main(channel: &Channel, order: &Order, inheritance: Inheritance) -> ! {
    let Inheritance { terminal, rules, broker, entrances, failing } = inheritance;
    let ready = match order.waits {
        Waits::Not | Waits::Built => {
            let confined = enter(&entrances).and_then(|()| confine(channel, order, terminal.as_ref(), (rules, broker)));
            confined.map(|()| Some(order.errand()))
        }
        Waits::Confined => confine_and_wait(channel, order, broker),
    };
    match ready {
        Err(failure) => boundary::report(channel, failure),
        Ok(Some(errand)) => {
            let errno = errno(&start(&errand));
            let _ = channel.send(&Message::NotStarted { errno }, None);
        }
        // Nobody wants it.
        Ok(None) => {}
    }
    let _ = rustix::io::write(&failing, b"!");
    sys::process::exit_now(0)
}

/// Confines this process before there is a command, and takes that when it comes. In this order:
///
/// 1. its own process group, the last capability, and no descriptor outlives the start;
/// 2. the system call filter, the listener of which goes to the broker, and its memory closed to others;
/// 3. when the errand comes: its memory open to the broker again, the command's control groups, its streams, the start directory, the limits;
/// 4. the word to start.
///
/// `None` when nobody wants it any more.
fn confine_and_wait(channel: &Channel, order: &Order, broker: Option<Channel>) -> Result<Option<Errand>, Failure> {
    let broker = broker.ok_or(rustix::io::Errno::BADMSG).at(Step::Template)?;
    rustix::process::setpgid(None, None).at(Step::Session)?;
    privileges::drop_all()?;
    sys::process::close_from(3, Close::OnExec).at(Step::Session)?;
    let telling = if order.plan.checks_reads { Telling::SupervisorOfReads } else { Telling::Supervisor };
    filter_telling(&broker, &asking(order, telling))?;
    // While it waits nobody has any business with its memory.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).at(Step::Undumpable)?;
    let Some((Request::Take { .. }, descriptors)) = broker.receive_with().at(Step::Template)? else {
        return Ok(None);
    };
    // The launcher hears of what fails below; meanwhile it does what is left for it to do.
    template::say_taken(channel)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).at(Step::Listener)?;
    let mut descriptors = descriptors.into_iter();
    let errand = template::read_errand(descriptors.next().ok_or(rustix::io::Errno::BADF).at(Step::Template)?)?;
    for number in 0..3 {
        let stream = descriptors.next().ok_or(rustix::io::Errno::BADF).at(Step::Template)?;
        sys::process::put_at(stream.as_fd(), number).at(Step::Streams)?;
    }
    enter(&descriptors.collect::<Vec<_>>())?;
    let cwd = errand.cwd.as_str();
    rustix::process::chdir(cwd).at_path(Step::StartDirectory, cwd)?;
    resources::enforce(&errand.inside)?;
    Ok(template::is_wanted(channel)?.then_some(errand))
}

/// Enters control groups of version 1, of which `0` is whoever writes it.
pub(super) fn enter(entrances: &[OwnedFd]) -> Result<(), Failure> {
    for entrance in entrances {
        rustix::io::write(entrance, b"0").at(Step::Limits)?;
    }
    Ok(())
}

/// Confines this process, in this order:
///
/// 1. its own process group, in front of the terminal, and its streams;
/// 2. the start directory;
/// 3. the last capability;
/// 4. the limits of each process, after everything that opens a descriptor, and none of those but the standard
///    streams outlives the start;
/// 5. Landlock, where it is this process's alone, with the filter of what namespaces would have kept apart;
/// 6. the system call filter, the listener of which goes to the broker.
fn confine(
    channel: &Channel,
    order: &Order,
    terminal: Option<&Terminal>,
    (rules, broker): (Option<Rules>, Option<Channel>),
) -> Result<(), Failure> {
    // A group of its own in the session of its parent: a group whose parents are all in other sessions
    // cannot be stopped.
    rustix::process::setpgid(None, None).at(Step::Session)?;
    if let Some(Terminal { slave, master: _ }) = terminal {
        rustix::termios::tcsetpgrp(slave, rustix::process::getpid()).at(Step::Session)?;
        for (number, is_terminal) in (0..).zip(order.terminal) {
            if is_terminal {
                sys::process::put_at(slave.as_fd(), number).at(Step::Session)?;
            }
        }
    }
    let cwd = order.plan.cwd.as_str();
    rustix::process::chdir(cwd).at_path(Step::StartDirectory, cwd)?;
    privileges::drop_all()?;
    resources::enforce(&order.inside)?;
    sys::process::close_from(3, Close::OnExec).at(Step::Session)?;
    if let Some(rules) = rules {
        rules.enforce()?;
    }
    let mut telling = if order.plan.checks_reads { Telling::SupervisorOfReads } else { Telling::Supervisor };
    if order.shape == Shape::Landlock {
        let closed = if broker.is_some() { telling } else { Telling::Nobody };
        sys::filter::install(&seccomp::assemble_closed(closed), 0).map(drop).at(Step::Seccomp)?;
        if broker::hides_inside(&order.plan) {
            telling = Telling::SupervisorOfReads;
        }
    }
    filter(channel, broker, &asking(order, telling))
}

/// Returns the filter of a command that has a broker.
fn asking(order: &Order, telling: Telling) -> Vec<Instruction> {
    match order.shape {
        Shape::Full if order.plan.names_sockets() => seccomp::assemble_named(telling),
        Shape::Full | Shape::Bubblewrap(_) => seccomp::assemble(telling),
        Shape::Landlock => seccomp::assemble_brokered(telling),
    }
}

/// Installs the filter, whose listener goes to the broker if there is to be one.
fn filter(channel: &Channel, broker: Option<Channel>, asking: &[Instruction]) -> Result<(), Failure> {
    let Some(broker) = broker else {
        let quiet = seccomp::assemble(Telling::Nobody);
        sys::filter::install(&quiet, 0).map(drop).at(Step::Seccomp)?;
        let (what, meaning) = ("broker", "names that are made later are not held, and refused calls are not told");
        return channel.send(&Message::Missing { what: what.into(), meaning: meaning.into() }, None).at(Step::Control);
    };
    filter_telling(&broker, asking)
}

/// Installs the filter, whose listener goes to the broker.
fn filter_telling(broker: &Channel, asking: &[Instruction]) -> Result<(), Failure> {
    // The broker reads the name of the first program from this memory. Nobody else is inside yet.
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).at(Step::Listener)?;
    let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let patient = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let installed = sys::filter::install(asking, listener | patient).or_else(|error| match error.raw_os_error() {
        // A kernel that does not know of the second.
        Some(libc::EINVAL) => sys::filter::install(asking, listener),
        _ => Err(error),
    });
    let listener = installed.at(Step::Listener)?;
    broker.send(&Message::Listener, listener.as_ref().map(AsFd::as_fd)).at(Step::Control)
}

/// Runs the program; returns only when that failed.
fn start(errand: &Errand) -> std::io::Error {
    let Errand { argv: words, environment: variables, ignored, .. } = errand;
    let invalid = || std::io::Error::from_raw_os_error(libc::EINVAL);
    let argv: Option<Vec<CString>> = words.iter().map(|text| c_string(text.as_bytes())).collect();
    let join = |(name, value): &(OsString, OsString)| c_string(&[name.as_bytes(), b"=", value.as_bytes()].concat());
    let environment: Option<Vec<CString>> = variables.iter().map(join).collect();
    let (Some(argv), Some(environment), Some(program)) = (argv, environment, words.first()) else {
        return invalid();
    };
    sys::signal::set_default(libc::SIGPIPE);
    ignored.iter().for_each(|signal| sys::signal::ignore(*signal));
    if let Err(error) = sys::signal::mask(sys::signal::How::Exactly, &sys::signal::Set::of(&[])) {
        return error;
    }
    let mut worst = std::io::Error::from_raw_os_error(libc::ENOENT);
    for candidate in candidates(program, variables) {
        let Some(candidate) = c_string(candidate.as_bytes()) else { return invalid() };
        // A start is a question to the broker, whose answer would be the same.
        if let Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) =
            rustix::fs::access(&candidate, rustix::fs::Access::EXISTS)
        {
            continue;
        }
        let error = sys::process::exec(&candidate, &argv, &environment);
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => {}
            // Another directory may have one that may be run.
            Some(libc::EACCES) => worst = error,
            _ => return error,
        }
    }
    worst
}

/// Returns where a program may be: itself when it has a slash, else its name in each directory.
fn candidates(program: &OsStr, environment: &[(OsString, OsString)]) -> Vec<OsString> {
    if program.as_bytes().contains(&b'/') || program.is_empty() {
        return vec![program.to_owned()];
    }
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
    let directories = path.unwrap_or(OsStr::new(DEFAULT_PATH)).as_bytes().split(|byte| *byte == b':');
    // An empty entry means the current directory elsewhere; here it means nothing, and neither does one
    // that is relative.
    let absolute = directories.filter(|directory| directory.starts_with(b"/"));
    absolute.map(|directory| OsString::from_vec([directory, b"/", program.as_bytes()].concat())).collect()
}

fn c_string(bytes: &[u8]) -> Option<CString> {
    CString::new(bytes).ok()
}
