//! Secrets through the proxy: put in on the way to their hosts, taken out of what comes back, told where they go astray.

use std::io::{Read, Write};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use egress::credential::{Aws, AwsPair, Credential, Credentials, Secret, Shape, Vault};
use egress::proxy::Inspection;

use crate::credentials::chance;
use crate::plain::signature;
use crate::terminate::{frame, pushes};
use crate::tls::{Scene, Secure, body, head};
use crate::world::{Canary, Making, place, rest};

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const OTHER: &str = "npm_ABCDEFGHIJ0123456789abcdefghij543210";

/// Returns credentials `TOKEN`, for `good.example` alone, and `OTHER`, for every host of the lists, with placeholders.
fn credentials() -> (Credentials, [String; 2]) {
    let mut vault = Vault::default();
    let mut random = chance(11);
    let mut add = |name: &str, secret: &str, hosts: &[&str]| {
        let hosts = hosts.iter().map(|host| place(host)).collect();
        let credential = Credential { name: name.to_owned(), secret: Secret::new(secret), hosts, shape: Shape::Text };
        vault.add(credential, &mut random).unwrap().to_owned()
    };
    let placeholders = [add("TOKEN", TOKEN, &["good.example"]), add("OTHER", OTHER, &[])];
    (Credentials { vault, aws: Aws::default() }, placeholders)
}

fn scene(servers: &[&Secure]) -> (Scene, [String; 2]) {
    let (credentials, placeholders) = credentials();
    let servers: Vec<_> = servers.iter().map(|server| server.address).collect();
    (Scene::new(&servers, Inspection { credentials, ..Inspection::default() }), placeholders)
}

#[test]
fn a_secret_is_put_in_and_taken_out() {
    let server = Secure::web();
    let (scene, [token, other]) = scene(&[&server]);
    let basic = |secret: &str| STANDARD.encode(format!("octo:{secret}"));
    let (real, inside) = (basic(TOKEN), basic(&token));
    let request = |token: &str, other: &str, basic: &str| {
        format!(
            "POST /x?key={other} HTTP/1.1\r\nhost: good.example:PORT\r\nauthorization: Basic {basic}\r\nx-token: {token}\r\n\
             content-length: 42\r\naccept-encoding: identity\r\n\r\n<{other}>"
        )
        .replace("PORT", &server.port().to_string())
    };
    let mut client = scene.connect("good.example", server.port());
    let sent = request(&token, &other, &inside).replace("accept-encoding: identity", "accept-encoding: gzip, br");
    client.send(sent.as_bytes());
    let answer = client.answer();
    assert_eq!(server.heard(), [request(TOKEN, OTHER, &real)]);
    let back = answer.split_once("\r\n\r\n").unwrap().1;
    // All but the digits that the secret shares with what stands around it.
    let (seen, expected) = (back.replace(&basic_of(back), "B"), request(&token, &other, "B"));
    assert_eq!(seen, expected);
    assert!(!answer.contains(TOKEN) && !answer.contains(OTHER) && !answer.contains(&real[8..50]), "{answer}");
    let text = scene.world.kept.text();
    for name in ["TOKEN", "OTHER"] {
        let note = format!("the secret of `{name}` was put in (injected)");
        assert_eq!(text.matches(&note).count(), 1, "{text}");
    }
    assert!(!text.contains(TOKEN) && !text.contains(OTHER));
}

