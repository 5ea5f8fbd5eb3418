use std::ffi::CString;

use proptest::prelude::*;

use super::super::super::seccomp::{FCHMODAT2, Verdict, verdict};
use super::{Change, Errno, Made, Memory, Name, Request, decode};
use crate::sys::filter::Call;

/// A caller's memory that begins at 1000.
struct Fake(Vec<u8>);

const BASE: u64 = 1000;

impl Memory for Fake {
    fn text(&self, address: u64, max: usize) -> Result<CString, Errno> {
        let start = usize::try_from(address.checked_sub(BASE).ok_or(libc::EFAULT)?).map_err(|_| libc::EFAULT)?;
        let bytes = self.0.get(start..).ok_or(libc::EFAULT)?;
        let end = bytes.iter().position(|byte| *byte == 0).ok_or(libc::EFAULT)?;
        if end >= max {
            return Err(libc::ENAMETOOLONG);
        }
        CString::new(&bytes[..end]).map_err(|_| libc::EFAULT)
    }

    fn bytes(&self, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
        let start = usize::try_from(address.checked_sub(BASE).ok_or(libc::EFAULT)?).map_err(|_| libc::EFAULT)?;
        let end = start.checked_add(length).ok_or(libc::EFAULT)?;
        self.0.get(start..end).map(<[u8]>::to_vec).ok_or(libc::EFAULT)
    }
}

fn call(number: i64, arguments: [u64; 6]) -> Call {
    Call { id: 1, pid: 2, number: i32::try_from(number).unwrap(), arguments }
}

fn name(directory: i32, path: &str, follows: bool) -> Name {
    Name { directory, path: CString::new(path).unwrap(), follows, may_be_empty: false }
}

fn check(number: i64, arguments: [u64; 6], expected: &Request) {
    let memory = Fake(b"one\0two\0user.x\0value\0".to_vec());
    assert_eq!(decode(&call(number, arguments), &memory).as_ref(), Ok(expected), "call {number}");
}

const ONE: u64 = BASE;
const TWO: u64 = BASE + 4;
const ATTRIBUTE: u64 = BASE + 8;
const VALUE: u64 = BASE + 15;
const CWD: i32 = libc::AT_FDCWD;
/// `AT_FDCWD` as some programs give it: junk in the high half.
const CWD_WITH_JUNK: u64 = 0xdead_beef_0000_0000 | (CWD.cast_unsigned() as u64);

#[test]
fn calls_are_what_they_ask_for() {
    let flags = u64::from((libc::O_WRONLY | libc::O_NOFOLLOW).cast_unsigned());
    let open = |name, flags: u64, mode| Request::Open { name, flags: u32::try_from(flags).unwrap(), mode };
    check(libc::SYS_openat, [7, ONE, flags, 0o600, 0, 0], &open(name(7, "one", false), flags, 0o600));
    check(libc::SYS_openat, [CWD_WITH_JUNK, TWO, 1, 0, 0, 0], &open(name(CWD, "two", true), 1, 0));
    let made = Made::Directory { mode: 0o755 };
    check(libc::SYS_mkdirat, [3, ONE, 0o755, 0, 0, 0], &Request::Make { name: name(3, "one", false), made });
    let made = Made::Link { target: c"one".to_owned() };
    check(libc::SYS_symlinkat, [ONE, 3, TWO, 0, 0, 0], &Request::Make { name: name(3, "two", false), made });
    let made = Made::Node { mode: libc::S_IFIFO | 0o600, device: 5 };
    let mode = u64::from(libc::S_IFIFO | 0o600);
    check(libc::SYS_mknodat, [3, ONE, mode, 5, 0, 0], &Request::Make { name: name(3, "one", false), made });
    let remove = |is_directory| Request::Remove { name: name(3, "one", false), is_directory };
    check(libc::SYS_unlinkat, [3, ONE, 0, 0, 0, 0], &remove(false));
    check(libc::SYS_unlinkat, [3, ONE, libc::AT_REMOVEDIR as u64, 0, 0, 0], &remove(true));
    let rename = |flags| Request::Rename { from: name(3, "one", false), to: name(4, "two", false), flags };
    check(libc::SYS_renameat2, [3, ONE, 4, TWO, 2, 0], &rename(2));
    check(libc::SYS_renameat2, [3, ONE, 4, TWO, 0xffff_ffff_0000_0000, 0], &rename(0));
    let link = |follows| Request::Link { from: name(3, "one", follows), to: name(4, "two", false) };
    check(libc::SYS_linkat, [3, ONE, 4, TWO, 0, 0], &link(false));
    check(libc::SYS_linkat, [3, ONE, 4, TWO, libc::AT_SYMLINK_FOLLOW as u64, 0], &link(true));
    let change = |name, change| Request::Change { name, change };
    check(libc::SYS_truncate, [ONE, 5, 0, 0, 0, 0], &change(name(CWD, "one", true), Change::Length(5)));
    check(libc::SYS_fchmodat, [3, ONE, 0o700, 0, 0, 0], &change(name(3, "one", true), Change::Mode(0o700)));
    let nofollow = libc::AT_SYMLINK_NOFOLLOW as u64;
    check(FCHMODAT2, [3, ONE, 0o700, nofollow, 0, 0], &change(name(3, "one", false), Change::Mode(0o700)));
    let owner = Change::Owner(1, u32::MAX);
    check(libc::SYS_fchownat, [3, ONE, 1, u64::MAX, 0, 0], &change(name(3, "one", true), owner));
    let attribute = Change::Attribute { name: c"user.x".to_owned(), value: b"value".to_vec(), flags: 1 };
    check(libc::SYS_lsetxattr, [ONE, ATTRIBUTE, VALUE, 5, 1, 0], &change(name(CWD, "one", false), attribute));
    let open = |change| Request::ChangeOpen { descriptor: 9, change };
    check(libc::SYS_fchmod, [9, 0o700, 0, 0, 0, 0], &open(Change::Mode(0o700)));
    let now = [(0, libc::UTIME_NOW); 2];
    check(libc::SYS_utimensat, [9, 0, 0, 0, 0, 0], &open(Change::Times(now)));
    check(libc::SYS_execve, [ONE, 77, 0, 0, 0, 0], &Request::Start { name: name(CWD, "one", true), arguments: 77 });
}

