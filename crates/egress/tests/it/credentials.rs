//! Placeholders change places with their secrets on the way to their hosts, back from everywhere, and nowhere else.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use egress::Target;
use egress::credential::{Channel, Credential, CredentialFault, Found, Listing, Secret, Shape, Swap, Vault};
use proptest::prelude::*;

use crate::world::place;

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

/// Chance that is the same in every run.
pub(crate) fn chance(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    }
}

fn vault(secrets: &[(&str, &[&str])], seed: u64) -> Result<(Vault, Vec<String>), CredentialFault> {
    let mut vault = Vault::default();
    let mut random = chance(seed);
    let mut placeholders = Vec::new();
    for (number, (secret, hosts)) in secrets.iter().enumerate() {
        let hosts = hosts.iter().map(|host| place(host)).collect();
        let credential =
            Credential { name: format!("S{number}"), secret: Secret::new(*secret), hosts, shape: Shape::Text };
        placeholders.push(vault.add(credential, &mut random)?.to_owned());
    }
    Ok((vault, placeholders))
}

fn through(mut swap: Swap, bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<Found>) {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.sort_unstable();
    let (mut out, mut start) = (Vec::new(), 0);
    for end in ends.into_iter().chain([bytes.len()]) {
        out.extend(swap.push(&bytes[start..end]));
        start = end;
    }
    out.extend(swap.finish());
    (out, swap.found().collect())
}

fn text(swap: Swap, text: &str) -> String {
    String::from_utf8(through(swap, text.as_bytes(), &[]).0).unwrap()
}

fn at(target: &str) -> Target {
    Target::parse(target, None).unwrap()
}

#[test]
fn a_secret_goes_to_its_hosts_alone() {
    let (vault, placeholders) = vault(&[(TOKEN, &["api.example", "*.git.example:8443"])], 1).unwrap();
    let placeholder = &placeholders[0];
    let request = format!("authorization: Bearer {placeholder}\r\n");
    let real = format!("authorization: Bearer {TOKEN}\r\n");
    for (target, channel, expected, is_swapped) in [
        ("api.example:443", Channel::Tls, &real, true),
        ("a.git.example:8443", Channel::Tls, &real, true),
        ("a.git.example:443", Channel::Tls, &request, false),
        ("evil.example:443", Channel::Tls, &request, false),
        ("api.example.evil.example:443", Channel::Tls, &request, false),
        ("api.example:80", Channel::Plain, &request, false),
    ] {
        let (out, found) = through(vault.outgoing(&at(target), channel, Listing::Listed), request.as_bytes(), &[]);
        assert_eq!(String::from_utf8(out).unwrap(), *expected, "{target}");
        assert_eq!(found, [Found { number: 0, is_swapped }], "{target}");
        assert_eq!(vault.name(found[0]), "S0");
    }
    let mut open = vault.clone();
    open.danger_plain = true;
    assert_eq!(text(open.outgoing(&at("api.example:80"), Channel::Plain, Listing::Listed), &request), real);
    // A secret that the program has from elsewhere is no placeholder, and is not touched on the way out.
    let (out, found) =
        through(vault.outgoing(&at("api.example:443"), Channel::Tls, Listing::Listed), real.as_bytes(), &[]);
    assert_eq!((String::from_utf8(out).unwrap(), found), (real, Vec::new()));
}

#[test]
fn every_form_changes_places() {
    let secret = "pass/word+0123456789\"abcdef=";
    let (vault, placeholders) = vault(&[(secret, &[])], 2).unwrap();
    let placeholder = &placeholders[0];
    let forms: [fn(&str) -> String; 9] = [
        str::to_owned,
        |text| STANDARD.encode(text),
        |text| STANDARD.encode(format!("u:{text}")),
        |text| STANDARD.encode(format!("user:{text} and more")),
        |text| STANDARD.encode(format!("x:{text}y")).replace('+', "-").replace('/', "_"),
        |text| text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        |text| text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        |text| text.replace('/', "%2F").replace('+', "%2B").replace('"', "%22").replace('=', "%3D"),
        |text| text.replace('"', "\\\"").replace('/', "\\/"),
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let (inside, outside) = (format!("<{}>", form(placeholder)), format!("<{}>", form(secret)));
        let sent = text(vault.outgoing(&at("api.example:443"), Channel::Tls, Listing::Listed), &inside);
        let back = text(vault.incoming(), &outside);
        // The first and last digits of base64 are shared with what stands around, and are not the secret's alone.
        let core = |text: &str| text[4..text.len() - 6].to_owned();
        assert_eq!(core(&sent), core(&outside), "form {number}");
        assert_eq!(core(&back), core(&inside), "form {number}");
    }
}

