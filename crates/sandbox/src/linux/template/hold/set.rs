//! The boundaries of one key.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use super::super::super::control::{Channel, Received};
use super::super::super::failure::Failure;
use super::super::super::run::start_waiting;
use super::super::key::Key;
use crate::limits::{HELD_BUILD_MS, HELD_IDLE_MS, HELD_MOUNTED_MS, HELD_SPARE};
use crate::wire::{Answer, Message, Order};

/// A boundary, and the process that ends with it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) child: Child,
    pub(super) channel: Channel,
}

/// The boundaries of one key.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) key: Key,
    order: Order,
    ready: Vec<Held>,
    building: Option<Held>,
    /// Who wants to know when one stands.
    waiting: Vec<Channel>,
    /// When the next one is built: not while a command starts.
    build_at: Instant,
    used: Instant,
    /// Something that they depend on is not as it was.
    is_stale: bool,
}

impl Set {
    /// Makes a set, of which the first boundary is built at once.
    pub(super) fn new(key: Key, order: Order) -> Self {
        let now = Instant::now();
        Self {
            key,
            order,
            ready: Vec::new(),
            building: None,
            waiting: Vec::new(),
            build_at: now,
            used: now,
            is_stale: false,
        }
    }

    /// Returns when somebody last wanted one.
    pub(super) fn used(&self) -> Instant {
        self.used
    }

    /// Returns true when nobody wanted any for long, or they are not what they were built for.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.is_stale || now.saturating_duration_since(self.used) >= Duration::from_millis(HELD_IDLE_MS)
    }

    /// Ends all of them: without their sockets they end. Returns the processes, to be waited for.
    pub(super) fn end(self) -> impl Iterator<Item = Child> {
        tell_none(self.waiting);
        self.ready.into_iter().chain(self.building).map(|held| held.child)
    }

    /// Returns a set of the same order for what it depends on now, in which nothing stands yet and which those who wait
    /// wait for, and the processes of this one, to be waited for.
    pub(super) fn renew(self) -> (Option<Self>, Vec<Child>) {
        let Self { key: _, order, ready, building, waiting, build_at: _, used, is_stale: _ } = self;
        let ended = ready.into_iter().chain(building).map(|held| held.child).collect();
        // Where something is mounted more follows, mostly.
        let build_at = Instant::now() + Duration::from_millis(HELD_MOUNTED_MS);
        match Key::of(&order) {
            Ok(key) => {
                let (ready, building, is_stale) = (Vec::new(), None, false);
                (Some(Self { key, order, ready, building, waiting, build_at, used, is_stale }), ended)
            }
            Err(_) => {
                tell_none(waiting);
                (None, ended)
            }
        }
    }

    /// Takes one that stands.
    pub(super) fn take(&mut self) -> Option<Held> {
        let now = Instant::now();
        (self.used, self.build_at) = (now, now + Duration::from_millis(HELD_BUILD_MS));
        self.ready.pop()
    }

    /// Tells somebody when one stands.
    pub(super) fn tell(&mut self, asker: Channel) {
        self.used = Instant::now();
        if self.ready.is_empty() {
            self.waiting.push(asker);
        } else {
            let _ = asker.send(&Answer::Warm, None);
        }
    }

    /// Returns what may become ready to be read.
    pub(super) fn channels(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.ready.iter().chain(&self.building).map(|held| held.channel.as_fd())
    }

    /// Returns when something is to be done though nothing became ready.
    pub(super) fn due(&self) -> Option<Instant> {
        let idle = self.used.checked_add(Duration::from_millis(HELD_IDLE_MS));
        [idle, self.wants_more().then_some(self.build_at)].into_iter().flatten().min()
    }

    fn wants_more(&self) -> bool {
        self.building.is_none() && self.ready.len() < HELD_SPARE
    }

    /// Looks at what is being built and at what stands. What ended goes to `ended`.
    pub(super) fn look(&mut self, ended: &mut Vec<Child>) {
        for held in std::mem::take(&mut self.ready) {
            // What stands has nothing to say but that it ended.
            match held.channel.receive::<Message>() {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.ready.push(held),
                Ok(_) | Err(_) => {
                    ended.push(held.child);
                    self.is_stale = true;
                }
            }
        }
        let Some(held) = self.building.take() else { return };
        match held.channel.receive::<Message>() {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.building = Some(held),
            Ok(Some(Received { message: Message::Waiting, descriptor: None })) if self.is_as_it_was() => {
                self.ready.push(held);
                for asker in self.waiting.drain(..) {
                    let _ = asker.send(&Answer::Warm, None);
                }
            }
            Ok(_) | Err(_) => {
                ended.push(held.child);
                self.is_stale = true;
            }
        }
    }

    /// Returns true when everything that the boundaries depend on is as it was when they were asked for.
    fn is_as_it_was(&self) -> bool {
        Key::of(&self.order).is_ok_and(|key| key == self.key)
    }

    /// Begins another one when one is wanted and it is time. The order was looked at when it came, and everything is
    /// looked at again when it stands.
    pub(super) fn build(&mut self, init: &Path, now: Instant) {
        if !self.wants_more() || now < self.build_at {
            return;
        }
        let started = start_waiting(init, &self.order).and_then(|(child, channel)| {
            rustix::io::ioctl_fionbio(&channel, true)
                .map_err(|error| Failure::new(crate::error::Step::Template, error))?;
            Ok(Held { child, channel })
        });
        match started {
            Ok(held) => self.building = Some(held),
            Err(_) => self.is_stale = true,
        }
    }
}

/// Tells those who wait that there will be none.
fn tell_none(waiting: Vec<Channel>) {
    for asker in waiting {
        let _ = asker.send(&Answer::None, None);
    }
}
