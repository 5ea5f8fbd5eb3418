//! Messages between a program and an agent (RFC 9987), as bytes. Nothing here panics, and nothing is left over.

use crate::limits::{AGENT_KEYS_MAX, AGENT_MESSAGE_BYTES_MAX};

const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const EXTENSION: u8 = 27;
const EXTENSION_FAILURE: u8 = 28;

/// The extension by which a program says which session it logs in to.
const BIND: &[u8] = b"session-bind@openssh.com";

/// What a program asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// Which keys there are.
    Identities,
    /// To sign.
    Sign(Sign<'a>),
    /// To take a session for the one of this connection.
    Bind(Bind<'a>),
    /// Anything else; it is refused whatever is in it.
    Other(Other),
}

/// To sign some data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign<'a> {
    /// The public key.
    pub key: &'a [u8],
    /// The data.
    pub data: &'a [u8],
    /// How.
    pub flags: u32,
}

/// To take a session for the one of this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The server's public key.
    pub host_key: &'a [u8],
    /// The session's identifier.
    pub session: &'a [u8],
    /// The server's signature of it.
    pub signature: &'a [u8],
    /// Whether the agent is passed on to that server.
    pub is_forwarded: bool,
}

/// What is refused whatever is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// To take a key.
    Add,
    /// To lose a key.
    Remove,
    /// To take or lose the keys of a card.
    Card,
    /// To lock or unlock the agent.
    Lock,
    /// Another extension.
    Extension,
    /// A request that nobody knows.
    Unknown,
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message does not have the form that it should have")]
pub struct MessageFault;

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.take(4)?.first_chunk()?))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let count = self.number()?;
        self.take(usize::try_from(count).ok()?)
    }

    /// Reads a truth value in one of its two forms.
    pub(super) fn truth(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Returns a value if nothing is left.
    pub(super) fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

/// Returns what kind of key these bytes are.
pub fn kind(key: &[u8]) -> Option<&str> {
    core::str::from_utf8(Reader(key).string()?).ok()
}

/// Returns how long the message is that begins with these four bytes.
pub fn length(prefix: [u8; 4]) -> Result<usize, MessageFault> {
    let length = usize::try_from(u32::from_be_bytes(prefix)).map_err(|_| MessageFault)?;
    if (1..=AGENT_MESSAGE_BYTES_MAX).contains(&length) { Ok(length) } else { Err(MessageFault) }
}

/// Reads a request, without the four bytes of its length.
pub fn read(message: &[u8]) -> Result<Request<'_>, MessageFault> {
    let mut reader = Reader(message);
    let number = reader.byte().ok_or(MessageFault)?;
    let request = match number {
        REQUEST_IDENTITIES => reader.end(Request::Identities),
        SIGN_REQUEST => sign(reader).map(Request::Sign),
        EXTENSION => match reader.string() {
            Some(BIND) => bind(reader).map(Request::Bind),
            Some(_) => Some(Request::Other(Other::Extension)),
            None => None,
        },
        17 | 25 => Some(Request::Other(Other::Add)),
        18 | 19 => Some(Request::Other(Other::Remove)),
        20 | 21 | 26 => Some(Request::Other(Other::Card)),
        22 | 23 => Some(Request::Other(Other::Lock)),
        _ => Some(Request::Other(Other::Unknown)),
    };
    request.ok_or(MessageFault)
}

