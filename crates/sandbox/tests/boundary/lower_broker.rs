//! The broker where nothing but Landlock is around it, tried by cases of its own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::processes::wait_until;
use crate::runner::Case;
use crate::world::{Seen, World, check, is_contained};

pub(crate) const CASES: &[Case] = &[
    ("lower_broker_replaced_files", replaced),
    ("lower_broker_moved_directories", moved),
    ("lower_broker_directories_keep_names", keeps_names),
    ("lower_broker_second_names", second_names),
    ("lower_broker_attributes_outside", attributes),
    ("lower_broker_own_files_in_proc", own_files),
    ("lower_broker_processes_of_the_host", host_processes),
    ("lower_broker_private_names_stay_private", private_names),
    ("lower_broker_second_mounts", second_mounts),
    ("lower_broker_threads_of_their_own", own_threads),
    ("lower_broker_closed_memory", closed_memory),
    ("lower_broker_reads_what_is_made", made),
    ("lower_broker_reads_proc_as_the_callers", proc_as_the_callers),
    ("lower_broker_hidden_programs", hidden_programs),
    ("lower_broker_cannot_be_had", alone),
    ("lower_broker_reads_memory_by_file", by_file),
    ("lower_broker_another_supervisor", supervisor),
    ("lower_nested", nested),
    ("lower_leases", leases),
];

/// Rows 67, 72: a held name is held whatever the host puts there, and before anything is there.
fn replaced(world: &World) {
    let script = "echo up > ready; while [ ! -e go ]; do sleep 0.01; done; echo evil > .git/config; echo evil > .mcp.json; \
                  cat .env; mv src/lib.rs .env; echo on > after";
    let child = world.launcher(&["sh", "-c", script]).spawn().unwrap();
    wait_until(|| world.text("project/ready") == "up\n");
    for (name, text) in [(".git/config", "[new]"), (".mcp.json", "mine"), (".env", "SECRET=3")] {
        fs::write(world.path("project/new"), text).unwrap();
        fs::rename(world.path("project/new"), world.path(&format!("project/{name}"))).unwrap();
    }
    fs::write(world.path("project/go"), "").unwrap();
    let seen = world.seen(&child.wait_with_output().unwrap());
    assert_eq!(seen.out, "", "{}", seen.report);
    assert_eq!(world.text("project/after"), "on\n");
    assert_eq!(world.text("project/.git/config"), "[new]");
    assert_eq!(world.text("project/.mcp.json"), "mine");
    assert_eq!(world.text("project/.env"), "SECRET=3");
}

/// What is held stays held where the host moves it.
fn moved(world: &World) {
    let mut inner = world.another();
    fs::create_dir_all(inner.path("project/private/deep")).unwrap();
    fs::write(inner.path("project/private/deep/secret"), "SECRET=4").unwrap();
    inner.spec.hidden.push(inner.path("project/private"));
    let script = "echo up > ready; while [ ! -e go ]; do sleep 0.01; done; echo evil > moved/sample; echo evil > moved/new; \
                  mkdir moved/made; rm moved/sample; mv moved/sample src/; chmod 777 moved/sample; ln moved/sample src/b; \
                  cat open/deep/secret; cat src/env; (cd open/deep && cat secret; echo evil > made); \
                  (exec 3< open/deep; cat /proc/self/fd/3/secret); (echo evil > src/env); echo on > after";
    let child = inner.launcher(&["sh", "-c", script]).spawn().unwrap();
    wait_until(|| inner.text("project/ready") == "up\n");
    for (from, to) in [(".git/hooks", "moved"), ("private", "open"), (".env", "src/env")] {
        let path = |name: &str| inner.path(&format!("project/{name}"));
        fs::rename(path(from), path(to)).unwrap();
    }
    fs::write(inner.path("project/go"), "").unwrap();
    let seen = inner.seen(&child.wait_with_output().unwrap());
    assert_eq!(seen.out, "", "{}", seen.report);
    assert_eq!(inner.text("project/after"), "on\n");
    assert_eq!(inner.text("project/moved/sample"), "sample");
    assert_eq!(fs::read_dir(inner.path("project/moved")).unwrap().count(), 1);
    assert_eq!(fs::metadata(inner.path("project/moved/sample")).unwrap().mode() & 0o111, 0);
    assert_eq!(inner.text("project/open/deep/secret"), "SECRET=4");
    assert!(!Path::new(&inner.path("project/open/deep/made")).exists());
    assert_eq!(inner.text("project/src/env"), "SECRET=1");
    let control = inner.outside(&["read", "open/deep/secret"]);
    check("control", &control, &["ok SECRET=4"]);
}

