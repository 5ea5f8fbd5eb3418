//! Signal masks, dispositions and descriptors.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};

/// A set of signals.
#[derive(Clone, Copy)]
pub(crate) struct Set(libc::sigset_t);

impl std::fmt::Debug for Set {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Set(..)")
    }
}

impl Set {
    /// Returns the set of exactly these signals.
    pub(crate) fn of(signals: &[i32]) -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `sigemptyset` fills the set; `sigaddset` takes the filled one and refuses bad numbers.
        #[expect(unsafe_code, reason = "sigset")]
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in signals {
                libc::sigaddset(set.as_mut_ptr(), *signal);
            }
            Self(set.assume_init())
        }
    }

    /// Returns the set of all signals.
    pub(crate) fn all() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `sigfillset` fills the set.
        #[expect(unsafe_code, reason = "sigset")]
        unsafe {
            libc::sigfillset(set.as_mut_ptr());
            Self(set.assume_init())
        }
    }
}

/// How a mask changes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// Block these besides those that are blocked.
    Block,
    /// Unblock these.
    Unblock,
    /// Block exactly these.
    Exactly,
}

/// Changes this thread's signal mask and returns the one before.
pub(crate) fn mask(how: How, set: &Set) -> io::Result<Set> {
    let how = match how {
        How::Block => libc::SIG_BLOCK,
        How::Unblock => libc::SIG_UNBLOCK,
        How::Exactly => libc::SIG_SETMASK,
    };
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets are valid for the call, and the second is filled when it succeeds.
    #[expect(unsafe_code, reason = "pthread_sigmask")]
    unsafe {
        match libc::pthread_sigmask(how, &raw const set.0, before.as_mut_ptr()) {
            0 => Ok(Set(before.assume_init())),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Returns a descriptor from which these signals, which must be blocked, can be read.
pub(crate) fn descriptor(set: &Set) -> io::Result<OwnedFd> {
    // SAFETY: the set is valid for the call; -1 asks for a new descriptor.
    #[expect(unsafe_code, reason = "signalfd")]
    let fd = unsafe { libc::signalfd(-1, &raw const set.0, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel made the descriptor for us.
    #[expect(unsafe_code, reason = "ownership of a new descriptor")]
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Reads the next signal's number from such a descriptor; `None` when there is none now.
pub(crate) fn next(fd: &OwnedFd) -> Option<i32> {
    let mut buffer = [0_u8; size_of::<libc::signalfd_siginfo>()];
    let length = rustix::io::read(fd, &mut buffer).ok()?;
    // The number is the first field.
    let number = buffer.get(..length)?.first_chunk::<4>()?;
    i32::try_from(u32::from_ne_bytes(*number)).ok()
}

/// Returns true when this process ignores the signal.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let mut action: MaybeUninit<libc::sigaction> = MaybeUninit::zeroed();
    // SAFETY: a null action only asks; the answer is filled, and was valid as zeros before.
    #[expect(unsafe_code, reason = "sigaction")]
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Returns every signal that this process ignores, but the one that the language's runtime does.
pub(crate) fn ignored() -> Vec<i32> {
    (1..=libc::SIGRTMAX()).filter(|signal| *signal != libc::SIGPIPE && is_ignored(*signal)).collect()
}

/// Gives a signal its default effect in this process.
pub(crate) fn set_default(signal: i32) {
    // SAFETY: `SIG_DFL` installs no code of ours.
    #[expect(unsafe_code, reason = "signal")]
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
    }
}

/// Has this process ignore a signal.
pub(crate) fn ignore(signal: i32) {
    // SAFETY: `SIG_IGN` installs no code of ours.
    #[expect(unsafe_code, reason = "signal")]
    unsafe {
        libc::signal(signal, libc::SIG_IGN);
    }
}

/// Sends a signal to a process group, by number: `rustix` knows no numbers.
pub(crate) fn send_to_group(group: i32, signal: i32) {
    // SAFETY: takes numbers only. A group of 0 or 1 would mean others and is never passed on.
    #[expect(unsafe_code, reason = "kill with any signal number")]
    if group > 1 {
        unsafe { libc::kill(-group, signal) };
    }
}
/// Ends every process that this one may signal but itself.
///
/// The caller has a Landlock domain that bounds its signals, and has looked that it holds, or is the first process of
/// its namespace.
pub(crate) fn kill_all_within_reach() {
    // SAFETY: takes numbers only. The safe wrapper knows no way to name every process.
    #[expect(unsafe_code, reason = "kill of -1")]
    unsafe {
        libc::kill(-1, libc::SIGKILL);
    }
}
