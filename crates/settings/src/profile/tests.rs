use policy::AbsPath;
use policy::Policy;

use super::{built_in, names, of_program, parse};

/// What is brought along can be read, says of each grant why, and grants what it says.
#[test]
fn every_built_in_profile_counts() {
    let root = AbsPath::root();
    for name in names() {
        let profile = built_in(name).unwrap_or_else(|| {
            let text = super::BUILT_IN.iter().find(|(known, _)| *known == name).unwrap().1;
            panic!("{}", parse(name, name, text).unwrap_err())
        });
        assert_eq!(of_program(name), Some(profile.clone()));
        let layer = profile.layer(Some((&root.join("home/me/own"), &root.join("cache/own"))), &root.join("p"));
        let (policy, found) = Policy::compile(&[layer], &root.join("home/me"));
        assert_eq!(found, [], "{name}");
        assert!(policy.failures().is_empty(), "{name}");
        for secret in &profile.secrets {
            let opened = |host: &String| profile.hosts.iter().any(|grant| grant.what == *host);
            assert!(secret.hosts.iter().all(opened), "{name}: a secret for a host that is not opened: {secret:?}");
        }
    }
    assert_eq!(of_program("make"), None);
}

/// A profile in ten lines, and what it comes to.
#[test]
fn a_persons_own() {
    let text = r#"{
  "programs": ["aider"],
  "writable": {"~/.aider": "history of what was said"},
  "hosts": {"api.openai.com": "the model"},
  "variables": {"AIDER_MODEL": "which model", "AIDER_ANALYTICS=false": "its hosts are not reached"},
  "secrets": [{"variable": "OPENAI_API_KEY", "hosts": ["api.openai.com"], "why": "pays for the model"}]
}"#;
    let profile = parse("aider", "aider.json", text).unwrap();
    let layer = profile.layer(None, &AbsPath::root());
    assert_eq!(layer.sandbox.allow_write[0].value, "~/.aider");
    assert_eq!(layer.sandbox.allow_write[0].origin.place(), "aider.json:3");
    assert_eq!(layer.sandbox.network.allowed[0].value, "api.openai.com");
    let variable = &layer.sandbox.credentials.variables[0];
    assert_eq!((variable.value.name.as_str(), variable.origin.line), ("OPENAI_API_KEY", 6));
    assert_eq!(variable.value.mask.as_ref().unwrap().hosts, Some(vec!["api.openai.com".to_owned()]));
    assert_eq!(profile.grants().len(), 4);
}

/// A secret that nobody gets is masked for a host that nobody is, and what is copied is hidden where it is.
#[test]
fn what_nobody_gets_is_seen_by_nobody() {
    let text = r#"{
  "home": {"variable": "AGENT_HOME", "from": "~/.agent", "why": "what it remembers"},
  "copied": {"~/.agent.json": "what it counts"},
  "hidden": {"~/.agent.json.old": "a copy of it"},
  "secrets": [
    {"variable": "TOKEN", "hosts": [], "why": "it wants one to be there"},
    {"file": ".agent.json", "extract": "\"id\": \"(.*)\"", "maskClaims": ["jti"], "hosts": [], "why": "it reads it"}
  ]
}"#;
    let profile = parse("agent", "agent.json", text).unwrap();
    let (from, at) = (AbsPath::root().join("home/me/.agent"), AbsPath::root().join("own"));
    let layer = profile.layer(Some((&from, &at)), &AbsPath::root());
    let mask = layer.sandbox.credentials.variables[0].value.mask.clone().unwrap();
    assert_eq!(mask.hosts, Some(vec!["withheld.invalid".to_owned()]));
    let hidden: Vec<&str> = layer.sandbox.credential_files.iter().map(|one| one.value.as_str()).collect();
    assert_eq!(hidden, ["~/.agent.json.old", "/home/me/.agent/.agent.json", "~/.agent.json"]);
    assert_eq!(profile.secrets.iter().map(|secret| secret.claims.len()).collect::<Vec<_>>(), [0, 1]);
}

