//! What the command prints, when that is limited: counted on its way through the launcher.
//!
//! Without a limit the command has the caller's own streams. With one it has a pipe for each of standard output and
//! error that is no terminal, or one pipe for both where they are the same file. What is beyond the limit is
//! dropped, and the command is ended.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::failure::{At, Failure};
use super::streams::Stream;
use crate::error::Step;
use crate::limits::{LAST_OUTPUT_MS, RELAY_BYTES};

/// Bytes that are written at once: a pipe that is ready takes as many without blocking.
const CHUNK: usize = 4096;

/// The pipes of a command whose output is counted.
#[derive(Debug)]
pub(super) struct Output {
    lanes: Vec<Lane>,
    left: u64,
    is_over: bool,
}

/// One pipe and where it leads.
#[derive(Debug)]
struct Lane {
    /// The command's side; `None` when it is closed or of no more interest.
    from: Option<OwnedFd>,
    to: OwnedFd,
    queue: VecDeque<u8>,
    is_broken: bool,
}

impl Output {
    /// Makes the pipes. Returns what the boundary gets for standard output and error.
    pub(super) fn new(limit: u64, streams: [Stream; 3]) -> Result<(Self, [Option<OwnedFd>; 2]), Failure> {
        let mut output = Self { lanes: Vec::new(), left: limit, is_over: false };
        let [_, is_output, is_error] = streams.map(|stream| stream == Stream::Same);
        let first = if is_output { Some(output.lane(io::stdout().as_fd()).at(Step::Streams)?) } else { None };
        let second = match &first {
            Some(pipe) if is_error && is_same(io::stdout().as_fd(), io::stderr().as_fd()) => {
                Some(rustix::io::fcntl_dupfd_cloexec(pipe, 0).at(Step::Streams)?)
            }
            _ if is_error => Some(output.lane(io::stderr().as_fd()).at(Step::Streams)?),
            _ => None,
        };
        Ok((output, [first, second]))
    }

    /// Adds a pipe and returns the command's side.
    fn lane(&mut self, stream: BorrowedFd<'_>) -> io::Result<OwnedFd> {
        let (from, pipe) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let flags = rustix::fs::fcntl_getfl(&from)?;
        rustix::fs::fcntl_setfl(&from, flags | OFlags::NONBLOCK)?;
        self.lanes.push(Lane { from: Some(from), to: outer(stream)?, queue: VecDeque::new(), is_broken: false });
        Ok(pipe)
    }

    /// Returns what to wait for.
    pub(super) fn interest(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut interest = Vec::new();
        for lane in &self.lanes {
            if let Some(from) = lane.from.as_ref().filter(|_| lane.queue.len() < RELAY_BYTES) {
                interest.push((from.as_fd(), PollFlags::IN));
            }
            if !lane.queue.is_empty() {
                interest.push((lane.to.as_fd(), PollFlags::OUT));
            }
        }
        interest
    }

    /// Moves what can be moved now.
    pub(super) fn pump(&mut self) {
        for lane in &mut self.lanes {
            let taken = lane.read();
            self.is_over |= keep_within(&mut self.left, taken, &mut lane.queue);
            lane.write();
        }
        if self.is_over {
            // Whoever goes on printing is told so by the closed pipe.
            self.lanes.iter_mut().for_each(|lane| lane.from = None);
        }
    }

    /// Counts what came over the terminal, and cuts what is beyond the limit.
    pub(super) fn count(&mut self, taken: usize, queue: &mut VecDeque<u8>) {
        self.is_over |= keep_within(&mut self.left, taken, queue);
    }

    /// Returns true when the command printed more than it may.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Moves what the command printed last, for as long as its readers take it.
    pub(super) fn finish(&mut self) {
        while self.lanes.iter().any(|lane| lane.from.is_some() || !lane.queue.is_empty()) {
            let interest = self.interest();
            let mut fds: Vec<_> = interest.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
            let timeout = Timespec::try_from(Duration::from_millis(LAST_OUTPUT_MS)).ok();
            match rustix::io::retry_on_intr(|| poll(&mut fds, timeout.as_ref())) {
                Ok(ready) if ready > 0 => self.pump(),
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// Takes from the end of a queue what is beyond the limit. Returns true when there was such.
fn keep_within(left: &mut u64, taken: usize, queue: &mut VecDeque<u8>) -> bool {
    let allowed = usize::try_from(*left).unwrap_or(usize::MAX).min(taken);
    queue.truncate(queue.len().saturating_sub(taken - allowed));
    *left = left.saturating_sub(allowed as u64);
    allowed < taken
}

impl Lane {
    /// Takes what the command printed. Returns how much.
    fn read(&mut self) -> usize {
        let Some(from) = &self.from else { return 0 };
        if self.queue.len() >= RELAY_BYTES {
            return 0;
        }
        let mut bytes = [0; CHUNK * 4];
        match rustix::io::read(from, &mut bytes) {
            Ok(0) => self.from = None,
            // Nobody reads it any more, and the command is to see that.
            Ok(_) if self.is_broken => self.from = None,
            Ok(length) => {
                self.queue.extend(bytes.iter().take(length));
                return length;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.from = None,
        }
        0
    }

    /// Hands on as much as goes without waiting.
    fn write(&mut self) {
        loop {
            let (front, _) = self.queue.as_slices();
            let chunk = front.get(..CHUNK).unwrap_or(front);
            if chunk.is_empty() || !is_ready(&self.to) {
                return;
            }
            let sent = match rustix::net::send(&self.to, chunk, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Err(Errno::NOTSOCK) => rustix::io::write(&self.to, chunk),
                sent => sent,
            };
            match sent {
                Ok(length) => drop(self.queue.drain(..length)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    self.queue.clear();
                    self.is_broken = true;
                    self.from = None;
                }
            }
        }
    }
}

/// Returns true when a write of one chunk does not wait.
fn is_ready(fd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut fds, Some(&now)), Ok(ready) if ready > 0)
}

/// Returns a stream of ours for writing. A pipe is opened once more, so that not waiting for it is no concern of
/// other programs that have it.
fn outer(stream: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let is_pipe = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(stream)?.st_mode).is_fifo();
    if is_pipe {
        let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&stream));
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if let Ok(opened) = rustix::fs::open(name, flags, Mode::empty()) {
            return Ok(opened);
        }
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(stream, 0)?)
}

fn is_same(left: BorrowedFd<'_>, right: BorrowedFd<'_>) -> bool {
    match (rustix::fs::fstat(left), rustix::fs::fstat(right)) {
        (Ok(left), Ok(right)) => (left.st_dev, left.st_ino) == (right.st_dev, right.st_ino),
        (_, _) => false,
    }
}
