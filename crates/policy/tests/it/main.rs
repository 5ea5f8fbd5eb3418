//! The tests of the verdict: literate cases, laws, and what must not compile.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod laws;
mod lint;
mod permit;
mod spec;
mod world;
