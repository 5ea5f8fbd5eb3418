//! The tests of the verdict: literate cases, laws, and what must not compile.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod index;
mod laws;
mod packs;
mod permit;
mod spec;
mod world;
