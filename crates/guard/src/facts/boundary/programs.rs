//! Programs that a deny rule closes as a whole: their files are hidden, so that no Makefile, script or copy made
//! inside runs them.

#![expect(clippy::disallowed_methods, reason = "this is `guard::facts`")]

use std::os::unix::fs::MetadataExt;

use policy::AbsPath;
use policy::facts::Entry;

use super::{Survey, existing};

/// Where programs are looked for besides the directories that the environment names.
const DIRECTORIES: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Why a directory of programs is held.
const PROGRAMS_WHY: &str = "a directory of `PATH`: what is put there runs in the place of a program of that name";

/// Programs that run what they are given, without which nothing starts: the rules about these are held against the
/// arguments of each program that starts.
const SHELLS: [&str; 3] = ["bash", "sh", "dash"];

impl Survey<'_> {
    /// Hides the files of the programs that a rule denies with whatever arguments, under every name that they have in
    /// the directories of programs.
    ///
    /// A name that is a link to a file of another name is one of many that this file answers to: the file stays.
    pub(super) fn programs(&mut self) -> Result<(), String> {
        let policy = self.policy;
        let mut directories: Vec<AbsPath> = self.place.programs.clone();
        directories.extend(DIRECTORIES.map(|directory| AbsPath::root().join(directory)));
        for (name, rule) in policy.denied_programs().filter(|(name, _)| !SHELLS.contains(name)) {
            let named: Vec<AbsPath> = match name.starts_with('/') {
                true => vec![AbsPath::root().join(name)],
                false if name.contains('/') => continue,
                false => directories.iter().map(|directory| directory.join(name)).collect(),
            };
            for path in named {
                let Ok(Some((real, Entry::File))) = existing(&path) else { continue };
                if real.name() != path.name() {
                    continue;
                }
                for file in other_names(&real, &directories) {
                    self.hide(&file, &rule.text, &rule.origin)?;
                }
            }
        }
        Ok(())
    }
}

impl Survey<'_> {
    /// Holds the directories in which the environment looks for programs, where they could be written: what is put there
    /// runs in the place of a program of the same name. One that trusted settings make writable by name is left.
    pub(super) fn directories_of_programs(&mut self) -> Result<(), String> {
        let origin = super::built_in("PATH");
        let opened: Vec<AbsPath> = self.policy.sandbox().allow_write.iter().map(|entry| entry.value.clone()).collect();
        let opened: Vec<AbsPath> = opened.iter().filter_map(|path| Some(existing(path).ok()??.0)).collect();
        for directory in &self.place.programs {
            let Ok(Some((real, Entry::Directory))) = existing(directory) else { continue };
            let holds_writable = self.found.writable.iter().any(|writable| writable.is_within(&real));
            let is_opened = opened.iter().any(|path| real.is_within(path));
            if !holds_writable && !is_opened {
                self.hold(real, Entry::Directory, PROGRAMS_WHY, &origin)?;
            }
        }
        Ok(())
    }
}

/// Returns a file and the other names that it has in these directories.
fn other_names(file: &AbsPath, directories: &[AbsPath]) -> Vec<AbsPath> {
    let mut names = vec![file.clone()];
    let Ok(own) = std::fs::metadata(file.as_str()) else { return names };
    if own.nlink() < 2 {
        return names;
    }
    let entries = directories.iter().filter_map(|directory| std::fs::read_dir(directory.as_str()).ok()).flatten();
    for entry in entries.flatten() {
        let is_same = entry.metadata().is_ok_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino()));
        let path = entry.path();
        if is_same && let Some(path) = path.to_str().and_then(AbsPath::parse) {
            names.push(path);
        }
    }
    names
}
