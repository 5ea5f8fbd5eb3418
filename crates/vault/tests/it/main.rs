//! The crate's tests: literate cases, laws of the readers, fakes of servers, and real keychains, agents and clients.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test that cannot go on should stop"
)]

mod agent;
mod certificate;
mod hostile;
mod keychain;
mod laws;
mod moto;
mod resolver;
mod server;
mod sigv4;
mod sources;
mod spec;
mod world;
