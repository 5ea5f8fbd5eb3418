//! The proxy beside another and beside none, in interleaved rounds: whatever else the machine does falls on all alike.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{GIGABIT, Role, head, requests, tunnel};

/// Bytes of a download as fast as it goes, and of one at the rate of a usual network.
const FAST: u64 = 1 << 30;
const PACED: u64 = GIGABIT;
const CONNECTS: usize = 300;
const REQUESTS: usize = 4_000;
const CONNECTIONS: usize = 16;
const IDLE: usize = 1_000;

/// A way to the server.
struct Way<'a> {
    name: &'static str,
    proxy: Option<&'a Role>,
    figures: Vec<Figures>,
}

/// What one round measured.
#[derive(Clone, Copy)]
struct Figures {
    connect_ms: f64,
    requests: f64,
    request_us: f64,
    fast_gbit: f64,
    cpu_s: f64,
    paced_gbit: f64,
}

/// What a figure is called, and where it is.
type Row = (&'static str, fn(&Figures) -> f64);

/// Measures `rounds` rounds; `other` starts a proxy that prints its address.
pub(super) fn measure(rounds: usize, other: &[String]) {
    let server = Role::start(&["server"]);
    let ours = Role::start(&["proxy", &server.1.to_string()]);
    let theirs = Role::command(&other[0], &other[1..]);
    let mut ways = [
        Way { name: "direct", proxy: None, figures: Vec::new() },
        Way { name: "ours", proxy: Some(&ours), figures: Vec::new() },
        Way { name: "theirs", proxy: Some(&theirs), figures: Vec::new() },
    ];
    // The first round warms up.
    for round in 0..=rounds {
        for way in &mut ways {
            let figures = once(server.1, way.proxy);
            if round > 0 {
                way.figures.push(figures);
            }
        }
    }
    print(&ways);
    for proxy in [&ours, &theirs] {
        let before = proxy.memory_kb();
        let open: Vec<TcpStream> = (0..IDLE).map(|_| tunnel(proxy.1, &server.1.to_string())).collect();
        let name = if proxy.1 == ours.1 { "ours" } else { "theirs" };
        println!("memory, {name}: {before} KiB, with {IDLE} idle tunnels {} KiB", proxy.memory_kb());
        drop(open);
    }
}

fn once(server: SocketAddr, proxy: Option<&Role>) -> Figures {
    let target = server.to_string();
    let open = || match proxy {
        Some(proxy) => tunnel(proxy.1, &target),
        None => TcpStream::connect(server).unwrap(),
    };
    let mut times: Vec<Duration> = (0..CONNECTS)
        .map(|_| {
            let start = Instant::now();
            drop(open());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let url = if proxy.is_some() { format!("http://{target}/x") } else { "/x".to_owned() };
    let request = format!("GET {url} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let spent = |before: Option<Duration>| {
        proxy.map(Role::time).zip(before).map_or(0.0, |(after, before)| (after - before).as_secs_f64())
    };
    let before = proxy.map(Role::time);
    let rate = requests(proxy.map_or(server, |proxy| proxy.1), &request, (REQUESTS, CONNECTIONS));
    let request_us = spent(before) / REQUESTS as f64 * 1e6;
    let before = proxy.map(Role::time);
    let fast = download(open(), &target, "/fast", FAST);
    Figures {
        connect_ms: times[times.len() / 2].as_secs_f64() * 1e3,
        requests: rate,
        request_us,
        fast_gbit: fast,
        cpu_s: spent(before) / (FAST as f64 / 1e9),
        paced_gbit: download(open(), &target, "/paced", PACED),
    }
}

/// Returns how many gigabits a second came.
fn download(mut stream: TcpStream, target: &str, path: &str, mut left: u64) -> f64 {
    // Not a request at first, so that a tunnel is one of bytes.
    let ask = format!("x: bytes\r\nGET {path} {left} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let gigabits = left as f64 * 8.0 / 1e9;
    let start = Instant::now();
    stream.write_all(ask.as_bytes()).unwrap();
    head(&mut stream);
    let mut buffer = vec![0; 1 << 18];
    while left > 0 {
        match stream.read(&mut buffer).unwrap() {
            0 => panic!("the download ended early"),
            count => left -= count as u64,
        }
    }
    gigabits / start.elapsed().as_secs_f64()
}

/// Prints medians, and the medians of what each round's figures are to one another.
fn print(ways: &[Way<'_>; 3]) {
    let rows: [Row; 6] = [
        ("CONNECT, ms", |figures| figures.connect_ms),
        ("requests a second, 16 connections", |figures| figures.requests),
        ("processor microseconds a request", |figures| figures.request_us),
        ("download, Gbit/s", |figures| figures.fast_gbit),
        ("processor seconds a gigabyte", |figures| figures.cpu_s),
        ("download from a server of 1 Gbit/s, Gbit/s", |figures| figures.paced_gbit),
    ];
    let names: Vec<&str> = ways.iter().map(|way| way.name).collect();
    println!("| what | {} | ours to theirs | ours to direct |", names.join(" | "));
    println!("|---|---|---|---|---|---|");
    let [direct, ours, theirs] = ways;
    for (what, figure) in rows {
        let medians: Vec<String> =
            ways.iter().map(|way| format!("{:.3}", median(way.figures.iter().map(figure).collect()))).collect();
        let ratio = |other: &Way<'_>| {
            let pairs = ours.figures.iter().zip(&other.figures);
            let ratio = median(pairs.map(|(own, other)| figure(own) / figure(other)).collect());
            if ratio.is_finite() { format!("{ratio:.2}") } else { "-".to_owned() }
        };
        println!("| {what} | {} | {} | {} |", medians.join(" | "), ratio(theirs), ratio(direct));
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
