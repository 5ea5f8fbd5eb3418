//! Requests and answers of HTTP/1, read and written anew: one after the other, each judged.

use core::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::timeout;

use super::body::{Payload, Reader, pump, send, send_part};
use super::socket::web_socket;
use crate::limits::{MOVE_BYTES, READ_BYTES, REASON_BYTES_MAX};
use crate::proxy::admit::End;
use crate::proxy::exchange::{After, Broken};
use crate::proxy::filter::Filter;
use crate::proxy::inspect::{Ready, Reply, Session, Stop};
use crate::proxy::stream::Side;
use crate::proxy::tunnel::status_of;
use crate::rules::RequestRefusal;
use crate::wire::Progress;
use crate::wire::fields::{Body, HeadFault, Version};
use crate::wire::request::{self, Request};

/// A connection, and what was read of it and not yet used.
pub(in crate::proxy) struct Peer<'a, S> {
    pub(in crate::proxy) io: &'a mut S,
    pub(in crate::proxy) buffer: &'a mut Vec<u8>,
}

/// Passes a request on and its answer back. `through` is for another proxy, as in [`Request::render`].
pub(in crate::proxy) async fn exchange<C, S>(
    session: &Session,
    (client, server): (Peer<'_, C>, Peer<'_, S>),
    (mut request, through): (Request, Option<&str>),
    default_port: u16,
) -> Result<After, Stop>
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (io, mut to_client) = split(client.io);
    let mut from_client = Reader { io, buffer: client.buffer, side: Side::Client };
    let (io, mut to_server) = split(server.io);
    let mut from_server = Reader { io, buffer: server.buffer, side: Side::Server };
    let judged = session.judge(&mut request).await.map_err(Stop::Answered)?;
    if judged.wants_body() && request.fields.has_word("expect", "100-continue") {
        // The body is read before the server is asked.
        send(&mut to_client, b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        request.fields.set("expect", None);
    }
    let after = {
        let mut body = Payload::new(&mut from_client, request.body);
        let Ready { request, prefix, mut swap } = session.gather(judged, request, &mut body).await?;
        let head = request.render_at(through, default_port);
        send(&mut to_server, &head).await.map_err(|_| Broken::Server)?;
        let up = async {
            let first = swap.push(&prefix);
            send_part(&mut to_server, request.body, &first).await?;
            if request.body == Body::None {
                return Ok(());
            }
            pump(session, &mut body, &mut to_server, (request.body, Filter::new(swap), Side::Client)).await
        };
        let down = answers(session, &mut from_server, &mut to_client, &request);
        both(up, down).await?
    };
    if after == After::Upgraded {
        web_socket(session, (from_client, to_client), (from_server, to_server)).await;
        return Ok(After::Closed);
    }
    Ok(after)
}

/// Runs both ways of an exchange until the answer is over.
async fn both(
    up: impl Future<Output = Result<(), Broken>>,
    down: impl Future<Output = Result<After, Broken>>,
) -> Result<After, Broken> {
    tokio::pin!(up, down);
    let mut sent = None;
    loop {
        tokio::select! {
            end = &mut up, if sent.is_none() => match end {
                Err(broken @ (Broken::Body(_) | Broken::Unrecorded)) => return Err(broken),
                // A server may answer before it has heard everything; then the answer counts.
                end => sent = Some(end.is_ok()),
            },
            after = &mut down => {
                let after = after?;
                return Ok(if sent == Some(true) || after == After::Upgraded { after } else { After::Closed });
            }
        }
    }
}

/// Passes answers on until the last one, and its body.
async fn answers<R: AsyncRead + Unpin + Send>(
    session: &Session,
    from: &mut Reader<'_, R>,
    to: &mut (impl AsyncWrite + Unpin),
    request: &Request,
) -> Result<After, Broken> {
    loop {
        let mut answer = from.head(&request.method).await?;
        if answer.status == 101 && !request.wants_web_socket() {
            return Err(Broken::Answer(HeadFault::FirstLine));
        }
        let framed = answer.body;
        let filter = session.answer(&mut answer)?;
        if filter.is_opening() {
            let is_new = request.version == Version::New;
            answer.body = if is_new { Body::Chunked } else { Body::UntilClose };
            answer.fields.set("transfer-encoding", is_new.then_some(b"chunked"));
        }
        let is_client_kept = request.is_kept() && answer.body != Body::UntilClose;
        // Fields behind the chunks are not passed on.
        answer.fields.set("trailer", None);
        send(to, &answer.render(is_client_kept)).await.map_err(|_| Broken::Begun)?;
        match answer.status {
            101 => return Ok(After::Upgraded),
            100..=199 => continue,
            _ => {}
        }
        if answer.body != Body::None {
            let mut body = Payload::new(from, framed);
            pump(session, &mut body, to, (answer.body, filter, Side::Server)).await.map_err(|_| Broken::Begun)?;
        }
        return Ok(match (is_client_kept, answer.is_kept() && framed != Body::UntilClose) {
            (true, true) => After::Kept,
            (true, false) => After::ClientKept,
            (false, _) => After::Closed,
        });
    }
}

impl Reply {
    /// Returns the answer as HTTP/1 has it.
    pub(in crate::proxy) fn render(&self, is_kept: bool) -> Vec<u8> {
        let reason = self.reason.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { ' ' });
        let reason = reason.take(REASON_BYTES_MAX).collect::<String>();
        let close = if is_kept { "" } else { "connection: close\r\n" };
        let head = format!(
            "HTTP/1.1 {} Palisade: {reason}\r\ncontent-type: {}\r\ncontent-length: {}\r\n{close}\r\n",
            self.status,
            self.kind,
            self.body.len()
        );
        [head.as_bytes(), &self.body].concat()
    }
}

