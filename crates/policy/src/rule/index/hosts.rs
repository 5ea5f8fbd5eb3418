//! Host patterns, found by a host that they may cover.

use super::Id;
use super::table::{Filling, Table};
use crate::network::host::{Host, HostPattern};

/// Host patterns that are being collected.
#[derive(Debug, Default)]
pub(super) struct Collecting(Filling);

impl Collecting {
    pub(super) fn add(&mut self, pattern: &HostPattern, rule: Id) {
        self.0.add([pattern.tail().as_str()], rule);
    }

    pub(super) fn hosts(self) -> Hosts {
        Hosts(self.0.table())
    }
}

/// Host patterns by the last labels that a host must have; the empty text where any will do.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts(Table);

impl Hosts {
    /// Finds every rule whose pattern could cover the host.
    pub(super) fn find(&self, host: &Host, found: &mut Vec<Id>) {
        self.0.exact("", found);
        let host = host.to_string();
        let mut rest = Some(host.as_str());
        while let Some(tail) = rest {
            self.0.exact(tail, found);
            rest = tail.split_once('.').map(|(_, below)| below);
        }
    }
}
