//! The program against the table, in an interpreter: every call, every architecture, arguments at each
//! condition's edge.

mod abis;

use super::assemble::{ARCHITECTURE, Telling, assemble};
use super::table::{NEWEST, Verdict, X32, rows, verdict};
use crate::sys::filter::Instruction;

/// What the kernel gives a filter.
struct Data {
    number: u32,
    architecture: u32,
    arguments: [u64; 6],
}

impl Data {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.architecture,
            16..64 if offset.is_multiple_of(4) => {
                let argument = self.arguments[((offset - 16) / 8) as usize];
                if offset.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
            }
            _ => panic!("reads at {offset}"),
        }
    }
}

/// Runs a program as the kernel does.
fn interpret(program: &[Instruction], data: &Data) -> u32 {
    let (mut at, mut accumulator) = (0_usize, 0_u32);
    loop {
        let Instruction { code, jump_true, jump_false, operand } = program[at];
        at += 1;
        let jump = |is_true: bool| usize::from(if is_true { jump_true } else { jump_false });
        match code {
            0x20 => accumulator = data.word(operand),
            0x54 => accumulator &= operand,
            0x05 => at += operand as usize,
            0x15 => at += jump(accumulator == operand),
            0x25 => at += jump(accumulator > operand),
            0x45 => at += jump(accumulator & operand != 0),
            0x06 => return operand,
            other => panic!("no such instruction: {other:#x}"),
        }
    }
}

fn expected(number: u32, arguments: &[u64; 6], telling: Telling) -> u32 {
    match (verdict(number.cast_signed(), arguments), telling) {
        (Verdict::Allow, _)
        | (Verdict::Look | Verdict::Act | Verdict::Check | Verdict::Apart(_), Telling::Nobody)
        | (Verdict::Check, Telling::Supervisor) => libc::SECCOMP_RET_ALLOW,
        (Verdict::Quiet(errno) | Verdict::Apart(errno), _) | (Verdict::Tell(errno), Telling::Nobody) => {
            libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
        }
        (Verdict::Tell(_) | Verdict::Look | Verdict::Act | Verdict::Check, _) => libc::SECCOMP_RET_USER_NOTIF,
    }
}

/// Values at which some condition turns, each with junk above.
fn values() -> Vec<u64> {
    let edges = [
        0, 1, 2, 3, 5, 6, 9, 10, 15, 16, 17, 38, 40, 262, 0x80, 0x5411, 0x5412, 0x541c, 0x541d, 0x5423, 0x6f04, 0x6602,
        0x5820, 0x6617, 0x6618, 0x6619,
    ];
    let flags = [0x1000_0000, 0x0002_0000, 0x4000_0000, 0x0080_0000, 0x80801, 0x80802, 0x1200_0000, 0xffff_ffff];
    let requests = [0x4004_9409, 0x4020_940d, 0xc018_9436, 0x5000_940e, 0x4020_bc10, 0x4018_6f04, 0x0020_0041];
    let low: Vec<u64> = edges.into_iter().chain(flags).chain(requests).collect();
    low.iter().flat_map(|value| [*value, value | 1 << 32, value | 0xffff_ffff_0000_0000]).collect()
}

#[test]
fn program_does_what_the_table_says() {
    for telling in [Telling::Supervisor, Telling::SupervisorOfReads, Telling::Nobody] {
        let program = assemble(telling);
        for number in (0..=NEWEST + 600).chain([u32::MAX, u32::MAX - 1, 0x3fff_ffff]) {
            if number & X32 != 0 && number != u32::MAX {
                continue;
            }
            for value in values() {
                for other in [0, 1, 2, 5, 16, u64::MAX] {
                    for arguments in
                        [[value, other, 0, 0, other, 0], [other, value, 6, 0, value, 0], [2, 1, value, 0, 0, 0]]
                    {
                        let data = Data { number, architecture: ARCHITECTURE, arguments };
                        let found = interpret(&program, &data);
                        assert_eq!(found, expected(number, &arguments, telling), "call {number} {arguments:x?}");
                    }
                }
            }
        }
    }
}

#[test]
fn where_sockets_are_named_streams_are_made_and_every_connection_is_asked_for() {
    let program = super::assemble_named(Telling::Supervisor);
    let of = |number: i64, arguments| {
        let data = Data { number: number as u32, architecture: ARCHITECTURE, arguments };
        let found = interpret(&program, &data);
        let verdict = super::verdict_named(number as i32, &arguments);
        (found, verdict)
    };
    let (unix, inet) = (libc::AF_UNIX as u64, libc::AF_INET as u64);
    let stream = (libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) as u64;
    let allowed = (libc::SECCOMP_RET_ALLOW, Verdict::Allow);
    let asked = |verdict| (libc::SECCOMP_RET_USER_NOTIF, verdict);
    assert_eq!(of(libc::SYS_socket, [unix, stream, 0, 0, 0, 0]), allowed);
    assert_eq!(of(libc::SYS_socket, [unix | 1 << 32, stream | 1 << 32, 0, 0, 0, 0]), allowed);
    for kind in [libc::SOCK_DGRAM, libc::SOCK_SEQPACKET, libc::SOCK_RAW] {
        assert_eq!(of(libc::SYS_socket, [unix, kind as u64, 0, 0, 0, 0]), asked(Verdict::Tell(libc::EPERM)));
    }
    assert_eq!(of(libc::SYS_socket, [inet, stream, 0, 0, 0, 0]), allowed);
    assert_eq!(of(libc::SYS_connect, [0; 6]), asked(Verdict::Act));
    // Everything else is as it was.
    for number in (0..=NEWEST + 1).filter(|number| ![libc::SYS_socket, libc::SYS_connect].contains(&i64::from(*number)))
    {
        for arguments in [[0; 6], [1, 2, 0, 0, 1, 0], [u64::MAX; 6]] {
            let data = Data { number, architecture: ARCHITECTURE, arguments };
            assert_eq!(interpret(&program, &data), expected(number, &arguments, Telling::Supervisor));
        }
    }
}

