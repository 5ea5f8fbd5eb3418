//! What each system call gets: data, and the plain reading of it that the tests and the supervisor use.

use libc::{EAFNOSUPPORT, ENOSYS, EOPNOTSUPP, EPERM, EPROTONOSUPPORT};

/// What a call gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes ahead.
    Allow,
    /// It fails, and nobody is told: programs try it and do without.
    Quiet(i32),
    /// The same where a broker acts; elsewhere it goes ahead.
    Apart(i32),
    /// It fails, and the report tells.
    Tell(i32),
    /// The broker looks at the address that it carries; nothing is refused by this filter.
    Look,
    /// The broker does it in the caller's place, if the rules let it.
    Act,
    /// The same where openings for reading are checked; elsewhere it goes ahead.
    Check,
}

/// A condition on the low or high half of an argument. The kernel reads `int` arguments from the low
/// half, so junk in the high half must not matter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition {
    pub(super) argument: u8,
    pub(super) half: Half,
    pub(super) mask: u32,
    pub(super) test: Test,
    pub(super) value: u32,
}

/// Half of an argument.
#[derive(Debug, Clone, Copy)]
pub(super) enum Half {
    Low,
    High,
}

/// How the masked half must compare.
#[derive(Debug, Clone, Copy)]
pub(super) enum Test {
    Is,
    IsNot,
}

/// A verdict that holds when all its conditions do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) conditions: &'static [Condition],
    pub(super) verdict: Verdict,
}

/// A call with its cases: the first that holds decides, and a call without one is allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) name: &'static str,
    pub(super) cases: &'static [Case],
}

pub(super) const fn low(argument: u8, test: Test, value: u32) -> Condition {
    Condition { argument, half: Half::Low, mask: u32::MAX, test, value }
}

pub(super) const fn masked(argument: u8, mask: u32, test: Test, value: u32) -> Condition {
    Condition { argument, half: Half::Low, mask, test, value }
}

pub(super) const fn case(conditions: &'static [Condition], verdict: Verdict) -> Case {
    Case { conditions, verdict }
}

const REFUSED: &[Case] = &[case(&[], Verdict::Tell(EPERM))];
const ABSENT: &[Case] = &[case(&[], Verdict::Quiet(ENOSYS))];

/// Every namespace flag that `clone` takes; the lowest byte is a signal there.
const CLONE_NAMESPACES: u32 = 0x7e02_0000;
/// Every namespace flag that `unshare` takes: those, and `CLONE_NEWTIME`.
const UNSHARE_NAMESPACES: u32 = CLONE_NAMESPACES | 0x80;

const CLONE: &[Case] = &[case(&[masked(0, CLONE_NAMESPACES, Test::IsNot, 0)], Verdict::Tell(EPERM))];
const UNSHARE: &[Case] = &[case(&[masked(0, UNSHARE_NAMESPACES, Test::IsNot, 0)], Verdict::Tell(EPERM))];

pub(super) const UNIX: u32 = libc::AF_UNIX.cast_unsigned();
const INET: u32 = libc::AF_INET.cast_unsigned();
const INET6: u32 = libc::AF_INET6.cast_unsigned();
const NETLINK: u32 = libc::AF_NETLINK.cast_unsigned();
pub(super) const STREAM: u32 = libc::SOCK_STREAM.cast_unsigned();
const DATAGRAM: u32 = libc::SOCK_DGRAM.cast_unsigned();
const SEQPACKET: u32 = libc::SOCK_SEQPACKET.cast_unsigned();
/// The bits of `socket`'s second argument that are the type; the others are flags.
pub(super) const TYPE: u32 = 0xf;
const TCP: u32 = libc::IPPROTO_TCP.cast_unsigned();
const UDP: u32 = libc::IPPROTO_UDP.cast_unsigned();
const MPTCP: u32 = libc::IPPROTO_MPTCP.cast_unsigned();

