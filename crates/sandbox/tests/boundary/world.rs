//! A host for one test: a project, files outside of it, and a launcher.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::launch::Spec;

/// The directories of one test, gone when it ends.
#[derive(Debug)]
pub(crate) struct World {
    directory: tempfile::TempDir,
    probe: PathBuf,
    /// What the launcher is asked, apart from the command.
    pub(crate) spec: Spec,
    /// The one tier that the launcher may build.
    pub(crate) tier: sandbox::Tier,
    /// Boundaries are those that a holder has ready.
    pub(crate) is_held: bool,
}

/// Commands that ran in boundaries which stood ready.
pub(crate) static HELD: AtomicUsize = AtomicUsize::new(0);
/// Commands that ran in boundaries which their launchers built.
pub(crate) static BUILT: AtomicUsize = AtomicUsize::new(0);

/// What came of a command inside.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
    /// The report as JSON text, or `error: ...`.
    pub(crate) report: String,
}

impl World {
    /// Makes a project with held files in it and a canary outside.
    pub(crate) fn new(shelter: &Path, tier: sandbox::Tier, is_held: bool) -> Self {
        let directory = tempfile::Builder::new().prefix("world").tempdir_in(shelter).unwrap();
        let base = directory.path().to_path_buf();
        for name in ["project/.git/hooks", "project/src", "outside/deep"] {
            fs::create_dir_all(base.join(name)).unwrap();
        }
        for (name, text) in [
            ("project/.env", "SECRET=1"),
            ("project/.git/config", "[core]"),
            ("project/.git/hooks/sample", "sample"),
            ("project/src/lib.rs", "fn main() {}"),
            ("outside/canary", "alive"),
            ("outside/secret", "SECRET=2"),
        ] {
            fs::write(base.join(name), text).unwrap();
        }
        let path = |name: &str| base.join(name).to_str().unwrap().to_owned();
        let spec = Spec {
            writable: vec![path("project")],
            hidden: vec![path("project/.env"), path("outside/secret")],
            reopened: Vec::new(),
            closed: vec![path("project/.git/hooks"), path("project/.git/config")],
            protect: Vec::new(),
            readable: Vec::new(),
            caches: Vec::new(),
            seeds: Vec::new(),
            home: Vec::new(),
            limits: Vec::new(),
            rules: Vec::new(),
            checks_reads: Vec::new(),
            proxied: Vec::new(),
            shown: Vec::new(),
            cwd: path("project"),
            report: path("report"),
            without: sandbox::Tier::ALL
                .iter()
                .filter(|other| **other != tier)
                .map(|tier| tier.name().to_owned())
                .collect(),
            require: Vec::new(),
            template: is_held.then(|| "warm".to_owned()).into_iter().collect(),
        };
        Self { directory, probe: shelter.join("probe"), spec, tier, is_held }
    }

    /// Makes another world in this one, for a test that needs other paths held.
    pub(crate) fn another(&self) -> Self {
        Self { probe: self.probe.clone(), ..Self::new(self.directory.path(), self.tier, self.is_held) }
    }

    /// Returns the probe's path.
    pub(crate) fn probe(&self) -> String {
        self.probe.to_str().unwrap().to_owned()
    }

    /// Returns the probe's path.
    pub(crate) fn probe_path(&self) -> String {
        self.probe.to_str().unwrap().to_owned()
    }

    /// Returns a path in this world.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Returns the text of a file in this world.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| format!("<{error}>"))
    }

    /// Returns a launcher for a command.
    pub(crate) fn launcher(&self, argv: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(self.spec.arguments()).args(argv);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Returns a launcher for the probe.
    pub(crate) fn probe_launcher(&self, words: &[&str]) -> Command {
        self.launcher(&[&[self.probe.to_str().unwrap(), "probe"], words].concat())
    }

    /// Runs a command inside.
    pub(crate) fn run(&self, argv: &[&str]) -> Seen {
        let _ = fs::remove_file(&self.spec.report);
        self.seen(&self.launcher(argv).output().unwrap())
    }

    /// Tries something inside.
    pub(crate) fn inside(&self, words: &[&str]) -> Seen {
        let _ = fs::remove_file(&self.spec.report);
        self.seen(&self.probe_launcher(words).output().unwrap())
    }

    /// Tries something outside.
    pub(crate) fn outside(&self, words: &[&str]) -> String {
        let mut command = Command::new(&self.probe);
        command.arg("probe").args(words).current_dir(self.path("project")).stdin(Stdio::null());
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs a script in the project, unconfined. Returns whether it did well.
    pub(crate) fn outside_shell(&self, script: &str) -> bool {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.path("project")).status().unwrap().success()
    }

    /// Starts a process on the host that the inside must not reach.
    pub(crate) fn bystander(&self) -> Bystander {
        let mut command = Command::new(&self.probe);
        command.args(["probe", "sleep", "60"]).stdin(Stdio::null()).stdout(Stdio::null());
        Bystander(command.spawn().unwrap())
    }

    pub(crate) fn seen(&self, output: &Output) -> Seen {
        let report = fs::read_to_string(&self.spec.report).unwrap_or_default();
        if report.starts_with('{') {
            let way = if report.contains("\"from_holder\": true") { &HELD } else { &BUILT };
            way.fetch_add(1, Ordering::Relaxed);
        }
        Seen {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            error: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            report,
        }
    }
}

/// A process of the host, gone when the test ends.
#[derive(Debug)]
pub(crate) struct Bystander(Child);

impl Bystander {
    pub(crate) fn pid(&self) -> String {
        self.0.id().to_string()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Compares, and names what was compared.
#[track_caller]
pub(crate) fn check(what: &str, found: &str, expected: &[&str]) {
    assert!(expected.contains(&found), "{what}: found `{found}`, expected one of {expected:?}");
}

/// Compares what an attempt does unconfined. Where this program is contained already its container may refuse the
/// attempt, too: then the refusal inside shows nothing, which is said.
#[track_caller]
pub(crate) fn check_control(what: &str, found: &str, expected: &[&str]) {
    if is_contained() && matches!(found, "EPERM" | "ENOSYS") {
        println!("{what}: NO CONTROL: the container around this program refuses it");
        return;
    }
    check(what, found, expected);
}

/// Returns true when a filter is in force on this program, as in a container.
pub(crate) fn is_contained() -> bool {
    fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line == "Seccomp:\t2")
}
