//! A failed step, with what the kernel said.

use std::io;

use crate::error::Step;

/// A failed step.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) path: Option<String>,
    pub(crate) errno: i32,
}

impl Failure {
    pub(crate) fn new(step: Step, error: impl Into<io::Error>) -> Self {
        Self { step, path: None, errno: errno(&error.into()) }
    }
}

/// Returns the error number behind an error; `EIO` when there is none.
pub(crate) fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// Names the step of a call, so that the call's line reads on.
pub(crate) trait At<T> {
    /// Names the step.
    fn at(self, step: Step) -> Result<T, Failure>;
    /// Names the step and the path it is about.
    fn at_path(self, step: Step, path: &str) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, step: Step) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(step, error))
    }

    fn at_path(self, step: Step, path: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure { path: Some(path.to_owned()), ..Failure::new(step, error) })
    }
}
