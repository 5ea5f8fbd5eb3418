//! The proxy's side of HTTP: CONNECT, and plain requests, each of which is judged.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::admit::{Admitted, Cause, End, Refused, Route};
use super::dial::{Dialled, Speech};
use super::exchange::{After, Broken, Ends, exchange};
use super::inspect::{Session, Stop};
use super::record::{Caller, Way};
use super::stream::{Meter, Stream, Unread, join};
use super::tunnel::status_of;
use super::{Shared, Token};
use crate::credential::Channel;
use crate::limits::REASON_BYTES_MAX;
use crate::wire::request::{self, Request};

/// A server to which plain requests go. However the connection ends, its end is written down.
struct Behind<'a> {
    shared: &'a Shared,
    admitted: Admitted,
    dialled: Dialled,
    meter: Arc<Meter>,
    end: End,
}

impl Drop for Behind<'_> {
    fn drop(&mut self) {
        self.admitted.end(self.shared, self.dialled.address, self.meter.counts(), self.end.clone());
    }
}

/// What follows a request.
enum Next<'a> {
    Another(Stream, Option<Box<Behind<'a>>>),
    Over,
}

impl Shared {
    /// Serves a client that speaks HTTP.
    pub(super) async fn http(&self, mut client: Stream, caller: &Arc<Caller>, token: Option<&Token>) {
        let mut behind: Option<Box<Behind<'_>>> = None;
        loop {
            let read = client.read(self.bounds.head, |bytes| request::read(bytes, request::Place::Proxy)).await;
            let request = match read {
                Ok(request) => request,
                Err(unread) => {
                    close(behind);
                    return self.unread(client, unread, caller).await;
                }
            };
            if !token.is_none_or(|token| token.is_in(&request)) {
                close(behind);
                self.write_unread(caller, Way::Plain, Some(request.target), "the client has no token").await;
                let challenge = "Proxy-Authenticate: Basic realm=\"palisade\"\r\n";
                return client
                    .part(&answer("407 Proxy Authentication Required", "the client has no token", challenge))
                    .await;
            }
            if request.method == "CONNECT" {
                close(behind);
                return self.connect(client, request, caller).await;
            }
            (client, behind) = match self.plain(client, request, (caller, behind)).await {
                Next::Another(client, behind) => (client, behind),
                Next::Over => return,
            };
            client.wait(self.bounds.idle).await;
        }
    }

    async fn unread(&self, client: Stream, unread: Unread<crate::wire::fields::HeadFault>, caller: &Caller) {
        let (status, reason) = match unread {
            Unread::Fault(fault) => (status_of(fault), fault.to_string()),
            Unread::Late if client.buffer.is_empty() => return,
            Unread::Late => ("408 Request Timeout", "the request took too long".to_owned()),
            Unread::Closed => return,
        };
        self.write_unread(caller, Way::Plain, None, &reason).await;
        client.part(&answer(status, &reason, "")).await;
    }

    async fn connect(&self, mut client: Stream, request: Request, caller: &Arc<Caller>) {
        let target = request.target;
        let admitted = match self.admit(target.clone(), caller, Way::Connect).await {
            Ok(admitted) => admitted,
            Err(refused) => return client.part(&refusal(&target.to_string(), &refused)).await,
        };
        match self.dial(&admitted, Speech::Any).await {
            Ok(dialled) => {
                if client.send(b"HTTP/1.1 200 Connection established\r\n\r\n", self.bounds.head).await.is_ok() {
                    return self.tunnel(client, dialled, &admitted).await;
                }
                admitted.end(self, dialled.address, (0, 0), End::plain("the client went away"));
            }
            Err(refused) => {
                admitted.end(self, None, (0, 0), End::plain(&refused.reason));
                client.part(&refusal(&target.to_string(), &refused)).await;
            }
        }
    }

