//! Real clients, as people have them: what the rules allow works unchanged, with TLS that passes and with TLS that ends at
//! the proxy; what they deny fails in the client's own words, and the rule is told.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::{Done, Row, inside, outside, world, world_with};
use crate::support::{Scene, User};

/// A program that gets something from a host.
struct Client {
    name: &'static str,
    /// Its command line: `@HOST` is the host, `@OWN` where what it needs lies, `@CARGO` cargo.
    sh: &'static str,
    /// What it says where a rule denies the host.
    denied: &'static str,
}

const CLIENTS: [Client; 10] = [
    Client {
        name: "git",
        sh: "git clone --quiet https://@HOST/tool.git copy && cat copy/a.txt | sed s/content/hello/",
        denied: "CONNECT tunnel failed, response 403",
    },
    Client {
        name: "npm",
        sh: "npm install --silent --loglevel=error --no-audit --no-fund \
             --no-update-notifier --fetch-retries=0 --cache ./cache --registry https://@HOST/npm/ tool >&2 \
             && node node_modules/tool/tool.js",
        denied: "403",
    },
    Client {
        name: "pip",
        sh: "/usr/bin/python3 -m pip install --no-cache-dir --disable-pip-version-check --retries 1 \
             --target pip --root-user-action ignore --index-url https://@HOST/simple/ tool >&2 && PYTHONPATH=pip /usr/bin/python3 -m tool",
        denied: REFUSED,
    },
    Client {
        name: "cargo",
        sh: "mkdir src && touch src/lib.rs && export CARGO_HOME=$PWD/own && printf \
             '[workspace]\\n[package]\\nname = \"own\"\\nversion = \"1.0.0\"\\n[dependencies]\\ntool = { version = \"1\", registry = \"test\" }\\n' > Cargo.toml \
             && CARGO_NET_RETRY=0 CARGO_REGISTRIES_TEST_INDEX=sparse+https://@HOST/index/ @CARGO vendor --quiet >&2 \
             && grep -o hello vendor/tool/src/lib.rs",
        denied: "CONNECT tunnel failed, response 403",
    },
    Client {
        name: "urllib",
        sh: "/usr/bin/python3 -c 'import sys,urllib.request as r; print(r.urlopen(sys.argv[1],timeout=20).read().decode())' https://@HOST/hello.txt",
        denied: REFUSED,
    },
    Client {
        name: "requests",
        sh: "/usr/bin/python3 -c 'import sys,requests; print(requests.get(sys.argv[1],timeout=20).text)' https://@HOST/hello.txt",
        denied: REFUSED,
    },
    Client {
        name: "node",
        sh: "node -e 'fetch(process.argv[1]).then(a=>a.text()).then(console.log)' https://@HOST/hello.txt",
        denied: "ENOTFOUND",
    },
    Client { name: "go", sh: "GO111MODULE=off go run @OWN/client.go https://@HOST/hello.txt", denied: REFUSED },
    Client { name: "java", sh: "java @OWN/Client.java https://@HOST/hello.txt", denied: "UnknownHostException" },
    Client {
        name: "wget",
        sh: "wget --no-verbose --output-file=/dev/stderr --output-document=- https://@HOST/hello.txt",
        denied: REFUSED,
    },
];

/// What clients say that show the answer of a proxy.
const REFUSED: &str = "Palisade: www.good.example:443 refused: `deniedDomains: www.good.example` of";

/// How clients are told whom to believe where TLS passes.
const BELIEVED: &str = "for name in SSL_CERT_FILE NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE CURL_CA_BUNDLE GIT_SSL_CAINFO \
                        CARGO_HTTP_CAINFO PIP_CERT npm_config_cafile; do export $name=@CERT; done; \
                        export WGETRC=@OWN/wgetrc JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=@OWN/store.jks; ";

impl Client {
    /// Returns the command line. What the client says goes to standard output, so that it is not taken for Palisade's words.
    fn line(&self, scene: &Scene, host: &str) -> String {
        // The one that builds this, and not a name that a user's set-up gives a meaning.
        let cargo = Path::new(env!("CARGO"));
        let cargo = format!("RUSTC={} {}", cargo.with_file_name("rustc").display(), cargo.display());
        let sh = self.sh.replace("@HOST", host).replace("@OWN", &scene.text("own")).replace("@CARGO", &cargo);
        format!("{{ cd $(mktemp -d -p .) && {sh}; }} 2>&1")
    }

