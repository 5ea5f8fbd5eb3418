//! The closed profile: what is not granted is not there. And the private caches of package managers.

use std::fs;
use std::path::Path;

use policy::tables::closed::NEEDED;

use crate::runner::Case;
use crate::world::{World, check};
use sandbox::Tier;

pub(crate) const CASES: &[Case] = &[
    ("profile_closed_reads_only_what_is_granted", only_granted),
    ("profile_closed_changes_nothing", changes_nothing),
    ("profile_closed_keeps_what_is_held", keeps_held),
    ("profile_closed_builds", builds),
    ("profile_closed_needs_a_place_to_start", start),
    ("profile_caches_are_writable_and_stay", caches),
    ("profile_caches_cannot_be_led_astray", astray),
    ("profile_caches_that_cannot_be_made_are_told", untold),
    ("profile_stores_that_programs_insist_on", insisted_on),
];

/// Returns a world in the closed profile, where the probe may be run.
fn closed(world: &World) -> World {
    let mut closed = world.another();
    for row in NEEDED {
        match fs::read_link(row.path) {
            Ok(target) => closed.spec.readable.push(format!("{} -> {}", row.path, target.display())),
            Err(_) if Path::new(row.path).exists() => closed.spec.readable.push(row.path.to_owned()),
            Err(_) => {}
        }
    }
    closed.spec.readable.push(closed.probe_path());
    closed
}

/// What comes of reading what is not to be read: without mounts it is there all the same.
fn gone(world: &World) -> &'static [&'static str] {
    if world.tier == Tier::Landlock { &["EACCES", "EPERM", "ENOENT"] } else { &["ENOENT"] }
}

fn only_granted(world: &World) {
    let closed = closed(world);
    let canary = closed.path("outside/canary");
    check("control", &closed.outside(&["read", &canary]), &["ok alive"]);
    let mut open = world.another();
    open.spec.readable.clear();
    check("open", &open.inside(&["read", &open.path("outside/canary")]).out, &["ok alive"]);

    let above = format!("/..{canary}");
    for words in [
        &["read", &canary],
        &["read", "../outside/canary"],
        &["read", &above],
        &["read-via-root", &canary],
        &["list", &closed.path("outside")],
        &["read", "/etc/shadow"],
        &["read", "/etc/fstab"],
        &["list", "/root"],
        &["list", "/home"],
        &["list", "/boot"],
        &["list", "/var/log"],
        &["read", "/proc/kcore"],
        &["list", "/sys/class"],
    ] {
        check(&format!("{words:?}"), &closed.inside(words).out, gone(world));
    }
    // The directories on the way are there, and tell no names.
    check("root", &closed.inside(&["list", "/"]).out, &["EACCES"]);
    check("above the project", &closed.inside(&["list", ".."]).out, &["EACCES"]);
    check("project", &closed.inside(&["read", "src/lib.rs"]).out, &["ok fn main() {}"]);
    assert!(closed.inside(&["read", "/etc/passwd"]).out.starts_with("ok "), "what programs need");

    let mut granted = closed.another();
    granted.spec.readable = [closed.spec.readable.as_slice(), &[granted.path("outside")]].concat();
    check("granted", &granted.inside(&["read", &granted.path("outside/canary")]).out, &["ok alive"]);
    check("hidden in it", &granted.inside(&["read", &granted.path("outside/secret")]).out, &["EACCES"]);
    check("written", &granted.inside(&["write", &granted.path("outside/canary"), "dead"]).out, &["EROFS", "EACCES"]);
    assert_eq!(granted.text("outside/canary"), "alive");
}

fn changes_nothing(world: &World) {
    let closed = closed(world);
    for words in [
        &["mkdir", "/made"] as &[&str],
        &["mkdir", &closed.path("made")],
        &["write", "/usr/bin/palisade-probe", "dead"],
        &["write", "/etc/passwd", "dead"],
        &["write", "/palisade-probe", "dead"],
        &["unlink", "/etc/passwd"],
        &["rename", "/usr", "/other"],
    ] {
        check(&format!("{words:?}"), &closed.inside(words).out, &["EROFS", "EACCES", "EPERM", "EBUSY", "EXDEV"]);
    }
    check("project", &closed.inside(&["write", "src/new", "made"]).out, &["ok"]);
    assert_eq!(closed.text("project/src/new"), "made");
    let temporary = if world.tier == Tier::Landlock { "EACCES" } else { "ok" };
    check("temporary", &closed.inside(&["write", "/tmp/new", "made"]).out, &[temporary]);
    assert!(!Path::new("/tmp/new").exists());
}

