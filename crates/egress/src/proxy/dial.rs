//! Connections to servers: an admitted target is dialled at the addresses that were checked, or by the upstream proxy.

mod written;

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use tokio::net::TcpStream;
use tokio::time::timeout;

pub use written::UpstreamFault;

use super::Shared;
use super::admit::{Admitted, Cause, Refused, Route};
use super::stream::Stream;
use crate::host::{Place, Target};
use crate::limits::ADDRESSES_MAX;
use crate::wire::response;

/// The proxy of the network around: every connection goes through it, but for those that go direct.
#[derive(Clone)]
pub struct Upstream {
    /// Where it is. It comes from the settings of a person, and is dialled unchecked.
    pub target: Target,
    /// The value of `Proxy-Authorization`; a secret.
    pub authorization: Option<String>,
    /// What goes direct.
    pub direct: Vec<Place>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authorization = self.authorization.as_ref().map(|_| "hidden");
        let mut shown = formatter.debug_struct("Upstream");
        shown
            .field("target", &self.target)
            .field("authorization", &authorization)
            .field("direct", &self.direct)
            .finish()
    }
}

impl Upstream {
    pub(super) fn is_direct(&self, target: &Target) -> bool {
        self.direct.iter().any(|place| place.forbids(target))
    }

    /// Returns the text of its field, empty where there is none.
    pub(super) fn authorization(&self) -> &str {
        self.authorization.as_deref().unwrap_or_default()
    }
}

/// A connection to a server, and where it goes; no address where the upstream proxy knows it.
#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) stream: Stream,
    pub(super) address: Option<SocketAddr>,
}

/// What the client says on a connection by the upstream proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// Whatever it likes: the proxy is asked for a tunnel.
    Any,
    /// Plain requests, which the proxy forwards.
    Requests,
}

impl Shared {
    /// Dials an admitted target.
    pub(super) async fn dial(&self, admitted: &Admitted, speech: Speech) -> Result<Dialled, Refused> {
        match admitted.route() {
            Route::Direct(addresses) => dial(addresses, self.bounds.dial).await,
            Route::Upstream => self.dial_upstream(admitted.target(), speech).await,
        }
    }

    async fn dial_upstream(&self, target: &Target, speech: Speech) -> Result<Dialled, Refused> {
        let lost = || Refused::new(Cause::Unreachable, "the upstream proxy cannot be reached");
        let upstream = self.upstream.as_ref().ok_or_else(lost)?;
        let addresses = match upstream.target.host.as_address() {
            Some(address) => vec![address],
            None => {
                let name = upstream.target.host.as_name().unwrap_or_default();
                let found = timeout(self.bounds.resolve, self.resolver.resolve(name)).await;
                found.map_err(|_| lost())?.map_err(|_| lost())?
            }
        };
        let places =
            addresses.into_iter().take(ADDRESSES_MAX).map(|address| SocketAddr::new(address, upstream.target.port()));
        let places: Vec<SocketAddr> = places.collect();
        let Dialled { mut stream, .. } = dial(&places, self.bounds.dial).await.map_err(|_| lost())?;
        if speech == Speech::Any {
            let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
            if let Some(authorization) = &upstream.authorization {
                head.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
            }
            head.push_str("\r\n");
            stream.send(head.as_bytes(), self.bounds.dial).await.map_err(|_| lost())?;
            // An answer to CONNECT has no body that counts.
            let answer =
                stream.read(self.bounds.dial, |bytes| response::read(bytes, "HEAD")).await.map_err(|_| lost())?;
            if !(200..300).contains(&answer.status) {
                let reason = format!("the upstream proxy refuses it: {}", answer.status);
                return Err(Refused::new(Cause::Unreachable, reason));
            }
        }
        Ok(Dialled { stream, address: None })
    }
}

/// Dials one address after another until one answers.
async fn dial(addresses: &[SocketAddr], limit: Duration) -> Result<Dialled, Refused> {
    let mut refused = Refused::new(Cause::Unreachable, "there is no address");
    for address in addresses {
        refused = match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(Dialled { stream: Stream::new(tcp), address: Some(*address) }),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Refused::new(Cause::Unreachable, format!("{address} refuses connections"))
            }
            Ok(Err(_)) => Refused::new(Cause::Unreachable, format!("{address} cannot be reached")),
            Err(_) => Refused::new(Cause::Late, format!("{address} does not answer")),
        };
    }
    Err(refused)
}
