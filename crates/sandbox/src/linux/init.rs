//! The first process inside: builds the boundary, starts the command, reaps, and ends with it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitOptions};

use super::broker::{Broker, Told};
use super::control::{Channel, Received};
use super::failure::{At, Failure};
use super::landlock::{self, Rules};
use super::mount::{self, Held};
use super::pty::{self, Terminal};
use super::tree::Identity;
use super::{boundary, doors, inputs, namespaces, privileges, target, template};
use crate::error::Step;
use crate::limits::{GRACE_MS, LATE_MS};
use crate::shape::Shape;
use crate::sys;
use crate::sys::process::Fork;
use crate::wire::{Message, Order, Request, Waits};

/// Is the first process inside. Its end is the end of everything inside: the kernel sees to it.
pub(super) fn init_main(channel: &Arc<Channel>, order: &Order, (outer, entrances): (&Channel, &[OwnedFd])) -> ! {
    let ready = target::enter(entrances).and_then(|()| build(channel, order, outer));
    let why = match (order.waits, ready) {
        (Waits::Not, ready) => conduct(channel, order, ready),
        (Waits::Built, Ok(ready)) => match template::wait_built(channel, order, ready) {
            Ok(Some((order, ready))) => {
                let ready = with_terminal(channel, &order, ready);
                conduct(channel, &order, ready)
            }
            Ok(None) => None,
            Err(failure) => conduct(channel, order, Err(failure)),
        },
        (Waits::Confined, Ok(ready)) => see_through(channel, template::wait_confined(channel, order, ready)),
        (Waits::Built | Waits::Confined, Err(failure)) => conduct(channel, order, Err(failure)),
    };
    if let Some(why) = why {
        let _ = channel.send(&why, None);
        // A group that this process is in is not empty before it is gone.
        if order.waits != Waits::Not || !order.inside.has_group && entrances.is_empty() {
            end_all(channel);
        }
    }
    sys::process::exit_now(0)
}

/// Ends everything in this process namespace, and says that nothing is left: who waits for that need not wait until the
/// kernel has taken this process down too.
fn end_all(channel: &Channel) {
    if rustix::process::getpid() != Pid::INIT {
        return;
    }
    // Whoever is inside has it for an ancestor, and mostly there is nobody any more; ending all looks at every process of
    // the machine.
    if !matches!(rustix::process::wait(WaitOptions::NOHANG), Err(rustix::io::Errno::CHILD)) {
        sys::signal::kill_all_within_reach();
    }
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CHILD) => {
                let _ = channel.send(&Message::Gone, None);
                return;
            }
            Err(_) => return,
        }
    }
}

/// Starts the command when all stands, and watches it to its end. Returns how it ended; `None` when that is
/// told already, or there is nobody to tell.
pub(super) fn conduct(channel: &Arc<Channel>, order: &Order, ready: Result<Ready, Failure>) -> Option<Message> {
    see_through(channel, ready.and_then(|ready| start(channel, order, ready)))
}

/// Watches a command that runs to its end.
fn see_through(channel: &Arc<Channel>, started: Result<Option<Watched>, Failure>) -> Option<Message> {
    match started {
        Ok(Some(watched)) => {
            let why = watch(channel, &watched);
            if let Some(told) = &watched.told {
                told.flush(channel);
            }
            why
        }
        // The command's process has told why it could not start.
        Ok(None) => None,
        Err(failure) => {
            boundary::report(channel, failure);
            None
        }
    }
}

/// What stands when the command can be started.
#[derive(Debug)]
pub(super) struct Ready {
    terminal: Option<Terminal>,
    rules: Rules,
    held: Held,
    /// What is told before the command starts.
    notes: Vec<Message>,
    /// The groups that the command enters by itself.
    groups: Groups,
    /// The sockets of the proxy.
    doors: doors::Open,
}

/// The control groups of a command whose first process is not in them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// The directory of one of version 2, in which the command is born.
    pub(super) birthplace: Option<OwnedFd>,
    /// The files by which it enters those of version 1.
    pub(super) entrances: Vec<OwnedFd>,
}

impl Ready {
    /// Returns the same with the sockets of the proxy.
    pub(super) fn with_doors(self, doors: doors::Open) -> Self {
        Self { doors, ..self }
    }

    /// Returns the same for a command that enters these groups and has the streams that this process has now.
    pub(super) fn for_command(self, groups: Groups) -> Result<Self, Failure> {
        Ok(Self { groups, rules: self.rules.with_streams()?, ..self })
    }

