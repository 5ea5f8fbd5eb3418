//! Rows 43 and 44: taking the machine. Every attempt is bounded by itself, and works unconfined.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::runner::Case;
use crate::world::{Seen, World, check};
use sandbox::Tier;

pub(crate) const CASES: &[Case] = &[
    ("limits_fork_bomb", fork_bomb),
    ("limits_memory_bomb", memory_bomb),
    ("limits_memory_of_each_process", process_memory),
    ("limits_private_directories", private_directories),
    ("limits_processors", processors),
    ("limits_processor_time", processor_time),
    ("limits_open_files", open_files),
    ("limits_file_size", file_size),
    ("limits_cannot_be_raised", cannot_be_raised),
    ("limits_wall_time", wall_time),
    ("limits_wall_time_of_a_launcher_that_is_stopped", wall_time_stopped),
    ("limits_output", output),
    ("limits_leave_no_group", no_group_left),
    ("limits_by_themselves", by_themselves),
];

/// Returns a world with limits.
fn with(world: &World, limits: &[&str]) -> World {
    let mut limited = world.another();
    limited.spec.limits = limits.iter().map(|&limit| limit.to_owned()).collect();
    limited
}

/// Returns what the report says about a limit: what holds it, and whether it was reached.
fn said(seen: &Seen, name: &str) -> (String, String) {
    let report: serde_json::Value = serde_json::from_str(&seen.report).unwrap_or_else(|_| panic!("{}", seen.report));
    let limits = report["limits"].as_array().unwrap();
    let found = limits.iter().find(|limit| limit["name"] == name).unwrap_or_else(|| panic!("{}", seen.report));
    let text = |key: &str| found[key].as_str().unwrap_or("null").to_owned();
    (text("held_by"), text("hit"))
}

/// Returns true, having looked that it was said, when nothing on this machine holds a limit for this user: then
/// nothing ran.
fn is_refused(seen: &Seen, limit: &str) -> bool {
    let is_refused = seen.report.starts_with(&format!("error: the limit `{limit}` cannot be held: "));
    if is_refused {
        assert_eq!((seen.code, seen.out.as_str()), (4, ""), "{}", seen.report);
    }
    is_refused
}

fn fork_bomb(world: &World) {
    for attempt in ["fork-many", "thread-many"] {
        check(attempt, &world.outside(&[attempt, "60"]), &["ok 60"]);
        let limited = with(world, &["processes=20"]);
        let seen = limited.inside(&[attempt, "60"]);
        if is_refused(&seen, "processes=20") {
            continue;
        }
        let (held_by, hit) = said(&seen, "processes");
        if world.tier == Tier::Landlock && held_by == "rlimit" {
            // What others of the same user have counts: there is no user namespace to tell them apart.
            let started = seen.out.strip_prefix("ok ").and_then(|text| text.parse::<u64>().ok()).unwrap();
            assert!(started <= 18, "{attempt}: {started}");
            continue;
        }
        // The probe and the broker are two of the twenty; the process that keeps them together where there are no
        // namespaces is in no group of version 1.
        let most: &[&str] = if world.tier == Tier::Landlock { &["ok 18", "ok 19"] } else { &["ok 18"] };
        check(attempt, &seen.out, most);
        match held_by.as_str() {
            "rlimit" => check("hit", &hit, &["unseen"]),
            _ => check("hit", &hit, &["yes"]),
        }
        // What others of the same user have does not count.
        let bystanders: Vec<_> = (0..25).map(|_| world.bystander()).collect();
        check(attempt, &limited.inside(&[attempt, "60"]).out, most);
        drop(bystanders);
    }
}

fn memory_bomb(world: &World) {
    for (attempt, amount) in [("take-private", "200"), ("take-shared", "200")] {
        check(attempt, &world.outside(&[attempt, amount]), &["ok"]);
        let seen = with(world, &["memory=64M"]).inside(&[attempt, amount]);
        if is_refused(&seen, "memory=64M") {
            continue;
        }
        assert_eq!((seen.code, seen.out.as_str()), (137, ""), "{attempt} {}", seen.report);
        assert_eq!(said(&seen, "memory").1, "yes", "{}", seen.report);
    }
    // None of them takes too much by itself.
    check("take-many", &world.outside(&["take-many", "4", "50"]), &["ok 0 failed"]);
    let seen = with(world, &["memory=100M"]).inside(&["take-many", "4", "50"]);
    if !is_refused(&seen, "memory=100M") {
        assert_ne!(seen.out, "ok 0 failed", "{}", seen.report);
        assert_eq!(said(&seen, "memory").1, "yes", "{}", seen.report);
    }
}