fn sign(mut reader: Reader<'_>) -> Option<Sign<'_>> {
    let sign = Sign { key: reader.string()?, data: reader.string()?, flags: reader.number()? };
    reader.end(sign)
}

fn bind(mut reader: Reader<'_>) -> Option<Bind<'_>> {
    let bind = Bind {
        host_key: reader.string()?,
        session: reader.string()?,
        signature: reader.string()?,
        is_forwarded: reader.truth()?,
    };
    reader.end(bind)
}

/// A key that an agent has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The public key.
    pub key: Vec<u8>,
    /// What it is called.
    pub comment: String,
}

/// Reads an agent's answer about its keys, and returns their public parts.
pub fn read_identities(message: &[u8]) -> Result<Vec<&[u8]>, MessageFault> {
    let read = || {
        let mut reader = Reader(message);
        (reader.byte()? == IDENTITIES_ANSWER).then_some(())?;
        let count = usize::try_from(reader.number()?).ok().filter(|count| *count <= AGENT_KEYS_MAX)?;
        let mut keys = Vec::new();
        for _ in 0..count {
            keys.push(reader.string()?);
            reader.string()?;
        }
        reader.end(keys)
    };
    read().ok_or(MessageFault)
}

/// Reads an agent's answer to a request to sign, and returns the signature.
pub fn read_signature(message: &[u8]) -> Result<&[u8], MessageFault> {
    let read = || {
        let mut reader = Reader(message);
        (reader.byte()? == SIGN_RESPONSE).then_some(())?;
        let signature = reader.string()?;
        reader.end(signature)
    };
    read().ok_or(MessageFault)
}

/// Returns a message with its length before it.
fn framed(parts: &[Part<'_>]) -> Vec<u8> {
    let mut made = vec![0; 4];
    for part in parts {
        match part {
            Part::Byte(byte) => made.push(*byte),
            Part::Number(number) => made.extend_from_slice(&number.to_be_bytes()),
            Part::String(bytes) => {
                made.extend_from_slice(&count(bytes).to_be_bytes());
                made.extend_from_slice(bytes);
            }
        }
    }
    let length = u32::try_from(made.len().saturating_sub(4)).unwrap_or(u32::MAX);
    if let Some(prefix) = made.first_chunk_mut::<4>() {
        *prefix = length.to_be_bytes();
    }
    made
}

enum Part<'a> {
    Byte(u8),
    Number(u32),
    String(&'a [u8]),
}

fn count(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Returns the refusal of a request.
pub fn refusal(of: &Request<'_>) -> Vec<u8> {
    let is_extension = matches!(of, Request::Bind(_) | Request::Other(Other::Extension));
    framed(&[Part::Byte(if is_extension { EXTENSION_FAILURE } else { FAILURE })])
}

/// Returns the refusal of what is no request.
pub fn failure() -> Vec<u8> {
    framed(&[Part::Byte(FAILURE)])
}

/// Returns a plain yes.
pub fn success() -> Vec<u8> {
    framed(&[Part::Byte(SUCCESS)])
}

/// Returns the answer with these keys.
pub fn identities(keys: &[Identity]) -> Vec<u8> {
    let mut parts = vec![Part::Byte(IDENTITIES_ANSWER), Part::Number(u32::try_from(keys.len()).unwrap_or(0))];
    for Identity { key, comment } in keys {
        parts.extend([Part::String(key), Part::String(comment.as_bytes())]);
    }
    framed(&parts)
}

/// Returns the answer with a signature.
pub fn signature(signature: &[u8]) -> Vec<u8> {
    framed(&[Part::Byte(SIGN_RESPONSE), Part::String(signature)])
}

/// Returns a request as it goes to an agent; nothing for what never goes there.
pub fn render(request: &Request<'_>) -> Option<Vec<u8>> {
    Some(match request {
        Request::Identities => framed(&[Part::Byte(REQUEST_IDENTITIES)]),
        Request::Sign(Sign { key, data, flags }) => {
            framed(&[Part::Byte(SIGN_REQUEST), Part::String(key), Part::String(data), Part::Number(*flags)])
        }
        Request::Bind(Bind { host_key, session, signature, is_forwarded }) => framed(&[
            Part::Byte(EXTENSION),
            Part::String(BIND),
            Part::String(host_key),
            Part::String(session),
            Part::String(signature),
            Part::Byte(u8::from(*is_forwarded)),
        ]),
        Request::Other(_) => return None,
    })
}
