//! Files that come under a Read rule while the command runs.

use std::fs;

use crate::processes::wait_until;
use crate::runner::Case;
use crate::world::{Seen, World, check};

pub(crate) const CASES: &[Case] = &[
    ("checked_reads_of_late_files", late),
    ("checked_reads_of_late_files_that_move", moved),
    ("checked_reads_of_late_programs_race", started),
    ("reads_of_late_files_are_told_when_not_held", not_held),
    ("checked_reads_that_no_rule_forbids", ordinary),
    ("checked_reads_of_processes", of_processes),
    ("checked_reads_of_late_directories", directories),
    ("lower_reads_are_not_checked_without_a_broker", without_broker),
];

/// Makes a world in which openings are checked.
fn checked(world: &World, rules: &[&str]) -> World {
    let mut inner = world.another();
    inner.spec.rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
    inner.spec.checks_reads = vec!["yes".to_owned()];
    inner
}

/// Runs a script for which something is made on the host once it has begun.
fn meanwhile(world: &World, script: &str, make: impl Fn(&World)) -> Seen {
    let script = format!("echo up > ready; while [ ! -e go ]; do sleep 0.01; done; {script}");
    let child = world.launcher(&["sh", "-c", &script]).spawn().unwrap();
    wait_until(|| world.text("project/ready") == "up\n");
    make(world);
    fs::write(world.path("project/go"), "").unwrap();
    world.seen(&child.wait_with_output().unwrap())
}

fn secret(world: &World) {
    fs::create_dir_all(world.path("project/deep")).unwrap();
    fs::write(world.path("project/deep/late.pem"), "LATE-SECRET\n").unwrap();
    fs::write(world.path("project/.late"), "LATE-SECRET\n").unwrap();
    fs::write(world.path("outside/late.pem"), "LATE-SECRET\n").unwrap();
}

/// A late file that can be run, and whose name takes another's place in the moment of the start, loads nothing that could
/// tell what it holds.
fn started(world: &World) {
    let script = format!("{} probe start-race $PWD/plain $PWD/late.pem 1500 2>/dev/null", world.probe_path());
    for is_checked in [false, true] {
        let mut inner = checked(world, &["Read(**/*.pem)"]);
        if !is_checked {
            inner.spec.checks_reads.clear();
        }
        let seen = meanwhile(&inner, &script, |world| {
            fs::copy("/bin/true", world.path("project/plain")).unwrap();
            fs::copy("/bin/false", world.path("project/late.pem")).unwrap();
        });
        let count: Option<u32> = seen.out.strip_prefix("ok ").and_then(|count| count.parse().ok());
        assert_eq!(count.map(|count| count == 0), Some(is_checked), "{} {}", seen.out, seen.error);
    }
}

const RULES: [&str; 3] = ["Read(**/*.pem)", "Read(./.late)", "Read(//**/late.pem)"];

/// Every way to the contents by name, with a control in which they come out.
fn late(world: &World) {
    let probe = world.probe_path();
    let ways = [
        "cat deep/late.pem".to_owned(),
        "cat .late".to_owned(),
        "cat ../outside/late.pem".to_owned(),
        "read line < deep/late.pem && echo $line".to_owned(),
        "cd deep && cat ./late.pem".to_owned(),
        "cat /proc/self/cwd/deep/late.pem".to_owned(),
        "cat /proc/self/root$PWD/deep/late.pem".to_owned(),
        "ln -s deep/late.pem l && cat l".to_owned(),
        "ln -s deep d && cat d/late.pem".to_owned(),
        "ln deep/late.pem l && cat l".to_owned(),
        "mv deep/late.pem l && cat l".to_owned(),
        "mv .late l && cat l".to_owned(),
        "cp deep/late.pem l && cat l".to_owned(),
        "cp --reflink=auto deep/late.pem l && cat l".to_owned(),
        "tar cf - deep | tar xOf -".to_owned(),
        "sh deep/late.pem 2>&1".to_owned(),
        "chmod +x deep/late.pem && deep/late.pem 2>&1".to_owned(),
        "exec 3<>deep/late.pem && cat <&3".to_owned(),
        "dd if=deep/late.pem 2>/dev/null".to_owned(),
        "grep -r LATE deep".to_owned(),
        format!("{probe} probe read deep/late.pem"),
        format!("{probe} probe read-write deep/late.pem"),
        format!("{probe} probe append deep/late.pem x && {probe} probe read deep/late.pem"),
        format!("{probe} probe read-named deep/late.pem"),
        format!("{probe} probe read-removed deep/late.pem"),
        format!("{probe} probe exchange deep/late.pem src/lib.rs && cat src/lib.rs"),
        format!("{probe} probe hardlink deep/late.pem l && cat l"),
        format!("{probe} probe link-fd deep/late.pem l && cat l"),
    ];
    for way in ways {
        let inner = checked(world, &RULES);
        let seen = meanwhile(&inner, &way, secret);
        assert!(!seen.out.contains("LATE"), "{way}: {} {}", seen.out, seen.error);
        assert!(seen.report.contains("late") && seen.report.contains("test:"), "{way}: {}", seen.report);
        let mut control = world.another();
        control.spec.rules = inner.spec.rules.clone();
        let seen = meanwhile(&control, &way, secret);
        let is_script = way.contains("sh deep") || way.contains("chmod +x");
        assert!(seen.out.contains("LATE") || (is_script && seen.out.contains("not found")), "control {way}: {seen:?}");
    }
}

