//! References to secrets and lines of known hosts: no panic, what is read stays as it is, no fault shows the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::Reference;
use vault::sources::Endpoint;
use vault::ssh_agent::{KnownHosts, NamedKey, Server};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    match text.parse::<Reference>() {
        Ok(reference) => assert_eq!(reference.to_string(), text),
        Err(fault) => {
            // A fault shows one character at most.
            let told = fault.to_string();
            assert!(told.len() < 120 && !told.contains('\n'), "{told}");
            assert!(!fault.hint().is_empty());
        }
    }
    if let Ok(server) = text.parse::<Endpoint>() {
        assert_eq!(server.to_string().parse::<Endpoint>(), Ok(server));
    }
    let _ = text.parse::<NamedKey>();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(server) = first.parse::<Server>() {
        assert_eq!(server.to_string().parse::<Server>(), Ok(server.clone()));
        let _ = KnownHosts::read(rest, &[server]);
    }
});