#[test]
fn what_is_not_known_does_not_exist() {
    let memory = Fake(b"one\0".to_vec());
    for number in [libc::SYS_openat2, 463, 466, 469, libc::SYS_read, 100_000] {
        assert_eq!(decode(&call(number, [ONE; 6]), &memory), Err(libc::ENOSYS), "call {number}");
    }
    assert_eq!(decode(&call(libc::SYS_unlinkat, [3, ONE, 1, 0, 0, 0]), &memory), Err(libc::EINVAL));
    assert_eq!(decode(&call(libc::SYS_linkat, [3, ONE, 3, ONE, 1, 0]), &memory), Err(libc::EINVAL));
}

#[test]
fn what_cannot_be_read_fails_as_the_kernel_has_it() {
    let memory = Fake(b"one".to_vec());
    assert_eq!(decode(&call(libc::SYS_openat, [3, ONE, 1, 0, 0, 0]), &memory), Err(libc::EFAULT));
    assert_eq!(decode(&call(libc::SYS_openat, [3, 0, 1, 0, 0, 0]), &memory), Err(libc::EFAULT));
    let long = Fake([vec![b'a'; 5000], vec![0]].concat());
    assert_eq!(decode(&call(libc::SYS_openat, [3, ONE, 1, 0, 0, 0]), &long), Err(libc::ENAMETOOLONG));
    let big = [3, ONE, ONE, 1 << 40, 0, 0];
    assert_eq!(decode(&call(libc::SYS_fsetxattr, big), &Fake(b"a\0".to_vec())), Err(libc::E2BIG));
}

proptest! {
    /// Whatever a caller gives: an answer, and no name that is not in its memory.
    #[test]
    fn nothing_that_a_caller_gives_is_taken_for_something_else(
        number in 0_i64..470,
        arguments in proptest::array::uniform6(prop_oneof![Just(0_u64), BASE..BASE + 80, any::<u64>()]),
        memory in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..64),
    ) {
        let call = call(number, arguments);
        let decoded = decode(&call, &Fake(memory.clone()));
        if verdict(call.number, &call.arguments) != Verdict::Act
            && !matches!(number, libc::SYS_openat) && decoded.is_ok()
        {
            #[cfg(target_arch = "x86_64")]
            prop_assert_eq!(number, libc::SYS_open);
        }
        let names: Vec<Name> = match decoded {
            Ok(Request::Open { name, .. } | Request::Make { name, .. } | Request::Remove { name, .. }
                | Request::Change { name, .. } | Request::Start { name, .. }) => vec![name],
            Ok(Request::Rename { from, to, .. } | Request::Link { from, to }) => vec![from, to],
            Ok(Request::ChangeOpen { .. } | Request::Umask) | Err(_) => Vec::new(),
        };
        for name in names {
            let path = name.path.to_bytes_with_nul();
            prop_assert!(memory.windows(path.len()).any(|window| window == path));
        }
    }
}
