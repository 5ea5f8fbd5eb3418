//! The cases of `spec/vault`. Each line of a case's last block has what goes in and what comes out.

use std::fmt::Write;

use vault::sources::Endpoint;
use vault::ssh_agent::{KnownHosts, Server};
use vault::{Bounds, Reference, Resolver, Sources};

use crate::world::TestWorld;

#[test]
fn spec_vault() {
    testkit::check("vault", |case| {
        let (kind, lines) = case.blocks.last().unwrap();
        let each = |run: &dyn Fn(&str) -> String| {
            lines.lines().map(|line| line.split_once(" => ").unwrap().0).fold(String::new(), |mut text, input| {
                writeln!(text, "{input} => {}", run(&unescaped(input))).unwrap();
                text
            })
        };
        match kind.as_str() {
            "references" => each(&|input| match input.parse::<Reference>() {
                Ok(reference) => place(&reference),
                Err(_) => "error".to_owned(),
            }),
            "faults" => each(&|input| {
                let fault = input.parse::<Reference>().unwrap_err();
                format!("{}; {}", fault.to_string().replace('\\', "\\\\"), fault.hint())
            }),
            "servers" => each(&|input| match input.parse::<Endpoint>() {
                Ok(server) => server.to_string(),
                Err(fault) => format!("error: {fault}"),
            }),
            "read" => {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("secrets");
                std::fs::write(&path, format!("{}\n", case.block("file"))).unwrap();
                each(&|field| read(path.to_str().unwrap(), field))
            }
            "known" => each(&|input| known(case.block("known_hosts"), input)),
            "about" => {
                each(&|input| match KnownHosts::lines_about(case.block("known_hosts"), &input.parse().unwrap()) {
                    Ok(lines) => known(&lines, input),
                    Err(fault) => format!("error: {fault}"),
                })
            }
            other => panic!("{}:{}: no such block: {other}", case.file.display(), case.line),
        }
    });
}

/// Returns what a reference says, as a debugger shows it.
fn place(reference: &Reference) -> String {
    let shown = format!("{reference:?}");
    let (_, place) = shown.split_once("place: ").unwrap();
    place.strip_suffix(" })").unwrap().escape_default().to_string().replace("\\\"", "\"")
}

fn read(path: &str, field: &str) -> String {
    let escaped: String = field.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hash = if field.is_empty() { "" } else { "#" };
    let reference: Reference = format!("file://{path}{hash}{escaped}").parse().unwrap();
    let resolver = Resolver::new(Box::new(TestWorld::default()), Sources::default(), Bounds::default());
    match resolver.resolve(&reference) {
        Ok(secret) => secret.expose().escape_default().to_string().replace("\\\"", "\"").replace("\\'", "'"),
        Err(error) => format!("error: {}", error.fault),
    }
}

fn known(text: &str, input: &str) -> String {
    let server: Server = match input.parse() {
        Ok(server) => server,
        Err(fault) => return format!("error: {fault}"),
    };
    match KnownHosts::read(text, &[server]) {
        Ok(known) => {
            let shown = format!("{known:?}").matches("Server").count();
            format!("{shown} keys")
        }
        Err(fault) => format!("error: {fault}"),
    }
}

/// Returns a text with its escapes replaced.
fn unescaped(text: &str) -> String {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        made.push_str(before);
        rest = match after.as_bytes().first() {
            Some(b't') => {
                made.push('\t');
                &after[1..]
            }
            Some(b'\\') => {
                made.push('\\');
                &after[1..]
            }
            Some(b'u') => {
                let (digits, after) = after.strip_prefix("u{").unwrap().split_once('}').unwrap();
                made.push(char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap());
                after
            }
            other => panic!("no such escape: {other:?} in {text}"),
        };
    }
    made + rest
}

/// What one text says of all hosts is said of those alone for which the text was read.
#[test]
fn known_hosts_of_several_texts_stay_apart() {
    use base64::Engine;

    const FIRST: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIDin9uHf7YXNnp8OVQM+jBaf90Qw49YC6ZxBTH2xMwmm";
    const SECOND: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJAaztHsm5IU/I2U2L8/iIj+nLTvO9bgbrcHJUBlDu56";
    let read = |text: &str, server: &str| KnownHosts::read(text, &[server.parse().unwrap()]).unwrap();
    let wide = format!("*.example ssh-ed25519 {SECOND}\na.example ssh-ed25519 {FIRST}\n");
    let narrow = format!("b.example ssh-ed25519 {FIRST}\n");
    let hosts: KnownHosts = [read(&wide, "a.example"), read(&narrow, "b.example")].into_iter().collect();
    let shown = [FIRST, SECOND].map(|key| {
        let key = base64::engine::general_purpose::STANDARD.decode(key).unwrap();
        hosts.servers(&key).map(ToString::to_string).collect::<Vec<_>>().join(" ")
    });
    assert_eq!(shown, ["a.example:22 b.example:22", "a.example:22"]);
}
