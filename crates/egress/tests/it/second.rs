//! HTTP/2 that ends at the proxy: streams are requests like others.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use egress::credential::{Aws, Credential, Credentials, Secret, Shape, Vault};
use egress::proxy::Inspection;
use h2::client::SendRequest;
use http::header::HeaderMap;
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::credentials::chance;
use crate::terminate::rules;
use crate::tls::{Scene, client_config, server_config};
use crate::world::place;

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

/// A server of HTTP/2 that answers with what it heard, and with trailers.
struct Second {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Second {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let all = heard.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let acceptor = TlsAcceptor::from(server_config("leaf", &["h2"]));
                loop {
                    let (tcp, _) = listener.accept().await.unwrap();
                    let (acceptor, all) = (acceptor.clone(), all.clone());
                    tokio::spawn(async move {
                        let Ok(tls) = acceptor.accept(tcp).await else { return };
                        let Ok(mut connection) = h2::server::handshake(tls).await else { return };
                        while let Some(Ok((request, respond))) = connection.accept().await {
                            tokio::spawn(answer(request, respond, all.clone()));
                        }
                    });
                }
            });
        });
        Self { address, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    all: Arc<Mutex<Vec<String>>>,
) {
    let (parts, mut stream) = request.into_parts();
    let mut text = format!("{} {}", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        text.push_str(&format!("\n{name}: {}", value.to_str().unwrap()));
    }
    text.push('\n');
    while let Some(Ok(bytes)) = stream.data().await {
        stream.flow_control().release_capacity(bytes.len()).unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    all.lock().unwrap().push(text.clone());
    let response = Response::builder().status(200).header("x-back", TOKEN).body(()).unwrap();
    let mut sink = respond.send_response(response, false).unwrap();
    // In pieces, of which none has a whole secret, where one was sent.
    let size = if text.contains("authorization") { 11 } else { 10_000 };
    for piece in text.as_bytes().chunks(size) {
        sink.send_data(Bytes::copy_from_slice(piece), false).unwrap();
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-end", TOKEN.parse().unwrap());
    sink.send_trailers(trailers).unwrap();
}

/// Runs a client in a tunnel to the server.
fn with_client<F: Future<Output = ()>>(scene: &Scene, port: u16, run: impl FnOnce(SendRequest<Bytes>) -> F) {
    let (tcp, line) = scene.world.tunnel(&format!("good.example:{port}"));
    assert_eq!(line, "HTTP/1.1 200 Connection established");
    tcp.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connector =
            TlsConnector::from(client_config(scene.authority.certificate().as_bytes(), &["h2", "http/1.1"]));
        let tcp = TcpStream::from_std(tcp).unwrap();
        let tls = connector.connect("good.example".try_into().unwrap(), tcp).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = h2::client::handshake(tls).await.unwrap();
        let driver = tokio::spawn(async move { drop(connection.await) });
        tokio::time::timeout(crate::world::LONG, run(sender)).await.unwrap();
        driver.abort();
    });
}

