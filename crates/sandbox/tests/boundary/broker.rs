//! Rows 50, 60, 67-70, 72, 73: names that are made later, held by the broker.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::processes::wait_until;
use crate::runner::Case;
use crate::world::{World, check};
use sandbox::Tier;

pub(crate) const CASES: &[Case] = &[
    ("broker_protected_names_cannot_be_made", made),
    ("broker_protected_names_cannot_be_made_by_other_calls", other_calls),
    ("broker_names_of_another_case", other_case),
    ("broker_directories_cannot_become_protected", directories),
    ("broker_exchanged_names", exchanged),
    ("broker_flags_of_files", flags_of_files),
    ("broker_git_data_directories_cannot_be_brought", data_directories),
    ("broker_paths_too_long_to_tell", too_long),
    ("broker_links_to_protected_names", links),
    ("broker_paths_of_processes", processes),
    ("broker_swapped_names", swapped),
    ("broker_two_in_one_directory", twins),
    ("broker_two_that_move_and_make", two_that_move_and_make),
    ("broker_leaves_nothing_when_killed", killed),
    ("broker_ordinary_files_are_ordinary", ordinary),
    ("broker_pipes_wait", pipes),
    ("broker_leases_keep_only_who_waits", leases),
    ("broker_refusals_are_told_with_the_rule", told),
    ("broker_git_configuration_by_key", git_configuration),
    ("broker_git_configuration_is_made_under_a_held_name", made_under_a_held_name),
    ("broker_git_pointers", git_pointers),
    ("broker_lets_honest_names_be", honest),
    ("broker_git_works_all_day", git_works),
];

const NAMES: [&str; 8] = [
    ".mcp.json",
    ".claude/settings.json",
    ".git/hooks/pre-commit",
    ".vscode/tasks.json",
    ".envrc",
    "sub/.git/config",
    ".git/modules/m/config",
    "deep/er/.bashrc",
];

/// Makes the directory of a name on the host.
fn directory_of(world: &World, name: &str) {
    fs::create_dir_all(Path::new(&world.path(&format!("project/{name}"))).parent().unwrap()).unwrap();
}

fn is_there(world: &World, name: &str) -> bool {
    fs::symlink_metadata(world.path(&format!("project/{name}"))).is_ok()
}

/// Row 67. Each is tried as a path from here, from the root and through a link to its directory.
fn made(world: &World) {
    for name in NAMES {
        let inner = world.another();
        directory_of(&inner, name);
        let project = inner.path("project");
        std::os::unix::fs::symlink(&project, inner.path("project/self")).unwrap();
        for path in [name.to_owned(), format!("{project}/{name}"), format!("self/{name}"), format!("./{name}")] {
            // A configuration is written to memory, and is not made.
            let expected = if name.ends_with("config") { ["ok", "ok"] } else { ["EPERM", "EROFS"] };
            check(&path, &inner.inside(&["write", &path, "evil"]).out, &expected);
            assert!(!is_there(&inner, name), "{path}");
        }
        let (directory, last) = name.rsplit_once('/').unwrap_or((".", name));
        let seen = inner.inside(&["write-at", directory, last, "evil"]);
        check(name, &seen.out, if name.ends_with("config") { &["ok"] } else { &["EPERM", "EROFS"] });
        assert!(!name.ends_with("config") || seen.report.contains("/config"), "{name}: {}", seen.report);
        assert!(!is_there(&inner, name), "{name}");
        if !name.contains(".git/") {
            check("control", &inner.outside(&["write", name, "evil"]), &["ok"]);
            assert!(is_there(&inner, name));
        }
    }
}

