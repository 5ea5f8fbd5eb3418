//! Requests and answers of HTTP/2: each stream is a request of its own, judged as every other.

use core::future::poll_fn;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::body::RELEASE;
use super::http1::misdirected;
use crate::credential::Swap;
use crate::host::Target;
use crate::limits::{HEAD_BYTES_MAX, LINE_BYTES_MAX, STREAMS_MAX};
use crate::proxy::admit::End;
use crate::proxy::exchange::Broken;
use crate::proxy::filter::Filter;
use crate::proxy::inspect::{Ready, Reply, Session, Source, Stop};
use crate::rules::RequestRefusal;
use crate::wire::fields::{Body, Fields, Version};
use crate::wire::request::Request;
use crate::wire::response::Response;

/// Bytes of a stream, and of all of them, that may be on the way.
const STREAM_WINDOW: u32 = 256 * 1024;
const WINDOW: u32 = 512 * 1024;
/// Bytes that wait to be sent on a stream.
const WAITING_BYTES_MAX: usize = 128 * 1024;

/// Serves the streams of a connection until it ends.
pub(super) async fn serve<C, S>(session: Arc<Session>, client: C, server: S) -> End
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(STREAM_WINDOW).initial_connection_window_size(WINDOW).enable_push(false);
    builder.max_header_list_size(HEAD_LIST).max_send_buffer_size(WAITING_BYTES_MAX);
    let limit = session.bounds.head;
    let Ok(Ok((sender, outside))) = timeout(limit, builder.handshake::<S, Bytes>(server)).await else {
        return End::plain("the server does not speak HTTP/2");
    };
    let Ok(Ok(mut inside)) = timeout(limit, inside().handshake::<C, Bytes>(client)).await else {
        return End::plain("the client does not speak HTTP/2");
    };
    let mut tasks: JoinSet<()> = JoinSet::new();
    let mut is_open = true;
    tokio::pin!(outside);
    session.meter.touch();
    loop {
        tokio::select! {
            accepted = inside.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    tasks.spawn(stream(session.clone(), sender.clone(), request, respond));
                }
                Some(Err(_)) => return End::plain("the connection broke"),
                None => return End::plain("both sides ended"),
            },
            _ = &mut outside, if is_open => {
                // No other request gets through; those that are under way end by themselves.
                is_open = false;
                inside.graceful_shutdown();
            }
            Some(_) = tasks.join_next() => {}
            () = session.meter.idle(session.bounds.idle) => return End::plain("nothing moved for too long"),
        }
    }
}

const HEAD_LIST: u32 = 64 * 1024;

fn inside() -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(STREAM_WINDOW).initial_connection_window_size(WINDOW);
    builder.max_concurrent_streams(STREAMS_MAX).max_header_list_size(HEAD_LIST).max_send_buffer_size(WAITING_BYTES_MAX);
    builder
}

/// Answers the first request of a connection whose server cannot be reached.
pub(super) async fn refuse<C: AsyncRead + AsyncWrite + Unpin>(client: C, reply: &Reply) {
    let served = async {
        let mut connection = inside().handshake::<C, Bytes>(client).await.ok()?;
        let (_, mut respond) = connection.accept().await?.ok()?;
        answer(&mut respond, reply).await;
        connection.graceful_shutdown();
        while connection.accept().await.is_some() {}
        Some(())
    };
    let _ = timeout(Duration::from_secs(2), served).await;
}

/// Sends an answer of the proxy's own.
async fn answer(respond: &mut SendResponse<Bytes>, reply: &Reply) {
    let Reply { status, reason: _, kind, body } = reply;
    let built = http::Response::builder().status(*status).header("content-type", *kind).body(());
    let Ok(response) = built else { return };
    if let Ok(stream) = respond.send_response(response, false) {
        let mut sink = Sink { stream };
        // Who has gone does not hear.
        let _ = sink.send(body).await;
        let _ = sink.end(None);
    }
}

/// Serves a stream.
async fn stream(
    session: Arc<Session>,
    sender: SendRequest<Bytes>,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    match exchange(&session, sender, request, &mut respond).await {
        Ok(()) => {}
        Err(Stop::Answered(reply)) => answer(&mut respond, &reply).await,
        Err(Stop::Broken(Broken::Begun)) => respond.send_reset(Reason::INTERNAL_ERROR),
        Err(Stop::Broken(Broken::Server)) => respond.send_reset(Reason::REFUSED_STREAM),
        Err(Stop::Broken(broken)) => answer(&mut respond, &Reply::new(502, &broken.to_string())).await,
    }
}

