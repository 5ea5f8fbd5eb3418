//! The connections: from a program inside, and to the person's agent.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::Fingerprint;
use super::judge::{Conversation, Judgement, Refused, Rules};
use super::message::{self, Identity, Request};
use crate::limits::{AGENT_ANSWER, AGENT_CONNECTIONS_MAX, AGENT_DIAL, AGENT_IDLE, AGENT_PAUSE, AGENT_REQUESTS_MAX};

/// What was decided about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What was asked: `list`, `bind`, `sign`, `other`.
    pub request: &'static str,
    /// What was decided.
    pub verdict: Verdict,
    /// The host, where one was proved.
    pub host: Option<String>,
    /// The user on the host, where a login was to be signed.
    pub user: Option<String>,
    /// The key, where one was to sign.
    pub key: Option<Fingerprint>,
    /// Why it was refused.
    pub reason: Option<Refused>,
}

/// Whether the agent is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Allow,
    /// It is not.
    Deny,
}

/// Where decisions are written down.
pub trait Journal: Send + Sync {
    /// Writes a record down. What cannot be recorded is refused.
    fn append(&self, record: &Record) -> Result<(), NotRecorded>;
}

/// A record was not written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the decision cannot be recorded")]
pub struct NotRecorded;

/// The one between programs and an agent.
pub struct Proxy {
    agent: PathBuf,
    rules: Rules,
    journal: Box<dyn Journal>,
}

impl core::fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { agent, rules, journal: _ } = self;
        formatter.debug_struct("Proxy").field("agent", agent).field("rules", rules).finish_non_exhaustive()
    }
}

/// Says that a proxy is to stop.
#[derive(Debug)]
pub struct Stop(OwnedFd);

impl Stop {
    /// Returns one that says nothing yet.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Says so.
    pub fn stop(&self) {
        // It fails only where it has been said without end already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits for a time. It is an end where this says so meanwhile.
    fn rest(&self, time: Duration) -> Result<(), Over> {
        let time = Timespec::try_from(time).map_err(|_| Over)?;
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&time)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(()),
            Ok(_) | Err(_) => Err(Over),
        }
    }

    /// Waits until a socket is ready. It is an end where the time is over, or this says so.
    fn wait(&self, socket: &impl AsFd, flags: PollFlags, deadline: Option<Instant>) -> Result<(), Over> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Over);
            }
            let left = left.map(|left| Timespec::try_from(left).map_err(|_| Over)).transpose()?;
            let mut fds = [PollFd::new(&self.0, PollFlags::IN), PollFd::new(socket, flags)];
            match poll(&mut fds, left.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(Over),
            }
            let [said, ready] = fds.map(|fd| !fd.revents().is_empty());
            match (said, ready) {
                (true, _) => return Err(Over),
                (false, true) => return Ok(()),
                (false, false) => {}
            }
        }
    }
}

impl AsFd for Stop {
    /// Returns a descriptor that is readable once it was said.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A conversation is over.
struct Over;

impl Proxy {
    /// Returns a proxy for the agent at a socket.
    pub fn new(agent: PathBuf, rules: Rules, journal: Box<dyn Journal>) -> Self {
        Self { agent, rules, journal }
    }

    /// Serves a listening socket until it is told to stop; when it returns, nobody is served any more.
    pub fn serve(&self, listener: &UnixListener, stop: &Stop) -> std::io::Result<()> {
        listener.set_nonblocking(true)?;
        let open = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            while stop.wait(listener, PollFlags::IN, None).is_ok() {
                match listener.accept() {
                    // One too many is closed: the program is told by the end of its connection.
                    Ok((stream, _)) if open.load(Ordering::Acquire) < AGENT_CONNECTIONS_MAX => {
                        open.fetch_add(1, Ordering::AcqRel);
                        let open = &open;
                        scope.spawn(move || {
                            self.converse(stream, stop);
                            open.fetch_sub(1, Ordering::AcqRel);
                        });
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // Too many open files, for one: it passes by itself.
                    Err(_) => std::thread::sleep(AGENT_PAUSE),
                }
            }
        });
        Ok(())
    }

    /// Serves one connection to its end.
    pub fn converse(&self, stream: UnixStream, stop: &Stop) {
        let mut talk = Talk { proxy: self, inside: stream, agent: None, stop };
        let mut conversation = Conversation::default();
        for _ in 0..AGENT_REQUESTS_MAX {
            if talk.turn(&mut conversation).is_err() {
                break;
            }
        }
    }
}

/// One program's connection, and the one to the agent that belongs to it.
struct Talk<'a> {
    proxy: &'a Proxy,
    inside: UnixStream,
    agent: Option<UnixStream>,
    stop: &'a Stop,
}

