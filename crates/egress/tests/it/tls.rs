//! Servers and clients of TLS, with certificates of the test's own.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use egress::proxy::{Authority, Inspection, Roots, Terminate};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use crate::clients::done;
use crate::world::{LONG, Making, World};

/// The authority of the test's servers, and their certificate.
pub(crate) struct Certificates {
    directory: TempDir,
}

impl Certificates {
    /// Returns those of this process.
    pub(crate) fn get() -> &'static Self {
        static MADE: OnceLock<Certificates> = OnceLock::new();
        MADE.get_or_init(|| {
            let directory = TempDir::new().unwrap();
            let certificates = Self { directory };
            certificates.authority("ca", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
            certificates.leaf("leaf", "ca");
            certificates
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Makes an authority with a key of this kind.
    pub(crate) fn authority(&self, name: &str, key: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "2", "-subj", &format!("/CN=Test {name}"), "-newkey"]);
        command.args(key).args([
            "-addext",
            "basicConstraints=critical,CA:true",
            "-addext",
            "keyUsage=critical,keyCertSign",
        ]);
        done(
            command
                .arg("-keyout")
                .arg(self.path(&format!("{name}.key")))
                .arg("-out")
                .arg(self.path(&format!("{name}.pem"))),
        );
    }

    /// Makes a certificate for the hosts of the tests.
    pub(crate) fn leaf(&self, name: &str, authority: &str) {
        let mut command = self.request(name);
        command.args(["-x509", "-days", "2"]).arg("-CA").arg(self.path(&format!("{authority}.pem")));
        command.arg("-CAkey").arg(self.path(&format!("{authority}.key")));
        done(command.arg("-out").arg(self.path(&format!("{name}.pem"))));
    }

    /// Makes one that is no longer valid.
    pub(crate) fn old_leaf(&self, name: &str, authority: &str) {
        let request = self.path(&format!("{name}.csr"));
        done(self.request(name).arg("-out").arg(&request));
        let config = "[ca]\ndefault_ca=x\n[x]\ndatabase=DIR/index\nnew_certs_dir=DIR\nrand_serial=yes\ndefault_md=sha256\n\
                      policy=p\ncopy_extensions=copyall\n[p]\ncommonName=supplied\n";
        let config = config.replace("DIR", &self.directory.path().display().to_string());
        std::fs::write(self.path("ca.cnf"), config).unwrap();
        std::fs::write(self.path("index"), "").unwrap();
        let mut command = Command::new("openssl");
        command.args(["ca", "-batch", "-notext", "-startdate", "20200101000000Z", "-enddate", "20200102000000Z"]);
        command.arg("-config").arg(self.path("ca.cnf")).arg("-in").arg(request);
        command.arg("-cert").arg(self.path(&format!("{authority}.pem")));
        command.arg("-keyfile").arg(self.path(&format!("{authority}.key")));
        done(command.arg("-out").arg(self.path(&format!("{name}.pem"))));
    }

    fn request(&self, name: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(["req", "-nodes", "-subj", "/CN=good.example", "-newkey", "ec"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "basicConstraints=critical,CA:false"]);
        command.args(["-addext", "subjectAltName=DNS:good.example,DNS:*.good.example,IP:127.0.0.1"]);
        command.arg("-keyout").arg(self.path(&format!("{name}.key")));
        command
    }
}

/// A connection by TLS on the server's side.
pub(crate) type Inside = StreamOwned<ServerConnection, TcpStream>;
/// What a server does with a connection.
pub(crate) type Serve = fn(&mut Inside, &mut dyn FnMut(&[u8]));

/// A server by TLS, and what it heard.
pub(crate) struct Secure {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

pub(crate) fn server_config(leaf: &str, protocols: &[&str]) -> Arc<ServerConfig> {
    let certificates = Certificates::get();
    let chain = CertificateDer::pem_file_iter(certificates.path(&format!("{leaf}.pem"))).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.path(&format!("{leaf}.key"))).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

impl Secure {
    pub(crate) fn new(serve: Serve) -> Self {
        Self::with("leaf", serve)
    }

