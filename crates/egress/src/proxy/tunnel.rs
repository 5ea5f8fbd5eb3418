//! An admitted connection. What the client says first must be for the admitted host: the name of a TLS hello, the
//! field `Host` of a plain request. Until that is known nothing goes to the server.

use super::Shared;
use super::admit::{Admitted, End, Open};
use super::dial::Dialled;
use super::exchange::{After, Ends, exchange};
use super::stream::{Meter, Stream, Unread, join};
use crate::host::Target;
use crate::wire::fields::HeadFault;
use crate::wire::hello::{self, Alert, Hello};
use crate::wire::request::{self, Request};

const TLS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;
/// The first words of plain requests.
pub(super) const METHODS: [&[u8]; 10] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE ", b"PRI "];

/// Who speaks first, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    Tls,
    Requests,
    Other,
}

impl Shared {
    /// Serves an admitted connection to its end, and writes the end down.
    pub(super) async fn tunnel(&self, client: Stream, dialled: Dialled, admitted: &Admitted) {
        let mut open = Open::new(self, admitted, dialled.address);
        let mut server = dialled.stream;
        let mut client = Some(client);
        let end = {
            let served = self.serve(&mut client, &mut server, (admitted, &open.meter));
            tokio::select! {
                end = served => end,
                reason = admitted.revoked(self, open.address) => End::refusal(reason),
            }
        };
        open.end = end;
    }

    async fn serve(
        &self,
        client: &mut Option<Stream>,
        server: &mut Stream,
        (admitted, meter): (&Admitted, &Meter),
    ) -> End {
        let lost = || End::plain("the client went away");
        let Some(stream) = client.as_mut() else { return lost() };
        let target = admitted.target();
        let is_opaque = self.rules.borrow().is_opaque(target);
        let speech = match self.listen(stream, server, (target, is_opaque)).await {
            Ok(speech) => speech,
            Err(end) => return end,
        };
        let refusal = match speech {
            Speech::Other => None,
            Speech::Tls => self.check_hello(stream, target, is_opaque).await.err(),
            Speech::Requests => return self.requests(client, server, (target, meter)).await,
        };
        match (refusal, client.take()) {
            (Some((reason, alert)), Some(stream)) => {
                stream.part(&hello::alert(alert)).await;
                End::refusal(reason)
            }
            (None, Some(mut stream)) => End::plain(join(&mut stream, server, meter, &self.bounds).await),
            (_, None) => lost(),
        }
    }

    /// Waits for the first words. At the port of TLS they are the client's, and at every other whoever speaks.
    async fn listen(
        &self,
        client: &mut Stream,
        server: &mut Stream,
        (target, is_opaque): (&Target, bool),
    ) -> Result<Speech, End> {
        if is_opaque {
            return Ok(Speech::Other);
        }
        if target.port() == TLS_PORT {
            return Ok(Speech::Tls);
        }
        while client.buffer.len() < 8 && could_be_request(&client.buffer) {
            let limit = if client.buffer.is_empty() { self.bounds.idle } else { self.bounds.head };
            let is_first = client.buffer.is_empty() && target.port() != HTTP_PORT;
            let filled = tokio::select! {
                filled = client.fill() => filled.unwrap_or(0),
                spoken = server.tcp.readable(), if is_first => {
                    // A server that speaks first speaks neither of the two; one that has closed says so to the client.
                    return spoken.map(|()| Speech::Other).map_err(|_| End::plain("the connection broke"));
                }
                () = tokio::time::sleep(limit) => return Err(End::plain("the client said nothing")),
            };
            if filled == 0 {
                let is_silent = client.buffer.is_empty() && target.port() != HTTP_PORT;
                return if is_silent { Ok(Speech::Other) } else { Err(End::plain("the client went away")) };
            }
            if client.buffer.first() == Some(&hello::HANDSHAKE) {
                return Ok(Speech::Tls);
            }
        }
        let is_request = METHODS.iter().any(|method| client.buffer.starts_with(method));
        match (client.buffer.first(), target.port()) {
            (Some(&hello::HANDSHAKE), _) => Ok(Speech::Tls),
            (_, HTTP_PORT) => Ok(Speech::Requests),
            _ if is_request => Ok(Speech::Requests),
            _ => Ok(Speech::Other),
        }
    }

