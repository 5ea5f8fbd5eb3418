//! A server on this machine with a certificate of the test, which answers as the test says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::certificate::{self, Key};

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// What the server says.
pub(crate) enum Reply {
    Json(u16, String),
    /// These bytes and no others.
    Raw(Vec<u8>),
    /// A head, then a byte now and then.
    Drip,
    /// Nothing.
    Silence,
}

type Handler = dyn Fn(&Received) -> Reply + Send + Sync;

/// A server. It is gone when this is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) received: Arc<Mutex<Vec<Received>>>,
    is_over: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        received.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Someone who signs certificates.
pub(crate) struct Authority {
    key: Key,
    pub(crate) root: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = Key::new();
        let root = certificate::root(&key);
        Self { key, root }
    }

    fn tls(&self, name: &str) -> Arc<rustls::ServerConfig> {
        let key = Key::new();
        let leaf = certificate::leaf(&key, name, &self.key).into();
        let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.private).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![leaf], private).unwrap())
    }

    /// Serves with a certificate for this name.
    pub(crate) fn serve(&self, name: &str, handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Server {
        serve(Some(self.tls(name)), Arc::new(handler))
    }
}

/// Serves in clear text.
pub(crate) fn serve_plain(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Server {
    serve(None, Arc::new(handler))
}

fn serve(tls: Option<Arc<rustls::ServerConfig>>, handler: Arc<Handler>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (received, is_over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let (log, over) = (Arc::clone(&received), Arc::clone(&is_over));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if over.load(Ordering::SeqCst) {
                break;
            }
            let (stream, tls, handler, log) = (stream.unwrap(), tls.clone(), Arc::clone(&handler), Arc::clone(&log));
            let over = Arc::clone(&over);
            std::thread::spawn(move || {
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                match tls {
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).unwrap();
                        let mut stream = rustls::StreamOwned::new(session, stream);
                        answer(&mut stream, handler.as_ref(), &log, &over);
                        stream.conn.send_close_notify();
                        drop(stream.flush());
                    }
                    None => answer(&mut &stream, handler.as_ref(), &log, &over),
                }
            });
        }
    });
    Server { port, received, is_over }
}

/// Answers one request. A client that goes away is no error.
fn answer<S: Read + Write>(stream: &mut S, handler: &Handler, log: &Mutex<Vec<Received>>, over: &AtomicBool) {
    let Some(request) = receive(stream) else { return };
    log.lock().unwrap().push(request.clone());
    let sent = match handler(&request) {
        Reply::Json(status, body) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes())
        }
        Reply::Raw(bytes) => stream.write_all(&bytes),
        Reply::Drip => {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{"));
            while !over.load(Ordering::SeqCst) && stream.write_all(b" ").and_then(|()| stream.flush()).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Reply::Silence => {
            while !over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
    };
    drop(sent.and_then(|()| stream.flush()));
}

fn receive(stream: &mut impl Read) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut fields = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let is_new = fields.insert(name.to_ascii_lowercase(), value.trim().to_owned()).is_none();
        assert!(is_new, "the field `{name}` was sent twice");
    }
    let length = fields.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, path, fields, body })
}
