//! The proxy's tests: literate cases, laws of the readers, and real clients.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop"
)]

mod attacks;
mod clients;
mod credentials;
mod laws;
mod made;
mod namespace;
mod readers;
mod spec;
mod webfetch;
mod world;
