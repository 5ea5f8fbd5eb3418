mod properties;

use policy::controls::{Controls, Limits, Network};
use policy::facts::{Entry, Held};
use policy::{AbsPath, Origin, Scope};

use super::{Invocation, Terminal, plan};
use crate::environment::Environment;

fn path(text: &str) -> AbsPath {
    AbsPath::parse(text).unwrap()
}

fn held(texts: &[&str], why: &str) -> Vec<Held> {
    let origin = Origin { scope: Scope::User, file: "settings.json".to_owned(), line: 3 };
    let one = |text: &&str| Held { path: path(text), entry: Entry::File, why: why.to_owned(), origin: origin.clone() };
    texts.iter().map(one).collect()
}

/// Renders the plan for words of the form `cwd ...`, `write ...`, `hide ...`, `close ...`, `protect ...`.
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
        project: path("/home/me/p"),
        bounds: Vec::new(),
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
        tiers: crate::Tiers::all(),
        require: Vec::new(),
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
        project: path("/home/me/p"),
        bounds: Vec::new(),
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
        tiers: crate::Tiers::all(),
        require: Vec::new(),
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
read-only   /home/me/p/.git/hooks (runs on the host)
read-only   /home/me/p/target/palisade (Palisade's own)
hide        /home/me/.ssh (secrets)
hide        /home/me/p/.env (secrets)
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
         read-only   /home/me/p/a/b/c (deny write)\n",
    );
    // Below a read-only directory nothing can be renamed.
    check(
        "write /home/me/p; close /home/me/p/a; hide /home/me/p/a/b/c",
        "writable    /home/me/p\nread-only   /home/me/p/a (deny write)\nhide        /home/me/p/a/b/c (deny read)\n",
    );
}

#[test]
fn paths_in_held_paths_need_no_mount() {
    check(
        "write /home/me/p; close /home/me/p/a /home/me/p/a/b /home/me/p/a-b",
        "writable    /home/me/p\nread-only   /home/me/p/a (deny write)\nread-only   /home/me/p/a-b (deny write)\n",
    );
    check(
        "write /home/me/p; hide /home/me/p/a /home/me/p/a/b; close /home/me/p/a/c",
        "writable    /home/me/p\nhide        /home/me/p/a (deny read)\n",
    );
    check("write /home/me/p /home/me/p/sub", "writable    /home/me/p\n");
}

#[test]
fn a_deny_wins_over_a_writable_directory() {
    check("write /home/me/p /home/me/q; close /home/me/q", "writable    /home/me/p\n");
    check(
        "write /home/me/p /home/me/q/r; hide /home/me/q",
        "writable    /home/me/p\nhide        /home/me/q (deny read)\n",
    );
    check("write /home/me/p; close /home/me/p", "");
}

#[test]
fn private_places_hide_what_is_not_writable_in_them() {
    check("cwd /tmp/p; write /tmp/p; hide /tmp/secret", "writable    /tmp/p\n");
    check(
        "cwd /tmp/p; write /tmp/p; hide /tmp/p/secret",
        "writable    /tmp/p\nhide        /tmp/p/secret (deny read)\n",
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
        "error: the command cannot start in `/home/me/p`: it lies in `/home/me`, which must not be readable: deny read\n",
    );
    let many: Vec<String> = (0..5_001).map(|number| format!("/x/{number}")).collect();
    check(
        &format!("hide {}", many.join(" ")),
        "error: the boundary would have to hold 5001 paths, and at most 5000 are possible\n",
    );
}