/// Row 68.
fn other_calls(world: &World) {
    let scripts = [
        "mv src/lib.rs NAME",
        "ln src/lib.rs NAME",
        "ln -s src/lib.rs NAME",
        "mkdir NAME",
        "mkfifo NAME",
        "cp src/lib.rs NAME",
        "sh -c 'umask 0; : > NAME'",
        "cat src/lib.rs | dd of=NAME",
        "echo x > t && mv -f t NAME",
        "mv -T src NAME",
    ];
    for name in [".mcp.json", ".vscode/tasks.json", ".envrc"] {
        for script in scripts {
            let inner = world.another();
            directory_of(&inner, name);
            let script = script.replace("NAME", name);
            let seen = inner.run(&["sh", "-c", &script]);
            assert!(!is_there(&inner, name), "{script}: {}", seen.report);
            assert!(seen.report.contains("protected name"), "{script}: {}", seen.report);
        }
    }
    let control = world.another();
    assert!(control.outside_shell("mv src/lib.rs .envrc"));
    assert!(is_there(&control, ".envrc"));
}

/// Rows 69 and 70: another file system could take these for the same.
fn other_case(world: &World) {
    for name in [
        ".MCP.json",
        ".Envrc",
        ".m\u{200c}cp.json",
        ".Git/Config",
        ".VSCODE/tasks.json",
        ".mcp.j\u{17f}on",
        ".VSCODE/ta\u{17f}\u{212a}s.json",
        ".git/hoo\u{212a}s/pre-commit",
        ".b\u{61}\u{17f}h_pro\u{fb01}le",
    ] {
        let inner = world.another();
        directory_of(&inner, name);
        let is_configuration = name == ".Git/Config";
        check(name, &inner.inside(&["write", name, "evil"]).out, if is_configuration { &["ok"] } else { &["EPERM"] });
        assert!(!is_there(&inner, name), "{name}");
    }
}

fn directories(world: &World) {
    let tries = [
        ("mkdir -p x && echo evil > x/config && mv x sub/.git", "sub/.git/config"),
        ("mkdir -p x/hooks && echo evil > x/hooks/pre-commit && mv x sub/.git", "sub/.git/hooks"),
        ("mkdir -p x && echo evil > x/tasks.json && mv x .vscode", ".vscode"),
        ("mkdir -p x && echo evil > x/settings.json && mv x .claude", ".claude/settings.json"),
        ("mkdir -p x && echo evil > x/settings.json && ln -s x .claude", ".claude"),
        ("mkdir -p x && echo evil > x/config && ln -s x sub/.git", "sub/.git"),
        ("mkdir -p x && echo evil > x/settings.json && ln -s x y && mv y .claude", ".claude"),
        ("mkdir -p x/git && echo evil > x/git/config && mv x .config", ".config/git/config"),
    ];
    for (script, name) in tries {
        let inner = world.another();
        fs::create_dir(inner.path("project/sub")).unwrap();
        let seen = inner.run(&["sh", "-c", script]);
        assert!(!is_there(&inner, name), "{script}: {}", seen.report);
    }
    let inner = world.another();
    fs::create_dir(inner.path("project/sub")).unwrap();
    let seen =
        inner.run(&["sh", "-c", "mkdir -p x/y && echo good > x/y/z && mv x sub/z && mkdir .claude && rmdir .claude"]);
    assert_eq!(seen.code, 0, "{}", seen.report);
    assert_eq!(inner.text("project/sub/z/y/z"), "good\n");
}