async fn exchange(
    session: &Session,
    sender: SendRequest<Bytes>,
    request: http::Request<RecvStream>,
    respond: &mut SendResponse<Bytes>,
) -> Result<(), Stop> {
    let (parts, stream) = request.into_parts();
    let mut body = Received { stream, unreleased: 0, trailers: None };
    let mut request = read(session, &parts, &body).map_err(Stop::Answered)?;
    if let Some(reply) = misdirected(session, &request) {
        return Err(Stop::Answered(reply));
    }
    let judged = session.judge(&mut request).await.map_err(Stop::Answered)?;
    let Ready { request, prefix, mut swap } = session.gather(judged, request, &mut body).await?;
    let is_empty = request.body == Body::None && prefix.is_empty();
    let head = render(&request).ok_or(Broken::Connection)?;
    let mut sender = sender.ready().await.map_err(|_| Broken::Server)?;
    let (response, stream) = sender.send_request(head, is_empty).map_err(|_| Broken::Server)?;
    let mut sink = Sink { stream };
    let up = async {
        if is_empty {
            return Ok(());
        }
        sink.send(&swap.push(&prefix)).await?;
        pump(session, &mut body, &mut sink, (Filter::new(swap), Way::Out)).await
    };
    let down = back(session, response, respond, &request.method);
    tokio::pin!(up, down);
    let mut is_sent = false;
    loop {
        tokio::select! {
            end = &mut up, if !is_sent => match end {
                Err(Broken::Unrecorded) => return Err(Broken::Unrecorded.into()),
                // A server may answer before it has heard everything; then the answer counts.
                Ok(()) | Err(_) => is_sent = true,
            },
            end = &mut down => return Ok(end?),
        }
    }
}

/// Passes the answer on.
async fn back(
    session: &Session,
    response: ResponseFuture,
    respond: &mut SendResponse<Bytes>,
    method: &str,
) -> Result<(), Broken> {
    let response = tokio::select! {
        response = response => response.map_err(|_| Broken::Connection)?,
        _ = poll_fn(|ctx| respond.poll_reset(ctx)) => return Err(Broken::Begun),
    };
    let (parts, stream) = response.into_parts();
    let mut body = Received { stream, unreleased: 0, trailers: None };
    let is_empty = body.stream.is_end_stream();
    let wrong = || Broken::Answer(crate::wire::fields::HeadFault::Field);
    let fields = fields(&parts.headers).ok_or_else(wrong)?;
    let has_body = !is_empty && method != "HEAD";
    let kind = if has_body { Body::UntilClose } else { Body::None };
    let status = parts.status.as_u16();
    let mut answer = Response { status, reason: String::new(), version: Version::New, fields, body: kind };
    let filter = session.answer(&mut answer)?;
    let mut head = http::Response::new(());
    *head.status_mut() = parts.status;
    *head.headers_mut() = headers(&answer.fields).ok_or_else(wrong)?;
    let stream = respond.send_response(head, is_empty).map_err(|_| Broken::Begun)?;
    if is_empty {
        return Ok(());
    }
    let mut sink = Sink { stream };
    pump(session, &mut body, &mut sink, (filter, Way::Back)).await.map_err(|_| Broken::Begun)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Out,
    Back,
}

/// Passes a body on, in which texts change places, and the fields behind it.
async fn pump(
    session: &Session,
    from: &mut Received,
    to: &mut Sink,
    (mut filter, way): (Filter, Way),
) -> Result<(), Broken> {
    loop {
        let limit = if filter.swap().holds_little() { RELEASE } else { session.bounds.idle };
        let next = tokio::select! {
            next = timeout(limit, from.next()) => next,
            _ = poll_fn(|ctx| to.stream.poll_reset(ctx)) => return Err(Broken::Begun),
        };
        let next = match next {
            Ok(next) => next?,
            Err(_) if filter.swap().holds_little() => {
                to.send(&filter.swap().release()).await?;
                continue;
            }
            Err(_) => return Err(Broken::Late),
        };
        let Some(bytes) = next else { break };
        for part in bytes.chunks(filter.step()) {
            let bytes = filter.push(part)?;
            note(session, filter.swap(), way)?;
            to.send(&bytes).await?;
        }
    }
    let bytes = filter.finish()?;
    note(session, filter.swap(), way)?;
    to.send(&bytes).await?;
    let mut trailers = from.trailers.take();
    for value in trailers.iter_mut().flat_map(HeaderMap::values_mut) {
        let mut own = filter.swap().again();
        *value = HeaderValue::from_bytes(&own.whole(value.as_bytes())).map_err(|_| Broken::Begun)?;
        note(session, &own, way)?;
    }
    to.end(trailers)
}

