//! The first message of TLS, read for the name it shows, without ending the connection's secrecy.

use std::collections::BTreeSet;

use super::{Cursor, Progress};
use crate::host::Host;
use crate::limits::{HELLO_BYTES_MAX, RECORD_BYTES_MAX};

/// The type of a record that holds handshakes.
pub const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
/// Encrypted hellos, in the form in use and in the one before.
const ENCRYPTED: [u16; 2] = [0xfe0d, 0xffce];

/// What a hello shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The name it asks for.
    pub name: Option<Host>,
    /// True when another hello, with another name, may be hidden in it.
    pub is_encrypted: bool,
}

/// Why bytes are no hello that can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HelloFault {
    /// Not the beginning of TLS.
    #[error("it does not begin with a TLS hello")]
    Other,
    /// A length or a part that does not fit.
    #[error("its TLS hello is not well formed")]
    Form,
    /// More than is read.
    #[error("its TLS hello is too long")]
    Long,
    /// Several names, or an extension that stands twice.
    #[error("its TLS hello has several names")]
    Several,
    /// A name that is no host's.
    #[error("its TLS hello has a name that no host has")]
    Name,
}

/// Reads a hello from the beginning of a connection. The handshake may be split over records.
pub fn read(bytes: &[u8]) -> Result<Progress<Hello>, HelloFault> {
    let mut cursor = Cursor::new(bytes);
    let mut message: Vec<u8> = Vec::new();
    loop {
        let taken = bytes.len() - cursor.left();
        if taken > HELLO_BYTES_MAX {
            return Err(HelloFault::Long);
        }
        let fragment = match record(&mut cursor)? {
            Progress::More => return more(bytes),
            Progress::Done(fragment, _) => fragment,
        };
        message.extend_from_slice(fragment);
        let mut handshake = Cursor::new(&message);
        let Some(length) = handshake_length(&mut handshake)? else { continue };
        if handshake.left() > length {
            return Err(HelloFault::Form);
        }
        if handshake.left() == length {
            let hello = body(handshake)?;
            return Ok(Progress::Done(hello, bytes.len() - cursor.left()));
        }
    }
}

fn more(bytes: &[u8]) -> Result<Progress<Hello>, HelloFault> {
    if bytes.len() >= HELLO_BYTES_MAX { Err(HelloFault::Long) } else { Ok(Progress::More) }
}

/// Takes a record's bytes. What cannot become a record is told by its first bytes.
fn record<'a>(cursor: &mut Cursor<'a>) -> Result<Progress<&'a [u8]>, HelloFault> {
    let mut ahead = *cursor;
    let Some(kind) = ahead.byte() else { return Ok(Progress::More) };
    if kind != HANDSHAKE {
        return Err(HelloFault::Other);
    }
    let Some(major) = ahead.byte() else { return Ok(Progress::More) };
    if major != 3 {
        return Err(HelloFault::Other);
    }
    let Some(minor) = ahead.byte() else { return Ok(Progress::More) };
    if minor > 4 {
        return Err(HelloFault::Other);
    }
    let Some(length) = ahead.short().map(usize::from) else { return Ok(Progress::More) };
    if length == 0 || length > RECORD_BYTES_MAX {
        return Err(HelloFault::Form);
    }
    let Some(fragment) = ahead.take(length) else { return Ok(Progress::More) };
    *cursor = ahead;
    Ok(Progress::Done(fragment, length))
}

/// Reads the head of the handshake; `None` where it is not yet there.
fn handshake_length(handshake: &mut Cursor<'_>) -> Result<Option<usize>, HelloFault> {
    let Some(kind) = handshake.byte() else { return Ok(None) };
    if kind != CLIENT_HELLO {
        return Err(HelloFault::Other);
    }
    let (Some(high), Some(low)) = (handshake.byte(), handshake.short()) else { return Ok(None) };
    let length = usize::from(high) << 16 | usize::from(low);
    if length > HELLO_BYTES_MAX { Err(HelloFault::Long) } else { Ok(Some(length)) }
}

