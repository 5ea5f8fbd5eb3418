//! Laws that hold for every host, list and address.

use std::io::Write;
use std::process::{Command, Stdio};

use egress::host::{Host, Target};
use egress::network::{Words, compile};
use policy::layer::Sourced;
use policy::{Origin, Scope, Verdict};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// Texts near the border of what is a host.
fn texts() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        "[a-zA-Z0-9_-]{0,6}",
        "0?[xX]?[0-9a-fA-F]{0,9}",
        Just("xn--bcher-kva".to_owned()),
        "[a-z0-9.%@:\\[\\] \\\\/é。-]{0,5}",
        (0u32..300).prop_map(|number| number.to_string()),
    ];
    let name = prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."));
    prop_oneof![name, "\\[[0-9a-f:.%]{0,20}\\]", any::<String>()]
}

fn entries() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec![
        "a.example",
        "*.a.example",
        "b.a.example",
        "*.b.a.example",
        "x*.a.example",
        "1.2.3.4",
        "[::1]",
        "*",
        "127.1",
        "::1:80",
    ]);
    let port = prop::sample::select(vec!["", ":80", ":443", ":22"]);
    (host, port).prop_map(|(host, port)| format!("{host}{port}"))
}

fn targets() -> impl Strategy<Value = Target> {
    let host = prop::sample::select(vec![
        "a.example",
        "b.a.example",
        "x.b.a.example",
        "xa.a.example",
        "1.2.3.4",
        "8.8.8.8",
        "[::1]",
    ]);
    (host, prop::sample::select(vec![80, 443, 22]))
        .prop_map(|(host, port)| Target::new(Host::parse(host).unwrap(), port).unwrap())
}

fn words(scope: Scope, allowed: &[String], denied: &[String]) -> Words {
    let sourced =
        |entry: &String| Sourced { value: entry.clone(), origin: Origin { scope, file: "s.json".to_owned(), line: 1 } };
    let mut words = Words::none(scope);
    words.keys.allowed = allowed.iter().map(sourced).collect();
    words.keys.denied = denied.iter().map(sourced).collect();
    words
}

fn verdict(layers: &[Words], target: &Target) -> Verdict {
    compile(layers).0.judge(target, &[]).verdict
}

proptest! {
    /// A host that was read is read again as itself, and shows only what a name or an address has.
    #[test]
    fn hosts_have_one_spelling(text in texts()) {
        if let Ok(host) = Host::parse(&text) {
            let shown = host.to_string();
            prop_assert!(shown.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_[]:".contains(&byte)));
            prop_assert_eq!(Host::parse(&shown), Ok(host));
        }
    }

    /// A target that was read is read again as itself.
    #[test]
    fn targets_have_one_spelling(text in texts(), port in any::<u16>()) {
        if let Ok(target) = Target::parse(&format!("{text}:{port}"), None) {
            prop_assert_eq!(target.port(), port);
            prop_assert_eq!(Target::parse(&target.to_string(), None), Ok(target));
        }
    }

    /// More denials, and layers that are not trusted, never lower a verdict; the order of layers and entries does not count.
    #[test]
    fn denials_win(
        allowed in prop::collection::vec(entries(), 0..5),
        denied in prop::collection::vec(entries(), 0..4),
        more in prop::collection::vec(entries(), 0..3),
        target in targets(),
    ) {
        let user = words(Scope::User, &allowed, &denied);
        let before = verdict(std::slice::from_ref(&user), &target);
        let tighter = verdict(&[user.clone(), words(Scope::Project, &more, &more)], &target);
        prop_assert!(tighter >= before);
        let (mut backwards, mut against) = (allowed.clone(), denied.clone());
        backwards.reverse();
        against.reverse();
        let turned = words(Scope::User, &backwards, &against);
        prop_assert_eq!(verdict(std::slice::from_ref(&turned), &target), before);
        let layers = [words(Scope::Project, &more, &more), turned];
        prop_assert_eq!(verdict(&layers, &target), tighter);
    }

    /// Less in the lists that allow never lowers a verdict.
    #[test]
    fn less_allows_less(allowed in prop::collection::vec(entries(), 1..5), denied in prop::collection::vec(entries(), 0..3), target in targets()) {
        let all = verdict(&[words(Scope::User, &allowed, &denied)], &target);
        let fewer = verdict(&[words(Scope::User, &allowed[1..], &denied)], &target);
        prop_assert!(fewer >= all);
    }

    /// An address means the same in every form that holds it.
    #[test]
    fn mapped_addresses_are_what_they_map(bits in any::<u32>()) {
        let four = std::net::Ipv4Addr::from_bits(bits);
        let surroundings = egress::Surroundings::default();
        let reach = surroundings.reach(four.into());
        prop_assert_eq!(surroundings.reach(four.to_ipv6_mapped().into()), reach);
        let nat64: std::net::Ipv6Addr = format!("64:ff9b::{four}").parse().unwrap();
        prop_assert_eq!(surroundings.reach(nat64.into()), reach);
        let [a, b, c, d] = four.octets();
        let six = std::net::Ipv6Addr::new(0x2002, u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), 0, 0, 0, 0, 1);
        prop_assert!(surroundings.reach(six.into()) >= reach);
    }
}

/// What is read as a name is no address to the system's own reader, which every client uses.
#[test]
fn names_are_no_numbers_to_the_system() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut names = Vec::new();
    while names.len() < 5_000 {
        let text = texts().new_tree(&mut runner).unwrap().current();
        if let Some(name) = Host::parse(&text).ok().and_then(|host| host.as_name().map(str::to_owned)) {
            names.push(name);
        }
    }
    let script = "import socket,sys\nfor line in sys.stdin:\n  name=line.rstrip('\\n')\n  try:\n    \
        socket.getaddrinfo(name,80,flags=socket.AI_NUMERICHOST); print(name)\n  except socket.gaierror: pass\n";
    let mut python =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all((names.join("\n") + "\n127.1\n").as_bytes()).unwrap();
    let output = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(output, "127.1\n");
}
