//! One host, several readers: what the proxy judges is what it has looked up and dials, what curl means by itself, and
//! what the system's own reader of addresses takes it for. (The `url` crate reads beside it in `fuzz/targets/hosts.rs`.)

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use egress::host::{Host, Target};
use egress::proxy::{Answer, Answering, Decider, Question};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::world::{Canary, Making};

/// Forms that readers are known to disagree about.
const FIXED: [&str; 54] = [
    "good.example",
    "GOOD.Example",
    "good.example.",
    "good.example..",
    ".good.example",
    "good..example",
    "user@good.example",
    "evil.example@good.example",
    "good.example@evil.example",
    "user:good.example@evil.example",
    "good.example%40evil.example",
    "good.example%2eevil.example",
    "good%2Eexample",
    "%67ood.example",
    "good.example%00.evil.example",
    "good.example%0d%0a.evil.example",
    "good.example%20",
    "good.example#evil.example",
    "good.example?evil.example",
    "good.example\\\\evil.example",
    "good.example\\\\@evil.example",
    "good.example;evil.example",
    "good.example,evil.example",
    "bücher.example",
    "xn--bcher-kva.example",
    "good。example",
    "ｇood.example",
    "faß.example",
    "good\u{ad}.example",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "0x7f000001",
    "017700000001",
    "2130706433",
    "0177.0.0.01",
    "127.0.0.1.",
    "0",
    "00.0.0.0",
    "256.256.256.256",
    "4294967296",
    "1.2.3.4.5",
    "08.08.08.08",
    "0x.0x.0x.0x",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0::1]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[::1",
    "[v1.good]",
    "[127.0.0.1]",
    "xn--.example",
];
/// Texts that are made besides them.
const MADE: usize = 400;
/// Each text has a port of its own, by which it is found again.
const FIRST_PORT: u16 = 20_000;

fn texts() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        (0u32..300).prop_map(|number| number.to_string()),
        (0u32..300).prop_map(|number| format!("0{number:o}")),
        (0u32..300).prop_map(|number| format!("0x{number:x}")),
        any::<u32>().prop_map(|number| number.to_string()),
    ];
    let label = prop_oneof![
        3 => "[a-zA-Z0-9_-]{1,5}",
        3 => number,
        1 => "[a-z]{60,66}",
        1 => "%[0-9a-f]{2}",
        1 => "[a-z@:;,é。-]{1,4}",
        1 => Just("xn--bcher-kva".to_owned()),
        1 => Just(String::new()),
    ];
    let name = prop::collection::vec(label, 1..6).prop_map(|labels| labels.join("."));
    prop_oneof![6 => name, 1 => "\\[[0-9a-f:.]{2,20}\\]"]
}

/// Says yes, so that everything is looked up that a rule does not refuse.
#[derive(Debug)]
struct Yes;

impl Decider for Yes {
    fn ask(&self, _question: Question) -> Answering {
        Box::pin(async { Answer::Once })
    }
}

/// Has curl get each text, and waits for its end.
fn curl(texts: &[String], options: &[String]) {
    let mut config = String::from("silent\ngloboff\nmax-time = 10\noutput = /dev/null\n");
    for option in options {
        writeln!(config, "{option}").unwrap();
    }
    for (text, port) in texts.iter().zip(FIRST_PORT..) {
        writeln!(config, "url = \"http://{text}:{port}/\"\noutput = /dev/null").unwrap();
    }
    let mut curl = Command::new("curl");
    curl.args(["--config", "-"]).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("LC_ALL", "C.UTF-8");
    let mut curl = curl.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    curl.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
    curl.wait().unwrap();
}

/// Returns what the system takes each text for, where it is an address to it.
fn system(texts: &[String]) -> Vec<Option<IpAddr>> {
    let script = "import socket,sys\nfor line in sys.stdin:\n  try: print(socket.getaddrinfo(line.rstrip('\\n'),80,\
        flags=socket.AI_NUMERICHOST)[0][4][0])\n  except Exception: print('-')\n";
    let mut python =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all((texts.join("\n") + "\n").as_bytes()).unwrap();
    let output = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    output.lines().map(|line| line.parse().ok()).collect()
}

#[test]
fn what_is_judged_is_what_is_dialled() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let made = (0..MADE).map(|_| texts().new_tree(&mut runner).unwrap().current());
    let texts: Vec<String> = FIXED.iter().map(|text| (*text).to_owned()).chain(made).collect();

    // What curl means by each: all of them lead to one server, which hears the name.
    let canary = Canary::web();
    curl(&texts, &[format!("connect-to = \"::127.0.0.1:{}\"", canary.port()), "noproxy = \"*\"".to_owned()]);
    let mut meant: BTreeMap<u16, Vec<Host>> = BTreeMap::new();
    for head in canary.heard().iter().flat_map(|heard| heard.lines().map(str::to_owned).collect::<Vec<_>>()) {
        let Some(place) = head.strip_prefix("Host: ") else { continue };
        // What ends a host also takes its port away.
        if let Ok(target) = Target::parse(place, Some(80)) {
            meant.entry(target.port()).or_default().push(target.host);
        }
    }
    // A few hundred of them are hosts to both, or this would show nothing.
    assert!(meant.len() > 100, "{}", meant.len());

    for kind in ["http", "socks5h"] {
        let mut making = Making::new(&[]);
        making.decider = Arc::new(Yes);
        let world = making.start();
        curl(&texts, &[format!("proxy = \"{kind}://{}\"", world.address)]);
        let records = world.kept.all();
        let judged: Vec<&Target> = records.iter().filter_map(|record| record.target.as_ref()).collect();
        assert!(judged.len() > 100, "{kind}: {}", judged.len());
        for target in &judged {
            let is_meant = meant.get(&target.port()).is_some_and(|hosts| hosts.contains(&target.host));
            let text = target.port().checked_sub(FIRST_PORT).and_then(|number| texts.get(usize::from(number)));
            assert!(is_meant, "{kind}: {text:?} is judged as {target}, and means {:?}", meant.get(&target.port()));
        }
        // Only what was judged is looked up, under the same name.
        let names: Vec<&str> = judged.iter().filter_map(|target| target.host.as_name()).collect();
        let asked = world.book.asked.lock().unwrap().clone();
        assert!(!asked.is_empty() && asked.iter().all(|name| names.contains(&name.as_str())), "{kind}: {asked:?}");
        // What would be dialled is what was judged, where it is an address.
        let dialled = records.iter().filter_map(|record| Some((record.target.clone()?, record.address?)));
        for (target, address) in dialled.filter(|(target, _)| target.host.as_address().is_some()) {
            assert_eq!(target.host.as_address(), Some(address.ip()));
        }
    }

    // An address to the system is that address to the proxy, or nothing.
    let mut addresses = 0;
    for (text, address) in texts.iter().zip(system(&texts)) {
        let Some(address) = address else { continue };
        addresses += 1;
        for read in [Host::parse(text), Host::parse_bare(text)].into_iter().flatten() {
            assert_eq!(read, Host::from_address(address), "`{text}`");
        }
    }
    assert!(addresses > 10, "{addresses}");
}
