//! Laws of what looks into requests: paths, pushes, frames, texts with secrets.

use egress::Target;
use egress::credential::extract::{Entry, Holder, Mask, NoMatch, Shown};
use egress::credential::{Channel, Credential, Listing, Secret, Shape, Vault};
use egress::rules::{Effect, Path, PathPattern, RequestRule, RequestRules};
use egress::wire::chunks::Chunks;
use egress::wire::frames::Frames;
use egress::wire::request::{self, Request};
use egress::wire::{Progress, git};
use policy::{Origin, Scope};
use proptest::prelude::*;

use crate::credentials::chance;

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

fn segments() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a", "b", "admin", "ADMIN", ".", "..", "%2e", "%2E%2e", "%2f", "%5c", "%00", "%61", "%", "%zz", ";x", "\\", "",
        "a.", "%25", "é", "%c3%a9", "*",
    ]);
    prop::collection::vec(prop::collection::vec(part, 0..3).prop_map(|parts| parts.concat()), 0..5)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn rule(effect: Effect, text: &str) -> RequestRule {
    RequestRule::parse(effect, text, Origin { scope: Scope::User, file: "s".to_owned(), line: 1 }).unwrap()
}

fn asked(method: &str, path: &str) -> Option<Request> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n\r\n");
    match request::read(head.as_bytes(), request::Place::Server(443)) {
        Ok(Progress::Done(request, _)) => Some(request),
        Ok(Progress::More) | Err(_) => None,
    }
}

/// Returns a frame of a client's with this mask.
fn frame(text: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let length: Vec<u8> = match text.len() {
        short @ 0..=125 => vec![0x80 | u8::try_from(short).unwrap()],
        long => [vec![0xfe], u16::try_from(long).unwrap().to_be_bytes().to_vec()].concat(),
    };
    let masked = text.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
    [vec![0x82], length, mask.to_vec(), masked.collect()].concat()
}

