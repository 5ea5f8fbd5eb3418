//! Which program inside has a connection: the kernel is asked whose socket it is, and the processes of the network inside
//! which of them has it. What is not certain is not said.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use egress::proxy::Owners;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::egress::locked;

/// Processes of the machine that are looked at.
const PROCESSES_MAX: usize = 8192;
/// Open files of a process that are looked at.
const FILES_MAX: usize = 4096;
/// How long it is kept which processes are outside.
const KEPT: Duration = Duration::from_secs(1);
/// How long the kernel may take to answer.
const ANSWER: Duration = Duration::from_millis(100);
/// Bytes of a program's path that are written down.
const PATH_BYTES_MAX: usize = 1024;

/// What the kernel and `/proc` say.
#[derive(Debug)]
pub(super) struct Processes {
    socket: Mutex<OwnedFd>,
    outside: Mutex<Outside>,
}

impl Processes {
    /// Returns it for the network in which a socket was made; nothing where it cannot be asked.
    pub(super) fn new(socket: OwnedFd) -> Option<Self> {
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER)).ok()?;
        Some(Self { socket: Mutex::new(socket), outside: Mutex::new(Outside::new()) })
    }

    fn find(&self, client: SocketAddr, server: SocketAddr) -> Option<String> {
        let inode = inode(&locked(&self.socket), client, server)?;
        let link = format!("socket:[{inode}]");
        // Whoever else has it could be the one who speaks: all are looked at.
        let others = locked(&self.outside).others();
        let holders: Vec<u32> = others.into_iter().filter(|process| has(*process, &link)).take(2).collect();
        let [process] = holders.as_slice() else { return None };
        let path = fs::read_link(format!("/proc/{process}/exe")).ok()?;
        // It may have ended, and its number be another's, since it was looked at.
        has(*process, &link).then(|| format!("{} (pid {process})", printable(&path)))
    }
}

impl Owners for Processes {
    fn program(&self, client: SocketAddr, server: SocketAddr) -> String {
        self.find(client, server).unwrap_or_default()
    }
}

/// A name from inside may hold anything, and ends up in terminals.
fn printable(path: &Path) -> String {
    let text = path.to_string_lossy();
    let short = text.char_indices().take_while(|(at, _)| *at < PATH_BYTES_MAX).map(|(_, char)| char);
    short.map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

/// Processes that are in this network, as far as this one may look, and since when that is known. No number comes round
/// again in the time for which it is kept.
#[derive(Debug)]
struct Outside {
    since: Instant,
    processes: HashSet<u32>,
}

impl Outside {
    fn new() -> Self {
        Self { since: Instant::now(), processes: HashSet::new() }
    }

    /// Returns the processes that are in another network.
    fn others(&mut self) -> Vec<u32> {
        if self.since.elapsed() > KEPT {
            *self = Self::new();
        }
        let own = fs::read_link("/proc/self/ns/net").ok();
        let all = fs::read_dir("/proc").into_iter().flatten().take(PROCESSES_MAX);
        let numbers = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut others = Vec::new();
        for process in numbers.filter(|process| !self.processes.contains(process)).collect::<Vec<u32>>() {
            let network = fs::read_link(format!("/proc/{process}/ns/net")).ok();
            if network.is_some() && network != own {
                others.push(process);
            } else {
                self.processes.insert(process);
            }
        }
        others
    }
}

/// Returns whether a process has an open file that is this.
fn has(process: u32, link: &str) -> bool {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().take(FILES_MAX);
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|open| open == Path::new(link)))
}

/// Asks the kernel for the number of the client's socket (sock_diag(7)).
fn inode(socket: &OwnedFd, client: SocketAddr, server: SocketAddr) -> Option<u32> {
    const BY_FAMILY: u16 = 20;
    const REQUEST: u16 = 1;
    const ALL_STATES: u32 = u32::MAX;
    const INODE: usize = 16 + 4 + 48 + 16;
    let (IpAddr::V4(from), IpAddr::V4(to)) = (client.ip(), server.ip()) else { return None };
    let address = |octets: [u8; 4]| octets.into_iter().chain([0; 12]);
    let mut request = 72_u32.to_ne_bytes().to_vec();
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(REQUEST.to_ne_bytes());
    request.extend([0; 8]);
    // IPv4 and TCP.
    request.extend([2, 6, 0, 0]);
    request.extend(ALL_STATES.to_ne_bytes());
    request.extend(client.port().to_be_bytes());
    request.extend(server.port().to_be_bytes());
    request.extend(address(from.octets()));
    request.extend(address(to.octets()));
    request.extend([0; 4]);
    // Whichever socket it is that has these addresses.
    request.extend([0xff; 8]);
    send(socket, &request, SendFlags::empty()).ok()?;
    let mut answer = [0; 1024];
    let (count, _) = recv(socket, answer.as_mut_slice(), RecvFlags::empty()).ok()?;
    let answer = answer.get(..count)?;
    let kind = answer.get(4..).and_then(|rest| rest.first_chunk()).map(|bytes| u16::from_ne_bytes(*bytes))?;
    let inode = answer.get(INODE..).and_then(|rest| rest.first_chunk()).map(|bytes| u32::from_ne_bytes(*bytes))?;
    (kind == BY_FAMILY && inode != 0).then_some(inode)
}
