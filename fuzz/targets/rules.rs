//! Whatever a settings file says, its policy decides; one of a folder that is not trusted never lowers a verdict,
//! and none opens a deny.

#![no_main]

#[path = "calls/mod.rs"]
mod calls;

use libfuzzer_sys::fuzz_target;
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::{Policy, Verdict};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Few bytes are JSON: lines are also taken as the rules of each list.
    let lines: Vec<&str> = text.lines().take(8).collect();
    for list in ["allow", "ask", "deny"] {
        let mut permissions = serde_json::Map::new();
        permissions.insert(list.to_owned(), lines.clone().into());
        check(&serde_json::json!({ "permissions": permissions }).to_string());
    }
    check(text);
});

fn base() -> Layer {
    let origin = Origin { scope: Scope::User, file: "base.json".to_owned(), line: 1 };
    let mut layer = Layer::empty(Scope::User, "base.json", calls::path("/home/u/.claude"));
    layer.deny = calls::DENY.map(|rule| Sourced { value: rule.to_owned(), origin: origin.clone() }).to_vec();
    layer
}

fn check(text: &str) {
    let home = calls::path("/home/u");
    let base = base();
    let plain = Policy::compile(std::slice::from_ref(&base), &home).0;
    let (own, _) = settings::layer_from_json_text("own.json", text, home.clone(), Scope::Flag);
    let (theirs, _) = settings::layer_from_json_text("their.json", text, home.clone(), Scope::Project);
    assert!(!theirs.trusted);
    let with = |layer: Layer| Policy::compile(&[base.clone(), layer], &home).0;
    let (own, theirs) = (with(own), with(theirs));
    assert_eq!(own.digest(), own.clone().digest());
    for action in calls::actions() {
        let before = calls::decide(&plain, action);
        assert!(calls::decide(&theirs, action) >= before, "{}: {:?}", action.tool, action.subject());
        if before == Verdict::Deny {
            assert_eq!(calls::decide(&own, action), Verdict::Deny, "{}: {:?}", action.tool, action.subject());
        }
    }
}
