//! The launcher while the command runs: one loop over the control socket, signals, notifications and the
//! terminal.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

use policy::controls::limits::Resource;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::advice;
use super::control::{Channel, Received};
use super::failure::{At, Failure};
use super::output::Output;
use super::resources::Resources;
use super::terminal::{Keys, Relay};
use crate::doors::{Attention, Doors, GIVE_BACK, Outlet, TAKE};
use crate::error::{Error, Step};
use crate::limits::{GRACE_MS, LAST_OUTPUT_MS, REFUSALS_MAX, SAID_BYTES_MAX};
use crate::plan::Invocation;
use crate::report::{CANNOT_SHOW, CANNOT_SHOW_CALLS, CANNOT_SHOW_CLOSED, Checked, Exit, LateReads, Layer};
use crate::report::{Missing, Refused, Report};
use crate::sys;
use crate::sys::signal::{How, Set};
use crate::tier::Tier;
use crate::wire::{Door, Message, Request};

/// Signals that go on to the command.
const PASSED_ON: [i32; 9] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    libc::SIGCONT,
    libc::SIGTSTP,
];

/// Caught signals. The mask from before is back when this ends.
#[derive(Debug)]
pub(super) struct Signals {
    descriptor: OwnedFd,
    before: Set,
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = sys::signal::mask(How::Exactly, &self.before);
    }
}

/// Blocks the signals that go on to the command. One that the caller ignores stays ignored: that is how
/// `nohup` works.
pub(super) fn catch_signals() -> Result<Signals, Failure> {
    let passed: Vec<i32> = PASSED_ON.into_iter().filter(|signal| !sys::signal::is_ignored(*signal)).collect();
    let descriptor = sys::signal::descriptor(&Set::of(&passed)).at(Step::Signals)?;
    // The last two would stop us when the terminal is another program's; we look before we use it.
    let blocked: Vec<i32> = passed.into_iter().chain([libc::SIGTTIN, libc::SIGTTOU]).collect();
    let before = sys::signal::mask(How::Block, &Set::of(&blocked)).at(Step::Signals)?;
    Ok(Signals { descriptor, before })
}

/// A started boundary.
#[derive(Debug)]
pub(super) struct Supervised<'a> {
    pub(super) process: Process,
    pub(super) channel: Channel,
    /// By which those who serve the proxy's sockets ask for the person's terminal, if they serve already.
    pub(super) attention: Option<UnixStream>,
    pub(super) signals: Signals,
    pub(super) own_terminal: [bool; 3],
    pub(super) start: Instant,
    pub(super) invocation: &'a Invocation,
    pub(super) tier: Tier,
    /// What the tier lacks.
    pub(super) lacks: Vec<Missing>,
    /// Held paths that were not there before the start.
    pub(super) not_present: Vec<String>,
    pub(super) resources: Resources,
    pub(super) output: Option<Output>,
}

/// The boundary process, which ends when everything inside is gone.
#[derive(Debug)]
pub(super) enum Process {
    /// Our own child.
    Child(Child),
    /// A holder's child.
    Taken(OwnedFd),
}

impl Process {
    /// Takes leave of it, when nobody need wait for its end.
    fn leave(self) -> Option<Self> {
        if let Self::Child(child) = self {
            sys::process::reap_later(child);
        }
        None
    }

    /// Waits until it is gone, and says how it ended. When nothing is left inside there is only the kernel's work on the
    /// namespaces, which takes about as long as making them.
    fn wait(&mut self, is_gone: bool) -> String {
        match self {
            Self::Taken(_) if is_gone => "nothing is left".to_owned(),
            Self::Child(_) if is_gone => "nothing is left".to_owned(),
            Self::Child(child) => child.wait().map_or_else(|error| error.to_string(), |status| status.to_string()),
            Self::Taken(process) => {
                let mut ended = [PollFd::new(process, PollFlags::IN)];
                match rustix::io::retry_on_intr(|| poll(&mut ended, None)) {
                    Ok(_) => "the held boundary ended".to_owned(),
                    Err(error) => error.to_string(),
                }
            }
        }
    }
}

/// What was learnt so far.
#[derive(Debug, Default)]
struct Learnt {
    refused: Vec<Refused>,
    refused_more: u64,
    not_present: Vec<String>,
    missing: Vec<Missing>,
    /// What the checks of openings cost so far.
    checked: Option<Checked>,
    /// The Landlock version, once the program runs, and when that was heard.
    started: Option<(u32, Instant)>,
    end: Option<End>,
    /// Whether nothing is left inside.
    is_gone: bool,
}

