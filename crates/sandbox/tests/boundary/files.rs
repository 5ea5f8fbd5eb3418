//! Rows 5, 8, 56, 57, 59, 61, 62, 64-66, 72, 82-84, 87, 91, 93-95, 101, 102: files.

use std::fs;
use std::path::Path;

use crate::processes::wait_until;
use crate::runner::Case;
use crate::world::{World, check};
use sandbox::Tier;

pub(crate) const CASES: &[Case] = &[
    ("files_project_can_be_written", project),
    ("files_outside_cannot_be_written", outside),
    ("files_hidden_cannot_be_read", hidden),
    ("files_hidden_but_for_parts", reopened),
    ("files_hidden_around_the_project", around),
    ("files_closed_cannot_be_changed", closed),
    ("files_ancestors_cannot_be_renamed", ancestors),
    ("files_hard_links_cannot_be_made", hard_links),
    ("files_unnamed_file_gets_no_held_name", unnamed),
    ("files_fifos_of_the_host", fifos),
    ("files_private_directories", private),
    ("files_project_below_tmp", below_tmp),
    ("files_streams_do_not_widen", streams),
    ("files_link_in_a_plan_fails", link_in_plan),
    ("files_absent_held_path_is_told", absent),
    ("files_replaced_on_the_host", replaced),
    ("files_palisade_itself", itself),
    ("files_strange_names", strange_names),
    ("files_many_held_paths", many),
    ("files_writable_places_are_refused", refused),
    ("files_given_as_streams", given_as_streams),
];

fn project(world: &World) {
    check("write", &world.inside(&["write", "src/new", "made"]).out, &["ok"]);
    assert_eq!(world.text("project/src/new"), "made");
    check("mkdir", &world.inside(&["mkdir", "made"]).out, &["ok"]);
    check("rename", &world.inside(&["rename", "src/new", "made/new"]).out, &["ok"]);
    check("unlink", &world.inside(&["unlink", "made/new"]).out, &["ok"]);
    check("chmod", &world.inside(&["chmod", "src/lib.rs"]).out, &["ok"]);
    assert_eq!(world.inside(&["cwd"]).out, format!("ok {}", world.path("project")));
    check("read outside", &world.inside(&["read", &world.path("outside/canary")]).out, &["ok alive"]);
}

/// A hidden directory of which a directory and a file are seen: nothing else of it, and neither can be changed.
fn reopened(world: &World) {
    let mut world = world.another();
    for name in ["outside/deep/open/inner", "project/private/open"] {
        fs::create_dir_all(world.path(name)).unwrap();
    }
    for name in [
        "outside/deep/secret",
        "outside/deep/file",
        "outside/deep/open/inner/file",
        "outside/deep/open/inner/secret",
        "project/private/secret",
        "project/private/open/file",
    ] {
        fs::write(world.path(name), name).unwrap();
    }
    for name in ["outside/deep", "outside/deep/open/inner/secret", "project/private"] {
        world.spec.hidden.push(world.path(name));
    }
    for name in ["outside/deep/open", "outside/deep/file", "project/private/open"] {
        world.spec.reopened.push(world.path(name));
    }
    let refused = &["EROFS", "EACCES", "EPERM", "EBUSY", "EXDEV"];
    for name in ["outside/deep/file", "outside/deep/open/inner/file", "project/private/open/file"] {
        check(name, &world.inside(&["read", &world.path(name)]).out, &[&format!("ok {name}")]);
        for action in ["truncate", "unlink", "chmod"] {
            check(name, &world.inside(&[action, &world.path(name)]).out, refused);
        }
        assert_eq!(world.text(name), name);
    }
    // Without mounts it is there, and cannot be read.
    let gone = if world.tier == Tier::Landlock { "EACCES" } else { "ENOENT" };
    for name in ["outside/deep/secret", "project/private/secret"] {
        check(name, &world.inside(&["read", &world.path(name)]).out, &[gone]);
    }
    let name = "outside/deep/open/inner/secret";
    check(name, &world.inside(&["read", &world.path(name)]).out, &["EACCES"]);
    let tries: &[&[&str]] = &[
        &["write", &world.path("outside/deep/made"), "x"],
        &["write", &world.path("project/private/made"), "x"],
        &["write", &world.path("project/private/open/made"), "x"],
        &["rename", "private", "moved"],
        &["rename", "private/open", "moved"],
    ];
    for words in tries {
        check(&words.join(" "), &world.inside(words).out, refused);
    }
    let report = world.inside(&["cwd"]).report;
    assert!(report.contains("\"not_present\": []"), "{report}");
}

