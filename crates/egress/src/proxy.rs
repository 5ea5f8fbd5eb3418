//! The proxy: doors at which programs knock, rules that can change while connections are open, and one record of each
//! connection before it is made and one when it has ended.

mod admit;
mod answers;
mod budget;
mod captured;
mod dial;
mod exchange;
mod filter;
mod http;
mod inspect;
mod lines;
mod pool;
mod record;
mod socks;
mod stream;
mod system;
mod terminate;
mod tunnel;

use core::fmt;
use core::net::{Ipv4Addr, SocketAddr};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use admit::{Live, Resolver, Resolving};
pub use answers::{Answer, Answering, Asking, Decider, Nobody, Question};
pub use dial::{Language, Upstream, UpstreamFault};
pub use inspect::Inspection;
pub use lines::{Conversation, Lines, Over};
pub use record::{Caller, Journal, Note, Owners, Record, Stage, Unrecorded, Way};
pub use system::System;
pub use terminate::{Authority, AuthorityFault, Roots, Terminate, java_store};

use crate::limits::Bounds;
use crate::network::Network;
use crate::wire::socks::{VERSION, VERSION_BEFORE};
use answers::Answers;
use budget::Budget;
use inspect::Inspector;
use pool::Pool;
use stream::Stream;

/// What the proxy needs of the program around it.
#[derive(Debug)]
pub struct Parts {
    /// Who answers questions.
    pub decider: Arc<dyn Decider>,
    /// Who writes records down.
    pub journal: Arc<dyn Journal>,
    /// Who looks names up.
    pub resolver: Arc<dyn Resolver>,
    /// The proxy of the network around.
    pub upstream: Option<Upstream>,
    /// Where the addresses begin that stand for names.
    pub pool: Ipv4Addr,
    /// The bounds.
    pub bounds: Bounds,
    /// What is done with requests that can be seen; the default does nothing.
    pub inspection: Inspection,
}

/// A word that a client must know; a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<[u8]>);

impl Token {
    /// Returns a token of these bytes, of which there is at least one.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (!bytes.is_empty()).then(|| Self(bytes.into()))
    }

    /// Returns true for the same bytes, in a time that does not tell how many are the same.
    fn is(&self, bytes: &[u8]) -> bool {
        let difference = self.0.iter().zip(bytes).fold(0, |sum, (own, other)| sum | (own ^ other));
        self.0.len() == bytes.len() && difference == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(hidden)")
    }
}

/// What comes to a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comes {
    /// Clients of a proxy: HTTP or SOCKS, told by the first byte.
    Clients,
    /// Whoever connects to an address of the pool.
    Anyone,
}

/// A listening socket that was made where the confined program sees it.
#[derive(Debug)]
pub struct Door {
    /// The socket.
    pub listener: std::net::TcpListener,
    /// What comes.
    pub comes: Comes,
    /// Who is behind it.
    pub caller: Caller,
    /// What a client must know.
    pub token: Option<Token>,
}

/// A socket at which names are asked for.
#[derive(Debug)]
pub struct Names {
    /// The socket.
    pub socket: std::net::UdpSocket,
    /// Who is behind it.
    pub caller: Caller,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    rules: watch::Receiver<Arc<Network>>,
    answers: Answers,
    journal: Arc<dyn Journal>,
    resolver: Arc<dyn Resolver>,
    upstream: Option<Upstream>,
    pool: Mutex<Pool>,
    bounds: Bounds,
    inspector: Arc<Inspector>,
    number: AtomicU64,
    slots: Arc<Semaphore>,
    budget: Budget,
    owners: OnceLock<Arc<dyn Owners>>,
}

/// A proxy.
#[derive(Debug, Clone)]
pub struct Proxy(Arc<Shared>);

impl Proxy {
    /// Returns a proxy under these rules.
    pub fn new(live: &Live, parts: Parts) -> Self {
        let Parts { decider, journal, resolver, upstream, pool, bounds, inspection } = parts;
        Self(Arc::new(Shared {
            rules: live.watch(),
            answers: Answers::new(decider, bounds),
            journal,
            resolver,
            upstream,
            pool: Mutex::new(Pool::new(pool)),
            bounds,
            inspector: Arc::new(Inspector::new(inspection)),
            number: AtomicU64::new(1),
            slots: Arc::new(Semaphore::new(bounds.connections)),
            budget: Budget::new(bounds),
            owners: OnceLock::new(),
        }))
    }

