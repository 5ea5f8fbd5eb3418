//! A container's usual filter, for a launcher that must do without namespaces.

use std::os::unix::process::CommandExt;

use crate::{Outcome, errno, returned};

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_BITS: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Calls that such a filter refuses without the right to administer the system.
const REFUSED: [i64; 17] = [
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
];

/// Every flag of `clone` that makes a namespace.
const NAMESPACES: u32 = 0x7e02_0000;

/// Runs a program under a filter, if that is what the words ask for: a container's, one under which nobody reads another
/// process's memory by call or by file, one that refuses the call alone, or one with a supervisor that never answers, which is never asked.
pub(crate) fn attempt(words: &[&str]) -> Option<Outcome> {
    let [filter, program, arguments @ ..] = words else { return None };
    let installed = match *filter {
        "in-a-container" => install(&REFUSED, 0),
        "blind" => install(&[libc::SYS_process_vm_readv, libc::SYS_preadv], 0),
        "without-readv" => install(&[libc::SYS_process_vm_readv], 0),
        "supervised" => install(&[], libc::SECCOMP_FILTER_FLAG_NEW_LISTENER),
        _ => return None,
    };
    Some(installed.and_then(|_| {
        let error = std::process::Command::new(program).args(arguments).exec();
        Err(error.raw_os_error().unwrap_or(0))
    }))
}

fn install(refused: &[i64], flags: libc::c_ulong) -> Outcome {
    let refuse = |errno: i32| libc::SECCOMP_RET_ERRNO | errno as u32;
    let plain = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let unless = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    let mut program = vec![plain(LOAD, 0)];
    for number in refused {
        program.extend([unless(JUMP_EQUAL, *number as u32, 1), plain(RETURN, refuse(libc::EPERM))]);
    }
    // What has its flags in memory cannot be looked at, so that the library must do without.
    program.extend([unless(JUMP_EQUAL, libc::SYS_clone3 as u32, 1), plain(RETURN, refuse(libc::ENOSYS))]);
    program.extend([unless(JUMP_EQUAL, libc::SYS_clone as u32, 3), plain(LOAD, 16)]);
    program.extend([unless(JUMP_BITS, NAMESPACES, 1), plain(RETURN, refuse(libc::EPERM))]);
    program.push(plain(RETURN, libc::SECCOMP_RET_ALLOW));
    let whole = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: numbers, and a program that is valid for the call.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 {
            return Err(errno());
        }
        let listener = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const whole);
        // The supervisor is there for as long as somebody has this open.
        if listener > 0 && libc::dup(listener as i32) < 0 {
            return Err(errno());
        }
        returned(listener)
    }
}
