//! The cases of `spec/egress`. Each line of a case's last block has what goes in and what comes out.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use egress::host::{Host, Place, Readings, Target};
use egress::network::{Network, Words, compile};
use egress::wire::chunks::Chunks;
use egress::wire::{Progress, dns, hello, request, response, socks};
use egress::{Ruling, Surroundings};
use policy::layer::Sourced;
use policy::{Diagnostic, Origin, Scope, Severity};
use testkit::Case;

use crate::made::Made;

#[test]
fn spec_egress() {
    testkit::check("egress", |case| {
        let (kind, lines) = case.blocks.last().unwrap();
        let each = |run: fn(&str) -> String| {
            lines.lines().map(|line| line.split_once(" => ").unwrap().0).fold(String::new(), |mut text, input| {
                writeln!(text, "{input} => {}", run(&unescape(input))).unwrap();
                text
            })
        };
        match kind.as_str() {
            "hosts" => each(|input| shown(Host::parse(input))),
            "targets" => each(|input| shown(Target::parse(input, None))),
            "addresses" => each(|input| surroundings().reach(input.parse().unwrap()).to_string()),
            "proxy-requests" => each(|input| request(input, request::Place::Proxy)),
            "server-requests" => each(|input| request(input, request::Place::Server(80))),
            "forwarded" => each(forwarded),
            "responses" => each(response),
            "chunks" => each(chunks),
            "greetings" => each(|input| shown(read(socks::read_greeting(&bytes(input))))),
            "passwords" => each(|input| shown(read(socks::read_password(&bytes(input))))),
            "socks-requests" => each(|input| shown(read(socks::read_request(&bytes(input))))),
            "hellos" => each(|input| shown(read(hello::read(&Made::parse(input).bytes())))),
            "queries" => each(query),
            "verdicts" => verdicts(case, lines),
            "leads" => leads(case, lines),
            "notes" => notes(case),
            "webfetch" => rules(case),
            "inject-hosts" => each(|input| shown(egress::credential::read_inject_host(input))),
            "paths" => each(crate::plain::path),
            "requests" => crate::plain::requests(case, lines),
            "pushes" => each(|input| crate::plain::push(&unescape(input))),
            "branches" => crate::plain::branches(case, lines),
            "aws" => crate::plain::aws(case, lines),
            "shown" => crate::plain::shown(case),
            "resolves" => resolves(case, lines),
            "tls" => passing(case, lines),
            other => panic!("{}:{}: no such block: {other}", case.file.display(), case.line),
        }
    });
}

/// Returns what a reader read, in the form of a debugger, and how much it left.
fn read<T: std::fmt::Debug, E: ToString>(read: Result<Progress<T>, E>) -> Result<String, String> {
    match read {
        Ok(Progress::More) => Ok("more".to_owned()),
        Ok(Progress::Done(value, _)) => Ok(format!("{value:?}")),
        Err(fault) => Err(fault.to_string()),
    }
}

fn request(input: &str, place: request::Place) -> String {
    match request::read(input.as_bytes(), place) {
        Ok(Progress::More) => "more".to_owned(),
        Ok(Progress::Done(request, taken)) => {
            let left = input.len() - taken;
            format!("{} {} {} {:?}, {left} left", request.method, request.target, request.path, request.body)
        }
        Err(fault) => fault.to_string(),
    }
}

fn forwarded(input: &str) -> String {
    match request::read(input.as_bytes(), request::Place::Proxy) {
        Ok(Progress::Done(request, _)) => String::from_utf8(request.render(None)).unwrap().escape_debug().to_string(),
        Ok(Progress::More) => "more".to_owned(),
        Err(fault) => fault.to_string(),
    }
}

fn response(input: &str) -> String {
    let (method, head) = input.split_once('|').unwrap();
    match response::read(head.as_bytes(), method) {
        Ok(Progress::More) => "more".to_owned(),
        Ok(Progress::Done(response, _)) => {
            format!("{} {:?} {}", response.status, response.body, if response.is_kept() { "kept" } else { "closed" })
        }
        Err(fault) => fault.to_string(),
    }
}

fn chunks(input: &str) -> String {
    let mut chunks = Chunks::default();
    match chunks.push(input.as_bytes()) {
        Ok(taken) => format!("{}, {} left", if chunks.is_done() { "done" } else { "more" }, input.len() - taken),
        Err(fault) => fault.to_string(),
    }
}

/// Reads bytes from pairs of digits, and from text in quotes.
fn bytes(input: &str) -> Vec<u8> {
    let word = |word: &str| match word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) => text.as_bytes().to_vec(),
        None => vec![u8::from_str_radix(word, 16).unwrap()],
    };
    input.split(' ').filter(|part| !part.is_empty()).flat_map(word).collect()
}

fn query(input: &str) -> String {
    match dns::read(&bytes(input)) {
        Ok(query) => format!("{} {}", query.kind, shown(query.host.clone())),
        Err(fault) => format!("{fault}, {:?} back", dns::refuse(fault).map(|bytes| bytes.len())),
    }
}

fn shown<T: ToString, E: ToString>(result: Result<T, E>) -> String {
    result.map_or_else(|error| error.to_string(), |value| value.to_string())
}

