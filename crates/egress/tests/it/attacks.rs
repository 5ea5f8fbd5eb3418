//! What programs try at the proxy. Each test has its control: the same with what is allowed goes through.

use std::io::Write;
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egress::Bounds;
use egress::proxy::{Lines, Record, Token};

use crate::made::{Made, question};
use crate::world::{Canary, LONG, Making, Person, World, assert_in_time, client, exactly, head, place, rest, upstream};

/// A world in which `good.example` is a server of the test.
fn good(canary: &Canary) -> World {
    let world = Making::new(&[&format!("allow good.example:{}", canary.port())]).forward(&[canary]).start();
    world.book.put("good.example", &[&["127.0.0.1"]]);
    world
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn socks(host: &[u8], port: u16) -> Vec<u8> {
    let request = [&[5, 1, 0, 3, u8::try_from(host.len()).unwrap()], host, &port.to_be_bytes()].concat();
    [vec![5, 1, 0], request].concat()
}

/// Returns the code of SOCKS's answer behind that to the greeting.
fn code(world: &World, bytes: &[u8]) -> u8 {
    let mut stream = world.connect();
    stream.write_all(bytes).unwrap();
    let mut answer = vec![0; 4];
    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
    assert_eq!(answer[..3], [5, 0, 5]);
    answer[3]
}

#[test]
fn denied_hosts_and_ports_are_refused() {
    let canary = Canary::echo();
    let world = good(&canary);
    let port = canary.port();
    let (mut stream, line) = world.tunnel(&format!("GOOD.example.:{port}"));
    assert_eq!(line, "HTTP/1.1 200 Connection established");
    stream.write_all(b"hello\n").unwrap();
    assert_eq!(exactly(&mut stream, 6), "hello\n");
    drop(stream);
    let end = world.kept.ended(1);
    assert_eq!(
        end[0].to_string(),
        format!(
            "connect good.example:{port} allow <- allowedDomains: good.example:{port}: both sides ended (sent 6, received 6)"
        )
    );
    assert_eq!(end[0].address, Some(canary.address));

    let reason = "no rule allows it, and there is nobody to ask";
    let body = format!("palisade: the connection to `evil.example:{port}` is refused: {reason}\n");
    assert_eq!(
        world.talk(format!("CONNECT evil.example:{port} HTTP/1.1\r\n\r\n").as_bytes()),
        format!(
            "HTTP/1.1 403 Palisade: evil.example:{port} refused: {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    );
    for other in ["good.example:22", "good.example:25", "good.example:80"] {
        let (_, line) = world.tunnel(other);
        assert!(line.starts_with("HTTP/1.1 403 "), "{line}");
    }
    assert_eq!(canary.heard(), ["hello\n"]);
    assert_eq!(*world.book.asked.lock().unwrap(), ["good.example"]);
}

#[test]
fn names_that_are_none_are_refused() {
    let canary = Canary::echo();
    let world = Making::new(&["allow good.example:80", "allow *.good.example", "allow allowed.com"])
        .forward(&[&canary])
        .start();
    let names = [
        "evil.com\0.allowed.com",
        "evil.com\r.allowed.com",
        "evil.com\t.allowed.com",
        "evil.com .allowed.com",
        "evil.com%00.allowed.com",
        "evil.com%0d%0a.allowed.com",
        "allowed.com@evil.com",
        "allowed.com#evil.com",
        "allowed.com\\evil.com",
        "allowed.com..",
        "a..good.example",
        ".good.example",
        "-a.good.example",
        "good。example",
        "ｇood.example",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1%25lo]",
        "",
    ];
    let long = format!("{}.good.example", "a".repeat(64));
    let longer = format!("{}good.example", "a.".repeat(130));
    for name in names.into_iter().chain([long.as_str(), longer.as_str()]) {
        let answer = world.talk(format!("CONNECT {name}:443 HTTP/1.1\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{name}: {answer}");
        let answer = world.talk(format!("GET http://{name}/ HTTP/1.1\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{name}: {answer}");
        if name.len() < 256 {
            assert_ne!(code(&world, &socks(name.as_bytes(), 443)), 0, "{name}");
        }
    }
    for name in ["allowed.com.evil.com", "evilallowed.com", "xn--llowed-yta.com", "8.8.8.8", "[2606:4700::1111]"] {
        let answer = world.talk(format!("CONNECT {name}:443 HTTP/1.1\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 403 "), "{name}: {answer}");
    }
    assert_eq!(*world.book.asked.lock().unwrap(), Vec::<String>::new());
    // The control: these are the allowed ones, and are looked up.
    for name in ["allowed.com", "ALLOWED.COM.", "a.good.example"] {
        let (_, line) = world.tunnel(&format!("{name}:443"));
        assert!(line.starts_with("HTTP/1.1 502 ") && line.ends_with("the name is not known"), "{line}");
    }
    assert_eq!(*world.book.asked.lock().unwrap(), ["allowed.com", "allowed.com", "a.good.example"]);
}

#[test]
fn addresses_inside_are_refused() {
    let canary = Canary::echo();
    let port = canary.port();
    // Without a forward this machine is closed, whatever the lists say.
    let world = Making::new(&[
        "allow *.inner.example",
        &format!("allow *.inner.example:{port}"),
        &format!("allow 127.0.0.1:{port}"),
    ])
    .start();
    let inner = [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "2001:0:7f00:1::1",
        "::127.0.0.1",
        "2606:4700::5efe:7f00:1",
    ];
    for address in inner {
        world.book.put("leads.inner.example", &[&[address]]);
        let (_, line) = world.tunnel(&format!("leads.inner.example:{port}"));
        assert!(line.starts_with("HTTP/1.1 403 ") && line.contains("it leads to"), "{address}: {line}");
    }
    let (_, line) = world.tunnel(&format!("127.0.0.1:{port}"));
    assert!(line.starts_with("HTTP/1.1 403 "), "{line}");
    for literal in [
        "169.254.169.254:80",
        "[::ffff:127.0.0.1]:80",
        "[fd00:ec2::254]:80",
        "metadata.google.internal:80",
        "localhost:80",
    ] {
        let (_, line) = world.tunnel(literal);
        assert!(line.starts_with("HTTP/1.1 403 "), "{literal}: {line}");
    }
    assert_eq!(canary.heard(), Vec::<String>::new());
}

#[test]
fn a_name_is_looked_up_once_and_dialled_as_checked() {
    let canary = Canary::echo();
    let world = good(&canary);
    let port = canary.port();
    // First the server, then this machine's other addresses: a second lookup would lead there.
    world.book.put("good.example", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let (mut stream, line) = world.tunnel(&format!("good.example:{port}"));
    assert_eq!(line, "HTTP/1.1 200 Connection established");
    stream.write_all(b"one\n").unwrap();
    assert_eq!(exactly(&mut stream, 4), "one\n");
    assert_eq!(world.book.asked.lock().unwrap().len(), 1);
    let (_, line) = world.tunnel(&format!("good.example:{port}"));
    assert!(line.starts_with("HTTP/1.1 403 "), "{line}");
    // Of a mixed set only what was checked is dialled.
    world.book.put("good.example", &[&["127.0.0.2", "::1", "10.0.0.1", "127.0.0.1"]]);
    let (_, line) = world.tunnel(&format!("good.example:{port}"));
    assert_eq!(line, "HTTP/1.1 200 Connection established");
    drop(stream);
    assert!(world.kept.ended(2).iter().all(|record| record.address == Some(canary.address)));
}

#[test]
fn each_request_is_judged() {
    let canary = Canary::web();
    let port = canary.port();
    let world = good(&canary);
    let request = |host: &str| {
        format!("GET http://{host}:{port}/x HTTP/1.1\r\nHost: {host}:{port}\r\nProxy-Authorization: Basic eA==\r\n\r\n")
    };
    let mut stream = world.connect();
    for _ in 0..2 {
        stream.write_all(request("good.example").as_bytes()).unwrap();
        let answer = head(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("x-server: canary\r\n"), "{answer}");
        let body = format!("GET /x HTTP/1.1\r\nhost: good.example:{port}\r\n\r\n");
        assert_eq!(exactly(&mut stream, body.len()), body);
    }
    // As after a redirect.
    stream.write_all(request("evil.example").as_bytes()).unwrap();
    let answer = rest(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    // One connection to the server served both requests.
    assert_eq!(canary.heard().len(), 1);
}

/// A name below an allowed one can be a message to whoever answers for it: a rule admits no more than so many letters.
#[test]
fn names_are_no_messages_without_end() {
    let canary = Canary::echo();
    let (upstream, asked) = upstream(&canary);
    let mut making = Making::new(&["allow *.good.example", "allow plain.example"]);
    making.upstream = Some(upstream);
    making.bounds.letters = 80;
    let world = making.start();
    let part = "6b65793d".repeat(3);
    let send = |number: u32| world.tunnel(&format!("{number}{part}.good.example:443")).1;
    let said = [1, 2, 3, 1, 4].map(send);
    let passed = "HTTP/1.1 200 Connection established";
    assert_eq!(said.each_ref().map(|line| line == passed), [true, true, false, true, false], "{said:#?}");
    let why = "`allowedDomains: *.good.example` of settings.json:1 has admitted too many names already";
    assert!(said[2].contains(why), "{said:#?}");
    assert_eq!(world.tunnel("plain.example:443").1, passed);
    assert_eq!(asked.lock().unwrap().len(), 4, "{asked:?}");
}

/// Everything that a hello can do, at the port of TLS, which the test's servers cannot have: through another proxy.
#[test]
fn only_a_hello_for_the_host_goes_through() {
    let canary = Canary::echo();
    let (upstream, _) = upstream(&canary);
    let mut making =
        Making::new(&["allow good.example", "opaque loose.example", "allow loose.example", "allow 8.8.8.8"]);
    making.upstream = Some(upstream);
    making.bounds.head = Duration::from_millis(400);
    let world = making.start();
    let send = |target: &str, bytes: &[u8]| {
        let (mut stream, line) = world.tunnel(target);
        assert_eq!(line, "HTTP/1.1 200 Connection established");
        let before = canary.count();
        stream.write_all(bytes).unwrap();
        let mut back = vec![0; bytes.len()];
        match std::io::Read::read_exact(&mut stream, &mut back) {
            Ok(()) if back == bytes => "passed",
            end => {
                assert_in_time(&end);
                assert_eq!(canary.count(), before, "bytes reached the server");
                "refused"
            }
        }
    };
    let hello = |text: &str| Made::parse(text).bytes();
    let (right, wrong) = (hello("name good.example"), hello("name evil.example"));
    let rows: [(&str, Vec<u8>, &str); 17] = [
        ("good.example:443", right.clone(), "passed"),
        ("good.example:443", hello("name GOOD.example; record 9"), "passed"),
        ("good.example:443", wrong.clone(), "refused"),
        ("good.example:443", hello("name evil.example; record 3"), "refused"),
        ("good.example:443", hello("plain"), "refused"),
        ("good.example:443", hello("name 8.8.8.8"), "refused"),
        ("good.example:443", hello("name good.example; name evil.example"), "refused"),
        ("good.example:443", hello("name good.example; extension fe0d"), "refused"),
        ("good.example:443", hello("name good.example; padding 33000"), "refused"),
        ("good.example:443", hello("name good.example; cut 50"), "refused"),
        ("good.example:443", b"SSH-2.0-probe\r\n".to_vec(), "refused"),
        ("good.example:443", b"GET / HTTP/1.1\r\nHost: good.example\r\n\r\n".to_vec(), "refused"),
        ("loose.example:443", b"SSH-2.0-probe\r\n".to_vec(), "passed"),
        ("loose.example:443", wrong.clone(), "passed"),
        ("8.8.8.8:443", hello("plain"), "passed"),
        ("8.8.8.8:443", wrong, "refused"),
        ("good.example:80", right, "passed"),
    ];
    for (target, bytes, outcome) in rows {
        assert_eq!(send(target, &bytes), outcome, "{target} {:?}", String::from_utf8_lossy(&bytes));
    }
    let (mut stream, _) = world.tunnel("good.example:443");
    stream.write_all(&hello("name evil.example")).unwrap();
    let mut alert = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut alert).unwrap();
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 112]);
    let reasons = world.kept.text();
    assert!(reasons.contains("deny <- allowedDomains: good.example: the TLS hello on a connection to `good.example` is for `evil.example` (sent 0, received 0)"), "{reasons}");
}

/// A server may want a second hello, in clear text as the first.
#[test]
fn a_second_hello_is_for_the_host_too() {
    let canary = Canary::new(|stream, hear| {
        let mut buffer = [0; 4096];
        for is_first in [true, false] {
            let Ok(count @ 1..) = std::io::Read::read(stream, &mut buffer) else { return };
            hear(&buffer[..count]);
            let answer = if is_first { Made::retry() } else { buffer[..count].to_vec() };
            stream.write_all(&answer).unwrap();
        }
    });
    let world = good(&canary);
    let hello = |name: &str| Made::named(name).bytes();
    let filler = [20, 3, 3, 0, 1, 1];
    for (second, is_passed) in [
        (hello("good.example"), true),
        ([&filler[..], &hello("good.example")].concat(), true),
        (hello("evil.example"), false),
        ([&filler[..], &hello("evil.example")].concat(), false),
        (Made::parse("name evil.example; record 5").bytes(), false),
        (Made::parse("name good.example; extension fe0d").bytes(), false),
        (vec![23, 3, 3, 0, 1, 0], false),
    ] {
        let (mut stream, _) = world.tunnel(&format!("good.example:{}", canary.port()));
        stream.write_all(&hello("good.example")).unwrap();
        let mut answer = vec![0; Made::retry().len()];
        std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
        assert_eq!(answer, Made::retry());
        let before = canary.count();
        stream.write_all(&second).unwrap();
        let mut bytes = Vec::new();
        assert_in_time(&std::io::Read::read_to_end(&mut stream, &mut bytes));
        assert_eq!(bytes == second, is_passed, "{second:?} gave {bytes:?}");
        assert_eq!(canary.count() > before, is_passed);
    }
}

/// At other ports than the web's a lenient server is still not spoken to about another host.
#[test]
fn what_a_server_could_take_for_a_request_is_one() {
    let canary = Canary::echo();
    let world = good(&canary);
    let port = canary.port();
    let say = |parts: &[&str]| {
        let (mut stream, _) = world.tunnel(&format!("good.example:{port}"));
        for part in parts {
            stream.write_all(part.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(30));
        }
        drop(stream.shutdown(Shutdown::Write));
        rest(&mut stream)
    };
    let rest_of = "/ HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    for parts in [
        &["PROPFIND ", rest_of][..],
        &["get ", rest_of],
        &["\r\nGET ", rest_of],
        &["\n", "\n", "G", "ET", " ", rest_of],
        &["\x15\x03\x03\x00\x02\x01\x00", "\x16\x03\x01"],
        &["CONNECT evil.example:443 HTTP/1.1\r\n\r\n"],
        &["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ] {
        let before = canary.count();
        say(parts);
        assert_eq!(canary.count(), before, "{parts:?} reached the server");
    }
    // The controls: what is neither is passed on.
    for parts in
        [&["SSH-2.0-OpenSSH_9.6p1 probe\r\n"][..], &["\0\0\0\x08\x04\x52"], &["PING\r\n"], &["0032git-upload-pack /a"]]
    {
        assert_eq!(say(parts), parts.concat(), "{parts:?}");
    }
}

#[test]
fn requests_in_a_tunnel_are_for_its_host() {
    let canary = Canary::web();
    let port = canary.port();
    let world = good(&canary);
    let (mut stream, _) = world.tunnel(&format!("good.example:{port}"));
    stream.write_all(format!("GET /a HTTP/1.1\r\nHost: good.example:{port}\r\n\r\n").as_bytes()).unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 200 OK"));
    exactly(&mut stream, format!("GET /a HTTP/1.1\r\nhost: good.example:{port}\r\n\r\n").len());
    stream.write_all(format!("GET /b HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n").as_bytes()).unwrap();
    let answer = rest(&mut stream);
    assert_eq!(first_line(&answer), "HTTP/1.1 421 Misdirected Request");
    assert_eq!(canary.heard(), [format!("GET /a HTTP/1.1\r\nhost: good.example:{port}\r\n\r\n")]);
}

#[test]
fn smuggled_requests_are_refused() {
    let canary = Canary::web();
    let port = canary.port();
    let world = good(&canary);
    let host = format!("good.example:{port}");
    let fields = [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "X: a\r\n b\r\n",
        "X: a\nY: b\r\n",
        "Host: evil.example\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Connection: content-length\r\nContent-Length: 1\r\n",
    ];
    for field in fields {
        let answer =
            world.talk(format!("POST http://{host}/ HTTP/1.1\r\nHost: {host}\r\n{field}\r\n0\r\n\r\n").as_bytes());
        assert_eq!(first_line(&answer), "HTTP/1.1 400 Bad Request", "{field}");
    }
    for (head, status) in [
        (format!("TRACE http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"), "405 Method Not Allowed"),
        (format!("GET https://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"), "400 Bad Request"),
        (
            format!("GET http://{host}/ HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(40_000)),
            "431 Request Header Fields Too Large",
        ),
        (
            format!("GET http://{host}/ HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(101)),
            "431 Request Header Fields Too Large",
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "505 HTTP Version Not Supported"),
    ] {
        assert_eq!(first_line(&world.talk(head.as_bytes())), format!("HTTP/1.1 {status}"));
    }
    assert_eq!(canary.count(), 0);
    // A body whose chunks are none breaks off before the next request could begin in it.
    let bad = format!(
        "POST http://{host}/ HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n"
    );
    world.talk(bad.as_bytes());
    assert!(canary.heard().iter().all(|heard| !heard.contains("evil")), "{:?}", canary.heard());
}

#[test]
fn other_protocols_begin_where_they_are_asked_for() {
    let canary = Canary::new(|stream, hear| {
        let request = head(stream);
        hear(request.as_bytes());
        let answer: &[u8] = if request.contains("upgrade: websocket") {
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        } else {
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
        };
        stream.write_all(answer).unwrap();
        let mut byte = [0];
        while let Ok(1) = std::io::Read::read(stream, &mut byte) {
            hear(&byte);
            stream.write_all(&byte).unwrap();
        }
    });
    let port = canary.port();
    let world = good(&canary);
    let ask = |protocol: &str| {
        format!(
            "GET http://good.example:{port}/ HTTP/1.1\r\nHost: good.example:{port}\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
        )
    };
    let mut stream = world.connect();
    stream.write_all(ask("websocket").as_bytes()).unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 101 "));
    stream.write_all(b"frames").unwrap();
    assert_eq!(exactly(&mut stream, 6), "frames");
    drop(stream);
    // Another protocol was not asked for in the server's hearing, and is not believed.
    let answer = world.talk(ask("h2c").as_bytes());
    assert_eq!(first_line(&answer), "HTTP/1.1 502 Bad Gateway");
    assert!(!canary.heard()[1].contains("h2c"));
}

#[test]
fn a_client_without_the_token_is_sent_away() {
    let canary = Canary::web();
    let port = canary.port();
    let mut making = Making::new(&[&format!("allow good.example:{port}")]).forward(&[&canary]);
    making.token = Token::new(b"word");
    let world = making.start();
    world.book.put("good.example", &[&["127.0.0.1"]]);
    let ask = |field: &str| {
        world.talk(format!("GET http://good.example:{port}/ HTTP/1.1\r\nHost: good.example:{port}\r\n{field}Connection: close\r\n\r\n").as_bytes())
    };
    for field in [
        "",
        "Proxy-Authorization: Basic eDp4\r\n",
        "Proxy-Authorization: Basic eDp3b3Jk, Basic x\r\n",
        "Proxy-Authorization: Bearer word\r\n",
    ] {
        assert_eq!(first_line(&ask(field)), "HTTP/1.1 407 Proxy Authentication Required", "{field}");
    }
    // `x:word`
    assert_eq!(first_line(&ask("Proxy-Authorization: Basic eDp3b3Jk\r\n")), "HTTP/1.1 200 OK");
    assert!(canary.heard().iter().all(|heard| !heard.to_lowercase().contains("authorization")));

    let mut stream = world.connect();
    stream.write_all(&[5, 1, 0]).unwrap();
    assert_eq!(rest(&mut stream).as_bytes(), "\u{5}\u{fffd}".as_bytes());
    for (word, answer) in [("word", "\u{1}\0"), ("wore", "\u{1}\u{1}"), ("", "\u{1}\u{1}")] {
        let mut stream = world.connect();
        stream.write_all(&[5, 2, 0, 2]).unwrap();
        assert_eq!(exactly(&mut stream, 2), "\u{5}\u{2}");
        stream.write_all(&[&[1, 1, b'x', u8::try_from(word.len()).unwrap()], word.as_bytes()].concat()).unwrap();
        assert_eq!(exactly(&mut stream, 2), answer);
    }
    assert!(!world.kept.text().contains("word"), "{}", world.kept.text());
}

#[test]
fn socks_connects_and_does_nothing_else() {
    let canary = Canary::echo();
    let world = good(&canary);
    let port = canary.port();
    assert_eq!(code(&world, &socks(b"good.example", port)), 0);
    assert_eq!(code(&world, &socks(b"evil.example", port)), 2);
    assert_eq!(code(&world, &socks(b"good.example", 25)), 2);
    assert_eq!(code(&world, &socks(b"10.0.0.1", 443)), 2);
    assert_eq!(code(&world, &[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 2, 1, 187]), 2);
    assert_eq!(code(&world, &[5, 1, 0, 5, 2, 0, 1, 127, 0, 0, 1, 1, 187]), 7);
    assert_eq!(code(&world, &[5, 1, 0, 5, 3, 0, 1, 127, 0, 0, 1, 1, 187]), 7);
    assert_eq!(code(&world, &[5, 1, 0, 5, 1, 0, 9, 127, 0, 0, 1, 1, 187]), 8);
    let mut stream = world.connect();
    stream.write_all(&[4, 1, 1, 187, 127, 0, 0, 1, 0]).unwrap();
    assert_eq!(rest(&mut stream).as_bytes()[..2], [0, b'[']);
}

#[test]
fn slow_and_large_clients_do_not_stall_others() {
    let canary = Canary::echo();
    let mut making = Making::new(&[&format!("allow good.example:{}", canary.port())]).forward(&[&canary]);
    making.bounds = Bounds { head: Duration::from_secs(2), connections: 220, ..Bounds::USUAL };
    let world = making.start();
    world.book.put("good.example", &[&["127.0.0.1"]]);
    let mut slow: Vec<_> = (0..200).map(|_| world.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"CONNECT good.exa").unwrap();
    }
    let start = Instant::now();
    let (mut stream, line) = world.tunnel(&format!("good.example:{}", canary.port()));
    assert_eq!(line, "HTTP/1.1 200 Connection established");
    stream.write_all(b"hello\n").unwrap();
    assert_eq!(exactly(&mut stream, 6), "hello\n");
    assert!(start.elapsed() < Duration::from_secs(1));
    // Above the limit a client is told so.
    let more: Vec<_> = (0..40).map(|_| world.connect()).collect();
    let told = more.into_iter().filter(|stream| {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut stream = stream;
        let mut bytes = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut bytes).is_ok() && bytes == *b"HTTP/1.1 503"
    });
    assert!(told.count() >= 20);
    // Those who never finish are sent away.
    for stream in &mut slow {
        assert_eq!(first_line(&rest(stream)), "HTTP/1.1 408 Request Timeout");
    }
    stream.write_all(b"still").unwrap();
    assert_eq!(exactly(&mut stream, 5), "still");
}

#[test]
fn narrower_rules_close_open_connections() {
    let canary = Canary::echo();
    let port = canary.port();
    let keep = format!("allow keep.example:{port}");
    let world = Making::new(&[&format!("allow good.example:{port}"), &keep]).forward(&[&canary]).start();
    world.book.put("good.example", &[&["127.0.0.1"]]);
    world.book.put("keep.example", &[&["127.0.0.1"]]);
    let (mut gone, _) = world.tunnel(&format!("good.example:{port}"));
    let (mut kept, _) = world.tunnel(&format!("keep.example:{port}"));
    for stream in [&mut gone, &mut kept] {
        stream.write_all(b"hello\n").unwrap();
        assert_eq!(exactly(stream, 6), "hello\n");
    }
    world.set(&[&keep, "deny good.example"]);
    assert_eq!(rest(&mut gone), "");
    kept.write_all(b"again").unwrap();
    assert_eq!(exactly(&mut kept, 5), "again");
    let end: &Record = &world.kept.ended(1)[0];
    assert_eq!(end.reason, "the rules have changed: `deniedDomains: good.example` of settings.json:2 denies it");
    let (_, line) = world.tunnel(&format!("good.example:{port}"));
    assert!(line.starts_with("HTTP/1.1 403 "), "{line}");
}

#[test]
fn a_person_is_asked_once_and_for_what_was_answered() {
    let canary = Canary::echo();
    let port = canary.port();
    let person = Arc::new(Person::default());
    let mut making = Making::new(&["deny denied.example"]).forward(&[&canary]);
    making.decider = person.clone();
    making.bounds.question = Duration::from_millis(800);
    let world = making.start();
    let names = ["once", "session", "always", "no", "hang", "crash"];
    for name in names {
        world.book.put(&format!("{name}.example"), &[&["127.0.0.1"]]);
    }
    let open = |name: &str| world.tunnel(&format!("{name}.example:{port}")).1;
    assert!(open("denied").contains("denies it"));
    for (name, answers) in
        [("once", [true, true]), ("session", [true, true]), ("always", [true, true]), ("no", [false, false])]
    {
        assert_eq!([open(name), open(name)].map(|line| line.contains(" 200 ")), answers, "{name}");
    }
    let asked = || {
        person.asked.lock().unwrap().iter().map(|text| text.split('.').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(asked(), ["once", "once", "session", "always", "no"]);
    // Another port is another question.
    assert!(world.tunnel("session.example:1").1.contains("127.0.0.1, which is this machine's address"));
    assert_eq!(asked().len(), 6);
    // Who does not answer, or breaks, has said no.
    let start = Instant::now();
    assert!(open("hang").ends_with("no rule allows it, and nobody answered in time"));
    assert!(start.elapsed() < LONG / 4);
    assert_eq!(open("crash"), "");
    assert!(open("session").contains(" 200 "));
    assert_eq!(canary.count(), 0);
}

/// A program answers by lines, which must be answers and nothing else.
#[test]
fn a_decider_says_exactly_what_it_means() {
    let line = |answer: &str| format!("{{\"version\":1,\"id\":1,\"answer\":{answer}}}\n");
    let gone = "no rule allows it, and the decider is gone";
    let late = "no rule allows it, and nobody answered in time";
    for (said, expected) in [
        (line("\"once\""), "HTTP/1.1 200 Connection established"),
        (line("\"always\""), "HTTP/1.1 200 Connection established"),
        (line("\"deny\",\"reason\":\"not\\ntoday\""), "no rule allows it, and not today"),
        (line("\"deny\""), "no rule allows it, and the decider said no"),
        (line("\"yes\""), gone),
        (line("true"), gone),
        (line("\"once\",\"more\":1"), gone),
        (line("\"once\"").replace(":1,", ":2,"), gone),
        (line("\"once\"").replace("\"id\":1", "\"id\":9"), late),
        ("true\n".to_owned(), gone),
        ("\n".to_owned(), gone),
        ("x".repeat(100_000), gone),
        (String::new(), late),
    ] {
        let canary = Canary::echo();
        let (outside, inside) = std::os::unix::net::UnixStream::pair().unwrap();
        let (lines, conversation) = Lines::new(inside);
        let mut making = Making::new(&[]).forward(&[&canary]);
        (making.decider, making.beside) = (Arc::new(lines), Some(conversation));
        making.bounds.question = Duration::from_millis(600);
        let world = making.start();
        world.book.put("new.example", &[&["127.0.0.1"]]);
        let mut stream = world.connect();
        stream.write_all(format!("CONNECT new.example:{} HTTP/1.1\r\n\r\n", canary.port()).as_bytes()).unwrap();
        let mut question = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(&outside), &mut question).unwrap();
        let target = format!("\"host\":\"new.example\",\"port\":{}", canary.port());
        let rest_of = "\"command\":\"command 7\",\"program\":\"probe\",\"reason\":\"no rule allows it\"";
        assert_eq!(question, format!("{{\"version\":1,\"id\":1,{target},{rest_of}}}\n"));
        // It may hang up before it has heard everything.
        drop((&outside).write_all(said.as_bytes()));
        let head = head(&mut stream);
        assert!(first_line(&head).ends_with(expected), "{said:?}: {head}");
    }
}

#[test]
fn connections_that_wait_share_a_question() {
    let canary = Canary::echo();
    let port = canary.port();
    let person = Arc::new(Person::default());
    let mut making = Making::new(&[]).forward(&[&canary]);
    making.decider = person.clone();
    let world = making.start();
    world.book.put("once.example", &[&["127.0.0.1"]]);
    let mut streams: Vec<_> = (0..8).map(|_| world.connect()).collect();
    for stream in &mut streams {
        stream.write_all(format!("CONNECT once.example:{port} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    }
    for stream in &mut streams {
        assert_eq!(first_line(&head(stream)), "HTTP/1.1 200 Connection established");
    }
    assert_eq!(person.asked.lock().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let canary = Canary::echo();
    let world = good(&canary);
    world.kept.is_full.store(true, std::sync::atomic::Ordering::SeqCst);
    let (_, line) = world.tunnel(&format!("good.example:{}", canary.port()));
    assert!(line.ends_with("the connection cannot be recorded"), "{line}");
    assert_eq!(canary.heard(), Vec::<String>::new());
}

#[test]
fn one_side_may_end_first_and_idle_connections_end() {
    let canary = Canary::new(|stream, hear| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(stream, &mut bytes).unwrap();
        hear(&bytes);
        stream.write_all(b"the answer comes when the question is over").unwrap();
    });
    let mut making = Making::new(&[&format!("allow good.example:{}", canary.port())]).forward(&[&canary]);
    making.bounds.idle = Duration::from_millis(700);
    let world = making.start();
    world.book.put("good.example", &[&["127.0.0.1"]]);
    let target = format!("good.example:{}", canary.port());
    let (mut stream, _) = world.tunnel(&target);
    stream.write_all(b"question").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stream), "the answer comes when the question is over");
    let (mut stream, _) = world.tunnel(&target);
    stream.write_all(b"not a request").unwrap();
    let start = Instant::now();
    assert_eq!(rest(&mut stream), "");
    assert!(start.elapsed() < LONG / 4);
    let reasons: Vec<String> = world.kept.ended(2).into_iter().map(|record| record.reason).collect();
    assert_eq!(reasons, ["both sides ended", "nothing moved for too long"]);
}

#[test]
fn programs_that_know_no_proxy_are_captured() {
    let canary = Canary::web();
    let port = canary.port();
    let first = TcpListener::bind(("127.200.0.1", port)).unwrap();
    let mut making =
        Making::new(&[&format!("allow good.example:{port}"), "deny evil.example", "strict"]).forward(&[&canary]);
    making.captured = vec![first];
    let world = making.start();
    world.book.put("good.example", &[&["127.0.0.1"]]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let ask = |name: &str, kind: u16| {
        socket.send_to(&question(7, name, kind), world.names).unwrap();
        let mut answer = vec![0; 512];
        let count = socket.recv(&mut answer).unwrap();
        answer.truncate(count);
        (answer[3] & 15, answer.split_off(count - 4))
    };
    assert_eq!(ask("evil.example", 1).0, 3);
    assert_eq!(ask("c2VjcmV0.evil.example", 1).0, 3);
    assert_eq!(ask("Good.Example", 1), (0, vec![127, 200, 0, 1]));
    assert_eq!(ask("good.example", 1), (0, vec![127, 200, 0, 1]));
    assert_eq!(ask("good.example", 28).0, 0);
    assert_eq!(ask("good.example", 16).0, 0);
    // Nobody was asked for any of them.
    assert_eq!(*world.book.asked.lock().unwrap(), Vec::<String>::new());

    let to = format!("127.200.0.1:{port}").parse().unwrap();
    let get = |host: &str| {
        let mut stream = client(to);
        stream
            .write_all(format!("GET /x HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap();
        rest(&mut stream)
    };
    assert_eq!(first_line(&get("good.example")), "HTTP/1.1 200 OK");
    assert_eq!(first_line(&get("evil.example")), "HTTP/1.1 421 Misdirected Request");
    let mut stream = client(to);
    stream.write_all(&Made::named("evil.example").bytes()).unwrap();
    let mut alert = Vec::new();
    assert_in_time(&std::io::Read::read_to_end(&mut stream, &mut alert));
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 112]);
    world.set(&["deny good.example"]);
    let refused = get("good.example");
    assert_eq!(first_line(&refused), "HTTP/1.1 403 Forbidden");
    assert!(refused.contains("`deniedDomains: good.example` of settings.json:1 denies it"), "{refused}");
    let heard: Vec<String> = canary.heard().into_iter().filter(|heard| !heard.is_empty()).collect();
    assert_eq!(heard, [format!("GET /x HTTP/1.1\r\nhost: good.example:{port}\r\n\r\n")]);
}

#[test]
fn the_proxy_of_the_network_around_is_used() {
    let (canary, direct) = (Canary::web(), Canary::web());
    let (mut upstream, heads) = upstream(&canary);
    upstream.direct = vec![place("direct.example")];
    let port = direct.port();
    let mut making = Making::new(&["allow good.example", "allow 10.0.0.1:22", &format!("allow direct.example:{port}")])
        .forward(&[&direct]);
    making.upstream = Some(upstream);
    let world = making.start();
    world.book.put("direct.example", &[&["127.0.0.1"]]);
    let plain = world.talk(b"GET http://good.example/x HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n");
    assert_eq!(first_line(&plain), "HTTP/1.1 200 OK");
    let (_, line) = world.tunnel("good.example:443");
    assert_eq!(line, "HTTP/1.1 200 Connection established");
    let (_, line) = world.tunnel(&format!("direct.example:{port}"));
    assert_eq!(line, "HTTP/1.1 200 Connection established");
    for refused in ["evil.example:443", "127.0.0.1:443", "169.254.169.254:80"] {
        assert!(world.tunnel(refused).1.starts_with("HTTP/1.1 403 "), "{refused}");
    }
    assert_eq!(
        *heads.lock().unwrap(),
        [
            "GET http://good.example/x HTTP/1.1\r\nhost: good.example\r\nproxy-authorization: Basic b3V0ZXI=\r\n\r\n",
            "CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:443\r\nProxy-Authorization: Basic b3V0ZXI=\r\n\r\n",
        ]
    );
    assert_eq!(*world.book.asked.lock().unwrap(), ["direct.example"]);
    assert!(!world.kept.text().contains("b3V0ZXI"));
}
