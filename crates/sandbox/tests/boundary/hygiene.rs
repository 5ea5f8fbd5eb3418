//! Rows 175, 177, 185, 189: descriptors, environment, streams.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Stdio;

use crate::runner::Case;
use crate::world::{World, check};
use sandbox::Tier;

pub(crate) const CASES: &[Case] = &[
    ("hygiene_descriptors", descriptors),
    ("hygiene_environment", environment),
    ("hygiene_streams", streams),
    ("hygiene_core_dumps", core_dumps),
    ("hygiene_nested", nested),
    ("hygiene_report", report),
];

/// Row 175: descriptors that are not closed on `exec` do not reach the command.
fn descriptors(world: &World) {
    let root = File::open("/").unwrap();
    // `dup` of the safe kind, without close-on-exec.
    let leaked = rustix::io::dup(root.as_fd()).unwrap();
    assert_eq!(world.inside(&["descriptors"]).out, "ok 0 1 2");
    assert!(world.outside(&["descriptors"]).len() > "ok 0 1 2".len());
    drop(leaked);
}

fn environment(world: &World) {
    let mut launcher = world.launcher(&["env"]);
    launcher
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LANG", "C")
        .env("CARGO_HOME", "/c")
        .env("HOME", "/elsewhere");
    for name in [
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "SSH_AUTH_SOCK",
        "DBUS_SESSION_BUS_ADDRESS",
        "BASH_ENV",
        "NODE_OPTIONS",
    ] {
        launcher.env(name, "hunter2");
    }
    let seen = world.seen(&launcher.output().unwrap());
    let mut names: Vec<&str> = seen.out.lines().collect();
    names.sort_unstable();
    let pwd = format!("PWD={}", world.path("project"));
    let directory = if world.tier == Tier::Landlock { "TMPDIR=/tmp/palisade-" } else { "TMPDIR=/tmp" };
    let temporary = names.pop().unwrap();
    assert!(temporary == directory || world.tier == Tier::Landlock && temporary.starts_with(directory), "{temporary}");
    assert_eq!(names, ["CARGO_HOME=/c", "HOME=/nonexistent/home", "LANG=C", "PATH=/usr/bin:/bin", pwd.as_str()]);
    assert!(!seen.report.contains("hunter2"), "names only: {}", seen.report);
    assert!(seen.report.contains("GITHUB_TOKEN"));
}

fn streams(world: &World) {
    let (near, far) = UnixStream::pair().unwrap();
    let (datagram, _other) = UnixDatagram::pair().unwrap();
    let network = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let unconnected = std::os::unix::net::UnixListener::bind(world.path("listening")).unwrap();
    let cases: [(&str, Stdio); 4] = [
        ("a directory", File::open("/").unwrap().into()),
        ("a datagram socket", std::os::fd::OwnedFd::from(datagram).into()),
        ("a network socket", std::os::fd::OwnedFd::from(network).into()),
        ("a socket that is not connected", std::os::fd::OwnedFd::from(unconnected).into()),
    ];
    for (what, stream) in cases {
        let output = world.launcher(&["sh", "-c", "echo ran > ran"]).stdin(stream).output().unwrap();
        let seen = world.seen(&output);
        let expected = format!("error: standard input is {what}, which would lead out of the boundary");
        assert!(seen.report.starts_with(&expected), "{}", seen.report);
        assert!(!std::path::Path::new(&world.path("project/ran")).exists());
    }
    drop(near);
    let output = world.launcher(&["cat"]).stdin(std::os::fd::OwnedFd::from(far)).output().unwrap();
    assert!(output.status.success());
}

/// Row 189.
fn core_dumps(world: &World) {
    assert_eq!(world.run(&["sh", "-c", "ulimit -H -c"]).out, "0");
}

/// Row 185: a boundary inside the boundary is an error that names its step.
fn nested(world: &World) {
    let mut inner = world.spec.clone();
    inner.report = world.path("project/inner-report");
    let probe = std::env::current_exe().unwrap();
    // The program itself may lie in a private place; its copy does not.
    let copy = world.path("project/palisade");
    std::fs::copy(probe, &copy).unwrap();
    let arguments = inner.arguments();
    let words: Vec<&str> =
        [copy.as_str()].into_iter().chain(arguments.iter().map(String::as_str)).chain(["true"]).collect();
    let seen = world.run(&words);
    assert_eq!(seen.code, 4, "{} {}", seen.out, seen.error);
    let report = world.text("project/inner-report");
    assert!(report.contains("the inside of a boundary already"), "{report}");
    check(
        "nested",
        report.lines().next().unwrap(),
        &[
            "error: the boundary cannot be built: the step `make a user namespace` failed: Operation not permitted (os error 1)",
            "error: the boundary cannot be built: the step `start the boundary process` failed: Operation not permitted (os error 1)",
        ],
    );
}

fn report(world: &World) {
    let seen = world.run(&["true"]);
    for text in [
        "\"schema_version\": 1",
        "\"landlock\"",
        "\"seccomp\"",
        "\"pid-namespace\"",
        "\"missing\": []",
        "\"refused\": []",
    ] {
        assert!(seen.report.contains(text), "{text}: {}", seen.report);
    }
}
