//! Opening files for reading in a caller's place, where something hidden lies beside files that may be read.

use rustix::fs::{CWD, FileType, Mode, OFlags};

use super::caller::Caller;
use super::decode::{Errno, Name};
use super::files::{again, is_terminal};
use super::place::{Found, Place};
use super::{Broker, Outcome};
use crate::sys::filter::Call;

/// Every flag with which an opening may write or make a file.
const WRITES: OFlags = OFlags::WRONLY
    .union(OFlags::RDWR)
    .union(OFlags::CREATE)
    .union(OFlags::TRUNC)
    .union(OFlags::TMPFILE.difference(OFlags::DIRECTORY));

/// Returns true for an opening that only reads.
pub(super) fn only_reads(flags: u32) -> bool {
    !OFlags::from_bits_retain(flags).intersects(WRITES)
}

impl Broker {
    /// Returns true for an opening that would make the file, were it not there already, where none can be made.
    pub(super) fn finds_to_read(&self, call: &Call, caller: &Caller<'_>, name: &Name, flags: u32) -> bool {
        let flags = OFlags::from_bits_retain(flags);
        if (flags & (WRITES | OFlags::EXCL)) != OFlags::CREATE {
            return false;
        }
        let Ok(Place::Found(found)) = self.find(call, caller, name) else { return false };
        found.path.is_some_and(|path| self.is_outside(&path))
    }

    /// Opens a file or directory for reading.
    pub(super) fn open_to_read(
        &mut self,
        call: &Call,
        caller: &Caller<'_>,
        name: &Name,
        flags: u32,
    ) -> Result<Outcome, Errno> {
        let flags = OFlags::from_bits_retain(flags);
        let Place::Found(found) = self.find(call, caller, name)? else { return Err(libc::ENOENT) };
        let wants_directory = flags.contains(OFlags::DIRECTORY);
        match found.kind {
            FileType::Symlink => return Err(if wants_directory { libc::ENOTDIR } else { libc::ELOOP }),
            FileType::CharacterDevice if is_terminal(&found.file)? => return self.own_terminal(caller, flags),
            FileType::Directory => {}
            FileType::RegularFile
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {
                if wants_directory {
                    return Err(libc::ENOTDIR);
                }
            }
        }
        if let Some(why) = self.hidden(&found)? {
            return Ok(not_read(&found, why));
        }
        if self.ground.is_own(&found)? {
            return Err(libc::EACCES);
        }
        self.open_found_to_read(call, found, flags)
    }

    fn open_found_to_read(&mut self, call: &Call, found: Found, flags: OFlags) -> Result<Outcome, Errno> {
        let closes_on_exec = flags.contains(OFlags::CLOEXEC);
        let how = (flags & !(OFlags::EXCL | OFlags::NOFOLLOW)) | OFlags::CLOEXEC | OFlags::NOCTTY;
        let may_wait = !flags.contains(OFlags::NONBLOCK);
        if found.kind == FileType::Fifo && may_wait {
            return self.open_waiting(call, found.file, how, closes_on_exec);
        }
        // Somebody may have a lease on the file, and may take long to give it up; a device may take for ever.
        let is_patient = found.kind != FileType::Directory && may_wait;
        let at_once = if is_patient { how | OFlags::NONBLOCK } else { how };
        match rustix::fs::openat(CWD, again(&found.file), at_once, Mode::empty()) {
            Ok(file) => {
                if is_patient {
                    rustix::fs::fcntl_setfl(&file, how).map_err(rustix::io::Errno::raw_os_error)?;
                }
                Ok(Outcome::Opened { file, closes_on_exec })
            }
            Err(rustix::io::Errno::AGAIN) if is_patient => self.open_waiting(call, found.file, how, closes_on_exec),
            Err(error) => Err(error.raw_os_error()),
        }
    }
}

fn not_read(found: &Found, by: String) -> Outcome {
    let path = found.path.as_ref().map(ToString::to_string).unwrap_or_default();
    Outcome::Refused { errno: libc::EACCES, what: format!("read {path}"), by: Some(by) }
}
