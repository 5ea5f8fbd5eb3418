//! The throw-away tree: a home, a project, and the files that a command names, so that it has something to
//! work on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::cell::Cell;
use super::observed::joined;
use super::{HOME, PROJECT};
use crate::place;

/// Names of a command that are made as files.
const NAMES_MAX: usize = 40;
/// Top directories that belong to the system: nothing is made in them.
const SYSTEM: &[&str] = &["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "proc", "dev", "sys", "boot"];
/// Top directories that are there for every command.
const TOPS: &[&str] = &["home", "tmp", "var", "root", "opt", "srv", "mnt", "run"];

/// Files of the tree with their content.
const FILES: &[(&str, &str)] = &[
    ("home/u/.bashrc", "alias ll='ls -l'\n"),
    ("home/u/.profile", "export EDITOR=vi\n"),
    ("home/u/.gitconfig", "[user]\n\tname = U\n\temail = u@example.com\n"),
    ("home/u/.ssh/id_rsa", "not a key\n"),
    ("home/u/notes.txt", "one\ntwo\nthree\n"),
    ("home/u/proj/README.md", "# Project\n\nTODO: words\n"),
    ("home/u/proj/Makefile", "all:\n\techo made > made.txt\n"),
    ("home/u/proj/a.txt", "alpha 1\nbeta 2\ngamma 3\n"),
    ("home/u/proj/b.txt", "beta 2\ndelta 4\n"),
    ("home/u/proj/data.csv", "name,value\nalpha,1\nbeta,2\n"),
    ("home/u/proj/data.json", "{\"name\": \"alpha\", \"value\": 1}\n"),
    ("home/u/proj/main.c", "#include <stdio.h>\nint main(void) { puts(\"TODO\"); return 0; }\n"),
    ("home/u/proj/script.sh", "#!/bin/sh\necho from the script\n"),
    ("home/u/proj/src/lib.py", "def value():\n    return 1  # TODO\n"),
    ("home/u/proj/src/deep/x.txt", "deep\n"),
    ("home/u/proj/log/app.log", "ERROR one\nINFO two\n"),
    ("home/u/proj/name with space.txt", "space\n"),
    ("home/outside/secret.txt", "secret\n"),
    ("var/log/syslog", "Jan 1 00:00:00 host kernel: line\n"),
    ("root/.profile", "\n"),
];

/// The tree that every command starts with.
#[derive(Debug)]
pub(super) struct Model {
    directory: PathBuf,
}

impl Model {
    /// Makes it once; with the corpora's own tree, if that is there.
    pub(super) fn new(scratch: &Path, fixture: Option<&Path>) -> anyhow::Result<Self> {
        let directory = scratch.join("model");
        for top in TOPS {
            std::fs::create_dir_all(directory.join(top))?;
        }
        for directories in ["var/tmp", "var/log", "var/lib", "var/www", "var/spool"] {
            std::fs::create_dir_all(directory.join(directories))?;
        }
        if let Some(archive) = fixture.filter(|archive| archive.is_file()) {
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--gzip", "--no-same-owner", "--file"]).arg(archive);
            place::output(tar.arg("-C").arg(directory.join("home")))?;
        }
        for (name, content) in FILES {
            let path = directory.join(name);
            std::fs::create_dir_all(path.parent().context("a file stands in a directory")?)?;
            if !path.exists() {
                std::fs::write(&path, content)?;
            }
        }
        let project = directory.join("home/u/proj");
        let archive = project.join("archive.tar.gz");
        place::output(
            Command::new("tar")
                .args(["--create", "--gzip", "--file"])
                .arg(archive)
                .arg("-C")
                .arg(&project)
                .arg("a.txt"),
        )?;
        for (name, leads) in [("link.txt", "a.txt"), ("outlink", "/home/outside")] {
            if !project.join(name).is_symlink() {
                std::os::unix::fs::symlink(leads, project.join(name))?;
            }
        }
        if !project.join(".git").exists() {
            repository(&project)?;
        }
        Ok(Self { directory })
    }

    /// Makes a fresh tree for a command, with the names in it; returns it and its links.
    pub(super) fn tree(&self, cell: &Cell, text: &str) -> anyhow::Result<(PathBuf, Links)> {
        let tree = cell.directory().join("tree");
        if tree.exists() {
            removed(&tree)?;
        }
        let mut links = Links::default();
        copy(&self.directory, &tree, "", &mut links)?;
        for name in names(text) {
            // A name that cannot be made is left to the command.
            let _ = make(&tree, &name);
        }
        cell.own_all(&tree)?;
        Ok((tree, links))
    }
}

fn repository(project: &Path) -> anyhow::Result<()> {
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=U", "-c", "user.email=u@example.com"]).args(words).current_dir(project);
        place::output(&mut command)
    };
    git(&["init", "--quiet", "--initial-branch", "main"])?;
    git(&["add", "a.txt", "src"])?;
    git(&["commit", "--quiet", "--message", "first"])?;
    Ok(())
}

