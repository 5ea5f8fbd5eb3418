//! What a proof of the boundary needs of the kernel: calls that must be refused, and a process to be left alone.
//!
//! A process that starts any of this must have one thread.

use std::io;
use std::io::Read;

use libc::c_long;
use rustix::process::{Pid, Signal, WaitOptions};

use crate::sys;
use crate::sys::process::Fork;

/// A system call that does no harm and must be refused inside.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Its name in reports.
    pub name: &'static str,
    /// Rows of `docs/internals/escapes.md`.
    pub rows: &'static [u16],
    number: c_long,
    arguments: [c_long; 4],
}

const fn row(name: &'static str, rows: &'static [u16], number: c_long, arguments: [c_long; 4]) -> Call {
    Call { name, rows, number, arguments }
}

/// `PTRACE_TRACEME`, `KEYCTL_GET_KEYRING_ID` of the session and `ADDR_NO_RANDOMIZE` are numbers; every pointer is null.
pub const CALLS: [Call; 22] = [
    row("call-ptrace", &[2], libc::SYS_ptrace, [0, 0, 0, 0]),
    row("call-process-vm-readv", &[3], libc::SYS_process_vm_readv, [0, 0, 0, 0]),
    row("call-pidfd-getfd", &[13], libc::SYS_pidfd_getfd, [-1, 0, 0, 0]),
    row("call-unshare", &[15], libc::SYS_unshare, [libc::CLONE_NEWUSER as c_long, 0, 0, 0]),
    row("call-clone3", &[16], libc::SYS_clone3, [0, 0, 0, 0]),
    row("call-setns", &[17], libc::SYS_setns, [-1, 0, 0, 0]),
    row("call-mount", &[18], libc::SYS_mount, [0, 0, 0, 0]),
    row("call-umount", &[18], libc::SYS_umount2, [0, 0, 0, 0]),
    row("call-fsopen", &[19], libc::SYS_fsopen, [0, 0, 0, 0]),
    row("call-open-tree", &[19], libc::SYS_open_tree, [-1, 0, 0, 0]),
    row("call-mount-setattr", &[20], libc::SYS_mount_setattr, [-1, 0, 0, 0]),
    row("call-pivot-root", &[21], libc::SYS_pivot_root, [0, 0, 0, 0]),
    row("call-chroot", &[21], libc::SYS_chroot, [0, 0, 0, 0]),
    row("call-bpf", &[23], libc::SYS_bpf, [0, 0, 0, 0]),
    row("call-perf-event-open", &[24], libc::SYS_perf_event_open, [0, 0, -1, -1]),
    row("call-userfaultfd", &[25], libc::SYS_userfaultfd, [0, 0, 0, 0]),
    row("call-io-uring", &[26], libc::SYS_io_uring_setup, [0, 0, 0, 0]),
    row("call-keyctl", &[27], libc::SYS_keyctl, [0, -3, 0, 0]),
    row("call-init-module", &[28], libc::SYS_init_module, [0, 0, 0, 0]),
    row("call-personality", &[29], libc::SYS_personality, [0x0004_0000, 0, 0, 0]),
    row("call-tiocsti", &[34], libc::SYS_ioctl, [-1, 0x5412, 0, 0]),
    row("call-open-by-handle", &[96], libc::SYS_open_by_handle_at, [-1, 0, 0, 0]),
];

impl Call {
    /// Tries it here and now.
    pub fn attempt(&self) -> io::Result<()> {
        sys::attempts::call(self.number, self.arguments)
    }

    /// Tries it in a process that is thrown away.
    pub fn attempt_apart(&self) -> io::Result<()> {
        match sys::process::fork()? {
            Fork::Child => {
                let errno = self.attempt().err().and_then(|error| error.raw_os_error()).unwrap_or_default();
                sys::process::exit_now(errno.clamp(0, 255))
            }
            Fork::Parent(pid) => {
                let ended = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(pid), WaitOptions::empty()))?;
                match ended.and_then(|(_, status)| status.exit_status()) {
                    Some(0) => Ok(()),
                    Some(errno) => Err(io::Error::from_raw_os_error(errno)),
                    None => Err(io::Error::other("the process that tried it was ended")),
                }
            }
        }
    }
}

/// Returns true for what the boundary's filter answers: not permitted, or no such call.
pub fn is_filters(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS))
}

/// Becomes the tracer of a process, which goes on.
pub fn trace(pid: i32) -> io::Result<()> {
    sys::attempts::trace(Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?)
}

/// A process of our own that does nothing. It ends with its owner.
#[derive(Debug)]
pub struct Bystander {
    pid: Pid,
    _leash: io::PipeWriter,
    ended: bool,
}

impl Bystander {
    /// Starts it under a name, by which it is seen in `/proc`.
    pub fn start(name: &std::ffi::CStr) -> io::Result<Self> {
        let (mut reader, leash) = io::pipe()?;
        match sys::process::fork()? {
            Fork::Child => {
                drop(leash);
                let _ = rustix::thread::set_name(name);
                let _ = reader.read(&mut [0]);
                sys::process::exit_now(0)
            }
            Fork::Parent(pid) => Ok(Self { pid, _leash: leash, ended: false }),
        }
    }

    /// Returns its number.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Returns true while nobody has ended it.
    pub fn is_alive(&mut self) -> bool {
        if !self.ended {
            let ended = rustix::process::waitpid(Some(self.pid), WaitOptions::NOHANG);
            self.ended = !matches!(ended, Ok(None));
        }
        !self.ended
    }

    /// Ends it, and returns true when the signal did so.
    pub fn end(&mut self) -> bool {
        if self.ended {
            return false;
        }
        // It is not waited for yet, so its number cannot name another process.
        let sent = rustix::process::kill_process(self.pid, Signal::TERM).is_ok();
        let _ = rustix::process::kill_process(self.pid, Signal::KILL);
        self.ended = true;
        loop {
            match rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(self.pid), WaitOptions::empty())) {
                // It is traced, and the first signal only stops it.
                Ok(Some((_, status))) if status.stopped() => {}
                Ok(Some((_, status))) => return sent && status.signaled(),
                Ok(None) | Err(_) => return false,
            }
        }
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.end();
    }
}
