//! Laws of every plan, held against a reader of its steps that shares no code with their making.
//!
//! The reader walks a small tree of paths and says of each what of the host's file may be read, written
//! and renamed once the steps stand. Nothing is wider than another when all of that is in the other too.

use std::collections::{BTreeMap, BTreeSet};

use policy::controls::{Controls, Limits, Network, Reading};
use policy::facts::{Entry, Held};
use policy::{AbsPath, Origin, Scope};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;

use crate::environment::Environment;
use crate::plan::{Invocation, Plan, Step, Terminal, plan};

/// A right that something inside has on a path of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    Read,
    /// Some keys of a configuration may be set.
    SetKeys,
    Write,
    Rename,
}

type Rights = BTreeSet<(String, Right)>;

/// What is asked for, as text.
#[derive(Debug, Clone, Default)]
struct Wish {
    cwd: String,
    write: Vec<String>,
    hide: Vec<String>,
    open: Vec<String>,
    close: Vec<String>,
    /// What the built-in table closes.
    table: Vec<String>,
    protect: Vec<String>,
}

/// Directories that paths hang in: the project, one beside it, a private place, the home.
const TOPS: [&str; 5] = ["/home/me/p", "/home/me/q", "/tmp/p", "/home/me", "/srv"];
const NAMES: [&str; 3] = ["a", "b", "a-b"];
/// A name of which some keys may be set, where nothing but the built-in table closes it.
const BY_KEY: [&str; 2] = [".git", ".git/config"];
/// How deep the tree is below each of them.
const DEPTH: usize = 3;

/// Returns every path of the tree, and those above it.
fn tree() -> Vec<String> {
    let mut all: BTreeSet<String> = ["/", "/home", "/tmp", "/run", "/run/s", "/usr"].map(str::to_owned).into();
    for top in TOPS {
        let mut level = vec![top.to_owned()];
        for _ in 0..=DEPTH {
            let below = level.iter().flat_map(|path| NAMES.map(|name| format!("{path}/{name}"))).collect();
            for path in std::mem::replace(&mut level, below) {
                all.extend(BY_KEY.map(|name| format!("{path}/{name}")));
                all.insert(path);
            }
        }
    }
    all.into_iter().collect()
}

fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

