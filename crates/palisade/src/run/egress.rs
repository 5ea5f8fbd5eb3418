//! The proxy of one command. It begins to serve when something inside first asks for a connection or a name.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context;
use audit::{Connection, Moved};
use egress::network::Network;
use egress::proxy::{
    Caller, Comes, Door, Journal, Live, Names, Nobody, Parts, Proxy, Record, Stage, System, Unrecorded, Upstream,
};
use egress::{Bounds, Place};
use guard::Stamp;
use policy::Verdict;
use policy::proof::RuleRef;
use policy::rule::List;
use rustix::event::{PollFd, PollFlags, poll};
use sandbox::{Doors, Outlet, POOL};

use crate::setup::{now_ms, open_journal};

/// Connections of a command that its report lists.
const LISTED_MAX: usize = 1000;

/// What the proxy of a command works by.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// The rules.
    pub(super) network: Network,
    /// Places that the person allowed for this command.
    pub(super) allowed: Vec<Place>,
    /// The proxy of the network around, and what goes without it, as the environment has them.
    pub(super) upstream: Option<(String, String)>,
    /// Where records are written.
    pub(super) journal: PathBuf,
    /// The decision that permits the command.
    pub(super) of: u64,
    /// The session that its records name.
    pub(super) session: String,
    /// The command, for a person.
    pub(super) command: String,
}

/// The proxy of one command.
#[derive(Debug)]
pub(super) struct Egress {
    terms: Terms,
    seen: Arc<Mutex<Seen>>,
    running: Mutex<Option<Running>>,
}

/// What came of a command's connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Each connection as it was last written down, in the order in which they came.
    pub(super) connections: Vec<Connection>,
    /// Connections beyond the bound.
    pub(super) more: u64,
    /// Why none can be served.
    pub(super) failure: Option<String>,
}

/// The thread that serves, for as long as the other end is open.
#[derive(Debug)]
struct Running {
    owner: UnixStream,
    thread: JoinHandle<()>,
}

impl Egress {
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, seen: Arc::default(), running: Mutex::new(None) }
    }

    /// Ends the proxy, and returns what it saw.
    pub(super) fn end(&self) -> Seen {
        self.stop();
        locked(&self.seen).clone()
    }

    fn stop(&self) {
        let running = locked(&self.running).take();
        if let Some(Running { owner, thread }) = running {
            drop(owner);
            if thread.join().is_err() {
                locked(&self.seen).failure.get_or_insert_with(|| "the proxy failed".to_owned());
            }
        }
    }
}

impl Outlet for Egress {
    fn open(&self, doors: Doors) -> io::Result<()> {
        // One of a boundary that was given up.
        self.stop();
        let (owner, other) = UnixStream::pair()?;
        let (terms, seen) = (self.terms.clone(), self.seen.clone());
        let thread = std::thread::Builder::new().name("palisade: proxy".to_owned());
        let thread = thread.spawn(move || {
            if let Err(error) = serve(terms, &seen, doors, other) {
                // Without anybody who serves them connections are refused by the kernel.
                locked(&seen).failure = Some(format!("{error:#}"));
            }
        })?;
        *locked(&self.running) = Some(Running { owner, thread });
        Ok(())
    }
}

/// Serves from the first connection or question on, until the owner's end is closed.
fn serve(terms: Terms, seen: &Arc<Mutex<Seen>>, doors: Doors, owner: UnixStream) -> anyhow::Result<()> {
    if !is_wanted(&doors, &owner)? {
        return Ok(());
    }
    let Terms { network, allowed, upstream, journal, of, session, command } = terms;
    let upstream = upstream.map(|(proxy, direct)| Upstream::parse(&proxy, &direct)).transpose()?;
    let mut network = network;
    network.surroundings = egress::surroundings().context("the addresses of this machine are not known")?;
    let live = Live::new(network);
    let journal = Arc::new(Recorder { journal: open_journal(&journal)?, seen: seen.clone(), of, session });
    let proxy = Proxy::new(
        &live,
        Parts {
            decider: Arc::new(Nobody),
            journal,
            resolver: Arc::new(System),
            upstream,
            pool: POOL,
            bounds: Bounds::USUAL,
        },
    );
    let caller = Caller { command, program: String::new(), allowed };
    let door = |listener, comes| Door { listener, comes, caller: caller.clone(), token: None };
    let Doors { clients, names, captured } = doors;
    let captured = captured.into_iter().map(|listener| door(listener, Comes::Anyone));
    let doors: Vec<Door> = captured.chain([door(clients, Comes::Clients)]).collect();
    let names = Names { socket: names, caller: caller.clone() };
    proxy.run_for(doors, vec![names], owner).context("the proxy cannot serve")
}

/// Waits until something inside wants the proxy; false when the owner is gone first.
fn is_wanted(doors: &Doors, owner: &UnixStream) -> io::Result<bool> {
    let captured = doors.captured.iter().map(AsFd::as_fd);
    let sockets = captured.chain([doors.clients.as_fd(), doors.names.as_fd()]);
    let mut ready = vec![PollFd::new(owner, PollFlags::IN)];
    ready.extend(sockets.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)));
    rustix::io::retry_on_intr(|| poll(&mut ready, None))?;
    Ok(ready.first().is_some_and(|owner| owner.revents().is_empty()))
}

/// Writes connections down, and keeps them for the report.
#[derive(Debug)]
struct Recorder {
    journal: audit::Journal,
    seen: Arc<Mutex<Seen>>,
    of: u64,
    session: String,
}

impl Journal for Recorder {
    fn append(&self, record: &Record) -> Result<(), Unrecorded> {
        let connection = connection(self.of, record);
        let stamp = Stamp { time_ms: now_ms(), session: &self.session, source: "run" };
        let recorded = guard::connected(&self.journal, connection.clone(), &stamp).map(drop).map_err(|_| Unrecorded);
        let mut seen = locked(&self.seen);
        if let Some(known) = seen.connections.iter_mut().find(|known| known.number == connection.number) {
            *known = connection;
        } else if seen.connections.len() < LISTED_MAX {
            seen.connections.push(connection);
        } else if connection.ended.is_none() {
            seen.more += 1;
        }
        recorded
    }
}

/// Returns a record of the proxy as the journal has it.
fn connection(of: u64, record: &Record) -> Connection {
    let Record { number, stage, way, target, address, command: _, program, rule, verdict, reason } = record;
    let ended = match stage {
        Stage::Decided => None,
        Stage::Ended { sent, received } => Some(Moved { sent: *sent, received: *received }),
    };
    let list = if *verdict == Verdict::Deny { List::Deny } else { List::Allow };
    Connection {
        of,
        number: *number,
        ended,
        way: way.name().to_owned(),
        target: target.as_ref().map(ToString::to_string),
        address: address.map(|address| address.to_string()),
        program: Some(program.clone()).filter(|program| !program.is_empty()),
        rule: rule.as_ref().map(|rule| RuleRef { text: rule.text.clone(), list, origin: rule.origin.clone() }),
        verdict: *verdict,
        reason: reason.clone(),
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