proptest! {
    /// A path that is read has no segment that a server could take for another, and is the same when it is read again.
    #[test]
    fn a_path_means_one_thing(text in segments()) {
        if let Ok(path) = Path::read(&text) {
            for segment in path.segments() {
                prop_assert!(!segment.is_empty() && !segment.ends_with('.') && !segment.contains(['/', '\\', '%', ';', '\0']), "{}", segment);
            }
            let again = format!("/{}", path.segments().map(|segment| segment.replace('é', "%C3%A9")).collect::<Vec<_>>().join("/"));
            prop_assert_eq!(Path::read(&again), Ok(path));
        }
    }

    /// Whatever a pattern allows a denial with the same pattern denies, in every spelling that reaches a server.
    #[test]
    fn a_denial_covers_what_its_pattern_allows(path in segments(), pattern in segments()) {
        let Ok(read) = PathPattern::parse(&pattern) else { return Ok(()) };
        if let Ok(path) = Path::read(&path) {
            prop_assert!(!read.covers(&path) || read.tightens(&path));
        }
        let deny = RequestRules(vec![rule(Effect::Deny, "* a.example/admin/**")]);
        if let Some(request) = asked("GET", &path)
            && deny.judge(&request).is_ok()
        {
            let first = Path::read(&path).unwrap();
            prop_assert!(first.segments().next().is_none_or(|segment| !segment.eq_ignore_ascii_case("admin")));
        }
    }

    /// A denial beside an allowance never opens anything, in whatever order they stand.
    #[test]
    fn rules_narrow_in_every_order(path in segments(), method in prop::sample::select(vec!["GET", "POST", "HEAD"])) {
        let Some(request) = asked(method, &path) else { return Ok(()) };
        let (allow, deny) = (rule(Effect::Allow, "GET a.example/**"), rule(Effect::Deny, "GET a.example/admin/**"));
        let both = RequestRules(vec![allow.clone(), deny.clone()]).judge(&request).is_ok();
        prop_assert_eq!(both, RequestRules(vec![deny.clone(), allow.clone()]).judge(&request).is_ok());
        let (one, other) = (RequestRules(vec![allow]).judge(&request).is_ok(), RequestRules(vec![deny]).judge(&request).is_ok());
        prop_assert_eq!(both, one && other);
    }

    /// A push is read alike however much of it is there, and its refs are refs.
    #[test]
    fn a_push_is_read_alike_however_it_is_cut(
        parts in prop::collection::vec(prop::sample::select(vec![
            "LINE OLD NEW refs/heads/a\0report-status side-band-64k\n", "LINE OLD NEW refs/heads/b\n", "LINE NEW OLD refs/heads/c d",
            "LINE shallow NEW", "0000", "0001", "PACK", "00", "LINE x", "LINE push-cert\0x",
        ]), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = crate::plain::bytes(&parts.join("|"));
        let begun = git::read(&bytes[..cut.index(bytes.len() + 1)]);
        let whole = git::read(&bytes);
        let mut reading = git::Reading::default();
        // As much as came, byte after byte.
        let mut reads = (0..=bytes.len()).map(|end| reading.go_on(&bytes[..end]));
        let read = reads.find(|read| *read != Ok(Progress::More)).unwrap_or(Ok(Progress::More));
        prop_assert_eq!(&read, &whole);
        match &begun {
            Ok(Progress::More) => {}
            Ok(Progress::Done(push, _)) => {
                prop_assert_eq!(&begun, &whole);
                prop_assert!(push.updates.iter().all(|name| name.starts_with("refs/") && !name.contains(' ')));
                let answer = push.refusal(|name| format!("no\n0000{name}"));
                prop_assert!(answer.len() >= 4);
            }
            Err(_) => prop_assert!(whole.is_err()),
        }
    }

    /// What frames hold changes places, however they are cut, and nothing else of them does.
    #[test]
    fn frames_come_out_alike_however_they_are_cut(
        texts in prop::collection::vec(("[a-z ]{0,200}", any::<bool>()), 1..5),
        mask in any::<[u8; 4]>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mut vault = Vault::default();
        let credential = Credential { name: "T".to_owned(), secret: Secret::new(TOKEN), hosts: Vec::new(), shape: Shape::Text };
        let placeholder = vault.add(credential, &mut chance(1)).unwrap().to_owned();
        let stream = |token: &str| {
            let text = |(text, has): &(String, bool)| if *has { format!("{text}{token}{text}") } else { text.clone() };
            texts.iter().flat_map(|part| frame(text(part).as_bytes(), mask)).collect::<Vec<u8>>()
        };
        let (inside, expected) = (stream(&placeholder), stream(TOKEN));
        let target = Target::parse("a.example:443", None).unwrap();
        let mut frames = Frames::new(vault.outgoing(&target, Channel::Tls, Listing::Listed));
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(inside.len() + 1)).collect();
        ends.sort_unstable();
        let (mut out, mut start) = (Vec::new(), 0);
        for end in ends.into_iter().chain([inside.len()]) {
            out.extend(frames.push(&inside[start..end]).unwrap());
            start = end;
        }
        prop_assert_eq!(out, expected);
    }

    /// What chunks hold is the same however they are cut.
    #[test]
    fn chunks_hold_the_same_however_they_are_cut(
        parts in prop::collection::vec("[a-z]{1,40}", 0..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let body: String = parts.iter().map(|part| format!("{:x}\r\n{part}\r\n", part.len())).collect();
        let body = format!("{body}0\r\n\r\nrest");
        let (mut chunks, mut held) = (Chunks::default(), Vec::new());
        let (start, end) = body.as_bytes().split_at(cut.index(body.len()));
        let first = chunks.read(start, &mut |part| held.extend_from_slice(part)).unwrap();
        let second = if chunks.is_done() { 0 } else { chunks.read(end, &mut |part| held.extend_from_slice(part)).unwrap() };
        prop_assert_eq!(String::from_utf8(held).unwrap(), parts.concat());
        prop_assert!(chunks.is_done());
        prop_assert_eq!(first + second, body.len() - 4);
    }

    /// What a program is shown of a text has none of the secrets that the pattern finds, unless it is said.
    #[test]
    fn no_secret_is_shown(
        lines in prop::collection::vec(("(token|name)", "[a-zA-Z0-9]{4,30}"), 0..6),
        seed in any::<u64>(),
    ) {
        let text: String = lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let entry = Entry { extract: Some("token=(\\S+)".to_owned()), no_match: NoMatch::Warn, masks_duplicates: true, ..Entry::default() };
        let mut vault = Vault::default();
        let shown = Mask::new(entry, Holder::File).unwrap().apply(&text, ("S", &[]), (&mut vault, &mut chance(seed)));
        let secrets: Vec<&String> = lines.iter().filter(|(name, _)| name == "token").map(|(_, value)| value).collect();
        match shown {
            Shown::Masked(shown) => {
                prop_assert_eq!(shown.len(), text.len());
                prop_assert!(secrets.iter().all(|secret| !shown.contains(secret.as_str())), "{}", shown);
                let target = Target::parse("a.example:443", None).unwrap();
                let mut swap = vault.outgoing(&target, Channel::Tls, Listing::Listed);
                prop_assert_eq!(String::from_utf8(swap.whole(shown.as_bytes())).unwrap(), text);
            }
            Shown::Open(_) => prop_assert!(secrets.is_empty()),
            Shown::Denied(_) => prop_assert!(!secrets.is_empty()),
            Shown::Error(reason) => prop_assert!(false, "{}", reason),
        }
    }
}

/// The parts of a rule are read one by one: none of them becomes a part of another.
#[test]
fn a_rule_is_made_of_its_parts() {
    let origin = || Origin { scope: Scope::User, file: "s".to_owned(), line: 1 };
    let made = |methods: &[&str], host: &str, path: Option<&str>| {
        RequestRule::new(Effect::Deny, (methods, host, path), origin()).map_err(|fault| fault.to_string())
    };
    for (methods, host, path) in [(&[][..], "a.example", None), (&["GET", "POST"][..], "a.example", Some("/admin/**"))]
    {
        let whole = if methods.is_empty() { "*".to_owned() } else { methods.join(",") };
        let text = format!("{whole} {host}{}", path.unwrap_or_default());
        assert_eq!(made(methods, host, path), Ok(rule(Effect::Deny, &text)), "{text}");
    }
    for (methods, host, path, said) in [
        (&[][..], "a.example", Some("admin/**"), "the path is not well formed"),
        (&[][..], "a.example", Some(""), "the path is not well formed"),
        (&[][..], "a.example/admin", None, "the host is missing or not well formed"),
        (&[][..], "a.example/admin", Some("/x"), "the host is missing or not well formed"),
        (&["GET a.example"][..], "b.example", None, "the methods are not well formed"),
        (&["GET,POST"][..], "a.example", None, "the methods are not well formed"),
        (&["*", "GET"][..], "a.example", None, "the methods are not well formed"),
    ] {
        assert_eq!(made(methods, host, path), Err(said.to_owned()), "{methods:?} {host} {path:?}");
    }
}
