//! Bytes between two connections. A connection through which nothing moves holds no buffer.

use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};

use crate::limits::{Bounds, HEAD_BYTES_MAX, MOVE_BYTES, MOVES_MAX};
use crate::wire::Progress;

/// A connection, and what was read of it and not yet used.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) tcp: TcpStream,
    pub(super) buffer: Vec<u8>,
}

/// Bytes that went each way, and when the last did.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    start: Instant,
    last_ms: AtomicU64,
}

impl Meter {
    pub(super) fn new() -> Self {
        let (sent, received, last_ms) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { sent, received, start: Instant::now(), last_ms }
    }

    pub(super) fn counts(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }

    pub(super) fn add(&self, side: Side, count: usize) {
        let counter = if side == Side::Client { &self.sent } else { &self.received };
        counter.fetch_add(count as u64, Ordering::Relaxed);
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    /// Begins to count anew how long nothing moves.
    pub(super) fn touch(&self) {
        self.add(Side::Client, 0);
    }

    /// Returns when nothing has moved for so long.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let last = self.start + Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            if last.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(last + limit).await;
        }
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// Why a head could not be read.
#[derive(Debug)]
pub(super) enum Unread<F> {
    /// It is not one.
    Fault(F),
    /// The connection ended before it.
    Closed,
    /// It took too long.
    Late,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream) -> Self {
        // Small messages wait for nothing; where that cannot be had they wait.
        let _ = tcp.set_nodelay(true);
        Self { tcp, buffer: Vec::new() }
    }

