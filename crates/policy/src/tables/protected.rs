//! Names that decide what runs later. No allow rule approves a write to them, and inside the
//! boundary the ones that exist cannot be written.

use std::borrow::Cow;

use crate::path::in_plain_letters;

/// A protected name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The name: one or more segments, found at any depth.
    pub name: &'static str,
    /// True when it is a directory and everything in it is meant.
    pub directory: bool,
    /// Where the name is held.
    pub held: Held,
    /// What it would run or change.
    pub why: &'static str,
}

/// Where a protected name is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A write asks, and the boundary forbids it.
    Everywhere,
    /// A write asks; the boundary leaves it to its narrower rows, because honest tools write there.
    Rules,
}

const fn directory(name: &'static str, why: &'static str) -> Name {
    Name { name, directory: true, held: Held::Everywhere, why }
}

const fn file(name: &'static str, why: &'static str) -> Name {
    Name { name, directory: false, held: Held::Everywhere, why }
}

const fn asks(name: &'static str, directory: bool, why: &'static str) -> Name {
    Name { name, directory, held: Held::Rules, why }
}

/// The names.
pub const NAMES: &[Name] = &[
    asks(".git", true, "git's own data: hooks and configuration run programs"),
    directory(".git/hooks", "git runs these programs"),
    file(".git/config", "git's configuration names programs"),
    file(".git/config.worktree", "git's configuration names programs"),
    file(".git/info/attributes", "git attributes choose filters, which are programs"),
    file(".git/commondir", "says where git finds its configuration"),
    directory(".config/git", "git's configuration names programs"),
    file(".gitconfig", "git's configuration names programs"),
    file(".gitmodules", "names the repositories that git fetches and runs hooks of"),
    asks(".claude", true, "settings, hooks, agents and skills of Claude Code"),
    file(".claude/settings.json", "what the agent may do"),
    file(".claude/settings.local.json", "what the agent may do"),
    directory(".claude/hooks", "programs that run on every tool call"),
    directory(".claude/agents", "what subagents may do"),
    directory(".claude/commands", "commands with tools of their own"),
    directory(".claude/skills", "skills with tools of their own"),
    directory(".claude/workflows", "what the agent starts by itself"),
    file(".claude/scheduled_tasks.json", "what the agent starts by itself"),
    file(".claude.json", "trust and servers of Claude Code"),
    file(".mcp.json", "servers that the agent starts"),
    directory(".palisade", "Palisade's own settings"),
    directory(".codex", "settings and rules of Codex"),
    directory(".gemini", "settings of Gemini CLI"),
    directory(".cursor", "rules and servers of Cursor"),
    directory(".vscode", "tasks that the editor runs"),
    directory(".idea", "run configurations of the editor"),
    directory(".husky", "git runs these programs"),
    directory(".cargo", "runners and wrappers that Cargo starts"),
    directory(".devcontainer", "what a container is built from and runs"),
    file(".devcontainer.json", "what a container is built from and runs"),
    asks(".yarn", true, "releases and plugins that Yarn runs"),
    directory(".mvn", "extensions and options that Maven loads"),
    file(".bashrc", "runs in every shell"),
    file(".bash_profile", "runs at sign-in"),
    file(".bash_login", "runs at sign-in"),
    file(".bash_aliases", "runs in every shell"),
    file(".bash_logout", "runs at sign-out"),
    file(".zshrc", "runs in every shell"),
    file(".zprofile", "runs at sign-in"),
    file(".zshenv", "runs in every shell"),
    file(".zlogin", "runs at sign-in"),
    file(".zlogout", "runs at sign-out"),
    file(".profile", "runs at sign-in"),
    file(".envrc", "direnv runs it on entering the directory"),
    file(".npmrc", "registries, tokens and script shells of npm"),
    file(".yarnrc", "the program that Yarn starts"),
    file(".yarnrc.yml", "the program and plugins that Yarn starts"),
    file(".pnp.cjs", "loaded by every Node program of the project"),
    file(".pnp.loader.mjs", "loaded by every Node program of the project"),
    file(".pnpmfile.cjs", "pnpm runs it on install"),
    file("bunfig.toml", "preloads that Bun runs"),
    file(".bunfig.toml", "preloads that Bun runs"),
    file(".bazelrc", "options with programs in them"),
    file(".bazelversion", "the release of Bazel that runs"),
    file(".bazeliskrc", "where Bazel is fetched from"),
    file(".pre-commit-config.yaml", "git runs these programs"),
    file("lefthook.yml", "git runs these programs"),
    file("lefthook.yaml", "git runs these programs"),
    file(".lefthook.yml", "git runs these programs"),
    file(".lefthook.yaml", "git runs these programs"),
    file("gradle-wrapper.properties", "the Gradle that is fetched and run"),
    file("maven-wrapper.properties", "the Maven that is fetched and run"),
    file(".ripgreprc", "a preprocessor that ripgrep starts"),
    file("pyrightconfig.json", "paths that the type checker imports from"),
];

