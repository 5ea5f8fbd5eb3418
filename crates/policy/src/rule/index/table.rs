//! Texts in order, each with the rules that it leads to.

use super::Id;

/// A table that is being filled.
#[derive(Debug, Default)]
pub(super) struct Filling {
    text: String,
    rows: Vec<(usize, usize, Id)>,
}

impl Filling {
    /// Adds a text, given in pieces, for a rule.
    pub(super) fn add<'a>(&mut self, pieces: impl IntoIterator<Item = &'a str>, rule: Id) {
        let start = self.text.len();
        pieces.into_iter().for_each(|piece| self.text.push_str(piece));
        self.rows.push((start, self.text.len(), rule));
    }

    /// Sorts it.
    pub(super) fn table(self) -> Table {
        let Self { text, mut rows } = self;
        let read = |start: usize, end: usize| text.get(start..end).unwrap_or_default();
        rows.sort_unstable_by_key(|(start, end, rule)| (read(*start, *end), *rule));
        let mut table = Table { text: String::with_capacity(text.len()), entries: Vec::new(), rules: Vec::new() };
        // The texts of the open entries are each the beginning of the next.
        let mut open: Vec<usize> = Vec::new();
        for (start, end, rule) in rows {
            let text = read(start, end);
            let is_same = table.entries.last().is_some_and(|last| table.read(last) == text);
            table.rules.push(rule);
            if is_same {
                if let Some(last) = table.entries.last_mut() {
                    last.rules_end = table.rules.len();
                }
                continue;
            }
            while open
                .last()
                .is_some_and(|at| !table.entry(*at).is_some_and(|above| text.starts_with(table.read(above))))
            {
                open.pop();
            }
            let text_start = table.text.len();
            table.text.push_str(text);
            let above = open.last().copied();
            open.push(table.entries.len());
            table.entries.push(Entry {
                start: text_start,
                end: table.text.len(),
                above,
                rules_start: table.rules.len() - 1,
                rules_end: table.rules.len(),
            });
        }
        table
    }
}

/// Texts in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    text: String,
    entries: Vec<Entry>,
    rules: Vec<Id>,
}

#[derive(Debug, Clone)]
struct Entry {
    start: usize,
    end: usize,
    /// The entry with the longest text that this one's begins with.
    above: Option<usize>,
    rules_start: usize,
    rules_end: usize,
}

impl Table {
    fn read(&self, entry: &Entry) -> &str {
        self.text.get(entry.start..entry.end).unwrap_or_default()
    }

    fn entry(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    fn rules(&self, entry: &Entry) -> &[Id] {
        self.rules.get(entry.rules_start..entry.rules_end).unwrap_or_default()
    }

    /// Finds the rules of exactly this text.
    pub(super) fn exact(&self, text: &str, found: &mut Vec<Id>) {
        if let Ok(at) = self.entries.binary_search_by(|entry| self.read(entry).cmp(text))
            && let Some(entry) = self.entry(at)
        {
            found.extend_from_slice(self.rules(entry));
        }
    }

    /// Finds the rules of every text that `text` begins with.
    ///
    /// Whatever `text` begins with is the last entry that does not come after it, or stands above that.
    pub(super) fn beginnings(&self, text: &str, found: &mut Vec<Id>) {
        let mut at = self.entries.partition_point(|entry| self.read(entry) <= text).checked_sub(1);
        while let Some(entry) = at.and_then(|at| self.entry(at)) {
            if text.starts_with(self.read(entry)) {
                found.extend_from_slice(self.rules(entry));
            }
            at = entry.above;
        }
    }

    /// Finds the rules of every text that begins with `text`.
    pub(super) fn continuations(&self, text: &str, found: &mut Vec<Id>) {
        let start = self.entries.partition_point(|entry| self.read(entry) < text);
        for entry in self.entries.iter().skip(start).take_while(|entry| self.read(entry).starts_with(text)) {
            found.extend_from_slice(self.rules(entry));
        }
    }
}