/// A name that is taken away from under the rule takes the file along nowhere.
fn moved(world: &World) {
    for way in [
        "mv deep other && cat other/late.txt",
        "mkdir x && mv deep x/deep && cat x/deep/late.txt",
        "mv -T deep x && cat x/late.txt",
    ] {
        let make = |world: &World| {
            fs::create_dir_all(world.path("project/deep")).unwrap();
            fs::write(world.path("project/deep/late.txt"), "LATE-SECRET\n").unwrap();
        };
        let inner = checked(world, &["Read(./deep/*.txt)"]);
        let seen = meanwhile(&inner, way, make);
        assert!(!seen.out.contains("LATE"), "{way}: {}", seen.out);
        let mut control = world.another();
        control.spec.rules = inner.spec.rules.clone();
        assert!(meanwhile(&control, way, make).out.contains("LATE"), "control {way}");
    }
}

/// Without the switch such files can be read, and the report says so with the rules.
fn not_held(world: &World) {
    let mut inner = world.another();
    inner.spec.rules = RULES.map(str::to_owned).to_vec();
    let seen = inner.run(&["true"]);
    for rule in ["`Read(**/*.pem)` (test:1)", "`Read(./.late)` (test:2)", "checkReadsOnOpen", "\"held\": false"] {
        assert!(seen.report.contains(rule), "{rule}: {}", seen.report);
    }
    // What is there and hidden is nothing that comes late; neither is what no rule names.
    let mut exact = world.another();
    exact.spec.rules = vec!["Read(./.env)".to_owned(), "Edit(**/*.lock)".to_owned()];
    exact.spec.checks_reads = vec!["yes".to_owned()];
    let seen = exact.run(&["true"]);
    assert!(seen.report.contains("\"late_reads\": null"), "{}", seen.report);
}