impl Learnt {
    /// Takes a refusal in; one that is known comes with a higher count.
    fn refused(&mut self, refused: Refused) {
        let is_same = |row: &&mut Refused| row.what == refused.what && row.program == refused.program;
        if let Some(row) = self.refused.iter_mut().find(is_same) {
            row.times = row.times.max(refused.times);
        } else if self.refused.len() < REFUSALS_MAX {
            self.refused.push(refused);
        } else {
            self.refused_more = self.refused_more.saturating_add(1);
        }
    }
}

/// How it ended.
#[derive(Debug)]
enum End {
    Exit(Exit),
    ByBoundary(String),
    Failed(Failure),
    NotStarted(i32),
}

#[derive(Debug)]
struct Loop<'a> {
    channel: Channel,
    signals: &'a Signals,
    own_terminal: [bool; 3],
    relay: Option<Relay>,
    /// Signals that came before the program ran.
    early: Vec<i32>,
    learnt: Learnt,
    /// The sockets of the proxy that have come.
    doors: Vec<(Door, OwnedFd)>,
    /// Who serves them.
    outlet: Option<&'a dyn Outlet>,
    /// By which those ask for the person's terminal.
    attention: Option<UnixStream>,
    /// Whether they have it.
    is_taken: bool,
    /// What the command prints, when that is limited.
    output: Option<Output>,
    /// When the command has had its time.
    deadline: Option<Instant>,
    /// The limit that ends the command, and when there is no more patience.
    ending: Option<(Resource, Instant)>,
}

/// Supervises until everything inside is gone.
pub(super) fn supervise(supervised: Supervised<'_>) -> Result<Report, Error> {
    let Supervised { mut process, channel, attention, signals, own_terminal, start, invocation, tier, .. } = supervised;
    let Supervised { lacks, not_present, resources, output, .. } = supervised;
    let deadline = resources.wall.and_then(|wall| start.checked_add(wall));
    let learnt = Learnt { missing: lacks, not_present, ..Learnt::default() };
    let mut state = Loop {
        channel,
        signals: &signals,
        own_terminal,
        relay: None,
        early: Vec::new(),
        learnt,
        doors: Vec::new(),
        outlet: invocation.outlet.as_deref(),
        attention,
        is_taken: false,
        output,
        deadline,
        ending: None,
    };
    let result = state.turns();
    let Loop { channel, relay, mut learnt, mut output, ending, .. } = state;
    // Without this socket the boundary ends, whatever it was doing.
    drop(channel);
    let status = process.wait(learnt.is_gone);
    let process = if learnt.is_gone { process.leave() } else { Some(process) };
    if let Some(relay) = relay {
        last_output(relay, output.as_mut());
    }
    if let Some(output) = &mut output {
        output.finish();
    }
    let is_over = output.is_some_and(|output| output.is_over());
    let ended = ending.map(|(resource, _)| resource).or(is_over.then_some(Resource::Output));
    if learnt.end.is_none() && resources.is_out_of_memory() {
        learnt.end =
            Some(End::ByBoundary("there was no more memory, and the kernel ended everything inside".to_owned()));
    }
    result.map_err(advice::with_fix)?;
    let lost = || Error::Lost(status);
    let limited = Limited { resources, ended };
    conclude(learnt, limited, own_terminal, (start, invocation, tier)).unwrap_or_else(|| match process.and_then(said) {
        Some(said) => {
            Err(Error::Step { step: Step::Bubblewrap, path: None, source: std::io::Error::other(said), fix: None })
        }
        None => Err(lost()),
    })
}

/// Returns what the program in between said of its failure.
fn said(process: Process) -> Option<String> {
    use std::io::Read;
    let Process::Child(mut child) = process else { return None };
    let mut text = Vec::new();
    child.stderr.take()?.take(SAID_BYTES_MAX).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text).trim().replace('\n', "; ");
    (!text.is_empty()).then_some(text)
}

