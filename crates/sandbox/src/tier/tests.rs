use super::{Tier, Tiers};
use crate::report::Layer;

/// Renders the set that is left of all tiers when these layers are wanted.
fn check(layers: &[&str], expected: &str) {
    let layers: Vec<Layer> = layers.iter().map(|name| Layer::parse(name).unwrap()).collect();
    let names: Vec<&str> = Tiers::all().with_layers(&layers).iter().map(Tier::name).collect();
    assert_eq!(names.join(" "), expected, "for {layers:?}");
}

#[test]
fn layers_choose_among_the_tiers() {
    check(&[], "full bubblewrap landlock");
    check(&["landlock", "seccomp"], "full bubblewrap landlock");
    check(&["mount-namespace"], "full bubblewrap");
    check(&["no-sockets"], "landlock");
    check(&["mount-namespace", "no-sockets"], "");
}

#[test]
fn names_read_back() {
    for tier in Tier::ALL {
        assert_eq!(Tier::parse(tier.name()), Some(tier));
    }
    for layer in Layer::ALL {
        assert_eq!(Layer::parse(layer.name()), Some(layer));
    }
    assert_eq!((Tier::parse("none"), Layer::parse("")), (None, None));
}

#[test]
fn every_layer_of_the_best_tier_that_a_lower_one_lacks_is_told() {
    for tier in Tier::ALL {
        let told: Vec<&str> = tier.missing().iter().map(|(what, _)| *what).collect();
        let lacking = Tier::Full.layers().iter().filter(|layer| !tier.layers().contains(layer));
        for layer in lacking {
            assert!(told.contains(&layer.name()), "{} of {}", layer.name(), tier.name());
        }
    }
}

#[test]
fn a_set_only_narrows() {
    let none = Tier::ALL.into_iter().fold(Tiers::all(), Tiers::without);
    assert_eq!(none.iter().count(), 0);
    assert!(!none.with_layers(&[]).has(Tier::Full));
}