    /// Returns a server with another certificate.
    pub(crate) fn with(leaf: &str, serve: Serve) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let (all, config) = (heard.clone(), server_config(leaf, &["http/1.1"]));
        // It ends with the test's process.
        std::thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (all, config) = (all.clone(), config.clone());
                std::thread::spawn(move || {
                    tcp.set_read_timeout(Some(LONG)).unwrap();
                    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
                    let at = {
                        let mut all = all.lock().unwrap();
                        all.push(Vec::new());
                        all.len() - 1
                    };
                    serve(&mut stream, &mut |bytes| all.lock().unwrap()[at].extend(bytes));
                    stream.conn.send_close_notify();
                    drop(stream.flush());
                    drop(stream.sock.shutdown(Shutdown::Write));
                });
            }
        });
        Self { address, heard }
    }

    /// Returns a server of requests: each is answered with its own head and body.
    pub(crate) fn web() -> Self {
        Self::new(echo)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

/// Answers each request with what was heard.
pub(crate) fn echo(stream: &mut Inside, hear: &mut dyn FnMut(&[u8])) {
    loop {
        let mut request = head(stream).into_bytes();
        if request.is_empty() {
            break;
        }
        request.extend(body(stream, &String::from_utf8_lossy(&request)));
        hear(&request);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Server: canary\r\n\r\n", request.len());
        if stream.write_all(&[answer.as_bytes(), &request].concat()).is_err() {
            break;
        }
    }
}

/// Reads up to an empty line, or the end.
pub(crate) fn head(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Reads the body that a head announces, as it is on the wire.
pub(crate) fn body(stream: &mut impl Read, head: &str) -> Vec<u8> {
    let lower = head.to_ascii_lowercase();
    let mut bytes = Vec::new();
    if let Some(rest) = lower.split("content-length: ").nth(1) {
        bytes = vec![0; rest.lines().next().unwrap().parse().unwrap()];
        stream.read_exact(&mut bytes).unwrap();
    } else if lower.contains("transfer-encoding: chunked") {
        while !bytes.ends_with(b"0\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
    }
    bytes
}

/// Returns the way TLS ends in the tests: with an authority of the run, and belief in the test's own.
pub(crate) fn terminate() -> (Terminate, Arc<Authority>) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let authority = Arc::new(Authority::of_the_run(now).unwrap());
    let mut roots = Roots::none();
    assert_eq!(roots.add(&Certificates::get().read("ca.pem")), 1);
    (Terminate { authority: authority.clone(), roots, only: None }, authority)
}

/// A proxy that ends TLS, and whom to trust behind it.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) authority: Arc<Authority>,
}

impl Scene {
    /// Returns a proxy under which `good.example` and names below it are the servers of the test.
    pub(crate) fn new(servers: &[SocketAddr], inspection: Inspection) -> Self {
        let (terminate, authority) = terminate();
        Self::with(servers, Inspection { terminate: Some(terminate), ..inspection }, authority)
    }

    pub(crate) fn with(servers: &[SocketAddr], inspection: Inspection, authority: Arc<Authority>) -> Self {
        Self::ruled(servers, &[], inspection, authority)
    }

    /// The same with more rules.
    pub(crate) fn ruled(
        servers: &[SocketAddr],
        more: &[String],
        inspection: Inspection,
        authority: Arc<Authority>,
    ) -> Self {
        let rules: Vec<String> = servers
            .iter()
            .flat_map(|server| ["good.example", "*.good.example"].map(|host| format!("allow {host}:{}", server.port())))
            .chain(more.iter().cloned())
            .collect();
        let mut making = Making::new(&rules.iter().map(String::as_str).collect::<Vec<_>>());
        making.forwards = servers.to_vec();
        making.inspection = inspection;
        let world = making.start();
        for name in ["good.example", "other.good.example"] {
            world.book.put(name, &[&["127.0.0.1"]]);
        }
        Self { world, authority }
    }

    /// Opens a tunnel, and TLS in it.
    pub(crate) fn connect(&self, host: &str, port: u16) -> Client {
        self.offer(host, port, &["http/1.1"])
    }

    pub(crate) fn offer(&self, host: &str, port: u16, protocols: &[&str]) -> Client {
        let (tcp, line) = self.world.tunnel(&format!("{host}:{port}"));
        assert_eq!(line, "HTTP/1.1 200 Connection established");
        let config = client_config(self.authority.certificate().as_bytes(), protocols);
        let name = ServerName::try_from(host.to_owned()).unwrap();
        tcp.set_read_timeout(Some(LONG)).unwrap();
        Client(StreamOwned::new(ClientConnection::new(config, name).unwrap(), tcp))
    }

    /// Sends requests on one connection, and returns all that comes.
    pub(crate) fn talk(&self, port: u16, bytes: &[u8]) -> String {
        let mut client = self.connect("good.example", port);
        client.0.write_all(bytes).unwrap();
        client.rest()
    }

    /// Writes the certificate of the run to a file.
    pub(crate) fn trust(&self, directory: &Path) -> PathBuf {
        let path = directory.join("run.pem");
        std::fs::write(&path, self.authority.certificate()).unwrap();
        path
    }
}

pub(crate) fn client_config(trusted: &[u8], protocols: &[&str]) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(trusted) {
        store.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(store).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// A client by TLS.
pub(crate) struct Client(pub(crate) StreamOwned<ClientConnection, TcpStream>);

impl Client {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }

    /// Reads an answer with its body.
    pub(crate) fn answer(&mut self) -> String {
        let head = head(&mut self.0);
        let body = body(&mut self.0, &head);
        head + &String::from_utf8_lossy(&body)
    }

    /// Reads to the end.
    pub(crate) fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        drop(self.0.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns true when nothing comes in a moment.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.0.sock.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let read = self.0.read(&mut [0]);
        self.0.sock.set_read_timeout(Some(LONG)).unwrap();
        read.is_err()
    }
}
