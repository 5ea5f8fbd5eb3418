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
        ["effective-user"] => Ok(unsafe { libc::geteuid() }.to_string()),
        ["own-memory", path] => own_memory(path),
        ["page-frame"] => page_frame(),
        ["open-up", path] => open_up(path),
        ["thread-apart", directory, name, text] => thread_apart(directory, name, text),
        ["undumpable", ref words @ ..] => {
            // SAFETY: takes numbers only.
            unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
            return crate::attempt(words);
        }
        ["setuid"] => returned(unsafe { libc::setresuid(0, 0, 0) }.into()),
        ["setgroups"] => returned(unsafe { libc::setgroups(0, std::ptr::null()) }.into()),
        ["start-race", one, other, times] => start_race(one, other, number(times)),
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

/// Changes the text of a file that is mapped read-only, through the own memory as a file.
fn own_memory(path: &str) -> Outcome {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::open(path).map_err(|error| error.raw_os_error().unwrap_or(0))?;
    // SAFETY: a fresh private mapping of one page of a valid descriptor.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd(), 0) };
    if at == libc::MAP_FAILED {
        return Err(errno());
    }
    let memory = std::fs::OpenOptions::new().write(true).open("/proc/self/mem");
    let written = memory.and_then(|memory| memory.write_at(b"dead", at as u64));
    // SAFETY: the mapping is at least as long as the file's first byte.
    let first = unsafe { at.cast::<u8>().read_volatile() };
    crate::done(written).map(|_| char::from(first).to_string())
}

/// Returns whether the kernel tells where in memory a page of ours is.
fn page_frame() -> Outcome {
    use std::os::unix::fs::FileExt;
    let page = Box::new([1_u8; 8192]);
    let map = std::fs::File::open("/proc/self/pagemap").map_err(|error| error.raw_os_error().unwrap_or(0))?;
    let mut entry = [0; 8];
    crate::done(map.read_exact_at(&mut entry, page.as_ptr() as u64 / 4096 * 8))?;
    let frame = u64::from_ne_bytes(entry) & ((1 << 55) - 1);
    Ok(if frame == 0 { "none".to_owned() } else { "told".to_owned() })
}

/// Opens itself to every tracer, and then reads what belongs to another.
/// Writes to a file from a thread that has a start directory and descriptors of its own.
fn thread_apart(directory: &str, name: &str, text: &str) -> Outcome {
    std::thread::scope(|scope| {
        let apart = scope.spawn(|| {
            // SAFETY: takes numbers only.
            returned(unsafe { libc::unshare(libc::CLONE_FS | libc::CLONE_FILES) }.into())?;
            crate::done(std::env::set_current_dir(directory))?;
            crate::done(std::fs::write(name, text))
        });
        apart.join().unwrap_or(Err(0))
    })
}

fn open_up(path: &str) -> Outcome {
    // SAFETY: takes numbers only.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0);
    }
    let mut text = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read(&mut file, &mut text));
    crate::done(read)
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

/// Starts a program whose name another process changes all the time to another's. Returns how often something ended
/// with 1.
fn start_race(one: &str, other: &str, times: i64) -> Outcome {
    let names = [one, other].map(|name| std::ffi::CString::new(name).unwrap());
    // SAFETY: the shared page is larger than both names; the children do nothing but copy, start and exit.
    unsafe {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        let page: *mut libc::c_char = page.cast();
        libc::strcpy(page, names[0].as_ptr());
        let changer = libc::fork();
        if changer == 0 {
            loop {
                for name in &names {
                    libc::strcpy(page, name.as_ptr());
                    for turn in 0..300 {
                        let _ = std::hint::black_box(turn);
                    }
                }
            }
        }
        let mut ended = 0;
        for _ in 0..times {
            let child = libc::fork();
            if child == 0 {
                let (argv, none) = ([c"x".as_ptr(), std::ptr::null()], [std::ptr::null()]);
                libc::execve(page, argv.as_ptr(), none.as_ptr());
                libc::_exit(9);
            }
            let mut status = 0;
            libc::waitpid(child, &raw mut status, 0);
            ended += i32::from(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 1);
        }
        libc::kill(changer, libc::SIGKILL);
        Ok(ended.to_string())
    }
}
