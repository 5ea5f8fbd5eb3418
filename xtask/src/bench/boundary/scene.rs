//! A project and homes to measure in, and how each sandbox is started there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;

use super::HELD;
use crate::bench::{ALLOW, ASK, DENY};
use crate::place::{Profile, Scratch, launcher, output, palisade};

/// Files that lie around in the project.
const FILES: usize = 500;
/// Packages that are installed, and files in each.
const PACKAGES: usize = 3;
const PACKAGE_FILES: usize = 40;

/// What is taken over from the caller's environment, as far as it is there.
const KEPT: [&str; 6] = ["PATH", "LANG", "LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "CARGO_HOME"];

/// How long something may be held, in milliseconds.
const HOLD_MS: u64 = 600_000;
/// How long a holder takes until it is found.
const HOLDER_STARTS: Duration = Duration::from_millis(300);

/// Whose boundaries are held ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Launch,
    Palisade,
}

/// A process that holds boundaries ready, ended when this is.
pub(super) struct Holder(Child);

impl Holder {
    /// Fails when it has ended by itself.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("what holds boundaries ready has ended: {status}"),
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The directories, gone in the end, and the programs.
pub(super) struct Scene {
    scratch: Scratch,
    palisade: PathBuf,
    launch: PathBuf,
    environment: Vec<(String, String)>,
}

impl Scene {
    /// Makes everything in a directory, or else beside the builds.
    pub(super) fn new(place: Option<&Path>) -> anyhow::Result<Self> {
        let (palisade, launch) = (palisade(Profile::Release)?, launcher()?);
        let scratch = match place {
            Some(place) => Scratch::below(place, "bench")?,
            None => Scratch::on_disk("bench")?,
        };
        let scene = Self { scratch, palisade, launch, environment: environment() };
        for held in HELD {
            scene.home(held)?;
        }
        scene.project()?;
        Ok(scene)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn held(&self, count: usize) -> impl Iterator<Item = String> {
        let directory = self.path("project/held");
        (0..count).map(move |number| directory.join(number.to_string()).display().to_string())
    }

    /// Makes a home whose settings hold so many files.
    fn home(&self, held: usize) -> anyhow::Result<()> {
        let directory = self.path(&format!("home-{held}/.claude"));
        fs::create_dir_all(&directory)?;
        let own = self.held(held).map(|path| format!("Edit(/{path})"));
        let deny: Vec<String> = DENY.iter().map(|rule| (*rule).to_owned()).chain(own).collect();
        let settings = json!({"permissions": {"allow": ALLOW, "ask": ASK, "deny": deny}});
        fs::write(directory.join("settings.json"), format!("{settings:#}\n"))?;
        Ok(())
    }

    /// Makes the project: a repository with files, a crate, and a package with what it needs.
    fn project(&self) -> anyhow::Result<()> {
        let project = self.path("project");
        for directory in ["held", "files", "crate/src", "package"] {
            fs::create_dir_all(project.join(directory))?;
        }
        for path in self.held(HELD.into_iter().max().unwrap_or_default()) {
            fs::write(path, "held\n")?;
        }
        for number in 0..FILES {
            fs::write(project.join(format!("files/{number}.txt")), format!("text {number}\n").repeat(40))?;
        }
        fs::write(project.join(".gitignore"), "held\ncrate/target\npackage\ncache\nmade\n")?;
        krate(&project.join("crate"))?;
        package(&project.join("package"))?;
        let git = |arguments: &[&str]| {
            let mut command =
                self.outside(&[&["git", "-c", "user.name=x", "-c", "user.email=x@localhost"], arguments].concat());
            output(&mut command).map(drop)
        };
        git(&["init", "--quiet"])?;
        git(&["add", "."])?;
        git(&["commit", "--quiet", "--message", "files"])
    }

    /// Removes what an earlier round left in the project.
    pub(super) fn clear(&self, names: &[&str]) -> anyhow::Result<()> {
        for path in names.iter().map(|name| self.path("project").join(name)) {
            let result = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match result {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("{} cannot be removed", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn command(&self, program: impl AsRef<Path>, held: usize) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.path("project")).env_clear().envs(self.environment.iter().cloned());
        command.env("HOME", self.path(&format!("home-{held}"))).env("TERM", "dumb");
        command
    }

    pub(super) fn outside(&self, argv: &[&str]) -> Command {
        let mut words = argv.iter();
        let mut command = self.command(words.next().unwrap_or(&""), 0);
        command.args(words);
        command
    }

    /// The boundary alone.
    pub(super) fn launch(&self, held: usize, argv: &[&str]) -> Command {
        let mut command = self.command(&self.launch, held);
        let project = self.path("project");
        command.arg("launch").arg("--writable").arg(&project).arg("--cwd").arg(&project).args(["--report", ""]);
        command.args(self.held(held).flat_map(|path| ["--close".to_owned(), path])).arg("--").args(argv);
        command
    }

    /// The boundary alone, one that a holder has ready.
    pub(super) fn launch_held(&self, held: usize, argv: &[&str]) -> Command {
        let cold = self.launch(held, argv);
        let mut command = self.command(&self.launch, held);
        command.arg("launch").args(["--template", "held"]).args(cold.get_args().skip(1));
        command
    }

    /// A process that runs the command once for every line that it is given.
    pub(super) fn turns(&self, held: usize, argv: &[&str], is_ready: bool) -> Command {
        let one = if is_ready { self.launch_held(held, argv) } else { self.launch(held, argv) };
        let mut command = self.command(&self.launch, held);
        command.arg("turns").args(one.get_args().skip(1));
        command
    }

    /// What keeps boundaries ready for commands that this program starts.
    pub(super) fn holder(&self, whose: Whose) -> anyhow::Result<Holder> {
        let mut command = match whose {
            Whose::Launch => {
                let mut command = self.command(&self.launch, 0);
                command.args(["hold", &HOLD_MS.to_string()]);
                command
            }
            Whose::Palisade => {
                let mut command = self.command(&self.palisade, 0);
                command.args(["sandbox", "hold"]);
                command
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().context("nothing is held ready")?;
        std::thread::sleep(HOLDER_STARTS);
        Ok(Holder(child))
    }

    pub(super) fn palisade(&self, held: usize, argv: &[&str]) -> Command {
        let mut command = self.command(&self.palisade, held);
        command.args(["run", "--quiet", "--"]).args(argv);
        command
    }

    /// Bubblewrap with the same mounts: what the boundary has apart from them it has not.
    pub(super) fn bubblewrap(&self, held: usize, argv: &[&str]) -> Command {
        let mut command = self.command("bwrap", held);
        let project = self.path("project");
        command.args("--unshare-all --die-with-parent --new-session --ro-bind / / --dev /dev --proc /proc".split(' '));
        command
            .args(["--tmpfs", "/tmp", "--tmpfs", "/var/tmp", "--tmpfs", "/run", "--bind"])
            .arg(&project)
            .arg(&project);
        command.args(self.held(held).flat_map(|path| ["--ro-bind".to_owned(), path.clone(), path]));
        command.arg("--chdir").arg(&project).arg("--").args(argv);
        command
    }

    pub(super) fn sandbox_runtime(&self, program: &Path, held: usize, argv: &[&str]) -> anyhow::Result<Command> {
        let settings = self.path(&format!("srt-{held}.json"));
        let text = json!({
            "network": {"allowedDomains": [], "deniedDomains": []},
            "filesystem": {
                "denyRead": [],
                "allowWrite": [self.path("project")],
                "denyWrite": self.held(held).collect::<Vec<_>>(),
            },
        });
        fs::write(&settings, text.to_string())?;
        let mut command = self.command(program, held);
        command.arg("--settings").arg(settings).args(argv);
        Ok(command)
    }

    pub(super) fn codex(&self, program: &Path, argv: &[&str]) -> Command {
        let mut command = self.command(program, 0);
        command.args(["sandbox", "-c", "sandbox_mode=\"workspace-write\"", "--"]).args(argv);
        command
    }
}

/// Returns the environment of all programs; toolchains stay where they are though the home is another.
fn environment() -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> =
        KEPT.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        for (name, directory) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            let directory = home.join(directory);
            if !kept.iter().any(|(other, _)| other == name) && directory.is_dir() {
                kept.push((name.to_owned(), directory.display().to_string()));
            }
        }
    }
    kept
}

/// Makes a crate that needs no other.
fn krate(directory: &Path) -> anyhow::Result<()> {
    let manifest = "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    fs::write(directory.join("Cargo.toml"), manifest)?;
    let mut main = String::new();
    for number in 0..20 {
        main.push_str(&format!("mod part{number};\n"));
        let part = format!(
            "pub fn sum(n: u64) -> u64 {{\n    (0..n).map(|x| x * {number}).filter(|x| x % 3 != 1).sum()\n}}\n"
        );
        fs::write(directory.join(format!("src/part{number}.rs")), part)?;
    }
    let calls: String = (0..20).map(|number| format!("    println!(\"{{}}\", part{number}::sum(9));\n")).collect();
    fs::write(directory.join("src/main.rs"), format!("{main}\nfn main() {{\n{calls}}}\n"))?;
    Ok(())
}

/// Makes a package that needs a few others, which lie beside it as archives.
fn package(directory: &Path) -> anyhow::Result<()> {
    let mut dependencies = serde_json::Map::new();
    for number in 0..PACKAGES {
        let name = format!("small-{number}");
        let content = directory.join("packed/package");
        fs::create_dir_all(&content)?;
        fs::write(content.join("package.json"), json!({"name": name, "version": "1.0.0"}).to_string())?;
        for file in 0..PACKAGE_FILES {
            fs::write(content.join(format!("{file}.js")), format!("module.exports = {file};\n").repeat(30))?;
        }
        let archive = format!("{name}.tgz");
        let mut tar = Command::new("tar");
        tar.arg("-czf").arg(directory.join(&archive)).arg("-C").arg(directory.join("packed")).arg("package");
        output(&mut tar)?;
        fs::remove_dir_all(directory.join("packed"))?;
        dependencies.insert(name, format!("file:{archive}").into());
    }
    let manifest = json!({"name": "bench", "version": "1.0.0", "private": true, "dependencies": dependencies});
    fs::write(directory.join("package.json"), manifest.to_string())?;
    Ok(())
}
