//! Servers that mean harm, or have failed: no secret goes to another host, nothing is unbounded, nothing is shown.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use vault::sources::Doppler;
use vault::{AnswerFault, Bounds, Fault, Resolver, Secret, SecretFault, Sources, WebFault};

use crate::server::{Authority, Reply, Server, serve_plain};
use crate::sources::{reference, token};
use crate::world::TestWorld;

const CANARY: &str = "c4n4ry-0f-4-v4lu3";

fn ask(url: &str, roots: Vec<Vec<u8>>) -> Result<Secret, vault::ResolveError> {
    ask_within(Duration::from_secs(30), url, roots)
}

fn ask_within(timeout: Duration, url: &str, roots: Vec<Vec<u8>>) -> Result<Secret, vault::ResolveError> {
    let doppler = Some(Doppler { server: url.parse().unwrap(), token: token("env://TOKEN") });
    let bounds = Bounds { timeout, ..Bounds::default() };
    let world = TestWorld::with(&[("TOKEN", CANARY)]);
    let resolver = Resolver::new(Box::new(world), Sources { doppler, roots, ..Sources::default() }, bounds);
    resolver.resolve(&reference("doppler://web/prd/API_KEY"))
}

/// Returns why a server's answer does not count, and sees that nothing of it is told.
fn fault(authority: &Authority, server: &Server) -> Fault {
    let error = ask(&server.url(), vec![authority.root.clone()]).unwrap_err();
    for told in [error.to_string(), format!("{error:?}"), error.hint().to_owned()] {
        assert!(!told.contains(CANARY), "{told}");
    }
    error.fault
}

fn raw(text: String) -> impl Fn(&crate::server::Received) -> Reply {
    move |_| Reply::Raw(text.clone().into_bytes())
}

#[test]
fn redirects_are_not_followed() {
    let authority = Authority::new();
    let other = authority.serve("127.0.0.1", |_| Reply::Json(200, "{}".to_owned()));
    let plain = serve_plain(|_| Reply::Json(200, "{}".to_owned()));
    for status in [301, 302, 303, 307, 308] {
        for target in [other.url(), format!("http://127.0.0.1:{}", plain.port), "//evil.example/".to_owned()] {
            let head = format!("HTTP/1.1 {status} X\r\nlocation: {target}/\r\ncontent-length: 0\r\n\r\n");
            let server = authority.serve("127.0.0.1", raw(head));
            assert_eq!(fault(&authority, &server), Fault::Web(WebFault::Redirect(status)));
        }
    }
    assert_eq!((other.paths().len(), plain.paths().len()), (0, 0));
}

#[test]
fn only_the_right_certificate_is_believed() {
    let authority = Authority::new();
    let server = authority.serve("127.0.0.1", |_| Reply::Json(200, "{}".to_owned()));
    let named = authority.serve("vault.example", |_| Reply::Json(200, "{}".to_owned()));
    let fault = |url: String, roots| ask(&url, roots).unwrap_err().fault;
    let certificate = Fault::Web(WebFault::Certificate);
    assert_eq!(fault(server.url(), vec![]), certificate);
    assert_eq!(fault(server.url(), vec![Authority::new().root]), certificate);
    assert_eq!(fault(named.url(), vec![authority.root.clone()]), certificate);
    // A name that leads here is still not the name in the certificate.
    assert_eq!(fault(format!("https://localhost:{}", server.port), vec![authority.root.clone()]), certificate);
    assert_eq!((server.paths().len(), named.paths().len()), (0, 0));
    // In clear text where TLS is asked for, and the other way round.
    let plain = serve_plain(|_| Reply::Json(200, "{}".to_owned()));
    let clear = fault(format!("https://127.0.0.1:{}", plain.port), vec![authority.root.clone()]);
    assert!(matches!(clear, Fault::Web(WebFault::Certificate | WebFault::Unreached | WebFault::Protocol)), "{clear:?}");
    assert_eq!(plain.paths().len(), 0);
}