    /// Returns a path that is not as it was when the boundary was built.
    pub(super) fn changed(&self) -> Option<String> {
        self.held.changed()
    }

    /// Returns the Landlock version that the rules were made for.
    pub(super) fn abi(&self) -> u32 {
        self.rules.abi
    }
}

/// The command's process, with everything that watches it.
#[derive(Debug)]
pub(super) struct Standing {
    command: Pid,
    children: OwnedFd,
    mounts: OwnedFd,
    held: Held,
    told: Option<Told>,
    /// What is told before the command starts.
    notes: Vec<Message>,
    /// It ends when the program runs.
    started: OwnedFd,
    /// Leads to the command's process.
    inner: Option<Channel>,
    abi: u32,
    /// The sockets of the proxy.
    doors: doors::Open,
}

impl Standing {
    /// Returns a path that is not as it was when the boundary was built.
    pub(super) fn changed(&self) -> Option<String> {
        self.held.changed()
    }

    /// Hands the sockets of the proxy out before the command's process hears of its command.
    pub(super) fn hand_out_doors(&mut self, channel: &Channel) -> Result<(), Failure> {
        std::mem::take(&mut self.doors).hand_out(channel)
    }

    /// Returns what leads to the command's process.
    pub(super) fn inner(&self) -> Result<&Channel, Failure> {
        self.inner.as_ref().ok_or(rustix::io::Errno::NOTCONN).at(Step::Template)
    }
}

/// What is watched while the command runs.
#[derive(Debug)]
pub(super) struct Watched {
    command: Pid,
    children: OwnedFd,
    mounts: OwnedFd,
    held: Held,
    /// What the broker refused.
    told: Option<Told>,
    /// When everything ends, should the launcher not see to it.
    deadline: Option<Instant>,
}

/// Builds the boundary, in this order:
///
/// 1. die with the boundary process;
/// 2. in the command's groups by now, the namespace of control groups, mounts, and the files given for reading opened inside them;
/// 3. the network namespace, which the boundary process has made meanwhile, and the sockets of the proxy;
/// 4. what every tier has.
fn build(channel: &Channel, order: &Order, outer: &Channel) -> Result<Ready, Failure> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Init)?;
    rustix::thread::set_name(c"palisade: init").at(Step::Init)?;
    namespaces::enter_group()?;
    let inputs = inputs::find(&order.plan)?;
    let mut held = mount::build(&order.plan, order.brokered, order.inside.private_bytes)?;
    inputs::bring_inside(&inputs)?;
    namespaces::enter_network(outer)?;
    let doors = doors::open(&order.plan, held.take_sockets())?;
    Ok(furnish(channel, order, held)?.with_doors(doors))
}

/// Builds what every tier has, in this order:
///
/// 1. a session keyring of its own;
/// 2. the terminal, if there is to be one, which the launcher sets up;
/// 3. drop every privilege, but in a user namespace of our own the one to look at the command's processes;
/// 4. make the Landlock rules.
pub(super) fn furnish(channel: &Channel, order: &Order, held: Held) -> Result<Ready, Failure> {
    let not_present = held.not_present().iter().map(|path| Message::NotPresent { path: path.clone() });
    let mut notes: Vec<Message> = not_present.collect();
    if sys::kernel::new_session_keyring().is_err() {
        let (what, meaning) = ("session-keyring", "only the system call filter keeps the session's keys apart");
        notes.push(Message::Missing { what: what.into(), meaning: meaning.into() });
    }
    let terminal = if order.terminal.contains(&true) { Some(make_terminal(channel)?) } else { None };
    match order.shape {
        Shape::Full => privileges::drop_but_looking()?,
        Shape::Bubblewrap(_) | Shape::Landlock => privileges::drop_what_is_left()?,
    }
    let (rules, missing) = landlock::rules_for(order)?;
    let missing = missing.into_iter().map(|missing| Message::Missing { what: missing.what, meaning: missing.meaning });
    notes.extend(missing);
    Ok(Ready { terminal, rules, held, notes, groups: Groups::default(), doors: doors::Open::default() })
}

/// Makes the terminal of a command that came when all stood.
fn with_terminal(channel: &Channel, order: &Order, ready: Ready) -> Result<Ready, Failure> {
    let terminal = if order.terminal.contains(&true) { Some(make_terminal(channel)?) } else { None };
    Ok(Ready { terminal, ..ready })
}

