//! One request, one answer, to a server that proves who it is.
//!
//! No redirect is followed, no proxy of the environment is used, no connection is kept, and nothing is unpacked.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use zeroize::Zeroizing;

use crate::Secret;
use crate::limits::{ANSWER_BYTES_MAX, HEAD_BYTES_MAX};

/// Why a server gave no answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebFault {
    /// It took too long.
    #[error("the server took too long")]
    Timeout,
    /// Nobody is there.
    #[error("the server is not reached")]
    Unreached,
    /// It is not who it should be.
    #[error("the server's certificate is not believed")]
    Certificate,
    /// It points elsewhere.
    #[error("the server points to another place (status {0}), and is not followed")]
    Redirect(u16),
    /// It refuses.
    #[error("the server refuses (status {0})")]
    Refused(u16),
    /// It has no such thing.
    #[error("the server has no such secret (status 404)")]
    Absent,
    /// Its answer is too long.
    #[error("the server's answer is too long")]
    Long,
    /// It speaks another protocol.
    #[error("the server does not speak as it should")]
    Protocol,
    /// The request has a text that no request may have.
    #[error("a token cannot stand in a request")]
    Request,
}

/// A field of a request.
pub(crate) enum Field<'a> {
    Plain(&'static str, &'a str),
    Secret(&'static str, &'static str, &'a Secret),
}

/// The client.
#[derive(Debug)]
pub(crate) struct Web {
    agent: Agent,
}

/// The text of an answer; overwritten when it is dropped.
pub(crate) type Body = Zeroizing<Vec<u8>>;

impl Web {
    pub(crate) fn new(roots: &[Vec<u8>], timeout: Duration) -> Self {
        let roots = roots.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .max_response_header_size(HEAD_BYTES_MAX)
            .max_idle_connections(0)
            .user_agent("palisade")
            .build()
            .new_agent();
        Self { agent }
    }

    pub(crate) fn get(&self, url: &str, fields: &[Field<'_>]) -> Result<Body, WebFault> {
        let request = fill(self.agent.get(url), fields)?;
        read(request.call())
    }

    pub(crate) fn post(&self, url: &str, fields: &[Field<'_>], body: &[u8]) -> Result<Body, WebFault> {
        let request = fill(self.agent.post(url), fields)?;
        read(request.send(body))
    }
}

fn fill<K>(mut request: ureq::RequestBuilder<K>, fields: &[Field<'_>]) -> Result<ureq::RequestBuilder<K>, WebFault> {
    let is_plain = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    for field in fields {
        request = match field {
            Field::Plain(name, value) if is_plain(value) => request.header(*name, *value),
            Field::Secret(name, before, value) if is_plain(value.expose()) => {
                let value = Zeroizing::new(format!("{before}{}", value.expose()));
                request.header(*name, value.as_str())
            }
            Field::Plain(..) | Field::Secret(..) => return Err(WebFault::Request),
        };
    }
    Ok(request)
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Body, WebFault> {
    let answer = answer.map_err(|error| fault(&error))?;
    match answer.status().as_u16() {
        200 => {}
        status @ 300..=399 => return Err(WebFault::Redirect(status)),
        404 => return Err(WebFault::Absent),
        status => return Err(WebFault::Refused(status)),
    }
    // One allocation: a buffer that grows leaves what it held behind.
    let mut body = Zeroizing::new(vec![0; ANSWER_BYTES_MAX + 1]);
    let mut reader = answer.into_body().into_reader();
    let mut length = 0;
    while let Some(room) = body.get_mut(length..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => {
                body.truncate(length);
                return Ok(body);
            }
            Ok(count) => length += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fault(&ureq::Error::from(error))),
        }
    }
    Err(WebFault::Long)
}

/// Returns what an error means. Its text stays here: it may have parts of the answer in it.
fn fault(error: &ureq::Error) -> WebFault {
    match error {
        ureq::Error::Timeout(_) => WebFault::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => WebFault::Unreached,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => WebFault::Certificate,
        ureq::Error::LargeResponseHeader(..) | ureq::Error::BodyExceedsLimit(_) => WebFault::Long,
        ureq::Error::Io(error) => match error.get_ref() {
            Some(inner) if inner.is::<rustls::Error>() => WebFault::Certificate,
            Some(inner) => inner.downcast_ref::<ureq::Error>().map_or(WebFault::Unreached, fault),
            None if error.kind() == std::io::ErrorKind::TimedOut => WebFault::Timeout,
            None => WebFault::Unreached,
        },
        _ => WebFault::Protocol,
    }
}

/// Returns a text as it stands in a path or a query: all but letters, digits, `-`, `_`, `.` and `~` escaped.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut made, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            made.push(char::from(byte));
        } else {
            made.push_str(&format!("%{byte:02X}"));
        }
        made
    })
}
