use super::super::assemble::{Telling, assemble, assemble_brokered, assemble_closed};
use super::super::table::{self, Verdict};
use super::{brokered, rows, verdict};
use crate::sys::filter::Instruction;

/// Returns what the program says of a call, as the kernel runs it.
fn answer(program: &[Instruction], number: u32, arguments: [u64; 6]) -> u32 {
    let (mut at, mut accumulator) = (0_usize, 0_u32);
    loop {
        let Instruction { code, jump_true, jump_false, operand } = program[at];
        at += 1;
        let jump = |is_true: bool| usize::from(if is_true { jump_true } else { jump_false });
        match code {
            0x20 if operand == 0 => accumulator = number,
            0x20 if operand == 4 => accumulator = super::super::assemble::ARCHITECTURE,
            0x20 => {
                let argument = arguments[((operand - 16) / 8) as usize];
                accumulator = if operand.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 };
            }
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

/// Renders what a call gets.
fn check(number: i64, arguments: &[u64], expected: &str) {
    check_program(&assemble_closed(Telling::Nobody), (number, arguments), expected);
}

fn check_program(program: &[Instruction], (number, arguments): (i64, &[u64]), expected: &str) {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    let found = match answer(program, u32::try_from(number).unwrap(), all) {
        libc::SECCOMP_RET_ALLOW => "allowed".to_owned(),
        libc::SECCOMP_RET_USER_NOTIF => "asked".to_owned(),
        other => format!("fails with {}", other & libc::SECCOMP_RET_DATA),
    };
    assert_eq!(found, expected, "call {number} {arguments:x?}");
}

#[test]
fn what_namespaces_would_have_kept_apart_is_refused() {
    const JUNK: u64 = 0xffff_ffff_0000_0000;
    let refused = "fails with 1";
    for family in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_VSOCK, 44] {
        check(libc::SYS_socket, &[family as u64, 1, 0], refused);
    }
    for number in [libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_utimensat, libc::SYS_fsetxattr, 452, 463, 466, 469] {
        check(number, &[u64::MAX; 6], refused);
    }
    for request in [0x4008_6602, 0x401c_5820, 0x4008_7602, 0x4080_6685, 0x5400_0000, 0xc0de_5401] {
        check(libc::SYS_ioctl, &[0, request], refused);
        check(libc::SYS_ioctl, &[0, request | JUNK], refused);
    }
    check(libc::SYS_prlimit64, &[1, 7], refused);
    check(libc::SYS_setpriority, &[0, 1], refused);
    check(libc::SYS_setpriority, &[1, 0], refused);
    check(libc::SYS_ioprio_set, &[1, 7], refused);
    check(libc::SYS_ioprio_set, &[3, 0], refused);
    check(libc::SYS_fcntl, &[0, 1024 | JUNK], refused);
}

#[test]
fn what_programs_need_is_allowed() {
    for request in [0x5401, 0x5413, 0x541b, 0x5451, 0x2, 0x4004_9409] {
        check(libc::SYS_ioctl, &[0, request], "allowed");
    }
    check(libc::SYS_prlimit64, &[0, 7], "allowed");
    check(libc::SYS_setpriority, &[0, 0], "allowed");
    check(libc::SYS_ioprio_set, &[1, 0], "allowed");
    check(libc::SYS_sched_setaffinity, &[0, 8], "allowed");
    check(libc::SYS_fcntl, &[0, 4], "allowed");
    for number in [libc::SYS_openat, libc::SYS_execve, libc::SYS_socketpair, libc::SYS_clone, libc::SYS_sendmsg] {
        check(number, &[u64::MAX; 6], "allowed");
    }
}

/// With a broker the rows that it takes over are gone from this filter, and the table's ask it.
#[test]
fn a_broker_takes_rows_over() {
    let alone = assemble_closed(Telling::Nobody);
    let (closed, asking) = (assemble_closed(Telling::Supervisor), assemble_brokered(Telling::Supervisor));
    for number in [libc::SYS_socket, libc::SYS_fchmod, libc::SYS_utimensat, libc::SYS_fsetxattr, 452, 463, 469] {
        check_program(&alone, (number, &[0; 6]), "fails with 1");
        check_program(&closed, (number, &[0; 6]), "allowed");
        check_program(&asking, (number, &[0; 6]), "asked");
    }
    for number in [libc::SYS_mq_open, libc::SYS_shmget, libc::SYS_ioctl] {
        check_program(&closed, (number, &[u64::MAX; 6]), "fails with 1");
    }
    // Domains of one's own are the table's matter.
    for number in 444..=446 {
        for program in [&alone, &closed, &assemble(Telling::Nobody)] {
            check_program(program, (number, &[0; 6]), "allowed");
        }
        for program in [&asking, &assemble(Telling::Supervisor), &assemble(Telling::SupervisorOfReads)] {
            check_program(program, (number, &[0; 6]), "fails with 95");
        }
    }
}

#[test]
fn reading_asks_where_something_hidden_could_be_read() {
    const READS: u64 = libc::O_CLOEXEC as u64;
    const NAMES: u64 = libc::O_PATH as u64;
    let (writing, all) = (assemble_brokered(Telling::Supervisor), assemble_brokered(Telling::SupervisorOfReads));
    check_program(&writing, (libc::SYS_openat, &[0, 0, READS]), "allowed");
    check_program(&all, (libc::SYS_openat, &[0, 0, READS]), "asked");
    check_program(&all, (libc::SYS_openat, &[0, 0, NAMES]), "allowed");
    for number in [libc::SYS_openat2, libc::SYS_execve, libc::SYS_execveat] {
        check_program(&all, (number, &[0; 6]), "asked");
    }
    #[cfg(target_arch = "x86_64")]
    {
        check_program(&writing, (libc::SYS_open, &[0, READS]), "allowed");
        check_program(&all, (libc::SYS_open, &[0, READS]), "asked");
        check_program(&all, (libc::SYS_open, &[0, NAMES]), "allowed");
        check_program(&all, (libc::SYS_creat, &[0]), "asked");
    }
}

/// What the filter holds back the broker reads from the same rows.
#[test]
fn the_broker_reads_the_same_rows() {
    let arguments = [[0; 6], [1; 6], [2; 6], [u64::MAX; 6], [0, 0, libc::O_PATH as u64, 0, 0, 0]];
    for telling in [Telling::Supervisor, Telling::SupervisorOfReads] {
        let program = assemble_brokered(telling);
        for (number, arguments) in (0..=500).flat_map(|number| arguments.map(|arguments| (number, arguments))) {
            let is_asked = answer(&program, number, arguments) == libc::SECCOMP_RET_USER_NOTIF;
            let verdict = verdict(i32::try_from(number).unwrap(), &arguments);
            let is_checked = verdict == Verdict::Check && telling == Telling::SupervisorOfReads;
            let asks = is_checked || matches!(verdict, Verdict::Tell(_) | Verdict::Look | Verdict::Act);
            assert_eq!(is_asked, asks, "call {number} {arguments:x?}");
        }
        let mut numbers: Vec<i64> = brokered().map(|row| row.number).collect();
        numbers.sort_unstable();
        assert!(numbers.is_sorted_by(|left, right| left < right), "each once");
    }
}

#[test]
fn calls_in_no_row_are_the_first_filters_matter() {
    for telling in [Telling::Nobody, Telling::Supervisor] {
        let program = assemble_closed(telling);
        let numbers: Vec<i64> = rows(telling).map(|row| row.number).collect();
        for number in (0..=1024).filter(|number| !numbers.contains(&i64::from(*number))) {
            assert_eq!(answer(&program, number, [u64::MAX; 6]), libc::SECCOMP_RET_ALLOW, "call {number}");
        }
    }
}

/// A supervisor would be asked about a call that this filter has answered already, and so never is.
#[test]
fn no_row_refuses_what_the_first_filter_refuses_whatever_it_carries() {
    for row in rows(Telling::Supervisor) {
        let number = i32::try_from(row.number).unwrap();
        let found = table::verdict(number, &[0; 6]);
        assert!(!matches!(found, Verdict::Tell(_) | Verdict::Act), "{}", row.name);
    }
}
