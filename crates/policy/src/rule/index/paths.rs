//! Path patterns, found by a path that they may cover and by a directory that they may reach into.

use super::Id;
use super::grams::{Counts, Gram, Grams, grams};
use super::table::{Filling, Table};
use crate::path::{AbsPath, Hold, PathPattern, Root, fold, in_plain_letters, without_ignorable};
use crate::rule::{FileAccess, Rule};

/// Whose rules may be meant: what the client denies its own tools leave out of what they find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Those of every file.
    All,
    /// Those of files that only Palisade reads.
    Palisade,
}

/// Path patterns that are being collected.
#[derive(Debug, Default)]
pub(super) struct Collecting {
    keys: Vec<(Vec<Hold>, Id)>,
    read: [Reach; 2],
    edit: [Reach; 2],
    reads: Vec<Id>,
    edits: Vec<Id>,
}

impl Collecting {
    pub(super) fn add(&mut self, pattern: &PathPattern, access: FileAccess, rule: &Rule, id: Id) {
        self.keys.push((pattern.holds(), id));
        let (all, [client, palisade]) = match access {
            FileAccess::Read => (&mut self.reads, &mut self.read),
            FileAccess::Edit => (&mut self.edits, &mut self.edit),
        };
        all.push(id);
        if rule.is_known_to_client() { client.add(pattern, id) } else { palisade.add(pattern, id) }
    }

    /// Sorts them: each stands under what it needs that the fewest others need too.
    pub(super) fn paths(self) -> Paths {
        let Self { keys, read, edit, reads, edits } = self;
        let [read, edit] = [read, edit].map(|reaches| reaches.map(Reach::directories));
        let mut counts = Counts::new();
        for hold in keys.iter().flat_map(|(holds, _)| holds) {
            match hold {
                Hold::Name(text) | Hold::Extension(text) => counts.add(text.as_bytes()),
                Hold::Within(text) => grams(text).for_each(|gram| counts.add(&gram)),
            }
        }
        let mut paths = Paths { read, edit, reads, edits, ..Paths::default() };
        let (mut names, mut extensions) = (Filling::default(), Filling::default());
        let mut within: Vec<(Gram, Id)> = Vec::new();
        for (holds, rule) in &keys {
            let rarest = |text: &str| grams(text).min_by_key(|gram| counts.of(gram));
            let count = |hold: &Hold| match hold {
                Hold::Name(text) | Hold::Extension(text) => counts.of(text.as_bytes()),
                Hold::Within(text) => rarest(text).map_or(u32::MAX, |gram| counts.of(&gram)),
            };
            match holds.iter().min_by_key(|hold| count(hold)) {
                Some(Hold::Name(name)) => names.add([name.as_str()], *rule),
                Some(Hold::Extension(extension)) => extensions.add([extension.as_str()], *rule),
                Some(Hold::Within(text)) => match rarest(text) {
                    Some(gram) => within.push((gram, *rule)),
                    None => paths.any.push(*rule),
                },
                None => paths.any.push(*rule),
            }
        }
        paths.names = names.table();
        paths.extensions = extensions.table();
        paths.within = Grams::new(within);
        paths
    }
}

/// Where patterns hang, being collected.
#[derive(Debug, Default)]
struct Reach {
    fixed: Filling,
    current: Filling,
    climbing: Vec<Id>,
}

impl Reach {
    fn add(&mut self, pattern: &PathPattern, rule: Id) {
        let (root, prefix) = pattern.root();
        // In letters of any case: what lies below is in doubt where only the case differs.
        let below: String = prefix.iter().flat_map(|segment| [segment.as_str(), "/"]).collect();
        match root {
            Root::Fixed(base) => {
                let whole = folded(&format!("{}{below}", slashed(base).concat()));
                self.fixed.add(std::iter::once(whole.as_str()), rule);
            }
            Root::Current => self.current.add(std::iter::once(folded(&below).as_str()), rule),
            Root::Above => self.climbing.push(rule),
        }
    }

