//! The journal at its door: what is appended, what happens to the files, and what is said about it.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the tests change the journal behind its back, and start processes that append to it"
)]

mod durability;
mod files;
mod fixture;
mod properties;
mod reading;
mod spec;
