//! Which program inside has a connection: the kernel is asked whose socket it is, and the processes of the network inside
//! which of them has it. What is not certain is not said.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use egress::proxy::Owners;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::egress::locked;
use crate::say::shown;

/// Processes of the machine that are looked at.
const PROCESSES_MAX: usize = 8192;
/// Open files of a process that are looked at.
const FILES_MAX: usize = 4096;
/// How long everything may take.
const LOOK: Duration = Duration::from_millis(200);
/// How long the kernel may take to answer.
const ANSWER: Duration = Duration::from_millis(100);
/// Bytes of a program's path that are written down.
const PATH_BYTES_MAX: usize = 1024;

/// What the kernel and `/proc` say.
#[derive(Debug)]
pub(super) struct Processes {
    kernel: Mutex<Kernel>,
    /// Whose processes those inside are.
    user: u32,
    /// How many numbers a process of this one's own namespace has.
    depth: usize,
}

impl Processes {
    /// Returns it for the network in which a socket was made; nothing where it cannot be asked, or where `/proc` keeps
    /// processes to itself.
    pub(super) fn new(socket: OwnedFd) -> Option<Self> {
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER)).ok()?;
        let mounts = said("/proc/self/mountinfo").ok()?;
        let is_whole = |option: &str| matches!(option, "hidepid=0" | "hidepid=off") || !option.starts_with("hidepid=");
        if !mounts.split([',', ' ', '\n']).all(is_whole) {
            return None;
        }
        let depth = numbers(&said("/proc/self/status").ok()?)?;
        let user = rustix::process::getuid().as_raw();
        Some(Self { kernel: Mutex::new(Kernel { socket, sequence: 0 }), user, depth })
    }

    fn find(&self, client: SocketAddr, server: SocketAddr) -> Option<String> {
        let until = Instant::now() + LOOK;
        let inode = locked(&self.kernel).inode((client, server), until)?;
        let link = format!("socket:[{inode}]");
        let mut holders = Vec::new();
        // Whoever else has it could be the one who speaks: all are looked at.
        let Others { seen, unseen } = self.others(until)?;
        for process in seen {
            if has(process, &link, until)? {
                holders.push(process);
            }
        }
        let [process] = holders.as_slice() else { return None };
        let first = self.first(*process, until)?;
        for other in unseen {
            // The first process there is the boundary's own. Whoever is over by now has no socket.
            let could_have_it = || self.first(other, until).map_or_else(|| !has_ended(other), |its| its == first);
            if other != first && could_have_it() {
                return None;
            }
        }
        let path = fs::read_link(format!("/proc/{process}/exe")).ok()?;
        // It may have ended, and its number be another's, since it was looked at.
        has(*process, &link, until)?.then(|| format!("{} (pid {process})", printable(&path)))
    }

    /// Returns the processes in other networks than this one's, and those of which that is not known.
    fn others(&self, until: Instant) -> Option<Others> {
        let own = fs::read_link("/proc/self/ns/net").ok()?;
        let mut others = Others::default();
        let mut count = 0;
        for entry in fs::read_dir("/proc").ok()? {
            let Some(process) = entry.ok()?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            count += 1;
            if count > PROCESSES_MAX || Instant::now() > until {
                return None;
            }
            match fs::read_link(format!("/proc/{process}/ns/net")) {
                Ok(network) if network == own => {}
                Ok(_) => others.seen.push(process),
                Err(_) => match said(format!("/proc/{process}/status")) {
                    Ok(status) if self.could_be_inside(&status) => others.unseen.push(process),
                    Ok(_) => {}
                    Err(error) if is_gone(&error) => {}
                    Err(_) => return None,
                },
            }
        }
        Some(others)
    }

    /// Returns the first process of the boundary that a process is in. None inside is the child of one outside.
    fn first(&self, process: u32, until: Instant) -> Option<u32> {
        let mut at = process;
        while Instant::now() < until {
            let status = said(format!("/proc/{at}/status")).ok()?;
            let mut own = field(&status, "NSpid:")?.split_whitespace().skip(self.depth);
            match (own.next()?, own.next()) {
                ("1", None) => return Some(at),
                _ => at = field(&status, "PPid:")?.trim().parse().ok()?,
            }
        }
        None
    }

    /// Returns whether a process with this status, which does not let itself be looked at, could be inside: those there have
    /// this one's user and a namespace of processes of their own.
    fn could_be_inside(&self, status: &str) -> bool {
        let users =
            field(status, "Uid:").map(|users| users.split_whitespace().any(|user| user.parse() == Ok(self.user)));
        let is_over = field(status, "State:").is_some_and(|state| state.trim_start().starts_with('Z'))
            && field(status, "Threads:").is_some_and(|threads| threads.trim() == "1");
        users.unwrap_or(true) && numbers(status).is_none_or(|depth| depth > self.depth) && !is_over
    }
}