/// Of two names that change places both are judged, with what comes there.
fn exchanged(world: &World) {
    let probe = world.probe_path();
    let tries = [
        ("echo 'gitdir: ../evil' > x", "sub/.git"),
        ("mkdir -p y && ln -s y x", "sub/.git"),
        ("mkdir x && echo evil > x/config", "sub/.git"),
        ("mkdir x && echo evil > x/settings.json", "sub/.claude"),
    ];
    for (make, name) in tries {
        for pair in [format!("x {name}"), format!("{name} x")] {
            let inner = world.another();
            fs::create_dir_all(inner.path("project/sub")).unwrap();
            let script = format!("mkdir {name}; {make}; {probe} probe exchange {pair}; true");
            let seen = inner.run(&["sh", "-c", &script]);
            let kept = fs::symlink_metadata(inner.path(&format!("project/{name}"))).unwrap();
            assert!(kept.is_dir(), "{script}: {}", seen.report);
            assert_eq!(fs::read_dir(inner.path(&format!("project/{name}"))).unwrap().count(), 0, "{script}");
            let control = inner.another();
            fs::create_dir_all(control.path("project/sub")).unwrap();
            assert!(control.outside_shell(&script));
            let there = control.path(&format!("project/{name}"));
            let is_empty = fs::read_dir(&there).is_ok_and(|mut all| all.next().is_none());
            assert!(!is_empty || fs::symlink_metadata(&there).unwrap().is_symlink(), "control {script}");
        }
    }
    let seen = world.run(&["sh", "-c", &format!("echo a > a; echo b > b; {probe} probe exchange a b && cat a b")]);
    assert_eq!(seen.out, "ok\nb\na", "{}", seen.report);
}

/// Flags, attributes and keys of a file that the host made meanwhile: FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR.
fn flags_of_files(world: &World) {
    fs::write(world.path("project/.envrc"), "mine").unwrap();
    for request in ["1074292226", "1075599392"] {
        check(request, &world.inside(&["ioctl-file", ".envrc", request]).out, &["EPERM"]);
        let control = world.outside(&["ioctl-file", ".envrc", request]);
        assert_ne!(control, "EPERM", "control");
    }
}

/// Git finds configurations further down, too.
fn data_directories(world: &World) {
    let tries = [
        ("mv x .git/modules/m", ".git/modules/m/config"),
        ("mkdir m && mv x m/sub && mv m .git/modules", ".git/modules/sub/config"),
        ("mv x y && mkdir .git/modules && mv -T y .git/modules/m", ".git/modules/m/config"),
        ("mv x .git/worktrees/w", ".git/worktrees/w/commondir"),
        ("mkdir .git/modules && ln -s ../../x .git/modules/m", ".git/modules/m"),
        ("mkdir .git/modules && ln -s ../../x y && mv y .git/modules/m", ".git/modules/m"),
        ("ln -s ../x .git/modules", ".git/modules"),
        ("mkdir -p y/modules && mv x y/modules/m && mv y sub/.git", "sub/.git/modules/m/config"),
        ("mkdir -p y/worktrees && mv x y/worktrees/w && mv y sub/.git", "sub/.git/worktrees/w/commondir"),
        ("mkdir -p y a && ln -s ../a y/info && mv y sub/.git && echo evil > a/attributes", "sub/.git/info/attributes"),
        ("mkdir -p .git/refs/e && cp x/config .git/refs/e && mv .git/refs/e .git/modules", ".git/modules/config"),
        (
            "mkdir -p sub/.git/refs/p/.git/modules/m && echo evil > sub/.git/refs/p/.git/modules/m/config",
            "sub/.git/refs/p/.git/modules/m/config",
        ),
    ];
    for (script, name) in tries {
        let inner = world.another();
        fs::create_dir_all(inner.path("project/sub")).unwrap();
        fs::create_dir_all(inner.path("project/.git/worktrees")).unwrap();
        let script = format!("mkdir x && echo evil > x/config && echo ../x > x/commondir && {script}");
        let control = inner.another();
        fs::create_dir_all(control.path("project/sub")).unwrap();
        fs::create_dir_all(control.path("project/.git/worktrees")).unwrap();
        assert!(control.outside_shell(&script.replace("mv x .git/modules/m", "mv x .git/modules")), "{script}");
        let seen = inner.run(&["sh", "-c", &script]);
        assert!(!is_there(&inner, name), "{script}: {}", seen.report);
    }
    let good = "mkdir -p .git/modules/m && ln -s testing .git/modules/m/t && rm .git/modules/m/t && ln -s a .git/t";
    let seen = world.run(&["sh", "-c", good]);
    assert_eq!(seen.code, 0, "{}", seen.report);
}