impl Talk<'_> {
    /// Reads a request and answers it.
    fn turn(&mut self, conversation: &mut Conversation) -> Result<(), Over> {
        let bytes = receive(&mut self.inside, AGENT_IDLE, self.stop)?;
        let Ok(request) = message::read(&bytes) else {
            let refused = Judgement::Refuse(Refused::Message);
            self.record(&record("other", &refused))?;
            return self.say(&message::failure());
        };
        let judgement = conversation.judge(&self.proxy.rules, &request);
        let name = match &request {
            Request::Identities => "list",
            Request::Sign(_) => "sign",
            Request::Bind(_) => "bind",
            Request::Other(_) => "other",
        };
        self.record(&record(name, &judgement))?;
        let answer = match judgement {
            Judgement::List => self.list(&request),
            Judgement::Sign { .. } => self.sign(&request),
            // The agent may have rules of its own about hosts. One that knows none says no, which does not matter.
            Judgement::Bind { .. } => {
                self.ask(&request);
                Some(message::success())
            }
            Judgement::Refuse(_) => None,
        };
        self.say(&answer.unwrap_or_else(|| message::refusal(&request)))
    }

    fn record(&self, record: &Record) -> Result<(), Over> {
        self.proxy.journal.append(record).map_err(|NotRecorded| Over)
    }

    fn list(&mut self, request: &Request<'_>) -> Option<Vec<u8>> {
        let answer = self.ask(request)?;
        let keys = message::read_identities(&answer).ok()?;
        let named = |key: &&[u8]| {
            let comment = self.proxy.rules.key(key)?.comment().to_owned();
            Some(Identity { key: key.to_vec(), comment })
        };
        Some(message::identities(&keys.iter().filter_map(named).collect::<Vec<_>>()))
    }

    fn sign(&mut self, request: &Request<'_>) -> Option<Vec<u8>> {
        let answer = self.ask(request)?;
        message::read_signature(&answer).ok().map(message::signature)
    }

    /// Asks the agent; without an answer it is not asked again.
    fn ask(&mut self, request: &Request<'_>) -> Option<Vec<u8>> {
        let bytes = message::render(request)?;
        if self.agent.is_none() {
            self.agent = self.dial();
        }
        let agent = self.agent.as_mut()?;
        let answer = send(agent, &bytes, self.stop).and_then(|()| receive(agent, AGENT_ANSWER, self.stop));
        // An answer that comes too late would be taken for the next one.
        if answer.is_err() {
            self.agent = None;
        }
        answer.ok()
    }

    /// Connects to the agent. One that takes nobody keeps nobody for long.
    fn dial(&self) -> Option<UnixStream> {
        let deadline = Instant::now() + AGENT_DIAL;
        let place = SocketAddrUnix::new(&self.proxy.agent).ok()?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
        loop {
            match connect(&socket, &place) {
                Ok(()) => return Some(socket.into()),
                // Too many wait there already. Nothing says when there is room.
                Err(rustix::io::Errno::AGAIN) if Instant::now() < deadline && self.stop.rest(AGENT_PAUSE).is_ok() => {}
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), Over> {
        send(&mut self.inside, bytes, self.stop)
    }
}

fn record(request: &'static str, judgement: &Judgement) -> Record {
    let allowed = Record { request, verdict: Verdict::Allow, host: None, user: None, key: None, reason: None };
    match judgement.clone() {
        Judgement::List => allowed,
        Judgement::Bind { host } => Record { host: Some(host), ..allowed },
        Judgement::Sign { host, user, key } => Record { host: Some(host), user: Some(user), key: Some(key), ..allowed },
        Judgement::Refuse(reason) => Record { verdict: Verdict::Deny, reason: Some(reason), ..allowed },
    }
}

/// Reads a message, without its length.
fn receive(stream: &mut UnixStream, limit: Duration, stop: &Stop) -> Result<Vec<u8>, Over> {
    let deadline = Instant::now() + limit;
    let mut prefix = [0; 4];
    fill(stream, &mut prefix, deadline, stop)?;
    let mut bytes = vec![0; message::length(prefix).map_err(|_| Over)?];
    fill(stream, &mut bytes, deadline, stop)?;
    Ok(bytes)
}

fn fill(stream: &mut UnixStream, mut room: &mut [u8], deadline: Instant, stop: &Stop) -> Result<(), Over> {
    stream.set_nonblocking(true).map_err(|_| Over)?;
    while !room.is_empty() {
        stop.wait(stream, PollFlags::IN, Some(deadline))?;
        match stream.read(room) {
            Ok(0) => return Err(Over),
            Ok(count) => room = room.get_mut(count..).ok_or(Over)?,
            Err(error) => passing(&error)?,
        }
    }
    Ok(())
}

fn send(stream: &mut UnixStream, mut bytes: &[u8], stop: &Stop) -> Result<(), Over> {
    let deadline = Instant::now() + AGENT_ANSWER;
    stream.set_nonblocking(true).map_err(|_| Over)?;
    while !bytes.is_empty() {
        stop.wait(stream, PollFlags::OUT, Some(deadline))?;
        match stream.write(bytes) {
            Ok(0) => return Err(Over),
            Ok(count) => bytes = bytes.get(count..).ok_or(Over)?,
            Err(error) => passing(&error)?,
        }
    }
    Ok(())
}

fn passing(error: &std::io::Error) -> Result<(), Over> {
    if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) { Ok(()) } else { Err(Over) }
}
