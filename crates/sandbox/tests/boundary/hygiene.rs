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
    ("hygiene_environment_of_loaders", loaders),
    ("hygiene_arguments_tell_nothing", arguments),
    ("hygiene_role_by_hand", by_hand),
    ("hygiene_no_command", no_command),
    ("hygiene_no_user_namespaces", no_user_namespaces),
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
    let rest = ["CARGO_HOME=/c", "GIT_TEMPLATE_DIR=", "HOME=/nonexistent/home", "LANG=C", "PATH=/usr/bin:/bin"];
    assert_eq!(names, [rest.as_slice(), &[pwd.as_str()]].concat());
    assert!(!seen.report.contains("hunter2"), "names only: {}", seen.report);
    assert!(seen.report.contains("GITHUB_TOKEN"));
}

/// Rows 178, 179: what makes programs load code does not reach the command, nor what it sets the next one.
fn loaders(world: &World) {
    let names = [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "BASH_ENV",
        "ENV",
        "PYTHONSTARTUP",
        "PYTHONPATH",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PERL5OPT",
        "PERL5LIB",
        "RUBYOPT",
        "RUBYLIB",
        "GIT_DIR",
        "GIT_CONFIG_COUNT",
        "GIT_SSH_COMMAND",
        "GIT_EXEC_PATH",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "DOTNET_STARTUP_HOOKS",
        "GLIBC_TUNABLES",
        "IFS",
        "PROMPT_COMMAND",
        "SHELLOPTS",
        "BASH_FUNC_ls%%",
        "GCONV_PATH",
        "LOCPATH",
        "TMPDIR",
    ];
    let mut launcher = world.launcher(&["env"]);
    for name in names {
        launcher.env(name, "/nonexistent/evil");
    }
    let seen = world.seen(&launcher.output().unwrap());
    assert!(seen.out.contains("PATH=") && !seen.out.contains("evil"), "{}", seen.out);
    let mut command = std::process::Command::new("env");
    assert!(String::from_utf8_lossy(&command.env("LD_AUDIT", "/evil").output().unwrap().stdout).contains("evil"));
    world.run(&["sh", "-c", "export LEFT=behind; echo 'LEFT=behind' > .env-for-the-next"]);
    assert!(!world.run(&["env"]).out.contains("LEFT"));
}

/// Row 180: the boundary's processes say nothing of the plan to whoever lists processes.
fn arguments(world: &World) {
    let mut child =
        world.launcher(&["sh", "-c", "echo up > ready; while [ ! -e go ]; do sleep 0.01; done"]).spawn().unwrap();
    crate::processes::wait_until(|| world.text("project/ready") == "up\n");
    let mut found = Vec::new();
    // A boundary that stood ready is its holder's.
    let mut parents = vec![if world.is_held { std::process::id() } else { child.id() }];
    while let Some(parent) = parents.pop() {
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        for pid in children.split_whitespace() {
            parents.push(pid.parse().unwrap());
            found.push(std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " "));
        }
    }
    std::fs::write(world.path("project/go"), "").unwrap();
    child.wait().unwrap();
    assert!(found.len() >= 3, "{found:?}");
    for line in found.iter().filter(|line| line.starts_with("palisade")) {
        assert!(!line.contains(&world.path("")) && !line.contains("secret"), "{line}");
    }
    assert!(found.iter().filter(|line| line.starts_with("palisade")).count() >= 2, "{found:?}");
}

/// Row 182: the boundary's role, by hand, without what a launcher hands over, and under other names.
fn by_hand(world: &World) {
    use std::os::unix::process::CommandExt;
    for name in ["", "palisade: boundary", "-sh", "/"] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.arg0(name).args([sandbox::ROLE, "sh", "-c", "echo ran > ran"]).current_dir(world.path("project"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(70), 0), "{name}");
        let mut named = world.launcher(&["sh", "-c", "echo evil > ../outside/canary"]);
        assert!(!named.arg0(name).status().unwrap().success());
    }
    assert!(!std::path::Path::new(&world.path("project/ran")).exists());
    assert_eq!(world.text("outside/canary"), "alive");
}

fn no_command(world: &World) {
    for argv in [&[][..], &[""][..]] {
        let seen = world.run(argv);
        assert!(seen.report.starts_with("error: ") && seen.code == 4, "{argv:?}: {}", seen.report);
    }
}

/// Row 186: without what it needs the boundary is not silently none.
fn no_user_namespaces(world: &World) {
    let launcher = world.launcher(&["sh", "-c", "echo evil > ../outside/canary; echo ran > ran"]);
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["-Ur", "sh", "-c", script, "sh"]).arg(launcher.get_program()).args(launcher.get_args());
    let seen = world.seen(&command.stdin(Stdio::null()).output().unwrap());
    assert!(!seen.report.is_empty(), "{}", seen.error);
    assert_eq!(world.text("outside/canary"), "alive", "{}", seen.report);
    let has_run = std::path::Path::new(&world.path("project/ran")).exists();
    // It refuses with what helps, or says what is missing.
    let is_told = !seen.report.contains("\"missing\": []") && !seen.report.contains("pid-namespace");
    let is_refused = seen.report.starts_with("error: ") && seen.report.contains("\nfix: ");
    assert!(if has_run { is_told } else { is_refused }, "{}", seen.report);
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
    for text in ["\"schema_version\": 1", "\"landlock\"", "\"seccomp\"", "\"pid-namespace\"", "\"refused\": []"] {
        assert!(seen.report.contains(text), "{text}: {}", seen.report);
    }
    // Limits that nothing holds depend on the machine; no layer is missing.
    let report: serde_json::Value = serde_json::from_str(&seen.report).unwrap();
    let missing = report["missing"].as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap());
    assert_eq!(missing.filter(|what| !what.starts_with("limit-")).count(), 0, "{}", seen.report);
}