/// Returns true for the path itself and whatever lies in it.
fn lies_in(path: &str, directory: &str) -> bool {
    directory == "/" || path == directory || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// Reads a plan: what each path of the tree allows.
fn rights(plan: &Plan) -> Rights {
    let tree = tree();
    // Everything of the host may be read and nothing written before the first step.
    let mut state: BTreeMap<&str, (bool, bool, bool)> =
        tree.iter().map(|path| (path.as_str(), (true, false, false))).collect();
    let mut mounts = BTreeSet::new();
    for step in &plan.steps {
        let place = match step {
            Step::Private { zone } => zone.path().to_owned(),
            Step::Seed { from: _, at } => at.to_string(),
            Step::Read { path, why: _ }
            | Step::Link { path, target: _ }
            | Step::Cache { path, zone: _ }
            | Step::Writable { path, zone: _ }
            | Step::Pin { path }
            | Step::ReadOnly { path, why: _ }
            | Step::ByKey { path, why: _ }
            | Step::Hide { path, why: _ }
            | Step::Veil { path, parts: _, why: _ } => path.to_string(),
        };
        for (_, (read, write, keys)) in state.iter_mut().filter(|(path, _)| lies_in(path, &place)) {
            match step {
                // What is there now is not the host's.
                Step::Private { .. } | Step::Hide { .. } | Step::Veil { .. } => {
                    (*read, *write, *keys) = (false, false, false);
                }
                Step::Writable { .. } | Step::Cache { .. } => (*read, *write, *keys) = (true, true, false),
                Step::Read { .. } | Step::Link { .. } | Step::Seed { .. } => {
                    (*read, *write, *keys) = (true, false, false);
                }
                Step::ReadOnly { .. } => (*write, *keys) = (false, false),
                Step::ByKey { .. } => (*write, *keys) = (false, true),
                Step::Pin { .. } => {}
            }
        }
        if let Step::Veil { path: _, parts, why: _ } = step {
            for part in parts {
                for (_, (read, ..)) in state.iter_mut().filter(|(path, _)| lies_in(path, part.as_str())) {
                    *read = true;
                }
                mounts.insert(part.to_string());
            }
        }
        // What the broker holds cannot be renamed either.
        mounts.insert(place);
    }
    let mut rights = Rights::new();
    for (path, (read, write, keys)) in &state {
        // A name belongs to the directory that it stands in, and a mount point cannot be renamed.
        let is_renamable = state.get(parent(path)).is_some_and(|(_, write, _)| *write) && !mounts.contains(*path);
        let all =
            [(Right::Read, *read), (Right::SetKeys, *keys), (Right::Write, *write), (Right::Rename, is_renamable)];
        for (right, is_given) in all {
            // Whoever may write the whole may set keys.
            if is_given || (right == Right::SetKeys && *write) {
                rights.insert(((*path).to_owned(), right));
            }
        }
    }
    rights
}

fn absolute(texts: &[String]) -> Vec<AbsPath> {
    texts.iter().map(|text| AbsPath::parse(text).unwrap()).collect()
}

fn held(texts: &[String], scope: Scope) -> Vec<Held> {
    let origin = Origin { scope, file: "settings.json".to_owned(), line: 1 };
    let one = |path| Held { path, entry: Entry::File, why: "a rule".to_owned(), origin: origin.clone() };
    absolute(texts).into_iter().map(one).collect()
}

fn made(wish: &Wish) -> Option<Plan> {
    let controls = Controls {
        cwd: AbsPath::parse(&wish.cwd).unwrap(),
        home: AbsPath::parse("/home/me").unwrap(),
        writable: absolute(&wish.write),
        unreadable: held(&wish.hide, Scope::User),
        unwritable: [held(&wish.table, Scope::Builtin), held(&wish.close, Scope::User)].concat(),
        reopened: absolute(&wish.open),
        project: AbsPath::parse(&wish.cwd).unwrap(),
        bounds: Vec::new(),
        late_reads: policy::controls::LateReads::None,
        reading: Reading::Open,
        caches: None,
        require: Vec::new(),
        limits: Limits::default(),
        network: Network::None,
    };
    let invocation = Invocation {
        argv: vec!["true".into()],
        environment: Environment::default(),
        init: "/proc/self/exe".into(),
        protect: absolute(&wish.protect),
        terminal: Terminal::Own,
        backend: crate::Backend::Native,
        tiers: crate::Tiers::all(),
        require: Vec::new(),
        needs_caches: false,
        held: false,
        outlet: None,
        shown: Vec::new(),
        shown_by: Vec::new(),
        hatches: Vec::new(),
        hatch_files: Vec::new(),
    };
    plan(&controls, &invocation).ok()
}

/// A refused plan grants nothing.
fn granted(wish: &Wish) -> Rights {
    made(wish).as_ref().map(rights).unwrap_or_default()
}

fn paths(most: usize) -> impl Strategy<Value = Vec<String>> {
    let names = prop::collection::vec(select(&NAMES[..]), 0..=DEPTH);
    let last = prop::option::weighted(0.4, select(&BY_KEY[..]));
    let path = (select(&TOPS[..]), names, last)
        .prop_map(|(top, names, last)| std::iter::once(top).chain(names).chain(last).collect::<Vec<_>>().join("/"));
    prop::collection::vec(path, 0..=most)
}

fn wishes() -> impl Strategy<Value = Wish> {
    let cwd = select(vec!["/home/me/p".to_owned(), "/home/me/q".to_owned(), "/tmp/p".to_owned()]);
    (cwd, any::<bool>(), paths(2), paths(4), paths(2), paths(4), paths(3), paths(2)).prop_map(
        |(cwd, is_usual, more, hide, open, close, table, protect)| {
            // Mostly the directory that the command starts in is writable, as it is in life.
            let write = is_usual.then(|| cwd.clone()).into_iter().chain(more).collect();
            Wish { cwd, write, hide, open, close, table, protect }
        },
    )
}

/// Puts a list into another order, and says some of it twice.
fn mixed(list: &[String], seeds: &[Index]) -> Vec<String> {
    let mut list = list.to_vec();
    for (at, seed) in seeds.iter().enumerate().filter(|_| !list.is_empty()).collect::<Vec<_>>() {
        let (one, other) = (at % list.len(), seed.index(list.len()));
        list.swap(one, other);
        if at % 3 == 0 {
            list.push(list[other].clone());
        }
    }
    list
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_of_rules_does_not_matter(wish in wishes(), seeds in prop::collection::vec(any::<Index>(), 6)) {
        let Wish { cwd, write, hide, open, close, table, protect } = &wish;
        let other = Wish {
            cwd: cwd.clone(),
            write: mixed(write, &seeds),
            hide: mixed(hide, &seeds),
            open: mixed(open, &seeds),
            close: mixed(close, &seeds),
            table: mixed(table, &seeds),
            protect: mixed(protect, &seeds),
        };
        prop_assert_eq!(made(&wish), made(&other));
    }

    #[test]
    fn a_deny_more_never_widens(wish in wishes(), more in paths(2), kind in 0..4) {
        let mut narrower = wish.clone();
        match kind {
            0 => narrower.hide.extend(more),
            1 => narrower.close.extend(more),
            2 => narrower.table.extend(more),
            _ => narrower.protect.extend(more),
        }
        let (before, after) = (granted(&wish), granted(&narrower));
        let wider: Vec<_> = after.difference(&before).collect();
        prop_assert!(wider.is_empty(), "{:?} grants more: {:?}", narrower, wider);
    }

    #[test]
    fn what_is_held_is_held_by_every_name_above_it(wish in wishes()) {
        let granted = granted(&wish);
        let has = |path: &str, right: Right| granted.contains(&(path.to_owned(), right));
        let kinds = [(&wish.hide, "hide"), (&wish.close, "close"), (&wish.protect, "protect"), (&wish.table, "table")];
        for (path, kind) in kinds.into_iter().flat_map(|(paths, kind)| paths.iter().map(move |path| (path, kind))) {
            // What is opened again inside is another law's.
            let is_opened = |below: &str| {
                let is_inside = |open: &&String| *open != path && lies_in(open, path) && lies_in(below, open);
                kind == "hide" && wish.open.iter().any(|open| is_inside(&open))
            };
            for below in tree().iter().filter(|below| lies_in(below, path) && !is_opened(below)) {
                prop_assert!(!has(below, Right::Write), "{} can be written", below);
                prop_assert!(kind != "hide" || !has(below, Right::Read), "{} can be read", below);
                prop_assert!(kind == "table" || !has(below, Right::SetKeys), "keys of {} can be set", below);
            }
            // Whoever renames a directory above has the name without the mount.
            let mut above = path.as_str();
            while above != "/" {
                prop_assert!(!has(above, Right::Rename), "{} is above {} and can be renamed", above, path);
                above = parent(above);
            }
        }
    }

    #[test]
    fn nothing_is_written_but_below_what_was_asked_for(wish in wishes()) {
        for (path, right) in granted(&wish) {
            let is_asked = wish.write.iter().any(|root| lies_in(&path, root));
            let is_below = wish.write.iter().any(|root| lies_in(parent(&path), root));
            prop_assert!(right == Right::Read || (right != Right::Rename && is_asked) || is_below, "{:?} {}", right, path);
        }
    }
}

/// The reader itself: on steps that are written by hand, which a plan must not make.
#[test]
fn the_reader_finds_what_a_missing_pin_would_give() {
    let at = |text: &str| AbsPath::parse(text).unwrap();
    let mut steps = vec![
        Step::Writable { path: at("/home/me/p"), zone: None },
        Step::Pin { path: at("/home/me/p/a") },
        Step::ReadOnly { path: at("/home/me/p/a/b"), why: String::new() },
        Step::Hide { path: at("/home/me/p/b"), why: String::new() },
    ];
    let read = |steps: &[Step]| {
        let whole = made(&Wish { cwd: "/home/me/p".to_owned(), ..Wish::default() }).unwrap();
        let rights = rights(&Plan { steps: steps.to_vec(), ..whole });
        let of = |path: &str| {
            let letters = [(Right::Read, 'r'), (Right::Write, 'w'), (Right::Rename, 'm')];
            letters
                .iter()
                .filter(|(right, _)| rights.contains(&(path.to_owned(), *right)))
                .map(|(_, letter)| *letter)
                .collect()
        };
        let told: Vec<String> =
            ["", "/a", "/a/b", "/a/b/a", "/a/a", "/b", "/b/a"].map(|path| of(&format!("/home/me/p{path}"))).into();
        told.join(" ")
    };
    assert_eq!(read(&steps), "rw rw r r rwm  ");
    steps.remove(1);
    assert_eq!(read(&steps), "rw rwm r r rwm  ");
}

/// The random wishes are about something: each kind of right and of refusal comes up.
#[test]
fn wishes_are_of_every_kind() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut refused, mut pinned, mut closed, mut hidden, mut by_key) = (0, 0, 0, 0, 0);
    for _ in 0..2_000 {
        let wish = wishes().new_tree(&mut runner).unwrap().current();
        let Some(plan) = made(&wish) else {
            refused += 1;
            continue;
        };
        let has = |found: fn(&Step) -> bool| usize::from(plan.steps.iter().any(found));
        pinned += has(|step| matches!(step, Step::Pin { .. }));
        closed += has(|step| matches!(step, Step::ReadOnly { .. }));
        hidden += has(|step| matches!(step, Step::Hide { .. }));
        by_key += has(|step| matches!(step, Step::ByKey { .. }));
    }
    let counts = [refused, pinned, closed, hidden, by_key];
    assert!(counts.iter().all(|count| (30..2_000).contains(count)), "{counts:?}");
}
