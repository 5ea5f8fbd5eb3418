//! What a program says to the ssh agent: no panic, one meaning, and nothing is signed that is no login at a named
//! host.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vault::ssh_agent::judge::{Conversation, Judgement, Rules};
use vault::ssh_agent::message::{self, Request};
use vault::ssh_agent::{KnownHosts, login, proof};

/// A named key, and a host whose key nobody here has.
static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKQoOZzkzAVpkETTyUPeMsnoVl6Ai3gfqhInRt7kWoWD";
    let servers = ["git.example".parse().expect("a server")];
    let hosts = KnownHosts::read(&format!("git.example {line}"), &servers).expect("a known host");
    Rules { keys: vec![line.parse().expect("a key")], hosts, pairs: None }
});

fuzz_target!(|bytes: &[u8]| {
    let mut conversation = Conversation::default();
    for message in bytes.split(|byte| *byte == 0xa5) {
        drop(message::read_identities(message));
        let _ = message::read_signature(message);
        let Ok(request) = message::read(message) else { continue };
        match message::render(&request) {
            Some(sent) => assert_eq!(message::read(&sent[4..]), Ok(request.clone())),
            None => assert!(matches!(request, Request::Other(_))),
        }
        if let Request::Sign(sign) = &request {
            let _ = login::read(sign.data);
        }
        match conversation.judge(&RULES, &request) {
            Judgement::List | Judgement::Refuse(_) => {}
            // A signature that is right may be found by chance in no time that a fuzzer has.
            Judgement::Bind { .. } => assert!(matches!(&request, Request::Bind(bind) if proof::is_proved(bind))),
            Judgement::Sign { .. } => panic!("signed at a host that signed nothing"),
        }
    }
});
