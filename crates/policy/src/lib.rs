//! Rules, modes, paths and precedence: the only verdict.
//!
//! This crate is pure: no I/O, no clock, no environment. What the world knows comes in as
//! [`Facts`]; what the settings say comes in as [`Layer`]s, compiled once into a [`Policy`].
//! [`decide`] turns an [`Action`] into a [`Permit`], a [`Pending`] or a [`Refusal`], and nothing else
//! anywhere can make a permit.
//!
//! Doubt goes down: what is not understood asks, and an error never allows.
//!
//! Read first: [`action`], [`facts`], [`rule`], [`mode`], then [`decide`].

pub mod action;
pub mod bounds;
mod command;
pub mod controls;
mod decide;
pub mod effects;
pub mod facts;
mod foreign;
pub mod layer;
mod limits;
pub mod lint;
pub mod mode;
pub mod mounts;
pub mod network;
pub mod path;
mod permit;
pub mod proof;
pub mod rule;
pub mod tables;

pub use action::{Action, Command, Kind};
pub use command::{Meaning, Means};
pub use controls::Controls;
pub use decide::decide;
pub use effects::Effects;
pub use facts::Facts;
pub use layer::{Diagnostic, Layer, Origin, Scope, Severity};
pub use mode::Mode;
pub use path::AbsPath;
pub use permit::{Approval, Decision, Exec, Pending, Permit, Refusal, Tool};
pub use proof::{Proof, Verdict};
pub use rule::{List, Policy, Rule, Switches};
