//! As much of D-Bus as it takes to ask the Secret Service: one connection, one call at a time.
//!
//! The session's secret goes over the bus as it is (the algorithm `plain`): whoever can listen on a person's bus can
//! ask the service too.

mod message;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::limits::{ANSWER_BYTES_MAX, BUS_MESSAGES_MAX};
use message::{Call, Kind, Reader, Writer};

/// Why the bus or the service gave no answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BusFault {
    /// Its address is none of a local socket.
    #[error("the address of the bus names no socket on this machine")]
    Address,
    /// Nobody is there.
    #[error("the bus is not reached")]
    Unreached,
    /// It does not let this user in.
    #[error("the bus does not let this user in")]
    Refused,
    /// It takes too long.
    #[error("the bus took too long")]
    Timeout,
    /// It says something else than the protocol.
    #[error("the bus does not speak as it should")]
    Protocol,
    /// Its message is too long.
    #[error("a message of the bus is too long")]
    Long,
    /// The service answers with an error.
    #[error("the keychain answered with an error")]
    Service,
}

/// A connection to a bus.
#[derive(Debug)]
pub(crate) struct Bus {
    stream: UnixStream,
    deadline: Instant,
    serial: u32,
}

impl Bus {
    /// Connects to the first of the addresses that is a socket on this machine.
    pub(crate) fn connect(address: &str, timeout: Duration) -> Result<Self, BusFault> {
        let deadline = Instant::now() + timeout;
        let stream = address.split(';').find_map(socket).ok_or(BusFault::Address)?.map_err(|_| BusFault::Unreached)?;
        let mut bus = Self { stream, deadline, serial: 0 };
        bus.authenticate()?;
        bus.call(&Call::bus("Hello"), "s")?;
        Ok(bus)
    }

    fn authenticate(&mut self) -> Result<(), BusFault> {
        let user = rustix::process::getuid().as_raw().to_string();
        let user: String = user.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            if line.len() > 512 {
                return Err(BusFault::Protocol);
            }
            line.extend(self.receive(1)?.iter());
        }
        if !line.starts_with(b"OK ") {
            return Err(BusFault::Refused);
        }
        self.send(b"BEGIN\r\n")
    }

    /// Calls a method and returns the answer's body, which has these types.
    fn call(&mut self, call: &Call<'_>, signature: &str) -> Result<Zeroizing<Vec<u8>>, BusFault> {
        self.serial += 1;
        let serial = self.serial;
        self.send(&call.render(serial))?;
        for _ in 0..BUS_MESSAGES_MAX {
            let fixed = self.receive(16)?;
            let lengths = message::lengths(&fixed).ok_or(BusFault::Protocol)?;
            if lengths.head > ANSWER_BYTES_MAX || lengths.body > ANSWER_BYTES_MAX {
                return Err(BusFault::Long);
            }
            let head = self.receive(lengths.head)?;
            let body = self.receive(lengths.body)?;
            let head = message::head(&fixed, &head).ok_or(BusFault::Protocol)?;
            match head.kind {
                Kind::Answer if head.answers == Some(serial) && head.signature == signature => return Ok(body),
                Kind::Answer if head.answers == Some(serial) => return Err(BusFault::Protocol),
                Kind::Error if head.answers == Some(serial) => return Err(BusFault::Service),
                Kind::Answer | Kind::Error | Kind::Other => {}
            }
        }
        Err(BusFault::Protocol)
    }

    fn left(&self) -> Result<Duration, BusFault> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(BusFault::Timeout) } else { Ok(left) }
    }

    fn send(&mut self, mut bytes: &[u8]) -> Result<(), BusFault> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.left()?)).map_err(|_| BusFault::Unreached)?;
            match self.stream.write(bytes) {
                Ok(0) => return Err(BusFault::Unreached),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) => passing(&error)?,
            }
        }
        Ok(())
    }

    fn receive(&mut self, count: usize) -> Result<Zeroizing<Vec<u8>>, BusFault> {
        let mut bytes = Zeroizing::new(vec![0; count]);
        let mut length = 0;
        while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
            self.stream.set_read_timeout(Some(self.left()?)).map_err(|_| BusFault::Unreached)?;
            match self.stream.read(room) {
                Ok(0) => return Err(BusFault::Unreached),
                Ok(count) => length += count,
                Err(error) => passing(&error)?,
            }
        }
        Ok(bytes)
    }
}

