//! Attempts on kernel interfaces.

use crate::{Outcome, c, errno, number, returned};

/// Makes a kernel attempt, if it is one.
pub(crate) fn attempt(words: &[&str]) -> Option<Outcome> {
    let null = std::ptr::null::<u8>();
    // SAFETY (of every call below): numbers, valid strings, and null pointers that the kernel either
    // takes or refuses with EFAULT.
    Some(match *words {
        ["mount", target] => {
            let (kind, target) = (c("tmpfs"), c(target));
            returned(unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, null.cast()) }.into())
        }
        ["umount", target] => {
            let target = c(target);
            returned(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }.into())
        }
        ["remount-rw", target] => {
            let target = c(target);
            let flags = libc::MS_REMOUNT | libc::MS_BIND;
            returned(unsafe { libc::mount(null.cast(), target.as_ptr(), null.cast(), flags, null.cast()) }.into())
        }
        ["open-tree", path] => {
            let path = c(path);
            returned(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), 1) })
        }
        ["move-mount"] => {
            returned(unsafe { libc::syscall(libc::SYS_move_mount, -1, c"".as_ptr(), -1, c"".as_ptr(), 4 | 0x40) })
        }
        ["fsopen"] => returned(unsafe { libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0) }),
        ["fsmount"] => returned(unsafe { libc::syscall(libc::SYS_fsmount, -1, 0, 0) }),
        ["fspick", path] => {
            let path = c(path);
            returned(unsafe { libc::syscall(libc::SYS_fspick, libc::AT_FDCWD, path.as_ptr(), 0) })
        }
        ["fsconfig"] => returned(unsafe { libc::syscall(libc::SYS_fsconfig, -1, 6, null, null, 0) }),
        ["mount-setattr", path] => mount_setattr(path),
        ["statmount"] => returned(unsafe { libc::syscall(457, null, null, 0, 0) }),
        ["listmount"] => returned(unsafe { libc::syscall(458, null, null, 0, 0) }),
        ["open-tree-attr"] => returned(unsafe { libc::syscall(467, -1, c"".as_ptr(), 0, null, 0) }),
        ["pivot-root"] => returned(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) }),
        ["chroot", path] => {
            let path = c(path);
            returned(unsafe { libc::chroot(path.as_ptr()) }.into())
        }
        ["unshare", flags] => returned(unsafe { libc::unshare(number(flags) as i32) }.into()),
        ["clone", flags] => clone(number(flags)),
        ["clone3"] => returned(unsafe { libc::syscall(libc::SYS_clone3, null, 0) }),
        ["call", nr] => returned(unsafe { libc::syscall(number(nr), 0, 0, 0, 0, 0, 0) }),
        ["x32", nr] => returned(unsafe { libc::syscall(number(nr) | 0x4000_0000, 0, 0, 0) }),
        ["int80-socket"] => int80_socket(),
        ["io-uring"] => io_uring(),
        ["bpf"] => bpf(),
        ["keyctl"] => returned(unsafe { libc::syscall(libc::SYS_keyctl, 0, -3, 0) }),
        ["add-key"] => returned(unsafe {
            libc::syscall(libc::SYS_add_key, c"user".as_ptr(), c"probe".as_ptr(), c"x".as_ptr(), 1, -3)
        }),
        ["request-key"] => {
            returned(unsafe { libc::syscall(libc::SYS_request_key, c"user".as_ptr(), c"probe".as_ptr(), null, 0) })
        }
        ["perf"] => perf(),
        ["userfaultfd"] => returned(unsafe { libc::syscall(libc::SYS_userfaultfd, 1) }),
        ["name-to-handle", path] => handle(path).map(|_| String::new()),
        ["open-by-handle", path] => open_by_handle(path),
        ["fanotify"] => returned(unsafe { libc::syscall(libc::SYS_fanotify_init, 0x200, 0) }),
        ["init-module"] => returned(unsafe { libc::syscall(libc::SYS_init_module, null, 0, c"".as_ptr()) }),
        ["kexec"] => returned(unsafe { libc::syscall(libc::SYS_kexec_load, 0, 0, null, 0) }),
        ["swapon"] => returned(unsafe { libc::syscall(libc::SYS_swapon, c"/nonexistent".as_ptr(), 0) }),
        ["acct"] => returned(unsafe { libc::syscall(libc::SYS_acct, c"/nonexistent".as_ptr()) }),
        ["syslog"] => returned(unsafe { libc::syscall(libc::SYS_syslog, 3, null, 0) }),
        ["set-clock"] => returned(unsafe { libc::syscall(libc::SYS_clock_settime, 0, null) }),
        ["personality", value] => returned(unsafe { libc::personality(number(value) as libc::c_ulong) }.into()),
        ["sethostname"] => returned(unsafe { libc::sethostname(c"probe".as_ptr(), 5) }.into()),
        ["vhangup"] => returned(unsafe { libc::syscall(libc::SYS_vhangup) }),
        ["ioctl", request] => ioctl(request),
        ["device-ioctl", path, request] => device_ioctl(path, request),
        ["shm-make", key] => {
            returned(unsafe { libc::shmget(number(key) as i32, 4096, libc::IPC_CREAT | 0o666) }.into())
        }
        ["shm-find", key] => returned(unsafe { libc::shmget(number(key) as i32, 0, 0) }.into()),
        ["shm-remove", key] => returned(unsafe {
            libc::shmctl(libc::shmget(number(key) as i32, 0, 0), libc::IPC_RMID, std::ptr::null_mut()).into()
        }),
        ["queue-make", name] => queue(name, libc::O_CREAT | libc::O_RDWR),
        ["queue-find", name] => queue(name, libc::O_RDWR),
        ["queue-remove", name] => {
            let name = c(name);
            returned(unsafe { libc::syscall(libc::SYS_mq_unlink, name.as_ptr()) })
        }
        ["ioctl-file", path, request] => match std::fs::File::open(path) {
            Ok(file) => {
                let (fd, flags) = (std::os::fd::AsRawFd::as_raw_fd(&file), [0_i32; 16]);
                returned(unsafe { libc::ioctl(fd, number(request) as _, flags.as_ptr()) }.into())
            }
            Err(error) => Err(error.raw_os_error().unwrap_or(0)),
        },
        ["shmget"] => {
            let id = unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, 0o600) };
            let outcome = returned(id.into());
            unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
            outcome
        }
        ["memfd-exec"] => memfd_exec(),
        ["listener"] => listener(),
        // SAFETY: with this flag the kernel wants a null pointer and no size.
        ["landlock"] => returned(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) }),
        ["capabilities"] => Ok(status("Cap")),
        ["no-new-privileges"] => Ok(status("NoNewPrivs")),
        _ => return None,
    })
}