    /// Returns true when a run of it shows that it is not there.
    fn is_missing(&self, done: &Done) -> bool {
        let text = format!("{}{}", done.out, done.error);
        let says = |line: &str| line.ends_with("not found") || line.contains("No module named");
        done.code != 0 && text.lines().any(says)
    }
}

/// Says that a client was not tried, past the harness, which shows nothing of tests that pass.
fn skipped(client: &Client) {
    let line = format!("SKIPPED: there is no {}; connections of it are not tried\n", client.name);
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Returns a scene with all that the clients get.
fn scene() -> Scene {
    let scene = Scene::new(User::Own);
    let script = scene.write("clients.sh", include_str!("clients.sh"));
    let (files, own) = (scene.text("world/files"), scene.text("own"));
    let made = scene.bash(&format!("exec sh {} {files} {own}", script.display())).run();
    assert_eq!(made.code, 0, "{made:#?}");
    scene
}

/// What all of them get is allowed, and what they are denied is the same by another name.
fn settings(network: Value) -> Value {
    let mut settings = json!({"sandbox": {"network": {
        "allowedDomains": ["good.example", "www.good.example"],
        "deniedDomains": ["www.good.example"],
    }}});
    settings["sandbox"]["network"].as_object_mut().unwrap().extend(network.as_object().unwrap().clone());
    settings
}

/// Returns what is wrong about a client's two runs inside.
fn faults(client: &Client, allowed: &Done, denied: &Done) -> Vec<String> {
    let held = [
        ("it works", allowed, allowed.code == 0 && allowed.out.lines().any(|line| line == "hello")),
        ("it is seen outside", allowed, allowed.seen.iter().any(|line| line == "tcp 93.184.216.34:443")),
        ("it fails", denied, denied.code != 0),
        ("it says why", denied, denied.out.contains(client.denied)),
        ("the rule is told", denied, denied.error.contains("deniedDomains: www.good.example")),
        ("nothing of it is seen outside", denied, denied.seen.is_empty()),
    ];
    let faults = held.into_iter().filter(|(.., is_so)| !is_so);
    faults.map(|(what, done, _)| format!("{}: not so: {what}\n{}\n", client.name, done.text())).collect()
}

/// How many clients share a world, so that none of them runs out of time on a machine with much to do.
const TOGETHER: usize = 3;

#[test]
fn clients_get_what_is_allowed() {
    let scene = scene();
    let (cert, own) = (scene.text("world/cert.pem"), scene.text("own"));
    let before = BELIEVED.replace("@CERT", &cert).replace("@OWN", &own);
    // Those two take neither the usual variables nor that form.
    let told = format!(
        "echo ca_certificate={cert} > {own}/wgetrc; command -v keytool || exit 0; rm -f {own}/store.jks; keytool -importcert \
         -noprompt -storetype jks -file {cert} -keystore {own}/store.jks -storepass changeit"
    );
    let mut wrong = Vec::new();
    for clients in CLIENTS.chunks(TOGETHER) {
        let mut rows = vec![outside(&told)];
        for client in clients {
            let line = |host| format!("{before}{}", client.line(&scene, host));
            let (allowed, denied) = (line("good.example"), line("www.good.example"));
            rows.extend([outside(denied.clone()), inside(allowed), inside(denied)]);
        }
        let done = world(&scene, &settings(json!({})), &rows);
        assert_eq!(done[0].code, 0, "{}", done[0].text());
        let mut there = Vec::new();
        for (client, done) in clients.iter().zip(done[1..].chunks(3)) {
            if client.is_missing(&done[0]) {
                skipped(client);
                continue;
            }
            assert_eq!(done[0].code, 0, "the control of {}\n{}", client.name, done[0].text());
            wrong.extend(faults(client, &done[1], &done[2]));
            there.push(client);
        }
        // Where TLS ends at the proxy, nobody has to tell them anything.
        let line = |client: &Client, host| inside(client.line(&scene, host));
        let hosts = ["good.example", "www.good.example"];
        let rows: Vec<Row> = there.iter().flat_map(|client| hosts.map(|host| line(client, host))).collect();
        let done = world_with(&scene, &settings(json!({"tlsTerminate": {}})), &json!({"SSL_CERT_FILE": cert}), &rows);
        for (client, done) in there.iter().zip(done.chunks(2)) {
            wrong.extend(faults(client, &done[0], &done[1]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}
