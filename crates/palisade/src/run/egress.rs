//! The proxy of one command. It begins to serve when something inside first asks for a connection or a name.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context;
use audit::{Connection, ConnectionStage};
use egress::network::Network;
use egress::proxy::{
    Asking, Caller, Comes, Conversation, Decider, Door, Inspection, Journal, Lines, Live, Names, Nobody, Parts, Proxy,
    Question, Record, Stage, System, Unrecorded, Upstream,
};
use egress::{Bounds, Place};
use guard::Stamp;
use policy::proof::RuleRef;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use sandbox::{Attention, Doors, Outlet, POOL};
use settings::Kept;

use super::live::Settings;
use super::question::Person;
use crate::setup::{now_ms, open_journal};

/// Connections of a command that its report lists.
const LISTED_MAX: usize = 1000;

/// What the proxy of a command works by.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// The rules.
    pub(super) network: Network,
    /// Where they come from, to be looked at again.
    pub(super) settings: Settings,
    /// Places that the person allowed for this command.
    pub(super) allowed: Vec<Place>,
    /// The proxy of the network around, and what goes without it, as the environment has them.
    pub(super) upstream: Option<Around>,
    /// Where records are written.
    pub(super) journal: PathBuf,
    /// The decision that permits the command.
    pub(super) of: u64,
    /// The session that its records name.
    pub(super) session: String,
    /// The command, for a person.
    pub(super) command: String,
    /// Who answers questions.
    pub(super) answers: Answers,
}

/// The proxy of the network around as variables write it, and what goes without it. It can hold a password.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) proxy: String,
    pub(super) direct: String,
}

impl core::fmt::Debug for Around {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Around(hidden)")
    }
}

/// Who answers questions about hosts that no rule names.
#[derive(Debug, Clone)]
pub(super) enum Answers {
    /// Nobody: it is no.
    Nobody,
    /// The person at the terminal.
    Person,
    /// The program that listens at this socket, by lines of JSON.
    Program(PathBuf),
}

/// The proxy of one command.
#[derive(Debug)]
pub(super) struct Egress {
    terms: Terms,
    /// What is done with requests that are seen; the one who serves takes it.
    inspection: Arc<Mutex<Option<Inspection>>>,
    seen: Arc<Mutex<Seen>>,
    running: Mutex<Option<Running>>,
    /// Lasting answers of a person.
    lasting: Lasting,
}

/// What came of a command's connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Each connection as it was last written down, in the order in which they came.
    pub(super) connections: Vec<Connection>,
    /// What was found on them while they were open.
    pub(super) notes: Vec<Connection>,
    /// Connections beyond the bound.
    pub(super) more: u64,
    /// Lasting answers of a person, which are kept nowhere yet.
    pub(super) lasting: Vec<Kept>,
    /// Why none can be served.
    pub(super) failure: Option<String>,
}

/// Lasting answers, told by another thread.
type Lasting = Arc<Mutex<Vec<Kept>>>;

/// The thread that serves, for as long as the other end is open.
#[derive(Debug)]
struct Running {
    owner: UnixStream,
    thread: JoinHandle<()>,
}

impl Egress {
    pub(super) fn new(terms: Terms, inspection: Inspection) -> Self {
        Self {
            inspection: Arc::new(Mutex::new(Some(inspection))),
            terms,
            seen: Arc::default(),
            running: Mutex::new(None),
            lasting: Arc::default(),
        }
    }

    /// Ends the proxy, and returns what it saw.
    pub(super) fn end(&self) -> Seen {
        self.stop();
        Seen { lasting: locked(&self.lasting).clone(), ..locked(&self.seen).clone() }
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
        let (terms, inspection) = (self.terms.clone(), self.inspection.clone());
        let (seen, lasting) = (self.seen.clone(), self.lasting.clone());
        let thread = std::thread::Builder::new().name("palisade: proxy".to_owned());
        let thread = thread.spawn(move || {
            if let Err(error) = serve(terms, &inspection, (&seen, &lasting), doors, other) {
                // Without anybody who serves them connections are refused by the kernel.
                locked(&seen).failure = Some(format!("{error:#}"));
            }
        })?;
        *locked(&self.running) = Some(Running { owner, thread });
        Ok(())
    }
}