fn process_memory(world: &World) {
    let limited = with(world, &["process-memory=64M"]);
    check("take-private", &world.outside(&["take-private", "200"]), &["ok"]);
    check("take-private", &limited.inside(&["take-private", "200"]).out, &["ENOMEM"]);
    // Each by itself: two that take less go on.
    check("take-many", &limited.inside(&["take-many", "2", "50"]).out, &["ok 0 failed"]);
}

fn private_directories(world: &World) {
    let limited = with(world, &["memory=64M"]);
    for path in ["/tmp/fill", "/var/tmp/fill", "/dev/shm/fill"] {
        // On the host it goes where the test's own files are: the host's memory is not filled.
        check(path, &world.outside(&["fill", &world.path("outside/fill"), "100"]), &["ok 100"]);
        let seen = limited.inside(&["fill", path, "100"]);
        if is_refused(&seen, "memory=64M") {
            continue;
        }
        // Either the file system is full or memory is, whichever comes first.
        let is_full = seen.out.starts_with("ok ") && seen.out.ends_with(" ENOSPC");
        let is_killed = seen.code == 137 && said(&seen, "memory").1 == "yes";
        assert!(is_full || is_killed, "{path}: {} {}", seen.out, seen.report);
    }
}

fn processors(world: &World) {
    let limited = with(world, &["cpu=0.1"]);
    let spent = |out: &str| out.strip_prefix("ok ").and_then(|text| text.parse::<u64>().ok()).unwrap();
    let outside = spent(&world.outside(&["spin-two", "600"]));
    let seen = limited.inside(&["spin-two", "600"]);
    if is_refused(&seen, "cpu=0.1") {
        return;
    }
    assert_eq!(said(&seen, "cpu").1, "yes", "{}", seen.report);
    // A tenth of a processor for 0.6 seconds, and some periods more: other work on the machine stretches it.
    assert!(spent(&seen.out) <= 250, "{} inside, {outside} outside", seen.out);
}

fn processor_time(world: &World) {
    check("spin", &world.outside(&["spin", "1500"]), &["ok"]);
    let seen = with(world, &["cpu-time=1s"]).inside(&["spin", "20000"]);
    assert_eq!((seen.code, seen.out.as_str()), (128 + libc::SIGXCPU, ""), "{}", seen.report);
    assert_eq!(said(&seen, "cpu-time"), ("rlimit".to_owned(), "yes".to_owned()));
    // Who catches the signal has a second more.
    let stubborn = ["sh", "-c", "trap '' XCPU; while :; do :; done"];
    let seen = with(world, &["cpu-time=1s"]).run(&stubborn);
    assert_eq!(seen.code, 137, "{}", seen.report);
}

fn open_files(world: &World) {
    let seen = with(world, &["open-files=20"]).inside(&["open-many", "50"]);
    check("open-many", &seen.out, &["ok 19"]);
    assert_eq!(said(&seen, "open-files").0, "rlimit");
    assert_ne!(world.outside(&["open-many", "50"]), "ok 19");
}

fn file_size(world: &World) {
    check("fill", &world.outside(&["fill", &world.path("project/fill"), "4"]), &["ok 4"]);
    let limited = with(world, &["file-size=2M"]);
    check("fill", &limited.inside(&["fill", &limited.path("project/fill"), "4"]).out, &["ok 2 EFBIG"]);
    let seen = limited.run(&["sh", "-c", "head -c 3000000 /dev/zero > big"]);
    assert_eq!(std::fs::metadata(limited.path("project/big")).unwrap().len(), 2 << 20, "{}", seen.report);
}

fn cannot_be_raised(world: &World) {
    let limits = ["process-memory=1G", "cpu-time=60s", "open-files=100", "file-size=1G"];
    let seen = with(world, &limits).inside(&["raise"]);
    // The number of processes is with the kernel's groups where there are any.
    check("raise", &seen.out, &["ok -----", "ok -+---"]);
}

