//! Which tier a command gets where namespaces are really taken away.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::docker;
use crate::runner::Case;
use crate::world::{Seen, World, check};

pub(crate) const CASES: &[Case] = &[
    ("fallback_in_a_container", container),
    ("fallback_no_namespaces_left", none_left),
    ("fallback_masked_proc", masked_proc),
    ("fallback_required_layers", required),
    ("fallback_not_by_a_plan", not_by_a_plan),
    ("fallback_probe", probe),
    ("fallback_docker", docker::default_profile),
    ("race_swapped_links", swapped_links),
];

/// Runs the launcher, with every tier to choose from, as the last arguments of another program.
fn run_in(world: &World, program: &str, words: &[&str], argv: &[&str]) -> Seen {
    let require = world.spec.require.clone();
    let mut world = world.another();
    world.spec.without.clear();
    world.spec.require = require;
    let launcher = world.launcher(argv);
    let mut command = Command::new(program);
    command.args(words).arg(launcher.get_program()).args(launcher.get_args());
    world.seen(&command.output().unwrap())
}

const CONFINED: &[&str] =
    &["sh", "-c", "cat .env; echo evil > .git/config; cat .git/config; echo x > src/new && echo made"];

#[track_caller]
fn check_lowest(seen: &Seen, step: &str) {
    assert_eq!(seen.out, "[core]made", "{} {}", seen.error, seen.report);
    assert!(seen.report.contains("\"tier\": \"landlock\""), "{}", seen.report);
    assert!(seen.report.contains(&format!("the step `{step}` failed")), "{}", seen.report);
}

/// A container's usual filter refuses namespaces and mounts.
fn container(world: &World) {
    let seen = run_in(world, &world.probe(), &["probe", "in-a-container"], CONFINED);
    check_lowest(&seen, "make a user namespace");
    assert!(seen.report.contains("docker run --security-opt seccomp=unconfined"), "{}", seen.report);
}

/// The kernel's limit on user namespaces is 0, in a user namespace of the test's own.
fn none_left(world: &World) {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let seen = run_in(world, "unshare", &["-Ur", "sh", "-c", script, "sh"], CONFINED);
    check_lowest(&seen, "make a user namespace");
    assert!(seen.report.contains("sudo sysctl -w user.max_user_namespaces=15000"), "{}", seen.report);
}

/// Part of `/proc` is covered, so that the kernel lets nobody mount another.
fn masked_proc(world: &World) {
    let script = "mount --bind /dev/null /proc/cmdline && exec \"$@\"";
    let seen = run_in(world, "unshare", &["-Urm", "sh", "-c", script, "sh"], CONFINED);
    check_lowest(&seen, "mount a fresh /proc");
    assert!(seen.report.contains("systempaths=unconfined"), "{}", seen.report);
}

/// What a policy requires is there, or nothing runs and the fix is the best tier's.
fn required(world: &World) {
    let mut inner = world.another();
    inner.spec.require = vec!["mount-namespace".to_owned()];
    let seen = run_in(&inner, &world.probe(), &["probe", "in-a-container"], &["sh", "-c", "echo ran > src/ran"]);
    assert_eq!(seen.code, 4, "{}", seen.report);
    assert!(seen.report.starts_with("error: the boundary cannot be built: the step `make a user namespace` failed"));
    assert!(seen.report.contains("\nfix: docker run"), "{}", seen.report);
    inner.spec.require = vec!["mount-namespace".to_owned(), "no-sockets".to_owned()];
    let seen = inner.run(&["true"]);
    let expected =
        "error: no boundary that this machine can build enforces what is required: mount-namespace, no-sockets";
    check("both", &seen.report, &[expected]);
    inner.spec.require = vec!["mount-namespace".to_owned()];
    check("here", &inner.run(&["echo", "ran"]).out, &["ran"]);
}

/// A path that became a link fails the best tier and leads to no other.
fn not_by_a_plan(world: &World) {
    let mut inner = world.another();
    inner.spec.without.clear();
    std::os::unix::fs::symlink("outside", inner.path("link")).unwrap();
    inner.spec.hidden = vec![inner.path("link/secret")];
    let seen = inner.run(&["sh", "-c", "echo ran > src/ran"]);
    assert!(seen.report.starts_with("error: the boundary cannot be built: the step `hide a path`"), "{}", seen.report);
    assert!(!std::path::Path::new(&inner.path("project/src/ran")).exists());
}

/// Row 59, with a link that another process swaps in while the boundary is built: it may be refused, and what is
/// held stays held.
fn swapped_links(world: &World) {
    let (real, other) = (world.path("project/.git"), world.path("project/.git-other"));
    fs::write(world.path("outside/config"), "[outside]").unwrap();
    std::os::unix::fs::symlink("../outside", &other).unwrap();
    let is_done = AtomicBool::new(false);
    let swap = || {
        while !is_done.load(Ordering::Relaxed) {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(rustix::fs::CWD, &real, rustix::fs::CWD, &other, flags).unwrap();
            std::thread::sleep(Duration::from_micros(500));
        }
    };
    let script = "echo evil > .git/config; echo evil > .git-other/config; cat ../outside/secret";
    std::thread::scope(|scope| {
        let swapper = scope.spawn(swap);
        let seen: Vec<Seen> = (0..30).map(|_| world.run(&["sh", "-c", script])).collect();
        is_done.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
        assert!(seen.iter().all(|seen| !seen.out.contains("SECRET")));
        println!("    {} of 30 ran", seen.iter().filter(|seen| seen.code == 1).count());
    });
    let mut configs = [world.text("project/.git/config"), world.text("project/.git-other/config")];
    configs.sort();
    assert_eq!(configs, ["[core]", "[outside]"]);
}

/// The probe says what is taken away, why, and what helps.
fn probe(world: &World) {
    let machine = |words: &[&str]| {
        let mut command = Command::new(world.probe());
        let output = command.args(words).args([world.probe().as_str(), "machine"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let whole = Command::new(world.probe()).arg("machine").output().unwrap();
    assert!(String::from_utf8_lossy(&whole.stdout).starts_with("tier full: "));
    let text = machine(&["probe", "in-a-container"]);
    assert!(text.starts_with("tier landlock: "), "{text}");
    for line in [
        "  full                  lacks user-namespace, user-map, mount-namespace, ",
        "  user-namespace        EPERM: a filter that was there before refuses it, as in a container\n",
        "what helps: docker run --security-opt seccomp=unconfined",
        "  seccomp-notification  works\n",
        "  filter                one is in force already\n",
        "\nmissing in this tier\n  user-namespace        the command has the user's own number on the host",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
