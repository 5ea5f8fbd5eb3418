//! Other sandboxes, fetched from the npm registry once and kept beside the builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::place::{self, target};

/// A program that is published in the npm registry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    package: &'static str,
    version: &'static str,
    /// The digest of the package's archive.
    integrity: &'static str,
    /// What of the installed files is started.
    program: &'static str,
}

/// The sandbox that an agent's vendor publishes by itself.
pub(crate) const SANDBOX_RUNTIME: Peer = Peer {
    package: "@anthropic-ai/sandbox-runtime",
    version: "0.0.83",
    integrity: "sha512-yEusORnVJrNseF/9fvjVYyk6tr79/aFbIB3T/X8p2puLZdaaiGNeYN50v0CE+1DT70v7XuzKOAnTivh1f5cksA==",
    program: "node_modules/.bin/srt",
};

/// The sandbox of another agent, which is part of the agent. Its program is started without the script
/// around it.
pub(crate) const CODEX: Peer = Peer {
    package: "@openai/codex",
    version: "0.169.0",
    integrity: "sha512-KhzYlkKPxoNssR8CEm45IjqnFWn7UtlF4CiD3tOJPea51xBs7MaHy0UQG9GSbCqk6Lrjn5QdJDV0QD1/FgWlGw==",
    #[cfg(target_arch = "x86_64")]
    program: "node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
    #[cfg(not(target_arch = "x86_64"))]
    program: "node_modules/@openai/codex-linux-arm64/vendor/aarch64-unknown-linux-musl/bin/codex",
};

impl Peer {
    /// Returns the package's name.
    pub(crate) fn name(&self) -> &'static str {
        self.package
    }

    /// Returns the directory of the package's own files; installs it first if it is not there yet.
    pub(crate) fn package(&self) -> anyhow::Result<PathBuf> {
        self.program()?;
        Ok(self.directory().join("node_modules").join(self.package))
    }

    fn directory(&self) -> PathBuf {
        let name = self.package.rsplit('/').next().unwrap_or(self.package);
        target().join("clients").join(format!("{name}-{}", self.version))
    }

    /// Returns the program's path; installs it first if it is not there yet.
    pub(crate) fn program(&self) -> anyhow::Result<PathBuf> {
        let directory = self.directory();
        let program = directory.join(self.program);
        if !program.exists() {
            self.install(&directory)?;
        }
        self.check(&directory)?;
        if !program.exists() {
            bail!("{}@{} has no `{}`", self.package, self.version, self.program);
        }
        Ok(program)
    }

    fn install(&self, directory: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(directory)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--fetch-retries=1"]);
        npm.arg("--prefix").arg(directory).arg(format!("{}@{}", self.package, self.version));
        place::output(&mut npm).map(drop)
    }

    /// Fails when what came is not what was pinned.
    fn check(&self, directory: &Path) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(directory.join("package-lock.json")).context("npm wrote no lock file")?;
        let lock: Value = serde_json::from_str(&text).context("npm's lock file is no JSON")?;
        let entry = format!("node_modules/{}", self.package);
        let found = lock.get("packages").and_then(|packages| packages.get(entry)?.get("integrity"));
        let is_known = found.is_some_and(|found| *found == self.integrity);
        ensure!(is_known, "{}@{}: the archive is not the one known: {found:?}", self.package, self.version);
        Ok(())
    }
}