/// A file whose path no one can tell is not written, whatever it is open as.
fn too_long(world: &World) {
    let script = "set -e; top=$PWD; mkdir -p w; echo '[core]' > w/config.lock; mkdir w/.git; mv w/config.lock w/.git/config; \
        part=$(printf %0200d 0); while [ $((${#PWD} + 212)) -lt 4080 ]; do mkdir $part; cd $part; done; \
        rest=$((4080 - ${#PWD})); part=$(printf %0${rest}d 0); mkdir $part; cd $part; mkdir in; mv $top/w in/; cd in/w; \
        exec 3< .git/config; { echo evil >> /proc/self/fd/3; chmod 777 /proc/self/fd/3; } 2> /dev/null || true; \
        exec 3<&-; cd ../..; mv in/w $top/back";
    let control = world.another();
    assert!(control.outside_shell(script), "control");
    assert_eq!(control.text("project/back/.git/config"), "[core]\nevil\n");
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!(seen.code, 0, "{}", seen.report);
    assert_eq!(world.text("project/back/.git/config"), "[core]\n");
}

/// A second name would let the first be written.
fn links(world: &World) {
    fs::write(world.path("project/.mcp.json"), "mine").unwrap();
    check("link", &world.inside(&["hardlink", ".mcp.json", "other"]).out, &["EPERM", "EXDEV"]);
    check("link by descriptor", &world.inside(&["link-fd", ".mcp.json", "other"]).out, &["EPERM", "EXDEV"]);
    check("write", &world.inside(&["write", ".mcp.json", "evil"]).out, &["EPERM"]);
    check("truncate", &world.inside(&["truncate", ".mcp.json"]).out, &["EPERM"]);
    check("chmod", &world.inside(&["chmod", ".mcp.json"]).out, &["EPERM"]);
    check("unlink", &world.inside(&["unlink", ".mcp.json"]).out, &["EPERM"]);
    check("rename", &world.inside(&["rename", ".mcp.json", "other"]).out, &["EPERM"]);
    check("rename over", &world.inside(&["rename", "src/lib.rs", ".mcp.json"]).out, &["EPERM"]);
    check("exchange", &world.inside(&["exchange", "src/lib.rs", ".mcp.json"]).out, &["EPERM"]);
    assert_eq!(world.text("project/.mcp.json"), "mine");
    assert!(!is_there(world, "other"));
}

/// Row 5, of the broker: links of `/proc` are read as the caller's, and lead to nothing of the broker.
fn processes(world: &World) {
    let script = "exec 3>held; echo by-descriptor > /proc/self/fd/3; echo x > /proc/thread-self/cwd/there; \
                  echo y > /proc/$$/cwd/own; cd src; echo z > /proc/self/cwd/here; \
                  exec 3>&-; for pid in 1 $(ls /proc | grep -x '[0-9]*'); do for fd in 3 4 5 6 7 8 9; do \
                  echo evil > /proc/$pid/fd/$fd; done; done 2>/dev/null; \
                  echo evil > /proc/self/cwd/../.mcp.json; echo evil > /proc/self/root$PWD/../.envrc; true";
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!(seen.code, 0, "{}", seen.report);
    assert_eq!(world.text("project/held"), "by-descriptor\n");
    assert_eq!(world.text("project/there"), "x\n");
    assert_eq!(world.text("project/own"), "y\n");
    assert_eq!(world.text("project/src/here"), "z\n");
    assert!(!is_there(world, ".mcp.json") && !is_there(world, ".envrc"));
    let seen =
        world.run(&["sh", "-c", "echo out > /dev/stdout; echo err > /dev/stderr; echo fd > /dev/fd/1; : > /dev/null"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "out\nfd"), "{}", seen.report);
}

