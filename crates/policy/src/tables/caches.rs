//! Where package managers and build tools keep what they fetch and build, each told by a variable to keep it in a
//! directory of the project's own: inside, the home directory is not writable.

/// A variable that points a tool to its private place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cache {
    /// The tool.
    pub tool: &'static str,
    /// The variable.
    pub variable: &'static str,
    /// Its value, in which `DIR` is the project's own directory; a tool that wants a file finds none there.
    pub value: &'static str,
    /// The variable by which the tool still finds what lies where the caller's own value led.
    pub besides: Option<&'static str>,
    /// What the tool keeps there.
    pub why: &'static str,
}

const fn cache(tool: &'static str, variable: &'static str, value: &'static str, why: &'static str) -> Cache {
    Cache { tool, variable, value, besides: None, why }
}

/// The variables.
pub const CACHES: &[Cache] = &[
    cache("programs in general", "XDG_CACHE_HOME", "DIR/xdg", "what many programs keep to be faster next time"),
    cache("npm", "npm_config_cache", "DIR/npm", "packages and logs"),
    cache(
        "npm",
        "npm_config_userconfig",
        "DIR/npmrc",
        "the user's own file holds tokens and cannot be read; there is none here",
    ),
    cache("Yarn", "YARN_CACHE_FOLDER", "DIR/yarn", "packages"),
    cache("Yarn", "YARN_GLOBAL_FOLDER", "DIR/yarn-global", "packages and links of newer releases"),
    cache("pnpm", "PNPM_HOME", "DIR/pnpm", "the store of packages"),
    cache("Bun", "BUN_INSTALL_CACHE_DIR", "DIR/bun", "packages"),
    cache("Deno", "DENO_DIR", "DIR/deno", "modules and what they compile to"),
    cache("pip", "PIP_CACHE_DIR", "DIR/pip", "packages and wheels that were built"),
    cache("uv", "UV_CACHE_DIR", "DIR/uv", "packages"),
    cache("Poetry", "POETRY_CACHE_DIR", "DIR/poetry", "packages and environments"),
    cache("Pipenv", "PIPENV_CACHE_DIR", "DIR/pipenv", "packages"),
    cache("Cargo", "CARGO_HOME", "DIR/cargo", "crates, locks, and a directory without the user's tokens and programs"),
    cache("Go", "GOPATH", "DIR/go", "programs that are installed, and what is known of checksums"),
    cache("Go", "GOCACHE", "DIR/go-build", "compiled packages"),
    cache("Go", "GOMODCACHE", "DIR/go-mod", "modules"),
    cache("Gradle", "GRADLE_USER_HOME", "DIR/gradle", "packages, and a directory without the user's tokens"),
    cache(
        "Maven",
        "MAVEN_OPTS",
        "-Dmaven.repo.local=DIR/maven -Dmaven.repo.local.tail=DIR/maven-fetched",
        "the local repository, which no variable of its own names; from 3.9 on the host's is looked into as well",
    ),
    cache("NuGet", "NUGET_PACKAGES", "DIR/nuget", "packages"),
    cache("NuGet", "NUGET_HTTP_CACHE_PATH", "DIR/nuget-http", "answers of registries"),
    cache(".NET", "DOTNET_CLI_HOME", "DIR/dotnet", "what the first start writes"),
    cache("Composer", "COMPOSER_CACHE_DIR", "DIR/composer", "packages"),
    cache("Composer", "COMPOSER_HOME", "DIR/composer-home", "what is installed for all projects"),
    Cache {
        besides: Some("GEM_PATH"),
        ..cache("RubyGems", "GEM_HOME", "DIR/gems", "packages; those of the host are found besides")
    },
    cache("Bundler", "BUNDLE_USER_HOME", "DIR/bundler", "packages and plugins"),
    cache("ccache", "CCACHE_DIR", "DIR/ccache", "compiled files"),
    cache("sccache", "SCCACHE_DIR", "DIR/sccache", "compiled files"),
    cache("Zig", "ZIG_GLOBAL_CACHE_DIR", "DIR/zig", "compiled files"),
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
    seed(None, ".m2", "repository", "maven-fetched", "packages that were fetched"),
    seed(Some("GOMODCACHE"), "go/pkg/mod", "", "go-mod", "modules that were fetched"),
    seed(Some("XDG_CACHE_HOME"), ".cache", "node/corepack", "xdg/node/corepack", "package managers that Node starts"),
    seed(Some("XDG_CACHE_HOME"), ".cache", "ms-playwright", "xdg/ms-playwright", "browsers for tests"),
    seed(Some("XDG_CACHE_HOME"), ".cache", "pre-commit", "xdg/pre-commit", "environments of checks"),
];
