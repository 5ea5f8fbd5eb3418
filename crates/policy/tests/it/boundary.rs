//! The laws of the boundary: what lets a command out, and what the rules of a boundary say about a path.

use policy::Verdict;
use policy::bounds::Bounds;
use policy::layer::Scope;
use policy::proof::Boundary;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::world::{HOME, PROJECT, World, abs, action, cases};

/// What a layer may say that widens.
const WIDENS: &[&str] = &[
    "sandbox excludedCommands docker *",
    "sandbox excludedCommands gh pr *",
    "sandbox excludedCommands make",
    "sandbox excludedCommands git * origin",
    "sandbox allowUnsandboxedCommands true",
    "sandbox autoAllowBashIfSandboxed true",
    "sandbox enabled false",
    "sandbox allowRead ~/a/b",
    "sandbox allowWrite ~/w",
    "allow Bash(make *)",
    "allow Bash",
    "allow Edit(~/e/**)",
];

/// What a layer may say that tightens.
const TIGHTENS: &[&str] = &[
    "sandbox denyRead ~/a",
    "sandbox denyRead ~/a/*/c",
    "sandbox denyWrite ./dist",
    "sandbox credential ~/a/b/c",
    "deny Read(.env)",
    "deny Edit(~/e/**)",
    "deny Bash(docker push *)",
    "ask Bash(make *)",
    "ask Bash",
    "deny Bash(dangerouslyDisableSandbox:true)",
];

/// What any layer may say.
const SWITCHES: &[&str] = &[
    "sandbox enabled true",
    "sandbox allowUnsandboxedCommands false",
    "sandbox autoAllowBashIfSandboxed false",
    "sandbox disabled true",
];

/// Commands, the first of them nothing but builtins that change nothing.
const COMMANDS: &[&str] = &[
    "cd sub",
    "echo done",
    "docker ps",
    "docker push x",
    "docker run $X",
    "gh pr list",
    "gh api x",
    "make",
    "make all",
    "git push origin",
    "cat .env",
    "rm -rf build",
    "X=1",
    "timeout 5 docker ps",
    "docker ps > out",
    "$(docker ps)",
];
const HARMLESS: &[&str] = &["cd sub", "echo done"];

fn lines() -> impl Strategy<Value = Vec<&'static str>> {
    let all: Vec<&str> = [WIDENS, TIGHTENS, SWITCHES].concat();
    subsequence(all, 0..8).prop_shuffle()
}

fn command() -> impl Strategy<Value = String> {
    let leaves = select(&["", " ⟨dangerouslyDisableSandbox=true⟩"][..]);
    (select(COMMANDS), leaves).prop_map(|(text, leaves)| format!("Bash: {text}{leaves}"))
}

fn world(layers: &[(Scope, bool, &[&str])]) -> World {
    let mut world = World::default();
    for (scope, trusted, lines) in layers {
        world.layer(*scope, *trusted, &lines.join("\n"));
    }
    world
}

/// Returns the verdict, and whether the call runs inside.
fn decided(world: &World, call: &str) -> (Verdict, bool) {
    let proof = world.decide(&action(call));
    (proof.verdict, matches!(proof.boundary, Some(Boundary::Inside { .. })))
}

