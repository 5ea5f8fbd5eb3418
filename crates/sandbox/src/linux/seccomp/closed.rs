//! What is refused besides where there are no namespaces: everything that they would have kept from the host.
//!
//! These rows are a filter of their own over the table's, so that nobody is asked about them. A broker that answers some
//! of these calls itself takes their rows from here, and has the table's other rows for what it is told of besides.

use libc::EPERM;

use super::assemble::Telling;
use super::table::{self, Case, Row, Test, Verdict, case, low, masked};

const REFUSED: &[Case] = &[case(&[], Verdict::Quiet(EPERM))];
const TOLD: &[Case] = &[case(&[], Verdict::Tell(EPERM))];

/// The calling process alone: the number of another one is refused.
const OWN: &[Case] = &[case(&[low(0, Test::IsNot, 0)], Verdict::Quiet(EPERM))];
/// The same, where the first argument says what the number means, and 0 is a process.
const OWN_PRIORITY: &[Case] =
    &[case(&[low(0, Test::IsNot, 0)], Verdict::Quiet(EPERM)), case(&[low(1, Test::IsNot, 0)], Verdict::Quiet(EPERM))];
/// The same, where 1 is a process.
const OWN_DISK_PRIORITY: &[Case] =
    &[case(&[low(0, Test::IsNot, 1)], Verdict::Quiet(EPERM)), case(&[low(1, Test::IsNot, 0)], Verdict::Quiet(EPERM))];

/// Requests to files and terminals that change nothing but the descriptor, its data or the terminal itself. A
/// file's flags could be changed through a descriptor for reading.
const IOCTL: &[Case] = &[
    case(&[masked(1, 0xffff_ff00, Test::Is, 0x5400)], Verdict::Allow), // terminals, FIONREAD, FIOCLEX
    case(&[low(1, Test::Is, 0x8004_5430)], Verdict::Allow),            // TIOCGPTN
    case(&[low(1, Test::Is, 0x2)], Verdict::Allow),                    // FIGETBSZ
    case(&[low(1, Test::Is, 0x8008_6601)], Verdict::Allow),            // FS_IOC_GETFLAGS
    case(&[low(1, Test::Is, 0xc020_660b)], Verdict::Allow),            // FS_IOC_FIEMAP
    case(&[low(1, Test::Is, 0x4004_9409)], Verdict::Allow),            // FICLONE, which wants write access
    case(&[low(1, Test::Is, 0x4020_940d)], Verdict::Allow),            // FICLONERANGE, the same
    case(&[], Verdict::Quiet(EPERM)),
];

/// A lease on a file that can be read holds the host's writers back: F_SETLEASE, F_NOTIFY.
const FCNTL: &[Case] =
    &[case(&[low(1, Test::Is, 1024)], Verdict::Quiet(EPERM)), case(&[low(1, Test::Is, 1026)], Verdict::Quiet(EPERM))];

macro_rules! rows {
    ($($name:ident $cases:ident,)+) => {
        &[$(Row { number: libc::$name, name: stringify!($name), cases: $cases },)+]
    };
}

/// The rows that a broker takes over.
const TAKEN_ROWS: &[Row] = rows! {
    // The network, and the host's services.
    SYS_socket REFUSED,
    // Files of any owner's own: their attributes are outside of what Landlock knows.
    SYS_fchmod REFUSED,
    SYS_fchmodat REFUSED,
    SYS_fchown REFUSED,
    SYS_fchownat REFUSED,
    SYS_utimensat REFUSED,
    SYS_setxattr REFUSED,
    SYS_lsetxattr REFUSED,
    SYS_fsetxattr REFUSED,
    SYS_removexattr REFUSED,
    SYS_lremovexattr REFUSED,
    SYS_fremovexattr REFUSED,
};

/// The rows that every architecture has.
const ROWS: &[Row] = rows! {
    SYS_ioctl IOCTL,
    SYS_fcntl FCNTL,
    // What the host's processes share.
    SYS_shmget REFUSED,
    SYS_shmat REFUSED,
    SYS_shmctl REFUSED,
    SYS_msgget REFUSED,
    SYS_msgsnd REFUSED,
    SYS_msgrcv REFUSED,
    SYS_msgctl REFUSED,
    SYS_semget REFUSED,
    SYS_semop REFUSED,
    SYS_semtimedop REFUSED,
    SYS_semctl REFUSED,
    SYS_mq_open REFUSED,
    SYS_mq_unlink REFUSED,
    // Other processes.
    SYS_prlimit64 OWN,
    SYS_setpriority OWN_PRIORITY,
    SYS_ioprio_set OWN_DISK_PRIORITY,
    SYS_sched_setparam OWN,
    SYS_sched_setscheduler OWN,
    SYS_sched_setattr OWN,
    SYS_sched_setaffinity OWN,
};

/// The rows that have the same number on every architecture, which `libc` does not name everywhere, and a broker takes
/// over.
const LATE_ROWS: &[Row] = &[
    Row { number: 452, name: "SYS_fchmodat2", cases: REFUSED },
    Row { number: 463, name: "SYS_setxattrat", cases: REFUSED },
    Row { number: 466, name: "SYS_removexattrat", cases: REFUSED },
    Row { number: 469, name: "SYS_file_setattr", cases: REFUSED },
];

/// The rows of this architecture that a broker takes over.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE_ROWS: &[Row] = rows! {
    SYS_chmod REFUSED,
    SYS_chown REFUSED,
    SYS_lchown REFUSED,
    SYS_utime REFUSED,
    SYS_utimes REFUSED,
    SYS_futimesat REFUSED,
};
/// The rows of this architecture that a broker takes over.
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE_ROWS: &[Row] = &[];

/// Returns every row that is refused without asking.
pub(super) fn rows(telling: Telling) -> impl Iterator<Item = &'static Row> {
    let taken = match telling {
        Telling::Nobody => [TAKEN_ROWS, LATE_ROWS, ARCHITECTURE_ROWS],
        Telling::Supervisor | Telling::SupervisorOfReads => [[].as_slice(); 3],
    };
    ROWS.iter().chain(taken.into_iter().flatten())
}

/// The row that stands in place of the table's: sockets are refused, and that is told.
const SOCKET: Row = Row { number: libc::SYS_socket, name: "SYS_socket", cases: TOLD };

/// Returns the table's rows as they are for a broker where there are no namespaces.
pub(super) fn brokered() -> impl Iterator<Item = &'static Row> {
    table::rows().map(|row| if row.number == SOCKET.number { &SOCKET } else { row })
}

/// Returns what a call gets where there are no namespaces.
pub(crate) fn verdict(number: i32, arguments: &[u64; 6]) -> Verdict {
    if i64::from(number) == SOCKET.number { SOCKET.verdict(arguments) } else { table::verdict(number, arguments) }
}

#[cfg(test)]
mod tests;
