//! Between the person's terminal and the command's: bytes, size, and the mode of the outer one.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};

use super::output::Output;
use crate::limits::RELAY_BYTES;

/// How the person's keys reach the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// Each key as it is, the interrupt key included: standard output is the terminal.
    Raw,
    /// Lines, as the outer terminal edits them: standard output goes to a file.
    Lines,
    /// None: standard output goes to another program, which may read the keys itself.
    None,
}

impl Keys {
    /// Returns how the keys go, given which standard streams are the command's own terminal.
    pub(super) fn choose(own_terminal: [bool; 3]) -> Self {
        let [_, is_output_terminal, _] = own_terminal;
        if is_output_terminal {
            return Self::Raw;
        }
        match rustix::fs::fstat(io::stdout()).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::RegularFile | FileType::CharacterDevice) => Self::Lines,
            Ok(_) | Err(_) => Self::None,
        }
    }
}

/// Both terminals and the bytes on their way. The outer terminal has its settings back when this ends.
#[derive(Debug)]
pub(super) struct Relay {
    outer: OwnedFd,
    inner: OwnedFd,
    keys: Keys,
    original: Termios,
    is_raw: bool,
    is_outer_open: bool,
    is_inner_open: bool,
    to_inner: VecDeque<u8>,
    to_outer: VecDeque<u8>,
}

/// What a relay waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interest {
    pub(super) outer: PollFlags,
    pub(super) inner: PollFlags,
}

impl Relay {
    /// Gives the inner terminal the settings and the size of the outer one, and the outer one its mode.
    pub(super) fn new(inner: OwnedFd, own_terminal: [bool; 3], keys: Keys) -> io::Result<Self> {
        let outer = open_outer(own_terminal)?;
        let original = rustix::termios::tcgetattr(&outer)?;
        let mut settings = original.clone();
        if keys != Keys::Raw {
            // The outer terminal has shown the line already.
            settings.local_modes &= !LocalModes::ECHO;
        }
        rustix::termios::tcsetattr(&inner, OptionalActions::Now, &settings)?;
        let flags = rustix::fs::fcntl_getfl(&inner)?;
        rustix::fs::fcntl_setfl(&inner, flags | OFlags::NONBLOCK)?;
        let mut relay = Self {
            outer,
            inner,
            keys,
            original,
            is_raw: false,
            is_outer_open: keys != Keys::None,
            is_inner_open: true,
            to_inner: VecDeque::new(),
            to_outer: VecDeque::new(),
        };
        relay.resize();
        relay.resume();
        Ok(relay)
    }

    /// Gives the inner terminal the size of the outer one.
    pub(super) fn resize(&self) {
        if let Ok(size) = rustix::termios::tcgetwinsize(&self.outer) {
            let _ = rustix::termios::tcsetwinsize(&self.inner, size);
        }
    }

    /// Gives the outer terminal the mode that the keys need, unless another program has it now.
    pub(super) fn resume(&mut self) {
        if self.keys == Keys::Raw && !self.is_raw && self.is_foreground() {
            let mut raw = self.original.clone();
            raw.make_raw();
            self.is_raw = rustix::termios::tcsetattr(&self.outer, OptionalActions::Drain, &raw).is_ok();
        }
    }

    /// Gives the outer terminal its own settings back.
    pub(super) fn restore(&mut self) {
        if self.is_raw {
            let _ = rustix::termios::tcsetattr(&self.outer, OptionalActions::Drain, &self.original);
            self.is_raw = false;
        }
    }

    /// Returns what to wait for: a side is read only while there is room for what it has.
    pub(super) fn interest(&self) -> Interest {
        let mut interest = Interest { outer: PollFlags::empty(), inner: PollFlags::empty() };
        if self.is_outer_open && self.to_inner.len() < RELAY_BYTES && self.is_foreground() {
            interest.outer |= PollFlags::IN;
        }
        if !self.to_outer.is_empty() {
            interest.outer |= PollFlags::OUT;
        }
        if self.is_inner_open && self.to_outer.len() < RELAY_BYTES {
            interest.inner |= PollFlags::IN;
        }
        if self.is_inner_open && !self.to_inner.is_empty() {
            interest.inner |= PollFlags::OUT;
        }
        interest
    }