    /// Reads more into the buffer; 0 at the end.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        loop {
            self.tcp.readable().await?;
            self.buffer.reserve(4096);
            match self.tcp.try_read_buf(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    /// Waits until something is there, or so long. What came instead is found by the next read.
    pub(super) async fn wait(&mut self, limit: Duration) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
            let _ = timeout(limit, self.tcp.readable()).await;
        }
    }

    /// Reads what a reader of bytes makes of them, within a time, and takes it from the buffer.
    pub(super) async fn read<T, F>(
        &mut self,
        limit: Duration,
        read: impl Fn(&[u8]) -> Result<Progress<T>, F>,
    ) -> Result<T, Unread<F>> {
        let (value, taken) = self.peek(limit, read).await?;
        self.buffer.drain(..taken.min(self.buffer.len()));
        Ok(value)
    }

    /// Reads the same and leaves it in the buffer.
    pub(super) async fn peek<T, F>(
        &mut self,
        limit: Duration,
        read: impl Fn(&[u8]) -> Result<Progress<T>, F>,
    ) -> Result<(T, usize), Unread<F>> {
        let end = Instant::now() + limit;
        loop {
            match read(&self.buffer) {
                Ok(Progress::Done(value, taken)) => return Ok((value, taken)),
                Err(fault) => return Err(Unread::Fault(fault)),
                // Every reader has an end of its own; this one is for all.
                Ok(Progress::More) if self.buffer.len() > 2 * HEAD_BYTES_MAX => return Err(Unread::Late),
                Ok(Progress::More) => {}
            }
            match tokio::time::timeout_at(end, self.fill()).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Err(Unread::Closed),
                Err(_) => return Err(Unread::Late),
            }
        }
    }

    /// Sends everything, or gives up when nothing moves.
    pub(super) async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        timeout(limit, send(&self.tcp, bytes)).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Sends the last words and waits a moment, so that they are read before the connection is gone.
    pub(super) async fn part(mut self, bytes: &[u8]) {
        let limit = Duration::from_secs(1);
        if self.send(bytes, limit).await.is_err() || self.tcp.shutdown().await.is_err() {
            return;
        }
        self.buffer = Vec::new();
        let drain = async {
            let mut left = MOVE_BYTES * 4;
            while let Ok(count @ 1..) = self.fill().await {
                self.buffer.clear();
                left = left.saturating_sub(count);
                if left == 0 {
                    break;
                }
            }
        };
        let _ = timeout(limit, drain).await;
    }

    /// Returns true when the other side has closed, or said what nobody asked for.
    pub(super) fn is_stale(&self) -> bool {
        let mut byte = [0];
        let read = self.tcp.try_read(&mut byte);
        !self.buffer.is_empty() || !matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

pub(super) async fn send(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.try_write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One move: what was read, and what could not be sent at once.
enum Moved {
    Wait,
    End,
    Count(usize, Vec<u8>),
}

/// Moves bytes without waiting. The buffer lives no longer than the move.
fn step(from: &ReadHalf<'_>, to: &WriteHalf<'_>) -> io::Result<Moved> {
    let mut buffer = [0; MOVE_BYTES];
    let count = match from.try_read(&mut buffer) {
        Ok(0) => return Ok(Moved::End),
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Moved::Wait),
        Err(error) => return Err(error),
    };
    let bytes = buffer.get(..count).unwrap_or_default();
    let sent = match to.try_write(bytes) {
        Ok(sent) => sent,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    Ok(Moved::Count(count, bytes.get(sent..).unwrap_or_default().to_vec()))
}

/// Moves everything one way until its end, and passes the end on.
async fn pump(from: ReadHalf<'_>, mut to: WriteHalf<'_>, (side, meter): (Side, &Meter)) -> io::Result<()> {
    let mut moves = 0;
    loop {
        from.readable().await?;
        match step(&from, &to)? {
            Moved::Wait => {}
            Moved::End => break,
            Moved::Count(count, left) => {
                meter.add(side, count);
                send(to.as_ref(), &left).await?;
            }
        }
        moves += 1;
        if moves % MOVES_MAX == 0 {
            tokio::task::yield_now().await;
        }
    }
    // Only the end of one direction: the other goes on.
    to.shutdown().await
}

/// Joins two connections until both have ended, nothing moves, or one breaks. Returns why it ended.
pub(super) async fn join(client: &mut Stream, server: &mut Stream, meter: &Meter, bounds: &Bounds) -> &'static str {
    match timeout(bounds.idle, flush(client, server, meter)).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => return "the connection broke",
        Err(_) => return "nothing moved for too long",
    }
    let ((client_out, client_in), (server_out, server_in)) = (client.tcp.split(), server.tcp.split());
    let up = pump(client_out, server_in, (Side::Client, meter));
    let down = pump(server_out, client_in, (Side::Server, meter));
    tokio::pin!(up, down);
    let idle = meter.idle(bounds.idle);
    let first = tokio::select! {
        end = &mut up => end.map(|()| Side::Client),
        end = &mut down => end.map(|()| Side::Server),
        () = idle => return "nothing moved for too long",
    };
    let half = meter.idle(bounds.half);
    let second = match first {
        Ok(Side::Client) => tokio::select! { end = down => end, () = half => return "nothing moved for too long" },
        Ok(Side::Server) => tokio::select! { end = up => end, () = half => return "nothing moved for too long" },
        Err(error) => Err(error),
    };
    if second.is_ok() { "both sides ended" } else { "the connection broke" }
}

/// Sends what each side has read already.
async fn flush(client: &mut Stream, server: &mut Stream, meter: &Meter) -> io::Result<()> {
    let (sent, received) = (core::mem::take(&mut client.buffer), core::mem::take(&mut server.buffer));
    send(&server.tcp, &sent).await?;
    send(&client.tcp, &received).await?;
    if !sent.is_empty() {
        meter.add(Side::Client, sent.len());
    }
    if !received.is_empty() {
        meter.add(Side::Server, received.len());
    }
    Ok(())
}

impl AsyncRead for Stream {
    /// Reads what was read already, then the connection.
    fn poll_read(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.buffer.is_empty() {
            return Pin::new(&mut self.tcp).poll_read(ctx, into);
        }
        let count = self.buffer.len().min(into.remaining());
        into.put_slice(self.buffer.get(..count).unwrap_or_default());
        self.buffer.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(ctx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(ctx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(ctx)
    }
}

/// A server's connection whose bytes are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    pub(super) io: S,
    pub(super) meter: Arc<Meter>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(ctx, into);
        let count = into.filled().len() - before;
        if count > 0 {
            self.meter.add(Side::Server, count);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(ctx, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            self.meter.add(Side::Client, count);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(ctx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(ctx)
    }
}
