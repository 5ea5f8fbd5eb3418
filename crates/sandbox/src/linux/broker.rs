//! The broker: does on the command's behalf what writes to files, by name, and judges each name.
//!
//! The filter holds such calls back. The broker copies what the caller named once, finds the file or directory
//! that this means on descriptors, asks the rules about its real name, and acts on what it found: the caller
//! never gets to repeat a call with other words. So a name can be held that does not exist, and one whose mount
//! somebody outside took away by putting another file in its place. It runs in a thread of the first process
//! inside: with the command's user, namespaces and Landlock rules, it can do no more than the command could. Where there
//! are no namespaces its Landlock rules are around the command's, and `fence` holds what mounts would.
//!
//! Never: a call that writes answered with "go on", a name judged and another one used, an answer after an error
//! but a refusal.
//!
//! Read first: `decode` (what a call asks for), `place` (what a name means), `rules`, then `files`.

mod bare;
mod caller;
mod connect;
mod decode;
mod fence;
mod files;
mod git;
mod mounts;
mod own;
mod pending;
mod place;
mod put;
mod reads;
mod rename;
mod rules;
mod start;
mod told;
mod umasks;
mod unix;

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use policy::AbsPath;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;

use self::caller::Caller;
use self::decode::{Errno, Name, Request};
use self::fence::Fence;
pub(crate) use self::fence::hides_inside;
use self::mounts::Mounts;
use self::own::Own;
use self::pending::Pending;
use self::place::{Found, Ground, Place};
pub(crate) use self::rules::Rules;
pub(crate) use self::told::Told;
use self::umasks::Umasks;
use super::control::Channel;
use super::failure::{At, Failure};
use super::mount;
use super::seccomp::{self, Verdict};
use super::tree::Identity;

use crate::error::Step;
use crate::limits::{PENDING_END_MS, PENDING_MS};
use crate::plan::Plan;
use crate::sys::filter::{self, Answer, Call};
use crate::sys::memory::Way;

/// What a command has in memory before its program starts.
static SAMPLE: &[u8; 8] = b"palisade";

/// Answers the calls that the filter holds back.
#[derive(Debug)]
pub(crate) struct Broker {
    ground: Arc<Ground>,
    rules: Rules,
    told: Told,
    channel: Arc<Channel>,
    listener: Arc<OwnedFd>,
    /// The session whose terminal `/dev/tty` is.
    session: i32,
    pending: Pending,
    own: Own,
    umasks: Umasks,
    mounts: Mounts,
    /// Whether the command's own program has started: that one was decided about.
    has_started: bool,
    /// Openings that wait for another process, each in a thread of its own.
    waiting: Arc<AtomicUsize>,
    /// Connections that are made, each in a thread of its own.
    connecting: Arc<AtomicUsize>,
    /// What mounts hold elsewhere; nothing where there are any.
    fence: Option<Fence>,
    /// The sockets that the command may connect to by path; `None` where it can make no Unix socket.
    named: Option<Vec<Identity>>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Somebody calls.
    Call,
    /// Nobody yet.
    Nothing,
    /// Nobody can any more.
    End,
}

/// What a caller gets.
#[derive(Debug)]
enum Outcome {
    /// It is done.
    Done,
    /// This file is open for it.
    Opened { file: OwnedFd, closes_on_exec: bool },
    /// It failed, as it would have failed without us.
    Failed(Errno),
    /// It is refused, and that is told.
    Refused { errno: Errno, what: String, by: Option<String> },
    /// A program starts; what holds it are mounts, not this answer.
    GoesOn,
    /// A thread of its own answers.
    Later,
}

impl Broker {
    /// Makes the broker where there are no mounts, and looks that it can read what a command has in memory.
    pub(crate) fn apart(
        (plan, rules): (&Plan, Rules),
        channel: Arc<Channel>,
        listener: OwnedFd,
        command: Pid,
    ) -> Result<Self, Failure> {
        let fence = Some(Fence::of(plan, command)?);
        // The command is this program still, and waits for the first answer.
        let mut found = [0; SAMPLE.len()];
        let address = u64::try_from(SAMPLE.as_ptr().addr()).map_err(|_| rustix::io::Errno::FAULT).at(Step::Listener)?;
        let proc = mount::open_inside("/proc").at_path(Step::Listener, "/proc")?;
        let mut read = Err(rustix::io::Errno::FAULT.into());
        for way in Way::ALL {
            read = way.read(proc.as_fd(), command.as_raw_pid(), address, &mut found);
            if read.is_ok() && found == *SAMPLE {
                return Ok(Self { fence, ..Self::reading((plan, rules), channel, listener, way)? });
            }
        }
        Err(read.err().unwrap_or_else(|| rustix::io::Errno::FAULT.into())).at(Step::Listener)
    }

