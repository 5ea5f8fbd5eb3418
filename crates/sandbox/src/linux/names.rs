//! Names of hosts inside: asked for at the proxy, and nowhere else.

use std::io::Read;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use policy::AbsPath;
use policy::controls::Network;
use rustix::fs::{Mode, OFlags};

use super::failure::Failure;
use super::mount::Mounts;
use super::shown::{is_covered, put};
use crate::limits::HOSTS_BYTES_MAX;
use crate::plan::Plan;

/// Where C libraries read whom to ask (resolv.conf(5)). Without the file they ask this machine.
const RESOLVER: &str = "/etc/resolv.conf";
/// Where they look first (hosts(5)).
const HOSTS: &str = "/etc/hosts";

/// Has names looked up at the proxy, where there is one. Of the host's own list what leads to this machine stays: any
/// other address leads nowhere inside, and the name behind it would not be seen.
pub(super) fn build(mounts: &mut Mounts, plan: &Plan) -> Result<(), Failure> {
    if plan.network == Network::None {
        return Ok(());
    }
    let is_seen = |path: &str| !is_covered(plan, &AbsPath::root().join(path));
    if is_seen(RESOLVER) {
        put(mounts, RESOLVER, "resolver", |_| Ok(b"nameserver 127.0.0.1\n".to_vec()))?;
    }
    if is_seen(HOSTS) {
        put(mounts, HOSTS, "hosts", |target| Ok(of_this_machine(&read(target)?)))?;
    }
    Ok(())
}

/// Reads a file by a descriptor that only names it.
fn read(target: &OwnedFd) -> std::io::Result<Vec<u8>> {
    let path = format!("/proc/self/fd/{}", target.as_raw_fd());
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(HOSTS_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the lines of a list of hosts that lead to this machine.
fn of_this_machine(list: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(list);
    let is_kept = |line: &&str| {
        let address = line.split_whitespace().next().and_then(|word| word.parse::<IpAddr>().ok());
        address.is_some_and(|address| address.to_canonical().is_loopback())
    };
    text.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::of_this_machine;

    #[test]
    fn only_what_leads_here_stays() {
        let list = "# names\n127.0.0.1 localhost\n::1 localhost ip6-localhost\n10.1.2.3 db\n 127.0.1.1\tme\nnone x\n";
        let kept = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n 127.0.1.1\tme\n";
        assert_eq!(of_this_machine(list.as_bytes()), kept.as_bytes());
    }
}
