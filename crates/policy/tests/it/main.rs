//! The tests of the verdict: literate cases, laws, and what must not compile.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on should stop, and one that compares says how much"
)]

mod boundary;
mod composition;
mod index;
mod information;
mod laws;
mod lint;
mod packs;
mod permit;
mod reference;
mod sources;
mod spec;
mod spelling;
mod world;