#[test]
fn what_cannot_be_told_from_other_texts_has_no_placeholder() {
    let fault = |secrets: &[(&str, &[&str])]| vault(secrets, 3).map(|_| ()).unwrap_err();
    assert_eq!(fault(&[("hunter2", &[])]), CredentialFault::Short);
    assert_eq!(fault(&[("", &[])]), CredentialFault::Short);
    assert_eq!(fault(&[("----------------------------", &[])]), CredentialFault::Short);
    assert_eq!(fault(&[(&"a".repeat(9000), &[])]), CredentialFault::Long);
    assert_eq!(fault(&[(TOKEN, &[]), (&format!("{TOKEN}x"), &[])]), CredentialFault::Overlap);
}

#[test]
fn a_secret_of_two_names_has_a_placeholder_for_each() {
    let (vault, placeholders) = vault(&[(TOKEN, &["a.example"]), (TOKEN, &["b.example"])], 5).unwrap();
    let [one, other] = placeholders.as_slice() else { panic!("{placeholders:?}") };
    assert_ne!(one, other);
    let sent =
        |target: &str, listing| text(vault.outgoing(&at(target), Channel::Tls, listing), &format!("{one} {other}"));
    assert_eq!(sent("a.example:443", Listing::Listed), format!("{TOKEN} {other}"));
    assert_eq!(sent("b.example:8443", Listing::Asked), format!("{one} {TOKEN}"));
    assert_eq!(text(vault.incoming(), TOKEN), *one);
}

