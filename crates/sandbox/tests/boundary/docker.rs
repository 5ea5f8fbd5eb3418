//! The lowest tier in a container of Docker's, with its default profile and everything else as it comes.
//!
//! A daemon that runs is used; where there is none and this is root, one of the test's own is started, with its data in the
//! test's directory and without a network. The image is an empty tree: the host's programs are mounted into it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::world::{World, is_contained};

/// What the image is called while the test runs.
const IMAGE: &str = "palisade-test-empty:boundary";
/// How long a daemon may take to answer.
const DAEMON: Duration = Duration::from_secs(30);
/// Fewer cases than this are not the suite.
const CASES_MIN: u32 = 140;

/// Every case that the lowest tier claims, as the container's root and as an ordinary user in it.
pub(crate) fn default_profile(world: &World) {
    let docker = match Docker::find(world) {
        Ok(docker) => docker,
        Err(why) => return println!("NOT TESTED in a container of Docker's: {why}"),
    };
    docker.import(world);
    let machine = docker.run(&["machine"]);
    assert!(machine.starts_with("tier landlock: "), "{machine}");
    assert!(machine.contains("a filter that was there before refuses it, as in a container"), "{machine}");
    let said = docker.run(&["--tier=landlock"]);
    for user in ["root", "nobody"] {
        let beginning = format!("test result of tier landlock as {user}: ");
        let line = said.lines().find(|line| line.starts_with(&beginning)).unwrap_or_else(|| panic!("{said}"));
        println!("in a container of Docker's: {line}");
        assert!(line.contains(" 0 failed "), "{said}");
        let passed: u32 = line[beginning.len()..].split(' ').next().unwrap().parse().unwrap();
        assert!(passed >= CASES_MIN, "{line}");
    }
}

/// A daemon that answers.
struct Docker {
    /// The socket of a daemon of our own.
    host: Option<String>,
    daemon: Option<Child>,
    /// The directory of this program's copy.
    program: String,
}

impl Docker {
    fn find(world: &World) -> Result<Self, String> {
        if is_contained() {
            return Err("this is a container already".to_owned());
        }
        // Alone in its directory: whatever else is mounted there would be seen in the container under two names.
        let program = world.path("program");
        fs::create_dir(&program).unwrap();
        fs::copy(world.probe(), world.path("program/probe")).unwrap();
        let mut docker = Self { host: None, daemon: None, program };
        if docker.answers() {
            return Ok(docker);
        }
        if !rustix::process::geteuid().is_root() {
            return Err("no daemon runs here that this user may ask".to_owned());
        }
        let (data, socket) = (world.path("docker"), world.path("docker.sock"));
        let mut command = Command::new("dockerd");
        command.args([
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--ip-masq=false",
        ]);
        command.args([format!("--data-root={data}/data"), format!("--exec-root={data}/exec")]);
        command.args([format!("--pidfile={data}.pid"), format!("--host=unix://{socket}")]);
        command.args(["--storage-driver=vfs", "--log-level=warn"]);
        let log = fs::File::create(world.path("docker.log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        docker.daemon = Some(command.spawn().map_err(|error| format!("no daemon runs here, and dockerd: {error}"))?);
        docker.host = Some(format!("unix://{socket}"));
        let begin = Instant::now();
        while !docker.answers() {
            let has_ended = docker.daemon.as_mut().is_some_and(|daemon| !matches!(daemon.try_wait(), Ok(None)));
            if has_ended || begin.elapsed() > DAEMON {
                return Err(format!("dockerd does not run: {}", world.text("docker.log")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(docker)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.args(self.host.iter().flat_map(|host| ["--host", host]));
        command
    }

    fn answers(&self) -> bool {
        let mut command = self.command();
        command.args(["version", "--format", "{{.Server.Version}}"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Makes the image: directories for what is mounted, and the host's links between them.
    fn import(&self, world: &World) {
        let tree = Path::new(&world.path("image")).to_owned();
        for name in ["dev", "etc", "home", "proc", "root", "run", "srv/test", "sys", "tmp", "usr", "var/tmp"] {
            fs::create_dir_all(tree.join(name)).unwrap();
        }
        for name in ["tmp", "var/tmp"] {
            fs::set_permissions(tree.join(name), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
        }
        for name in LINKS {
            match fs::read_link(Path::new("/").join(name)) {
                Ok(link) => symlink(link, tree.join(name)).unwrap(),
                Err(_) => fs::create_dir_all(tree.join(name)).unwrap(),
            }
        }
        let mut tar = Command::new("tar");
        tar.args(["-C", tree.to_str().unwrap(), "-c", "."]).stdout(Stdio::piped());
        let mut tar = tar.spawn().unwrap();
        let mut import = self.command();
        import.args(["import", "-", IMAGE]).stdin(tar.stdout.take().unwrap()).stdout(Stdio::null());
        assert!(import.status().unwrap().success() && tar.wait().unwrap().success());
    }

    /// Runs this program in a container, and returns what it prints.
    fn run(&self, words: &[&str]) -> String {
        let mut command = self.command();
        command.args(["run", "--rm", "--network=none", "--volume=/usr:/usr:ro", "--volume=/etc:/etc:ro"]);
        for name in LINKS {
            let path = Path::new("/").join(name);
            if path.is_dir() && !path.is_symlink() {
                command.arg(format!("--volume={0}:{0}:ro", path.display()));
            }
        }
        command
            .args([format!("--volume={}:/srv/test:ro", self.program).as_str(), IMAGE, "/srv/test/probe"])
            .args(words);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { said } else { format!("{said}{error}") }
    }
}

/// Directories that are links into `/usr` on most hosts.
const LINKS: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = self.command().args(["rmi", "--force", IMAGE]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if let Some(daemon) = &mut self.daemon {
            // It ends the containers and its own helpers.
            let _ =
                rustix::process::kill_process(rustix::process::Pid::from_child(daemon), rustix::process::Signal::TERM);
            let _ = daemon.wait();
        }
    }
}
