//! The launcher's side: finds a holder, asks for a boundary, and hands the command over to it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::super::control::{Channel, Received};
use super::super::failure::{At, Failure};
use super::super::run::into_memory;
use super::key::Key;
use super::peer;
use crate::error::Step;
use crate::limits::{HOLDER_MS, WARM_MS};
use crate::wire::{Answer, Given as What, Message, Order, Question, Request};

/// What the command gets besides its order.
#[derive(Debug)]
pub(in crate::linux) struct Given<'a> {
    pub(in crate::linux) streams: [BorrowedFd<'a>; 3],
    pub(in crate::linux) birthplace: Option<&'a OwnedFd>,
    pub(in crate::linux) entrances: &'a [OwnedFd],
}

/// A boundary in which the command starts.
#[derive(Debug)]
pub(in crate::linux) struct Taken {
    pub(in crate::linux) channel: Channel,
    /// Its process, which is the holder's child.
    pub(in crate::linux) process: OwnedFd,
}

impl Taken {
    /// Lets the command start.
    pub(in crate::linux) fn start(self) -> std::io::Result<Self> {
        wait_for(&self.channel, 0)?;
        self.channel.send(&Request::Start, None)?;
        Ok(self)
    }
}

/// Takes a held boundary for an order, in which the command can start. Whatever goes wrong is
/// `None`, and the launcher builds a boundary itself; a holder that had none builds one for the next command.
pub(in crate::linux) fn take(order: &Order, memory: &OwnedFd, given: &Given<'_>) -> Option<Taken> {
    let holder = find()?;
    // It shows itself meanwhile.
    let key = Key::of(order).ok()?;
    let seen = look(&holder).ok()?;
    match ask(&holder, &key, &seen) {
        Ok(Some(taken)) => hand_over(taken, memory, given).ok(),
        Ok(None) => {
            // Nobody waits for the answer.
            let _ = want(&holder, order, key, seen);
            None
        }
        Err(_) => None,
    }
}

/// Has a holder build a boundary for an order, and waits until it stands. Returns false when there is no holder.
pub(in crate::linux) fn warm(order: &Order) -> Result<bool, Failure> {
    let Some(holder) = find() else { return Ok(false) };
    let key = Key::of(order)?;
    let seen = look(&holder).at(Step::Template)?;
    want(&holder, order, key, seen)?;
    wait_for(&holder, WARM_MS).at(Step::Template)?;
    match holder.receive().at(Step::Template)? {
        Some(Received { message: Answer::Warm, descriptor: None }) => Ok(true),
        Some(_) | None => Err(Errno::STALE).at(Step::Template),
    }
}

/// Returns the nearest holder: that of the parent, or of its parent.
fn find() -> Option<Channel> {
    peer::ancestors().find_map(|owner| {
        let socket = peer::socket().ok()?;
        rustix::net::connect(&socket, &peer::address(owner).ok()?).ok()?;
        peer::ensure_own(socket.as_fd()).ok()?;
        rustix::io::ioctl_fionbio(&socket, false).ok()?;
        let holder = Channel::from_descriptor(socket);
        wait_for(&holder, HOLDER_MS).ok()?;
        Some(holder)
    })
}

/// Bounds how long the next answers may take; with 0 they may take any time.
fn wait_for(channel: &Channel, milliseconds: u64) -> rustix::io::Result<()> {
    let time = (milliseconds > 0).then(|| Duration::from_millis(milliseconds));
    set_socket_timeout(channel, Timeout::Recv, time)?;
    set_socket_timeout(channel, Timeout::Send, time)
}

/// Returns what the holder shows to those who may look into it.
fn look(holder: &Channel) -> std::io::Result<String> {
    match holder.receive()? {
        Some(Received { message: Answer::Shows { number }, descriptor: None }) => {
            Ok(peer::look(holder.as_fd(), number)?)
        }
        Some(_) | None => Err(Errno::BADMSG.into()),
    }
}

fn want(holder: &Channel, order: &Order, Key(key): Key, seen: String) -> Result<(), Failure> {
    let bytes = order.template().render().map_err(|_| Errno::INVAL).at(Step::Template)?;
    let memory = into_memory(&bytes)?;
    holder.send(&Question::Warm { key, seen }, Some(memory.as_fd())).at(Step::Template)
}

fn ask(holder: &Channel, Key(key): &Key, seen: &str) -> std::io::Result<Option<Taken>> {
    let token = peer::Token::new()?;
    let question = Question::Take { key: key.clone(), seen: seen.to_owned(), number: token.number() };
    holder.send(&question, None)?;
    let channel = match holder.receive()? {
        Some(Received { message: Answer::Control { seen }, descriptor: Some(control) }) if token.is(&seen) => {
            Channel::from_descriptor(control)
        }
        Some(Received { message: Answer::None, descriptor: None }) => return Ok(None),
        Some(_) | None => return Err(Errno::BADMSG.into()),
    };
    match holder.receive()? {
        Some(Received { message: Answer::Process, descriptor: Some(process) }) => Ok(Some(Taken { channel, process })),
        Some(_) | None => Err(Errno::BADMSG.into()),
    }
}

/// Hands everything over, and waits until all of it was taken.
fn hand_over(taken: Taken, memory: &OwnedFd, given: &Given<'_>) -> std::io::Result<Taken> {
    let Taken { channel, process } = taken;
    wait_for(&channel, HOLDER_MS)?;
    let give = |what, descriptor| channel.send(&Request::Give { what }, Some(descriptor));
    give(What::Order, memory.as_fd())?;
    given.streams.into_iter().try_for_each(|stream| give(What::Stream, stream))?;
    given.birthplace.into_iter().try_for_each(|group| give(What::Birthplace, group.as_fd()))?;
    given.entrances.iter().try_for_each(|group| give(What::Entrance, group.as_fd()))?;
    channel.send(&Request::Take, None)?;
    match channel.receive()? {
        Some(Received { message: Message::Taken, descriptor: None }) => {}
        Some(_) | None => return Err(Errno::STALE.into()),
    }
    Ok(Taken { channel, process })
}