    /// Has programs told by these, from the next connection on. Those that were set first stay.
    pub fn tell_programs_by(&self, owners: Arc<dyn Owners>) {
        let _ = self.0.owners.set(owners);
    }

    /// Returns the next number for a connection that does not go through the proxy and is written down beside its own.
    pub fn number(&self) -> u64 {
        self.0.number.fetch_add(1, core::sync::atomic::Ordering::Relaxed)
    }

    /// Serves until `stop` is done; every connection ends with it.
    pub async fn serve(&self, doors: Vec<Door>, names: Vec<Names>, stop: impl Future<Output = ()>) -> io::Result<()> {
        let mut tasks = JoinSet::new();
        for Door { listener, comes, caller, token } in doors {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            tasks.spawn(keep(self.0.clone(), listener, (comes, Arc::new(caller), token)));
        }
        for Names { socket, caller } in names {
            socket.set_nonblocking(true)?;
            let (socket, shared) = (UdpSocket::from_std(socket)?, self.0.clone());
            tasks.spawn(async move { shared.questions(socket, &caller).await });
        }
        stop.await;
        tasks.shutdown().await;
        Ok(())
    }

    /// Serves on this thread, with a runtime of its own, until the other end of `owner` is closed. A conversation with
    /// who answers goes on beside it.
    pub fn run_for(
        &self,
        doors: Vec<Door>,
        names: Vec<Names>,
        owner: std::os::unix::net::UnixStream,
        beside: Option<Conversation>,
    ) -> io::Result<()> {
        owner.set_nonblocking(true)?;
        let stop = async move {
            // It ends with the runtime, and what is asked after its end is a no.
            let _beside = beside.map(|beside| tokio::spawn(beside.run()));
            if let Ok(mut owner) = tokio::net::UnixStream::from_std(owner) {
                drop(tokio::io::AsyncReadExt::read(&mut owner, &mut [0]).await);
            }
        };
        self.run(doors, names, stop)
    }

    /// Serves on this thread, with a runtime of its own.
    pub fn run(&self, doors: Vec<Door>, names: Vec<Names>, stop: impl Future<Output = ()>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
        let served = runtime.block_on(self.serve(doors, names, stop));
        // Nobody waits for a lookup or a question that is still open.
        runtime.shutdown_background();
        served
    }
}

/// Keeps a door: each connection is a task, and all end with the door.
async fn keep(shared: Arc<Shared>, listener: TcpListener, behind: (Comes, Arc<Caller>, Option<Token>)) {
    let behind = Arc::new(behind);
    let mut tasks: JoinSet<()> = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, from)) => { tasks.spawn(enter(shared.clone(), (tcp, from), behind.clone())); }
                // Out of descriptors, or the client is gone already.
                Err(_) => tokio::time::sleep(core::time::Duration::from_millis(20)).await,
            },
            Some(_) = tasks.join_next() => {}
        }
    }
}

/// Serves one connection.
async fn enter(
    shared: Arc<Shared>,
    (tcp, from): (TcpStream, SocketAddr),
    behind: Arc<(Comes, Arc<Caller>, Option<Token>)>,
) {
    let (comes, caller, token) = behind.as_ref();
    let mut client = Stream::new(tcp);
    let Ok(_slot) = shared.slots.clone().try_acquire_owned() else {
        // Not a word is read of it, so that it costs nothing.
        let _ = client.tcp.try_write(&http::answer("503 Service Unavailable", "too many connections are open", ""));
        return;
    };
    let caller = &shared.caller(caller, &client, from).await;
    if *comes == Comes::Anyone {
        return shared.captured(client, caller).await;
    }
    let first = tokio::time::timeout(shared.bounds.head, client.fill()).await;
    if !matches!(first, Ok(Ok(1..))) {
        return;
    }
    match client.buffer.first() {
        Some(&(VERSION | VERSION_BEFORE)) => shared.socks(client, caller, token.as_ref()).await,
        Some(_) | None => shared.http(client, caller, token.as_ref()).await,
    }
}

impl Shared {
    /// Returns who is behind a connection: whoever is behind its door, with the program where that is known.
    async fn caller(&self, door: &Arc<Caller>, client: &Stream, from: SocketAddr) -> Arc<Caller> {
        let (Some(owners), Ok(at)) = (self.owners.get().cloned(), client.tcp.local_addr()) else { return door.clone() };
        let found = tokio::task::spawn_blocking(move || owners.program(from, at)).await;
        match found {
            Ok(program) if !program.is_empty() => Arc::new(Caller { program, ..Caller::clone(door) }),
            Ok(_) | Err(_) => door.clone(),
        }
    }
}
