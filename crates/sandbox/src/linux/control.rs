//! The socket between launcher and boundary: one message a packet, with it descriptors, mostly one or none.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};

use crate::limits::{DESCRIPTORS_MAX, MESSAGE_BYTES_MAX};
use crate::wire;

/// Room for the descriptors of one message.
const SPACE: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX));

/// One end of the control socket.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

/// A message with the descriptor that came along.
#[derive(Debug)]
pub(crate) struct Received<T> {
    pub(crate) message: T,
    pub(crate) descriptor: Option<OwnedFd>,
}

impl Channel {
    /// Returns both ends.
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let (left, right) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(left), Self(right)))
    }

    /// Returns the end that a descriptor is.
    pub(crate) fn from_descriptor(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Sends a message, with a descriptor if there is one.
    pub(crate) fn send(&self, message: &impl Serialize, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.send_with(message, descriptor.as_slice())
    }

    /// Sends a message with descriptors.
    pub(crate) fn send_with(&self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = wire::render_message(message).filter(|bytes| bytes.len() <= MESSAGE_BYTES_MAX);
        let bytes = bytes.ok_or_else(|| io::Error::from_raw_os_error(libc::EMSGSIZE))?;
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Waits for the next message, which has one descriptor at most; `None` when the other side is gone.
    pub(crate) fn receive<T: for<'a> Deserialize<'a>>(&self) -> io::Result<Option<Received<T>>> {
        let Some((message, mut descriptors)) = self.receive_with()? else { return Ok(None) };
        let descriptor = descriptors.pop();
        if descriptors.is_empty() {
            Ok(Some(Received { message, descriptor }))
        } else {
            Err(io::Error::from_raw_os_error(libc::EBADMSG))
        }
    }

    /// Waits for the next message, and returns it with its descriptors; `None` when the other side is gone.
    pub(crate) fn receive_with<T: for<'a> Deserialize<'a>>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let Some(length) = self.next_length()? else { return Ok(None) };
        let mut bytes = vec![0; length];
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let received =
            rustix::io::retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC))?;
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(come) = message {
                descriptors.extend(come);
            }
        }
        let is_whole = received.bytes > 0 && !received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
        let message = bytes.get(..received.bytes).filter(|_| is_whole).and_then(wire::parse_message);
        let message = message.ok_or_else(|| io::Error::from_raw_os_error(libc::EBADMSG))?;
        Ok(Some((message, descriptors)))
    }

    /// Waits for the next message and returns how long it is: most are some twenty bytes, and memory for the longest
    /// would be touched by every process that waits for one.
    fn next_length(&self) -> io::Result<Option<usize>> {
        let mut none: [u8; 0] = [];
        let flags = RecvFlags::PEEK | RecvFlags::TRUNC;
        let mut peek = || rustix::io::retry_on_intr(|| recv(&self.0, &mut none, flags));
        let next = match peek() {
            // The other side went without having read all: that is told first, and once, before what it had sent.
            Err(rustix::io::Errno::CONNRESET) => peek(),
            other => other,
        };
        match next {
            Ok((_, 0)) | Err(rustix::io::Errno::CONNRESET) => Ok(None),
            Ok((_, length)) if length <= MESSAGE_BYTES_MAX => Ok(Some(length)),
            Ok(_) => Err(io::Error::from_raw_os_error(libc::EBADMSG)),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, Received};

    #[test]
    fn what_was_sent_before_the_end_arrives() {
        for unread in [0, 1, 3] {
            let (ours, theirs) = Channel::pair().unwrap();
            (0..unread).for_each(|number| ours.send(&number, None).unwrap());
            theirs.send(&"first", None).unwrap();
            theirs.send(&"last", None).unwrap();
            drop(theirs);
            for sent in ["first", "last"] {
                let Received { message, descriptor: _ } = ours.receive::<String>().unwrap().expect(sent);
                assert_eq!(message, sent, "{unread} unread");
            }
            assert!(ours.receive::<String>().unwrap().is_none(), "{unread} unread");
        }
    }
}
