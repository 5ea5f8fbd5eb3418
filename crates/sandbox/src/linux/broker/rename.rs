//! Names that are given to other files.

use policy::tables::git::{self, Role};
use rustix::fs::{AtFlags, FileType, RenameFlags};

use super::caller::Caller;
use super::decode::{Errno, Name};
use super::files::{LAST_TODO, lock, nested};
use super::place::{Entry, Found, Place};
use super::rules::Rules;
use super::{Broker, Outcome, refused};
use crate::sys::filter::Call;

type Result<T> = std::result::Result<T, Errno>;

/// Where a data directory of git says what a rebase does next.
const TODO: &str = "rebase-merge/git-rebase-todo";

/// Two names, the first of which is to become the second, or each the other.
struct Moved<'a> {
    source: &'a Found,
    entry: &'a Entry,
    target: &'a Entry,
    /// What has the second name, if it is there.
    there: Option<FileType>,
    flags: RenameFlags,
}

impl Moved<'_> {
    /// Returns what gets the first name.
    fn exchanged(&self) -> Option<FileType> {
        self.there.filter(|_| self.flags.contains(RenameFlags::EXCHANGE))
    }

    /// Returns the names that lose what they had, to another name.
    fn given_away(&self) -> impl Iterator<Item = &Entry> {
        [Some(self.entry), self.exchanged().map(|_| self.target)].into_iter().flatten()
    }
}

impl Broker {
    /// Gives a file another name, or two files each other's.
    pub(super) fn rename(
        &mut self,
        call: &Call,
        caller: &Caller<'_>,
        [from, to]: [&Name; 2],
        flags: u32,
    ) -> Result<Outcome> {
        let flags = RenameFlags::from_bits_retain(flags);
        let Place::Found(source) = self.locate_name(call, caller, from)? else { return Err(libc::ENOENT) };
        source.is_as_named()?;
        let target = self.locate_name(call, caller, to)?;
        for found in std::iter::once(&source).chain(target.found()) {
            if let Some(outcome) = self.keeps_name(found)? {
                return Ok(outcome);
            }
        }
        let (there, target) = name_of(target, source.kind)?;
        let Some(entry) = &source.entry else { return Err(libc::EBUSY) };
        self.stays_in_its_directory(Some(&entry.path), &target.path)?;
        let moved = Moved { source: &source, entry, target: &target, there, flags };
        match self.judge_names(&moved)? {
            Some(outcome) => Ok(outcome),
            None => match self.judge_move(&moved) {
                Some(outcome) => Ok(outcome),
                None => Ok(self.give_name(&moved)),
            },
        }
    }

    /// Judges the two names. What is written in place of a file of git is taken over here.
    fn judge_names(&mut self, moved: &Moved<'_>) -> Result<Option<Outcome>> {
        let Moved { source, entry, target, there, flags } = moved;
        // A `.git` that is a directory says nothing; what comes to its place must be one as well.
        let are_directories =
            source.kind == FileType::Directory && moved.exchanged().is_none_or(|kind| kind == FileType::Directory);
        if let Some(forbidden) = self.forbids(&entry.path)
            && !(are_directories && forbidden.git == Some(Role::Pointer))
        {
            return Ok(Some(refused("rename", &entry.path, forbidden.by)));
        }
        if let Some(forbidden) = self.forbids(&target.path)
            && !(are_directories && forbidden.git == Some(Role::Pointer))
        {
            let may_be_adopted = source.kind == FileType::RegularFile && RenameFlags::NOREPLACE.contains(*flags);
            if let Some(role @ (Role::Configuration | Role::Modules | Role::Todo)) = forbidden.git
                && may_be_adopted
            {
                if there.is_some() && !flags.is_empty() {
                    return Err(libc::EEXIST);
                }
                return self.adopt((source, entry), target, role, *flags).map(Some);
            }
            return Ok(Some(refused("rename to", &target.path, forbidden.by)));
        }
        Ok(None)
    }

    /// Judges what moves.
    fn judge_move(&self, moved: &Moved<'_>) -> Option<Outcome> {
        let Moved { source, entry, target, there, flags: _ } = moved;
        if there.is_none()
            && let Some(outcome) = self.completes_bare(target)
        {
            return Some(outcome);
        }
        if let Some((path, role)) =
            moved.given_away().find_map(|entry| Some((&entry.path, self.rules.locks(&entry.path)?)))
        {
            return Some(refused("rename", path, lock(role)));
        }
        let unreadable = moved.given_away().find_map(|entry| self.unreadable("rename", Some(&entry.path)));
        let back = moved.exchanged().and_then(|kind| self.moves_protected(kind, target, entry));
        unreadable.or_else(|| self.moves_protected(source.kind, entry, target)).or(back)
    }

