//! The system calls for which there is no safe wrapper. The only unsafe code of the workspace.

pub(crate) mod attempts;
pub(crate) mod filter;
pub(crate) mod ioctl;
pub(crate) mod kernel;
pub(crate) mod lease;
pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod socket;
