//! What holds in the lowest tier where there are no namespaces, tried by cases of its own.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::processes::wait_until;
use crate::runner::Case;
use crate::world::{World, check, is_contained};

pub(crate) const CASES: &[Case] = &[
    ("lower_devices", devices),
    ("lower_processes", processes),
    ("lower_launcher_killed", launcher_killed),
    ("lower_fork_bomb", fork_bomb),
    ("lower_temporary", temporary),
    ("lower_temporary_of_a_killed_keeper", temporary_left),
    ("lower_below_tmp", below_tmp),
    ("lower_temporary_elsewhere", temporary_elsewhere),
    ("lower_absent", absent),
    ("lower_replaced", replaced),
    ("lower_terminal", terminal),
    ("lower_attributes", attributes),
    ("lower_shared_memory", shared_memory),
    ("lower_siblings_can_be_read", siblings),
    ("lower_second_name", second_name),
    ("lower_report", report),
];

/// Row 53: devices can be named, and none but the usual ones opened.
fn devices(world: &World) {
    check("/dev/null", &world.inside(&["append", "/dev/null", "x"]).out, &["ok"]);
    let nodes = fs::read_dir("/dev").unwrap().filter_map(Result::ok);
    let usual = ["null", "zero", "full", "random", "urandom", "tty"];
    let is_other = |name: &str| !usual.contains(&name) && !Path::new("/dev").join(name).is_symlink();
    let names: Vec<String> =
        nodes.map(|node| node.file_name().into_string().unwrap()).filter(|name| is_other(name)).collect();
    for name in
        names.iter().filter(|name| Path::new("/dev").join(name).is_file() || name.starts_with("vd") || *name == "kmsg")
    {
        check(name, &world.inside(&["read", &format!("/dev/{name}")]).out, &["EACCES"]);
    }
}

/// Rows 4, 6, 14, 17: a process of the host is seen and cannot be entered, and neither can our own.
fn processes(world: &World) {
    let mut bystander = world.bystander();
    let parents = world.run(&["sh", "-c", "cut -d' ' -f4 /proc/$PPID/stat; echo $PPID"]).out;
    assert_eq!(parents.lines().count(), 2, "{parents}");
    let pid = bystander.pid();
    for pid in ["1", &pid] {
        for name in ["environ", "mem", "maps", "auxv", "fd/0", "fd/1"] {
            check(name, &world.inside(&["read", &format!("/proc/{pid}/{name}")]).out, &["EACCES", "EPERM"]);
            check(name, &world.inside(&["read-made", &format!("/proc/{pid}/{name}")]).out, &["EACCES", "EPERM"]);
        }
        for name in ["root/etc", "cwd/."] {
            check(name, &world.inside(&["list", &format!("/proc/{pid}/{name}")]).out, &["EACCES", "EPERM"]);
        }
        check("setns", &world.inside(&["setns", &format!("/proc/{pid}/ns/net")]).out, &["EACCES", "EPERM"]);
    }
    assert!(world.outside(&["read", &format!("/proc/{pid}/environ")]).starts_with("ok"));
    // The two above the command: the init in its own domain, and the keeper outside of it.
    let script = "kill -9 $PPID; kill -9 $(cut -d' ' -f4 /proc/$PPID/stat); kill -STOP $PPID; echo on; exit 3";
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!((seen.out.as_str(), seen.code), ("on", 3), "{}", seen.error);
    for name in ["environ", "mem", "fd/3"] {
        let probe = world.probe();
        let made = world.run(&["sh", "-c", &format!("{probe} probe read-made /proc/$PPID/{name}")]);
        check(name, &made.out, &["EACCES", "EPERM", "ENOENT"]);
        let seen = world.run(&["sh", "-c", &format!("cat /proc/$PPID/{name}")]);
        assert!(seen.error.contains("Permission denied"), "{name}: {}", seen.error);
    }
    world.inside(&["kill-all"]);
    assert!(bystander.is_alive());
}

