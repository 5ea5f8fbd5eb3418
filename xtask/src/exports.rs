//! Exports under the tools they are for: the same probes end as the list of losses says.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::peers::{CODEX, Peer, SANDBOX_RUNTIME};
use crate::place::{Profile, Scratch, palisade};

/// What is tried inside, each with whether the policy lets it.
const PROBES: [(&str, bool, &str); 21] = [
    ("read-project", true, "cat README"),
    ("read-system", true, "cat /etc/passwd"),
    ("read-hidden-file", false, "cat .env | grep secret"),
    ("read-hidden-directory", false, "cat \"$HOME/.ssh/id\" | grep secret"),
    ("see-hidden-name", false, "test -s .env"),
    ("read-host-tmp", false, "cat \"$HOST_FILE\" | grep secret"),
    ("write-project", true, "echo x > made"),
    ("write-more", true, "echo x > \"$MORE/made\""),
    ("write-home", false, "echo x > \"$HOME/made\""),
    ("write-hook", false, "echo x > .git/hooks/pre-commit"),
    ("write-hidden-file", false, "echo x > .env"),
    ("remove-hidden-file", false, "rm -f .env && ! test -e .env"),
    ("set-git-key", true, "git config user.name probe"),
    ("make-protected-name", false, "mkdir sub/.vscode && echo x > sub/.vscode/tasks.json"),
    ("rename-above-held", false, "mv kept kept-away"),
    ("write-tmp", true, "echo x > /tmp/probe-made"),
    ("execute-project", true, "./tool"),
    ("signal-outside", false, "kill -0 \"$OUTSIDE\""),
    ("loopback-own", true, "python3 talk.py own"),
    ("loopback-host", false, "python3 talk.py \"$PORT\""),
    ("see-variable", false, "test -n \"$A_TOKEN\""),
];

/// Where a tool ends otherwise than the policy, by which of its losses.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("srt", "read-host-tmp", "private-directories"),
    ("srt", "set-git-key", "git-keys"),
    ("srt", "make-protected-name", "later-names"),
    ("srt", "write-tmp", "private-directories-written"),
    ("srt", "see-variable", "environment"),
    ("codex", "set-git-key", "git-keys"),
    ("codex", "make-protected-name", "later-names"),
    ("codex", "rename-above-held", "pins"),
    ("codex", "write-tmp", "private-directories"),
    ("codex", "loopback-own", "loopback"),
    ("codex", "see-variable", "environment"),
    ("docker", "read-system", "host-files"),
    ("docker", "write-home", "own-home"),
    ("docker", "write-hidden-file", "hidden-writes"),
    ("docker", "set-git-key", "git-keys"),
    ("docker", "make-protected-name", "later-names"),
    ("docker", "rename-above-held", "pins"),
    ("docker", "loopback-own", "host-files"),
    ("firejail", "set-git-key", "git-keys"),
    ("firejail", "make-protected-name", "later-names"),
    ("firejail", "rename-above-held", "pins"),
    ("firejail", "see-variable", "environment"),
];

const TALK: &str = "import socket, sys\n\
    server = None\n\
    port = sys.argv[1]\n\
    if port == 'own':\n    server = socket.create_server(('127.0.0.1', 0))\n    port = server.getsockname()[1]\n\
    socket.create_connection(('127.0.0.1', int(port)), timeout=3)\n";

/// A project with everything that the probes are about.
struct Scene {
    scratch: Scratch,
    host_file: PathBuf,
    _listener: TcpListener,
}