fn keeps_held(world: &World) {
    let closed = closed(world);
    check("hidden", &closed.inside(&["read", ".env"]).out, &["EACCES"]);
    for name in [".git/config", ".git/hooks/sample", ".git/hooks/pre-commit"] {
        check(name, &closed.inside(&["write", name, "evil"]).out, &["EROFS", "EACCES", "EPERM"]);
    }
    check("renamed", &closed.inside(&["rename", ".git", "git"]).out, &["EBUSY", "EXDEV", "EPERM"]);
    assert_eq!(
        (closed.text("project/.git/config"), closed.text("project/.git/hooks/sample")),
        ("[core]".to_owned(), "sample".to_owned())
    );
    let seen = closed.inside(&["cwd"]);
    assert!(seen.report.contains("\"not_present\": []"), "{}", seen.report);
}

fn builds(world: &World) {
    let closed = closed(world);
    fs::write(closed.path("project/a.c"), "#include <stdio.h>\nint main(void) { puts(\"built\"); return 0; }\n")
        .unwrap();
    let has =
        |program: &str| ["/usr/bin", "/usr/local/bin"].iter().any(|place| Path::new(place).join(program).exists());
    if has("cc") {
        let seen = closed.run(&["sh", "-c", "PATH=/usr/local/bin:/usr/bin:/bin; cc a.c -o a && ./a"]);
        assert_eq!((seen.code, seen.out.as_str()), (0, "built"), "{}", seen.error);
    }
    if has("git") {
        fs::remove_dir_all(closed.path("project/.git")).unwrap();
        let script = "PATH=/usr/local/bin:/usr/bin:/bin; git init -q sub && cd sub && touch a && git status --short";
        let seen = closed.run(&["sh", "-c", script]);
        assert_eq!((seen.code, seen.out.as_str()), (0, "?? a"), "{}", seen.error);
    }
    let seen = closed.run(&["/bin/sh", "-c", "ls /usr/bin/env && cat < src/lib.rs | tr a-z A-Z"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "/usr/bin/env\nFN MAIN() {}"), "{}", seen.error);
}

fn start(world: &World) {
    let mut closed = closed(world);
    closed.spec.writable.clear();
    let seen = closed.run(&["true"]);
    assert!(seen.report.contains("it is not there in the closed profile"), "{}", seen.report);
}

/// Returns a world with caches, in which a directory of the host's is seen.
fn cached(world: &World) -> World {
    let mut cached = world.another();
    fs::create_dir_all(cached.path("home/registry")).unwrap();
    fs::write(cached.path("home/registry/crate"), "fetched").unwrap();
    cached.spec.caches = vec![cached.path("caches/one")];
    cached.spec.seeds = vec![format!("{}:{}", cached.path("home/registry"), cached.path("caches/one/cargo/registry"))];
    cached
}

fn caches(world: &World) {
    let mut cached = cached(world);
    let own = cached.path("caches/one/npm");
    check("write", &cached.inside(&["write", &own, "kept"]).out, &["ok"]);
    check("read by the next", &cached.inside(&["read", &own]).out, &["ok kept"]);
    assert_eq!(cached.text("caches/one/npm"), "kept");
    let crate_inside = cached.path("caches/one/cargo/registry/crate");
    check("the host's", &cached.inside(&["read", &crate_inside]).out, &["ok fetched"]);
    for words in [&["write", crate_inside.as_str(), "evil"] as &[&str], &["unlink", &crate_inside]] {
        check(&format!("{words:?}"), &cached.inside(words).out, &["EROFS", "EACCES", "ENOENT"]);
    }
    assert_eq!(cached.text("home/registry/crate"), "fetched");
    // What packages hold is nothing that runs on the host.
    for name in [".npmrc", ".envrc"] {
        check(name, &cached.inside(&["write", &cached.path(&format!("caches/one/{name}")), "packed"]).out, &["ok"]);
    }
    check("others'", &cached.inside(&["write", &cached.path("caches/two"), "evil"]).out, &["EROFS", "EACCES"]);
    let told = cached.run(&["/bin/sh", "-c", "echo $CARGO_HOME $npm_config_cache"]).out;
    assert_eq!(told, format!("{0}/cargo {0}/npm", cached.path("caches/one")));

    cached.spec.readable = closed(world).spec.readable;
    cached.spec.readable.push(cached.probe_path());
    check("closed", &cached.inside(&["read", &crate_inside]).out, &["ok fetched"]);
    check("closed", &cached.inside(&["write", &own, "again"]).out, &["ok"]);
    // Without mounts it is seen where it lies.
    let there: &[&str] = if world.tier == Tier::Landlock { &["ok fetched"] } else { gone(world) };
    check("closed", &cached.inside(&["read", &cached.path("home/registry/crate")]).out, there);
    assert_eq!(cached.text("caches/one/npm"), "again");
}

