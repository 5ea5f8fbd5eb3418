//! Secrets that are fetched when a request needs them: put into heads alone, at their hosts alone, and taken out of every
//! answer that is open by then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use egress::credential::{Aws, AwsPair, Credentials, Fetch, Secret, Unfetched, Vault};
use egress::proxy::Inspection;

use crate::credentials::chance;
use crate::plain::signature;
use crate::tls::{Scene, Secure};
use crate::world::place;

const TOKEN: &str = "sk-live/+ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Returns a scene in which the secret of `TOKEN` is fetched, its placeholder, and how often it was fetched.
fn scene(server: &Secure, secret: Result<&'static str, &'static str>) -> (Scene, String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let fetch = Fetch::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        secret.map(Secret::new).map_err(|why| Unfetched(why.to_owned()))
    });
    let mut vault = Vault::default();
    let named = ("TOKEN".to_owned(), vec![place("good.example")]);
    let placeholder = vault.add_fetched(named, fetch, &mut chance(3)).unwrap().to_owned();
    let credentials = Credentials { vault, aws: Aws::default() };
    (Scene::new(&[server.address], Inspection { credentials, ..Inspection::default() }), placeholder, count)
}

#[test]
fn a_secret_is_fetched_for_a_request_and_taken_out_of_answers() {
    let server = Secure::web();
    let (scene, placeholder, count) = scene(&server, Ok(TOKEN));
    assert!(placeholder.starts_with("palisade_") && placeholder.len() == 40, "{placeholder}");
    let mut client = scene.connect("good.example", server.port());
    let request = |path: &str, token: &str, basic: &str, body: &str| {
        let (port, length) = (server.port(), body.len());
        let basic = STANDARD.encode(format!("octo:{basic}"));
        format!(
            "POST /x?key={path} HTTP/1.1\r\nhost: good.example:{port}\r\nauthorization: Basic {basic}\r\nx-token: {token}\r\n\
             content-length: {length}\r\naccept-encoding: identity\r\n\r\n{body}"
        )
    };
    client.send(format!("GET / HTTP/1.1\r\nhost: good.example:{}\r\n\r\n", server.port()).as_bytes());
    client.answer();
    assert_eq!(count.load(Ordering::SeqCst), 0, "a request without the placeholder needs nothing");
    client.send(request(&placeholder, &placeholder, &placeholder, &placeholder).as_bytes());
    let answer = client.answer();
    let coded = "sk-live%2F%2BABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let heard = server.heard().concat();
    let expected = request(coded, TOKEN, TOKEN, &placeholder);
    assert!(heard.ends_with(&expected), "a body has no room for it: {heard}\n{expected}");
    assert!(!answer.contains(TOKEN) && !answer.contains(coded), "{answer}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let text = scene.world.kept.text();
    assert_eq!(text.matches("the secret of `TOKEN` was put in (injected)").count(), 1, "{text}");
    assert_eq!(
        text.matches("the placeholder of `TOKEN` was sent to where its secret does not go").count(),
        1,
        "{text}"
    );
    assert!(!text.contains(TOKEN), "{text}");
}

#[test]
fn another_host_has_nothing_fetched() {
    let server = Secure::web();
    let (scene, placeholder, count) = scene(&server, Ok(TOKEN));
    let mut client = scene.connect("other.good.example", server.port());
    client
        .send(format!("GET /{placeholder} HTTP/1.1\r\nhost: other.good.example:{}\r\n\r\n", server.port()).as_bytes());
    client.answer();
    assert!(server.heard()[0].contains(&placeholder));
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert!(scene.world.kept.text().contains("(misdirected)"));
}

#[test]
fn what_is_not_had_is_no_request() {
    for (secret, said) in [
        (Err("a program: it ended with code 1"), "the secret of `TOKEN` is not had: a program: it ended with code 1"),
        (Ok("short"), "the secret of `TOKEN` is not had: the secret has too few letters and digits"),
        (Ok("one-of-two-lines-0123456789\r\nx-evil: 1"), "its value cannot stand in a field of a request"),
    ] {
        let server = Secure::web();
        let (scene, placeholder, count) = scene(&server, secret);
        let mut client = scene.connect("good.example", server.port());
        let host = format!("good.example:{}", server.port());
        for _ in 0..3 {
            client.send(format!("GET / HTTP/1.1\r\nhost: {host}\r\nx-token: {placeholder}\r\n\r\n").as_bytes());
            let answer = client.answer();
            assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("of `TOKEN` is not had\n"), "{answer}");
            assert!(!answer.contains(said), "why is nothing for whoever asks: {answer}");
        }
        // Whoever does not have it is not asked again at once.
        let asked = if secret.is_err() { 1 } else { 3 };
        assert_eq!(count.load(Ordering::SeqCst), asked, "{said}");
        assert_eq!(server.heard().concat(), "");
        assert!(scene.world.kept.text().contains(said));
    }
}