/// Names below a protected directory that are not protected.
pub const EXCEPTIONS: &[&str] = &[".claude/worktrees"];

/// Returns false for most paths: no segment is, in letters of whatever case, one that a protected name begins with.
pub fn could_be(segments: &[&str]) -> bool {
    // Names that begin with a dot are told by that alone.
    let plain_first_of = |row: &'static Name| {
        let first = row.name.split('/').next().unwrap_or_default();
        (!first.starts_with('.')).then_some(first)
    };
    segments.iter().any(|segment| {
        !segment.is_ascii()
            || segment.starts_with('.')
            || NAMES.iter().filter_map(plain_first_of).any(|first| first.eq_ignore_ascii_case(segment))
    })
}

/// Directories of packages that a package manager unpacks: what lies in them runs as it is when it is used, so that a
/// name in them tells nobody more. Git's own files count in them all the same.
pub const PACKAGES: &[&str] = &["node_modules", "site-packages", "dist-packages", "vendor"];

/// Returns the row that holds a path against writing inside a boundary, given by its segments from the root. The first
/// `known` of them are the project's own: directories of packages count only below it.
pub fn held_row(segments: &[&str], known: usize) -> Option<&'static Name> {
    let is_held = |row: &Name| row.held == Held::Everywhere;
    match package_at(segments, known) {
        Some(at) => row_where(segments.get(..at).unwrap_or_default(), is_held)
            .or_else(|| row_where(segments, |row| is_held(row) && is_of_git(row))),
        None => row_where(segments, is_held),
    }
}

/// Returns where the first directory of packages below the project stands.
fn package_at(segments: &[&str], known: usize) -> Option<usize> {
    let is_package = |segment: &&str| PACKAGES.contains(segment);
    segments.iter().skip(known).position(is_package).map(|at| at + known)
}

/// Returns true for a path in a directory of packages below the project.
pub fn is_in_package(segments: &[&str], known: usize) -> bool {
    package_at(segments, known).is_some()
}

/// Returns true for a row of git's own data.
pub fn is_of_git(row: &Name) -> bool {
    row.name.starts_with(".git/")
}

/// Returns the rows of names of several segments of which the last ones of a path are the first, each with the
/// segments that are missing: what a directory of this path would hold under that name.
pub fn rows_below<'a>(segments: &'a [&str], known: usize) -> impl Iterator<Item = (&'static Name, &'static str)> + 'a {
    let in_package = package_at(segments, known).is_some();
    let plain: Vec<Cow<'a, str>> = segments.iter().map(|segment| in_plain_letters(segment)).collect();
    let counts = move |row: &&Name| row.held == Held::Everywhere && (!in_package || is_of_git(row));
    NAMES.iter().filter(counts).flat_map(move |row| {
        let splits = row.name.match_indices('/').map(|(at, _)| row.name.split_at(at));
        let missing = splits.filter_map(|(first, rest)| {
            let parts: Vec<&str> = first.split('/').collect();
            let last = plain.iter().rev().zip(parts.iter().rev());
            let is_end =
                plain.len() >= parts.len() && last.into_iter().all(|(own, part)| own.eq_ignore_ascii_case(part));
            is_end.then(|| (row, rest.trim_start_matches('/')))
        });
        missing.collect::<Vec<_>>()
    })
}

/// Returns the row that protects a path, given by its segments from the root.
pub fn row(segments: &[&str]) -> Option<&'static Name> {
    let is_exception = EXCEPTIONS.iter().any(|name| within(&plain(segments), name, true).is_some());
    if is_exception && !segments.contains(&".git") { None } else { row_where(segments, |_| true) }
}

fn row_where(segments: &[&str], is_meant: impl Fn(&Name) -> bool) -> Option<&'static Name> {
    let plain = plain(segments);
    NAMES.iter().rev().find(|row| is_meant(row) && within(&plain, row.name, row.directory).is_some())
}

/// Some file systems leave letters that are not seen out of names.
fn plain<'a>(segments: &[&'a str]) -> Vec<Cow<'a, str>> {
    segments.iter().map(|segment| in_plain_letters(segment)).collect()
}

/// Returns where a name stands in a path: at its end, or anywhere if what lies in it is meant too.
fn within(segments: &[Cow<'_, str>], name: &str, directory: bool) -> Option<usize> {
    let parts: Vec<&str> = name.split('/').collect();
    segments.windows(parts.len()).enumerate().position(|(start, window)| {
        // Letters of another case count as the same: some file systems take them so.
        let same = window.iter().zip(&parts).all(|(left, right)| left.eq_ignore_ascii_case(right));
        same && (directory || start + parts.len() == segments.len())
    })
}

/// Returns where a row's name begins in a path that it protects.
pub fn begins_at(row: &Name, segments: &[&str]) -> Option<usize> {
    within(&plain(segments), row.name, row.directory)
}
