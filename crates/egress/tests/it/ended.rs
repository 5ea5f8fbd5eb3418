//! Real clients whose TLS ends at the proxy: they trust the certificate of the run, and work unchanged.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use egress::credential::{Aws, Credential, Credentials, Secret, Shape, Vault};
use egress::proxy::Inspection;
use tempfile::TempDir;

use crate::clients::{done, fails, works};
use crate::credentials::chance;
use crate::terminate::{pushes, rules};
use crate::tls::{Certificates, Scene};
use crate::world::place;

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

/// Answers with its version and what was asked, by both versions of HTTP.
const NODE: &str = "
const http2 = require('http2'), fs = require('fs'), [, cert, key] = process.argv;
const server = http2.createSecureServer({ allowHTTP1: true, cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
server.on('request', (request, response) => {
    let body = '';
    request.on('data', part => body += part);
    request.on('end', () => {
        const line = request.httpVersion + ' ' + request.method + ' ' + request.url;
        response.end(line + ' ' + (request.headers.authorization || '-') + ' ' + body + '\\n');
    });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
";

/// A server of git's own program.
const GIT: &str = "
import http.server, os, ssl, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *_): pass
    def serve(self):
        path, _, query = self.path.partition('?')
        if self.headers.get('Authorization') != 'Basic ' + sys.argv[4]:
            self.send_response(401); self.send_header('WWW-Authenticate', 'Basic realm=x')
            self.send_header('Content-Length', '0'); self.end_headers(); return
        if 'chunked' in self.headers.get('Transfer-Encoding', ''):
            body = b''
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size); self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        env = dict(os.environ, GIT_PROJECT_ROOT=sys.argv[1], GIT_HTTP_EXPORT_ALL='1', PATH_INFO=path, REMOTE_USER='x',
            QUERY_STRING=query, REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get('Content-Type', ''),
            HTTP_CONTENT_ENCODING=self.headers.get('Content-Encoding', ''), CONTENT_LENGTH=str(len(body)))
        out = subprocess.run(['git', 'http-backend'], input=body, env=env, stdout=subprocess.PIPE).stdout
        head, _, body = out.partition(b'\\r\\n\\r\\n')
        fields = [line.split(': ', 1) for line in head.decode().splitlines()]
        status = [value for name, value in fields if name == 'Status'] or ['200 OK']
        self.send_response(int(status[0].split()[0]))
        for name, value in fields:
            if name != 'Status': self.send_header(name, value)
        self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
    do_GET = do_POST = serve
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
";

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }

    fn web() -> Self {
        let certificates = Certificates::get();
        let mut command = Command::new("node");
        Self::start(command.args(["-e", NODE]).arg(certificates.path("leaf.pem")).arg(certificates.path("leaf.key")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Returns credentials with one for `good.example`, and its placeholder.
fn credentials() -> (Credentials, String) {
    let mut vault = Vault::default();
    let credential = Credential {
        name: "TOKEN".to_owned(),
        secret: Secret::new(TOKEN),
        hosts: vec![place("good.example")],
        shape: Shape::Text,
    };
    let placeholder = vault.add(credential, &mut chance(21)).unwrap().to_owned();
    (Credentials { vault, aws: Aws::default() }, placeholder)
}

/// A program that knows the proxy and trusts the certificate of the run, as a child would.
fn program(scene: &Scene, directory: &Path, name: &str) -> Command {
    let trusted: PathBuf = scene.trust(directory);
    let mut command = Command::new(name);
    for variable in ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(variable, format!("http://{}", scene.world.address));
    }
    for variable in ["SSL_CERT_FILE", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"] {
        command.env(variable, &trusted);
    }
    command.env("no_proxy", "").env("NO_PROXY", "").env("HOME", directory);
    command
}

#[test]
fn web_clients() {
    let (server, directory) = (Server::web(), TempDir::new().unwrap());
    let (credentials, token) = credentials();
    let rules = rules(&["deny DELETE good.example/**"]);
    let address = ([127, 0, 0, 1], server.port).into();
    let scene = Scene::new(&[address], Inspection { credentials, rules, ..Inspection::default() });
    let url = |path: &str| format!("https://good.example:{}{path}", server.port);
    let command = |name: &str| program(&scene, directory.path(), name);
    let field = format!("Authorization: Bearer {token}");
    // The server answers with the real secret, which does not come back.
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2.0")] {
        let curl = || {
            let mut curl = command("curl");
            curl.args(["--silent", "--show-error", "--max-time", "20", option, "-H", &field]);
            curl
        };
        works(curl().arg(url("/a?b")), &format!("{version} GET /a?b Bearer {token} \n"));
        works(curl().args(["--data", "x=1"]).arg(url("/a")), &format!("{version} POST /a Bearer {token} x=1\n"));
        fails(
            curl().args(["-X", "DELETE", "--fail-with-body"]).arg(url("/a")),
            "`network.requests: deny DELETE good.example/**`",
        );
    }
    let python = "import sys, urllib.request as u\n\
        print(u.urlopen(u.Request(sys.argv[1], headers={'Authorization': 'Bearer ' + sys.argv[2]}), timeout=20).read().decode(), end='')";
    works(command("python3").args(["-c", python, &url("/p"), &token]), &format!("1.1 GET /p Bearer {token} \n"));
    let mut wget = command("wget");
    wget.args(["--quiet", "--tries=1", "--timeout=20", "--output-document=-", "--header", &field]);
    wget.arg("--ca-certificate").arg(directory.path().join("run.pem"));
    works(wget.arg(url("/w")), &format!("1.1 GET /w Bearer {token} \n"));
    let node = "
        const [, proxy, port, token] = process.argv, http = require('http'), tls = require('tls'), http2 = require('http2');
        const [host, at] = proxy.split(':');
        http.request({ host, port: at, method: 'CONNECT', path: 'good.example:' + port,
            headers: { host: 'good.example:' + port } }).on('connect', (_, socket) => {
            const secure = tls.connect({ socket, servername: 'good.example', ALPNProtocols: ['h2'] }, () => {
                const client = http2.connect('https://good.example:' + port, { createConnection: () => secure });
                const stream = client.request({ ':path': '/n', authorization: 'Bearer ' + token });
                stream.on('data', part => process.stdout.write(part)).on('end', () => client.close()).end();
            });
        }).end();";
    let proxy = scene.world.address.to_string();
    works(
        command("node").args(["-e", node, &proxy, &server.port.to_string(), &token]),
        &format!("2.0 GET /n Bearer {token} \n"),
    );
    let text = scene.world.kept.text();
    assert!(text.contains("the secret of `TOKEN` was put in (injected)") && !text.contains(TOKEN), "{text}");
}

#[test]
fn git_pushes_to_named_branches_with_a_token_it_does_not_have() {
    use base64::Engine;
    let directory = TempDir::new().unwrap();
    let (store, certificates) = (directory.path().join("store"), Certificates::get());
    let (credentials, token) = credentials();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("octo:{TOKEN}"));
    let mut server = Command::new("python3");
    server.args(["-c", GIT]).arg(&store).arg(certificates.path("leaf.pem")).arg(certificates.path("leaf.key"));
    let server = Server::start(server.arg(basic));
    let pushes = pushes(&[&format!("good.example:{}/team/repo main claude/*", server.port)]);
    let inspection = Inspection { credentials, pushes, ..Inspection::default() };
    let scene = Scene::new(&[([127, 0, 0, 1], server.port).into()], inspection);
    let git = || {
        let mut command = program(&scene, directory.path(), "git");
        command.args(["-c", "user.name=probe", "-c", "user.email=probe@good.example", "-c", "init.defaultBranch=main"]);
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1");
        command
    };
    for name in ["repo.git", "other.git"] {
        let bare = store.join("team").join(name);
        done(git().args(["init", "--quiet", "--bare"]).arg(&bare));
        done(git().arg("-C").arg(&bare).args(["config", "http.receivepack", "true"]));
    }
    let url = |name: &str| format!("https://octo:{token}@good.example:{}/team/{name}", server.port);
    let work = directory.path().join("work");
    done(git().args(["clone", "--quiet", &url("repo.git")]).arg(&work));
    std::fs::write(work.join("a.txt"), "0123456789abcdef".repeat(1 << 17)).unwrap();
    done(git().arg("-C").arg(&work).args(["add", "."]));
    done(git().arg("-C").arg(&work).args(["commit", "--quiet", "--message", "one"]));
    let push = |to: &str, words: &[&str]| {
        let mut command = git();
        command.arg("-C").arg(&work).args(["push", &url(to)]).args(words);
        command
    };
    done(&mut push("repo.git", &["HEAD:refs/heads/main"]));
    done(&mut push("repo", &["HEAD:refs/heads/claude/a"]));
    // One that is sent in chunks.
    done(
        push("repo.git", &[])
            .args(["HEAD:refs/heads/claude/b"])
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "http.postBuffer")
            .env("GIT_CONFIG_VALUE_0", "1"),
    );
    let rule = format!("`credentials.git: push good.example:{}/team/repo main claude/*`", server.port);
    fails(&mut push("repo.git", &["HEAD:refs/heads/evil"]), &rule);
    fails(&mut push("repo.git", &["HEAD:refs/heads/main", "HEAD:refs/tags/v1"]), &rule);
    fails(&mut push("other.git", &["HEAD:refs/heads/main"]), "no rule about pushes names the repository");
    let list = |name: &str| {
        let mut command = git();
        command.arg("-C").arg(store.join("team").join(name)).args(["for-each-ref", "--format=%(refname)"]);
        command
    };
    works(&mut list("repo.git"), "refs/heads/claude/a\nrefs/heads/claude/b\nrefs/heads/main\n");
    works(&mut list("other.git"), "");
    let copy = directory.path().join("copy");
    done(git().args(["clone", "--quiet", &url("repo.git")]).arg(&copy));
    assert_eq!(std::fs::read(copy.join("a.txt")).unwrap(), std::fs::read(work.join("a.txt")).unwrap());
    // Nothing inside has the token, and nothing that was written down.
    let config = std::fs::read_to_string(work.join(".git/config")).unwrap();
    assert!(config.contains(&token) && !config.contains(TOKEN));
    let text = scene.world.kept.text();
    assert!(text.contains("the request `push to refs/heads/evil` is refused") && !text.contains(TOKEN), "{text}");
}