impl Loop<'_> {
    /// Turns until the control socket ends.
    fn turns(&mut self) -> Result<(), Failure> {
        loop {
            let ready = self.wait().at(Step::Watch)?;
            if ready.attention {
                self.attend();
            }
            if let (false, Some(relay)) = (self.is_taken, &mut self.relay) {
                relay.pump(ready.outer, ready.inner, self.output.as_mut());
            }
            if let Some(output) = &mut self.output {
                output.pump();
            }
            if self.learnt.is_gone || self.is_time_up() {
                return Ok(());
            }
            if ready.signals {
                self.pass_signals();
            }
            if ready.control {
                match self.channel.receive().at(Step::Control)? {
                    Some(received) => self.learn(received)?,
                    None => return Ok(()),
                }
            }
        }
    }

    fn wait(&self) -> rustix::io::Result<Ready> {
        let mut fds =
            vec![PollFd::new(&self.channel, PollFlags::IN), PollFd::new(&self.signals.descriptor, PollFlags::IN)];
        if let Some(attention) = &self.attention {
            fds.push(PollFd::new(attention, PollFlags::IN));
        }
        // Who has the terminal asks and hears alone.
        let relay = self.relay.as_ref().filter(|_| !self.is_taken);
        if let Some(relay) = relay {
            let interest = relay.interest();
            let [outer, inner] = relay.descriptors();
            fds.push(PollFd::from_borrowed_fd(outer, interest.outer));
            fds.push(PollFd::from_borrowed_fd(inner, interest.inner));
        }
        if let Some(output) = &self.output {
            let lanes = output.interest();
            fds.extend(lanes.into_iter().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        }
        let until = self.ending.map(|(_, until)| until).or(self.deadline);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        rustix::io::retry_on_intr(|| poll(&mut fds, timeout.as_ref()))?;
        let mut events = fds.iter().map(PollFd::revents);
        let mut next = || events.next().unwrap_or(PollFlags::empty());
        let (control, signals) = (!next().is_empty(), !next().is_empty());
        let attention = self.attention.is_some() && !next().is_empty();
        let (outer, inner) = if relay.is_some() { (next(), next()) } else { (PollFlags::empty(), PollFlags::empty()) };
        Ok(Ready { control, signals, attention, outer, inner })
    }

    fn learn(&mut self, received: Received<Message>) -> Result<(), Failure> {
        let Received { message, descriptor } = received;
        match (message, descriptor) {
            (Message::Terminal, Some(master)) => return self.set_up_terminal(master),
            (Message::Door { door, is_last }, Some(socket)) => {
                self.doors.push((door, socket));
                if is_last {
                    self.open_doors()?;
                }
            }
            (Message::Terminal | Message::Door { .. }, None)
            | (Message::Listener | Message::Network | Message::Waiting | Message::Taken, _) => {
                return Err(rustix::io::Errno::BADMSG).at(Step::Control);
            }
            (Message::Refused { what, program, command, by, times }, _) => {
                self.learnt.refused(Refused { what, program, command, by, times });
            }
            (Message::RefusedMore { times }, _) => self.learnt.refused_more = times,
            (Message::Reads { opened, micros }, _) => {
                self.learnt.checked = Some(Checked { opened, took: Duration::from_micros(micros) });
            }
            (Message::NotPresent { path }, _) => self.learnt.not_present.push(path),
            (Message::Missing { what, meaning }, _) => self.learnt.missing.push(Missing { what, meaning }),
            (Message::Started { landlock_abi }, _) => {
                self.learnt.started = Some((landlock_abi, Instant::now()));
                std::mem::take(&mut self.early).into_iter().for_each(|signal| self.signal(signal));
            }
            (Message::Stopped { signal: _ }, _) => self.suspend(),
            (Message::Gone, _) => self.learnt.is_gone = true,
            (Message::Exited { code }, _) => self.end(End::Exit(Exit::Code(code))),
            (Message::Signaled { signal }, _) => self.end(End::Exit(Exit::Signal(signal))),
            (Message::Ended { why }, _) => self.end(End::ByBoundary(why)),
            (Message::NotStarted { errno }, _) => self.end(End::NotStarted(errno)),
            (Message::Failed { step, path, errno }, _) => {
                let step = Step::parse(&step).unwrap_or(Step::Watch);
                self.end(End::Failed(Failure { step, path, errno }));
            }
        }
        Ok(())
    }

    /// Hands the sockets of the proxy to who serves them. Where that fails the command does not start: without the
    /// control socket the boundary ends.
    fn open_doors(&mut self) -> Result<(), Failure> {
        self.attention = Some(open_doors(std::mem::take(&mut self.doors), self.outlet)?);
        Ok(())
    }

    /// Lets somebody have the person's terminal, or takes it back.
    fn attend(&mut self) {
        use std::io::{Read, Write};
        let Some(stream) = &mut self.attention else { return };
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) if byte == [TAKE] => {
                if let Some(relay) = &mut self.relay {
                    relay.restore();
                }
                self.is_taken = true;
                // Where nobody hears it, the end of the stream is next.
                let _ = stream.write_all(&byte);
            }
            Ok(1) if byte == [GIVE_BACK] => self.take_back(),
            Ok(_) | Err(_) => {
                self.attention = None;
                self.take_back();
            }
        }
    }

    fn take_back(&mut self) {
        self.is_taken = false;
        if let Some(relay) = &mut self.relay {
            relay.resume();
            relay.resize();
        }
    }

    /// The first end counts.
    fn end(&mut self, end: End) {
        self.learnt.end.get_or_insert(end);
    }

    /// Ends the command when a limit is reached. Returns true when it has had its grace.
    fn is_time_up(&mut self) -> bool {
        let now = Instant::now();
        if let Some((_, until)) = self.ending {
            return now >= until;
        }
        let is_late = self.deadline.is_some_and(|deadline| now >= deadline);
        let is_over = self.output.as_ref().is_some_and(Output::is_over);
        let reached = is_over.then_some(Resource::Output).or(is_late.then_some(Resource::Wall));
        if let Some(resource) = reached {
            self.ending = Some((resource, now + Duration::from_millis(GRACE_MS)));
            self.signal(libc::SIGTERM);
            // A stopped one would learn of it never.
            self.signal(libc::SIGCONT);
        }
        false
    }

    fn set_up_terminal(&mut self, master: OwnedFd) -> Result<(), Failure> {
        let keys = Keys::choose(self.own_terminal);
        self.relay = Some(Relay::new(master, self.own_terminal, keys).at(Step::Pty)?);
        self.channel.send(&Request::Start, None).at(Step::Control)
    }

    fn pass_signals(&mut self) {
        while let Some(signal) = sys::signal::next(&self.signals.descriptor) {
            match (signal, &mut self.relay) {
                // The kernel tells the command when its own terminal's size changes.
                (libc::SIGWINCH, Some(relay)) => relay.resize(),
                (libc::SIGCONT, Some(relay)) => {
                    if !self.is_taken {
                        relay.resume();
                    }
                    relay.resize();
                    self.signal(libc::SIGCONT);
                }
                _ => self.signal(signal),
            }
        }
    }

    /// Sends a signal on, or keeps it until there is a program to have it.
    fn signal(&mut self, signal: i32) {
        if self.learnt.started.is_none() {
            if !self.early.contains(&signal) {
                self.early.push(signal);
            }
            return;
        }
        // When this fails the boundary is ending, and the control socket says so next.
        let _ = self.channel.send(&Request::Signal { signal }, None);
    }

    /// The command is stopped: so are we, until someone continues us. Nobody else of our process group is
    /// stopped, since the command must not be able to stop other processes of the host.
    fn suspend(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.restore();
        }
        let stop = Set::of(&[libc::SIGTSTP]);
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::TSTP);
        // Here we stop. Where nobody could continue us the kernel takes the signal away instead.
        let _ = sys::signal::mask(How::Unblock, &stop);
        let _ = sys::signal::mask(How::Block, &stop);
        if let Some(relay) = &mut self.relay {
            if !self.is_taken {
                relay.resume();
            }
            relay.resize();
        }
        self.signal(libc::SIGCONT);
    }
}

