//! How much a call would destroy now, and the words for it.

/// What a part of a call would destroy now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removal {
    /// The part, counted from 0.
    pub part: usize,
    /// In which way.
    pub kind: RemovalKind,
    /// Files, and anything else that is no directory.
    pub files: usize,
    /// Directories.
    pub directories: usize,
    /// Bytes of the files.
    pub bytes: u64,
    /// Files that git tracks; `None` where that is not known.
    pub tracked: Option<usize>,
    /// Files that git tracks and that changed since it last looked at them.
    pub changed: usize,
    /// True when there is more than was counted.
    pub more: bool,
    /// True when some of what was counted may stay.
    pub most: bool,
    /// True when what it means is only known when it runs.
    pub unknown: bool,
    /// True when a repository of git is among it.
    pub repository: bool,
    /// Entries of a stash, or branches.
    pub entries: usize,
    /// Of how many entries.
    pub of: usize,
}

/// In which way something is destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RemovalKind {
    /// Files and directories are removed.
    #[default]
    Removed,
    /// Files are written over.
    Overwritten,
    /// What git does not track is removed.
    Untracked,
    /// What changed in files that git tracks is discarded.
    Uncommitted,
    /// Entries of git's stash are dropped.
    Stashes,
    /// Branches are deleted, whatever they hold.
    Branches,
}

impl RemovalKind {
    /// Returns the kind's name in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Overwritten => "overwritten",
            Self::Untracked => "untracked",
            Self::Uncommitted => "uncommitted",
            Self::Stashes => "stashes",
            Self::Branches => "branches",
        }
    }
}

impl Removal {
    /// Returns the sentence for a person.
    pub fn words(&self) -> String {
        match self.kind {
            RemovalKind::Removed => self.of_files("remove", "nothing that it would remove is there now", ""),
            RemovalKind::Overwritten => {
                self.of_files("write over", "nothing with content is there to be written over", "")
            }
            RemovalKind::Untracked => {
                let none = "nothing that git does not track is there now";
                let stays = if self.most && self.files + self.directories > 0 {
                    "; what git ignores or the line excepts stays"
                } else {
                    ""
                };
                format!("{}{stays}", self.of_files("remove", none, " that git does not track"))
            }
            RemovalKind::Uncommitted => self.uncommitted(),
            RemovalKind::Stashes => self.stashes(),
            RemovalKind::Branches => self.branches(),
        }
    }

    fn of_files(&self, verb: &str, none: &str, which: &str) -> String {
        if self.files + self.directories == 0 {
            return if self.unknown {
                format!("what it would {verb} is not known before it runs")
            } else if self.more {
                format!("what it would {verb} could not be counted")
            } else {
                none.to_owned()
            };
        }
        let bound = match (self.most, self.more || self.unknown) {
            (_, true) => "at least ",
            (true, false) => "at most ",
            (false, false) => "",
        };
        let files = plural(self.files, "file", "files");
        let directories = plural(self.directories, "directory", "directories");
        let things = match (self.files, self.directories) {
            (_, 0) => files,
            (0, _) => directories,
            (_, _) => format!("{files} and {directories}"),
        };
        let mut words = format!("it would {verb} {bound}{things}{which}, {}", size(self.bytes));
        if self.repository {
            words.push_str("; a git repository is among it, with every commit that only it holds");
        } else if self.kind != RemovalKind::Untracked {
            words.push_str(&self.kept());
        }
        words
    }

    /// Says what git could bring back.
    fn kept(&self) -> String {
        let changed = match self.changed {
            0 => String::new(),
            _ if self.files == 1 => ", but it changed since git last looked".to_owned(),
            changed => format!(", of which {changed} changed since it last looked"),
        };
        let others = self.files.saturating_sub(self.tracked.unwrap_or_default());
        match self.tracked {
            None => "; whether git tracks any of it is not known".to_owned(),
            Some(_) if self.files == 0 => String::new(),
            Some(0) if self.files == 1 => "; git does not track the file and could not bring it back".to_owned(),
            Some(0) => "; git tracks none of the files and could not bring them back".to_owned(),
            Some(_) if self.files == 1 => format!("; git tracks the file{changed}"),
            Some(_) if others == 0 => format!("; git tracks all of the files{changed}"),
            Some(some) => format!("; git could not bring back {others} of the files, and tracks {some}{changed}"),
        }
    }

    fn uncommitted(&self) -> String {
        if self.tracked.is_none() || (self.unknown && self.changed == 0) {
            return "which changes it would discard is not known".to_owned();
        }
        let staged = if self.more { "; what is staged is not counted" } else { "" };
        if self.changed == 0 {
            return format!("no file that git tracks there changed since git last looked{staged}");
        }
        let least = if self.more || self.unknown { "at least " } else { "" };
        let files = plural(self.changed, "tracked file", "tracked files");
        format!("it would discard what changed in {least}{files}, {}{staged}", size(self.bytes))
    }

    fn stashes(&self) -> String {
        match (self.entries, self.of) {
            _ if self.unknown => "what the stash holds is not known".to_owned(),
            (_, 0) => "the stash is empty".to_owned(),
            (entries, of) if entries == of => {
                format!("it would drop {}, which is all of the stash", plural(of, "entry", "entries"))
            }
            (entries, of) => format!("it would drop {entries} of {of} entries of the stash"),
        }
    }

    fn branches(&self) -> String {
        let alone = "whether another branch holds their commits is not known";
        match self.entries {
            _ if self.unknown => "which branches it would delete is not known".to_owned(),
            0 => "the branch that it would delete is not there".to_owned(),
            entries => format!("it would delete {} whatever they hold; {alone}", plural(entries, "branch", "branches"))
                .replace("1 branch whatever they hold", "1 branch whatever it holds")
                .replace("their", if entries == 1 { "its" } else { "their" }),
        }
    }
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Returns a number of bytes in the unit that fits.
fn size(bytes: u64) -> String {
    const UNITS: &[&str] = &["kB", "MB", "GB", "TB"];
    if bytes == 1 {
        return "1 byte".to_owned();
    }
    let mut rest = bytes;
    let mut unit = "bytes";
    for next in UNITS {
        if rest < 10_000 {
            break;
        }
        rest /= 1_000;
        unit = next;
    }
    format!("{rest} {unit}")
}
