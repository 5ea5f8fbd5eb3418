//! Installing a seccomp filter, and answering its notifications.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// One instruction of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    pub(crate) jump_true: u8,
    pub(crate) jump_false: u8,
    pub(crate) operand: u32,
}

#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// Installs a filter on this thread. `flags` without `SECCOMP_FILTER_FLAG_NEW_LISTENER` return no listener.
pub(crate) fn install(filter: &[Instruction], flags: libc::c_ulong) -> io::Result<Option<OwnedFd>> {
    let length = u16::try_from(filter.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let program = Program { length, instructions: filter.as_ptr() };
    // SAFETY: the program points at `length` instructions in the kernel's layout, valid for the call.
    #[expect(unsafe_code, reason = "seccomp")]
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    if flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER == 0 {
        return Ok(None);
    }
    let fd = i32::try_from(result).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: with this flag the kernel returns a new descriptor.
    #[expect(unsafe_code, reason = "ownership of a new descriptor")]
    Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// A system call that waits for an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// Which notification it is.
    pub(crate) id: u64,
    /// The calling thread, in our process namespace; 0 when it is not visible there.
    pub(crate) pid: u32,
    /// The call's number.
    pub(crate) number: i32,
    /// The call's arguments.
    pub(crate) arguments: [u64; 6],
}

/// What a waiting call gets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// It goes on as if there was no filter.
    Continue,
    /// It is done, and returns 0.
    Done,
    /// It fails with this error number.
    Fail(i32),
}

/// Takes the next waiting call. It is an error when there is none any more.
pub(crate) fn receive(listener: BorrowedFd<'_>) -> io::Result<Call> {
    // SAFETY: a notification of zeros is valid, and it is what the kernel wants to find.
    #[expect(unsafe_code, reason = "seccomp_notif")]
    let mut notification: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the request's number carries the size of this form, so the kernel writes exactly that.
    #[expect(unsafe_code, reason = "SECCOMP_IOCTL_NOTIF_RECV")]
    let result =
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut notification) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let libc::seccomp_notif { id, pid, data, .. } = notification;
    Ok(Call { id, pid, number: data.nr, arguments: data.args })
}

/// Returns true while the call still waits: what was read of its process since is of that process.
pub(crate) fn is_waiting(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the kernel reads one number.
    #[expect(unsafe_code, reason = "SECCOMP_IOCTL_NOTIF_ID_VALID")]
    unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID as _, &raw const id) == 0
    }
}

/// Answers a waiting call. A call whose thread is gone meanwhile needs no answer.
pub(crate) fn answer(listener: BorrowedFd<'_>, id: u64, answer: Answer) -> io::Result<()> {
    let (error, flags) = match answer {
        Answer::Continue => (0, u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1)),
        Answer::Done => (0, 0),
        Answer::Fail(errno) => (-errno, 0),
    };
    let mut response = libc::seccomp_notif_resp { id, val: 0, error, flags };
    // SAFETY: the request's number carries the size of this form, which the kernel reads.
    #[expect(unsafe_code, reason = "SECCOMP_IOCTL_NOTIF_SEND")]
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw mut response) };
    if result < 0 && io::Error::last_os_error().raw_os_error() != Some(libc::ENOENT) {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Gives the calling thread a copy of a descriptor, as the answer to its call.
pub(crate) fn answer_with(
    listener: BorrowedFd<'_>,
    id: u64,
    fd: BorrowedFd<'_>,
    closes_on_exec: bool,
) -> io::Result<()> {
    let mut added = libc::seccomp_notif_addfd {
        id,
        flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
        srcfd: fd.as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: if closes_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
    };
    // SAFETY: the request's number carries the size of this form, which the kernel reads.
    #[expect(unsafe_code, reason = "SECCOMP_IOCTL_NOTIF_ADDFD")]
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD as _, &raw mut added) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets the kernel wake the two sides on one processor, which halves the time of a call. Older kernels cannot.
pub(crate) fn wake_on_one_processor(listener: BorrowedFd<'_>) -> io::Result<()> {
    // `SECCOMP_IOCTL_NOTIF_SET_FLAGS` and `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`, Linux 6.6.
    const SET_FLAGS: libc::c_ulong = 0x4008_2104;
    const SYNC_WAKE_UP: u64 = 1;
    // SAFETY: the argument is a number.
    #[expect(unsafe_code, reason = "SECCOMP_IOCTL_NOTIF_SET_FLAGS")]
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), SET_FLAGS as _, SYNC_WAKE_UP) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
