//! Attempts on other processes.

use std::time::Duration;

use crate::{Outcome, c, errno, number, returned};

/// Makes a process attempt, if it is one.
pub(crate) fn attempt(words: &[&str]) -> Option<Outcome> {
    // SAFETY (of every call below): numbers, null pointers where the kernel takes them, and buffers that
    // outlive the call.
    Some(match *words {
        ["kill", pid] => returned(unsafe { libc::kill(number(pid) as i32, libc::SIGTERM) }.into()),
        ["kill-all"] => {
            let result = unsafe { libc::kill(-1, libc::SIGTERM) };
            // Our own death by it would hide the outcome; the kernel spares the caller.
            returned(result.into())
        }
        ["ptrace", pid] => returned(unsafe { libc::ptrace(libc::PTRACE_ATTACH, number(pid) as i32, 0, 0) }),
        ["traceme"] => returned(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) }),
        ["vm-read", pid] => vm(libc::SYS_process_vm_readv, pid),
        ["vm-write", pid] => vm(libc::SYS_process_vm_writev, pid),
        ["pidfd-open", pid] => pidfd(pid).map(|_| String::new()),
        ["pidfd-getfd", pid] => {
            pidfd(pid).and_then(|fd| returned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, fd, 0, 0) }))
        }
        ["pidfd-signal", pid] => pidfd(pid).and_then(|fd| {
            returned(unsafe {
                libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGTERM, std::ptr::null::<u8>(), 0)
            })
        }),
        ["kcmp", pid] => returned(unsafe { libc::syscall(libc::SYS_kcmp, libc::getpid(), number(pid), 2, 0, 0) }),
        ["setns", path] => setns(path),
        ["daemonise", path, text] => daemonise(path, text),
        ["pids"] => Ok(pids()),
        ["sleep", seconds] => {
            std::thread::sleep(Duration::from_secs(number(seconds) as u64));
            Ok(String::new())
        }
        ["setuid"] => returned(unsafe { libc::setresuid(0, 0, 0) }.into()),
        ["setgroups"] => returned(unsafe { libc::setgroups(0, std::ptr::null()) }.into()),
        _ => return None,
    })
}

fn vm(call: libc::c_long, pid: &str) -> Outcome {
    let mut byte = [0_u8; 8];
    let local = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 8 };
    // The address of a page that is mapped in any program of this kind does not matter: a refusal comes
    // before the address is looked at, and EFAULT means that there was none.
    let remote = libc::iovec { iov_base: 0x1000 as *mut _, iov_len: 8 };
    // SAFETY: both vectors are valid for the call.
    returned(unsafe { libc::syscall(call, number(pid), &raw const local, 1_i64, &raw const remote, 1_i64, 0_i64) })
}

fn pidfd(pid: &str) -> Result<i64, i32> {
    // SAFETY: takes numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, number(pid), 0) };
    if fd < 0 { Err(errno()) } else { Ok(fd) }
}

fn setns(path: &str) -> Outcome {
    let path = c(path);
    // SAFETY: a valid string and numbers.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_RDONLY);
        if fd < 0 {
            return Err(errno());
        }
        returned(libc::setns(fd, 0).into())
    }
}

/// Leaves a process behind, in a session of its own, that writes after a while.
fn daemonise(path: &str, text: &str) -> Outcome {
    // SAFETY: this program has one thread.
    unsafe {
        if libc::fork() != 0 {
            return Ok(String::new());
        }
        libc::setsid();
        if libc::fork() != 0 {
            libc::_exit(0);
        }
        for fd in 0..3 {
            libc::close(fd);
        }
    }
    std::thread::sleep(Duration::from_millis(300));
    let _ = std::fs::write(path, text);
    std::process::exit(0)
}

/// Returns the processes that can be seen.
fn pids() -> String {
    let mut all: Vec<u32> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    all.sort_unstable();
    all.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}