    fn directories(self) -> Directories {
        let Self { fixed, current, climbing } = self;
        Directories { fixed: fixed.table(), current: current.table(), climbing }
    }
}

/// Returns a directory's text with a slash at its end, in pieces.
fn slashed(directory: &AbsPath) -> [&str; 2] {
    [directory.as_str(), if directory.as_str() == "/" { "" } else { "/" }]
}

fn folded(text: &str) -> String {
    text.chars().map(fold).collect()
}

/// The directories below which patterns cover something, each with a slash at its end.
#[derive(Debug, Clone, Default)]
struct Directories {
    fixed: Table,
    /// Below the project and the directory of the call.
    current: Table,
    /// Above these.
    climbing: Vec<Id>,
}

impl Directories {
    /// Finds every rule that could cover something below a directory, or the directory.
    fn find(&self, directory: &AbsPath, bases: [&AbsPath; 2], found: &mut Vec<Id>) {
        let whole = folded(&slashed(directory).concat());
        self.fixed.beginnings(&whole, found);
        self.fixed.continuations(&whole, found);
        for base in bases {
            if let Some(rest) = directory.below(base) {
                let rest = if rest.is_empty() { String::new() } else { format!("{}/", folded(rest)) };
                self.current.beginnings(&rest, found);
                self.current.continuations(&rest, found);
            } else if base.is_within(directory) {
                self.current.continuations("", found);
            }
        }
        found.extend_from_slice(&self.climbing);
    }
}

/// Path patterns, sorted by what a path must have for them to cover it, in letters of any case.
#[derive(Debug, Clone, Default)]
pub(super) struct Paths {
    /// One of its segments is this.
    names: Table,
    /// One of its segments ends with a dot and this.
    extensions: Table,
    /// One of its segments holds this.
    within: Grams,
    /// Nothing that could be looked up.
    any: Vec<Id>,
    /// Where they reach: of files that the client reads too, and of those that only Palisade reads.
    read: [Directories; 2],
    edit: [Directories; 2],
    /// Every `Read` rule.
    pub(super) reads: Vec<Id>,
    /// Every `Edit` rule.
    pub(super) edits: Vec<Id>,
}

impl Paths {
    /// Finds every rule whose pattern could cover one of the paths, in letters of any case.
    pub(super) fn find<'a>(&self, paths: impl Iterator<Item = &'a AbsPath>, found: &mut Vec<Id>) {
        if self.reads.is_empty() && self.edits.is_empty() {
            return;
        }
        let mut segments: Vec<&str> = paths.flat_map(AbsPath::segments).collect();
        segments.sort_unstable();
        segments.dedup();
        let mut folded = String::new();
        for segment in segments {
            folded.clear();
            folded.extend(segment.chars().map(fold));
            self.segment(&folded, found);
            if !segment.is_ascii() {
                // Lower case as a whole and letter by letter can differ.
                self.segment(&segment.to_lowercase(), found);
            }
            for plain in [without_ignorable(&folded), in_plain_letters(&folded)] {
                let trimmed = plain.trim_end_matches([' ', '.']);
                for other in [&plain, trimmed] {
                    if other != folded {
                        self.segment(other, found);
                    }
                }
            }
        }
        found.extend_from_slice(&self.any);
    }

    fn segment(&self, segment: &str, found: &mut Vec<Id>) {
        self.names.exact(segment, found);
        if let Some((_, extension)) = segment.rsplit_once('.') {
            self.extensions.exact(extension, found);
        }
        self.within.find(segment, found);
    }

    /// Finds every rule of a kind that could cover a directory or something below it.
    pub(super) fn find_below(
        &self,
        (access, readers): (FileAccess, Readers),
        directory: &AbsPath,
        bases: [&AbsPath; 2],
        found: &mut Vec<Id>,
    ) {
        let [client, palisade] = match access {
            FileAccess::Read => &self.read,
            FileAccess::Edit => &self.edit,
        };
        palisade.find(directory, bases, found);
        match readers {
            Readers::All => client.find(directory, bases, found),
            Readers::Palisade => {}
        }
    }
}