/// Rows 64, 65: a directory that leads to something held cannot be moved away, and neither can the project.
fn keeps_names(world: &World) {
    let inner = world.another();
    for words in [
        &["rename", ".git", "git"] as &[&str],
        &["exchange", ".git", "src"],
        &["rename", &inner.path("project"), &inner.path("moved")],
        &["unlink", ".git"],
    ] {
        check(&words.join(" "), &inner.inside(words).out, &["EBUSY", "EACCES", "EPERM", "EXDEV", "errno 21"]);
    }
    let seen = inner.run(&["sh", "-c", "mkdir e && mv -T e .git; mkdir -p .git; rm -rf .git; ls -d .git/config"]);
    assert_eq!(seen.out, ".git/config", "{}", seen.report);
    check("control", &inner.outside(&["rename", ".git", "git"]), &["ok"]);
}

/// Row 63: names that held files have elsewhere in the project are held, too.
fn second_names(world: &World) {
    fs::create_dir_all(world.path("project/deep/er")).unwrap();
    fs::hard_link(world.path("project/.env"), world.path("project/deep/er/env")).unwrap();
    fs::hard_link(world.path("project/.git/config"), world.path("project/deep/er/config")).unwrap();
    check("read", &world.inside(&["read", "deep/er/env"]).out, &["EACCES"]);
    for words in [
        &["write", "deep/er/config", "evil"] as &[&str],
        &["append", "deep/er/env", "evil"],
        &["truncate", "deep/er/config"],
        &["chmod", "deep/er/config"],
        &["hardlink", "deep/er/config", "third"],
        &["link-fd", "deep/er/config", "third"],
    ] {
        check(&words.join(" "), &world.inside(words).out, &["EACCES", "EPERM"]);
    }
    assert_eq!(world.text("project/.git/config"), "[core]");
    check("control", &world.outside(&["write", "deep/er/config", "evil"]), &["ok"]);
    assert_eq!(world.text("project/.git/config"), "evil");
}

/// Row 93: Landlock knows nothing of attributes, so that the broker must not change them for anybody.
fn attributes(world: &World) {
    let canary = world.path("outside/canary");
    std::os::unix::fs::symlink(&canary, world.path("project/link")).unwrap();
    fs::set_permissions(&canary, PermissionsExt::from_mode(0o640)).unwrap();
    fs::write(world.path("outside/given"), "given").unwrap();
    let times = |path: &str| (fs::metadata(path).unwrap().mtime(), fs::metadata(path).unwrap().mode());
    let before = times(&canary);
    for path in [canary.as_str(), "link", "../outside/canary", &format!("/proc/self/root{canary}")] {
        for action in ["chmod", "chown", "utimes", "setxattr"] {
            check(action, &world.inside(&[action, path]).out, &["EPERM"]);
        }
    }
    // What it has open for reading, or got open for writing.
    let script = format!(
        "exec 3< {canary}; chmod 777 /proc/self/fd/3 /dev/stdout; touch /proc/self/fd/3; touch -h /proc/self/cwd/../outside"
    );
    let given = fs::File::create(world.path("outside/given")).unwrap();
    let before_given = fs::metadata(world.path("outside/given")).unwrap().mode();
    let mut launcher = world.launcher(&["sh", "-c", &script]);
    let output = launcher.stdout(given).output().unwrap();
    world.seen(&output);
    assert_eq!(times(&canary), before);
    assert_eq!(fs::metadata(world.path("outside/given")).unwrap().mode(), before_given);
    let unnamed = "exec 3> gone; rm gone; chmod 600 /proc/self/fd/3 && echo ok";
    check("its own without a name", &world.run(&["sh", "-c", unnamed]).out, &["ok"]);
    check("control", &world.outside(&["chmod", "link"]), &["ok"]);
    assert_ne!(times(&canary), before);
}

/// Row 6: the broker opens nothing of its own process, which opens to itself alone.
fn own_files(world: &World) {
    let names = "mem environ maps auxv fd/0 fd/3 fd/4 fd/5 fd/6 fd/7 fd/8 root/etc/hostname cwd task/INIT/mem task/INIT/fd/4 \
                 ns/mnt exe fdinfo/3 io stack syscall pagemap map_files";
    let script = format!(
        "init=$PPID; for tid in $(ls /proc/$init/task); do for name in {names}; do \
           name=$(echo $name | sed s/INIT/$tid/); \
           for path in /proc/$init/$name /proc/$tid/$name /proc/self/root/proc/$init/$name /proc/self/cwd/../../../../../proc/$tid/$name; do \
             head -c 1 < $path >/dev/null && echo read $path; ls $path/. >/dev/null && echo listed $path; \
             echo x >> $path && echo wrote $path; \
           done; done; done 2>/dev/null; cut -d' ' -f4 /proc/$init/stat >/dev/null && echo stat"
    );
    let seen = world.run(&["sh", "-c", &script]);
    assert_eq!(seen.out, "stat", "{}", seen.report);
}

