//! One pure codec per agent: bytes to an action, an outcome to bytes.
//!
//! This crate does no I/O. Its differences between agents are the thing to review side by side.
//!
//! Read first: [`tool`], then [`claude`].

pub mod check;
pub mod claude;
mod limits;
pub mod proof;
pub mod tool;
mod wire;

pub use wire::Input;
