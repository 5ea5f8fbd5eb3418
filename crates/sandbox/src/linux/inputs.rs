//! Files that the caller gave for reading, opened anew inside.
//!
//! A descriptor keeps the mount that it was opened on. One from outside would lead past a read-only
//! mount inside: opened again for writing through `/proc/self/fd`, it writes what is held.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, SeekFrom};
use rustix::io::Errno;

use super::failure::{At, Failure};
use super::tree;
use crate::error::Step;
use crate::plan::{self, Plan};
use crate::sys;
use crate::wire::Input;

/// Finds the standard streams that must be opened anew; the host's files are still in their place.
pub(super) fn find(plan: &Plan) -> Result<Vec<Input>, Failure> {
    let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let streams: [BorrowedFd<'_>; 3] = [input.as_fd(), output.as_fd(), error.as_fd()];
    let mut found = Vec::new();
    for (number, stream) in (0..).zip(streams) {
        let stat = rustix::fs::fstat(stream).at(Step::Streams)?;
        let mode = rustix::fs::fcntl_getfl(stream).at(Step::Streams)? & OFlags::RWMODE;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || mode != OFlags::RDONLY {
            continue;
        }
        let path = rustix::fs::readlink(format!("/proc/self/fd/{number}"), Vec::new()).at(Step::Streams)?;
        let Ok(path) = path.into_string() else { return Err(Errno::ILSEQ).at(Step::Streams) };
        if is_in_a_writable_directory(&path, plan) {
            let identity = tree::identity(stream).at(Step::Streams)?;
            found.push(Input { number, path, device: identity.device, inode: identity.inode });
        }
    }
    Ok(found)
}

fn is_in_a_writable_directory(path: &str, plan: &Plan) -> bool {
    plan.steps.iter().any(|step| match step {
        plan::Step::Writable { path: directory, zone: _ } => {
            path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
        }
        plan::Step::Read { .. }
        | plan::Step::Link { .. }
        | plan::Step::Private { .. }
        | plan::Step::Cache { .. }
        | plan::Step::Seed { .. }
        | plan::Step::Pin { .. }
        | plan::Step::ReadOnly { .. }
        | plan::Step::ByKey { .. }
        | plan::Step::Hide { .. }
        | plan::Step::Veil { .. } => false,
    })
}

/// Opens each one inside and puts it in the old one's place, at the same offset.
///
/// One that cannot be read inside, because it is hidden or was moved, is no input for the command.
pub(super) fn bring_inside(inputs: &[Input]) -> Result<(), Failure> {
    for Input { number, path, device, inode } in inputs {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let inside =
            rustix::fs::openat2(CWD, path.as_str(), flags, Mode::empty(), resolve).at_path(Step::Streams, path)?;
        let found = tree::identity(inside.as_fd()).at_path(Step::Streams, path)?;
        if (found.device, found.inode) != (*device, *inode) {
            return Err(Errno::STALE).at_path(Step::Streams, path);
        }
        let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let old = match number {
            0 => input.as_fd(),
            1 => output.as_fd(),
            _ => error.as_fd(),
        };
        let offset = rustix::fs::seek(old, SeekFrom::Current(0)).at_path(Step::Streams, path)?;
        rustix::fs::seek(&inside, SeekFrom::Start(offset)).at_path(Step::Streams, path)?;
        sys::process::put_at(inside.as_fd(), *number).at_path(Step::Streams, path)?;
    }
    Ok(())
}
