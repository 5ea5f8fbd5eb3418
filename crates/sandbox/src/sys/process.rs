//! `fork`, `exec` and what a child does before it.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};

use rustix::process::Pid;

/// Which side of a `fork` this is.
#[derive(Debug)]
pub(crate) enum Fork {
    Parent(Pid),
    Child,
}

/// Makes a copy of this process, which must have one thread.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: the boundary process never starts a thread, so no lock can be held by one that the child
    // lacks. There is no safe wrapper.
    #[expect(unsafe_code, reason = "fork")]
    let pid = unsafe { libc::fork() };
    match pid {
        0 => Ok(Fork::Child),
        _ => Pid::from_raw(pid).filter(|_| pid > 0).map(Fork::Parent).ok_or_else(io::Error::last_os_error),
    }
}

/// From `linux/sched.h`; the constant of `libc` does not fit its own type.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes a copy of this process, which must have one thread, in a control group of version 2 that a descriptor of
/// its directory names. Moving a process there instead makes the kernel wait for every processor, some 10 ms.
pub(crate) fn fork_into(group: BorrowedFd<'_>) -> io::Result<Fork> {
    // SAFETY: zeros are valid for every field: no flags, no pointers.
    #[expect(unsafe_code, reason = "a structure of the kernel's")]
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = u64::try_from(libc::SIGCHLD).unwrap_or_default();
    args.cgroup = u64::try_from(group.as_raw_fd()).unwrap_or(u64::MAX);
    // SAFETY: the structure is valid for its size; without a stack of its own and without shared memory the child
    // goes on as after `fork`, and there is one thread, as above. The C library has no wrapper.
    #[expect(unsafe_code, reason = "clone3")]
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) };
    let pid = i32::try_from(pid).unwrap_or(-1);
    match pid {
        0 => Ok(Fork::Child),
        _ => Pid::from_raw(pid).filter(|_| pid > 0).map(Fork::Parent).ok_or_else(io::Error::last_os_error),
    }
}

/// Children that are ending, and that nobody waits for.
static ENDING: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Takes leave of a child that is ending, and of those before it that ended since: a process that runs many commands
/// keeps no dead ones.
pub(crate) fn reap_later(child: Child) {
    let mut ending = ENDING.lock().unwrap_or_else(PoisonError::into_inner);
    ending.push(child);
    ending.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

/// Ends this process at once, without running anything that its parent registered.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` does not return and touches no memory. `std::process::exit` would run the copy of
    // the parent's exit handlers.
    #[expect(unsafe_code, reason = "_exit")]
    unsafe {
        libc::_exit(code)
    }
}

