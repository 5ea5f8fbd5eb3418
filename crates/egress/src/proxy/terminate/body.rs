//! Bodies of HTTP/1: what is read of them without their frames, and written in frames of their own.

use core::time::Duration;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::limits::READ_BYTES;
use crate::proxy::exchange::Broken;
use crate::proxy::filter::Filter;
use crate::proxy::inspect::{Session, Source};
use crate::proxy::stream::Side;
use crate::wire::Progress;
use crate::wire::chunks::Chunks;
use crate::wire::fields::Body;
use crate::wire::response::{self, Response};

/// How long a few bytes are held back that may be the beginning of something.
pub(super) const RELEASE: Duration = Duration::from_millis(20);

/// The half of a connection that is read.
pub(super) struct Reader<'a, R> {
    pub(super) io: R,
    pub(super) buffer: &'a mut Vec<u8>,
    pub(super) side: Side,
}

impl<R: AsyncRead + Unpin> Reader<'_, R> {
    /// Reads more; 0 at the end.
    pub(super) async fn fill(&mut self) -> Result<usize, Broken> {
        self.buffer.reserve(READ_BYTES);
        self.io.read_buf(self.buffer).await.map_err(|_| Broken::Connection)
    }

    pub(super) async fn head(&mut self, method: &str) -> Result<Response, Broken> {
        loop {
            match response::read(self.buffer, method) {
                Ok(Progress::Done(answer, taken)) => {
                    self.buffer.drain(..taken.min(self.buffer.len()));
                    return Ok(answer);
                }
                Ok(Progress::More) => {}
                Err(fault) => return Err(Broken::Answer(fault)),
            }
            if self.fill().await.map_err(|_| Broken::Server)? == 0 {
                return Err(Broken::Server);
            }
        }
    }
}

/// A body, without its frames.
pub(super) struct Payload<'r, 'b, R> {
    reader: &'r mut Reader<'b, R>,
    left: Left,
}

enum Left {
    Nothing,
    Length(u64),
    Chunks(Chunks),
    UntilClose,
}

impl<'r, 'b, R> Payload<'r, 'b, R> {
    pub(super) fn new(reader: &'r mut Reader<'b, R>, body: Body) -> Self {
        let left = match body {
            Body::None | Body::Length(0) => Left::Nothing,
            Body::Length(length) => Left::Length(length),
            Body::Chunked => Left::Chunks(Chunks::default()),
            Body::UntilClose => Left::UntilClose,
        };
        Self { reader, left }
    }
}

impl<R: AsyncRead + Unpin + Send> Source for Payload<'_, '_, R> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        loop {
            if matches!(self.left, Left::Nothing) {
                return Ok(None);
            }
            if self.reader.buffer.is_empty() && self.reader.fill().await? == 0 {
                return if matches!(self.left, Left::UntilClose) { Ok(None) } else { Err(Broken::Connection) };
            }
            let bytes = self.take()?;
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }
}

impl<R> Payload<'_, '_, R> {
    /// Takes what the buffer has of the body.
    fn take(&mut self) -> Result<Vec<u8>, Broken> {
        let Reader { buffer, side, .. } = &mut *self.reader;
        match &mut self.left {
            Left::Nothing => Ok(Vec::new()),
            Left::UntilClose => Ok(core::mem::take(*buffer)),
            Left::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= count as u64;
                if *left == 0 {
                    self.left = Left::Nothing;
                }
                Ok(buffer.drain(..count).collect())
            }
            Left::Chunks(chunks) => {
                let mut bytes = Vec::new();
                let read = chunks.read(buffer, &mut |part| bytes.extend_from_slice(part));
                let wrong = |fault| if *side == Side::Client { Broken::Body(fault) } else { Broken::Answer(fault) };
                let count = read.map_err(wrong)?;
                buffer.drain(..count.min(buffer.len()));
                if chunks.is_done() {
                    self.left = Left::Nothing;
                }
                Ok(bytes)
            }
        }
    }
}

/// Sends everything now.
pub(super) async fn send(io: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), Broken> {
    let sent = async {
        io.write_all(bytes).await?;
        io.flush().await
    };
    sent.await.map_err(|_: io::Error| Broken::Connection)
}

/// Sends part of a body in its frame.
pub(super) async fn send_part(io: &mut (impl AsyncWrite + Unpin), body: Body, bytes: &[u8]) -> Result<(), Broken> {
    match body {
        _ if bytes.is_empty() => Ok(()),
        Body::Chunked => send(io, &[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()).await,
        Body::None | Body::Length(_) | Body::UntilClose => send(io, bytes).await,
    }
}

/// Passes a body on, in which texts change places.
pub(super) async fn pump(
    session: &Session,
    from: &mut impl Source,
    to: &mut (impl AsyncWrite + Unpin),
    (body, mut filter, side): (Body, Filter, Side),
) -> Result<(), Broken> {
    loop {
        let next = if filter.swap().holds_little() {
            match timeout(RELEASE, from.next()).await {
                Ok(next) => next?,
                Err(_) => {
                    send_part(to, body, &filter.swap().release()).await?;
                    continue;
                }
            }
        } else {
            from.next().await?
        };
        let Some(bytes) = next else {
            let bytes = filter.finish()?;
            note(session, &mut filter, side)?;
            send_part(to, body, &bytes).await?;
            return if body == Body::Chunked { send(to, b"0\r\n\r\n").await } else { Ok(()) };
        };
        for part in bytes.chunks(filter.step()) {
            let bytes = filter.push(part)?;
            note(session, &mut filter, side)?;
            send_part(to, body, &bytes).await?;
        }
    }
}

/// Writes down what was found in what goes out.
fn note(session: &Session, filter: &mut Filter, side: Side) -> Result<(), Broken> {
    match side {
        Side::Client => session.note_found(filter.swap()).map_err(|_| Broken::Unrecorded),
        Side::Server => Ok(()),
    }
}