    /// Passes a plain request on; the server's connection is used again while it is for the same target.
    async fn plain<'a>(
        &'a self,
        client: Stream,
        request: Request,
        (caller, behind): (&Arc<Caller>, Option<Box<Behind<'a>>>),
    ) -> Next<'a> {
        let mut server = match self.reach(&request, (caller, behind)).await {
            Ok(server) => server,
            Err(refused) => {
                client.part(&refusal(&request.target.to_string(), &refused)).await;
                return Next::Over;
            }
        };
        let mut client = Some(client);
        let end = {
            let Behind { admitted, dialled, meter, .. } = server.as_mut();
            let (address, stream) = (dialled.address, &mut dialled.stream);
            let served = self.pass(&mut client, stream, (&request, meter, admitted));
            tokio::select! {
                end = served => end,
                reason = admitted.revoked(self, address) => Err(End::refusal(reason)),
            }
        };
        match (end, client) {
            (Ok(After::Kept), Some(client)) => Next::Another(client, Some(server)),
            (Ok(After::ClientKept), Some(client)) => {
                close(Some(server));
                Next::Another(client, None)
            }
            (Ok(_), _) => {
                close(Some(server));
                Next::Over
            }
            (Err(end), _) => {
                server.end = end;
                Next::Over
            }
        }
    }

    async fn pass(
        &self,
        client: &mut Option<Stream>,
        server: &mut Stream,
        (request, meter, admitted): (&Request, &Arc<Meter>, &Admitted),
    ) -> Result<After, End> {
        let Some(stream) = client.as_mut() else { return Ok(After::Closed) };
        let upstream = self.upstream.as_ref().filter(|_| *admitted.route() == Route::Upstream);
        let through = upstream.and_then(|upstream| upstream.authorization());
        let passed = if self.inspector.looks(&request.target) {
            let session = Session::new(self, admitted, Channel::Plain, meter.clone());
            self.seen(&session, (stream, server), request.clone(), through).await
        } else {
            let ends = Ends { client: stream, server, meter, idle: self.bounds.idle };
            exchange(ends, request, through).await.map_err(Stop::Broken)
        };
        match passed {
            Ok(After::Upgraded) => Err(End::plain(join(stream, server, meter, &self.bounds).await)),
            Ok(after) => Ok(after),
            Err(Stop::Answered(reply)) => {
                if let Some(client) = client.take() {
                    client.part(&reply.render(false)).await;
                }
                Err(End::plain("both sides ended"))
            }
            Err(Stop::Broken(Broken::Begun)) => Err(End::plain("the connection broke")),
            Err(Stop::Broken(broken)) => {
                let reason = broken.to_string();
                // Where the answer had begun this is more of it, and the connection's end says that it is none.
                if let Some(client) = client.take()
                    && meter.counts().1 == 0
                {
                    client.part(&answer("502 Bad Gateway", &reason, "")).await;
                }
                Err(End::plain(&reason))
            }
        }
    }

    /// Returns the server at hand, where it is the one and may be, or another.
    async fn reach<'a>(
        &'a self,
        request: &Request,
        (caller, behind): (&Arc<Caller>, Option<Box<Behind<'a>>>),
    ) -> Result<Box<Behind<'a>>, Refused> {
        if let Some(behind) = behind {
            let is_same = *behind.admitted.target() == request.target;
            if is_same && !behind.dialled.stream.is_stale() && behind.admitted.holds(self, behind.dialled.address) {
                return Ok(behind);
            }
            close(Some(behind));
        }
        let admitted = self.admit(request.target.clone(), caller, Way::Plain).await?;
        match self.dial(&admitted, Speech::Requests).await {
            Ok(dialled) => {
                let (meter, end) = (Arc::new(Meter::new()), End::plain("the proxy ended"));
                Ok(Box::new(Behind { shared: self, admitted, dialled, meter, end }))
            }
            Err(refused) => {
                admitted.end(self, None, (0, 0), End::plain(&refused.reason));
                Err(refused)
            }
        }
    }
}

/// Ends a server's connection as it should end.
fn close(behind: Option<Box<Behind<'_>>>) {
    if let Some(mut behind) = behind {
        behind.end = End::plain("both sides ended");
    }
}

impl Token {
    /// Returns true when the request has the token as its password.
    fn is_in(&self, request: &Request) -> bool {
        let value = request.fields.one("proxy-authorization").ok().flatten();
        let text = value.and_then(|value| core::str::from_utf8(value).ok()).and_then(|text| text.split_once(' '));
        let Some((scheme, text)) = text else { return false };
        let decoded = STANDARD.decode(text.trim()).unwrap_or_default();
        let password = decoded.iter().position(|byte| *byte == b':').and_then(|at| decoded.get(at + 1..));
        scheme.eq_ignore_ascii_case("basic") && password.is_some_and(|password| self.is(password))
    }
}

/// Returns the answer to a client whose connection is not made.
fn refusal(target: &str, refused: &Refused) -> Vec<u8> {
    let status = match refused.cause {
        Cause::Rule => "403",
        Cause::Name | Cause::Unreachable => "502",
        Cause::Late => "504",
    };
    // Many clients show the first line alone, so that it has the reason.
    let line = format!("{status} Palisade: {target} refused: {}", refused.reason);
    answer(&plain(&line), &format!("the connection to `{target}` is refused: {}", refused.reason), "")
}

/// Returns an answer of the proxy's own.
pub(super) fn answer(status: &str, reason: &str, fields: &str) -> Vec<u8> {
    let body = format!("palisade: {reason}\n");
    format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Returns a text that can stand in a first line.
fn plain(text: &str) -> String {
    let kept = text.chars().map(|letter| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' });
    kept.take(REASON_BYTES_MAX).collect()
}
