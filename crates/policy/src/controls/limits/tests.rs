use proptest::prelude::*;

use super::{Amount, Limits, Resource, Word};
use crate::layer::{Layer, Origin, Scope, Sourced};
use crate::path::AbsPath;

/// Makes the layer that a line such as `project! memory=2G` names; `!` stands for trusted.
fn layer(line: &str) -> Layer {
    let (name, words) = line.split_once(' ').unwrap_or((line, ""));
    let scopes = [Scope::User, Scope::Project, Scope::Local, Scope::Flag, Scope::Managed];
    let scope = scopes.into_iter().find(|scope| scope.name() == name.trim_end_matches('!')).unwrap();
    let mut layer = Layer::empty(scope, name, AbsPath::root());
    layer.trusted = name.ends_with('!');
    for word in words.split_whitespace() {
        let (resource, amount) = word.split_once('=').unwrap();
        let resource = Resource::parse(resource).unwrap();
        let value = Word { resource, amount: resource.parse_amount(amount).unwrap() };
        layer.limits.push(Sourced { value, origin: Origin { scope, file: name.to_owned(), line: 1 } });
    }
    layer
}

#[track_caller]
fn check(layers: &[&str], expected: &str) {
    let layers: Vec<Layer> = layers.iter().map(|line| layer(line)).collect();
    assert_eq!(Limits::of(&layers).to_string().replace("limit       ", ""), expected, "{layers:?}");
}

const USUAL: &str = "memory 80% of the machine's (built in)\nprocesses 4096 (built in)\nopen-files 65536 (built in)";

#[test]
fn trusted_layers_set_and_the_others_lower() {
    check(&[], USUAL);
    check(
        &["project memory=100T processes=9000 wall=none"],
        "memory 80% of the machine's (built in)\n\
        memory 100T (project:1)\nprocesses 4096 (built in)\nopen-files 65536 (built in)",
    );
    check(
        &["user! memory=8G processes=9000 open-files=none", "project memory=2G processes=none"],
        "memory 2G (project:1)\nprocesses 9000 (user!:1)",
    );
    check(
        &["user! memory=2G processes=100 open-files=10", "local! memory=50% processes=none"],
        "memory 50% of the machine's (local!:1)\nopen-files 10 (user!:1)",
    );
    // An administrator widens what holds by itself, and nobody's own word.
    check(
        &["user! memory=2G open-files=none", "managed! memory=8G processes=9000 open-files=5 wall=10m"],
        "memory 2G (user!:1)\nprocesses 9000 (managed!:1)\nopen-files 5 (managed!:1)\nwall 10m (managed!:1)",
    );
    check(&["flag processes=4096"], &USUAL.replace("processes 4096 (built in)", "processes 4096 (flag:1)"));
}

#[test]
fn amounts_are_read_in_the_units_of_what_they_limit() {
    for (resource, text, expected) in [
        ("memory", "2G", Some(Amount::AtMost(2 << 30))),
        ("memory", "512", Some(Amount::AtMost(512))),
        ("memory", "50%", Some(Amount::Share(50))),
        ("memory", "0%", None),
        ("memory", "101%", None),
        ("memory", "-1", None),
        ("memory", "1.5G", None),
        ("memory", "99999999999T", None),
        ("memory", "", None),
        ("memory", "G", None),
        ("memory", "2g", None),
        ("output", "50%", None),
        ("processes", "0", None),
        ("processes", "1K", None),
        ("processes", "none", Some(Amount::Unlimited)),
        ("cpu", "2", Some(Amount::AtMost(2000))),
        ("cpu", "1.25", Some(Amount::AtMost(1250))),
        ("cpu", "0.0001", None),
        ("cpu", ".5", None),
        ("cpu-time", "2m", Some(Amount::AtMost(120))),
        ("cpu-time", "500ms", None),
        ("wall", "500ms", Some(Amount::AtMost(500))),
        ("wall", "90", Some(Amount::AtMost(90_000))),
        ("wall", "1h", Some(Amount::AtMost(3_600_000))),
        ("wall", "+1", None),
    ] {
        assert_eq!(Resource::parse(resource).unwrap().parse_amount(text), expected, "{resource}={text}");
    }
}

/// Any word for a limit.
fn word() -> impl Strategy<Value = Word> {
    let amount = prop_oneof![
        Just(Amount::Unlimited),
        (1..10_u64).prop_map(Amount::AtMost),
        (1..=100_u64).prop_map(Amount::Share),
    ];
    (proptest::sample::select(Resource::ALL.to_vec()), amount).prop_map(|(resource, amount)| match (resource, amount) {
        (Resource::Memory, _) | (_, Amount::Unlimited | Amount::AtMost(_)) => Word { resource, amount },
        (_, Amount::Share(percent)) => Word { resource, amount: Amount::AtMost(percent) },
    })
}

fn layers() -> impl Strategy<Value = Vec<Layer>> {
    let scope = proptest::sample::select(vec![Scope::User, Scope::Project, Scope::Local, Scope::Flag, Scope::Managed]);
    let one = (scope, any::<bool>(), proptest::collection::vec(word(), 0..4)).prop_map(|(scope, trusted, words)| {
        let mut layer = Layer::empty(scope, scope.name(), AbsPath::root());
        layer.trusted = trusted || scope == Scope::Managed;
        let origin = Origin { scope, file: scope.name().to_owned(), line: 1 };
        layer.limits = words.into_iter().map(|value| Sourced { value, origin: origin.clone() }).collect();
        layer
    });
    proptest::collection::vec(one, 0..6).prop_map(|mut layers| {
        layers.sort_by_key(|layer| layer.scope);
        layers
    })
}

fn is_at_most(lower: &Limits, upper: &Limits) -> bool {
    let pairs = Resource::ALL.into_iter().map(|resource| (lower.get(resource), upper.get(resource)));
    pairs
        .chain([(&lower.memory_share, &upper.memory_share)])
        .all(|(lower, upper)| lower.at_most.unwrap_or(u64::MAX) <= upper.at_most.unwrap_or(u64::MAX))
}

proptest! {
    #[test]
    fn a_layer_that_is_not_trusted_never_widens(layers in layers(), words in proptest::collection::vec(word(), 0..4)) {
        let mut layer = Layer::empty(Scope::Project, "project", AbsPath::root());
        layer.trusted = false;
        let origin = Origin { scope: Scope::Project, file: "project".to_owned(), line: 1 };
        layer.limits = words.into_iter().map(|value| Sourced { value, origin: origin.clone() }).collect();
        for place in 0..=layers.len() {
            let mut more = layers.clone();
            more.insert(place, layer.clone());
            prop_assert!(is_at_most(&Limits::of(&more), &Limits::of(&layers)));
        }
    }

    #[test]
    fn what_is_rendered_reads_back(resource in proptest::sample::select(Resource::ALL.to_vec()), value in 1..u64::MAX) {
        let written = resource.render(value);
        prop_assert_eq!(resource.parse_amount(&written), Some(Amount::AtMost(value)), "{}", written);
    }

    #[test]
    fn no_amount_panics(resource in proptest::sample::select(Resource::ALL.to_vec()), text in "[0-9.]{0,24}[KMGTsmh%]{0,2}") {
        let read = resource.parse_amount(&text);
        prop_assert!(read != Some(Amount::AtMost(0)), "{text}");
    }
}
