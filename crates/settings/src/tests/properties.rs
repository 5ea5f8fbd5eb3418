//! What holds for every file.

use policy::layer::Severity;
use policy::{AbsPath, Layer, Scope};
use proptest::prelude::*;

use super::Scene;
use crate::{Loaded, Owner, layer, trust};

fn parse(owner: Owner, bytes: &[u8]) -> (Layer, Vec<policy::Diagnostic>) {
    layer::parse(Layer::empty(Scope::User, "f", AbsPath::root()), owner, bytes, None)
}

/// Pieces of settings, well formed and not.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "{\"permissions\":{",
        "\"sandbox\":{",
        "\"filesystem\":{",
        "}}",
        "\"allow\":[",
        "\"ask\":[",
        "\"deny\":[",
        "\"Bash(x)\"",
        "\"defaultMode\":",
        "\"plan\"",
        "\"auto\"",
        "\"\\u0041\\ud800\"",
        "\"enabled\":",
        "\"denyRead\":[",
        "true",
        "null",
        "-1",
        "01",
        "\"",
        "'",
        "//",
        "/*",
        "*/",
        "\\",
        "\n",
        "\u{a0}",
        "\u{b}",
        "é",
        "\"é\u{202e}\"",
        "\u{feff}",
        "\t",
        "NaN",
        "0x1",
        "+1",
        ".5",
        "]",
        "}",
        "],",
        "},",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..40).prop_map(|words| words.concat())
}

/// A settings file that says a few things.
fn settings() -> impl Strategy<Value = String> {
    let rule = proptest::sample::select(vec!["Bash(a)", "Bash(b)", "Read(c)"]);
    let rules = proptest::collection::vec(rule, 0..3);
    let mode =
        proptest::sample::select(vec!["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions", "plann"]);
    (rules.clone(), rules.clone(), rules, proptest::option::of(mode)).prop_map(|(allow, deny, write, mode)| {
        let mut permissions = serde_json::json!({"allow": allow, "deny": deny, "additionalDirectories": write});
        if let Some(mode) = mode {
            permissions["defaultMode"] = mode.into();
        }
        serde_json::json!({"permissions": permissions, "sandbox": {"filesystem": {"allowWrite": write}}}).to_string()
    })
}

/// Everything by which the layers widen.
fn grants(loaded: &Loaded) -> Vec<String> {
    let mut grants = Vec::new();
    for layer in loaded.layers.iter().filter(|layer| layer.trusted && layer.failure.is_none()) {
        let lists = [&layer.allow, &layer.additional_directories, &layer.sandbox.allow_write];
        grants.extend(lists.into_iter().flatten().map(|entry| format!("{:?} {}", entry.origin, entry.value)));
        let looser = layer.default_mode.iter().filter(|mode| mode.value.is_looser_than_default());
        grants.extend(looser.map(|mode| format!("{:?} {}", mode.origin, mode.value.name())));
    }
    grants
}

/// Everything by which the layers tighten.
fn denials(loaded: &Loaded) -> Vec<String> {
    let lists = loaded.layers.iter().flat_map(|layer| [&layer.ask, &layer.deny, &layer.sandbox.deny_read]);
    lists.flatten().map(|entry| format!("{:?} {}", entry.origin, entry.value)).collect()
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        parse(Owner::Claude, &bytes);
        parse(Owner::Palisade, &bytes);
    }

    #[test]
    fn text_in_a_rule_never_panics(raw in any::<String>(), escaped in any::<String>()) {
        let (layer, _) = parse(Owner::Claude, format!(r#"{{"permissions": {{"deny": ["{raw}"]}}}}"#).as_bytes());
        let is_kept = layer.failure.is_some() || layer.deny.len() == 1 || raw.contains('"');
        prop_assert!(is_kept, "{raw:?}");
        let settings = serde_json::json!({"permissions": {"deny": [escaped]}}).to_string();
        let (layer, diagnostics) = parse(Owner::Palisade, settings.as_bytes());
        prop_assert_eq!(diagnostics, vec![]);
        prop_assert_eq!(layer.deny.iter().map(|rule| &rule.value).collect::<Vec<_>>(), vec![&escaped]);
    }

    #[test]
    fn what_is_not_json_refuses(text in pieces()) {
        let body = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let is_object = matches!(serde_json::from_str(body), Ok(serde_json::Value::Object(_)));
        for owner in [Owner::Claude, Owner::Palisade] {
            let (layer, diagnostics) = parse(owner, text.as_bytes());
            prop_assert!(is_object || layer.failure.is_some(), "read as settings: {text:?}");
            let has_error = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
            prop_assert_eq!(has_error, layer.failure.is_some());
            if !is_object {
                prop_assert!(layer.allow.is_empty() && layer.default_mode.is_none());
            }
        }
    }

    #[test]
    fn own_files_are_at_least_as_strict(text in pieces()) {
        let (lenient, _) = parse(Owner::Claude, text.as_bytes());
        let (strict, _) = parse(Owner::Palisade, text.as_bytes());
        prop_assert!(lenient.failure.is_none() || strict.failure.is_some(), "{text:?}");
    }

    #[test]
    fn trust_store_bytes_never_trust(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let scene = Scene::new();
        scene.write(".config/palisade/trust.json", &bytes);
        super::private(&scene.path(".config/palisade/trust.json"));
        scene.write(".claude.json", &bytes);
        prop_assert!(!trust::status(&scene.places).trusted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn taking_trust_away_only_takes(user in settings(), project in settings(), local in settings()) {
        let scene = Scene::new();
        scene.write(".claude/settings.json", user);
        scene.write("p/.claude/settings.json", project);
        scene.write("p/.palisade/settings.local.json", local);
        let without = scene.load();
        scene.trust();
        let with = scene.load();
        let allowed = grants(&with);
        for grant in grants(&without) {
            prop_assert!(allowed.contains(&grant), "{grant}");
        }
        prop_assert_eq!(denials(&without), denials(&with));
    }

    #[test]
    fn a_layer_that_is_not_trusted_adds_no_grant(user in settings(), project in settings(), managed in settings()) {
        let scene = Scene::new();
        scene.write(".claude/settings.json", user);
        scene.write("etc/claude-code/managed-settings.json", managed);
        let before = scene.load();
        scene.write("p/.claude/settings.json", project);
        let after = scene.load();
        prop_assert_eq!(grants(&before), grants(&after));
        let kept = denials(&after);
        for denial in denials(&before) {
            prop_assert!(kept.contains(&denial), "{denial}");
        }
    }
}
