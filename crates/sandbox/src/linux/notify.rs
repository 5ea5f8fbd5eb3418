//! Answering the calls that the filter holds back, and remembering what was refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

use super::seccomp::{self, Verdict};
use crate::limits::{NOTIFICATIONS_PER_TURN, PROGRAM_BYTES_MAX, REFUSALS_MAX};
use crate::report::Refused;
use crate::sys::filter::{self, Answer, Call};

/// What was refused, each thing once with a count.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pub(super) list: Vec<Refused>,
    /// Refusals after the list was full.
    pub(super) more: u64,
}

impl Refusals {
    fn record(&mut self, what: String, program: String, command: String) {
        let known = self.list.iter_mut().find(|row| row.what == what && row.program == program);
        if let Some(row) = known {
            row.times = row.times.saturating_add(1);
        } else if self.list.len() < REFUSALS_MAX {
            self.list.push(Refused { what, program, command, times: 1 });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// Answers the calls that wait now, up to a bound. Returns false when no more can come.
pub(super) fn turn(listener: &OwnedFd, refusals: &mut Refusals) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    for _ in 0..NOTIFICATIONS_PER_TURN {
        let mut ready = [PollFd::new(listener, PollFlags::IN)];
        if poll(&mut ready, Some(&now)).is_err() {
            return true;
        }
        let [ready] = ready.map(|fd| fd.revents());
        if !ready.contains(PollFlags::IN) {
            return !ready.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        }
        // It is an error when the caller died since: then there is nothing to answer.
        if let Ok(call) = filter::receive(listener.as_fd()) {
            answer(listener.as_fd(), &call, refusals);
        }
    }
    true
}

fn answer(listener: BorrowedFd<'_>, call: &Call, refusals: &mut Refusals) {
    let (what, answer) = match seccomp::verdict(call.number, &call.arguments) {
        Verdict::Tell(errno) => (Some(describe(call)), Answer::Fail(errno)),
        Verdict::Look => match destination(call) {
            Some(address) => {
                (Some(format!("{} {address}", seccomp::name(call.number))), Answer::Fail(libc::ENETUNREACH))
            }
            // What is read here may change before the kernel reads it again. That is harmless: not this
            // filter but the empty network namespace holds the network.
            None => (None, Answer::Continue),
        },
        // The filter and the table are the same; what it lets through does not come here.
        Verdict::Allow | Verdict::Quiet(_) => (Some(describe(call)), Answer::Fail(libc::EPERM)),
    };
    let program = what.map(|what| (what, program(call.pid), command(call.pid)));
    // Only while the call waits is the process that was looked at the one that called.
    if let Some((what, program, command)) = program
        && filter::is_waiting(listener, call.id)
    {
        refusals.record(what, program, command);
    }
    // When it cannot be answered the call fails by itself once the listener closes.
    let _ = filter::answer(listener, call.id, answer);
}

/// Returns the address outside that a call carries; `None` for one inside, or none that can be read.
fn destination(call: &Call) -> Option<SocketAddr> {
    let [_, second, third, _, fifth, sixth] = call.arguments;
    let is_connect = i64::from(call.number) == libc::SYS_connect;
    let (pointer, length) = if is_connect { (second, third) } else { (fifth, sixth) };
    let mut bytes = [0_u8; 28];
    let room = bytes.get_mut(..usize::try_from(length & 0xffff_ffff).ok()?.min(28))?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let memory = rustix::fs::open(format!("/proc/{}/mem", call.pid), flags, Mode::empty()).ok()?;
    let read = rustix::io::pread(&memory, &mut *room, pointer).ok()?;
    let address = parse_address(room.get(..read)?)?;
    let ip = address.ip().to_canonical();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(address)
}

/// Reads an internet address as the kernel has it.
fn parse_address(bytes: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    let port = u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
    let ip = match family {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::from(*bytes.get(4..)?.first_chunk::<4>()?)),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(*bytes.get(8..)?.first_chunk::<16>()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Returns what a call is, with the argument that made it refused.
fn describe(call: &Call) -> String {
    let name = seccomp::name(call.number);
    let [first, second, ..] = call.arguments;
    let low = |argument: u64| i32::try_from(argument & 0x7fff_ffff).unwrap_or_default();
    match i64::from(call.number) {
        libc::SYS_socket | libc::SYS_socketpair => match low(first) {
            libc::AF_UNIX => format!("{name} unix"),
            libc::AF_INET | libc::AF_INET6 => format!("{name} internet type {}", low(second) & 0xf),
            libc::AF_NETLINK => format!("{name} netlink"),
            family => format!("{name} family {family}"),
        },
        libc::SYS_ioctl => format!("{name} {:#x}", second & 0xffff_ffff),
        libc::SYS_clone | libc::SYS_unshare => format!("{name} of a namespace"),
        _ => name,
    }
}

/// Returns the path of the program that called, as it is inside.
fn program(pid: u32) -> String {
    match rustix::fs::readlink(format!("/proc/{pid}/exe"), Vec::new()) {
        Ok(path) => printable(path.as_bytes()),
        Err(_) => format!("[{}]", command(pid)),
    }
}

/// Returns the name of the process that called.
fn command(pid: u32) -> String {
    let file = rustix::fs::open(format!("/proc/{pid}/comm"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let mut bytes = [0; 32];
    match file.and_then(|file| rustix::io::read(&file, &mut bytes)) {
        Ok(length) => printable(bytes.get(..length).unwrap_or_default().trim_ascii_end()),
        Err(_) => String::new(),
    }
}

/// A name from inside may hold anything, and ends up in terminals.
fn printable(bytes: &[u8]) -> String {
    let bytes = bytes.get(..PROGRAM_BYTES_MAX).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}
