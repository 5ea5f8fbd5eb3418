//! Where the next record goes: from the head file when it fits, from the journal when it does not.
//!
//! 1. The head fits the journal's length, and the byte before its end is a newline: nothing is read.
//! 2. The journal is longer: a process was killed between line and head. The lines after the head are
//!    read and must follow from it.
//! 3. The journal is shorter, or the head is gone or damaged: every line is read and must follow from
//!    the one before. What the head knew beyond the journal is put on record.
//!
//! What stands after the last newline is a half-written line. A line that does not follow is
//! [`Error::Damaged`]: nothing is appended to a journal whose lines contradict each other.

use crate::head::Head;
use crate::line::Header;
use crate::lines::Lines;
use crate::records::Repair;
use crate::store::{Error, HeadFile, Store};

/// Where the next record goes, and what has to be mended first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ground {
    /// The head as the journal has it.
    pub(crate) head: Head,
    /// Bytes after the last newline.
    pub(crate) torn_bytes: u64,
    /// What was wrong with the head file.
    pub(crate) repair: Option<Repair>,
}

/// Finds where the next record goes. Reads only; the lock is held.
pub(crate) fn ground(store: &Store) -> Result<Ground, Error> {
    let length = store.length()?;
    match store.read_head()? {
        HeadFile::Good(head) if head.bytes == length && store.ends_line(length)? => {
            Ok(Ground { head, torn_bytes: 0, repair: None })
        }
        HeadFile::Good(head) if head.bytes < length && store.ends_line(head.bytes)? => {
            let (head, torn_bytes) = follow(store, head, length)?;
            Ok(Ground { head, torn_bytes, repair: None })
        }
        HeadFile::Good(known) => {
            let (head, torn_bytes) = follow(store, Head::empty(), length)?;
            let (size, root) = (known.size(), known.tree.root().base64());
            Ok(Ground { head, torn_bytes, repair: Some(Repair::Cut { size, root }) })
        }
        HeadFile::Damaged => {
            let (head, torn_bytes) = follow(store, Head::empty(), length)?;
            Ok(Ground { head, torn_bytes, repair: Some(Repair::HeadDamaged) })
        }
        HeadFile::Missing => {
            let (head, torn_bytes) = follow(store, Head::empty(), length)?;
            let repair = (head.size() > 0).then_some(Repair::HeadMissing);
            Ok(Ground { head, torn_bytes, repair })
        }
    }
}

/// Takes in every line after a head; returns the head after them and how many bytes follow the last newline.
fn follow(store: &Store, mut head: Head, length: u64) -> Result<(Head, u64), Error> {
    let mut lines = Lines::new(head.bytes, length);
    while let Some(line) = lines.next(store)? {
        if !line.whole {
            return Ok((head, line.length));
        }
        let expected = Header { seq: head.size(), prev: head.last, tree: head.tree.root() };
        if Header::parse(&line.bytes) != Some(expected) {
            let record = head.size();
            return Err(Error::Damaged { path: store.journal_path(), line: record + 1, record });
        }
        head.push(line.leaf, line.length);
    }
    Ok((head, 0))
}
