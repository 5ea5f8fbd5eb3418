//! A terminal that the test holds the other end of.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::support::{Call, code, end_session, ends_within};

/// How long a text may take to appear, and a program to end.
const LIMIT: Duration = Duration::from_secs(60);

/// A program on a terminal of its own.
#[derive(Debug)]
pub struct Terminal {
    master: std::fs::File,
    child: Child,
    seen: String,
    /// How much of `seen` has been looked for already.
    read: usize,
    done: bool,
}

impl Terminal {
    /// Starts a program whose standard streams are a terminal of this size, in a session of its own.
    pub fn start(call: &Call<'_>, rows: u16, columns: u16) -> Self {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let slave =
            std::fs::OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).map(OwnedFd::from).unwrap();
        resize(&master, rows, columns);
        let stream = || Stdio::from(slave.try_clone().unwrap());
        let mut command = call.command(&["--ctty"]);
        let child = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        Self { master: master.into(), child, seen: String::new(), read: 0, done: false }
    }

    /// Types something.
    pub fn send(&mut self, text: &str) {
        // A program that ended does not listen; that shows in what it left.
        let _ = self.master.write_all(text.as_bytes());
    }

    /// Changes the window's size.
    pub fn resize(&self, rows: u16, columns: u16) {
        resize(&self.master, rows, columns);
    }

    /// Waits until a text appears after what was waited for before.
    ///
    /// # Panics
    /// When it does not appear in time.
    pub fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.seen[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            let goes_on = self.take(deadline);
            assert!(goes_on || self.seen[self.read..].contains(text), "no `{text}` in:\n{}", self.seen);
        }
    }

    /// Waits for the end and returns the exit code and everything that was shown.
    pub fn wait(mut self) -> (i32, String) {
        let deadline = Instant::now() + LIMIT;
        while self.take(deadline) {}
        let ended = ends_within(&mut self.child, LIMIT);
        self.done = true;
        let code = code(self.child.wait().unwrap());
        assert!(ended, "not done in time:\n{}", self.seen);
        (code, self.seen.replace("\r\n", "\n"))
    }

    /// Takes what is shown next; false when there is no more, or it is too late.
    fn take(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        if rustix::event::poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&timeout)).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 4096];
        // The other side closed: that is an error here.
        let length = self.master.read(&mut bytes).unwrap_or(0);
        self.seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
        length > 0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.done {
            end_session(&self.child);
            let _ = self.child.wait();
        }
    }
}

fn resize(terminal: impl std::os::fd::AsFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal, size).unwrap();
}
