//! A held-back system call as what it asks for: pure but for the caller's memory.

use std::ffi::CString;

use crate::sys::filter::Call;

/// The longest path that the kernel takes, its NUL included.
const PATH_BYTES_MAX: usize = 4096;
/// The longest name of an extended attribute, and the largest value, that the kernel takes.
const ATTRIBUTE_NAME_MAX: usize = 256;
const ATTRIBUTE_VALUE_MAX: u64 = 65536;

/// An error number, for the caller.
pub(crate) type Errno = i32;

/// The memory of the process that called.
pub(crate) trait Memory {
    /// Reads up to the first NUL, which must come before `max` bytes.
    fn text(&self, address: u64, max: usize) -> Result<CString, Errno>;
    /// Reads exactly this many bytes.
    fn bytes(&self, address: u64, length: usize) -> Result<Vec<u8>, Errno>;
}

/// A name as a caller gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// Where a relative path begins: a descriptor of the caller, or `AT_FDCWD`.
    pub(crate) directory: i32,
    pub(crate) path: CString,
    /// Whether a link at the end is followed.
    pub(crate) follows: bool,
    /// Whether an empty path means the descriptor itself.
    pub(crate) may_be_empty: bool,
}

/// What is changed of a file besides its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Mode(u32),
    Owner(u32, u32),
    /// Last access and last change, each as seconds and nanoseconds.
    Times([(i64, i64); 2]),
    Attribute {
        name: CString,
        value: Vec<u8>,
        flags: u32,
    },
    NoAttribute {
        name: CString,
    },
    Length(i64),
}

/// What is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    Directory { mode: u32 },
    Node { mode: u32, device: u64 },
    Link { target: CString },
}

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Open {
        name: Name,
        flags: u32,
        mode: u32,
    },
    Make {
        name: Name,
        made: Made,
    },
    Remove {
        name: Name,
        is_directory: bool,
    },
    Rename {
        from: Name,
        to: Name,
        flags: u32,
    },
    Link {
        from: Name,
        to: Name,
    },
    Change {
        name: Name,
        change: Change,
    },
    ChangeOpen {
        descriptor: i32,
        change: Change,
    },
    Start {
        name: Name,
        arguments: u64,
    },
    /// Other rights for new files: nothing is written by that.
    Umask,
}

const CWD: i32 = libc::AT_FDCWD;
const BOTH_NOW: [(i64, i64); 2] = [(0, libc::UTIME_NOW), (0, libc::UTIME_NOW)];

/// Reads a call. What cannot be read fails for the caller as the kernel would have it; a call that is not
/// known here does not exist.
pub(crate) fn decode(call: &Call, memory: &impl Memory) -> Result<Request, Errno> {
    Decoder { memory, arguments: call.arguments }.request(i64::from(call.number))
}

struct Decoder<'a, M: Memory> {
    memory: &'a M,
    arguments: [u64; 6],
}