    /// Makes the broker, inside the new root and before the command starts.
    pub(crate) fn new(planned: (&Plan, Rules), channel: Arc<Channel>, listener: OwnedFd) -> Result<Self, Failure> {
        Self::reading(planned, channel, listener, Way::Call)
    }

    /// Makes the broker that reads a caller's memory in one way.
    fn reading(
        (plan, rules): (&Plan, Rules),
        channel: Arc<Channel>,
        listener: OwnedFd,
        way: Way,
    ) -> Result<Self, Failure> {
        let session = rustix::process::getsid(None).at(Step::Broker)?.as_raw_pid();
        let ground = Arc::new(Ground::open(way).at(Step::Broker)?);
        Ok(Self {
            ground,
            rules,
            told: if plan.checks_reads { Told::with_checks() } else { Told::default() },
            channel,
            listener: Arc::new(listener),
            session,
            pending: Pending::default(),
            own: Own::default(),
            umasks: Umasks::default(),
            mounts: Mounts::default(),
            has_started: false,
            waiting: Arc::default(),
            connecting: Arc::default(),
            fence: None,
            named: None,
        })
    }

    /// Compiles the rules that the broker asks.
    pub(crate) fn rules(plan: &Plan) -> Result<Rules, Failure> {
        Rules::new(plan).map_err(|why| Failure { step: Step::Broker, path: Some(why), errno: libc::EINVAL })
    }

    /// Returns the book of refusals.
    pub(crate) fn told(&self) -> Told {
        self.told.clone()
    }

    /// Answers calls until no more can come.
    pub(crate) fn serve(mut self) {
        // Without it every call takes longer, and nothing else.
        let _ = filter::wake_on_one_processor(self.listener.as_fd());
        loop {
            // What is being written is looked at in a moment, should nobody call before.
            let wait = if self.pending.is_empty() { None } else { Some(PENDING_MS) };
            match self.next(wait) {
                Next::Call => match filter::receive(self.listener.as_fd()) {
                    Ok(call) => self.answer(&call),
                    // The caller died since, or a signal came.
                    Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => {}
                    Err(_) => return self.settle_last(),
                },
                Next::Nothing => self.settle_pending(),
                Next::End => return self.settle_last(),
            }
        }
    }

