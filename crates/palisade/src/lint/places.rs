//! Where in a file a finding stands.

use policy::AbsPath;
use policy::layer::Origin;
use policy::lint::{self, Finding};
use settings::{Source, SourceState};

use crate::setup::Setup;

/// The files that were read, to find the place of a rule in its line.
#[derive(Debug)]
pub(super) struct Places<'a> {
    sources: &'a [Source],
}

impl<'a> Places<'a> {
    pub(super) fn new(setup: &'a Setup) -> Self {
        Self { sources: &setup.loaded.sources }
    }

    fn source(&self, origin: &Origin) -> Option<&'a Source> {
        self.sources.iter().find(|source| source.file == origin.file && source.scope == origin.scope)
    }

    /// Returns the path of a file that has one.
    pub(super) fn path(&self, origin: &Origin) -> Option<&'a AbsPath> {
        self.source(origin)?.path.as_ref()
    }

    /// Returns the column of a finding, counted from 1 in characters.
    pub(super) fn column(&self, finding: &Finding) -> Option<u32> {
        if finding.column > 0 { Some(finding.column) } else { Some(self.rule(finding)?.0) }
    }

    /// Returns the columns of the first character of a finding's rule and of the one behind it, quotes
    /// included.
    pub(super) fn rule(&self, finding: &Finding) -> Option<(u32, u32)> {
        let rule = finding.rule.as_ref()?;
        let is_it = |value: &str| value == rule.text || lint::masked(value) == rule.text;
        self.string(&finding.origin, is_it).map(|(_, columns)| columns)
    }

    /// Returns the first string of a line that is looked for, and its columns, quotes included.
    pub(super) fn string(&self, origin: &Origin, is_it: impl Fn(&str) -> bool) -> Option<(String, (u32, u32))> {
        let SourceState::Read(bytes) = &self.source(origin)?.state else { return None };
        let text = std::str::from_utf8(bytes).ok()?;
        let line = text.lines().nth(usize::try_from(origin.line).ok()?.checked_sub(1)?)?;
        let (value, start, end) = strings(line).into_iter().find_map(|(start, end)| {
            let value = serde_json::from_str::<String>(line.get(start..end)?).ok()?;
            is_it(&value).then_some((value, start, end))
        })?;
        let column = |at: usize| u32::try_from(line.get(..at)?.chars().count() + 1).ok();
        Some((value, (column(start)?, column(end)?)))
    }
}

/// Returns where the strings of a line of JSON stand, quotes included.
fn strings(line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    let mut escaped = false;
    for (index, letter) in line.char_indices() {
        match (open, letter) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(start), '"') => {
                found.push((start, index + 1));
                open = None;
            }
            (None, '"') => open = Some(index),
            (Some(_) | None, _) => {}
        }
    }
    found
}
