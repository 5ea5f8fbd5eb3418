//! Attempts on whoever keeps boundaries ready, and in its place.

use std::os::fd::RawFd;

use crate::{Outcome, number, returned};

/// Makes an attempt on a holder, if it is one.
pub(crate) fn attempt(words: &[&str]) -> Option<Outcome> {
    Some(match *words {
        ["holder-ask", owner, how] => confine(how).and_then(|()| ask(owner)),
        ["holder-be", owner, how] => confine(how).and_then(|()| be(owner)),
        _ => return None,
    })
}

/// Confines this process by what nobody else sees: a Landlock domain, or a filter of system calls that refuses nothing.
fn confine(how: &str) -> Result<(), i32> {
    /// Making sockets by name, which nothing here does.
    const HANDLED: u64 = 1 << 9;
    // SAFETY: every pointer is to what outlives the call, of the size that the kernel wants.
    unsafe {
        let returned = match how {
            "landlock" => {
                let handled = HANDLED;
                let rules = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const handled, size_of::<u64>(), 0);
                let enforce = || returned(libc::syscall(libc::SYS_landlock_restrict_self, rules, 0));
                // Who may do without shows nothing else that differs.
                enforce().or_else(|_| {
                    libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                    enforce()
                })
            }
            "filter" => {
                let allow = libc::sock_filter { code: 6, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
                let program = libc::sock_fprog { len: 1, filter: (&raw const allow).cast_mut() };
                libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                returned(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program).into())
            }
            _ => Ok(String::new()),
        };
        returned.map(drop)
    }
}

/// Asks an owner's holder for a boundary that it does not have. It says so to those whom it gives any.
fn ask(owner: &str) -> Outcome {
    let socket = socket(owner, |fd, address, length| unsafe { libc::connect(fd, address, length) })?;
    let shown = receive(socket)?;
    let seen = look(socket, number_in(&shown)).unwrap_or_default();
    send(socket, &format!("{{\"take\":{{\"key\":\"\",\"seen\":\"{seen}\",\"number\":0}}}}"))?;
    receive(socket)
}

/// Takes an owner's name, says so, and waits for a launcher. The outcome is whether it can look into that.
fn be(owner: &str) -> Outcome {
    let socket = socket(owner, |fd, address, length| unsafe { libc::bind(fd, address, length) })?;
    returned(unsafe { libc::listen(socket, 1) }.into())?;
    println!("up");
    let asker = unsafe { libc::accept(socket, std::ptr::null_mut(), std::ptr::null_mut()) };
    returned(asker.into())?;
    let token = unsafe { libc::memfd_create(c"token".as_ptr(), 0) };
    send(asker, &format!("{{\"shows\":{{\"number\":{token}}}}}"))?;
    let question = receive(asker)?;
    let (_, number) = question.rsplit_once("\"number\":").ok_or(libc::EPROTO)?;
    look(asker, number_in(number)).map(|_| String::new())
}

fn socket(owner: &str, join: impl Fn(RawFd, *const libc::sockaddr, u32) -> i32) -> Result<RawFd, i32> {
    // SAFETY: takes numbers only, or what outlives the call; an address of zeros is valid.
    unsafe {
        let name = format!("\0palisade/held/{}/{owner}", libc::geteuid());
        let mut address: libc::sockaddr_un = std::mem::zeroed();
        address.sun_family = libc::AF_UNIX as u16;
        for (to, from) in address.sun_path.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        let fd = libc::socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0);
        let patience = libc::timeval { tv_sec: 5, tv_usec: 0 };
        let length = size_of::<libc::timeval>() as u32;
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, (&raw const patience).cast(), length);
        returned(join(fd, (&raw const address).cast(), (2 + name.len()) as u32).into())?;
        Ok(fd)
    }
}

/// Returns what the other side shows to those who may look into it.
fn look(socket: RawFd, number: i64) -> Outcome {
    // SAFETY: what the kernel fills is valid for its size.
    let pid = unsafe {
        let mut peer: libc::ucred = std::mem::zeroed();
        let mut length = size_of::<libc::ucred>() as u32;
        libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut peer).cast(), &raw mut length);
        peer.pid
    };
    let link =
        std::fs::read_link(format!("/proc/{pid}/fd/{number}")).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    let link = link.to_string_lossy();
    Ok(link.trim_start_matches("/memfd:").trim_end_matches(" (deleted)").to_owned())
}

fn number_in(text: &str) -> i64 {
    number(&text.chars().filter(char::is_ascii_digit).collect::<String>())
}

fn send(socket: RawFd, text: &str) -> Outcome {
    // SAFETY: the bytes are valid for their length.
    returned(unsafe { libc::send(socket, text.as_ptr().cast(), text.len(), libc::MSG_NOSIGNAL) } as i64)
}

/// Returns the next message; `nothing` when the other side has let go.
fn receive(socket: RawFd) -> Outcome {
    let mut bytes = [0_u8; 4096];
    // SAFETY: the bytes may be written, as many as there are.
    let length = unsafe { libc::recv(socket, bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    returned(length as i64)?;
    let text = String::from_utf8_lossy(&bytes[..length as usize]).into_owned();
    Ok(if text.is_empty() { "nothing".to_owned() } else { text })
}
