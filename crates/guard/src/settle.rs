//! What came of a call.

use audit::{Body, Connection, End, Journal, Outcome, Receipt};

use crate::admit::{Guard, Stamp};

/// What is written down after a permitted call.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// How it ended.
    pub end: End,
    /// What the boundary held.
    pub enforced: Vec<String>,
    /// What it could not hold.
    pub missing: Vec<String>,
    /// How often it refused something, as far as that is seen.
    pub refused_count: u64,
    /// How long it took.
    pub duration_ms: Option<u64>,
}

/// Records a connection of a permitted command, before it is made or when it is over.
pub fn connected(journal: &Journal, connection: Connection, stamp: &Stamp<'_>) -> Result<Receipt, audit::Error> {
    journal.append(&stamp.record(Body::Connection(Box::new(connection))))
}

impl Guard<'_> {
    /// Records what came of the decision with number `of`.
    pub fn settle(&self, of: u64, settled: Settled, stamp: &Stamp<'_>) -> Result<Receipt, audit::Error> {
        let Settled { end, enforced, missing, refused_count, duration_ms } = settled;
        let body = Body::Outcome(Outcome { of, end, enforced, missing, refused_count, duration_ms });
        self.journal.append(&stamp.record(body))
    }
}
