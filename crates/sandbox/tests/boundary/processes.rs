//! Rows 1, 3, 4, 6, 13, 14, 17, 46-48, 74: processes of the host and our own.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::runner::Case;
use crate::world::{World, check, check_control, is_contained};
use sandbox::Tier;

pub(crate) const CASES: &[Case] = &[
    ("processes_of_the_host_are_out_of_reach", out_of_reach),
    ("processes_of_the_host_are_not_seen", not_seen),
    ("processes_of_the_host_are_not_seen_elsewhere", not_seen_elsewhere),
    ("processes_init_is_closed", init_is_closed),
    ("processes_background_ends_with_the_command", background),
    ("processes_exit_codes_pass", exit_codes),
    ("processes_signals_pass", signals),
    ("processes_launcher_killed", launcher_killed),
];

fn out_of_reach(world: &World) {
    for (attempt, inside, outside) in [
        ("ptrace", ["EPERM", "EPERM"], ["ok", "ok"]),
        ("vm-read", ["EPERM", "EPERM"], ["EFAULT", "ok"]),
        ("vm-write", ["EPERM", "EPERM"], ["EFAULT", "ok"]),
        ("kcmp", ["EPERM", "EPERM"], ["ok", "ok"]),
        ("pidfd-open", ["ESRCH", "EPERM"], ["ok", "ok"]),
        ("pidfd-getfd", ["ESRCH", "EPERM"], ["ok", "ok"]),
        ("pidfd-signal", ["ESRCH", "EPERM"], ["ok", "ok"]),
        ("kill", ["ESRCH", "EPERM"], ["ok", "ok"]),
    ] {
        let mut bystander = world.bystander();
        // A process of the host that is seen can be named, which does nothing to it.
        let named = if world.tier == Tier::Landlock && attempt == "pidfd-open" { "ok" } else { inside[0] };
        check(attempt, &world.inside(&[attempt, &bystander.pid()]).out, &[named, inside[1]]);
        assert!(bystander.is_alive(), "{attempt}");
        check_control(attempt, &world.outside(&[attempt, &bystander.pid()]), &outside);
    }
    let mut bystander = world.bystander();
    world.inside(&["kill-all"]);
    assert!(bystander.is_alive());
}

fn not_seen(world: &World) {
    let bystander = world.bystander();
    let pid = bystander.pid();
    assert_eq!(world.inside(&["pids"]).out, "ok 1 2");
    for name in ["root/etc", "fd", "ns/net", "cwd"] {
        let path = format!("/proc/{pid}/{name}");
        check(name, &world.inside(&["list", &path]).out, &["ENOENT"]);
    }
    check("environ", &world.inside(&["read", &format!("/proc/{pid}/environ")]).out, &["ENOENT"]);
    check("setns", &world.inside(&["setns", &format!("/proc/{pid}/ns/net")]).out, &["ENOENT"]);
    assert!(world.outside(&["read", &format!("/proc/{pid}/environ")]).starts_with("ok"));
}

/// A `/proc` of the host that is mounted elsewhere shows the host's processes; it takes root to have one.
fn not_seen_elsewhere(world: &World) {
    if !rustix::process::geteuid().is_root() || is_contained() {
        return;
    }
    let place = world.path("outside/proc dir");
    std::fs::create_dir(&place).unwrap();
    let launcher = world.launcher(&["sh", "-c", "cat '../outside/proc dir/self/comm'"]);
    let words: Vec<_> = std::iter::once(launcher.get_program()).chain(launcher.get_args()).collect();
    let script = "mount -t proc proc \"$0\" && cat \"$0/1/comm\" >&2 && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    let output = command.args(["-m", "sh", "-c", script, &place]).args(words).output().unwrap();
    let seen = world.seen(&output);
    assert!(seen.error.contains("Permission denied") && seen.code == 1, "{} {}", seen.error, seen.report);
}

fn init_is_closed(world: &World) {
    for name in ["environ", "mem", "maps", "syscall", "auxv"] {
        check(name, &world.inside(&["read", &format!("/proc/1/{name}")]).out, &["EACCES", "EPERM"]);
    }
    // Whoever says that it would make the file asks the one whose files these are.
    for name in ["environ", "mem", "maps", "auxv", "task/1/mem"] {
        check(name, &world.inside(&["read-made", &format!("/proc/1/{name}")]).out, &["EACCES", "EPERM"]);
    }
    check("one's own", &world.inside(&["read-made", "/proc/self/comm"]).out, &["ok probe", "EROFS", "EACCES"]);
    for name in ["root", "cwd", "fd/0/", "fd/3/", "ns/net"] {
        check(name, &world.inside(&["list", &format!("/proc/1/{name}")]).out, &["EACCES", "EPERM"]);
        check(name, &world.inside(&["read", &format!("/proc/1/{name}")]).out, &["EACCES", "EPERM"]);
    }
    assert_eq!(world.run(&["cat", "/proc/1/comm"]).out, "palisade: init");
    let seen = world.run(&["sh", "-c", "kill -9 1; kill -STOP 1; echo on; exit 3"]);
    assert_eq!((seen.out.as_str(), seen.code), ("on", 3));
}

fn background(world: &World) {
    let late = world.path("project/late");
    world.inside(&["daemonise", &late, "escaped"]);
    world.outside(&["daemonise", &world.path("project/control"), "written"]);
    wait_until(|| world.text("project/control") == "written");
    assert!(!std::path::Path::new(&late).exists());
}

fn exit_codes(world: &World) {
    for code in [0, 1, 2, 42, 126, 255] {
        assert_eq!(world.run(&["sh", "-c", &format!("exit {code}")]).code, code);
    }
    for signal in [1, 2, 9, 15, 11] {
        assert_eq!(world.run(&["sh", "-c", &format!("kill -{signal} $$")]).code, 128 + signal);
    }
    let mut launcher = world.launcher(&["no-such-program"]);
    let seen = world.seen(&launcher.env("PATH", "/usr/bin:/bin").output().unwrap());
    assert_eq!(
        seen.report,
        "error: cannot start `no-such-program` inside the boundary: No such file or directory (os error 2)"
    );
    assert_eq!(seen.code, 4);
}

/// Waits without a fixed time, and gives up loudly.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signals(world: &World) {
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1), ("QUIT", 3), ("USR1", 10), ("USR2", 12)] {
        let script =
            format!("trap 'echo got {name}; exit 7' {name}; echo up > src/ready; while :; do sleep 0.02; done");
        let _ = std::fs::remove_file(world.path("project/src/ready"));
        let child = world.launcher(&["sh", "-c", &script]).spawn().unwrap();
        wait_until(|| world.text("project/src/ready") == "up\n");
        send(child.id(), number);
        let seen = world.seen(&child.wait_with_output().unwrap());
        assert_eq!((seen.out.as_str(), seen.code), (format!("got {name}").as_str(), 7));
    }
}

/// Sends a signal to a process that this test started.
pub(crate) fn send(pid: u32, number: i32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let signal = rustix::process::Signal::from_named_raw(number).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Rows 48, 74: killed at any moment, the launcher leaves nothing behind.
fn launcher_killed(world: &World) {
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts();
    for delay in 0..24 {
        let late = world.path("project/late");
        let mut launcher = world.launcher(&["sh", "-c", "sleep 0.2; echo escaped > late"]);
        let mut child = launcher.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(delay * 500));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert!(!std::path::Path::new(&late).exists());
    }
    std::thread::sleep(Duration::from_millis(400));
    assert!(!std::path::Path::new(&world.path("project/late")).exists());
    assert_eq!(mounts(), before);
}
