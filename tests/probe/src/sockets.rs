//! Attempts on sockets.

use std::net::{TcpListener, TcpStream, UdpSocket};

use crate::{Outcome, done, errno, number, returned};

/// Makes a socket attempt, if it is one.
pub(crate) fn attempt(words: &[&str]) -> Option<Outcome> {
    // SAFETY (of every call below): takes numbers only.
    Some(match *words {
        ["tcp", address] => done(TcpStream::connect(address)),
        ["udp", address, text] => {
            done(UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(text.as_bytes(), address)))
        }
        ["udp-msg", address] => udp_msg(address),
        ["loopback"] => loopback(),
        ["socket", family, kind, protocol] => returned(
            unsafe { libc::socket(number(family) as i32, number(kind) as i32, number(protocol) as i32) }.into(),
        ),
        ["socketpair", kind] => pair(number(kind) as i32).map(|_| String::new()),
        ["unix-bind", path] => unix_bind(path),
        ["unix-connect", path] => unix_connect(path),
        ["tcp-serve-once", address] => tcp_serve_once(address).map_err(|error| error.raw_os_error().unwrap_or(0)),
        ["unix-hear", path] => unix_hear(path).map_err(|error| error.raw_os_error().unwrap_or(0)),
        ["unix-race", good, bad] => unix_race(good, bad),
        ["pair-sendto", path, text] => pair(libc::SOCK_DGRAM).and_then(|[fd, _]| send_to(fd, path, text)),
        ["pair-stream-connect", path] => pair(libc::SOCK_STREAM).and_then(|[fd, _]| {
            let (address, length) = unix_address(path);
            returned(unsafe { libc::connect(fd, (&raw const address).cast(), length) }.into())
        }),
        ["abstract-bind", name] => abstract_bind(name),
        _ => return None,
    })
}

/// Waits for one connection, and returns what is said there.
fn tcp_serve_once(address: &str) -> std::io::Result<String> {
    let mut said = String::new();
    std::io::Read::read_to_string(&mut TcpListener::bind(address)?.accept()?.0, &mut said)?;
    Ok(said.trim_end().to_owned())
}

/// Connects, and returns what is said.
fn unix_hear(path: &str) -> std::io::Result<String> {
    let mut said = String::new();
    std::io::Read::read_to_string(&mut std::os::unix::net::UnixStream::connect(path)?, &mut said)?;
    Ok(said.trim_end().to_owned())
}

fn stream(family: i32) -> Result<i32, i32> {
    // SAFETY: takes numbers only.
    let socket = unsafe { libc::socket(family, libc::SOCK_STREAM, 0) };
    if socket < 0 { Err(errno()) } else { Ok(socket) }
}

/// Connects again and again, while the address changes in memory from one path to the other and the descriptor from a
/// socket of the internet to one of these; returns what was heard, each once.
fn unix_race(good: &str, bad: &str) -> Outcome {
    const ROUNDS: usize = 3000;
    let (good, length) = unix_address(good);
    let (bad, bad_length) = unix_address(bad);
    let length = length.max(bad_length);
    // A byte behind the path ends it.
    let shared = Box::into_raw(Box::new(good)) as usize;
    let unix = stream(libc::AF_UNIX)?;
    let inet = stream(libc::AF_INET)?;
    let number = 200;
    let flip = std::thread::spawn(move || {
        for _ in 0..ROUNDS * 40 {
            unsafe { std::ptr::write_volatile(shared as *mut libc::sockaddr_un, bad) };
            unsafe { libc::dup2(inet, number) };
            unsafe { std::ptr::write_volatile(shared as *mut libc::sockaddr_un, good) };
            unsafe { libc::dup2(unix, number) };
        }
    });
    let mut heard = std::collections::BTreeSet::new();
    for _ in 0..ROUNDS {
        let fresh = stream(libc::AF_UNIX)?;
        for fd in [fresh, number] {
            if unsafe { libc::connect(fd, shared as *const libc::sockaddr, length) } == 0 {
                let mut bytes = [0_u8; 64];
                let count = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
                // Nothing, where the descriptor has changed since.
                let said = bytes.get(..count.max(0) as usize).unwrap_or_default();
                heard.insert(String::from_utf8_lossy(said).trim_end().to_owned());
            }
        }
        unsafe { libc::close(fresh) };
        if flip.is_finished() {
            break;
        }
    }
    flip.join().map_err(|_| libc::EIO)?;
    Ok(heard.into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>().join(","))
}

/// Talks to itself over the loopback interface.
fn loopback() -> Outcome {
    done(TcpListener::bind("127.0.0.1:0").and_then(|listener| TcpStream::connect(listener.local_addr()?)))?;
    done(TcpListener::bind("[::1]:0").and_then(|listener| TcpStream::connect(listener.local_addr()?)))?;
    done(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", socket.local_addr()?)))
}

fn udp_msg(address: &str) -> Outcome {
    let address: std::net::SocketAddrV4 = address.parse().map_err(|_| libc::EINVAL)?;
    let name = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    };
    let part = libc::iovec { iov_base: c"x".as_ptr().cast_mut().cast(), iov_len: 1 };
    // SAFETY: a header of zeros is valid; the address and the part outlive the call.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_name = (&raw const name).cast_mut().cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
        header.msg_iov = (&raw const part).cast_mut();
        header.msg_iovlen = 1;
        returned(libc::sendmsg(fd, &raw const header, 0) as i64)
    }
}

fn pair(kind: i32) -> Result<[i32; 2], i32> {
    let mut fds = [0; 2];
    // SAFETY: room for both descriptors.
    let result = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) };
    if result < 0 { Err(errno()) } else { Ok(fds) }
}

/// Returns a Unix address; a name that begins with `@` is an abstract one.
fn unix_address(path: &str) -> (libc::sockaddr_un, u32) {
    // SAFETY: an address of zeros is valid.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as u16;
    for (slot, byte) in address.sun_path.iter_mut().zip(path.bytes()) {
        *slot = if byte == b'@' { 0 } else { byte as libc::c_char };
    }
    let rest = if path.starts_with('@') { path.len() } else { path.len() + 1 };
    (address, (2 + rest) as u32)
}

fn unix_connect(path: &str) -> Outcome {
    let (address, length) = unix_address(path);
    // SAFETY: a valid address of the length that is told.
    unsafe {
        let fd = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
        if fd < 0 {
            return Err(errno());
        }
        returned(libc::connect(fd, (&raw const address).cast(), length).into())
    }
}

fn unix_bind(path: &str) -> Outcome {
    done(std::os::unix::net::UnixListener::bind(path))
}

fn send_to(fd: i32, path: &str, text: &str) -> Outcome {
    let (address, length) = unix_address(path);
    // SAFETY: a valid address of the length that is told, and bytes that outlive the call.
    returned(unsafe {
        libc::sendto(fd, text.as_ptr().cast(), text.len(), 0, (&raw const address).cast(), length) as i64
    })
}

fn abstract_bind(name: &str) -> Outcome {
    let (address, length) = unix_address(&format!("@{name}"));
    // SAFETY: a valid address of the length that is told.
    unsafe {
        let fd = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
        if fd < 0 {
            return Err(errno());
        }
        returned(libc::bind(fd, (&raw const address).cast(), length).into())
    }
}