/// Processes in other networks.
#[derive(Debug, Default)]
struct Others {
    /// Those that can be looked at.
    seen: Vec<u32>,
    /// Those that cannot be, and could be inside.
    unseen: Vec<u32>,
}

/// Returns how many numbers a process has: one for each namespace that it is in.
fn numbers(status: &str) -> Option<usize> {
    field(status, "NSpid:").map(|numbers| numbers.split_whitespace().count())
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

#[expect(clippy::disallowed_methods, reason = "what the kernel says of processes is neither settings nor journal")]
fn said(path: impl AsRef<Path>) -> io::Result<String> {
    fs::read_to_string(path)
}

/// Returns whether there is no process with this number any more.
fn has_ended(process: u32) -> bool {
    said(format!("/proc/{process}/status")).is_err_and(|error| is_gone(&error))
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

impl Owners for Processes {
    fn program(&self, client: SocketAddr, server: SocketAddr) -> String {
        self.find(client, server).unwrap_or_default()
    }
}

/// A name from inside may hold anything, and ends up in terminals.
fn printable(path: &Path) -> String {
    let text = path.to_string_lossy();
    let short: String = text.char_indices().take_while(|(at, _)| *at < PATH_BYTES_MAX).map(|(_, char)| char).collect();
    shown(&short)
}

/// Returns whether a process has an open file that is this; nothing where that is not certain.
fn has(process: u32, link: &str, until: Instant) -> Option<bool> {
    let files = match fs::read_dir(format!("/proc/{process}/fd")) {
        Ok(files) => files,
        Err(error) if is_gone(&error) => return Some(false),
        Err(_) => return None,
    };
    for (count, file) in files.enumerate() {
        if count >= FILES_MAX || Instant::now() > until {
            return None;
        }
        let opened = file.and_then(|file| fs::read_link(file.path()));
        match opened {
            Ok(open) if open == Path::new(link) => return Some(true),
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            Err(_) => return None,
        }
    }
    Some(false)
}

/// The kernel, which knows the sockets of the network inside (sock_diag(7)).
#[derive(Debug)]
struct Kernel {
    socket: OwnedFd,
    /// The number of the last question.
    sequence: u32,
}

impl Kernel {
    /// Asks for the number of the client's socket.
    fn inode(&mut self, between: (SocketAddr, SocketAddr), until: Instant) -> Option<u32> {
        self.sequence = self.sequence.wrapping_add(1);
        send(&self.socket, &question(between, self.sequence)?, SendFlags::empty()).ok()?;
        // The answer to an earlier question can have come late.
        while Instant::now() < until {
            let mut answer = [0; 1024];
            let (count, _) = recv(&self.socket, answer.as_mut_slice(), RecvFlags::empty()).ok()?;
            if let Some(inode) = answered(answer.get(..count)?, self.sequence) {
                return Some(inode).filter(|inode| *inode != 0);
            }
        }
        None
    }
}

const BY_FAMILY: u16 = 20;

fn question((client, server): (SocketAddr, SocketAddr), sequence: u32) -> Option<Vec<u8>> {
    const REQUEST: u16 = 1;
    const ALL_STATES: u32 = u32::MAX;
    let (IpAddr::V4(from), IpAddr::V4(to)) = (client.ip(), server.ip()) else { return None };
    let address = |octets: [u8; 4]| octets.into_iter().chain([0; 12]);
    let mut request = 72_u32.to_ne_bytes().to_vec();
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(REQUEST.to_ne_bytes());
    request.extend(sequence.to_ne_bytes());
    request.extend([0; 4]);
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
    Some(request)
}

/// Returns the socket's number that an answer has, 0 for none; nothing when it answers another question.
fn answered(answer: &[u8], sequence: u32) -> Option<u32> {
    const INODE: usize = 16 + 4 + 48 + 16;
    let word = |at: usize| answer.get(at..).and_then(|rest| rest.first_chunk()).map(|bytes| u32::from_ne_bytes(*bytes));
    if word(8) != Some(sequence) {
        return None;
    }
    let kind = answer.get(4..).and_then(|rest| rest.first_chunk()).map(|bytes| u16::from_ne_bytes(*bytes));
    Some(word(INODE).filter(|_| kind == Some(BY_FAMILY)).unwrap_or_default())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes what it looks at")]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::path::Path;
    use std::sync::Mutex;
    use std::time::Instant;

    use super::{Kernel, LOOK, Processes, answered, has, has_ended, printable, question};

    fn processes() -> Processes {
        let (socket, _) = UnixStream::pair().unwrap();
        Processes { kernel: Mutex::new(Kernel { socket: OwnedFd::from(socket), sequence: 0 }), user: 1000, depth: 1 }
    }

    #[test]
    fn who_could_be_inside_and_is_not_seen_leaves_doubt() {
        let processes = processes();
        let rows = [
            ("State:\tS (sleeping)\nUid:\t1000\t1000\t1000\t1000\nNSpid:\t70\t5\nThreads:\t1\n", true),
            ("State:\tS (sleeping)\nUid:\t1\t1000\t1\t1\nNSpid:\t70\t5\nThreads:\t1\n", true),
            // Another's, one of this namespace, one that has ended, and one of which only the first thread has.
            ("State:\tS (sleeping)\nUid:\t0\t0\t0\t0\nNSpid:\t70\t5\nThreads:\t1\n", false),
            ("State:\tS (sleeping)\nUid:\t1000\t1000\t1000\t1000\nNSpid:\t70\nThreads:\t1\n", false),
            ("State:\tZ (zombie)\nUid:\t1000\t1000\t1000\t1000\nNSpid:\t70\t5\nThreads:\t1\n", false),
            ("State:\tZ (zombie)\nUid:\t1000\t1000\t1000\t1000\nNSpid:\t70\t5\nThreads:\t2\n", true),
            ("", true),
        ];
        assert_eq!(rows.map(|(status, _)| processes.could_be_inside(status)), rows.map(|(_, could)| could));
    }

    #[test]
    fn an_answer_belongs_to_its_question() {
        let mut answer = vec![0; 88];
        answer[4..6].copy_from_slice(&20_u16.to_ne_bytes());
        answer[8..12].copy_from_slice(&7_u32.to_ne_bytes());
        answer[84..88].copy_from_slice(&4711_u32.to_ne_bytes());
        assert_eq!((answered(&answer, 7), answered(&answer, 8)), (Some(4711), None));
        answer[4] = 2;
        assert_eq!((answered(&answer, 7), answered(&answer[..10], 7)), (Some(0), None));
        let between = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        assert_eq!(question(between, 7).unwrap()[8..12], 7_u32.to_ne_bytes());
    }

    #[test]
    fn open_files_are_seen_and_a_look_has_an_end() {
        use std::os::fd::AsRawFd;

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let (own, link) = (std::process::id(), link.to_str().unwrap());
        let (later, now) = (Instant::now() + LOOK * 100, Instant::now());
        let seen =
            [has(own, link, later), has(own, "socket:[0]", later), has(u32::MAX, link, later), has(own, link, now)];
        assert_eq!(seen, [Some(true), Some(false), Some(false), None]);
        assert_eq!((processes().others(later).is_some(), processes().others(now).is_none()), (true, true));
        // This one is in no boundary.
        assert_eq!(processes().first(own, later), None);
        assert_eq!([own, u32::MAX].map(has_ended), [false, true]);
    }

    #[test]
    fn a_name_turns_no_direction() {
        assert_eq!(printable(Path::new("/a\u{202e}b\u{61c}c\u{1b}d")), "/a\\u{202e}b\\u{61c}c\\u{1b}d");
    }
}