/// TCP, UDP and routing queries. A Unix socket could reach the host's services by path, whatever is
/// mounted how, so none can be made.
pub(super) const SOCKET_CASES: [Case; 7] = [
    case(&[low(0, Test::Is, UNIX)], Verdict::Tell(EPERM)),
    case(&[low(0, Test::Is, NETLINK), low(2, Test::IsNot, 0)], Verdict::Tell(EPERM)),
    case(&[low(0, Test::Is, NETLINK)], Verdict::Allow),
    case(&[low(0, Test::IsNot, INET), low(0, Test::IsNot, INET6)], Verdict::Tell(EAFNOSUPPORT)),
    case(&[masked(1, TYPE, Test::IsNot, STREAM), masked(1, TYPE, Test::IsNot, DATAGRAM)], Verdict::Tell(EPERM)),
    case(&[low(2, Test::Is, MPTCP)], Verdict::Quiet(EPROTONOSUPPORT)),
    case(&[low(2, Test::IsNot, 0), low(2, Test::IsNot, TCP), low(2, Test::IsNot, UDP)], Verdict::Tell(EPROTONOSUPPORT)),
];

const SOCKET: &[Case] = &SOCKET_CASES;

/// A connected pair reaches nobody else, unless it takes an address with every datagram.
const SOCKETPAIR: &[Case] = &[
    case(&[low(0, Test::IsNot, UNIX)], Verdict::Tell(EPERM)),
    case(&[masked(1, TYPE, Test::IsNot, STREAM), masked(1, TYPE, Test::IsNot, SEQPACKET)], Verdict::Tell(EPERM)),
];

/// The bits of a request that say whose it is.
const REQUESTED_OF: u32 = 0xff00;

/// The bits of a request that say whose it is and which, without its direction and size.
const REQUEST: u32 = 0xffff;

/// Requests that put input into a terminal or change what is behind one; and those of file systems that make or
/// remove a name in a directory that is open for reading, which neither the broker nor Landlock would see.
const IOCTL: &[Case] = &[
    case(&[low(1, Test::Is, 0x4004_9409)], Verdict::Allow), // FICLONE
    case(&[low(1, Test::Is, 0x4020_940d)], Verdict::Allow), // FICLONERANGE
    case(&[low(1, Test::Is, 0xc018_9436)], Verdict::Allow), // FIDEDUPERANGE
    case(&[masked(1, REQUESTED_OF, Test::Is, 0x9400)], Verdict::Tell(EPERM)), // Btrfs: subvolumes and snapshots
    case(&[masked(1, REQUESTED_OF, Test::Is, 0xbc00)], Verdict::Tell(EPERM)), // bcachefs: the same
    case(&[masked(1, REQUEST, Test::Is, 0x6f04)], Verdict::Tell(EPERM)), // OCFS2_IOC_REFLINK
    // Flags, attributes, keys and versions of a file that is open for reading: FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR and theirs.
    case(&[masked(1, REQUEST, Test::Is, 0x6602)], Verdict::Tell(EPERM)), // FS_IOC_SETFLAGS
    case(&[masked(1, REQUEST, Test::Is, 0x5820)], Verdict::Tell(EPERM)), // FS_IOC_FSSETXATTR
    case(&[masked(1, REQUEST, Test::Is, 0x7602)], Verdict::Tell(EPERM)), // FS_IOC_SETVERSION
    case(&[masked(1, REQUEST, Test::Is, 0x6604)], Verdict::Tell(EPERM)), // its older number
    case(&[masked(1, REQUEST, Test::Is, 0x6609)], Verdict::Tell(EPERM)), // EXT4_IOC_MIGRATE
    case(&[masked(1, REQUEST, Test::Is, 0x6613)], Verdict::Tell(EPERM)), // FS_IOC_SET_ENCRYPTION_POLICY
    // Keys of a file system of the host's: whoever takes one away closes the files of the user's other programs.
    case(&[masked(1, REQUEST, Test::Is, 0x6617)], Verdict::Tell(EPERM)), // FS_IOC_ADD_ENCRYPTION_KEY
    case(&[masked(1, REQUEST, Test::Is, 0x6618)], Verdict::Tell(EPERM)), // FS_IOC_REMOVE_ENCRYPTION_KEY
    case(&[masked(1, REQUEST, Test::Is, 0x6619)], Verdict::Tell(EPERM)), // the same for all users
    case(&[masked(1, REQUEST, Test::Is, 0x6685)], Verdict::Tell(EPERM)), // FS_IOC_ENABLE_VERITY
    case(&[masked(1, REQUEST, Test::Is, 0x7211)], Verdict::Tell(EPERM)), // FAT_IOCTL_SET_ATTRIBUTES
    case(&[low(1, Test::Is, 0x5412)], Verdict::Tell(EPERM)),             // TIOCSTI
    case(&[low(1, Test::Is, 0x541c)], Verdict::Tell(EPERM)),             // TIOCLINUX
    case(&[low(1, Test::Is, 0x5423)], Verdict::Tell(EPERM)),             // TIOCSETD
    case(&[low(1, Test::Is, 0x541d)], Verdict::Tell(EPERM)),             // TIOCCONS
];

