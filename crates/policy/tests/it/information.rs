//! Less is known, or less is permitted: no verdict becomes lower.

use policy::effects::{Part, Program, Target};
use policy::facts::Person;
use policy::layer::{Layer, Origin, Scope, Sourced};
use policy::proof::RuleRef;
use policy::{List, Mode, Policy, Proof, Verdict};
use proptest::prelude::*;
use proptest::sample::select;

use crate::reference::generate::{Scene, layers, scene};
use crate::world::{HOME, PROJECT, abs, cases};

fn policy(layers: &[Layer]) -> Policy {
    Policy::compile(layers, &abs(HOME)).0
}

fn verdict(policy: &Policy, scene: &Scene) -> Verdict {
    policy::decide(policy, &scene.action, &scene.effects, &scene.facts).proof().verdict
}

/// The ways of knowing less.
const LOSSES: [&str; 13] = [
    "text",
    "program",
    "word",
    "limit",
    "suspicious",
    "forbidden",
    "exact",
    "reads",
    "edits",
    "allow readings",
    "target",
    "path",
    "person",
];

/// Takes one piece of information away.
fn lose(scene: &mut Scene, what: &str, at: usize) {
    if what == "text" {
        scene.effects.opaque.get_or_insert("it is not understood".to_owned());
    }
    if what == "path" {
        let many = scene.facts.resolved.len().max(1);
        let path = scene.facts.resolved.keys().nth(at % many).cloned();
        path.map(|path| scene.facts.resolved.remove(&path));
    }
    if what == "person" {
        scene.facts.person = Person::Absent;
    }
    let many = scene.effects.parts.len().max(1);
    let Some(part) = scene.effects.parts.get_mut(at % many) else { return };
    match what {
        "program" => part.program = Program::Unknown,
        "word" => part.unknown.push("$word".to_owned()),
        "limit" => part.beyond_limits = true,
        "suspicious" => part.suspicious = Some("it looks odd".to_owned()),
        "forbidden" => part.forbidden = Some("it is never done".to_owned()),
        "exact" => part.exact_only = true,
        "reads" => part.reads_only = false,
        "edits" => part.edits_only = false,
        "allow readings" => part.allow_readings.clear(),
        "target" => {
            if let Some(touch) = part.touches.first_mut() {
                touch.target = Target::Unknown("$word".to_owned());
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(1000), failure_persistence: None, ..ProptestConfig::default() })]

    /// What is not known asks at least, if it did not pass before: a deny by where a path leads may become a
    /// question when that cannot be seen, and never a permission.
    #[test]
    fn knowing_less_never_permits(layers in layers(), scene in scene(), what in select(&LOSSES[..]), at in 0..4usize) {
        let policy = policy(&layers);
        let mut less = scene.clone();
        lose(&mut less, what, at);
        let before = verdict(&policy, &scene);
        let decision = policy::decide(&policy, &less.action, &less.effects, &less.facts);
        let after = decision.proof().verdict;
        let hides_a_place = what == "path" || what == "target";
        let least = if hides_a_place { before.min(Verdict::Ask) } else { before };
        // Nobody needs to be asked where a person said so, by the mode or by allowing the whole tool, and no rule
        // about paths speaks against it. A known file that is run later asks even then.
        let waived = policy.mode_for(scene.facts.mode) == Mode::BypassPermissions || by_whole_tool(decision.proof());
        let waived = waived && hides_a_place;
        prop_assert!(after >= least || (waived && !holds_paths(&layers)), "{before:?} became {after:?} without {what}");
    }

    /// A deny or ask more, a layer more that is not trusted, an allow less: none lowers a verdict.
    #[test]
    fn tightening_any_policy_never_loosens(layers in layers(), more in layers(), scene in scene(), at in 0..4usize, way in 0..3usize) {
        let before = verdict(&policy(&layers), &scene);
        let mut tighter = layers.clone();
        match way {
            // Of two strict modes neither is stricter for every call, so only one is tried.
            0 => tighter.extend(more.into_iter().map(|layer| {
                let default_mode = layer.default_mode.clone().filter(|_| layers.iter().all(|own| own.default_mode.is_none()));
                Layer { trusted: false, managed_rules_only: None, default_mode, ..layer }
            })),
            1 => tighter.extend(more.into_iter().map(|layer| {
                let bare = Layer::empty(layer.scope, &layer.file, layer.anchor.clone());
                Layer { ask: layer.ask, deny: layer.deny, bypass_disabled: layer.bypass_disabled, ..bare }
            })),
            _ => {
                let many = tighter.len().max(1);
                if let Some(layer) = tighter.get_mut(at % many) {
                    layer.allow.clear();
                }
            }
        }
        tighter.sort_by_key(|layer| layer.scope);
        let after = verdict(&policy(&tighter), &scene);
        prop_assert!(after >= before, "{before:?} became {after:?}");
    }

    /// From mode to stricter mode no verdict becomes lower.
    #[test]
    fn a_stricter_mode_never_loosens(layers in layers(), scene in scene(), pair in select(&[
        (Mode::BypassPermissions, Mode::AcceptEdits),
        (Mode::AcceptEdits, Mode::Default),
        (Mode::Default, Mode::Plan),
        (Mode::Default, Mode::DontAsk),
        (Mode::AcceptEdits, Mode::DontAsk),
    ][..])) {
        let policy = policy(&layers);
        let mut scene = scene;
        // Where bypassing is switched off it is the default mode already.
        prop_assume!(policy.mode_for(Some(pair.0)) == pair.0);
        scene.facts.mode = Some(pair.0);
        let before = verdict(&policy, &scene);
        scene.facts.mode = Some(pair.1);
        let after = verdict(&policy, &scene);
        prop_assert!(after >= before, "{before:?} in {:?} became {after:?} in {:?}", pair.0, pair.1);
    }

    /// A call is as strict as its strictest part with what that starts, and such groups in another order
    /// decide the same.
    #[test]
    fn parts_join(layers in layers(), scene in scene()) {
        let policy = policy(&layers);
        let whole = verdict(&policy, &scene);
        let groups = groups(&scene.effects.parts);
        let of_parts = |parts: Vec<Part>| {
            let mut scene = scene.clone();
            scene.effects.parts = parts;
            verdict(&policy, &scene)
        };
        prop_assert_eq!(of_parts(put_together(groups.iter().rev())), whole);
        if let Some(join) = groups.iter().map(|group| of_parts(group.clone())).max() {
            prop_assert_eq!(join, whole);
        }
    }

    /// Equal layers have equal digests, a rule twice decides as once, and the order of layers' rules is nothing.
    #[test]
    fn a_policy_is_what_its_layers_say(layers in layers(), scene in scene()) {
        let once = policy(&layers);
        let again = policy(&layers);
        prop_assert_eq!(once.digest(), again.digest());
        let mut twice = layers.clone();
        for layer in &mut twice {
            for list in [&mut layer.allow, &mut layer.ask, &mut layer.deny] {
                let again = list.clone();
                list.extend(again);
                list.reverse();
            }
        }
        prop_assert_eq!(verdict(&policy(&twice), &scene), verdict(&once, &scene));
        prop_assert_eq!(scene.action.digest(&abs(PROJECT)), scene.action.clone().digest(&abs(PROJECT)));
    }

    /// A tightening rule that cannot be read refuses everything, and no text of a rule grants more than it says.
    #[test]
    fn no_text_of_a_rule_widens(layers in layers(), scene in scene(), text in "[A-Za-z_]{0,6}[(]?[ -~]{0,8}[)]?", deny in any::<bool>()) {
        let before = verdict(&policy(&layers), &scene);
        let mut more = layers.clone();
        let mut layer = Layer::empty(Scope::User, "more.json", abs(PROJECT));
        let origin = Origin { scope: Scope::User, file: "more.json".to_owned(), line: 1 };
        let value = Sourced { value: text, origin };
        if deny { layer.deny.push(value) } else { layer.ask.push(value) }
        more.push(layer);
        prop_assert!(verdict(&policy(&more), &scene) >= before);
    }
}

