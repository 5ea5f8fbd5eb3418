//! The addresses of this machine, which nothing inside may reach by the proxy.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::io;

use policy::network::address::Surroundings;

/// The kernel's routes of version 4 (proc_pid_net(5)); its own addresses are marked as local.
const FOUR: &str = "/proc/net/fib_trie";
/// The addresses of version 6.
const SIX: &str = "/proc/net/if_inet6";

/// Reads the addresses of this machine's interfaces.
pub fn surroundings() -> io::Result<Surroundings> {
    let mut own: Vec<IpAddr> = four(&read(FOUR)?).map(IpAddr::V4).collect();
    match read(SIX) {
        Ok(text) => own.extend(six(&text).map(IpAddr::V6)),
        // A kernel without version 6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    own.sort_unstable();
    own.dedup();
    Ok(Surroundings { own, nat64: Vec::new() })
}

#[expect(clippy::disallowed_methods, reason = "files of the kernel's about the network, which nobody else reads")]
fn read(path: &str) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// Returns each address whose next line says that it is local.
fn four(text: &str) -> impl Iterator<Item = Ipv4Addr> + '_ {
    let next = text.lines().skip(1);
    text.lines().zip(next).filter(|(_, next)| next.trim().ends_with("host LOCAL")).filter_map(|(line, _)| {
        let (_, address) = line.split_once("|-- ")?;
        address.trim().parse().ok()
    })
}

/// Returns the address at the head of each line: 32 hexadecimal digits.
fn six(text: &str) -> impl Iterator<Item = Ipv6Addr> + '_ {
    text.lines().filter_map(|line| u128::from_str_radix(line.split_whitespace().next()?, 16).ok().map(Ipv6Addr::from))
}

#[cfg(test)]
mod tests {
    use super::{four, six, surroundings};

    #[test]
    fn addresses_are_read_from_the_kernels_tables() {
        let trie = "Local:\n  +-- 0.0.0.0/0 3 0 4\n     |-- 10.1.2.3\n        /32 host LOCAL\n     |-- 10.1.2.255\n        /32 link BROADCAST\n";
        assert_eq!(four(trie).map(|one| one.to_string()).collect::<Vec<_>>(), ["10.1.2.3"]);
        let table = "fe800000000000000a0027fffe4e66a1 02 40 20 80 eth0\n";
        assert_eq!(six(table).map(|one| one.to_string()).collect::<Vec<_>>(), ["fe80::a00:27ff:fe4e:66a1"]);
    }

    #[test]
    fn this_machine_has_itself() {
        assert!(surroundings().unwrap().own.iter().any(|one| one.is_loopback()));
    }
}