/// Returns what the boundary opens and holds, in no order and without places.
fn opened(world: &World) -> Vec<String> {
    let text = world.boundary();
    let mut lines: Vec<String> = text.lines().map(|line| line.rsplit_once(" <- ").unwrap().0.to_owned()).collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(256)))]

    /// Whatever a layer says that is not trusted, no verdict falls, nothing leaves and nothing is opened.
    #[test]
    fn an_untrusted_layer_lets_nothing_out(own in lines(), theirs in lines(), call in command()) {
        let before = world(&[(Scope::User, true, &own)]);
        let after = world(&[(Scope::User, true, &own), (Scope::Project, false, &theirs)]);
        let ((verdict, inside), (later, still)) = (decided(&before, &call), decided(&after, &call));
        // Who may no longer ask to leave is not asked about: the call runs inside.
        let hatch_shut = call.contains('⟨') && still && !inside;
        prop_assert!(later >= verdict || hatch_shut, "{call}: {verdict:?} became {later:?}");
        prop_assert!(still >= inside, "{call} leaves");
        let widens = |line: &String| ["write", "open-again", "exclude"].iter().any(|word| line.starts_with(word));
        let opened_by = |world: &World| opened(world).into_iter().filter(widens).collect::<Vec<_>>();
        prop_assert_eq!(opened_by(&before), opened_by(&after));
    }

    /// What tightens lets nothing out and takes no line of the boundary away but what opens.
    #[test]
    fn a_deny_more_lets_nothing_out(own in lines(), more in select(TIGHTENS), call in command()) {
        let before = world(&[(Scope::User, true, &own)]);
        let mut tighter = own.clone();
        tighter.push(more);
        let after = world(&[(Scope::User, true, &tighter)]);
        let ((verdict, inside), (later, still)) = (decided(&before, &call), decided(&after, &call));
        prop_assert!(later >= verdict && still == inside, "{call} with {more}");
        let (before, after) = (opened(&before), opened(&after));
        prop_assert!(before.iter().all(|line| after.contains(line)), "{more}: {before:?} {after:?}");
        let opens = |line: &&String| ["write", "open-again", "exclude"].iter().any(|word| line.starts_with(word));
        prop_assert!(after.iter().filter(opens).all(|line| before.contains(line)), "{more} opens");
    }

    /// A list leaves by exclusions only where each of its commands does, or changes nothing.
    #[test]
    fn nothing_leaves_beside_an_excluded_command(own in lines(), left in select(COMMANDS), right in select(COMMANDS), between in select(&["; ", " && ", " | ", " || ", "\n", " & "][..])) {
        let world = world(&[(Scope::User, true, &own), (Scope::Managed, true, &["sandbox enabled true"])]);
        let inside = |text: &str| decided(&world, &format!("Bash: {}", text.replace('\n', "⏎"))).1;
        if !inside(&format!("{left}{between}{right}")) {
            for part in [left, right] {
                prop_assert!(!inside(part) || HARMLESS.contains(&part), "`{part}` leaves with the other");
            }
        }
    }

    /// The order of entries does not matter.
    #[test]
    fn order_does_not_matter_to_the_boundary(own in lines(), call in command()) {
        let (mut before, mut turned) = (own.clone(), own);
        // Of two values of one key in one file the later one counts.
        for list in [&mut before, &mut turned] {
            list.retain(|line| !SWITCHES.contains(line) && !line.ends_with(" true") && !line.ends_with(" false"));
            list.push("sandbox enabled true");
        }
        turned.reverse();
        let (before, turned) = (world(&[(Scope::User, true, &before)]), world(&[(Scope::User, true, &turned)]));
        prop_assert_eq!(decided(&before, &call), decided(&turned, &call));
        prop_assert_eq!(opened(&before), opened(&turned));
    }
}

/// What is read that was made later is judged by the same entries: the narrower one counts.
#[test]
fn what_is_made_later_is_opened_again_too() {
    let world = world(&[(
        Scope::User,
        true,
        &[
            "sandbox denyRead ~/a",
            "sandbox denyRead ~/a/b/hidden",
            "sandbox denyRead ~/k/*.pem",
            "sandbox allowRead ~/a/b",
            "sandbox allowRead ~/k/pub.pem",
            "sandbox allowRead ~/c/d",
            "sandbox allowRead ~/e/f",
            "sandbox credential ~/c",
            "deny Read(~/e/**)",
            "deny Read(~/a/b/*.key)",
        ],
    )]);
    let policy = world.policy();
    let bounds = Bounds::compile(&policy.sandbox().bounds, &abs(HOME), &abs(PROJECT), &abs(PROJECT)).unwrap();
    let read = |path: &str| bounds.read(&abs(HOME).join(path)).is_none();
    let open = ["a/b", "a/b/x", "k/pub.pem", "k/x", "other"];
    let closed = ["a", "a/x", "a/b/hidden", "a/b/hidden/x", "a/b/x.key", "k/x.pem", "c/d", "c/d/x", "e/f", "e/f/x"];
    assert_eq!(open.map(read), [true; 5]);
    assert_eq!(closed.map(read), [false; 10]);
}
