//! A URL is allowed by a host only if another reading of URLs finds that host, and escapes no deny of the host
//! that the other finds. A host of a connection is the same to the other, or none.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use policy::action::Kind;
use policy::facts::{Facts, Person};
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::network::host::Host;
use policy::{AbsPath, Action, Effects, Policy, Verdict};

struct World {
    home: AbsPath,
    narrow: Policy,
    denying: Policy,
}

fn policy(home: &AbsPath, allow: &[&str], deny: &[&str]) -> Policy {
    let sourced = |rules: &[&str]| {
        let origin = Origin { scope: Scope::User, file: "user.json".to_owned(), line: 1 };
        rules.iter().map(|rule| Sourced { value: (*rule).to_owned(), origin: origin.clone() }).collect()
    };
    let mut layer = Layer::empty(Scope::User, "user.json", home.clone());
    (layer.allow, layer.deny) = (sourced(allow), sourced(deny));
    Policy::compile(&[layer], home).0
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let home = AbsPath::parse("/home/u").expect("an absolute path");
    let narrow = policy(&home, &["WebFetch(domain:good.example)", "WebFetch(domain:*.good.example)"], &[]);
    let deny = ["WebFetch(domain:127.0.0.1)", "WebFetch(domain:[::1])", "WebFetch(domain:*.bad.example)"];
    let denying = policy(&home, &["WebFetch"], &deny);
    World { home, narrow, denying }
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    same_host(text);
    for url in
        [text.to_owned(), format!("https://{text}"), format!("http://{text}.good.example/"), format!("http://{text}/x")]
    {
        check(&url);
    }
});

/// Compares what a connection is judged by with what the other reader takes the same text for.
fn same_host(text: &str) {
    let (Ok(host), Ok(url)) = (Host::parse(text), url::Url::parse(&format!("http://{text}/"))) else { return };
    match url.host() {
        Some(url::Host::Domain(name)) => {
            assert_eq!(host.as_name(), Some(name.strip_suffix('.').unwrap_or(name)), "{text:?}")
        }
        Some(url::Host::Ipv4(address)) => assert_eq!(host, Host::from_address(address.into()), "{text:?}"),
        Some(url::Host::Ipv6(address)) => assert_eq!(host, Host::from_address(address.into()), "{text:?}"),
        None => panic!("{text:?} has no host"),
    }
}

fn check(url: &str) {
    let other = url::Url::parse(url).ok().and_then(|parsed| parsed.host_str().map(str::to_owned));
    let other = other.map(|host| host.strip_suffix('.').unwrap_or(&host).to_owned());
    if decide(&WORLD.narrow, url) == Verdict::Allow {
        // What the other refuses is not fetched at all.
        if let Some(host) = &other {
            assert!(host == "good.example" || host.ends_with(".good.example"), "{url:?} leads to {host}");
        }
    }
    let forbidden = other.is_some_and(|host| host == "127.0.0.1" || host == "[::1]" || host.ends_with(".bad.example"));
    if forbidden {
        assert_ne!(decide(&WORLD.denying, url), Verdict::Allow, "{url:?}");
    }
}

fn decide(policy: &Policy, url: &str) -> Verdict {
    let home = WORLD.home.clone();
    let kind = Kind::Fetch { url: url.to_owned() };
    let action = Action { tool: "WebFetch".to_owned(), kind, params: Vec::new(), cwd: home.clone() };
    let effects = Effects::of(&action, &home);
    let facts = Facts {
        home: home.clone(),
        project: home.clone(),
        working_directories: vec![home],
        resolved: std::collections::BTreeMap::new(),
        person: Person::Present,
        mode: None,
        found_below: std::collections::BTreeMap::new(),
        links_matched: std::collections::BTreeMap::new(),
        removals: Vec::new(),
        boundary: None,
    };
    policy::decide(policy, &action, &effects, &facts).proof().verdict
}