/// Everything around the project is hidden: the project is written as ever, and what is held in it is held.
fn around(world: &World) {
    let mut world = world.another();
    let base = Path::new(&world.path("project")).parent().unwrap().to_str().unwrap().to_owned();
    world.spec.hidden.push(base);
    world.spec.reopened.push(world.path("project"));
    check("write", &world.inside(&["write", "src/new", "made"]).out, &["ok"]);
    assert_eq!(world.text("project/src/new"), "made");
    let gone = if world.tier == Tier::Landlock { "EACCES" } else { "ENOENT" };
    check("read outside", &world.inside(&["read", &world.path("outside/canary")]).out, &[gone]);
    check("read by ..", &world.inside(&["read", "../outside/canary"]).out, &[gone]);
    check("write outside", &world.inside(&["write", "../made", "x"]).out, &["EROFS", "EACCES"]);
    check("read hidden", &world.inside(&["read", ".env"]).out, &["EACCES"]);
    let refused = &["EROFS", "EACCES", "EPERM", "EBUSY"];
    check("write closed", &world.inside(&["write", ".git/config", "x"]).out, refused);
    check("rename above closed", &world.inside(&["rename", ".git", "git"]).out, refused);
}

fn outside(world: &World) {
    let canary = world.path("outside/canary");
    let refused = &["EROFS", "EACCES", "EPERM"];
    let tries: &[&[&str]] = &[
        &["write", &canary, "dead"],
        &["write", "../outside/canary", "dead"],
        &["write-via-root", &canary, "dead"],
        &["write-via-thread-root", &canary, "dead"],
        &["write-at", &world.path("outside"), "canary", "dead"],
        &["write-at", ".", "../outside/canary", "dead"],
        &["write-via-symlink", "link", &canary, "dead"],
        &["write-via-symlink", "relative", "../outside/canary", "dead"],
        &["truncate", &canary],
        &["unlink", &canary],
        &["chmod", &canary],
        &["chown", &canary],
        &["utimes", &canary],
        &["setxattr", &canary],
        &["map-shared", &canary],
        &["rename", &canary, &world.path("outside/moved")],
        &["rename", "src/lib.rs", &world.path("outside/moved")],
        &["mkdir", &world.path("outside/made")],
        &["write", "/etc/palisade-probe", "dead"],
        &["write", "/usr/bin/palisade-probe", "dead"],
    ];
    for words in tries {
        let seen = world.inside(words);
        check(&format!("{words:?}"), &seen.out, &[refused.as_slice(), &["EXDEV", "EOPNOTSUPP"]].concat());
        assert_eq!(world.text("outside/canary"), "alive", "{words:?}");
    }
    assert!(!Path::new("/etc/palisade-probe").exists());
    check("control", &world.outside(&["write", "../outside/canary", "dead"]), &["ok"]);
    assert_eq!(world.text("outside/canary"), "dead");
}

fn hidden(world: &World) {
    for name in ["project/.env", "outside/secret"] {
        let path = world.path(name);
        // Above the root is what is mounted over it.
        let above = format!("/..{path}");
        let tries: &[&[&str]] = &[
            &["read", &path],
            &["read", &above],
            &["write", &above, "x"],
            &["read-via-root", &path],
            &["read-via-root", &above],
            &["write", &path, "x"],
            &["chmod", &path],
            &["truncate", &path],
            &["umount", &path],
            &["unlink", &path],
            &["rename", &path, &world.path("project/found")],
            &["exchange", &path, &world.path("project/src/lib.rs")],
            &["hardlink", &path, &world.path("project/found")],
        ];
        for words in tries {
            // Bubblewrap's cover of a file is a device, which has no length.
            let refused = &["EACCES", "EPERM", "EROFS", "EBUSY", "EXDEV", "EINVAL"];
            check(&format!("{words:?}"), &world.inside(words).out, refused);
        }
        assert!(world.outside(&["read", &path]).starts_with("ok SECRET"));
    }
    assert!(!Path::new(&world.path("project/found")).exists());
    let mut whole = world.another();
    whole.spec.hidden = vec![whole.path("outside")];
    // Landlock cannot tell the names in a directory from those below it.
    let listed = if world.tier == Tier::Landlock { "ok 3" } else { "EACCES" };
    check("list", &whole.inside(&["list", &whole.path("outside")]).out, &[listed]);
    check("below", &whole.inside(&["read", &whole.path("outside/canary")]).out, &["EACCES"]);
    check("write", &whole.inside(&["write", &whole.path("outside/new"), "x"]).out, &["EACCES", "EROFS", "EPERM"]);
}

