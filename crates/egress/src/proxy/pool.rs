//! Addresses inside that stand for names: what a program that knows no proxy looks up and connects to.
//!
//! A name keeps its address as long as the proxy lives, and no address changes its name, so that nothing that a
//! program remembers leads to another host.

use core::net::Ipv4Addr;
use std::collections::HashMap;

use crate::host::Host;
use crate::limits::POOL_NAMES_MAX;

/// The names and their addresses.
#[derive(Debug)]
pub(super) struct Pool {
    base: Ipv4Addr,
    names: Vec<Host>,
    numbers: HashMap<Host, u32>,
}

impl Pool {
    pub(super) fn new(base: Ipv4Addr) -> Self {
        Self { base, names: Vec::new(), numbers: HashMap::new() }
    }

    /// Returns the address of a name; `None` when there are too many names.
    pub(super) fn address(&mut self, host: &Host) -> Option<Ipv4Addr> {
        let number = match self.numbers.get(host) {
            Some(number) => *number,
            None if self.names.len() >= POOL_NAMES_MAX => return None,
            None => {
                let number = u32::try_from(self.names.len()).ok()? + 1;
                self.names.push(host.clone());
                self.numbers.insert(host.clone(), number);
                number
            }
        };
        Some(Ipv4Addr::from_bits(self.base.to_bits().checked_add(number)?))
    }

    /// Returns the name that an address stands for.
    pub(super) fn name(&self, address: Ipv4Addr) -> Option<Host> {
        let number = address.to_bits().checked_sub(self.base.to_bits())?.checked_sub(1)?;
        self.names.get(usize::try_from(number).ok()?).cloned()
    }
}