/// Rows 4, 6: neither does it open what other processes of the user have.
fn host_processes(world: &World) {
    let directory = world.path("outside/deep");
    let mut command = Command::new("sleep");
    command.arg("60").current_dir(&directory).stdin(fs::File::open(world.path("outside/secret")).unwrap());
    let mut sleeper = command.spawn().unwrap();
    let pid = sleeper.id();
    for path in [format!("/proc/{pid}/fd/0"), format!("/proc/{pid}/root/etc/hostname"), format!("/proc/{pid}/environ")]
    {
        check(&path, &world.inside(&["read", &path]).out, &["EACCES"]);
    }
    for path in [format!("/proc/{pid}/cwd/made"), format!("/proc/{pid}/root{}/made", world.path("project"))] {
        check(&path, &world.inside(&["write", &path, "evil"]).out, &["EACCES"]);
    }
    check("control", &world.outside(&["write", &format!("/proc/{pid}/cwd/made"), "evil"]), &["ok"]);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

/// In the private directories no name is protected: nothing is moved or linked from there, as between mounts, not even
/// where all lies on one file system.
fn private_names(world: &World) {
    let mut inner = world.another();
    inner.spec.caches = vec![inner.path("caches/one")];
    let script = "cache=${CARGO_HOME%/cargo}; for place in $TMPDIR $cache; do mkdir -p $place/x/.vscode $place/x/.git; \
        echo evil > $place/x/.vscode/tasks.json; echo evil > $place/x/.git/config; echo evil > $place/plain; done; \
        RENAME; echo done";
    let probe = inner.probe();
    let rename = format!(
        "for place in $TMPDIR $cache; do {probe} probe rename $place/x x; {probe} probe exchange $place/x src; \
         {probe} probe hardlink $place/plain plain; {probe} probe rename src $place/src; done"
    );
    let seen = inner.run(&["sh", "-c", &script.replace("RENAME", &rename)]);
    assert_eq!(seen.out, format!("{}done", "EXDEV\n".repeat(8)), "{} {}", seen.error, seen.report);
    assert_eq!(inner.text("caches/one/x/.vscode/tasks.json"), "evil\n");
    assert!(!Path::new(&inner.path("project/x")).exists() && !Path::new(&inner.path("project/plain")).exists());
    check("control", &inner.outside(&["rename", &inner.path("caches/one/x"), "x"]), &["ok"]);
    let moved = inner.run(&["sh", "-c", "echo good > $TMPDIR/f && mv $TMPDIR/f src/f && cat src/f"]);
    assert_eq!(moved.out, "good", "{} {}", moved.error, moved.report);
}

/// The project under a second name, as a mount of it has: Landlock knows it by its directory, rules by its name.
fn second_mounts(world: &World) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    if is_contained() {
        return println!("second mounts: NOT TESTED: the container around this program lets nothing be mounted");
    }
    let mut inner = world.another();
    fs::create_dir(inner.path("mounted")).unwrap();
    fs::write(inner.path("project/src/later"), "kept").unwrap();
    inner.spec.closed.push(inner.path("project/src/absent"));
    let mounted = inner.path("mounted");
    let script = format!(
        "cd {mounted}; echo evil > src/absent; echo evil > .git/config; echo evil > src/later; mkdir src/made; chmod 777 src/later; \
         mv src/later src/moved; rm src/later; ln src/later src/linked; cat .env; mv src/later {0}/src/moved; exec 3< src/later; \
         echo evil > /proc/self/fd/3",
        inner.path("project")
    );
    let launcher = inner.launcher(&["sh", "-c", &script]);
    let wrapped = format!("mount --bind {} {mounted} && exec \"$@\"", inner.path("project"));
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &wrapped, "sh"]).arg(launcher.get_program()).args(launcher.get_args());
    let seen = inner.seen(&command.output().unwrap());
    assert_eq!(seen.out, "", "{} {}", seen.error, seen.report);
    assert!(seen.report.contains("outside the directories that may be written"), "{} {}", seen.error, seen.report);
    assert_eq!((inner.text("project/src/later"), inner.text("project/.git/config")), ("kept".into(), "[core]".into()));
    let mut names: Vec<_> =
        fs::read_dir(inner.path("project/src")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["later", "lib.rs"]);
}

