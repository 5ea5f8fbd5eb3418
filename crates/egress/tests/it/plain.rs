//! What the cases say of requests, pushes, signatures and texts with secrets.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egress::credential::extract::{Entry, Holder, Mask, NoMatch, Shown};
use egress::credential::{Aws, AwsPair, Credential, Credentials, Secret, Shape, Vault};
use egress::rules::{Effect, Path, PushRule, PushRules, RequestRule, RequestRules};
use egress::wire::request::{self, Request};
use egress::wire::{Progress, git};
use policy::{Origin, Scope};
use testkit::Case;

use crate::credentials::chance;

fn origin(line: usize) -> Origin {
    Origin { scope: Scope::User, file: "settings.json".to_owned(), line: u32::try_from(line).unwrap() }
}

pub(crate) fn path(input: &str) -> String {
    match Path::read(input) {
        Ok(path) => format!("{:?}", path.segments().collect::<Vec<_>>()),
        Err(doubt) => doubt.to_string(),
    }
}

fn request_of(line: &str) -> Request {
    let (method, rest) = line.split_once(' ').unwrap();
    let (rest, field) = rest.split_once(" with ").unwrap_or((rest, "x-own: 1"));
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let port = host.split_once(':').map_or(443, |(_, port)| port.parse().unwrap());
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{field}\r\n\r\n");
    match request::read(head.as_bytes(), request::Place::Server(port)).unwrap() {
        Progress::Done(request, _) => request,
        Progress::More => panic!("{line}"),
    }
}

/// Judges each line of `METHOD host/path` by the rules of the block `rules`.
pub(crate) fn requests(case: &Case, lines: &str) -> String {
    let mut told = String::new();
    let mut rules = RequestRules::default();
    for (number, line) in case.block("rules").lines().enumerate() {
        let (word, text) = line.split_once(' ').unwrap();
        let effect = if word == "deny" { Effect::Deny } else { Effect::Allow };
        match RequestRule::parse(effect, text, origin(number + 1)) {
            Ok(rule) => rules.0.push(rule),
            Err(fault) => told = fault.to_string(),
        }
    }
    let judge = |line: &str| match (&told, line.split_once(" => ").unwrap().0) {
        (told, input) if !told.is_empty() => format!("{input} => {told}\n"),
        (_, input) => match rules.judge(&request_of(input)) {
            Ok(()) => format!("{input} => yes\n"),
            Err(refusal) => format!("{input} => {}\n", refusal.reason),
        },
    };
    lines.lines().map(judge).collect()
}

/// Reads a push, in which `LINE ` stands before lines whose length is counted.
pub(crate) fn bytes(input: &str) -> Vec<u8> {
    let ids = input.replace("OLD", &"0".repeat(40)).replace("NEW", &"a".repeat(40));
    let part = |part: &str| match part.strip_prefix("LINE ") {
        Some(text) => format!("{:04x}{text}", text.len() + 4),
        None => part.to_owned(),
    };
    ids.split('|').map(part).collect::<String>().into_bytes()
}

pub(crate) fn push(input: &str) -> String {
    let bytes = bytes(input);
    match git::read(&bytes) {
        Ok(Progress::More) => "more".to_owned(),
        Ok(Progress::Done(push, taken)) => {
            let left = bytes.len() - taken;
            let gone = if push.deletions.is_empty() { String::new() } else { format!(" without {:?}", push.deletions) };
            let options = if push.has_options() { ", options" } else { "" };
            format!("{:?}{gone}{options}, {left} left", push.updates)
        }
        Err(fault) => fault.to_string(),
    }
}