/// A pair of AWS that is fetched signs what its placeholders signed.
#[test]
fn requests_for_aws_are_signed_with_what_is_fetched() {
    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let server = Secure::web();
    let mut vault = Vault::default();
    let mut random = chance(12);
    for (name, secret) in [("ID", ID), ("KEY", KEY)] {
        let named = (name.to_owned(), vec![place("good.example")]);
        vault.add_fetched(named, Fetch::new(move || Ok(Secret::new(secret))), &mut random).unwrap();
    }
    let placeholders: Vec<String> = vault.placeholders().map(|(_, text)| text.to_owned()).collect();
    let pair = AwsPair { key_id: "ID".to_owned(), secret: "KEY".to_owned(), session: None };
    let credentials = Credentials { vault, aws: Aws { pairs: vec![pair], ..Aws::default() } };
    let scene = Scene::new(&[server.address], Inspection { credentials, ..Inspection::default() });
    let host = format!("good.example:{}", server.port());
    let (time, scope) = ("20150830T123600Z", "20150830/us-east-1/sts");
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let canonical = format!("GET\n/\n\nhost:{host}\nx-amz-date:{time}\n\nhost;x-amz-date\n{digest}");
    let mark = signature(&placeholders[1], scope, time, &canonical);
    let mut client = scene.connect("good.example", server.port());
    client.send(
        format!(
            "GET / HTTP/1.1\r\nhost: {host}\r\nx-amz-date: {time}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential={}/{scope}/aws4_request, SignedHeaders=host;x-amz-date, Signature={mark}\r\n\r\n",
            placeholders[0]
        )
        .as_bytes(),
    );
    client.answer();
    let (heard, mark) = (server.heard().concat(), signature(KEY, scope, time, &canonical));
    assert!(heard.contains(&format!("Credential={ID}/{scope}")) && heard.contains(&mark), "{heard}");
}

/// An answer that is open when a secret becomes known does not show it either.
#[test]
fn an_open_answer_is_looked_into_from_then_on() {
    let mut vault = Vault::default();
    let named = ("TOKEN".to_owned(), vec![place("good.example")]);
    vault.add_fetched(named, Fetch::new(|| Ok(Secret::new(TOKEN))), &mut chance(5)).unwrap();
    let server = Secure::web();
    let credentials = Credentials { vault: vault.clone(), aws: Aws::default() };
    let scene = Scene::new(&[server.address], Inspection { credentials, ..Inspection::default() });
    let (placeholder, host) =
        (vault.placeholders().next().unwrap().1.to_owned(), format!("good.example:{}", server.port()));
    // The first answer waits for the body of its request, which it repeats.
    let mut open = scene.connect("good.example", server.port());
    let length = TOKEN.len() + 4;
    open.send(format!("POST /open HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n\r\n<a>").as_bytes());
    let mut other = scene.connect("good.example", server.port());
    other.send(format!("GET / HTTP/1.1\r\nhost: {host}\r\nx-token: {placeholder}\r\n\r\n").as_bytes());
    other.answer();
    open.send(format!("{TOKEN}>").as_bytes());
    let answer = open.answer();
    assert!(answer.contains("<a>") && !answer.contains(TOKEN), "{answer}");
}
