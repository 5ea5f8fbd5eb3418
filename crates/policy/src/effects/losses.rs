//! What a command would destroy for good, as far as its words say. How much of it there is, `guard` counts.
//!
//! Nothing here decides: it is what a person is told before answering.

use super::part::{Access, By, Part, Target};
use super::shellwords::State;
use super::walk::{Argument, target};

/// Something that would be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// What stands there, and everything below it where a directory does.
    Removed(Target),
    /// What `find` would meet below these places.
    Found {
        /// Where it looks.
        below: Vec<Target>,
        /// Patterns that a name must fit, every one.
        names: Vec<String>,
        /// False where it has further conditions: it is at most this.
        exact: bool,
    },
    /// The content of the files that stand there.
    Overwritten(Target),
    /// What git does not track below these places, or below the directory it runs in.
    Untracked {
        /// Where; empty where it is not said.
        below: Vec<Target>,
        /// The directory that git runs in; `None` where that is not known.
        directory: Option<crate::AbsPath>,
        /// True when directories of which git tracks nothing go too.
        directories: bool,
        /// False where some of it stays: what git ignores, or an exception on the line.
        exact: bool,
    },
    /// What changed in tracked files below these places, or in the whole work tree.
    Uncommitted {
        /// Where; empty for the whole work tree.
        below: Vec<Target>,
        /// The directory that git runs in; `None` where that is not known.
        directory: Option<crate::AbsPath>,
    },
    /// One entry of git's stash, or all.
    Stashes {
        /// True for all of them.
        all: bool,
        /// The directory that git runs in; `None` where that is not known.
        directory: Option<crate::AbsPath>,
    },
    /// Branches, whatever they hold.
    Branches {
        /// Their names; `None` where one is not known.
        names: Option<Vec<String>>,
        /// The directory that git runs in; `None` where that is not known.
        directory: Option<crate::AbsPath>,
    },
}

/// Programs that write over what stands at their last operand.
const OVERWRITERS: &[&str] = &["cp", "mv", "install", "tee", "truncate", "dd", "ln"];

/// Returns what a program destroys.
pub(super) fn of(state: &State, base: &str, rest: &[Argument], part: &Part) -> Vec<Loss> {
    let plain = base.strip_prefix('g').filter(|name| OVERWRITERS.contains(name)).unwrap_or(base);
    match plain {
        "git" => return of_git(state, rest, part),
        "find" | "gfind" if rest.iter().any(|word| word.known() == Some("-delete")) => return vec![found(state, rest)],
        "mv" => {}
        _ => {
            let removed = removed(part);
            if !removed.is_empty() {
                return removed;
            }
        }
    }
    let is_kept = match plain {
        "cp" | "mv" => has(rest, "nb", &["--no-clobber", "--backup"]),
        "install" => has(rest, "b", &["--backup"]),
        "tee" => has(rest, "a", &["--append"]),
        "ln" => !has(rest, "f", &["--force"]),
        _ => false,
    };
    if !OVERWRITERS.contains(&plain) || is_kept {
        return Vec::new();
    }
    let written = part.touches.iter().filter(|touch| touch.access == Access::Write && touch.by == By::Operand);
    written.filter(|touch| !touch.is_device()).map(|touch| Loss::Overwritten(touch.target.clone())).collect()
}

/// Returns what a part removes by its touches.
pub(crate) fn removed(part: &Part) -> Vec<Loss> {
    let deleted = part.touches.iter().filter(|touch| touch.access == Access::Delete);
    deleted.map(|touch| Loss::Removed(touch.target.clone())).collect()
}

/// Returns true when an option stands among the words: one of these letters in a cluster, or one of these names.
fn has(rest: &[Argument], letters: &str, names: &[&str]) -> bool {
    rest.iter().filter_map(Argument::known).take_while(|word| *word != "--").any(|word| {
        let name = word.split('=').next().unwrap_or_default();
        match word.strip_prefix('-') {
            Some(long) if long.starts_with('-') => names.contains(&name),
            Some(cluster) => cluster.contains(|letter| letters.contains(letter)),
            None => false,
        }
    })
}

fn found(state: &State, rest: &[Argument]) -> Loss {
    const QUIET: &[&str] = &["-print", "-print0", "-depth", "-H", "-L", "-P", "-noleaf"];
    let before: Vec<&Argument> = rest.iter().take_while(|word| word.known() != Some("-delete")).collect();
    let starts = |word: &&&Argument| {
        !word
            .known()
            .is_some_and(|text| text.starts_with(['-', '(', '!']) && text.len() > 1 || text == "(" || text == "!")
    };
    let skip = before.iter().take_while(|word| matches!(word.known(), Some("-H" | "-L" | "-P"))).count();
    let roots: Vec<&&Argument> = before.iter().skip(skip).take_while(starts).collect();
    let mut below: Vec<Target> = roots.iter().map(|word| target(state, word)).collect();
    let mut tests = before.iter().skip(skip + roots.len()).map(|word| word.known());
    if below.is_empty() {
        below.push(target(state, &Argument::literal(".")));
    }
    let (mut names, mut exact) = (Vec::new(), true);
    while let Some(test) = tests.next() {
        match test {
            Some("-name") => match tests.next().flatten() {
                Some(name) => names.push(name.to_owned()),
                None => exact = false,
            },
            Some(quiet) if QUIET.contains(&quiet) => {}
            // Alternatives and negations: a name says nothing any more.
            Some("-o" | "-or" | "!" | "-not" | "(" | ")" | ",") => {
                return Loss::Found { below, names: Vec::new(), exact: false };
            }
            Some(_) | None => exact = false,
        }
    }
    Loss::Found { below, names, exact }
}