/// Asking, and Linux as it is, and nothing else.
const PERSONALITY: &[Case] = &[case(&[low(0, Test::IsNot, u32::MAX), low(0, Test::IsNot, 0)], Verdict::Tell(EPERM))];

const CONNECT: &[Case] = &[case(&[], Verdict::Look)];
/// Only with an address: the fifth argument is not null.
const SENDTO: &[Case] = &[
    case(&[low(4, Test::IsNot, 0)], Verdict::Look),
    case(&[Condition { argument: 4, half: Half::High, mask: u32::MAX, test: Test::IsNot, value: 0 }], Verdict::Look),
];

/// As if the kernel ran without it: what is opened by a broker is opened outside of the caller's own domain, so that
/// nobody can rely on one.
const LANDLOCK: &[Case] = &[case(&[], Verdict::Apart(EOPNOTSUPP))];

const BROKERED: &[Case] = &[case(&[], Verdict::Act)];
/// Every flag with which opening a file may write or make it.
const WRITES: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC).cast_unsigned() | UNNAMED;
/// The bit that `O_TMPFILE` has besides `O_DIRECTORY`.
const UNNAMED: u32 = (libc::O_TMPFILE & !libc::O_DIRECTORY).cast_unsigned();
/// With it every other flag counts for nothing: the file can be named, and nothing of it is written or made.
const NAMES_ONLY: u32 = libc::O_PATH.cast_unsigned();
/// With it nothing but a directory can be opened: names are seen, and nothing that a file holds.
const LISTS_ONLY: u32 = libc::O_DIRECTORY.cast_unsigned();
const OPENAT: &[Case] = &[
    case(&[masked(2, NAMES_ONLY, Test::IsNot, 0)], Verdict::Allow),
    case(&[masked(2, WRITES, Test::IsNot, 0)], Verdict::Act),
    case(&[masked(2, LISTS_ONLY, Test::IsNot, 0)], Verdict::Allow),
    case(&[], Verdict::Check),
];
#[cfg(target_arch = "x86_64")]
const OPEN: &[Case] = &[
    case(&[masked(1, NAMES_ONLY, Test::IsNot, 0)], Verdict::Allow),
    case(&[masked(1, WRITES, Test::IsNot, 0)], Verdict::Act),
    case(&[masked(1, LISTS_ONLY, Test::IsNot, 0)], Verdict::Allow),
    case(&[], Verdict::Check),
];

macro_rules! rows {
    ($($name:ident $cases:ident,)+) => {
        &[$(Row { number: libc::$name, name: stringify!($name), cases: $cases },)+]
    };
}