#[test]
fn other_architectures_are_killed() {
    // i386, arm, s390x, riscv64 and the two that we build for.
    let all = [0x4000_0003, 0x4000_0028, 0x8000_0016, 0xc000_00f3, 0xc000_003e, 0xc000_00b7];
    let program = assemble(Telling::Supervisor);
    for architecture in all.into_iter().filter(|architecture| *architecture != ARCHITECTURE) {
        for number in 0..=1024 {
            let data = Data { number, architecture, arguments: [0; 6] };
            assert_eq!(interpret(&program, &data), libc::SECCOMP_RET_KILL_PROCESS);
        }
    }
    for number in 0..=1024 {
        let data = Data { number: number | X32, architecture: ARCHITECTURE, arguments: [0; 6] };
        assert_eq!(interpret(&program, &data), libc::SECCOMP_RET_KILL_PROCESS);
    }
}

#[test]
fn programs_fit_and_jump_forward_inside() {
    for telling in [Telling::Supervisor, Telling::SupervisorOfReads, Telling::Nobody] {
        let program = assemble(telling);
        assert!(program.len() < 4096);
        for (at, instruction) in program.iter().enumerate().filter(|(_, instruction)| instruction.code & 7 == 5) {
            let near = instruction.jump_true.max(instruction.jump_false);
            let far = if instruction.code == 0x05 { instruction.operand as usize } else { usize::from(near) };
            assert!(near < u8::MAX && at + far + 1 < program.len());
        }
    }
}

#[test]
fn no_call_has_two_rows() {
    let mut numbers: Vec<i64> = rows().map(|row| row.number).collect();
    numbers.sort_unstable();
    let count = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), count);
}

#[test]
fn what_programs_need_is_allowed() {
    for number in [libc::SYS_read, libc::SYS_write, libc::SYS_futex, libc::SYS_sendmsg, libc::SYS_bind] {
        assert_eq!(verdict(number as i32, &[u64::MAX; 6]), Verdict::Allow);
    }
    // Opening for reading is nobody's business, unless it is checked; listing never is. For writing it is the broker's.
    let reading = (libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOATIME) as u64;
    assert_eq!(verdict(libc::SYS_openat as i32, &[0, 0, reading, 0, 0, 0]), Verdict::Check);
    let listing = reading | libc::O_DIRECTORY as u64;
    assert_eq!(verdict(libc::SYS_openat as i32, &[0, 0, listing, 0, 0, 0]), Verdict::Allow);
    for flag in [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC, libc::O_TMPFILE, libc::O_ACCMODE] {
        assert_eq!(verdict(libc::SYS_openat as i32, &[0, 0, flag as u64, 0, 0, 0]), Verdict::Act);
        let junk = flag as u64 | 0xffff_ffff_0000_0000;
        assert_eq!(verdict(libc::SYS_openat as i32, &[0, 0, junk, 0, 0, 0]), Verdict::Act);
    }
    // What only names a file writes nothing, whatever else it says.
    let naming = (libc::O_PATH | libc::O_CREAT | libc::O_RDWR) as u64;
    assert_eq!(verdict(libc::SYS_openat as i32, &[0, 0, naming, 0, 0, 0]), Verdict::Allow);
    // Copies that share blocks are ordinary; subvolumes and snapshots would make names.
    for (request, expected) in [
        (0x4004_9409, Verdict::Allow),
        (0x5000_940e, Verdict::Tell(libc::EPERM)),
        (0x5000_9401, Verdict::Tell(libc::EPERM)),
        (0x4018_6f04, Verdict::Tell(libc::EPERM)),
        (0x4008_6602, Verdict::Tell(libc::EPERM)),
        (0x4004_6602, Verdict::Tell(libc::EPERM)),
        (0x401c_5820, Verdict::Tell(libc::EPERM)),
        (0xc050_6617, Verdict::Tell(libc::EPERM)),
        (0xc040_6618, Verdict::Tell(libc::EPERM)),
        (0xc040_6619, Verdict::Tell(libc::EPERM)),
        (0xc080_661a, Verdict::Allow),
        (0x8008_6601, Verdict::Allow),
        (0x801c_581f, Verdict::Allow),
        (0xc020_660b, Verdict::Allow),
    ] {
        assert_eq!(verdict(libc::SYS_ioctl as i32, &[3, request, 0, 0, 0, 0]), expected);
        assert_eq!(verdict(libc::SYS_ioctl as i32, &[3, request | 1 << 40, 0, 0, 0, 0]), expected);
    }
    // A thread, as libraries make it.
    assert_eq!(verdict(libc::SYS_clone as i32, &[0x003d_0f00, 0, 0, 0, 0, 0]), Verdict::Allow);
}
