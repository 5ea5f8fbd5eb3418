//! What of the host could be left behind: files, processes, mounts, namespaces, control groups.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::{TEMPORARY, WORK};

/// How long it waits before it looks again.
const PAUSE: Duration = Duration::from_millis(2);
/// Bytes of a file that are compared.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Where control groups are.
const GROUPS: &str = "/sys/fs/cgroup";
/// How often groups are looked at before they count as left.
const GROUP_LOOKS: usize = 50;
/// What the names of control groups of ours begin with, before the number of the process namespace: other people may have
/// some meanwhile.
const OURS: &str = "palisade-";

/// What is there, as lines that can be compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host {
    files: BTreeSet<String>,
    processes: BTreeSet<String>,
    mounts: BTreeSet<String>,
    namespaces: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl Host {
    /// Looks at the host, and at the files below a project.
    pub(super) fn look(project: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeSet::new();
        for place in TEMPORARY.into_iter().map(Path::new).chain([project]) {
            tree(place, &mut files)?;
        }
        let mut host = Self {
            files,
            processes: BTreeSet::new(),
            mounts: BTreeSet::new(),
            namespaces: BTreeSet::new(),
            groups: BTreeSet::new(),
        };
        for process in processes()?.into_values() {
            host.look_at(&process);
        }
        groups(Path::new(GROUPS), &ours()?, &mut host.groups);
        Ok(host)
    }

    fn look_at(&mut self, process: &Process) {
        let directory = PathBuf::from(format!("/proc/{}", process.pid));
        let namespaces = fs::read_dir(directory.join("ns")).into_iter().flatten().flatten();
        for link in namespaces.filter_map(|entry| fs::read_link(entry.path()).ok()) {
            self.namespaces.insert(format!("namespace {}", link.display()));
        }
        let mounts = fs::read_to_string(directory.join("mountinfo")).unwrap_or_default();
        self.mounts.extend(mounts.lines().map(|line| format!("mount {line}")));
        self.processes.insert(format!("process {} ({}) since {}", process.pid, process.name, process.start));
    }

    /// Waits until everything is as it is here, and returns what is not.
    pub(super) fn wait_for(&self, project: &Path, limit: Duration) -> anyhow::Result<Vec<String>> {
        let begin = Instant::now();
        loop {
            let left = self.difference(&Self::look(project)?);
            if left.is_empty() || begin.elapsed() > limit {
                return Ok(left);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns true when there are control groups of ours that were not there, and do not go in a moment.
    pub(super) fn has_more_groups(&self) -> anyhow::Result<bool> {
        let ours = ours()?;
        let has_more = || {
            let mut now = BTreeSet::new();
            groups(Path::new(GROUPS), &ours, &mut now);
            now.difference(&self.groups).next().is_some()
        };
        Ok((0..GROUP_LOOKS).all(|_| {
            let has_more = has_more();
            if has_more {
                std::thread::sleep(PAUSE);
            }
            has_more
        }))
    }

    fn difference(&self, now: &Self) -> Vec<String> {
        let Self { files, processes, mounts, namespaces, groups } = self;
        let pairs =
            [(files, &now.files), (processes, &now.processes), (mounts, &now.mounts), (namespaces, &now.namespaces)];
        let mut found: Vec<String> = Vec::new();
        for (before, now) in pairs {
            found.extend(now.difference(before).map(|line| format!("new: {line}")));
            found.extend(before.difference(now).map(|line| format!("gone: {line}")));
        }
        // Another program's groups may go meanwhile.
        found.extend(now.groups.difference(groups).map(|line| format!("new: control group {line}")));
        found
    }
}

/// Describes every file below a directory.
fn tree(directory: &Path, files: &mut BTreeSet<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("{} cannot be listed", directory.display()))? {
        let path = entry?.path();
        let about = fs::symlink_metadata(&path)?;
        let content = match about.len() {
            0..=FILE_BYTES_MAX if about.is_file() => fs::read(&path)?,
            _ => Vec::new(),
        };
        let content = String::from_utf8_lossy(&content);
        let links = if about.is_dir() { 1 } else { about.nlink() };
        let (mode, owner) = (about.mode(), about.uid());
        files.insert(format!("file {} {mode:o} of {owner}, {links} names, {content:?}", path.display()));
        if about.is_dir() && !path.ends_with(WORK) {
            tree(&path, files)?;
        }
    }
    Ok(())
}

/// Returns what the names of the groups of these runs begin with.
fn ours() -> anyhow::Result<String> {
    Ok(format!("{OURS}{}-", fs::metadata("/proc/self/ns/pid")?.ino()))
}

fn groups(directory: &Path, ours: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if entry.file_name().to_string_lossy().starts_with(ours) {
                found.insert(entry.path().display().to_string());
            }
            groups(&entry.path(), ours, found);
        }
    }
}

/// A process that can be seen.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) name: String,
    /// It ended, and its parent has not looked yet.
    pub(super) has_ended: bool,
    /// In the kernel's ticks.
    start: u64,
}

/// Returns every process that can be seen, by its number.
pub(super) fn processes() -> anyhow::Result<BTreeMap<i32, Process>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended meanwhile.
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        all.extend(Process::parse(pid, &text).map(|process| (pid, process)));
    }
    Ok(all)
}

impl Process {
    fn parse(pid: i32, text: &str) -> Option<Self> {
        // The name stands in brackets and may hold some.
        let (before, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let name = before.split_once('(')?.1.to_owned();
        let (parent, start) = (fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?);
        Some(Self { pid, parent, name, has_ended: *fields.first()? == "Z", start })
    }
}

#[cfg(test)]
mod tests {
    use super::Process;

    #[test]
    fn a_name_may_hold_brackets() {
        let text = "7 (a) b (c) S 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        let found = Process::parse(7, text).map(|found| (found.parent, found.name, found.start));
        assert_eq!(found, Some((3, "a) b (c".to_owned(), 4242)));
    }
}