/// Row 74: what the command left in a session of its own is gone with the launcher.
///
/// How long that takes on a busy machine nobody knows, and other commands of this user have directories too: what is
/// waited for is that nothing of these runs any more, and that of the directories which were there then none stays.
fn launcher_killed(world: &World) {
    let left = "(setsid sh -c 'while [ ! -e src/go ]; do sleep 0.02; done; echo escaped > src/late' &)";
    let before = temporaries();
    let mut seen = BTreeSet::new();
    for delay in 0..16 {
        let mut launcher = world.launcher(&["sh", "-c", &format!("{left}; echo up > src/up; sleep 50")]);
        let mut child = launcher.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if delay % 2 == 0 {
            wait_until(|| Path::new(&world.path("project/src/up")).exists());
        } else {
            std::thread::sleep(Duration::from_micros(delay * 700));
        }
        seen.extend(temporaries());
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until(|| running_in(&world.path("project")) == 0);
        let _ = fs::remove_file(world.path("project/src/up"));
    }
    seen.extend(temporaries());
    let own: Vec<_> = seen.into_iter().filter(|name| !before.contains(name)).collect();
    wait_until(|| temporaries().iter().all(|name| !own.contains(name)));
    fs::write(world.path("project/src/go"), "").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(!Path::new(&world.path("project/src/late")).exists());
    assert!(world.outside_shell(left));
    wait_until(|| world.text("project/src/late") == "escaped\n");
}

/// Returns how many processes run in a directory.
fn running_in(directory: &str) -> usize {
    let is_there =
        |entry: &fs::DirEntry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == Path::new(directory));
    fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter(is_there).count()
}