/// A thread with descriptors and a start directory of its own is read by its own number.
fn own_threads(world: &World) {
    let control = world.outside(&["thread-apart", "src", "made", "x"]);
    if is_contained() && control == "EPERM" {
        return println!("threads of their own: NOT TESTED: the container around this program lets none be made");
    }
    check("control", &control, &["ok"]);
    assert_eq!(world.text("project/src/made"), "x");
    fs::remove_file(world.path("project/src/made")).unwrap();
    check("inside", &world.inside(&["thread-apart", "src", "made", "x"]).out, &["ok"]);
    assert_eq!(world.text("project/src/made"), "x");
    check("held", &world.inside(&["thread-apart", ".git", "config", "evil"]).out, &["EPERM"]);
    check("outside", &world.inside(&["thread-apart", "../outside", "canary", "evil"]).out, &["EACCES"]);
    assert_eq!(world.text("project/.git/config"), "[core]");
    assert_eq!(world.text("outside/canary"), "alive");
}

/// A process that closes its memory to others is refused.
fn closed_memory(world: &World) {
    check("control", &world.outside(&["undumpable", "write", "src/made", "x"]), &["ok"]);
    fs::remove_file(world.path("project/src/made")).unwrap();
    for words in [["undumpable", "write", "src/made", "x"], ["undumpable", "write", ".mcp.json", "x"]] {
        check(words[2], &world.inside(&words).out, &["EPERM", "EACCES"]);
        assert!(!Path::new(&world.path(&format!("project/{}", words[2]))).exists());
    }
    check("reading", &world.inside(&["undumpable", "read", ".env"]).out, &["EPERM", "EACCES"]);
}

/// What is made beside a hidden path can be read and run.
fn made(world: &World) {
    let script = "echo 'echo ran' > tool && chmod +x tool && cat tool && ./tool && mkdir made && echo x > made/y && ls made && \
                  cp /bin/true made/true && made/true && cat .env";
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!((seen.out.as_str(), seen.code), ("echo ran\nran\ny", 1), "{} {}", seen.error, seen.report);
    assert!(seen.report.contains("\"what\": \"read "), "{}", seen.report);
}

/// Row 5: what leads to a process leads to the caller.
fn proc_as_the_callers(world: &World) {
    let script = "cat /proc/self/comm /proc/thread-self/comm; cd /proc; cat self/comm self/task/../comm; head -c 3 /proc/self/cmdline; \
                  echo; ls /proc/self/ | grep -x comm; ls /proc/self | grep -x comm; ls /proc/thread-self | grep -x comm; \
                  cat /proc/mounts > /dev/null && echo x | cat /dev/stdin; cat /proc/self/task/*/comm; cat < /proc/$$/comm; \
                  ls /proc/self/fd > /dev/null; cat /proc/self/environ | tr '\\0' '\\n' | grep -x HOME=/nonexistent/home";
    let control = Command::new("sh").args(["-c", script]).env("HOME", "/nonexistent/home").output().unwrap();
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!(seen.out, String::from_utf8_lossy(&control.stdout).trim(), "{} {}", seen.error, seen.report);
    assert!(seen.out.ends_with("HOME=/nonexistent/home"), "{}", seen.out);
}

/// A program cannot be started in another's place, so that a hidden one is Landlock's matter; what is made beside it
/// cannot be run, and that is told.
fn hidden_programs(world: &World) {
    let mut inner = world.another();
    fs::create_dir_all(inner.path("project/private")).unwrap();
    fs::copy(inner.probe(), inner.path("project/private/tool")).unwrap();
    fs::create_dir_all(inner.path("project/sub")).unwrap();
    fs::copy(inner.probe(), inner.path("project/sub/tool")).unwrap();
    inner.spec.hidden.push(inner.path("project/private"));
    // Names swap while the call waits.
    let script = "mkdir a; cp sub/tool a/tool; ln -s a l; \
        (i=0; while [ $i -lt 300 ]; do ln -sfn a l; ln -sfn private l; i=$((i+1)); done) & \
        while kill -0 $! 2>/dev/null; do l/tool probe cwd && echo started; done 2>/dev/null | sort -u; wait";
    let seen = inner.run(&["sh", "-c", script]);
    assert_eq!((seen.out.as_str(), seen.code), ("", 0), "{} {}", seen.error, seen.report);
    assert!(seen.report.contains("\"what\": \"new-programs\""), "{}", seen.report);
    check(
        "in it",
        &inner.run(&["private/tool", "probe", "cwd"]).report,
        &["error: cannot start `private/tool` inside the boundary: Permission denied (os error 13)"],
    );
    let seen = inner.run(&[
        "sh",
        "-c",
        "sub/tool probe cwd >/dev/null && cp sub/tool sub/other && sub/other probe cwd >/dev/null && echo ran",
    ]);
    assert_eq!(seen.out, "ran", "{} {}", seen.error, seen.report);
}

