//! The exit codes, one table for all commands. `run` passes its command's code and `hook` speaks its
//! protocol; everything else ends in one of these.

use std::process::ExitCode;

/// How a command of Palisade ends. A wrong command line ends with 2, which the parser of arguments does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Yes: allowed, sound, done.
    Yes = 0,
    /// There is a finding: the journal was changed, settings have entries that do not count or rules that
    /// `lint` finds fault with, a case of `test` does not hold, `sandbox status` finds less than the whole boundary,
    /// a probe of `prove` comes out otherwise than expected, a check of `doctor` fails, or the machine is not for the
    /// situation asked about.
    Finding = 1,
    /// Denied; `sandbox plan` and `prove` are not let run any command here.
    Denied = 3,
    /// It asks: a person must answer; nobody agreed to what `doctor --fix` shows.
    Asks = 4,
    /// The settings, or the cases of `test`, cannot be relied on until they are mended.
    Settings = 5,
    /// The world failed: a file, the journal, the terminal; `sandbox status` finds no boundary at all; `sandbox plan` and
    /// `prove` cannot have the one that the settings ask for; `sandbox export` cannot say it in the tool's form.
    World = 6,
}

/// Ends with the code of a command, or tells why it failed.
pub(crate) fn of(result: anyhow::Result<Exit>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            crate::say::error(&format!("{error:#}"));
            Exit::World.into()
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<policy::Verdict> for Exit {
    fn from(verdict: policy::Verdict) -> Self {
        match verdict {
            policy::Verdict::Allow => Self::Yes,
            policy::Verdict::Ask => Self::Asks,
            policy::Verdict::Deny => Self::Denied,
        }
    }
}

/// Exit codes of `run` for what is not its command's own end; the same as of `env` and `timeout`.
pub(crate) mod run {
    /// A limit on wall time or output ended the command.
    pub(crate) const LIMIT: u8 = 124;
    /// Palisade refused the command, or the boundary could not be built: nothing ran.
    pub(crate) const NOT_RUN: u8 = 125;
    /// The program is there and cannot be started.
    pub(crate) const NOT_STARTED: u8 = 126;
    /// There is no such program.
    pub(crate) const NOT_FOUND: u8 = 127;
}
