//! The proxy's tests: literate cases, laws of the readers, and real clients.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop"
)]

mod attacks;
mod brokered;
mod clients;
mod credentials;
mod ended;
mod fetched;
mod insight;
mod laws;
mod made;
mod namespace;
mod plain;
mod readers;
mod second;
mod spec;
mod terminate;
mod tls;
mod webfetch;
mod world;