/// The rows that every architecture has. Calls that are in no row are allowed.
pub(super) const ROWS: &[Row] = rows! {
    // Namespaces and roots.
    SYS_clone3 ABSENT,
    SYS_clone CLONE,
    SYS_unshare UNSHARE,
    SYS_setns REFUSED,
    SYS_chroot REFUSED,
    SYS_pivot_root REFUSED,
    // Mounts.
    SYS_mount REFUSED,
    SYS_umount2 REFUSED,
    SYS_open_tree REFUSED,
    SYS_move_mount REFUSED,
    SYS_fsopen REFUSED,
    SYS_fsconfig REFUSED,
    SYS_fsmount REFUSED,
    SYS_fspick REFUSED,
    SYS_mount_setattr REFUSED,
    // Other processes.
    SYS_ptrace REFUSED,
    SYS_process_vm_readv REFUSED,
    SYS_process_vm_writev REFUSED,
    SYS_process_madvise REFUSED,
    SYS_pidfd_getfd REFUSED,
    SYS_kcmp REFUSED,
    SYS_migrate_pages REFUSED,
    SYS_move_pages REFUSED,
    // Wide doors into the kernel.
    SYS_bpf REFUSED,
    SYS_perf_event_open REFUSED,
    SYS_userfaultfd REFUSED,
    SYS_io_uring_setup ABSENT,
    SYS_io_uring_enter ABSENT,
    SYS_io_uring_register ABSENT,
    // Keys.
    SYS_add_key REFUSED,
    SYS_request_key REFUSED,
    SYS_keyctl REFUSED,
    // Files by number, and watching all of them.
    SYS_open_by_handle_at REFUSED,
    SYS_name_to_handle_at REFUSED,
    SYS_fanotify_init REFUSED,
    SYS_fanotify_mark REFUSED,
    // The machine.
    SYS_init_module REFUSED,
    SYS_finit_module REFUSED,
    SYS_delete_module REFUSED,
    SYS_kexec_load REFUSED,
    SYS_kexec_file_load REFUSED,
    SYS_reboot REFUSED,
    SYS_swapon REFUSED,
    SYS_swapoff REFUSED,
    SYS_acct REFUSED,
    SYS_quotactl REFUSED,
    SYS_quotactl_fd REFUSED,
    SYS_settimeofday REFUSED,
    SYS_clock_settime REFUSED,
    SYS_clock_adjtime REFUSED,
    SYS_adjtimex REFUSED,
    SYS_vhangup REFUSED,
    SYS_syslog REFUSED,
    SYS_lookup_dcookie REFUSED,
    SYS_sethostname REFUSED,
    SYS_setdomainname REFUSED,
    SYS_personality PERSONALITY,
    // Terminals and sockets.
    SYS_ioctl IOCTL,
    SYS_socket SOCKET,
    SYS_socketpair SOCKETPAIR,
    SYS_connect CONNECT,
    SYS_sendto SENDTO,
    // Files, by name. `openat2` says what it wants in memory, which no filter reads: as if there was none.
    SYS_openat OPENAT,
    SYS_openat2 BROKERED,
    SYS_mkdirat BROKERED,
    SYS_mknodat BROKERED,
    SYS_symlinkat BROKERED,
    SYS_unlinkat BROKERED,
    SYS_renameat BROKERED,
    SYS_renameat2 BROKERED,
    SYS_linkat BROKERED,
    SYS_truncate BROKERED,
    SYS_fchmod BROKERED,
    SYS_fchmodat BROKERED,
    SYS_fchown BROKERED,
    SYS_fchownat BROKERED,
    SYS_utimensat BROKERED,
    SYS_setxattr BROKERED,
    SYS_lsetxattr BROKERED,
    SYS_fsetxattr BROKERED,
    SYS_removexattr BROKERED,
    SYS_lremovexattr BROKERED,
    SYS_fremovexattr BROKERED,
    // Which rights new files get; the broker must know when that changes.
    SYS_umask BROKERED,
    SYS_landlock_create_ruleset LANDLOCK,
    SYS_landlock_add_rule LANDLOCK,
    SYS_landlock_restrict_self LANDLOCK,
    // Programs.
    SYS_execve BROKERED,
    SYS_execveat BROKERED,
};