/// Rows 50 and 60: the name changes while the call waits.
fn swapped(world: &World) {
    let script = "mkdir a b; echo safe > a/x; ln -s a l; \
        (i=0; while [ $i -lt 400 ]; do ln -sfn a l; ln -sfn .git l; i=$((i+1)); done) & \
        i=0; while [ $i -lt 400 ]; do echo evil > l/config; echo evil > l/hooks/pre-commit; i=$((i+1)); done 2>/dev/null; wait";
    let before = world.text("project/.git/config");
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!(seen.code, 0, "{}", seen.report);
    assert_eq!(world.text("project/.git/config"), before);
    assert!(!is_there(world, ".git/hooks/pre-commit"));
    assert!(world.text("project/a/config") == "evil\n", "some went the other way");
}

/// Row 73: what one leaves does not open the other.
fn twins(world: &World) {
    let script = "echo up > ready; while [ ! -e go ]; do sleep 0.01; done; echo evil > .mcp.json; echo evil > .git/config; echo on > after";
    let first = world.launcher(&["sh", "-c", script]).spawn().unwrap();
    wait_until(|| world.text("project/ready") == "up\n");
    let second = world.run(&["sh", "-c", "echo evil > .mcp.json; echo evil > .git/config; touch go"]);
    assert_eq!(second.code, 0, "{}", second.report);
    let seen = world.seen(&first.wait_with_output().unwrap());
    assert_eq!(seen.code, 0, "{}", seen.report);
    assert_eq!(world.text("project/after"), "on\n");
    assert_eq!(world.text("project/.git/config"), "[core]");
    assert!(!is_there(world, ".mcp.json"));
}

/// Row 73: one makes a file in a directory while the other gives that directory a protected name.
fn two_that_move_and_make(world: &World) {
    let make = "mkdir x; echo up > ready; while [ ! -e done ]; do cd x 2>/dev/null && { \
                for i in 1 2 3 4 5 6 7 8; do echo evil > settings.json; rm -f settings.json; done; cd ..; }; done 2>/dev/null";
    let rename = "i=0; while [ $i -lt 300 ]; do mv -T x .claude; [ -s .claude/settings.json ] && echo hit; \
                  mv -T .claude x; mkdir -p x; i=$((i+1)); done 2>/dev/null; echo > done";
    let first = world.launcher(&["sh", "-c", make]).spawn().unwrap();
    wait_until(|| world.text("project/ready") == "up\n");
    let second = world.run(&["sh", "-c", rename]);
    first.wait_with_output().unwrap();
    assert_eq!((second.code, second.out.as_str()), (0, ""), "{}", second.report);
    assert!(!is_there(world, ".claude/settings.json"));
}