#[test]
fn clear_text_on_this_machine_is_allowed() {
    let server = serve_plain(|_| Reply::Json(200, r#"{"name":"API_KEY","value":{"computed":"k3y"}}"#.to_owned()));
    let secret = ask(&format!("http://127.0.0.1:{}", server.port), vec![]).unwrap();
    assert_eq!(secret.expose(), "k3y");
}

#[test]
fn answers_are_bounded_in_size_and_time() {
    let authority = Authority::new();
    let huge = "x".repeat(vault::limits::ANSWER_BYTES_MAX + 100);
    let body = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{huge}", huge.len());
    assert_eq!(fault(&authority, &authority.serve("127.0.0.1", raw(body))), Fault::Web(WebFault::Long));
    let endless = format!("HTTP/1.1 200 X\r\n\r\n{huge}");
    assert_eq!(fault(&authority, &authority.serve("127.0.0.1", raw(endless))), Fault::Web(WebFault::Long));
    let chunks = format!("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{huge}\r\n0\r\n\r\n", huge.len());
    assert_eq!(fault(&authority, &authority.serve("127.0.0.1", raw(chunks))), Fault::Web(WebFault::Long));
    let head = format!("HTTP/1.1 200 X\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    assert_eq!(fault(&authority, &authority.serve("127.0.0.1", raw(head))), Fault::Web(WebFault::Long));
    let long = format!(r#"{{"name":"API_KEY","value":{{"computed":"{}"}}}}"#, "x".repeat(70_000));
    let server = authority.serve("127.0.0.1", move |_| Reply::Json(200, long.clone()));
    assert_eq!(fault(&authority, &server), Fault::Value(SecretFault::Long));

    let start = Instant::now();
    for reply in [|| Reply::Drip, || Reply::Silence] {
        let server = authority.serve("127.0.0.1", move |_| reply());
        let error = ask_within(Duration::from_secs(1), &server.url(), vec![authority.root.clone()]).unwrap_err();
        assert_eq!(error.fault, Fault::Web(WebFault::Timeout));
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn answers_of_another_form_are_no_secrets() {
    let authority = Authority::new();
    let form = Fault::Answer(AnswerFault::Form);
    for (body, expected) in [
        (String::new(), form.clone()),
        ("{".to_owned(), form.clone()),
        ("[]".to_owned(), form.clone()),
        ("null".to_owned(), form.clone()),
        (format!(r#"{{"name":"API_KEY","value":"{CANARY}"}}"#), form.clone()),
        (format!(r#"{{"name":"API_KEY","value":{{"computed":["{CANARY}"]}}}}"#), form.clone()),
        (format!(r#"{{"name":"API_KEY","value":{{"computed":"{CANARY}","computed":"x"}}}}"#), form.clone()),
        (format!(r#"{{"name":"API_KEY","value":{{"computed":"{CANARY}"}}}} {CANARY}"#), form.clone()),
        (format!(r#"{{"name":"{CANARY}","value":{{"computed":"x"}}}}"#), form.clone()),
        (r#"{"name":"API_KEY","value":{"computed":""}}"#.to_owned(), Fault::Value(SecretFault::Empty)),
        (r#"{"name":"API_KEY","value":{"computed":"a\u0000b"}}"#.to_owned(), Fault::Value(SecretFault::NotText)),
        ("[".repeat(100_000), form),
    ] {
        let server = authority.serve("127.0.0.1", move |_| Reply::Json(200, body.clone()));
        assert_eq!(fault(&authority, &server), expected);
    }
    for (bytes, expected) in [
        (&b"HTTP/1.1 2000 X\r\n\r\n"[..], vec![WebFault::Protocol]),
        (b"HTTP/9.9 200 X\r\n\r\n", vec![WebFault::Protocol]),
        (b"\0\0\0\0\r\n\r\n", vec![WebFault::Protocol]),
        (b"HTTP/1.1 204 X\r\n\r\n", vec![WebFault::Refused(204)]),
        (b"HTTP/1.1 500 X\r\ncontent-length: 17\r\n\r\nc4n4ry-0f-4-v4lu3", vec![WebFault::Refused(500)]),
        (b"HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\n{", vec![WebFault::Unreached, WebFault::Protocol]),
        (b"", vec![WebFault::Unreached, WebFault::Protocol]),
    ] {
        let server = authority.serve("127.0.0.1", move |_| Reply::Raw(bytes.to_vec()));
        let fault = fault(&authority, &server);
        assert!(expected.iter().any(|expected| fault == Fault::Web(*expected)), "{fault:?} of {expected:?}");
    }
}

#[test]
fn a_token_cannot_add_to_a_request() {
    let authority = Authority::new();
    let seen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&seen);
    let server = authority.serve("127.0.0.1", move |_| {
        *count.lock().unwrap() += 1;
        Reply::Json(200, "{}".to_owned())
    });
    for odd in ["a\r\nx-evil: b", "a\nb", "é", "a\tb"] {
        let doppler = Some(Doppler { server: server.url().parse().unwrap(), token: token("env://TOKEN") });
        let sources = Sources { doppler, roots: vec![authority.root.clone()], ..Sources::default() };
        let resolver = Resolver::new(Box::new(TestWorld::with(&[("TOKEN", odd)])), sources, Bounds::default());
        let error = resolver.resolve(&reference("doppler://web/prd/API_KEY")).unwrap_err();
        assert_eq!(error.fault, Fault::Web(WebFault::Request));
    }
    assert_eq!(*seen.lock().unwrap(), 0);
}

#[test]
fn a_secret_is_not_shown() {
    let secret = Secret::new(CANARY).unwrap();
    assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(hidden) Some(Secret(hidden))");
}