impl<M: Memory> Decoder<'_, M> {
    fn request(&self, number: i64) -> Result<Request, Errno> {
        if let Some(request) = self.old_form(number) {
            return request;
        }
        match number {
            libc::SYS_openat => self.open(self.at(0, 1, true)?, self.low(2), self.low(3)),
            libc::SYS_mkdirat => {
                Ok(Request::Make { name: self.at(0, 1, false)?, made: Made::Directory { mode: self.low(2) } })
            }
            libc::SYS_mknodat => Ok(Request::Make { name: self.at(0, 1, false)?, made: self.node(2) }),
            libc::SYS_symlinkat => Ok(Request::Make { name: self.at(1, 2, false)?, made: self.link_to(0)? }),
            libc::SYS_unlinkat => self.unlinkat(),
            libc::SYS_renameat => self.rename([0, 1, 2, 3], 0),
            libc::SYS_renameat2 => self.rename([0, 1, 2, 3], self.low(4)),
            libc::SYS_linkat => self.linkat(),
            libc::SYS_truncate => self.change(self.path(0, true)?, Ok(Change::Length(self.signed(1)))),
            libc::SYS_fchmodat => self.change(self.at(0, 1, true)?, Ok(Change::Mode(self.low(2)))),
            super::super::seccomp::FCHMODAT2 => {
                self.change(self.at_with(0, 1, self.low(3))?, Ok(Change::Mode(self.low(2))))
            }
            libc::SYS_fchownat => self.change(self.at_with(0, 1, self.low(4))?, Ok(self.owner(2))),
            libc::SYS_utimensat => self.utimensat(),
            libc::SYS_setxattr => self.change(self.path(0, true)?, self.attribute()),
            libc::SYS_lsetxattr => self.change(self.path(0, false)?, self.attribute()),
            libc::SYS_removexattr => self.change(self.path(0, true)?, self.no_attribute()),
            libc::SYS_lremovexattr => self.change(self.path(0, false)?, self.no_attribute()),
            libc::SYS_fchmod => self.change_open(Ok(Change::Mode(self.low(1)))),
            libc::SYS_fchown => self.change_open(Ok(self.owner(1))),
            libc::SYS_fsetxattr => self.change_open(self.attribute()),
            libc::SYS_fremovexattr => self.change_open(self.no_attribute()),
            libc::SYS_umask => Ok(Request::Umask),
            libc::SYS_execve => Ok(Request::Start { name: self.path(0, true)?, arguments: self.argument(1) }),
            libc::SYS_execveat => {
                Ok(Request::Start { name: self.at_with(0, 1, self.low(4))?, arguments: self.argument(2) })
            }
            _ => Err(libc::ENOSYS),
        }
    }

    /// Reads the forms that only x86-64 has.
    #[cfg(target_arch = "x86_64")]
    fn old_form(&self, number: i64) -> Option<Result<Request, Errno>> {
        let named = |follows, request: &dyn Fn(Name) -> Request| Some(self.path(0, follows).map(request));
        match number {
            libc::SYS_open => Some(self.path(0, true).and_then(|name| self.open(name, self.low(1), self.low(2)))),
            libc::SYS_creat => {
                let flags = (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC).cast_unsigned();
                Some(self.path(0, true).and_then(|name| self.open(name, flags, self.low(1))))
            }
            libc::SYS_mkdir => {
                named(false, &|name| Request::Make { name, made: Made::Directory { mode: self.low(1) } })
            }
            libc::SYS_mknod => named(false, &|name| Request::Make { name, made: self.node(1) }),
            libc::SYS_symlink => {
                Some(self.path(1, false).and_then(|name| Ok(Request::Make { name, made: self.link_to(0)? })))
            }
            libc::SYS_unlink => named(false, &|name| Request::Remove { name, is_directory: false }),
            libc::SYS_rmdir => named(false, &|name| Request::Remove { name, is_directory: true }),
            libc::SYS_rename => Some(self.both().map(|(from, to)| Request::Rename { from, to, flags: 0 })),
            libc::SYS_link => Some(self.both().map(|(from, to)| Request::Link { from, to })),
            libc::SYS_chmod => named(true, &|name| Request::Change { name, change: Change::Mode(self.low(1)) }),
            libc::SYS_chown => named(true, &|name| Request::Change { name, change: self.owner(1) }),
            libc::SYS_lchown => named(false, &|name| Request::Change { name, change: self.owner(1) }),
            libc::SYS_utime => Some(self.path(0, true).and_then(|name| self.change(name, self.whole_seconds()))),
            libc::SYS_utimes => Some(self.path(0, true).and_then(|name| self.change(name, self.microseconds(1)))),
            libc::SYS_futimesat => Some(if self.argument(1) == 0 {
                self.change_open(self.microseconds(2))
            } else {
                self.at(0, 1, true).and_then(|name| self.change(name, self.microseconds(2)))
            }),
            _ => None,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn old_form(&self, _number: i64) -> Option<Result<Request, Errno>> {
        None
    }

    fn argument(&self, index: usize) -> u64 {
        self.arguments.get(index).copied().unwrap_or_default()
    }

    /// The kernel reads `int` arguments from the low half.
    fn low(&self, index: usize) -> u32 {
        u32::try_from(self.argument(index) & 0xffff_ffff).unwrap_or_default()
    }

    fn descriptor(&self, index: usize) -> i32 {
        self.low(index).cast_signed()
    }

    fn signed(&self, index: usize) -> i64 {
        self.argument(index).cast_signed()
    }

    fn path(&self, index: usize, follows: bool) -> Result<Name, Errno> {
        let path = self.memory.text(self.argument(index), PATH_BYTES_MAX)?;
        Ok(Name { directory: CWD, path, follows, may_be_empty: false })
    }

    fn at(&self, directory: usize, path: usize, follows: bool) -> Result<Name, Errno> {
        Ok(Name { directory: self.descriptor(directory), ..self.path(path, follows)? })
    }

    /// Reads a name whose flags say whether a link is followed and whether it may be empty.
    fn at_with(&self, directory: usize, path: usize, flags: u32) -> Result<Name, Errno> {
        let has = |flag: i32| flags & flag.cast_unsigned() != 0;
        let name = self.at(directory, path, !has(libc::AT_SYMLINK_NOFOLLOW))?;
        Ok(Name { may_be_empty: has(libc::AT_EMPTY_PATH), ..name })
    }

    fn both(&self) -> Result<(Name, Name), Errno> {
        Ok((self.path(0, false)?, self.path(1, false)?))
    }

    fn open(&self, name: Name, flags: u32, mode: u32) -> Result<Request, Errno> {
        let follows = flags & libc::O_NOFOLLOW.cast_unsigned() == 0;
        Ok(Request::Open { name: Name { follows, ..name }, flags, mode })
    }

    fn node(&self, index: usize) -> Made {
        Made::Node { mode: self.low(index), device: self.argument(index + 1) }
    }

    fn link_to(&self, index: usize) -> Result<Made, Errno> {
        Ok(Made::Link { target: self.memory.text(self.argument(index), PATH_BYTES_MAX)? })
    }

    fn unlinkat(&self) -> Result<Request, Errno> {
        let flags = self.low(2);
        let removes_directory = libc::AT_REMOVEDIR.cast_unsigned();
        if flags & !removes_directory != 0 {
            return Err(libc::EINVAL);
        }
        Ok(Request::Remove { name: self.at(0, 1, false)?, is_directory: flags & removes_directory != 0 })
    }

    fn rename(&self, [from, from_path, to, to_path]: [usize; 4], flags: u32) -> Result<Request, Errno> {
        Ok(Request::Rename { from: self.at(from, from_path, false)?, to: self.at(to, to_path, false)?, flags })
    }

    fn linkat(&self) -> Result<Request, Errno> {
        let flags = self.low(4);
        let known = (libc::AT_SYMLINK_FOLLOW | libc::AT_EMPTY_PATH).cast_unsigned();
        if flags & !known != 0 {
            return Err(libc::EINVAL);
        }
        let follows = flags & libc::AT_SYMLINK_FOLLOW.cast_unsigned() != 0;
        let may_be_empty = flags & libc::AT_EMPTY_PATH.cast_unsigned() != 0;
        let from = Name { may_be_empty, ..self.at(0, 1, follows)? };
        Ok(Request::Link { from, to: self.at(2, 3, false)? })
    }

    fn change(&self, name: Name, change: Result<Change, Errno>) -> Result<Request, Errno> {
        Ok(Request::Change { name, change: change? })
    }

    fn change_open(&self, change: Result<Change, Errno>) -> Result<Request, Errno> {
        Ok(Request::ChangeOpen { descriptor: self.descriptor(0), change: change? })
    }

    fn owner(&self, index: usize) -> Change {
        Change::Owner(self.low(index), self.low(index + 1))
    }

    /// Without a path the times are those of the descriptor.
    fn utimensat(&self) -> Result<Request, Errno> {
        let times = match self.argument(2) {
            0 => Ok(Change::Times(BOTH_NOW)),
            address => self.pairs(address).map(Change::Times),
        };
        if self.argument(1) == 0 {
            self.change_open(times)
        } else {
            self.change(self.at_with(0, 1, self.low(3))?, times)
        }
    }

    /// Reads two pairs of numbers.
    fn pairs(&self, address: u64) -> Result<[(i64, i64); 2], Errno> {
        let bytes = self.memory.bytes(address, 32)?;
        let mut numbers = bytes.as_chunks::<8>().0.iter().map(|bytes| i64::from_ne_bytes(*bytes));
        let mut pair = || Some((numbers.next()?, numbers.next()?));
        Ok([pair().ok_or(libc::EFAULT)?, pair().ok_or(libc::EFAULT)?])
    }

    #[cfg(target_arch = "x86_64")]
    fn microseconds(&self, index: usize) -> Result<Change, Errno> {
        let address = self.argument(index);
        if address == 0 {
            return Ok(Change::Times(BOTH_NOW));
        }
        let is_good = |(_, micros): &(i64, i64)| (0..1_000_000).contains(micros);
        let pairs = self.pairs(address)?;
        if !pairs.iter().all(is_good) {
            return Err(libc::EINVAL);
        }
        Ok(Change::Times(pairs.map(|(seconds, micros)| (seconds, micros * 1000))))
    }

    #[cfg(target_arch = "x86_64")]
    fn whole_seconds(&self) -> Result<Change, Errno> {
        let address = self.argument(1);
        if address == 0 {
            return Ok(Change::Times(BOTH_NOW));
        }
        let bytes = self.memory.bytes(address, 16)?;
        let mut numbers = bytes.as_chunks::<8>().0.iter().map(|bytes| (i64::from_ne_bytes(*bytes), 0));
        let mut next = || numbers.next().ok_or(libc::EFAULT);
        Ok(Change::Times([next()?, next()?]))
    }

    fn attribute(&self) -> Result<Change, Errno> {
        let name = self.attribute_name()?;
        let length = self.argument(3);
        if length > ATTRIBUTE_VALUE_MAX {
            return Err(libc::E2BIG);
        }
        let length = usize::try_from(length).map_err(|_| libc::E2BIG)?;
        let value = if length == 0 { Vec::new() } else { self.memory.bytes(self.argument(2), length)? };
        Ok(Change::Attribute { name, value, flags: self.low(4) })
    }

    fn no_attribute(&self) -> Result<Change, Errno> {
        Ok(Change::NoAttribute { name: self.attribute_name()? })
    }

    fn attribute_name(&self) -> Result<CString, Errno> {
        self.memory.text(self.argument(1), ATTRIBUTE_NAME_MAX).map_err(|errno| match errno {
            libc::ENAMETOOLONG => libc::ERANGE,
            other => other,
        })
    }
}

#[cfg(test)]
mod tests;
