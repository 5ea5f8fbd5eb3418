mod properties;

use std::collections::BTreeMap;

use policy::controls::{Caches, Controls, Limits, Network, Readable, Reading, Seed};
use policy::facts::{Entry, Held};
use policy::{AbsPath, Origin, Scope};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::{Invocation, Plan, Step, Terminal, plan};
use crate::environment::Environment;

fn path(text: &str) -> AbsPath {
    AbsPath::parse(text).unwrap()
}

fn held(texts: &[&str], why: &str) -> Vec<Held> {
    let origin = Origin { scope: Scope::User, file: "settings.json".to_owned(), line: 3 };
    let one = |text: &&str| Held { path: path(text), entry: Entry::File, why: why.to_owned(), origin: origin.clone() };
    texts.iter().map(one).collect()
}

/// Renders the plan for words of the form `cwd ...`, `write ...`, `hide ...`, `open ...`, `close ...`, `protect ...`.
/// Lines that every plan has are left out.
fn check(input: &str, expected: &str) {
    let words = |name: &str| -> Vec<&str> {
        input.split(';').filter_map(|part| part.trim().strip_prefix(name)).flat_map(str::split_whitespace).collect()
    };
    let controls = Controls {
        cwd: path(words("cwd").first().unwrap_or(&"/home/me/p")),
        home: path("/home/me"),
        writable: words("write").into_iter().map(path).collect(),
        unreadable: held(&words("hide"), "deny read"),
        unwritable: held(&words("close"), "deny write"),
        reopened: words("open").into_iter().map(path).collect(),
        project: path("/home/me/p"),
        bounds: Vec::new(),
        late_reads: policy::controls::LateReads::None,
        reading: Reading::Open,
        caches: None,
        require: Vec::new(),
        network: Network::None,
        limits: Limits::default(),
    };
    let invocation = Invocation {
        argv: vec!["true".into()],
        environment: Environment::default(),
        init: "/proc/self/exe".into(),
        protect: words("protect").into_iter().map(path).collect(),
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
    let found = match plan(&controls, &invocation) {
        Ok(plan) => {
            let text = plan.render();
            let lines: Vec<&str> = text.lines().collect();
            lines[7..lines.len() - 6].iter().map(|line| format!("{line}\n")).collect()
        }
        Err(error) => format!("error: {error}\n"),
    };
    assert_eq!(found, expected, "for `{input}`");
}

#[test]
fn whole_plan_reads_in_the_order_of_building() {
    let controls = Controls {
        cwd: path("/home/me/p"),
        home: path("/home/me"),
        writable: vec![path("/home/me/p")],
        unreadable: held(&["/home/me/.ssh", "/home/me/p/.env"], "secrets"),
        unwritable: held(&["/home/me/p/.git/hooks"], "runs on the host"),
        reopened: Vec::new(),
        project: path("/home/me/p"),
        bounds: Vec::new(),
        late_reads: policy::controls::LateReads::None,
        reading: Reading::Open,
        caches: None,
        require: Vec::new(),
        network: Network::None,
        limits: Limits::default(),
    };
    let invocation = Invocation {
        argv: vec!["true".into()],
        environment: Environment::default(),
        init: "/proc/self/exe".into(),
        protect: vec![path("/home/me/p/target/palisade")],
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
    let expected = "\
separate    users, mounts, processes, network, ipc, host name, cgroups
network     a loopback interface of its own and nothing else
read-only   /
private     /tmp (writable)
private     /var/tmp (writable)
private     /run (empty)
private     /var/run (empty)
writable    /home/me/p
pin         /home/me/p/.git
pin         /home/me/p/target
read-only   /home/me/p/.git/hooks: runs on the host (settings.json:3)
read-only   /home/me/p/target/palisade: Palisade's own
hide        /home/me/.ssh: secrets (settings.json:3)
hide        /home/me/p/.env: secrets (settings.json:3)
devices     null zero full random urandom tty, terminals and /dev/shm of its own
processes   a /proc of its own, read-only
drop        every capability, for good
landlock    read all, write only the above, signal nobody outside
seccomp     refuse the calls that no build or test needs
start in    /home/me/p";
    assert_eq!(plan(&controls, &invocation).unwrap().render(), expected);
}

#[test]
fn nothing_writable_needs_nothing_closed() {
    check("close /home/me/p/.git", "");
    check("close /home/me/q/.git; write /home/me/p", "writable    /home/me/p\n");
}

#[test]
fn ancestors_are_pinned_from_the_outside_in() {
    check(
        "write /home/me/p; close /home/me/p/a/b/c",
        "writable    /home/me/p\npin         /home/me/p/a\npin         /home/me/p/a/b\n\
         read-only   /home/me/p/a/b/c: deny write (settings.json:3)\n",
    );
    // Below a read-only directory nothing can be renamed.
    check(
        "write /home/me/p; close /home/me/p/a; hide /home/me/p/a/b/c",
        "writable    /home/me/p\nread-only   /home/me/p/a: deny write (settings.json:3)\nhide        /home/me/p/a/b/c: deny read (settings.json:3)\n",
    );
}

#[test]
fn paths_in_held_paths_need_no_mount() {
    check(
        "write /home/me/p; close /home/me/p/a /home/me/p/a/b /home/me/p/a-b",
        "writable    /home/me/p\nread-only   /home/me/p/a: deny write (settings.json:3)\nread-only   /home/me/p/a-b: deny write (settings.json:3)\n",
    );
    check(
        "write /home/me/p; hide /home/me/p/a /home/me/p/a/b; close /home/me/p/a/c",
        "writable    /home/me/p\nhide        /home/me/p/a: deny read (settings.json:3)\n",
    );
    check("write /home/me/p /home/me/p/sub", "writable    /home/me/p\n");
}

#[test]
fn a_deny_wins_over_a_writable_directory() {
    check("write /home/me/p /home/me/q; close /home/me/q", "writable    /home/me/p\n");
    check(
        "write /home/me/p /home/me/q/r; hide /home/me/q",
        "writable    /home/me/p\nhide        /home/me/q: deny read (settings.json:3)\n",
    );
    check("write /home/me/p; close /home/me/p", "");
}

#[test]
fn private_places_hide_what_is_not_writable_in_them() {
    check("cwd /tmp/p; write /tmp/p; hide /tmp/secret", "writable    /tmp/p\n");
    check(
        "cwd /tmp/p; write /tmp/p; hide /tmp/p/secret",
        "writable    /tmp/p\nhide        /tmp/p/secret: deny read (settings.json:3)\n",
    );
    check(
        "cwd /tmp/p",
        "error: the command cannot start in `/tmp/p`: it lies in `/tmp`, which is private to the command\n",
    );
}

#[test]
fn what_cannot_be_is_an_error() {
    check("write /", "error: `/` cannot be made writable: it holds the home directory `/home/me`\n");
    check("write /home/me", "error: `/home/me` cannot be made writable: it holds the home directory `/home/me`\n");
    check("write /tmp", "error: `/tmp` cannot be made writable: it holds `/tmp`\n");
    check("write /var", "error: `/var` cannot be made writable: it holds `/var`\n");
    check("write /proc/self", "error: `/proc/self` cannot be made writable: it lies in `/proc`\n");
    check(
        "hide /home/me",
        "error: the command cannot start in `/home/me/p`: it lies in `/home/me`, which must not be readable: deny read (settings.json:3)\n",
    );
    let many: Vec<String> = (0..5_001).map(|number| format!("/x/{number}")).collect();
    check(
        &format!("hide {}", many.join(" ")),
        "error: the boundary would have to hold 5001 paths, and at most 5000 are possible\n",
    );
}

#[test]
fn of_all_that_hold_a_path_the_innermost_counts() {
    check(
        "write /home/me/p; hide /home/me; open /home/me/p",
        "hide        /home/me but for /home/me/p: deny read (settings.json:3)\nwritable    /home/me/p\n",
    );
    // A readable part that is not writable is seen as it is; what is hidden in it is hidden.
    check(
        "write /home/me/w/p; cwd /home/me/w/p; hide /home/me /home/me/w/p/.env /home/me/w/q; open /home/me/w",
        "hide        /home/me but for /home/me/w: deny read (settings.json:3)\nwritable    /home/me/w/p\n\
         hide        /home/me/w/p/.env: deny read (settings.json:3)\nhide        /home/me/w/q: deny read (settings.json:3)\n",
    );
    check(
        "write /home/me/p; hide /home/me/p/s; open /home/me/p/s/a/b /home/me/p/s/c; close /home/me/p/s/c/.git /home/me/p/x/y",
        "writable    /home/me/p\npin         /home/me/p/x\nread-only   /home/me/p/x/y: deny write (settings.json:3)\n\
         hide        /home/me/p/s but for /home/me/p/s/a/b, /home/me/p/s/c: deny read (settings.json:3)\n",
    );
    check(
        "write /home/me/p; hide /home/me/a /home/me/a/b/c /home/me/a/d; open /home/me/a/b /home/me/a/b/c/d /home/me/x",
        "hide        /home/me/a but for /home/me/a/b: deny read (settings.json:3)\nhide        /home/me/a/b/c but for \
         /home/me/a/b/c/d: deny read (settings.json:3)\nwritable    /home/me/p\n",
    );
    // Hidden and opened alike is hidden.
    check(
        "write /home/me/p; hide /home/me/a /home/me/b; open /home/me/a /home/me/b/c /home/me/b/c",
        "hide        /home/me/b but for /home/me/b/c: deny read (settings.json:3)\nwritable    /home/me/p\n\
         hide        /home/me/a: deny read (settings.json:3)\n",
    );
    // A private place is empty already.
    check("cwd /tmp/x/p; write /tmp/x/p; hide /tmp/x; open /tmp/x/p", "writable    /tmp/x/p\n");
    check(
        "hide /; open /home/me/p",
        "error: the command cannot start in `/home/me/p`: nothing runs where `/` is hidden, even in part: deny read (settings.json:3)\n",
    );
}

/// What may be done with a path inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Open {
    Nothing,
    Reading,
    Writing,
}

/// The paths of a small world.
const PATHS: &[&str] = &[
    "/home/me/p",
    "/home/me/p/a",
    "/home/me/p/a/b",
    "/home/me/p/a/b/c",
    "/home/me/q",
    "/home/me/q/a",
    "/home/me/q/a/b",
    "/home",
    "/home/me",
    "/srv/x",
    "/srv/x/y",
    "/srv/x/y/z",
];

/// Returns what the steps leave open, as the kernel would have it: the last mount over a path counts.
fn opened(plan: &Plan) -> BTreeMap<&'static str, Open> {
    let mut found: BTreeMap<&'static str, Open> = PATHS.iter().map(|text| (*text, Open::Reading)).collect();
    let mut set = |top: &AbsPath, open: Open| {
        for text in PATHS.iter().filter(|text| path(text).is_within(top)) {
            found.insert(text, open);
        }
    };
    for step in &plan.steps {
        match step {
            Step::Private { .. } | Step::Pin { .. } => {}
            Step::Read { .. } | Step::Link { .. } | Step::Cache { .. } | Step::Seed { .. } => {}
            Step::Writable { path, zone: _ } => set(path, Open::Writing),
            Step::ReadOnly { path, why: _ } | Step::ByKey { path, why: _ } => set(path, Open::Reading),
            Step::Hide { path, why: _ } => set(path, Open::Nothing),
            Step::Veil { path, parts, why: _ } => {
                set(path, Open::Nothing);
                for part in parts {
                    set(part, Open::Reading);
                }
            }
        }
    }
    found
}