    /// Reads the hello and compares its name. The hello stays in the buffer, to be sent as it came.
    async fn check_hello(&self, client: &mut Stream, target: &Target, is_opaque: bool) -> Result<(), (String, Alert)> {
        let denied = |reason: String| (reason, Alert::AccessDenied);
        if is_opaque {
            return Ok(());
        }
        let read = client.peek(self.bounds.head, hello::read).await;
        let (hello, _) = read.map_err(|unread| match unread {
            Unread::Fault(fault) => denied(fault.to_string()),
            Unread::Closed => denied("the client went away before its TLS hello".to_owned()),
            Unread::Late => denied("the client's TLS hello took too long".to_owned()),
        })?;
        check_name(&hello, target)
    }

    /// Passes plain requests on, each for the admitted host.
    async fn requests(
        &self,
        client: &mut Option<Stream>,
        server: &mut Stream,
        (target, meter): (&Target, &Meter),
    ) -> End {
        let lost = || End::plain("the client went away");
        loop {
            let Some(stream) = client.as_mut() else { return lost() };
            stream.wait(self.bounds.idle).await;
            let read = stream
                .read(self.bounds.head, |bytes| request::read(bytes, request::Place::Server(target.port())))
                .await;
            let request = match read {
                Ok(request) => request,
                Err(Unread::Fault(fault)) => return refuse(client.take(), status_of(fault), &fault.to_string()).await,
                Err(Unread::Closed) => return End::plain("both sides ended"),
                Err(Unread::Late) => {
                    return refuse(client.take(), "408 Request Timeout", "the request took too long").await;
                }
            };
            if request.target != *target {
                let reason = format!("a request on a connection to `{target}` is for `{}`", request.target);
                return refuse(client.take(), "421 Misdirected Request", &reason).await;
            }
            match self.one(stream, server, (&request, meter)).await {
                Ok(After::Kept) => {}
                Ok(After::ClientKept | After::Closed) => return End::plain("both sides ended"),
                Ok(After::Upgraded) => return End::plain(join(stream, server, meter, &self.bounds).await),
                Err(reason) => return refuse(client.take(), "502 Bad Gateway", &reason).await,
            }
        }
    }

    async fn one(
        &self,
        client: &mut Stream,
        server: &mut Stream,
        (request, meter): (&Request, &Meter),
    ) -> Result<After, String> {
        let ends = Ends { client, server, meter, idle: self.bounds.idle };
        exchange(ends, request, None).await.map_err(|broken| broken.to_string())
    }
}

fn could_be_request(bytes: &[u8]) -> bool {
    METHODS.iter().any(|method| method.starts_with(bytes))
}

fn check_name(hello: &Hello, target: &Target) -> Result<(), (String, Alert)> {
    let host = &target.host;
    if hello.is_encrypted {
        return Err((format!("the TLS hello for `{host}` can hide another name"), Alert::AccessDenied));
    }
    match &hello.name {
        Some(name) if name == host => Ok(()),
        Some(name) => {
            Err((format!("the TLS hello on a connection to `{host}` is for `{name}`"), Alert::UnrecognizedName))
        }
        // An address has no name that a hello could show.
        None if host.as_address().is_some() => Ok(()),
        None => Err((format!("the TLS hello on a connection to `{host}` shows no name"), Alert::UnrecognizedName)),
    }
}

/// Returns the status of an answer to a head that is refused.
pub(super) fn status_of(fault: HeadFault) -> &'static str {
    match fault {
        HeadFault::Long => "431 Request Header Fields Too Large",
        HeadFault::Method => "405 Method Not Allowed",
        HeadFault::Version => "505 HTTP Version Not Supported",
        HeadFault::LineEnd
        | HeadFault::FirstLine
        | HeadFault::Field
        | HeadFault::Fold
        | HeadFault::Length
        | HeadFault::Host
        | HeadFault::Target
        | HeadFault::Scheme => "400 Bad Request",
    }
}

async fn refuse(client: Option<Stream>, status: &str, reason: &str) -> End {
    if let Some(stream) = client {
        stream.part(&super::http::answer(status, reason, "")).await;
    }
    End::refusal(reason)
}
