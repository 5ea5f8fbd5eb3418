//! Bytes between two open connections, both ways, and nothing else: what came beside them (descriptors, for one) stays
//! where it came to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};

/// Bytes on their way in one direction.
const BUFFER_BYTES: usize = 64 * 1024;

/// One direction.
struct Flow {
    buffer: Vec<u8>,
    from: usize,
    until: usize,
    has_ended: bool,
    is_over: bool,
    count: u64,
}

impl Flow {
    fn new() -> Self {
        Self { buffer: vec![0; BUFFER_BYTES], from: 0, until: 0, has_ended: false, is_over: false, count: 0 }
    }

    fn is_empty(&self) -> bool {
        self.from == self.until
    }

    /// Takes in what is there, if there is room.
    fn fill(&mut self, source: &OwnedFd) {
        if !self.is_empty() || self.has_ended {
            return;
        }
        match rustix::net::recv(source, self.buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => self.has_ended = true,
            Ok((count, _)) => (self.from, self.until) = (0, count),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.has_ended = true,
        }
    }

    /// Hands on what is there, and then that it has ended.
    fn drain(&mut self, sink: &OwnedFd) {
        while !self.is_empty() {
            let rest = self.buffer.get(self.from..self.until).unwrap_or_default();
            match rustix::net::send(sink, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => {
                    self.from += count;
                    self.count += count as u64;
                }
                Err(Errno::AGAIN | Errno::INTR) => return,
                // Nobody takes it any more.
                Err(_) => {
                    self.from = self.until;
                    self.has_ended = true;
                }
            }
        }
        if self.has_ended && !self.is_over {
            self.is_over = true;
            // It fails where the other side is gone.
            let _ = rustix::net::shutdown(sink, Shutdown::Write);
        }
    }
}

/// Moves bytes until both sides have said their last, one of them is gone, or `stop` is readable. Returns how many went
/// from the first to the second, and back.
pub(super) fn relay(first: &OwnedFd, second: &OwnedFd, stop: BorrowedFd<'_>) -> (u64, u64) {
    let (mut there, mut back) = (Flow::new(), Flow::new());
    while !(there.is_over && back.is_over) {
        let wants = |reads: &Flow, writes: &Flow| {
            let read = if reads.is_empty() && !reads.has_ended { PollFlags::IN } else { PollFlags::empty() };
            let write = if writes.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            read | write
        };
        let sides = [(first, wants(&there, &back)), (second, wants(&back, &there))];
        // That a side is gone is told whether it is asked for or not, and at once: of one from which nothing is wanted nothing
        // is heard.
        let mut fds = vec![PollFd::from_borrowed_fd(stop, PollFlags::IN)];
        fds.extend(
            sides.iter().filter(|(_, wanted)| !wanted.is_empty()).map(|(side, wanted)| PollFd::new(*side, *wanted)),
        );
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => break,
        }
        let mut said = fds.iter().map(PollFd::revents);
        let stopped = said.next().unwrap_or(PollFlags::NVAL);
        let [one, other] =
            sides.map(
                |(_, wanted)| {
                    if wanted.is_empty() { PollFlags::empty() } else { said.next().unwrap_or(PollFlags::NVAL) }
                },
            );
        if !stopped.is_empty() {
            break;
        }
        there.fill(first);
        back.fill(second);
        there.drain(second);
        back.drain(first);
        // A side that is gone for good takes nothing and says nothing.
        let is_gone = |events: PollFlags| events.intersects(PollFlags::ERR | PollFlags::NVAL);
        let is_silent = |events: PollFlags| events.contains(PollFlags::HUP);
        if is_gone(one) || is_gone(other) {
            break;
        }
        if is_silent(one) && there.has_ended && back.is_empty()
            || is_silent(other) && back.has_ended && there.is_empty()
        {
            break;
        }
    }
    (there.count, back.count)
}

/// Waits until a socket has somebody, or `stop` is readable; false for the latter.
pub(super) fn awaits(socket: &impl AsFd, stop: BorrowedFd<'_>) -> bool {
    waits(socket, PollFlags::IN, stop)
}

/// Waits until a socket is connected or cannot be, or `stop` is readable; false for the latter.
pub(super) fn could_be_sent(socket: &impl AsFd, stop: BorrowedFd<'_>) -> bool {
    waits(socket, PollFlags::OUT, stop)
}

fn waits(socket: &impl AsFd, flags: PollFlags, stop: BorrowedFd<'_>) -> bool {
    loop {
        let mut fds = [PollFd::from_borrowed_fd(stop, PollFlags::IN), PollFd::from_borrowed_fd(socket.as_fd(), flags)];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return false,
        }
        let [stopped, ready] = fds.map(|fd| !fd.revents().is_empty());
        if stopped {
            return false;
        }
        if ready {
            return true;
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test looks at what it costs")]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[test]
    fn everything_comes_through_and_each_end_is_handed_on() {
        let (mut client, one) = UnixStream::pair().unwrap();
        let (other, mut server) = UnixStream::pair().unwrap();
        let (_owner, stop) = UnixStream::pair().unwrap();
        let (one, other): (OwnedFd, OwnedFd) = (one.into(), other.into());
        let relay = std::thread::spawn(move || super::relay(&one, &other, stop.as_fd()));
        let sent = vec![7; 1_000_000];
        let answering = std::thread::spawn(move || {
            let mut got = Vec::new();
            server.read_to_end(&mut got).unwrap();
            server.write_all(b"answer").unwrap();
            got
        });
        client.write_all(&sent).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        let got = answering.join().unwrap();
        assert_eq!((got, answer.as_str()), (sent, "answer"));
        assert_eq!(relay.join().unwrap(), (1_000_000, 6));
    }

    #[test]
    fn the_owner_ends_it() {
        let (_client, one) = UnixStream::pair().unwrap();
        let (other, _server) = UnixStream::pair().unwrap();
        let (owner, stop) = UnixStream::pair().unwrap();
        drop(owner);
        assert_eq!(super::relay(&one.into(), &other.into(), stop.as_fd()), (0, 0));
    }

    /// Returns for how long this thread had a processor, in hundredths of a second.
    fn worked() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, behind) = stat.rsplit_once(')').unwrap();
        behind.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    #[test]
    fn who_is_gone_costs_nothing_while_the_other_does_not_read() {
        let (mut client, one) = UnixStream::pair().unwrap();
        let (other, _server) = UnixStream::pair().unwrap();
        let (owner, stop) = UnixStream::pair().unwrap();
        let relay = std::thread::spawn(move || {
            let before = worked();
            let sent = super::relay(&one.into(), &other.into(), stop.as_fd());
            (sent, worked() - before)
        });
        // Nobody takes all of it.
        client.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        let error = client.write_all(&vec![7; 10_000_000]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        drop(client);
        // The time in which something would be spent.
        std::thread::sleep(Duration::from_secs(1));
        drop(owner);
        let ((there, back), worked) = relay.join().unwrap();
        assert!(there > 0 && back == 0 && worked < 10, "{there} {back} {worked}");
    }
}