impl Scene {
    fn new(name: &str) -> Self {
        let scratch = Scratch::on_disk(name).unwrap();
        let root = scratch.path();
        for directory in
            ["home/.ssh", "home/.claude", "more", "project/.git/hooks", "project/.git/objects", "project/.git/refs"]
        {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        std::fs::create_dir_all(root.join("project/kept/deep")).unwrap();
        std::fs::create_dir_all(root.join("project/sub")).unwrap();
        let host_file = Path::new("/tmp").join(format!("palisade-probe-{}-{name}", std::process::id()));
        std::fs::write(&host_file, "secret\n").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Few variables of the caller are seen inside.
        let known = [
            ("MORE", root.join("more").display().to_string()),
            ("HOST_FILE", host_file.display().to_string()),
            ("OUTSIDE", std::process::id().to_string()),
            ("PORT", listener.local_addr().unwrap().port().to_string()),
        ];
        let known: String = known.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
        let probes: String = PROBES
            .iter()
            .map(|(name, _, text)| format!("({text}) > /dev/null 2>&1 && echo '{name} yes' || echo '{name} no'\n"))
            .collect();
        let settings = json!({
            "permissions": {"deny": ["Read(.env)", "Edit(kept/deep/**)"]},
            "sandbox": {"filesystem": {"allowWrite": [root.join("more")]}},
        });
        for (file, text) in [
            ("home/.ssh/id", "secret\n"),
            ("home/.claude/settings.json", &settings.to_string()),
            ("project/.git/HEAD", "ref: refs/heads/main\n"),
            ("project/.git/config", "[core]\n\tbare = false\n"),
            ("project/.git/hooks/pre-commit", "#!/bin/sh\n"),
            ("project/.env", "secret\n"),
            ("project/README", "read\n"),
            ("project/kept/deep/file", "kept\n"),
            ("project/talk.py", TALK),
            ("project/probes.sh", &format!("{known}{probes}")),
            ("project/tool", "#!/bin/sh\n"),
        ] {
            std::fs::write(root.join(file), text).unwrap();
        }
        let program = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(root.join("project/tool"), program).unwrap();
        Self { scratch, host_file, _listener: listener }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Returns a program with the scene's environment.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", self.path("home")).env("A_TOKEN", "a secret");
        command.env("CODEX_HOME", self.path("codex")).current_dir(self.path("project")).stdin(Stdio::null());
        command
    }

    /// Exports, and returns the one file and the losses by their ids.
    fn export(&self, tool: &str) -> (String, BTreeMap<String, String>) {
        let mut export = self.command(palisade(Profile::Debug).unwrap());
        let output = export.args(["sandbox", "export", tool, "--json"]).output().unwrap();
        let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let losses = value["losses"].as_array().unwrap().iter().map(|loss| (text(&loss["id"]), text(&loss["way"])));
        (text(&value["files"][0]["text"]), losses.collect())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for file in [&self.host_file, Path::new("/tmp/probe-made")] {
            match std::fs::remove_file(file) {
                Ok(()) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{}", file.display()),
            }
        }
    }
}

/// Returns how each probe ended.
fn ends(output: &Output) -> BTreeMap<String, bool> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let ends: BTreeMap<String, bool> = lines.map(|(name, end)| (name.to_owned(), end == "yes")).collect();
    assert_eq!(ends.len(), PROBES.len(), "{output:?}");
    ends
}

/// Runs the probes, and compares what came of them with the policy and what the tool loses.
fn compare(tool: &str, losses: &BTreeMap<String, String>, mut command: Command) {
    let ends = ends(&command.output().unwrap());
    let mut wrong = Vec::new();
    for (probe, is_let, _) in PROBES {
        let difference = DIFFERENCES.iter().find(|(other, name, _)| *other == tool && *name == probe);
        let way = if is_let { "stricter" } else { "weaker" };
        let is_told = difference.is_none_or(|(_, _, id)| losses.get(*id).is_some_and(|found| found == way));
        if !is_told || ends[probe] != (is_let == difference.is_none()) {
            wrong.push(format!("(\"{tool}\", \"{probe}\", \"\") {} {difference:?}", ends[probe]));
        }
    }
    assert!(wrong.is_empty(), "{}\n{losses:#?}", wrong.join("\n"));
}

#[test]
fn the_policy_itself_ends_as_it_says() {
    let scene = Scene::new("export-palisade");
    let mut command = scene.command(palisade(Profile::Debug).unwrap());
    command.args(["run", "--quiet", "--", "bash", "probes.sh"]);
    if command.output().unwrap().status.code() == Some(125) {
        eprintln!("SKIPPED: there is no boundary here");
        return;
    }
    let again = Scene::new("export-palisade-again");
    let mut command = again.command(palisade(Profile::Debug).unwrap());
    command.args(["run", "--quiet", "--", "bash", "probes.sh"]);
    compare("palisade", &BTreeMap::new(), command);
}

