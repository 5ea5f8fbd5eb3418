//! Programs that are about to start.
//!
//! A program cannot be started on another's behalf, so the answer is "go on": what holds a denied program is
//! the mount that covers its file. Here its arguments are held against the rules as well, and what is refused is
//! told with its rule. A thread of the caller could change the arguments in between: that gains it no more than
//! a program that does the same by other means.

use policy::AbsPath;

use super::caller::Caller;
use super::decode::{Errno, Memory, Name};
use super::place::Place;
use super::{Broker, Outcome};
use crate::limits::{ARGUMENT_BYTES_MAX, ARGUMENTS_MAX};
use crate::sys::filter::Call;

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
        let Some(path) = found.path else { return Ok(Outcome::GoesOn) };
        if let Some(why) = hidden {
            return Ok(not_started(&path, why));
        }
        // Nothing of it is read by starting it; a program that is hidden does not start either.
        if let Some(why) = self.rules.read(&path) {
            return Ok(not_started(&path, why));
        }
        if !std::mem::replace(&mut self.has_started, true) || !self.rules.bounds.has_commands() {
            return Ok(Outcome::GoesOn);
        }
        let argv = argv(caller, arguments)?;
        let by_file = std::iter::once(path.name().unwrap_or_default().to_owned()).chain(argv.iter().skip(1).cloned());
        let rule = self.rules.bounds.command(&argv).or_else(|| self.rules.bounds.command(&by_file.collect::<Vec<_>>()));
        match rule {
            Some(rule) => {
                let by = policy::bounds::Why::Written(&rule.text, &rule.origin).to_string();
                Ok(not_started(&path, by))
            }
            None => Ok(Outcome::GoesOn),
        }
    }
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
