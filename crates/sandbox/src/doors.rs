//! The sockets inside behind which the proxy stands, and who serves them.

use core::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use policy::controls::Network;
pub use policy::network::PROXY_PORT;

/// The first of the addresses inside that stand for names; they are for tests of networks (RFC 2544).
pub const POOL: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
/// How many bits all addresses of the pool share.
pub(crate) const POOL_BITS: u8 = 15;

/// The sockets, made inside and handed out.
#[derive(Debug)]
pub struct Doors {
    /// Where clients of a proxy connect.
    pub clients: TcpListener,
    /// Where names are asked for, where that can be had.
    pub names: Option<UdpSocket>,
    /// Where programs connect that know no proxy; none where that cannot be had.
    pub captured: Vec<TcpListener>,
    /// The listening sockets of the invocation's hatches, with their numbers there. One that could not be had is not
    /// among them.
    pub hatches: Vec<(usize, OwnedFd)>,
    /// TCP sockets of the network inside, connected nowhere, for calls to servers inside.
    pub calls: Vec<OwnedFd>,
    /// A socket by which the kernel is asked who has a connection inside (sock_diag(7)), where that can be had.
    pub owners: Option<OwnedFd>,
    /// By which a person can be asked.
    pub attention: Attention,
}

/// The person's terminal, which the command has: whoever wants to ask something takes it for a moment.
#[derive(Debug)]
pub struct Attention(pub(crate) UnixStream);

/// What is said to the launcher's loop, and what it answers.
pub(crate) const TAKE: u8 = b'+';
/// The terminal is the command's again.
pub(crate) const GIVE_BACK: u8 = b'-';

impl Attention {
    /// Takes the terminal: until what this returns is dropped nothing of it goes to the command, and nothing of the
    /// command's to it. An error when the command is over.
    pub fn take(&mut self) -> io::Result<Taken<'_>> {
        self.0.write_all(&[TAKE])?;
        self.0.read_exact(&mut [0])?;
        Ok(Taken(self))
    }
}

/// The person's terminal, taken from the command.
#[derive(Debug)]
pub struct Taken<'a>(&'a mut Attention);

impl AsFd for Taken<'_> {
    /// Returns a descriptor that is readable, or at its end, when the command is over.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // Where nobody hears it the command is over.
        let _ = self.0.0.write_all(&[GIVE_BACK]);
    }
}

/// Who serves the sockets of the proxy.
pub trait Outlet: fmt::Debug + Send + Sync {
    /// Begins to serve. What connects before this returns waits; after an error the command is ended.
    fn open(&self, doors: Doors) -> io::Result<()>;
}

/// Returns the variables that lead programs to the proxy.
///
/// `ALL_PROXY` is not among them: there is no form of it that all programs take.
pub(crate) fn variables(network: &Network) -> Vec<(String, String)> {
    match network {
        Network::None => Vec::new(),
        Network::Proxied { captured: _ } => {
            let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
            let to_proxy = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
            let beside = ["NO_PROXY", "no_proxy"];
            let to_proxy = to_proxy.map(|name| (name.to_owned(), proxy.clone()));
            let beside = beside.map(|name| (name.to_owned(), "localhost,127.0.0.1,::1".to_owned()));
            // Without this the built-in client of Node.js takes no notice of a proxy.
            let node = ("NODE_USE_ENV_PROXY".to_owned(), "1".to_owned());
            to_proxy.into_iter().chain(beside).chain([node]).collect()
        }
    }
}
