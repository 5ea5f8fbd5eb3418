//! Where the repository and the built program are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// How the program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

/// Returns the repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Returns cargo as it was when this task was started.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Returns the directory that builds go to.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |directory| root().join(directory))
}

/// Builds `palisade` and returns its path.
pub(crate) fn palisade(profile: Profile) -> anyhow::Result<PathBuf> {
    match profile {
        Profile::Debug => {
            let mut build = cargo();
            build.args(["build", "--quiet", "--package", "palisade"]);
            if !build.status().context("cargo cannot be started")?.success() {
                bail!("palisade does not build");
            }
            Ok(target().join("debug/palisade"))
        }
        Profile::Release => release(&["--package", "palisade"], "palisade"),
    }
}

/// Builds a launcher of the boundary alone, without settings, decision and journal, as `palisade` is built.
pub(crate) fn launcher() -> anyhow::Result<PathBuf> {
    release(&["--package", "palisade-sandbox", "--example", "launch"], "examples/launch")
}

/// Builds what measures the proxy.
pub(crate) fn proxy_measure() -> anyhow::Result<PathBuf> {
    release(&["--package", "palisade-egress", "--example", "measure"], "examples/measure")
}

/// Builds the program that is given to people: one static file, which needs nothing of the system and
/// starts twice without being linked twice. Where the C library has no static form, a dynamic one.
fn release(what: &[&str], file: &str) -> anyhow::Result<PathBuf> {
    let host = host()?;
    for flags in ["-C target-feature=+crt-static", ""] {
        let mut build = cargo();
        build.args(["build", "--quiet", "--release", "--target", &host]).args(what).env("RUSTFLAGS", flags);
        if build.status().context("cargo cannot be started")?.success() {
            return Ok(target().join(&host).join("release").join(file));
        }
        println!("{file} does not build with RUSTFLAGS=`{flags}`");
    }
    bail!("{file} does not build")
}

/// Returns the name of the platform that this machine builds for.
fn host() -> anyhow::Result<String> {
    let version = output(Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV"))?;
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).context("rustc does not say what it builds for")
}

/// Returns what a program that must succeed writes to standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{name} cannot be started"))?;
    if !output.status.success() {
        bail!("{name} failed: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} wrote no UTF-8"))
}

/// A scratch directory that is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes one with a name of its own.
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        Self::below(&std::env::temp_dir(), name)
    }

    /// Makes one on the disk that builds go to, in no place that is private to a command.
    pub(crate) fn on_disk(name: &str) -> anyhow::Result<Self> {
        Self::below(&target(), name)
    }

    /// Makes one in a directory.
    pub(crate) fn below(directory: &Path, name: &str) -> anyhow::Result<Self> {
        let path = directory.join(format!("palisade-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
