//! The readers of the wire never panic, and say the same of a beginning as of the whole.

#![no_main]

use std::fmt::Debug;

use egress::wire::chunks::Chunks;
use egress::wire::fields::HeadFault;
use egress::wire::request::Place;
use egress::wire::{Progress, dns, hello, request, response, socks};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let cut = usize::from(*cut) * bytes.len() / 256;
    check(bytes, cut, |bytes| request::read(bytes, Place::Proxy));
    check(bytes, cut, |bytes| request::read(bytes, Place::Server(80)));
    check(bytes, cut, |bytes| response::read(bytes, "GET"));
    check(bytes, cut, hello::read);
    check(bytes, cut, hello::read_reply);
    check(bytes, cut, hello::read_again);
    check(bytes, cut, socks::read_greeting);
    check(bytes, cut, socks::read_password);
    check(bytes, cut, socks::read_request);
    forwarded(bytes);
    chunks(bytes, cut);
    if let Ok(query) = dns::read(bytes) {
        let answer = dns::respond(&query, dns::Answer::Address([198, 18, 0, 1].into()), 60);
        assert_eq!(dns::read(&answer), Err(dns::QueryFault::None));
    }
});

fn check<T: PartialEq + Debug, E: PartialEq + Debug>(
    bytes: &[u8],
    cut: usize,
    read: impl Fn(&[u8]) -> Result<Progress<T>, E>,
) {
    let (whole, begun) = (read(bytes), read(&bytes[..cut]));
    match &begun {
        Ok(Progress::More) => {}
        Ok(Progress::Done(..)) => assert_eq!(begun, whole),
        Err(_) => assert!(whole.is_err()),
    }
}

/// What is sent to a server is read by it as what was judged.
fn forwarded(bytes: &[u8]) {
    let Ok(Progress::Done(judged, _)) = request::read(bytes, Place::Proxy) else { return };
    if judged.method != "CONNECT" {
        let sent = judged.render(None);
        let read = request::read(&sent, Place::Server(judged.target.port()));
        let (read, taken) = match read {
            Ok(Progress::Done(read, taken)) => (read, taken),
            // The field that names the host may be one too many.
            Err(HeadFault::Long) => return,
            other => panic!("{other:?}"),
        };
        assert_eq!(taken, sent.len());
        assert_eq!((read.target, read.path, read.body), (judged.target, judged.path, judged.body));
    }
}

fn chunks(bytes: &[u8], cut: usize) {
    let (mut whole, mut parts) = (Chunks::default(), Chunks::default());
    let once = whole.push(bytes);
    let twice = parts.push(&bytes[..cut]).and_then(|first| Ok(first + parts.push(&bytes[cut..])?));
    assert_eq!((once, whole.is_done()), (twice, parts.is_done()));
}
