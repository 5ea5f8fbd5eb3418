//! Measures the proxy on the loopback interface: `measure [CONNECTIONS]`, or beside another proxy, which a command starts
//! that prints its address: `measure beside ROUNDS COMMAND...`.
//!
//! The proxy and the server run in processes of their own, so that their time and memory can be read. Each figure
//! stands beside the same without the proxy.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on should stop, and talks"
)]

mod beside;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egress::Bounds;
use egress::network::{Words, compile};
use egress::proxy::{
    Caller, Comes, Door, Inspection, Journal, Live, Nobody, Parts, Proxy, Record, Resolver, Resolving, Unrecorded,
};
use policy::layer::Sourced;
use policy::{Origin, Scope};

const HOST: &str = "good.example";
const LARGE: u64 = 4 << 30;
const ROUNDS: usize = 3000;
/// Bytes a second of a usual network.
const GIGABIT: u64 = 125_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("server") => server(),
        Some("proxy") => proxy(arguments[2].parse().unwrap()),
        Some("beside") => beside::measure(arguments[2].parse().unwrap(), &arguments[3..]),
        count => measure(count.map_or(2000, |count| count.parse().unwrap())),
    }
}

#[derive(Debug)]
struct Nothing;

impl Journal for Nothing {
    fn append(&self, record: &Record) -> Result<(), Unrecorded> {
        std::hint::black_box(record.to_string());
        Ok(())
    }
}

#[derive(Debug)]
struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, _name: &str) -> Resolving {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

fn proxy(server: SocketAddr) {
    let mut words = Words::none(Scope::User);
    let origin = Origin { scope: Scope::User, file: "settings.json".to_owned(), line: 1 };
    words.keys.allowed.push(Sourced { value: format!("{HOST}:{}", server.port()), origin });
    let mut network = compile(&[words]).0;
    network.forwards.push(server);
    let live = Live::new(network);
    let parts = Parts {
        decider: Arc::new(Nobody),
        journal: Arc::new(Nothing),
        resolver: Arc::new(Loopback),
        upstream: None,
        pool: Ipv4Addr::new(198, 18, 0, 0),
        bounds: Bounds { connections: 20_000, ..Bounds::USUAL },
        inspection: Inspection::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    let door = Door { listener, comes: Comes::Clients, caller: Caller::default(), token: None };
    Proxy::new(&live, parts).run(vec![door], Vec::new(), std::future::pending()).unwrap();
}

/// Answers requests; a request for `/large` gets many bytes, and what is no request is echoed by bytes.
fn server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    for mut stream in listener.incoming().flatten() {
        stream.set_nodelay(true).unwrap();
        let work = move || {
            let mut reader = BufReader::with_capacity(512, stream.try_clone().unwrap());
            let mut line = String::new();
            let mut asked = None;
            while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
                let words: Vec<&str> = line.split(' ').collect();
                match words[..] {
                    ["GET", "/large", _] => asked = Some((LARGE, None)),
                    ["GET", "/fast", bytes, _] => asked = Some((bytes.parse().unwrap(), None)),
                    ["GET", "/paced", bytes, _] => asked = Some((bytes.parse().unwrap(), Some(GIGABIT))),
                    _ => {}
                }
                if line == "\r\n" {
                    let length = asked.map_or(6, |(bytes, _)| bytes);
                    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").unwrap();
                    match asked.take() {
                        Some((bytes, rate)) => large(&mut stream, bytes, rate),
                        None => stream.write_all(b"hello\n").unwrap(),
                    }
                }
                line.clear();
            }
        };
        std::thread::Builder::new().stack_size(64 * 1024).spawn(work).unwrap();
    }
}

