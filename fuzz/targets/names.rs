//! A host that is read is the host that another reader of URLs finds: a request is judged by the name that is dialled.

#![no_main]

use egress::host::{Host, Target};
use egress::wire::Progress;
use egress::wire::request::{Place, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    check_host(text);
    check_host(&format!("{text}.example"));
    check_request(text);
    check_request(&format!("http://{text}/"));
    check_request(&format!("http://a.example{text}"));
});

fn check_host(text: &str) {
    let Ok(host) = Host::parse(text) else { return };
    let shown = host.to_string();
    assert_eq!(Host::parse(&shown), Ok(host), "{text:?}");
    // What the other does not take for a host, such as a label of punycode that is none, is dialled as it stands.
    if let Ok(other) = url::Url::parse(&format!("http://{text}/")) {
        assert_eq!(Host::parse(other.host_str().unwrap_or_default()), Host::parse(&shown), "{text:?}");
    }
}

fn check_request(url: &str) {
    let head = format!("GET {url} HTTP/1.0\r\n\r\n");
    let Ok(Progress::Done(request, _)) = read(head.as_bytes(), Place::Proxy) else { return };
    let Ok(other) = url::Url::parse(url) else { return };
    let port = other.port_or_known_default().unwrap_or_default();
    let host = other.host_str().unwrap_or_default();
    let other = Host::parse(host).and_then(|host| Target::new(host, port));
    assert_eq!(other, Ok(request.target), "{url:?}");
}