fn some_paths() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(PATHS, 0..5).prop_shuffle()
}

/// Paths that can be made writable.
fn some_directories() -> impl Strategy<Value = Vec<&'static str>> {
    some_paths().prop_map(|paths| paths.into_iter().filter(|text| !path("/home/me").is_within(&path(text))).collect())
}

fn planned(writable: &[&str], hidden: &[&str], open: &[&str], closed: &[&str]) -> Option<BTreeMap<&'static str, Open>> {
    let controls = Controls {
        cwd: path("/usr"),
        home: path("/home/me"),
        writable: writable.iter().map(|text| path(text)).collect(),
        unreadable: held(hidden, "deny read"),
        unwritable: held(closed, "deny write"),
        reopened: open.iter().map(|text| path(text)).collect(),
        project: path("/home/me/p"),
        bounds: Vec::new(),
        late_reads: policy::controls::LateReads::None,
        limits: Limits::default(),
        reading: Reading::Open,
        caches: None,
        network: Network::None,
        require: Vec::new(),
    };
    let invocation = Invocation {
        argv: vec!["true".into()],
        environment: Environment::default(),
        init: "/proc/self/exe".into(),
        protect: Vec::new(),
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
    plan(&controls, &invocation).ok().map(|plan| opened(&plan))
}