/// Hands the sockets of the proxy to who serves them, and returns by what these ask for the person's terminal.
pub(super) fn open_doors(sockets: Vec<(Door, OwnedFd)>, outlet: Option<&dyn Outlet>) -> Result<UnixStream, Failure> {
    let (ours, theirs) = UnixStream::pair().at(Step::Doors)?;
    let (Some(doors), Some(outlet)) = (doors(sockets, Attention(theirs)), outlet) else {
        return Err(rustix::io::Errno::BADMSG).at(Step::Control);
    };
    outlet.open(doors).at(Step::Doors)?;
    Ok(ours)
}

/// Returns the sockets of the proxy by what they are for; `None` without one for its clients.
fn doors(sockets: Vec<(Door, OwnedFd)>, attention: Attention) -> Option<Doors> {
    let (mut clients, mut names, mut captured) = (None, None, Vec::new());
    let (mut hatches, mut calls, mut owners) = (Vec::new(), Vec::new(), None);
    for (door, socket) in sockets {
        match door {
            Door::Clients => clients = Some(socket.into()),
            Door::Names => names = Some(socket.into()),
            Door::Captured => captured.push(socket.into()),
            Door::Hatch(number) => hatches.push((number, socket)),
            Door::Call => calls.push(socket),
            Door::Owners => owners = Some(socket),
        }
    }
    Some(Doors { clients: clients?, names, captured, hatches, calls, owners, attention })
}

