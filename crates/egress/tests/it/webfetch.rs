//! A pattern means the same in the lists of the network and in rules about `WebFetch`, which are merged.

use std::collections::BTreeMap;

use egress::host::{Host, HostPattern};
use policy::action::Kind;
use policy::facts::{Facts, Person};
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::{AbsPath, Action, Effects, Policy, Verdict};
use proptest::prelude::*;

/// The list in which the rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Allow,
    Deny,
}

/// Returns what a rule about `WebFetch` says to a URL; `None` when it is no rule.
fn fetched(list: Kept, domain: &str, url: &str) -> Option<Verdict> {
    let home = AbsPath::parse("/home/u").unwrap();
    let origin = Origin { scope: Scope::User, file: "user.json".to_owned(), line: 1 };
    let rule = |text: String| vec![Sourced { value: text, origin: origin.clone() }];
    let mut layer = Layer::empty(Scope::User, "user.json", home.clone());
    match list {
        Kept::Allow => layer.allow = rule(format!("WebFetch(domain:{domain})")),
        Kept::Deny => {
            layer.deny = rule(format!("WebFetch(domain:{domain})"));
            layer.allow = rule("WebFetch".to_owned());
        }
    }
    let (policy, told) = Policy::compile(&[layer], &home);
    if !told.is_empty() {
        return None;
    }
    let kind = Kind::Fetch { url: url.to_owned() };
    let action = Action { tool: "WebFetch".to_owned(), kind, params: Vec::new(), cwd: home.clone() };
    let effects = Effects::of(&action, &home);
    let facts = Facts {
        home: home.clone(),
        project: home.clone(),
        working_directories: vec![home],
        resolved: BTreeMap::new(),
        person: Person::Present,
        mode: None,
        found_below: BTreeMap::new(),
        links_matched: BTreeMap::new(),
        removals: Vec::new(),
        boundary: None,
    };
    Some(policy::decide(&policy, &action, &effects, &facts).proof().verdict)
}

fn patterns() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "example", "A", "*", "a*", "*b", "127", "0", "1"]);
    prop_oneof![
        prop::collection::vec(label, 1..5).prop_map(|labels| labels.join(".")),
        prop::sample::select(vec![
            "*.example.",
            "127.0.0.1",
            "[::1]",
            "::1",
            "[::ffff:127.0.0.1]",
            "*.a.example",
            "*.*.example",
            "2001:db8::1"
        ])
        .prop_map(str::to_owned),
    ]
}

fn hosts() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "example", "A", "ab", "aab", "127", "0", "1"]);
    prop_oneof![
        prop::collection::vec(label, 1..5).prop_map(|labels| labels.join(".")),
        prop::sample::select(vec![
            "example.",
            "127.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "x.a.example",
            "[2001:db8::1]",
            "127.1"
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn patterns_mean_the_same_to_both(domain in patterns(), host in hosts()) {
        let (Ok(pattern), Ok(read)) = (HostPattern::parse_domain(&domain), Host::parse(&host)) else { return Ok(()) };
        let url = format!("https://{host}/");
        if let Some(verdict) = fetched(Kept::Allow, &domain, &url) {
            // To the network no star is part of an address that is allowed.
            let is_address = read.as_address().is_some() && !pattern.is_exact() && !pattern.is_any();
            let is_allowed = verdict == Verdict::Allow && !is_address;
            prop_assert_eq!(is_allowed, pattern.covers(&read), "allow {} to {}", domain, host);
        }
        if let Some(verdict) = fetched(Kept::Deny, &domain, &url) {
            prop_assert_eq!(verdict == Verdict::Deny, pattern.tightens(&read), "deny {} to {}", domain, host);
        }
    }
}