/// Writes down what was found in what goes out.
fn note(session: &Session, swap: &Swap, way: Way) -> Result<(), Broken> {
    match way {
        Way::Out => session.note_found(swap).map_err(|_| Broken::Unrecorded),
        Way::Back => Ok(()),
    }
}

/// A body that comes in.
struct Received {
    stream: RecvStream,
    /// Bytes that were given on, after which as many may come.
    unreleased: usize,
    trailers: Option<HeaderMap>,
}

impl Source for Received {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let count = core::mem::take(&mut self.unreleased);
        self.stream.flow_control().release_capacity(count).map_err(|_| Broken::Connection)?;
        match self.stream.data().await {
            Some(Ok(bytes)) => {
                self.unreleased = bytes.len();
                Ok(Some(bytes.to_vec()))
            }
            Some(Err(_)) => Err(Broken::Connection),
            None => {
                self.trailers = self.stream.trailers().await.map_err(|_| Broken::Connection)?;
                Ok(None)
            }
        }
    }
}

/// A body that goes out.
struct Sink {
    stream: SendStream<Bytes>,
}

impl Sink {
    async fn send(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            self.stream.reserve_capacity(bytes.len());
            let capacity = poll_fn(|ctx| self.stream.poll_capacity(ctx)).await;
            let Some(Ok(capacity)) = capacity else { return Err(Broken::Connection) };
            let (part, rest) = bytes.split_at_checked(capacity.min(bytes.len())).unwrap_or((bytes, &[]));
            self.stream.send_data(Bytes::copy_from_slice(part), false).map_err(|_| Broken::Connection)?;
            bytes = rest;
        }
        Ok(())
    }

    fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), Broken> {
        let ended = match trailers {
            Some(trailers) => self.stream.send_trailers(trailers),
            None => self.stream.send_data(Bytes::new(), true),
        };
        ended.map_err(|_| Broken::Connection)
    }
}

/// Reads a request as every other: its host from all places that name one, its path as HTTP/1 would have it.
fn read(session: &Session, parts: &http::request::Parts, body: &Received) -> Result<Request, Reply> {
    let method = parts.method.as_str();
    let shown = format!("{method} {}", parts.uri.path());
    let refuse = |status, reason: &str| session.refuse(status, &shown, &RequestRefusal::new(None, reason));
    if matches!(method, "CONNECT" | "TRACE" | "TRACK") {
        return Err(refuse(405, "the method is not forwarded"));
    }
    let port = session.target.port();
    let named = parts.uri.authority().and_then(|authority| Target::parse(authority.as_str(), Some(port)).ok());
    let target = named.filter(|_| parts.uri.scheme_str() == Some("https"));
    let target = target.ok_or_else(|| refuse(400, "it names no host by `https`"))?;
    for value in parts.headers.get_all("host") {
        let other = value.to_str().ok().and_then(|text| Target::parse(text, Some(port)).ok());
        if other.as_ref() != Some(&target) {
            return Err(refuse(421, "the field `host` names another host"));
        }
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let is_path = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\\".contains(&byte));
    if !is_path || path.len() > LINE_BYTES_MAX {
        return Err(refuse(400, "the path is not well formed"));
    }
    let bytes: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEAD_BYTES_MAX {
        return Err(refuse(431, "the head is too long"));
    }
    let mut fields = fields(&parts.headers).ok_or_else(|| refuse(400, "a field of the head is not well formed"))?;
    fields.set("host", None);
    let body = if body.stream.is_end_stream() { Body::None } else { Body::Chunked };
    Ok(Request { method: method.to_owned(), target, path: path.to_owned(), version: Version::New, fields, body })
}

fn fields(headers: &HeaderMap) -> Option<Fields> {
    let mut fields = Fields::default();
    headers.iter().all(|(name, value)| fields.add(name.as_str(), value.as_bytes())).then_some(fields)
}

fn headers(fields: &Fields) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter() {
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    Some(headers)
}

/// Returns the head as it goes to the server.
fn render(request: &Request) -> Option<http::Request<()>> {
    let host = request.host_at(super::TLS_PORT);
    let uri =
        http::Uri::builder().scheme("https").authority(host).path_and_query(request.path.as_str()).build().ok()?;
    let mut head = http::Request::new(());
    *head.method_mut() = http::Method::from_bytes(request.method.as_bytes()).ok()?;
    *head.uri_mut() = uri;
    *head.version_mut() = http::Version::HTTP_2;
    *head.headers_mut() = headers(&request.fields)?;
    Some(head)
}