/// Makes the terminal and waits until the launcher has given it its size and settings.
fn make_terminal(channel: &Channel) -> Result<Terminal, Failure> {
    let terminal = pty::open()?;
    channel.send(&Message::Terminal, Some(terminal.master.as_fd())).at(Step::Control)?;
    match channel.receive().at(Step::Control)? {
        Some(Received { message: Request::Start, descriptor: _ }) => Ok(terminal),
        Some(Received { message: Request::Signal { .. } | Request::Take { .. }, descriptor: _ }) | None => {
            Err(rustix::io::Errno::PIPE).at(Step::Control)
        }
    }
}

/// Starts the command. `None` when it could not be started and has said why.
fn start(channel: &Arc<Channel>, order: &Order, ready: Ready) -> Result<Option<Watched>, Failure> {
    match stand(channel, order, ready)? {
        Some(standing) => follow(channel, order.inside.wall_ms, standing),
        None => Ok(None),
    }
}

/// Makes the command's process in a session of its own, with its terminal, and the broker that acts for it. `None` when
/// that has failed and was said.
///
/// Landlock is enforced on this process: the command and the broker inherit it and are under the same rules. Without
/// a process namespace the command's process has rules of its own below those, so that it cannot signal this one.
pub(super) fn stand(channel: &Arc<Channel>, order: &Order, ready: Ready) -> Result<Option<Standing>, Failure> {
    let Ready { terminal, rules, held, notes, groups, doors } = ready;
    let abi = rules.abi;
    let children = sys::signal::descriptor(&sys::signal::Set::of(&[libc::SIGCHLD])).at(Step::Watch)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let mounts = rustix::fs::open("/proc/self/mountinfo", flags, Mode::empty()).at(Step::Watch)?;
    // Before the command runs: what is lost from here on is told.
    let held = held.reachable();
    let named = held.named();
    let (started, starting) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).at(Step::Fork)?;
    rustix::process::setsid().at(Step::Session)?;
    if let Some(Terminal { slave, master: _ }) = &terminal {
        rustix::process::ioctl_tiocsctty(slave).at(Step::Session)?;
    }
    let rules = match order.shape {
        Shape::Full | Shape::Bubblewrap(_) => {
            rules.enforce()?;
            None
        }
        Shape::Landlock => {
            let mut rules = rules;
            rules.enforce_around()?;
            Some(rules)
        }
    };
    let (ours, theirs) = if order.brokered { Channel::pair().map(split).at(Step::Broker)? } else { (None, None) };
    let command = match boundary::fork_init(groups.birthplace.as_ref()).at(Step::Fork)? {
        Fork::Child => {
            drop((started, ours));
            let (broker, entrances) = (theirs, groups.entrances);
            let inheritance = target::Inheritance { terminal, rules, broker, entrances, failing: starting };
            target::target_main(channel, order, inheritance)
        }
        Fork::Parent(pid) => pid,
    };
    drop((starting, terminal, rules, theirs, groups));
    boundary::release_streams().at(Step::Fork)?;
    let told = match &ours {
        Some(ours) => match start_broker(channel, order, (ours, named), command)? {
            Some(told) => Some(told),
            None => return Ok(None),
        },
        None => None,
    };
    Ok(Some(Standing { command, children, mounts, held, told, notes, started, inner: ours, abi, doors }))
}

/// Waits until the command's program runs, and says so. `None` when it does not, which its process has said.
pub(super) fn follow(channel: &Channel, wall_ms: Option<u64>, standing: Standing) -> Result<Option<Watched>, Failure> {
    let Standing { command, children, mounts, held, told, notes, started, inner, abi, doors } = standing;
    drop(inner);
    // Whatever connects before somebody serves them waits.
    doors.hand_out(channel)?;
    // The other end closes when the program runs.
    let mut byte = [0];
    if rustix::io::retry_on_intr(|| rustix::io::read(&started, &mut byte)).at(Step::Fork)? > 0 {
        return Ok(None);
    }
    for note in &notes {
        channel.send(note, None).at(Step::Control)?;
    }
    channel.send(&Message::Started { landlock_abi: abi }, None).at(Step::Control)?;
    let deadline = wall_ms.and_then(|wall| Instant::now().checked_add(late(wall)));
    Ok(Some(Watched { command, children, mounts, held, told, deadline }))
}

