//! The files of git's data directories that decide what git runs, and the keys of its configuration that may
//! be set from inside a boundary all the same.

use crate::path::in_plain_letters;

/// What a file of a git data directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `config`, `config.worktree`: a configuration, of which some keys may be set.
    Configuration,
    /// `.gitmodules`: what submodules there are, which is data but for what `update` may start.
    Modules,
    /// `git-rebase-todo`: what a rebase does next, `exec` lines included; and the files that name the program which merges
    /// for it, [`STRATEGIES`].
    Todo,
    /// `.git` itself, where it may be a file that says where the data directory is.
    Pointer,
    /// `commondir`: says where a worktree finds its configuration.
    CommonDirectory,
    /// A program in `hooks`, or what chooses filters.
    Program,
}

impl Role {
    /// Returns what it would run or change.
    pub fn why(self) -> &'static str {
        match self {
            Self::Configuration => "git's configuration names programs",
            Self::Modules => "names the repositories that git fetches and runs hooks of",
            Self::Todo => "the next `git rebase --continue` runs its `exec` lines and strategy",
            Self::Pointer => "says where git finds its configuration and hooks",
            Self::CommonDirectory => "says where git finds its configuration",
            Self::Program => "git runs these programs",
        }
    }
}

/// Directories of git's data below which every name is data.
const DATA: [&str; 3] = ["refs", "logs", "objects"];

/// Returns what a path is to git, given by its segments from the root.
///
/// A directory named `.git` has no role by itself: what is in it does. Worktrees and submodules keep the same
/// files further down.
pub fn role(segments: &[&str]) -> Option<Role> {
    let plain: Vec<String> = segments.iter().map(|segment| in_plain_letters(segment).to_ascii_lowercase()).collect();
    let last = plain.last()?.as_str();
    if last == ".gitmodules" {
        return Some(Role::Modules);
    }
    if last == ".git" {
        return Some(Role::Pointer);
    }
    // A project may lie in what another one calls its data.
    data_directories(&plain).find_map(|below| role_in(below, last))
}

/// Returns what follows each `.git` of a path.
fn data_directories(plain: &[String]) -> impl Iterator<Item = &[String]> {
    let ends = (1..plain.len()).filter(|end| plain.get(end - 1).is_some_and(|segment| segment == ".git"));
    ends.filter_map(|end| plain.get(end..))
}

fn role_in(below: &[String], last: &str) -> Option<Role> {
    // A submodule may be called anything; `refs` and the rest count only where git has them.
    if below.first().is_some_and(|first| DATA.contains(&first.as_str())) {
        return None;
    }
    if below.iter().any(|segment| segment == "hooks") {
        // Git runs no sample.
        let is_sample = matches!(below, [.., hooks, name] if hooks == "hooks" && name.ends_with(".sample"));
        return (!is_sample).then_some(Role::Program);
    }
    match last {
        "config" | "config.worktree" => Some(Role::Configuration),
        "git-rebase-todo" => Some(Role::Todo),
        _ if STRATEGIES.iter().any(|parts| below.ends_with(&parts.map(str::to_owned))) => Some(Role::Todo),
        "commondir" => Some(Role::CommonDirectory),
        "attributes" if below.iter().rev().nth(1).is_some_and(|parent| parent == "info") => Some(Role::Program),
        _ => None,
    }
}

/// Where git keeps, between two commands, the name of the program that merges: `git-merge-` and what stands there. With a
/// slash in it that is a file of the worktree.
pub const STRATEGIES: [[&str; 2]; 2] = [["rebase-merge", "strategy"], ["sequencer", "opts"]];

/// Directories of git's data that hold further data directories.
pub const NESTS: [&str; 2] = ["worktrees", "modules"];