    /// Everybody inside is gone: what was written last is looked at. The kernel says so before it has closed their files.
    fn settle_last(mut self) {
        let until = Instant::now() + Duration::from_millis(PENDING_END_MS);
        self.settle_pending();
        while !self.pending.is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
            self.settle_pending();
        }
    }

    /// Waits for a call, for ever or for so many milliseconds.
    fn next(&self, milliseconds: Option<i64>) -> Next {
        let wait = milliseconds.map(|wait| Timespec { tv_sec: 0, tv_nsec: wait * 1_000_000 });
        let mut ready = [PollFd::new(&*self.listener, PollFlags::IN)];
        let result = poll(&mut ready, wait.as_ref());
        let [ready] = ready.map(|fd| fd.revents());
        match result {
            Ok(_) if ready.contains(PollFlags::IN) => Next::Call,
            Ok(0) | Err(rustix::io::Errno::INTR) => Next::Nothing,
            Ok(_) | Err(_) => Next::End,
        }
    }

    fn answer(&mut self, call: &Call) {
        let ground = Arc::clone(&self.ground);
        let caller = ground.caller(call.pid.cast_signed());
        self.settle_pending();
        let verdict = match (&self.fence, &self.named) {
            (Some(_), _) => seccomp::verdict_apart(call.number, &call.arguments),
            (None, Some(_)) => seccomp::verdict_named(call.number, &call.arguments),
            (None, None) => seccomp::verdict(call.number, &call.arguments),
        };
        let outcome = match verdict {
            Verdict::Tell(errno) => Outcome::Refused { errno, what: connect::describe(call), by: None },
            Verdict::Look => connect::look(call, &caller),
            Verdict::Act => self.act(call, &caller),
            Verdict::Check => {
                let start = Instant::now();
                let outcome = self.act(call, &caller);
                self.told.checked(start.elapsed());
                outcome
            }
            // The filter and the table are the same; what it lets through does not come here.
            Verdict::Allow | Verdict::Quiet(_) | Verdict::Apart(_) => {
                Outcome::Refused { errno: libc::EPERM, what: connect::describe(call), by: None }
            }
        };
        let listener = self.listener.as_fd();
        // When it cannot be answered the caller is gone, or its call fails once the listener closes.
        let _ = match outcome {
            Outcome::Done => filter::answer(listener, call.id, Answer::Done),
            Outcome::GoesOn => filter::answer(listener, call.id, Answer::Continue),
            Outcome::Failed(errno) => filter::answer(listener, call.id, Answer::Fail(errno)),
            Outcome::Opened { file, closes_on_exec } => self.give(call.id, &file, closes_on_exec),
            Outcome::Refused { errno, what, by } => {
                if filter::is_waiting(listener, call.id) {
                    self.told.note(&self.channel, &caller, what, by);
                }
                filter::answer(listener, call.id, Answer::Fail(errno))
            }
            Outcome::Later => Ok(()),
        };
    }

    fn give(&self, id: u64, file: &OwnedFd, closes_on_exec: bool) -> std::io::Result<()> {
        give(&self.listener, id, file, closes_on_exec)
    }

    fn act(&mut self, call: &Call, caller: &Caller<'_>) -> Outcome {
        if let (Some(named), libc::SYS_connect) = (&self.named, i64::from(call.number)) {
            return self.connect(call, caller, named).unwrap_or_else(Outcome::Failed);
        }
        let request = match decode::decode(call, caller) {
            Ok(request) => request,
            Err(errno) => return Outcome::Failed(errno),
        };
        let done = match request {
            Request::Open { name, flags, mode } if self.finds_to_read(call, caller, &name, flags) => {
                self.open(call, caller, &name, flags & !libc::O_CREAT.cast_unsigned(), mode)
            }
            Request::Open { name, flags, mode } => self.open(call, caller, &name, flags, mode),
            Request::Make { name, made } => self.make(call, caller, &name, &made),
            Request::Remove { name, is_directory } => self.remove(call, caller, &name, is_directory),
            Request::Rename { from, to, flags } => self.rename(call, caller, [&from, &to], flags),
            Request::Link { from, to } => self.link(call, caller, [&from, &to]),
            Request::Change { name, change } => self.change(call, caller, &name, &change),
            Request::ChangeOpen { descriptor, change } => self.change_open(call, caller, descriptor, &change),
            Request::Start { name, arguments } => self.start(call, caller, &name, arguments),
            Request::Umask => {
                self.umasks.forget();
                Ok(Outcome::GoesOn)
            }
        };
        done.unwrap_or_else(Outcome::Failed)
    }

    /// Finds what a name means that is to be written.
    fn locate(&self, call: &Call, caller: &Caller<'_>, name: &Name) -> Result<Place, Errno> {
        let place = self.find(call, caller, name)?;
        self.look_behind(caller, &place)?;
        Ok(place)
    }

    /// Finds the name itself, of something that is made, moved or removed: no link at its end is followed, not even
    /// before a slash, which only says that a directory is meant.
    fn locate_name(&self, call: &Call, caller: &Caller<'_>, name: &Name) -> Result<Place, Errno> {
        let bytes = name.path.to_bytes();
        let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
        let means_directory = end < bytes.len();
        let path = CString::new(bytes.get(..end).unwrap_or_default()).map_err(|_| libc::EINVAL)?;
        let place = self.find(call, caller, &Name { path, follows: false, ..name.clone() })?;
        if let Place::Free { .. } = &place {
            self.look_behind(caller, &place)?;
        }
        Ok(match place {
            Place::Free { entry, is_directory: _ } => Place::Free { entry, is_directory: means_directory },
            Place::Found(found) => Place::Found(Found { means_directory, ..found }),
        })
    }

    fn is_waiting(&self, call: &Call) -> Result<(), Errno> {
        if filter::is_waiting(self.listener.as_fd(), call.id) { Ok(()) } else { Err(libc::EINTR) }
    }
}

/// Answers a call with an open file.
fn give(listener: &OwnedFd, id: u64, file: &OwnedFd, closes_on_exec: bool) -> std::io::Result<()> {
    match filter::answer_with(listener.as_fd(), id, file.as_fd(), closes_on_exec) {
        Ok(()) => Ok(()),
        // Its table of descriptors is full, or it is gone.
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EMFILE);
            filter::answer(listener.as_fd(), id, Answer::Fail(errno))
        }
    }
}

/// Returns a refusal because of a rule.
fn refused(what: &str, path: &AbsPath, by: String) -> Outcome {
    Outcome::Refused { errno: libc::EPERM, what: format!("{what} {path}"), by: Some(by) }
}