fn closed(world: &World) {
    let hook = world.path("project/.git/hooks/sample");
    let config = world.path("project/.git/config");
    let above = format!("/..{config}");
    let tries: &[&[&str]] = &[
        &["write", &hook, "evil"],
        &["write", &above, "evil"],
        &["unlink", &above],
        &["write", &world.path("project/.git/hooks/pre-commit"), "evil"],
        &["write-via-root", &config, "evil"],
        &["write", &config, "evil"],
        &["truncate", &config],
        &["chmod", &config],
        &["utimes", &config],
        &["setxattr", &config],
        &["map-shared", &config],
        &["unlink", &config],
        &["unlink", &hook],
        &["rename", ".git/hooks", "hooks"],
        &["rename", "src/lib.rs", &config],
        &["exchange", "src/lib.rs", &config],
        &["whiteout", &config, "away"],
        &["exchange", "src", ".git/hooks"],
    ];
    for words in tries {
        let seen = world.inside(words).out;
        check(&format!("{words:?}"), &seen, &["EROFS", "EBUSY", "EXDEV", "EACCES", "EPERM", "EINVAL"]);
        assert_eq!(world.text("project/.git/config"), "[core]", "{words:?}");
        assert_eq!(world.text("project/.git/hooks/sample"), "sample", "{words:?}");
    }
    check("reading stays", &world.inside(&["read", &config]).out, &["ok [core]"]);
    check("beside it", &world.inside(&["write", ".git/HEAD", "ref"]).out, &["ok"]);
    check("control", &world.outside(&["write", &config, "evil"]), &["ok"]);
}

fn ancestors(world: &World) {
    let hook = world.path("project/.git/hooks/sample");
    for ancestor in [".git", ".git/hooks"] {
        check(ancestor, &world.inside(&["recreate", ancestor, &hook, "evil"]).out, &["EBUSY", "EPERM", "EACCES"]);
        check(ancestor, &world.inside(&["exchange", ancestor, "src"]).out, &["EBUSY", "EXDEV", "EPERM", "EACCES"]);
    }
    let project = world.path("project");
    check(
        "project",
        &world.inside(&["rename", &project, &world.path("moved")]).out,
        &["EBUSY", "EROFS", "EACCES", "EXDEV"],
    );
    let base = world.path("");
    let base = base.trim_end_matches('/');
    check("above", &world.inside(&["rename", base, &format!("{base}-moved")]).out, &["EBUSY", "EROFS", "EACCES"]);
    assert_eq!(world.text("project/.git/hooks/sample"), "sample");
    check("control", &world.outside(&["recreate", ".git", &hook, "evil"]), &["ok"]);
    assert_eq!(world.text("project/.git/hooks/sample"), "evil");
}

fn hard_links(world: &World) {
    for name in ["project/.git/config", "outside/canary", "project/.env"] {
        let path = world.path(name);
        check(name, &world.inside(&["hardlink", &path, "linked"]).out, &["EXDEV", "EACCES", "EPERM"]);
        check(name, &world.inside(&["link-fd", &path, "linked"]).out, &["EXDEV", "EACCES", "EPERM", "ENOENT"]);
    }
    assert!(!Path::new(&world.path("project/linked")).exists());
    check("control", &world.outside(&["hardlink", ".git/config", "linked"]), &["ok"]);
}

/// A file without a name, made where writing is allowed, gets a name where it is not.
fn unnamed(world: &World) {
    for name in [".git/hooks/pre-commit", "../outside/new"] {
        check(name, &world.inside(&["unnamed-link", ".", name]).out, &["EXDEV", "EROFS", "EACCES", "EPERM"]);
        assert!(!Path::new(&world.path("project")).join(name).exists());
        check(name, &world.outside(&["unnamed-link", ".", name]), &["ok"]);
    }
}

