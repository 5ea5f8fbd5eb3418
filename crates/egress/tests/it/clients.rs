//! Real clients: what the rules allow works unchanged, what they deny fails with words that say why.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::world::{Making, World};

/// A server of files, plain or by TLS, in another process.
pub(crate) struct Files {
    child: Child,
    pub(crate) port: u16,
}

const SERVER: &str = "
import http.server, ssl, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *_): pass
    def do_PUT(self):
        if 'Content-Length' in self.headers:
            body = self.rfile.read(int(self.headers['Content-Length']))
        else:
            body = b''
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size); self.rfile.readline()
            self.rfile.readline()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body[::-1])
    def handle(self):
        try: super().handle()
        except OSError: pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), lambda *a: Handler(*a, directory=sys.argv[1]))
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    if sys.argv[4] != 'any': context.set_ecdh_curve(sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
";

impl Files {
    pub(crate) fn start(arguments: &[&Path]) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", SERVER]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Two servers of the same files behind a proxy.
struct Scene {
    directory: TempDir,
    plain: Files,
    tls: Files,
    world: World,
}

/// Returns two servers of the same files, plain and by TLS, and where the files and the certificate are.
pub(crate) fn servers(curve: &str) -> (TempDir, Files, Files) {
    let directory = TempDir::new().unwrap();
    let files = directory.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("hello.txt"), "hello\n").unwrap();
    std::fs::write(files.join("large.bin"), "0123456789abcdef".repeat(1 << 18)).unwrap();
    let (cert, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let names = "subjectAltName=DNS:good.example,DNS:evil.example";
    done(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=good.example", "-addext", names, "-keyout"])
            .args([&key, Path::new("-out"), &cert]),
    );
    let (plain, tls) = (Files::start(&[&files]), Files::start(&[&files, &cert, &key, Path::new(curve)]));
    (directory, plain, tls)
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

pub(crate) fn done(command: &mut Command) {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Scene {
    fn new() -> Self {
        Self::with("any")
    }

    /// Returns a scene whose TLS server knows one curve alone.
    fn with(curve: &str) -> Self {
        let (directory, plain, tls) = servers(curve);
        let rules = [format!("allow good.example:{}", plain.port), format!("allow good.example:{}", tls.port)];
        let mut making = Making::new(&rules.each_ref().map(String::as_str));
        making.forwards = [plain.port, tls.port].map(|port| ([127, 0, 0, 1], port).into()).to_vec();
        let world = making.start();
        world.book.put("good.example", &[&["127.0.0.1"]]);
        Self { directory, plain, tls, world }
    }

    fn url(&self, scheme: &str, host: &str, path: &str) -> String {
        let port = if scheme == "https" { self.tls.port } else { self.plain.port };
        format!("{scheme}://{host}:{port}/{path}")
    }

    fn cert(&self) -> String {
        self.directory.path().join("cert.pem").display().to_string()
    }

    /// Returns a command that knows the proxy as most programs do.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, format!("http://{}", self.world.address));
        }
        command
            .env("no_proxy", "")
            .env("NO_PROXY", "")
            .env("SSL_CERT_FILE", self.cert())
            .env("GIT_SSL_CAINFO", self.cert())
            .env("CURL_CA_BUNDLE", self.cert())
            .env("HOME", self.directory.path());
        command
    }
}

fn text(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    write!(text, "{}", String::from_utf8_lossy(&output.stderr)).unwrap();
    text
}

#[track_caller]
pub(crate) fn works(command: &mut Command, expected: &str) {
    let output = run(command);
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && out == expected, "{command:?} gave {}", text(&output));
}

#[track_caller]
pub(crate) fn fails(command: &mut Command, expected: &str) {
    let output = run(command);
    assert!(!output.status.success() && text(&output).contains(expected), "{command:?} gave {}", text(&output));
}

#[test]
fn curl() {
    let scene = Scene::new();
    let curl = || {
        let mut command = scene.command("curl");
        command.args(["--silent", "--show-error", "--max-time", "20", "--cacert", &scene.cert()]);
        command
    };
    for scheme in ["http", "https"] {
        works(curl().arg(scene.url(scheme, "good.example", "hello.txt")), "hello\n");
        let chunked = ["-X", "PUT", "--data", "abc", "-H", "Transfer-Encoding: chunked"];
        works(curl().args(chunked).arg(scene.url(scheme, "good.example", "x")), "cba");
        works(curl().args(["-X", "PUT", "--data", "abc"]).arg(scene.url(scheme, "good.example", "x")), "cba");
        works(
            curl().args(["-X", "PUT", "--data", "abc", "-H", "Expect: 100-continue"]).arg(scene.url(
                scheme,
                "good.example",
                "x",
            )),
            "cba",
        );
        let large = scene.url(scheme, "good.example", "large.bin");
        works(curl().args(["--output", "/dev/null", "--write-out", "%{size_download}"]).arg(&large), "4194304");
        // Two on one connection.
        let url = scene.url(scheme, "good.example", "hello.txt");
        works(curl().args([&url, &url]), "hello\nhello\n");
        works(curl().args(["--head", "--output", "/dev/null", "--write-out", "%{http_code}"]).arg(&url), "200");
    }
    let proxy = scene.world.address;
    for kind in ["socks5h", "socks5"] {
        let through = format!("{kind}://{proxy}");
        // `socks5` looks the name up itself, and cannot.
        let url = scene.url("https", "good.example", "hello.txt");
        match kind {
            "socks5h" => works(curl().args(["--proxy", &through, &url]), "hello\n"),
            _ => fails(curl().args(["--proxy", &through, &url]), "good.example"),
        }
    }
    fails(
        curl().arg("--fail-with-body").arg(scene.url("http", "evil.example", "x")),
        "is refused: no rule allows it, and there is nobody to ask",
    );
    fails(
        curl().arg("--verbose").arg(scene.url("https", "evil.example", "x")),
        "refused: no rule allows it, and there is nobody to ask",
    );
    fails(
        curl().args(["--proxy", &format!("socks5h://{proxy}")]).arg(scene.url("https", "evil.example", "x")),
        "evil.example",
    );
    // The name of the hello and the field are the program's to choose.
    fails(
        curl().args(["--connect-to", &format!("::good.example:{}", scene.tls.port)]).arg(scene.url(
            "https",
            "evil.example",
            "hello.txt",
        )),
        "unrecognized name",
    );
    fails(
        curl().args(["--fail-with-body", "-H", "Host: evil.example"]).arg(scene.url(
            "http",
            "good.example",
            "hello.txt",
        )),
        "names another host",
    );
    fails(
        curl().args(["--fail-with-body", "-H", "Host: evil.example", "--proxytunnel"]).arg(scene.url(
            "http",
            "good.example",
            "hello.txt",
        )),
        "is for `evil.example",
    );
}

#[test]
fn wget() {
    let scene = Scene::new();
    let wget = || {
        let mut command = scene.command("wget");
        command.args([
            "--quiet",
            "--tries=1",
            "--timeout=20",
            "--output-document=-",
            "--ca-certificate",
            &scene.cert(),
        ]);
        command
    };
    for scheme in ["http", "https"] {
        works(wget().arg(scene.url(scheme, "good.example", "hello.txt")), "hello\n");
        let mut command = wget();
        command.args(["--no-quiet", "--no-verbose"]).arg(scene.url(scheme, "evil.example", "hello.txt"));
        fails(&mut command, "refused: no rule allows it, and there is nobody to ask");
    }
}

#[test]
fn python() {
    let scene = Scene::new();
    let script =
        "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode(), end='')";
    for scheme in ["http", "https"] {
        let url = |host| scene.url(scheme, host, "hello.txt");
        works(scene.command("python3").args(["-c", script, &url("good.example")]), "hello\n");
        let mut command = scene.command("python3");
        fails(
            command.args(["-c", script, &url("evil.example")]),
            "refused: no rule allows it, and there is nobody to ask",
        );
    }
}

#[test]
fn git() {
    let scene = Scene::new();
    let files = scene.directory.path().join("files");
    let git = || {
        let mut command = scene.command("git");
        command.args(["-c", "user.name=probe", "-c", "user.email=probe@good.example"]);
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1");
        command
    };
    let work = scene.directory.path().join("work");
    done(git().args(["init", "--quiet"]).arg(&work));
    std::fs::write(work.join("a.txt"), "content\n").unwrap();
    done(git().arg("-C").arg(&work).args(["add", "."]));
    done(git().arg("-C").arg(&work).args(["commit", "--quiet", "--message", "one"]));
    done(git().args(["clone", "--quiet", "--bare"]).arg(&work).arg(files.join("a.git")));
    done(git().arg("-C").arg(files.join("a.git")).arg("update-server-info"));
    for scheme in ["http", "https"] {
        let copy = scene.directory.path().join(scheme);
        done(git().args(["clone", "--quiet", &scene.url(scheme, "good.example", "a.git")]).arg(&copy));
        assert_eq!(std::fs::read_to_string(copy.join("a.txt")).unwrap(), "content\n");
        let other = scene.directory.path().join("other");
        fails(git().args(["clone", &scene.url(scheme, "evil.example", "a.git")]).arg(other), "403");
    }
}

/// A server that wants a hello with another curve gets one.
#[test]
fn openssl_says_hello_twice() {
    let scene = Scene::with("secp384r1");
    let target = format!("good.example:{}", scene.tls.port);
    let mut command = scene.command("openssl");
    command.args(["s_client", "-msg", "-verify_return_error", "-CAfile", &scene.cert(), "-groups", "X25519:P-384"]);
    command.args(["-servername", "good.example", "-proxy", &scene.world.address.to_string(), "-connect", &target]);
    let said = text(&run(&mut command));
    assert_eq!(said.matches("ClientHello").count(), 2, "{said}");
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    let mut curl = scene.command("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--cacert",
        &scene.cert(),
        &scene.url("https", "good.example", "hello.txt"),
    ]);
    works(&mut curl, "hello\n");
}

#[test]
fn openssl() {
    let scene = Scene::new();
    let client = |name: &str| {
        let mut command = scene.command("openssl");
        command.args(["s_client", "-verify_return_error", "-CAfile", &scene.cert(), "-servername", name]);
        command.args(["-proxy", &scene.world.address.to_string()]);
        command.args(["-connect", &format!("good.example:{}", scene.tls.port)]);
        command
    };
    let output = run(&mut client("good.example"));
    assert!(text(&output).contains("Verify return code: 0 (ok)"), "{}", text(&output));
    fails(&mut client("evil.example"), "unrecognized name");
    fails(client("good.example").arg("-noservername"), "servername");
}