/// Judges each line of `host/repository REF` by the rules of the block `rules`.
pub(crate) fn branches(case: &Case, lines: &str) -> String {
    let rule = |(number, line): (usize, &str)| match line.split_once(' ') {
        Some(_) => PushRule::parse(line, origin(number + 1)),
        None => PushRule::none(line, origin(number + 1)),
    };
    let rules: Result<Vec<_>, _> = case.block("rules").lines().enumerate().map(rule).collect();
    let judge = |line: &str| {
        let input = line.split_once(" => ").unwrap().0;
        let said = match &rules {
            Err(fault) => fault.to_string(),
            Ok(rules) => {
                let rules = PushRules(rules.clone());
                let (place, name) = input.split_once(' ').unwrap();
                if ["GET", "POST", "PUT", "MKCOL", "DELETE"].contains(&place) {
                    let said = match rules.repository(&request_of(input)) {
                        Err(refusal) => refusal.reason,
                        Ok(Some(_)) => "a push".to_owned(),
                        Ok(None) => "no push".to_owned(),
                    };
                    return format!("{input} => {said}\n");
                }
                let (name, options) = name.split_once(" with ").unwrap_or((name, ""));
                let capabilities = options.split_whitespace().map(str::to_owned).collect();
                // A deletion has a minus before its name.
                let (name, deletions) =
                    name.strip_prefix('-').map_or((name, vec![]), |name| (name, vec![name.to_owned()]));
                let request = request_of(&format!("POST {place}/git-receive-pack"));
                match rules.repository(&request) {
                    Err(refusal) => refusal.reason,
                    Ok(None) => "not limited".to_owned(),
                    Ok(Some(repository)) => {
                        let push = git::Push { updates: vec![name.to_owned()], deletions, capabilities };
                        let refused = rules.judge(&request.target, &repository, &push);
                        refused.first().map_or("yes".to_owned(), |(_, refusal)| refusal.reason.clone())
                    }
                }
            }
        };
        format!("{input} => {said}\n")
    };
    lines.lines().map(judge).collect()
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the signature of a canonical request as its authors write it.
pub(crate) fn signature(secret: &str, scope: &str, time: &str, canonical: &str) -> String {
    let digest = hex(ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}/aws4_request\n{digest}");
    let start = format!("AWS4{secret}").into_bytes();
    let parts = scope.split('/').chain(["aws4_request", &text]);
    hex(&parts.fold(start, |key, part| hmac(&key, part)))
}

/// Signs the block `request` with the placeholder, as the block `canonical` says, and returns how it is signed anew.
pub(crate) fn aws(case: &Case, lines: &str) -> String {
    let line = lines.lines().next().unwrap().split_once(" => ").unwrap().0;
    let words: Vec<&str> = line.split(' ').collect();
    let [key_id, secret, scope, fields] = words.as_slice() else { panic!("{line}") };
    let mut vault = Vault::default();
    let mut random = chance(3);
    for (name, text) in [("ID", key_id), ("KEY", secret)] {
        let credential =
            Credential { name: name.to_owned(), secret: Secret::new(*text), hosts: Vec::new(), shape: Shape::Text };
        vault.add(credential, &mut random).unwrap();
    }
    let placeholders: Vec<String> = vault.placeholders().map(|(_, text)| text.to_owned()).collect();
    let request = case.block("request");
    let time = request.split("x-amz-date: ").nth(1).map_or("", |rest| rest.lines().next().unwrap());
    let mark = signature(&placeholders[1], scope, time, case.block("canonical"));
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let head = head.replace('\n', "\r\n");
    let head = format!(
        "{head}\r\nauthorization: AWS4-HMAC-SHA256 Credential={}/{scope}/aws4_request, SignedHeaders={fields}, Signature={mark}\r\n\r\n",
        placeholders[0]
    );
    let Ok(Progress::Done(original, _)) = request::read(head.as_bytes(), request::Place::Server(443)) else {
        panic!("{head}")
    };
    let pair = AwsPair { key_id: "ID".to_owned(), secret: "KEY".to_owned(), session: None };
    let credentials = Credentials { vault, aws: Aws { pairs: vec![pair], ..Aws::default() } };
    let mut goes = original.clone();
    let said = match credentials.sign(&mut goes, (&original, body.as_bytes()), 443) {
        Ok(true) => {
            let field = goes.fields.one("authorization").unwrap().unwrap();
            let field = String::from_utf8(field.to_vec()).unwrap();
            assert!(
                field.contains(&format!("Credential={key_id}/{scope}/aws4_request, SignedHeaders={fields},")),
                "{field}"
            );
            field.split("Signature=").nth(1).unwrap().to_owned()
        }
        Ok(false) => "not signed".to_owned(),
        Err(fault) => fault.to_string(),
    };
    format!("{line} => {said}\n")
}

/// Returns what is shown of the block `text` under the block `entry`, with names in the place of placeholders.
pub(crate) fn shown(case: &Case) -> String {
    let (mut entry, mut holder) = (Entry::default(), Holder::File);
    for line in case.block("entry").lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "extract" => entry.extract = Some(rest.to_owned()),
            "no-match" => entry.no_match = if rest == "deny" { NoMatch::Deny } else { NoMatch::Error },
            "jwt" => entry.is_token = true,
            "claims" => entry.claims = rest.split(' ').map(str::to_owned).collect(),
            "duplicates" => entry.masks_duplicates = true,
            "variable" => holder = Holder::Variable,
            "whole" => {}
            other => panic!("no such word: {other}"),
        }
    }
    let mask = match Mask::new(entry, holder) {
        Ok(mask) => mask,
        Err(fault) => return format!("no entry: {fault}"),
    };
    let mut vault = Vault::default();
    // Claims stand in braces here, so that they can be read.
    let text = case.block("text").split("JWT").enumerate().fold(String::new(), |mut text, (number, part)| {
        let token = |claims: &str| {
            let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
            format!("{}.{}.{}", encode("{\"alg\":\"HS256\"}"), encode(claims), "Ab3".repeat(14) + "w")
        };
        match part.find('}').filter(|_| number > 0) {
            Some(end) => write!(text, "{}{}", token(&part[..=end]), &part[end + 1..]).unwrap(),
            None => text.push_str(part),
        }
        text
    });
    match mask.apply(&text, ("S", &[]), (&mut vault, &mut chance(9))) {
        Shown::Masked(shown) => {
            let name =
                |shown: String, (name, placeholder): (&str, &str)| shown.replace(placeholder, &format!("<{name}>"));
            vault.placeholders().fold(shown, name)
        }
        Shown::Open(reason) => format!("open: {reason}"),
        Shown::Denied(reason) => format!("denied: {reason}"),
        Shown::Error(reason) => format!("error: {reason}"),
    }
}