/// Returns true when a directory of this path is, holds or may be a data directory of a worktree or submodule:
/// one that comes there from elsewhere would bring a configuration with it.
pub fn is_nested(segments: &[&str]) -> bool {
    let plain: Vec<String> = segments.iter().map(|segment| in_plain_letters(segment).to_ascii_lowercase()).collect();
    data_directories(&plain).any(|below| below.first().is_some_and(|first| NESTS.contains(&first.as_str())))
}

/// A key of git's configuration that may be set, changed and removed from inside.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.key` or `section.*.key`, in lower case.
    pub name: &'static str,
    /// What may stand there.
    pub value: Value,
    /// True when it may be set where it is not there yet, and not be changed: another address for a remote that is
    /// there would send the person's next push somewhere else.
    pub is_for_new: bool,
    /// True when it may be set only together with the rest of its section: of a remote that is there it would change what
    /// the person's next push does.
    pub is_for_new_section: bool,
    /// What git command needs it.
    pub why: &'static str,
}

/// What may stand at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Anything: git runs nothing because of it, and leaves the project for nothing.
    Any,
    /// An address that git speaks to itself, or a path: no helper program, no option.
    Address,
    /// A path of a writable directory.
    Inside,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

const fn key(name: &'static str, value: Value, why: &'static str) -> Key {
    Key { name, value, is_for_new: false, is_for_new_section: false, why }
}

const fn new(name: &'static str, value: Value, why: &'static str) -> Key {
    Key { name, value, is_for_new: true, is_for_new_section: false, why }
}

const fn with(name: &'static str, value: Value, why: &'static str) -> Key {
    Key { name, value, is_for_new: true, is_for_new_section: true, why }
}

/// The keys. What is not here may not be changed: most keys that git knows name a program sooner or later.
pub const KEYS: &[Key] = &[
    new("branch.*.remote", Value::Address, "`git push -u`, `git switch` set what a branch follows"),
    key("branch.*.merge", Value::Any, "`git push -u`, `git switch` set what a branch follows"),
    key("branch.*.rebase", Value::OneOf(&["true", "false", "merges"]), "`git branch` sets how a branch is pulled"),
    key("branch.*.description", Value::Any, "`git branch --edit-description`"),
    new("user.name", Value::Any, "`git config user.name`, where commits need one"),
    new("user.email", Value::Any, "`git config user.email`, where commits need one"),
    key("core.repositoryformatversion", Value::OneOf(&["0", "1"]), "`git init`"),
    key("core.filemode", Value::OneOf(&["true", "false"]), "`git init`"),
    key("core.bare", Value::OneOf(&["true", "false"]), "`git init`"),
    key("core.logallrefupdates", Value::OneOf(&["true", "false", "always"]), "`git init`"),
    key("core.autocrlf", Value::OneOf(&["true", "false", "input"]), "Cargo, in what it fetches by git"),
    key("core.ignorecase", Value::OneOf(&["true", "false"]), "`git init`"),
    key("core.symlinks", Value::OneOf(&["true", "false"]), "`git init`"),
    key("core.precomposeunicode", Value::OneOf(&["true", "false"]), "`git init`"),
    key("core.sparsecheckout", Value::OneOf(&["true", "false"]), "`git sparse-checkout`"),
    key("core.sparsecheckoutcone", Value::OneOf(&["true", "false"]), "`git sparse-checkout`"),
    key("core.worktree", Value::Inside, "`git submodule` says where a submodule's files are"),
    key("index.sparse", Value::OneOf(&["true", "false"]), "`git sparse-checkout`"),
    key("extensions.objectformat", Value::OneOf(&["sha1", "sha256"]), "`git init`"),
    key("extensions.refstorage", Value::OneOf(&["files", "reftable"]), "`git init`"),
    key("extensions.worktreeconfig", Value::OneOf(&["true", "false"]), "`git sparse-checkout`"),
    new("extensions.partialclone", Value::Address, "`git clone --filter`"),
    new("remote.*.url", Value::Address, "`git clone`, `git remote add`"),
    new("remote.*.fetch", Value::Any, "`git clone`, `git remote add`"),
    new("remote.*.tagopt", Value::OneOf(&["--tags", "--no-tags"]), "`git clone --no-tags`"),
    with("remote.*.mirror", Value::OneOf(&["true", "false"]), "`git clone --mirror`"),
    new("remote.*.promisor", Value::OneOf(&["true", "false"]), "`git clone --filter`"),
    new("remote.*.partialclonefilter", Value::Any, "`git clone --filter`"),
    new("submodule.*.url", Value::Address, "`git submodule init`"),
    key("submodule.*.path", Value::Any, "`git submodule add`"),
    key("submodule.*.branch", Value::Any, "`git submodule add -b`"),
    key("submodule.*.active", Value::OneOf(&["true", "false"]), "`git submodule init`"),
    key("submodule.*.ignore", Value::OneOf(&["none", "untracked", "dirty", "all"]), "`git submodule add`"),
    key("submodule.*.shallow", Value::OneOf(&["true", "false"]), "`git submodule add`"),
    key("submodule.*.fetchrecursesubmodules", Value::OneOf(&["true", "false", "on-demand"]), "`git submodule`"),
    key("submodule.*.update", Value::OneOf(&["checkout", "rebase", "merge", "none"]), "`git submodule init`"),
    key("submodule.active", Value::Any, "`git submodule init`"),
    key("submodule.recurse", Value::OneOf(&["true", "false"]), "`git clone --recurse-submodules`"),
];