/// Starts the broker once the command has sent the listener; `None` when one of them has said why not.
fn start_broker(
    channel: &Arc<Channel>,
    order: &Order,
    (ours, named): (&Channel, Option<Vec<Identity>>),
    command: Pid,
) -> Result<Option<Told>, Failure> {
    // While the command's process confines itself.
    let rules = Broker::rules(&order.plan);
    let Some(Received { message: _, descriptor: Some(listener) }) = ours.receive::<Message>().at(Step::Broker)? else {
        return Ok(None);
    };
    // Until a failure is told the command waits: it would tell of the listener's end.
    let waits = listener.try_clone().map_err(|_| rustix::io::Errno::MFILE).at(Step::Broker)?;
    let broker = rules.and_then(|rules| match order.shape {
        Shape::Full | Shape::Bubblewrap(_) => {
            Broker::new((&order.plan, rules), Arc::clone(channel), listener).map(|broker| broker.naming(named))
        }
        Shape::Landlock => Broker::apart((&order.plan, rules), Arc::clone(channel), listener, command),
    });
    let broker = match broker {
        Ok(broker) => broker,
        Err(failure) => {
            boundary::report(channel, failure);
            drop(waits);
            return Ok(None);
        }
    };
    let told = broker.told();
    let thread = std::thread::Builder::new().name("palisade: broker".to_owned());
    thread.spawn(move || broker.serve()).map(drop).at(Step::Broker)?;
    Ok(Some(told))
}

fn split((ours, theirs): (Channel, Channel)) -> (Option<Channel>, Option<Channel>) {
    (Some(ours), Some(theirs))
}

/// Returns how long the first process inside waits for the launcher to end the command: the command can stop the
/// launcher by stopping itself.
fn late(wall_ms: u64) -> Duration {
    Duration::from_millis(wall_ms.saturating_add(GRACE_MS).saturating_add(LATE_MS))
}

/// Reaps, passes signals on, and returns how the command ended; `None` when the launcher is gone, so that
/// nobody may go on.
fn watch(channel: &Channel, watched: &Watched) -> Option<Message> {
    let failed = |error: rustix::io::Errno| Message::Failed {
        step: Step::Watch.name().to_owned(),
        path: None,
        errno: error.raw_os_error(),
    };
    // What was replaced before the list of mounts was opened raises no event.
    if let Some(path) = watched.held.lost_before() {
        return Some(replaced(path));
    }
    loop {
        let mut ready = [
            PollFd::new(&watched.children, PollFlags::IN),
            PollFd::new(channel, PollFlags::IN),
            PollFd::new(&watched.mounts, PollFlags::PRI),
        ];
        let left = watched.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Some(Message::Ended { why: "the time is over, and the launcher is stopped".to_owned() });
        }
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut ready, timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Some(failed(error)),
        }
        let [children, requests, mounts] = ready.map(|fd| !fd.revents().is_empty());
        if mounts && let Some(end) = lost(&watched.held) {
            return Some(end);
        }
        if children {
            while sys::signal::next(&watched.children).is_some() {}
            if let Some(end) = reap(channel, watched.command) {
                return Some(end);
            }
        }
        if requests && !pass_on(channel, watched.command) {
            return None;
        }
    }
}

/// Returns the end that the command must come to when a held path lost its mount.
fn lost(held: &Held) -> Option<Message> {
    held.lost().map(replaced)
}

fn replaced(path: &str) -> Message {
    Message::Ended { why: format!("`{path}` was replaced on the host, which ends its protection") }
}

/// Reaps every process that ended. Returns the command's end.
fn reap(channel: &Channel, command: Pid) -> Option<Message> {
    loop {
        let (pid, status) = rustix::process::wait(WaitOptions::NOHANG | WaitOptions::UNTRACED).ok()??;
        if pid != command {
            continue;
        }
        if let Some(code) = status.exit_status() {
            return Some(Message::Exited { code: u8::try_from(code & 0xff).unwrap_or(u8::MAX) });
        }
        if let Some(signal) = status.terminating_signal() {
            return Some(Message::Signaled { signal });
        }
        if let Some(signal) = status.stopping_signal() {
            let _ = channel.send(&Message::Stopped { signal }, None);
        }
    }
}

/// Passes a request on. Returns false when there is nobody to make any.
fn pass_on(channel: &Channel, command: Pid) -> bool {
    match channel.receive() {
        Ok(Some(Received { message: Request::Signal { signal }, descriptor: _ })) => {
            sys::signal::send_to_group(command.as_raw_pid(), signal);
            true
        }
        Ok(Some(Received { message: Request::Start | Request::Take { .. }, descriptor: _ })) => true,
        Ok(None) | Err(_) => false,
    }
}
