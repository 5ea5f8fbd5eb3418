//! WebSockets, whose frames are looked into.

use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::time::timeout;

use super::body::{RELEASE, Reader, send};
use crate::proxy::exchange::Broken;
use crate::proxy::inspect::Session;
use crate::proxy::stream::Side;
use crate::wire::frames::Frames;

/// Joins both ends of a WebSocket until one of them ends.
pub(super) async fn web_socket<C, S>(
    session: &Session,
    (mut from_client, mut to_client): (Reader<'_, ReadHalf<&mut C>>, WriteHalf<&mut C>),
    (mut from_server, mut to_server): (Reader<'_, ReadHalf<&mut S>>, WriteHalf<&mut S>),
) where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (outgoing, incoming) = session.directions();
    let up = frames(session, &mut from_client, &mut to_server, Frames::new(outgoing));
    let down = frames(session, &mut from_server, &mut to_client, Frames::new(incoming));
    tokio::pin!(up, down);
    // An end of one side is the end of both: there is a word for it in the frames.
    tokio::select! {
        _ = &mut up => {}
        _ = &mut down => {}
    }
}

async fn frames<R: AsyncRead + Unpin>(
    session: &Session,
    from: &mut Reader<'_, R>,
    to: &mut (impl AsyncWrite + Unpin),
    mut frames: Frames,
) -> Result<(), Broken> {
    loop {
        if from.buffer.is_empty() {
            let filled =
                if frames.holds_little() { timeout(RELEASE, from.fill()).await.ok() } else { Some(from.fill().await) };
            match filled {
                None => send(to, &frames.release()).await?,
                Some(count) => {
                    if count? == 0 {
                        return Ok(());
                    }
                }
            }
        }
        let bytes = frames.push(from.buffer).map_err(|_| Broken::Connection)?;
        from.buffer.clear();
        if from.side == Side::Client {
            session.note_found(frames.swap()).map_err(|_| Broken::Unrecorded)?;
        }
        send(to, &bytes).await?;
    }
}
