//! Programs that are about to start.
//!
//! A program cannot be started on another's behalf, so the answer is "go on": what holds a denied program is
//! the mount that covers its file. Here its arguments are held against the rules as well, and what is refused is
//! told with its rule. A thread of the caller could change the arguments in between: that gains it no more than
//! a program that does the same by other means.

use std::ffi::CString;

use policy::AbsPath;
use rustix::fs::{CWD, FileType, Mode, OFlags};

use super::caller::Caller;
use super::decode::{Errno, Memory, Name};
use super::git::again;
use super::place::{Found, Place};
use super::{Broker, Outcome};
use crate::limits::{ARGUMENT_BYTES_MAX, ARGUMENTS_MAX};
use crate::sys::filter::Call;

/// Bytes of a script that the kernel looks at.
const FIRST_LINE_BYTES: usize = 256;
/// Scripts of scripts that the kernel follows.
const INTERPRETERS_MAX: usize = 5;
/// How programs begin their names that load another one, which nobody is asked about.
const LOADERS: [&str; 2] = ["ld-", "ld.so"];
/// Words of such a program that may be the other one's name.
const LOADED_MAX: usize = 64;

impl Broker {
    pub(super) fn start(
        &mut self,
        call: &Call,
        caller: &Caller<'_>,
        name: &Name,
        arguments: u64,
    ) -> Result<Outcome, Errno> {
        let Place::Found(found) = self.find(call, caller, name)? else { return Err(libc::ENOENT) };
        let hidden = self.hidden(&found)?;
        // What has no name any more, or never had one, is known by its arguments alone.
        let path = found.path.clone();
        let shown = path.clone().unwrap_or_else(|| AbsPath::root().join("a file without a name"));
        if let Some(why) = hidden {
            return Ok(not_started(&shown, why));
        }
        // Nothing of it is read by starting it; a program that is hidden does not start either.
        if let Some(why) = path.as_ref().and_then(|path| self.rules.read(path)) {
            return Ok(not_started(&shown, why));
        }
        if !std::mem::replace(&mut self.has_started, true) || !self.rules.bounds.has_commands() {
            return Ok(Outcome::GoesOn);
        }
        let argv = argv(caller, arguments)?;
        let mut lines = lines(path.as_ref(), &argv);
        lines.extend(self.interpreted(call, caller, (found, name), &argv)?);
        match lines.iter().find_map(|line| self.rules.bounds.command(line)) {
            Some(rule) => {
                let by = policy::bounds::Why::Written(&rule.text, &rule.origin).to_string();
                Ok(not_started(&shown, by))
            }
            None => Ok(Outcome::GoesOn),
        }
    }

    /// Returns what the kernel starts in place of a script, which nobody is asked about: its first line names a program
    /// with an argument, and that one may be a script again.
    fn interpreted(
        &self,
        call: &Call,
        caller: &Caller<'_>,
        (mut found, name): (Found, &Name),
        argv: &[String],
    ) -> Result<Vec<Vec<String>>, Errno> {
        let mut words = vec![name.path.to_string_lossy().into_owned()];
        words.extend(argv.iter().skip(1).cloned());
        let mut all = Vec::new();
        for _ in 0..INTERPRETERS_MAX {
            let Some(first) = self.first_line(&found)? else { break };
            words.splice(0..0, first);
            let program = words.first().cloned().unwrap_or_default();
            let path = CString::new(program.clone()).map_err(|_| libc::EINVAL)?;
            let name = Name { directory: libc::AT_FDCWD, path, follows: true, may_be_empty: false };
            let Place::Found(next) = self.find(call, caller, &name)? else { return Err(libc::ENOENT) };
            all.extend(lines(next.path.as_ref(), &words));
            found = next;
        }
        Ok(all)
    }

    /// Returns the program that a script names and its argument; `None` for what is no script.
    fn first_line(&self, found: &Found) -> Result<Option<Vec<String>>, Errno> {
        if found.kind != FileType::RegularFile {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(CWD, again(&found.file), flags, Mode::empty()) {
            Ok(file) => file,
            // Its owner may have closed it for this; of another's the kernel runs no more than it is.
            Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) if is_own(found)? => return Err(libc::EACCES),
            Err(_) => return Ok(None),
        };
        let mut bytes = [0; FIRST_LINE_BYTES];
        let length = rustix::io::pread(&file, &mut bytes, 0).map_err(|error| error.raw_os_error())?;
        Ok(named(bytes.get(..length).unwrap_or_default()))
    }
}

/// Returns a program's arguments in the forms that rules are held against: as they are, behind the name of the file, and
/// of a program that loads another one all that the other may get.
fn lines(path: Option<&AbsPath>, argv: &[String]) -> Vec<Vec<String>> {
    let file = path.and_then(AbsPath::name).unwrap_or_default();
    let mut lines = vec![argv.to_vec()];
    if !file.is_empty() {
        lines.push(std::iter::once(file.to_owned()).chain(argv.iter().skip(1).cloned()).collect());
    }
    if LOADERS.iter().any(|loader| file.starts_with(loader)) {
        let starts = 1..argv.len().min(LOADED_MAX);
        lines.extend(starts.filter_map(|start| Some(argv.get(start..)?.to_vec())));
    }
    lines
}

/// Reads the first line of a script as the kernel does: the program, and what is behind it as one argument.
fn named(bytes: &[u8]) -> Option<Vec<String>> {
    let line = bytes.strip_prefix(b"#!")?;
    let line = line.split(|byte| matches!(*byte, b'\n' | 0)).next()?.trim_ascii();
    let end = line.iter().position(|byte| matches!(*byte, b' ' | b'\t')).unwrap_or(line.len());
    let (program, argument) = line.split_at_checked(end)?;
    let words = [program, argument.trim_ascii()].into_iter().filter(|word| !word.is_empty());
    Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>()).filter(|all| !all.is_empty())
}

fn is_own(found: &Found) -> Result<bool, Errno> {
    let stat = rustix::fs::fstat(&found.file).map_err(|error| error.raw_os_error())?;
    Ok(stat.st_uid == rustix::process::geteuid().as_raw())
}

fn not_started(path: &AbsPath, by: String) -> Outcome {
    Outcome::Refused { errno: libc::EACCES, what: format!("start {path}"), by: Some(by) }
}

/// Reads the arguments; further ones than the bound are not looked at.
fn argv(caller: &Caller<'_>, mut address: u64) -> Result<Vec<String>, Errno> {
    let mut argv = Vec::new();
    while address != 0 && argv.len() < ARGUMENTS_MAX {
        let pointer = caller.bytes(address, 8)?;
        let pointer = u64::from_ne_bytes(*pointer.first_chunk().ok_or(libc::EFAULT)?);
        if pointer == 0 {
            break;
        }
        let text = match caller.text(pointer, ARGUMENT_BYTES_MAX) {
            Ok(text) => text.to_string_lossy().into_owned(),
            // What is longer says nothing that a rule could name.
            Err(libc::ENAMETOOLONG) => "?".repeat(ARGUMENT_BYTES_MAX),
            Err(errno) => return Err(errno),
        };
        argv.push(text);
        address = address.wrapping_add(8);
    }
    Ok(argv)
}

#[cfg(test)]
mod tests;
