//! TLS that ends here: the client sees a certificate of the run's authority, the server is verified as any client would,
//! and both speak the version of HTTP that the server chose.

mod authority;
mod body;
mod der;
pub(super) mod http1;
mod http2;
mod java;
mod socket;

use core::fmt;
use std::sync::Arc;

use rustls::pki_types::{IpAddr, ServerName};
use rustls::server::{Acceptor, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore, ServerConfig};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream as Outside;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

pub use authority::{Authority, AuthorityFault, Roots};
pub use java::java_store;

use super::Shared;
use super::admit::{Admitted, End};
use super::inspect::{Reply, Session};
use super::stream::{Counted, Meter, Stream};
use crate::credential::Channel;
use crate::host::{Host, Place, Target};
use crate::wire::hello::{self, Alert};

/// The port that requests by TLS need not name.
const TLS_PORT: u16 = 443;
/// The names of the versions of HTTP in a hello.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// How TLS ends here.
#[derive(Debug)]
pub struct Terminate {
    /// Who signs the certificates that are shown inside.
    pub authority: Arc<Authority>,
    /// By whom servers are believed.
    pub roots: Roots,
    /// Places whose TLS ends here where it does at these alone, whatever rules speak of others.
    pub only: Option<Vec<Place>>,
}

/// The same, ready for use.
pub(super) struct Tls {
    authority: Arc<Authority>,
    only: Option<Vec<Place>>,
    /// Nothing where the versions of TLS are none that the provider has.
    outside: Option<ClientConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("only", &self.only).finish_non_exhaustive()
    }
}

/// The one certificate of a connection.
struct One(Arc<CertifiedKey>);

impl fmt::Debug for One {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("One")
    }
}

impl ResolvesServerCert for One {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl Tls {
    pub(super) fn new(terminate: Terminate) -> Self {
        let Terminate { authority, roots, only } = terminate;
        let Roots(store) = roots;
        Self { authority, only, outside: outside(store) }
    }

    /// Returns true when the TLS of a place ends here, though one says that it passes.
    pub(super) fn ends(&self, target: &Target, passes: bool) -> bool {
        let is_of =
            |place: &Place| place.pattern.covers(&target.host) && place.port.is_none_or(|port| port == target.port());
        match &self.only {
            Some(only) => only.iter().any(is_of),
            None => !passes,
        }
    }

    fn inside(&self, host: &Host, protocol: Option<&[u8]>) -> Option<Arc<ServerConfig>> {
        let leaf = self.authority.leaf(host).ok()?;
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().ok()?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(One(leaf)));
        config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        // What was agreed on for one host counts for no other.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Some(Arc::new(config))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn outside(store: RootCertStore) -> Option<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().ok()?;
    Some(builder.with_root_certificates(store).with_no_client_auth())
}

/// A server's connection by TLS.
type Server = Outside<Counted<Stream>>;

impl Shared {
    /// Serves a connection whose client has begun TLS. The name of its hello was compared.
    pub(super) async fn terminated(
        &self,
        client: Stream,
        server: Stream,
        (admitted, meter): (&Admitted, &Arc<Meter>),
    ) -> End {
        let Some(tls) = &self.inspector.tls else { return End::refusal("TLS does not end here") };
        let Ok(_slot) = self.inspector.ends.clone().try_acquire_owned() else {
            client.part(&hello::alert(Alert::AccessDenied)).await;
            return End::refusal("too many connections are open whose TLS ends here");
        };
        let acceptor = LazyConfigAcceptor::new(Acceptor::default(), client);
        let start = match timeout(self.bounds.head, acceptor).await {
            Ok(Ok(start)) => start,
            Ok(Err(_)) => return End::plain("the client's TLS hello is not well formed"),
            Err(_) => return End::plain("the client's TLS hello took too long"),
        };
        let offered = start.client_hello().alpn().map(|names| names.map(<[u8]>::to_vec).collect::<Vec<_>>());
        let known = offered.as_ref().map(|names| names.iter().filter(|name| [HTTP1, HTTP2].contains(&name.as_slice())));
        let known = known.map(|names| names.cloned().collect::<Vec<_>>());
        if known.as_ref().is_some_and(Vec::is_empty) {
            start.io.part(&hello::alert(Alert::NoProtocol)).await;
            return End::refusal("the protocol inside its TLS is none that is read here");
        }
        let known = known.unwrap_or_default();
        let session = Arc::new(Session::new(self, admitted, Channel::Tls, meter.clone()));
        let reached = self.reach_tls(tls, &known, (server, &session)).await;
        let protocol = match &reached {
            Ok((_, protocol)) => protocol.clone(),
            Err(_) => known.first().cloned(),
        };
        let Some(config) = tls.inside(&session.target.host, protocol.as_deref()) else {
            return End::plain("no certificate could be made");
        };
        let client = match timeout(self.bounds.head, start.into_stream(config)).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return End::plain(&refused_inside(&error)),
            Err(_) => return End::plain("the client's TLS took too long"),
        };
        let is_second = protocol.as_deref() == Some(HTTP2);
        match reached {
            Ok((server, _)) if is_second => http2::serve(session, client, server).await,
            Ok((server, _)) => http1::serve(&session, client, server).await,
            Err(reason) => {
                let reply = Reply::new(502, &format!("`{}` cannot be reached by TLS: {reason}", session.target));
                if is_second {
                    http2::refuse(client, &reply).await;
                } else {
                    http1::refuse(&session, client, &reply).await;
                }
                End::plain(&reason)
            }
        }
    }