/// Programs look at a prefix that says what a token is. What only looks like one is part of the secret.
#[test]
fn a_placeholder_keeps_a_known_prefix_alone() {
    for (secret, kept) in [
        (TOKEN, "ghp_"),
        ("github_pat_11ABCDEFG0123456789abcdef", "github_pat_"),
        ("sk-ant-api03-0123456789abcdef0123", "sk-ant-"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA"),
        ("hunter2_0123456789abcdefghij", ""),
        ("a-b.c_0123456789abcdefghijkl", ""),
        ("ghp_short0123456789", ""),
    ] {
        let placeholders = (0..8).map(|seed| vault(&[(secret, &[])], seed).unwrap().1.remove(0)).collect::<Vec<_>>();
        let is_kept = |end: usize| placeholders.iter().all(|made| made[..end] == secret[..end]);
        let end = (0..=secret.len()).rev().find(|end| is_kept(*end)).unwrap();
        assert_eq!(&secret[..end], kept, "{placeholders:?}");
    }
}

/// A host that a person allowed once gets nothing that is not bound to it.
#[test]
fn what_is_bound_to_no_host_goes_to_the_lists_alone() {
    let (vault, placeholders) = vault(&[(TOKEN, &[])], 6).unwrap();
    let sent = |listing| text(vault.outgoing(&at("a.example:443"), Channel::Tls, listing), &placeholders[0]);
    assert_eq!((sent(Listing::Listed), sent(Listing::Asked)), (TOKEN.to_owned(), placeholders[0].clone()));
}

/// A reader who waits gets the few bytes that were held back; the rest of the text changes places all the same.
#[test]
fn a_few_bytes_are_let_go_of() {
    let (vault, placeholders) = vault(&[(TOKEN, &[])], 7).unwrap();
    let mut swap = vault.incoming();
    assert_eq!(swap.push(b"event gh"), b"event ");
    assert!(swap.holds_little());
    assert_eq!((swap.release(), swap.release(), swap.holds_little()), (b"gh".to_vec(), Vec::new(), false));
    let rest = [swap.push(&TOKEN.as_bytes()[2..]), swap.push(b"!"), swap.finish()].concat();
    assert_eq!(String::from_utf8(rest).unwrap(), format!("{}!", &placeholders[0][2..]));
    // What is more likely the secret is held back.
    let mut swap = vault.incoming();
    assert_eq!(swap.push(&TOKEN.as_bytes()[..8]), b"");
    assert!(!swap.holds_little());
}

/// Returns the claims of a token's placeholder, whose head and length are the token's.
fn token(claims: &str, named: &[&str]) -> Result<String, CredentialFault> {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = format!("{}.{}.{}", encode("{\"alg\":\"HS256\"}"), encode(claims), "0aB".repeat(14) + "w");
    let shape = Shape::Token(named.iter().map(|name| (*name).to_owned()).collect());
    let credential = Credential { name: "T".to_owned(), secret: Secret::new(&*token), hosts: Vec::new(), shape };
    let mut vault = Vault::default();
    let made = vault.add(credential, &mut chance(7))?.to_owned();
    let (old, new): (Vec<&str>, Vec<&str>) = (token.split('.').collect(), made.split('.').collect());
    assert_eq!((old[0], old[1].len(), old[2].len()), (new[0], new[1].len(), new[2].len()));
    assert_ne!(old[2], new[2]);
    URL_SAFE_NO_PAD.decode(new[2]).unwrap();
    assert_eq!(text(vault.outgoing(&at("a.example:443"), Channel::Tls, Listing::Listed), &made), token);
    Ok(String::from_utf8(URL_SAFE_NO_PAD.decode(new[1]).unwrap()).unwrap())
}

#[test]
fn a_token_stays_a_token() {
    let claims = r#"{"sub":"user-42","exp":1700000000,"n":{"sub":["ab","c\u00e9\"d"]},"ok":true}"#;
    // Letters become `a` and digits `0`, where they are others than before.
    let seen = |made: &str| {
        let changed = |(old, new): (char, char)| match new {
            _ if old == new => old,
            'a'..='z' => '?',
            '0'..='9' => '#',
            _ => panic!("{old} became {new}"),
        };
        claims.chars().zip(made.chars()).map(changed).collect::<String>()
    };
    assert_eq!(
        seen(&token(claims, &[]).unwrap()),
        r#"{"sub":"????-##","exp":1700000000,"n":{"sub":["??","?\u00e9\"?"]},"ok":true}"#
    );
    assert_eq!(
        seen(&token(claims, &["sub"]).unwrap()),
        r#"{"sub":"????-##","exp":1700000000,"n":{"sub":["ab","c\u00e9\"d"]},"ok":true}"#
    );
    assert_eq!(token("[]", &[]), Err(CredentialFault::Form));
}

#[test]
fn nothing_shows_a_secret() {
    let (vault, placeholders) = vault(&[(TOKEN, &[])], 4).unwrap();
    let shown = format!(
        "{vault:?} {:?} {:?}",
        vault.incoming(),
        vault.outgoing(&at("a.example:443"), Channel::Tls, Listing::Listed)
    );
    assert!(!shown.contains(TOKEN) && !shown.contains(&TOKEN[8..]), "{shown}");
    assert!(placeholders[0].starts_with("ghp_") && placeholders[0] != TOKEN);
}

fn secrets() -> impl Strategy<Value = String> {
    prop_oneof!["(ghp_|sk-ant-|npm_|)[a-zA-Z0-9]{20,40}", "[a-zA-Z0-9/+]{30}==", "[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{12}",]
}

proptest! {
    /// A placeholder has the length and the shape of its secret.
    #[test]
    fn placeholders_have_the_shape_of_their_secrets(secret in secrets(), seed in any::<u64>()) {
        let (_, placeholders) = vault(&[(&secret, &[])], seed).unwrap();
        let shape = |text: &str| text.replace(|letter: char| letter.is_ascii_lowercase(), "a")
            .replace(|letter: char| letter.is_ascii_uppercase(), "A")
            .replace(|letter: char| letter.is_ascii_digit(), "0");
        prop_assert_eq!(shape(&placeholders[0]), shape(&secret));
        prop_assert_ne!(&placeholders[0], &secret);
    }

    /// However a stream is cut, it comes out the same, as long as it was, and no secret comes in.
    #[test]
    fn streams_come_out_alike_however_they_are_cut(
        one in secrets(),
        two in secrets(),
        order in prop::collection::vec((0usize..6, "[a-zA-Z0-9 ]{0,9}"), 0..8),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
        seed in any::<u64>(),
    ) {
        let Ok((vault, placeholders)) = vault(&[(&one, &["a.example"]), (&two, &["b.example"])], seed) else { return Ok(()) };
        let parts = [one.as_str(), two.as_str(), &placeholders[0], &placeholders[1], &one[..one.len() / 2], &placeholders[0][..9]];
        let stream: String = order.iter().map(|(part, between)| format!("{}{between}", parts[*part])).collect();
        for swap in [vault.incoming(), vault.outgoing(&at("a.example:443"), Channel::Tls, Listing::Listed)] {
            let whole = through(swap.clone(), stream.as_bytes(), &[]);
            prop_assert_eq!(&through(swap, stream.as_bytes(), &cuts), &whole);
            prop_assert_eq!(whole.0.len(), stream.len());
        }
        let inside = String::from_utf8(through(vault.incoming(), stream.as_bytes(), &cuts).0).unwrap();
        prop_assert!(!inside.contains(&one) && !inside.contains(&two), "{}", inside);
        // To a host goes what is bound to it, and no other's secret appears.
        let masked = inside;
        let sent = String::from_utf8(through(vault.outgoing(&at("a.example:443"), Channel::Tls, Listing::Listed), masked.as_bytes(), &cuts).0).unwrap();
        prop_assert!(!sent.contains(&two));
        prop_assert!(!sent.contains(&placeholders[0]));
    }
}
