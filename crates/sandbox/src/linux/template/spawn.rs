//! A holder as a process of its own.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::super::advice;
use super::super::run::start_holder;
use super::hold::Holder;
use crate::error::Error;
use crate::limits::SAID_BYTES_MAX;
use crate::sys;

/// The word that makes the boundary's program a holder. The owner and the milliseconds follow.
pub(in crate::linux) const HOLDER: &str = "hold";

/// What a holder says once launchers find it, and when the owner has one already.
const HOLDS: &str = "holds";
const IS_HELD: &str = "is held";

impl Holder {
    /// Starts one, and returns when launchers find it; false when the owner has one already.
    pub(crate) fn spawn(init: &Path, owner: u32, lasting: Duration) -> Result<bool, Error> {
        let words = [owner.to_string(), lasting.as_millis().to_string()];
        let mut child = start_holder(init, &words).map_err(advice::with_fix)?;
        let mut said = String::new();
        if let Some(output) = child.stdout.take() {
            // It ends with the first word: the holder closes its output.
            let _ = output.take(SAID_BYTES_MAX).read_to_string(&mut said);
        }
        match said.as_str() {
            HOLDS => Ok(true),
            other => {
                let _ = child.wait();
                if other == IS_HELD { Ok(false) } else { Err(Error::Hold { why: other.to_owned() }) }
            }
        }
    }
}

/// Is the holder.
pub(in crate::linux) fn holder_main() -> ! {
    let mut words = std::env::args().skip(3).map_while(|word| word.parse::<u64>().ok());
    let (owner, lasting) = (words.next().and_then(|owner| u32::try_from(owner).ok()), words.next());
    let (Some(owner), Some(lasting)) = (owner, lasting) else { sys::process::exit_now(EXIT_BUG) };
    let say = |text: &str| {
        let _ = rustix::io::write(std::io::stdout(), text.as_bytes());
        super::super::boundary::release_streams()
    };
    let code = match Holder::new(Path::new("/proc/self/exe"), owner, Duration::from_millis(lasting)) {
        Ok(Some(holder)) => say(HOLDS).map_or(EXIT_BUG, |()| if holder.serve().is_ok() { 0 } else { EXIT_BUG }),
        Ok(None) => say(IS_HELD).map_or(EXIT_BUG, |()| 0),
        Err(error) => {
            let why = if let Error::Hold { why } = error { why } else { error.to_string() };
            say(&why).map_or(EXIT_BUG, |()| EXIT_BUG)
        }
    };
    sys::process::exit_now(code)
}

/// What a holder exits with that cannot hold anything.
const EXIT_BUG: i32 = 70;
