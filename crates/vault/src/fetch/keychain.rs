//! The keychain of the operating system.

use std::collections::BTreeSet;

use super::{Fault, Fetcher};
use crate::Secret;
use crate::dbus::{Bus, SecretService};
use crate::sources::Keychain;

/// What programs call the account of an entry. Those that write entries for a service use one of the two.
const ACCOUNT_NAMES: [&str; 2] = ["account", "username"];

pub(super) fn fetch(fetcher: &Fetcher, source: &Keychain, service: &str, account: &str) -> Result<Secret, Fault> {
    match source {
        Keychain::SecretService { bus } => {
            let mut bus = SecretService::new(Bus::connect(bus, fetcher.bounds.timeout)?);
            let (mut open, mut locked) = (BTreeSet::new(), BTreeSet::new());
            for name in ACCOUNT_NAMES {
                let (found_open, found_locked) = bus.search(&[("service", service), (name, account)])?;
                open.extend(found_open);
                locked.extend(found_locked);
            }
            if open.len() + locked.len() > 1 {
                return Err(Fault::Several("entry of the keychain"));
            }
            let item = match (open.pop_first(), locked.pop_first()) {
                (Some(item), _) => item,
                (None, Some(item)) => {
                    // Without a question to a person, or not at all.
                    if !bus.unlock(&item)? {
                        return Err(Fault::Locked);
                    }
                    item
                }
                (None, None) => return Err(Fault::Absent("entry of the keychain")),
            };
            Ok(Secret::from_bytes(&bus.secret(&item)?)?)
        }
        Keychain::Security => {
            let words = ["/usr/bin/security", "find-generic-password", "-w", "-s", service, "-a", account];
            fetcher.printed(&words.map(str::to_owned), &[])
        }
    }
}