/// Sends the last words and waits a moment, so that they are read before the connection is gone.
pub(super) async fn part(mut client: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) {
    let last = async {
        if send(&mut client, bytes).await.is_err() || client.shutdown().await.is_err() {
            return;
        }
        let mut left = MOVE_BYTES * 4;
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(count @ 1..) = client.read(&mut buffer).await {
            left = left.saturating_sub(count);
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(Duration::from_secs(1), last).await;
}

/// What comes when a request is waited for.
pub(super) enum Next {
    Request(Box<Request>),
    /// It is over; with words for the client where there are some.
    Over(End, Option<Reply>),
}

/// Waits for a request, as long as the server is there.
pub(super) async fn next<C: AsyncRead + Unpin, S: AsyncRead + Unpin>(
    session: &Session,
    client: &mut Peer<'_, C>,
    server: &mut Peer<'_, S>,
) -> Next {
    let ended = |reason: &str| Next::Over(End::plain(reason), None);
    if !server.buffer.is_empty() {
        return ended("the server said what nobody asked for");
    }
    if client.buffer.is_empty() {
        client.buffer.reserve(READ_BYTES);
        let mut byte = [0];
        let first = tokio::select! {
            first = client.io.read_buf(client.buffer) => first.unwrap_or(0),
            _ = server.io.read(&mut byte) => return ended("the server closed the connection"),
            () = tokio::time::sleep(session.bounds.idle) => return ended("nothing moved for too long"),
        };
        if first == 0 {
            return ended("both sides ended");
        }
    }
    let read = timeout(session.bounds.head, read_request(session.target.port(), client)).await;
    let (status, reason) = match read {
        Ok(Some(Ok(request))) => return Next::Request(request),
        Ok(Some(Err(fault))) => (status_of(fault), fault.to_string()),
        Ok(None) => return ended("both sides ended"),
        Err(_) => ("408", "the request took too long".to_owned()),
    };
    let status = status.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(400);
    Next::Over(End::refusal(&*reason), Some(Reply::new(status, &reason)))
}

async fn read_request<C: AsyncRead + Unpin>(
    port: u16,
    client: &mut Peer<'_, C>,
) -> Option<Result<Box<Request>, HeadFault>> {
    loop {
        match request::read(client.buffer, request::Place::Server(port)) {
            Ok(Progress::Done(request, taken)) => {
                client.buffer.drain(..taken.min(client.buffer.len()));
                return Some(Ok(Box::new(request)));
            }
            Ok(Progress::More) => {}
            Err(fault) => return Some(Err(fault)),
        }
        client.buffer.reserve(READ_BYTES);
        if client.io.read_buf(client.buffer).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// Serves requests of a connection, each for the admitted host, until it ends.
pub(super) async fn serve<C, S>(session: &Session, mut client: C, mut server: S) -> End
where
    C: AsyncRead + AsyncWrite + Unpin + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut heard, mut said) = (Vec::new(), Vec::new());
    loop {
        let mut inner = Peer { io: &mut client, buffer: &mut heard };
        let mut outer = Peer { io: &mut server, buffer: &mut said };
        let request = match next(session, &mut inner, &mut outer).await {
            Next::Request(request) => *request,
            Next::Over(end, reply) => {
                if let Some(reply) = reply {
                    part(client, &reply.render(false)).await;
                }
                return end;
            }
        };
        let (is_over, is_kept) = (request.body == Body::None, request.is_kept());
        let served = match misdirected(session, &request) {
            Some(reply) => Err(Stop::Answered(reply)),
            None => {
                session.meter.touch();
                let served = exchange(session, (inner, outer), (request, None), super::TLS_PORT);
                tokio::select! {
                    served = served => served,
                    () = session.meter.idle(session.bounds.idle) => Err(Stop::Broken(Broken::Late)),
                }
            }
        };
        match served {
            Ok(After::Kept) => {}
            Ok(After::ClientKept | After::Closed | After::Upgraded) => {
                let _ = timeout(Duration::from_secs(1), client.shutdown()).await;
                return End::plain("both sides ended");
            }
            Err(Stop::Answered(reply)) => {
                // What is left of a body would be read as a request.
                if !(is_over && is_kept) || send(&mut client, &reply.render(true)).await.is_err() {
                    part(client, &reply.render(false)).await;
                    return End::plain("both sides ended");
                }
            }
            Err(Stop::Broken(broken)) => {
                let reason = broken.to_string();
                if !matches!(broken, Broken::Begun) {
                    part(client, &Reply::new(502, &reason).render(false)).await;
                }
                return End::plain(&reason);
            }
        }
    }
}

/// Returns the answer to a request that is for another host than the connection.
pub(super) fn misdirected(session: &Session, request: &Request) -> Option<Reply> {
    (request.target != session.target).then(|| {
        let reason = format!("it is for `{}`, on a connection to `{}`", request.target, session.target);
        session.refuse(421, &format!("{} {}", request.method, request.path), &RequestRefusal::new(None, reason))
    })
}

/// Answers the first request of a connection whose server cannot be reached.
pub(super) async fn refuse<C: AsyncRead + AsyncWrite + Unpin>(session: &Session, mut client: C, reply: &Reply) {
    let mut heard = Vec::new();
    let mut peer = Peer { io: &mut client, buffer: &mut heard };
    let read = timeout(session.bounds.head, read_request(session.target.port(), &mut peer)).await;
    if let Ok(Some(_)) = read {
        part(client, &reply.render(false)).await;
    }
}