/// A read-only mount does not keep a pipe with a name from being written.
fn fifos(world: &World) {
    let path = world.path("outside/fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let reader = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    check("inside", &world.inside(&["append", &path, "evil"]).out, &["EACCES"]);
    check("outside", &world.outside(&["append", &path, "evil"]), &["ok"]);
    drop(reader);
}

fn private(world: &World) {
    let name = world.path("").replace('/', "-");
    for place in ["/tmp", "/var/tmp", "/dev/shm"] {
        let path = format!("{place}/private{name}");
        fs::write(&path, "host").unwrap();
        check(place, &world.inside(&["read", &path]).out, &["ENOENT"]);
        check(place, &world.inside(&["write", &path, "inside"]).out, &["ok"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "host");
        // The next command has its own.
        check(place, &world.inside(&["read", &path]).out, &["ENOENT"]);
        fs::remove_file(&path).unwrap();
    }
    check("/run", &world.inside(&["write", "/run/made", "x"]).out, &["EROFS", "EACCES"]);
    check("TMPDIR", &world.inside(&["environment", "TMPDIR"]).out, &["ok /tmp"]);
}

fn below_tmp(world: &World) {
    for place in ["/tmp", "/var/tmp"] {
        let directory = tempfile::tempdir_in(place).unwrap();
        let mut inner = world.another();
        let project = directory.path().join("a/project");
        fs::create_dir_all(&project).unwrap();
        fs::write(directory.path().join("a/secret"), "x").unwrap();
        fs::write(project.join("held"), "kept").unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        inner.spec.writable = vec![text(&project)];
        inner.spec.cwd = text(&project);
        inner.spec.closed = vec![text(&project.join("held"))];
        let seen =
            inner.run(&["sh", "-c", "echo made > new; echo evil > held; cat ../secret; ls ..; ls ../.. | wc -l"]);
        assert_eq!(seen.out, "project\n1", "{}", seen.error);
        assert_eq!(fs::read_to_string(project.join("new")).unwrap(), "made\n");
        assert_eq!(fs::read_to_string(project.join("held")).unwrap(), "kept");
    }
}

/// Row 8.
fn streams(world: &World) {
    let canary = world.path("outside/canary");
    let open = || fs::File::open(&canary).unwrap();
    let output = world.probe_launcher(&["append-fd", "0", "dead"]).stdin(open()).output().unwrap();
    check("inside", &world.seen(&output).out, &["EACCES", "EROFS"]);
    assert_eq!(world.text("outside/canary"), "alive");
    let written = fs::File::create(world.path("outside/log")).unwrap();
    let status = world.launcher(&["sh", "-c", "echo one; echo two > /dev/stdout"]).stdout(written).status().unwrap();
    assert!(status.success());
    assert_eq!(world.text("outside/log"), "two\n");
    let piped = world.launcher(&["sh", "-c", "cat; echo two > /dev/stdout"]).stdin(open()).output().unwrap();
    assert_eq!(world.seen(&piped).out, "alivetwo");
}

/// Rows 59, 61: a path that became a link since it was resolved.
fn link_in_plan(world: &World) {
    let mut inner = world.another();
    std::os::unix::fs::symlink("outside", inner.path("link")).unwrap();
    std::os::unix::fs::symlink("../outside/canary", inner.path("project/link")).unwrap();
    let usual = inner.spec.clone();
    let link = |name: &str| vec![inner.path(name)];
    let cases = [
        ("make a writable directory", "mount a writable directory", link("link"), vec![], vec![]),
        ("hide", "hide a path", usual.writable.clone(), link("link/secret"), vec![]),
        ("close", "make a path read-only", usual.writable.clone(), vec![], link("project/link")),
    ];
    for (name, step, writable, hidden, closed) in cases {
        inner.spec = crate::launch::Spec { writable, hidden, closed, ..usual.clone() };
        let seen = inner.run(&["sh", "-c", "echo ran > src/ran"]);
        assert!(
            seen.report.starts_with(&format!("error: the boundary cannot be built: the step `{step}`")),
            "{name}: {}",
            seen.report
        );
        assert!(seen.report.contains("Too many levels of symbolic links"), "{name}: {}", seen.report);
        assert!(!Path::new(&inner.path("project/src/ran")).exists());
    }
}

fn absent(world: &World) {
    let mut inner = world.another();
    inner.spec.hidden.push(inner.path("outside/gone"));
    inner.spec.closed.push(inner.path("project/gone"));
    let seen = inner.run(&["true"]);
    assert_eq!(seen.code, 0);
    for name in ["outside/gone", "project/gone"] {
        assert!(seen.report.contains(&inner.path(name)), "{}", seen.report);
    }
}

/// Row 72: the kernel takes the mount away, and the broker holds the name on. What must not be read is held by
/// its mount alone: there the command must go.
fn replaced(world: &World) {
    let script =
        "echo up > ready; while [ ! -e go ]; do sleep 0.01; done; echo evil > .git/config; cat .env; echo on > after";
    let replace = |name: &str| {
        fs::write(world.path("project/new"), "[replaced]").unwrap();
        fs::rename(world.path("project/new"), world.path(name)).unwrap();
    };
    let child = world.launcher(&["sh", "-c", script]).spawn().unwrap();
    wait_until(|| world.text("project/ready") == "up\n");
    replace("project/.git/config");
    fs::write(world.path("project/go"), "").unwrap();
    let seen = world.seen(&child.wait_with_output().unwrap());
    assert_eq!(seen.code, 0, "{}", seen.report);
    assert_eq!(world.text("project/.git/config"), "[replaced]");
    assert_eq!(world.text("project/after"), "on\n");

    fs::remove_file(world.path("project/go")).unwrap();
    fs::write(world.path("project/ready"), "").unwrap();
    let child = world.launcher(&["sh", "-c", script]).spawn().unwrap();
    wait_until(|| world.text("project/ready") == "up\n");
    replace("project/.env");
    let seen = world.seen(&child.wait_with_output().unwrap());
    assert_eq!(seen.code, 137);
    assert!(seen.report.contains(".env` was replaced on the host"), "{}", seen.report);
    assert!(!seen.out.contains("[replaced]"));
}

/// Row 87.
fn itself(world: &World) {
    let mut inner = world.another();
    fs::create_dir(inner.path("project/target")).unwrap();
    fs::write(inner.path("project/target/palisade"), "program").unwrap();
    inner.spec.protect = vec![inner.path("project/target/palisade")];
    check("write", &inner.inside(&["write", "target/palisade", "evil"]).out, &["EROFS", "EPERM", "EACCES"]);
    check("rename", &inner.inside(&["recreate", "target", "target/palisade", "evil"]).out, &["EBUSY", "EACCES"]);
    assert_eq!(inner.text("project/target/palisade"), "program");
}

/// Row 102.
fn strange_names(world: &World) {
    for name in ["new\nline", "quo'te\"", "$(touch x)", " space ", "tab\t", "back\\slash", "ünï"] {
        let mut inner = world.another();
        fs::write(inner.path(&format!("project/{name}")), "SECRET").unwrap();
        inner.spec.hidden = vec![inner.path(&format!("project/{name}"))];
        check(name, &inner.inside(&["read", name]).out, &["EACCES"]);
    }
}

/// Row 101.
fn many(world: &World) {
    let mut inner = world.another();
    for number in 0..600 {
        let path = inner.path(&format!("project/src/held-{number}"));
        fs::write(&path, "SECRET").unwrap();
        inner.spec.hidden.push(path);
    }
    check("last", &inner.inside(&["read", "src/held-599"]).out, &["EACCES"]);
    check("first", &inner.inside(&["read", "src/held-0"]).out, &["EACCES"]);
}

fn refused(world: &World) {
    let mut inner = world.another();
    for path in ["/", "/tmp", "/nonexistent", "/nonexistent/home", "/proc/self", "/dev/shm", "/etc", "/var", "/usr"] {
        inner.spec.writable = vec![path.to_owned()];
        let seen = inner.run(&["true"]);
        assert!(seen.report.starts_with(&format!("error: `{path}` cannot be made writable: ")), "{}", seen.report);
        assert_eq!(seen.code, 4);
    }
}

/// Row 93: what the command was given to read or write is the host's in everything else.
fn given_as_streams(world: &World) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let seen = |world: &World, name: &str| {
        let stat = fs::metadata(world.path(&format!("outside/{name}"))).unwrap();
        (stat.mode() & 0o7777, stat.mtime())
    };
    let script = "chmod 4777 /proc/self/fd/0 /proc/self/fd/1; touch -d @1 /proc/self/fd/0 /proc/self/fd/1; \
                  touch own; chmod 755 own; exec 3> gone; rm gone; chmod 755 /proc/self/fd/3 && : > done";
    let launch = |mut command: std::process::Command, world: &World| {
        for name in ["in", "out"] {
            fs::write(world.path(&format!("outside/{name}")), "x").unwrap();
            fs::set_permissions(world.path(&format!("outside/{name}")), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let append = fs::OpenOptions::new().append(true).open(world.path("outside/out")).unwrap();
        command.stdin(fs::File::open(world.path("outside/in")).unwrap()).stdout(append);
        command.current_dir(world.path("project")).status().unwrap();
    };
    launch(world.launcher(&["sh", "-c", script]), world);
    for name in ["in", "out"] {
        let (mode, changed) = seen(world, name);
        assert!(mode == 0o600 && changed > 1, "{name}: {mode:o} {changed}");
    }
    assert_eq!(fs::metadata(world.path("project/own")).unwrap().mode() & 0o777, 0o755);
    assert!(world.path("project/done").parse::<std::path::PathBuf>().unwrap().exists(), "a file without a name");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]);
    launch(command, world);
    assert_eq!(seen(world, "in"), (0o4777, 1), "control");
}
