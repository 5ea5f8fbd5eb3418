//! The system's own lookup of names.

use core::net::IpAddr;
use std::io;

use super::admit::{Resolver, Resolving};
use crate::limits::HOSTS_BYTES_MAX;

/// The machine's own list of hosts (hosts(5)).
const HOSTS: &str = "/etc/hosts";

/// The system's own lookup: its list of hosts, then whom it asks.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Resolver for System {
    fn resolve(&self, name: &str) -> Resolving {
        let name = name.to_owned();
        Box::pin(async move {
            let wanted = name.clone();
            // The C library does not find a name with a dot at its end in the list.
            let listed = tokio::task::spawn_blocking(move || listed(&read(), &wanted)).await;
            let listed = listed.map_err(io::Error::other)?;
            if !listed.is_empty() {
                return Ok(listed);
            }
            // With a dot at its end no name is looked up below another.
            let name = if name.contains('.') { format!("{name}.") } else { name };
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|place| place.ip()).collect())
        })
    }
}

/// Returns the list; nothing where it cannot be read: then the C library cannot read it either.
fn read() -> String {
    use std::io::Read;
    #[expect(clippy::disallowed_methods, reason = "a file about the network, which nobody else reads")]
    let file = std::fs::File::open(HOSTS);
    let mut bytes = Vec::new();
    let _ = file.and_then(|file| file.take(HOSTS_BYTES_MAX).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the addresses that the list has for a name.
fn listed(list: &str, name: &str) -> Vec<IpAddr> {
    let lines = list.lines().map(|line| line.split_once('#').map_or(line, |(line, _)| line));
    let found = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn the_list_names_hosts() {
        let list = "# all\n10.0.0.1 db.corp DB # db2\n::1 db.corp\nx y\n10.0.0.2 other\n";
        let shown = |name| listed(list, name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown("db.corp"), ["10.0.0.1", "::1"]);
        assert_eq!(shown("db"), ["10.0.0.1"]);
        assert_eq!(shown("db2"), [""; 0]);
        assert_eq!(shown("y"), [""; 0]);
    }
}