/// What is ready.
#[derive(Debug, Clone, Copy)]
struct Ready {
    control: bool,
    signals: bool,
    attention: bool,
    outer: PollFlags,
    inner: PollFlags,
}

/// Moves what the command wrote last, for as long as the terminal takes it.
fn last_output(mut relay: Relay, mut output: Option<&mut Output>) {
    let mut deadline = Instant::now() + Duration::from_millis(LAST_OUTPUT_MS);
    while relay.has_output() {
        let interest = relay.interest();
        let [outer, inner] = relay.descriptors();
        let outer_events = interest.outer & PollFlags::OUT;
        let inner_events = interest.inner & PollFlags::IN;
        let mut fds = [PollFd::from_borrowed_fd(outer, outer_events), PollFd::from_borrowed_fd(inner, inner_events)];
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(timeout) = Timespec::try_from(left) else { return };
        match rustix::io::retry_on_intr(|| poll(&mut fds, Some(&timeout))) {
            Ok(ready) if ready > 0 => {}
            Ok(_) | Err(_) => return,
        }
        let [outer, inner] = fds.map(|fd| fd.revents());
        relay.pump(outer & PollFlags::OUT, inner, output.as_deref_mut());
        deadline = Instant::now() + Duration::from_millis(LAST_OUTPUT_MS);
    }
}

/// What was limited, and which limit ended the command.
struct Limited {
    resources: Resources,
    ended: Option<Resource>,
}

/// Makes the report; `None` when the boundary never said how it ended.
fn conclude(
    learnt: Learnt,
    limited: Limited,
    own_terminal: [bool; 3],
    (start, invocation, tier): (Instant, &Invocation, Tier),
) -> Option<Result<Report, Error>> {
    let Learnt { refused, refused_more, not_present, mut missing, checked, started, end, is_gone: _ } = learnt;
    let Limited { resources, ended } = limited;
    let by_limit = ended.map(ended_by);
    let (exit, ended_by_boundary) = match end.or(by_limit.clone().map(End::ByBoundary))? {
        End::Exit(exit) => (exit, by_limit),
        End::ByBoundary(why) => (Exit::Signal(libc::SIGKILL), Some(why)),
        End::Failed(failure) => return Some(Err(advice::with_fix(failure))),
        End::NotStarted(errno) => {
            let program = invocation.argv.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            return Some(Err(Error::Program { program, source: std::io::Error::from_raw_os_error(errno) }));
        }
    };
    let died_of = match exit {
        Exit::Signal(signal) => Some(signal),
        Exit::Code(_) => None,
    };
    let (limits, not_held) = resources.conclude(ended, died_of);
    missing.extend(not_held);
    let terminal = own_terminal.contains(&true).then_some(Layer::OwnTerminal);
    let calls = missing.iter().any(|row| row.what == "broker").then_some(CANNOT_SHOW_CALLS);
    let (temporary, closed) = match tier {
        Tier::Full | Tier::Bubblewrap => (vec!["/tmp", "/var/tmp", "/dev/shm"], None),
        Tier::Landlock => (vec!["the directory in TMPDIR"], Some(CANNOT_SHOW_CLOSED)),
    };
    Some(Ok(Report {
        tier,
        exit,
        wall: start.elapsed(),
        enforced: tier.layers().iter().copied().chain(terminal).collect(),
        missing,
        started: started.map_or_else(|| start.elapsed(), |(_, at)| at.saturating_duration_since(start)),
        landlock_abi: started.map(|(abi, _)| abi).unwrap_or_default(),
        refused,
        refused_more,
        not_present,
        cannot_show: CANNOT_SHOW.into_iter().skip(usize::from(checked.is_some())).chain(calls).chain(closed).collect(),
        environment_dropped: invocation.environment.dropped.clone(),
        temporary,
        ended_by_boundary,
        limits,
        from_holder: false,
        late_reads: checked.map(|cost| LateReads { rules: Vec::new(), are_held: true, cost: Some(cost) }),
    }))
}

/// Says which limit ended the command.
fn ended_by(resource: Resource) -> String {
    format!("the limit on `{}` was reached", resource.name())
}