    /// Returns the outer and the inner terminal.
    pub(super) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.outer.as_fd(), self.inner.as_fd()]
    }

    /// Moves the bytes that can be moved; what the command prints is counted where that is limited.
    pub(super) fn pump(&mut self, outer: PollFlags, inner: PollFlags, output: Option<&mut Output>) {
        let ended = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if self.is_outer_open && outer.intersects(PollFlags::IN | ended) {
            self.read_outer();
        }
        if self.is_inner_open && inner.intersects(PollFlags::IN | ended) && self.to_outer.len() < RELAY_BYTES {
            let before = self.to_outer.len();
            self.is_inner_open = !matches!(read_into(&self.inner, &mut self.to_outer), Read::End);
            if let Some(output) = output {
                output.count(self.to_outer.len() - before, &mut self.to_outer);
            }
        }
        write_from(&self.inner, &mut self.to_inner);
        if !write_from(&self.outer, &mut self.to_outer) {
            // The terminal is gone; what nobody can see is not kept.
            self.to_outer.clear();
        }
    }

    /// Returns true while there is output that has not reached the outer terminal.
    pub(super) fn has_output(&self) -> bool {
        self.is_inner_open || !self.to_outer.is_empty()
    }

    fn read_outer(&mut self) {
        match read_into(&self.outer, &mut self.to_inner) {
            Read::Some | Read::Nothing => {}
            // In line mode the end-of-file key ends one read, not the terminal.
            Read::End if self.keys == Keys::Lines && rustix::termios::tcgetattr(&self.outer).is_ok() => {
                let [key] = [SpecialCodeIndex::VEOF].map(|index| self.original.special_codes[index]);
                self.to_inner.push_back(key);
            }
            Read::End => self.is_outer_open = false,
        }
    }

    /// Returns true when this program may read the terminal and set its mode.
    fn is_foreground(&self) -> bool {
        match rustix::termios::tcgetpgrp(&self.outer) {
            Ok(group) => group == rustix::process::getpgrp(),
            // Not our controlling terminal: then nobody has a say in it.
            Err(_) => true,
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Opens the outer terminal once more, so that not waiting for it is no concern of other programs that
/// have it.
fn open_outer(own_terminal: [bool; 3]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let number = match own_terminal {
        [_, true, _] => 1,
        [_, _, true] => 2,
        [_, _, _] => 0,
    };
    let names = [format!("/proc/self/fd/{number}"), "/dev/tty".to_owned()];
    let opened = names.iter().find_map(|name| rustix::fs::open(name, flags, Mode::empty()).ok());
    opened.ok_or_else(|| io::Error::from_raw_os_error(libc::ENXIO))
}

/// How a read went.
enum Read {
    Some,
    Nothing,
    End,
}

fn read_into(fd: &OwnedFd, queue: &mut VecDeque<u8>) -> Read {
    let mut bytes = [0; 4096];
    match rustix::io::read(fd, &mut bytes) {
        Ok(0) => Read::End,
        Ok(length) => {
            queue.extend(bytes.iter().take(length));
            Read::Some
        }
        Err(Errno::AGAIN | Errno::INTR) => Read::Nothing,
        // A terminal whose other side is closed says so.
        Err(_) => Read::End,
    }
}

/// Writes what can be written now. Returns false when nothing ever can.
fn write_from(fd: &OwnedFd, queue: &mut VecDeque<u8>) -> bool {
    loop {
        let (front, _) = queue.as_slices();
        if front.is_empty() {
            return true;
        }
        match rustix::io::write(fd, front) {
            Ok(written) => drop(queue.drain(..written)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return true,
            Err(_) => return false,
        }
    }
}
