//! Calls that write to no file: refused ones, and connections, which are only looked at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::caller::Caller;
use super::decode::Memory;
use super::{Outcome, seccomp};
use crate::doors::{POOL, POOL_BITS};
use crate::sys::filter::Call;

/// Tells of a connection to somewhere outside. What is read here may change before the kernel reads it again.
/// That is harmless: not this filter but the empty network namespace holds the network.
pub(super) fn look(call: &Call, caller: &Caller<'_>) -> Outcome {
    bytes(call, caller).and_then(|bytes| outside(call, &bytes)).unwrap_or(Outcome::GoesOn)
}

/// Returns the refusal of an address outside.
pub(super) fn outside(call: &Call, bytes: &[u8]) -> Option<Outcome> {
    let address = parse_address(bytes)?;
    let ip = address.ip().to_canonical();
    if ip.is_loopback() || ip.is_unspecified() || is_of_the_pool(ip) {
        return None;
    }
    let what = format!("{} {address}", seccomp::name(call.number));
    Some(Outcome::Refused { errno: libc::ENETUNREACH, what, by: Some("no network".to_owned()) })
}

/// Returns the address that a call carries; `None` where it cannot be read.
fn bytes(call: &Call, caller: &Caller<'_>) -> Option<Vec<u8>> {
    let [_, second, third, _, fifth, sixth] = call.arguments;
    let is_connect = i64::from(call.number) == libc::SYS_connect;
    let (pointer, length) = if is_connect { (second, third) } else { (fifth, sixth) };
    let length = usize::try_from(length & 0xffff_ffff).ok()?.min(28);
    caller.bytes(pointer, length).ok()
}

/// Returns true for an address that stands for a name where there is a proxy; where there is none it leads nowhere.
fn is_of_the_pool(ip: IpAddr) -> bool {
    let prefix = |address: Ipv4Addr| address.to_bits() >> (32 - u32::from(POOL_BITS));
    matches!(ip, IpAddr::V4(address) if prefix(address) == prefix(POOL))
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
pub(super) fn describe(call: &Call) -> String {
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