/// Serves from the first connection or question on, until the owner's end is closed.
fn serve(
    terms: Terms,
    inspection: &Mutex<Option<Inspection>>,
    (seen, lasting): (&Arc<Mutex<Seen>>, &Lasting),
    doors: Doors,
    owner: UnixStream,
) -> anyhow::Result<()> {
    if !is_wanted(&doors, &owner)? {
        return Ok(());
    }
    let Terms { network, settings, allowed, upstream, journal, of, session, command, answers } = terms;
    let upstream = upstream.map(|around| Upstream::parse(&around.proxy, &around.direct)).transpose()?;
    let mut network = network;
    network.surroundings = egress::surroundings().context("the addresses of this machine are not known")?;
    let live = Live::new(network.clone());
    let journal = Arc::new(Recorder { journal: open_journal(&journal)?, seen: seen.clone(), of, session });
    let Doors { clients, names, captured, attention } = doors;
    let (decider, beside) = decider(answers, attention, lasting)?;
    let proxy = Proxy::new(
        &live,
        Parts {
            decider,
            journal,
            resolver: Arc::new(System),
            upstream,
            pool: POOL,
            bounds: Bounds::USUAL,
            inspection: locked(inspection).take().context("the proxy has served already")?,
        },
    );
    let caller = Caller { command, program: String::new(), allowed };
    let door = |listener, comes| Door { listener, comes, caller: caller.clone(), token: None };
    let captured = captured.into_iter().map(|listener| door(listener, Comes::Anyone));
    let doors: Vec<Door> = captured.chain([door(clients, Comes::Clients)]).collect();
    let names = names.map(|socket| Names { socket, caller: caller.clone() });
    let watched = owner.try_clone()?;
    std::thread::scope(|scope| {
        let follow = std::thread::Builder::new().name("palisade: rules".to_owned());
        follow.spawn_scoped(scope, || settings.follow(&network, &live, &watched))?;
        proxy.run_for(doors, names.into_iter().collect(), owner, beside).context("the proxy cannot serve")
    })
}

/// Returns who answers, with the conversation that goes on beside the proxy.
fn decider(
    answers: Answers,
    attention: Attention,
    lasting: &Lasting,
) -> anyhow::Result<(Arc<dyn Decider>, Option<Conversation>)> {
    match answers {
        Answers::Nobody => Ok((Arc::new(Nobody), None)),
        Answers::Person => {
            let mut person = Person::new(attention, lasting.clone());
            Ok((Arc::new(Asking::new(move |question: &Question| person.ask(question))), None))
        }
        Answers::Program(socket) => {
            let stream = connect(&socket);
            let stream = stream.with_context(|| format!("the decider at {} cannot be reached", socket.display()))?;
            let (lines, conversation) = Lines::new(stream);
            Ok((Arc::new(lines), Some(conversation)))
        }
    }
}

/// Connects to a decider, and does not wait for one that takes nobody.
fn connect(socket: &std::path::Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let stream = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&stream, &SocketAddrUnix::new(socket)?)?;
    Ok(stream.into())
}

/// Waits until something inside wants the proxy; false when the owner is gone first.
fn is_wanted(doors: &Doors, owner: &UnixStream) -> io::Result<bool> {
    let captured = doors.captured.iter().map(AsFd::as_fd);
    let sockets = captured.chain([doors.clients.as_fd()]).chain(doors.names.as_ref().map(AsFd::as_fd));
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
        let is_noted = matches!(connection.stage, ConnectionStage::Noted(_));
        let list = if is_noted { &mut seen.notes } else { &mut seen.connections };
        let known = list.iter_mut().find(|known| !is_noted && known.number == connection.number);
        if let Some(known) = known {
            *known = connection;
        } else if list.len() < LISTED_MAX {
            list.push(connection);
        } else if connection.stage == ConnectionStage::Decided {
            seen.more += 1;
        }
        recorded
    }
}

/// Returns a record of the proxy as the journal has it.
fn connection(of: u64, record: &Record) -> Connection {
    let Record { number, stage, way, target, address, command: _, program, rule, verdict, reason } = record;
    let stage = match stage {
        Stage::Decided => ConnectionStage::Decided,
        Stage::Noted(note) => ConnectionStage::Noted(note.name().to_owned()),
        Stage::Ended { sent, received } => ConnectionStage::Ended { sent: *sent, received: *received },
    };
    Connection {
        of,
        number: *number,
        stage,
        way: way.name().to_owned(),
        target: target.as_ref().map(ToString::to_string),
        address: address.map(|address| address.to_string()),
        program: Some(program.clone()).filter(|program| !program.is_empty()),
        rule: rule.as_ref().map(|rule| RuleRef {
            text: rule.text.clone(),
            list: rule.list,
            origin: rule.origin.clone(),
        }),
        verdict: *verdict,
        reason: reason.clone(),
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