/// Sends a request, and returns status, fields and body, and the fields behind it.
async fn ask(sender: &SendRequest<Bytes>, request: Request<()>, body: &[&str]) -> Result<String, h2::Error> {
    let mut sender = sender.clone().ready().await?;
    let (response, mut sink) = sender.send_request(request, body.is_empty())?;
    for (number, part) in body.iter().enumerate() {
        sink.send_data(Bytes::copy_from_slice(part.as_bytes()), number + 1 == body.len())?;
    }
    let (parts, mut stream) = response.await?.into_parts();
    let mut text = format!("{} {:?}\n", parts.status.as_u16(), parts.headers);
    while let Some(bytes) = stream.data().await {
        let bytes = bytes?;
        stream.flow_control().release_capacity(bytes.len())?;
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    let trailers = stream.trailers().await?;
    Ok(format!("{text}\n{trailers:?}"))
}

fn get(uri: &str) -> Request<()> {
    Request::builder().uri(uri).body(()).unwrap()
}

#[test]
fn streams_are_judged_one_by_one() {
    let server = Second::start();
    let port = server.address.port();
    let inspection = Inspection { rules: rules(&["deny * good.example/secret/**"]), ..Inspection::default() };
    let scene = Scene::new(&[server.address], inspection);
    let at = |path: &str| format!("https://good.example:{port}{path}");
    with_client(&scene, port, |sender| async move {
        let answer = ask(&sender, get(&at("/a?b")), &[]).await.unwrap();
        assert!(answer.contains(&format!("GET https://good.example:{port}/a?b\n")), "{answer}");
        assert!(answer.starts_with("200 ") && answer.contains("x-end"), "{answer}");
        let put = Request::builder().method("PUT").uri(at("/b")).body(()).unwrap();
        assert!(ask(&sender, put, &["one", "two"]).await.unwrap().contains("onetwo"));
        for (request, status) in [
            (get(&at("/secret/a")), "403"),
            (get(&at("/x/%2e%2e/secret/a")), "403"),
            (get(&format!("https://evil.example:{port}/a")), "421"),
            (get(&format!("https://other.good.example:{port}/a")), "421"),
            (Request::builder().uri(at("/a")).header("host", "evil.example").body(()).unwrap(), "421"),
            (get(&format!("http://good.example:{port}/a")), "400"),
            (Request::builder().method("TRACE").uri(at("/a")).body(()).unwrap(), "405"),
            (Request::builder().uri(at("/a")).header("x", "y".repeat(40_000)).body(()).unwrap(), "431"),
        ] {
            let shown = format!("{} {}", request.method(), request.uri());
            let answer = ask(&sender, request, &[]).await.unwrap();
            assert!(answer.starts_with(status), "{shown}: {answer}");
        }
        let connect = Request::builder().method("CONNECT").uri("evil.example:443").body(()).unwrap();
        let answer = ask(&sender, connect, &[]).await;
        assert!(answer.as_ref().is_ok_and(|answer| answer.starts_with("405")) || answer.is_err(), "{answer:?}");
    });
    let heard = server.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    let text = scene.world.kept.text();
    assert!(
        text.contains("`network.requests: deny * good.example/secret/**` of settings.json:1 denies it (refused)"),
        "{text}"
    );
}

#[test]
fn secrets_change_places_in_streams() {
    let server = Second::start();
    let port = server.address.port();
    let mut vault = Vault::default();
    let credential = Credential {
        name: "T".to_owned(),
        secret: Secret::new(TOKEN),
        hosts: vec![place("good.example")],
        shape: Shape::Text,
    };
    let token = vault.add(credential, &mut chance(1)).unwrap().to_owned();
    let credentials = Credentials { vault, aws: Aws::default() };
    let scene = Scene::new(&[server.address], Inspection { credentials, ..Inspection::default() });
    let own = token.clone();
    with_client(&scene, port, |sender| async move {
        let uri = format!("https://good.example:{port}/?{own}");
        let request = Request::builder()
            .method("POST")
            .uri(uri)
            .header("authorization", format!("Bearer {own}"))
            .body(())
            .unwrap();
        let (start, end) = own.split_at(17);
        let answer = ask(&sender, request, &[start, end]).await.unwrap();
        assert_eq!((answer.matches(&own).count(), answer.matches(TOKEN).count()), (5, 0), "{answer}");
    });
    let heard = server.heard().join("");
    assert_eq!((heard.matches(TOKEN).count(), heard.matches(&token).count()), (3, 0), "{heard}");
    assert!(heard.contains("accept-encoding: identity"), "{heard}");
}

#[test]
fn many_streams_and_large_bodies_pass() {
    let server = Second::start();
    let port = server.address.port();
    let scene = Scene::new(&[server.address], Inspection::default());
    let large = "0123456789abcdef".repeat(1 << 16);
    with_client(&scene, port, |sender| async move {
        // By then the client has heard how many streams there may be.
        ask(&sender, get(&format!("https://good.example:{port}/first")), &[]).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..60 {
            let sender = sender.clone();
            tasks.spawn(async move {
                ask(&sender, get(&format!("https://good.example:{port}/{number}")), &[]).await.unwrap()
            });
        }
        assert_eq!(tasks.join_all().await.iter().filter(|answer| answer.starts_with("200 ")).count(), 60);
        let put = Request::builder().method("PUT").uri(format!("https://good.example:{port}/")).body(()).unwrap();
        let answer = ask(&sender, put, &[&large]).await.unwrap();
        assert!(answer.contains(&large));
    });
}

/// A client that opens streams and resets them at once gets no further than its own connection.
#[test]
fn rapid_resets_do_not_stall_others() {
    let server = Second::start();
    let port = server.address.port();
    let scene = Scene::new(&[server.address], Inspection::default());
    let uri = || get(&format!("https://good.example:{port}/"));
    let scene = &scene;
    with_client(scene, port, |sender| async move {
        for _ in 0..3000 {
            // It may have been cut off.
            let Ok(mut ready) = sender.clone().ready().await else { break };
            let Ok((response, mut sink)) = ready.send_request(uri(), true) else { break };
            sink.send_reset(h2::Reason::CANCEL);
            drop(response);
            tokio::task::yield_now().await;
        }
        let start = std::time::Instant::now();
        with_other(scene, port);
        assert!(start.elapsed() < std::time::Duration::from_secs(5));
    });
}

/// Asks on a connection of its own, in a thread of its own.
fn with_other(scene: &Scene, port: u16) {
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            with_client(scene, port, |sender| async move {
                let answer = ask(&sender, get(&format!("https://good.example:{port}/other")), &[]).await.unwrap();
                assert!(answer.starts_with("200 "));
            });
        });
        asked.join().unwrap();
    });
}

#[test]
fn a_client_of_one_version_meets_a_server_of_the_other() {
    let server = Second::start();
    let scene = Scene::new(&[server.address], Inspection::default());
    // The server speaks HTTP/2 alone, and the client does not.
    let mut client = scene.offer("good.example", server.address.port(), &["http/1.1"]);
    client.send(b"GET / HTTP/1.1\r\nHost: good.example\r\n\r\n");
    let answer = client.rest();
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("cannot be reached by TLS"), "{answer}");
    let first = crate::tls::Secure::web();
    let scene = Scene::new(&[first.address], Inspection::default());
    let port = first.port();
    let (tcp, _) = scene.world.tunnel(&format!("good.example:{port}"));
    tcp.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connector = TlsConnector::from(client_config(scene.authority.certificate().as_bytes(), &["h2"]));
        let tls =
            connector.connect("good.example".try_into().unwrap(), TcpStream::from_std(tcp).unwrap()).await.unwrap();
        let (sender, connection) = h2::client::handshake(tls).await.unwrap();
        let driver = tokio::spawn(async move { drop(connection.await) });
        let answer = ask(&sender, get(&format!("https://good.example:{port}/")), &[]).await.unwrap();
        assert!(answer.starts_with("502 ") && answer.contains("cannot be reached by TLS"), "{answer}");
        driver.abort();
    });
    // A protocol that is none of HTTP's is not begun.
    let mut client = scene.offer("good.example", port, &["postgresql"]);
    assert!(std::io::Write::write_all(&mut client.0, b"x").is_err());
}
