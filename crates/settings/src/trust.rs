//! Which folders may widen what an agent does.
//!
//! A folder's settings can always tighten. They widen only when a person said so: in Palisade's
//! record, or in Claude Code's own. What is unclear is not trusted.

mod store;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use policy::layer::{Diagnostic, Origin, Severity};
use policy::{AbsPath, Scope};

use crate::limits::CLAUDE_STATE_BYTES_MAX;
use crate::places::{Discovery, Places};
use crate::wire::{self, Answer};
use crate::{read, say};

pub use store::Error;

/// Whether a folder is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// True when the folder's settings may widen.
    pub trusted: bool,
    /// Whose word it is.
    pub by: By,
    /// The folder that the answer is about.
    pub key: AbsPath,
    /// When a person said it, where that is recorded.
    pub at: Option<SystemTime>,
    /// Records that could not be read; they count as saying nothing good.
    pub diagnostics: Vec<Diagnostic>,
}

/// Whose word the trust in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Nobody's.
    None,
    /// Palisade's record: a grant or a withdrawal.
    Palisade,
    /// Claude Code's record.
    Claude,
    /// No settings of the folder are read, so there is nothing to trust.
    Given,
}

/// What Palisade's record says about one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The folder.
    pub folder: AbsPath,
    /// True for a grant, false for a withdrawal.
    pub granted: bool,
    /// When a person said it.
    pub at: SystemTime,
}

/// Returns whether the folder of these places is trusted.
///
/// 1. The home directory and what holds it never are.
/// 2. Palisade's record closest to the start directory counts before everything else. A withdrawal
///    covers every folder below its own. A grant does too, but not a git repository in it: that
///    needs its own.
/// 3. Claude Code's record counts for the very folder: the git root, or the start directory
///    without one. Its trust in a folder above does not carry a project's allow rules.
pub fn status(places: &Places) -> Status {
    let key = places.trust_key().clone();
    let answer = |by, trusted, at| Status { trusted, by, key: key.clone(), at, diagnostics: Vec::new() };
    if places.discovery == Discovery::OnlyGiven {
        return answer(By::Given, true, None);
    }
    let records = match store::read(&places.trust_store()) {
        Ok(records) => records,
        Err(error) => {
            let diagnostic = unreadable(places, &places.trust_store(), error.place(), error.message());
            return Status { diagnostics: vec![diagnostic], ..answer(By::None, false, None) };
        }
    };
    if let Some(record) = closest(places, &records) {
        return answer(By::Palisade, record.granted && !is_too_wide(places, &key), Some(record.at));
    }
    if is_too_wide(places, &key) {
        return answer(By::None, false, None);
    }
    match claude(places, &key) {
        Ok(true) => answer(By::Claude, true, None),
        Ok(false) => answer(By::None, false, None),
        Err(diagnostic) => Status { diagnostics: vec![diagnostic], ..answer(By::None, false, None) },
    }
}

/// Returns everything that Palisade's record says, in order of folders.
pub fn records(places: &Places) -> Result<Vec<Record>, Error> {
    store::read(&places.trust_store())
}

/// Records that a folder is trusted.
pub fn grant(places: &Places, folder: &AbsPath, at: SystemTime) -> Result<(), Error> {
    if is_too_wide(places, folder) {
        return Err(Error::TooWide { folder: folder.clone() });
    }
    store::write(&places.trust_store(), Record { folder: folder.clone(), granted: true, at })
}

/// Records that a folder is not trusted, whatever Claude Code's record says.
pub fn withdraw(places: &Places, folder: &AbsPath, at: SystemTime) -> Result<(), Error> {
    store::write(&places.trust_store(), Record { folder: folder.clone(), granted: false, at })
}

/// Returns the record that counts: the closest one above or at the start directory.
fn closest<'r>(places: &Places, records: &'r [Record]) -> Option<&'r Record> {
    let counts = |record: &&Record| {
        let covers = places.project.is_within(&record.folder) || places.trust_key().is_within(&record.folder);
        let stays_in_repository = places.repository().is_none_or(|root| record.folder == *root);
        covers && (!record.granted || (stays_in_repository && !is_too_wide(places, &record.folder)))
    };
    // Of two records at one depth (a start directory outside its git root) the withdrawal counts.
    records.iter().filter(counts).max_by_key(|record| (record.folder.segments().count(), !record.granted))
}

/// Returns true for the home directory, and for every directory that holds it.
fn is_too_wide(places: &Places, folder: &AbsPath) -> bool {
    places.home.is_within(folder)
}

fn claude(places: &Places, key: &AbsPath) -> Result<bool, Diagnostic> {
    let path = places.claude_state();
    let broken = |place, message| unreadable(places, &path, place, message);
    let bytes = match read::open(&path) {
        Ok(Some(mut opened)) => opened.read(CLAUDE_STATE_BYTES_MAX),
        Ok(None) => return Ok(false),
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(|error| broken((0, 0), error.message()))?;
    wire::claude_trusts(&bytes, key.as_str()).map_err(|error| broken(store::place(&error), store::describe(&error)))
}

fn unreadable(places: &Places, file: &AbsPath, place: (u32, u32), cause: String) -> Diagnostic {
    let (line, column) = place;
    Diagnostic {
        severity: Severity::Warning,
        origin: Origin { scope: Scope::User, file: places.shown(file), line },
        column,
        message: format!("the folder is not trusted, because its record cannot be used: {}", say::printable(&cause)),
        hint: Some("mend the file, or move it away and trust the folder anew".to_owned()),
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn time(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

impl Record {
    fn from_wire(folder: &wire::Folder) -> Option<Self> {
        let path = AbsPath::parse(&folder.folder).filter(|path| path.as_str() == folder.folder)?;
        Some(Self { folder: path, granted: folder.answer == Answer::Granted, at: time(folder.at)? })
    }

    fn to_wire(&self) -> wire::Folder {
        let answer = if self.granted { Answer::Granted } else { Answer::Withdrawn };
        wire::Folder { folder: self.folder.as_str().to_owned(), answer, at: seconds(self.at) }
    }
}

#[cfg(test)]
mod tests;