/// Removes a tree whatever a command did to its permissions.
pub(super) fn removed(tree: &Path) -> anyhow::Result<()> {
    if std::fs::remove_dir_all(tree).is_err() {
        place::output(Command::new("chmod").args(["-R", "u+rwx"]).arg(tree))?;
        std::fs::remove_dir_all(tree).with_context(|| format!("{} cannot be removed", tree.display()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, shown: &str, links: &mut Links) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let shown = format!("{shown}/{}", name.to_string_lossy());
        let (source, target) = (entry.path(), to.join(&name));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            let leads = std::fs::read_link(&source)?;
            links.0.insert(shown, leads.to_string_lossy().into_owned());
            std::os::unix::fs::symlink(&leads, &target)?;
        } else if kind.is_dir() {
            copy(&source, &target, &shown, links)?;
        } else {
            std::fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Symbolic links of a tree, by their path in the cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Links(BTreeMap<String, String>);

impl Links {
    /// Returns the names of a path: as it is, with every link above it followed, and with all followed.
    pub(super) fn names(&self, path: &str) -> BTreeSet<String> {
        let path = joined("/", path);
        let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let above = self.followed(above);
        BTreeSet::from([joined(&above, name), self.followed(&path), path])
    }

    /// Returns every link, and where it leads in the end.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.keys().map(|link| (link.as_str(), self.followed(link)))
    }

    fn followed(&self, path: &str) -> String {
        let mut done = String::new();
        let mut steps = 0;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            done = joined(&done, segment);
            while let Some(leads) = self.0.get(&done).filter(|_| steps < 16) {
                let above = done.rsplit_once('/').map_or("", |(above, _)| above);
                done = joined(above, leads);
                steps += 1;
            }
        }
        if done.is_empty() { "/".to_owned() } else { done }
    }
}

/// A name in a command, and whether it is a directory's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// Relative to the tree's root.
    path: String,
    is_directory: bool,
}

/// Returns the names in a command that look like files.
fn names(text: &str) -> BTreeSet<Name> {
    const BREAKS: &[char] = &[' ', '\t', '\n', ';', '|', '&', '<', '>', '(', ')', '\'', '"', '`', '=', ',', '{', '}'];
    const WALKS: &[&str] = &["find", "cd", "ls", "du", "rmdir", "-d", "pushd", "tree"];
    let mut found = BTreeSet::new();
    let mut before = "";
    for word in text.split(BREAKS).filter(|word| !word.is_empty()) {
        let last = std::mem::replace(&mut before, word);
        let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/~+@-".contains(&byte));
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'+');
        if !plain || is_number || word.starts_with('-') || word.len() > 120 || word.contains("//") || last.is_empty() {
            continue;
        }
        let full = match word.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{HOME}{rest}"),
            Some(_) => continue,
            None => joined(PROJECT, word),
        };
        let top = full.split('/').nth(1).unwrap_or_default();
        if top.is_empty() || SYSTEM.contains(&top) || !(word.starts_with(['/', '~']) || full.starts_with(PROJECT)) {
            continue;
        }
        let name = full.rsplit('/').next().unwrap_or_default();
        let is_directory = word.ends_with('/')
            || WALKS.contains(&last)
            || full.matches('/').count() == 1
            || (!name.contains('.') && ["dir", "folder", "path"].iter().any(|part| name.contains(part)));
        if found.len() < NAMES_MAX {
            found.insert(Name { path: full.trim_start_matches('/').to_owned(), is_directory });
        }
    }
    found
}

fn make(tree: &Path, name: &Name) -> anyhow::Result<()> {
    let path = tree.join(&name.path);
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    if name.is_directory {
        std::fs::create_dir_all(&path)?;
        std::fs::write(path.join("inside.txt"), "alpha 1\nbeta 2\n")?;
        return Ok(());
    }
    std::fs::create_dir_all(path.parent().context("a file stands in a directory")?)?;
    std::fs::write(&path, "alpha 1\nbeta 2\nalpha 1\nTODO words here\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Links, names};

    #[test]
    fn operands_become_files() {
        let found = names("sort -k 2 in.txt > out/sorted | tee /data/x ~/y; cat /etc/passwd 'no $name'");
        let paths: Vec<&str> = found.iter().map(|name| name.path.as_str()).collect();
        assert!(paths.contains(&"home/u/proj/in.txt") && paths.contains(&"data/x"), "{paths:?}");
        assert!(paths.contains(&"home/u/y") && paths.contains(&"home/u/proj/out/sorted"), "{paths:?}");
        assert!(!paths.iter().any(|path| path.starts_with("etc")), "{paths:?}");
    }

    #[test]
    fn links_are_followed() {
        let links = Links([("/home/u/proj/out".to_owned(), "/home/outside".to_owned())].into());
        assert!(links.names("/home/u/proj/out/x").contains("/home/outside/x"));
    }
}