fn mount_setattr(path: &str) -> Outcome {
    let path = c(path);
    // Clears read-only.
    let attributes: [u64; 4] = [0, 1, 0, 0];
    // SAFETY: a valid string, and attributes of the size that is told.
    returned(unsafe {
        libc::syscall(libc::SYS_mount_setattr, libc::AT_FDCWD, path.as_ptr(), 0x8000, attributes.as_ptr(), 32)
    })
}

fn clone(flags: i64) -> Outcome {
    // SAFETY: without `CLONE_VM` this is a fork, and the child leaves at once.
    unsafe {
        let pid = libc::syscall(libc::SYS_clone, flags | i64::from(libc::SIGCHLD), 0, 0, 0, 0);
        if pid == 0 {
            libc::_exit(0);
        }
        returned(pid)
    }
}

#[cfg(target_arch = "x86_64")]
fn int80_socket() -> Outcome {
    let result: i64;
    // SAFETY: `socket` of the 32-bit kind takes numbers only; the kernel keeps every other register.
    unsafe {
        std::arch::asm!(
            "push rbx", "mov ebx, 1", "int 0x80", "pop rbx",
            inout("rax") 359_i64 => result, in("rcx") 1_i64, in("rdx") 0_i64,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    let result = i64::from(result as i32);
    if result < 0 { Err(-result as i32) } else { Ok(String::new()) }
}

#[cfg(not(target_arch = "x86_64"))]
fn int80_socket() -> Outcome {
    Err(libc::ENOSYS)
}

fn io_uring() -> Outcome {
    let mut parameters = [0_u8; 120];
    // SAFETY: the parameters have the kernel's size.
    returned(unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) })
}

fn bpf() -> Outcome {
    // BPF_MAP_CREATE of an array with keys and values of four bytes.
    let attributes: [u32; 18] = [2, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: attributes of the size that is told.
    returned(unsafe { libc::syscall(libc::SYS_bpf, 0, attributes.as_ptr(), 72) })
}

fn perf() -> Outcome {
    // A software counter of this process: type 1, size 64, config 0, user space only.
    let mut attributes = [0_u64; 16];
    attributes[0] = 1 | (128 << 32);
    attributes[5] = 1 << 5 | 1 << 6;
    // SAFETY: attributes of the size that they tell.
    returned(unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0) })
}

