//! Where package managers and build tools keep what they fetch and build, each told by a variable to keep it in a
//! directory of the project's own: inside, the home directory is not writable.

/// A variable that points a tool to its private place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cache {
    /// The tool.
    pub tool: &'static str,
    /// The variable.
    pub variable: &'static str,
    /// The directory below the project's own; a tool that wants a file finds none there.
    pub place: &'static str,
    /// What stands before the path in the variable's value.
    pub before: &'static str,
    /// What the tool keeps there.
    pub why: &'static str,
}

const fn cache(tool: &'static str, variable: &'static str, place: &'static str, why: &'static str) -> Cache {
    Cache { tool, variable, place, before: "", why }
}

/// The variables.
pub const CACHES: &[Cache] = &[
    cache("programs in general", "XDG_CACHE_HOME", "xdg", "what many programs keep to be faster next time"),
    cache("npm", "npm_config_cache", "npm", "packages and logs"),
    cache(
        "npm",
        "npm_config_userconfig",
        "npmrc",
        "the user's own file holds tokens and cannot be read; there is none here",
    ),
    cache("Yarn", "YARN_CACHE_FOLDER", "yarn", "packages"),
    cache("Yarn", "YARN_GLOBAL_FOLDER", "yarn-global", "packages and links of newer releases"),
    cache("pnpm", "PNPM_HOME", "pnpm", "the store of packages"),
    cache("Bun", "BUN_INSTALL_CACHE_DIR", "bun", "packages"),
    cache("Deno", "DENO_DIR", "deno", "modules and what they compile to"),
    cache("pip", "PIP_CACHE_DIR", "pip", "packages and wheels that were built"),
    cache("uv", "UV_CACHE_DIR", "uv", "packages"),
    cache("Poetry", "POETRY_CACHE_DIR", "poetry", "packages and environments"),
    cache("Pipenv", "PIPENV_CACHE_DIR", "pipenv", "packages"),
    cache("Cargo", "CARGO_HOME", "cargo", "crates, locks, and a directory without the user's tokens and programs"),
    cache("Go", "GOCACHE", "go-build", "compiled packages"),
    cache("Go", "GOMODCACHE", "go-mod", "modules"),
    cache("Gradle", "GRADLE_USER_HOME", "gradle", "packages, and a directory without the user's tokens"),
    Cache {
        tool: "Maven",
        variable: "MAVEN_OPTS",
        place: "maven",
        before: "-Dmaven.repo.local=",
        why: "the local repository, which no variable of its own names",
    },
    cache("NuGet", "NUGET_PACKAGES", "nuget", "packages"),
    cache("NuGet", "NUGET_HTTP_CACHE_PATH", "nuget-http", "answers of registries"),
    cache(".NET", "DOTNET_CLI_HOME", "dotnet", "what the first start writes"),
    cache("Composer", "COMPOSER_CACHE_DIR", "composer", "packages"),
    cache("Bundler", "BUNDLE_USER_CACHE", "bundler", "packages"),
    cache("ccache", "CCACHE_DIR", "ccache", "compiled files"),
    cache("sccache", "SCCACHE_DIR", "sccache", "compiled files"),
    cache("Zig", "ZIG_GLOBAL_CACHE_DIR", "zig", "compiled files"),
];

/// What the host has already, seen at the private place and read-only: without it nothing could be built offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// The variable that names the place on the host, when it is set.
    pub variable: Option<&'static str>,
    /// Where the host has it when no variable says so, below the home directory.
    pub home: &'static str,
    /// What is added to either.
    pub below: &'static str,
    /// Where it is seen, below the project's own directory.
    pub place: &'static str,
    /// What it is.
    pub why: &'static str,
}

const fn seed(
    variable: Option<&'static str>,
    home: &'static str,
    below: &'static str,
    place: &'static str,
    why: &'static str,
) -> Seed {
    Seed { variable, home, below, place, why }
}

/// What the host has already.
pub const SEEDS: &[Seed] = &[
    seed(Some("CARGO_HOME"), ".cargo", "registry", "cargo/registry", "crates that were fetched"),
    seed(Some("CARGO_HOME"), ".cargo", "git", "cargo/git", "crates that were fetched from repositories"),
    seed(Some("GOMODCACHE"), "go/pkg/mod", "", "go-mod", "modules that were fetched"),
    seed(Some("XDG_CACHE_HOME"), ".cache", "node/corepack", "xdg/node/corepack", "package managers that Node starts"),
    seed(Some("XDG_CACHE_HOME"), ".cache", "ms-playwright", "xdg/ms-playwright", "browsers for tests"),
    seed(Some("XDG_CACHE_HOME"), ".cache", "pre-commit", "xdg/pre-commit", "environments of checks"),
];
