//! `cargo xtask demo`: the main job on something real.
//!
//! A hostile script and an honest build, each run twice in a project of their own: as they are, and
//! inside the boundary. Every line of the table is read off the host afterwards, not off the script.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::End;
use crate::options::Options;

/// How long the background process of the script waits before it writes.
const LATE_SECONDS: u64 = 1;

/// A project, a home with a planted key, and a listener: everything the script is after.
struct Scene {
    root: PathBuf,
    listener: TcpListener,
}

/// What the host shows after a run.
struct Seen {
    key_read: bool,
    wrote_outside: bool,
    connected: bool,
    hook_changed: bool,
    left_behind: bool,
    built: bool,
}

pub(crate) fn run(options: Options) -> Result<End> {
    options.end()?;
    let palisade = crate::place::palisade(crate::place::Profile::Release)?;
    let bare = attempt(&Scene::new("bare")?, None)?;
    let confined = attempt(&Scene::new("confined")?, Some(&palisade))?;
    println!();
    println!("what the script tried              as it is     inside the boundary");
    let row = |what: &str, bare: bool, confined: bool| {
        let word = |happened| if happened { "happened" } else { "did not" };
        println!("{what:34} {:12} {}", word(bare), word(confined));
    };
    row("read a private key", bare.key_read, confined.key_read);
    row("write outside the project", bare.wrote_outside, confined.wrote_outside);
    row("connect to a host", bare.connected, confined.connected);
    row("change a git hook", bare.hook_changed, confined.hook_changed);
    row("leave a process behind", bare.left_behind, confined.left_behind);
    row("honest: build a program", bare.built, confined.built);
    let held = !(confined.key_read
        || confined.wrote_outside
        || confined.connected
        || confined.hook_changed
        || confined.left_behind);
    ensure!(held, "the boundary did not hold");
    ensure!(confined.built, "the honest build failed inside the boundary");
    Ok(End::Good)
}

impl Scene {
    fn new(name: &str) -> Result<Self> {
        let root = crate::place::root().join("target/demo").join(format!("{name}-{}", std::process::id()));
        let scene = Self { root, listener: TcpListener::bind(("127.0.0.1", 0))? };
        scene.listener.set_nonblocking(true)?;
        fs::create_dir_all(scene.home().join(".ssh"))?;
        fs::write(scene.home().join(".ssh/id_ed25519"), "planted key\n")?;
        fs::create_dir_all(scene.project().join(".git/hooks"))?;
        fs::create_dir_all(scene.project().join("src"))?;
        fs::write(scene.project().join(".git/hooks/pre-commit"), "#!/bin/sh\n")?;
        fs::write(scene.project().join(".git/config"), "[core]\n")?;
        fs::write(scene.project().join("src/main.rs"), "fn main() { println!(\"built\"); }\n")?;
        fs::write(
            scene.project().join("Cargo.toml"),
            "[package]\nname = \"honest\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n",
        )?;
        fs::write(scene.project().join("hostile.sh"), scene.script()?)?;
        Ok(scene)
    }

    fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    fn project(&self) -> PathBuf {
        self.root.join("project")
    }

    fn outside(&self) -> PathBuf {
        self.root.join("outside")
    }

    /// The script; it goes on after each failure and leaves what it could get in the project.
    fn script(&self) -> Result<String> {
        let port = self.listener.local_addr()?.port();
        let outside = self.outside();
        Ok(format!(
            "cat \"$HOME/.ssh/id_ed25519\" > stolen\n\
             echo x > '{0}.written'\n\
             exec 3<>/dev/tcp/127.0.0.1/{port} && echo hello >&3\n\
             echo 'echo evil' >> .git/hooks/pre-commit\n\
             (sleep {LATE_SECONDS}; echo x > late) > /dev/null 2>&1 &\n\
             true\n",
            outside.display()
        ))
    }
}

/// Runs the script and the build, and looks at what became of the host.
fn attempt(scene: &Scene, palisade: Option<&Path>) -> Result<Seen> {
    start(scene, palisade, &["bash", "hostile.sh"])?;
    let built = start(scene, palisade, &["cargo", "build", "--quiet", "--offline"])?;
    let waited = Instant::now();
    while waited.elapsed() < Duration::from_secs(LATE_SECONDS + 1) && !scene.project().join("late").exists() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let seen = Seen {
        key_read: fs::read_to_string(scene.project().join("stolen")).is_ok_and(|text| text.contains("planted key")),
        wrote_outside: scene.outside().with_extension("written").exists(),
        connected: match scene.listener.accept() {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => return Err(error.into()),
        },
        hook_changed: fs::read_to_string(scene.project().join(".git/hooks/pre-commit"))?.contains("evil"),
        left_behind: scene.project().join("late").exists(),
        built: built && scene.project().join("target/debug/honest").exists(),
    };
    fs::remove_dir_all(&scene.root).context("the demo's directory cannot be removed")?;
    Ok(seen)
}

/// Starts one command in the project and says whether it succeeded.
fn start(scene: &Scene, palisade: Option<&Path>, command: &[&str]) -> Result<bool> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let kept = |name: &str, fallback: &str| std::env::var_os(name).map_or_else(|| home.join(fallback), PathBuf::from);
    let shown = command.join(" ");
    let mut process = match palisade {
        Some(palisade) => {
            println!("\n$ palisade run -- {shown}");
            let mut process = Command::new(palisade);
            process.args(["run", "--"]).args(command);
            process
        }
        None => {
            let (program, arguments) = command.split_first().context("no command")?;
            let mut process = Command::new(program);
            process.args(arguments).stderr(Stdio::null());
            process
        }
    };
    process
        .current_dir(scene.project())
        .stdin(Stdio::null())
        .env("HOME", scene.home())
        .env("CARGO_HOME", kept("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", kept("RUSTUP_HOME", ".rustup"))
        .env_remove("CARGO_TARGET_DIR");
    for name in ["CARGO_MANIFEST_DIR", "RUSTUP_TOOLCHAIN", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR"] {
        process.env_remove(name);
    }
    Ok(process.status().with_context(|| format!("{shown} cannot be started"))?.success())
}