fn handle(path: &str) -> Result<[u32; 34], i32> {
    let path = c(path);
    let mut handle = [0_u32; 34];
    handle[0] = 128;
    let mut mount = 0_i32;
    // SAFETY: the handle says how much room it has.
    let result = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            libc::AT_FDCWD,
            path.as_ptr(),
            handle.as_mut_ptr(),
            &raw mut mount,
            0,
        )
    };
    if result < 0 { Err(errno()) } else { Ok(handle) }
}

fn open_by_handle(path: &str) -> Outcome {
    let root = c("/");
    let mut made = handle(path).unwrap_or_else(|_| {
        // Without one: inode 2, the root of most file systems.
        let mut guess = [0_u32; 34];
        guess[..4].copy_from_slice(&[8, 1, 2, 0]);
        guess
    });
    // SAFETY: a valid string and a handle that says its size.
    unsafe {
        let fd = libc::open(root.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY);
        returned(libc::syscall(libc::SYS_open_by_handle_at, fd, made.as_mut_ptr(), libc::O_RDONLY))
    }
}

fn ioctl(request: &str) -> Outcome {
    let request = u64::from_str_radix(request.trim_start_matches("0x"), 16).unwrap_or(0);
    let mut byte = [b'x'; 64];
    let tty = c("/dev/tty");
    // SAFETY: the buffer is larger than any of the requests that are tried reads or writes. The raw call
    // keeps the upper half of the request, which the library would cut.
    unsafe {
        let opened = libc::open(tty.as_ptr(), libc::O_RDWR);
        let fd = if opened < 0 { 0 } else { opened };
        returned(libc::syscall(libc::SYS_ioctl, fd, request, byte.as_mut_ptr()))
    }
}

fn memfd_exec() -> Outcome {
    let program = std::fs::read("/bin/true").map_err(|_| libc::ENOENT)?;
    // SAFETY: valid strings; the arrays end with a null pointer; the child leaves.
    unsafe {
        let fd = libc::memfd_create(c"probe".as_ptr(), 0);
        if libc::write(fd, program.as_ptr().cast(), program.len()) < 0 {
            return Err(errno());
        }
        let pid = libc::fork();
        if pid == 0 {
            let argv = [c"true".as_ptr(), std::ptr::null()];
            libc::fexecve(fd, argv.as_ptr(), argv[1..].as_ptr());
            libc::_exit(errno());
        }
        let mut status = 0;
        libc::waitpid(pid, &raw mut status, 0);
        if libc::WEXITSTATUS(status) == 0 { Ok(String::new()) } else { Err(libc::WEXITSTATUS(status)) }
    }
}

/// Asks a device for what the upper bits of the number say it takes from us.
fn device_ioctl(path: &str, request: &str) -> Outcome {
    let request = u64::from_str_radix(request.trim_start_matches("0x"), 16).unwrap_or(0);
    let (path, mut zeros) = (c(path), [0_u8; 64]);
    // SAFETY: a valid string; the buffer of zeros is larger than any of the requests that are tried.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_RDONLY);
        if fd < 0 {
            return Err(errno());
        }
        returned(libc::syscall(libc::SYS_ioctl, fd, request, zeros.as_mut_ptr()))
    }
}

/// Opens a message queue, whose name has no slash here.
fn queue(name: &str, flags: i32) -> Outcome {
    let name = c(name);
    // SAFETY: a valid string; a null pointer means the usual attributes.
    returned(unsafe { libc::syscall(libc::SYS_mq_open, name.as_ptr(), flags, 0o600, std::ptr::null::<u8>()) })
}

/// Installs a filter of its own that allows everything, with a listener.
fn listener() -> Outcome {
    let allow = libc::sock_filter { code: 6, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    let program = libc::sock_fprog { len: 1, filter: (&raw const allow).cast_mut() };
    // SAFETY: a valid program of one instruction.
    returned(unsafe { libc::syscall(libc::SYS_seccomp, 1, 8, &raw const program) })
}

fn status(prefix: &str) -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with(prefix));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join("")).collect::<Vec<_>>().join(" ")
}