fn unescape(text: &str) -> String {
    let text = text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0");
    text.replace("\\u{ad}", "\u{ad}").replace("\\v", "\u{b}").replace("\\\\", "\\")
}

fn surroundings() -> Surroundings {
    Surroundings { own: vec!["93.184.216.34".parse().unwrap()], nat64: vec!["2606:4700:64::".parse().unwrap()] }
}

struct World {
    network: Network,
    told: Vec<Diagnostic>,
    extra: Vec<Place>,
}

/// Reads a `network` block, and a `changed` one that came after it while a command ran.
fn world(case: &Case) -> World {
    let world = at(case, "network");
    if case.find("changed").is_none() {
        return world;
    }
    let changed = at(case, "changed");
    World { network: changed.network.for_running(&world.network), ..changed }
}

/// Reads a block: `SCOPE LIST ENTRY`, `extra PLACE`, `forward ADDRESS`.
fn at(case: &Case, block: &str) -> World {
    let mut layers: Vec<Words> = Scope::ALL.into_iter().map(Words::none).collect();
    let (mut extra, mut forwards) = (Vec::new(), Vec::new());
    for (number, line) in case.block(block).lines().enumerate() {
        let (scope, rest) = line.split_once(' ').unwrap_or((line, ""));
        match scope {
            "extra" => extra.push(Readings::parse(rest).unwrap().certain().unwrap()),
            "forward" => forwards.push(rest.parse::<SocketAddr>().unwrap()),
            _ => say(&mut layers, scope, rest, u32::try_from(number).unwrap() + 1),
        }
    }
    let (mut network, told) = compile(&layers);
    (network.forwards, network.surroundings) = (forwards, surroundings());
    World { network, told, extra }
}

fn say(layers: &mut [Words], scope: &str, rest: &str, line: u32) {
    let scope = Scope::parse(scope).unwrap();
    let words = layers.iter_mut().find(|words| words.scope == scope).unwrap();
    let (list, entry) = rest.split_once(' ').unwrap_or((rest, ""));
    let origin = Origin { scope, file: format!("{}.json", scope.name()), line };
    let value = || Sourced { value: entry.to_owned(), origin: origin.clone() };
    match list {
        "allow" => words.keys.allowed.push(value()),
        "deny" => words.keys.denied.push(value()),
        "passthrough" => words.keys.passthrough.push(value()),
        "opaque" => words.keys.danger_opaque.push(value()),
        "webfetch" => words.web_allow.push(value()),
        "no-webfetch" => words.web_deny.push(value()),
        "trusted" => words.trusted = true,
        "strict" => words.keys.strict = Some(origin),
        "only" => words.keys.managed_only = Some(origin),
        other => panic!("no such list: {other}"),
    }
}

fn passing(case: &Case, lines: &str) -> String {
    let network = world(case).network;
    let told = lines.lines().map(|line| {
        let text = line.split_whitespace().last().unwrap();
        let passes = network.passes_tls(&Target::parse(text, None).unwrap());
        format!("{} {text}\n", if passes { "passes" } else { "ends" })
    });
    told.collect()
}

fn reason(ruling: &Ruling) -> String {
    match &ruling.rule {
        Some(rule) => format!("<- {}", rule.text),
        None => format!("=> {}", ruling.reason),
    }
}

fn verdicts(case: &Case, lines: &str) -> String {
    let world = world(case);
    let judged = lines.lines().map(|line| {
        let text = line.split_whitespace().nth(1).unwrap();
        let ruling = world.network.judge(&Target::parse(text, None).unwrap(), &world.extra);
        format!("{:<5} {text} {}\n", ruling.verdict.name(), reason(&ruling))
    });
    judged.collect()
}

fn leads(case: &Case, lines: &str) -> String {
    let world = world(case);
    let judged = lines.lines().map(|line| {
        let input = line.split_once(" => ").unwrap().0;
        let (target, address) = input.split_once(" at ").unwrap();
        let (target, address) = (Target::parse(target, None).unwrap(), address.parse::<IpAddr>().unwrap());
        let ruling = world.network.judge_address(&target, address, &world.extra);
        format!("{input} => {}: {}\n", ruling.verdict.name(), ruling.reason)
    });
    judged.collect()
}

fn notes(case: &Case) -> String {
    let note = |told: Diagnostic| {
        let severity = if told.severity == Severity::Error { "error" } else { "warning" };
        format!("{severity} {}: {}; {}\n", told.origin.line, told.message, told.hint.unwrap())
    };
    world(case).told.into_iter().map(note).collect()
}

fn rules(case: &Case) -> String {
    world(case).network.denied_hosts().map(|(pattern, _)| format!("deny WebFetch(domain:{pattern})\n")).collect()
}

fn resolves(case: &Case, lines: &str) -> String {
    let world = world(case);
    let answer = |line: &str| {
        let name = line.split_once(" => ").unwrap().0;
        let may = world.network.may_resolve(&Host::parse(name).unwrap(), &world.extra);
        format!("{name} => {}\n", if may { "yes" } else { "no" })
    };
    lines.lines().map(answer).collect()
}
