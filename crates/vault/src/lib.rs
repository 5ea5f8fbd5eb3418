//! Secrets by reference, and an ssh agent's signatures for named keys and hosts.
//!
//! A [`Reference`] says where a secret is and is none itself. A [`Resolver`] fetches the secret when a process needs
//! it, keeps it for a while, and hands out a [`Secret`] that nothing prints. Nothing else in Palisade knows where
//! secrets are. [`ssh_agent`] stands between a confined program and the person's agent: keys stay outside, and what is
//! signed is a login with a named key at a named host.
//!
//! It starts no process and reads neither environment nor clock: the owner lends them by [`World`].
//!
//! Read first: [`Reference`], then `resolver.rs`, then `fetch.rs`; for the agent `ssh_agent/judge.rs`.

pub mod limits;
pub mod sigv4;
pub mod sources;
pub mod ssh_agent;

mod dbus;
mod fetch;
mod reference;
mod resolver;
mod secret;
mod web;
mod wire;
mod world;

pub use dbus::BusFault;
pub use fetch::{Fault, FileFault};
pub use limits::Bounds;
pub use reference::{Reference, ReferenceFault, Source};
pub use resolver::{ResolveError, Resolver};
pub use secret::{Secret, SecretFault};
pub use sources::Sources;
pub use web::WebFault;
pub use wire::AnswerFault;
pub use world::{Command, Output, ProcessFault, World};