/// Runs the launcher as the last arguments of an attempt of the probe.
fn run_in(world: &World, word: &str, argv: &[&str]) -> Seen {
    let launcher = world.launcher(argv);
    let mut command = Command::new(world.probe());
    command.args(["probe", word]).arg(launcher.get_program()).args(launcher.get_args());
    world.seen(&command.output().unwrap())
}

/// Where nobody may read a caller's memory there is no broker: more is refused, and the report says so.
fn alone(world: &World) {
    let script = "cat .env; echo evil > .git/config; echo x > src/new && echo made; echo evil > .mcp.json; mkdir made; chmod 777 src/lib.rs";
    let seen = run_in(world, "blind", &["sh", "-c", script]);
    assert_eq!(seen.out, "made", "{} {}", seen.error, seen.report);
    for what in ["broker", "new-names", "file-attributes"] {
        assert!(seen.report.contains(&format!("\"what\": \"{what}\"")), "{what}: {}", seen.report);
    }
    let project = world.path("project");
    assert!(seen.report.contains(&format!("removed or renamed in `{project}` itself")), "{}", seen.report);
    assert_eq!(world.text("project/.git/config"), "[core]");
    for name in [".mcp.json", "made"] {
        assert!(!Path::new(&world.path("project")).join(name).exists(), "{name}");
    }
    let seen = run_in(world, "blind", &[&world.probe(), "probe", "chmod", "src/lib.rs"]);
    assert_eq!(seen.out, "EPERM", "{} {}", seen.error, seen.report);
}

/// Where a container's filter refuses the call that reads a caller's memory, its file in `/proc` is read.
fn by_file(world: &World) {
    let script = "mkdir made; chmod 700 made; echo x > src/new && cat src/new; echo evil > .mcp.json; echo evil > .git/config; \
                  cat .env; true";
    let seen = run_in(world, "without-readv", &["sh", "-c", script]);
    assert_eq!((seen.out.as_str(), seen.code), ("x", 0), "{} {}", seen.error, seen.report);
    assert!(!seen.report.contains("\"what\": \"broker\""), "{}", seen.report);
    assert_eq!(fs::metadata(world.path("project/made")).unwrap().mode() & 0o777, 0o700);
    assert_eq!(world.text("project/.git/config"), "[core]");
    assert!(!Path::new(&world.path("project/.mcp.json")).exists());
    let words = [&world.probe(), "probe", "undumpable", "write", "src/made", "x"];
    check("closed memory", &run_in(world, "without-readv", &words).out, &["EPERM", "EACCES"]);
    assert!(!Path::new(&world.path("project/src/made")).exists());
}

/// Who answers a process's calls already could act past Landlock for it: nothing runs.
fn supervisor(world: &World) {
    let seen = run_in(world, "supervised", &["sh", "-c", "echo ran > src/ran"]);
    assert!(seen.report.starts_with("error: "), "{}", seen.report);
    assert!(!Path::new(&world.path("project/src/ran")).exists());
}

/// Row 185: there is no boundary in this one.
fn nested(world: &World) {
    let mut inner = world.spec.clone();
    inner.report = world.path("project/inner-report");
    let copy = world.path("project/palisade");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let arguments = inner.arguments();
    let words: Vec<&str> = [copy.as_str()]
        .into_iter()
        .chain(arguments.iter().map(String::as_str))
        .chain(["sh", "-c", "echo ran > src/ran"])
        .collect();
    let seen = world.run(&words);
    assert_eq!(seen.code, 4, "{} {} {}", seen.out, seen.error, seen.report);
    assert!(world.text("project/inner-report").starts_with("error: "), "{}", world.text("project/inner-report"));
    assert!(!Path::new(&world.path("project/src/ran")).exists());
}

/// A lease on a file of the host that can be read would hold its writers back.
fn leases(world: &World) {
    check("lease", &world.inside(&["lease", "src/lib.rs"]).out, &["EPERM"]);
}
