//! The name or address of a machine, read once for the rules, the lookup, the hello, the dial and the record.
//!
//! There is one spelling of each host. What readers of host names disagree about is no host: addresses of version 4
//! in any other form than four decimal numbers, zones, letters beyond ASCII (three standards map them to different
//! names), percent signs, and whatever else does not belong into a name.

mod language;
mod pattern;
mod url;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use pattern::match_star;
pub use pattern::{HostPattern, PatternFault, Place, Readings};

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 253;
/// Bytes of one label of a name.
const LABEL_BYTES_MAX: usize = 63;

/// A host: a name in lower case without a dot at its end, or an address.
///
/// An address of version 6 that holds one of version 4 in the mapped form is the one it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(Form);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    Name(Box<str>),
    Address(IpAddr),
}

/// Why a text is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HostFault {
    /// There is nothing.
    #[error("the host is empty")]
    Empty,
    /// More bytes than a name has.
    #[error("the host is longer than 253 bytes")]
    Long,
    /// A label is empty, too long, or begins or ends with a hyphen.
    #[error("the host has a label that no name has")]
    Label,
    /// A character that no name has.
    #[error("the host has a character that no name has")]
    Letter,
    /// Letters beyond ASCII.
    #[error("the host has letters beyond ASCII; its ASCII form begins with `xn--`")]
    Foreign,
    /// What only some readers take for an address.
    #[error("the host is a number that only some readers take for an address")]
    Number,
    /// An address of version 6 that cannot be read.
    #[error("the host is no address of version 6")]
    Address,
    /// An address of version 6 with a zone.
    #[error("the host has a zone")]
    Zone,
    /// No port, or none that is written plainly.
    #[error("the port is missing or no plain number from 1 to 65535")]
    Port,
}

impl Host {
    /// Reads a host as it stands in URLs and requests: addresses of version 6 are in brackets.
    pub fn parse(text: &str) -> Result<Self, HostFault> {
        match text.strip_prefix('[') {
            Some(rest) => Self::bare_address(rest.strip_suffix(']').ok_or(HostFault::Address)?),
            None => Self::name(text),
        }
    }

    /// Reads a host where addresses of version 6 stand without brackets, as in SOCKS.
    pub fn parse_bare(text: &str) -> Result<Self, HostFault> {
        if text.contains(':') { Self::bare_address(text) } else { Self::name(text) }
    }

    /// Reads a host from bytes, as [`Host::parse`] does.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, HostFault> {
        Self::parse(core::str::from_utf8(bytes).map_err(|_| HostFault::Foreign)?)
    }

    /// Returns the host of an address.
    pub fn from_address(address: IpAddr) -> Self {
        let plain = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(inner) => inner.to_ipv4_mapped().map_or(address, IpAddr::V4),
        };
        Self(Form::Address(plain))
    }

    /// Returns the name, if it is one.
    pub fn as_name(&self) -> Option<&str> {
        match &self.0 {
            Form::Name(name) => Some(name),
            Form::Address(_) => None,
        }
    }

    /// Returns the address, if it is one.
    pub fn as_address(&self) -> Option<IpAddr> {
        match &self.0 {
            Form::Name(_) => None,
            Form::Address(address) => Some(*address),
        }
    }

    fn bare_address(text: &str) -> Result<Self, HostFault> {
        if text.contains('%') {
            return Err(HostFault::Zone);
        }
        let address = text.parse::<Ipv6Addr>().map_err(|_| HostFault::Address)?;
        Ok(Self::from_address(IpAddr::V6(address)))
    }

    /// Reads a name or an address of version 4.
    fn name(text: &str) -> Result<Self, HostFault> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self(Form::Address(IpAddr::V4(address))));
        }
        if !text.is_ascii() {
            return Err(HostFault::Foreign);
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() {
            return Err(HostFault::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(HostFault::Long);
        }
        name.split('.').try_for_each(check_label)?;
        if ends_in_number(&name) {
            return Err(HostFault::Number);
        }
        Ok(Self(Form::Name(name.into_boxed_str())))
    }
}

/// Returns true when some readers take a text of these labels for an address of version 4.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.bytes().all(|digit| digit.is_ascii_digit()) || last.starts_with("0x")
}

fn check_label(label: &str) -> Result<(), HostFault> {
    if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Err(HostFault::Letter);
    }
    let is_shaped = !label.is_empty() && label.len() <= LABEL_BYTES_MAX;
    if !is_shaped || label.starts_with('-') || label.ends_with('-') || label.bytes().all(|byte| byte == b'_') {
        return Err(HostFault::Label);
    }
    Ok(())
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Name(name) => formatter.write_str(name),
            Form::Address(IpAddr::V4(address)) => write!(formatter, "{address}"),
            Form::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
        }
    }
}

/// A host and a port: where a connection wants to go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The host.
    pub host: Host,
    /// The port, never 0.
    pub port: core::num::NonZeroU16,
}

impl Target {
    /// Returns the target of a host and a port number.
    pub fn new(host: Host, port: u16) -> Result<Self, HostFault> {
        let port = core::num::NonZeroU16::new(port).ok_or(HostFault::Port)?;
        Ok(Self { host, port })
    }

    /// Reads `host:port`; where there is no port it is the one given, and without one there must be a port.
    pub fn parse(text: &str, port: Option<u16>) -> Result<Self, HostFault> {
        let end = if text.starts_with('[') { text.find(']').map(|at| at + 1) } else { text.find(':') };
        let (host, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
        let host = Host::parse(host)?;
        let port = match rest.strip_prefix(':') {
            Some(digits) => parse_port(digits)?,
            None if rest.is_empty() => port.ok_or(HostFault::Port)?,
            None => return Err(HostFault::Port),
        };
        Self::new(host, port)
    }

    /// Returns the port's number.
    pub fn port(&self) -> u16 {
        self.port.get()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// Reads a port: digits alone, without zeros before them.
fn parse_port(digits: &str) -> Result<u16, HostFault> {
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.starts_with('0');
    if is_plain { digits.parse().map_err(|_| HostFault::Port) } else { Err(HostFault::Port) }
}