/// Returns true when an allow rule decided that names a tool and nothing of what is asked of it.
fn by_whole_tool(proof: &Proof) -> bool {
    let whole = |rule: &RuleRef| rule.list == List::Allow && (!rule.text.contains('(') || rule.text.ends_with("(*)"));
    proof.rule.as_ref().is_some_and(whole)
}

/// Returns true when a rule that tightens is about paths.
fn holds_paths(layers: &[Layer]) -> bool {
    let rules = layers.iter().flat_map(|layer| layer.deny.iter().chain(&layer.ask));
    let is_about_paths = |text: &str| ["Read(", "Edit(", "Write("].iter().any(|name| text.starts_with(name));
    rules.into_iter().any(|rule| is_about_paths(&rule.value))
}

/// Splits parts into those that nothing starts, each with all that it starts: what starts a part is named by
/// its index, here that in the group, and stands before it.
fn groups(parts: &[Part]) -> Vec<Vec<Part>> {
    let mut groups: Vec<Vec<Part>> = Vec::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for part in parts {
        let starter = part.runner.map(|runner| places[runner]);
        let group = starter.map_or(groups.len(), |(group, _)| group);
        groups.resize(groups.len().max(group + 1), Vec::new());
        places.push((group, groups[group].len()));
        groups[group].push(Part { runner: starter.map(|(_, place)| place), ..part.clone() });
    }
    groups
}

/// Returns the parts of groups, one behind the other.
fn put_together<'g>(groups: impl Iterator<Item = &'g Vec<Part>>) -> Vec<Part> {
    groups.fold(Vec::new(), |mut parts, group| {
        let before = parts.len();
        let moved = |part: &Part| Part { runner: part.runner.map(|runner| runner + before), ..part.clone() };
        parts.extend(group.iter().map(moved));
        parts
    })
}