/// What the broker opens is what the kernel would have opened.
fn ordinary(world: &World) {
    let script = r#"set -e
        echo a > f; [ "$(cat f)" = a ]; [ "$(cat < f)" = a ]; ln -s f s; [ "$(cat s)" = a ]; ln -s loop loop
        ! cat loop 2>/dev/null; ! cat none 2>/dev/null; ! cat f/x 2>/dev/null; ! cat f/ 2>/dev/null; ! cat f/. 2>/dev/null; ! cat f/../f 2>/dev/null; ! cat none/x 2>/dev/null
        mkdir d; [ -z "$(ls d)" ]; ls -R / > /dev/null 2>&1 || true
        chmod 0 f; [ "$(id -u)" = 0 ] || ! cat f 2>/dev/null; chmod 600 f
        exec 3< f; [ "$(cat /proc/self/fd/3)" = a ]; [ "$(cat /dev/fd/3)" = a ]; exec 3<&-
        echo piped | cat /dev/stdin > out; [ "$(cat out)" = piped ]
        mkfifo p; (sleep 0.1; echo through > p) & [ "$(cat p)" = through ]; wait
        [ "$(cat /dev/null)" = "" ]; head -c 4 /dev/urandom > r; [ "$(stat -c %s r)" = 4 ]
        [ "$(cat /proc/self/comm)" = cat ]; [ "$(cut -d ' ' -f 2 /proc/self/stat)" = "(cut)" ]
        [ "$(cat /proc/thread-self/comm)" = cat ]; [ "$(head -c 2 /proc/$$/cmdline)" = sh ]
        [ "$(cat /proc/self/task/*/comm)" = cat ]; ln -s /proc/self/task t; [ "$(cat t/*/comm)" = cat ]
        cat /proc/self/environ /proc/self/maps /proc/self/mountinfo /proc/meminfo /proc/net/dev > /dev/null
        cat /proc/1/comm /proc/1/stat > /dev/null; [ -r /etc/passwd ]; grep -q root /etc/passwd
        mkdir long; cd long; i=0
        while [ $i -lt 20 ]; do mkdir abcdefghijklmnopqrstuvwxyz; cd abcdefghijklmnopqrstuvwxyz; i=$((i+1)); done
        echo end > end; [ "$(cat end)" = end ]; cd "$OLDPWD"; echo key > /tmp/made.pem; [ "$(cat /tmp/made.pem)" = key ]
    "#;
    let inner = checked(world, &RULES);
    let seen = inner.run(&["sh", "-c", script]);
    assert_eq!(seen.code, 0, "{} {}", seen.error, seen.report);
    let report: String = seen.report.split_whitespace().collect();
    assert!(report.contains("\"held\":true,\"opened\":") && !report.contains("\"opened\":0,"), "{}", seen.report);
    check("hidden", &inner.inside(&["read", ".env"]).out, &["EACCES"]);
}

/// The broker may look at more than the command may: it opens nothing of that.
fn of_processes(world: &World) {
    let inner = checked(world, &RULES);
    let plain = world.another();
    for path in ["/proc/1/environ", "/proc/1/mem", "/proc/1/maps", "/proc/1/auxv", "/proc/1/fd/0", "/proc/1/io"] {
        let found = inner.inside(&["read", path]).out;
        check(path, &found, &["EACCES", "EPERM"]);
        check(path, &plain.inside(&["read", path]).out, &["EACCES", "EPERM"]);
        assert!(!inner.inside(&["read-named", path]).out.starts_with("ok"), "{path}");
    }
    let task =
        "for task in /proc/1/task/*; do cat $task/environ $task/mem $task/maps && echo open; done 2>/dev/null; true";
    assert_eq!(inner.run(&["sh", "-c", task]).out, "");
}

/// A directory that comes late: its names can be listed, and nothing in it read.
fn directories(world: &World) {
    let make = |world: &World| {
        fs::create_dir_all(world.path("project/private/deep")).unwrap();
        fs::write(world.path("project/private/deep/x"), "LATE-SECRET\n").unwrap();
    };
    let ways = [
        "cat private/deep/x",
        "cd private/deep && cat x",
        "mv private p && cat p/deep/x",
        "cp -r private p; cat p/deep/x",
    ];
    for way in ways {
        let inner = checked(world, &["Read(./private/**)"]);
        let seen = meanwhile(&inner, way, make);
        assert!(!seen.out.contains("LATE"), "{way}: {}", seen.out);
        let mut control = world.another();
        control.spec.rules = inner.spec.rules.clone();
        assert!(meanwhile(&control, way, make).out.contains("LATE"), "control {way}");
    }
}

/// Where no broker can be, nothing runs that asked for it.
fn without_broker(world: &World) {
    let inner = checked(world, &RULES);
    let launcher = inner.launcher(&["true"]);
    let mut command = std::process::Command::new(inner.probe());
    // Under a filter that lets nobody read a caller's memory.
    command.args(["probe", "blind"]).arg(launcher.get_program()).args(launcher.get_args());
    let seen = inner.seen(&command.output().unwrap());
    assert_eq!(seen.code, 4, "{}", seen.report);
    assert!(seen.report.contains("checkReadsOnOpen"), "{}", seen.report);
}