/// Sends bytes as fast as they go, or at so many a second.
fn large(stream: &mut TcpStream, mut left: u64, rate: Option<u64>) {
    let bytes = vec![7; if rate.is_some() { 1 << 16 } else { 1 << 20 }];
    let (start, whole) = (Instant::now(), left);
    while left > 0 {
        let part = left.min(bytes.len() as u64);
        if stream.write_all(&bytes[..part as usize]).is_err() {
            return;
        }
        left -= part;
        if let Some(rate) = rate {
            let due = Duration::from_secs_f64((whole - left) as f64 / rate as f64);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }
}

struct Role(Child, SocketAddr);

impl Role {
    fn start(arguments: &[&str]) -> Self {
        Self::command(std::env::current_exe().unwrap(), arguments)
    }

    /// Starts a program that prints its address.
    fn command<I: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[I]) -> Self {
        let mut child = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self(child, line.trim().parse().unwrap())
    }

    /// Returns the time that it has used.
    fn time(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap();
        let spent = threads.filter_map(|thread| {
            let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(spent.sum())
    }

    fn memory_kb(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn head(stream: &mut TcpStream) {
    let (mut last, mut byte) = ([0; 4], [0]);
    while last != *b"\r\n\r\n" {
        stream.read_exact(&mut byte).unwrap();
        last.rotate_left(1);
        last[3] = byte[0];
    }
}

fn tunnel(proxy: SocketAddr, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(proxy).unwrap();
    stream.set_nodelay(true).unwrap();
    write!(stream, "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    head(&mut stream);
    stream
}

fn spread(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 100];
    println!("{name}: p50 {:?}, p90 {:?}, p99 {:?}", at(50), at(90), at(99));
}

fn measure(connections: usize) {
    let server = Role::start(&["server"]);
    let proxy = Role::start(&["proxy", &server.1.to_string()]);
    let target = format!("{HOST}:{}", server.1.port());
    println!("memory at the start: {} KiB", proxy.memory_kb());
    let timed = |work: &dyn Fn()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    spread("connect, direct", (0..ROUNDS).map(|_| timed(&|| drop(TcpStream::connect(server.1).unwrap()))).collect());
    spread("connect, through", (0..ROUNDS).map(|_| timed(&|| drop(tunnel(proxy.1, &target)))).collect());
    for count in [1, 16] {
        let direct = format!("GET /x HTTP/1.1\r\nHost: {target}\r\n\r\n");
        for (name, to, request) in
            [("direct", server.1, &direct), ("through", proxy.1, &direct.replace("/x", &format!("http://{target}/x")))]
        {
            let rate = requests(to, request, (20_000, count));
            println!("requests, {count} connections, {name}: {rate:.0} a second");
        }
    }
    let ask = format!("GET /large HTTP/1.1\r\nHost: {target}\r\n\r\n");
    download("direct", TcpStream::connect(server.1).unwrap(), &ask, &proxy);
    download(
        "plain requests",
        TcpStream::connect(proxy.1).unwrap(),
        &ask.replace("/large", &format!("http://{target}/large")),
        &proxy,
    );
    let mut raw = tunnel(proxy.1, &target);
    // Not a request at first, so that the tunnel is one of bytes.
    raw.write_all(b"x: bytes\r\n").unwrap();
    download("tunnel", raw, &ask, &proxy);
    let before = proxy.memory_kb();
    let start = Instant::now();
    let open: Vec<TcpStream> = (0..connections).map(|_| tunnel(proxy.1, &target)).collect();
    let took = start.elapsed();
    println!(
        "{connections} idle tunnels: opened in {took:?}, memory {before} KiB before, {} KiB then",
        proxy.memory_kb()
    );
    let times = (0..300).map(|_| timed(&|| drop(tunnel(proxy.1, &target)))).collect();
    spread("connect, through, beside them", times);
    drop(open);
}

/// Returns how many requests a second are answered on so many connections.
fn requests(to: SocketAddr, request: &str, (all, connections): (usize, usize)) -> f64 {
    let count = all / connections;
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut reader = BufReader::new(TcpStream::connect(to).unwrap());
                reader.get_ref().set_nodelay(true).unwrap();
                let mut line = String::new();
                for _ in 0..count {
                    reader.get_mut().write_all(request.as_bytes()).unwrap();
                    while line != "hello\n" {
                        line.clear();
                        assert_ne!(reader.read_line(&mut line).unwrap(), 0);
                    }
                    line.clear();
                }
            });
        }
    });
    (count * connections) as f64 / start.elapsed().as_secs_f64()
}

fn download(name: &str, mut stream: TcpStream, request: &str, proxy: &Role) {
    let before = proxy.time();
    let start = Instant::now();
    stream.write_all(request.as_bytes()).unwrap();
    head(&mut stream);
    let mut buffer = vec![0; 1 << 18];
    let mut left = LARGE;
    while left > 0 {
        match stream.read(&mut buffer).unwrap() {
            0 => panic!("the download ended early"),
            count => left -= count as u64,
        }
    }
    let took = start.elapsed().as_secs_f64();
    let gigabytes = LARGE as f64 / 1e9;
    let time = (proxy.time() - before).as_secs_f64() / gigabytes;
    println!("download, {name}: {:.2} Gbit/s, {time:.3} s of the proxy's time a gigabyte", gigabytes * 8.0 / took);
}
