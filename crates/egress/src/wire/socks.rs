//! SOCKS 5. The server's side: a greeting, a name and password, a request to connect; nothing else is served. And the client's
//! towards a proxy that wants no name: the same greeting and request, and their answers.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Cursor, Progress};
use crate::host::{Host, HostFault, Target};

/// The first byte of a client that speaks this version.
pub const VERSION: u8 = 5;
/// The first byte of a client that speaks the version before, which is refused.
pub const VERSION_BEFORE: u8 = 4;
/// The answer to a client of the version before.
pub const REFUSED_BEFORE: [u8; 8] = [0, 0x5b, 0, 0, 0, 0, 0, 0];

/// Ways of telling who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Greeting {
    /// The client can go on without.
    pub offers_none: bool,
    /// The client can send a name and a password.
    pub offers_password: bool,
}

/// Which way the server has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    /// No name.
    None = 0,
    /// Name and password.
    Password = 2,
    /// None that was offered will do.
    Unacceptable = 0xff,
}

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A connection.
    Connect(Target),
    /// What is not served: to listen, to send datagrams, and what nobody knows.
    Other(u8),
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reply {
    /// It is connected.
    Done = 0,
    /// Something else went wrong.
    Failure = 1,
    /// A rule says no.
    Refused = 2,
    /// There is no such host, or no way to it.
    Unreachable = 4,
    /// The host says no.
    Closed = 5,
    /// It took too long.
    Late = 6,
    /// Only connections are served.
    Unknown = 7,
    /// An address of a kind that nobody knows.
    Address = 8,
}

/// Why bytes are not SOCKS 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SocksFault {
    /// Another version, or a byte that must be another.
    #[error("is no SOCKS of version 5")]
    Form,
    /// An address of a kind that nobody knows.
    #[error("has an address of a kind that nobody knows")]
    Address,
    /// The host is none.
    #[error("names no host")]
    Host(#[source] HostFault),
}

/// Reads a greeting.
pub fn read_greeting(bytes: &[u8]) -> Result<Progress<Greeting>, SocksFault> {
    let mut cursor = Cursor::new(bytes);
    if cursor.byte().is_some_and(|version| version != VERSION) {
        return Err(SocksFault::Form);
    }
    Ok(match cursor.short_vector() {
        Some(methods) => {
            let offers = |method: Method| methods.contains(&(method as u8));
            let greeting = Greeting { offers_none: offers(Method::None), offers_password: offers(Method::Password) };
            Progress::Done(greeting, bytes.len() - cursor.left())
        }
        None => Progress::More,
    })
}

/// Reads a name and a password, and returns the password.
pub fn read_password(bytes: &[u8]) -> Result<Progress<Vec<u8>>, SocksFault> {
    let mut cursor = Cursor::new(bytes);
    if cursor.byte().is_some_and(|version| version != 1) {
        return Err(SocksFault::Form);
    }
    Ok(match (cursor.short_vector(), cursor.short_vector()) {
        (Some(_), Some(password)) => Progress::Done(password.to_vec(), bytes.len() - cursor.left()),
        _ => Progress::More,
    })
}

/// Reads a request.
pub fn read_request(bytes: &[u8]) -> Result<Progress<Request>, SocksFault> {
    let mut cursor = Cursor::new(bytes);
    let mut head = [0; 4];
    for part in &mut head {
        let Some(byte) = cursor.byte() else { return Ok(Progress::More) };
        *part = byte;
    }
    let [version, command, reserved, kind] = head;
    if version != VERSION || reserved != 0 {
        return Err(SocksFault::Form);
    }
    let Some(host) = host(kind, &mut cursor)? else { return Ok(Progress::More) };
    let Some(port) = cursor.short() else { return Ok(Progress::More) };
    let taken = bytes.len() - cursor.left();
    if command != 1 {
        return Ok(Progress::Done(Request::Other(command), taken));
    }
    let target = host.and_then(|host| Target::new(host, port)).map_err(SocksFault::Host)?;
    Ok(Progress::Done(Request::Connect(target), taken))
}

/// A host, or why what stands for one is none.
type Named = Result<Host, HostFault>;

/// Takes the host; `None` where it is not yet there.
fn host(kind: u8, cursor: &mut Cursor<'_>) -> Result<Option<Named>, SocksFault> {
    let address = |address: IpAddr| Some(Ok(Host::from_address(address)));
    Ok(match kind {
        1 => cursor
            .take(4)
            .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
            .and_then(|b| address(Ipv4Addr::from(b).into())),
        4 => cursor
            .take(16)
            .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok())
            .and_then(|b| address(Ipv6Addr::from(b).into())),
        3 => cursor
            .short_vector()
            .map(|name| core::str::from_utf8(name).map_err(|_| HostFault::Foreign).and_then(Host::parse_bare)),
        _ => return Err(SocksFault::Address),
    })
}

/// Returns the bytes of the choice of a way.
pub fn choose(method: Method) -> [u8; 2] {
    [VERSION, method as u8]
}

/// Returns the bytes of the answer to a name and a password.
pub fn admit(is_right: bool) -> [u8; 2] {
    [1, u8::from(!is_right)]
}

/// Returns the bytes of the answer to a request.
pub fn reply(reply: Reply) -> [u8; 10] {
    [VERSION, reply as u8, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// The bytes of a greeting that offers to go on without a name.
pub const GREETING: [u8; 3] = [VERSION, 1, Method::None as u8];

/// Returns the bytes of a request to connect; the proxy looks names up.
pub fn connect(target: &Target) -> Vec<u8> {
    let mut bytes = vec![VERSION, 1, 0];
    match (target.host.as_address(), target.host.as_name()) {
        (Some(IpAddr::V4(address)), _) => {
            bytes.push(1);
            bytes.extend(address.octets());
        }
        (Some(IpAddr::V6(address)), _) => {
            bytes.push(4);
            bytes.extend(address.octets());
        }
        (None, name) => {
            // No name of a host is longer than 253 letters.
            let name = name.unwrap_or_default().as_bytes();
            bytes.extend([3, u8::try_from(name.len()).unwrap_or_default()]);
            bytes.extend_from_slice(name);
        }
    }
    bytes.extend(target.port().to_be_bytes());
    bytes
}

/// Reads the answer to a greeting; true when the proxy goes on without a name.
pub fn read_choice(bytes: &[u8]) -> Result<Progress<bool>, SocksFault> {
    match bytes {
        [version, ..] if *version != VERSION => Err(SocksFault::Form),
        [_, method, ..] => Ok(Progress::Done(*method == Method::None as u8, 2)),
        _ => Ok(Progress::More),
    }
}

/// Reads the answer to a request to connect: 0 when it is connected.
pub fn read_reply(bytes: &[u8]) -> Result<Progress<u8>, SocksFault> {
    let mut cursor = Cursor::new(bytes);
    let mut head = [0; 4];
    for part in &mut head {
        let Some(byte) = cursor.byte() else { return Ok(Progress::More) };
        *part = byte;
    }
    let [version, reply, _, kind] = head;
    if version != VERSION {
        return Err(SocksFault::Form);
    }
    // Where the proxy itself is on the other side: nobody asks.
    let (Some(_), Some(_)) = (host(kind, &mut cursor)?, cursor.short()) else { return Ok(Progress::More) };
    Ok(Progress::Done(reply, bytes.len() - cursor.left()))
}