/// Returns whether an error may pass by itself; the time that is left is looked at again.
fn passing(error: &std::io::Error) -> Result<(), BusFault> {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    match error.kind() {
        Interrupted | TimedOut | WouldBlock => Ok(()),
        _ => Err(BusFault::Unreached),
    }
}

/// Connects to the socket that an address names, or returns nothing where it names none.
fn socket(address: &str) -> Option<std::io::Result<UnixStream>> {
    let values = address.strip_prefix("unix:")?;
    values.split(',').find_map(|pair| match pair.split_once('=')? {
        ("path", path) => Some(UnixStream::connect(std::ffi::OsStr::from_bytes(&unescaped(path)?))),
        ("abstract", name) => {
            let address = std::os::unix::net::SocketAddr::from_abstract_name(unescaped(name)?);
            Some(address.and_then(|address| UnixStream::connect_addr(&address)))
        }
        _ => None,
    })
}

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut made = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || u8::try_from(char::from(bytes.next()?).to_digit(16)?).ok();
        made.push(if byte == b'%' { digit()? << 4 | digit()? } else { byte });
    }
    Some(made)
}

/// The service that keeps secrets.
#[derive(Debug)]
pub(crate) struct SecretService {
    bus: Bus,
}

const SERVICE: &str = "org.freedesktop.Secret.Service";
const ROOT: &str = "/org/freedesktop/secrets";

impl SecretService {
    pub(crate) fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// Returns the entries with these attributes: the open ones and the locked ones.
    pub(crate) fn search(&mut self, attributes: &[(&str, &str)]) -> Result<(Vec<String>, Vec<String>), BusFault> {
        let body =
            Writer::default().array(8, attributes, |writer, (name, value)| writer.align(8).text(name).text(value));
        let answer = self.bus.call(&Call::secrets(ROOT, SERVICE, "SearchItems").with("a{ss}", body), "aoao")?;
        let mut reader = Reader::new(&answer);
        Ok((paths(&mut reader)?, paths(&mut reader)?))
    }

    /// Unlocks an entry, and returns whether that went without a question to a person.
    pub(crate) fn unlock(&mut self, item: &str) -> Result<bool, BusFault> {
        let body = Writer::default().array(4, &[item], |writer, item| writer.text(item));
        let answer = self.bus.call(&Call::secrets(ROOT, SERVICE, "Unlock").with("ao", body), "aoo")?;
        let mut reader = Reader::new(&answer);
        Ok(paths(&mut reader)?.iter().any(|unlocked| unlocked == item))
    }

    /// Returns the secret of an entry.
    pub(crate) fn secret(&mut self, item: &str) -> Result<Zeroizing<Vec<u8>>, BusFault> {
        let body = Writer::default().text("plain").variant_text("");
        let answer = self.bus.call(&Call::secrets(ROOT, SERVICE, "OpenSession").with("sv", body), "vo")?;
        let mut reader = Reader::new(&answer);
        let session = reader.variant_text().and_then(|_| reader.text()).ok_or(BusFault::Protocol)?.to_owned();
        let body = Writer::default().text(&session);
        let call = Call::secrets(item, "org.freedesktop.Secret.Item", "GetSecret").with("o", body);
        let answer = self.bus.call(&call, "(oayays)")?;
        let mut reader = Reader::new(&answer);
        reader.align(8);
        let value = reader.text().filter(|of| *of == session).and_then(|_| {
            let parameters = reader.bytes()?;
            reader.bytes().filter(|_| parameters.is_empty())
        });
        Ok(Zeroizing::new(value.ok_or(BusFault::Protocol)?.to_vec()))
    }
}

fn paths(reader: &mut Reader<'_>) -> Result<Vec<String>, BusFault> {
    reader.paths().ok_or(BusFault::Protocol)
}
