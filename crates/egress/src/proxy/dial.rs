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
use crate::wire::{response, socks};

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Plain HTTP.
    Http,
    /// SOCKS 5, without a name.
    Socks,
}

/// The proxy of the network around: every connection goes through it, but for those that go direct.
#[derive(Clone)]
pub struct Upstream {
    /// Where it is. It comes from the settings of a person, and is dialled unchecked.
    pub target: Target,
    /// How it is spoken to.
    pub language: Language,
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
            .field("language", &self.language)
            .field("authorization", &authorization)
            .field("direct", &self.direct)
            .finish()
    }
}

impl Upstream {
    pub(super) fn is_direct(&self, target: &Target) -> bool {
        self.direct.iter().any(|place| place.forbids(target))
    }

    /// Returns the text of the field that requests carry for it, empty where there is none; `None` where requests go on as
    /// to the server itself.
    pub(super) fn authorization(&self) -> Option<&str> {
        match self.language {
            Language::Http => Some(self.authorization.as_deref().unwrap_or_default()),
            Language::Socks => None,
        }
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
        if upstream.language == Language::Socks {
            self.ask_socks(&mut stream, target).await?;
        } else if speech == Speech::Any {
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

    /// Asks a proxy of SOCKS for a connection.
    async fn ask_socks(&self, stream: &mut Stream, target: &Target) -> Result<(), Refused> {
        let lost = || Refused::new(Cause::Unreachable, "the upstream proxy cannot be reached");
        let refuses = |why: &str| Refused::new(Cause::Unreachable, format!("the upstream proxy refuses it: {why}"));
        let limit = self.bounds.dial;
        stream.send(&socks::GREETING, limit).await.map_err(|_| lost())?;
        if !stream.read(limit, socks::read_choice).await.map_err(|_| lost())? {
            return Err(refuses("it wants a name and a password"));
        }
        stream.send(&socks::connect(target), limit).await.map_err(|_| lost())?;
        match stream.read(limit, socks::read_reply).await.map_err(|_| lost())? {
            0 => Ok(()),
            reply => Err(refuses(&format!("reply {reply}"))),
        }
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
