//! Questions about hosts, asked at the person's terminal while the connection waits.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use egress::proxy::{Answer, Question};
use egress::{Host, Target};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use sandbox::Attention;
use settings::Kept;

use crate::say::shown;

/// How long a person has for an answer; the proxy gives up a little later.
const ANSWER_S: i64 = 55;
/// Characters of a command that are shown.
const COMMAND_CHARACTERS: usize = 100;
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 256;

/// A person at a terminal.
#[derive(Debug)]
pub(super) struct Person {
    attention: Attention,
    /// Lasting answers, to be kept when the command has ended: nothing inside is there to meet them then.
    lasting: Arc<Mutex<Vec<Kept>>>,
}

/// Returns true when there is a terminal whose foreground this process is in.
pub(super) fn is_there() -> bool {
    terminal().is_ok_and(|terminal| is_foreground(&terminal))
}

fn is_foreground(terminal: &File) -> bool {
    rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}

fn terminal() -> io::Result<File> {
    let flags = i32::try_from((OFlags::NOCTTY | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true).write(true), flags);
    options.open("/dev/tty")
}

impl Person {
    pub(super) fn new(attention: Attention, lasting: Arc<Mutex<Vec<Kept>>>) -> Self {
        Self { attention, lasting }
    }

    /// Asks. Whatever goes wrong is a no.
    pub(super) fn ask(&mut self, question: &Question) -> Answer {
        match self.answer(question) {
            Ok(answer) => answer,
            Err(error) => Answer::Deny(format!("nobody can be asked: {error}")),
        }
    }

    fn answer(&mut self, question: &Question) -> io::Result<Answer> {
        let Self { attention, lasting } = self;
        let taken = attention.take()?;
        let mut terminal = terminal()?;
        if !is_foreground(&terminal) {
            return Err(io::Error::other("the run is in the background"));
        }
        // What was typed before the question is no answer to it.
        rustix::termios::tcflush(&terminal, rustix::termios::QueueSelector::IFlush)?;
        let target = &question.target;
        let command: String = question.caller.command.chars().take(COMMAND_CHARACTERS).collect();
        let cut = if command.len() < question.caller.command.len() { "..." } else { "" };
        // What the command has set for what is shown is not for this: colours, other letters, a region that scrolls.
        terminal.write_all(b"\r\n\x1b[0m\x1b(B\x1b[r\x1b[?25h\x1b[999;1H\r\n")?;
        writeln!(terminal, "palisade: `{}{cut}` asks for {target}: {}", shown(&command), question.reason)?;
        write!(terminal, "Let it? [o]nce, this [s]ession, [a]lways, [d]eny: ")?;
        let line = read_line(&mut terminal, &taken)?;
        match line.trim() {
            "o" | "once" => Ok(Answer::Once),
            "s" | "session" => Ok(Answer::Session),
            "a" | "always" => {
                lasting.lock().unwrap_or_else(PoisonError::into_inner).push(kept(target));
                Ok(Answer::Always)
            }
            _ => Ok(Answer::Deny("you denied it".to_owned())),
        }
    }
}

/// Returns what says the same for good: a rule where the port is one of the web's, which a rule means.
fn kept(target: &Target) -> Kept {
    let host: &Host = &target.host;
    match target.port() {
        80 | 443 => Kept::Rule(format!("WebFetch(domain:{host})")),
        port => Kept::Domain(format!("{host}:{port}")),
    }
}

/// Reads a line, as long as the command is there and the time is not over.
fn read_line(terminal: &mut File, taken: &impl AsFd) -> io::Result<String> {
    let mut bytes = Vec::new();
    let limit = Timespec { tv_sec: ANSWER_S, tv_nsec: 0 };
    while !bytes.contains(&b'\n') {
        let mut ready = [PollFd::new(terminal, PollFlags::IN), PollFd::new(taken, PollFlags::IN)];
        let count = rustix::io::retry_on_intr(|| poll(&mut ready, Some(&limit)))?;
        let [typed, over] = ready.map(|fd| !fd.revents().is_empty());
        if count == 0 || over {
            writeln!(terminal)?;
            let why = if over { "the command is over" } else { "nobody answered in time" };
            return Err(io::Error::other(why));
        }
        let mut more = [0; ANSWER_BYTES];
        let length = if typed { terminal.read(&mut more)? } else { 0 };
        bytes.extend_from_slice(more.get(..length).unwrap_or_default());
        if length == 0 || bytes.len() > ANSWER_BYTES {
            return Err(io::Error::other("the answer has no end"));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
