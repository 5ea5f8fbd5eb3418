//! The journal: append, checkpoint, sync.

use crate::checkpoint::Checkpoint;
use crate::line::Header;
use crate::records::{Body, Record, Repair};
use crate::recover::{self, Ground};
use crate::store::{Access, Error, Store};
use crate::{limits, wire};
use rustix::fs::FlockOperation;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An open journal. Any number of processes and threads may append to the same directory.
#[derive(Debug)]
pub struct Journal {
    store: Mutex<Store>,
}

/// The proof that a record is in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Receipt {
    /// The record's number, counted from 0.
    pub seq: u64,
    /// Its leaf hash in hexadecimal.
    pub leaf: String,
}

impl Journal {
    /// Opens the journal in a directory, and makes what is not there.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        Ok(Self { store: Mutex::new(Store::open(directory, Access::Append)?) })
    }

    /// Appends a record. When this returns, the record survives the end of the process; see
    /// [`Journal::sync`] for the loss of power. When it fails, the journal's records are those from before.
    ///
    /// 1. Write the record as JSON. 2. Lock. 3. Find the end, from the head file. 4. Move a half-written
    ///    line aside. 5. Write repair records and the record. 6. Write the head.
    pub fn append(&self, record: &Record) -> Result<Receipt, Error> {
        let fields = wire::fields(record)?;
        self.locked(|store| {
            let ground = recover::ground(store)?;
            let (before, mut head) = (ground.head.bytes, ground.head.clone());
            if before == 0 && ground.repair.is_none() {
                // So that a process killed right after the first line leaves a head that is behind, not none.
                store.write_head(&head)?;
            }
            let mut lines = String::new();
            for repair in mend(store, &ground)? {
                let repair = Record { source: "audit".to_owned(), body: Body::Repair(repair), ..record.clone() };
                push(&mut lines, &mut head, &wire::fields(&repair)?)?;
            }
            push(&mut lines, &mut head, &fields)?;
            store.write_lines(before, lines.as_bytes())?;
            if ground.torn_bytes > lines.len() as u64 {
                store.truncate(head.bytes)?;
            }
            if let Err(error) = store.write_head(&head) {
                store.truncate(before)?;
                return Err(error);
            }
            Ok(Receipt { seq: head.size() - 1, leaf: head.last.hex() })
        })
    }

    /// Makes every record so far survive the loss of power. Costs milliseconds.
    pub fn sync(&self) -> Result<(), Error> {
        self.store().sync()
    }

    /// Makes the journal durable and returns the size and root of its tree, to be kept elsewhere.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let head = self.locked(|store| Ok(recover::ground(store)?.head))?;
        self.sync()?;
        Ok(Checkpoint::of(&head))
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Nothing is kept in the store that a panic could leave half changed.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works under the lock of the journal that stands in the directory now: a process that lives long
    /// must not go on writing to a journal that was moved away.
    fn locked<T>(&self, work: impl FnOnce(&Store) -> Result<T, Error>) -> Result<T, Error> {
        let mut store = self.store();
        for _ in 0..limits::REOPEN_MAX {
            {
                let _lock = store.lock(FlockOperation::NonBlockingLockExclusive)?;
                if store.is_current()? {
                    return work(&store);
                }
            }
            store.reopen()?;
        }
        Err(Error::Replaced { path: store.journal_path() })
    }
}

/// Copies a half-written line aside and returns what has to be put on record.
fn mend(store: &Store, ground: &Ground) -> Result<Vec<Repair>, Error> {
    let mut repairs: Vec<Repair> = ground.repair.clone().into_iter().collect();
    if ground.torn_bytes > 0 {
        let file = format!("torn-{}", ground.head.size());
        let begin = ground.head.bytes;
        store.set_aside(&file, begin, begin + ground.torn_bytes)?;
        repairs.push(Repair::Torn { file, bytes: ground.torn_bytes });
    }
    Ok(repairs)
}

fn push(lines: &mut String, head: &mut crate::head::Head, fields: &str) -> Result<(), Error> {
    let line = Header { seq: head.size(), prev: head.last, tree: head.tree.root() }.render(fields);
    if line.len() > limits::LINE_BYTES_MAX {
        return Err(Error::TooLong { bytes: line.len() });
    }
    head.push(crate::tree::leaf(line.as_bytes()), line.len() as u64);
    lines.push_str(&line);
    lines.push('\n');
    Ok(())
}