/// An earlier command put links where directories of the host are to be seen.
fn astray(world: &World) {
    let cached = cached(world);
    fs::create_dir_all(cached.path("caches/one")).unwrap();
    std::os::unix::fs::symlink(cached.path("outside"), cached.path("caches/one/cargo")).unwrap();
    fs::set_permissions(cached.path("caches/one"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let seen = cached.inside(&["read", &cached.path("caches/one/cargo/registry/crate")]);
    check("shown all the same", &seen.out, &["ok fetched"]);
    assert!(!Path::new(&cached.path("outside/registry")).exists(), "nothing was made where the link led");
    assert!(!fs::symlink_metadata(cached.path("caches/one/cargo")).unwrap().is_symlink());
    // One that an earlier command has put where the directory itself is seen.
    fs::remove_dir_all(cached.path("caches/one/cargo")).unwrap();
    fs::create_dir(cached.path("caches/one/cargo")).unwrap();
    std::os::unix::fs::symlink(cached.path("outside"), cached.path("caches/one/cargo/registry")).unwrap();
    let place = cached.path("caches/one/cargo/registry/crate");
    check("itself", &cached.inside(&["read", &place]).out, &["ok fetched"]);
    check("written", &cached.inside(&["write", &place, "evil"]).out, &["EROFS", "EACCES"]);
    assert_eq!(cached.text("home/registry/crate"), "fetched");
}

/// Package managers that end at a file that they may not read find another text there, where a mount can hold it.
fn insisted_on(world: &World) {
    let mut home = world.another();
    home.spec.home = vec![home.path("home")];
    let stores = [(".npmrc", "ok"), (".m2/settings.xml", "ok <settings/>"), (".netrc", "EACCES")];
    for (name, _) in stores {
        let path = home.path(&format!("home/{name}"));
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, "secret").unwrap();
        check("control", &home.outside(&["read", &path]), &["ok secret"]);
        home.spec.hidden.push(path);
    }
    for (name, instead) in stores {
        let path = home.path(&format!("home/{name}"));
        let expected = if world.tier == Tier::Landlock { "EACCES" } else { instead };
        check(name, &home.inside(&["read", &path]).out, &[expected]);
        for words in [&["write", &path, "evil"] as &[&str], &["unlink", &path], &["chmod", &path]] {
            check(&format!("{words:?}"), &home.inside(words).out, &["EROFS", "EACCES", "EBUSY", "EPERM"]);
        }
        assert_eq!(home.text(&format!("home/{name}")), "secret");
    }
    // A directory has no text.
    let mut odd = world.another();
    odd.spec.home = vec![odd.path("home")];
    fs::create_dir_all(odd.path("home/.npmrc")).unwrap();
    fs::write(odd.path("home/.npmrc/file"), "secret").unwrap();
    odd.spec.hidden.push(odd.path("home/.npmrc"));
    check("in a directory", &odd.inside(&["read", &odd.path("home/.npmrc/file")]).out, &["EACCES"]);
}

fn untold(world: &World) {
    let cached = cached(world);
    fs::create_dir_all(cached.path("caches/one")).unwrap();
    fs::set_permissions(cached.path("caches/one"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let seen = cached.run(&["/bin/sh", "-c", "echo ran $CARGO_HOME"]);
    let host = std::env::var("CARGO_HOME").unwrap_or_default();
    assert_eq!((seen.code, seen.out), (0, format!("ran {host}").trim().to_owned()));
    assert!(seen.report.contains("private-caches"), "{}", seen.report);
    let mut denied = self::cached(world);
    denied.spec.hidden.push(denied.path("caches"));
    let seen = denied.run(&["/bin/sh", "-c", "echo ran $npm_config_cache"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "ran"));
    assert!(seen.report.contains("private-caches"), "{}", seen.report);
}
