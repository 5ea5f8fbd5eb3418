//! What is known about the world when a call is decided. Gathered by `guard`, read here.

use std::collections::BTreeMap;

use crate::path::AbsPath;

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The home directory.
    pub home: AbsPath,
    /// The directory the session started in: the project.
    pub project: AbsPath,
    /// The project and every additional directory, resolved.
    pub working_directories: Vec<AbsPath>,
    /// For each path that the action names: what it resolves to. A path that is missing here could
    /// not be looked at, and counts as unknown.
    pub resolved: BTreeMap<AbsPath, Resolved>,
    /// For each directory that the action means as a whole: what lies below it that a path rule which
    /// tightens covers.
    pub found_below: BTreeMap<AbsPath, Below>,
    /// For each shell pattern of the action, as written: what it matches now that is a link, lies behind one, or is
    /// run later; for `DIRECTORY/**`, the links below a directory in which links are followed, and below those.
    /// A pattern that is missing here was not expanded, a directory not looked at to its end.
    pub links_matched: BTreeMap<String, Vec<AbsPath>>,
    /// What the parts that remove something would remove now.
    pub removals: Vec<Removal>,
    /// Whether a person can answer a question.
    pub person: Person,
    /// The mode that the session is in, if it says so; otherwise the settings decide.
    pub mode: Option<crate::mode::Mode>,
    /// What the boundary needs, when the command is to run inside one.
    pub boundary: Option<BoundaryFacts>,
}

/// What lies below a directory that a path rule which tightens covers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Below {
    /// What was found.
    pub files: Vec<AbsPath>,
    /// True when everything below was looked at: there is nothing else.
    pub complete: bool,
}

/// What a path resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The path with every symbolic link followed; for a path that does not exist yet, the real
    /// directory it would be made in with the rest of the path appended.
    pub real: AbsPath,
    /// What stands there.
    pub entry: Entry,
    /// Further names through which the path passes: each symbolic link's own target on the way.
    pub hops: Vec<AbsPath>,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Missing,
    /// A regular file, or anything else that is no directory.
    File,
    /// A directory.
    Directory,
}

/// Whether a person can answer a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// The speaker has a way to ask (the agent's own prompt, a terminal).
    Present,
    /// Nobody can be asked: a question becomes a refusal.
    Absent,
}

/// What the boundary needs to know of the file system. Every path is resolved and exists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BoundaryFacts {
    /// Directories that may be written.
    pub writable: Vec<AbsPath>,
    /// Paths that must not be readable, with the rule or table row that says so.
    pub unreadable: Vec<Held>,
    /// Paths below a writable directory that must not be written, with the rule or row that says so.
    pub unwritable: Vec<Held>,
    /// Why the file system could not be looked at far enough; the boundary is refused.
    pub incomplete: Option<String>,
}

/// A path that the boundary holds, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The path.
    pub path: AbsPath,
    /// What stands there.
    pub entry: Entry,
    /// The rule's text or the table row's reason.
    pub why: String,
    /// Where that is written.
    pub origin: crate::layer::Origin,
}

/// What a part of a call would remove now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removal {
    /// The part, counted from 0.
    pub part: usize,
    /// Files, and anything else that is no directory.
    pub files: usize,
    /// Directories.
    pub directories: usize,
    /// Bytes of the files.
    pub bytes: u64,
    /// Files that git tracks; `None` where that is not known.
    pub tracked: Option<usize>,
    /// True when there is more than was counted.
    pub more: bool,
    /// True when a word of it is only known when it runs.
    pub unknown: bool,
    /// Tracked files that differ from what git holds.
    pub changed: usize,
}

impl Removal {
    /// Returns the sentence for a person.
    pub fn words(&self) -> String {
        if self.files + self.directories == 0 {
            return if self.unknown {
                "what it would remove is not known before it runs".to_owned()
            } else if self.more {
                "what it would remove could not be counted".to_owned()
            } else {
                "nothing that it would remove is there now".to_owned()
            };
        }
        let plural = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let least = if self.more || self.unknown { "at least " } else { "" };
        let mut words = format!("it would remove {least}{}", plural(self.files, "file", "files"));
        if self.directories > 0 {
            words.push_str(&format!(" and {}", plural(self.directories, "directory", "directories")));
        }
        words.push_str(&format!(", {}", size(self.bytes)));
        match self.tracked {
            Some(tracked) if self.files > 0 => {
                let lost = self.files.saturating_sub(tracked);
                words.push_str(&format!("; git tracks {tracked} of the files, and {lost} it could not bring back"));
                if self.changed > 0 {
                    words.push_str(&format!("; {} of those that it tracks changed since", self.changed));
                }
            }
            Some(_) => {}
            None => words.push_str("; whether git tracks any of it is not known"),
        }
        words
    }
}

/// Returns a number of bytes in the unit that fits.
fn size(bytes: u64) -> String {
    const UNITS: &[&str] = &["kB", "MB", "GB", "TB"];
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