/// Reads what the handshake says.
fn body(mut rest: Cursor<'_>) -> Result<Hello, HelloFault> {
    let extensions = extensions(&mut rest).ok_or(HelloFault::Form)?;
    let mut hello = Hello { name: None, is_encrypted: false };
    let mut seen = BTreeSet::new();
    let mut list = Cursor::new(extensions);
    while !list.is_empty() {
        let kind = list.short().ok_or(HelloFault::Form)?;
        let data = list.vector().ok_or(HelloFault::Form)?;
        if !seen.insert(kind) {
            return Err(HelloFault::Several);
        }
        if kind == SERVER_NAME {
            hello.name = Some(server_name(data)?);
        }
        hello.is_encrypted |= ENCRYPTED.contains(&kind);
    }
    Ok(hello)
}

/// Returns the extensions' bytes; nothing may follow them.
fn extensions<'a>(rest: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let version = rest.short()?;
    let _random = rest.take(32)?;
    let session = rest.short_vector()?;
    let suites = rest.vector()?;
    let compression = rest.short_vector()?;
    let is_shaped = version >> 8 == 3 && session.len() <= 32 && suites.len() >= 2 && suites.len().is_multiple_of(2);
    if !is_shaped || compression.is_empty() {
        return None;
    }
    let extensions = if rest.is_empty() { &[] } else { rest.vector()? };
    rest.is_empty().then_some(extensions)
}

/// Reads the one name of the extension.
fn server_name(data: &[u8]) -> Result<Host, HelloFault> {
    let mut outer = Cursor::new(data);
    let list = outer.vector().filter(|_| outer.is_empty()).ok_or(HelloFault::Form)?;
    let mut list = Cursor::new(list);
    let kind = list.byte().ok_or(HelloFault::Form)?;
    let name = list.vector().ok_or(HelloFault::Form)?;
    if kind != 0 || !list.is_empty() {
        return Err(HelloFault::Several);
    }
    let host = Host::parse_bytes(name).map_err(|_| HelloFault::Name)?;
    // A name of a hello has no dot at its end, and servers compare it as it is.
    let is_plain = host.as_name().is_some_and(|own| own.len() == name.len());
    if is_plain { Ok(host) } else { Err(HelloFault::Name) }
}

/// The random bytes of a server that wants another hello.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
const SERVER_HELLO: u8 = 2;
/// A record that is there for the sake of those between client and server alone.
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// What a server's first record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It goes on: no other hello follows in clear text.
    On,
    /// It wants another hello, which could have another name.
    Retry,
}

/// Reads the beginning of a server's answer to a hello.
pub fn read_reply(bytes: &[u8]) -> Result<Progress<Reply>, HelloFault> {
    let mut cursor = Cursor::new(bytes);
    let (Some(kind), Some(_version)) = (cursor.byte(), cursor.short()) else { return Ok(Progress::More) };
    if kind != HANDSHAKE {
        return Ok(Progress::Done(Reply::On, bytes.len() - cursor.left()));
    }
    let (Some(length), Some(message)) = (cursor.short(), cursor.byte()) else { return Ok(Progress::More) };
    if message != SERVER_HELLO {
        return Ok(Progress::Done(Reply::On, bytes.len() - cursor.left()));
    }
    // One that is split within its random bytes cannot be told from one that wants another hello.
    if usize::from(length) < 6 + RETRY.len() {
        return Err(HelloFault::Form);
    }
    let Some(random) = cursor.take(5).and_then(|_| cursor.take(RETRY.len())) else { return Ok(Progress::More) };
    let reply = if random == RETRY { Reply::Retry } else { Reply::On };
    Ok(Progress::Done(reply, bytes.len() - cursor.left()))
}

/// Reads the other hello, before which a record may stand that means nothing.
pub fn read_again(bytes: &[u8]) -> Result<Progress<Hello>, HelloFault> {
    if bytes.len() < CHANGE_CIPHER_SPEC.len() && CHANGE_CIPHER_SPEC.starts_with(bytes) {
        return Ok(Progress::More);
    }
    match bytes.strip_prefix(&CHANGE_CIPHER_SPEC) {
        None => read(bytes),
        Some(rest) => Ok(match read(rest)? {
            Progress::More => Progress::More,
            Progress::Done(hello, taken) => Progress::Done(hello, taken + CHANGE_CIPHER_SPEC.len()),
        }),
    }
}

/// Returns a fatal alert, which a client shows its user.
pub fn alert(description: Alert) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, description as u8]
}

/// Why a client is sent away in the middle of its hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Alert {
    /// A rule says no.
    AccessDenied = 49,
    /// The name is another than the admitted one.
    UnrecognizedName = 112,
    /// No protocol that it offers is read.
    NoProtocol = 120,
}