/// Returns whether a tool works here at all; says that nothing is compared where it does not.
fn works(tool: &str, mut bare: Command) -> bool {
    let output = bare.output().unwrap();
    if !output.status.success() {
        eprintln!("SKIPPED: {tool} does not work here: {}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

/// Returns a peer's program, or says why nothing is compared.
fn installed(peer: Peer, needs: &[&str]) -> Option<PathBuf> {
    let missing: Vec<&str> = needs.iter().copied().filter(|program| !crate::bench::is_there(program)).collect();
    if !missing.is_empty() {
        eprintln!("SKIPPED: {}: not installed: {}", peer.name(), missing.join(" "));
        return None;
    }
    peer.program().inspect_err(|error| eprintln!("SKIPPED: {}: {error:#}", peer.name())).ok()
}

#[test]
fn settings_of_the_sandbox_runtime_hold_what_they_say() {
    let Some(program) = installed(SANDBOX_RUNTIME, &["bwrap", "socat", "rg", "node", "python3"]) else { return };
    let scene = Scene::new("export-srt");
    let bare = r#"{"network": {"allowedDomains": [], "deniedDomains": []}, "filesystem": {"denyRead": [], "allowWrite": [], "denyWrite": []}}"#;
    std::fs::write(scene.path("bare.json"), bare).unwrap();
    let mut command = scene.command(&program);
    command.arg("--settings").arg(scene.path("bare.json")).args(["-c", "true"]);
    if !works("srt", command) {
        return;
    }
    let (text, losses) = scene.export("srt");
    let settings = scene.path("srt.json");
    std::fs::write(&settings, text).unwrap();
    let mut command = scene.command(program);
    command.arg("--settings").arg(settings).args(["-c", "bash probes.sh"]);
    compare("srt", &losses, command);
}

#[test]
fn a_profile_of_codex_holds_what_it_says() {
    let Some(program) = installed(CODEX, &["python3"]) else { return };
    let scene = Scene::new("export-codex");
    std::fs::create_dir(scene.path("codex")).unwrap();
    let mut command = scene.command(&program);
    command.args(["sandbox", "-c", "sandbox_mode=\"workspace-write\"", "--", "true"]);
    if !works("codex", command) {
        return;
    }
    let (text, losses) = scene.export("codex");
    std::fs::write(scene.path("codex/config.toml"), text).unwrap();
    let mut command = scene.command(program);
    command.args(["sandbox", "--", "bash", "probes.sh"]);
    compare("codex", &losses, command);
}

#[test]
fn a_profile_of_firejail_holds_what_it_says() {
    if !crate::bench::is_there("firejail") || !crate::bench::is_there("python3") {
        eprintln!("SKIPPED: firejail or python3 is not installed");
        return;
    }
    let scene = Scene::new("export-firejail");
    let mut command = scene.command("firejail");
    command.args(["--noprofile", "--quiet", "--net=none", "--private-dev", "--", "true"]);
    if !works("firejail", command) {
        return;
    }
    let (text, losses) = scene.export("firejail");
    let profile = scene.path("palisade.profile");
    std::fs::write(&profile, text).unwrap();
    let mut command = scene.command("firejail");
    command.arg(format!("--profile={}", profile.display())).args(["--", "bash", "probes.sh"]);
    compare("firejail", &losses, command);
}

/// A Docker daemon with everything of its own, which ends with the test.
struct Daemon {
    scratch: Scratch,
    child: std::process::Child,
}

impl Daemon {
    /// Starts one, and waits until it answers; nothing when it does not.
    fn start() -> Option<Self> {
        let scratch = Scratch::on_disk("export-dockerd").unwrap();
        let at = |name: &str| scratch.path().join(name).display().to_string();
        let mut dockerd = Command::new("dockerd");
        dockerd.args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]);
        dockerd.args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid"), "--host"]);
        dockerd.arg(format!("unix://{}", at("socket"))).stdout(Stdio::null()).stderr(Stdio::null());
        let mut daemon = Self { child: dockerd.spawn().ok()?, scratch };
        for _ in 0..200 {
            if daemon.docker().arg("version").output().ok()?.status.success() {
                return Some(daemon);
            }
            if daemon.child.try_wait().ok()?.is_some() {
                return None;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        None
    }

    fn host(&self) -> String {
        format!("unix://{}", self.scratch.path().join("socket").display())
    }

    fn docker(&self) -> Command {
        let mut docker = Command::new("docker");
        docker.env("DOCKER_HOST", self.host()).stdin(Stdio::null());
        docker
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            let pid = rustix::process::Pid::from_child(&self.child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            self.child.wait().unwrap();
        }
    }
}

/// Makes an image of a few programs and what they load.
const IMAGE: &str = r#"set -e
mkdir -p image/usr/bin image/tmp image/var/tmp image/home/dev
ln -s usr/bin image/bin
for name in bash sh cat grep test rm mv mkdir touch; do
  program=$(type -P $name)
  cp -L "$program" image/usr/bin/$name
  for library in $(ldd "$program" | grep -o '/[^ ]*'); do mkdir -p "image$(dirname $library)"; cp -L $library image$library; done
done
tar -C image -cf image.tar ."#;

#[test]
fn a_container_of_docker_holds_what_it_says() {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root || !["dockerd", "docker", "containerd", "runc"].into_iter().all(crate::bench::is_there) {
        eprintln!("SKIPPED: no Docker daemon can be started here");
        return;
    }
    let scene = Scene::new("export-docker");
    assert!(Command::new("bash").args(["-c", IMAGE]).current_dir(scene.scratch.path()).status().unwrap().success());
    let Some(daemon) = Daemon::start() else {
        eprintln!("SKIPPED: the Docker daemon does not start here");
        return;
    };
    let imported = daemon.docker().arg("import").arg(scene.path("image.tar")).arg("probe").output().unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let mut bare = daemon.docker();
    bare.args(["run", "--rm", "--network", "none", "--memory", "64m", "probe", "test", "-d", "/tmp"]);
    if !works("docker", bare) {
        return;
    }
    let (_, losses) = scene.export("dockerfile");
    let mut export = scene.command(palisade(Profile::Debug).unwrap());
    let exported =
        export.args(["sandbox", "export", "dockerfile", "--output"]).arg(scene.path("out")).output().unwrap();
    assert!(exported.status.success(), "{exported:?}");
    let mut command = scene.command(scene.path("out/run.sh"));
    command.env("DOCKER_HOST", daemon.host()).args(["probe", "bash", "probes.sh"]);
    compare("docker", &losses, command);
}