proptest! {
    /// What is open is what the controls say, read plainly.
    #[test]
    fn the_steps_open_what_the_controls_say(writable in some_directories(), hidden in some_paths(), open in some_paths(), closed in some_paths()) {
        let Some(found) = planned(&writable, &hidden, &open, &closed) else { return Ok(()) };
        for (text, open_now) in found {
            let inner = |list: &[&str]| list.iter().filter(|top| path(text).is_within(&path(top))).map(|top| top.len()).max();
            // Among what hides and what opens the innermost counts, and of equals what hides.
            let is_hidden = inner(&hidden).is_some_and(|length| inner(&open).is_none_or(|other| other <= length));
            let may_write = inner(&writable).is_some() && inner(&closed).is_none();
            if is_hidden {
                prop_assert_eq!(open_now, Open::Nothing, "{}", text);
            } else if may_write && inner(&hidden).is_none() {
                prop_assert_eq!(open_now, Open::Writing, "{}", text);
            } else if may_write {
                // Readable again is one thing, and writable there another.
                prop_assert!(open_now > Open::Nothing, "{}", text);
            } else {
                prop_assert_eq!(open_now, Open::Reading, "{}", text);
            }
        }
    }

    /// One more path that is held opens nothing; one less that is opened again opens nothing.
    #[test]
    fn a_deny_more_never_opens(writable in some_directories(), hidden in some_paths(), open in some_paths(), closed in some_paths(), more in any::<Index>()) {
        let more = *more.get(PATHS);
        let before = planned(&writable, &hidden, &open, &closed);
        let with = |list: &[&'static str]| list.iter().copied().chain([more]).collect::<Vec<_>>();
        let without: Vec<_> = open.iter().copied().filter(|text| *text != more).collect();
        for after in [
            planned(&writable, &with(&hidden), &open, &closed),
            planned(&writable, &hidden, &open, &with(&closed)),
            planned(&writable, &hidden, &without, &closed),
        ] {
            let (Some(before), Some(after)) = (&before, after) else { continue };
            for (text, open) in after {
                prop_assert!(open <= before[text], "{} is {:?} and was {:?} before {}", text, open, before[text], more);
            }
        }
    }

    /// The order of the lists does not matter.
    #[test]
    fn order_does_not_matter(writable in some_directories(), hidden in some_paths(), open in some_paths(), closed in some_paths()) {
        let turned = |list: &[&'static str]| list.iter().rev().copied().collect::<Vec<_>>();
        prop_assert_eq!(
            planned(&writable, &hidden, &open, &closed),
            planned(&turned(&writable), &turned(&hidden), &turned(&open), &turned(&closed))
        );
    }
}

/// Renders the whole plan of a project, with what the closed profile lets be read and with caches.
fn granted(readable: &[(&str, Option<&str>)], caches: Option<Caches>, hide: &[&str]) -> String {
    let readable = readable.iter().map(|(text, link)| Readable {
        path: path(text),
        link: link.map(str::to_owned),
        why: "programs".to_owned(),
    });
    let controls = Controls {
        cwd: path("/home/me/p"),
        home: path("/home/me"),
        writable: vec![path("/home/me/p")],
        unreadable: held(hide, "secrets"),
        reopened: Vec::new(),
        unwritable: Vec::new(),
        project: path("/home/me/p"),
        bounds: Vec::new(),
        late_reads: policy::controls::LateReads::None,
        reading: if readable.len() == 0 { Reading::Open } else { Reading::Closed(readable.collect()) },
        caches,
        require: Vec::new(),
        network: Network::None,
        limits: Limits::default(),
    };
    let environment = crate::environment::environment(
        [("CARGO_HOME", "/home/me/p/.own"), ("GOCACHE", "/home/me/go"), ("GEM_HOME", "/home/me/gems")]
            .map(|(name, value)| (name.into(), value.into()))
            .into_iter(),
    );
    let invocation = Invocation {
        argv: vec!["true".into()],
        environment,
        init: "/proc/self/exe".into(),
        protect: Vec::new(),
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
    plan(&controls, &invocation).map_or_else(|error| format!("error: {error}"), |plan| plan.render())
}

/// Keeps the lines that begin with one of the words.
fn lines(text: &str, words: &[&str]) -> Vec<String> {
    text.lines().filter(|line| words.iter().any(|word| line.starts_with(word))).map(str::to_owned).collect()
}

#[test]
fn the_closed_profile_shows_what_is_to_be_read_over_an_empty_root() {
    let readable = [
        ("/usr", None),
        ("/usr/lib", None),
        ("/bin", Some("usr/bin")),
        ("/usr/x", Some("y")),
        ("/run/x", None),
        ("/opt/keys", None),
    ];
    let text = granted(&readable, None, &["/opt/keys", "/home/me/.ssh", "/usr/share/secret", "/home/me/p/.env"]);
    assert_eq!(
        lines(&text, &["read-only", "empty", "read ", "link ", "hide", "landlock"]),
        [
            "empty       /",
            "read        /usr: programs",
            "link        /bin to usr/bin",
            "hide        /home/me/p/.env: secrets (settings.json:3)",
            "hide        /usr/share/secret: secrets (settings.json:3)",
            "landlock    read only the above, write only the above, signal nobody outside",
        ]
    );
}

#[test]
fn a_command_cannot_start_where_nothing_may_be_read() {
    let controls = |cwd: &str| Controls {
        cwd: path(cwd),
        home: path("/home/me"),
        writable: Vec::new(),
        unreadable: Vec::new(),
        reopened: Vec::new(),
        unwritable: Vec::new(),
        project: path(cwd),
        bounds: Vec::new(),
        late_reads: policy::controls::LateReads::None,
        reading: Reading::Closed(vec![Readable { path: path("/usr"), link: None, why: "programs".to_owned() }]),
        caches: None,
        require: Vec::new(),
        network: Network::None,
        limits: Limits::default(),
    };
    let invocation = Invocation {
        argv: vec!["true".into()],
        environment: Environment::default(),
        init: "/proc/self/exe".into(),
        protect: Vec::new(),
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
    assert!(plan(&controls("/usr/src"), &invocation).is_ok());
    assert_eq!(
        plan(&controls("/home/me/p"), &invocation).unwrap_err().to_string(),
        "the command cannot start in `/home/me/p`: it is not there in the closed profile: no rule lets it be read or written"
    );
}

#[test]
fn caches_are_a_place_of_their_own_with_variables_that_lead_there() {
    let caches = || {
        let seed = |from: &str, at: &str| Seed { from: path(from), at: path(at) };
        let seeds = vec![seed("/home/me/.cargo/registry", "/c/1/cargo/registry"), seed("/home/me/keys", "/c/1/keys")];
        Some(Caches { directory: path("/c/1"), seeds })
    };
    let text = granted(&[], caches(), &["/home/me/keys"]);
    assert_eq!(
        lines(
            &text,
            &[
                "writable",
                "cache",
                "seed",
                "set         CARGO",
                "set         GO",
                "set         MAVEN",
                "set         GEM"
            ]
        ),
        [
            "writable    /home/me/p",
            "cache       /c/1",
            "seed        /c/1/cargo/registry (/home/me/.cargo/registry, read-only)",
            "set         GOPATH=/c/1/go",
            "set         GOCACHE=/c/1/go-build",
            "set         GOMODCACHE=/c/1/go-mod",
            "set         MAVEN_OPTS=-Dmaven.repo.local=/c/1/maven -Dmaven.repo.local.tail=/c/1/maven-fetched",
            "set         GEM_HOME=/c/1/gems",
            "set         GEM_PATH=/home/me/gems:",
        ]
    );
    // What must not be read or written wins.
    assert_eq!(lines(&granted(&[], caches(), &["/c"]), &["cache", "seed", "set"]), [""; 0]);
    assert_eq!(
        granted(&[], Some(Caches { directory: path("/home"), seeds: Vec::new() }), &[]),
        "error: `/home` cannot be made writable: it holds the home directory `/home/me`"
    );
}