/// What is wrong is told with the place and what to do, and nothing of the file counts.
#[test]
fn what_is_wrong_is_told() {
    let cases = [
        ("", "p.json:1:1: the file is empty"),
        ("[]", "p.json:1:1: a profile is an object"),
        ("{\n \"host\": {}}", "p.json:2:2: there is no key `host`: did you mean `hosts`?"),
        ("{\"hosts\": {},\n\"hosts\": {}}", "p.json:2:1: `hosts` is written twice: merge the two into one"),
        ("{\"hosts\": [\"a.example\"]}", "p.json:1:11: `hosts` must be an object"),
        ("{\"hosts\": {\n\"a.example\": \"\"}}", "p.json:2:14: `a.example` of `hosts` has no reason"),
        ("{\"hosts\": {\"http://a.example\": \"x\"}}", "p.json:1: `http://a.example` cannot stand in `hosts`"),
        ("{\"writable\": {\"relative\": \"x\"}}", "p.json:1: `relative` cannot stand in `writable`"),
        ("{\"writable\": {\"~/a/../.ssh\": \"x\"}}", "p.json:1: `~/a/../.ssh` cannot stand in `writable`"),
        ("{\"writable\": {\"~/*\": \"x\"}}", "p.json:1: `~/*` cannot stand in `writable`"),
        ("{\"variables\": {\"A B\": \"x\"}}", "p.json:1: `A B` cannot stand in `variables`"),
        ("{\"programs\": \"a\"}", "p.json:1:14: `programs` must be a list of texts"),
        (
            "{\"seen\": {\"a\": \"x\"}}",
            "p.json:1:2: `seen` says what is in the agent's directory, and there is no `home`",
        ),
        ("{\"home\": {\"variable\": \"A\"}}", "p.json:1:2: `home` has no `from`"),
        (
            "{\"home\": {\"variable\": \"A\", \"from\": \"~/a\", \"why\": \"x\"}, \"seen\": {\"../a\": \"x\"}}",
            "p.json:1: `../a` cannot stand in `seen`",
        ),
        ("{\"secrets\": [{\"variable\": \"A\", \"why\": \"x\"}]}", "p.json:1:14: a secret has no `hosts`"),
        ("{\"secrets\": [{\"variable\": \"A\", \"hosts\": [\"*\"], \"why\": \"x\"}]}", "p.json:1:41: `*` is no host"),
        ("{\"secrets\": [{\"variable\": \"A\", \"hosts\": []}]}", "p.json:1:14: a secret has no reason"),
        (
            "{\"secrets\": [{\"file\": \"a\", \"hosts\": [], \"why\": \"x\"}]}",
            "p.json:1:14: a secret is in one variable or in one file",
        ),
        (
            "{\"secrets\": [{\"variable\": \"A\", \"maskClaims\": [\"a\"], \"hosts\": [], \"why\": \"x\"}]}",
            "p.json:1:14: `maskClaims` goes with `extract`",
        ),
        ("{\"hidden\": {\"relative\": \"x\"}}", "p.json:1: `relative` cannot stand in `hidden`"),
        ("{\"hosts\": {\"a.example\": \"x\"},}", "p.json:1:29: a comma stands after the last entry: remove the comma"),
    ];
    for (text, told) in cases {
        let error = parse("p", "p.json", text).expect_err(text);
        assert!(error.starts_with(told), "{text}\n{error}\n{told}");
    }
}

/// A denial wins over a profile, and where the administrator keeps hosts for managed files it opens none.
#[test]
fn what_stands_above_a_profile() {
    use policy::layer::{Layer, Origin, Sourced};
    use policy::network::host::Target;
    use policy::{Scope, Verdict};
    let root = AbsPath::root();
    let profile = built_in("claude").unwrap().layer(None, &root);
    let target = Target::parse("api.anthropic.com", Some(443)).unwrap();
    let origin = |scope| Origin { scope, file: "x".to_owned(), line: 1 };
    let with = |scope, change: &dyn Fn(&mut Layer, Origin)| {
        let mut layer = Layer::empty(scope, "x", root.clone());
        change(&mut layer, origin(scope));
        let mut layers = [profile.clone(), layer];
        layers.sort_by_key(|layer| layer.scope == Scope::Managed);
        Policy::compile(&layers, &root).0.network().judge(&target, &[]).verdict
    };
    assert_eq!(with(Scope::User, &|_, _| {}), Verdict::Allow);
    let deny = |layer: &mut Layer, origin: Origin| {
        layer.sandbox.network.denied.push(Sourced { value: "*.anthropic.com".to_owned(), origin });
    };
    assert_eq!(with(Scope::User, &deny), Verdict::Deny);
    assert_eq!(with(Scope::Project, &deny), Verdict::Deny);
    let lock = |layer: &mut Layer, origin: Origin| layer.sandbox.network.managed_only = Some(origin);
    assert_ne!(with(Scope::Managed, &lock), Verdict::Allow);
    // The lock is the administrator's alone.
    assert_eq!(with(Scope::User, &lock), Verdict::Allow);
}
