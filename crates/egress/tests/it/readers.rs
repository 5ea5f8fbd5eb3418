//! Laws of the readers of the wire: whatever comes, however it is cut.

use std::fmt::Debug;

use egress::host::Host;
use egress::wire::chunks::Chunks;
use egress::wire::fields::Body;
use egress::wire::{Progress, dns, hello, request, response, socks};
use proptest::prelude::*;

use crate::made::{Made, question};

/// Bytes near the border of what is a head.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        "GET ",
        "POST ",
        "CONNECT ",
        "a.example:443",
        "http://a.example/",
        "http://b.example:80/x?y",
        "/",
        "*",
        " ",
        " HTTP/1.1",
        " HTTP/1.0",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "Host: a.example",
        "Host: b.example",
        "Host : x",
        "Content-Length: 5",
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Connection: close",
        "Connection: host",
        "Upgrade: websocket",
        "Connection: upgrade",
        "\tfolded",
        "\0",
        "é",
        "x: y",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 204 ",
        "1;x=y\r\n",
    ]);
    let parts = prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat().into_bytes());
    let shaped = prop::collection::vec(
        prop::sample::select(vec![
            "Host: a.example",
            "Host: a.example:80",
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            "Connection: close, x",
            "X: y",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Accept: */*",
            "Cookie: é",
        ]),
        0..5,
    )
    .prop_map(|fields| {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        format!("GET http://a.example/p HTTP/1.1\r\n{fields}\r\n").into_bytes()
    });
    prop_oneof![parts, shaped, prop::collection::vec(any::<u8>(), 0..80)]
}

/// A reader says the same of a beginning as of the whole: it wants more, or has read the same.
fn check_cut<T: PartialEq + Debug + Clone, E: PartialEq + Debug + Clone>(
    bytes: &[u8],
    at: usize,
    read: impl Fn(&[u8]) -> Result<Progress<T>, E>,
) {
    let whole = read(bytes);
    let cut = read(&bytes[..at.min(bytes.len())]);
    match (&cut, &whole) {
        (Ok(Progress::More), _) => {}
        (Ok(Progress::Done(..)), _) => assert_eq!(cut, whole),
        (Err(_), whole) => assert!(whole.is_err(), "{cut:?} became {whole:?}"),
    }
    if let Ok(Progress::Done(_, taken)) = &whole {
        assert!(*taken <= bytes.len());
        assert_eq!(read(&bytes[..*taken]), whole, "what was taken is enough");
    }
}

fn chunked(bytes: &[u8], cuts: &[usize]) -> Result<(usize, bool), String> {
    let mut chunks = Chunks::default();
    let (mut taken, mut start) = (0, 0);
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.sort_unstable();
    for end in ends.into_iter().chain([bytes.len()]) {
        taken += chunks.push(&bytes[start..end]).map_err(|fault| fault.to_string())?;
        start = end;
    }
    Ok((taken, chunks.is_done()))
}

proptest! {
    #[test]
    fn heads_are_read_alike_however_they_come(bytes in heads(), at in 0usize..200) {
        check_cut(&bytes, at, |bytes| request::read(bytes, request::Place::Proxy));
        check_cut(&bytes, at, |bytes| request::read(bytes, request::Place::Server(80)));
        check_cut(&bytes, at, |bytes| response::read(bytes, "GET"));
        check_cut(&bytes, at, |bytes| response::read(bytes, "HEAD"));
    }

    /// What is sent to a server is read by it as what was judged: one request, for this host, with this body.
    #[test]
    fn what_is_forwarded_is_what_was_judged(bytes in heads()) {
        if let Ok(Progress::Done(judged, _)) = request::read(&bytes, request::Place::Proxy)
            && judged.method != "CONNECT"
        {
            let sent = judged.render(None);
            let port = judged.target.port();
            let Ok(Progress::Done(read, taken)) = request::read(&sent, request::Place::Server(port)) else {
                panic!("{:?} cannot be read", String::from_utf8_lossy(&sent));
            };
            prop_assert_eq!(taken, sent.len());
            prop_assert_eq!((&read.target, &read.path, &read.method), (&judged.target, &judged.path, &judged.method));
            prop_assert_eq!(read.body, judged.body);
            prop_assert!(read.fields.all("proxy-authorization").next().is_none());
        }
    }

    #[test]
    fn chunks_are_read_alike_however_they_come(
        bytes in prop_oneof![
            "([0-3]\r\n|a\r\n|[a-c]{0,3}\r\n|\r\n|0\r\n|x: y\r\n){0,6}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..40),
        ],
        cuts in prop::collection::vec(any::<usize>(), 0..5),
    ) {
        let whole = chunked(&bytes, &[]);
        let cut = chunked(&bytes, &cuts);
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn hellos_are_read_alike_however_they_come(
        name in "[a-z.\0]{0,12}",
        names in 0usize..3,
        record in 1usize..80,
        extensions in prop::collection::vec((prop::sample::select(vec![0u16, 10, 21, 0xfe0d, 0xffce]), prop::collection::vec(any::<u8>(), 0..9)), 0..3),
        at in 0usize..300,
        noise in prop::option::of((0usize..200, any::<u8>())),
    ) {
        let made = Made { names: vec![name.into_bytes(); names], extensions, record, is_named: names > 0, ..Made::default() };
        let mut bytes = made.bytes();
        if let Some((place, byte)) = noise && place < bytes.len() {
            bytes[place] = byte;
        }
        bytes.extend(b"after");
        check_cut(&bytes, at, hello::read);
        check_cut(&bytes, at, hello::read_reply);
        check_cut(&bytes, at, hello::read_again);
    }

    #[test]
    fn noise_is_no_hello(bytes in prop::collection::vec(any::<u8>(), 0..100), at in 0usize..100) {
        check_cut(&bytes, at, hello::read);
        check_cut(&bytes, at, hello::read_reply);
        check_cut(&bytes, at, hello::read_again);
    }

    #[test]
    fn socks_is_read_alike_however_it_comes(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..30),
            (prop::collection::vec(prop::sample::select(vec![0u8, 1, 2, 3, 4, 5]), 4), "[a-z.]{0,9}").prop_map(|(head, name)| {
                [head, vec![u8::try_from(name.len()).unwrap()], name.into_bytes(), vec![1, 187]].concat()
            }),
        ],
        at in 0usize..40,
    ) {
        check_cut(&bytes, at, socks::read_greeting);
        check_cut(&bytes, at, socks::read_password);
        check_cut(&bytes, at, socks::read_request);
    }

    /// A question that was read is answered with its own number and question, and no answer is a question.
    #[test]
    fn questions_are_answered_by_answers(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            ("[a-zA-Z0-9_-]{1,9}(\\.[a-z0-9]{1,9}){0,3}", any::<u16>(), any::<u16>()).prop_map(|(name, id, kind)| question(id, &name, kind)),
        ],
    ) {
        match dns::read(&bytes) {
            Ok(query) => {
                let answer = dns::respond(&query, dns::Answer::Address([198, 18, 0, 1].into()), 60);
                prop_assert_eq!(&answer[..2], &bytes[..2]);
                prop_assert_eq!(&answer[12..answer.len() - 16], &bytes[12..answer.len() - 16]);
                prop_assert_eq!(dns::read(&answer), Err(dns::QueryFault::None));
            }
            Err(fault) => {
                let answer = dns::refuse(fault);
                prop_assert!(answer.is_none_or(|answer| answer.len() == 12 && answer[2] & 0x80 != 0));
            }
        }
    }
}

#[test]
fn a_hello_with_a_name_is_read() {
    let bytes = Made::named("a.example").bytes();
    let hello = hello::Hello { name: Host::parse("a.example").ok(), is_encrypted: false };
    assert_eq!(hello::read(&bytes), Ok(Progress::Done(hello, bytes.len())));
}

#[test]
fn an_endless_hello_ends() {
    let start = [vec![22, 3, 1, 0x40, 0], vec![1, 0, 0x7f, 0xff], vec![3, 3]].concat();
    let mut bytes = start;
    let mut read = hello::read(&bytes);
    while read == Ok(Progress::More) {
        bytes.extend([0; 1024]);
        read = hello::read(&bytes);
        assert!(bytes.len() < 80_000);
    }
    assert!(read.is_err());
}

#[test]
fn a_body_of_the_largest_size_is_read() {
    let head = b"POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 999999999999999999\r\n\r\n";
    let Ok(Progress::Done(request, _)) = request::read(head, request::Place::Proxy) else { panic!() };
    assert_eq!(request.body, Body::Length(999_999_999_999_999_999));
}

/// What fuzzing begins with, and what it once found.
#[test]
fn seeds_are_read_alike_however_they_come() {
    let directory = testkit::root().join("fuzz/seeds/wire");
    let mut count = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for at in 0..bytes.len() {
            check_cut(&bytes[1..], at, |bytes| request::read(bytes, request::Place::Proxy));
            check_cut(&bytes[1..], at, |bytes| request::read(bytes, request::Place::Server(80)));
            check_cut(&bytes[1..], at, |bytes| response::read(bytes, "GET"));
            check_cut(&bytes[1..], at, hello::read);
            check_cut(&bytes[1..], at, socks::read_request);
            assert_eq!(chunked(&bytes[1..], &[at]), chunked(&bytes[1..], &[]));
        }
        count += 1;
    }
    assert!(count >= 7, "only {count} seeds");
}