fn wall_time(world: &World) {
    let limited = with(world, &["wall=300ms"]);
    let seen = limited.inside(&["sleep", "30"]);
    assert_eq!((seen.code, seen.out.as_str()), (128 + libc::SIGTERM, ""), "{}", seen.report);
    assert_eq!(said(&seen, "wall"), ("timer".to_owned(), "ended".to_owned()));
    // One that does not want to end, and a child of it that nobody asked.
    let start = Instant::now();
    let beat = limited.path("project/beat");
    let seen = limited.inside(&["outstay", &beat]);
    assert_eq!(seen.code, 137, "{}", seen.report);
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    assert_eq!(said(&seen, "wall").1, "ended");
    assert_silent(&beat);
    // One that ends in time is not concerned.
    let seen = with(world, &["wall=20s"]).inside(&["sleep", "0"]);
    assert_eq!((seen.code, said(&seen, "wall").1.as_str()), (0, "no"), "{}", seen.report);
}

/// Looks that nobody writes a file any more.
#[track_caller]
fn assert_silent(path: &str) {
    let before = std::fs::read_to_string(path).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(std::fs::read_to_string(path).unwrap(), before, "somebody goes on");
}

/// A command that stops itself has the launcher stop too, and a child that goes on must not outlive the time.
fn wall_time_stopped(world: &World) {
    let limited = with(world, &["wall=200ms"]);
    let beat = limited.path("project/beat");
    let mut launcher = limited.probe_launcher(&["outstay", &beat]).spawn().unwrap();
    while !Path::new(&beat).exists() && matches!(launcher.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&launcher);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    std::thread::sleep(Duration::from_secs(9));
    assert_silent(&beat);
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    launcher.wait().unwrap();
}

fn output(world: &World) {
    let seen = world.inside(&["print", "50000"]);
    assert_eq!((seen.code, seen.out.len()), (0, 50_002), "without a limit everything comes, and `ok`");
    let limited = with(world, &["output=20000"]);
    let seen = limited.inside(&["print", "50000"]);
    assert_eq!(seen.out.len(), 20_000, "{}", seen.report);
    assert_eq!(said(&seen, "output"), ("relay".to_owned(), "ended".to_owned()));
    // Both streams count together.
    let seen = limited.run(&["sh", "-c", "head -c 15000 /dev/zero; head -c 15000 /dev/zero >&2; sleep 30"]);
    assert_eq!(said(&seen, "output").1, "ended", "{}", seen.report);
    assert!(seen.out.len() + seen.error.len() <= 20_000);
    // Who stays below has everything, in order, with the command's own code.
    let seen = limited.run(&["sh", "-c", "echo out; echo err >&2; head -c 10000 /dev/zero | tr '\\0' x; exit 7"]);
    assert_eq!((seen.code, seen.out.len(), seen.error.as_str()), (7, 10_004, "err"), "{}", seen.report);
    assert_eq!(said(&seen, "output").1, "no");
}

/// Returns the groups of ours that there are, everywhere.
fn groups() -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![std::path::PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let name = entry.file_name().to_string_lossy().into_owned();
                found.extend(name.starts_with("palisade-").then(|| entry.path().display().to_string()));
                open.push(entry.path());
            }
        }
    }
    found
}

fn no_group_left(world: &World) {
    let of = |pid: u32| -> Vec<String> {
        groups().into_iter().filter(|group| group.contains(&format!("-{pid}-"))).collect()
    };
    let mut launcher = world.launcher(&["sleep", "30"]).spawn().unwrap();
    let pid = launcher.id();
    std::thread::sleep(Duration::from_millis(500));
    let during = of(pid);
    let is_grouped = said(&world.run(&["true"]), "processes").0.starts_with("cgroup");
    assert_eq!(is_grouped, !during.is_empty(), "{during:?}");
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    // The launcher could take nothing away; its janitor does.
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let left = of(pid);
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{left:?} of {during:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut launcher = world.launcher(&["true"]).spawn().unwrap();
    launcher.wait().unwrap();
    assert_eq!(of(launcher.id()), Vec::<String>::new());
}

/// What holds without anybody's word, and what nothing holds is told.
fn by_themselves(world: &World) {
    let seen = world.run(&["sh", "-c", "ulimit -n"]);
    let report: serde_json::Value = serde_json::from_str(&seen.report).unwrap();
    let names: Vec<&str> =
        report["limits"].as_array().unwrap().iter().map(|limit| limit["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["memory", "processes", "open-files"]);
    let missing = |name: &str| {
        report["missing"].as_array().unwrap().iter().any(|row| row["what"] == format!("limit-{name}").as_str())
    };
    for name in ["memory", "processes"] {
        let (held_by, _) = said(&seen, name);
        let is_whole = held_by.starts_with("cgroup") || (name == "processes" && held_by == "rlimit");
        assert_eq!(missing(name), !is_whole, "{name} {}", seen.report);
    }
}
