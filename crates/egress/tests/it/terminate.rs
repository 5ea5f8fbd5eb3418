//! TLS that ends at the proxy: what goes through, and what a client or a server may not do behind it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine;
use egress::proxy::{Authority, Inspection, Roots, Terminate, java_store};
use egress::rules::{Effect, PushRule, PushRules, RequestRule, RequestRules};
use policy::{Origin, Scope};

use crate::tls::{Certificates, Inside, Scene, Secure, body, client_config, head, terminate};
use crate::world::Making;

fn origin() -> Origin {
    Origin { scope: Scope::User, file: "settings.json".to_owned(), line: 1 }
}

/// Reads `allow METHODS HOST/PATH` and `deny ...`.
pub(crate) fn rules(lines: &[&str]) -> RequestRules {
    let rule = |line: &&str| match line.split_once(' ').unwrap() {
        ("allow", rest) => RequestRule::parse(Effect::Allow, rest, origin()).unwrap(),
        ("deny", rest) => RequestRule::parse(Effect::Deny, rest, origin()).unwrap(),
        other => panic!("no such rule: {other:?}"),
    };
    RequestRules(lines.iter().map(rule).collect())
}

pub(crate) fn pushes(lines: &[&str]) -> PushRules {
    PushRules(lines.iter().map(|line| PushRule::parse(line, origin()).unwrap()).collect())
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn requests_in_tls_are_passed_on_one_after_the_other() {
    let server = Secure::web();
    let scene = Scene::new(&[server.address], Inspection::default());
    let port = server.port();
    let mut client = scene.connect("good.example", port);
    client.send(format!("GET /a?b HTTP/1.1\r\nHost: good.example:{port}\r\nX-Own: 1\r\n\r\n").as_bytes());
    let seen = format!("GET /a?b HTTP/1.1\r\nhost: good.example:{port}\r\nx-own: 1\r\n\r\n");
    let answer =
        |seen: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-server: canary\r\n\r\n{seen}", seen.len());
    assert_eq!(client.answer(), answer(&seen));
    client
        .send(format!("PUT /b HTTP/1.1\r\nHost: good.example:{port}\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes());
    for part in ["2\r\nab", "\r\n3\r", "\ncde\r\n0\r\n", "\r\n"] {
        client.send(part.as_bytes());
        client.0.flush().unwrap();
    }
    let answer = client.answer();
    assert!(answer.contains("PUT /b HTTP/1.1\r\nhost: good.example"), "{answer}");
    // The same body, however it is cut anew.
    let sent: String = answer.split("\r\n\r\n").nth(2).unwrap().split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(sent, "abcde");
    drop(client);
    let end = &scene.world.kept.ended(1)[0];
    assert_eq!(end.reason, "both sides ended");
    assert!(!scene.authority.certificate().contains("PRIVATE"));
    assert_eq!(format!("{:?}", scene.authority), "Authority(hidden)");
}

#[test]
fn a_request_is_for_the_host_of_its_connection() {
    let server = Secure::web();
    let scene = Scene::new(&[server.address], Inspection::default());
    let port = server.port();
    for (host, expected) in [
        (format!("good.example:{port}"), "200"),
        ("GOOD.example.".to_owned(), "200"),
        ("evil.example".to_owned(), "421"),
        (format!("other.good.example:{port}"), "421"),
        ("good.example:1".to_owned(), "400"),
        (format!("good.example:{port}\r\nHost: evil.example"), "400"),
        ("127.0.0.1".to_owned(), "421"),
        ("good.example@evil.example".to_owned(), "400"),
    ] {
        let answer =
            scene.talk(port, format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes());
        assert_eq!(status(&answer), expected, "{host}: {answer}");
    }
    let heads = server.heard().join("");
    assert_eq!(heads.matches("GET /").count(), 2);
    assert!(!heads.contains("evil") && !heads.contains("other"), "{heads}");
    let text = scene.world.kept.text();
    let reason = format!(
        "the request `GET /` is refused: it is for `evil.example:{port}`, on a connection to `good.example:{port}` (refused)"
    );
    assert!(text.contains(&reason), "{text}");
    // The name of the hello is compared as without an end of TLS.
    let (tcp, _) = scene.world.tunnel(&format!("good.example:{port}"));
    let config = client_config(scene.authority.certificate().as_bytes(), &[]);
    let name = rustls::pki_types::ServerName::try_from("evil.example").unwrap();
    let mut other = rustls::StreamOwned::new(rustls::ClientConnection::new(config, name).unwrap(), tcp);
    assert!(other.write_all(b"GET / HTTP/1.1\r\n\r\n").is_err());
}

#[test]
fn what_is_read_in_two_ways_is_refused_behind_tls_too() {
    let server = Secure::web();
    let scene = Scene::new(&[server.address], Inspection::default());
    let port = server.port();
    let host = format!("Host: good.example:{port}\r\n");
    for bad in [
        format!(
            "POST / HTTP/1.1\r\n{host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n"
        ),
        format!("POST / HTTP/1.1\r\n{host}Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc"),
        format!("GET / HTTP/1.1\r\n{host}X: a\r\n b\r\n\r\n"),
        format!("GET / HTTP/1.1\n{host}\n"),
        format!("TRACE / HTTP/1.1\r\n{host}\r\n"),
        format!("CONNECT evil.example:443 HTTP/1.1\r\n{host}\r\n"),
        format!("GET https://evil.example/ HTTP/1.1\r\n{host}\r\n"),
        "SSH-2.0-x\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ] {
        let answer = scene.talk(port, bad.as_bytes());
        assert!(["400", "405", "505"].contains(&status(&answer)), "{bad}: {answer}");
    }
    // A body that is none breaks the connection, and what follows it is no request.
    let bad = format!(
        "POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\nGET /evil HTTP/1.1\r\n{host}\r\n"
    );
    assert_eq!(status(&scene.talk(port, bad.as_bytes())), "502");
    assert!(!server.heard().join("").contains("evil"), "{:?}", server.heard());
}

#[test]
fn servers_are_verified() {
    let certificates = Certificates::get();
    certificates.authority("foreign", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    certificates.leaf("foreign-leaf", "foreign");
    certificates.old_leaf("old-leaf", "ca");
    let (foreign, old) = (Secure::with("foreign-leaf", crate::tls::echo), Secure::with("old-leaf", crate::tls::echo));
    let plain = crate::world::Canary::new(|stream, _| {
        drop(stream.read(&mut [0; 1024]));
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    let good = Secure::web();
    let servers = [foreign.address, old.address, plain.address, good.address];
    let rules: Vec<String> = ["good.example", "bad.example"]
        .iter()
        .flat_map(|host| servers.iter().map(move |server| format!("allow {host}:{}", server.port())))
        .collect();
    let mut making = Making::new(&rules.iter().map(String::as_str).collect::<Vec<_>>());
    making.forwards = servers.to_vec();
    let (end, authority) = terminate();
    making.inspection.terminate = Some(end);
    let world = making.start();
    for name in ["good.example", "bad.example"] {
        world.book.put(name, &[&["127.0.0.1"]]);
    }
    let scene = Scene { world, authority };
    for (host, server, reason) in [
        ("good.example", &foreign.address, "its certificate is by nobody who is believed"),
        ("good.example", &old.address, "its certificate is no longer valid"),
        ("good.example", &plain.address, "it does not answer by TLS"),
        ("bad.example", &good.address, "its certificate is for another name"),
    ] {
        let mut client = scene.connect(host, server.port());
        client.send(format!("GET /secret HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        let answer = client.rest();
        let expected = format!("palisade: `{host}:{}` cannot be reached by TLS: {reason}\n", server.port());
        assert!(answer.starts_with("HTTP/1.1 502 Palisade: ") && answer.ends_with(&expected), "{answer}");
    }
    for heard in [foreign.heard(), old.heard(), plain.heard(), good.heard()] {
        assert!(!heard.join("").contains("secret"));
    }
    let mut client = scene.connect("good.example", good.port());
    client.send(b"GET /found HTTP/1.1\r\nHost: good.example\r\n\r\n");
    assert_eq!(status(&client.answer()), "200");
}

#[test]
fn methods_and_paths_are_judged() {
    let server = Secure::web();
    let port = server.port();
    let allow = format!("allow GET good.example:{port}/repos/**");
    let inspection =
        Inspection { rules: rules(&[&allow, "deny * good.example/repos/secret/**"]), ..Inspection::default() };
    let scene = Scene::new(&[server.address], inspection);
    let mut client = scene.connect("good.example", port);
    let mut ask = |line: &str| {
        client.send(format!("{line} HTTP/1.1\r\nHost: good.example:{port}\r\n\r\n").as_bytes());
        client.answer()
    };
    for (line, expected) in [
        ("GET /repos/a", "200"),
        ("POST /repos/a", "403"),
        ("GET /user", "403"),
        ("GET /repos/secret/a", "403"),
        ("GET /repos/SECRET/a", "403"),
        ("GET /repos/%73ecret/a", "403"),
        ("GET /repos/x/../secret/a", "403"),
        ("GET /repos/x%2f..%2fsecret", "403"),
        ("GET /repos//secret/a", "403"),
        ("GET /repos/b?x=/../y", "200"),
    ] {
        let answer = ask(line);
        assert_eq!(status(&answer), expected, "{line}: {answer}");
    }
    let answer = ask("DELETE /repos/a");
    let reason = format!(
        "palisade: the request `DELETE /repos/a` is refused: no rule of its host allows it; \
         the first is `network.requests: allow GET good.example:{port}/repos/**` of settings.json:1\n"
    );
    assert!(answer.ends_with(&reason), "{answer}");
    let heads = server.heard().join("");
    assert_eq!(heads.matches(" HTTP/1.1").count(), 2, "{heads}");
    // A body of a refused request is no request.
    let evil = format!("GET /repos/evil HTTP/1.1\r\nHost: good.example:{port}\r\n\r\n");
    let bytes =
        format!("POST /x HTTP/1.1\r\nHost: good.example:{port}\r\nContent-Length: {}\r\n\r\n{evil}", evil.len());
    assert_eq!(scene.talk(port, bytes.as_bytes()).matches("HTTP/1.1 ").count(), 1);
    assert!(!server.heard().join("").contains("evil"));
    let override_it = format!(
        "GET /repos/a HTTP/1.1\r\nHost: good.example:{port}\r\nX-HTTP-Method-Override: DELETE\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(status(&scene.talk(port, override_it.as_bytes())), "403");
}

#[test]
fn rules_about_requests_need_requests() {
    let (server, plain) = (Secure::web(), crate::world::Canary::echo());
    let making = |rules_of: &str| {
        let mut making = Making::new(&[
            "allow good.example",
            &format!("allow good.example:{}", server.port()),
            &format!("allow good.example:{}", plain.port()),
        ]);
        making.forwards = vec![server.address, plain.address];
        making.inspection.rules = rules(&[rules_of]);
        let world = making.start();
        world.book.put("good.example", &[&["127.0.0.1"]]);
        world
    };
    // Without an end of TLS here nobody sees what is asked.
    let world = making("allow GET good.example/repos/**");
    let (tcp, _) = world.tunnel(&format!("good.example:{}", server.port()));
    let config = client_config(&Certificates::get().read("ca.pem"), &[]);
    let name = rustls::pki_types::ServerName::try_from("good.example").unwrap();
    let mut client =
        rustls::StreamOwned::new(rustls::ClientConnection::new(config.clone(), name.clone()).unwrap(), tcp);
    assert!(client.write_all(b"x").is_err());
    assert_eq!(world.kept.ended(1)[0].reason, "rules about requests speak of its host, and TLS does not end here");
    // Nor in another protocol.
    let (mut tcp, _) = world.tunnel(&format!("good.example:{}", plain.port()));
    tcp.write_all(b"SSH-2.0-x\r\n").unwrap();
    assert_eq!(crate::world::rest(&mut tcp), "");
    assert_eq!(plain.count(), 0);
    // In clear text they are judged.
    let (mut tcp, _) = world.tunnel(&format!("good.example:{}", plain.port()));
    tcp.write_all(format!("GET /x HTTP/1.1\r\nHost: good.example:{}\r\n\r\n", plain.port()).as_bytes()).unwrap();
    assert_eq!(status(&crate::world::rest(&mut tcp)), "403");
    let answer = world.talk(
        format!("GET http://good.example:{}/x HTTP/1.1\r\nHost: good.example:{}\r\n\r\n", plain.port(), plain.port())
            .as_bytes(),
    );
    assert_eq!(status(&answer), "403");
    assert_eq!(plain.count(), 0);
    // Another host's rules are nothing to it.
    let world = making("allow GET other.example/repos/**");
    let (tcp, _) = world.tunnel(&format!("good.example:{}", server.port()));
    let mut client = rustls::StreamOwned::new(rustls::ClientConnection::new(config, name).unwrap(), tcp);
    client.write_all(format!("GET /x HTTP/1.1\r\nHost: good.example:{}\r\n\r\n", server.port()).as_bytes()).unwrap();
    assert_eq!(status(&head(&mut client)), "200");
}

#[test]
fn tls_passes_where_rules_say_so() {
    let server = Secure::web();
    let passing = [format!("passthrough other.good.example:{}", server.port())];
    let making = |judged: RequestRules| {
        let (end, authority) = terminate();
        let inspection = Inspection { terminate: Some(end), rules: judged, ..Inspection::default() };
        Scene::ruled(&[server.address], &passing, inspection, authority)
    };
    let connect = |scene: &Scene, host: &str, trusted: &[u8]| {
        let (tcp, _) = scene.world.tunnel(&format!("{host}:{}", server.port()));
        let name = rustls::pki_types::ServerName::try_from(host.to_owned()).unwrap();
        let mut client =
            rustls::StreamOwned::new(rustls::ClientConnection::new(client_config(trusted, &[]), name).unwrap(), tcp);
        client.write_all(format!("GET / HTTP/1.1\r\nHost: {host}:{}\r\n\r\n", server.port()).as_bytes()).is_ok()
            && !head(&mut client).is_empty()
    };
    let own = Certificates::get().read("ca.pem");
    let scene = making(RequestRules::default());
    let run = scene.authority.certificate().into_bytes();
    assert!(connect(&scene, "other.good.example", &own));
    assert!(!connect(&scene, "other.good.example", &run));
    assert!(connect(&scene, "good.example", &run));
    assert!(!connect(&scene, "good.example", &own));
    let reasons: Vec<String> = scene.world.kept.ended(4).into_iter().map(|record| record.reason).collect();
    let refused = "the client does not accept the certificate of the run; it trusts others, or knows its server's";
    assert!(reasons.iter().any(|reason| reason == refused), "{reasons:?}");
    // A rule about requests wants to see them.
    let scene = making(rules(&[&format!("allow GET other.good.example:{}/**", server.port())]));
    assert!(connect(&scene, "other.good.example", scene.authority.certificate().as_bytes()));
    assert!(!connect(&scene, "other.good.example", &own));
}

#[test]
fn an_authority_can_be_given() {
    let certificates = Certificates::get();
    let server = Secure::web();
    for (name, key) in [
        ("given-rsa", &["rsa:2048"][..]),
        ("given-p384", &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        ("given-ed25519", &["ed25519"]),
    ] {
        certificates.authority(name, key);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let (cert, key) = (certificates.read(&format!("{name}.pem")), certificates.read(&format!("{name}.key")));
        let authority = Arc::new(Authority::given(&cert, &key, now).unwrap());
        let mut roots = Roots::none();
        roots.add(&certificates.read("ca.pem"));
        let end = Terminate { authority: authority.clone(), roots, only: None };
        let scene =
            Scene::with(&[server.address], Inspection { terminate: Some(end), ..Inspection::default() }, authority);
        let answer = scene.talk(
            server.port(),
            format!("GET / HTTP/1.1\r\nHost: good.example:{}\r\nConnection: close\r\n\r\n", server.port()).as_bytes(),
        );
        assert_eq!(status(&answer), "200", "{name}");
    }
    let fault = |cert: &str, key: &str| {
        Authority::given(&certificates.read(cert), &certificates.read(key), 0).unwrap_err().to_string()
    };
    assert_eq!(fault("ca.pem", "leaf.key"), "the key of the authority is not that of its certificate");
    assert_eq!(fault("leaf.pem", "leaf.key"), "the certificate is not that of an authority");
    assert_eq!(fault("ca.key", "ca.key"), "the certificate of the authority cannot be read");
    assert_eq!(fault("ca.pem", "ca.pem"), "the key of the authority cannot be read");
}

/// Says yes to a WebSocket, and echoes its frames as the server's own.
fn web_socket(stream: &mut Inside, hear: &mut dyn FnMut(&[u8])) {
    hear(head(stream).as_bytes());
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").unwrap();
    let mut frame = [0; 6];
    while stream.read_exact(&mut frame).is_ok() {
        let mut text = vec![0; usize::from(frame[1] & 0x7f)];
        stream.read_exact(&mut text).unwrap();
        for (byte, key) in text.iter_mut().zip(frame[2..].iter().cycle()) {
            *byte ^= key;
        }
        hear(&text);
        stream.write_all(&[&[frame[0], frame[1] & 0x7f], text.as_slice()].concat()).unwrap();
    }
}

/// Returns a frame of a client's.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let mask = [7, 1, 0xfe, 9];
    let text = text.bytes().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
    let text: Vec<u8> = text.collect();
    [&[0x81, 0x80 | u8::try_from(text.len()).unwrap()], &mask[..], &text].concat()
}

#[test]
fn web_sockets_pass() {
    let server = Secure::new(web_socket);
    let scene = Scene::new(&[server.address], Inspection::default());
    let mut client = scene.connect("good.example", server.port());
    client.send(
        format!(
            "GET /socket HTTP/1.1\r\nHost: good.example:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            server.port()
        )
        .as_bytes(),
    );
    assert!(head(&mut client.0).starts_with("HTTP/1.1 101 "));
    for word in ["hello", "again"] {
        client.send(&frame(word));
        let mut back = [0; 7];
        client.0.read_exact(&mut back).unwrap();
        assert_eq!(back[2..], *word.as_bytes());
    }
    assert!(client.is_silent());
    // A server that changes the protocol unasked is no server of this request.
    let mut client = scene.connect("good.example", server.port());
    client.send(format!("GET /socket HTTP/1.1\r\nHost: good.example:{}\r\n\r\n", server.port()).as_bytes());
    assert_eq!(status(&client.rest()), "502");
}

#[test]
fn a_server_that_answers_early_or_badly_does_no_harm() {
    let server = Secure::new(|stream, _| {
        let request = head(stream);
        let answer: &[u8] = match request.split(' ').nth(1).unwrap() {
            "/early" => b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
            "/until" => b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
            "/twice" => b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "/more" => b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "/chunks" => {
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2;x=y\r\nok\r\n0\r\nX: 1\r\n\r\n"
            }
            "/plain-chunks" => {
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n"
            }
            "/gone" => b"",
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        };
        stream.write_all(answer).unwrap();
        if request.contains("/surplus") {
            stream.flush().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    });
    let scene = Scene::new(&[server.address], Inspection::default());
    let host = format!("Host: good.example:{}\r\n", server.port());
    let get = |path: &str| scene.talk(server.port(), format!("GET {path} HTTP/1.1\r\n{host}\r\n").as_bytes());
    assert_eq!(get("/until"), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end");
    assert_eq!(status(&get("/twice")), "502");
    assert_eq!(get("/more"), "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert!(get("/plain-chunks").ends_with("\r\n\r\n2\r\nok\r\n0\r\n\r\n"));
    assert!(!get("/chunks").contains("ok"));
    assert_eq!(status(&get("/gone")), "502");
    let answer =
        scene.talk(server.port(), format!("POST /early HTTP/1.1\r\n{host}Content-Length: 100\r\n\r\nabc").as_bytes());
    assert_eq!(answer, "HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n");
    // What nobody asked for is no answer to the next request.
    let mut client = scene.connect("good.example", server.port());
    client.send(format!("GET /surplus HTTP/1.1\r\n{host}\r\n").as_bytes());
    assert_eq!(client.answer(), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    drop(client.0.write_all(format!("GET /next HTTP/1.1\r\n{host}\r\n").as_bytes()));
    assert!(!client.rest().contains("evil"));
}

#[test]
fn slow_clients_have_a_limit() {
    let server = Secure::web();
    let mut making = Making::new(&[&format!("allow good.example:{}", server.port())]);
    making.forwards = vec![server.address];
    making.bounds.head = std::time::Duration::from_millis(300);
    let (end, authority) = terminate();
    making.inspection.terminate = Some(end);
    let world = making.start();
    world.book.put("good.example", &[&["127.0.0.1"]]);
    let scene = Scene { world, authority };
    let mut client = scene.connect("good.example", server.port());
    client.send(b"GET / HTTP/1.1\r\nHo");
    assert_eq!(status(&client.rest()), "408");
    // A hello that never ends.
    let (mut tcp, _): (TcpStream, _) = scene.world.tunnel(&format!("good.example:{}", server.port()));
    tcp.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    assert!(!crate::world::rest(&mut tcp).contains("HTTP"));
    assert_eq!(server.heard().join(""), "");
}

#[test]
fn large_bodies_pass_both_ways() {
    let server = Secure::web();
    let scene = Scene::new(&[server.address], Inspection::default());
    let large = "0123456789abcdef".repeat(1 << 17);
    let mut client = scene.connect("good.example", server.port());
    let head_of =
        format!("PUT / HTTP/1.1\r\nHost: good.example:{}\r\nContent-Length: {}\r\n\r\n", server.port(), large.len());
    client.send(head_of.as_bytes());
    client.send(large.as_bytes());
    let head_back = head(&mut client.0);
    let back = body(&mut client.0, &head_back);
    assert!(back.ends_with(large.as_bytes()));
}

/// Programs of Java get what can be read, in their own form; the end of it is a digest that those check who give the usual
/// password.
#[test]
fn a_store_for_java_holds_what_can_be_read() {
    let authority = Authority::of_the_run(1_800_000_000).unwrap().certificate();
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let store = java_store(format!("# text\n{authority}{junk}{authority}").as_bytes());
    let body: String = authority.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    let entry = |number: u32| {
        let name = format!("palisade-{number}");
        let name = [&(name.len() as u16).to_be_bytes()[..], name.as_bytes()].concat();
        [&[0, 0, 0, 2][..], &name, &[0; 8], &[0, 5], b"X.509", &(der.len() as u32).to_be_bytes(), &der].concat()
    };
    let expected = [&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 2][..], &entry(0), &entry(1)].concat();
    let salted = [&b"\0c\0h\0a\0n\0g\0e\0i\0tMighty Aphrodite"[..], &expected].concat();
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &salted);
    assert_eq!(store, [&expected, digest.as_ref()].concat());
}