fn basic_of(text: &str) -> String {
    text.split("Basic ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned()
}

#[test]
fn a_placeholder_on_the_way_to_another_host_stays_and_is_told() {
    let server = Secure::web();
    let (scene, [token, other]) = scene(&[&server]);
    let mut client = scene.connect("other.good.example", server.port());
    let request = |extra: &str| {
        format!("GET /?{token} HTTP/1.1\r\nhost: other.good.example:{}\r\nx-other: {extra}\r\n", server.port())
    };
    client.send(format!("{}\r\n", request(&other)).as_bytes());
    client.answer();
    assert_eq!(server.heard(), [format!("{}accept-encoding: identity\r\n\r\n", request(OTHER))]);
    let text = scene.world.kept.text();
    let note = format!(
        "connect other.good.example:{} deny <- allowedDomains: *.good.example:{}: \
        the placeholder of `TOKEN` was sent to where its secret does not go (misdirected)",
        server.port(),
        server.port()
    );
    assert!(text.contains(&note), "{text}");
}

#[test]
fn clear_text_gets_no_secret_unless_it_is_asked_for() {
    let canary = Canary::web();
    for is_open in [false, true] {
        let (mut credentials, [token, _]) = credentials();
        credentials.vault.danger_plain = is_open;
        let mut making = Making::new(&[&format!("allow good.example:{}", canary.port())]).forward(&[&canary]);
        making.inspection.credentials = credentials;
        let world = making.start();
        world.book.put("good.example", &[&["127.0.0.1"]]);
        let host = format!("good.example:{}", canary.port());
        let request = format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nX: {token}\r\nConnection: close\r\n\r\n");
        let answer = world.talk(request.as_bytes());
        assert!(answer.contains(&token) && !answer.contains(TOKEN), "{answer}");
        let (mut tcp, _) = world.tunnel(&host);
        tcp.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {token}\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap();
        let answer = rest(&mut tcp);
        assert!(answer.contains(&token) && !answer.contains(TOKEN), "{answer}");
        let (note, heard) = if is_open { ("(injected)", TOKEN) } else { ("(misdirected)", token.as_str()) };
        assert_eq!(world.kept.text().matches(note).count(), 2);
        assert_eq!(canary.heard().join("").matches(TOKEN).count(), if is_open { 2 } else { 0 });
        assert!(canary.heard().join("").contains(heard));
    }
}

#[test]
fn secrets_are_found_over_the_borders_of_chunks() {
    let server = Secure::new(|stream, hear| {
        let request = head(stream);
        hear(&body(stream, &request));
        let (start, end) = TOKEN.split_at(13);
        let chunks = format!("{:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n", start.len(), end.len());
        let answer =
            format!("HTTP/1.1 200 {TOKEN}\r\nLocation: /?{TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        for part in answer.as_bytes().chunks(7) {
            stream.write_all(part).unwrap();
            stream.flush().unwrap();
        }
    });
    let (scene, [token, _]) = scene(&[&server]);
    let (start, end) = token.split_at(21);
    let chunks = format!("{:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n", start.len(), end.len());
    let host = format!("good.example:{}", server.port());
    let answer = scene.talk(
        server.port(),
        format!("POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunks}")
            .as_bytes(),
    );
    assert_eq!(server.heard(), [format!("{:x}\r\n{TOKEN}\r\n0\r\n\r\n", TOKEN.len())]);
    assert_eq!(
        answer,
        format!(
            "HTTP/1.1 200 {token}\r\nlocation: /?{token}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
             {:x}\r\n{token}\r\n0\r\n\r\n",
            token.len()
        )
    );
}

#[test]
fn an_answer_that_hides_what_is_in_it_is_refused() {
    let server = Secure::new(|stream, _| {
        head(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc").unwrap();
    });
    let (scene, _) = scene(&[&server]);
    let answer =
        scene.talk(server.port(), format!("GET / HTTP/1.1\r\nHost: good.example:{}\r\n\r\n", server.port()).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 502 Palisade: the server's answer is compressed"), "{answer}");
    assert!(!answer.contains("abc"));
}

#[test]
fn an_answer_that_is_compressed_all_the_same_is_opened() {
    let server = Secure::new(|stream, _| {
        let request = head(stream);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let zeros = "0".repeat(if request.contains("/large") { 4_000_000 } else { 10 });
        packed.write_all(format!("{zeros}<{TOKEN}>").as_bytes()).unwrap();
        let mut packed = packed.finish().unwrap();
        if request.contains("/cut") {
            packed.truncate(30);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
        drop(stream.write_all(&[head.as_bytes(), &packed].concat()));
        drop(stream.flush());
        drop(stream.read(&mut [0]));
    });
    let (scene, [token, _]) = scene(&[&server]);
    let ask = |path: &str, version: &str| {
        let host = format!("good.example:{}", server.port());
        scene.talk(
            server.port(),
            format!("GET {path} HTTP/{version}\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
    };
    let text = format!("0000000000<{token}>");
    assert_eq!(
        ask("/", "1.1"),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n{text}\r\n0\r\n\r\n",
            text.len()
        )
    );
    assert_eq!(ask("/", "1.0"), format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{text}"));
    let large = ask("/large", "1.0");
    assert!(large.len() > 4_000_000 && large.ends_with(&format!("0<{token}>")));
    assert!(!ask("/cut", "1.1").ends_with("0\r\n\r\n"));
}

/// What a server has been given it could hand out in parts, none of which is known as a secret's.
#[test]
fn parts_of_an_answer_are_not_asked_for() {
    let server = Secure::new(|stream, _| {
        let request = head(stream);
        let is_asked = request.to_lowercase().contains("\r\nrange:");
        let (status, body) = match (is_asked || request.contains("/part"), request.contains("/name")) {
            (true, _) => ("206 Partial Content", TOKEN.get(..20).unwrap().to_owned()),
            (false, true) => ("200 OK", "named".to_owned()),
            (false, false) => ("200 OK", TOKEN.to_owned()),
        };
        let name = if request.contains("/name") { format!("X-{TOKEN}: 1\r\n") } else { String::new() };
        let length = body.len();
        drop(stream.write_all(format!("HTTP/1.1 {status}\r\n{name}Content-Length: {length}\r\n\r\n{body}").as_bytes()));
        drop(stream.flush());
        drop(stream.read(&mut [0]));
    });
    let (scene, [token, _]) = scene(&[&server]);
    let ask = |path: &str| {
        let host = format!("good.example:{}", server.port());
        let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nRange: bytes=0-19\r\nIf-Range: x\r\n\r\n");
        scene.talk(server.port(), request.as_bytes())
    };
    let whole = ask("/");
    assert!(whole.starts_with("HTTP/1.1 200 OK") && whole.ends_with(&token), "{whole}");
    let part = ask("/part");
    assert!(part.starts_with("HTTP/1.1 502") && !part.contains(TOKEN.get(..20).unwrap()), "{part}");
    let name = ask("/name");
    assert!(name.ends_with("named") && !name.to_lowercase().contains(&TOKEN.to_lowercase()), "{name}");
}

#[test]
fn events_are_not_held_back() {
    let server = Secure::new(|stream, _| {
        head(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nevent g").unwrap();
        stream.flush().unwrap();
        // The rest comes when the client has had the first.
        let mut byte = [0];
        drop(stream.read(&mut byte));
    });
    let (scene, _) = scene(&[&server]);
    let mut client = scene.connect("good.example", server.port());
    client.send(format!("GET / HTTP/1.1\r\nHost: good.example:{}\r\n\r\n", server.port()).as_bytes());
    assert!(head(&mut client.0).starts_with("HTTP/1.1 200"));
    let mut event = [0; 7];
    client.0.sock.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    client.0.read_exact(&mut event).unwrap();
    assert_eq!(&event, b"event g");
}

#[test]
fn frames_of_a_web_socket_are_looked_into() {
    let server = Secure::new(|stream, hear| {
        hear(head(stream).as_bytes());
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            .unwrap();
        let mut frame = [0; 6];
        stream.read_exact(&mut frame).unwrap();
        let mut text = vec![0; usize::from(frame[1] & 0x7f)];
        stream.read_exact(&mut text).unwrap();
        for (byte, key) in text.iter_mut().zip(frame[2..].iter().cycle()) {
            *byte ^= key;
        }
        hear(&text);
        stream.write_all(&[&[frame[0], frame[1] & 0x7f], text.as_slice()].concat()).unwrap();
        stream.flush().unwrap();
        drop(stream.read(&mut frame));
    });
    let (scene, [token, _]) = scene(&[&server]);
    let mut client = scene.connect("good.example", server.port());
    let extensions = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    client.send(format!("GET /socket HTTP/1.1\r\nHost: good.example:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{extensions}\r\n", server.port()).as_bytes());
    head(&mut client.0);
    client.send(&frame(&format!("login {token}!")));
    let mut back = vec![0; 2 + 7 + token.len()];
    client.0.read_exact(&mut back).unwrap();
    assert_eq!(String::from_utf8_lossy(&back[2..]), format!("login {token}!"));
    let heard = server.heard().join("");
    assert!(heard.ends_with(&format!("login {TOKEN}!")), "{heard}");
    assert!(!heard.to_lowercase().contains("deflate"), "{heard}");
}

#[test]
fn what_cannot_be_recorded_is_not_put_in() {
    let server = Secure::web();
    let (scene, [token, _]) = scene(&[&server]);
    let mut client = scene.connect("good.example", server.port());
    client.0.conn.complete_io(&mut client.0.sock).unwrap();
    scene.world.kept.is_full.store(true, std::sync::atomic::Ordering::SeqCst);
    client.send(
        format!("GET / HTTP/1.1\r\nHost: good.example:{}\r\nX: {token}\r\nConnection: close\r\n\r\n", server.port())
            .as_bytes(),
    );
    assert!(client.rest().starts_with("HTTP/1.1 403 "));
    assert_eq!(server.heard().join(""), "");
}

#[test]
fn requests_for_aws_are_signed_anew() {
    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let server = Secure::web();
    let mut vault = Vault::default();
    let mut random = chance(12);
    for (name, secret) in [("ID", ID), ("KEY", KEY)] {
        let hosts = vec![place("good.example")];
        vault
            .add(
                Credential { name: name.to_owned(), secret: Secret::new(secret), hosts, shape: Shape::Text },
                &mut random,
            )
            .unwrap();
    }
    let placeholders: Vec<String> = vault.placeholders().map(|(_, text)| text.to_owned()).collect();
    let pair = AwsPair { key_id: "ID".to_owned(), secret: "KEY".to_owned(), session: None };
    let credentials = Credentials { vault, aws: Aws { pairs: vec![pair], ..Aws::default() } };
    let scene = Scene::new(&[server.address], Inspection { credentials, ..Inspection::default() });
    let host = format!("good.example:{}", server.port());
    let (time, scope, body) = ("20150830T123600Z", "20150830/us-east-1/sts", "Action=GetCallerIdentity");
    let digest = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let canonical = format!("POST\n/\n\nhost:{host}\nx-amz-date:{time}\n\nhost;x-amz-date\n{digest}");
    let request = |id: &str, mark: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\nx-amz-date: {time}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={id}/{scope}/aws4_request, SignedHeaders=host;x-amz-date, Signature={mark}\r\n\r\n",
            body.len()
        )
    };
    let mut client = scene.connect("good.example", server.port());
    client.send(request(&placeholders[0], &signature(&placeholders[1], scope, time, &canonical)).as_bytes());
    assert_eq!(head(&mut client.0), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(body.as_bytes());
    client.answer();
    let heard = server.heard().join("");
    let mark = signature(KEY, scope, time, &canonical);
    assert!(
        heard.contains(&format!("Credential={ID}/{scope}")) && heard.contains(&format!("Signature={mark}")),
        "{heard}"
    );
    assert!(heard.ends_with(body) && !heard.contains("expect"), "{heard}");
    // Who has not signed with the placeholder gets nothing signed.
    let mut client = scene.connect("good.example", server.port());
    client.send(request(&placeholders[0], &signature(KEY, scope, time, &canonical)).as_bytes());
    head(&mut client.0);
    client.send(body.as_bytes());
    let answer = client.rest();
    assert!(answer.contains("its AWS signature was not made with the placeholder of the secret key"), "{answer}");
    // A signature in the URL cannot be made anew.
    let presigned = format!("/?X-Amz-Credential={}%2F{}", placeholders[0], scope.replace('/', "%2F"));
    let answer = scene.talk(
        server.port(),
        format!("GET {presigned} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
    );
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("is in the URL"), "{answer}");
    assert_eq!(server.heard().join("").matches("HTTP/1.1").count(), 1);
}

/// A refusal that comes when secrets are in their place names the request as it came, to its client and in the journal.
#[test]
fn refusals_name_no_secret() {
    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let server = Secure::web();
    let port = server.port();
    let mut vault = Vault::default();
    let mut random = chance(14);
    let hosts = || vec![place("good.example")];
    for (name, secret) in [("ID", ID), ("KEY", KEY)] {
        let secret = Secret::new(secret);
        let credential = Credential { name: name.to_owned(), secret, hosts: hosts(), shape: Shape::Text };
        vault.add(credential, &mut random).unwrap();
    }
    vault.add_for_git(("GIT".to_owned(), hosts()), Ok(Secret::new(TOKEN)), &mut random).unwrap();
    let placeholders: Vec<String> = vault.placeholders().map(|(_, text)| text.to_owned()).collect();
    let [id, key, git] = placeholders.as_slice() else { panic!("{placeholders:?}") };
    let pair = AwsPair { key_id: "ID".to_owned(), secret: "KEY".to_owned(), session: None };
    let credentials = Credentials { vault, aws: Aws { pairs: vec![pair], ..Aws::default() } };
    let pushes = pushes(&[&format!("good.example:{port}/** main")]);
    let scene = Scene::new(&[server.address], Inspection { credentials, pushes, ..Inspection::default() });
    let host = format!("good.example:{port}");
    let push = |fields: &str, body: &str| {
        let length = body.len();
        format!(
            "POST /{git}/git-receive-pack HTTP/1.1\r\nhost: {host}\r\n{fields}content-length: {length}\r\n\r\n{body}"
        )
    };
    let list = |name: &str| {
        let line = format!("{} {} refs/heads/{name}\0report-status", "0".repeat(40), "a".repeat(40));
        format!("{:04x}{line}0000", line.len() + 4)
    };
    let signed = "authorization: AWS4-HMAC-SHA256 Credential=ID/20150830/us-east-1/sts/aws4_request, \
                  SignedHeaders=host, Signature=00\r\nx-amz-date: 20150830T123600Z\r\n"
        .replace("ID/", &format!("{id}/"));
    for (request, status, said) in [
        (push("", "zzzz"), "403", format!("`POST /{git}/git-receive-pack` is refused: a line of the push")),
        (push("content-encoding: gzip\r\n", "0000"), "403", "what is pushed is compressed".to_owned()),
        (push("", &list("other")), "200", "does not name it".to_owned()),
        (
            format!("GET /{key} HTTP/1.1\r\nhost: {host}\r\n{signed}\r\n"),
            "403",
            format!("`GET /{key}` is refused: its"),
        ),
        // Whoever has a secret from elsewhere has it not confirmed, and the journal has it not written into it.
        (format!("GET /{TOKEN} HTTP/1.1\r\nhost: x.good.example\r\n\r\n"), "421", format!("`GET /{git}` is refused")),
    ] {
        let mut client = scene.connect("good.example", port);
        client.send(request.as_bytes());
        let answer = client.answer();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(&said), "{request}\n{answer}");
        assert!(![TOKEN, KEY, ID].iter().any(|secret| answer.contains(secret)), "{request}\n{answer}");
    }
    let text = scene.world.kept.text();
    assert!(text.contains(&format!("`POST /{git}/git-receive-pack` is refused")), "{text}");
    assert!(![TOKEN, KEY, ID].iter().any(|secret| text.contains(secret)), "{text}");
    assert_eq!(server.heard().concat(), "");
}

/// The token of a session goes with a request that is signed anew, whether its client knew of it or not.
#[test]
fn the_token_of_a_session_is_signed_too() {
    use egress::wire::Progress;
    use egress::wire::request::{self, Place};
    let secrets = [
        ("ID", "ASIAIOSFODNN7EXAMPLE"),
        ("KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("SESSION", "IQoJb3JpZ2luX2VjEXAMPLETOKEN0123456789"),
    ];
    let mut vault = Vault::default();
    let mut random = chance(13);
    for (name, secret) in secrets {
        let credential =
            Credential { name: name.to_owned(), secret: Secret::new(secret), hosts: Vec::new(), shape: Shape::Text };
        vault.add(credential, &mut random).unwrap();
    }
    let placeholders: Vec<String> = vault.placeholders().map(|(_, text)| text.to_owned()).collect();
    let pair = AwsPair { key_id: "ID".to_owned(), secret: "KEY".to_owned(), session: Some("SESSION".to_owned()) };
    let credentials = Credentials { vault, aws: Aws { pairs: vec![pair], ..Aws::default() } };
    let (time, scope) = ("20150830T123600Z", "20150830/us-east-1/s3");
    let canonical = |fields: &str, names: &str| {
        format!(
            "GET\n/\n\nhost:a.example\n{fields}x-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{time}\n{names}\nUNSIGNED-PAYLOAD"
        )
    };
    let plain = canonical("", "\nhost;x-amz-content-sha256;x-amz-date");
    let mark = signature(&placeholders[1], scope, time, &plain);
    let head = format!(
        "GET / HTTP/1.1\r\nhost: a.example\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amz-date: {time}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={}/{scope}/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature={mark}\r\n\r\n",
        placeholders[0]
    );
    let Ok(Progress::Done(original, _)) = request::read(head.as_bytes(), Place::Server(443)) else { panic!("{head}") };
    let mut goes = original.clone();
    assert_eq!(credentials.sign(&mut goes, (&original, b""), 443), Ok(true));
    let field = |name: &str| String::from_utf8(goes.fields.one(name).unwrap().unwrap().to_vec()).unwrap();
    assert_eq!(field("x-amz-security-token"), secrets[2].1);
    let names = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token";
    let signed = canonical("", &format!("x-amz-security-token:{}\n\n{names}", secrets[2].1));
    let expected = signature(secrets[1].1, scope, time, &signed);
    assert!(
        field("authorization").ends_with(&format!("SignedHeaders={names}, Signature={expected}")),
        "{}",
        field("authorization")
    );
}
