//! Rows 103, 104, and mounts of the host that show the same files twice: what the host mounts where.
//!
//! Each test makes a mount namespace of its own, which takes root or a user namespace.

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::runner::Case;
use crate::world::{Seen, World};

pub(crate) const CASES: &[Case] = &[
    ("mounts_below_a_read_only_place", below),
    ("mounts_made_later_do_not_come_in", later),
    ("mounts_of_the_project_elsewhere", elsewhere),
    ("mounts_that_the_user_cannot_reach", out_of_reach),
];

/// Runs a script in a mount namespace of its own; its arguments are a directory and the launcher's words.
fn unshared(script: &str, directory: &str, launcher: &Command) -> Output {
    let mut command = Command::new("unshare");
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-Urm" };
    command.args([flags, "sh", "-c", script, directory]).arg(launcher.get_program()).args(launcher.get_args());
    command.stdin(Stdio::null()).output().unwrap()
}

fn seen(world: &World, script: &str, directory: &str, words: &[&str]) -> Seen {
    let _ = fs::remove_file(&world.spec.report);
    world.seen(&unshared(script, directory, &world.launcher(words)))
}

/// Row 103: a file system that is mounted to be written, where the command must not write.
fn below(world: &World) {
    for directory in ["outside/deep", "project/.git/hooks"] {
        let script = "mount -t tmpfs t \"$0\" && echo host > \"$0/file\" && \"$@\"; cat \"$0/file\" >&2; ls \"$0\" >&2";
        let path = world.path(directory);
        let inside = format!("cat {path}/file; echo evil > {path}/file; echo evil > {path}/new");
        let seen = seen(world, script, &path, &["sh", "-c", &inside]);
        assert_eq!(seen.out, "host", "{directory}: {} {}", seen.error, seen.report);
        assert!(seen.error.ends_with("host\nfile"), "{directory}: {}", seen.error);
    }
    // In a hidden directory.
    let mut inner = world.another();
    inner.spec.hidden = vec![inner.path("outside")];
    let path = inner.path("outside/deep");
    let script = "mount -t tmpfs t \"$0\" && echo SECRET > \"$0/file\" && cat \"$0/file\" >&2 && \"$@\"";
    let seen = self::seen(&inner, script, &path, &["sh", "-c", &format!("cat {path}/file; ls {path}")]);
    assert!(seen.out.is_empty() && seen.error.starts_with("SECRET"), "{} {} {}", seen.out, seen.error, seen.report);
}

/// Row 104: the host mounts something while the command runs, and its mounts spread.
fn later(world: &World) {
    fs::create_dir_all(world.path("project/late")).unwrap();
    let script = "mount --make-rshared / && cd \"$0\" && { \"$@\" & while [ ! -e ready ]; do sleep 0.01; done; \
                  mount -t tmpfs t late && echo host > late/marker && ls late >&2; : > go; wait $!; }";
    let inside = "echo up > ready; while [ ! -e go ]; do sleep 0.01; done; ls late; ls ../outside/deep; echo on";
    let seen = seen(world, script, &world.path("project"), &["sh", "-c", inside]);
    assert_eq!((seen.out.as_str(), seen.error.as_str()), ("on", "marker"), "{}", seen.report);
}

/// What an ordinary user cannot reach of the host's mounts, such as those of a container engine, keeps nobody from running;
/// it takes root to make one, and who could reach it could not write there.
fn out_of_reach(world: &World) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut inner = world.another();
    inner.spec.report = String::new();
    fs::create_dir_all(inner.path("outside/closed/mounted")).unwrap();
    let nobody = Some(crate::runner::NOBODY);
    for name in ["project", "project/src", "project/.git", "project/.git/hooks", "project/.git/config", "project/.env"]
    {
        std::os::unix::fs::chown(inner.path(name), nobody, nobody).unwrap();
    }
    for place in [world.path(""), inner.path("")] {
        fs::set_permissions(place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let launcher = inner.path("launcher");
    fs::copy(std::env::current_exe().unwrap(), &launcher).unwrap();
    let words = ["sh", "-c", "ls ../outside/closed; echo made > src/made; cat src/made"];
    let run = |mode: &str| {
        let script = format!(
            "mount -t tmpfs -o mode=0777 t \"$0/mounted\" && chmod {mode} \"$0\" && exec setpriv --reuid={0} --regid={0} \
             --clear-groups \"$@\"",
            crate::runner::NOBODY
        );
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &script, &inner.path("outside/closed"), &launcher]);
        command.args(inner.spec.arguments()).args(words).stdin(Stdio::null());
        world.seen(&command.output().unwrap())
    };
    let closed = run("0700");
    assert_eq!(closed.out, "made", "{}", closed.error);
    assert!(closed.error.contains("Permission denied"), "{}", closed.error);
    let open = run("0755");
    assert_eq!(open.out, "mounted\nmade", "{}", open.error);
}

/// The project is mounted at a second place: by that name it is as read-only as all outside of it.
fn elsewhere(world: &World) {
    let twin = world.path("outside/deep");
    let script = "mount --bind \"${0%/outside/deep}/project\" \"$0\" && : > \"$0/by-the-host\" && \"$@\"";
    let inside = format!(
        "echo evil > {twin}/new; echo evil > {twin}/.git/config; rm {twin}/by-the-host; mv {twin}/.git {twin}/x; ls {twin} | wc -l"
    );
    let seen = seen(world, script, &twin, &["sh", "-c", &inside]);
    assert_eq!(seen.out, "2", "{} {}", seen.error, seen.report);
    assert_eq!(world.text("project/.git/config"), "[core]");
    assert_eq!(world.text("project/by-the-host"), "");
}
