//! A proxy, servers behind it, and what each of them saw.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use egress::host::Readings;
use egress::network::{Network, Words, compile};
use egress::proxy::{
    Answer, Answering, Caller, Comes, Conversation, Decider, Door, Inspection, Journal, Language, Live, Names, Nobody,
    Parts, Proxy, Question, Record, Resolver, Resolving, Stage, Token, Unrecorded, Upstream,
};
use egress::{Bounds, Target};
use policy::layer::Sourced;
use policy::{Origin, Scope};
use tokio::sync::oneshot;

/// How long a test waits for what must come.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Records, in the order in which they were written.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    records: Mutex<Vec<Record>>,
    pub(crate) is_full: std::sync::atomic::AtomicBool,
}

impl Journal for Kept {
    fn append(&self, record: &Record) -> Result<(), Unrecorded> {
        if self.is_full.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Unrecorded);
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(())
    }
}

impl Kept {
    /// Returns the records as text, with `PORT` for the ports of the test's servers.
    pub(crate) fn text(&self) -> String {
        self.records.lock().unwrap().iter().map(|record| format!("{record}\n")).collect()
    }

    /// Returns every record.
    pub(crate) fn all(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }

    /// Waits for the end of so many connections.
    pub(crate) fn ended(&self, count: usize) -> Vec<Record> {
        let start = std::time::Instant::now();
        loop {
            let records = self.records.lock().unwrap().clone();
            let ends = records.into_iter().filter(|record| matches!(record.stage, Stage::Ended { .. }));
            let ends: Vec<Record> = ends.collect();
            if ends.len() >= count {
                return ends;
            }
            assert!(start.elapsed() < LONG, "only {} of {count} connections ended:\n{}", ends.len(), self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Names and their addresses; each lookup takes the next set, and the last stays.
#[derive(Debug, Default)]
pub(crate) struct Book {
    names: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Book {
    pub(crate) fn put(&self, name: &str, sets: &[&[&str]]) {
        let sets = sets.iter().map(|set| set.iter().map(|address| address.parse().unwrap()).collect()).collect();
        self.names.lock().unwrap().insert(name.to_owned(), sets);
    }
}

impl Resolver for Book {
    fn resolve(&self, name: &str) -> Resolving {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut names = self.names.lock().unwrap();
        let found = names.get_mut(name).map(|sets| if sets.len() > 1 { sets.remove(0) } else { sets[0].clone() });
        Box::pin(async move { found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound)) })
    }
}

/// Answers by the first label of a host's name.
#[derive(Debug, Default)]
pub(crate) struct Person {
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Decider for Person {
    fn ask(&self, question: Question) -> Answering {
        let host = question.target.host.to_string();
        self.asked.lock().unwrap().push(question.target.to_string());
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            match host.split('.').next().unwrap() {
                "once" => Answer::Once,
                "session" => Answer::Session,
                "always" => Answer::Always,
                "crash" => panic!("the decider breaks"),
                "hang" => std::future::pending().await,
                _ => Answer::Deny("a person said no".to_owned()),
            }
        })
    }
}

/// How a world is made.
pub(crate) struct Making {
    /// `allow X`, `deny X`, `opaque X`, `passthrough X`, `strict`.
    pub(crate) rules: Vec<String>,
    pub(crate) forwards: Vec<SocketAddr>,
    pub(crate) bounds: Bounds,
    pub(crate) decider: Arc<dyn Decider>,
    pub(crate) token: Option<Token>,
    pub(crate) upstream: Option<Upstream>,
    /// Where connections to addresses of the pool arrive.
    pub(crate) captured: Vec<TcpListener>,
    /// Where clients and questions come, where that is not the test's own interface.
    pub(crate) doors: Option<(TcpListener, UdpSocket)>,
    pub(crate) pool: Ipv4Addr,
    /// What goes on beside the proxy.
    pub(crate) beside: Option<Conversation>,
    pub(crate) inspection: Inspection,
}

impl Making {
    pub(crate) fn new(rules: &[&str]) -> Self {
        Self {
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            forwards: Vec::new(),
            bounds: Bounds { head: Duration::from_secs(5), ..Bounds::USUAL },
            decider: Arc::new(Nobody),
            token: None,
            upstream: None,
            captured: Vec::new(),
            doors: None,
            pool: Ipv4Addr::new(127, 200, 0, 0),
            beside: None,
            inspection: Inspection::default(),
        }
    }

    /// Lets the proxy reach these servers of the test.
    pub(crate) fn forward(mut self, servers: &[&Canary]) -> Self {
        self.forwards.extend(servers.iter().map(|server| server.address));
        self
    }

    pub(crate) fn start(self) -> World {
        let (kept, book) = (Arc::new(Kept::default()), Arc::new(Book::default()));
        let live = Live::new(network(&self.rules, &self.forwards));
        let parts = Parts {
            decider: self.decider,
            journal: kept.clone(),
            resolver: book.clone(),
            upstream: self.upstream,
            pool: self.pool,
            bounds: self.bounds,
            inspection: self.inspection,
        };
        let proxy = Proxy::new(&live, parts);
        let caller = || Caller { command: "command 7".to_owned(), program: "probe".to_owned(), allowed: Vec::new() };
        let own = || (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let (listener, socket) = self.doors.unwrap_or_else(own);
        let (address, names) = (listener.local_addr().unwrap(), socket.local_addr().unwrap());
        let mut doors = vec![Door { listener, comes: Comes::Clients, caller: caller(), token: self.token }];
        for listener in self.captured {
            doors.push(Door { listener, comes: Comes::Anyone, caller: caller(), token: None });
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let names_door = vec![Names { socket, caller: caller() }];
        let beside = self.beside;
        let thread = std::thread::spawn(move || {
            let stop = async {
                let beside = async {
                    if let Some(conversation) = beside {
                        drop(conversation.run().await);
                    }
                    std::future::pending::<()>().await;
                };
                tokio::select! { _ = stopped => {}, () = beside => {} }
            };
            proxy.run(doors, names_door, stop).unwrap();
        });
        World { address, names, kept, book, live, forwards: self.forwards, stop: Some(stop), thread: Some(thread) }
    }
}

/// A proxy that runs.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) names: SocketAddr,
    pub(crate) kept: Arc<Kept>,
    pub(crate) book: Arc<Book>,
    live: Live,
    forwards: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl World {
    /// Changes the rules.
    pub(crate) fn set(&self, rules: &[&str]) {
        let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
        self.live.set(network(&rules, &self.forwards));
    }

    pub(crate) fn connect(&self) -> TcpStream {
        client(self.address)
    }

    /// Sends bytes, and returns everything that comes.
    pub(crate) fn talk(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        rest(&mut stream)
    }

    /// Opens a tunnel, and returns it with the answer's first line.
    pub(crate) fn tunnel(&self, target: &str) -> (TcpStream, String) {
        let mut stream = self.connect();
        stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes()).unwrap();
        let head = head(&mut stream);
        let line = head.lines().next().unwrap_or_default().to_owned();
        (stream, line)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

fn network(rules: &[String], forwards: &[SocketAddr]) -> Network {
    let mut words = Words::none(Scope::User);
    for (rule, line) in rules.iter().zip(1..) {
        let origin = Origin { scope: Scope::User, file: "settings.json".to_owned(), line };
        let (list, value) = rule.split_once(' ').unwrap_or((rule, ""));
        let entry = Sourced { value: value.to_owned(), origin: origin.clone() };
        match list {
            "allow" => words.keys.allowed.push(entry),
            "deny" => words.keys.denied.push(entry),
            "passthrough" => words.keys.passthrough.push(entry),
            "opaque" => words.keys.danger_opaque.push(entry),
            "strict" => words.keys.strict = Some(origin),
            other => panic!("no such list: {other}"),
        }
    }
    let (mut network, told) = compile(&[words]);
    assert_eq!(told, Vec::new());
    network.forwards = forwards.to_vec();
    network
}

/// A server that says what it is told to, and keeps what it hears.
pub(crate) struct Canary {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// What a server does with a connection.
pub(crate) type Serve = fn(&mut TcpStream, &mut dyn FnMut(&[u8]));

impl Canary {
    /// Returns a server that echoes.
    pub(crate) fn echo() -> Self {
        Self::new(|stream, hear| {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                hear(&buffer[..count]);
                if stream.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
        })
    }

    /// Returns a server of requests: each is answered with its own head.
    pub(crate) fn web() -> Self {
        Self::new(|stream, hear| {
            loop {
                let request = head(stream);
                if request.is_empty() {
                    break;
                }
                hear(request.as_bytes());
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Server: canary\r\n\r\n{request}",
                    request.len()
                );
                if stream.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        })
    }

    pub(crate) fn new(serve: Serve) -> Self {
        Self::at("127.0.0.1:0", serve)
    }

    pub(crate) fn at(address: &str, serve: Serve) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let all = heard.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all = all.clone();
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let at = {
                        let mut all = all.lock().unwrap();
                        all.push(Vec::new());
                        all.len() - 1
                    };
                    serve(&mut stream, &mut |bytes| all.lock().unwrap()[at].extend(bytes));
                    drop(stream.shutdown(Shutdown::Both));
                });
            }
        });
        Self { address, heard }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns what it heard on each connection.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    /// Returns how many bytes it heard in all.
    pub(crate) fn count(&self) -> usize {
        self.heard.lock().unwrap().iter().map(Vec::len).sum()
    }
}

/// Returns a proxy of the network around that leads every tunnel to one server.
pub(crate) fn upstream(server: &Canary) -> (Upstream, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::parse(&listener.local_addr().unwrap().to_string(), None).unwrap();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let (all, server) = (heads.clone(), server.address);
    std::thread::spawn(move || {
        for mut inner in listener.incoming().flatten() {
            let all = all.clone();
            std::thread::spawn(move || {
                let request = head(&mut inner);
                let is_tunnel = request.starts_with("CONNECT ");
                all.lock().unwrap().push(request.clone());
                let mut outer = TcpStream::connect(server).unwrap();
                if is_tunnel {
                    inner.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                } else {
                    outer.write_all(request.as_bytes()).unwrap();
                }
                let (mut from, mut to) = (outer.try_clone().unwrap(), inner.try_clone().unwrap());
                let back = std::thread::spawn(move || {
                    drop(std::io::copy(&mut from, &mut to));
                    drop(to.shutdown(Shutdown::Write));
                });
                drop(std::io::copy(&mut inner, &mut outer));
                drop(outer.shutdown(Shutdown::Write));
                back.join().unwrap();
            });
        }
    });
    let authorization = Some("Basic b3V0ZXI=".to_owned());
    (Upstream { target, language: Language::Http, authorization, direct: Vec::new() }, heads)
}

pub(crate) fn client(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Reads up to an empty line, or the end.
pub(crate) fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            end => {
                assert_in_time(&end);
                break;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What does not come is not an end.
pub(crate) fn assert_in_time<T>(end: &std::io::Result<T>) {
    let is_late = matches!(end, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!is_late, "nothing came within {LONG:?}");
}

/// Reads to the end. A connection that is broken off ends there.
pub(crate) fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    assert_in_time(&end);
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn exactly(stream: &mut TcpStream, count: usize) -> String {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns a place that is written as in the lists.
pub(crate) fn place(text: &str) -> egress::Place {
    Readings::parse(text).unwrap().certain().unwrap()
}
