//! What the owner of a resolver lends it: the environment, programs, and the time.
//!
//! The crate starts no process and reads neither environment nor clock by itself.

use core::time::Duration;

use zeroize::Zeroizing;

use crate::Secret;

/// The world as the owner sees it.
pub trait World: Send + Sync {
    /// Returns a variable of the environment in which Palisade was started.
    fn variable(&self, name: &str) -> Option<Zeroizing<String>>;

    /// Runs a program to its end.
    ///
    /// Whoever implements this starts it without a shell, with no input, with an environment of its own choice and
    /// the given variables, in a directory that no agent writes to, and looks for a program without a slash in
    /// directories that no agent writes to. What it prints as errors goes to nobody or to a person. When the time is
    /// over or it prints too much, it and everything that it started is ended before this returns.
    fn run(&self, command: &Command<'_>) -> Result<Output, ProcessFault>;

    /// Returns the time since some moment, which never goes back.
    fn elapsed(&self) -> Duration;

    /// Returns the seconds since 1970.
    fn unix_seconds(&self) -> u64;
}

/// A program to run.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// The program and its arguments.
    pub words: &'a [String],
    /// Variables that it gets besides those of the owner's choice.
    pub variables: &'a [(&'static str, Secret)],
    /// How long it may take.
    pub timeout: Duration,
    /// How many bytes it may print.
    pub output_bytes_max: usize,
}

/// What came of a program.
pub struct Output {
    /// Its exit code, or nothing where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub printed: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Output {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Output").field("code", &self.code).finish_non_exhaustive()
    }
}

/// Why a program did not run to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProcessFault {
    /// There is no such program.
    #[error("there is no such program")]
    Absent,
    /// It cannot be started, or not by what is decided about programs.
    #[error("the program cannot be started")]
    Start,
    /// It took too long and was ended.
    #[error("the program took too long and was ended")]
    Timeout,
    /// It printed too much and was ended.
    #[error("the program printed too much and was ended")]
    Long,
}
