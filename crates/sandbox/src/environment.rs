//! Which of the caller's environment variables the command sees: an allow-list, as data.

use std::ffi::{OsStr, OsString};

use policy::AbsPath;

/// What of an environment the command sees, and what it does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// The variables the command sees.
    pub kept: Vec<(OsString, OsString)>,
    /// The names of those it does not see. Their values are not kept anywhere.
    pub dropped: Vec<Dropped>,
}

/// A variable that the command does not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its name.
    pub name: OsString,
    /// Why.
    pub why: &'static str,
}

impl Environment {
    /// Returns the directories of programs that the variables name, each with what names it.
    pub fn toolchains(&self) -> impl Iterator<Item = (String, AbsPath)> {
        self.kept.iter().flat_map(|(name, value)| {
            let (name, value) = (name.to_str().unwrap_or_default(), value.to_str().unwrap_or_default());
            let is_toolchain = KEPT.iter().any(|(row, why)| row.matches(name) && *why == TOOLCHAIN);
            let texts = if name == "PATH" || is_toolchain { value } else { "" };
            let paths = texts.split(':').filter_map(AbsPath::parse);
            paths.map(|path| (name.to_owned(), path)).collect::<Vec<_>>()
        })
    }
}

/// The reason of variables that name directories of programs.
const TOOLCHAIN: &str = "where a toolchain is";