fn of_git(state: &State, rest: &[Argument], part: &Part) -> Vec<Loss> {
    let Some((name, rest, here)) = subcommand(rest) else { return Vec::new() };
    let directory = match state.cwds.as_slice() {
        [one] if here => Some(one.clone()),
        [] | [_, ..] => None,
    };
    let names = || operands(rest, &[]).iter().map(|word| word.known().map(str::to_owned)).collect();
    let whole = Loss::Uncommitted { below: Vec::new(), directory: directory.clone() };
    match name {
        "clean" => clean(state, rest, directory),
        "reset" if has(rest, "", &["--hard"]) => vec![whole],
        "switch" if has(rest, "f", &["--force", "--discard-changes"]) => vec![whole],
        "checkout" if has(rest, "bBp", &["--orphan", "--detach", "--patch"]) => Vec::new(),
        "checkout" if has(rest, "f", &["--force"]) => vec![whole],
        "checkout" => below(state, &operands(rest, &[]), directory),
        "restore" if has(rest, "S", &["--staged"]) && !has(rest, "W", &["--worktree"]) => Vec::new(),
        "restore" => below(state, &operands(rest, &["-s", "--source"]), directory),
        "stash" => match rest.first().and_then(Argument::known) {
            Some("drop") => vec![Loss::Stashes { all: false, directory }],
            Some("clear") => vec![Loss::Stashes { all: true, directory }],
            Some(_) | None => Vec::new(),
        },
        "branch" if has(rest, "r", &["--remotes"]) => Vec::new(),
        "branch" if has(rest, "D", &[]) => vec![Loss::Branches { names: names(), directory }],
        "branch" if has(rest, "d", &["--delete"]) && has(rest, "f", &["--force"]) => {
            vec![Loss::Branches { names: names(), directory }]
        }
        "rm" if has(rest, "", &["--cached"]) => Vec::new(),
        "mv" => Vec::new(),
        _ => removed(part),
    }
}

/// Returns git's subcommand, its words, and whether it works in the directory that it is run in.
fn subcommand(rest: &[Argument]) -> Option<(&str, &[Argument], bool)> {
    const ELSEWHERE: &[&str] = &["-C", "--git-dir", "--work-tree", "--namespace", "--bare"];
    let (mut at, mut here) = (0, true);
    loop {
        let word = rest.get(at)?.known()?;
        if !word.starts_with('-') {
            return Some((word, rest.get(at + 1..)?, here));
        }
        here &= !ELSEWHERE.contains(&word.split('=').next().unwrap_or_default());
        let takes_next = matches!(word, "-C" | "-c" | "--git-dir" | "--work-tree" | "--namespace");
        at += if takes_next { 2 } else { 1 };
    }
}

/// Returns the words that are no options; those behind an option that takes a value are none either.
fn operands<'w>(rest: &'w [Argument], valued: &[&str]) -> Vec<&'w Argument> {
    let (mut found, mut ended, mut skips) = (Vec::new(), false, false);
    for word in rest {
        let text = word.known().unwrap_or_default();
        if std::mem::take(&mut skips) {
            continue;
        }
        match text {
            "--" if !ended => ended = true,
            option if !ended && option.starts_with('-') => skips = valued.contains(&option),
            _ => found.push(word),
        }
    }
    found
}

fn below(state: &State, words: &[&Argument], directory: Option<crate::AbsPath>) -> Vec<Loss> {
    if words.is_empty() {
        return Vec::new();
    }
    vec![Loss::Uncommitted { below: words.iter().map(|word| pathspec(state, word)).collect(), directory }]
}

/// Returns what a path means to git: wildcards and `:(...)` are its own language.
fn pathspec(state: &State, word: &Argument) -> Target {
    match word.known() {
        Some(text) if text.starts_with(':') || text.contains(['*', '?', '[']) => Target::Unknown(word.source.clone()),
        Some(_) | None => target(state, word),
    }
}

fn clean(state: &State, rest: &[Argument], directory: Option<crate::AbsPath>) -> Vec<Loss> {
    if has(rest, "n", &["--dry-run"]) {
        return Vec::new();
    }
    let below: Vec<Target> = operands(rest, &["-e", "--exclude"]).iter().map(|word| pathspec(state, word)).collect();
    let directories = has(rest, "d", &[]) || !below.is_empty();
    let exact = has(rest, "x", &[]) && !has(rest, "ei", &["--exclude", "--interactive"]);
    vec![Loss::Untracked { below, directory, directories, exact }]
}
