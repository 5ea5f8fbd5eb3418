//! An admitted connection. What the client says first must be for the admitted host: the name of a TLS hello, the
//! field `Host` of a plain request. Until that is known nothing goes to the server.

use super::Shared;
use super::admit::{Admitted, End, Open};
use super::dial::Dialled;
use super::exchange::{After, Ends, exchange};
use super::stream::{Meter, Side, Stream, Unread, join};
use crate::host::Target;
use crate::wire::fields::{HeadFault, is_token};
use crate::wire::hello::{self, Alert, Hello, HelloFault, Reply};
use crate::wire::request::{self, Request};

const TLS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;
/// Methods of plain requests; another is known by the path behind it.
const METHODS: [&[u8]; 9] = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE"];
/// A longer word is no method.
const WORD_BYTES_MAX: usize = 32;
/// The types of records with which a server of TLS may be spoken to.
const RECORDS: core::ops::RangeInclusive<u8> = 20..=24;

/// Who speaks first, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
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
            Speech::Tls => self.hello(stream, server, (target, meter)).await.err(),
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
        loop {
            if let Some(speech) = speech(&client.buffer) {
                return Ok(if speech == Speech::Other && target.port() == HTTP_PORT {
                    Speech::Requests
                } else {
                    speech
                });
            }
            let is_empty = client.buffer.is_empty();
            let limit = if is_empty { self.bounds.idle } else { self.bounds.head };
            let may_server_begin = is_empty && target.port() != HTTP_PORT;
            let filled = tokio::select! {
                filled = client.fill() => filled.unwrap_or(0),
                spoken = server.tcp.readable(), if may_server_begin => {
                    // A server that speaks first speaks neither of the two; one that has closed says so to the client.
                    return spoken.map(|()| Speech::Other).map_err(|_| End::plain("the connection broke"));
                }
                () = tokio::time::sleep(limit) => return Err(End::plain("the client said nothing")),
            };
            if filled == 0 {
                // What has ended can become no request.
                let is_web = target.port() == HTTP_PORT;
                return if is_web { Err(End::plain("the client went away")) } else { Ok(Speech::Other) };
            }
        }
    }

    /// Reads the hello, compares its name and sends it. A server can want another hello, whose name is compared too.
    async fn hello(
        &self,
        client: &mut Stream,
        server: &mut Stream,
        (target, meter): (&Target, &Meter),
    ) -> Result<(), (String, Alert)> {
        let (hello, taken) = client.peek(self.bounds.head, hello::read).await.map_err(unread)?;
        check_name(&hello, target)?;
        let rest = client.buffer.split_off(taken.min(client.buffer.len()));
        let sent = server.send(&client.buffer, self.bounds.head).await;
        sent.map_err(|_| ("the connection broke".to_owned(), Alert::AccessDenied))?;
        meter.add(Side::Client, client.buffer.len());
        client.buffer = rest;
        match server.peek(self.bounds.half, hello::read_reply).await {
            Ok((Reply::On, _)) | Err(Unread::Closed) => return Ok(()),
            Ok((Reply::Retry, _)) => {}
            Err(Unread::Fault(_) | Unread::Late) => {
                return Err(("the server does not answer by TLS".to_owned(), Alert::AccessDenied));
            }
        }
        let answer = core::mem::take(&mut server.buffer);
        let sent = client.send(&answer, self.bounds.head).await;
        sent.map_err(|_| ("the connection broke".to_owned(), Alert::AccessDenied))?;
        meter.add(Side::Server, answer.len());
        let (hello, _) = client.peek(self.bounds.head, hello::read_again).await.map_err(unread)?;
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

/// Returns what the first words are; `None` where they are too few. At ports other than the web's whatever is neither
/// of the two is passed on, so that what a lenient server would take for one of them is one.
pub(super) fn speech(bytes: &[u8]) -> Option<Speech> {
    if bytes.first().is_some_and(|first| RECORDS.contains(first)) {
        return Some(Speech::Tls);
    }
    let blank = bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let bytes = bytes.get(blank..).unwrap_or_default();
    let count = bytes.iter().take_while(|byte| is_token(**byte)).count();
    let (word, rest) = bytes.split_at_checked(count)?;
    if word.first().is_some_and(u8::is_ascii_digit) {
        return Some(Speech::Other);
    }
    match rest {
        [] if count <= WORD_BYTES_MAX && blank <= WORD_BYTES_MAX => None,
        [b' '] => None,
        [b' ', ..] if METHODS.contains(&word) => Some(Speech::Requests),
        [b' ', b'/' | b'*' | b'h' | b'H', ..] => Some(Speech::Requests),
        _ => Some(Speech::Other),
    }
}

fn unread(unread: Unread<HelloFault>) -> (String, Alert) {
    let reason = match unread {
        Unread::Fault(fault) => fault.to_string(),
        Unread::Closed => "the client went away before its TLS hello".to_owned(),
        Unread::Late => "the client's TLS hello took too long".to_owned(),
    };
    (reason, Alert::AccessDenied)
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