/// How a row of a table matches a name.
#[derive(Debug, Clone, Copy)]
enum Name {
    Is(&'static str),
    Begins(&'static str),
    Ends(&'static str),
}

impl Name {
    fn matches(self, name: &str) -> bool {
        match self {
            Self::Is(text) => name == text,
            Self::Begins(text) => name.starts_with(text),
            Self::Ends(text) => name.ends_with(text),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(text) => formatter.write_str(text),
            Self::Begins(text) => write!(formatter, "{text}*"),
            Self::Ends(text) => write!(formatter, "*{text}"),
        }
    }
}

/// What the command sees, each with the reason. Everything else is dropped.
///
/// Directory variables are paths to look in; those that name code to load into every process
/// (`LD_PRELOAD`, `NODE_OPTIONS`, `PYTHONPATH`) are not here.
const KEPT: &[(Name, &str)] = &[
    (Name::Is("PATH"), "where programs are"),
    (Name::Is("HOME"), "the home directory"),
    (Name::Is("USER"), "who runs it"),
    (Name::Is("LOGNAME"), "who runs it"),
    (Name::Is("SHELL"), "the user's shell"),
    (Name::Is("TERM"), "what the terminal can do"),
    (Name::Is("TERMINFO"), "what the terminal can do"),
    (Name::Is("TERMINFO_DIRS"), "what the terminal can do"),
    (Name::Is("COLORTERM"), "what the terminal can do"),
    (Name::Is("COLUMNS"), "the terminal's size"),
    (Name::Is("LINES"), "the terminal's size"),
    (Name::Is("NO_COLOR"), "colour"),
    (Name::Is("FORCE_COLOR"), "colour"),
    (Name::Begins("CLICOLOR"), "colour"),
    (Name::Is("LS_COLORS"), "colour"),
    (Name::Is("CARGO_TERM_COLOR"), "colour"),
    (Name::Is("LANG"), "language"),
    (Name::Is("LANGUAGE"), "language"),
    (Name::Begins("LC_"), "language"),
    (Name::Is("LOCALE_ARCHIVE"), "language"),
    (Name::Is("TZ"), "time zone"),
    (Name::Is("TZDIR"), "time zone"),
    (Name::Is("CI"), "builds behave differently in continuous integration"),
    (Name::Is("DEBIAN_FRONTEND"), "installers must not ask"),
    (Name::Is("SOURCE_DATE_EPOCH"), "builds that can be repeated"),
    (Name::Is("CARGO_BUILD_JOBS"), "how much runs at once"),
    (Name::Is("CMAKE_BUILD_PARALLEL_LEVEL"), "how much runs at once"),
    (Name::Is("GOMAXPROCS"), "how much runs at once"),
    (Name::Is("CC"), "which compiler"),
    (Name::Is("CXX"), "which compiler"),
    (Name::Is("CARGO_HOME"), TOOLCHAIN),
    (Name::Is("CARGO_TARGET_DIR"), "where a build goes"),
    (Name::Is("RUSTUP_HOME"), TOOLCHAIN),
    (Name::Is("RUSTUP_TOOLCHAIN"), "which toolchain"),
    (Name::Is("RUST_BACKTRACE"), "how failures are shown"),
    (Name::Is("GOPATH"), TOOLCHAIN),
    (Name::Is("GOROOT"), TOOLCHAIN),
    (Name::Is("GOBIN"), TOOLCHAIN),
    (Name::Is("GOCACHE"), "where a build goes"),
    (Name::Is("GOMODCACHE"), TOOLCHAIN),
    (Name::Is("GOTOOLCHAIN"), "which toolchain"),
    (Name::Is("JAVA_HOME"), TOOLCHAIN),
    (Name::Is("GRADLE_USER_HOME"), TOOLCHAIN),
    (Name::Is("M2_HOME"), TOOLCHAIN),
    (Name::Is("MAVEN_HOME"), TOOLCHAIN),
    (Name::Is("KOTLIN_HOME"), TOOLCHAIN),
    (Name::Is("ANDROID_HOME"), TOOLCHAIN),
    (Name::Is("ANDROID_SDK_ROOT"), TOOLCHAIN),
    (Name::Is("DOTNET_ROOT"), TOOLCHAIN),
    (Name::Is("NVM_DIR"), TOOLCHAIN),
    (Name::Is("NVM_BIN"), TOOLCHAIN),
    (Name::Is("FNM_DIR"), TOOLCHAIN),
    (Name::Is("VOLTA_HOME"), TOOLCHAIN),
    (Name::Is("NODE_ENV"), "how a program is built"),
    (Name::Is("PNPM_HOME"), TOOLCHAIN),
    (Name::Is("BUN_INSTALL"), TOOLCHAIN),
    (Name::Is("DENO_DIR"), TOOLCHAIN),
    (Name::Is("DENO_INSTALL"), TOOLCHAIN),
    (Name::Is("VIRTUAL_ENV"), TOOLCHAIN),
    (Name::Is("CONDA_PREFIX"), TOOLCHAIN),
    (Name::Is("CONDA_DEFAULT_ENV"), "which toolchain"),
    (Name::Is("PYENV_ROOT"), TOOLCHAIN),
    (Name::Is("PYENV_VERSION"), "which toolchain"),
    (Name::Is("PYTHONDONTWRITEBYTECODE"), "how a program runs"),
    (Name::Is("PYTHONUNBUFFERED"), "how a program runs"),
    (Name::Is("POETRY_HOME"), TOOLCHAIN),
    (Name::Is("UV_CACHE_DIR"), "where a build goes"),
    (Name::Is("PIP_CACHE_DIR"), "where a build goes"),
    (Name::Is("RBENV_ROOT"), TOOLCHAIN),
    (Name::Is("GEM_HOME"), TOOLCHAIN),
    (Name::Is("GEM_PATH"), TOOLCHAIN),
    (Name::Is("BUNDLE_PATH"), TOOLCHAIN),
    (Name::Is("COMPOSER_HOME"), TOOLCHAIN),
    (Name::Is("ASDF_DIR"), TOOLCHAIN),
    (Name::Is("ASDF_DATA_DIR"), TOOLCHAIN),
    (Name::Is("MISE_DATA_DIR"), TOOLCHAIN),
    (Name::Is("SDKMAN_DIR"), TOOLCHAIN),
    (Name::Is("STACK_ROOT"), TOOLCHAIN),
    (Name::Is("GHCUP_INSTALL_BASE_PREFIX"), TOOLCHAIN),
    (Name::Is("OPAMROOT"), TOOLCHAIN),
    (Name::Is("MIX_HOME"), TOOLCHAIN),
    (Name::Is("HEX_HOME"), TOOLCHAIN),
    (Name::Is("PUB_CACHE"), TOOLCHAIN),
    (Name::Is("FLUTTER_ROOT"), TOOLCHAIN),
    (Name::Is("XDG_CACHE_HOME"), "where programs keep their files"),
    (Name::Is("XDG_CONFIG_HOME"), "where programs keep their files"),
    (Name::Is("XDG_DATA_HOME"), "where programs keep their files"),
    (Name::Is("XDG_STATE_HOME"), "where programs keep their files"),
    (Name::Is("XDG_DATA_DIRS"), "where programs keep their files"),
    (Name::Is("XDG_CONFIG_DIRS"), "where programs keep their files"),
    (Name::Is("SSL_CERT_FILE"), "which certificates to trust"),
    (Name::Is("SSL_CERT_DIR"), "which certificates to trust"),
    (Name::Is("NIX_SSL_CERT_FILE"), "which certificates to trust"),
    (Name::Is("NIX_PATH"), TOOLCHAIN),
    (Name::Is("NIX_PROFILES"), TOOLCHAIN),
    (Name::Is("PKG_CONFIG_PATH"), TOOLCHAIN),
    (Name::Is("PAGER"), "how long output is shown"),
    (Name::Is("GIT_PAGER"), "how long output is shown"),
    (Name::Is("LESS"), "how long output is shown"),
    (Name::Is("EDITOR"), "which editor"),
    (Name::Is("VISUAL"), "which editor"),
];

/// The reasons of variables that the documented switch takes away even where they are masked.
const OF_THE_AGENT: &str = "may be a credential of the agent";
const OF_A_CLOUD: &str = "may be a credential of a cloud provider";

/// Why well-known names are dropped. The first match is told; a name in no row is just not on the list.
const DROPPED: &[(Name, &str)] = &[
    (Name::Begins("ANTHROPIC_"), OF_THE_AGENT),
    (Name::Begins("CLAUDE_CODE_OAUTH_"), OF_THE_AGENT),
    (Name::Begins("CLAUDE_CODE_CLIENT_"), OF_THE_AGENT),
    (Name::Is("CLAUDE_CODE_MESSAGING_TOKEN"), OF_THE_AGENT),
    (Name::Begins("AWS_"), OF_A_CLOUD),
    (Name::Begins("AZURE_"), OF_A_CLOUD),
    (Name::Begins("ARM_"), OF_A_CLOUD),
    (Name::Begins("GOOGLE_"), OF_A_CLOUD),
    (Name::Begins("GCLOUD_"), OF_A_CLOUD),
    (Name::Begins("GCP_"), OF_A_CLOUD),
    (Name::Begins("CLOUDSDK_"), OF_A_CLOUD),
    (Name::Begins("LD_"), "loads code into every program"),
    (Name::Begins("DYLD_"), "loads code into every program"),
    (Name::Begins("GLIBC_TUNABLES"), "changes how every program runs"),
    (Name::Is("BASH_ENV"), "runs code in every shell"),
    (Name::Is("ENV"), "runs code in every shell"),
    (Name::Is("PROMPT_COMMAND"), "runs code in every shell"),
    (Name::Is("SHELLOPTS"), "runs code in every shell"),
    (Name::Begins("BASH_FUNC_"), "runs code in every shell"),
    (Name::Is("NODE_OPTIONS"), "loads code into every program"),
    (Name::Is("NODE_PATH"), "loads code into every program"),
    (Name::Is("PYTHONPATH"), "loads code into every program"),
    (Name::Is("PYTHONSTARTUP"), "loads code into every program"),
    (Name::Is("PYTHONHOME"), "loads code into every program"),
    (Name::Begins("PERL5"), "loads code into every program"),
    (Name::Is("RUBYOPT"), "loads code into every program"),
    (Name::Is("RUBYLIB"), "loads code into every program"),
    (Name::Is("JAVA_TOOL_OPTIONS"), "loads code into every program"),
    (Name::Is("_JAVA_OPTIONS"), "loads code into every program"),
    (Name::Is("CLASSPATH"), "loads code into every program"),
    (Name::Is("RUSTC_WRAPPER"), "runs another program in place of the compiler"),
    (Name::Is("RUSTFLAGS"), "can run another program as the linker"),
    (Name::Begins("GIT_"), "can make git run other programs"),
    (Name::Ends("_SOCK"), "names a socket of the host"),
    (Name::Ends("_SOCKET"), "names a socket of the host"),
    (Name::Begins("DBUS_"), "names a socket of the host"),
    (Name::Begins("DISPLAY"), "names a socket of the host"),
    (Name::Begins("WAYLAND_"), "names a socket of the host"),
    (Name::Is("XAUTHORITY"), "names a secret"),
    (Name::Is("XDG_RUNTIME_DIR"), "holds the sockets of the host"),
    (Name::Is("TMUX"), "names a socket of the host"),
    (Name::Is("STY"), "names a socket of the host"),
    (Name::Is("NVIM"), "names a socket of the host"),
    (Name::Begins("KITTY_"), "names a socket of the host"),
    (Name::Begins("WEZTERM_"), "names a socket of the host"),
    (Name::Begins("VSCODE_"), "names a socket of the host"),
    (Name::Begins("DOCKER_"), "names a socket of the host"),
    (Name::Begins("SSH_"), "names a socket or a connection of the host"),
    (Name::Begins("GPG_"), "names a socket of the host"),
    (Name::Is("TMPDIR"), "is set to /tmp"),
    (Name::Is("TMP"), "names a directory that is not there inside; TMPDIR is set"),
    (Name::Is("TEMP"), "names a directory that is not there inside; TMPDIR is set"),
    (Name::Ends("_PROXY"), "is set to the proxy inside; yours can hold a password"),
    (Name::Ends("_proxy"), "is set to the proxy inside; yours can hold a password"),
    (Name::Ends("_TOKEN"), "may be a secret"),
    (Name::Ends("_KEY"), "may be a secret"),
    (Name::Ends("_SECRET"), "may be a secret"),
    (Name::Ends("PASSWORD"), "may be a secret"),
    (Name::Ends("_CREDENTIALS"), "may be a secret"),
];

/// What is told of a name that is in no row.
const NOT_LISTED: &str = "is not on the list of variables that pass";

/// Returns what of the host's environment the command sees.
///
/// A name that is not valid text, holds `=` or is empty is dropped. Of a repeated name the first
/// stays, which is the one that `getenv` finds.
pub fn environment(host: impl Iterator<Item = (OsString, OsString)>) -> Environment {
    let mut environment = Environment::default();
    for (name, value) in host {
        let repeated = environment.kept.iter().any(|(kept, _)| *kept == name);
        match drop_reason(&name) {
            None if repeated => environment.dropped.push(Dropped { name, why: "is a repetition" }),
            None => environment.kept.push((name, value)),
            Some(why) => environment.dropped.push(Dropped { name, why }),
        }
    }
    environment
}

/// Returns the rows of the list of variables that pass, for the reference: a name, or what it begins
/// or ends with and a `*`, and the reason.
pub fn kept() -> impl Iterator<Item = (String, &'static str)> {
    KEPT.iter().map(|(name, why)| (name.to_string(), *why))
}

/// Returns the rows of names that are left out for a reason of their own, in the same form.
pub fn dropped() -> impl Iterator<Item = (String, &'static str)> {
    DROPPED.iter().map(|(name, why)| (name.to_string(), *why))
}

/// Returns true for a name that may be a credential of the agent or of a cloud provider.
pub fn is_scrubbed(name: &str) -> bool {
    let is_such = |why: &str| why == OF_THE_AGENT || why == OF_A_CLOUD;
    DROPPED.iter().any(|(row, why)| is_such(why) && row.matches(name))
}

fn drop_reason(name: &OsStr) -> Option<&'static str> {
    let Some(name) = name.to_str().filter(|name| !name.is_empty() && !name.contains('=')) else {
        return Some("is not a proper name");
    };
    if KEPT.iter().any(|(row, _)| row.matches(name)) {
        return None;
    }
    Some(DROPPED.iter().find(|(row, _)| row.matches(name)).map_or(NOT_LISTED, |(_, why)| why))
}

#[cfg(test)]
mod tests;