/// Returns this user's temporary directories of commands that run.
fn temporaries() -> Vec<String> {
    let is_ours = |entry: &fs::DirEntry| {
        let is_own = entry.metadata().is_ok_and(|stat| stat.uid() == rustix::process::geteuid().as_raw());
        is_own && entry.file_name().to_string_lossy().starts_with("palisade-")
    };
    let entries = fs::read_dir("/tmp").unwrap().filter_map(Result::ok).filter(is_ours);
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Row 46, by processes that make others faster than a walk finds them.
fn fork_bomb(world: &World) {
    let script = "f() { while :; do (setsid sh -c 'sleep 0.01' &); done; }; f & f & f & sleep 0.3; exit 5";
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!(seen.code, 5, "{} {}", seen.error, seen.report);
    assert_eq!(running_in(&world.path("project")), 0);
}

/// Row 91: the shared directories are closed, and the command's own is gone afterwards.
fn temporary(world: &World) {
    let name = world.path("").replace('/', "-");
    for place in ["/tmp", "/var/tmp", "/dev/shm"] {
        let path = format!("{place}/lower{name}");
        fs::write(&path, "host").unwrap();
        check(place, &world.inside(&["read", &path]).out, &["EACCES"]);
        check(place, &world.inside(&["write", &path, "inside"]).out, &["EACCES"]);
        check(place, &world.inside(&["write", &format!("{path}-new"), "inside"]).out, &["EACCES"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "host");
        fs::remove_file(&path).unwrap();
    }
    let script = "mkdir $TMPDIR/a && echo x > $TMPDIR/a/b && cat $TMPDIR/a/b && echo $TMPDIR; mkdir -m 0 $TMPDIR/c";
    let seen = world.run(&["sh", "-c", script]);
    let (text, directory) = seen.out.split_once('\n').unwrap();
    assert_eq!(text, "x");
    assert!(directory.starts_with("/tmp/palisade-") && !Path::new(directory).exists(), "{directory}");
}

/// What a killed keeper leaves is gone with the next start, and what belongs to a command that runs is not.
fn temporary_left(world: &World) {
    let script = "echo $TMPDIR > src/$0; while [ -e src/$0 ]; do sleep 0.01; done";
    let place = |name: &str| {
        let path = world.path(&format!("project/src/{name}"));
        wait_until(|| fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')));
        fs::read_to_string(&path).unwrap().trim().to_owned()
    };
    let start = |name: &str| world.launcher(&["sh", "-c", script, name]).stdin(Stdio::null()).spawn().unwrap();
    let (mut killed, mut runs) = (start("killed"), start("runs"));
    let (left, used) = (place("killed"), place("runs"));
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", killed.id())).unwrap();
    let keeper = children.split_whitespace().find(|pid| {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.starts_with("palisade: boundary"))
    });
    let keeper = rustix::process::Pid::from_raw(keeper.unwrap().parse().unwrap()).unwrap();
    rustix::process::kill_process(keeper, rustix::process::Signal::KILL).unwrap();
    killed.wait().unwrap();
    assert!(Path::new(&left).exists(), "the control: {left}");
    fs::remove_file(world.path("project/src/killed")).unwrap();
    world.run(&["true"]);
    wait_until(|| !Path::new(&left).exists());
    assert!(Path::new(&used).exists());
    fs::remove_file(world.path("project/src/runs")).unwrap();
    runs.wait().unwrap();
    assert!(!Path::new(&used).exists());
}

/// Rows 90, 91: the host shows `/tmp` at another place as well; it takes root to have one.
fn temporary_elsewhere(world: &World) {
    if !rustix::process::geteuid().is_root() || is_contained() {
        return;
    }
    let file = tempfile::Builder::new().prefix("lower").tempfile_in("/tmp").unwrap();
    fs::write(file.path(), "canary").unwrap();
    let name = file.path().file_name().unwrap().to_str().unwrap();
    fs::create_dir(world.path("outside/tmp dir")).unwrap();
    let script = "mount --bind /tmp \"$0\"; exec \"$@\"";
    let cat = ["cat", &world.path(&format!("outside/tmp dir/{name}"))];
    let run = |words: &[&std::ffi::OsStr]| {
        let mut command = std::process::Command::new("unshare");
        command.args(["-m", "sh", "-c", script, &world.path("outside/tmp dir")]);
        world.seen(&command.args(words).output().unwrap())
    };
    assert_eq!(run(&cat.map(std::ffi::OsStr::new)).out, "canary", "control");
    let launcher = world.launcher(&cat);
    let words: Vec<_> = std::iter::once(launcher.get_program()).chain(launcher.get_args()).collect();
    let seen = run(&words);
    assert!(seen.error.contains("Permission denied") && seen.code == 1, "{} {}", seen.error, seen.report);
}

fn below_tmp(world: &World) {
    for place in ["/tmp", "/var/tmp"] {
        let directory = tempfile::tempdir_in(place).unwrap();
        let mut inner = world.another();
        let project = directory.path().join("a/project");
        fs::create_dir_all(project.join("src")).unwrap();
        fs::write(directory.path().join("a/secret"), "x").unwrap();
        fs::write(project.join("held"), "kept").unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        inner.spec.writable = vec![text(&project)];
        inner.spec.cwd = text(&project);
        inner.spec.closed = vec![text(&project.join("held"))];
        let seen = inner.run(&["sh", "-c", "echo made > src/new; echo evil > held; cat ../secret; cat held"]);
        assert_eq!(seen.out, "kept", "{}", seen.error);
        assert_eq!(fs::read_to_string(project.join("src/new")).unwrap(), "made\n");
        assert_eq!(fs::read_to_string(project.join("held")).unwrap(), "kept");
    }
}

fn absent(world: &World) {
    let mut inner = world.another();
    inner.spec.closed.push(inner.path("project/src/later"));
    check("made", &inner.inside(&["write", "src/later", "x"]).out, &["EPERM"]);
    assert!(!Path::new(&inner.path("project/src/later")).exists());
}

/// Row 72: what the host puts in a held file's place has no grant.
fn replaced(world: &World) {
    let script = "echo up > src/ready; while [ ! -e go ]; do sleep 0.01; done; echo evil > .git/config; exit 6";
    let child = world.launcher(&["sh", "-c", script]).spawn().unwrap();
    wait_until(|| world.text("project/src/ready") == "up\n");
    fs::write(world.path("project/.git/new"), "[replaced]").unwrap();
    fs::rename(world.path("project/.git/new"), world.path("project/.git/config")).unwrap();
    fs::write(world.path("project/go"), "").unwrap();
    let seen = world.seen(&child.wait_with_output().unwrap());
    assert_eq!(seen.code, 6, "{}", seen.error);
    assert_eq!(world.text("project/.git/config"), "[replaced]");
}

/// Rows 33-35: a terminal of its own, and nobody else's can be opened.
fn terminal(world: &World) {
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let other = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&other).unwrap();
    rustix::pty::unlockpt(&other).unwrap();
    let name = rustix::pty::ptsname(&other, Vec::new()).unwrap().into_string().unwrap();
    check("another terminal", &world.inside(&["append", &name, "evil"]).out, &["EACCES"]);
    check("control", &world.outside(&["append", &name, "evil"]), &["ok"]);
}

/// Row 93: attributes are no matter of Landlock, so that the broker alone changes them.
fn attributes(world: &World) {
    let canary = world.path("outside/canary");
    fs::set_permissions(&canary, PermissionsExt::from_mode(0o640)).unwrap();
    for words in [["chmod", &canary], ["chown", &canary], ["utimes", &canary], ["setxattr", &canary]] {
        check(words[0], &world.inside(&words).out, &["EPERM"]);
        check(words[0], &world.inside(&[words[0], ".git/config"]).out, &["EPERM"]);
        // Nobody has the right to give files away inside, not root either.
        let inside = if words[0] == "chown" { "EPERM" } else { "ok" };
        check(words[0], &world.inside(&[words[0], "src/lib.rs"]).out, &[inside]);
    }
    // The flags of a file that can be read, by a descriptor for reading: FS_IOC_SETFLAGS.
    check("flags", &world.inside(&["ioctl-file", &canary, "1074292226"]).out, &["EPERM"]);
    assert_eq!(fs::metadata(&canary).unwrap().permissions().mode() & 0o777, 0o640);
    check("control", &world.outside(&["chmod", &canary]), &["ok"]);
}

/// What the host's processes share.
fn shared_memory(world: &World) {
    check("System V", &world.inside(&["shmget"]).out, &["EPERM"]);
    check("control", &world.outside(&["shmget"]), &["ok"]);
}

/// What lies beside a hidden path can be read, and everywhere else too.
fn siblings(world: &World) {
    for name in ["outside/canary", "project/src/lib.rs", "project/.git/config"] {
        let seen = world.inside(&["read", &world.path(name)]).out;
        assert!(seen.starts_with("ok"), "{name}: {seen}");
    }
    fs::write(world.path("outside/deep/file"), "deep").unwrap();
    check("below", &world.inside(&["read", &world.path("outside/deep/file")]).out, &["ok deep"]);
    check("/etc", world.inside(&["list", "/etc/."]).out.split(' ').next().unwrap(), &["ok"]);
}

/// A second name of a held file is held too, in the directories that lead to it.
fn second_name(world: &World) {
    fs::hard_link(world.path("project/.env"), world.path("project/env")).unwrap();
    fs::hard_link(world.path("project/.git/config"), world.path("project/.git/second")).unwrap();
    check("read", &world.inside(&["read", "env"]).out, &["EACCES"]);
    check("write", &world.inside(&["write", ".git/second", "evil"]).out, &["EACCES"]);
    assert_eq!(world.text("project/.git/config"), "[core]");
    check("control", &world.outside(&["write", ".git/second", "evil"]), &["ok"]);
    assert_eq!(world.text("project/.git/config"), "evil");
}

fn report(world: &World) {
    let seen = world.run(&["true"]);
    for text in ["\"tier\": \"landlock\"", "\"no-sockets\"", "\"what\": \"pid-namespace\""] {
        assert!(seen.report.contains(text), "{text}: {}", seen.report);
    }
    for text in ["\"broker\"", "\"new-names\"", "\"new-programs\"", "\"file-attributes\""] {
        assert!(!seen.report.contains(text), "{text}: {}", seen.report);
    }
    let enforced = "\"enforced\": [\n    \"no-capabilities\",\n";
    assert!(seen.report.contains(enforced), "{}", seen.report);
}
