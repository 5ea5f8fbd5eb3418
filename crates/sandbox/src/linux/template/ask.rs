//! The launcher's side: finds a holder, asks for a boundary, and hands the command over to it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::super::control::{Channel, Received};
use super::super::failure::{At, Failure};
use super::super::run::into_memory;
use super::key::Key;
use super::peer::{self, Own};
use crate::error::Step;
use crate::limits::{HOLDER_MS, WARM_MS};
use crate::wire::{Answer, Door, Message, Order, Question, Request, Waits};

/// What the command gets besides its errand.
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
    /// The sockets of its proxy, where its command's process was there before.
    pub(in crate::linux) doors: Vec<(Door, OwnedFd)>,
}

impl Taken {
    /// Lets the command start.
    pub(in crate::linux) fn start(self) -> std::io::Result<Self> {
        wait_for(&self.channel, 0)?;
        self.channel.send(&Request::Start, None)?;
        Ok(self)
    }
}

/// Somebody who answers at a holder's name. While this process does something else it looks who we are.
#[derive(Debug)]
pub(in crate::linux) struct Caller {
    socket: OwnedFd,
}

impl Caller {
    /// Calls the nearest holder: that of the parent, or of its parent.
    pub(in crate::linux) fn call() -> Option<Self> {
        peer::ancestors().find_map(|owner| {
            let socket = peer::socket().ok()?;
            rustix::net::connect(&socket, &peer::address(owner).ok()?).ok()?;
            Some(Self { socket })
        })
    }

    /// Takes a held boundary for an order, in which the command can start. Whatever goes wrong is
    /// `None`, and the launcher builds a boundary itself; a holder that had none builds one for the next command.
    pub(in crate::linux) fn take(self, order: &Order, waits: Waits, given: &Given<'_>) -> Option<Taken> {
        let template = order.template(waits);
        let asking = self.ask(&template).ok()?;
        match asking.take() {
            Ok(Some(taken)) => hand_over(taken, order, &asking.digest, given).ok(),
            Ok(None) => {
                // Nobody waits for the answer.
                let _ = asking.want(&template);
                None
            }
            Err(_) => None,
        }
    }

    /// Has the holder build a boundary of a template, and waits until it stands.
    pub(in crate::linux) fn warm(self, template: &Order) -> Result<(), Failure> {
        let asking = self.ask(template)?;
        asking.want(template)?;
        wait_for(&asking.holder, WARM_MS).at(Step::Template)?;
        match asking.holder.receive().at(Step::Template)? {
            Some(Received { message: Answer::Warm, descriptor: None }) => Ok(()),
            Some(_) | None => Err(Errno::STALE).at(Step::Template),
        }
    }

    /// Looks who the holder is.
    fn ask(self, template: &Order) -> Result<Asking, Failure> {
        let Self { socket } = self;
        let own = Own::look().at(Step::Template)?;
        own.ensure_own(socket.as_fd()).at(Step::Template)?;
        rustix::io::ioctl_fionbio(&socket, false).at(Step::Template)?;
        let holder = Channel::from_descriptor(socket);
        wait_for(&holder, HOLDER_MS).at(Step::Template)?;
        let digest = Key::template(template)?;
        let Key(key) = Key::in_context(template, &digest, &own.confinement)?;
        let seen = look(&holder).at(Step::Template)?;
        Ok(Asking { holder, key, digest, seen })
    }
}

/// A holder that is ours, and what it is asked for.
#[derive(Debug)]
struct Asking {
    holder: Channel,
    key: String,
    /// The digest of the template alone.
    digest: String,
    /// What the holder shows.
    seen: String,
}

impl Asking {
    fn want(&self, template: &Order) -> Result<(), Failure> {
        let Self { holder, key, digest: _, seen } = self;
        let bytes = template.render().map_err(|_| Errno::INVAL).at(Step::Template)?;
        let memory = into_memory(&bytes)?;
        let question = Question::Warm { key: key.clone(), seen: seen.clone() };
        holder.send(&question, Some(memory.as_fd())).at(Step::Template)
    }

    fn take(&self) -> std::io::Result<Option<Taken>> {
        let Self { holder, key, digest: _, seen } = self;
        let token = peer::Token::new()?;
        holder.send(&Question::Take { key: key.clone(), seen: seen.clone(), number: token.number() }, None)?;
        match holder.receive_with()? {
            Some((Answer::Control { seen }, descriptors)) if token.is(&seen) => {
                let [control, process] =
                    <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| std::io::Error::from(Errno::BADMSG))?;
                Ok(Some(Taken { channel: Channel::from_descriptor(control), process, doors: Vec::new() }))
            }
            Some((Answer::None, descriptors)) if descriptors.is_empty() => Ok(None),
            Some(_) | None => Err(Errno::BADMSG.into()),
        }
    }
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

/// Hands everything over, and waits until all of it was taken.
fn hand_over(taken: Taken, order: &Order, digest: &str, given: &Given<'_>) -> std::io::Result<Taken> {
    let Taken { channel, process, mut doors } = taken;
    wait_for(&channel, HOLDER_MS)?;
    let errand = order.errand().render().map_err(std::io::Error::other)?;
    let memory = into_memory(&errand).map_err(|failure| std::io::Error::from_raw_os_error(failure.errno))?;
    let Given { streams, birthplace, entrances } = given;
    let groups = birthplace.iter().copied().chain(entrances.iter());
    let descriptors: Vec<_> =
        std::iter::once(memory.as_fd()).chain(streams.iter().copied()).chain(groups.map(AsFd::as_fd)).collect();
    let request = Request::Take { template: digest.to_owned(), has_birthplace: birthplace.is_some() };
    channel.send_with(&request, &descriptors)?;
    loop {
        match channel.receive()? {
            Some(Received { message: Message::Taken, descriptor: None }) => {
                return Ok(Taken { channel, process, doors });
            }
            Some(Received { message: Message::Door { door, is_last: _ }, descriptor: Some(socket) }) => {
                doors.push((door, socket));
            }
            Some(_) | None => return Err(Errno::STALE.into()),
        }
    }
}
