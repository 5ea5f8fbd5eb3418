//! The holder: keeps boundaries ready until its owner is gone.
//!
//! One thread and one loop: it waits until anything is ready, and then tries everything without waiting.

mod set;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use self::set::{Held, Set};
use super::super::advice;
use super::super::boundary::read_plan;
use super::super::control::{Channel, Received};
use super::super::failure::{At, Failure};
use super::key::Key;
use super::peer::{self, Own, Token};
use crate::error::{Error, Step};
use crate::limits::{ASKERS_MAX, HELD_SETS_MAX};
use crate::sys::signal;
use crate::wire::{Answer, Question, Waits};

/// Boundaries for commands below one process.
#[derive(Debug)]
pub(crate) struct Holder {
    init: PathBuf,
    owner: OwnedFd,
    children: OwnedFd,
    /// Without it nobody is answered any more.
    listener: Option<OwnedFd>,
    until: Option<Instant>,
    askers: Vec<Channel>,
    sets: Vec<Set>,
    /// What launchers show that they may look into this process.
    token: Token,
    own: Own,
    /// The table of mounts: what was built before it changed is not what would be built now, even if it is the same again.
    mounts: OwnedFd,
    /// Boundaries that are someone else's now, or are ending.
    given: Vec<Child>,
}

/// What the holder woke for.
#[derive(Debug)]
struct Woken {
    /// The owner is gone.
    is_orphan: bool,
    /// Something was mounted or unmounted.
    has_mounted: bool,
}

/// Returns true when an owner's holder has its name, and not somebody else.
fn has_holder(owner: Pid) -> bool {
    let socket = peer::socket().and_then(|socket| {
        rustix::net::connect(&socket, &peer::address(owner)?)?;
        Ok(socket)
    });
    socket.is_ok_and(|socket| peer::ensure_ours(socket.as_fd()).is_ok())
}

