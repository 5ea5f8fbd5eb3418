//! What looks into requests never panics, and says the same of a beginning as of the whole.

#![no_main]

use std::cell::Cell;

use egress::Target;
use egress::credential::extract::{Entry, Holder, Mask};
use egress::credential::{Aws, AwsPair, Channel, Credential, Credentials, Listing, Secret, Shape, Vault};
use egress::proxy::Authority;
use egress::rules::{Path, PathPattern, PushRules, RequestRules};
use egress::wire::frames::Frames;
use egress::wire::{Progress, git, request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let cut = usize::from(*cut) * bytes.len() / 256;
    pushes(bytes, cut);
    frames(bytes, cut);
    signatures(bytes);
    // Whatever is given as an authority is one or is not.
    let _ = Authority::given(bytes, bytes, 0);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    paths(text, cut);
    texts(text, cut);
});

fn pushes(bytes: &[u8], cut: usize) {
    let (begun, whole) = (git::read(&bytes[..cut]), git::read(bytes));
    match &begun {
        Ok(Progress::More) => {}
        Ok(Progress::Done(push, _)) => {
            assert_eq!(begun, whole);
            let _ = push.refusal(|name| name.to_owned());
        }
        Err(_) => assert!(whole.is_err()),
    }
}

fn vault() -> Vault {
    let mut vault = Vault::default();
    let state = Cell::new(7_u64);
    let mut random = || {
        state.set(state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        state.get() >> 33
    };
    for (name, secret) in [("ID", "AKIAIOSFODNN7EXAMPLE"), ("KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")] {
        let credential =
            Credential { name: name.to_owned(), secret: Secret::new(secret), hosts: Vec::new(), shape: Shape::Text };
        vault.add(credential, &mut random).unwrap();
    }
    vault
}

fn frames(bytes: &[u8], cut: usize) {
    let target = Target::parse("a.example:443", None).unwrap();
    let swap = vault().outgoing(&target, Channel::Tls, Listing::Listed);
    let (mut whole, mut parts) = (Frames::new(swap.clone()), Frames::new(swap));
    let once = whole.push(bytes);
    let twice = parts.push(&bytes[..cut]).and_then(|first| Ok([first, parts.push(&bytes[cut..])?].concat()));
    assert_eq!(once, twice);
    assert!(once.is_ok_and(|out| out.len() <= bytes.len()) || twice.is_err());
}

fn signatures(bytes: &[u8]) {
    let Ok(Progress::Done(original, _)) = request::read(bytes, request::Place::Server(443)) else { return };
    let pair = AwsPair { key_id: "ID".to_owned(), secret: "KEY".to_owned(), session: None };
    let credentials = Credentials { vault: vault(), aws: Aws { pairs: vec![pair], ..Aws::default() } };
    let mut request = original.clone();
    // Nobody here can sign with the placeholder.
    assert_ne!(credentials.sign(&mut request, (&original, b""), 443), Ok(true));
    assert_eq!(request, original);
    assert_eq!(RequestRules::default().judge(&request), Ok(()));
    assert_eq!(PushRules::default().repository(&request), Ok(None));
}

fn paths(text: &str, cut: usize) {
    let Ok(path) = Path::read(text) else { return };
    for segment in path.segments() {
        assert!(!segment.is_empty() && !segment.ends_with('.') && !segment.contains(['/', '\\', '%', ';', '\0']));
    }
    if let Some(Ok(pattern)) = text.get(..cut).map(PathPattern::parse) {
        assert!(!pattern.covers(&path) || pattern.tightens(&path));
    }
}

fn texts(text: &str, cut: usize) {
    let (Some(pattern), Some(rest)) = (text.get(..cut), text.get(cut..)) else { return };
    let mut number = 0_u64;
    let mut random = || {
        number += 1;
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11
    };
    for is_token in [false, true] {
        let entry = Entry { extract: Some(pattern.to_owned()), is_token, masks_duplicates: true, ..Entry::default() };
        let Ok(mask) = Mask::new(entry, Holder::File) else { continue };
        let _ = mask.apply(rest, ("S", &[]), (&mut Vault::default(), &mut random));
    }
}
