//! Names whose content is run later by somebody else: a build, a test runner, a service that watches the
//! repository. Writing one is running what it will run, so it is not a plain edit.
//!
//! Unlike a protected name, a rule `Edit(...)` that covers one approves it.

use crate::path::Glob;

/// A name that is run later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executed {
    /// The name: one or more segments, each perhaps with `*`, found at any depth; a trailing `/**` means
    /// everything in the directory.
    pub name: &'static str,
    /// What runs it.
    pub why: &'static str,
}

const fn row(name: &'static str, why: &'static str) -> Executed {
    Executed { name, why }
}

/// The names.
pub const NAMES: &[Executed] = &[
    row(".github/workflows/**", "GitHub runs it on the next push"),
    row(".github/actions/**", "GitHub runs it on the next push"),
    row(".gitlab-ci.yml", "GitLab runs it on the next push"),
    row(".gitlab/**", "GitLab runs what its pipelines include"),
    row(".circleci/**", "CircleCI runs it on the next push"),
    row(".travis.yml", "Travis CI runs it on the next push"),
    row("azure-pipelines*.yml", "Azure Pipelines runs it on the next push"),
    row("bitbucket-pipelines.yml", "Bitbucket runs it on the next push"),
    row(".buildkite/**", "Buildkite runs it on the next push"),
    row(".drone.yml", "Drone runs it on the next push"),
    row(".woodpecker*", "Woodpecker runs it on the next push"),
    row("Jenkinsfile*", "Jenkins runs it on the next build"),
    row("appveyor.yml", "AppVeyor runs it on the next push"),
    row("cloudbuild.yaml", "Cloud Build runs it"),
    row("buildspec.yml", "CodeBuild runs it"),
    row("Makefile", "make runs its recipes"),
    row("makefile", "make runs its recipes"),
    row("GNUmakefile", "make runs its recipes"),
    row("*.mk", "make runs its recipes"),
    row("CMakeLists.txt", "cmake runs its commands"),
    row("*.cmake", "cmake runs its commands"),
    row("meson.build", "meson runs its commands"),
    row("SConstruct", "scons runs it"),
    row("wscript", "waf runs it"),
    row("configure", "it is run before a build"),
    row("configure.ac", "autoconf makes a program of it"),
    row("BUILD", "Bazel runs its rules"),
    row("BUILD.bazel", "Bazel runs its rules"),
    row("WORKSPACE", "Bazel fetches and runs what it names"),
    row("MODULE.bazel", "Bazel fetches and runs what it names"),
    row("*.bzl", "Bazel runs it"),
    row("Justfile", "just runs its recipes"),
    row("justfile", "just runs its recipes"),
    row("Taskfile.yml", "task runs its commands"),
    row("Taskfile.yaml", "task runs its commands"),
    row("Rakefile", "rake runs it"),
    row("Gemfile", "bundler runs it"),
    row("*.gemspec", "gem runs it"),
    row("package.json", "npm runs its scripts"),
    row("gulpfile.*", "gulp runs it"),
    row("Gruntfile.*", "grunt runs it"),
    row("webpack.config.*", "webpack runs it"),
    row("vite.config.*", "vite runs it"),
    row("rollup.config.*", "rollup runs it"),
    row("next.config.*", "next runs it"),
    row("jest.config.*", "jest runs it"),
    row("vitest.config.*", "vitest runs it"),
    row("babel.config.*", "babel runs it"),
    row(".babelrc.js", "babel runs it"),
    row(".eslintrc.js", "eslint runs it"),
    row(".eslintrc.cjs", "eslint runs it"),
    row("eslint.config.*", "eslint runs it"),
    row(".prettierrc.js", "prettier runs it"),
    row("prettier.config.*", "prettier runs it"),
    row("postcss.config.*", "postcss runs it"),
    row("tailwind.config.*", "tailwind runs it"),
    row("playwright.config.*", "playwright runs it"),
    row("build.rs", "cargo runs it before the build"),
    row("Cargo.toml", "cargo fetches and runs what it names"),
    row("setup.py", "pip runs it"),
    row("setup.cfg", "pip and test runners read commands from it"),
    row("pyproject.toml", "build and test tools run what it names"),
    row("conftest.py", "pytest runs it"),
    row("sitecustomize.py", "every Python program runs it"),
    row("usercustomize.py", "every Python program runs it"),
    row("*.pth", "every Python program runs its imports"),
    row("tox.ini", "tox runs its commands"),
    row("noxfile.py", "nox runs it"),
    row("pom.xml", "Maven runs its plugins"),
    row("build.gradle", "Gradle runs it"),
    row("build.gradle.kts", "Gradle runs it"),
    row("settings.gradle", "Gradle runs it"),
    row("settings.gradle.kts", "Gradle runs it"),
    row("init.gradle", "Gradle runs it"),
    row("gradlew", "it is the Gradle that is run"),
    row("mvnw", "it is the Maven that is run"),
    row("build.xml", "ant runs it"),
    row("build.sbt", "sbt runs it"),
    row("mix.exs", "mix runs it"),
    row("dune", "dune runs its rules"),
    row("build.zig", "zig runs it"),
    row("*.csproj", "msbuild runs its targets"),
    row("*.targets", "msbuild runs its targets"),
    row("Dockerfile*", "docker runs its commands"),
    row("Containerfile*", "podman runs its commands"),
    row("docker-compose*.y*ml", "docker starts what it names"),
    row("compose.y*ml", "docker starts what it names"),
    row("Vagrantfile", "vagrant runs it"),
    row("Procfile", "a process manager starts what it names"),
    row("*.service", "systemd starts what it names"),
    row("*.timer", "systemd starts what it names"),
    row(".config/autostart/**", "the desktop starts it"),
    row("crontab", "cron runs its lines"),
    row("cron.d/**", "cron runs its lines"),
    row(".ssh/config", "ssh runs commands that it names"),
    row(".ssh/authorized_keys", "it lets somebody sign in"),
    row(".vimrc", "vim runs it"),
    row(".exrc", "vi runs it"),
    row(".nvimrc", "nvim runs it"),
    row(".emacs", "emacs runs it"),
    row(".dir-locals.el", "emacs runs it"),
    row(".gdbinit", "gdb runs it"),
    row(".lldbinit", "lldb runs it"),
    row(".screenrc", "screen runs it"),
    row(".tmux.conf", "tmux runs it"),
    row(".inputrc", "it binds keys to commands"),
    row(".pythonrc", "Python runs it"),
    row(".irbrc", "irb runs it"),
    row(".Rprofile", "R runs it"),
    row(".wgetrc", "wget takes programs and hosts from it"),
    row(".curlrc", "curl takes files and hosts from it"),
    row(".netrc", "it holds passwords that programs send"),
    row(".pypirc", "it says where packages are sent"),
    row("pip.conf", "it says where packages come from"),
    row(".gitattributes", "git attributes choose filters, which are programs"),
    row(".mise.toml", "mise runs its tasks and hooks"),
    row("mise.toml", "mise runs its tasks and hooks"),
    row(".tool-versions", "it chooses the programs that run"),
    row(".babelrc", "babel loads its plugins"),
    row(".swcrc", "swc loads its plugins"),
    row(".mocharc.*", "mocha loads what it names"),
    row("karma.conf.*", "karma runs it"),
    row(".storybook/**", "storybook runs it"),
    row("gradle.properties", "Gradle takes options of Java from it"),
    row("rust-toolchain", "cargo runs the toolchain that it names"),
    row("rust-toolchain.toml", "cargo runs the toolchain that it names"),
    row(".venv/**", "every Python program of the project runs it"),
    row("venv/**", "every Python program of the project runs it"),
    row("node_modules/**", "every Node program of the project runs it"),
    row("vendor/bin/**", "composer puts programs there"),
    row("CLAUDE.md", "agents follow it"),
    row("AGENTS.md", "agents follow it"),
    row("GEMINI.md", "agents follow it"),
];

/// Returns the row that covers a path, given by its segments from the root.
pub fn find(segments: &[&str]) -> Option<&'static Executed> {
    let name = segments.last()?;
    NAMES.iter().find(|row| {
        // Most rows are one name: they are told apart without a pattern.
        let wildcard = row.name.contains('*');
        if !wildcard && !row.name.contains('/') {
            return row.name == *name;
        }
        Glob::parse(&format!("**/{}", row.name)).matches(segments)
    })
}

/// Returns the first row that covers something which a shell's pattern could match. Rows that are patterns
/// themselves are left out: `*.txt` could match a `Jenkinsfile.txt`, and nobody means that.
pub(crate) fn find_met(shell: &Glob) -> Option<&'static Executed> {
    let names = NAMES.iter().filter(|row| !row.name.trim_end_matches("/**").contains('*'));
    names.into_iter().find(|row| Glob::parse(&format!("**/{}", row.name)).meets(shell))
}