/// The keys of `submodule.*` in `.gitmodules` that git acts on. Others are data that git passes over.
pub const MODULES: &[Key] = &[
    key(
        "submodule.*.url",
        Value::Address,
        "where it is fetched from, once a person or `git submodule init` takes it over",
    ),
    key("submodule.*.update", Value::OneOf(&["checkout", "rebase", "merge", "none"]), "a command would run"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        let of = |path: &str| role(&path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>());
        assert_eq!(of("/p/.git/config"), Some(Role::Configuration));
        assert_eq!(of("/p/.GIT/Config"), Some(Role::Configuration));
        assert_eq!(of("/p/.git/modules/a/b/config"), Some(Role::Configuration));
        assert_eq!(of("/p/.git/worktrees/w/config.worktree"), Some(Role::Configuration));
        assert_eq!(of("/p/.git/worktrees/w/commondir"), Some(Role::CommonDirectory));
        assert_eq!(of("/p/.git/modules/a/hooks/pre-commit"), Some(Role::Program));
        assert_eq!(of("/p/.git/hooks"), Some(Role::Program));
        assert_eq!(of("/p/.git/info/attributes"), Some(Role::Program));
        assert_eq!(of("/p/sub/.git"), Some(Role::Pointer));
        assert_eq!(of("/p/.gitmodules"), Some(Role::Modules));
        assert_eq!(of("/p/.git/rebase-merge/git-rebase-todo"), Some(Role::Todo));
        assert_eq!(of("/p/.git/worktrees/w/rebase-merge/git-rebase-todo"), Some(Role::Todo));
        assert_eq!(of("/p/.git/rebase-merge/strategy"), Some(Role::Todo));
        assert_eq!(of("/p/.git/worktrees/w/Sequencer/opts"), Some(Role::Todo));
        assert_eq!(of("/p/.git/strategy"), None);
        assert_eq!(of("/p/rebase-merge/strategy"), None);
        assert_eq!(of("/p/git-rebase-todo"), None);
        assert_eq!(of("/p/.git/hooks/pre-commit.sample"), None);
        assert_eq!(of("/p/.git/hooks/x.sample/pre-commit"), Some(Role::Program));
        assert_eq!(of("/p/.git/refs/heads/config"), None);
        assert_eq!(of("/p/.git/HEAD"), None);
        assert_eq!(of("/p/config"), None);
    }
}
