//! Built-in data: no code but look-ups. Each row says why it is there.

pub mod credentials;
pub mod executed;
pub mod git;
pub(crate) mod programs;
pub mod protected;
