//! Making the sockets of the proxy inside, while this process may still do so.

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};

use policy::controls::Network;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrV4, SocketFlags, SocketType, bind, listen, recv, send, socket_with,
    sockopt,
};

use super::control::Channel;
use super::failure::{At, Failure};
use crate::doors::{POOL, POOL_BITS, PROXY_PORT};
use crate::error::Step;
use crate::limits::CALLS_MAX;
use crate::plan::{Hatch, Plan};
use crate::wire::{Door, Message};

/// Connections that wait to be taken at one socket.
const WAITING_MAX: i32 = 256;
/// The loopback interface's number in every network namespace.
const LOOPBACK: u32 = 1;

/// The sockets, on their way out.
#[derive(Debug, Default)]
pub(super) struct Open(Vec<(Door, OwnedFd)>);

/// Makes the sockets, and the addresses that stand for names. Those with a path are there already.
pub(super) fn open(plan: &Plan, by_path: Vec<(usize, OwnedFd)>) -> Result<Open, Failure> {
    let Network::Proxied { captured } = &plan.network else { return Ok(Open::default()) };
    own_pool().at(Step::Doors)?;
    let mut doors = vec![
        (Door::Clients, listener(Ipv4Addr::LOCALHOST, PROXY_PORT).at(Step::Doors)?),
        (Door::Names, names().at(Step::Doors)?),
    ];
    for port in captured {
        let place = format!("port {port}");
        doors.push((Door::Captured, listener(Ipv4Addr::UNSPECIFIED, *port).at_path(Step::Doors, &place)?));
    }
    for (number, hatch) in plan.hatches.iter().enumerate() {
        match hatch {
            Hatch::Path(_) => {}
            Hatch::Port(port) => {
                let place = format!("port {port}");
                doors.push((Door::Hatch(number), listener(Ipv4Addr::LOCALHOST, *port).at_path(Step::Doors, &place)?));
            }
            // One supply is everybody's.
            Hatch::Calls if plan.hatches.iter().take(number).any(|hatch| *hatch == Hatch::Calls) => {}
            Hatch::Calls => {
                for _ in 0..CALLS_MAX {
                    doors.push((Door::Call, tcp().at(Step::Doors)?));
                }
            }
        }
    }
    doors.extend(by_path.into_iter().map(|(number, socket)| (Door::Hatch(number), socket)));
    // Without it nobody knows which program has a connection, and nothing else is missing.
    doors.extend(owners().map(|socket| (Door::Owners, socket)));
    Ok(Open(doors))
}

/// Makes the one socket that takes no privileges: programs that know no proxy reach nothing.
pub(super) fn open_clients(network: &Network) -> Result<Open, Failure> {
    match network {
        Network::None => Ok(Open::default()),
        Network::Proxied { captured: _ } => {
            Ok(Open(vec![(Door::Clients, listener(Ipv4Addr::LOCALHOST, PROXY_PORT).at(Step::Doors)?)]))
        }
    }
}

impl Open {
    /// Hands them to the launcher; nothing inside keeps them.
    pub(super) fn hand_out(self, channel: &Channel) -> Result<(), Failure> {
        let count = self.0.len();
        for (number, (door, socket)) in (1..).zip(&self.0) {
            let message = Message::Door { door: *door, is_last: number == count };
            channel.send(&message, Some(socket.as_fd())).at(Step::Control)?;
        }
        Ok(())
    }
}

fn listener(address: Ipv4Addr, port: u16) -> rustix::io::Result<OwnedFd> {
    let socket = tcp()?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(address, port))?;
    listen(&socket, WAITING_MAX)?;
    Ok(socket)
}

fn tcp() -> rustix::io::Result<OwnedFd> {
    socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}

/// Returns a socket that asks about this network namespace's connections, whoever has it.
fn owners() -> Option<OwnedFd> {
    let protocol = Some(rustix::net::netlink::SOCK_DIAG);
    socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol).ok()
}

fn names() -> rustix::io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 53))?;
    Ok(socket)
}

/// Makes every address of the pool one of this namespace's own: `ip route add local 198.18.0.0/15 dev lo`
/// (rtnetlink(7)).
fn own_pool() -> rustix::io::Result<()> {
    const NEW_ROUTE: u16 = 24;
    const ERROR: u16 = 2;
    // Request, acknowledge, fail if there is one, create.
    const FLAGS: u16 = 0x1 | 0x4 | 0x200 | 0x400;
    const HEADER_BYTES: usize = 16;
    let mut route: Vec<u8> = vec![2, POOL_BITS, 0, 0, 255, 4, 254, 2, 0, 0, 0, 0];
    // The destination, then the interface.
    for (kind, value) in [(1_u16, POOL.octets()), (4, LOOPBACK.to_ne_bytes())] {
        route.extend(8_u16.to_ne_bytes());
        route.extend(kind.to_ne_bytes());
        route.extend(value);
    }
    let length = u32::try_from(HEADER_BYTES + route.len()).map_err(|_| Errno::OVERFLOW)?;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(NEW_ROUTE.to_ne_bytes());
    message.extend(FLAGS.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(route);
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    send(&socket, &message, SendFlags::empty())?;
    let mut answer = [0; 256];
    let (count, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    let answer = answer.get(..count).unwrap_or_default();
    let kind = answer.get(4..).and_then(|rest| rest.first_chunk()).map(|bytes| u16::from_ne_bytes(*bytes));
    let error = answer.get(HEADER_BYTES..).and_then(|rest| rest.first_chunk()).map(|bytes| i32::from_ne_bytes(*bytes));
    match (kind, error) {
        (Some(ERROR), Some(0)) => Ok(()),
        (Some(ERROR), Some(error)) => Err(Errno::from_raw_os_error(error.saturating_neg())),
        _ => Err(Errno::PROTO),
    }
}
