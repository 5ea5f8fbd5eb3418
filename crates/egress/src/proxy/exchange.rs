//! One request and its answer: the request as it was judged, the answer as it comes, each checked while it is passed on.

use core::time::Duration;
use std::io;

use tokio::time::timeout;

use super::stream::{Meter, Side, Stream, send};
use crate::wire::Progress;
use crate::wire::chunks::Chunks;
use crate::wire::fields::{Body, HeadFault};
use crate::wire::request::Request;
use crate::wire::response::{self, Response};

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Both connections serve another exchange.
    Kept,
    /// The client's does, the server's does not.
    ClientKept,
    /// Neither does.
    Closed,
    /// Both speak another protocol from here on.
    Upgraded,
}

/// Why an exchange broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The server's answer is none.
    #[error("the server's answer is not well formed")]
    Answer(#[source] HeadFault),
    /// The client's body is none.
    #[error("the body of the request is not well formed")]
    Body(#[source] HeadFault),
    /// The server went away before its answer.
    #[error("the server closed the connection")]
    Server,
    /// A connection broke where nothing more can be said.
    #[error("the connection broke")]
    Connection,
    /// Nothing moved.
    #[error("nothing moved for too long")]
    Late,
    /// A connection broke after the answer had begun.
    #[error("the connection broke")]
    Begun,
    /// The answer hides what is in it.
    #[error("the server's answer is compressed, although it was asked not to be, and may hide a secret")]
    Encoded,
    /// What was found could not be written down.
    #[error("the connection cannot be recorded")]
    Unrecorded,
}

/// The exchange's ends.
pub(super) struct Ends<'a> {
    pub(super) client: &'a mut Stream,
    pub(super) server: &'a mut Stream,
    pub(super) meter: &'a Meter,
    pub(super) idle: Duration,
}

/// Where bytes come from: what was read already, then the connection.
struct Source<'a> {
    tcp: &'a tokio::net::TcpStream,
    buffer: &'a mut Vec<u8>,
    side: Side,
}

/// What an exchange needs besides its ends.
struct Passing<'a> {
    meter: &'a Meter,
    idle: Duration,
}

/// Passes a request on and its answer back. `through` is for another proxy, as in [`Request::render`].
pub(super) async fn exchange(ends: Ends<'_>, request: &Request, through: Option<&str>) -> Result<After, Broken> {
    let Ends { client, server, meter, idle } = ends;
    let passing = Passing { meter, idle };
    let head = request.render(through);
    server.send(&head, idle).await.map_err(|_| Broken::Server)?;
    meter.add(Side::Client, head.len());
    let mut from_client = Source { tcp: &client.tcp, buffer: &mut client.buffer, side: Side::Client };
    let mut from_server = Source { tcp: &server.tcp, buffer: &mut server.buffer, side: Side::Server };
    let body = passing.body(&mut from_client, &server.tcp, request.body);
    let answer = passing.answer(&mut from_server, &client.tcp, request);
    tokio::pin!(body, answer);
    let mut sent = None;
    loop {
        tokio::select! {
            end = &mut body, if sent.is_none() => match end {
                Err(Broken::Body(fault)) => return Err(Broken::Body(fault)),
                // A server may answer before it has heard everything; then the answer counts.
                end => sent = Some(end.is_ok()),
            },
            after = &mut answer => {
                let after = after?;
                return Ok(if sent == Some(true) || after == After::Upgraded { after } else { After::Closed });
            }
        }
    }
}

impl Passing<'_> {
    /// Passes answers on until the last one, and its body.
    async fn answer(
        &self,
        from: &mut Source<'_>,
        to: &tokio::net::TcpStream,
        request: &Request,
    ) -> Result<After, Broken> {
        loop {
            let answer = self.head(from, &request.method).await?;
            if answer.status == 101 && !request.wants_web_socket() {
                return Err(Broken::Answer(HeadFault::FirstLine));
            }
            let is_client_kept = request.is_kept() && answer.body != Body::UntilClose;
            let head = answer.render(is_client_kept);
            self.send(to, &head).await?;
            self.meter.add(Side::Server, head.len());
            match answer.status {
                101 => return Ok(After::Upgraded),
                100..=199 => continue,
                _ => {}
            }
            self.body(from, to, answer.body).await?;
            return Ok(match (is_client_kept, answer.is_kept()) {
                (true, true) => After::Kept,
                (true, false) => After::ClientKept,
                (false, _) => After::Closed,
            });
        }
    }

    async fn head(&self, from: &mut Source<'_>, method: &str) -> Result<Response, Broken> {
        loop {
            match response::read(from.buffer, method) {
                Ok(Progress::Done(answer, taken)) => {
                    from.buffer.drain(..taken.min(from.buffer.len()));
                    return Ok(answer);
                }
                Ok(Progress::More) => {}
                Err(fault) => return Err(Broken::Answer(fault)),
            }
            if self.fill(from).await? == 0 {
                return Err(Broken::Server);
            }
        }
    }

    /// Passes a body on.
    async fn body(&self, from: &mut Source<'_>, to: &tokio::net::TcpStream, body: Body) -> Result<(), Broken> {
        let mut left = match body {
            Body::None => return Ok(()),
            Body::Length(length) => length,
            Body::Chunked => return self.chunks(from, to).await,
            Body::UntilClose => u64::MAX,
        };
        while left > 0 {
            if from.buffer.is_empty() && self.fill(from).await? == 0 {
                return if body == Body::UntilClose { Ok(()) } else { Err(Broken::Connection) };
            }
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(from.buffer.len());
            self.pass(from, to, count).await?;
            left -= count as u64;
        }
        Ok(())
    }

    async fn chunks(&self, from: &mut Source<'_>, to: &tokio::net::TcpStream) -> Result<(), Broken> {
        let mut chunks = Chunks::default();
        while !chunks.is_done() {
            if from.buffer.is_empty() && self.fill(from).await? == 0 {
                return Err(Broken::Connection);
            }
            let wrong = |fault| if from.side == Side::Client { Broken::Body(fault) } else { Broken::Answer(fault) };
            let count = chunks.push(from.buffer).map_err(wrong)?;
            self.pass(from, to, count).await?;
        }
        Ok(())
    }

    /// Sends bytes of the buffer.
    async fn pass(&self, from: &mut Source<'_>, to: &tokio::net::TcpStream, count: usize) -> Result<(), Broken> {
        self.send(to, from.buffer.get(..count).unwrap_or_default()).await?;
        self.meter.add(from.side, count);
        from.buffer.drain(..count.min(from.buffer.len()));
        Ok(())
    }

    async fn send(&self, to: &tokio::net::TcpStream, bytes: &[u8]) -> Result<(), Broken> {
        match timeout(self.idle, send(to, bytes)).await {
            Ok(sent) => sent.map_err(|_| Broken::Connection),
            Err(_) => Err(Broken::Late),
        }
    }

    async fn fill(&self, from: &mut Source<'_>) -> Result<usize, Broken> {
        let read = async {
            loop {
                from.tcp.readable().await?;
                from.buffer.reserve(crate::limits::READ_BYTES);
                match from.tcp.try_read_buf(from.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other,
                }
            }
        };
        match timeout(self.idle, read).await {
            Ok(Ok(count)) => Ok(count),
            Ok(Err(_)) => Err(Broken::Connection),
            Err(_) => Err(Broken::Late),
        }
    }
}
