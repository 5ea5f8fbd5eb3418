//! Programs that a deny rule closes as a whole: their files are hidden, so that no Makefile, script or copy made
//! inside runs them.

use std::collections::{BTreeSet, HashMap};
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
        let given = self.place.programs.iter().cloned();
        let directories: BTreeSet<AbsPath> = given
            .chain(DIRECTORIES.map(|directory| AbsPath::root().join(directory)))
            .filter_map(|directory| Some(existing(&directory).ok()??.0))
            .collect();
        let mut seen = BTreeSet::new();
        let mut names = None;
        for (name, rule) in policy.denied_programs().filter(|(name, _)| !SHELLS.contains(name)) {
            let named: Vec<AbsPath> = match name.starts_with('/') {
                true => vec![AbsPath::root().join(name)],
                false if name.contains('/') => continue,
                false => directories.iter().map(|directory| directory.join(name)).collect(),
            };
            for path in named {
                let Ok(Some((real, Entry::File))) = existing(&path) else { continue };
                if real.name() != path.name() || !seen.insert((real.clone(), rule.text.clone())) {
                    continue;
                }
                self.hide(&real, &rule.text, &rule.origin)?;
                let Some(file) = file_of_many_names(&real) else { continue };
                let names = names.get_or_insert_with(|| files_of_many_names(&directories));
                for other in names.get(&file).into_iter().flatten().filter(|other| **other != real) {
                    self.hide(other, &rule.text, &rule.origin)?;
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

/// A file, whatever its names: its device and its number there.
type File = (u64, u64);

/// Returns which file this is, if it has other names too.
fn file_of_many_names(path: &AbsPath) -> Option<File> {
    let found = std::fs::symlink_metadata(path.as_str()).ok()?;
    (found.nlink() > 1).then(|| (found.dev(), found.ino()))
}

/// Returns the names in these directories of the files that have several names.
fn files_of_many_names(directories: &BTreeSet<AbsPath>) -> HashMap<File, Vec<AbsPath>> {
    let mut names: HashMap<File, Vec<AbsPath>> = HashMap::new();
    let entries = directories.iter().filter_map(|directory| std::fs::read_dir(directory.as_str()).ok()).flatten();
    for path in entries.flatten().filter_map(|entry| AbsPath::parse(entry.path().to_str()?)) {
        if let Some(file) = file_of_many_names(&path) {
            names.entry(file).or_default().push(path);
        }
    }
    names
}
