//! An admitted connection. What the client says first must be for the admitted host: the name of a TLS hello, the
//! field `Host` of a plain request. Until that is known nothing goes to the server.

use std::sync::Arc;

use super::Shared;
use super::admit::{Admitted, End, Open};
use super::dial::Dialled;
use super::exchange::{After, Broken, Ends, exchange};
use super::inspect::{Session, Stop};
use super::stream::{Counted, Meter, Side, Stream, Unread, join};
use super::terminate::http1::{self, Peer};
use crate::credential::Channel;
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
        let (address, meter) = (open.address, open.meter.clone());
        open.end = tokio::select! {
            end = self.speak(client, dialled.stream, (admitted, &meter)) => end,
            reason = admitted.revoked(self, address) => End::refusal(reason),
        };
    }

    async fn speak(&self, mut client: Stream, mut server: Stream, (admitted, meter): (&Admitted, &Arc<Meter>)) -> End {
        let target = admitted.target();
        let is_opaque = self.rules.borrow().is_opaque(target);
        let speech = match self.listen(&mut client, &mut server, (target, is_opaque)).await {
            Ok(speech) => speech,
            Err(end) => return end,
        };
        let must_see = self.inspector.must_see(target);
        // Rules about requests want to see them.
        let passes = !must_see && self.rules.borrow().passes_tls(target);
        let tls = self.inspector.tls.as_ref().filter(|tls| tls.ends(target, passes));
        let read = match (speech, tls) {
            (Speech::Other, _) if must_see => {
                return End::refusal("rules about requests speak of its host, and it speaks neither TLS nor requests");
            }
            (Speech::Other, _) => Ok(()),
            (Speech::Tls, None) if must_see => Err((
                "rules about requests speak of its host, and TLS does not end here".to_owned(),
                Alert::AccessDenied,
            )),
            (Speech::Tls, None) => self.hello(&mut client, &mut server, (target, meter)).await,
            (Speech::Tls, Some(_)) => match self.own_hello(&mut client, target).await {
                Ok(()) => return self.terminated(client, server, (admitted, meter)).await,
                Err(refusal) => Err(refusal),
            },
            (Speech::Requests, _) => return self.requests(client, server, (admitted, meter)).await,
        };
        match read {
            Ok(()) => End::plain(join(&mut client, &mut server, meter, &self.bounds).await),
            Err((reason, alert)) => {
                client.part(&hello::alert(alert)).await;
                End::refusal(reason)
            }
        }
    }

    /// Compares the name of a hello that is answered here. Another hello that it hides nobody can read.
    async fn own_hello(&self, client: &mut Stream, target: &Target) -> Result<(), (String, Alert)> {
        let (hello, _) = client.peek(self.bounds.head, hello::read).await.map_err(unread)?;
        check_name(&Hello { is_encrypted: false, ..hello }, target)
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
        mut client: Stream,
        mut server: Stream,
        (admitted, meter): (&Admitted, &Arc<Meter>),
    ) -> End {
        let target = admitted.target();
        let looks = self.inspector.looks(target);
        let session = looks.then(|| Session::new(self, admitted, Channel::Plain, meter.clone()));
        loop {
            client.wait(self.bounds.idle).await;
            if !server.buffer.is_empty() {
                return End::plain("the server said what nobody asked for");
            }
            let read = client
                .read(self.bounds.head, |bytes| request::read(bytes, request::Place::Server(target.port())))
                .await;
            let request = match read {
                Ok(request) => request,
                Err(Unread::Fault(fault)) => return refuse(client, status_of(fault), &fault.to_string()).await,
                Err(Unread::Closed) => return End::plain("both sides ended"),
                Err(Unread::Late) => {
                    return refuse(client, "408 Request Timeout", "the request took too long").await;
                }
            };
            if request.target != *target {
                let reason = format!("a request on a connection to `{target}` is for `{}`", request.target);
                return refuse(client, "421 Misdirected Request", &reason).await;
            }
            let ended = match &session {
                Some(session) => self.seen(session, (&mut client, &mut server), request, None).await,
                None => {
                    let ends = Ends { client: &mut client, server: &mut server, meter, idle: self.bounds.idle };
                    exchange(ends, &request, None).await.map_err(Stop::Broken)
                }
            };
            match ended {
                Ok(After::Kept) => {}
                Ok(After::ClientKept | After::Closed) => return End::plain("both sides ended"),
                Ok(After::Upgraded) => {
                    return End::plain(join(&mut client, &mut server, meter, &self.bounds).await);
                }
                Err(Stop::Answered(reply)) => {
                    client.part(&reply.render(false)).await;
                    return End::plain("both sides ended");
                }
                Err(Stop::Broken(Broken::Begun)) => return End::plain("the connection broke"),
                Err(Stop::Broken(broken)) => {
                    return refuse(client, "502 Bad Gateway", &broken.to_string()).await;
                }
            }
        }
    }

    /// Passes a plain request on that is looked into, and its answer back.
    pub(super) async fn seen(
        &self,
        session: &Session,
        (client, server): (&mut Stream, &mut Stream),
        request: Request,
        through: Option<&str>,
    ) -> Result<After, Stop> {
        session.meter.touch();
        let mut counted = Counted { io: &mut server.tcp, meter: session.meter.clone() };
        let client = Peer { io: &mut client.tcp, buffer: &mut client.buffer };
        let server = Peer { io: &mut counted, buffer: &mut server.buffer };
        tokio::select! {
            after = http1::exchange(session, (client, server), (request, through), HTTP_PORT) => after,
            () = session.meter.idle(self.bounds.idle) => Err(Stop::Broken(Broken::Late)),
        }
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

async fn refuse(client: Stream, status: &str, reason: &str) -> End {
    client.part(&super::http::answer(status, reason, "")).await;
    End::refusal(reason)
}