    /// Begins TLS with the server, and returns the version of HTTP that it chose.
    async fn reach_tls(
        &self,
        tls: &Tls,
        known: &[Vec<u8>],
        (server, session): (Stream, &Session),
    ) -> Result<(Server, Option<Vec<u8>>), String> {
        let mut config = tls.outside.clone().ok_or("there is no TLS here")?;
        config.alpn_protocols = known.to_vec();
        let host = &session.target.host;
        let name = match (host.as_name(), host.as_address()) {
            (Some(name), _) => ServerName::try_from(name.to_owned()).map_err(|_| "its name is none of TLS")?,
            (None, Some(address)) => ServerName::IpAddress(IpAddr::from(address)),
            (None, None) => return Err("it has no name".to_owned()),
        };
        let counted = Counted { io: server, meter: session.meter.clone() };
        let connector = TlsConnector::from(Arc::new(config));
        let server = match timeout(self.bounds.dial, connector.connect(name, counted)).await {
            Ok(Ok(server)) => server,
            Ok(Err(error)) => return Err(refused_outside(&error)),
            Err(_) => return Err("its TLS took too long".to_owned()),
        };
        let protocol = server.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let is_first = protocol.as_deref() != Some(HTTP2);
        if is_first && !known.is_empty() && !known.iter().any(|name| name == HTTP1) {
            return Err("it does not speak HTTP/2, and the client speaks nothing else".to_owned());
        }
        // A server that names no version speaks the older one.
        Ok((server, protocol.or_else(|| (!known.is_empty()).then(|| HTTP1.to_vec()))))
    }
}

/// Returns why a client does not go on.
fn refused_inside(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(_)) => {
            "the client does not accept the certificate of the run; it trusts others, or knows its server's".to_owned()
        }
        _ => "the client's TLS broke".to_owned(),
    }
}

/// Returns why a server is not believed, or does not go on.
fn refused_outside(error: &std::io::Error) -> String {
    let reason = match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(fault)) => certificate_fault(fault),
        Some(Error::AlertReceived(rustls::AlertDescription::CertificateRequired)) => {
            "it wants a certificate of the client's"
        }
        Some(Error::AlertReceived(_)) => "it broke the TLS handshake off",
        Some(Error::InvalidMessage(_)) => "it does not answer by TLS",
        Some(_) => "its TLS is not one that is spoken here",
        None => "it closed the connection in the TLS handshake",
    };
    reason.to_owned()
}

fn certificate_fault(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::UnknownIssuer => "its certificate is by nobody who is believed",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate is no longer valid",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not yet valid"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        CertificateError::Revoked => "its certificate was revoked",
        _ => "its certificate is not valid",
    }
}
