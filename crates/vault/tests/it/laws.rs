//! Laws of the readers: they never panic, and what is written is read.

use proptest::prelude::*;
use vault::Reference;
use vault::sources::Endpoint;
use vault::ssh_agent::judge::{Conversation, Judgement, Rules};
use vault::ssh_agent::message::{self, Bind, Request, Sign};
use vault::ssh_agent::{KnownHosts, NamedKey, Server, login, proof};

/// Texts near references.
fn reference() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![
        Just("env://"),
        Just("file://"),
        Just("cmd://"),
        Just("op://"),
        Just("vault://"),
        Just("aws-sm://eu-west-1/"),
        Just("doppler://"),
        Just("infisical://"),
        Just("keychain://"),
        Just(""),
    ];
    let part = prop_oneof![
        "[a-zA-Z0-9_./#% -]{0,12}",
        "\\PC{0,6}",
        Just("%2F".to_owned()),
        Just("/..".to_owned()),
        Just("c4n4ry".to_owned())
    ];
    (scheme, proptest::collection::vec(part, 0..5)).prop_map(|(scheme, parts)| scheme.to_owned() + &parts.join("/"))
}

proptest! {
    #[test]
    fn references_are_read_or_refused_and_stay_as_they_are(text in reference()) {
        match text.parse::<Reference>() {
            Ok(reference) => {
                prop_assert_eq!(reference.to_string(), text);
                let place = format!("{:?}", reference);
                prop_assert!(!place.contains("\\0") && !place.contains("\\n"), "{}", place);
            }
            Err(fault) => {
                // What is no reference may be a secret.
                let (told, hint) = (fault.to_string(), fault.hint());
                prop_assert!(!told.contains("c4n4ry") && !hint.contains("c4n4ry"), "{} {}", told, hint);
            }
        }
    }

    #[test]
    fn files_of_a_reference_are_below_the_root(text in "file:///[a-z./%2EF#]{0,20}") {
        if let Ok(reference) = text.parse::<Reference>() {
            let shown = format!("{reference:?}");
            let path = shown.split("path: \"").nth(1).unwrap().split('"').next().unwrap();
            prop_assert!(path.starts_with('/') && path.split('/').skip(1).all(|part| !matches!(part, "" | "." | "..")), "{}", path);
        }
    }

    #[test]
    fn servers_and_hosts_are_read_or_refused(text in "(https?://)?\\PC{0,30}", line in "\\PC{0,60}") {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            prop_assert_eq!(endpoint.to_string().parse::<Endpoint>().unwrap(), endpoint);
        }
        if let Ok(server) = text.parse::<Server>() {
            prop_assert_eq!(server.to_string().parse::<Server>().unwrap(), server.clone());
            drop(KnownHosts::read(&line, &[server]));
        }
        drop(line.parse::<NamedKey>());
    }

    #[test]
    fn messages_that_are_written_are_read(
        key: Vec<u8>, data: Vec<u8>, flags: u32, host_key: Vec<u8>, session: Vec<u8>, signature: Vec<u8>, is_forwarded: bool
    ) {
        let bind = Bind { host_key: &host_key, session: &session, signature: &signature, is_forwarded };
        for request in [Request::Identities, Request::Sign(Sign { key: &key, data: &data, flags }), Request::Bind(bind)] {
            let bytes = message::render(&request).unwrap();
            let (prefix, rest) = bytes.split_first_chunk::<4>().unwrap();
            prop_assert_eq!(message::length(*prefix), Ok(rest.len()));
            prop_assert_eq!(message::read(rest), Ok(request));
            // A beginning, or more than one, is no message.
            prop_assert!(message::read(&rest[..rest.len() - 1]).is_err());
            prop_assert!(message::read(&[rest, &[0]].concat()).is_err());
        }
    }

    #[test]
    fn bytes_are_no_login_at_nobodys_host(bytes: Vec<u8>, more: Vec<u8>) {
        drop(message::read_identities(&bytes));
        // The number of the answer, and the head of a login, have to be there.
        prop_assert!(message::read_signature(&bytes).is_err() || bytes.first() == Some(&14));
        prop_assert!(login::read(&bytes).is_none() || bytes.contains(&50));
        let bind = Bind { host_key: &bytes, session: &more, signature: &more, is_forwarded: false };
        prop_assert!(!proof::is_proved(&bind));
        if let Ok(request) = message::read(&bytes) {
            let judged = Conversation::default().judge(&Rules::default(), &request);
            prop_assert!(matches!(judged, Judgement::List | Judgement::Refuse(_)), "{:?}", judged);
        }
    }
}
