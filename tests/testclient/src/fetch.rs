//! Where the client comes from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::process;

/// The one version of the client that these tests drive.
const VERSION: &str = "2.1.329";

/// The package for each processor and the digest of its archive.
const PACKAGES: [(&str, &str, &str); 2] = [
    (
        "x86_64",
        "@anthropic-ai/claude-code-linux-x64",
        "sha512-+n4lu1ubYAp02Y0X/MAUnxw9yY6SHHZ77F+IoW+V0wVoFuiI9opdH6gofjf14gXJCEYMTNpks7Gn1i8XZTKAWA==",
    ),
    (
        "aarch64",
        "@anthropic-ai/claude-code-linux-arm64",
        "sha512-IiG5umFToSCVWqB1lEsxxwIxKgxPXyZ3DRU915v8J4Bz5Q3JpslM0ew1m5yaT+lFXBPvYxmsEgi0XI68XHND0A==",
    ),
];

/// Returns the `claude` program: the one `PALISADE_CLAUDE` names, or the pinned one, fetched once.
///
/// # Errors
/// Why there is none. Tests are then skipped, loudly.
///
/// # Panics
/// When `PALISADE_CLAUDE` names nothing.
pub fn claude() -> Result<PathBuf, String> {
    static CLAUDE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    CLAUDE.get_or_init(find).clone()
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

fn find() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("PALISADE_CLAUDE").map(PathBuf::from) {
        assert!(named.is_file(), "PALISADE_CLAUDE: {}: no such file", named.display());
        return Ok(named);
    }
    let cache = target().join("clients").join(format!("claude-code-{VERSION}"));
    let claude = cache.join("claude");
    if !claude.is_file() {
        std::fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
        let scratch = tempfile::tempdir_in(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
        download(scratch.path())?;
        // A rename, so that a cache never holds half a program.
        std::fs::rename(scratch.path().join("package/claude"), &claude)
            .map_err(|error| format!("{}: {error}", claude.display()))?;
    }
    Ok(claude)
}

fn download(scratch: &Path) -> Result<(), String> {
    let processor = std::env::consts::ARCH;
    let (_, package, digest) = PACKAGES
        .iter()
        .find(|(name, ..)| *name == processor)
        .ok_or_else(|| format!("the client is not published for `{processor}`"))?;
    let mut pack = Command::new("npm");
    pack.args(["pack", "--json", "--prefer-offline", "--fetch-retries=1", &format!("{package}@{VERSION}")])
        .current_dir(scratch);
    let packed = finish(&mut pack, scratch)?;
    let answer: serde_json::Value =
        serde_json::from_str(&packed).map_err(|error| format!("`npm pack --json` says no JSON: {error}\n{packed}"))?;
    let archive = &answer[0];
    // Not a reason to skip: what came is not what was pinned.
    assert_eq!(archive["integrity"], *digest, "{package}@{VERSION}: the digest of the archive");
    let name = archive["filename"].as_str().ok_or("`npm pack --json` names no file")?;
    finish(Command::new("tar").args(["-xzf", name, "package/claude"]).current_dir(scratch), scratch)?;
    Ok(())
}

fn finish(command: &mut Command, scratch: &Path) -> Result<String, String> {
    let finished = process::run(command, scratch, Duration::from_secs(600))?;
    if finished.status.success() { Ok(finished.stdout) } else { Err(finished.stderr.trim().replace('\n', " / ")) }
}