/// Row 74, of names: nothing stands in for them on the host, at no moment.
fn killed(world: &World) {
    let list = |world: &World| {
        let mut names: Vec<String> = fs::read_dir(world.path("project"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let before = list(world);
    for wait in [0, 2, 5, 10, 20, 40] {
        let mut child = world.launcher(&["sleep", "60"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(list(world), before, "after {wait} ms");
    }
}

/// What the broker does is what the kernel does.
fn ordinary(world: &World) {
    let script = r#"set -e
        umask 027; : > u; mkdir ud; [ "$(stat -c %a u ud | tr '\n' ' ')" = "640 750 " ]
        umask 022; : > v; [ "$(stat -c %a v)" = 644 ]
        echo a > f; echo b >> f; [ "$(cat f)" = "a
b" ]
        set -C; ! (echo c > f) 2>/dev/null; set +C
        ln -s f s; echo c > s; [ "$(cat f)" = c ]; ln -s nowhere d; echo d > d; [ "$(cat nowhere)" = d ]
        ln f g; [ "$(stat -c %h f)" = 2 ]; mv g h; rm h; chmod 600 f; [ "$(stat -c %a f)" = 600 ]
        touch -d '2001-02-03 04:05:06 UTC' f; [ "$(stat -c %Y f)" = 981173106 ]
        touch -h -d '2001-02-03 04:05:06 UTC' s; [ "$(stat -c %Y s)" = 981173106 ]
        truncate -s 5 f; [ "$(stat -c %s f)" = 5 ]
        ! mkdir ud 2>/dev/null; ! rmdir nowhere 2>/dev/null; ! rm ud 2>/dev/null; ! true 2>/dev/null > ud
        ! true 2>/dev/null > none/x; ! true 2>/dev/null > f/x; ! chmod 600 f/. 2>/dev/null; ! chmod 600 f/.. 2>/dev/null; ! true 2>/dev/null > new/; ! mv none x 2>/dev/null
        ln -s loop loop; ! true 2>/dev/null > loop
        : > plain; mkdir dir; ln -s dangles dang; ! mkdir dang/ 2>/dev/null; [ ! -e dangles ]
        ! mv -T plain other/ 2>/dev/null; ! mv -T dir dang/ 2>/dev/null; ! rmdir dang/ 2>/dev/null; mv -T dir moved/
        [ -e plain ] && [ -d moved ] && [ -h dang ] && [ ! -e other ]
        mkdir -p x/y/z; rmdir x/y/z; rm -r x; mkdir long; cd long; i=0
        while [ $i -lt 20 ]; do mkdir abcdefghijklmnopqrstuvwxyz; cd abcdefghijklmnopqrstuvwxyz; i=$((i+1)); done; : > end
        cd "$OLDPWD"; cp -a . ../copy; rm -r ../copy
    "#;
    let control = world.another();
    assert!(control.outside_shell(script), "control");
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!(seen.code, 0, "{}", seen.report);
}

fn pipes(world: &World) {
    let script = "mkfifo p q; (sleep 0.2; cat p > got) & echo waited > p; wait; \
                  (echo first > q &) ; : > beside; cat q; cat got";
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "first\nwaited"), "{}", seen.report);
}

/// An opening that waits for a lease keeps nobody else.
fn leases(world: &World) {
    let probe = world.probe_launcher(&[]);
    let probe = probe.get_args().skip_while(|argument| *argument != "--").nth(1).unwrap().to_str().unwrap();
    let script = format!(
        "echo a > leased; {probe} probe lease leased > lease & sleep 0.5; (echo b >> leased; echo late > order) & sleep 0.3; \
         echo early > order; sleep 0.2; cat order; wait; cat order leased"
    );
    let seen = world.run(&["sh", "-c", &script]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "early\nlate\na\nb"), "{}", seen.report);
}

fn told(world: &World) {
    let seen = world.run(&["sh", "-c", "echo evil > .envrc; echo evil > /etc/made; echo evil > .git/hooks/sample"]);
    for part in ["make ", "/project/.envrc", "direnv runs it", "/etc/made", "outside the directories", "a test"] {
        assert!(seen.report.contains(part), "{part}: {}", seen.report);
    }
}

/// A configuration of git can be set key by key.
fn git_configuration(world: &World) {
    let mut inner = world.another();
    inner.spec.closed.retain(|path| !path.ends_with("/.git/config"));
    fs::write(inner.path("project/.git/config"), "[core]\n\tbare = false\n").unwrap();
    let set = |text: &str| {
        let script =
            format!("rm -f .git/config.lock; printf '{text}' > .git/config.lock && mv .git/config.lock .git/config");
        inner.run(&["sh", "-c", &script]).code
    };
    let good = "[core]\\n\\tbare = false\\n[branch \"x\"]\\n\\tremote = origin\\n\\tmerge = refs/heads/x\\n";
    assert_eq!(set(good), 0);
    assert!(inner.text("project/.git/config").contains("refs/heads/x"));
    let before = inner.text("project/.git/config");
    for key in ["fsmonitor = evil", "hooksPath = evil", "sshCommand = evil", "pager = evil", "worktree = /etc"] {
        assert_ne!(set(&format!("[core]\\n\\tbare = false\\n\\t{key}\\n")), 0, "{key}");
        assert_eq!(inner.text("project/.git/config"), before, "{key}");
    }
    // What was open for writing when it was taken over is another file now.
    let script = format!(
        "rm -f .git/config.lock; exec 3>.git/config.lock; printf '{good}' >&3; mv .git/config.lock .git/config; echo '[alias] x = !evil' >&3"
    );
    assert_eq!(inner.run(&["sh", "-c", &script]).code, 0);
    assert!(!inner.text("project/.git/config").contains("evil"));
    check("write", &inner.inside(&["write", ".git/config", "evil"]).out, &["EPERM"]);
}

/// A second command in the same directory could open the new configuration before it has its name. The name that
/// the first one wrote to is made once, by that one.
fn made_under_a_held_name(world: &World) {
    use rustix::fs::inotify;
    fs::create_dir_all(world.path("project/sub/.git")).unwrap();
    fs::write(world.path("project/sub/.git/config"), "").unwrap();
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&watch, world.path("project/sub/.git"), inotify::WatchFlags::CREATE).unwrap();
    let script = "echo '[branch \"b\"] merge = x' > sub/.git/config.lock; mv sub/.git/config.lock sub/.git/config";
    let seen = world.run(&["sh", "-c", script]);
    assert_eq!(seen.code, 0, "{}", seen.report);
    assert!(world.text("project/sub/.git/config").contains("merge = x"));
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let mut names = Vec::new();
    while let Ok(event) = events.next() {
        names.extend(event.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    // The second is told together with the first, as it is of the same name.
    assert_eq!(names, ["config.lock"]);
    assert!(!is_there(world, "sub/.git/.palisade") && !is_there(world, "sub/.git/config.lock"));
    check("held", &world.inside(&["write", "sub/.git/.palisade", "evil"]).out, &["EPERM"]);
}

fn git_pointers(world: &World) {
    fs::create_dir_all(world.path("project/.git/worktrees/w")).unwrap();
    fs::create_dir_all(world.path("project/wt")).unwrap();
    fs::create_dir_all(world.path("project/evil/.git/worktrees/w")).unwrap();
    let project = world.path("project");
    let script = format!("echo 'gitdir: {project}/.git/worktrees/w' > wt/.git; : > done; cat wt/.git");
    let seen = world.run(&["sh", "-c", &script]);
    assert_eq!((seen.code, seen.out), (0, format!("gitdir: {project}/.git/worktrees/w")), "{}", seen.report);
    fs::remove_file(world.path("project/wt/.git")).unwrap();
    for evil in ["gitdir: /etc", "gitdir: ../evil", "gitdir: /etc/.git/worktrees/x", "nonsense"] {
        let seen = world.run(&["sh", "-c", &format!("echo '{evil}' > wt/.git; : > done")]);
        assert!(!is_there(world, "wt/.git"), "{evil}: {}", seen.report);
    }
    let seen = world.run(&["sh", "-c", "echo /etc > .git/worktrees/w/commondir; : > done"]);
    assert!(!is_there(world, ".git/worktrees/w/commondir"), "{}", seen.report);
    let seen = world.run(&["sh", "-c", "echo ../.. > .git/worktrees/w/commondir; : > done"]);
    assert_eq!(world.text("project/.git/worktrees/w/commondir"), "../..\n", "{}", seen.report);
}

/// What nobody outside reads, and what packages bring, may have any name; a checkout may have what the project has.
fn honest(world: &World) {
    fs::create_dir_all(world.path("project/.cargo")).unwrap();
    fs::write(world.path("project/.cargo/config.toml"), "[build]\n").unwrap();
    let shared = if world.tier == Tier::Landlock { "$TMPDIR" } else { "/dev/shm" };
    let script = "mkdir -p $TMPDIR/c/.cargo SHARED/d && echo x > $TMPDIR/c/.cargo/config.toml && echo x > SHARED/d/.envrc && \
                  mkdir -p node_modules/p/.vscode && echo x > node_modules/p/.vscode/tasks.json && \
                  echo x > node_modules/p/.npmrc && rm -r node_modules/p && \
                  mkdir -p wt/.cargo wt/.vscode && rmdir wt/.vscode && cp .cargo/config.toml wt/.cargo/config.toml";
    let seen = world.run(&["sh", "-ec", &script.replace("SHARED", shared)]);
    assert_eq!(seen.code, 0, "{}", seen.report);
    assert_eq!(world.text("project/wt/.cargo/config.toml"), "[build]\n");
    let script = "mkdir -p two/.cargo; printf '[build]\\nrustc-wrapper = \"evil\"\\n' > two/.cargo/config.toml; sleep 0.1; \
                  mkdir -p node_modules/p/.git/hooks; echo evil > node_modules/p/.git/config; \
                  mkdir -p .vscode/node_modules; echo evil > .vscode/node_modules/tasks.json; mkdir -p .git/hooks/x; true";
    let seen = world.run(&["sh", "-c", script]);
    assert!(seen.report.contains("it is not what the project has"), "{}", seen.report);
    for name in
        ["two/.cargo/config.toml", "node_modules/p/.git/config", ".vscode/node_modules/tasks.json", ".git/hooks/x"]
    {
        assert!(!is_there(world, name), "{name}");
    }
}

/// Git does what a person does all day, on a repository that the host's git made.
fn git_works(world: &World) {
    if Command::new("git").arg("--version").output().is_err() {
        println!("NOT TESTED: there is no git here");
        return;
    }
    let mut inner = world.another();
    inner.spec.closed.clear();
    fs::remove_dir_all(inner.path("project/.git")).unwrap();
    let before = "exec 2>&1; set -e; export HOME=$PWD GIT_CONFIG_NOSYSTEM=1; git init -q -b main .; \
                  git config user.name a; git config user.email a@example.org; echo one > file; git add file src; \
                  git commit -qm one; git init -q -b main ../other; cd ../other; git config user.name a; \
                  git config user.email a@example.org; git config receive.denyCurrentBranch ignore; \
                  echo x > x; git add x; git commit -qm x";
    assert!(inner.outside_shell(before), "the host's git");
    inner.spec.writable.push(inner.path("other"));
    let script = r#"set -e; export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=protocol.file.allow \
            GIT_CONFIG_VALUE_0=always
        git status --short; echo two >> file; git commit -qam two; git checkout -qb side HEAD~1
        echo side > side; git add side; git commit -qm side; git rebase -q main; git branch -u main
        git checkout -q main; git merge -q --ff-only side; git branch -d side; git tag v1; git stash list
        echo dirty >> file; git stash -q; git stash pop -q; git commit -qam three; git gc -q
        git worktree add -q wt -b tree; (cd wt; echo tree > tree; git add tree; git commit -qm tree); git worktree list
        git worktree remove wt; git merge -q tree; git branch -d tree
        git submodule add -q ../other sub; git commit -qm sub; git submodule update -q --init
        git remote add up ../other; git fetch -q up; git branch --set-upstream-to=up/main; git push -q up main:new
        git clone -q ../other clone; rm -rf clone; git submodule -q deinit -f sub; git config branch.main.description d
        ! git config core.hooksPath evil 2>/dev/null; ! git config core.fsmonitor evil 2>/dev/null
        ! (echo evil > .git/hooks/pre-commit) 2>/dev/null; ! (echo evil >> .git/config) 2>/dev/null
        git log --format=%s | tr '\n' ' '; git status --short"#;
    let seen = inner.run(&["sh", "-c", script]);
    assert_eq!(seen.code, 0, "{} {} {}", seen.out, seen.error, seen.report);
    assert!(seen.out.ends_with("sub tree three side two one ?? .env"), "{} {}", seen.out, seen.error);
    assert!(!inner.text("project/.git/config").contains("evil"));
    assert!(!is_there(&inner, ".git/hooks/pre-commit"));
    assert!(inner.outside_shell("export HOME=$PWD; git fsck --strict && git config core.fsmonitor false"), "control");
}
