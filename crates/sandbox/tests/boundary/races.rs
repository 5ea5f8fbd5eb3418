//! Rows 59, 60, 71, 73, 98, 176: names that move while the boundary is built and while the command runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::processes::wait_until;
use crate::runner::Case;
use crate::world::{World, check};

pub(crate) const CASES: &[Case] = &[
    ("races_links_swapped_during_set_up", during_set_up),
    ("races_links_swapped_by_the_command", by_the_command),
    ("races_two_boundaries_in_one_directory", two),
    ("races_start_directory_replaced", start_replaced),
    ("races_start_directory_of_the_launcher", start_outside),
    ("races_spellings_of_a_held_path", spellings),
];

/// How often a boundary is built while the names swap.
const ROUNDS: usize = 60;

/// Row 59: a directory and a link out of the project take each other's place as fast as they can.
fn during_set_up(world: &World) {
    let mut inner = world.another();
    fs::create_dir(inner.path("project/swap")).unwrap();
    fs::write(inner.path("project/swap/canary"), "held").unwrap();
    symlink("../outside", inner.path("project/other")).unwrap();
    inner.spec.closed.push(inner.path("project/swap/canary"));
    inner.spec.hidden.push(inner.path("project/swap/secret"));
    let (swap, other) = (inner.path("project/swap"), inner.path("project/other"));
    let is_over = AtomicBool::new(false);
    let mut built = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let _ = rustix::fs::renameat_with(rustix::fs::CWD, &swap, rustix::fs::CWD, &other, flags);
            }
        });
        for _ in 0..ROUNDS {
            let script =
                "for n in 1 2 3 4 5 6 7 8 9; do echo evil > swap/canary; echo evil > other/canary; done; cat */secret";
            let seen = inner.run(&["sh", "-c", script]);
            built += usize::from(!seen.report.starts_with("error: "));
            assert!(!seen.out.contains("SECRET=2"), "{}", seen.report);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(inner.text("outside/canary"), "alive");
    assert_eq!(inner.text("outside/secret"), "SECRET=2");
    assert!(built < ROUNDS, "no swap was ever noticed");
}

/// Row 60.
fn by_the_command(world: &World) {
    let script = "(i=0; while [ $i -lt 400 ]; do ln -sfn src link; ln -sfn .git link; i=$((i+1)); done) & \
                  while kill -0 $! 2>/dev/null; do echo evil > link/config; echo evil > link/hooks/sample; done; wait";
    world.run(&["sh", "-c", script]);
    assert_eq!(world.text("project/.git/config"), "[core]");
    assert_eq!(world.text("project/.git/hooks/sample"), "sample");
    // The same loop reaches what is not held, so it did run.
    assert_eq!(world.text("project/src/config"), "evil\n");
}

/// Row 73: what a second boundary in the same directory does at its end is no matter to the first.
fn two(world: &World) {
    let script = "echo up > ready; while [ ! -e go ]; do sleep 0.01; done; echo evil > .git/config; \
                  echo evil > .git/hooks/pre-commit; cat .env; mv .git moved; echo on > after";
    let child = world.launcher(&["sh", "-c", script]).spawn().unwrap();
    wait_until(|| world.text("project/ready") == "up\n");
    for _ in 0..3 {
        let other = world.run(&["sh", "-c", "echo evil > .git/config; true"]);
        assert_eq!(other.code, 0, "{}", other.report);
    }
    fs::write(world.path("project/go"), "").unwrap();
    let seen = world.seen(&child.wait_with_output().unwrap());
    assert_eq!((world.text("project/after").as_str(), seen.out.as_str()), ("on\n", ""));
    assert_eq!(world.text("project/.git/config"), "[core]");
    let mut names: Vec<_> =
        fs::read_dir(world.path("project")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".env", ".git", "after", "go", "ready", "src"]);
    assert_eq!(fs::read_dir(world.path("project/.git/hooks")).unwrap().count(), 1);
}

/// Row 98: the directory that the command started in is removed, and a link out put in its place.
fn start_replaced(world: &World) {
    let mut inner = world.another();
    fs::create_dir(inner.path("project/start")).unwrap();
    inner.spec.cwd = inner.path("project/start");
    let script = "echo up > ../ready; while [ ! -e ../go ]; do sleep 0.01; done; \
                  echo evil > canary; echo evil > ./made; echo evil > /proc/self/cwd/canary; echo evil > \"$PWD/canary\"; \
                  echo on > \"$PWD/../after\"; echo evil > /proc/self/cwd/../canary";
    let child = inner.launcher(&["sh", "-c", script]).spawn().unwrap();
    wait_until(|| inner.text("project/ready") == "up\n");
    fs::remove_dir(inner.path("project/start")).unwrap();
    symlink("../outside", inner.path("project/start")).unwrap();
    fs::write(inner.path("project/go"), "").unwrap();
    inner.seen(&child.wait_with_output().unwrap());
    assert_eq!(inner.text("outside/canary"), "alive");
    assert!(!Path::new(&inner.path("outside/made")).exists() && !Path::new(&inner.path("after")).exists());
    check("control", &inner.outside(&["write", "start/canary", "dead"]), &["ok"]);
    assert_eq!(inner.text("outside/canary"), "dead");
}

/// Row 176: the launcher's own directory is not the command's, even when it is gone.
fn start_outside(world: &World) {
    let place = world.path("outside/gone");
    fs::create_dir(&place).unwrap();
    for is_gone in [false, true] {
        let script = "pwd -P; echo evil > canary; cat ../outside/canary";
        // A shell takes the directory away before it becomes the launcher.
        let inner = world.launcher(&["sh", "-c", script]);
        let mut command = Command::new("sh");
        let before = if is_gone { "rmdir \"$0\"; exec \"$@\"" } else { "exec \"$@\"" };
        command.args(["-c", before]).arg(&place).arg(inner.get_program()).args(inner.get_args()).current_dir(&place);
        let seen = world.seen(&command.output().unwrap());
        assert_eq!(seen.out, format!("{}\nalive", world.path("project")), "{} {}", seen.error, seen.report);
        assert_eq!(world.text("project/canary"), "evil\n");
        assert_eq!(world.text("outside/canary"), "alive");
    }
}

/// Row 71: however the path of a rule is written, it is that path.
fn spellings(world: &World) {
    let held = world.path("project/src/lib.rs");
    for spelled in [
        format!("{held}/"),
        held.replace("/src/", "//src///"),
        held.replace("/src/", "/./src/././"),
        held.replace("/src/", "/.git/../src/"),
        format!("/../..{held}"),
    ] {
        let mut inner = world.another();
        inner.spec.writable = world.spec.writable.clone();
        inner.spec.cwd = world.spec.cwd.clone();
        inner.spec.closed = vec![spelled.clone()];
        check(&spelled, &inner.inside(&["write", "src/lib.rs", "evil"]).out, &["EROFS", "EPERM"]);
        assert_eq!(world.text("project/src/lib.rs"), "fn main() {}", "{spelled}");
    }
    // No escape of an address is one of a path.
    let mut inner = world.another();
    inner.spec.closed = vec![inner.path("project/%73rc/lib.rs")];
    check("percent", &inner.inside(&["write", "src/lib.rs", "free"]).out, &["ok"]);
}
