//! Rows 108-118, 127-129, 170: sockets of the host, and the network.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};

use crate::runner::Case;
use crate::world::{World, check};
use sandbox::Tier;

pub(crate) const CASES: &[Case] = &[
    ("sockets_of_the_host_by_path", by_path),
    ("sockets_datagrams_by_path", datagrams),
    ("sockets_abstract", abstract_names),
    ("sockets_to_lure_a_client", lure),
    ("sockets_pairs", pairs),
    ("network_host_loopback", host_loopback),
    ("network_own_loopback", own_loopback),
    ("network_refusals_are_told", told),
];

/// Rows 108-115: whatever listens, wherever its path is.
fn by_path(world: &World) {
    for name in ["outside/socket", "project/socket"] {
        let path = world.path(name);
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        check(name, &world.inside(&["unix-connect", &path]).out, &["EPERM"]);
        assert!(listener.accept().is_err());
        check(name, &world.outside(&["unix-connect", &path]), &["ok"]);
        assert!(listener.accept().is_ok());
    }
}

/// Rows 117, 118.
fn datagrams(world: &World) {
    let path = world.path("outside/datagrams");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    check("pair", &world.inside(&["pair-sendto", &path, "evil"]).out, &["EPERM"]);
    assert!(socket.recv(&mut [0; 8]).is_err());
    check("pair", &world.outside(&["pair-sendto", &path, "evil"]), &["ok"]);
    assert!(socket.recv(&mut [0; 8]).is_ok());
    let listener = UnixListener::bind(world.path("outside/stream")).unwrap();
    let stream = world.path("outside/stream");
    check("stream pair", &world.inside(&["pair-stream-connect", &stream]).out, &["EISCONN"]);
    drop(listener);
}

fn abstract_names(world: &World) {
    let name = format!("palisade-probe-{}", std::process::id());
    check("bind", &world.inside(&["abstract-bind", &name]).out, &["EPERM"]);
    check("bind", &world.outside(&["abstract-bind", &name]), &["ok"]);
}

/// Row 126: a socket in the project that a program of the host might take for its own server.
fn lure(world: &World) {
    for name in ["lure", ".git/fsmonitor--daemon.ipc"] {
        check(name, &world.inside(&["unix-bind", name]).out, &["EPERM"]);
        assert!(!std::path::Path::new(&world.path("project")).join(name).exists());
        check(name, &world.outside(&["unix-bind", name]), &["ok"]);
    }
}

fn pairs(world: &World) {
    check("stream", &world.inside(&["socketpair", "1"]).out, &["ok"]);
    check("packets", &world.inside(&["socketpair", "5"]).out, &["ok"]);
    check("datagrams", &world.inside(&["socketpair", "2"]).out, &["EPERM"]);
    // `SOCK_RAW` is a datagram socket here.
    check("raw", &world.inside(&["socketpair", "3"]).out, &["EPERM"]);
    // With close-on-exec and non-blocking, as programs ask for it.
    check("flags", &world.inside(&["socketpair", "526337"]).out, &["ok"]);
    check("flags", &world.inside(&["socketpair", "526338"]).out, &["EPERM"]);
}

/// Row 170.
fn host_loopback(world: &World) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    check("tcp", &world.inside(&["tcp", &address]).out, &["ECONNREFUSED", "EPERM"]);
    assert!(listener.accept().is_err());
    check("tcp", &world.outside(&["tcp", &address]), &["ok"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    world.inside(&["udp", &address, "evil"]);
    assert!(socket.recv(&mut [0; 8]).is_err());
    check("udp", &world.outside(&["udp", &address, "evil"]), &["ok"]);
}

fn own_loopback(world: &World) {
    check("loopback", &world.inside(&["loopback"]).out, &["ok"]);
}

/// Rows 127-129. The addresses are for documentation and lead nowhere.
fn told(world: &World) {
    for (words, what) in [
        (["tcp", "192.0.2.1:443", ""], Some("connect 192.0.2.1:443")),
        (["tcp", "[2001:db8::1]:443", ""], Some("connect [2001:db8::1]:443")),
        (["udp", "192.0.2.1:53", "x"], Some("sendto 192.0.2.1:53")),
        (["udp-msg", "192.0.2.1:53", ""], None),
    ] {
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let seen = world.inside(&words);
        check(words[1], &seen.out, &["ENETUNREACH", "EPERM", "EBADF"]);
        // Without a network namespace there is no socket that could say where it was to lead.
        let what = if world.tier == Tier::Landlock { Some("socket internet type") } else { what };
        if let Some(what) = what {
            assert!(seen.report.contains(&format!("\"what\": \"{what}")), "{}", seen.report);
            assert!(seen.report.contains("/probe\""), "{}", seen.report);
        }
    }
}
