//! Where the client comes from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::process;

/// A program of npm's registry that tests drive, in the one version that they know.
struct Published {
    name: &'static str,
    version: &'static str,
    /// The variable that names another.
    variable: &'static str,
    /// The package for each processor, or for any, and the digest of its archive.
    packages: &'static [(&'static str, &'static str, &'static str)],
    /// What of the archive is kept, and which of it is the program.
    kept: &'static str,
    program: fn(&Path) -> PathBuf,
}

const CLAUDE: Published = Published {
    name: "claude-code",
    version: "2.1.329",
    variable: "PALISADE_CLAUDE",
    packages: &[
        (
            "x86_64",
            "@anthropic-ai/claude-code-linux-x64@2.1.329",
            "sha512-+n4lu1ubYAp02Y0X/MAUnxw9yY6SHHZ77F+IoW+V0wVoFuiI9opdH6gofjf14gXJCEYMTNpks7Gn1i8XZTKAWA==",
        ),
        (
            "aarch64",
            "@anthropic-ai/claude-code-linux-arm64@2.1.329",
            "sha512-IiG5umFToSCVWqB1lEsxxwIxKgxPXyZ3DRU915v8J4Bz5Q3JpslM0ew1m5yaT+lFXBPvYxmsEgi0XI68XHND0A==",
        ),
    ],
    kept: "package/claude",
    program: |cache| cache.join("claude"),
};

const CODEX: Published = Published {
    name: "codex",
    version: "0.169.0",
    variable: "PALISADE_CODEX",
    packages: &[
        (
            "x86_64",
            "@openai/codex@0.169.0-linux-x64",
            "sha512-o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8mlGOsQGFXVbVww==",
        ),
        (
            "aarch64",
            "@openai/codex@0.169.0-linux-arm64",
            "sha512-NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TWxYzvxPfj5G/xFg==",
        ),
    ],
    kept: "package/vendor",
    program: |cache| cache.join(format!("vendor/{}-unknown-linux-musl/bin/codex", std::env::consts::ARCH)),
};

const GEMINI: Published = Published {
    name: "gemini-cli",
    version: "0.61.0",
    variable: "PALISADE_GEMINI",
    packages: &[(
        "",
        "@google/gemini-cli@0.61.0",
        "sha512-dbQ9A0qBtFJNi6XBkHvfZ6Azpn6PNgH/P8h2MZ67RLlX8hSAVjup39CRWqdRxZv7YXIuhrFaytr8y0jKnkoxnQ==",
    )],
    kept: "package",
    program: |cache| cache.join("package/bundle/gemini.js"),
};

/// Returns the `claude` program: the one `PALISADE_CLAUDE` names, or the pinned one, fetched once.
///
/// # Errors
/// Why there is none. Tests are then skipped, loudly.
///
/// # Panics
/// When `PALISADE_CLAUDE` names nothing.
pub fn claude() -> Result<PathBuf, String> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| CLAUDE.find()).clone()
}

/// Returns the `codex` program: the one `PALISADE_CODEX` names, or the pinned one, fetched once.
///
/// # Errors
/// As [`claude`].
///
/// # Panics
/// As [`claude`].
pub fn codex() -> Result<PathBuf, String> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| CODEX.find()).clone()
}

/// Returns the script of Gemini CLI, for Node: the one `PALISADE_GEMINI` names, or the pinned one, fetched once.
///
/// # Errors
/// As [`claude`].
///
/// # Panics
/// As [`claude`].
pub fn gemini() -> Result<PathBuf, String> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| GEMINI.find()).clone()
}

/// Returns the target directory that the running program was built in.
///
/// # Panics
/// When it was not built by cargo.
pub fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let profile = program.ancestors().find(|path| path.ends_with("debug") || path.ends_with("release"));
    profile.and_then(Path::parent).unwrap().to_owned()
}

impl Published {
    fn find(&self) -> Result<PathBuf, String> {
        if let Some(named) = std::env::var_os(self.variable).map(PathBuf::from) {
            assert!(named.is_file(), "{}: {}: no such file", self.variable, named.display());
            return Ok(named);
        }
        let cache = target().join("clients").join(format!("{}-{}", self.name, self.version));
        let program = (self.program)(&cache);
        if !program.is_file() {
            std::fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
            let scratch = tempfile::tempdir_in(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
            self.download(scratch.path())?;
            // A rename, so that a cache never holds half a program.
            let kept = cache.join(self.kept.strip_prefix("package/").unwrap_or(self.kept));
            match std::fs::rename(scratch.path().join(self.kept), &kept) {
                // Another test was sooner.
                Err(_) if program.is_file() => {}
                renamed => renamed.map_err(|error| format!("{}: {error}", kept.display()))?,
            }
        }
        Ok(program)
    }

    fn download(&self, scratch: &Path) -> Result<(), String> {
        let processor = std::env::consts::ARCH;
        let (_, package, digest) = self
            .packages
            .iter()
            .find(|(name, ..)| name.is_empty() || *name == processor)
            .ok_or_else(|| format!("{} is not published for `{processor}`", self.name))?;
        let mut pack = Command::new("npm");
        pack.args(["pack", "--json", "--prefer-offline", "--fetch-retries=1", package]).current_dir(scratch);
        let packed = finish(&mut pack, scratch)?;
        let answer: serde_json::Value = serde_json::from_str(&packed)
            .map_err(|error| format!("`npm pack --json` says no JSON: {error}\n{packed}"))?;
        let archive = &answer[0];
        // Not a reason to skip: what came is not what was pinned.
        assert_eq!(archive["integrity"], *digest, "{package}: the digest of the archive");
        let name = archive["filename"].as_str().ok_or("`npm pack --json` names no file")?;
        finish(Command::new("tar").args(["-xzf", name, self.kept]).current_dir(scratch), scratch)?;
        Ok(())
    }
}

fn finish(command: &mut Command, scratch: &Path) -> Result<String, String> {
    let finished = process::run(command, scratch, Duration::from_secs(600))?;
    if finished.status.success() { Ok(finished.stdout) } else { Err(finished.stderr.trim().replace('\n', " / ")) }
}
