//! Load: many connections, clients that are slow, heads that are huge. Limits hold, memory is bounded, others are served.
//! `cargo xtask bench proxy --connections N` is the long form, with processes of their own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use egress::Bounds;
use egress::proxy::Stage;

use crate::world::{Canary, LONG, Making, World, exactly, head, rest};

/// How many connections come, and how many of them are there at a time.
const CONNECTIONS: usize = 10_000;
const BATCH: usize = 100;
/// How long somebody waits who wants little while others want much.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the test's process may grow by. Other tests are in the same process, so it is more than the proxy takes.
const GROWTH_KB_MAX: u64 = 192 * 1024;

fn memory_kb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn world(server: &Canary, bounds: Bounds) -> World {
    let mut making = Making::new(&[&format!("allow good.example:{}", server.port())]).forward(&[server]);
    making.bounds = bounds;
    let world = making.start();
    world.book.put("good.example", &[&["127.0.0.1"]]);
    world
}

/// Says something, and hears it again in time.
fn is_served(stream: &mut TcpStream, what: &str) {
    let start = Instant::now();
    stream.write_all(what.as_bytes()).unwrap();
    assert_eq!(exactly(stream, what.len()), what);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn ten_thousand_connections_come_and_go() {
    let canary = Canary::echo();
    // Places are free again soon after those who had them are gone.
    let world = world(&canary, Bounds { connections: 4 * BATCH, ..Bounds::USUAL });
    let target = format!("good.example:{}", canary.port());
    let (mut other, _) = world.tunnel(&target);
    let before = memory_kb();
    for _ in 0..CONNECTIONS / BATCH {
        let mut open: Vec<TcpStream> = (0..BATCH)
            .map(|_| {
                let mut stream = world.connect();
                write!(stream, "CONNECT {target} HTTP/1.1\r\n\r\n").unwrap();
                stream
            })
            .collect();
        for stream in &mut open {
            assert_eq!(head(stream).lines().next(), Some("HTTP/1.1 200 Connection established"));
            stream.write_all(b"hello\n").unwrap();
        }
        is_served(&mut other, "still\n");
        for stream in &mut open {
            assert_eq!(exactly(stream, 6), "hello\n");
        }
    }
    let grown = memory_kb().saturating_sub(before);
    assert!(grown < GROWTH_KB_MAX, "{grown} KiB");
    drop(other);
    let ends = world.kept.ended(CONNECTIONS + 1);
    assert!(ends.iter().all(|record| matches!(record.stage, Stage::Ended { sent: 6.., received: 6.. })));
}

#[test]
fn slow_clients_and_huge_heads_take_no_more_than_theirs() {
    const EACH: usize = 64;
    /// What the server sends to a client that does not read it.
    const FLOOD: usize = 16 << 20;
    let canary = Canary::new(|stream, hear| {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            hear(&buffer[..count]);
            let times = if buffer.starts_with(b"flood") { FLOOD / buffer.len() } else { 1 };
            let answer = if times > 1 { &buffer[..] } else { &buffer[..count] };
            if (0..times).any(|_| stream.write_all(answer).is_err()) {
                break;
            }
        }
    });
    let world = world(&canary, Bounds { head: Duration::from_secs(3), connections: 5 * EACH, ..Bounds::USUAL });
    let target = format!("good.example:{}", canary.port());
    let (mut other, _) = world.tunnel(&target);
    is_served(&mut other, "before\n");
    let before = memory_kb();
    // A head that does not end, one that comes slowly, one that is as large as may be, and a flood that is not read.
    let mut open: Vec<TcpStream> = Vec::new();
    for _ in 0..EACH {
        for head in
            [format!("GET http://{target}/ HTTP/1.1\r\nX: {}", "x".repeat(30_000)), "CONNECT good.ex".to_owned()]
        {
            let mut stream = world.connect();
            stream.write_all(head.as_bytes()).unwrap();
            open.push(stream);
        }
        is_served(&mut other, "meanwhile\n");
    }
    let floods: Vec<TcpStream> = (0..EACH)
        .map(|_| {
            let (mut stream, _) = world.tunnel(&target);
            stream.write_all(b"flood").unwrap();
            stream
        })
        .collect();
    for _ in 0..50 {
        is_served(&mut other, "meanwhile\n");
    }
    // A gigabyte is on its way, and none of it waits here.
    let grown = memory_kb().saturating_sub(before);
    assert!(grown < GROWTH_KB_MAX, "{grown} KiB");
    let endless = world.talk(format!("GET http://{target}/ HTTP/1.1\r\nX: {}", "x".repeat(40_000)).as_bytes());
    assert!(endless.starts_with("HTTP/1.1 431 "), "{endless}");
    for stream in &mut open {
        stream.set_read_timeout(Some(LONG)).unwrap();
        assert!(rest(stream).starts_with("HTTP/1.1 408 "));
    }
    is_served(&mut other, "after\n");
    drop(floods);
}