    /// Gives the name, and looks once more: the broker of another command may have made something there meanwhile.
    fn give_name(&self, moved: &Moved<'_>) -> Outcome {
        let Moved { source, entry, target, there, flags } = moved;
        let (old, new) = (entry.name.as_slice(), target.name.as_slice());
        let done = rustix::fs::renameat_with(&entry.directory, old, &target.directory, new, *flags);
        if done.is_ok() {
            let exchanged = moved.exchanged();
            let holds = |kind, entry| if kind == FileType::Directory { held_in(&self.rules, entry) } else { None };
            let into_bare = || if there.is_none() { self.came_into_bare(target) } else { None };
            let came = self.came_elsewhere("rename to", target).or_else(into_bare);
            let other =
                || exchanged.and_then(|kind| self.came_elsewhere("rename to", entry).or_else(|| holds(kind, entry)));
            if let Some(outcome) = came.or_else(|| holds(source.kind, target)).or_else(other) {
                put_back(target, entry, exchanged.is_some());
                return outcome;
            }
        }
        self.done("rename", &entry.path, done)
    }

    /// Refuses to move a directory, or a link to one, where that would bring something under a protected name or
    /// out from under a rule.
    fn moves_protected(&self, kind: FileType, old: &Entry, new: &Entry) -> Option<Outcome> {
        match kind {
            FileType::Directory => {}
            FileType::Symlink => {
                return self.could_lie_below(&new.path, true).map(|by| refused("rename to", &new.path, by));
            }
            _ => return None,
        }
        // A directory with such a name in it, before and after.
        for path in [&old.path, &new.path] {
            let segments: Vec<&str> = path.segments().collect();
            let is_data = segments.last().is_some_and(|last| git::role(&[last]) == Some(Role::Pointer));
            if git::is_nested(&segments) || is_data && git::NESTS.iter().any(|nest| holds(old, nest)) {
                return Some(refused("rename", path, nested()));
            }
            let strategies = git::STRATEGIES
                .map(|[directory, file]| if is_data { format!("{directory}/{file}") } else { file.to_owned() });
            let todo = if is_data { TODO } else { LAST_TODO };
            let is_next = |name: &str| {
                let whole: Vec<&str> = segments.iter().copied().chain(name.split('/')).collect();
                git::role(&whole) == Some(Role::Todo) && holds(old, name)
            };
            if is_next(todo) || strategies.iter().any(|name| is_next(name)) {
                return Some(refused("rename", path, format!("a rebase of git ({})", Role::Todo.why())));
            }
            for (row, missing) in self.rules.rows_below(path) {
                if holds(old, missing) {
                    let by = format!("the protected name `{}` ({})", row.name, row.why);
                    return Some(refused("rename", path, by));
                }
            }
        }
        // Programs then copy, and every copy is judged.
        let written = self.rules.written_below(&old.path).or_else(|| self.rules.written_below(&new.path));
        let by = written.or_else(|| self.rules.read_below(&old.path))?;
        Some(Outcome::Refused { errno: libc::EXDEV, what: format!("rename {}", old.path), by: Some(by) })
    }
}

/// Returns true when a directory has this in it, or a link where it could come to be.
fn holds(directory: &Entry, missing: &str) -> bool {
    let ends = missing.match_indices('/').map(|(end, _)| end).chain([missing.len()]);
    let mut parts = ends.filter_map(|end| missing.get(..end));
    parts.any(|part| {
        let inside = [directory.name.as_slice(), b"/", part.as_bytes()].concat();
        match rustix::fs::statat(&directory.directory, inside, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => part == missing || FileType::from_raw_mode(stat.st_mode) == FileType::Symlink,
            Err(error) => error != rustix::io::Errno::NOENT,
        }
    })
}

/// Returns the refusal when a directory holds a protected name where it is.
fn held_in(rules: &Rules, directory: &Entry) -> Option<Outcome> {
    let rows = rules.rows_below(&directory.path);
    let (row, _) = rows.into_iter().find(|(_, missing)| holds(directory, missing))?;
    Some(refused("rename to", &directory.path, format!("the protected name `{}` ({})", row.name, row.why)))
}

/// Gives a file its old name back, or one like it when that is taken; two that were exchanged get each other's.
fn put_back(now: &Entry, before: &Entry, are_two: bool) {
    let (old, new) = (now.name.as_slice(), before.name.as_slice());
    if are_two && rustix::fs::renameat_with(&now.directory, old, &before.directory, new, RenameFlags::EXCHANGE).is_ok()
    {
        return;
    }
    for number in 0..64 {
        let mut name = before.name.clone();
        name.extend(std::iter::repeat_n(b'~', number));
        let (old, new) = (now.name.as_slice(), name.as_slice());
        let flags = RenameFlags::NOREPLACE;
        if rustix::fs::renameat_with(&now.directory, old, &before.directory, new, flags).is_ok() {
            return;
        }
    }
}

/// Returns the name that something gets, and what has it.
fn name_of(place: Place, source: FileType) -> Result<(Option<FileType>, Entry)> {
    match place {
        Place::Free { is_directory: true, .. } if source != FileType::Directory => Err(libc::ENOTDIR),
        Place::Found(found) => {
            if found.means_directory && source != FileType::Directory {
                return Err(libc::ENOTDIR);
            }
            found.is_as_named()?;
            Ok((Some(found.kind), found.entry.ok_or(libc::EBUSY)?))
        }
        Place::Free { entry, .. } => Ok((None, entry)),
    }
}