/// The number of `fchmodat2` on every architecture.
pub(crate) const FCHMODAT2: i64 = 452;

/// The rows that have the same number on every architecture, which `libc` does not name everywhere.
pub(super) const LATE_ROWS: &[Row] = &[
    Row { number: 457, name: "SYS_statmount", cases: ABSENT },
    Row { number: 458, name: "SYS_listmount", cases: ABSENT },
    Row { number: FCHMODAT2, name: "SYS_fchmodat2", cases: BROKERED },
    Row { number: 463, name: "SYS_setxattrat", cases: BROKERED },
    Row { number: 466, name: "SYS_removexattrat", cases: BROKERED },
    Row { number: 467, name: "SYS_open_tree_attr", cases: REFUSED },
    Row { number: 469, name: "SYS_file_setattr", cases: BROKERED },
];

/// The rows of this architecture.
#[cfg(target_arch = "x86_64")]
pub(super) const ARCHITECTURE_ROWS: &[Row] = rows! {
    SYS_iopl REFUSED,
    SYS_ioperm REFUSED,
    SYS_modify_ldt REFUSED,
    SYS_uselib REFUSED,
    SYS_ustat REFUSED,
    SYS_sysfs REFUSED,
    SYS_open OPEN,
    SYS_creat BROKERED,
    SYS_mkdir BROKERED,
    SYS_mknod BROKERED,
    SYS_symlink BROKERED,
    SYS_unlink BROKERED,
    SYS_rmdir BROKERED,
    SYS_rename BROKERED,
    SYS_link BROKERED,
    SYS_chmod BROKERED,
    SYS_chown BROKERED,
    SYS_lchown BROKERED,
    SYS_utime BROKERED,
    SYS_utimes BROKERED,
    SYS_futimesat BROKERED,
};
/// The rows of this architecture.
#[cfg(target_arch = "aarch64")]
pub(super) const ARCHITECTURE_ROWS: &[Row] = &[];

/// The newest call that was looked at for this table (`file_setattr`, Linux 6.17). Newer ones are as if
/// the kernel did not have them.
pub(super) const NEWEST: u32 = 469;

/// The bit that makes a call one of the x32 architecture, which shares x86-64's identity.
pub(super) const X32: u32 = 0x4000_0000;

/// Returns every row.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(LATE_ROWS).chain(ARCHITECTURE_ROWS)
}

/// Returns a call's name, or its number.
pub(crate) fn name(number: i32) -> String {
    match rows().find(|row| row.number == i64::from(number)) {
        Some(row) => row.name.trim_start_matches("SYS_").to_owned(),
        None => format!("call {number}"),
    }
}

/// Returns what a call of this architecture gets.
pub(crate) fn verdict(number: i32, arguments: &[u64; 6]) -> Verdict {
    if u32::try_from(number).map_or(true, |number| number > NEWEST) {
        return Verdict::Quiet(ENOSYS);
    }
    let Some(row) = rows().find(|row| row.number == i64::from(number)) else { return Verdict::Allow };
    row.verdict(arguments)
}

impl Row {
    /// Returns what a call of this row gets.
    pub(super) fn verdict(&self, arguments: &[u64; 6]) -> Verdict {
        let holds = |case: &&Case| case.conditions.iter().all(|condition| condition.holds(arguments));
        self.cases.iter().find(holds).map_or(Verdict::Allow, |case| case.verdict)
    }
}

impl Condition {
    fn holds(&self, arguments: &[u64; 6]) -> bool {
        let argument = arguments.get(usize::from(self.argument)).copied().unwrap_or_default();
        let half = match self.half {
            Half::Low => argument,
            Half::High => argument >> 32,
        };
        let is_value = (half & u64::from(self.mask)) == u64::from(self.value);
        match self.test {
            Test::Is => is_value,
            Test::IsNot => !is_value,
        }
    }
}