/// Lets a command enter control groups by their files, have these descriptors under these numbers, and die with
/// the thread that starts it.
///
/// None of these descriptors may have a number among the new ones.
pub(crate) fn prepare(command: &mut Command, groups: Vec<OwnedFd>, descriptors: &[(BorrowedFd<'_>, RawFd)]) {
    let numbers: Vec<_> = descriptors.iter().map(|(fd, number)| (fd.as_raw_fd(), *number)).collect();
    let prepare = move || {
        for group in &groups {
            // SAFETY: `write` is async-signal-safe; the text is one byte. `0` is the process that writes.
            #[expect(unsafe_code, reason = "write without a wrapper that may allocate")]
            if unsafe { libc::write(group.as_raw_fd(), c"0".as_ptr().cast(), 1) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        for &(fd, number) in &numbers {
            // SAFETY: `dup2` takes numbers only, and is async-signal-safe.
            #[expect(unsafe_code, reason = "dup2 to a fixed number")]
            if unsafe { libc::dup2(fd, number) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: as above; `prctl` with `PR_SET_PDEATHSIG` takes a number.
        #[expect(unsafe_code, reason = "prctl")]
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: the closure only makes async-signal-safe calls and allocates nothing.
    #[expect(unsafe_code, reason = "pre_exec")]
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Lets a command lead a session of its own, so that no terminal signals it.
pub(crate) fn in_own_session(command: &mut Command) {
    let prepare = || {
        // SAFETY: takes nothing, and is async-signal-safe.
        #[expect(unsafe_code, reason = "setsid in pre_exec")]
        if unsafe { libc::setsid() } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: the closure makes one async-signal-safe call and allocates nothing.
    #[expect(unsafe_code, reason = "pre_exec")]
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Returns what of this process only a call tells and its children have too: what `prctl` knows, the priority of its
/// input and output, where it may have memory, whom it shares a core with, how it is scheduled, whether it may read the
/// processor's clock. What this kernel lacks is its error.
pub(crate) fn passed_on() -> Vec<i64> {
    const GETS: [libc::c_int; 11] = [
        libc::PR_GET_SECUREBITS,
        libc::PR_GET_TIMERSLACK,
        libc::PR_GET_THP_DISABLE,
        libc::PR_MCE_KILL_GET,
        libc::PR_GET_MDWE,
        libc::PR_GET_NO_NEW_PRIVS,
        PR_SVE_GET_VL,
        PR_GET_TAGGED_ADDR_CTRL,
        PR_GET_IO_FLUSHER,
        PR_SME_GET_VL,
        PR_GET_MEMORY_MERGE,
    ];
    let said = |result: i64| {
        if result < 0 { -i64::from(io::Error::last_os_error().raw_os_error().unwrap_or_default()) } else { result }
    };
    let zero: libc::c_ulong = 0;
    // SAFETY: these take no pointer, and only ask.
    #[expect(unsafe_code, reason = "prctl")]
    let gets = GETS.map(|get| said(unsafe { libc::prctl(get, zero, zero, zero, zero) }.into()));
    const PROCESS: libc::c_int = 1;
    // SAFETY: takes numbers only; 0 is this process.
    #[expect(unsafe_code, reason = "ioprio_get")]
    let priority = said(unsafe { libc::syscall(libc::SYS_ioprio_get, PROCESS, 0) });
    let (mut mode, mut nodes): (libc::c_int, [libc::c_ulong; 16]) = (0, [0; 16]);
    // SAFETY: both are valid to be written, the second for so many bits; no address is asked about.
    #[expect(unsafe_code, reason = "get_mempolicy")]
    let policy = said(unsafe {
        let bits = size_of_val(&nodes) * 8;
        libc::syscall(libc::SYS_get_mempolicy, &raw mut mode, nodes.as_mut_ptr(), bits, zero, zero)
    });
    let (mut cookie, get, thread): (u64, libc::c_ulong, libc::c_ulong) = (0, 0, 0);
    // SAFETY: the number is valid to be written; 0 is this process.
    #[expect(unsafe_code, reason = "prctl")]
    let shares = said(unsafe { libc::prctl(libc::PR_SCHED_CORE, get, zero, thread, &raw mut cookie) }.into());
    let (mut clock, mut attributes): (libc::c_int, [u64; SCHEDULING / 8]) = (0, [0; SCHEDULING / 8]);
    // SAFETY: the number is valid to be written.
    #[expect(unsafe_code, reason = "prctl")]
    let has_clock = said(unsafe { libc::prctl(libc::PR_GET_TSC, &raw mut clock, zero, zero, zero) }.into());
    // SAFETY: the numbers are valid to be written for so many bytes; 0 is this process.
    #[expect(unsafe_code, reason = "sched_getattr")]
    let schedules = said(unsafe { libc::syscall(libc::SYS_sched_getattr, 0, attributes.as_mut_ptr(), SCHEDULING, 0) });
    let nodes = nodes.into_iter().map(|node| i64::from_ne_bytes(node.to_ne_bytes()));
    let attributes = attributes.into_iter().map(u64::cast_signed);
    let rest = [priority, policy, mode.into(), shares, i64::from_ne_bytes(cookie.to_ne_bytes())];
    let clocks = [has_clock, clock.into(), schedules];
    gets.into_iter().chain(rest).chain(clocks).chain(nodes).chain(attributes).collect()
}

/// From `linux/prctl.h`; `libc` does not have them for every target.
const PR_SVE_GET_VL: libc::c_int = 51;
const PR_GET_TAGGED_ADDR_CTRL: libc::c_int = 56;
const PR_GET_IO_FLUSHER: libc::c_int = 58;
const PR_SME_GET_VL: libc::c_int = 64;
const PR_GET_MEMORY_MERGE: libc::c_int = 68;

/// Bytes of what the kernel says of a process's scheduling, the bounds of its use of a processor among them: as many as
/// the newest version has, and zeros of an older one.
const SCHEDULING: usize = 56;

/// Puts a descriptor under a fixed number, where it outlives `exec`.
pub(crate) fn put_at(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    // SAFETY: `dup2` takes numbers only. The safe wrapper wants an owned descriptor for the new number,
    // which nobody owns here: it is a standard stream.
    #[expect(unsafe_code, reason = "dup2 to a standard stream")]
    let result = unsafe { libc::dup2(fd.as_raw_fd(), number) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Closes every descriptor from this number on, or marks them to be closed on `exec`.
pub(crate) fn close_from(first: u32, when: Close) -> io::Result<()> {
    let flags = match when {
        Close::Now => 0,
        Close::OnExec => libc::CLOSE_RANGE_CLOEXEC,
    };
    // SAFETY: takes numbers only. With `Close::Now` the caller holds no owned descriptor from `first` on.
    #[expect(unsafe_code, reason = "close_range")]
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// When descriptors are closed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Close {
    Now,
    OnExec,
}

/// Runs another program in this process. Returns only when that failed.
pub(crate) fn exec(program: &CStr, argv: &[CString], environment: &[CString]) -> io::Error {
    let argv = pointers(argv);
    let environment = pointers(environment);
    // SAFETY: the program is NUL-terminated; both arrays hold valid NUL-terminated strings that outlive
    // the call, and end with a null pointer.
    #[expect(unsafe_code, reason = "execve with an environment; the safe one looks at ours")]
    unsafe {
        libc::execve(program.as_ptr(), argv.as_ptr(), environment.as_ptr());
    }
    io::Error::last_os_error()
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Takes a descriptor that the parent left under this number.
pub(crate) fn inherited(number: RawFd) -> Option<std::os::fd::OwnedFd> {
    // SAFETY: takes a number only.
    #[expect(unsafe_code, reason = "fcntl on a number that may be no descriptor")]
    let flags = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    // SAFETY: the descriptor is open, and the boundary process takes each inherited number once.
    #[expect(unsafe_code, reason = "ownership of an inherited descriptor")]
    (flags >= 0).then(|| unsafe { std::os::fd::FromRawFd::from_raw_fd(number) })
}

/// Leaves the namespaces that the flags name for new ones. None of them is `FILES`.
pub(crate) fn unshare(flags: rustix::thread::UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: unsafe only because of `UnshareFlags::FILES`, which would part descriptors from threads;
    // the boundary process has one thread and passes namespaces only.
    #[expect(unsafe_code, reason = "unshare")]
    unsafe {
        rustix::thread::unshare_unsafe(flags)
    }
}