impl Holder {
    /// Makes one that launchers find; `None` when the owner has one already.
    pub(crate) fn new(init: &Path, owner: u32, lasting: Duration) -> Result<Option<Self>, Error> {
        let owner = i32::try_from(owner).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH).at(Step::Template);
        owner.and_then(|owner| Self::open(init, owner, lasting)).map_err(|failure| advice::cannot_hold(&failure))
    }

    /// Serves until the owner is gone, or the time is over and nothing runs any more that was handed over.
    pub(crate) fn serve(mut self) -> Result<(), Error> {
        while self.turn().map_err(advice::with_fix)? {}
        Ok(())
    }

    fn open(init: &Path, owner: Pid, lasting: Duration) -> Result<Option<Self>, Failure> {
        let process = pidfd_open(owner, PidfdFlags::empty()).at(Step::Template)?;
        let listener = peer::socket().at(Step::Template)?;
        match rustix::net::bind(&listener, &peer::address(owner).at(Step::Template)?) {
            Err(Errno::ADDRINUSE) if has_holder(owner) => return Ok(None),
            bound => bound.at(Step::Template)?,
        }
        // Where there is a filter of system calls nobody can be given anything.
        let own = Own::look().at(Step::Template)?;
        rustix::net::listen(&listener, 64).at(Step::Template)?;
        // What started this may ignore some, as shells do for what runs beside them; a command ignores what its own
        // launcher does.
        signal::ignored().into_iter().for_each(signal::set_default);
        let ended = signal::Set::of(&[libc::SIGCHLD]);
        signal::mask(signal::How::Block, &ended).at(Step::Template)?;
        Ok(Some(Self {
            init: init.to_owned(),
            owner: process,
            children: signal::descriptor(&ended).at(Step::Template)?,
            listener: Some(listener),
            until: Instant::now().checked_add(lasting),
            askers: Vec::new(),
            sets: Vec::new(),
            given: Vec::new(),
            token: Token::new().at(Step::Template)?,
            own,
            mounts: rustix::fs::open("/proc/self/mountinfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                .at(Step::Template)?,
        }))
    }

    /// Waits, and does what is due. Returns false when it is over.
    fn turn(&mut self) -> Result<bool, Failure> {
        let woken = self.wait().at(Step::Template)?;
        if woken.is_orphan {
            return Ok(false);
        }
        while signal::next(&self.children).is_some() {}
        if woken.has_mounted {
            self.renew();
        }
        self.accept();
        self.answer();
        let mut ended = Vec::new();
        for set in &mut self.sets {
            set.look(&mut ended);
        }
        let now = Instant::now();
        for set in std::mem::take(&mut self.sets) {
            if set.is_over(now) { ended.extend(set.end()) } else { self.sets.push(set) }
        }
        self.given.extend(ended);
        self.given.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if self.until.is_some_and(|until| now >= until) {
            (self.listener, self.askers) = (None, Vec::new());
            self.forget();
            return Ok(!self.given.is_empty());
        }
        for set in &mut self.sets {
            set.build(&self.init, now);
        }
        Ok(true)
    }

    /// Lets go of everything that stands, and has the same built from what is mounted now.
    fn renew(&mut self) {
        for set in std::mem::take(&mut self.sets) {
            let (renewed, ended) = set.renew();
            self.sets.extend(renewed);
            self.given.extend(ended);
        }
    }

    /// Lets go of everything that stands.
    fn forget(&mut self) {
        let sets = std::mem::take(&mut self.sets);
        self.given.extend(sets.into_iter().flat_map(Set::end));
    }

    /// Waits until anything is ready.
    fn wait(&self) -> rustix::io::Result<Woken> {
        let own =
            [self.owner.as_fd(), self.children.as_fd()].into_iter().chain(self.listener.as_ref().map(AsFd::as_fd));
        let others = self.askers.iter().map(AsFd::as_fd).chain(self.sets.iter().flat_map(Set::channels));
        let mut fds: Vec<_> = own.chain(others).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        fds.push(PollFd::new(&self.mounts, PollFlags::PRI));
        // Once the time is over there is only the end of what was handed over.
        let over = self.listener.is_some().then_some(self.until).flatten();
        let due = self.sets.iter().filter_map(Set::due).chain(over).min();
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        rustix::io::retry_on_intr(|| poll(&mut fds, timeout.as_ref()))?;
        let is_ready = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| !fd.revents().is_empty());
        Ok(Woken { is_orphan: is_ready(fds.first()), has_mounted: is_ready(fds.last()) })
    }

    /// Returns true when something was mounted or unmounted since this was last looked at.
    fn has_mounted(&self) -> bool {
        let mut mounts = [PollFd::new(&self.mounts, PollFlags::PRI)];
        !matches!(poll(&mut mounts, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
    }

    /// Takes everybody in who is this user and this program.
    fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        while let Ok(socket) = rustix::net::accept_with(listener, flags) {
            if self.askers.len() < ASKERS_MAX && self.own.ensure_own(socket.as_fd()).is_ok() {
                let asker = Channel::from_descriptor(socket);
                if asker.send(&Answer::Shows { number: self.token.number() }, None).is_ok() {
                    self.askers.push(asker);
                }
            }
        }
    }

    /// Answers whoever asked something, and lets go of whoever is gone.
    fn answer(&mut self) {
        for asker in std::mem::take(&mut self.askers) {
            match asker.receive::<Question>() {
                Ok(Some(Received { message: Question::Take { key, seen, number }, descriptor: None }))
                    if self.token.is(&seen) =>
                {
                    self.give(&asker, &Key(key), number);
                    self.askers.push(asker);
                }
                Ok(Some(Received { message: Question::Warm { key, seen }, descriptor: Some(order) }))
                    if self.token.is(&seen) =>
                {
                    self.warm(asker, Key(key), order);
                }
                Ok(Some(_) | None) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.askers.push(asker),
                Err(_) => {}
            }
        }
    }

    /// Hands a boundary over. One that cannot be is lost, and so is the command's wait for it.
    fn give(&mut self, asker: &Channel, key: &Key, number: i32) {
        if self.has_mounted() {
            self.renew();
        }
        let Ok(seen) = peer::look(asker.as_fd(), number) else {
            let _ = asker.send(&Answer::None, None);
            return;
        };
        let held = self.sets.iter_mut().find(|set| set.key == *key).and_then(Set::take);
        let Some(Held { child, channel }) = held else {
            let _ = asker.send(&Answer::None, None);
            return;
        };
        let process = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default()).ok_or(Errno::SRCH);
        let process = process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
        if let Ok(process) = process
            && rustix::io::ioctl_fionbio(&channel, false).is_ok()
        {
            let _ = asker.send_with(&Answer::Control { seen }, &[channel.as_fd(), process.as_fd()]);
        }
        self.given.push(child);
    }

    /// Has a boundary built, unless there is one. The asker is told when it stands, or that none will.
    fn warm(&mut self, asker: Channel, key: Key, order: OwnedFd) {
        if let Some(set) = self.sets.iter_mut().find(|set| set.key == key) {
            set.tell(asker);
            return;
        }
        match read_plan(order) {
            Ok(order)
                if order.waits != Waits::Not
                    && order.template(order.waits) == order
                    && Key::of(&order).is_ok_and(|own| own == key) =>
            {
                if self.sets.len() >= HELD_SETS_MAX
                    && let Some(oldest) = (0..self.sets.len()).min_by_key(|index| self.sets.get(*index).map(Set::used))
                {
                    self.given.extend(self.sets.remove(oldest).end());
                }
                let mut set = Set::new(key, order);
                set.tell(asker);
                self.sets.push(set);
            }
            Ok(_) | Err(_) => drop(asker.send(&Answer::None, None)),
        }
    }
}
